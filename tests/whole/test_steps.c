/* One training step of whole models, of sizes at which the scheduler takes each of its ways: compiled kernels against the interpreter on the formulas as they
 * were elaborated and differentiated, before any simplification. With smaller batches and shared out in pieces too. */
#include "step.h"

#define RECIPE "train {\n optimizer sgd(rate = 0.5, momentum = 0.5)\n epochs 1\n batch 20\n}\n"
#define CLIPPED "train {\n optimizer sgd(rate = 0.5)\n epochs 1\n batch 20\n clip 0.01\n}\n"

static const model_case cases[] = {
    {"wide dense layers",
     "model m {\n input x[200]\n target y: class(7)\n s = x -> dense(260) -> relu -> dense(200) -> tanh -> dense(7)\n loss cross_entropy(s, y)\n output p = softmax(s)\n}\n" RECIPE},
    {"few channels",
     "model m {\n input x[24, 24, 1]\n target y: class(5)\n s = x -> conv(6, 5, pad = 2) -> relu -> max_pool -> conv(16, 3) -> relu -> avg_pool -> flatten -> dense(5)\n"
     " loss cross_entropy(s, y)\n}\n" RECIPE},
    {"two channels, fewer than any machine's lanes",
     "model m {\n input x[20, 20, 1]\n target y: class(5)\n s = x -> conv(2, 3, pad = 1) -> relu -> conv(2, 5) -> relu -> flatten -> dense(5)\n loss cross_entropy(s, y)\n}\n" RECIPE},
    {"many channels and normalization over the batch",
     "model m {\n input x[10, 10, 16]\n target y: class(5)\n h = x -> conv(32, 3, pad = 1, bias = false) -> batch_norm -> relu -> conv(32, 3, stride = 2, pad = 1) -> batch_norm -> relu\n"
     " s = h -> global_avg_pool -> dense(5)\n loss cross_entropy(s, y)\n}\n" RECIPE},
    {"a recurrence with gates", "model m {\n input x[9, 11]\n target y: class(4)\n s = x -> lstm(48) -> last -> dense(4)\n loss cross_entropy(s, y)\n}\n" CLIPPED},
    {"recurrences both ways",
     "model m {\n input x[7, 5]\n target y[7, 3]\n h = x -> bidirectional(gru(20), rnn(12)) -> dense(3)\n loss mse(h, y)\n}\n" RECIPE},
    {"attention",
     "model m {\n input w[40]: class(40)\n target y[40]: class(11)\n s = w -> embed(32) -> position(learned = true) -> encoder_block(4, 48, rate = 0, causal = true) -> dense(11)\n"
     " loss cross_entropy(s, y)\n}\n" RECIPE},
    {"draws", "model m {\n input x[30]\n target y\n z = x -> dense(64) -> dropout(0.4) -> gelu -> dropout(0.2) -> neuron\n loss mse(z, y)\n}\n" RECIPE},
    {"transposed and depthwise convolutions",
     "model m {\n input x[8, 8, 3]\n target y[8, 8, 3]\n h = x -> depthwise_conv(3, pad = 1) -> conv(24, 2, stride = 2) -> relu -> conv_transpose(3, 2, stride = 2)\n loss mse(h, y)\n}\n" RECIPE},
    {"windows and groups",
     "model m {\n input x[50, 4]\n target y\n h = x -> conv1d(32, 5, stride = 2, pad = 2, dilation = 2) -> group_norm(4) -> relu -> layer_norm -> flatten -> dense(20) -> silu -> neuron\n loss huber(h, y)\n}\n" RECIPE},
};

static void run_kernels(bench *b, void **pointer, int pieces)
{
    const nnc_step *step = &b->network->train->step;
    for (uint32_t i = 0; i < step->kernels; i++) {
        const nnc_step_kernel *k = &step->kernel[i];
        int64_t units = k->tasks_fixed + k->tasks_per_example * b->batch, tasks = (units + k->task_block - 1) / k->task_block;
        for (int p = pieces; p > 0; p--)
            if (tasks * (p - 1) / pieces < tasks * p / pieces)
                k->call(nnc_step_own(k, pointer), b->batch, tasks * (p - 1) / pieces, tasks * p / pieces);
    }
}

/* ---- the interpreter's step ---- */

static void give(bench *b, nnc_interpreter *in, nnc_tensor_id id, const void *values, int64_t elements, bool integer)
{
    double *reals = NNC_ARRAY(&b->arena, double, (size_t)elements);
    for (int64_t e = 0; e < elements; e++)
        reals[e] = integer ? ((const int32_t *)values)[e] : (double)((const float *)values)[e];
    nnc_interpreter_set(in, id, reals);
}

static nnc_interpreter *interpret(bench *b, void **pointer, nnc_tensor_id *root, uint32_t roots)
{
    const nnc_part *part = b->network->train;
    nnc_interpreter *in = nnc_interpreter_new(&b->arena, b->program, b->batch);
    in->seed = 5;
    in->step = 0;
    for (uint32_t i = 0; i < part->step.arguments; i++) {
        const nnc_tensor *t = nnc_tensor_at(part->program, part->argument[i]);
        if (t->kind == NNC_KIND_INPUT)
            give(b, in, nnc_find(b->program, t->name), pointer[3 + i], nnc_elements(t) * b->batch, t->element != NNC_REAL);
    }
    for (uint32_t i = 0; i < b->network->slots; i++) {
        const nnc_slot *s = &b->network->slot[i];
        give(b, in, nnc_find(b->program, s->name), nnc_slot_data(b->network, s), s->elements, s->integer);
    }
    nnc_interpreter_run_for(in, root, roots);
    return in;
}

static void compare(const bench *b, const char *what, const char *name, const double *expected, const float *given, int64_t elements)
{
    double largest = 0;
    (void)b;
    for (int64_t e = 0; e < elements; e++)
        largest = fmax(largest, fabs(expected[e]));
    for (int64_t e = 0; e < elements; e++)
        if (!(fabs(given[e] - expected[e]) <= 2e-5 * (1e-3 + largest)))
            fail_msg("%s: %s[%lld] is %.9g, by the interpreter %.9g (largest %.3g)", what, name, (long long)e, given[e], expected[e], largest);
}

static void check_step(bench *b, const model_case *c, int64_t batch, int pieces)
{
    const nnc_part *part = b->network->train;
    nnc_tensor_id *root = NNC_ARRAY(&b->arena, nnc_tensor_id, b->network->slots + 1);
    void **pointer = NNC_ARRAY(&b->arena, void *, part->step.arguments + 3);
    char what[160];
    uint32_t roots = 0, inputs = 0;
    b->batch = batch;
    b->state = 77;
    snprintf(what, sizeof what, "%s, batch %d, %d pieces", c->name, (int)batch, pieces);
    pointer[0] = aligned(b, part->step.workspace_bytes);
    pointer[1] = b->network->persistent;
    pointer[2] = aligned(b, part->step.host_bytes);
    *(nnc_step_host *)pointer[2] = (nnc_step_host){5, 0, 0, 0};
    memset(pointer[0], 0xff, (size_t)part->step.workspace_bytes);
    fill_slots(b);
    fill_inputs(b, pointer);
    root[roots++] = b->model->loss;
    for (uint32_t i = 0; i < b->network->slots; i++) {
        nnc_tensor_id next = nnc_tensor_at(b->program, nnc_find(b->program, b->network->slot[i].name))->next;
        if (next)
            root[roots++] = next;
    }
    nnc_interpreter *in = interpret(b, pointer, root, roots);
    if (part->step.schedules)
        part->step.schedules(part->step.context, 0, 1, 0, 1, (float *)((nnc_step_host *)pointer[2] + 1));
    run_kernels(b, pointer, pieces);
    while (!part->step.argument[inputs].output)
        inputs++;
    compare(b, what, "loss", nnc_interpreter_get(in, b->model->loss), pointer[3 + inputs], 1);
    for (uint32_t i = 0; i < b->network->slots; i++) {
        const nnc_slot *s = &b->network->slot[i];
        nnc_tensor_id next = nnc_tensor_at(b->program, nnc_find(b->program, s->name))->next;
        if (next)
            compare(b, what, s->name, nnc_interpreter_get(in, next), nnc_slot_data(b->network, s), s->elements);
    }
}

/* The ways that these models must have taken between them: a word of each in the listings. */
static const char *const ways[] = {"in local", "scatter", "turned", ".part", "fold", "+ optimizer"};

static void test_steps(void **state)
{
    bool taken[sizeof ways / sizeof *ways] = {false};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench *b = calloc(1, sizeof *b);
        assert_non_null(b);
        open_bench(b, &cases[i]);
        check_step(b, &cases[i], BATCH, 1);
        check_step(b, &cases[i], BATCH, 3);
        check_step(b, &cases[i], 13, 2);
        check_step(b, &cases[i], 1, 1);
        nnc_text text = {.arena = &b->arena};
        nnc_loops_print(b->network->train->scheduled.loops, &text);
        nnc_text_add(&text, "%s", b->network->train->scheduled.fused);
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
            taken[w] |= strstr(nnc_text_string(&text), ways[w]) != NULL;
        close_bench(b);
        free(b);
    }
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
        if (!taken[w])
            fail_msg("no model took the way `%s`", ways[w]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
