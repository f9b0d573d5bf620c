/* Programs as text: formula.h shows the form, parse.c reads it back. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "formula/build.h"

typedef struct printer {
    const nnc_program *p;
    const nnc_tensor *t;           /* whose slots have names; NULL: none */
    nnc_text *out;
    char name[NNC_MAX_SLOTS][8];
} printer;

/* How tightly an operation binds. */
enum { LOWEST, OR_LEVEL, AND_LEVEL, NOT_LEVEL, COMPARE_LEVEL, SUM_LEVEL, PRODUCT_LEVEL, MINUS_LEVEL, POWER_LEVEL, TIGHTEST };

static void print(printer *r, nnc_ref ref, int around);

/* ---- names ---- */

static bool is_taken(const printer *r, uint32_t slots, const char *name)
{
    for (uint32_t s = 0; s < slots; s++)
        if (strcmp(r->name[s], name) == 0)
            return true;
    return nnc_find(r->p, name) != 0;
}

static void name_slots(printer *r)
{
    static const char *const batch[] = {"b", "d", "e", "g", NULL}, *const other[] = {"i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "u", "v", "w", "x", "y", "z", NULL};
    uint32_t slots = r->t ? (uint32_t)r->t->rank + r->t->reduced : 0;
    for (uint32_t s = 0; s < slots; s++) {
        const char *const *name = r->t->extent[s] < 0 ? batch : other;
        while (*name && is_taken(r, s, *name))
            name++;
        if (*name)
            strcpy(r->name[s], *name);
        else
            snprintf(r->name[s], sizeof r->name[s], "i%u", s);
    }
}

/* Words that a name is not written as without quotes. */
static bool is_word(const char *name)
{
    static const char *const words[] = {"if", "then", "else", "true", "false", "nan", "inf", "and", "or", "not", "mod", "batch", "blocks", "data"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], name) == 0)
            return true;
    return false;
}

static bool is_plain(const char *name)
{
    bool plain = !is_word(name) && name[0] != 0 && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", name[0]) != NULL;
    for (const char *c = name; *c && plain; c++)
        plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.~'", *c) != NULL;
    return plain;
}

static void print_name(printer *r, const char *name) { nnc_text_add(r->out, is_plain(name) ? "%s" : "\"%s\"", name); }

static void print_extent(printer *r, int64_t extent)
{
    if (extent < 0)
        nnc_text_add(r->out, "%s", extent == NNC_EXTENT_BATCH ? "batch" : extent == NNC_EXTENT_BLOCKS ? "blocks" : "data");
    else
        nnc_text_add(r->out, "%lld", (long long)extent);
}

static void print_number(printer *r, double value)
{
    if (value != value)
        nnc_text_add(r->out, "nan");
    else if (isinf(value))
        nnc_text_add(r->out, value > 0 ? "inf" : "-inf");
    else
        nnc_text_add_double(r->out, value);
}

/* ---- expressions ---- */

static void print_arguments(printer *r, const nnc_node *n, const char *open, const char *close)
{
    nnc_text_add(r->out, "%s", open);
    for (uint32_t i = 0; i < n->count; i++) {
        nnc_text_add(r->out, i ? ", " : "");
        print(r, r->p->args[n->first + i], LOWEST);
    }
    nnc_text_add(r->out, "%s", close);
}

static void print_affine(printer *r, nnc_ref ref, int around)
{
    nnc_form f;
    nnc_form_of(r->p, ref, &f);
    bool sum = f.terms + (f.constant != 0) > 1, wrap = (sum && around >= SUM_LEVEL) || (!sum && around > PRODUCT_LEVEL && (f.terms ? f.coefficient[0] != 1 : f.constant < 0));
    nnc_text_add(r->out, wrap ? "(" : "");
    for (uint32_t i = 0; i < f.terms; i++) {
        int64_t c = f.coefficient[i];
        nnc_text_add(r->out, "%s", i ? (c < 0 ? " - " : " + ") : c < 0 ? "-" : "");
        if (c != 1 && c != -1)
            nnc_text_add(r->out, "%llu*", (unsigned long long)(c < 0 ? -(uint64_t)c : (uint64_t)c));
        print(r, f.atom[i], PRODUCT_LEVEL + 1);
    }
    if (f.terms == 0)
        nnc_text_add(r->out, "%lld", (long long)f.constant);
    else if (f.constant)
        nnc_text_add(r->out, " %c %llu", f.constant < 0 ? '-' : '+', (unsigned long long)(f.constant < 0 ? -(uint64_t)f.constant : (uint64_t)f.constant));
    nnc_text_add(r->out, wrap ? ")" : "");
}

static void print_within(printer *r, const nnc_node *n, int around)
{
    nnc_ref x = r->p->args[n->first];
    int64_t low = n->integer[0], high = n->integer[1];
    nnc_text_add(r->out, around >= COMPARE_LEVEL ? "(" : "");
    if (low != high && low != INT64_MIN && high != INT64_MAX)
        nnc_text_add(r->out, "%lld <= ", (long long)low);
    print(r, x, COMPARE_LEVEL);
    if (low == high)
        nnc_text_add(r->out, " == %lld", (long long)low);
    else if (high != INT64_MAX)
        nnc_text_add(r->out, " <= %lld", (long long)high);
    else
        nnc_text_add(r->out, " >= %lld", (long long)low);
    nnc_text_add(r->out, around >= COMPARE_LEVEL ? ")" : "");
}

static int level_of(nnc_op op, uint32_t count)
{
    switch (op) {
    case NNC_OP_ADD: case NNC_OP_SUB: return SUM_LEVEL;
    case NNC_OP_MUL: case NNC_OP_DIV: case NNC_OP_MODULO: return PRODUCT_LEVEL;
    case NNC_OP_NEG: return count == 1 ? MINUS_LEVEL : SUM_LEVEL;
    case NNC_OP_POW: return POWER_LEVEL;
    case NNC_OP_LESS: case NNC_OP_LESS_EQUAL: case NNC_OP_EQUAL: return COMPARE_LEVEL;
    case NNC_OP_AND: return AND_LEVEL;
    case NNC_OP_OR: return OR_LEVEL;
    case NNC_OP_NOT: return NOT_LEVEL;
    default: return TIGHTEST;
    }
}

static void print_operation(printer *r, const nnc_node *n, int around)
{
    const nnc_op_row *row = &nnc_op_rows[n->op];
    int level = level_of((nnc_op)n->op, n->count);
    if (level == TIGHTEST) {
        nnc_text_add(r->out, "%s", row->print);
        print_arguments(r, n, "(", ")");
        return;
    }
    nnc_text_add(r->out, around >= level ? "(" : "");
    if (n->count == 1) {
        nnc_text_add(r->out, n->op == NNC_OP_NOT ? "not " : "-");
        print(r, r->p->args[n->first], level - 1 + (n->op == NNC_OP_NEG));
    } else {
        print(r, r->p->args[n->first], n->op == NNC_OP_POW || level == COMPARE_LEVEL ? level : level - 1);
        nnc_text_add(r->out, " %s ", row->print);
        print(r, r->p->args[n->first + 1], level);
    }
    nnc_text_add(r->out, around >= level ? ")" : "");
}

static void print_select(printer *r, const nnc_node *n, int around)
{
    nnc_text_add(r->out, around > LOWEST ? "(if " : "if ");
    print(r, r->p->args[n->first], LOWEST);
    nnc_text_add(r->out, " then ");
    print(r, r->p->args[n->first + 1], LOWEST);
    nnc_text_add(r->out, " else ");
    print(r, r->p->args[n->first + 2], LOWEST);
    nnc_text_add(r->out, around > LOWEST ? ")" : "");
}

static void print_index(printer *r, int64_t slot)
{
    if (slot < NNC_MAX_SLOTS && r->name[slot][0])
        nnc_text_add(r->out, "%s", r->name[slot]);
    else
        nnc_text_add(r->out, "#%lld", (long long)slot);
}

static void print(printer *r, nnc_ref ref, int around)
{
    const nnc_node *n = &r->p->node[ref];
    switch (n->op) {
    case NNC_OP_CONSTANT:
        nnc_text_add(r->out, n->real < 0 && around > SUM_LEVEL ? "(" : "");
        print_number(r, n->real);
        nnc_text_add(r->out, n->real < 0 && around > SUM_LEVEL ? ")" : "");
        return;
    case NNC_OP_TRUTH: nnc_text_add(r->out, n->integer[0] ? "true" : "false"); return;
    case NNC_OP_INDEX: print_index(r, n->integer[0]); return;
    case NNC_OP_COUNT: nnc_text_add(r->out, n->integer[0] == NNC_EXTENT_BATCH ? "count(batch)" : "count(data)"); return;
    case NNC_OP_READ:
        print_name(r, r->p->tensor[n->integer[0]].name);
        if (n->count)
            print_arguments(r, n, "[", "]");
        return;
    case NNC_OP_RANDOM: case NNC_OP_GAUSSIAN:
        nnc_text_add(r->out, "%s#%lld", nnc_op_rows[n->op].print, (long long)n->integer[0]);
        print_arguments(r, n, "(", ")");
        return;
    case NNC_OP_AFFINE: print_affine(r, ref, around); return;
    case NNC_OP_QUOTIENT:
        nnc_text_add(r->out, "floor(");
        print(r, r->p->args[n->first], PRODUCT_LEVEL - 1);
        nnc_text_add(r->out, " / %lld)", (long long)n->integer[0]);
        return;
    case NNC_OP_REMAINDER:
        nnc_text_add(r->out, around >= PRODUCT_LEVEL ? "(" : "");
        print(r, r->p->args[n->first], PRODUCT_LEVEL);
        nnc_text_add(r->out, " mod %lld%s", (long long)n->integer[0], around >= PRODUCT_LEVEL ? ")" : "");
        return;
    case NNC_OP_NEIGHBOUR:
        print_arguments(r, n, "neighbour(", n->integer[0] > 0 ? ", 1)" : ", -1)");
        return;
    case NNC_OP_EXISTING: print_arguments(r, n, "existing(", ")"); return;
    case NNC_OP_FLOOR_INTEGER: print_arguments(r, n, "floor_int(", ")"); return;
    case NNC_OP_REAL: print(r, r->p->args[n->first], around); return;
    case NNC_OP_WITHIN: print_within(r, n, around); return;
    case NNC_OP_SELECT: print_select(r, n, around); return;
    default: print_operation(r, n, around);
    }
}

void nnc_node_print(const nnc_program *p, const nnc_tensor *in, nnc_ref ref, nnc_text *out)
{
    printer r = {.p = p, .t = in, .out = out};
    name_slots(&r);
    print(&r, ref, LOWEST);
}

/* ---- tensors ---- */

static const char *const kinds[] = {
    [NNC_KIND_INPUT] = "input",       [NNC_KIND_PARAMETER] = "param", [NNC_KIND_STATE] = "state", [NNC_KIND_FIT] = "fit",     [NNC_KIND_CONSTANT] = "constant",
    [NNC_KIND_SCHEDULE] = "schedule", [NNC_KIND_STEP] = "step",       [NNC_KIND_STEPS] = "steps", [NNC_KIND_EPOCH] = "epoch", [NNC_KIND_EPOCHS] = "epochs",
};
static const char *const reductions[] = {"", "sum", "prod", "max", "min", "argmax", "argmin"};

static void print_element(printer *r)
{
    if (r->t->element == NNC_BOOLEAN)
        nnc_text_add(r->out, ": boolean");
    else if (r->t->element == NNC_INTEGER && r->t->classes)
        nnc_text_add(r->out, ": class(%lld)", (long long)r->t->classes);
    else if (r->t->element == NNC_INTEGER)
        nnc_text_add(r->out, ": integer");
}

/* Slots [first, first + count) with their extents: `i < 4, j < 3`; or the extents alone. */
static void print_slots(printer *r, uint32_t first, uint32_t count, bool named)
{
    for (uint32_t i = 0; i < count; i++) {
        nnc_text_add(r->out, i ? ", " : "");
        if (named)
            nnc_text_add(r->out, "%s < ", r->name[first + i]);
        print_extent(r, r->t->extent[first + i]);
    }
}

static void print_left(printer *r, bool named)
{
    print_name(r, r->t->name);
    if (r->t->rank) {
        nnc_text_add(r->out, "[");
        print_slots(r, 0, r->t->rank, named);
        nnc_text_add(r->out, "]");
    }
    print_element(r);
}

static void print_formula(printer *r)
{
    print_left(r, true);
    nnc_text_add(r->out, " = ");
    if (r->t->reduce != NNC_REDUCE_NONE) {
        nnc_text_add(r->out, "%s(", reductions[r->t->reduce]);
        print_slots(r, r->t->rank, r->t->reduced, true);
        nnc_text_add(r->out, ": ");
    }
    print(r, r->t->body, LOWEST);
    nnc_text_add(r->out, r->t->reduce != NNC_REDUCE_NONE ? ")" : "");
}

enum { SHOWN_CONSTANTS = 64 };

static void print_constant(printer *r)
{
    int64_t elements = nnc_elements(r->t);
    print_left(r, true);
    nnc_text_add(r->out, " = constant [");
    for (int64_t i = 0; i < elements && i < SHOWN_CONSTANTS; i++) {
        nnc_text_add(r->out, i ? ", " : "");
        nnc_text_add_float(r->out, r->t->values[i]);
    }
    nnc_text_add(r->out, elements > SHOWN_CONSTANTS ? ", ..]" : "]");
}

void nnc_tensor_print(const nnc_program *p, nnc_tensor_id id, nnc_text *out)
{
    printer r = {.p = p, .t = &p->tensor[id], .out = out};
    name_slots(&r);
    if (r.t->kind == NNC_KIND_CONSTANT) {
        print_constant(&r);
    } else if (r.t->kind == NNC_KIND_FORMULA) {
        print_formula(&r);
    } else {
        nnc_text_add(out, "%s ", kinds[r.t->kind]);
        print_left(&r, false);
        if (r.t->kind == NNC_KIND_SCHEDULE) {
            nnc_text_add(out, " = ");
            print(&r, r.t->body, LOWEST);
        }
        if (r.t->next) {
            nnc_text_add(out, " -> ");
            print_name(&r, p->tensor[r.t->next].name);
        }
    }
    nnc_text_add(out, "\n");
}

void nnc_program_print(const nnc_program *p, nnc_text *out)
{
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        nnc_tensor_print(p, id, out);
}
