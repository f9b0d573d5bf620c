/* Formulas without reduction whose elements lie one after another: their rows are walked as one. */
#include "schedule/tile.h"

/* Reads nothing but the elements of tensors of its own shape at its own place: it knows no index. */
static bool reads_own_alone(const nnc_program *p, const nnc_tensor *t, nnc_ref ref, nnc_ref_map *seen)
{
    const nnc_node *n = &p->node[ref];
    if (nnc_ref_map_get(seen, ref))
        return true;
    nnc_ref_map_put(p->arena, seen, ref, 1);
    bool own = n->op != NNC_OP_INDEX && n->op != NNC_OP_RANDOM && n->op != NNC_OP_GAUSSIAN;
    if (n->op == NNC_OP_READ) {
        const nnc_tensor *from = &p->tensor[n->integer[0]];
        for (uint32_t i = 0; i < n->count && own; i++) {
            const nnc_node *at = &p->node[p->args[n->first + i]];
            own = n->count == t->rank && at->op == NNC_OP_INDEX && at->integer[0] == (int64_t)i && from->extent[i] == t->extent[i];
        }
        return own;
    }
    for (uint32_t i = 0; i < n->count && own; i++)
        own = reads_own_alone(p, t, p->args[n->first + i], seen);
    return own;
}

/* Of a fixed number of elements, with a last dimension that does not fill vectors. Elements of several rows are then one vector. */
bool nnc_is_flat(const nnc_tile *t)
{
    const nnc_scheduler *s = t->nest->s;
    const nnc_group *group = t->nest->group;
    const nnc_tensor *of = t->t;
    int last = of->rank - 1;
    if (of->rank < 2 || of->reduce != NNC_REDUCE_NONE || of->extent[0] < 0 || t->nest->steps || s->machine->lanes == 1 || of->extent[last] % s->machine->lanes == 0 ||
        (t->nest->low && t->nest->task_slot != 0))
        return false;
    nnc_ref_map seen = {0};
    bool flat = reads_own_alone(s->p, of, of->body, &seen);
    for (uint32_t m = 1; group && m < group->members && flat; m++)
        flat = reads_own_alone(s->p, of, s->p->tensor[group->member[m]].body, &seen);
    nnc_ref_map_close(&seen);
    return flat;
}

static void loop_flat(nnc_tile *t, nnc_value_id low, nnc_value_id high, uint8_t lanes)
{
    nnc_builder *b = t->nest->b;
    t->slot[t->t->rank - 1] = nnc_open_for(b, low, high, lanes);
    nnc_emit_map(t, lanes);
    nnc_close(b);
}

/* The last slot runs over all of it, the others stay at 0. */
void nnc_emit_flat(nnc_tile *t)
{
    nnc_builder *b = t->nest->b;
    uint8_t lanes = t->nest->s->machine->lanes;
    nnc_value_id row = nnc_emit_index(b, nnc_tensor_stride(t->t, 0)), low, high;
    nnc_count_way(t->nest->s, NNC_WAY_FLAT);
    nnc_bounds_of(t, 0, &low, &high);
    low = nnc_emit2(b, NNC_LOOP_IMUL, low, row);
    high = nnc_emit2(b, NNC_LOOP_IMUL, high, row);
    for (int slot = 0; slot < t->t->rank; slot++)
        t->slot[slot] = nnc_emit_index(b, 0);
    t->shape.lane = t->t->rank - 1;
    t->flat = true;
    t->cuts = 0;
    nnc_value_id whole = nnc_whole_steps(b, low, high, lanes);
    loop_flat(t, low, whole, lanes);
    loop_flat(t, whole, high, 1);
}
