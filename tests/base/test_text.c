/* Texts, numbers as text, near names, escapes. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/text.h"

enum { MANY = 1000000 };

static nnc_arena arena;
static nnc_text text = {.arena = &arena};

static const char *of_double(double value)
{
    text.length = 0;
    nnc_text_add_double(&text, value);
    return nnc_text_string(&text);
}

static const char *of_float(float value)
{
    text.length = 0;
    nnc_text_add_float(&text, value);
    return nnc_text_string(&text);
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static int significant(const char *digits)
{
    int count = 0, zeros = 0;
    for (; *digits && *digits != 'e'; digits++)
        if (*digits >= '0' && *digits <= '9' && (count || *digits != '0')) {
            count++;
            zeros = *digits == '0' ? zeros + 1 : 0;
        }
    return count - zeros;
}

static void test_doubles(void **state)
{
    uint64_t chance = 1;
    char fewer[40];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        uint64_t bits = next_random(&chance), back;
        double value;
        memcpy(&value, &bits, 8);
        if (!isfinite(value))
            continue;
        const char *digits = of_double(value);
        double read = strtod(digits, NULL);
        memcpy(&back, &read, 8);
        if (back != bits)
            fail_msg("%a is written %s", value, digits);
        int count = significant(digits);
        if (count > 1 && i % 8 == 0 && strpbrk(digits, ".e")) {      /* whole numbers are written out */
            snprintf(fewer, sizeof fewer, "%.*e", count - 2, value);
            if (strtod(fewer, NULL) == value)
                fail_msg("%s would do for %s", fewer, digits);
        }
    }
}

static void test_floats(void **state)
{
    uint64_t chance = 2;
    char fewer[40];
    (void)state;
    for (int i = 0; i < MANY; i++) {
        uint32_t bits = (uint32_t)(next_random(&chance) >> 32), back;
        float value;
        memcpy(&value, &bits, 4);
        if (!isfinite(value))
            continue;
        const char *digits = of_float(value);
        float read = strtof(digits, NULL);
        memcpy(&back, &read, 4);
        if (back != bits)
            fail_msg("%a is written %s", (double)value, digits);
        int count = significant(digits);
        if (count > 1 && i % 8 == 0 && strpbrk(digits, ".e")) {      /* whole numbers are written out */
            snprintf(fewer, sizeof fewer, "%.*e", count - 2, (double)value);
            if (strtof(fewer, NULL) == value)
                fail_msg("%s would do for %s", fewer, digits);
        }
    }
}

static void test_plain_numbers(void **state)
{
    static const struct { double value; const char *text; } rows[] = {
        {0, "0"}, {-0.0, "-0"}, {1, "1"}, {-1, "-1"}, {0.1, "0.1"}, {210, "210"}, {1000000, "1000000"}, {123456789, "123456789"}, {1e9, "1e+09"}, {1e300, "1e+300"},
        {0.5, "0.5"}, {1e-5, "1e-05"}, {1.0 / 3, "0.3333333333333333"}, {INFINITY, "inf"}, {-INFINITY, "-inf"}, {NAN, "nan"}, {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"}, {9007199254740993.0, "9007199254740992"}, {100, "100"}, {-300, "-300"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(of_double(rows[i].value), rows[i].text);
    assert_string_equal(of_float(0.1f), "0.1");
    assert_string_equal(of_float(16777216.0f), "16777216");
    assert_string_equal(of_float(1.0f / 3), "0.33333334");
    assert_string_equal(of_float(1e-45f), "1e-45");
    assert_string_equal(of_float(-INFINITY), "-inf");
}

static void test_locale(void **state)
{
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "ru_RU.UTF-8"};
    bool set = false;
    (void)state;
    for (size_t i = 0; i < sizeof commas / sizeof *commas && !set; i++)
        set = setlocale(LC_NUMERIC, commas[i]) != NULL && strcmp(localeconv()->decimal_point, ",") == 0;
    if (!set) {
        print_message("no locale with a decimal comma is installed\n");
        skip();
    }
    assert_string_equal(of_double(0.1), "0.1");
    assert_string_equal(of_double(-1234.5), "-1234.5");
    assert_string_equal(of_double(1.0 / 3), "0.3333333333333333");
    assert_string_equal(of_float(2.5e-7f), "2.5e-07");
    setlocale(LC_NUMERIC, "C");
}

static void test_adding(void **state)
{
    nnc_text t = {.arena = &arena};
    (void)state;
    assert_string_equal(nnc_text_string(&t), "");
    nnc_text_add(&t, "%s", "");
    assert_string_equal(t.data, "");
    for (int i = 0; i < 1000; i++)
        nnc_text_add(&t, "%d,", i);
    assert_int_equal(strlen(t.data), t.length);
    assert_int_equal(t.length, 10 * 2 + 90 * 3 + 900 * 4);
    assert_string_equal(t.data + t.length - 8, "998,999,");
    nnc_text_add_bytes(&t, "\0x", 2);
    assert_int_equal(t.length, 10 * 2 + 90 * 3 + 900 * 4 + 2);
}

static void test_nearest(void **state)
{
    static const char *const names[] = {"dense", "conv", "max_pool", "dropout", "w"};
    (void)state;
    assert_string_equal(nnc_nearest("dens", names, 5), "dense");
    assert_string_equal(nnc_nearest("desne", names, 5), "dense");
    assert_string_equal(nnc_nearest("DENSE", names, 5), "dense");
    assert_string_equal(nnc_nearest("MaxPool", names, 5), "max_pool");
    assert_string_equal(nnc_nearest("W", names, 5), "w");
    assert_string_equal(nnc_nearest("maxpool", names, 5), "max_pool");
    assert_string_equal(nnc_nearest("drop_out", names, 5), "dropout");
    assert_null(nnc_nearest("cnvo2", names, 5));
    assert_null(nnc_nearest("transformer", names, 5));
    assert_null(nnc_nearest("x", names, 5));          /* every name of one letter is one change away */
    assert_string_equal(nnc_nearest("vw", names, 5), "w");
    assert_null(nnc_nearest("dense", names, 0));
    static const char *const same[] = {"ab", "aa"};
    assert_string_equal(nnc_nearest("ac", same, 2), "ab");
}

static void test_escape(void **state)
{
    (void)state;
    assert_string_equal(nnc_escape(&arena, "abc", 3), "abc");
    assert_string_equal(nnc_escape(&arena, "a\nb\0\x7f", 5), "a\\x0ab\\x00\\x7f");
    assert_string_equal(nnc_escape(&arena, "0123456789012345678901234567890123456789", 40), "0123456789012345678901234567890123456789");
    assert_string_equal(nnc_escape(&arena, "01234567890123456789012345678901234567890", 41), "0123456789012345678901234567890123456...");
    /* a character of two bytes is not cut in half */
    assert_string_equal(nnc_escape(&arena, "012345678901234567890123456789012345\xc3\xa9-----", 43), "012345678901234567890123456789012345...");
}

static int open_arena(void **state)
{
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    nnc_arena_close(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_doubles), cmocka_unit_test(test_floats),  cmocka_unit_test(test_plain_numbers), cmocka_unit_test(test_locale),
                                       cmocka_unit_test(test_adding),  cmocka_unit_test(test_nearest), cmocka_unit_test(test_escape)};
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
