/* Sums in blocks: the reduced slots are walked a cacheful at a time, the sums so far standing in memory, and what a range of lanes reads of a block
 * for every row is copied together first (Goto, van de Geijn: Anatomy of high-performance matrix multiplication, 2008). The order of each sum stays. */
#include "schedule/tile.h"

static nnc_value_id extent_value(nnc_tile *t, int slot) { return nnc_emit_extent(t->nest->b, t->t->extent[slot]); }

/* ---- blocks ---- */

static void note_ends(nnc_tile *t, int slot, nnc_value_id at, nnc_value_id next, nnc_value_id end)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id first = nnc_emit2(b, NNC_LOOP_IEQ, at, nnc_emit_index(b, 0)), last = nnc_emit2(b, NNC_LOOP_ILE, end, next);
    t->first = slot == t->t->rank ? first : nnc_emit2(b, NNC_LOOP_AND, t->first, first);
    t->last = slot == t->t->rank ? last : nnc_emit2(b, NNC_LOOP_AND, t->last, last);
}

void nnc_emit_blocks(nnc_tile *t)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id zero = nnc_emit_index(b, 0);
    if (t->shape.whole) {
        t->low = zero;
        t->high = extent_value(t, t->shape.block);
        nnc_emit_level(t, 0, 1, 1, 1);
        return;
    }
    for (int slot = t->t->rank; slot <= t->shape.block; slot++) {
        int64_t step = slot == t->shape.block ? t->shape.block_size : 1;
        nnc_value_id end = extent_value(t, slot), at = nnc_open_for(b, zero, end, step), next = nnc_emit2(b, NNC_LOOP_IADD, at, nnc_emit_index(b, step));
        note_ends(t, slot, at, next, end);
        t->slot[slot] = at;
        t->low = at;
        t->high = nnc_emit2(b, NNC_LOOP_IMIN, next, end);
    }
    nnc_emit_level(t, 0, 1, 1, 1);
    for (int slot = t->t->rank; slot <= t->shape.block; slot++)
        nnc_close(b);
}

/* ---- the points of a block that a read moves with ---- */

int64_t nnc_points_along(const nnc_tile *t, int slot) { return slot == t->shape.block ? t->shape.block_size : nnc_extent_at(t->nest->s, t->t, slot); }

int64_t nnc_block_points(const nnc_tile *t, nnc_ref read)
{
    int64_t points = 1;
    for (int slot = t->shape.block; slot < t->t->rank + t->t->reduced; slot++)
        points *= nnc_moves_with(t->nest->s->p, read, slot) ? nnc_points_along(t, slot) : 1;
    return points;
}

nnc_value_id nnc_block_point(const nnc_tile *t, nnc_ref read)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id at = nnc_emit_index(b, 0);
    for (int slot = t->shape.block; slot < t->t->rank + t->t->reduced; slot++) {
        if (!nnc_moves_with(t->nest->s->p, read, slot))
            continue;
        nnc_value_id from = slot == t->shape.block ? nnc_emit2(b, NNC_LOOP_ISUB, t->slot[slot], t->low) : t->slot[slot];
        at = nnc_emit2(b, NNC_LOOP_IADD, nnc_emit2(b, NNC_LOOP_IMUL, at, nnc_emit_index(b, nnc_points_along(t, slot))), from);
    }
    return at;
}

int nnc_open_points(nnc_tile *t, nnc_ref read, int *last, nnc_value_id *low, nnc_value_id *high)
{
    nnc_builder *b = t->nest->b;
    int opened = 0;
    *last = -1;
    for (int slot = t->shape.block; slot < t->t->rank + t->t->reduced; slot++) {
        if (!nnc_moves_with(t->nest->s->p, read, slot))
            continue;
        if (*last >= 0) {
            t->slot[*last] = nnc_open_for(b, *low, *high, 1);
            opened++;
        }
        *last = slot;
        *low = slot == t->shape.block ? t->low : nnc_emit_index(b, 0);
        *high = slot == t->shape.block ? t->high : extent_value(t, slot);
    }
    return opened;
}

/* ---- panels ---- */

/* For one range of lanes. */
static int64_t panel_elements(const nnc_tile *t, nnc_ref read) { return nnc_block_points(t, read) * t->shape.vectors * t->nest->s->machine->lanes; }

/* For all of them, one range after another. */
static int64_t pack_elements(const nnc_tile *t, nnc_ref read)
{
    int64_t range = (int64_t)t->shape.vectors * t->nest->s->machine->lanes;
    return nnc_block_points(t, read) * ((t->t->extent[t->shape.lane] + range - 1) / range) * range;
}

enum { PACK_SHARE = 2 };        /* of the stack that a kernel may take */

static int64_t packed_bytes(const nnc_nest *nest)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; i < nest->packs; i++)
        bytes += 4 * nest->s->loops->buffer[nest->pack[i].buffer].elements;
    return bytes;
}

/* It is to stay in the caches, and on the stack. */
static bool panel_fits(const nnc_tile *t, nnc_ref read)
{
    int64_t room = 2 * (int64_t)t->nest->s->machine->l1;
    return 4 * panel_elements(t, read) <= (room < NNC_MOST_LOCAL / 8 ? room : NNC_MOST_LOCAL / 8);
}

/* The pack that was made of it; NULL: none. */
static const nnc_pack *pack_of(const nnc_tile *t, nnc_ref read)
{
    for (uint32_t i = 0; i < t->nest->packs; i++)
        if (t->nest->pack[i].read == read && &t->nest->s->p->tensor[t->nest->pack[i].tensor] == t->t)
            return &t->nest->pack[i];
    return NULL;
}

/* Of what the recurrence does not write itself. */
static void add_pack(nnc_tile *t, nnc_ref read)
{
    nnc_scheduler *s = t->nest->s;
    nnc_tensor_id of = (nnc_tensor_id)s->p->node[read].integer[0];
    if (s->writes[s->buffer[of]] || t->nest->packs == NNC_MAX_PACKS || packed_bytes(t->nest) + 4 * pack_elements(t, read) > NNC_MOST_LOCAL / PACK_SHARE)
        return;
    uint32_t buffer = nnc_scratch_buffer(s, s->p->tensor[of].name, pack_elements(t, read));
    s->scratch_held = s->scratch_taken;
    t->nest->pack[t->nest->packs++] = (nnc_pack){(nnc_tensor_id)(t->t - s->p->tensor), read, buffer};
    nnc_count_way(s, NNC_WAY_PACKS);
}

static void add_panel(nnc_tile *t, nnc_ref read)
{
    nnc_scheduler *s = t->nest->s;
    const char *name = s->p->tensor[s->p->node[read].integer[0]].name;
    if (t->packing)
        add_pack(t, read);
    const nnc_pack *pack = t->shape.packed ? pack_of(t, read) : NULL;
    if (pack) {
        t->panel[t->panels++] = (nnc_panel){.read = read, .buffer = pack->buffer, .packed = true};
    } else if (!t->packing && panel_fits(t, read) && nnc_rows_share(t)) {
        t->panel[t->panels++] = (nnc_panel){.read = read, .buffer = nnc_scratch_buffer(s, name, panel_elements(t, read))};
        nnc_count_way(s, NNC_WAY_PANELS);
    }
}

bool nnc_is_for_lanes(const nnc_tile *t, nnc_ref read)
{
    uint64_t left = ((uint64_t)1 << t->t->rank) - 1;
    return t->shape.lane >= 0 && (t->nest->s->p->node[read].slots & left) == (uint64_t)1 << t->shape.lane;
}

/* Reads for the lanes that the block moves. */
static void find_panels(nnc_tile *t, nnc_ref ref, nnc_ref_map *seen)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node *n = &p->node[ref];
    bool inside = n->slots >> t->shape.block != 0;
    if (nnc_ref_map_get(seen, ref))
        return;
    nnc_ref_map_put(p->arena, seen, ref, 1);
    if (n->op == NNC_OP_READ && nnc_is_for_lanes(t, ref) && inside && t->panels < NNC_MAX_PANELS && p->tensor[n->integer[0]].element == NNC_REAL) {
        add_panel(t, ref);
        return;
    }
    for (uint32_t i = 0; i < n->count; i++)
        find_panels(t, p->args[n->first + i], seen);
}

/* Where in the panel the present point of the sum is. */
static nnc_value_id panel_place(nnc_tile *t, const nnc_panel *panel, int v, int vectors, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    nnc_value_id at = nnc_emit2(b, NNC_LOOP_IMUL, nnc_block_point(t, panel->read), nnc_emit_index(b, (int64_t)vectors * lanes));
    if (panel->packed) {
        nnc_value_id before = t->pack_rest ? t->pack_rest : t->slot[t->shape.lane];
        at = nnc_emit2(b, NNC_LOOP_IADD, nnc_emit2(b, NNC_LOOP_IMUL, before, nnc_emit_index(b, nnc_block_points(t, panel->read))), at);
    }
    return nnc_emit2(b, NNC_LOOP_IADD, at, nnc_emit_index(b, (int64_t)v * lanes));
}

static void copy_panel(nnc_tile *t, const nnc_panel *panel, int vectors, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    int last;
    nnc_value_id low, high;
    int opened = nnc_open_points(t, panel->read, &last, &low, &high) + 1;
    t->slot[last] = nnc_open_for(b, low, high, 1);
    for (int v = 0; v < vectors; v++) {
        nnc_lower l = nnc_tile_element(t, 0, v, t->shape.lane, lanes, t->shape.lane, lanes);
        nnc_value_id value = nnc_lower_wide(&l, nnc_lower_value(&l, panel->read));
        nnc_emit_store(b, panel->buffer, panel_place(t, panel, v, vectors, lanes), value);
        nnc_ref_map_close(&l.done);
    }
    while (opened-- > 0)
        nnc_close(b);
}

void nnc_emit_panels(nnc_tile *t, int vectors, uint8_t lanes)
{
    if (t->panels == 0) {
        nnc_ref_map seen = {0};
        find_panels(t, t->t->body, &seen);
        nnc_ref_map_close(&seen);
    }
    for (int i = 0; i < t->panels; i++)
        if (t->packing || !t->panel[i].packed)
            copy_panel(t, &t->panel[i], vectors, lanes);
}

void nnc_load_panels(nnc_tile *t, int vectors, uint8_t lanes)
{
    for (int i = 0; i < t->panels; i++)
        for (int v = 0; v < vectors; v++)
            t->panel[i].value[v] = nnc_emit_load(t->nest->b, t->panel[i].buffer, panel_place(t, &t->panel[i], v, vectors, lanes), lanes, false);
}

void nnc_use_panels(const nnc_tile *t, nnc_lower *l, int v)
{
    for (int i = 0; i < t->panels; i++)
        nnc_ref_map_put(t->nest->s->arena, &l->done, t->panel[i].read, t->panel[i].value[v]);
}
