/* Tensors of a program: declaring, defining, finding, and taking out what some of them need. */
#include <assert.h>
#include <string.h>
#include "base/name_map.h"
#include "formula/rebuild.h"

/* ---- names ---- */

nnc_tensor_id nnc_find(const nnc_program *p, const char *name)
{
    for (uint32_t at = nnc_hash_name(name) & (p->name_table_size - 1); p->name_table[at]; at = (at + 1) & (p->name_table_size - 1))
        if (strcmp(p->tensor[p->name_table[at]].name, name) == 0)
            return p->name_table[at];
    return 0;
}

static void put_name(nnc_program *p, nnc_tensor_id id)
{
    uint32_t at = nnc_hash_name(p->tensor[id].name) & (p->name_table_size - 1);
    while (p->name_table[at])
        at = (at + 1) & (p->name_table_size - 1);
    p->name_table[at] = id;
}

static void add_name(nnc_program *p, nnc_tensor_id id)
{
    if (2 * p->tensors > p->name_table_size) {
        p->name_table_size *= 2;
        p->name_table = NNC_ARRAY(p->arena, uint32_t, p->name_table_size);
        for (nnc_tensor_id t = 1; t < id; t++)
            put_name(p, t);
    }
    put_name(p, id);
}

static const char *unique_name(nnc_program *p, const char *name)
{
    const char *unique = nnc_arena_string(p->arena, name);
    for (unsigned n = 2; nnc_find(p, unique); n++)
        unique = nnc_arena_format(p->arena, "%s~%u", name, n);
    return unique;
}

/* ---- adding ---- */

static nnc_tensor_id add(nnc_program *p, nnc_tensor tensor)
{
    tensor.name = unique_name(p, tensor.name);
    NNC_PUSH(p->arena, p->tensor, p->tensors, p->tensor_capacity) = tensor;
    add_name(p, p->tensors - 1);
    return p->tensors - 1;
}

nnc_tensor_id nnc_declare(nnc_program *p, nnc_kind kind, const char *name, nnc_span span, nnc_element element, int64_t classes, const int64_t *extents, uint32_t rank)
{
    nnc_tensor t = {.name = name, .span = span, .kind = kind, .element = element, .classes = classes, .rank = (uint8_t)rank};
    assert(rank <= NNC_MAX_SLOTS);
    for (uint32_t i = 0; i < rank; i++)
        t.extent[i] = extents[i];
    return add(p, t);
}

nnc_tensor_id nnc_constant(nnc_program *p, const char *name, nnc_span span, const float *values, const int64_t *extents, uint32_t rank)
{
    nnc_tensor_id id = nnc_declare(p, NNC_KIND_CONSTANT, name, span, NNC_REAL, 0, extents, rank);
    int64_t elements = nnc_elements(&p->tensor[id]);
    p->tensor[id].values = nnc_arena_grow(p->arena, values, (size_t)elements, (size_t)elements, sizeof *values);
    return id;
}

nnc_tensor_id nnc_define_slots(nnc_program *p, const char *name, nnc_span span, nnc_element element, int64_t classes, nnc_reduce reduce,
                               const int64_t *extents, uint32_t rank, uint32_t reduced, nnc_ref body)
{
    nnc_tensor t = {.name = name, .span = span, .kind = NNC_KIND_FORMULA, .element = element, .classes = classes, .rank = (uint8_t)rank,
                    .reduced = (uint8_t)reduced, .reduce = reduce, .body = body};
    assert(rank + reduced <= NNC_MAX_SLOTS && !p->node[body].open);
    for (uint32_t i = 0; i < rank + reduced; i++)
        t.extent[i] = extents[i];
    return add(p, t);
}

/* The body with the variables made slots 0, 1, .. in the order left, over. */
static nnc_ref bind(nnc_program *p, const nnc_ref *left, uint32_t rank, const nnc_ref *over, uint32_t reduced, nnc_ref body)
{
    nnc_ref from[NNC_MAX_SLOTS], to[NNC_MAX_SLOTS];
    assert(rank + reduced <= NNC_MAX_SLOTS);
    for (uint32_t i = 0; i < rank + reduced; i++) {
        from[i] = i < rank ? left[i] : over[i - rank];
        to[i] = nnc_index(p, i);
    }
    return nnc_substitute(p, body, from, to, rank + reduced);
}

/* What a class has of values: an argmax's positions, or what its body gives at most. 0 where it is not known. */
static int64_t classes_of(const nnc_program *p, nnc_reduce reduce, const int64_t *over_extent, uint32_t reduced, nnc_ref body)
{
    int64_t positions = 1;
    const nnc_node *n = &p->node[body];
    if (reduce == NNC_REDUCE_ARGMAX || reduce == NNC_REDUCE_ARGMIN) {
        for (uint32_t i = 0; i < reduced; i++)
            positions *= over_extent[i] > 0 ? over_extent[i] : 0;
        return positions;
    }
    if (n->op == NNC_OP_READ)
        return p->tensor[n->integer[0]].classes;
    return 0;
}

static nnc_element element_of(const nnc_program *p, nnc_reduce reduce, nnc_ref body)
{
    return reduce == NNC_REDUCE_ARGMAX || reduce == NNC_REDUCE_ARGMIN ? NNC_INTEGER : (nnc_element)p->node[body].element;
}

nnc_tensor_id nnc_define(nnc_program *p, const char *name, nnc_span span, nnc_reduce reduce, const nnc_ref *left, const int64_t *left_extent, uint32_t rank,
                         const nnc_ref *over, const int64_t *over_extent, uint32_t reduced, nnc_ref body)
{
    int64_t extent[NNC_MAX_SLOTS];
    nnc_ref bound = bind(p, left, rank, over, reduced, body);
    for (uint32_t i = 0; i < rank + reduced; i++)
        extent[i] = i < rank ? left_extent[i] : over_extent[i - rank];
    return nnc_define_slots(p, name, span, element_of(p, reduce, body), classes_of(p, reduce, over_extent, reduced, body), reduce, extent, rank, reduced, bound);
}

void nnc_set_body(nnc_program *p, nnc_tensor_id tensor, nnc_reduce reduce, const nnc_ref *left, const nnc_ref *over, const int64_t *over_extent,
                  uint32_t reduced, nnc_ref body)
{
    uint32_t rank = p->tensor[tensor].rank;
    nnc_ref bound = bind(p, left, rank, over, reduced, body);
    nnc_tensor *t = &p->tensor[tensor];
    t->reduce = reduce;
    t->reduced = (uint8_t)reduced;
    t->body = bound;
    for (uint32_t i = 0; i < reduced; i++)
        t->extent[rank + i] = over_extent[i];
}

int64_t nnc_elements(const nnc_tensor *t)
{
    int64_t elements = 1;
    for (uint32_t i = 0; i < t->rank; i++)
        elements *= t->extent[i] > 0 ? t->extent[i] : 1;
    return nnc_in_blocks(t) ? elements / NNC_BLOCK : elements;
}

/* ---- taking out ---- */

typedef struct extraction {
    const nnc_program *from;
    nnc_program *to;
    bool with_next;
    uint8_t *needed;
    nnc_tensor_id *map;
    nnc_tensor_id *queue;
    uint32_t queued;
} extraction;

static void need(extraction *e, nnc_tensor_id id)
{
    if (id && !e->needed[id]) {
        e->needed[id] = 1;
        e->queue[e->queued++] = id;
    }
}

static void need_reads(extraction *e, nnc_ref ref, uint8_t *seen)
{
    const nnc_node *n = &e->from->node[ref];
    if (seen[ref])
        return;
    seen[ref] = 1;
    if (n->op == NNC_OP_READ)
        need(e, (nnc_tensor_id)n->integer[0]);
    for (uint32_t i = 0; i < n->count; i++)
        need_reads(e, e->from->args[n->first + i], seen);
}

static void need_all(extraction *e)
{
    uint8_t *seen = NNC_ARRAY(e->to->arena, uint8_t, e->from->nodes);
    for (uint32_t i = 0; i < e->queued; i++) {
        const nnc_tensor *t = &e->from->tensor[e->queue[i]];
        if (t->body)
            need_reads(e, t->body, seen);
        if (e->with_next)
            need(e, t->next);
    }
}

static nnc_ref copy_read(nnc_rewriter *r, nnc_ref ref, const nnc_ref *args)
{
    const extraction *e = r->context;
    const nnc_node *n = &r->from->node[ref];
    return n->op == NNC_OP_READ ? nnc_read(r->to, e->map[n->integer[0]], args, n->count) : 0;
}

static void copy_tensors(extraction *e)
{
    nnc_rewriter r = {.from = e->from, .to = e->to, .replace = copy_read, .context = e};
    for (nnc_tensor_id id = 1; id < e->from->tensors; id++)
        if (e->needed[id]) {
            nnc_tensor t = e->from->tensor[id];
            t.body = 0;
            t.next = 0;
            e->map[id] = add(e->to, t);
        }
    for (nnc_tensor_id id = 1; id < e->from->tensors; id++) {
        const nnc_tensor *t = &e->from->tensor[id];
        if (!e->needed[id])
            continue;
        if (t->body) {
            nnc_ref body = nnc_rewrite(&r, t->body);
            e->to->tensor[e->map[id]].body = body;
        }
        e->to->tensor[e->map[id]].next = e->with_next ? e->map[t->next] : 0;
        e->to->tensor[e->map[id]].derivative_of = e->map[t->derivative_of];
    }
    nnc_ref_map_close(&r.done);
}

nnc_program *nnc_extract(nnc_arena *arena, const nnc_program *p, nnc_tensor_id *roots, uint32_t count, bool with_next, nnc_tensor_id *map)
{
    extraction e = {p, nnc_program_new(arena), with_next, NNC_ARRAY(arena, uint8_t, p->tensors), map, NNC_ARRAY(arena, nnc_tensor_id, p->tensors), 0};
    if (!e.map)
        e.map = NNC_ARRAY(arena, nnc_tensor_id, p->tensors);
    memset(e.map, 0, p->tensors * sizeof *e.map);
    e.to->sites = p->sites;
    for (uint32_t i = 0; i < count; i++)
        need(&e, roots[i]);
    need_all(&e);
    copy_tensors(&e);
    for (uint32_t i = 0; i < count; i++)
        roots[i] = e.map[roots[i]];
    return e.to;
}
