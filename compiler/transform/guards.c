/* Guards of whole sums: a factor that is zero under a condition which no index of the sum moves makes the whole sum zero there. */
#include "transform/prepare.h"

static bool is_zero(const nnc_program *p, nnc_ref ref)
{
    double value;
    return nnc_is_constant(p, ref, &value) && value == 0;
}

/* The factor's guard, where it has one that `moving` slots do not touch; *inside is the factor under it. */
static nnc_ref guard_of(const nnc_program *p, nnc_ref factor, uint64_t moving, nnc_ref *inside)
{
    const nnc_node *n = &p->node[factor];
    if (n->op != NNC_OP_SELECT || !is_zero(p, nnc_arg(p, factor, 2)) || p->node[nnc_arg(p, factor, 0)].slots & moving)
        return 0;
    *inside = nnc_arg(p, factor, 1);
    return nnc_arg(p, factor, 0);
}

static void lift(nnc_program *p, nnc_tensor_id id)
{
    const nnc_tensor t = p->tensor[id];
    uint64_t moving = 0;
    nnc_ref guard = 0, inside = 0;
    if (t.kind != NNC_KIND_FORMULA || t.reduce != NNC_REDUCE_SUM || p->node[t.body].op != NNC_OP_MUL)
        return;
    for (int slot = t.rank ? t.rank - 1 : 0; slot < t.rank + t.reduced; slot++)
        moving |= (uint64_t)1 << slot;
    nnc_ref a = nnc_arg(p, t.body, 0), b = nnc_arg(p, t.body, 1), product;
    if ((guard = guard_of(p, a, moving, &inside)))
        product = nnc_binary(p, NNC_OP_MUL, inside, b);
    else if ((guard = guard_of(p, b, moving, &inside)))
        product = nnc_binary(p, NNC_OP_MUL, a, inside);
    else
        return;
    nnc_ref body = nnc_select(p, guard, product, nnc_real(p, 0));
    p->tensor[id].body = body;
}

void nnc_lift_guards(nnc_program *p)
{
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        lift(p, id);
}
