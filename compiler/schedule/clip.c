/* Loops over reduced slots clipped to where the formula's guard can hold: a convolution's gradient at the border, causal attention. What is left out adds nothing, so the
 * sum's bits stay. A condition that the loop's bounds make certain for the whole tile is held: it is not asked again inside, and reads that it bounds are not clamped. */
#include <math.h>
#include "schedule/tile.h"

/* What the rest of the condition's integer can be across the tile and the loops inside: value + low .. value + high. */
typedef struct rest { nnc_value_id value; int64_t low, high; } rest;

static nnc_value_id add(nnc_builder *b, nnc_value_id a, nnc_value_id c) { return nnc_emit2(b, NNC_LOOP_IADD, a, c); }
static nnc_value_id index_of(nnc_builder *b, int64_t value) { return nnc_emit_index(b, value); }

/* How far a slot's index lies above t->slot in the tile. */
static int64_t spread_of(const nnc_tile *t, int slot, int rows, int columns)
{
    if (slot == t->shape.row)
        return rows / t->side - 1;
    if (slot == t->shape.beside)
        return t->side - 1;
    if (slot == t->shape.column)
        return columns - 1;
    return slot == t->shape.lane ? t->width - 1 : 0;
}

/* The terms but the slot's own. False where one is no index. */
static bool rest_of(const nnc_tile *t, const nnc_clip *clip, const nnc_form *f, int own, rest *out)
{
    const nnc_program *p = t->nest->s->p;
    nnc_builder *b = t->nest->b;
    *out = (rest){index_of(b, f->constant), 0, 0};
    for (uint32_t i = 0; i < f->terms; i++) {
        const nnc_node *n = &p->node[f->atom[i]];
        int64_t c = f->coefficient[i], spread;
        if (n->op != NNC_OP_INDEX)
            return false;
        int slot = (int)n->integer[0];
        if (slot == own)
            continue;
        if (slot >= t->t->rank && !clip->open[slot]) {
            if (t->t->extent[slot] < 0)
                return false;
            spread = t->t->extent[slot] - 1;
        } else {
            spread = spread_of(t, slot, clip->rows, clip->columns);
            out->value = add(b, out->value, nnc_emit2(b, NNC_LOOP_IMUL, t->slot[slot], index_of(b, c)));
        }
        *(c < 0 ? &out->low : &out->high) += c * spread;
    }
    return true;
}

/* ceil(x / c) or floor(x / c) */
static nnc_value_id divided(nnc_builder *b, nnc_value_id x, int64_t c, bool up)
{
    if (up)
        x = add(b, x, index_of(b, c - 1));
    return c == 1 ? x : nnc_emit(b, NNC_LOOP_QUOTIENT, &x, 1, c);
}

/* low <= rest + c * slot <= high narrows the loop's bounds. */
static void clip_by(const nnc_tile *t, const rest *r, int64_t c, int64_t low, int64_t high, nnc_value_id *from, nnc_value_id *to)
{
    nnc_builder *b = t->nest->b;
    int64_t size = c < 0 ? -c : c;
    nnc_value_id minus = nnc_emit2(b, NNC_LOOP_ISUB, index_of(b, 0), r->value), least = 0, most = 0;
    if (low != INT64_MIN && c > 0)
        least = add(b, minus, index_of(b, low - r->high));
    if (high != INT64_MAX && c > 0)
        most = add(b, minus, index_of(b, high - r->low));
    if (high != INT64_MAX && c < 0)
        least = add(b, r->value, index_of(b, r->low - high));
    if (low != INT64_MIN && c < 0)
        most = add(b, r->value, index_of(b, r->high - low));
    if (least)
        *from = nnc_emit2(b, NNC_LOOP_IMAX, *from, divided(b, least, size, true));
    if (most)
        *to = nnc_emit2(b, NNC_LOOP_IMIN, *to, add(b, divided(b, most, size, false), index_of(b, 1)));
}

/* The part of [from, to) in which the condition holds for all of the tile. */
static void split_by(const nnc_tile *t, const rest *r, int64_t c, nnc_ref condition, nnc_value_id from, nnc_value_id to, nnc_split *split)
{
    const nnc_node *n = &t->nest->s->p->node[condition];
    int64_t low = n->integer[0], high = n->integer[1];
    rest all = {r->value, r->high, r->low};
    *split = (nnc_split){condition, from, to, c > 0 ? low != INT64_MIN : high != INT64_MAX, c > 0 ? high != INT64_MAX : low != INT64_MIN};
    clip_by(t, &all, c, low, high, &split->from, &split->to);
    nnc_count_way(t->nest->s, NNC_WAY_SPLIT);
}

static void clip_condition(nnc_tile *t, nnc_clip *clip, nnc_ref condition, int slot, nnc_value_id *from, nnc_value_id *to, nnc_split *split)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node *n = &p->node[condition];
    nnc_form f;
    rest r;
    int64_t c = 0;
    if (n->op == NNC_OP_AND) {
        clip_condition(t, clip, p->args[n->first], slot, from, to, split);
        clip_condition(t, clip, p->args[n->first + 1], slot, from, to, split);
        return;
    }
    if (n->op != NNC_OP_WITHIN || !(n->slots >> slot & 1))
        return;
    nnc_form_of(p, p->args[n->first], &f);
    for (uint32_t i = 0; i < f.terms; i++)
        if (p->node[f.atom[i]].op == NNC_OP_INDEX && p->node[f.atom[i]].integer[0] == slot)
            c = f.coefficient[i];
    if (c == 0 || !rest_of(t, clip, &f, slot, &r))
        return;
    clip_by(t, &r, c, n->integer[0], n->integer[1], from, to);
    nnc_count_way(t->nest->s, NNC_WAY_CLIPPED);
    if (t->helds + 1 >= NNC_MAX_HELD)
        return;
    if (r.low != 0 || r.high != 0) {
        int64_t extent = t->t->extent[slot];
        if (split && !split->condition && (extent < 0 || extent >= NNC_WORTH_SPLITTING))
            split_by(t, &r, c, condition, *from, *to, split);
        return;
    }
    t->held[t->helds++] = condition;
    nnc_count_way(t->nest->s, NNC_WAY_HELD);
}

/* Whether the value is what the reduction starts with, so that reducing it changes nothing. */
static bool is_start(const nnc_tile *t, nnc_ref ref)
{
    double value;
    return nnc_is_constant(t->nest->s->p, ref, &value) && value == nnc_reduction_start(t->t->reduce) && !isnan(value);
}

/* The part lies within the loop, whatever bounded that since. */
static void order_split(nnc_builder *b, nnc_split *split, nnc_value_id from, nnc_value_id to)
{
    if (split->before)
        from = split->from = nnc_emit2(b, NNC_LOOP_IMIN, nnc_emit2(b, NNC_LOOP_IMAX, split->from, from), to);
    if (split->after)
        split->to = nnc_emit2(b, NNC_LOOP_IMAX, nnc_emit2(b, NNC_LOOP_IMIN, split->to, to), from);
}

void nnc_clip_loop(nnc_tile *t, nnc_clip *clip, int slot, nnc_value_id *from, nnc_value_id *to, nnc_split *split)
{
    const nnc_program *p = t->nest->s->p;
    nnc_ref body = clip->body;
    if (t->nest->s->machine->small)                    /* bounds cost code */
        return;
    while (p->node[body].op == NNC_OP_SELECT && is_start(t, p->args[p->node[body].first + 2])) {
        clip_condition(t, clip, p->args[p->node[body].first], slot, from, to, split);
        body = p->args[p->node[body].first + 1];
    }
    if (split && split->condition)
        order_split(t->nest->b, split, *from, *to);
}

static nnc_value_id both(nnc_builder *b, nnc_value_id a, nnc_value_id c) { return a && c ? nnc_emit2(b, NNC_LOOP_AND, a, c) : a ? a : c; }

/* ---- conditions that are settled before the loops inside ---- */

static bool is_held(const nnc_tile *t, nnc_ref condition)
{
    bool held = false;
    for (int i = 0; i < t->helds; i++)
        held |= t->held[i] == condition;
    return held;
}

static nnc_value_id settle(nnc_tile *t, nnc_ref condition, uint64_t moving)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node n = p->node[condition];
    bool truth;
    if (n.op == NNC_OP_AND) {
        nnc_value_id first = settle(t, p->args[n.first], moving);
        return both(t->nest->b, first, settle(t, p->args[n.first + 1], moving));
    }
    if (n.slots & moving || is_held(t, condition) || t->helds + 1 >= NNC_MAX_HELD || nnc_reads(p, condition))
        return 0;
    nnc_lower l = nnc_lower_at(t, -1, 1);
    nnc_value_id value = nnc_known_truth(&l, condition, &truth) ? 0 : nnc_lower_value(&l, condition);
    nnc_ref_map_close(&l.done);
    if (value)
        t->held[t->helds++] = condition;
    return value;
}

nnc_value_id nnc_settle_conditions(nnc_tile *t, const nnc_clip *clip, uint64_t moving)
{
    const nnc_program *p = t->nest->s->p;
    nnc_value_id all = 0;
    for (nnc_ref body = clip->body; p->node[body].op == NNC_OP_SELECT && is_start(t, p->args[p->node[body].first + 2]); body = p->args[p->node[body].first + 1])
        all = both(t->nest->b, all, settle(t, p->args[p->node[body].first], moving));
    if (all)
        nnc_count_way(t->nest->s, NNC_WAY_SETTLED);
    return all;
}

nnc_value_id nnc_possible(const nnc_tile *t, const nnc_clip *clip, nnc_ref condition)
{
    const nnc_program *p = t->nest->s->p;
    nnc_builder *b = t->nest->b;
    const nnc_node *n = &p->node[condition];
    nnc_value_id least = 0, most = 0;
    nnc_form f;
    rest r;
    if (t->nest->s->machine->small)
        return 0;
    if (n->op == NNC_OP_AND) {
        least = nnc_possible(t, clip, p->args[n->first]);
        return both(b, least, nnc_possible(t, clip, p->args[n->first + 1]));
    }
    if (n->op != NNC_OP_WITHIN)
        return 0;
    nnc_form_of(p, p->args[n->first], &f);
    if (!rest_of(t, clip, &f, -1, &r))
        return 0;
    if (n->integer[0] != INT64_MIN)
        least = nnc_emit2(b, NNC_LOOP_ILE, index_of(b, n->integer[0] - r.high), r.value);
    if (n->integer[1] != INT64_MAX)
        most = nnc_emit2(b, NNC_LOOP_ILE, r.value, index_of(b, n->integer[1] - r.low));
    nnc_count_way(t->nest->s, NNC_WAY_PASSED_OVER);
    return both(b, least, most);
}
