/* Names: what stands in the files, in bodies, and what is known everywhere. */
#include <assert.h>
#include <math.h>
#include <string.h>
#include "model/internal.h"

/* ---- definitions of files ---- */

static uint32_t hash_name(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static void put(nnc_globals *g, uint32_t number)
{
    uint32_t at = hash_name(g->definition[number]->name) & (g->table_size - 1);
    while (g->table[at])
        at = (at + 1) & (g->table_size - 1);
    g->table[at] = number + 1;
}

void nnc_globals_add(nnc_elaborator *e, nnc_globals *g, nnc_definition *definition)
{
    NNC_PUSH(e->arena, g->definition, g->count, g->capacity) = definition;
    if (2 * g->count > g->table_size) {
        g->table_size = g->table_size ? 2 * g->table_size : 64;
        g->table = NNC_ARRAY(e->arena, uint32_t, g->table_size);
        for (uint32_t i = 0; i < g->count; i++)
            put(g, i);
    } else {
        put(g, g->count - 1);
    }
}

static nnc_definition *find(const nnc_globals *g, const char *name)
{
    if (g->table_size == 0)
        return NULL;
    for (uint32_t at = hash_name(name) & (g->table_size - 1); g->table[at]; at = (at + 1) & (g->table_size - 1))
        if (strcmp(g->definition[g->table[at] - 1]->name, name) == 0)
            return g->definition[g->table[at] - 1];
    return NULL;
}

nnc_definition *nnc_globals_find(const nnc_globals *g, const char *name)
{
    nnc_definition *d = find(g, name);
    if (d && !d->syntax) {
        d->syntax = nnc_parse_item(g->session, d->item);
        assert(d->syntax && "an item of the library can be read alone");
    }
    return d;
}

/* ---- names of bodies ---- */

nnc_local *nnc_find_local(const nnc_locals *locals, const char *name)
{
    for (uint32_t i = locals->count; i-- > 0;)
        if (strcmp(locals->item[i].name, name) == 0)
            return &locals->item[i];
    return NULL;
}

void nnc_add_local(nnc_elaborator *e, nnc_locals *locals, const char *name, nnc_entity *entity, nnc_span span)
{
    NNC_PUSH(e->arena, locals->item, locals->count, locals->capacity) = (nnc_local){name, entity, span};
}

nnc_scope *nnc_new_scope(nnc_elaborator *e, nnc_globals *globals, const char *path, int kind)
{
    nnc_scope *scope = NNC_NEW(e->arena, nnc_scope);
    scope->globals = globals;
    scope->path = path;
    scope->kind = kind;
    return scope;
}

nnc_local *nnc_find_in_bodies(const nnc_elaborator *e, const char *name)
{
    for (const nnc_scope *s = e->at.scope; s; s = s->outer) {
        nnc_local *found = nnc_find_local(&s->locals, name);
        if (found)
            return found;
    }
    return NULL;
}

/* A name given twice means nothing from then on: which of the two is meant cannot be told. */
void nnc_define_name(nnc_elaborator *e, const char *name, nnc_span span, nnc_entity *entity)
{
    nnc_local *old = nnc_find_in_bodies(e, name);
    const nnc_named_index *index = nnc_visible_index(e, name);
    if (index) {
        REPORT(e, span, NAME_TAKEN, name);
        nnc_note(e->session, index->span, "%s is an index here", name);
        return;
    }
    if (old) {
        if (!nnc_is_poison(old->entity) || !nnc_is_poison(entity)) {
            REPORT(e, span, NAME_TAKEN, name);
            nnc_note(e->session, old->span, "%s is defined here", name);
        }
        old->entity = &e->poison;
        return;
    }
    nnc_add_local(e, &e->at.scope->locals, name, entity, span);
}

nnc_named_index *nnc_visible_index(const nnc_elaborator *e, const char *name)
{
    for (nnc_named_index *i = e->at.visible; i; i = i->visible)
        if (i->name && strcmp(i->name, name) == 0)
            return i;
    return NULL;
}

/* ---- looking up ---- */

static nnc_entity *clock_value(nnc_elaborator *e, int which, nnc_span span)
{
    static const nnc_kind kinds[] = {NNC_KIND_STEP, NNC_KIND_STEPS, NNC_KIND_EPOCH, NNC_KIND_EPOCHS};
    static const char *const names[] = {"step", "steps", "epoch", "epochs"};
    if (!e->clock[which])
        e->clock[which] = nnc_declare(e->p, kinds[which], names[which], (nnc_span){0}, NNC_REAL, 0, NULL, 0);
    nnc_value v = {.body = nnc_read(e->p, e->clock[which], NULL, 0), .alias = e->clock[which]};
    return nnc_tensor_entity(e, &v, span);
}

static nnc_entity *let_value(nnc_elaborator *e, nnc_definition *d)
{
    nnc_context saved = e->at;
    bool no_example = e->no_example, in_let = e->in_let;
    if (d->entity)
        return d->entity;
    if (d->busy)
        return &e->poison;
    d->busy = true;
    e->no_example = e->in_let = true;
    e->at = (nnc_context){.scope = nnc_new_scope(e, d->globals, "", NNC_BODY_FN), .hint = d->name};
    d->entity = nnc_evaluate(e, d->syntax->child[0]);
    if (d->entity->kind != NNC_ENTITY_NUMBER && !nnc_is_poison(d->entity)) {
        REPORT(e, d->syntax->child[0]->span, LET_NOT_A_NUMBER, d->name, nnc_describe(e, d->entity));
        d->entity = &e->poison;
    }
    e->at = saved;
    e->no_example = no_example;
    e->in_let = in_let;
    return d->entity;
}

static nnc_entity *global_value(nnc_elaborator *e, nnc_definition *d, nnc_span span)
{
    static const struct { nnc_syntax_kind syntax; nnc_entity_kind entity; } kinds[] = {
        {NNC_SYNTAX_FN, NNC_ENTITY_FUNCTION}, {NNC_SYNTAX_LAYER, NNC_ENTITY_LAYER}, {NNC_SYNTAX_INIT, NNC_ENTITY_INIT}, {NNC_SYNTAX_OPTIMIZER, NNC_ENTITY_OPTIMIZER}};
    if (d->syntax->kind == NNC_SYNTAX_LET)
        return let_value(e, d);
    nnc_entity *x = nnc_new_entity(e, NNC_ENTITY_POISON, span);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].syntax == d->syntax->kind)
            x->kind = kinds[i].entity;
    x->definition = d;
    return x;
}

static nnc_entity *predefined(nnc_elaborator *e, const char *name, nnc_span span)
{
    static const char *const clocks[] = {"step", "steps", "epoch", "epochs"};
    if (strcmp(name, "pi") == 0)
        return nnc_number(e, 3.14159265358979323846, span);
    if (strcmp(name, "inf") == 0)
        return nnc_number(e, INFINITY, span);
    if (!e->in_let && strcmp(name, "training") == 0)
        return nnc_boolean(e, e->training, span);
    for (int i = 0; i < 4; i++)
        if (strcmp(name, clocks[i]) == 0)
            return clock_value(e, i, span);
    if (e->fan_in && !e->in_let && strcmp(name, "fan_in") == 0)
        return nnc_number(e, (double)e->fan_in, span);
    if (e->fan_in && !e->in_let && strcmp(name, "fan_out") == 0)
        return nnc_number(e, (double)e->fan_out, span);
    if (e->in_loss && !e->in_let && strcmp(name, "weights") == 0) {
        e->weights_seen = true;
        return nnc_new_entity(e, NNC_ENTITY_WEIGHTS, span);
    }
    int builtin = nnc_find_builtin(name);
    if (builtin < 0)
        return NULL;
    nnc_entity *x = nnc_new_entity(e, NNC_ENTITY_BUILTIN, span);
    x->builtin = builtin;
    return x;
}

nnc_entity *nnc_look_up_quietly(nnc_elaborator *e, const char *name, nnc_span span)
{
    nnc_named_index *index = nnc_visible_index(e, name);
    if (index)
        return nnc_scalar(e, nnc_to_real(e->p, index->variable), span);
    nnc_local *local = nnc_find_in_bodies(e, name);
    if (local)
        return local->entity;
    for (const nnc_globals *g = e->at.scope->globals; g; g = g->outer) {
        nnc_definition *d = nnc_globals_find(g, name);
        if (d)
            return global_value(e, d, span);
    }
    return predefined(e, name, span);
}

static void add_candidates(nnc_elaborator *e, const char **names, size_t *count, size_t most)
{
    for (const nnc_named_index *i = e->at.visible; i; i = i->visible)
        if (i->name && *count < most)
            names[(*count)++] = i->name;
    for (const nnc_scope *s = e->at.scope; s; s = s->outer)
        for (uint32_t i = 0; i < s->locals.count && *count < most; i++)
            names[(*count)++] = s->locals.item[i].name;
    for (const nnc_globals *g = e->at.scope->globals; g; g = g->outer)
        for (uint32_t i = 0; i < g->count && *count < most; i++)
            names[(*count)++] = g->definition[i]->name;
}

void nnc_help_nearest(nnc_elaborator *e, const char *name, const char *const *names, uint32_t count)
{
    const char *nearest = nnc_nearest(name, names, count);
    if (nearest)
        nnc_help(e->session, "did you mean %s?", nearest);
}

void nnc_help_argument(nnc_elaborator *e, const char *name, const char *const *names, uint32_t count)
{
    nnc_text text = {.arena = e->arena};
    if (count == 0 || nnc_nearest(name, names, count)) {
        nnc_help_nearest(e, name, names, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        nnc_text_add(&text, "%s%s", i == 0 ? "" : i + 1 == count ? " and " : ", ", names[i]);
    nnc_help(e->session, "it takes %s", nnc_text_string(&text));
}

const char *nnc_nearest_name(nnc_elaborator *e, const char *name)
{
    enum { MOST = 2000 };
    static const char *const other[] = {"pi", "inf", "training", "step", "steps", "epoch", "epochs", "fan_in", "fan_out"};
    const char **names = NNC_ARRAY(e->arena, const char *, MOST + 128);
    size_t count = 0;
    add_candidates(e, names, &count, MOST);
    count += nnc_builtin_names(names + count);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        names[count++] = other[i];
    return nnc_nearest(name, names, count);
}

/* What a missing name is: fan_in and weights have a place of their own; others are probably a slip. */
nnc_entity *nnc_look_up(nnc_elaborator *e, const char *name, nnc_span span)
{
    nnc_entity *x = nnc_look_up_quietly(e, name, span);
    if (x)
        return x;
    if (e->lenient)
        return &e->poison;
    if (strcmp(name, "fan_in") == 0 || strcmp(name, "fan_out") == 0) {
        REPORT(e, span, KNOWN_ELSEWHERE, name, "an initialiser");
    } else if (strcmp(name, "weights") == 0) {
        REPORT(e, span, KNOWN_ELSEWHERE, name, "the loss");
    } else if (strcmp(name, "training") == 0) {
        REPORT(e, span, KNOWN_ELSEWHERE, name, "the model and the definitions that it applies");
    } else if (nnc_is_reduction(name)) {
        REPORT(e, span, REDUCTION_AS_VALUE, name, name);
    } else if (strcmp(name, "batch") == 0 || strcmp(name, "data") == 0) {
        REPORT(e, span, SET_AS_VALUE, name, name);
    } else {
        REPORT(e, span, UNKNOWN_NAME, name);
        const char *nearest = nnc_nearest_name(e, name);
        if (nearest)
            nnc_help(e->session, "did you mean %s?", nearest);
        else if (e->subscript == name)
            nnc_help(e->session, "an index stands on the left side, y[%s] = .., or before a reduction's colon, sum(%s: ..)", name, name);
    }
    return &e->poison;
}
