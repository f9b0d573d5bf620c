/* Products and sums of sizes that come from a user, with overflow told. Limits are the language's own. */
#ifndef NNC_BASE_CHECKED_H
#define NNC_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

enum { NNC_MAX_RANK = 8 };                        /* dimensions of a tensor as a user writes it */
#define NNC_MAX_ELEMENTS ((int64_t)1 << 40)

/* True and *result set, or false where the true value does not fit. */
static inline bool nnc_checked_multiply(int64_t a, int64_t b, int64_t *result) { return !__builtin_mul_overflow(a, b, result); }
static inline bool nnc_checked_add(int64_t a, int64_t b, int64_t *result) { return !__builtin_add_overflow(a, b, result); }

/* Floor division and the remainder with the sign of b, for b > 0. */
static inline int64_t nnc_floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }
static inline int64_t nnc_floor_modulo(int64_t a, int64_t b) { int64_t r = a % b; return r < 0 ? r + b : r; }

#endif
