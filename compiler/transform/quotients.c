/* Quotients that some tensor holds: where p[b, k] = e[b, k] / t[b], a product with e[b, k] / t[b] reads p, so that e and t need not be kept. */
#include <assert.h>
#include "transform/simplify.h"

static bool reads_own_slots(const nnc_program *p, nnc_ref ref, uint32_t rank)
{
    const nnc_node *n = nnc_at(p, ref);
    if (n->op != NNC_OP_READ || n->count != rank)
        return false;
    for (uint32_t i = 0; i < rank; i++)
        if (nnc_at(p, nnc_arg(p, ref, i))->op != NNC_OP_INDEX || nnc_at(p, nnc_arg(p, ref, i))->integer[0] != i)
            return false;
    return true;
}

void nnc_round_note_quotient(nnc_round *round, nnc_tensor_id id)
{
    const nnc_program *p = round->to;
    const nnc_tensor *t = &p->tensor[id];
    if (t->reduce != NNC_REDUCE_NONE || nnc_at(p, t->body)->op != NNC_OP_DIV)
        return;
    nnc_ref above = nnc_arg(p, t->body, 0), below = nnc_arg(p, t->body, 1);
    if (!reads_own_slots(p, above, t->rank) || nnc_at(p, below)->op != NNC_OP_READ)
        return;
    nnc_ref e = (nnc_ref)nnc_at(p, above)->integer[0];
    if (!nnc_ref_map_get(&round->quotient, e))
        nnc_ref_map_put(round->arena, &round->quotient, e, id);
}

static void drop(nnc_ref *list, uint32_t *count, uint32_t at)
{
    for (--*count; at < *count; at++)
        list[at] = list[at + 1];
}

static int find(const nnc_ref *list, uint32_t count, nnc_ref ref)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == ref)
            return (int)i;
    return -1;
}

/* One e / t of the product becomes p; false where there is none. */
static bool replace_one(nnc_round *round, nnc_product *product)
{
    nnc_program *p = round->to;
    nnc_ref slot[NNC_MAX_SLOTS], args[NNC_MAX_SLOTS];
    for (uint32_t i = 0; i < product->numerators; i++) {
        const nnc_node n = *nnc_at(p, product->numerator[i]);
        nnc_tensor_id id = n.op == NNC_OP_READ ? nnc_ref_map_get(&round->quotient, (nnc_ref)n.integer[0]) : 0;
        if (!id)
            continue;
        for (uint32_t k = 0; k < n.count; k++) {
            slot[k] = nnc_index(p, k);
            args[k] = nnc_arg(p, product->numerator[i], k);
        }
        nnc_ref t = nnc_substitute(p, nnc_arg(p, p->tensor[id].body, 1), slot, args, n.count);
        int below = find(product->denominator, product->denominators, t);
        if (below < 0)
            continue;
        drop(product->denominator, &product->denominators, (uint32_t)below);
        product->numerator[i] = nnc_read(p, id, args, n.count);
        return true;
    }
    return false;
}

/* x / x in a derivative, where it comes of a quotient's rule and not of the model: 1. */
static bool cancel_one(const nnc_program *p, nnc_product *product)
{
    for (uint32_t i = 0; i < product->numerators; i++) {
        int below = find(product->denominator, product->denominators, product->numerator[i]);
        if (below < 0 || nnc_at(p, product->numerator[i])->op != NNC_OP_READ)
            continue;
        drop(product->denominator, &product->denominators, (uint32_t)below);
        drop(product->numerator, &product->numerators, i);
        return true;
    }
    return false;
}

/* ---- a choice times what its branch divides by ---- */

/* The choice's index as what it must equal: (if y == k then ..): k and y. False where there is no such index. */
static bool chosen_index(nnc_program *p, nnc_ref condition, nnc_ref *index, nnc_ref *value)
{
    const nnc_node n = *nnc_at(p, condition);
    nnc_form form;
    if (n.op != NNC_OP_WITHIN || n.integer[0] != n.integer[1])
        return false;
    nnc_form_of(p, nnc_arg(p, condition, 0), &form);
    for (uint32_t i = 0; i < form.terms; i++) {
        int64_t c = form.coefficient[i];
        if (nnc_at(p, form.atom[i])->op != NNC_OP_INDEX || (c != 1 && c != -1))
            continue;
        *index = form.atom[i];
        nnc_ref rest = nnc_affine(p, 1, nnc_arg(p, condition, 0), -c, *index, -n.integer[0]);
        *value = nnc_affine(p, -c, rest, 0, 0, 0);
        return !nnc_mentions(p, *value, *index);
    }
    return false;
}

static bool is_choice(const nnc_program *p, nnc_ref ref)
{
    return nnc_at(p, ref)->op == NNC_OP_SELECT && nnc_is_zero(p, nnc_arg(p, ref, 2));
}

/* (if y == k then a / p[y] else 0) * p[k] = (if y == k then a else 0); 0 where nothing cancels. */
static nnc_ref choice_times(nnc_program *p, nnc_ref choice, nnc_ref factor)
{
    nnc_ref index, value;
    nnc_product product;
    if (!chosen_index(p, nnc_arg(p, choice, 0), &index, &value))
        return 0;
    nnc_ref there = nnc_substitute(p, factor, &index, &value, 1);
    nnc_product_of(p, nnc_algebra(p, NNC_OP_MUL, (nnc_ref[]){nnc_arg(p, choice, 1), there}, 2), &product);
    if (!cancel_one(p, &product))
        return 0;
    while (cancel_one(p, &product))
        continue;
    return nnc_select(p, nnc_arg(p, choice, 0), nnc_product_ref(p, &product), nnc_real(p, 0));
}

/* (choice + z) * f = choice * f + z * f where the first cancels. */
static nnc_ref distribute(nnc_program *p, const nnc_product *product)
{
    for (uint32_t i = 0; i < product->numerators; i++) {
        const nnc_node n = *nnc_at(p, product->numerator[i]);
        if (n.op != NNC_OP_ADD && n.op != NNC_OP_SUB)
            continue;
        nnc_product others = *product;
        nnc_ref a = nnc_arg(p, product->numerator[i], 0), b = nnc_arg(p, product->numerator[i], 1);
        drop(others.numerator, &others.numerators, i);
        nnc_ref factor = nnc_product_ref(p, &others);
        nnc_ref left = is_choice(p, a) ? choice_times(p, a, factor) : 0, right = is_choice(p, b) ? choice_times(p, b, factor) : 0;
        if (!left && !right)
            continue;
        left = left ? left : nnc_algebra(p, NNC_OP_MUL, (nnc_ref[]){a, factor}, 2);
        right = right ? right : nnc_algebra(p, NNC_OP_MUL, (nnc_ref[]){b, factor}, 2);
        return nnc_algebra(p, (nnc_op)n.op, (nnc_ref[]){left, right}, 2);
    }
    return 0;
}

nnc_ref nnc_round_known_quotient(nnc_round *round, nnc_ref ref)
{
    nnc_product product;
    bool any = false, derivative = round->from->tensor[round->current].derivative_of != 0;
    nnc_product_of(round->to, ref, &product);
    while (product.denominators > 0 && ((derivative && cancel_one(round->to, &product)) || replace_one(round, &product)))
        any = true;
    nnc_ref distributed = derivative ? distribute(round->to, &product) : 0;
    return distributed ? distributed : any ? nnc_product_ref(round->to, &product) : 0;
}
