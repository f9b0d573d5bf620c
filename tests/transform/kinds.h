/* The kinds of random formulas: each a function that adds one to the program, and gives 0 where what was picked does not fit. Their table is in formulas.h. */
#ifndef NNC_TESTS_KINDS_H
#define NNC_TESTS_KINDS_H

#include "maker.h"

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

/* A recurrent layer: h[t, i] = tanh(0.5 * sum(j: h[t-1, j] * u[j, i]) + x[i]), h[-1] = 0. */
static inline nnc_tensor_id make_recurrent(maker *m)
{
    nnc_program *p = m->p;
    recurrence r;
    draft s = {0}, g = {0};
    nnc_ref at[8] = {0};
    pick_recurrence(m, &r);
    nnc_tensor_id u = pick_rows(m, r.n);
    if (!u)
        return make_scan(m);
    uint32_t first = r.first;
    r.shape[first + 1] = r.n;
    nnc_tensor_id h = declare(m, "h", NNC_REAL, 0, r.shape, first + 2);
    for (uint32_t i = 0; i < first + 2; i++)
        at[i] = add_left(m, &s, r.shape[i]);
    nnc_ref unit = at[first + 1], later = nnc_within(p, at[first], 1, INT64_MAX), j = add_over(m, &s, extent(m, u, 0) < r.n ? extent(m, u, 0) : r.n);
    at[first] = moved(m, at[first], -1);
    at[first + 1] = j;
    nnc_ref before = nnc_select(p, later, nnc_read(p, h, at, first + 2), number(m, 0)), weight = nnc_read(p, u, (nnc_ref[]){j, unit}, 2);
    nnc_tensor_id z = finish(m, &s, NNC_REDUCE_SUM, binary(m, NNC_OP_MUL, before, weight));
    for (uint32_t i = 0; i < first + 2; i++)
        at[i] = add_left(m, &g, r.shape[i]);
    nnc_ref sum = scaled(m, nnc_read(p, z, at, first + 2), 0.5);
    nnc_set_body(p, h, NNC_REDUCE_NONE, g.left, NULL, NULL, 0, unary(m, NNC_OP_TANH, binary(m, NNC_OP_ADD, sum, feed_of(m, &r, at[0], at[first + 1]))));
    return h;
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

#endif
