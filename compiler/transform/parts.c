/* Sums over the batch, example by example first. */
#include "formula/rebuild.h"
#include "transform/prepare.h"

static int batch_slot(const nnc_tensor *t)
{
    for (int slot = t->rank; slot < t->rank + t->reduced; slot++)
        if (t->extent[slot] == NNC_EXTENT_BATCH)
            return slot;
    return -1;
}

/* Points of one example. */
static int64_t points_of(const nnc_tensor *t, int batch)
{
    int64_t points = 1;
    for (int slot = t->rank; slot < t->rank + t->reduced && points < 1 << 20; slot++)
        points *= slot == batch || t->extent[slot] < 0 ? 1 : t->extent[slot];
    return points;
}

/* part: the batch as slot 0, T's left slots behind it, then the rest of the sum. */
static nnc_tensor_id define_part(nnc_program *p, const nnc_tensor *t, int batch)
{
    nnc_ref from[NNC_MAX_SLOTS], to[NNC_MAX_SLOTS];
    int64_t extent[NNC_MAX_SLOTS];
    uint32_t slots = (uint32_t)t->rank + t->reduced, at = 1;
    extent[0] = NNC_EXTENT_BATCH;
    for (uint32_t slot = 0; slot < slots; slot++) {
        uint32_t new_slot = (int)slot == batch ? 0 : at++;
        extent[new_slot] = t->extent[slot];
        from[slot] = nnc_index(p, slot);
        to[slot] = nnc_index(p, new_slot);
    }
    nnc_ref body = nnc_substitute(p, t->body, from, to, slots);
    const char *name = nnc_arena_format(p->arena, "%s.part", t->name);
    return nnc_define_slots(p, name, t->span, NNC_REAL, 0, NNC_REDUCE_SUM, extent, t->rank + 1u, t->reduced - 1u, body);
}

static void part_sum(nnc_program *p, nnc_tensor_id id, int64_t most, int64_t least)
{
    const nnc_tensor t = p->tensor[id];
    int batch = t.kind == NNC_KIND_FORMULA && t.reduce == NNC_REDUCE_SUM && t.reduced > 1 && t.rank <= 1 && !nnc_batched(&t) ? batch_slot(&t) : -1;
    nnc_ref subscript[NNC_MAX_SLOTS];
    if (batch < 0 || nnc_elements(&t) > most || points_of(&t, batch) < least)
        return;
    nnc_tensor_id part = define_part(p, &t, batch);
    for (uint32_t i = 0; i < t.rank; i++)
        subscript[i + 1] = nnc_index(p, i);
    subscript[0] = nnc_index(p, t.rank);
    nnc_ref body = nnc_read(p, part, subscript, t.rank + 1u);
    nnc_tensor *sum = &p->tensor[id];
    sum->body = body;
    sum->reduced = 1;
    sum->extent[t.rank] = NNC_EXTENT_BATCH;
}

void nnc_part_sums(nnc_program *p, int64_t most, int64_t least)
{
    for (nnc_tensor_id id = 1, tensors = p->tensors; id < tensors; id++)
        part_sum(p, id, most, least);
}
