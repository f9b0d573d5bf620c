/* The order of computation: strongly connected components of the reads (Tarjan 1972); a component with a cycle is a loop along a recurrence index. */
#include "formula/order.h"
#include <assert.h>
#include <string.h>

typedef struct edge { nnc_tensor_id from, to; nnc_ref read; bool removed; uint32_t next; } edge;

typedef struct sorter {
    nnc_arena *arena;
    const nnc_program *p;
    edge *edge;
    uint32_t edges, edge_capacity;
    uint32_t *first;             /* of each tensor's edges */
    uint32_t *mark;              /* nodes: the tensor they were last met in */
    /* Tarjan's */
    uint32_t *number, *low, counter;
    nnc_tensor_id *stack;
    uint32_t depth;
    bool *on_stack, *member;
    const char *error;
} sorter;

typedef struct items { nnc_order_item *item; uint32_t count, capacity; } items;

static void collect(sorter *s, nnc_tensor_id t, nnc_ref ref)
{
    const nnc_node *n = &s->p->node[ref];
    if (s->mark[ref] == t)
        return;
    s->mark[ref] = t;
    for (uint32_t i = 0; i < n->count; i++)
        collect(s, t, s->p->args[n->first + i]);
    if (n->op != NNC_OP_READ || s->p->tensor[n->integer[0]].kind != NNC_KIND_FORMULA)
        return;
    NNC_PUSH(s->arena, s->edge, s->edges, s->edge_capacity) = (edge){t, (nnc_tensor_id)n->integer[0], ref, false, s->first[t]};
    s->first[t] = s->edges - 1;
}

/* ---- loops ---- */

/* How far a subscript is from slot `slot` of its reader: slot + *offset. False where it is something else. */
static bool offset_of(const nnc_program *p, nnc_ref subscript, uint32_t slot, int64_t *offset)
{
    nnc_form f;
    nnc_form_of(p, subscript, &f);
    nnc_ref atom = f.lone ? f.lone : f.terms == 1 ? f.atom[0] : 0;
    int64_t coefficient = f.lone ? 1 : f.terms == 1 ? f.coefficient[0] : 0;
    *offset = f.constant;
    return atom && coefficient == 1 && p->node[atom].op == NNC_OP_INDEX && p->node[atom].integer[0] == (int64_t)slot;
}

/* Gives each member its recurrence slot, starting from one; -1 is not yet known. True where all reads agree and go one way. */
static bool assign(sorter *s, const nnc_tensor_id *member, uint32_t members, int *slot, uint32_t first_slot, int *direction)
{
    int64_t offset;
    bool changed = true;
    for (uint32_t i = 0; i < s->p->tensors; i++)
        slot[i] = -1;
    slot[member[0]] = (int)first_slot;
    while (changed) {
        changed = false;
        for (uint32_t e = 1; e < s->edges; e++) {
            const edge *d = &s->edge[e];
            if (d->removed || !s->member[d->from] || !s->member[d->to] || slot[d->from] < 0 || slot[d->to] >= 0)
                continue;
            const nnc_tensor *from = &s->p->tensor[d->from], *to = &s->p->tensor[d->to];
            for (uint32_t i = 0; i < to->rank && slot[d->to] < 0; i++)
                if (to->extent[i] == from->extent[slot[d->from]] && offset_of(s->p, nnc_arg(s->p, d->read, i), (uint32_t)slot[d->from], &offset))
                    slot[d->to] = (int)i;
            if (slot[d->to] < 0)
                return false;
            changed = true;
        }
    }
    *direction = 0;
    for (uint32_t e = 1; e < s->edges; e++) {
        const edge *d = &s->edge[e];
        if (d->removed || !s->member[d->from] || !s->member[d->to])
            continue;
        if (slot[d->from] < 0 || slot[d->to] < 0 || !offset_of(s->p, nnc_arg(s->p, d->read, (uint32_t)slot[d->to]), (uint32_t)slot[d->from], &offset))
            return false;
        int way = offset < 0 ? -1 : offset > 0 ? 1 : 0;
        if (way && *direction && way != *direction)
            return false;
        *direction = way ? way : *direction;
    }
    (void)members;
    return *direction != 0;
}

static void order_members(sorter *s, const nnc_tensor_id *member, uint32_t members, items *out);

static bool find_recurrence(sorter *s, const nnc_tensor_id *member, uint32_t members, int *slot, int *direction)
{
    const nnc_tensor *t = &s->p->tensor[member[0]];
    for (uint32_t i = 0; i < t->rank; i++)
        if (t->extent[i] > 0 && assign(s, member, members, slot, i, direction))
            return true;
    return false;
}

static void remove_steps(sorter *s, const int *slot)
{
    int64_t offset;
    for (uint32_t e = 1; e < s->edges; e++) {
        edge *d = &s->edge[e];
        if (!d->removed && s->member[d->from] && s->member[d->to] && offset_of(s->p, nnc_arg(s->p, d->read, (uint32_t)slot[d->to]), (uint32_t)slot[d->from], &offset) && offset)
            d->removed = true;
    }
}

static int by_id(const nnc_tensor_id a, const nnc_tensor_id b) { return a < b ? -1 : a > b; }

static void add_loop(sorter *s, const nnc_tensor_id *component, uint32_t members, items *out)
{
    int direction, *slot = NNC_ARRAY(s->arena, int, s->p->tensors);
    bool *outer = s->member;
    nnc_tensor_id *member = nnc_arena_grow(s->arena, component, members, members, sizeof *member);
    for (uint32_t i = 1; i < members; i++)         /* in the order of the program */
        for (uint32_t j = i; j > 0 && by_id(member[j], member[j - 1]) < 0; j--) {
            nnc_tensor_id kept = member[j];
            member[j] = member[j - 1];
            member[j - 1] = kept;
        }
    s->member = NNC_ARRAY(s->arena, bool, s->p->tensors);
    for (uint32_t i = 0; i < members; i++)
        s->member[member[i]] = true;
    if (find_recurrence(s, member, members, slot, &direction)) {
        nnc_order_item loop = {.extent = s->p->tensor[member[0]].extent[slot[member[0]]], .backward = direction > 0, .member = member, .members = members};
        items inner = {0};
        loop.slot = NNC_ARRAY(s->arena, uint8_t, members);
        for (uint32_t i = 0; i < members; i++)
            loop.slot[i] = (uint8_t)slot[member[i]];
        remove_steps(s, slot);
        order_members(s, member, members, &inner);
        loop.item = inner.item;
        loop.items = inner.count;
        NNC_PUSH(s->arena, out->item, out->count, out->capacity) = loop;
    } else {
        s->error = nnc_arena_format(s->arena, "%s and %s read each other in a circle", s->p->tensor[member[0]].name, s->p->tensor[member[members - 1]].name);
    }
    s->member = outer;
}

/* ---- components ---- */

static bool follows(const sorter *s, const edge *d) { return !d->removed && s->member[d->to]; }

static void emit_component(sorter *s, nnc_tensor_id t, items *out)
{
    uint32_t start = s->depth;
    bool cycle = false;
    do
        start--;
    while (s->stack[start] != t);
    uint32_t members = s->depth - start;
    for (uint32_t i = start; i < s->depth; i++)
        s->on_stack[s->stack[i]] = false;
    s->depth = start;
    for (uint32_t e = s->first[t]; e; e = s->edge[e].next)
        cycle |= follows(s, &s->edge[e]) && s->edge[e].to == t;
    if (members == 1 && !cycle)
        NNC_PUSH(s->arena, out->item, out->count, out->capacity) = (nnc_order_item){.tensor = t};
    else
        add_loop(s, nnc_arena_grow(s->arena, s->stack + start, members, members, sizeof *s->stack), members, out);
}

static void visit(sorter *s, nnc_tensor_id t, items *out)
{
    s->number[t] = s->low[t] = ++s->counter;
    s->stack[s->depth++] = t;
    s->on_stack[t] = true;
    for (uint32_t e = s->first[t]; e; e = s->edge[e].next) {
        nnc_tensor_id to = s->edge[e].to;
        if (!follows(s, &s->edge[e]))
            continue;
        if (!s->number[to])
            visit(s, to, out);
        if (s->on_stack[to] && s->low[to] < s->low[t])
            s->low[t] = s->low[to];
    }
    if (s->low[t] == s->number[t])
        emit_component(s, t, out);
}

static void order_members(sorter *s, const nnc_tensor_id *member, uint32_t members, items *out)
{
    sorter outer = *s;
    s->number = NNC_ARRAY(s->arena, uint32_t, s->p->tensors);
    s->low = NNC_ARRAY(s->arena, uint32_t, s->p->tensors);
    s->stack = NNC_ARRAY(s->arena, nnc_tensor_id, s->p->tensors + 1);
    s->on_stack = NNC_ARRAY(s->arena, bool, s->p->tensors);
    s->counter = s->depth = 0;
    for (uint32_t i = 0; i < members; i++)
        if (!s->number[member[i]])
            visit(s, member[i], out);
    s->number = outer.number;
    s->low = outer.low;
    s->stack = outer.stack;
    s->on_stack = outer.on_stack;
    s->counter = outer.counter;
    s->depth = outer.depth;
}

nnc_order nnc_order_of(nnc_arena *arena, const nnc_program *p, const char **error)
{
    sorter s = {.arena = arena, .p = p, .edges = 1, .edge_capacity = 64};
    nnc_tensor_id *formula = NNC_ARRAY(arena, nnc_tensor_id, p->tensors);
    uint32_t count = 0;
    items out = {0};
    s.edge = NNC_ARRAY(arena, edge, s.edge_capacity);
    s.first = NNC_ARRAY(arena, uint32_t, p->tensors);
    s.mark = NNC_ARRAY(arena, uint32_t, p->nodes);
    s.member = NNC_ARRAY(arena, bool, p->tensors);
    for (nnc_tensor_id t = 1; t < p->tensors; t++)
        if (p->tensor[t].kind == NNC_KIND_FORMULA) {
            formula[count++] = t;
            s.member[t] = true;
            collect(&s, t, p->tensor[t].body);
        }
    order_members(&s, formula, count, &out);
    *error = s.error;
    return (nnc_order){out.item, out.count};
}

void nnc_mark_loops(const nnc_order *order, bool *in_loop)
{
    for (uint32_t i = 0; i < order->items; i++)
        for (uint32_t m = 0; !order->item[i].tensor && m < order->item[i].members; m++)
            in_loop[order->item[i].member[m]] = true;
}
