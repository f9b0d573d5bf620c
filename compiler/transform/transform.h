/* Formulas in, formulas out: differentiation, simplification, gradient printing, the split of DATA reductions, hoisting of schedules. */
#ifndef NNC_TRANSFORM_TRANSFORM_H
#define NNC_TRANSFORM_TRANSFORM_H

#include "formula/formula.h"

/* ---- differentiation (reverse mode, formula to formulas) ----
 *
 * `loss` is a rank-0 formula. For each of `count` tensors (parameters, or any tensor) gradient[i] receives a new formula of its shape with the
 * derivative of loss by it, or 0 where the loss does not depend on it (other than through stop_gradient). New formulas are named
 * d(NAME) with derivative_of set. For T = sum(k: e) and each read A[f(i, k)] in e, the adjoint of A gains the sum over all (i, k) with
 * f(i, k) = a of dT[i] * de/dread: each component of f is solved for an index, which is eliminated, so the adjoint is an ordinary gather formula with
 * guards (Li et al., Differentiable Programming for Image Processing and Deep Learning in Halide, 2018):
 *   coefficient +-1: solved. +-s: split by residue, or a partner index of coefficient +-1 taken along. Left-over components: equality guards.
 *   floor(e / c): e = c*a + r, new index r < c. e mod c: e = c*q + a, new index q. With both of one e, e is known.
 *   class lookups, floor(real): gather under equality, sum(..: if lookup == a then .. else 0).
 *   if: the adjoint is a select. max, min reductions: the argmax is kept as a class tensor, the adjoint compares with it; two-argument ties go to the first.
 *   prod: exclusive product, no division. floor, sign, comparisons, argmax, classes: zero. a mod b: 1 and -floor(a / b). abs at 0: 0.
 *   neighbour: the adjoint reads the other neighbour. States, fits, inputs are constants. stop_gradient is a formula whose `stopped` is set.
 * Works for recurrences without a rule of its own: adjoints read t + 1. */
void nnc_differentiate(nnc_program *p, nnc_tensor_id loss, const nnc_tensor_id *by, uint32_t count, nnc_tensor_id *gradient);
/* The reads that depend on `tensor` for gradients: true where d loss / d tensor is not identically zero. */
bool nnc_depends(const nnc_program *p, nnc_tensor_id loss, nnc_tensor_id tensor);

/* ---- simplification ----
 *
 * On every formula that `roots` need: factors that lack the reduced indices are pulled out of sums; sum(k: a + b) is split where that
 * lets parts be shared or made zero; sums over equality guards collapse (sum(i: if y == i then e(i) else 0) = e(y)); formulas that are copies
 * of another read are read through; equal formulas are one; formulas of one cheap operation on their reads are inlined where read once; reductions of constants
 * fold; sum(k: A - mean(k: A)) = 0. Roots keep their meaning (their ids may change: rewritten in place). */
nnc_program *nnc_simplify(nnc_arena *arena, const nnc_program *p, nnc_tensor_id *roots, uint32_t count, nnc_tensor_id *map);

/* Maximal subexpressions that depend on step, steps, epoch, epochs and constants only become SCHEDULE tensors (rank 0), computed by the host
 * in 64 bits before each step. In place. */
void nnc_hoist_schedules(nnc_program *p);

/* ---- gradients as a person would write them, for --emit=gradient ----
 *
 * The derivative of `loss` by each of `by`, in index notation: d loss / d NAME[i, j] = ..., with the intermediate derivatives that are read more
 * than once, or hold a sum, as named lines d NAME[..] before it. The batch is printed as an index b < batch only where the formula sums over it;
 * tensors of one example are printed without it otherwise. */
void nnc_gradient_print(nnc_arena *arena, const nnc_program *p, nnc_tensor_id loss, const nnc_tensor_id *by, uint32_t count, nnc_text *out);

/* ---- DATA reductions: fits, metrics, the measured loss ----
 *
 * A formula over the whole set is computed in passes. Each pass runs `partial` (a program without DATA: inputs batched) on every minibatch of the set; its roots are
 * batched tensors [batch, left..] whose examples the host folds into accumulators of 64 bits, in order of example; the accumulators' results
 * are then FITs of the next pass's program and of `final`, which has no batch and is run by the interpreter. A reduction over `data` nested
 * in another is a pass before. */
typedef struct nnc_data_accumulator {
    nnc_tensor_id part;           /* in its pass's program: [batch, left..] */
    nnc_reduce reduce;            /* SUM, PROD, MAX, MIN over the examples (ARGMAX, ARGMIN not: an error of elaboration) */
    int64_t elements;             /* of one example */
} nnc_data_accumulator;

typedef struct nnc_data_pass {
    nnc_program *partial;
    nnc_data_accumulator *accumulator;
    uint32_t accumulators;
} nnc_data_pass;

typedef struct nnc_data_input {   /* a FIT tensor of a pass's or the final program that stands for an accumulator's result */
    uint32_t pass, accumulator;
} nnc_data_input;

typedef struct nnc_data_split {
    nnc_data_pass *pass;
    uint32_t passes;              /* 0 where nothing reads the data */
    nnc_program *final;           /* no batch, no data; count(data) appears as a READ of the rank-0 FIT named `count(data)` */
    nnc_tensor_id *result;        /* in `final`, for each root */
} nnc_data_split;

/* `roots`: rank-any formulas without the batch whose DATA reductions are to be split. Tensors that come from accumulators are FITs named
 * `data.PASS.ACCUMULATOR` in later programs; count(data) is the FIT `count(data)`. Other leaves keep their names, by which the caller finds them. */
nnc_data_split nnc_split_data(nnc_arena *arena, const nnc_program *p, const nnc_tensor_id *roots, uint32_t count);

#endif
