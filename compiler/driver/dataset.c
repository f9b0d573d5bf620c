/* Data sets as the runtime sees them. */
#include <stdio.h>
#include "driver/run.h"

nnc_exit nnc_end_report(nnc_run *run)
{
    nnc_text text = {.arena = &run->arena};
    int64_t errors = run->report.errors;
    nnc_dataset_report_print(&run->report, &text, run->options.color);
    fputs(nnc_text_string(&text), stderr);
    run->report = (nnc_dataset_report){.arena = &run->arena};
    return errors ? NNC_EXIT_DATA : NNC_EXIT_DONE;
}

nnc_exit nnc_open_data(nnc_run *run, const nnc_paths *paths, nnc_dataset_role role, nnc_dataset **data)
{
    nnc_dataset_request request = {.path = paths->path, .paths = paths->count, .want = run->want, .wants = run->model->declarations, .ignored = run->model->ignored,
                                   .ignoreds = run->model->ignoreds, .knowledge = run->knowledge.count ? &run->knowledge : NULL, .role = role,
                                   .header = run->options.header, .delimiter = run->options.delimiter, .decimal = run->options.decimal};
    run->report.arena = &run->arena;
    *data = nnc_dataset_open(&run->arena, &request, &run->report);
    nnc_exit status = nnc_end_report(run);
    return *data ? NNC_EXIT_DONE : status ? status : NNC_EXIT_DATA;
}

typedef struct part_context { const nnc_dataset *data; const nnc_dataset_part *part; } part_context;

static int find(void *context, const char *declaration) { return nnc_dataset_find(((part_context *)context)->data, declaration); }

enum { AT_ONCE = 64 };

static void gather(void *context, int declaration, const int64_t *number, int64_t n, void *out)
{
    const part_context *c = context;
    int64_t mapped[AT_ONCE], elements = c->data->declaration[declaration].elements;
    for (int64_t first = 0; first < n; first += AT_ONCE) {
        int64_t count = n - first < AT_ONCE ? n - first : AT_ONCE;
        for (int64_t i = 0; i < count; i++)
            mapped[i] = c->part->number[number[first + i]];
        nnc_dataset_gather(c->data, declaration, mapped, count, (char *)out + 4 * first * elements);
    }
}

nnc_examples nnc_examples_of(nnc_run *run, const nnc_dataset *data, const nnc_dataset_part *part)
{
    part_context *context = NNC_NEW(&run->arena, part_context);
    *context = (part_context){data, part};
    return (nnc_examples){part->count, find, gather, context};
}
