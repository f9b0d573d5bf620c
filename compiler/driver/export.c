/* The trained network as C or machine code: the prediction of one example. */
#include <string.h>
#include "c/c.h"
#include "driver/run.h"

typedef struct exporter {
    nnc_run *run;
    nnc_network *network;            /* of one example, without code */
    nnc_c_model c;
    nnc_export code;
} exporter;

enum { FULL_LEVEL = 2 };

bool nnc_exports(const nnc_options *o)
{
    return nnc_options_wants(o, NNC_OUTPUT_C) || nnc_options_wants(o, NNC_OUTPUT_H) || nnc_options_wants(o, NNC_OUTPUT_OBJECT) ||
           nnc_options_wants(o, NNC_OUTPUT_ASM) || nnc_options_wants(o, NNC_OUTPUT_LLVM);
}

/* The values that the trained network holds, laid out as this one's block. */
static void copy_weights(exporter *e)
{
    const nnc_layout *to = e->network->layout, *from = e->run->network->layout;
    for (uint32_t i = 0; i < to->entries; i++) {
        const nnc_layout_entry *entry = nnc_layout_find(from, to->entry[i].name);
        if (entry)
            memcpy((char *)e->network->persistent + to->entry[i].offset, (const char *)e->run->network->persistent + entry->offset, 4 * (size_t)entry->elements);
    }
}

static const nnc_declaration *declaration_of(const nnc_model *m, const char *name)
{
    for (uint32_t i = 0; i < m->declarations; i++)
        if (strcmp(m->declaration[i].name, name) == 0)
            return &m->declaration[i];
    return NULL;
}

static void set_argument(exporter *e, uint32_t i, const char *name, uint32_t buffer, bool output)
{
    const nnc_program *p = e->network->predict->program;
    const nnc_tensor *t = nnc_tensor_at(p, e->network->predict->argument[i]);
    nnc_c_argument *a = (nnc_c_argument *)&e->c.argument[i];
    *a = (nnc_c_argument){.name = name, .buffer = buffer, .output = output, .classes = t->element == NNC_INTEGER ? t->classes ? t->classes : 1 : t->element == NNC_BOOLEAN ? 2 : 0};
    for (uint32_t d = nnc_batched(t); d < t->rank; d++)
        a->extent[a->rank++] = t->extent[d];
}

static uint32_t buffer_of(const nnc_loops *loops, uint32_t argument)
{
    for (uint32_t i = 0; i < loops->buffers; i++)
        if (loops->buffer[i].storage == NNC_STORAGE_ARGUMENT && loops->buffer[i].argument == argument)
            return i;
    return 0;
}

static void set_arguments(exporter *e)
{
    const nnc_part *part = e->network->predict;
    nnc_arena *arena = &e->run->arena;
    uint32_t count = part->step.arguments, inputs = count - e->run->model->outputs;
    e->c.argument = NNC_ARRAY(arena, nnc_c_argument, count + 1);
    e->c.arguments = e->code.arguments = count;
    uint32_t *buffer = NNC_ARRAY(arena, uint32_t, count + 1);
    int64_t *classes = NNC_ARRAY(arena, int64_t, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        buffer[i] = buffer_of(part->scheduled.loops, i);
        set_argument(e, i, i < inputs ? part->step.argument[i].name : e->run->model->output[i - inputs].name, buffer[i], i >= inputs);
        classes[i] = i < inputs ? e->c.argument[i].classes : 0;
    }
    e->code.argument = buffer;
    e->code.class_count = classes;
}

/* Tables of names, for the declarations whose classes have some. */
static void set_classes(exporter *e)
{
    const nnc_run *run = e->run;
    nnc_arena *arena = &e->run->arena;
    nnc_c_classes *tables = NNC_ARRAY(arena, nnc_c_classes, run->knowledge.count + 1);
    for (uint32_t i = 0; i < run->knowledge.count; i++) {
        const nnc_dataset_known *k = &run->knowledge.known[i];
        if (k->classes > 0 && k->class_name && declaration_of(run->model, k->name))
            tables[e->c.class_tables++] = (nnc_c_classes){k->name, k->class_name, k->classes};
    }
    e->c.classes = tables;
    nnc_export_table *exported = NNC_ARRAY(arena, nnc_export_table, e->c.class_tables + 1);
    for (uint32_t i = 0; i < e->c.class_tables; i++)
        exported[i] = (nnc_export_table){nnc_arena_format(arena, "%s_%s_names", e->c.name, tables[i].name), tables[i].names, tables[i].count};
    e->code.table = exported;
    e->code.tables = e->c.class_tables;
}

nnc_network *nnc_exported_network(nnc_run *run, const nnc_machine *machine, const char **error)
{
    nnc_network_request request = {.model = run->model, .parts = NNC_PART_PREDICT, .train_batch = 1, .set_batch = 1, .level = FULL_LEVEL, .serial = true, .machine = machine};
    return nnc_network_build(&run->arena, &request, error);
}

/* The network of one example, planned for a kind of machine. */
static nnc_exit plan(exporter *e, const nnc_machine *machine)
{
    nnc_run *run = e->run;
    const char *error;
    e->network = nnc_exported_network(run, machine, &error);
    if (!e->network)
        return nnc_error(run, NNC_EXIT_FAULT, "%s", error ? error : "the network cannot be planned");
    const nnc_loops *loops = e->network->predict->scheduled.loops;
    copy_weights(e);
    e->c = (nnc_c_model){.name = run->model->name, .loops = loops, .persistent = e->network->persistent};
    e->code = (nnc_export){.symbol = nnc_arena_format(&run->arena, "%s_predict", run->model->name), .persistent = e->network->persistent};
    set_arguments(e);
    set_classes(e);
    return NNC_EXIT_DONE;
}

/* The header that this run writes; NULL: none, so the C is to stand alone. */
static const char *header_name(const nnc_run *run)
{
    for (uint32_t i = 0; i < run->options.outputs; i++)
        if (run->options.output[i].kind == NNC_OUTPUT_H && strcmp(run->options.output[i].path, "-") != 0) {
            const char *slash = strrchr(run->options.output[i].path, '/');
            return slash ? slash + 1 : run->options.output[i].path;
        }
    return NULL;
}

static nnc_exit add_c(exporter *e, const nnc_output *output)
{
    nnc_text text = {.arena = &e->run->arena};
    nnc_exit status = e->c.loops ? NNC_EXIT_DONE : plan(e, nnc_machine_find("c"));
    if (status)
        return status;
    if (output->kind == NNC_OUTPUT_H)
        nnc_c_header(&e->c, &text);
    else
        nnc_c_source(&e->c, header_name(e->run), &text);
    return nnc_add_text(e->run, output->path, nnc_text_string(&text), text.length);
}

static nnc_exit add_code(exporter *e, const nnc_output *output)
{
    nnc_run *run = e->run;
    const char *error = NULL;
    nnc_target target = {run->options.target, run->options.cpu, run->options.level};
    const nnc_llvm *llvm = nnc_llvm_load(&run->arena, &error);
    const nnc_machine *machine = llvm ? llvm->machine(&run->arena, &target, &error) : NULL;
    nnc_object object;
    if (!machine)
        return nnc_error(run, llvm ? NNC_EXIT_USAGE : NNC_EXIT_SYSTEM, "%s", error);
    nnc_exit status = e->c.loops ? NNC_EXIT_DONE : plan(e, machine);
    if (status)
        return status;
    nnc_llvm_output kind = output->kind == NNC_OUTPUT_OBJECT ? NNC_LLVM_OBJECT : output->kind == NNC_OUTPUT_ASM ? NNC_LLVM_ASSEMBLY : NNC_LLVM_TEXT;
    if (!llvm->compile(&run->arena, &e->c.loops, 1, &e->code, &target, kind, &object, &error))
        return run->options.target ? nnc_error(run, NNC_EXIT_USAGE, "no code can be made for %s: %s", run->options.target, error) : nnc_error(run, NNC_EXIT_FAULT, "%s", error);
    return nnc_add_text(run, output->path, object.bytes, object.size);
}

nnc_exit nnc_check_export(nnc_run *run)
{
    if (!nnc_exports(&run->options))
        return NNC_EXIT_DONE;
    if (run->model->outputs == 0)
        return nnc_error(run, NNC_EXIT_USAGE, "the model has no output, so there is nothing to export: add a line `output NAME = ...`");
    if (run->network->predict->draws)            /* it is no function of its inputs */
        return nnc_error(run, NNC_EXIT_USAGE, "an output of the model draws random numbers: it cannot be exported");
    return NNC_EXIT_DONE;
}

nnc_exit nnc_command_export(nnc_run *run, nnc_outputs *outputs)
{
    exporter c = {.run = run}, code = {.run = run};
    nnc_exit status = nnc_check_export(run);
    (void)outputs;
    if (status || !nnc_exports(&run->options))
        return status;
    for (uint32_t i = 0; !status && i < run->options.outputs; i++) {
        nnc_output_kind kind = run->options.output[i].kind;
        if (kind == NNC_OUTPUT_C || kind == NNC_OUTPUT_H)
            status = add_c(&c, &run->options.output[i]);
        else if (kind == NNC_OUTPUT_OBJECT || kind == NNC_OUTPUT_ASM || kind == NNC_OUTPUT_LLVM)
            status = add_code(&code, &run->options.output[i]);
    }
    return status;
}
