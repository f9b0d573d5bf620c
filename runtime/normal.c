#include "runtime/normal.h"
#include <math.h>
#include <string.h>
#include "base/random.h"

/* On a PC each function is made twice, for any processor and for those with AVX2, of which the linker takes the right one; both round each operation alone and so give the same
 * bits (AVX2 is without FMA). Sanitizers start too late for what chooses. */
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define NNC_ONE_VERSION
#endif
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || !defined __x86_64__ || !defined __gnu_linux__
#define NNC_ONE_VERSION
#endif
#if defined __clang__ && __clang_major__ < 19      /* clang 14 makes one of two such functions alone */
#define NNC_ONE_VERSION
#endif
#ifdef NNC_ONE_VERSION
#define VERSIONS
#else
#define VERSIONS __attribute__((target_clones("avx2", "default")))
#endif

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* log x for a normal x > 0: x = 2^k (1 + f) with 1 + f in [sqrt 1/2, sqrt 2), and log(1 + f) = 2 atanh s = 2 s + 2 s^3 / 3 + .., s = f / (2 + f). As
 * s^2 < 0.0295 the eleventh term is below 2^-54 of the sum. 2 s = f - s f, so the greatest part is exact; log 2 is in two parts, of which the
 * first has room for k (Tang 1990). */
static inline double logarithm(double x)
{
    const uint64_t one = 0x3FF0000000000000u, root_half = 0x3FE6A09E667F3BCDu;
    uint64_t exponent = (bits_of(x) + (one - root_half)) >> 52;
    double k = of_bits(0x4330000000000000u | exponent) - (0x1p52 + 1023);
    double f = of_bits(bits_of(x) - (exponent << 52) + one) - 1, s = f / (2 + f), z = s * s;
    double tail = 2.0 / 21;
    tail = tail * z + 2.0 / 19;
    tail = tail * z + 2.0 / 17;
    tail = tail * z + 2.0 / 15;
    tail = tail * z + 2.0 / 13;
    tail = tail * z + 2.0 / 11;
    tail = tail * z + 2.0 / 9;
    tail = tail * z + 2.0 / 7;
    tail = tail * z + 2.0 / 5;
    tail = tail * z + 2.0 / 3;
    return k * 0x1.62e42feep-1 + (f - (s * (f - z * tail) - k * 0x1.a39ef35793c76p-33));
}

/* cos(2 pi u) for u in [0, 1) that is a multiple of 2^-50: sin(2 pi x), x = |u - 1/2| - 1/4, which is exact and within a quarter turn; the series' twelfth term is
 * below 2^-59 there. */
static inline double cosine(double u)
{
    double a = 6.283185307179586 * (fabs(u - 0.5) - 0.25), z = a * a;
    double tail = -1.0 / 51090942171709440000.0;
    tail = tail * z + 1.0 / 121645100408832000;
    tail = tail * z - 1.0 / 355687428096000;
    tail = tail * z + 1.0 / 1307674368000;
    tail = tail * z - 1.0 / 6227020800;
    tail = tail * z + 1.0 / 39916800;
    tail = tail * z - 1.0 / 362880;
    tail = tail * z + 1.0 / 5040;
    tail = tail * z - 1.0 / 120;
    tail = tail * z + 1.0 / 6;
    return a - a * z * tail;
}

VERSIONS void nnc_words_block(uint32_t k0, uint32_t k1, uint64_t first, uint32_t one[NNC_DRAWS], uint32_t two[NNC_DRAWS])
{
    for (uint32_t i = 0; i < NNC_DRAWS; i++) {
        uint32_t word[2];
        nnc_threefry(k0, k1, (uint32_t)first + i, (uint32_t)(first >> 32), word);
        one[i] = word[0];
        two[i] = word[1];
    }
}

VERSIONS void nnc_uniform_block(const uint32_t words[NNC_DRAWS], double out[NNC_DRAWS])
{
    for (int i = 0; i < NNC_DRAWS; i++)
        out[i] = nnc_uniform_of(words[i]);
}

VERSIONS void nnc_normal_block(const uint32_t one[NNC_DRAWS], const uint32_t two[NNC_DRAWS], double out[NNC_DRAWS])
{
    for (int i = 0; i < NNC_DRAWS; i++)
        out[i] = sqrt(-2 * logarithm(1 - nnc_uniform_of(one[i]))) * cosine(nnc_uniform_of(two[i]));
}

VERSIONS void nnc_line_block(double a, double b, const double number[NNC_DRAWS], float out[NNC_DRAWS])
{
    for (int i = 0; i < NNC_DRAWS; i++)
        out[i] = (float)(a + b * number[i]);
}
