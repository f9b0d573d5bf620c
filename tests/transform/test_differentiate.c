/* Reverse mode against central differences: random formulas, and networks written out by hand.
 *
 *     test_differentiate [COUNT [SEED]]        COUNT programs of random formulas from SEED on */
#include "gradients.h"

static uint64_t count = 600, first_seed = 1;

static void test_random_formulas(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed < first_seed + count; seed++) {
        nnc_arena arena;
        maker m;
        char what[40];
        nnc_arena_open(&arena, NULL, NULL);
        nnc_tensor_id loss = make_program(&m, &arena, seed, 2 + (uint32_t)(seed % 9));
        snprintf(what, sizeof what, "seed %d", (int)seed);
        check_gradients(&arena, m.p, loss, m.leaf, m.leaves, what);
        nnc_arena_close(&arena);
    }
}

/* A seed names one program, whatever compiler built this: of the shapes of the first forty. */
static void test_seeds(void **state)
{
    uint64_t hash = 0xcbf29ce484222325u;
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        nnc_arena arena;
        maker m;
        nnc_arena_open(&arena, NULL, NULL);
        make_program(&m, &arena, seed, 10);
        for (nnc_tensor_id id = 1; id < m.p->tensors; id++) {
            const nnc_tensor *t = nnc_tensor_at(m.p, id);
            hash = (hash ^ t->reduce) * 0x100000001b3u;
            for (uint32_t i = 0; i < t->rank + t->reduced; i++)
                hash = (hash ^ (uint64_t)t->extent[i]) * 0x100000001b3u;
        }
        nnc_arena_close(&arena);
    }
    if (hash != 0xde3f0945516b9824u)
        fail_msg("the seeds name other programs: %llx", (unsigned long long)hash);
}

static void test_softmax_cross_entropy(void **state)
{
    (void)state;
    check_text("softmax cross-entropy",
               "input x[batch, 5]\n"
               "input y[batch]: class(3)\n"
               "param w[5, 3]\n"
               "param b[3]\n"
               "z[b < batch, u < 3] = sum(i < 5: x[b, i] * w[i, u])\n"
               "s[c < batch, u < 3] = z[c, u] + b[u]\n"
               "top[b < batch] = max(j < 3: s[b, j])\n"
               "e[b < batch, j < 3] = exp(s[b, j] - top[b])\n"
               "total[b < batch] = sum(j < 3: e[b, j])\n"
               "l[b < batch, j < 3] = s[b, j] - top[b] - log(total[b])\n"
               "one[b < batch] = -l[b, y[b]]\n"
               "all = sum(b < batch: one[b])\n"
               "loss = all / count(batch)\n");
}

static void check_convolution(int stride, int pad, int dilation, int size)
{
    char text[1600], what[80];
    int n = 7, m = (n + 2 * pad - dilation * (size - 1) - 1) / stride + 1;
    snprintf(what, sizeof what, "convolution: stride %d, pad %d, dilation %d, size %d", stride, pad, dilation, size);
    snprintf(text, sizeof text,
             "input x[batch, %d, %d, 2]\n"
             "param k[%d, %d, 2, 3]\n"
             "p[b < batch, i < %d, j < %d, c < 2] = if i >= %d and i <= %d and j >= %d and j <= %d then x[b, i - %d, j - %d, c] else 0\n"
             "y[b < batch, i < %d, j < %d, o < 3] = sum(u < %d, v < %d, c < 2: p[b, %d*i + %d*u, %d*j + %d*v, c] * k[u, v, c, o])\n"
             "loss = sum(b < batch, i < %d, j < %d, o < 3: sin(y[b, i, j, o]))\n",
             n, n, size, size, n + 2 * pad, n + 2 * pad, pad, pad + n - 1, pad, pad + n - 1, pad, pad, m, m, size, size, stride, dilation, stride, dilation, m, m);
    check_text(what, text);
}

static void test_convolutions(void **state)
{
    (void)state;
    for (int stride = 1; stride <= 3; stride++)
        for (int pad = 0; pad <= 1; pad++)
            for (int dilation = 1; dilation <= 2; dilation++)
                for (int size = 1; size <= 3; size++)
                    check_convolution(stride, pad, dilation, size);
}

static void test_transposed_convolution(void **state)
{
    (void)state;
    check_text("transposed convolution",
               "input x[batch, 4, 2]\n"
               "param k[3, 2, 3]\n"
               "y[b < batch, i < 7, o < 3] = sum(d < 3, c < 2: if (i + 1 - d) mod 2 == 0 and i + 1 - d >= 0 and i + 1 - d <= 6 then "
               "x[b, floor((i + 1 - d) / 2), c] * k[d, c, o] else 0)\n"
               "loss = sum(b < batch, i < 7, o < 3: sin(y[b, i, o]))\n");
}

static void test_pooling(void **state)
{
    (void)state;
    check_text("overlapping max, then average",
               "param x[9, 9, 2]\n"
               "m[i < 4, j < 4, k < 2] = max(u < 3, v < 3: x[2*i + u, 2*j + v, k])\n"
               "a[i < 2, j < 2, k < 2] = sum(u < 2, v < 2: m[2*i + u, 2*j + v, k])\n"
               "loss = sum(i < 2, j < 2, k < 2: a[i, j, k] * a[i, j, k])\n");
}

static void test_batch_norm(void **state)
{
    (void)state;
    check_text("normalization over the batch",
               "input x[batch, 4, 3]\n"
               "param gain[3]\n"
               "param bias[3]\n"
               "t[i < 3] = sum(b < batch, j < 4: x[b, j, i])\n"
               "m[i < 3] = t[i] / (count(batch) * 4)\n"
               "s[i < 3] = sum(b < batch, j < 4: (x[b, j, i] - m[i]) ^ 2)\n"
               "v[i < 3] = s[i] / (count(batch) * 4)\n"
               "y[b < batch, j < 4, i < 3] = (x[b, j, i] - m[i]) / sqrt(v[i] + 0.001) * gain[i] + bias[i]\n"
               "loss = sum(b < batch, j < 4, i < 3: sin(3 * y[b, j, i]))\n");
}

static void test_attention(void **state)
{
    (void)state;
    check_text("causal attention",
               "input x[batch, 5, 3]\n"
               "param wq[3, 4]\n"
               "param wk[3, 4]\n"
               "param wv[3, 4]\n"
               "q[b < batch, t < 5, i < 4] = sum(j < 3: x[b, t, j] * wq[j, i])\n"
               "k[b < batch, t < 5, i < 4] = sum(j < 3: x[b, t, j] * wk[j, i])\n"
               "v[b < batch, t < 5, i < 4] = sum(j < 3: x[b, t, j] * wv[j, i])\n"
               "s[b < batch, t < 5, u < 5] = sum(i < 4: q[b, t, i] * k[b, u, i])\n"
               "c[b < batch, t < 5, u < 5] = if u - t <= 0 then s[b, t, u] / 2 else -1e30\n"
               "top[b < batch, t < 5] = max(u < 5: c[b, t, u])\n"
               "e[b < batch, t < 5, u < 5] = exp(c[b, t, u] - top[b, t])\n"
               "n[b < batch, t < 5] = sum(u < 5: e[b, t, u])\n"
               "p[b < batch, t < 5, u < 5] = e[b, t, u] / n[b, t]\n"
               "y[b < batch, t < 5, i < 4] = sum(u < 5: p[b, t, u] * v[b, u, i])\n"
               "loss = sum(b < batch, t < 5, i < 4: sin(y[b, t, i]))\n");
}

static void test_recurrence(void **state)
{
    (void)state;
    check_text("gates over time",
               "input x[batch, 5, 2]\n"
               "param w[2, 4, 3]\n"
               "param u[3, 4, 3]\n"
               "param start[3]\n"
               "before[b < batch, t < 5, i < 3] = if t >= 1 then h[b, t - 1, i] else start[i]\n"
               "kept[b < batch, t < 5, i < 3] = if t >= 1 then c[b, t - 1, i] else 0\n"
               "zx[b < batch, t < 5, g < 4, i < 3] = sum(j < 2: x[b, t, j] * w[j, g, i])\n"
               "zh[b < batch, t < 5, g < 4, i < 3] = sum(j < 3: before[b, t, j] * u[j, g, i])\n"
               "z[b < batch, t < 5, g < 4, i < 3] = zx[b, t, g, i] + zh[b, t, g, i]\n"
               "c[b < batch, t < 5, i < 3] = sigmoid(z[b, t, 0, i]) * kept[b, t, i] + sigmoid(z[b, t, 1, i]) * tanh(z[b, t, 2, i])\n"
               "h[b < batch, t < 5, i < 3] = sigmoid(z[b, t, 3, i]) * tanh(c[b, t, i])\n"
               "loss = sum(b < batch, t < 5, i < 3: h[b, t, i] * h[b, t, i])\n");
}

static void test_embedding(void **state)
{
    (void)state;
    check_text("rows looked up by class",
               "input word[batch, 4]: class(6)\n"
               "param e[6, 3]\n"
               "param at[4, 3]\n"
               "h[b < batch, t < 4, i < 3] = e[word[b, t], i] + at[t, i]\n"
               "loss = sum(b < batch, t < 4, i < 3: sin(h[b, t, i]))\n");
}

/* The batch is the first index of what is kept for the derivative too. */
static void test_product_over_batch(void **state)
{
    (void)state;
    check_text("product over the batch",
               "input x[batch, 4]\n"
               "y[i < 4] = prod(b < batch: max(0, x[b, i]) + 0.1)\n"
               "loss = sum(i < 4: y[i] * y[i])\n");
}

/* A constant to its readers: the derivative passes only by the other way. */
static void test_stopped(void **state)
{
    nnc_arena arena;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    nnc_program *p = nnc_program_new(&arena);
    nnc_tensor_id x = nnc_declare(p, NNC_KIND_PARAMETER, "x", (nnc_span){0}, NNC_REAL, 0, (int64_t[]){3}, 1), gradient;
    nnc_ref i = nnc_variable(p), read = nnc_read(p, x, &i, 1);
    nnc_tensor_id s = nnc_define(p, "s", (nnc_span){0}, NNC_REDUCE_NONE, &i, (int64_t[]){3}, 1, NULL, NULL, 0, nnc_binary(p, NNC_OP_MUL, read, read));
    nnc_tensor_at(p, s)->stopped = true;
    nnc_ref body = nnc_binary(p, NNC_OP_MUL, nnc_read(p, s, &i, 1), read);
    nnc_tensor_id loss = nnc_define(p, "loss", (nnc_span){0}, NNC_REDUCE_SUM, NULL, NULL, 0, &i, (int64_t[]){3}, 1, body);
    assert_true(nnc_depends(p, loss, x));
    assert_false(nnc_depends(p, loss, s));
    nnc_differentiate(p, loss, &x, 1, &gradient);
    must_verify(&arena, p, "stopped");
    nnc_interpreter *in = run_program(&arena, p, &gradient, 1);
    for (int64_t k = 0; k < 3; k++) {
        double value = leaf_value(nnc_tensor_at(p, x), k);
        assert_true(fabs(nnc_interpreter_get(in, gradient)[k] - value * value) < 1e-12);
    }
    nnc_arena_close(&arena);
}

static void test_no_dependence(void **state)
{
    nnc_session session;
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    nnc_program *p = parse_text(&session, "param x[3]\nparam y[3]\nloss = sum(i < 3: floor(x[i]) * y[i])\n");
    nnc_tensor_id by[2] = {nnc_find(p, "x"), nnc_find(p, "y")}, gradient[2];
    nnc_differentiate(p, nnc_find(p, "loss"), by, 2, gradient);
    assert_int_equal(gradient[0], 0);
    assert_int_not_equal(gradient[1], 0);
    assert_false(nnc_depends(p, nnc_find(p, "loss"), by[0]));
    assert_string_equal(nnc_tensor_at(p, gradient[1])->name, "d(y)");
    assert_int_equal(nnc_tensor_at(p, gradient[1])->derivative_of, by[1]);
    nnc_session_close(&session);
}

/* The tie of a two-argument max goes to the first argument, and abs has slope 0 at 0. */
static void test_ties(void **state)
{
    nnc_session session;
    nnc_tensor_id gradient;
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    nnc_program *p = parse_text(&session, "param x[2]\nloss = sum(i < 2: max(0, x[i]) + 10 * min(x[i], 0) + 100 * max(x[i], 0) + 1000 * abs(x[i]))\n");
    nnc_tensor_id x = nnc_find(p, "x");
    nnc_differentiate(p, nnc_find(p, "loss"), &x, 1, &gradient);
    nnc_interpreter *in = nnc_interpreter_new(&session.arena, p, 1);
    nnc_interpreter_set(in, x, (double[]){0, 0});
    nnc_interpreter_run(in);
    assert_true(nnc_interpreter_get(in, gradient)[0] == 110);
    nnc_session_close(&session);
}

/* A branch that is not taken gives 0, also where its slope would be infinite. */
static void test_select_not_masked(void **state)
{
    nnc_session session;
    nnc_tensor_id gradient;
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    nnc_program *p = parse_text(&session, "param x[2]\nloss = sum(i < 2: if x[i] > 0 then 3 * sqrt(x[i]) else 0)\n");
    nnc_tensor_id x = nnc_find(p, "x");
    nnc_differentiate(p, nnc_find(p, "loss"), &x, 1, &gradient);
    nnc_interpreter *in = nnc_interpreter_new(&session.arena, p, 1);
    nnc_interpreter_set(in, x, (double[]){0, 4});
    nnc_interpreter_run(in);
    assert_true(nnc_interpreter_get(in, gradient)[0] == 0);
    assert_true(nnc_interpreter_get(in, gradient)[1] == 0.75);
    nnc_session_close(&session);
}

int main(int arguments, char **argument)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_dependence),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_select_not_masked),
        cmocka_unit_test(test_softmax_cross_entropy),
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_transposed_convolution),
        cmocka_unit_test(test_pooling),
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_recurrence),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_product_over_batch),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_random_formulas),
    };
    if (arguments > 1)
        count = strtoull(argument[1], NULL, 10);
    if (arguments > 2)
        first_seed = strtoull(argument[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
