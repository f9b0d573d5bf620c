/* Random formulas with their gradients: gradients against central differences; compiled kernels and emitted C against the interpreter, on any number of threads.
 *
 *     test_random [COUNT [SEED]]       COUNT programs from SEED on; CI runs a few, a night as many as it likes
 *
 * At the end it tells how often each kind of formula was reached, and each way of a schedule was taken; none may be missing where there were enough programs. */
#include "compiled.h"

enum { ENOUGH = 80 };      /* programs, for each kind and each way to be among them */

static uint64_t count = ENOUGH, first_seed = 1;
static uint32_t reached[MAX_KINDS], taken[NNC_WAYS];

/* Half of the leaves' values are multiples of a half, so that there are ties, and zeros. */
static double tied_value(const nnc_tensor *t, int64_t i)
{
    double x = leaf_value(t, i);
    return t->element == NNC_REAL && (t->name[0] == 'k' || t->name[0] == 'v') ? floor(2 * x) / 2 : x;
}

/* Which formulas the loss depends on, in one way or another. */
static void mark_needed(const nnc_program *p, nnc_ref ref, bool *needed)
{
    const nnc_node *n = nnc_at(p, ref);
    nnc_tensor_id read = n->op == NNC_OP_READ ? (nnc_tensor_id)n->integer[0] : 0;
    if (read && !needed[read]) {
        needed[read] = true;
        if (nnc_tensor_at(p, read)->body)
            mark_needed(p, nnc_tensor_at(p, read)->body, needed);
    }
    for (uint32_t i = 0; i < n->count; i++)
        mark_needed(p, nnc_arg(p, ref, i), needed);
}

static void check_differences(uint64_t seed, uint32_t formulas)
{
    nnc_arena arena;
    maker m;
    char what[40];
    nnc_arena_open(&arena, NULL, NULL);
    nnc_tensor_id loss = make_program(&m, &arena, seed, formulas);
    bool *needed = NNC_ARRAY(&arena, bool, m.p->tensors);
    mark_needed(m.p, nnc_tensor_at(m.p, loss)->body, needed);
    count_kinds(&m, needed, reached);
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)seed);
    check_gradients(&arena, m.p, loss, m.leaf, m.leaves, what);
    nnc_arena_close(&arena);
}

/* ---- formulas of a size at which a schedule does more: too large for differences and for the programs of most seeds ---- */

/* y[i, j] = sum(k: a[i, k] * table[k, j]), of the batch's rows or of others, some of it under a condition. */
static nnc_tensor_id make_large_product(maker *m, nnc_tensor_id table)
{
    draft d = {0};
    int64_t n = extent(m, table, 0), rows = 24 + (int64_t)roll(m, 9);
    bool batched = roll(m, 2);
    nnc_tensor_id a = make_leaf(m, batched ? NNC_KIND_INPUT : NNC_KIND_PARAMETER, "rows", 2, batched ? NNC_EXTENT_BATCH : rows, n, 0);
    nnc_ref i = add_left(m, &d, extent(m, a, 0)), j = add_left(m, &d, extent(m, table, 1)), k = add_over(m, &d, n);
    nnc_ref x = nnc_read(m->p, a, (nnc_ref[]){i, k}, 2), y = nnc_read(m->p, table, (nnc_ref[]){k, j}, 2), body = binary(m, NNC_OP_MUL, x, y);
    uint64_t kind = batched ? 0 : roll(m, 4);
    nnc_ref guarded = kind > 1 ? k : j;                 /* on what is summed, or on elements alone */
    if (kind > 0)
        body = nnc_select(m->p, nnc_within(m->p, nnc_affine(m->p, 9, i, -1, guarded, 0), -20, INT64_MAX), body, number(m, 0));
    return finish(m, &d, NNC_REDUCE_SUM, body);
}

/* y[j] = sum(k: column[k] * table[k, j]) */
static nnc_tensor_id make_large_row(maker *m, nnc_tensor_id table)
{
    draft d = {0};
    nnc_tensor_id a = make_leaf(m, NNC_KIND_PARAMETER, "column", 1, extent(m, table, 0), 0, 0);
    nnc_ref j = add_left(m, &d, extent(m, table, 1)), k = add_over(m, &d, extent(m, table, 0));
    nnc_ref x = nnc_read(m->p, a, &k, 1), y = nnc_read(m->p, table, (nnc_ref[]){k, j}, 2);
    return finish(m, &d, NNC_REDUCE_SUM, binary(m, NNC_OP_MUL, x, y));
}

/* y[b, j] = table[label[b], j] */
static nnc_tensor_id make_large_lookup(maker *m, nnc_tensor_id table)
{
    draft d = {0};
    nnc_ref b = add_left(m, &d, NNC_EXTENT_BATCH), j = add_left(m, &d, extent(m, table, 1)), row = nnc_read(m->p, m->label, &b, 1);
    return finish(m, &d, NNC_REDUCE_NONE, nnc_read(m->p, table, (nnc_ref[]){row, j}, 2));
}

static void make_large(maker *m)
{
    int64_t n = 160 + roll(m, 40), width = 192 + roll(m, 20);
    nnc_tensor_id table = make_leaf(m, NNC_KIND_PARAMETER, "table", 2, n, width, 0);
    m->made[m->count++] = make_large_product(m, table);
    m->made[m->count++] = roll(m, 2) ? make_large_row(m, table) : make_large_lookup(m, table);
}

/* What is asked of a program besides its loss: the gradients; a step down along them; nothing more. */
typedef enum asked { GRADIENTS, STEP, VALUES, ASKED } asked;

static void add_gradients(check *c, maker *m)
{
    nnc_tensor_id gradient[MAX_MADE];
    nnc_differentiate(m->p, c->root[0], m->leaf, m->leaves, gradient);
    for (uint32_t i = 0; i < m->leaves; i++)
        if (gradient[i])
            c->root[c->roots++] = gradient[i];
}

/* Parameters become w - g / 4, which can be where w is; states what they are from behind, which cannot. */
static nnc_tensor_id define_next(maker *m, nnc_tensor_id leaf, nnc_tensor_id gradient)
{
    draft d = {0};
    nnc_ref index[8] = {0};
    uint32_t r = rank(m, leaf);
    left_like(m, &d, leaf, index);
    nnc_ref step = scaled(m, nnc_read(m->p, gradient, index, r), 0.25);
    if (nnc_tensor_at(m->p, leaf)->kind == NNC_KIND_STATE)
        index[r - 1] = turned(m, index[r - 1], extent(m, leaf, r - 1));
    return finish(m, &d, NNC_REDUCE_NONE, binary(m, NNC_OP_SUB, nnc_read(m->p, leaf, index, r), step));
}

static void add_step(check *c, maker *m)
{
    nnc_tensor_id gradient[MAX_MADE];
    nnc_differentiate(m->p, c->root[0], m->leaf, m->leaves, gradient);
    for (uint32_t i = 0; i < m->leaves; i++) {
        if (!gradient[i] || nnc_tensor_at(m->p, m->leaf[i])->kind == NNC_KIND_INPUT)
            continue;
        nnc_tensor_id next = define_next(m, m->leaf[i], gradient[i]);
        nnc_tensor_at(m->p, m->leaf[i])->next = next;
        c->updated[c->roots] = nnc_tensor_at(m->p, m->leaf[i])->name;
        c->root[c->roots++] = next;
    }
}

static void check_compiled(const nnc_llvm *llvm, uint64_t seed, uint32_t formulas)
{
    static const int64_t few[MOST_BATCHES] = {5, 3, 1}, many[MOST_BATCHES] = {37, 20, 2};
    check *c = open_check(llvm, seed, tied_value);
    maker m;
    make_formulas(&m, &c->arena, seed, formulas);
    if (seed % 8 == 7)
        make_large(&m);
    c->root[c->roots++] = make_loss(&m);
    if (seed % ASKED == GRADIENTS)
        add_gradients(c, &m);
    if (seed % ASKED == STEP)
        add_step(c, &m);
    c->program = m.p;
    make_references(c, seed % 5 == 2 ? many : few);
    run_all_ways(c);
    for (uint32_t w = 0; w < NNC_WAYS; w++)
        taken[w] += c->taken[w];
    close_check(c);
}

static void tell_kinds(void)
{
    for (uint32_t k = 0; k < FORMULA_KINDS; k++) {
        print_message("%8u  %s\n", (unsigned)reached[k], formula_kinds[k].name);
        if (count >= ENOUGH && reached[k] == 0)
            fail_msg("no program has a formula of the kind `%s`", formula_kinds[k].name);
    }
}

static void tell_ways(void)
{
    for (uint32_t w = 0; w < NNC_WAYS; w++)
        print_message("%8u  %s\n", (unsigned)taken[w], nnc_way_text[w]);
    for (uint32_t w = 0; w < NNC_WAYS; w++)
        if (count >= ENOUGH && taken[w] == 0)
            fail_msg("no schedule takes this way: %s", nnc_way_text[w]);
}

static void test_random_programs(void **state)
{
    nnc_arena arena;
    (void)state;
    nnc_arena_open(&arena, NULL, NULL);
    const nnc_llvm *llvm = load_llvm(&arena);
    for (uint64_t seed = first_seed; seed < first_seed + count; seed++) {
        uint32_t formulas = 2 + (uint32_t)(seed % 9);
        check_differences(seed, formulas);
        check_compiled(llvm, seed, formulas);
    }
    tell_kinds();
    tell_ways();
    nnc_arena_close(&arena);
}

int main(int arguments, char **argument)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_programs)};
    if (arguments > 1)
        count = strtoull(argument[1], NULL, 10);
    if (arguments > 2)
        first_seed = strtoull(argument[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
