/* With trained weights: measure, predict, export. */
#include "driver/run.h"

/* --log without training: the one event that there is. */
static nnc_exit log_results(nnc_run *run, const double *results)
{
    nnc_log log;
    bool written = nnc_log_open(&log, run->options.log, false, run->metric_name, run->model->metrics, &run->failure) && nnc_log_test(&log, results, &run->failure);
    written = nnc_log_close(&log, written ? &run->failure : &(nnc_failure){""}) && written;
    return written ? NNC_EXIT_DONE : nnc_error(run, NNC_EXIT_SYSTEM, "%s", run->failure.text);
}

static nnc_exit test(nnc_run *run)
{
    nnc_dataset *data;
    nnc_dataset_part part;
    double *results = NNC_ARRAY(&run->arena, double, run->network->measure->values.results + 1);
    nnc_exit status = nnc_open_data(run, &run->options.test, NNC_DATASET_MEASURE, &data);
    if (status)
        return status;
    if (!nnc_dataset_all(&run->arena, data, 0, &part, &run->report))
        return nnc_end_report(run);
    status = nnc_measure_and_print(run, data, &part, results);
    if (!status)
        status = log_results(run, results);
    if (!status && nnc_options_wants(&run->options, NNC_OUTPUT_VALUES))
        for (uint32_t i = 0; !status && i < run->options.outputs; i++)
            if (run->options.output[i].kind == NNC_OUTPUT_VALUES)
                status = nnc_add_values(run, data, part.number[0], run->options.output[i].path);
    return status ? status : nnc_check_requirements(run, results);
}

static nnc_exit predict(nnc_run *run)
{
    nnc_dataset *data;
    nnc_exit status = nnc_open_data(run, &run->options.predict, NNC_DATASET_PREDICT, &data);
    bool any = nnc_options_wants(&run->options, NNC_OUTPUT_PREDICTIONS);
    if (!status && !any)
        return nnc_add_predictions(run, data, "-");
    for (uint32_t i = 0; !status && i < run->options.outputs; i++)
        if (run->options.output[i].kind == NNC_OUTPUT_PREDICTIONS)
            status = nnc_add_predictions(run, data, run->options.output[i].path);
    return status;
}

static nnc_exit prepare(nnc_run *run)
{
    int parts = (run->options.test.count ? NNC_PART_MEASURE : 0) | NNC_PART_PREDICT;
    nnc_exit status = nnc_elaborate_model(run);
    if (!status)
        status = nnc_check_paths(run);
    if (!status)
        status = nnc_check_required_names(run);
    if (!status)
        status = nnc_load_weights(run);
    if (!status)
        status = nnc_open_team(run);
    if (!status)
        status = nnc_build_network(run, parts, 1);
    if (!status)
        status = nnc_apply_weights(run);
    if (!status)
        nnc_warn_of_another_function(run);
    return status ? status : nnc_apply_named_weights(run);
}

static nnc_exit add_outputs(nnc_run *run)
{
    nnc_exit status = run->options.predict.count ? predict(run) : NNC_EXIT_DONE;
    if (!status && nnc_options_wants(&run->options, NNC_OUTPUT_WEIGHTS)) {
        const nnc_checkpoint_keys keys = nnc_metadata(run, 0);
        status = nnc_add_weights(run, &keys);
    }
    if (!status)
        status = nnc_command_export(run, &run->outputs);
    return status ? status : nnc_add_looks(run);
}

nnc_exit nnc_command_use(nnc_run *run)
{
    nnc_exit status = prepare(run);
    if (!status)
        status = nnc_check_requirements(run, NULL);
    if (!status && run->options.test.count)
        status = test(run);
    if (!status)
        status = add_outputs(run);
    if (!status && !run->options.outputs && !run->options.test.count && !run->options.predict.count)
        nnc_print_summary(run);
    return status ? status : nnc_commit_outputs(run);
}
