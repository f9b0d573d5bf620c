/* Nodes: hash-consing, constant folding, and the small simplifications that hold for every value. */
#include <assert.h>
#include <math.h>
#include <string.h>
#include "formula/build.h"

const nnc_op_row nnc_op_rows[NNC_OPS] = {
#define COMMUTES NNC_FLAG_COMMUTES
#define CHEAP NNC_FLAG_CHEAP
#define COSTLY NNC_FLAG_COSTLY
#define LEAF NNC_FLAG_LEAF
#define NNC_OP(name, print, arity, result, arguments, flags) {#name, print, arity, NNC_ROW_##result, NNC_ROW_##arguments, flags},
#include "formula/ops.def"
};

nnc_program *nnc_program_new(nnc_arena *arena)
{
    nnc_program *p = NNC_NEW(arena, nnc_program);
    p->arena = arena;
    p->table_size = 1024;
    p->table = NNC_ARRAY(arena, uint32_t, p->table_size);
    p->name_table_size = 256;
    p->name_table = NNC_ARRAY(arena, uint32_t, p->name_table_size);
    p->nodes = p->tensors = 1;
    p->node_capacity = p->arg_capacity = 256;
    p->tensor_capacity = 32;                         /* of 264 bytes each; passes make many programs, most of them small */
    p->node = NNC_ARRAY(arena, nnc_node, p->node_capacity);
    p->tensor = NNC_ARRAY(arena, nnc_tensor, p->tensor_capacity);
    p->args = NNC_ARRAY(arena, nnc_ref, p->arg_capacity);
    p->coefficients = NNC_ARRAY(arena, int64_t, p->arg_capacity);
    for (uint32_t s = 0; s < NNC_MAX_SLOTS; s++)     /* sums have their atoms in the order of the nodes: indices first, in their own order, in every program */
        nnc_index(p, s);
    return p;
}

/* ---- hash-consing ---- */

static uint32_t mix(uint32_t hash, uint64_t value)
{
    uint64_t x = (hash ^ value) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(x >> 32) ^ (uint32_t)x;
}

static uint32_t hash_node(nnc_op op, nnc_element element, const nnc_ref *args, const int64_t *coefficients, uint32_t count, int64_t a, int64_t b)
{
    uint32_t hash = mix(mix(mix((uint32_t)op * 8 + (uint32_t)element, count), (uint64_t)a), (uint64_t)b);
    for (uint32_t i = 0; i < count; i++) {
        hash = mix(hash, args[i]);
        if (coefficients)
            hash = mix(hash, (uint64_t)coefficients[i]);
    }
    return hash;
}

static bool equals(const nnc_program *p, nnc_ref ref, nnc_op op, nnc_element element, const nnc_ref *args, const int64_t *coefficients, uint32_t count,
                   int64_t a, int64_t b)
{
    const nnc_node *n = &p->node[ref];
    if (n->op != op || n->element != element || n->count != count || n->integer[0] != a || n->integer[1] != b)
        return false;
    if (count && memcmp(p->args + n->first, args, count * sizeof *args) != 0)
        return false;
    return !coefficients || !count || memcmp(p->coefficients + n->first, coefficients, count * sizeof *coefficients) == 0;
}

static nnc_ref find_node(const nnc_program *p, uint32_t hash, nnc_op op, nnc_element element, const nnc_ref *args, const int64_t *coefficients,
                         uint32_t count, int64_t a, int64_t b)
{
    for (uint32_t at = hash & (p->table_size - 1); p->table[at]; at = (at + 1) & (p->table_size - 1))
        if (p->node[p->table[at]].hash == hash && equals(p, p->table[at], op, element, args, coefficients, count, a, b))
            return p->table[at];
    return 0;
}

static void put(nnc_program *p, nnc_ref ref)
{
    uint32_t at = p->node[ref].hash & (p->table_size - 1);
    while (p->table[at])
        at = (at + 1) & (p->table_size - 1);
    p->table[at] = ref;
}

static void grow_table(nnc_program *p)
{
    p->table_size *= 2;
    p->table = NNC_ARRAY(p->arena, uint32_t, p->table_size);
    for (nnc_ref ref = 1; ref < p->nodes; ref++)
        put(p, ref);
}

static uint32_t add_args(nnc_program *p, const nnc_ref *args, const int64_t *coefficients, uint32_t count)
{
    uint32_t first = p->arg_count, needed = first + count;
    if (needed > p->arg_capacity) {
        uint32_t capacity = 2 * needed;
        p->args = nnc_arena_grow(p->arena, p->args, first, capacity, sizeof *p->args);
        p->coefficients = nnc_arena_grow(p->arena, p->coefficients, first, capacity, sizeof *p->coefficients);
        p->arg_capacity = capacity;
    }
    for (uint32_t i = 0; i < count; i++) {
        p->args[first + i] = args[i];
        p->coefficients[first + i] = coefficients ? coefficients[i] : 0;
    }
    p->arg_count = needed;
    return first;
}

static void note_slots(const nnc_program *p, nnc_node *n)
{
    if (n->op == NNC_OP_INDEX) {
        n->open = n->integer[0] >= (int64_t)NNC_FIRST_VARIABLE;
        n->slots = n->integer[0] < 64 ? (uint64_t)1 << n->integer[0] : 0;
        return;
    }
    for (uint32_t i = 0; i < n->count; i++) {
        n->open |= p->node[p->args[n->first + i]].open;
        n->slots |= p->node[p->args[n->first + i]].slots;
    }
}

nnc_ref nnc_intern(nnc_program *p, nnc_op op, nnc_element element, const nnc_ref *args, const int64_t *coefficients, uint32_t count, int64_t a, int64_t b)
{
    nnc_ref few[NNC_FEW];
    int64_t few_coefficients[NNC_FEW];
    uint32_t hash = hash_node(op, element, args, coefficients, count, a, b);
    nnc_ref found = find_node(p, hash, op, element, args, coefficients, count, a, b);
    if (found)
        return found;
    if (count && args >= p->args && args < p->args + p->arg_count) {   /* the pool may move while it grows */
        args = memcpy(nnc_room(p, few, count), args, count * sizeof *args);
        if (coefficients)
            coefficients = memcpy(count <= NNC_FEW ? few_coefficients : NNC_ARRAY(p->arena, int64_t, count), coefficients, count * sizeof *coefficients);
    }
    nnc_node n = {.op = (uint8_t)op, .element = (uint8_t)element, .count = count, .first = add_args(p, args, coefficients, count), .hash = hash};
    n.integer[0] = a;
    n.integer[1] = b;
    note_slots(p, &n);
    NNC_PUSH(p->arena, p->node, p->nodes, p->node_capacity) = n;
    put(p, p->nodes - 1);
    if (p->nodes * 2 > p->table_size)
        grow_table(p);
    return p->nodes - 1;
}

nnc_ref nnc_interned(const nnc_program *p, nnc_op op, nnc_element element, const nnc_ref *args, uint32_t count, int64_t a, int64_t b)
{
    return find_node(p, hash_node(op, element, args, NULL, count, a, b), op, element, args, NULL, count, a, b);
}

/* ---- leaves ---- */

nnc_ref nnc_real(nnc_program *p, double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return nnc_intern(p, NNC_OP_CONSTANT, NNC_REAL, NULL, NULL, 0, bits, 0);
}

nnc_ref nnc_truth(nnc_program *p, bool value) { return nnc_intern(p, NNC_OP_TRUTH, NNC_BOOLEAN, NULL, NULL, 0, value, 0); }
nnc_ref nnc_index(nnc_program *p, uint32_t slot) { return nnc_intern(p, NNC_OP_INDEX, NNC_INTEGER, NULL, NULL, 0, slot, 0); }
nnc_ref nnc_variable(nnc_program *p) { return nnc_index(p, NNC_FIRST_VARIABLE + p->variables++); }

nnc_ref nnc_count(nnc_program *p, int64_t extent)
{
    return extent >= 0 ? nnc_real(p, (double)extent) : nnc_intern(p, NNC_OP_COUNT, NNC_REAL, NULL, NULL, 0, extent, 0);
}

nnc_ref nnc_read(nnc_program *p, nnc_tensor_id tensor, const nnc_ref *subscripts, uint32_t count)
{
    assert(count == p->tensor[tensor].rank);
    return nnc_intern(p, NNC_OP_READ, p->tensor[tensor].element, subscripts, NULL, count, tensor, 0);
}

nnc_ref nnc_draw(nnc_program *p, nnc_op op, uint32_t site, const nnc_ref *at, uint32_t count)
{
    return nnc_intern(p, op, NNC_REAL, at, NULL, count, site, 0);
}

/* ---- scalar operations ---- */

static bool truth_of(const nnc_program *p, nnc_ref ref, bool *value)
{
    *value = p->node[ref].integer[0] != 0;
    return p->node[ref].op == NNC_OP_TRUTH;
}

static double sign_of(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static double least(double a, double b) { return a != a || b != b ? NAN : b < a ? b : a; }
static double greatest(double a, double b) { return a != a || b != b ? NAN : a < b ? b : a; }

double nnc_operate(nnc_op op, double a, double b)
{
    switch (op) {
    case NNC_OP_ADD: return a + b;
    case NNC_OP_SUB: return a - b;
    case NNC_OP_MUL: return a * b;
    case NNC_OP_DIV: return a / b;
    case NNC_OP_NEG: return -a;
    case NNC_OP_POW: return pow(a, b);
    case NNC_OP_MODULO: return a - b * floor(a / b);
    case NNC_OP_MIN: return least(a, b);
    case NNC_OP_MAX: return greatest(a, b);
    case NNC_OP_ABS: return fabs(a);
    case NNC_OP_FLOOR: return floor(a);
    case NNC_OP_SIGN: return sign_of(a);
    case NNC_OP_SQRT: return sqrt(a);
    case NNC_OP_EXP: return exp(a);
    case NNC_OP_LOG: return log(a);
    case NNC_OP_TANH: return tanh(a);
    case NNC_OP_SIGMOID: return 1 / (1 + exp(-a));
    case NNC_OP_SIN: return sin(a);
    case NNC_OP_COS: return cos(a);
    case NNC_OP_ERF: return erf(a);
    case NNC_OP_MISSING: return a != a;
    case NNC_OP_LESS: return a < b;
    case NNC_OP_LESS_EQUAL: return a <= b;
    case NNC_OP_EQUAL: return a == b;
    default: assert(!"not a real operation"); return 0;
    }
}

/* An integer behind a real: REAL(i), or a whole constant. */
static bool as_integer(nnc_program *p, nnc_ref ref, nnc_ref *integer)
{
    double value;
    if (p->node[ref].op == NNC_OP_REAL) {
        *integer = nnc_arg(p, ref, 0);
        return true;
    }
    if (!nnc_is_constant(p, ref, &value) || value != floor(value) || fabs(value) > 0x1p52)
        return false;
    *integer = nnc_integer(p, (int64_t)value);
    return true;
}

static bool is_real_of_integer(const nnc_program *p, nnc_ref ref) { return p->node[ref].op == NNC_OP_REAL; }

/* Arithmetic and comparisons of integers stay integer: i + 1, 2*i, floor(i / 2), i mod 2, i < j. 0 where they do not. */
static nnc_ref integer_form(nnc_program *p, nnc_op op, nnc_ref a, nnc_ref b)
{
    nnc_ref x, y;
    int64_t k;
    if (!(is_real_of_integer(p, a) || is_real_of_integer(p, b)) || !as_integer(p, a, &x) || !as_integer(p, b, &y))
        return 0;
    switch (op) {
    case NNC_OP_ADD: return nnc_to_real(p, nnc_affine(p, 1, x, 1, y, 0));
    case NNC_OP_SUB: return nnc_to_real(p, nnc_affine(p, 1, x, -1, y, 0));
    case NNC_OP_MUL:
        if (nnc_is_integer(p, x, &k))
            return nnc_to_real(p, nnc_affine(p, k, y, 0, 0, 0));
        return nnc_is_integer(p, y, &k) ? nnc_to_real(p, nnc_affine(p, k, x, 0, 0, 0)) : 0;
    case NNC_OP_MODULO: return nnc_is_integer(p, y, &k) && k > 0 ? nnc_to_real(p, nnc_remainder(p, x, k)) : 0;
    case NNC_OP_LESS: return nnc_within(p, nnc_affine(p, 1, y, -1, x, 0), 1, INT64_MAX);
    case NNC_OP_LESS_EQUAL: return nnc_within(p, nnc_affine(p, 1, y, -1, x, 0), 0, INT64_MAX);
    case NNC_OP_EQUAL: return nnc_within(p, nnc_affine(p, 1, y, -1, x, 0), 0, 0);
    default: return 0;
    }
}

/* An index against a constant that is not whole: i < 2.5. 0 where it is something else. */
static nnc_ref compare_to_fraction(nnc_program *p, nnc_op op, nnc_ref a, nnc_ref b)
{
    double c;
    if (is_real_of_integer(p, a) && nnc_is_constant(p, b, &c) && fabs(c) < 0x1p52) {
        if (op == NNC_OP_EQUAL)
            return nnc_truth(p, false);
        return nnc_within(p, nnc_arg(p, a, 0), INT64_MIN, (int64_t)floor(c));
    }
    if (is_real_of_integer(p, b) && nnc_is_constant(p, a, &c) && fabs(c) < 0x1p52) {
        if (op == NNC_OP_EQUAL)
            return nnc_truth(p, false);
        return nnc_within(p, nnc_arg(p, b, 0), (int64_t)ceil(c), INT64_MAX);
    }
    return 0;
}

/* A draw from [0, 1) against a constant outside: dropout(0) draws nothing. 0 where it is something else. */
static nnc_ref compare_draw(nnc_program *p, nnc_op op, nnc_ref a, nnc_ref b)
{
    double c;
    bool equal = op == NNC_OP_LESS_EQUAL;
    if (p->node[a].op == NNC_OP_RANDOM && nnc_is_constant(p, b, &c) && (c >= 1 || c < 0 || (c == 0 && !equal)))
        return nnc_truth(p, c >= 1);
    if (p->node[b].op == NNC_OP_RANDOM && nnc_is_constant(p, a, &c) && (c >= 1 || c < 0 || (c == 0 && equal)))
        return nnc_truth(p, c < 1);
    return 0;
}

static nnc_ref fold_unary(nnc_program *p, nnc_op op, nnc_ref a)
{
    double x;
    bool truth;
    const nnc_node *n = nnc_at(p, a);
    if (op == NNC_OP_NOT) {
        if (truth_of(p, a, &truth))
            return nnc_truth(p, !truth);
        return n->op == NNC_OP_NOT ? nnc_arg(p, a, 0) : 0;
    }
    if (nnc_is_constant(p, a, &x)) {
        double value = nnc_operate(op, x, 0);
        return nnc_op_rows[op].result == NNC_ROW_BOOLEAN ? nnc_truth(p, value != 0) : nnc_real(p, value);
    }
    if (op == NNC_OP_NEG && n->op == NNC_OP_NEG)
        return nnc_arg(p, a, 0);
    if (op == NNC_OP_NEG && n->op == NNC_OP_REAL)
        return nnc_to_real(p, nnc_affine(p, -1, nnc_arg(p, a, 0), 0, 0, 0));
    if (op == NNC_OP_MISSING && n->op == NNC_OP_REAL)
        return nnc_truth(p, false);
    if (op == NNC_OP_FLOOR && (n->op == NNC_OP_REAL || n->op == NNC_OP_FLOOR))
        return a;
    if (op == NNC_OP_FLOOR && n->op == NNC_OP_DIV) {
        nnc_ref top = nnc_arg(p, a, 0), bottom = nnc_arg(p, a, 1), integer;
        if (is_real_of_integer(p, top) && nnc_is_constant(p, bottom, &x) && x >= 1 && x == floor(x) && x < 0x1p52 && as_integer(p, top, &integer))
            return nnc_to_real(p, nnc_quotient(p, integer, (int64_t)x));
    }
    return 0;
}

static nnc_ref fold_logic(nnc_program *p, nnc_op op, nnc_ref a, nnc_ref b)
{
    bool truth, decides = op == NNC_OP_OR;
    if (truth_of(p, a, &truth))
        return truth == decides ? a : b;
    if (truth_of(p, b, &truth))
        return truth == decides ? b : a;
    return a == b ? a : 0;
}

static nnc_ref fold_binary(nnc_program *p, nnc_op op, nnc_ref a, nnc_ref b)
{
    double x = 0, y = 0;
    if (op == NNC_OP_AND || op == NNC_OP_OR)
        return fold_logic(p, op, a, b);
    bool left = nnc_is_constant(p, a, &x), right = nnc_is_constant(p, b, &y);
    if (left && right) {
        double value = nnc_operate(op, x, y);
        return nnc_op_rows[op].result == NNC_ROW_BOOLEAN ? nnc_truth(p, value != 0) : nnc_real(p, value);
    }
    nnc_ref integer = integer_form(p, op, a, b);
    if (!integer && (op == NNC_OP_LESS || op == NNC_OP_LESS_EQUAL || op == NNC_OP_EQUAL))
        integer = compare_to_fraction(p, op, a, b);
    if (!integer && (op == NNC_OP_LESS || op == NNC_OP_LESS_EQUAL))
        integer = compare_draw(p, op, a, b);
    if (integer)
        return integer;
    if (op == NNC_OP_ADD)
        return left && x == 0 ? b : right && y == 0 ? a : 0;
    if (op == NNC_OP_SUB)
        return right && y == 0 ? a : left && x == 0 ? nnc_unary(p, NNC_OP_NEG, b) : 0;
    if (op == NNC_OP_MUL)
        return left && x == 1 ? b : right && y == 1 ? a : left && x == -1 ? nnc_unary(p, NNC_OP_NEG, b) : right && y == -1 ? nnc_unary(p, NNC_OP_NEG, a) : 0;
    if ((op == NNC_OP_DIV || op == NNC_OP_POW) && right && y == 1)
        return a;
    return 0;
}

static bool is_number(const nnc_program *p, nnc_ref ref)
{
    double value;
    return nnc_is_constant(p, ref, &value);
}

/* What holds where an integer is not beyond its one bound; 0 for another condition. Choices with a number have it last, as guards of sums do. */
static nnc_ref opposite_of(nnc_program *p, nnc_ref condition)
{
    const nnc_node n = p->node[condition];
    if (n.op != NNC_OP_WITHIN || (n.integer[0] == INT64_MIN) == (n.integer[1] == INT64_MAX))
        return 0;
    return n.integer[0] == INT64_MIN ? nnc_within(p, nnc_arg(p, condition, 0), n.integer[1] + 1, INT64_MAX)
                                     : nnc_within(p, nnc_arg(p, condition, 0), INT64_MIN, n.integer[0] - 1);
}

nnc_ref nnc_select(nnc_program *p, nnc_ref condition, nnc_ref yes, nnc_ref no)
{
    bool truth;
    if (truth_of(p, condition, &truth))
        return truth ? yes : no;
    if (yes == no)
        return yes;
    if (p->node[condition].op == NNC_OP_NOT)
        return nnc_select(p, nnc_arg(p, condition, 0), no, yes);
    nnc_ref opposite = is_number(p, yes) && !is_number(p, no) ? opposite_of(p, condition) : 0;
    if (opposite)
        return nnc_select(p, opposite, no, yes);
    return nnc_intern(p, NNC_OP_SELECT, p->node[yes].element, (nnc_ref[]){condition, yes, no}, NULL, 3, 0, 0);
}

nnc_ref nnc_apply(nnc_program *p, nnc_op op, const nnc_ref *args, uint32_t count)
{
    static const nnc_element elements[] = {NNC_REAL, NNC_INTEGER, NNC_BOOLEAN, NNC_REAL};
    nnc_ref a = args[0], b = count > 1 ? args[1] : 0;
    if (op == NNC_OP_SELECT)
        return nnc_select(p, a, b, args[2]);
    nnc_ref folded = count == 1 ? fold_unary(p, op, a) : fold_binary(p, op, a, b);
    if (folded)
        return folded;
    nnc_element element = elements[nnc_op_rows[op].result];
    if (nnc_op_rows[op].flags & NNC_FLAG_COMMUTES) {     /* the order first written is kept for both */
        nnc_ref other = nnc_interned(p, op, element, (nnc_ref[]){b, a}, 2, 0, 0);
        if (other)
            return other;
    }
    return nnc_intern(p, op, element, (nnc_ref[]){a, b}, NULL, count, 0, 0);
}

nnc_ref nnc_unary(nnc_program *p, nnc_op op, nnc_ref a) { return nnc_apply(p, op, &a, 1); }
nnc_ref nnc_binary(nnc_program *p, nnc_op op, nnc_ref a, nnc_ref b) { return nnc_apply(p, op, (nnc_ref[]){a, b}, 2); }
