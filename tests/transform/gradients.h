/* Gradients checked against central differences of the interpreter. */
#ifndef NNC_TESTS_GRADIENTS_H
#define NNC_TESTS_GRADIENTS_H

#include "formulas.h"
#include "transform/transform.h"

static inline nnc_program *parse_text(nnc_session *session, const char *text)
{
    uint32_t file = nnc_session_add(session, "test", text, strlen(text));
    nnc_program *p = nnc_program_parse(session, file);
    if (!p) {
        nnc_text out = {.arena = &session->arena};
        nnc_diagnostics_print(session, &out, false);
        fail_msg("%s\n%s", nnc_text_string(&out), text);
    }
    return p;
}

static inline const char *program_text(nnc_arena *arena, const nnc_program *p)
{
    nnc_text out = {.arena = arena};
    nnc_program_print(p, &out);
    return nnc_text_string(&out);
}

static inline void must_verify(nnc_arena *arena, const nnc_program *p, const char *what)
{
    const char *wrong = nnc_program_verify(p);
    if (wrong)
        fail_msg("%s: %s\n%s", what, wrong, program_text(arena, p));
}

static inline double loss_with(nnc_interpreter *in, nnc_tensor_id loss, nnc_tensor_id leaf, int64_t element, double by)
{
    set_leaf(in, leaf, element, by);
    nnc_interpreter_run_for(in, &loss, 1);
    return nnc_interpreter_get(in, loss)[0];
}

/* The derivative of loss by up to `most` elements of leaf: a difference at two widths tells a kink or a jump, which is left out. */
static inline void check_leaf(nnc_interpreter *in, nnc_tensor_id loss, nnc_tensor_id leaf, const double *gradient, int64_t most, const char *what)
{
    const nnc_tensor *t = nnc_tensor_at(in->program, leaf);
    int64_t n = count_of(t), stride = (n + most - 1) / most;
    for (int64_t i = 0; i < n; i += stride) {
        const double h = 1e-5;
        double wide = (loss_with(in, loss, leaf, i, h) - loss_with(in, loss, leaf, i, -h)) / (2 * h);
        double narrow = (loss_with(in, loss, leaf, i, h / 8) - loss_with(in, loss, leaf, i, -h / 8)) / (h / 4);
        double scale = 1 + fabs(wide);
        if (fabs(wide - narrow) > 1e-5 * scale || fabs(wide) > 1e6)
            continue;
        double given = gradient ? gradient[i] : 0;
        if (!(fabs(given - wide) <= 2e-5 * scale))
            fail_msg("%s: d loss / d %s[%lld]: %.9g, by differences %.9g\n%s", what, t->name, (long long)i, given, wide,
                     program_text(in->arena, in->program));
    }
    set_leaf(in, leaf, -1, 0);
}

static inline double *copy_values(const nnc_interpreter *in, nnc_tensor_id id)
{
    int64_t n = count_of(nnc_tensor_at(in->program, id));
    double *values = NNC_ARRAY(in->arena, double, (size_t)n);
    memcpy(values, nnc_interpreter_get(in, id), (size_t)n * sizeof *values);
    return values;
}

/* Differentiates, verifies, and checks each leaf's gradient. */
static inline void check_gradients(nnc_arena *arena, nnc_program *p, nnc_tensor_id loss, const nnc_tensor_id *by, uint32_t count, const char *what)
{
    nnc_tensor_id gradient[MAX_MADE], roots[MAX_MADE + 1] = {loss};
    uint32_t wanted = 1;
    must_verify(arena, p, what);
    nnc_differentiate(p, loss, by, count, gradient);
    must_verify(arena, p, what);
    for (uint32_t i = 0; i < count; i++)
        if (gradient[i])
            roots[wanted++] = gradient[i];
    nnc_interpreter *in = run_program(arena, p, roots, wanted);
    double *values[MAX_MADE] = {NULL};
    for (uint32_t i = 0; i < count; i++)
        if (gradient[i])
            values[i] = copy_values(in, gradient[i]);
    for (uint32_t i = 0; i < count; i++)
        check_leaf(in, loss, by[i], values[i], 12, what);
}

/* A program as text; the loss is the formula `loss`, and it is checked by every parameter and real input. */
static inline void check_text(const char *what, const char *text)
{
    nnc_session session;
    nnc_tensor_id by[MAX_MADE];
    uint32_t count = 0;
    nnc_session_open(&session, NULL, NULL);
    nnc_program *p = parse_text(&session, text);
    for (nnc_tensor_id t = 1; t < p->tensors; t++)
        if (is_given(nnc_tensor_at(p, t)) && nnc_tensor_at(p, t)->element == NNC_REAL)
            by[count++] = t;
    check_gradients(&session.arena, p, nnc_find(p, "loss"), by, count, what);
    nnc_session_close(&session);
}

#endif
