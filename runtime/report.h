/* What a run says while it goes: the JSON log, and lines on standard error. */
#ifndef NNC_RUNTIME_REPORT_H
#define NNC_RUNTIME_REPORT_H

#include <stdio.h>
#include "runtime/files.h"
#include "runtime/train.h"

/* ---- --log: a JSON object a line ---- */

typedef struct nnc_log {
    int descriptor;               /* -1: no log */
    const char *path;
    const char *const *metric;    /* names */
    uint32_t metrics;
} nnc_log;

/* path NULL: none; "-": standard output. append: a resumed run goes on in the file. */
bool nnc_log_open(nnc_log *log, const char *path, bool append, const char *const *metric, uint32_t metrics, nnc_failure *failure);
bool nnc_log_close(nnc_log *log, nnc_failure *failure);
/* {"event": "epoch", ..}: product keys event, epoch, step, loss, valid_loss, metrics, valid_ metrics, rate, grad_norm, seconds, samples_per_second. */
bool nnc_log_measure(nnc_log *log, const nnc_measures *m, nnc_failure *failure);
/* {"event": "end", .., "stopped": .., "best_epoch": ..} */
bool nnc_log_end(nnc_log *log, const nnc_train_end *end, const nnc_train_state *state, nnc_failure *failure);
/* {"event": "test", "loss": .., metrics}: results are the loss, then the metrics. */
bool nnc_log_test(nnc_log *log, const double *results, nnc_failure *failure);
const char *nnc_stop_name(nnc_stop stop);

/* ---- lines for people ---- */

typedef struct nnc_progress {
    FILE *out;                    /* NULL: quiet */
    bool live;                    /* a terminal: one line that is written over */
    bool color;
    const char *const *metric;
    uint32_t metrics;
    double epochs;
    int64_t batch;
    double start;                 /* seconds of the monotonic clock */
    int64_t start_step;
    double last_metric;           /* the first metric at the last measure, of the validation where there is one; NaN: none yet */
    int width;                    /* of the live line that stands now */
} nnc_progress;

nnc_progress nnc_progress_open(FILE *out, bool color, const char *const *metric, uint32_t metrics, const nnc_training *t, const nnc_train_state *state);
void nnc_progress_live(nnc_progress *p, const nnc_train_state *state);
void nnc_progress_measure(nnc_progress *p, const nnc_measures *m);
void nnc_progress_clear(nnc_progress *p);

#endif
