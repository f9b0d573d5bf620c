/* Examples in lanes: which tensors are put in blocks, what formulas become, and that values stay what they are, whole blocks or not. */
#include <math.h>
#include "transform/prepare.h"
#include "values.h"

/* A convolution of few channels, what is made of it, and gradients: of its kernel (w) and bias (v). */
static const char IMAGE[] = "input a[batch, 6, 6, 1]\n"
                            "input g[batch, 4, 4, 3]\n"
                            "param k[3, 3, 1, 3]\n"
                            "y[b < batch, i < 4, j < 4, o < 3] = sum(l < 3, m < 3, c < 1: a[b, i + l, j + m, c] * k[l, m, c, o])\n"
                            "r[b < batch, i < 4, j < 4, o < 3] = max(0, y[b, i, j, o])\n"
                            "d[b < batch, i < 4, j < 4, o < 3] = if y[b, i, j, o] > 0 then g[b, i, j, o] * tanh(r[b, i, j, o]) else 0\n"
                            "w[l < 3, m < 3, c < 1, o < 3] = sum(b < batch, i < 4, j < 4: d[b, i, j, o] * a[b, i + l, j + m, c])\n"
                            "v[o < 3] = sum(b < batch, i < 4, j < 4: d[b, i, j, o])\n";

/* Classes: a largest one, a sum, a lookup by the example's class, a mean; n: what does not become 0 by itself. */
static const char CLASSES[] = "input z[batch, 3]\n"
                              "input c[batch]: class(3)\n"
                              "t[b < batch] = max(i < 3: z[b, i])\n"
                              "e[b < batch, i < 3] = exp(z[b, i] - t[b])\n"
                              "s[b < batch] = sum(i < 3: e[b, i])\n"
                              "q[b < batch] = log(s[b]) - (z[b, c[b]] - t[b])\n"
                              "v = sum(b < batch: q[b])\n"
                              "w[i < 3] = sum(b < batch: (if i == c[b] then -1 / count(batch) else 0) + e[b, i] / s[b])\n"
                              "n = sum(b < batch: q[b] + 1)\n";

/* With all in blocks that may be; the roots are w, v and one more. */
static nnc_program *in_lanes(const char *text, const char *more)
{
    nnc_program *p = parse_good(text);
    nnc_tensor_id root[] = {named(p, "w"), named(p, "v"), named(p, more)};
    assert_true(nnc_use_lanes(p, root, 3, 32, true));
    const char *wrong = nnc_program_verify(p);
    if (wrong)
        fail_msg("%s\n%s", wrong, printed(p));
    return p;
}

/* Sums go in another order. */
static void must_agree(const char *text, const nnc_program *p, const char *name)
{
    static const int64_t batches[] = {1, 15, 16, 17, 40};
    const nnc_program *before = parse_good(text);
    for (size_t k = 0; k < sizeof batches / sizeof *batches; k++) {
        const nnc_tensor *t = nnc_tensor_at(before, named(before, name));
        const double *expected = values_of(before, name, batches[k]), *given = values_of(p, name, batches[k]);
        for (int64_t i = 0; i < nnc_elements(t) * (nnc_batched(t) ? batches[k] : 1); i++)
            if (!(fabs(given[i] - expected[i]) <= 1e-12 * (1 + fabs(expected[i]))))
                fail_msg("%s[%d] of %d examples is %.17g, and was %.17g\n%s", name, (int)i, (int)batches[k], given[i], expected[i], printed(p));
    }
}

static bool mentions(const nnc_program *p, const char *text) { return strstr(printed(p), text) != NULL; }

static void must_mention(const nnc_program *p, const char *text)
{
    if (!mentions(p, text))
        fail_msg("there is no %s in\n%s", text, printed(p));
}

static void test_image(void **state)
{
    (void)state;
    nnc_program *p = in_lanes(IMAGE, "r");
    must_mention(p, "y[b < blocks, i < 4, j < 4, l < 3, m < 16] = sum(n < 3, o < 3, p < 1: a.blocks[b, i + n, j + o, p, m] * k[n, o, p, l])");
    must_mention(p, "a[existing(16*b + m), i, j, l]");                /* a sum reads a copy */
    must_mention(p, "r[b < batch, i < 4, j < 4, l < 3] = max(0, y[floor(b / 16), i, j, l, b mod 16])");                  /* a root stays as it was */
    must_mention(p, "g[existing(16*b + m), i, j, l]");
    must_mention(p, "w[i < 3, j < 3, l < 1, m < 3] = sum(b < blocks, n < 4, o < 4, p < 16: d[b, n, o, m, p] * a.blocks[b, i + n, j + o, l, p])");
    must_agree(IMAGE, p, "w");
    must_agree(IMAGE, p, "v");
    must_agree(IMAGE, p, "r");
}

/* Examples that are not there add nothing: one factor of w is made 0 for them, the smaller one; and what v adds up. */
static void test_absent(void **state)
{
    (void)state;
    nnc_program *p = in_lanes(IMAGE, "r");
    must_mention(p, "d[b < blocks, i < 4, j < 4, l < 3, m < 16] = if 16*b + m < count(batch) then if 0 < y[b, i, j, l, m] then");
    must_mention(p, "a.blocks[b < blocks, i < 6, j < 6, l < 1, m < 16] = if 16*b + m < count(batch) then a[existing(16*b + m), i, j, l] else 0");
    p = in_lanes(CLASSES, "n");
    must_mention(p, "v = sum(b < blocks, i < 16: q[b, i])");
    must_mention(p, "n = sum(b < blocks, i < 16: if 16*b + i < count(batch) then q[b, i] + 1 else 0)");
}

static void test_classes(void **state)
{
    (void)state;
    nnc_program *p = in_lanes(CLASSES, "n");
    must_mention(p, "t[b < blocks, i < 16] = max(j < 3: z.blocks[b, j, i])");
    must_mention(p, "z[existing(16*b + i), c[existing(16*b + i)]]");
    must_agree(CLASSES, p, "v");
    must_agree(CLASSES, p, "w");
    must_agree(CLASSES, p, "n");
}

/* What others divide by, or take the logarithm of, is not made 0: 0 times what they give then would not be 0. */
static void test_fragile(void **state)
{
    static const char text[] = "input x[batch, 3]\n"
                               "input g[batch, 9]\n"
                               "e[b < batch, i < 3] = exp(x[b, i])\n"
                               "f[b < batch, i < 3] = e[b, i] * 2\n"
                               "m[i < 3] = sum(b < batch: e[b, i])\n"
                               "r[b < batch, i < 3] = m[i] / f[b, i]\n"
                               "d[b < batch, i < 9] = tanh(g[b, i])\n"
                               "w[i < 3, j < 9] = sum(b < batch: r[b, i] * d[b, j])\n"
                               "v[i < 3] = sum(b < batch: e[b, i] * log(e[b, i]))\n"
                               "s[b < batch, i < 3] = tanh(x[b, i])\n"
                               "n[i < 3] = sum(b < batch: (if 0 < s[b, i] then 1 / s[b, i] else 0) + s[b, i])\n";
    (void)state;
    nnc_program *p = in_lanes(text, "n");
    must_mention(p, "m[i < 3] = sum(b < blocks, j < 16: if 16*b + j < count(batch) then e[b, i, j] else 0)");
    must_agree(text, p, "w");
    must_agree(text, p, "v");
    must_agree(text, p, "n");
}

/* What reads other examples than its own, and what is read so, stays. */
static void test_neighbours(void **state)
{
    static const char text[] = "input x[batch, 3]\n"
                               "f[b < batch, i < 3] = x[b, i] * 2\n"
                               "h[b < batch, i < 3] = f[neighbour(b, 1), i] + f[b, i]\n"
                               "o[b < batch, i < 3] = h[b, i] + 1\n"
                               "m[i < 3] = sum(b < batch: o[b, i])\n"
                               "q[b < batch, i < 3] = o[b, i] - m[i]\n"
                               "w[i < 3] = sum(b < batch: q[b, i] * h[b, i])\n"
                               "v[i < 3] = max(b < batch: q[b, i])\n";
    (void)state;
    nnc_program *p = in_lanes(text, "m");
    must_mention(p, "f[b < batch, i < 3] =");
    must_mention(p, "h[b < batch, i < 3] =");
    must_mention(p, "then h[existing(16*b + j), i] + 1 else 0");
    must_mention(p, "v[i < 3] = max(b < batch: q.examples[b, i])");
    must_agree(text, p, "w");
    must_agree(text, p, "v");
    must_agree(text, p, "m");
}

/* A recurrence stays as it is. */
static void test_recurrence(void **state)
{
    static const char text[] = "input x[batch, 5, 2]\n"
                               "h[b < batch, t < 5, i < 2] = x[b, t, i] + (if t >= 1 then 0.5 * h[b, t - 1, i] else 0)\n"
                               "u[b < batch, i < 2] = h[b, 4, i] * 3\n"
                               "w[i < 2] = sum(b < batch: u[b, i])\n"
                               "v[i < 2] = sum(b < batch: u[b, i] * x[b, 0, i])\n"
                               "n[i < 2] = sum(b < batch: h[b, 4, i])\n";
    (void)state;
    nnc_program *p = in_lanes(text, "n");
    assert_false(nnc_in_blocks(nnc_tensor_at(p, named(p, "h"))) || !nnc_in_blocks(nnc_tensor_at(p, named(p, "u"))));
    must_agree(text, p, "w");
    must_agree(text, p, "v");
    must_agree(text, p, "n");
}

/* Each reads all before it: there are very many ways back from the last one, and each formula is looked at once. */
static void test_many_ways_back(void **state)
{
    enum { MANY = 80 };
    char *text = nnc_arena_format(&session.arena, "input x[batch, 3]\nh0[b < batch, i < 3] = tanh(x[b, i])\n");
    (void)state;
    for (int k = 1; k < MANY; k++) {
        char *sum = "0.1 * h0[b, i]";
        for (int j = 1; j < k; j++)
            sum = nnc_arena_format(&session.arena, "%s + 0.1 * h%d[b, i]", sum, j);
        text = nnc_arena_format(&session.arena, "%sh%d[b < batch, i < 3] = %s\n", text, k, sum);
    }
    text = nnc_arena_format(&session.arena, "%sw[i < 3] = sum(b < batch: h%d[b, i])\nv[i < 3] = sum(b < batch: h%d[b, i] * x[b, i])\nn = sum(b < batch: h0[b, 1])\n", text, MANY - 1, MANY - 2);
    nnc_program *p = in_lanes(text, "n");
    must_agree(text, p, "w");
    must_agree(text, p, "v");
}

/* An image of so many channels, for so many examples. */
static bool pays(int channels, int64_t batch)
{
    nnc_program *p = parse_good(nnc_arena_format(&session.arena,
        "input a[batch, 28, 28, %d]\nparam k[5, 5, %d, %d]\n"
        "y[b < batch, i < 24, j < 24, o < %d] = sum(l < 5, m < 5, c < %d: a[b, i + l, j + m, c] * k[l, m, c, o])\n"
        "r[b < batch, i < 24, j < 24, o < %d] = max(0, y[b, i, j, o])\n"
        "w[l < 5, m < 5, c < %d, o < %d] = sum(b < batch, i < 24, j < 24: r[b, i, j, o] * a[b, i + l, j + m, c])\n",
        channels, channels, channels, channels, channels, channels, channels, channels));
    nnc_tensor_id root = named(p, "w");
    bool any = nnc_use_lanes(p, &root, 1, batch, false);
    assert_int_equal(any, nnc_in_blocks(nnc_tensor_at(p, named(p, "y"))));
    assert_null(nnc_program_verify(p));
    return any;
}

static void test_worth(void **state)
{
    (void)state;
    assert_true(pays(6, 64));
    assert_true(pays(1, 32));
    assert_false(pays(16, 64));        /* channels fill vectors */
    assert_false(pays(64, 64));
    assert_false(pays(6, 16));         /* one block: nothing to share out */
    assert_false(pays(6, 40));         /* 8 of 48 examples would not be there */
    assert_true(pays(6, 100));         /* 12 of 112 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_image, fixture_open, fixture_close),     cmocka_unit_test_setup_teardown(test_absent, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(test_classes, fixture_open, fixture_close),   cmocka_unit_test_setup_teardown(test_neighbours, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(test_recurrence, fixture_open, fixture_close), cmocka_unit_test_setup_teardown(test_worth, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(test_fragile, fixture_open, fixture_close),   cmocka_unit_test_setup_teardown(test_many_ways_back, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
