/* Simplification keeps values, on random programs with their gradients; and what it must make of the formulas that matter. */
#include "gradients.h"

static void must_agree(const nnc_interpreter *a, nnc_tensor_id x, const nnc_interpreter *b, nnc_tensor_id y, const char *what)
{
    int64_t n = count_of(nnc_tensor_at(a->program, x));
    assert_int_equal(n, count_of(nnc_tensor_at(b->program, y)));
    const double *p = nnc_interpreter_get(a, x), *q = nnc_interpreter_get(b, y);
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(p[i] - q[i]) <= 1e-8 * (1 + fabs(p[i]))))
            fail_msg("%s: %s[%lld]: %.12g before, %.12g after\n%s\n%s", what, nnc_tensor_at(a->program, x)->name, (long long)i, p[i], q[i],
                     program_text(a->arena, a->program), program_text(b->arena, b->program));
}

static void check_simplified(nnc_arena *arena, const nnc_program *p, const nnc_tensor_id *roots, uint32_t count, const char *what)
{
    nnc_tensor_id after[MAX_MADE + 1];
    nnc_tensor_id *map = NNC_ARRAY(arena, nnc_tensor_id, p->tensors);
    memcpy(after, roots, count * sizeof *roots);
    nnc_program *q = nnc_simplify(arena, p, after, count, map);
    must_verify(arena, q, what);
    nnc_interpreter *a = run_program(arena, p, roots, count), *b = run_program(arena, q, after, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(map[roots[i]], after[i]);
        must_agree(a, roots[i], b, after[i], what);
    }
}

static void test_random_programs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        nnc_arena arena;
        maker m;
        char what[40];
        nnc_tensor_id gradient[MAX_MADE], roots[MAX_MADE + 1];
        uint32_t count = 1;
        nnc_arena_open(&arena, NULL, NULL);
        nnc_tensor_id loss = make_program(&m, &arena, seed + 10000, 2 + (uint32_t)(seed % 9));
        snprintf(what, sizeof what, "seed %d", (int)seed);
        nnc_differentiate(m.p, loss, m.leaf, m.leaves, gradient);
        roots[0] = loss;
        for (uint32_t i = 0; i < m.leaves; i++)
            if (gradient[i])
                roots[count++] = gradient[i];
        check_simplified(&arena, m.p, roots, count, what);
        nnc_arena_close(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
