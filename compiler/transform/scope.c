/* Index variables, what is known of them, and conditions. */
#include <assert.h>
#include "transform/scope.h"

void nnc_scope_open(nnc_scope *scope, nnc_program *p) { *scope = (nnc_scope){.p = p, .first = p->variables}; }

void nnc_scope_open_tensor(nnc_scope *scope, nnc_program *p, const nnc_tensor *t)
{
    nnc_scope_open(scope, p);
    for (uint32_t i = 0; i < (uint32_t)t->rank + t->reduced; i++)
        scope->slot_extent[i] = t->extent[i];
}

nnc_ref nnc_scope_variable(nnc_scope *scope, int64_t extent)
{
    nnc_ref variable = nnc_variable(scope->p);
    uint32_t number = scope->p->variables - 1 - scope->first;
    if (number >= scope->capacity) {
        uint32_t capacity = 2 * number + 32;
        scope->extent = nnc_arena_grow(scope->p->arena, scope->extent, scope->capacity, capacity, sizeof *scope->extent);
        scope->capacity = capacity;
    }
    scope->extent[number] = extent;
    scope->variables = number + 1;
    return variable;
}

static int64_t extent_of(void *context, uint32_t slot)
{
    const nnc_scope *scope = context;
    if (slot < NNC_MAX_SLOTS)
        return scope->slot_extent[slot];
    uint32_t number = slot - NNC_FIRST_VARIABLE - scope->first;
    return slot >= NNC_FIRST_VARIABLE && number < scope->variables ? scope->extent[number] : 0;
}

int64_t nnc_scope_extent(const nnc_scope *scope, nnc_ref index)
{
    return extent_of((void *)scope, (uint32_t)nnc_at(scope->p, index)->integer[0]);
}

void nnc_scope_range(const nnc_scope *scope, nnc_ref integer, int64_t *low, int64_t *high)
{
    nnc_range(scope->p, integer, extent_of, (void *)scope, scope->known, scope->knowns, low, high);
}

void nnc_scope_know(nnc_scope *scope, nnc_ref condition, bool holds)
{
    nnc_program *p = scope->p;
    if (!holds)
        condition = nnc_negate(p, condition);
    if (nnc_at(p, condition)->op == NNC_OP_AND) {
        nnc_ref a = nnc_arg(p, condition, 0), b = nnc_arg(p, condition, 1);
        nnc_scope_know(scope, a, true);
        nnc_scope_know(scope, b, true);
    } else if (!nnc_is_true(p, condition)) {
        NNC_PUSH(p->arena, scope->known, scope->knowns, scope->known_capacity) = condition;
    }
}

/* ---- conditions ---- */

bool nnc_is_zero(const nnc_program *p, nnc_ref ref)
{
    double value;
    return nnc_is_constant(p, ref, &value) && value == 0;
}

bool nnc_is_true(const nnc_program *p, nnc_ref ref)
{
    return nnc_at(p, ref)->op == NNC_OP_TRUTH && nnc_at(p, ref)->integer[0] != 0;
}

nnc_ref nnc_negate(nnc_program *p, nnc_ref condition)
{
    const nnc_node n = *nnc_at(p, condition);
    if (n.op == NNC_OP_WITHIN && n.integer[0] == INT64_MIN)
        return nnc_within(p, nnc_arg(p, condition, 0), n.integer[1] + 1, INT64_MAX);
    if (n.op == NNC_OP_WITHIN && n.integer[1] == INT64_MAX)
        return nnc_within(p, nnc_arg(p, condition, 0), INT64_MIN, n.integer[0] - 1);
    if (n.op == NNC_OP_OR) {
        nnc_ref a = nnc_negate(p, nnc_arg(p, condition, 0)), b = nnc_negate(p, nnc_arg(p, condition, 1));
        return nnc_binary(p, NNC_OP_AND, a, b);
    }
    return nnc_unary(p, NNC_OP_NOT, condition);
}

nnc_ref nnc_both(nnc_program *p, nnc_ref a, nnc_ref b) { return nnc_binary(p, NNC_OP_AND, a, b); }

/* `after`: how many will follow this one, and need room too. */
static void add_condition(nnc_program *p, nnc_guarded *g, nnc_ref condition, uint32_t after)
{
    if (nnc_at(p, condition)->op == NNC_OP_AND && g->conditions + after + 2 <= NNC_MAX_GUARDS) {
        nnc_ref a = nnc_arg(p, condition, 0), b = nnc_arg(p, condition, 1);
        add_condition(p, g, a, after + 1);
        add_condition(p, g, b, after);
        return;
    }
    for (uint32_t i = 0; i < g->conditions; i++)
        if (g->condition[i] == condition)
            return;
    assert(g->conditions < NNC_MAX_GUARDS);
    g->condition[g->conditions++] = condition;
}

void nnc_guarded_of(nnc_program *p, nnc_ref body, nnc_guarded *out)
{
    out->conditions = 0;
    while (nnc_at(p, body)->op == NNC_OP_SELECT && out->conditions < NNC_MAX_GUARDS) {
        nnc_ref condition = nnc_arg(p, body, 0), yes = nnc_arg(p, body, 1), no = nnc_arg(p, body, 2);
        if (nnc_is_zero(p, no)) {
            add_condition(p, out, condition, 0);
            body = yes;
        } else if (nnc_is_zero(p, yes)) {
            add_condition(p, out, nnc_negate(p, condition), 0);
            body = no;
        } else {
            break;
        }
    }
    out->core = body;
}

static bool has_read(const nnc_program *p, nnc_ref ref)
{
    const nnc_node *n = nnc_at(p, ref);
    if (n->op == NNC_OP_READ)
        return true;
    for (uint32_t i = 0; i < n->count; i++)
        if (has_read(p, nnc_arg(p, ref, i)))
            return true;
    return false;
}

nnc_ref nnc_all_of(nnc_program *p, const nnc_ref *condition, uint32_t count)
{
    nnc_ref all = nnc_truth(p, true);
    for (int reads = 0; reads < 2; reads++)
        for (uint32_t i = 0; i < count; i++)
            if (has_read(p, condition[i]) == (reads == 1))
                all = nnc_both(p, all, condition[i]);
    return all;
}

nnc_ref nnc_guarded_body(nnc_program *p, const nnc_guarded *g)
{
    if (nnc_is_zero(p, g->core))
        return g->core;
    return nnc_select(p, nnc_all_of(p, g->condition, g->conditions), g->core, nnc_real(p, 0));
}
