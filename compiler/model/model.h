/* The elaborator: from syntax trees to formulas. Looks up every name, makes every layer instance, works out every shape and index
 * range, proves every read inside its bounds. The last place where a user's error can arise.
 *
 * One model is elaborated twice into one program, with `training` true and false; parameters, states, fits and inputs are shared between the
 * two. What each user of the program needs is found from the roots given here, and extracted (nnc_extract). Tensors that depend on the example
 * have the batch as slot 0. A formula of the training graph keeps its plain name (`h`, `dense_1.s`); one of the other graph gets
 * a suffix where the name is taken.
 *
 * Everything lives in the session's arena. */
#ifndef NNC_MODEL_MODEL_H
#define NNC_MODEL_MODEL_H

#include "formula/formula.h"
#include "syntax/syntax.h"

/* ---- what is asked ---- */

typedef struct nnc_define_value { const char *name, *value; bool used; } nnc_define_value;   /* -D NAME=VALUE */

typedef struct nnc_model_request {
    const char *path;                       /* the model's file, for messages and for `use` */
    const char *text;                       /* its text where it was read already (a weights file's); NULL: read `path` */
    const char *const *library_name;        /* the embedded library: names, texts (each an outline's file, syntax.h); entries end with NULL */
    const char *const *library_text;
    nnc_define_value *define;
    uint32_t defines;
    const char *const *recipe_line;         /* -R lines, each in place of the file's line of the same first word */
    uint32_t recipe_lines;
    /* How many classes a declaration has whose count comes from the data; 0: not known yet, `assumed_classes` of them are assumed. */
    int64_t (*class_count)(void *context, const char *declaration);
    void *context;
    int64_t assumed_classes;                /* 0: 3 */
    int64_t *suggested_classes;             /* not NULL: where the count assumed met another, that other, else untouched */
    /* Reads a file's text into the arena for `use` and the model itself; NULL and a reason where it cannot be read. */
    const char *(*read_file)(void *context, nnc_arena *arena, const char *path, size_t *length, const char **reason);
} nnc_model_request;

/* ---- what comes back ---- */

typedef enum nnc_class_kind { NNC_CLASS_NONE, NNC_CLASS_COUNT, NNC_CLASS_FROM_DATA } nnc_class_kind;

typedef struct nnc_declaration {            /* input or target */
    const char *name;
    nnc_span span;
    bool target;
    uint32_t rank;
    int64_t extent[NNC_MAX_RANK];           /* of one example; rank 0 is a scalar */
    int64_t rows, rows_from;                /* axis 0 runs along rows of the data; rows is 0 where it does not */
    nnc_class_kind class_kind;
    int64_t classes;                        /* the count, or the assumed one */
    const char *else_class;                 /* what is missing or unseen is this class; NULL for none */
    const char *const *column;              /* `from` */
    uint32_t columns;
    bool allows_missing;                    /* every read stands under a `missing` of it */
    nnc_tensor_id tensor;                   /* INPUT: [batch, extent..]. An augmented one is the formula `augmented` in the training graph */
    bool needed_for_outputs;
} nnc_declaration;

typedef enum nnc_init_kind { NNC_INIT_CONSTANT, NNC_INIT_NORMAL, NNC_INIT_UNIFORM, NNC_INIT_ORTHOGONAL, NNC_INIT_TENSOR } nnc_init_kind;

typedef struct nnc_initial {
    nnc_init_kind kind;
    double a, b;                            /* value; mean, std; low, high; gain */
    nnc_tensor_id tensor;                   /* TENSOR: a formula of constants and fits */
} nnc_initial;

typedef struct nnc_parameter {
    const char *name;                       /* `enc.w`, `dense_1.w` */
    nnc_span span;
    nnc_tensor_id tensor;
    nnc_initial initial;
    bool drawn;                             /* made with ~ */
    bool trained;                           /* the training loss depends on it other than through stop_gradient */
} nnc_parameter;

typedef struct nnc_model_state { const char *name; nnc_tensor_id tensor; nnc_initial initial; } nnc_model_state;

typedef struct nnc_model_fit {
    const char *name;
    nnc_span span;
    nnc_tensor_id tensor;                   /* FIT */
    nnc_tensor_id definition;               /* the formula (with DATA reductions over inputs, targets, constants, earlier fits) that gives its value */
} nnc_model_fit;

typedef struct nnc_model_output {
    const char *name;
    nnc_span span;
    nnc_tensor_id tensor;                   /* of the graph with training false; [batch, ..], or without the batch where it depends on no input */
    int32_t classes_of;                     /* declaration whose classes its last dimension, or its class, stands for; -1 none */
} nnc_model_output;

typedef struct nnc_model_metric {
    const char *name;
    nnc_span span;
    nnc_tensor_id tensor;                   /* rank 0, with DATA reductions: the value over the set being measured (a metric without `data` is wrapped in its mean) */
} nnc_model_metric;

typedef struct nnc_instance {               /* a line of the summary, once for each instance */
    const char *path;                       /* `dense_1`; "" for the model's own parameters */
    const char *kind;                       /* the definition's name */
    nnc_span span;
    nnc_tensor_id result;                   /* a tensor of its (first) result's shape, 0 where it is none */
} nnc_instance;

typedef struct nnc_named { const char *name; nnc_span span; nnc_tensor_id tensor; } nnc_named;

typedef struct nnc_recipe {
    int64_t epochs, steps;                  /* steps > 0 takes its place */
    int64_t batch;                          /* 0: all */
    int64_t measure_epochs, measure_steps;  /* one of them > 0 */
    double validate, test;                  /* fractions */
    int64_t validate_fold, validate_folds, test_fold, test_folds;   /* fold(i, n), i from 1; n = 0: none */
    int64_t patience;                       /* 0: none */
    double clip;                            /* 0: none */
    uint64_t seed;
    bool shuffle;
    int64_t stride;
} nnc_recipe;

typedef struct nnc_elaborator nnc_elaborator;   /* keeps what nnc_model_update needs */

typedef struct nnc_model {
    const char *name;                       /* the word after `model` */
    const char *text;                       /* of the file, for the weights' metadata */
    nnc_session *session;
    nnc_program *program;
    nnc_elaborator *elaborator;
    int64_t assumed_classes;                /* where the data decides how many there are; 0: all counts are known */
    nnc_declaration *declaration; uint32_t declarations;
    const char **ignored; uint32_t ignoreds;
    nnc_parameter *parameter; uint32_t parameters;      /* in order of making, training graph first */
    nnc_model_state *state; uint32_t states;            /* STATE tensors of the model; in the training graph `next` is set */
    nnc_model_fit *fit; uint32_t fits;                  /* in order of dependence */
    nnc_tensor_id loss;                     /* rank 0, training graph: the mean over the minibatch */
    nnc_tensor_id measured_loss;            /* rank 0, training false, with a DATA mean */
    nnc_model_output *output; uint32_t outputs;
    nnc_model_metric *metric; uint32_t metrics;
    nnc_named *named; uint32_t nameds;                  /* the model body's own names, training graph, for --emit=values */
    nnc_instance *instance; uint32_t instances;
    nnc_define_value *let; uint32_t lets;               /* every `let` of the file (not the library) that is a number, with its value as text */
    nnc_recipe recipe;
} nnc_model;

/* Elaborates. NULL where there were errors (all reported to the session). Warnings are reported too. */
nnc_model *nnc_model_elaborate(nnc_session *session, const nnc_model_request *request);

/* Elaborates the recipe's optimizer for one trained parameter: defines its formulas and STATE tensors (named `optimizer.PARAMETER.STATE`, with
 * `next` set) in model->program and sets the parameter's `next`. `gradient` is a formula of the parameter's shape. States are appended to
 * *states (in the arena). False where an error was reported (only the first parameter's elaboration can: shapes). */
bool nnc_model_update(nnc_model *model, uint32_t parameter, nnc_tensor_id gradient, nnc_model_state **states, uint32_t *state_count);

/* The value of the optimizer's setting called `rate` as a scalar over step and epoch, or 0: for the log. */
nnc_ref nnc_model_rate(nnc_model *model);

/* The summary's tables of names as text, for --emit=model: declarations, instances with shapes, parameters, outputs, recipe. */
void nnc_model_print(const nnc_model *model, nnc_text *out);

#endif
