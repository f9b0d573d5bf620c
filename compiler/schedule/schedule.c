/* Kernels: one a formula or a recurrence, in order, then what is copied at the end. */
#include <ctype.h>
#include <stdio.h>
#include "schedule/lower.h"

/* ---- kernels ---- */

static const char *kernel_name(nnc_scheduler *s, const char *tensor)
{
    nnc_text text = {.arena = s->arena};
    nnc_text_add(&text, "%s_k%u_", s->request->name, (unsigned)s->loops->kernels);
    for (const char *c = tensor; *c; c++)
        nnc_text_add(&text, "%c", isalnum((unsigned char)*c) ? *c : '_');
    return nnc_text_string(&text);
}

static nnc_kernel *new_kernel(nnc_scheduler *s, const char *tensor, nnc_span span)
{
    nnc_kernel *kernel = NNC_NEW(s->arena, nnc_kernel);
    *kernel = (nnc_kernel){.name = kernel_name(s, tensor), .note = tensor, .span = span, .tasks_fixed = 1, .task_block = 1, .phase = s->loops->kernels};
    NNC_PUSH(s->arena, s->loops->kernel, s->loops->kernels, s->loops->kernel_capacity) = kernel;
    s->writes = NNC_ARRAY(s->arena, bool, s->loops->buffers + 1);
    return kernel;
}

static double work_of(const nnc_scheduler *s, const nnc_tensor *t, double *bytes)
{
    double points = 1, elements = 1;
    for (uint32_t i = 0; i < (uint32_t)t->rank + t->reduced; i++) {
        points *= (double)(t->extent[i] < 0 ? s->request->batch : t->extent[i]);
        elements *= i < t->rank ? (double)(t->extent[i] < 0 ? s->request->batch : t->extent[i]) : 1;
    }
    *bytes += 4 * elements;
    return 2 * points;
}

/* Tasks are blocks of slot 0, some eight of them, where that is not the slot in the lanes. */
static void set_tasks(const nnc_scheduler *s, nnc_kernel *k, const nnc_tensor *t)
{
    if (t->rank == 0 || (t->rank == 1 && t->extent[0] > 0))
        return;
    int64_t extent = t->extent[0] < 0 ? s->request->batch : t->extent[0], block = extent / 8;
    k->tasks_fixed = t->extent[0] < 0 ? 0 : extent;
    k->tasks_per_example = t->extent[0] < 0;
    k->task_block = block < 16 ? (extent < 16 ? extent : 16) : block / 16 * 16;
    if (t->extent[0] > 0 && block < 16)
        k->task_block = block < 1 ? 1 : block;
}

/* Opens the loop over tasks; the nest's rows are those of one. */
static void open_tasks(nnc_nest *nest, bool per_row)
{
    nnc_builder *b = nest->b;
    const nnc_kernel *k = nest->kernel;
    nnc_value_id task = nnc_open_for(b, nnc_emit(b, NNC_LOOP_FIRST, NULL, 0, 0), nnc_emit(b, NNC_LOOP_LAST, NULL, 0, 0), 1);
    if (!per_row)
        return;
    nnc_value_id end = k->tasks_per_example ? nnc_emit(b, NNC_LOOP_BATCH, NULL, 0, 0) : nnc_emit_index(b, k->tasks_fixed);
    nest->low = nnc_emit2(b, NNC_LOOP_IMUL, task, nnc_emit_index(b, k->task_block));
    nest->high = nnc_emit2(b, NNC_LOOP_IMIN, nnc_emit2(b, NNC_LOOP_IADD, nest->low, nnc_emit_index(b, k->task_block)), end);
}

static void make_formula(nnc_scheduler *s, nnc_tensor_id id)
{
    const nnc_tensor *t = &s->p->tensor[id];
    nnc_kernel *k = new_kernel(s, t->name, t->span);
    set_tasks(s, k, t);
    k->flops = work_of(s, t, &k->bytes);
    s->writes[s->buffer[id]] = true;
    nnc_nest nest = {.s = s, .b = nnc_builder_new(s->loops, k), .kernel = k};
    open_tasks(&nest, k->tasks_per_example || k->tasks_fixed != 1);
    nnc_emit_formula(&nest, id);
    nnc_close(nest.b);
    nnc_builder_done(nest.b);
}

/* ---- recurrences ---- */

static bool reads_own_row(const nnc_scheduler *s, const bool *member, nnc_ref ref)
{
    const nnc_node *n = &s->p->node[ref];
    if (n->op == NNC_OP_READ && member[n->integer[0]]) {
        const nnc_node *first = &s->p->node[s->p->args[n->first]];
        if (first->op != NNC_OP_INDEX || first->integer[0] != 0)
            return false;
    }
    for (uint32_t i = 0; i < n->count; i++)
        if (!reads_own_row(s, member, s->p->args[n->first + i]))
            return false;
    return true;
}

/* Every member is of the example's own row alone: rows are independent tasks. */
static bool rows_are_independent(nnc_scheduler *s, const nnc_order_item *loop)
{
    bool *member = NNC_ARRAY(s->arena, bool, s->p->tensors);
    for (uint32_t i = 0; i < loop->members; i++)
        member[loop->member[i]] = true;
    for (uint32_t i = 0; i < loop->members; i++) {
        const nnc_tensor *t = &s->p->tensor[loop->member[i]];
        if (!nnc_batched(t) || !reads_own_row(s, member, t->body))
            return false;
    }
    return true;
}

static void emit_items(nnc_nest *nest, const nnc_order_item *items, uint32_t count, nnc_value_id (*fixed)[NNC_MAX_SLOTS])
{
    nnc_builder *b = nest->b;
    for (uint32_t i = 0; i < count; i++) {
        const nnc_order_item *item = &items[i];
        if (item->tensor) {
            for (int slot = 0; slot < NNC_MAX_SLOTS; slot++)
                nest->fixed[slot] = fixed[item->tensor][slot];
            nnc_emit_formula(nest, item->tensor);
            continue;
        }
        nnc_value_id t = nnc_open_for(b, nnc_emit_index(b, 0), nnc_emit_index(b, item->extent), 1);
        if (item->backward)
            t = nnc_emit2(b, NNC_LOOP_ISUB, nnc_emit_index(b, item->extent - 1), t);
        for (uint32_t m = 0; m < item->members; m++)
            fixed[item->member[m]][item->slot[m]] = t;
        emit_items(nest, item->item, item->items, fixed);
        nnc_close(b);
    }
}

static void make_loop(nnc_scheduler *s, const nnc_order_item *loop)
{
    const nnc_tensor *first = &s->p->tensor[loop->member[0]];
    nnc_kernel *k = new_kernel(s, first->name, first->span);
    bool independent = rows_are_independent(s, loop);
    if (independent) {
        k->tasks_fixed = 0;
        k->tasks_per_example = 1;
        k->task_block = 16;
    }
    for (uint32_t m = 0; m < loop->members; m++) {
        s->writes[s->buffer[loop->member[m]]] = true;
        k->flops += work_of(s, &s->p->tensor[loop->member[m]], &k->bytes);
    }
    nnc_nest nest = {.s = s, .b = nnc_builder_new(s->loops, k), .kernel = k};
    nnc_value_id(*fixed)[NNC_MAX_SLOTS] = nnc_arena_allocate(s->arena, s->p->tensors, sizeof *fixed);
    open_tasks(&nest, independent);
    emit_items(&nest, loop, 1, fixed);
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

static void make_copy(nnc_scheduler *s, uint32_t to, uint32_t from, const nnc_tensor *t)
{
    nnc_kernel *k = new_kernel(s, t->name, t->span);
    const nnc_buffer *buffer = &s->loops->buffer[to];
    uint8_t lanes = s->machine->lanes;
    nnc_nest nest = {.s = s, .b = nnc_builder_new(s->loops, k), .kernel = k};
    nnc_builder *b = nest.b;
    s->writes[to] = true;
    k->bytes = 8 * (double)buffer->elements * (double)(buffer->batched ? s->request->batch : 1);
    open_tasks(&nest, false);
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

/* ---- where formulas stand ---- */

typedef struct uses { uint32_t *position, *last; bool *in_place_reader; } uses;

static void place_item(const nnc_order_item *item, uint32_t kernel, uint32_t *position)
{
    if (item->tensor)
        position[item->tensor] = kernel;
    for (uint32_t m = 0; m < item->members; m++)
        position[item->member[m]] = kernel;
}

static void note_reads(const nnc_scheduler *s, nnc_ref ref, uint32_t at, uint32_t *last, uint32_t *seen, uint32_t mark)
{
    const nnc_node *n = &s->p->node[ref];
    if (seen[ref] == mark)
        return;
    seen[ref] = mark;
    if (n->op == NNC_OP_READ && last[n->integer[0]] < at)
        last[n->integer[0]] = at;
    for (uint32_t i = 0; i < n->count; i++)
        note_reads(s, s->p->args[n->first + i], at, last, seen, mark);
}

/* Every read of tensor w in the expression is at the formula's own place. */
static bool reads_in_place(const nnc_scheduler *s, nnc_ref ref, nnc_tensor_id w)
{
    const nnc_node *n = &s->p->node[ref];
    for (uint32_t i = 0; i < n->count; i++) {
        const nnc_node *a = &s->p->node[s->p->args[n->first + i]];
        if (n->op == NNC_OP_READ && n->integer[0] == (int64_t)w && !(a->op == NNC_OP_INDEX && a->integer[0] == (int64_t)i))
            return false;
        if (!reads_in_place(s, s->p->args[n->first + i], w))
            return false;
    }
    return true;
}

/* `next` may be computed where its tensor lives: nobody reads the old value after it, and it reads its own place alone. */
static void find_in_place(nnc_scheduler *s, const uint32_t *position, const uint32_t *last)
{
    s->in_place = NNC_ARRAY(s->arena, bool, s->p->tensors);
    bool *taken = NNC_ARRAY(s->arena, bool, s->p->tensors);
    for (uint32_t i = 0; i < s->request->arguments; i++)
        taken[s->request->argument[i]] = true;
    for (nnc_tensor_id id = 1; id < s->p->tensors; id++) {
        nnc_tensor_id next = s->p->tensor[id].next;
        const nnc_tensor *n = &s->p->tensor[next];
        if (!next || taken[next] || n->kind != NNC_KIND_FORMULA || n->reduce != NNC_REDUCE_NONE || last[id] > position[next])
            continue;
        taken[next] = true;
        s->in_place[next] = reads_in_place(s, n->body, id);
    }
}

static void make_all(nnc_scheduler *s)
{
    const nnc_program *p = s->p;
    for (uint32_t i = 0; i < s->order.items; i++) {
        if (s->order.item[i].tensor)
            make_formula(s, s->order.item[i].tensor);
        else
            make_loop(s, &s->order.item[i]);
    }
    for (uint32_t i = 0; i < s->request->arguments; i++) {
        nnc_tensor_id id = s->request->argument[i];
        if (s->argument[i] != s->buffer[id])
            make_copy(s, s->argument[i], s->buffer[id], &p->tensor[id]);
    }
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        if (p->tensor[id].next && !s->in_place[p->tensor[id].next])
            make_copy(s, s->buffer[id], s->buffer[p->tensor[id].next], &p->tensor[id]);
}

static const char *fused_text(const nnc_scheduler *s)
{
    nnc_text text = {.arena = s->arena};
    double flops = 0;
    for (uint32_t i = 0; i < s->loops->kernels; i++) {
        const nnc_kernel *k = s->loops->kernel[i];
        nnc_text_add(&text, "kernel %-3u %-40s %12.0f flops %12.0f bytes  %u operations\n", (unsigned)i, k->note, k->flops, k->bytes, (unsigned)nnc_kernel_operations(k));
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
    uint32_t *position = NNC_ARRAY(arena, uint32_t, p->tensors), *last = NNC_ARRAY(arena, uint32_t, p->tensors), *seen = NNC_ARRAY(arena, uint32_t, p->nodes);
    s.loops = NNC_NEW(arena, nnc_loops);
    *s.loops = (nnc_loops){.arena = arena, .name = request->name, .batch = request->batch};
    s.buffer = NNC_ARRAY(arena, uint32_t, p->tensors);
    s.argument = NNC_ARRAY(arena, uint32_t, request->arguments + 1);
    NNC_PUSH(arena, s.loops->buffer, s.loops->buffers, s.loops->buffer_capacity) = (nnc_buffer){.name = "none", .storage = NNC_STORAGE_HOST, .elements = 1};
    s.order = nnc_order_of(arena, p, &error);
    for (uint32_t i = 0; i < s.order.items; i++)
        place_item(&s.order.item[i], i, position);
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        if (p->tensor[id].kind == NNC_KIND_FORMULA) {
            last[id] = last[id] < position[id] ? position[id] : last[id];
            note_reads(&s, p->tensor[id].body, position[id], last, seen, id);
        }
    find_in_place(&s, position, last);
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        if (p->tensor[id].next)
            last[p->tensor[id].next] = UINT32_MAX;
    for (uint32_t i = 0; i < request->arguments; i++)
        last[request->argument[i]] = UINT32_MAX;
    nnc_store_tensors(&s);
    nnc_place_workspace(&s, position, last);
    make_all(&s);
    return (nnc_scheduled){s.loops, s.schedule, s.schedules, fused_text(&s)};
}
