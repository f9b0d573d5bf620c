/* Element formulas, name[i, j] = e, and reductions inside them. Each reduction is a tensor of its own. */
#include <string.h>
#include "model/internal.h"

static nnc_reduce reduce_of(const char *name)
{
    static const struct { const char *name; nnc_reduce reduce; } rows[] = {
        {"sum", NNC_REDUCE_SUM}, {"mean", NNC_REDUCE_SUM}, {"prod", NNC_REDUCE_PROD}, {"max", NNC_REDUCE_MAX}, {"min", NNC_REDUCE_MIN},
        {"argmax", NNC_REDUCE_ARGMAX}, {"argmin", NNC_REDUCE_ARGMIN}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].reduce;
    return NNC_REDUCE_NONE;
}

bool nnc_is_reduction(const char *name) { return reduce_of(name) != NNC_REDUCE_NONE; }

static bool is_arg(nnc_reduce r) { return r == NNC_REDUCE_ARGMAX || r == NNC_REDUCE_ARGMIN; }

/* The body of a reduction or formula: one number. */
static bool element_of(nnc_elaborator *e, nnc_entity *x, const char *what, const nnc_syntax *s, nnc_value *v)
{
    if (!nnc_value_of(e, x, s->span, v))
        return false;
    if (!nnc_one_element(v)) {
        REPORT(e, s->span, NOT_ONE_NUMBER, what, nnc_describe(e, x));
        return false;
    }
    *v = nnc_as_scalar(e, v);
    return true;
}

static bool reducible(nnc_elaborator *e, const nnc_syntax *s, const nnc_value *v)
{
    if (v->element == NNC_REAL)
        return true;
    REPORT(e, s->child[1]->span, REDUCES_NO_NUMBERS, s->text, v->element == NNC_INTEGER ? "classes" : "true and false");
    return false;
}

static bool check_argument(nnc_elaborator *e, const nnc_syntax *s, const nnc_index_list *list, uint32_t count)
{
    if (count == 1 && !list->batch && !list->data)
        return true;
    if (list->batch || list->data)
        REPORT(e, s->child[0]->span, ARG_OF_EXAMPLES, s->text, list->batch ? "batch" : "data");
    else
        REPORT(e, s->child[0]->span, ARG_OF_MANY, s->text);
    return false;
}

/* How many elements a mean divides by. */
static nnc_ref count_of(nnc_elaborator *e, const nnc_index_list *list, nnc_named_index *const *index, uint32_t count)
{
    double elements = 1;
    for (uint32_t i = 0; i < count; i++)
        elements *= (double)index[i]->extent;
    nnc_ref n = nnc_real(e->p, elements);
    if (list->batch)
        n = nnc_binary(e->p, NNC_OP_MUL, nnc_count(e->p, NNC_EXTENT_BATCH), n);
    if (list->data)
        n = nnc_binary(e->p, NNC_OP_MUL, nnc_count(e->p, NNC_EXTENT_DATA), n);
    return n;
}

/* The name is the formula's own where the reduction is all of it and depends on all its indices. */
static const char *tensor_name(nnc_elaborator *e, const nnc_syntax *s, const char *name, const nnc_value *v, nnc_named_index *const *over, uint32_t overs)
{
    nnc_ref bound[NNC_MAX_SLOTS], left[NNC_MAX_SLOTS];
    uint32_t here = 0, count;
    for (uint32_t i = 0; i < overs; i++)
        bound[i] = over[i]->variable;
    if (name && strcmp(s->text, "mean") != 0) {
        count = nnc_free_variables(e, v->body, bound, overs, left);
        for (const nnc_named_index *i = e->at.around; i; i = i->around)
            here += i->dots ? (i->dots->bound ? i->dots->rank : 0) : 1;
        for (uint32_t i = 0; i < count; i++) {
            if (left[i] == e->example) {
                continue;
            }
            for (const nnc_scan *scan = e->at.scans; scan; scan = scan->outer)
                here += scan->index->variable == left[i];
        }
        if (count - (count && left[0] == e->example) == here)
            return name;
    }
    return nnc_arena_format(e->arena, "%s.%s", e->at.hint ? e->at.hint : "a", strcmp(s->text, "mean") == 0 ? "sum" : s->text);
}

static nnc_entity *reduce(nnc_elaborator *e, const nnc_syntax *s, const nnc_index_list *list, nnc_value v, const nnc_context *outer, const char *name)
{
    nnc_named_index *over[NNC_MAX_SLOTS], example = {.variable = e->example, .extent = list->data ? NNC_EXTENT_DATA : NNC_EXTENT_BATCH};
    nnc_reduce r = reduce_of(s->text);
    uint32_t count, first = list->batch || list->data;
    over[0] = &example;
    if (!nnc_close_indices(e, list, s->span, over + first, &count) || (is_arg(r) && !check_argument(e, s, list, count)))
        return &e->poison;
    e->at = *outer;
    if (count + first == 0)
        return nnc_tensor_entity(e, &v, s->span);
    v.guards = e->at.guards;
    v.alias = 0;
    nnc_value out = nnc_make_tensor(e, tensor_name(e, s, name, &v, over, count + first), s->span, &v, r, over, count + first);
    if (is_arg(r))
        out.classes = over[0]->extent;
    if (strcmp(s->text, "mean") == 0) {
        out.body = nnc_binary(e->p, NNC_OP_DIV, out.body, count_of(e, list, over + first, count));
        out.alias = 0;
    }
    return nnc_tensor_entity(e, &out, s->span);
}

nnc_entity *nnc_reduction(nnc_elaborator *e, const nnc_syntax *s, const char *name)
{
    const nnc_context outer = e->at;
    nnc_index_list list;
    nnc_value v;
    nnc_entity *result = &e->poison;
    nnc_open_indices(e, s->child[0], NULL, s->child[1], true, &list);
    if (list.failed) {
        e->at = outer;
        return result;
    }
    nnc_entity *body = nnc_evaluate(e, s->child[1]);
    if (!nnc_is_poison(body) && element_of(e, body, s->text, s->child[1], &v) && reducible(e, s, &v))
        result = reduce(e, s, &list, v, &outer, name);
    e->at = outer;
    return result;
}

/* A plain read of a tensor at the formula's own indices, in order, is that tensor. */
nnc_tensor_id nnc_plain_read(nnc_elaborator *e, const nnc_value *v)
{
    const nnc_node n = *nnc_at(e->p, v->body);
    if (n.op != NNC_OP_READ || n.count < v->rank)
        return 0;
    uint32_t leads = n.count - v->rank;
    for (uint32_t i = 0; i < n.count; i++) {
        nnc_ref arg = nnc_arg(e->p, v->body, i);
        if (nnc_at(e->p, arg)->op != NNC_OP_INDEX)
            return 0;
        for (uint32_t k = 0; k < v->rank; k++)
            if ((i == leads + k) != (arg == v->variable[k]))
                return 0;
    }
    const nnc_tensor *t = nnc_tensor_at(e->p, (nnc_tensor_id)n.integer[0]);
    for (uint32_t k = 0; k < v->rank; k++)
        if (t->extent[leads + k] != v->extent[k])
            return 0;
    return (nnc_tensor_id)n.integer[0];
}

static nnc_entity *over_left(nnc_elaborator *e, const nnc_value *v, nnc_named_index *const *index, uint32_t count, nnc_span span)
{
    nnc_value out = *v;
    out.rank = count;
    out.alias = 0;
    for (uint32_t i = 0; i < count; i++) {
        out.extent[i] = index[i]->extent;
        out.variable[i] = index[i]->variable;
    }
    out.drawn = false;
    out.alias = nnc_plain_read(e, &out);
    return nnc_tensor_entity(e, &out, span);
}

nnc_entity *nnc_element_formula(nnc_elaborator *e, const char *name, const nnc_syntax *left, const nnc_syntax *body, const nnc_value *state, nnc_span span)
{
    const nnc_context outer = e->at;
    uint32_t mark = e->pendings, patch_mark = e->patches, count;
    nnc_index_list list;
    nnc_named_index *index[NNC_MAX_SLOTS];
    nnc_value v;
    nnc_entity *result = &e->poison;
    e->at.hint = name;
    nnc_open_indices(e, left, state, body, false, &list);
    nnc_entity *x = list.failed ? &e->poison : body->kind == NNC_SYNTAX_REDUCE ? nnc_reduction(e, body, name) : nnc_evaluate(e, body);
    if (!nnc_is_poison(x) && element_of(e, x, name, body, &v) && nnc_close_indices(e, &list, span, index, &count)) {
        if (count > NNC_MAX_RANK) {
            REPORT(e, left->span, TOO_MANY_DIMENSIONS, NNC_MAX_RANK);
        } else {
            nnc_settle(e, mark, patch_mark);
            e->at = outer;
            result = over_left(e, &v, index, count, span);
        }
    }
    if (nnc_is_poison(result)) {
        e->pendings = mark;
        e->patches = patch_mark;
    }
    e->at = outer;
    return result;
}
