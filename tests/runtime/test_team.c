/* Teams: every task of every kernel once, phases one after the other, whatever the number of threads. */
#include <stdatomic.h>
#include "fixture.h"
#include "runtime/team.h"
#include "runtime/trial.h"

enum { MOST = 2000, KERNELS = 6 };

/* What a step's kernels note: how often each task was done, and what they saw of the kernels before. */
typedef struct notes {
    _Atomic int64_t done[KERNELS];
    atomic_int times[KERNELS][MOST], brought[MOST];
    int64_t wanted[KERNELS];        /* tasks in all */
    atomic_int early;               /* tasks that ran before the phase in front was over */
} notes;

static void note(notes *n, int kernel, int64_t first, int64_t last, int before)
{
    for (int k = 0; k < before; k++)
        if (atomic_load(&n->done[k]) != n->wanted[k])
            atomic_fetch_add(&n->early, 1);
    for (int64_t task = first; task < last; task++)
        atomic_fetch_add(&n->times[kernel][task], 1);
    atomic_fetch_add(&n->done[kernel], last - first);
}

/* Kernel k; the kernels 0 and 1 are one phase, 2 another, 3 and 4 a third, 5 the last. */
#define KERNEL(k, before)                                                                                                                            \
    static void kernel_##k(void *const *pointers, int64_t batch, int64_t first, int64_t last)                                                        \
    {                                                                                                                                                \
        (void)batch;                                                                                                                                 \
        note(pointers[3], k, first, last, before);                                                                                                   \
    }
KERNEL(0, 0)
KERNEL(1, 0)
KERNEL(2, 2)
KERNEL(3, 3)
KERNEL(4, 3)
KERNEL(5, 5)

static void bring(void *context, int64_t first, int64_t last)
{
    for (int64_t i = first; i < last; i++)
        atomic_fetch_add(&((notes *)context)->brought[i], 1);
}

/* What a kernel is said to cost decides whether it is shared: nothing, all, or some phases; what it writes, whether it is done in one go. */
static void check_step(nnc_team *team, const double flops[KERNELS], double bytes, int64_t batch)
{
    static notes n;
#define TASKS(fixed, example, block, when) .tasks_fixed = fixed, .tasks_per_example = example, .task_block = block, .phase = when
    nnc_step_kernel k[KERNELS] = {{"k0", kernel_0, TASKS(0, 1, 1, 0)},   {"k1", kernel_1, TASKS(7, 3, 4, 0)},  {"k2", kernel_2, TASKS(1, 0, 1, 1)},
                                  {"k3", kernel_3, TASKS(500, 0, 7, 2)}, {"k4", kernel_4, TASKS(3, 1, 16, 2)}, {"k5", kernel_5, TASKS(1000, 2, 3, 3)}};
    nnc_step step = {.kernel = k, .kernels = KERNELS, .batch = 64, .workspace_bytes = (int64_t)bytes};
    void *pointers[4] = {NULL, NULL, NULL, &n};
    memset(&n, 0, sizeof n);
    for (int i = 0; i < KERNELS; i++) {
        k[i].flops = flops[i];
        k[i].bytes = bytes;
        n.wanted[i] = (k[i].tasks_fixed + k[i].tasks_per_example * batch + k[i].task_block - 1) / k[i].task_block;
    }
    nnc_team_run(team, &step, pointers, batch, &(nnc_team_rows){bring, &n});
    for (int i = 0; i < KERNELS; i++)
        for (int64_t task = 0; task < MOST; task++)
            if (n.times[i][task] != (task < n.wanted[i]))
                fail_msg("%d threads, batch %lld: task %lld of kernel %d was done %d times", nnc_team_threads(team), (long long)batch, (long long)task, i, n.times[i][task]);
    for (int64_t i = 0; i < MOST; i++)
        assert_int_equal(n.brought[i], i < batch);
    assert_int_equal(n.early, 0);
}

static void test_each_task_once(void **state)
{
    static const double COSTS[][KERNELS] = {{0}, {1e9, 1e9, 1e9, 1e9, 1e9, 1e9}, {1e9, 0, 0, 0, 0, 1e9}, {0, 0, 1e9, 0, 0, 0}, {0, 0, 0, 0, 1e9, 0}, {1e9, 0, 1, 1e9, 0, 1},
                                              {1e6, 1e6, 1e6, 1e6, 1e6, 1e6}};
    static const int64_t BATCHES[] = {64, 1, 2, 3, 63};
    (void)state;
    for (int threads = 1; threads <= 8; threads++) {
        nnc_team *team = nnc_team_open(threads);
        assert_non_null(team);
        assert_int_equal(nnc_team_threads(team), threads);
        for (int again = 0; again < 5; again++)
            for (size_t c = 0; c < sizeof COSTS / sizeof *COSTS; c++)
                for (size_t b = 0; b < 2 * (sizeof BATCHES / sizeof *BATCHES); b++)
                    check_step(team, COSTS[c], b % 2 ? 2e7 : 0, BATCHES[b / 2]);
        nnc_team_close(team);
    }
    nnc_team_close(NULL);
}

/* What a kernel of a phase writes, the next one reads while it is near: a few tasks at a time, or all where they are small. */
typedef struct diary { char text[100]; int length; } diary;
#define DIARIST(letter)                                                                                                                              \
    static void diarist_##letter(void *const *pointers, int64_t batch, int64_t first, int64_t last)                                                  \
    {                                                                                                                                                \
        diary *d = pointers[3];                                                                                                                      \
        (void)batch;                                                                                                                                 \
        d->length += snprintf(d->text + d->length, sizeof d->text - (size_t)d->length, "%s%lld-%lld ", #letter, (long long)first, (long long)last);  \
    }
DIARIST(a)
DIARIST(b)
DIARIST(c)

static void check_order(double bytes, int64_t workspace, const char *expected)
{
    diary d = {"", 0};
    void *pointers[4] = {NULL, NULL, NULL, &d};
    nnc_step_kernel k[] = {{"a", diarist_a, TASKS(0, 1, 2, 0), .bytes = bytes}, {"b", diarist_b, TASKS(0, 1, 2, 0), .bytes = 8}, {"c", diarist_c, TASKS(5, 0, 1, 0), .bytes = bytes}};
    nnc_step step = {.kernel = k, .kernels = 3, .batch = 8, .workspace_bytes = workspace};
    nnc_team *team = nnc_team_open(1);
    nnc_team_run(team, &step, pointers, 7, NULL);
    assert_string_equal(d.text, expected);
    nnc_team_close(team);
}

static void test_near(void **state)
{
    (void)state;
    check_order(1e6, 1 << 30, "a0-2 b0-2 a2-4 b2-4 c0-5 ");
    check_order(1e9, 1 << 30, "a0-1 b0-1 a1-2 b1-2 a2-3 b2-3 a3-4 b3-4 c0-5 ");
    check_order(1e5, 1 << 30, "a0-4 b0-4 c0-5 ");
    check_order(1e9, 1000, "a0-4 b0-4 c0-5 ");
}

/* Copies as many floats from its first buffer to its second. */
static void copy(void *const *own, int64_t batch, int64_t first, int64_t last)
{
    for (int64_t i = first; i < last; i++)
        ((float *)own[4])[i] = ((const float *)own[3])[i] + (float)batch;
}

/* One code for two kernels, each with its buffers: in the workspace, the persistent block, an argument. */
static void test_places(void **state)
{
    float workspace[8] = {1, 2, 3, 4}, persistent[12] = {0}, argument[4] = {0};
    void *pointers[4] = {workspace, persistent, NULL, argument}, *own[2][5];
    const nnc_step_place place[2][2] = {{{0, 0}, {1, 32}}, {{1, 32}, {3, 0}}};
    nnc_step_kernel k[2] = {{"k0", copy, place[0], own[0], 2, TASKS(4, 0, 1, 0)}, {"k1", copy, place[1], own[1], 2, TASKS(4, 0, 1, 1)}};
    nnc_step step = {.kernel = k, .kernels = 2, .batch = 8};
    nnc_team *team = nnc_team_open(2);
    (void)state;
    for (double cost = 0; cost < 2e9; cost += 1e9) {
        k[0].flops = k[1].flops = cost;
        nnc_team_run(team, &step, pointers, 5, NULL);
        for (int i = 0; i < 4; i++)
            assert_true(persistent[8 + i] == workspace[i] + 5 && argument[i] == workspace[i] + 10);
        memset(argument, 0, sizeof argument);
    }
    nnc_team_close(team);
}

static void run_all(void *context, void *const *pointers, int64_t batch) { *(int64_t *)context += batch + (pointers[0] == NULL); }

/* A step that is run whole (by the interpreter), and one that is profiled. */
static void test_other_ways(void **state)
{
    int64_t sum = 0;
    double seconds[1] = {0};
    static notes n;
    void *pointers[4] = {NULL, NULL, NULL, &n};
    nnc_step_profile profile = {.seconds = seconds};
    nnc_step_kernel k = {"k0", kernel_0, .tasks_fixed = 9, .task_block = 1, .flops = 1e9};
    nnc_step whole = {.run = run_all, .context = &sum, .batch = 8}, profiled = {.kernel = &k, .kernels = 1, .batch = 8, .profile = &profile};
    nnc_team *team = nnc_team_open(3);
    (void)state;
    nnc_team_run(team, &whole, pointers, 5, NULL);
    assert_int_equal(sum, 6);
    for (int runs = 1; runs <= 2; runs++) {
        nnc_team_run(team, &profiled, pointers, 5, &(nnc_team_rows){bring, &n});
        assert_int_equal(profile.runs, runs);
        assert_int_equal(n.done[0], 9 * runs);
        assert_int_equal(n.brought[4], runs);
        profile.shared = true;
    }
    assert_true(seconds[0] >= 0);
    nnc_team_close(team);
}

/* Runs take `alone` or `shared` seconds: how many of so many are shared. */
static int shared_of(nnc_trial *t, int runs, double alone, double shared)
{
    int count = 0;
    for (int i = 0; i < runs; i++) {
        bool is_shared = nnc_trial_shares(t);
        count += is_shared;
        nnc_trial_took(t, is_shared ? shared : alone);
    }
    return count;
}

enum { BOTH = NNC_TRIAL_RUNS * NNC_TRIAL_TURNS };

static void test_trial(void **state)
{
    nnc_trial t = {.run = 0};
    (void)state;
    for (int turn = 0; turn < NNC_TRIAL_TURNS; turn++)
        assert_int_equal(shared_of(&t, NNC_TRIAL_RUNS, 1, 2), turn % 2 ? 0 : NNC_TRIAL_RUNS);
    assert_int_equal(shared_of(&t, NNC_TRIAL_PERIOD - BOTH, 1, 2), 0);
    assert_int_equal(shared_of(&t, NNC_TRIAL_PERIOD, 3, 2), NNC_TRIAL_PERIOD - BOTH / 2);
    assert_int_equal(shared_of(&t, NNC_TRIAL_PERIOD, 2, 3), BOTH / 2);
}

/* Whichever way a step runs that neither is surely worth sharing nor surely not, every task is done once. */
static void test_both_ways(void **state)
{
    static const double COSTS[KERNELS] = {1e6, 1e6, 1e6, 1e6, 1e6, 1e6};
    nnc_team *team = nnc_team_open(2);
    (void)state;
    for (int i = 0; i < 2 * BOTH; i++)
        check_step(team, COSTS, 0, 64);
    nnc_team_close(team);
}

/* The largest workspace that was asked for serves all; one that had to move is the new one's. */
static void test_workspace(void **state)
{
    nnc_arena arena;
    nnc_team *team = nnc_team_open(1);
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    nnc_team_reserve(team, &arena, 4096);
    void *small = nnc_team_workspace(team);
    assert_non_null(small);
    memset(small, 1, 4096);
    nnc_team_reserve(team, &arena, 64);
    assert_ptr_equal(nnc_team_workspace(team), small);
    nnc_team_reserve(team, &arena, 1 << 24);
    memset(nnc_team_workspace(team), 2, 1 << 24);
    assert_int_equal((uintptr_t)nnc_team_workspace(team) % 64, 0);
    nnc_team_close(team);
    nnc_arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_trial), cmocka_unit_test(test_both_ways), cmocka_unit_test(test_each_task_once), cmocka_unit_test(test_near), cmocka_unit_test(test_places), cmocka_unit_test(test_other_ways),
                                       cmocka_unit_test(test_workspace)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
