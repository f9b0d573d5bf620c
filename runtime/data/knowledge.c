/* What is known of columns and classes, as texts beside the weights: each a line of CSV. */
#include <stdlib.h>
#include <string.h>
#include "runtime/data/data.h"

void nnc_dataset_add_field(nnc_text *out, const char *field)
{
    size_t length = strlen(field);
    bool quote = strpbrk(field, ",\"\r\n") || *field == '=' || (length && (field[0] == ' ' || field[0] == '\t' || field[length - 1] == ' ' || field[length - 1] == '\t'));
    if (!quote) {
        nnc_text_add_bytes(out, field, length);
        return;
    }
    nnc_text_add_quoted(out, field);
}

nnc_dataset_knowledge nnc_dataset_knowledge_of(nnc_arena *arena, const nnc_dataset *data)
{
    nnc_dataset_known *known = NNC_ARRAY(arena, nnc_dataset_known, data->declarations + 1);
    for (uint32_t d = 0; d < data->declarations; d++)
        known[d] = data->declaration[d].known;
    return (nnc_dataset_knowledge){known, data->declarations};
}

static const char *line_of(nnc_arena *arena, const char *const *field, int64_t count)
{
    nnc_text out = {.arena = arena};
    for (int64_t i = 0; i < count; i++) {
        if (i)
            nnc_text_add(&out, ",");
        nnc_dataset_add_field(&out, field[i]);
    }
    return nnc_text_string(&out);
}

uint32_t nnc_dataset_knowledge_write(nnc_arena *arena, const nnc_dataset_knowledge *knowledge, const char ***key, const char ***value)
{
    uint32_t count = 0;
    *key = NNC_ARRAY(arena, const char *, 2 * (size_t)knowledge->count + 1);
    *value = NNC_ARRAY(arena, const char *, 2 * (size_t)knowledge->count + 1);
    for (uint32_t i = 0; i < knowledge->count; i++) {
        const nnc_dataset_known *known = &knowledge->known[i];
        if (known->column) {
            (*key)[count] = nnc_arena_format(arena, "columns.%s", known->name);
            (*value)[count++] = line_of(arena, known->column, known->columns);
        }
        if (known->classes) {
            (*key)[count] = nnc_arena_format(arena, "classes.%s", known->name);
            (*value)[count++] = known->class_name ? line_of(arena, known->class_name, known->classes)
                                                  : nnc_arena_format(arena, "=%lld", (long long)known->classes);
        }
    }
    return count;
}

/* ---- reading ---- */

typedef struct fields { const char **field; uint32_t count, capacity; } fields;

/* The quoted text at `p` (behind its quote); gives what follows the closing quote, or NULL. */
static const char *read_quoted(nnc_text *out, const char *p)
{
    for (; *p; p++) {
        if (*p == '"' && p[1] != '"')
            return p + 1;
        p += *p == '"';
        nnc_text_add_bytes(out, p, 1);
    }
    return NULL;
}

static bool read_line(nnc_arena *arena, const char *p, fields *out)
{
    for (;;) {
        nnc_text field = {.arena = arena};
        if (*p == '"') {
            p = read_quoted(&field, p + 1);
            if (!p || (*p && *p != ','))
                return false;
        } else {
            size_t length = strcspn(p, ",");
            nnc_text_add_bytes(&field, p, length);
            p += length;
        }
        NNC_PUSH(arena, out->field, out->count, out->capacity) = nnc_arena_string(arena, nnc_text_string(&field));
        if (!*p++)
            return true;
    }
}

static bool read_columns(nnc_arena *arena, const char *text, nnc_dataset_known *known)
{
    fields read = {0};
    if (!text)
        return true;
    if (!read_line(arena, text, &read))
        return false;
    known->column = read.field;
    known->columns = read.count;
    return true;
}

/* Classes counted from data always have names: a bare count could ask for any memory. */
static bool read_classes(nnc_arena *arena, const char *text, const nnc_dataset_want *want, nnc_dataset_known *known)
{
    fields read = {0};
    if (!text)
        return true;
    if (*text == '=') {
        char *end;
        known->classes = strtoll(text + 1, &end, 10);
        return *end == 0 && want->kind != NNC_DATASET_CLASS_FROM_DATA && known->classes > 0 && known->classes <= INT32_MAX;
    }
    if (!read_line(arena, text, &read))
        return false;
    known->class_name = read.field;
    known->classes = read.count;
    return true;
}

bool nnc_dataset_knowledge_read(nnc_arena *arena, const nnc_dataset_want *want, uint32_t wants, const char *(*value)(void *context, const char *key),
                                void *context, nnc_dataset_knowledge *knowledge)
{
    nnc_dataset_known *known = NNC_ARRAY(arena, nnc_dataset_known, wants + 1);
    *knowledge = (nnc_dataset_knowledge){known, wants};
    for (uint32_t w = 0; w < wants; w++) {
        known[w].name = want[w].name;
        if (!read_columns(arena, value(context, nnc_arena_format(arena, "columns.%s", want[w].name)), &known[w]) ||
            !read_classes(arena, value(context, nnc_arena_format(arena, "classes.%s", want[w].name)), &want[w], &known[w]))
            return false;
    }
    return true;
}
