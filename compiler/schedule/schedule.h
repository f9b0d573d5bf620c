/* Formulas to loops: groups formulas into kernels (compiler/plan), lays out memory, and writes each kernel's loop nest for a machine.
 * The only folder that sees formulas, plan and loops. It knows index patterns and no layer. */
#ifndef NNC_SCHEDULE_SCHEDULE_H
#define NNC_SCHEDULE_SCHEDULE_H

#include "base/name_map.h"
#include "formula/formula.h"
#include "loops/loops.h"
#include "loops/machine.h"

/* The persistent block: one layout shared by all programs that run on it (train, measure, predict). By name: parameters, states, fits, constants. */
typedef struct nnc_layout_entry {
    const char *name;
    int64_t offset, elements;     /* bytes from the block's start (a multiple of `align`); elements of 4 bytes, row-major */
    nnc_element element;
    const float *values;          /* constants; NULL else */
} nnc_layout_entry;

typedef struct nnc_layout {
    nnc_arena *arena;
    nnc_layout_entry *entry;
    uint32_t entries, capacity;
    nnc_name_map names;              /* of each entry's name, its number */
    int64_t bytes;
    int64_t align;                /* 64; 4 in exported programs for small targets */
} nnc_layout;

nnc_layout *nnc_layout_new(nnc_arena *arena, int64_t align);
/* The entry of that name, made if it is not there. Sizes of one name must agree (asserted). */
const nnc_layout_entry *nnc_layout_place(nnc_layout *layout, const char *name, int64_t elements, nnc_element element, const float *values);

/* The entry of that name, or NULL. */
const nnc_layout_entry *nnc_layout_find(const nnc_layout *layout, const char *name);

enum { NNC_SCHEDULE_ALL_SIZES = 4, NNC_SCHEDULE_ALL_LANES = 5 };

typedef struct nnc_schedule_request {
    const nnc_program *program;   /* no DATA; schedules hoisted. PARAMETERs and STATEs with `next` are updated by a run */
    const char *name;             /* of the loops: prefix of symbols */
    const nnc_tensor_id *argument;/* ARGUMENT buffers in order: INPUT tensors are read; formulas (outputs, the loss) are written */
    uint32_t arguments;
    int64_t batch;                /* the largest number of examples of one run; any 1 .. batch may be present */
    const nnc_machine *machine;
    nnc_layout *layout;
    int level;                    /* 0: each formula a kernel of its own, no fusion (for finding faults); 2: all; NNC_SCHEDULE_ALL_SIZES: what pays at some size, at any (for tests);
                                     NNC_SCHEDULE_ALL_LANES: and all tensors of examples that may are in blocks (transform/prepare.h) */
    bool over_read;               /* each buffer is followed by the room of a vector that may be read, though what stands there means nothing */
    bool serial;                  /* kernels run one after another, on one thread: the workspace holds what lives from one to the next, without gaps */
} nnc_schedule_request;

/* How often a schedule took each of its ways (ways.def): what tests ask for, so that none of them goes untested. */
typedef enum nnc_way {
#define NNC_WAY(name, text) NNC_WAY_##name,
#include "schedule/ways.def"
    NNC_WAYS
} nnc_way;
extern const char *const nnc_way_text[NNC_WAYS];

typedef struct nnc_scheduled {
    nnc_loops *loops;
    nnc_tensor_id *schedule;      /* HOST floats in order: the SCHEDULE tensors, rank 0 (element NNC_HOST_SCHEDULES + i of the host block) */
    uint32_t schedules;
    const char *fused;            /* --emit=fused: kernels, members, flops, bytes */
    uint32_t taken[NNC_WAYS];     /* by nnc_way: how often */
} nnc_scheduled;

nnc_scheduled nnc_schedule(nnc_arena *arena, const nnc_schedule_request *request);

#endif
