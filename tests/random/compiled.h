/* Programs of formulas, compiled: what kernels of the JIT and emitted C compute against the interpreter in 64 bits, at both levels, for full and for smaller
 * batches, and shared out among threads.
 *
 * A difference counts where it is larger than what rounding the inputs a little otherwise would explain: formulas have kinks and jumps. Ties are ties then too:
 * equal values are moved alike. */
#ifndef NNC_TESTS_COMPILED_H
#define NNC_TESTS_COMPILED_H

#include "../transform/gradients.h"
#include <dlfcn.h>
#include <unistd.h>
#include "c/c.h"
#include "driver/network.h"
#include "transform/prepare.h"

enum { NUDGES = 4, MOST_BATCHES = 3 };

/* The interpreter's values of each root for one batch, and how far they move. */
typedef struct reference { int64_t batch; const double *value[MAX_MADE + 1]; double *moved[MAX_MADE + 1]; } reference;

typedef struct check check;
struct check {
    nnc_arena arena;
    const nnc_llvm *llvm;
    nnc_network network;
    nnc_model model;
    nnc_tensor_id root[MAX_MADE + 1];
    uint32_t roots;
    nnc_program *program;
    uint64_t seed;
    int64_t batch;
    int64_t largest;                         /* batch; the others are smaller */
    reference reference[MOST_BATCHES];
    double (*value)(const nnc_tensor *t, int64_t i);   /* of a leaf's element */
    bool (*agrees)(const check *c, uint32_t root, int64_t i, double given, double expected, double bound);
};

/* Within the bound; where a little might make anything of it, whatever it is. */
static bool is_near(const check *c, uint32_t root, int64_t i, double given, double expected, double bound)
{
    (void)c, (void)root, (void)i;
    return fabs(given - expected) <= bound || bound != bound || (isinf(expected) && given == (double)(float)expected);
}

/* The value of a leaf's element, as a float, moved a little by `nudge` (0: not). */
static double value_of(const check *c, const nnc_tensor *t, int64_t i, int nudge)
{
    float x = (float)c->value(t, i);
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (!nudge || t->element != NNC_REAL)
        return (double)x;
    return (double)x + ((((uint64_t)bits * 2654435761u + (uint64_t)nudge * 40503u) >> 7) % 3 - 1.0) * 2e-7 * (1 + fabs((double)x));
}

static int64_t elements_of(const check *c, const nnc_tensor *t) { return nnc_elements(t) * (nnc_batched(t) ? c->batch : 1); }

static nnc_interpreter *interpret(check *c, int nudge)
{
    nnc_interpreter *in = nnc_interpreter_new(&c->arena, c->program, c->batch);
    in->seed = c->seed;
    in->step = 3;
    for (nnc_tensor_id id = 1; id < c->program->tensors; id++) {
        const nnc_tensor *t = nnc_tensor_at(c->program, id);
        if (!is_given(t))
            continue;
        int64_t n = elements_of(c, t);
        double *values = NNC_ARRAY(&c->arena, double, (size_t)n);
        for (int64_t i = 0; i < n; i++)
            values[i] = value_of(c, t, i, nudge);
        nnc_interpreter_set(in, id, values);
    }
    nnc_interpreter_run_for(in, c->root, c->roots);
    return in;
}

static void *block_of(check *c, int64_t bytes)
{
    char *block = nnc_arena_allocate(&c->arena, (size_t)bytes + 192, 1);
    return (void *)(((uintptr_t)block + 63) / 64 * 64);
}

static void put(const check *c, void *at, int64_t i, const nnc_tensor *t)
{
    double x = value_of(c, t, i, 0);
    if (t->element == NNC_REAL)
        ((float *)at)[i] = (float)x;
    else
        ((int32_t *)at)[i] = (int32_t)x;
}

static void fill_persistent(check *c, const nnc_program *p, char *persistent)
{
    for (uint32_t i = 0; i < c->network.layout->entries; i++) {
        const nnc_layout_entry *e = &c->network.layout->entry[i];
        const nnc_tensor *t = nnc_tensor_at(p, nnc_find(p, e->name));
        for (int64_t k = 0; k < e->elements; k++) {
            if (!e->values)
                put(c, persistent + e->offset, k, t);
            else if (e->element == NNC_REAL)
                ((float *)(void *)(persistent + e->offset))[k] = e->values[k];
            else
                ((int32_t *)(void *)(persistent + e->offset))[k] = (int32_t)e->values[k];
        }
    }
}

/* Where a kernel's code is: linked by the code generator, or in a library made by a C compiler. */
typedef struct code { nnc_jit *jit; void *library; } code;

static nnc_kernel_function find(const check *c, const code *from, const char *name)
{
    nnc_kernel_function found = NULL;
    if (from->jit)
        return c->llvm->symbol(from->jit, name);
    *(void **)&found = dlsym(from->library, name);
    return found;
}

/* One phase, as `threads` threads share it that do not wait for each other: the last one is done first. */
static void run_phase(const check *c, const nnc_loops *loops, const code *from, void **pointer, uint32_t first, uint32_t end, int threads)
{
    for (int number = threads - 1; number >= 0; number--)
        for (uint32_t i = first; i < end; i++) {
            const nnc_kernel *k = loops->kernel[i];
            int64_t units = k->tasks_fixed + k->tasks_per_example * c->batch, tasks = (units + k->task_block - 1) / k->task_block;
            int64_t low = tasks * number / threads, high = tasks * (number + 1) / threads;
            nnc_kernel_function call = find(c, from, k->name);
            assert_non_null(call);
            if (threads == 1)
                call(pointer, c->batch, low, high);
            for (int64_t t = high; threads > 1 && t > low; t--)      /* last first: tasks are independent */
                call(pointer, c->batch, t - 1, t);
        }
}

/* Runs the kernels; gives the pointers, arguments from 3 on. */
static void **run_kernels(check *c, nnc_part *part, const code *from, int threads)
{
    const nnc_loops *loops = part->scheduled.loops;
    void **pointer = NNC_ARRAY(&c->arena, void *, part->step.arguments + 3);
    nnc_step_host *host = block_of(c, loops->host_bytes);
    *host = (nnc_step_host){(uint32_t)c->seed, (uint32_t)(c->seed >> 32), 3, 0};
    pointer[0] = block_of(c, loops->workspace_bytes);
    memset(pointer[0], 0xff, (size_t)loops->workspace_bytes);     /* NaN: nothing may be read that was not written */
    pointer[1] = block_of(c, c->network.layout->bytes);
    pointer[2] = host;
    fill_persistent(c, part->program, pointer[1]);
    for (uint32_t i = 0; i < part->step.arguments; i++) {
        const nnc_tensor *t = nnc_tensor_at(part->program, part->argument[i]);
        pointer[3 + i] = block_of(c, 4 * nnc_elements(t) * (nnc_batched(t) ? c->largest : 1));
        for (int64_t k = 0; t->kind == NNC_KIND_INPUT && k < elements_of(c, t); k++)
            put(c, pointer[3 + i], k, t);
    }
    for (uint32_t first = 0, end; first < loops->kernels; first = end) {
        for (end = first; end < loops->kernels && loops->kernel[end]->phase == loops->kernel[first]->phase;)
            end++;
        run_phase(c, loops, from, pointer, first, end, threads);
    }
    return pointer;
}

static void make_reference(check *c, reference *r)
{
    nnc_interpreter *in;
    c->batch = r->batch;
    in = interpret(c, 0);
    for (uint32_t i = 0; i < c->roots; i++) {
        r->value[i] = nnc_interpreter_get(in, c->root[i]);
        r->moved[i] = NNC_ARRAY(&c->arena, double, (size_t)elements_of(c, nnc_tensor_at(c->program, c->root[i])));
    }
    for (int n = 0; n < NUDGES; n++) {
        in = interpret(c, n + 1);
        for (uint32_t i = 0; i < c->roots; i++)
            for (int64_t k = 0; k < elements_of(c, nnc_tensor_at(c->program, c->root[i])); k++)
                r->moved[i][k] += fabs(nnc_interpreter_get(in, c->root[i])[k] - r->value[i][k]);
    }
}

/* Of the program as it is now; before anything is made of it. */
static void make_references(check *c, const int64_t *batches)
{
    c->largest = batches[0];
    for (int i = 0; i < MOST_BATCHES; i++) {
        c->reference[i].batch = batches[i];
        make_reference(c, &c->reference[i]);
    }
}

static void complain(check *c, const nnc_part *part, const char *what, uint32_t root, int64_t i, double given, double expected)
{
    nnc_text loops = {.arena = &c->arena};
    nnc_loops_print(part->scheduled.loops, &loops);
    fprintf(stderr, "%s\n%s\n%s\n", program_text(&c->arena, part->program), part->scheduled.fused, nnc_text_string(&loops));     /* cmocka cuts messages off */
    fail_msg("%s: %s[%lld] is %.9g, by the interpreter %.9g", what, nnc_tensor_at(c->program, c->root[root])->name, (long long)i, given, expected);
}

static void compare(check *c, const reference *from, const nnc_part *part, void **pointer, const char *what)
{
    for (uint32_t r = 0; r < c->roots; r++) {
        const nnc_tensor *t = nnc_tensor_at(c->program, c->root[r]);
        const float *given = pointer[3 + part->step.arguments - c->roots + r];
        const double *expected = from->value[r];
        double largest = 0;
        for (int64_t i = 0; i < elements_of(c, t); i++)
            largest = fmax(largest, fabs(expected[i]));
        for (int64_t i = 0; i < elements_of(c, t); i++) {
            double bound = 2e-5 * (1 + largest) + 100 * from->moved[r][i];
            if (!(c->agrees ? c->agrees : is_near)(c, r, i, (double)given[i], expected[i], bound))
                complain(c, part, what, r, i, (double)given[i], expected[i]);
        }
    }
}

static void compare_batches(check *c, nnc_part *part, const code *from, const char *how)
{
    char what[120];
    for (int i = 0; i < MOST_BATCHES; i++) {
        int threads = 1 + (int)(c->seed + (uint64_t)i) % 4;
        c->batch = c->reference[i].batch;
        snprintf(what, sizeof what, "seed %llu, %s, batch %d, %d threads", (unsigned long long)c->seed, how, (int)c->batch, threads);
        compare(c, &c->reference[i], part, run_kernels(c, part, from, threads), what);
    }
}

static nnc_part *make_part(check *c, int level, const nnc_machine *machine)
{
    const char *error = NULL;
    nnc_target target = {NULL, NULL, 2};
    c->network = (nnc_network){.arena = &c->arena, .model = &c->model, .layout = nnc_layout_new(&c->arena, 64), .llvm = c->llvm};
    c->network.machine = machine ? machine : c->llvm->machine(&c->arena, &target, &error);
    nnc_part *part = nnc_part_make(&c->network, "part", c->program, c->root, c->roots, c->roots, false, c->largest, level);
    const char *wrong = nnc_loops_verify(part->scheduled.loops);
    if (wrong)
        fail_msg("seed %llu: %s", (unsigned long long)c->seed, wrong);
    return part;
}

static void run_level(check *c, int level)
{
    const char *error = NULL;
    char how[40];
    nnc_target target = {NULL, NULL, 2};
    nnc_object object;
    nnc_part *part = make_part(c, level, NULL);
    const nnc_loops *loops = part->scheduled.loops;
    if (!c->llvm->compile(&c->arena, &loops, 1, NULL, &target, NNC_LLVM_OBJECT, &object, &error))
        fail_msg("seed %llu: %s", (unsigned long long)c->seed, error);
    code from = {c->llvm->load(&object, &error), NULL};
    assert_non_null(from.jit);
    snprintf(how, sizeof how, "level %d", level);
    compare_batches(c, part, &from, how);
    c->llvm->unload(from.jit);
}

/* The same by way of C and the system's compiler, planned for one kind of machine or another. */
static void run_c(check *c)
{
    char folder[] = "/tmp/nnc-random-XXXXXX", path[80], command[300];
    static const char *const machines[] = {"c", "small", "aarch64"};
    nnc_part *part = make_part(c, 2, nnc_machine_find(machines[c->seed % 3]));
    nnc_text text = {.arena = &c->arena};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/net.c", folder);
    nnc_c_kernels(part->scheduled.loops, &text);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(nnc_text_string(&text), out);
    fclose(out);
    snprintf(command, sizeof command, "gcc -std=c99 -Wall -Wextra -Werror -Wno-unused-function -O1 -shared -fPIC %s/net.c -o %s/net.so -lm", folder, folder);
    if (system(command) != 0)
        fail_msg("seed %llu: gcc does not take the C in %s", (unsigned long long)c->seed, folder);
    snprintf(path, sizeof path, "%s/net.so", folder);
    code from = {NULL, dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    assert_non_null(from.library);
    compare_batches(c, part, &from, "C");
    dlclose(from.library);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static const nnc_llvm *load_llvm(nnc_arena *arena)
{
    const char *error = NULL;
    const nnc_llvm *llvm = nnc_llvm_load(arena, &error);
    if (!llvm)
        fail_msg("%s", error);
    return llvm;
}

static check *open_check(const nnc_llvm *llvm, uint64_t seed, double (*value)(const nnc_tensor *t, int64_t i))
{
    check *c = calloc(1, sizeof *c);
    assert_non_null(c);
    nnc_arena_open(&c->arena, NULL, NULL);
    c->llvm = llvm;
    c->seed = seed;
    c->value = value;
    c->model.name = "test";
    return c;
}

static void close_check(check *c)
{
    nnc_arena_close(&c->arena);
    free(c);
}

/* Both levels; then what is done where it is worth it, whether or not; then C. */
static void run_all_ways(check *c)
{
    run_level(c, 0);
    run_level(c, 2);
    nnc_lift_guards(c->program);
    nnc_part_sums(c->program, INT64_MAX, 0);
    nnc_turn_reads(c->program, 1, 0);
    must_verify(&c->arena, c->program, "preparation");
    run_level(c, 2);
    run_c(c);
}

#endif
