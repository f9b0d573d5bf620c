/* The loops of one formula around its tiles of rows and vectors. shape.c chooses them; element.c and reduce.c write what stands in one. */
#include "schedule/tile.h"

static bool is_free(const nnc_tile *t, int slot) { return t->nest->fixed[slot] == 0; }

static void loop_over(nnc_tile *t, int level, int slot, nnc_value_id low, nnc_value_id high, int64_t step, int rows, int vectors, uint8_t lanes)
{
    t->slot[slot] = nnc_open_for(t->nest->b, low, high, step);
    t->start[slot] = low;
    if (!t->copying && slot == t->shape.lane && t->shape.block >= 0)
        nnc_emit_panels(t, vectors, lanes);
    if (!t->copying && slot == t->shape.row && t->shape.block >= 0)
        nnc_prefetch_panels(t, rows, vectors, lanes);
    nnc_emit_level(t, level + 1, rows, vectors, lanes);
    nnc_close(t->nest->b);
}

void nnc_bounds_of(const nnc_tile *t, int slot, nnc_value_id *low, nnc_value_id *high)
{
    nnc_builder *b = t->nest->b;
    *low = nnc_emit_index(b, 0);
    *high = nnc_emit_extent(b, t->t->extent[slot]);
    if (slot == t->nest->task_slot && t->nest->low) {
        *low = t->nest->low;
        *high = t->nest->high;
    }
    if (slot == t->shape.row && t->chunk_low) {
        *low = t->chunk_low;
        *high = t->chunk_high;
    }
}

nnc_value_id nnc_whole_steps(nnc_builder *b, nnc_value_id low, nnc_value_id high, int step)
{
    nnc_value_id count = nnc_emit2(b, NNC_LOOP_ISUB, high, low), quotient = nnc_emit(b, NNC_LOOP_QUOTIENT, &count, 1, step);
    return nnc_emit2(b, NNC_LOOP_IADD, low, nnc_emit2(b, NNC_LOOP_IMUL, quotient, nnc_emit_index(b, step)));
}

/* One loop of tiles that take `many` of a tiled slot. */
static void loop_tiles(nnc_tile *t, int level, int slot, nnc_value_id low, nnc_value_id high, int many, int rows, int vectors, uint8_t lanes)
{
    int side = t->side;
    if (slot == t->shape.beside)
        t->side = many;
    loop_over(t, level, slot, low, high, many, slot == t->shape.row ? many : rows, slot == t->shape.column ? many : vectors, lanes);
    t->side = side;
}

enum { WORTH_A_TILE = 4 };       /* rows that are left but once */

/* What is left over by whole tiles of an extent, or of a block of tasks. Of single rows any number may be given: what is left is walked in pairs, and singly. */
static int rest_of_tiles(const nnc_tile *t, int slot, int many)
{
    return nnc_single_tasks(t, slot) ? (many > 2 ? 2 : 0) : (int)(nnc_tiled_extent(t, slot) % many);
}

/* What is left over by whole tiles in the last block of tasks, where that is a shorter one: of the largest number of examples, or of an extent. */
static int rest_of_last_block(const nnc_tile *t, int slot, int many)
{
    int64_t extent = nnc_extent_at(t->nest->s, t->t, slot), block = nnc_rows_of_task(t->nest->kernel, t->t);
    return slot == t->nest->task_slot && t->nest->low ? (int)(extent % block % many) : 0;
}

/* Whole tiles of a slot, then what is left: of an extent that is known in one tile of it, of chunks in the last one alone, since they are of whole tiles; a last block of tasks may be shorter, and has a tile of its own. Of fewer examples than
 * the most, what is left ends in single ones. */
static void loop_tiled(nnc_tile *t, int level, int slot, int many, int rows, int vectors, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id low, high;
    int rests[2] = {rest_of_tiles(t, slot, many), rest_of_last_block(t, slot, many)};
    bool known = t->t->extent[slot] > 0 && !(slot == t->nest->task_slot && t->nest->low);
    nnc_bounds_of(t, slot, &low, &high);
    nnc_value_id middle = known && !rests[0] ? high : nnc_whole_steps(b, low, high, many);
    loop_tiles(t, level, slot, low, middle, many, rows, vectors, lanes);
    for (int i = 0; i < 2; i++) {
        if (rests[i] <= 1 || (i == 1 && (rests[1] == rests[0] || rests[1] < WORTH_A_TILE)))
            continue;
        nnc_value_id next = known ? high : nnc_whole_steps(b, middle, high, rests[i]);
        loop_tiles(t, level, slot, middle, next, rests[i], rows, vectors, lanes);
        middle = next;
    }
    if (many > 1 && (!known || rests[0] == 1))
        loop_tiles(t, level, slot, middle, high, 1, rows, vectors, lanes);
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
    t->pack_rest = nnc_emit_index(b, whole);
    t->made = t->over ? 0 : t->width - rest;
    if (t->made)
        nnc_count_way(t->nest->s, NNC_WAY_OVERLAP);
    loop_over(t, level, slot, nnc_emit_index(b, t->over ? at : end - t->width), nnc_emit_index(b, end), t->width, 1, (int)((rest + lanes - 1) / lanes), lanes);
    t->pack_rest = 0;
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

/* Chunks of rows around the loops of lanes: what they read is copied first. */
static void loop_chunks(nnc_tile *t, int level, int slot)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id low, high;
    nnc_bounds_of(t, t->shape.row, &low, &high);
    nnc_value_id at = nnc_open_for(b, low, high, t->shape.chunk);
    t->chunk_high = nnc_emit2(b, NNC_LOOP_IMIN, nnc_emit2(b, NNC_LOOP_IADD, at, nnc_emit_index(b, t->shape.chunk)), high);
    t->chunk_low = at;
    nnc_copy_chunk(t);
    t->copying = true;
    loop_tiled(t, t->depth - 1, t->shape.row, t->shape.rows, t->shape.rows, 1, 1);
    t->copying = false;
    loop_parts(t, level, slot);
    t->chunk_low = 0;
    nnc_close(b);
}

/* Whether it matters which examples of a block there are. */
static bool minds_examples(const nnc_tile *t, nnc_ref ref, nnc_ref_map *seen)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node *n = &p->node[ref];
    if (nnc_ref_map_get(seen, ref))
        return false;
    nnc_ref_map_put(p->arena, seen, ref, 1);
    bool minds = n->op == NNC_OP_EXISTING || nnc_asks_existence(p, t->t, ref);
    for (uint32_t i = 0; i < n->count && !minds; i++)
        minds = minds_examples(t, p->args[n->first + i], seen);
    return minds;
}

static bool has_full_blocks(const nnc_tile *t)
{
    const nnc_group *group = t->nest->group;
    nnc_ref_map seen = {0};
    bool minds = nnc_in_blocks(t->t) && minds_examples(t, t->t->body, &seen);
    for (uint32_t m = 1; group && m < group->members && !minds && nnc_in_blocks(t->t); m++)
        minds = minds_examples(t, t->nest->s->p->tensor[group->member[m]].body, &seen);
    nnc_ref_map_close(&seen);
    return minds;
}

/* Blocks with all their examples, and then the last one, which may be short. */
static void loop_blocks(nnc_tile *t, int level, int rows, int vectors, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id low, high, batch = nnc_emit(b, NNC_LOOP_BATCH, NULL, 0, 0);
    nnc_bounds_of(t, 0, &low, &high);
    nnc_value_id full = nnc_emit2(b, NNC_LOOP_IMIN, nnc_emit2(b, NNC_LOOP_IMAX, nnc_emit(b, NNC_LOOP_QUOTIENT, &batch, 1, NNC_BLOCK), low), high);
    nnc_count_way(t->nest->s, NNC_WAY_FULL_BLOCKS);
    t->full = true;
    loop_over(t, level, 0, low, full, 1, rows, vectors, lanes);
    t->full = false;
    loop_over(t, level, 0, full, high, 1, rows, vectors, lanes);
}

void nnc_emit_level(nnc_tile *t, int level, int rows, int vectors, uint8_t lanes)
{
    nnc_value_id low, high;
    if (level == t->depth) {
        if (t->packing)
            return;
        if (t->copying)
            nnc_copy_rows(t, rows);
        else if (t->t->reduce == NNC_REDUCE_NONE)
            nnc_emit_map(t, lanes);
        else
            nnc_emit_reduction(t, rows * t->side, vectors, lanes);
        return;
    }
    int slot = t->order[level];
    if (slot == t->shape.lane && t->shape.chunk && !t->chunk_low) {
        loop_chunks(t, level, slot);
        return;
    }
    if (slot == t->shape.lane) {
        loop_parts(t, level, slot);
        return;
    }
    if (slot == t->shape.row || slot == t->shape.beside || slot == t->shape.column) {
        int many = slot == t->shape.row ? t->shape.rows : slot == t->shape.beside ? t->shape.besides : t->shape.vectors;
        loop_tiled(t, level, slot, many, rows, vectors, lanes);
        return;
    }
    if (slot == 0 && has_full_blocks(t)) {
        loop_blocks(t, level, rows, vectors, lanes);
        return;
    }
    nnc_bounds_of(t, slot, &low, &high);
    loop_over(t, level, slot, low, high, 1, rows, vectors, lanes);
}

/* An output slot along which some read goes step by step while the lanes take it across. -1: none. */
static int slot_across(const nnc_tile *t, nnc_ref ref, nnc_ref_map *seen)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node *n = &p->node[ref];
    int found = -1;
    if (nnc_ref_map_get(seen, ref) || !nnc_moves_with(p, ref, t->shape.lane))
        return -1;
    nnc_ref_map_put(p->arena, seen, ref, 1);
    for (uint32_t i = 0; i < n->count && found < 0; i++)
        found = slot_across(t, p->args[n->first + i], seen);
    if (found >= 0 || n->op != NNC_OP_READ)
        return found;
    nnc_ref last = p->args[n->first + n->count - 1];
    for (int slot = 0; slot < t->t->rank && !nnc_moves_with(p, last, t->shape.lane); slot++)
        if (slot != t->shape.lane && is_free(t, slot) && nnc_moves_with(p, last, slot))
            return slot;
    return -1;
}

/* Of a formula without reduction, what the lanes take across is near while that slot moves: it is the innermost one. */
static void move_across_inside(nnc_tile *t)
{
    nnc_ref_map seen = {0};
    int slot = t->t->reduce == NNC_REDUCE_NONE && t->shape.lane >= 0 ? slot_across(t, t->t->body, &seen) : -1, depth = 0;
    nnc_ref_map_close(&seen);
    if (slot < 0)
        return;
    nnc_count_way(t->nest->s, NNC_WAY_ACROSS);
    for (int i = 0; i < t->depth; i++)
        if (t->order[i] != slot)
            t->order[depth++] = t->order[i];
    t->order[depth] = slot;
}

/* Free slots outermost first; the tiled ones are innermost, columns around rows, so that a panel of the vector operand stays near. A sum in blocks
 * has the lanes outermost: what they read is copied once for all the rest; or, with rows in chunks, once for each chunk. */
static void order_slots(nnc_tile *t)
{
    int tiled[4] = {t->shape.column, t->shape.lane, t->shape.row, t->shape.beside};
    bool lanes_first = t->shape.block >= 0 && !t->shape.chunk;
    if (lanes_first)
        t->order[t->depth++] = t->shape.lane;
    for (int slot = 0; slot < t->t->rank; slot++)
        if (is_free(t, slot) && slot != tiled[0] && slot != tiled[1] && slot != tiled[2] && slot != tiled[3])
            t->order[t->depth++] = slot;
    for (int i = 0; i < 4; i++)
        if (tiled[i] >= 0 && !(lanes_first && tiled[i] == t->shape.lane))
            t->order[t->depth++] = tiled[i];
}

/* Whether an element of the formula, or of what is computed with it, may be stored but once. */
static bool stored_once(const nnc_tile *t, nnc_tensor_id id)
{
    const nnc_plan *plan = t->nest->s->plan;
    bool once = nnc_in_memory(t) || plan->in_place[id];
    for (uint32_t m = 0; t->nest->group && m < t->nest->group->members; m++)
        once |= plan->in_place[t->nest->group->member[m]];
    return once;
}

static nnc_tile open_tile(nnc_nest *nest, nnc_tensor_id id)
{
    nnc_tile t = {.nest = nest, .t = &nest->s->p->tensor[id], .side = 1, .width = 1};
    for (int i = 0; i < NNC_MAX_SLOTS; i++)
        t.slot[i] = nest->fixed[i];
    nest->s->scratch_taken = nest->s->scratch_held;
    nnc_choose_shape(&t);
    return t;
}

void nnc_pack_formula(nnc_nest *nest, nnc_tensor_id id)
{
    nnc_tile t = open_tile(nest, id);
    if (!t.shape.packed)
        return;
    t.packing = true;
    t.low = nnc_emit_index(nest->b, 0);
    t.high = nnc_emit_extent(nest->b, t.t->extent[t.shape.block]);
    t.order[t.depth++] = t.shape.lane;
    nnc_emit_level(&t, 0, 1, 1, 1);
}

void nnc_emit_formula(nnc_nest *nest, nnc_tensor_id id)
{
    nnc_tile t = open_tile(nest, id);
    nnc_count_tile(&t);
    t.once = stored_once(&t, id);
    if (nnc_is_flat(&t)) {
        nnc_emit_flat(&t);
        return;
    }
    order_slots(&t);
    move_across_inside(&t);
    if (t.shape.block >= 0)
        nnc_emit_blocks(&t);
    else
        nnc_emit_level(&t, 0, 1, t.shape.lane >= 0 ? 1 : t.shape.column >= 0 ? t.shape.vectors : 1, 1);
}
