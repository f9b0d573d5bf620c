/* Looking at a model: what each station of the compiler makes of it. */
#include <stdio.h>
#include <string.h>
#include "driver/run.h"

static nnc_exit add_tree(nnc_run *run, nnc_text *out)
{
    const char *text = run->model->text;
    uint32_t file = nnc_session_add(&run->session, run->options.model, text, strlen(text));
    nnc_syntax_print(nnc_parse(&run->session, file), out);
    return NNC_EXIT_DONE;
}

static void add_gradient(nnc_run *run, nnc_text *out)
{
    const nnc_model *m = run->model;
    nnc_tensor_id *by = NNC_ARRAY(&run->arena, nnc_tensor_id, m->parameters + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->parameters; i++)
        if (m->parameter[i].trained)
            by[count++] = m->parameter[i].tensor;
    nnc_gradient_print(&run->arena, m->program, m->loss, by, count, out);
}

/* The training step without machine code: it is planned for a plain machine, so the text does not depend on this one. */
static nnc_part *planned_step(nnc_run *run, nnc_exit *status)
{
    const char *error;
    int64_t batch = run->model->recipe.batch;
    nnc_network_request request = {.model = run->model, .parts = NNC_PART_TRAIN, .train_batch = batch > 0 ? batch : 32, .set_batch = NNC_SET_BATCH,
                                   .level = run->options.level};
    nnc_network *network = nnc_network_build(&run->arena, &request, &error);
    if (network)
        return network->train;
    nnc_text text = {.arena = &run->arena};
    nnc_diagnostics_print(&run->session, &text, run->options.color);
    fputs(nnc_text_string(&text), stderr);
    *status = error ? nnc_error(run, NNC_EXIT_FAULT, "%s", error) : NNC_EXIT_MODEL;
    return NULL;
}

/* Building the step adds the optimizer to the program, so each look starts from a model of its own. */
static nnc_exit add_step(nnc_run *run, nnc_output_kind kind, nnc_text *out)
{
    nnc_run own = *run;
    nnc_exit status;
    own.old = NULL;
    own.olds = own.old_capacity = 0;
    status = nnc_elaborate_model(&own);
    nnc_part *step = status ? NULL : planned_step(&own, &status);
    run->arena = own.arena;          /* it has gone on in the copy, and out's text goes there */
    if (step && kind == NNC_OUTPUT_FORMULAS)
        nnc_program_print(step->program, out);
    else if (step && kind == NNC_OUTPUT_LOOPS)
        nnc_loops_print(step->scheduled.loops, out);
    else if (step)
        nnc_text_add(out, "%s", step->scheduled.fused);
    nnc_session_close(&own.session);
    return status;
}

static nnc_exit add_look(nnc_run *run, const nnc_output *output)
{
    nnc_text out = {.arena = &run->arena};
    nnc_exit status = NNC_EXIT_DONE;
    switch (output->kind) {
    case NNC_OUTPUT_AST: status = add_tree(run, &out); break;
    case NNC_OUTPUT_MODEL: nnc_model_print(run->model, &out); break;
    case NNC_OUTPUT_GRADIENT: add_gradient(run, &out); break;
    case NNC_OUTPUT_JSON: nnc_text_add(&out, "%s", nnc_summary_json(run)); break;
    default: status = add_step(run, output->kind, &out);
    }
    return status ? status : nnc_add_text(run, output->path, nnc_text_string(&out), out.length);
}

nnc_exit nnc_add_looks(nnc_run *run)
{
    nnc_exit status = NNC_EXIT_DONE;
    for (uint32_t i = 0; !status && i < run->options.outputs; i++)
        if (nnc_output_needs_of(run->options.output[i].kind) == NNC_NEEDS_MODEL)
            status = add_look(run, &run->options.output[i]);
    return status;
}

/* --require of sizes, where nothing is trained or used. */
static nnc_exit check_sizes(nnc_run *run)
{
    const char *error;
    nnc_network_request request = {.model = run->model, .parts = NNC_PART_PREDICT, .train_batch = 1, .set_batch = 1, .level = run->options.level};
    nnc_exit status = nnc_check_required_names(run);
    if (status)
        return status;
    if (run->model->assumed_classes)
        return nnc_error(run, NNC_EXIT_USAGE, "--require: sizes depend on how many classes the data has: give --train, or --weights");
    run->network = nnc_network_build(&run->arena, &request, &error);
    return run->network ? nnc_check_requirements(run, NULL) : nnc_error(run, NNC_EXIT_FAULT, "%s", error ? error : "the network cannot be planned");
}

nnc_exit nnc_command_look(nnc_run *run)
{
    nnc_exit status = nnc_elaborate_model(run);
    if (!status)
        status = nnc_check_paths(run);
    if (status)
        return status;
    if (run->options.requires && (status = check_sizes(run)))
        return status;
    if (nnc_options_wants(&run->options, NNC_OUTPUT_VALUES))
        return nnc_error(run, NNC_EXIT_USAGE, "--emit=values needs data: --train DATA, or --test DATA with trained weights");
    if (run->options.outputs == 0) {
        nnc_print_summary(run);
        return NNC_EXIT_DONE;
    }
    status = nnc_add_looks(run);
    return status ? status : nnc_commit_outputs(run);
}

static nnc_exit check_data(nnc_run *run, const nnc_paths *paths, nnc_dataset_role role)
{
    nnc_dataset *data;
    nnc_text text = {.arena = &run->arena};
    nnc_exit status = nnc_open_data(run, paths, role, &data);
    if (status)
        return status;
    if (role == NNC_DATASET_TRAIN)
        run->knowledge = nnc_dataset_knowledge_of(&run->arena, data);
    nnc_dataset_describe(data, &text);
    fputs(nnc_text_string(&text), stdout);
    return NNC_EXIT_DONE;
}

nnc_exit nnc_command_check(nnc_run *run)
{
    nnc_exit status = nnc_elaborate_model(run);
    if (!status && run->options.train.count)
        status = check_data(run, &run->options.train, NNC_DATASET_TRAIN);
    if (!status && run->model->assumed_classes && run->knowledge.count)
        status = nnc_elaborate_model(run);
    else if (!status && run->model->assumed_classes && (run->options.valid.count || run->options.test.count))
        status = nnc_load_weights(run);           /* which know the classes of the data that they were trained on */
    if (!status && run->options.valid.count)
        status = check_data(run, &run->options.valid, NNC_DATASET_MEASURE);
    if (!status && run->options.test.count)
        status = check_data(run, &run->options.test, NNC_DATASET_MEASURE);
    return status;
}
