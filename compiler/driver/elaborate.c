/* From the model's text to the elaborated model, with classes counted from the data where they are known. */
#include <stdio.h>
#include <string.h>
#include "driver/library.h"
#include "driver/run.h"

enum { MOST_TEXT = 16 << 20 };

static int64_t class_count(void *context, const char *declaration)
{
    const nnc_run *run = context;
    for (uint32_t i = 0; i < run->knowledge.count; i++)
        if (strcmp(run->knowledge.known[i].name, declaration) == 0)
            return run->knowledge.known[i].classes;
    return 0;
}

static const char *read_text(void *context, nnc_arena *arena, const char *path, size_t *length, const char **reason)
{
    nnc_failure failure = {""};
    (void)context;
    const char *text = nnc_file_read(arena, path, MOST_TEXT, length, &failure);
    if (!text) {
        const char *colon = strrchr(failure.text, ':');
        *reason = nnc_arena_string(arena, colon ? colon + 2 : failure.text);
    }
    return text;
}

static void fill_wants(nnc_run *run)
{
    const nnc_model *m = run->model;
    run->want = NNC_ARRAY(&run->arena, nnc_dataset_want, m->declarations + 1);
    for (uint32_t i = 0; i < m->declarations; i++) {
        const nnc_declaration *d = &m->declaration[i];
        nnc_dataset_want *w = &run->want[i];
        *w = (nnc_dataset_want){.name = d->name, .target = d->target, .rank = d->rank, .rows = d->rows, .rows_from = d->rows_from, .classes = d->classes,
                                .else_class = d->else_class, .column = d->column, .columns = d->columns, .allows_missing = d->allows_missing,
                                .needed = d->needed_for_outputs};
        w->kind = d->class_kind == NNC_CLASS_NONE ? NNC_DATASET_REAL : d->class_kind == NNC_CLASS_COUNT ? NNC_DATASET_CLASS : NNC_DATASET_CLASS_FROM_DATA;
        memcpy(w->extent, d->extent, sizeof w->extent);
    }
}

/* Whether all that is wrong stands in the command line: -R lines and -D values. */
static nnc_exit status_of_errors(const nnc_session *session)
{
    for (uint32_t i = 0; i < session->diagnostics; i++) {
        const nnc_diagnostic *d = &session->diagnostic[i];
        const char *where = d->span.file ? session->source[d->span.file].path : d->text;
        if (d->severity == NNC_ERROR && strncmp(where, "-D", 2) != 0 && strncmp(where, "-R", 2) != 0)
            return NNC_EXIT_MODEL;
    }
    return NNC_EXIT_USAGE;
}

/* One elaboration, in run->session, with `assumed` classes where the data has not told yet how many there are. */
static void elaborate(nnc_run *run, int64_t assumed, int64_t *suggested)
{
    nnc_session_open(&run->session, run->arena.failed, run->arena.failed_context);
    nnc_model_request request = {.path = run->options.model, .library_name = nnc_library_names, .library_text = nnc_library_texts, .define = run->options.define,
                                 .defines = run->options.defines, .recipe_line = run->options.recipe.path, .recipe_lines = run->options.recipe.count,
                                 .class_count = class_count, .context = run, .assumed_classes = assumed, .suggested_classes = suggested, .read_file = read_text};
    run->model = nnc_model_elaborate(&run->session, &request);
}

/* A model that is written for one number of classes (two, say, for one score) has errors only because another was assumed: that number is tried. */
static void elaborate_assuming(nnc_run *run)
{
    int64_t suggested = 0, no_more = 0;
    elaborate(run, 0, &suggested);
    if (run->model || suggested < 1)
        return;
    nnc_session first = run->session;
    elaborate(run, suggested, &no_more);
    if (run->model) {
        nnc_session_close(&first);
        return;
    }
    nnc_session_close(&run->session);
    run->session = first;
}

nnc_exit nnc_elaborate_model(nnc_run *run)
{
    bool again = run->model != NULL;         /* its warnings are told already */
    if (again)
        NNC_PUSH(&run->arena, run->old, run->olds, run->old_capacity) = run->session;
    elaborate_assuming(run);
    nnc_text text = {.arena = &run->session.arena};
    if (!again || !run->model)
        nnc_diagnostics_print(&run->session, &text, run->options.color);
    fputs(nnc_text_string(&text), stderr);
    if (!run->model)
        return status_of_errors(&run->session);
    fill_wants(run);
    run->metric_name = NNC_ARRAY(&run->arena, const char *, run->model->metrics + 1);
    for (uint32_t i = 0; i < run->model->metrics; i++)
        run->metric_name[i] = run->model->metric[i].name;
    return NNC_EXIT_DONE;
}
