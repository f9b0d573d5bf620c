/* For this folder: ranges under conditions that may be negated. */
#ifndef NNC_FORMULA_RANGE_H
#define NNC_FORMULA_RANGE_H

#include "formula/formula.h"

typedef struct nnc_condition { nnc_ref ref; bool negated; } nnc_condition;
void nnc_range_under(const nnc_program *p, nnc_ref integer, nnc_extent_of extent_of, void *context, const nnc_condition *conditions, uint32_t count,
                     int64_t *low, int64_t *high);

#endif
