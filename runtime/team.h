/* A small team of threads that runs compiled steps. The caller is its first member; the others wait at a barrier that spins about 2 us and
 * then sleeps (pure spinning costs 18-97 us where cores are shared). Results do not depend on the number of threads: a kernel's tasks are
 * independent, and each is done by one thread whole. */
#ifndef NNC_RUNTIME_TEAM_H
#define NNC_RUNTIME_TEAM_H

#include "base/arena.h"
#include "runtime/step.h"

typedef struct nnc_team nnc_team;

/* NULL where the system gives no threads or memory. threads >= 1. */
nnc_team *nnc_team_open(int threads);
void nnc_team_close(nnc_team *team);
int nnc_team_threads(const nnc_team *team);
/* The memory that steps compute in: one after another, and nothing in it outlives a run, so the largest that was asked for is enough for all.
 * Asking again may move it. Out of memory leaves by the arena's path. */
void nnc_team_reserve(nnc_team *team, const nnc_arena *arena, int64_t bytes);
void *nnc_team_workspace(const nnc_team *team);
/* What brings rows first .. last-1 of the batch; may run on any thread, on several at a time for different rows. */
typedef struct nnc_team_rows { void (*bring)(void *context, int64_t first, int64_t last); void *context; } nnc_team_rows;
/* Runs the step on `batch` examples, after `rows` (NULL: nothing) has brought them. pointers: workspace, persistent, host, then the step's arguments.
 * Allocates nothing. */
void nnc_team_run(nnc_team *team, const nnc_step *step, void *const *pointers, int64_t batch, const nnc_team_rows *rows);

#endif
