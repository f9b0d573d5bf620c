/* The model: declarations, loss, outputs, metrics, and the two graphs of one body. */
#include <stdlib.h>
#include <string.h>
#include "model/internal.h"

/* ---- declarations ---- */

int nnc_find_declaration(const nnc_elaborator *e, const char *name)
{
    for (uint32_t i = 0; i < e->model->declarations; i++)
        if (strcmp(e->model->declaration[i].name, name) == 0)
            return (int)i;
    return -1;
}

nnc_entity *nnc_declaration_entity(nnc_elaborator *e, uint32_t declaration)
{
    const nnc_declaration *d = &e->model->declaration[declaration];
    nnc_value v = nnc_alias(e, d->tensor, &e->example, 1);
    return nnc_tensor_entity(e, &v, d->span);
}

static bool read_rows(nnc_elaborator *e, const nnc_syntax *s, nnc_declaration *d)
{
    d->rows_from = -1;
    if (!nnc_evaluate_whole(e, s->child[0], "a number of rows", 1, &d->rows))
        return false;
    return s->count < 2 || !s->child[1] || nnc_evaluate_whole(e, s->child[1], "the first row", 0, &d->rows_from);
}

static bool read_shape(nnc_elaborator *e, const nnc_syntax *list, nnc_declaration *d)
{
    int64_t elements = 1;
    for (uint32_t i = 0; list && i < list->count; i++) {
        const nnc_syntax *s = list->child[i];
        if (i == NNC_MAX_RANK) {
            REPORT(e, list->span, TOO_MANY_DIMENSIONS, NNC_MAX_RANK);
            return false;
        }
        if (s->kind == NNC_SYNTAX_ROWS && i > 0) {
            REPORT(e, s->span, ROWS_FIRST, "rows");
            return false;
        }
        if (s->kind == NNC_SYNTAX_ROWS ? !read_rows(e, s, d) : !nnc_evaluate_whole(e, s, "a size", 1, &d->extent[i]))
            return false;
        if (s->kind == NNC_SYNTAX_ROWS)
            d->extent[i] = d->rows;
        if (!nnc_checked_multiply(elements, d->extent[i], &elements) || elements > NNC_MAX_ELEMENTS) {
            REPORT(e, list->span, TOO_LARGE, "2^40");
            return false;
        }
        d->rank++;
    }
    return true;
}

enum { DEFAULT_CLASSES = 3 };

static bool read_class(nnc_elaborator *e, const nnc_syntax *s, nnc_declaration *d)
{
    const nnc_model_request *r = e->request;
    d->else_class = s->text;
    if (s->count && s->child[0]) {
        d->class_kind = NNC_CLASS_COUNT;
        return nnc_evaluate_whole(e, s->child[0], "a number of classes", 1, &d->classes);
    }
    d->class_kind = NNC_CLASS_FROM_DATA;
    d->classes = r->class_count ? r->class_count(r->context, d->name) : 0;
    if (d->classes < 1) {
        d->classes = e->model->assumed_classes = r->assumed_classes ? r->assumed_classes : DEFAULT_CLASSES;
    }
    return true;
}

static void read_columns(nnc_elaborator *e, const nnc_syntax *list, nnc_declaration *d)
{
    const char **columns = NNC_ARRAY(e->arena, const char *, list ? list->count + 1 : 1);
    for (uint32_t i = 0; list && i < list->count; i++)
        columns[d->columns++] = list->child[i]->text;
    d->column = columns;
}

static void declare(nnc_elaborator *e, const nnc_syntax *s)
{
    int64_t extent[NNC_MAX_RANK + 1] = {NNC_EXTENT_BATCH};
    nnc_declaration d = {.name = s->text, .span = s->name, .target = s->kind == NNC_SYNTAX_TARGET};
    int old = nnc_find_declaration(e, s->text);
    if (e->graph == 2 && old >= 0) {
        nnc_define_name(e, s->text, s->name, nnc_declaration_entity(e, (uint32_t)old));
        return;
    }
    if (e->graph == 2 || !read_shape(e, s->child[0], &d) || (s->child[1] && !read_class(e, s->child[1], &d))) {
        nnc_define_name(e, s->text, s->name, &e->poison);
        return;
    }
    if (old >= 0) {
        nnc_define_name(e, s->text, s->name, &e->poison);
        return;
    }
    read_columns(e, s->child[2], &d);
    memcpy(extent + 1, d.extent, sizeof d.extent);
    d.tensor = nnc_declare(e->p, NNC_KIND_INPUT, s->text, s->name, s->child[1] ? NNC_INTEGER : NNC_REAL, d.classes, extent, d.rank + 1);
    NNC_PUSH(e->arena, e->model->declaration, e->model->declarations, e->declaration_capacity) = d;
    nnc_define_name(e, s->text, s->name, nnc_declaration_entity(e, e->model->declarations - 1));
    nnc_augment(e);
}

static void ignore_columns(nnc_elaborator *e, const nnc_syntax *s)
{
    for (uint32_t i = 0; e->graph == 1 && i < s->count; i++)
        NNC_PUSH(e->arena, e->model->ignored, e->model->ignoreds, e->ignored_capacity) = s->child[i]->text;
}

/* ---- one number ---- */

static bool one_number(nnc_elaborator *e, nnc_entity *x, const char *what, const nnc_syntax *s, nnc_value *v)
{
    if (!nnc_value_of(e, x, s->span, v))
        return false;
    if (!nnc_one_element(v) || v->element != NNC_REAL) {
        REPORT(e, s->span, NOT_A_SCALAR, what, nnc_describe(e, x));
        return false;
    }
    *v = nnc_as_scalar(e, v);
    return true;
}

/* body = dependent + independent by the example, over sums and differences: a mean over examples leaves the second alone. */
static void part_terms(nnc_elaborator *e, nnc_ref body, bool minus, nnc_ref *dependent, nnc_ref *independent)
{
    const nnc_node n = *nnc_at(e->p, body);
    if (nnc_mentions(e->p, body, e->example) && (n.op == NNC_OP_ADD || n.op == NNC_OP_SUB)) {
        part_terms(e, nnc_arg(e->p, body, 0), minus, dependent, independent);
        part_terms(e, nnc_arg(e->p, body, 1), minus != (n.op == NNC_OP_SUB), dependent, independent);
        return;
    }
    nnc_ref *to = nnc_mentions(e->p, body, e->example) ? dependent : independent;
    if (*to)
        *to = nnc_binary(e->p, minus ? NNC_OP_SUB : NNC_OP_ADD, *to, body);
    else
        *to = minus ? nnc_unary(e->p, NNC_OP_NEG, body) : body;
}

/* The mean over the examples of the minibatch, or of the set, as a rank-0 tensor. What a minibatch alone can tell is measured for each and counts once
 * for each of its examples. */
static nnc_tensor_id mean_over(nnc_elaborator *e, const nnc_value *v, int64_t extent, const char *name, nnc_span span)
{
    nnc_named_index example = {.variable = e->example, .extent = extent}, *over = &example;
    nnc_ref dependent = 0, independent = 0;
    nnc_value total = {.element = NNC_REAL};
    part_terms(e, v->body, false, &dependent, &independent);
    if (independent && extent == NNC_EXTENT_DATA && nnc_sees_minibatch(e, independent)) {
        dependent = v->body;
        independent = 0;
    }
    if (dependent) {
        nnc_value part = {.body = dependent, .element = NNC_REAL};
        part = nnc_make_tensor(e, nnc_arena_format(e->arena, "%s.sum", name), span, &part, NNC_REDUCE_SUM, &over, 1);
        total.body = nnc_binary(e->p, NNC_OP_DIV, part.body, nnc_count(e->p, extent));
    }
    if (independent)
        total.body = total.body ? nnc_binary(e->p, NNC_OP_ADD, total.body, independent) : independent;
    return nnc_make_tensor(e, name, span, &total, NNC_REDUCE_NONE, NULL, 0).alias;
}

/* ---- loss ---- */

static nnc_entity *evaluate_loss(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_scope *scope = e->at.scope;
    nnc_passed *passed = nnc_arena_grow(e->arena, scope->passed, scope->passes, scope->passes + 1, sizeof *passed);
    uint32_t passes = scope->passes;
    e->in_loss = true;
    nnc_entity *x = nnc_evaluate_settled(e, s->child[0], "loss");
    nnc_value v;
    if (e->weights_seen && !e->weights_known && one_number(e, x, "the loss", s->child[0], &v)) {
        nnc_mark_trained(e, mean_over(e, &v, NNC_EXTENT_BATCH, "loss.first", s->span));
        e->weights_known = true;
        scope->passes = passes;
        if (passes)
            memcpy(scope->passed, passed, passes * sizeof *passed);
        x = nnc_evaluate_settled(e, s->child[0], "loss");
    }
    e->in_loss = false;
    return x;
}

static void loss_statement(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_value v;
    nnc_model *m = e->model;
    nnc_tensor_id *to = e->graph == 1 ? &m->loss : &m->measured_loss;
    if (*to) {
        REPORT(e, s->span, TWO_OF_THEM, "loss");
        nnc_note(e->session, nnc_tensor_at(e->p, *to)->span, "the first is here");
        return;
    }
    nnc_entity *x = evaluate_loss(e, s);
    if (!one_number(e, x, "the loss", s->child[0], &v))
        return;
    *to = mean_over(e, &v, e->graph == 1 ? NNC_EXTENT_BATCH : NNC_EXTENT_DATA, "loss", s->span);
    if (e->graph == 1)
        nnc_mark_trained(e, m->loss);
}

/* ---- outputs ---- */

enum { FOR_METRICS = NNC_DEPENDS_BATCH | NNC_DEPENDS_NEIGHBOUR | NNC_DEPENDS_DRAW | NNC_DEPENDS_STEP,
       FOR_OUTPUTS = FOR_METRICS | NNC_DEPENDS_TARGET | NNC_DEPENDS_DATA };

/* Reports the first that `tensor` depends on of what is `forbidden` to it: bits of NNC_DEPENDS. */
static void check_depends(nnc_elaborator *e, const nnc_syntax *s, nnc_tensor_id tensor, uint32_t forbidden)
{
    static const char *const what[] = {"the target ", "the other examples of the minibatch", "the next example of the minibatch", "", "", "all the data"};
    const nnc_dependence d = nnc_depends_on(e, tensor);
    for (int i = 0; i < 6; i++)
        if ((d.bits & forbidden) >> i & 1) {
            const char *thing = i == 0 || !*what[i] ? nnc_arena_format(e->arena, "%s%s", what[i], d.name[i]) : what[i];
            if (forbidden == FOR_OUTPUTS)
                REPORT(e, s->span, OUTPUT_DEPENDS, s->text, thing);
            else
                REPORT(e, s->span, METRIC_DEPENDS, s->text, thing);
            if (d.place[i].file)
                nnc_note(e->session, nnc_users_place(e, d.place[i]), i == 0 ? "%s is declared here" : "%s comes in here", d.name[i]);
            if (forbidden == FOR_METRICS && i == 1)
                nnc_help(e->session, "what ranges over the set measured is written with data: mean(data: e)");
            return;
        }
}

/* The declaration whose classes the output stands for. */
static int32_t classes_of(nnc_elaborator *e, const nnc_syntax *s, const nnc_value *v)
{
    const nnc_syntax *of = s->child[2];
    int64_t count = v->element == NNC_INTEGER ? v->classes : v->rank ? v->extent[v->rank - 1] : 0;
    int32_t found = -1;
    if (of && strcmp(of->text, "none") == 0)
        return -1;
    if (of) {
        int named = nnc_find_declaration(e, of->text);
        const nnc_declaration *d = named < 0 ? NULL : &e->model->declaration[named];
        if (!d || d->class_kind == NNC_CLASS_NONE)
            REPORT(e, of->span, OF_NOT_A_CLASS, of->text);
        else if (d->classes != count) {
            nnc_suggest_classes(e, d->classes, count);
            REPORT(e, of->span, OF_OTHER_COUNT, of->text, (long long)d->classes, (long long)count);
        }
        return named;
    }
    for (uint32_t i = 0; i < e->model->declarations; i++) {
        const nnc_declaration *d = &e->model->declaration[i];
        if (!d->target || d->class_kind == NNC_CLASS_NONE || d->classes != count)
            continue;
        if (found >= 0)
            return -1;
        found = (int32_t)i;
    }
    return found;
}

static void keep_output(nnc_elaborator *e, const nnc_syntax *s, nnc_entity *x)
{
    nnc_value v;
    if (!nnc_value_of(e, x, s->child[1]->span, &v))
        return;
    if (v.element == NNC_BOOLEAN) {
        REPORT(e, s->span, BOOLEAN_HERE, "an output");
        return;
    }
    if (e->graph == 1)
        return;
    nnc_value own = v;
    if (!v.alias || nnc_tensor_at(e->p, v.alias)->kind != NNC_KIND_FORMULA)
        own = nnc_make_tensor(e, s->text, s->span, &v, NNC_REDUCE_NONE, NULL, 0);
    check_depends(e, s, own.alias, FOR_OUTPUTS);
    NNC_PUSH(e->arena, e->model->output, e->model->outputs, e->output_capacity) = (nnc_model_output){s->text, s->name, own.alias, classes_of(e, s, &v)};
}

static void output_statement(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_entity *x = s->child[0] ? nnc_element_formula(e, s->text, s->child[0], s->child[1], NULL, s->name) : nnc_evaluate_settled(e, s->child[1], s->text);
    if (!nnc_is_poison(x) && x->kind != NNC_ENTITY_TENSOR && x->kind != NNC_ENTITY_NUMBER) {
        REPORT(e, s->child[1]->span, NOT_A_TENSOR, nnc_describe(e, x));
        x = &e->poison;
    }
    x = nnc_named_value(e, s->text, x, s->name);
    nnc_define_name(e, s->text, s->name, x);
    keep_output(e, s, x);
}

/* ---- metrics ---- */

static void metric_statement(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_value v;
    nnc_model *m = e->model;
    if (e->graph == 1)
        return;
    for (uint32_t i = 0; i < m->metrics; i++)
        if (strcmp(m->metric[i].name, s->text) == 0) {
            REPORT(e, s->name, METRIC_TWICE, s->text);
            nnc_note(e->session, m->metric[i].span, "the first is here");
            return;
        }
    const nnc_context saved = e->at;
    e->at.data = true;
    nnc_entity *x = nnc_evaluate_settled(e, s->child[0], s->text);
    e->at = saved;
    const char *what = nnc_arena_format(e->arena, "the metric %s", s->text);
    if (!one_number(e, x, what, s->child[0], &v))
        return;
    nnc_value own = nnc_make_tensor(e, s->text, s->span, &v, NNC_REDUCE_NONE, NULL, 0);
    nnc_tensor_id tensor = own.alias;
    check_depends(e, s, tensor, FOR_METRICS);
    if (nnc_batched(nnc_tensor_at(e->p, tensor))) {
        if (nnc_depends_on(e, tensor).bits & NNC_DEPENDS_DATA) {
            REPORT(e, s->span, METRIC_READS_EXAMPLE, s->text);
            return;
        }
        tensor = mean_over(e, &own, NNC_EXTENT_DATA, nnc_arena_format(e->arena, "%s.mean", s->text), s->span);
    }
    NNC_PUSH(e->arena, m->metric, m->metrics, e->metric_capacity) = (nnc_model_metric){s->text, s->name, tensor};
}

/* ---- the body ---- */

void nnc_model_statement(nnc_elaborator *e, const nnc_syntax *s)
{
    switch (s->kind) {
    case NNC_SYNTAX_INPUT: case NNC_SYNTAX_TARGET: declare(e, s); break;
    case NNC_SYNTAX_IGNORE: ignore_columns(e, s); break;
    case NNC_SYNTAX_LOSS: loss_statement(e, s); break;
    case NNC_SYNTAX_OUTPUT: output_statement(e, s); break;
    case NNC_SYNTAX_METRIC: metric_statement(e, s); break;
    default: REPORT(e, s->span, STRAY_EXPRESSION, "this"); break;
    }
}

/* The body's own names, for listings of values. */
static void list_names(nnc_elaborator *e, const nnc_scope *scope)
{
    nnc_model *m = e->model;
    for (uint32_t i = 0; i < scope->locals.count; i++) {
        const nnc_local *l = &scope->locals.item[i];
        if (l->entity->kind == NNC_ENTITY_TENSOR && l->entity->value.alias)
            NNC_PUSH(e->arena, m->named, m->nameds, e->named_capacity) = (nnc_named){l->name, l->span, l->entity->value.alias};
    }
}

void nnc_model_graph(nnc_elaborator *e, bool training)
{
    e->training = training;
    e->graph = training ? 1 : 2;
    nnc_scope *scope = nnc_new_scope(e, &e->user, "", NNC_BODY_MODEL);
    scope->unit = e->root;
    e->at = (nnc_context){.scope = scope};
    e->root->applied = e->graph;
    const nnc_syntax *body = e->model_syntax->child[0];
    for (uint32_t i = 0; i < body->count && !e->hopeless; i++)
        nnc_statement(e, body->child[i], "model", false);
    if (training)
        list_names(e, scope);
    e->at = (nnc_context){.scope = nnc_new_scope(e, &e->user, "", NNC_BODY_FN)};
}
