/* Reverse mode over the scalar operations of one body: each node's adjoint is an expression, pushed from the root to the reads. */
#include <assert.h>
#include <math.h>
#include "transform/scalar.h"

/* ---- products that keep their conditions outside ---- */

static bool has_condition(const nnc_program *p, nnc_ref ref)
{
    const nnc_node *n = nnc_at(p, ref);
    if (n->op == NNC_OP_SELECT)
        return true;
    if (n->op == NNC_OP_ADD || n->op == NNC_OP_SUB)
        return has_condition(p, nnc_arg(p, ref, 0)) || has_condition(p, nnc_arg(p, ref, 1));
    return n->op == NNC_OP_NEG && has_condition(p, nnc_arg(p, ref, 0));
}

static nnc_ref combine(nnc_program *p, nnc_op op, nnc_ref a, nnc_ref f)
{
    const nnc_node n = *nnc_at(p, a);
    if (nnc_is_zero(p, a))
        return a;
    if (!has_condition(p, a))
        return nnc_binary(p, op, a, f);
    if (n.op == NNC_OP_NEG)
        return nnc_unary(p, NNC_OP_NEG, combine(p, op, nnc_arg(p, a, 0), f));
    if (n.op == NNC_OP_SELECT) {
        nnc_ref yes = combine(p, op, nnc_arg(p, a, 1), f), no = combine(p, op, nnc_arg(p, a, 2), f);
        return nnc_select(p, nnc_arg(p, a, 0), yes, no);
    }
    nnc_ref left = combine(p, op, nnc_arg(p, a, 0), f), right = combine(p, op, nnc_arg(p, a, 1), f);
    return nnc_binary(p, (nnc_op)n.op, left, right);
}

nnc_ref nnc_times(nnc_program *p, nnc_ref a, nnc_ref f)
{
    return nnc_is_zero(p, f) ? f : combine(p, NNC_OP_MUL, a, f);
}

nnc_ref nnc_over(nnc_program *p, nnc_ref a, nnc_ref f) { return combine(p, NNC_OP_DIV, a, f); }

nnc_ref nnc_plus(nnc_program *p, nnc_ref a, nnc_ref b)
{
    const nnc_node x = *nnc_at(p, a), y = *nnc_at(p, b);
    if (!a || !b)
        return a ? a : b;
    if (x.op == NNC_OP_SELECT && y.op == NNC_OP_SELECT && nnc_arg(p, a, 0) == nnc_arg(p, b, 0)) {
        nnc_ref yes = nnc_plus(p, nnc_arg(p, a, 1), nnc_arg(p, b, 1)), no = nnc_plus(p, nnc_arg(p, a, 2), nnc_arg(p, b, 2));
        return nnc_select(p, nnc_arg(p, a, 0), yes, no);
    }
    if (y.op == NNC_OP_NEG)
        return nnc_binary(p, NNC_OP_SUB, a, nnc_arg(p, b, 0));
    return nnc_binary(p, NNC_OP_ADD, a, b);
}

/* ---- which arguments a node depends on differentiably ---- */

static uint32_t first_differentiable(const nnc_node *n)
{
    return n->op == NNC_OP_SELECT ? 1 : 0;
}

static bool has_derivative(const nnc_node *n)
{
    switch (n->op) {
    case NNC_OP_ADD: case NNC_OP_SUB: case NNC_OP_MUL: case NNC_OP_DIV: case NNC_OP_NEG: case NNC_OP_POW: case NNC_OP_MODULO: case NNC_OP_MIN:
    case NNC_OP_MAX: case NNC_OP_ABS: case NNC_OP_SQRT: case NNC_OP_EXP: case NNC_OP_LOG: case NNC_OP_TANH: case NNC_OP_SIGMOID: case NNC_OP_SIN:
    case NNC_OP_COS: case NNC_OP_ERF: return true;
    case NNC_OP_SELECT: return n->element == NNC_REAL;
    default: return false;
    }
}

typedef struct reads { const nnc_program *p; nnc_ref_map seen; void (*visit)(void *context, nnc_ref read); void *context; } reads;

static void find_reads(reads *r, nnc_ref ref)
{
    const nnc_node *n = nnc_at(r->p, ref);
    if (nnc_ref_map_get(&r->seen, ref))
        return;
    nnc_ref_map_put(r->p->arena, &r->seen, ref, 1);
    if (n->op == NNC_OP_READ && n->element == NNC_REAL)
        r->visit(r->context, ref);
    if (has_derivative(n))
        for (uint32_t i = first_differentiable(n), count = n->count; i < count; i++)
            find_reads(r, nnc_arg(r->p, ref, i));
}

void nnc_differentiable_reads(const nnc_program *p, nnc_ref body, void (*visit)(void *context, nnc_ref read), void *context)
{
    reads r = {.p = p, .visit = visit, .context = context};
    nnc_ref_map_open(&r.seen);
    find_reads(&r, body);
    nnc_ref_map_close(&r.seen);
}

/* ---- the sweep ---- */

typedef struct sweep {
    nnc_program *p;
    nnc_wanted wanted;
    nnc_ref own[3], own_read;    /* the whole body, and what a choice that it is takes: where they are asked for, they are the tensor's element */
    nnc_ref_map active;          /* 1: depends on something wanted; 2: does not */
    nnc_ref_map adjoint;
    nnc_ref *order;              /* active nodes, arguments first */
    uint32_t count, capacity;
} sweep;

static bool mark_active(sweep *s, nnc_ref ref)
{
    const nnc_node n = *nnc_at(s->p, ref);
    nnc_ref known = nnc_ref_map_get(&s->active, ref);
    bool active = false;
    if (known)
        return known == 1;
    if (n.op == NNC_OP_READ)
        active = n.element == NNC_REAL && s->wanted.is(s->wanted.context, (nnc_tensor_id)n.integer[0]);
    if (has_derivative(&n))
        for (uint32_t i = first_differentiable(&n); i < n.count; i++)
            active |= mark_active(s, nnc_arg(s->p, ref, i));
    nnc_ref_map_put(s->p->arena, &s->active, ref, active ? 1 : 2);
    if (active)
        NNC_PUSH(s->p->arena, s->order, s->count, s->capacity) = ref;
    return active;
}

static bool is_active(const sweep *s, nnc_ref ref) { return nnc_ref_map_get(&s->active, ref) == 1; }

static void push(sweep *s, nnc_ref to, nnc_ref adjoint)
{
    if (!is_active(s, to) || nnc_is_zero(s->p, adjoint))
        return;
    nnc_ref before = nnc_ref_map_get(&s->adjoint, to);
    nnc_ref_map_put(s->p->arena, &s->adjoint, to, before ? nnc_plus(s->p, before, adjoint) : adjoint);
}

static nnc_ref negative(nnc_program *p, nnc_ref x) { return nnc_unary(p, NNC_OP_NEG, x); }
static nnc_ref product(nnc_program *p, nnc_ref a, nnc_ref b) { return nnc_binary(p, NNC_OP_MUL, a, b); }

/* 0 where x is 0, else e: where `e` would be 0 * infinity. An x that is a number decides it here. */
static nnc_ref unless_zero(nnc_program *p, nnc_ref x, nnc_ref e)
{
    nnc_ref zero = nnc_real(p, 0);
    return nnc_select(p, nnc_binary(p, NNC_OP_EQUAL, x, zero), zero, e);
}

/* a ^ b: b * a^(b - 1), which is 0 for b = 0, and a^b * log(a), which is 0 for a = 0, where a^b is 0 for every positive b. */
static void push_power(sweep *s, nnc_ref node, nnc_ref value, nnc_ref d)
{
    nnc_program *p = s->p;
    nnc_ref a = nnc_arg(p, node, 0), b = nnc_arg(p, node, 1);
    if (is_active(s, a)) {
        nnc_ref less = nnc_binary(p, NNC_OP_SUB, b, nnc_real(p, 1));
        push(s, a, unless_zero(p, b, nnc_times(p, d, product(p, b, nnc_binary(p, NNC_OP_POW, a, less)))));
    }
    if (is_active(s, b))
        push(s, b, unless_zero(p, a, nnc_times(p, nnc_times(p, d, value), nnc_unary(p, NNC_OP_LOG, a))));
}

/* The second argument of max has it where it is greater, of min where it is less: ties, and NaN, are the first's. Against a constant the value tells
 * the same as the argument, which then need not be kept: max(0, x) > 0 where x > 0. */
static void push_choice(sweep *s, nnc_ref node, nnc_ref value, nnc_ref d)
{
    nnc_program *p = s->p;
    nnc_ref a = nnc_arg(p, node, 0), b = nnc_arg(p, node, 1), zero = nnc_real(p, 0);
    nnc_ref chosen = nnc_at(p, a)->op == NNC_OP_CONSTANT && value != node ? value : b;
    nnc_ref second = nnc_at(p, node)->op == NNC_OP_MAX ? nnc_binary(p, NNC_OP_LESS, a, chosen) : nnc_binary(p, NNC_OP_LESS, chosen, a);
    push(s, a, nnc_select(p, second, zero, d));
    push(s, b, nnc_select(p, second, d, zero));
}

static void push_binary(sweep *s, nnc_ref node, nnc_ref value, nnc_ref d)
{
    nnc_program *p = s->p;
    nnc_ref a = nnc_arg(p, node, 0), b = nnc_arg(p, node, 1);
    switch (nnc_at(p, node)->op) {
    case NNC_OP_ADD:
        push(s, a, d);
        push(s, b, d);
        return;
    case NNC_OP_SUB:
        push(s, a, d);
        push(s, b, negative(p, d));
        return;
    case NNC_OP_MUL:
        if (a == b) {
            push(s, a, nnc_times(p, d, product(p, nnc_real(p, 2), a)));
            return;
        }
        push(s, a, nnc_times(p, d, b));
        push(s, b, nnc_times(p, d, a));
        return;
    case NNC_OP_DIV:
        push(s, a, nnc_over(p, d, b));
        if (is_active(s, b))
            push(s, b, negative(p, nnc_over(p, nnc_times(p, d, value), b)));
        return;
    case NNC_OP_MODULO:
        push(s, a, d);
        if (is_active(s, b))
            push(s, b, negative(p, nnc_times(p, d, nnc_unary(p, NNC_OP_FLOOR, nnc_binary(p, NNC_OP_DIV, a, b)))));
        return;
    case NNC_OP_POW: push_power(s, node, value, d); return;
    default: push_choice(s, node, value, d);
    }
}

/* The derivative of a function of one argument times d; value is f(a). */
static nnc_ref chain(nnc_program *p, nnc_op op, nnc_ref a, nnc_ref value, nnc_ref d)
{
    nnc_ref one = nnc_real(p, 1), two = nnc_real(p, 2);
    switch (op) {
    case NNC_OP_NEG: return negative(p, d);
    case NNC_OP_ABS: return nnc_times(p, d, nnc_unary(p, NNC_OP_SIGN, a));
    case NNC_OP_SQRT: return nnc_over(p, d, product(p, two, value));
    case NNC_OP_EXP: return nnc_times(p, d, value);
    case NNC_OP_LOG: return nnc_over(p, d, a);
    case NNC_OP_TANH: return nnc_times(p, d, nnc_binary(p, NNC_OP_SUB, one, product(p, value, value)));
    case NNC_OP_SIGMOID: return nnc_times(p, d, product(p, value, nnc_binary(p, NNC_OP_SUB, one, value)));
    case NNC_OP_SIN: return nnc_times(p, d, nnc_unary(p, NNC_OP_COS, a));
    case NNC_OP_COS: return negative(p, nnc_times(p, d, nnc_unary(p, NNC_OP_SIN, a)));
    case NNC_OP_ERF: {
        nnc_ref bell = nnc_unary(p, NNC_OP_EXP, negative(p, product(p, a, a)));
        return nnc_times(p, d, product(p, nnc_real(p, 2 / sqrt(acos(-1.0))), bell));
    }
    default: assert(!"an operation without a derivative"); return 0;
    }
}

static void push_from(sweep *s, nnc_ref node, nnc_ref d)
{
    nnc_program *p = s->p;
    const nnc_node n = *nnc_at(p, node);
    nnc_ref value = node == s->own[0] || node == s->own[1] || node == s->own[2] ? s->own_read : node;
    if (n.op == NNC_OP_SELECT) {
        nnc_ref condition = nnc_arg(p, node, 0), yes = nnc_arg(p, node, 1), no = nnc_arg(p, node, 2), zero = nnc_real(p, 0);
        push(s, yes, nnc_select(p, condition, d, zero));
        push(s, no, nnc_select(p, condition, zero, d));
    } else if (n.count == 2) {
        push_binary(s, node, value, d);
    } else {
        push(s, nnc_arg(p, node, 0), chain(p, (nnc_op)n.op, nnc_arg(p, node, 0), value, d));
    }
}

static bool mentions(const nnc_program *p, nnc_ref ref, nnc_ref part)
{
    bool found = ref == part;
    for (uint32_t i = 0; i < nnc_at(p, ref)->count && !found; i++)
        found = mentions(p, nnc_arg(p, ref, i), part);
    return found;
}

/* Of `if c then a else b`, the derivative by a stands under c, where a is the whole; unless b has a part that is a too. */
static void find_own(sweep *s, nnc_ref own)
{
    s->own[0] = own;
    if (!own || nnc_at(s->p, own)->op != NNC_OP_SELECT)
        return;
    nnc_ref yes = nnc_arg(s->p, own, 1), no = nnc_arg(s->p, own, 2);
    s->own[1] = mentions(s->p, no, yes) ? 0 : yes;
    s->own[2] = mentions(s->p, yes, no) ? 0 : no;
}

nnc_derivatives nnc_derive(nnc_program *p, nnc_ref body, nnc_ref seed, nnc_ref own, nnc_ref own_read, nnc_wanted wanted)
{
    sweep s = {.p = p, .wanted = wanted, .own_read = own_read};
    nnc_derivatives result = {0};
    nnc_ref_map_open(&s.active);
    nnc_ref_map_open(&s.adjoint);
    find_own(&s, own);
    mark_active(&s, body);
    result.read = NNC_ARRAY(p->arena, nnc_ref, s.count + 1);
    result.derivative = NNC_ARRAY(p->arena, nnc_ref, s.count + 1);
    push(&s, body, seed);
    for (uint32_t i = s.count; i-- > 0;) {
        nnc_ref node = s.order[i], d = nnc_ref_map_get(&s.adjoint, node);
        if (!d || nnc_is_zero(p, d))
            continue;
        if (nnc_at(p, node)->op == NNC_OP_READ) {
            result.read[result.count] = node;
            result.derivative[result.count++] = d;
        } else {
            push_from(&s, node, d);
        }
    }
    nnc_ref_map_close(&s.active);
    nnc_ref_map_close(&s.adjoint);
    return result;
}
