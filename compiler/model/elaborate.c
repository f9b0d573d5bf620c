/* The way of a model: files, recipe, the training graph, the other graph, what was found out on the way. */
#include "model/internal.h"

static nnc_elaborator *open_elaborator(nnc_session *session, const nnc_model_request *request)
{
    nnc_elaborator *e = NNC_NEW(&session->arena, nnc_elaborator);
    nnc_model *m = NNC_NEW(&session->arena, nnc_model);
    e->session = session;
    e->arena = &session->arena;
    e->request = request;
    e->model = m;
    e->p = nnc_program_new(&session->arena);
    e->example = nnc_variable(e->p);
    e->poison.kind = NNC_ENTITY_POISON;
    e->order = 1;
    m->session = session;
    m->program = e->p;
    m->elaborator = e;
    return e;
}

static void elaborate_model(nnc_elaborator *e)
{
    e->root = nnc_new_unit(e, NULL, "", "model", e->model_syntax->name);
    e->root->path = "";
    nnc_read_recipe(e);
    nnc_model_graph(e, true);
    nnc_check_augment(e);
    nnc_model_graph(e, false);
    if (!e->model->loss && e->session->errors == 0)
        REPORT(e, e->model_syntax->name, NO_LOSS, e->model->name);
    nnc_read_optimizer(e);
    if (e->session->errors)
        return;
    nnc_list_lets(e);
    nnc_finish(e);
}

nnc_model *nnc_model_elaborate(nnc_session *session, const nnc_model_request *request)
{
    nnc_elaborator *e = open_elaborator(session, request);
    nnc_load_library(e);
    bool loaded = nnc_load_model(e);
    e->lenient = session->errors > 0;
    if (loaded) {
        e->model->name = e->model_syntax->text;
        nnc_find_circles(e);
        nnc_apply_defines(e);
        elaborate_model(e);
    }
    return session->errors ? NULL : e->model;
}
