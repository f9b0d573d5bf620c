/* Random formulas with their gradients: gradients against central differences; compiled kernels and emitted C against the interpreter.
 *
 *     test_random [COUNT [SEED]]       COUNT programs from SEED on; CI runs a few, a night as many as it likes
 *
 * At the end it tells how often each kind of formula was reached; none may be missing where there were enough programs. */
#include "compiled.h"

enum { ENOUGH = 80 };      /* programs, for each kind to be among them */

static uint64_t count = ENOUGH, first_seed = 1;
static uint32_t reached[MAX_KINDS];

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

static void check_compiled(const nnc_llvm *llvm, uint64_t seed, uint32_t formulas)
{
    static const int64_t few[MOST_BATCHES] = {5, 3, 1}, many[MOST_BATCHES] = {37, 20, 2};
    check *c = open_check(llvm, seed, tied_value);
    maker m;
    nnc_tensor_id gradient[MAX_MADE];
    c->root[c->roots++] = make_program(&m, &c->arena, seed, formulas);
    nnc_differentiate(m.p, c->root[0], m.leaf, m.leaves, gradient);
    for (uint32_t i = 0; i < m.leaves; i++)
        if (gradient[i])
            c->root[c->roots++] = gradient[i];
    c->program = m.p;
    make_references(c, seed % 5 == 2 ? many : few);
    run_all_ways(c);
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
