/* The predefined functions: what formulas say poorly, or not at all. */
#include <string.h>
#include "model/internal.h"

enum { MOST_ARGUMENTS = 2 };

typedef struct nnc_given { nnc_elaborator *e; const nnc_arguments *all; nnc_entity *x[MOST_ARGUMENTS]; nnc_span span[MOST_ARGUMENTS]; nnc_op op; const char *name; } nnc_given;
typedef struct nnc_builtin { const char *name, *parameters[MOST_ARGUMENTS]; uint32_t least; nnc_op op; nnc_entity *(*call)(nnc_given *g); } nnc_builtin;

/* ---- elementwise ---- */

static nnc_entity *unary(nnc_given *g) { return nnc_map_unary(g->e, g->op, g->name, g->x[0], g->all->span); }
static nnc_entity *binary(nnc_given *g) { return nnc_map_binary(g->e, g->name, g->x[0], g->x[1], g->all->span); }

/* ---- draws ---- */

static nnc_entity *draw(nnc_given *g)
{
    nnc_elaborator *e = g->e;
    nnc_ref at[NNC_MAX_SLOTS];
    int64_t extent[NNC_MAX_SLOTS];
    uint32_t count = nnc_in_force(e, at, extent);
    for (const nnc_named_index *i = e->at.around; i; i = i->around)
        if (i->dots && !i->dots->bound) {
            REPORT(e, g->all->span, DRAW_BEFORE_DOTS, g->name);
            return &e->poison;
        }
    uint32_t place = nnc_path(e, e->at.frame ? e->at.frame->key : 0, g->all->site, nnc_pass(e, g->all->site));
    if (e->p->sites <= place)
        e->p->sites = place + 1;
    nnc_value v = {.body = nnc_draw(e->p, g->op, place, at, count), .drawn = true};
    return nnc_tensor_entity(e, &v, g->all->span);
}

/* ---- shapes ---- */

static nnc_entity *rank(nnc_given *g)
{
    nnc_value v;
    if (!nnc_value_of(g->e, g->x[0], g->span[0], &v))
        return &g->e->poison;
    return nnc_number(g->e, v.rank, g->all->span);
}

static nnc_entity *size(nnc_given *g)
{
    nnc_value v;
    double elements = 1;
    if (!nnc_value_of(g->e, g->x[0], g->span[0], &v))
        return &g->e->poison;
    if (g->x[1]) {
        const nnc_entity *d = g->x[1];
        if (!nnc_is_number(d) || !nnc_is_whole(d->number) || d->number < 0 || d->number >= v.rank) {
            REPORT(g->e, g->span[1], NO_DIMENSION, nnc_describe(g->e, g->x[0]), nnc_is_number(d) ? nnc_number_text(g->e, d->number) : nnc_describe(g->e, d));
            return &g->e->poison;
        }
        return nnc_number(g->e, (double)v.extent[(int)d->number], g->all->span);
    }
    for (uint32_t i = 0; i < v.rank; i++)
        elements *= (double)v.extent[i];
    return nnc_number(g->e, elements, g->all->span);
}

static bool shape_of(nnc_given *g, nnc_value *out)
{
    const nnc_entity *s = g->x[1];
    uint32_t count = s->kind == NNC_ENTITY_TENSOR && s->value.numbers && s->value.rank == 1 ? (uint32_t)s->value.extent[0] : nnc_is_number(s) ? 1 : 0;
    if (count == 0 || count > NNC_MAX_RANK) {
        if (count == 0)
            REPORT(g->e, g->span[1], NOT_A_SHAPE, nnc_describe(g->e, s));
        else
            REPORT(g->e, g->span[1], TOO_MANY_DIMENSIONS, NNC_MAX_RANK);
        return false;
    }
    out->rank = count;
    for (uint32_t i = 0; i < count; i++) {
        double n = nnc_is_number(s) ? s->number : s->value.numbers[i];
        if (!nnc_is_whole(n))
            REPORT(g->e, g->span[1], NOT_WHOLE, "a size", nnc_number_text(g->e, n));
        else if (n < 1)
            REPORT(g->e, g->span[1], TOO_SMALL, "a size", 1ll, nnc_number_text(g->e, n));
        else if (n > (double)NNC_MAX_ELEMENTS)
            REPORT(g->e, g->span[1], TOO_LARGE, "2^40");
        if (!nnc_is_whole(n) || n < 1 || n > (double)NNC_MAX_ELEMENTS)
            return false;
        out->extent[i] = (int64_t)n;
    }
    return true;
}

static double elements_of(const nnc_value *v)
{
    double n = 1;
    for (uint32_t i = 0; i < v->rank; i++)
        n *= (double)v->extent[i];
    return n;
}

/* Row-major: the flat position, taken apart again by the shape of x. */
static nnc_entity *reshape(nnc_given *g)
{
    nnc_elaborator *e = g->e;
    nnc_value v, out = {0};
    nnc_ref at[NNC_MAX_RANK], flat = nnc_integer(e->p, 0);
    int64_t stride = 1;
    if (!nnc_value_of(e, g->x[0], g->span[0], &v) || !shape_of(g, &out))
        return &e->poison;
    if (elements_of(&v) != elements_of(&out)) {
        REPORT(e, g->all->span, RESHAPE_SIZE, nnc_shape_text(e, v.extent, v.rank), elements_of(&v), nnc_shape_text(e, out.extent, out.rank), elements_of(&out));
        nnc_note_declared(e, g->x[0]);
        return &e->poison;
    }
    if (v.rank && !v.alias) {
        nnc_materialise(e, g->x[0], nnc_arena_format(e->arena, "%s.flat", e->at.hint ? e->at.hint : "a"));
        v = g->x[0]->value;
    }
    for (uint32_t i = 0; i < out.rank; i++) {
        out.variable[i] = nnc_new_index(e, NULL, out.extent[i], g->all->span)->variable;
        flat = nnc_affine(e->p, out.extent[i], flat, 1, out.variable[i], 0);
    }
    for (uint32_t i = v.rank; i-- > 0;) {
        at[i] = nnc_quotient(e->p, flat, stride);
        if (i > 0)
            at[i] = nnc_remainder(e->p, at[i], v.extent[i]);
        stride *= v.extent[i];
    }
    out.body = nnc_value_at(e, &v, at);
    out.element = v.element;
    out.classes = v.classes;
    return nnc_tensor_entity(e, &out, g->all->span);
}

/* ---- parts put together ---- */

/* All of one element type; numbers beside classes are classes. */
static bool agree_all(nnc_elaborator *e, nnc_value *v, nnc_entity *const *from, uint32_t count, nnc_span span)
{
    uint32_t leader = 0;
    for (uint32_t i = 0; i < count; i++)
        if (v[i].element == NNC_INTEGER)
            leader = i;
    for (uint32_t i = 0; i < count; i++)
        if (i != leader && !nnc_agree(e, &v[leader], &v[i], from[leader], from[i], span))
            return false;
    return true;
}

static bool same_but(const nnc_value *a, const nnc_value *b, uint32_t axis)
{
    for (uint32_t i = 0; i < a->rank && a->rank == b->rank; i++)
        if (i != axis && a->extent[i] != b->extent[i])
            return false;
    return a->rank == b->rank;
}

static bool axis_of(nnc_given *g, uint32_t rank_, uint32_t *axis)
{
    const nnc_entity *x = NULL;
    nnc_span span = g->all->span;
    *axis = rank_ - 1;
    for (uint32_t i = 0; i < g->all->nameds; i++) {
        if (strcmp(g->all->named[i].name, "axis") != 0) {
            REPORT(g->e, g->all->named[i].span, UNKNOWN_ARGUMENT, g->name, g->all->named[i].name);
            nnc_help(g->e->session, "it takes the inputs, and axis");
            return false;
        }
        x = g->all->named[i].entity;
        span = g->all->named[i].span;
    }
    if (!x)
        return true;
    if (!nnc_is_number(x) || !nnc_is_whole(x->number) || x->number < 0 || x->number >= rank_) {
        REPORT(g->e, span, BAD_AXIS, rank_, nnc_describe(g->e, x));
        return false;
    }
    *axis = (uint32_t)x->number;
    return true;
}

static nnc_ref join(nnc_elaborator *e, const nnc_value *parts, uint32_t count, const nnc_value *out, uint32_t axis)
{
    int64_t from = out->extent[axis];
    nnc_ref body = 0;
    for (uint32_t k = count; k-- > 0;) {
        nnc_ref at[NNC_MAX_RANK];
        memcpy(at, out->variable, sizeof at);
        from -= parts[k].extent[axis];
        at[axis] = nnc_affine(e->p, 1, out->variable[axis], 0, 0, -from);
        nnc_ref part = nnc_value_at(e, &parts[k], at);
        body = body ? nnc_select(e->p, nnc_within(e->p, out->variable[axis], INT64_MIN, from + parts[k].extent[axis] - 1), part, body) : part;
    }
    return body;
}

static nnc_entity *concat(nnc_given *g)
{
    nnc_elaborator *e = g->e;
    uint32_t count = g->all->places, axis;
    nnc_value *v = NNC_ARRAY(e->arena, nnc_value, count + 1), out;
    if (count == 0) {
        REPORT(e, g->all->span, MISSING_ARGUMENT, g->name, "its inputs");
        return &e->poison;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!nnc_value_of(e, g->all->place[i], g->all->place_span[i], &v[i]))
            return &e->poison;
        if (v[i].rank == 0) {
            v[i].rank = 1;
            v[i].extent[0] = 1;
            v[i].variable[0] = nnc_new_index(e, NULL, 1, g->all->span)->variable;
        }
    }
    if (!axis_of(g, v[0].rank, &axis) || !agree_all(e, v, g->all->place, count, g->all->span))
        return &e->poison;
    out = v[0];
    out.extent[axis] = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!same_but(&v[0], &v[i], axis)) {
            REPORT(e, g->all->place_span[i], CONCAT_SHAPES, axis, nnc_shape_text(e, v[0].extent, v[0].rank), nnc_shape_text(e, v[i].extent, v[i].rank));
            nnc_note_declared(e, g->all->place[0]);
            nnc_note_declared(e, g->all->place[i]);
            return &e->poison;
        }
        out.extent[axis] += v[i].extent[axis];
        out.classes = v[i].classes > out.classes ? v[i].classes : out.classes;
    }
    for (uint32_t i = 0; i < out.rank; i++)
        out.variable[i] = nnc_new_index(e, NULL, out.extent[i], g->all->span)->variable;
    out.body = join(e, v, count, &out, axis);
    out.alias = 0;
    out.plain = false;
    out.numbers = NULL;
    return nnc_tensor_entity(e, &out, g->all->span);
}

static nnc_ref pick(nnc_elaborator *e, nnc_ref at, const nnc_ref *body, uint32_t from, uint32_t to)
{
    uint32_t middle = from + (to - from) / 2;
    if (to - from == 1)
        return body[from];
    return nnc_select(e->p, nnc_within(e->p, at, INT64_MIN, (int64_t)middle - 1), pick(e, at, body, from, middle), pick(e, at, body, middle, to));
}

/* Numbers only: a constant of the program. */
static nnc_entity *literal_constant(nnc_elaborator *e, const nnc_value *v, nnc_entity *const *from, uint32_t count, nnc_span span)
{
    size_t each = (size_t)elements_of(&v[0]), total = each * count;
    double *numbers = NNC_ARRAY(e->arena, double, total);
    float *values = NNC_ARRAY(e->arena, float, total);
    int64_t extent[NNC_MAX_RANK + 1] = {count};
    for (uint32_t i = 0; i < count; i++)
        for (size_t k = 0; k < each; k++)
            numbers[i * each + k] = v[i].numbers ? v[i].numbers[k] : from[i]->number;
    for (size_t i = 0; i < total; i++)
        values[i] = (float)numbers[i];
    memcpy(extent + 1, v[0].extent, v[0].rank * sizeof *extent);
    nnc_tensor_id id = nnc_constant(e->p, e->at.hint ? nnc_arena_format(e->arena, "%s.literal", e->at.hint) : "literal", span, values, extent, v[0].rank + 1);
    nnc_value out = nnc_alias(e, id, NULL, 0);
    out.numbers = numbers;
    return nnc_tensor_entity(e, &out, span);
}

static nnc_entity *literal_tensor(nnc_elaborator *e, nnc_value *v, uint32_t count, nnc_span span)
{
    nnc_value out = {.rank = v[0].rank + 1, .element = v[0].element};
    nnc_ref *body = NNC_ARRAY(e->arena, nnc_ref, count);
    out.extent[0] = count;
    memcpy(out.extent + 1, v[0].extent, v[0].rank * sizeof *v[0].extent);
    for (uint32_t i = 0; i < out.rank; i++)
        out.variable[i] = nnc_new_index(e, NULL, out.extent[i], span)->variable;
    for (uint32_t i = 0; i < count; i++) {
        body[i] = nnc_value_at(e, &v[i], out.variable + 1);
        out.classes = v[i].classes > out.classes ? v[i].classes : out.classes;
        out.drawn |= v[i].drawn;
    }
    out.body = pick(e, out.variable[0], body, 0, count);
    return nnc_tensor_entity(e, &out, span);
}

nnc_entity *nnc_literal(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_entity **from = NNC_ARRAY(e->arena, nnc_entity *, s->count + 1);
    nnc_value *v = NNC_ARRAY(e->arena, nnc_value, s->count + 1);
    bool numbers = true, scalars = true, whole = s->count > 0;
    for (uint32_t i = 0; i < s->count; i++) {
        from[i] = nnc_evaluate(e, s->child[i]);
        whole &= !nnc_is_poison(from[i]) && nnc_value_of(e, from[i], s->child[i]->span, &v[i]);
        numbers &= nnc_is_number(from[i]) || v[i].numbers;
        scalars &= nnc_one_element(&v[i]);
    }
    if (!whole || !agree_all(e, v, from, s->count, s->span))
        return &e->poison;
    for (uint32_t i = 0; i < s->count; i++) {
        if (scalars && !numbers)
            v[i] = nnc_as_scalar(e, &v[i]);
        if (v[i].rank != v[0].rank || memcmp(v[i].extent, v[0].extent, v[0].rank * sizeof *v[0].extent) != 0) {
            REPORT(e, s->child[i]->span, LITERAL_SHAPES, nnc_shape_text(e, v[0].extent, v[0].rank), nnc_shape_text(e, v[i].extent, v[i].rank));
            return &e->poison;
        }
    }
    if (v[0].rank == NNC_MAX_RANK) {
        REPORT(e, s->span, TOO_MANY_DIMENSIONS, NNC_MAX_RANK);
        return &e->poison;
    }
    return numbers ? literal_constant(e, v, from, s->count, s->span) : literal_tensor(e, v, s->count, s->span);
}

/* ---- layers, gradients, examples ---- */

static nnc_entity *repeat(nnc_given *g)
{
    nnc_elaborator *e = g->e;
    nnc_entity *layer = nnc_settled_layer(e, g->x[1], g->all->site);
    const char *what = "how often to repeat";
    if (!nnc_is_number(g->x[0]))
        REPORT(e, g->span[0], NOT_A_NUMBER, what, nnc_describe(e, g->x[0]));
    else if (!nnc_is_whole(g->x[0]->number))
        REPORT(e, g->span[0], NOT_WHOLE, what, nnc_number_text(e, g->x[0]->number));
    else if (g->x[0]->number < 0)
        REPORT(e, g->span[0], TOO_SMALL, what, 0ll, nnc_number_text(e, g->x[0]->number));
    if (!nnc_is_number(g->x[0]) || !nnc_is_whole(g->x[0]->number) || g->x[0]->number < 0)
        return &e->poison;
    if (layer->kind == NNC_ENTITY_LAYER) {
        REPORT(e, g->span[1], NEEDS_SETTINGS, layer->definition->name);
        nnc_help_settings(e, layer->definition);
        return &e->poison;
    }
    nnc_entity *x = nnc_new_entity(e, NNC_ENTITY_REPEAT, g->all->span);
    x->number = g->x[0]->number;
    x->item = NNC_ARRAY(e->arena, nnc_entity *, 1);
    x->item[0] = layer;
    x->items = 1;
    return x;
}

/* The sum or maximum that is the argument itself may be marked; anything else is copied. */
static bool is_new_reduction(const nnc_given *g, const nnc_value *v)
{
    const nnc_syntax *call = g->all->site;
    if (call->kind != NNC_SYNTAX_CALL || call->child[1]->count != 1)
        return false;
    const nnc_syntax *argument = call->child[1]->child[0];
    const nnc_node *n = nnc_at(g->e->p, v->body);
    return argument->kind == NNC_SYNTAX_REDUCE && n->op == NNC_OP_READ && n->integer[0] + 1 == (int64_t)g->e->p->tensors &&
           nnc_tensor_at(g->e->p, (nnc_tensor_id)n->integer[0])->reduce != NNC_REDUCE_NONE;
}

static nnc_entity *stop_gradient(nnc_given *g)
{
    nnc_elaborator *e = g->e;
    nnc_value v;
    if (g->x[0]->kind == NNC_ENTITY_NUMBER || !nnc_value_of(e, g->x[0], g->span[0], &v))
        return g->x[0]->kind == NNC_ENTITY_NUMBER ? g->x[0] : &e->poison;
    if (is_new_reduction(g, &v)) {
        nnc_tensor_at(e->p, (nnc_tensor_id)nnc_at(e->p, v.body)->integer[0])->stopped = true;
        return g->x[0];
    }
    v = nnc_make_tensor(e, nnc_arena_format(e->arena, "%s.stopped", e->at.hint ? e->at.hint : "a"), g->all->span, &v, NNC_REDUCE_NONE, NULL, 0);
    if (v.alias)
        nnc_tensor_at(e->p, v.alias)->stopped = true;
    return nnc_tensor_entity(e, &v, g->all->span);
}

static nnc_entity *neighbour(nnc_given *g)
{
    nnc_elaborator *e = g->e;
    nnc_value v;
    if (e->no_example) {
        REPORT(e, g->all->span, NO_EXAMPLES, g->name);
        return &e->poison;
    }
    if (g->x[0]->kind == NNC_ENTITY_NUMBER || !nnc_value_of(e, g->x[0], g->span[0], &v))
        return g->x[0]->kind == NNC_ENTITY_NUMBER ? g->x[0] : &e->poison;
    if (!v.alias)
        v = nnc_make_tensor(e, nnc_arena_format(e->arena, "%s.own", e->at.hint ? e->at.hint : "a"), g->all->span, &v, NNC_REDUCE_NONE, NULL, 0);
    nnc_ref next = nnc_neighbour(e->p, e->example, 1);
    v.body = nnc_substitute(e->p, v.body, &e->example, &next, 1);
    v.alias = 0;
    v.plain = true;
    v.drawn = false;
    return nnc_tensor_entity(e, &v, g->all->span);
}

/* ---- distributions ---- */

/* False, reported, where there is no such distribution. */
static bool is_distribution(nnc_given *g, const nnc_initial *d)
{
    nnc_elaborator *e = g->e;
    if (d->kind == NNC_INIT_NORMAL && !(d->b >= 0))
        REPORT(e, g->span[1], NORMAL_RANGE, d->b);
    else if (d->kind == NNC_INIT_UNIFORM && !(d->a <= d->b))
        REPORT(e, g->all->span, UNIFORM_RANGE, d->a, d->b);
    else
        return true;
    return false;
}

static nnc_entity *distribution(nnc_given *g)
{
    nnc_elaborator *e = g->e;
    nnc_entity *x = nnc_new_entity(e, NNC_ENTITY_DISTRIBUTION, g->all->span);
    for (int i = 0; i < MOST_ARGUMENTS; i++)
        if (g->x[i] && !nnc_is_number(g->x[i])) {
            REPORT(e, g->span[i], NOT_A_NUMBER, "what a distribution is made of", nnc_describe(e, g->x[i]));
            return &e->poison;
        }
    x->initial.kind = strcmp(g->name, "normal") == 0 ? NNC_INIT_NORMAL : strcmp(g->name, "uniform") == 0 ? NNC_INIT_UNIFORM : NNC_INIT_ORTHOGONAL;
    x->initial.a = g->x[0]->number;
    x->initial.b = g->x[1] ? g->x[1]->number : 0;
    return is_distribution(g, &x->initial) ? x : &e->poison;
}

/* ---- the table: name, parameters, how many are needed, operation, what it does. `concat` takes any number. ---- */

static const nnc_builtin builtins[] = {
    {"exp", {"x"}, 1, NNC_OP_EXP, unary},
    {"log", {"x"}, 1, NNC_OP_LOG, unary},
    {"sqrt", {"x"}, 1, NNC_OP_SQRT, unary},
    {"tanh", {"x"}, 1, NNC_OP_TANH, unary},
    {"sigmoid", {"x"}, 1, NNC_OP_SIGMOID, unary},
    {"sin", {"x"}, 1, NNC_OP_SIN, unary},
    {"cos", {"x"}, 1, NNC_OP_COS, unary},
    {"abs", {"x"}, 1, NNC_OP_ABS, unary},
    {"floor", {"x"}, 1, NNC_OP_FLOOR, unary},
    {"sign", {"x"}, 1, NNC_OP_SIGN, unary},
    {"erf", {"x"}, 1, NNC_OP_ERF, unary},
    {"missing", {"x"}, 1, NNC_OP_MISSING, unary},
    {"min", {"a", "b"}, 2, NNC_OP_MIN, binary},
    {"max", {"a", "b"}, 2, NNC_OP_MAX, binary},
    {"random", {NULL}, 0, NNC_OP_RANDOM, draw},
    {"gaussian", {NULL}, 0, NNC_OP_GAUSSIAN, draw},
    {"rank", {"x"}, 1, NNC_OPS, rank},
    {"size", {"x", "dimension"}, 1, NNC_OPS, size},
    {"reshape", {"x", "shape"}, 2, NNC_OPS, reshape},
    {"concat", {NULL}, 0, NNC_OPS, concat},
    {"repeat", {"n", "layer"}, 2, NNC_OPS, repeat},
    {"stop_gradient", {"x"}, 1, NNC_OPS, stop_gradient},
    {"neighbour", {"x"}, 1, NNC_OPS, neighbour},
    {"normal", {"mean", "std"}, 2, NNC_OPS, distribution},
    {"uniform", {"low", "high"}, 2, NNC_OPS, distribution},
    {"orthogonal", {"gain"}, 1, NNC_OPS, distribution},
};
enum { BUILTINS = sizeof builtins / sizeof *builtins };

int nnc_find_builtin(const char *name)
{
    for (int i = 0; i < BUILTINS; i++)
        if (strcmp(builtins[i].name, name) == 0)
            return i;
    return -1;
}

const char *nnc_builtin_name(int builtin) { return builtins[builtin].name; }

uint32_t nnc_builtin_names(const char **out)
{
    for (int i = 0; i < BUILTINS; i++)
        out[i] = builtins[i].name;
    return BUILTINS;
}

static bool place_named(nnc_given *g, const nnc_builtin *b)
{
    for (uint32_t i = 0; i < g->all->nameds; i++) {
        uint32_t k = 0;
        while (k < MOST_ARGUMENTS && (!b->parameters[k] || strcmp(b->parameters[k], g->all->named[i].name) != 0))
            k++;
        if (k == MOST_ARGUMENTS) {
            uint32_t known = b->parameters[0] ? b->parameters[1] ? 2 : 1 : 0;
            REPORT(g->e, g->all->named[i].span, UNKNOWN_ARGUMENT, b->name, g->all->named[i].name);
            nnc_help_argument(g->e, g->all->named[i].name, b->parameters, known);
            return false;
        }
        if (g->x[k]) {
            REPORT(g->e, g->all->named[i].span, GIVEN_TWICE, g->all->named[i].name);
            return false;
        }
        g->x[k] = g->all->named[i].entity;
        g->span[k] = g->all->named[i].span;
    }
    return true;
}

nnc_entity *nnc_call_builtin(nnc_elaborator *e, int builtin, const nnc_arguments *a)
{
    const nnc_builtin *b = &builtins[builtin];
    nnc_given g = {.e = e, .all = a, .op = b->op, .name = b->name};
    uint32_t most = 0;
    if (b->call == concat)
        return concat(&g);
    while (most < MOST_ARGUMENTS && b->parameters[most])
        most++;
    if (a->places > most) {
        REPORT(e, a->span, TOO_MANY_ARGUMENTS, b->name, most, most == 1 ? "" : "s", a->places);
        return &e->poison;
    }
    for (uint32_t i = 0; i < a->places; i++) {
        g.x[i] = a->place[i];
        g.span[i] = a->place_span[i];
    }
    if (!place_named(&g, b))
        return &e->poison;
    for (uint32_t i = 0; i < b->least; i++)
        if (!g.x[i]) {
            REPORT(e, a->span, MISSING_ARGUMENT, b->name, b->parameters[i]);
            if (nnc_is_reduction(b->name))
                nnc_help(e->session, "over all elements of one tensor it is %s(i: x[i])", b->name);
            return &e->poison;
        }
    return b->call(&g);
}
