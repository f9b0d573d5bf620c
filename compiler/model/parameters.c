/* Parameter lists: arguments matched against patterns, which bind names of sizes and check. */
#include <string.h>
#include "model/internal.h"

/* ---- patterns ---- */

typedef struct binding {
    nnc_elaborator *e;
    const nnc_definition *definition;
    const nnc_syntax *parameters, *parameter;
    nnc_locals *names;
    nnc_dots *dots;
    nnc_entity *given;
    nnc_span span;
} binding;

static const char *pattern_text(const binding *b, const nnc_syntax *parameter)
{
    nnc_text out = {.arena = b->e->arena};
    const nnc_syntax *list = parameter->child[0];
    nnc_text_add(&out, "[");
    for (uint32_t i = 0; i < list->count; i++) {
        if (i)
            nnc_text_add(&out, ", ");
        if (list->child[i]->kind == NNC_SYNTAX_DOTS)
            nnc_text_add(&out, "..");
        else
            nnc_syntax_write(list->child[i], &out);
    }
    nnc_text_add(&out, "]");
    return nnc_text_string(&out);
}

static bool is_named(const nnc_syntax *s, const char *name) { return s->kind == NNC_SYNTAX_NAME && strcmp(s->text, name) == 0; }

static const char *pattern_word(const nnc_syntax *list)
{
    if (list->count == 3 && is_named(list->child[0], "h") && is_named(list->child[1], "w"))
        return "an image";
    if (list->count == 2 && is_named(list->child[0], "time"))
        return "a sequence";
    for (uint32_t i = 0; i < list->count; i++)
        if (list->child[i]->kind == NNC_SYNTAX_DOTS)
            return "a tensor";
    return list->count == 0 ? "a scalar" : list->count == 1 ? "a vector" : list->count == 2 ? "a matrix" : "a tensor";
}

/* An image of 784 elements is probably 28 x 28 x 1, a sequence of 36 is 36 x 1. */
static void suggest_reshape(const binding *b, const nnc_value *v)
{
    static const int64_t channels[] = {1, 3};
    const nnc_syntax *list = b->parameter->child[0];
    if (v->rank == 1 && list->count == 2 && is_named(list->child[0], "time"))
        nnc_help(b->e->session, "give it a sequence's shape: reshape(x, [%lld, 1])", (long long)v->extent[0]);
    if (v->rank != 1 || list->count != 3 || !is_named(list->child[0], "h"))
        return;
    for (int i = 0; i < 2; i++)
        for (int64_t side = 2; side * side * channels[i] <= v->extent[0] && side < 10000; side++)
            if (side * side * channels[i] == v->extent[0]) {
                nnc_help(b->e->session, "give it an image shape: reshape(x, [%lld, %lld, %lld])", (long long)side, (long long)side, (long long)channels[i]);
                return;
            }
}

static bool wrong_shape(const binding *b, const nnc_value *v)
{
    nnc_elaborator *e = b->e;
    const nnc_syntax *list = b->parameter->child[0];
    if (b->parameters->count > 1)
        REPORT(e, b->span, EXPECTED_SHAPE_AS, b->definition->name, pattern_word(list), pattern_text(b, b->parameter), b->parameter->text, nnc_describe_shape(e, v->extent, v->rank));
    else
        REPORT(e, b->span, EXPECTED_SHAPE, b->definition->name, pattern_word(list), pattern_text(b, b->parameter), nnc_describe_shape(e, v->extent, v->rank));
    nnc_note_declared(e, b->given);
    suggest_reshape(b, v);
    return false;
}

static bool wrong_size(const binding *b, const char *what, const char *expected)
{
    nnc_elaborator *e = b->e;
    const char *pattern = b->parameter->child[0] ? pattern_text(b, b->parameter) : "";
    if (b->parameter->child[1])
        pattern = nnc_arena_format(e->arena, "%s: class(%s)", pattern, what);
    if (strcmp(what, expected) == 0)
        REPORT(e, b->span, EXPECTED_THIS_SIZE, b->definition->name, b->parameter->text, pattern, nnc_describe(e, b->given));
    else
        REPORT(e, b->span, EXPECTED_SIZE, b->definition->name, b->parameter->text, pattern, what, expected, nnc_describe(e, b->given));
    nnc_note_declared(e, b->given);
    return false;
}

static bool wrong_dots(const binding *b, const char *expected)
{
    nnc_elaborator *e = b->e;
    const nnc_syntax *by = b->dots->by;
    const char *one = nnc_arena_format(e->arena, "%s%s", by->text, pattern_text(b, by)), *other = nnc_arena_format(e->arena, "%s%s", b->parameter->text, pattern_text(b, b->parameter));
    REPORT(e, b->span, EXPECTED_DOTS, b->definition->name, one, other, expected, by->text, nnc_describe(e, b->given));
    nnc_note_declared(e, b->given);
    return false;
}

/* A size in a pattern: binds a new name, or must agree. `text`: how the pattern writes it. */
static bool match_size(const binding *b, const nnc_syntax *s, int64_t size)
{
    nnc_elaborator *e = b->e;
    if (s->kind == NNC_SYNTAX_NAME && !nnc_find_local(b->names, s->text)) {
        nnc_add_local(e, b->names, s->text, nnc_number(e, (double)size, s->span), s->span);
        return true;
    }
    const nnc_context saved = e->at;
    int64_t wanted;
    e->at.scope = nnc_new_scope(e, b->definition->globals, e->at.scope->path, NNC_BODY_FN);
    e->at.scope->locals = *b->names;
    e->at.visible = NULL;
    bool known = nnc_evaluate_whole(e, s, "a size", INT64_MIN, &wanted);
    e->at = saved;
    if (!known || wanted == size)
        return known;
    nnc_text text = {.arena = e->arena};
    nnc_syntax_write(s, &text);
    nnc_suggest_classes(e, wanted, size);
    return wrong_size(b, nnc_text_string(&text), nnc_arena_format(e->arena, "%lld", (long long)wanted));
}

static bool match_dots(const binding *b, const int64_t *extent, uint32_t rank)
{
    nnc_dots *dots = b->dots;
    bool equal = dots->bound && dots->rank == rank;
    int64_t known[NNC_MAX_RANK];
    for (uint32_t i = 0; i < rank && !dots->bound; i++)
        dots->index[i] = nnc_new_index(b->e, NULL, extent[i], b->span);
    if (!dots->bound) {
        dots->bound = true;
        dots->rank = rank;
        dots->by = b->parameter;
        return true;
    }
    for (uint32_t i = 0; i < dots->rank; i++) {
        known[i] = dots->index[i]->extent;
        equal = equal && known[i] == extent[i];
    }
    return equal || wrong_dots(b, nnc_shape_text(b->e, known, dots->rank));
}

/* One element serves as a tensor of ones and the other way round: brings v to the pattern's rank, or to what its `..` is. */
static void fit_one_element(const binding *b, nnc_value *v, uint32_t fixed, bool dots)
{
    uint32_t rank = dots && b->dots->bound ? fixed + b->dots->rank : fixed;
    if (!nnc_one_element(v) || v->rank == rank || (dots && !b->dots->bound && v->rank > fixed))
        return;
    for (uint32_t i = 0; dots && b->dots->bound && i < b->dots->rank; i++)
        if (b->dots->index[i]->extent != 1)
            return;
    *v = nnc_as_scalar(b->e, v);
    v->rank = rank;
    for (uint32_t i = 0; i < rank; i++) {
        v->extent[i] = 1;
        v->variable[i] = nnc_new_index(b->e, NULL, 1, b->span)->variable;
    }
}

static bool match_shape(binding *b)
{
    const nnc_syntax *list = b->parameter->child[0];
    uint32_t dots = 0, d = 0;
    nnc_value v;
    if (!nnc_value_of(b->e, b->given, b->span, &v))
        return false;
    for (uint32_t i = 0; i < list->count; i++)
        dots += list->child[i]->kind == NNC_SYNTAX_DOTS;
    uint32_t fixed = list->count - dots;
    uint32_t rank = v.rank;
    fit_one_element(b, &v, fixed, dots > 0);
    if (v.rank < fixed || (!dots && v.rank != fixed) || dots > 1)
        return wrong_shape(b, &v);
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->child[i]->kind == NNC_SYNTAX_DOTS) {
            if (!match_dots(b, v.extent + d, v.rank - fixed))
                return false;
            d += v.rank - fixed;
        } else if (!match_size(b, list->child[i], v.extent[d++])) {
            return false;
        }
    }
    if (v.rank != rank || b->given->kind != NNC_ENTITY_TENSOR)
        b->given = nnc_tensor_entity(b->e, &v, b->given->span);
    return true;
}

static bool match_class(binding *b)
{
    nnc_elaborator *e = b->e;
    const nnc_syntax *count = b->parameter->child[1]->count ? b->parameter->child[1]->child[0] : NULL;
    nnc_value v;
    if (!nnc_value_of(e, b->given, b->span, &v))
        return false;
    const nnc_local *known = count && count->kind == NNC_SYNTAX_NAME ? nnc_find_local(b->names, count->text) : NULL;
    if (nnc_is_number(b->given) && known && nnc_is_number(known->entity)) {
        nnc_value like = {.element = NNC_INTEGER, .classes = (int64_t)known->entity->number};
        if (!nnc_agree(e, &v, &like, b->given, known->entity, b->span))
            return false;
        b->given = nnc_tensor_entity(e, &v, b->given->span);
        return true;
    }
    if (v.element != NNC_INTEGER) {
        REPORT(e, b->span, EXPECTED_CLASS, b->definition->name, b->parameter->text, nnc_describe(e, b->given));
        nnc_note_declared(e, b->given);
        return false;
    }
    return !count || match_size(b, count, v.classes);
}

static nnc_entity *argument_of(nnc_elaborator *e, const binding *b, const nnc_arguments *a, uint32_t number, nnc_span *span)
{
    const nnc_syntax *p = b->parameter;
    *span = a->span;
    if (number < a->places) {
        *span = a->place_span[number];
        return a->place[number];
    }
    for (uint32_t i = 0; i < a->nameds; i++)
        if (strcmp(a->named[i].name, p->text) == 0) {
            *span = a->named[i].span;
            return a->named[i].entity;
        }
    if (!p->child[2]) {
        REPORT(e, a->span, MISSING_ARGUMENT, b->definition->name, p->text);
        return &e->poison;
    }
    const nnc_context saved = e->at;
    e->at.scope = nnc_new_scope(e, b->definition->globals, saved.scope->path, NNC_BODY_FN);
    e->at.scope->locals = *b->names;
    e->at.visible = NULL;
    e->at.dots = NULL;
    nnc_entity *x = nnc_evaluate(e, p->child[2]);
    e->at = saved;
    return x;
}

static bool check_names(nnc_elaborator *e, const nnc_definition *d, const nnc_syntax *parameters, const nnc_arguments *a)
{
    const char **names = NNC_ARRAY(e->arena, const char *, parameters->count + 1);
    if (a->places > parameters->count) {
        REPORT(e, a->place_span[parameters->count].file ? a->place_span[parameters->count] : a->span, TOO_MANY_ARGUMENTS, d->name, parameters->count,
               parameters->count == 1 ? "" : "s", a->places);
        return false;
    }
    for (uint32_t i = 0; i < parameters->count; i++)
        names[i] = parameters->child[i]->text;
    for (uint32_t i = 0; i < a->nameds; i++) {
        uint32_t found = 0;
        while (found < parameters->count && strcmp(names[found], a->named[i].name) != 0)
            found++;
        bool again = found < a->places;
        for (uint32_t k = 0; k < i; k++)
            again |= strcmp(a->named[k].name, a->named[i].name) == 0;
        if (again) {
            REPORT(e, a->named[i].span, GIVEN_TWICE, a->named[i].name);
            return false;
        }
        if (found < parameters->count)
            continue;
        REPORT(e, a->named[i].span, UNKNOWN_ARGUMENT, d->name, a->named[i].name);
        nnc_help_argument(e, a->named[i].name, names, parameters->count);
        return false;
    }
    return true;
}

static bool is_free(const binding *b)
{
    nnc_elaborator *e = b->e;
    const nnc_local *old = nnc_find_local(b->names, b->parameter->text);
    if (!old)
        return true;
    REPORT(e, b->parameter->name, NAME_TAKEN, b->parameter->text);
    nnc_note(e->session, old->span, "%s is defined here", old->name);
    return false;
}

bool nnc_bind(nnc_elaborator *e, const nnc_definition *d, const nnc_syntax *parameters, const nnc_arguments *a, nnc_locals *names, nnc_dots *dots)
{
    if (!check_names(e, d, parameters, a))
        return false;
    for (uint32_t i = 0; i < parameters->count; i++) {
        binding b = {e, d, parameters, parameters->child[i], names, dots, NULL, a->span};
        nnc_entity *x = argument_of(e, &b, a, i, &b.span);
        b.given = nnc_settled_layer(e, x, a->site);
        if (nnc_is_poison(b.given) || (b.parameter->child[1] && !match_class(&b)) || (b.parameter->child[0] && !match_shape(&b)) || !is_free(&b))
            return false;
        nnc_add_local(e, names, b.parameter->text, b.given, b.parameter->name);
    }
    return true;
}
