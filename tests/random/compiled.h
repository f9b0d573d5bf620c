/* Programs of formulas, compiled: what kernels of the JIT and emitted C compute against the interpreter in 64 bits, at both levels, for full and for smaller
 * batches; and that it is the same bits whoever does which tasks: in pieces, and by the runtime's team on 1 to 4 threads.
 *
 * A difference counts where it is larger than what rounding the inputs a little otherwise would explain: formulas have kinks and jumps. Ties are ties then too:
 * equal values are moved alike. */
#ifndef NNC_TESTS_COMPILED_H
#define NNC_TESTS_COMPILED_H

#include "../transform/gradients.h"
#include "../flushing.h"
#include <dlfcn.h>
#include <unistd.h>
#include "c/c.h"
#include "driver/network.h"
#include "runtime/team.h"
#include "transform/prepare.h"

enum { NUDGES = 4, MOST_BATCHES = 3, MOST_THREADS = 4, MOST_ROOTS = 2 * MAX_MADE };

/* The interpreter's values of each root for one batch, and how far they move. */
typedef struct reference { int64_t batch; const double *value[MOST_ROOTS]; double *moved[MOST_ROOTS]; } reference;

typedef struct check check;
struct check {
    nnc_arena arena;
    const nnc_llvm *llvm;
    nnc_network network;
    nnc_model model;
    nnc_tensor_id root[MOST_ROOTS];          /* what is compared: outputs, then what leaves become by a run */
    uint32_t roots, outputs;                 /* all of them; the first of them are arguments */
    const char *updated[MOST_ROOTS];         /* the leaf that becomes the root; NULL: an output */
    uint32_t taken[NNC_WAYS];                /* how often schedules for it took each way */
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
        const nnc_program *of = nnc_find(p, e->name) ? p : c->program;             /* what a program does not need, it has not */
        const nnc_tensor *t = nnc_tensor_at(of, nnc_find(of, e->name));
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

/* Memory for a run, and what it reads; gives the pointers, arguments from 3 on. */
static void **prepare_run(check *c, nnc_part *part)
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
    return pointer;
}

/* The tasks in pieces, the last ones first. flushed: numbers below 2^-126 count as zero, as in a run. */
static void **run_apart(check *c, nnc_part *part, const code *from, int pieces, bool flushed)
{
    const nnc_loops *loops = part->scheduled.loops;
    void **pointer = prepare_run(c, part);
    set_flushing(flushed);
    for (uint32_t first = 0, end; first < loops->kernels; first = end) {
        for (end = first; end < loops->kernels && loops->kernel[end]->phase == loops->kernel[first]->phase;)
            end++;
        run_phase(c, loops, from, pointer, first, end, pieces);
    }
    set_flushing(false);
    return pointer;
}

/* As the runtime does it. Each kernel says that it is much work, so that all of them are shared out. */
static void **run_by_team(check *c, nnc_part *part, const code *from, int threads)
{
    const nnc_loops *loops = part->scheduled.loops;
    nnc_step_kernel *kernel = NNC_ARRAY(&c->arena, nnc_step_kernel, loops->kernels + 1);
    void **pointer = prepare_run(c, part);
    nnc_team *team = nnc_team_open(threads);
    assert_non_null(team);
    for (uint32_t i = 0; i < loops->kernels; i++) {
        const nnc_kernel *k = loops->kernel[i];
        kernel[i] = (nnc_step_kernel){.name = k->name, .call = find(c, from, k->name), .tasks_fixed = k->tasks_fixed, .tasks_per_example = k->tasks_per_example,
                                      .task_block = k->task_block, .phase = k->phase, .flops = 1e15};
    }
    nnc_step step = {.kernel = kernel, .kernels = loops->kernels, .batch = c->largest};
    nnc_team_run(team, &step, pointer, c->batch, NULL);
    nnc_team_close(team);
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
    while (c->outputs < c->roots && !c->updated[c->outputs])
        c->outputs++;
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

/* Where a run left a root's value. */
static const float *result_of(const check *c, const nnc_part *part, void **pointer, uint32_t root)
{
    const nnc_layout *layout = c->network.layout;
    if (!c->updated[root])
        return pointer[3 + part->step.arguments - c->outputs + root];
    for (uint32_t i = 0; i < layout->entries; i++)
        if (strcmp(layout->entry[i].name, c->updated[root]) == 0)
            return (const void *)((const char *)pointer[1] + layout->entry[i].offset);
    fail_msg("%s is not in the persistent block", c->updated[root]);
    return NULL;
}

static void compare(check *c, const reference *from, const nnc_part *part, void **pointer, const char *what)
{
    for (uint32_t r = 0; r < c->roots; r++) {
        const nnc_tensor *t = nnc_tensor_at(c->program, c->root[r]);
        const float *given = result_of(c, part, pointer, r);
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

/* Bit for bit; a NaN may be any. */
static void must_be_same(check *c, const nnc_part *part, void **expected, void **given, const char *what)
{
    for (uint32_t r = 0; r < c->roots; r++) {
        const float *one = result_of(c, part, expected, r), *other = result_of(c, part, given, r);
        for (int64_t i = 0; i < elements_of(c, nnc_tensor_at(c->program, c->root[r])); i++)
            if (memcmp(&one[i], &other[i], sizeof *one) != 0 && !(isnan(one[i]) && isnan(other[i])))
                complain(c, part, what, r, i, (double)other[i], (double)one[i]);
    }
}

static void compare_batches(check *c, nnc_part *part, const code *from, const char *how)
{
    char what[120];
    for (int i = 0; i < MOST_BATCHES; i++) {
        int pieces = 1 + (int)(c->seed + (uint64_t)i) % 4;
        c->batch = c->reference[i].batch;
        snprintf(what, sizeof what, "seed %llu, %s, batch %d, %d pieces", (unsigned long long)c->seed, how, (int)c->batch, pieces);
        compare(c, &c->reference[i], part, run_apart(c, part, from, pieces, false), what);
        void **apart = run_apart(c, part, from, pieces, true);
        for (int threads = 1; threads <= MOST_THREADS; threads++) {
            snprintf(what, sizeof what, "seed %llu, %s, batch %d, %d threads (expected: by pieces)", (unsigned long long)c->seed, how, (int)c->batch, threads);
            must_be_same(c, part, apart, run_by_team(c, part, from, threads), what);
        }
    }
}

/* What is updated has its place in the block whether a program needs it or not: an update that changes nothing is left out. */
static void place_updated(check *c)
{
    for (uint32_t root = 0; root < c->roots; root++)
        for (nnc_tensor_id id = 1; id < c->program->tensors && c->updated[root]; id++) {
            const nnc_tensor *t = nnc_tensor_at(c->program, id);
            if (strcmp(t->name, c->updated[root]) == 0)
                nnc_layout_place(c->network.layout, t->name, nnc_elements(t), t->element, NULL);
        }
}

static nnc_part *make_part(check *c, int level, const nnc_machine *machine)
{
    const char *error = NULL;
    nnc_target target = {NULL, NULL, 2};
    c->network = (nnc_network){.arena = &c->arena, .work = &c->arena, .model = &c->model, .layout = nnc_layout_new(&c->arena, 64), .llvm = c->llvm};
    c->network.machine = machine ? machine : c->llvm->machine(&c->arena, &target, &error);
    place_updated(c);
    nnc_part *part = nnc_part_make(&c->network, "part", c->program, c->root, c->outputs, c->outputs, c->roots > c->outputs, c->largest, level);
    const char *wrong = nnc_loops_verify(part->scheduled.loops);
    if (wrong)
        fail_msg("seed %llu: %s", (unsigned long long)c->seed, wrong);
    for (uint32_t w = 0; w < NNC_WAYS; w++)
        c->taken[w] += part->scheduled.taken[w];
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

/* Levels; then what is done where it is worth it, whether or not; then C. */
static void run_all_ways(check *c)
{
    run_level(c, 0);
    run_level(c, 2);
    run_level(c, NNC_SCHEDULE_ALL_SIZES);
    run_level(c, NNC_SCHEDULE_ALL_LANES);
    nnc_lift_guards(c->program);
    nnc_part_sums(c->program, INT64_MAX, 0);
    nnc_turn_reads(c->program, 1, 0);
    must_verify(&c->arena, c->program, "preparation");
    run_level(c, 2);
    run_c(c);
}

#endif
