/* Lines for people: one live line on a terminal, one line a measure. */
#include <math.h>
#include <string.h>
#include <unistd.h>
#include "runtime/report.h"
#include "base/clock.h"

nnc_progress nnc_progress_open(FILE *out, bool color, const char *const *metric, uint32_t metrics, const nnc_training *t, const nnc_train_state *state)
{
    return (nnc_progress){out, out && isatty(fileno(out)), color, metric, metrics, state->epochs, state->total_steps, t->train->count, t->batch, nnc_now(), state->step, 0};
}

void nnc_progress_clear(nnc_progress *p)
{
    if (p->out && p->width > 0)
        fprintf(p->out, "\r\033[K");
    p->width = 0;
}

static void time_text(char *out, size_t size, double seconds)
{
    int64_t s = (int64_t)(seconds + 0.5);
    if (s < 60)
        snprintf(out, size, "%ds", (int)s);
    else if (s < 3600)
        snprintf(out, size, "%dm%02ds", (int)(s / 60), (int)(s % 60));
    else
        snprintf(out, size, "%dh%02dm", (int)(s / 3600), (int)(s / 60 % 60));
}

/* "epoch 3/20 [=====     ] loss 0.1234 53000/s 12s left" */
void nnc_progress_live(nnc_progress *p, const nnc_train_state *s)
{
    enum { BAR = 24 };
    char bar[BAR + 1], left[24];
    if (!p->out || !p->live)
        return;
    double done = (double)s->step / (double)s->total_steps, seconds = nnc_now() - p->start;
    int64_t steps = s->step - p->start_step;
    double speed = seconds > 0 ? (double)steps / seconds : 0;
    for (int i = 0; i < BAR; i++)
        bar[i] = i < (int)(done * BAR) ? '=' : ' ';
    bar[BAR] = 0;
    time_text(left, sizeof left, speed > 0 ? (double)(s->total_steps - s->step) / speed : 0);
    double samples = speed * (double)(p->batch < p->examples ? p->batch : p->examples);
    double loss = s->loss_count ? s->loss_sum / (double)s->loss_count : s->last_loss;
    double of = ceil(p->epochs), epoch = (double)s->epoch + 1 < of ? (double)s->epoch + 1 : of;
    p->width = fprintf(p->out, "\r\033[Kepoch %g/%g [%s] loss %.5g  %.0f/s  %s left", epoch, of, bar, loss, samples, left);
    fflush(p->out);
}

static void print_metrics(const nnc_progress *p, const char *prefix, const double *value)
{
    for (uint32_t i = 0; value && i < p->metrics; i++)
        if (!isnan(value[i]))
            fprintf(p->out, "  %s%s %.4g", prefix, p->metric[i], value[i]);
}

void nnc_progress_measure(nnc_progress *p, const nnc_measures *m)
{
    if (!p->out)
        return;
    nnc_progress_clear(p);
    fprintf(p->out, "epoch %g  loss %.5g", m->epoch, m->loss);
    print_metrics(p, "", m->metric);
    if (!isnan(m->valid_loss))
        fprintf(p->out, "  valid_loss %.5g", m->valid_loss);
    print_metrics(p, "valid_", m->valid_metric);
    fprintf(p->out, "  %.0f/s%s\n", m->samples_per_second, m->best && p->color ? " \033[32mbest\033[0m" : "");
    fflush(p->out);
}
