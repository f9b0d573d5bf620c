/* scan: a body run along an index, with states from step to step.
 *
 * The next values of a state are a tensor with the scan's index among its slots, declared before its body is known. The state itself is
 * `if t >= 1 then next[t - 1] else initial`. */
#include <string.h>
#include "model/internal.h"

nnc_state *nnc_find_state(const nnc_elaborator *e, const char *name)
{
    for (nnc_state *s = e->at.scope->states; s; s = s->other)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

uint32_t nnc_in_force(nnc_elaborator *e, nnc_ref *out, int64_t *extent)
{
    const nnc_named_index *list[NNC_MAX_SLOTS];
    uint32_t count = 0, kept = 0;
    for (const nnc_named_index *i = e->at.around; i; i = i->around) {
        if (i->dots)
            nnc_dots_ahead(e, i->dots);
        for (uint32_t k = i->dots ? i->dots->rank : 0; k-- > 0 && count < NNC_MAX_SLOTS;)
            list[count++] = i->dots->index[k];
        if (!i->dots && count < NNC_MAX_SLOTS)
            list[count++] = i;
    }
    for (const nnc_scan *s = e->at.scans; s && count < NNC_MAX_SLOTS; s = s->outer)
        list[count++] = s->index;
    if (!e->no_example) {
        extent[kept] = NNC_EXTENT_BATCH;
        out[kept++] = e->example;
    }
    while (count-- > 0 && kept < NNC_MAX_SLOTS) {
        extent[kept] = list[count]->extent;
        out[kept++] = list[count]->variable;
    }
    return kept;
}

/* ---- states ---- */

bool nnc_fit_state(nnc_elaborator *e, const nnc_state *state, nnc_entity *from, nnc_span span, nnc_value *v)
{
    nnc_value two[2] = {state->shape, {0}};
    if (!nnc_value_of(e, from, span, &two[1]))
        return false;
    two[0].body = state->shape.element == NNC_INTEGER ? nnc_integer(e->p, 0) : nnc_real(e->p, 0);
    for (uint32_t i = 0; i < two[0].rank; i++)
        two[0].variable[i] = nnc_new_index(e, NULL, two[0].extent[i], span)->variable;
    nnc_entity like = {.kind = NNC_ENTITY_TENSOR, .value = two[0]};
    bool same = two[1].rank == two[0].rank && memcmp(two[1].extent, two[0].extent, two[0].rank * sizeof *two[0].extent) == 0;
    if (!same && !nnc_one_element(&two[1])) {
        REPORT(e, span, STATE_SHAPE, state->name, nnc_describe_shape(e, two[0].extent, two[0].rank), nnc_describe(e, from));
        nnc_note(e->session, state->span, "the state is here");
        return false;
    }
    two[1].drawn = false;
    if (!nnc_agree(e, &two[0], &two[1], &like, from, span) || !nnc_broadcast(e, two, 2, (nnc_entity *const[]){&like, from}, span))
        return false;
    if (two[1].element == NNC_INTEGER && two[1].classes > state->shape.classes) {
        REPORT(e, span, STATE_SHAPE, state->name, nnc_arena_format(e->arena, "a class of %lld", (long long)state->shape.classes), nnc_describe(e, from));
        return false;
    }
    *v = two[1];
    return true;
}

/* The tensor of next values at this step, or the one before it. */
static nnc_value read_next(nnc_elaborator *e, const nnc_state *state, int64_t back)
{
    nnc_ref lead[NNC_MAX_SLOTS];
    int64_t extent[NNC_MAX_SLOTS];
    uint32_t leads = nnc_in_force(e, lead, extent);
    for (uint32_t i = 0; i < leads; i++)
        if (lead[i] == e->at.scans->index->variable && back)
            lead[i] = nnc_affine(e->p, 1, lead[i], 0, 0, -back);
    return nnc_alias(e, state->next, lead, leads);
}

static void declare_next(nnc_elaborator *e, nnc_state *state, const nnc_syntax *s)
{
    nnc_ref lead[NNC_MAX_SLOTS];
    int64_t extent[2 * NNC_MAX_SLOTS];
    uint32_t leads = nnc_in_force(e, lead, extent);
    memcpy(extent + leads, state->shape.extent, state->shape.rank * sizeof *extent);
    if (leads + state->shape.rank > NNC_MAX_SLOTS) {
        REPORT(e, s->span, TOO_MANY_INDICES, NNC_MAX_SLOTS);
        e->hopeless = true;
        return;
    }
    for (uint32_t i = 0; i < leads; i++)
        extent[i] = extent[i] ? extent[i] : 1;
    state->next = nnc_declare(e->p, NNC_KIND_FORMULA, nnc_join(e, e->at.scope->path, s->text), s->name, state->shape.element, state->shape.classes, extent,
                              leads + state->shape.rank);
    nnc_check_extents(e, state->next);
    for (uint32_t i = 0; i < leads; i++)
        if (lead[i] != e->example) {
            const nnc_named_index *index = e->variable[nnc_at(e->p, lead[i])->integer[0] - NNC_FIRST_VARIABLE];
            if (index->extent == 0)
                NNC_PUSH(e->arena, e->patch, e->patches, e->patch_capacity) = (nnc_patch){state->next, i, index};
        }
}

static nnc_entity *start_of(nnc_elaborator *e, const nnc_syntax *s)
{
    const nnc_context inside = e->at;
    e->at = *inside.scope->outside;
    e->at.hint = nnc_join(e, e->at.scope->path, s->text);
    nnc_entity *x = nnc_evaluate(e, s->child[2]);
    e->at = inside;
    return x;
}

void nnc_scan_state(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_state *state = NNC_NEW(e->arena, nnc_state);
    nnc_value start;
    int64_t classes = 0;
    const nnc_syntax *count = s->child[1] && s->child[1]->count ? s->child[1]->child[0] : NULL;
    *state = (nnc_state){.name = s->text, .span = s->span, .other = e->at.scope->states};
    bool known = nnc_evaluate_dimensions(e, s->child[0], &state->shape);
    if (known && s->child[1] && count)
        known = nnc_evaluate_whole(e, count, "a number of classes", 1, &classes);
    if (known && s->child[1] && !count) {
        REPORT(e, s->child[1]->span, CLASS_COUNT, s->text);
        known = false;
    }
    state->shape.element = s->child[1] ? NNC_INTEGER : NNC_REAL;
    state->shape.classes = classes;
    nnc_entity *x = known ? start_of(e, s) : &e->poison;
    if (nnc_is_poison(x) || !nnc_fit_state(e, state, x, s->child[2]->span, &start)) {
        nnc_define_name(e, s->text, s->name, &e->poison);
        return;
    }
    e->at.scope->states = state;
    declare_next(e, state, s);
    if (e->hopeless)
        return;
    nnc_value v = read_next(e, state, 1);
    nnc_ref later = nnc_within(e->p, e->at.scans->index->variable, 1, INT64_MAX);
    v.body = nnc_select(e->p, later, v.body, nnc_value_at(e, &start, v.variable));
    v.alias = 0;
    v.plain = true;
    nnc_define_name(e, s->text, s->name, nnc_tensor_entity(e, &v, s->span));
}

static void set_in_scan(nnc_elaborator *e, nnc_state *state, nnc_span span, nnc_entity *x)
{
    nnc_ref left[2 * NNC_MAX_SLOTS];
    int64_t extent[NNC_MAX_SLOTS];
    nnc_value v;
    if (!nnc_fit_state(e, state, x, span, &v)) {
        state->set = &e->poison;
        return;
    }
    v.guards = e->at.guards;
    if (v.guards)
        v = nnc_make_tensor(e, nnc_arena_format(e->arena, "%s%s.set", e->at.scope->path, state->name), span, &v, NNC_REDUCE_NONE, NULL, 0);
    uint32_t leads = nnc_in_force(e, left, extent);
    memcpy(left + leads, v.variable, v.rank * sizeof *left);
    nnc_set_body(e->p, state->next, NNC_REDUCE_NONE, left, NULL, NULL, 0, v.body);
    nnc_value next = read_next(e, state, 0);
    state->set = nnc_tensor_entity(e, &next, span);
}

static void set_in_layer(nnc_elaborator *e, nnc_state *state, nnc_span span, nnc_entity *x)
{
    nnc_value v;
    nnc_member *m = state->member;
    state->set = &e->poison;
    if (!nnc_fit_state(e, state, x, span, &v))
        return;
    if (!e->training) {
        state->set = nnc_member_entity(e, m);
        return;
    }
    const char *name = nnc_arena_format(e->arena, "%s'", nnc_tensor_at(e->p, m->tensor)->name);
    v.guards = e->at.guards;
    nnc_value next = nnc_make_tensor(e, name, span, &v, NNC_REDUCE_NONE, NULL, 0);
    if (nnc_batched(nnc_tensor_at(e->p, next.alias)) || nnc_tensor_at(e->p, next.alias)->rank != v.rank) {
        REPORT(e, span, STATE_PER_EXAMPLE, state->name);
        return;
    }
    nnc_tensor_at(e->p, m->tensor)->next = next.alias;
    m->now = state->set = nnc_tensor_entity(e, &next, span);
    m->graph = e->graph;
}

/* The parameter's or the state's next value in an optimizer. */
static void set_in_optimizer(nnc_elaborator *e, nnc_state *state, nnc_span span, nnc_entity *x)
{
    nnc_value v;
    state->set = &e->poison;
    if (!nnc_fit_state(e, state, x, span, &v))
        return;
    const char *name = nnc_arena_format(e->arena, "%s'", nnc_tensor_at(e->p, state->tensor)->name);
    nnc_value next = nnc_make_tensor(e, name, span, &v, NNC_REDUCE_NONE, NULL, 0);
    nnc_tensor_at(e->p, state->tensor)->next = next.alias;
    state->set = nnc_tensor_entity(e, &next, span);
}

void nnc_set_state(nnc_elaborator *e, const char *name, nnc_span span, nnc_entity *value)
{
    nnc_state *state = nnc_find_state(e, name);
    if (!state) {
        const nnc_local *local = nnc_find_in_bodies(e, name);
        if (local && nnc_is_poison(local->entity))
            return;
        REPORT(e, span, NOT_A_STATE, name);
        return;
    }
    if (state->set) {
        REPORT(e, span, SET_TWICE, name);
        return;
    }
    if (nnc_is_poison(value))
        state->set = value;
    else if (e->at.scope->kind == NNC_BODY_SCAN)
        set_in_scan(e, state, span, value);
    else if (e->at.scope->kind == NNC_BODY_OPTIMIZER)
        set_in_optimizer(e, state, span, value);
    else
        set_in_layer(e, state, span, value);
}

nnc_entity *nnc_primed(nnc_elaborator *e, const nnc_syntax *s)
{
    for (const nnc_scope *scope = e->at.scope; scope; scope = scope->outer)
        for (const nnc_state *state = scope->states; state; state = state->other)
            if (strcmp(state->name, s->text) == 0) {
                if (state->set)
                    return state->set;
                REPORT(e, s->span, PRIME_BEFORE_SET, s->text);
                return &e->poison;
            }
    const nnc_local *local = nnc_find_in_bodies(e, s->text);
    if (!local || !nnc_is_poison(local->entity))
        REPORT(e, s->span, NOT_A_STATE, s->text);
    return &e->poison;
}

/* ---- the scan ---- */

/* Values of one step, stacked along a new first dimension. */
static nnc_entity *stack(nnc_elaborator *e, nnc_entity *x, const nnc_named_index *step, nnc_span span)
{
    nnc_value v;
    if (!nnc_value_of(e, x, span, &v))
        return &e->poison;
    if (v.rank == NNC_MAX_RANK) {
        REPORT(e, span, TOO_MANY_DIMENSIONS, NNC_MAX_RANK);
        return &e->poison;
    }
    nnc_value out = {.rank = v.rank + 1, .element = v.element, .classes = v.classes};
    memcpy(out.extent + 1, v.extent, v.rank * sizeof *v.extent);
    memcpy(out.variable + 1, v.variable, v.rank * sizeof *v.variable);
    out.extent[0] = step->extent;
    out.variable[0] = nnc_new_index(e, NULL, step->extent, span)->variable;
    out.body = nnc_substitute(e->p, v.body, &step->variable, out.variable, 1);
    out.alias = nnc_plain_read(e, &out);
    return nnc_tensor_entity(e, &out, span);
}

static nnc_entity *stack_all(nnc_elaborator *e, nnc_entity *x, const nnc_named_index *step, nnc_span span)
{
    if (x->kind != NNC_ENTITY_TUPLE)
        return stack(e, x, step, span);
    nnc_entity *out = nnc_new_entity(e, NNC_ENTITY_TUPLE, span);
    out->item = NNC_ARRAY(e->arena, nnc_entity *, x->items);
    out->items = x->items;
    for (uint32_t i = 0; i < x->items; i++)
        out->item[i] = nnc_is_poison(x->item[i]) ? x->item[i] : stack(e, x->item[i], step, span);
    return out;
}

static void check_set(nnc_elaborator *e, const nnc_scope *scope)
{
    for (const nnc_state *s = scope->states; s; s = s->other)
        if (!s->set)
            REPORT(e, s->span, STATE_NEVER_SET, s->name);
}

nnc_entity *nnc_scan_value(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_context *outside = NNC_NEW(e->arena, nnc_context);
    int64_t length;
    *outside = e->at;
    if (!nnc_evaluate_whole(e, s->child[0], "the length of a scan", 1, &length) || !nnc_is_free_name(e, s->text, s->name))
        return &e->poison;
    nnc_scan *scan = NNC_NEW(e->arena, nnc_scan);
    nnc_scope *scope = nnc_new_scope(e, e->at.scope->globals, e->at.scope->path, NNC_BODY_SCAN);
    scan->index = nnc_new_index(e, s->text, length, s->name);
    scan->index->given = true;
    scan->index->visible = e->at.visible;
    scan->outer = e->at.scans;
    scope->outer = e->at.scope;
    scope->scan = scan;
    scope->outside = outside;
    e->at.scope = scope;
    e->at.visible = scan->index;
    e->at.scans = scan;
    e->at.dots = NULL;
    nnc_entity *x = nnc_run_body(e, s->child[1], "scan", s->span);
    if (!e->hopeless && e->session->errors == 0)
        check_set(e, scope);
    e->at = *outside;
    return nnc_is_poison(x) ? x : stack_all(e, x, scan->index, s->span);
}
