/* --profile: what each kernel of the training step took. */
#include <stdio.h>
#include "driver/run.h"

void nnc_profile_start(nnc_run *run)
{
    nnc_step *step = &run->network->train->step;
    step->profile = NNC_NEW(&run->arena, nnc_step_profile);
    step->profile->seconds = NNC_ARRAY(&run->arena, double, step->kernels + 1);
}

void nnc_profile_print(nnc_run *run)
{
    const nnc_part *part = run->network->train;
    const nnc_step_profile *profile = part->step.profile;
    double total = 0, runs = profile->runs > 0 ? (double)profile->runs : 1;
    for (uint32_t i = 0; i < part->step.kernels; i++)
        total += profile->seconds[i];
    fprintf(stderr, "%-44s %10s %6s %12s %9s  %s\n", "kernel", "us", "share", "flops", "GFLOP/s", "line");
    for (uint32_t i = 0; i < part->step.kernels; i++) {
        const nnc_kernel *k = part->scheduled.loops->kernel[i];
        double seconds = profile->seconds[i] / runs;
        fprintf(stderr, "%-44.44s %10.2f %5.1f%% %12.0f %9.2f  %s\n", k->note, seconds * 1e6, 100 * profile->seconds[i] / (total > 0 ? total : 1), k->flops,
                seconds > 0 ? 1e-9 * k->flops / seconds : 0, nnc_line_of(run, k->span));
    }
    fprintf(stderr, "%-44s %10.2f\n", "a step", 1e6 * total / runs);
}
