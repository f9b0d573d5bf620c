/* For this folder alone: making nodes. */
#ifndef NNC_FORMULA_BUILD_H
#define NNC_FORMULA_BUILD_H

#include "formula/formula.h"

/* The node with these parts, found or made. `coefficients` NULL but for AFFINE. `bits`: the union's 16 bytes as two integers. */
nnc_ref nnc_intern(nnc_program *p, nnc_op op, nnc_element element, const nnc_ref *args, const int64_t *coefficients, uint32_t count, int64_t first_bits,
                   int64_t second_bits);
/* The same if it is there already, else 0. */
nnc_ref nnc_interned(const nnc_program *p, nnc_op op, nnc_element element, const nnc_ref *args, uint32_t count, int64_t first_bits, int64_t second_bits);

/* Makes a node of `to` like node `ref` of `from` (which may be `to`), with other arguments: canonical again. */
nnc_ref nnc_rebuild(nnc_program *to, const nnc_program *from, nnc_ref ref, const nnc_ref *args);

/* Room for a node's arguments: `few` (NNC_FEW of them) where that is enough, else the arena's. */
enum { NNC_FEW = 16 };
static inline nnc_ref *nnc_room(const nnc_program *p, nnc_ref *few, uint32_t count) { return count <= NNC_FEW ? few : NNC_ARRAY(p->arena, nnc_ref, count); }

typedef struct nnc_op_row { const char *name, *print; int arity; uint8_t result, arguments; uint8_t flags; } nnc_op_row;
enum { NNC_FLAG_COMMUTES = 1, NNC_FLAG_CHEAP = 2, NNC_FLAG_COSTLY = 4, NNC_FLAG_LEAF = 8 };
enum { NNC_ROW_REAL, NNC_ROW_INTEGER, NNC_ROW_BOOLEAN, NNC_ROW_ANY };
extern const nnc_op_row nnc_op_rows[NNC_OPS];

/* A scalar operation on reals (booleans as 0 and 1 come out), in 64 bits; b counts only where there are two arguments. */
double nnc_operate(nnc_op op, double a, double b);

#endif
