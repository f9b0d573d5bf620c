/* --emit=gradient: derivatives as they would stand in a paper. */
#include "gradients.h"

static void must_print(const char *program, const char *const *by, uint32_t count, const char *expected)
{
    nnc_session session;
    nnc_tensor_id ids[8];
    nnc_session_open(&session, NULL, NULL);
    nnc_program *p = parse_text(&session, program);
    nnc_text out = {.arena = &session.arena};
    for (uint32_t i = 0; i < count; i++)
        ids[i] = nnc_find(p, by[i]);
    nnc_gradient_print(&session.arena, p, nnc_find(p, "loss"), ids, count, &out);
    assert_string_equal(nnc_text_string(&out), expected);
    nnc_session_close(&session);
}

/* Three neurons: y11 and y12 of x, y21 of both, under squared error. */
static void test_three_neurons(void **state)
{
    static const char *const by[] = {"w11", "b11", "w12", "b12"};
    (void)state;
    must_print("input x[batch]\n"
               "input t[batch]\n"
               "param w11\n"
               "param b11\n"
               "param w12\n"
               "param b12\n"
               "y11[b < batch] = max(0, w11 * x[b] + b11)\n"
               "y12[b < batch] = max(0, w12 * x[b] + b12)\n"
               "y21[b < batch] = max(0, y11[b] - y12[b])\n"
               "error[b < batch] = (y21[b] - t[b]) ^ 2\n"
               "total = sum(b < batch: error[b])\n"
               "loss = total / count(batch)\n",
               by, 4,
               "d y21 = 2 * (y21 - t) / batch\n"
               "d y11 = if y21 > 0 then d y21 else 0\n"
               "d loss / d w11 = sum(b < batch: if y11[b] > 0 then d y11[b] * x[b] else 0)\n"
               "d loss / d b11 = sum(b < batch: if y11[b] > 0 then d y11[b] else 0)\n"
               "d y12 = if y21 > 0 then -d y21 else 0\n"
               "d loss / d w12 = sum(b < batch: if y12[b] > 0 then d y12[b] * x[b] else 0)\n"
               "d loss / d b12 = sum(b < batch: if y12[b] > 0 then d y12[b] else 0)\n");
}

static void test_softmax_regression(void **state)
{
    static const char *const by[] = {"w", "c"};
    (void)state;
    must_print("input x[batch, 4]\n"
               "input y[batch]: class(3)\n"
               "param w[4, 3]\n"
               "param c[3]\n"
               "z[b < batch, u < 3] = sum(i < 4: x[b, i] * w[i, u])\n"
               "s[b < batch, u < 3] = z[b, u] + c[u]\n"
               "e[b < batch, u < 3] = exp(s[b, u])\n"
               "total[b < batch] = sum(u < 3: e[b, u])\n"
               "p[b < batch, u < 3] = e[b, u] / total[b]\n"
               "l[b < batch] = -log(p[b, y[b]])\n"
               "all = sum(b < batch: l[b])\n"
               "loss = all / count(batch)\n",
               by, 2,
               "d s[i] = (p[i] - (if y == i then 1 else 0)) / batch\n"
               "d loss / d w[i, j] = sum(b < batch: d s[b, j] * x[b, i])\n"
               "d loss / d c[i] = sum(b < batch: d s[b, i])\n");
}

static void test_two_layers(void **state)
{
    static const char *const by[] = {"w1", "c1", "w2", "c2"};
    (void)state;
    must_print("input x[batch, 4]\n"
               "input t[batch, 2]\n"
               "param w1[4, 5]\n"
               "param c1[5]\n"
               "param w2[5, 2]\n"
               "param c2[2]\n"
               "z[b < batch, u < 5] = sum(i < 4: x[b, i] * w1[i, u])\n"
               "h[b < batch, u < 5] = max(0, z[b, u] + c1[u])\n"
               "o[b < batch, k < 2] = sum(u < 5: h[b, u] * w2[u, k])\n"
               "y[b < batch, k < 2] = o[b, k] + c2[k]\n"
               "error = sum(b < batch, k < 2: (y[b, k] - t[b, k]) ^ 2)\n"
               "loss = error / count(batch)\n",
               by, 4,
               "d y[i] = 2 * (y[i] - t[i]) / batch\n"
               "d h[i] = sum(j: d y[j] * w2[i, j])\n"
               "d z[i] = if h[i] > 0 then d h[i] else 0\n"
               "d loss / d w1[i, j] = sum(b < batch: d z[b, j] * x[b, i])\n"
               "d loss / d c1[i] = sum(b < batch: d z[b, i])\n"
               "d loss / d w2[i, j] = sum(b < batch: d y[b, j] * h[b, i])\n"
               "d loss / d c2[i] = sum(b < batch: d y[b, i])\n");
}

/* Gaussian units around centres. */
static void test_radial(void **state)
{
    static const char *const by[] = {"centre", "w"};
    (void)state;
    must_print("input x[batch, 2]\n"
               "input t[batch]\n"
               "param centre[6, 2]\n"
               "param w[6]\n"
               "r[b < batch, u < 6] = sum(i < 2: (x[b, i] - centre[u, i]) ^ 2)\n"
               "h[b < batch, u < 6] = exp(-r[b, u])\n"
               "y[b < batch] = sum(u < 6: h[b, u] * w[u])\n"
               "error = sum(b < batch: (y[b] - t[b]) ^ 2)\n"
               "loss = error / count(batch)\n",
               by, 2,
               "d y = 2 * (y - t) / batch\n"
               "d r[i] = -(d y * w[i] * h[i])\n"
               "d loss / d centre[i, j] = -2 * sum(b < batch: d r[b, i] * (x[b, j] - centre[i, j]))\n"
               "d loss / d w[i] = sum(b < batch: d y[b] * h[b, i])\n");
}

/* A place in the middle is told as such, and equal factors are a power. */
static void test_place_and_power(void **state)
{
    static const char *const by[] = {"h", "v"};
    (void)state;
    must_print("param h[6]\n"
               "param v[2]\n"
               "y[i < 2] = 3 / sqrt(v[i])\n"
               "total = sum(i < 2: y[i])\n"
               "loss = total + h[4]\n",
               by, 2,
               "d loss / d h[i] = if i == 4 then 1 else 0\n"
               "d loss / d v[i] = -0.5 * y[i] / sqrt(v[i])^2\n");
}

/* Softmax and cross-entropy as a library has them: equal derivatives go by the name that is least deep in definitions. */
static void test_cross_entropy(void **state)
{
    static const char *const by[] = {"w", "c"};
    (void)state;
    must_print("input x[batch, 4]\n"
               "input y[batch]: class(3)\n"
               "param w[4, 3]\n"
               "param c[3]\n"
               "z[b < batch, u < 3] = sum(i < 4: x[b, i] * w[i, u])\n"
               "scores[b < batch, u < 3] = z[b, u] + c[u]\n"
               "l.log.d[b < batch, u < 3] = scores[b, u] - 2\n"
               "l.log.e[b < batch, u < 3] = exp(l.log.d[b, u])\n"
               "l.log.total[b < batch] = sum(u < 3: l.log.e[b, u])\n"
               "l.log.y[b < batch, u < 3] = l.log.d[b, u] - log(l.log.total[b])\n"
               "l.e[b < batch] = -l.log.y[b, y[b]]\n"
               "all = sum(b < batch: l.e[b])\n"
               "loss = all / count(batch)\n",
               by, 2,
               "d scores[i] = (l.log.e[i] / l.log.total - (if y == i then 1 else 0)) / batch\n"
               "d loss / d w[i, j] = sum(b < batch: d scores[b, j] * x[b, i])\n"
               "d loss / d c[i] = sum(b < batch: d scores[b, i])\n");
}

static void test_without_dependence(void **state)
{
    static const char *const by[] = {"v"};
    (void)state;
    must_print("param v[3]\nparam w[3]\nloss = sum(i < 3: w[i])\n", by, 1, "d loss / d v = 0\n");
}

/* Conditions on classes and indices: equalities with and without a constant, bounds, a bound at an end. */
static void test_conditions(void **state)
{
    static const char *const by[] = {"w"};
    (void)state;
    must_print("input x[batch, 6]\n"
               "input c[batch]: class(4)\n"
               "param w[6]\n"
               "s[b < batch] = sum(i < 6: if c[b] == 2 then x[b, i] * w[i] else 0)\n"
               "u[b < batch] = sum(i < 6: if c[b] <= 1 then x[b, i] * w[i] else 0)\n"
               "v[b < batch] = sum(i < 6: if c[b] - i == 1 then x[b, i] * w[i] else 0)\n"
               "total = sum(b < batch: s[b] + u[b] + v[b])\n"
               "loss = total / count(batch)\n",
               by, 1,
               "d loss / d w[i] = (sum(b < batch: if c[b] == i + 1 then x[b, i] else 0) + sum(b < batch: if c[b] <= 1 then x[b, i] else 0) + "
               "sum(b < batch: if c[b] == 2 then x[b, i] else 0)) / batch\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_neurons), cmocka_unit_test(test_softmax_regression), cmocka_unit_test(test_two_layers),
        cmocka_unit_test(test_radial),        cmocka_unit_test(test_without_dependence),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_place_and_power), cmocka_unit_test(test_cross_entropy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
