/* Is it faster shared by threads, or done by one? Small steps are not told by counting: what one thread writes the other must fetch, and how long that
 * takes depends on which cores the system gave. So both ways are tried a few times and the faster one is kept; now and then both are tried again.
 * Results are the same either way. */
#ifndef NNC_RUNTIME_TRIAL_H
#define NNC_RUNTIME_TRIAL_H

#include <stdbool.h>

enum { NNC_TRIAL_RUNS = 4,        /* one way after the other: the first ones find caches as the other way left them */
       NNC_TRIAL_TURNS = 4,       /* of so many runs each: shared, by one, shared, by one */
       NNC_TRIAL_PERIOD = 2048 }; /* runs from one trial to the next */

/* All zero at first. */
typedef struct nnc_trial {
    double best[2];               /* the shortest time of a trial's runs, in seconds: by one, shared */
    unsigned run;                 /* in this period */
} nnc_trial;

/* How the next run goes: by turns, then by the faster way. */
bool nnc_trial_shares(const nnc_trial *t);
/* What the run took. */
void nnc_trial_took(nnc_trial *t, double seconds);

#endif
