/* Reverse mode, formulas to formulas. Tensors are taken in the reverse of the order in which they are computed; each gives to every
 * tensor that it reads a contribution: a sum over the indices that the read's subscripts, solved, leave. A tensor's adjoint is the sum of its
 * contributions. Formulas that run together along a recurrence declare their adjoints first, so that these may read one another at t + 1. */
#include <assert.h>
#include "formula/order.h"
#include "transform/scalar.h"
#include "transform/solve.h"
#include "transform/transform.h"

typedef struct contributions { nnc_sum *sum; uint32_t count, capacity; } contributions;

typedef struct differentiation {
    nnc_program *p;
    nnc_scope scope;
    nnc_tensor_id loss, tensors;      /* tensors: how many there were before */
    bool *needed, *varying;           /* the loss depends on it; it depends on what the derivative is by */
    nnc_tensor_id *adjoint;
    nnc_ref **left;                   /* the variables of its contributions, once it has any */
    contributions *contribution;
} differentiation;

/* ---- what lies between ---- */

typedef struct visit_state { bool *marked; nnc_tensor_id *queue; uint32_t count; const bool *varying; bool any; const nnc_program *p; } visit_state;

static bool passes(const nnc_tensor *t)
{
    return t->kind == NNC_KIND_FORMULA && !t->stopped && t->reduce != NNC_REDUCE_ARGMAX && t->reduce != NNC_REDUCE_ARGMIN && t->element == NNC_REAL;
}

static void need(void *context, nnc_ref read)
{
    visit_state *v = context;
    nnc_tensor_id id = (nnc_tensor_id)nnc_at(v->p, read)->integer[0];
    if (!v->marked[id] && !v->p->tensor[id].stopped) {
        v->marked[id] = true;
        v->queue[v->count++] = id;
    }
}

static bool *find_needed(const nnc_program *p, nnc_tensor_id loss)
{
    visit_state v = {.marked = NNC_ARRAY(p->arena, bool, p->tensors), .queue = NNC_ARRAY(p->arena, nnc_tensor_id, p->tensors), .p = p};
    v.marked[loss] = true;
    v.queue[v.count++] = loss;
    for (uint32_t i = 0; i < v.count; i++)
        if (passes(&p->tensor[v.queue[i]]))
            nnc_differentiable_reads(p, p->tensor[v.queue[i]].body, need, &v);
    return v.marked;
}

static void see_varying(void *context, nnc_ref read)
{
    visit_state *v = context;
    v->any |= v->varying[nnc_at(v->p, read)->integer[0]];
}

/* Along recurrences a formula may read a later one, so once through is not always enough. */
static bool *find_varying(const nnc_program *p, const bool *needed, const nnc_tensor_id *by, uint32_t count)
{
    bool *varying = NNC_ARRAY(p->arena, bool, p->tensors), changed = true;
    for (uint32_t i = 0; i < count; i++)
        varying[by[i]] = needed[by[i]];
    while (changed) {
        changed = false;
        for (nnc_tensor_id id = 1; id < p->tensors; id++) {
            visit_state v = {.varying = varying, .p = p};
            if (!needed[id] || varying[id] || !passes(&p->tensor[id]))
                continue;
            nnc_differentiable_reads(p, p->tensor[id].body, see_varying, &v);
            varying[id] = v.any;
            changed |= v.any;
        }
    }
    return varying;
}

bool nnc_depends(const nnc_program *p, nnc_tensor_id loss, nnc_tensor_id tensor) { return find_needed(p, loss)[tensor]; }

static bool is_wanted(void *context, nnc_tensor_id id)
{
    const differentiation *d = context;
    return id < d->tensors && d->varying[id] && !d->p->tensor[id].stopped;
}

/* ---- contributions and their total ---- */

static const nnc_ref *left_of(differentiation *d, nnc_tensor_id id)
{
    const nnc_tensor t = d->p->tensor[id];
    if (!d->left[id]) {
        d->left[id] = NNC_ARRAY(d->p->arena, nnc_ref, t.rank + 1u);
        for (uint32_t i = 0; i < t.rank; i++)
            d->left[id][i] = nnc_scope_variable(&d->scope, t.extent[i]);
    }
    return d->left[id];
}

static void over_extents(const differentiation *d, const nnc_sum *sum, int64_t *extent)
{
    for (uint32_t i = 0; i < sum->count; i++)
        extent[i] = nnc_scope_extent(&d->scope, sum->over[i]);
}

/* A contribution that sums as a tensor of its own, read where it is added. */
static nnc_ref as_read(differentiation *d, nnc_tensor_id id, const nnc_sum *sum)
{
    const nnc_tensor t = d->p->tensor[id];
    int64_t extent[NNC_MAX_SLOTS];
    over_extents(d, sum, extent);
    const char *name = nnc_arena_format(d->p->arena, "d(%s).part", t.name);
    nnc_tensor_id part = nnc_define(d->p, name, t.span, NNC_REDUCE_SUM, d->left[id], t.extent, t.rank, sum->over, extent, sum->count, sum->body);
    d->p->tensor[part].derivative_of = id;
    return nnc_read(d->p, part, d->left[id], t.rank);
}

/* All contributions as one sum: the only one as it is, several as reads and expressions added. */
static nnc_sum total_of(differentiation *d, nnc_tensor_id id)
{
    const contributions *c = &d->contribution[id];
    nnc_sum total = {.body = 0};
    if (c->count == 1)
        return c->sum[0];
    for (uint32_t i = 0; i < c->count; i++) {
        nnc_ref term = c->sum[i].count ? as_read(d, id, &c->sum[i]) : c->sum[i].body;
        total.body = nnc_plus(d->p, total.body, term);
    }
    if (!total.body)
        total.body = nnc_real(d->p, 0);
    return total;
}

static const char *adjoint_name(const differentiation *d, nnc_tensor_id id) { return nnc_arena_format(d->p->arena, "d(%s)", d->p->tensor[id].name); }

static void define_adjoint(differentiation *d, nnc_tensor_id id)
{
    const nnc_tensor t = d->p->tensor[id];
    int64_t extent[NNC_MAX_SLOTS];
    if (id == d->loss || d->contribution[id].count == 0)
        return;
    nnc_sum sum = total_of(d, id);
    over_extents(d, &sum, extent);
    d->adjoint[id] = nnc_define(d->p, adjoint_name(d, id), t.span, sum.count ? NNC_REDUCE_SUM : NNC_REDUCE_NONE, left_of(d, id), t.extent, t.rank, sum.over,
                                extent, sum.count, sum.body);
    d->p->tensor[d->adjoint[id]].derivative_of = id;
}

static void declare_adjoint(differentiation *d, nnc_tensor_id id)
{
    const nnc_tensor t = d->p->tensor[id];
    d->adjoint[id] = nnc_declare(d->p, NNC_KIND_FORMULA, adjoint_name(d, id), t.span, NNC_REAL, 0, t.extent, t.rank);
    d->p->tensor[d->adjoint[id]].derivative_of = id;
}

static void set_adjoint(differentiation *d, nnc_tensor_id id)
{
    int64_t extent[NNC_MAX_SLOTS];
    nnc_sum sum = total_of(d, id);
    over_extents(d, &sum, extent);
    nnc_set_body(d->p, d->adjoint[id], sum.count ? NNC_REDUCE_SUM : NNC_REDUCE_NONE, left_of(d, id), sum.over, extent, sum.count, sum.body);
}

/* ---- what a formula gives to those it reads ---- */

/* The formula with its slots made variables. */
typedef struct opened { nnc_tensor_id id; nnc_ref index[NNC_MAX_SLOTS]; uint32_t rank, reduced; nnc_reduce reduce; nnc_ref body; int64_t extent[NNC_MAX_SLOTS]; } opened;

static opened open_formula(differentiation *d, nnc_tensor_id id)
{
    const nnc_tensor t = d->p->tensor[id];
    opened o = {.id = id, .rank = t.rank, .reduced = t.reduced, .reduce = t.reduce};
    nnc_ref slot[NNC_MAX_SLOTS];
    for (uint32_t i = 0; i < o.rank + o.reduced; i++) {
        o.extent[i] = t.extent[i];
        slot[i] = nnc_index(d->p, i);
        o.index[i] = nnc_scope_variable(&d->scope, t.extent[i]);
    }
    o.body = nnc_substitute(d->p, t.body, slot, o.index, o.rank + o.reduced);
    return o;
}

/* The reduced slots with the batch, whose extent is no number, first: a position among them is then affine in them. */
static uint32_t positions(const opened *o, uint32_t *slot)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < o->reduced; i++)
        if (o->extent[o->rank + i] < 0)
            slot[count++] = o->rank + i;
    assert(count <= 1);
    for (uint32_t i = 0; i < o->reduced; i++)
        if (o->extent[o->rank + i] >= 0)
            slot[count++] = o->rank + i;
    return count;
}

/* T = max(k: e): where the greatest was is kept as a class, and only that place has the derivative. */
static nnc_ref seed_of_choice(differentiation *d, const opened *o, nnc_ref dt)
{
    nnc_program *p = d->p;
    uint32_t slot[NNC_MAX_SLOTS], count = positions(o, slot);
    nnc_ref over[NNC_MAX_SLOTS], place = nnc_integer(p, 0);
    int64_t extent[NNC_MAX_SLOTS];
    for (uint32_t i = 0; i < count; i++) {
        over[i] = o->index[slot[i]];
        extent[i] = o->extent[slot[i]];
        place = nnc_affine(p, extent[i] > 0 ? extent[i] : 1, place, 1, over[i], 0);
    }
    const char *name = nnc_arena_format(p->arena, "%s.place", p->tensor[o->id].name);
    nnc_tensor_id where = nnc_define(p, name, p->tensor[o->id].span, o->reduce == NNC_REDUCE_MAX ? NNC_REDUCE_ARGMAX : NNC_REDUCE_ARGMIN, o->index, o->extent,
                                     o->rank, over, extent, count, o->body);
    nnc_ref difference = nnc_affine(p, 1, place, -1, nnc_read(p, where, o->index, o->rank), 0);
    return nnc_select(p, nnc_within(p, difference, 0, 0), dt, nnc_real(p, 0));
}

/* The slots of T with the batch, where it is one of the reduced, first: a tensor has it nowhere else. */
static void batch_first(const opened *o, nnc_ref *index, int64_t *extent)
{
    uint32_t count = 0;
    for (int batch = 1; batch >= 0; batch--)
        for (uint32_t i = 0; i < o->rank + o->reduced; i++)
            if ((o->extent[i] < 0) == batch) {
                index[count] = o->index[i];
                extent[count++] = o->extent[i];
            }
}

/* T = prod(k: e): the product of all others, without a division (one factor may be 0). */
static nnc_ref seed_of_product(differentiation *d, const opened *o, nnc_ref dt)
{
    nnc_program *p = d->p;
    nnc_ref over[NNC_MAX_SLOTS], index[NNC_MAX_SLOTS], same = nnc_truth(p, true);
    int64_t extent[NNC_MAX_SLOTS];
    for (uint32_t i = 0; i < o->reduced; i++) {
        over[i] = nnc_scope_variable(&d->scope, o->extent[o->rank + i]);
        same = nnc_both(p, same, nnc_within(p, nnc_affine(p, 1, over[i], -1, o->index[o->rank + i], 0), 0, 0));
    }
    assert(o->rank + 2 * o->reduced <= NNC_MAX_SLOTS);
    batch_first(o, index, extent);
    nnc_ref other = nnc_substitute(p, o->body, o->index + o->rank, over, o->reduced);
    const char *name = nnc_arena_format(p->arena, "%s.others", p->tensor[o->id].name);
    nnc_tensor_id others = nnc_define(p, name, p->tensor[o->id].span, NNC_REDUCE_PROD, index, extent, o->rank + o->reduced, over, o->extent + o->rank,
                                      o->reduced, nnc_select(p, same, nnc_real(p, 1), other));
    return nnc_times(p, dt, nnc_read(p, others, index, o->rank + o->reduced));
}

static nnc_ref seed_of(differentiation *d, const opened *o)
{
    nnc_ref dt = o->id == d->loss ? nnc_real(d->p, 1) : nnc_read(d->p, d->adjoint[o->id], o->index, o->rank);
    switch (o->reduce) {
    case NNC_REDUCE_MAX: case NNC_REDUCE_MIN: return seed_of_choice(d, o, dt);
    case NNC_REDUCE_PROD: return seed_of_product(d, o, dt);
    default: return dt;
    }
}

/* sum(unknowns: value where the conditions hold); tidy, or as it is. */
static nnc_sum sum_of(differentiation *d, const nnc_system *s, bool tidy)
{
    nnc_program *p = d->p;
    nnc_sum sum = {.count = s->unknowns, .body = nnc_select(p, nnc_all_of(p, s->condition, s->conditions), s->carried[0], nnc_real(p, 0))};
    assert(s->unknowns <= NNC_MAX_SLOTS);
    for (uint32_t i = 0; i < s->unknowns; i++)
        sum.over[i] = s->unknown[i];
    if (tidy)
        nnc_sum_tidy(&d->scope, &sum);
    return sum;
}

/* The sum over all indices of o for which the read is of the element `left`: solved; where a bound is then beyond the prover, by comparing. */
static nnc_sum solved_sum(differentiation *d, const opened *o, nnc_ref read, nnc_ref derivative, const nnc_ref *left)
{
    nnc_system s = {.scope = &d->scope, .equations = nnc_at(d->p, read)->count, .unknowns = o->rank + o->reduced, .carried = {derivative}, .carrieds = 1};
    for (uint32_t i = 0; i < s.equations; i++)
        s.equation[i] = nnc_affine(d->p, 1, nnc_arg(d->p, read, i), -1, left[i], 0);
    for (uint32_t i = 0; i < s.unknowns; i++)
        s.unknown[i] = o->index[i];
    nnc_system compared = s;
    nnc_solve(&s);
    nnc_sum sum = sum_of(d, &s, true);
    if (nnc_reads_inside(&d->scope, sum.body))
        return sum;
    for (uint32_t i = 0; i < compared.equations; i++)
        compared.condition[compared.conditions++] = nnc_within(d->p, compared.equation[i], 0, 0);
    return sum_of(d, &compared, false);
}

static void contribute(differentiation *d, const opened *o, nnc_ref read, nnc_ref derivative)
{
    nnc_tensor_id to = (nnc_tensor_id)nnc_at(d->p, read)->integer[0];
    nnc_sum sum = solved_sum(d, o, read, derivative, left_of(d, to));
    contributions *c = &d->contribution[to];
    if (!nnc_is_zero(d->p, sum.body))
        NNC_PUSH(d->p->arena, c->sum, c->count, c->capacity) = sum;
}

static void propagate(differentiation *d, nnc_tensor_id id)
{
    if (!passes(&d->p->tensor[id]) || (id != d->loss && !d->adjoint[id]))
        return;
    opened o = open_formula(d, id);
    bool plain = o.reduce == NNC_REDUCE_NONE;
    nnc_derivatives all = nnc_derive(d->p, o.body, seed_of(d, &o), plain ? o.body : 0, plain ? nnc_read(d->p, id, o.index, o.rank) : 0,
                                     (nnc_wanted){is_wanted, d});
    for (uint32_t i = 0; i < all.count; i++)
        contribute(d, &o, all.read[i], all.derivative[i]);
}

/* ---- in reverse order ---- */

static void list_tensors(const nnc_order_item *item, uint32_t items, nnc_tensor_id *list, uint32_t *count)
{
    for (uint32_t i = 0; i < items; i++) {
        if (item[i].tensor)
            list[(*count)++] = item[i].tensor;
        else
            list_tensors(item[i].item, item[i].items, list, count);
    }
}

static void differentiate_loop(differentiation *d, const nnc_order_item *loop)
{
    nnc_tensor_id *member = NNC_ARRAY(d->p->arena, nnc_tensor_id, loop->members + 1);
    uint32_t count = 0, kept = 0;
    list_tensors(loop->item, loop->items, member, &count);
    for (uint32_t i = 0; i < count; i++)
        if (d->varying[member[i]])
            member[kept++] = member[i];
    for (uint32_t i = kept; i-- > 0;)
        declare_adjoint(d, member[i]);
    for (uint32_t i = kept; i-- > 0;)
        propagate(d, member[i]);
    for (uint32_t i = kept; i-- > 0;)
        set_adjoint(d, member[i]);
}

static void differentiate_all(differentiation *d)
{
    const char *error;
    nnc_order order = nnc_order_of(d->p->arena, d->p, &error);
    assert(!error);
    for (uint32_t i = order.items; i-- > 0;) {
        nnc_tensor_id id = order.item[i].tensor;
        if (!id) {
            differentiate_loop(d, &order.item[i]);
        } else if (d->varying[id]) {
            define_adjoint(d, id);
            propagate(d, id);
        }
    }
}

void nnc_differentiate(nnc_program *p, nnc_tensor_id loss, const nnc_tensor_id *by, uint32_t count, nnc_tensor_id *gradient)
{
    differentiation d = {.p = p, .loss = loss, .tensors = p->tensors};
    nnc_scope_open(&d.scope, p);
    d.needed = find_needed(p, loss);
    d.varying = find_varying(p, d.needed, by, count);
    d.adjoint = NNC_ARRAY(p->arena, nnc_tensor_id, p->tensors);
    d.left = NNC_ARRAY(p->arena, nnc_ref *, p->tensors);
    d.contribution = NNC_ARRAY(p->arena, contributions, p->tensors);
    differentiate_all(&d);
    for (uint32_t i = 0; i < count; i++) {
        if (by[i] == loss && !d.adjoint[loss])
            d.adjoint[loss] = nnc_define(p, adjoint_name(&d, loss), p->tensor[loss].span, NNC_REDUCE_NONE, NULL, NULL, 0, NULL, NULL, 0, nnc_real(p, 1));
        else if (d.varying[by[i]] && !d.adjoint[by[i]])
            define_adjoint(&d, by[i]);
        gradient[i] = d.adjoint[by[i]];
    }
}
