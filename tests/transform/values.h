/* What a program's tensors are by the interpreter, for inputs and parameters that are told by their names: equal for two programs that have the same. */
#ifndef NNC_TESTS_VALUES_H
#define NNC_TESTS_VALUES_H

#include "../formula/fixture.h"

static inline double value_of_leaf(const nnc_tensor *t, int64_t i)
{
    return t->classes ? (double)(i * 7 % t->classes) : (double)((t->name[0] * 7919 + i * 104729) % 2003) / 1000 - 1;
}

/* The values of `name`. */
static inline const double *values_of(const nnc_program *p, const char *name, int64_t batch)
{
    nnc_interpreter *in = nnc_interpreter_new(&session.arena, p, batch);
    nnc_tensor_id id = named(p, name);
    for (nnc_tensor_id t = 1; t < p->tensors; t++) {
        const nnc_tensor *tensor = nnc_tensor_at(p, t);
        int64_t elements = nnc_elements(tensor) * (nnc_batched(tensor) ? batch : 1);
        double *value = NNC_ARRAY(&session.arena, double, elements);
        for (int64_t i = 0; i < elements; i++)
            value[i] = value_of_leaf(tensor, i);
        if (tensor->kind == NNC_KIND_INPUT || tensor->kind == NNC_KIND_PARAMETER)
            nnc_interpreter_set(in, t, value);
    }
    nnc_interpreter_run_for(in, &id, 1);
    return nnc_interpreter_get(in, id);
}

#endif
