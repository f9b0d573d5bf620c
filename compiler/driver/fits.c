/* Fits: values of the training data, computed before training. */
#include <math.h>
#include "driver/run.h"

/* ---- columns that a fit scales by ---- */

typedef struct reader { const nnc_program *p; uint8_t *node, *tensor; } reader;

static void follow(reader *r, nnc_tensor_id id);

static void follow_reads(reader *r, nnc_ref ref)
{
    const nnc_node *n = &r->p->node[ref];
    if (r->node[ref])
        return;
    r->node[ref] = 1;
    if (n->op == NNC_OP_READ)
        follow(r, (nnc_tensor_id)n->integer[0]);
    for (uint32_t i = 0; i < n->count; i++)
        follow_reads(r, nnc_arg(r->p, ref, i));
}

static void follow(reader *r, nnc_tensor_id id)
{
    if (r->tensor[id])
        return;
    r->tensor[id] = 1;
    if (nnc_tensor_at(r->p, id)->body)
        follow_reads(r, nnc_tensor_at(r->p, id)->body);
}

void nnc_warn_of_constants(nnc_run *run, const nnc_dataset *data)
{
    const nnc_model *m = run->model;
    reader r = {m->program, NNC_ARRAY(&run->arena, uint8_t, m->program->nodes), NNC_ARRAY(&run->arena, uint8_t, m->program->tensors)};
    for (uint32_t i = 0; i < m->fits; i++)
        follow(&r, m->fit[i].definition);
    for (uint32_t i = 0; i < m->declarations; i++)
        if (r.tensor[m->declaration[i].tensor])
            nnc_dataset_warn_of_constants(data, (int)i, &run->report);
}

/* ---- values ---- */

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
