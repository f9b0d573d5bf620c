/* Numbers as the C library reads them, bit for bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/data/number.h"

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void check(const char *text)
{
    char copy[400];
    float value, expected = strtof(text, NULL);
    nnc_number_kind kind;
    snprintf(copy, sizeof copy, "%s,", text);
    char *end = nnc_number_read(copy, '.', &value, &kind);
    assert_int_equal(end - copy, strlen(text));
    if (isinf(expected)) {
        assert_int_equal(kind, NNC_NUMBER_INFINITE);
        return;
    }
    if (memcmp(&value, &expected, sizeof value) != 0)
        fail_msg("%s is read as %.9g instead of %.9g", text, (double)value, (double)expected);
    end = nnc_number_quick(copy, '.', &value);
    if (end && end - copy == (ptrdiff_t)strlen(text) && memcmp(&value, &expected, sizeof value) != 0)
        fail_msg("%s is read quickly as %.9g instead of %.9g", text, (double)value, (double)expected);
}

static void test_like_the_library(void **state)
{
    static const char *const text[] = {"0", "-0", "1", "+1", ".5", "5.", "1e0", "1E+2", "1e-2", "16777217", "16777219", "33554435", "9007199254740993",
                                       "3.4028235e38", "3.4028236e38", "1e-45", "7e-46", "1.17549435e-38", "1e-400", "0e999999999", "0.1", "1e22", "1e23",
                                       "123456789012345678901234567890", "0.000000000000000000000000000000000000000000000001",
                                       "1.00000005960464477539062500000000000000000001", "1.000000059604644775390625", "1e999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
        check(text[i]);
}

static void test_random_numbers(void **state)
{
    uint64_t seed = 1;
    char text[64];
    (void)state;
    for (int i = 0; i < 400000; i++) {
        uint32_t bits = (uint32_t)(next(&seed) << 16 ^ next(&seed));
        float value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        snprintf(text, sizeof text, "%.*g", (int)(next(&seed) % 20) + 1, (double)value);
        check(text);
        /* Halfway between two floats, and next to it. */
        snprintf(text, sizeof text, "%.*g", 12 + i % 9, ((double)value + (double)nextafterf(value, INFINITY)) / 2);
        check(text);
        snprintf(text, sizeof text, "%.*f", (int)(next(&seed) % 9), ldexp((double)value / exp2(ilogb((double)value)), (int)(next(&seed) % 40) - 10));
        check(text);
        snprintf(text, sizeof text, "%llu.%llue%d", (unsigned long long)next(&seed), (unsigned long long)next(&seed), (int)(next(&seed) % 90) - 50);
        check(text);
    }
}

static void test_refused(void **state)
{
    static const char *const text[] = {"", "-", "+", ".", "-.", "e5", "1e", "1e+", "0x10", "1,5", "abc", "--1", "1-", "in", "nan"};
    (void)state;
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        char copy[16];
        float value;
        nnc_number_kind kind;
        strcpy(copy, text[i]);
        char *end = nnc_number_read(copy, '.', &value, &kind);
        if (kind != NNC_NUMBER_NONE && *end == 0)
            fail_msg("%s is read as a number", text[i]);
    }
}

static void test_decimal_comma(void **state)
{
    char text[] = "1234567890123456789012345678,5;";
    float value;
    nnc_number_kind kind;
    (void)state;
    assert_ptr_equal(nnc_number_read(text, ',', &value, &kind), text + strlen(text) - 1);
    assert_true(value == 1234567890123456789012345678.5f);
    assert_string_equal(text, "1234567890123456789012345678,5;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_like_the_library), cmocka_unit_test(test_random_numbers), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_decimal_comma)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
