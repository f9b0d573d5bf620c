/* Random formulas with their gradients: what compiled kernels and emitted C compute against the interpreter in 64 bits, at both levels, for full and for
 * smaller batches.
 *
 *     test_random [COUNT [SEED]]       COUNT programs from SEED on; CI runs a few, a night as many as it likes
 *
 * A difference counts where it is larger than what rounding the inputs a little otherwise would explain: formulas have kinks and jumps. */
#include "../transform/gradients.h"
#include <dlfcn.h>
#include <unistd.h>
#include "c/c.h"
#include "driver/network.h"
#include "transform/prepare.h"

enum { LARGEST = 5, NUDGES = 4 };

typedef struct check {
    nnc_arena arena;
    const nnc_llvm *llvm;
    nnc_network network;
    nnc_model model;
    nnc_tensor_id root[MAX_MADE + 1];
    uint32_t roots;
    nnc_program *program;
    uint64_t seed;
    int64_t batch;
} check;

/* The value of a leaf's element, as a float, moved a little by `nudge` (0: not). */
static double value_of(const nnc_tensor *t, int64_t i, int nudge)
{
    double x = (float)leaf_value(t, i);
    if (nudge && t->element == NNC_REAL)
        x += ((((uint64_t)i * 2654435761u + (uint64_t)nudge * 40503u) >> 7) % 3 - 1.0) * 2e-7 * (1 + fabs(x));
    return x;
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
            values[i] = value_of(t, i, nudge);
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

static void put(void *at, int64_t i, const nnc_tensor *t)
{
    double x = value_of(t, i, 0);
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
                put(persistent + e->offset, k, t);
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

/* Runs the kernels; gives the pointers, arguments from 3 on. */
static void **run_kernels(check *c, nnc_part *part, const code *from)
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
        pointer[3 + i] = block_of(c, 4 * nnc_elements(t) * (nnc_batched(t) ? LARGEST : 1));
        for (int64_t k = 0; t->kind == NNC_KIND_INPUT && k < elements_of(c, t); k++)
            put(pointer[3 + i], k, t);
    }
    for (uint32_t i = 0; i < loops->kernels; i++) {
        const nnc_kernel *k = loops->kernel[i];
        int64_t units = k->tasks_fixed + k->tasks_per_example * c->batch, tasks = (units + k->task_block - 1) / k->task_block;
        nnc_kernel_function call = find(c, from, k->name);
        assert_non_null(call);
        for (int64_t t = tasks; t > 0; t--)      /* last first: tasks are independent */
            call(pointer, c->batch, t - 1, t);
    }
    return pointer;
}

static void compare(check *c, const nnc_part *part, void **pointer, const char *what)
{
    nnc_interpreter *in = interpret(c, 0), *nudged[NUDGES];
    for (int n = 0; n < NUDGES; n++)
        nudged[n] = interpret(c, n + 1);
    for (uint32_t r = 0; r < c->roots; r++) {
        const nnc_tensor *t = nnc_tensor_at(c->program, c->root[r]);
        const float *given = pointer[3 + part->step.arguments - c->roots + r];
        const double *expected = nnc_interpreter_get(in, c->root[r]);
        double largest = 0;
        for (int64_t i = 0; i < elements_of(c, t); i++)
            largest = fmax(largest, fabs(expected[i]));
        for (int64_t i = 0; i < elements_of(c, t); i++) {
            double bound = 2e-5 * (1 + largest);
            for (int n = 0; n < NUDGES; n++)
                bound += 100 * fabs(nnc_interpreter_get(nudged[n], c->root[r])[i] - expected[i]);
            if (fabs(given[i] - expected[i]) <= bound || bound != bound || (isinf(expected[i]) && given[i] == (float)expected[i]))
                continue;
            nnc_text loops = {.arena = &c->arena};
            nnc_loops_print(part->scheduled.loops, &loops);
            fail_msg("%s: %s[%lld] is %.9g, by the interpreter %.9g\n%s\n%s\n%s", what, t->name, (long long)i, given[i], expected[i],
                     program_text(&c->arena, part->program), part->scheduled.fused, nnc_text_string(&loops));
        }
    }
}

static void compare_batches(check *c, nnc_part *part, const code *from, const char *how)
{
    char what[120];
    for (c->batch = LARGEST; c->batch > 0; c->batch -= 2) {
        snprintf(what, sizeof what, "seed %llu, %s, batch %d", (unsigned long long)c->seed, how, (int)c->batch);
        compare(c, part, run_kernels(c, part, from), what);
    }
}

static nnc_part *make_part(check *c, int level, const nnc_machine *machine)
{
    const char *error = NULL;
    nnc_target target = {NULL, NULL, 2};
    c->network = (nnc_network){.arena = &c->arena, .model = &c->model, .layout = nnc_layout_new(&c->arena, 64), .llvm = c->llvm};
    c->network.machine = machine ? machine : c->llvm->machine(&c->arena, &target, &error);
    nnc_part *part = nnc_part_make(&c->network, "part", c->program, c->root, c->roots, c->roots, false, LARGEST, level);
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

static void run_seed(const nnc_llvm *llvm, uint64_t seed)
{
    check *c = calloc(1, sizeof *c);
    maker m;
    nnc_tensor_id gradient[MAX_MADE];
    nnc_arena_open(&c->arena, NULL, NULL);
    c->llvm = llvm;
    c->seed = seed;
    c->model.name = "random";
    c->root[c->roots++] = make_program(&m, &c->arena, seed, 2 + (uint32_t)(seed % 9));
    nnc_differentiate(m.p, c->root[0], m.leaf, m.leaves, gradient);
    for (uint32_t i = 0; i < m.leaves; i++)
        if (gradient[i])
            c->root[c->roots++] = gradient[i];
    c->program = m.p;
    run_level(c, 0);
    run_level(c, 2);
    nnc_lift_guards(m.p);
    nnc_part_sums(m.p, INT64_MAX, 0);        /* whether it is worth it or not */
    nnc_turn_reads(m.p, 1, 0);
    must_verify(&c->arena, m.p, "preparation");
    run_level(c, 2);
    run_c(c);
    nnc_arena_close(&c->arena);
    free(c);
}

static uint64_t count = 60, first_seed = 1;

static void test_random_programs(void **state)
{
    nnc_arena arena;
    const char *error = NULL;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    const nnc_llvm *llvm = nnc_llvm_load(&arena, &error);
    if (!llvm)
        fail_msg("%s", error);
    for (uint64_t seed = first_seed; seed < first_seed + count; seed++)
        run_seed(llvm, seed);
    nnc_arena_close(&arena);
}

int main(int arguments, char **argument)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_programs)};
    if (arguments > 1)
        count = strtoull(argument[1], NULL, 10);
    if (arguments > 2)
        first_seed = strtoull(argument[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
