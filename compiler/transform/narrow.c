/* Expressions made simpler by the ranges of their indices and the conditions around them. */
#include "base/divisor.h"
#include "transform/scope.h"

typedef struct narrowing { nnc_scope *scope; uint32_t budget; } narrowing;

static nnc_ref narrow(narrowing *w, nnc_ref ref, nnc_ref_map *done);

/* Both branches see what the condition tells; each is a walk of its own, since the same node may be narrower in one. */
static nnc_ref narrow_under(narrowing *w, nnc_ref ref, nnc_ref condition, bool holds)
{
    nnc_ref_map done;
    uint32_t mark = w->scope->knowns;
    if (w->budget == 0)
        return ref;
    nnc_ref_map_open(&done);
    nnc_scope_know(w->scope, condition, holds);
    nnc_ref result = narrow(w, ref, &done);
    w->scope->knowns = mark;
    nnc_ref_map_close(&done);
    return result;
}

static nnc_ref narrow_select(narrowing *w, nnc_ref ref, nnc_ref_map *done)
{
    nnc_program *p = w->scope->p;
    nnc_ref condition = narrow(w, nnc_arg(p, ref, 0), done);
    if (nnc_at(p, condition)->op == NNC_OP_TRUTH)
        return narrow(w, nnc_arg(p, ref, nnc_is_true(p, condition) ? 1 : 2), done);
    nnc_ref yes = narrow_under(w, nnc_arg(p, ref, 1), condition, true);
    nnc_ref no = narrow_under(w, nnc_arg(p, ref, 2), condition, false);
    return nnc_select(p, condition, yes, no);
}

/* ---- quotients and remainders ---- */

/* e = g * *whole + *rest with 0 <= rest < g for all values: true where the terms that g does not divide stay within one multiple of g. */
static bool split_by(nnc_scope *scope, nnc_ref e, int64_t g, nnc_ref *whole, nnc_ref *rest)
{
    nnc_program *p = scope->p;
    nnc_form form;
    nnc_ref part = nnc_integer(p, 0), left;
    int64_t low, high;
    nnc_form_of(p, e, &form);
    for (uint32_t i = 0, terms = form.terms; i < terms; i++) {
        nnc_form_of(p, e, &form);
        if (form.coefficient[i] % g == 0)
            part = nnc_affine(p, 1, part, form.coefficient[i] / g, form.atom[i], 0);
    }
    left = nnc_affine(p, 1, e, -g, part, 0);
    nnc_scope_range(scope, left, &low, &high);
    if (low == INT64_MIN || high == INT64_MAX || nnc_floor_divide(low, g) != nnc_floor_divide(high, g))
        return false;
    *whole = nnc_affine(p, 1, part, 0, 0, nnc_floor_divide(low, g));
    *rest = nnc_affine(p, 1, e, -g, *whole, 0);
    return true;
}

/* The largest g that divides `divisor` and by which e can be split; 0 for none. */
static int64_t find_split(nnc_scope *scope, nnc_ref e, int64_t divisor, nnc_ref *whole, nnc_ref *rest)
{
    nnc_form form;
    nnc_form_of(scope->p, e, &form);
    for (int64_t below = INT64_MAX;;) {
        int64_t best = 0;
        nnc_form_of(scope->p, e, &form);
        for (uint32_t i = 0; i < form.terms; i++) {
            int64_t g = nnc_common_divisor(form.coefficient[i], divisor);
            best = g > best && g < below ? g : best;
        }
        if (divisor < below && divisor > best)
            best = divisor;
        if (best <= 1)
            return 0;
        if (split_by(scope, e, best, whole, rest))
            return best;
        below = best;
    }
}

static nnc_ref narrow_division(nnc_scope *scope, nnc_ref ref)
{
    nnc_program *p = scope->p;
    const nnc_node n = *nnc_at(p, ref);
    nnc_ref whole, rest;
    int64_t divisor = n.integer[0], g = find_split(scope, nnc_arg(p, ref, 0), divisor, &whole, &rest);
    if (g == 0)
        return ref;
    if (n.op == NNC_OP_QUOTIENT)
        return nnc_quotient(p, whole, divisor / g);
    return nnc_affine(p, g, nnc_remainder(p, whole, divisor / g), 1, rest, 0);
}

/* e - c * floor(e / c) is e mod c. */
static nnc_ref narrow_affine(nnc_scope *scope, nnc_ref ref)
{
    nnc_program *p = scope->p;
    nnc_form form;
    nnc_form_of(p, ref, &form);
    for (uint32_t i = 0, terms = form.terms; i < terms; i++) {
        nnc_form_of(p, ref, &form);
        nnc_ref atom = form.atom[i];
        if (nnc_at(p, atom)->op != NNC_OP_QUOTIENT || form.coefficient[i] % nnc_at(p, atom)->integer[0] != 0)
            continue;
        int64_t divisor = nnc_at(p, atom)->integer[0], times = form.coefficient[i] / divisor;
        nnc_ref e = nnc_arg(p, atom, 0), rest = nnc_affine(p, 1, ref, -form.coefficient[i], atom, 0);
        rest = nnc_affine(p, 1, rest, times, e, 0);
        nnc_ref other = nnc_affine(p, 1, rest, -times, nnc_remainder(p, e, divisor), 0);
        nnc_form_of(p, other, &form);
        if (form.terms < terms)
            return other;
    }
    return ref;
}

/* ---- conditions ---- */

static nnc_ref narrow_within(nnc_scope *scope, nnc_ref ref)
{
    nnc_program *p = scope->p;
    const nnc_node n = *nnc_at(p, ref);
    int64_t low, high;
    nnc_scope_range(scope, nnc_arg(p, ref, 0), &low, &high);
    if (low >= n.integer[0] && high <= n.integer[1])
        return nnc_truth(p, true);
    if (low > n.integer[1] || high < n.integer[0])
        return nnc_truth(p, false);
    if (n.integer[0] == n.integer[1])           /* an equality stays one: sums over it collapse */
        return ref;
    return nnc_within(p, nnc_arg(p, ref, 0), low >= n.integer[0] ? INT64_MIN : n.integer[0], high <= n.integer[1] ? INT64_MAX : n.integer[1]);
}

static nnc_ref decide(nnc_scope *scope, nnc_ref ref)
{
    nnc_program *p = scope->p;
    for (uint32_t i = 0; i < scope->knowns; i++) {
        if (scope->known[i] == ref)
            return nnc_truth(p, true);
        const nnc_node *k = nnc_at(p, scope->known[i]);
        if (k->op == NNC_OP_NOT && nnc_arg(p, scope->known[i], 0) == ref)
            return nnc_truth(p, false);
    }
    return nnc_at(p, ref)->op == NNC_OP_WITHIN ? narrow_within(scope, ref) : ref;
}

/* ---- the walk ---- */

static nnc_ref narrow_node(narrowing *w, nnc_ref ref, nnc_ref_map *done)
{
    nnc_program *p = w->scope->p;
    const nnc_node n = *nnc_at(p, ref);
    nnc_ref few[NNC_FEW], *args = nnc_room(p, few, n.count);
    if (n.op == NNC_OP_SELECT)
        return narrow_select(w, ref, done);
    if (n.op == NNC_OP_AND) {
        nnc_ref left = narrow(w, nnc_arg(p, ref, 0), done);
        return nnc_both(p, left, narrow_under(w, nnc_arg(p, ref, 1), left, true));
    }
    for (uint32_t i = 0; i < n.count; i++)
        args[i] = narrow(w, nnc_arg(p, ref, i), done);
    ref = n.count ? nnc_rebuild(p, p, ref, args) : ref;
    if (nnc_at(p, ref)->op == NNC_OP_QUOTIENT || nnc_at(p, ref)->op == NNC_OP_REMAINDER)
        return narrow_division(w->scope, ref);
    if (nnc_at(p, ref)->op == NNC_OP_AFFINE)
        return narrow_affine(w->scope, ref);
    return nnc_at(p, ref)->element == NNC_BOOLEAN ? decide(w->scope, ref) : ref;
}

static nnc_ref narrow(narrowing *w, nnc_ref ref, nnc_ref_map *done)
{
    nnc_ref known = nnc_ref_map_get(done, ref);
    if (known || w->budget == 0)
        return known ? known : ref;
    w->budget--;
    nnc_ref result = narrow_node(w, ref, done);
    nnc_ref_map_put(w->scope->p->arena, done, ref, result);
    return result;
}

nnc_ref nnc_narrow(nnc_scope *scope, nnc_ref ref)
{
    narrowing w = {scope, 20000};      /* nodes visited: nested branches that share parts could multiply beyond use */
    nnc_ref_map done;
    nnc_ref_map_open(&done);
    ref = narrow(&w, ref, &done);
    nnc_ref_map_close(&done);
    return ref;
}
