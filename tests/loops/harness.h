/* Loops in tests: made by the builder, run through LLVM's JIT and through C (gcc, dlopen), and compared. */
#ifndef NNC_TESTS_LOOPS_HARNESS_H
#define NNC_TESTS_LOOPS_HARNESS_H

#include <dlfcn.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "c/c.h"
#include "llvm/llvm.h"
#include "loops/loops.h"

/* A program under construction, with one kernel being built at a time. */
typedef struct harness {
    nnc_arena arena;
    nnc_loops *loops;
    nnc_builder *b;
    const nnc_llvm *llvm;
    nnc_jit *jit;
    void *c;                  /* the shared object made of the C text */
    char folder[64];
} harness;

static inline void harness_open(harness *h)
{
    memset(h, 0, sizeof *h);
    nnc_arena_open(&h->arena, NULL, NULL);
    h->loops = NNC_NEW(&h->arena, nnc_loops);
    h->loops->arena = &h->arena;
    h->loops->name = "test";
    h->loops->batch = 8;
    const char *build = getenv("NNC_BUILD_DIR");
    char *path = nnc_arena_format(&h->arena, "%s/nnc-llvm.so", build ? build : ".");
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module)
        fail_msg("%s", dlerror());
    h->llvm = dlsym(module, "nnc_llvm_interface");
    assert_non_null(h->llvm);
    strcpy(h->folder, "/tmp/nnc-loops-XXXXXX");
    assert_non_null(mkdtemp(h->folder));
}

static inline int harness_run(const char *format, ...)
{
    char command[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    return system(command);
}

static inline void harness_close(harness *h)
{
    if (h->jit)
        h->llvm->unload(h->jit);
    if (h->c)
        dlclose(h->c);
    harness_run("rm -rf %s", h->folder);
    nnc_arena_close(&h->arena);
}

/* A buffer that is an argument of its own. */
static inline uint32_t harness_buffer(harness *h, const char *name, int64_t elements, bool integer, bool written)
{
    nnc_loops *l = h->loops;
    uint32_t argument = l->arguments++;
    NNC_PUSH(&h->arena, l->buffer, l->buffers, l->buffer_capacity) =
        (nnc_buffer){.name = name, .storage = NNC_STORAGE_ARGUMENT, .argument = argument, .elements = elements, .integer = integer, .written = written};
    return l->buffers - 1;
}

static inline nnc_builder *harness_kernel(harness *h, const char *name)
{
    nnc_kernel *k = NNC_NEW(&h->arena, nnc_kernel);
    *k = (nnc_kernel){.name = name, .tasks_fixed = 1, .task_block = 1};
    NNC_PUSH(&h->arena, h->loops->kernel, h->loops->kernels, h->loops->kernel_capacity) = k;
    return h->b = nnc_builder_new(h->loops, k);
}

static inline void harness_verify(harness *h)
{
    const char *wrong = nnc_loops_verify(h->loops);
    if (wrong) {
        nnc_text text = {.arena = &h->arena};
        nnc_loops_print(h->loops, &text);
        fail_msg("%s\n%s", wrong, nnc_text_string(&text));
    }
}

/* cpu NULL: this one. */
static inline void harness_jit(harness *h, const char *cpu)
{
    const char *error = NULL;
    nnc_target target = {NULL, cpu, 2};
    nnc_object object;
    const nnc_loops *loops = h->loops;
    harness_verify(h);
    if (!h->llvm->compile(&h->arena, &loops, 1, NULL, &target, NNC_LLVM_OBJECT, &object, &error))
        fail_msg("%s", error);
    h->jit = h->llvm->load(&object, &error);
    if (!h->jit)
        fail_msg("%s", error);
}

/* The flags under which the C must be clean. */
#define HARNESS_WARNINGS "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wdouble-promotion -Werror"

static inline char *harness_write(harness *h, const char *name, const char *text)
{
    char *path = nnc_arena_format(&h->arena, "%s/%s", h->folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    return path;
}

static inline void harness_c(harness *h, const char *compiler)
{
    nnc_text text = {.arena = &h->arena};
    nnc_c_kernels(h->loops, &text);
    char *path = harness_write(h, "kernels.c", nnc_text_string(&text));
    if (harness_run("%s " HARNESS_WARNINGS " -O2 -march=native -ffp-contract=off -shared -fPIC -o %s/kernels.so %s -lm", compiler, h->folder, path))
        fail_msg("%s does not compile:\n%.6000s", path, nnc_text_string(&text));
    h->c = dlopen(nnc_arena_format(&h->arena, "%s/kernels.so", h->folder), RTLD_NOW | RTLD_LOCAL);
    if (!h->c)
        fail_msg("%s", dlerror());
}

static inline nnc_kernel_function harness_symbol(harness *h, const char *name, bool c)
{
    nnc_kernel_function f = c ? (nnc_kernel_function)(uintptr_t)dlsym(h->c, name) : h->llvm->symbol(h->jit, name);
    if (!f)
        fail_msg("no symbol %s", name);
    return f;
}

static inline double harness_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
