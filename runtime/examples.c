#include "runtime/examples.h"
#include <math.h>
#include <string.h>
#include "runtime/normal.h"

enum { LINE = 64 };      /* bytes: buffers start at cache lines */

static int64_t argument_bytes(const nnc_step *step, uint32_t i) { return 4 * step->argument[i].elements * (step->argument[i].batched ? step->batch : 1); }

static int64_t whole_lines(int64_t bytes) { return (bytes + 2 * LINE - 1) / LINE * LINE; }

/* The next `bytes` of a block, and a line's room behind them. */
static void *take(char **at, int64_t bytes)
{
    void *taken = *at;
    *at += whole_lines(bytes);
    return taken;
}

static void bind(nnc_runner *runner, const nnc_examples *examples)
{
    if (runner->examples == examples)
        return;
    runner->examples = examples;
    for (uint32_t i = 0; examples && i < runner->step->arguments; i++)
        runner->declaration[i] = runner->step->argument[i].output ? -1 : examples->find(examples->context, runner->step->argument[i].name);
}

nnc_runner nnc_runner_new(nnc_arena *arena, nnc_team *team, const nnc_step *step, void *persistent, const nnc_examples *examples)
{
    int64_t host_bytes = step->host_bytes + (int64_t)sizeof(nnc_step_host), bytes = whole_lines(host_bytes);
    for (uint32_t i = 0; i < step->arguments; i++)
        bytes += whole_lines(argument_bytes(step, i));
    char *at = nnc_arena_tensors(arena, (size_t)bytes);
    nnc_runner runner = {team, step, NNC_ARRAY(arena, void *, step->arguments + 3), take(&at, host_bytes), NNC_ARRAY(arena, int, step->arguments + 1), NULL};
    nnc_team_reserve(team, arena, whole_lines(step->workspace_bytes));
    runner.pointers[1] = persistent;
    runner.pointers[2] = runner.host;
    for (uint32_t i = 0; i < step->arguments; i++)
        runner.pointers[3 + i] = take(&at, argument_bytes(step, i));
    bind(&runner, examples);
    return runner;
}

typedef struct wanted { nnc_runner *runner; const int64_t *number; } wanted;

static void bring(void *context, int64_t first, int64_t last)
{
    const wanted *w = context;
    const nnc_runner *runner = w->runner;
    const nnc_examples *examples = runner->examples;
    for (uint32_t i = 0; i < runner->step->arguments; i++)
        if (runner->declaration[i] >= 0)
            examples->gather(examples->context, runner->declaration[i], w->number + first, last - first,
                             (char *)runner->pointers[3 + i] + 4 * first * runner->step->argument[i].elements);
}

void nnc_runner_run(nnc_runner *runner, const int64_t *number, int64_t count)
{
    wanted w = {runner, number};
    runner->pointers[0] = nnc_team_workspace(runner->team);
    nnc_team_rows rows = {bring, &w};
    nnc_team_run(runner->team, runner->step, runner->pointers, count, runner->examples ? &rows : NULL);
}

void nnc_runner_at(nnc_runner *runner, uint64_t seed, int64_t step, double steps, double epoch, double epochs)
{
    *runner->host = (nnc_step_host){(uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)step, 0};
    if (runner->step->schedules)
        runner->step->schedules(runner->step->context, (double)step, steps, epoch, epochs, (float *)(runner->host + 1));
}

/* x modulo n, of x below 2^53: by a division of doubles, which takes a tenth of the time of one of 64-bit integers on many processors and is off by one at most. */
static int64_t remainder_of(int64_t x, int64_t n)
{
    int64_t rest = x - (int64_t)((double)x / (double)n) * n;
    return rest < 0 ? rest + n : rest >= n ? rest - n : rest;
}

/* Fisher and Yates's shuffle, from the end on (Durstenfeld, Algorithm 235, 1964). */
void nnc_epoch_order(int64_t *order, int64_t count, bool shuffle, uint64_t seed, int64_t epoch)
{
    uint32_t one[NNC_DRAWS], two[NNC_DRAWS];
    for (int64_t i = 0; i < count; i++)
        order[i] = i;
    for (int64_t i = count - 1; shuffle && i > 0; i--) {
        int64_t at = i % NNC_DRAWS;
        if (i == count - 1 || at == NNC_DRAWS - 1)
            nnc_words_block((uint32_t)seed ^ 0x73687566u, (uint32_t)(seed >> 32), (uint64_t)(uint32_t)epoch << 32 | (uint32_t)(i - at), one, two);
        int64_t j = remainder_of((int64_t)(((uint64_t)one[at] << 32 | two[at]) >> 11), i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

/* ---- values over a set ---- */

nnc_measurer nnc_measurer_new(nnc_arena *arena, nnc_team *team, const nnc_set_values *values, void *persistent)
{
    nnc_measurer m = {values, NNC_ARRAY(arena, nnc_runner, values->passes + 1), NNC_ARRAY(arena, double **, values->passes + 1), persistent, NULL, 1};
    for (uint32_t p = 0; p < values->passes; p++) {
        const nnc_set_pass *pass = &values->pass[p];
        m.runner[p] = nnc_runner_new(arena, team, &pass->step, persistent, NULL);
        m.accumulated[p] = NNC_ARRAY(arena, double *, pass->accumulators + 1);
        for (uint32_t a = 0; a < pass->accumulators; a++)
            m.accumulated[p][a] = NNC_ARRAY(arena, double, (size_t)pass->accumulator[a].elements + 1);
        m.batch = pass->step.batch;
    }
    m.number = NNC_ARRAY(arena, int64_t, (size_t)m.batch);
    return m;
}

static double start_of(nnc_fold fold)
{
    return fold == NNC_FOLD_PROD ? 1 : fold == NNC_FOLD_MAX ? -INFINITY : fold == NNC_FOLD_MIN ? INFINITY : 0;
}

/* max and min keep NaN. */
static double folded(nnc_fold fold, double a, double x)
{
    switch (fold) {
    case NNC_FOLD_SUM: return a + x;
    case NNC_FOLD_PROD: return a * x;
    case NNC_FOLD_MAX: return a >= x || a != a ? a : x;
    default: return a <= x || a != a ? a : x;
    }
}

static void accumulate(const nnc_step *step, const nnc_runner *runner, const nnc_set_accumulator *a, double *into, int64_t examples)
{
    const void *part = nnc_runner_argument(runner, a->argument);
    const nnc_step_argument *argument = &step->argument[a->argument];
    for (int64_t n = 0; n < (argument->batched ? examples : 1) * a->elements; n++) {
        double x = argument->integer ? (double)((const int32_t *)part)[n] : (double)((const float *)part)[n];
        double *place = &into[n % a->elements];
        *place = folded(a->fold, *place, argument->batched || a->fold != NNC_FOLD_SUM ? x : x * (double)examples);
    }
}

static void run_pass(nnc_measurer *m, uint32_t p, const nnc_examples *examples)
{
    const nnc_set_pass *pass = &m->values->pass[p];
    nnc_runner *runner = &m->runner[p];
    bind(runner, examples);
    nnc_runner_at(runner, 0, 0, 1, 0, 1);
    for (uint32_t a = 0; a < pass->accumulators; a++)
        for (int64_t e = 0; e < pass->accumulator[a].elements; e++)
            m->accumulated[p][a][e] = start_of(pass->accumulator[a].fold);
    for (int64_t at = 0; at < examples->count; at += m->batch) {
        int64_t count = examples->count - at < m->batch ? examples->count - at : m->batch;
        for (int64_t i = 0; i < count; i++)
            m->number[i] = at + i;
        nnc_runner_run(runner, m->number, count);
        for (uint32_t a = 0; a < pass->accumulators; a++)
            accumulate(&pass->step, runner, &pass->accumulator[a], m->accumulated[p][a], count);
    }
    for (uint32_t a = 0; a < pass->accumulators; a++)
        for (int64_t e = 0; pass->accumulator[a].persistent >= 0 && e < pass->accumulator[a].elements; e++)
            ((float *)(void *)((char *)m->persistent + pass->accumulator[a].persistent))[e] = (float)m->accumulated[p][a][e];
}

void nnc_measure(nnc_measurer *m, const nnc_examples *examples, double *results)
{
    if (m->values->count_persistent >= 0)
        *(float *)(void *)((char *)m->persistent + m->values->count_persistent) = (float)examples->count;
    for (uint32_t p = 0; p < m->values->passes; p++)
        run_pass(m, p, examples);
    m->values->finish(m->values->context, (const double *const *const *)m->accumulated, examples->count, m->persistent, results);
}
