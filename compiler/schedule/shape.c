/* Choosing a formula's tile: from its reads' strides, its extents, and the machine.
 *
 * A sum is a chain over its reduced slots in order, or, where a long reduced slot of unit stride is what can be read fast, 16 lanes and a fixed
 * tree. Which of the two is told by the formula alone, so tiles, blocks, threads and lanes change no bit. */
#include "schedule/tile.h"

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

static bool is_free(const nnc_tile *t, int slot) { return t->nest->fixed[slot] == 0; }

/* The last reduced slot whose reads are all of unit stride and that is long enough to be worth lanes. */
static int long_reduced_slot(const nnc_tile *t)
{
    bool any;
    for (int slot = t->t->rank + t->t->reduced - 1; slot >= t->t->rank; slot--)
        if (t->t->extent[slot] >= NNC_SUM_LANES && has_unit_strides(t->nest->s->p, t->t->body, slot, &any) && any)
            return slot;
    return -1;
}

static int last_free_slot(const nnc_tile *t)
{
    int slot = t->t->rank - 1;
    return slot >= 0 && is_free(t, slot) && t->t->extent[slot] > 1 ? slot : -1;
}

/* The best number of rows for a slot: the most that divides its extent, within the registers; a batch may end anywhere. */
static int rows_for(const nnc_tile *t, int slot, int most)
{
    int64_t extent = extent_at(t->nest->s, t->t, slot);
    for (int rows = most; rows > 1; rows--)
        if (extent % rows == 0)
            return rows;
    return t->t->extent[slot] < 0 && extent >= most ? most : 1;
}

/* Loads of a tile for each multiply-add: what does not move with the rows is loaded once for all of them, what does not move with the lanes is one element. */
typedef struct loads { const nnc_tile *t; int row, rows; double count; nnc_ref_map seen; } loads;

static void count_loads(loads *v, nnc_ref ref)
{
    const nnc_program *p = v->t->nest->s->p;
    const nnc_node *n = &p->node[ref];
    if (nnc_ref_map_get(&v->seen, ref))
        return;
    nnc_ref_map_put(p->arena, &v->seen, ref, 1);
    for (uint32_t i = 0; i < n->count; i++)
        count_loads(v, p->args[n->first + i]);
    if (n->op == NNC_OP_READ)
        v->count += (n->slots >> v->row & 1 ? v->rows : 1) * (v->t->shape.lane >= 0 && n->slots >> v->t->shape.lane & 1 ? v->t->shape.vectors : 1);
}

static double loads_of(const nnc_tile *t, int row, int rows)
{
    loads v = {t, row, rows, 0, {0}};
    count_loads(&v, t->t->body);
    nnc_ref_map_close(&v.seen);
    return v.count / (rows * t->shape.vectors);
}

/* The slot, other than `avoid`, that makes the tile cheapest. */
static void choose_rows(nnc_tile *t, int avoid, int most)
{
    double cheapest = 0;
    t->shape.row = -1;
    t->shape.rows = 1;
    for (int slot = 0; slot < t->t->rank; slot++) {
        if (slot == avoid || !is_free(t, slot))
            continue;
        int rows = rows_for(t, slot, most);
        double cost = rows > 1 ? loads_of(t, slot, rows) : 0;
        if (rows > 1 && (t->shape.row < 0 || cost < cheapest - 1e-9 || (cost < cheapest + 1e-9 && rows >= t->shape.rows))) {
            t->shape.row = slot;
            t->shape.rows = rows;
            cheapest = cost;
        }
    }
}

static int least(int64_t a, int64_t b) { return (int)(a < b ? a : b); }

/* As much of the sum at a time as keeps what a range of lanes reads in half of the first-level cache. */
static void choose_block(nnc_tile *t)
{
    const nnc_machine *m = t->nest->s->machine;
    int64_t most = m->l1 / 2 / (4 * t->shape.vectors * m->lanes), inner = 1;
    int slot = t->t->rank + t->t->reduced - 1;
    while (slot > t->t->rank && inner * extent_at(t->nest->s, t->t, slot) <= most)
        inner *= extent_at(t->nest->s, t->t, slot--);
    t->shape.block = slot;
    t->shape.block_size = most / inner < 1 ? 1 : most / inner;
}

/* Where the last slot is too short to fill vectors, a longer one whose reads are of unit stride fills them, though its stores are scattered. */
static int longer_lane(const nnc_tile *t, int last)
{
    const nnc_machine *m = t->nest->s->machine;
    int best = last;
    bool any;
    if (t->t->extent[last] * 2 > m->lanes || m->small)
        return last;
    for (int slot = 0; slot < t->t->rank; slot++)
        if (is_free(t, slot) && !(t->nest->low && slot == t->nest->task_slot) && t->t->extent[slot] >= m->lanes && t->t->extent[slot] > t->t->extent[best] &&
            has_unit_strides(t->nest->s->p, t->t->body, slot, &any) && any)
            best = slot;
    return best;
}

void nnc_choose_shape(nnc_tile *t)
{
    const nnc_machine *m = t->nest->s->machine;
    bool sum = t->t->reduce == NNC_REDUCE_SUM && t->t->reduced > 0, any;
    int last = last_free_slot(t);
    t->shape = (nnc_shape){-1, -1, -1, -1, 1, 1, -1, 0};
    if (m->lanes == 1)
        return;
    bool fits = last >= 0 && t->t->extent[last] > 0 && has_unit_strides(t->nest->s->p, t->t->body, last, &any);
    if (sum && !fits)
        t->shape.sum_lane = long_reduced_slot(t);
    if (t->shape.sum_lane >= 0) {
        int registers = 16 * m->registers * m->lanes / (16 * NNC_SUM_LANES);
        t->shape.column = last >= 0 && rows_for(t, last, 4) > 1 ? last : -1;
        t->shape.vectors = t->shape.column >= 0 ? rows_for(t, last, 4) : 1;
        choose_rows(t, last, least(4, (registers - 2) / (t->shape.vectors + 1)));
        return;
    }
    if (last >= 0 && t->t->extent[last] > 0)
        t->shape.lane = sum ? longer_lane(t, last) : last;
    if (!sum || t->shape.lane < 0)
        return;
    int64_t vectors = (t->t->extent[t->shape.lane] + m->lanes - 1) / m->lanes;
    t->shape.vectors = least(NNC_TILE_VECTORS, vectors);
    choose_rows(t, t->shape.lane, least(NNC_MAX_ROWS, (m->registers - 2 - t->shape.vectors) / t->shape.vectors));
    if (t->shape.row < 0 && !m->small)       /* a single row: as much of the matrix's row at a time as the registers take */
        t->shape.vectors = least(least(NNC_MAX_VECTORS, m->registers / 2), vectors);
    if (t->nest->group && t->nest->group->blocked && t->shape.row >= 0 && t->shape.lane == last)
        choose_block(t);
}

