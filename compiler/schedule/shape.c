/* Choosing a formula's tile: from its reads' strides, its extents, and the machine.
 *
 * A sum, or a largest or least, is a chain over its reduced slots in order, or, where a long reduced slot of unit stride is what can be read fast, lanes (16, or the
 * most that fit) and a fixed tree. Which of the two is told by the formula alone, so tiles, blocks, threads and lanes change no bit. */
#include "schedule/tile.h"

static int least(int64_t a, int64_t b) { return (int)(a < b ? a : b); }

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

enum { LEAST_SUM_LANES = 4, MOST_SUM_LANES = 16 };

static uint8_t sum_lanes(int64_t extent)
{
    uint8_t lanes = MOST_SUM_LANES;
    while (lanes > extent)
        lanes /= 2;
    return lanes;
}

uint8_t nnc_sum_lanes(const nnc_tile *t) { return sum_lanes(t->t->extent[t->shape.sum_lane]); }

/* A part of a vector would have to ask each of its lanes. */
static bool asks_lanes(const nnc_program *p, nnc_ref ref, int slot)
{
    const nnc_node *n = &p->node[ref];
    bool asks = n->op == NNC_OP_WITHIN && n->slots >> slot & 1;
    for (uint32_t i = 0; i < n->count && !asks && n->slots >> slot & 1; i++)
        asks = asks_lanes(p, p->args[n->first + i], slot);
    return asks;
}

enum { WORTH_FOLDING = 64 };     /* points of a sum whose lanes are few: adding them up costs as much as some of those */

/* The last reduced slot whose reads are all of unit stride and that is long enough to be worth lanes. */
static int long_reduced_slot(const nnc_tile *t)
{
    bool any;
    int64_t points = 1;
    for (int slot = t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
        points *= t->t->extent[slot] > 0 ? t->t->extent[slot] : 1;
    for (int slot = t->t->rank + t->t->reduced - 1; slot >= t->t->rank; slot--)
        if (t->t->extent[slot] >= (points >= WORTH_FOLDING ? LEAST_SUM_LANES : MOST_SUM_LANES) && has_unit_strides(t->nest->s->p, t->t->body, slot, &any) && any &&
            (t->t->extent[slot] % sum_lanes(t->t->extent[slot]) == 0 || !asks_lanes(t->nest->s->p, t->t->body, slot)))
            return slot;
    return -1;
}

static int last_free_slot(const nnc_tile *t)
{
    int slot = t->t->rank - 1;
    return slot >= 0 && is_free(t, slot) && t->t->extent[slot] > 1 ? slot : -1;
}

bool nnc_single_tasks(const nnc_tile *t, int slot) { return t->nest->low && slot == t->nest->task_slot && t->t->extent[slot] > 0 && t->nest->kernel->task_block == 1; }

int64_t nnc_tiled_extent(const nnc_tile *t, int slot)
{
    int64_t extent = nnc_extent_at(t->nest->s, t->t, slot), block = nnc_rows_of_task(t->nest->kernel, t->t);
    if (nnc_single_tasks(t, slot))
        return (extent + 1) / 2;
    return t->nest->low && slot == t->nest->task_slot && block < extent ? block : extent;
}

enum { LONGEST_BLOCK = 256 };

/* As much of the sum at a time as keeps what a range of lanes reads in one and a half first-level caches: what does not stay there comes fast enough from the second one, and
 * the sums so far are seldom brought back. All blocks are of one size, nearly. */
static void choose_block(nnc_tile *t)
{
    const nnc_machine *m = t->nest->s->machine;
    int64_t most = least(LONGEST_BLOCK, m->l1 * 3 / 2 / (4 * t->shape.vectors * m->lanes)), inner = 1;
    int slot = t->t->rank + t->t->reduced - 1;
    while (slot > t->t->rank && inner * nnc_extent_at(t->nest->s, t->t, slot) <= most)
        inner *= nnc_extent_at(t->nest->s, t->t, slot--);
    int64_t extent = nnc_extent_at(t->nest->s, t->t, slot), size = most / inner < 1 ? 1 : most / inner, blocks = (extent + size - 1) / size;
    t->shape.block = slot;
    t->shape.block_size = (extent + blocks - 1) / blocks;
}

/* Reads that the lanes move and no other output slot does, at strides that crowd all points of the sum into few sets of the first-level cache. */
static bool read_crowds(const nnc_tile *t, nnc_ref ref)
{
    const nnc_program *p = t->nest->s->p;
    int64_t stride = nnc_read_stride(p, ref, (uint32_t)t->t->rank);
    return nnc_read_stride(p, ref, (uint32_t)t->shape.lane) == 1 && nnc_is_for_lanes(t, ref) && stride != INT64_MIN && stride != 0 &&
           nnc_extent_at(t->nest->s, t->t, t->t->rank) > nnc_lines_at(4 * stride);
}

static bool any_crowds(const nnc_tile *t, nnc_ref ref, nnc_ref_map *seen)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node *n = &p->node[ref];
    bool crowded = false;
    if (nnc_ref_map_get(seen, ref))
        return false;
    nnc_ref_map_put(p->arena, seen, ref, 1);
    if (n->op == NNC_OP_READ)
        return read_crowds(t, ref);
    for (uint32_t i = 0; i < n->count && !crowded; i++)
        crowded = any_crowds(t, p->args[n->first + i], seen);
    return crowded;
}

static bool crowds(const nnc_tile *t)
{
    nnc_ref_map seen = {0};
    bool crowded = any_crowds(t, t->t->body, &seen);
    nnc_ref_map_close(&seen);
    return crowded;
}

enum { WORTH_COPYING = 24 };     /* rows that read a panel */

static bool has_many_rows(const nnc_tile *t) { return nnc_at_any_size(t) || nnc_tiled_extent(t, t->shape.row) >= WORTH_COPYING; }

bool nnc_rows_share(const nnc_tile *t) { return !t->shape.whole || has_many_rows(t); }

/* The whole sum as one block, for its panels. Not in exported programs, which take a few bytes of the stack alone. */
static void choose_panel(nnc_tile *t)
{
    bool packed = t->nest->steps > 0 && t->cuts == 0 && (nnc_at_any_size(t) || t->nest->steps * nnc_tiled_extent(t, t->shape.row) >= WORTH_COPYING);
    if (t->nest->s->request->serial || t->t->reduced != 1 || (!packed && !has_many_rows(t)) || (!nnc_at_any_size(t) && !crowds(t)))
        return;
    t->shape.packed = packed;
    t->shape.block = t->t->rank;
    t->shape.block_size = nnc_extent_at(t->nest->s, t->t, t->t->rank);
    t->shape.whole = true;
}

/* The least power of two that holds the slot. */
static int64_t whole_vector(const nnc_tile *t, int slot)
{
    int64_t lanes = 1;
    while (lanes < t->t->extent[slot])
        lanes *= 2;
    return lanes;
}

/* Whether one vector that is longer than the slot can do: what lies beyond is read where something lies, for addresses that the lanes move by one element, and is not stored. */
static bool may_over_read(const nnc_tile *t, int slot)
{
    const nnc_scheduler *s = t->nest->s;
    const nnc_group *group = t->nest->group;
    bool any, fits = s->request->over_read && slot == t->t->rank - 1 && t->t->extent[slot] < s->machine->lanes && whole_vector(t, slot) > t->t->extent[slot] &&
                     has_unit_strides(s->p, t->t->body, slot, &any);
    for (uint32_t m = 1; group && m < group->members && fits; m++)
        fits = has_unit_strides(s->p, s->p->tensor[group->member[m]].body, slot, &any);
    return fits;
}

/* Where the last slot is too short to fill vectors, a longer one whose reads are of unit stride fills them, though its stores are scattered. */
static int longer_lane(const nnc_tile *t, int last)
{
    const nnc_machine *m = t->nest->s->machine;
    int best = last;
    bool any;
    if (t->t->extent[last] * 2 > m->lanes || m->small || (may_over_read(t, last) && whole_vector(t, last) * 2 >= m->lanes))
        return last;
    for (int slot = 0; slot < t->t->rank; slot++)
        if (is_free(t, slot) && !(t->nest->low && slot == t->nest->task_slot) && t->t->extent[slot] >= m->lanes && t->t->extent[slot] > t->t->extent[best] &&
            has_unit_strides(t->nest->s->p, t->t->body, slot, &any) && any)
            best = slot;
    return best;
}

uint8_t nnc_lanes_for(const nnc_tile *t, int64_t length)
{
    uint8_t lanes = t->nest->s->machine->lanes;
    while (lanes > length && !(t->over && lanes < 2 * length))
        lanes /= 2;
    return lanes;
}

void nnc_choose_shape(nnc_tile *t)
{
    const nnc_machine *m = t->nest->s->machine;
    bool sum = t->t->reduce == NNC_REDUCE_SUM && t->t->reduced > 0, extreme = t->t->reduce == NNC_REDUCE_MAX || t->t->reduce == NNC_REDUCE_MIN, any;
    int last = last_free_slot(t);
    t->shape = (nnc_shape){.lane = -1, .sum_lane = -1, .row = -1, .beside = -1, .column = -1, .rows = 1, .besides = 1, .vectors = 1, .parts = 1, .block = -1};
    if (m->lanes == 1)
        return;
    bool fits = last >= 0 && t->t->extent[last] > 0 && has_unit_strides(t->nest->s->p, t->t->body, last, &any);
    if ((sum || extreme) && !fits)
        t->shape.sum_lane = long_reduced_slot(t);
    if (t->shape.sum_lane >= 0) {
        t->shape.column = last;
        nnc_choose_tile(t);
        return;
    }
    if (last >= 0 && t->t->extent[last] > 0)
        t->shape.lane = sum ? longer_lane(t, last) : last;
    nnc_find_cuts(t);
    t->over = t->cuts == 0 && t->shape.lane >= 0 && may_over_read(t, t->shape.lane);
    if (!sum || t->shape.lane < 0)
        return;
    nnc_choose_tile(t);
    if (t->shape.row < 0 || t->shape.lane != last)
        return;
    if (t->nest->group && t->nest->group->blocked)
        choose_block(t);
    else if (!m->small)
        choose_panel(t);
    if (t->shape.block >= 0)
        nnc_choose_chunk(t);
}

