/* One program of the network: what its roots need, simplified, with schedules hoisted, scheduled for the machine. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "driver/network.h"
#include "formula/interpret.h"
#include "transform/prepare.h"

/* What is worth preparing: see transform/prepare.h. */
enum { SMALL_RESULT = 4096, MANY_POINTS = 16, OFTEN_READ = 512 };

/* A pass's result is checked where that is asked for or in debug builds; what is wrong then is a fault of ours. */
static void must_hold(const nnc_program *p, const char *pass, const char *part)
{
    const char *wrong = nnc_program_verify(p);
    if (wrong) {
        fprintf(stderr, "nnc: fault: after %s of %s: %s\n", pass, part, wrong);
        abort();
    }
}

static void fill_schedules(void *context, double step, double steps, double epoch, double epochs, float *out)
{
    nnc_part *part = context;
    if (!part->clock)
        part->clock = nnc_interpreter_new(part->network->arena, part->program, 1);
    part->clock->step = step;
    part->clock->steps = steps;
    part->clock->epoch = epoch;
    part->clock->epochs = epochs;
    nnc_interpreter_schedules(part->clock, part->scheduled.schedule, part->scheduled.schedules, out);
}

static void place_persistent(nnc_network *network, const nnc_program *p)
{
    for (nnc_tensor_id t = 1; t < p->tensors; t++) {
        const nnc_tensor *tensor = nnc_tensor_at(p, t);
        if (tensor->kind == NNC_KIND_PARAMETER || tensor->kind == NNC_KIND_STATE || tensor->kind == NNC_KIND_FIT || tensor->kind == NNC_KIND_CONSTANT)
            nnc_layout_place(network->layout, tensor->name, nnc_elements(tensor), tensor->element, tensor->kind == NNC_KIND_CONSTANT ? tensor->values : NULL);
    }
}

static void set_arguments(nnc_part *part, const nnc_tensor_id *roots, uint32_t outputs)
{
    const nnc_program *p = part->program;
    nnc_arena *arena = part->network->arena;
    uint32_t count = 0;
    part->argument = NNC_ARRAY(part->network->work, nnc_tensor_id, p->tensors + outputs);
    for (nnc_tensor_id t = 1; t < p->tensors; t++)
        if (nnc_tensor_at(p, t)->kind == NNC_KIND_INPUT)
            part->argument[count++] = t;
    for (uint32_t i = 0; i < outputs; i++)
        part->argument[count++] = roots[i];
    nnc_step_argument *argument = NNC_ARRAY(arena, nnc_step_argument, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const nnc_tensor *t = nnc_tensor_at(p, part->argument[i]);
        argument[i] = (nnc_step_argument){nnc_arena_string(arena, t->name), nnc_elements(t), nnc_batched(t), t->element != NNC_REAL, t->kind != NNC_KIND_INPUT};
    }
    part->step.argument = argument;
    part->step.arguments = count;
}

static bool draws(const nnc_program *p)
{
    for (nnc_ref ref = 1; ref < p->nodes; ref++)
        if (p->node[ref].op == NNC_OP_RANDOM || p->node[ref].op == NNC_OP_GAUSSIAN)
            return true;
    return false;
}

void nnc_part_settle(nnc_part *part)
{
    nnc_arena *arena = part->network->arena;
    nnc_step_kernel *kernel = (nnc_step_kernel *)part->step.kernel;
    uint32_t schedules = part->scheduled.schedules;
    nnc_tensor_id *schedule = NNC_ARRAY(arena, nnc_tensor_id, schedules + 1);
    for (uint32_t i = 0; i < schedules; i++)
        schedule[i] = part->scheduled.schedule[i];
    part->program = nnc_extract(arena, part->program, schedule, schedules, false, NULL);
    for (nnc_tensor_id t = 1; t < part->program->tensors; t++)
        nnc_tensor_at(part->program, t)->name = nnc_arena_string(arena, nnc_tensor_at(part->program, t)->name);
    part->scheduled = (nnc_scheduled){.schedule = schedule, .schedules = schedules};
    part->argument = NULL;
    for (uint32_t i = 0; i < part->step.kernels; i++)
        kernel[i].name = nnc_arena_string(arena, kernel[i].name);
}

nnc_part *nnc_part_make(nnc_network *network, const char *name, const nnc_program *from, const nnc_tensor_id *roots, uint32_t outputs,
                        uint32_t count, bool with_next, int64_t batch, int level)
{
    nnc_arena *arena = network->work;
    nnc_part *part = NNC_NEW(network->arena, nnc_part);
    nnc_tensor_id *root = NNC_ARRAY(arena, nnc_tensor_id, count + 1);
    for (uint32_t i = 0; i < count; i++)
        root[i] = roots[i];
    nnc_program *p = nnc_extract(arena, from, root, count, with_next, NULL);
    must_hold(p, "extraction", name);
    p = nnc_simplify(arena, p, root, count, NULL);
    must_hold(p, "simplification", name);
    nnc_hoist_schedules(p);
    must_hold(p, "hoisting", name);
    int64_t room = batch;
    bool all_lanes = level >= NNC_SCHEDULE_ALL_LANES;
    if (level > 0) {
        p = nnc_use_copies(arena, p, root, count, with_next);
        nnc_lift_guards(p);
        nnc_part_sums(p, SMALL_RESULT, MANY_POINTS);
        if ((with_next || all_lanes) && !network->serial && nnc_use_lanes(p, root, count, batch, all_lanes))
            room = nnc_extent_with(NNC_EXTENT_BLOCKS, batch) * NNC_BLOCK;
        nnc_turn_reads(p, batch, OFTEN_READ);
        must_hold(p, "preparation", name);
    }
    part->name = name;
    part->network = network;
    part->program = p;
    part->draws = draws(p);
    place_persistent(network, p);
    set_arguments(part, root, outputs);
    nnc_schedule_request request = {p, nnc_arena_format(arena, "%s_%s", network->model->name, name), part->argument, part->step.arguments,
                                    room, network->machine, network->layout, level, !network->serial, network->serial};
    part->scheduled = nnc_schedule(arena, &request);
    part->step.batch = batch;
    part->step.workspace_bytes = part->scheduled.loops->workspace_bytes;
    part->step.host_bytes = (int64_t)sizeof(nnc_step_host) + 4 * (int64_t)part->scheduled.schedules;
    part->step.schedules = part->scheduled.schedules ? fill_schedules : NULL;
    part->step.context = part;
    NNC_PUSH(network->arena, network->part, network->parts, network->part_capacity) = part;
    return part;
}
