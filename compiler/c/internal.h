/* Inside the C printer. */
#ifndef NNC_C_INTERNAL_H
#define NNC_C_INTERNAL_H

#include "c/c.h"

/* Helper functions that a text needs; printed in front of its first kernel. */
typedef enum nnc_c_helper {
#define NNC_C_HELPER(name, text) NNC_C_##name,
#include "c/helpers.def"
    NNC_C_HELPERS
} nnc_c_helper;

/* What is decided of a kernel before it is printed, and where in it the printer is. */
typedef struct nnc_c_kernel {
    const nnc_loops *loops;
    const nnc_kernel *kernel;
    nnc_text *out;
    const nnc_c_model *model;     /* NULL: kernels over pointers[]; else batch 1, weights as arrays */
    const bool *nonnegative;      /* by value */
    bool *inlined;                /* by value: printed where it is used */
    uint32_t *uses, *uses_here;   /* by value; those in the loop over lanes that is looked at (0 elsewhere) */
    bool *local;                  /* by value: a vector of which each lane lives in one round of a loop over lanes alone */
    bool *packed;                 /* by value: a vector of type realN, which compilers keep in a register; not an array of its lanes */
    bool whole;                   /* expressions are printed of whole vectors, not of their lanes l */
    bool *read;                   /* by register: some GET */
    const nnc_statement **home;   /* by register: the body that declares it */
    bool *touched, *stored;       /* by buffer: accessed, written */
} nnc_c_kernel;

/* Which values stand inside the expression that uses them, and where registers are declared. */
void nnc_c_plan(nnc_c_kernel *k);
/* Whether the statement can be printed of whole vectors: its lanes are told apart by nothing in it, and each of its operations has a row in whole.def. */
bool nnc_c_is_whole(const nnc_c_kernel *k, const nnc_statement *s);
/* The operation's name among those on whole vectors (MAX for MAX8); NULL: it has none, or C's own operator. */
const char *nnc_c_whole_name(nnc_loop_op op);
/* Registers of reals are packed, whatever they are set to. */
bool nnc_c_is_packed_register(const nnc_c_kernel *k, uint32_t reg);
/* Packed vectors of which a loop over lanes with the statements `first` to `end` reads the lanes: by value, by register. */
typedef struct nnc_c_lanes_read { bool *value, *reg; } nnc_c_lanes_read;
nnc_c_lanes_read nnc_c_packed_lanes(const nnc_c_kernel *k, const nnc_statement *first, const nnc_statement *end);
/* Types and operations of whole vectors that these kernels need. */
void nnc_c_whole_helpers(const nnc_loops *loops, nnc_text *out);
/* From the vector value `first`, the last of the statements that are printed as one loop over lanes, with `local` set for them; `first`: it stands alone.
 * The scalar values among them are independent of them and are printed in front. */
const nnc_statement *nnc_c_lane_loop(nnc_c_kernel *k, const nnc_statement *first);
/* The value's expression for lane `l` of a vector, or for the one there is. */
void nnc_c_expression(const nnc_c_kernel *k, nnc_value_id id, bool atom);
/* One kernel as a function. */
void nnc_c_kernel_text(const nnc_loops *loops, const nnc_kernel *kernel, const nnc_c_model *model, nnc_text *out);
/* Helpers and macros that these kernels need. */
void nnc_c_helpers(const nnc_loops *loops, nnc_text *out);

void nnc_c_real(nnc_text *out, double value);
/* A name as a C identifier: what is none becomes an underline. */
const char *nnc_c_identifier(nnc_arena *arena, const char *name);
/* Text inside a comment: no end of it, no line breaks. */
void nnc_c_comment(nnc_text *out, const char *text);
/* A buffer's array in an exported text; `dense_1.w` is w3_dense_1_w. */
const char *nnc_c_buffer_name(const nnc_c_kernel *k, uint32_t buffer);

#endif
