/* What is known of an operation while it is made: constants, and identities that keep every bit. */
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "loops/builder.h"

/* ---- constants: evaluated as a kernel would ---- */

static float minimum(float a, float c) { return isnan(a) || isnan(c) ? NAN : c < a ? c : a; }
static float maximum(float a, float c) { return isnan(a) || isnan(c) ? NAN : a < c ? c : a; }

static int32_t truncated(float a)
{
    const float limit = 0x1p30f;
    return isnan(a) ? 0 : a >= limit ? 1 << 30 : a <= -limit ? -(1 << 30) : (int32_t)a;
}

static int32_t bits_of(float a)
{
    int32_t bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
}

static float from_bits(int32_t bits)
{
    float a;
    memcpy(&a, &bits, sizeof a);
    return a;
}

static bool real_result(nnc_value *v, float a, float c, float d)
{
    float r;
    switch (v->op) {
    case NNC_LOOP_ADD: r = a + c; break;
    case NNC_LOOP_SUB: r = a - c; break;
    case NNC_LOOP_MUL: r = a * c; break;
    case NNC_LOOP_DIV: r = a / c; break;
    case NNC_LOOP_NEG: r = -a; break;
    case NNC_LOOP_FMA: r = fmaf(a, c, d); break;
    case NNC_LOOP_ABS: r = fabsf(a); break;
    case NNC_LOOP_COPYSIGN: r = copysignf(a, c); break;
    case NNC_LOOP_SQRT: r = sqrtf(a); break;
    case NNC_LOOP_FLOOR: r = floorf(a); break;
    case NNC_LOOP_MIN: r = minimum(a, c); break;
    case NNC_LOOP_MAX: r = maximum(a, c); break;
    case NNC_LOOP_BROADCAST: case NNC_LOOP_LANE: case NNC_LOOP_FOLD_MAX: case NNC_LOOP_FOLD_MIN: r = a; break;
    default: return false;
    }
    v->op = NNC_LOOP_REAL;
    v->real = (double)r;
    return true;
}

static int64_t wrapped(nnc_type type, uint64_t value) { return type == NNC_TYPE_INT ? (int64_t)(int32_t)(uint32_t)value : (int64_t)value; }

static bool integer_result(nnc_value *v, int64_t a, int64_t c)
{
    uint64_t r, x = (uint64_t)a, y = (uint64_t)c;
    uint64_t unsigned_x = v->type == NNC_TYPE_INT ? (uint32_t)a : x;
    switch (v->op) {
    case NNC_LOOP_IADD: r = x + y; break;
    case NNC_LOOP_ISUB: r = x - y; break;
    case NNC_LOOP_IMUL: r = x * y; break;
    case NNC_LOOP_IMIN: r = c < a ? y : x; break;
    case NNC_LOOP_IMAX: r = a < c ? y : x; break;
    case NNC_LOOP_QUOTIENT: r = (uint64_t)nnc_floor_divide(a, v->integer); break;
    case NNC_LOOP_REMAINDER: r = (uint64_t)nnc_floor_modulo(a, v->integer); break;
    case NNC_LOOP_IAND: r = x & y; break;
    case NNC_LOOP_IOR: r = x | y; break;
    case NNC_LOOP_IXOR: r = x ^ y; break;
    case NNC_LOOP_SHL: r = x << v->integer; break;
    case NNC_LOOP_SHR: r = unsigned_x >> v->integer; break;
    case NNC_LOOP_SAR: r = (uint64_t)(a >> v->integer); break;
    case NNC_LOOP_BROADCAST: case NNC_LOOP_LANE: case NNC_LOOP_INDEX_OF: case NNC_LOOP_INT_OF: r = x; break;
    default: return false;
    }
    v->op = v->type == NNC_TYPE_INT ? NNC_LOOP_INT : NNC_LOOP_INDEX;
    v->integer = wrapped(v->type, r);
    return true;
}

static bool truth_result(nnc_value *v, const nnc_value *p, const nnc_value *q)
{
    bool r;
    switch (v->op) {
    case NNC_LOOP_LT: r = p->real < q->real; break;
    case NNC_LOOP_LE: r = p->real <= q->real; break;
    case NNC_LOOP_EQ: r = p->real == q->real; break;
    case NNC_LOOP_NE: r = p->real != q->real; break;
    case NNC_LOOP_ILT: r = p->integer < q->integer; break;
    case NNC_LOOP_ILE: r = p->integer <= q->integer; break;
    case NNC_LOOP_IEQ: r = p->integer == q->integer; break;
    case NNC_LOOP_AND: r = p->integer && q->integer; break;
    case NNC_LOOP_OR: r = p->integer || q->integer; break;
    case NNC_LOOP_NOT: r = !p->integer; break;
    case NNC_LOOP_BROADCAST: case NNC_LOOP_LANE: r = p->integer; break;
    default: return false;
    }
    v->op = NNC_LOOP_TRUTH;
    v->integer = r;
    return true;
}

/* A change of type between REAL and integers. */
static bool converted(nnc_value *v, const nnc_value *p)
{
    bool real = p->type == NNC_TYPE_REAL;
    switch (v->op) {
    case NNC_LOOP_REAL_OF: v->real = (double)(float)p->integer; break;
    case NNC_LOOP_REAL_FROM: v->real = (double)from_bits((int32_t)p->integer); break;
    case NNC_LOOP_INT_OF: v->integer = real ? truncated((float)p->real) : wrapped(NNC_TYPE_INT, (uint64_t)p->integer); break;
    case NNC_LOOP_BITS_OF: v->integer = bits_of((float)p->real); break;
    default: return false;
    }
    v->op = v->type == NNC_TYPE_REAL ? NNC_LOOP_REAL : NNC_LOOP_INT;
    return true;
}

bool nnc_fold_constant(const nnc_builder *b, nnc_value *value)
{
    nnc_value v = *value, p[3] = {{0}};
    for (uint32_t i = 0; i < v.count; i++) {
        p[i] = *nnc_at(b, v.args[i]);
        if (!nnc_constant(&p[i]))
            return false;
    }
    if (v.count == 0)
        return false;
    bool done = converted(&v, p);
    if (!done && v.type == NNC_TYPE_REAL)
        done = real_result(&v, (float)p[0].real, (float)p[1].real, (float)p[2].real);
    else if (!done && v.type == NNC_TYPE_BOOL)
        done = truth_result(&v, &p[0], &p[1]);
    else if (!done)
        done = integer_result(&v, p[0].integer, p[1].integer);
    if (!done || (v.type == NNC_TYPE_REAL && isnan(v.real)))   /* whose sign and payload are the machine's */
        return false;
    v.count = 0;
    memset(v.args, 0, sizeof v.args);
    *value = v;
    return true;
}

/* ---- identities ---- */

static bool is_integer(const nnc_builder *b, nnc_value_id id, int64_t what)
{
    const nnc_value *v = nnc_at(b, id);
    return (v->op == NNC_LOOP_INT || v->op == NNC_LOOP_INDEX) && v->integer == what;
}

/* The same bits: 0 is not -0. */
static bool is_real(const nnc_builder *b, nnc_value_id id, double what)
{
    const nnc_value *v = nnc_at(b, id);
    return v->op == NNC_LOOP_REAL && v->real == what && signbit(v->real) == signbit(what);
}

static bool is_truth(const nnc_builder *b, nnc_value_id id, bool what)
{
    return nnc_at(b, id)->op == NNC_LOOP_TRUTH && (nnc_at(b, id)->integer != 0) == what;
}

static nnc_value_id constant_like(nnc_builder *b, const nnc_value *v, int64_t integer)
{
    nnc_value c = {.op = v->type == NNC_TYPE_INT ? NNC_LOOP_INT : NNC_LOOP_INDEX, .type = v->type, .lanes = v->lanes, .integer = wrapped(v->type, (uint64_t)integer)};
    return nnc_place_pure(b, c, 0);
}

static bool is_sum_with_constant(const nnc_builder *b, nnc_value_id id)
{
    return nnc_at(b, id)->op == NNC_LOOP_IADD && nnc_constant(nnc_at(b, nnc_at(b, id)->args[1]));
}

static void swap_arguments(nnc_value *v)
{
    nnc_value_id a = v->args[0];
    v->args[0] = v->args[1];
    v->args[1] = a;
}

/* Sums of indices: a constant goes outermost, where an address takes it for nothing; what changes least goes innermost, so that it leaves loops. */
static nnc_value_id simplify_sum(nnc_builder *b, nnc_value *v)
{
    if (nnc_constant(nnc_at(b, v->args[0])) || (is_sum_with_constant(b, v->args[1]) && !nnc_constant(nnc_at(b, v->args[1]))
                                                && !is_sum_with_constant(b, v->args[0])))
        swap_arguments(v);
    nnc_value_id x = v->args[0], y = v->args[1];
    if (is_integer(b, y, 0))
        return x;
    if (is_sum_with_constant(b, x)) {
        nnc_value_id rest = nnc_at(b, x)->args[0], c = nnc_at(b, x)->args[1];
        if (nnc_constant(nnc_at(b, y)))
            return nnc_emit2(b, NNC_LOOP_IADD, rest, constant_like(b, v, (int64_t)((uint64_t)nnc_at(b, c)->integer + (uint64_t)nnc_at(b, y)->integer)));
        return nnc_emit2(b, NNC_LOOP_IADD, nnc_emit2(b, NNC_LOOP_IADD, rest, y), c);
    }
    for (int side = 0; side < 2 && v->type == NNC_TYPE_INDEX; side++) {
        nnc_value_id sum = v->args[side], other = v->args[!side];
        if (nnc_at(b, sum)->op != NNC_LOOP_IADD || nnc_constant(nnc_at(b, other)))
            continue;
        for (int deep = 0; deep < 2; deep++) {
            nnc_value_id d = nnc_at(b, sum)->args[deep], s = nnc_at(b, sum)->args[!deep];
            uint32_t depth = nnc_at(b, d)->depth;
            if (depth > nnc_at(b, s)->depth && depth > nnc_at(b, other)->depth)
                return nnc_emit2(b, NNC_LOOP_IADD, d, nnc_emit2(b, NNC_LOOP_IADD, s, other));
        }
    }
    return 0;
}

static nnc_value_id simplify_product(nnc_builder *b, nnc_value *v)
{
    if (nnc_constant(nnc_at(b, v->args[0])))
        swap_arguments(v);
    nnc_value_id x = v->args[0], y = v->args[1];
    if (is_integer(b, y, 1))
        return x;
    if (is_integer(b, y, 0))
        return y;
    if (is_sum_with_constant(b, x) && nnc_constant(nnc_at(b, y))) {
        nnc_value_id rest = nnc_at(b, x)->args[0], c = nnc_at(b, x)->args[1];
        return nnc_emit2(b, NNC_LOOP_IADD, nnc_emit2(b, NNC_LOOP_IMUL, rest, y), nnc_emit2(b, NNC_LOOP_IMUL, c, y));
    }
    return 0;
}

static bool power_of_two(int64_t x) { return x > 0 && (x & (x - 1)) == 0; }

static nnc_value_id simplify_division(nnc_builder *b, nnc_value *v)
{
    if (!power_of_two(v->integer))
        return 0;
    if (v->op == NNC_LOOP_REMAINDER)
        return v->integer == 1 ? constant_like(b, v, 0) : nnc_emit2(b, NNC_LOOP_IAND, v->args[0], constant_like(b, v, v->integer - 1));
    return nnc_emit(b, NNC_LOOP_SAR, v->args, 1, __builtin_ctzll((uint64_t)v->integer));
}

static nnc_value_id simplify_truth(nnc_builder *b, nnc_value *v)
{
    nnc_value_id x = v->args[0], y = v->args[1];
    bool keeps = v->op == NNC_LOOP_AND;
    return is_truth(b, x, keeps) ? y : is_truth(b, y, keeps) ? x : is_truth(b, x, !keeps) ? x : is_truth(b, y, !keeps) ? y : x == y ? x : 0;
}

/* The other argument, where one is the neutral element. */
static nnc_value_id simplify_real(const nnc_builder *b, const nnc_value *v)
{
    nnc_value_id x = v->args[0], y = v->args[1];
    switch (v->op) {
    case NNC_LOOP_ADD: return is_real(b, y, -0.0) ? x : is_real(b, x, -0.0) ? y : 0;
    case NNC_LOOP_SUB: return is_real(b, y, 0.0) ? x : 0;
    case NNC_LOOP_MUL: return is_real(b, y, 1) ? x : is_real(b, x, 1) ? y : 0;
    case NNC_LOOP_DIV: return is_real(b, y, 1) ? x : 0;
    default: return 0;
    }
}

nnc_value_id nnc_simplify_value(nnc_builder *b, nnc_value *v)
{
    nnc_value_id x = v->args[0];
    switch (v->op) {
    case NNC_LOOP_IADD: return simplify_sum(b, v);
    case NNC_LOOP_ISUB:
        return nnc_constant(nnc_at(b, v->args[1])) && v->type == NNC_TYPE_INDEX
                   ? nnc_emit2(b, NNC_LOOP_IADD, x, constant_like(b, v, -nnc_at(b, v->args[1])->integer))
                   : is_integer(b, v->args[1], 0) ? x : 0;
    case NNC_LOOP_IMUL: return simplify_product(b, v);
    case NNC_LOOP_QUOTIENT: case NNC_LOOP_REMAINDER: return simplify_division(b, v);
    case NNC_LOOP_SHL: case NNC_LOOP_SHR: case NNC_LOOP_SAR: return v->integer == 0 ? x : 0;
    case NNC_LOOP_IMIN: case NNC_LOOP_IMAX: return x == v->args[1] ? x : 0;
    case NNC_LOOP_AND: case NNC_LOOP_OR: return simplify_truth(b, v);
    case NNC_LOOP_LANE: return nnc_at(b, x)->op == NNC_LOOP_BROADCAST ? nnc_at(b, x)->args[0] : nnc_at(b, x)->lanes == 1 ? x : 0;
    case NNC_LOOP_FOLD_ADD: case NNC_LOOP_FOLD_MAX: case NNC_LOOP_FOLD_MIN: return nnc_at(b, x)->lanes == 1 ? x : 0;
    case NNC_LOOP_BROADCAST: return nnc_at(b, x)->lanes == v->lanes ? x : 0;
    case NNC_LOOP_SELECT: return is_truth(b, x, true) || v->args[1] == v->args[2] ? v->args[1] : is_truth(b, x, false) ? v->args[2] : 0;
    default: return simplify_real(b, v);
    }
}
