/* The interpreter against plain loops: every operation, every reduction, draws, recurrences, choices. */
#include "fixture.h"
#include "formula/build.h"
#include "base/random.h"

static bool same(double a, double b) { return a == b || (a != a && b != b) || fabs(a - b) <= 1e-13 * fabs(b); }

#define CHECK(got, wanted, ...)                                                                                            \
    do {                                                                                                                   \
        double got_ = (got), wanted_ = (wanted);                                                                           \
        if (!same(got_, wanted_))                                                                                          \
            fail_msg("%s is %.17g, not %.17g", nnc_arena_format(&session.arena, __VA_ARGS__), got_, wanted_);              \
    } while (0)

static nnc_interpreter *start(const nnc_program *p, int64_t batch)
{
    nnc_interpreter *in = nnc_interpreter_new(&session.arena, p, batch);
    in->seed = 11;
    in->step = 5;
    return in;
}

static void give(nnc_interpreter *in, const char *name, const double *values) { nnc_interpreter_set(in, named(in->program, name), values); }
static const double *get(const nnc_interpreter *in, const char *name) { return nnc_interpreter_get(in, named(in->program, name)); }

/* ---- scalar operations ---- */

static const double VALUES[] = {0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, 1.5, -2.5, 1e-20, 700, -700, 1e300, -1e300, INFINITY, -INFINITY, NAN};
enum { COUNT = sizeof VALUES / sizeof *VALUES };

/* What the table says, written out once more. */
static bool wanted(const char *name, double a, double b, double *out)
{
    bool nan = a != a || b != b;
    if (!strcmp(name, "ADD")) *out = a + b;
    else if (!strcmp(name, "SUB")) *out = a - b;
    else if (!strcmp(name, "MUL")) *out = a * b;
    else if (!strcmp(name, "DIV")) *out = a / b;
    else if (!strcmp(name, "NEG")) *out = -a;
    else if (!strcmp(name, "POW")) *out = pow(a, b);
    else if (!strcmp(name, "MODULO")) *out = a - b * floor(a / b);
    else if (!strcmp(name, "MIN")) *out = nan ? NAN : a <= b ? a : b;
    else if (!strcmp(name, "MAX")) *out = nan ? NAN : a >= b ? a : b;
    else if (!strcmp(name, "ABS")) *out = a < 0 ? -a : a;
    else if (!strcmp(name, "FLOOR")) *out = floor(a);
    else if (!strcmp(name, "SIGN")) *out = a != a ? NAN : (a > 0) - (a < 0);
    else if (!strcmp(name, "SQRT")) *out = sqrt(a);
    else if (!strcmp(name, "EXP")) *out = exp(a);
    else if (!strcmp(name, "LOG")) *out = log(a);
    else if (!strcmp(name, "TANH")) *out = tanh(a);
    else if (!strcmp(name, "SIGMOID")) *out = 1 / (1 + exp(-a));
    else if (!strcmp(name, "SIN")) *out = sin(a);
    else if (!strcmp(name, "COS")) *out = cos(a);
    else if (!strcmp(name, "ERF")) *out = erf(a);
    else if (!strcmp(name, "MISSING")) *out = a != a;
    else if (!strcmp(name, "LESS")) *out = !nan && a < b;
    else if (!strcmp(name, "LESS_EQUAL")) *out = !nan && a <= b;
    else if (!strcmp(name, "EQUAL")) *out = !nan && a == b;
    else return false;
    return true;
}

/* Each operation of reals on all pairs of values: as a formula of one block, and folded from constants. */
static void test_operations(void **state)
{
    enum { FIRST = NNC_OP_ADD, LAST = NNC_OP_EQUAL };
    (void)state;
    for (int op = FIRST; op <= LAST; op++) {
        nnc_program *p = nnc_program_new(&session.arena);
        int64_t n = COUNT;
        nnc_tensor_id x = nnc_declare(p, NNC_KIND_INPUT, "x", (nnc_span){0}, NNC_REAL, 0, &n, 1);
        nnc_ref i = nnc_variable(p), j = nnc_variable(p), a = nnc_read(p, x, &i, 1), b = nnc_read(p, x, &j, 1);
        nnc_ref body = nnc_apply(p, (nnc_op)op, (nnc_ref[]){a, b}, (uint32_t)nnc_op_rows[op].arity);
        nnc_define(p, "y", (nnc_span){0}, NNC_REDUCE_NONE, (nnc_ref[]){i, j}, (int64_t[]){n, n}, 2, NULL, NULL, 0, body);
        assert_null(nnc_program_verify(p));
        nnc_interpreter *in = start(p, 1);
        give(in, "x", VALUES);
        nnc_interpreter_run(in);
        for (int k = 0; k < COUNT * COUNT; k++) {
            double u = VALUES[k / COUNT], v = VALUES[k % COUNT], expected;
            if (!wanted(nnc_op_rows[op].name, u, nnc_op_rows[op].arity == 2 ? v : 0, &expected))
                fail_msg("%s has no test", nnc_op_rows[op].name);
            CHECK(get(in, "y")[k], expected, "%s(%g, %g)", nnc_op_rows[op].name, u, v);
            nnc_ref folded = nnc_apply(p, (nnc_op)op, (nnc_ref[]){nnc_real(p, u), nnc_real(p, v)}, (uint32_t)nnc_op_rows[op].arity);
            const nnc_node *f = nnc_at(p, folded);
            CHECK(f->op == NNC_OP_TRUTH ? (double)f->integer[0] : f->real, expected, "folded %s(%g, %g)", nnc_op_rows[op].name, u, v);
        }
    }
}

/* Simplifications with one constant give what the operation gives. */
static void test_identities(void **state)
{
    enum { FIRST = NNC_OP_ADD, LAST = NNC_OP_EQUAL };
    static const double constants[] = {0, 1, -1, 2, 0.5, -3};
    (void)state;
    for (int op = FIRST; op <= LAST; op++)
        for (int c = 0; nnc_op_rows[op].arity == 2 && c < 12; c++) {
            nnc_program *p = nnc_program_new(&session.arena);
            int64_t n = COUNT;
            double constant = constants[c / 2];
            nnc_tensor_id x = nnc_declare(p, NNC_KIND_INPUT, "x", (nnc_span){0}, NNC_REAL, 0, &n, 1);
            nnc_ref i = nnc_variable(p), a = nnc_read(p, x, &i, 1), b = nnc_real(p, constant);
            nnc_define(p, "y", (nnc_span){0}, NNC_REDUCE_NONE, &i, &n, 1, NULL, NULL, 0, nnc_binary(p, (nnc_op)op, c % 2 ? a : b, c % 2 ? b : a));
            nnc_define(p, "z", (nnc_span){0}, NNC_REDUCE_NONE, &i, &n, 1, NULL, NULL, 0,
                       nnc_binary(p, (nnc_op)op, c % 2 ? nnc_to_real(p, i) : b, c % 2 ? b : nnc_to_real(p, i)));
            nnc_interpreter *in = start(p, 1);
            give(in, "x", VALUES);
            nnc_interpreter_run(in);
            for (int k = 0; k < COUNT; k++) {
                double e = 0, f = 0, u = VALUES[k];
                wanted(nnc_op_rows[op].name, c % 2 ? u : constant, c % 2 ? constant : u, &e);
                wanted(nnc_op_rows[op].name, c % 2 ? k : constant, c % 2 ? constant : k, &f);
                CHECK(get(in, "y")[k], e, "%s of %g and %g", nnc_op_rows[op].name, u, constant);
                CHECK(get(in, "z")[k], f, "%s of index %d and %g", nnc_op_rows[op].name, k, constant);
            }
        }
}

static void test_logic(void **state)
{
    nnc_program *p = parse_good("input p[2]: boolean\n"
                                "a[i < 2, j < 2] = p[i] and p[j]\n"
                                "o[i < 2, j < 2] = p[i] or p[j]\n"
                                "n[i < 2] = not p[i]\n"
                                "s[i < 2, j < 2] = if p[i] then p[j] else not p[j]\n"
                                "t[i < 2] = true\n");
    nnc_interpreter *in = start(p, 1);
    (void)state;
    give(in, "p", (double[]){0, 1});
    nnc_interpreter_run(in);
    for (int k = 0; k < 4; k++) {
        bool a = k / 2, b = k % 2;
        CHECK(get(in, "a")[k], a && b, "and %d", k);
        CHECK(get(in, "o")[k], a || b, "or %d", k);
        CHECK(get(in, "s")[k], a == b, "if %d", k);
    }
    CHECK(get(in, "n")[0], 1, "not 0");
    CHECK(get(in, "n")[1], 0, "not 1");
    CHECK(get(in, "t")[1], 1, "true");
}

/* ---- integers ---- */

static void test_integers(void **state)
{
    nnc_program *p = parse_good("input c[7]: class(5)\n"
                                "input r[7]\n"
                                "a[i < 7] = 3*i - 2*c[i] + 4\n"
                                "q[i < 7] = floor((c[i] - 2*i) / 3)\n"
                                "m[i < 7] = (c[i] - 2*i) mod 3\n"
                                "f[i < 7] = floor_int(r[i]) + 0\n"
                                "w[i < 7]: boolean = -2 <= c[i] - i <= 1\n"
                                "n[b < batch] = neighbour(b, 1)\n"
                                "o[b < batch] = neighbour(b, -1)\n"
                                "k = count(batch)\n");
    static const double c[] = {4, 0, 2, 1, 3, 0, 4}, r[] = {-1.5, 2.9, NAN, 1e30, -INFINITY, -0.25, 7};
    static const double floors[] = {-2, 2, 0, 0x1p30, -0x1p30, -1, 7};
    nnc_interpreter *in = start(p, 3);
    (void)state;
    give(in, "c", c);
    give(in, "r", r);
    nnc_interpreter_run(in);
    for (int i = 0; i < 7; i++) {
        int64_t class = (int64_t)c[i], e = class - 2 * i;
        CHECK(get(in, "a")[i], (double)(3 * i - 2 * class + 4), "a[%d]", i);
        CHECK(get(in, "q")[i], floor((double)e / 3), "q[%d]", i);
        CHECK(get(in, "m")[i], (double)(((e % 3) + 3) % 3), "m[%d]", i);
        CHECK(get(in, "f")[i], floors[i], "f[%d]", i);
        CHECK(get(in, "w")[i], class - i >= -2 && class - i <= 1, "w[%d]", i);
    }
    for (int b = 0; b < 3; b++) {
        CHECK(get(in, "n")[b], (b + 1) % 3, "n[%d]", b);
        CHECK(get(in, "o")[b], (b + 2) % 3, "o[%d]", b);
    }
    CHECK(*get(in, "k"), 3, "count(batch)");
}

/* A constant's floor is what the floor of the same value is at run time. */
static void test_constant_floors(void **state)
{
    static const double values[] = {0, -0.5, 0.5, 2, -2, 1073741823.5, 1073741824.5, 2e9, -2e9, -1073741823.5, -1073741824.5, INFINITY, -INFINITY, NAN};
    nnc_program *p = nnc_program_new(&session.arena);
    int64_t n = sizeof values / sizeof *values, folded;
    (void)state;
    nnc_tensor_id x = nnc_declare(p, NNC_KIND_INPUT, "x", (nnc_span){0}, NNC_REAL, 0, &n, 1);
    nnc_ref i = nnc_variable(p);
    nnc_define(p, "y", (nnc_span){0}, NNC_REDUCE_NONE, &i, &n, 1, NULL, NULL, 0, nnc_to_real(p, nnc_floor_integer(p, nnc_read(p, x, &i, 1))));
    nnc_interpreter *in = start(p, 1);
    give(in, "x", values);
    nnc_interpreter_run(in);
    for (int k = 0; k < n; k++) {
        assert_true(nnc_is_integer(p, nnc_floor_integer(p, nnc_real(p, values[k])), &folded));
        CHECK((double)folded, get(in, "y")[k], "floor_int(%g)", values[k]);
    }
}

/* ---- reductions ---- */

enum { ROWS = 37, COLUMNS = 23, DEPTH = 3 };

static double element_at(int i) { return sin(i * 12.9898) + (i % 7 == 0 ? 0.5 : 0); }

/* Over slots that are not the last ones of the tensor, over more points than one block holds. */
static void test_reductions(void **state)
{
    nnc_program *p = parse_good("input x[37, 23, 3]\n"
                                "s[i < 23] = sum(j < 37, k < 3: x[j, i, k])\n"
                                "q[i < 23] = prod(j < 37, k < 3: 1 + 0.01 * x[j, i, k])\n"
                                "m[i < 23] = max(j < 37, k < 3: x[j, i, k])\n"
                                "n[i < 23] = min(j < 37, k < 3: x[j, i, k])\n"
                                "a[i < 23] = argmax(j < 37, k < 3: x[j, i, k])\n"
                                "b[i < 23] = argmin(j < 37, k < 3: x[j, i, k])\n"
                                "all = sum(i < 37, j < 23, k < 3: x[i, j, k])\n"
                                "one[i < 37, j < 23] = sum(k < 1: x[i, j, k])\n");
    static double x[ROWS * COLUMNS * DEPTH];
    double all = 0;
    (void)state;
    for (int i = 0; i < ROWS * COLUMNS * DEPTH; i++)
        all += x[i] = element_at(i);
    nnc_interpreter *in = start(p, 1);
    give(in, "x", x);
    nnc_interpreter_run(in);
    for (int i = 0; i < COLUMNS; i++) {
        double s = 0, q = 1, m = -9, n = 9;
        int a = 0, b = 0;
        for (int j = 0; j < ROWS; j++)
            for (int k = 0; k < DEPTH; k++) {
                double v = x[(j * COLUMNS + i) * DEPTH + k];
                s += v;
                q *= 1 + 0.01 * v;
                a = v > m ? j * DEPTH + k : a;
                b = v < n ? j * DEPTH + k : b;
                m = v > m ? v : m;
                n = v < n ? v : n;
            }
        CHECK(get(in, "s")[i], s, "s[%d]", i);
        CHECK(get(in, "q")[i], q, "q[%d]", i);
        CHECK(get(in, "m")[i], m, "m[%d]", i);
        CHECK(get(in, "n")[i], n, "n[%d]", i);
        CHECK(get(in, "a")[i], a, "a[%d]", i);
        CHECK(get(in, "b")[i], b, "b[%d]", i);
    }
    CHECK(*get(in, "all"), all, "all");
    for (int i = 0; i < ROWS * COLUMNS; i++)
        CHECK(get(in, "one")[i], x[i * DEPTH], "one[%d]", i);
}

static void check_row(const double *row, double most, double least, int first_most, int first_least)
{
    nnc_program *p = parse_good("input x[5]\nm = max(i < 5: x[i])\nn = min(i < 5: x[i])\na = argmax(i < 5: x[i])\nb = argmin(i < 5: x[i])\n");
    nnc_interpreter *in = start(p, 1);
    give(in, "x", row);
    nnc_interpreter_run(in);
    CHECK(*get(in, "m"), most, "max");
    CHECK(*get(in, "n"), least, "min");
    CHECK(*get(in, "a"), first_most, "argmax");
    CHECK(*get(in, "b"), first_least, "argmin");
}

static void test_ties_and_nan(void **state)
{
    (void)state;
    check_row((double[]){3, 1, 3, 1, 3}, 3, 1, 0, 1);
    check_row((double[]){2, 2, 2, 2, 2}, 2, 2, 0, 0);
    check_row((double[]){1, 5, NAN, 7, NAN}, NAN, NAN, 2, 2);
    check_row((double[]){NAN, 5, 6, -7, 0}, NAN, NAN, 0, 0);
    check_row((double[]){1, 5, 2, 7, NAN}, NAN, NAN, 4, 4);
    check_row((double[]){-INFINITY, -INFINITY, INFINITY, 1, INFINITY}, INFINITY, -INFINITY, 2, 0);
    check_row((double[]){-INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY}, -INFINITY, -INFINITY, 0, 0);
}

/* One value in each of many blocks, and a reduction that ends in the middle of one. */
static void test_blocks(void **state)
{
    static const int sizes[] = {1, 2, 255, 256, 257, 511, 512, 513, 1000};
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int n = sizes[s];
        nnc_program *p = parse_good(nnc_arena_format(&session.arena, "input x[batch, %d]\ny[b < batch] = sum(i < %d: x[b, i] * i)\nz[b < batch, i < %d] = x[b, %d - i]\n", n, n, n, n - 1));
        double *x = NNC_ARRAY(&session.arena, double, 3 * n);
        for (int i = 0; i < 3 * n; i++)
            x[i] = i % 13;
        nnc_interpreter *in = start(p, 3);
        give(in, "x", x);
        nnc_interpreter_run(in);
        for (int b = 0; b < 3; b++) {
            double sum = 0;
            for (int i = 0; i < n; i++) {
                sum += x[b * n + i] * i;
                CHECK(get(in, "z")[b * n + i], x[b * n + n - 1 - i], "z[%d, %d]", b, i);
            }
            CHECK(get(in, "y")[b], sum, "y[%d] of %d", b, n);
        }
    }
}

/* ---- choices ---- */

/* A read outside in the branch that is not taken: it is not done. */
static void test_choices(void **state)
{
    nnc_program *p = parse_good("input x[5]\n"
                                "y[i < 9] = if 2 <= i <= 6 then x[i - 2] else -1\n"
                                "z[i < 9] = sum(j < 3: if 0 <= 2*i + j - 4 <= 4 then x[2*i + j - 4] * 10 ^ j else 0)\n"
                                "w[i < 9] = if i <= 4 then x[i] else if i <= 7 then x[i - 3] else 0\n"
                                "v[i < 9]: boolean = i <= 4 and x[i] > 2\n"
                                "f[i < 5] = if floor(x[i]) >= 1 then (if floor(x[i]) <= 5 then x[floor_int(x[i]) - 1] else 9) else 0\n");
    static const double x[] = {1, 2, 3, 4, 5.5};
    nnc_interpreter *in = start(p, 1);
    (void)state;
    give(in, "x", x);
    nnc_interpreter_run(in);
    for (int i = 0; i < 9; i++) {
        double z = 0;
        for (int j = 0; j < 3; j++)
            z += 2 * i + j - 4 >= 0 && 2 * i + j - 4 < 5 ? x[2 * i + j - 4] * pow(10, j) : 0;
        CHECK(get(in, "y")[i], i >= 2 && i <= 6 ? x[i - 2] : -1, "y[%d]", i);
        CHECK(get(in, "z")[i], z, "z[%d]", i);
        CHECK(get(in, "w")[i], i <= 4 ? x[i] : i <= 7 ? x[i - 3] : 0, "w[%d]", i);
        CHECK(get(in, "v")[i], i <= 4 && x[i] > 2, "v[%d]", i);
        if (i < 5)
            CHECK(get(in, "f")[i], x[(int)x[i] - 1], "f[%d]", i);
    }
}

/* ---- recurrences ---- */

enum { STEPS = 6, UNITS = 4, BATCHES = 3 };

static void test_recurrences(void **state)
{
    nnc_program *p = parse_good("input x[batch, 6, 4]\n"
                                "h[b < batch, t < 6, i < 4] = tanh(x[b, t, i] + s[b, t, i])\n"
                                "s[b < batch, t < 6, i < 4] = sum(j < 4: if t >= 1 then h[b, t - 1, j] * (i + j) * 0.1 else 0)\n"
                                "g[b < batch, t < 6] = x[b, t, 0] + (if t <= 4 then 0.5 * g[b, t + 1] else 0)\n"
                                "f[t < 9] = if t <= 1 then 1 else f[t - 1] + f[t - 2]\n"
                                "last[b < batch, i < 4] = h[b, 5, i]\n");
    static double x[BATCHES * STEPS * UNITS], h[BATCHES][STEPS][UNITS];
    nnc_interpreter *in = start(p, BATCHES);
    (void)state;
    for (int i = 0; i < BATCHES * STEPS * UNITS; i++)
        x[i] = element_at(i);
    give(in, "x", x);
    nnc_interpreter_run(in);
    for (int b = 0; b < BATCHES; b++) {
        for (int t = 0; t < STEPS; t++)
            for (int i = 0; i < UNITS; i++) {
                double s = 0;
                for (int j = 0; j < UNITS; j++)
                    s += t > 0 ? h[b][t - 1][j] * (i + j) * 0.1 : 0;
                h[b][t][i] = tanh(x[(b * STEPS + t) * UNITS + i] + s);
                CHECK(get(in, "h")[(b * STEPS + t) * UNITS + i], h[b][t][i], "h[%d, %d, %d]", b, t, i);
                CHECK(get(in, "s")[(b * STEPS + t) * UNITS + i], s, "s[%d, %d, %d]", b, t, i);
            }
        double g = 0;
        for (int t = STEPS - 1; t >= 0; t--) {
            g = x[(b * STEPS + t) * UNITS] + (t < STEPS - 1 ? 0.5 * g : 0);
            CHECK(get(in, "g")[b * STEPS + t], g, "g[%d, %d]", b, t);
        }
        for (int i = 0; i < UNITS; i++)
            CHECK(get(in, "last")[b * UNITS + i], h[b][STEPS - 1][i], "last[%d, %d]", b, i);
    }
    static const double fibonacci[] = {1, 1, 2, 3, 5, 8, 13, 21, 34};
    for (int t = 0; t < 9; t++)
        CHECK(get(in, "f")[t], fibonacci[t], "f[%d]", t);
}

/* A recurrence inside a recurrence, of which the outer goes forward and the inner backward. */
static void test_nested(void **state)
{
    nnc_program *p = parse_good("input x[3, 4]\n"
                                "a[t < 3, s < 4] = x[t, s] + (if s <= 2 then 0.5 * a[t, s + 1] else 0) + (if t >= 1 then m[t - 1] else 0)\n"
                                "m[t < 3] = max(s < 4: a[t, s])\n");
    static const double x[3][4] = {{1, -2, 3, 0.5}, {0, 1, -1, 2}, {4, -4, 0, 1}};
    double a[3][4], m[3];
    nnc_interpreter *in = start(p, 1);
    (void)state;
    give(in, "x", &x[0][0]);
    for (int run = 0; run < 2; run++)        /* once more over the first run's values */
        nnc_interpreter_run(in);
    for (int t = 0; t < 3; t++) {
        m[t] = -INFINITY;
        for (int s = 3; s >= 0; s--) {
            a[t][s] = x[t][s] + (s <= 2 ? 0.5 * a[t][s + 1] : 0) + (t >= 1 ? m[t - 1] : 0);
            m[t] = a[t][s] > m[t] ? a[t][s] : m[t];
            CHECK(get(in, "a")[4 * t + s], a[t][s], "a[%d, %d]", t, s);
        }
        CHECK(get(in, "m")[t], m[t], "m[%d]", t);
    }
}

/* ---- draws ---- */

/* The known answers of the authors' library (Random123, kat_vectors). */
static void test_threefry(void **state)
{
    static const struct { uint32_t counter[2], key[2], result[2]; } rows[] = {
        {{0, 0}, {0, 0}, {0x6b200159, 0x99ba4efe}},
        {{0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}, {0x1cb996fc, 0xbb002be7}},
        {{0x243f6a88, 0x85a308d3}, {0x13198a2e, 0x03707344}, {0xc4923a9c, 0x483df7a0}}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t out[2];
        nnc_threefry(rows[i].key[0], rows[i].key[1], rows[i].counter[0], rows[i].counter[1], out);
        assert_int_equal(out[0], rows[i].result[0]);
        assert_int_equal(out[1], rows[i].result[1]);
    }
}

static void test_draws(void **state)
{
    nnc_program *p = parse_good("u[b < batch, i < 50] = random#3(b, i)\n"
                                "v[b < batch, i < 50] = random#4(b, i)\n"
                                "n[b < batch, i < 50] = gaussian#3(b, i)\n"
                                "one = random#0()\n");
    nnc_interpreter *in = start(p, 7);
    (void)state;
    in->seed = 0x123456789abcdefu;
    in->step = 9;
    nnc_interpreter_run(in);
    for (uint32_t b = 0; b < 7; b++)
        for (uint32_t i = 0; i < 50; i++) {
            uint32_t word[2], k = b * 50 + i;
            /* the key and the counter as random.h's text has them */
            nnc_threefry(0x89abcdefu ^ 3 * 0x9E3779B9u, 0x01234567u ^ 3 * 0x85EBCA6Bu, b * 0x01000193u + i, 9, word);
            double u1 = (word[0] >> 8) / 16777216.0, u2 = (word[1] >> 8) / 16777216.0;
            CHECK(get(in, "u")[k], u1, "u[%u, %u]", b, i);
            CHECK(get(in, "n")[k], sqrt(-2 * log(1 - u1)) * cos(2 * 3.14159265358979323846 * u2), "n[%u, %u]", b, i);
            assert_true(get(in, "u")[k] != get(in, "v")[k]);
        }
    double before = get(in, "u")[5];
    nnc_interpreter_run(in);
    CHECK(get(in, "u")[5], before, "the same step");
    in->step = 10;
    nnc_interpreter_run(in);
    assert_true(get(in, "u")[5] != before);
}

static void test_moments(void **state)
{
    enum { N = 200000 };
    nnc_program *p = parse_good("u[b < batch, i < 1000] = random#1(b, i)\nn[b < batch, i < 1000] = gaussian#2(b, i)\n");
    nnc_interpreter *in = start(p, N / 1000);
    double u[3] = {0}, n[5] = {0};
    (void)state;
    nnc_interpreter_run(in);
    for (int i = 0; i < N; i++) {
        double x = get(in, "u")[i], z = get(in, "n")[i];
        assert_true(x >= 0 && x < 1 && isfinite(z));
        u[1] += x / N, u[2] += x * x / N;
        n[1] += z / N, n[2] += z * z / N, n[3] += z * z * z / N, n[4] += z * z * z * z / N;
    }
    double sigma = 1 / sqrt(N);        /* five standard errors */
    assert_true(fabs(u[1] - 0.5) < 5 * sigma * 0.289 && fabs(u[2] - 1.0 / 3) < 5 * sigma * 0.3);
    assert_true(fabs(n[1]) < 5 * sigma && fabs(n[2] - 1) < 5 * sigma * 1.42 && fabs(n[3]) < 5 * sigma * 3.9 && fabs(n[4] - 3) < 5 * sigma * 9.8);
}

/* ---- sets, schedules, parts ---- */

static void test_data_extents(void **state)
{
    nnc_program *p = parse_good("input x[batch, 2]\n"
                                "mean[i < 2] = sum(d < data: x[d, i] / count(data))\n"
                                "n = count(data)\n"
                                "top = argmax(d < data: x[d, 1])\n");
    static double x[600 * 2];
    nnc_interpreter *in = start(p, 4);
    double mean[2] = {0};
    (void)state;
    in->data = 600;
    for (int i = 0; i < 1200; i++)
        mean[i % 2] += (x[i] = element_at(i)) / 600;
    x[2 * 431 + 1] = 7;
    mean[1] += (7 - element_at(2 * 431 + 1)) / 600;
    give(in, "x", x);
    nnc_interpreter_run(in);
    assert_true(fabs(get(in, "mean")[0] - mean[0]) < 1e-12 && fabs(get(in, "mean")[1] - mean[1]) < 1e-12);
    CHECK(*get(in, "n"), 600, "count(data)");
    CHECK(*get(in, "top"), 431, "argmax over data");
}

static void test_schedules(void **state)
{
    nnc_program *p = parse_good("step s\nsteps ss\nepoch e\nepochs es\n"
                                "half = constant [0.5]\n"
                                "schedule rate = half * (1 - s / ss)\n"
                                "schedule warm = if e < 2 then rate * e / es else rate\n"
                                "at = s / ss\n"
                                "falling = 0.5 * (1 - at)\n"
                                "param w[3] -> w'\n"
                                "w'[i < 3] = w[i] * (1 - warm)\n");
    nnc_interpreter *in = start(p, 1);
    nnc_tensor_id ids[2] = {named(p, "rate"), named(p, "warm")};
    float out[2];
    (void)state;
    in->steps = 100;
    in->epochs = 10;
    give(in, "w", (double[]){1, 2, 3});
    for (int step = 0; step < 100; step += 7) {
        double rate = 0.5 * (1 - step / 100.0), warm = step / 10 < 2 ? rate * (step / 10) / 10 : rate;
        in->step = step;
        in->epoch = step / 10;
        nnc_interpreter_schedules(in, ids, 2, out);
        CHECK(out[0], (float)rate, "rate at %d", step);
        CHECK(out[1], (float)warm, "warm at %d", step);
        nnc_interpreter_run(in);
        CHECK(get(in, "w'")[2], 3 * (1 - warm), "w' at %d", step);
        CHECK(nnc_interpreter_scalar(in, nnc_tensor_at(p, ids[1])->body), warm, "warm's formula at %d", step);
        nnc_interpreter *alone = start(p, 1);
        alone->step = step;
        alone->steps = 100;
        CHECK(nnc_interpreter_scalar(alone, nnc_tensor_at(p, named(p, "falling"))->body), rate, "what reads a formula at %d", step);
    }
}

/* Only what a root needs is computed. */
static void test_roots(void **state)
{
    nnc_program *p = parse_good("input x[2]\ninput never[2]\na[i < 2] = x[i] + 1\nb[i < 2] = never[i]\nc[i < 2] = a[i] * 2\n");
    nnc_interpreter *in = start(p, 1);
    nnc_tensor_id root = named(p, "c");
    (void)state;
    give(in, "x", (double[]){1, 2});
    nnc_interpreter_run_for(in, &root, 1);
    CHECK(get(in, "c")[1], 6, "c[1]");
    assert_null(get(in, "b"));
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {EACH(test_operations),   EACH(test_identities), EACH(test_logic),      EACH(test_integers),     EACH(test_constant_floors),
                                       EACH(test_reductions),   EACH(test_ties_and_nan), EACH(test_blocks),   EACH(test_choices),      EACH(test_recurrences),
                                       EACH(test_nested),       EACH(test_threefry),   EACH(test_draws),      EACH(test_moments),      EACH(test_data_extents),
                                       EACH(test_schedules),    EACH(test_roots)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
