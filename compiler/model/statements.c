/* Statements of bodies. */
#include "model/internal.h"

nnc_entity *nnc_evaluate_settled(nnc_elaborator *e, const nnc_syntax *s, const char *hint)
{
    uint32_t mark = e->pendings, patch_mark = e->patches;
    const char *saved = e->at.hint;
    e->at.hint = hint;
    nnc_entity *x = s->kind == NNC_SYNTAX_REDUCE ? nnc_reduction(e, s, hint) : nnc_evaluate(e, s);
    e->at.hint = saved;
    nnc_settle(e, mark, patch_mark);
    return x;
}

nnc_entity *nnc_named_value(nnc_elaborator *e, const char *name, nnc_entity *x, nnc_span span)
{
    switch (x->kind) {
    case NNC_ENTITY_LAYER:
        x = nnc_settled_layer(e, x, NULL);
        return x->kind == NNC_ENTITY_LAYER ? x : nnc_bind_instance(e, name, x, span);
    case NNC_ENTITY_DESCRIPTION: case NNC_ENTITY_CHAIN: case NNC_ENTITY_REPEAT: return nnc_bind_instance(e, name, x, span);
    case NNC_ENTITY_TENSOR:
        if (!x->value.alias)
            x->value.alias = nnc_plain_read(e, &x->value);
        if (!x->value.alias)
            x->span = span;
        nnc_materialise(e, x, nnc_join(e, e->at.scope->path, name));
        x->value.drawn = false;
        return x;
    default: return x;
    }
}

/* ---- name = e ---- */

static nnc_entity *assign(nnc_elaborator *e, const nnc_syntax *left, nnc_entity *x)
{
    if (left->kind == NNC_SYNTAX_PRIMED) {
        nnc_set_state(e, left->text, left->span, x);
        const nnc_state *state = nnc_find_state(e, left->text);
        return state && state->set ? state->set : &e->poison;
    }
    if (left->kind != NNC_SYNTAX_NAME) {
        REPORT(e, left->span, LEFT_OF_SEVERAL, "names");
        return &e->poison;
    }
    x = nnc_named_value(e, left->text, x, left->span);
    nnc_define_name(e, left->text, left->span, x);
    return x;
}

static nnc_entity *define_formula(nnc_elaborator *e, const nnc_syntax *left, const nnc_syntax *body)
{
    const nnc_syntax *base = left->child[0];
    bool primed = base->kind == NNC_SYNTAX_PRIMED;
    const nnc_state *state = primed ? nnc_find_state(e, base->text) : NULL;
    nnc_value shape;
    if (state)
        shape = state->shape;
    const char *name = nnc_join(e, e->at.scope->path, base->text);
    nnc_entity *x = nnc_element_formula(e, name, left->child[1], body, state ? &shape : NULL, left->span);
    return assign(e, base, x);
}

static nnc_entity *define_several(nnc_elaborator *e, const nnc_syntax *s)
{
    const nnc_syntax *left = s->child[0];
    nnc_entity *x = nnc_evaluate_settled(e, s->child[1], nnc_join(e, e->at.scope->path, left->child[0]->text ? left->child[0]->text : "part"));
    bool matches = x->kind == NNC_ENTITY_TUPLE && x->items == left->count;
    if (!matches && !nnc_is_poison(x))
        REPORT(e, s->child[1]->span, VALUE_COUNT, nnc_values_text(e, left->count), nnc_describe(e, x));
    nnc_entity *all = nnc_new_entity(e, NNC_ENTITY_TUPLE, s->span);
    all->item = NNC_ARRAY(e->arena, nnc_entity *, left->count);
    all->items = left->count;
    for (uint32_t i = 0; i < left->count; i++)
        all->item[i] = assign(e, left->child[i], matches ? x->item[i] : &e->poison);
    return matches ? all : &e->poison;
}

static nnc_entity *define(nnc_elaborator *e, const nnc_syntax *s)
{
    const nnc_syntax *left = s->child[0]->child[0];
    if (s->child[0]->count > 1)
        return define_several(e, s);
    if (left->kind == NNC_SYNTAX_SUBSCRIPT)
        return define_formula(e, left, s->child[1]);
    nnc_entity *x = nnc_evaluate_settled(e, s->child[1], nnc_join(e, e->at.scope->path, left->text ? left->text : "value"));
    if (x->kind == NNC_ENTITY_TUPLE) {
        REPORT(e, s->child[1]->span, VALUE_COUNT, nnc_values_text(e, 1), nnc_describe(e, x));
        x = &e->poison;
    }
    return assign(e, left, x);
}

static nnc_entity *value_statement(nnc_elaborator *e, const nnc_syntax *s, bool last)
{
    if (!last || e->at.scope->kind == NNC_BODY_MODEL || e->at.scope->kind == NNC_BODY_OPTIMIZER) {
        REPORT(e, s->span, STRAY_EXPRESSION, "an expression");
        return &e->poison;
    }
    const char *hint = e->at.scope->unit ? e->at.scope->unit->path : nnc_join(e, e->at.scope->path, "value");
    return nnc_evaluate_settled(e, s->child[0], hint);
}

static void state_statement(nnc_elaborator *e, const nnc_syntax *s)
{
    switch (e->at.scope->kind) {
    case NNC_BODY_SCAN: nnc_scan_state(e, s); break;
    case NNC_BODY_OPTIMIZER: nnc_optimizer_state(e, s); break;
    default: nnc_layer_state(e, s); break;
    }
}

/* NULL where it holds, or where only the data will tell; else poison, which ends the body: what follows would go wrong by it. */
static nnc_entity *require(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_entity *x = nnc_evaluate(e, s->child[0]);
    const nnc_frame *f = e->at.frame;
    nnc_text condition = {.arena = e->arena};
    bool told = x->kind == NNC_ENTITY_NUMBER && x->boolean;
    if (told ? x->number != 0 : x->kind == NNC_ENTITY_TENSOR && x->value.element == NNC_BOOLEAN)
        return NULL;
    if (nnc_is_poison(x))
        return x;
    if (!told) {
        REPORT(e, s->child[0]->span, NOT_TRUE_OR_FALSE, "what is required", nnc_describe(e, x));
        return &e->poison;
    }
    const char *numbers = nnc_numbers_in(e, s->child[0]->span);
    nnc_syntax_write(s->child[0], &condition);
    REPORT(e, f ? f->call : s->span, REQUIREMENT, f ? f->name : "the model", nnc_text_string(&condition), *numbers ? ", but here " : "", numbers);
    if (f)
        nnc_note(e->session, s->span, "it is required here");
    return &e->poison;
}

nnc_entity *nnc_statement(nnc_elaborator *e, const nnc_syntax *s, const char *what, bool last)
{
    switch (s->kind) {
    case NNC_SYNTAX_DEFINE: return define(e, s);
    case NNC_SYNTAX_VALUE: return value_statement(e, s, last);
    case NNC_SYNTAX_PARAM: case NNC_SYNTAX_DRAWN_PARAM: nnc_param(e, s); return NULL;
    case NNC_SYNTAX_STATE: state_statement(e, s); return NULL;
    case NNC_SYNTAX_FIT: nnc_fit(e, s); return NULL;
    case NNC_SYNTAX_REQUIRE: return require(e, s);
    case NNC_SYNTAX_ERROR: return &e->poison;
    default: break;
    }
    if (e->at.scope->kind == NNC_BODY_MODEL)
        nnc_model_statement(e, s);
    else
        REPORT(e, s->span, ONLY_IN_MODEL, what);
    return NULL;
}
