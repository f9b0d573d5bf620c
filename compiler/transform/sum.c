/* Sums whose indices are fixed by equality guards lose those indices. */
#include <assert.h>
#include "transform/solve.h"

/* The condition says that some integer is one value, in view of its range: that integer minus the value, or 0. */
static nnc_ref equation_of(nnc_scope *scope, nnc_ref condition)
{
    nnc_program *p = scope->p;
    const nnc_node n = *nnc_at(p, condition);
    int64_t low, high;
    if (n.op != NNC_OP_WITHIN)
        return 0;
    nnc_ref integer = nnc_arg(p, condition, 0);
    nnc_scope_range(scope, integer, &low, &high);
    low = low > n.integer[0] ? low : n.integer[0];
    high = high < n.integer[1] ? high : n.integer[1];
    return low == high ? nnc_affine(p, 1, integer, 0, 0, -low) : 0;
}

static bool has_unit_term(const nnc_program *p, nnc_ref integer, nnc_ref index)
{
    nnc_form form;
    nnc_form_of(p, integer, &form);
    for (uint32_t i = 0; i < form.terms; i++)
        if (form.atom[i] == index && (form.coefficient[i] == 1 || form.coefficient[i] == -1))
            return true;
    return false;
}

/* An index of the sum stands in the equation as a term, or divided with nothing else: solving makes progress. */
static bool is_solvable(const nnc_scope *scope, const nnc_sum *sum, nnc_ref equation)
{
    const nnc_program *p = scope->p;
    nnc_form form;
    nnc_form_of(p, equation, &form);
    for (uint32_t k = 0; k < sum->count; k++)
        for (uint32_t i = 0; i < form.terms; i++) {
            const nnc_node *n = nnc_at(p, form.atom[i]);
            bool divides = n->op == NNC_OP_QUOTIENT || n->op == NNC_OP_REMAINDER;
            if (form.atom[i] == sum->over[k] || (divides && form.terms == 1 && has_unit_term(p, nnc_arg(p, form.atom[i], 0), sum->over[k])))
                return true;
        }
    return false;
}

/* Moves the equality guards out of g into the system; true where there are any. */
static bool take_equations(nnc_system *s, const nnc_sum *sum, nnc_guarded *g)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < g->conditions; i++) {
        nnc_ref equation = equation_of(s->scope, g->condition[i]);
        if (equation && s->equations < NNC_MAX_EQUATIONS / 2 && is_solvable(s->scope, sum, equation))
            s->equation[s->equations++] = equation;
        else
            g->condition[kept++] = g->condition[i];
    }
    g->conditions = kept;
    return s->equations > 0;
}

/* The conditions kept and those that came of solving, over the core; all of them carried. */
static nnc_ref rebuilt(nnc_system *s)
{
    nnc_guarded result = {.conditions = s->carrieds - 1, .core = s->carried[s->carrieds - 1]};
    assert(s->carrieds + s->conditions <= NNC_MAX_CONDITIONS);
    for (uint32_t i = 0; i + 1 < s->carrieds; i++)
        result.condition[i] = s->carried[i];
    for (uint32_t i = 0; i < s->conditions; i++)
        result.condition[result.conditions++] = s->condition[i];
    return nnc_guarded_body(s->scope->p, &result);
}

static bool collapse(nnc_scope *scope, nnc_sum *sum)
{
    nnc_guarded g;
    nnc_system s = {.scope = scope, .unknowns = sum->count};
    nnc_guarded_of(scope->p, sum->body, &g);
    for (uint32_t i = 0; i < sum->count; i++)
        s.unknown[i] = sum->over[i];
    if (!take_equations(&s, sum, &g))
        return false;
    for (uint32_t i = 0; i < g.conditions; i++)
        s.carried[s.carrieds++] = g.condition[i];
    s.carried[s.carrieds++] = g.core;
    nnc_solve(&s);
    nnc_ref body = nnc_narrow(scope, rebuilt(&s));
    if (!nnc_reads_inside(scope, body))
        return false;
    sum->body = body;
    assert(s.unknowns <= NNC_MAX_SLOTS);
    for (uint32_t i = 0; i < s.unknowns; i++)
        sum->over[i] = s.unknown[i];
    sum->count = s.unknowns;
    return s.solved > 0;
}

/* sum(k < n: e) without k in e is n * e. */
static void drop_unmentioned(nnc_scope *scope, nnc_sum *sum)
{
    nnc_program *p = scope->p;
    nnc_guarded g;
    uint32_t kept = 0;
    nnc_guarded_of(p, sum->body, &g);
    for (uint32_t i = 0; i < sum->count; i++) {
        if (nnc_mentions(p, sum->body, sum->over[i]) || nnc_is_zero(p, sum->body))
            sum->over[kept++] = sum->over[i];
        else
            g.core = nnc_binary(p, NNC_OP_MUL, nnc_count(p, nnc_scope_extent(scope, sum->over[i])), g.core);
    }
    if (kept < sum->count)
        sum->body = nnc_guarded_body(p, &g);
    sum->count = nnc_is_zero(p, sum->body) ? 0 : kept;
}

void nnc_sum_tidy(nnc_scope *scope, nnc_sum *sum)
{
    sum->body = nnc_narrow(scope, sum->body);
    for (int i = 0; sum->count > 0 && i < NNC_MAX_SLOTS && collapse(scope, sum); i++)
        continue;
    drop_unmentioned(scope, sum);
}
