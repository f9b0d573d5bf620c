/* What depends on what: outputs, fits, trained parameters, gaps in inputs. */
#include <string.h>
#include "model/internal.h"

/* ---- dependence ---- */

typedef struct walk {
    nnc_elaborator *e;
    uint8_t *tensor_seen, *node_seen;
    nnc_tensor_id *queue;
    uint32_t queued;
    nnc_tensor_id from;          /* whose body is being read */
    nnc_dependence found;
} walk;

static void add(walk *w, int bit, nnc_span place, const char *name)
{
    if (w->found.bits & 1u << bit)
        return;
    w->found.bits |= 1u << bit;
    w->found.place[bit] = place;
    w->found.name[bit] = name;
}

static bool is_target(const nnc_elaborator *e, nnc_tensor_id id)
{
    for (uint32_t i = 0; i < e->model->declarations; i++)
        if (e->model->declaration[i].tensor == id)
            return e->model->declaration[i].target;
    return false;
}

static void read_tensor(walk *w, nnc_tensor_id id)
{
    const nnc_tensor *t = nnc_tensor_at(w->e->p, id);
    if (w->tensor_seen[id])
        return;
    w->tensor_seen[id] = 1;
    w->queue[w->queued++] = id;
    switch (t->kind) {
    case NNC_KIND_INPUT: add(w, is_target(w->e, id) ? 0 : 8, t->span, t->name); break;
    case NNC_KIND_PARAMETER: add(w, 6, t->span, t->name); break;
    case NNC_KIND_STATE: add(w, 7, t->span, t->name); break;
    case NNC_KIND_STEP: case NNC_KIND_STEPS: case NNC_KIND_EPOCH: case NNC_KIND_EPOCHS:
        add(w, 4, nnc_tensor_at(w->e->p, w->from)->span, t->name);
        break;
    default: break;
    }
}

static void walk_node(walk *w, nnc_ref ref)
{
    const nnc_node n = *nnc_at(w->e->p, ref);
    if (w->node_seen[ref])
        return;
    w->node_seen[ref] = 1;
    nnc_span here = nnc_tensor_at(w->e->p, w->from)->span;
    if (n.op == NNC_OP_READ)
        read_tensor(w, (nnc_tensor_id)n.integer[0]);
    if (n.op == NNC_OP_NEIGHBOUR)
        add(w, 2, here, "neighbour");
    if (n.op == NNC_OP_RANDOM || n.op == NNC_OP_GAUSSIAN)
        add(w, 3, here, n.op == NNC_OP_RANDOM ? "random()" : "gaussian()");
    for (uint32_t i = 0; i < n.count; i++)
        walk_node(w, nnc_arg(w->e->p, ref, i));
}

static void walk_tensor(walk *w, nnc_tensor_id id)
{
    const nnc_tensor *t = nnc_tensor_at(w->e->p, id);
    for (uint32_t i = t->rank; i < (uint32_t)t->rank + t->reduced; i++)
        if (t->extent[i] < 0)
            add(w, t->extent[i] == NNC_EXTENT_BATCH ? 1 : 5, t->span, t->extent[i] == NNC_EXTENT_BATCH ? "batch" : "data");
    w->from = id;
    if (t->body)
        walk_node(w, t->body);
}

static walk new_walk(nnc_elaborator *e)
{
    return (walk){.e = e, .tensor_seen = NNC_ARRAY(e->arena, uint8_t, e->p->tensors), .node_seen = NNC_ARRAY(e->arena, uint8_t, e->p->nodes),
                  .queue = NNC_ARRAY(e->arena, nnc_tensor_id, e->p->tensors + 1)};
}

nnc_dependence nnc_depends_on(nnc_elaborator *e, nnc_tensor_id tensor)
{
    walk w = new_walk(e);
    w.from = tensor;
    read_tensor(&w, tensor);
    for (uint32_t i = 0; i < w.queued; i++)
        walk_tensor(&w, w.queue[i]);
    return w.found;
}

bool nnc_sees_minibatch(nnc_elaborator *e, nnc_ref body)
{
    const nnc_node n = *nnc_at(e->p, body);
    bool sees = n.op == NNC_OP_NEIGHBOUR;
    if (n.op == NNC_OP_READ)
        sees = nnc_depends_on(e, (nnc_tensor_id)n.integer[0]).bits & (NNC_DEPENDS_BATCH | NNC_DEPENDS_NEIGHBOUR);
    for (uint32_t i = 0; !sees && i < n.count; i++)
        sees = nnc_sees_minibatch(e, nnc_arg(e->p, body, i));
    return sees;
}

/* ---- trained parameters ---- */

void nnc_mark_trained(nnc_elaborator *e, nnc_tensor_id loss)
{
    walk w = new_walk(e);
    read_tensor(&w, loss);
    for (uint32_t i = 0; i < w.queued; i++)
        if (!nnc_tensor_at(e->p, w.queue[i])->stopped)
            walk_tensor(&w, w.queue[i]);
    for (uint32_t i = 0; i < e->mades; i++)
        e->made[i]->trained = w.tensor_seen[e->made[i]->tensor];
}

/* Parameters that some formula reads are made. */
static void mark_read(nnc_elaborator *e)
{
    walk w = new_walk(e);
    for (nnc_tensor_id id = 1; id < e->p->tensors; id++)
        walk_tensor(&w, id);
    for (uint32_t i = 0; i < e->mades; i++)
        e->made[i]->read = w.tensor_seen[e->made[i]->tensor];
}

static void list_members(nnc_elaborator *e)
{
    nnc_model *m = e->model;
    m->parameter = NNC_ARRAY(e->arena, nnc_parameter, e->mades + 1);
    m->state = NNC_ARRAY(e->arena, nnc_model_state, e->kepts + 1);
    m->fit = NNC_ARRAY(e->arena, nnc_model_fit, e->fitteds + 1);
    for (uint32_t i = 0; i < e->mades; i++) {
        const nnc_member *p = e->made[i];
        if (p->read)
            m->parameter[m->parameters++] = (nnc_parameter){nnc_tensor_at(e->p, p->tensor)->name, p->span, p->tensor, p->initial, p->drawn, p->trained};
    }
    for (uint32_t i = 0; i < e->kepts; i++)
        m->state[m->states++] = (nnc_model_state){nnc_tensor_at(e->p, e->kept[i]->tensor)->name, e->kept[i]->tensor, e->kept[i]->initial};
    for (uint32_t i = 0; i < e->fitteds; i++)
        m->fit[m->fits++] = (nnc_model_fit){nnc_tensor_at(e->p, e->fitted[i]->tensor)->name, e->fitted[i]->span, e->fitted[i]->tensor, e->fitted[i]->definition};
}

/* ---- what the outputs need ---- */

static void mark_needed(nnc_elaborator *e)
{
    walk w = new_walk(e);
    for (uint32_t i = 0; i < e->model->outputs; i++)
        read_tensor(&w, e->model->output[i].tensor);
    for (uint32_t i = 0; i < w.queued; i++)
        walk_tensor(&w, w.queue[i]);
    for (uint32_t i = 0; i < e->model->declarations; i++)
        e->model->declaration[i].needed_for_outputs = w.tensor_seen[e->model->declaration[i].tensor];
}

/* ---- gaps ----
 *
 * An input may have gaps where each read of it stands under an `if missing(..)` of it, or makes a tensor of which that is true, and there is
 * some `missing` at all. */

typedef struct gaps {
    nnc_elaborator *e;
    uint8_t *live;               /* tensors that results need */
    uint8_t *state;              /* 0 not known, 1 being found out, 2 may have gaps, 3 may not */
    nnc_tensor_id of;            /* whose reads are looked for */
    uint32_t *seen;              /* by node: 2 * pass + under */
    uint32_t pass;
    bool missing, bare, passed_on;
} gaps;

static bool mentions_missing(gaps *g, nnc_ref ref)
{
    const nnc_node n = *nnc_at(g->e->p, ref);
    if (n.op == NNC_OP_MISSING) {
        const nnc_node *arg = nnc_at(g->e->p, nnc_arg(g->e->p, ref, 0));
        return arg->op == NNC_OP_READ && arg->integer[0] == g->of;
    }
    if (n.op != NNC_OP_AND && n.op != NNC_OP_OR && n.op != NNC_OP_NOT)
        return false;
    for (uint32_t i = 0; i < n.count; i++)
        if (mentions_missing(g, nnc_arg(g->e->p, ref, i)))
            return true;
    return false;
}

/* Notes reads of `of` that stand bare, and any `missing` of it. */
static void look(gaps *g, nnc_ref ref)
{
    const nnc_node n = *nnc_at(g->e->p, ref);
    if (g->seen[ref] == g->pass)
        return;
    g->seen[ref] = g->pass;
    if (n.op == NNC_OP_MISSING && mentions_missing(g, ref)) {
        g->missing = true;
        return;
    }
    if (n.op == NNC_OP_SELECT && mentions_missing(g, nnc_arg(g->e->p, ref, 0))) {
        g->missing = true;
        return;
    }
    if (n.op == NNC_OP_READ && n.integer[0] == g->of)
        g->bare = true;
    for (uint32_t i = 0; i < n.count; i++)
        look(g, nnc_arg(g->e->p, ref, i));
}

static bool may_have_gaps(gaps *g, nnc_tensor_id id)
{
    bool missing = false, whole = true;
    if (g->state[id])
        return g->state[id] == 2;
    g->state[id] = 1;
    for (nnc_tensor_id reader = 1; reader < g->e->p->tensors && whole; reader++) {
        nnc_ref body = nnc_tensor_at(g->e->p, reader)->body;
        if (!g->live[reader] || !body)
            continue;
        g->of = id;
        g->missing = g->bare = false;
        g->pass++;
        look(g, body);
        missing |= g->missing;
        bool bare = g->bare;
        if (bare && may_have_gaps(g, reader))
            missing = true;
        else if (bare)
            whole = false;
    }
    g->state[id] = missing && whole ? 2 : 3;
    return g->state[id] == 2;
}

static void mark_live(nnc_elaborator *e, gaps *g)
{
    walk w = new_walk(e);
    const nnc_model *m = e->model;
    if (m->loss)
        read_tensor(&w, m->loss);
    if (m->measured_loss)
        read_tensor(&w, m->measured_loss);
    for (uint32_t i = 0; i < m->outputs; i++)
        read_tensor(&w, m->output[i].tensor);
    for (uint32_t i = 0; i < m->metrics; i++)
        read_tensor(&w, m->metric[i].tensor);
    for (uint32_t i = 0; i < m->fits; i++)
        read_tensor(&w, m->fit[i].definition);
    for (uint32_t i = 0; i < m->states; i++)
        if (nnc_tensor_at(e->p, m->state[i].tensor)->next)
            read_tensor(&w, nnc_tensor_at(e->p, m->state[i].tensor)->next);
    for (uint32_t i = 0; i < w.queued; i++)
        walk_tensor(&w, w.queue[i]);
    g->live = w.tensor_seen;
}

static bool some_missing(const nnc_elaborator *e)
{
    for (nnc_ref ref = 1; ref < e->p->nodes; ref++)
        if (nnc_at(e->p, ref)->op == NNC_OP_MISSING)
            return true;
    return false;
}

static void mark_gaps(nnc_elaborator *e)
{
    gaps g = {.e = e, .state = NNC_ARRAY(e->arena, uint8_t, e->p->tensors), .seen = NNC_ARRAY(e->arena, uint32_t, e->p->nodes)};
    if (!some_missing(e))
        return;
    mark_live(e, &g);
    for (uint32_t i = 0; i < e->model->declarations; i++) {
        nnc_declaration *d = &e->model->declaration[i];
        d->allows_missing = d->class_kind == NNC_CLASS_NONE && may_have_gaps(&g, d->tensor);
    }
}

/* ---- the whole ---- */

static void check_rows(nnc_elaborator *e)
{
    const nnc_model *m = e->model;
    const nnc_declaration *with = NULL, *without = NULL;
    for (uint32_t i = 0; i < m->declarations; i++)
        *(m->declaration[i].rows ? &with : &without) = &m->declaration[i];
    if (!with || !without)
        return;
    REPORT(e, without->span, ROWS_OR_NONE, without->name);
    nnc_note(e->session, with->span, "%s runs along rows", with->name);
}

/* Where no `from` is given, inputs start with the window and targets follow the inputs. */
static void place_rows(nnc_elaborator *e)
{
    nnc_model *m = e->model;
    int64_t after = 0;
    for (uint32_t i = 0; i < m->declarations; i++) {
        nnc_declaration *d = &m->declaration[i];
        if (!d->target && d->rows_from < 0)
            d->rows_from = 0;
        if (!d->target && d->rows_from + d->rows > after)
            after = d->rows_from + d->rows;
    }
    for (uint32_t i = 0; i < m->declarations; i++)
        if (m->declaration[i].rows_from < 0)
            m->declaration[i].rows_from = after;
}

void nnc_finish(nnc_elaborator *e)
{
    check_rows(e);
    place_rows(e);
    mark_read(e);
    list_members(e);
    mark_needed(e);
    mark_gaps(e);
}
