/* The graph of what must come before what. */
#include "formula/build.h"
#include "plan/internal.h"

enum { COSTLY = 12 };             /* what an elementary function counts as */

/* ---- reads ---- */

static bool is_own(const nnc_program *p, const nnc_node *read, uint32_t subscript) { return nnc_is_index(p, p->args[read->first + subscript], subscript); }

/* The subscript is the reader's own example as it lies in blocks, or out of them. */
static bool is_own_example(const nnc_program *p, const nnc_tensor *reader, nnc_ref subscript)
{
    const nnc_node *n = &p->node[subscript];
    if (n->op == NNC_OP_QUOTIENT)
        return n->integer[0] == NNC_BLOCK && reader->rank > 0 && reader->extent[0] == NNC_EXTENT_BATCH && nnc_is_index(p, p->args[n->first], 0);
    return n->op == NNC_OP_EXISTING && nnc_in_blocks(reader) && nnc_is_place(p, p->args[n->first], 0, reader->rank - 1u);
}

/* For walking through the bodies: by node, the formula that met it last; by tensor, the formula that read it last, and which of its readings that is. */
typedef struct noting { nnc_planner *g; uint32_t *seen, *reader, *reading; } noting;

static nnc_reading *reading_of(const noting *w, nnc_tensor_id t, nnc_tensor_id from)
{
    nnc_readings *list = &w->g->reads[t];
    if (w->reader[from] != t) {
        NNC_PUSH(w->g->arena, list->read, list->count, list->capacity) = (nnc_reading){from, true, UINT32_MAX};
        w->reader[from] = t;
        w->reading[from] = list->count - 1;
    }
    return &list->read[w->reading[from]];
}

static void note_read(const noting *w, nnc_tensor_id t, const nnc_node *n)
{
    nnc_reading *r = reading_of(w, t, (nnc_tensor_id)n->integer[0]);
    for (uint32_t i = 0; i < n->count; i++)
        if (!is_own(w->g->p, n, i)) {
            r->own = false;
            if (i > 0 || !is_own_example(w->g->p, &w->g->p->tensor[t], w->g->p->args[n->first]))
                r->rows &= ~(1u << i);
        }
    if (n->count == 0)
        r->rows = 0;
}

static void note_reads(const noting *w, nnc_tensor_id t, nnc_ref ref)
{
    const nnc_program *p = w->g->p;
    const nnc_node *n = &p->node[ref];
    const uint8_t flags = nnc_op_rows[n->op].flags;
    if (w->seen[ref] == t)
        return;
    w->seen[ref] = t;
    w->g->work[t] += flags & NNC_FLAG_COSTLY ? COSTLY : flags & NNC_FLAG_LEAF ? 0 : 1;
    for (uint32_t i = 0; i < n->count; i++)
        note_reads(w, t, p->args[n->first + i]);
    if (n->op == NNC_OP_READ)
        note_read(w, t, n);
}

static void note_all_reads(nnc_planner *g)
{
    const nnc_program *p = g->p;
    noting w = {g, NNC_ARRAY(g->arena, uint32_t, p->nodes), NNC_ARRAY(g->arena, uint32_t, p->tensors), NNC_ARRAY(g->arena, uint32_t, p->tensors)};
    g->reads = NNC_ARRAY(g->arena, nnc_readings, p->tensors);
    g->work = NNC_ARRAY(g->arena, uint32_t, p->tensors);
    for (nnc_tensor_id t = 1; t < p->tensors; t++)
        if (p->tensor[t].kind == NNC_KIND_FORMULA)
            note_reads(&w, t, p->tensor[t].body);
}

/* The readings by what is read. */
static void list_readers(nnc_planner *g)
{
    uint32_t tensors = g->p->tensors, *end;
    g->first_reader = NNC_ARRAY(g->arena, uint32_t, tensors + 2);
    end = g->first_reader + 1;                      /* of each tensor: counts, then where its readers begin, then where they end */
    for (nnc_tensor_id t = 1; t < tensors; t++)
        for (uint32_t i = 0; i < g->reads[t].count; i++)
            end[g->reads[t].read[i].from]++;
    uint32_t all = 0;
    for (nnc_tensor_id t = 0; t < tensors; t++) {
        uint32_t count = end[t];
        end[t] = all;
        all += count;
    }
    g->reader = NNC_ARRAY(g->arena, nnc_reader, all + 1);
    for (nnc_tensor_id t = 1; t < tensors; t++)
        for (uint32_t i = 0; i < g->reads[t].count; i++) {
            const nnc_reading *r = &g->reads[t].read[i];
            g->reader[end[r->from]++] = (nnc_reader){t, r->rows};
        }
}

/* ---- nodes and edges ---- */

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
        g->node_work[number] += g->p->tensor[n->member[i]].reduce == NNC_REDUCE_NONE ? g->work[n->member[i]] : 0;
    }
}

static bool visit_formula(const nnc_planner *g, uint32_t node, nnc_tensor_id t, nnc_visit *visit, void *context)
{
    return g->p->tensor[t].kind != NNC_KIND_FORMULA || g->node_of[t] == node || visit(context, g->node_of[t]);
}

bool nnc_each_before(const nnc_planner *g, uint32_t node, nnc_visit *visit, void *context)
{
    for (uint32_t m = 0; m < g->node[node].members; m++) {
        nnc_tensor_id t = g->node[node].member[m], old = g->old[t];
        for (uint32_t i = 0; i < g->reads[t].count; i++)
            if (!visit_formula(g, node, g->reads[t].read[i].from, visit, context))
                return false;
        for (uint32_t i = g->first_reader[old]; old && i < g->first_reader[old + 1]; i++)      /* whoever reads what it stores over */
            if (!visit_formula(g, node, g->reader[i].by, visit, context))
                return false;
    }
    return true;
}

bool nnc_each_after(const nnc_planner *g, uint32_t node, nnc_visit *visit, void *context)
{
    for (uint32_t m = 0; m < g->node[node].members; m++) {
        nnc_tensor_id t = g->node[node].member[m];
        for (uint32_t i = g->first_reader[t]; i < g->first_reader[t + 1]; i++)
            if (!visit_formula(g, node, g->reader[i].by, visit, context))
                return false;
        for (uint32_t i = 0; i < g->reads[t].count; i++) {
            nnc_tensor_id heir = g->heir[g->reads[t].read[i].from];
            if (heir && !visit_formula(g, node, heir, visit, context))
                return false;
        }
    }
    return true;
}

/* ---- updates in place ---- */

static bool reads_elsewhere(const nnc_planner *g, nnc_tensor_id reader, nnc_tensor_id from)
{
    for (uint32_t i = 0; i < g->reads[reader].count; i++)
        if (g->reads[reader].read[i].from == from)
            return !g->reads[reader].read[i].own;
    return false;
}

/* `next` may be computed where t lives where all that read t can come before it. */
static void try_in_place(nnc_planner *g, nnc_tensor_id t, nnc_tensor_id next)
{
    uint32_t writer = g->node_of[next];
    if (g->node[writer].loop || g->kept[next] || g->p->tensor[next].reduce != NNC_REDUCE_NONE || reads_elsewhere(g, next, t))
        return;
    for (uint32_t i = g->first_reader[t]; i < g->first_reader[t + 1]; i++)
        if (g->reader[i].by != next && !nnc_line_put(g, g->node_of[g->reader[i].by], writer))
            return;
    g->plan->in_place[next] = true;
    g->old[next] = t;
    g->heir[t] = next;
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

typedef struct passing { const uint32_t *at; uint32_t *pass, node; } passing;

static bool pass_after(void *context, uint32_t earlier)
{
    passing *w = context;
    uint32_t least = w->pass[earlier] + (w->at[earlier] > w->at[w->node]);
    w->pass[w->node] = least > w->pass[w->node] ? least : w->pass[w->node];
    return true;
}

/* Going through `wanted` again and again, each time taking what has all before it taken: the pass in which each node is. Gives the number of passes. */
static uint32_t find_passes(const nnc_planner *g, const uint32_t *wanted, uint32_t *pass)
{
    uint32_t *at = NNC_ARRAY(g->arena, uint32_t, g->nodes + 1), passes = 0;
    passing w = {at, pass, 0};
    for (uint32_t i = 0; i < g->nodes; i++)
        at[wanted[i]] = i;
    for (w.node = g->line.next[g->nodes]; w.node != g->nodes; w.node = g->line.next[w.node]) {
        nnc_each_before(g, w.node, pass_after, &w);
        passes = pass[w.node] >= passes ? pass[w.node] + 1 : passes;
    }
    return passes;
}

uint32_t *nnc_plan_sequence(const nnc_planner *g, const uint32_t *wanted)
{
    uint32_t *sequence = NNC_ARRAY(g->arena, uint32_t, g->nodes + 1), *pass = NNC_ARRAY(g->arena, uint32_t, g->nodes + 1);
    uint32_t passes = find_passes(g, wanted, pass), *begin = NNC_ARRAY(g->arena, uint32_t, passes + 2);
    for (uint32_t i = 0; i < g->nodes; i++) {
        pass[i] = g->merged[i] ? passes : pass[i];
        begin[pass[i] + 1]++;
    }
    for (uint32_t i = 0; i <= passes; i++)
        begin[i + 1] += begin[i];
    for (uint32_t i = 0; i < g->nodes; i++)
        sequence[begin[pass[wanted[i]]]++] = wanted[i];
    return sequence;
}

uint32_t *nnc_plan_graph(nnc_planner *g, const nnc_order *order)
{
    uint32_t *numbers = NNC_ARRAY(g->arena, uint32_t, order->items + 1);
    g->old = NNC_ARRAY(g->arena, nnc_tensor_id, g->p->tensors);
    g->heir = NNC_ARRAY(g->arena, nnc_tensor_id, g->p->tensors);
    g->node = NNC_ARRAY(g->arena, nnc_group, order->items + 1);
    g->node_work = NNC_ARRAY(g->arena, uint32_t, order->items + 1);
    g->node_of = NNC_ARRAY(g->arena, uint32_t, g->p->tensors);
    note_all_reads(g);
    list_readers(g);
    for (uint32_t i = 0; i < order->items; i++) {
        numbers[i] = i;
        add_item(g, &order->item[i]);
    }
    nnc_line_open(g);
    find_in_place(g);
    return nnc_plan_sequence(g, numbers);
}
