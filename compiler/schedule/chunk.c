/* Rows in chunks: where what the rows of a tile read lies at strides that crowd the caches, it is copied together for as many rows as the second-level cache holds well, and the lanes
 * are all walked before the next rows are (the other half of Goto and van de Geijn's scheme; blocks.c has the first). What is next to itself along the sum is copied row after row, what
 * is along the rows tile after tile, in the order in which the sum takes it. */
#include "schedule/tile.h"

/* Cycles of multiply-adds that read an element of a copy, where it crowds and where it would come from further away; elements between rows, so that they do not crowd again. */
enum { WORTH_VECTORS = 4, WORTH_VECTORS_AWAY = 16, SKEW = 16 };
enum { CHUNK_SHARE = 4 };     /* of the second-level cache: what the copies of a chunk take */

/* They are on the stack, too: bytes of all of them, or of that of a single tile. */
static int64_t room_for_copies(const nnc_machine *m)
{
    int64_t share = m->l2 / CHUNK_SHARE;
    return share < NNC_MOST_LOCAL / 4 ? share : NNC_MOST_LOCAL / 4;
}

static int64_t extent_at(const nnc_tile *t, int slot) { return nnc_extent_at(t->nest->s, t->t, slot); }
static int64_t lanes_of(const nnc_machine *m, int64_t cycles) { return cycles * m->lanes * m->fma_per_cycle; }

/* ---- what is copied ---- */

/* Reads of reals that move with the rows and with the sum inside of a block, and with the lanes not. */
static bool is_of_rows(const nnc_tile *t, nnc_ref read, int row)
{
    const nnc_program *p = t->nest->s->p;
    bool summed = false;
    for (int slot = t->shape.block >= 0 ? t->shape.block : t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
        summed |= nnc_moves_with(p, read, slot);
    return summed && p->node[read].op == NNC_OP_READ && nnc_moves_with(p, read, row) && !nnc_moves_with(p, read, t->shape.lane) && p->tensor[p->node[read].integer[0]].element == NNC_REAL;
}

bool nnc_rows_crowd(const nnc_tile *t, nnc_ref read, int row)
{
    const nnc_program *p = t->nest->s->p;
    int64_t stride = is_of_rows(t, read, row) ? nnc_read_stride(p, read, (uint32_t)row) : INT64_MIN;
    return stride != INT64_MIN && stride > 1 && nnc_lines_at(4 * stride) / 2 < NNC_MAX_ROWS;
}

static bool tile_crowds(const nnc_tile *t, nnc_ref read)
{
    return nnc_rows_crowd(t, read, t->shape.row) && nnc_lines_at(4 * nnc_read_stride(t->nest->s->p, read, (uint32_t)t->shape.row)) / 2 < t->shape.rows;
}

/* Rows next to each other, at points of the sum that crowd. */
static bool points_crowd(const nnc_tile *t, nnc_ref read)
{
    const nnc_program *p = t->nest->s->p;
    int last = t->t->rank + t->t->reduced - 1;
    while (last > t->shape.block && !nnc_moves_with(p, read, last))
        last--;
    int64_t stride = is_of_rows(t, read, t->shape.row) && nnc_read_stride(p, read, (uint32_t)t->shape.row) == 1 ? nnc_read_stride(p, read, (uint32_t)last) : INT64_MIN;
    return stride != INT64_MIN && nnc_points_along(t, last) > nnc_lines_at(4 * stride);
}

/* More than the second-level cache holds, so that it would come from further away for each range of lanes. */
static bool overflows(const nnc_tile *t, nnc_ref read)
{
    int64_t elements = nnc_block_points(t, read);
    for (int slot = 0; slot < t->t->rank; slot++)
        elements *= nnc_moves_with(t->nest->s->p, read, slot) ? extent_at(t, slot) : 1;
    return is_of_rows(t, read, t->shape.row) && t->t->extent[t->shape.lane] >= lanes_of(t->nest->s->machine, WORTH_VECTORS_AWAY) && 4 * elements > (int64_t)t->nest->s->machine->l2;
}

static int64_t elements_of_row(const nnc_row_copy *c) { return c->points + (c->by_row ? SKEW : 0); }

static nnc_row_copy copy_of(const nnc_tile *t, nnc_ref read)
{
    return (nnc_row_copy){.read = read, .points = nnc_block_points(t, read), .by_row = nnc_read_stride(t->nest->s->p, read, (uint32_t)t->shape.row) != 1};
}

static bool is_worth_copying(const nnc_tile *t, nnc_ref read)
{
    nnc_row_copy c = copy_of(t, read);
    if (4 * elements_of_row(&c) * t->shape.rows > room_for_copies(t->nest->s->machine))       /* no tile fits */
        return false;
    return tile_crowds(t, read) || overflows(t, read) || points_crowd(t, read) || (nnc_at_any_size(t) && is_of_rows(t, read, t->shape.row));
}

static void find_copies(nnc_tile *t, nnc_ref ref, nnc_ref_map *seen)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node *n = &p->node[ref];
    if (nnc_ref_map_get(seen, ref))
        return;
    nnc_ref_map_put(p->arena, seen, ref, 1);
    if (n->op == NNC_OP_READ && t->copies < NNC_MAX_PANELS && is_worth_copying(t, ref))
        t->copy[t->copies++] = copy_of(t, ref);
    for (uint32_t i = 0; i < n->count && n->op != NNC_OP_READ; i++)
        find_copies(t, p->args[n->first + i], seen);
}

bool nnc_may_chunk(const nnc_tile *t)
{
    const nnc_scheduler *s = t->nest->s;
    return !s->request->serial && s->machine->prefetches && t->nest->group && (t->t->extent[t->shape.lane] >= lanes_of(s->machine, WORTH_VECTORS) || nnc_at_any_size(t));
}

/* Whole tiles: as many as there are rows for. */
static int64_t chunk_of(const nnc_tile *t)
{
    int64_t elements = 0, most = (extent_at(t, t->shape.row) + t->shape.rows - 1) / t->shape.rows;
    for (int i = 0; i < t->copies; i++)
        elements += elements_of_row(&t->copy[i]);
    int64_t tiles = room_for_copies(t->nest->s->machine) / (4 * elements * t->shape.rows);
    most = nnc_at_any_size(t) && most > 2 ? 2 : most;
    tiles = tiles < most ? tiles : most;
    return (tiles > 1 ? tiles : 1) * t->shape.rows;
}

void nnc_choose_chunk(nnc_tile *t)
{
    nnc_scheduler *s = t->nest->s;
    nnc_ref_map seen = {0};
    if (!nnc_may_chunk(t) || t->shape.beside >= 0 || nnc_tiled_extent(t, t->shape.row) < 2 * t->shape.rows)
        return;
    find_copies(t, t->t->body, &seen);
    nnc_ref_map_close(&seen);
    if (t->copies == 0)
        return;
    t->shape.chunk = chunk_of(t);
    for (int i = 0; i < t->copies; i++)
        t->copy[i].buffer = nnc_scratch_buffer(s, s->p->tensor[s->p->node[t->copy[i].read].integer[0]].name, t->shape.chunk * elements_of_row(&t->copy[i]));
    nnc_count_way(s, NNC_WAY_CHUNKS);
}

/* ---- the copies ---- */

/* Of a row of the present tile, which has so many. */
static nnc_value_id place(const nnc_tile *t, const nnc_row_copy *c, int rows, int row)
{
    nnc_builder *b = t->nest->b;
    int64_t each = elements_of_row(c), within = c->by_row ? row * each : row;
    nnc_value_id tile = nnc_emit2(b, NNC_LOOP_IMUL, nnc_emit2(b, NNC_LOOP_ISUB, t->slot[t->shape.row], t->chunk_low), nnc_emit_index(b, each));
    nnc_value_id at = nnc_emit2(b, NNC_LOOP_IADD, tile, nnc_emit2(b, NNC_LOOP_IMUL, nnc_block_point(t, c->read), nnc_emit_index(b, c->by_row ? 1 : rows)));
    return nnc_emit2(b, NNC_LOOP_IADD, at, nnc_emit_index(b, within));
}

static void close_points(const nnc_tile *t, int opened)
{
    while (opened-- > 0)
        nnc_close(t->nest->b);
}

/* `lanes` elements along `slot` from the present place on, of a row of a tile of `rows`. */
static void copy_elements(nnc_tile *t, const nnc_row_copy *c, int rows, int row, int slot, uint8_t lanes)
{
    nnc_lower l = nnc_tile_element(t, row, 0, lanes > 1 ? slot : -1, lanes, -1, 0);
    nnc_value_id value = nnc_lower_wide(&l, nnc_lower_value(&l, c->read));
    nnc_emit_store(t->nest->b, c->buffer, place(t, c, rows, row), value);
    nnc_ref_map_close(&l.done);
}

static void copy_along(nnc_tile *t, const nnc_row_copy *c, int slot, nnc_value_id low, nnc_value_id high, uint8_t lanes)
{
    t->slot[slot] = nnc_open_for(t->nest->b, low, high, lanes);
    copy_elements(t, c, 1, 0, slot, lanes);
    nnc_close(t->nest->b);
}

/* The present row: whole vectors, then what is left of them. */
static void copy_row(nnc_tile *t, const nnc_row_copy *c)
{
    nnc_builder *b = t->nest->b;
    int last;
    nnc_value_id low, high;
    int opened = nnc_open_points(t, c->read, &last, &low, &high);
    uint8_t lanes = nnc_read_stride(t->nest->s->p, c->read, (uint32_t)last) == 1 ? t->nest->s->machine->lanes : 1;
    nnc_value_id length = nnc_emit2(b, NNC_LOOP_ISUB, high, low), vectors = nnc_emit(b, NNC_LOOP_QUOTIENT, &length, 1, lanes);
    nnc_value_id middle = nnc_emit2(b, NNC_LOOP_IADD, low, nnc_emit2(b, NNC_LOOP_IMUL, vectors, nnc_emit_index(b, lanes)));
    copy_along(t, c, last, low, middle, lanes);
    if (lanes > 1)
        copy_along(t, c, last, middle, high, 1);
    close_points(t, opened);
}

void nnc_copy_chunk(nnc_tile *t)
{
    for (int i = 0; i < t->copies; i++) {
        if (!t->copy[i].by_row)
            continue;
        t->slot[t->shape.row] = nnc_open_for(t->nest->b, t->chunk_low, t->chunk_high, 1);
        copy_row(t, &t->copy[i]);
        nnc_close(t->nest->b);
    }
}

static uint8_t lanes_within(const nnc_tile *t, int rows)
{
    uint8_t lanes = t->nest->s->machine->lanes;
    while (lanes > rows)
        lanes /= 2;
    return lanes;
}

static void copy_tile(nnc_tile *t, const nnc_row_copy *c, int rows)
{
    int last;
    uint8_t lanes;
    nnc_value_id low, high;
    int opened = nnc_open_points(t, c->read, &last, &low, &high);
    t->slot[last] = nnc_open_for(t->nest->b, low, high, 1);
    for (int row = 0; row < rows; row += lanes) {
        lanes = lanes_within(t, rows - row);
        copy_elements(t, c, rows, row, t->shape.row, lanes);
    }
    close_points(t, opened + 1);
}

void nnc_copy_rows(nnc_tile *t, int rows)
{
    for (int i = 0; i < t->copies; i++)
        if (!t->copy[i].by_row)
            copy_tile(t, &t->copy[i], rows);
}

void nnc_load_rows(const nnc_tile *t, int rows, int row, nnc_value_id *values)
{
    for (int i = 0; i < t->copies; i++)
        values[i] = nnc_emit_load(t->nest->b, t->copy[i].buffer, place(t, &t->copy[i], rows, row), 1, false);
}

void nnc_use_rows(const nnc_tile *t, nnc_lower *l, const nnc_value_id *values)
{
    for (int i = 0; i < t->copies; i++)
        nnc_ref_map_put(t->nest->s->arena, &l->done, t->copy[i].read, values[i]);
}
