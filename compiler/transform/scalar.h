/* For this folder: derivatives within one formula's body. */
#ifndef NNC_TRANSFORM_SCALAR_H
#define NNC_TRANSFORM_SCALAR_H

#include "transform/scope.h"

/* a * f and a / f with the conditions of a kept outside: f is not looked at where a's conditions do not hold (its reads may be out of bounds
 * there, and 0 * inf would be NaN). */
nnc_ref nnc_times(nnc_program *p, nnc_ref a, nnc_ref f);
nnc_ref nnc_over(nnc_program *p, nnc_ref a, nnc_ref f);
/* a + b; selects on one condition are joined. */
nnc_ref nnc_plus(nnc_program *p, nnc_ref a, nnc_ref b);

/* Which tensors have a derivative that is looked for. */
typedef struct nnc_wanted { bool (*is)(void *context, nnc_tensor_id tensor); void *context; } nnc_wanted;

/* Calls visit for each distinct READ of a real that `body` depends on differentiably (not through conditions, subscripts, floor, sign). */
void nnc_differentiable_reads(const nnc_program *p, nnc_ref body, void (*visit)(void *context, nnc_ref read), void *context);

/* For each distinct READ of a wanted tensor in body: derivative[i] = seed * d body / d read[i], zero ones left out. `own`: a node that equals `own_read`
 * (the tensor's own element, where the body is its whole formula), or 0. Arrays are the arena's. */
typedef struct nnc_derivatives { nnc_ref *read, *derivative; uint32_t count; } nnc_derivatives;
nnc_derivatives nnc_derive(nnc_program *p, nnc_ref body, nnc_ref seed, nnc_ref own, nnc_ref own_read, nnc_wanted wanted);

#endif
