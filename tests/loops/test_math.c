/* Each elementary function that kernels have, against libm's in double (whose own error is 2^-29 of what is measured here): the largest error in units in the last
 * place, exact values where the rule says so, and what becomes of numbers below 2^-126. Draws against base/random.h.
 *
 *     test_math                    every 4099th float
 *     test_math --all [THREADS [FUNCTION]]     all 2^32 floats, some minutes a function: the table of docs/math.md */
#include "tests/loops/harness.h"
#include "tests/flushing.h"
#include "base/random.h"
#include <pthread.h>

enum { LANES = 16, CHUNK = 1 << 14, MOST_RULES = 4 };

static uint64_t stride = 4099;    /* a prime: all low bits occur */
static int threads = 1;
static const char *only;          /* the function; NULL: all */
static const float LEAST_NORMAL = 0x1p-126f;

/* A processor of this kind without fused multiply-add, where there is one. */
#if defined(__x86_64__)
#define PLAIN_CPU "x86-64"
#else
#define PLAIN_CPU NULL
#endif

/* ---- what is promised ---- */

typedef nnc_value_id (*emitter)(nnc_builder *, nnc_value_id);

/* From low to high the result is `value`, exactly; of an odd function, the same with the sign of the argument. */
typedef struct rule { float low, high, value; } rule;

typedef struct function {
    const char *name;
    emitter emit;
    double (*reference)(double);
    double ulp, plain;            /* the largest error of normal results, with fused multiply-add and without */
    double near;                  /* without it, results nearer to zero than this have the errors that this has */
    double limit;                 /* the bound holds for |x| up to this */
    float least, most;            /* everywhere */
    bool odd;
    rule rule[MOST_RULES];
    int rules;
} function;

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static const function functions[] = {
    {"exp", nnc_emit_exp, exp, 1.0, 1.2, 0, INFINITY, 0, INFINITY, false, {{-INFINITY, -104, 0}, {0, 0, 1}, {0x1.62e430p+6f, INFINITY, INFINITY}}, 3},
    {"log", nnc_emit_log, log, 1.1, 1.1, 0, INFINITY, -INFINITY, INFINITY, false, {{-INFINITY, -0x1p-149f, NAN}, {0, 0, -INFINITY}, {1, 1, 0}, {INFINITY, INFINITY, INFINITY}}, 4},
    {"tanh", nnc_emit_tanh, tanh, 2.6, 2.7, 0, INFINITY, -1, 1, true, {{0, 0, 0}, {9.02f, INFINITY, 1}}, 2},
    {"sigmoid", nnc_emit_sigmoid, sigmoid, 2.8, 2.9, 0, INFINITY, 0, 1, false, {{-INFINITY, -104, 0}, {0, 0, 0.5f}, {17.33f, INFINITY, 1}}, 3},
    {"erf", nnc_emit_erf, erf, 1.1, 1.4, 0, INFINITY, -1, 1, true, {{0, 0, 0}, {3.92f, INFINITY, 1}}, 2},
    {"sin", nnc_emit_sin, sin, 1.6, 1.6, 0x1p-10, 1e5, -1, 1, true, {{0, 0, 0}, {INFINITY, INFINITY, NAN}}, 2},
    {"cos", nnc_emit_cos, cos, 1.6, 1.6, 0x1p-10, 1e5, -1, 1, false, {{-INFINITY, -INFINITY, NAN}, {0, 0, 1}, {INFINITY, INFINITY, NAN}}, 3},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* How kernels are run: with this processor's instructions, the same with small numbers flushed, and with a product and a sum rounded one by one. */
enum { KEPT, FLUSHED, PLAIN, WAYS };
static const char *const way_name[WAYS] = {"as they are", "flushed", "without fused multiply-add"};

/* ---- one result ---- */

/* What was found on one way of running: the largest errors, where, and the first result that breaks a rule. */
typedef struct finding {
    double ulp, absolute;         /* absolute: of true values below 2^-126 */
    float at, absolute_at;
    const char *broken;
    float broken_at, broken_by;
} finding;

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static bool is_subnormal(float x) { return (bits_of(x) & 0x7f800000) == 0 && (bits_of(x) & 0x7fffff) != 0; }
static bool same(float a, float b) { return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b)); }

static void break_rule(finding *f, const char *which, float x, float y)
{
    if (!f->broken) {
        f->broken = which;
        f->broken_at = x;
        f->broken_by = y;
    }
}

/* The value that the rules give for x. False: none does. */
static bool exact_value(const function *f, float x, float *value)
{
    float at = f->odd ? fabsf(x) : x;
    for (int i = 0; i < f->rules; i++)
        if (f->rule[i].low <= at && at <= f->rule[i].high) {
            *value = f->odd ? copysignf(f->rule[i].value, x) : f->rule[i].value;
            return true;
        }
    *value = NAN;
    return isnan(x);
}

/* An infinite result stands for 2^128, the first number that is too large. */
static double bounded(double x) { return x > 0x1p128 ? 0x1p128 : x < -0x1p128 ? -0x1p128 : x; }

static double ulp_of(double expected)
{
    int exponent = (int)(bits_of((float)expected) >> 23 & 255);
    uint64_t word = (uint64_t)((exponent < 1 ? 1 : exponent > 254 ? 254 : exponent) - 150 + 1023) << 52;
    double ulp;
    memcpy(&ulp, &word, sizeof ulp);
    return ulp;
}

static void note_error(finding *f, bool flushed, double near, float x, double expected, float got)
{
    double error = fabs(bounded((double)got) - bounded(expected));
    bool small = fabs(expected) < (double)LEAST_NORMAL || (flushed && got == 0 && fabs(expected) < 2 * (double)LEAST_NORMAL);     /* rounded below it, then flushed */
    double *worst = small ? &f->absolute : &f->ulp;
    error = small ? error : error / ulp_of(fmax(fabs(bounded(expected)), near));
    if (error > *worst) {
        *worst = error;
        *(small ? &f->absolute_at : &f->at) = x;
    }
}

/* Flushed: arithmetic takes numbers below 2^-126 for zero, and gives zero for them, as it does while nnc runs kernels; such an x may also be handed on as it is. */
static void check(const function *f, int way, float x, double expected, float got, finding *found)
{
    float value;
    bool flushed = way == FLUSHED;
    if (flushed && is_subnormal(x) && exact_value(f, copysignf(0, x), &value) && same(got, value))
        return;
    if (exact_value(f, x, &value)) {
        if (!same(got, value))
            break_rule(found, "an exact value", x, got);
    } else if (!(got >= f->least && got <= f->most)) {
        break_rule(found, "the range of results", x, got);
    } else if (flushed && is_subnormal(got) && !is_subnormal(x)) {
        break_rule(found, "flushing", x, got);
    } else if (fabs((double)x) <= f->limit) {
        note_error(found, flushed, way == PLAIN ? f->near : 0, x, expected, got);
    }
}

/* ---- many results ---- */

typedef struct part {             /* of the floats, for one thread */
    const function *f;
    nnc_kernel_function wide[WAYS], narrow[WAYS];     /* NULL: not run that way */
    uint64_t first, end;
    finding found[WAYS];
    pthread_t thread;
    float x[CHUNK], y[CHUNK], one[CHUNK];
    double expected[CHUNK];
} part;

static void run_kernel(nnc_kernel_function call, float *x, float *y, bool flushed)
{
    void *pointers[5] = {NULL, NULL, NULL, x, y};
    set_flushing(flushed);                 /* the reference is never run so */
    call(pointers, 1, 0, 1);
    set_flushing(false);
}

static void run_chunk(part *p)
{
    for (int i = 0; i < CHUNK; i++)
        p->expected[i] = fabs((double)p->x[i]) <= p->f->limit ? p->f->reference((double)p->x[i]) : 0;
    for (int w = 0; w < WAYS; w++) {
        if (!p->wide[w])
            continue;
        run_kernel(p->wide[w], p->x, p->y, w == FLUSHED);
        for (int i = 0; i < CHUNK; i++)
            check(p->f, w, p->x[i], p->expected[i], p->y[i], &p->found[w]);
        if (stride == 1)
            continue;
        run_kernel(p->narrow[w], p->x, p->one, w == FLUSHED);
        for (int i = 0; i < CHUNK; i++)
            if (!same(p->y[i], p->one[i]))
                break_rule(&p->found[w], "the same in a vector and alone", p->x[i], p->one[i]);
    }
}

static void *run_part(void *context)
{
    part *p = context;
    for (uint64_t bits = p->first; bits < p->end;) {
        for (int i = 0; i < CHUNK; i++, bits += stride)
            p->x[i] = float_of((uint32_t)bits);
        run_chunk(p);
    }
    return NULL;
}

static void take_worse(finding *all, const finding *one)
{
    if (one->ulp > all->ulp) {
        all->ulp = one->ulp;
        all->at = one->at;
    }
    if (one->absolute > all->absolute) {
        all->absolute = one->absolute;
        all->absolute_at = one->absolute_at;
    }
    if (one->broken)
        break_rule(all, one->broken, one->broken_at, one->broken_by);
}

/* The floats shared out among the threads. */
static void run_function(const part *how, finding found[WAYS])
{
    part *parts = calloc((size_t)threads, sizeof *parts);
    assert_non_null(parts);
    for (int i = 0; i < threads; i++) {
        parts[i] = *how;
        parts[i].first = ((uint64_t)1 << 32) / (uint64_t)threads * (uint64_t)i;
        parts[i].end = i + 1 < threads ? ((uint64_t)1 << 32) / (uint64_t)threads * (uint64_t)(i + 1) : (uint64_t)1 << 32;
        assert_int_equal(pthread_create(&parts[i].thread, NULL, run_part, &parts[i]), 0);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(parts[i].thread, NULL);
        for (int w = 0; w < WAYS; w++)
            take_worse(&found[w], &parts[i].found[w]);
    }
    free(parts);
}

/* Tells what does not hold, if anything. */
static bool holds(const function *f, int way, const finding *found)
{
    double ulp = way == PLAIN ? f->plain : f->ulp, smallest = way == FLUSHED ? (double)LEAST_NORMAL * (1 + ulp * 0x1p-23) : ulp * 0x1p-149;
    if (found->broken)
        print_error("%s, %s: %s does not hold: %a gives %a\n", f->name, way_name[way], found->broken, (double)found->broken_at, (double)found->broken_by);
    if (!(found->ulp <= ulp))
        print_error("%s, %s: %.3f units in the last place at %a\n", f->name, way_name[way], found->ulp, (double)found->at);
    if (!(found->absolute <= smallest))
        print_error("%s, %s: an error of %a at %a, where the true value is below 2^-126\n", f->name, way_name[way], found->absolute, (double)found->absolute_at);
    return !found->broken && found->ulp <= ulp && found->absolute <= smallest;
}

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

static void open_functions(harness *h, const char *cpu)
{
    harness_open(h);
    for (int i = 0; i < FUNCTIONS; i++) {
        build(h, &functions[i], LANES);
        build(h, &functions[i], 1);
    }
    harness_jit(h, cpu);
}

static void find_kernels(part *p, harness *h, int way)
{
    p->wide[way] = harness_symbol(h, nnc_arena_format(&h->arena, "%s_%d", p->f->name, LANES), false);
    p->narrow[way] = harness_symbol(h, nnc_arena_format(&h->arena, "%s_1", p->f->name), false);
}

static void test_functions(void **state)
{
    harness here, plain;
    part *how = calloc(1, sizeof *how);
    bool good = true;
    (void)state;
    assert_non_null(how);
    open_functions(&here, NULL);
    open_functions(&plain, PLAIN_CPU);
    printf("%-8s %22s %22s %22s %12s %12s\n", "", "ulp", "flushed", "without fma", "below 2^-126", "flushed");
    for (int i = 0; i < FUNCTIONS; i++) {
        finding found[WAYS] = {{0}};
        if (only && strcmp(only, functions[i].name) != 0)
            continue;
        how->f = &functions[i];
        find_kernels(how, &here, KEPT);
        find_kernels(how, &here, FLUSHED);
        find_kernels(how, &plain, PLAIN);
        run_function(how, found);
        printf("%-8s", functions[i].name);
        for (int w = 0; w < WAYS; w++)
            printf(" %6.3f at %-12a", found[w].ulp, (double)found[w].at);
        printf(" %12.3g %12.3g\n", found[KEPT].absolute, found[FLUSHED].absolute);
        fflush(stdout);
        for (int w = 0; w < WAYS; w++)
            good &= holds(&functions[i], w, &found[w]);
    }
    free(how);
    harness_close(&here);
    harness_close(&plain);
    assert_true(good);
}

/* docs/math.md says the same bounds. */
static void test_docs(void **state)
{
    static char text[1 << 14];
    const char *source = getenv("NNC_SOURCE_DIR");
    char path[1024], row[64], plain[32];
    (void)state;
    snprintf(path, sizeof path, "%s/docs/math.md", source ? source : ".");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    for (int i = 0; i < FUNCTIONS; i++) {
        snprintf(row, sizeof row, "\n| `%s`%s | %.1f |", functions[i].name, isinf(functions[i].limit) ? "" : ", \\|x\\| <= 1e5", functions[i].ulp);
        snprintf(plain, sizeof plain, " | %.1f ", functions[i].plain);
        const char *found = strstr(text, row), *other = found ? strstr(found + strlen(row), plain) : NULL;
        if (!other || other > strchr(found + 1, '\n'))
            fail_msg("docs/math.md does not say of %s: %.1f, and %.1f without fused multiply-add", functions[i].name, functions[i].ulp, functions[i].plain);
    }
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
    harness_jit(&h, NULL);
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
            if (!same(y[0][i], y[1][i]))
                fail_msg("%s(%a): %a by the JIT, %a by C", functions[f].name, (double)x[i], (double)y[0][i], (double)y[1][i]);
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
    harness_jit(&h, NULL);
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
    if (count > 1 && strcmp(argument[1], "--all") == 0) {
        stride = 1;
        threads = count > 2 ? atoi(argument[2]) : 1;
        only = count > 3 ? argument[3] : NULL;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_functions), cmocka_unit_test(test_docs), cmocka_unit_test(test_edges), cmocka_unit_test(test_draws)};
    return threads < 1 ? 2 : cmocka_run_group_tests(tests, NULL, NULL);
}
