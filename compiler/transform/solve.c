/* Solving subscripts for indices: f(i, k) = a becomes i = g(a, k) and conditions (Li et al., Differentiable Programming for Image
 * Processing and Deep Learning in Halide, 2018, with floor and mod besides).
 *
 * One step at a time, the surest first: an equation without unknowns is a condition; one with a single unknown of coefficient
 * +-1 is solved; floor(e / c) = v is e = c*v + r with a new unknown r < c; e mod c = v is e = c*q + v with a new unknown q; s*i + d = v
 * is i = floor(v / s) - q and d = v mod s + s*q, where q counts the multiples of s within d's extent, so that a stride wastes no arithmetic. */
#include <assert.h>
#include <stdlib.h>
#include "base/divisor.h"
#include "transform/solve.h"

/* ---- the state ---- */

static bool is_unknown(const nnc_system *s, nnc_ref ref)
{
    for (uint32_t i = 0; i < s->unknowns; i++)
        if (s->unknown[i] == ref)
            return true;
    return false;
}

static bool mentions_unknown(const nnc_system *s, nnc_ref ref)
{
    for (uint32_t i = 0; i < s->unknowns; i++)
        if (nnc_mentions(s->scope->p, ref, s->unknown[i]))
            return true;
    return false;
}

static void add_unknown(nnc_system *s, nnc_ref variable)
{
    assert(s->unknowns < NNC_MAX_UNKNOWNS);
    s->unknown[s->unknowns++] = variable;
}

static void remove_unknown(nnc_system *s, nnc_ref variable)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->unknowns; i++)
        if (s->unknown[i] != variable)
            s->unknown[kept++] = s->unknown[i];
    s->unknowns = kept;
}

static void add_condition(nnc_system *s, nnc_ref condition)
{
    assert(s->conditions < NNC_MAX_CONDITIONS);
    if (!nnc_is_true(s->scope->p, condition))
        s->condition[s->conditions++] = condition;
}

static void remove_equation(nnc_system *s, uint32_t number)
{
    s->equation[number] = s->equation[--s->equations];
}

static void replace_all(nnc_system *s, nnc_ref from, nnc_ref to)
{
    nnc_program *p = s->scope->p;
    for (uint32_t i = 0; i < s->equations; i++)
        s->equation[i] = nnc_narrow(s->scope, nnc_substitute(p, s->equation[i], &from, &to, 1));
    for (uint32_t i = 0; i < s->conditions; i++)
        s->condition[i] = nnc_substitute(p, s->condition[i], &from, &to, 1);
    for (uint32_t i = 0; i < s->carrieds; i++)
        s->carried[i] = nnc_substitute(p, s->carried[i], &from, &to, 1);
}

/* The unknown has this value, where it is in range. */
static void set_unknown(nnc_system *s, nnc_ref variable, nnc_ref value)
{
    nnc_program *p = s->scope->p;
    int64_t extent = nnc_scope_extent(s->scope, variable);
    bool fits = (nnc_at(p, value)->op == NNC_OP_INDEX && nnc_scope_extent(s->scope, value) == extent) || nnc_at(p, value)->op == NNC_OP_NEIGHBOUR;
    remove_unknown(s, variable);
    replace_all(s, variable, value);
    s->solved++;
    if (!fits)
        add_condition(s, nnc_within(p, value, 0, extent > 0 ? extent - 1 : INT64_MAX));
}

/* ---- looking at an equation ---- */

typedef struct look {
    uint32_t terms;                 /* that mention unknowns */
    nnc_ref plain; int64_t factor;  /* the unknown of coefficient +-1 with the largest extent that is in no other term; 0 for none */
    nnc_ref partner; int64_t stride;/* another plain unknown, of the least coefficient beyond +-1 */
    nnc_ref division; int64_t sign; /* a QUOTIENT or REMAINDER of unknowns with coefficient +-1 */
    nnc_ref neighbour;
    nnc_ref multiple; int64_t by;   /* a plain unknown of any coefficient */
    int64_t divisor;                /* of all coefficients of plain unknowns */
    bool only_plain;
} look;

static int64_t size_of(const nnc_system *s, nnc_ref variable)
{
    int64_t extent = nnc_scope_extent(s->scope, variable);
    return extent > 0 ? extent : INT64_MAX;
}

static bool in_other_terms(const nnc_system *s, const nnc_form *form, uint32_t term)
{
    for (uint32_t i = 0; i < form->terms; i++)
        if (i != term && nnc_mentions(s->scope->p, form->atom[i], form->atom[term]))
            return true;
    return false;
}

static void look_at_plain(const nnc_system *s, look *l, nnc_ref atom, int64_t c)
{
    bool unit = c == 1 || c == -1;
    l->divisor = nnc_common_divisor(c, l->divisor);
    if (unit && (!l->plain || size_of(s, atom) > size_of(s, l->plain))) {
        l->plain = atom;
        l->factor = c;
    }
    if (!unit && (!l->partner || llabs(c) < llabs(l->stride))) {
        l->partner = atom;
        l->stride = c;
    }
    if (!l->multiple || size_of(s, atom) > size_of(s, l->multiple)) {
        l->multiple = atom;
        l->by = c;
    }
}

static look look_at(const nnc_system *s, nnc_ref equation)
{
    nnc_form form;
    look l = {.only_plain = true};
    nnc_form_of(s->scope->p, equation, &form);
    for (uint32_t i = 0; i < form.terms; i++) {
        nnc_ref atom = form.atom[i];
        int64_t c = form.coefficient[i];
        const nnc_node *n = nnc_at(s->scope->p, atom);
        if (!mentions_unknown(s, atom))
            continue;
        l.terms++;
        if (is_unknown(s, atom) && !in_other_terms(s, &form, i)) {
            look_at_plain(s, &l, atom, c);
            continue;
        }
        l.only_plain = false;
        if ((n->op == NNC_OP_QUOTIENT || n->op == NNC_OP_REMAINDER) && (c == 1 || c == -1) && !l.division) {
            l.division = atom;
            l.sign = c;
        }
        if (n->op == NNC_OP_NEIGHBOUR && is_unknown(s, nnc_arg(s->scope->p, atom, 0)))
            l.neighbour = atom;
    }
    return l;
}

/* ---- the steps: each takes the equation away, and may add others ---- */

static void keep_as_condition(nnc_system *s, uint32_t number)
{
    nnc_ref equation = s->equation[number];
    remove_equation(s, number);
    add_condition(s, nnc_within(s->scope->p, equation, 0, 0));
}

/* factor * variable + rest = 0. */
static void solve_plain(nnc_system *s, uint32_t number, nnc_ref variable, int64_t factor)
{
    nnc_program *p = s->scope->p;
    nnc_ref rest = nnc_affine(p, 1, s->equation[number], -factor, variable, 0);
    remove_equation(s, number);
    set_unknown(s, variable, nnc_narrow(s->scope, nnc_affine(p, -factor, rest, 0, 0, 0)));
}

static void solve_neighbour(nnc_system *s, uint32_t number, nnc_ref atom)
{
    nnc_program *p = s->scope->p;
    nnc_ref variable = nnc_arg(p, atom, 0), rest = nnc_affine(p, 1, s->equation[number], -1, atom, 0), value = nnc_affine(p, -1, rest, 0, 0, 0);
    int64_t by = nnc_at(p, atom)->integer[0];
    if (nnc_at(p, value)->op != NNC_OP_INDEX) {      /* -neighbour(b) + a = 0 */
        rest = nnc_affine(p, 1, s->equation[number], 1, atom, 0);
        value = rest;
    }
    remove_equation(s, number);
    set_unknown(s, variable, nnc_neighbour(p, value, (int)-by));
}

/* factor * d + stride * i = u, factor +-1: u' = factor * u, d = u' mod s + s*q, i = sign * (floor(u' / s) - q) with s = |stride|. */
static void solve_pair(nnc_system *s, uint32_t number, const look *l)
{
    nnc_program *p = s->scope->p;
    nnc_ref rest = nnc_affine(p, 1, s->equation[number], -l->factor, l->plain, 0);
    rest = nnc_affine(p, 1, rest, -l->stride, l->partner, 0);
    nnc_ref u = nnc_narrow(s->scope, nnc_affine(p, -l->factor, rest, 0, 0, 0));
    int64_t stride = llabs(l->stride), sign = (l->stride < 0) != (l->factor < 0) ? -1 : 1;
    int64_t steps = (nnc_scope_extent(s->scope, l->plain) + stride - 1) / stride;
    nnc_ref q = nnc_integer(p, 0), low = nnc_narrow(s->scope, nnc_remainder(p, u, stride)), high = nnc_narrow(s->scope, nnc_quotient(p, u, stride));
    if (steps > 1) {
        q = nnc_scope_variable(s->scope, steps);
        add_unknown(s, q);
    }
    nnc_ref d = l->plain, i = l->partner;
    remove_equation(s, number);
    set_unknown(s, d, nnc_affine(p, 1, low, stride, q, 0));
    set_unknown(s, i, nnc_affine(p, sign, high, -sign, q, 0));
}

/* e replaced everywhere it stands whole (as what is divided), so that its quotients and remainders are known together. */
static void replace_divided(nnc_system *s, nnc_ref e, nnc_ref value)
{
    if (nnc_at(s->scope->p, e)->op == NNC_OP_AFFINE)
        replace_all(s, e, value);
}

/* sign * floor(e / c) + rest = 0, or sign * (e mod c) + rest = 0. False where e's range is not known. */
static bool solve_division(nnc_system *s, uint32_t number, nnc_ref atom, int64_t sign)
{
    nnc_program *p = s->scope->p;
    nnc_ref e = nnc_arg(p, atom, 0), rest = nnc_affine(p, 1, s->equation[number], -sign, atom, 0), v = nnc_affine(p, -sign, rest, 0, 0, 0), value;
    int64_t divisor = nnc_at(p, atom)->integer[0], low, high;
    bool quotient = nnc_at(p, atom)->op == NNC_OP_QUOTIENT;
    nnc_scope_range(s->scope, e, &low, &high);
    if (!quotient && (low == INT64_MIN || high == INT64_MAX))
        return false;
    int64_t first = quotient ? 0 : nnc_floor_divide(low, divisor);
    nnc_ref fresh = nnc_scope_variable(s->scope, quotient ? divisor : nnc_floor_divide(high, divisor) - first + 1);
    remove_equation(s, number);
    add_unknown(s, fresh);
    value = quotient ? nnc_affine(p, divisor, v, 1, fresh, 0) : nnc_affine(p, divisor, fresh, 1, v, first * divisor);
    if (!quotient)
        add_condition(s, nnc_within(p, v, 0, divisor - 1));
    replace_divided(s, e, value);
    s->equation[s->equations++] = nnc_narrow(s->scope, nnc_affine(p, 1, e, -1, value, 0));
    return true;
}

/* divisor * (..) + rest = 0: rest must be its multiple. */
static void divide(nnc_system *s, uint32_t number, int64_t divisor)
{
    nnc_program *p = s->scope->p;
    nnc_form form;
    nnc_ref part = nnc_integer(p, 0), rest;
    nnc_form_of(p, s->equation[number], &form);
    for (uint32_t i = 0, terms = form.terms; i < terms; i++) {
        nnc_form_of(p, s->equation[number], &form);
        if (is_unknown(s, form.atom[i]))
            part = nnc_affine(p, 1, part, form.coefficient[i] / divisor, form.atom[i], 0);
    }
    rest = nnc_affine(p, 1, s->equation[number], -divisor, part, 0);
    s->equation[number] = nnc_affine(p, 1, part, 1, nnc_narrow(s->scope, nnc_quotient(p, rest, divisor)), 0);
    add_condition(s, nnc_within(p, nnc_remainder(p, rest, divisor), 0, 0));
}

/* by * variable = u where by does not divide u of itself. */
static void solve_multiple(nnc_system *s, uint32_t number, nnc_ref variable, int64_t by)
{
    nnc_program *p = s->scope->p;
    nnc_ref rest = nnc_affine(p, 1, s->equation[number], -by, variable, 0);
    nnc_ref u = nnc_affine(p, by > 0 ? -1 : 1, rest, 0, 0, 0);
    int64_t divisor = llabs(by);
    remove_equation(s, number);
    add_condition(s, nnc_within(p, nnc_remainder(p, u, divisor), 0, 0));
    set_unknown(s, variable, nnc_narrow(s->scope, nnc_quotient(p, u, divisor)));
}

/* ---- the choice ---- */

enum { DECIDED, SINGLE, NEIGHBOURING, SINGLE_DIVISION, SEVERAL, DIVISIONS, MULTIPLES, OPAQUE };

static int rank_of(const look *l)
{
    if (l->terms == 0)
        return DECIDED;
    if (l->terms == 1 && l->plain)
        return SINGLE;
    if (l->terms == 1 && l->neighbour)
        return NEIGHBOURING;
    if (l->terms == 1 && l->division)
        return SINGLE_DIVISION;
    if (l->plain)
        return SEVERAL;
    if (l->division)
        return DIVISIONS;
    return l->multiple ? MULTIPLES : OPAQUE;
}

/* Whether what a pair leaves (the multiples of the stride within the window) is less than what solving one of the two leaves. */
static bool pair_is_better(const nnc_system *s, const look *l)
{
    int64_t window = nnc_scope_extent(s->scope, l->plain), other = nnc_scope_extent(s->scope, l->partner), stride = llabs(l->stride);
    return window > 0 && other > 0 && (window + stride - 1) / stride < other;
}

static void take_step(nnc_system *s, uint32_t number, const look *l)
{
    int rank = rank_of(l);
    if (rank == DECIDED || rank == OPAQUE)
        keep_as_condition(s, number);
    else if (rank == SINGLE)
        solve_plain(s, number, l->plain, l->factor);
    else if (rank == NEIGHBOURING)
        solve_neighbour(s, number, l->neighbour);
    else if (rank == SINGLE_DIVISION || rank == DIVISIONS) {
        if (!solve_division(s, number, l->division, l->sign))
            keep_as_condition(s, number);
    } else if (rank == SEVERAL) {
        if (l->partner && pair_is_better(s, l))
            solve_pair(s, number, l);
        else
            solve_plain(s, number, l->plain, l->factor);
    } else if (l->divisor > 1 && l->only_plain)
        divide(s, number, l->divisor);
    else
        solve_multiple(s, number, l->multiple, l->by);
}

void nnc_solve(nnc_system *s)
{
    for (uint32_t i = 0; i < s->equations; i++)
        s->equation[i] = nnc_narrow(s->scope, s->equation[i]);
    while (s->equations > 0) {
        look best = look_at(s, s->equation[0]);
        uint32_t number = 0;
        for (uint32_t i = 1; i < s->equations; i++) {
            look l = look_at(s, s->equation[i]);
            if (rank_of(&l) < rank_of(&best) || (rank_of(&l) == rank_of(&best) && l.terms < best.terms)) {
                best = l;
                number = i;
            }
        }
        take_step(s, number, &best);
    }
}
