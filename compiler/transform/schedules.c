/* What depends only on step, steps, epoch, epochs and constants is computed once a step by the host, in 64 bits. */
#include <assert.h>
#include <string.h>
#include "formula/rebuild.h"
#include "transform/transform.h"

typedef struct hoist {
    nnc_program *p;
    uint8_t *timed;              /* of a node: the flags below; 0 where it has not been looked at */
    uint32_t nodes;
    bool *scheduled;             /* of a tensor: it is one number that depends on step and epoch alone */
    nnc_tensor_id tensors;
} hoist;

enum { HOST_ONLY = 1, TIMED = 2, SEEN = 4 };

static bool is_clock(nnc_kind kind) { return kind == NNC_KIND_STEP || kind == NNC_KIND_STEPS || kind == NNC_KIND_EPOCH || kind == NNC_KIND_EPOCHS; }

/* HOST_ONLY where the host can compute it, TIMED where it depends on a clock. */
static uint8_t look(hoist *h, nnc_ref ref)
{
    const nnc_node n = *nnc_at(h->p, ref);
    uint8_t result = SEEN | HOST_ONLY;
    if (h->timed[ref])
        return h->timed[ref];
    for (uint32_t i = 0; i < n.count; i++) {
        uint8_t argument = look(h, nnc_arg(h->p, ref, i));
        result = (uint8_t)((result & (argument | ~HOST_ONLY)) | (argument & TIMED));
    }
    if (n.op == NNC_OP_READ) {
        const nnc_tensor *t = &h->p->tensor[n.integer[0]];
        if (is_clock(t->kind) || t->kind == NNC_KIND_SCHEDULE || h->scheduled[n.integer[0]])
            result |= TIMED;
        else
            result &= (uint8_t)~HOST_ONLY;
    }
    if (n.op == NNC_OP_INDEX || n.op == NNC_OP_COUNT || n.op == NNC_OP_RANDOM || n.op == NNC_OP_GAUSSIAN)
        result &= (uint8_t)~HOST_ONLY;
    return h->timed[ref] = result;
}

static bool is_schedule(uint8_t look) { return (look & (HOST_ONLY | TIMED)) == (HOST_ONLY | TIMED); }

static void mark_read(const nnc_program *p, nnc_ref ref, bool *read, nnc_ref_map *seen)
{
    const nnc_node *n = nnc_at(p, ref);
    if (nnc_ref_map_get(seen, ref))
        return;
    nnc_ref_map_put(p->arena, seen, ref, 1);
    if (n->op == NNC_OP_READ)
        read[n->integer[0]] = true;
    for (uint32_t i = 0; i < n->count; i++)
        mark_read(p, nnc_arg(p, ref, i), read, seen);
}

/* Those that some formula reads; what nothing reads is a result, and stays a formula. */
static bool *find_read(const nnc_program *p)
{
    bool *read = NNC_ARRAY(p->arena, bool, p->tensors);
    nnc_ref_map seen;
    nnc_ref_map_open(&seen);
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        if (p->tensor[id].body)
            mark_read(p, p->tensor[id].body, read, &seen);
    nnc_ref_map_close(&seen);
    return read;
}

/* Rank-0 formulas that are schedules as a whole become SCHEDULE tensors, but for results and those that a state takes over. */
static void mark_tensors(hoist *h)
{
    bool *taken = NNC_ARRAY(h->p->arena, bool, h->tensors), *read = find_read(h->p);
    for (nnc_tensor_id id = 1; id < h->tensors; id++)
        taken[h->p->tensor[id].next] = true;
    for (nnc_tensor_id id = 1; id < h->tensors; id++) {
        nnc_tensor *t = &h->p->tensor[id];
        if (t->kind != NNC_KIND_FORMULA || t->rank != 0 || t->reduced != 0 || t->element != NNC_REAL || taken[id] || !read[id] ||
            !is_schedule(look(h, t->body)))
            continue;
        t->kind = NNC_KIND_SCHEDULE;
        h->scheduled[id] = true;
    }
}

/* ---- schedules inside formulas, and inside one another ---- */

/* A schedule's body may read other schedules; the host computes one expression over the clocks, so they are put in. */
static nnc_ref flatten_node(nnc_rewriter *r, nnc_ref ref, const nnc_ref *args)
{
    const nnc_node *n = nnc_at(r->from, ref);
    (void)args;
    if (n->op == NNC_OP_READ && r->from->tensor[n->integer[0]].kind == NNC_KIND_SCHEDULE)
        return nnc_rewrite(r, r->from->tensor[n->integer[0]].body);
    return 0;
}

static nnc_ref flatten(nnc_program *p, nnc_ref body)
{
    nnc_rewriter r = {.from = p, .to = p, .replace = flatten_node};
    nnc_ref result = nnc_rewrite(&r, body);
    nnc_ref_map_close(&r.done);
    return result;
}

typedef struct hoisting { hoist *h; nnc_ref_map made; } hoisting;

static nnc_ref schedule_read(hoisting *g, nnc_ref ref)
{
    nnc_program *p = g->h->p;
    const nnc_node n = *nnc_at(p, ref);
    nnc_ref known = nnc_ref_map_get(&g->made, ref);
    if (known)
        return known;
    if (n.op == NNC_OP_READ && p->tensor[n.integer[0]].kind == NNC_KIND_SCHEDULE)
        return ref;
    nnc_tensor_id id = nnc_declare(p, NNC_KIND_SCHEDULE, "schedule", (nnc_span){0}, NNC_REAL, 0, NULL, 0);
    nnc_ref body = flatten(p, ref);
    p->tensor[id].body = body;
    nnc_ref read = nnc_read(p, id, NULL, 0);
    nnc_ref_map_put(p->arena, &g->made, ref, read);
    return read;
}

/* Top down: the largest schedule is taken whole. */
static nnc_ref hoist_in(hoisting *g, nnc_ref ref, nnc_ref_map *done)
{
    nnc_program *p = g->h->p;
    const nnc_node n = *nnc_at(p, ref);
    nnc_ref few[NNC_FEW], *args = nnc_room(p, few, n.count), known = nnc_ref_map_get(done, ref);
    assert(ref < g->h->nodes);
    if (known || n.count == 0)
        return known ? known : n.op == NNC_OP_READ && is_schedule(look(g->h, ref)) ? schedule_read(g, ref) : ref;
    nnc_ref result = ref;
    if (n.element == NNC_REAL && is_schedule(look(g->h, ref))) {
        result = schedule_read(g, ref);
    } else if (look(g->h, ref) & TIMED) {
        for (uint32_t i = 0; i < n.count; i++)
            args[i] = hoist_in(g, nnc_arg(p, ref, i), done);
        result = nnc_rebuild(p, p, ref, args);
    }
    nnc_ref_map_put(p->arena, done, ref, result);
    return result;
}

void nnc_hoist_schedules(nnc_program *p)
{
    hoist h = {.p = p, .timed = NNC_ARRAY(p->arena, uint8_t, p->nodes), .nodes = p->nodes, .scheduled = NNC_ARRAY(p->arena, bool, p->tensors), .tensors = p->tensors};
    hoisting g = {.h = &h};
    nnc_ref_map done;
    mark_tensors(&h);
    nnc_ref_map_open(&g.made);
    nnc_ref_map_open(&done);
    for (nnc_tensor_id id = 1; id < h.tensors; id++)
        if (p->tensor[id].kind == NNC_KIND_FORMULA && p->tensor[id].body) {
            nnc_ref body = hoist_in(&g, p->tensor[id].body, &done);
            p->tensor[id].body = body;
        }
    for (nnc_tensor_id id = 1; id < h.tensors; id++)
        if (h.scheduled[id]) {
            nnc_ref body = flatten(p, p->tensor[id].body);
            p->tensor[id].body = body;
        }
    nnc_ref_map_close(&done);
    nnc_ref_map_close(&g.made);
}
