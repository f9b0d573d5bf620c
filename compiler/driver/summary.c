/* The summary: layers, shapes, parameters, memory, work; as text and as JSON. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "c/c.h"
#include "driver/run.h"

typedef struct sizes { int64_t parameters, weights, workspace; double flops; } sizes;

static int64_t elements_of(const nnc_model *m, nnc_tensor_id id) { return nnc_elements(nnc_tensor_at(m->program, id)); }

/* The parameters whose names begin with the instance's path and a dot. */
static int64_t parameters_of(const nnc_model *m, const char *path)
{
    size_t length = strlen(path);
    int64_t count = 0;
    for (uint32_t i = 0; i < m->parameters; i++) {
        const char *name = m->parameter[i].name;
        bool own = length ? strncmp(name, path, length) == 0 && name[length] == '.' : !strchr(name, '.');
        count += own ? elements_of(m, m->parameter[i].tensor) : 0;
    }
    return count;
}

static const char *shape_text(nnc_run *run, nnc_tensor_id id)
{
    const nnc_tensor *t = nnc_tensor_at(run->model->program, id);
    nnc_text text = {.arena = &run->arena};
    nnc_text_add(&text, "[");
    for (uint32_t i = nnc_batched(t); i < t->rank; i++)
        nnc_text_add(&text, "%s%lld", i > (uint32_t)nnc_batched(t) ? ", " : "", (long long)t->extent[i]);
    nnc_text_add(&text, "]");
    return nnc_text_string(&text);
}

/* Of the function that is exported: one example. Without an output, the weights are all that is kept. */
static sizes sizes_of(nnc_run *run)
{
    const nnc_model *m = run->model;
    const char *error;
    sizes s = {0};
    nnc_network *one = m->outputs ? nnc_exported_network(run, NULL, &error) : NULL;
    for (uint32_t i = 0; i < m->parameters; i++)
        s.parameters += elements_of(m, m->parameter[i].tensor);
    s.weights = 4 * s.parameters;
    for (uint32_t i = 0; i < m->states; i++)
        s.weights += 4 * elements_of(m, m->state[i].tensor);
    for (uint32_t i = 0; i < m->fits; i++)
        s.weights += 4 * elements_of(m, m->fit[i].tensor);
    if (!one)
        return s;
    s.weights = nnc_c_weight_bytes(one->predict->scheduled.loops);
    s.workspace = one->predict->scheduled.loops->workspace_bytes;
    for (uint32_t i = 0; i < one->predict->scheduled.loops->kernels; i++)
        s.flops += one->predict->scheduled.loops->kernel[i]->flops;
    return s;
}

static void add_summary(nnc_run *run, nnc_text *out)
{
    const nnc_model *m = run->model;
    sizes s = sizes_of(run);
    nnc_text_add(out, "%s\n", m->name);
    for (uint32_t i = 0; i < m->declarations; i++)
        nnc_text_add(out, "  %-6s %-18s %-16s%s\n", m->declaration[i].target ? "target" : "input", m->declaration[i].name, shape_text(run, m->declaration[i].tensor),
                     m->declaration[i].class_kind == NNC_CLASS_FROM_DATA ? " class, counted in the data" : m->declaration[i].class_kind == NNC_CLASS_COUNT ? " class" : "");
    nnc_text_add(out, "\n  %-24s %-16s %12s\n", "layer", "shape", "parameters");
    for (uint32_t i = 0; i < m->instances; i++)
        nnc_text_add(out, "  %-24s %-16s %12lld\n", m->instance[i].path, m->instance[i].result ? shape_text(run, m->instance[i].result) : "",
                     (long long)parameters_of(m, m->instance[i].path));
    if (parameters_of(m, ""))
        nnc_text_add(out, "  %-24s %-16s %12lld\n", "(own)", "", (long long)parameters_of(m, ""));
    nnc_text_add(out, "\n");
    for (uint32_t i = 0; i < m->outputs; i++)
        nnc_text_add(out, "  output %-18s %s\n", m->output[i].name, shape_text(run, m->output[i].tensor));
    nnc_text_add(out, "\n  parameters %lld, weights %lld bytes, workspace of one prediction %lld bytes, %.0f flops\n", (long long)s.parameters, (long long)s.weights,
                 (long long)s.workspace, s.flops);
    if (m->assumed_classes)
        nnc_text_add(out, "  (the data decides how many classes there are; %lld are assumed here)\n", (long long)m->assumed_classes);
}

void nnc_print_summary(nnc_run *run)
{
    nnc_text text = {.arena = &run->arena};
    add_summary(run, &text);
    fputs(nnc_text_string(&text), stdout);
}

static json_t *shape_json(const nnc_model *m, nnc_tensor_id id)
{
    const nnc_tensor *t = nnc_tensor_at(m->program, id);
    json_t *shape = json_array();
    for (uint32_t i = nnc_batched(t); i < t->rank; i++)
        json_array_append_new(shape, json_integer(t->extent[i]));
    return shape;
}

static json_t *named_json(const nnc_model *m, const char *name, nnc_tensor_id id)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(name));
    if (id)
        json_object_set_new(object, "shape", shape_json(m, id));
    return object;
}

static json_t *layers_json(const nnc_model *m)
{
    json_t *layers = json_array();
    for (uint32_t i = 0; i < m->instances; i++) {
        json_t *layer = named_json(m, m->instance[i].path, m->instance[i].result);
        json_object_set_new(layer, "kind", json_string(m->instance[i].kind));
        json_object_set_new(layer, "parameters", json_integer(parameters_of(m, m->instance[i].path)));
        json_array_append_new(layers, layer);
    }
    return layers;
}

char *nnc_summary_json(nnc_run *run)
{
    const nnc_model *m = run->model;
    sizes s = sizes_of(run);
    json_t *all = json_object(), *inputs = json_array(), *targets = json_array(), *outputs = json_array(), *parameters = json_array();
    for (uint32_t i = 0; i < m->declarations; i++)
        json_array_append_new(m->declaration[i].target ? targets : inputs, named_json(m, m->declaration[i].name, m->declaration[i].tensor));
    for (uint32_t i = 0; i < m->outputs; i++)
        json_array_append_new(outputs, named_json(m, m->output[i].name, m->output[i].tensor));
    for (uint32_t i = 0; i < m->parameters; i++)
        json_array_append_new(parameters, named_json(m, m->parameter[i].name, m->parameter[i].tensor));
    json_object_set_new(all, "model", json_string(m->name));
    json_object_set_new(all, "inputs", inputs);
    json_object_set_new(all, "targets", targets);
    json_object_set_new(all, "layers", layers_json(m));
    json_object_set_new(all, "weights", parameters);
    json_object_set_new(all, "outputs", outputs);
    json_object_set_new(all, "parameters", json_integer(s.parameters));
    json_object_set_new(all, "weight_bytes", json_integer(s.weights));
    json_object_set_new(all, "workspace_bytes", json_integer(s.workspace));
    json_object_set_new(all, "flops", json_real(s.flops));
    char *text = json_dumps(all, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(12));
    json_decref(all);
    char *kept = text ? nnc_arena_format(&run->arena, "%s\n", text) : NULL;
    free(text);
    return kept;
}
