/* The map from names to numbers: what was put in is found, nothing else is, over several times that it grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/name_map.h"

enum { MANY = 5000 };

static void test_name_map(void **state)
{
    nnc_arena arena;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    nnc_name_map map = {.arena = &arena};
    assert_true(nnc_name_map_get(&map, "a") == NNC_NO_NUMBER);
    nnc_name_map_put(&map, "", 7);
    for (uint32_t i = 0; i < MANY; i++)
        nnc_name_map_put(&map, nnc_arena_format(&arena, "layer_%u.w", (unsigned)i), 3 * i);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(nnc_name_map_get(&map, nnc_arena_format(&arena, "layer_%u.w", (unsigned)i)), 3 * i);
    assert_int_equal(nnc_name_map_get(&map, ""), 7);
    assert_true(nnc_name_map_get(&map, "layer_5000.w") == NNC_NO_NUMBER);
    nnc_arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_name_map)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
