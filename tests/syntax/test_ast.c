/* The tree of a text with every construct, exactly; and expressions written back as source, which read again are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "syntax/syntax.h"

static char *read_text(const char *name, char *path, size_t room)
{
    const char *root = getenv("NNC_SOURCE_DIR");
    snprintf(path, room, "%s/%s", root ? root : ".", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be read", path);
    char *text = calloc(1, 1 << 16);
    assert_true(fread(text, 1, (1 << 16) - 1, f) < (1 << 16) - 1);
    fclose(f);
    return text;
}

static const char *tree_of(nnc_session *session, const char *text)
{
    nnc_text out = {.arena = &session->arena};
    const nnc_syntax *tree = nnc_parse(session, nnc_session_add(session, "all.nn", text, strlen(text)));
    if (session->errors)
        nnc_diagnostics_print(session, &out, false);
    else
        nnc_syntax_print(tree, &out);
    return nnc_text_string(&out);
}

static bool update;

static void test_tree(void **state)
{
    char path[600], *text = read_text("tests/syntax/all.nn", path, sizeof path);
    nnc_session session;
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    const char *tree = tree_of(&session, text);
    char *expected = read_text("tests/syntax/all.ast", path, sizeof path);
    if (update) {
        FILE *f = fopen(path, "wb");
        fputs(tree, f);
        fclose(f);
    } else {
        assert_string_equal(tree, expected);
    }
    nnc_session_close(&session);
    free(expected);
    free(text);
}

static bool occurs(const nnc_syntax *tree, nnc_syntax_kind kind)
{
    if (tree && tree->kind == kind)
        return true;
    for (uint32_t i = 0; tree && i < tree->count; i++)
        if (occurs(tree->child[i], kind))
            return true;
    return false;
}

static void test_every_kind_occurs(void **state)
{
    char path[600], *text = read_text("tests/syntax/all.nn", path, sizeof path);
    nnc_session session;
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    const nnc_syntax *tree = nnc_parse(&session, nnc_session_add(&session, "all.nn", text, strlen(text)));
    for (int kind = 0; kind < NNC_SYNTAX_KINDS; kind++)
        if (kind != NNC_SYNTAX_ERROR && !occurs(tree, (nnc_syntax_kind)kind))
            fail_msg("all.nn has no %s", nnc_syntax_kind_name((nnc_syntax_kind)kind));
    nnc_session_close(&session);
    free(text);
}

static const nnc_syntax *expression_of(nnc_session *session, const char *text)
{
    const nnc_syntax *e = nnc_parse_expression(session, nnc_session_add(session, "expression", text, strlen(text)));
    if (!e)
        fail_msg("%s is not read", text);
    return e;
}

static const char *written(nnc_session *session, const nnc_syntax *e)
{
    nnc_text out = {.arena = &session->arena};
    nnc_syntax_write(e, &out);
    return nnc_text_string(&out);
}

static const char *shown(nnc_session *session, const nnc_syntax *e)
{
    nnc_text out = {.arena = &session->arena};
    nnc_syntax_print(e, &out);
    return nnc_text_string(&out);
}

static void test_written_back(void **state)
{
    static const char *const as_is[] = {
        "a + b * c", "(a + b) * c", "a - (b - c)", "a - b - c", "a / (b / c)", "a^b^c", "(a^b)^c", "-a^2", "(-a)^2", "2^-x", "--x", "not a and b",
        "not (a and b)", "a or b and c", "(a or b) and c", "a < b", "(a < b) == c", "a mod b * c", "f(x, y = 2)", "f(x)(y)", "x[i, j + 1, ..]", "enc.w[i]",
        "sum(i, j < 3: x[i] * y[j])", "x -> f -> g(3)", "(x -> f) + y", "if a then b else c", "(if a then b else c) + 1", "[1, 2, 3]", "(a, b)", "h' + 1",
        "x -> enc.f(2)(3)", "mean(..: x[..])", "1e-3 + 20% + 0.5", "f(if a then b else c)", "-x -> f", "(a -> f)[0]", "true and not false",
    };
    (void)state;
    for (size_t i = 0; i < sizeof as_is / sizeof *as_is; i++) {
        nnc_session session;
        nnc_session_open(&session, NULL, NULL);
        const nnc_syntax *e = expression_of(&session, as_is[i]);
        const char *text = written(&session, e);
        assert_string_equal(text, as_is[i]);
        assert_string_equal(shown(&session, expression_of(&session, text)), shown(&session, e));
        nnc_session_close(&session);
    }
}

/* Where a statement ends. */
static void test_line_ends(void **state)
{
    static const char *const same[][2] = {
        {"let a = 1\nlet b = 2\n", "let a = 1; let b = 2"},
        {"let a = 1 +\n  2", "let a = 1 + 2"},
        {"let a = 1\n  + 2", "let a = 1 + 2"},
        {"let a = 1 # one\n\n  # two\n  + 2", "let a = 1 + 2"},
        {"let a = f(1,\n\n2\n)", "let a = f(1, 2)"},
        {"let a = x\n  -> f\n  -> g", "let a = x -> f -> g"},
        {"let a = if c\n then 1\n else 2", "let a = if c then 1 else 2"},
        {"let a =\n\n  1", "let a = 1"},
        {"fn f(x) {\n  y = x; y\n}", "fn f(x) { y = x; y }"},
        {"fn f(x) {\n\n\n  y = x;;\n\n  y }\n\n", "fn f(x) { y = x; y }"},
        {"let a = 1\r\nlet b = 2\r\n", "let a = 1\nlet b = 2"},
        {"\xEF\xBB\xBFlet a = 1", "let a = 1"},
        {"let rows = 1\nlet from = rows\nlet class = from", "let rows = 1; let from = rows; let class = from"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        nnc_session session;
        nnc_session_open(&session, NULL, NULL);
        const char *a = tree_of(&session, same[i][0]), *b = tree_of(&session, same[i][1]);
        assert_string_equal(a, b);
        assert_int_equal(session.errors, 0);
        nnc_session_close(&session);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tree), cmocka_unit_test(test_every_kind_occurs), cmocka_unit_test(test_written_back),
                                       cmocka_unit_test(test_line_ends)};
    update = argc > 1 && strcmp(argv[1], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
