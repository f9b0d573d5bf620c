/* The greatest common divisor. */
#ifndef NNC_BASE_DIVISOR_H
#define NNC_BASE_DIVISOR_H

#include <stdint.h>

/* Not negative; that of a and 0 is a's size. */
static inline int64_t nnc_common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

#endif
