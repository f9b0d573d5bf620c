/* For this folder: solving subscripts for indices. */
#ifndef NNC_TRANSFORM_SOLVE_H
#define NNC_TRANSFORM_SOLVE_H

#include "transform/scope.h"

enum { NNC_MAX_EQUATIONS = 48, NNC_MAX_UNKNOWNS = 64 };

/* A system of equations equation[i] = 0 over integer unknowns (INDEX variables of the scope). Solving eliminates unknowns, and puts what they are, in terms of
 * what is given and the unknowns that are left (some of them new), into the carried expressions. All solutions in range are those of the unknowns left,
 * in their extents, for which every condition holds; each is met once. */
enum { NNC_MAX_CARRIED = NNC_MAX_CONDITIONS + 1 };
typedef struct nnc_system {
    nnc_scope *scope;
    nnc_ref equation[NNC_MAX_EQUATIONS];
    uint32_t equations;
    nnc_ref unknown[NNC_MAX_UNKNOWNS];
    uint32_t unknowns;
    nnc_ref condition[NNC_MAX_CONDITIONS];
    uint32_t conditions;
    nnc_ref carried[NNC_MAX_CARRIED];
    uint32_t carrieds;
    uint32_t solved;               /* how many unknowns were eliminated */
} nnc_system;

void nnc_solve(nnc_system *s);

#endif
