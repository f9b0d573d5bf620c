/* The training loop: minibatches, measures, early stopping, divergence, interruption. It knows a step and sets of examples, and no model. */
#ifndef NNC_RUNTIME_TRAIN_H
#define NNC_RUNTIME_TRAIN_H

#include <signal.h>
#include "runtime/examples.h"

struct nnc_train_state;
struct nnc_measures;

typedef struct nnc_training {
    const nnc_step *step;
    int loss, norm;                 /* the step's arguments that hold the loss and the gradient's norm; norm is -1 where it is not computed */
    const nnc_slot *slot;           /* what best copies hold: parameters and states */
    uint32_t slots;
    const nnc_slot *all;            /* every slot that a step changes, the optimizer's too; 0 of them: `slot` */
    uint32_t alls;
    void *persistent;
    const nnc_set_values *measured; /* results: the loss, then metrics */
    uint32_t metrics;
    const nnc_examples *train, *valid;   /* valid: NULL for none */
    bool train_metrics;             /* measure the metrics on the training set too */
    int64_t epochs, steps;          /* steps > 0 takes epochs' place */
    int64_t batch;
    int64_t measure_epochs, measure_steps;   /* one of them > 0 */
    int64_t patience;               /* measures without a better validation loss; 0: never */
    uint64_t seed;
    bool shuffle;
    nnc_team *team;
    double (*rate)(void *context, double step, double steps, double epoch, double epochs);   /* NULL: not known */
    const volatile sig_atomic_t *interrupted;
    /* Called every tenth of a second or so while training: for a live line. */
    void (*progress)(void *context, const struct nnc_train_state *state);
    /* Called at each measure. False stops the run as if interrupted (the log or the checkpoint could not be written). */
    bool (*at_measure)(void *context, const struct nnc_train_state *state, const struct nnc_measures *measures);
    /* Called once where a step's loss is not finite, with that step's examples; the persistent block is as it was before the step. May be NULL. */
    void (*diverged)(void *context, const struct nnc_train_state *before, const int64_t *number, int64_t count);
    void *context;
} nnc_training;

typedef enum nnc_stop { NNC_STOP_EPOCHS, NNC_STOP_PATIENCE, NNC_STOP_INTERRUPTED, NNC_STOP_DIVERGED, NNC_STOP_FAILED } nnc_stop;

/* What stands at a measure. NaN where something was not measured. */
typedef struct nnc_measures {
    double epoch;                   /* epochs so far, with the fraction */
    int64_t step;
    double loss;                    /* mean over the examples since the measure before */
    double valid_loss;
    const double *metric, *valid_metric;    /* [metrics] */
    double rate, norm;
    double seconds;                 /* of training and measuring since the run began */
    double samples_per_second;      /* of training, since the measure before */
    bool best;
} nnc_measures;

/* Where a run is: all of it that is not in the persistent block; a checkpoint keeps both. */
typedef struct nnc_train_state {
    int64_t step;                   /* updates so far */
    int64_t epoch, at;              /* epochs done; examples of the present one done */
    double loss_sum;                /* since the last measure */
    int64_t loss_count;
    double best_loss;
    int64_t best_step, waits;       /* measures since the best */
    double best_epoch;
    bool has_best;
    void *best;                     /* the slots' bytes at the best measure, in order; made by nnc_train_open, where patience may want them; else NULL */
    double last_loss;               /* of the latest step */
    int64_t total_steps;
    double epochs;                  /* in all */
} nnc_train_state;

typedef struct nnc_train_end {
    nnc_stop stop;
    int64_t diverged_step;
    const nnc_slot *broken;         /* what the run diverged by where every loss was finite: a parameter that is not */
    int64_t good_step;              /* of the last measure that was finite; 0: there was none, and what is kept is what training began with */
    nnc_measures last;              /* the last measure's values (NaN where there was none), and where the run ended */
} nnc_train_end;

/* Buffers for a run; fills total_steps and epochs. A resumed run sets the state's other fields before nnc_train. */
nnc_train_state nnc_train_open(nnc_arena *arena, const nnc_training *t);
/* Runs until an end. The persistent block then holds the best weights where patience is set, the last good ones after divergence, else the last. */
nnc_train_end nnc_train(nnc_arena *arena, const nnc_training *t, nnc_train_state *state);

/* The slots' bytes one after another: their size, and copies out of and into the persistent block. */
size_t nnc_slots_bytes(const nnc_slot *slot, uint32_t slots);
void nnc_slots_save(const nnc_slot *slot, uint32_t slots, const void *persistent, void *out);
void nnc_slots_restore(const nnc_slot *slot, uint32_t slots, void *persistent, const void *in);

#endif
