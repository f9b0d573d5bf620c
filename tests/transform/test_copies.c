/* Readers of what was padded read the padded copy where that is kept anyway: which tensors are left, and that the values are the same bits in 64 bits. */
#include "transform/prepare.h"
#include "values.h"

enum { BATCH = 3 };

/* A residual block and something like its gradient: r and w come after the copy p, and p is kept for w. */
static const char BLOCK[] = "input a[b < batch, i < 8, j < 6, c < 2]\n"
                            "param k[3, 3, 2, 2]\n"
                            "x[b < batch, i < 8, j < 6, c < 2] = max(0, a[b, i, j, c] * 2)\n"
                            "p[b < batch, i < 10, j < 8, c < 2] = if i >= 1 and i <= 8 and j >= 1 and j <= 6 then x[b, i - 1, j - 1, c] else 0\n"
                            "y[b < batch, i < 8, j < 6, o < 2] = sum(l < 3, m < 3, c < 2: p[b, i + l, j + m, c] * k[l, m, c, o])\n"
                            "r[b < batch, i < 8, j < 6, c < 2] = y[b, i, j, c] + x[b, i, j, c]\n"
                            "s[b < batch, i < 8, j < 6, c < 2] = if x[b, i, j, c] > 0 then r[b, i, j, c] else 0\n"
                            "w[l < 3, m < 3, c < 2, o < 2] = sum(b < batch, i < 8, j < 6: s[b, i, j, o] * p[b, i + l, j + m, c])\n";

/* The program's roots are w and `also` (NULL: w alone). */
static nnc_program *prepared(const char *text, const char *also)
{
    nnc_program *before = parse_good(text), *p = parse_good(text);
    nnc_tensor_id root[2] = {named(p, "w"), also ? named(p, also) : 0};
    p = nnc_use_copies(&session.arena, p, root, also ? 2 : 1, false);
    const char *wrong = nnc_program_verify(p);
    if (wrong)
        fail_msg("%s\n%s", wrong, printed(p));
    assert_int_equal(root[0], named(p, "w"));
    int64_t elements = nnc_elements(nnc_tensor_at(p, root[0]));
    assert_memory_equal(values_of(p, "w", BATCH), values_of(before, "w", BATCH), (size_t)elements * sizeof(double));
    return p;
}

/* BLOCK with one piece of its text in place of another. */
static const char *changed(const char *from, const char *to)
{
    const char *at = strstr(BLOCK, from);
    assert_non_null(at);
    return nnc_arena_format(&session.arena, "%.*s%s%s", (int)(at - BLOCK), BLOCK, to, at + strlen(from));
}

static bool mentions(const nnc_program *p, const char *text) { return strstr(printed(p), text) != NULL; }

static void test_late_readers(void **state)
{
    (void)state;
    nnc_program *p = prepared(BLOCK, NULL);
    assert_false(nnc_find(p, "x"));                                                  /* computed in the copy */
    assert_true(mentions(p, "p[b, i + 1, j + 1, l]"));
    assert_true(mentions(p, "max(0, a[b, i - 1, j - 1, l] * 2)"));
}

static void test_roots_stay(void **state)
{
    (void)state;
    nnc_program *p = prepared(BLOCK, "x");
    assert_true(nnc_find(p, "x"));                                                   /* but who comes after the copy reads that */
    assert_true(mentions(p, "p[b, i + 1, j + 1, l]"));
}

/* Another reader before the copy's own keeps it. */
static void test_early_reader(void **state)
{
    (void)state;
    nnc_program *p = prepared(changed("y[b < batch", "u[b < batch] = sum(i < 8, j < 6, c < 2: x[b, i, j, c])\ny[b < batch"), "u");
    assert_true(nnc_find(p, "x") && nnc_find(p, "u") && mentions(p, "p[b, i + 1, j + 1, l]"));
}

/* The guard leaves out the last column of x, or the first one. */
static void test_no_copies(void **state)
{
    static const char *const guards[] = {"j >= 1 and j <= 5", "j >= 2 and j <= 6"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        nnc_program *p = prepared(changed("j >= 1 and j <= 6", guards[i]), NULL);
        assert_true(nnc_find(p, "x") && mentions(p, "+ x[b, i, j, l]") && !mentions(p, "p[b, i + 1, j + 1, l]"));
    }
}

/* Without a late reader the copy dies early, and its readers keep to x. */
static void test_copy_that_dies(void **state)
{
    (void)state;
    nnc_program *p = prepared(changed("s[b, i, j, o] * p[b, i + l, j + m, c]", "s[b, i, j, o] * a[b, i, j, c] * k[l, m, c, o]"), NULL);
    assert_true(nnc_find(p, "x") && !mentions(p, "p[b, i + 1, j + 1, l]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_late_readers, fixture_open, fixture_close), cmocka_unit_test_setup_teardown(test_roots_stay, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(test_early_reader, fixture_open, fixture_close), cmocka_unit_test_setup_teardown(test_no_copies, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(test_copy_that_dies, fixture_open, fixture_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
