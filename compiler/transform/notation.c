/* Formulas written as in a paper: index letters, comparisons, no index for the example where a formula is of one example. */
#include <string.h>
#include "formula/rebuild.h"
#include "transform/notation.h"

enum { IF, OR, AND, NOT, COMPARE, SUM, PRODUCT, SIGN, POWER, ATOM };     /* how tightly, loosest first */

static void write(nnc_notation *n, nnc_ref ref, int around);
static void write_integer(nnc_notation *n, nnc_ref ref, int around);

static const nnc_node *at(const nnc_notation *n, nnc_ref ref) { return nnc_at(n->p, ref); }
static nnc_ref arg(const nnc_notation *n, nnc_ref ref, uint32_t i) { return nnc_arg(n->p, ref, i); }

/* ---- names ---- */

void nnc_notation_name(const nnc_notation *n, nnc_tensor_id id, nnc_text *out)
{
    const char *name = n->p->tensor[id].name;
    size_t length = strlen(name);
    if (length > 3 && strncmp(name, "d(", 2) == 0 && name[length - 1] == ')')
        nnc_text_add(out, "d %.*s", (int)length - 3, name + 2);
    else
        nnc_text_add(out, "%s", name);
}

static bool is_taken(const nnc_notation *n, const char *name) { return nnc_find(n->p, name) != 0; }

static const char *batch_letter(const nnc_notation *n)
{
    static const char *const names[] = {"b", "n", "e"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!is_taken(n, names[i]))
            return names[i];
    return "example";
}

static const char *next_letter(nnc_notation *n)
{
    static const char letters[] = "ijklmnopqrstuvwaceghy";
    for (;;) {
        uint32_t k = n->letters++, turn = k / (uint32_t)(sizeof letters - 1);
        char letter = letters[k % (uint32_t)(sizeof letters - 1)];
        const char *name = turn ? nnc_arena_format(n->out->arena, "%c%u", letter, (unsigned)turn) : nnc_arena_format(n->out->arena, "%c", letter);
        if (!is_taken(n, name) && strcmp(name, batch_letter(n)) != 0)
            return name;
    }
}

/* ---- integers ---- */

static void write_term(nnc_notation *n, int64_t coefficient, nnc_ref atom, bool first)
{
    int64_t c = coefficient < 0 ? -coefficient : coefficient;
    nnc_text_add(n->out, first ? coefficient < 0 ? "-" : "" : coefficient < 0 ? " - " : " + ");
    if (c != 1)
        nnc_text_add(n->out, "%lld*", (long long)c);
    write_integer(n, atom, PRODUCT);
}

static void write_affine(nnc_notation *n, nnc_ref ref, int around)
{
    const nnc_node node = *at(n, ref);
    bool parentheses = node.count + (node.integer[0] != 0) > 1 && around > SUM, first = true;
    nnc_text_add(n->out, parentheses ? "(" : "");
    for (int sign = 0; sign < 2; sign++)               /* positive terms first: t - i, not -i + t */
        for (uint32_t i = 0; i < node.count; i++) {
            int64_t c = n->p->coefficients[node.first + i];
            if ((c < 0) != (sign == 1))
                continue;
            write_term(n, c, n->p->args[node.first + i], first);
            first = false;
        }
    if (first)
        nnc_text_add(n->out, "%lld", (long long)node.integer[0]);
    else if (node.integer[0])
        nnc_text_add(n->out, " %c %lld", node.integer[0] < 0 ? '-' : '+', (long long)(node.integer[0] < 0 ? -node.integer[0] : node.integer[0]));
    nnc_text_add(n->out, parentheses ? ")" : "");
}

static void write_integer(nnc_notation *n, nnc_ref ref, int around)
{
    const nnc_node node = *at(n, ref);
    switch (node.op) {
    case NNC_OP_AFFINE: write_affine(n, ref, around); return;
    case NNC_OP_INDEX: nnc_text_add(n->out, "%s", n->index[node.integer[0]]); return;
    case NNC_OP_QUOTIENT:
        nnc_text_add(n->out, "floor(");
        write_integer(n, arg(n, ref, 0), PRODUCT);
        nnc_text_add(n->out, " / %lld)", (long long)node.integer[0]);
        return;
    case NNC_OP_REMAINDER:
        nnc_text_add(n->out, around > SUM ? "(" : "");
        write_integer(n, arg(n, ref, 0), PRODUCT);
        nnc_text_add(n->out, " mod %lld%s", (long long)node.integer[0], around > SUM ? ")" : "");
        return;
    case NNC_OP_NEIGHBOUR:
        nnc_text_add(n->out, node.integer[0] > 0 ? "next(" : "previous(");
        write_integer(n, arg(n, ref, 0), IF);
        nnc_text_add(n->out, ")");
        return;
    case NNC_OP_FLOOR_INTEGER:
        nnc_text_add(n->out, "floor(");
        write(n, arg(n, ref, 0), IF);
        nnc_text_add(n->out, ")");
        return;
    default: write(n, ref, around);
    }
}

/* One side of an equality: the terms of one sign, and the constant that belongs there. */
static void write_side(nnc_notation *n, const nnc_form *form, bool negative, int64_t constant)
{
    bool first = true;
    for (uint32_t i = 0; i < form->terms; i++)
        if ((form->coefficient[i] < 0) == negative) {
            write_term(n, negative ? -form->coefficient[i] : form->coefficient[i], form->atom[i], first);
            first = false;
        }
    if (first)
        nnc_text_add(n->out, "%lld", (long long)constant);
    else if (constant > 0)
        nnc_text_add(n->out, " + %lld", (long long)constant);
}

/* a*x - b*y == c with the negative terms on the other side, what is read first: `y == k` rather than `k - y == 0`. */
static void write_equality(nnc_notation *n, nnc_ref affine, int64_t value)
{
    nnc_form form;
    nnc_form_of(n->p, affine, &form);
    bool turn = false, both = false;
    int64_t constant = value - form.constant;
    for (uint32_t i = 0; i < form.terms; i++) {
        turn |= form.coefficient[i] < 0 && at(n, form.atom[i])->op == NNC_OP_READ;
        both |= form.coefficient[i] < 0;
    }
    for (int side = 0; side < 2; side++) {
        bool negative = (side == 1) != turn;
        nnc_text_add(n->out, side ? " == " : "");
        write_side(n, &form, negative, negative ? constant : both ? -constant : 0);
    }
}

static void write_within(nnc_notation *n, nnc_ref ref)
{
    const nnc_node node = *at(n, ref);
    nnc_ref integer = arg(n, ref, 0);
    nnc_form form;
    nnc_form_of(n->p, integer, &form);
    bool opposite = false;
    for (uint32_t i = 0; i < form.terms; i++)
        opposite |= form.coefficient[i] < 0;
    if (node.integer[0] == node.integer[1] && (opposite || form.terms == 1)) {
        write_equality(n, integer, node.integer[0]);
        return;
    }
    if (node.integer[0] != INT64_MIN) {
        write_integer(n, integer, SUM);
        nnc_text_add(n->out, " >= %lld", (long long)node.integer[0]);
    }
    if (node.integer[0] != INT64_MIN && node.integer[1] != INT64_MAX)
        nnc_text_add(n->out, " and ");
    if (node.integer[1] != INT64_MAX) {
        write_integer(n, integer, SUM);
        nnc_text_add(n->out, " <= %lld", (long long)node.integer[1]);
    }
}

/* ---- reads and sums ---- */

static void write_reduction(nnc_notation *n, nnc_tensor_id id);

/* The tensor's formula in place of a read of it: its slots are the subscripts, written out. */
static void write_inlined(nnc_notation *n, nnc_ref ref, int around)
{
    const nnc_node node = *at(n, ref);
    const nnc_tensor *t = &n->p->tensor[node.integer[0]];
    nnc_notation inner = *n;
    for (uint32_t i = 0; i < node.count; i++) {
        nnc_text subscript = {.arena = n->out->arena};
        nnc_notation to = *n;
        to.out = &subscript;
        write_integer(&to, arg(n, ref, i), PRODUCT);
        inner.index[i] = nnc_text_string(&subscript);
    }
    if (t->reduce == NNC_REDUCE_NONE)
        write(&inner, t->body, around);
    else
        write_reduction(&inner, (nnc_tensor_id)node.integer[0]);
}

static bool is_own_example(const nnc_notation *n, nnc_ref subscript)
{
    return !n->shows_batch && at(n, subscript)->op == NNC_OP_INDEX && at(n, subscript)->integer[0] == 0;
}

static void write_read(nnc_notation *n, nnc_ref ref, int around)
{
    const nnc_node node = *at(n, ref);
    const nnc_tensor *t = &n->p->tensor[node.integer[0]];
    bool first = true;
    if (n->inlined[node.integer[0]]) {
        write_inlined(n, ref, around);
        return;
    }
    nnc_notation_name(n, (nnc_tensor_id)node.integer[0], n->out);
    for (uint32_t i = 0; i < node.count; i++) {
        if (i == 0 && nnc_batched(t) && is_own_example(n, arg(n, ref, i)))
            continue;
        nnc_text_add(n->out, first ? "[" : ", ");
        write_integer(n, arg(n, ref, i), IF);
        first = false;
    }
    nnc_text_add(n->out, first ? "" : "]");
}

/* Whether the slot subscripts a dimension by itself, so that its range is plain. */
static bool range_is_plain(const nnc_program *p, nnc_ref ref, uint32_t slot)
{
    const nnc_node *node = nnc_at(p, ref);
    for (uint32_t i = 0; i < node->count; i++) {
        const nnc_node *a = nnc_at(p, nnc_arg(p, ref, i));
        if (node->op == NNC_OP_READ && a->op == NNC_OP_INDEX && a->integer[0] == slot)
            return true;
        if ((a->slots >> slot & 1) && range_is_plain(p, nnc_arg(p, ref, i), slot))
            return true;
    }
    return false;
}

static void write_reduction(nnc_notation *n, nnc_tensor_id id)
{
    static const char *const names[] = {"", "sum", "prod", "max", "min", "argmax", "argmin"};
    const nnc_tensor *t = &n->p->tensor[id];
    uint32_t letters = n->letters;
    nnc_text_add(n->out, "%s(", names[t->reduce]);
    for (uint32_t i = t->rank; i < (uint32_t)t->rank + t->reduced; i++) {
        bool batch = t->extent[i] == NNC_EXTENT_BATCH;
        n->index[i] = batch ? batch_letter(n) : next_letter(n);
        nnc_text_add(n->out, "%s%s", i > t->rank ? ", " : "", n->index[i]);
        if (batch)
            nnc_text_add(n->out, " < batch");
        else if (!range_is_plain(n->p, t->body, i))
            nnc_text_add(n->out, " < %lld", (long long)t->extent[i]);
    }
    nnc_text_add(n->out, ": ");
    bool before = n->shows_batch;
    for (uint32_t i = t->rank; i < (uint32_t)t->rank + t->reduced; i++)
        n->shows_batch |= t->extent[i] == NNC_EXTENT_BATCH;
    write(n, t->body, IF);
    n->shows_batch = before;
    n->letters = letters;
    nnc_text_add(n->out, ")");
}

/* ---- expressions ---- */

static int tightness(nnc_op op)
{
    switch (op) {
    case NNC_OP_SELECT: return IF;
    case NNC_OP_OR: return OR;
    case NNC_OP_AND: return AND;
    case NNC_OP_NOT: return NOT;
    case NNC_OP_LESS: case NNC_OP_LESS_EQUAL: case NNC_OP_EQUAL: return COMPARE;
    case NNC_OP_ADD: case NNC_OP_SUB: return SUM;
    case NNC_OP_MUL: case NNC_OP_DIV: case NNC_OP_MODULO: return PRODUCT;
    case NNC_OP_NEG: return SIGN;
    case NNC_OP_POW: return POWER;
    default: return ATOM;
    }
}

static void write_select(nnc_notation *n, nnc_ref ref)
{
    nnc_text_add(n->out, "if ");
    write(n, arg(n, ref, 0), OR);
    nnc_text_add(n->out, " then ");
    write(n, arg(n, ref, 1), OR);
    nnc_text_add(n->out, " else ");
    write(n, arg(n, ref, 2), IF);
}

static void write_infix(nnc_notation *n, nnc_ref left, const char *sign, nnc_ref right, int own, int around_right)
{
    bool negative = at(n, right)->op == NNC_OP_CONSTANT && at(n, right)->real < 0;
    write(n, left, own);
    nnc_text_add(n->out, "%s%s", sign, negative ? "(" : "");
    write(n, right, negative ? IF : around_right);
    nnc_text_add(n->out, negative ? ")" : "");
}

/* `x > 0` rather than `0 < x`. */
static void write_comparison(nnc_notation *n, nnc_ref ref)
{
    nnc_ref a = arg(n, ref, 0), b = arg(n, ref, 1);
    int op = at(n, ref)->op;
    bool turned = at(n, a)->op == NNC_OP_CONSTANT && op != NNC_OP_EQUAL;
    const char *sign = op == NNC_OP_EQUAL ? " == " : op == NNC_OP_LESS ? (turned ? " > " : " < ") : (turned ? " >= " : " <= ");
    write_infix(n, turned ? b : a, sign, turned ? a : b, SUM, SUM);
}

static void write_call(nnc_notation *n, nnc_ref ref)
{
    const nnc_node node = *at(n, ref);
    nnc_text_add(n->out, "%s(", nnc_op_rows[node.op].print);
    for (uint32_t i = 0; i < node.count; i++) {
        nnc_text_add(n->out, i ? ", " : "");
        write(n, arg(n, ref, i), IF);
    }
    nnc_text_add(n->out, ")");
}

static void write_product(nnc_notation *n, nnc_ref ref)
{
    nnc_ref a = arg(n, ref, 0), b = arg(n, ref, 1);
    if (a == b) {
        write(n, a, ATOM);
        nnc_text_add(n->out, "^2");
    } else {
        write_infix(n, a, " * ", b, PRODUCT, PRODUCT);
    }
}

static void write_operation(nnc_notation *n, nnc_ref ref)
{
    const nnc_node node = *at(n, ref);
    nnc_ref a = node.count > 0 ? arg(n, ref, 0) : 0, b = node.count > 1 ? arg(n, ref, 1) : 0;
    switch (node.op) {
    case NNC_OP_ADD: write_infix(n, a, " + ", b, SUM, SUM); return;
    case NNC_OP_SUB: write_infix(n, a, " - ", b, SUM, PRODUCT); return;
    case NNC_OP_MUL: write_product(n, ref); return;
    case NNC_OP_DIV: write_infix(n, a, " / ", b, PRODUCT, SIGN); return;
    case NNC_OP_MODULO: write_infix(n, a, " mod ", b, PRODUCT, SIGN); return;
    case NNC_OP_POW: write_infix(n, a, "^", b, ATOM, POWER); return;
    case NNC_OP_NEG: nnc_text_add(n->out, "-"); write(n, a, SIGN); return;
    case NNC_OP_NOT: nnc_text_add(n->out, "not "); write(n, a, NOT); return;
    case NNC_OP_AND: write_infix(n, a, " and ", b, AND, AND); return;
    case NNC_OP_OR: write_infix(n, a, " or ", b, OR, OR); return;
    case NNC_OP_LESS: case NNC_OP_LESS_EQUAL: case NNC_OP_EQUAL: write_comparison(n, ref); return;
    case NNC_OP_SELECT: write_select(n, ref); return;
    default: write_call(n, ref);
    }
}

static void write(nnc_notation *n, nnc_ref ref, int around)
{
    const nnc_node node = *at(n, ref);
    bool negative = node.op == NNC_OP_CONSTANT && node.real < 0;
    bool parentheses = tightness((nnc_op)node.op) < around || (negative && around > PRODUCT);
    nnc_text_add(n->out, parentheses ? "(" : "");
    switch (node.op) {
    case NNC_OP_CONSTANT: nnc_text_add_double(n->out, node.real); break;
    case NNC_OP_TRUTH: nnc_text_add(n->out, node.integer[0] ? "true" : "false"); break;
    case NNC_OP_COUNT: nnc_text_add(n->out, node.integer[0] == NNC_EXTENT_BATCH ? "batch" : "data"); break;
    case NNC_OP_READ: write_read(n, ref, around); break;
    case NNC_OP_REAL: write_integer(n, arg(n, ref, 0), around); break;
    case NNC_OP_WITHIN: write_within(n, ref); break;
    case NNC_OP_INDEX: case NNC_OP_AFFINE: case NNC_OP_QUOTIENT: case NNC_OP_REMAINDER: case NNC_OP_NEIGHBOUR: case NNC_OP_FLOOR_INTEGER:
        write_integer(n, ref, around);
        break;
    default: write_operation(n, ref);
    }
    nnc_text_add(n->out, parentheses ? ")" : "");
}

/* ---- a line ---- */

static bool has_neighbour(const nnc_program *p, nnc_ref ref)
{
    const nnc_node *node = nnc_at(p, ref);
    if (node->op == NNC_OP_NEIGHBOUR)
        return true;
    for (uint32_t i = 0; i < node->count; i++)
        if ((nnc_at(p, nnc_arg(p, ref, i))->slots & 1) && has_neighbour(p, nnc_arg(p, ref, i)))
            return true;
    return false;
}

static bool tells_examples_apart(const nnc_program *p, const nnc_tensor *t)
{
    for (uint32_t i = t->rank; i < (uint32_t)t->rank + t->reduced; i++)
        if (t->extent[i] == NNC_EXTENT_BATCH)
            return true;
    return has_neighbour(p, t->body);
}

void nnc_notation_line(nnc_notation *n, nnc_tensor_id id, const char *label)
{
    const nnc_tensor *t = &n->p->tensor[id];
    bool first = true;
    n->letters = 0;
    n->shows_batch = nnc_batched(t) && tells_examples_apart(n->p, t);
    if (label)
        nnc_text_add(n->out, "%s", label);
    else
        nnc_notation_name(n, id, n->out);
    for (uint32_t i = 0; i < t->rank; i++) {
        bool batch = i == 0 && nnc_batched(t);
        n->index[i] = batch ? batch_letter(n) : next_letter(n);
        if (batch && !n->shows_batch)
            continue;
        nnc_text_add(n->out, "%s%s", first ? "[" : ", ", n->index[i]);
        first = false;
    }
    nnc_text_add(n->out, first ? " = " : "] = ");
    if (t->reduce == NNC_REDUCE_NONE)
        write(n, t->body, IF);
    else
        write_reduction(n, id);
    nnc_text_add(n->out, "\n");
}
