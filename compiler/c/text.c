/* Numbers, names and helpers of the emitted C. */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "c/internal.h"
#include "loops/range.h"

/* Nine digits tell all floats apart. */
void nnc_c_real(nnc_text *out, double value)
{
    char digits[40];
    if (!isfinite(value)) {
        nnc_text_add(out, isnan(value) ? "NAN" : value < 0 ? "-INFINITY" : "INFINITY");
        return;
    }
    snprintf(digits, sizeof digits, "%.9g", value);
    for (char *at = digits; *at; at++)
        if (*at == ',')
            *at = '.';
    nnc_text_add(out, "%s%sf", digits, strpbrk(digits, ".e") ? "" : ".0");
}

const char *nnc_c_identifier(nnc_arena *arena, const char *name)
{
    char *made = nnc_arena_format(arena, "%s%s", isdigit((unsigned char)*name) ? "_" : "", name);
    for (char *at = made; *at; at++)
        if (!isalnum((unsigned char)*at) || (unsigned char)*at > 127)
            *at = '_';
    return made;
}

void nnc_c_comment(nnc_text *out, const char *text)
{
    for (const char *at = text; *at; at++) {
        bool end = (at[0] == '*' && at[1] == '/') || (at[0] == '/' && at[1] == '*');
        char c = *at == '\n' || *at == '\r' ? ' ' : *at == '?' && at[1] == '?' ? '.' : *at;
        nnc_text_add(out, end ? "%c " : "%c", c);
    }
}

const char *nnc_c_buffer_name(const nnc_c_kernel *k, uint32_t buffer)
{
    const nnc_buffer *b = &k->loops->buffer[buffer];
    if (k->model && b->storage == NNC_STORAGE_PERSISTENT)
        return nnc_arena_format(k->loops->arena, "w%u_%s", buffer, nnc_c_identifier(k->loops->arena, b->name));
    return nnc_arena_format(k->loops->arena, "b%u", buffer);
}

/* ---- helpers ---- */

typedef struct needs { bool helper[NNC_C_HELPERS], multiply_add, vectors; const nnc_loops *loops; } needs;

static void need_of_value(needs *n, const nnc_kernel *k, const nnc_value *v, bool nonnegative)
{
    bool index = v->type == NNC_TYPE_INDEX, from_real = k->value[v->args[0]].type == NNC_TYPE_REAL;
    switch (v->op) {
    case NNC_LOOP_MIN: case NNC_LOOP_FOLD_MIN: n->helper[NNC_C_MIN] = true; break;
    case NNC_LOOP_MAX: case NNC_LOOP_FOLD_MAX: n->helper[NNC_C_MAX] = true; break;
    case NNC_LOOP_FMA: n->multiply_add = true; break;
    case NNC_LOOP_INT_OF: n->helper[NNC_C_TRUNCATE] |= from_real; break;
    case NNC_LOOP_BITS_OF: n->helper[NNC_C_BITS] = true; break;
    case NNC_LOOP_REAL_FROM: n->helper[NNC_C_FROM_BITS] = true; break;
    case NNC_LOOP_IMIN: n->helper[index ? NNC_C_LEAST_INDEX : NNC_C_LEAST_INT] = true; break;
    case NNC_LOOP_IMAX: n->helper[index ? NNC_C_MOST_INDEX : NNC_C_MOST_INT] = true; break;
    case NNC_LOOP_QUOTIENT: n->helper[index ? NNC_C_QUOTIENT_INDEX : NNC_C_QUOTIENT_INT] |= !nonnegative; break;
    case NNC_LOOP_REMAINDER: n->helper[index ? NNC_C_REMAINDER_INDEX : NNC_C_REMAINDER_INT] |= !nonnegative; break;
    case NNC_LOOP_LOAD: case NNC_LOOP_GATHER:
        n->helper[NNC_C_LOAD_INT] |= v->type == NNC_TYPE_INT && n->loops->buffer[v->integer].storage != NNC_STORAGE_ARGUMENT;
        break;
    default: break;
    }
}

static void find_needs(needs *n, const nnc_kernel *k, const bool *nonnegative, const nnc_statement *body)
{
    for (const nnc_statement *s = body; s; s = s->next) {
        const nnc_value *v = &k->value[s->value];
        bool store = s->kind == NNC_STATEMENT_STORE || s->kind == NNC_STATEMENT_SCATTER;
        n->vectors |= v->lanes > 1;
        if (s->kind == NNC_STATEMENT_VALUE)
            need_of_value(n, k, v, nonnegative[v->args[0]]);
        else if (store && v->type == NNC_TYPE_INT && n->loops->buffer[s->target].storage != NNC_STORAGE_ARGUMENT)
            n->helper[NNC_C_STORE_INT] = true;
        n->helper[NNC_C_PREFETCH] |= s->kind == NNC_STATEMENT_PREFETCH;
        find_needs(n, k, nonnegative, s->body);
    }
}

void nnc_c_helpers(const nnc_loops *loops, nnc_text *out)
{
    static const char *const texts[] = {
#define NNC_C_HELPER(name, text) text,
#include "c/helpers.def"
    };
    needs n = {.loops = loops};
    for (uint32_t i = 0; i < loops->kernels; i++)
        find_needs(&n, loops->kernel[i], nnc_nonnegative(loops->arena, loops->kernel[i]), loops->kernel[i]->body);
    if (n.multiply_add)
        nnc_text_add(out, "/* Rounds once where that is an instruction. */\n#ifdef FP_FAST_FMAF\n#define MULTIPLY_ADD(a, b, c) fmaf((a), (b), (c))\n#else\n"
                          "#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))\n#endif\n\n");
    if (n.vectors)
        nnc_text_add(out, "/* A loop over the lanes of a vector: kept whole until the vectoriser sees it. */\n#if defined(__GNUC__) && !defined(__clang__)\n"
                          "#define LANES(n) _Pragma(\"GCC unroll 1\") for (int l = 0; l < (n); l++)\n#else\n#define LANES(n) for (int l = 0; l < (n); l++)\n#endif\n\n");
    for (int i = 0; i < NNC_C_HELPERS; i++)
        if (n.helper[i])
            nnc_text_add(out, "%s\n", texts[i]);
    nnc_c_whole_helpers(loops, out);
}
