/* Groups in order, phases, and what needs memory until when. */
#include "plan/internal.h"

/* ---- rows ---- */

/* Tasks are ranges of slot 0 wherever there is more to it than a vector. */
static bool has_rows(const nnc_tensor *t) { return t->rank > 1 || (t->rank == 1 && t->extent[0] < 0); }

static uint32_t task_slot(const nnc_tensor *t)
{
    uint32_t best = 0;
    for (uint32_t i = 1; t->extent[0] > 0 && i + 1 < t->rank; i++)
        if (t->extent[i] > t->extent[best])
            best = i;
    return best;
}

/* Whatever a recurrence reads of itself is of its own row. */
static bool loop_has_rows(const nnc_planner *g, uint32_t node)
{
    const nnc_group *loop = &g->node[node];
    for (uint32_t i = 0; i < loop->members; i++) {
        const nnc_readings *reads = &g->reads[loop->member[i]];
        if (!nnc_batched(&g->p->tensor[loop->member[i]]))
            return false;
        for (uint32_t k = 0; k < reads->count; k++)
            if (!(reads->read[k].rows & 1) && g->p->tensor[reads->read[k].from].kind == NNC_KIND_FORMULA && g->node_of[reads->read[k].from] == node)
                return false;
    }
    return true;
}

/* Of examples, in blocks or not, the same ones. */
static bool same_tasks(const nnc_planner *g, const nnc_group *a, const nnc_group *b)
{
    int64_t x = g->p->tensor[a->member[0]].extent[a->task_slot], y = g->p->tensor[b->member[0]].extent[b->task_slot];
    return a->rows && b->rows && a->task_slot == b->task_slot && (x == y || (x < 0 && y < 0));
}

/* ---- phases ---- */

/* The group comes in the phase of node `earlier` or later; in the same one where what is between them (a read, or a read of what the group stores over) keeps to rows. */
static void follow(const nnc_planner *g, nnc_group *group, nnc_tensor_id earlier, uint32_t rows)
{
    const nnc_group *before = &g->node[g->node_of[earlier]];
    if (g->p->tensor[earlier].kind != NNC_KIND_FORMULA || before == group)
        return;
    bool together = same_tasks(g, group, before) && rows >> group->task_slot & 1;
    uint32_t least = before->phase + !together;
    group->phase = least > group->phase ? least : group->phase;
}

/* What must come directly before is enough: what is before that has an earlier phase, or the same tasks. */
static void set_phase(const nnc_planner *g, nnc_group *group)
{
    for (uint32_t m = 0; m < group->members; m++) {
        nnc_tensor_id t = group->member[m], old = g->old[t];
        for (uint32_t i = 0; i < g->reads[t].count; i++)
            follow(g, group, g->reads[t].read[i].from, g->reads[t].read[i].rows);
        for (uint32_t i = g->first_reader[old]; old && i < g->first_reader[old + 1]; i++)
            follow(g, group, g->reader[i].by, g->reader[i].rows);
    }
}

static void set_phases(nnc_planner *g, const uint32_t *sequence, bool shared)
{
    for (uint32_t i = 0, made = 0; i < g->nodes; i++) {
        nnc_group *group = &g->node[sequence[i]];
        if (g->merged[sequence[i]])
            continue;
        if (shared)
            set_phase(g, group);
        else
            group->phase = made++;
        g->plan->phases = group->phase >= g->plan->phases ? group->phase + 1 : g->plan->phases;
    }
}

/* The groups by phase, and within one so that each comes after what it needs. */
static void list_groups(nnc_planner *g, const uint32_t *sequence)
{
    nnc_plan *plan = g->plan;
    uint32_t *place = NNC_ARRAY(g->arena, uint32_t, plan->phases + 2);         /* of each phase's next group */
    for (uint32_t i = 0; i < g->nodes; i++)
        if (!g->merged[i]) {
            place[g->node[i].phase + 1]++;
            plan->groups++;
        }
    for (uint32_t phase = 0; phase < plan->phases; phase++)
        place[phase + 1] += place[phase];
    plan->group = NNC_ARRAY(g->arena, nnc_group, plan->groups + 1);
    for (uint32_t i = 0; i < g->nodes; i++) {
        const nnc_group *group = &g->node[sequence[i]];
        if (g->merged[sequence[i]])
            continue;
        for (uint32_t m = 0; m < group->members; m++)
            plan->group_of[group->member[m]] = place[group->phase];
        plan->group[place[group->phase]++] = *group;
    }
}

/* ---- long sums ---- */

enum { LONG_SUM = 160, MANY_ROWS = 24, WIDE = 192, LARGE = 1 << 18 };

static int64_t product(const nnc_tensor *t, uint32_t first, uint32_t last, int64_t batch)
{
    int64_t all = 1;
    for (uint32_t i = first; i < last; i++)
        all *= nnc_extent_with(t->extent[i], batch);
    return all;
}

/* Worth it where the same elements are read again for many rows, more of them than a first-level cache holds, at strides that crowd into few of its sets. */
static bool is_blocked(const nnc_planner *g, const nnc_group *group, int64_t batch)
{
    const nnc_tensor *t = &g->p->tensor[group->member[0]];
    if (group->loop || batch == 1 || t->reduce != NNC_REDUCE_SUM || t->rank < 2)
        return false;
    int64_t sum = product(t, t->rank, (uint32_t)t->rank + t->reduced, batch), last = t->extent[t->rank - 1];
    int64_t wide = t->extent[0] < 0 ? last : product(t, 1, t->rank, batch);      /* elements that a point of the sum reads along with a row's; of examples, those of one row of lanes */
    return sum >= LONG_SUM && product(t, 0, t->rank - 1u, batch) >= MANY_ROWS && (last >= WIDE || sum * wide >= LARGE);
}

/* A sum whose lanes are the examples of blocks gives single numbers; what is made of them fills vectors again. */
static bool is_apart(const nnc_planner *g, const nnc_group *group)
{
    const nnc_tensor *t = &g->p->tensor[group->member[0]];
    bool blocks = false;
    for (uint32_t i = t->rank; i < (uint32_t)t->rank + t->reduced; i++)
        blocks |= t->extent[i] == NNC_EXTENT_BLOCKS;
    return blocks && group->members > 1 && t->rank > 0;
}

/* ---- memory ---- */

static void find_stored(nnc_planner *g)
{
    nnc_plan *plan = g->plan;
    for (nnc_tensor_id t = 1; t < g->p->tensors; t++) {
        nnc_tensor_id next = g->p->tensor[t].next;
        if (g->kept[t] && g->p->tensor[t].kind == NNC_KIND_FORMULA)
            plan->stored[t] = true;
        if (next)
            plan->stored[next] = true;
        if (next && !plan->in_place[next])
            plan->last[next] = UINT32_MAX;
        if (g->kept[t])
            plan->last[t] = UINT32_MAX;
    }
    for (nnc_tensor_id t = 1; t < g->p->tensors; t++) {
        if (g->p->tensor[t].kind != NNC_KIND_FORMULA)
            continue;
        const nnc_group *group = &plan->group[plan->group_of[t]];
        plan->stored[t] |= group->loop != NULL || ((group->blocked || group->apart) && group->member[0] == t);
        plan->last[t] = plan->last[t] < group->phase ? group->phase : plan->last[t];
        for (uint32_t i = 0; i < g->reads[t].count; i++) {
            nnc_tensor_id from = g->reads[t].read[i].from;
            if (g->p->tensor[from].kind == NNC_KIND_FORMULA && plan->group_of[from] != plan->group_of[t])
                plan->stored[from] = true;
            plan->last[from] = plan->last[from] < group->phase ? group->phase : plan->last[from];
        }
    }
}

/* The group does one example after another: what it reads and writes of one, it does not need of the others. */
static bool goes_by_examples(const nnc_planner *g, const nnc_group *group)
{
    return group->rows && group->task_slot == 0 && nnc_batched(&g->p->tensor[group->member[0]]);
}

/* Within a phase an example's formulas are computed in the order of the groups, whoever does it, so its part of one can go as soon as the last group that reads it is done. A group that
 * does not go by examples needs all of them, from the beginning of its phase to its end. */
static void find_spans(nnc_planner *g)
{
    nnc_plan *plan = g->plan;
    uint32_t *first = NNC_ARRAY(g->arena, uint32_t, plan->phases + 1), *last = NNC_ARRAY(g->arena, uint32_t, plan->phases + 1);
    for (uint32_t i = plan->groups; i-- > 0;)
        first[plan->group[i].phase] = i;
    for (uint32_t i = 0; i < plan->groups; i++)
        last[plan->group[i].phase] = i;
    for (nnc_tensor_id t = 1; t < g->p->tensors; t++) {
        if (g->p->tensor[t].kind != NNC_KIND_FORMULA)
            continue;
        uint32_t at = plan->group_of[t];
        bool by_examples = goes_by_examples(g, &plan->group[at]);
        plan->from[t] = by_examples ? at : first[plan->group[at].phase];
        plan->until[t] = plan->until[t] > at ? plan->until[t] : at;
        for (uint32_t i = 0; i < g->reads[t].count; i++) {
            const nnc_reading *r = &g->reads[t].read[i];
            uint32_t needed = by_examples && r->rows & 1 ? at : last[plan->group[at].phase];
            plan->until[r->from] = plan->until[r->from] > needed ? plan->until[r->from] : needed;
        }
    }
}

nnc_plan *nnc_plan_make(nnc_arena *arena, const nnc_program *p, const nnc_order *order, const bool *kept, int64_t batch, bool fuse, bool serial)
{
    nnc_planner g = {.arena = arena, .p = p, .plan = NNC_NEW(arena, nnc_plan), .kept = kept};
    g.plan->group_of = NNC_ARRAY(arena, uint32_t, p->tensors);
    g.plan->last = NNC_ARRAY(arena, uint32_t, p->tensors);
    g.plan->from = NNC_ARRAY(arena, uint32_t, p->tensors);
    g.plan->until = NNC_ARRAY(arena, uint32_t, p->tensors);
    g.plan->stored = NNC_ARRAY(arena, bool, p->tensors);
    g.plan->in_place = NNC_ARRAY(arena, bool, p->tensors);
    g.merged = NNC_ARRAY(arena, bool, order->items + 1);
    uint32_t *sequence = nnc_plan_graph(&g, order);
    if (fuse) {
        nnc_plan_merge(&g, sequence);
        sequence = nnc_plan_sequence(&g, sequence);       /* merging moved members before nodes that came between */
    }
    for (uint32_t i = 0; i < g.nodes; i++) {
        nnc_group *group = &g.node[i];
        group->blocked = fuse && is_blocked(&g, group, batch);
        group->apart = fuse && is_apart(&g, group);
        group->task_slot = group->loop ? 0 : task_slot(&p->tensor[group->member[0]]);
        group->rows = group->loop ? loop_has_rows(&g, i) : has_rows(&p->tensor[group->member[0]]);
    }
    set_phases(&g, sequence, fuse && !serial);
    list_groups(&g, sequence);
    find_stored(&g);
    find_spans(&g);
    return g.plan;
}
