/* The rules on a whole formula. */
#include <assert.h>
#include <string.h>
#include "transform/simplify.h"

static nnc_scope scope_of(nnc_round *round, const nnc_making *m)
{
    nnc_scope scope;
    nnc_scope_open(&scope, round->to);
    for (uint32_t i = 0; i < m->rank + m->reduced; i++)
        scope.slot_extent[i] = m->extent[i];
    return scope;
}

typedef struct appearance { const nnc_program *p; nnc_sum *sum; nnc_ref_map seen; nnc_ref order[NNC_MAX_SLOTS]; uint32_t count; } appearance;

static void find_appearance(nnc_arena *arena, appearance *a, nnc_ref ref)
{
    if (nnc_ref_map_get(&a->seen, ref))
        return;
    nnc_ref_map_put(arena, &a->seen, ref, 1);
    for (uint32_t i = 0; i < a->sum->count; i++)
        if (a->sum->over[i] == ref)
            a->order[a->count++] = ref;
    for (uint32_t i = 0; i < nnc_at(a->p, ref)->count; i++)
        find_appearance(arena, a, nnc_arg(a->p, ref, i));
}

/* The indices in the order in which the body names them: equal sums are then equal formulas. */
static void sort_over(nnc_round *round, nnc_sum *sum)
{
    appearance a = {.p = round->to, .sum = sum};
    nnc_ref_map_open(&a.seen);
    find_appearance(round->arena, &a, sum->body);
    nnc_ref_map_close(&a.seen);
    if (a.count == sum->count)
        memcpy(sum->over, a.order, sum->count * sizeof *a.order);
}

/* The variables `over` become the slots from rank on. */
static void bind_over(nnc_round *round, const nnc_scope *scope, nnc_making *m, nnc_sum *sum)
{
    nnc_ref to[NNC_MAX_SLOTS];
    int64_t extent[NNC_MAX_SLOTS];
    assert(m->rank + sum->count <= NNC_MAX_SLOTS);
    sort_over(round, sum);
    for (uint32_t i = 0; i < sum->count; i++) {
        to[i] = nnc_index(round->to, m->rank + i);
        extent[i] = nnc_scope_extent(scope, sum->over[i]);
    }
    m->body = nnc_substitute(round->to, sum->body, sum->over, to, sum->count);
    for (uint32_t i = 0; i < sum->count; i++)
        m->extent[m->rank + i] = extent[i];
    m->reduced = sum->count;
    if (m->reduced == 0)
        m->reduce = NNC_REDUCE_NONE;
}

bool nnc_rule_range(nnc_round *round, nnc_making *m)
{
    nnc_scope scope = scope_of(round, m);
    nnc_ref before = m->body;
    uint32_t reduced = m->reduced;
    if (m->reduce != NNC_REDUCE_SUM) {
        m->body = nnc_narrow(&scope, m->body);
        return m->body != before;
    }
    nnc_sum sum = {.count = m->reduced, .body = m->body};
    for (uint32_t i = 0; i < sum.count; i++)
        sum.over[i] = nnc_index(round->to, m->rank + i);
    nnc_sum_tidy(&scope, &sum);
    bind_over(round, &scope, m, &sum);
    return m->body != before || m->reduced != reduced;
}

bool nnc_rule_single(nnc_round *round, nnc_making *m)
{
    nnc_sum left = {.body = m->body};
    nnc_scope scope = scope_of(round, m);
    nnc_ref zero = nnc_integer(round->to, 0);
    if (m->reduce == NNC_REDUCE_NONE || m->reduce == NNC_REDUCE_ARGMAX || m->reduce == NNC_REDUCE_ARGMIN)
        return false;
    for (uint32_t i = 0; i < m->reduced; i++) {
        nnc_ref slot = nnc_index(round->to, m->rank + i);
        if (m->extent[m->rank + i] == 1)
            left.body = nnc_substitute(round->to, left.body, &slot, &zero, 1);
        else
            left.over[left.count++] = slot;
    }
    if (left.count == m->reduced)
        return false;
    bind_over(round, &scope, m, &left);
    return true;
}

bool nnc_making_inside(nnc_round *round, const nnc_making *m)
{
    nnc_scope scope = scope_of(round, m);
    return nnc_reads_inside(&scope, m->body);
}

/* ---- what a sum is made of ---- */

static uint64_t reduced_slots(const nnc_making *m)
{
    uint64_t all = 0;
    for (uint32_t i = m->rank; i < m->rank + m->reduced; i++)
        all |= (uint64_t)1 << i;
    return all;
}

static void part_list(const nnc_program *p, uint64_t reduced, nnc_ref *inner, uint32_t *inners, nnc_ref *outer, uint32_t *outers)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *inners; i++) {
        if (nnc_at(p, inner[i])->slots & reduced)
            inner[kept++] = inner[i];
        else
            outer[(*outers)++] = inner[i];
    }
    *inners = kept;
}

/* The factors without the reduced slots go from `inner` to `outer`. True where there are any, and any is left. */
static bool part_factors(const nnc_program *p, const nnc_making *m, nnc_product *inner, nnc_product *outer)
{
    uint64_t reduced = reduced_slots(m);
    *outer = (nnc_product){.negative = inner->negative};
    inner->negative = false;
    part_list(p, reduced, inner->numerator, &inner->numerators, outer->numerator, &outer->numerators);
    part_list(p, reduced, inner->denominator, &inner->denominators, outer->denominator, &outer->denominators);
    return (outer->negative || outer->numerators || outer->denominators) && inner->numerators + inner->denominators > 0;
}

/* sum(k: core under conditions) as a formula of its own over the left slots that it mentions; `args` receives those slots. */
static nnc_making inner_sum(nnc_round *round, const nnc_making *m, nnc_ref body, nnc_ref *args)
{
    nnc_program *p = round->to;
    nnc_making sum = {.reduce = NNC_REDUCE_SUM, .element = NNC_REAL};
    nnc_ref from[NNC_MAX_SLOTS], to[NNC_MAX_SLOTS];
    uint32_t slots = 0;
    for (uint32_t i = 0; i < m->rank + m->reduced; i++) {
        bool left = i < m->rank;
        if (left && !(nnc_at(p, body)->slots >> i & 1))
            continue;
        from[slots] = nnc_index(p, i);
        to[slots] = nnc_index(p, slots);
        if (left)
            args[sum.rank++] = from[slots];
        else
            sum.reduced++;
        sum.extent[slots++] = m->extent[i];
    }
    sum.body = nnc_substitute(p, body, from, to, slots);
    return sum;
}

static nnc_tensor_id emit_sum(nnc_round *round, const nnc_making *sum)
{
    const nnc_tensor *t = &round->from->tensor[round->current];
    return nnc_round_emit(round, sum, nnc_arena_format(round->arena, "%s.sum", t->name), t->span, t->derivative_of);
}

/* The conditions that lack the reduced slots, which guard the factors too. */
static nnc_ref outer_conditions(nnc_program *p, const nnc_making *m, const nnc_guarded *g)
{
    nnc_ref all = nnc_truth(p, true);
    for (uint32_t i = 0; i < g->conditions; i++)
        if (!(nnc_at(p, g->condition[i])->slots & reduced_slots(m)))
            all = nnc_both(p, all, g->condition[i]);
    return all;
}

static void become_elementwise(nnc_making *m, nnc_ref body)
{
    m->reduce = NNC_REDUCE_NONE;
    m->reduced = 0;
    m->body = body;
}

/* ---- centred sums ---- */

/* ref reads m[args], m = S / n or S * (1 / n) where S is a sum over n values: S's read there, and n; else 0. */
static nnc_ref mean_of(nnc_round *round, nnc_ref ref, double *number, int *batches)
{
    nnc_program *p = round->to;
    nnc_product product;
    nnc_ref total = 0, slot[NNC_MAX_SLOTS];
    if (nnc_at(p, ref)->op == NNC_OP_READ) {
        const nnc_tensor t = p->tensor[nnc_at(p, ref)->integer[0]];
        if (t.kind != NNC_KIND_FORMULA || !t.body || t.reduce != NNC_REDUCE_NONE)
            return 0;
        for (uint32_t i = 0; i < t.rank; i++)
            slot[i] = nnc_index(p, i);
        ref = nnc_substitute(p, t.body, slot, p->args + nnc_at(p, ref)->first, t.rank);
    }
    nnc_product_of(p, ref, &product);
    for (uint32_t i = 0; i < product.numerators; i++)
        if (nnc_at(p, product.numerator[i])->op == NNC_OP_READ && !total) {
            total = product.numerator[i];
            product.numerator[i] = nnc_real(p, 1);
        }
    return total && nnc_number_of(p, nnc_product_ref(p, &product), number, batches) ? total : 0;
}

/* How many values the sum has, as number * count(batch)^batches. */
static void size_of_sum(const nnc_making *m, double *number, int *batches)
{
    *number = 1;
    *batches = 0;
    for (uint32_t i = m->rank; i < m->rank + m->reduced; i++) {
        if (m->extent[i] == NNC_EXTENT_BATCH)
            ++*batches;
        else
            *number *= (double)m->extent[i];
    }
}

/* sum(k: A(k) - m) where m is the mean of A over k is 0; else the round-off of a difference of equals is left, and a pass over A. */
bool nnc_rule_centred(nnc_round *round, nnc_making *m)
{
    nnc_program *p = round->to;
    nnc_ref args[NNC_MAX_SLOTS], a, b;
    double number, size;
    int batches, size_batches;
    if (m->reduce != NNC_REDUCE_SUM || nnc_at(p, m->body)->op != NNC_OP_SUB)
        return false;
    a = nnc_arg(p, m->body, 0);
    b = nnc_arg(p, m->body, 1);
    if (nnc_at(p, b)->slots & reduced_slots(m))
        return false;
    nnc_ref total = mean_of(round, b, &number, &batches);
    if (!total)
        return false;
    nnc_making sum = inner_sum(round, m, a, args);
    nnc_tensor_id same = nnc_round_find(round, &sum);
    size_of_sum(m, &size, &size_batches);
    if (!same || total != nnc_read(p, same, args, sum.rank) || batches != -size_batches || number * size < 0.999999 || number * size > 1.000001)
        return false;
    become_elementwise(m, nnc_real(p, 0));
    return true;
}

/* ---- factors out of sums ---- */

/* sum(k: a * b(k)) = a * sum(k: b(k)), unless the factor's reads are inside only where a condition with k holds. */
bool nnc_rule_factors(nnc_round *round, nnc_making *m)
{
    nnc_program *p = round->to;
    nnc_guarded g;
    nnc_product inner, outer;
    nnc_ref args[NNC_MAX_SLOTS];
    if (m->reduce != NNC_REDUCE_SUM)
        return false;
    nnc_guarded_of(p, m->body, &g);
    nnc_product_of(p, g.core, &inner);
    if (!part_factors(p, m, &inner, &outer))
        return false;
    nnc_ref conditions = outer_conditions(p, m, &g), factor = nnc_product_ref(p, &outer), zero = nnc_real(p, 0);
    nnc_making trial = *m;
    become_elementwise(&trial, nnc_select(p, conditions, factor, zero));
    if (!nnc_making_inside(round, &trial))
        return false;
    g.core = nnc_product_ref(p, &inner);
    nnc_making sum = inner_sum(round, m, nnc_guarded_body(p, &g), args);
    if (nnc_rule_centred(round, &sum)) {
        become_elementwise(m, zero);
        return true;
    }
    nnc_tensor_id id = emit_sum(round, &sum);
    nnc_ref total = nnc_algebra(p, NNC_OP_MUL, (nnc_ref[]){factor, nnc_read(p, id, args, sum.rank)}, 2);
    become_elementwise(m, nnc_select(p, conditions, total, zero));
    return true;
}
