/* What depends on step and epoch alone leaves the formulas; values stay. */
#include "gradients.h"

static nnc_tensor_id clock_of(nnc_program *p, nnc_kind kind, const char *name) { return nnc_declare(p, kind, name, (nnc_span){0}, NNC_REAL, 0, NULL, 0); }

typedef struct update { nnc_program *p; nnc_tensor_id result, factor; } update;

/* w[i] * (1 - 0.9 ^ (step + 1)) * exp(-epoch / epochs) + factor, where factor = step / steps is a formula of its own. */
static update make_update(nnc_arena *arena)
{
    update u = {.p = nnc_program_new(arena)};
    nnc_program *p = u.p;
    nnc_tensor_id w = nnc_declare(p, NNC_KIND_PARAMETER, "w", (nnc_span){0}, NNC_REAL, 0, (int64_t[]){3}, 1);
    nnc_ref step = nnc_read(p, clock_of(p, NNC_KIND_STEP, "step"), NULL, 0), steps = nnc_read(p, clock_of(p, NNC_KIND_STEPS, "steps"), NULL, 0);
    nnc_ref epoch = nnc_read(p, clock_of(p, NNC_KIND_EPOCH, "epoch"), NULL, 0), epochs = nnc_read(p, clock_of(p, NNC_KIND_EPOCHS, "epochs"), NULL, 0);
    u.factor = nnc_define(p, "factor", (nnc_span){0}, NNC_REDUCE_NONE, NULL, NULL, 0, NULL, NULL, 0, nnc_binary(p, NNC_OP_DIV, step, steps));
    nnc_ref power = nnc_binary(p, NNC_OP_POW, nnc_real(p, 0.9), nnc_binary(p, NNC_OP_ADD, step, nnc_real(p, 1)));
    nnc_ref decay = nnc_unary(p, NNC_OP_EXP, nnc_unary(p, NNC_OP_NEG, nnc_binary(p, NNC_OP_DIV, epoch, epochs)));
    nnc_ref rate = nnc_binary(p, NNC_OP_MUL, nnc_binary(p, NNC_OP_SUB, nnc_real(p, 1), power), decay), i = nnc_variable(p);
    nnc_ref body = nnc_binary(p, NNC_OP_ADD, nnc_binary(p, NNC_OP_MUL, nnc_read(p, w, &i, 1), rate), nnc_read(p, u.factor, NULL, 0));
    u.result = nnc_define(p, "w'", (nnc_span){0}, NNC_REDUCE_NONE, &i, (int64_t[]){3}, 1, NULL, NULL, 0, body);
    return u;
}

static uint32_t count_kind(const nnc_program *p, nnc_kind kind)
{
    uint32_t count = 0;
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        count += nnc_tensor_at(p, id)->kind == kind;
    return count;
}

static void test_hoisted(void **state)
{
    nnc_arena arena;
    double before[3];
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    update u = make_update(&arena);
    memcpy(before, nnc_interpreter_get(run_program(&arena, u.p, &u.result, 1), u.result), sizeof before);
    nnc_hoist_schedules(u.p);
    must_verify(&arena, u.p, "hoisting");
    assert_int_equal(count_kind(u.p, NNC_KIND_SCHEDULE), 2);
    assert_int_equal(nnc_tensor_at(u.p, u.factor)->kind, NNC_KIND_SCHEDULE);
    assert_int_equal(nnc_tensor_at(u.p, u.result)->kind, NNC_KIND_FORMULA);
    nnc_interpreter *in = run_program(&arena, u.p, &u.result, 1);
    for (int i = 0; i < 3; i++)
        assert_true(nnc_interpreter_get(in, u.result)[i] == before[i]);
    nnc_arena_close(&arena);
}

/* The largest expression of clocks is one schedule, not one for each of its operations. */
static void test_maximal(void **state)
{
    nnc_arena arena;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    update u = make_update(&arena);
    nnc_hoist_schedules(u.p);
    nnc_text out = {.arena = &arena};
    nnc_tensor_print(u.p, u.result, &out);
    assert_non_null(strstr(nnc_text_string(&out), "w[i] * schedule"));
    assert_null(strstr(nnc_text_string(&out), "exp"));
    nnc_hoist_schedules(u.p);
    assert_int_equal(count_kind(u.p, NNC_KIND_SCHEDULE), 2);
    nnc_arena_close(&arena);
}

static void test_nothing_to_hoist(void **state)
{
    nnc_session session;
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    nnc_program *p = parse_text(&session, "param w[3]\ny[i < 3] = w[i] * 2 + exp(0.5)\n");
    nnc_hoist_schedules(p);
    assert_int_equal(count_kind(p, NNC_KIND_SCHEDULE), 0);
    nnc_session_close(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hoisted),
        cmocka_unit_test(test_maximal),
        cmocka_unit_test(test_nothing_to_hoist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
