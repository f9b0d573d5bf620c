/* Which ways the schedule took: what can be told from a tile or from the plan. The others are counted where they are taken. */
#include "schedule/tile.h"

const char *const nnc_way_text[NNC_WAYS] = {
#define NNC_WAY(name, text) text,
#include "schedule/ways.def"
};

void nnc_count_tile(const nnc_tile *t)
{
    nnc_scheduler *s = t->nest->s;
    const nnc_shape *shape = &t->shape;
    int last = t->t->rank - 1;
    while (last >= 0 && (t->nest->fixed[last] || t->t->extent[last] == 1))
        last--;
    nnc_count_way(s, shape->lane < 0 && shape->sum_lane < 0 ? NNC_WAY_NO_LANES : shape->sum_lane >= 0 ? NNC_WAY_SUM_LANES : shape->lane < last ? NNC_WAY_LONGER_LANES : NNC_WAY_LANES);
    if (shape->column >= 0)
        nnc_count_way(s, NNC_WAY_SUM_COLUMNS);
    if (shape->rows > 1)
        nnc_count_way(s, NNC_WAY_ROWS);
    if (shape->beside >= 0)
        nnc_count_way(s, NNC_WAY_PAIRS);
    if ((shape->row >= 0 && nnc_single_tasks(t, shape->row)) || (shape->beside >= 0 && nnc_single_tasks(t, shape->beside)))
        nnc_count_way(s, NNC_WAY_TASK_ROWS);
    if (shape->row < 0 && shape->vectors > NNC_TILE_VECTORS)
        nnc_count_way(s, NNC_WAY_ONE_ROW);
    if (shape->block >= 0)
        nnc_count_way(s, NNC_WAY_BLOCKS);
    if (nnc_in_blocks(t->t) && shape->lane == t->t->rank - 1)
        nnc_count_way(s, NNC_WAY_BLOCKED_EXAMPLES);
    if (shape->whole)
        nnc_count_way(s, NNC_WAY_WHOLE_PANELS);
    if (t->cuts > 0)
        nnc_count_way(s, NNC_WAY_CUTS);
}

static void count_group(nnc_scheduler *s, const nnc_group *group)
{
    if (group->apart)
        nnc_count_way(s, NNC_WAY_APART);
    if (group->loop)
        nnc_count_way(s, group->loop->backward ? NNC_WAY_BACKWARD : NNC_WAY_RECURRENCE);
    else if (group->members > 1)
        nnc_count_way(s, s->p->tensor[group->member[0]].reduce == NNC_REDUCE_NONE ? NNC_WAY_FUSED : NNC_WAY_FUSED_SUM);
}

void nnc_count_plan(nnc_scheduler *s)
{
    const nnc_plan *plan = s->plan;
    for (uint32_t i = 0; i < plan->groups; i++) {
        count_group(s, &plan->group[i]);
        if (i > 0 && plan->group[i].phase == plan->group[i - 1].phase)
            nnc_count_way(s, NNC_WAY_SHARED_PHASE);
    }
    for (nnc_tensor_id t = 1; t < s->p->tensors; t++) {
        nnc_tensor_id next = s->p->tensor[t].next;
        if (next)
            nnc_count_way(s, plan->in_place[next] ? NNC_WAY_IN_PLACE : NNC_WAY_COPIED);
        if (s->kept[t].steps)
            nnc_count_way(s, NNC_WAY_KEPT_STEPS);
    }
}
