/* All that a kernel's code depends on, as bytes in a fixed order. */
#include <string.h>
#include "loops/loops.h"

typedef struct feeder { void (*feed)(void *context, const void *bytes, size_t size); void *context; } feeder;

static void feed_number(const feeder *f, int64_t number) { f->feed(f->context, &number, sizeof number); }
static void feed_text(const feeder *f, const char *text)
{
    size_t length = strlen(text);
    feed_number(f, (int64_t)length);
    f->feed(f->context, text, length);
}

static void feed_value(const feeder *f, const nnc_value *v)
{
    feed_number(f, (int64_t)v->op | (int64_t)v->type << 8 | (int64_t)v->lanes << 16 | (int64_t)v->count << 24);
    feed_number(f, v->integer);                        /* or the real's bits */
    for (uint32_t i = 0; i < v->count; i++)
        feed_number(f, v->args[i]);
}

static void feed_body(const feeder *f, const nnc_statement *body)
{
    for (const nnc_statement *s = body; s; s = s->next) {
        feed_number(f, (int64_t)s->kind | (int64_t)s->target << 8 | (int64_t)s->value << 32);
        feed_number(f, (int64_t)s->at | (int64_t)s->low << 32);
        feed_number(f, (int64_t)s->high);
        feed_number(f, s->step);
        feed_body(f, s->body);
    }
    feed_number(f, -1);
}

static void feed_kernel(const feeder *f, const nnc_kernel *k)
{
    feed_text(f, k->name);
    feed_number(f, k->values);
    for (uint32_t i = 1; i < k->values; i++)
        feed_value(f, &k->value[i]);
    feed_number(f, k->registers);
    for (uint32_t i = 0; i < k->registers; i++)
        feed_number(f, (int64_t)k->reg[i].type | (int64_t)k->reg[i].lanes << 8);
    feed_body(f, k->body);
}

void nnc_loops_feed(const nnc_loops *loops, void (*feed)(void *context, const void *bytes, size_t size), void *context)
{
    feeder f = {feed, context};
    feed_number(&f, loops->buffers);
    for (uint32_t i = 0; i < loops->buffers; i++) {
        const nnc_buffer *b = &loops->buffer[i];
        feed_number(&f, (int64_t)b->storage | (int64_t)b->argument << 8 | (int64_t)b->batched << 40 | (int64_t)b->integer << 41 | (int64_t)b->written << 42);
        feed_number(&f, b->offset);
        feed_number(&f, b->elements);
    }
    feed_number(&f, loops->arguments);
    feed_number(&f, loops->kernels);
    for (uint32_t i = 0; i < loops->kernels; i++)
        feed_kernel(&f, loops->kernel[i]);
}
