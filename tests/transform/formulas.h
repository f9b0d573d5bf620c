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

enum { BATCH = 3, MAX_MADE = 64 };

typedef struct maker {
    nnc_program *p;
    uint64_t state;
    nnc_tensor_id made[MAX_MADE];      /* real tensors that may be read */
    uint32_t count;
    nnc_tensor_id leaf[MAX_MADE];      /* those to be differentiated by */
    uint32_t leaves;
    nnc_tensor_id label;               /* [batch]: class(4) */
    nnc_tensor_id word;                /* [5]: class(4) */
} maker;

static inline uint32_t roll(maker *m, uint32_t below)
{
    m->state = m->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(m->state >> 33) % below;
}

static inline double roll_real(maker *m) { return (double)roll(m, 2000001) / 1e6 - 1; }

/* ---- one formula: its indices as variables ---- */

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
static inline nnc_ref unary(maker *m, nnc_op op, nnc_ref a) { return nnc_unary(m->p, op, a); }
static inline nnc_ref binary(maker *m, nnc_op op, nnc_ref a, nnc_ref b) { return nnc_binary(m->p, op, a, b); }

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
        if (rank(m, t) - nnc_batched(nnc_tensor_at(m->p, t)) >= least)
            return t;
    }
    return m->made[least < 3 ? least : 2];
}

/* A read of some tensor at indices that fit: each dimension takes one of the given indices of enough extent, or a constant. */
static inline nnc_ref read_somewhere(maker *m, const draft *d)
{
    nnc_tensor_id t = pick(m);
    nnc_ref subscript[8];
    for (uint32_t i = 0; i < rank(m, t); i++) {
        int64_t n = extent(m, t, i);
        subscript[i] = 0;
        for (uint32_t k = 0; k < 8 && !subscript[i]; k++) {
            uint32_t at = roll(m, d->rank + d->reduced + 1);
            int64_t have = at < d->rank ? d->left_extent[at] : at < d->rank + d->reduced ? d->over_extent[at - d->rank] : 1;
            nnc_ref index = at < d->rank ? d->left[at] : at < d->rank + d->reduced ? d->over[at - d->rank] : nnc_integer(m->p, roll(m, (uint32_t)(n > 0 ? n : 1)));
            if ((n == NNC_EXTENT_BATCH) == (have == NNC_EXTENT_BATCH) && (have <= n))
                subscript[i] = have == n && n > 0 && roll(m, 6) == 0 ? nnc_affine(m->p, -1, index, 0, 0, n - 1) : index;
        }
        if (!subscript[i] && n == NNC_EXTENT_BATCH)
            return nnc_real(m->p, 0.5);
        if (!subscript[i])
            subscript[i] = nnc_integer(m->p, 0);
    }
    return nnc_read(m->p, t, subscript, rank(m, t));
}

/* ---- kinds of formulas ---- */

static inline nnc_tensor_id make_elementwise(maker *m)
{
    draft d = {0};
    nnc_ref index[8];
    nnc_tensor_id a = pick(m);
    left_like(m, &d, a, index);
    nnc_ref x = nnc_read(m->p, a, index, rank(m, a)), y = read_somewhere(m, &d), half = nnc_real(m->p, 0.5), two = nnc_real(m->p, 2);
    nnc_ref positive = binary(m, NNC_OP_ADD, binary(m, NNC_OP_MUL, y, y), half);
    nnc_ref body = 0;
    switch (roll(m, 18)) {
    case 0: body = binary(m, NNC_OP_ADD, x, y); break;
    case 1: body = binary(m, NNC_OP_SUB, y, x); break;
    case 2: body = binary(m, NNC_OP_MUL, x, y); break;
    case 3: body = binary(m, NNC_OP_DIV, x, positive); break;
    case 4: body = unary(m, NNC_OP_TANH, binary(m, NNC_OP_ADD, x, unary(m, NNC_OP_SIN, y))); break;
    case 5: body = unary(m, NNC_OP_SIGMOID, x); break;
    case 6: body = unary(m, NNC_OP_EXP, unary(m, NNC_OP_NEG, unary(m, NNC_OP_ABS, x))); break;
    case 7: body = unary(m, NNC_OP_LOG, positive); break;
    case 8: body = unary(m, NNC_OP_SQRT, positive); break;
    case 9: body = binary(m, NNC_OP_MAX, x, y); break;
    case 10: body = binary(m, NNC_OP_MIN, half, binary(m, NNC_OP_MUL, x, x)); break;
    case 11: body = nnc_select(m->p, binary(m, NNC_OP_LESS, x, y), binary(m, NNC_OP_MUL, x, two), unary(m, NNC_OP_COS, y)); break;
    case 12: body = binary(m, NNC_OP_POW, positive, unary(m, NNC_OP_SIN, x)); break;
    case 13: body = binary(m, NNC_OP_POW, x, nnc_real(m->p, 3)); break;
    case 14: body = unary(m, NNC_OP_ERF, x); break;
    case 15: body = binary(m, NNC_OP_MODULO, x, positive); break;
    case 16: body = unary(m, NNC_OP_TANH, x); break;
    default: body = binary(m, NNC_OP_MUL, unary(m, NNC_OP_SIGN, x), binary(m, NNC_OP_MAX, nnc_real(m->p, 0), y)); break;
    }
    return finish(m, &d, NNC_REDUCE_NONE, body);
}

/* y[i.., u] = sum(k: a[.., k] * b[k, u]) and its like: some dimensions kept, some summed. */
static inline nnc_tensor_id make_contraction(maker *m)
{
    draft d = {0};
    nnc_ref index[8];
    nnc_tensor_id a = pick(m);
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = roll(m, 2) || extent(m, a, i) == NNC_EXTENT_BATCH ? 0 : add_over(m, &d, extent(m, a, i));
    draft left = {0};
    for (uint32_t i = 0; i < rank(m, a); i++)
        if (!index[i])
            index[i] = add_left(m, &left, extent(m, a, i));
    if (roll(m, 2) && left.rank < 4)
        add_left(m, &left, 2 + roll(m, 3));
    memcpy(d.left, left.left, sizeof d.left);
    memcpy(d.left_extent, left.left_extent, sizeof d.left_extent);
    d.rank = left.rank;
    nnc_ref body = nnc_read(m->p, a, index, rank(m, a));
    body = binary(m, NNC_OP_MUL, body, read_somewhere(m, &d));
    if (roll(m, 3) == 0)
        body = binary(m, NNC_OP_ADD, body, read_somewhere(m, &d));
    return finish(m, &d, NNC_REDUCE_SUM, body);
}

/* y[i, ..] = reduce(d: if inside then x[i*stride + d*dilation - pad, ..] else 0), weighted where it is a sum. */
static inline nnc_tensor_id make_window(maker *m)
{
    draft d = {0};
    nnc_ref index[8];
    nnc_tensor_id a = pick_rank(m, 1);
    nnc_program *p = m->p;
    uint32_t axis = nnc_batched(nnc_tensor_at(p, a));
    int64_t n = extent(m, a, axis), size = 1 + roll(m, 3), stride = 1 + roll(m, 3), dilation = 1 + (roll(m, 4) == 0), pad = roll(m, 2);
    int64_t span = (size - 1) * dilation + 1;
    if (n + 2 * pad < span)
        return make_elementwise(m);
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = add_left(m, &d, i == axis ? (n + 2 * pad - span) / stride + 1 : extent(m, a, i));
    nnc_ref tap = add_over(m, &d, size), at = nnc_affine(p, stride, index[axis], dilation, tap, -pad);
    bool sum = roll(m, 2), most = roll(m, 2);
    index[axis] = at;
    nnc_ref inside = nnc_within(p, at, 0, n - 1), x = nnc_read(p, a, index, rank(m, a));
    if (sum) {
        nnc_ref weight = read_somewhere(m, &d);
        return finish(m, &d, NNC_REDUCE_SUM, nnc_select(p, inside, binary(m, NNC_OP_MUL, x, weight), nnc_real(p, 0)));
    }
    return finish(m, &d, most ? NNC_REDUCE_MAX : NNC_REDUCE_MIN, nnc_select(p, inside, x, nnc_real(p, most ? -50 : 50)));
}

/* The elements of one example in row-major order under another shape. */
static inline nnc_tensor_id make_reshape(maker *m)
{
    static const int64_t factor[] = {2, 3, 4};
    draft d = {0};
    nnc_ref index[8];
    nnc_program *p = m->p;
    nnc_tensor_id a = pick(m);
    uint32_t first = nnc_batched(nnc_tensor_at(p, a));
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

/* Along the first dimension: x, then y. */
static inline nnc_tensor_id make_concat(maker *m)
{
    draft d = {0};
    nnc_ref index[8];
    nnc_program *p = m->p;
    nnc_tensor_id a = pick_rank(m, 1);
    uint32_t axis = nnc_batched(nnc_tensor_at(p, a));
    int64_t n = extent(m, a, axis);
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = add_left(m, &d, i == axis ? 2 * n : extent(m, a, i));
    nnc_ref i = index[axis], low = nnc_within(p, i, INT64_MIN, n - 1);
    nnc_ref x = nnc_read(p, a, index, rank(m, a));
    index[axis] = nnc_affine(p, 1, i, 0, 0, -n);
    nnc_ref y = nnc_read(p, a, index, rank(m, a));
    return finish(m, &d, NNC_REDUCE_NONE, nnc_select(p, low, unary(m, NNC_OP_SIN, x), binary(m, NNC_OP_MUL, y, y)));
}

static inline nnc_tensor_id make_diagonal(maker *m)
{
    draft d = {0};
    nnc_ref index[8];
    nnc_program *p = m->p;
    nnc_tensor_id a = pick_rank(m, 2);
    uint32_t first = nnc_batched(nnc_tensor_at(p, a));
    if (rank(m, a) < first + 2)
        return make_elementwise(m);
    int64_t n = extent(m, a, first), k = extent(m, a, first + 1), least = n < k ? n : k;
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = i == first + 1 ? index[first] : add_left(m, &d, i == first ? least : extent(m, a, i));
    nnc_ref x = nnc_read(p, a, index, rank(m, a));
    if (roll(m, 2)) {                                   /* x[i, n - 1 - i] besides */
        index[first + 1] = nnc_affine(p, -1, index[first], 0, 0, least - 1);
        x = binary(m, NNC_OP_MUL, x, nnc_read(p, a, index, rank(m, a)));
    }
    return finish(m, &d, NNC_REDUCE_NONE, x);
}

/* Rows chosen by a class, or by a floor. */
static inline nnc_tensor_id make_lookup(maker *m)
{
    draft d = {0};
    nnc_ref index[8];
    nnc_program *p = m->p;
    nnc_tensor_id a = pick_rank(m, 1);
    uint32_t axis = nnc_batched(nnc_tensor_at(p, a));
    int64_t n = extent(m, a, axis);
    bool by_word = roll(m, 2);
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = i == axis ? add_left(m, &d, by_word ? 5 : NNC_EXTENT_BATCH) : add_left(m, &d, extent(m, a, i));
    if (axis && !by_word)
        return make_elementwise(m);
    nnc_ref class = nnc_read(p, by_word ? m->word : m->label, &index[axis], 1);
    index[axis] = class;
    nnc_ref inside = nnc_within(p, class, 0, n - 1);
    return finish(m, &d, NNC_REDUCE_NONE, nnc_select(p, inside, nnc_read(p, a, index, rank(m, a)), nnc_real(p, 0.25)));
}

static inline nnc_tensor_id make_reduction(maker *m)
{
    static const nnc_reduce reduce[] = {NNC_REDUCE_MAX, NNC_REDUCE_MIN, NNC_REDUCE_PROD, NNC_REDUCE_SUM};
    draft d = {0};
    nnc_ref index[8];
    nnc_tensor_id a = pick(m);
    uint32_t from = roll(m, rank(m, a) + 1);
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = i < from ? add_left(m, &d, extent(m, a, i)) : 0;
    for (uint32_t i = from; i < rank(m, a); i++)
        index[i] = add_over(m, &d, extent(m, a, i));
    nnc_ref x = nnc_read(m->p, a, index, rank(m, a));
    return finish(m, &d, reduce[roll(m, 4)], roll(m, 2) ? x : binary(m, NNC_OP_ADD, unary(m, NNC_OP_SIN, x), nnc_real(m->p, 0.7)));
}

/* x less its mean over the batch, or the next example's value besides. */
static inline nnc_tensor_id make_batch(maker *m)
{
    draft d = {0}, s = {0};
    nnc_ref index[8];
    nnc_program *p = m->p;
    nnc_tensor_id a = pick(m);
    if (!nnc_batched(nnc_tensor_at(p, a)))
        return make_elementwise(m);
    if (roll(m, 3) == 0) {
        left_like(m, &d, a, index);
        nnc_ref x = nnc_read(p, a, index, rank(m, a));
        index[0] = nnc_neighbour(p, index[0], roll(m, 2) ? 1 : -1);
        return finish(m, &d, NNC_REDUCE_NONE, binary(m, NNC_OP_MUL, x, nnc_read(p, a, index, rank(m, a))));
    }
    index[0] = add_over(m, &s, NNC_EXTENT_BATCH);
    for (uint32_t i = 1; i < rank(m, a); i++)
        index[i] = add_left(m, &s, extent(m, a, i));
    nnc_tensor_id sum = finish(m, &s, NNC_REDUCE_SUM, nnc_read(p, a, index, rank(m, a)));
    left_like(m, &d, a, index);
    nnc_ref mean = binary(m, NNC_OP_DIV, nnc_read(p, sum, index + 1, rank(m, a) - 1), nnc_count(p, NNC_EXTENT_BATCH));
    nnc_ref x = binary(m, NNC_OP_SUB, nnc_read(p, a, index, rank(m, a)), mean);
    return finish(m, &d, NNC_REDUCE_NONE, roll(m, 2) ? x : binary(m, NNC_OP_MUL, x, x));
}

/* h[t, i] = tanh(0.7 * h[t-1, n-1-i] + sum(j: h[t-1, j]) * x[t, i]), h[-1] = start, and a second tensor of the cycle. */
static inline nnc_tensor_id make_scan(maker *m)
{
    nnc_program *p = m->p;
    nnc_tensor_id x = pick_rank(m, 1);
    uint32_t first = nnc_batched(nnc_tensor_at(p, x)), r = rank(m, x);
    int64_t steps = 2 + roll(m, 3), shape[8];
    if (r != first + 1)
        return make_elementwise(m);
    for (uint32_t i = 0; i < first; i++)
        shape[i] = NNC_EXTENT_BATCH;
    int64_t n = extent(m, x, first);
    shape[first] = steps;
    shape[first + 1] = n;
    nnc_tensor_id h = nnc_declare(p, NNC_KIND_FORMULA, "h", (nnc_span){0}, NNC_REAL, 0, shape, first + 2);
    draft s = {0}, g = {0};
    nnc_ref at[8], zero = nnc_real(p, 0);
    for (uint32_t i = 0; i < first + 1; i++)
        at[i] = add_left(m, &s, shape[i]);
    nnc_ref t = at[first], later = nnc_within(p, t, 1, INT64_MAX);
    at[first] = nnc_affine(p, 1, t, 0, 0, -1);
    at[first + 1] = add_over(m, &s, n);
    nnc_tensor_id total = finish(m, &s, NNC_REDUCE_SUM, nnc_select(p, later, nnc_read(p, h, at, first + 2), zero));
    for (uint32_t i = 0; i < first + 2; i++)
        at[i] = add_left(m, &g, shape[i]);
    t = at[first];
    nnc_ref unit = at[first + 1], feed = nnc_read(p, x, (nnc_ref[]){first ? at[0] : unit, unit}, r);
    nnc_ref mass = binary(m, NNC_OP_MUL, nnc_read(p, total, at, first + 1), feed);
    at[first] = nnc_affine(p, 1, t, 0, 0, -1);
    at[first + 1] = nnc_affine(p, -1, unit, 0, 0, n - 1);
    nnc_ref before = nnc_select(p, nnc_within(p, t, 1, INT64_MAX), nnc_read(p, h, at, first + 2), unary(m, NNC_OP_SIN, feed));
    nnc_ref body = unary(m, NNC_OP_TANH, binary(m, NNC_OP_ADD, binary(m, NNC_OP_MUL, before, nnc_real(p, 0.7)), mass));
    nnc_set_body(p, h, NNC_REDUCE_NONE, g.left, NULL, NULL, 0, body);
    return h;
}

/* Turned around by a few places, or each place several times. */
static inline nnc_tensor_id make_turned(maker *m)
{
    draft d = {0};
    nnc_ref index[8];
    nnc_program *p = m->p;
    nnc_tensor_id a = pick_rank(m, 1);
    uint32_t axis = nnc_batched(nnc_tensor_at(p, a));
    int64_t n = extent(m, a, axis), c = (int64_t)roll(m, 9) - 4;
    bool turn = roll(m, 2);
    int64_t times = 2 + roll(m, 2), shift = turn ? 0 : roll(m, 2);
    for (uint32_t i = 0; i < rank(m, a); i++)
        index[i] = add_left(m, &d, i != axis ? extent(m, a, i) : turn ? n + roll(m, 3) : n * times - shift);
    nnc_ref at = index[axis];
    index[axis] = turn ? nnc_remainder(p, nnc_affine(p, roll(m, 2) ? 1 : -1, at, 0, 0, c), n) : nnc_quotient(p, nnc_affine(p, 1, at, 0, 0, shift), times);
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
    nnc_ref index[8];
    nnc_tensor_id a = pick(m);
    left_like(m, &d, a, index);
    nnc_ref draw = nnc_draw(m->p, roll(m, 2) ? NNC_OP_RANDOM : NNC_OP_GAUSSIAN, m->p->sites++, index, rank(m, a));
    nnc_ref noise = binary(m, NNC_OP_ADD, nnc_real(m->p, 1), binary(m, NNC_OP_MUL, nnc_real(m->p, 0.5), draw));
    return finish(m, &d, NNC_REDUCE_NONE, binary(m, NNC_OP_MUL, nnc_read(m->p, a, index, rank(m, a)), noise));
}

static inline nnc_tensor_id make_one(maker *m)
{
    switch (roll(m, 16)) {
    case 12: return make_draw(m);
    case 0: case 1: return make_contraction(m);
    case 2: case 3: return make_window(m);
    case 4: return make_reshape(m);
    case 5: return make_concat(m);
    case 6: return make_diagonal(m);
    case 7: return make_lookup(m);
    case 8: return make_reduction(m);
    case 9: return make_batch(m);
    case 10: return make_scan(m);
    case 11: return make_turned(m);
    default: return make_elementwise(m);
    }
}

static inline bool is_small(const maker *m, nnc_tensor_id t)
{
    return nnc_elements(nnc_tensor_at(m->p, t)) <= 120 && rank(m, t) <= 4;
}

/* sum(all: sin(t)) of the last few tensors together. */
static inline nnc_tensor_id make_loss(maker *m)
{
    nnc_ref total = nnc_real(m->p, 0);
    for (uint32_t k = 0; k < 3 && k < m->count; k++) {
        nnc_tensor_id t = m->made[m->count - 1 - k];
        draft d = {0};
        nnc_ref index[8];
        for (uint32_t i = 0; i < rank(m, t); i++)
            index[i] = add_over(m, &d, extent(m, t, i));
        nnc_tensor_id part = finish(m, &d, NNC_REDUCE_SUM, unary(m, NNC_OP_SIN, nnc_read(m->p, t, index, rank(m, t))));
        total = binary(m, NNC_OP_ADD, total, nnc_read(m->p, part, NULL, 0));
    }
    draft d = {0};
    return finish(m, &d, NNC_REDUCE_NONE, total);
}

static inline void make_leaf(maker *m, nnc_kind kind, const char *name, uint32_t r, const int64_t *shape)
{
    nnc_tensor_id t = nnc_declare(m->p, kind, name, (nnc_span){0}, NNC_REAL, 0, shape, r);
    m->made[m->count++] = t;
    m->leaf[m->leaves++] = t;
}

/* A program of `formulas` random formulas; gives the loss. */
static inline nnc_tensor_id make_program(maker *m, nnc_arena *arena, uint64_t seed, uint32_t formulas)
{
    *m = (maker){.p = nnc_program_new(arena), .state = seed * 2654435761u + 12345};
    make_leaf(m, NNC_KIND_PARAMETER, "v", 1, (int64_t[]){2 + roll(m, 4)});
    make_leaf(m, NNC_KIND_PARAMETER, "w", 2, (int64_t[]){2 + roll(m, 3), 2 + roll(m, 3)});
    make_leaf(m, NNC_KIND_PARAMETER, "k", 3, (int64_t[]){2 + roll(m, 2), 2 + roll(m, 2), 4});
    make_leaf(m, NNC_KIND_INPUT, "x", 2, (int64_t[]){NNC_EXTENT_BATCH, 2 + roll(m, 5)});
    m->label = nnc_declare(m->p, NNC_KIND_INPUT, "label", (nnc_span){0}, NNC_INTEGER, 4, (int64_t[]){NNC_EXTENT_BATCH}, 1);
    m->word = nnc_declare(m->p, NNC_KIND_CONSTANT, "word", (nnc_span){0}, NNC_INTEGER, 4, (int64_t[]){5}, 1);
    static const float words[5] = {2, 0, 3, 2, 1};
    nnc_tensor_at(m->p, m->word)->values = words;
    for (uint32_t i = 0; i < formulas && m->count < MAX_MADE; i++) {
        nnc_tensor_id t = make_one(m);
        if (is_small(m, t))
            m->made[m->count++] = t;
    }
    return make_loss(m);
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
