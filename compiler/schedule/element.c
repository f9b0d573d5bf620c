/* One place of a tile: where its slots are, and what is made and stored there. */
#include "formula/build.h"
#include "schedule/tile.h"

static nnc_value_id offset(nnc_builder *b, nnc_value_id at, int64_t by) { return by ? nnc_emit2(b, NNC_LOOP_IADD, at, nnc_emit_index(b, by)) : at; }

nnc_lower nnc_lower_at(const nnc_tile *t, int lane, uint8_t lanes)
{
    nnc_lower l = {.s = t->nest->s, .b = t->nest->b, .kernel = t->nest->kernel, .t = t->t, .lane = lane, .lanes = lanes,
                   .ranged = t->range.high ? t->shape.lane : -1, .range = t->range, .held = t->held, .helds = t->helds, .denied = t->denied, .full = t->full, .kept = t->once ? t->made : 0};
    if (lane >= 0 && lane == t->shape.lane && !t->flat && lanes > t->t->extent[lane])
        l.present = t->t->extent[lane];
    for (int i = 0; i < t->t->rank + t->t->reduced; i++)
        l.slot[i] = t->slot[i];
    return l;
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

void nnc_finish_element(const nnc_tile *t, nnc_lower *l, nnc_value_id value)
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

void nnc_emit_map(nnc_tile *t, uint8_t lanes)
{
    nnc_lower l = nnc_lower_at(t, t->shape.lane, lanes);
    if (t->shape.lane < 0)
        l.lane = -1;
    nnc_finish_element(t, &l, nnc_lower_value(&l, t->t->body));
    nnc_ref_map_close(&l.done);
}

nnc_lower nnc_tile_element(const nnc_tile *t, int r, int v, int lane, uint8_t lanes, int second, int64_t step)
{
    nnc_lower l = nnc_lower_at(t, lane, lanes);
    if (t->shape.row >= 0)
        l.slot[t->shape.row] = offset(t->nest->b, l.slot[t->shape.row], r / t->side);
    if (t->shape.beside >= 0)
        l.slot[t->shape.beside] = offset(t->nest->b, l.slot[t->shape.beside], r % t->side);
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
