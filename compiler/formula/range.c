/* Ranges of integer expressions by intervals, narrowed by conditions that bound the same expression up to terms of known range. */
#include "formula/range.h"
#include <math.h>
#include "formula/build.h"

typedef struct interval { int64_t low, high; } interval;

typedef struct prover {
    const nnc_program *p;
    nnc_extent_of extent_of;
    void *context;
    const nnc_condition *condition;
    uint32_t conditions;
    int depth;
    int *left;                /* questions still asked; past them a range is EVERYTHING */
} prover;

/* Each choice asks about both its branches, each under the conditions of all around it: without a bound, choices of choices would double the work a
 * level. An index expression of a real model asks some tens of questions. */
enum { DEEPEST = 40, QUESTIONS = 20000 };
static const interval EVERYTHING = {INT64_MIN, INT64_MAX};

static interval range_of(prover *v, nnc_ref integer, bool narrow);

/* ---- intervals: INT64_MIN and INT64_MAX are open ends ---- */

__extension__ typedef __int128 wide;

static int64_t clamp(wide x) { return x <= INT64_MIN ? INT64_MIN : x >= INT64_MAX ? INT64_MAX : (int64_t)x; }

static interval scaled(interval a, int64_t by)
{
    int64_t low = a.low == INT64_MIN || a.low == INT64_MAX ? a.low : clamp((wide)a.low * by), high = a.high == INT64_MIN || a.high == INT64_MAX ? a.high : clamp((wide)a.high * by);
    if (by >= 0)
        return (interval){by == 0 ? 0 : low, by == 0 ? 0 : high};
    return (interval){a.high == INT64_MAX ? INT64_MIN : high, a.low == INT64_MIN ? INT64_MAX : low};
}

static interval added(interval a, interval b)
{
    return (interval){a.low == INT64_MIN || b.low == INT64_MIN ? INT64_MIN : clamp((wide)a.low + b.low),
                      a.high == INT64_MAX || b.high == INT64_MAX ? INT64_MAX : clamp((wide)a.high + b.high)};
}

static interval both(interval a, interval b) { return (interval){a.low > b.low ? a.low : b.low, a.high < b.high ? a.high : b.high}; }
static interval either(interval a, interval b) { return (interval){a.low < b.low ? a.low : b.low, a.high > b.high ? a.high : b.high}; }
static interval divided(interval a, int64_t by)
{
    return (interval){a.low == INT64_MIN ? a.low : nnc_floor_divide(a.low, by), a.high == INT64_MAX ? a.high : nnc_floor_divide(a.high, by)};
}

/* ---- atoms ---- */

static interval of_read(const prover *v, const nnc_node *n)
{
    int64_t classes = v->p->tensor[n->integer[0]].classes;
    return classes > 0 ? (interval){0, classes - 1} : EVERYTHING;
}

static interval of_select(prover *v, const nnc_node *n, bool narrow)
{
    const nnc_ref *args = v->p->args + n->first;
    nnc_condition more[64];
    prover inner = *v;
    interval branch[2];
    if (v->conditions + 1 > 64)
        return either(range_of(v, args[1], narrow), range_of(v, args[2], narrow));
    for (uint32_t i = 0; i < v->conditions; i++)
        more[i] = v->condition[i];
    inner.condition = more;
    inner.conditions = v->conditions + 1;
    for (int b = 0; b < 2; b++) {
        more[v->conditions] = (nnc_condition){args[0], b == 1};
        branch[b] = range_of(&inner, args[1 + b], true);
    }
    return either(branch[0], branch[1]);
}

static interval of_atom(prover *v, nnc_ref atom, bool narrow)
{
    const nnc_node *n = &v->p->node[atom];
    int64_t d = n->integer[0];
    interval inner;
    switch (n->op) {
    case NNC_OP_INDEX: {
        int64_t extent = v->extent_of(v->context, (uint32_t)d);
        return (interval){0, extent > 0 ? extent - 1 : INT64_MAX};
    }
    case NNC_OP_QUOTIENT: return divided(range_of(v, v->p->args[n->first], narrow), d);
    case NNC_OP_REMAINDER:
        inner = range_of(v, v->p->args[n->first], narrow);
        return inner.low >= 0 && inner.high < d ? inner : (interval){0, d - 1};
    case NNC_OP_NEIGHBOUR: case NNC_OP_EXISTING: return (interval){0, INT64_MAX};
    case NNC_OP_FLOOR_INTEGER: return (interval){-((int64_t)1 << 30), (int64_t)1 << 30};
    case NNC_OP_READ: return of_read(v, n);
    case NNC_OP_SELECT: return of_select(v, n, narrow);
    default: return EVERYTHING;
    }
}

/* ---- conditions ---- */

/* query = factor * bounded + the rest, whose terms' ranges are known; bounded lies in `bound`. */
static interval by_multiple(prover *v, const nnc_form *q, const nnc_form *b, int64_t factor, interval bound)
{
    interval sum = added((interval){q->constant, q->constant}, scaled(added(bound, (interval){-b->constant, -b->constant}), factor));
    for (uint32_t i = 0, j = 0; i < q->terms || j < b->terms;) {
        bool take_q = j == b->terms || (i < q->terms && q->atom[i] < b->atom[j]), same = !take_q && i < q->terms && q->atom[i] == b->atom[j];
        nnc_ref atom = take_q ? q->atom[i] : b->atom[j];
        int64_t c = take_q ? q->coefficient[i] : (same ? q->coefficient[i] : 0) - factor * b->coefficient[j];
        i += take_q || same;
        j += !take_q;
        if (c)
            sum = added(sum, scaled(of_atom(v, atom, false), c));
    }
    return sum;
}

/* Where query and bounded share a term, query is bounded too, up to the other terms. */
static interval by_bound(prover *v, nnc_ref query, nnc_ref bounded, interval bound)
{
    nnc_form q, b;
    interval result = EVERYTHING;
    nnc_form_of(v->p, query, &q);
    nnc_form_of(v->p, bounded, &b);
    for (uint32_t k = 0, m = 0; k < q.terms && m < b.terms;) {
        if (q.atom[k] == b.atom[m] && q.coefficient[k] % b.coefficient[m] == 0)
            result = both(result, by_multiple(v, &q, &b, q.coefficient[k] / b.coefficient[m], bound));
        if (q.atom[k] <= b.atom[m])
            k++;
        else
            m++;
    }
    return result;
}

#define FARTHEST 0x1p30       /* where FLOOR_INTEGER saturates */

/* A real comparison of floor(e) with a constant bounds the subscript floor(e): FLOOR_INTEGER(e). A comparison that does not hold may be one
 * with NaN, of which that is 0. */
static bool floor_bound(const prover *v, const nnc_node *n, bool negated, nnc_ref *atom, interval *bound)
{
    nnc_ref a = v->p->args[n->first], b = v->p->args[n->first + 1];
    double c;
    bool left = v->p->node[a].op == NNC_OP_FLOOR, strict = (n->op == NNC_OP_LESS) != negated;
    if ((n->op != NNC_OP_LESS && n->op != NNC_OP_LESS_EQUAL) || (!left && v->p->node[b].op != NNC_OP_FLOOR) || !nnc_is_constant(v->p, left ? b : a, &c) || fabs(c) >= FARTHEST)
        return false;
    nnc_ref inner = v->p->args[v->p->node[left ? a : b].first];
    *atom = nnc_interned(v->p, NNC_OP_FLOOR_INTEGER, NNC_INTEGER, &inner, 1, 0, 0);
    bool above = left == negated;   /* floor(e) is above the constant */
    if (!above)
        *bound = (interval){INT64_MIN, strict ? (int64_t)ceil(c) - 1 : (int64_t)floor(c)};
    else
        *bound = (interval){strict ? (int64_t)floor(c) + 1 : (int64_t)ceil(c), INT64_MAX};
    if (negated)
        *bound = either(*bound, (interval){0, 0});
    return *atom != 0;
}

static interval by_condition(prover *v, nnc_ref query, nnc_ref condition, bool negated)
{
    const nnc_node *n = &v->p->node[condition];
    const nnc_ref *args = v->p->args + n->first;
    nnc_ref atom;
    interval bound;
    if (n->op == NNC_OP_NOT)
        return by_condition(v, query, args[0], !negated);
    if (n->op == (negated ? NNC_OP_OR : NNC_OP_AND))
        return both(by_condition(v, query, args[0], negated), by_condition(v, query, args[1], negated));
    if (n->op == NNC_OP_WITHIN && !negated)
        return by_bound(v, query, args[0], (interval){n->integer[0], n->integer[1]});
    if (n->op == NNC_OP_WITHIN && n->integer[1] == INT64_MAX)
        return by_bound(v, query, args[0], (interval){INT64_MIN, n->integer[0] - 1});
    if (n->op == NNC_OP_WITHIN && n->integer[0] == INT64_MIN)
        return by_bound(v, query, args[0], (interval){n->integer[1] + 1, INT64_MAX});
    if (n->count == 2 && floor_bound(v, n, negated, &atom, &bound))
        return by_bound(v, query, atom, bound);
    return EVERYTHING;
}

static interval narrowed(prover *v, nnc_ref query, interval known)
{
    for (uint32_t i = 0; i < v->conditions; i++)
        known = both(known, by_condition(v, query, v->condition[i].ref, v->condition[i].negated));
    return known;
}

static interval range_of(prover *v, nnc_ref integer, bool narrow)
{
    nnc_form f;
    if (v->depth > DEEPEST || --*v->left < 0)
        return EVERYTHING;
    v->depth++;
    nnc_form_of(v->p, integer, &f);
    interval sum = {f.constant, f.constant};
    for (uint32_t i = 0; i < f.terms; i++) {
        interval atom = of_atom(v, f.atom[i], narrow);
        if (narrow && !f.lone)
            atom = narrowed(v, f.atom[i], atom);
        sum = added(sum, scaled(atom, f.coefficient[i]));
    }
    if (narrow && f.terms)
        sum = narrowed(v, integer, sum);
    v->depth--;
    return sum;
}

void nnc_range_under(const nnc_program *p, nnc_ref integer, nnc_extent_of extent_of, void *context, const nnc_condition *conditions, uint32_t count,
                     int64_t *low, int64_t *high)
{
    int left = QUESTIONS;
    prover v = {p, extent_of, context, conditions, count, 0, &left};
    interval range = range_of(&v, integer, count > 0);
    *low = range.low;
    *high = range.high;
}

void nnc_range(const nnc_program *p, nnc_ref integer, nnc_extent_of extent_of, void *context, const nnc_ref *conditions, uint32_t condition_count,
               int64_t *low, int64_t *high)
{
    nnc_condition known[64];
    uint32_t count = condition_count < 64 ? condition_count : 64;
    for (uint32_t i = 0; i < count; i++)
        known[i] = (nnc_condition){conditions[condition_count - 1 - i], false};
    nnc_range_under(p, integer, extent_of, context, known, count, low, high);
}
