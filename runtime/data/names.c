#include "runtime/data/names.h"
#include <stdlib.h>
#include <string.h>

typedef struct entry { const char *name; int64_t place; } entry;

static int by_name(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->place < y->place ? -1 : x->place > y->place;
}

nnc_names nnc_names_new(nnc_arena *arena, const char *const *name, int64_t count)
{
    nnc_names names = {name, NNC_ARRAY(arena, int64_t, (size_t)count + 1), count};
    entry *entries = NNC_ARRAY(arena, entry, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++)
        entries[i] = (entry){name[i], i};
    qsort(entries, (size_t)count, sizeof *entries, by_name);
    for (int64_t i = 0; i < count; i++)
        names.order[i] = entries[i].place;
    return names;
}

/* The first in order that is not before (name, place). */
static int64_t lower_bound(const nnc_names *names, const char *name, int64_t place)
{
    int64_t low = 0, high = names->count;
    while (low < high) {
        int64_t middle = (low + high) / 2, at = names->order[middle];
        int order = strcmp(names->name[at], name);
        if (order < 0 || (order == 0 && at < place))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t nnc_names_find(const nnc_names *names, const char *name, int64_t *first)
{
    *first = lower_bound(names, name, 0);
    return lower_bound(names, name, names->count) - *first;
}

int64_t nnc_names_nth(const nnc_names *names, const char *name, int64_t nth)
{
    int64_t first, count = nnc_names_find(names, name, &first);
    return nth < count ? names->order[first + nth] : -1;
}

int64_t nnc_names_rank(const nnc_names *names, int64_t place)
{
    return lower_bound(names, names->name[place], place) - lower_bound(names, names->name[place], 0);
}
