/* --emit=values: each named tensor's value, and the loss's derivative by it, for one example, from the reference interpreter. */
#include "driver/run.h"
#include "formula/interpret.h"

static void set_inputs(nnc_run *run, nnc_interpreter *in, const nnc_dataset *data, int64_t example)
{
    const nnc_model *m = run->model;
    for (uint32_t i = 0; i < m->declarations; i++) {
        const nnc_declaration *d = &m->declaration[i];
        const nnc_tensor *t = nnc_tensor_at(m->program, d->tensor);
        int64_t elements = nnc_elements(t);
        float *values = NNC_ARRAY(&run->arena, float, (size_t)elements);
        int number = nnc_dataset_find(data, d->name);
        if (number >= 0)
            nnc_dataset_gather(data, number, &example, 1, values);
        for (int64_t e = 0; t->element != NNC_REAL && e < elements; e++)
            values[e] = (float)((const int32_t *)(const void *)values)[e];
        nnc_interpreter_set_float(in, d->tensor, values);
    }
}

void nnc_set_slots(nnc_run *run, nnc_interpreter *in)
{
    const nnc_network *n = run->network;
    const nnc_program *p = run->model->program;
    for (uint32_t i = 0; i < n->slots; i++) {
        nnc_tensor_id id = nnc_find(p, n->slot[i].name);
        float *values = nnc_slot_data(n, &n->slot[i]);
        if (!id || nnc_tensor_at(p, id)->kind == NNC_KIND_FORMULA)
            continue;
        if (n->slot[i].integer) {
            float *reals = NNC_ARRAY(&run->arena, float, (size_t)n->slot[i].elements);
            for (int64_t e = 0; e < n->slot[i].elements; e++)
                reals[e] = (float)((const int32_t *)(const void *)values)[e];
            values = reals;
        }
        nnc_interpreter_set_float(in, id, values);
    }
}

/* [1, 2, 3], nested by dimensions; the batch of one is left out. */
static const double *add_nested(const nnc_tensor *t, uint32_t dimension, const double *at, nnc_text *out)
{
    if (dimension == t->rank) {
        nnc_text_add(out, "%.6g", *at == 0 ? 0 : *at);      /* -0 is 0 to a reader */
        return at + 1;
    }
    nnc_text_add(out, "[");
    for (int64_t i = 0; i < t->extent[dimension]; i++) {
        nnc_text_add(out, i ? ", " : "");
        at = add_nested(t, dimension + 1, at, out);
    }
    nnc_text_add(out, "]");
    return at;
}

static void add_line(const nnc_interpreter *in, const char *prefix, const char *name, nnc_tensor_id id, nnc_text *out)
{
    const nnc_tensor *t = nnc_tensor_at(in->program, id);
    nnc_text_add(out, "%s%s = ", prefix, name);
    add_nested(t, nnc_batched(t) ? 1 : 0, nnc_interpreter_get(in, id), out);
    nnc_text_add(out, "\n");
}

typedef struct shown { const char *name; nnc_tensor_id tensor; } shown;

static bool is_declared(const nnc_model *m, nnc_tensor_id tensor)
{
    for (uint32_t i = 0; i < m->declarations; i++)
        if (m->declaration[i].tensor == tensor)
            return true;
    return false;
}

static bool is_named(const nnc_model *m, nnc_tensor_id tensor)
{
    for (uint32_t i = 0; i < m->nameds; i++)
        if (m->named[i].tensor == tensor)
            return true;
    return false;
}

static uint32_t list(nnc_run *run, shown *out)
{
    const nnc_model *m = run->model;
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->declarations; i++)
        out[count++] = (shown){m->declaration[i].name, m->declaration[i].tensor};
    for (uint32_t i = 0; i < m->nameds; i++)
        if (!is_declared(m, m->named[i].tensor))
            out[count++] = (shown){m->named[i].name, m->named[i].tensor};
    for (uint32_t i = 0; i < m->parameters; i++)
        if (!is_named(m, m->parameter[i].tensor))
            out[count++] = (shown){m->parameter[i].name, m->parameter[i].tensor};
    out[count++] = (shown){"loss", m->loss};
    return count;
}

nnc_exit nnc_add_values(nnc_run *run, const nnc_dataset *data, int64_t example, const char *path)
{
    nnc_model *m = run->model;
    shown *show = NNC_ARRAY(&run->arena, shown, m->declarations + m->nameds + m->parameters + 1);
    uint32_t count = list(run, show), roots = 0;
    nnc_tensor_id *by = NNC_ARRAY(&run->arena, nnc_tensor_id, count), *gradient = NNC_ARRAY(&run->arena, nnc_tensor_id, count);
    nnc_tensor_id *root = NNC_ARRAY(&run->arena, nnc_tensor_id, 2 * count);
    nnc_text out = {.arena = &run->arena};
    for (uint32_t i = 0; i < count; i++)
        by[i] = show[i].tensor;
    nnc_differentiate(m->program, m->loss, by, count - 1, gradient);
    for (uint32_t i = 0; i < count; i++) {
        root[roots++] = show[i].tensor;
        if (gradient[i])
            root[roots++] = gradient[i];
    }
    nnc_interpreter *in = nnc_interpreter_new(&run->arena, m->program, 1);
    in->seed = m->recipe.seed;
    set_inputs(run, in, data, example);
    nnc_set_slots(run, in);
    nnc_interpreter_run_for(in, root, roots);
    for (uint32_t i = 0; i < count; i++) {
        add_line(in, "", show[i].name, show[i].tensor, &out);
        if (gradient[i])
            add_line(in, "  d loss / d ", show[i].name, gradient[i], &out);
    }
    return nnc_add_text(run, path, nnc_text_string(&out), out.length);
}
