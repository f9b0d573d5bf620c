/* Reductions over the whole set, split into passes: run on minibatches of unequal size, folded, and compared with plain sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "formula/interpret.h"
#include "transform/transform.h"

enum { EXAMPLES = 11, WIDTH = 3, CLASSES = 4 };

static double x_of(int example, int column) { return sin(example * 1.7 + column * 0.9) * 3 + column; }
static double y_of(int example) { return cos(example * 2.3); }
static double label_of(int example) { return (example * 7 + example / 3) % CLASSES; }

typedef struct results { double *value[8][8]; } results;       /* by pass and accumulator */

/* Values of the leaves of a program for examples [first, first + batch). */
static void set_leaves(nnc_interpreter *in, int first, int batch, const results *known)
{
    double values[EXAMPLES * WIDTH];
    const double examples = EXAMPLES;
    for (nnc_tensor_id id = 1; id < in->program->tensors; id++) {
        const nnc_tensor *t = nnc_tensor_at(in->program, id);
        unsigned pass, accumulator;
        if (sscanf(t->name, "data.%u.%u", &pass, &accumulator) == 2) {
            assert_int_equal(t->kind, NNC_KIND_FIT);
            nnc_interpreter_set(in, id, known->value[pass][accumulator]);
        } else if (strcmp(t->name, "count(data)") == 0) {
            nnc_interpreter_set(in, id, &examples);
        } else if (t->kind == NNC_KIND_INPUT) {
            for (int e = 0; e < batch; e++)
                for (int c = 0; c < nnc_elements(t); c++)
                    values[e * nnc_elements(t) + c] = t->name[0] == 'x' ? x_of(first + e, c) : t->name[0] == 'l' ? label_of(first + e) : y_of(first + e);
            nnc_interpreter_set(in, id, values);
        }
    }
}

static void fold(nnc_reduce reduce, double *into, const double *part, int batch, int64_t elements, bool first)
{
    for (int e = 0; e < batch; e++)
        for (int64_t i = 0; i < elements; i++) {
            double v = part[e * elements + i];
            bool start = first && e == 0;
            switch (reduce) {
            case NNC_REDUCE_MAX: into[i] = start || v > into[i] ? v : into[i]; break;
            case NNC_REDUCE_MIN: into[i] = start || v < into[i] ? v : into[i]; break;
            case NNC_REDUCE_PROD: into[i] = start ? v : into[i] * v; break;
            default: into[i] = start ? v : into[i] + v;
            }
        }
}

static void run_pass(nnc_arena *arena, const nnc_data_pass *pass, uint32_t number, results *known)
{
    static const int batches[] = {4, 1, 5, 1};
    assert_null(nnc_program_verify(pass->partial));
    for (uint32_t a = 0; a < pass->accumulators; a++)
        known->value[number][a] = NNC_ARRAY(arena, double, (size_t)pass->accumulator[a].elements);
    for (int i = 0, first = 0; i < 4; first += batches[i++]) {
        nnc_interpreter *in = nnc_interpreter_new(arena, pass->partial, batches[i]);
        set_leaves(in, first, batches[i], known);
        nnc_interpreter_run(in);
        for (uint32_t a = 0; a < pass->accumulators; a++) {
            const nnc_data_accumulator *to = &pass->accumulator[a];
            assert_true(nnc_batched(nnc_tensor_at(pass->partial, to->part)));
            fold(to->reduce, known->value[number][a], nnc_interpreter_get(in, to->part), batches[i], to->elements, first == 0);
        }
    }
}

/* The values of the tensor `result` of the program, by passes. */
static const double *by_passes(nnc_session *session, const char *text, uint32_t passes)
{
    uint32_t file = nnc_session_add(session, "test", text, strlen(text));
    nnc_program *p = nnc_program_parse(session, file);
    results known = {0};
    assert_non_null(p);
    nnc_tensor_id root = nnc_find(p, "result");
    nnc_data_split split = nnc_split_data(&session->arena, p, &root, 1);
    assert_int_equal(split.passes, passes);
    for (uint32_t i = 0; i < split.passes; i++)
        run_pass(&session->arena, &split.pass[i], i, &known);
    assert_null(nnc_program_verify(split.final));
    nnc_interpreter *in = nnc_interpreter_new(&session->arena, split.final, 1);
    set_leaves(in, 0, 0, &known);
    nnc_interpreter_run(in);
    return nnc_interpreter_get(in, split.result[0]);
}

static double mean_of_x(int column)
{
    double total = 0;
    for (int e = 0; e < EXAMPLES; e++)
        total += x_of(e, column);
    return total / EXAMPLES;
}

static void must_be(double given, double expected) { assert_true(fabs(given - expected) <= 1e-12 * (1 + fabs(expected))); }

static void test_mean(void **state)
{
    nnc_session session;
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    const double *v = by_passes(&session, "input x[batch, 3]\ntotal[i < 3] = sum(d < data: x[d, i])\nresult[i < 3] = total[i] / count(data)\n", 1);
    for (int c = 0; c < WIDTH; c++)
        must_be(v[c], mean_of_x(c));
    nnc_session_close(&session);
}

static void test_spread_takes_two_passes(void **state)
{
    nnc_session session;
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    const double *v = by_passes(&session,
                                "input x[batch, 3]\n"
                                "total[i < 3] = sum(d < data: x[d, i])\n"
                                "mean[i < 3] = total[i] / count(data)\n"
                                "square[i < 3] = sum(d < data: (x[d, i] - mean[i]) ^ 2)\n"
                                "result[i < 3] = sqrt(square[i] / count(data))\n", 2);
    for (int c = 0; c < WIDTH; c++) {
        double total = 0;
        for (int e = 0; e < EXAMPLES; e++)
            total += (x_of(e, c) - mean_of_x(c)) * (x_of(e, c) - mean_of_x(c));
        must_be(v[c], sqrt(total / EXAMPLES));
    }
    nnc_session_close(&session);
}

static void test_extremes(void **state)
{
    nnc_session session;
    double low = 1e9, high = -1e9;
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    const double *v = by_passes(&session, "input x[batch, 3]\nlow = min(d < data, i < 3: x[d, i])\nhigh = max(d < data, i < 3: x[d, i])\nresult = high - low\n", 1);
    for (int e = 0; e < EXAMPLES; e++)
        for (int c = 0; c < WIDTH; c++) {
            low = fmin(low, x_of(e, c));
            high = fmax(high, x_of(e, c));
        }
    must_be(v[0], high - low);
    nnc_session_close(&session);
}

/* Counts by class, weighted by a formula of the example. */
static void test_counts(void **state)
{
    nnc_session session;
    double expected[CLASSES] = {0};
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    const double *v = by_passes(&session,
                                "input label[batch]: class(4)\n"
                                "input x[batch, 3]\n"
                                "weight[b < batch] = sum(i < 3: x[b, i] * x[b, i])\n"
                                "result[k < 4] = sum(d < data: if label[d] == k then weight[d] else 0)\n", 1);
    for (int e = 0; e < EXAMPLES; e++)
        for (int c = 0; c < WIDTH; c++)
            expected[(int)label_of(e)] += x_of(e, c) * x_of(e, c);
    for (int k = 0; k < CLASSES; k++)
        must_be(v[k], expected[k]);
    nnc_session_close(&session);
}

static void test_no_data(void **state)
{
    nnc_session session;
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    must_be(by_passes(&session, "k[i < 2] = constant [3, 4]\nresult = k[0] * k[1] + count(data)\n", 0)[0], 12 + EXAMPLES);
    nnc_session_close(&session);
}

/* 1 - sum (p - y)^2 / sum (y - mean y)^2, where p is a small network and the mean a pass of its own. */
static void test_r2(void **state)
{
    nnc_session session;
    double residual = 0, total = 0, mean = 0;
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    const double *v = by_passes(&session,
                                "input x[batch, 3]\n"
                                "input y[batch]\n"
                                "h[b < batch] = sum(i < 3: x[b, i])\n"
                                "p[b < batch] = tanh(h[b])\n"
                                "residual = sum(d < data: (p[d] - y[d]) ^ 2)\n"
                                "sum = sum(d < data: y[d])\n"
                                "centre = sum / count(data)\n"
                                "total = sum(d < data: (y[d] - centre) ^ 2)\n"
                                "result = 1 - residual / total\n", 2);
    for (int e = 0; e < EXAMPLES; e++)
        mean += y_of(e) / EXAMPLES;
    for (int e = 0; e < EXAMPLES; e++) {
        double p = tanh(x_of(e, 0) + x_of(e, 1) + x_of(e, 2));
        residual += (p - y_of(e)) * (p - y_of(e));
        total += (y_of(e) - mean) * (y_of(e) - mean);
    }
    must_be(v[0], 1 - residual / total);
    nnc_session_close(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean),   cmocka_unit_test(test_spread_takes_two_passes), cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_counts), cmocka_unit_test(test_no_data),                 cmocka_unit_test(test_r2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
