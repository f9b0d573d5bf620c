/* --profile: what each kernel of the training step took, the longest first, beside what the machine can do. */
#include <stdio.h>
#include <stdlib.h>
#include "driver/run.h"

void nnc_profile_start(nnc_run *run)
{
    nnc_step *step = &run->network->train->step;
    step->profile = NNC_NEW(&run->arena, nnc_step_profile);
    step->profile->seconds = NNC_ARRAY(&run->arena, double, step->kernels + 1);
    step->profile->shared = run->options.threads > 1;
}

typedef struct row { const nnc_kernel *kernel; double seconds; uint32_t number; } row;

static int by_time(const void *a, const void *b)
{
    const row *x = a, *y = b;
    return x->seconds != y->seconds ? (x->seconds < y->seconds ? 1 : -1) : x->number < y->number ? -1 : 1;
}

static void print_row(nnc_run *run, const row *r, double total, double peak)
{
    double rate = r->seconds > 0 ? r->kernel->flops / r->seconds : 0;
    fprintf(stderr, "%-44.44s %10.2f %5.1f%% %12.0f %12.0f %9.2f %6.1f%%  %s\n", r->kernel->note, r->seconds * 1e6, total > 0 ? 100 * r->seconds / total : 0, r->kernel->flops,
            r->kernel->bytes, 1e-9 * rate, peak > 0 ? 100 * rate / peak : 0, nnc_line_of(run, r->kernel->span));
}

void nnc_profile_print(nnc_run *run)
{
    const nnc_part *part = run->network->train;
    const nnc_step_profile *profile = part->step.profile;
    double total = 0, flops = 0, bytes = 0, runs = profile->runs > 0 ? (double)profile->runs : 1;
    int threads = profile->shared ? nnc_team_threads(run->team) : 1;
    double one = nnc_peak_rate(&run->arena, run->network->machine), peak = one * threads;
    row *rows = NNC_ARRAY(&run->arena, row, part->step.kernels + 1);
    for (uint32_t i = 0; i < part->step.kernels; i++) {
        rows[i] = (row){part->scheduled.loops->kernel[i], profile->seconds[i] / runs, i};
        total += rows[i].seconds;
        flops += rows[i].kernel->flops;
        bytes += rows[i].kernel->bytes;
    }
    qsort(rows, part->step.kernels, sizeof *rows, by_time);
    fprintf(stderr, "%-44s %10s %6s %12s %12s %9s %7s  %s\n", "kernel", "us", "share", "flops", "bytes", "GFLOP/s", "of peak", "line");
    for (uint32_t i = 0; i < part->step.kernels; i++)
        print_row(run, &rows[i], total, peak);
    fprintf(stderr, "%-44s %10.2f %5.1f%% %12.0f %12.0f %9.2f %6.1f%%\n", "a step", 1e6 * total, 100.0, flops, bytes, total > 0 ? 1e-9 * flops / total : 0, total > 0 && peak > 0 ? 100 * flops / total / peak : 0);
    if (peak > 0)
        fprintf(stderr, "the peak of multiply-adds on one thread, measured now: %.1f GFLOP/s\n", 1e-9 * one);
}
