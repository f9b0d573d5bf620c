/* Whether a body's reads can be proved inside their tensors, as the verifier will ask. */
#include "transform/scope.h"

typedef struct proving { nnc_scope *scope; nnc_ref_map seen; } proving;

static bool reads_inside(proving *w, nnc_ref ref);

static bool inside_under(proving *w, nnc_ref ref, nnc_ref condition, bool holds)
{
    proving inner = {.scope = w->scope};
    uint32_t mark = w->scope->knowns;
    nnc_ref_map_open(&inner.seen);
    nnc_scope_know(w->scope, condition, holds);
    bool result = reads_inside(&inner, ref);
    w->scope->knowns = mark;
    nnc_ref_map_close(&inner.seen);
    return result;
}

/* A position in the minibatch: an index over it, a neighbour, or the first example. */
static bool is_batch_position(const nnc_scope *scope, nnc_ref subscript)
{
    const nnc_node *n = nnc_at(scope->p, subscript);
    int64_t value;
    if (n->op == NNC_OP_INDEX)
        return nnc_scope_extent(scope, subscript) < 0;
    return n->op == NNC_OP_NEIGHBOUR || (nnc_is_integer(scope->p, subscript, &value) && value == 0);
}

static bool read_is_inside(proving *w, nnc_ref ref)
{
    const nnc_program *p = w->scope->p;
    const nnc_node *n = nnc_at(p, ref);
    const nnc_tensor *t = &p->tensor[n->integer[0]];
    int64_t low, high;
    for (uint32_t i = 0; i < n->count; i++) {
        if (t->extent[i] < 0 && is_batch_position(w->scope, nnc_arg(p, ref, i)))
            continue;
        nnc_scope_range(w->scope, nnc_arg(p, ref, i), &low, &high);
        if (low < 0 || high >= t->extent[i])
            return false;
    }
    return true;
}

static bool reads_inside(proving *w, nnc_ref ref)
{
    nnc_program *p = w->scope->p;
    const nnc_node n = *nnc_at(p, ref);
    if (nnc_ref_map_get(&w->seen, ref))
        return true;
    nnc_ref_map_put(p->arena, &w->seen, ref, 1);
    if (n.op == NNC_OP_SELECT) {
        nnc_ref condition = nnc_arg(p, ref, 0);
        return reads_inside(w, condition) && inside_under(w, nnc_arg(p, ref, 1), condition, true) && inside_under(w, nnc_arg(p, ref, 2), condition, false);
    }
    if (n.op == NNC_OP_AND) {
        nnc_ref left = nnc_arg(p, ref, 0);
        return reads_inside(w, left) && inside_under(w, nnc_arg(p, ref, 1), left, true);
    }
    for (uint32_t i = 0; i < n.count; i++)
        if (!reads_inside(w, nnc_arg(p, ref, i)))
            return false;
    return n.op != NNC_OP_READ || read_is_inside(w, ref);
}

bool nnc_reads_inside(nnc_scope *scope, nnc_ref body)
{
    proving w = {.scope = scope};
    nnc_ref_map_open(&w.seen);
    bool inside = reads_inside(&w, body);
    nnc_ref_map_close(&w.seen);
    return inside;
}
