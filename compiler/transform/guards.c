/* Guards of sums: a factor that is zero under a condition makes the product zero there. One that no index of the sum moves guards the whole sum; one on indices bounds its loops. */
#include "transform/prepare.h"

static bool is_zero(const nnc_program *p, nnc_ref ref)
{
    double value;
    return nnc_is_constant(p, ref, &value) && value == 0;
}

/* The factor's guard, where it has one that the lanes do not move, nor, where it depends on data, `summed` slots; *inside is the factor under it. */
static nnc_ref guard_of(const nnc_program *p, nnc_ref factor, uint64_t lanes, uint64_t summed, nnc_ref *inside)
{
    const nnc_node *n = &p->node[factor];
    if (n->op != NNC_OP_SELECT || !is_zero(p, nnc_arg(p, factor, 2)))
        return 0;
    nnc_ref guard = nnc_arg(p, factor, 0);
    uint64_t slots = p->node[guard].slots;
    if (slots & lanes || (slots & summed && nnc_reads(p, guard)))
        return 0;
    *inside = nnc_arg(p, factor, 1);
    return nnc_arg(p, factor, 0);
}

static void lift(nnc_program *p, nnc_tensor_id id)
{
    const nnc_tensor t = p->tensor[id];
    uint64_t lanes = t.rank ? (uint64_t)1 << (t.rank - 1) : 0, summed = 0;
    nnc_ref guard = 0, inside = 0;
    if (t.kind != NNC_KIND_FORMULA || t.reduce != NNC_REDUCE_SUM || p->node[t.body].op != NNC_OP_MUL)
        return;
    for (int slot = t.rank; slot < t.rank + t.reduced; slot++)
        summed |= (uint64_t)1 << slot;
    nnc_ref a = nnc_arg(p, t.body, 0), b = nnc_arg(p, t.body, 1), product;
    if ((guard = guard_of(p, a, lanes, summed, &inside)))
        product = nnc_binary(p, NNC_OP_MUL, inside, b);
    else if ((guard = guard_of(p, b, lanes, summed, &inside)))
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
