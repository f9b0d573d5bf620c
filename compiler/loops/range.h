/* Which values of a kernel are surely not negative: divisions of those need no correction. */
#ifndef NNC_LOOPS_RANGE_H
#define NNC_LOOPS_RANGE_H

#include "loops/loops.h"

/* By value number. Indices do not overflow; INTs wrap, so sums of them say nothing. */
const bool *nnc_nonnegative(nnc_arena *arena, const nnc_kernel *kernel);

#endif
