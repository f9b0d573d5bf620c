/* Examples in lanes: where an example has few numbers next to each other (a handful of channels or classes), vectors are better filled by examples. Such tensors are kept in blocks of
 * NNC_BLOCK examples, T[block, .., example of the block]; what reads them as a tensor of examples finds each in its block, and the other way round. Sums over the batch go block by
 * block, so their order is another one, and examples that are not there add nothing: what is summed is made 0 for them, as near to where they come from as can be.
 *
 * Which tensors lie in blocks is a matter of cost: vectors that are filled, against single numbers that are read across. */
#include <math.h>
#include <string.h>
#include "formula/order.h"
#include "formula/rebuild.h"
#include "transform/prepare.h"

typedef struct laner {
    nnc_program *p;
    double batch;
    bool any_size;
    bool *may, *in;                /* by tensor: may lie in blocks; does */
    bool *zero;                    /* by tensor: in blocks, and 0 for examples that are not there */
    bool *fragile;                 /* by tensor in blocks: of a 0 in it something might be made that is not finite, and 0 times that is not 0 */
    nnc_tensor_id *made_of;        /* those, as they are found */
    uint32_t made_ofs, made_of_capacity;
    double *work;                  /* by tensor: operations at a point of its body, at least one */
    nnc_tensor_id *copy;           /* by tensor: of it, in blocks or out of them; 0: none yet */
    nnc_tensor_id **reads;         /* by tensor: what its body reads, each once; 0 at the end */
    nnc_tensor_id **readers;
    uint32_t *reader_count, *reader_capacity;
} laner;

/* ---- what may lie in blocks ---- */

static bool is_index(const nnc_program *p, nnc_ref ref, int64_t slot) { return p->node[ref].op == NNC_OP_INDEX && p->node[ref].integer[0] == slot; }

/* The one reduced slot that is over the batch; -1: none, -2: several, or over all the data. */
static int batch_slot(const nnc_tensor *t)
{
    int found = -1;
    for (int slot = t->rank; slot < t->rank + t->reduced; slot++)
        if (t->extent[slot] < 0)
            found = found == -1 && t->extent[slot] == NNC_EXTENT_BATCH ? slot : -2;
    return found;
}

/* A sum over the batch: may go by blocks. */
static bool sums_examples(const nnc_tensor *t)
{
    return t->kind == NNC_KIND_FORMULA && !nnc_batched(t) && t->reduce == NNC_REDUCE_SUM && batch_slot(t) >= 0 && t->rank + t->reduced < NNC_MAX_SLOTS;
}

/* The slot that counts the examples which its body reads. */
static int example_slot(const nnc_tensor *t) { return nnc_batched(t) ? 0 : batch_slot(t); }

typedef struct looking { laner *w; nnc_tensor_id id; nnc_ref_map seen; nnc_tensor_id *list; uint32_t count, capacity; double work; bool own; } looking;

enum { COSTLY = 12 };              /* what an elementary function counts as */

static void look(looking *k, nnc_ref ref)
{
    nnc_program *p = k->w->p;
    const nnc_node n = p->node[ref];
    if (nnc_ref_map_get(&k->seen, ref))
        return;
    nnc_ref_map_put(p->arena, &k->seen, ref, 1);
    for (uint32_t i = 0; i < n.count; i++)
        look(k, p->args[n.first + i]);
    k->own &= n.op != NNC_OP_NEIGHBOUR;
    k->work += nnc_op_rows[n.op].flags & NNC_FLAG_COSTLY ? COSTLY : n.element == NNC_REAL && !(nnc_op_rows[n.op].flags & NNC_FLAG_LEAF);
    if (n.op != NNC_OP_READ)
        return;
    nnc_tensor_id of = (nnc_tensor_id)n.integer[0];
    bool listed = false;
    for (uint32_t i = 0; i < k->count; i++)
        listed |= k->list[i] == of;
    if (!listed)
        NNC_PUSH(p->arena, k->list, k->count, k->capacity) = of;
    if (!nnc_batched(&p->tensor[of]))
        return;
    const nnc_node *first = &p->node[p->args[n.first]];
    k->own &= is_index(p, p->args[n.first], example_slot(&p->tensor[k->id]));
    k->w->may[of] &= first->op == NNC_OP_INDEX;
}

/* Fills reads and readers; what reads examples other than its own is not to be in blocks. */
static void note_reads(laner *w, nnc_tensor_id id)
{
    nnc_program *p = w->p;
    looking k = {.w = w, .id = id, .own = true};
    if (p->tensor[id].body)
        look(&k, p->tensor[id].body);
    nnc_ref_map_close(&k.seen);
    w->may[id] &= k.own;
    w->work[id] = k.work > 1 ? k.work : 1;
    for (uint32_t i = 0; i < k.count; i++)
        NNC_PUSH(p->arena, w->readers[k.list[i]], w->reader_count[k.list[i]], w->reader_capacity[k.list[i]]) = id;
    NNC_PUSH(p->arena, k.list, k.count, k.capacity) = 0;
    w->reads[id] = k.list;
}

/* Formulas of the example, and sums over the batch (of which `may` tells whether they may go by blocks); not what is wanted as it is, nor recurrences. */
static void find_candidates(laner *w, const nnc_tensor_id *root, uint32_t roots)
{
    nnc_program *p = w->p;
    const char *error = NULL;
    nnc_order order = nnc_order_of(p->arena, p, &error);
    bool *stepwise = NNC_ARRAY(p->arena, bool, p->tensors);
    nnc_mark_loops(&order, stepwise);
    for (nnc_tensor_id t = 1; t < p->tensors; t++) {
        const nnc_tensor *x = &p->tensor[t];
        w->may[t] = !stepwise[t] && (sums_examples(x) || (x->kind == NNC_KIND_FORMULA && nnc_batched(x) && batch_slot(x) == -1 && x->rank + x->reduced < NNC_MAX_SLOTS));
    }
    for (uint32_t i = 0; i < roots; i++)
        w->may[root[i]] &= !nnc_batched(&p->tensor[root[i]]);
    for (nnc_tensor_id t = 1; t < p->tensors; t++)
        note_reads(w, t);
}

/* ---- what is worth it ---- */

/* In vectors of NNC_BLOCK numbers: a number that is read across; adding up a block's lanes; a vector of a sum whose lanes are examples, since both factors are read for each tile. */
static const double ACROSS = 1.5, FOLD = 5, LANE_SUM = 1.2;
static const double WORTH = 0.05;     /* of all the work: less is not worth the kernels */

static double product(const nnc_tensor *t, uint32_t first, uint32_t last)
{
    double all = 1;
    for (uint32_t i = first; i < last; i++)
        all *= t->extent[i] > 0 ? (double)t->extent[i] : 1;
    return all;
}

/* How full the vectors are along the last dimension. */
static double filled(const nnc_tensor *t)
{
    int64_t last = t->rank > (nnc_batched(t) ? 1u : 0u) ? t->extent[t->rank - 1] : 1;
    return (double)last / (double)((last + NNC_BLOCK - 1) / NNC_BLOCK * NNC_BLOCK);
}

/* Numbers read across: all of a tensor once where a reduction reads it, for it is copied then; else at each point. */
static double across(const laner *w, nnc_tensor_id id, bool blocks)
{
    const nnc_tensor *t = &w->p->tensor[id];
    double sum = 0;
    for (const nnc_tensor_id *r = w->reads[id]; *r; r++)
        if (nnc_batched(&w->p->tensor[*r]) && w->in[*r] != blocks)
            sum += t->reduce == NNC_REDUCE_NONE ? product(t, 0, t->rank) : (double)nnc_elements(&w->p->tensor[*r]);
    return ACROSS * sum;
}

/* Of an example. */
static double cost_as(const laner *w, nnc_tensor_id id, bool blocks)
{
    const nnc_tensor *t = &w->p->tensor[id];
    double vectors = w->work[id] * product(t, 0, (uint32_t)t->rank + t->reduced) / NNC_BLOCK, cost = across(w, id, blocks);
    if (blocks && !nnc_batched(t))
        return cost + LANE_SUM * vectors + FOLD * product(t, 0, t->rank) / w->batch;
    return cost + (blocks ? vectors : vectors / filled(t));
}

static double cost_of(const laner *w, nnc_tensor_id id)
{
    const nnc_tensor *t = &w->p->tensor[id];
    if (t->kind != NNC_KIND_FORMULA)
        return 0;
    if (nnc_batched(t))
        return cost_as(w, id, w->in[id]);
    double plain = cost_as(w, id, false);
    if (batch_slot(t) == -1)
        return plain / w->batch;
    return w->may[id] ? fmin(plain, cost_as(w, id, true)) : plain;
}

/* Of a tensor and its readers. */
static double cost_around(const laner *w, nnc_tensor_id id)
{
    double cost = cost_of(w, id);
    for (uint32_t i = 0; i < w->reader_count[id]; i++)
        cost += cost_of(w, w->readers[id][i]);
    return cost;
}

static double cost_of_all(const laner *w)
{
    double cost = 0;
    for (nnc_tensor_id t = 1; t < w->p->tensors; t++)
        cost += cost_of(w, t);
    return cost;
}

static bool turn_over(laner *w, nnc_tensor_id id)
{
    double before = cost_around(w, id);
    w->in[id] = !w->in[id];
    bool better = cost_around(w, id) < before * (1 - 1e-9);
    w->in[id] = better ? w->in[id] : !w->in[id];
    return better;
}

enum { SWEEPS = 8 };

/* From all that may be in blocks, or from those whose vectors are not half full: one by one, as long as it gets cheaper. Gives the cost of it all. */
static double choose_from(laner *w, bool *in, double least_filled)
{
    const nnc_program *p = w->p;
    bool changed = true;
    w->in = in;
    for (nnc_tensor_id t = 1; t < p->tensors; t++)
        in[t] = w->may[t] && nnc_batched(&p->tensor[t]) && filled(&p->tensor[t]) <= least_filled;
    for (int sweep = 0; sweep < SWEEPS && changed && !w->any_size; sweep++) {
        changed = false;
        for (nnc_tensor_id t = 1; t < p->tensors; t++)
            changed |= w->may[t] && nnc_batched(&p->tensor[t]) && turn_over(w, t);
    }
    return cost_of_all(w);
}

static bool choose(laner *w)
{
    const nnc_program *p = w->p;
    bool *few = NNC_ARRAY(p->arena, bool, p->tensors), *all = NNC_ARRAY(p->arena, bool, p->tensors), any = false;
    w->in = few;
    double plain = cost_of_all(w), from_few = choose_from(w, few, 0.5), from_all = choose_from(w, all, 1);
    w->in = from_all < from_few || w->any_size ? all : few;
    for (nnc_tensor_id t = 1; t < p->tensors; t++)
        any |= w->in[t];
    return any && (w->any_size || fmin(from_few, from_all) < plain * (1 - WORTH));
}

/* Sums over the batch are in blocks where that is cheaper. */
static void choose_sums(laner *w)
{
    for (nnc_tensor_id t = 1; t < w->p->tensors; t++)
        if (w->may[t] && !nnc_batched(&w->p->tensor[t]))
            w->in[t] = w->any_size || cost_as(w, t, true) < cost_as(w, t, false);
}

/* ---- formulas, rewritten ---- */

/* Of the tensor that is rewritten: the slots of its block and of the example in it, once it is in blocks. */
typedef struct rewriting { laner *w; const nnc_tensor *t; bool in; int slot, last; } rewriting;

static nnc_ref place_of(nnc_program *p, int block, int example) { return nnc_affine(p, NNC_BLOCK, nnc_index(p, (uint32_t)block), 1, nnc_index(p, (uint32_t)example), 0); }

/* The tensor copied over: out of blocks, or into them. One that is there already serves again. */
static nnc_tensor_id copy_across(laner *w, nnc_tensor_id of)
{
    nnc_program *p = w->p;
    const nnc_tensor t = p->tensor[of];
    bool out = nnc_in_blocks(&t);
    const char *name = nnc_arena_format(p->arena, "%s.%s", t.name, out ? "examples" : "blocks");
    uint32_t rank = out ? t.rank - 1u : t.rank + 1u;
    nnc_ref subscript[NNC_MAX_SLOTS];
    int64_t extent[NNC_MAX_SLOTS];
    if (w->copy[of])
        return w->copy[of];
    extent[0] = out ? NNC_EXTENT_BATCH : NNC_EXTENT_BLOCKS;
    for (uint32_t i = 1; i + (out ? 1 : 0) < t.rank; i++) {
        extent[i] = t.extent[i];
        subscript[i] = nnc_index(p, i);
    }
    if (!out)
        extent[rank - 1] = NNC_BLOCK;
    subscript[0] = out ? nnc_quotient(p, nnc_index(p, 0), NNC_BLOCK) : nnc_existing(p, place_of(p, 0, (int)rank - 1));
    if (out)
        subscript[t.rank - 1] = nnc_remainder(p, nnc_index(p, 0), NNC_BLOCK);
    w->copy[of] = nnc_define_slots(p, name, t.span, t.element, t.classes, NNC_REDUCE_NONE, extent, rank, 0, nnc_read(p, of, subscript, t.rank));
    return w->copy[of];
}

/* Read in blocks, by a formula of blocks: of the own block and example. */
static nnc_ref read_own(rewriting *k, nnc_tensor_id of, const nnc_ref *args, uint32_t count)
{
    nnc_program *p = k->w->p;
    nnc_ref at[NNC_MAX_SLOTS];
    for (uint32_t i = 1; i < count; i++)
        at[i] = args[i];
    at[0] = nnc_index(p, (uint32_t)k->slot);
    at[count] = nnc_index(p, (uint32_t)k->last);
    return nnc_read(p, of, at, count + 1);
}

static nnc_ref read_across(rewriting *k, nnc_tensor_id of, const nnc_ref *args, uint32_t count)
{
    nnc_program *p = k->w->p;
    nnc_ref at[NNC_MAX_SLOTS];
    bool copied = k->t->reduce != NNC_REDUCE_NONE;
    for (uint32_t i = 1; i < count; i++)
        at[i] = args[i];
    if (k->in && copied)
        return read_own(k, copy_across(k->w, of), args, count);
    if (k->in) {
        at[0] = nnc_existing(p, args[0]);
        return nnc_read(p, of, at, count);
    }
    if (copied) {
        at[0] = args[0];
        return nnc_read(p, copy_across(k->w, of), at, count);
    }
    at[0] = nnc_quotient(p, args[0], NNC_BLOCK);
    at[count] = nnc_remainder(p, args[0], NNC_BLOCK);
    return nnc_read(p, of, at, count + 1);
}

static nnc_ref replace(nnc_rewriter *r, nnc_ref ref, const nnc_ref *args)
{
    rewriting *k = r->context;
    nnc_program *p = k->w->p;
    const nnc_node n = p->node[ref];
    if (n.op == NNC_OP_INDEX && k->in) {
        int64_t slot = n.integer[0];
        if (slot == k->slot)
            return place_of(p, k->slot, k->last);
        return nnc_index(p, (uint32_t)(slot + (nnc_batched(k->t) && slot >= k->t->rank)));
    }
    nnc_tensor_id of = (nnc_tensor_id)n.integer[0];
    if (n.op != NNC_OP_READ || !nnc_batched(&p->tensor[of]))
        return 0;
    if (k->in && k->w->in[of])
        return read_own(k, of, args, n.count);
    return k->in || k->w->in[of] ? read_across(k, of, args, n.count) : 0;
}

/* Its left side with the block's examples last; a sum over the batch has them as the last index that it sums over. */
static void put_in_blocks(nnc_tensor *t, int slot)
{
    uint32_t slots = (uint32_t)t->rank + t->reduced, last = nnc_batched(t) ? t->rank : slots;
    for (uint32_t i = slots; i > last; i--)
        t->extent[i] = t->extent[i - 1];
    t->extent[last] = NNC_BLOCK;
    t->extent[slot] = NNC_EXTENT_BLOCKS;
    if (last == t->rank && slot == 0)
        t->rank++;
    else
        t->reduced++;
}

/* was: the tensor before. */
static void rewrite(laner *w, nnc_tensor_id id, const nnc_tensor *was)
{
    nnc_program *p = w->p;
    rewriting k = {.w = w, .t = was, .in = w->in[id], .slot = example_slot(was), .last = nnc_batched(was) ? was->rank : was->rank + was->reduced};
    nnc_rewriter r = {.from = p, .to = p, .replace = replace, .context = &k};
    nnc_ref body = nnc_rewrite(&r, was->body);
    nnc_ref_map_close(&r.done);
    p->tensor[id].body = body;
}

/* ---- examples that are not there ---- */

static nnc_ref only_existing(nnc_program *p, nnc_ref value, int block, int example)
{
    nnc_ref exists = nnc_binary(p, NNC_OP_LESS, nnc_to_real(p, place_of(p, block, example)), nnc_count(p, NNC_EXTENT_BATCH));
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

static void note_fragile(laner *w, nnc_ref ref, nnc_ref how, bool tame, nnc_ref_map *seen)
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

static void note_fragile_in(laner *w, nnc_tensor_id id, nnc_ref how)
{
    nnc_ref_map seen = {0}, met = {0};
    note_fragile(w, w->p->tensor[id].body, how, all_tame(w->p, w->p->tensor[id].body, &met), &seen);
    nnc_ref_map_close(&met);
    nnc_ref_map_close(&seen);
}

/* What formulas divide by, give to functions that are not finite everywhere, or ask before they do such things; and all that those are made of. */
static void find_fragile(laner *w, nnc_tensor_id tensors)
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
static double cost_here(const laner *w, nnc_tensor_id id) { return w->fragile[id] ? INFINITY : (double)nnc_elements(&w->p->tensor[id]); }

static double cost_of_zero(const laner *w, nnc_ref ref, int depth);

/* What it costs to make a tensor 0 for them. */
static double cost_of_zeros(const laner *w, nnc_tensor_id id, int depth)
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

static double cost_of_zero(const laner *w, nnc_ref ref, int depth)
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

static void make_zero(laner *w, nnc_ref ref, int depth);

static void make_zeros(laner *w, nnc_tensor_id id, int depth)
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
static void make_zero(laner *w, nnc_ref ref, int depth)
{
    const nnc_program *p = w->p;
    const nnc_node n = p->node[ref];
    nnc_ref a = n.count > 0 ? p->args[n.first] : 0, b = n.count > 1 ? p->args[n.first + 1] : 0;
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

static void leave_out(laner *w, nnc_tensor_id id)
{
    nnc_program *p = w->p;
    const nnc_tensor t = p->tensor[id];
    int block = t.rank;
    while (t.extent[block] != NNC_EXTENT_BLOCKS)
        block++;
    if (cost_of_zero(w, t.body, DEEP) < INFINITY) {
        make_zero(w, t.body, DEEP);
        return;
    }
    nnc_ref body = only_existing(p, t.body, block, t.rank + t.reduced - 1);
    p->tensor[id].body = body;
}

/* ---- all ---- */

/* Whole blocks, or nearly; and several, for threads. */
enum { LEAST_BLOCKS = 2, MOST_EMPTY = 8 };

static bool fits(int64_t batch)
{
    int64_t whole = nnc_extent_with(NNC_EXTENT_BLOCKS, batch) * NNC_BLOCK;
    return batch >= LEAST_BLOCKS * NNC_BLOCK && (whole - batch) * MOST_EMPTY <= batch;
}

static laner open_laner(nnc_program *p, int64_t batch, bool any_size)
{
    return (laner){.p = p, .batch = (double)batch, .any_size = any_size, .may = NNC_ARRAY(p->arena, bool, p->tensors), .work = NNC_ARRAY(p->arena, double, p->tensors), .copy = NNC_ARRAY(p->arena, nnc_tensor_id, p->tensors),
                   .reads = NNC_ARRAY(p->arena, nnc_tensor_id *, p->tensors), .readers = NNC_ARRAY(p->arena, nnc_tensor_id *, p->tensors),
                   .reader_count = NNC_ARRAY(p->arena, uint32_t, p->tensors), .reader_capacity = NNC_ARRAY(p->arena, uint32_t, p->tensors)};
}

bool nnc_use_lanes(nnc_program *p, const nnc_tensor_id *root, uint32_t roots, int64_t batch, bool any_size)
{
    laner w = open_laner(p, batch, any_size);
    nnc_tensor_id tensors = p->tensors;
    if (!any_size && !fits(batch))
        return false;
    find_candidates(&w, root, roots);
    if (!choose(&w))
        return false;
    choose_sums(&w);
    nnc_tensor *was = NNC_ARRAY(p->arena, nnc_tensor, tensors);
    memcpy(was, p->tensor, tensors * sizeof *was);
    for (nnc_tensor_id t = 1; t < tensors; t++)
        if (w.in[t])
            put_in_blocks(&p->tensor[t], example_slot(&was[t]));
    for (nnc_tensor_id t = 1; t < tensors; t++)
        if (was[t].kind == NNC_KIND_FORMULA)
            rewrite(&w, t, &was[t]);
    w.zero = NNC_ARRAY(p->arena, bool, p->tensors);
    find_fragile(&w, tensors);
    for (nnc_tensor_id t = 1; t < tensors; t++)
        if (w.in[t] && !nnc_batched(&was[t]))
            leave_out(&w, t);
    return true;
}
