/* Elementary functions as branch-free polynomials over any lanes. Coefficients: minimax.py beside this file (Remez 1934, least
 * weighted error, rounded to float one by one); arguments are reduced in two or three parts (Cody, Waite: Software manual for the
 * elementary functions, 1980). NaN, infinities and the sign of zero are exact. The largest error of each, found over all floats
 * (tests/loops/test_math --all), and what is exact: docs/math.md. */
#include <math.h>
#include "loops/builder.h"

typedef nnc_value_id value;

static value real(nnc_builder *b, value like, double x) { return nnc_emit_real(b, x, nnc_at(b, like)->lanes); }
static value integer(nnc_builder *b, value like, int32_t x) { return nnc_emit_int(b, x, nnc_at(b, like)->lanes); }
static value add(nnc_builder *b, value x, value y) { return nnc_emit2(b, NNC_LOOP_ADD, x, y); }
static value sub(nnc_builder *b, value x, value y) { return nnc_emit2(b, NNC_LOOP_SUB, x, y); }
static value mul(nnc_builder *b, value x, value y) { return nnc_emit2(b, NNC_LOOP_MUL, x, y); }
static value divide(nnc_builder *b, value x, value y) { return nnc_emit2(b, NNC_LOOP_DIV, x, y); }
static value fma3(nnc_builder *b, value x, value y, value z) { return nnc_emit3(b, NNC_LOOP_FMA, x, y, z); }
static value less(nnc_builder *b, value x, value y) { return nnc_emit2(b, NNC_LOOP_LT, x, y); }
static value choose(nnc_builder *b, value c, value x, value y) { return nnc_emit3(b, NNC_LOOP_SELECT, c, x, y); }
static value shift(nnc_builder *b, nnc_loop_op op, value x, int by) { return nnc_emit(b, op, &x, 1, by); }
static value plus(nnc_builder *b, value x, value y) { return nnc_emit2(b, NNC_LOOP_IADD, x, y); }

/* c[0] + x (c[1] + x (..)) */
static value polynomial(nnc_builder *b, value x, const double *c, int terms)
{
    value p = real(b, x, c[terms - 1]);
    for (int i = terms - 2; i >= 0; i--)
        p = fma3(b, p, x, real(b, x, c[i]));
    return p;
}

/* Comparisons are false for NaN, which so stays. */
static value clamp(nnc_builder *b, value x, double low, double high)
{
    value l = real(b, x, low), h = real(b, x, high);
    value raised = choose(b, less(b, x, l), l, x);
    return choose(b, less(b, h, raised), h, raised);
}

/* 1.5 * 2^23: a float plus this is rounded to an integer, which then stands in the low bits. */
#define ROUNDER 0x1.8p23
enum { ROUNDER_BITS = 0x4B400000 };
#define LOG2_E 0x1.715476p+0
/* log 2 in two parts, the first with zeros at its end, so that a product with an exponent is exact. */
#define LOG_2_HIGH 0x1.62e4p-1
#define LOG_2_LOW 0x1.7f7d1cp-20

/* x = n log 2 + r: gives r, and in *bits n + ROUNDER_BITS. */
static value reduce_exp(nnc_builder *b, value x, value *bits)
{
    value t = fma3(b, x, real(b, x, LOG2_E), real(b, x, ROUNDER)), n = sub(b, t, real(b, x, ROUNDER));
    *bits = nnc_emit1(b, NNC_LOOP_BITS_OF, t);
    value r = fma3(b, n, real(b, x, -LOG_2_HIGH), x);
    return fma3(b, n, real(b, x, -LOG_2_LOW), r);
}

/* 2^n for -126 <= n <= 127 */
static value power_of_two(nnc_builder *b, value n)
{
    return nnc_emit1(b, NNC_LOOP_REAL_FROM, shift(b, NNC_LOOP_SHL, plus(b, n, integer(b, n, 127)), 23));
}

/* exp(r) = 1 + r + r^2 p(r), |r| <= log(2) / 2. 2^n is multiplied in two halves: one would leave the exponents of floats at both ends,
 * and results below 2^-126 are rounded once. */
value nnc_emit_exp(nnc_builder *b, value x)
{
    static const double c[] = {1, 1, 0x1.fffffcp-2, 0x1.55548cp-3, 0x1.555858p-5, 0x1.123de2p-7, 0x1.6ac78ap-10};
    value bits, r = reduce_exp(b, clamp(b, x, -104, 89), &bits), p = polynomial(b, r, c, 7);
    value n = plus(b, bits, integer(b, bits, -ROUNDER_BITS)), half = shift(b, NNC_LOOP_SAR, n, 1);
    return mul(b, mul(b, p, power_of_two(b, half)), power_of_two(b, nnc_emit2(b, NNC_LOOP_ISUB, n, half)));
}

/* exp(x) - 1 for 0 <= x <= 44 = 2^n (exp(r) - 1) + (2^n - 1): no digits are lost near 0. */
static value exp_minus_one(nnc_builder *b, value x)
{
    static const double c[] = {0x1.fffffep-2, 0x1.5554aap-3, 0x1.55579ep-5, 0x1.122c86p-7, 0x1.6ab17cp-10};
    value bits, r = reduce_exp(b, x, &bits), e = fma3(b, mul(b, r, r), polynomial(b, r, c, 5), r);
    value scale = power_of_two(b, plus(b, bits, integer(b, bits, -ROUNDER_BITS)));
    return fma3(b, e, scale, sub(b, scale, real(b, x, 1)));
}

/* tanh |x| = e / (e + 2), e = exp(2 |x|) - 1. From 9.02 on it is 1 in float. */
value nnc_emit_tanh(nnc_builder *b, value x)
{
    value a = clamp(b, nnc_emit1(b, NNC_LOOP_ABS, x), 0, 9.2);
    value e = exp_minus_one(b, add(b, a, a));
    return nnc_emit2(b, NNC_LOOP_COPYSIGN, divide(b, e, add(b, e, real(b, x, 2))), x);
}

/* 1 / (1 + exp(-|x|)), and for negative x exp(-|x|) times that: exp(-x) would be infinite below -88.7. */
value nnc_emit_sigmoid(nnc_builder *b, value x)
{
    value one = real(b, x, 1), e = nnc_emit_exp(b, nnc_emit1(b, NNC_LOOP_NEG, nnc_emit1(b, NNC_LOOP_ABS, x)));
    value d = divide(b, one, add(b, one, e));
    return choose(b, less(b, x, real(b, x, 0)), mul(b, e, d), d);
}

/* What log is outside (0, infinity). */
static value log_ends(nnc_builder *b, value x, value inside)
{
    value zero = real(b, x, 0), infinity = real(b, x, (double)INFINITY);
    value r = choose(b, nnc_emit2(b, NNC_LOOP_EQ, x, infinity), infinity, inside);
    r = choose(b, nnc_emit2(b, NNC_LOOP_EQ, x, zero), real(b, x, -(double)INFINITY), r);
    return choose(b, nnc_emit2(b, NNC_LOOP_LE, zero, x), r, real(b, x, (double)NAN));
}

/* x = 2^k (1 + m), sqrt(1/2) <= 1 + m < sqrt(2); log(1 + m) = m - m^2/2 + m^3 p(m). Below 2^-126, 2^23 x stands for x. */
value nnc_emit_log(nnc_builder *b, value x)
{
    static const double c[] = {0x1.55555p-2, -0x1.0000c2p-2, 0x1.99a4e2p-3, -0x1.54daaep-3, 0x1.226c86p-3, -0x1.08eacp-3, 0x1.07b44cp-3, -0x1.596d46p-4};
    enum { ROOT_HALF = 0x3f3504f3 };
    value tiny = less(b, x, real(b, x, 0x1p-126)), scaled = choose(b, tiny, mul(b, x, real(b, x, 0x1p23)), x);
    value bits = nnc_emit1(b, NNC_LOOP_BITS_OF, scaled);
    value k = shift(b, NNC_LOOP_SAR, plus(b, bits, integer(b, bits, -ROOT_HALF)), 23);
    value m = nnc_emit1(b, NNC_LOOP_REAL_FROM, nnc_emit2(b, NNC_LOOP_ISUB, bits, shift(b, NNC_LOOP_SHL, k, 23)));
    m = sub(b, m, real(b, x, 1));
    value e = add(b, nnc_emit1(b, NNC_LOOP_REAL_OF, k), choose(b, tiny, real(b, x, -23), real(b, x, 0)));
    value square = mul(b, m, m);
    value low = fma3(b, mul(b, square, m), polynomial(b, m, c, 8), mul(b, e, real(b, x, LOG_2_LOW)));
    low = fma3(b, square, real(b, x, -0.5), low);
    return log_ends(b, x, fma3(b, e, real(b, x, LOG_2_HIGH), add(b, m, low)));
}

/* erf(x) = x + x q(x^2) up to 0.9219 (0.85 squared), then 1 - exp(p(|x|)), p near log(erfc); 1 in float from 3.92 on. */
value nnc_emit_erf(nnc_builder *b, value x)
{
    static const double q[] = {0x1.06eba8p-3, -0x1.812740p-2, 0x1.ce2d60p-4, -0x1.b8006cp-6, 0x1.5440b2p-8, -0x1.a5a1fcp-11, 0x1.4dd570p-14};
    static const double p[] = {0x1.6f6864p-13, -0x1.21280ep+0, -0x1.44455ep-1, -0x1.bb8a00p-4, 0x1.9b9e94p-6, -0x1.11739ep-8, 0x1.c7e41ep-12, -0x1.625e7ep-16};
    value a = nnc_emit1(b, NNC_LOOP_ABS, x), near = clamp(b, a, 0, 1), square = mul(b, near, near);
    value small = fma3(b, near, polynomial(b, square, q, 7), near);
    value far = clamp(b, a, 0, 3.96), large = sub(b, real(b, x, 1), nnc_emit_exp(b, polynomial(b, far, p, 8)));
    value r = choose(b, less(b, real(b, x, 0.9219), a), large, small);
    return nnc_emit2(b, NNC_LOOP_COPYSIGN, r, x);
}

/* ---- sine and cosine ---- */

/* sin or cos of r, |r| <= 0.8, as the quadrant says, which is in the low two bits of `bits`: 0 sin, 1 cos, 2 -sin, 3 -cos. */
static value quarter(nnc_builder *b, value r, value bits)
{
    static const double s[] = {-0x1.555546p-3, 0x1.11077ap-7, -0x1.9954a4p-13}, c[] = {0x1.55554ap-5, -0x1.6c0c1ap-10, 0x1.99e0eep-16};
    value square = mul(b, r, r);
    value sine = fma3(b, mul(b, square, r), polynomial(b, square, s, 3), r);
    value half = mul(b, square, real(b, r, 0.5)), rest = sub(b, real(b, r, 1), half);
    value lost = sub(b, sub(b, real(b, r, 1), rest), half);    /* in rounding 1 - r^2/2 */
    value cosine = add(b, rest, fma3(b, mul(b, square, square), polynomial(b, square, c, 3), lost));
    value odd = nnc_emit2(b, NNC_LOOP_IEQ, nnc_emit2(b, NNC_LOOP_IAND, bits, integer(b, bits, 1)), integer(b, bits, 1));
    value size = choose(b, odd, cosine, sine);
    value sign = nnc_emit2(b, NNC_LOOP_IAND, shift(b, NNC_LOOP_SHL, bits, 30), integer(b, bits, INT32_MIN));
    return nnc_emit1(b, NNC_LOOP_REAL_FROM, nnc_emit2(b, NNC_LOOP_IXOR, nnc_emit1(b, NNC_LOOP_BITS_OF, size), sign));
}

/* r - n * part, where n is low + high and the products with either are exact without fused multiply-add too. */
static value less_multiple(nnc_builder *b, value r, value low, value high, double part)
{
    return fma3(b, low, real(b, r, -part), fma3(b, high, real(b, r, -part), r));
}

/* x = n pi/2 + r: gives r, and in *bits n (its low bits). The first two parts of pi/2 end at 2^-15 and 2^-24, n is taken as a multiple of 256 (the
 * constant added to it is 256 times the rounder) and the rest, each of 9 bits at most for |x| < 1e5; so what is left of x is exact, with fused
 * multiply-add or without, and the third part rounds once. Beyond |x| = 6.5e6 n is no longer exact; the bound on r then keeps results within 1. An
 * infinity gives NaN. */
static value reduce_angle(nnc_builder *b, value x, value *bits)
{
    value t = fma3(b, x, real(b, x, 0x1.45f306p-1), real(b, x, ROUNDER)), n = sub(b, t, real(b, x, ROUNDER));
    value high = sub(b, add(b, n, real(b, x, 256 * ROUNDER)), real(b, x, 256 * ROUNDER)), low = sub(b, n, high);
    *bits = nnc_emit1(b, NNC_LOOP_BITS_OF, t);
    value r = less_multiple(b, x, low, high, 0x1.921ep+0);
    r = less_multiple(b, r, low, high, 0x1.b5p-16);
    r = fma3(b, n, real(b, x, -0x1.110b46p-26), r);
    r = fma3(b, n, real(b, x, -0x1.1a6264p-54), r);
    return clamp(b, r, -0.8, 0.8);
}

value nnc_emit_sin(nnc_builder *b, value x)
{
    value bits, r = reduce_angle(b, x, &bits);
    return choose(b, nnc_emit2(b, NNC_LOOP_EQ, x, real(b, x, 0)), x, quarter(b, r, bits));    /* -0 gives -0 */
}

value nnc_emit_cos(nnc_builder *b, value x)
{
    value bits, r = reduce_angle(b, x, &bits);
    return quarter(b, r, plus(b, bits, integer(b, bits, 1)));
}

/* ---- draws: Threefry-2x32, as base/random.h defines it ---- */

static value rotate(nnc_builder *b, value x, int by)
{
    return nnc_emit2(b, NNC_LOOP_IOR, shift(b, NNC_LOOP_SHL, x, by), shift(b, NNC_LOOP_SHR, x, 32 - by));
}

static void threefry(nnc_builder *b, value key0, value key1, value place, value step, value out[2])
{
    static const int rotation[8] = {13, 15, 26, 6, 17, 29, 16, 24};
    value parity = nnc_emit2(b, NNC_LOOP_IXOR, integer(b, key0, 0x1BD11BDA), nnc_emit2(b, NNC_LOOP_IXOR, key0, key1));
    value key[3] = {key0, key1, parity}, x = plus(b, place, key0), y = plus(b, step, key1);
    for (int round = 0; round < 20; round++) {
        x = plus(b, x, y);
        y = nnc_emit2(b, NNC_LOOP_IXOR, rotate(b, y, rotation[round % 8]), x);
        if (round % 4 == 3) {
            int s = round / 4 + 1;
            x = plus(b, x, key[s % 3]);
            y = plus(b, y, plus(b, key[(s + 1) % 3], integer(b, y, s)));
        }
    }
    out[0] = x;
    out[1] = y;
}

/* The upper 24 bits as a number in [0, 1). */
static value unit(nnc_builder *b, value word)
{
    value x = nnc_emit1(b, NNC_LOOP_REAL_OF, shift(b, NNC_LOOP_SHR, word, 8));
    return mul(b, x, real(b, x, 0x1p-24));
}

value nnc_emit_uniform(nnc_builder *b, value key0, value key1, value place, value step)
{
    value word[2];
    threefry(b, key0, key1, place, step, word);
    return unit(b, word[0]);
}

/* cos(2 pi u), 0 <= u < 1: the quadrant is that of 4 u, exactly. */
static value cosine_of_turns(nnc_builder *b, value u)
{
    value t = fma3(b, u, real(b, u, 4), real(b, u, ROUNDER)), n = sub(b, t, real(b, u, ROUNDER));
    value r = mul(b, fma3(b, n, real(b, u, -0.25), u), real(b, u, 0x1.921fb6p+2));
    value bits = nnc_emit1(b, NNC_LOOP_BITS_OF, t);
    return quarter(b, r, plus(b, bits, integer(b, bits, 1)));
}

value nnc_emit_gaussian(nnc_builder *b, value key0, value key1, value place, value step)
{
    value word[2];
    threefry(b, key0, key1, place, step, word);
    value u = unit(b, word[0]), l = nnc_emit_log(b, sub(b, real(b, u, 1), u));
    value radius = nnc_emit1(b, NNC_LOOP_SQRT, mul(b, l, real(b, u, -2)));
    return mul(b, radius, cosine_of_turns(b, unit(b, word[1])));
}
