/* --log: a JSON object a line. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "runtime/report.h"

bool nnc_log_open(nnc_log *log, const char *path, bool append, const char *const *metric, uint32_t metrics, nnc_failure *failure)
{
    *log = (nnc_log){-1, path, metric, metrics};
    if (!path)
        return true;
    log->descriptor = strcmp(path, "-") == 0 ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0666);
    if (log->descriptor < 0)
        nnc_fail(failure, "%s: cannot write the log: %s", path, strerror(errno));
    return log->descriptor >= 0;
}

bool nnc_log_close(nnc_log *log, nnc_failure *failure)
{
    bool closed = log->descriptor <= STDERR_FILENO || close(log->descriptor) == 0;
    if (!closed)
        nnc_fail(failure, "%s: cannot write the log: %s", log->path, strerror(errno));
    log->descriptor = -1;
    return closed;
}

/* What was not measured is left out; an infinite or undefined value is null, since JSON has no other word for it. */
static void set_number(json_t *object, const char *key, double value) { json_object_set_new(object, key, isfinite(value) ? json_real(value) : json_null()); }

static void set_measured(json_t *object, const char *key, double value)
{
    if (!isnan(value))
        set_number(object, key, value);
}

static void set_metrics(json_t *object, const nnc_log *log, const char *prefix, const double *value)
{
    for (uint32_t i = 0; value && i < log->metrics; i++) {
        size_t size = strlen(prefix) + strlen(log->metric[i]) + 1;
        char *key = malloc(size);
        if (!key)
            return;
        snprintf(key, size, "%s%s", prefix, log->metric[i]);
        set_measured(object, key, value[i]);
        free(key);
    }
}

static json_t *object_of(const nnc_log *log, const char *event, const nnc_measures *m)
{
    json_t *object = json_object();
    json_object_set_new(object, "event", json_string(event));
    set_number(object, "epoch", m->epoch);
    json_object_set_new(object, "step", json_integer(m->step));
    set_measured(object, "loss", m->loss);
    set_measured(object, "valid_loss", m->valid_loss);
    set_metrics(object, log, "", m->metric);
    set_metrics(object, log, "valid_", m->valid_metric);
    set_measured(object, "rate", m->rate);
    set_measured(object, "grad_norm", m->norm);
    set_number(object, "seconds", m->seconds);
    set_measured(object, "samples_per_second", m->samples_per_second);
    return object;
}

static bool write_line(nnc_log *log, json_t *object, nnc_failure *failure)
{
    char *text = json_dumps(object, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(9));
    bool written = text && nnc_write_all(log->descriptor, text, strlen(text)) && nnc_write_all(log->descriptor, "\n", 1);
    if (!written)
        nnc_fail(failure, "%s: cannot write the log: %s", log->path, strerror(errno));
    free(text);
    json_decref(object);
    return written;
}

bool nnc_log_measure(nnc_log *log, const nnc_measures *m, nnc_failure *failure)
{
    return log->descriptor < 0 || write_line(log, object_of(log, "epoch", m), failure);
}

const char *nnc_stop_name(nnc_stop stop)
{
    static const char *const names[] = {"epochs", "patience", "interrupted", "diverged", "failed"};
    return names[stop];
}

bool nnc_log_end(nnc_log *log, const nnc_train_end *end, const nnc_train_state *state, nnc_failure *failure)
{
    if (log->descriptor < 0)
        return true;
    json_t *object = object_of(log, "end", &end->last);
    json_object_set_new(object, "stopped", json_string(nnc_stop_name(end->stop)));
    if (state->has_best)
        set_number(object, "best_epoch", state->best_epoch);
    return write_line(log, object, failure);
}

bool nnc_log_test(nnc_log *log, const double *results, nnc_failure *failure)
{
    if (log->descriptor < 0)
        return true;
    json_t *object = json_object();
    json_object_set_new(object, "event", json_string("test"));
    set_number(object, "loss", results[0]);
    set_metrics(object, log, "", results + 1);
    return write_line(log, object, failure);
}
