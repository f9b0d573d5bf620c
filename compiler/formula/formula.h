/* Formulas: the tensor program. Every tensor is a formula over indices,
 *
 *     T[i0, i1, ..] = reduce(k0, k1, .. : e)       reduce: none, sum, prod, max, min, argmax, argmin
 *
 * where e is a DAG of scalar operations (ops.def) over constants, index values, draws and reads A[f(i, k)] of other
 * tensors. There is no other tensor operation: a dense layer, a convolution, softmax, batch norm are all formulas.
 *
 * Slots. Inside a formula an index is a position: slots 0 .. rank-1 are the left side's, rank .. rank+reduced-1 the
 * reduction's. `extent[slot]` is how far each runs. Three extents are no numbers: NNC_EXTENT_BATCH (the examples of the
 * minibatch; known only at run time) and NNC_EXTENT_DATA (all examples of the set being fitted or measured; only in
 * reductions of fits and metrics, see transform's split). A tensor that depends on the example has the batch as slot 0
 * (`extent[0] == NNC_EXTENT_BATCH`), a tensor computed in a scan has the scan's index after it, and so its subscripts in every
 * read. A read of the current example is written with INDEX(0); `neighbour` and batch statistics read other examples.
 * NNC_EXTENT_BLOCKS stands for the batch in programs made ready for a machine (transform/lanes.c): the tensor then has slot 0 for
 * blocks of NNC_BLOCK examples and its last slot for the examples of one, some of which may not be there: what they hold means nothing.
 * While a formula is being built its indices are free variables (nnc_variable); nnc_define turns them into slots.
 *
 * Nodes are hash-consed: equal expressions of one program are the same nnc_ref, whichever formula they are in. Integer
 * arithmetic is canonical (AFFINE over sorted atoms), conditions on integers are WITHIN.
 *
 * Reading out of bounds is never done: each read is proved inside its tensor, by ranges or by the conditions of the
 * SELECTs (and left sides of ANDs) around it. SELECT evaluates one branch only. Compiled code may evaluate both with clamped
 * subscripts, since nothing else can tell the difference.
 *
 * Recurrences (scan). A formula may read a tensor defined later in the program, or itself, only at an earlier step of a
 * shared recurrence index (t - c in the forward direction; t + c in adjoints), under a SELECT that tells the ends.
 * Which formulas run together along which index is worked out by nnc_order (order.h), not stored.
 *
 * Argmax and argmin give the position within the reduction's slots, row-major over them; first place wins; a NaN wins over all.
 * max and min give NaN where any element is. The sum over no indices is the body. Extents are at least 1.
 *
 * Everything belongs to the program's arena. References are 32-bit; 0 is none. */
#ifndef NNC_FORMULA_FORMULA_H
#define NNC_FORMULA_FORMULA_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/checked.h"
#include "base/diagnostic.h"
#include "base/text.h"

typedef uint32_t nnc_ref;        /* a node */
typedef uint32_t nnc_tensor_id;  /* a tensor */

enum {
    NNC_EXTENT_BATCH = -1,
    NNC_EXTENT_DATA = -2,
    NNC_EXTENT_BLOCKS = -3,      /* the minibatch's blocks of NNC_BLOCK examples; the last may be short */
    NNC_BLOCK = 16,
    NNC_MAX_SLOTS = 24           /* left side (batch, scans, dimensions) and reduction together */
};

typedef enum nnc_op {
#define NNC_OP(name, print, arity, result, arguments, flags) NNC_OP_##name,
#include "formula/ops.def"
    NNC_OPS
} nnc_op;

typedef enum nnc_element { NNC_REAL, NNC_INTEGER, NNC_BOOLEAN } nnc_element;  /* INTEGER: a class, 0 .. classes-1 */

typedef enum nnc_reduce {
    NNC_REDUCE_NONE, NNC_REDUCE_SUM, NNC_REDUCE_PROD, NNC_REDUCE_MAX, NNC_REDUCE_MIN, NNC_REDUCE_ARGMAX, NNC_REDUCE_ARGMIN
} nnc_reduce;

typedef enum nnc_kind {
    NNC_KIND_INPUT,              /* given for each example (inputs and targets): batched, or fed whole by whoever runs the program */
    NNC_KIND_PARAMETER,          /* trained, or held constant, between steps */
    NNC_KIND_STATE,              /* kept from step to step (batch norm's mean, an optimizer's momentum); `next` gives its next value */
    NNC_KIND_FIT,                /* computed from the data before training, then a constant */
    NNC_KIND_CONSTANT,           /* `values` */
    NNC_KIND_SCHEDULE,           /* rank 0: depends on step and epoch only; computed by the host in 64 bits before each step. `body` over the four below */
    NNC_KIND_STEP, NNC_KIND_STEPS, NNC_KIND_EPOCH, NNC_KIND_EPOCHS, /* rank 0: updates so far, their total, likewise epochs */
    NNC_KIND_FORMULA
} nnc_kind;

typedef struct nnc_node {
    uint8_t op;                  /* nnc_op */
    uint8_t element;             /* nnc_element of the value */
    bool open;                   /* mentions a free variable */
    uint32_t count;              /* arguments */
    uint32_t first;              /* program->args[first .. first+count); AFFINE: program->coefficients likewise */
    uint32_t hash;
    uint64_t slots;              /* bit s: mentions slot s */
    union {
        double real;             /* CONSTANT */
        int64_t integer[2];      /* see ops.def */
    };
} nnc_node;

typedef struct nnc_tensor {
    const char *name;            /* as messages and listings show it: `h`, `conv_1.y`, `d_loss/d_w`; unique within a program */
    nnc_span span;               /* the text that it comes from */
    nnc_kind kind;
    nnc_element element;
    int64_t classes;             /* INTEGER: how many values; 0 if not a class (an argmax's position has its extent) */
    uint8_t rank, reduced;
    nnc_reduce reduce;
    int64_t extent[NNC_MAX_SLOTS];
    nnc_ref body;                /* FORMULA, SCHEDULE */
    nnc_tensor_id next;          /* STATE, PARAMETER: the tensor whose value it takes at the end of the step, or 0: never changes */
    const float *values;         /* CONSTANT: row-major (classes as floats holding integers) */
    /* Where a derived tensor came from, for names in --emit=gradient: the tensor whose derivative it is, or 0. */
    nnc_tensor_id derivative_of;
    bool stopped;                /* stop_gradient: its readers see a constant */
} nnc_tensor;

typedef struct nnc_program {
    nnc_arena *arena;
    nnc_node *node;              /* [1 .. nodes) */
    uint32_t nodes, node_capacity;
    nnc_ref *args;
    int64_t *coefficients;       /* parallel to args */
    uint32_t arg_count, arg_capacity;
    uint32_t *table;             /* hash table of nodes */
    uint32_t table_size;
    uint32_t *name_table;        /* hash table of tensors by name */
    uint32_t name_table_size;
    nnc_tensor *tensor;          /* [1 .. tensors); a formula reads only earlier ones, except along a recurrence */
    uint32_t tensors, tensor_capacity;
    uint32_t variables;          /* free variables made so far */
    uint32_t sites;              /* draw sites made so far */
} nnc_program;

nnc_program *nnc_program_new(nnc_arena *arena);

/* ---- building expressions. All fold constants and keep the canonical forms; none reports errors. ---- */

nnc_ref nnc_real(nnc_program *p, double value);
nnc_ref nnc_truth(nnc_program *p, bool value);
nnc_ref nnc_integer(nnc_program *p, int64_t value);               /* an AFFINE without terms */
nnc_ref nnc_index(nnc_program *p, uint32_t slot);
/* A fresh free index variable: an INDEX whose slot is >= NNC_FIRST_VARIABLE, to be bound by nnc_define. */
#define NNC_FIRST_VARIABLE 1000u
nnc_ref nnc_variable(nnc_program *p);
nnc_ref nnc_count(nnc_program *p, int64_t extent);                 /* as a real: the constant, or COUNT of BATCH or DATA */
nnc_ref nnc_read(nnc_program *p, nnc_tensor_id tensor, const nnc_ref *subscripts, uint32_t count);
/* A scalar operation of ops.def with real or boolean arguments. Simplifies only what is exact in every case (constants;
 * x + 0, x * 1, x / 1, - -x, x ^ 1, x ^ 2 stays; not not b; `and`, `or`, SELECT with a known condition or equal branches). */
nnc_ref nnc_apply(nnc_program *p, nnc_op op, const nnc_ref *args, uint32_t count);
nnc_ref nnc_unary(nnc_program *p, nnc_op op, nnc_ref a);
nnc_ref nnc_binary(nnc_program *p, nnc_op op, nnc_ref a, nnc_ref b);
nnc_ref nnc_select(nnc_program *p, nnc_ref condition, nnc_ref yes, nnc_ref no);
nnc_ref nnc_draw(nnc_program *p, nnc_op op, uint32_t site, const nnc_ref *at, uint32_t count);
/* Integers: a*x + b*y + c, floor(x / divisor), x mod divisor (divisor >= 1), a real's floor, an integer as a real. */
nnc_ref nnc_affine(nnc_program *p, int64_t a, nnc_ref x, int64_t b, nnc_ref y, int64_t c);
nnc_ref nnc_quotient(nnc_program *p, nnc_ref x, int64_t divisor);
nnc_ref nnc_remainder(nnc_program *p, nnc_ref x, int64_t divisor);
/* The next (by = 1) or previous (-1) example's position in the minibatch, around its end: (x + by) mod count(batch). */
nnc_ref nnc_neighbour(nnc_program *p, nnc_ref x, int by);
/* The example at place x of the minibatch, or the last one where there are fewer. x >= 0. */
nnc_ref nnc_existing(nnc_program *p, nnc_ref x);
/* Whether an integer is the place in the minibatch of an example of a block: NNC_BLOCK * block + example, of these slots. */
bool nnc_is_place(const nnc_program *p, nnc_ref integer, uint32_t block, uint32_t example);
nnc_ref nnc_floor_integer(nnc_program *p, nnc_ref real);
nnc_ref nnc_to_real(nnc_program *p, nnc_ref integer);
nnc_ref nnc_within(nnc_program *p, nnc_ref integer, int64_t low, int64_t high);

/* ---- looking at expressions ---- */

static inline const nnc_node *nnc_at(const nnc_program *p, nnc_ref ref) { return &p->node[ref]; }
static inline nnc_ref nnc_arg(const nnc_program *p, nnc_ref ref, uint32_t i) { return p->args[p->node[ref].first + i]; }
static inline bool nnc_is_index(const nnc_program *p, nnc_ref ref, uint32_t slot) { return p->node[ref].op == NNC_OP_INDEX && p->node[ref].integer[0] == (int64_t)slot; }
static inline bool nnc_moves_with(const nnc_program *p, nnc_ref ref, int slot) { return (p->node[ref].slots >> slot & 1) != 0; }   /* mentions the slot (< 64) */
static inline nnc_tensor *nnc_tensor_at(const nnc_program *p, nnc_tensor_id id) { return &p->tensor[id]; }
bool nnc_is_constant(const nnc_program *p, nnc_ref ref, double *value);    /* a real constant */
bool nnc_is_integer(const nnc_program *p, nnc_ref ref, int64_t *value);    /* an integer constant */
/* An integer node as an affine form: its constant and terms (atoms are INDEX, QUOTIENT, REMAINDER, NEIGHBOUR, EXISTING, FLOOR_INTEGER, READ,
 * SELECT). A lone atom is one term with coefficient 1. Pointers are into the program and last until the next node is made. */
typedef struct nnc_form { int64_t constant; uint32_t terms; const nnc_ref *atom; const int64_t *coefficient; nnc_ref lone; int64_t one; } nnc_form;
void nnc_form_of(const nnc_program *p, nnc_ref integer, nnc_form *form);
/* Bit s set where slot s (< 64) occurs in the expression; free variables do not count. */
uint64_t nnc_slots_of(const nnc_program *p, nnc_ref ref);
bool nnc_mentions(const nnc_program *p, nnc_ref ref, nnc_ref leaf);
bool nnc_reads(const nnc_program *p, nnc_ref ref);                         /* any tensor */
nnc_tensor_id *nnc_tensors_read(const nnc_program *p, nnc_ref ref);        /* which ones, each once, in the order in which they are met; 0 at the end. ref 0: none */
/* The expression with each of `count` nodes from[i] (leaves, usually INDEXes) replaced by to[i], rebuilt in canonical form. */
nnc_ref nnc_substitute(nnc_program *p, nnc_ref ref, const nnc_ref *from, const nnc_ref *to, uint32_t count);
/* The range of an integer expression over the slots' extents (BATCH, DATA: unbounded above), narrowed by `conditions` (booleans
 * known to hold; NULL for none): sound, not always tight. Reads of classes are 0 .. classes-1. Unbounded: INT64_MIN / INT64_MAX.
 * This is the bounds prover of language.md section 3 (by ranges, or by a comparison that bounds the same expression up to terms of known range);
 * its time does not depend on extents. extent_of: the extent of an INDEX's slot or variable, 0 where unknown. */
typedef int64_t (*nnc_extent_of)(void *context, uint32_t slot);
void nnc_range(const nnc_program *p, nnc_ref integer, nnc_extent_of extent_of, void *context, const nnc_ref *conditions,
               uint32_t condition_count, int64_t *low, int64_t *high);

/* ---- tensors ---- */

/* Adds a tensor that is not a formula. `extents` has `rank` entries. The name is made unique with a suffix if need be. */
nnc_tensor_id nnc_declare(nnc_program *p, nnc_kind kind, const char *name, nnc_span span, nnc_element element, int64_t classes,
                          const int64_t *extents, uint32_t rank);
nnc_tensor_id nnc_constant(nnc_program *p, const char *name, nnc_span span, const float *values, const int64_t *extents, uint32_t rank);
/* Adds T[left] = reduce(over: body). left and over are distinct free variables with their extents; body's other free
 * variables are an error of ours (asserted). */
nnc_tensor_id nnc_define(nnc_program *p, const char *name, nnc_span span, nnc_reduce reduce, const nnc_ref *left, const int64_t *left_extent,
                         uint32_t rank, const nnc_ref *over, const int64_t *over_extent, uint32_t reduced, nnc_ref body);
/* The same in two steps, for recurrences: a FORMULA declared with its extents (body 0) may be read; then its body is set, over
 * the variables `left`. */
void nnc_set_body(nnc_program *p, nnc_tensor_id tensor, nnc_reduce reduce, const nnc_ref *left, const nnc_ref *over, const int64_t *over_extent,
                  uint32_t reduced, nnc_ref body);
/* A formula whose body is already over slots. */
nnc_tensor_id nnc_define_slots(nnc_program *p, const char *name, nnc_span span, nnc_element element, int64_t classes, nnc_reduce reduce,
                               const int64_t *extents, uint32_t rank, uint32_t reduced, nnc_ref body);
/* Depends on the example; in blocks: as T[block, .., example of the block]. */
static inline bool nnc_in_blocks(const nnc_tensor *t) { return t->rank > 0 && t->extent[0] == NNC_EXTENT_BLOCKS; }
static inline bool nnc_batched(const nnc_tensor *t) { return t->rank > 0 && (t->extent[0] == NNC_EXTENT_BATCH || t->extent[0] == NNC_EXTENT_BLOCKS); }
/* An extent, with so many examples. */
static inline int64_t nnc_extent_with(int64_t extent, int64_t batch) { return extent >= 0 ? extent : extent == NNC_EXTENT_BLOCKS ? (batch + NNC_BLOCK - 1) / NNC_BLOCK : batch; }
/* Elements of one example (batch counted as 1). */
int64_t nnc_elements(const nnc_tensor *t);
nnc_tensor_id nnc_find(const nnc_program *p, const char *name); /* 0 for none */

/* Copies what `roots` need (through bodies, and STATE's next where `with_next`) into a new program, in a valid order, and rewrites roots[]
 * to the new ids. Recurrences come along whole. map (may be NULL) receives old id -> new id (0: not copied), [tensors] entries. */
nnc_program *nnc_extract(nnc_arena *arena, const nnc_program *p, nnc_tensor_id *roots, uint32_t count, bool with_next, nnc_tensor_id *map);

/* ---- text: prints and parses back ----
 *
 *     input  x[batch, 4]
 *     param  dense_1.w[4, 16]
 *     input  y[batch]: class(3)
 *     state  m[16] -> m'
 *     dense_1.s[b < batch, u < 16] = sum(i < 4: x[b, i] * dense_1.w[i, u])
 *     h[b < batch, u < 16] = max(0, dense_1.s[b, u] + dense_1.b[u])
 *     p[i < 10] = if i >= 2 and i <= 7 then x[i - 2] else 0
 *     k[i < 5] = constant [1, 2, 3, 4, 5]
 *
 * Integers print as affine text, floor(e / 3), e mod 3, floor_int(e); WITHIN as comparisons; `batch` and `data` as extents and, as
 * numbers, count(batch). Slots print as i, j, k, ... (b for the batch, t for a recurrence) unless names collide. */
void nnc_program_print(const nnc_program *p, nnc_text *out);
void nnc_tensor_print(const nnc_program *p, nnc_tensor_id tensor, nnc_text *out);  /* one line */
void nnc_node_print(const nnc_program *p, const nnc_tensor *in, nnc_ref ref, nnc_text *out);
/* Parses that text, for tests of passes from text to text; reports errors to the session. NULL after one. */
nnc_program *nnc_program_parse(nnc_session *session, uint32_t file);

/* Checks every invariant above: slots inside, elements agree, canonical forms, order, reads proved inside, unique names. NULL if all hold,
 * or what is wrong and in which tensor (arena text). Called after every pass in debug builds and in all tests. */
const char *nnc_program_verify(const nnc_program *p);

#endif
