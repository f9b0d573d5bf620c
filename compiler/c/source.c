/* The emitted pair of texts: a header with the contract, and a source with the weights, the kernels, and the function that runs them. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include "c/internal.h"

/* ---- names ---- */

static const char *upper(nnc_arena *arena, const char *name)
{
    char *made = nnc_arena_string(arena, nnc_c_identifier(arena, name));
    for (char *at = made; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    return made;
}

/* Keywords of C and C++, and the names and macros that the two texts use themselves or that compilers define. */
static bool is_reserved(const char *name)
{
    static const char *const words[] = {
#define NNC_C_RESERVED(word) word,
#include "c/reserved.def"
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], name) == 0)
            return true;
    return false;
}

static bool same_macro(const nnc_c_model *model, const char *a, const char *b)
{
    return strcmp(upper(model->loops->arena, a), upper(model->loops->arena, b)) == 0;
}

/* Names that differ in case alone would be one macro. */
static bool is_taken(const nnc_c_model *model, const char *name, const char *const *names, uint32_t count)
{
    bool taken = is_reserved(name);
    for (uint32_t i = 0; i < count; i++)
        taken |= same_macro(model, names[i], name);
    return taken;
}

static bool is_declared(const nnc_c_model *model, const char *name)
{
    bool declared = false;
    for (uint32_t i = 0; i < model->arguments; i++)
        declared |= same_macro(model, model->argument[i].name, name);
    return declared;
}

const char *nnc_c_parameter(const nnc_c_model *model, uint32_t argument)
{
    nnc_arena *arena = model->loops->arena;
    const char **names = NNC_ARRAY(arena, const char *, argument + 1u);
    for (uint32_t i = 0; i <= argument; i++) {
        const char *own = nnc_c_identifier(arena, model->argument[i].name), *kernels = model->loops->name;
        if (strncmp(own, kernels, strlen(kernels)) == 0)    /* may be the name of a kernel */
            own = nnc_arena_format(arena, "_%s", own);
        names[i] = own;
        for (unsigned n = i; is_taken(model, names[i], names, i) || (n > i && is_declared(model, names[i])); n++)
            names[i] = nnc_arena_format(arena, "%s_%u", own, n);
    }
    return names[argument];
}

static int64_t elements_of(const nnc_c_argument *a)
{
    int64_t elements = 1;
    for (uint32_t i = 0; i < a->rank; i++)
        elements *= a->extent[i];
    return elements;
}

/* ---- what the kernels touch ---- */

static void mark(const nnc_kernel *k, const nnc_statement *body, bool *touched)
{
    for (const nnc_statement *s = body; s; s = s->next) {
        const nnc_value *v = &k->value[s->value];
        if (s->kind == NNC_STATEMENT_VALUE && (v->op == NNC_LOOP_LOAD || v->op == NNC_LOOP_GATHER))
            touched[v->integer] = true;
        if (s->kind == NNC_STATEMENT_STORE || s->kind == NNC_STATEMENT_SCATTER || s->kind == NNC_STATEMENT_PREFETCH)
            touched[s->target] = true;
        mark(k, s->body, touched);
    }
}

static bool *touched_by(const nnc_loops *loops, const nnc_kernel *only)
{
    bool *touched = NNC_ARRAY(loops->arena, bool, loops->buffers + 1);
    for (uint32_t i = 0; i < loops->kernels; i++)
        if (!only || loops->kernel[i] == only)
            mark(loops->kernel[i], loops->kernel[i]->body, touched);
    return touched;
}

int64_t nnc_c_weight_bytes(const nnc_loops *loops)
{
    const bool *touched = touched_by(loops, NULL);
    int64_t bytes = 0;
    for (uint32_t i = 0; i < loops->buffers; i++)
        bytes += touched[i] && loops->buffer[i].storage == NNC_STORAGE_PERSISTENT ? 4 * loops->buffer[i].elements : 0;
    return bytes;
}

/* ---- the header ---- */

static void add_shape(const nnc_c_argument *a, nnc_text *out)
{
    nnc_text_add(out, "[");
    for (uint32_t i = 0; i < a->rank; i++)
        nnc_text_add(out, "%s%" PRId64, i ? ", " : "", a->extent[i]);
    nnc_text_add(out, "]");
}

static void add_signature(const nnc_c_model *model, nnc_text *out)
{
    nnc_text_add(out, "int %s_predict(", model->name);
    for (uint32_t i = 0; i < model->arguments; i++) {
        const nnc_c_argument *a = &model->argument[i];
        nnc_text_add(out, "%s%s %s[%" PRId64 "], ", a->output ? "" : "const ", a->classes ? "int32_t" : "float", nnc_c_parameter(model, i), elements_of(a));
    }
    nnc_text_add(out, "void *workspace)");
}

static void add_contract(const nnc_c_model *model, nnc_text *out)
{
    nnc_text_add(out, "/* Computes the outputs for one example.\n *\n");
    for (uint32_t i = 0; i < model->arguments; i++) {
        const nnc_c_argument *a = &model->argument[i];
        nnc_text_add(out, " *   %-12s %s, ", nnc_c_parameter(model, i), a->output ? "output" : "input");
        add_shape(a, out);
        nnc_text_add(out, a->classes ? " row-major, a class: 0 to %" PRId64 "\n" : " row-major\n", a->classes - 1);
    }
    nnc_text_add(out, " *   workspace    %s_WORKSPACE_BYTES bytes, aligned for float; may be used for something else between calls%s\n *\n", upper(model->loops->arena, model->name),
                 model->loops->workspace_bytes ? "" : " (none is needed: NULL will do)");
    nnc_text_add(out, " * A missing number is NaN. Returns 0; or 1, having written nothing, where a class is out of range or a pointer that is needed is NULL.\n"
                      " * The arrays do not overlap. Reentrant: nothing is kept between calls, nothing is allocated. */\n");
}

/* What callers need, be it a header or the beginning of a source. */
static void add_declarations(const nnc_c_model *model, nnc_text *out)
{
    const char *name = upper(model->loops->arena, model->name);
    nnc_text_add(out, "#define %s_WORKSPACE_BYTES %" PRId64 "\n#define %s_WEIGHT_BYTES %" PRId64 "\n", name, model->loops->workspace_bytes, name, nnc_c_weight_bytes(model->loops));
    for (uint32_t i = 0; i < model->arguments; i++)
        nnc_text_add(out, "#define %s_%s_SIZE %" PRId64 "\n", name, upper(model->loops->arena, nnc_c_parameter(model, i)), elements_of(&model->argument[i]));
    nnc_text_add(out, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    for (uint32_t i = 0; i < model->class_tables; i++)
        nnc_text_add(out, "extern const char *const %s_%s_names[%" PRId64 "];\n\n", model->name, nnc_c_identifier(model->loops->arena, model->classes[i].name), model->classes[i].count);
    add_contract(model, out);
    add_signature(model, out);
    nnc_text_add(out, ";\n\n#ifdef __cplusplus\n}\n#endif\n\n");
}

void nnc_c_header(const nnc_c_model *model, nnc_text *out)
{
    const char *name = upper(model->loops->arena, model->name);
    nnc_text_add(out, "/* %s, compiled by nnc " NNC_VERSION ". */\n#ifndef %s_H\n#define %s_H\n\n#include <stdint.h>\n\n", model->name, name, name);
    add_declarations(model, out);
    nnc_text_add(out, "#endif\n");
}

/* ---- the source ---- */

static void add_string(const char *text, nnc_text *out)
{
    nnc_text_add(out, "\"");
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\' || *at == '?')
            nnc_text_add(out, "\\%c", *at);
        else if (*at < 32 || *at > 126)
            nnc_text_add(out, "\\%03o", *at);
        else
            nnc_text_add(out, "%c", *at);
    }
    nnc_text_add(out, "\"");
}

static void add_classes(const nnc_c_model *model, nnc_text *out)
{
    for (uint32_t i = 0; i < model->class_tables; i++) {
        const nnc_c_classes *c = &model->classes[i];
        nnc_text_add(out, "const char *const %s_%s_names[%" PRId64 "] = {", model->name, nnc_c_identifier(model->loops->arena, c->name), c->count);
        for (int64_t k = 0; k < c->count; k++) {
            nnc_text_add(out, k ? ", " : "");
            add_string(c->names[k], out);
        }
        nnc_text_add(out, "};\n\n");
    }
}

static void add_weights(const nnc_c_model *model, const nnc_buffer *b, uint32_t number, nnc_text *out)
{
    const nnc_c_kernel k = {.loops = model->loops, .model = model};
    nnc_text_add(out, "static const %s %s[%" PRId64 "] = {", b->integer ? "int32_t" : "float", nnc_c_buffer_name(&k, number), b->elements);
    for (int64_t e = 0; e < b->elements; e++) {
        const unsigned char *at = model->persistent + b->offset + 4 * e;
        int32_t whole;
        float real;
        nnc_text_add(out, e % 10 ? " " : "\n    ");
        memcpy(&whole, at, 4);
        memcpy(&real, at, 4);
        if (b->integer)
            nnc_text_add(out, "%" PRId32 ",", whole);
        else {
            nnc_c_real(out, (double)real);
            nnc_text_add(out, ",");
        }
    }
    nnc_text_add(out, "\n};\n\n");
}

static void add_checks(const nnc_c_model *model, nnc_text *out)
{
    bool loops = false;
    for (uint32_t i = 0; i < model->arguments; i++)
        loops |= !model->argument[i].output && model->argument[i].classes;
    if (model->loops->workspace_bytes)
        nnc_text_add(out, "    float *const scratch = (float *)workspace;\n");
    nnc_text_add(out, "    if (");
    for (uint32_t i = 0; i < model->arguments; i++)
        nnc_text_add(out, "%s!%s", i ? " || " : "", nnc_c_parameter(model, i));
    nnc_text_add(out, model->loops->workspace_bytes ? " || !workspace)\n        return 1;\n" : ")\n        return 1;\n    (void)workspace;\n");
    for (uint32_t i = 0; loops && i < model->arguments; i++) {
        const nnc_c_argument *a = &model->argument[i];
        const char *name = nnc_c_parameter(model, i);
        if (a->output || !a->classes)
            continue;
        nnc_text_add(out, "    for (int32_t i = 0; i < %" PRId64 "; i++)\n        if (%s[i] < 0 || %s[i] >= %" PRId64 ")\n            return 1;\n", elements_of(a), name, name, a->classes);
    }
}

static const char *place_of(const nnc_c_model *model, const nnc_buffer *b)
{
    for (uint32_t i = 0; i < model->arguments; i++)
        if (b->storage == NNC_STORAGE_ARGUMENT && model->loops->buffer[model->argument[i].buffer].argument == b->argument)
            return nnc_c_parameter(model, i);
    return b->offset ? nnc_arena_format(model->loops->arena, "scratch + %" PRId64, b->offset / 4) : "scratch";
}

static void add_call(const nnc_c_model *model, const nnc_kernel *kernel, nnc_text *out)
{
    const bool *touched = touched_by(model->loops, kernel);
    uint32_t printed = 0;
    nnc_text_add(out, "    %s(", kernel->name);
    for (uint32_t i = 0; i < model->loops->buffers; i++) {
        const nnc_buffer *b = &model->loops->buffer[i];
        if (touched[i] && b->storage != NNC_STORAGE_PERSISTENT && b->storage != NNC_STORAGE_LOCAL)
            nnc_text_add(out, "%s%s", printed++ ? ", " : "", place_of(model, b));
    }
    nnc_text_add(out, ");\n");
}

void nnc_c_source(const nnc_c_model *model, const char *header_name, nnc_text *out)
{
    const nnc_loops *loops = model->loops;
    const bool *touched = touched_by(loops, NULL);
    nnc_text_add(out, "/* %s, compiled by nnc " NNC_VERSION ". What it is and how to call it: see %s. */\n", model->name, header_name ? header_name : "the declarations");
    if (header_name)
        nnc_text_add(out, "#include \"%s\"\n", header_name);
    nnc_text_add(out, "#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n\n");
    if (!header_name)
        add_declarations(model, out);
    add_classes(model, out);
    nnc_c_helpers(loops, out);
    for (uint32_t i = 0; i < loops->buffers; i++)
        if (touched[i] && loops->buffer[i].storage == NNC_STORAGE_PERSISTENT)
            add_weights(model, &loops->buffer[i], i, out);
    for (uint32_t i = 0; i < loops->kernels; i++)
        nnc_c_kernel_text(loops, loops->kernel[i], model, out);
    add_signature(model, out);
    nnc_text_add(out, "\n{\n");
    add_checks(model, out);
    for (uint32_t i = 0; i < loops->kernels; i++)
        add_call(model, loops->kernel[i], out);
    nnc_text_add(out, "    return 0;\n}\n");
}
