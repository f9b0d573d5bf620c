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
        below = find(product->denominator, product->denominators, product->numerator[i]);
        if (below >= 0) {
            drop(product->denominator, &product->denominators, (uint32_t)below);
            drop(product->numerator, &product->numerators, i);
        }
        return true;
    }
    return false;
}

nnc_ref nnc_round_known_quotient(nnc_round *round, nnc_ref ref)
{
    nnc_product product;
    bool any = false;
    if (round->quotient.count == 0)
        return 0;
    nnc_product_of(round->to, ref, &product);
    while (product.denominators > 0 && replace_one(round, &product))
        any = true;
    return any ? nnc_product_ref(round->to, &product) : 0;
}
