/* Rules on scalar expressions, one small function an operation. */
#include <assert.h>
#include "transform/algebra.h"
#include "transform/scalar.h"

static nnc_ref add(nnc_program *p, nnc_ref a, nnc_ref b);
static nnc_ref subtract(nnc_program *p, nnc_ref a, nnc_ref b);
static nnc_ref multiply(nnc_program *p, nnc_ref a, nnc_ref b);
static nnc_ref divide(nnc_program *p, nnc_ref a, nnc_ref b);
static nnc_ref negate(nnc_program *p, nnc_ref a);

static bool is_op(const nnc_program *p, nnc_ref ref, nnc_op op) { return nnc_at(p, ref)->op == op; }

static bool is_factor(const nnc_program *p, nnc_ref ref, double *value)
{
    return is_op(p, ref, NNC_OP_MUL) && nnc_is_constant(p, nnc_arg(p, ref, 0), value);
}

/* One of many: a choice by an index, 0 elsewhere. */
static bool is_one_of_many(const nnc_program *p, nnc_ref ref)
{
    if (!is_op(p, ref, NNC_OP_SELECT) || !nnc_is_zero(p, nnc_arg(p, ref, 2)))
        return false;
    const nnc_node *c = nnc_at(p, nnc_arg(p, ref, 0));
    return c->op == NNC_OP_WITHIN && c->integer[0] == c->integer[1];
}

/* The t of a / t, also of (if c then a / t else 0); 0 for none. */
static nnc_ref divisor_of(const nnc_program *p, nnc_ref ref)
{
    if (is_one_of_many(p, ref))
        ref = nnc_arg(p, ref, 1);
    return is_op(p, ref, NNC_OP_DIV) ? nnc_arg(p, ref, 1) : 0;
}

static nnc_ref without_divisor(nnc_program *p, nnc_ref ref)
{
    if (is_op(p, ref, NNC_OP_DIV))
        return nnc_arg(p, ref, 0);
    return nnc_select(p, nnc_arg(p, ref, 0), nnc_arg(p, nnc_arg(p, ref, 1), 0), nnc_real(p, 0));
}

/* a / t + b / t = (a + b) / t, unless both are choices. */
static nnc_ref shared_divisor(const nnc_program *p, nnc_ref a, nnc_ref b)
{
    nnc_ref t = is_op(p, a, NNC_OP_DIV) || is_op(p, b, NNC_OP_DIV) ? divisor_of(p, a) : 0;
    return t && t == divisor_of(p, b) ? t : 0;
}

static nnc_ref add(nnc_program *p, nnc_ref a, nnc_ref b)
{
    nnc_ref t = shared_divisor(p, a, b);
    if (t) {
        nnc_ref left = without_divisor(p, a), right = without_divisor(p, b);
        return divide(p, add(p, left, right), t);
    }
    if (is_op(p, b, NNC_OP_NEG))
        return subtract(p, a, nnc_arg(p, b, 0));
    if (is_op(p, a, NNC_OP_NEG))
        return subtract(p, b, nnc_arg(p, a, 0));
    return nnc_plus(p, a, b);
}

static nnc_ref subtract(nnc_program *p, nnc_ref a, nnc_ref b)
{
    nnc_ref t = shared_divisor(p, a, b);
    if (t) {
        nnc_ref left = without_divisor(p, a), right = without_divisor(p, b);
        return divide(p, subtract(p, left, right), t);
    }
    if (is_op(p, b, NNC_OP_NEG))
        return add(p, a, nnc_arg(p, b, 0));
    if (is_op(p, a, NNC_OP_NEG) && !is_op(p, b, NNC_OP_SELECT))
        return negate(p, add(p, nnc_arg(p, a, 0), b));
    return nnc_binary(p, NNC_OP_SUB, a, b);
}

static nnc_ref scale(nnc_program *p, double c, nnc_ref x)
{
    double d;
    if (nnc_is_constant(p, x, &d))
        return nnc_real(p, c * d);
    if (is_factor(p, x, &d))
        return scale(p, c * d, nnc_arg(p, x, 1));
    if (is_op(p, x, NNC_OP_NEG))
        return scale(p, -c, nnc_arg(p, x, 0));
    if (is_op(p, x, NNC_OP_DIV) && nnc_is_constant(p, nnc_arg(p, x, 0), &d)) {
        nnc_ref below = nnc_arg(p, x, 1);
        return divide(p, nnc_real(p, c * d), below);
    }
    if (is_one_of_many(p, x)) {
        nnc_ref inner = scale(p, c, nnc_arg(p, x, 1));
        return nnc_select(p, nnc_arg(p, x, 0), inner, nnc_real(p, 0));
    }
    return nnc_binary(p, NNC_OP_MUL, nnc_real(p, c), x);
}

static nnc_ref into_choice(nnc_program *p, nnc_op op, nnc_ref choice, nnc_ref f)
{
    nnc_ref inner = nnc_algebra(p, op, (nnc_ref[]){nnc_arg(p, choice, 1), f}, 2);
    return nnc_select(p, nnc_arg(p, choice, 0), inner, nnc_real(p, 0));
}

static nnc_ref multiply(nnc_program *p, nnc_ref a, nnc_ref b)
{
    double c;
    if (nnc_is_constant(p, b, &c) && !nnc_is_constant(p, a, &c))
        return multiply(p, b, a);
    if (nnc_is_constant(p, a, &c))
        return scale(p, c, b);
    if (is_op(p, a, NNC_OP_NEG))
        return negate(p, multiply(p, nnc_arg(p, a, 0), b));
    if (is_op(p, b, NNC_OP_NEG))
        return negate(p, multiply(p, a, nnc_arg(p, b, 0)));
    if (is_one_of_many(p, a))
        return into_choice(p, NNC_OP_MUL, a, b);
    if (is_one_of_many(p, b))
        return into_choice(p, NNC_OP_MUL, b, a);
    if (is_factor(p, a, &c))
        return scale(p, c, multiply(p, nnc_arg(p, a, 1), b));
    if (is_factor(p, b, &c))
        return scale(p, c, multiply(p, a, nnc_arg(p, b, 1)));
    if (is_op(p, b, NNC_OP_DIV) && nnc_is_constant(p, nnc_arg(p, b, 0), &c))
        return scale(p, c, divide(p, a, nnc_arg(p, b, 1)));
    if (is_op(p, a, NNC_OP_DIV) && nnc_is_constant(p, nnc_arg(p, a, 0), &c))
        return scale(p, c, divide(p, b, nnc_arg(p, a, 1)));
    return nnc_binary(p, NNC_OP_MUL, a, b);
}

static nnc_ref divide(nnc_program *p, nnc_ref a, nnc_ref b)
{
    double c, d;
    if (is_op(p, b, NNC_OP_NEG))
        return negate(p, divide(p, a, nnc_arg(p, b, 0)));
    if (is_op(p, a, NNC_OP_NEG))
        return negate(p, divide(p, nnc_arg(p, a, 0), b));
    if (is_one_of_many(p, a))
        return into_choice(p, NNC_OP_DIV, a, b);
    if (nnc_is_constant(p, b, &c) && c != 0) {
        if (is_factor(p, a, &d))
            return scale(p, d / c, nnc_arg(p, a, 1));
        if (is_op(p, a, NNC_OP_DIV) && nnc_is_constant(p, nnc_arg(p, a, 1), &d))
            return divide(p, nnc_arg(p, a, 0), nnc_real(p, c * d));
        if (is_op(p, a, NNC_OP_DIV) && nnc_is_constant(p, nnc_arg(p, a, 0), &d))
            return divide(p, nnc_real(p, d / c), nnc_arg(p, a, 1));
    } else if (is_factor(p, a, &c)) {
        return scale(p, c, divide(p, nnc_arg(p, a, 1), b));
    }
    if (nnc_is_constant(p, a, &c) && is_factor(p, b, &d) && d != 0)
        return divide(p, nnc_real(p, c / d), nnc_arg(p, b, 1));
    return nnc_binary(p, NNC_OP_DIV, a, b);
}

/* A constant, perhaps divided: its sign can be the constant's. */
static bool is_fraction(const nnc_program *p, nnc_ref ref)
{
    while (is_op(p, ref, NNC_OP_DIV))
        ref = nnc_arg(p, ref, 0);
    return is_op(p, ref, NNC_OP_CONSTANT);
}

static nnc_ref negate(nnc_program *p, nnc_ref a)
{
    double c;
    if (is_factor(p, a, &c))
        return scale(p, -c, nnc_arg(p, a, 1));
    if (is_op(p, a, NNC_OP_SUB))
        return subtract(p, nnc_arg(p, a, 1), nnc_arg(p, a, 0));
    if (is_op(p, a, NNC_OP_DIV) && is_fraction(p, nnc_arg(p, a, 0))) {
        nnc_ref above = negate(p, nnc_arg(p, a, 0));
        return nnc_binary(p, NNC_OP_DIV, above, nnc_arg(p, a, 1));
    }
    if (is_op(p, a, NNC_OP_SELECT) && nnc_is_zero(p, nnc_arg(p, a, 2))) {
        nnc_ref inner = negate(p, nnc_arg(p, a, 1));
        return nnc_select(p, nnc_arg(p, a, 0), inner, nnc_real(p, 0));
    }
    return nnc_unary(p, NNC_OP_NEG, a);
}

nnc_ref nnc_algebra(nnc_program *p, nnc_op op, const nnc_ref *args, uint32_t count)
{
    switch (op) {
    case NNC_OP_ADD: return add(p, args[0], args[1]);
    case NNC_OP_SUB: return subtract(p, args[0], args[1]);
    case NNC_OP_MUL: return multiply(p, args[0], args[1]);
    case NNC_OP_DIV: return divide(p, args[0], args[1]);
    case NNC_OP_NEG: return negate(p, args[0]);
    default: return nnc_apply(p, op, args, count);
    }
}

/* ---- cost ---- */

typedef struct costing { const nnc_program *p; nnc_ref_map seen; uint32_t cost, most; } costing;

static void count_cost(costing *c, nnc_ref ref)
{
    const nnc_node *n = nnc_at(c->p, ref);
    if (c->cost >= c->most || nnc_ref_map_get(&c->seen, ref))
        return;
    nnc_ref_map_put(c->p->arena, &c->seen, ref, 1);
    if (n->op == NNC_OP_QUOTIENT || n->op == NNC_OP_REMAINDER || n->op == NNC_OP_FLOOR_INTEGER)
        c->cost++;
    else if (n->element != NNC_INTEGER && n->op != NNC_OP_READ && n->count > 0)
        c->cost += nnc_op_rows[n->op].flags & NNC_FLAG_COSTLY ? 8 : n->op == NNC_OP_DIV || n->op == NNC_OP_SQRT || n->op == NNC_OP_MODULO ? 3 : 1;
    for (uint32_t i = 0; i < n->count; i++)
        count_cost(c, nnc_arg(c->p, ref, i));
}

uint32_t nnc_cost(const nnc_program *p, nnc_ref body, uint32_t most)
{
    costing c = {.p = p, .most = most};
    nnc_ref_map_open(&c.seen);
    count_cost(&c, body);
    nnc_ref_map_close(&c.seen);
    return c.cost;
}

/* ---- products as factors ---- */

/* `after`: how many factors at least will follow this one, and need room too. */
static void collect(const nnc_program *p, nnc_ref ref, bool below, uint32_t after, nnc_product *out)
{
    uint32_t *count = below ? &out->denominators : &out->numerators;
    const nnc_node *n = nnc_at(p, ref);
    bool room = out->numerators + after + 2 < NNC_MAX_FACTORS && out->denominators + after + 2 < NNC_MAX_FACTORS;
    if (room && n->op == NNC_OP_NEG) {
        out->negative = !out->negative;
        collect(p, nnc_arg(p, ref, 0), below, after, out);
    } else if (room && (n->op == NNC_OP_MUL || n->op == NNC_OP_DIV)) {
        nnc_ref a = nnc_arg(p, ref, 0), b = nnc_arg(p, ref, 1);
        bool divides = n->op == NNC_OP_DIV;
        collect(p, a, below, after + 1, out);
        collect(p, b, divides ? !below : below, after, out);
    } else {
        assert(*count < NNC_MAX_FACTORS);
        (below ? out->denominator : out->numerator)[(*count)++] = ref;
    }
}

void nnc_product_of(const nnc_program *p, nnc_ref ref, nnc_product *out)
{
    *out = (nnc_product){0};
    collect(p, ref, false, 0, out);
}

nnc_ref nnc_product_ref(nnc_program *p, const nnc_product *product)
{
    nnc_ref above = nnc_real(p, 1), below = nnc_real(p, 1);
    for (uint32_t i = 0; i < product->numerators; i++)
        above = multiply(p, above, product->numerator[i]);
    for (uint32_t i = 0; i < product->denominators; i++)
        below = multiply(p, below, product->denominator[i]);
    above = divide(p, above, below);
    return product->negative ? negate(p, above) : above;
}

bool nnc_number_of(const nnc_program *p, nnc_ref ref, double *number, int *batches)
{
    nnc_product product;
    double value;
    nnc_product_of(p, ref, &product);
    *number = product.negative ? -1 : 1;
    *batches = 0;
    for (uint32_t i = 0; i < product.numerators + product.denominators; i++) {
        bool above = i < product.numerators;
        nnc_ref factor = above ? product.numerator[i] : product.denominator[i - product.numerators];
        if (nnc_is_constant(p, factor, &value) && value != 0)
            *number = above ? *number * value : *number / value;
        else if (is_op(p, factor, NNC_OP_COUNT) && nnc_at(p, factor)->integer[0] == NNC_EXTENT_BATCH)
            *batches += above ? 1 : -1;
        else
            return false;
    }
    return true;
}
