/* Turned copies: a sum whose lanes would step through another tensor's rows reads a copy of it with that dimension last instead. A parameter's is made once
 * a run; a formula's once it is computed, so inside a recurrence only what is not of it is turned. */
#include "formula/order.h"
#include "formula/rebuild.h"
#include "transform/prepare.h"

/* Lanes that are worth it; how much sooner the copy of a computed tensor, which is near yet, is worth it than a parameter's. */
enum { FULL_VECTOR = 16, CHEAPER_NEAR = 8 };

typedef struct turner {
    nnc_program *p;
    const nnc_tensor *t;           /* the sum; a copy, since the program grows */
    uint32_t lane;
    const bool *stepwise;          /* tensors of recurrences, where t is one; NULL else */
    bool fits;                     /* everything else that the lanes move has stride 1 */
    nnc_ref read[8];
    uint32_t dimension[8], reads;
    nnc_ref_map seen;
} turner;

/* The subscript moves with the slot, one by one: a sum of it and of what does not mention it. */
static bool moves_by_one(const nnc_program *p, nnc_ref subscript, uint32_t slot)
{
    nnc_form f;
    bool moves = false;
    nnc_form_of(p, subscript, &f);
    for (uint32_t i = 0; i < f.terms; i++) {
        nnc_ref atom = f.lone ? f.lone : f.atom[i];
        if (!nnc_moves_with(p, atom, (int)slot))
            continue;
        if (!nnc_is_index(p, atom, slot) || (f.lone ? 1 : f.coefficient[i]) != 1)
            return false;
        moves = true;
    }
    return moves;
}

/* The one dimension that moves with the slot one by one, where no other mentions it; -1 else. */
static int dimension_of(const nnc_program *p, const nnc_node *read, uint32_t slot)
{
    int found = -1;
    for (uint32_t i = 0; i < read->count; i++) {
        nnc_ref subscript = p->args[read->first + i];
        if (!nnc_moves_with(p, subscript, (int)slot))
            continue;
        if (found >= 0 || !moves_by_one(p, subscript, slot))
            return -1;
        found = (int)i;
    }
    return found;
}

static bool is_turnable(const turner *v, nnc_tensor_id a)
{
    nnc_kind kind = v->p->tensor[a].kind;
    if (kind == NNC_KIND_FORMULA)
        return !nnc_in_blocks(&v->p->tensor[a]) && !(v->stepwise && v->stepwise[a]);
    return kind == NNC_KIND_PARAMETER || kind == NNC_KIND_STATE || kind == NNC_KIND_FIT || kind == NNC_KIND_CONSTANT;
}

/* The last dimension moves with the lanes by one element. */
static bool has_unit_stride(const nnc_program *p, const nnc_node *read, uint32_t lane)
{
    for (uint32_t i = 0; i + 1 < read->count; i++)
        if (nnc_moves_with(p, p->args[read->first + i], (int)lane))
            return false;
    nnc_ref last = p->args[read->first + read->count - 1];
    return !nnc_moves_with(p, last, (int)lane) || moves_by_one(p, last, lane);
}

static void look(turner *v, nnc_ref ref)
{
    const nnc_node *n = &v->p->node[ref];
    if (!nnc_moves_with(v->p, ref, (int)v->lane) || nnc_ref_map_get(&v->seen, ref))
        return;
    nnc_ref_map_put(v->p->arena, &v->seen, ref, 1);
    for (uint32_t i = 0; i < n->count; i++)
        look(v, v->p->args[n->first + i]);
    if (n->op != NNC_OP_READ || has_unit_stride(v->p, n, v->lane))
        return;
    const nnc_tensor *a = &v->p->tensor[n->integer[0]];
    int dimension = dimension_of(v->p, n, v->lane);
    if (dimension < 0 || !is_turnable(v, (nnc_tensor_id)n->integer[0]) || a->element != NNC_REAL || v->reads == 8) {
        v->fits = false;
        return;
    }
    v->read[v->reads] = ref;
    v->dimension[v->reads++] = (uint32_t)dimension;
}

/* A with dimension d moved to the end. */
static nnc_tensor_id turned(nnc_program *p, nnc_tensor_id a, uint32_t d)
{
    const nnc_tensor t = p->tensor[a];
    const char *name = nnc_arena_format(p->arena, "%s.turned_%u", t.name, (unsigned)d);
    nnc_tensor_id there = nnc_find(p, name);
    nnc_ref subscript[NNC_MAX_SLOTS];
    int64_t extent[NNC_MAX_SLOTS];
    if (there)
        return there;
    for (uint32_t i = 0, at = 0; i < t.rank; i++) {
        uint32_t slot = i == d ? t.rank - 1u : at++;
        extent[slot] = t.extent[i];
        subscript[i] = nnc_index(p, slot);
    }
    return nnc_define_slots(p, name, t.span, NNC_REAL, 0, NNC_REDUCE_NONE, extent, t.rank, 0, nnc_read(p, a, subscript, t.rank));
}

static nnc_ref turned_read(nnc_program *p, nnc_ref read, uint32_t d)
{
    const nnc_node n = p->node[read];
    nnc_tensor_id copy = turned(p, (nnc_tensor_id)n.integer[0], d);
    nnc_ref subscript[NNC_MAX_SLOTS];
    for (uint32_t i = 0, at = 0; i < n.count; i++)
        subscript[i == d ? n.count - 1u : at++] = p->args[n.first + i];
    return nnc_read(p, copy, subscript, n.count);
}

/* Multiply-adds for each element of a turned tensor. */
static double uses_of(const nnc_program *p, const nnc_tensor *t, nnc_tensor_id a, int64_t batch)
{
    double points = 1;
    for (uint32_t i = 0; i < (uint32_t)t->rank + t->reduced; i++)
        points *= (double)nnc_extent_with(t->extent[i], batch);
    return points / (double)(nnc_elements(&p->tensor[a]) * (nnc_batched(&p->tensor[a]) ? batch : 1));
}

static void turn_formula(nnc_program *p, nnc_tensor_id id, int64_t batch, double least, const bool *stepwise)
{
    const nnc_tensor t = p->tensor[id];
    turner v = {.p = p, .t = &t, .lane = t.rank - 1u, .stepwise = stepwise[id] ? stepwise : NULL, .fits = true};
    nnc_ref to[8];
    if (t.kind != NNC_KIND_FORMULA || t.reduce != NNC_REDUCE_SUM || t.rank == 0 || t.extent[t.rank - 1] < (least > 0 ? FULL_VECTOR : 1))
        return;
    look(&v, t.body);
    nnc_ref_map_close(&v.seen);
    for (uint32_t i = 0; i < v.reads; i++) {
        nnc_tensor_id a = (nnc_tensor_id)p->node[v.read[i]].integer[0];
        v.fits &= uses_of(p, &t, a, batch) >= (nnc_batched(&p->tensor[a]) ? least / CHEAPER_NEAR : least);
    }
    if (!v.fits || v.reads == 0)
        return;
    for (uint32_t i = 0; i < v.reads; i++)
        to[i] = turned_read(p, v.read[i], v.dimension[i]);
    nnc_ref body = nnc_substitute(p, t.body, v.read, to, v.reads);
    p->tensor[id].body = body;
}

void nnc_turn_reads(nnc_program *p, int64_t batch, double least)
{
    const char *error = NULL;
    nnc_order order = nnc_order_of(p->arena, p, &error);
    bool *stepwise = NNC_ARRAY(p->arena, bool, p->tensors);
    nnc_mark_loops(&order, stepwise);
    for (nnc_tensor_id id = 1, tensors = p->tensors; id < tensors; id++)
        turn_formula(p, id, batch, least, stepwise);
}
