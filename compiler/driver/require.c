/* --require: conditions on metrics, and on sizes before any training. */
#include <stdio.h>
#include <string.h>
#include "c/c.h"
#include "driver/run.h"

static bool holds(double value, nnc_relation relation, double bound)
{
    switch (relation) {
    case NNC_GE: return value >= bound;
    case NNC_LE: return value <= bound;
    case NNC_GT: return value > bound;
    case NNC_LT: return value < bound;
    case NNC_EQ: return value == bound;
    }
    return false;
}

static const char *const sizes[] = {"workspace", "weights", "parameters", NULL};

/* Of the exported function; without an output, of all that is kept. */
static int64_t weights_of(nnc_run *run, const nnc_network *exported)
{
    const nnc_network *n = run->network;
    int64_t bytes = 0;
    if (exported)
        return nnc_c_weight_bytes(exported->predict->scheduled.loops);
    for (uint32_t i = 0; i < n->slots; i++)
        bytes += n->slot[i].role == NNC_SLOT_PARAMETER || n->slot[i].role == NNC_SLOT_STATE || n->slot[i].role == NNC_SLOT_FIT ? 4 * n->slot[i].elements : 0;
    return bytes;
}

static bool size_of(nnc_run *run, const char *name, double *value)
{
    const nnc_network *n = run->network;
    const char *error;
    nnc_network *exported = run->model->outputs ? nnc_exported_network(run, NULL, &error) : NULL;
    int64_t parameters = 0;
    for (uint32_t i = 0; i < n->slots; i++)
        parameters += n->slot[i].role == NNC_SLOT_PARAMETER ? n->slot[i].elements : 0;
    if (strcmp(name, "workspace") == 0)
        *value = exported ? (double)exported->predict->scheduled.loops->workspace_bytes : 0;
    else if (strcmp(name, "weights") == 0)
        *value = (double)weights_of(run, exported);
    else if (strcmp(name, "parameters") == 0)
        *value = (double)parameters;
    else
        return false;
    return true;
}

static bool result_of(const nnc_run *run, const char *name, const double *results, double *value)
{
    *value = results[0];
    if (strcmp(name, "loss") == 0)
        return true;
    for (uint32_t i = 0; i < run->model->metrics; i++) {
        *value = results[i + 1];
        if (strcmp(run->model->metric[i].name, name) == 0)
            return true;
    }
    return false;
}

static nnc_exit unknown(nnc_run *run, const char *name)
{
    const char **known = NNC_ARRAY(&run->arena, const char *, run->model->metrics + 4);
    uint32_t count = 0;
    known[count++] = "loss";
    for (uint32_t i = 0; i < run->model->metrics; i++)
        known[count++] = run->model->metric[i].name;
    for (int i = 0; sizes[i]; i++)
        known[count++] = sizes[i];
    nnc_text list = {.arena = &run->arena};
    for (uint32_t i = 0; i < count; i++)
        nnc_text_add(&list, "%s%s", i ? ", " : "", known[i]);
    return nnc_error(run, NNC_EXIT_USAGE, "--require: there is no %s to hold to; there are %s", name, nnc_text_string(&list));
}

static bool is_size(const char *name)
{
    for (int k = 0; sizes[k]; k++)
        if (strcmp(sizes[k], name) == 0)
            return true;
    return false;
}

nnc_exit nnc_check_required_names(nnc_run *run)
{
    const double *unused = NNC_ARRAY(&run->arena, double, run->model->metrics + 1);
    double value;
    for (uint32_t i = 0; i < run->options.requires; i++) {
        const nnc_requirement *r = &run->options.require[i];
        if (is_size(r->name))
            continue;
        if (!result_of(run, r->name, unused, &value))
            return unknown(run, r->name);
        if (!run->options.train.count && !run->options.test.count)
            return nnc_error(run, NNC_EXIT_USAGE, "--require '%s': what a metric reaches is seen with --train or --test", r->text);
    }
    return NNC_EXIT_DONE;
}

nnc_exit nnc_check_requirements(nnc_run *run, const double *results)
{
    nnc_exit status = NNC_EXIT_DONE;
    for (uint32_t i = 0; i < run->options.requires; i++) {
        const nnc_requirement *r = &run->options.require[i];
        double value = 0;
        if (is_size(r->name) != !results)
            continue;
        if (results)
            result_of(run, r->name, results, &value);
        else
            size_of(run, r->name, &value);
        if (!holds(value, r->relation, r->value))
            status = nnc_error(run, NNC_EXIT_REQUIRE, "--require '%s' is not met: %s is %.9g", r->text, r->name, value);
    }
    return status;
}
