/* Loops as text: --emit=loops. A value is v and its number, a register r, a vector's lanes stand behind its type. */
#include <inttypes.h>
#include "loops/builder.h"

static const char *const type_names[] = {"real", "int", "index", "bool"};

static void add_type(nnc_text *out, uint8_t type, uint8_t lanes)
{
    nnc_text_add(out, lanes > 1 ? "%s*%d" : "%s", type_names[type], lanes);
}

static void add_operand(nnc_text *out, const nnc_kernel *k, nnc_value_id id)
{
    const nnc_value *v = &k->value[id];
    switch (v->op) {
    case NNC_LOOP_REAL: nnc_text_add_float(out, (float)v->real); break;
    case NNC_LOOP_INT: case NNC_LOOP_INDEX: nnc_text_add(out, "%" PRId64, v->integer); break;
    case NNC_LOOP_TRUTH: nnc_text_add(out, v->integer ? "true" : "false"); break;
    case NNC_LOOP_BATCH: case NNC_LOOP_FIRST: case NNC_LOOP_LAST: nnc_text_add(out, "%s", nnc_loop_ops[v->op].print); break;
    default: nnc_text_add(out, "v%u", id);
    }
}

static bool infix(const nnc_value *v)
{
    const char *print = nnc_loop_ops[v->op].print;
    return (v->count == 2 && (*print < 'a' || *print > 'z' || v->op == NNC_LOOP_AND || v->op == NNC_LOOP_OR)) || v->op == NNC_LOOP_SHL || v->op == NNC_LOOP_SHR || v->op == NNC_LOOP_SAR;
}

static void add_infix(nnc_text *out, const nnc_kernel *k, const nnc_value *v)
{
    add_operand(out, k, v->args[0]);
    nnc_text_add(out, " %s ", nnc_loop_ops[v->op].print);
    if (v->count == 2)
        add_operand(out, k, v->args[1]);
    else
        nnc_text_add(out, "%" PRId64, v->integer);
}

static void add_call(nnc_text *out, const nnc_kernel *k, const nnc_value *v)
{
    nnc_text_add(out, "%s(", nnc_loop_ops[v->op].print);
    for (uint32_t i = 0; i < v->count; i++) {
        nnc_text_add(out, i ? ", " : "");
        add_operand(out, k, v->args[i]);
    }
    if (v->op == NNC_LOOP_QUOTIENT || v->op == NNC_LOOP_REMAINDER || v->op == NNC_LOOP_LANE)
        nnc_text_add(out, ", %" PRId64, v->integer);
    nnc_text_add(out, ")");
}

static void add_place(nnc_text *out, const nnc_loops *loops, const nnc_kernel *k, uint32_t buffer, nnc_value_id at)
{
    nnc_text_add(out, "%s[", loops->buffer[buffer].name);
    add_operand(out, k, at);
    nnc_text_add(out, "]");
}

static void add_value(nnc_text *out, const nnc_loops *loops, const nnc_kernel *k, nnc_value_id id)
{
    const nnc_value *v = &k->value[id];
    nnc_text_add(out, "v%u: ", id);
    add_type(out, v->type, v->lanes);
    nnc_text_add(out, " = ");
    if (v->op == NNC_LOOP_GET)
        nnc_text_add(out, "r%" PRId64, v->integer);
    else if (v->op == NNC_LOOP_LOAD || v->op == NNC_LOOP_GATHER) {
        nnc_text_add(out, "%s ", nnc_loop_ops[v->op].print);
        add_place(out, loops, k, (uint32_t)v->integer, v->args[0]);
    } else if (infix(v))
        add_infix(out, k, v);
    else
        add_call(out, k, v);
}

static bool silent(const nnc_kernel *k, const nnc_statement *s)
{
    const nnc_value *v = &k->value[s->value];
    return s->kind == NNC_STATEMENT_VALUE && (nnc_constant(v) || v->op == NNC_LOOP_BATCH || v->op == NNC_LOOP_FIRST || v->op == NNC_LOOP_LAST);
}

static void add_for(nnc_text *out, const nnc_kernel *k, const nnc_statement *s)
{
    nnc_text_add(out, "for v%u = ", s->value);
    add_operand(out, k, s->low);
    nnc_text_add(out, " to ");
    add_operand(out, k, s->high);
    if (s->step != 1)
        nnc_text_add(out, " by %" PRId64, s->step);
}

static void add_statement(nnc_text *out, const nnc_loops *loops, const nnc_kernel *k, const nnc_statement *s)
{
    switch (s->kind) {
    case NNC_STATEMENT_VALUE: add_value(out, loops, k, s->value); break;
    case NNC_STATEMENT_SET:
        nnc_text_add(out, "r%u := ", s->target);
        add_operand(out, k, s->value);
        break;
    case NNC_STATEMENT_STORE: case NNC_STATEMENT_SCATTER:
        nnc_text_add(out, s->kind == NNC_STATEMENT_STORE ? "store " : "scatter ");
        add_place(out, loops, k, s->target, s->at);
        nnc_text_add(out, " = ");
        add_operand(out, k, s->value);
        if (s->step)
            nnc_text_add(out, ", the first %" PRId64, s->step);
        break;
    case NNC_STATEMENT_PREFETCH:
        nnc_text_add(out, s->step == 1 ? "prefetch " : "prefetch_2 ");
        add_place(out, loops, k, s->target, s->at);
        break;
    case NNC_STATEMENT_FOR: add_for(out, k, s); break;
    case NNC_STATEMENT_IF:
        nnc_text_add(out, "if ");
        add_operand(out, k, s->value);
        break;
    }
}

static void add_body(nnc_text *out, const nnc_loops *loops, const nnc_kernel *k, const nnc_statement *body, int indent)
{
    for (const nnc_statement *s = body; s; s = s->next) {
        if (silent(k, s))
            continue;
        nnc_text_add(out, "%*s", 2 * indent, "");
        add_statement(out, loops, k, s);
        nnc_text_add(out, "\n");
        add_body(out, loops, k, s->body, indent + 1);
    }
}

static void add_kernel(nnc_text *out, const nnc_loops *loops, const nnc_kernel *k)
{
    nnc_text_add(out, "\nkernel %s phase %u tasks (%" PRId64 " + %" PRId64 " batch) / %" PRId64 "\n", k->name, k->phase, k->tasks_fixed,
                 k->tasks_per_example, k->task_block);
    if (k->note)
        nnc_text_add(out, "  # %s\n", k->note);
    for (uint32_t r = 0; r < k->registers; r++) {
        nnc_text_add(out, "  r%u: ", r);
        add_type(out, (uint8_t)k->reg[r].type, k->reg[r].lanes);
        nnc_text_add(out, "\n");
    }
    add_body(out, loops, k, k->body, 1);
}

void nnc_loops_print(const nnc_loops *loops, nnc_text *out)
{
    static const char *const places[] = {"workspace", "persistent", "host", "argument", "local"};
    nnc_text_add(out, "loops %s batch %" PRId64 " workspace %" PRId64 " persistent %" PRId64 " host %" PRId64 "\n", loops->name, loops->batch,
                 loops->workspace_bytes, loops->persistent_bytes, loops->host_bytes);
    for (uint32_t i = 0; i < loops->buffers; i++) {
        const nnc_buffer *buffer = &loops->buffer[i];
        bool argument = buffer->storage == NNC_STORAGE_ARGUMENT;
        nnc_text_add(out, "buffer %s: %s[%" PRId64 "]%s in %s %" PRId64 "%s\n", buffer->name, buffer->integer ? "int" : "real", buffer->elements,
                     buffer->batched ? " an example" : "", places[buffer->storage], argument ? buffer->argument : buffer->offset,
                     buffer->written ? ", written" : "");
    }
    for (uint32_t i = 0; i < loops->kernels; i++)
        add_kernel(out, loops, loops->kernel[i]);
}

static uint32_t operations(const nnc_kernel *k, const nnc_statement *body)
{
    uint32_t count = 0;
    for (const nnc_statement *s = body; s; s = s->next)
        count += !silent(k, s) + operations(k, s->body);
    return count;
}

uint32_t nnc_kernel_operations(const nnc_kernel *kernel) { return operations(kernel, kernel->body); }
