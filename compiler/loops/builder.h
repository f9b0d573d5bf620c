/* Inside the builder: values, blocks and folding, shared by its files. */
#ifndef NNC_LOOPS_BUILDER_H
#define NNC_LOOPS_BUILDER_H

#include "loops/loops.h"

/* An open block. Its FOR or IF joins the parent's list only when it closes, so what is placed outside meanwhile comes before it. */
typedef struct nnc_block {
    nnc_statement *owner;     /* NULL: the kernel's own block */
    nnc_statement **tail;
    uint32_t serial;          /* of the block among all of the kernel: values of closed blocks are known by it */
    bool bare;                /* its statements join the parent's list in place of it */
    bool entered;             /* its body surely runs when the parent's does, so loads may leave it */
} nnc_block;

struct nnc_builder {
    nnc_loops *loops;
    nnc_kernel *kernel;
    nnc_arena *arena;
    nnc_block *block;         /* [0 .. blocks); the last is the current one */
    uint32_t blocks, block_capacity, serials;
    uint32_t *owner;          /* for each value, the serial of its block */
    uint32_t owners, owner_capacity;
    nnc_value_id *table;      /* open addressing over PURE values; 0 is free */
    uint32_t slots, used;
    bool straight;            /* see nnc_loops */
    bool alone;               /* of one example and all tasks at once: the counts are known */
};

/* Kept in release builds: a wrong kernel must not be compiled. Names what was wrong, and aborts. */
#define NNC_MUST(b, condition) ((condition) ? (void)0 : nnc_builder_fault((b), #condition, __func__))
_Noreturn void nnc_builder_fault(const nnc_builder *b, const char *condition, const char *function);

/* What ops.def says. */
typedef struct nnc_loop_op_info { const char *name, *print; uint8_t arity; char result; bool pure; } nnc_loop_op_info;
extern const nnc_loop_op_info nnc_loop_ops[NNC_LOOP_OPS];

/* A value of the builder's kernel, by its number. The pointer holds until the next value is made. */
static inline const nnc_value *nnc_at(const nnc_builder *b, nnc_value_id id) { return &b->kernel->value[id]; }

static inline bool nnc_constant(const nnc_value *v)
{
    return v->op == NNC_LOOP_REAL || v->op == NNC_LOOP_INT || v->op == NNC_LOOP_INDEX || v->op == NNC_LOOP_TRUTH;
}

/* The value at the outermost block that sees its arguments, at least at `floor`; an equal visible one where there is one. */
nnc_value_id nnc_place_pure(nnc_builder *b, nnc_value value, uint32_t floor);
/* A new value in the current block; `statement` false: no statement makes it. */
nnc_value_id nnc_place_here(nnc_builder *b, nnc_value value, bool statement);

/* Where all arguments are constants: turns the value into one. Else false. */
bool nnc_fold_constant(const nnc_builder *b, nnc_value *value);
/* The value that it is equal to by an identity that keeps every bit, or 0; may make other values on the way. */
nnc_value_id nnc_simplify_value(nnc_builder *b, nnc_value *value);

#endif
