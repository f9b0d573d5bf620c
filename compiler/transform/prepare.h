/* Formulas made ready for a machine: the same values (but for the order of some sums), in a form that computes faster. Run last, on programs without `data`. */
#ifndef NNC_TRANSFORM_PREPARE_H
#define NNC_TRANSFORM_PREPARE_H

#include "formula/formula.h"

/* A sum over the batch and more, with few results, becomes sums for each example, which are rows that threads share, and one sum of those:
 * T[i] = sum(b < batch, j: e) is part[b, i] = sum(j: e), T[i] = sum(b: part[b, i]). Where T has at most `most` elements and e at least `least`
 * points for each example. In place. */
void nnc_part_sums(nnc_program *p, int64_t most, int64_t least);

/* Tensors of examples whose last dimension would fill vectors badly are kept in blocks of NNC_BLOCK examples, with the examples of one last, where that pays with `batch` examples (a
 * multiple of NNC_BLOCK must have room); any_size: all that may, whether or not it pays. Not `root`s. Sums over the batch then go in another order. True where there are any. In place. */
bool nnc_use_lanes(nnc_program *p, const nnc_tensor_id *root, uint32_t roots, int64_t batch, bool any_size);

/* A sum that would step through a parameter's rows along its last dimension reads a turned copy of it, where there are at least `least` multiply-adds for
 * each element that is copied, with `batch` examples. In place. */
void nnc_turn_reads(nnc_program *p, int64_t batch, double least);

/* Readers of a tensor that come after a padded copy of it, which is kept anyway, read the copy; where the copy alone is left, it computes the tensor itself. Gives the program without
 * tensors that nobody needs then, and rewrites root[] (as nnc_extract). */
nnc_program *nnc_use_copies(nnc_arena *arena, nnc_program *p, nnc_tensor_id *root, uint32_t roots, bool with_next);

/* sum(k: (if c then a else 0) * b), where neither k nor the last index is in c, becomes sum(k: if c then a * b else 0): where c does not hold there is
 * nothing to add up, though b were infinite. In place. */
void nnc_lift_guards(nnc_program *p);

#endif
