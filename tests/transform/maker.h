/* What random formulas are made with: a generator of numbers, a program and what it has, one formula's draft, tensors and subscripts that fit. Deterministic by seed. */
#ifndef NNC_TESTS_MAKER_H
#define NNC_TESTS_MAKER_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "formula/interpret.h"

enum { BATCH = 3, MAX_MADE = 64, MAX_KINDS = 32 };

typedef struct maker {
    nnc_program *p;
    uint64_t state;
    bool wide;                         /* extents of tens rather than of a few: tiles, lanes and what is left over of them */
    nnc_tensor_id made[MAX_MADE];      /* real tensors that may be read */
    uint8_t kind[MAX_MADE];            /* of each: a row of formula_kinds */
    uint32_t count;
    nnc_tensor_id leaf[MAX_MADE];      /* those to be differentiated by */
    uint32_t leaves;
    nnc_tensor_id label;               /* [batch]: class(4), or class(40) where extents are wide */
    nnc_tensor_id word;                /* [5]: class(4) */
    nnc_tensor_id gap;                 /* [batch, n]: some are missing */
} maker;

static inline uint32_t roll(maker *m, uint32_t below)
{
    m->state = m->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(m->state >> 33) % below;
}

static inline double roll_real(maker *m) { return (double)roll(m, 2000001) / 1e6 - 1; }

/* An extent: at least 2, and few, or perhaps tens. */
static inline int64_t roll_extent(maker *m, uint32_t few) { return 2 + roll(m, m->wide ? 9 * few : few); }

/* ---- one formula: its indices as variables ----
 *
 * A seed is to name one program whatever compiler built the test: no call below has two arguments that roll, or that make nodes. */

typedef struct draft { nnc_ref left[8], over[8]; int64_t left_extent[8], over_extent[8]; uint32_t rank, reduced; } draft;

static inline nnc_ref add_left(maker *m, draft *d, int64_t extent)
{
    d->left_extent[d->rank] = extent;
    return d->left[d->rank++] = nnc_variable(m->p);
}

static inline nnc_ref add_over(maker *m, draft *d, int64_t extent)
{
    d->over_extent[d->reduced] = extent;
    return d->over[d->reduced++] = nnc_variable(m->p);
}

static inline nnc_tensor_id finish(maker *m, draft *d, nnc_reduce reduce, nnc_ref body)
{
    char name[32];
    snprintf(name, sizeof name, "t%u", (unsigned)m->p->tensors);
    return nnc_define(m->p, nnc_arena_string(m->p->arena, name), (nnc_span){0}, d->reduced ? reduce : NNC_REDUCE_NONE, d->left, d->left_extent, d->rank, d->over,
                      d->over_extent, d->reduced, body);
}

static inline int64_t extent(const maker *m, nnc_tensor_id t, uint32_t i) { return nnc_tensor_at(m->p, t)->extent[i]; }
static inline uint32_t rank(const maker *m, nnc_tensor_id t) { return nnc_tensor_at(m->p, t)->rank; }
static inline uint32_t first_of(const maker *m, nnc_tensor_id t) { return nnc_batched(nnc_tensor_at(m->p, t)); }
static inline nnc_ref unary(maker *m, nnc_op op, nnc_ref a) { return nnc_unary(m->p, op, a); }
static inline nnc_ref binary(maker *m, nnc_op op, nnc_ref a, nnc_ref b) { return nnc_binary(m->p, op, a, b); }
static inline nnc_ref number(maker *m, double x) { return nnc_real(m->p, x); }
static inline nnc_ref scaled(maker *m, nnc_ref a, double by) { return binary(m, NNC_OP_MUL, a, number(m, by)); }
static inline nnc_ref shifted(maker *m, nnc_ref a, double by) { return binary(m, NNC_OP_ADD, a, number(m, by)); }
static inline nnc_ref moved(maker *m, nnc_ref index, int64_t by) { return nnc_affine(m->p, 1, index, 0, 0, by); }
static inline nnc_ref turned(maker *m, nnc_ref index, int64_t extent) { return nnc_affine(m->p, -1, index, 0, 0, extent - 1); }

/* A new left index for each dimension of t. */
static inline void left_like(maker *m, draft *d, nnc_tensor_id t, nnc_ref *index)
{
    for (uint32_t i = 0; i < rank(m, t); i++)
        index[i] = add_left(m, d, extent(m, t, i));
}

static inline nnc_tensor_id pick(maker *m) { return m->made[roll(m, m->count)]; }

/* A tensor with at least so many dimensions besides the batch. */
static inline nnc_tensor_id pick_rank(maker *m, uint32_t least)
{
    for (int i = 0; i < 50; i++) {
        nnc_tensor_id t = pick(m);
        if (rank(m, t) - first_of(m, t) >= least)
            return t;
    }
    return m->made[least < 3 ? least : 2];
}

/* A tensor of each example; there is x at least. */
static inline nnc_tensor_id pick_batched(maker *m)
{
    for (;;) {
        nnc_tensor_id t = pick(m);
        if (first_of(m, t))
            return t;
    }
}

static inline uint32_t pick_axis(maker *m, nnc_tensor_id t)
{
    uint32_t first = first_of(m, t);
    return first + roll(m, rank(m, t) - first);
}

/* A subscript for a dimension of n: an index of the formula that runs no further, as it is or backwards, or a constant; 0: none of those tried fits. */
static inline nnc_ref some_subscript(maker *m, const draft *d, int64_t n)
{
    for (uint32_t k = 0; k < 8; k++) {
        uint32_t at = roll(m, d->rank + d->reduced + 1);
        if (at == d->rank + d->reduced) {
            if (n > 0)
                return nnc_integer(m->p, roll(m, (uint32_t)n));
            continue;
        }
        int64_t have = at < d->rank ? d->left_extent[at] : d->over_extent[at - d->rank];
        nnc_ref index = at < d->rank ? d->left[at] : d->over[at - d->rank];
        if ((n == NNC_EXTENT_BATCH) == (have == NNC_EXTENT_BATCH) && have <= n)
            return have == n && n > 0 && roll(m, 6) == 0 ? turned(m, index, n) : index;
    }
    return 0;
}

/* A read of some tensor at indices that fit; or, now and then, an index as a number. */
static inline nnc_ref read_somewhere(maker *m, const draft *d)
{
    nnc_tensor_id t = pick(m);
    nnc_ref subscript[8];
    if (d->rank > 0 && d->left_extent[d->rank - 1] > 0 && roll(m, 12) == 0) {
        nnc_ref place = nnc_to_real(m->p, nnc_affine(m->p, 2, d->left[d->rank - 1], 0, 0, -3));
        return scaled(m, place, 0.125);
    }
    for (uint32_t i = 0; i < rank(m, t); i++) {
        int64_t n = extent(m, t, i);
        subscript[i] = some_subscript(m, d, n);
        if (!subscript[i] && n == NNC_EXTENT_BATCH)
            return number(m, 0.5);
        if (!subscript[i])
            subscript[i] = nnc_integer(m->p, 0);
    }
    return nnc_read(m->p, t, subscript, rank(m, t));
}

#endif
