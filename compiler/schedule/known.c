/* What is known of integers and conditions where a piece of a kernel is written: each slot runs over a range, which may be a part of its extent. */
#include "schedule/tile.h"

/* The form is `bounded` plus a constant, or that minus `bounded`: what bounds the one bounds the other. */
static bool bounded_by(const nnc_form *f, const nnc_form *bounded, const nnc_node *within, int64_t *low, int64_t *high)
{
    bool same = f->terms == bounded->terms, opposite = same;
    for (uint32_t i = 0; i < f->terms && (same || opposite); i++) {
        same &= f->atom[i] == bounded->atom[i] && f->coefficient[i] == bounded->coefficient[i];
        opposite &= f->atom[i] == bounded->atom[i] && f->coefficient[i] == -bounded->coefficient[i];
    }
    if (within->integer[0] == INT64_MIN || within->integer[1] == INT64_MAX || (!same && !opposite))
        return false;
    int64_t least = within->integer[0] - bounded->constant, most = within->integer[1] - bounded->constant;
    *low = f->constant + (same ? least : -most);
    *high = f->constant + (same ? most : -least);
    return true;
}

static bool held_interval(const nnc_lower *l, const nnc_form *f, int64_t *low, int64_t *high)
{
    const nnc_program *p = l->s->p;
    for (int i = 0; i < l->helds; i++) {
        const nnc_node *n = &p->node[l->held[i]];
        nnc_form bounded;
        nnc_form_of(p, p->args[n->first], &bounded);
        if (bounded_by(f, &bounded, n, low, high))
            return true;
    }
    return false;
}

bool nnc_known_interval(const nnc_lower *l, nnc_ref integer, int64_t *low, int64_t *high)
{
    const nnc_program *p = l->s->p;
    nnc_form f;
    nnc_form_of(p, integer, &f);
    if (held_interval(l, &f, low, high))
        return true;
    *low = *high = f.constant;
    for (uint32_t i = 0; i < f.terms; i++) {
        nnc_ref atom = f.lone ? f.lone : f.atom[i];
        int64_t c = f.lone ? 1 : f.coefficient[i];
        const nnc_node *n = &p->node[atom];
        if (n->op != NNC_OP_INDEX || l->t->extent[n->integer[0]] < 0)
            return false;
        nnc_slot_range r = nnc_slot_range_of(l, (int)n->integer[0]);
        *low += c * (c > 0 ? r.low : r.high - 1);
        *high += c * (c > 0 ? r.high - 1 : r.low);
    }
    return true;
}

nnc_slot_range nnc_slot_range_of(const nnc_lower *l, int slot)
{
    if (slot == l->ranged)
        return l->range;
    return (nnc_slot_range){0, l->t->extent[slot]};
}

bool nnc_known_truth(const nnc_lower *l, nnc_ref condition, bool *value)
{
    const nnc_program *p = l->s->p;
    const nnc_node *n = &p->node[condition];
    const nnc_ref *args = p->args + n->first;
    int64_t low, high;
    bool a, b;
    for (int i = 0; i < l->helds; i++)
        if (l->held[i] == condition)
            return *value = true;
    if (condition == l->denied) {
        *value = false;
        return true;
    }
    switch (n->op) {
    case NNC_OP_TRUTH: *value = n->integer[0] != 0; return true;
    case NNC_OP_NOT:
        if (!nnc_known_truth(l, args[0], &a))
            return false;
        *value = !a;
        return true;
    case NNC_OP_AND: case NNC_OP_OR: {
        bool decides = n->op == NNC_OP_OR, left = nnc_known_truth(l, args[0], &a), right = nnc_known_truth(l, args[1], &b);
        if ((left && a == decides) || (right && b == decides)) {
            *value = decides;
            return true;
        }
        *value = !decides;
        return left && right;
    }
    case NNC_OP_WITHIN:
        if (!nnc_known_interval(l, args[0], &low, &high))
            return false;
        *value = low >= n->integer[0] && high <= n->integer[1];
        return *value || high < n->integer[0] || low > n->integer[1];
    case NNC_OP_LESS:
        *value = true;
        return l->full && nnc_asks_existence(l->s->p, l->t, condition);
    default: return false;
    }
}

bool nnc_asks_existence(const nnc_program *p, const nnc_tensor *t, nnc_ref condition)
{
    const nnc_node *n = &p->node[condition];
    if (n->op != NNC_OP_LESS || !nnc_in_blocks(t))
        return false;
    const nnc_node *place = &p->node[p->args[n->first]], *count = &p->node[p->args[n->first + 1]];
    return place->op == NNC_OP_REAL && count->op == NNC_OP_COUNT && nnc_is_place(p, p->args[place->first], 0, t->rank - 1u);
}

/* ---- where conditions on the lane slot change ---- */

enum { MOST_CUTS_OF_A_MAP = 7, MOST_CUTS_OF_A_SUM = 3 };

typedef struct cutter { nnc_tile *t; int64_t extent; int most; bool crowded; nnc_ref_map seen; } cutter;

static void add_cut(cutter *c, int64_t at)
{
    nnc_tile *t = c->t;
    int i = t->cuts;
    if (at <= 0 || at >= c->extent)
        return;
    for (int k = 0; k < t->cuts; k++)
        if (t->cut[k] == at)
            return;
    if (t->cuts == c->most) {
        c->crowded = true;
        return;
    }
    for (; i > 0 && t->cut[i - 1] > at; i--)
        t->cut[i] = t->cut[i - 1];
    t->cut[i] = at;
    t->cuts++;
}

static void look(cutter *c, nnc_ref ref)
{
    const nnc_program *p = c->t->nest->s->p;
    const nnc_node *n = &p->node[ref];
    if (!(n->slots >> c->t->shape.lane & 1) || nnc_ref_map_get(&c->seen, ref))
        return;
    nnc_ref_map_put(p->arena, &c->seen, ref, 1);
    for (uint32_t i = 0; i < n->count; i++)
        look(c, p->args[n->first + i]);
    if (n->op != NNC_OP_WITHIN)
        return;
    const nnc_node *index = &p->node[p->args[n->first]];
    if (index->op != NNC_OP_INDEX)
        return;
    if (n->integer[0] != INT64_MIN)
        add_cut(c, n->integer[0]);
    if (n->integer[1] != INT64_MAX)
        add_cut(c, n->integer[1] + 1);
}

void nnc_find_cuts(nnc_tile *t)
{
    const nnc_group *group = t->nest->group;
    cutter c = {.t = t, .most = t->t->reduce == NNC_REDUCE_NONE ? MOST_CUTS_OF_A_MAP : MOST_CUTS_OF_A_SUM};
    t->cuts = 0;
    if (t->shape.lane < 0)
        return;
    c.extent = t->t->extent[t->shape.lane];
    look(&c, t->t->body);
    for (uint32_t m = 1; group && m < group->members; m++)
        look(&c, t->nest->s->p->tensor[group->member[m]].body);
    nnc_ref_map_close(&c.seen);
    if (c.crowded)
        t->cuts = 0;
}
