/* For this folder: from expressions to values of a kernel, and where tensors live. */
#ifndef NNC_SCHEDULE_LOWER_H
#define NNC_SCHEDULE_LOWER_H

#include "formula/order.h"
#include "formula/rebuild.h"
#include "plan/plan.h"
#include "schedule/schedule.h"

/* A recurrence's formula of which only the last steps stay in memory: the index of that slot counts modulo `steps`. steps 0: all stay. */
typedef struct nnc_steps_kept { int64_t steps; int slot; } nnc_steps_kept;

typedef struct nnc_scheduler {
    nnc_arena *arena;
    const nnc_program *p;
    const nnc_schedule_request *request;
    const nnc_machine *machine;
    nnc_loops *loops;
    uint32_t *buffer;             /* of each tensor */
    uint32_t *argument;           /* the buffer of each argument */
    nnc_tensor_id *schedule;      /* HOST floats */
    uint32_t schedules;
    uint32_t host_words;          /* the buffer of the host block's first words */
    bool *writes;                 /* buffers that the kernel being made writes */
    uint32_t write_capacity;
    uint32_t *scratch;            /* LOCAL buffers of the kernel being made; the first `scratch_taken` are of the formula being made, the others were of earlier ones */
    uint32_t scratches, scratch_capacity, scratch_taken, scratch_held;   /* held: the first ones are of the whole kernel */
    nnc_plan *plan;
    nnc_steps_kept *kept;         /* of each tensor */
    bool *by_example;             /* of each tensor: it lies in its example's part of the workspace */
    int64_t example_stride;       /* elements from one example's part to the next */
    bool in_blocks;               /* there are tensors in blocks of examples: tasks are blocks, too */
    double example_work;          /* operations for one example, all formulas together */
    nnc_order order;
    uint32_t taken[NNC_WAYS];
} nnc_scheduler;

/* ways.c: of all groups, once they are planned. */
static inline void nnc_count_way(nnc_scheduler *s, nnc_way way) { s->taken[way]++; }
void nnc_count_plan(nnc_scheduler *s);

/* How far a slot runs: in the largest run, and as a value of the kernel. */
static inline int64_t nnc_extent_at(const nnc_scheduler *s, const nnc_tensor *t, int slot) { return nnc_extent_with(t->extent[slot], s->request->batch); }
nnc_value_id nnc_emit_extent(nnc_builder *b, int64_t extent);

/* Of the slot that tasks are made of. */
static inline int64_t nnc_rows_of_task(const nnc_kernel *kernel, const nnc_tensor *t) { return nnc_in_blocks(t) ? kernel->task_block / NNC_BLOCK : kernel->task_block; }

/* keep.c: how many steps stay in memory; a dimension's extent there, and its stride. */
void nnc_find_kept(nnc_scheduler *s);
int64_t nnc_kept_extent(const nnc_scheduler *s, nnc_tensor_id id, uint32_t dimension);
int64_t nnc_kept_stride(const nnc_scheduler *s, nnc_tensor_id id, uint32_t dimension);

/* storage.c: makes all buffers. */
void nnc_store_tensors(nnc_scheduler *s);
/* workspace.c: places in the workspace by lifetimes. */
void nnc_place_workspace(nnc_scheduler *s);

/* Where a slot runs: low .. high-1. */
typedef struct nnc_slot_range { int64_t low, high; } nnc_slot_range;

/* One evaluation of a body: each slot has an index value; `lane` (or -1) runs over `lanes` consecutive ones from its value. */
typedef struct nnc_lower {
    nnc_scheduler *s;
    nnc_builder *b;
    nnc_kernel *kernel;
    const nnc_tensor *t;
    nnc_value_id slot[NNC_MAX_SLOTS];
    int lane;
    uint8_t lanes;
    int ranged;                   /* a slot that runs over a part of its extent alone, -1 none; and that part */
    nnc_slot_range range;
    const nnc_ref *held;          /* conditions known to hold */
    int helds;
    nnc_ref denied;               /* one known to hold nowhere here; 0: none */
    int64_t present;              /* the first lanes that there are, where there are fewer than `lanes`; 0: all */
    int64_t kept;                 /* the first lanes that a store leaves as they are: an earlier vector made them */
    bool full;                    /* the own block has all its examples */
    nnc_ref_map done;
} nnc_lower;

/* known.c: the range of a sum of indices, and whether a condition holds everywhere here, or nowhere. False where that is not known. */
bool nnc_known_interval(const nnc_lower *l, nnc_ref integer, int64_t *low, int64_t *high);
bool nnc_known_truth(const nnc_lower *l, nnc_ref condition, bool *value);
/* Whether a condition of a formula in blocks is that its own example exists. */
bool nnc_asks_existence(const nnc_program *p, const nnc_tensor *t, nnc_ref condition);
nnc_slot_range nnc_slot_range_of(const nnc_lower *l, int slot);

/* The value of an expression: 1 lane where it does not depend on the lane slot, else `lanes`. REAL, BOOL; integers as INT. */
nnc_value_id nnc_lower_value(nnc_lower *l, nnc_ref ref);
/* Asks for `elements` elements of a buffer from a place on, for the cache of that level (1, 2); of what a read is of, from its place on, where its lanes are next to each other. */
void nnc_lower_ask(nnc_lower *l, uint32_t buffer, nnc_value_id at, int64_t elements, int level);
void nnc_lower_prefetch(nnc_lower *l, nnc_ref read, int64_t elements, int level);
nnc_value_id nnc_lower_wide(nnc_lower *l, nnc_value_id value);
uint8_t nnc_lanes_of(const nnc_lower *l, nnc_value_id value);
/* Forgets values made for other indices. */
void nnc_lower_reset(nnc_lower *l);
/* Stores a value (REAL, INT or BOOL) at the tensor's own place. */
void nnc_lower_store(nnc_lower *l, nnc_value_id value);
/* The tensor's own place, as an index into its buffer. */
nnc_value_id nnc_lower_place(nnc_lower *l);
/* How a read's address moves with a slot: its stride, or INT64_MIN where that is no constant. */
int64_t nnc_read_stride(const nnc_program *p, nnc_ref read, uint32_t slot);
int64_t nnc_tensor_stride(const nnc_tensor *t, uint32_t dimension);

/* What the lanes of a recurrence's formula read at each step, copied together before the first one: a range of lanes after another. */
typedef struct nnc_pack { nnc_tensor_id tensor; nnc_ref read; uint32_t buffer; } nnc_pack;
enum { NNC_MAX_PACKS = 8 };

/* nest.c: the loops of one formula. rows [low, high) of the task slot, or all of it where low is 0; fixed[slot]: values of slots set by enclosing loops. */
typedef struct nnc_nest {
    nnc_scheduler *s;
    nnc_builder *b;
    nnc_kernel *kernel;
    nnc_value_id fixed[NNC_MAX_SLOTS];
    nnc_value_id low, high;
    int task_slot;
    int64_t steps;                /* of the recurrence around the formula; 0: none */
    nnc_pack pack[NNC_MAX_PACKS];
    uint32_t packs;
    const nnc_group *group;       /* what is computed from a formula's value where it is made; NULL: nothing more */
} nnc_nest;
void nnc_emit_formula(nnc_nest *nest, nnc_tensor_id id);
/* Makes the packs of one formula of a recurrence, before its steps. fixed[slot]: not 0 for the slots that the steps will set. */
void nnc_pack_formula(nnc_nest *nest, nnc_tensor_id id);
/* storage.c: scratch of one formula, for the kernel being made. The next formula of the same kernel may be given the same. */
uint32_t nnc_scratch_buffer(nnc_scheduler *s, const char *name, int64_t elements);

#endif
