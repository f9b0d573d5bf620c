/* Statements on whole vectors. Compilers keep an array that is assigned in a loop in memory, even if each of its lanes could be in a vector register: gcc
 * reads and writes the sums of a tile in each round. A variable of a vector type (an extension of gcc and clang) is a register from the start, as long as
 * it is read and written as a whole. So statements that tell no lane from another are printed by macros: SET8(r0, FMA8(SPLAT8(v30), EACH8(v42),
 * EACH8(r0))) is one operation where there is such a type, and a loop over lanes elsewhere. */
#include <stdio.h>
#include "c/internal.h"

typedef struct operation { nnc_loop_op op; const char *name, *function; int arity; } operation;

static const operation operations[] = {
#define NNC_C_WHOLE(op, name, function, arity) {NNC_LOOP_##op, name, function, arity},
#include "c/whole.def"
};

enum { OPERATIONS = sizeof operations / sizeof *operations, WIDEST = 16 };

static const operation *operation_of(uint8_t op)
{
    for (size_t i = 0; i < OPERATIONS; i++)
        if (operations[i].op == (nnc_loop_op)op)
            return &operations[i];
    return NULL;
}

const char *nnc_c_whole_name(nnc_loop_op op)
{
    const operation *o = operation_of((uint8_t)op);
    return o ? o->name : NULL;
}

bool nnc_c_is_packed_register(const nnc_c_kernel *k, uint32_t reg)
{
    return k->kernel->reg[reg].type == NNC_TYPE_REAL && k->kernel->reg[reg].lanes > 1;
}

static bool is_whole_operation(const nnc_c_kernel *k, nnc_value_id id);

static bool is_whole_operand(const nnc_c_kernel *k, nnc_value_id id)
{
    return k->inlined[id] ? is_whole_operation(k, id) : k->kernel->value[id].type == NNC_TYPE_REAL;
}

static bool is_whole_operation(const nnc_c_kernel *k, nnc_value_id id)
{
    const nnc_value *v = &k->kernel->value[id];
    if (v->type != NNC_TYPE_REAL)
        return false;
    switch (v->op) {
    case NNC_LOOP_REAL: case NNC_LOOP_GET: case NNC_LOOP_LOAD: case NNC_LOOP_BROADCAST: return true;
    case NNC_LOOP_ADD: case NNC_LOOP_SUB: case NNC_LOOP_MUL: case NNC_LOOP_DIV: case NNC_LOOP_NEG: break;
    default:
        if (!operation_of(v->op))
            return false;
    }
    for (uint32_t i = 0; i < v->count; i++)
        if (!is_whole_operand(k, v->args[i]))
            return false;
    return true;
}

bool nnc_c_is_whole(const nnc_c_kernel *k, const nnc_statement *s)
{
    switch (s->kind) {
    case NNC_STATEMENT_VALUE: return is_whole_operation(k, s->value);
    case NNC_STATEMENT_SET: return is_whole_operand(k, s->value);
    case NNC_STATEMENT_STORE: return s->step == 0 && is_whole_operand(k, s->value);
    default: return false;
    }
}

/* ---- packed vectors of which a loop over lanes reads the lanes ---- */

static void note(nnc_c_lanes_read *read, const nnc_c_kernel *k, nnc_value_id id)
{
    const nnc_value *v = &k->kernel->value[id];
    if (!k->inlined[id]) {
        read->value[id] |= k->packed[id];
        return;
    }
    if (v->op == NNC_LOOP_GET)
        read->reg[v->integer] |= nnc_c_is_packed_register(k, (uint32_t)v->integer);
    for (uint32_t i = 0; i < v->count; i++)
        note(read, k, v->args[i]);
}

nnc_c_lanes_read nnc_c_packed_lanes(const nnc_c_kernel *k, const nnc_statement *first, const nnc_statement *end)
{
    nnc_arena *arena = k->loops->arena;
    nnc_c_lanes_read read = {NNC_ARRAY(arena, bool, k->kernel->values + 1), NNC_ARRAY(arena, bool, k->kernel->registers + 1)};
    for (const nnc_statement *s = first; s != end->next; s = s->next) {
        const nnc_value *v = &k->kernel->value[s->value];
        if (s->kind != NNC_STATEMENT_VALUE || k->inlined[s->value]) {
            if (s->kind != NNC_STATEMENT_VALUE)
                note(&read, k, s->value);
            continue;
        }
        if (v->op == NNC_LOOP_GET)
            read.reg[v->integer] |= nnc_c_is_packed_register(k, (uint32_t)v->integer);
        for (uint32_t i = 0; v->lanes > 1 && i < v->count; i++)
            note(&read, k, v->args[i]);
    }
    return read;
}

/* ---- types and operations, as text ---- */

typedef struct needs { bool lanes[WIDEST + 1], operation[WIDEST + 1][OPERATIONS]; } needs;

static void find_needs(needs *n, const nnc_kernel *k, const nnc_statement *body)
{
    for (const nnc_statement *s = body; s; s = s->next) {
        const nnc_value *v = &k->value[s->value];
        const operation *o = s->kind == NNC_STATEMENT_VALUE ? operation_of(v->op) : NULL;
        n->lanes[v->lanes] |= v->type == NNC_TYPE_REAL;
        if (o)
            n->operation[v->lanes][o - operations] = true;
        find_needs(n, k, s->body);
    }
}

/* "real8 a, real8 b" of type and suffix "real8 ", "" and count 2. */
static const char *list(nnc_arena *arena, const char *before, const char *after, int count)
{
    const char *text = "";
    for (int i = 0; i < count; i++)
        text = nnc_arena_format(arena, "%s%s%s%c%s", text, i ? ", " : "", before, "abc"[i], after);
    return text;
}

/* The vector type of up to 8 lanes. Functions are marked as perhaps unused: clang warns of those that stand in a source. */
static void add_vectors(int lanes, const bool *needed, nnc_text *out)
{
    nnc_arena *arena = out->arena;
    const char *function = nnc_arena_format(arena, "static inline __attribute__((unused)) real%d", lanes), *type = nnc_arena_format(arena, "real%d ", lanes);
    nnc_text_add(out, "typedef float real%d __attribute__((vector_size(%d)));\n", lanes, 4 * lanes);
    nnc_text_add(out, "%s LOAD%d(const float *at) { real%d a; memcpy(&a, at, sizeof a); return a; }\n", function, lanes, lanes);
    nnc_text_add(out, "%s SPLAT%d(float a) { return (real%d){", function, lanes, lanes);
    for (int l = 0; l < lanes; l++)
        nnc_text_add(out, l ? ", a" : "a");
    nnc_text_add(out, "}; }\n");
    nnc_text_add(out, "static inline __attribute__((unused)) void STORE%d(float *at, real%d a) { memcpy(at, &a, sizeof a); }\n", lanes, lanes);
    for (int i = 0; i < OPERATIONS; i++)
        if (needed[i] && operations[i].op == NNC_LOOP_FMA)
            nnc_text_add(out, "%s FMA%d(real%d a, real%d b, real%d c) { FUSED(%d) return a; }\n", function, lanes, lanes, lanes, lanes, lanes);
        else if (needed[i])
            nnc_text_add(out, "%s %s%d(%s) { LANES(%d) a[l] = %s(%s); return a; }\n", function, operations[i].name, lanes, list(arena, type, "", operations[i].arity), lanes,
                         operations[i].function, list(arena, "", "[l]", operations[i].arity));
    nnc_text_add(out, "#define EACH%d(name) (name)\n#define SET%d(to, value) to = (value)\n#define HOLD%d(name) HOLD(name)\n", lanes, lanes, lanes);
}

/* 16 lanes are two vectors of 8, of which each operation is printed once and done twice. */
static void add_pair(const bool *needed, nnc_text *out)
{
    nnc_text_add(out, "typedef struct real16 { real8 part[2]; } real16;\n");
    nnc_text_add(out, "#define TWICE(statement) { enum { part = 0 }; statement; } { enum { part = 1 }; statement; }\n");
    nnc_text_add(out, "#define EACH16(name) (name).part[part]\n#define LANE16(name, lane) (name).part[(lane) / 8][(lane) %% 8]\n");
    nnc_text_add(out, "#define LOAD16(at) LOAD8((at) + 8 * part)\n#define SPLAT16(a) SPLAT8(a)\n");
    nnc_text_add(out, "#define HOLD16(name) TWICE(HOLD((name).part[part]))\n#define SET16(to, value) TWICE((to).part[part] = (value))\n#define STORE16(at, value) TWICE(STORE8((at) + 8 * part, (value)))\n");
    for (int i = 0; i < OPERATIONS; i++)
        if (needed[i]) {
            const char *arguments = list(out->arena, "", "", operations[i].arity);
            nnc_text_add(out, "#define %s16(%s) %s8(%s)\n", operations[i].name, arguments, operations[i].name, arguments);
        }
}

static void add_arrays(int lanes, const bool *needed, nnc_text *out)
{
    nnc_text_add(out, "typedef float real%d[%d];\n#define EACH%d(name) (name)[l]\n#define LOAD%d(at) (at)[l]\n#define SPLAT%d(a) (a)\n", lanes, lanes, lanes, lanes, lanes);
    nnc_text_add(out, "#define HOLD%d(name) (void)0\n#define SET%d(to, value) LANES(%d) (to)[l] = (value)\n#define STORE%d(at, value) LANES(%d) (at)[l] = (value)\n", lanes, lanes, lanes, lanes, lanes);
    if (lanes > 8)
        nnc_text_add(out, "#define LANE%d(name, lane) (name)[lane]\n", lanes);
    for (int i = 0; i < OPERATIONS; i++)
        if (needed[i]) {
            const char *arguments = list(out->arena, "", "", operations[i].arity);
            nnc_text_add(out, "#define %s%d(%s) %s(%s)\n", operations[i].name, lanes, arguments, operations[i].function, list(out->arena, "(", ")", operations[i].arity));
        }
}

static void add_types(const needs *n, int lanes, nnc_text *out)
{
    nnc_text_add(out, "#if defined(VECTORS) && %s\n", lanes >= 8 ? "defined(__AVX__)" : "(defined(__SSE2__) || defined(__ARM_NEON))");
    if (lanes <= 8)
        add_vectors(lanes, n->operation[lanes], out);
    else
        add_pair(n->operation[lanes], out);
    nnc_text_add(out, "#define LANES_OF%d(name) float name##_lanes[%d]; memcpy(name##_lanes, &name, sizeof name##_lanes)\n", lanes, lanes);
    nnc_text_add(out, "#define ROOM%d(name, at) float name##_room[%d]\n#define KEEP%d(name, at) memcpy((at), name##_room, sizeof name##_room)\n#else\n", lanes, lanes, lanes);
    add_arrays(lanes, n->operation[lanes], out);
    nnc_text_add(out, "#define LANES_OF%d(name) const float *const name##_lanes = name\n#define ROOM%d(name, at) float *const name##_room = (float *)(at)\n#define KEEP%d(name, at) (void)name##_room\n#endif\n\n",
                 lanes, lanes, lanes);
}

void nnc_c_whole_helpers(const nnc_loops *loops, nnc_text *out)
{
    needs n = {0};
    for (uint32_t i = 0; i < loops->kernels; i++)
        find_needs(&n, loops->kernel[i], loops->kernel[i]->body);
    if (!(n.lanes[2] || n.lanes[4] || n.lanes[8] || n.lanes[16]))
        return;
    n.lanes[8] |= n.lanes[16];
    for (int i = 0; i < OPERATIONS; i++)
        n.operation[8][i] |= n.operation[16][i];
    nnc_text_add(out, "/* Vectors: where gcc or clang has registers for them, a type of theirs, so that they stay there; elsewhere arrays and loops over lanes. */\n"
                      "#if defined(__GNUC__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)\n#define VECTORS\n"
                      "#if defined(__clang__)    /* fuses where it is told to */\n#define FUSED(n) _Pragma(\"STDC FP_CONTRACT ON\") a = a * b + c;\n"
                      "#elif defined(__FMA__)    /* fuses of itself by some flags alone, so it is told */\n#define FUSED(n) FUSED##n\n"
                      "#define FUSED2 LANES(2) a[l] = MULTIPLY_ADD(a[l], b[l], c[l]);\n#define FUSED4 a = __builtin_ia32_vfmaddps(a, b, c);\n#define FUSED8 a = __builtin_ia32_vfmaddps256(a, b, c);\n"
                      "#elif !defined(FP_FAST_FMAF) || !defined(__STRICT_ANSI__)    /* cannot, or fuses of itself */\n#define FUSED(n) a = a * b + c;\n"
                      "#else\n#define FUSED(n) LANES(n) a[l] = MULTIPLY_ADD(a[l], b[l], c[l]);\n#endif\n"
                      "#if defined(__AVX__) && !defined(__clang__)    /* gcc would read it anew wherever it is used */\n#define HOLD(name) __asm__(\"\" : \"+v\"(name))\n"
                      "#else\n#define HOLD(name) (void)0\n#endif\n#endif\n");
    for (int lanes = 2; lanes <= WIDEST; lanes *= 2)
        if (n.lanes[lanes])
            add_types(&n, lanes, out);
}
