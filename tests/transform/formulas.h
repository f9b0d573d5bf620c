/* Random programs of formulas, and their values: for the tests of this folder and of others. Deterministic by seed. */
#ifndef NNC_TESTS_FORMULAS_H
#define NNC_TESTS_FORMULAS_H

#include "kinds.h"

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
    {"recurrent", make_recurrent, 2},
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
