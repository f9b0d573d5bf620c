/* Values as C expressions. In a loop over lanes, vectors stand as their lane l. */
#include <inttypes.h>
#include "c/internal.h"

static void add(const nnc_c_kernel *k, nnc_value_id id) { nnc_c_expression(k, id, false); }

static void integer(nnc_text *out, nnc_type type, int64_t value)
{
    if (type == NNC_TYPE_INT && value == INT32_MIN)
        nnc_text_add(out, "(-2147483647 - 1)");
    else
        nnc_text_add(out, value < 0 ? "(%" PRId64 ")" : "%" PRId64, value);
}

/* Batch, first and last task: parameters, or for one example numbers. */
static void counter(const nnc_c_kernel *k, const nnc_value *v)
{
    if (k->model)
        nnc_text_add(k->out, "%" PRId64, v->op == NNC_LOOP_BATCH ? 1 : v->op == NNC_LOOP_FIRST ? 0 : nnc_kernel_tasks(k->kernel, 1));
    else
        nnc_text_add(k->out, "%s", v->op == NNC_LOOP_BATCH ? "n" : v->op == NNC_LOOP_FIRST ? "begin" : "end");
}

static void binary(const nnc_c_kernel *k, const nnc_value *v, const char *operator)
{
    nnc_text_add(k->out, "(");
    add(k, v->args[0]);
    nnc_text_add(k->out, " %s ", operator);
    add(k, v->args[1]);
    nnc_text_add(k->out, ")");
}

/* On 32-bit patterns without sign: sums wrap. */
static void wrapping(const nnc_c_kernel *k, const nnc_value *v, const char *operator)
{
    if (v->type == NNC_TYPE_INDEX) {
        binary(k, v, operator);
        return;
    }
    nnc_text_add(k->out, "(int32_t)((uint32_t)");
    nnc_c_expression(k, v->args[0], true);
    nnc_text_add(k->out, " %s (uint32_t)", operator);
    nnc_c_expression(k, v->args[1], true);
    nnc_text_add(k->out, ")");
}

static void shifted(const nnc_c_kernel *k, const nnc_value *v, bool left)
{
    bool index = v->type == NNC_TYPE_INDEX;
    nnc_text_add(k->out, index ? "(ptrdiff_t)((size_t)" : "(int32_t)((uint32_t)");
    nnc_c_expression(k, v->args[0], true);
    nnc_text_add(k->out, " %s %" PRId64 ")", left ? "<<" : ">>", v->integer);
}

/* On whole vectors the operation has a name of its own. */
static void call(const nnc_c_kernel *k, const nnc_value *v, const char *function)
{
    if (k->whole && v->lanes > 1)
        nnc_text_add(k->out, "%s%d(", nnc_c_whole_name((nnc_loop_op)v->op), v->lanes);
    else
        nnc_text_add(k->out, "%s(", function);
    for (uint32_t i = 0; i < v->count; i++) {
        nnc_text_add(k->out, i ? ", " : "");
        add(k, v->args[i]);
    }
    nnc_text_add(k->out, ")");
}

static void prefixed(const nnc_c_kernel *k, const nnc_value *v, const char *prefix)
{
    nnc_text_add(k->out, "%s", prefix);
    nnc_c_expression(k, v->args[0], true);
}

static void division(const nnc_c_kernel *k, const nnc_value *v)
{
    bool quotient = v->op == NNC_LOOP_QUOTIENT, index = v->type == NNC_TYPE_INDEX, plain = k->nonnegative[v->args[0]];
    nnc_text_add(k->out, plain ? "(" : quotient ? (index ? "quotient_index(" : "quotient_int(") : index ? "remainder_index(" : "remainder_int(");
    add(k, v->args[0]);
    nnc_text_add(k->out, "%s", !plain ? ", " : quotient ? " / " : " % ");
    nnc_text_add(k->out, "%" PRId64 ")", v->integer);
}

static void load(const nnc_c_kernel *k, const nnc_value *v)
{
    bool indirect = v->type == NNC_TYPE_INT && k->loops->buffer[v->integer].storage != NNC_STORAGE_ARGUMENT;
    indirect = indirect && !(k->model && k->loops->buffer[v->integer].storage == NNC_STORAGE_PERSISTENT);
    bool whole = k->whole && v->lanes > 1;
    if (whole)
        nnc_text_add(k->out, "LOAD%d(&", v->lanes);
    nnc_text_add(k->out, indirect ? "load_int(&%s[" : "%s[", nnc_c_buffer_name(k, (uint32_t)v->integer));
    add(k, v->args[0]);
    nnc_text_add(k->out, v->op == NNC_LOOP_LOAD && v->lanes > 1 && !whole ? " + l" : "");
    nnc_text_add(k->out, indirect || whole ? "])" : "]");
}

static void select_one(const nnc_c_kernel *k, const nnc_value *v)
{
    nnc_text_add(k->out, "(");
    add(k, v->args[0]);
    nnc_text_add(k->out, " ? ");
    add(k, v->args[1]);
    nnc_text_add(k->out, " : ");
    add(k, v->args[2]);
    nnc_text_add(k->out, ")");
}

/* A lane of the vector by its number. */
static void one_lane(const nnc_c_kernel *k, nnc_value_id vector, int lane)
{
    nnc_text_add(k->out, k->packed[vector] && k->kernel->value[vector].lanes > 8 ? "LANE16(v%u, %d)" : "v%u[%d]", vector, lane);
}

/* Lane i of level n of the fixed tree: level n's lane i is the sum (or extreme) of lanes i and i + n of the level below. */
static void fold(const nnc_c_kernel *k, const nnc_value *v, int level, int lane)
{
    const char *function = v->op == NNC_LOOP_FOLD_MAX ? "max_real" : v->op == NNC_LOOP_FOLD_MIN ? "min_real" : "";
    if (level == k->kernel->value[v->args[0]].lanes) {
        one_lane(k, v->args[0], lane);
        return;
    }
    nnc_text_add(k->out, "%s(", function);
    fold(k, v, 2 * level, lane);
    nnc_text_add(k->out, v->op == NNC_LOOP_FOLD_ADD ? " + " : ", ");
    fold(k, v, 2 * level, lane + level);
    nnc_text_add(k->out, ")");
}

static void lane(const nnc_c_kernel *k, const nnc_value *v)
{
    const nnc_value *vector = &k->kernel->value[v->args[0]];
    if (vector->op == NNC_LOOP_IOTA)
        integer(k->out, NNC_TYPE_INT, v->integer);
    else
        one_lane(k, v->args[0], (int)v->integer);
}

/* A scalar in all lanes. */
static void splat(const nnc_c_kernel *k, const nnc_value *v)
{
    bool whole = k->whole && v->lanes > 1;
    if (whole)
        nnc_text_add(k->out, "SPLAT%d(", v->lanes);
    if (v->op == NNC_LOOP_REAL)
        nnc_c_real(k->out, v->real);
    else
        add(k, v->args[0]);
    nnc_text_add(k->out, whole ? ")" : "");
}

/* A vector or scalar by its name: as a whole, or its lane l. */
static void name(const nnc_c_kernel *k, char kind, uint32_t number, uint8_t lanes, bool packed)
{
    if (lanes == 1)
        nnc_text_add(k->out, "%c%u", kind, number);
    else if (k->whole)
        nnc_text_add(k->out, packed ? "EACH%d(%c%u)" : "LOAD%d(%c%u)", lanes, kind, number);
    else
        nnc_text_add(k->out, packed ? "%c%u_lanes[l]" : "%c%u[l]", kind, number);
}

static void operation(const nnc_c_kernel *k, const nnc_value *v)
{
    bool index = v->type == NNC_TYPE_INDEX, from_real = k->kernel->value[v->args[0]].type == NNC_TYPE_REAL;
    switch ((nnc_loop_op)v->op) {
    case NNC_LOOP_REAL: case NNC_LOOP_BROADCAST: splat(k, v); break;
    case NNC_LOOP_INT: case NNC_LOOP_INDEX: case NNC_LOOP_TRUTH: integer(k->out, (nnc_type)v->type, v->integer); break;
    case NNC_LOOP_BATCH: case NNC_LOOP_FIRST: case NNC_LOOP_LAST: counter(k, v); break;
    case NNC_LOOP_GET: name(k, 'r', (uint32_t)v->integer, v->lanes, nnc_c_is_packed_register(k, (uint32_t)v->integer)); break;
    case NNC_LOOP_LOAD: case NNC_LOOP_GATHER: load(k, v); break;
    case NNC_LOOP_IOTA: nnc_text_add(k->out, "(int32_t)l"); break;
    case NNC_LOOP_LANE: lane(k, v); break;
    case NNC_LOOP_FOLD_ADD: case NNC_LOOP_FOLD_MAX: case NNC_LOOP_FOLD_MIN: fold(k, v, 1, 0); break;
    case NNC_LOOP_ADD: binary(k, v, "+"); break;
    case NNC_LOOP_SUB: binary(k, v, "-"); break;
    case NNC_LOOP_MUL: binary(k, v, "*"); break;
    case NNC_LOOP_DIV: binary(k, v, "/"); break;
    case NNC_LOOP_NEG: prefixed(k, v, "-"); break;
    case NNC_LOOP_FMA: call(k, v, "MULTIPLY_ADD"); break;
    case NNC_LOOP_ABS: call(k, v, "fabsf"); break;
    case NNC_LOOP_COPYSIGN: call(k, v, "copysignf"); break;
    case NNC_LOOP_SQRT: call(k, v, "sqrtf"); break;
    case NNC_LOOP_FLOOR: call(k, v, "floorf"); break;
    case NNC_LOOP_MIN: call(k, v, "min_real"); break;
    case NNC_LOOP_MAX: call(k, v, "max_real"); break;
    case NNC_LOOP_POW: call(k, v, "powf"); break;
    case NNC_LOOP_IADD: wrapping(k, v, "+"); break;
    case NNC_LOOP_ISUB: wrapping(k, v, "-"); break;
    case NNC_LOOP_IMUL: wrapping(k, v, "*"); break;
    case NNC_LOOP_IMIN: call(k, v, index ? "least_index" : "least_int"); break;
    case NNC_LOOP_IMAX: call(k, v, index ? "most_index" : "most_int"); break;
    case NNC_LOOP_QUOTIENT: case NNC_LOOP_REMAINDER: division(k, v); break;
    case NNC_LOOP_IAND: case NNC_LOOP_AND: binary(k, v, "&"); break;
    case NNC_LOOP_IOR: case NNC_LOOP_OR: binary(k, v, "|"); break;
    case NNC_LOOP_IXOR: binary(k, v, "^"); break;
    case NNC_LOOP_SHL: shifted(k, v, true); break;
    case NNC_LOOP_SHR: shifted(k, v, false); break;
    case NNC_LOOP_SAR: nnc_text_add(k->out, "("); add(k, v->args[0]); nnc_text_add(k->out, " >> %" PRId64 ")", v->integer); break;
    case NNC_LOOP_REAL_OF: prefixed(k, v, "(float)"); break;
    case NNC_LOOP_INT_OF: if (from_real) call(k, v, "truncated"); else prefixed(k, v, "(int32_t)"); break;
    case NNC_LOOP_INDEX_OF: prefixed(k, v, "(ptrdiff_t)"); break;
    case NNC_LOOP_BITS_OF: call(k, v, "bits_of"); break;
    case NNC_LOOP_REAL_FROM: call(k, v, "from_bits"); break;
    case NNC_LOOP_LT: case NNC_LOOP_ILT: binary(k, v, "<"); break;
    case NNC_LOOP_LE: case NNC_LOOP_ILE: binary(k, v, "<="); break;
    case NNC_LOOP_EQ: case NNC_LOOP_IEQ: binary(k, v, "=="); break;
    case NNC_LOOP_NE: binary(k, v, "!="); break;
    case NNC_LOOP_NOT: nnc_text_add(k->out, "("); prefixed(k, v, "!"); nnc_text_add(k->out, ")"); break;    /* gcc warns of !a | b */
    case NNC_LOOP_SELECT: select_one(k, v); break;
    case NNC_LOOP_VARIABLE: case NNC_LOOP_OPS: break;
    }
}

/* Whether the operation's text holds together in front of and behind anything. */
static bool is_atom(const nnc_value *v)
{
    switch (v->op) {
    case NNC_LOOP_NEG: case NNC_LOOP_REAL_OF: case NNC_LOOP_INT_OF: case NNC_LOOP_INDEX_OF: case NNC_LOOP_IOTA: return false;
    case NNC_LOOP_IADD: case NNC_LOOP_ISUB: case NNC_LOOP_IMUL: return v->type == NNC_TYPE_INDEX;
    case NNC_LOOP_SHL: case NNC_LOOP_SHR: return false;
    case NNC_LOOP_REAL: return v->real >= 0;
    default: return true;
    }
}

void nnc_c_expression(const nnc_c_kernel *k, nnc_value_id id, bool atom)
{
    const nnc_value *v = &k->kernel->value[id];
    if (v->op == NNC_LOOP_VARIABLE || !k->inlined[id]) {
        name(k, 'v', id, k->local[id] ? 1 : v->lanes, k->packed[id]);
        return;
    }
    bool wrap = atom && !is_atom(v);
    nnc_text_add(k->out, wrap ? "(" : "");
    operation(k, v);
    nnc_text_add(k->out, wrap ? ")" : "");
}
