/* Metrics over a set, and which class was taken for which. */
#include <stdio.h>
#include <string.h>
#include "driver/run.h"
#include "driver/outputs.h"

static int64_t given_class(const nnc_dataset *data, int declaration, int64_t example)
{
    int32_t given = -1;
    nnc_dataset_gather(data, declaration, &example, 1, &given);
    return given;
}

enum { LEAST_WIDTH = 5, MOST_WIDTH = 20 };

static int characters(const char *text)
{
    int count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

/* A class's name for a terminal, of at most MOST_WIDTH characters. */
static const char *shown_name(nnc_run *run, const nnc_dataset_known *known, int64_t k)
{
    const char *name = nnc_dataset_class_name(&run->arena, known, k);
    char *text = nnc_escape(&run->arena, name, strlen(name)), *end = text;
    for (int count = 0; *end; end++) {
        count += ((unsigned char)*end & 0xC0) != 0x80;
        if (count > MOST_WIDTH)
            break;
    }
    *end = 0;
    return text;
}

static void add_cell(nnc_text *text, const char *name, int width) { nnc_text_add(text, "%*s%s", width - characters(name), "", name); }

static void print_matrix(nnc_run *run, const nnc_dataset_known *known, const int64_t *count, int64_t classes)
{
    nnc_text text = {.arena = &run->arena};
    const char **name = NNC_ARRAY(&run->arena, const char *, (size_t)classes + 1);
    int width = LEAST_WIDTH;
    for (int64_t k = 0; k < classes; k++) {
        name[k] = shown_name(run, known, k);
        width = characters(name[k]) > width ? characters(name[k]) : width;
    }
    nnc_text_add(&text, "%s: given below, predicted across\n%*s", known->name, width, "");
    for (int64_t k = 0; k < classes; k++) {
        nnc_text_add(&text, " ");
        add_cell(&text, name[k], width);
    }
    for (int64_t i = 0; i < classes; i++) {
        nnc_text_add(&text, "\n");
        add_cell(&text, name[i], width);
        for (int64_t k = 0; k < classes; k++)
            nnc_text_add(&text, " %*lld", width, (long long)count[i * classes + k]);
    }
    nnc_say(run, "%s", nnc_text_string(&text));
}

enum { MOST_CLASSES_SHOWN = 40 };

/* An output before this one stands for the same classes: one matrix a target is enough. */
static bool is_told(const nnc_model *m, uint32_t output)
{
    for (uint32_t o = 0; o < output; o++)
        if (m->output[o].classes_of == m->output[output].classes_of && nnc_output_is_one_choice(m, o))
            return true;
    return false;
}

static void print_confusion(nnc_run *run, const nnc_dataset *data, const nnc_dataset_part *part)
{
    const nnc_model *m = run->model;
    for (uint32_t o = 0; o < m->outputs; o++) {
        int32_t of = m->output[o].classes_of;
        int64_t classes = of >= 0 ? m->declaration[of].classes : 0;
        nnc_output_reader reader;
        if (of < 0 || !m->declaration[of].target || m->declaration[of].rank || classes > MOST_CLASSES_SHOWN || !nnc_output_is_one_choice(m, o) || is_told(m, o))
            continue;
        int64_t *count = NNC_ARRAY(&run->arena, int64_t, (size_t)(classes * classes));
        nnc_output_reader_open(run, &reader, data, part);
        while (nnc_output_reader_next(&reader))
            for (int64_t i = 0; i < reader.count; i++) {
                int64_t given = given_class(data, of, part->number[reader.first + i]), taken = nnc_output_choice(&reader, o, i);
                if (given >= 0 && given < classes && taken >= 0 && taken < classes)
                    count[given * classes + taken]++;
            }
        print_matrix(run, &data->declaration[of].known, count, classes);
    }
}

nnc_exit nnc_measure_and_print(nnc_run *run, const nnc_dataset *data, const nnc_dataset_part *part, double *results)
{
    nnc_examples examples = nnc_examples_of(run, data, part);
    nnc_measurer measurer = nnc_measurer_new(&run->arena, run->team, &run->network->measure->values, run->network->persistent);
    nnc_measure(&measurer, &examples, results);
    printf("loss %.6g\n", results[0]);
    for (uint32_t i = 0; i < run->model->metrics; i++)
        printf("%s %.6g\n", run->model->metric[i].name, results[i + 1]);
    fflush(stdout);
    if (!run->options.quiet)
        print_confusion(run, data, part);
    return NNC_EXIT_DONE;
}
