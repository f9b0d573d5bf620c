/* Values over a whole data set (fits, metrics, the measured loss): passes of compiled programs, and the interpreter for what is left. */
#include <stdio.h>
#include <string.h>
#include "driver/network.h"
#include "formula/interpret.h"

static const char COUNT[] = "count(data)";

/* The FIT that stands for accumulator a of pass n, as the split names it, and under a name of its own in the shared layout. */
static const char *accumulator_name(nnc_arena *arena, const char *set, uint32_t pass, uint32_t a)
{
    return nnc_arena_format(arena, "%s.data.%u.%u", set, (unsigned)pass, (unsigned)a);
}

/* Splits of different sets use the same names for their accumulators: each gets its set's name in front. */
static void rename_leaves(nnc_arena *arena, nnc_program *p, const char *set)
{
    for (nnc_tensor_id t = 1; t < p->tensors; t++) {
        nnc_tensor *tensor = nnc_tensor_at(p, t);
        if (tensor->kind == NNC_KIND_FIT && (strncmp(tensor->name, "data.", 5) == 0 || strcmp(tensor->name, COUNT) == 0))
            tensor->name = nnc_arena_format(arena, "%s.%s", set, tensor->name);
    }
}

static double element_of(const nnc_layout_entry *entry, const void *persistent, int64_t i)
{
    const char *at = (const char *)persistent + entry->offset + 4 * i;
    int32_t whole;
    float real;
    memcpy(&whole, at, 4);
    memcpy(&real, at, 4);
    return entry->element == NNC_REAL ? (double)real : (double)whole;
}

static void set_leaf(const nnc_network_set *set, nnc_interpreter *in, nnc_tensor_id id, const double *const *const *accumulated, int64_t examples,
                     const void *persistent)
{
    const nnc_tensor *t = nnc_tensor_at(set->split.final, id);
    const char *own = strstr(t->name, ".data.");
    unsigned pass, a;
    double count = (double)examples;
    size_t suffix = sizeof COUNT - 1, length = strlen(t->name);
    if (t->kind == NNC_KIND_CONSTANT)
        return;
    if (t->kind == NNC_KIND_FIT && own && sscanf(own, ".data.%u.%u", &pass, &a) == 2) {
        nnc_interpreter_set(in, id, accumulated[pass][a]);
        return;
    }
    if (length >= suffix && strcmp(t->name + length - suffix, COUNT) == 0) {
        nnc_interpreter_set(in, id, &count);
        return;
    }
    const nnc_layout_entry *entry = nnc_layout_find(set->network->layout, t->name);
    double *values = NNC_ARRAY(in->arena, double, (size_t)nnc_elements(t));
    for (int64_t i = 0; i < nnc_elements(t); i++)
        values[i] = element_of(entry, persistent, i);
    nnc_interpreter_set(in, id, values);
}

static bool is_leaf(nnc_kind kind) { return kind == NNC_KIND_PARAMETER || kind == NNC_KIND_STATE || kind == NNC_KIND_FIT; }

static void finish(void *context, const double *const *const *accumulated, int64_t examples, const void *persistent, double *results)
{
    nnc_network_set *set = context;
    nnc_program *p = set->split.final;
    nnc_arena scratch;
    nnc_arena_open(&scratch, set->network->arena->failed, set->network->arena->failed_context);
    nnc_interpreter *in = nnc_interpreter_new(&scratch, p, 1);
    for (nnc_tensor_id t = 1; t < p->tensors; t++)
        if (is_leaf(nnc_tensor_at(p, t)->kind))
            set_leaf(set, in, t, accumulated, examples, persistent);
    nnc_interpreter_run(in);
    for (uint32_t i = 0, at = 0; at < set->values.results; i++) {
        int64_t elements = nnc_elements(nnc_tensor_at(p, set->split.result[i]));
        memcpy(results + at, nnc_interpreter_get(in, set->split.result[i]), (size_t)elements * sizeof(double));
        at += (uint32_t)elements;
    }
    nnc_arena_close(&scratch);
}

static nnc_fold fold_of(nnc_reduce reduce)
{
    return reduce == NNC_REDUCE_MAX ? NNC_FOLD_MAX : reduce == NNC_REDUCE_MIN ? NNC_FOLD_MIN : reduce == NNC_REDUCE_PROD ? NNC_FOLD_PROD : NNC_FOLD_SUM;
}

/* Where later passes read an accumulator's result from, or -1. */
static int64_t placed(const nnc_network *network, const char *name)
{
    const nnc_layout_entry *entry = nnc_layout_find(network->layout, name);
    return entry ? entry->offset : -1;
}

static void make_pass(nnc_network_set *set, const char *name, uint32_t pass, int64_t batch, int level, nnc_set_pass *out)
{
    nnc_network *network = set->network;
    nnc_data_pass *from = &set->split.pass[pass];
    nnc_tensor_id *roots = NNC_ARRAY(network->arena, nnc_tensor_id, from->accumulators + 1);
    for (uint32_t a = 0; a < from->accumulators; a++)
        roots[a] = from->accumulator[a].part;
    rename_leaves(network->arena, from->partial, name);
    nnc_part *part = nnc_part_make(network, nnc_arena_format(network->arena, "%s_%u", name, (unsigned)pass), from->partial, roots, from->accumulators,
                                   from->accumulators, false, batch, level);
    set->pass[pass] = part;
    nnc_set_accumulator *accumulator = NNC_ARRAY(network->arena, nnc_set_accumulator, from->accumulators + 1);
    for (uint32_t a = 0; a < from->accumulators; a++)
        accumulator[a] = (nnc_set_accumulator){part->step.arguments - from->accumulators + a, fold_of(from->accumulator[a].reduce), from->accumulator[a].elements, -1};
    out->accumulator = accumulator;
    out->accumulators = from->accumulators;
}

nnc_network_set *nnc_set_make(nnc_network *network, const char *name, const nnc_tensor_id *roots, uint32_t count, int64_t batch, int level)
{
    nnc_arena *arena = network->arena;
    nnc_network_set *set = NNC_NEW(arena, nnc_network_set);
    set->network = network;
    set->split = nnc_split_data(arena, network->model->program, roots, count);
    set->pass = NNC_ARRAY(arena, nnc_part *, set->split.passes + 1);
    nnc_set_pass *pass = NNC_ARRAY(arena, nnc_set_pass, set->split.passes + 1);
    for (uint32_t i = 0; i < set->split.passes; i++)
        make_pass(set, name, i, batch, level, &pass[i]);
    rename_leaves(arena, set->split.final, name);
    for (uint32_t i = 0; i < set->split.passes; i++)
        for (uint32_t a = 0; a < pass[i].accumulators; a++)
            ((nnc_set_accumulator *)pass[i].accumulator)[a].persistent = placed(network, accumulator_name(arena, name, i, a));
    for (nnc_tensor_id t = 1; t < set->split.final->tensors; t++) {
        const nnc_tensor *leaf = nnc_tensor_at(set->split.final, t);
        if (is_leaf(leaf->kind) && !strstr(leaf->name, ".data.") && !strstr(leaf->name, COUNT))
            nnc_layout_place(network->layout, leaf->name, nnc_elements(leaf), leaf->element, NULL);
    }
    set->values = (nnc_set_values){pass, set->split.passes, placed(network, nnc_arena_format(arena, "%s.%s", name, COUNT)), finish, set, 0};
    for (uint32_t i = 0; i < count; i++)
        set->values.results += (uint32_t)nnc_elements(nnc_tensor_at(set->split.final, set->split.result[i]));
    return set;
}
