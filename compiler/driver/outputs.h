/* The model's outputs for one example after another. */
#ifndef NNC_DRIVER_OUTPUTS_H
#define NNC_DRIVER_OUTPUTS_H

#include "driver/run.h"

typedef struct nnc_output_reader {
    nnc_run *run;
    nnc_examples examples;
    nnc_runner runner;
    int64_t *number;               /* places in the part */
    int64_t first, count;          /* of the examples that stand ready */
    uint32_t argument;             /* of the step: the first output */
} nnc_output_reader;

void nnc_output_reader_open(nnc_run *run, nnc_output_reader *reader, const nnc_dataset *data, const nnc_dataset_part *part);
/* Computes the outputs of the next examples; false at the end. */
bool nnc_output_reader_next(nnc_output_reader *reader);
/* Elements of one example, and where those of example `i` of the `count` are (int32_t where the output is of integers). */
int64_t nnc_output_elements(const nnc_model *model, uint32_t output);
const void *nnc_output_at(const nnc_output_reader *reader, uint32_t output, int64_t i);
/* One class of a declaration, or their probabilities. */
bool nnc_output_is_one_choice(const nnc_model *model, uint32_t output);
int64_t nnc_output_choice(const nnc_output_reader *reader, uint32_t output, int64_t i);

#endif
