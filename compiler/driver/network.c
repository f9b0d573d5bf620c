/* A model's compiled programs on one persistent block. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "driver/network.h"
#include "base/clock.h"

static bool find_machine(nnc_network *network, const nnc_network_request *request, const char **error)
{
    if (!request->compile) {
        network->machine = request->machine ? request->machine : nnc_machine_find("c");
        return true;
    }
    network->machine = nnc_network_machine(network, request, error);
    return network->machine != NULL;
}

/* ---- the parts ---- */

static bool make_train(nnc_network *network, const nnc_network_request *request)
{
    nnc_model *model = network->model;
    nnc_tensor_id norm;
    network->has_norm = (request->parts & NNC_PART_NORM) != 0;
    if (!nnc_assemble_update(network, network->has_norm, &norm))
        return false;
    nnc_tensor_id *roots = NNC_ARRAY(network->arena, nnc_tensor_id, model->parameters + model->states + 2);
    uint32_t count = 0, outputs;
    roots[count++] = model->loss;
    if (network->has_norm)
        roots[count++] = norm;
    outputs = count;
    for (uint32_t i = 0; i < model->parameters; i++)
        if (nnc_tensor_at(model->program, model->parameter[i].tensor)->next)
            roots[count++] = model->parameter[i].tensor;
    for (uint32_t i = 0; i < model->states; i++)
        if (nnc_tensor_at(model->program, model->state[i].tensor)->next)
            roots[count++] = model->state[i].tensor;
    network->train = nnc_part_make(network, "train", model->program, roots, outputs, count, true, request->train_batch, request->level);
    return true;
}

static void make_predict(nnc_network *network, const nnc_network_request *request)
{
    nnc_model *model = network->model;
    nnc_tensor_id *roots = NNC_ARRAY(network->arena, nnc_tensor_id, model->outputs + 1);
    for (uint32_t i = 0; i < model->outputs; i++)
        roots[i] = model->output[i].tensor;
    network->predict = nnc_part_make(network, "predict", model->program, roots, model->outputs, model->outputs, false, request->set_batch, request->level);
}

static void make_measure(nnc_network *network, const nnc_network_request *request)
{
    nnc_model *model = network->model;
    nnc_tensor_id *roots = NNC_ARRAY(network->arena, nnc_tensor_id, model->metrics + 1);
    roots[0] = model->measured_loss;
    for (uint32_t i = 0; i < model->metrics; i++)
        roots[i + 1] = model->metric[i].tensor;
    network->measure = nnc_set_make(network, "measure", roots, model->metrics + 1, request->set_batch, request->level);
}

static void make_fits(nnc_network *network, const nnc_network_request *request)
{
    nnc_model *model = network->model;
    network->fit = NNC_ARRAY(network->arena, nnc_network_set *, model->fits + 1);
    for (uint32_t i = 0; i < model->fits; i++)
        network->fit[i] = nnc_set_make(network, nnc_arena_format(network->arena, "fit_%u", (unsigned)i), &model->fit[i].definition, 1, request->set_batch,
                                       request->level);
}

/* ---- the persistent block ---- */

static void add_slot(nnc_network *network, nnc_slot_role role, const char *name, nnc_tensor_id id)
{
    const nnc_tensor *t = nnc_tensor_at(network->model->program, id);
    const nnc_layout_entry *entry = nnc_layout_place(network->layout, t->name, nnc_elements(t), t->element, NULL);
    nnc_slot slot = {name, role, entry->offset, entry->elements, t->rank, {0}, t->element != NNC_REAL, false};
    for (uint32_t i = 0; i < t->rank && i < 8; i++)
        slot.extent[i] = t->extent[i];
    if (nnc_name_map_get(&network->slot_names, name) == NNC_NO_NUMBER)
        nnc_name_map_put(&network->slot_names, name, network->slots);
    network->slot[network->slots++] = slot;
}

/* Whether the training program (or, without one, any part) holds the tensor at all: what nothing reads is not kept. */
static bool is_used(const nnc_network *network, const char *name)
{
    for (uint32_t i = 0; i < network->parts; i++)
        if (nnc_find(network->part[i]->program, name))
            return true;
    return false;
}

/* False also for what starts at a formula's values, which are not known here. */
static bool starts_finite(const nnc_initial *initial) { return initial->kind != NNC_INIT_TENSOR && (initial->kind != NNC_INIT_CONSTANT || isfinite(initial->a)); }

static void list_slots(nnc_network *network)
{
    const nnc_model *model = network->model;
    network->slot_names.arena = network->arena;
    network->slot = NNC_ARRAY(network->arena, nnc_slot, model->parameters + model->states + model->fits + network->optimizer_states + network->layout->entries + 1);
    for (uint32_t i = 0; i < model->parameters; i++) {
        add_slot(network, NNC_SLOT_PARAMETER, model->parameter[i].name, model->parameter[i].tensor);
        network->slot[i].finite = !network->slot[i].integer && starts_finite(&model->parameter[i].initial);
    }
    for (uint32_t i = 0; i < model->states; i++)
        add_slot(network, NNC_SLOT_STATE, model->state[i].name, model->state[i].tensor);
    for (uint32_t i = 0; i < model->fits; i++)
        add_slot(network, NNC_SLOT_FIT, model->fit[i].name, model->fit[i].tensor);
    for (uint32_t i = 0; i < network->optimizer_states; i++)
        if (is_used(network, network->optimizer_state[i].name))
            add_slot(network, NNC_SLOT_OPTIMIZER, network->optimizer_state[i].name, network->optimizer_state[i].tensor);
}

static void fill_constants(nnc_network *network)
{
    for (uint32_t i = 0; i < network->layout->entries; i++) {
        const nnc_layout_entry *entry = &network->layout->entry[i];
        for (int64_t e = 0; entry->values && e < entry->elements; e++) {
            char *at = (char *)network->persistent + entry->offset + 4 * e;
            int32_t whole = (int32_t)entry->values[e];
            if (entry->element == NNC_REAL)
                memcpy(at, &entry->values[e], 4);
            else
                memcpy(at, &whole, 4);
        }
    }
}

static void allocate_persistent(nnc_network *network)
{
    size_t bytes = ((size_t)network->layout->bytes + 127) / 64 * 64;
    network->persistent = nnc_arena_tensors(network->arena, bytes);
    fill_constants(network);
}

/* The sets' passes hold copies of their parts' steps, which are complete only once linked. */
static void copy_steps(nnc_network_set *set)
{
    for (uint32_t i = 0; set && i < set->values.passes; i++)
        ((nnc_set_pass *)set->values.pass)[i].step = set->pass[i]->step;
}

/* Steps are complete: what only building needed goes. */
static void settle(nnc_network *network)
{
    for (uint32_t i = 0; i < network->parts; i++)
        nnc_part_settle(network->part[i]);
    for (uint32_t i = 0; i < network->layout->entries; i++)
        network->layout->entry[i].values = NULL;
}

static bool build(nnc_network *network, const nnc_network_request *request, const char **error)
{
    nnc_arena *arena = network->arena;
    if (!find_machine(network, request, error))
        return false;
    network->layout = nnc_layout_new(arena, request->serial && network->machine->small ? 4 : 64);
    if ((request->parts & NNC_PART_TRAIN) && !make_train(network, request))
        return false;
    if (request->parts & NNC_PART_FITS)
        make_fits(network, request);
    if (request->parts & NNC_PART_MEASURE)
        make_measure(network, request);
    if (request->parts & NNC_PART_PREDICT)
        make_predict(network, request);
    list_slots(network);
    allocate_persistent(network);
    if (request->compile && !nnc_network_compile(network, request, error))
        return false;
    if (network->work != arena)
        settle(network);
    copy_steps(network->measure);
    for (uint32_t i = 0; network->fit && i < network->model->fits; i++)
        copy_steps(network->fit[i]);
    return true;
}

enum { WORK_BYTES = 1 << 20 };      /* what building takes at least, of all but the smallest networks */

nnc_network *nnc_network_build(nnc_arena *arena, const nnc_network_request *request, const char **error)
{
    nnc_network *network = NNC_NEW(arena, nnc_network);
    double start = nnc_now();
    bool forgets = request->compile && !request->listed;
    nnc_arena work;
    nnc_arena_open(&work, arena->failed, arena->failed_context);
    if (forgets)
        nnc_arena_reserve(&work, WORK_BYTES);
    *error = NULL;
    network->arena = arena;
    network->work = forgets ? &work : arena;
    network->model = request->model;
    network->serial = request->serial;
    bool built = build(network, request, error);
    if (!built && *error)
        *error = nnc_arena_string(arena, *error);
    network->work = NULL;
    nnc_arena_close(&work);
    network->compile_seconds = nnc_now() - start;
    return built ? network : NULL;
}

void nnc_network_close(nnc_network *network)
{
    if (network)
        nnc_network_unlink(network);
}

const nnc_slot *nnc_network_slot(const nnc_network *network, const char *name)
{
    uint32_t number = nnc_name_map_get(&network->slot_names, name);
    return number == NNC_NO_NUMBER ? NULL : &network->slot[number];
}
