/* Planning takes memory linear in the network's depth: a step of ten times as many layers takes ten times as much, nearly. What is kept for each pair of layers breaks the bound.
 * Kernels and their operations grow likewise: code does not get worse with depth. Counted, not timed. */
#include "step.h"
#include <unistd.h>

enum { FEW = 60, MANY = 10 * FEW };
static const double MOST = 12.5;         /* times as much for ten times the layers: arrays that double may be half empty */

typedef struct taken { double bytes, kernels, operations; } taken;

/* A model of so many copies of `layer`, in text that is the caller's to free. */
static char *deep_text(const char *layer, int layers)
{
    static const char head[] = "model deep {\n  input x[8, 8, 4]\n  target y: class(4)\n  s = x", tail[] = " -> flatten -> dense(4)\n  loss cross_entropy(s, y)\n  output p = s\n}\ntrain {\n  optimizer adam\n  batch 4\n}\n";
    char *text = malloc(sizeof head + sizeof tail + (size_t)layers * (strlen(layer) + 8)), *at;
    assert_non_null(text);
    at = text + sprintf(text, "%s", head);
    for (int i = 0; i < layers; i++)
        at += sprintf(at, i % 8 == 7 ? "\n    -> %s" : " -> %s", layer);
    strcpy(at, tail);
    return text;
}

static taken take(const char *layer, int layers)
{
    bench *b = calloc(1, sizeof *b);
    const char *error = NULL;
    char *text = deep_text(layer, layers);
    assert_non_null(b);
    open_model(b, layer, text);
    nnc_network_request request = {.model = b->model, .parts = NNC_PART_TRAIN, .train_batch = 4, .set_batch = 4, .machine = nnc_machine_find("x86-64-v3"), .level = 2};
    b->network = nnc_network_build(&b->arena, &request, &error);
    if (!b->network)
        fail_msg("%s: %s", layer, error);
    const nnc_loops *loops = b->network->train->scheduled.loops;
    taken found = {(double)b->arena.total + (double)b->session.arena.total, loops->kernels, 0};
    for (uint32_t i = 0; i < loops->kernels; i++)
        found.operations += nnc_kernel_operations(loops->kernel[i]);
    close_bench(b);
    free(b);
    free(text);
    return found;
}

static void must_be_linear(const char *layer, const char *what, double few, double many)
{
    if (many > MOST * few)
        fail_msg("%s: %.0f %s for %d layers, and %.0f for %d", layer, few, what, FEW, many, MANY);
}

static void check_growth(const char *layer)
{
    taken few = take(layer, FEW), many = take(layer, MANY);
    must_be_linear(layer, "bytes", few.bytes, many.bytes);
    must_be_linear(layer, "kernels", few.kernels, many.kernels);
    must_be_linear(layer, "operations", few.operations, many.operations);
    print_message("%s: %.1f times the bytes, %.1f times the kernels\n", layer, many.bytes / few.bytes, many.kernels / few.kernels);
}

static void test_dense(void **state)
{
    (void)state;
    check_growth("dense(4)");
}

static void test_blocks(void **state)
{
    (void)state;
    check_growth("residual(conv(4, 3, pad = 1) -> batch_norm -> relu)");
}

enum { NESTED = 60, SECONDS = 60 };

/* A function of a function of .. , in which each stands twice: 60 nodes, and 2^60 ways from the outermost to the innermost. A walk that takes all of them does not end. */
static void test_nested(void **state)
{
    bench *b = calloc(1, sizeof *b);
    const char *error = NULL;
    char inside[8 * NESTED] = "x[k]", text[9 * NESTED + 400];
    (void)state;
    assert_non_null(b);
    for (int i = 0; i < NESTED; i++) {
        char more[sizeof inside];
        snprintf(more, sizeof more, "g(%s)", inside);
        strcpy(inside, more);
    }
    snprintf(text, sizeof text, "fn g(a) { 3.9*a*(1 - a) }\nmodel nested {\n  input x[300]\n  target y[200]\n  param w[300, 200] ~ glorot_uniform\n  h[j] = sum(k: %s * w[k, j])\n  loss mse(h, y)\n}\n"
                                "train {\n  optimizer sgd(rate = 0.1)\n  batch 30\n}\n", inside);
    open_model(b, "nested", text);
    alarm(SECONDS);
    nnc_network_request request = {.model = b->model, .parts = NNC_PART_TRAIN, .train_batch = 30, .set_batch = 30, .machine = nnc_machine_find("x86-64-v3"), .level = 2};
    b->network = nnc_network_build(&b->arena, &request, &error);
    alarm(0);
    assert_non_null(b->network);
    close_bench(b);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dense), cmocka_unit_test(test_blocks), cmocka_unit_test(test_nested)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
