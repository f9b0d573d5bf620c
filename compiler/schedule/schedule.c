/* Kernels: one a formula or a recurrence, in order, then what is copied at the end. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "schedule/lower.h"

/* ---- kernels ---- */

static const char *kernel_name(nnc_scheduler *s, const char *tensor)
{
    nnc_text text = {.arena = s->arena};
    nnc_text_add(&text, "%s_k%u_", s->request->name, (unsigned)s->loops->kernels);
    for (const char *c = tensor; *c; c++)
        nnc_text_add_bytes(&text, isalnum((unsigned char)*c) ? c : "_", 1);
    return nnc_text_string(&text);
}

static nnc_kernel *new_kernel(nnc_scheduler *s, const char *tensor, nnc_span span, uint32_t phase)
{
    nnc_kernel *kernel = NNC_NEW(s->arena, nnc_kernel);
    *kernel = (nnc_kernel){.name = kernel_name(s, tensor), .note = tensor, .span = span, .tasks_fixed = 1, .task_block = 1, .phase = phase};
    NNC_PUSH(s->arena, s->loops->kernel, s->loops->kernels, s->loops->kernel_capacity) = kernel;
    if (s->loops->buffers + 1 > s->write_capacity) {
        s->write_capacity = 2 * s->loops->buffers + 2;
        s->writes = NNC_ARRAY(s->arena, bool, s->write_capacity);
    }
    memset(s->writes, 0, s->write_capacity * sizeof *s->writes);
    s->scratches = s->scratch_held = 0;
    return kernel;
}

static double work_of(const nnc_scheduler *s, const nnc_tensor *t, double *bytes, bool stored)
{
    double points = 1, elements = 1;
    for (uint32_t i = 0; i < (uint32_t)t->rank + t->reduced; i++) {
        points *= (double)nnc_extent_at(s, t, (int)i);
        elements *= i < t->rank ? (double)nnc_extent_at(s, t, (int)i) : 1;
    }
    *bytes += stored ? 4 * elements : 0;
    return 2 * points;
}

/* What one example takes, in operations. */
static double work_of_example(const nnc_scheduler *s)
{
    double work = 0, bytes = 0;
    for (nnc_tensor_id id = 1; id < s->p->tensors; id++)
        if (s->p->tensor[id].kind == NNC_KIND_FORMULA && nnc_batched(&s->p->tensor[id]))
            work += work_of(s, &s->p->tensor[id], &bytes, false);
    return work / (double)s->request->batch;
}

/* Examples of which each is worth sharing out come in smaller blocks, so that few of them occupy several threads too. */
static const double HEAVY_EXAMPLE = 1e6;

/* Tasks are blocks of slot 0, some eight of them; the same blocks for the same extent, since kernels of one phase hand rows to one another. */
static void set_tasks(const nnc_scheduler *s, nnc_kernel *k, int64_t extent)
{
    int64_t rows = extent < 0 ? s->request->batch : extent, block = rows / 8;
    if (extent < 0 && s->in_blocks) {
        block = block < NNC_BLOCK ? 1 : block / NNC_BLOCK;
        k->tasks_per_example = true;
        k->task_block = NNC_BLOCK * block;
        return;
    }
    k->tasks_fixed = extent < 0 ? 0 : extent;
    k->tasks_per_example = extent < 0;
    if (extent < 0 && block < 16)
        k->task_block = s->example_work >= HEAVY_EXAMPLE ? (block < 1 ? 1 : block) : rows < 16 ? rows : 16;
    else if (extent < 0)
        k->task_block = block / 16 * 16;
    else
        k->task_block = block < 16 ? (rows < 8 ? 1 : 8) : block / 16 * 16;
}

/* A body that is run once: the nest's rows are those of all the tasks given; of a group without rows, or none, there is one task. */
static void open_tasks(nnc_nest *nest, const nnc_group *group)
{
    nnc_builder *b = nest->b;
    const nnc_kernel *k = nest->kernel;
    nnc_value_id first = nnc_emit(b, NNC_LOOP_FIRST, NULL, 0, 0), last = nnc_emit(b, NNC_LOOP_LAST, NULL, 0, 0);
    nnc_open_if(b, nnc_emit2(b, NNC_LOOP_ILT, first, last));
    if (!group || !group->rows)
        return;
    const nnc_tensor *head = &nest->s->p->tensor[group->member[0]];
    nnc_value_id end = nnc_emit_extent(b, head->extent[group->task_slot]), block = nnc_emit_index(b, nnc_rows_of_task(k, head));
    nest->low = nnc_emit2(b, NNC_LOOP_IMUL, first, block);
    nest->high = nnc_emit2(b, NNC_LOOP_IMIN, nnc_emit2(b, NNC_LOOP_IMUL, last, block), end);
}

/* `a + b + c`: the names of the group's members. */
static const char *names_of(const nnc_scheduler *s, const nnc_group *group)
{
    nnc_text text = {.arena = s->arena};
    for (uint32_t i = 0; i < group->members; i++)
        nnc_text_add(&text, "%s%s", i ? " + " : "", s->p->tensor[group->member[i]].name);
    return nnc_text_string(&text);
}

static nnc_kernel *group_kernel(nnc_scheduler *s, const nnc_group *group)
{
    const nnc_tensor *head = &s->p->tensor[group->member[0]];
    nnc_kernel *k = new_kernel(s, head->name, head->span, group->phase);
    k->note = names_of(s, group);
    if (group->rows)
        set_tasks(s, k, head->extent[group->task_slot]);
    for (uint32_t m = 0; m < group->members; m++) {
        nnc_tensor_id id = group->member[m];
        k->flops += work_of(s, &s->p->tensor[id], &k->bytes, s->plan->stored[id]);
        if (s->plan->stored[id])
            s->writes[s->buffer[id]] = true;
    }
    return k;
}

static void make_group(nnc_scheduler *s, const nnc_group *group)
{
    nnc_kernel *k = group_kernel(s, group);
    nnc_nest nest = {.s = s, .b = nnc_builder_new(s->loops, k), .kernel = k, .group = group, .task_slot = (int)group->task_slot};
    nnc_group head = *group, rest = *group;
    open_tasks(&nest, group);
    if (group->apart) {
        head.members = 1;
        nest.group = &head;
        nnc_emit_formula(&nest, head.member[0]);
        rest.member++, rest.members--;
        nest.group = &rest;
    }
    nnc_emit_formula(&nest, rest.member[0]);
    nnc_close(nest.b);
    nnc_builder_done(nest.b);
}

/* ---- recurrences ---- */

/* One formula, at the present steps of the loops around; or, before them, what it packs. */
static void emit_step(nnc_nest *nest, nnc_tensor_id id, const nnc_value_id *fixed, bool packing)
{
    for (int slot = 0; slot < NNC_MAX_SLOTS; slot++)
        nest->fixed[slot] = fixed[slot];
    if (packing)
        nnc_pack_formula(nest, id);
    else
        nnc_emit_formula(nest, id);
}

static void pack_items(nnc_nest *nest, const nnc_order_item *items, uint32_t count, nnc_value_id (*fixed)[NNC_MAX_SLOTS])
{
    int64_t steps = nest->steps;
    for (uint32_t i = 0; i < count; i++) {
        const nnc_order_item *item = &items[i];
        if (item->tensor) {
            emit_step(nest, item->tensor, fixed[item->tensor], true);
            continue;
        }
        for (uint32_t m = 0; m < item->members; m++)
            fixed[item->member[m]][item->slot[m]] = nnc_emit_index(nest->b, 0);
        nest->steps = steps * item->extent;
        pack_items(nest, item->item, item->items, fixed);
        nest->steps = steps;
    }
}

static void emit_items(nnc_nest *nest, const nnc_order_item *items, uint32_t count, nnc_value_id (*fixed)[NNC_MAX_SLOTS])
{
    nnc_builder *b = nest->b;
    int64_t steps = nest->steps;
    for (uint32_t i = 0; i < count; i++) {
        const nnc_order_item *item = &items[i];
        if (item->tensor) {
            emit_step(nest, item->tensor, fixed[item->tensor], false);
            continue;
        }
        nnc_value_id t = nnc_open_for(b, nnc_emit_index(b, 0), nnc_emit_index(b, item->extent), 1);
        if (item->backward)
            t = nnc_emit2(b, NNC_LOOP_ISUB, nnc_emit_index(b, item->extent - 1), t);
        for (uint32_t m = 0; m < item->members; m++)
            fixed[item->member[m]][item->slot[m]] = t;
        nest->steps = steps * item->extent;
        emit_items(nest, item->item, item->items, fixed);
        nest->steps = steps;
        nnc_close(b);
    }
}

static void make_loop(nnc_scheduler *s, const nnc_group *group)
{
    nnc_kernel *k = group_kernel(s, group);
    nnc_nest nest = {.s = s, .b = nnc_builder_new(s->loops, k), .kernel = k, .steps = 1};
    nnc_value_id(*fixed)[NNC_MAX_SLOTS] = nnc_arena_allocate(s->arena, s->p->tensors, sizeof *fixed);
    open_tasks(&nest, group);
    pack_items(&nest, group->loop, 1, fixed);
    emit_items(&nest, group->loop, 1, fixed);
    nnc_close(nest.b);
    nnc_builder_done(nest.b);
}

/* ---- copies ---- */

static void copy_block(nnc_nest *nest, uint32_t to, uint32_t from, nnc_value_id low, nnc_value_id high, uint8_t lanes)
{
    nnc_value_id at = nnc_open_for(nest->b, low, high, lanes);
    nnc_emit_store(nest->b, to, at, nnc_emit_load(nest->b, from, at, lanes, false));
    nnc_close(nest->b);
}

static void make_copy(nnc_scheduler *s, uint32_t to, uint32_t from, const nnc_tensor *t, uint32_t phase)
{
    nnc_kernel *k = new_kernel(s, t->name, t->span, phase);
    const nnc_buffer *buffer = &s->loops->buffer[to];
    uint8_t lanes = s->machine->lanes;
    nnc_nest nest = {.s = s, .b = nnc_builder_new(s->loops, k), .kernel = k};
    nnc_builder *b = nest.b;
    s->writes[to] = true;
    k->bytes = 8 * (double)buffer->elements * (double)(buffer->batched ? s->request->batch : 1);
    open_tasks(&nest, NULL);
    nnc_value_id count = nnc_emit_index(b, buffer->elements);
    if (buffer->batched)
        count = nnc_emit2(b, NNC_LOOP_IMUL, count, nnc_emit(b, NNC_LOOP_BATCH, NULL, 0, 0));
    nnc_value_id whole = nnc_emit2(b, NNC_LOOP_IMUL, nnc_emit(b, NNC_LOOP_QUOTIENT, &count, 1, lanes), nnc_emit_index(b, lanes));
    copy_block(&nest, to, from, nnc_emit_index(b, 0), lanes > 1 ? whole : count, lanes);
    if (lanes > 1)
        copy_block(&nest, to, from, whole, count, 1);
    nnc_close(b);
    nnc_builder_done(b);
}

/* ---- all ---- */

static void make_all(nnc_scheduler *s)
{
    const nnc_program *p = s->p;
    for (uint32_t i = 0; i < s->plan->groups; i++) {
        const nnc_group *group = &s->plan->group[i];
        if (group->loop)
            make_loop(s, group);
        else
            make_group(s, group);
    }
    for (uint32_t i = 0; i < s->request->arguments; i++) {
        nnc_tensor_id id = s->request->argument[i];
        if (s->argument[i] != s->buffer[id])
            make_copy(s, s->argument[i], s->buffer[id], &p->tensor[id], s->plan->phases);
    }
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        if (p->tensor[id].next && !s->plan->in_place[p->tensor[id].next])
            make_copy(s, s->buffer[id], s->buffer[p->tensor[id].next], &p->tensor[id], s->plan->phases + 1);
}

static const char *fused_text(const nnc_scheduler *s)
{
    nnc_text text = {.arena = s->arena};
    double flops = 0;
    for (uint32_t i = 0; i < s->loops->kernels; i++) {
        const nnc_kernel *k = s->loops->kernel[i];
        nnc_text_add(&text, "phase %-3u kernel %-3u %-60s %12.0f flops %12.0f bytes  %u operations\n", (unsigned)k->phase, (unsigned)i, k->note, k->flops, k->bytes, (unsigned)nnc_kernel_operations(k));
        flops += k->flops;
    }
    nnc_text_add(&text, "%u kernels, %.0f flops; workspace %lld bytes\n", (unsigned)s->loops->kernels, flops, (long long)s->loops->workspace_bytes);
    return nnc_text_string(&text);
}

nnc_scheduled nnc_schedule(nnc_arena *arena, const nnc_schedule_request *request)
{
    const nnc_program *p = request->program;
    const char *error = NULL;
    nnc_scheduler s = {.arena = arena, .p = p, .request = request, .machine = request->machine};
    bool *kept = NNC_ARRAY(arena, bool, p->tensors);
    s.loops = NNC_NEW(arena, nnc_loops);
    *s.loops = (nnc_loops){.arena = arena, .name = request->name, .batch = request->batch, .over_read = request->over_read, .straight = request->machine->prefetches || request->machine->small, .alone = request->serial && request->batch == 1};
    s.buffer = NNC_ARRAY(arena, uint32_t, p->tensors);
    s.argument = NNC_ARRAY(arena, uint32_t, request->arguments + 1);
    NNC_PUSH(arena, s.loops->buffer, s.loops->buffers, s.loops->buffer_capacity) = (nnc_buffer){.name = "none", .storage = NNC_STORAGE_HOST, .elements = 1};
    s.order = nnc_order_of(arena, p, &error);
    for (uint32_t i = 0; i < request->arguments; i++)
        kept[request->argument[i]] = true;
    s.plan = nnc_plan_make(arena, p, &s.order, kept, request->batch, request->level > 0, request->serial);
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        s.in_blocks |= nnc_in_blocks(&p->tensor[id]);
    s.example_work = work_of_example(&s);
    nnc_find_kept(&s);
    nnc_store_tensors(&s);
    nnc_place_workspace(&s);
    make_all(&s);
    nnc_count_plan(&s);
    nnc_scheduled scheduled = {s.loops, s.schedule, s.schedules, fused_text(&s), {0}};
    memcpy(scheduled.taken, s.taken, sizeof s.taken);
    return scheduled;
}
