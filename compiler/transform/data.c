/* Reductions over the whole set, split into passes over its minibatches. A DATA reduction belongs to the pass after all those that its body needs;
 * there its body becomes a batched tensor, whose examples the host folds. Later programs see the result as a FIT. */
#include <assert.h>
#include <string.h>
#include "formula/rebuild.h"
#include "transform/transform.h"

typedef struct split {
    nnc_arena *arena;
    const nnc_program *from;
    int32_t *pass;              /* of a tensor: the first pass (or final, if it is the number of passes) that can compute it; -1: not needed */
    uint32_t *accumulator;      /* of a DATA reduction: its number in its pass */
    uint32_t passes;
} split;

static bool reduces_data(const nnc_tensor *t)
{
    for (uint32_t i = t->rank; t->kind == NNC_KIND_FORMULA && i < (uint32_t)t->rank + t->reduced; i++)
        if (t->extent[i] == NNC_EXTENT_DATA)
            return true;
    return false;
}

/* ---- which pass ---- */

typedef struct read_visit { split *s; int32_t pass; bool changed; } read_visit;

/* The pass in which all that `ref` reads is known: after the pass of each DATA reduction. */
static void visit_reads(read_visit *v, nnc_ref ref, nnc_ref_map *seen)
{
    const nnc_program *p = v->s->from;
    const nnc_node *n = nnc_at(p, ref);
    if (nnc_ref_map_get(seen, ref))
        return;
    nnc_ref_map_put(v->s->arena, seen, ref, 1);
    for (uint32_t i = 0; i < n->count; i++)
        visit_reads(v, nnc_arg(p, ref, i), seen);
    if (n->op != NNC_OP_READ)
        return;
    nnc_tensor_id id = (nnc_tensor_id)n->integer[0];
    if (v->s->pass[id] < 0) {
        v->s->pass[id] = 0;
        v->changed = true;
    }
    int32_t known = v->s->pass[id] + reduces_data(&p->tensor[id]);
    v->pass = known > v->pass ? known : v->pass;
}

static bool raise_pass(split *s, nnc_tensor_id id)
{
    read_visit v = {.s = s, .pass = s->pass[id]};
    nnc_ref_map seen;
    nnc_ref_map_open(&seen);
    visit_reads(&v, s->from->tensor[id].body, &seen);
    nnc_ref_map_close(&seen);
    v.changed |= v.pass != s->pass[id];
    s->pass[id] = v.pass;
    return v.changed;
}

/* Nearly in order of reads already, so a few rounds do: once back from the roots to mark, once forth to settle. */
static void find_passes(split *s, const nnc_tensor_id *roots, uint32_t count)
{
    bool changed = true;
    for (uint32_t i = 0; i < count; i++)
        s->pass[roots[i]] = 0;
    while (changed) {
        changed = false;
        for (nnc_tensor_id id = s->from->tensors; id-- > 1;)
            changed |= s->pass[id] >= 0 && s->from->tensor[id].body && raise_pass(s, id);
        for (nnc_tensor_id id = 1; id < s->from->tensors; id++)
            changed |= s->pass[id] >= 0 && s->from->tensor[id].body && raise_pass(s, id);
    }
}

static void number_accumulators(split *s, const nnc_tensor_id *roots, uint32_t count)
{
    find_passes(s, roots, count);
    for (nnc_tensor_id id = 1; id < s->from->tensors; id++)
        if (s->pass[id] >= 0 && reduces_data(&s->from->tensor[id]) && (uint32_t)s->pass[id] + 1 > s->passes)
            s->passes = (uint32_t)s->pass[id] + 1;
}

/* ---- a program of a pass ---- */

typedef struct copy {
    split *s;
    nnc_program *to;
    nnc_tensor_id *map;
    nnc_tensor_id count;        /* the FIT count(data), once something reads it */
    uint8_t *needed;
    nnc_ref index[NNC_MAX_SLOTS];   /* what the slots of the formula being copied become; 0: themselves */
} copy;

static void need_reads(copy *c, nnc_ref ref, nnc_ref_map *seen);

/* DATA reductions are ends: earlier passes have computed them. */
static void need(copy *c, nnc_tensor_id id, nnc_ref_map *seen)
{
    const nnc_tensor *t = &c->s->from->tensor[id];
    if (c->needed[id])
        return;
    c->needed[id] = 1;
    if (t->body && !reduces_data(t))
        need_reads(c, t->body, seen);
}

static void need_reads(copy *c, nnc_ref ref, nnc_ref_map *seen)
{
    const nnc_program *from = c->s->from;
    const nnc_node *n = nnc_at(from, ref);
    if (nnc_ref_map_get(seen, ref))
        return;
    nnc_ref_map_put(c->s->arena, seen, ref, 1);
    if (n->op == NNC_OP_READ)
        need(c, (nnc_tensor_id)n->integer[0], seen);
    for (uint32_t i = 0; i < n->count; i++)
        need_reads(c, nnc_arg(from, ref, i), seen);
}

static nnc_tensor_id count_fit(copy *c)
{
    if (!c->count)
        c->count = nnc_declare(c->to, NNC_KIND_FIT, "count(data)", (nnc_span){0}, NNC_REAL, 0, NULL, 0);
    return c->count;
}

static nnc_ref copy_node(nnc_rewriter *r, nnc_ref ref, const nnc_ref *args)
{
    copy *c = r->context;
    const nnc_node *n = nnc_at(r->from, ref);
    if (n->op == NNC_OP_READ)
        return nnc_read(r->to, c->map[n->integer[0]], args, n->count);
    if (n->op == NNC_OP_COUNT && n->integer[0] == NNC_EXTENT_DATA)
        return nnc_read(r->to, count_fit(c), NULL, 0);
    if (n->op == NNC_OP_INDEX && n->integer[0] < NNC_MAX_SLOTS && c->index[n->integer[0]])
        return c->index[n->integer[0]];
    return 0;
}

static nnc_ref copy_body(copy *c, nnc_ref body)
{
    nnc_rewriter r = {.from = c->s->from, .to = c->to, .replace = copy_node, .context = c};
    nnc_ref result = nnc_rewrite(&r, body);
    nnc_ref_map_close(&r.done);
    return result;
}

/* The tensor without its body; a DATA reduction as the FIT of its result. */
static nnc_tensor_id copy_head(copy *c, nnc_tensor_id id)
{
    const nnc_tensor *t = &c->s->from->tensor[id];
    if (reduces_data(t)) {
        const char *name = nnc_arena_format(c->s->arena, "data.%u.%u", (unsigned)c->s->pass[id], (unsigned)c->s->accumulator[id]);
        return nnc_declare(c->to, NNC_KIND_FIT, name, t->span, t->element, t->classes, t->extent, t->rank);
    }
    nnc_tensor_id made = nnc_declare(c->to, t->kind, t->name, t->span, t->element, t->classes, t->extent, t->rank);
    nnc_tensor *to = nnc_tensor_at(c->to, made);
    memcpy(to->extent, t->extent, sizeof to->extent);
    to->reduce = t->reduce;
    to->reduced = t->reduced;
    to->values = t->values;
    to->stopped = t->stopped;
    return made;
}

static void copy_needed(copy *c)
{
    const nnc_program *from = c->s->from;
    for (nnc_tensor_id id = 1; id < from->tensors; id++)
        if (c->needed[id])
            c->map[id] = copy_head(c, id);
    for (nnc_tensor_id id = 1; id < from->tensors; id++)
        if (c->needed[id] && from->tensor[id].body && !reduces_data(&from->tensor[id])) {
            nnc_ref body = copy_body(c, from->tensor[id].body);
            c->to->tensor[c->map[id]].body = body;
        }
}

static copy copy_new(split *s)
{
    copy c = {.s = s, .to = nnc_program_new(s->arena), .map = NNC_ARRAY(s->arena, nnc_tensor_id, s->from->tensors),
              .needed = NNC_ARRAY(s->arena, uint8_t, s->from->tensors)};
    c.to->sites = s->from->sites;
    return c;
}

/* R[left] = reduce(data, others: e) becomes part[batch, left] = reduce(others: e). */
static nnc_tensor_id define_part(copy *c, nnc_tensor_id id)
{
    const nnc_tensor *t = &c->s->from->tensor[id];
    int64_t extent[NNC_MAX_SLOTS] = {NNC_EXTENT_BATCH};
    uint32_t slots = 1;
    for (uint32_t i = 0; i < (uint32_t)t->rank + t->reduced; i++) {
        c->index[i] = nnc_index(c->to, t->extent[i] == NNC_EXTENT_DATA ? 0 : slots);
        if (t->extent[i] != NNC_EXTENT_DATA)
            extent[slots++] = t->extent[i];
    }
    nnc_ref body = copy_body(c, t->body);
    uint32_t rank = t->rank + 1u, reduced = slots - rank;
    memset(c->index, 0, sizeof c->index);
    assert(reduced + 1 == t->reduced);
    return nnc_define_slots(c->to, t->name, t->span, t->element, t->classes, reduced ? t->reduce : NNC_REDUCE_NONE, extent, rank, reduced, body);
}

static nnc_data_pass make_pass(split *s, uint32_t number)
{
    copy c = copy_new(s);
    nnc_data_pass pass = {.partial = c.to, .accumulator = NNC_ARRAY(s->arena, nnc_data_accumulator, s->from->tensors)};
    nnc_ref_map seen;
    nnc_ref_map_open(&seen);
    for (nnc_tensor_id id = 1; id < s->from->tensors; id++)
        if (s->pass[id] == (int32_t)number && reduces_data(&s->from->tensor[id]))
            need_reads(&c, s->from->tensor[id].body, &seen);
    nnc_ref_map_close(&seen);
    copy_needed(&c);
    for (nnc_tensor_id id = 1; id < s->from->tensors; id++) {
        const nnc_tensor *t = &s->from->tensor[id];
        if (s->pass[id] != (int32_t)number || !reduces_data(t))
            continue;
        s->accumulator[id] = pass.accumulators;
        pass.accumulator[pass.accumulators++] = (nnc_data_accumulator){define_part(&c, id), t->reduce, nnc_elements(t)};
    }
    return pass;
}

static nnc_program *make_final(split *s, const nnc_tensor_id *roots, uint32_t count, nnc_tensor_id *result)
{
    copy c = copy_new(s);
    nnc_ref_map seen;
    nnc_ref_map_open(&seen);
    for (uint32_t i = 0; i < count; i++)
        need(&c, roots[i], &seen);
    nnc_ref_map_close(&seen);
    copy_needed(&c);
    for (uint32_t i = 0; i < count; i++)
        result[i] = c.map[roots[i]];
    return c.to;
}

nnc_data_split nnc_split_data(nnc_arena *arena, const nnc_program *p, const nnc_tensor_id *roots, uint32_t count)
{
    nnc_data_split result = {0};
    split s = {.arena = arena, .from = p, .pass = NNC_ARRAY(arena, int32_t, p->tensors), .accumulator = NNC_ARRAY(arena, uint32_t, p->tensors)};
    memset(s.pass, 0xFF, p->tensors * sizeof *s.pass);
    number_accumulators(&s, roots, count);
    result.passes = s.passes;
    result.pass = NNC_ARRAY(arena, nnc_data_pass, s.passes + 1);
    result.result = NNC_ARRAY(arena, nnc_tensor_id, count + 1);
    for (uint32_t i = 0; i < s.passes; i++)
        result.pass[i] = make_pass(&s, i);
    result.final = make_final(&s, roots, count, result.result);
    return result;
}
