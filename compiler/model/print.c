/* The model's tables as text. */
#include "model/internal.h"

static void add_shape(const nnc_model *m, nnc_tensor_id id, nnc_text *out)
{
    const nnc_tensor *t = nnc_tensor_at(m->program, id);
    bool first = true;
    nnc_text_add(out, "[");
    for (uint32_t i = nnc_batched(t); i < t->rank; i++) {
        nnc_text_add(out, first ? "%lld" : ", %lld", (long long)t->extent[i]);
        first = false;
    }
    nnc_text_add(out, "]");
    if (t->element == NNC_INTEGER)
        nnc_text_add(out, ": class(%lld)", (long long)t->classes);
}

static void add_initial(const nnc_model *m, const nnc_parameter *p, nnc_text *out)
{
    static const char *const names[] = {"", "normal", "uniform", "orthogonal"};
    const nnc_initial *i = &p->initial;
    if (i->kind == NNC_INIT_TENSOR) {
        nnc_text_add(out, " = %s", nnc_tensor_at(m->program, i->tensor)->name);
    } else if (i->kind == NNC_INIT_CONSTANT) {
        nnc_text_add(out, p->drawn ? " ~ " : " = ");
        nnc_text_add_double(out, i->a);
    } else {
        nnc_text_add(out, " ~ %s(", names[i->kind]);
        nnc_text_add_double(out, i->a);
        if (i->kind != NNC_INIT_ORTHOGONAL) {
            nnc_text_add(out, ", ");
            nnc_text_add_double(out, i->b);
        }
        nnc_text_add(out, ")");
    }
    if (!p->trained)
        nnc_text_add(out, "  not trained");
}

static void add_declarations(const nnc_model *m, nnc_text *out)
{
    for (uint32_t i = 0; i < m->declarations; i++) {
        const nnc_declaration *d = &m->declaration[i];
        nnc_text_add(out, "  %s %s", d->target ? "target" : "input", d->name);
        add_shape(m, d->tensor, out);
        if (d->rows)
            nnc_text_add(out, "  %lld rows from %lld", (long long)d->rows, (long long)d->rows_from);
        if (d->class_kind == NNC_CLASS_FROM_DATA)
            nnc_text_add(out, "  classes from the data");
        if (d->allows_missing)
            nnc_text_add(out, "  may have gaps");
        nnc_text_add(out, "\n");
    }
    for (uint32_t i = 0; i < m->ignoreds; i++) {
        nnc_text_add(out, "  ignore ");
        nnc_text_add_quoted(out, m->ignored[i]);
        nnc_text_add(out, "\n");
    }
}

static void add_instances(const nnc_model *m, nnc_text *out)
{
    for (uint32_t i = 0; i < m->instances; i++) {
        nnc_text_add(out, "  %s: %s", m->instance[i].path, m->instance[i].kind);
        if (m->instance[i].result) {
            nnc_text_add(out, " ");
            add_shape(m, m->instance[i].result, out);
        }
        nnc_text_add(out, "\n");
    }
}

static void add_members(const nnc_model *m, nnc_text *out)
{
    for (uint32_t i = 0; i < m->parameters; i++) {
        nnc_text_add(out, "  param %s", m->parameter[i].name);
        add_shape(m, m->parameter[i].tensor, out);
        add_initial(m, &m->parameter[i], out);
        nnc_text_add(out, "\n");
    }
    for (uint32_t i = 0; i < m->states; i++) {
        nnc_text_add(out, "  state %s", m->state[i].name);
        add_shape(m, m->state[i].tensor, out);
        nnc_text_add(out, "\n");
    }
    for (uint32_t i = 0; i < m->fits; i++) {
        nnc_text_add(out, "  fit %s", m->fit[i].name);
        add_shape(m, m->fit[i].tensor, out);
        nnc_text_add(out, "\n");
    }
}

static void add_results(const nnc_model *m, nnc_text *out)
{
    for (uint32_t i = 0; i < m->outputs; i++) {
        nnc_text_add(out, "  output %s", m->output[i].name);
        add_shape(m, m->output[i].tensor, out);
        if (m->output[i].classes_of >= 0)
            nnc_text_add(out, " of %s", m->declaration[m->output[i].classes_of].name);
        nnc_text_add(out, "\n");
    }
    for (uint32_t i = 0; i < m->metrics; i++)
        nnc_text_add(out, "  metric %s\n", m->metric[i].name);
}

static void add_part(const char *name, double share, int64_t fold, int64_t folds, nnc_text *out)
{
    if (folds)
        nnc_text_add(out, "  %s fold(%lld, %lld)\n", name, (long long)fold, (long long)folds);
    if (folds || share == 0)
        return;
    nnc_text_add(out, "  %s %.6g%%\n", name, share * 100);
}

static void add_recipe(const nnc_model *m, nnc_text *out)
{
    const nnc_recipe *r = &m->recipe;
    const nnc_elaborator *e = m->elaborator;
    if (e->optimizer_line) {
        nnc_text_add(out, "  optimizer ");
        nnc_syntax_write(e->optimizer_line->child[1], out);
        nnc_text_add(out, "\n");
    }
    nnc_text_add(out, r->steps ? "  steps %lld\n" : "  epochs %lld\n", (long long)(r->steps ? r->steps : r->epochs));
    if (r->batch)
        nnc_text_add(out, "  batch %lld\n", (long long)r->batch);
    else
        nnc_text_add(out, "  batch all\n");
    nnc_text_add(out, "  measure %lld %s\n", (long long)(r->measure_steps ? r->measure_steps : r->measure_epochs), r->measure_steps ? "steps" : "epochs");
    add_part("validate", r->validate, r->validate_fold, r->validate_folds, out);
    add_part("test", r->test, r->test_fold, r->test_folds, out);
    if (r->patience)
        nnc_text_add(out, "  stop patience = %lld\n", (long long)r->patience);
    if (r->clip > 0) {
        nnc_text_add(out, "  clip ");
        nnc_text_add_double(out, r->clip);
        nnc_text_add(out, "\n");
    }
    nnc_text_add(out, "  seed %llu\n", (unsigned long long)r->seed);
    nnc_text_add(out, "  shuffle %s\n", r->shuffle ? "true" : "false");
    if (r->stride != 1)
        nnc_text_add(out, "  stride %lld\n", (long long)r->stride);
}

void nnc_model_print(const nnc_model *model, nnc_text *out)
{
    nnc_text_add(out, "model %s\n", model->name);
    add_declarations(model, out);
    add_instances(model, out);
    add_members(model, out);
    add_results(model, out);
    nnc_text_add(out, "train\n");
    add_recipe(model, out);
}
