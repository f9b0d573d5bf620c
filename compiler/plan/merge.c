/* Joining formulas without reduction to the kernel that makes what they read. */
#include <string.h>
#include "plan/internal.h"

/* Elementary operations that a tile's end, which is written out for each of its elements, may hold; and a kernel without reduction. */
enum { MOST_AFTER_A_SUM = 40, MOST_ALTOGETHER = 400 };

static bool same_left(const nnc_tensor *a, const nnc_tensor *b)
{
    return a->rank == b->rank && memcmp(a->extent, b->extent, a->rank * sizeof *a->extent) == 0;
}

static bool reads_elsewhere(const nnc_planner *g, nnc_tensor_id reader, nnc_tensor_id from)
{
    const nnc_reading *r = nnc_find_reading(g, reader, from);
    return r && !r->own;
}

/* What the updates among these store over: whoever of them reads it must do so at its own place. */
static bool agrees_with_updates(const nnc_planner *g, const nnc_group *group, nnc_tensor_id m)
{
    for (uint32_t i = 0; i <= group->members; i++) {
        nnc_tensor_id old = g->old[i < group->members ? group->member[i] : m];
        for (uint32_t k = 0; old && k < group->members; k++)
            if (reads_elsewhere(g, group->member[k], old))
                return false;
        if (old && reads_elsewhere(g, m, old))
            return false;
    }
    return true;
}

static uint32_t group_work(const nnc_planner *g, const nnc_group *group)
{
    uint32_t work = 0;
    for (uint32_t i = 0; i < group->members; i++)
        if (g->p->tensor[group->member[i]].reduce == NNC_REDUCE_NONE)
            work += g->work[group->member[i]];
    return work;
}

static bool fits(const nnc_planner *g, uint32_t node, nnc_tensor_id m)
{
    const nnc_group *group = &g->node[node];
    const nnc_tensor *t = &g->p->tensor[m], *head = &g->p->tensor[group->member[0]];
    if (group->loop || !same_left(t, head))
        return false;
    for (uint32_t i = 0; i < group->members; i++)
        if (reads_elsewhere(g, m, group->member[i]))
            return false;
    uint32_t most = head->reduce != NNC_REDUCE_NONE ? MOST_AFTER_A_SUM : MOST_ALTOGETHER;
    return group_work(g, group) + g->work[m] <= most && agrees_with_updates(g, group, m);
}

/* Whatever else `node` needs can come before `target`. */
static bool can_move(const nnc_planner *g, uint32_t node, uint32_t target)
{
    for (uint32_t i = 0; i < g->nodes; i++)
        if (i != target && !g->merged[i] && nnc_bit(g->before[node], i) && nnc_bit(g->before[i], target))
            return false;
    return true;
}

static void join(nnc_planner *g, uint32_t node, uint32_t target)
{
    nnc_group *group = &g->node[target];
    nnc_tensor_id m = g->node[node].member[0];
    group->member = nnc_arena_grow(g->arena, group->member, group->members, group->members + 1, sizeof *group->member);
    group->member[group->members++] = m;
    g->node_of[m] = target;
    g->merged[node] = true;
    for (uint32_t w = 0; w < g->words; w++)
        g->before[target][w] |= g->before[node][w];
    g->before[target][target / 64] &= ~((uint64_t)1 << (target % 64));
    for (uint32_t i = 0; i < g->nodes; i++) {
        if (nnc_bit(g->before[i], node))
            nnc_set_bit(g->before[i], target);
        if (i != target && nnc_bit(g->before[i], target))
            for (uint32_t w = 0; w < g->words; w++)
                g->before[i][w] |= g->before[target][w];
    }
}

/* The latest group that makes something that m reads and can take m in; or m's own node. */
static uint32_t target_of(const nnc_planner *g, uint32_t node)
{
    nnc_tensor_id m = g->node[node].member[0];
    uint32_t best = node, best_members = 0;
    if (g->node[node].loop || g->p->tensor[m].reduce != NNC_REDUCE_NONE)
        return node;
    for (uint32_t i = 0; i < g->reads[m].count; i++) {
        nnc_tensor_id from = g->reads[m].read[i].from;
        if (g->p->tensor[from].kind != NNC_KIND_FORMULA)
            continue;
        uint32_t target = g->node_of[from];
        if (target != best && fits(g, target, m) && can_move(g, node, target) && g->node[target].members > best_members) {
            best = target;
            best_members = g->node[target].members;
        }
    }
    return best;
}

void nnc_plan_merge(nnc_planner *g, const uint32_t *sequence)
{
    for (uint32_t i = 0; i < g->nodes; i++) {
        uint32_t target = target_of(g, sequence[i]);
        if (target != sequence[i])
            join(g, sequence[i], target);
    }
}
