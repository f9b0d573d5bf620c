/* The optimizer: elaborated once for each trained parameter. */
#include <string.h>
#include "model/internal.h"

/* ---- the recipe's line ---- */

static const nnc_definition *find_optimizer(nnc_elaborator *e, const nnc_syntax *s)
{
    if (s->kind != NNC_SYNTAX_NAME) {
        nnc_text text = {.arena = e->arena};
        nnc_syntax_write(s, &text);
        REPORT(e, s->span, NOT_AN_OPTIMIZER, nnc_text_string(&text));
        return NULL;
    }
    const nnc_entity *x = nnc_look_up(e, s->text, s->span);
    if (x->kind == NNC_ENTITY_OPTIMIZER)
        return x->definition;
    if (!nnc_is_poison(x))
        REPORT(e, s->span, NOT_AN_OPTIMIZER, nnc_describe(e, x));
    return NULL;
}

/* Evaluates the settings in the present program. NULL after an error. */
static const nnc_locals *bind_settings(nnc_elaborator *e)
{
    const nnc_syntax *s = e->optimizer_line->child[1];
    nnc_arguments a = {.site = s, .span = s->span};
    nnc_locals *names = NNC_NEW(e->arena, nnc_locals);
    nnc_dots dots = {0};
    const nnc_syntax *list = s->kind == NNC_SYNTAX_CALL ? s->child[1] : NULL;
    uint32_t count = list ? list->count : 0;
    a.place = NNC_ARRAY(e->arena, nnc_entity *, count + 1);
    a.place_span = NNC_ARRAY(e->arena, nnc_span, count + 1);
    a.named = NNC_ARRAY(e->arena, nnc_local, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const nnc_syntax *given = list->child[i];
        nnc_entity *x = nnc_evaluate_settled(e, given->kind == NNC_SYNTAX_NAMED ? given->child[0] : given, "optimizer.setting");
        if (nnc_is_poison(x))
            return NULL;
        if (given->kind == NNC_SYNTAX_NAMED)
            a.named[a.nameds++] = (nnc_local){given->text, x, given->span};
        a.place_span[a.places] = given->span;
        if (given->kind != NNC_SYNTAX_NAMED)
            a.place[a.places++] = x;
    }
    return nnc_bind(e, e->optimizer, e->optimizer->syntax->child[0], &a, names, &dots) ? names : NULL;
}

/* ---- one parameter ---- */

void nnc_optimizer_state(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_state *state = NNC_NEW(e->arena, nnc_state), *w = e->at.scope->states;
    nnc_value start;
    while (w->other)
        w = w->other;
    *state = (nnc_state){.name = s->text, .span = s->span, .other = e->at.scope->states};
    bool known = !s->child[0] || nnc_evaluate_dimensions(e, s->child[0], &state->shape);
    if (!s->child[0])
        state->shape = w->shape;
    nnc_entity *x = known ? nnc_evaluate_settled(e, s->child[2], "optimizer.start") : &e->poison;
    if (nnc_is_poison(x) || !nnc_fit_state(e, state, x, s->child[2]->span, &start)) {
        nnc_define_name(e, s->text, s->name, &e->poison);
        return;
    }
    nnc_initial initial = {.kind = NNC_INIT_CONSTANT, .a = x->number};
    const char *name = nnc_join(e, e->at.scope->path, s->text);
    if (x->kind != NNC_ENTITY_NUMBER)
        initial = (nnc_initial){.kind = NNC_INIT_TENSOR,
                                .tensor = nnc_make_tensor(e, nnc_arena_format(e->arena, "%s.start", name), s->span, &start, NNC_REDUCE_NONE, NULL, 0).alias};
    state->tensor = nnc_declare(e->p, NNC_KIND_STATE, name, s->name, NNC_REAL, 0, state->shape.extent, state->shape.rank);
    NNC_PUSH(e->arena, *e->update_state, *e->update_states, e->update_capacity) =
        (nnc_model_state){nnc_tensor_at(e->p, state->tensor)->name, state->tensor, initial};
    e->at.scope->states = state;
    nnc_value v = nnc_alias(e, state->tensor, NULL, 0);
    nnc_define_name(e, s->text, s->name, nnc_tensor_entity(e, &v, s->name));
}

static nnc_arguments two_inputs(nnc_elaborator *e, nnc_tensor_id parameter, nnc_tensor_id gradient)
{
    const nnc_span span = e->optimizer_line->child[1]->span;
    nnc_arguments a = {.places = 2, .site = e->optimizer_line, .span = span};
    a.place = NNC_ARRAY(e->arena, nnc_entity *, 2);
    a.place_span = NNC_ARRAY(e->arena, nnc_span, 2);
    for (int i = 0; i < 2; i++) {
        nnc_value v = nnc_alias(e, i ? gradient : parameter, NULL, 0);
        a.place[i] = nnc_tensor_entity(e, &v, span);
        a.place_span[i] = span;
    }
    return a;
}

static bool run_body(nnc_elaborator *e, const nnc_syntax *body, const char *w)
{
    for (uint32_t i = 0; i < body->count && !e->hopeless; i++)
        nnc_statement(e, body->child[i], "optimizer", false);
    const nnc_state *state = nnc_find_state(e, w);
    bool set = true;
    for (const nnc_state *s = e->at.scope->states; s; s = s->other)
        set &= s->set != NULL;
    if (!set && state && !state->set)
        REPORT(e, e->optimizer->syntax->name, W_NEVER_SET, e->optimizer->name, w, w);
    for (const nnc_state *s = e->at.scope->states; s && !e->hopeless; s = s->other)
        if (!s->set && s != state)
            REPORT(e, s->span, STATE_NEVER_SET, s->name);
    return set;
}

static bool update(nnc_elaborator *e, const nnc_locals *settings, nnc_tensor_id parameter, nnc_tensor_id gradient)
{
    const nnc_syntax *d = e->optimizer->syntax;
    const char *name = nnc_tensor_at(e->p, parameter)->name;
    nnc_scope *scope = nnc_new_scope(e, e->optimizer->globals, nnc_arena_format(e->arena, "optimizer.%s.", name), NNC_BODY_OPTIMIZER);
    nnc_arguments a = two_inputs(e, parameter, gradient);
    nnc_dots dots = {0};
    uint32_t errors = e->session->errors;
    e->at = (nnc_context){.scope = nnc_new_scope(e, &e->user, "", NNC_BODY_FN)};
    for (uint32_t i = 0; i < settings->count; i++)
        nnc_add_local(e, &scope->locals, settings->item[i].name, settings->item[i].entity, settings->item[i].span);
    if (!nnc_enter(e, e->optimizer->name, a.span, a.site) || !nnc_bind(e, e->optimizer, d->child[1], &a, &scope->locals, &dots))
        return false;
    const char *w = d->child[1]->child[0]->text;
    nnc_state *state = NNC_NEW(e->arena, nnc_state);
    *state = (nnc_state){.name = w, .span = d->child[1]->child[0]->span, .shape = a.place[0]->value, .tensor = parameter};
    scope->states = state;
    e->at.scope = scope;
    return run_body(e, d->child[2], w) && e->session->errors == errors;
}

/* ---- trying it, and using it ---- */

/* In a program of its own, so that nothing stays but the errors. */
static void try_on(nnc_elaborator *e, const nnc_tensor *like)
{
    nnc_program *program = e->p;
    nnc_tensor_id clock[4];
    nnc_model_state *states = NULL;
    uint32_t count = 0;
    memcpy(clock, e->clock, sizeof clock);
    memset(e->clock, 0, sizeof e->clock);
    e->p = nnc_program_new(e->arena);
    e->p->variables = program->variables;
    e->update_state = &states;
    e->update_states = &count;
    e->update_capacity = 0;
    nnc_tensor_id w = nnc_declare(e->p, NNC_KIND_PARAMETER, like->name, like->span, NNC_REAL, 0, like->extent, like->rank);
    nnc_tensor_id g = nnc_declare(e->p, NNC_KIND_INPUT, "gradient", like->span, NNC_REAL, 0, like->extent, like->rank);
    const nnc_locals *settings = bind_settings(e);
    if (settings)
        update(e, settings, w, g);
    e->p = program;
    memcpy(e->clock, clock, sizeof clock);
}

static void check_settings(nnc_elaborator *e, const nnc_locals *settings)
{
    for (uint32_t i = 0; i < settings->count; i++) {
        const nnc_entity *x = settings->item[i].entity;
        if (x->kind != NNC_ENTITY_TENSOR)
            continue;
        nnc_value v = x->value;
        if (v.rank > 0 || nnc_mentions(e->p, v.body, e->example) || v.drawn)
            REPORT(e, x->span.file == e->optimizer_line->span.file ? x->span : e->optimizer_line->span, SETTING_KIND, settings->item[i].name, nnc_describe(e, x));
    }
}

void nnc_read_optimizer(nnc_elaborator *e)
{
    const nnc_syntax *s = e->optimizer_line ? e->optimizer_line->child[1] : NULL;
    bool tried[NNC_MAX_RANK + 1] = {false};
    e->no_example = true;
    e->at = (nnc_context){.scope = nnc_new_scope(e, &e->user, "", NNC_BODY_FN)};
    if (!s || e->hopeless)
        return;
    const nnc_context start = e->at;
    e->optimizer = find_optimizer(e, s->kind == NNC_SYNTAX_CALL ? s->child[0] : s);
    if (!e->optimizer || !(e->settings = bind_settings(e)))
        return;
    check_settings(e, e->settings);
    for (uint32_t i = 0; i < e->mades && e->session->errors == 0; i++) {
        const nnc_tensor *t = nnc_tensor_at(e->p, e->made[i]->tensor);
        if (!e->made[i]->trained || tried[t->rank])
            continue;
        tried[t->rank] = true;
        try_on(e, t);
        e->at = start;
    }
}

bool nnc_model_update(nnc_model *model, uint32_t parameter, nnc_tensor_id gradient, nnc_model_state **states, uint32_t *state_count)
{
    nnc_elaborator *e = model->elaborator;
    e->no_example = true;
    e->work = 0;
    e->update_capacity = *states && e->update_state == states ? e->update_capacity : *state_count;
    e->update_state = states;
    e->update_states = state_count;
    return e->settings && update(e, e->settings, model->parameter[parameter].tensor, gradient);
}

nnc_ref nnc_model_rate(nnc_model *model)
{
    nnc_elaborator *e = model->elaborator;
    const nnc_local *rate = e->settings ? nnc_find_local(e->settings, "rate") : NULL;
    if (!rate || (rate->entity->kind == NNC_ENTITY_TENSOR && rate->entity->value.rank > 0))
        return 0;
    if (nnc_is_number(rate->entity))
        return nnc_real(e->p, rate->entity->number);
    return rate->entity->kind == NNC_ENTITY_TENSOR ? rate->entity->value.body : 0;
}
