/* Each elementary function against libm's in double, in units in the last place of the float result; quick by default, over all 2^32 floats with
 * --all. Draws against base/random.h. */
#include "tests/loops/harness.h"
#include "base/random.h"

enum { LANES = 16, CHUNK = 1 << 14 };

static uint64_t stride = 4099;    /* a prime: all low bits occur */

typedef nnc_value_id (*emitter)(nnc_builder *, nnc_value_id);
typedef struct function {
    const char *name;
    emitter emit;
    double (*reference)(double);
    double ulp;
    double limit;                 /* the bound holds for |x| up to this; beyond, results are within +-1 (sin, cos) */
    double at_zero;               /* f(+-0): 0 means the same zero */
} function;

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static const function functions[] = {
    {"exp", nnc_emit_exp, exp, 1.0, INFINITY, 1},      {"log", nnc_emit_log, log, 1.0, INFINITY, -INFINITY},
    {"tanh", nnc_emit_tanh, tanh, 3.0, INFINITY, 0},   {"sigmoid", nnc_emit_sigmoid, sigmoid, 3.0, INFINITY, 0.5},
    {"erf", nnc_emit_erf, erf, 3.0, INFINITY, 0},      {"sin", nnc_emit_sin, sin, 2.0, 1e5, 0},
    {"cos", nnc_emit_cos, cos, 2.0, 1e5, 1},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

static void build(harness *h, const function *f, int lanes)
{
    uint32_t in = h->loops->buffers > 0 ? 0 : harness_buffer(h, "x", CHUNK, false, false);
    uint32_t out = h->loops->buffers > 1 ? 1 : harness_buffer(h, "y", CHUNK, false, true);
    nnc_builder *b = harness_kernel(h, nnc_arena_format(&h->arena, "%s_%d", f->name, lanes));
    nnc_value_id i = nnc_open_for(b, nnc_emit_index(b, 0), nnc_emit_index(b, CHUNK), lanes);
    nnc_emit_store(b, out, i, f->emit(b, nnc_emit_load(b, in, i, (uint8_t)lanes, true)));
    nnc_close(b);
    nnc_builder_done(b);
}

static double ulp_of(float expected)
{
    int exponent;
    frexp(fabs((double)expected), &exponent);
    return ldexp(1, exponent < -125 ? -149 : exponent - 24);
}

/* How far a result is from the true value, in units in its last place; the ends count as they round. */
static double error_of(double expected, float got)
{
    if (isnan(expected) || isnan(got))
        return isnan(expected) && isnan(got) ? 0 : INFINITY;
    float rounded = (float)expected;
    if (isinf(rounded) || isinf(got))
        return rounded == got ? 0 : isinf(got) && fabs(expected) > 0x1.fffffep127 * 0.9999999 ? 0.5 : INFINITY;
    return fabs((double)got - expected) / ulp_of(rounded);
}

static void check(const function *f, const float *x, const float *y, double *worst, float *where)
{
    for (int i = 0; i < CHUNK; i++) {
        if (fabs((double)x[i]) > f->limit) {
            if (!(isinf(x[i]) ? isnan(y[i]) : fabs((double)y[i]) <= 1))
                fail_msg("%s(%a) = %a", f->name, (double)x[i], (double)y[i]);
            continue;
        }
        double error = error_of(f->reference((double)x[i]), y[i]);
        if (error > *worst) {
            *worst = error;
            *where = x[i];
        }
    }
}

static void run_function(harness *h, const function *f)
{
    static float x[CHUNK], y[CHUNK], one[CHUNK];
    void *pointers[5] = {NULL, NULL, NULL, x, y}, *scalar[5] = {NULL, NULL, NULL, x, one};
    nnc_kernel_function wide = harness_symbol(h, nnc_arena_format(&h->arena, "%s_%d", f->name, LANES), false);
    nnc_kernel_function narrow = harness_symbol(h, nnc_arena_format(&h->arena, "%s_1", f->name), false);
    double worst = 0;
    float where = 0;
    uint64_t bits = 0;
    while (bits >> 32 == 0) {
        for (int i = 0; i < CHUNK; i++, bits += stride) {
            uint32_t word = (uint32_t)bits;
            memcpy(&x[i], &word, 4);
        }
        wide(pointers, 1, 0, 1);
        check(f, x, y, &worst, &where);
        if (stride > 1) {
            narrow(scalar, 1, 0, 1);
            for (int i = 0; i < CHUNK; i++)
                if (memcmp(&y[i], &one[i], 4) && !(isnan(y[i]) && isnan(one[i])))
                    fail_msg("%s(%a): %a in a vector, %a alone", f->name, (double)x[i], (double)y[i], (double)one[i]);
        }
    }
    print_message("%-8s %.3f ulp at %a\n", f->name, worst, (double)where);
    if (!(worst <= f->ulp))
        fail_msg("%s: %.3f units in the last place at %a", f->name, worst, (double)where);
}

static void test_functions(void **state)
{
    (void)state;
    harness h;
    harness_open(&h);
    for (int i = 0; i < FUNCTIONS; i++) {
        build(&h, &functions[i], LANES);
        build(&h, &functions[i], 1);
    }
    harness_jit(&h);
    for (int i = 0; i < FUNCTIONS; i++)
        run_function(&h, &functions[i]);
    harness_close(&h);
}

/* Each special value and where functions turn, through C too: the bits of the JIT's results. */
static void test_edges(void **state)
{
    (void)state;
    static const float edges[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 0x1p-149f, -0x1p-149f, 0x1p-126f, 1, -1, 88.7228394f, 88.7228317f, -87.4f,
                                  -103.972f, -104, -103.9721f, 0.9219f, 3.92f, 9.02f, 0x1.fffffep127f, -0x1.fffffep127f, 1e5f, -1e5f, 3.14159274f,
                                  1.57079637f, 0.5f, 2, 1e-20f, 1e20f, 0.70710678f, 1.41421356f, 44};
    harness h;
    harness_open(&h);
    for (int i = 0; i < FUNCTIONS; i++)
        build(&h, &functions[i], LANES);
    harness_jit(&h);
    harness_c(&h, "gcc");
    static float x[CHUNK], y[2][CHUNK];
    for (int i = 0; i < CHUNK; i++)
        x[i] = edges[i % (int)(sizeof edges / sizeof *edges)];
    for (int f = 0; f < FUNCTIONS; f++) {
        for (int c = 0; c < 2; c++) {
            void *pointers[5] = {NULL, NULL, NULL, x, y[c]};
            harness_symbol(&h, nnc_arena_format(&h.arena, "%s_%d", functions[f].name, LANES), c == 1)(pointers, 1, 0, 1);
        }
        for (int i = 0; i < CHUNK; i++)
            if (memcmp(&y[0][i], &y[1][i], 4) && !(isnan(y[0][i]) && isnan(y[1][i])))
                fail_msg("%s(%a): %a by the JIT, %a by C", functions[f].name, (double)x[i], (double)y[0][i], (double)y[1][i]);
        if (functions[f].at_zero == 0)
            assert_true(y[0][0] == 0 && !signbit(y[0][0]) && y[0][1] == 0 && signbit(y[0][1]));
        else
            assert_true((double)y[0][0] == functions[f].at_zero && (double)y[0][1] == functions[f].at_zero);
    }
    harness_close(&h);
}

/* ---- draws ---- */

enum { DRAWS = 1 << 16 };

static void build_draws(harness *h)
{
    uint32_t uniform = harness_buffer(h, "u", DRAWS, false, true), gaussian = harness_buffer(h, "g", DRAWS, false, true);
    nnc_builder *b = harness_kernel(h, "draws");
    nnc_value_id i = nnc_open_for(b, nnc_emit_index(b, 0), nnc_emit_index(b, DRAWS), LANES);
    nnc_value_id place = nnc_emit_broadcast(b, nnc_emit1(b, NNC_LOOP_INT_OF, i), LANES);
    place = nnc_emit2(b, NNC_LOOP_IADD, place, nnc_emit(b, NNC_LOOP_IOTA, NULL, 0, LANES));
    nnc_value_id key0 = nnc_emit_int(b, (int32_t)0x9E3779B9, LANES), key1 = nnc_emit_int(b, 12345, LANES), step = nnc_emit_int(b, 7, LANES);
    nnc_emit_store(b, uniform, i, nnc_emit_uniform(b, key0, key1, place, step));
    nnc_emit_store(b, gaussian, i, nnc_emit_gaussian(b, key0, key1, place, step));
    nnc_close(b);
    nnc_builder_done(b);
}

static void test_draws(void **state)
{
    (void)state;
    static float u[DRAWS], g[DRAWS];
    void *pointers[5] = {NULL, NULL, NULL, u, g};
    harness h;
    harness_open(&h);
    build_draws(&h);
    harness_jit(&h);
    harness_symbol(&h, "draws", false)(pointers, 1, 0, 1);
    double sum = 0, squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        uint32_t word[2];
        nnc_threefry(0x9E3779B9u, 12345, (uint32_t)i, 7, word);
        double u1 = nnc_uniform_of(word[0]), u2 = nnc_uniform_of(word[1]);
        assert_true((double)u[i] == u1);
        double expected = sqrt(-2 * log(1 - u1)) * cos(2 * 3.14159265358979323846 * u2);
        if (fabs((double)g[i] - expected) > 1e-6 * (1 + fabs(expected)))
            fail_msg("draw %d: %a, not %a", i, (double)g[i], expected);
        sum += (double)g[i];
        squares += (double)g[i] * (double)g[i];
    }
    assert_true(fabs(sum / DRAWS) < 0.02 && fabs(squares / DRAWS - 1) < 0.03);
    harness_close(&h);
}

int main(int count, char **argument)
{
    if (count > 1 && strcmp(argument[1], "--all") == 0)
        stride = 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_functions), cmocka_unit_test(test_edges), cmocka_unit_test(test_draws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
