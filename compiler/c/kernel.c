/* One kernel as a C function: statements one for one, each vector statement a loop over its lanes. */
#include <inttypes.h>
#include <string.h>
#include "c/internal.h"

static const char *const type_names[] = {"float", "int32_t", "ptrdiff_t", "int"};

static void indent(const nnc_c_kernel *k, int depth) { nnc_text_add(k->out, "%*s", 4 * depth, ""); }

static void lanes(const nnc_c_kernel *k, uint8_t count)
{
    if (count > 1)
        nnc_text_add(k->out, "LANES(%d) ", count);
}

/* The value's own operation, though a name stands for it elsewhere. */
static void definition(nnc_c_kernel *k, nnc_value_id id)
{
    k->inlined[id] = true;
    nnc_c_expression(k, id, false);
    k->inlined[id] = false;
}

static void print_value(nnc_c_kernel *k, nnc_value_id id, int depth)
{
    const nnc_value *v = &k->kernel->value[id];
    if (k->inlined[id])
        return;
    indent(k, depth);
    if (v->lanes > 1) {
        nnc_text_add(k->out, "%s v%u[%d];\n", type_names[v->type], id, v->lanes);
        indent(k, depth);
        lanes(k, v->lanes);
        nnc_text_add(k->out, "v%u[l] = ", id);
    } else
        nnc_text_add(k->out, "const %s v%u = ", type_names[v->type], id);
    definition(k, id);
    nnc_text_add(k->out, ";\n");
}

/* Inside of its indentation and its loop over lanes. */
static void print_set(nnc_c_kernel *k, const nnc_statement *s)
{
    uint8_t count = k->kernel->reg[s->target].lanes;
    nnc_text_add(k->out, count > 1 ? "r%u[l] = " : "r%u = ", s->target);
    nnc_c_expression(k, s->value, false);
    nnc_text_add(k->out, ";\n");
}

static void print_store(nnc_c_kernel *k, const nnc_statement *s)
{
    const nnc_value *v = &k->kernel->value[s->value];
    bool indirect = v->type == NNC_TYPE_INT && k->loops->buffer[s->target].storage != NNC_STORAGE_ARGUMENT;
    if (s->step > 0)
        nnc_text_add(k->out, "if (l < %" PRId64 ") ", s->step);
    nnc_text_add(k->out, indirect ? "store_int(&%s[" : "%s[", nnc_c_buffer_name(k, s->target));
    nnc_c_expression(k, s->at, false);
    nnc_text_add(k->out, s->kind == NNC_STATEMENT_STORE && v->lanes > 1 ? " + l" : "");
    nnc_text_add(k->out, indirect ? "], " : "] = ");
    nnc_c_expression(k, s->value, false);
    nnc_text_add(k->out, indirect ? ");\n" : ";\n");
}

static void print_for(nnc_c_kernel *k, const nnc_statement *s)
{
    nnc_text_add(k->out, "for (ptrdiff_t v%u = ", s->value);
    nnc_c_expression(k, s->low, false);
    nnc_text_add(k->out, "; v%u < ", s->value);
    nnc_c_expression(k, s->high, false);
    nnc_text_add(k->out, s->step == 1 ? "; v%u++) {\n" : "; v%u += %" PRId64 ") {\n", s->value, s->step);
}

static void print_body(nnc_c_kernel *k, const nnc_statement *body, int depth);

static void print_block(nnc_c_kernel *k, const nnc_statement *s, int depth)
{
    indent(k, depth);
    if (s->kind == NNC_STATEMENT_FOR)
        print_for(k, s);
    else {
        nnc_text_add(k->out, "if (");
        nnc_c_expression(k, s->value, false);
        nnc_text_add(k->out, ") {\n");
    }
    print_body(k, s->body, depth + 1);
    indent(k, depth);
    nnc_text_add(k->out, "}\n");
}

/* ---- statements that share a loop over lanes ---- */

/* In front of the loop: the scalars, and the arrays of what is used elsewhere too. */
static void print_before_lanes(nnc_c_kernel *k, const nnc_statement *first, const nnc_statement *end, int depth)
{
    for (const nnc_statement *s = first; s != end->next; s = s->next) {
        const nnc_value *v = &k->kernel->value[s->value];
        if (s->kind != NNC_STATEMENT_VALUE)
            continue;
        if (v->lanes == 1)
            print_value(k, s->value, depth);
        else if (!k->inlined[s->value] && !k->local[s->value]) {
            indent(k, depth);
            nnc_text_add(k->out, "%s v%u[%d];\n", type_names[v->type], s->value, v->lanes);
        }
    }
}

static void print_lane_value(nnc_c_kernel *k, nnc_value_id id, int depth)
{
    const nnc_value *v = &k->kernel->value[id];
    if (v->lanes == 1 || k->inlined[id])
        return;
    indent(k, depth);
    if (k->local[id])
        nnc_text_add(k->out, "const %s v%u = ", type_names[v->type], id);
    else
        nnc_text_add(k->out, "v%u[l] = ", id);
    definition(k, id);
    nnc_text_add(k->out, ";\n");
}

static void print_lane_loop(nnc_c_kernel *k, const nnc_statement *first, const nnc_statement *end, int depth)
{
    print_before_lanes(k, first, end, depth);
    indent(k, depth);
    lanes(k, k->kernel->value[end->value].lanes);
    nnc_text_add(k->out, "{\n");
    for (const nnc_statement *s = first; s != end->next; s = s->next) {
        if (s->kind == NNC_STATEMENT_VALUE) {
            print_lane_value(k, s->value, depth + 1);
            continue;
        }
        indent(k, depth + 1);
        if (s->kind == NNC_STATEMENT_SET)
            print_set(k, s);
        else
            print_store(k, s);
    }
    indent(k, depth);
    nnc_text_add(k->out, "}\n");
}

/* Registers that live in this block. The kernel's own start at 0, so that no compiler finds one unset on a path that is never taken. */
static void declare_registers(nnc_c_kernel *k, const nnc_statement *body, int depth)
{
    for (uint32_t r = 0; r < k->kernel->registers; r++) {
        if (!k->read[r] || k->home[r] != body)
            continue;
        indent(k, depth);
        nnc_text_add(k->out, "%s r%u", type_names[k->kernel->reg[r].type], r);
        if (k->kernel->reg[r].lanes > 1)
            nnc_text_add(k->out, "[%d]", k->kernel->reg[r].lanes);
        if (depth == 1)
            nnc_text_add(k->out, k->kernel->reg[r].lanes > 1 ? " = {0}" : " = 0");
        nnc_text_add(k->out, ";\n");
    }
}

static void print_statement(nnc_c_kernel *k, const nnc_statement *s, int depth)
{
    switch (s->kind) {
    case NNC_STATEMENT_VALUE: print_value(k, s->value, depth); break;
    case NNC_STATEMENT_FOR: case NNC_STATEMENT_IF: print_block(k, s, depth); break;
    case NNC_STATEMENT_SET:
        if (!k->read[s->target])
            break;
        indent(k, depth);
        lanes(k, k->kernel->reg[s->target].lanes);
        print_set(k, s);
        break;
    case NNC_STATEMENT_STORE: case NNC_STATEMENT_SCATTER:
        indent(k, depth);
        lanes(k, k->kernel->value[s->value].lanes);
        print_store(k, s);
        break;
    }
}

static void print_body(nnc_c_kernel *k, const nnc_statement *body, int depth)
{
    declare_registers(k, body, depth);
    for (const nnc_statement *s = body; s; s = s->next) {
        bool vector = s->kind == NNC_STATEMENT_VALUE && !k->inlined[s->value] && k->kernel->value[s->value].lanes > 1;
        const nnc_statement *end = vector ? nnc_c_lane_loop(k, s) : NULL;
        if (end)
            print_lane_loop(k, s, end, depth);
        else
            print_statement(k, s, depth);
        s = end ? end : s;
    }
}

/* ---- the function's head ---- */

/* Ints in shared storages are read and written by bytes: the same place may have held floats. */
static const char *element_type(const nnc_buffer *b) { return b->integer && b->storage == NNC_STORAGE_ARGUMENT ? "int32_t" : "float"; }

static void print_pointers(nnc_c_kernel *k)
{
    for (uint32_t i = 0; i < k->loops->buffers; i++) {
        const nnc_buffer *b = &k->loops->buffer[i];
        bool argument = b->storage == NNC_STORAGE_ARGUMENT;
        if (!k->touched[i] || b->storage == NNC_STORAGE_LOCAL)
            continue;
        nnc_text_add(k->out, "    %s%s *const b%u = (%s *)pointers[%u]", k->stored[i] ? "" : "const ", element_type(b), i, element_type(b),
                     argument ? (uint32_t)NNC_STORAGE_ARGUMENT + b->argument : (uint32_t)b->storage);
        nnc_text_add(k->out, !argument && b->offset ? " + %" PRId64 ";" : ";", b->offset / 4);
        nnc_text_add(k->out, "    /* ");
        nnc_c_comment(k->out, b->name);
        nnc_text_add(k->out, " */\n");
    }
}

static void print_locals(nnc_c_kernel *k)
{
    for (uint32_t i = 0; i < k->loops->buffers; i++)
        if (k->touched[i] && k->loops->buffer[i].storage == NNC_STORAGE_LOCAL)
            nnc_text_add(k->out, "    float b%u[%" PRId64 "];\n", i, k->loops->buffer[i].elements);
}

static void print_counts(nnc_c_kernel *k)
{
    static const char *const names[] = {"n", "begin", "end"}, *const parameters[] = {"batch", "first", "last"};
    bool used[3] = {false, false, false};
    for (nnc_value_id id = 1; id < k->kernel->values; id++)
        if (k->uses[id] && k->kernel->value[id].op >= NNC_LOOP_BATCH && k->kernel->value[id].op <= NNC_LOOP_LAST)
            used[k->kernel->value[id].op - NNC_LOOP_BATCH] = true;
    for (int i = 0; i < 3; i++)
        if (used[i])
            nnc_text_add(k->out, "    const ptrdiff_t %s = (ptrdiff_t)%s;\n", names[i], parameters[i]);
        else
            nnc_text_add(k->out, "    (void)%s;\n", parameters[i]);
}

/* In an exported text a kernel takes the arrays that it touches: arguments, then places in the workspace. */
static void print_parameters(nnc_c_kernel *k)
{
    uint32_t printed = 0;
    for (uint32_t i = 0; i < k->loops->buffers; i++) {
        const nnc_buffer *b = &k->loops->buffer[i];
        if (!k->touched[i] || b->storage == NNC_STORAGE_PERSISTENT || b->storage == NNC_STORAGE_LOCAL)
            continue;
        nnc_text_add(k->out, "%s%s%s *b%u", printed++ ? ", " : "", k->stored[i] ? "" : "const ", element_type(b), i);
    }
    if (printed == 0)
        nnc_text_add(k->out, "void");
}

void nnc_c_kernel_text(const nnc_loops *loops, const nnc_kernel *kernel, const nnc_c_model *model, nnc_text *out)
{
    nnc_c_kernel k = {.loops = loops, .kernel = kernel, .model = model, .out = out};
    nnc_c_plan(&k);
    if (kernel->note) {
        nnc_text_add(out, "/* ");
        nnc_c_comment(out, kernel->note);
        nnc_text_add(out, " */\n");
    }
    nnc_text_add(out, model ? "static void %s(" : "void %s(void *const *pointers, int64_t batch, int64_t first, int64_t last)\n{\n", kernel->name);
    if (model) {
        print_parameters(&k);
        nnc_text_add(out, ")\n{\n");
    } else {
        print_counts(&k);
        print_pointers(&k);
    }
    print_locals(&k);
    print_body(&k, kernel->body, 1);
    nnc_text_add(out, "}\n\n");
}

static void print_prototypes(const nnc_loops *loops, nnc_text *out)
{
    for (uint32_t i = 0; i < loops->kernels; i++)
        nnc_text_add(out, "void %s(void *const *pointers, int64_t batch, int64_t first, int64_t last);\n", loops->kernel[i]->name);
    nnc_text_add(out, "\n");
}

void nnc_c_kernels(const nnc_loops *loops, nnc_text *out)
{
    nnc_text_add(out, "#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n\n");
    print_prototypes(loops, out);
    nnc_c_helpers(loops, out);
    for (uint32_t i = 0; i < loops->kernels; i++)
        nnc_c_kernel_text(loops, loops->kernel[i], NULL, out);
}
