/* Asking early: what is read once for each tile, and lies beyond the first-level cache, is asked for while the tile's sum is made. */
#include "schedule/tile.h"

enum { WORTH_ASKING = 256 };     /* multiply-adds of vectors in a tile: about as many cycles as memory takes to answer */

typedef struct asking {
    const nnc_tile *t;
    nnc_lower *l;
    uint32_t member;             /* whose body is looked at */
    int64_t elements;
    nnc_ref_map seen;
} asking;

/* More than the first-level cache holds. */
static bool is_far(const nnc_tile *t, nnc_tensor_id id)
{
    const nnc_scheduler *s = t->nest->s;
    const nnc_tensor *read = &s->p->tensor[id];
    return nnc_at_any_size(t) || 4 * nnc_elements(read) * (nnc_batched(read) ? s->request->batch : 1) > (int64_t)s->machine->l1;
}

static bool is_made_here(const asking *a, nnc_tensor_id id)
{
    bool made = false;
    for (uint32_t m = 0; m < a->member; m++)
        made |= a->t->nest->group->member[m] == id;
    return made;
}

/* A read of this tile alone, along the lanes, of a tensor that the first-level cache does not hold. */
static bool is_worth_asking(const asking *a, nnc_ref read)
{
    const nnc_scheduler *s = a->t->nest->s;
    const nnc_node *n = &s->p->node[read];
    nnc_tensor_id id = (nnc_tensor_id)n->integer[0];
    int row = a->t->shape.row;
    return nnc_read_stride(s->p, read, (uint32_t)a->t->shape.lane) == 1 && (row < 0 || n->slots >> row & 1) && !is_made_here(a, id) &&
           is_far(a->t, id);
}

static void ask(asking *a, nnc_ref ref)
{
    const nnc_program *p = a->t->nest->s->p;
    const nnc_node n = p->node[ref];
    if (nnc_ref_map_get(&a->seen, ref))
        return;
    nnc_ref_map_put(p->arena, &a->seen, ref, 1);
    if (n.op == NNC_OP_READ && is_worth_asking(a, ref))
        nnc_lower_prefetch(a->l, ref, a->elements, 1);
    for (uint32_t i = 0; i < n.count && n.op != NNC_OP_READ; i++)
        ask(a, nnc_arg(p, ref, i));
}

static void ask_for_row(const nnc_tile *t, int row, int64_t elements, uint8_t lanes)
{
    const nnc_group *group = t->nest->group;
    nnc_lower l = nnc_tile_element(t, row, 0, t->shape.lane, lanes, t->shape.lane, lanes);
    asking a = {.t = t, .l = &l, .elements = elements};
    for (a.member = 1; a.member < group->members; a.member++) {
        l.t = &t->nest->s->p->tensor[group->member[a.member]];
        ask(&a, l.t->body);
    }
    nnc_ref_map_close(&a.seen);
    nnc_ref_map_close(&l.done);
}

static bool asks(const nnc_tile *t) { return t->nest->s->machine->prefetches && !t->nest->s->request->serial; }

void nnc_prefetch_update(const nnc_tile *t, int rows, int vectors, uint8_t lanes)
{
    const nnc_scheduler *s = t->nest->s;
    int64_t points = (int64_t)rows * vectors;
    for (int slot = t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
        points *= nnc_extent_at(s, t->t, slot);
    if (!asks(t) || t->shape.lane < 0 || nnc_in_memory(t) || !t->nest->group || (points < WORTH_ASKING && !nnc_at_any_size(t)))
        return;
    for (int row = 0; row < rows; row++)
        ask_for_row(t, row, (int64_t)vectors * lanes, lanes);
}

void nnc_prefetch_sums(const nnc_tile *t, int rows, int vectors, uint8_t lanes)
{
    const nnc_scheduler *s = t->nest->s;
    if (!asks(t) || !nnc_in_memory(t) || t->shape.beside >= 0)
        return;
    for (int row = 0; row < rows; row++) {
        nnc_lower l = nnc_tile_element(t, rows + row, 0, t->shape.lane, lanes, t->shape.lane, lanes);
        nnc_lower_ask(&l, s->buffer[t->t - s->p->tensor], nnc_lower_place(&l), (int64_t)vectors * lanes, 1);
        nnc_ref_map_close(&l.done);
    }
}

/* ---- panels ---- */

/* Whether each slot that is walked between the lanes and the rows is at its start. 0: there is none. (Rows in chunks have the others around the lanes.) */
static nnc_value_id at_start(const nnc_tile *t)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id all = 0;
    for (int i = 0; i < t->depth && !t->shape.chunk; i++) {
        int slot = t->order[i];
        if (slot == t->shape.lane || slot == t->shape.row)
            continue;
        nnc_value_id one = nnc_emit2(b, NNC_LOOP_IEQ, t->slot[slot], t->start[slot]);
        all = all ? nnc_emit2(b, NNC_LOOP_AND, all, one) : one;
    }
    return all;
}

/* Those of the next lanes of this block, or of the first lanes of the next one. */
static void ask_for_panel(nnc_tile *t, const nnc_panel *panel, nnc_value_id from, nnc_value_id to, int64_t step, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    int lane = t->shape.lane, block = t->shape.block;
    nnc_value_id next = nnc_emit2(b, NNC_LOOP_IADD, t->slot[lane], nnc_emit_index(b, step)), zero = nnc_emit_index(b, 0);
    nnc_value_id inside = nnc_emit2(b, NNC_LOOP_ILT, next, nnc_emit_index(b, t->t->extent[lane]));
    nnc_value_id further = nnc_emit3(b, NNC_LOOP_SELECT, inside, zero, nnc_emit_index(b, t->shape.block_size));
    nnc_value_id at = nnc_open_for(b, from, to, 1);
    nnc_lower l = nnc_lower_at(t, lane, lanes);
    l.slot[lane] = nnc_emit3(b, NNC_LOOP_SELECT, inside, next, zero);
    l.slot[block] = nnc_emit2(b, NNC_LOOP_IADD, at, further);
    nnc_lower_prefetch(&l, panel->read, step, 2);
    nnc_ref_map_close(&l.done);
    nnc_close(b);
}

/* Where a panel is of the block's slot alone, and its tensor does not stay in the first-level cache. Not of rows that are looked up: beyond the end of the sum there is nothing to look
 * them up by. */
static bool is_worth_asking_for(const nnc_tile *t, const nnc_panel *panel)
{
    const nnc_scheduler *s = t->nest->s;
    const nnc_node *n = &s->p->node[panel->read];
    uint64_t slots = (uint64_t)1 << t->shape.block | (uint64_t)1 << t->shape.lane;
    return (n->slots & ~slots) == 0 && nnc_read_stride(s->p, panel->read, (uint32_t)t->shape.block) != INT64_MIN && is_far(t, (nnc_tensor_id)n->integer[0]);
}

void nnc_prefetch_panels(nnc_tile *t, int rows, int vectors, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    int row = t->shape.row;
    if (!asks(t) || t->shape.whole || t->shape.beside >= 0 || t->panels == 0)
        return;
    int64_t extent = nnc_tiled_extent(t, row);
    extent = t->shape.chunk && t->shape.chunk < extent ? t->shape.chunk : extent;
    int64_t each = (t->shape.block_size + extent - 1) / extent;        /* points of the block for each row */
    nnc_value_id condition = at_start(t);
    nnc_value_id from = nnc_emit2(b, NNC_LOOP_ISUB, t->slot[row], t->start[row]), to;
    from = nnc_emit2(b, NNC_LOOP_IADD, t->low, nnc_emit2(b, NNC_LOOP_IMUL, from, nnc_emit_index(b, each)));
    to = nnc_emit2(b, NNC_LOOP_IMIN, nnc_emit2(b, NNC_LOOP_IADD, from, nnc_emit_index(b, each * rows)), t->high);
    if (condition)
        nnc_open_if(b, condition);
    for (int i = 0; i < t->panels; i++)
        if (is_worth_asking_for(t, &t->panel[i]))
            ask_for_panel(t, &t->panel[i], from, to, (int64_t)vectors * lanes, lanes);
    if (condition)
        nnc_close(b);
}
