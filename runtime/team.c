#include "runtime/team.h"
#include "base/clock.h"
#include "runtime/trial.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Below this many seconds of one thread's work a phase is not worth a barrier (5 us), and a step not worth waking anybody (20 us);
 * from 2 ms on a step is surely worth sharing, and between them it is tried. */
static const double PHASE_WORTH = 5e-6, STEP_WORTH = 20e-6, SURELY_WORTH = 2e-3;
/* Cautious rates of one thread, for the estimate only: 2e10 operations and 1e10 bytes a second. */
static const double FLOPS = 2e10, BYTES = 1e10;
enum { SPINS = 8000 };         /* about 40 us of pauses: as long as a sleeper takes to wake */

/* Trials of so many steps and batches are kept: a model trains with one, and measures with another. */
enum { TRIALS = 8 };

typedef struct tried { const nnc_step *step; int64_t batch; nnc_trial trial; } tried;

typedef struct member {
    nnc_team *team;
    pthread_t thread;
    int number;
} member;

struct nnc_team {
    int threads;
    member *member;
    atomic_uint round;         /* a futex: grows when the others have work, or are to leave */
    atomic_uint arrived, phase;/* the barrier: how many have come, and a futex that grows when all have */
    atomic_bool leaving;
    nnc_arena memory;          /* the workspace's alone */
    void *workspace;
    int64_t reserved;          /* bytes of it */
    const nnc_step *step;      /* the work of this round */
    void *const *pointers;
    int64_t batch;
    const nnc_team_rows *rows;
    tried tried[TRIALS];
    unsigned next_tried;       /* the one that gives way to a new one */
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Numbers below 1.2e-38 count as 0 while kernels run: on most processors arithmetic on them is a hundred times slower, and decaying averages end there.
 * Gives what was set before. */
static unsigned flush_denormals(void)
{
#if defined(__x86_64__)
    unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | 0x8040);
    return before;
#elif defined(__aarch64__)
    unsigned long before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | 1ul << 24));
    return (unsigned)before;
#else
    return 0;
#endif
}

static void restore_denormals(unsigned before)
{
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(before);
#elif defined(__aarch64__)
    unsigned long word = before;
    __asm__ volatile("msr fpcr, %0" : : "r"(word));
#else
    (void)before;
#endif
}

static void sleep_while(atomic_uint *word, unsigned value)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != value)
            return;
        relax();
    }
    while (atomic_load_explicit(word, memory_order_acquire) == value)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void grow(atomic_uint *word)
{
    atomic_fetch_add_explicit(word, 1, memory_order_release);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1 << 30, NULL, NULL, 0);
}

static void barrier(nnc_team *team)
{
    unsigned phase = atomic_load_explicit(&team->phase, memory_order_acquire);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 == (unsigned)team->threads) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        grow(&team->phase);
    } else {
        sleep_while(&team->phase, phase);
    }
}

/* ---- phases ---- */

static int64_t tasks_of(const nnc_step_kernel *k, int64_t batch)
{
    int64_t units = k->tasks_fixed + k->tasks_per_example * batch;
    if (units <= k->task_block)
        return units > 0;
    if (units <= UINT32_MAX / 2 && k->task_block <= UINT32_MAX / 2)      /* a division of so many bits takes half of the time */
        return ((uint32_t)units + (uint32_t)k->task_block - 1) / (uint32_t)k->task_block;
    return (units + k->task_block - 1) / k->task_block;
}

static double seconds_of(const nnc_step_kernel *k, double share) { return share * (k->flops / FLOPS + k->bytes / BYTES); }

/* The kernels [first, result) are one phase; *seconds is its estimate. */
static uint32_t phase_end(const nnc_step *step, uint32_t first, double share, double *seconds)
{
    uint32_t end = first;
    *seconds = 0;
    while (end < step->kernels && step->kernel[end].phase == step->kernel[first].phase)
        *seconds += seconds_of(&step->kernel[end++], share);
    return end;
}

/* ---- calls ---- */

/* One run of a step. */
typedef struct run { const nnc_step *step; void *const *pointers; int64_t batch; } run;

static void fill_own(const nnc_step *step, void *const *pointers)
{
    for (uint32_t i = 0; i < step->kernels; i++)
        nnc_step_own(&step->kernel[i], pointers);
}

static void call(const run *r, const nnc_step_kernel *k, int64_t first, int64_t last)
{
    void *const *pointers = k->place ? k->own : r->pointers;
    if (!r->step->profile) {
        k->call(pointers, r->batch, first, last);
        return;
    }
    double start = nnc_now();
    k->call(pointers, r->batch, first, last);
    r->step->profile->seconds[k - r->step->kernel] += nnc_now() - start;
}

static void run_whole(const run *r, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++)
        call(r, &r->step->kernel[i], 0, tasks_of(&r->step->kernel[i], r->batch));
}

/* Bytes that the largest kernel of a phase may write before the next one reads them: half of a second-level cache. */
static const double NEAR = 512 << 10;

static bool alike(const nnc_step_kernel *a, const nnc_step_kernel *b)
{
    return a->tasks_fixed == b->tasks_fixed && a->tasks_per_example == b->tasks_per_example && a->task_block == b->task_block;
}

/* Tasks first .. last-1 of kernels that are alike: some tasks at a time through all the kernels, so that what one writes the next one finds near by. */
static void run_alike(const run *r, const nnc_step_kernel *kernel, uint32_t kernels, int64_t first, int64_t last)
{
    double most = 0;
    for (uint32_t i = 0; i < kernels; i++)
        most = kernel[i].bytes > most ? kernel[i].bytes : most;
    int64_t at_once = (int64_t)(NEAR * (double)tasks_of(kernel, r->step->batch) / (most + 1));
    at_once = kernel->tasks_fixed || at_once > last - first ? last - first : at_once < 1 ? 1 : at_once;
    for (int64_t at = first; at < last; at += at_once)
        for (uint32_t i = 0; i < kernels; i++)
            call(r, &kernel[i], at, at + at_once < last ? at + at_once : last);
}

/* One thread's share of the phase's kernels [first, end). Kernels that read what others of the phase write are alike, and share out their tasks alike. */
static void run_share(const run *r, uint32_t first, uint32_t end, int number, int threads)
{
    for (uint32_t i = first, next; i < end; i = next) {
        const nnc_step_kernel *k = &r->step->kernel[i];
        int64_t tasks = tasks_of(k, r->batch);
        for (next = i + 1; next < end && alike(k, &r->step->kernel[next]); next++)
            continue;
        run_alike(r, k, next - i, tasks * number / threads, tasks * (number + 1) / threads);
    }
}

/* All by one thread. */
static void run_alone(const run *r)
{
    double seconds;
    if ((double)r->step->workspace_bytes < NEAR) {
        run_whole(r, 0, r->step->kernels);
        return;
    }
    for (uint32_t first = 0, end; first < r->step->kernels; first = end) {
        end = phase_end(r->step, first, 1, &seconds);
        run_share(r, first, end, 0, 1);
    }
}

static void bring_share(const nnc_team *team, int number)
{
    int64_t first = team->batch * number / team->threads, last = team->batch * (number + 1) / team->threads;
    if (first < last)
        team->rows->bring(team->rows->context, first, last);
}

/* All members walk the phases alike: a phase that is not worth sharing is the first one's, and a barrier stands where work changes hands. */
static void run_member(nnc_team *team, int number)
{
    const nnc_step *step = team->step;
    const run r = {step, team->pointers, team->batch};
    double share = (double)team->batch / (double)step->batch, seconds;
    bool alone = false;
    if (team->rows) {
        bring_share(team, number);
        barrier(team);
    }
    for (uint32_t first = 0, end; first < step->kernels; first = end) {
        end = phase_end(step, first, share, &seconds);
        if (seconds < PHASE_WORTH) {
            if (!alone && first > 0)
                barrier(team);
            alone = true;
            if (number == 0)
                run_whole(&r, first, end);
            continue;
        }
        if (first > 0)
            barrier(team);
        alone = false;
        run_share(&r, first, end, number, team->threads);
    }
    barrier(team);
}

static void *work(void *context)
{
    member *self = context;
    nnc_team *team = self->team;
    unsigned round = 0;
    flush_denormals();
    for (;;) {
        sleep_while(&team->round, round);
        round++;
        if (atomic_load_explicit(&team->leaving, memory_order_acquire))
            return NULL;
        run_member(team, self->number);
    }
}

static double step_seconds(const nnc_step *step, int64_t batch)
{
    double seconds = 0, share = (double)batch / (double)step->batch;
    for (uint32_t i = 0; i < step->kernels; i++)
        seconds += seconds_of(&step->kernel[i], share);
    return seconds;
}

static void run_shared(nnc_team *team, const nnc_step *step, void *const *pointers, int64_t batch, const nnc_team_rows *rows)
{
    team->step = step;
    team->pointers = pointers;
    team->batch = batch;
    team->rows = rows;
    grow(&team->round);
    run_member(team, 0);
}

static bool is_worth_sharing(const nnc_team *team, const nnc_step *step, int64_t batch) { return team->threads > 1 && step_seconds(step, batch) >= STEP_WORTH; }

/* Each kernel by all threads, as if it were a step of its own. */
static void run_each_shared(nnc_team *team, const nnc_step *step, void *const *pointers, int64_t batch)
{
    for (uint32_t i = 0; i < step->kernels; i++) {
        const nnc_step one = {.kernel = &step->kernel[i], .kernels = 1, .batch = step->batch};
        double start = nnc_now();
        if (is_worth_sharing(team, &one, batch))
            run_shared(team, &one, pointers, batch, NULL);
        else
            run_whole(&(run){&one, pointers, batch}, 0, 1);
        step->profile->seconds[i] += nnc_now() - start;
    }
}

static void bring_all(const nnc_team_rows *rows, int64_t batch)
{
    if (rows)
        rows->bring(rows->context, 0, batch);
}

static void run_profiled(nnc_team *team, const nnc_step *step, void *const *pointers, int64_t batch, const nnc_team_rows *rows)
{
    bring_all(rows, batch);
    step->profile->runs++;
    if (step->profile->shared)
        run_each_shared(team, step, pointers, batch);
    else
        run_alone(&(run){step, pointers, batch});
}

static void run_either(nnc_team *team, const nnc_step *step, void *const *pointers, int64_t batch, const nnc_team_rows *rows, bool shared)
{
    if (shared) {
        run_shared(team, step, pointers, batch, rows);
        return;
    }
    bring_all(rows, batch);
    run_alone(&(run){step, pointers, batch});
}

static nnc_trial *trial_of(nnc_team *team, const nnc_step *step, int64_t batch)
{
    for (int i = 0; i < TRIALS; i++)
        if (team->tried[i].step == step && team->tried[i].batch == batch)
            return &team->tried[i].trial;
    tried *t = &team->tried[team->next_tried++ % TRIALS];
    *t = (tried){.step = step, .batch = batch};
    return &t->trial;
}

static void run_tried(nnc_team *team, const nnc_step *step, void *const *pointers, int64_t batch, const nnc_team_rows *rows)
{
    nnc_trial *trial = trial_of(team, step, batch);
    double start = nnc_now();
    run_either(team, step, pointers, batch, rows, nnc_trial_shares(trial));
    nnc_trial_took(trial, nnc_now() - start);
}

static void run_kernels(nnc_team *team, const nnc_step *step, void *const *pointers, int64_t batch, const nnc_team_rows *rows)
{
    double seconds = team->threads > 1 ? step_seconds(step, batch) : 0;
    fill_own(step, pointers);
    if (step->profile)
        run_profiled(team, step, pointers, batch, rows);
    else if (seconds >= STEP_WORTH && seconds < SURELY_WORTH)
        run_tried(team, step, pointers, batch, rows);
    else
        run_either(team, step, pointers, batch, rows, seconds >= SURELY_WORTH);
}

void nnc_team_run(nnc_team *team, const nnc_step *step, void *const *pointers, int64_t batch, const nnc_team_rows *rows)
{
    unsigned before = flush_denormals();
    if (step->run) {
        bring_all(rows, batch);
        step->run(step->context, pointers, batch);
    } else {
        run_kernels(team, step, pointers, batch, rows);
    }
    restore_denormals(before);
}

nnc_team *nnc_team_open(int threads)
{
    nnc_team *team = calloc(1, sizeof *team);
    member *members = calloc((size_t)threads, sizeof *members);
    if (!team || !members) {
        free(team);
        free(members);
        return NULL;
    }
    team->threads = 1;
    team->member = members;
    for (int i = 1; i < threads; i++) {
        members[i] = (member){team, 0, i};
        if (pthread_create(&members[i].thread, NULL, work, &members[i]) != 0)
            break;
        team->threads++;
    }
    return team;
}

void nnc_team_close(nnc_team *team)
{
    if (!team)
        return;
    atomic_store_explicit(&team->leaving, true, memory_order_release);
    grow(&team->round);
    for (int i = 1; i < team->threads; i++)
        pthread_join(team->member[i].thread, NULL);
    nnc_arena_close(&team->memory);
    free(team->member);
    free(team);
}

void nnc_team_reserve(nnc_team *team, const nnc_arena *arena, int64_t bytes)
{
    if (team->workspace && bytes <= team->reserved)
        return;
    nnc_arena_close(&team->memory);
    nnc_arena_open(&team->memory, arena->failed, arena->failed_context);
    team->workspace = nnc_arena_tensors(&team->memory, (size_t)bytes);
    team->reserved = bytes;
}

void *nnc_team_workspace(const nnc_team *team) { return team->workspace; }

int nnc_team_threads(const nnc_team *team) { return team->threads; }
