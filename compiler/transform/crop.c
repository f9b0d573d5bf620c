/* Reductions of which only a part is read: the gradient of a padding reads the middle of the gradient of what was padded. */
#include <assert.h>
#include "transform/simplify.h"

/* The reduction s as a formula over the reader's left slots, at subscripts `args` over them. */
static nnc_making over_reader(nnc_round *round, const nnc_tensor *s, const nnc_ref *args, const nnc_making *reader)
{
    nnc_program *p = round->to;
    nnc_making m = {.reduce = s->reduce, .rank = reader->rank, .reduced = s->reduced, .element = s->element, .classes = s->classes};
    nnc_ref from[NNC_MAX_SLOTS], to[NNC_MAX_SLOTS];
    uint32_t slots = (uint32_t)s->rank + s->reduced;
    for (uint32_t i = 0; i < slots; i++) {
        from[i] = nnc_index(p, i);
        to[i] = i < s->rank ? args[i] : nnc_index(p, reader->rank + i - s->rank);
    }
    for (uint32_t i = 0; i < m.rank + m.reduced; i++)
        m.extent[i] = i < m.rank ? reader->extent[i] : s->extent[s->rank + i - m.rank];
    m.body = nnc_substitute(p, s->body, from, to, slots);
    return m;
}

static double elements_of(const int64_t *extent, uint32_t rank)
{
    double elements = 1;
    for (uint32_t i = 0; i < rank; i++)
        elements *= extent[i] > 0 ? (double)extent[i] : 64;
    return elements;
}

static bool may_move(const nnc_round *round, nnc_tensor_id old, const nnc_tensor *s, nnc_ref read)
{
    return nnc_is_straight(round->to, read) && s->kind == NNC_KIND_FORMULA && s->body && s->reduce != NNC_REDUCE_NONE && !s->stopped && round->usage[old].reads == 1 && !round->root[old];
}

nnc_ref nnc_round_crop(nnc_round *round, nnc_tensor_id old, const nnc_ref *args, const nnc_making *reader)
{
    nnc_program *p = round->to;
    nnc_tensor_id id = round->map[old];
    const nnc_tensor s = p->tensor[id];
    nnc_ref slot[NNC_MAX_SLOTS];
    if (!may_move(round, old, &s, nnc_read(p, id, args, s.rank)) || reader->reduce != NNC_REDUCE_NONE || reader->rank + s.reduced > NNC_MAX_SLOTS ||
        elements_of(reader->extent, reader->rank) >= elements_of(s.extent, s.rank))
        return 0;
    nnc_making m = over_reader(round, &s, args, reader);
    if (!nnc_making_inside(round, &m))
        return 0;
    nnc_rule_range(round, &m);
    nnc_tensor_id part = nnc_round_emit(round, &m, nnc_arena_format(round->arena, "%s.part", s.name), s.span, round->from->tensor[old].derivative_of);
    for (uint32_t i = 0; i < m.rank; i++)
        slot[i] = nnc_index(p, i);
    round->rewrites++;
    return nnc_read(p, part, slot, m.rank);
}

bool nnc_round_absorb(nnc_round *round, nnc_tensor_id reader, nnc_making *m)
{
    nnc_program *p = round->to;
    const nnc_node n = *nnc_at(round->from, round->from->tensor[reader].body);
    nnc_tensor_id old = (nnc_tensor_id)n.integer[0];
    if (n.op != NNC_OP_READ || m->reduce != NNC_REDUCE_NONE || !round->map[old])
        return false;
    const nnc_tensor s = p->tensor[round->map[old]];
    const nnc_node read = *nnc_at(p, m->body);
    if (read.op != NNC_OP_READ || read.integer[0] != round->map[old] || !may_move(round, old, &s, m->body) || m->rank + s.reduced > NNC_MAX_SLOTS ||
        elements_of(m->extent, m->rank) > elements_of(s.extent, s.rank))
        return false;
    nnc_making moved = over_reader(round, &s, p->args + read.first, m);
    if (!nnc_making_inside(round, &moved))
        return false;
    *m = moved;
    round->rewrites++;
    return true;
}
