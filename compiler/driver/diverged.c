/* Where a loss that is not finite comes from: the step's examples once more, by the interpreter, and the first tensor that no float holds. */
#include <float.h>
#include <math.h>
#include "driver/run.h"

static void set_inputs(nnc_run *run, nnc_interpreter *in, const nnc_examples *examples, const int64_t *number, int64_t count)
{
    const nnc_model *m = run->model;
    for (uint32_t i = 0; i < m->declarations; i++) {
        const nnc_tensor *t = nnc_tensor_at(m->program, m->declaration[i].tensor);
        int64_t elements = nnc_elements(t) * count;
        float *values = NNC_ARRAY(&run->arena, float, (size_t)elements);
        double *reals = NNC_ARRAY(&run->arena, double, (size_t)elements);
        int declaration = examples->find(examples->context, m->declaration[i].name);
        if (declaration >= 0)
            examples->gather(examples->context, declaration, number, count, values);
        for (int64_t e = 0; e < elements; e++)
            reals[e] = t->element == NNC_REAL ? (double)values[e] : ((const int32_t *)(const void *)values)[e];
        nnc_interpreter_set(in, m->declaration[i].tensor, reals);
    }
}

static bool is_broken(const nnc_interpreter *in, nnc_tensor_id id)
{
    const nnc_values *v = &in->values[id];
    for (int64_t e = 0; v->data && e < v->elements; e++)
        if (!(fabs(v->data[e]) <= (double)FLT_MAX))
            return true;
    return false;
}

static const char *told(nnc_run *run, const char *what, nnc_tensor_id id)
{
    const nnc_tensor *t = nnc_tensor_at(run->model->program, id);
    return nnc_arena_format(&run->arena, "the first value that broke: %s %s (%s)", what, t->name, nnc_line_of(run, t->span));
}

const char *nnc_first_broken(nnc_run *run, const nnc_examples *examples, const nnc_train_state *before, const int64_t *number, int64_t count)
{
    const nnc_model *m = run->model;
    nnc_interpreter *in = nnc_interpreter_new(&run->arena, m->program, count);
    in->seed = m->recipe.seed;
    in->step = (double)before->step;
    in->steps = (double)before->total_steps;
    in->epoch = (double)before->epoch;
    in->epochs = before->epochs;
    set_inputs(run, in, examples, number, count);
    nnc_set_slots(run, in);
    for (uint32_t i = 0; i < m->parameters; i++)
        if (is_broken(in, m->parameter[i].tensor))
            return told(run, "the weights", m->parameter[i].tensor);
    nnc_interpreter_run_for(in, &m->loss, 1);
    for (nnc_tensor_id id = 1; id < m->program->tensors; id++)
        if (nnc_tensor_at(m->program, id)->kind == NNC_KIND_FORMULA && is_broken(in, id))
            return told(run, "the tensor", id);
    return NULL;
}
