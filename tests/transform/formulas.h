/* Random programs of formulas, and their values: for the tests of this folder. Deterministic by seed. */
#ifndef NNC_TESTS_FORMULAS_H
#define NNC_TESTS_FORMULAS_H

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

/* ---- kinds of formulas; 0 where what was picked does not fit ---- */

static inline nnc_ref some_operation(maker *m, nnc_ref x, nnc_ref y)
{
    nnc_ref half = number(m, 0.5), square = binary(m, NNC_OP_MUL, y, y), positive = binary(m, NNC_OP_ADD, square, half), a, b;
    switch (roll(m, 18)) {
    case 0: return binary(m, NNC_OP_ADD, x, y);
    case 1: return binary(m, NNC_OP_SUB, y, x);
    case 2: return binary(m, NNC_OP_MUL, x, y);
    case 3: return binary(m, NNC_OP_DIV, x, positive);
    case 4: return unary(m, NNC_OP_TANH, binary(m, NNC_OP_ADD, x, unary(m, NNC_OP_SIN, y)));
    case 5: return unary(m, NNC_OP_SIGMOID, x);
    case 6: return unary(m, NNC_OP_EXP, unary(m, NNC_OP_NEG, unary(m, NNC_OP_ABS, x)));
    case 7: return unary(m, NNC_OP_LOG, positive);
    case 8: return unary(m, NNC_OP_SQRT, positive);
    case 9: return binary(m, NNC_OP_MAX, x, y);
    case 10: return binary(m, NNC_OP_MIN, half, binary(m, NNC_OP_MUL, x, x));
    case 11:
        a = scaled(m, x, 2);
        b = unary(m, NNC_OP_COS, y);
        return nnc_select(m->p, binary(m, NNC_OP_LESS, x, y), a, b);
    case 12: return binary(m, NNC_OP_POW, positive, unary(m, NNC_OP_SIN, x));
    case 13: return binary(m, NNC_OP_POW, x, number(m, 3));
    case 14: return unary(m, NNC_OP_ERF, x);
    case 15: return binary(m, NNC_OP_MODULO, x, positive);
    case 16: return unary(m, NNC_OP_TANH, x);
    default:
        a = unary(m, NNC_OP_SIGN, x);
        b = binary(m, NNC_OP_MAX, number(m, 0), y);
        return binary(m, NNC_OP_MUL, a, b);
    }
}

static inline nnc_tensor_id make_elementwise(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_tensor_id a = pick(m);
    left_like(m, &d, a, index);
    nnc_ref x = nnc_read(m->p, a, index, rank(m, a)), y = read_somewhere(m, &d);
    return finish(m, &d, NNC_REDUCE_NONE, some_operation(m, x, y));
}

/* y[i.., u] = sum(k: a[.., k] * b[k, u]) and its like: some dimensions kept, some summed. */
static inline nnc_tensor_id make_contraction(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_tensor_id a = pick(m);
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = roll(m, 2) || extent(m, a, i) == NNC_EXTENT_BATCH ? 0 : add_over(m, &d, extent(m, a, i));
    draft left = {0};
    for (uint32_t i = 0; i < rank(m, a); i++)
        if (!index[i])
            index[i] = add_left(m, &left, extent(m, a, i));
    if (roll(m, 2) && left.rank < 4)
        add_left(m, &left, roll_extent(m, 3));
    memcpy(d.left, left.left, sizeof d.left);
    memcpy(d.left_extent, left.left_extent, sizeof d.left_extent);
    d.rank = left.rank;
    nnc_ref body = nnc_read(m->p, a, index, rank(m, a));
    body = binary(m, NNC_OP_MUL, body, read_somewhere(m, &d));
    if (roll(m, 3) == 0)
        body = binary(m, NNC_OP_ADD, body, read_somewhere(m, &d));
    return d.reduced ? finish(m, &d, NNC_REDUCE_SUM, body) : 0;
}

/* One axis of a window: index becomes i*stride + tap*dilation - pad, and is inside where *inside. */
static inline bool add_window(maker *m, draft *d, int64_t n, uint32_t least, nnc_ref *index, nnc_ref *inside)
{
    int64_t size = least + roll(m, 3), stride = 1 + roll(m, 3), dilation = 1 + (roll(m, 4) == 0), pad = roll(m, 2), span = (size - 1) * dilation + 1;
    if (n + 2 * pad < span)
        return false;
    nnc_ref place = add_left(m, d, (n + 2 * pad - span) / stride + 1), tap = add_over(m, d, size);
    *index = nnc_affine(m->p, stride, place, dilation, tap, -pad);
    nnc_ref here = nnc_within(m->p, *index, 0, n - 1);
    *inside = *inside ? binary(m, NNC_OP_AND, *inside, here) : here;
    return true;
}

/* y[i, ..] = reduce(d: if inside then x[i*stride + d*dilation - pad, ..] else outside), along one axis or two. */
static inline nnc_tensor_id make_window_of(maker *m, nnc_reduce reduce)
{
    draft d = {0};
    nnc_ref index[8] = {0}, inside = 0;
    nnc_tensor_id a = pick_rank(m, 1);
    nnc_program *p = m->p;
    uint32_t axis = pick_axis(m, a), second = roll(m, 2) ? axis + 1 : 0;
    for (uint32_t i = 0; i < rank(m, a); i++) {
        if (i != axis && i != second)
            index[i] = add_left(m, &d, extent(m, a, i));
        else if (!add_window(m, &d, extent(m, a, i), reduce == NNC_REDUCE_SUM ? 1 : 2, &index[i], &inside))
            return 0;
    }
    nnc_ref x = nnc_read(p, a, index, rank(m, a)), outside = number(m, reduce == NNC_REDUCE_SUM ? 0 : reduce == NNC_REDUCE_MAX ? -2 : 2);
    if (reduce == NNC_REDUCE_SUM)
        x = binary(m, NNC_OP_MUL, x, read_somewhere(m, &d));
    return finish(m, &d, reduce, nnc_select(p, inside, x, outside));
}

/* A window of each example along its last dimension, into few channels: y[b, .., i, c] = sum(t: x[b, .., i + t] * k[t, 1, c]). The long dimension is not the last one. */
static inline nnc_tensor_id make_channels(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_tensor_id a = pick_batched(m), k = m->made[2];
    uint32_t last = rank(m, a) - 1;
    int64_t taps = extent(m, k, 0), n = extent(m, a, last);
    if (last == 0 || n <= taps)
        return 0;
    for (uint32_t i = 0; i <= last; i++)
        index[i] = add_left(m, &d, i < last ? extent(m, a, i) : n - taps + 1);
    nnc_ref channel = add_left(m, &d, 1 + roll(m, 2)), tap = add_over(m, &d, taps), one = nnc_integer(m->p, 1);
    index[last] = nnc_affine(m->p, 1, index[last], 1, tap, 0);
    nnc_ref x = nnc_read(m->p, a, index, rank(m, a)), by = nnc_read(m->p, k, (nnc_ref[]){tap, one, channel}, 3);
    return finish(m, &d, NNC_REDUCE_SUM, binary(m, NNC_OP_MUL, x, by));
}

static inline nnc_tensor_id make_window(maker *m) { return make_window_of(m, NNC_REDUCE_SUM); }
static inline nnc_tensor_id make_pool(maker *m) { return make_window_of(m, roll(m, 2) ? NNC_REDUCE_MAX : NNC_REDUCE_MIN); }

/* A transposed convolution: y[i] = sum(d: if (i + pad - d) mod stride == 0 and inside then x[floor((i + pad - d) / stride)] * w else 0) */
static inline nnc_tensor_id make_transposed(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_program *p = m->p;
    nnc_tensor_id a = pick_rank(m, 1);
    uint32_t axis = pick_axis(m, a);
    int64_t n = extent(m, a, axis), stride = 2 + roll(m, 2), size = 1 + roll(m, 4), pad = roll(m, 2);
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = add_left(m, &d, i == axis ? n * stride : extent(m, a, i));
    nnc_ref at = nnc_affine(p, 1, index[axis], -1, add_over(m, &d, size), pad), whole = nnc_within(p, nnc_remainder(p, at, stride), 0, 0);
    nnc_ref inside = binary(m, NNC_OP_AND, whole, nnc_within(p, at, 0, n * stride - 1));
    index[axis] = nnc_quotient(p, at, stride);
    nnc_ref x = nnc_read(p, a, index, rank(m, a)), body = binary(m, NNC_OP_MUL, x, read_somewhere(m, &d));
    return finish(m, &d, NNC_REDUCE_SUM, nnc_select(p, inside, body, number(m, 0)));
}

/* The elements of one example in row-major order under another shape. */
static inline nnc_tensor_id make_reshape(maker *m)
{
    static const int64_t factor[] = {2, 3, 4};
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_program *p = m->p;
    nnc_tensor_id a = pick(m);
    uint32_t first = first_of(m, a);
    int64_t elements = nnc_elements(nnc_tensor_at(p, a)), f = factor[roll(m, 3)], g = factor[roll(m, 3)];
    nnc_ref b = first ? add_left(m, &d, NNC_EXTENT_BATCH) : 0, at;
    if (roll(m, 4) == 0) {
        at = add_left(m, &d, elements);
    } else if (elements % (f * g) == 0 && roll(m, 2)) {
        nnc_ref i = add_left(m, &d, elements / (f * g)), j = add_left(m, &d, f), k = add_left(m, &d, g);
        at = nnc_affine(p, 1, nnc_affine(p, f * g, i, g, j, 0), 1, k, 0);
    } else if (elements % f == 0) {
        nnc_ref i = add_left(m, &d, elements / f), j = add_left(m, &d, f);
        at = nnc_affine(p, f, i, 1, j, 0);
    } else {
        at = add_left(m, &d, elements);
    }
    for (uint32_t i = rank(m, a); i-- > first;) {
        int64_t n = extent(m, a, i);
        index[i] = i > first ? nnc_remainder(p, at, n) : at;
        at = nnc_quotient(p, at, n);
    }
    if (b)
        index[0] = b;
    return finish(m, &d, NNC_REDUCE_NONE, nnc_read(p, a, index, rank(m, a)));
}

/* Along one dimension: x, then y. */
static inline nnc_tensor_id make_concat(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_program *p = m->p;
    nnc_tensor_id a = pick_rank(m, 1);
    uint32_t axis = pick_axis(m, a);
    int64_t n = extent(m, a, axis);
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = add_left(m, &d, i == axis ? 2 * n : extent(m, a, i));
    nnc_ref i = index[axis], low = nnc_within(p, i, INT64_MIN, n - 1);
    nnc_ref x = unary(m, NNC_OP_SIN, nnc_read(p, a, index, rank(m, a)));
    index[axis] = moved(m, i, -n);
    nnc_ref y = nnc_read(p, a, index, rank(m, a));
    return finish(m, &d, NNC_REDUCE_NONE, nnc_select(p, low, x, binary(m, NNC_OP_MUL, y, y)));
}

static inline nnc_tensor_id make_diagonal(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_program *p = m->p;
    nnc_tensor_id a = pick_rank(m, 2);
    uint32_t first = first_of(m, a);
    if (rank(m, a) < first + 2)
        return 0;
    int64_t n = extent(m, a, first), k = extent(m, a, first + 1), least = n < k ? n : k;
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = i == first + 1 ? index[first] : add_left(m, &d, i == first ? least : extent(m, a, i));
    nnc_ref x = nnc_read(p, a, index, rank(m, a));
    if (roll(m, 2)) {                                   /* x[i, n - 1 - i] besides */
        index[first + 1] = turned(m, index[first], least);
        x = binary(m, NNC_OP_MUL, x, nnc_read(p, a, index, rank(m, a)));
    }
    return finish(m, &d, NNC_REDUCE_NONE, x);
}

/* Two conditions of two indices, as in causal attention, with `or` and `not` between them. */
static inline nnc_tensor_id make_guard(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_program *p = m->p;
    nnc_tensor_id a = pick_rank(m, 2);
    uint32_t first = first_of(m, a);
    if (rank(m, a) < first + 2)
        return 0;
    left_like(m, &d, a, index);
    int64_t low = (int64_t)roll(m, 4) - 2;
    nnc_ref below = nnc_within(p, nnc_affine(p, 1, index[first], -1, index[first + 1], 0), low, INT64_MAX);
    nnc_ref far = nnc_within(p, nnc_affine(p, 1, index[first], 2, index[first + 1], 0), 3, 9), guard = below;
    if (roll(m, 3) == 0)
        guard = binary(m, NNC_OP_OR, unary(m, NNC_OP_NOT, below), far);
    else if (roll(m, 2))
        guard = binary(m, NNC_OP_AND, below, unary(m, NNC_OP_NOT, far));
    nnc_ref x = nnc_read(p, a, index, rank(m, a)), y = read_somewhere(m, &d);
    return finish(m, &d, NNC_REDUCE_NONE, nnc_select(p, guard, x, roll(m, 2) ? y : number(m, -3)));
}

/* Rows of a tensor chosen by `place`, an integer over `left` indices of d, or by none where it is outside. */
static inline nnc_tensor_id look_up(maker *m, draft *d, nnc_ref place, nnc_tensor_id a)
{
    nnc_ref index[8] = {0};
    nnc_program *p = m->p;
    uint32_t first = first_of(m, a);
    if (first && (d->rank == 0 || d->left_extent[0] != NNC_EXTENT_BATCH))
        return 0;
    if (first)
        index[0] = d->left[0];
    for (uint32_t i = first + 1; i < rank(m, a); i++)
        index[i] = add_left(m, d, extent(m, a, i));
    index[first] = place;
    nnc_ref inside = nnc_within(p, place, 0, extent(m, a, first) - 1), x = nnc_read(p, a, index, rank(m, a));
    return finish(m, d, NNC_REDUCE_NONE, nnc_select(p, inside, x, number(m, 0.25)));
}

static inline nnc_tensor_id make_lookup(maker *m)
{
    draft d = {0};
    nnc_tensor_id a = pick_rank(m, 1), by = roll(m, 2) ? m->word : m->label;
    nnc_ref at = add_left(m, &d, extent(m, by, 0));
    return look_up(m, &d, nnc_read(m->p, by, &at, 1), a);
}

/* The row where another tensor is greatest, or least. */
static inline nnc_tensor_id make_choice(maker *m)
{
    draft d = {0}, s = {0};
    nnc_ref index[8] = {0};
    nnc_tensor_id a = pick_rank(m, 1), by = pick_rank(m, 1);
    uint32_t r = rank(m, by), summed = 1 + (r > 2 && roll(m, 3) == 0);
    for (uint32_t i = 0; i < r; i++)
        index[i] = i < r - summed ? add_left(m, &s, extent(m, by, i)) : add_over(m, &s, extent(m, by, i));
    for (uint32_t i = r - summed; i < r; i++)
        if (extent(m, by, i) < 0)
            return 0;
    nnc_tensor_id choice = finish(m, &s, roll(m, 2) ? NNC_REDUCE_ARGMAX : NNC_REDUCE_ARGMIN, nnc_read(m->p, by, index, r));
    for (uint32_t i = 0; i < r - summed; i++)
        index[i] = add_left(m, &d, extent(m, by, i));
    return look_up(m, &d, nnc_read(m->p, choice, index, r - summed), a);
}

/* The row floor(e) for a real e. */
static inline nnc_tensor_id make_floor(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_tensor_id a = pick_rank(m, 1), by = pick(m);
    if (rank(m, by) > 2)
        return 0;
    left_like(m, &d, by, index);
    nnc_ref e = scaled(m, nnc_read(m->p, by, index, rank(m, by)), (double)extent(m, a, first_of(m, a)) / 2);
    return look_up(m, &d, nnc_floor_integer(m->p, shifted(m, e, 0.7)), a);
}

static inline nnc_tensor_id make_reduction(maker *m)
{
    static const nnc_reduce reduce[] = {NNC_REDUCE_MAX, NNC_REDUCE_MIN, NNC_REDUCE_SUM};
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_tensor_id a = pick(m);
    uint32_t from = roll(m, rank(m, a) + 1);
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = i < from ? add_left(m, &d, extent(m, a, i)) : 0;
    for (uint32_t i = from; i < rank(m, a); i++)
        index[i] = add_over(m, &d, extent(m, a, i));
    nnc_ref x = nnc_read(m->p, a, index, rank(m, a));
    if (roll(m, 2))
        x = shifted(m, unary(m, NNC_OP_SIN, x), 0.7);
    return d.reduced ? finish(m, &d, reduce[roll(m, 3)], x) : 0;
}

/* A product of few factors, some of which may be 0. */
static inline nnc_tensor_id make_product(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_tensor_id a = pick_rank(m, 1);
    uint32_t axis = roll(m, 4) == 0 ? 0 : pick_axis(m, a);
    if (extent(m, a, axis) > 9)
        return 0;
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = i == axis ? add_over(m, &d, extent(m, a, i)) : add_left(m, &d, extent(m, a, i));
    nnc_ref x = nnc_read(m->p, a, index, rank(m, a));
    return finish(m, &d, NNC_REDUCE_PROD, roll(m, 2) ? x : binary(m, NNC_OP_MAX, number(m, 0), x));
}

/* x less its mean over the batch, or its square. */
static inline nnc_tensor_id make_batch(maker *m)
{
    draft d = {0}, s = {0};
    nnc_ref index[8] = {0};
    nnc_program *p = m->p;
    nnc_tensor_id a = pick_batched(m);
    index[0] = add_over(m, &s, NNC_EXTENT_BATCH);
    for (uint32_t i = 1; i < rank(m, a); i++)
        index[i] = add_left(m, &s, extent(m, a, i));
    nnc_tensor_id sum = finish(m, &s, NNC_REDUCE_SUM, nnc_read(p, a, index, rank(m, a)));
    left_like(m, &d, a, index);
    nnc_ref total = nnc_read(p, sum, index + 1, rank(m, a) - 1), mean = binary(m, NNC_OP_DIV, total, nnc_count(p, NNC_EXTENT_BATCH));
    nnc_ref x = binary(m, NNC_OP_SUB, nnc_read(p, a, index, rank(m, a)), mean);
    return finish(m, &d, NNC_REDUCE_NONE, roll(m, 2) ? x : binary(m, NNC_OP_MUL, x, x));
}

/* The next example's value, or the one's before. */
static inline nnc_tensor_id make_neighbour(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_tensor_id a = pick_batched(m);
    left_like(m, &d, a, index);
    nnc_ref x = nnc_read(m->p, a, index, rank(m, a));
    index[0] = nnc_neighbour(m->p, index[0], roll(m, 2) ? 1 : -1);
    return finish(m, &d, NNC_REDUCE_NONE, binary(m, NNC_OP_MUL, x, nnc_read(m->p, a, index, rank(m, a))));
}

/* [batch?, n] and how many steps: what a recurrence runs over. */
typedef struct recurrence { nnc_tensor_id x; uint32_t first; int64_t n, steps, shape[4]; } recurrence;

static inline void pick_recurrence(maker *m, recurrence *r)
{
    do {
        r->x = pick(m);              /* v is one that fits */
        r->first = first_of(m, r->x);
    } while (rank(m, r->x) != r->first + 1);
    r->steps = 2 + roll(m, 3);
    r->n = extent(m, r->x, r->first);
    r->shape[0] = NNC_EXTENT_BATCH;
    r->shape[r->first] = r->steps;
}

static inline nnc_ref feed_of(maker *m, const recurrence *r, nnc_ref batch, nnc_ref unit)
{
    return nnc_read(m->p, r->x, r->first ? (nnc_ref[]){batch, unit} : &unit, r->first + 1);
}

static inline nnc_tensor_id declare(maker *m, const char *name, nnc_element element, int64_t classes, const int64_t *shape, uint32_t r)
{
    return nnc_declare(m->p, NNC_KIND_FORMULA, name, (nnc_span){0}, element, classes, shape, r);
}

/* h[t, i] = tanh(0.7 * h[t-1, n-1-i] + sum(j: h[t-1, j]) * x[t, i]), h[-1] = sin(x): two formulas of one cycle. */
static inline nnc_tensor_id make_scan(maker *m)
{
    nnc_program *p = m->p;
    recurrence r;
    draft s = {0}, g = {0};
    nnc_ref at[8] = {0};
    pick_recurrence(m, &r);
    uint32_t first = r.first;
    r.shape[first + 1] = r.n;
    nnc_tensor_id h = declare(m, "h", NNC_REAL, 0, r.shape, first + 2);
    for (uint32_t i = 0; i < first + 1; i++)
        at[i] = add_left(m, &s, r.shape[i]);
    nnc_ref later = nnc_within(p, at[first], 1, INT64_MAX);
    at[first] = moved(m, at[first], -1);
    at[first + 1] = add_over(m, &s, r.n);
    nnc_ref last = nnc_read(p, h, at, first + 2);
    nnc_tensor_id total = finish(m, &s, NNC_REDUCE_SUM, nnc_select(p, later, last, number(m, 0)));
    for (uint32_t i = 0; i < first + 2; i++)
        at[i] = add_left(m, &g, r.shape[i]);
    nnc_ref t = at[first], unit = at[first + 1], feed = feed_of(m, &r, at[0], unit);
    nnc_ref mass = binary(m, NNC_OP_MUL, nnc_read(p, total, at, first + 1), feed);
    at[first] = moved(m, t, -1);
    at[first + 1] = turned(m, unit, r.n);
    later = nnc_within(p, t, 1, INT64_MAX);
    last = nnc_read(p, h, at, first + 2);
    nnc_ref before = scaled(m, nnc_select(p, later, last, unary(m, NNC_OP_SIN, feed)), 0.7);
    nnc_set_body(p, h, NNC_REDUCE_NONE, g.left, NULL, NULL, 0, unary(m, NNC_OP_TANH, binary(m, NNC_OP_ADD, before, mass)));
    return h;
}

/* A scan in a scan: h[t, s, i] = tanh(0.8 * (h[t, s-1, i], or at s = 0 what the step before ended with, turned around) + x[i]) */
static inline nnc_tensor_id make_nested_scan(maker *m)
{
    nnc_program *p = m->p;
    recurrence r;
    draft g = {0};
    nnc_ref at[8] = {0};
    pick_recurrence(m, &r);
    uint32_t first = r.first;
    int64_t inner = 2 + roll(m, 2);
    r.shape[first + 1] = inner;
    r.shape[first + 2] = r.n;
    nnc_tensor_id h = declare(m, "h", NNC_REAL, 0, r.shape, first + 3);
    for (uint32_t i = 0; i < first + 3; i++)
        at[i] = add_left(m, &g, r.shape[i]);
    nnc_ref t = at[first], s = at[first + 1], unit = at[first + 2], feed = feed_of(m, &r, at[0], unit), zero = number(m, 0);
    nnc_ref within = nnc_within(p, s, 1, INT64_MAX), later = nnc_within(p, t, 1, INT64_MAX);
    at[first + 1] = moved(m, s, -1);
    nnc_ref step = nnc_read(p, h, at, first + 3);
    at[first] = moved(m, t, -1);
    at[first + 1] = nnc_integer(p, inner - 1);
    at[first + 2] = turned(m, unit, r.n);
    nnc_ref start = nnc_select(p, later, nnc_read(p, h, at, first + 3), zero), before = scaled(m, nnc_select(p, within, step, start), 0.8);
    nnc_set_body(p, h, NNC_REDUCE_NONE, g.left, NULL, NULL, 0, unary(m, NNC_OP_TANH, binary(m, NNC_OP_ADD, before, feed)));
    return h;
}

/* [any, n or more], the same for every example; 0: there is none. */
static inline nnc_tensor_id pick_rows(maker *m, int64_t n)
{
    for (uint32_t from = roll(m, m->count), i = 0; i < m->count; i++) {
        nnc_tensor_id t = m->made[(from + i) % m->count];
        if (!first_of(m, t) && rank(m, t) == 2 && extent(m, t, 1) >= n)
            return t;
    }
    return 0;
}

/* Greedy decoding: c[t] = argmax(j: s[t, j]), s[t, j] = sin(x[j] + e[c[t-1], j] * (t + 1)): a class is what the steps hand on. */
static inline nnc_tensor_id make_decoding(maker *m)
{
    nnc_program *p = m->p;
    recurrence r;
    draft g = {0}, k = {0};
    nnc_ref at[8] = {0};
    pick_recurrence(m, &r);
    nnc_tensor_id e = pick_rows(m, r.n);
    if (!e)
        return 0;
    uint32_t first = r.first;
    r.shape[first + 1] = r.n;
    nnc_tensor_id s = declare(m, "s", NNC_REAL, 0, r.shape, first + 2), c = declare(m, "c", NNC_INTEGER, r.n, r.shape, first + 1);
    for (uint32_t i = 0; i < first + 2; i++)
        at[i] = add_left(m, &g, r.shape[i]);
    nnc_ref t = at[first], unit = at[first + 1], feed = feed_of(m, &r, at[0], unit), later = nnc_within(p, t, 1, INT64_MAX);
    at[first] = moved(m, t, -1);
    nnc_ref last = nnc_read(p, c, at, first + 1), word = nnc_select(p, later, last, nnc_integer(p, 1));
    nnc_ref known = nnc_within(p, word, 0, extent(m, e, 0) - 1), row = nnc_read(p, e, (nnc_ref[]){word, unit}, 2);
    row = nnc_select(p, known, row, number(m, 0.3));
    row = binary(m, NNC_OP_MUL, row, nnc_to_real(p, moved(m, t, 1)));
    nnc_set_body(p, s, NNC_REDUCE_NONE, g.left, NULL, NULL, 0, unary(m, NNC_OP_SIN, binary(m, NNC_OP_ADD, feed, row)));
    for (uint32_t i = 0; i < first + 1; i++)
        at[i] = add_left(m, &k, r.shape[i]);
    at[first + 1] = add_over(m, &k, r.n);
    nnc_set_body(p, c, NNC_REDUCE_ARGMAX, k.left, k.over, k.over_extent, 1, nnc_read(p, s, at, first + 2));
    return s;
}

/* Turned around by a few places, or each place several times. */
static inline nnc_tensor_id make_turned(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_program *p = m->p;
    nnc_tensor_id a = pick_rank(m, 1);
    uint32_t axis = pick_axis(m, a);
    int64_t n = extent(m, a, axis), c = (int64_t)roll(m, 9) - 4;
    bool turn = roll(m, 2);
    int64_t times = 2 + roll(m, 2), shift = turn ? 0 : roll(m, 2);
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = add_left(m, &d, i != axis ? extent(m, a, i) : turn ? n + roll(m, 3) : n * times - shift);
    nnc_ref at = index[axis];
    index[axis] = turn ? nnc_remainder(p, nnc_affine(p, roll(m, 2) ? 1 : -1, at, 0, 0, c), n) : nnc_quotient(p, moved(m, at, shift), times);
    nnc_ref x = nnc_read(p, a, index, rank(m, a));
    if (turn && roll(m, 2)) {
        index[axis] = nnc_remainder(p, nnc_affine(p, 2, at, 0, 0, 1), n);
        x = binary(m, NNC_OP_MUL, x, nnc_read(p, a, index, rank(m, a)));
    }
    return finish(m, &d, NNC_REDUCE_NONE, x);
}

/* x * (1 + a draw / 2), as dropout and noise do it. */
static inline nnc_tensor_id make_draw(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    nnc_tensor_id a = pick(m);
    left_like(m, &d, a, index);
    nnc_ref draw = nnc_draw(m->p, roll(m, 2) ? NNC_OP_RANDOM : NNC_OP_GAUSSIAN, m->p->sites++, index, rank(m, a));
    nnc_ref noise = shifted(m, scaled(m, draw, 0.5), 1);
    return finish(m, &d, NNC_REDUCE_NONE, binary(m, NNC_OP_MUL, nnc_read(m->p, a, index, rank(m, a)), noise));
}

/* What is missing is filled in. */
static inline nnc_tensor_id make_missing(maker *m)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    left_like(m, &d, m->gap, index);
    nnc_ref x = nnc_read(m->p, m->gap, index, 2), y = read_somewhere(m, &d), none = unary(m, NNC_OP_MISSING, x);
    return finish(m, &d, NNC_REDUCE_NONE, nnc_select(m->p, none, y, binary(m, NNC_OP_MUL, x, x)));
}

/* A formula of truths, and what chooses by it. */
static inline nnc_tensor_id make_truth(maker *m)
{
    draft d = {0}, s = {0};
    nnc_ref index[8] = {0};
    nnc_tensor_id a = pick(m);
    left_like(m, &s, a, index);
    nnc_ref x = nnc_read(m->p, a, index, rank(m, a)), y = read_somewhere(m, &s);
    nnc_tensor_id truth = finish(m, &s, NNC_REDUCE_NONE, binary(m, roll(m, 2) ? NNC_OP_LESS : NNC_OP_LESS_EQUAL, x, y));
    left_like(m, &d, a, index);
    nnc_ref chosen = nnc_read(m->p, truth, index, rank(m, a));
    x = unary(m, NNC_OP_COS, nnc_read(m->p, a, index, rank(m, a)));
    return finish(m, &d, NNC_REDUCE_NONE, nnc_select(m->p, chosen, x, read_somewhere(m, &d)));
}

typedef struct formula_kind { const char *name; nnc_tensor_id (*make)(maker *m); uint32_t weight; } formula_kind;

static const formula_kind formula_kinds[] = {
    {"leaf", NULL, 0},
    {"elementwise", make_elementwise, 4},
    {"contraction", make_contraction, 3},
    {"window", make_window, 2},
    {"pool", make_pool, 2},
    {"channels", make_channels, 1},
    {"transposed window", make_transposed, 1},
    {"reshape", make_reshape, 2},
    {"concat", make_concat, 1},
    {"diagonal", make_diagonal, 1},
    {"guard", make_guard, 2},
    {"lookup", make_lookup, 2},
    {"choice", make_choice, 2},
    {"floor", make_floor, 2},
    {"reduction", make_reduction, 2},
    {"product", make_product, 2},
    {"batch statistic", make_batch, 1},
    {"neighbour", make_neighbour, 1},
    {"scan", make_scan, 2},
    {"nested scan", make_nested_scan, 2},
    {"decoding", make_decoding, 4},
    {"turned", make_turned, 1},
    {"draw", make_draw, 1},
    {"missing", make_missing, 1},
    {"truth", make_truth, 1},
};
enum { FORMULA_KINDS = sizeof formula_kinds / sizeof *formula_kinds };

/* Few enough elements, so that a night has room for many programs. */
static inline bool is_small(const maker *m, nnc_tensor_id t)
{
    return nnc_elements(nnc_tensor_at(m->p, t)) <= (m->wide ? 1500 : 120) && rank(m, t) <= 4;
}

static inline void make_one(maker *m)
{
    uint32_t total = 0, kind = 0;
    for (uint32_t k = 0; k < FORMULA_KINDS; k++)
        total += formula_kinds[k].weight;
    for (uint32_t at = roll(m, total); at >= formula_kinds[kind].weight; kind++)
        at -= formula_kinds[kind].weight;
    nnc_tensor_id t = formula_kinds[kind].make(m);
    if (t && is_small(m, t)) {
        m->kind[m->count] = (uint8_t)kind;
        m->made[m->count++] = t;
    }
}

/* sum(all: sin(t)) of the last few tensors together. */
static inline nnc_tensor_id make_loss(maker *m)
{
    nnc_ref total = number(m, 0);
    for (uint32_t k = 0; k < 4 && k < m->count; k++) {
        nnc_tensor_id t = m->made[m->count - 1 - k];
        draft d = {0};
        nnc_ref index[8] = {0};
        for (uint32_t i = 0; i < rank(m, t); i++)
            index[i] = add_over(m, &d, extent(m, t, i));
        nnc_tensor_id part = finish(m, &d, NNC_REDUCE_SUM, unary(m, NNC_OP_SIN, nnc_read(m->p, t, index, rank(m, t))));
        total = binary(m, NNC_OP_ADD, total, nnc_read(m->p, part, NULL, 0));
    }
    draft d = {0};
    return finish(m, &d, NNC_REDUCE_NONE, total);
}

static inline nnc_tensor_id make_leaf(maker *m, nnc_kind kind, const char *name, uint32_t r, int64_t a, int64_t b, int64_t c)
{
    nnc_tensor_id t = nnc_declare(m->p, kind, name, (nnc_span){0}, NNC_REAL, 0, (int64_t[]){a, b, c}, r);
    m->leaf[m->leaves++] = t;
    return t;
}

static inline void make_leaves(maker *m)
{
    static const float words[5] = {2, 0, 3, 2, 1};
    int64_t v = roll_extent(m, 4), w = roll_extent(m, 3), x = roll_extent(m, 3), k = 2 + roll(m, 2), l = 2 + roll(m, 2), f = roll_extent(m, 5), s = roll_extent(m, 3);
    m->made[m->count++] = make_leaf(m, NNC_KIND_PARAMETER, "v", 1, v, 0, 0);
    m->made[m->count++] = make_leaf(m, NNC_KIND_PARAMETER, "w", 2, w, x, 0);
    m->made[m->count++] = make_leaf(m, NNC_KIND_PARAMETER, "k", 3, k, l, 4);
    m->made[m->count++] = make_leaf(m, NNC_KIND_INPUT, "x", 2, NNC_EXTENT_BATCH, f, 0);
    m->made[m->count++] = make_leaf(m, NNC_KIND_STATE, "s", 2, s, 4, 0);
    m->gap = make_leaf(m, NNC_KIND_INPUT, "gap", 2, NNC_EXTENT_BATCH, 4, 0);
    m->label = nnc_declare(m->p, NNC_KIND_INPUT, "label", (nnc_span){0}, NNC_INTEGER, m->wide ? 40 : 4, (int64_t[]){NNC_EXTENT_BATCH}, 1);
    m->word = nnc_declare(m->p, NNC_KIND_CONSTANT, "word", (nnc_span){0}, NNC_INTEGER, 4, (int64_t[]){5}, 1);
    nnc_tensor_at(m->p, m->word)->values = words;
}

/* Leaves and at most `formulas` random formulas. */
static inline void make_formulas(maker *m, nnc_arena *arena, uint64_t seed, uint32_t formulas)
{
    *m = (maker){.p = nnc_program_new(arena), .state = seed * 2654435761u + 12345, .wide = seed % 4 == 3};
    make_leaves(m);
    for (uint32_t i = 0; i < formulas && m->count < MAX_MADE; i++)
        make_one(m);
}

/* A program of them; gives the loss. */
static inline nnc_tensor_id make_program(maker *m, nnc_arena *arena, uint64_t seed, uint32_t formulas)
{
    make_formulas(m, arena, seed, formulas);
    return make_loss(m);
}

/* Counts the kinds of the formulas that the loss depends on. */
static inline void count_kinds(const maker *m, const bool *needed, uint32_t *reached)
{
    for (uint32_t i = 0; i < m->count; i++)
        reached[m->kind[i]] += needed[m->made[i]];
}

/* ---- values ---- */

/* A value for an element of a leaf, by name: the same in every program that has the leaf. */
static inline double leaf_value(const nnc_tensor *t, int64_t i)
{
    uint64_t h = (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u;
    for (const char *c = t->name; *c; c++)
        h = (h ^ (unsigned char)*c) * 0x100000001B3u;
    h ^= h >> 29;
    h *= 0xBF58476D1CE4E5B9u;
    h ^= h >> 32;
    if (t->element != NNC_REAL)
        return (double)(h % (uint64_t)(t->classes ? t->classes : 2));
    if (strcmp(t->name, "gap") == 0 && h >> 40 & 1)
        return NAN;
    return (double)(h % 2000001u) / 1e6 - 1;
}

static inline int64_t count_of(const nnc_tensor *t) { return nnc_elements(t) * (nnc_batched(t) ? BATCH : 1); }

static inline bool is_given(const nnc_tensor *t)
{
    return t->kind == NNC_KIND_INPUT || t->kind == NNC_KIND_PARAMETER || t->kind == NNC_KIND_STATE || t->kind == NNC_KIND_FIT;
}

static inline void set_leaf(nnc_interpreter *in, nnc_tensor_id id, int64_t moved, double by)
{
    const nnc_tensor *t = nnc_tensor_at(in->program, id);
    int64_t n = count_of(t);
    double *values = malloc((size_t)n * sizeof *values);
    for (int64_t i = 0; i < n; i++)
        values[i] = leaf_value(t, i) + (i == moved ? by : 0);
    nnc_interpreter_set(in, id, values);
    free(values);
}

static inline nnc_interpreter *run_program(nnc_arena *arena, const nnc_program *p, const nnc_tensor_id *roots, uint32_t count)
{
    nnc_interpreter *in = nnc_interpreter_new(arena, p, BATCH);
    in->step = 2;
    in->steps = 100;
    in->epoch = 1;
    in->epochs = 10;
    in->seed = 7;
    for (nnc_tensor_id t = 1; t < p->tensors; t++)
        if (is_given(nnc_tensor_at(p, t)))
            set_leaf(in, t, -1, 0);
    nnc_interpreter_run_for(in, roots, count);
    return in;
}

#endif
