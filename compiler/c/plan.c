/* What stands where in the emitted C: a value used once stands in the expression that uses it, unless something that it reads may have changed by
 * then; a register is declared in the innermost block where each round begins by setting it. */
#include "c/internal.h"
#include "loops/range.h"

/* One block while it is gone through backwards. Positions count its statements from 1. */
typedef struct block_plan {
    const nnc_statement **order;
    uint32_t count, next_store;
    uint32_t *next_set;           /* by register: the nearest later SET */
} block_plan;

typedef struct planner {
    nnc_c_kernel *k;
    const nnc_statement **block;  /* by value: the body of its last noted user */
    uint32_t *user, *point;       /* by value: the position of that user, and of the statement that evaluates it */
    uint32_t *depth;              /* by value: operations above it in its expression */
} planner;

enum { DEEPEST_EXPRESSION = 12 };

/* ---- counting ---- */

static bool is_store(const nnc_statement *s) { return s->kind == NNC_STATEMENT_STORE || s->kind == NNC_STATEMENT_SCATTER; }

static void count_uses(nnc_c_kernel *k, const nnc_statement *body)
{
    for (const nnc_statement *s = body; s; s = s->next) {
        const nnc_value *v = &k->kernel->value[s->value];
        if (s->kind == NNC_STATEMENT_VALUE) {
            for (uint32_t i = 0; i < v->count; i++)
                k->uses[v->args[i]]++;
            if (v->op == NNC_LOOP_GET)
                k->read[v->integer] = true;
            if (v->op == NNC_LOOP_LOAD || v->op == NNC_LOOP_GATHER)
                k->touched[v->integer] = true;
        } else if (s->kind != NNC_STATEMENT_FOR)
            k->uses[s->value]++;
        if (is_store(s))
            k->touched[s->target] = k->stored[s->target] = true;
        if (s->kind == NNC_STATEMENT_PREFETCH)
            k->touched[s->target] = true;
        k->uses[s->at]++;
        k->uses[s->low]++;
        k->uses[s->high]++;
        count_uses(k, s->body);
    }
}

static bool stores(const nnc_statement *body)
{
    for (const nnc_statement *s = body; s; s = s->next)
        if (is_store(s) || stores(s->body))
            return true;
    return false;
}

static void mark_sets(const nnc_statement *body, uint32_t *next_set, uint32_t at)
{
    for (const nnc_statement *s = body; s; s = s->next) {
        if (s->kind == NNC_STATEMENT_SET)
            next_set[s->target] = at;
        mark_sets(s->body, next_set, at);
    }
}

/* ---- inlining ---- */

static bool always_inlined(const nnc_value *v)
{
    return v->op == NNC_LOOP_REAL || v->op == NNC_LOOP_INT || v->op == NNC_LOOP_INDEX || v->op == NNC_LOOP_TRUTH || v->op == NNC_LOOP_BATCH
           || v->op == NNC_LOOP_FIRST || v->op == NNC_LOOP_LAST || v->op == NNC_LOOP_BROADCAST || v->op == NNC_LOOP_IOTA;
}

static bool is_fold(const nnc_value *v) { return v->op == NNC_LOOP_FOLD_ADD || v->op == NNC_LOOP_FOLD_MAX || v->op == NNC_LOOP_FOLD_MIN; }

/* A user that evaluates its argument lane by lane as it does itself; others need the argument by name. */
static bool takes_expressions(const nnc_value *user, const nnc_value *argument)
{
    if (user->op == NNC_LOOP_LANE || user->op == NNC_LOOP_BROADCAST || is_fold(user))
        return false;
    return argument->lanes == user->lanes || (user->op == NNC_LOOP_LOAD && argument->type == NNC_TYPE_INDEX);
}

static bool may_inline(const planner *p, const block_plan *b, nnc_value_id id, const nnc_statement *body)
{
    const nnc_value *v = &p->k->kernel->value[id];
    if (p->k->uses[id] != 1 || p->block[id] != body || p->depth[id] > DEEPEST_EXPRESSION || is_fold(v) || v->op == NNC_LOOP_POW)
        return false;
    const nnc_statement *user = b->order[p->user[id]], *end = b->order[p->point[id]];
    if (user->kind == NNC_STATEMENT_FOR || user->kind == NNC_STATEMENT_IF)
        return false;
    if (user->kind == NNC_STATEMENT_VALUE && !takes_expressions(&p->k->kernel->value[user->value], v))
        return false;
    if (v->op == NNC_LOOP_GET)
        return b->next_set[v->integer] >= p->point[id];
    if (v->op == NNC_LOOP_LOAD || v->op == NNC_LOOP_GATHER)    /* a store of many lanes comes after all lanes are read */
        return b->next_store > p->point[id] || (b->next_store == p->point[id] && p->k->kernel->value[end->value].lanes == 1);
    return true;
}

static void note_use(planner *p, nnc_value_id id, const nnc_statement *body, uint32_t user, uint32_t point, uint32_t depth)
{
    p->block[id] = body;
    p->user[id] = user;
    p->point[id] = point;
    p->depth[id] = depth;
}

static void plan_value(planner *p, const block_plan *b, const nnc_statement *body, uint32_t at)
{
    nnc_value_id id = b->order[at]->value;
    const nnc_value *v = &p->k->kernel->value[id];
    bool joined = !always_inlined(v) && may_inline(p, b, id, body);
    p->k->inlined[id] = joined || always_inlined(v);
    for (uint32_t i = 0; i < v->count; i++)
        note_use(p, v->args[i], body, at, joined ? p->point[id] : at, joined ? p->depth[id] + 1 : 1);
}

static void plan_block(planner *p, const nnc_statement *body)
{
    nnc_arena *arena = p->k->loops->arena;
    uint32_t registers = p->k->kernel->registers;
    block_plan b = {0};
    for (const nnc_statement *s = body; s; s = s->next)
        b.count++;
    b.order = NNC_ARRAY(arena, const nnc_statement *, b.count + 2);
    b.next_set = NNC_ARRAY(arena, uint32_t, registers + 1);
    for (const nnc_statement *s = body; s; s = s->next)
        b.order[++b.next_store] = s;
    b.next_store = b.count + 1;
    for (uint32_t r = 0; r < registers; r++)
        b.next_set[r] = b.count + 1;
    for (uint32_t at = b.count; at >= 1; at--) {
        const nnc_statement *s = b.order[at];
        if (s->kind == NNC_STATEMENT_VALUE) {
            plan_value(p, &b, body, at);
            continue;
        }
        plan_block(p, s->body);
        const nnc_value_id used[4] = {s->value, s->at, s->low, s->high};
        for (int i = 0; i < 4; i++)
            note_use(p, used[i], body, at, at, 1);
        if (s->kind == NNC_STATEMENT_SET)
            b.next_set[s->target] = at;
        mark_sets(s->body, b.next_set, at);
        if (is_store(s) || stores(s->body))
            b.next_store = at;
    }
}

/* ---- where registers are declared ---- */

static bool mentions_directly(const nnc_kernel *k, const nnc_statement *s, uint32_t reg)
{
    const nnc_value *v = &k->value[s->value];
    return s->kind == NNC_STATEMENT_SET ? s->target == reg : s->kind == NNC_STATEMENT_VALUE && v->op == NNC_LOOP_GET && v->integer == (int64_t)reg;
}

static bool mentions(const nnc_kernel *k, const nnc_statement *body, uint32_t reg)
{
    for (const nnc_statement *s = body; s; s = s->next)
        if (mentions_directly(k, s, reg) || mentions(k, s->body, reg))
            return true;
    return false;
}

/* The innermost body with all mentions, if a SET is its first; else the kernel's own, since a value might come from an earlier round. */
static const nnc_statement *home_of(const nnc_kernel *k, const nnc_statement *body, uint32_t reg)
{
    const nnc_statement *first = NULL, *other = NULL;
    for (const nnc_statement *s = body; s && !other; s = s->next)
        if (mentions_directly(k, s, reg) || mentions(k, s->body, reg)) {
            other = first;
            first = first ? first : s;
            other = other ? s : NULL;
        }
    if (!first)
        return k->body;
    if (!other && first->body)
        return home_of(k, first->body, reg);
    return first->kind == NNC_STATEMENT_SET ? body : k->body;
}

void nnc_c_plan(nnc_c_kernel *k)
{
    nnc_arena *arena = k->loops->arena;
    uint32_t values = k->kernel->values + 1, registers = k->kernel->registers + 1;
    k->nonnegative = nnc_nonnegative(arena, k->kernel);
    k->inlined = NNC_ARRAY(arena, bool, values);
    k->uses = NNC_ARRAY(arena, uint32_t, values);
    k->uses_here = NNC_ARRAY(arena, uint32_t, values);
    k->local = NNC_ARRAY(arena, bool, values);
    k->packed = NNC_ARRAY(arena, bool, values);
    k->read = NNC_ARRAY(arena, bool, registers);
    k->home = NNC_ARRAY(arena, const nnc_statement *, registers);
    k->touched = NNC_ARRAY(arena, bool, k->loops->buffers + 1);
    k->stored = NNC_ARRAY(arena, bool, k->loops->buffers + 1);
    count_uses(k, k->kernel->body);
    planner p = {k, NNC_ARRAY(arena, const nnc_statement *, values), NNC_ARRAY(arena, uint32_t, values), NNC_ARRAY(arena, uint32_t, values),
                 NNC_ARRAY(arena, uint32_t, values)};
    plan_block(&p, k->kernel->body);
    for (uint32_t r = 0; r < k->kernel->registers; r++)
        k->home[r] = home_of(k->kernel, k->kernel->body, r);
}
