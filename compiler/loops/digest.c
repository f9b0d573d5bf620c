/* All that a kernel's code depends on, as bytes in a fixed order. Numbers are written as LEB128 (seven bits a byte, the low ones first), which tells its own end: so what was written
 * could be read back, and programs that differ give bytes that differ. Most numbers take a byte or two. */
#include <string.h>
#include "loops/loops.h"

enum { GATHERED = 4096, LONGEST = 10 /* bytes of a number of 64 bits */ };

/* Bytes are gathered, since handing them on costs more than making them. */
typedef struct feeder {
    void (*feed)(void *context, const void *bytes, size_t size);
    void *context;
    size_t count;
    unsigned char bytes[GATHERED];
} feeder;

static void hand_on(feeder *f)
{
    f->feed(f->context, f->bytes, f->count);
    f->count = 0;
}

static void feed_number(feeder *f, uint64_t number)
{
    if (f->count > GATHERED - LONGEST)
        hand_on(f);
    for (; number >= 128; number >>= 7)
        f->bytes[f->count++] = (unsigned char)(number | 128);
    f->bytes[f->count++] = (unsigned char)number;
}

/* Small ones of either sign are short: 0, -1, 1, -2, ... */
static void feed_signed(feeder *f, int64_t number) { feed_number(f, (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0)); }

static void feed_text(feeder *f, const char *text)
{
    size_t length = strlen(text);
    feed_number(f, length);
    hand_on(f);
    f->feed(f->context, text, length);
}

static void feed_value(feeder *f, const nnc_value *v)
{
    feed_number(f, v->op);
    feed_number(f, v->type);
    feed_number(f, v->lanes);
    feed_number(f, v->count);
    feed_signed(f, v->integer);                        /* or the real's bits */
    for (uint32_t i = 0; i < v->count; i++)
        feed_number(f, v->args[i]);
}

/* Its kind with a bit for each field that is not 0, and those fields: most statements have two or three. */
static void feed_statement(feeder *f, const nnc_statement *s)
{
    const uint64_t field[] = {s->target, s->value, s->at, s->low, s->high, (uint64_t)s->step};
    enum { FIELDS = sizeof field / sizeof *field };
    uint64_t present = 0;
    for (int i = 0; i < FIELDS; i++)
        present |= (uint64_t)(field[i] != 0) << i;
    feed_number(f, (1 + (uint64_t)s->kind) | present << 3);
    for (int i = 0; i < FIELDS; i++)
        if (field[i])
            feed_number(f, field[i]);
}

static void feed_body(feeder *f, const nnc_statement *body)
{
    _Static_assert(NNC_STATEMENT_IF + 1 < 8, "a kind takes three bits");
    for (const nnc_statement *s = body; s; s = s->next) {
        feed_statement(f, s);
        feed_body(f, s->body);
    }
    feed_number(f, 0);                                 /* no statement starts with it */
}

static void feed_buffer(feeder *f, const nnc_buffer *b)
{
    feed_number(f, b->storage);
    feed_number(f, b->argument);
    feed_signed(f, b->offset);
    feed_signed(f, b->elements);
    feed_number(f, (uint64_t)b->batched | (uint64_t)b->integer << 1 | (uint64_t)b->written << 2);
}

static void feed_kernel(feeder *f, const nnc_kernel *k)
{
    feed_text(f, k->name);
    feed_number(f, k->values);
    for (uint32_t i = 1; i < k->values; i++)
        feed_value(f, &k->value[i]);
    feed_number(f, k->registers);
    for (uint32_t i = 0; i < k->registers; i++) {
        feed_number(f, k->reg[i].type);
        feed_number(f, k->reg[i].lanes);
    }
    feed_body(f, k->body);
}

void nnc_loops_feed(const nnc_loops *loops, void (*feed)(void *context, const void *bytes, size_t size), void *context)
{
    feeder f;
    f.feed = feed;
    f.context = context;
    f.count = 0;
    feed_number(&f, loops->buffers);
    for (uint32_t i = 0; i < loops->buffers; i++)
        feed_buffer(&f, &loops->buffer[i]);
    feed_number(&f, loops->arguments);
    feed_number(&f, loops->kernels);
    for (uint32_t i = 0; i < loops->kernels; i++)
        feed_kernel(&f, loops->kernel[i]);
    hand_on(&f);
}
