/* The order in which formulas are computed: a list of steps, in which those that depend on one another along a recurrence
 * index run together in a loop (which may nest). Both the interpreter and the scheduler walk it.
 *
 * Worked out by strongly connected components of the reads: a component with a cycle is a LOOP over an index that every
 * member has, forward (its internal reads are at t, or t - c) or backward (t + c for adjoints); reads at another step
 * are then satisfied, and the rest is ordered again inside. */
#ifndef NNC_FORMULA_ORDER_H
#define NNC_FORMULA_ORDER_H

#include "formula/formula.h"

typedef struct nnc_order_item {
    nnc_tensor_id tensor;          /* a formula to compute, over all its slots not fixed by an enclosing loop; or 0: a loop */
    int64_t extent;                /* loop: steps */
    bool backward;                 /* loop: from extent - 1 down to 0 */
    struct nnc_order_item *item;   /* loop: what each step does, in order */
    uint32_t items;
    nnc_tensor_id *member;         /* loop: all formulas in it (at any depth), and for each the slot that this loop fixes */
    uint8_t *slot;
    uint32_t members;
} nnc_order_item;

typedef struct nnc_order {
    nnc_order_item *item;
    uint32_t items;
} nnc_order;

/* NULL in *error, or what reads what in a circle (only for programs not made by the elaborator). */
nnc_order nnc_order_of(nnc_arena *arena, const nnc_program *p, const char **error);

/* in_loop[id] = true for the formulas of every loop; [tensors] entries. */
void nnc_mark_loops(const nnc_order *order, bool *in_loop);

#endif
