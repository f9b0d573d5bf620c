/* Examples in lanes: where an example has few numbers next to each other (a handful of channels or classes), vectors are better filled by examples. Such tensors are kept in blocks of
 * NNC_BLOCK examples, T[block, .., example of the block]; what reads them as a tensor of examples finds each in its block, and the other way round. Sums over the batch go block by
 * block, so their order is another one, and examples that are not there add nothing: what is summed is made 0 for them, as near to where they come from as can be.
 *
 * Which tensors lie in blocks is a matter of cost: vectors that are filled, against single numbers that are read across. */
#include <math.h>
#include <string.h>
#include "formula/order.h"
#include "transform/lanes.h"
#include "transform/prepare.h"

/* ---- what may lie in blocks ---- */

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
int nnc_example_slot(const nnc_tensor *t) { return nnc_batched(t) ? 0 : batch_slot(t); }

typedef struct looking { nnc_laner *w; nnc_tensor_id id; nnc_ref_map seen; double work; bool own; } looking;

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
    if (!nnc_batched(&p->tensor[of]))
        return;
    const nnc_node *first = &p->node[p->args[n.first]];
    int own = nnc_example_slot(&p->tensor[k->id]);
    k->own &= own >= 0 && nnc_is_index(p, p->args[n.first], (uint32_t)own);
    k->w->may[of] &= first->op == NNC_OP_INDEX;
}

/* Fills reads and readers; what reads examples other than its own is not to be in blocks. */
static void note_reads(nnc_laner *w, nnc_tensor_id id)
{
    nnc_program *p = w->p;
    looking k = {.w = w, .id = id, .own = true};
    if (p->tensor[id].body)
        look(&k, p->tensor[id].body);
    nnc_ref_map_close(&k.seen);
    w->may[id] &= k.own;
    w->work[id] = k.work > 1 ? k.work : 1;
    w->reads[id] = nnc_tensors_read(p, p->tensor[id].body);
    for (const nnc_tensor_id *r = w->reads[id]; *r; r++)
        NNC_PUSH(p->arena, w->readers[*r], w->reader_count[*r], w->reader_capacity[*r]) = id;
}

/* Formulas of the example, and sums over the batch (of which `may` tells whether they may go by blocks); not what is wanted as it is, nor recurrences. */
static void find_candidates(nnc_laner *w, const nnc_tensor_id *root, uint32_t roots)
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
static double across(const nnc_laner *w, nnc_tensor_id id, bool blocks)
{
    const nnc_tensor *t = &w->p->tensor[id];
    double sum = 0;
    for (const nnc_tensor_id *r = w->reads[id]; *r; r++)
        if (nnc_batched(&w->p->tensor[*r]) && w->in[*r] != blocks)
            sum += t->reduce == NNC_REDUCE_NONE ? product(t, 0, t->rank) : (double)nnc_elements(&w->p->tensor[*r]);
    return ACROSS * sum;
}

/* Of an example. */
static double cost_as(const nnc_laner *w, nnc_tensor_id id, bool blocks)
{
    const nnc_tensor *t = &w->p->tensor[id];
    double vectors = w->work[id] * product(t, 0, (uint32_t)t->rank + t->reduced) / NNC_BLOCK, cost = across(w, id, blocks);
    if (blocks && !nnc_batched(t))
        return cost + LANE_SUM * vectors + FOLD * product(t, 0, t->rank) / w->batch;
    return cost + (blocks ? vectors : vectors / filled(t));
}

static double cost_of(const nnc_laner *w, nnc_tensor_id id)
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
static double cost_around(const nnc_laner *w, nnc_tensor_id id)
{
    double cost = cost_of(w, id);
    for (uint32_t i = 0; i < w->reader_count[id]; i++)
        cost += cost_of(w, w->readers[id][i]);
    return cost;
}

static double cost_of_all(const nnc_laner *w)
{
    double cost = 0;
    for (nnc_tensor_id t = 1; t < w->p->tensors; t++)
        cost += cost_of(w, t);
    return cost;
}

static bool turn_over(nnc_laner *w, nnc_tensor_id id)
{
    double before = cost_around(w, id);
    w->in[id] = !w->in[id];
    bool better = cost_around(w, id) < before * (1 - 1e-9);
    w->in[id] = better ? w->in[id] : !w->in[id];
    return better;
}

enum { SWEEPS = 8 };

/* From all that may be in blocks, or from those whose vectors are not half full: one by one, as long as it gets cheaper. Gives the cost of it all. */
static double choose_from(nnc_laner *w, bool *in, double least_filled)
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

static bool choose(nnc_laner *w)
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
static void choose_sums(nnc_laner *w)
{
    for (nnc_tensor_id t = 1; t < w->p->tensors; t++)
        if (w->may[t] && !nnc_batched(&w->p->tensor[t]))
            w->in[t] = w->any_size || cost_as(w, t, true) < cost_as(w, t, false);
}

/* ---- all ---- */

/* Whole blocks, or nearly; and several, for threads. */
enum { LEAST_BLOCKS = 2, MOST_EMPTY = 8 };

static bool fits(int64_t batch)
{
    int64_t whole = nnc_extent_with(NNC_EXTENT_BLOCKS, batch) * NNC_BLOCK;
    return batch >= LEAST_BLOCKS * NNC_BLOCK && (whole - batch) * MOST_EMPTY <= batch;
}

static nnc_laner open_laner(nnc_program *p, int64_t batch, bool any_size)
{
    return (nnc_laner){.p = p, .batch = (double)batch, .any_size = any_size, .may = NNC_ARRAY(p->arena, bool, p->tensors), .work = NNC_ARRAY(p->arena, double, p->tensors), .copy = NNC_ARRAY(p->arena, nnc_tensor_id, p->tensors),
                   .reads = NNC_ARRAY(p->arena, nnc_tensor_id *, p->tensors), .readers = NNC_ARRAY(p->arena, nnc_tensor_id *, p->tensors),
                   .reader_count = NNC_ARRAY(p->arena, uint32_t, p->tensors), .reader_capacity = NNC_ARRAY(p->arena, uint32_t, p->tensors)};
}

bool nnc_use_lanes(nnc_program *p, const nnc_tensor_id *root, uint32_t roots, int64_t batch, bool any_size)
{
    nnc_laner w = open_laner(p, batch, any_size);
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
            nnc_put_in_blocks(&p->tensor[t], nnc_example_slot(&was[t]));
    for (nnc_tensor_id t = 1; t < tensors; t++)
        if (was[t].kind == NNC_KIND_FORMULA)
            nnc_rewrite_for_lanes(&w, t, &was[t]);
    nnc_leave_out_absent(&w, was, tensors);
    return true;
}
