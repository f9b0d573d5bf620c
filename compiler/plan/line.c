/* An order of the nodes that is kept while edges are added: where a new edge runs against it, what is met from both of its ends between the two is looked at, a few edges at a time from
 * each in turn, and whichever side ends first is moved over (after Bender, Fineman, Gilbert and Tarjan, "A new approach to incremental cycle detection and related problems", 2016, and
 * Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs", 2007). In a network the sides are a few nodes, however deep it is: most edges follow the order,
 * and where the answer is a long path the tree knows it. */
#include <stdlib.h>
#include "plan/internal.h"

static const uint64_t GAP = (uint64_t)1 << 32;     /* between places at first, so that others fit in */

/* ---- the tree ---- */

static bool note_latest(void *context, uint32_t node)
{
    uint32_t *latest = context;
    *latest = *latest == UINT32_MAX || node > *latest ? node : *latest;
    return true;
}

/* The parent of a node is the latest of what must be before it; numbers are given so that a subtree's are consecutive. */
static void grow_tree(nnc_planner *g)
{
    nnc_line *l = &g->line;
    uint32_t *parent = NNC_ARRAY(g->arena, uint32_t, g->nodes + 1), *given = NNC_ARRAY(g->arena, uint32_t, g->nodes + 1), roots = 0;
    for (uint32_t i = 0; i < g->nodes; i++) {
        parent[i] = UINT32_MAX;
        nnc_each_before(g, i, note_latest, &parent[i]);
    }
    for (uint32_t i = g->nodes; i-- > 0;) {         /* sizes first */
        l->last[i]++;
        if (parent[i] != UINT32_MAX)
            l->last[parent[i]] += l->last[i];
    }
    for (uint32_t i = 0; i < g->nodes; i++) {
        uint32_t *next = parent[i] == UINT32_MAX ? &roots : &given[parent[i]];
        l->first[i] = *next;
        *next += l->last[i];
        l->last[i] += l->first[i];
        given[i] = l->first[i] + 1;
    }
}

static bool is_descendant(const nnc_line *l, uint32_t node, uint32_t of) { return l->first[of] <= l->first[node] && l->first[node] < l->last[of]; }

/* ---- the line ---- */

static void link_after(nnc_line *l, uint32_t node, uint32_t after)
{
    l->next[node] = l->next[after];
    l->previous[node] = after;
    l->previous[l->next[node]] = node;
    l->next[after] = node;
}

void nnc_line_remove(nnc_planner *g, uint32_t node)
{
    nnc_line *l = &g->line;
    l->next[l->previous[node]] = l->next[node];
    l->previous[l->next[node]] = l->previous[node];
}

static void place_anew(nnc_planner *g)
{
    uint64_t place = 0;
    for (uint32_t i = g->line.next[g->nodes]; i != g->nodes; i = g->line.next[i])
        g->line.place[i] = place += GAP;
}

void nnc_line_open(nnc_planner *g)
{
    nnc_line *l = &g->line;
    uint32_t **lists[] = {&l->next, &l->previous, &l->first, &l->last, &l->near, &l->met};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        *lists[i] = NNC_ARRAY(g->arena, uint32_t, g->nodes + 1);
    l->place = NNC_ARRAY(g->arena, uint64_t, g->nodes + 1);
    l->next[g->nodes] = l->previous[g->nodes] = g->nodes;
    for (uint32_t i = 0; i < g->nodes; i++)
        link_after(l, i, l->previous[g->nodes]);
    place_anew(g);
    grow_tree(g);
}

/* ---- searches ---- */

typedef struct search {
    nnc_planner *g;
    uint32_t goal;                 /* what must not be met */
    bool forward, found;
    uint32_t count;                /* nodes met: line.near */
    uint64_t budget;               /* edges that may still be looked at */
} search;

static bool meet(void *context, uint32_t node)
{
    search *s = context;
    nnc_line *l = &s->g->line;
    s->g->plan->searched++;
    if (s->budget-- == 0)
        return false;
    if (l->met[node] == l->search)
        return true;
    l->met[node] = l->search;
    s->found = node == s->goal || (s->forward ? is_descendant(l, s->goal, node) : is_descendant(l, node, s->goal));
    if (s->forward ? l->place[node] <= l->place[s->goal] : l->place[node] >= l->place[s->goal])
        l->near[s->count++] = node;
    return !s->found;
}

/* Meets `from` and all between it and the goal that must come after it (or before it). False where the budget did not suffice; found: the goal is among them. */
static bool look(search *s, uint32_t from)
{
    nnc_line *l = &s->g->line;
    l->met[from] = ++l->search;
    l->near[0] = from;
    s->count = 1;
    for (uint32_t i = 0; i < s->count; i++)
        if (!(s->forward ? nnc_each_after : nnc_each_before)(s->g, l->near[i], meet, s))
            return s->found;
    return true;
}

static int by_place(const void *a, const void *b, void *context)
{
    const uint64_t *place = context, x = place[*(const uint32_t *)a], y = place[*(const uint32_t *)b];
    return x < y ? -1 : x > y;
}

/* What was met goes to stand behind `after`, in the order that it is in. */
static void move(nnc_planner *g, uint32_t count, uint32_t after)
{
    nnc_line *l = &g->line;
    uint64_t low, step;
    qsort_r(l->near, count, sizeof *l->near, by_place, l->place);
    for (uint32_t i = 0; i < count; i++)
        nnc_line_remove(g, l->near[i]);
    low = after == g->nodes ? 0 : l->place[after];
    step = l->next[after] == g->nodes ? GAP : (l->place[l->next[after]] - low) / (count + 1);
    for (uint32_t i = 0; i < count; i++) {
        link_after(l, l->near[i], i ? l->near[i - 1] : after);
        l->place[l->near[i]] = low + (i + 1) * step;
    }
    if (step == 0)
        place_anew(g);
}

bool nnc_line_put(nnc_planner *g, uint32_t a, uint32_t b)
{
    const nnc_line *l = &g->line;
    if (l->place[a] < l->place[b])
        return true;
    if (is_descendant(l, a, b))
        return false;
    for (uint64_t budget = 16;; budget *= 2) {
        search after = {.g = g, .goal = a, .forward = true, .budget = budget}, before = {.g = g, .goal = b, .budget = budget};
        if (look(&after, b)) {
            if (!after.found)
                move(g, after.count, a);
            return !after.found;
        }
        if (look(&before, a)) {
            if (!before.found)
                move(g, before.count, l->previous[b]);
            return !before.found;
        }
    }
}
