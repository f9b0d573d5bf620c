/* Expressions: what each kind of syntax means. */
#include <assert.h>
#include <math.h>
#include <string.h>
#include "model/internal.h"

enum { DEEPEST = 1200 };         /* nested expressions, through calls: the C stack is spent at about ten times that */

/* ---- branches ---- */

static nnc_ref negation(nnc_elaborator *e, nnc_ref condition)
{
    const nnc_node n = *nnc_at(e->p, condition);
    int64_t low, high;
    if (n.op != NNC_OP_WITHIN)
        return nnc_unary(e->p, NNC_OP_NOT, condition);
    nnc_ref x = nnc_arg(e->p, condition, 0);
    nnc_range(e->p, x, nnc_extent_of_variable, e, NULL, 0, &low, &high);
    if (n.integer[1] != INT64_MAX && (n.integer[0] == INT64_MIN || low >= n.integer[0]))
        return nnc_within(e->p, x, n.integer[1] + 1, INT64_MAX);
    if (n.integer[0] != INT64_MIN && (n.integer[1] == INT64_MAX || high <= n.integer[1]))
        return nnc_within(e->p, x, INT64_MIN, n.integer[0] - 1);
    return nnc_unary(e->p, NNC_OP_NOT, condition);
}

void nnc_push_guards(nnc_elaborator *e, nnc_ref condition, bool holds)
{
    const nnc_node n = *nnc_at(e->p, condition);
    if ((n.op == NNC_OP_AND && holds) || (n.op == NNC_OP_OR && !holds)) {
        nnc_push_guards(e, nnc_arg(e->p, condition, 0), holds);
        nnc_push_guards(e, nnc_arg(e->p, condition, 1), holds);
        return;
    }
    if (n.op == NNC_OP_NOT) {
        nnc_push_guards(e, nnc_arg(e->p, condition, 0), !holds);
        return;
    }
    nnc_guard *g = NNC_NEW(e->arena, nnc_guard);
    *g = (nnc_guard){holds ? condition : negation(e, condition), e->at.guards};
    e->at.guards = g;
}

static nnc_entity *evaluate_under(nnc_elaborator *e, const nnc_syntax *s, nnc_ref condition, bool holds)
{
    const nnc_guard *saved = e->at.guards;
    if (condition)
        nnc_push_guards(e, condition, holds);
    nnc_entity *x = nnc_evaluate(e, s);
    e->at.guards = saved;
    return x;
}

/* A scalar condition as a guard, or 0. */
static nnc_ref as_guard(const nnc_entity *x)
{
    return x->kind == NNC_ENTITY_TENSOR && x->value.rank == 0 && x->value.element == NNC_BOOLEAN ? x->value.body : 0;
}

/* `if t == 0 then a else x[t - 1]` is `if t >= 1 then x[t - 1] else a`: a one-sided condition is what the read's proof needs. */
static nnc_ref select_by(nnc_elaborator *e, nnc_ref condition, nnc_ref yes, nnc_ref no, const nnc_entity *otherwise)
{
    const nnc_node n = *nnc_at(e->p, condition);
    if (n.op == NNC_OP_WITHIN && n.integer[0] != INT64_MIN && n.integer[1] != INT64_MAX && otherwise->kind == NNC_ENTITY_TENSOR) {
        nnc_ref opposite = negation(e, condition);
        if (nnc_at(e->p, opposite)->op == NNC_OP_WITHIN)
            return nnc_select(e->p, opposite, no, yes);
    }
    return nnc_select(e->p, condition, yes, no);
}

nnc_entity *nnc_choose(nnc_elaborator *e, nnc_entity *condition, nnc_entity *yes, nnc_entity *no, nnc_span span)
{
    nnc_value v[3];
    if (nnc_is_poison(yes) || nnc_is_poison(no) || !nnc_value_of(e, condition, span, &v[0]) || !nnc_value_of(e, yes, span, &v[1]) ||
        !nnc_value_of(e, no, span, &v[2]) || !nnc_agree(e, &v[1], &v[2], yes, no, span))
        return &e->poison;
    if (!nnc_broadcast(e, v, 3, (nnc_entity *const[]){condition, yes, no}, span))
        return &e->poison;
    nnc_value out = v[0];
    out.body = select_by(e, v[0].body, v[1].body, v[2].body, no);
    out.element = v[1].element;
    out.classes = v[1].classes > v[2].classes ? v[1].classes : v[2].classes;
    return nnc_tensor_entity(e, &out, span);
}

static nnc_entity *evaluate_if(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_entity *condition = nnc_evaluate(e, s->child[0]);
    if (nnc_is_poison(condition))
        return condition;
    if (condition->kind == NNC_ENTITY_NUMBER && condition->boolean)
        return nnc_evaluate(e, s->child[condition->number != 0 ? 1 : 2]);
    if (condition->kind != NNC_ENTITY_TENSOR || condition->value.element != NNC_BOOLEAN) {
        REPORT(e, s->child[0]->span, NOT_A_CONDITION, nnc_describe(e, condition));
        return &e->poison;
    }
    nnc_ref guard = as_guard(condition);
    nnc_entity *yes = evaluate_under(e, s->child[1], guard, true);
    nnc_entity *no = evaluate_under(e, s->child[2], guard, false);
    return nnc_choose(e, condition, yes, no, s->span);
}

/* ---- shapes and kinds brought together ---- */

static bool ends_with(const nnc_value *v, const nnc_value *all)
{
    return v->rank <= all->rank && memcmp(v->extent, all->extent + (all->rank - v->rank), v->rank * sizeof *v->extent) == 0;
}

static const nnc_value *widest(const nnc_value *v, uint32_t count)
{
    const nnc_value *best = &v[0];
    for (uint32_t i = 1; i < count; i++) {
        bool one = nnc_one_element(&v[i]), best_one = nnc_one_element(best);
        if (one != best_one ? best_one : v[i].rank > best->rank)
            best = &v[i];
    }
    return best;
}

/* The first dimension, from the last one on, in which two shapes differ. */
static void suggest_from_shapes(nnc_elaborator *e, const nnc_value *a, const nnc_value *b)
{
    for (uint32_t i = 1; i <= a->rank && i <= b->rank; i++)
        if (a->extent[a->rank - i] != b->extent[b->rank - i]) {
            nnc_suggest_classes(e, a->extent[a->rank - i], b->extent[b->rank - i]);
            return;
        }
}

bool nnc_broadcast(nnc_elaborator *e, nnc_value *v, uint32_t count, nnc_entity *const *from, nnc_span span)
{
    const nnc_value shape = *widest(v, count);
    bool drawn = false;
    for (uint32_t i = 0; i < count; i++) {
        if (v[i].rank == 0 && v[i].drawn && shape.rank > 0) {
            REPORT(e, span, DRAW_WITH_TENSOR, nnc_shape_text(e, shape.extent, shape.rank));
            return false;
        }
        drawn |= v[i].drawn;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!ends_with(&v[i], &shape)) {
            if (!nnc_one_element(&v[i])) {
                suggest_from_shapes(e, &v[i], &shape);
                REPORT(e, span, SHAPES_DISAGREE, nnc_shape_text(e, v[0].extent, v[0].rank), nnc_shape_text(e, v[i ? i : 1].extent, v[i ? i : 1].rank));
                for (uint32_t k = 0; k < count; k++)
                    nnc_note_declared(e, from[k]);
                return false;
            }
            v[i] = nnc_as_scalar(e, &v[i]);
        }
        nnc_ref body = nnc_value_at(e, &v[i], shape.variable + (shape.rank - v[i].rank));
        nnc_element element = v[i].element;
        int64_t classes = v[i].classes;
        v[i] = shape;
        v[i].body = body;
        v[i].element = element;
        v[i].classes = classes;
        v[i].alias = 0;
        v[i].plain = false;
        v[i].numbers = NULL;
        v[i].drawn = drawn;
    }
    return true;
}

static const char *kind_text(const nnc_value *v) { return v->element == NNC_REAL ? "a number" : v->element == NNC_BOOLEAN ? "true or false" : "a class"; }

/* A number as a value of the class. */
static bool make_class(nnc_elaborator *e, nnc_value *v, const nnc_entity *from, int64_t classes, nnc_span span)
{
    if (!nnc_is_number(from) || !nnc_is_whole(from->number) || from->number < 0 || from->number >= (double)classes) {
        if (nnc_is_number(from)) {
            nnc_suggest_classes(e, classes, nnc_is_whole(from->number) && from->number > 0 ? (int64_t)from->number + 1 : classes);
            REPORT(e, span, OUTSIDE_CLASS, nnc_number_text(e, from->number), (long long)classes, (long long)classes - 1);
        } else {
            REPORT(e, span, KINDS_DISAGREE, "a class", kind_text(v));
        }
        return false;
    }
    v->body = nnc_integer(e->p, (int64_t)from->number);
    v->element = NNC_INTEGER;
    v->classes = classes;
    return true;
}

bool nnc_agree(nnc_elaborator *e, nnc_value *a, nnc_value *b, const nnc_entity *from_a, const nnc_entity *from_b, nnc_span span)
{
    if (a->element == b->element)
        return true;
    if (a->element == NNC_INTEGER && b->element == NNC_REAL)
        return make_class(e, b, from_b, a->classes, span);
    if (b->element == NNC_INTEGER && a->element == NNC_REAL)
        return make_class(e, a, from_a, b->classes, span);
    REPORT(e, span, KINDS_DISAGREE, kind_text(a), kind_text(b));
    return false;
}

/* ---- integers ---- */

nnc_ref nnc_integer_of(nnc_elaborator *e, nnc_ref real)
{
    nnc_program *p = e->p;
    const nnc_node n = *nnc_at(p, real);
    double value;
    if (nnc_is_constant(p, real, &value))
        return nnc_is_whole(value) ? nnc_integer(p, (int64_t)value) : 0;
    if (n.op == NNC_OP_REAL)
        return nnc_arg(p, real, 0);
    if (n.op == NNC_OP_FLOOR)
        return nnc_floor_integer(p, nnc_arg(p, real, 0));
    if (n.op == NNC_OP_NEG) {
        nnc_ref x = nnc_integer_of(e, nnc_arg(p, real, 0));
        return x ? nnc_affine(p, -1, x, 0, 0, 0) : 0;
    }
    if (n.op != NNC_OP_ADD && n.op != NNC_OP_SUB && n.op != NNC_OP_MUL)
        return 0;
    nnc_ref x = nnc_integer_of(e, nnc_arg(p, real, 0)), y = x ? nnc_integer_of(e, nnc_arg(p, real, 1)) : 0;
    int64_t factor;
    if (!y)
        return 0;
    if (n.op != NNC_OP_MUL)
        return nnc_affine(p, 1, x, n.op == NNC_OP_ADD ? 1 : -1, y, 0);
    if (nnc_is_integer(p, x, &factor))
        return nnc_affine(p, factor, y, 0, 0, 0);
    return nnc_is_integer(p, y, &factor) ? nnc_affine(p, factor, x, 0, 0, 0) : 0;
}

/* ---- operators ---- */

static bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }

static bool is_comparison(const char *sign) { return *sign == '<' || *sign == '>' || is(sign, "==") || is(sign, "!="); }

static nnc_entity *numbers(nnc_elaborator *e, const char *sign, double a, double b, nnc_span span)
{
    if ((is(sign, "/") || is(sign, "mod")) && b == 0) {
        REPORT(e, span, DIVIDES_BY_ZERO, *sign == '/' ? "a division" : "mod");
        return &e->poison;
    }
    switch (*sign) {
    case '+': return nnc_number(e, a + b, span);
    case '-': return nnc_number(e, a - b, span);
    case '*': return nnc_number(e, a * b, span);
    case '/': return nnc_number(e, a / b, span);
    case '^': return nnc_number(e, pow(a, b), span);
    case 'm': return nnc_number(e, a - b * floor(a / b), span);
    case '<': return nnc_boolean(e, sign[1] ? a <= b : a < b, span);
    case '>': return nnc_boolean(e, sign[1] ? a >= b : a > b, span);
    default: return nnc_boolean(e, (*sign == '=') == (a == b), span);
    }
}

static nnc_ref compare_integers(nnc_elaborator *e, const char *sign, nnc_ref a, nnc_ref b)
{
    nnc_program *p = e->p;
    nnc_ref up = nnc_affine(p, 1, b, -1, a, 0);
    if (*sign == '<')
        return nnc_within(p, up, sign[1] ? 0 : 1, INT64_MAX);
    if (*sign == '>')
        return nnc_within(p, up, INT64_MIN, sign[1] ? 0 : -1);
    nnc_ref equal = nnc_within(p, up, 0, 0);
    return *sign == '=' ? equal : nnc_unary(p, NNC_OP_NOT, equal);
}

static nnc_ref compare_booleans(nnc_elaborator *e, const char *sign, nnc_ref a, nnc_ref b)
{
    nnc_ref equal = nnc_select(e->p, a, b, nnc_unary(e->p, NNC_OP_NOT, b));
    return *sign == '=' ? equal : nnc_unary(e->p, NNC_OP_NOT, equal);
}

static nnc_ref compare_reals(nnc_elaborator *e, const char *sign, nnc_ref a, nnc_ref b)
{
    if (*sign == '<' || *sign == '>')
        return nnc_binary(e->p, sign[1] ? NNC_OP_LESS_EQUAL : NNC_OP_LESS, *sign == '<' ? a : b, *sign == '<' ? b : a);
    nnc_ref equal = nnc_binary(e->p, NNC_OP_EQUAL, a, b);
    return *sign == '=' ? equal : nnc_unary(e->p, NNC_OP_NOT, equal);
}

/* A sum with a floor in it; the range of a lone one is told by the comparison of numbers. */
static bool is_sum_of_floor(const nnc_program *p, nnc_ref integer)
{
    nnc_form f;
    bool floor = false;
    nnc_form_of(p, integer, &f);
    for (uint32_t i = 0; i < f.terms; i++)
        floor |= nnc_at(p, f.atom[i])->op == NNC_OP_FLOOR_INTEGER;
    return floor && !f.lone;
}

/* Where sums of floors and indices are compared, subscripts may be proved by it: they are integers, and the comparison is one of integers
 * too. It is one of numbers besides, since that does not hold for NaN. */
static nnc_ref compare_numbers(nnc_elaborator *e, const char *sign, nnc_ref a, nnc_ref b)
{
    nnc_ref real = compare_reals(e, sign, a, b), x, y;
    if ((*sign != '<' && *sign != '>') || !(x = nnc_integer_of(e, a)) || !(y = nnc_integer_of(e, b)) || (!is_sum_of_floor(e->p, x) && !is_sum_of_floor(e->p, y)))
        return real;
    return nnc_binary(e->p, NNC_OP_AND, real, compare_integers(e, sign, x, y));
}

/* A class beside an index: both are integers. */
static bool class_beside_index(nnc_elaborator *e, nnc_value *a, nnc_value *b, const nnc_entity *from_a, const nnc_entity *from_b)
{
    nnc_value *real = a->element == NNC_REAL ? a : b;
    const nnc_entity *from = real == a ? from_a : from_b;
    nnc_ref integer;
    if (a->element == b->element || (a->element != NNC_INTEGER && b->element != NNC_INTEGER) || real->element != NNC_REAL || from->kind == NNC_ENTITY_NUMBER)
        return false;
    integer = nnc_integer_of(e, real->body);
    if (!integer)
        return false;
    real->body = integer;
    real->element = NNC_INTEGER;
    return true;
}

static nnc_entity *compare(nnc_elaborator *e, const char *sign, nnc_entity *a, nnc_entity *b, nnc_span span)
{
    nnc_value v[2];
    if (!nnc_value_of(e, a, span, &v[0]) || !nnc_value_of(e, b, span, &v[1]))
        return &e->poison;
    if (!class_beside_index(e, &v[0], &v[1], a, b) && !nnc_agree(e, &v[0], &v[1], a, b, span))
        return &e->poison;
    if (v[0].element == NNC_BOOLEAN && (*sign == '<' || *sign == '>')) {
        REPORT(e, span, KINDS_DISAGREE, "a number", "true or false");
        return &e->poison;
    }
    if (!nnc_broadcast(e, v, 2, (nnc_entity *const[]){a, b}, span))
        return &e->poison;
    nnc_value out = v[0];
    out.body = v[0].element == NNC_INTEGER   ? compare_integers(e, sign, v[0].body, v[1].body)
               : v[0].element == NNC_BOOLEAN ? compare_booleans(e, sign, v[0].body, v[1].body)
                                             : compare_numbers(e, sign, v[0].body, v[1].body);
    out.element = NNC_BOOLEAN;
    out.classes = 0;
    return nnc_tensor_entity(e, &out, span);
}

static nnc_op op_of(const char *sign)
{
    switch (*sign) {
    case '+': return NNC_OP_ADD;
    case '-': return NNC_OP_SUB;
    case '*': return NNC_OP_MUL;
    case '/': return NNC_OP_DIV;
    case '^': return NNC_OP_POW;
    case 'm': return is(sign, "min") ? NNC_OP_MIN : is(sign, "max") ? NNC_OP_MAX : NNC_OP_MODULO;
    case 'a': return NNC_OP_AND;
    default: return NNC_OP_OR;
    }
}

static bool wants(nnc_elaborator *e, const nnc_value *v, nnc_element element, const char *sign, nnc_span span)
{
    if (v->element == element)
        return true;
    if (v->element == NNC_INTEGER)
        REPORT(e, span, CLASS_ARITHMETIC, sign);
    else
        REPORT(e, span, WRONG_OPERAND, sign, element == NNC_REAL ? "numbers" : "true and false", kind_text(v));
    return false;
}

nnc_entity *nnc_map_binary(nnc_elaborator *e, const char *sign, nnc_entity *a, nnc_entity *b, nnc_span span)
{
    nnc_value v[2];
    if (nnc_is_poison(a) || nnc_is_poison(b))
        return &e->poison;
    bool logic = is(sign, "and") || is(sign, "or");
    if (nnc_is_number(a) && nnc_is_number(b) && !logic) {
        if (is(sign, "min") || is(sign, "max"))
            return (is(sign, "min") ? b->number < a->number : b->number > a->number) ? b : a;
        return numbers(e, sign, a->number, b->number, span);
    }
    if (a->kind == NNC_ENTITY_NUMBER && b->kind == NNC_ENTITY_NUMBER && a->boolean && b->boolean && (is(sign, "==") || is(sign, "!=")))
        return nnc_boolean(e, (*sign == '=') == (a->number == b->number), span);
    if (is_comparison(sign))
        return compare(e, sign, a, b, span);
    if (!nnc_value_of(e, a, span, &v[0]) || !nnc_value_of(e, b, span, &v[1]))
        return &e->poison;
    nnc_element element = logic ? NNC_BOOLEAN : NNC_REAL;
    if (!wants(e, &v[0], element, sign, span) || !wants(e, &v[1], element, sign, span) || !nnc_broadcast(e, v, 2, (nnc_entity *const[]){a, b}, span))
        return &e->poison;
    nnc_value out = v[0];
    out.body = nnc_binary(e->p, op_of(sign), v[0].body, v[1].body);
    return nnc_tensor_entity(e, &out, span);
}

nnc_entity *nnc_map_unary(nnc_elaborator *e, nnc_op op, const char *sign, nnc_entity *a, nnc_span span)
{
    nnc_value v;
    if (!nnc_value_of(e, a, span, &v) || !wants(e, &v, op == NNC_OP_NOT ? NNC_BOOLEAN : NNC_REAL, sign, span))
        return &e->poison;
    v.body = nnc_unary(e->p, op, v.body);
    v.element = nnc_at(e->p, v.body)->element;
    v.alias = 0;
    v.plain = false;
    v.numbers = NULL;
    if (a->kind == NNC_ENTITY_NUMBER) {
        double value;
        if (nnc_is_constant(e->p, v.body, &value))
            return nnc_number(e, value, span);
        return nnc_boolean(e, nnc_at(e->p, v.body)->integer[0] != 0, span);
    }
    return nnc_tensor_entity(e, &v, span);
}

static bool is_truth(nnc_elaborator *e, const char *sign, nnc_entity *x, nnc_span span)
{
    nnc_value v;
    return nnc_value_of(e, x, span, &v) && wants(e, &v, NNC_BOOLEAN, sign, span);
}

/* `and` and `or`: decided at compile time where the left side or the right one is; the left side of `and` guards the right one. */
static nnc_entity *evaluate_logic(nnc_elaborator *e, const nnc_syntax *s)
{
    bool decides = is(s->text, "or");
    nnc_entity *a = nnc_evaluate(e, s->child[0]);
    if (nnc_is_poison(a))
        return a;
    if (a->kind == NNC_ENTITY_NUMBER && a->boolean) {
        if ((a->number != 0) == decides)
            return a;
        nnc_entity *b = nnc_evaluate(e, s->child[1]);
        if (!is_truth(e, s->text, b, s->child[1]->span))
            return &e->poison;
        return b->kind == NNC_ENTITY_NUMBER ? b : nnc_map_binary(e, s->text, a, b, s->span);
    }
    if (!is_truth(e, s->text, a, s->child[0]->span))
        return &e->poison;
    nnc_entity *b = evaluate_under(e, s->child[1], decides ? 0 : as_guard(a), true);
    if (!is_truth(e, s->text, b, s->child[1]->span))
        return &e->poison;
    if (b->kind == NNC_ENTITY_NUMBER && b->boolean)
        return (b->number != 0) == decides ? b : a;
    return nnc_map_binary(e, s->text, a, b, s->span);
}

/* Told at the operand, not at the whole expression. */
static bool serves_as_operand(nnc_elaborator *e, const char *sign, nnc_entity *x, nnc_span span)
{
    nnc_value v;
    return nnc_value_of(e, x, span, &v) && (is_comparison(sign) || wants(e, &v, NNC_REAL, sign, span));
}

static nnc_entity *evaluate_binary(nnc_elaborator *e, const nnc_syntax *s)
{
    if (is(s->text, "and") || is(s->text, "or"))
        return evaluate_logic(e, s);
    uint32_t length = 0;
    const nnc_syntax *first = s;
    for (; first->kind == NNC_SYNTAX_BINARY && !is(first->text, "and") && !is(first->text, "or"); first = first->child[0])
        length++;
    const nnc_syntax **spine = NNC_ARRAY(e->arena, const nnc_syntax *, length);   /* a long sum is a deep tree */
    for (uint32_t i = length; i-- > 0; s = s->child[0])
        spine[i] = s;
    nnc_entity *a = nnc_evaluate(e, first);
    for (uint32_t i = 0; i < length; i++) {
        const nnc_syntax *right = spine[i]->child[1];
        nnc_entity *b = nnc_evaluate(e, right);
        bool serves = serves_as_operand(e, spine[i]->text, a, spine[i]->child[0]->span);
        serves = serves_as_operand(e, spine[i]->text, b, right->span) && serves;
        a = serves ? nnc_map_binary(e, spine[i]->text, a, b, spine[i]->span) : &e->poison;
    }
    return a;
}

static nnc_entity *evaluate_unary(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_entity *a = nnc_evaluate(e, s->child[0]);
    return nnc_is_poison(a) ? a : nnc_map_unary(e, is(s->text, "not") ? NNC_OP_NOT : NNC_OP_NEG, s->text, a, s->span);
}

static nnc_entity *evaluate_tuple(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_entity *x = nnc_new_entity(e, NNC_ENTITY_TUPLE, s->span);
    x->item = NNC_ARRAY(e->arena, nnc_entity *, s->count);
    x->items = s->count;
    for (uint32_t i = 0; i < s->count; i++)
        x->item[i] = nnc_evaluate(e, s->child[i]);
    return x;
}

static nnc_entity *evaluate(nnc_elaborator *e, const nnc_syntax *s)
{
    switch (s->kind) {
    case NNC_SYNTAX_NUMBER: return nnc_number(e, s->number, s->span);
    case NNC_SYNTAX_BOOLEAN: return nnc_boolean(e, is(s->text, "true"), s->span);
    case NNC_SYNTAX_NAME: return nnc_look_up(e, s->text, s->span);
    case NNC_SYNTAX_PRIMED: return nnc_primed(e, s);
    case NNC_SYNTAX_UNARY: return evaluate_unary(e, s);
    case NNC_SYNTAX_BINARY: return evaluate_binary(e, s);
    case NNC_SYNTAX_IF: return evaluate_if(e, s);
    case NNC_SYNTAX_CALL: return nnc_call(e, s);
    case NNC_SYNTAX_ARROW: return nnc_arrow(e, s);
    case NNC_SYNTAX_REDUCE: return nnc_reduction(e, s, NULL);
    case NNC_SYNTAX_SUBSCRIPT: return nnc_subscript(e, s);
    case NNC_SYNTAX_DOT: return nnc_dot(e, s);
    case NNC_SYNTAX_TUPLE: return evaluate_tuple(e, s);
    case NNC_SYNTAX_LITERAL: return nnc_literal(e, s);
    case NNC_SYNTAX_SCAN: return nnc_scan_value(e, s);
    case NNC_SYNTAX_DOTS: REPORT(e, s->span, NOT_A_SIZE, "`..`"); return &e->poison;
    case NNC_SYNTAX_ROWS: REPORT(e, s->span, NOT_A_SIZE, "rows"); return &e->poison;
    default: return &e->poison;
    }
}

nnc_entity *nnc_evaluate(nnc_elaborator *e, const nnc_syntax *s)
{
    if (e->hopeless)
        return &e->poison;
    if (e->depth >= DEEPEST) {
        REPORT(e, s->span, TOO_DEEP, DEEPEST);
        e->hopeless = true;
        return &e->poison;
    }
    e->depth++;
    nnc_entity *x = evaluate(e, s);
    e->depth--;
    return x;
}

/* ---- numbers ---- */

bool nnc_evaluate_number(nnc_elaborator *e, const nnc_syntax *s, const char *what, double *number)
{
    nnc_entity *x = nnc_evaluate(e, s);
    if (nnc_is_poison(x))
        return false;
    if (!nnc_is_number(x)) {
        REPORT(e, s->span, NOT_A_NUMBER, what, nnc_describe(e, x));
        return false;
    }
    *number = x->number;
    return true;
}

bool nnc_evaluate_whole(nnc_elaborator *e, const nnc_syntax *s, const char *what, int64_t least, int64_t *whole)
{
    double number;
    if (!nnc_evaluate_number(e, s, what, &number))
        return false;
    if (number > 0x1p52 || number < -0x1p52) {
        REPORT(e, s->span, OUT_OF_RANGE, what, nnc_number_text(e, number));
        return false;
    }
    if (!nnc_is_whole(number)) {
        REPORT(e, s->span, NOT_WHOLE, what, nnc_number_text(e, number));
        return false;
    }
    *whole = (int64_t)number;
    if (*whole < least) {
        REPORT(e, s->span, TOO_SMALL, what, (long long)least, nnc_number_text(e, number));
        return false;
    }
    return true;
}
