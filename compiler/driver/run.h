/* One run of nnc: what was asked, the model, the data, and how the run ends. */
#ifndef NNC_DRIVER_RUN_H
#define NNC_DRIVER_RUN_H

#include "driver/network.h"
#include "driver/options.h"
#include "runtime/checkpoint.h"
#include "runtime/data/data.h"
#include "runtime/files.h"
#include "runtime/report.h"

typedef enum nnc_exit {
    NNC_EXIT_DONE = 0, NNC_EXIT_MODEL = 1, NNC_EXIT_USAGE = 2, NNC_EXIT_DATA = 3, NNC_EXIT_DIVERGED = 4, NNC_EXIT_REQUIRE = 5, NNC_EXIT_SYSTEM = 6,
    NNC_EXIT_FAULT = 70
} nnc_exit;

enum { NNC_SET_BATCH = 256 };        /* examples at a time when measuring, fitting and predicting */

typedef struct nnc_run {
    nnc_arena arena;
    nnc_options options;
    nnc_session session;             /* of the model */
    nnc_session *old;                /* of earlier elaborations: names of theirs are still in use */
    uint32_t olds, old_capacity;
    nnc_model *model;
    nnc_network *network;
    nnc_team *team;
    nnc_weights *weights;            /* the whole model's file, where one is used */
    nnc_dataset_want *want;          /* parallel to model->declaration */
    nnc_dataset_knowledge knowledge;
    nnc_dataset_report report;
    nnc_failure failure;
    nnc_outputs outputs;             /* what appears together at the end */
    const char **metric_name;        /* model->metrics */
} nnc_run;

/* Every function below gives NNC_EXIT_DONE, or prints what is wrong and gives the status to exit with. */

/* run.c */
nnc_exit nnc_run_options(nnc_run *run);
void nnc_say(nnc_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));     /* standard error, unless -q */
void nnc_warn(nnc_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
nnc_exit nnc_error(nnc_run *run, nnc_exit status, const char *format, ...) __attribute__((format(printf, 3, 4)));
nnc_exit nnc_add_text(nnc_run *run, const char *path, const char *text, size_t length);
nnc_exit nnc_commit_outputs(nnc_run *run);
nnc_exit nnc_open_team(nnc_run *run);
/* Compiles what is asked (NNC_PART_..) for this machine. */
nnc_exit nnc_build_network(nnc_run *run, int parts, int64_t train_batch);

/* `iris.nn:12`, or "" where the span is no place. */
const char *nnc_line_of(nnc_run *run, nnc_span span);

/* elaborate.c: run->model and run->want. Without run->knowledge class counts that the data would give are placeholders. */
nnc_exit nnc_elaborate_model(nnc_run *run);

/* paths.c: before any work: no file is both read and written or written twice (status 2), and each can be written (status 6). Needs run->model. */
nnc_exit nnc_check_paths(nnc_run *run);
const char *nnc_checkpoint_path(nnc_run *run);

/* dataset.c */
nnc_exit nnc_open_data(nnc_run *run, const nnc_paths *paths, nnc_dataset_role role, nnc_dataset **data);
nnc_exit nnc_end_report(nnc_run *run);                     /* prints what is reported; NNC_EXIT_DATA where there were errors */
nnc_examples nnc_examples_of(nnc_run *run, const nnc_dataset *data, const nnc_dataset_part *part);

/* weights.c */
const char *nnc_whole_weights(const nnc_run *run);         /* --weights FILE; NULL where it is not given */
nnc_exit nnc_load_weights(nnc_run *run);                   /* run->weights, knowledge and -D values from the file, then elaborates anew with them */
nnc_exit nnc_apply_weights(nnc_run *run);                  /* onto the network */
nnc_exit nnc_apply_named_weights(nnc_run *run);            /* --weights NAME=FILE */
void nnc_draw_initial(nnc_run *run);                       /* parameters and states */
void nnc_draw_optimizer(nnc_run *run);                     /* the optimizer's states */
nnc_checkpoint_keys nnc_metadata(nnc_run *run, uint64_t data_hash);
nnc_exit nnc_check_metadata(nnc_run *run, const nnc_checkpoint_keys *keys);   /* that a file can hold them: before training */
const char *nnc_default_weights(nnc_run *run);
nnc_exit nnc_add_weights(nnc_run *run, const nnc_checkpoint_keys *keys);   /* to the outputs, under the default name */

/* function.c: what each output computes: pairs `output.NAME` and a hash of its formulas; their number, run->model->outputs. */
uint32_t nnc_functions(nnc_run *run, const char **key, const char **value);
void nnc_warn_of_another_function(nnc_run *run);           /* where an output is not the one that run->weights was written with */

/* fits.c: computed from these examples into the persistent block. */
void nnc_run_fits(nnc_run *run, const nnc_examples *examples);
/* Warnings, to run->report, of columns that never change and that a fit reads. */
void nnc_warn_of_constants(nnc_run *run, const nnc_dataset *data);

/* measure.c */
/* Measures over the part and prints `name value` lines, and the confusion matrices of class targets on standard error. */
nnc_exit nnc_measure_and_print(nnc_run *run, const nnc_dataset *data, const nnc_dataset_part *part, double *results);
/* predictions.c: the table of predictions to its output. */
nnc_exit nnc_add_predictions(nnc_run *run, const nnc_dataset *data, const char *path);
/* require.c: results NULL: those of the memory and the size, before training; else those of metrics. */
nnc_exit nnc_check_required_names(nnc_run *run);           /* that there is such a value, and data to measure it on */
nnc_exit nnc_check_requirements(nnc_run *run, const double *results);

/* profile.c: has the training step's kernels timed; prints what they took. */
void nnc_profile_start(nnc_run *run);
void nnc_profile_print(nnc_run *run);

/* diverged.c: the first tensor of the training graph that is not a finite float for these examples with the network's present weights, in words; NULL where
 * all are. */
const char *nnc_first_broken(nnc_run *run, const nnc_examples *examples, const nnc_train_state *before, const int64_t *number, int64_t count);

/* values.c: --emit=values for the first example. */
/* Gives the network's slots to the interpreter of the model's program. */
void nnc_set_slots(nnc_run *run, nnc_interpreter *in);
nnc_exit nnc_add_values(nnc_run *run, const nnc_dataset *data, int64_t example, const char *path);
/* summary.c */
void nnc_print_summary(nnc_run *run);
char *nnc_summary_json(nnc_run *run);

/* look.c: outputs that need the model alone, or the network's parts. */
nnc_exit nnc_add_looks(nnc_run *run);

/* commands */
nnc_exit nnc_command_train(nnc_run *run);
nnc_exit nnc_command_use(nnc_run *run);                    /* --test, --predict, outputs of trained weights */
nnc_exit nnc_command_look(nnc_run *run);                   /* --emit of formulas and the like, the summary */
nnc_exit nnc_command_check(nnc_run *run);

/* export.c: prediction of one example as it is exported, for this machine (NULL: as C), without code. One plan whatever -O and the target are, so that one
 * header serves them all. NULL and *error where it cannot be. */
nnc_network *nnc_exported_network(nnc_run *run, const nnc_machine *machine, const char **error);
/* export.c: whether anything is to be exported; and whether it can be, told before training. */
bool nnc_exports(const nnc_options *options);
nnc_exit nnc_check_export(nnc_run *run);
/* C, header, objects of the trained network into the set of outputs. */
nnc_exit nnc_command_export(nnc_run *run, nnc_outputs *outputs);

#endif
