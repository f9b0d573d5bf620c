/* What is known of a kernel's integers: which are surely not negative, so that divisions of them need no correction; of which number an index is a multiple. */
#ifndef NNC_LOOPS_RANGE_H
#define NNC_LOOPS_RANGE_H

#include "loops/loops.h"

/* By value number. Indices do not overflow; INTs wrap, so sums of them say nothing. */
const bool *nnc_nonnegative(nnc_arena *arena, const nnc_kernel *kernel);

/* A number that the index is surely a multiple of: 1 where nothing is known, 0 of 0 itself. */
int64_t nnc_multiple_of(const nnc_kernel *kernel, nnc_value_id index);

#endif
