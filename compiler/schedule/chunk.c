/* Rows in chunks: where what the rows of a tile read lies at strides that crowd the caches, it is copied together for as many rows as the second-level cache holds well, tile by tile
 * in the order in which the sum takes it, and the lanes are all walked before the next rows are (the other half of Goto and van de Geijn's scheme; blocks.c has the first). */
#include "schedule/tile.h"

enum { WORTH_LANES = 64 };       /* elements of the lane slot, each of which reads a row's copy */

static bool mentions(const nnc_program *p, nnc_ref ref, int slot) { return (p->node[ref].slots >> slot & 1) != 0; }
static int64_t extent_at(const nnc_tile *t, int slot) { return t->t->extent[slot] < 0 ? t->nest->s->request->batch : t->t->extent[slot]; }
static int64_t points_along(const nnc_tile *t, int slot) { return slot == t->shape.block ? t->shape.block_size : extent_at(t, slot); }
static bool at_any_size(const nnc_tile *t) { return t->nest->s->request->level >= NNC_SCHEDULE_ALL_SIZES; }

/* ---- what is copied ---- */

/* Reads of reals that move with the rows and with the sum, and with the lanes not. */
static bool is_of_rows(const nnc_tile *t, nnc_ref read, int row)
{
    const nnc_program *p = t->nest->s->p;
    bool summed = false;
    for (int slot = t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
        summed |= mentions(p, read, slot);
    return summed && p->node[read].op == NNC_OP_READ && mentions(p, read, row) && !mentions(p, read, t->shape.lane) && p->tensor[p->node[read].integer[0]].element == NNC_REAL;
}

bool nnc_rows_crowd(const nnc_tile *t, nnc_ref read, int row)
{
    const nnc_program *p = t->nest->s->p;
    int64_t stride = is_of_rows(t, read, row) ? nnc_read_stride(p, read, (uint32_t)row) : INT64_MIN;
    return stride != INT64_MIN && stride > 1 && nnc_lines_at(4 * stride) / 2 < NNC_MAX_ROWS;
}

/* Rows next to each other, at points of the sum that crowd. */
static bool points_crowd(const nnc_tile *t, nnc_ref read)
{
    const nnc_program *p = t->nest->s->p;
    int last = t->t->rank + t->t->reduced - 1;
    while (last > t->shape.block && !mentions(p, read, last))
        last--;
    int64_t stride = is_of_rows(t, read, t->shape.row) && nnc_read_stride(p, read, (uint32_t)t->shape.row) == 1 ? nnc_read_stride(p, read, (uint32_t)last) : INT64_MIN;
    return stride != INT64_MIN && points_along(t, last) > nnc_lines_at(4 * stride);
}

static int64_t block_points(const nnc_tile *t, nnc_ref read)
{
    int64_t points = 1;
    for (int slot = t->shape.block; slot < t->t->rank + t->t->reduced; slot++)
        points *= mentions(t->nest->s->p, read, slot) ? points_along(t, slot) : 1;
    return points;
}

static void find_copies(nnc_tile *t, nnc_ref ref)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node *n = &p->node[ref];
    bool known = n->op != NNC_OP_READ || t->copies == NNC_MAX_PANELS;
    for (int i = 0; i < t->copies; i++)
        known |= t->copy[i].read == ref;
    if (!known && (nnc_rows_crowd(t, ref, t->shape.row) || points_crowd(t, ref) || (at_any_size(t) && is_of_rows(t, ref, t->shape.row))))
        t->copy[t->copies++] = (nnc_row_copy){.read = ref, .points = block_points(t, ref)};
    for (uint32_t i = 0; i < n->count && n->op != NNC_OP_READ; i++)
        find_copies(t, p->args[n->first + i]);
}

bool nnc_may_chunk(const nnc_tile *t)
{
    const nnc_scheduler *s = t->nest->s;
    return !s->request->serial && s->machine->prefetches && t->nest->group && (t->t->extent[t->shape.lane] >= WORTH_LANES || at_any_size(t));
}

void nnc_choose_chunk(nnc_tile *t)
{
    const nnc_scheduler *s = t->nest->s;
    int64_t extent = nnc_tiled_extent(t, t->shape.row), points = 0;
    if (!nnc_may_chunk(t) || t->shape.beside >= 0 || extent < 2 * t->shape.rows)
        return;
    find_copies(t, t->t->body);
    for (int i = 0; i < t->copies; i++)
        points += t->copy[i].points;
    if (t->copies == 0)
        return;
    int64_t tiles = at_any_size(t) ? 2 : s->machine->l2 / 4 / (4 * points * t->shape.rows);
    t->shape.chunk = (tiles > 1 ? tiles : 1) * t->shape.rows;
    for (int i = 0; i < t->copies; i++)
        t->copy[i].buffer = nnc_scratch_buffer(t->nest->s, s->p->tensor[s->p->node[t->copy[i].read].integer[0]].name, t->shape.chunk * t->copy[i].points);
    nnc_count_way(t->nest->s, NNC_WAY_CHUNKS);
}

/* ---- the copies: of a tile of `rows`, for each point of the sum the rows' elements ---- */

static nnc_value_id place(const nnc_tile *t, const nnc_row_copy *c, int rows, int row)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id at = nnc_emit_index(b, 0), tile = nnc_emit2(b, NNC_LOOP_ISUB, t->slot[t->shape.row], t->chunk_low);
    for (int slot = t->shape.block; slot < t->t->rank + t->t->reduced; slot++) {
        if (!mentions(t->nest->s->p, c->read, slot))
            continue;
        nnc_value_id from = slot == t->shape.block ? nnc_emit2(b, NNC_LOOP_ISUB, t->slot[slot], t->low) : t->slot[slot];
        at = nnc_emit2(b, NNC_LOOP_IADD, nnc_emit2(b, NNC_LOOP_IMUL, at, nnc_emit_index(b, points_along(t, slot))), from);
    }
    tile = nnc_emit2(b, NNC_LOOP_IMUL, tile, nnc_emit_index(b, c->points));
    at = nnc_emit2(b, NNC_LOOP_IADD, tile, nnc_emit2(b, NNC_LOOP_IMUL, at, nnc_emit_index(b, rows)));
    return nnc_emit2(b, NNC_LOOP_IADD, at, nnc_emit_index(b, row));
}

static int open_points(nnc_tile *t, const nnc_row_copy *c)
{
    nnc_builder *b = t->nest->b;
    int opened = 0;
    for (int slot = t->shape.block; slot < t->t->rank + t->t->reduced; slot++) {
        if (!mentions(t->nest->s->p, c->read, slot))
            continue;
        nnc_value_id end = t->t->extent[slot] < 0 ? nnc_emit(b, NNC_LOOP_BATCH, NULL, 0, 0) : nnc_emit_index(b, t->t->extent[slot]);
        bool block = slot == t->shape.block;
        t->slot[slot] = nnc_open_for(b, block ? t->low : nnc_emit_index(b, 0), block ? t->high : end, 1);
        opened++;
    }
    return opened;
}

/* So many rows from `row` on, which are next to each other where there is more than one. */
static void copy_elements(nnc_tile *t, const nnc_row_copy *c, int rows, int row, uint8_t lanes)
{
    nnc_lower l = nnc_tile_element(t, row, 0, lanes > 1 ? t->shape.row : -1, lanes, -1, 0);
    nnc_value_id value = nnc_lower_wide(&l, nnc_lower_value(&l, c->read));
    nnc_emit_store(t->nest->b, c->buffer, place(t, c, rows, row), value);
    nnc_ref_map_close(&l.done);
}

static uint8_t lanes_within(const nnc_tile *t, int rows)
{
    uint8_t lanes = t->nest->s->machine->lanes;
    while (lanes > rows)
        lanes /= 2;
    return lanes;
}

static void copy_rows(nnc_tile *t, const nnc_row_copy *c, int rows)
{
    nnc_builder *b = t->nest->b;
    bool side_by_side = nnc_read_stride(t->nest->s->p, c->read, (uint32_t)t->shape.row) == 1;
    for (int row = 0; !side_by_side && row < rows; row++) {
        int opened = open_points(t, c);
        copy_elements(t, c, rows, row, 1);
        while (opened-- > 0)
            nnc_close(b);
    }
    if (!side_by_side)
        return;
    int opened = open_points(t, c);
    uint8_t lanes;
    for (int row = 0; row < rows; row += lanes) {
        lanes = lanes_within(t, rows - row);
        copy_elements(t, c, rows, row, lanes);
    }
    while (opened-- > 0)
        nnc_close(b);
}

void nnc_copy_rows(nnc_tile *t, int rows)
{
    for (int i = 0; i < t->copies; i++)
        copy_rows(t, &t->copy[i], rows);
}

void nnc_use_rows(const nnc_tile *t, nnc_lower *l, const nnc_value_id *values)
{
    for (int i = 0; i < t->copies; i++)
        nnc_ref_map_put(t->nest->s->arena, &l->done, t->copy[i].read, values[i]);
}

void nnc_load_rows(const nnc_tile *t, int rows, int row, nnc_value_id *values)
{
    for (int i = 0; i < t->copies; i++)
        values[i] = nnc_emit_load(t->nest->b, t->copy[i].buffer, place(t, &t->copy[i], rows, row), 1, false);
}
