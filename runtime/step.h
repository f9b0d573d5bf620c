/* The step's C interface: what the runtime knows of a compiled model. One header between the compiler and the runtime; whoever fills it in
 * (the driver, from formulas, with kernels of the JIT or with the reference interpreter) is not known here.
 *
 * All tensors are 4 bytes an element (float, or int32_t for classes), row-major; batched ones example-major. */
#ifndef NNC_RUNTIME_STEP_H
#define NNC_RUNTIME_STEP_H

#include <stdbool.h>
#include <stdint.h>

enum { NNC_STEP_POINTERS = 3 };   /* in front of the arguments */

/* Does tasks first .. last-1. pointers: workspace, persistent block, host block, then the arguments. */
typedef void (*nnc_step_call)(void *const *pointers, int64_t batch, int64_t first, int64_t last);

/* Where a kernel's buffer is: bytes from one of the step's pointers. */
typedef struct nnc_step_place { uint32_t pointer; int64_t offset; } nnc_step_place;

typedef struct nnc_step_kernel {
    const char *name;
    nnc_step_call call;
    const nnc_step_place *place;  /* its buffers: kernels that do the same to different ones share their code. NULL: it takes the step's pointers as they are */
    void **own;                   /* room for its pointers: NNC_STEP_POINTERS that are not used, then one a place. Filled in by each run */
    uint32_t places;
    int64_t tasks_fixed, tasks_per_example, task_block;   /* tasks = ceil((fixed + per_example * batch) / block) */
    uint32_t phase;               /* kernels of one phase are independent; a barrier stands between phases */
    double flops, bytes;          /* at the largest batch: how many threads it is worth */
} nnc_step_kernel;

/* What the kernel is called with, given the step's pointers: its own, filled in. */
static inline void *const *nnc_step_own(const nnc_step_kernel *k, void *const *pointers)
{
    for (uint32_t p = 0; p < k->places; p++)
        k->own[NNC_STEP_POINTERS + p] = (char *)pointers[k->place[p].pointer] + k->place[p].offset;
    return k->place ? k->own : pointers;
}

typedef struct nnc_step_argument {
    const char *name;             /* a declaration's (input), or the tensor's */
    int64_t elements;             /* of one example where batched, else all */
    bool batched, integer, output;
} nnc_step_argument;

/* Where the time goes: filled in by runs, which then do one kernel after another. */
typedef struct nnc_step_profile {
    double *seconds;              /* by kernel */
    int64_t runs;
    bool shared;                  /* each kernel by all threads for which it is worth while; else by one */
} nnc_step_profile;

/* One program: given its arguments and the persistent block, a run computes its outputs and updates the block. */
typedef struct nnc_step {
    const nnc_step_kernel *kernel;
    uint32_t kernels;
    const nnc_step_argument *argument;
    uint32_t arguments;
    int64_t batch;                /* the most examples of one run */
    int64_t workspace_bytes, host_bytes;
    /* Fills the host block's schedules (floats from byte 16 on) for a step. NULL where there are none. */
    void (*schedules)(void *context, double step, double steps, double epoch, double epochs, float *out);
    /* Instead of kernels: runs the whole program (the interpreter). NULL: kernels. */
    void (*run)(void *context, void *const *pointers, int64_t batch);
    void *context;
    nnc_step_profile *profile;    /* NULL: none is kept */
} nnc_step;

/* The host block's first words. */
typedef struct nnc_step_host { uint32_t seed_low, seed_high, step, unused; } nnc_step_host;

/* ---- the persistent block ---- */

typedef enum nnc_slot_role { NNC_SLOT_PARAMETER, NNC_SLOT_STATE, NNC_SLOT_FIT, NNC_SLOT_OPTIMIZER, NNC_SLOT_INTERNAL /* constants, passes' results: not saved */ } nnc_slot_role;

typedef struct nnc_slot {
    const char *name;             /* `dense_1.w`; as in the weights file */
    nnc_slot_role role;
    int64_t offset, elements;     /* bytes, elements */
    uint32_t rank;
    int64_t extent[8];
    bool integer;
    bool finite;                  /* a parameter that does not start at infinity: no network computes with an infinite one. Others may be infinite (a least value so far); none is NaN */
} nnc_slot;

/* ---- values over a whole data set: fits, metrics, the measured loss ----
 *
 * Each pass runs its step on every minibatch; the outputs (batched, [examples, elements]) are folded example by example, in order, into accumulators
 * of 64 bits. What later passes read of them is written, as floats, into the persistent block. `finish` turns all accumulators into the results. */
typedef enum nnc_fold { NNC_FOLD_SUM, NNC_FOLD_PROD, NNC_FOLD_MAX, NNC_FOLD_MIN } nnc_fold;

typedef struct nnc_set_accumulator {
    uint32_t argument;            /* of the pass's step: the output */
    nnc_fold fold;
    int64_t elements;
    int64_t persistent;           /* byte offset where its result goes as floats after the pass, or -1 */
} nnc_set_accumulator;

typedef struct nnc_set_pass {
    nnc_step step;
    const nnc_set_accumulator *accumulator;
    uint32_t accumulators;
} nnc_set_pass;

typedef struct nnc_set_values {
    const nnc_set_pass *pass;
    uint32_t passes;
    int64_t count_persistent;     /* byte offset where count(data) goes as a float before the first pass, or -1 */
    /* accumulated[pass][accumulator][element]; persistent: the block; results: one double for each element of each result, in order. */
    void (*finish)(void *context, const double *const *const *accumulated, int64_t examples, const void *persistent, double *results);
    void *context;
    uint32_t results;             /* their number (elements in all) */
} nnc_set_values;

#endif
