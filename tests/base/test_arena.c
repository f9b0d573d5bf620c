/* The arena: alignment, zeroes, growth, and the one way out where memory does not suffice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/arena.h"
#include "base/checked.h"

/* The sanitizer's allocator fails as the system's does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

static bool is_zero(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Each piece is filled with its own number; no later piece may touch it. */
static void test_pieces(void **state)
{
    enum { PIECES = 3000 };
    static char *piece[PIECES];
    nnc_arena arena;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    for (size_t i = 0; i < PIECES; i++) {
        size_t size = i % 97 * (i % 31) + i % 3;
        piece[i] = nnc_arena_allocate(&arena, size, 1);
        assert_int_equal((uintptr_t)piece[i] % 16, 0);
        assert_true(is_zero(piece[i], size));
        memset(piece[i], (int)(i % 255) + 1, size);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t k = 0; k < i % 97 * (i % 31) + i % 3; k++)
            assert_int_equal((unsigned char)piece[i][k], i % 255 + 1);
    nnc_arena_close(&arena);
    assert_null(arena.blocks);
    assert_int_equal(arena.total, 0);
}

static void test_large_pieces(void **state)
{
    nnc_arena arena;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    char *small = nnc_arena_allocate(&arena, 10, 1), *large = nnc_arena_allocate(&arena, 9 << 20, 1), *after = nnc_arena_allocate(&arena, 100, 1);
    memset(large, 1, 9 << 20);
    assert_true(is_zero(small, 10) && is_zero(after, 100));
    assert_true(arena.total >= 9 << 20 && arena.total < 20 << 20);
    nnc_arena_close(&arena);
}

/* Small and large ones: aligned, zero, apart. */
static void test_tensors(void **state)
{
    static const size_t size[] = {0, 4, 1000, 255 << 10, (1 << 20) - 64, 1 << 20, (1 << 20) - 65, (2 << 20) + 4, 5 << 20};
    enum { PIECES = sizeof size / sizeof *size };
    char *piece[PIECES];
    nnc_arena arena;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    for (size_t i = 0; i < PIECES; i++) {
        piece[i] = nnc_arena_tensors(&arena, size[i]);
        assert_int_equal((uintptr_t)piece[i] % 64, 0);
        assert_true(is_zero(piece[i], size[i]));
        memset(piece[i], (int)i + 1, size[i]);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t k = 0; k < size[i]; k++)
            assert_int_equal(piece[i][k], i + 1);
    nnc_arena_close(&arena);
    assert_null(arena.mappings);
}

static void test_growth(void **state)
{
    nnc_arena arena;
    int *items = NULL;
    size_t count = 0, capacity = 0;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    for (int i = 0; i < 10000; i++)
        NNC_PUSH(&arena, items, count, capacity) = i * 7;
    assert_int_equal(count, 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(items[i], i * 7);
    int *grown = nnc_arena_grow(&arena, items, 5, 9, sizeof *items);
    assert_ptr_not_equal(grown, items);
    assert_int_equal(grown[4], 28);
    assert_true(is_zero((char *)(grown + 5), 4 * sizeof *grown));
    assert_non_null(nnc_arena_grow(&arena, NULL, 0, 0, 8));
    nnc_arena_close(&arena);
}

/* Nothing asked for is somewhere too, even of an arena that has no block yet: NULL means a failure to those who call. */
static void test_nothing(void **state)
{
    nnc_arena arena;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    assert_non_null(nnc_arena_allocate(&arena, 0, 8));
    nnc_arena_close(&arena);
    nnc_arena_close(&arena);
}

static void test_texts(void **state)
{
    nnc_arena arena;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    assert_string_equal(nnc_arena_string(&arena, "abc"), "abc");
    assert_string_equal(nnc_arena_copy(&arena, "abcdef", 2), "ab");
    assert_string_equal(nnc_arena_copy(&arena, NULL, 0), "");
    assert_string_equal(nnc_arena_format(&arena, "%s-%d", "x", 12), "x-12");
    nnc_arena_close(&arena);
}

/* ---- the way out ---- */

static void leave(void *context) { longjmp(*(jmp_buf *)context, 1); }

static bool fails(size_t count, size_t size)
{
    jmp_buf out;
    nnc_arena arena;
    volatile bool failed = true;
    nnc_arena_open(&arena, leave, &out);
    if (setjmp(out) == 0) {
        nnc_arena_allocate(&arena, count, size);
        failed = false;
    }
    nnc_arena_close(&arena);
    return failed;
}

static void test_overflow(void **state)
{
    (void)state;
    assert_true(fails(SIZE_MAX, 2));
    assert_true(fails((size_t)1 << 33, (size_t)1 << 33));
    assert_true(fails(SIZE_MAX, 1));
    assert_true(fails(SIZE_MAX - 15, 1));
    assert_true(fails(SIZE_MAX - 16, 1));
    assert_true(fails(SIZE_MAX - 40, 1));
    assert_true(fails((size_t)1 << 31, (size_t)1 << 31));
    assert_false(fails(3, 5));
    assert_false(fails(0, SIZE_MAX));
}

static void test_checked(void **state)
{
    int64_t r;
    (void)state;
    assert_true(nnc_checked_multiply(3000000000, 3000000000, &r) && r == 9000000000000000000);
    assert_false(nnc_checked_multiply(4000000000, 4000000000, &r));
    assert_true(nnc_checked_add(INT64_MAX - 1, 1, &r) && r == INT64_MAX);
    assert_false(nnc_checked_add(INT64_MAX, 1, &r));
    for (int64_t a = -30; a <= 30; a++)
        for (int64_t b = 1; b <= 7; b++) {
            int64_t q = nnc_floor_divide(a, b), m = nnc_floor_modulo(a, b);
            assert_true(q * b <= a && a < (q + 1) * b);
            assert_int_equal(m, a - q * b);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces), cmocka_unit_test(test_large_pieces), cmocka_unit_test(test_tensors), cmocka_unit_test(test_growth), cmocka_unit_test(test_nothing),
                                       cmocka_unit_test(test_texts),  cmocka_unit_test(test_overflow),     cmocka_unit_test(test_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
