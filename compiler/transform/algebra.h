/* For this folder: rules on scalar expressions that hold up to rounding. */
#ifndef NNC_TRANSFORM_ALGEBRA_H
#define NNC_TRANSFORM_ALGEBRA_H

#include "transform/scope.h"

/* The operation on arguments already in simple form, in simple form: constants gathered, signs outside products, reciprocals as divisions,
 * products with a one-of-many choice inside the choice. NaN and infinities are kept but for a product with such a choice (0 there). */
nnc_ref nnc_algebra(nnc_program *p, nnc_op op, const nnc_ref *args, uint32_t count);

/* How much an element of it costs: a cheap operation 1, a division 3, a polynomial 8, each distinct node once; index arithmetic is free but for divisions. Stops
 * counting at `most`. */
uint32_t nnc_cost(const nnc_program *p, nnc_ref body, uint32_t most);

/* A product as factors: sign * numerator[0] * .. / (denominator[0] * ..). */
enum { NNC_MAX_FACTORS = 24 };
typedef struct nnc_product {
    bool negative;
    nnc_ref numerator[NNC_MAX_FACTORS], denominator[NNC_MAX_FACTORS];
    uint32_t numerators, denominators;
} nnc_product;
void nnc_product_of(const nnc_program *p, nnc_ref ref, nnc_product *out);
nnc_ref nnc_product_ref(nnc_program *p, const nnc_product *product);

/* A number known but for the batch: number * count(batch)^batches. */
bool nnc_number_of(const nnc_program *p, nnc_ref ref, double *number, int *batches);

#endif
