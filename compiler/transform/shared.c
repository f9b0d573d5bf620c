/* A reduction whose body some elementwise formula computes already reads that: sum(b: if h[b, i] > 0 then g[b, i] else 0) is sum(b: dz[b, i]).
 *
 * Bodies are compared with their slots numbered in the order in which the body names them. */
#include <string.h>
#include "transform/simplify.h"

typedef struct canonical { const nnc_program *p; nnc_ref_map seen; uint32_t order[NNC_MAX_SLOTS]; uint32_t count; } canonical;

static void find_order(nnc_arena *arena, canonical *c, nnc_ref ref)
{
    const nnc_node *n = nnc_at(c->p, ref);
    if (n->slots == 0 || nnc_ref_map_get(&c->seen, ref))
        return;
    nnc_ref_map_put(arena, &c->seen, ref, 1);
    if (n->op == NNC_OP_INDEX)
        c->order[c->count++] = (uint32_t)n->integer[0];
    for (uint32_t i = 0; i < n->count; i++)
        find_order(arena, c, nnc_arg(c->p, ref, i));
}

/* The body with its slots numbered so, and which slot each number was. False where not all `slots` are named. */
static bool canonical_of(nnc_round *round, nnc_ref body, uint32_t slots, canonical *c, nnc_ref *result)
{
    nnc_ref from[NNC_MAX_SLOTS], to[NNC_MAX_SLOTS];
    *c = (canonical){.p = round->to};
    nnc_ref_map_open(&c->seen);
    find_order(round->arena, c, body);
    nnc_ref_map_close(&c->seen);
    for (uint32_t i = 0; i < c->count; i++) {
        from[i] = nnc_index(round->to, c->order[i]);
        to[i] = nnc_index(round->to, i);
    }
    *result = nnc_substitute(round->to, body, from, to, c->count);
    return c->count == slots;
}

void nnc_round_note_elementwise(nnc_round *round, nnc_tensor_id id)
{
    const nnc_tensor t = round->to->tensor[id];
    canonical c;
    nnc_ref body;
    if (t.reduce != NNC_REDUCE_NONE || t.element != NNC_REAL || t.stopped || nnc_cost(round->to, t.body, 1) == 0 || !canonical_of(round, t.body, t.rank, &c, &body))
        return;
    if (!nnc_ref_map_get(&round->elementwise, body))
        nnc_ref_map_put(round->arena, &round->elementwise, body, id);
}

bool nnc_rule_shared(nnc_round *round, nnc_making *m)
{
    canonical mine, its;
    nnc_ref body, same, args[NNC_MAX_SLOTS];
    if (m->reduce == NNC_REDUCE_NONE || nnc_cost(round->to, m->body, 1) == 0 || !canonical_of(round, m->body, m->rank + m->reduced, &mine, &body))
        return false;
    nnc_tensor_id id = nnc_ref_map_get(&round->elementwise, body);
    if (!id)
        return false;
    const nnc_tensor t = round->to->tensor[id];
    if (!canonical_of(round, t.body, t.rank, &its, &same) || same != body)
        return false;
    for (uint32_t i = 0; i < t.rank; i++) {
        if (t.extent[its.order[i]] != m->extent[mine.order[i]])
            return false;
        args[its.order[i]] = nnc_index(round->to, mine.order[i]);
    }
    m->body = nnc_read(round->to, id, args, t.rank);
    return true;
}
