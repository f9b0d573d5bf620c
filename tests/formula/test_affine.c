/* Integers: canonical forms, conditions and ranges against every point of small spaces. */
#include "fixture.h"
#include "formula/build.h"

enum { SLOTS = 3 };
static const int64_t EXTENT[SLOTS] = {5, 4, 7};

static int64_t extent_of(void *context, uint32_t slot)
{
    (void)context;
    return slot < SLOTS ? EXTENT[slot] : 0;
}

/* ---- values by the definition of each node ---- */

static int64_t floor_of(int64_t a, int64_t b) { return (int64_t)floor((double)a / (double)b); }

/* An integer or a boolean at one point; FLOOR_INTEGER is of the constant-valued real that stands for it. */
static int64_t value_of(const nnc_program *p, nnc_ref ref, const int64_t *point)
{
    const nnc_node *n = nnc_at(p, ref);
    int64_t sum = n->integer[0], x;
    switch (n->op) {
    case NNC_OP_INDEX: return point[n->integer[0]];
    case NNC_OP_TRUTH: return n->integer[0];
    case NNC_OP_AFFINE:
        for (uint32_t i = 0; i < n->count; i++)
            sum += p->coefficients[n->first + i] * value_of(p, nnc_arg(p, ref, i), point);
        return sum;
    case NNC_OP_QUOTIENT: return floor_of(value_of(p, nnc_arg(p, ref, 0), point), n->integer[0]);
    case NNC_OP_REMAINDER:
        x = value_of(p, nnc_arg(p, ref, 0), point);
        return x - n->integer[0] * floor_of(x, n->integer[0]);
    case NNC_OP_WITHIN:
        x = value_of(p, nnc_arg(p, ref, 0), point);
        return n->integer[0] <= x && x <= n->integer[1];
    case NNC_OP_SELECT: return value_of(p, nnc_arg(p, ref, value_of(p, nnc_arg(p, ref, 0), point) ? 1 : 2), point);
    case NNC_OP_AND: return value_of(p, nnc_arg(p, ref, 0), point) && value_of(p, nnc_arg(p, ref, 1), point);
    case NNC_OP_OR: return value_of(p, nnc_arg(p, ref, 0), point) || value_of(p, nnc_arg(p, ref, 1), point);
    case NNC_OP_NOT: return !value_of(p, nnc_arg(p, ref, 0), point);
    default: fail_msg("%s is no integer", nnc_op_rows[n->op].name); return 0;
    }
}

static bool next_point(int64_t *point)
{
    for (int s = SLOTS - 1; s >= 0; s--) {
        if (++point[s] < EXTENT[s])
            return true;
        point[s] = 0;
    }
    return false;
}

static const char *text_of(const nnc_program *p, nnc_ref ref)
{
    nnc_text out = {.arena = &session.arena};
    nnc_node_print(p, NULL, ref, &out);
    return nnc_text_string(&out);
}

/* ---- random ones ---- */

static nnc_ref make_condition(nnc_program *p, uint64_t *chance, int depth);

static nnc_ref make_integer(nnc_program *p, uint64_t *chance, int depth)
{
    if (depth == 0)
        return nnc_index(p, (uint32_t)between(chance, 0, SLOTS - 1));
    nnc_ref x = make_integer(p, chance, depth - 1), y, condition;
    int64_t a, b, c;         /* rolled one by one: a seed is to mean the same whatever compiler built the test */
    switch (between(chance, 0, 6)) {
    case 0: case 1: case 2:
        y = make_integer(p, chance, depth - 1);
        a = between(chance, -4, 4);
        b = between(chance, -4, 4);
        c = between(chance, -9, 9);
        return nnc_affine(p, a, x, b, y, c);
    case 3: case 4: return nnc_quotient(p, x, between(chance, 1, 6));
    case 5: return nnc_remainder(p, x, between(chance, 1, 6));
    default:
        y = make_integer(p, chance, depth - 1);
        condition = make_condition(p, chance, depth - 1);
        return nnc_select(p, condition, x, y);
    }
}

static nnc_ref make_condition(nnc_program *p, uint64_t *chance, int depth)
{
    nnc_ref x = make_integer(p, chance, depth), c;
    int64_t low = between(chance, -8, 12), high = low + between(chance, 0, 8);
    switch (between(chance, 0, 7)) {
    case 0: return nnc_within(p, x, INT64_MIN, high);
    case 1: return nnc_within(p, x, low, INT64_MAX);
    case 2: return nnc_within(p, x, low, low);
    case 3:
        c = nnc_within(p, x, low, high);
        return nnc_unary(p, NNC_OP_NOT, c);
    case 4: case 5:
        if (depth > 0) {
            nnc_ref a = make_condition(p, chance, depth - 1), b = make_condition(p, chance, depth - 1);
            return nnc_binary(p, next_random(chance) % 2 ? NNC_OP_AND : NNC_OP_OR, a, b);
        }
        return nnc_within(p, x, low, high);
    default: return nnc_within(p, x, low, high);
    }
}

/* ---- canonical forms ---- */

/* What the builders make has the value of what was asked for. */
static void test_builders(void **state)
{
    uint64_t chance = 3;
    (void)state;
    for (int n = 0; n < 4000; n++) {
        nnc_program *p = n % 200 == 0 || n == 0 ? nnc_program_new(&session.arena) : NULL;
        static nnc_program *kept;
        kept = p ? p : kept;
        p = kept;
        int64_t a = between(&chance, -5, 5), b = between(&chance, -5, 5), c = between(&chance, -20, 20), d = between(&chance, 1, 9), point[SLOTS] = {0};
        int64_t low = between(&chance, -15, 15), high = low + between(&chance, -2, 15);
        nnc_ref x = make_integer(p, &chance, (int)between(&chance, 0, 3)), y = make_integer(p, &chance, (int)between(&chance, 0, 2));
        nnc_ref sum = nnc_affine(p, a, x, b, y, c), q = nnc_quotient(p, x, d), r = nnc_remainder(p, x, d), w = nnc_within(p, sum, low, high),
                open = nnc_within(p, sum, low, INT64_MAX), below = nnc_within(p, sum, INT64_MIN, high);
        do {
            int64_t vx = value_of(p, x, point), vy = value_of(p, y, point), vs = a * vx + b * vy + c;
            bool good = value_of(p, sum, point) == vs && value_of(p, q, point) == floor_of(vx, d) && value_of(p, r, point) == vx - d * floor_of(vx, d) &&
                        value_of(p, w, point) == (low <= vs && vs <= high) && value_of(p, open, point) == (low <= vs) && value_of(p, below, point) == (vs <= high);
            if (!good)
                fail_msg("x = %s, y = %s, divisor %lld, %lld*x + %lld*y + %lld within %lld and %lld", text_of(p, x), text_of(p, y), (long long)d, (long long)a,
                         (long long)b, (long long)c, (long long)low, (long long)high);
        } while (next_point(point));
    }
}

static void check_form(const nnc_program *p, nnc_ref ref)
{
    const nnc_node *n = nnc_at(p, ref);
    nnc_form f;
    if (n->op == NNC_OP_AFFINE) {
        assert_false(n->count == 1 && n->integer[0] == 0 && p->coefficients[n->first] == 1);
        for (uint32_t i = 0; i < n->count; i++) {
            assert_int_not_equal(p->coefficients[n->first + i], 0);
            assert_int_not_equal(nnc_at(p, nnc_arg(p, ref, i))->op, NNC_OP_AFFINE);
            assert_true(i == 0 || nnc_arg(p, ref, i - 1) < nnc_arg(p, ref, i));
        }
    }
    if (n->op == NNC_OP_QUOTIENT || n->op == NNC_OP_REMAINDER)
        assert_true(n->integer[0] > 1);
    if (n->op == NNC_OP_WITHIN) {
        nnc_form_of(p, nnc_arg(p, ref, 0), &f);
        assert_true(f.constant == 0 && f.terms > 0 && f.coefficient[0] > 0 && n->integer[0] <= n->integer[1]);
        assert_false(f.terms == 1 && f.coefficient[0] != 1);
    }
    for (uint32_t i = 0; i < n->count; i++)
        check_form(p, nnc_arg(p, ref, i));
}

static void test_forms(void **state)
{
    uint64_t chance = 8;
    nnc_program *p = nnc_program_new(&session.arena);
    (void)state;
    for (int n = 0; n < 5000; n++)
        check_form(p, n % 2 ? make_integer(p, &chance, 3) : make_condition(p, &chance, 2));
    nnc_ref i = nnc_index(p, 0), j = nnc_index(p, 1);
    /* equal sums are one node, whichever way they are written */
    assert_int_equal(nnc_affine(p, 2, nnc_affine(p, 1, i, 1, j, 1), -1, j, 0), nnc_affine(p, 1, j, 2, i, 2));
    assert_int_equal(nnc_affine(p, 1, i, -1, i, 0), nnc_integer(p, 0));
    assert_int_equal(nnc_affine(p, 1, i, 0, 0, 0), i);
    assert_int_equal(nnc_quotient(p, nnc_affine(p, 6, i, 1, nnc_remainder(p, j, 3), 4), 3), nnc_affine(p, 2, i, 1, nnc_quotient(p, nnc_affine(p, 1, nnc_remainder(p, j, 3), 0, 0, 1), 3), 1));
    assert_int_equal(nnc_quotient(p, nnc_affine(p, 6, i, 3, j, 5), 3), nnc_affine(p, 2, i, 1, j, 1));
    assert_int_equal(nnc_remainder(p, nnc_affine(p, 6, i, 3, j, 5), 3), nnc_integer(p, 2));
    assert_int_equal(nnc_quotient(p, nnc_quotient(p, i, 2), 3), nnc_quotient(p, i, 6));
    assert_int_equal(nnc_within(p, nnc_affine(p, 2, i, 0, 0, 1), 2, 8), nnc_within(p, i, 1, 3));
    assert_int_equal(nnc_within(p, nnc_affine(p, -1, i, 0, 0, 0), -3, -1), nnc_within(p, i, 1, 3));
    assert_int_equal(nnc_within(p, nnc_affine(p, 1, i, -1, j, 0), 0, 0), nnc_within(p, nnc_affine(p, 1, j, -1, i, 0), 0, 0));
}

/* ---- ranges ---- */

/* Sound: no value of any point at which the conditions hold is outside. */
static void test_ranges_hold(void **state)
{
    uint64_t chance = 21;
    nnc_program *p = NULL;
    int64_t width = 0, ranges = 0;
    (void)state;
    for (int n = 0; n < 12000; n++) {
        int64_t point[SLOTS] = {0}, low, high, least = INT64_MAX, most = INT64_MIN;
        if (n % 300 == 0)
            p = nnc_program_new(&session.arena);
        nnc_ref x = make_integer(p, &chance, (int)between(&chance, 0, 4)), condition[3];
        uint32_t conditions = (uint32_t)between(&chance, 0, 3);
        for (uint32_t i = 0; i < conditions; i++)
            condition[i] = make_condition(p, &chance, (int)between(&chance, 0, 2));
        nnc_range(p, x, extent_of, NULL, conditions ? condition : NULL, conditions, &low, &high);
        do {
            bool holds = true;
            for (uint32_t i = 0; i < conditions && holds; i++)
                holds = value_of(p, condition[i], point);
            int64_t v = holds ? value_of(p, x, point) : 0;
            if (holds && (v < low || v > high))
                fail_msg("%s is %lld under %s, %s, %s, outside of %lld .. %lld", text_of(p, x), (long long)v, conditions ? text_of(p, condition[0]) : "-",
                         conditions > 1 ? text_of(p, condition[1]) : "-", conditions > 2 ? text_of(p, condition[2]) : "-", (long long)low, (long long)high);
            least = holds && v < least ? v : least;
            most = holds && v > most ? v : most;
        } while (next_point(point));
        if (least <= most && !conditions) {
            ranges++;
            width += high - low - (most - least) <= (most - least) + 1;
        }
    }
    assert_true(width * 10 >= ranges * 7);       /* and mostly not far from tight */
}

static void check_tight(nnc_program *p, nnc_ref x, const nnc_ref *condition, uint32_t conditions, int64_t least, int64_t most)
{
    int64_t low, high;
    nnc_range(p, x, extent_of, NULL, condition, conditions, &low, &high);
    if (low != least || high != most)
        fail_msg("%s is within %lld .. %lld rather than %lld .. %lld", text_of(p, x), (long long)low, (long long)high, (long long)least, (long long)most);
}

static void test_tight_ranges(void **state)
{
    nnc_program *p = nnc_program_new(&session.arena);
    nnc_ref i = nnc_index(p, 0), j = nnc_index(p, 1), k = nnc_index(p, 2), c[3];
    (void)state;
    check_tight(p, i, NULL, 0, 0, 4);
    check_tight(p, nnc_affine(p, 2, i, 1, j, -1), NULL, 0, -1, 10);                       /* a window: stride 2, padding 1 */
    check_tight(p, nnc_affine(p, -3, i, 1, j, 0), NULL, 0, -12, 3);
    nnc_ref flat = nnc_affine(p, 1, nnc_affine(p, 28, i, 7, j, 0), 1, k, 0);              /* a reshape of 5 x 4 x 7 to 10 x 14 */
    check_tight(p, flat, NULL, 0, 0, 139);
    check_tight(p, nnc_quotient(p, flat, 14), NULL, 0, 0, 9);
    check_tight(p, nnc_remainder(p, flat, 14), NULL, 0, 0, 13);
    check_tight(p, nnc_remainder(p, nnc_affine(p, 1, j, 0, 0, 3), 9), NULL, 0, 3, 6);
    nnc_ref at = nnc_affine(p, 2, i, 1, j, -1);
    c[0] = nnc_within(p, at, 0, 7);                                                       /* padding under its condition */
    check_tight(p, at, c, 1, 0, 7);
    check_tight(p, nnc_affine(p, 1, at, 0, 0, 3), c, 1, 3, 10);
    check_tight(p, nnc_affine(p, -1, at, 0, 0, 7), c, 1, 0, 7);
    c[0] = nnc_within(p, i, 2, 3);
    check_tight(p, nnc_affine(p, 1, i, 0, 0, -2), c, 1, 0, 1);
    check_tight(p, nnc_affine(p, 3, i, 1, j, 0), c, 1, 6, 12);
    c[0] = nnc_within(p, nnc_affine(p, 1, i, -1, k, 0), 0, INT64_MAX);                    /* k <= i */
    check_tight(p, nnc_affine(p, 1, i, -1, k, 0), c, 1, 0, 4);
    check_tight(p, k, c, 1, 0, 4);
    c[0] = nnc_within(p, i, 1, INT64_MAX);
    c[1] = nnc_within(p, i, INT64_MIN, 3);
    check_tight(p, i, c, 2, 1, 3);
    c[0] = nnc_unary(p, NNC_OP_NOT, nnc_within(p, i, 2, INT64_MAX));
    check_tight(p, i, c, 1, 0, 1);
    c[0] = nnc_binary(p, NNC_OP_AND, nnc_within(p, i, 1, INT64_MAX), nnc_within(p, j, INT64_MIN, 1));
    check_tight(p, nnc_affine(p, 1, i, -1, j, 0), c, 1, 0, 4);
    nnc_ref choice = nnc_select(p, nnc_within(p, i, 2, INT64_MAX), nnc_affine(p, 1, i, 0, 0, -2), k);
    check_tight(p, choice, NULL, 0, 0, 6);
    check_tight(p, nnc_variable(p), NULL, 0, 0, INT64_MAX);
}

static void test_class_ranges(void **state)
{
    nnc_program *p = parse("input c[5]: class(3)\ninput n[5]: integer\ny[i < 5] = c[i] + n[i]\n");
    nnc_ref i = nnc_index(p, 0), c = nnc_read(p, named(p, "c"), &i, 1), n = nnc_read(p, named(p, "n"), &i, 1), known[2];
    (void)state;
    check_tight(p, nnc_affine(p, 4, c, -1, i, 0), NULL, 0, -4, 8);
    check_tight(p, n, NULL, 0, INT64_MIN, INT64_MAX);
    check_tight(p, nnc_affine(p, -2, n, 0, 0, 1), NULL, 0, INT64_MIN, INT64_MAX);
    known[0] = nnc_within(p, n, 0, INT64_MAX);
    check_tight(p, nnc_affine(p, -2, n, 0, 0, 1), known, 1, INT64_MIN, 1);
    check_tight(p, nnc_quotient(p, n, 4), known, 1, 0, INT64_MAX);
    known[1] = nnc_within(p, n, INT64_MIN, 9);
    check_tight(p, nnc_quotient(p, n, 4), known, 2, 0, 2);
}

/* The floor of a real, bounded by comparisons of reals. A NaN makes each comparison false and has the floor 0; what is too large saturates. */
static void check_floor(const char *condition, bool otherwise, int64_t least, int64_t most)
{
    static const double values[] = {NAN, INFINITY, -INFINITY, 0, 2.5, 3, 3.5, -1, -0.5, 10, 1e10, -1e10, 0x1p33, 0x1p36};
    nnc_program *p = parse(nnc_arena_format(&session.arena, "input x[14]\ny[i < 14]: boolean = %s\nz[i < 14] = floor_int(x[i])\n", condition));
    nnc_ref i = nnc_index(p, 0), x = nnc_read(p, named(p, "x"), &i, 1), floor_x = nnc_floor_integer(p, x), known = nnc_tensor_at(p, named(p, "y"))->body;
    int64_t low, high;
    known = otherwise ? nnc_unary(p, NNC_OP_NOT, known) : known;
    nnc_interpreter *in = nnc_interpreter_new(&session.arena, p, 1);
    nnc_interpreter_set(in, named(p, "x"), values);
    nnc_interpreter_run(in);
    nnc_range(p, floor_x, extent_of, NULL, &known, 1, &low, &high);
    for (int k = 0; k < 14; k++) {
        double holds = nnc_interpreter_get(in, named(p, "y"))[k], v = nnc_interpreter_get(in, named(p, "z"))[k];
        if ((holds != 0) != otherwise && (v < (double)low || v > (double)high))
            fail_msg("floor_int(%g) is %g where %s is %s, outside of %lld .. %lld", values[k], v, condition, otherwise ? "false" : "true", (long long)low, (long long)high);
    }
    if (low != least || high != most)
        fail_msg("where %s is %s: %lld .. %lld", condition, otherwise ? "false" : "true", (long long)low, (long long)high);
}

static void test_floor_ranges(void **state)
{
    const int64_t far = (int64_t)1 << 30;
    (void)state;
    check_floor("floor(x[i]) < 3", false, -far, 2);
    check_floor("floor(x[i]) <= 2.5", false, -far, 2);
    check_floor("floor(x[i]) > 3", false, 4, far);
    check_floor("floor(x[i]) >= 3", false, 3, far);
    check_floor("floor(x[i]) < 3", true, 0, far);          /* NaN: 0 */
    check_floor("floor(x[i]) > 9", true, -far, 9);
    check_floor("floor(x[i]) > -2", true, -far, 0);
    check_floor("floor(x[i]) < 0", true, 0, far);
    check_floor("floor(x[i]) > 20000000000", false, -far, far);
    check_floor("floor(x[i]) < -20000000000", false, -far, far);
}

/* ---- substitution ---- */

static void test_substitution(void **state)
{
    uint64_t chance = 77;
    nnc_program *p = nnc_program_new(&session.arena);
    (void)state;
    for (int n = 0; n < 1500; n++) {
        int64_t point[SLOTS] = {0}, moved[SLOTS];
        nnc_ref x = make_integer(p, &chance, 3), from[2] = {nnc_index(p, 0), nnc_index(p, 1)}, to[2];
        to[0] = make_integer(p, &chance, 1);
        to[1] = make_integer(p, &chance, 1);
        nnc_ref y = nnc_substitute(p, x, from, to, 2);
        check_form(p, y);
        do {
            moved[0] = value_of(p, to[0], point);
            moved[1] = value_of(p, to[1], point);
            moved[2] = point[2];
            if (value_of(p, x, moved) != value_of(p, y, point))
                fail_msg("%s with %s and %s is %s", text_of(p, x), text_of(p, to[0]), text_of(p, to[1]), text_of(p, y));
        } while (next_point(point));
        assert_true(nnc_mentions(p, x, from[0]) == ((nnc_slots_of(p, x) & 1) != 0));
    }
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {EACH(test_builders),     EACH(test_forms),        EACH(test_ranges_hold), EACH(test_tight_ranges),
                                       EACH(test_class_ranges), EACH(test_floor_ranges), EACH(test_substitution)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
