/* The loops of one formula: which slot is in the lanes, which is tiled, and the tile itself.
 *
 * A sum is a chain over its reduced slots in order, or, where a long reduced slot of unit stride is what can be read fast, 16 lanes and a fixed
 * tree. Which of the two is told by the formula alone, so tiles, threads and lanes change no bit. */
#include <assert.h>
#include <math.h>
#include "formula/build.h"
#include "schedule/lower.h"

enum { MAX_ROWS = 14, MAX_VECTORS = 4, SUM_LANES = 16 };

typedef struct shape {
    int lane;                     /* output slot in the lanes; -1 none */
    int sum_lane;                 /* reduced slot in the lanes; -1 none */
    int row;                      /* output slot that is tiled; -1 none */
    int column;                   /* sum_lane: a second tiled output slot; -1 none */
    int rows, vectors;            /* tile: rows, and vectors or columns */
} shape;

typedef struct tile {
    nnc_nest *nest;
    const nnc_tensor *t;
    shape shape;
    nnc_value_id slot[NNC_MAX_SLOTS];
    int order[NNC_MAX_SLOTS], depth;       /* free output slots, outermost first */
} tile;

/* ---- choosing ---- */

static int64_t extent_at(const nnc_scheduler *s, const nnc_tensor *t, int slot) { return t->extent[slot] < 0 ? s->request->batch : t->extent[slot]; }

typedef struct strides { const nnc_program *p; uint32_t slot; bool fits; bool any; nnc_ref_map seen; } strides;

/* Whether every read moves by 0 or 1 element with the slot. */
static void look(strides *v, nnc_ref ref)
{
    const nnc_node *n = &v->p->node[ref];
    if (!(n->slots >> v->slot & 1) || nnc_ref_map_get(&v->seen, ref))
        return;
    nnc_ref_map_put(v->p->arena, &v->seen, ref, 1);
    if (n->op == NNC_OP_READ) {
        int64_t stride = nnc_read_stride(v->p, ref, v->slot);
        v->fits &= stride == 0 || stride == 1;
        v->any |= stride == 1;
    }
    for (uint32_t i = 0; i < n->count; i++)
        look(v, v->p->args[n->first + i]);
}

static bool has_unit_strides(const nnc_program *p, nnc_ref body, int slot, bool *any)
{
    strides v = {p, (uint32_t)slot, true, false, {0}};
    look(&v, body);
    nnc_ref_map_close(&v.seen);
    *any = v.any;
    return v.fits;
}

static bool is_free(const tile *t, int slot) { return t->nest->fixed[slot] == 0; }

/* The last reduced slot whose reads are all of unit stride and that is long enough to be worth lanes. */
static int long_reduced_slot(const tile *t)
{
    bool any;
    for (int slot = t->t->rank + t->t->reduced - 1; slot >= t->t->rank; slot--)
        if (t->t->extent[slot] >= SUM_LANES && has_unit_strides(t->nest->s->p, t->t->body, slot, &any) && any)
            return slot;
    return -1;
}

static int last_free_slot(const tile *t)
{
    int slot = t->t->rank - 1;
    return slot >= 0 && is_free(t, slot) && t->t->extent[slot] > 1 ? slot : -1;
}

/* The best number of rows for a slot: the most that divides its extent, within the registers; a batch may end anywhere. */
static int rows_for(const tile *t, int slot, int most)
{
    int64_t extent = extent_at(t->nest->s, t->t, slot);
    for (int rows = most; rows > 1; rows--)
        if (extent % rows == 0)
            return rows;
    return t->t->extent[slot] < 0 && extent >= most ? most : 1;
}

static void choose_rows(tile *t, int avoid, int most)
{
    t->shape.row = -1;
    t->shape.rows = 1;
    for (int slot = 0; slot < t->t->rank; slot++) {
        if (slot == avoid || !is_free(t, slot))
            continue;
        int rows = rows_for(t, slot, most);
        if (rows > 1 && rows >= t->shape.rows) {
            t->shape.row = slot;
            t->shape.rows = rows;
        }
    }
}

static int least(int64_t a, int64_t b) { return (int)(a < b ? a : b); }

static void choose(tile *t)
{
    const nnc_machine *m = t->nest->s->machine;
    bool sum = t->t->reduce == NNC_REDUCE_SUM && t->t->reduced > 0, any;
    int last = last_free_slot(t);
    t->shape = (shape){-1, -1, -1, -1, 1, 1};
    if (m->lanes == 1)
        return;
    bool fits = last >= 0 && t->t->extent[last] > 0 && has_unit_strides(t->nest->s->p, t->t->body, last, &any);
    if (sum && !fits)
        t->shape.sum_lane = long_reduced_slot(t);
    if (t->shape.sum_lane >= 0) {
        int registers = 16 * m->registers * m->lanes / (16 * SUM_LANES);
        t->shape.column = last >= 0 && rows_for(t, last, 4) > 1 ? last : -1;
        t->shape.vectors = t->shape.column >= 0 ? rows_for(t, last, 4) : 1;
        choose_rows(t, last, least(4, (registers - 2) / (t->shape.vectors + 1)));
        return;
    }
    if (last >= 0 && t->t->extent[last] > 0)
        t->shape.lane = last;
    if (!sum || t->shape.lane < 0)
        return;
    t->shape.vectors = least(MAX_VECTORS, (t->t->extent[last] + m->lanes - 1) / m->lanes);
    choose_rows(t, last, least(MAX_ROWS, (m->registers - 2 - t->shape.vectors) / t->shape.vectors));
}

/* ---- the tile ---- */

static nnc_value_id offset(nnc_builder *b, nnc_value_id at, int64_t by) { return by ? nnc_emit2(b, NNC_LOOP_IADD, at, nnc_emit_index(b, by)) : at; }

static nnc_lower lower_at(const tile *t, int lane, uint8_t lanes)
{
    nnc_lower l = {.s = t->nest->s, .b = t->nest->b, .kernel = t->nest->kernel, .t = t->t, .lane = lane, .lanes = lanes};
    for (int i = 0; i < t->t->rank + t->t->reduced; i++)
        l.slot[i] = t->slot[i];
    return l;
}

static double start_of(nnc_reduce reduce)
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
    const nnc_program *p = l->s->p;
    const nnc_node n = p->node[body];
    const nnc_ref *args = p->args + n.first;
    nnc_ref a = n.count > 0 ? args[0] : 0, c = n.count > 1 ? args[1] : 0, d = n.count > 2 ? args[2] : 0;
    if (n.op == NNC_OP_MUL) {
        nnc_value_id x = nnc_lower_wide(l, nnc_lower_value(l, a));
        return nnc_emit3(l->b, NNC_LOOP_FMA, x, nnc_lower_wide(l, nnc_lower_value(l, c)), acc);
    }
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

/* Opens the loops of the reduced slots but `except`; they are closed by close_reduced. */
static void open_reduced(tile *t, int except)
{
    for (int slot = t->t->rank; slot < t->t->rank + t->t->reduced; slot++) {
        if (slot == except)
            continue;
        nnc_value_id high = t->t->extent[slot] < 0 ? nnc_emit(t->nest->b, NNC_LOOP_BATCH, NULL, 0, 0) : nnc_emit_index(t->nest->b, t->t->extent[slot]);
        t->slot[slot] = nnc_open_for(t->nest->b, nnc_emit_index(t->nest->b, 0), high, 1);
    }
}

static void close_reduced(tile *t, int except)
{
    for (int slot = t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
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
static void finish(const tile *t, nnc_lower *l, nnc_value_id value)
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

static void emit_map(tile *t, uint8_t lanes)
{
    nnc_lower l = lower_at(t, t->shape.lane, lanes);
    if (t->shape.lane < 0)
        l.lane = -1;
    finish(t, &l, nnc_lower_value(&l, t->t->body));
    nnc_ref_map_close(&l.done);
}

/* The position among the reduced slots, row-major, as INTs. */
static nnc_value_id flat_position(const tile *t)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id at = nnc_emit_index(b, 0);
    for (int slot = t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
        at = nnc_emit2(b, NNC_LOOP_IADD, nnc_emit2(b, NNC_LOOP_IMUL, at, nnc_emit_index(b, t->t->extent[slot] < 0 ? 0 : t->t->extent[slot])), t->slot[slot]);
    return nnc_emit1(b, NNC_LOOP_INT_OF, at);
}

/* First place wins; a NaN wins over all. */
static void emit_position(tile *t, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    nnc_loop_op before = NNC_LOOP_LT;
    uint32_t best = nnc_new_register(b, NNC_TYPE_REAL, lanes), place = nnc_new_register(b, NNC_TYPE_INT, lanes);
    nnc_emit_set(b, best, nnc_emit_real(b, start_of(t->t->reduce), lanes));
    nnc_emit_set(b, place, nnc_emit_int(b, 0, lanes));
    open_reduced(t, -1);
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

/* The lower for tile element (r, v): row + r, lane or column + v * step. */
static nnc_lower element_at(const tile *t, int r, int v, int lane, uint8_t lanes, int second, int64_t step)
{
    nnc_lower l = lower_at(t, lane, lanes);
    if (t->shape.row >= 0)
        l.slot[t->shape.row] = offset(t->nest->b, l.slot[t->shape.row], r);
    if (second >= 0)
        l.slot[second] = offset(t->nest->b, l.slot[second], v * step);
    return l;
}

static void emit_chain(tile *t, int rows, int vectors, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    uint32_t acc[MAX_ROWS][MAX_VECTORS];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) {
            acc[r][v] = nnc_new_register(b, NNC_TYPE_REAL, lanes);
            nnc_emit_set(b, acc[r][v], nnc_emit_real(b, start_of(t->t->reduce), lanes));
        }
    open_reduced(t, -1);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) {
            nnc_lower l = element_at(t, r, v, t->shape.lane, lanes, t->shape.lane, lanes);
            nnc_emit_set(b, acc[r][v], combine(&l, t->t->reduce, t->t->body, nnc_emit_get(b, acc[r][v])));
            nnc_ref_map_close(&l.done);
        }
    close_reduced(t, -1);
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++) {
            nnc_lower l = element_at(t, r, v, t->shape.lane, lanes, t->shape.lane, lanes);
            finish(t, &l, nnc_emit_get(b, acc[r][v]));
            nnc_ref_map_close(&l.done);
        }
}

/* One pass of a lanes-in-the-sum tile over the reduced slots, the lane slot from low to high by `lanes`. */
static void sum_pass(tile *t, int rows, int columns, uint8_t lanes, int64_t low, int64_t high, uint32_t acc[MAX_ROWS][MAX_VECTORS])
{
    nnc_builder *b = t->nest->b;
    int slot = t->shape.sum_lane;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            acc[r][c] = nnc_new_register(b, NNC_TYPE_REAL, lanes);
            nnc_emit_set(b, acc[r][c], nnc_emit_real(b, 0, lanes));
        }
    open_reduced(t, slot);
    t->slot[slot] = nnc_open_for(b, nnc_emit_index(b, low), nnc_emit_index(b, high), lanes);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            nnc_lower l = element_at(t, r, c, lanes > 1 ? slot : -1, lanes, t->shape.column, 1);
            nnc_emit_set(b, acc[r][c], add_body(&l, t->t->body, nnc_emit_get(b, acc[r][c])));
            nnc_ref_map_close(&l.done);
        }
    nnc_close(b);
    close_reduced(t, slot);
}

static void emit_lane_sum(tile *t, int rows, int columns)
{
    nnc_builder *b = t->nest->b;
    uint32_t wide[MAX_ROWS][MAX_VECTORS], rest[MAX_ROWS][MAX_VECTORS];
    int64_t extent = t->t->extent[t->shape.sum_lane], whole = extent / SUM_LANES * SUM_LANES;
    sum_pass(t, rows, columns, SUM_LANES, 0, whole, wide);
    if (whole < extent)
        sum_pass(t, rows, columns, 1, whole, extent, rest);
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            nnc_lower l = element_at(t, r, c, -1, 1, t->shape.column, 1);
            nnc_value_id sum = nnc_emit1(b, NNC_LOOP_FOLD_ADD, nnc_emit_get(b, wide[r][c]));
            if (whole < extent)
                sum = nnc_emit2(b, NNC_LOOP_ADD, sum, nnc_emit_get(b, rest[r][c]));
            finish(t, &l, sum);
            nnc_ref_map_close(&l.done);
        }
}

static void emit_tile(tile *t, int rows, int vectors, uint8_t lanes)
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

static void emit_level(tile *t, int level, int rows, int vectors, uint8_t lanes);

static void loop_over(tile *t, int level, int slot, nnc_value_id low, nnc_value_id high, int64_t step, int rows, int vectors, uint8_t lanes)
{
    t->slot[slot] = nnc_open_for(t->nest->b, low, high, step);
    emit_level(t, level + 1, rows, vectors, lanes);
    nnc_close(t->nest->b);
}

static void bounds_of(const tile *t, int slot, nnc_value_id *low, nnc_value_id *high)
{
    nnc_builder *b = t->nest->b;
    *low = nnc_emit_index(b, 0);
    *high = t->t->extent[slot] < 0 ? nnc_emit(b, NNC_LOOP_BATCH, NULL, 0, 0) : nnc_emit_index(b, t->t->extent[slot]);
    if (slot == 0 && t->nest->low) {
        *low = t->nest->low;
        *high = t->nest->high;
    }
}

static void loop_rows(tile *t, int level, int slot, int vectors, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id low, high;
    int rows = t->shape.rows;
    bounds_of(t, slot, &low, &high);
    if (t->t->extent[slot] > 0 && t->t->extent[slot] % rows == 0 && !(slot == 0 && t->nest->low)) {
        loop_over(t, level, slot, low, high, rows, rows, vectors, lanes);
        return;
    }
    nnc_value_id count = nnc_emit2(b, NNC_LOOP_ISUB, high, low);
    nnc_value_id whole = nnc_emit2(b, NNC_LOOP_IMUL, nnc_emit(b, NNC_LOOP_QUOTIENT, &count, 1, rows), nnc_emit_index(b, rows));
    nnc_value_id middle = nnc_emit2(b, NNC_LOOP_IADD, low, whole);
    loop_over(t, level, slot, low, middle, rows, rows, vectors, lanes);
    loop_over(t, level, slot, middle, high, 1, 1, vectors, lanes);
}

/* Whole tiles of vectors, then fewer vectors, then narrower ones. */
static void loop_lanes(tile *t, int level, int slot)
{
    nnc_builder *b = t->nest->b;
    int64_t extent = t->t->extent[slot], at = 0;
    uint8_t lanes = t->nest->s->machine->lanes;
    int vectors = t->shape.vectors;
    while (at < extent) {
        int64_t step = (int64_t)vectors * lanes, count = (extent - at) / step * step;
        if (count) {
            loop_over(t, level, slot, nnc_emit_index(b, at), nnc_emit_index(b, at + count), step, 1, vectors, lanes);
            at += count;
        }
        if (vectors > 1)
            vectors = (int)((extent - at) / lanes > 1 ? (extent - at) / lanes : 1);
        else
            lanes /= 2;
    }
}

static void emit_level(tile *t, int level, int rows, int vectors, uint8_t lanes)
{
    nnc_value_id low, high;
    if (level == t->depth) {
        emit_tile(t, rows, vectors, lanes);
        return;
    }
    int slot = t->order[level];
    if (slot == t->shape.lane) {
        loop_lanes(t, level, slot);
        return;
    }
    if (slot == t->shape.row) {
        loop_rows(t, level, slot, vectors, lanes);
        return;
    }
    bounds_of(t, slot, &low, &high);
    if (slot == t->shape.column)
        loop_over(t, level, slot, low, high, t->shape.vectors, rows, t->shape.vectors, lanes);
    else
        loop_over(t, level, slot, low, high, 1, rows, vectors, lanes);
}

/* Free slots outermost first; the tiled ones are innermost, columns around rows, so that a panel of the vector operand stays near. */
static void order_slots(tile *t)
{
    int tiled[3] = {t->shape.column, t->shape.lane, t->shape.row};
    for (int slot = 0; slot < t->t->rank; slot++)
        if (is_free(t, slot) && slot != tiled[0] && slot != tiled[1] && slot != tiled[2])
            t->order[t->depth++] = slot;
    for (int i = 0; i < 3; i++)
        if (tiled[i] >= 0)
            t->order[t->depth++] = tiled[i];
}

void nnc_emit_formula(nnc_nest *nest, nnc_tensor_id id)
{
    tile t = {.nest = nest, .t = &nest->s->p->tensor[id]};
    for (int i = 0; i < NNC_MAX_SLOTS; i++)
        t.slot[i] = nest->fixed[i];
    choose(&t);
    order_slots(&t);
    emit_level(&t, 0, 1, t.shape.lane >= 0 ? 1 : t.shape.column >= 0 ? t.shape.vectors : 1, 1);
}
