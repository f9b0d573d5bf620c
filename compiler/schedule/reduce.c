/* The reductions of one tile: what stands in the loops of the reduced slots, for rows and vectors (or columns) of elements at once.
 *
 * A condition that a whole sum stands under is not asked in its loops: where no element of the tile can meet it they are passed over, and elements that do not meet it are set
 * back afterwards. One on a reduced slot bounds its loop; what is left of it to ask, where the tile's rows or lanes differ in it, stands in a loop of its own (clip.c). */
#include <math.h>
#include "formula/build.h"
#include "schedule/tile.h"

double nnc_reduction_start(nnc_reduce reduce)
{
    return reduce == NNC_REDUCE_PROD ? 1 : reduce == NNC_REDUCE_MAX || reduce == NNC_REDUCE_ARGMAX ? -INFINITY : reduce == NNC_REDUCE_MIN || reduce == NNC_REDUCE_ARGMIN ? INFINITY : 0;
}

typedef uint32_t registers[NNC_MAX_PAIRED_ROWS][NNC_MAX_VECTORS];

/* The loops of the reduced slots and what stands inside. */
typedef struct reduction {
    nnc_tile *t;
    nnc_clip clip;                /* the tile's rows and columns; the body as far as its guards are still to be asked */
    uint8_t lanes;
    int first, last;              /* slots with loops: those around blocks have theirs already */
    int part;                     /* sum_lane: which part of the lanes, of t->shape.parts */
    int again;                    /* sum_lane: the first lanes of the vector, which one before had already */
    registers acc;
    nnc_ref guard;                /* of the whole sum, no longer in clip.body; 0 none */
    bool elementwise;             /* the guard differs within the tile */
    bool certain;                 /* it is known to hold here */
    void (*point)(struct reduction *);
} reduction;

/* ---- a point of the sum ---- */

static bool is_zero(const nnc_program *p, nnc_ref ref)
{
    double value;
    return nnc_is_constant(p, ref, &value) && value == 0;
}

static nnc_value_id wide_select(nnc_lower *l, nnc_ref condition, nnc_value_id yes, nnc_value_id no)
{
    return nnc_emit3(l->b, NNC_LOOP_SELECT, nnc_lower_wide(l, nnc_lower_value(l, condition)), yes, no);
}

/* acc + body: products are fused, guarded parts leave acc as it is. */
static nnc_value_id add_body(nnc_lower *l, nnc_ref body, nnc_value_id acc)
{
    bool truth;
    const nnc_program *p = l->s->p;
    const nnc_node n = p->node[body];
    const nnc_ref *args = p->args + n.first;
    nnc_ref a = n.count > 0 ? args[0] : 0, c = n.count > 1 ? args[1] : 0, d = n.count > 2 ? args[2] : 0;
    if (n.op == NNC_OP_MUL) {
        nnc_value_id x = nnc_lower_wide(l, nnc_lower_value(l, a));
        return nnc_emit3(l->b, NNC_LOOP_FMA, x, nnc_lower_wide(l, nnc_lower_value(l, c)), acc);
    }
    if (n.op == NNC_OP_SELECT && nnc_known_truth(l, a, &truth))
        return is_zero(p, truth ? c : d) ? acc : add_body(l, truth ? c : d, acc);
    if (n.op == NNC_OP_SELECT && is_zero(p, d))
        return wide_select(l, a, add_body(l, c, acc), acc);
    if (n.op == NNC_OP_SELECT && is_zero(p, c))
        return wide_select(l, a, acc, add_body(l, d, acc));
    if (n.op == NNC_OP_ADD)
        return add_body(l, c, add_body(l, a, acc));
    return nnc_emit2(l->b, NNC_LOOP_ADD, acc, nnc_lower_wide(l, nnc_lower_value(l, body)));
}

static nnc_value_id combine(nnc_lower *l, nnc_reduce reduce, nnc_ref body, nnc_value_id acc)
{
    if (reduce == NNC_REDUCE_SUM)
        return add_body(l, body, acc);
    nnc_value_id x = nnc_lower_wide(l, nnc_lower_value(l, body));
    return nnc_emit2(l->b, reduce == NNC_REDUCE_PROD ? NNC_LOOP_MUL : reduce == NNC_REDUCE_MAX ? NNC_LOOP_MAX : NNC_LOOP_MIN, acc, x);
}

/* ---- the loops ---- */

static void walk(reduction *r, int slot);

enum { FEW_POINTS = 9, FEW_TERMS = 36 };       /* of a sum whose loops are written out; and those of all elements of the tile */

/* A window of a pooling: its loops would take longer than what is in them. Not in C, whose compilers do that as they see fit. */
static bool is_written_out(const reduction *r)
{
    const nnc_tile *t = r->t;
    int64_t points = 1;
    for (int slot = r->first; slot < r->last; slot++)
        points *= t->t->extent[slot] > 0 && points <= FEW_POINTS ? t->t->extent[slot] : FEW_POINTS + 1;
    return t->nest->s->machine->prefetches && t->shape.sum_lane < 0 && t->shape.block < 0 && points <= FEW_POINTS && points * r->clip.rows * r->clip.columns <= FEW_TERMS;
}

static bool is_index(const nnc_tile *t, nnc_value_id id, int64_t *value)
{
    const nnc_value *v = &t->nest->kernel->value[id];
    *value = v->integer;
    return v->op == NNC_LOOP_INDEX;
}

static void walk_part(reduction *r, int slot, nnc_value_id from, nnc_value_id to, int64_t step)
{
    nnc_tile *t = r->t;
    int64_t low, high;
    r->clip.open[slot] = true;
    if (is_index(t, from, &low) && is_index(t, to, &high) && is_written_out(r)) {
        nnc_count_way(t->nest->s, NNC_WAY_WRITTEN_OUT);
        for (int64_t i = low; i < high; i += step) {
            t->slot[slot] = nnc_emit_index(t->nest->b, i);
            walk(r, slot + 1);
        }
    } else {
        t->slot[slot] = nnc_open_for(t->nest->b, from, to, step);
        walk(r, slot + 1);
        nnc_close(t->nest->b);
    }
    r->clip.open[slot] = false;
}

/* The lane slot of a sum has the innermost loop, over whole vectors as far as the guard lets them matter; what is left is the last lanes of one more, which ends at the end. */
static void walk_lanes(reduction *r)
{
    nnc_tile *t = r->t;
    nnc_builder *b = t->nest->b;
    int slot = t->shape.sum_lane, helds = t->helds;
    int all = r->lanes * t->shape.parts;
    int64_t extent = t->t->extent[slot], rest = extent % all;
    nnc_value_id first = nnc_emit_index(b, 0), from = first, to = nnc_emit_index(b, extent - rest);
    nnc_clip_loop(t, &r->clip, slot, &from, &to, NULL);
    t->helds = helds;                              /* what bounds hold of single elements, they do not of vectors */
    if (from != first)
        from = nnc_emit2(b, NNC_LOOP_IMUL, nnc_emit(b, NNC_LOOP_QUOTIENT, &from, 1, all), nnc_emit_index(b, all));
    nnc_value_id part = nnc_emit_index(b, (int64_t)r->part * r->lanes);
    t->slot[slot] = nnc_emit2(b, NNC_LOOP_IADD, nnc_open_for(b, from, to, all), part);
    r->point(r);
    nnc_close(b);
    if (!rest)
        return;
    t->slot[slot] = nnc_emit2(b, NNC_LOOP_IADD, nnc_emit_index(b, extent - all), part);
    r->again = all - (int)rest;
    r->point(r);
    r->again = 0;
}

/* The slots that move inside of the loops before `slot`: those of the loops to come, and of the tile. */
static uint64_t moving_from(const nnc_tile *t, int slot)
{
    const int tiled[] = {t->shape.lane, t->shape.row, t->shape.beside, t->shape.column, t->shape.sum_lane};
    uint64_t moving = 0;
    for (int i = 0; i < 5; i++)
        if (tiled[i] >= 0)
            moving |= (uint64_t)1 << tiled[i];
    for (int i = slot; i < t->t->rank + t->t->reduced; i++)
        moving |= (uint64_t)1 << i;
    return moving;
}

enum { WORTH_BRANCH = 16 };      /* points of the loops inside, for each vector of the tile: asking once is cheaper than at each of them */

static bool is_worth_settling(const reduction *r, int slot)
{
    int64_t points = 1;
    for (int i = slot; i < r->t->t->rank + r->t->t->reduced; i++)
        points *= nnc_extent_at(r->t->nest->s, r->t->t, i);
    return slot > r->first && (nnc_at_any_size(r->t) || points * r->clip.rows * r->clip.columns >= WORTH_BRANCH);
}

static void walk_loops(reduction *r, int slot);

/* What is left of the sum: under the conditions that are settled by now. */
static void walk(reduction *r, int slot)
{
    nnc_tile *t = r->t;
    int helds = t->helds;
    bool inside = slot < r->last || t->shape.sum_lane >= 0;
    nnc_value_id condition = inside && is_worth_settling(r, slot) ? nnc_settle_conditions(t, &r->clip, moving_from(t, slot)) : 0;
    if (condition)
        nnc_open_if(t->nest->b, condition);
    walk_loops(r, slot);
    if (condition)
        nnc_close(t->nest->b);
    t->helds = helds;
}

static void walk_loops(reduction *r, int slot)
{
    nnc_tile *t = r->t;
    nnc_builder *b = t->nest->b;
    nnc_split split = {0};
    int helds = t->helds;
    if (slot == r->last) {
        if (t->shape.sum_lane >= 0)
            walk_lanes(r);
        else
            r->point(r);
        return;
    }
    if (slot == t->shape.sum_lane) {
        walk(r, slot + 1);
        return;
    }
    nnc_value_id from = nnc_emit_index(b, 0);
    nnc_value_id to = nnc_emit_extent(b, t->t->extent[slot]);
    if (slot == t->shape.block) {
        from = t->low;
        to = t->high;
    }
    nnc_clip_loop(t, &r->clip, slot, &from, &to, &split);
    int certain = t->helds;
    if (split.before)
        walk_part(r, slot, from, split.from, 1);
    if (split.condition)
        t->held[t->helds++] = split.condition;
    walk_part(r, slot, split.before ? split.from : from, split.after ? split.to : to, 1);
    t->helds = certain;
    if (split.after)
        walk_part(r, slot, split.to, to, 1);
    t->helds = helds;
}

enum { MANY_CLASSES = 32 };      /* a branch that is taken more often costs more than the additions that it saves: about 15 cycles where it is guessed wrong */

/* Whether a condition holds seldom: it is that one of many classes, as a lookup has them, is this one. */
static bool is_seldom(const nnc_program *p, nnc_ref condition)
{
    const nnc_node *n = &p->node[condition];
    if (n->op == NNC_OP_AND)
        return is_seldom(p, p->args[n->first]) || is_seldom(p, p->args[n->first + 1]);
    if (n->op != NNC_OP_WITHIN || n->integer[0] != n->integer[1])
        return false;
    nnc_form f;
    nnc_form_of(p, p->args[n->first], &f);
    for (uint32_t i = 0; i < f.terms; i++)
        if (p->node[f.atom[i]].op == NNC_OP_READ && p->tensor[p->node[f.atom[i]].integer[0]].classes >= MANY_CLASSES)
            return true;
    return false;
}

/* Of a sum of if c then e else 0: c, where it holds seldom and for a whole vector or not at all. A row's vectors are then passed over together. 0: none. */
static nnc_ref seldom_guard(const nnc_tile *t, nnc_ref body)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node *n = &p->node[body];
    if (t->t->reduce != NNC_REDUCE_SUM || n->op != NNC_OP_SELECT || !is_zero(p, p->args[n->first + 2]) || !is_seldom(p, p->args[n->first]))
        return 0;
    return t->shape.lane < 0 || !(p->node[p->args[n->first]].slots >> t->shape.lane & 1) ? p->args[n->first] : 0;
}

/* Of a reduction of `if c then e else its start`: c, where it does not move with the sum. 0: none. */
static nnc_ref whole_guard(const nnc_tile *t)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node *n = &p->node[t->t->body];
    uint64_t summed = 0;
    double value;
    for (int slot = t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
        summed |= (uint64_t)1 << slot;
    if (n->op != NNC_OP_SELECT || !nnc_is_constant(p, p->args[n->first + 2], &value) || value != nnc_reduction_start(t->t->reduce) || p->node[p->args[n->first]].slots & summed)
        return 0;
    return p->args[n->first];
}

static bool moves_in_tile(const nnc_tile *t, nnc_ref condition)
{
    const int slots[] = {t->shape.lane, t->shape.row, t->shape.beside, t->shape.column};
    for (int i = 0; i < 4; i++)
        if (slots[i] >= 0 && t->nest->s->p->node[condition].slots >> slots[i] & 1)
            return true;
    return false;
}

/* Where the whole tile stands under one condition, or some of it does: a scalar condition for the loops to be worth walking; 0: always. */
static nnc_value_id worth_walking(reduction *r)
{
    nnc_lower l = nnc_lower_at(r->t, -1, 1);
    nnc_value_id value = 0;
    if (r->elementwise) {
        value = nnc_possible(r->t, &r->clip, r->guard);
    } else {
        nnc_count_way(r->t->nest->s, NNC_WAY_COMMON_GUARD);
        value = nnc_lower_value(&l, r->guard);
    }
    nnc_ref_map_close(&l.done);
    return value;
}

static void find_guard(reduction *r)
{
    nnc_tile *t = r->t;
    bool truth;
    r->guard = seldom_guard(t, t->t->body) ? 0 : whole_guard(t);
    if (!r->guard)
        return;
    nnc_lower l = nnc_lower_at(t, t->shape.lane, r->lanes);
    r->clip.body = nnc_arg(t->nest->s->p, r->clip.body, 1);
    r->certain = nnc_known_truth(&l, r->guard, &truth) && truth;
    r->elementwise = moves_in_tile(t, r->guard);
    nnc_ref_map_close(&l.done);
}

/* All points of the sum, for accumulators that are set to where they start; then `end` (NULL: nothing), for what is made of the sums. Where no element meets the guard, that is made
 * of what they start with. */
static void reduce(reduction *r, void (*end)(reduction *))
{
    nnc_tile *t = r->t;
    nnc_builder *b = t->nest->b;
    find_guard(r);
    nnc_value_id condition = r->guard && !r->certain ? worth_walking(r) : 0;
    bool apart = condition && r->elementwise && end;
    if (condition)
        nnc_open_if(b, condition);
    walk(r, r->first);
    if (apart) {
        end(r);
        nnc_close(b);
        nnc_open_if(b, nnc_emit1(b, NNC_LOOP_NOT, condition));
        t->denied = r->guard;
    } else if (condition) {
        nnc_close(b);
    }
    if (end)
        end(r);
    t->denied = 0;
    if (apart)
        nnc_close(b);
}

static reduction reduction_of(nnc_tile *t, int rows, int columns, uint8_t lanes, void (*point)(reduction *))
{
    reduction r = {.t = t, .clip = {.body = t->t->body, .rows = rows, .columns = columns}, .lanes = lanes, .first = t->shape.block >= 0 ? t->shape.block : t->t->rank,
                   .last = t->t->rank + t->t->reduced, .point = point};
    for (int slot = t->t->rank; slot < r.first; slot++)
        r.clip.open[slot] = true;
    return r;
}

/* ---- the place of the greatest or least ---- */

/* The position among the reduced slots, row-major, as INTs. */
static nnc_value_id flat_position(const nnc_tile *t)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id at = nnc_emit_index(b, 0);
    for (int slot = t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
        at = nnc_emit2(b, NNC_LOOP_IADD, nnc_emit2(b, NNC_LOOP_IMUL, at, nnc_emit_index(b, t->t->extent[slot] < 0 ? 0 : t->t->extent[slot])), t->slot[slot]);
    return nnc_emit1(b, NNC_LOOP_INT_OF, at);
}

/* First place wins; a NaN wins over all. acc[0][0]: the best so far; acc[0][1]: its place. */
static void position_point(reduction *r)
{
    nnc_tile *t = r->t;
    nnc_builder *b = t->nest->b;
    nnc_lower l = nnc_lower_at(t, t->shape.lane, r->lanes);
    uint32_t best = r->acc[0][0], place = r->acc[0][1];
    nnc_value_id x = nnc_lower_wide(&l, nnc_lower_value(&l, t->t->body)), old = nnc_emit_get(b, best);
    bool max = t->t->reduce == NNC_REDUCE_ARGMAX;
    nnc_value_id better = nnc_emit1(b, NNC_LOOP_NOT, nnc_emit2(b, NNC_LOOP_LE, max ? x : old, max ? old : x));      /* or one of them is NaN */
    nnc_value_id take = nnc_emit2(b, NNC_LOOP_AND, better, nnc_emit2(b, NNC_LOOP_EQ, old, old)), at = nnc_lower_wide(&l, flat_position(t));
    nnc_emit_set(b, place, nnc_emit3(b, NNC_LOOP_SELECT, take, at, nnc_emit_get(b, place)));
    nnc_emit_set(b, best, nnc_emit3(b, NNC_LOOP_SELECT, take, x, old));
    nnc_ref_map_close(&l.done);
}

static void emit_position(nnc_tile *t, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    reduction r = reduction_of(t, 1, 1, lanes, position_point);
    nnc_count_way(t->nest->s, NNC_WAY_POSITION);
    r.acc[0][0] = nnc_new_register(b, NNC_TYPE_REAL, lanes);
    r.acc[0][1] = nnc_new_register(b, NNC_TYPE_INT, lanes);
    nnc_emit_set(b, r.acc[0][0], nnc_emit_real(b, nnc_reduction_start(t->t->reduce), lanes));
    nnc_emit_set(b, r.acc[0][1], nnc_emit_int(b, 0, lanes));
    walk(&r, r.first);
    nnc_lower end = nnc_lower_at(t, t->shape.lane, lanes);
    nnc_finish_element(t, &end, nnc_emit_get(b, r.acc[0][1]));
    nnc_ref_map_close(&end.done);
}

/* ---- chains: an output slot in the lanes, or none ---- */

/* Where the sum so far is, for blocks after the first. */
static nnc_value_id start_value(nnc_tile *t, int r, int v, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id start = nnc_emit_real(b, nnc_reduction_start(t->t->reduce), lanes);
    if (!nnc_in_memory(t))
        return start;
    nnc_lower l = nnc_tile_element(t, r, v, t->shape.lane, lanes, t->shape.lane, lanes);
    nnc_value_id so_far = nnc_emit_load(b, t->nest->s->buffer[t->t - t->nest->s->p->tensor], nnc_lower_place(&l), lanes, false);
    return nnc_emit3(b, NNC_LOOP_SELECT, nnc_emit_broadcast(b, t->first, lanes), start, so_far);
}

static nnc_lower chain_element(const reduction *r, int row, int v) { return nnc_tile_element(r->t, row, v, r->t->shape.lane, r->lanes, r->t->shape.lane, r->lanes); }

/* The sum so far; an element that the guard leaves out has what it started with. */
static nnc_value_id chain_value(const reduction *r, nnc_lower *l, int row, int v)
{
    nnc_value_id acc = nnc_emit_get(l->b, r->acc[row][v]);
    if (r->t->denied)
        return nnc_emit_real(l->b, nnc_reduction_start(r->t->t->reduce), r->lanes);
    if (!r->guard || !r->elementwise || r->certain)
        return acc;
    return wide_select(l, r->guard, acc, start_value(r->t, row, v, r->lanes));
}

static void store_chain(const reduction *r)
{
    for (int row = 0; row < r->clip.rows; row++)
        for (int v = 0; v < r->clip.columns; v++) {
            nnc_lower l = chain_element(r, row, v);
            nnc_lower_store(&l, chain_value(r, &l, row, v));
            nnc_ref_map_close(&l.done);
        }
}

static void finish_chain(const reduction *r)
{
    for (int row = 0; row < r->clip.rows; row++)
        for (int v = 0; v < r->clip.columns; v++) {
            nnc_lower l = chain_element(r, row, v);
            nnc_finish_element(r->t, &l, chain_value(r, &l, row, v));
            nnc_ref_map_close(&l.done);
        }
}

static void end_chain(reduction *r)
{
    const nnc_tile *t = r->t;
    if (!nnc_in_memory(t)) {
        finish_chain(r);
        return;
    }
    store_chain(r);
    if (t->nest->group->members == 1)
        return;
    nnc_open_if(t->nest->b, t->last);
    finish_chain(r);
    nnc_close(t->nest->b);
}

static void open_row(nnc_tile *t, int r, nnc_ref guard)
{
    nnc_lower l = nnc_tile_element(t, r, 0, -1, 1, -1, 0);
    nnc_count_way(t->nest->s, NNC_WAY_SELDOM_GUARD);
    nnc_open_if(t->nest->b, nnc_lower_value(&l, guard));
    nnc_ref_map_close(&l.done);
}

static void chain_point(reduction *r)
{
    nnc_tile *t = r->t;
    nnc_builder *b = t->nest->b;
    nnc_ref seldom = seldom_guard(t, r->clip.body), body = seldom ? nnc_arg(t->nest->s->p, r->clip.body, 1) : r->clip.body;
    nnc_load_panels(t, r->clip.columns, r->lanes);
    for (int row = 0; row < r->clip.rows; row++) {
        nnc_value_id copies[NNC_MAX_PANELS];
        if (seldom)
            open_row(t, row, seldom);
        nnc_load_rows(t, r->clip.rows, row, copies);
        for (int v = 0; v < r->clip.columns; v++) {
            nnc_lower l = chain_element(r, row, v);
            nnc_use_panels(t, &l, v);
            nnc_use_rows(t, &l, copies);
            nnc_emit_set(b, r->acc[row][v], combine(&l, t->t->reduce, body, nnc_emit_get(b, r->acc[row][v])));
            nnc_ref_map_close(&l.done);
        }
        if (seldom)
            nnc_close(b);
    }
}

static void emit_chain(nnc_tile *t, int rows, int vectors, uint8_t lanes)
{
    reduction r = reduction_of(t, rows, vectors, lanes, chain_point);
    for (int row = 0; row < rows; row++)
        for (int v = 0; v < vectors; v++) {
            r.acc[row][v] = nnc_new_register(t->nest->b, NNC_TYPE_REAL, lanes);
            nnc_emit_set(t->nest->b, r.acc[row][v], start_value(t, row, v, lanes));
        }
    nnc_prefetch_sums(t, rows, vectors, lanes);
    nnc_prefetch_update(t, rows, vectors, lanes);
    reduce(&r, end_chain);
}

/* ---- a reduced slot in the lanes ---- */

static nnc_lower column_element(const reduction *r, int row, int c, int lane, uint8_t lanes) { return nnc_tile_element(r->t, row, c, lane, lanes, r->t->shape.column, 1); }

static void lane_point(reduction *r)
{
    nnc_tile *t = r->t;
    nnc_builder *b = t->nest->b;
    nnc_value_id counts = 0;
    if (r->again)
        counts = nnc_emit2(b, NNC_LOOP_ILE, nnc_emit_int(b, r->again - r->part * r->lanes, r->lanes), nnc_emit(b, NNC_LOOP_IOTA, NULL, 0, r->lanes));
    for (int row = 0; row < r->clip.rows; row++)
        for (int c = 0; c < r->clip.columns; c++) {
            nnc_lower l = column_element(r, row, c, t->shape.sum_lane, r->lanes);
            nnc_value_id before = nnc_emit_get(b, r->acc[row][c]), after = combine(&l, t->t->reduce, r->clip.body, before);
            nnc_emit_set(b, r->acc[row][c], counts ? nnc_emit3(b, NNC_LOOP_SELECT, counts, after, before) : after);
            nnc_ref_map_close(&l.done);
        }
}

/* How the lanes of a reduction become one, and two parts of them one. */
static const struct { nnc_loop_op lanes, parts; } FOLDS[] = {
    [NNC_REDUCE_SUM] = {NNC_LOOP_FOLD_ADD, NNC_LOOP_ADD}, [NNC_REDUCE_MAX] = {NNC_LOOP_FOLD_MAX, NNC_LOOP_MAX}, [NNC_REDUCE_MIN] = {NNC_LOOP_FOLD_MIN, NNC_LOOP_MIN}};

static void start_lanes(reduction *r)
{
    nnc_builder *b = r->t->nest->b;
    for (int row = 0; row < r->clip.rows; row++)
        for (int c = 0; c < r->clip.columns; c++) {
            r->acc[row][c] = nnc_new_register(b, NNC_TYPE_REAL, r->lanes);
            nnc_emit_set(b, r->acc[row][c], nnc_emit_real(b, nnc_reduction_start(r->t->t->reduce), r->lanes));
        }
}

/* One element: its parts are halved as the lanes of a vector are (fold_add). */
static nnc_value_id folded(const nnc_tile *t, const reduction *part, int row, int c)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id value[NNC_MOST_PARTS];
    for (int i = 0; i < t->shape.parts; i++)
        value[i] = nnc_emit_get(b, part[i].acc[row][c]);
    for (int half = t->shape.parts / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            value[i] = nnc_emit2(b, FOLDS[t->t->reduce].parts, value[i], value[i + half]);
    return nnc_emit1(b, FOLDS[t->t->reduce].lanes, value[0]);
}

static void emit_lane_reduction(nnc_tile *t, int rows, int columns)
{
    nnc_builder *b = t->nest->b;
    reduction part[NNC_MOST_PARTS];
    for (int i = 0; i < t->shape.parts; i++) {
        part[i] = reduction_of(t, rows, columns, (uint8_t)(nnc_sum_lanes(t) / t->shape.parts), lane_point);
        part[i].part = i;
        start_lanes(&part[i]);
        reduce(&part[i], NULL);
    }
    const reduction *r = &part[0];
    for (int row = 0; row < rows; row++)
        for (int c = 0; c < columns; c++) {
            nnc_lower l = column_element(r, row, c, -1, 1);
            nnc_value_id all = folded(t, part, row, c);
            if (r->guard && r->elementwise && !r->certain)
                all = wide_select(&l, r->guard, all, nnc_emit_real(b, nnc_reduction_start(t->t->reduce), 1));
            nnc_finish_element(t, &l, all);
            nnc_ref_map_close(&l.done);
        }
}

void nnc_emit_reduction(nnc_tile *t, int rows, int columns, uint8_t lanes)
{
    if (t->shape.sum_lane >= 0)
        emit_lane_reduction(t, rows, columns);
    else if (t->t->reduce == NNC_REDUCE_ARGMAX || t->t->reduce == NNC_REDUCE_ARGMIN)
        emit_position(t, lanes);
    else
        emit_chain(t, rows, columns, lanes);
}
