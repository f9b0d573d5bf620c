/* Messages as they are shown: places, carets, order, how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/diagnostic.h"

static const nnc_message PLAIN = {"PLAIN", NNC_ERROR, "what is %s", NULL};
static const nnc_message HELPED = {"HELPED", NNC_ERROR, "what is %s", "do it otherwise"};
static const nnc_message WARNED = {"WARNED", NNC_WARNING, "hm, %d", NULL};

typedef struct shown { nnc_session session; uint32_t file; nnc_text out; } shown;

static shown open_text(const char *text)
{
    shown s = {0};
    nnc_session_open(&s.session, NULL, NULL);
    s.file = nnc_session_add(&s.session, "m.nn", text, strlen(text));
    return s;
}

static nnc_span at(const shown *s, uint32_t begin, uint32_t end) { return (nnc_span){s->file, begin, end}; }

static const char *print(shown *s, bool color)
{
    s->out = (nnc_text){.arena = &s->session.arena};
    nnc_diagnostics_print(&s->session, &s->out, color);
    return nnc_text_string(&s->out);
}

static void check_one(const char *source, uint32_t begin, uint32_t end, const char *expected)
{
    shown s = open_text(source);
    nnc_report(&s.session, at(&s, begin, end), &PLAIN, "this");
    assert_string_equal(print(&s, false), expected);
    nnc_session_close(&s.session);
}

static void test_carets(void **state)
{
    (void)state;
    check_one("a\nbc def\n", 5, 8, "m.nn:2:4: error: what is this\n   2 | bc def\n     |    ^~~\n");
    check_one("abc", 0, 1, "m.nn:1:1: error: what is this\n   1 | abc\n     | ^\n");
    check_one("abc", 1, 1, "m.nn:1:2: error: what is this\n   1 | abc\n     |  ^\n");
    check_one("ab\ncd\n", 1, 5, "m.nn:1:2: error: what is this\n   1 | ab\n     |  ^\n");     /* over the end of the line */
    check_one("abc\n", 3, 4, "m.nn:1:4: error: what is this\n   1 | abc\n     |    ^\n");        /* at it */
    check_one("abc\r\nd\r\n", 5, 6, "m.nn:2:1: error: what is this\n   2 | d\n     | ^\n");
}

static void test_characters(void **state)
{
    (void)state;
    check_one("h\xc3\xa9 \xe2\x82\xac x", 8, 9, "m.nn:1:6: error: what is this\n   1 | h\xc3\xa9 \xe2\x82\xac x\n     |      ^\n");
    check_one("\xf0\x9f\x98\x80yz", 4, 6, "m.nn:1:2: error: what is this\n   1 | \xf0\x9f\x98\x80yz\n     |  ^~\n");
    check_one("\tx\ty", 3, 4, "m.nn:1:4: error: what is this\n   1 | \tx\ty\n     | \t \t^\n");
    check_one("a\x01z", 2, 3, "m.nn:1:3: error: what is this\n   1 | a?z\n     |   ^\n");
    check_one("a\xffz", 2, 3, "m.nn:1:3: error: what is this\n   1 | a?z\n     |   ^\n");
}

static void test_without_place(void **state)
{
    shown s = open_text("abc");
    (void)state;
    nnc_report(&s.session, (nnc_span){0}, &HELPED, "that");
    assert_string_equal(print(&s, false), "nnc: error: what is that\n  help: do it otherwise\n");
    nnc_session_close(&s.session);
}

static void test_notes(void **state)
{
    shown s = open_text("one\ntwo\n");
    (void)state;
    nnc_report(&s.session, at(&s, 4, 7), &PLAIN, "two");
    nnc_note(&s.session, at(&s, 0, 3), "after %s", "one");
    nnc_help(&s.session, "take %d", 3);
    assert_string_equal(print(&s, false), "m.nn:2:1: error: what is two\n   2 | two\n     | ^~~\n  m.nn:1:1: note: after one\n  help: take 3\n");
    nnc_session_close(&s.session);
}

static void test_order(void **state)
{
    shown s = open_text("one\ntwo\nthree\n");
    (void)state;
    uint32_t second = nnc_session_add(&s.session, "n.nn", "x\n", 2);
    nnc_report(&s.session, (nnc_span){second, 0, 1}, &PLAIN, "x");
    nnc_report(&s.session, at(&s, 8, 13), &PLAIN, "three");
    nnc_report(&s.session, at(&s, 4, 7), &WARNED, 2);
    nnc_report(&s.session, at(&s, 4, 7), &PLAIN, "b");
    nnc_report(&s.session, at(&s, 4, 7), &PLAIN, "a");
    nnc_report(&s.session, (nnc_span){0}, &PLAIN, "all");
    assert_string_equal(print(&s, false), "nnc: error: what is all\n"
                                          "m.nn:2:1: warning: hm, 2\n   2 | two\n     | ^~~\n"
                                          "m.nn:2:1: error: what is b\n   2 | two\n     | ^~~\n"
                                          "m.nn:2:1: error: what is a\n   2 | two\n     | ^~~\n"
                                          "m.nn:3:1: error: what is three\n   3 | three\n     | ^~~~~\n"
                                          "n.nn:1:1: error: what is x\n   1 | x\n     | ^\n");
    nnc_session_close(&s.session);
}

static void test_repeats(void **state)
{
    shown s = open_text("one\n");
    (void)state;
    for (int i = 0; i < 3; i++)
        nnc_report(&s.session, at(&s, 0, 3), &PLAIN, "it");
    nnc_note(&s.session, at(&s, 0, 1), "of a message that was dropped");
    nnc_help(&s.session, "likewise");
    assert_int_equal(s.session.errors, 1);
    assert_string_equal(print(&s, false), "m.nn:1:1: error: what is it\n   1 | one\n     | ^~~\n");
    nnc_session_close(&s.session);
}

static void test_at_most_twenty(void **state)
{
    shown s = open_text("0123456789012345678901234567890\n");
    unsigned shown_errors = 0;
    (void)state;
    for (uint32_t i = 0; i < 30; i++)
        nnc_report(&s.session, at(&s, i, i + 1), &PLAIN, "it");
    nnc_report(&s.session, at(&s, 30, 31), &WARNED, 7);
    assert_int_equal(s.session.errors, 20);
    const char *text = print(&s, false);
    for (const char *error = strstr(text, ": error: "); error; error = strstr(error + 1, ": error: "))
        shown_errors++;
    assert_int_equal(shown_errors, 20);
    assert_non_null(strstr(text, "hm, 7"));
    nnc_session_close(&s.session);
}

static void test_places(void **state)
{
    shown s = open_text("a\n\n\xc3\xa9" "b\n");
    uint32_t line, column;
    (void)state;
    nnc_place(&s.session, at(&s, 4 + 1, 6), &line, &column);
    assert_int_equal(line, 3);
    assert_int_equal(column, 2);
    nnc_place(&s.session, at(&s, 1000, 1001), &line, &column);     /* beyond the end: there */
    assert_int_equal(line, 4);
    nnc_place(&s.session, (nnc_span){7, 0, 0}, &line, &column);
    assert_int_equal(line, 0);
    nnc_span joined = nnc_span_join(at(&s, 3, 5), at(&s, 1, 4));
    assert_int_equal(joined.begin, 1);
    assert_int_equal(joined.end, 5);
    nnc_session_close(&s.session);
}

static void test_color(void **state)
{
    shown s = open_text("abc");
    (void)state;
    nnc_report(&s.session, at(&s, 0, 3), &PLAIN, "it");
    assert_non_null(strstr(print(&s, true), "m.nn:1:1: \033[1;31merror:\033[0m what is it\n"));
    assert_null(strstr(print(&s, false), "\033"));
    nnc_session_close(&s.session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_carets),  cmocka_unit_test(test_characters),     cmocka_unit_test(test_without_place),
                                       cmocka_unit_test(test_notes),   cmocka_unit_test(test_order),          cmocka_unit_test(test_repeats),
                                       cmocka_unit_test(test_at_most_twenty), cmocka_unit_test(test_places), cmocka_unit_test(test_color)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
