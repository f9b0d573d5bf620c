/* One kernel as a C function: statements one for one, each vector statement of whole vectors or a loop over lanes. */
#include <inttypes.h>
#include <string.h>
#include "c/internal.h"

static const char *const type_names[] = {"float", "int32_t", "ptrdiff_t", "int"};

static void indent(const nnc_c_kernel *k, int depth) { nnc_text_add(k->out, "%*s", 4 * depth, ""); }

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
    nnc_text_add(k->out, "const %s v%u = ", type_names[v->type], id);
    definition(k, id);
    nnc_text_add(k->out, ";\n");
}

/* A loop over lanes that writes reals writes them into room of its own: a packed register has no lanes, and in memory that the loop might also read each lane
 * would have to wait for the one before. */
static bool writes_room(const nnc_c_kernel *k, const nnc_statement *s)
{
    const nnc_value *v = &k->kernel->value[s->value];
    return v->lanes > 1 && v->type == NNC_TYPE_REAL && (s->kind == NNC_STATEMENT_SET || (s->kind == NNC_STATEMENT_STORE && s->step == 0));
}

/* Inside of its indentation and its loop over lanes. */
static void print_set(nnc_c_kernel *k, const nnc_statement *s)
{
    const char *lane = k->kernel->reg[s->target].lanes == 1 ? "" : writes_room(k, s) ? "_room[l]" : "[l]";
    nnc_text_add(k->out, "r%u%s = ", s->target, lane);
    nnc_c_expression(k, s->value, false);
    nnc_text_add(k->out, ";\n");
}

static void print_store(nnc_c_kernel *k, const nnc_statement *s)
{
    const nnc_value *v = &k->kernel->value[s->value];
    bool indirect = v->type == NNC_TYPE_INT && k->loops->buffer[s->target].storage != NNC_STORAGE_ARGUMENT;
    if (writes_room(k, s)) {
        nnc_text_add(k->out, "b_room[l] = ");
        nnc_c_expression(k, s->value, false);
        nnc_text_add(k->out, ";\n");
        return;
    }
    if (s->step > 0)
        nnc_text_add(k->out, "if (l < %" PRId64 ") ", s->step);
    nnc_text_add(k->out, indirect ? "store_int(&%s[" : "%s[", nnc_c_buffer_name(k, s->target));
    nnc_c_expression(k, s->at, false);
    nnc_text_add(k->out, s->kind == NNC_STATEMENT_STORE && v->lanes > 1 ? " + l" : "");
    nnc_text_add(k->out, indirect ? "], " : "] = ");
    nnc_c_expression(k, s->value, false);
    nnc_text_add(k->out, indirect ? ");\n" : ";\n");
}

static void print_prefetch(nnc_c_kernel *k, const nnc_statement *s)
{
    nnc_text_add(k->out, "PREFETCH(%s + ", nnc_c_buffer_name(k, s->target));
    nnc_c_expression(k, s->at, true);
    nnc_text_add(k->out, ", %d);\n", s->step == 1 ? 3 : 2);
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

/* ---- vector statements as loops over lanes ---- */

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

/* " ROOM8(r0, &r0);" or " KEEP8(b, &b1[v2]);" where the loop writes its lanes into room that is copied to its place afterwards. */
static void print_room(nnc_c_kernel *k, const nnc_statement *s, const char *macro)
{
    uint8_t count = k->kernel->value[s->value].lanes;
    if (!writes_room(k, s))
        return;
    if (s->kind == NNC_STATEMENT_SET) {
        nnc_text_add(k->out, " %s%d(r%u, &r%u);", macro, count, s->target, s->target);
        return;
    }
    nnc_text_add(k->out, " %s%d(b, &%s[", macro, count, nnc_c_buffer_name(k, s->target));
    nnc_c_expression(k, s->at, false);
    nnc_text_add(k->out, "]);");
}

/* Packed vectors are read through arrays of their lanes. True if a block is open around the loop, for their declarations. */
static bool open_lanes(nnc_c_kernel *k, const nnc_statement *first, const nnc_statement *end, int depth)
{
    const nnc_c_lanes_read read = nnc_c_packed_lanes(k, first, end);
    bool any = writes_room(k, end);
    for (nnc_value_id id = 1; id < k->kernel->values; id++)
        any |= read.value[id];
    for (uint32_t r = 0; r < k->kernel->registers; r++)
        any |= read.reg[r];
    if (!any)
        return false;
    indent(k, depth);
    nnc_text_add(k->out, "{");
    for (nnc_value_id id = 1; id < k->kernel->values; id++)
        if (read.value[id])
            nnc_text_add(k->out, " LANES_OF%d(v%u);", k->kernel->value[id].lanes, id);
    for (uint32_t r = 0; r < k->kernel->registers; r++)
        if (read.reg[r])
            nnc_text_add(k->out, " LANES_OF%d(r%u);", k->kernel->reg[r].lanes, r);
    print_room(k, end, "ROOM");
    nnc_text_add(k->out, "\n");
    return true;
}

static void close_lanes(nnc_c_kernel *k, const nnc_statement *end, int depth)
{
    indent(k, depth);
    print_room(k, end, "KEEP");
    nnc_text_add(k->out, " }\n");
}

static void print_lane_value(nnc_c_kernel *k, nnc_value_id id)
{
    const nnc_value *v = &k->kernel->value[id];
    if (k->local[id])
        nnc_text_add(k->out, "const %s v%u = ", type_names[v->type], id);
    else
        nnc_text_add(k->out, "v%u[l] = ", id);
    definition(k, id);
    nnc_text_add(k->out, ";\n");
}

/* Inside of its indentation and of the loop. */
static void print_in_lanes(nnc_c_kernel *k, const nnc_statement *s)
{
    switch (s->kind) {
    case NNC_STATEMENT_VALUE: print_lane_value(k, s->value); break;
    case NNC_STATEMENT_SET: print_set(k, s); break;
    default: print_store(k, s); break;
    }
}

static void print_lane_loop(nnc_c_kernel *k, const nnc_statement *first, const nnc_statement *end, int depth)
{
    print_before_lanes(k, first, end, depth);
    bool open = open_lanes(k, first, end, depth);
    int inner = depth + open;
    indent(k, inner);
    nnc_text_add(k->out, "LANES(%d) ", k->kernel->value[end->value].lanes);
    if (first == end)
        print_in_lanes(k, first);
    else {
        nnc_text_add(k->out, "{\n");
        for (const nnc_statement *s = first; s != end->next; s = s->next) {
            if (s->kind == NNC_STATEMENT_VALUE && (k->inlined[s->value] || k->kernel->value[s->value].lanes == 1))
                continue;
            indent(k, inner + 1);
            print_in_lanes(k, s);
        }
        indent(k, inner);
        nnc_text_add(k->out, "}\n");
    }
    if (open)
        close_lanes(k, end, depth);
}

/* ---- vector statements on whole vectors ---- */

static void print_whole(nnc_c_kernel *k, const nnc_statement *s, int depth)
{
    uint8_t count = k->kernel->value[s->value].lanes;
    indent(k, depth);
    k->whole = true;
    switch (s->kind) {
    case NNC_STATEMENT_VALUE:
        nnc_text_add(k->out, "real%d v%u;\n", count, s->value);
        indent(k, depth);
        nnc_text_add(k->out, "SET%d(v%u, ", count, s->value);
        definition(k, s->value);
        if (k->kernel->value[s->value].op == NNC_LOOP_LOAD)
            nnc_text_add(k->out, "); HOLD%d(v%u", count, s->value);
        k->packed[s->value] = true;
        break;
    case NNC_STATEMENT_SET:
        nnc_text_add(k->out, "SET%d(r%u, ", count, s->target);
        nnc_c_expression(k, s->value, false);
        break;
    default:
        nnc_text_add(k->out, "STORE%d(&%s[", count, nnc_c_buffer_name(k, s->target));
        nnc_c_expression(k, s->at, false);
        nnc_text_add(k->out, "], ");
        nnc_c_expression(k, s->value, false);
        break;
    }
    k->whole = false;
    nnc_text_add(k->out, ");\n");
}

static void declare_register(const nnc_c_kernel *k, uint32_t r, bool zero)
{
    const nnc_register *reg = &k->kernel->reg[r];
    if (nnc_c_is_packed_register(k, r)) {
        nnc_text_add(k->out, "real%d r%u;", reg->lanes, r);
        if (zero)
            nnc_text_add(k->out, " SET%d(r%u, SPLAT%d(0.0f));", reg->lanes, r, reg->lanes);
    } else if (reg->lanes > 1)
        nnc_text_add(k->out, zero ? "%s r%u[%d] = {0};" : "%s r%u[%d];", type_names[reg->type], r, reg->lanes);
    else
        nnc_text_add(k->out, zero ? "%s r%u = 0;" : "%s r%u;", type_names[reg->type], r);
    nnc_text_add(k->out, "\n");
}

/* Registers that live in this block. The kernel's own start at 0, so that no compiler finds one unset on a path that is never taken. */
static void declare_registers(nnc_c_kernel *k, const nnc_statement *body, int depth)
{
    for (uint32_t r = 0; r < k->kernel->registers; r++) {
        if (!k->read[r] || k->home[r] != body)
            continue;
        indent(k, depth);
        declare_register(k, r, depth == 1);
    }
}

static void print_scalar(nnc_c_kernel *k, const nnc_statement *s, int depth)
{
    indent(k, depth);
    if (s->kind == NNC_STATEMENT_SET)
        print_set(k, s);
    else if (s->kind == NNC_STATEMENT_PREFETCH)
        print_prefetch(k, s);
    else
        print_store(k, s);
}

static bool is_printed(const nnc_c_kernel *k, const nnc_statement *s)
{
    return s->kind == NNC_STATEMENT_VALUE ? !k->inlined[s->value] : s->kind != NNC_STATEMENT_SET || k->read[s->target];
}

/* Gives the last statement that was printed with it. */
static const nnc_statement *print_statement(nnc_c_kernel *k, const nnc_statement *s, int depth)
{
    const nnc_statement *end = s;
    if (!is_printed(k, s))
        return s;
    if (s->kind == NNC_STATEMENT_FOR || s->kind == NNC_STATEMENT_IF)
        print_block(k, s, depth);
    else if (k->kernel->value[s->value].lanes > 1) {
        if (s->kind == NNC_STATEMENT_VALUE)
            end = nnc_c_lane_loop(k, s);
        if (end != s || !nnc_c_is_whole(k, s))
            print_lane_loop(k, s, end, depth);
        else
            print_whole(k, s, depth);
    } else if (s->kind == NNC_STATEMENT_VALUE)
        print_value(k, s->value, depth);
    else
        print_scalar(k, s, depth);
    return end;
}

static void print_body(nnc_c_kernel *k, const nnc_statement *body, int depth)
{
    declare_registers(k, body, depth);
    for (const nnc_statement *s = body; s; s = s->next)
        s = print_statement(k, s, depth);
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
