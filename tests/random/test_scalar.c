/* Every row of ops.def at values where functions turn: the interpreter against kernels of the JIT and emitted C, and so its derivative; derivatives by
 * central differences at ordinary points, and what they are at corners. */
#include "compiled.h"

static const float corners[] = {0, -0.0f, 1, -1, 0.5f, -0.5f, 2, -2, 3, -3, 0.7f, 1.5f, -2.5f, 7, -7, 10.25f, 1e-3f, -1e-3f, 1e-30f, 1e-40f, 20, -20, 88.5f, -88.5f, 89, -104,
                                1000, -1000, 65537, -99999, 1e10f, -1e10f, 3e38f, -3e38f, INFINITY, -INFINITY, NAN};
enum { CORNERS = sizeof corners / sizeof *corners, POINTS = CORNERS * CORNERS };

typedef struct row { nnc_op op; const char *name; int arity; bool boolean_result, boolean_arguments; } row;

enum { RESULT_REAL, RESULT_INTEGER, RESULT_BOOLEAN, RESULT_ANY };
static const row rows[] = {
#define REAL RESULT_REAL
#define INTEGER RESULT_INTEGER
#define BOOLEAN RESULT_BOOLEAN
#define ANY RESULT_ANY
#define NNC_OP_NO_LEAVES
#define NNC_OP(name, print, arity, result, arguments, flags) {NNC_OP_##name, #name, arity, (result) == RESULT_BOOLEAN, (arguments) == RESULT_BOOLEAN},
#include "formula/ops.def"
#undef NNC_OP_NO_LEAVES
#undef REAL
#undef INTEGER
#undef BOOLEAN
#undef ANY
};
enum { ROWS = sizeof rows / sizeof *rows };

static double corner_value(const nnc_tensor *t, int64_t i) { return (double)(t->name[0] == 'a' ? corners[i / CORNERS] : corners[i % CORNERS]); }

/* y[i] = op(a[i], b[i]), or op(|a[i]| + 1/4, b[i]); booleans as 0 and 1. */
static nnc_tensor_id define_row(nnc_program *p, const row *r, bool positive, nnc_tensor_id a, nnc_tensor_id b, int64_t n)
{
    nnc_ref i = nnc_variable(p), x = nnc_read(p, a, &i, 1), y = nnc_read(p, b, &i, 1), body;
    if (positive)
        x = nnc_binary(p, NNC_OP_ADD, nnc_unary(p, NNC_OP_ABS, x), nnc_real(p, 0.25));
    if (r->boolean_arguments) {
        x = nnc_binary(p, NNC_OP_LESS, nnc_real(p, 0), x);
        y = nnc_unary(p, NNC_OP_MISSING, y);
    }
    body = r->op == NNC_OP_SELECT ? nnc_select(p, nnc_binary(p, NNC_OP_LESS, x, y), x, y) : nnc_apply(p, r->op, (nnc_ref[]){x, y}, (uint32_t)r->arity);
    if (r->boolean_result) {
        nnc_ref one = nnc_real(p, 1);
        body = nnc_select(p, body, one, nnc_real(p, 0));
    }
    return nnc_define(p, r->name, (nnc_span){0}, NNC_REDUCE_NONE, &i, &n, 1, NULL, NULL, 0, body);
}

static void declare_two(nnc_program *p, int64_t n, nnc_tensor_id *a, nnc_tensor_id *b)
{
    *a = nnc_declare(p, NNC_KIND_PARAMETER, "a", (nnc_span){0}, NNC_REAL, 0, &n, 1);
    *b = nnc_declare(p, NNC_KIND_PARAMETER, "b", (nnc_span){0}, NNC_REAL, 0, &n, 1);
}

static nnc_tensor_id sum_of(nnc_program *p, nnc_tensor_id t, int64_t n)
{
    nnc_ref i = nnc_variable(p), read = nnc_read(p, t, &i, 1);
    return nnc_define(p, "loss", (nnc_span){0}, NNC_REDUCE_SUM, NULL, NULL, 0, &i, &n, 1, read);
}

/* ---- values ---- */

/* How far float results may be off: some units in the last place of the result; of a and what a quotient's rounding takes, for mod. */
static double allowance(const char *name, double a, double b, double expected)
{
    double units = strcmp(name, "POW") == 0 ? 16 : 4, off = units * 0x1p-24 * fabs(expected) + 0x1p-148;
    if (strcmp(name, "MODULO") == 0)
        off += 4 * 0x1p-24 * (fabs(a) + fabs(b));
    return off;
}

static bool same_float(double given, double expected, double off)
{
    float rounded = (float)expected;
    if (isnan(expected) || isnan(given))
        return isnan(expected) && isnan(given);
    if (isinf(rounded) || isinf(given))
        return given == (double)rounded || fabs(expected) >= 0x1.fffffp127;
    if (expected == 0 && given == 0)
        return signbit(expected) == signbit(given);
    return fabs(given - expected) <= off;
}

static bool is_same(const check *c, uint32_t root, int64_t i, double given, double expected, double bound)
{
    (void)c, (void)root, (void)i, (void)bound;
    return given == expected;
}

static bool value_agrees(const check *c, uint32_t root, int64_t i, double given, double expected, double bound)
{
    const char *name = nnc_tensor_at(c->program, c->root[root])->name;
    double a = (double)corners[i / CORNERS], b = (double)corners[i % CORNERS];
    (void)bound;
    if ((strcmp(name, "SIN") == 0 || strcmp(name, "COS") == 0) && fabs(a) >= 1e5 && !isinf(a))
        return fabs(given) <= 1;                     /* see loops/vector_math.c */
    if (strcmp(name, "MODULO") == 0 && !isinf(b) && fabs(a) < fabs(b) * 0x1p20)      /* else the quotient has no digits behind the point */
        expected += fabs(given - expected) > fabs(b) / 2 ? copysign(b, given - expected) : 0;      /* the quotient may be rounded to a whole number */
    else if (strcmp(name, "MODULO") == 0)
        return isinf(b) ? same_float(given, expected, 0) : true;
    return same_float(given, expected, allowance(name, a, b, expected));
}

static void test_values(void **state)
{
    nnc_arena arena;
    nnc_tensor_id a, b;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    const nnc_llvm *llvm = load_llvm(&arena);
    for (uint64_t seed = 0; seed < 3; seed++) {      /* C for each kind of machine */
        check *c = open_check(llvm, seed, corner_value);
        c->program = nnc_program_new(&c->arena);
        c->agrees = value_agrees;
        declare_two(c->program, POINTS, &a, &b);
        for (int r = 0; r < ROWS; r++)
            c->root[c->roots++] = define_row(c->program, &rows[r], false, a, b, POINTS);
        make_references(c, (int64_t[]){3, 2, 1});
        run_all_ways(c);
        close_check(c);
    }
    nnc_arena_close(&arena);
}

/* Subscripts that are floors of any real, in sums and multiples: none may wrap into its bounds. */
static const char *const subscripts[] = {"floor_int(a[i])", "4*floor_int(a[i])", "4*floor_int(a[i]) + floor_int(b[i])", "3*floor_int(a[i]) - 5*floor_int(b[i])",
                                         "8*floor_int(a[i]) + 8*floor_int(b[i]) + 1", "floor(floor_int(a[i]) / 3)", "floor_int(a[i]) mod 5", "6 - floor_int(b[i])",
                                         "1024*floor_int(a[i]) - 1024*floor_int(b[i]) + 3"};

static void check_subscript(const nnc_llvm *llvm, const char *subscript, uint64_t seed)
{
    nnc_session session;
    check *c = open_check(llvm, seed, corner_value);
    nnc_session_open(&session, NULL, NULL);
    c->program = parse_text(&session, nnc_arena_format(&session.arena, "param a[%d]\nparam b[%d]\nk[i < 8] = 0.5 * i + 1\ny[i < %d] = if 0 <= %s <= 7 then k[%s] else -1\n", POINTS,
                                                       POINTS, POINTS, subscript, subscript));
    c->agrees = is_same;
    c->root[c->roots++] = nnc_find(c->program, "y");
    make_references(c, (int64_t[]){3, 2, 1});
    run_all_ways(c);
    nnc_session_close(&session);
    close_check(c);
}

static void test_subscripts(void **state)
{
    nnc_arena arena;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    const nnc_llvm *llvm = load_llvm(&arena);
    for (size_t i = 0; i < sizeof subscripts / sizeof *subscripts; i++)
        check_subscript(llvm, subscripts[i], i);
    nnc_arena_close(&arena);
}

/* ---- derivatives ---- */

/* Of products of several rounded factors, and of differences from 1. */
static bool derivative_agrees(const check *c, uint32_t root, int64_t i, double given, double expected, double bound)
{
    double a = (double)corners[i / CORNERS], b = (double)corners[i % CORNERS];
    if (strcmp(nnc_tensor_at(c->program, 3)->name, "MODULO") == 0)
        return fabs(a) > fabs(b) * 0x1p20 || same_float(given, expected, 1);       /* likewise */
    bool ordinary = fabs(a) < 50 && fabs(b) < 50 && (fabs(a) > 1e-10 || a == 0) && (fabs(b) > 1e-10 || b == 0);
    (void)root, (void)bound;
    return !ordinary || same_float(given, expected, 2e-7 + 1e-5 * fabs(expected)) || (given == 0 && expected == 0);
}

static void check_derivative(const nnc_llvm *llvm, const row *r)
{
    nnc_tensor_id by[2], gradient[2];
    check *c = open_check(llvm, 1, corner_value);
    nnc_program *p = c->program = nnc_program_new(&c->arena);
    c->agrees = derivative_agrees;
    declare_two(p, POINTS, &by[0], &by[1]);
    nnc_tensor_id y = define_row(p, r, false, by[0], by[1], POINTS);
    nnc_differentiate(p, sum_of(p, y, POINTS), by, 2, gradient);
    for (int i = 0; i < 2; i++)
        if (gradient[i])
            c->root[c->roots++] = gradient[i];
    if (c->roots) {
        make_references(c, (int64_t[]){3, 2, 1});
        run_all_ways(c);
    }
    close_check(c);
}

static void test_compiled_derivatives(void **state)
{
    nnc_arena arena;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    const nnc_llvm *llvm = load_llvm(&arena);
    for (int r = 0; r < ROWS; r++)
        check_derivative(llvm, &rows[r]);
    nnc_arena_close(&arena);
}

static void test_differences(void **state)
{
    (void)state;
    for (int r = 0; r < ROWS; r++) {
        nnc_arena arena;
        nnc_tensor_id by[2];
        nnc_arena_open(&arena, NULL, NULL);
        nnc_program *p = nnc_program_new(&arena);
        declare_two(p, 40, &by[0], &by[1]);
        bool positive = rows[r].op == NNC_OP_POW || rows[r].op == NNC_OP_LOG || rows[r].op == NNC_OP_SQRT;
        nnc_tensor_id y = define_row(p, &rows[r], positive, by[0], by[1], 40);
        check_gradients(&arena, p, sum_of(p, y, 40), by, 2, rows[r].name);
        nnc_arena_close(&arena);
    }
}

typedef struct corner { const char *body; double a, b, by_a, by_b; } corner;

static const corner derivative_at[] = {
    {"abs(a[i])", 0, 0, 0, 0},
    {"abs(a[i])", -2, 0, -1, 0},
    {"max(a[i], b[i])", 1, 1, 1, 0},
    {"min(a[i], b[i])", 1, 1, 1, 0},
    {"max(a[i], b[i])", 1, 2, 0, 1},
    {"max(0, a[i])", 0, 0, 0, 0},
    {"max(a[i], 0)", 0, 0, 1, 0},
    {"sqrt(a[i])", 0, 0, INFINITY, 0},
    {"sqrt(a[i])", 4, 0, 0.25, 0},
    {"a[i] ^ 0", 0, 0, 0, 0},
    {"a[i] ^ 0", -2, 0, 0, 0},
    {"a[i] ^ 1", 0, 0, 1, 0},
    {"a[i] ^ 2", 0, 0, 0, 0},
    {"a[i] ^ 2", -3, 0, -6, 0},
    {"a[i] ^ 3", -2, 0, 12, 0},
    {"a[i] ^ 0.5", 0, 0, INFINITY, 0},
    {"a[i] ^ -1", -2, 0, -0.25, 0},
    {"a[i] ^ b[i]", 0, 2, 0, 0},
    {"a[i] ^ b[i]", 0, 1, 1, 0},
    {"a[i] ^ b[i]", 0, 0, 0, 0},
    {"a[i] ^ b[i]", 3, 0, 0, 1.0986122886681098},
    {"a[i] ^ b[i]", -2, 2, -4, NAN},
    {"2 ^ b[i]", 0, 3, 0, 5.545177444479562},
    {"0 ^ b[i]", 0, 3, 0, 0},
    {"a[i] mod b[i]", -1, 3, 1, 1},
    {"a[i] mod b[i]", 7, -3, 1, 3},
    {"floor(a[i]) + sign(a[i])", 1.5, 0, 0, 0},
    {"if a[i] > 0 then b[i] * sqrt(a[i]) else 0", 0, 5, 0, 0},
    {"if a[i] > 0 then log(a[i]) / b[i] else b[i]", 0, 0, 0, 1},
    {"if a[i] > 0 then b[i] / a[i] else 2 * a[i]", 0, 1, 2, 0},
    {"prod(k < 3: if k == 0 then a[i] else b[i])", 5, 0, 0, 0},
    {"prod(k < 3: if k == 0 then a[i] else b[i])", 0, 3, 9, 0},
};

/* The formulas as they are, and simplified. */
static void check_corner(const corner *c, bool simplified)
{
    nnc_session session;
    nnc_tensor_id gradient[2] = {0, 0}, roots[2];
    uint32_t count = 0;
    const double expected[2] = {c->by_a, c->by_b};
    nnc_session_open(&session, NULL, NULL);
    bool product = strncmp(c->body, "prod", 4) == 0;
    nnc_program *p = parse_text(&session, nnc_arena_format(&session.arena, "param a[1]\nparam b[1]\ny[i < 1] = %s\nloss = %s\n", c->body, product ? "y[0]" : "sum(i < 1: y[i])"));
    nnc_tensor_id by[2] = {nnc_find(p, "a"), nnc_find(p, "b")};
    nnc_differentiate(p, nnc_find(p, "loss"), by, 2, gradient);
    for (int i = 0; i < 2; i++)
        if (gradient[i])
            roots[count++] = gradient[i];
    if (count && simplified)
        p = nnc_simplify(&session.arena, p, roots, count, NULL);
    nnc_interpreter *in = nnc_interpreter_new(&session.arena, p, 1);
    for (int i = 0; i < 2; i++)
        if (nnc_find(p, i ? "b" : "a"))
            nnc_interpreter_set(in, nnc_find(p, i ? "b" : "a"), i ? &c->b : &c->a);
    if (count)
        nnc_interpreter_run_for(in, roots, count);
    for (int i = 0, at = 0; i < 2; i++) {
        double given = gradient[i] ? nnc_interpreter_get(in, roots[at++])[0] : 0;
        if (!(given == expected[i] || fabs(given - expected[i]) < 1e-12 || (isnan(given) && isnan(expected[i]))))
            fail_msg("%s at %g, %g: the derivative by %s is %.17g rather than %.17g\n%s", c->body, c->a, c->b, i ? "b" : "a", given, expected[i], program_text(&session.arena, p));
    }
    nnc_session_close(&session);
}

static void test_corners(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof derivative_at / sizeof *derivative_at; i++) {
        check_corner(&derivative_at[i], false);
        check_corner(&derivative_at[i], true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_subscripts), cmocka_unit_test(test_differences), cmocka_unit_test(test_corners), cmocka_unit_test(test_compiled_derivatives)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
