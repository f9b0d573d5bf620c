/* Loops: kernels as explicit loop nests over planned buffers. What compiler/schedule makes of formulas and a plan, and what compiler/llvm
 * and compiler/c print, each statement one for one.
 *
 * A kernel is a function f(pointers, batch, first, last) that does tasks first .. last-1 of its tasks; tasks are independent and may run on any
 * threads in any order; kernels run one after another. A body is a list of statements; a value is made once (SSA) and is visible
 * in the rest of its block and the blocks inside. What is assigned in loops is a register: GET reads it as it is now, SET
 * assigns it.
 *
 * Sums have the order that they are written in. No printer reassociates, contracts or drops NaN: what is fused is an FMA here. */
#ifndef NNC_LOOPS_LOOPS_H
#define NNC_LOOPS_LOOPS_H

#include "base/arena.h"
#include "base/diagnostic.h"
#include "base/text.h"

typedef uint32_t nnc_value_id;    /* in its kernel; 0 is none */

typedef enum nnc_loop_op {
#define NNC_LOOP_OP(name, print, arity, result, flags) NNC_LOOP_##name,
#include "loops/ops.def"
    NNC_LOOP_OPS
} nnc_loop_op;

typedef enum nnc_type { NNC_TYPE_REAL, NNC_TYPE_INT, NNC_TYPE_INDEX, NNC_TYPE_BOOL } nnc_type;

typedef struct nnc_value {
    uint8_t op, type, lanes, count;
    nnc_value_id args[3];
    union { double real; int64_t integer; };   /* constants; divisor; shift; lane; register or buffer number; what a counter is always a multiple of */
    uint32_t depth;                            /* of the block that it is made in (0: the kernel's own) */
} nnc_value;

typedef enum nnc_statement_kind {
    NNC_STATEMENT_VALUE,      /* make `value` here */
    NNC_STATEMENT_SET,        /* register target := value */
    NNC_STATEMENT_STORE,      /* buffer target, `value`'s lanes from index `at`: the first `step` of them, or all where it is 0 */
    NNC_STATEMENT_SCATTER,    /* buffer target, lane by lane at the vector `at`, in lane order */
    NNC_STATEMENT_PREFETCH,   /* buffer target, from index `at`: its cache line will be used soon, and is wanted in the cache of level `step`, 1 or 2. Changes nothing; the index may lie outside */
    NNC_STATEMENT_FOR,        /* for (value = low; value < high; value += step) body */
    NNC_STATEMENT_IF          /* if (value) body; value is one BOOL */
} nnc_statement_kind;

typedef struct nnc_statement nnc_statement;
struct nnc_statement {
    nnc_statement_kind kind;
    uint32_t target;
    nnc_value_id value, at, low, high;
    int64_t step;
    nnc_statement *body, *next;
};

typedef struct nnc_register { nnc_type type; uint8_t lanes; } nnc_register;   /* undefined until SET */

/* Where a buffer lives. pointers[] of a kernel: one base for each storage in this order, then one for each ARGUMENT buffer. */
typedef enum nnc_storage_class {
    NNC_STORAGE_WORKSPACE,    /* scratch of one run */
    NNC_STORAGE_PERSISTENT,   /* parameters, states, fits, constants: kept from run to run */
    NNC_STORAGE_HOST,         /* what the host sets before a step: the draw key and the schedules */
    NNC_STORAGE_ARGUMENT,     /* inputs, targets, outputs: a pointer of its own */
    NNC_STORAGE_LOCAL         /* scratch of one call of one kernel, on its stack: no pointer */
} nnc_storage_class;

enum { NNC_MOST_LOCAL = 1 << 20 };   /* bytes of a kernel's LOCAL buffers: threads have stacks of 2 MB or more */

typedef struct nnc_buffer {
    const char *name;         /* the tensor's */
    uint32_t tensor;          /* its id in the formula program */
    nnc_storage_class storage;
    uint32_t argument;        /* ARGUMENT: its number from 0 */
    int64_t offset;           /* bytes from the storage's base; a multiple of 64 (of 4 in the workspace of exported programs, and in their weights for small targets) */
    int64_t elements;         /* of 4 bytes; batched: of one example */
    bool batched;             /* elements are for each of the batch's examples, example-major */
    bool integer;             /* int32 rather than float */
    bool written;             /* by some kernel */
    const float *values;      /* constants: their elements */
} nnc_buffer;

typedef struct nnc_kernel {
    const char *name;         /* a C identifier, unique in the program: k3_dense_1_s */
    const char *note;         /* the formulas that it computes, as text, for a comment */
    nnc_span span;
    int64_t tasks_fixed, tasks_per_example, task_block;  /* tasks = ceil((fixed + per_example * batch) / block) */
    nnc_value *value;         /* [1 .. values) */
    uint32_t values, value_capacity;
    nnc_register *reg;
    uint32_t registers, register_capacity;
    nnc_statement *body;
    uint32_t phase;           /* kernels of one phase are independent of one another; a barrier stands between phases */
    double flops, bytes;      /* for the largest batch; estimates for listings */
} nnc_kernel;

typedef struct nnc_loops {
    nnc_arena *arena;
    const char *name;         /* prefix of exported symbols */
    nnc_buffer *buffer;
    uint32_t buffers, buffer_capacity;
    nnc_kernel **kernel;
    uint32_t kernels, kernel_capacity;
    uint32_t arguments;
    int64_t batch;            /* the largest */
    bool over_read;           /* each buffer is followed by the room of a vector that may be read */
    bool straight;            /* what runs once stands without a loop (C keeps its blocks, in which variables are local) */
    bool alone;               /* of one example alone, each kernel called for all its tasks: BATCH, FIRST and LAST are numbers */
    int64_t workspace_bytes, persistent_bytes, host_bytes;
} nnc_loops;

/* ---- building a kernel: a cursor into open blocks ---- */

typedef struct nnc_builder nnc_builder;    /* opaque; in builder.c */

nnc_builder *nnc_builder_new(nnc_loops *loops, nnc_kernel *kernel);
/* Ends the kernel: all blocks must be closed. */
void nnc_builder_done(nnc_builder *b);

/* Emits an operation and gives its value. PURE ones are shared with an equal one that is visible, folded when constant, and placed in the outermost
 * open block in which all their arguments are visible (so loop-invariant code leaves loops by itself). */
nnc_value_id nnc_emit(nnc_builder *b, nnc_loop_op op, const nnc_value_id *args, uint32_t count, int64_t integer);
nnc_value_id nnc_emit1(nnc_builder *b, nnc_loop_op op, nnc_value_id a);
nnc_value_id nnc_emit2(nnc_builder *b, nnc_loop_op op, nnc_value_id a, nnc_value_id c);
nnc_value_id nnc_emit3(nnc_builder *b, nnc_loop_op op, nnc_value_id a, nnc_value_id c, nnc_value_id d);
nnc_value_id nnc_emit_real(nnc_builder *b, double value, uint8_t lanes);
nnc_value_id nnc_emit_int(nnc_builder *b, int32_t value, uint8_t lanes);
nnc_value_id nnc_emit_index(nnc_builder *b, int64_t value);
nnc_value_id nnc_emit_broadcast(nnc_builder *b, nnc_value_id a, uint8_t lanes);      /* a itself where it has them */
/* A load of `lanes` elements of buffer from `index`. hoist: the kernel writes it nowhere, so it is as PURE as its index. */
nnc_value_id nnc_emit_load(nnc_builder *b, uint32_t buffer, nnc_value_id index, uint8_t lanes, bool hoist);
nnc_value_id nnc_emit_gather(nnc_builder *b, uint32_t buffer, nnc_value_id indices, bool hoist);
void nnc_emit_store(nnc_builder *b, uint32_t buffer, nnc_value_id index, nnc_value_id value);
/* The first lanes alone. */
void nnc_emit_store_first(nnc_builder *b, uint32_t buffer, nnc_value_id index, nnc_value_id value, int64_t lanes);
void nnc_emit_prefetch(nnc_builder *b, uint32_t buffer, nnc_value_id index, int level);
void nnc_emit_scatter(nnc_builder *b, uint32_t buffer, nnc_value_id indices, nnc_value_id value);
uint32_t nnc_new_register(nnc_builder *b, nnc_type type, uint8_t lanes);
nnc_value_id nnc_emit_get(nnc_builder *b, uint32_t reg);
void nnc_emit_set(nnc_builder *b, uint32_t reg, nnc_value_id value);
/* for (v = low; v < high; v += step): gives v. Closed by nnc_close, innermost first. */
nnc_value_id nnc_open_for(nnc_builder *b, nnc_value_id low, nnc_value_id high, int64_t step);
void nnc_open_if(nnc_builder *b, nnc_value_id condition);
void nnc_close(nnc_builder *b);

/* Elementary functions as branch-free polynomials in the operations above, for any lanes (vector_math.c; error bounds in docs/math.md). */
nnc_value_id nnc_emit_exp(nnc_builder *b, nnc_value_id x);
nnc_value_id nnc_emit_log(nnc_builder *b, nnc_value_id x);
nnc_value_id nnc_emit_tanh(nnc_builder *b, nnc_value_id x);
nnc_value_id nnc_emit_sigmoid(nnc_builder *b, nnc_value_id x);
nnc_value_id nnc_emit_erf(nnc_builder *b, nnc_value_id x);
nnc_value_id nnc_emit_sin(nnc_builder *b, nnc_value_id x);
nnc_value_id nnc_emit_cos(nnc_builder *b, nnc_value_id x);
/* Draws (base/random.h's definition): key0, key1, place, step are INTs of the same lanes; uniform, or normal. */
nnc_value_id nnc_emit_uniform(nnc_builder *b, nnc_value_id key0, nnc_value_id key1, nnc_value_id place, nnc_value_id step);
nnc_value_id nnc_emit_gaussian(nnc_builder *b, nnc_value_id key0, nnc_value_id key1, nnc_value_id place, nnc_value_id step);

/* The host block starts with these words: {uint32 seed low, seed high, step} (a fourth is padding); schedules follow as floats. */
enum { NNC_HOST_SEED_LOW, NNC_HOST_SEED_HIGH, NNC_HOST_STEP, NNC_HOST_SCHEDULES = 4 };

/* ---- text and checking ---- */
void nnc_loops_print(const nnc_loops *loops, nnc_text *out);            /* --emit=loops */
const char *nnc_loops_verify(const nnc_loops *loops);                   /* NULL, or what is wrong where */
/* The kernel as a program of its own, without names, whose buffers (but scratch of one call) are arguments in the order in which it first uses them: kernels that do the same to
 * different buffers become equal. *buffer: the buffer of `loops` that each argument is. */
nnc_loops *nnc_kernel_alone(nnc_arena *arena, const nnc_loops *loops, const nnc_kernel *kernel, const uint32_t **buffer);
/* Gives `feed` bytes that are equal for two programs only where their kernels' code is: names, values, statements, buffers; not tasks, notes or constants' elements. */
void nnc_loops_feed(const nnc_loops *loops, void (*feed)(void *context, const void *bytes, size_t size), void *context);
/* How many tasks it has, with so many examples. */
static inline int64_t nnc_kernel_tasks(const nnc_kernel *kernel, int64_t batch) { return (kernel->tasks_fixed + kernel->tasks_per_example * batch + kernel->task_block - 1) / kernel->task_block; }
uint32_t nnc_kernel_operations(const nnc_kernel *kernel);               /* VALUE, SET, STORE statements: for compile-time budgets */

#endif
