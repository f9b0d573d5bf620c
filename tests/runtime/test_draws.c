/* Starting values: each block is the draws of its places by base/random.h's definition; the two functions of the gaussian against libm for every word that there is; values of floats. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/random.h"
#include "runtime/examples.h"
#include "runtime/initial.h"
#include "runtime/normal.h"

/* normal.c once more, without a version for AVX2: its functions under other names. */
#define NNC_ONE_VERSION
#define nnc_words_block plain_words_block
#define nnc_uniform_block plain_uniform_block
#define nnc_normal_block plain_normal_block
#define nnc_line_block plain_line_block
void nnc_words_block(uint32_t k0, uint32_t k1, uint64_t first, uint32_t one[NNC_DRAWS], uint32_t two[NNC_DRAWS]);
void nnc_uniform_block(const uint32_t words[NNC_DRAWS], double out[NNC_DRAWS]);
void nnc_normal_block(const uint32_t one[NNC_DRAWS], const uint32_t two[NNC_DRAWS], double out[NNC_DRAWS]);
void nnc_line_block(double a, double b, const double number[NNC_DRAWS], float out[NNC_DRAWS]);
#include "../../runtime/normal.c"
#undef nnc_words_block
#undef nnc_uniform_block
#undef nnc_normal_block
#undef nnc_line_block

/* Every version gives the same bits: those of normal.c, of which this processor takes its own, and the plain one. (Where there is one version alone, on other processors and
 * under sanitizers, it is compared with itself.) */
static void test_versions(void **state)
{
    enum { BLOCKS = 4000 };
    uint32_t one[2][NNC_DRAWS], two[2][NNC_DRAWS];
    double number[2][NNC_DRAWS];
    float line[2][NNC_DRAWS];
    (void)state;
    for (uint64_t i = 0; i < BLOCKS; i++) {
        uint32_t key = (uint32_t)i * 0x9E3779B9u;
        nnc_words_block(key, ~key, i * i * NNC_DRAWS, one[0], two[0]);
        plain_words_block(key, ~key, i * i * NNC_DRAWS, one[1], two[1]);
        assert_memory_equal(one[0], one[1], sizeof one[0]);
        assert_memory_equal(two[0], two[1], sizeof two[0]);
        nnc_uniform_block(one[0], number[0]);
        plain_uniform_block(one[0], number[1]);
        assert_memory_equal(number[0], number[1], sizeof number[0]);
        nnc_normal_block(one[0], two[0], number[0]);
        plain_normal_block(one[0], two[0], number[1]);
        assert_memory_equal(number[0], number[1], sizeof number[0]);
        nnc_line_block(0.1 * (double)i, 0.3, number[0], line[0]);
        plain_line_block(0.1 * (double)i, 0.3, number[0], line[1]);
        assert_memory_equal(line[0], line[1], sizeof line[0]);
    }
}

/* Drawn once and kept here: what a seed draws is the same on every machine and in every release. */
static void test_kept(void **state)
{
    static const uint32_t BITS[] = {0x400ABC51u, 0xBF2A2D61u, 0xC01B1553u, 0x405714C3u, 0x3F2F5856u, 0x402E81E7u, 0xC08217F8u, 0x3EDC8BE6u};
    float out[8];
    uint32_t bits[8];
    (void)state;
    nnc_draw_normal(out, 8, 0.5, 2, 0x500000007u, "w");
    memcpy(bits, out, sizeof bits);
    assert_memory_equal(bits, BITS, sizeof bits);
}

static void test_words(void **state)
{
    static const uint64_t FIRST[] = {0, NNC_DRAWS, 0xFFFFFF00u, 0x100000000u, 0x123456789AB00u};
    uint32_t one[NNC_DRAWS], two[NNC_DRAWS], word[2];
    (void)state;
    for (size_t k = 0; k < sizeof FIRST / sizeof *FIRST; k++) {
        nnc_words_block(0x13198a2e, 0x03707344, FIRST[k], one, two);
        for (uint32_t i = 0; i < NNC_DRAWS; i++) {
            nnc_threefry(0x13198a2e, 0x03707344, (uint32_t)FIRST[k] + i, (uint32_t)(FIRST[k] >> 32), word);
            assert_int_equal(one[i], word[0]);
            assert_int_equal(two[i], word[1]);
        }
    }
}

/* A double's distance from the value that is right, in units in its last place. */
static double ulps(double found, long double right)
{
    double near = fabs((double)right);
    return right == 0 ? found != 0 : (double)fabsl(((long double)found - right) / ((long double)nextafter(near, INFINITY) - near));
}

/* All 2^24 values of a uniform, as the radius (of a cosine that is 1) and as the cosine (of a radius that is 1 up to a factor known). The long double functions are right to 64 bits. */
static void check_all(int which, double most)
{
    uint32_t varied[NNC_DRAWS], still[NNC_DRAWS];
    double out[NNC_DRAWS], factor, worst = 0;
    const long double turn = 6.283185307179586476925286766559L;
    for (int i = 0; i < NNC_DRAWS; i++)
        still[i] = which == 0 ? 0 : 0x80000000u;      /* cos 0 = 1; log(1 - 1/2) */
    factor = which == 0 ? 1 : (double)sqrtl(2 * logl(2));
    for (uint32_t first = 0; first < 1u << 24; first += NNC_DRAWS) {
        for (uint32_t i = 0; i < NNC_DRAWS; i++)
            varied[i] = (first + i) << 8;
        nnc_normal_block(which == 0 ? varied : still, which == 0 ? still : varied, out);
        for (uint32_t i = 0; i < NNC_DRAWS; i++) {
            long double u = (long double)(first + i) * 0x1p-24L, near = fabsl(u - 0.5L) - 0.25L;
            double off = ulps(out[i], which == 0 ? sqrtl(-2 * logl(1 - u)) : factor * sinl(turn * near));
            worst = off > worst ? off : worst;
        }
    }
    print_message("%s: at most %.2f units in the last place from what is right\n", which == 0 ? "radius" : "cosine", worst);
    assert_true(worst < most);
}

static void test_radius(void **state) { (void)state; check_all(0, 2); }
static void test_cosine(void **state) { (void)state; check_all(1, 3); }

/* One seed's draws, by long double, whose functions do not differ from machine to machine where it matters here: floats are the same but where a double lay at the edge between two. */
static void test_floats(void **state)
{
    enum { MANY = 1000003 };
    float *out = malloc(MANY * sizeof *out);
    uint32_t word[2], hash = (2166136261u ^ 'w') * 16777619u;
    int others = 0;
    (void)state;
    assert_non_null(out);
    nnc_draw_normal(out, MANY, 0.5, 2, 0x500000007u, "w");
    for (uint32_t i = 0; i < MANY; i++) {
        nnc_threefry(7u ^ hash, 5u ^ 0x696E6974u, i, 0, word);
        float right = (float)(0.5L + 2 * (sqrtl(-2 * logl(1 - (long double)nnc_uniform_of(word[0]))) * cosl(6.283185307179586476925286766559L * (long double)nnc_uniform_of(word[1]))));
        others += out[i] != right;
        assert_true(fabsf(out[i] - right) <= 1e-6f);
    }
    print_message("%d of %d floats are others\n", others, MANY);
    assert_true(others <= 1);
    nnc_draw_uniform(out, 1000, -1, 3, 0x500000007u, "w");
    for (uint32_t i = 0; i < 1000; i++) {
        nnc_threefry(7u ^ hash, 5u ^ 0x696E6974u, i, 0, word);
        assert_true(out[i] == (float)(-1 + 4 * nnc_uniform_of(word[0])));
    }
    free(out);
}

/* A shorter tensor has the longer one's first values, and nothing is written beyond it. */
static void test_lengths(void **state)
{
    float all[2 * NNC_DRAWS + 2], some[2 * NNC_DRAWS + 2];
    (void)state;
    nnc_draw_normal(all, 2 * NNC_DRAWS + 2, 0, 1, 1, "a");
    for (int count = 0; count < 2 * NNC_DRAWS + 2; count++) {
        some[count] = 77;
        nnc_draw_normal(some, count, 0, 1, 1, "a");
        assert_memory_equal(some, all, (size_t)count * sizeof *all);
        assert_true(some[count] == 77);
    }
}

/* Fisher and Yates's shuffle as it is told, with a division of integers. */
static void shuffle(int64_t *order, int64_t count, uint64_t seed, int64_t epoch)
{
    for (int64_t i = 0; i < count; i++)
        order[i] = i;
    for (int64_t i = count - 1; i > 0; i--) {
        uint32_t word[2];
        nnc_threefry((uint32_t)seed ^ 0x73687566u, (uint32_t)(seed >> 32), (uint32_t)i, (uint32_t)epoch, word);
        int64_t j = (int64_t)((((uint64_t)word[0] << 32 | word[1]) >> 11) % (uint64_t)(i + 1)), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

static void test_order(void **state)
{
    static const int64_t counts[] = {1, 2, 3, 255, 256, 257, 1000, 200003};
    static int64_t order[200003], told[200003];
    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (int64_t epoch = 0; epoch < 3; epoch++) {
            uint64_t seed = 7 + c + ((uint64_t)c << 40);
            nnc_epoch_order(order, counts[c], true, seed, epoch);
            shuffle(told, counts[c], seed, epoch);
            assert_memory_equal(order, told, sizeof *order * (size_t)counts[c]);
        }
    nnc_epoch_order(order, 3, false, 1, 1);
    assert_true(order[0] == 0 && order[1] == 1 && order[2] == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_versions), cmocka_unit_test(test_kept), cmocka_unit_test(test_words), cmocka_unit_test(test_radius), cmocka_unit_test(test_cosine), cmocka_unit_test(test_floats), cmocka_unit_test(test_lengths), cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
