/* The bytes that name a kernel's code: equal for equal programs, and for no others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "loops/loops.h"

enum { STATEMENTS = 6, MANY = 3000 };

/* A kernel of a few statements, each field with a value of its own, in parts that a test can change. */
typedef struct program {
    nnc_loops loops;
    nnc_buffer buffer[2];
    nnc_kernel kernel, *kernels[1];
    nnc_value value[4];
    nnc_register reg[2];
    nnc_statement statement[STATEMENTS];
} program;

static void make(program *p)
{
    memset(p, 0, sizeof *p);
    p->buffer[0] = (nnc_buffer){.storage = NNC_STORAGE_ARGUMENT, .argument = 1, .offset = 64, .elements = 300};
    p->buffer[1] = (nnc_buffer){.storage = NNC_STORAGE_LOCAL, .elements = 8, .integer = true};
    p->value[1] = (nnc_value){.op = NNC_LOOP_INDEX, .type = NNC_TYPE_INDEX, .lanes = 1, .integer = 1000};
    p->value[2] = (nnc_value){.op = NNC_LOOP_REAL, .type = NNC_TYPE_REAL, .lanes = 8, .real = -0.5};
    p->value[3] = (nnc_value){.op = NNC_LOOP_ADD, .type = NNC_TYPE_REAL, .lanes = 8, .count = 2, .args = {2, 2}};
    p->reg[0] = (nnc_register){NNC_TYPE_REAL, 8};
    p->statement[0] = (nnc_statement){.kind = NNC_STATEMENT_VALUE, .value = 1};
    p->statement[1] = (nnc_statement){.kind = NNC_STATEMENT_FOR, .value = 2, .low = 1, .high = 3, .step = 16};
    p->statement[2] = (nnc_statement){.kind = NNC_STATEMENT_STORE, .target = 1, .value = 3, .at = 1};
    for (int i = 0; i + 1 < STATEMENTS; i++)
        if (i != 1 && i != 2)
            p->statement[i].next = &p->statement[i + 1];
    p->statement[1].body = &p->statement[2];
    p->statement[1].next = &p->statement[3];
    p->kernel = (nnc_kernel){.name = "k", .value = p->value, .values = 4, .reg = p->reg, .registers = 2, .body = p->statement};
    p->kernels[0] = &p->kernel;
    p->loops = (nnc_loops){.buffer = p->buffer, .buffers = 2, .kernel = p->kernels, .kernels = 1, .arguments = 2};
}

static void collect(void *context, const void *bytes, size_t size) { nnc_text_add_bytes(context, bytes, size); }

static nnc_text digest(nnc_arena *arena, const nnc_loops *loops)
{
    nnc_text out = {.arena = arena};
    nnc_loops_feed(loops, collect, &out);
    return out;
}

static bool equal(nnc_text a, nnc_text b) { return a.length == b.length && memcmp(nnc_text_string(&a), nnc_text_string(&b), a.length) == 0; }

/* What code depends on, each changed a little; first as it is. */
#define CHANGES(CHANGE)                                                                                                                                     \
    CHANGE((void)p)                                                                                                                                         \
    CHANGE(p->kernel.name = "k0")                                                                                                                           \
    CHANGE(p->loops.arguments = 3)                                                                                                                          \
    CHANGE(p->loops.buffers = 1)                                                                                                                            \
    CHANGE(p->buffer[0].storage = NNC_STORAGE_HOST)                                                                                                         \
    CHANGE(p->buffer[0].argument = 2)                                                                                                                       \
    CHANGE(p->buffer[0].offset = 128)                                                                                                                       \
    CHANGE(p->buffer[0].offset = INT64_MAX)                                                                                                                 \
    CHANGE(p->buffer[0].offset = INT64_MIN)                                                                                                                 \
    CHANGE(p->buffer[0].elements = 300 + 128)                                                                                                               \
    CHANGE(p->buffer[0].batched = true)                                                                                                                     \
    CHANGE(p->buffer[0].integer = true)                                                                                                                     \
    CHANGE(p->buffer[0].written = true)                                                                                                                     \
    CHANGE(p->kernel.values = 3)                                                                                                                            \
    CHANGE(p->value[1].op = NNC_LOOP_INT)                                                                                                                   \
    CHANGE(p->value[1].type = NNC_TYPE_INT)                                                                                                                 \
    CHANGE(p->value[1].lanes = 4)                                                                                                                           \
    CHANGE(p->value[1].integer = -1000)                                                                                                                     \
    CHANGE(p->value[1].integer = -1001)                                                                                                                     \
    CHANGE(p->value[1].integer = INT64_MIN)                                                                                                                 \
    CHANGE(p->value[2].real = 0.5)                                                                                                                          \
    CHANGE(p->value[2].real = 0)                                                                                                                            \
    CHANGE(p->value[2].real = -0.0)                                                                                                                         \
    CHANGE(p->value[3].count = 1)                                                                                                                           \
    CHANGE(p->value[3].args[0] = 1)                                                                                                                         \
    CHANGE(p->value[3].args[1] = 1)                                                                                                                         \
    CHANGE(p->kernel.registers = 1)                                                                                                                         \
    CHANGE(p->reg[1].type = NNC_TYPE_INT)                                                                                                                   \
    CHANGE(p->reg[1].lanes = 8)                                                                                                                             \
    CHANGE(p->statement[0].kind = NNC_STATEMENT_SET)                                                                                                        \
    CHANGE(p->statement[0].target = 1)                                                                                                                      \
    CHANGE(p->statement[0].value = UINT32_MAX)                                                                                                              \
    CHANGE(p->statement[1].low = 2)                                                                                                                         \
    CHANGE(p->statement[1].high = 2)                                                                                                                        \
    CHANGE(p->statement[1].step = 8)                                                                                                                        \
    CHANGE(p->statement[1].step = 0)                                                                                                                        \
    CHANGE(p->statement[1].step = -16)                                                                                                                      \
    CHANGE(p->statement[0].step = 5)                                                                                                                        \
    CHANGE(p->statement[0].high = 1)                                                                                                                        \
    CHANGE(p->statement[2].at = 2)                                                                                                                          \
    CHANGE(p->statement[2].next = &p->statement[4])                                                                                                         \
    CHANGE(p->statement[1].next = &p->statement[4])                                                                                                         \
    CHANGE(p->statement[1].next = NULL; p->statement[2].next = &p->statement[3]) /* the rest goes into the loop */                                          \
    CHANGE(p->statement[1].body = NULL)

static void change(program *p, int number)
{
    int at = 0;
#define CHANGE(how)      \
    if (at++ == number) { \
        how;             \
    }
    CHANGES(CHANGE)
#undef CHANGE
}

static void test_differ(void **state)
{
    (void)state;
#define CHANGE(how) +1
    enum { COUNT = 0 CHANGES(CHANGE) };
#undef CHANGE
    nnc_arena arena;
    nnc_text found[COUNT];
    program p;
    nnc_arena_open(&arena, NULL, NULL);
    for (int i = 0; i < COUNT; i++) {
        make(&p);
        change(&p, i);
        found[i] = digest(&arena, &p.loops);
        assert_true(equal(found[i], digest(&arena, &p.loops)));
        for (int before = 0; before < i; before++)
            if (equal(found[before], found[i]))
                fail_msg("changes %d and %d give the same bytes", before, i);
    }
    nnc_arena_close(&arena);
}

/* Longer than what is handed on at once, by a byte more each time: nothing is lost or told twice where a piece ends. */
static void test_long(void **state)
{
    (void)state;
    nnc_arena arena;
    program p;
    nnc_arena_open(&arena, NULL, NULL);
    make(&p);
    size_t alone = digest(&arena, &p.loops).length;
    nnc_value *value = NNC_ARRAY(&arena, nnc_value, MANY);
    memcpy(value, p.value, sizeof p.value);
    p.kernel.value = value;
    for (uint32_t values = 4; values < MANY; values++) {
        value[values] = (nnc_value){.op = NNC_LOOP_INDEX, .type = NNC_TYPE_INDEX, .lanes = 1, .integer = values % 64};
        if (values < MANY - 40)
            continue;
        p.kernel.values = values + 1;
        nnc_text out = digest(&arena, &p.loops);
        assert_int_equal(out.length, alone + 1 /* the count of values */ + 5 * (values - 3));
        value[values].integer ^= 1;
        assert_false(equal(out, digest(&arena, &p.loops)));
    }
    nnc_arena_close(&arena);
}

/* What code does not depend on. */
static void test_the_same(void **state)
{
    (void)state;
    nnc_arena arena;
    program p;
    nnc_arena_open(&arena, NULL, NULL);
    make(&p);
    nnc_text before = digest(&arena, &p.loops);
    p.kernel.note = "a note";
    p.kernel.tasks_fixed = p.kernel.task_block = 7;
    p.kernel.flops = 1e9;
    p.kernel.phase = 2;
    p.loops.batch = 64;
    p.buffer[0].name = "x";
    assert_true(equal(before, digest(&arena, &p.loops)));
    nnc_arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_differ), cmocka_unit_test(test_long), cmocka_unit_test(test_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
