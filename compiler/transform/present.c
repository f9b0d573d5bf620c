/* Bodies arranged for reading. */
#include <assert.h>
#include "transform/present.h"

enum { MAX_PARTS = 32 };

/* sign * product, or sign * (if condition then product else 0). */
typedef struct part { nnc_ref condition; nnc_product product; } part;

static bool is_choice(const nnc_program *p, nnc_ref ref)
{
    return nnc_at(p, ref)->op == NNC_OP_SELECT && nnc_is_zero(p, nnc_arg(p, ref, 2)) && nnc_at(p, ref)->element == NNC_REAL;
}

/* Constants become one number, whose sign is the product's. */
static double take_constant(const nnc_program *p, nnc_product *product)
{
    double constant = 1, value;
    uint32_t kept = 0, below = 0;
    for (uint32_t i = 0; i < product->numerators; i++) {
        if (nnc_is_constant(p, product->numerator[i], &value))
            constant *= value;
        else
            product->numerator[kept++] = product->numerator[i];
    }
    for (uint32_t i = 0; i < product->denominators; i++) {
        if (nnc_is_constant(p, product->denominator[i], &value) && value != 0)
            constant /= value;
        else
            product->denominator[below++] = product->denominator[i];
    }
    product->numerators = kept;
    product->denominators = below;
    if (constant < 0) {
        product->negative = !product->negative;
        constant = -constant;
    }
    return constant;
}

/* x^3 as x * x * x: equal factors are gathered again when the product is written. */
static void spread_powers(const nnc_program *p, nnc_ref *list, uint32_t *count)
{
    for (uint32_t i = 0; i < *count; i++) {
        double times;
        nnc_ref factor = list[i];
        if (nnc_at(p, factor)->op != NNC_OP_POW || !nnc_is_constant(p, nnc_arg(p, factor, 1), &times) || times < 2 || times != (uint32_t)times ||
            *count + times > NNC_MAX_FACTORS)
            continue;
        list[i] = nnc_arg(p, factor, 0);
        for (uint32_t more = (uint32_t)times - 1; more > 0; more--)
            list[(*count)++] = list[i];
    }
}

static part part_of(nnc_program *p, nnc_ref ref, bool negative)
{
    part t = {0};
    if (nnc_at(p, ref)->op == NNC_OP_NEG)
        return part_of(p, nnc_arg(p, ref, 0), !negative);
    if (is_choice(p, ref)) {
        t.condition = nnc_arg(p, ref, 0);
        ref = nnc_arg(p, ref, 1);
    }
    nnc_product_of(p, ref, &t.product);
    spread_powers(p, t.product.numerator, &t.product.numerators);
    spread_powers(p, t.product.denominator, &t.product.denominators);
    t.product.negative ^= negative;
    double constant = take_constant(p, &t.product);
    if (constant != 1 && t.product.numerators < NNC_MAX_FACTORS) {
        for (uint32_t i = t.product.numerators++; i > 0; i--)
            t.product.numerator[i] = t.product.numerator[i - 1];
        t.product.numerator[0] = nnc_real(p, constant);
    }
    return t;
}

/* `after`: how many parts at least will follow these, and need room too. */
static void collect(nnc_program *p, nnc_ref ref, bool negative, uint32_t after, part *parts, uint32_t *count)
{
    const nnc_node n = *nnc_at(p, ref);
    if ((n.op == NNC_OP_ADD || n.op == NNC_OP_SUB) && *count + after + 2 <= MAX_PARTS) {
        nnc_ref a = nnc_arg(p, ref, 0), b = nnc_arg(p, ref, 1);
        collect(p, a, negative, after + 1, parts, count);
        collect(p, b, n.op == NNC_OP_SUB ? !negative : negative, after, parts, count);
        return;
    }
    parts[(*count)++] = part_of(p, ref, negative);
}

/* ---- what is common ---- */

static bool take(nnc_ref *list, uint32_t *count, nnc_ref factor)
{
    for (uint32_t i = 0; i < *count; i++)
        if (list[i] == factor) {
            for (--*count; i < *count; i++)
                list[i] = list[i + 1];
            return true;
        }
    return false;
}

static bool has(const nnc_ref *list, uint32_t count, nnc_ref factor)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == factor)
            return true;
    return false;
}

static void take_common(part *parts, uint32_t count, nnc_product *common)
{
    const nnc_product first = parts[0].product;
    for (int below = 0; below < 2; below++)
        for (uint32_t i = 0; i < (below ? first.denominators : first.numerators); i++) {
            nnc_ref factor = below ? first.denominator[i] : first.numerator[i];
            bool shared = true;
            for (uint32_t k = 1; k < count; k++)
                shared &= below ? has(parts[k].product.denominator, parts[k].product.denominators, factor)
                                : has(parts[k].product.numerator, parts[k].product.numerators, factor);
            for (uint32_t k = 0; shared && k < count; k++)
                below ? take(parts[k].product.denominator, &parts[k].product.denominators, factor)
                      : take(parts[k].product.numerator, &parts[k].product.numerators, factor);
            if (shared && below)
                common->denominator[common->denominators++] = factor;
            else if (shared)
                common->numerator[common->numerators++] = factor;
        }
}

/* ---- writing it again ---- */

/* value * a^n or value / a^n, where a is list[at] and stands n times in the list, of which only the first counts. */
static nnc_ref with_factor(nnc_program *p, nnc_op op, nnc_ref value, const nnc_ref *list, uint32_t count, uint32_t at)
{
    nnc_ref factor = list[at];
    uint32_t times = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (list[i] == factor && i < at)
            return value;
        times += list[i] == factor;
    }
    if (times > 1)
        factor = nnc_binary(p, NNC_OP_POW, factor, nnc_real(p, times));
    return !value && op == NNC_OP_MUL ? factor : nnc_binary(p, op, value ? value : nnc_real(p, 1), factor);
}

/* Left to right: a * b / c / d, a constant first. */
static nnc_ref rebuild_product(nnc_program *p, nnc_ref value, const nnc_product *product)
{
    for (uint32_t i = 0; i < product->numerators; i++)
        value = with_factor(p, NNC_OP_MUL, value, product->numerator, product->numerators, i);
    if (!value)
        value = nnc_real(p, 1);
    for (uint32_t i = 0; i < product->denominators; i++)
        value = with_factor(p, NNC_OP_DIV, value, product->denominator, product->denominators, i);
    return value;
}

/* -2 * a rather than -(2 * a). */
static nnc_ref negative_of(nnc_program *p, const part *t, nnc_ref value)
{
    double constant;
    nnc_product product = t->product;
    if (t->condition || product.numerators < 2 || !nnc_is_constant(p, product.numerator[0], &constant))
        return nnc_unary(p, NNC_OP_NEG, value);
    product.numerator[0] = nnc_real(p, -constant);
    return rebuild_product(p, 0, &product);
}

static nnc_ref rebuild_sum(nnc_program *p, const part *parts, uint32_t count)
{
    nnc_ref sum = 0;
    for (int negative = 0; negative < 2; negative++)
        for (uint32_t i = 0; i < count; i++) {
            if (parts[i].product.negative != (negative == 1))
                continue;
            nnc_ref value = rebuild_product(p, 0, &parts[i].product);
            if (parts[i].condition)
                value = nnc_select(p, parts[i].condition, value, nnc_real(p, 0));
            if (!sum)
                sum = negative ? negative_of(p, &parts[i], value) : value;
            else
                sum = nnc_binary(p, negative ? NNC_OP_SUB : NNC_OP_ADD, sum, value);
        }
    return sum;
}

static nnc_ref present_sum(nnc_program *p, nnc_ref ref)
{
    part parts[MAX_PARTS];
    nnc_product common = {0};
    uint32_t count = 0;
    collect(p, ref, false, 0, parts, &count);
    assert(count > 0 && count <= MAX_PARTS);
    if (count == 1)
        return rebuild_sum(p, parts, 1);
    take_common(parts, count, &common);
    nnc_ref sum = rebuild_sum(p, parts, count);
    double constant;
    if (common.numerators && nnc_is_constant(p, common.numerator[0], &constant)) {
        nnc_ref first = nnc_binary(p, NNC_OP_MUL, common.numerator[0], sum);
        take(common.numerator, &common.numerators, common.numerator[0]);
        return rebuild_product(p, first, &common);
    }
    return rebuild_product(p, sum, &common);
}

static bool is_arithmetic(nnc_op op)
{
    return op == NNC_OP_ADD || op == NNC_OP_SUB || op == NNC_OP_MUL || op == NNC_OP_DIV || op == NNC_OP_NEG;
}

static nnc_ref present_node(nnc_rewriter *r, nnc_ref ref, const nnc_ref *args)
{
    const nnc_op op = (nnc_op)nnc_at(r->from, ref)->op;
    if (!is_arithmetic(op))
        return 0;
    return present_sum(r->to, nnc_apply(r->to, op, args, nnc_at(r->from, ref)->count));
}

nnc_ref nnc_present(nnc_program *p, nnc_ref body)
{
    nnc_rewriter r = {.from = p, .to = p, .replace = present_node};
    nnc_ref result = nnc_rewrite(&r, body);
    nnc_ref_map_close(&r.done);
    return result;
}
