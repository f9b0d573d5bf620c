/* For this folder: formulas written as in a paper, for --emit=gradient. */
#ifndef NNC_TRANSFORM_NOTATION_H
#define NNC_TRANSFORM_NOTATION_H

#include "formula/formula.h"

typedef struct nnc_notation {
    const nnc_program *p;
    nnc_text *out;
    const bool *inlined;                     /* of a tensor: its formula is written where it is read */
    bool shows_batch;                        /* the formula being written tells examples apart */
    const char *index[NNC_MAX_SLOTS];        /* names of the slots of the formula being written */
    uint32_t letters;                        /* index letters used so far */
} nnc_notation;

/* `d h` for the tensor d(h), else the tensor's name. */
void nnc_notation_name(const nnc_notation *n, nnc_tensor_id id, nnc_text *out);
/* A whole line: `d h[i, j] = ...`; `label`, if not NULL, stands in place of the name. */
void nnc_notation_line(nnc_notation *n, nnc_tensor_id id, const char *label);

#endif
