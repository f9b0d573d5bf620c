/* For this folder: index variables with their extents, what is known of them at a place in an expression, and expressions
 * made simpler by that knowledge. */
#ifndef NNC_TRANSFORM_SCOPE_H
#define NNC_TRANSFORM_SCOPE_H

#include "formula/rebuild.h"

/* Indices are INDEX nodes: slots of one tensor (`slot_extent`), or free variables made by nnc_scope_variable. */
typedef struct nnc_scope {
    nnc_program *p;
    int64_t slot_extent[NNC_MAX_SLOTS];
    uint32_t first;              /* number of the first variable of this scope */
    int64_t *extent;             /* of variable first + i */
    uint32_t variables, capacity;
    nnc_ref *known;              /* conditions that hold here, the innermost last */
    uint32_t knowns, known_capacity;
} nnc_scope;

void nnc_scope_open(nnc_scope *scope, nnc_program *p);
/* The same with the slots of a tensor. */
void nnc_scope_open_tensor(nnc_scope *scope, nnc_program *p, const nnc_tensor *t);
nnc_ref nnc_scope_variable(nnc_scope *scope, int64_t extent);
int64_t nnc_scope_extent(const nnc_scope *scope, nnc_ref index);
void nnc_scope_range(const nnc_scope *scope, nnc_ref integer, int64_t *low, int64_t *high);
/* Adds that `condition` holds (or does not); the count before it is the mark to go back to (scope->knowns = mark). */
void nnc_scope_know(nnc_scope *scope, nnc_ref condition, bool holds);

/* The same value for all index values in range and under what is known: conditions that are certain disappear, quotients and remainders are
 * resolved where ranges allow. */
nnc_ref nnc_narrow(nnc_scope *scope, nnc_ref ref);

/* All reads in body are proved inside their tensors, under what is known and the conditions around them. */
bool nnc_reads_inside(nnc_scope *scope, nnc_ref body);

/* not c, as a WITHIN where that can be said. */
nnc_ref nnc_negate(nnc_program *p, nnc_ref condition);
bool nnc_is_zero(const nnc_program *p, nnc_ref ref);
bool nnc_is_true(const nnc_program *p, nnc_ref ref);
nnc_ref nnc_both(nnc_program *p, nnc_ref a, nnc_ref b);     /* a and b, either may be TRUE */

/* All of them, those on indices alone first: they guard the reads in the others. */
nnc_ref nnc_all_of(nnc_program *p, const nnc_ref *condition, uint32_t count);

/* body = if all of condition[] then core else 0. A body's own are at most NNC_MAX_GUARDS (what is more stays joined by AND); solving adds some. */
enum { NNC_MAX_GUARDS = 24, NNC_MAX_CONDITIONS = 2 * NNC_MAX_GUARDS };
typedef struct nnc_guarded { nnc_ref condition[NNC_MAX_CONDITIONS]; uint32_t conditions; nnc_ref core; } nnc_guarded;
void nnc_guarded_of(nnc_program *p, nnc_ref body, nnc_guarded *out);
nnc_ref nnc_guarded_body(nnc_program *p, const nnc_guarded *g);

/* A sum being made: sum(over: body), with variables that are eliminated where they can be: an index that an equality guard fixes is replaced,
 * one that nothing mentions becomes a factor. What cannot be proved inside afterwards is left. */
typedef struct nnc_sum { nnc_ref over[NNC_MAX_SLOTS]; uint32_t count; nnc_ref body; } nnc_sum;
void nnc_sum_tidy(nnc_scope *scope, nnc_sum *sum);

#endif
