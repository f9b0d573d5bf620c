#include "runtime/data/columns.h"
#include <string.h>
#include "runtime/data/names.h"

typedef struct matching {
    nnc_arena *arena;
    const nnc_dataset_request *request;
    const nnc_dataset_known *known;
    const nnc_file_columns *file;
    nnc_names names;               /* of the file's columns */
    bool *taken, *ignored;         /* of the file's columns */
    bool *absent;                  /* of the wants: optional, and larger than the file */
    nnc_assignment *out;
    nnc_dataset_report *report;
} matching;

int64_t nnc_want_row_elements(const nnc_dataset_want *want)
{
    int64_t elements = 1;
    for (uint32_t i = want->rows ? 1 : 0; i < want->rank; i++)
        if (!nnc_checked_multiply(elements, want->extent[i], &elements))
            return INT64_MAX;
    return elements;
}

const char *nnc_want_name(nnc_arena *arena, const nnc_dataset_want *want)
{
    return nnc_arena_format(arena, "%s %s", want->target ? "target" : "input", want->name);
}

static bool is_optional(const matching *m, const nnc_dataset_want *want)
{
    return m->request->role == NNC_DATASET_PREDICT && (want->target || !want->needed);
}

static bool fail(matching *m, const char *help, const char *text)
{
    nnc_data_error(m->report, (nnc_data_place){m->file->path, m->file->name ? 1 : 0, 0}, help, "%s", text);
    return false;
}

static const char *wanted_columns(matching *m, int64_t total)
{
    nnc_text out = {.arena = m->arena};
    nnc_text_add(&out, "the model takes %s column%s (", nnc_data_count(m->arena, total), total == 1 ? "" : "s");
    for (uint32_t w = 0; w < m->request->wants; w++)
        nnc_text_add(&out, "%s%s %s", w ? ", " : "", m->request->want[w].name,
                     nnc_data_count(m->arena, nnc_want_row_elements(&m->request->want[w])));
    nnc_text_add(&out, "), but the file has %s", nnc_data_count(m->arena, m->file->count));
    return nnc_text_string(&out);
}

static bool fail_count(matching *m, int64_t total)
{
    const char *help = m->file->help;
    if (m->file->name)
        help = nnc_arena_format(m->arena, "the file's columns are %s%s", nnc_data_list(m->arena, m->file->name, m->file->count, 12),
                                total < m->file->count ? "\nignore \"NAME\" in the model leaves a column out" : "");
    else if (!help && total < m->file->count)
        help = "columns can be left out where the first row names them: ignore \"NAME\"";
    return fail(m, help, wanted_columns(m, total));
}

/* ---- by name ---- */

static void trim(const char **from, size_t *length)
{
    while (*length && strchr(" \t", (*from)[*length - 1]))
        --*length;
    for (; *length && strchr(" \t", **from); --*length)
        ++*from;
}

static bool differs_by_spaces(const char *a, const char *b)
{
    size_t of_a = strlen(a), of_b = strlen(b);
    trim(&a, &of_a);
    trim(&b, &of_b);
    return of_a == of_b && memcmp(a, b, of_a) == 0;
}

/* What probably was meant, and how to write it; NULL: nothing is near. Spaces stand at a name's ends only where the file has it in quotes. */
static const char *suggestion(const matching *m, const char *name)
{
    for (int64_t c = 0; c < m->file->count; c++)
        if (differs_by_spaces(name, m->file->name[c]))
            return nnc_arena_format(m->arena, "did you mean %s, with the spaces that the file has within its quotes?", nnc_data_quoted(m->arena, m->file->name[c], strlen(m->file->name[c])));
    const char *near = nnc_nearest(name, m->file->name, m->file->count < 4096 ? (size_t)m->file->count : 4096);
    return near ? nnc_arena_format(m->arena, "did you mean %s?", nnc_data_quoted(m->arena, near, strlen(near))) : NULL;
}

static bool fail_absent(matching *m, const char *name, const char *whose)
{
    const char *near = suggestion(m, name);
    const char *has = nnc_arena_format(m->arena, "the file's columns are %s", nnc_data_list(m->arena, m->file->name, m->file->count, 12));
    const char *help = near ? nnc_arena_format(m->arena, "%s\n%s", near, has) : has;
    return fail(m, help, nnc_arena_format(m->arena, "column %s%s is not in the file", nnc_data_quoted(m->arena, name, strlen(name)), whose));
}

/* Once where it is asked for once is the rule, and needs no saying. */
static const char *wrong_times(const matching *m, const nnc_dataset_want *want, const char *name, int64_t stands, int64_t times)
{
    const char *said = nnc_arena_format(m->arena, "column %s, of %s, stands %lld time%s in the header", nnc_data_quoted(m->arena, name, strlen(name)), nnc_want_name(m->arena, want),
                                        (long long)stands, stands == 1 ? "" : "s");
    return times == 1 ? said : nnc_arena_format(m->arena, "%s and is asked for %lld times", said, (long long)times);
}

/* The columns of these names. One that stands several times is found only where it is asked for as often. */
static bool take_named(matching *m, uint32_t w, const char *const *name)
{
    const nnc_dataset_want *want = &m->request->want[w];
    int64_t elements = nnc_want_row_elements(want);
    int64_t *column = NNC_ARRAY(m->arena, int64_t, (size_t)elements);
    nnc_names asked = nnc_names_new(m->arena, name, elements);
    for (int64_t e = 0, first; e < elements; e++) {
        int64_t stands = nnc_names_find(&m->names, name[e], &first);
        if (stands == 0 && is_optional(m, want))
            return true;
        if (stands == 0)
            return fail_absent(m, name[e], nnc_arena_format(m->arena, ", of %s,", nnc_want_name(m->arena, want)));
        int64_t times = nnc_names_find(&asked, name[e], &first);
        if (stands != times)
            return fail(m, stands > times ? "give the columns different names" : NULL, wrong_times(m, want, name[e], stands, times));
        column[e] = nnc_names_nth(&m->names, name[e], stands > 1 ? nnc_names_rank(&asked, e) : 0);
    }
    for (int64_t e = 0; e < elements; e++)
        m->taken[column[e]] = true;
    m->out->column[w] = column;
    return true;
}

/* The names of a want's columns, or NULL where it takes what is left. *own: room for its own name. */
static const char *const *names_of(const matching *m, uint32_t w, const char **own)
{
    const nnc_dataset_want *want = &m->request->want[w];
    int64_t elements = nnc_want_row_elements(want);
    *own = want->name;
    if (m->known && m->known[w].column && m->known[w].columns == elements)
        return m->known[w].column;
    if (want->columns)
        return want->column;
    bool scalar = want->rank == (want->rows != 0);
    if (elements == 1 && (nnc_names_nth(&m->names, want->name, 0) >= 0 || (scalar && !want->target && !want->rows)))
        return own;
    return NULL;
}

static bool take_ignored(matching *m)
{
    for (uint32_t i = 0; i < m->request->ignoreds; i++) {
        m->out->ignored[i] = nnc_names_nth(&m->names, m->request->ignored[i], 0);
        if (m->out->ignored[i] < 0 && m->request->role == NNC_DATASET_TRAIN)
            return fail_absent(m, m->request->ignored[i], ", to be ignored,");
        for (int64_t c = m->out->ignored[i]; c >= 0 && c < m->file->count; c++)
            m->taken[c] = m->taken[c] || strcmp(m->file->name[c], m->request->ignored[i]) == 0;
    }
    return true;
}

static bool is_unnamed(const matching *m, uint32_t w)
{
    const char *own;
    return !m->absent[w] && !names_of(m, w, &own);
}

/* The free columns from number `first` of them on. */
static void take_free(matching *m, uint32_t w, int64_t first, const bool *taken)
{
    int64_t elements = nnc_want_row_elements(&m->request->want[w]), at = 0, free = 0;
    int64_t *column = NNC_ARRAY(m->arena, int64_t, (size_t)elements);
    for (int64_t c = 0; c < m->file->count; c++)
        if (!taken[c] && free++ >= first && at < elements) {
            column[at++] = c;
            m->taken[c] = true;
        }
    m->out->column[w] = column;
}

static int64_t free_columns(const matching *m)
{
    int64_t free = 0;
    for (int64_t c = 0; c < m->file->count; c++)
        free += !m->taken[c];
    return free;
}

/* Elements of the unnamed inputs or targets; INT64_MAX beyond reason. */
static int64_t unnamed_elements(const matching *m, bool target)
{
    int64_t total = 0;
    for (uint32_t w = 0; w < m->request->wants; w++)
        if (m->request->want[w].target == target && is_unnamed(m, w) &&
            !nnc_checked_add(total, nnc_want_row_elements(&m->request->want[w]), &total))
            return INT64_MAX;
    return total;
}

/* Declarations along rows share columns: without names each takes all. */
static bool take_all(matching *m)
{
    int64_t all = m->file->count;
    for (int64_t c = 0; c < m->file->count; c++)
        all -= m->ignored[c];
    for (uint32_t w = 0; w < m->request->wants; w++) {
        if (!is_unnamed(m, w))
            continue;
        int64_t elements = nnc_want_row_elements(&m->request->want[w]);
        if (elements != all)
            return fail_count(m, elements + m->file->count - all);
        take_free(m, w, 0, m->ignored);
    }
    return true;
}

static bool take_left(matching *m)
{
    int64_t inputs = unnamed_elements(m, false), targets = unnamed_elements(m, true), free = free_columns(m), total;
    bool without = m->request->role == NNC_DATASET_PREDICT && free == inputs;
    if (!nnc_checked_add(inputs, targets, &total) || (total && free != total && !without))
        return fail_count(m, total < NNC_MAX_ELEMENTS ? total + m->file->count - free : NNC_MAX_ELEMENTS);
    bool *taken = NNC_ARRAY(m->arena, bool, (size_t)m->file->count);
    memcpy(taken, m->taken, (size_t)m->file->count * sizeof *taken);
    int64_t input = 0, target = inputs;
    for (uint32_t w = 0; w < m->request->wants; w++) {
        if (!is_unnamed(m, w) || (without && m->request->want[w].target))
            continue;
        int64_t *at = m->request->want[w].target ? &target : &input;
        take_free(m, w, *at, taken);
        *at += nnc_want_row_elements(&m->request->want[w]);
    }
    return true;
}

static bool nothing_left(matching *m)
{
    nnc_text names = {.arena = m->arena};
    int64_t left = free_columns(m), shown = 0;
    if (left == 0)
        return true;
    for (int64_t c = 0; c < m->file->count && shown < 12; c++)
        if (!m->taken[c])
            nnc_text_add(&names, "%s%s", shown++ ? ", " : "", nnc_data_quoted(m->arena, m->file->name[c], strlen(m->file->name[c])));
    const char *list = nnc_text_string(&names);
    return fail(m, nnc_arena_format(m->arena, "leave %s out: ignore %s", left == 1 ? "it" : "them", list),
                nnc_arena_format(m->arena, "the model does not take column%s %s%s", left == 1 ? "" : "s", list, left > shown ? ", ..." : ""));
}

static bool by_name(matching *m, bool strict)
{
    bool windows = false;
    const char *own;
    if (!take_ignored(m))
        return false;
    memcpy(m->ignored, m->taken, (size_t)m->file->count * sizeof *m->ignored);
    for (uint32_t w = 0; w < m->request->wants; w++) {
        const char *const *name = m->absent[w] ? NULL : names_of(m, w, &own);
        windows = windows || m->request->want[w].rows;
        if (name && !take_named(m, w, name))
            return false;
    }
    return (windows ? take_all(m) : take_left(m)) && (!strict || nothing_left(m));
}

/* ---- by position ---- */

typedef struct positions {
    const char **name;             /* of those that have one */
    int64_t *of;
    int64_t names, next;
} positions;

static int64_t position_of(positions *p, const char *name)
{
    for (int64_t i = 0; i < p->names; i++)
        if (strcmp(p->name[i], name) == 0)
            return p->of[i];
    p->name[p->names] = name;
    return p->of[p->names++] = p->next++;
}

/* A want's columns, from p->next on; equal names are one column. Along rows, without names: all. */
static void take_positions(matching *m, uint32_t w, positions *p)
{
    const nnc_dataset_want *want = &m->request->want[w];
    int64_t elements = nnc_want_row_elements(want);
    int64_t *column = NNC_ARRAY(m->arena, int64_t, (size_t)elements);
    for (int64_t e = 0; e < elements; e++)
        column[e] = want->columns ? position_of(p, want->column[e]) : want->rows ? e : p->next++;
    if (want->rows && !want->columns && p->next < elements)
        p->next = elements;
    m->out->column[w] = column;
}

/* Columns that these take in all; they are assigned. */
static int64_t take_in_order(matching *m, bool unneeded, bool targets)
{
    int64_t names = 1;
    for (uint32_t w = 0; w < m->request->wants; w++)
        names += m->request->want[w].columns;
    positions p = {NNC_ARRAY(m->arena, const char *, (size_t)names), NNC_ARRAY(m->arena, int64_t, (size_t)names), 0, 0};
    for (int target = 0; target <= targets; target++)
        for (uint32_t w = 0; w < m->request->wants; w++) {
            m->out->column[w] = target == 0 ? NULL : m->out->column[w];
            if (!m->absent[w] && m->request->want[w].target == (target == 1) && (target || unneeded || m->request->want[w].needed))
                take_positions(m, w, &p);
        }
    return p.next;
}

/* Before anything is allocated for it: what does not ask for columns by name cannot take more than there are. */
static bool is_too_many(const matching *m)
{
    for (uint32_t w = 0; w < m->request->wants; w++) {
        const nnc_dataset_want *want = &m->request->want[w];
        bool large = !want->columns && nnc_want_row_elements(want) > m->file->count;
        m->absent[w] = large && is_optional(m, want);
        if (large && !m->absent[w])
            return true;
    }
    return false;
}

static int64_t total_elements(const nnc_dataset_request *request)
{
    int64_t total = 0;
    for (uint32_t w = 0; w < request->wants; w++)
        if (!nnc_checked_add(total, nnc_want_row_elements(&request->want[w]), &total))
            return NNC_MAX_ELEMENTS;
    return total;
}

static bool by_position(matching *m)
{
    if (m->request->ignoreds)
        return fail(m, "name the columns in the first row; --header=yes reads it as names",
                    nnc_arena_format(m->arena, "%s is to be ignored by name, but the file has no header",
                                     nnc_data_quoted(m->arena, m->request->ignored[0], strlen(m->request->ignored[0]))));
    for (uint32_t w = 0; m->known && w < m->request->wants; w++)
        if (m->known[w].column && m->request->header != 0)
            return fail(m, "name the columns in the first row; or --header=no, where they stand in the model's order, targets last",
                        "the file has no header, but the model knows its columns by name");
    for (uint32_t i = 0; i < m->request->ignoreds; i++)
        m->out->ignored[i] = -1;
    int64_t total = take_in_order(m, true, true);
    if (total == m->file->count)
        return true;
    if (m->request->role == NNC_DATASET_PREDICT && (take_in_order(m, true, false) == m->file->count || take_in_order(m, false, false) == m->file->count))
        return true;
    return fail_count(m, total);
}

static bool counts_agree(matching *m)
{
    for (uint32_t w = 0; w < m->request->wants; w++) {
        const nnc_dataset_want *want = &m->request->want[w];
        if (want->columns && want->columns != nnc_want_row_elements(want)) {
            nnc_data_error(m->report, (nnc_data_place){0}, NULL, "%s takes %s columns, but names %u", nnc_want_name(m->arena, want),
                           nnc_data_count(m->arena, nnc_want_row_elements(want)), (unsigned)want->columns);
            return false;
        }
    }
    return true;
}

bool nnc_columns_assign(nnc_arena *arena, const nnc_dataset_request *request, const nnc_dataset_known *known, bool strict,
                        const nnc_file_columns *file, nnc_assignment *assignment, nnc_dataset_report *report)
{
    *assignment = (nnc_assignment){NNC_ARRAY(arena, int64_t *, request->wants + 1), NNC_ARRAY(arena, int64_t, request->ignoreds + 1)};
    matching m = {arena, request, known, file, {0}, NNC_ARRAY(arena, bool, (size_t)file->count + 1),
                  NNC_ARRAY(arena, bool, (size_t)file->count + 1), NNC_ARRAY(arena, bool, request->wants + 1), assignment, report};
    if (file->name)
        m.names = nnc_names_new(arena, file->name, file->count);
    if (!counts_agree(&m))
        return false;
    if (is_too_many(&m))
        return fail_count(&m, total_elements(request));
    if (!(file->name ? by_name(&m, strict) : by_position(&m)))
        return false;
    for (uint32_t w = 0; w < request->wants; w++)
        if (request->role == NNC_DATASET_PREDICT && request->want[w].target)
            assignment->column[w] = NULL;
    return true;
}
