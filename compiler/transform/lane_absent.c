/* Examples of a short block that are not there: computed from one that is, and made 0 for the sums over the batch, as far back as can be: see lanes.c. */
#include <math.h>
#include "transform/lanes.h"

static nnc_ref only_existing(nnc_program *p, nnc_ref value, int block, int example)
{
    nnc_ref exists = nnc_binary(p, NNC_OP_LESS, nnc_to_real(p, nnc_place_in_block(p, (uint32_t)block, (uint32_t)example)), nnc_count(p, NNC_EXTENT_BATCH));
    return nnc_select(p, exists, value, nnc_real(p, 0));
}

enum { DEEP = 8 };

/* Finite whatever finite numbers it is given, unless they are very large. */
static bool is_tame(const nnc_program *p, const nnc_node *n)
{
    double power;
    if (n->op == NNC_OP_POW)
        return nnc_is_constant(p, p->args[n->first + 1], &power) && power >= 0 && power == floor(power);
    return n->op != NNC_OP_DIV && n->op != NNC_OP_MODULO && n->op != NNC_OP_SQRT && n->op != NNC_OP_EXP && n->op != NNC_OP_LOG;
}

static bool all_tame(const nnc_program *p, nnc_ref ref, nnc_ref_map *seen)
{
    const nnc_node *n = &p->node[ref];
    bool tame = is_tame(p, n);
    if (nnc_ref_map_get(seen, ref))
        return true;
    nnc_ref_map_put(p->arena, seen, ref, 1);
    for (uint32_t i = 0; i < n->count && tame; i++)
        tame = all_tame(p, p->args[n->first + i], seen);
    return tame;
}

enum { HARDY = 1, FRAGILE = 2 };   /* of what an expression reads */

static void note_fragile(nnc_laner *w, nnc_ref ref, nnc_ref how, bool tame, nnc_ref_map *seen)
{
    const nnc_program *p = w->p;
    const nnc_node n = p->node[ref];
    if (nnc_ref_map_get(seen, ref) >= how)
        return;
    nnc_ref_map_put(p->arena, seen, ref, how);
    if (n.op == NNC_OP_READ && how == FRAGILE && !w->fragile[n.integer[0]]) {
        w->fragile[n.integer[0]] = true;
        NNC_PUSH(p->arena, w->made_of, w->made_ofs, w->made_of_capacity) = (nnc_tensor_id)n.integer[0];
    }
    for (uint32_t i = 0; i < n.count; i++) {
        bool risky = n.op == NNC_OP_DIV ? i == 1 : n.op == NNC_OP_SELECT ? i == 0 && !tame : !is_tame(p, &n);
        note_fragile(w, p->args[n.first + i], risky ? FRAGILE : how, tame, seen);
    }
}

static void note_fragile_in(nnc_laner *w, nnc_tensor_id id, nnc_ref how)
{
    nnc_ref_map seen = {0}, met = {0};
    note_fragile(w, w->p->tensor[id].body, how, all_tame(w->p, w->p->tensor[id].body, &met), &seen);
    nnc_ref_map_close(&met);
    nnc_ref_map_close(&seen);
}

/* What formulas divide by, give to functions that are not finite everywhere, or ask before they do such things; and all that those are made of. */
static void find_fragile(nnc_laner *w, nnc_tensor_id tensors)
{
    w->fragile = NNC_ARRAY(w->p->arena, bool, w->p->tensors);
    for (nnc_tensor_id t = 1; t < tensors; t++)
        if (w->in[t])
            note_fragile_in(w, t, HARDY);
    for (uint32_t i = 0; i < w->made_ofs; i++)
        if (nnc_in_blocks(&w->p->tensor[w->made_of[i]]))
            note_fragile_in(w, w->made_of[i], FRAGILE);
}

/* To make a tensor 0 where it is computed. */
static double cost_here(const nnc_laner *w, nnc_tensor_id id) { return w->fragile[id] ? INFINITY : (double)nnc_elements(&w->p->tensor[id]); }

static double cost_of_zero(nnc_laner *w, nnc_ref ref, int depth);

/* What it costs to make a tensor 0 for them. */
static double cost_of_zeros(nnc_laner *w, nnc_tensor_id id, int depth)
{
    const nnc_tensor *t = &w->p->tensor[id];
    if (w->zero[id])
        return 0;
    if (!nnc_in_blocks(t) || t->element != NNC_REAL || depth == 0)
        return INFINITY;
    if (t->reduce == NNC_REDUCE_NONE)
        return fmin(cost_here(w, id), cost_of_zero(w, t->body, depth - 1));
    return t->reduce == NNC_REDUCE_SUM ? cost_of_zero(w, t->body, depth - 1) : INFINITY;
}

static double cost_of_node(nnc_laner *w, nnc_ref ref, int depth)
{
    const nnc_program *p = w->p;
    const nnc_node *n = &p->node[ref];
    const nnc_ref *args = p->args + n->first;
    double value;
    if (nnc_is_constant(p, ref, &value))
        return value == 0 ? 0 : INFINITY;
    switch (n->op) {
    case NNC_OP_READ: return cost_of_zeros(w, (nnc_tensor_id)n->integer[0], depth);
    case NNC_OP_MUL: return fmin(cost_of_zero(w, args[0], depth), cost_of_zero(w, args[1], depth));
    case NNC_OP_NEG: case NNC_OP_DIV: return cost_of_zero(w, args[0], depth);
    case NNC_OP_ADD: case NNC_OP_SUB: return cost_of_zero(w, args[0], depth) + cost_of_zero(w, args[1], depth);
    case NNC_OP_SELECT: return cost_of_zero(w, args[1], depth) + cost_of_zero(w, args[2], depth);
    default: return INFINITY;
    }
}

/* Each once: expressions that read many tensors, which read many, would take all day. */
static double cost_of_zero(nnc_laner *w, nnc_ref ref, int depth)
{
    nnc_ref key = ref * (DEEP + 1) + (nnc_ref)depth, known = nnc_ref_map_get(&w->known, key);
    if (known)
        return w->cost[known - 1];
    double cost = cost_of_node(w, ref, depth);
    NNC_PUSH(w->p->arena, w->cost, w->costs, w->cost_capacity) = cost;
    nnc_ref_map_put(w->p->arena, &w->known, key, w->costs);
    return cost;
}

static void make_zero(nnc_laner *w, nnc_ref ref, int depth);

static void make_zeros(nnc_laner *w, nnc_tensor_id id, int depth)
{
    nnc_program *p = w->p;
    nnc_tensor *t = &p->tensor[id];
    if (w->zero[id])
        return;
    w->zero[id] = true;
    if (t->reduce == NNC_REDUCE_NONE && !(cost_of_zero(w, t->body, depth - 1) < cost_here(w, id))) {
        nnc_ref body = only_existing(p, t->body, 0, t->rank - 1);
        p->tensor[id].body = body;
        return;
    }
    make_zero(w, t->body, depth - 1);
}

/* As cost_of_zero reckons. */
static void make_zero(nnc_laner *w, nnc_ref ref, int depth)
{
    const nnc_program *p = w->p;
    const nnc_node n = p->node[ref];
    nnc_ref a = n.count > 0 ? p->args[n.first] : 0, b = n.count > 1 ? p->args[n.first + 1] : 0;
    if (nnc_ref_map_get(&w->made, ref))
        return;
    nnc_ref_map_put(p->arena, &w->made, ref, 1);
    if (n.op == NNC_OP_READ)
        make_zeros(w, (nnc_tensor_id)n.integer[0], depth);
    else if (n.op == NNC_OP_MUL)
        make_zero(w, cost_of_zero(w, a, depth) <= cost_of_zero(w, b, depth) ? a : b, depth);
    else if (n.op == NNC_OP_NEG || n.op == NNC_OP_DIV)
        make_zero(w, a, depth);
    else if (n.op == NNC_OP_SELECT)
        make_zero(w, b, depth), make_zero(w, p->args[n.first + 2], depth);
    else if (n.op == NNC_OP_ADD || n.op == NNC_OP_SUB)
        make_zero(w, a, depth), make_zero(w, b, depth);
}

static void leave_out(nnc_laner *w, nnc_tensor_id id)
{
    nnc_program *p = w->p;
    const nnc_tensor t = p->tensor[id];
    int block = t.rank;
    while (t.extent[block] != NNC_EXTENT_BLOCKS)
        block++;
    w->costs = 0;
    nnc_ref_map_close(&w->known);
    nnc_ref_map_open(&w->known);
    nnc_ref_map_close(&w->made);
    nnc_ref_map_open(&w->made);
    if (cost_of_zero(w, t.body, DEEP) < INFINITY) {
        make_zero(w, t.body, DEEP);
        return;
    }
    nnc_ref body = only_existing(p, t.body, block, t.rank + t.reduced - 1);
    p->tensor[id].body = body;
}

void nnc_leave_out_absent(nnc_laner *w, const nnc_tensor *was, nnc_tensor_id tensors)
{
    w->zero = NNC_ARRAY(w->p->arena, bool, w->p->tensors);
    find_fragile(w, tensors);
    for (nnc_tensor_id t = 1; t < tensors; t++)
        if (w->in[t] && !nnc_batched(&was[t]))
            leave_out(w, t);
    nnc_ref_map_close(&w->known);
    nnc_ref_map_close(&w->made);
}
