/* A set of examples by number, however it is held, and the minibatches drawn from it. */
#ifndef NNC_RUNTIME_EXAMPLES_H
#define NNC_RUNTIME_EXAMPLES_H

#include <stdint.h>
#include "base/arena.h"
#include "runtime/step.h"
#include "runtime/team.h"

typedef struct nnc_examples {
    int64_t count;
    /* The number by which `gather` knows a declaration, or -1. */
    int (*find)(void *context, const char *declaration);
    /* Copies the declaration's elements of examples number[0 .. n) to out, example-major, 4 bytes an element. Called from several threads at a time. */
    void (*gather)(void *context, int declaration, const int64_t *number, int64_t n, void *out);
    void *context;
} nnc_examples;

/* Everything that running a step needs, allocated once: host block, arguments; and the team's workspace. */
typedef struct nnc_runner {
    nnc_team *team;
    const nnc_step *step;
    void **pointers;           /* workspace, persistent, host, arguments */
    nnc_step_host *host;
    int *declaration;          /* of `examples`, for each argument; -1 for outputs */
    const nnc_examples *examples;
} nnc_runner;

/* Buffers for the step; everything is in the arena. NULL examples: the arguments are filled in by the caller. */
nnc_runner nnc_runner_new(nnc_arena *arena, nnc_team *team, const nnc_step *step, void *persistent, const nnc_examples *examples);
/* Fills the arguments with these examples and runs the step. */
void nnc_runner_run(nnc_runner *runner, const int64_t *number, int64_t count);
static inline void *nnc_runner_argument(const nnc_runner *runner, uint32_t argument) { return runner->pointers[3 + argument]; }
/* What draws and schedules see. */
void nnc_runner_at(nnc_runner *runner, uint64_t seed, int64_t step, double steps, double epoch, double epochs);

/* The order of an epoch: 0 .. count-1, shuffled by seed and epoch (Fisher, Yates 1938, on the counter-based generator). */
void nnc_epoch_order(int64_t *order, int64_t count, bool shuffle, uint64_t seed, int64_t epoch);

/* Values over the whole set: results[values->results]. `persistent` receives what passes hand on. The runners are made once. */
typedef struct nnc_measurer {
    const nnc_set_values *values;
    nnc_runner *runner;        /* one a pass */
    double ***accumulated;     /* [pass][accumulator][element] */
    void *persistent;
    int64_t *number;
    int64_t batch;
} nnc_measurer;

nnc_measurer nnc_measurer_new(nnc_arena *arena, nnc_team *team, const nnc_set_values *values, void *persistent);
void nnc_measure(nnc_measurer *measurer, const nnc_examples *examples, double *results);

#endif
