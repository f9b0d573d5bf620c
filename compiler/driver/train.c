/* --train: from the data to the weights. */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "driver/run.h"
#include "base/clock.h"
#include "formula/interpret.h"

static volatile sig_atomic_t interrupted;    /* the signal; a handler can reach nothing else */

static void interrupt(int signal_number)
{
    if (interrupted)
        _exit(128 + signal_number);
    interrupted = signal_number;
}

typedef struct trainer {
    nnc_run *run;
    nnc_dataset *data, *valid_data, *test_data;
    nnc_dataset_parts part;          /* of data; valid and test may be of their own files */
    nnc_examples train, valid;
    bool has_valid, has_test;
    nnc_training training;
    nnc_train_state state;
    nnc_checkpoint_keys keys;
    const char *checkpoint;
    double written;                  /* when the last checkpoint was */
    nnc_log log;
    nnc_progress progress;
    bool resumed;
    const char *broken;              /* what was not finite first, where training diverged */
    nnc_ref rate;
} trainer;

/* ---- data ---- */

static void warn_of_common_rows(nnc_run *run, const nnc_dataset *train, const nnc_dataset *other, const char *flag)
{
    int64_t common = nnc_dataset_common(&run->arena, train, other);
    if (common)
        nnc_warn(run, "%lld of the rows of %s are in the training data too", (long long)common, flag);
}

static nnc_exit open_other(trainer *t, const nnc_paths *paths, const char *flag, nnc_dataset **data, nnc_dataset_part *part)
{
    nnc_exit status = nnc_open_data(t->run, paths, NNC_DATASET_MEASURE, data);
    if (status)
        return status;
    warn_of_common_rows(t->run, t->data, *data, flag);
    if (!nnc_dataset_all(&t->run->arena, *data, 0, part, &t->run->report))
        return nnc_end_report(t->run);
    return NNC_EXIT_DONE;
}

static nnc_exit divide(trainer *t)
{
    nnc_run *run = t->run;
    const nnc_recipe *r = &run->model->recipe;
    nnc_dataset_share validate = {r->validate, r->validate_fold, r->validate_folds}, test = {r->test, r->test_fold, r->test_folds}, none = {0};
    if (run->options.valid.count)
        validate = none;
    if (run->options.test.count)
        test = none;
    if (!nnc_dataset_divide(&run->arena, t->data, validate, test, r->seed, r->stride, &t->part, &run->report))
        return nnc_end_report(run);
    nnc_exit status = NNC_EXIT_DONE;
    t->valid_data = t->test_data = t->data;
    if (run->options.valid.count)
        status = open_other(t, &run->options.valid, "--valid", &t->valid_data, &t->part.valid);
    if (!status && run->options.test.count)
        status = open_other(t, &run->options.test, "--test", &t->test_data, &t->part.test);
    t->has_valid = t->part.valid.count > 0;
    t->has_test = t->part.test.count > 0;
    return status;
}

static nnc_exit open_training_data(trainer *t)
{
    nnc_run *run = t->run;
    nnc_exit status = nnc_open_data(run, &run->options.train, NNC_DATASET_TRAIN, &t->data);
    if (status)
        return status;
    run->knowledge = nnc_dataset_knowledge_of(&run->arena, t->data);
    if (run->model->assumed_classes && (status = nnc_elaborate_model(run)))
        return status;
    nnc_say(run, "%s", nnc_dataset_columns_line(&run->arena, t->data));
    nnc_warn_of_constants(run, t->data);
    if ((status = divide(t)))
        return status;
    t->train = nnc_examples_of(run, t->data, &t->part.train);
    if (t->has_valid)
        t->valid = nnc_examples_of(run, t->valid_data, &t->part.valid);
    return nnc_end_report(run);
}

/* ---- what goes on while training ---- */

static double rate(void *context, double step, double steps, double epoch, double epochs)
{
    trainer *t = context;
    nnc_arena scratch;
    nnc_arena_open(&scratch, t->run->arena.failed, t->run->arena.failed_context);
    nnc_interpreter *in = nnc_interpreter_new(&scratch, t->run->model->program, 1);
    in->step = step;
    in->steps = steps;
    in->epoch = epoch;
    in->epochs = epochs;
    double value = nnc_interpreter_scalar(in, t->rate);
    nnc_arena_close(&scratch);
    return value;
}

static void show(void *context, const nnc_train_state *state) { nnc_progress_live(&((trainer *)context)->progress, state); }

static bool write_checkpoint(trainer *t, const nnc_train_state *state)
{
    nnc_arena scratch;
    size_t size;
    nnc_arena_open(&scratch, t->run->arena.failed, t->run->arena.failed_context);
    const void *bytes = nnc_checkpoint_bytes(&scratch, t->run->network->slot, t->run->network->slots, &t->training, state, &t->keys, &size);
    bool written = nnc_file_replace(&scratch, t->checkpoint, bytes, size, &t->run->failure);
    nnc_arena_close(&scratch);
    t->written = nnc_now();
    return written;
}

enum { SECONDS_BETWEEN_CHECKPOINTS = 10 };

static bool at_measure(void *context, const nnc_train_state *state, const nnc_measures *m)
{
    trainer *t = context;
    bool due = t->run->options.checkpoint || nnc_now() - t->written >= SECONDS_BETWEEN_CHECKPOINTS;
    nnc_progress_measure(&t->progress, m);
    if (!nnc_log_measure(&t->log, m, &t->run->failure))
        return false;
    if (due && !write_checkpoint(t, state))
        nnc_warn(t->run, "%s; training goes on without it", t->run->failure.text);
    return true;
}

static void look_at_divergence(void *context, const nnc_train_state *before, const int64_t *number, int64_t count)
{
    trainer *t = context;
    t->broken = nnc_first_broken(t->run, &t->train, before, number, count);
}

/* ---- setting up ---- */

static const char *differing_key(const nnc_weights *file, const nnc_checkpoint_keys *keys)
{
    static const char *const compared[] = {"model", "text", "seed", "data", "given", NULL};
    for (int i = 0; compared[i]; i++) {
        const char *there = nnc_weights_key(file, compared[i]), *here = NULL;
        for (uint32_t k = 0; k < keys->count; k++)
            if (strcmp(keys->key[k], compared[i]) == 0)
                here = keys->value[k];
        if (!there || !here || strcmp(there, here) != 0)
            return compared[i];
    }
    return NULL;
}

static const char *difference(const char *key)
{
    return strcmp(key, "seed") == 0 ? "another seed" : strcmp(key, "data") == 0 ? "other data" : strcmp(key, "given") == 0 ? "other -R or -D" : "another model text";
}

/* Goes on from the checkpoint where there is one; true in *resumed. */
static nnc_exit resume(trainer *t)
{
    nnc_run *run = t->run;
    nnc_text differs = {.arena = &run->arena};
    if (access(t->checkpoint, F_OK) != 0) {
        nnc_say(run, "nnc: there is no %s to resume from: training starts anew", t->checkpoint);
        return NNC_EXIT_DONE;
    }
    nnc_weights *file = nnc_weights_read(&run->arena, t->checkpoint, &run->failure);
    if (!file)
        return nnc_error(run, NNC_EXIT_DATA, "%s", run->failure.text);
    const char *key = differing_key(file, &t->keys);
    if (key)
        return nnc_error(run, NNC_EXIT_DATA, "%s: cannot resume: it was made with %s", t->checkpoint, difference(key));
    if (!nnc_checkpoint_restore(file, run->network->slot, run->network->slots, &t->training, &t->state, &differs)) {
        nnc_error(run, NNC_EXIT_DATA, "%s: cannot resume", t->checkpoint);
        fputs(nnc_text_string(&differs), stderr);
        return NNC_EXIT_DATA;
    }
    if (t->state.step > t->state.total_steps)
        return nnc_error(run, NNC_EXIT_DATA, "%s: cannot resume: it is at step %lld already, and this run ends at step %lld", t->checkpoint, (long long)t->state.step,
                         (long long)t->state.total_steps);
    t->resumed = true;
    nnc_say(run, "nnc: resumed from %s at epoch %lld, step %lld", t->checkpoint, (long long)t->state.epoch, (long long)t->state.step);
    return NNC_EXIT_DONE;
}

/* An earlier run's checkpoint is kept under another name. */
static nnc_exit set_aside(trainer *t)
{
    const char *aside = nnc_arena_format(&t->run->arena, "%s~", t->checkpoint);
    if (access(t->checkpoint, F_OK) != 0)
        return NNC_EXIT_DONE;
    if (rename(t->checkpoint, aside) != 0)
        return nnc_error(t->run, NNC_EXIT_SYSTEM, "%s: cannot be renamed to %s", t->checkpoint, aside);
    nnc_say(t->run, "nnc: an earlier run's %s is now %s (to go on with it: --resume --checkpoint %s)", t->checkpoint, aside, aside);
    return NNC_EXIT_DONE;
}

static uint32_t kept_slots(const nnc_network *n, nnc_slot *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->slots; i++)
        if (n->slot[i].role == NNC_SLOT_PARAMETER || n->slot[i].role == NNC_SLOT_STATE)
            out[count++] = n->slot[i];
    return count;
}

static int argument_of(const nnc_part *part, uint32_t output)
{
    uint32_t inputs = 0;
    while (!part->step.argument[inputs].output)
        inputs++;
    return (int)(inputs + output);
}

static void set_training(trainer *t, int64_t batch)
{
    nnc_run *run = t->run;
    const nnc_recipe *r = &run->model->recipe;
    nnc_network *n = run->network;
    nnc_slot *kept = NNC_ARRAY(&run->arena, nnc_slot, n->slots + 1);
    t->rate = nnc_model_rate(run->model);
    t->training = (nnc_training){.step = &n->train->step, .loss = argument_of(n->train, 0), .norm = n->has_norm ? argument_of(n->train, 1) : -1,
                                 .slot = kept, .slots = kept_slots(n, kept), .all = n->slot, .alls = n->slots, .persistent = n->persistent, .measured = &n->measure->values,
                                 .metrics = run->model->metrics, .train = &t->train, .valid = t->has_valid ? &t->valid : NULL,
                                 .train_metrics = !t->has_valid || run->options.log, .epochs = r->epochs, .steps = r->steps, .batch = batch,
                                 .measure_epochs = r->measure_epochs, .measure_steps = r->measure_steps, .patience = r->patience, .seed = r->seed,
                                 .shuffle = r->shuffle, .team = run->team, .rate = t->rate ? rate : NULL, .interrupted = &interrupted, .progress = show,
                                 .at_measure = at_measure, .diverged = look_at_divergence, .context = t};
    t->state = nnc_train_open(&run->arena, &t->training);
}

static nnc_exit start_weights(trainer *t)
{
    nnc_run *run = t->run;
    nnc_exit status = nnc_apply_weights(run);
    if (status)
        return status;
    if (!run->weights)
        nnc_run_fits(run, &t->train);
    nnc_draw_initial(run);             /* may read fits */
    status = nnc_apply_weights(run);
    if (!status && run->weights)
        nnc_warn_of_another_function(run);
    if (!status)
        status = nnc_apply_named_weights(run);
    nnc_draw_optimizer(run);           /* may read parameters */
    return status;
}

/* The validation's own files matter too: by them the best weights are chosen. */
static uint64_t data_hash(const trainer *t)
{
    uint64_t hash = nnc_dataset_hash(t->data);
    return t->run->options.valid.count ? hash * 0x9E3779B97F4A7C15u ^ nnc_dataset_hash(t->valid_data) : hash;
}

/* The programs that this run is made of. Outputs are computed for a test's table of classes alone, and looked at before an export. */
static int parts_of(const trainer *t)
{
    bool outputs = t->has_test || nnc_exports(&t->run->options);
    return NNC_PART_TRAIN | NNC_PART_FITS | NNC_PART_MEASURE | (outputs ? NNC_PART_PREDICT : 0) | (t->run->options.log ? NNC_PART_NORM : 0);
}

static nnc_exit set_up(trainer *t)
{
    nnc_run *run = t->run;
    int64_t count = t->part.train.count, batch = run->model->recipe.batch;
    batch = batch == 0 || batch > count ? count : batch;
    nnc_exit status = nnc_open_team(run);
    if (!status)
        status = nnc_build_network(run, parts_of(t), batch);
    if (!status)
        status = nnc_check_export(run);
    if (!status)
        status = nnc_check_requirements(run, NULL);
    if (!status)
        status = start_weights(t);
    if (status)
        return status;
    set_training(t, batch);
    t->keys = nnc_metadata(run, data_hash(t));
    t->checkpoint = nnc_checkpoint_path(run);
    if ((status = nnc_check_metadata(run, &t->keys)))
        return status;
    status = run->options.resume ? resume(t) : set_aside(t);
    if (status)
        return status;
    if (!nnc_log_open(&t->log, run->options.log, t->resumed, run->metric_name, run->model->metrics, &run->failure))
        return nnc_error(run, NNC_EXIT_SYSTEM, "%s", run->failure.text);
    t->progress = nnc_progress_open(run->options.quiet ? NULL : stderr, run->options.color, run->metric_name, run->model->metrics, &t->training, &t->state);
    return NNC_EXIT_DONE;
}

/* ---- the end ---- */

static nnc_exit test(trainer *t, double *results)
{
    nnc_exit status = nnc_measure_and_print(t->run, t->test_data, &t->part.test, results);
    if (!status && !nnc_log_test(&t->log, results, &t->run->failure))
        status = nnc_error(t->run, NNC_EXIT_SYSTEM, "%s", t->run->failure.text);
    return status;
}

static nnc_exit requirements(trainer *t, double *results)
{
    nnc_run *run = t->run;
    if (!run->options.requires)
        return NNC_EXIT_DONE;
    if (!t->has_test) {
        nnc_measurer measurer = nnc_measurer_new(&run->arena, run->team, &run->network->measure->values, run->network->persistent);
        nnc_measure(&measurer, t->has_valid ? &t->valid : &t->train, results);
    }
    return nnc_check_requirements(run, results);
}

static nnc_exit add_outputs(trainer *t)
{
    nnc_run *run = t->run;
    nnc_exit status = nnc_command_export(run, &run->outputs);
    if (!status)
        status = nnc_add_looks(run);
    for (uint32_t i = 0; !status && i < run->options.outputs; i++)
        if (run->options.output[i].kind == NNC_OUTPUT_VALUES)
            status = nnc_add_values(run, t->data, t->part.train.number[0], run->options.output[i].path);
    return status;
}

/* What was asked for, all of it or, after an unmet requirement (in *required), the weights alone. */
static nnc_exit write_results(trainer *t, nnc_exit *required)
{
    nnc_run *run = t->run;
    double *results = NNC_ARRAY(&run->arena, double, run->network->measure->values.results + 1);
    nnc_exit status = t->has_test ? test(t, results) : NNC_EXIT_DONE;
    if (status)
        return status;
    *required = requirements(t, results);
    status = nnc_add_weights(run, &t->keys);
    if (!status && !*required)
        status = add_outputs(t);
    return status ? status : nnc_commit_outputs(run);
}

/* Where results cannot be written, what was trained is kept if there is any place for it. */
static void keep_trained(trainer *t)
{
    nnc_outputs_drop(&t->run->outputs);
    if (write_checkpoint(t, &t->state))
        fprintf(stderr, "  help: the training is kept in %s; the same command with --resume goes on from there\n", t->checkpoint);
}

static nnc_exit finish(trainer *t)
{
    nnc_exit required = NNC_EXIT_DONE, status = write_results(t, &required);
    if (status)
        keep_trained(t);
    else if (!t->run->options.checkpoint)
        unlink(t->checkpoint);
    return status ? status : required;
}

static nnc_exit stopped(trainer *t)
{
    int number = interrupted;
    if (!write_checkpoint(t, &t->state))
        return nnc_error(t->run, NNC_EXIT_SYSTEM, "%s", t->run->failure.text);
    fprintf(stderr, "nnc: interrupted at step %lld; saved to %s; go on with the same command and --resume\n", (long long)t->state.step, t->checkpoint);
    return (nnc_exit)(128 + number);
}

/* "the loss became NaN", or what else ended the training. */
static const char *divergence(const trainer *t, const nnc_train_end *end)
{
    bool at_step = !isfinite(t->state.last_loss);
    double loss = at_step ? t->state.last_loss : end->last.valid_loss;
    if (end->broken)
        return nnc_arena_format(&t->run->arena, "%s became NaN or infinite, though not the loss,", end->broken->name);
    return nnc_arena_format(&t->run->arena, "the %sloss became %s", at_step ? "" : "validation ", isnan(loss) ? "NaN" : "infinite");
}

static nnc_exit diverged(trainer *t, const nnc_train_end *end)
{
    nnc_run *run = t->run;
    double an_epoch = ceil((double)t->train.count / (double)t->training.batch);
    nnc_error(run, NNC_EXIT_DIVERGED, "%s %s step %lld (epoch %.0f)", divergence(t, end), end->broken ? "by" : "at", (long long)end->diverged_step,
              floor((double)(end->diverged_step - 1) / an_epoch) + 1);
    if (t->broken)
        fprintf(stderr, "  %s\n", t->broken);
    fprintf(stderr, "  help: a smaller rate, `clip 1` in the recipe, or standardized inputs; %s\n",
            end->good_step ? "the last good weights are kept" : "nothing was measured before, so no weights are written");
    if (!end->good_step)
        return NNC_EXIT_DIVERGED;
    nnc_exit status = nnc_add_weights(run, &t->keys);
    if (!status)
        status = nnc_commit_outputs(run);
    return status ? status : NNC_EXIT_DIVERGED;
}

static nnc_exit run_training(trainer *t)
{
    nnc_run *run = t->run;
    struct sigaction action = {.sa_handler = interrupt}, old_int, old_term;
    sigaction(SIGINT, &action, &old_int);
    sigaction(SIGTERM, &action, &old_term);
    t->written = nnc_now();
    if (run->options.profile)
        nnc_profile_start(run);
    nnc_train_end end = nnc_train(&run->arena, &t->training, &t->state);
    nnc_progress_clear(&t->progress);
    if (run->options.profile)
        nnc_profile_print(run);
    nnc_exit logged = NNC_EXIT_DONE, status = NNC_EXIT_DONE;
    if (end.stop == NNC_STOP_FAILED || !nnc_log_end(&t->log, &end, &t->state, &run->failure))
        logged = nnc_error(run, NNC_EXIT_SYSTEM, "%s", run->failure.text);
    switch (end.stop) {
    case NNC_STOP_FAILED: keep_trained(t); break;
    case NNC_STOP_INTERRUPTED: status = stopped(t); break;
    case NNC_STOP_DIVERGED: status = diverged(t, &end); break;
    case NNC_STOP_EPOCHS: case NNC_STOP_PATIENCE: status = finish(t); break;
    }
    status = status ? status : logged;
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    if (!nnc_log_close(&t->log, &run->failure) && !status)
        status = nnc_error(run, NNC_EXIT_SYSTEM, "%s", run->failure.text);
    return status;
}

nnc_exit nnc_command_train(nnc_run *run)
{
    trainer *t = NNC_NEW(&run->arena, trainer);
    t->run = run;
    t->log.descriptor = -1;
    nnc_exit status = nnc_elaborate_model(run);
    if (!status)
        status = nnc_check_paths(run);
    if (!status)
        status = nnc_check_required_names(run);
    if (!status && nnc_whole_weights(run))
        status = nnc_load_weights(run);
    if (!status)
        status = open_training_data(t);
    if (!status)
        status = set_up(t);
    return status ? status : run_training(t);
}
