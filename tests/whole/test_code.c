/* A hundred training steps by each way that a step's kernels come to be code of this process: linked by nnc itself (driver/object.h), linked by LLVM, and as C by
 * the system's compiler; each on 1 to 8 threads. Parameters, states and optimizer states are the same bits. */
#include "step.h"
#include "c/c.h"
#include "runtime/team.h"
#include <dlfcn.h>
#include <unistd.h>

enum { STEPS = 100, SET = 10 };

static const int teams[] = {1, 2, 3, 4, 8};

#define MOMENTUM "train {\n optimizer sgd(rate = 0.05, momentum = 0.9)\n epochs 1\n batch 20\n}\n"
#define ADAM "train {\n optimizer adam(rate = warmup(0.002, 5))\n epochs 1\n batch 20\n clip 1\n}\n"

static const model_case cases[] = {
    {"dense", "model m {\n input x[100]\n target y: class(7)\n s = x -> dense(300) -> relu -> dense(70) -> tanh -> dropout(0.1) -> dense(7)\n loss cross_entropy(s, y)\n}\n" MOMENTUM},
    {"convolution",
     "model m {\n input x[12, 12, 2]\n target y: class(5)\n s = x -> conv(16, 3, pad = 1, bias = false) -> batch_norm -> relu -> max_pool -> conv(24, 3, stride = 2) -> relu -> avg_pool"
     " -> flatten -> dense(5)\n loss cross_entropy(s, y)\n}\n" MOMENTUM},
    {"recurrence", "model m {\n input x[10, 7]\n target y: class(4)\n s = x -> lstm(36) -> last -> dense(4)\n loss cross_entropy(s, y)\n}\n" ADAM},
    {"attention",
     "model m {\n input w[12]: class(20)\n target y[12]: class(11)\n s = w -> embed(24) -> position(learned = true) -> encoder_block(4, 40, rate = 0, causal = true) -> dense(11)\n"
     " loss cross_entropy(s, y)\n}\n" ADAM},
};

/* ---- where code comes from ---- */

/* One way to the step's kernels. Kernels that are not nnc's own take the step's pointers as they are. */
typedef struct path { const char *name; nnc_step step; nnc_jit *jit; void *library; } path;

static nnc_kernel_function symbol_of(const bench *b, const path *p, const char *name)
{
    nnc_kernel_function found = NULL;
    if (p->jit)
        return b->network->llvm->symbol(p->jit, name);
    *(void **)&found = dlsym(p->library, name);
    return found;
}

/* The step with the kernels that were linked. */
static nnc_step step_by(bench *b, const path *p)
{
    nnc_step step = b->network->train->step;
    nnc_step_kernel *kernel = NNC_ARRAY(&b->arena, nnc_step_kernel, step.kernels + 1);
    for (uint32_t i = 0; i < step.kernels; i++) {
        kernel[i] = step.kernel[i];
        kernel[i].call = symbol_of(b, p, b->network->train->scheduled.loops->kernel[i]->name);
        kernel[i].place = NULL;
        kernel[i].places = 0;
        assert_non_null(kernel[i].call);
    }
    step.kernel = kernel;
    return step;
}

static path by_llvm(bench *b)
{
    const nnc_loops *loops = b->network->train->scheduled.loops;
    const char *error = NULL;
    nnc_target target = {NULL, NULL, 2};
    nnc_object object;
    path p = {.name = "linked by LLVM"};
    if (!b->network->llvm->compile(&b->arena, &loops, 1, NULL, &target, NNC_LLVM_OBJECT, &object, &error) || !(p.jit = b->network->llvm->load(&object, &error)))
        fail_msg("%s", error);
    p.step = step_by(b, &p);
    return p;
}

static path by_c(bench *b)
{
    char folder[] = "/tmp/nnc-code-XXXXXX";
    nnc_text text = {.arena = &b->arena};
    path p = {.name = "as C"};
    assert_non_null(mkdtemp(folder));
    nnc_c_kernels(b->network->train->scheduled.loops, &text);
    FILE *out = fopen(nnc_arena_format(&b->arena, "%s/step.c", folder), "w");
    assert_non_null(out);
    fputs(nnc_text_string(&text), out);
    assert_int_equal(fclose(out), 0);
    if (system(nnc_arena_format(&b->arena, "gcc -std=c99 -O1 -march=native -ffp-contract=off -shared -fPIC %s/step.c -o %s/step.so -lm", folder, folder)) != 0)
        fail_msg("gcc does not take %s/step.c", folder);
    p.library = dlopen(nnc_arena_format(&b->arena, "%s/step.so", folder), RTLD_NOW | RTLD_LOCAL);
    assert_non_null(p.library);
    assert_int_equal(system(nnc_arena_format(&b->arena, "rm -r %s", folder)), 0);
    p.step = step_by(b, &p);
    return p;
}

static void close_path(const bench *b, path *p)
{
    if (p->jit)
        b->network->llvm->unload(p->jit);
    if (p->library)
        dlclose(p->library);
}

/* ---- a hundred steps ---- */

/* As at the start of training: an optimizer has seen nothing yet. */
static void start_slots(bench *b)
{
    b->state = 77;
    fill_slots(b);
    for (uint32_t i = 0; i < b->network->slots; i++)
        if (b->network->slot[i].role == NNC_SLOT_OPTIMIZER)
            memset(nnc_slot_data(b->network, &b->network->slot[i]), 0, 4 * (size_t)b->network->slot[i].elements);
}

/* Minibatches in turn, some of them smaller. Gives the persistent block as it is then. */
static void *train(bench *b, const nnc_step *step, int threads)
{
    int64_t bytes = b->network->layout->bytes;
    void **pointer[SET], *block = aligned(b, bytes), *workspace = aligned(b, step->workspace_bytes), *host = aligned(b, step->host_bytes);
    nnc_team *team = nnc_team_open(threads);
    assert_non_null(team);
    assert_int_equal(nnc_team_threads(team), threads);
    start_slots(b);
    memcpy(block, b->network->persistent, (size_t)bytes);
    memset(workspace, 0xff, (size_t)step->workspace_bytes);
    for (int i = 0; i < SET; i++) {
        pointer[i] = NNC_ARRAY(&b->arena, void *, step->arguments + 3);
        pointer[i][0] = workspace;
        pointer[i][1] = block;
        pointer[i][2] = host;
        fill_inputs(b, pointer[i]);
    }
    for (int i = 0; i < STEPS; i++) {
        *(nnc_step_host *)host = (nnc_step_host){5, 0, (uint32_t)i, 0};
        if (step->schedules)
            step->schedules(step->context, i, STEPS, (double)i / SET, (double)STEPS / SET, (float *)((nnc_step_host *)host + 1));
        nnc_team_run(team, step, pointer[i % SET], i % SET == SET - 1 ? BATCH / 3 : BATCH, NULL);
    }
    nnc_team_close(team);
    return block;
}

static void must_be_equal(const bench *b, const char *what, const char *expected, const char *given)
{
    for (uint32_t i = 0; i < b->network->slots; i++) {
        const nnc_slot *s = &b->network->slot[i];
        const float *one = (const void *)(expected + s->offset), *other = (const void *)(given + s->offset);
        for (int64_t e = 0; e < s->elements && s->role != NNC_SLOT_INTERNAL; e++)
            if (memcmp(&one[e], &other[e], sizeof *one) != 0)
                fail_msg("%s: %s[%lld] is %a, and %a by nnc's own linker on one thread", what, s->name, (long long)e, (double)other[e], (double)one[e]);
    }
}

/* Training moved the parameters, and left numbers. */
static void must_have_learnt(bench *b, const char *what, const char *after)
{
    start_slots(b);
    for (uint32_t i = 0; i < b->network->slots; i++) {
        const nnc_slot *s = &b->network->slot[i];
        const float *before = nnc_slot_data(b->network, s), *now = (const void *)(after + s->offset);
        bool moved = false;
        for (int64_t e = 0; e < s->elements && s->role == NNC_SLOT_PARAMETER; e++) {
            moved |= memcmp(&before[e], &now[e], sizeof *now) != 0;
            if (!isfinite(now[e]))
                fail_msg("%s: %s[%lld] is no number", what, s->name, (long long)e);
        }
        if (s->role == NNC_SLOT_PARAMETER && !moved)
            fail_msg("%s: %s was not trained", what, s->name);
    }
}

static void check_paths(bench *b, const model_case *c)
{
    path paths[] = {{.name = "linked by nnc", .step = b->network->train->step}, by_llvm(b), by_c(b)};
    const char *expected = train(b, &paths[0].step, 1);
    must_have_learnt(b, c->name, expected);
    for (size_t p = 0; p < sizeof paths / sizeof *paths; p++) {
        for (size_t t = 0; t < sizeof teams / sizeof *teams; t++)
            must_be_equal(b, nnc_arena_format(&b->arena, "%s, %s, %d threads", c->name, paths[p].name, teams[t]), expected, train(b, &paths[p].step, teams[t]));
        close_path(b, &paths[p]);
    }
}

static void test_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench *b = calloc(1, sizeof *b);
        assert_non_null(b);
        open_bench(b, &cases[i]);
        assert_true(!nnc_code_is_known() || b->network->linked[0].code);
        check_paths(b, &cases[i]);
        close_bench(b);
        free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_code)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
