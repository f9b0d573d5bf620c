/* Time. */
#ifndef NNC_BASE_CLOCK_H
#define NNC_BASE_CLOCK_H

/* Seconds of a clock that never goes back; from when on is not told. */
double nnc_now(void);

#endif
