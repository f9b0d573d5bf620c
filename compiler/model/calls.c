/* Calls: arguments, functions, chains. */
#include <string.h>
#include "model/internal.h"

enum { DEEPEST_CALL = 200, MOST_WORK = 200000 };

/* ---- paths of calls ---- */

uint32_t nnc_pass(nnc_elaborator *e, const nnc_syntax *place)
{
    nnc_scope *s = e->at.scope;
    while (s->outer)
        s = s->outer;
    for (uint32_t i = 0; i < s->passes; i++)
        if (s->passed[i].place == place)
            return s->passed[i].count++;
    NNC_PUSH(e->arena, s->passed, s->passes, s->pass_capacity) = (nnc_passed){place, 1};
    return 0;
}

static uint32_t hash_key(const nnc_path_key *k)
{
    uint64_t x = ((uint64_t)(uintptr_t)k->place ^ (uint64_t)k->parent << 32 ^ k->occurrence) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(x >> 32);
}

static uint32_t *key_place(nnc_elaborator *e, const nnc_path_key *k)
{
    uint32_t at = hash_key(k) & (e->key_table_size - 1);
    for (; e->key_table[at]; at = (at + 1) & (e->key_table_size - 1)) {
        const nnc_path_key *old = &e->key[e->key_table[at] - 1];
        if (old->parent == k->parent && old->place == k->place && old->occurrence == k->occurrence)
            break;
    }
    return &e->key_table[at];
}

uint32_t nnc_path(nnc_elaborator *e, uint32_t parent, const nnc_syntax *place, uint32_t occurrence)
{
    const nnc_path_key k = {parent, occurrence, place};
    if (2 * (e->keys + 1) > e->key_table_size) {
        e->key_table_size = e->key_table_size ? 2 * e->key_table_size : 256;
        e->key_table = NNC_ARRAY(e->arena, uint32_t, e->key_table_size);
        for (uint32_t i = 0; i < e->keys; i++)
            *key_place(e, &e->key[i]) = i + 1;
    }
    uint32_t *found = key_place(e, &k);
    if (*found == 0) {
        NNC_PUSH(e->arena, e->key, e->keys, e->key_capacity) = k;
        *found = e->keys;
    }
    return *found;
}

bool nnc_enter(nnc_elaborator *e, const char *name, nnc_span call, const nnc_syntax *site)
{
    nnc_frame *f = NNC_NEW(e->arena, nnc_frame);
    *f = (nnc_frame){.caller = e->at.frame, .call = call, .name = name, .depth = e->at.frame ? e->at.frame->depth + 1 : 1};
    f->key = nnc_path(e, e->at.frame ? e->at.frame->key : 0, site, nnc_pass(e, site));
    if (f->depth > DEEPEST_CALL || ++e->work > MOST_WORK) {
        if (!e->hopeless && f->depth > DEEPEST_CALL)
            REPORT(e, call, CALLS_TOO_DEEP, DEEPEST_CALL);
        else if (!e->hopeless)
            REPORT(e, call, TOO_MANY_CALLS, MOST_WORK);
        e->hopeless = true;
        return false;
    }
    e->at.frame = f;
    e->at.visible = NULL;
    e->at.dots = NULL;
    return true;
}

/* ---- arguments ---- */

static bool evaluate_arguments(nnc_elaborator *e, const nnc_syntax *list, nnc_arguments *out)
{
    bool whole = true;
    out->place = NNC_ARRAY(e->arena, nnc_entity *, list->count + 1);
    out->place_span = NNC_ARRAY(e->arena, nnc_span, list->count + 1);
    out->named = NNC_ARRAY(e->arena, nnc_local, list->count + 1);
    for (uint32_t i = 0; i < list->count; i++) {
        const nnc_syntax *s = list->child[i];
        nnc_entity *x = nnc_evaluate(e, s->kind == NNC_SYNTAX_NAMED ? s->child[0] : s);
        whole &= !nnc_is_poison(x);
        if (s->kind == NNC_SYNTAX_NAMED) {
            out->named[out->nameds++] = (nnc_local){s->text, x, s->span};
        } else {
            out->place_span[out->places] = s->span;
            out->place[out->places++] = x;
        }
    }
    return whole;
}

static nnc_arguments one_argument(nnc_elaborator *e, nnc_entity *x, const nnc_syntax *site, nnc_span span)
{
    nnc_arguments a = {.places = 1, .site = site, .span = span};
    a.place = NNC_ARRAY(e->arena, nnc_entity *, 1);
    a.place_span = NNC_ARRAY(e->arena, nnc_span, 1);
    a.place[0] = x;
    a.place_span[0] = span;
    return a;
}

static nnc_arguments with_first(nnc_elaborator *e, nnc_entity *x, nnc_span span, const nnc_arguments *rest)
{
    nnc_arguments a = *rest;
    a.place = NNC_ARRAY(e->arena, nnc_entity *, rest->places + 1);
    a.place_span = NNC_ARRAY(e->arena, nnc_span, rest->places + 1);
    a.place[0] = x;
    a.place_span[0] = span;
    for (uint32_t i = 0; i < rest->places; i++) {
        a.place[i + 1] = rest->place[i];
        a.place_span[i + 1] = rest->place_span[i];
    }
    a.places++;
    return a;
}

/* ---- applying ---- */

static nnc_entity *describe_layer(nnc_elaborator *e, const nnc_definition *d, const nnc_arguments *a)
{
    nnc_locals *names = NNC_NEW(e->arena, nnc_locals);
    nnc_dots *dots = NNC_NEW(e->arena, nnc_dots);
    if (d->syntax->child[0] && !nnc_bind(e, d, d->syntax->child[0], a, names, dots))
        return &e->poison;
    nnc_entity *x = nnc_new_entity(e, NNC_ENTITY_DESCRIPTION, a->span);
    x->definition = d;
    x->bound = names;
    x->dots = dots;
    return x;
}

static bool has_defaults(const nnc_syntax *parameters)
{
    for (uint32_t i = 0; parameters && i < parameters->count; i++)
        if (!parameters->child[i]->child[2])
            return false;
    return true;
}

nnc_entity *nnc_settled_layer(nnc_elaborator *e, nnc_entity *x, const nnc_syntax *site)
{
    if (x->kind != NNC_ENTITY_LAYER || !has_defaults(x->definition->syntax->child[0]))
        return x;
    const nnc_arguments none = {.site = site, .span = x->span};
    return describe_layer(e, x->definition, &none);
}

void nnc_help_settings(nnc_elaborator *e, const nnc_definition *d)
{
    nnc_text out = {.arena = e->arena};
    const nnc_syntax *settings = d->syntax->child[0];
    for (uint32_t i = 0; i < settings->count; i++)
        if (!settings->child[i]->child[2])
            nnc_text_add(&out, out.length ? ", %s" : "%s", settings->child[i]->text);
    nnc_help(e->session, "write them: %s(%s)", d->name, nnc_text_string(&out));
}

nnc_entity *nnc_run_body(nnc_elaborator *e, const nnc_syntax *body, const char *what, nnc_span span)
{
    nnc_entity *value = NULL;
    for (uint32_t i = 0; i < body->count && !e->hopeless; i++) {
        value = nnc_statement(e, body->child[i], what, i + 1 == body->count);
        if (value && body->child[i]->kind == NNC_SYNTAX_REQUIRE)
            return value;
    }
    if (!value && !e->hopeless && !e->lenient && (body->count == 0 || body->child[body->count - 1]->kind != NNC_SYNTAX_ERROR))
        REPORT(e, body->count ? body->child[body->count - 1]->span : span, NO_VALUE, what);
    return value ? value : &e->poison;
}

static nnc_entity *call_function(nnc_elaborator *e, const nnc_definition *d, const nnc_arguments *a)
{
    const nnc_context saved = e->at;
    nnc_dots dots = {0};
    nnc_entity *result = &e->poison;
    nnc_scope *scope = nnc_new_scope(e, d->globals, nnc_arena_format(e->arena, "%s%s.", e->at.scope->path, d->name), NNC_BODY_FN);
    if (nnc_enter(e, d->name, a->span, a->site) && nnc_bind(e, d, d->syntax->child[0], a, &scope->locals, &dots)) {
        e->at.scope = scope;
        result = nnc_run_body(e, d->syntax->child[1], d->name, d->syntax->name);
    }
    e->at = saved;
    return result;
}

/* f(weights): the sum of f over the trained drawn parameters; 0 while they are not known. */
static nnc_entity *over_weights(nnc_elaborator *e, nnc_entity *f, const nnc_arguments *a, uint32_t place)
{
    nnc_entity *total = nnc_number(e, 0, a->span);
    nnc_arguments one = *a;
    one.place = nnc_arena_grow(e->arena, a->place, a->places, a->places, sizeof *a->place);
    for (uint32_t i = 0; e->weights_known && i < e->mades; i++) {
        const nnc_member *m = e->made[i];
        if (!m->drawn || !m->trained)
            continue;
        one.place[place] = nnc_member_entity(e, m);
        nnc_entity *part = nnc_apply_entity(e, f, &one);
        total = nnc_map_binary(e, "+", total, part, a->span);
    }
    return total;
}

static nnc_entity *apply_chain(nnc_elaborator *e, const nnc_entity *f, const nnc_arguments *a)
{
    nnc_entity *x = nnc_apply_entity(e, f->item[0], a);
    nnc_arguments next = f->rest ? with_first(e, x, a->span, f->rest) : one_argument(e, x, a->site, a->span);
    next.site = a->site;
    next.span = a->span;
    return nnc_is_poison(x) ? x : nnc_apply_entity(e, f->item[1], &next);
}

static nnc_entity *apply_repeat(nnc_elaborator *e, const nnc_entity *f, const nnc_arguments *a)
{
    nnc_arguments next = *a;
    nnc_entity *x = a->places ? a->place[0] : &e->poison;
    if (a->places == 0)
        REPORT(e, a->span, MISSING_ARGUMENT, "repeat", "its input");
    next.place = nnc_arena_grow(e->arena, a->place, a->places, a->places + 1, sizeof *a->place);
    for (double i = 0; i < f->number && !nnc_is_poison(x) && !e->hopeless; i++) {
        next.place[0] = x;
        x = nnc_apply_entity(e, f->item[0], &next);
    }
    return x;
}

static nnc_entity *bind_init(nnc_elaborator *e, const nnc_entity *f, const nnc_arguments *a)
{
    nnc_locals *names = NNC_NEW(e->arena, nnc_locals);
    nnc_dots dots = {0};
    if (!nnc_bind(e, f->definition, f->definition->syntax->child[0], a, names, &dots))
        return &e->poison;
    nnc_entity *x = nnc_new_entity(e, NNC_ENTITY_INIT, a->span);
    x->definition = f->definition;
    x->bound = names;
    return x;
}

static nnc_entity *apply_layer(nnc_elaborator *e, nnc_entity *f, const nnc_arguments *a)
{
    if (f->definition->syntax->child[0])
        return describe_layer(e, f->definition, a);
    nnc_unit *unit = nnc_unit_here(e, nnc_settled_layer(e, f, a->site), a->site, a->span);
    return unit ? nnc_apply_unit(e, unit, a) : &e->poison;
}

static nnc_entity *refuse(nnc_elaborator *e, const nnc_entity *f, const nnc_arguments *a)
{
    REPORT(e, a->span, NOT_APPLICABLE, nnc_describe(e, f));
    nnc_note_declared(e, f);
    return &e->poison;
}

nnc_entity *nnc_apply_entity(nnc_elaborator *e, nnc_entity *f, const nnc_arguments *a)
{
    for (uint32_t i = 0; i < a->places; i++) {
        if (nnc_is_poison(a->place[i]))
            return &e->poison;
        if (a->place[i]->kind == NNC_ENTITY_WEIGHTS && f->kind == NNC_ENTITY_FUNCTION)
            return over_weights(e, f, a, i);
    }
    if (e->hopeless)
        return &e->poison;
    switch (f->kind) {
    case NNC_ENTITY_POISON: return f;
    case NNC_ENTITY_LAYER: return apply_layer(e, f, a);
    case NNC_ENTITY_DESCRIPTION: {
        nnc_unit *unit = nnc_unit_here(e, f, a->site, a->span);
        return unit ? nnc_apply_unit(e, unit, a) : &e->poison;
    }
    case NNC_ENTITY_INSTANCE: return nnc_apply_unit(e, f->unit, a);
    case NNC_ENTITY_CHAIN: return apply_chain(e, f, a);
    case NNC_ENTITY_REPEAT: return apply_repeat(e, f, a);
    case NNC_ENTITY_FUNCTION: return call_function(e, f->definition, a);
    case NNC_ENTITY_INIT: return f->bound ? refuse(e, f, a) : bind_init(e, f, a);
    case NNC_ENTITY_BUILTIN: return nnc_call_builtin(e, f->builtin, a);
    default: return refuse(e, f, a);
    }
}

/* ---- calls and arrows ---- */

nnc_entity *nnc_call(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_arguments a = {.site = s, .span = s->span};
    nnc_entity *f = nnc_evaluate(e, s->child[0]);
    if (nnc_is_poison(f) || !evaluate_arguments(e, s->child[1], &a))
        return &e->poison;
    return nnc_apply_entity(e, f, &a);
}

static bool is_applied(const nnc_entity *x)
{
    switch (x->kind) {
    case NNC_ENTITY_FUNCTION: case NNC_ENTITY_LAYER: case NNC_ENTITY_DESCRIPTION: case NNC_ENTITY_REPEAT: case NNC_ENTITY_CHAIN: case NNC_ENTITY_INSTANCE:
    case NNC_ENTITY_BUILTIN:
        return true;
    default: return false;
    }
}

/* What stands right of an arrow: what is applied, and the arguments that follow the first one. */
static nnc_entity *arrow_target(nnc_elaborator *e, const nnc_syntax *s, nnc_arguments *rest)
{
    const nnc_syntax *target = s->child[1];
    nnc_arguments a = {.site = s, .span = target->span};
    *rest = a;
    nnc_entity *f = nnc_evaluate(e, target->kind == NNC_SYNTAX_CALL ? target->child[0] : target);
    if (nnc_is_poison(f))
        return f;
    if (target->kind == NNC_SYNTAX_CALL && !evaluate_arguments(e, target->child[1], &a))
        return &e->poison;
    bool describes = f->kind == NNC_ENTITY_LAYER && f->definition->syntax->child[0];
    bool repeats = f->kind == NNC_ENTITY_BUILTIN && strcmp(nnc_builtin_name(f->builtin), "repeat") == 0;
    if (describes && target->kind != NNC_SYNTAX_CALL) {
        f = nnc_settled_layer(e, f, s);
        if (f->kind == NNC_ENTITY_LAYER) {
            REPORT(e, target->span, NEEDS_SETTINGS, f->definition->name);
            nnc_help_settings(e, f->definition);
            return &e->poison;
        }
    } else if (describes || (repeats && target->kind == NNC_SYNTAX_CALL)) {
        f = nnc_apply_entity(e, f, &a);
    } else {
        *rest = a;
    }
    return f;
}

nnc_entity *nnc_arrow(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_arguments rest;
    nnc_entity *x = nnc_evaluate(e, s->child[0]);
    nnc_entity *f = arrow_target(e, s, &rest);
    if (nnc_is_poison(x) || nnc_is_poison(f))
        return &e->poison;
    if (is_applied(x)) {
        nnc_entity *chain = nnc_new_entity(e, NNC_ENTITY_CHAIN, s->span);
        nnc_arguments *kept = NNC_NEW(e->arena, nnc_arguments);
        *kept = rest;
        chain->item = NNC_ARRAY(e->arena, nnc_entity *, 2);
        chain->item[0] = nnc_settled_layer(e, x, s);
        chain->item[1] = f;
        chain->items = 2;
        chain->rest = kept;
        return chain;
    }
    nnc_arguments all = with_first(e, x, rest.span, &rest);
    return nnc_apply_entity(e, f, &all);
}
