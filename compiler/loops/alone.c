/* A kernel apart from its program. */
#include "loops/loops.h"

typedef struct parting {
    nnc_arena *arena;
    const nnc_loops *loops;
    nnc_loops *alone;
    nnc_kernel *kernel;        /* the copy */
    uint32_t *origin;          /* by buffer alone: the buffer of `loops` */
    uint32_t origins, origin_capacity;
    uint32_t *buffer;          /* by argument likewise */
    uint32_t buffers, buffer_capacity;
} parting;

/* Buffers are numbered as they are met; scratch of one call stays what it is. */
static uint32_t number_of(parting *p, uint32_t buffer)
{
    for (uint32_t i = 0; i < p->origins; i++)
        if (p->origin[i] == buffer)
            return i;
    nnc_buffer b = p->loops->buffer[buffer];
    b.name = "";
    b.tensor = 0;
    b.offset = 0;
    b.values = NULL;
    if (b.storage != NNC_STORAGE_LOCAL) {
        b.storage = NNC_STORAGE_ARGUMENT;
        b.argument = p->buffers;
        b.elements = 0;
        b.batched = false;
        NNC_PUSH(p->arena, p->buffer, p->buffers, p->buffer_capacity) = buffer;
    }
    NNC_PUSH(p->arena, p->origin, p->origins, p->origin_capacity) = buffer;
    NNC_PUSH(p->arena, p->alone->buffer, p->alone->buffers, p->alone->buffer_capacity) = b;
    return p->origins - 1;
}

static nnc_statement *copy_body(parting *p, const nnc_statement *body)
{
    nnc_statement *first = NULL, **tail = &first;
    for (const nnc_statement *s = body; s; s = s->next) {
        nnc_statement *copy = NNC_NEW(p->arena, nnc_statement);
        nnc_value *v = &p->kernel->value[s->value];
        *copy = *s;
        copy->next = NULL;
        if (s->kind == NNC_STATEMENT_VALUE && (v->op == NNC_LOOP_LOAD || v->op == NNC_LOOP_GATHER))
            v->integer = number_of(p, (uint32_t)v->integer);
        if (s->kind == NNC_STATEMENT_STORE || s->kind == NNC_STATEMENT_SCATTER || s->kind == NNC_STATEMENT_PREFETCH)
            copy->target = number_of(p, s->target);
        copy->body = copy_body(p, s->body);
        *tail = copy;
        tail = &copy->next;
    }
    return first;
}

nnc_loops *nnc_kernel_alone(nnc_arena *arena, const nnc_loops *loops, const nnc_kernel *kernel, const uint32_t **buffer)
{
    parting p = {.arena = arena, .loops = loops, .alone = NNC_NEW(arena, nnc_loops), .kernel = NNC_NEW(arena, nnc_kernel)};
    nnc_value *value = NNC_ARRAY(arena, nnc_value, kernel->values);
    for (uint32_t i = 1; i < kernel->values; i++)
        value[i] = kernel->value[i];
    *p.kernel = *kernel;
    p.kernel->name = p.kernel->note = "";
    p.kernel->value = value;
    p.kernel->body = copy_body(&p, kernel->body);
    *p.alone = (nnc_loops){.arena = arena, .name = "", .buffer = p.alone->buffer, .buffers = p.alone->buffers, .buffer_capacity = p.alone->buffer_capacity,
                           .kernel = NNC_ARRAY(arena, nnc_kernel *, 1), .kernels = 1, .arguments = p.buffers, .batch = loops->batch};
    p.alone->kernel[0] = p.kernel;
    *buffer = p.buffer;
    return p.alone;
}
