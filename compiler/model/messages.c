/* Messages: their table, where they point, and words for what was found. */
#include <stdio.h>
#include <string.h>
#include "model/internal.h"

const nnc_message nnc_model_messages[NNC_MODEL_MESSAGES] = {
#define NNC_MESSAGE(id, severity, format, help) {#id, severity, format, help},
#include "model/messages.def"
#undef NNC_MESSAGE
};

static bool in_library(const nnc_elaborator *e, nnc_span span) { return span.file != 0 && span.file < e->first_user_file; }

/* The innermost call in the user's own text. */
static nnc_span outside(const nnc_elaborator *e, nnc_span span)
{
    for (const nnc_frame *f = e->at.frame; f && in_library(e, span); f = f->caller)
        span = f->call;
    return span;
}

nnc_span nnc_users_place(const nnc_elaborator *e, nnc_span span) { return outside(e, span); }

bool nnc_is_told(const nnc_elaborator *e, nnc_span span)
{
    const nnc_span place = outside(e, span);
    for (uint32_t i = 0; in_library(e, span) && i < e->session->diagnostics; i++) {
        const nnc_diagnostic *d = &e->session->diagnostic[i];
        if (d->severity == NNC_ERROR && d->span.file == place.file && d->span.begin == place.begin && d->span.end == place.end)
            return true;
    }
    return false;
}

/* The line, without the space around it. */
static const char *line_of(const nnc_elaborator *e, nnc_span span)
{
    enum { MOST = 100 };
    const char *text = e->session->source[span.file].text;
    uint32_t from = span.begin, to = span.begin;
    while (from > 0 && text[from - 1] != '\n')
        from--;
    while (text[from] == ' ')
        from++;
    while (text[to] && text[to] != '\n')
        to++;
    return nnc_arena_format(e->arena, "%.*s%s", (int)(to - from > MOST ? MOST : to - from), text + from, to - from > MOST ? ".." : "");
}

static bool is_of_name(char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* "size = 9" for a name that is a number here; false for any other. */
static bool add_number(nnc_elaborator *e, const char *name, nnc_text *out)
{
    const nnc_local *local = nnc_find_in_bodies(e, name);
    if (!local || local->entity->kind != NNC_ENTITY_NUMBER)
        return false;
    nnc_text_add(out, "%s%s = %s", out->length ? ", " : "", name, local->entity->boolean ? local->entity->number != 0 ? "true" : "false" : nnc_number_text(e, local->entity->number));
    return true;
}

const char *nnc_numbers_in(nnc_elaborator *e, nnc_span span)
{
    enum { MOST = 12 };
    const char *text = e->session->source[span.file].text, *told[MOST];
    nnc_text out = {.arena = e->arena};
    uint32_t count = 0;
    for (uint32_t at = span.begin, next; at < span.end && count < MOST; at = next > at ? next : at + 1) {
        for (next = at; next < span.end && is_of_name(text[next]); next++)
            ;
        const char *name = nnc_arena_copy(e->arena, text + at, next - at);
        bool repeated = next == at || (at > 0 && text[at - 1] == '.');       /* enc.w is a member's name */
        for (uint32_t i = 0; i < count && !repeated; i++)
            repeated = strcmp(told[i], name) == 0;
        if (!repeated && add_number(e, name, &out))
            told[count++] = name;
    }
    return nnc_text_string(&out);
}

void nnc_note_library(nnc_elaborator *e, nnc_span span)
{
    const nnc_frame *f = e->at.frame;
    if (!in_library(e, span) || in_library(e, outside(e, span)))
        return;
    while (f->caller && in_library(e, f->call))
        f = f->caller;
    const char *numbers = nnc_numbers_in(e, span);
    nnc_note(e->session, span, "in %s%s%s: %s", f->name, *numbers ? ", where " : "", numbers, line_of(e, span));
}

/* A layer has probably not been applied. */
static void help_apply(nnc_elaborator *e, const nnc_entity *x)
{
    switch (x->kind) {
    case NNC_ENTITY_LAYER: nnc_help(e->session, "apply it: x -> %s(..)", x->definition->name); break;
    case NNC_ENTITY_DESCRIPTION: nnc_help(e->session, "its inputs stand in a second list, or before an arrow: x -> %s(..)", x->definition->name); break;
    case NNC_ENTITY_INSTANCE: nnc_help(e->session, "apply it: x -> %s", x->unit->path); break;
    default: break;
    }
}

void nnc_report_no_tensor(nnc_elaborator *e, const nnc_entity *x, nnc_span span)
{
    REPORT(e, span, NOT_A_TENSOR, nnc_describe(e, x));
    help_apply(e, x);
}

void nnc_suggest_classes(nnc_elaborator *e, int64_t a, int64_t b)
{
    int64_t assumed = e->model->assumed_classes, *suggested = e->request->suggested_classes;
    if (assumed && suggested && a != b && (a == assumed || b == assumed))
        *suggested = a == assumed ? b : a;
}

/* ---- shapes ---- */

const char *nnc_shape_text(const nnc_elaborator *e, const int64_t *extent, uint32_t rank)
{
    nnc_text out = {.arena = e->arena};
    nnc_text_add(&out, "[");
    for (uint32_t i = 0; i < rank; i++)
        nnc_text_add(&out, i ? ", %lld" : "%lld", (long long)extent[i]);
    nnc_text_add(&out, "]");
    return nnc_text_string(&out);
}

const char *nnc_describe_shape(const nnc_elaborator *e, const int64_t *extent, uint32_t rank)
{
    if (rank == 0)
        return "a scalar";
    return nnc_arena_format(e->arena, "a %s %s", rank == 1 ? "vector" : rank == 2 ? "matrix" : "tensor", nnc_shape_text(e, extent, rank));
}

static const char *describe_tensor(const nnc_elaborator *e, const nnc_value *v)
{
    const char *shape = nnc_describe_shape(e, v->extent, v->rank);
    if (v->element == NNC_REAL)
        return shape;
    if (v->element == NNC_BOOLEAN)
        return v->rank ? nnc_arena_format(e->arena, "%s of true and false", shape) : "true or false";
    if (v->rank == 0)
        return nnc_arena_format(e->arena, "a class of %lld", (long long)v->classes);
    return nnc_arena_format(e->arena, "%s of classes of %lld", shape, (long long)v->classes);
}

const char *nnc_describe(const nnc_elaborator *e, const nnc_entity *x)
{
    switch (x->kind) {
    case NNC_ENTITY_NUMBER:
        return x->boolean ? (x->number != 0 ? "true" : "false") : nnc_arena_format(e->arena, "the number %s", nnc_number_text(e, x->number));
    case NNC_ENTITY_TENSOR: return describe_tensor(e, &x->value);
    case NNC_ENTITY_TUPLE: return nnc_arena_format(e->arena, "%u values", x->items);
    case NNC_ENTITY_FUNCTION: return nnc_arena_format(e->arena, "the function %s", x->definition->name);
    case NNC_ENTITY_BUILTIN: return nnc_arena_format(e->arena, "the function %s", nnc_builtin_name(x->builtin));
    case NNC_ENTITY_LAYER: case NNC_ENTITY_DESCRIPTION: return nnc_arena_format(e->arena, "the layer %s", x->definition->name);
    case NNC_ENTITY_INSTANCE: return nnc_arena_format(e->arena, "the layer %s", x->unit->path);
    case NNC_ENTITY_REPEAT: case NNC_ENTITY_CHAIN: return "a chain of layers";
    case NNC_ENTITY_INIT: return nnc_arena_format(e->arena, "the initialiser %s", x->definition->name);
    case NNC_ENTITY_DISTRIBUTION: return "a distribution";
    case NNC_ENTITY_OPTIMIZER: return nnc_arena_format(e->arena, "the optimizer %s", x->definition->name);
    case NNC_ENTITY_WEIGHTS: return "the trained parameters";
    case NNC_ENTITY_POISON: break;
    }
    return "nothing";
}

const char *nnc_values_text(const nnc_elaborator *e, uint32_t count)
{
    return count == 1 ? "one value is" : nnc_arena_format(e->arena, "%u values are", count);
}

const char *nnc_number_text(const nnc_elaborator *e, double number)
{
    nnc_text out = {.arena = e->arena};
    if (nnc_is_whole(number) && number < 1e15 && number > -1e15)
        return nnc_arena_format(e->arena, "%.0f", number);
    nnc_text_add_double(&out, number);
    return nnc_text_string(&out);
}

/* Whether the tensor's name stands in the text; others are named after what they are part of. */
static bool is_written(const nnc_elaborator *e, const nnc_tensor *t)
{
    const char *dot = strrchr(t->name, '.'), *name = dot ? dot + 1 : t->name;
    return strncmp(e->session->source[t->span.file].text + t->span.begin, name, strlen(name)) == 0;
}

void nnc_note_declared(nnc_elaborator *e, const nnc_entity *x)
{
    if (x->kind != NNC_ENTITY_TENSOR || !x->value.alias)
        return;
    const nnc_tensor *t = nnc_tensor_at(e->p, x->value.alias);
    if (t->span.file == 0 || in_library(e, t->span) || !is_written(e, t))
        return;
    if (x->value.rank == 0 || x->value.element != NNC_REAL)
        nnc_note(e->session, t->span, "%s is declared here, %s", t->name, nnc_describe(e, x));
    else
        nnc_note(e->session, t->span, "%s is declared here, with shape %s", t->name, nnc_shape_text(e, x->value.extent, x->value.rank));
}
