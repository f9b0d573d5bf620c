/* The graph of what must come before what. */
#include <string.h>
#include "formula/build.h"
#include "plan/internal.h"

enum { COSTLY = 12 };             /* what an elementary function counts as */

/* ---- reads ---- */

const nnc_reading *nnc_find_reading(const nnc_planner *g, nnc_tensor_id reader, nnc_tensor_id from)
{
    for (uint32_t i = 0; i < g->reads[reader].count; i++)
        if (g->reads[reader].read[i].from == from)
            return &g->reads[reader].read[i];
    return NULL;
}

static bool is_own(const nnc_program *p, const nnc_node *read, uint32_t subscript)
{
    const nnc_node *a = &p->node[p->args[read->first + subscript]];
    return a->op == NNC_OP_INDEX && a->integer[0] == (int64_t)subscript;
}

static void note_read(nnc_planner *g, nnc_tensor_id t, const nnc_node *n)
{
    nnc_readings *list = &g->reads[t];
    nnc_reading *r = (nnc_reading *)nnc_find_reading(g, t, (nnc_tensor_id)n->integer[0]);
    if (!r) {
        NNC_PUSH(g->arena, list->read, list->count, list->capacity) = (nnc_reading){(nnc_tensor_id)n->integer[0], true, UINT32_MAX};
        r = &list->read[list->count - 1];
    }
    for (uint32_t i = 0; i < n->count; i++)
        if (!is_own(g->p, n, i)) {
            r->own = false;
            r->rows &= ~(1u << i);
        }
    if (n->count == 0)
        r->rows = 0;
}

static void note_reads(nnc_planner *g, nnc_tensor_id t, nnc_ref ref, uint32_t *seen)
{
    const nnc_node *n = &g->p->node[ref];
    const uint8_t flags = nnc_op_rows[n->op].flags;
    if (seen[ref] == t)
        return;
    seen[ref] = t;
    g->work[t] += flags & NNC_FLAG_COSTLY ? COSTLY : flags & NNC_FLAG_LEAF ? 0 : 1;
    for (uint32_t i = 0; i < n->count; i++)
        note_reads(g, t, g->p->args[n->first + i], seen);
    if (n->op == NNC_OP_READ)
        note_read(g, t, n);
}

/* ---- edges ---- */

static void add_before(nnc_planner *g, uint32_t node, uint32_t earlier)
{
    nnc_set_bit(g->before[node], earlier);
    for (uint32_t w = 0; w < g->words; w++)
        g->before[node][w] |= g->before[earlier][w];
}

static void add_item(nnc_planner *g, const nnc_order_item *item)
{
    uint32_t number = g->nodes++;
    nnc_group *n = &g->node[number];
    n->members = item->tensor ? 1 : item->members;
    n->loop = item->tensor ? NULL : item;
    n->member = NNC_ARRAY(g->arena, nnc_tensor_id, n->members);
    for (uint32_t i = 0; i < n->members; i++) {
        n->member[i] = item->tensor ? item->tensor : item->member[i];
        g->node_of[n->member[i]] = number;
    }
    g->before[number] = NNC_ARRAY(g->arena, uint64_t, g->words);
    for (uint32_t i = 0; i < n->members; i++)
        for (uint32_t k = 0; k < g->reads[n->member[i]].count; k++) {
            nnc_tensor_id from = g->reads[n->member[i]].read[k].from;
            if (g->p->tensor[from].kind == NNC_KIND_FORMULA && g->node_of[from] != number)
                add_before(g, number, g->node_of[from]);
        }
}

/* ---- updates in place ---- */

/* All that come after `node` gain what it gained. */
static void spread(nnc_planner *g, uint32_t node)
{
    for (uint32_t i = 0; i < g->nodes; i++)
        if (nnc_bit(g->before[i], node))
            for (uint32_t w = 0; w < g->words; w++)
                g->before[i][w] |= g->before[node][w];
}

/* `next` may be computed where t lives where all that read t can come before it. */
static void try_in_place(nnc_planner *g, nnc_tensor_id t, nnc_tensor_id next)
{
    uint32_t writer = g->node_of[next];
    const nnc_tensor *n = &g->p->tensor[next];
    const nnc_reading *own = nnc_find_reading(g, next, t);
    if (g->node[writer].loop || g->kept[next] || n->reduce != NNC_REDUCE_NONE || (own && !own->own))
        return;
    for (nnc_tensor_id r = 1; r < g->p->tensors; r++)
        if (r != next && nnc_find_reading(g, r, t) && (g->node_of[r] == writer || nnc_bit(g->before[g->node_of[r]], writer)))
            return;
    for (nnc_tensor_id r = 1; r < g->p->tensors; r++)
        if (r != next && nnc_find_reading(g, r, t))
            add_before(g, writer, g->node_of[r]);
    spread(g, writer);
    g->plan->in_place[next] = true;
    g->old[next] = t;
}

static void find_in_place(nnc_planner *g)
{
    bool *taken = NNC_ARRAY(g->arena, bool, g->p->tensors);
    for (nnc_tensor_id t = 1; t < g->p->tensors; t++) {
        nnc_tensor_id next = g->p->tensor[t].next;
        if (!next || g->p->tensor[next].kind != NNC_KIND_FORMULA || taken[next])
            continue;
        taken[next] = true;
        try_in_place(g, t, next);
    }
}

/* ---- an order ---- */

static uint32_t count_bits(const uint64_t *set, uint32_t words)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < words; w++)
        count += (uint32_t)__builtin_popcountll(set[w]);
    return count;
}

/* The nodes so that each comes after what must be before it, else as they were: by the number of nodes before, which grows along every edge. */
static uint32_t *sequence_of(nnc_planner *g)
{
    uint32_t *sequence = NNC_ARRAY(g->arena, uint32_t, g->nodes + 1), *rank = NNC_ARRAY(g->arena, uint32_t, g->nodes + 1), count = 0;
    bool *done = NNC_ARRAY(g->arena, bool, g->nodes + 1);
    for (uint32_t i = 0; i < g->nodes; i++)
        rank[i] = count_bits(g->before[i], g->words);
    while (count < g->nodes)
        for (uint32_t i = 0; i < g->nodes; i++) {
            uint32_t missing = rank[i];
            if (done[i])
                continue;
            for (uint32_t k = 0; k < count && missing; k++)
                missing -= nnc_bit(g->before[i], sequence[k]);
            if (missing == 0) {
                done[i] = true;
                sequence[count++] = i;
            }
        }
    return sequence;
}

uint32_t *nnc_plan_graph(nnc_planner *g, const nnc_order *order)
{
    uint32_t *seen = NNC_ARRAY(g->arena, uint32_t, g->p->nodes);
    g->words = order->items / 64 + 1;
    g->reads = NNC_ARRAY(g->arena, nnc_readings, g->p->tensors);
    g->work = NNC_ARRAY(g->arena, uint32_t, g->p->tensors);
    g->old = NNC_ARRAY(g->arena, nnc_tensor_id, g->p->tensors);
    g->before = NNC_ARRAY(g->arena, uint64_t *, order->items + 1);
    g->node = NNC_ARRAY(g->arena, nnc_group, order->items + 1);
    g->node_of = NNC_ARRAY(g->arena, uint32_t, g->p->tensors);
    for (nnc_tensor_id t = 1; t < g->p->tensors; t++)
        if (g->p->tensor[t].kind == NNC_KIND_FORMULA)
            note_reads(g, t, g->p->tensor[t].body, seen);
    for (uint32_t i = 0; i < order->items; i++)
        add_item(g, &order->item[i]);
    find_in_place(g);
    return sequence_of(g);
}
