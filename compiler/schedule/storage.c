/* Where tensors live: arguments, the persistent block, the host block, the workspace. */
#include <string.h>
#include "schedule/lower.h"

static uint32_t add_buffer(nnc_scheduler *s, nnc_buffer buffer)
{
    NNC_PUSH(s->arena, s->loops->buffer, s->loops->buffers, s->loops->buffer_capacity) = buffer;
    return s->loops->buffers - 1;
}

uint32_t nnc_scratch_buffer(nnc_scheduler *s, const char *name, int64_t elements)
{
    if (s->scratch_taken == s->scratches)
        NNC_PUSH(s->arena, s->scratch, s->scratches, s->scratch_capacity) = add_buffer(s, (nnc_buffer){.name = name, .storage = NNC_STORAGE_LOCAL, .written = true});
    uint32_t buffer = s->scratch[s->scratch_taken++];
    nnc_buffer *b = &s->loops->buffer[buffer];
    b->name = strcmp(b->name, name) == 0 ? name : "scratch";
    b->elements = elements > b->elements ? elements : b->elements;
    return buffer;
}

static nnc_buffer buffer_of(const nnc_tensor *t, nnc_tensor_id id, nnc_storage_class storage)
{
    return (nnc_buffer){.name = t->name, .tensor = id, .storage = storage, .elements = nnc_elements(t), .batched = nnc_batched(t),
                        .integer = t->element != NNC_REAL, .written = t->kind == NNC_KIND_FORMULA};
}

static uint32_t store_host(nnc_scheduler *s, nnc_tensor_id id)
{
    nnc_buffer buffer = buffer_of(&s->p->tensor[id], id, NNC_STORAGE_HOST);
    buffer.offset = 4 * (int64_t)(NNC_HOST_SCHEDULES + s->schedules);
    s->schedule[s->schedules++] = id;
    return add_buffer(s, buffer);
}

static uint32_t store_persistent(nnc_scheduler *s, nnc_tensor_id id)
{
    const nnc_tensor *t = &s->p->tensor[id];
    nnc_buffer buffer = buffer_of(t, id, NNC_STORAGE_PERSISTENT);
    const nnc_layout_entry *entry = nnc_layout_place(s->request->layout, t->name, nnc_elements(t), t->element, t->kind == NNC_KIND_CONSTANT ? t->values : NULL);
    buffer.offset = entry->offset;
    buffer.values = t->values;
    buffer.written = t->next != 0;
    return add_buffer(s, buffer);
}

static uint32_t store_formula(nnc_scheduler *s, nnc_tensor_id id)
{
    const nnc_tensor *t = &s->p->tensor[id];
    nnc_buffer buffer = buffer_of(t, id, NNC_STORAGE_WORKSPACE);
    if (s->kept[id].steps)
        buffer.elements = buffer.elements / t->extent[s->kept[id].slot] * s->kept[id].steps;
    return add_buffer(s, buffer);
}

void nnc_store_tensors(nnc_scheduler *s)
{
    const nnc_program *p = s->p;
    s->schedule = NNC_ARRAY(s->arena, nnc_tensor_id, p->tensors);
    s->loops->arguments = s->request->arguments;
    s->host_words = add_buffer(s, (nnc_buffer){.name = "host", .storage = NNC_STORAGE_HOST, .elements = NNC_HOST_SCHEDULES, .integer = true});
    for (uint32_t i = 0; i < s->request->arguments; i++) {
        nnc_tensor_id id = s->request->argument[i];
        nnc_buffer buffer = buffer_of(&p->tensor[id], id, NNC_STORAGE_ARGUMENT);
        buffer.argument = i;
        uint32_t made = add_buffer(s, buffer);
        if (!s->buffer[id] && (p->tensor[id].kind == NNC_KIND_FORMULA || p->tensor[id].kind == NNC_KIND_INPUT))
            s->buffer[id] = made;
        s->argument[i] = made;
    }
    for (nnc_tensor_id id = 1; id < p->tensors; id++) {
        const nnc_tensor *t = &p->tensor[id];
        if (s->buffer[id])
            continue;
        if (t->kind == NNC_KIND_SCHEDULE)
            s->buffer[id] = store_host(s, id);
        else if (t->kind == NNC_KIND_PARAMETER || t->kind == NNC_KIND_STATE || t->kind == NNC_KIND_FIT || t->kind == NNC_KIND_CONSTANT)
            s->buffer[id] = store_persistent(s, id);
        else if (t->kind == NNC_KIND_FORMULA && s->plan->stored[id] && !s->plan->in_place[id])
            s->buffer[id] = store_formula(s, id);
    }
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        if (p->tensor[id].next && s->plan->in_place[p->tensor[id].next])
            s->buffer[p->tensor[id].next] = s->buffer[id];
    s->loops->host_bytes = 4 * (int64_t)(NNC_HOST_SCHEDULES + s->schedules);
    s->loops->persistent_bytes = s->request->layout->bytes;
}
