/* For this folder: a formula's body arranged as a person would write it. */
#ifndef NNC_TRANSFORM_PRESENT_H
#define NNC_TRANSFORM_PRESENT_H

#include "transform/algebra.h"

/* The same value: products as constant, factors, divisors; what all terms of a sum share taken out; positive terms first; a choice of a
 * negative subtracted. */
nnc_ref nnc_present(nnc_program *p, nnc_ref body);

#endif
