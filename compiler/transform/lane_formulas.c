/* Formulas of tensors that lie in blocks of examples, or read such: see lanes.c. */
#include "transform/lanes.h"

/* Of the tensor that is rewritten: the slots of its block and of the example in it, once it is in blocks. */
typedef struct rewriting { nnc_laner *w; const nnc_tensor *t; bool in; int slot, last; } rewriting;

/* The tensor copied over: out of blocks, or into them. One that is there already serves again. */
static nnc_tensor_id copy_across(nnc_laner *w, nnc_tensor_id of)
{
    nnc_program *p = w->p;
    const nnc_tensor t = p->tensor[of];
    bool out = nnc_in_blocks(&t);
    const char *name = nnc_arena_format(p->arena, "%s.%s", t.name, out ? "examples" : "blocks");
    uint32_t rank = out ? t.rank - 1u : t.rank + 1u;
    nnc_ref subscript[NNC_MAX_SLOTS];
    int64_t extent[NNC_MAX_SLOTS];
    if (w->copy[of])
        return w->copy[of];
    extent[0] = out ? NNC_EXTENT_BATCH : NNC_EXTENT_BLOCKS;
    for (uint32_t i = 1; i + (out ? 1 : 0) < t.rank; i++) {
        extent[i] = t.extent[i];
        subscript[i] = nnc_index(p, i);
    }
    if (!out)
        extent[rank - 1] = NNC_BLOCK;
    subscript[0] = out ? nnc_quotient(p, nnc_index(p, 0), NNC_BLOCK) : nnc_existing(p, nnc_place_in_block(p, 0, rank - 1));
    if (out)
        subscript[t.rank - 1] = nnc_remainder(p, nnc_index(p, 0), NNC_BLOCK);
    w->copy[of] = nnc_define_slots(p, name, t.span, t.element, t.classes, NNC_REDUCE_NONE, extent, rank, 0, nnc_read(p, of, subscript, t.rank));
    return w->copy[of];
}

/* Read in blocks, by a formula of blocks: of the own block and example. */
static nnc_ref read_own(rewriting *k, nnc_tensor_id of, const nnc_ref *args, uint32_t count)
{
    nnc_program *p = k->w->p;
    nnc_ref at[NNC_MAX_SLOTS];
    for (uint32_t i = 1; i < count; i++)
        at[i] = args[i];
    at[0] = nnc_index(p, (uint32_t)k->slot);
    at[count] = nnc_index(p, (uint32_t)k->last);
    return nnc_read(p, of, at, count + 1);
}

static nnc_ref read_across(rewriting *k, nnc_tensor_id of, const nnc_ref *args, uint32_t count)
{
    nnc_program *p = k->w->p;
    nnc_ref at[NNC_MAX_SLOTS];
    bool copied = k->t->reduce != NNC_REDUCE_NONE;
    for (uint32_t i = 1; i < count; i++)
        at[i] = args[i];
    if (k->in && copied)
        return read_own(k, copy_across(k->w, of), args, count);
    if (k->in) {
        at[0] = nnc_existing(p, args[0]);
        return nnc_read(p, of, at, count);
    }
    if (copied) {
        at[0] = args[0];
        return nnc_read(p, copy_across(k->w, of), at, count);
    }
    at[0] = nnc_quotient(p, args[0], NNC_BLOCK);
    at[count] = nnc_remainder(p, args[0], NNC_BLOCK);
    return nnc_read(p, of, at, count + 1);
}

static nnc_ref replace(nnc_rewriter *r, nnc_ref ref, const nnc_ref *args)
{
    rewriting *k = r->context;
    nnc_program *p = k->w->p;
    const nnc_node n = p->node[ref];
    if (n.op == NNC_OP_INDEX && k->in) {
        int64_t slot = n.integer[0];
        if (slot == k->slot)
            return nnc_place_in_block(p, (uint32_t)k->slot, (uint32_t)k->last);
        return nnc_index(p, (uint32_t)(slot + (nnc_batched(k->t) && slot >= k->t->rank)));
    }
    nnc_tensor_id of = (nnc_tensor_id)n.integer[0];
    if (n.op != NNC_OP_READ || !nnc_batched(&p->tensor[of]))
        return 0;
    if (k->in && k->w->in[of])
        return read_own(k, of, args, n.count);
    return k->in || k->w->in[of] ? read_across(k, of, args, n.count) : 0;
}

/* Its left side with the block's examples last; a sum over the batch has them as the last index that it sums over. */
void nnc_put_in_blocks(nnc_tensor *t, int slot)
{
    uint32_t slots = (uint32_t)t->rank + t->reduced, last = nnc_batched(t) ? t->rank : slots;
    for (uint32_t i = slots; i > last; i--)
        t->extent[i] = t->extent[i - 1];
    t->extent[last] = NNC_BLOCK;
    t->extent[slot] = NNC_EXTENT_BLOCKS;
    if (last == t->rank && slot == 0)
        t->rank++;
    else
        t->reduced++;
}

/* was: the tensor before. */
void nnc_rewrite_for_lanes(nnc_laner *w, nnc_tensor_id id, const nnc_tensor *was)
{
    nnc_program *p = w->p;
    rewriting k = {.w = w, .t = was, .in = w->in[id], .slot = nnc_example_slot(was), .last = nnc_batched(was) ? was->rank : was->rank + was->reduced};
    nnc_rewriter r = {.from = p, .to = p, .replace = replace, .context = &k};
    nnc_ref body = nnc_rewrite(&r, was->body);
    nnc_ref_map_close(&r.done);
    p->tensor[id].body = body;
}
