/* Fits: values of the training data, computed before training. */
#include <math.h>
#include "driver/run.h"

void nnc_run_fits(nnc_run *run, const nnc_examples *examples)
{
    nnc_network *n = run->network;
    for (uint32_t i = 0; i < run->model->fits; i++) {
        const nnc_set_values *values = &n->fit[i]->values;
        const nnc_slot *slot = nnc_network_slot(n, run->model->fit[i].name);
        nnc_measurer measurer = nnc_measurer_new(&run->arena, run->team, values, n->persistent);
        double *result = NNC_ARRAY(&run->arena, double, values->results + 1);
        nnc_measure(&measurer, examples, result);
        for (uint32_t e = 0; e < values->results; e++)
            if (slot->integer)
                ((int32_t *)(void *)nnc_slot_data(n, slot))[e] = (int32_t)result[e];
            else
                nnc_slot_data(n, slot)[e] = (float)result[e];
    }
}
