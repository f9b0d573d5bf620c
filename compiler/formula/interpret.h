/* The reference interpreter: formulas in 64-bit floats, for checking everything else, for --emit=values, for fits and
 * constants. It evaluates a formula over blocks of index values at a time (a few nanoseconds a node and element), so it is usable on real data. */
#ifndef NNC_FORMULA_INTERPRET_H
#define NNC_FORMULA_INTERPRET_H

#include "formula/formula.h"

typedef struct nnc_values {        /* row-major, one entry a tensor of the program */
    double *data;                  /* integers and booleans as doubles; NULL until given or computed */
    int64_t elements;
} nnc_values;

typedef struct nnc_interpreter {
    const nnc_program *program;
    nnc_arena *arena;
    int64_t batch;                 /* examples in the minibatch */
    int64_t data;                  /* examples in the set, where DATA reductions are run whole (tests); 0 otherwise. Batched inputs then hold `data` rows and `batch` is ignored inside DATA reductions */
    uint64_t seed;                 /* draws: a function of seed, site, their indices (the batch position among them) and step; see random.h */
    double step, steps, epoch, epochs;
    nnc_values *values;            /* [tensors] */
} nnc_interpreter;

nnc_interpreter *nnc_interpreter_new(nnc_arena *arena, const nnc_program *program, int64_t batch);
/* Gives the values of a tensor that is not a formula (copied). */
void nnc_interpreter_set(nnc_interpreter *in, nnc_tensor_id tensor, const double *values);
void nnc_interpreter_set_float(nnc_interpreter *in, nnc_tensor_id tensor, const float *values);
/* Computes every formula (or only what `roots` need), in order. Tensors not given and not formulas: an assertion. */
void nnc_interpreter_run(nnc_interpreter *in);
void nnc_interpreter_run_for(nnc_interpreter *in, const nnc_tensor_id *roots, uint32_t count);
const double *nnc_interpreter_get(const nnc_interpreter *in, nnc_tensor_id tensor);
/* The values of SCHEDULE tensors at the interpreter's step and epoch: quick after the first call. */
void nnc_interpreter_schedules(nnc_interpreter *in, const nnc_tensor_id *schedule, uint32_t count, float *out);
/* The value of an expression without slots (a schedule), given step and epoch. */
double nnc_interpreter_scalar(nnc_interpreter *in, nnc_ref ref);

#endif
