/* Lines for people: one live line on a terminal, one line a measure. */
#include <math.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "runtime/report.h"
#include "base/clock.h"

nnc_progress nnc_progress_open(FILE *out, bool color, const char *const *metric, uint32_t metrics, const nnc_training *t, const nnc_train_state *state)
{
    return (nnc_progress){.out = out, .live = out && isatty(fileno(out)), .color = color, .metric = metric, .metrics = metrics, .epochs = state->epochs,
                          .batch = t->batch < t->train->count ? t->batch : t->train->count, .start = nnc_now(), .start_step = state->step, .last_metric = NAN};
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

/* Columns of the terminal; a line that went beyond them could not be written over. */
static int columns_of(FILE *out)
{
    struct winsize size;
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

enum { BAR = 24 };

static void bar_text(char out[BAR + 1], double done)
{
    for (int i = 0; i < BAR; i++)
        out[i] = i < (int)(done * BAR) ? '=' : ' ';
    out[BAR] = 0;
}

/* "epoch 3/20 [=====     ] loss 0.1234  accuracy 0.91  53000/s  12s left": the loss since the last measure, the first metric of that measure. */
void nnc_progress_live(nnc_progress *p, const nnc_train_state *s)
{
    char bar[BAR + 1], left[24], metric[80] = "", line[400];
    if (!p->out || !p->live)
        return;
    double seconds = nnc_now() - p->start, speed = seconds > 0 ? (double)(s->step - p->start_step) / seconds : 0;
    double loss = s->loss_count ? s->loss_sum / (double)s->loss_count : s->last_loss;
    double of = ceil(p->epochs), epoch = (double)s->epoch + 1 < of ? (double)s->epoch + 1 : of;
    bar_text(bar, (double)s->step / (double)s->total_steps);
    time_text(left, sizeof left, speed > 0 ? (double)(s->total_steps - s->step) / speed : 0);
    if (!isnan(p->last_metric))
        snprintf(metric, sizeof metric, "  %.40s %.4g", p->metric[0], p->last_metric);
    int width = snprintf(line, sizeof line, "epoch %g/%g [%s] loss %.5g%s  %.0f/s  %s left", epoch, of, bar, loss, metric, speed * (double)p->batch, left);
    int room = columns_of(p->out) - 1;
    p->width = width < room ? width : room;
    fprintf(p->out, "\r\033[K%.*s", p->width, line);
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
    if (p->metrics)
        p->last_metric = m->valid_metric && !isnan(m->valid_metric[0]) ? m->valid_metric[0] : m->metric ? m->metric[0] : NAN;
    fprintf(p->out, "epoch %g  loss %.5g", m->epoch, m->loss);
    print_metrics(p, "", m->metric);
    if (!isnan(m->valid_loss))
        fprintf(p->out, "  valid_loss %.5g", m->valid_loss);
    print_metrics(p, "valid_", m->valid_metric);
    fprintf(p->out, "  %.0f/s%s\n", m->samples_per_second, m->best && p->color ? " \033[32mbest\033[0m" : "");
    fflush(p->out);
}
