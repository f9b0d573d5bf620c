/* Programs as text: what is printed reads back as the same, and is printed the same again. */
#include "fixture.h"
#include "../transform/formulas.h"

static void check_same(const char *text)
{
    const char *again = printed(parse_good(text));
    assert_string_equal(again, text);
}

/* A text that is read and printed in its usual form. */
static void check(const char *text, const char *expected)
{
    assert_string_equal(printed(parse_good(text)), expected);
    check_same(expected);
}

static void check_body(const char *body, const char *expected)
{
    static const char frame[] = "input x[batch, 9]\ninput c[batch]: class(3)\nparam w[9]\nparam v\nparam q[9]: boolean\ny[b < batch, i < 9] = ";
    char text[800], wanted[800];
    snprintf(text, sizeof text, "%s%s\n", frame, body);
    snprintf(wanted, sizeof wanted, "%s%s\n", frame, expected);
    check(text, wanted);
}

static void test_kinds(void **state)
{
    (void)state;
    check_same("input x[batch, 4]\n"
               "input c[batch]: class(3)\n"
               "input n[5]: integer\n"
               "input q[5]: boolean\n"
               "param w[4, 16]\n"
               "param v -> v'\n"
               "state m[16] -> m'\n"
               "fit mean[4]\n"
               "k[i < 5] = constant [1, -2, 0.5, 1e-07, 400]\n"
               "one = constant [7]\n"
               "words[i < 3]: class(4) = constant [3, 0, 2]\n"
               "step s\n"
               "steps ss\n"
               "epoch e\n"
               "epochs es\n"
               "schedule rate = 0.1 * (1 - s / ss)\n"
               "m'[i < 16] = 0.9 * m[i]\n"
               "v' = v * rate\n"
               "\"d_loss/d_w\"[i < 4, j < 16] = w[i, j]\n"
               "y~2 = \"d_loss/d_w\"[3, 0]\n");
}

static void test_elements(void **state)
{
    (void)state;
    check_same("input x[batch, 4]\n"
               "input c[batch]: class(3)\n"
               "big[b < batch, i < 4]: boolean = x[b, i] < 1\n"
               "copy[b < batch]: class(3) = c[b]\n"
               "first[b < batch]: class(4) = argmax(i < 4: x[b, i])\n"
               "last[b < batch]: class(12) = argmin(i < 4, j < 3: x[b, i] * x[b, j])\n"
               "at[i < 4]: integer = 2*i + 1\n"
               "y[b < batch] = c[b] + 0.5\n");
}

static void test_reductions(void **state)
{
    (void)state;
    check_same("input x[batch, 4, 3]\n"
               "a[b < batch] = sum(i < 4, j < 3: x[b, i, j])\n"
               "p[b < batch, i < 4] = prod(j < 3: x[b, i, j])\n"
               "m[b < batch, i < 3] = max(j < 4: x[b, j, i])\n"
               "n = min(b < batch, i < 4, j < 3: x[b, i, j])\n"
               "d[i < 4] = sum(b < data, j < 3: x[b, i, j])\n"
               "s = sum(b < batch: a[b] / count(batch))\n"
               "t = n / count(data)\n"
               "g[b < batch, i < 4] = max(p[b, i], m[b, 0])\n"
               "e[b < batch] = max(i < 4: max(x[b, i, 0], x[b, i, 1]))\n");
}

static void test_integers(void **state)
{
    (void)state;
    check_body("x[b, 8 - i]", "x[b, -i + 8]");
    check_body("x[b, (i + 4) mod 9]", "x[b, (i + 4) mod 9]");
    check_body("x[b, floor(i / 2)]", "x[b, floor(i / 2)]");
    check_body("x[b, floor((2*i + 1) / 3)]", "x[b, floor((2*i + 1) / 3)]");
    check_body("x[b, floor(i / 2) + i - floor(i / 2)]", "x[b, i]");
    check_body("x[b, floor(floor(i / 2) / 3)]", "x[b, floor(i / 6)]");
    check_body("x[b, (i mod 3) mod 5]", "x[b, i mod 3]");
    check_body("x[b, floor((i mod 3) / 5)]", "x[b, 0]");
    check_body("2*i - 3 - i - i", "-3");
    check_body("x[neighbour(b, 1), i] + x[neighbour(b, -1), i]", "x[neighbour(b, 1), i] + x[neighbour(b, -1), i]");
    check_body("x[neighbour(neighbour(b, 1), -1), i]", "x[b, i]");
    check_body("w[c[b] + 2*(i mod 2)]", "w[c[b] + 2*(i mod 2)]");
    check_body("if 0 <= floor_int(v) <= 8 then w[floor_int(v)] else 0", "if 0 <= floor_int(v) <= 8 then w[floor_int(v)] else 0");
    check_body("if floor(v) < 0 then 0 else if floor(v) > 8 then 1 else w[floor_int(v)]",
               "if floor(v) < 0 then 0 else if 8 < floor(v) then 1 else w[floor_int(v)]");
    check_body("w[if c[b] == 1 then i else 2]", "w[if c[b] == 1 then i else 2]");
    check_body("w[(if c[b] == 1 then 3 else 2) * 2]", "w[2*(if c[b] == 1 then 3 else 2)]");
    check_body("w[floor((if c[b] == 1 then i else 2) / 2) + (if q[i] then i else 8) mod 4]", "w[floor((if c[b] == 1 then i else 2) / 2) + ((if q[i] then i else 8) mod 4)]");
    check_body("w[3 - (if q[i] then 1 else 0) * 2]", "w[-2*(if q[i] then 1 else 0) + 3]");
    check_body("i * v + i / 3 + 0.5 * i", "i * v + i / 3 + 0.5 * i");
}

static void test_conditions(void **state)
{
    (void)state;
    check_body("if i >= 2 and i <= 7 then x[b, i - 2] else 0", "if i >= 2 and i <= 7 then x[b, i - 2] else 0");
    check_body("if 2 <= i <= 7 then x[b, i - 2] else 0", "if 2 <= i <= 7 then x[b, i - 2] else 0");
    check_body("if i > 1 then 1 else 0", "if i >= 2 then 1 else 0");
    check_body("if i < 2.5 then 1 else 0", "if i <= 2 then 1 else 0");
    check_body("if 2.5 < i then 1 else 0", "if i >= 3 then 1 else 0");
    check_body("if i == 2.5 then 1 else 2", "2");
    check_body("if random#1(i) < 0 then 1 else 2", "2");
    check_body("if random#1(i) <= 1 then 1 else 2", "1");
    check_body("if 0 <= random#1(i) then 1 else 2", "1");
    check_body("if 1 < random#1(i) then 1 else 2", "2");
    check_body("if 2*i <= 7 then 1 else 0", "if i <= 3 then 1 else 0");
    check_body("if i - 2 == 1 then 1 else 0", "if i == 3 then 1 else 0");
    check_body("if i == c[b] then 1 else 0", "if i - c[b] == 0 then 1 else 0");
    check_body("if (if i >= 1 then i - 1 else 0) == 0 then x[b, if i >= 1 then i - 1 else 0] else 0", "if (if i >= 1 then i - 1 else 0) == 0 then x[b, if i >= 1 then i - 1 else 0] else 0");
    check_body("if not i == 3 then 1 else 0", "if i == 3 then 0 else 1");
    check_body("if v < 1 and (v == 2 or not 3 <= v) then 1 else 0", "if v < 1 and (v == 2 or not 3 <= v) then 1 else 0");
    check_body("if (v < 1 and v == 2) or 3 <= v then 1 else 0", "if v < 1 and v == 2 or 3 <= v then 1 else 0");
    check_body("if missing(v) then 1 else 0", "if missing(v) then 1 else 0");
    check_body("if q[i] then 1 else 0", "if q[i] then 1 else 0");
    check_body("if true then 1 else 0", "1");
    check_body("(if v < 1 then 1 else 0) + 2", "(if v < 1 then 1 else 0) + 2");
    check_body("if (if v < 1 then q[i] else q[0]) then 1 else 0", "if if v < 1 then q[i] else q[0] then 1 else 0");
}

static void test_arithmetic(void **state)
{
    (void)state;
    check_body("v - (v - 2)", "v - (v - 2)");
    check_body("v - v - 2", "v - v - 2");
    check_body("v / (v * 3)", "v / (v * 3)");
    check_body("v / v * 3", "v / v * 3");
    check_body("-v * 3", "-v * 3");
    check_body("-(v * 3)", "-(v * 3)");
    check_body("-(v ^ 2)", "-v ^ 2");
    check_body("(-v) ^ 2", "(-v) ^ 2");
    check_body("2 ^ -v", "2 ^ (-v)");
    check_body("(v ^ v) ^ v", "(v ^ v) ^ v");
    check_body("v ^ v ^ v", "v ^ (v ^ v)");
    check_body("v * (-2)", "v * (-2)");
    check_body("v - -2", "v - -2");
    check_body("v + -w[i]", "v + -w[i]");
    check_body("v mod 2 mod 3", "v mod 2 mod 3");
    check_body("v mod (2 mod v)", "v mod (2 mod v)");
    check_body("--v", "v");
    check_body("v * inf + nan", "v * inf + nan");
    check_body("v * inf", "v * inf");
    check_body("v * (-inf) + 1e-300", "v * (-inf) + 1e-300");
    check_body("0.1 + 1e300 * v", "0.1 + 1e+300 * v");
    check_body("max(v, min(0, abs(v))) + floor(v) + sign(v) + sqrt(v) + exp(v) + log(v) + tanh(v) + sigmoid(v) + sin(v) + cos(v) + erf(v)",
               "max(v, min(0, abs(v))) + floor(v) + sign(v) + sqrt(v) + exp(v) + log(v) + tanh(v) + sigmoid(v) + sin(v) + cos(v) + erf(v)");
    check_body("random#3(b, i) + gaussian#4() + random#5(b)", "random#3(b, i) + gaussian#4() + random#5(b)");
    check_body("0 + v * 1 / 1 + 0", "v");
    check_body("(v + 0) ^ 1", "v");
}

static void test_names(void **state)
{
    (void)state;
    /* a tensor called as an index would be: another letter */
    check_same("input i[3]\ninput j[3]\ny[k < 3] = i[k] + j[k]\n");
    check_same("input b[batch]\nd[e < batch] = b[e]\n");
    check_same("\"if\" = constant [1]\ny = \"if\"\n");
    check_same("input \"data\"[batch]\ny[b < batch] = \"data\"[b]\n");
    check_same("sum = constant [1]\ny = sum * 2\ninput = y + 1\nstep = input\n");
    check_same("input \"a b/c\"[2]\ny = \"a b/c\"[1]\n");
}

static void test_many_constants(void **state)
{
    (void)state;
    check_same("k[i < 4] = constant [nan, inf, -inf, -0]\n");
}

/* The values of every formula, in the order of their names' texts. */
static void check_values(const nnc_program *p, const nnc_program *q)
{
    nnc_tensor_id *all = calloc(p->tensors, sizeof *all), *other = calloc(p->tensors, sizeof *all);
    uint32_t count = 0;
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        if (nnc_tensor_at(p, id)->kind == NNC_KIND_FORMULA) {
            all[count] = id;
            other[count++] = named(q, nnc_tensor_at(p, id)->name);
        }
    nnc_interpreter *a = run_program(&session.arena, p, all, count), *b = run_program(&session.arena, q, other, count);
    for (uint32_t t = 0; t < count; t++)
        for (int64_t i = 0; i < count_of(nnc_tensor_at(p, all[t])); i++) {
            double x = nnc_interpreter_get(a, all[t])[i], y = nnc_interpreter_get(b, other[t])[i];
            if (!(fabs(x - y) <= 1e-9 * (1 + fabs(x)) || (x != x && y != y)))
                fail_msg("%s is %.17g, but %.17g once it is read back", nnc_tensor_at(p, all[t])->name, x, y);
        }
    free(all);
    free(other);
}

static void test_random_programs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        maker m;
        nnc_session_close(&session);
        nnc_session_open(&session, NULL, NULL);
        make_program(&m, &session.arena, seed, 12);
        const char *first = printed(m.p);
        nnc_program *q = parse_good(first);
        const char *second = printed(q);
        if (strcmp(first, second) != 0)
            fail_msg("seed %llu:\n%s\nreads back as\n%s", (unsigned long long)seed, first, second);
        check_values(m.p, q);
    }
}

/* ---- errors ---- */

static void check_error(const char *text, const char *expected)
{
    nnc_session_close(&session);
    nnc_session_open(&session, NULL, NULL);
    nnc_program *p = try_parse(text);
    if (p)
        fail_msg("%s is read as\n%s", text, printed(p));
    const char *start = reported(), *end = strchr(start, '\n');
    assert_non_null(end);
    assert_int_equal(session.errors, 1);
    if (strlen(expected) != (size_t)(end - start) || strncmp(start, expected, strlen(expected)) != 0)
        fail_msg("%s: %s rather than %s", text, start, expected);
}

static void test_errors(void **state)
{
    (void)state;
    check_error("y = z\n", "t:1:6: error: there is no z");
    check_error("input x[3]\ny[i < 3] = x[i, 0]\n", "t:2:19: error: x has 1 dimensions");
    check_error("input x[3]\ny[i < 3] = x\n", "t:2:13: error: x has 1 dimensions");
    check_error("y = 1 +\n", "t:1:8: error: an expression expected");
    check_error("y = (1\n", "t:1:7: error: `)` expected");
    check_error("y = 1 2\n", "t:1:7: error: the end of the line expected");
    check_error("y = 1\ny = 2\n", "t:2:3: error: y is there already");
    check_error("y = foo(1)\n", "t:1:11: error: there is no operation foo of 1 arguments");
    check_error("y = max(1)\n", "t:1:11: error: there is no operation max of 1 arguments");
    check_error("y[i < 2] = constant [1, 2, 3]\n", "t:1:28: error: as many numbers as elements expected");
    check_error("y[i < 2] = constant [1]\n", "t:1:24: error: as many numbers as elements expected");
    check_error("y = if 1 < 2 then 3\n", "t:1:20: error: `else` expected");
    check_error("y = sum(i < 3: i\n", "t:1:17: error: `)` expected");
    check_error("state m -> n\n", "t:1:12: error: there is no n");
    check_error("input 3\n", "t:1:7: error: the end of the line expected");
    check_error("y[i < ] = 1\n", "t:1:7: error: a number expected");
    check_error("y = count(all)\n", "t:1:11: error: `batch` or `data` expected");
    check_error("y = \"open\n", "t:1:6: error: a quote has no end");
    check_error("3 = 4\n", "t:1:1: error: a tensor's name expected");
}

/* Whatever the text, there is an end: a program, or an error. */
static void test_damaged_texts(void **state)
{
    static const char pieces[] = "()[]<>=+-*/,:#^\"if then else sum max argmax mod and or not batch data constant input param 012345678.xyij\n ";
    uint64_t chance = 5;
    (void)state;
    for (int n = 0; n < 3000; n++) {
        maker m;
        nnc_session_close(&session);
        nnc_session_open(&session, NULL, NULL);
        make_program(&m, &session.arena, (uint64_t)n % 50, 4);
        char *text = nnc_arena_string(&session.arena, printed(m.p));
        for (int64_t edits = between(&chance, 1, 6); edits > 0; edits--)
            text[between(&chance, 0, (int64_t)strlen(text) - 1)] = pieces[between(&chance, 0, (int64_t)sizeof pieces - 2)];
        nnc_program *p = try_parse(text);
        assert_true(p ? session.errors == 0 : session.errors == 1);
        if (p)
            nnc_program_verify(p);
    }
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {EACH(test_kinds),      EACH(test_elements), EACH(test_reductions),     EACH(test_integers),       EACH(test_conditions),
                                       EACH(test_arithmetic), EACH(test_names),    EACH(test_many_constants), EACH(test_random_programs), EACH(test_errors),
                                       EACH(test_damaged_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
