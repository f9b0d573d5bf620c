/* One run of nnc: what was asked, the model, the data, and how the run ends. */
#ifndef NNC_DRIVER_RUN_H
#define NNC_DRIVER_RUN_H

#include <setjmp.h>
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

typedef struct nnc_run {
    nnc_arena arena;
    nnc_options options;
    nnc_session session;
    nnc_model *model;
    nnc_network *network;
    nnc_team *team;
    nnc_weights *weights;            /* the whole model's file, where one is used */
    nnc_dataset_want *want;          /* parallel to model->declaration */
    nnc_dataset_knowledge knowledge;
    nnc_dataset_report report;
    nnc_failure failure;
} nnc_run;

/* Every function below gives NNC_EXIT_DONE, or prints what is wrong and gives the status to exit with. */

/* run.c */
void nnc_say(nnc_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));     /* standard error, unless -q */
nnc_exit nnc_error(nnc_run *run, nnc_exit status, const char *format, ...) __attribute__((format(printf, 3, 4)));
nnc_exit nnc_emit_text(nnc_run *run, const char *path, const char *text, size_t length);
int nnc_default_threads(const nnc_run *run);

/* elaborate.c: run->model and run->want. knowledge NULL: class counts that the data would give are placeholders. */
nnc_exit nnc_elaborate_model(nnc_run *run);

/* dataset.c */
nnc_exit nnc_open_data(nnc_run *run, const nnc_paths *paths, nnc_dataset_role role, nnc_dataset **data);
nnc_exit nnc_end_report(nnc_run *run);                     /* prints what is reported; NNC_EXIT_DATA where there were errors */
nnc_examples nnc_examples_of(nnc_run *run, const nnc_dataset *data, const nnc_dataset_part *part);

/* weights.c */
nnc_exit nnc_load_weights(nnc_run *run);                   /* run->weights, knowledge and -D values from the file, before elaboration */
nnc_exit nnc_apply_weights(nnc_run *run);                  /* onto the network */
nnc_exit nnc_apply_named_weights(nnc_run *run);            /* --weights NAME=FILE */
void nnc_draw_initial(nnc_run *run);
nnc_checkpoint_keys nnc_metadata(nnc_run *run, uint64_t data_hash);
const char *nnc_default_weights(nnc_run *run);

/* commands */
nnc_exit nnc_command_train(nnc_run *run);
nnc_exit nnc_command_use(nnc_run *run);                    /* --test, --predict, outputs of trained weights */
nnc_exit nnc_command_look(nnc_run *run);                   /* --emit of formulas and the like, the summary */
nnc_exit nnc_check_requirements(nnc_run *run, const double *results, bool before);
nnc_exit nnc_measure_and_print(nnc_run *run, const nnc_dataset *data, const nnc_dataset_part *part, double *results);

/* export.c: C, header, objects of the trained network into the set of outputs. */
nnc_exit nnc_command_export(nnc_run *run, nnc_outputs *outputs);

#endif
