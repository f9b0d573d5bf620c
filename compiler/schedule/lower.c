/* Expressions to values of a kernel, for one place of every slot and several of the lane slot. */
#include <assert.h>
#include <math.h>
#include "loops/range.h"
#include "schedule/lower.h"

/* An integer: base (INDEX, one lane) + along * lane number; or a vector of INTs. */
typedef struct integer { nnc_value_id base; int64_t along; nnc_value_id vector; } integer;

static integer lower_integer(nnc_lower *l, nnc_ref ref);

uint8_t nnc_lanes_of(const nnc_lower *l, nnc_value_id value) { return l->kernel->value[value].lanes; }

nnc_value_id nnc_emit_extent(nnc_builder *b, int64_t extent)
{
    if (extent >= 0)
        return nnc_emit_index(b, extent);
    nnc_value_id batch = nnc_emit(b, NNC_LOOP_BATCH, NULL, 0, 0);
    if (extent != NNC_EXTENT_BLOCKS)
        return batch;
    nnc_value_id end = nnc_emit2(b, NNC_LOOP_IADD, batch, nnc_emit_index(b, NNC_BLOCK - 1));
    return nnc_emit(b, NNC_LOOP_QUOTIENT, &end, 1, NNC_BLOCK);
}

nnc_value_id nnc_lower_wide(nnc_lower *l, nnc_value_id value) { return l->lane < 0 ? value : nnc_emit_broadcast(l->b, value, l->lanes); }

void nnc_lower_reset(nnc_lower *l)
{
    nnc_ref_map_close(&l->done);
    nnc_ref_map_open(&l->done);
}

static nnc_value_id unary(nnc_lower *l, nnc_loop_op op, nnc_value_id a) { return nnc_emit1(l->b, op, a); }

static nnc_value_id binary(nnc_lower *l, nnc_loop_op op, nnc_value_id a, nnc_value_id c)
{
    if (nnc_lanes_of(l, a) != nnc_lanes_of(l, c)) {
        a = nnc_lower_wide(l, a);
        c = nnc_lower_wide(l, c);
    }
    return nnc_emit2(l->b, op, a, c);
}

static nnc_value_id choose(nnc_lower *l, nnc_value_id condition, nnc_value_id yes, nnc_value_id no)
{
    if (nnc_lanes_of(l, condition) > 1 || nnc_lanes_of(l, yes) > 1 || nnc_lanes_of(l, no) > 1) {
        condition = nnc_lower_wide(l, condition);
        yes = nnc_lower_wide(l, yes);
        no = nnc_lower_wide(l, no);
    }
    return nnc_emit3(l->b, NNC_LOOP_SELECT, condition, yes, no);
}

/* ---- integers ---- */

static bool is_uniform(integer x) { return !x.vector && x.along == 0; }

static nnc_value_id as_vector(nnc_lower *l, integer x)
{
    if (x.vector)
        return x.vector;
    nnc_value_id base = unary(l, NNC_LOOP_INT_OF, x.base);
    if (x.along == 0 || l->lane < 0 || l->lanes == 1)
        return base;
    nnc_value_id lanes = nnc_emit(l->b, NNC_LOOP_IOTA, NULL, 0, l->lanes);
    if (x.along != 1)
        lanes = binary(l, NNC_LOOP_IMUL, lanes, nnc_emit_int(l->b, (int32_t)x.along, l->lanes));
    return binary(l, NNC_LOOP_IADD, nnc_lower_wide(l, base), lanes);
}

static integer scaled(nnc_lower *l, integer x, int64_t by)
{
    if (x.vector)
        return (integer){0, 0, binary(l, NNC_LOOP_IMUL, x.vector, nnc_emit_int(l->b, (int32_t)by, nnc_lanes_of(l, x.vector)))};
    return (integer){by == 1 ? x.base : nnc_emit2(l->b, NNC_LOOP_IMUL, x.base, nnc_emit_index(l->b, by)), x.along * by, 0};
}

static integer added(nnc_lower *l, integer x, integer y)
{
    if (!x.vector && !y.vector)
        return (integer){nnc_emit2(l->b, NNC_LOOP_IADD, x.base, y.base), x.along + y.along, 0};
    return (integer){0, 0, binary(l, NNC_LOOP_IADD, as_vector(l, x), as_vector(l, y))};
}

static nnc_value_id kept_within(nnc_lower *l, nnc_value_id v, int64_t low, int64_t high)
{
    v = binary(l, NNC_LOOP_IMAX, v, nnc_emit_int(l->b, (int32_t)low, nnc_lanes_of(l, v)));
    return binary(l, NNC_LOOP_IMIN, v, nnc_emit_int(l->b, (int32_t)high, nnc_lanes_of(l, v)));
}

static bool is_floor(const nnc_lower *l, nnc_ref atom) { return l->s->p->node[atom].op == NNC_OP_FLOOR_INTEGER; }

/* A floor may be 2^30, and 4 of it would be 0 in lanes of 32 bits, inside of anything: all are kept where the sum of them is no more. */
static int64_t most_of_floors(const nnc_lower *l, const nnc_form *f)
{
    int64_t times = 0;
    for (uint32_t i = 0; i < f->terms; i++)
        if (is_floor(l, f->atom[i]))
            times += f->coefficient[i] < 0 ? -f->coefficient[i] : f->coefficient[i];
    return ((int64_t)1 << 30) / (times ? times : 1);
}

static integer lower_affine(nnc_lower *l, nnc_ref ref)
{
    nnc_form f;
    nnc_form_of(l->s->p, ref, &f);
    int64_t most = most_of_floors(l, &f);
    integer sum = {nnc_emit_index(l->b, f.constant), 0, 0};
    for (uint32_t i = 0; i < f.terms; i++) {
        integer x = lower_integer(l, f.atom[i]);
        if (x.vector && is_floor(l, f.atom[i]) && most < (int64_t)1 << 30)
            x.vector = kept_within(l, x.vector, -most, most);
        sum = added(l, sum, scaled(l, x, f.coefficient[i]));
    }
    return sum;
}

/* All lanes have the same quotient: they count from a multiple of their number, which divides the divisor. */
static bool lanes_stay(const nnc_lower *l, integer x, int64_t divisor)
{
    return !x.vector && x.along == 1 && l->lanes > 1 && divisor % l->lanes == 0 && nnc_multiple_of(l->kernel, x.base) % l->lanes == 0;
}

static integer divided(nnc_lower *l, const nnc_node *n, nnc_ref arg)
{
    nnc_loop_op op = n->op == NNC_OP_QUOTIENT ? NNC_LOOP_QUOTIENT : NNC_LOOP_REMAINDER;
    integer x = lower_integer(l, arg);
    if (lanes_stay(l, x, n->integer[0]))
        return (integer){nnc_emit(l->b, op, &x.base, 1, n->integer[0]), op == NNC_LOOP_REMAINDER, 0};
    nnc_value_id from = is_uniform(x) ? x.base : as_vector(l, x), value = nnc_emit(l->b, op, &from, 1, n->integer[0]);
    return is_uniform(x) ? (integer){value, 0, 0} : (integer){0, 0, value};
}

/* (i + by) mod the examples present. */
static integer neighbour(nnc_lower *l, const nnc_node *n, nnc_ref arg)
{
    nnc_value_id i = lower_integer(l, arg).base, batch = nnc_emit(l->b, NNC_LOOP_BATCH, NULL, 0, 0), one = nnc_emit_index(l->b, 1);
    nnc_value_id end = n->integer[0] > 0 ? nnc_emit2(l->b, NNC_LOOP_ISUB, batch, one) : nnc_emit_index(l->b, 0);
    nnc_value_id there = n->integer[0] > 0 ? nnc_emit_index(l->b, 0) : nnc_emit2(l->b, NNC_LOOP_ISUB, batch, one);
    nnc_value_id next = nnc_emit2(l->b, n->integer[0] > 0 ? NNC_LOOP_IADD : NNC_LOOP_ISUB, i, one);
    return (integer){nnc_emit3(l->b, NNC_LOOP_SELECT, nnc_emit2(l->b, NNC_LOOP_IEQ, i, end), there, next), 0, 0};
}

/* The example there, or the last one. */
static integer present(nnc_lower *l, nnc_ref arg)
{
    integer x = lower_integer(l, arg);
    if (l->full && nnc_is_place(l->s->p, arg, 0, l->t->rank - 1u))
        return x;
    nnc_value_id last = nnc_emit2(l->b, NNC_LOOP_ISUB, nnc_emit(l->b, NNC_LOOP_BATCH, NULL, 0, 0), nnc_emit_index(l->b, 1));
    if (is_uniform(x))
        return (integer){nnc_emit2(l->b, NNC_LOOP_IMIN, x.base, last), 0, 0};
    return (integer){0, 0, binary(l, NNC_LOOP_IMIN, as_vector(l, x), unary(l, NNC_LOOP_INT_OF, last))};
}

/* An INT value as an integer: one lane becomes an INDEX. */
static integer from_int(nnc_lower *l, nnc_value_id value)
{
    return nnc_lanes_of(l, value) > 1 ? (integer){0, 0, value} : (integer){unary(l, NNC_LOOP_INDEX_OF, value), 0, 0};
}

static integer lower_integer(nnc_lower *l, nnc_ref ref)
{
    const nnc_node n = l->s->p->node[ref];
    nnc_ref arg = n.count ? nnc_arg(l->s->p, ref, 0) : 0;
    switch (n.op) {
    case NNC_OP_AFFINE: return lower_affine(l, ref);
    case NNC_OP_INDEX: return (integer){l->slot[n.integer[0]], l->lane == (int)n.integer[0] ? 1 : 0, 0};
    case NNC_OP_QUOTIENT: case NNC_OP_REMAINDER: return divided(l, &n, arg);
    case NNC_OP_NEIGHBOUR: return neighbour(l, &n, arg);
    case NNC_OP_EXISTING: return present(l, arg);
    case NNC_OP_FLOOR_INTEGER: return from_int(l, unary(l, NNC_LOOP_INT_OF, unary(l, NNC_LOOP_FLOOR, nnc_lower_value(l, arg))));
    default: return from_int(l, nnc_lower_value(l, ref));
    }
}

/* ---- reads ---- */

static int64_t extent_of(void *context, uint32_t slot)
{
    const nnc_tensor *t = context;
    return slot < (uint32_t)t->rank + t->reduced ? t->extent[slot] : 0;
}

int64_t nnc_tensor_stride(const nnc_tensor *t, uint32_t dimension)
{
    int64_t stride = 1;
    for (uint32_t i = dimension + 1; i < t->rank; i++)
        stride *= t->extent[i];
    return stride;
}

/* A subscript that only a guard keeps inside is clamped: what is read outside the guard is thrown away. */
static integer clamped(nnc_lower *l, nnc_ref subscript, int64_t extent)
{
    int64_t low, high;
    integer x = lower_integer(l, subscript);
    if (extent > 0 && nnc_known_interval(l, subscript, &low, &high) && low >= 0 && high < extent)
        return x;
    nnc_range(l->s->p, subscript, extent_of, (void *)(uintptr_t)l->t, NULL, 0, &low, &high);
    if (extent < 0 || (low >= 0 && high < extent))
        return x;
    if (is_uniform(x)) {
        nnc_value_id v = nnc_emit2(l->b, NNC_LOOP_IMAX, x.base, nnc_emit_index(l->b, 0));
        return (integer){nnc_emit2(l->b, NNC_LOOP_IMIN, v, nnc_emit_index(l->b, extent - 1)), 0, 0};
    }
    return (integer){0, 0, kept_within(l, as_vector(l, x), 0, extent - 1)};
}

/* The place along a dimension where an index is kept: modulo the steps that stay. */
static nnc_value_id kept_index(const nnc_lower *l, nnc_tensor_id id, uint32_t dimension, nnc_value_id index)
{
    const nnc_steps_kept *kept = &l->s->kept[id];
    if (!kept->steps || kept->slot != (int)dimension)
        return index;
    return kept->steps == 1 ? nnc_emit_index(l->b, 0) : nnc_emit(l->b, NNC_LOOP_REMAINDER, &index, 1, kept->steps);
}

/* A subscript's share of the address. The loop's own index is one number for all lanes. */
static integer lower_subscript(nnc_lower *l, nnc_tensor_id id, uint32_t dimension, nnc_ref subscript)
{
    integer x = clamped(l, subscript, l->s->p->tensor[id].extent[dimension]);
    if (is_uniform(x))
        x.base = kept_index(l, id, dimension, x.base);
    return scaled(l, x, nnc_kept_stride(l->s, id, dimension));
}

/* Where in its tensor's buffer a read is. */
static integer lower_place(nnc_lower *l, nnc_ref read)
{
    const nnc_program *p = l->s->p;
    const nnc_node n = p->node[read];
    integer at = {nnc_emit_index(l->b, 0), 0, 0};
    for (uint32_t i = 0; i < n.count; i++)
        at = added(l, at, lower_subscript(l, (nnc_tensor_id)n.integer[0], i, nnc_arg(p, read, i)));
    return at;
}

enum { LINE_ELEMENTS = 16 };      /* of a cache line */

void nnc_lower_ask(nnc_lower *l, uint32_t buffer, nnc_value_id at, int64_t elements, int level)
{
    nnc_count_way(l->s, level == 1 ? NNC_WAY_ASKED : NNC_WAY_ASKED_PANEL);
    for (int64_t i = 0; i < elements; i += LINE_ELEMENTS)
        nnc_emit_prefetch(l->b, buffer, nnc_emit2(l->b, NNC_LOOP_IADD, at, nnc_emit_index(l->b, i)), level);
}

void nnc_lower_prefetch(nnc_lower *l, nnc_ref read, int64_t elements, int level)
{
    integer at = lower_place(l, read);
    if (!at.vector)
        nnc_lower_ask(l, l->s->buffer[l->s->p->node[read].integer[0]], at.base, elements, level);
}

static nnc_value_id lower_read(nnc_lower *l, nnc_ref ref)
{
    const nnc_program *p = l->s->p;
    const nnc_node n = p->node[ref];
    const nnc_tensor *a = &p->tensor[n.integer[0]];
    uint32_t buffer = l->s->buffer[n.integer[0]];
    integer at = lower_place(l, ref);
    bool hoist = !l->s->writes[buffer];
    nnc_value_id value;
    bool one = is_uniform(at) || l->lane < 0 || l->lanes == 1;
    if (one)
        value = nnc_emit_load(l->b, buffer, at.vector ? unary(l, NNC_LOOP_INDEX_OF, at.vector) : at.base, 1, hoist);
    else if (!at.vector && at.along == 1)
        value = nnc_emit_load(l->b, buffer, at.base, l->lanes, hoist);
    else
        value = nnc_emit_gather(l->b, buffer, as_vector(l, at), hoist);
    if (!one && (at.vector || at.along != 1))
        nnc_count_way(l->s, NNC_WAY_GATHER);
    if (a->element == NNC_BOOLEAN)
        value = unary(l, NNC_LOOP_NOT, binary(l, NNC_LOOP_IEQ, value, nnc_emit_int(l->b, 0, nnc_lanes_of(l, value))));
    return value;
}

int64_t nnc_read_stride(const nnc_program *p, nnc_ref read, uint32_t slot)
{
    const nnc_node *n = &p->node[read];
    const nnc_tensor *a = &p->tensor[n->integer[0]];
    int64_t stride = 0;
    nnc_form f;
    for (uint32_t i = 0; i < n->count; i++) {
        nnc_form_of(p, nnc_arg(p, read, i), &f);
        if (f.lone)
            f.atom = &f.lone, f.coefficient = &f.one;
        for (uint32_t k = 0; k < f.terms; k++) {
            const nnc_node *atom = &p->node[f.atom[k]];
            if (atom->op == NNC_OP_INDEX && atom->integer[0] == (int64_t)slot)
                stride += f.coefficient[k] * nnc_tensor_stride(a, i);
            else if (atom->slots >> slot & 1)
                return INT64_MIN;
        }
    }
    return stride;
}

/* ---- conditions ---- */

static nnc_value_id lower_within(nnc_lower *l, nnc_ref ref)
{
    const nnc_node n = l->s->p->node[ref];
    integer x = lower_integer(l, nnc_arg(l->s->p, ref, 0));
    bool uniform = is_uniform(x);
    nnc_value_id v = uniform ? x.base : as_vector(l, x), result = 0;
    uint8_t lanes = nnc_lanes_of(l, v);
    for (int side = 0; side < 2; side++) {
        if (n.integer[side] == (side ? INT64_MAX : INT64_MIN))
            continue;
        int64_t k = n.integer[side];
        k = uniform ? k : k > INT32_MAX ? INT32_MAX : k < INT32_MIN ? INT32_MIN : k;
        nnc_value_id bound = uniform ? nnc_emit_index(l->b, k) : nnc_emit_int(l->b, (int32_t)k, lanes);
        if (n.integer[0] == n.integer[1])
            return nnc_emit2(l->b, NNC_LOOP_IEQ, v, bound);
        nnc_value_id one = side ? nnc_emit2(l->b, NNC_LOOP_ILE, v, bound) : nnc_emit2(l->b, NNC_LOOP_ILE, bound, v);
        result = result ? nnc_emit2(l->b, NNC_LOOP_AND, result, one) : one;
    }
    return result;
}

/* ---- draws: base/random.h ---- */

static nnc_value_id lower_draw(nnc_lower *l, nnc_ref ref)
{
    const nnc_node n = l->s->p->node[ref];
    uint32_t site = (uint32_t)n.integer[0];
    nnc_value_id place = nnc_emit_int(l->b, 0, 1), key[2], step;
    for (uint32_t i = 0; i < n.count; i++) {
        nnc_value_id index = as_vector(l, lower_integer(l, nnc_arg(l->s->p, ref, i)));
        place = binary(l, NNC_LOOP_IMUL, place, nnc_emit_int(l->b, 0x01000193, nnc_lanes_of(l, place)));
        place = binary(l, NNC_LOOP_IADD, place, index);
    }
    for (int i = 0; i < 2; i++) {
        uint32_t constant = site * (i ? 0x85EBCA6Bu : 0x9E3779B9u);
        nnc_value_id word = nnc_emit_load(l->b, l->s->host_words, nnc_emit_index(l->b, i ? NNC_HOST_SEED_HIGH : NNC_HOST_SEED_LOW), 1, true);
        key[i] = nnc_emit2(l->b, NNC_LOOP_IXOR, word, nnc_emit_int(l->b, (int32_t)constant, 1));
    }
    step = nnc_emit_load(l->b, l->s->host_words, nnc_emit_index(l->b, NNC_HOST_STEP), 1, true);
    uint8_t lanes = nnc_lanes_of(l, place);
    for (int i = 0; i < 2; i++)
        key[i] = nnc_emit_broadcast(l->b, key[i], lanes);
    step = nnc_emit_broadcast(l->b, step, lanes);
    return n.op == NNC_OP_RANDOM ? nnc_emit_uniform(l->b, key[0], key[1], place, step) : nnc_emit_gaussian(l->b, key[0], key[1], place, step);
}

/* ---- real operations ---- */

static nnc_value_id like(nnc_lower *l, double value, nnc_value_id as) { return nnc_emit_real(l->b, value, nnc_lanes_of(l, as)); }

static nnc_value_id lower_power(nnc_lower *l, nnc_ref base, nnc_ref exponent)
{
    double e;
    nnc_value_id x = nnc_lower_value(l, base);
    if (nnc_is_constant(l->s->p, exponent, &e)) {
        if (e == 2)
            return binary(l, NNC_LOOP_MUL, x, x);
        if (e == 3)
            return binary(l, NNC_LOOP_MUL, binary(l, NNC_LOOP_MUL, x, x), x);
        if (e == -1)
            return binary(l, NNC_LOOP_DIV, like(l, 1, x), x);
        if (e == -2)
            return binary(l, NNC_LOOP_DIV, like(l, 1, x), binary(l, NNC_LOOP_MUL, x, x));
    }
    return binary(l, NNC_LOOP_POW, x, nnc_lower_value(l, exponent));
}

/* -1, 0 (of x's sign), 1; NaN for NaN. */
static nnc_value_id lower_sign(nnc_lower *l, nnc_value_id x)
{
    nnc_value_id zero = like(l, 0, x);
    nnc_value_id negative = choose(l, binary(l, NNC_LOOP_LT, x, zero), like(l, -1, x), x);
    return choose(l, binary(l, NNC_LOOP_LT, zero, x), like(l, 1, x), negative);
}

static nnc_value_id lower_modulo(nnc_lower *l, nnc_value_id a, nnc_value_id c)
{
    nnc_value_id whole = unary(l, NNC_LOOP_FLOOR, binary(l, NNC_LOOP_DIV, a, c));
    return binary(l, NNC_LOOP_SUB, a, binary(l, NNC_LOOP_MUL, c, whole));
}

static nnc_value_id lower_unary(nnc_lower *l, nnc_op op, nnc_value_id x)
{
    switch (op) {
    case NNC_OP_NEG: return unary(l, NNC_LOOP_NEG, x);
    case NNC_OP_ABS: return unary(l, NNC_LOOP_ABS, x);
    case NNC_OP_FLOOR: return unary(l, NNC_LOOP_FLOOR, x);
    case NNC_OP_SIGN: return lower_sign(l, x);
    case NNC_OP_SQRT: return unary(l, NNC_LOOP_SQRT, x);
    case NNC_OP_EXP: return nnc_emit_exp(l->b, x);
    case NNC_OP_LOG: return nnc_emit_log(l->b, x);
    case NNC_OP_TANH: return nnc_emit_tanh(l->b, x);
    case NNC_OP_SIGMOID: return nnc_emit_sigmoid(l->b, x);
    case NNC_OP_SIN: return nnc_emit_sin(l->b, x);
    case NNC_OP_COS: return nnc_emit_cos(l->b, x);
    case NNC_OP_ERF: return nnc_emit_erf(l->b, x);
    case NNC_OP_MISSING: return binary(l, NNC_LOOP_NE, x, x);
    case NNC_OP_NOT: return unary(l, NNC_LOOP_NOT, x);
    default: assert(!"no lowering of this operation"); return 0;
    }
}

static nnc_value_id lower_binary(nnc_lower *l, nnc_op op, nnc_value_id a, nnc_value_id c)
{
    switch (op) {
    case NNC_OP_ADD: return binary(l, NNC_LOOP_ADD, a, c);
    case NNC_OP_SUB: return binary(l, NNC_LOOP_SUB, a, c);
    case NNC_OP_MUL: return binary(l, NNC_LOOP_MUL, a, c);
    case NNC_OP_DIV: return binary(l, NNC_LOOP_DIV, a, c);
    case NNC_OP_MODULO: return lower_modulo(l, a, c);
    case NNC_OP_MIN: return binary(l, NNC_LOOP_MIN, a, c);
    case NNC_OP_MAX: return binary(l, NNC_LOOP_MAX, a, c);
    case NNC_OP_LESS: return binary(l, NNC_LOOP_LT, a, c);
    case NNC_OP_LESS_EQUAL: return binary(l, NNC_LOOP_LE, a, c);
    case NNC_OP_EQUAL: return binary(l, NNC_LOOP_EQ, a, c);
    case NNC_OP_AND: return binary(l, NNC_LOOP_AND, a, c);
    case NNC_OP_OR: return binary(l, NNC_LOOP_OR, a, c);
    default: assert(!"no lowering of this operation"); return 0;
    }
}

static nnc_value_id lower_new(nnc_lower *l, nnc_ref ref)
{
    const nnc_program *p = l->s->p;
    const nnc_node n = p->node[ref];
    const nnc_ref *args = p->args + n.first;
    switch (n.op) {
    case NNC_OP_CONSTANT: return nnc_emit_real(l->b, n.real, 1);
    case NNC_OP_TRUTH: return nnc_emit(l->b, NNC_LOOP_TRUTH, NULL, 0, n.integer[0]);
    case NNC_OP_COUNT: return unary(l, NNC_LOOP_REAL_OF, nnc_emit(l->b, NNC_LOOP_BATCH, NULL, 0, 0));
    case NNC_OP_READ: return lower_read(l, ref);
    case NNC_OP_RANDOM: case NNC_OP_GAUSSIAN: return lower_draw(l, ref);
    case NNC_OP_REAL: {
        integer x = lower_integer(l, args[0]);
        return unary(l, NNC_LOOP_REAL_OF, is_uniform(x) ? x.base : as_vector(l, x));
    }
    case NNC_OP_AFFINE: case NNC_OP_INDEX: case NNC_OP_QUOTIENT: case NNC_OP_REMAINDER: case NNC_OP_NEIGHBOUR: case NNC_OP_EXISTING: case NNC_OP_FLOOR_INTEGER:
        return as_vector(l, lower_integer(l, ref));
    case NNC_OP_WITHIN: return lower_within(l, ref);
    case NNC_OP_POW: return lower_power(l, args[0], args[1]);
    case NNC_OP_SELECT: {
        bool truth;
        if (nnc_known_truth(l, args[0], &truth))
            return nnc_lower_value(l, args[truth ? 1 : 2]);
        nnc_value_id condition = nnc_lower_value(l, args[0]), yes = nnc_lower_value(l, args[1]);
        return choose(l, condition, yes, nnc_lower_value(l, args[2]));
    }
    default: break;
    }
    nnc_value_id a = nnc_lower_value(l, args[0]);
    return n.count == 1 ? lower_unary(l, (nnc_op)n.op, a) : lower_binary(l, (nnc_op)n.op, a, nnc_lower_value(l, args[1]));
}

nnc_value_id nnc_lower_value(nnc_lower *l, nnc_ref ref)
{
    nnc_value_id known = nnc_ref_map_get(&l->done, ref);
    if (!known) {
        known = lower_new(l, ref);
        nnc_ref_map_put(l->s->arena, &l->done, ref, known);
    }
    return known;
}

nnc_value_id nnc_lower_place(nnc_lower *l)
{
    nnc_value_id at = nnc_emit_index(l->b, 0);
    nnc_tensor_id id = (nnc_tensor_id)(l->t - l->s->p->tensor);
    for (uint32_t i = 0; i < l->t->rank; i++) {
        nnc_value_id index = kept_index(l, id, i, l->slot[i]);
        at = nnc_emit2(l->b, NNC_LOOP_IADD, at, nnc_emit2(l->b, NNC_LOOP_IMUL, index, nnc_emit_index(l->b, nnc_kept_stride(l->s, id, i))));
    }
    return at;
}

void nnc_lower_store(nnc_lower *l, nnc_value_id value)
{
    uint32_t buffer = l->s->buffer[l->t - l->s->p->tensor];
    if (l->kernel->value[value].type == NNC_TYPE_BOOL)
        value = choose(l, value, nnc_emit_int(l->b, 1, nnc_lanes_of(l, value)), nnc_emit_int(l->b, 0, nnc_lanes_of(l, value)));
    int64_t stride = l->lane >= 0 && l->lane < l->t->rank ? nnc_kept_stride(l->s, (nnc_tensor_id)(l->t - l->s->p->tensor), (uint32_t)l->lane) : 1;
    bool together = stride == 1 || l->lanes == 1;
    if (!together)
        nnc_count_way(l->s, NNC_WAY_SCATTER);
    nnc_value_id place = together ? nnc_lower_place(l) : as_vector(l, (integer){nnc_lower_place(l), stride, 0});
    value = nnc_lower_wide(l, value);
    if (l->kept) {
        nnc_count_way(l->s, NNC_WAY_KEPT_LANES);
        nnc_value_id made = nnc_emit2(l->b, NNC_LOOP_ILE, nnc_emit_int(l->b, (int32_t)l->kept, l->lanes), nnc_emit(l->b, NNC_LOOP_IOTA, NULL, 0, l->lanes));
        value = choose(l, made, value, together ? nnc_emit_load(l->b, buffer, place, l->lanes, false) : nnc_emit_gather(l->b, buffer, place, false));
    }
    if (l->present)
        nnc_emit_store_first(l->b, buffer, place, value, l->present);
    else if (together)
        nnc_emit_store(l->b, buffer, place, value);
    else
        nnc_emit_scatter(l->b, buffer, place, value);
}
