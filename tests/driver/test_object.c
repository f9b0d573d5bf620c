/* Objects linked into this process: they compute, and damaged ones are refused or at least not run into. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "driver/network.h"

enum { N = 37 };

/* y[i] = x[i] ^ x[0] and a tail of constants, in a loop: calls libm, reads constants of 4 and more bytes. */
static void build(nnc_arena *arena, nnc_loops *loops)
{
    nnc_buffer *buffer = NNC_ARRAY(arena, nnc_buffer, 2);
    nnc_kernel *k = NNC_NEW(arena, nnc_kernel), **kernels = NNC_ARRAY(arena, nnc_kernel *, 1);
    buffer[0] = (nnc_buffer){.name = "x", .storage = NNC_STORAGE_ARGUMENT, .argument = 0, .elements = N};
    buffer[1] = (nnc_buffer){.name = "y", .storage = NNC_STORAGE_ARGUMENT, .argument = 1, .elements = N, .written = true};
    *loops = (nnc_loops){.arena = arena, .name = "t", .buffer = buffer, .buffers = 2, .kernel = kernels, .kernels = 1, .arguments = 2, .batch = 1};
    kernels[0] = k;
    k->name = "k0";
    k->note = "";
    k->tasks_fixed = 1;
    k->task_block = 1;
    nnc_builder *b = nnc_builder_new(loops, k);
    nnc_value_id zero = nnc_emit_index(b, 0), first = nnc_emit_load(b, 0, zero, 1, true), i = nnc_open_for(b, zero, nnc_emit_index(b, N), 1);
    nnc_value_id x = nnc_emit_load(b, 0, i, 1, true), power = nnc_emit2(b, NNC_LOOP_POW, x, first);
    nnc_value_id wave = nnc_emit_sin(b, nnc_emit_exp(b, nnc_emit2(b, NNC_LOOP_MUL, x, nnc_emit_real(b, 0.3, 1))));
    nnc_emit_store(b, 1, i, nnc_emit2(b, NNC_LOOP_ADD, power, wave));
    nnc_close(b);
    nnc_builder_done(b);
}

static const nnc_llvm *llvm_of(nnc_arena *arena)
{
    const char *error = NULL;
    const nnc_llvm *llvm = nnc_llvm_load(arena, &error);
    if (!llvm)
        fail_msg("%s", error);
    return llvm;
}

static nnc_object compile(nnc_arena *arena, int level)
{
    nnc_loops *loops = NNC_NEW(arena, nnc_loops);
    const char *error = NULL;
    nnc_object object;
    nnc_target target = {NULL, NULL, level};
    build(arena, loops);
    assert_null(nnc_loops_verify(loops));
    if (!llvm_of(arena)->compile(arena, (const nnc_loops *const *)&loops, 1, NULL, &target, NNC_LLVM_OBJECT, &object, &error))
        fail_msg("%s", error);
    return object;
}

static void skip_elsewhere(void)
{
    if (!nnc_code_is_known()) {
        print_message("skipped: objects are linked by LLVM on this machine\n");
        skip();
    }
}

static void test_computes(void **state)
{
    nnc_arena arena;
    float x[N], y[N];
    void *pointers[] = {NULL, NULL, NULL, x, y};
    const char *error = NULL;
    (void)state;
    skip_elsewhere();
    for (int i = 0; i < N; i++)
        x[i] = 1.5f + (float)i / 16;
    for (int level = 0; level <= 3; level++) {
        nnc_arena_open(&arena, NULL, NULL);
        nnc_object object = compile(&arena, level);
        nnc_code *code = nnc_code_load(&object, &error);
        if (!code)
            fail_msg("%s", error);
        memset(object.bytes, 0, object.size);              /* the object is not needed any more */
        assert_null(nnc_code_symbol(code, "k1"));
        nnc_code_symbol(code, "k0")(pointers, 1, 0, 1);
        for (int i = 0; i < N; i++)
            assert_float_equal(y[i], powf(x[i], x[0]) + sinf(expf(x[i] * 0.3f)), 1e-4f);
        nnc_code_unload(code);
        nnc_arena_close(&arena);
    }
}

static void refuse(const char *bytes, size_t size, const char *expected)
{
    const char *error = NULL;
    assert_null(nnc_code_load(&(nnc_object){(char *)(uintptr_t)bytes, size}, &error));
    assert_string_equal(error, expected);
}

/* Any byte changed, and cut anywhere: no crash while linking. (What runs has a hash that holds; see cache.h.) */
static void test_damage(void **state)
{
    nnc_arena arena;
    const char *error = NULL;
    (void)state;
    skip_elsewhere();
    nnc_arena_open(&arena, NULL, NULL);
    nnc_object object = compile(&arena, 2);
    for (size_t cut = 0; cut < object.size; cut += 1 + cut / 64) {
        char *bytes = malloc(cut + 1);
        memcpy(bytes, object.bytes, cut);
        nnc_code_unload(nnc_code_load(&(nnc_object){bytes, cut}, &error));
        free(bytes);
    }
    for (size_t at = 0; at < object.size; at++) {
        char kept = object.bytes[at];
        for (int change = 0; change < 3; change++) {
            object.bytes[at] = (char)(change == 0 ? kept ^ 1 : change == 1 ? ~kept : 0x7f);
            nnc_code *code = nnc_code_load(&object, &error);
            if (code)
                (void)nnc_code_symbol(code, "k0");
            nnc_code_unload(code);
        }
        object.bytes[at] = kept;
    }
    refuse("", 0, "it is too short");
    refuse(object.bytes, 30, "it is too short");
    object.bytes[0] = 'x';
    refuse(object.bytes, object.size, "it is not a relocatable object");
    object.bytes[0] = 0x7f;
    object.bytes[18] ^= 1;
    refuse(object.bytes, object.size, "it is for another machine");
    nnc_arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_computes), cmocka_unit_test(test_damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
