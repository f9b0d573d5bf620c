/* Inside the passes that put examples in lanes: lanes.c tells which tensors, lane_formulas.c what formulas become, lane_absent.c what is done about examples that are not there. */
#ifndef NNC_TRANSFORM_LANES_H
#define NNC_TRANSFORM_LANES_H

#include "formula/rebuild.h"

typedef struct nnc_laner {
    nnc_program *p;
    double batch;
    bool any_size;
    bool *may, *in;                /* by tensor: may lie in blocks; does */
    bool *zero;                    /* by tensor: in blocks, and 0 for examples that are not there */
    bool *fragile;                 /* by tensor in blocks: of a 0 in it something might be made that is not finite, and 0 times that is not 0 */
    nnc_tensor_id *made_of;        /* those, as they are found */
    uint32_t made_ofs, made_of_capacity;
    nnc_ref_map known;             /* of the sum that is made ready: by node and depth, which of `cost` it takes to make it 0 */
    nnc_ref_map made;              /* likewise: nodes that are 0 now */
    double *cost;
    uint32_t costs, cost_capacity;
    double *work;                  /* by tensor: operations at a point of its body, at least one */
    nnc_tensor_id *copy;           /* by tensor: of it, in blocks or out of them; 0: none yet */
    nnc_tensor_id **reads;         /* by tensor: what its body reads, each once; 0 at the end */
    nnc_tensor_id **readers;
    uint32_t *reader_count, *reader_capacity;
} nnc_laner;

/* The slot that counts the examples which the tensor's body reads; -1: none, -2: several, or all the data. */
int nnc_example_slot(const nnc_tensor *t);

/* The place in the minibatch of an example of a block. */
static inline nnc_ref nnc_place_in_block(nnc_program *p, uint32_t block, uint32_t example) { return nnc_affine(p, NNC_BLOCK, nnc_index(p, block), 1, nnc_index(p, example), 0); }

/* Rewrites the formula of a tensor, which was `was`; all tensors have their new extents. */
void nnc_rewrite_for_lanes(nnc_laner *w, nnc_tensor_id id, const nnc_tensor *was);
/* Its left side with a block's examples last; a sum over the batch has them as the last index that it sums over. `slot` counts the examples. */
void nnc_put_in_blocks(nnc_tensor *t, int slot);

/* Once all are rewritten: examples that are not there add nothing to the sums over the batch among tensors 1 .. tensors-1, which were `was`. */
void nnc_leave_out_absent(nnc_laner *w, const nnc_tensor *was, nnc_tensor_id tensors);

#endif
