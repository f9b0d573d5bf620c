/* Instances of layers: their names, parameters, states, fits. */
#include <string.h>
#include "model/internal.h"

nnc_unit *nnc_owner_of(const nnc_elaborator *e)
{
    for (const nnc_scope *s = e->at.scope; s; s = s->outer)
        if (s->unit)
            return s->unit;
    return NULL;
}

/* ---- units ---- */

enum { MOST_INSTANCES = 10000 };

static nnc_unit *find_named(const nnc_unit *owner, const char *name)
{
    for (uint32_t i = 0; i < owner->nameds; i++)
        if (strcmp(owner->named[i]->name, name) == 0)
            return owner->named[i];
    return NULL;
}

nnc_unit *nnc_new_unit(nnc_elaborator *e, nnc_unit *owner, const char *name, const char *kind, nnc_span span)
{
    nnc_unit *unit = NNC_NEW(e->arena, nnc_unit);
    unit->name = name;
    unit->kind = kind;
    unit->owner = owner;
    unit->span = span;
    unit->path = owner && *owner->path ? nnc_arena_format(e->arena, "%s.%s", owner->path, name) : name;
    if (owner)
        NNC_PUSH(e->arena, owner->named, owner->nameds, owner->named_capacity) = unit;
    NNC_PUSH(e->arena, e->unit, e->units, e->unit_capacity) = unit;
    return unit;
}

static const char *numbered_name(nnc_elaborator *e, nnc_unit *owner, const char *kind)
{
    uint32_t i = 0;
    const char *name;
    while (i < owner->counts && strcmp(owner->count[i].kind, kind) != 0)
        i++;
    if (i == owner->counts)
        NNC_PUSH(e->arena, owner->count, owner->counts, owner->count_capacity) = (nnc_kind_count){kind, 0};
    do
        name = nnc_arena_format(e->arena, "%s_%u", kind, ++owner->count[i].count);
    while (find_named(owner, name));
    return name;
}

static bool may_apply(nnc_elaborator *e, const char *name, nnc_span span)
{
    if (!e->at.formula)
        return true;
    REPORT(e, span, LAYER_IN_FORMULA, name);
    return false;
}

nnc_unit *nnc_unit_here(nnc_elaborator *e, const nnc_entity *description, const nnc_syntax *place, nnc_span span)
{
    nnc_unit *owner = nnc_owner_of(e);
    if (nnc_is_poison(description))
        return NULL;
    const char *kind = description->definition->name;
    if (!owner) {
        REPORT(e, span, LAYER_IN_FN, kind);
        return NULL;
    }
    if (!may_apply(e, kind, span))
        return NULL;
    if (e->units > MOST_INSTANCES) {
        if (!e->hopeless)
            REPORT(e, span, TOO_MANY_INSTANCES, MOST_INSTANCES);
        e->hopeless = true;
        return NULL;
    }
    uint32_t occurrence = nnc_pass(e, place);
    for (uint32_t i = 0; i < owner->sites; i++)
        if (owner->site[i].place == place && owner->site[i].occurrence == occurrence) {
            owner->site[i].unit->description = description;
            return owner->site[i].unit;
        }
    nnc_unit *unit = nnc_new_unit(e, owner, numbered_name(e, owner, kind), kind, span);
    unit->description = description;
    NNC_PUSH(e->arena, owner->site, owner->sites, owner->site_capacity) = (nnc_site){place, occurrence, unit};
    return unit;
}

static bool holds_layer(const nnc_entity *x)
{
    if (x->kind == NNC_ENTITY_DESCRIPTION)
        return true;
    for (uint32_t i = 0; i < x->items && (x->kind == NNC_ENTITY_CHAIN || x->kind == NNC_ENTITY_REPEAT); i++)
        if (holds_layer(x->item[i]))
            return true;
    return false;
}

nnc_entity *nnc_bind_instance(nnc_elaborator *e, const char *name, nnc_entity *description, nnc_span span)
{
    nnc_unit *owner = nnc_owner_of(e);
    if (!owner || !holds_layer(description))
        return description;
    const char *kind = description->kind == NNC_ENTITY_DESCRIPTION ? description->definition->name : "chain";
    nnc_unit *unit = find_named(owner, name);
    if (!unit) {
        nnc_syntax *place = NNC_NEW(e->arena, nnc_syntax);
        *place = (nnc_syntax){.kind = NNC_SYNTAX_VALUE, .span = span};
        unit = nnc_new_unit(e, owner, name, kind, span);
        unit->place = place;
    }
    unit->description = description;
    nnc_entity *x = nnc_new_entity(e, NNC_ENTITY_INSTANCE, span);
    x->unit = unit;
    return x;
}

/* ---- application ---- */

static bool keeps_state(const nnc_syntax *body)
{
    for (uint32_t i = 0; i < body->count; i++)
        if (body->child[i]->kind == NNC_SYNTAX_STATE)
            return true;
    return false;
}

static void summarise(nnc_elaborator *e, const nnc_unit *unit, const nnc_entity *result, nnc_span span)
{
    nnc_model *m = e->model;
    const nnc_entity *first = result->kind == NNC_ENTITY_TUPLE && result->items ? result->item[0] : result;
    if (unit->applied)
        return;
    nnc_instance line = {unit->path, unit->kind, span, first->kind == NNC_ENTITY_TENSOR ? first->value.alias : 0};
    NNC_PUSH(e->arena, m->instance, m->instances, e->instance_capacity) = line;
}

static nnc_entity *run_layer(nnc_elaborator *e, nnc_unit *unit, nnc_scope *scope, const nnc_arguments *a)
{
    const nnc_definition *d = unit->description->definition;
    const nnc_locals *settings = unit->description->bound;
    if (e->at.scans && keeps_state(d->syntax->child[2])) {
        REPORT(e, a->span, STATE_IN_SCAN, d->name);
        return &e->poison;
    }
    for (uint32_t i = 0; i < settings->count; i++)
        nnc_add_local(e, &scope->locals, settings->item[i].name, settings->item[i].entity, settings->item[i].span);
    nnc_dots dots = unit->description->dots ? *unit->description->dots : (nnc_dots){0};
    if (!nnc_bind(e, d, d->syntax->child[1], a, &scope->locals, &dots))
        return &e->poison;
    e->at.scope = scope;
    return nnc_run_body(e, d->syntax->child[2], d->name, d->syntax->name);
}

nnc_entity *nnc_apply_unit(nnc_elaborator *e, nnc_unit *unit, const nnc_arguments *a)
{
    const nnc_context saved = e->at;
    nnc_entity *result = &e->poison;
    const nnc_entity *d = unit->description;
    bool layer = d->kind == NNC_ENTITY_DESCRIPTION;
    nnc_scope *scope = nnc_new_scope(e, layer ? d->definition->globals : saved.scope->globals, nnc_arena_format(e->arena, "%s.", unit->path), NNC_BODY_LAYER);
    scope->unit = unit;
    if (!may_apply(e, unit->path, a->span) || !nnc_enter(e, unit->kind, a->span, a->site)) {
        e->at = saved;
        return result;
    }
    e->at.hint = unit->path;
    if (layer) {
        result = run_layer(e, unit, scope, a);
    } else {
        e->at.scope = scope;
        nnc_arguments inside = *a;
        inside.site = unit->place;
        result = nnc_apply_entity(e, (nnc_entity *)d, &inside);
    }
    if (!nnc_is_poison(result)) {
        nnc_materialise(e, result, unit->path);
        summarise(e, unit, result, a->span);
        unit->applied = e->graph;
    }
    e->at = saved;
    return result;
}

/* ---- members ---- */

nnc_member *nnc_find_member(const nnc_unit *unit, const char *name)
{
    for (uint32_t i = 0; i < unit->members; i++)
        if (strcmp(unit->member[i]->name, name) == 0)
            return unit->member[i];
    return NULL;
}

static nnc_member *add_member(nnc_elaborator *e, nnc_unit *unit, nnc_member_kind kind, const nnc_syntax *s)
{
    nnc_member *m = NNC_NEW(e->arena, nnc_member);
    *m = (nnc_member){.kind = kind, .name = s->text, .span = s->name};
    NNC_PUSH(e->arena, unit->member, unit->members, unit->member_capacity) = m;
    return m;
}

nnc_entity *nnc_member_entity(nnc_elaborator *e, const nnc_member *m)
{
    if (m->kind == NNC_MEMBER_STATE && m->now && m->graph == e->graph)
        return m->now;
    nnc_value v = nnc_alias(e, m->tensor, NULL, 0);
    return nnc_tensor_entity(e, &v, m->span);
}

bool nnc_evaluate_dimensions(nnc_elaborator *e, const nnc_syntax *list, nnc_value *shape)
{
    int64_t elements = 1;
    *shape = (nnc_value){0};
    for (uint32_t i = 0; list && i < list->count; i++) {
        if (shape->rank == NNC_MAX_RANK) {
            REPORT(e, list->span, TOO_MANY_DIMENSIONS, NNC_MAX_RANK);
            return false;
        }
        if (!nnc_evaluate_whole(e, list->child[i], "a size", 1, &shape->extent[shape->rank]))
            return false;
        if (!nnc_checked_multiply(elements, shape->extent[shape->rank], &elements) || elements > NNC_MAX_ELEMENTS) {
            REPORT(e, list->span, TOO_LARGE, "2^40");
            return false;
        }
        shape->rank++;
    }
    return true;
}

static const char *member_name(nnc_elaborator *e, const nnc_unit *unit, const char *name)
{
    return *unit->path ? nnc_arena_format(e->arena, "%s.%s", unit->path, name) : name;
}

/* ---- initial values ---- */

static void set_fans(nnc_elaborator *e, const nnc_value *shape)
{
    int64_t field = 1;
    for (uint32_t i = 0; i + 2 < shape->rank; i++)
        field *= shape->extent[i];
    e->fan_in = shape->rank >= 2 ? field * shape->extent[shape->rank - 2] : shape->rank == 1 ? shape->extent[0] : 1;
    e->fan_out = shape->rank >= 2 ? field * shape->extent[shape->rank - 1] : shape->rank == 1 ? shape->extent[0] : 1;
}

/* What an initialiser's definition gives for this shape. */
static nnc_entity *resolve_init(nnc_elaborator *e, nnc_entity *x, nnc_span span)
{
    const nnc_context saved = e->at;
    while (x->kind == NNC_ENTITY_INIT) {
        const nnc_definition *d = x->definition;
        nnc_locals names = {0};
        nnc_dots dots = {0};
        const nnc_arguments none = {.site = d->syntax, .span = span};
        if (!nnc_enter(e, d->name, span, d->syntax)) {
            x = &e->poison;
            break;
        }
        if (!x->bound && !nnc_bind(e, d, d->syntax->child[0], &none, &names, &dots)) {
            x = &e->poison;
            break;
        }
        e->at.scope = nnc_new_scope(e, d->globals, "", NNC_BODY_FN);
        e->at.scope->locals = x->bound ? *x->bound : names;
        x = nnc_evaluate(e, d->syntax->child[1]);
    }
    e->at = saved;
    return x;
}

static bool start_from_tensor(nnc_elaborator *e, nnc_entity *x, const nnc_value *shape, const char *name, const nnc_syntax *s, nnc_initial *out)
{
    nnc_value v[2] = {*shape, {0}};
    if (!nnc_value_of(e, x, s->span, &v[1]))
        return false;
    for (uint32_t i = 0; i < shape->rank; i++)
        v[0].variable[i] = nnc_new_index(e, NULL, shape->extent[i], s->span)->variable;
    v[0].body = nnc_real(e->p, 0);
    bool same = v[1].rank == shape->rank && memcmp(v[1].extent, shape->extent, shape->rank * sizeof *shape->extent) == 0;
    if (v[1].element != NNC_REAL || (!same && !nnc_one_element(&v[1]))) {
        REPORT(e, s->span, START_SHAPE, nnc_describe_shape(e, shape->extent, shape->rank), nnc_describe(e, x));
        return false;
    }
    if (!nnc_broadcast(e, v, 2, (nnc_entity *const[]){x, x}, s->span))
        return false;
    nnc_value alias = nnc_make_tensor(e, nnc_arena_format(e->arena, "%s.start", name), s->span, &v[1], NNC_REDUCE_NONE, NULL, 0);
    nnc_dependence d = nnc_depends_on(e, alias.alias);
    if (d.bits) {
        REPORT(e, s->span, START_DEPENDS, name);
        return false;
    }
    *out = (nnc_initial){.kind = NNC_INIT_TENSOR, .tensor = alias.alias};
    return true;
}

static bool evaluate_initial(nnc_elaborator *e, const nnc_syntax *s, const nnc_value *shape, bool drawn, const char *name, nnc_initial *out)
{
    int64_t fan_in = e->fan_in, fan_out = e->fan_out;
    uint32_t mark = e->pendings, patch_mark = e->patches;
    set_fans(e, shape);
    nnc_entity *x = nnc_evaluate_settled(e, s, name);
    x = resolve_init(e, x, s->span);
    nnc_settle(e, mark, patch_mark);
    e->fan_in = fan_in;
    e->fan_out = fan_out;
    *out = (nnc_initial){.kind = NNC_INIT_CONSTANT};
    if (nnc_is_poison(x))
        return false;
    if (nnc_is_number(x)) {
        out->a = x->number;
        return true;
    }
    if (drawn && x->kind == NNC_ENTITY_DISTRIBUTION) {
        *out = x->initial;
        if (out->kind != NNC_INIT_ORTHOGONAL || shape->rank >= 2)
            return true;
        REPORT(e, s->span, ORTHOGONAL_SHAPE, nnc_describe_shape(e, shape->extent, shape->rank));
        return false;
    }
    if (drawn || x->kind == NNC_ENTITY_DISTRIBUTION) {
        REPORT(e, s->span, INIT_KIND, drawn ? "~ takes a distribution" : "= takes a value", nnc_describe(e, x));
        if (!drawn)
            nnc_help(e->session, "write ~ in place of =");
        return false;
    }
    return start_from_tensor(e, x, shape, name, s, out);
}

/* ---- statements of members ---- */

static nnc_unit *owner_for(nnc_elaborator *e, const nnc_syntax *s, const char *what)
{
    nnc_unit *owner = e->at.scope->unit;
    if (owner && e->at.scope->kind != NNC_BODY_SCAN && e->at.scope->kind != NNC_BODY_OPTIMIZER)
        return owner;
    REPORT(e, s->span, MEMBER_HERE, what);
    return NULL;
}

static bool same_shape(nnc_elaborator *e, const nnc_member *m, const nnc_value *shape)
{
    const nnc_tensor *t = nnc_tensor_at(e->p, m->tensor);
    return t->rank == shape->rank && memcmp(t->extent, shape->extent, shape->rank * sizeof *shape->extent) == 0;
}

static bool check_shape(nnc_elaborator *e, const nnc_member *m, const nnc_value *shape, const nnc_syntax *s)
{
    const nnc_tensor *t = nnc_tensor_at(e->p, m->tensor);
    if (same_shape(e, m, shape))
        return true;
    REPORT(e, s->span, SHAPE_CHANGED, t->name, nnc_shape_text(e, t->extent, t->rank), nnc_shape_text(e, shape->extent, shape->rank));
    return false;
}

void nnc_param(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_value shape;
    nnc_unit *owner = owner_for(e, s, "param");
    nnc_member *m = owner ? nnc_find_member(owner, s->text) : NULL;
    nnc_initial initial;
    const char *name = owner ? member_name(e, owner, s->text) : s->text;
    bool drawn = s->kind == NNC_SYNTAX_DRAWN_PARAM;
    if (!owner || !nnc_evaluate_dimensions(e, s->child[0], &shape) || (m && !check_shape(e, m, &shape, s)) ||
        (!m && !evaluate_initial(e, s->child[1], &shape, drawn, name, &initial))) {
        nnc_define_name(e, s->text, s->name, &e->poison);
        return;
    }
    if (!m) {
        m = add_member(e, owner, NNC_MEMBER_PARAM, s);
        m->tensor = nnc_declare(e->p, NNC_KIND_PARAMETER, name, s->name, NNC_REAL, 0, shape.extent, shape.rank);
        m->initial = initial;
        m->drawn = drawn;
        NNC_PUSH(e->arena, e->made, e->mades, e->made_capacity) = m;
    }
    nnc_define_name(e, s->text, s->name, nnc_member_entity(e, m));
}

void nnc_layer_state(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_value shape;
    nnc_unit *owner = owner_for(e, s, "state");
    nnc_member *m = owner ? nnc_find_member(owner, s->text) : NULL;
    nnc_initial initial;
    const char *name = owner ? member_name(e, owner, s->text) : s->text;
    if (!owner || !nnc_evaluate_dimensions(e, s->child[0], &shape) || (m && !check_shape(e, m, &shape, s)) ||
        (!m && !evaluate_initial(e, s->child[2], &shape, false, name, &initial))) {
        nnc_define_name(e, s->text, s->name, &e->poison);
        return;
    }
    if (!m) {
        m = add_member(e, owner, NNC_MEMBER_STATE, s);
        m->tensor = nnc_declare(e->p, NNC_KIND_STATE, name, s->name, NNC_REAL, 0, shape.extent, shape.rank);
        m->initial = initial;
        NNC_PUSH(e->arena, e->kept, e->kepts, e->kept_capacity) = m;
    }
    nnc_state *state = NNC_NEW(e->arena, nnc_state);
    *state = (nnc_state){.name = s->text, .span = s->span, .shape = shape, .member = m, .other = e->at.scope->states};
    e->at.scope->states = state;
    nnc_define_name(e, s->text, s->name, nnc_member_entity(e, m));
}

/* In a scan, what depends on its index has a slot for that before its own. */
static bool is_one_for_all_steps(nnc_elaborator *e, const nnc_syntax *s, const nnc_value *v)
{
    if (!e->at.scans || nnc_tensor_at(e->p, v->alias)->rank == v->rank + nnc_batched(nnc_tensor_at(e->p, v->alias)))
        return true;
    REPORT(e, s->span, FIT_PER_STEP, s->text);
    return false;
}

static void check_fit(nnc_elaborator *e, const nnc_syntax *s, const nnc_value *v)
{
    static const char *const what[] = {"", "the batch", "a neighbour", "a draw", "the step", "", "a parameter", "a state", ""};
    const nnc_dependence d = nnc_depends_on(e, v->alias);
    if (nnc_batched(nnc_tensor_at(e->p, v->alias))) {
        REPORT(e, s->span, FIT_PER_EXAMPLE, s->text);
        return;
    }
    for (int i = 1; i < 8; i++)
        if (*what[i] && (d.bits >> i & 1)) {
            REPORT(e, s->span, FIT_DEPENDS, s->text, what[i]);
            if (d.place[i].file)
                nnc_note(e->session, d.place[i], "%s comes in here", d.name[i] ? d.name[i] : "it");
            return;
        }
}

static nnc_entity *fit_value(nnc_elaborator *e, const nnc_syntax *s, const char *name)
{
    const nnc_context saved = e->at;
    const char *made = nnc_arena_format(e->arena, "%s.fit", name);      /* the name itself is the fit's, in the weights file too */
    nnc_value v;
    e->at.data = true;
    nnc_entity *x = s->child[0] ? nnc_element_formula(e, made, s->child[0], s->child[1], NULL, s->span) : nnc_evaluate_settled(e, s->child[1], made);
    e->at = saved;
    if (!nnc_value_of(e, x, s->child[1]->span, &v))
        return &e->poison;
    if (v.element == NNC_BOOLEAN) {
        REPORT(e, s->span, BOOLEAN_HERE, "a fit");
        return &e->poison;
    }
    nnc_entity *copy = nnc_tensor_entity(e, &v, s->span);
    copy->value.alias = 0;
    nnc_materialise(e, copy, made);
    return copy;
}

void nnc_fit(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_unit *owner = owner_for(e, s, "fit");
    nnc_member *m = owner ? nnc_find_member(owner, s->text) : NULL;
    const char *name = owner ? member_name(e, owner, s->text) : s->text;
    if (owner && (!m || m->graph != e->graph)) {
        nnc_entity *x = fit_value(e, s, name);
        if (nnc_is_poison(x) || !is_one_for_all_steps(e, s, &x->value)) {
            nnc_define_name(e, s->text, s->name, &e->poison);
            return;
        }
        if (!m) {
            m = add_member(e, owner, NNC_MEMBER_FIT, s);
            m->tensor = nnc_declare(e->p, NNC_KIND_FIT, name, s->name, x->value.element, x->value.classes, x->value.extent, x->value.rank);
            NNC_PUSH(e->arena, e->fitted, e->fitteds, e->fitted_capacity) = m;
        }
        if (e->graph == 2)
            check_fit(e, s, &x->value);
        m->definition = x->value.alias;
        m->graph = e->graph;
    }
    nnc_define_name(e, s->text, s->name, m ? nnc_member_entity(e, m) : &e->poison);
}

/* ---- enc.w ---- */

static nnc_entity *no_member(nnc_elaborator *e, const nnc_syntax *s, const nnc_unit *unit)
{
    const char **names = NNC_ARRAY(e->arena, const char *, unit->members + 1);
    for (uint32_t i = 0; i < unit->members; i++)
        names[i] = unit->member[i]->name;
    if (!unit->applied && unit->members == 0) {
        REPORT(e, s->span, NOT_APPLIED_YET, unit->path, s->text);
        return &e->poison;
    }
    REPORT(e, s->span, NO_MEMBER, unit->path, s->text);
    nnc_text known = {.arena = e->arena};
    for (uint32_t i = 0; i < unit->members; i++)
        nnc_text_add(&known, i ? ", %s" : "%s", names[i]);
    if (nnc_nearest(s->text, names, unit->members))
        nnc_help_nearest(e, s->text, names, unit->members);
    else if (unit->members)
        nnc_help(e->session, "it has %s", nnc_text_string(&known));
    return &e->poison;
}

nnc_entity *nnc_dot(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_entity *x = nnc_evaluate(e, s->child[0]);
    if (nnc_is_poison(x))
        return x;
    if (x->kind == NNC_ENTITY_INSTANCE) {
        const nnc_member *m = nnc_find_member(x->unit, s->text);
        return m ? nnc_member_entity(e, m) : no_member(e, s, x->unit);
    }
    if (x->kind == NNC_ENTITY_TENSOR && strcmp(s->text, "classes") == 0 && x->value.element == NNC_INTEGER)
        return nnc_number(e, (double)x->value.classes, s->span);
    REPORT(e, s->span, NO_MEMBERS, nnc_describe(e, x), s->text);
    nnc_note_declared(e, x);
    return &e->poison;
}
