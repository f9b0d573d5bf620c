/* The workspace: places by lifetimes, greedily, the largest first.
 *
 * A step's examples are computed apart from one another for long: a phase may be the whole way to the loss and back, and each thread is somewhere else on it. Lifetimes by phases
 * would then keep everything. So where batched formulas are large, each example has a part of the workspace with all of them in it, and there one takes the place of another whose last
 * reader has been: that example's, whatever the others are at. */
#include <stdlib.h>
#include <string.h>
#include "schedule/lower.h"

/* When it is needed: groups, or phases. */
typedef struct interval { uint32_t buffer, first, last; int64_t bytes, offset; } interval;

static int by_size(const void *a, const void *b)
{
    const interval *x = a, *y = b;
    return x->bytes != y->bytes ? (x->bytes > y->bytes ? -1 : 1) : x->buffer < y->buffer ? -1 : 1;
}

/* The lowest place that no buffer alive at the same time holds; placed[] is sorted by offset as it grows. */
static int64_t lowest_place(const interval *placed, uint32_t count, const interval *wanted)
{
    int64_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        const interval *other = &placed[i];
        bool together = other->first <= wanted->last && wanted->first <= other->last;
        if (!together || other->offset + other->bytes <= at)
            continue;
        if (other->offset >= at + wanted->bytes)
            break;
        at = other->offset + other->bytes;
    }
    return at;
}

static void insert(interval *placed, uint32_t count, interval one)
{
    uint32_t i = count;
    for (; i > 0 && placed[i - 1].offset > one.offset; i--)
        placed[i] = placed[i - 1];
    placed[i] = one;
}

/* Buffers of like sizes, walked together, must not all fall into the same sets of a cache: large ones are followed by a gap of an odd number of lines. */
enum { LARGE = 16 << 10, SKEW = 17 * 64 };

static int64_t bytes_taken(const nnc_scheduler *s, int64_t bytes)
{
    int64_t align = s->request->serial ? 4 : s->request->layout->align;
    return (bytes + align - 1) / align * align + (!s->request->serial && bytes >= LARGE ? SKEW : 0);
}

/* Gives all intervals places; the end of the last one. */
static int64_t place_all(nnc_scheduler *s, interval *all, uint32_t count)
{
    interval *placed = NNC_ARRAY(s->arena, interval, count + 1);
    int64_t end = 0;
    qsort(all, count, sizeof *all, by_size);
    for (uint32_t i = 0; i < count; i++) {
        all[i].offset = lowest_place(placed, i, &all[i]);
        s->loops->buffer[all[i].buffer].offset = all[i].offset;
        insert(placed, i, all[i]);
        end = all[i].offset + all[i].bytes > end ? all[i].offset + all[i].bytes : end;
    }
    return end;
}

static bool is_in_workspace(const nnc_scheduler *s, uint32_t buffer)
{
    const nnc_buffer *b = &s->loops->buffer[buffer];
    return b->storage == NNC_STORAGE_WORKSPACE && s->buffer[b->tensor] == buffer;
}

/* ---- by example ---- */

/* Elements of one example that are as well off side by side with the other examples'; bytes of a workspace that is worth the parts; the share of it that they must save, as a divisor. */
enum { FEW = 64, MUCH = 16 << 20, LEAST_GAIN = 8 };

static bool may_lie_by_example(const nnc_scheduler *s, uint32_t buffer)
{
    const nnc_buffer *b = &s->loops->buffer[buffer];
    return is_in_workspace(s, buffer) && b->batched && !nnc_in_blocks(&s->p->tensor[b->tensor]) && (b->elements >= FEW || s->request->level >= NNC_SCHEDULE_ALL_SIZES) && s->plan->last[b->tensor] != UINT32_MAX;
}

/* Places within an example's part. */
static void place_by_example(nnc_scheduler *s)
{
    interval *all = NNC_ARRAY(s->arena, interval, s->loops->buffers + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < s->loops->buffers; i++) {
        const nnc_buffer *b = &s->loops->buffer[i];
        if (!may_lie_by_example(s, i))
            continue;
        all[count++] = (interval){i, s->plan->from[b->tensor], s->plan->until[b->tensor], bytes_taken(s, 4 * b->elements), 0};
    }
    int64_t stride = bytes_taken(s, place_all(s, all, count));
    if (stride / 4 * s->request->batch > INT32_MAX)      /* lanes that are gathered have places of 32 bits */
        return;
    s->example_stride = stride / 4;
    for (uint32_t i = 0; i < count; i++)
        s->by_example[s->loops->buffer[all[i].buffer].tensor] = true;
}

/* ---- by phase ---- */

/* Of what does not lie by example. Gives the end of it. */
static int64_t place_by_phase(nnc_scheduler *s)
{
    interval *all = NNC_ARRAY(s->arena, interval, s->loops->buffers + 1);
    uint32_t count = 0;
    int64_t parts = 4 * s->example_stride * s->request->batch;
    for (uint32_t i = 0; i < s->loops->buffers; i++) {
        const nnc_buffer *b = &s->loops->buffer[i];
        int64_t bytes = 4 * b->elements * (b->batched ? s->request->batch : 1);
        if (is_in_workspace(s, i) && !s->by_example[b->tensor])
            all[count++] = (interval){i, s->plan->group[s->plan->group_of[b->tensor]].phase, s->plan->last[b->tensor], bytes_taken(s, bytes), 0};
    }
    int64_t end = place_all(s, all, count);
    for (uint32_t i = 0; i < count; i++)
        s->loops->buffer[all[i].buffer].offset += parts;
    return parts + end;
}

void nnc_place_workspace(nnc_scheduler *s)
{
    s->by_example = NNC_ARRAY(s->arena, bool, s->p->tensors);
    int64_t by_phase = place_by_phase(s);
    bool any_size = s->request->level >= NNC_SCHEDULE_ALL_SIZES;
    if (!s->request->serial && (by_phase >= MUCH || any_size))
        place_by_example(s);
    s->loops->workspace_bytes = place_by_phase(s);
    if (s->example_stride > 0 && (any_size || s->loops->workspace_bytes < by_phase - by_phase / LEAST_GAIN)) {
        nnc_count_way(s, NNC_WAY_BY_EXAMPLE);
        return;
    }
    memset(s->by_example, 0, s->p->tensors * sizeof *s->by_example);
    s->example_stride = 0;
    s->loops->workspace_bytes = place_by_phase(s);
}
