/* Integers: canonical affine forms over atoms, quotients, remainders, and conditions on them. */
#include <assert.h>
#include <math.h>
#include "base/divisor.h"
#include "formula/build.h"

/* A form being made. Nearly all have few terms, which are kept here; more are the arena's. */
typedef struct form {
    int64_t constant, few_coefficients[NNC_FEW], *coefficient;
    nnc_ref few_atoms[NNC_FEW], *atom;
    uint32_t terms;
} form;

static void form_open(const nnc_program *p, form *f, int64_t constant, uint32_t most)
{
    f->constant = constant;
    f->terms = 0;
    f->atom = most <= NNC_FEW ? f->few_atoms : NNC_ARRAY(p->arena, nnc_ref, most);
    f->coefficient = most <= NNC_FEW ? f->few_coefficients : NNC_ARRAY(p->arena, int64_t, most);
}

static void form_add(form *f, nnc_ref atom, int64_t coefficient)
{
    f->atom[f->terms] = atom;
    f->coefficient[f->terms++] = coefficient;
}

void nnc_form_of(const nnc_program *p, nnc_ref integer, nnc_form *out)
{
    const nnc_node *n = &p->node[integer];
    if (n->op == NNC_OP_AFFINE) {
        *out = (nnc_form){n->integer[0], n->count, p->args + n->first, p->coefficients + n->first, 0, 1};
        return;
    }
    *out = (nnc_form){0, 1, NULL, NULL, integer, 1};
    out->atom = &out->lone;
    out->coefficient = &out->one;
}

nnc_ref nnc_integer(nnc_program *p, int64_t value) { return nnc_intern(p, NNC_OP_AFFINE, NNC_INTEGER, NULL, NULL, 0, value, 0); }

bool nnc_is_integer(const nnc_program *p, nnc_ref ref, int64_t *value)
{
    const nnc_node *n = &p->node[ref];
    *value = n->integer[0];
    return n->op == NNC_OP_AFFINE && n->count == 0;
}

static nnc_ref make(nnc_program *p, const form *f)
{
    if (f->terms == 1 && f->coefficient[0] == 1 && f->constant == 0)
        return f->atom[0];
    return nnc_intern(p, NNC_OP_AFFINE, NNC_INTEGER, f->atom, f->coefficient, f->terms, f->constant, 0);
}

/* a*x + b*y + c; the terms of each are sorted by atom. */
static nnc_ref merge(nnc_program *p, int64_t a, const nnc_form *x, int64_t b, const nnc_form *y, int64_t c)
{
    form sum;
    form_open(p, &sum, a * x->constant + b * y->constant + c, x->terms + y->terms);
    for (uint32_t i = 0, j = 0; i < x->terms || j < y->terms;) {
        bool take_x = j == y->terms || (i < x->terms && x->atom[i] <= y->atom[j]), take_y = i == x->terms || (j < y->terms && y->atom[j] <= x->atom[i]);
        nnc_ref atom = take_x ? x->atom[i] : y->atom[j];
        int64_t coefficient = (take_x ? a * x->coefficient[i] : 0) + (take_y ? b * y->coefficient[j] : 0);
        i += take_x;
        j += take_y;
        if (coefficient)
            form_add(&sum, atom, coefficient);
    }
    return make(p, &sum);
}

nnc_ref nnc_affine(nnc_program *p, int64_t a, nnc_ref x, int64_t b, nnc_ref y, int64_t c)
{
    nnc_form left = {0}, right = {0};
    if (a && x)
        nnc_form_of(p, x, &left);
    if (b && y)
        nnc_form_of(p, y, &right);
    return merge(p, a, &left, b, &right, c);
}

/* x = divisor * whole + rest, where rest keeps the terms whose coefficients the divisor does not divide. */
static void split(nnc_program *p, nnc_ref x, int64_t divisor, nnc_ref *whole, nnc_ref *rest)
{
    nnc_form in;
    form w, r;
    nnc_form_of(p, x, &in);
    form_open(p, &w, nnc_floor_divide(in.constant, divisor), in.terms);
    form_open(p, &r, nnc_floor_modulo(in.constant, divisor), in.terms);
    for (uint32_t i = 0; i < in.terms; i++) {
        if (in.coefficient[i] % divisor == 0)
            form_add(&w, in.atom[i], in.coefficient[i] / divisor);
        else
            form_add(&r, in.atom[i], in.coefficient[i]);
    }
    *whole = make(p, &w);
    *rest = make(p, &r);
}

nnc_ref nnc_quotient(nnc_program *p, nnc_ref x, int64_t divisor)
{
    nnc_ref whole, rest, part;
    int64_t constant;
    assert(divisor >= 1);
    if (divisor == 1)
        return x;
    split(p, x, divisor, &whole, &rest);
    if (nnc_is_integer(p, rest, &constant))
        return whole;             /* 0 <= constant < divisor */
    const nnc_node *n = &p->node[rest];
    if (n->op == NNC_OP_QUOTIENT)
        part = nnc_quotient(p, nnc_arg(p, rest, 0), n->integer[0] * divisor);
    else if (n->op == NNC_OP_REMAINDER && n->integer[0] <= divisor)
        return whole;
    else
        part = nnc_intern(p, NNC_OP_QUOTIENT, NNC_INTEGER, &rest, NULL, 1, divisor, 0);
    return nnc_affine(p, 1, whole, 1, part, 0);
}

nnc_ref nnc_remainder(nnc_program *p, nnc_ref x, int64_t divisor)
{
    nnc_ref whole, rest;
    int64_t constant;
    assert(divisor >= 1);
    if (divisor == 1)
        return nnc_integer(p, 0);
    split(p, x, divisor, &whole, &rest);
    if (nnc_is_integer(p, rest, &constant))
        return rest;
    if (p->node[rest].op == NNC_OP_REMAINDER && p->node[rest].integer[0] <= divisor)
        return rest;
    return nnc_intern(p, NNC_OP_REMAINDER, NNC_INTEGER, &rest, NULL, 1, divisor, 0);
}

nnc_ref nnc_neighbour(nnc_program *p, nnc_ref x, int by)
{
    const nnc_node *n = &p->node[x];
    if (n->op == NNC_OP_NEIGHBOUR && n->integer[0] == -by)
        return nnc_arg(p, x, 0);
    return nnc_intern(p, NNC_OP_NEIGHBOUR, NNC_INTEGER, &x, NULL, 1, by, 0);
}

nnc_ref nnc_existing(nnc_program *p, nnc_ref x) { return nnc_intern(p, NNC_OP_EXISTING, NNC_INTEGER, &x, NULL, 1, 0, 0); }

static bool is_term(const nnc_program *p, const nnc_form *f, uint32_t i, uint32_t slot, int64_t coefficient)
{
    return nnc_is_index(p, f->atom[i], slot) && f->coefficient[i] == coefficient;
}

bool nnc_is_place(const nnc_program *p, nnc_ref integer, uint32_t block, uint32_t example)
{
    nnc_form f;
    nnc_form_of(p, integer, &f);
    if (f.lone || f.terms != 2 || f.constant != 0)
        return false;
    return (is_term(p, &f, 0, block, NNC_BLOCK) && is_term(p, &f, 1, example, 1)) || (is_term(p, &f, 1, block, NNC_BLOCK) && is_term(p, &f, 0, example, 1));
}

nnc_ref nnc_floor_integer(nnc_program *p, nnc_ref real)
{
    double value;
    if (p->node[real].op == NNC_OP_REAL)
        return nnc_arg(p, real, 0);
    if (p->node[real].op == NNC_OP_FLOOR)
        return nnc_floor_integer(p, nnc_arg(p, real, 0));
    if (nnc_is_constant(p, real, &value)) {
        double whole = floor(value), low = -0x1p30, high = 0x1p30;
        return nnc_integer(p, value != value ? 0 : (int64_t)(whole < low ? low : whole > high ? high : whole));
    }
    return nnc_intern(p, NNC_OP_FLOOR_INTEGER, NNC_INTEGER, &real, NULL, 1, 0, 0);
}

nnc_ref nnc_to_real(nnc_program *p, nnc_ref integer)
{
    int64_t value;
    if (nnc_is_integer(p, integer, &value))
        return nnc_real(p, (double)value);
    return nnc_intern(p, NNC_OP_REAL, NNC_REAL, &integer, NULL, 1, 0, 0);
}

/* ---- conditions ---- */

static int64_t minus(int64_t bound, int64_t constant) { return bound == INT64_MIN || bound == INT64_MAX ? bound : bound - constant; }
static int64_t opposite(int64_t bound) { return bound == INT64_MIN ? INT64_MAX : bound == INT64_MAX ? INT64_MIN : -bound; }
static int64_t down(int64_t bound, int64_t g) { return bound == INT64_MIN || bound == INT64_MAX ? bound : nnc_floor_divide(bound, g); }

/* Canonical: no constant, coefficients without a common divisor, the first one positive. */
nnc_ref nnc_within(nnc_program *p, nnc_ref integer, int64_t low, int64_t high)
{
    nnc_form in;
    nnc_form_of(p, integer, &in);
    if (low > high || (low == INT64_MIN && high == INT64_MAX))
        return nnc_truth(p, low <= high);
    if (in.terms == 0)
        return nnc_truth(p, low <= in.constant && in.constant <= high);
    form f;
    int64_t g = 0;
    form_open(p, &f, 0, in.terms);
    for (uint32_t i = 0; i < in.terms; i++)
        g = nnc_common_divisor(in.coefficient[i], g);
    bool turn = in.coefficient[0] < 0;
    for (uint32_t i = 0; i < in.terms; i++)
        form_add(&f, in.atom[i], in.coefficient[i] / (turn ? -g : g));
    low = minus(low, in.constant);
    high = minus(high, in.constant);
    if (turn) {
        int64_t kept = low;
        low = opposite(high);
        high = opposite(kept);
    }
    low = low == INT64_MIN || low == INT64_MAX ? low : -down(-low, g);
    high = down(high, g);
    if (low > high)
        return nnc_truth(p, false);
    nnc_ref affine = make(p, &f);
    return nnc_intern(p, NNC_OP_WITHIN, NNC_BOOLEAN, &affine, NULL, 1, low, high);
}
