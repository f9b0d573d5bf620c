#include "runtime/train.h"
#include "base/clock.h"
#include <math.h>
#include <string.h>

typedef struct run {
    const nnc_training *t;
    nnc_train_state *state;
    nnc_runner runner;
    nnc_measurer measurer;
    int64_t *order;                 /* of the present epoch */
    int64_t steps_an_epoch;
    double *metric, *valid_metric;
    void *good;                     /* all slots at the last measure whose loss was finite, and where the run was then */
    nnc_train_state good_state;
    const nnc_slot *all;            /* what `good` holds */
    uint32_t alls;
    double start, window_start, shown, looked;
    bool slow;
    int64_t window_examples;
    double window_seconds;          /* spent training, not measuring */
    nnc_train_end end;
} run;

size_t nnc_slots_bytes(const nnc_slot *slot, uint32_t slots)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < slots; i++)
        bytes += 4 * (size_t)slot[i].elements;
    return bytes;
}

void nnc_slots_save(const nnc_slot *slot, uint32_t slots, const void *persistent, void *out)
{
    char *at = out;
    for (uint32_t i = 0; i < slots; i++) {
        memcpy(at, (const char *)persistent + slot[i].offset, 4 * (size_t)slot[i].elements);
        at += 4 * (size_t)slot[i].elements;
    }
}

void nnc_slots_restore(const nnc_slot *slot, uint32_t slots, void *persistent, const void *in)
{
    const char *at = in;
    for (uint32_t i = 0; i < slots; i++) {
        memcpy((char *)persistent + slot[i].offset, at, 4 * (size_t)slot[i].elements);
        at += 4 * (size_t)slot[i].elements;
    }
}

static int64_t ceil_divide(int64_t a, int64_t b) { return (a + b - 1) / b; }

nnc_train_state nnc_train_open(nnc_arena *arena, const nnc_training *t)
{
    int64_t an_epoch = ceil_divide(t->train->count, t->batch);
    nnc_train_state state = {.best_loss = INFINITY, .last_loss = NAN};
    state.total_steps = t->steps > 0 ? t->steps : t->epochs * an_epoch;
    state.epochs = t->steps > 0 ? (double)t->steps / (double)an_epoch : (double)t->epochs;
    state.best = t->patience ? nnc_arena_allocate(arena, nnc_slots_bytes(t->slot, t->slots) + 1, 1) : NULL;
    return state;
}

/* ---- measuring ---- */

static double epochs_done(const run *r) { return (double)r->state->epoch + (double)r->state->at / (double)r->t->train->count; }

static void measure_set(run *r, const nnc_examples *examples, double *loss, double *metric)
{
    double *results = metric - 1;   /* the loss stands before the metrics */
    nnc_measure(&r->measurer, examples, results);
    *loss = results[0];
}

static void note_best(run *r, nnc_measures *m)
{
    nnc_train_state *s = r->state;
    double watched = r->t->valid ? m->valid_loss : m->loss;
    m->best = watched < s->best_loss;
    s->waits = m->best ? 0 : s->waits + 1;
    if (!m->best)
        return;
    s->best_loss = watched;
    s->best_step = s->step;
    s->best_epoch = m->epoch;
    s->has_best = true;
    if (s->best)
        nnc_slots_save(r->t->slot, r->t->slots, r->t->persistent, s->best);
}

static void save_good(run *r)
{
    nnc_slots_save(r->all, r->alls, r->t->persistent, r->good);
    r->good_state = *r->state;
}

static void keep_good(run *r, const nnc_measures *m)
{
    if (isfinite(m->loss) && (!r->t->valid || isfinite(m->valid_loss)))
        save_good(r);
}

static double rate_of(const run *r)
{
    const nnc_train_state *s = r->state;
    double last = s->step > 0 ? (double)s->step - 1 : 0;
    return r->t->rate ? r->t->rate(r->t->context, last, (double)s->total_steps, floor(last / (double)r->steps_an_epoch), s->epochs) : NAN;
}

static nnc_measures take_measures(run *r)
{
    nnc_train_state *s = r->state;
    const nnc_training *t = r->t;
    nnc_measures m = {.epoch = epochs_done(r), .step = s->step, .valid_loss = NAN, .metric = r->metric, .valid_metric = r->valid_metric, .norm = NAN};
    double ignored;
    m.loss = s->loss_count ? s->loss_sum / (double)s->loss_count : NAN;
    for (uint32_t i = 0; i < t->metrics; i++)
        r->metric[i] = r->valid_metric[i] = NAN;
    if (t->valid)
        measure_set(r, t->valid, &m.valid_loss, r->valid_metric);
    if (t->train_metrics && t->metrics)
        measure_set(r, t->train, &ignored, r->metric);
    m.rate = rate_of(r);
    if (t->norm >= 0)
        m.norm = *(const float *)nnc_runner_argument(&r->runner, (uint32_t)t->norm);
    m.samples_per_second = r->window_seconds > 0 ? (double)r->window_examples / r->window_seconds : 0;
    s->loss_sum = 0;
    s->loss_count = 0;
    note_best(r, &m);
    keep_good(r, &m);
    m.seconds = nnc_now() - r->start;
    r->window_examples = 0;
    r->window_seconds = 0;
    return m;
}

static bool is_finite(const float *value, int64_t elements)
{
    int64_t i = 0;
    while (i < elements && isfinite(value[i]))
        i++;
    return i == elements;
}

/* A parameter that no later run could read, be the loss finite as it may (a relu hides minus infinity); NULL where there is none. */
static const nnc_slot *broken_parameter(const run *r)
{
    for (uint32_t i = 0; i < r->t->slots; i++)
        if (r->t->slot[i].finite && !is_finite((const float *)(const void *)((const char *)r->t->persistent + r->t->slot[i].offset), r->t->slot[i].elements))
            return &r->t->slot[i];
    return NULL;
}

static bool is_out_of_patience(const run *r) { return r->t->patience && r->state->waits >= r->t->patience; }

/* True where the run goes on. */
static bool at_measure(run *r)
{
    r->window_seconds += nnc_now() - r->window_start;
    r->end.broken = broken_parameter(r);
    if (r->end.broken) {
        r->end.stop = NNC_STOP_DIVERGED;
        r->end.diverged_step = r->state->step;
        return false;
    }
    r->end.last = take_measures(r);
    bool kept = !r->t->at_measure || r->t->at_measure(r->t->context, r->state, &r->end.last);
    r->window_start = nnc_now();
    if (!kept) {
        r->end.stop = NNC_STOP_FAILED;
        return false;
    }
    if (r->t->valid && !isfinite(r->end.last.valid_loss)) {
        r->end.stop = NNC_STOP_DIVERGED;
        r->end.diverged_step = r->state->step;
        return false;
    }
    if (is_out_of_patience(r)) {
        r->end.stop = NNC_STOP_PATIENCE;
        return false;
    }
    return true;
}

static bool measure_is_due(const run *r)
{
    const nnc_training *t = r->t;
    const nnc_train_state *s = r->state;
    if (s->step >= s->total_steps)
        return true;
    if (t->measure_steps > 0)
        return s->step % t->measure_steps == 0;
    return s->at == 0 && s->epoch % (t->measure_epochs > 0 ? t->measure_epochs : 1) == 0;
}

/* ---- steps ---- */

static void show_progress(run *r)
{
    if (!r->t->progress || (r->state->step & (r->slow ? 0 : 15)))
        return;
    double time = nnc_now();
    r->slow = time - r->looked >= 0.01;    /* the clock is read at every 16th step where steps are shorter than reading it is worth */
    r->looked = time;
    if (time - r->shown >= 0.1) {
        r->shown = time;
        r->t->progress(r->t->context, r->state);
    }
}

/* One update. False where its loss is not finite. */
static bool take_step(run *r)
{
    nnc_train_state *s = r->state;
    const nnc_training *t = r->t;
    int64_t left = t->train->count - s->at, count = left < t->batch ? left : t->batch;
    if (s->at == 0)
        nnc_epoch_order(r->order, t->train->count, t->shuffle, t->seed, s->epoch);
    nnc_runner_at(&r->runner, t->seed, s->step, (double)s->total_steps, (double)s->epoch, s->epochs);
    nnc_runner_run(&r->runner, r->order + s->at, count);
    s->last_loss = *(const float *)nnc_runner_argument(&r->runner, (uint32_t)t->loss);
    s->loss_sum += s->last_loss * (double)count;
    s->loss_count += count;
    s->step++;
    s->at += count;
    r->window_examples += count;
    if (s->at >= t->train->count) {
        s->at = 0;
        s->epoch++;
    }
    return isfinite(s->last_loss);
}

static void loop(run *r)
{
    nnc_train_state *s = r->state;
    r->end.stop = NNC_STOP_EPOCHS;
    if (is_out_of_patience(r)) {   /* resumed from the last checkpoint of a run that had come to its end */
        r->end.stop = NNC_STOP_PATIENCE;
        return;
    }
    while (s->step < s->total_steps) {
        if (!take_step(r)) {
            r->end.stop = NNC_STOP_DIVERGED;
            r->end.diverged_step = s->step;
            return;
        }
        if (measure_is_due(r) && !at_measure(r))
            return;
        if (r->t->interrupted && *r->t->interrupted && s->step < s->total_steps) {
            r->end.stop = NNC_STOP_INTERRUPTED;
            return;
        }
        show_progress(r);
    }
}

static run run_of(nnc_arena *arena, const nnc_training *t, nnc_train_state *state)
{
    run r = {.t = t, .state = state, .steps_an_epoch = ceil_divide(t->train->count, t->batch)};
    r.end.last = (nnc_measures){.loss = NAN, .valid_loss = NAN, .rate = NAN, .norm = NAN, .samples_per_second = NAN};
    r.runner = nnc_runner_new(arena, t->team, t->step, t->persistent, t->train);
    r.measurer = nnc_measurer_new(arena, t->team, t->measured, t->persistent);
    r.order = NNC_ARRAY(arena, int64_t, (size_t)t->train->count);
    r.metric = NNC_ARRAY(arena, double, t->measured->results + 2) + 1;
    r.valid_metric = NNC_ARRAY(arena, double, t->measured->results + 2) + 1;
    r.all = t->alls ? t->all : t->slot;
    r.alls = t->alls ? t->alls : t->slots;
    r.good = nnc_arena_allocate(arena, nnc_slots_bytes(r.all, r.alls) + 1, 1);
    save_good(&r);
    return r;
}

/* Goes again from the last good measure to the step before the one that broke, and shows what that step had. Steps are deterministic. */
static void show_divergence(run *r)
{
    const nnc_train_state after = *r->state;
    const nnc_training *t = r->t;
    nnc_slots_restore(r->all, r->alls, t->persistent, r->good);
    *r->state = r->good_state;
    nnc_epoch_order(r->order, t->train->count, t->shuffle, t->seed, r->state->epoch);
    while (r->state->step + 1 < r->end.diverged_step)
        take_step(r);
    if (r->state->at == 0)
        nnc_epoch_order(r->order, t->train->count, t->shuffle, t->seed, r->state->epoch);
    int64_t left = t->train->count - r->state->at;
    t->diverged(t->context, r->state, r->order + r->state->at, left < t->batch ? left : t->batch);
    *r->state = after;
}

nnc_train_end nnc_train(nnc_arena *arena, const nnc_training *t, nnc_train_state *state)
{
    run r = run_of(arena, t, state);
    if (state->at > 0)
        nnc_epoch_order(r.order, t->train->count, t->shuffle, t->seed, state->epoch);
    r.start = r.window_start = nnc_now();
    loop(&r);
    r.end.last.epoch = epochs_done(&r);
    r.end.last.step = state->step;
    r.end.last.seconds = nnc_now() - r.start;
    r.end.good_step = r.good_state.step;
    if (r.end.stop == NNC_STOP_DIVERGED && t->diverged && !isfinite(state->last_loss))
        show_divergence(&r);
    if (r.end.stop == NNC_STOP_DIVERGED)
        nnc_slots_restore(r.all, r.alls, t->persistent, r.good);
    if (r.end.stop == NNC_STOP_DIVERGED && t->patience && state->has_best)
        nnc_slots_restore(t->slot, t->slots, t->persistent, state->best);
    else if (r.end.stop != NNC_STOP_DIVERGED && t->patience && state->has_best && r.end.stop != NNC_STOP_INTERRUPTED)
        nnc_slots_restore(t->slot, t->slots, t->persistent, state->best);
    return r.end;
}
