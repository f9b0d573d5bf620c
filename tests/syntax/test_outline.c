/* An item that is parsed alone is the node that the parser makes of the whole file, to the last span: of each file of the library, and of small texts. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "syntax/syntax.h"

static bool same_span(nnc_span a, nnc_span b) { return a.file == b.file && a.begin == b.begin && a.end == b.end; }

static bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

static bool same_tree(const nnc_syntax *a, const nnc_syntax *b)
{
    if (!a || !b)
        return a == b;
    bool same = a->kind == b->kind && a->count == b->count && same_span(a->span, b->span) && same_span(a->name, b->name) && same_text(a->text, b->text) &&
                memcmp(&a->number, &b->number, sizeof a->number) == 0;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = same_tree(a->child[i], b->child[i]);
    return same;
}

/* How many items the text has; each is compared. */
static uint32_t compare(const char *path, const char *text)
{
    nnc_session session;
    nnc_session_open(&session, NULL, NULL);
    uint32_t file = nnc_session_add(&session, path, text, strlen(text));
    const nnc_syntax *whole = nnc_parse(&session, file);
    nnc_outline outline = nnc_outline_of(&session, file);
    assert_int_equal(session.errors, 0);
    assert_int_equal(outline.count, whole->count);
    for (uint32_t i = 0; i < outline.count; i++) {
        const nnc_outline_item *item = &outline.item[i];
        const nnc_syntax *expected = whole->child[i];
        bool named = item->kind != NNC_SYNTAX_USE && item->kind != NNC_SYNTAX_TRAIN;
        if (item->kind != expected->kind || !same_tree(nnc_parse_item(&session, item->span), expected))
            fail_msg("%s: item %u, %s, is another one alone", path, i + 1, item->text);
        assert_true(!named || (strcmp(item->text, expected->text) == 0 && same_span(item->name, expected->name)));
        assert_true(named || !*item->text);
    }
    assert_int_equal(session.errors, 0);
    uint32_t items = whole->count;
    nnc_session_close(&session);
    return items;
}

static void test_library(void **state)
{
    glob_t found;
    char pattern[600];
    const char *root = getenv("NNC_SOURCE_DIR");
    uint32_t items = 0;
    (void)state;
    snprintf(pattern, sizeof pattern, "%s/library/*.nn", root ? root : ".");
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *text = calloc(1, 1 << 18);
        FILE *f = fopen(found.gl_pathv[i], "rb");
        assert_non_null(f);
        assert_true(fread(text, 1, (1 << 18) - 1, f) < (1 << 18) - 1);
        fclose(f);
        items += compare(found.gl_pathv[i], text);
        free(text);
    }
    globfree(&found);
    assert_true(items > 80);
}

static void test_texts(void **state)
{
    (void)state;
    assert_int_equal(compare("empty", ""), 0);
    assert_int_equal(compare("comment", "# let\n"), 0);
    assert_int_equal(compare("without an end of line", "let a = 1"), 1);
    assert_int_equal(compare("all kinds", "use \"a.nn\"\nlet a_1  =  2 # fn\n\nfn f(x) = x +\n  1\nlayer g(n)(x) {\n  y = x * n\n  y\n}\nlayer h(x) = x\ninit i = normal(1)\n"
                                          "optimizer o()(w, g) {\n  w' = w - g\n}\nmodel m {\n  input x; loss x }\ntrain {\n  epochs 1\n}\n"), 9);
    assert_int_equal(compare("words that lead nothing", "let a =\n  1\n  + 2\nlet\tlets = 3 # let c = 4\n"), 2);
}

/* What is not one item gives none. */
static void test_not_one(void **state)
{
    static const char text[] = "let a = 1\nlet b = 2\n";
    nnc_session session;
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    uint32_t file = nnc_session_add(&session, "two", text, strlen(text));
    assert_null(nnc_parse_item(&session, (nnc_span){file, 0, sizeof text - 1}));
    assert_null(nnc_parse_item(&session, (nnc_span){file, 0, 0}));
    assert_non_null(nnc_parse_item(&session, (nnc_span){file, 10, sizeof text - 1}));
    nnc_session_close(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_library), cmocka_unit_test(test_texts), cmocka_unit_test(test_not_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
