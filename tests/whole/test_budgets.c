/* How much code the training steps of bench/models are: their kernels, the operations of their loops, and the bytes of their machine code, for two kinds of machine
 * that do not depend on this one. Each has a budget, some 10 % above what it was when the row was written: a change that needs more says so here.
 *
 *     test_budgets --tell        rows with today's figures and 10 % */
#include "step.h"
#include <elf.h>

typedef struct budget { const char *model, *machine; uint32_t kernels, operations; size_t bytes; } budget;

/* model, machine, kernels, operations, bytes of code (made by LLVM 19) */
static const budget budgets[] = {
    {"small", "x86-64-v4", 14, 1876, 12171},
    {"small", "x86-64-v3", 14, 1989, 14173},
    {"dense", "x86-64-v4", 14, 1962, 11114},
    {"dense", "x86-64-v3", 14, 1576, 9132},
    {"wide", "x86-64-v4", 18, 5716, 33096},
    {"wide", "x86-64-v3", 18, 2905, 16946},
    {"lenet", "x86-64-v4", 41, 7063, 43332},
    {"lenet", "x86-64-v3", 41, 4812, 31083},
    {"lstm", "x86-64-v4", 18, 6431, 38969},
    {"lstm", "x86-64-v3", 18, 3172, 21428},
    {"resnet", "x86-64-v4", 353, 40066, 253238},
    {"resnet", "x86-64-v3", 353, 38065, 237240},
    {"transformer", "x86-64-v4", 326, 135355, 819145},
    {"transformer", "x86-64-v3", 326, 55514, 357236},
};

static bool tell;

static const char *text_of(const char *name)
{
    static char text[1 << 14];
    const char *source = getenv("NNC_SOURCE_DIR");
    char path[1024];
    snprintf(path, sizeof path, "%s/bench/models/%s.nn", source ? source : ".", name);
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("%s cannot be read", path);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

/* Bytes of the sections of an object that are instructions. */
static size_t code_bytes(const nnc_object *object)
{
    Elf64_Ehdr head;
    size_t bytes = 0;
    assert_true(object->size > sizeof head);
    memcpy(&head, object->bytes, sizeof head);
    for (int i = 0; i < head.e_shnum; i++) {
        Elf64_Shdr section;
        size_t at = head.e_shoff + (size_t)i * head.e_shentsize;
        assert_true(at + sizeof section <= object->size);
        memcpy(&section, object->bytes + at, sizeof section);
        bytes += section.sh_flags & SHF_EXECINSTR ? section.sh_size : 0;
    }
    return bytes;
}

static void must_fit(const budget *row, const char *what, size_t given, size_t most)
{
    if (!tell && given > most)
        fail_msg("%s for %s: %zu %s, and %zu at most is allowed", row->model, row->machine, given, what, most);
    if (!tell && 2 * given < most)
        fail_msg("%s for %s: %zu %s, and %zu is allowed: lower the budget", row->model, row->machine, given, what, most);
}

static void check_row(const budget *row)
{
    bench *b = calloc(1, sizeof *b);
    const char *error = NULL;
    uint32_t operations = 0;
    nnc_object object;
    nnc_target target = {"x86_64-unknown-linux-gnu", row->machine, 2};
    assert_non_null(b);
    open_model(b, row->model, text_of(row->model));
    int64_t batch = b->model->recipe.batch;
    nnc_network_request request = {.model = b->model, .parts = NNC_PART_TRAIN, .train_batch = batch, .set_batch = batch, .machine = nnc_machine_find(row->machine), .level = 2};
    b->network = nnc_network_build(&b->arena, &request, &error);
    const nnc_llvm *llvm = nnc_llvm_load(&b->arena, &error);
    if (!b->network || !llvm)
        fail_msg("%s: %s", row->model, error);
    const nnc_loops *loops = b->network->train->scheduled.loops;
    for (uint32_t i = 0; i < loops->kernels; i++)
        operations += nnc_kernel_operations(loops->kernel[i]);
    if (!llvm->compile(&b->arena, &loops, 1, NULL, &target, NNC_LLVM_OBJECT, &object, &error))
        fail_msg("%s: %s", row->model, error);
    size_t bytes = code_bytes(&object);
    if (tell)
        printf("    {\"%s\", \"%s\", %u, %u, %zu},\n", row->model, row->machine, loops->kernels * 11 / 10, operations * 11 / 10, bytes * 11 / 10);
    must_fit(row, "kernels", loops->kernels, row->kernels);
    must_fit(row, "operations", operations, row->operations);
    must_fit(row, "bytes of code", bytes, row->bytes);
    close_bench(b);
    free(b);
}

static void test_budgets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++)
        check_row(&budgets[i]);
}

int main(int count, char **argument)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_budgets)};
    tell = count > 1 && strcmp(argument[1], "--tell") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
