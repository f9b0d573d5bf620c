/* The loops of one formula: tiles of rows and vectors, and what stands in them. shape.c chooses. */
#include <assert.h>
#include <math.h>
#include "formula/build.h"
#include "schedule/tile.h"

static bool is_free(const nnc_tile *t, int slot) { return t->nest->fixed[slot] == 0; }

/* ---- the tile ---- */

static nnc_value_id offset(nnc_builder *b, nnc_value_id at, int64_t by) { return by ? nnc_emit2(b, NNC_LOOP_IADD, at, nnc_emit_index(b, by)) : at; }

static nnc_lower lower_at(const nnc_tile *t, int lane, uint8_t lanes)
{
    nnc_lower l = {.s = t->nest->s, .b = t->nest->b, .kernel = t->nest->kernel, .t = t->t, .lane = lane, .lanes = lanes,
                   .ranged = t->range.high ? t->shape.lane : -1, .range = t->range, .held = t->held, .helds = t->helds, .kept = t->once ? t->made : 0};
    if (lane >= 0 && lane == t->shape.lane && lanes > t->t->extent[lane])
        l.present = t->t->extent[lane];
    for (int i = 0; i < t->t->rank + t->t->reduced; i++)
        l.slot[i] = t->slot[i];
    return l;
}

double nnc_reduction_start(nnc_reduce reduce)
{
    return reduce == NNC_REDUCE_PROD ? 1 : reduce == NNC_REDUCE_MAX || reduce == NNC_REDUCE_ARGMAX ? -INFINITY : reduce == NNC_REDUCE_MIN || reduce == NNC_REDUCE_ARGMIN ? INFINITY : 0;
}

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

/* Opens the loops of the reduced slots but `except` and those around blocks, for a tile of rows and columns; they are closed by close_reduced. */
static void open_reduced(nnc_tile *t, int except, nnc_ref body, int rows, int columns)
{
    nnc_builder *b = t->nest->b;
    nnc_clip clip = {.body = body, .rows = rows, .columns = columns};
    int first = t->shape.block >= 0 ? t->shape.block : t->t->rank;
    for (int slot = t->t->rank; slot < first; slot++)
        clip.open[slot] = true;
    for (int slot = first; slot < t->t->rank + t->t->reduced; slot++) {
        if (slot == except)
            continue;
        nnc_value_id low = nnc_emit_index(b, 0);
        nnc_value_id high = t->t->extent[slot] < 0 ? nnc_emit(b, NNC_LOOP_BATCH, NULL, 0, 0) : nnc_emit_index(b, t->t->extent[slot]);
        if (slot == t->shape.block) {
            low = t->low;
            high = t->high;
        }
        nnc_clip_loop(t, &clip, slot, &low, &high);
        t->slot[slot] = nnc_open_for(b, low, high, 1);
        clip.open[slot] = true;
    }
}

static void close_reduced(nnc_tile *t, int except)
{
    t->helds = 0;
    for (int slot = t->shape.block >= 0 ? t->shape.block : t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
        if (slot != except)
            nnc_close(t->nest->b);
}

/* The read of a tensor at its own place, where there is such a node. */
static nnc_ref own_read(const nnc_program *p, nnc_tensor_id id)
{
    const nnc_tensor *t = &p->tensor[id];
    nnc_ref index[NNC_MAX_SLOTS];
    for (uint32_t i = 0; i < t->rank; i++)
        if (!(index[i] = nnc_interned(p, NNC_OP_INDEX, NNC_INTEGER, NULL, 0, i, 0)))
            return 0;
    return nnc_interned(p, NNC_OP_READ, t->element, index, t->rank, id, 0);
}

/* The formula's value is made: what the group makes of it here, then what of all that needs memory is stored. */
static void finish(const nnc_tile *t, nnc_lower *l, nnc_value_id value)
{
    const nnc_scheduler *s = t->nest->s;
    const nnc_group *group = t->nest->group;
    uint32_t members = group ? group->members : 1;
    nnc_tensor_id only = (nnc_tensor_id)(t->t - s->p->tensor);
    const nnc_tensor_id *member = group ? group->member : &only;
    nnc_value_id *made = NNC_ARRAY(s->arena, nnc_value_id, members);
    made[0] = value;
    for (uint32_t m = 1; m < members; m++) {
        nnc_ref read = own_read(s->p, member[m - 1]);
        if (read)
            nnc_ref_map_put(s->arena, &l->done, read, made[m - 1]);
        l->t = &s->p->tensor[member[m]];
        made[m] = nnc_lower_value(l, l->t->body);
    }
    for (uint32_t m = 0; m < members; m++) {
        l->t = &s->p->tensor[member[m]];
        if (s->plan->stored[member[m]])
            nnc_lower_store(l, made[m]);
    }
}

static void emit_map(nnc_tile *t, uint8_t lanes)
{
    nnc_lower l = lower_at(t, t->shape.lane, lanes);
    if (t->shape.lane < 0)
        l.lane = -1;
    finish(t, &l, nnc_lower_value(&l, t->t->body));
    nnc_ref_map_close(&l.done);
}

/* The position among the reduced slots, row-major, as INTs. */
static nnc_value_id flat_position(const nnc_tile *t)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id at = nnc_emit_index(b, 0);
    for (int slot = t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
        at = nnc_emit2(b, NNC_LOOP_IADD, nnc_emit2(b, NNC_LOOP_IMUL, at, nnc_emit_index(b, t->t->extent[slot] < 0 ? 0 : t->t->extent[slot])), t->slot[slot]);
    return nnc_emit1(b, NNC_LOOP_INT_OF, at);
}

/* First place wins; a NaN wins over all. */
static void emit_position(nnc_tile *t, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    nnc_loop_op before = NNC_LOOP_LT;
    nnc_count_way(t->nest->s, NNC_WAY_POSITION);
    uint32_t best = nnc_new_register(b, NNC_TYPE_REAL, lanes), place = nnc_new_register(b, NNC_TYPE_INT, lanes);
    nnc_emit_set(b, best, nnc_emit_real(b, nnc_reduction_start(t->t->reduce), lanes));
    nnc_emit_set(b, place, nnc_emit_int(b, 0, lanes));
    open_reduced(t, -1, t->t->body, 1, 1);
    nnc_lower l = lower_at(t, t->shape.lane, lanes);
    nnc_value_id x = nnc_lower_wide(&l, nnc_lower_value(&l, t->t->body)), old = nnc_emit_get(b, best);
    bool max = t->t->reduce == NNC_REDUCE_ARGMAX;
    nnc_value_id better = nnc_emit2(b, before, max ? old : x, max ? x : old);
    nnc_value_id first_nan = nnc_emit2(b, NNC_LOOP_AND, nnc_emit2(b, NNC_LOOP_NE, x, x), nnc_emit2(b, NNC_LOOP_EQ, old, old));
    nnc_value_id take = nnc_emit2(b, NNC_LOOP_OR, better, first_nan), at = nnc_lower_wide(&l, flat_position(t));
    nnc_emit_set(b, place, nnc_emit3(b, NNC_LOOP_SELECT, take, at, nnc_emit_get(b, place)));
    nnc_emit_set(b, best, nnc_emit3(b, NNC_LOOP_SELECT, take, x, old));
    nnc_ref_map_close(&l.done);
    close_reduced(t, -1);
    nnc_lower end = lower_at(t, t->shape.lane, lanes);
    finish(t, &end, nnc_emit_get(b, place));
    nnc_ref_map_close(&end.done);
}

nnc_lower nnc_tile_element(const nnc_tile *t, int r, int v, int lane, uint8_t lanes, int second, int64_t step)
{
    nnc_lower l = lower_at(t, lane, lanes);
    if (t->shape.row >= 0)
        l.slot[t->shape.row] = offset(t->nest->b, l.slot[t->shape.row], r);
    if (second < 0)
        return l;
    int64_t at = v * step, last = second == t->shape.lane ? t->width - step : at;
    if (at > last) {
        nnc_count_way(t->nest->s, NNC_WAY_OVERLAP);
        l.kept = t->once ? at - last : 0;
        at = last;
    } else if (v > 0) {
        l.kept = 0;
    }
    l.slot[second] = offset(t->nest->b, l.slot[second], at);
    return l;
}

/* Where the sum so far is, for blocks after the first. */
static nnc_value_id start_value(nnc_tile *t, int r, int v, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id start = nnc_emit_real(b, nnc_reduction_start(t->t->reduce), lanes);
    if (t->shape.block < 0)
        return start;
    nnc_lower l = nnc_tile_element(t, r, v, t->shape.lane, lanes, t->shape.lane, lanes);
    nnc_value_id so_far = nnc_emit_load(b, t->nest->s->buffer[t->t - t->nest->s->p->tensor], nnc_lower_place(&l), lanes, false);
    return nnc_emit3(b, NNC_LOOP_SELECT, nnc_emit_broadcast(b, t->first, lanes), start, so_far);
}

static void end_chain(nnc_tile *t, int rows, int vectors, uint8_t lanes, uint32_t acc[NNC_MAX_ROWS][NNC_MAX_VECTORS])
{
    nnc_builder *b = t->nest->b;
    for (int r = 0; r < rows && t->shape.block >= 0; r++)
        for (int v = 0; v < vectors; v++) {
            nnc_lower l = nnc_tile_element(t, r, v, t->shape.lane, lanes, t->shape.lane, lanes);
            nnc_lower_store(&l, nnc_emit_get(b, acc[r][v]));
        }
    if (t->shape.block >= 0 && t->nest->group->members == 1)
        return;
    if (t->shape.block >= 0)
        nnc_open_if(b, t->last);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) {
            nnc_lower l = nnc_tile_element(t, r, v, t->shape.lane, lanes, t->shape.lane, lanes);
            finish(t, &l, nnc_emit_get(b, acc[r][v]));
            nnc_ref_map_close(&l.done);
        }
    if (t->shape.block >= 0)
        nnc_close(b);
}

/* The condition that the whole sum stands under, where it is the same for all of the tile: if c then e else 0, c of other slots alone. 0: none. */
static nnc_ref common_guard(const nnc_tile *t)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node *n = &p->node[t->t->body];
    uint64_t moving = 0;
    for (int slot = t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
        moving |= (uint64_t)1 << slot;
    moving |= t->shape.lane >= 0 ? (uint64_t)1 << t->shape.lane : 0;
    moving |= t->shape.row >= 0 ? (uint64_t)1 << t->shape.row : 0;
    moving |= t->shape.column >= 0 ? (uint64_t)1 << t->shape.column : 0;
    if (t->t->reduce != NNC_REDUCE_SUM || n->op != NNC_OP_SELECT || !is_zero(p, p->args[n->first + 2]) || p->node[p->args[n->first]].slots & moving)
        return 0;
    return p->args[n->first];
}

static bool open_guard(nnc_tile *t)
{
    nnc_ref guard = common_guard(t);
    if (!guard)
        return false;
    nnc_count_way(t->nest->s, NNC_WAY_COMMON_GUARD);
    nnc_lower l = lower_at(t, -1, 1);
    nnc_open_if(t->nest->b, nnc_lower_value(&l, guard));
    nnc_ref_map_close(&l.done);
    return true;
}

static nnc_ref guarded_body(const nnc_tile *t, bool guarded) { return guarded ? nnc_arg(t->nest->s->p, t->t->body, 1) : t->t->body; }

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
static nnc_ref seldom_guard(const nnc_tile *t)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node *n = &p->node[t->t->body];
    if (t->t->reduce != NNC_REDUCE_SUM || n->op != NNC_OP_SELECT || !is_zero(p, p->args[n->first + 2]) || !is_seldom(p, p->args[n->first]))
        return 0;
    return t->shape.lane < 0 || !(p->node[p->args[n->first]].slots >> t->shape.lane & 1) ? p->args[n->first] : 0;
}

static void open_row(nnc_tile *t, int r, nnc_ref guard)
{
    nnc_lower l = nnc_tile_element(t, r, 0, -1, 1, -1, 0);
    nnc_count_way(t->nest->s, NNC_WAY_SELDOM_GUARD);
    nnc_open_if(t->nest->b, nnc_lower_value(&l, guard));
    nnc_ref_map_close(&l.done);
}

static void emit_chain(nnc_tile *t, int rows, int vectors, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    uint32_t acc[NNC_MAX_ROWS][NNC_MAX_VECTORS];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) {
            acc[r][v] = nnc_new_register(b, NNC_TYPE_REAL, lanes);
            nnc_emit_set(b, acc[r][v], start_value(t, r, v, lanes));
        }
    bool guarded = open_guard(t);
    nnc_ref seldom = guarded ? 0 : seldom_guard(t);
    open_reduced(t, -1, guarded_body(t, guarded), rows, vectors);
    nnc_load_panels(t, vectors, lanes);
    for (int r = 0; r < rows; r++) {
        if (seldom)
            open_row(t, r, seldom);
        for (int v = 0; v < vectors; v++) {
            nnc_lower l = nnc_tile_element(t, r, v, t->shape.lane, lanes, t->shape.lane, lanes);
            nnc_use_panels(t, &l, v);
            nnc_emit_set(b, acc[r][v], combine(&l, t->t->reduce, guarded_body(t, guarded || seldom), nnc_emit_get(b, acc[r][v])));
            nnc_ref_map_close(&l.done);
        }
        if (seldom)
            nnc_close(b);
    }
    close_reduced(t, -1);
    if (guarded)
        nnc_close(b);
    end_chain(t, rows, vectors, lanes, acc);
}

/* One pass of a lanes-in-the-sum tile over the reduced slots, the lane slot from low to high by `lanes`. */
static void sum_pass(nnc_tile *t, int rows, int columns, uint8_t lanes, int64_t low, int64_t high, uint32_t acc[NNC_MAX_ROWS][NNC_MAX_VECTORS])
{
    nnc_builder *b = t->nest->b;
    int slot = t->shape.sum_lane;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            acc[r][c] = nnc_new_register(b, NNC_TYPE_REAL, lanes);
            nnc_emit_set(b, acc[r][c], nnc_emit_real(b, nnc_reduction_start(t->t->reduce), lanes));
        }
    bool guarded = open_guard(t);
    open_reduced(t, slot, guarded_body(t, guarded), rows, columns);
    t->slot[slot] = nnc_open_for(b, nnc_emit_index(b, low), nnc_emit_index(b, high), lanes);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            nnc_lower l = nnc_tile_element(t, r, c, lanes > 1 ? slot : -1, lanes, t->shape.column, 1);
            nnc_emit_set(b, acc[r][c], combine(&l, t->t->reduce, guarded_body(t, guarded), nnc_emit_get(b, acc[r][c])));
            nnc_ref_map_close(&l.done);
        }
    nnc_close(b);
    close_reduced(t, slot);
    if (guarded)
        nnc_close(b);
}

/* How the lanes of a reduction become one, and two of them. */
static const struct { nnc_loop_op fold, join; } LANE_OPS[] = {
    [NNC_REDUCE_SUM] = {NNC_LOOP_FOLD_ADD, NNC_LOOP_ADD}, [NNC_REDUCE_MAX] = {NNC_LOOP_FOLD_MAX, NNC_LOOP_MAX}, [NNC_REDUCE_MIN] = {NNC_LOOP_FOLD_MIN, NNC_LOOP_MIN}};

static void emit_lane_sum(nnc_tile *t, int rows, int columns)
{
    nnc_builder *b = t->nest->b;
    uint32_t wide[NNC_MAX_ROWS][NNC_MAX_VECTORS], rest[NNC_MAX_ROWS][NNC_MAX_VECTORS];
    int64_t extent = t->t->extent[t->shape.sum_lane], whole = extent / NNC_SUM_LANES * NNC_SUM_LANES;
    sum_pass(t, rows, columns, NNC_SUM_LANES, 0, whole, wide);
    if (whole < extent)
        sum_pass(t, rows, columns, 1, whole, extent, rest);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            nnc_lower l = nnc_tile_element(t, r, c, -1, 1, t->shape.column, 1);
            nnc_value_id all = nnc_emit1(b, LANE_OPS[t->t->reduce].fold, nnc_emit_get(b, wide[r][c]));
            if (whole < extent)
                all = nnc_emit2(b, LANE_OPS[t->t->reduce].join, all, nnc_emit_get(b, rest[r][c]));
            finish(t, &l, all);
            nnc_ref_map_close(&l.done);
        }
}

static void emit_tile(nnc_tile *t, int rows, int vectors, uint8_t lanes)
{
    if (t->shape.sum_lane >= 0)
        emit_lane_sum(t, rows, vectors);
    else if (t->t->reduce == NNC_REDUCE_NONE)
        emit_map(t, lanes);
    else if (t->t->reduce == NNC_REDUCE_ARGMAX || t->t->reduce == NNC_REDUCE_ARGMIN)
        emit_position(t, lanes);
    else
        emit_chain(t, rows, vectors, lanes);
}

/* ---- the loops around ---- */

static void loop_over(nnc_tile *t, int level, int slot, nnc_value_id low, nnc_value_id high, int64_t step, int rows, int vectors, uint8_t lanes)
{
    t->slot[slot] = nnc_open_for(t->nest->b, low, high, step);
    if (slot == t->shape.lane && t->shape.block >= 0)
        nnc_emit_panels(t, vectors, lanes);
    nnc_emit_level(t, level + 1, rows, vectors, lanes);
    nnc_close(t->nest->b);
}

static void bounds_of(const nnc_tile *t, int slot, nnc_value_id *low, nnc_value_id *high)
{
    nnc_builder *b = t->nest->b;
    *low = nnc_emit_index(b, 0);
    *high = t->t->extent[slot] < 0 ? nnc_emit(b, NNC_LOOP_BATCH, NULL, 0, 0) : nnc_emit_index(b, t->t->extent[slot]);
    if (slot == t->nest->task_slot && t->nest->low) {
        *low = t->nest->low;
        *high = t->nest->high;
    }
}

/* low + the whole steps of (high - low) */
static nnc_value_id whole_steps(nnc_builder *b, nnc_value_id low, nnc_value_id high, int step)
{
    nnc_value_id count = nnc_emit2(b, NNC_LOOP_ISUB, high, low), quotient = nnc_emit(b, NNC_LOOP_QUOTIENT, &count, 1, step);
    return nnc_emit2(b, NNC_LOOP_IADD, low, nnc_emit2(b, NNC_LOOP_IMUL, quotient, nnc_emit_index(b, step)));
}

/* One loop of tiles: rows or columns are how many of the slot a tile takes. */
static void loop_tiles(nnc_tile *t, int level, int slot, nnc_value_id low, nnc_value_id high, int many, int other, uint8_t lanes)
{
    bool rows = slot == t->shape.row;
    loop_over(t, level, slot, low, high, many, rows ? many : other, rows ? other : many, lanes);
}

/* Whole tiles of a slot, then what is left: of an extent that is known in one tile of it; a last block of tasks or of examples may be shorter, and ends in single ones. */
static void loop_tiled(nnc_tile *t, int level, int slot, int many, int other, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id low, high;
    int rest = (int)(nnc_tiled_extent(t, slot) % many);
    bool known = t->t->extent[slot] > 0 && !(slot == t->nest->task_slot && t->nest->low);
    bounds_of(t, slot, &low, &high);
    nnc_value_id middle = known && !rest ? high : whole_steps(b, low, high, many);
    loop_tiles(t, level, slot, low, middle, many, other, lanes);
    if (rest > 1) {
        nnc_value_id next = known ? high : whole_steps(b, middle, high, rest);
        loop_tiles(t, level, slot, middle, next, rest, other, lanes);
        middle = next;
    }
    if (many > 1 && (!known || rest == 1))
        loop_tiles(t, level, slot, middle, high, 1, other, lanes);
}

/* [at, end) of the lane slot: whole tiles of vectors, then one of fewer. Its last vector ends at the end, and is as wide as the others unless it alone is left and a narrower one fits. */
static void loop_lanes(nnc_tile *t, int level, int slot, int64_t at, int64_t end)
{
    nnc_builder *b = t->nest->b;
    uint8_t lanes = nnc_lanes_for(t, end - at);
    int64_t step = (int64_t)t->shape.vectors * lanes, whole = at + (end - at) / step * step, rest = end - whole;
    if (t->over)
        nnc_count_way(t->nest->s, NNC_WAY_OVER_READ);
    t->width = step;
    if (at < whole)
        loop_over(t, level, slot, nnc_emit_index(b, at), nnc_emit_index(b, whole), step, 1, t->shape.vectors, lanes);
    if (!rest)
        return;
    if (rest < lanes && (rest & (rest - 1)) == 0 && !t->over)
        lanes = (uint8_t)rest;
    t->width = rest < lanes ? lanes : rest;
    t->made = t->over ? 0 : t->width - rest;
    if (t->made)
        nnc_count_way(t->nest->s, NNC_WAY_OVERLAP);
    loop_over(t, level, slot, nnc_emit_index(b, t->over ? at : end - t->width), nnc_emit_index(b, end), t->width, 1, (int)((rest + lanes - 1) / lanes), lanes);
    t->made = 0;
}

static void loop_parts(nnc_tile *t, int level, int slot)
{
    int64_t extent = t->t->extent[slot];
    for (int i = 0; i <= t->cuts; i++) {
        t->range = (nnc_slot_range){i ? t->cut[i - 1] : 0, i < t->cuts ? t->cut[i] : extent};
        loop_lanes(t, level, slot, t->range.low, t->range.high);
    }
    t->range = (nnc_slot_range){0, 0};
}

void nnc_emit_level(nnc_tile *t, int level, int rows, int vectors, uint8_t lanes)
{
    nnc_value_id low, high;
    if (level == t->depth) {
        emit_tile(t, rows, vectors, lanes);
        return;
    }
    int slot = t->order[level];
    if (slot == t->shape.lane) {
        loop_parts(t, level, slot);
        return;
    }
    if (slot == t->shape.row || slot == t->shape.column) {
        bool row = slot == t->shape.row;
        loop_tiled(t, level, slot, row ? t->shape.rows : t->shape.vectors, row ? vectors : rows, lanes);
        return;
    }
    bounds_of(t, slot, &low, &high);
    loop_over(t, level, slot, low, high, 1, rows, vectors, lanes);
}

/* Free slots outermost first; the tiled ones are innermost, columns around rows, so that a panel of the vector operand stays near. A sum in blocks
 * has the lanes outermost: what they read is copied once for all the rest. */
static void order_slots(nnc_tile *t)
{
    int tiled[3] = {t->shape.column, t->shape.lane, t->shape.row};
    if (t->shape.block >= 0)
        t->order[t->depth++] = t->shape.lane;
    for (int slot = 0; slot < t->t->rank; slot++)
        if (is_free(t, slot) && slot != tiled[0] && slot != tiled[1] && slot != tiled[2])
            t->order[t->depth++] = slot;
    for (int i = 0; i < 3; i++)
        if (tiled[i] >= 0 && !(t->shape.block >= 0 && tiled[i] == t->shape.lane))
            t->order[t->depth++] = tiled[i];
}

/* Whether an element of the formula, or of what is computed with it, may be stored but once. */
static bool stored_once(const nnc_tile *t, nnc_tensor_id id)
{
    const nnc_plan *plan = t->nest->s->plan;
    bool once = t->shape.block >= 0 || plan->in_place[id];
    for (uint32_t m = 0; t->nest->group && m < t->nest->group->members; m++)
        once |= plan->in_place[t->nest->group->member[m]];
    return once;
}

void nnc_emit_formula(nnc_nest *nest, nnc_tensor_id id)
{
    nnc_tile t = {.nest = nest, .t = &nest->s->p->tensor[id], .width = 1};
    for (int i = 0; i < NNC_MAX_SLOTS; i++)
        t.slot[i] = nest->fixed[i];
    nnc_choose_shape(&t);
    nnc_count_tile(&t);
    t.once = stored_once(&t, id);
    order_slots(&t);
    if (t.shape.block >= 0)
        nnc_emit_blocks(&t);
    else
        nnc_emit_level(&t, 0, 1, t.shape.lane >= 0 ? 1 : t.shape.column >= 0 ? t.shape.vectors : 1, 1);
}
