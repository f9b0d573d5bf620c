/* Joining formulas without reduction to the kernel that makes what they read. */
#include <string.h>
#include "plan/internal.h"

/* Elementary operations that a tile's end, which is written out for each of its elements, may hold; and a kernel without reduction. */
enum { MOST_AFTER_A_SUM = 40, MOST_ALTOGETHER = 400 };

static bool same_left(const nnc_tensor *a, const nnc_tensor *b)
{
    return a->rank == b->rank && memcmp(a->extent, b->extent, a->rank * sizeof *a->extent) == 0;
}

/* What m reads of the group's tensors is at its own place. */
static bool reads_at_its_place(const nnc_planner *g, nnc_tensor_id m, uint32_t node)
{
    for (uint32_t i = 0; i < g->reads[m].count; i++) {
        const nnc_reading *r = &g->reads[m].read[i];
        if (!r->own && g->p->tensor[r->from].kind == NNC_KIND_FORMULA && g->node_of[r->from] == node)
            return false;
    }
    return true;
}

/* What the updates of the group and m store over, `reader` reads at its own place or not at all. */
static bool agrees_with_updates(const nnc_planner *g, nnc_tensor_id reader, uint32_t node, nnc_tensor_id m)
{
    for (uint32_t i = 0; i < g->reads[reader].count; i++) {
        const nnc_reading *r = &g->reads[reader].read[i];
        nnc_tensor_id heir = g->heir[r->from];
        if (!r->own && heir && (heir == m || g->node_of[heir] == node))
            return false;
    }
    return true;
}

static bool all_agree_with_updates(const nnc_planner *g, uint32_t node, nnc_tensor_id m)
{
    for (uint32_t i = 0; i < g->node[node].members; i++)
        if (!agrees_with_updates(g, g->node[node].member[i], node, m))
            return false;
    return agrees_with_updates(g, m, node, m);
}

static bool fits(const nnc_planner *g, uint32_t node, nnc_tensor_id m)
{
    const nnc_group *group = &g->node[node];
    const nnc_tensor *t = &g->p->tensor[m], *head = &g->p->tensor[group->member[0]];
    uint32_t most = head->reduce != NNC_REDUCE_NONE ? MOST_AFTER_A_SUM : MOST_ALTOGETHER;
    if (group->loop || !same_left(t, head) || g->node_work[node] + g->work[m] > most)
        return false;
    return reads_at_its_place(g, m, node) && all_agree_with_updates(g, node, m);
}

typedef struct move { nnc_planner *g; uint32_t target; } move;

static bool put_before(void *context, uint32_t node)
{
    const move *w = context;
    return node == w->target || nnc_line_put(w->g, node, w->target);
}

/* Whatever else `node` needs can come before `target`, and does so then. */
static bool can_move(nnc_planner *g, uint32_t node, uint32_t target)
{
    return nnc_each_before(g, node, put_before, &(move){g, target});
}

static void join(nnc_planner *g, uint32_t node, uint32_t target)
{
    nnc_group *group = &g->node[target];
    nnc_tensor_id m = g->node[node].member[0];
    if ((group->members & (group->members - 1)) == 0)         /* full: a power of two */
        group->member = nnc_arena_grow(g->arena, group->member, group->members, 2 * group->members, sizeof *group->member);
    group->member[group->members++] = m;
    g->node_work[target] += g->work[m];
    g->node_of[m] = target;
    g->merged[node] = true;
    nnc_line_remove(g, node);
}

/* The group with most members that makes something that m reads and can take m in, the first of them; or m's own node. */
static uint32_t target_of(nnc_planner *g, uint32_t node)
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
        if (g->node[target].members > best_members && fits(g, target, m) && can_move(g, node, target)) {
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
        if (target != sequence[i] && can_move(g, sequence[i], target))        /* it can; but what was tried since may have put it elsewhere */
            join(g, sequence[i], target);
    }
}
