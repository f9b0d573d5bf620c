/* Names found by binary search: a header may have 65,535 of them. */
#ifndef NNC_RUNTIME_DATA_NAMES_H
#define NNC_RUNTIME_DATA_NAMES_H

#include <stdint.h>
#include "base/arena.h"

typedef struct nnc_names {
    const char *const *name;
    int64_t *order;                /* by name, then by place */
    int64_t count;
} nnc_names;

nnc_names nnc_names_new(nnc_arena *arena, const char *const *name, int64_t count);
/* How many there are of that name, and where the first of them stands in `order`. */
int64_t nnc_names_find(const nnc_names *names, const char *name, int64_t *first);
/* The nth (from 0) place of that name, or -1. */
int64_t nnc_names_nth(const nnc_names *names, const char *name, int64_t nth);
/* How many of the same name stand before this place. */
int64_t nnc_names_rank(const nnc_names *names, int64_t place);

#endif
