/* Groups in order, phases, and what needs memory until when. */
#include <string.h>
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

static bool leaves_row(const nnc_planner *g, nnc_tensor_id reader, nnc_tensor_id from, uint32_t slot)
{
    const nnc_reading *r = nnc_find_reading(g, reader, from);
    return r && !(r->rows >> slot & 1);
}

static bool loop_has_rows(const nnc_planner *g, const nnc_group *loop)
{
    for (uint32_t i = 0; i < loop->members; i++) {
        const nnc_tensor *t = &g->p->tensor[loop->member[i]];
        if (!nnc_batched(t))
            return false;
        for (uint32_t k = 0; k < loop->members; k++)
            if (leaves_row(g, loop->member[i], loop->member[k], 0))
                return false;
    }
    return true;
}

static bool same_tasks(const nnc_planner *g, const nnc_group *a, const nnc_group *b)
{
    return a->rows && b->rows && a->task_slot == b->task_slot &&
           g->p->tensor[a->member[0]].extent[a->task_slot] == g->p->tensor[b->member[0]].extent[b->task_slot];
}

/* Every read that the one makes of what the other writes is of its own row. */
static bool reads_own_rows(const nnc_planner *g, const nnc_group *reader, const nnc_group *writer)
{
    for (uint32_t i = 0; i < reader->members; i++)
        for (uint32_t k = 0; k < writer->members; k++)
            if (leaves_row(g, reader->member[i], writer->member[k], reader->task_slot))
                return false;
    return true;
}

/* ... and the same of what the writer stores in place, which the reader has to read before. */
static bool reads_own_old_rows(const nnc_planner *g, const nnc_group *reader, const nnc_group *writer)
{
    for (uint32_t k = 0; k < writer->members; k++)
        for (uint32_t i = 0; i < reader->members; i++)
            if (g->old[writer->member[k]] && leaves_row(g, reader->member[i], g->old[writer->member[k]], reader->task_slot))
                return false;
    return true;
}

/* ---- phases ---- */

static void set_phase(nnc_planner *g, uint32_t node, bool shared, uint32_t *made)
{
    nnc_group *group = &g->node[node];
    uint32_t phase = 0;
    for (uint32_t i = 0; i < g->nodes; i++) {
        const nnc_group *earlier = &g->node[i];
        if (g->merged[i] || i == node || !nnc_bit(g->before[node], i))
            continue;
        bool together = same_tasks(g, group, earlier) && reads_own_rows(g, group, earlier) && reads_own_old_rows(g, earlier, group);
        uint32_t least = earlier->phase + !together;
        phase = least > phase ? least : phase;
    }
    group->phase = shared ? phase : (*made)++;
}

/* The groups by phase, and within one so that each comes after what it needs. */
static void list_groups(nnc_planner *g, const uint32_t *sequence)
{
    nnc_plan *plan = g->plan;
    for (uint32_t i = 0; i < g->nodes; i++)
        if (!g->merged[i] && g->node[i].phase >= plan->phases)
            plan->phases = g->node[i].phase + 1;
    plan->group = NNC_ARRAY(g->arena, nnc_group, g->nodes + 1);
    for (uint32_t phase = 0; phase < plan->phases; phase++)
        for (uint32_t i = 0; i < g->nodes; i++) {
            const nnc_group *group = &g->node[sequence[i]];
            if (g->merged[sequence[i]] || group->phase != phase)
                continue;
            for (uint32_t m = 0; m < group->members; m++)
                plan->group_of[group->member[m]] = plan->groups;
            plan->group[plan->groups++] = *group;
        }
}

/* ---- long sums ---- */

enum { LONG_SUM = 160, MANY_ROWS = 24, WIDE = 192, LARGE = 1 << 18 };

static int64_t product(const nnc_tensor *t, uint32_t first, uint32_t last, int64_t batch)
{
    int64_t all = 1;
    for (uint32_t i = first; i < last; i++)
        all *= t->extent[i] < 0 ? batch : t->extent[i];
    return all;
}

/* Worth it where the same elements are read again for many rows, more of them than a first-level cache holds, at strides that crowd into few of its sets. */
static bool is_blocked(const nnc_planner *g, const nnc_group *group, int64_t batch)
{
    const nnc_tensor *t = &g->p->tensor[group->member[0]];
    if (group->loop || batch == 1 || t->reduce != NNC_REDUCE_SUM || t->rank < 2)
        return false;
    int64_t sum = product(t, t->rank, (uint32_t)t->rank + t->reduced, batch), last = t->extent[t->rank - 1];
    return sum >= LONG_SUM && product(t, 0, t->rank - 1u, batch) >= MANY_ROWS && (last >= WIDE || sum * last >= LARGE);
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
        plan->stored[t] |= group->loop != NULL || (group->blocked && group->member[0] == t);
        plan->last[t] = plan->last[t] < group->phase ? group->phase : plan->last[t];
        for (uint32_t i = 0; i < g->reads[t].count; i++) {
            nnc_tensor_id from = g->reads[t].read[i].from;
            if (g->p->tensor[from].kind == NNC_KIND_FORMULA && plan->group_of[from] != plan->group_of[t])
                plan->stored[from] = true;
            plan->last[from] = plan->last[from] < group->phase ? group->phase : plan->last[from];
        }
    }
}

/* Merging moves members before nodes that came between: the order anew. */
static uint32_t *order_again(nnc_planner *g, const uint32_t *sequence)
{
    uint32_t *again = NNC_ARRAY(g->arena, uint32_t, g->nodes + 1), count = 0;
    bool *done = NNC_ARRAY(g->arena, bool, g->nodes + 1);
    for (uint32_t i = 0; i < g->nodes; i++)
        done[i] = g->merged[i];
    for (uint32_t before = UINT32_MAX; count != before;) {
        before = count;
        for (uint32_t i = 0; i < g->nodes; i++) {
            uint32_t node = sequence[i];
            bool ready = !done[node];
            for (uint32_t k = 0; k < g->nodes && ready; k++)
                ready = done[k] || !nnc_bit(g->before[node], k);
            if (ready) {
                done[node] = true;
                again[count++] = node;
            }
        }
    }
    for (uint32_t i = 0; i < g->nodes; i++)
        if (g->merged[i])
            again[count++] = i;
    return again;
}

nnc_plan *nnc_plan_make(nnc_arena *arena, const nnc_program *p, const nnc_order *order, const bool *kept, int64_t batch, bool fuse, bool serial)
{
    nnc_planner g = {.arena = arena, .p = p, .plan = NNC_NEW(arena, nnc_plan), .kept = kept};
    uint32_t made = 0;
    g.plan->group_of = NNC_ARRAY(arena, uint32_t, p->tensors);
    g.plan->last = NNC_ARRAY(arena, uint32_t, p->tensors);
    g.plan->stored = NNC_ARRAY(arena, bool, p->tensors);
    g.plan->in_place = NNC_ARRAY(arena, bool, p->tensors);
    g.merged = NNC_ARRAY(arena, bool, order->items + 1);
    uint32_t *sequence = nnc_plan_graph(&g, order);
    if (fuse) {
        nnc_plan_merge(&g, sequence);
        sequence = order_again(&g, sequence);
    }
    for (uint32_t i = 0; i < g.nodes; i++) {
        nnc_group *group = &g.node[i];
        group->blocked = fuse && is_blocked(&g, group, batch);
        group->task_slot = group->loop ? 0 : task_slot(&p->tensor[group->member[0]]);
        group->rows = group->loop ? loop_has_rows(&g, group) : has_rows(&p->tensor[group->member[0]]);
    }
    for (uint32_t i = 0; i < g.nodes; i++)
        if (!g.merged[sequence[i]])
            set_phase(&g, sequence[i], fuse && !serial, &made);
    list_groups(&g, sequence);
    find_stored(&g);
    return g.plan;
}
