#include "driver/outputs.h"

void nnc_output_reader_open(nnc_run *run, nnc_output_reader *reader, const nnc_dataset *data, const nnc_dataset_part *part)
{
    const nnc_step *step = &run->network->predict->step;
    *reader = (nnc_output_reader){.run = run, .examples = nnc_examples_of(run, data, part), .argument = step->arguments - run->model->outputs};
    reader->number = NNC_ARRAY(&run->arena, int64_t, (size_t)step->batch);
    nnc_examples *examples = NNC_NEW(&run->arena, nnc_examples);
    *examples = reader->examples;
    reader->runner = nnc_runner_new(&run->arena, run->team, step, run->network->persistent, examples);
    nnc_runner_at(&reader->runner, run->model->recipe.seed, 0, 1, 0, 1);
}

bool nnc_output_reader_next(nnc_output_reader *reader)
{
    int64_t batch = reader->runner.step->batch, left;
    reader->first += reader->count;
    left = reader->examples.count - reader->first;
    reader->count = left < batch ? left : batch;
    for (int64_t i = 0; i < reader->count; i++)
        reader->number[i] = reader->first + i;
    if (reader->count > 0)
        nnc_runner_run(&reader->runner, reader->number, reader->count);
    return reader->count > 0;
}

static const nnc_tensor *tensor_of(const nnc_model *model, uint32_t output) { return nnc_tensor_at(model->program, model->output[output].tensor); }

int64_t nnc_output_elements(const nnc_model *model, uint32_t output) { return nnc_elements(tensor_of(model, output)); }

const void *nnc_output_at(const nnc_output_reader *reader, uint32_t output, int64_t i)
{
    const nnc_step_argument *a = &reader->runner.step->argument[reader->argument + output];
    return (const char *)nnc_runner_argument(&reader->runner, reader->argument + output) + (a->batched ? 4 * i * a->elements : 0);
}

bool nnc_output_is_one_choice(const nnc_model *model, uint32_t output)
{
    const nnc_tensor *t = tensor_of(model, output);
    int32_t of = model->output[output].classes_of;
    if (of < 0)
        return false;
    return t->element == NNC_INTEGER ? nnc_elements(t) == 1 : nnc_elements(t) == model->declaration[of].classes;
}

int64_t nnc_output_choice(const nnc_output_reader *reader, uint32_t output, int64_t i)
{
    const nnc_tensor *t = tensor_of(reader->run->model, output);
    const void *at = nnc_output_at(reader, output, i);
    int64_t best = 0;
    if (t->element == NNC_INTEGER)
        return *(const int32_t *)at;
    for (int64_t k = 1; k < nnc_elements(t); k++)
        if (((const float *)at)[k] > ((const float *)at)[best])
            best = k;
    return best;
}
