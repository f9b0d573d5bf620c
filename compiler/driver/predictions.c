/* Predictions as CSV: the ignored columns, then each output's. */
#include <string.h>
#include "driver/outputs.h"

static const nnc_dataset_known *known_of(const nnc_run *run, uint32_t output)
{
    int32_t of = run->model->output[output].classes_of;
    for (uint32_t i = 0; of >= 0 && i < run->knowledge.count; i++)
        if (strcmp(run->knowledge.known[i].name, run->model->declaration[of].name) == 0)
            return &run->knowledge.known[i];
    return NULL;
}

static const char *class_name(nnc_run *run, uint32_t output, int64_t k)
{
    const nnc_dataset_known *known = known_of(run, output);
    return known ? nnc_dataset_class_name(&run->arena, known, k) : nnc_arena_format(&run->arena, "%lld", (long long)k);
}

static bool is_integer(const nnc_run *run, uint32_t o) { return nnc_tensor_at(run->model->program, run->model->output[o].tensor)->element != NNC_REAL; }

/* z, or z[0], z[1], ..; for probabilities p(setosa), .. and the class. */
static void add_heads(nnc_run *run, uint32_t o, nnc_text *out)
{
    const nnc_model *m = run->model;
    int64_t elements = nnc_output_elements(m, o);
    bool choice = nnc_output_is_one_choice(m, o);
    if (choice && !is_integer(run, o)) {
        for (int64_t k = 0; k < elements; k++) {
            nnc_dataset_add_field(out, nnc_arena_format(&run->arena, "%s(%s)", m->output[o].name, class_name(run, o, k)));
            nnc_text_add(out, ",");
        }
        nnc_dataset_add_field(out, m->declaration[m->output[o].classes_of].name);
        return;
    }
    for (int64_t k = 0; k < elements; k++) {
        nnc_text_add(out, k ? "," : "");
        nnc_dataset_add_field(out, elements == 1 ? m->output[o].name : nnc_arena_format(&run->arena, "%s[%lld]", m->output[o].name, (long long)k));
    }
}

static void add_cells(nnc_output_reader *reader, uint32_t o, int64_t i, nnc_text *out)
{
    nnc_run *run = reader->run;
    const void *at = nnc_output_at(reader, o, i);
    int64_t elements = nnc_output_elements(run->model, o);
    bool integer = is_integer(run, o), classes = run->model->output[o].classes_of >= 0;
    for (int64_t k = 0; k < elements; k++) {
        nnc_text_add(out, k ? "," : "");
        if (integer && classes)
            nnc_dataset_add_field(out, class_name(run, o, ((const int32_t *)at)[k]));
        else if (integer)
            nnc_text_add(out, "%d", (int)((const int32_t *)at)[k]);
        else
            nnc_text_add_float(out, ((const float *)at)[k]);
    }
    if (nnc_output_is_one_choice(run->model, o) && !integer) {
        nnc_text_add(out, ",");
        nnc_dataset_add_field(out, class_name(run, o, nnc_output_choice(reader, o, i)));
    }
}

static void add_row(nnc_output_reader *reader, const nnc_dataset *data, const nnc_dataset_part *part, int64_t i, nnc_text *out)
{
    bool first = true;
    for (uint32_t c = 0; c < data->ignoreds; c++, first = false) {
        nnc_text_add(out, first ? "" : ",");
        nnc_dataset_add_field(out, nnc_dataset_ignored(data, c, part->number[reader->first + i]));
    }
    for (uint32_t o = 0; o < reader->run->model->outputs; o++, first = false) {
        nnc_text_add(out, first ? "" : ",");
        add_cells(reader, o, i, out);
    }
    nnc_text_add(out, "\n");
}

static void add_header(nnc_run *run, const nnc_dataset *data, nnc_text *out)
{
    bool first = true;
    for (uint32_t c = 0; c < data->ignoreds; c++, first = false) {
        nnc_text_add(out, first ? "" : ",");
        nnc_dataset_add_field(out, data->ignored[c]);
    }
    for (uint32_t o = 0; o < run->model->outputs; o++, first = false) {
        nnc_text_add(out, first ? "" : ",");
        add_heads(run, o, out);
    }
    nnc_text_add(out, "\n");
}

nnc_exit nnc_add_predictions(nnc_run *run, const nnc_dataset *data, const char *path)
{
    nnc_dataset_part part;
    nnc_output_reader reader;
    nnc_text out = {.arena = &run->arena};
    if (!nnc_dataset_all(&run->arena, data, 0, &part, &run->report))
        return nnc_end_report(run);
    add_header(run, data, &out);
    nnc_output_reader_open(run, &reader, data, &part);
    while (nnc_output_reader_next(&reader))
        for (int64_t i = 0; i < reader.count; i++)
            add_row(&reader, data, &part, i, &out);
    return nnc_add_text(run, path, nnc_text_string(&out), out.length);
}
