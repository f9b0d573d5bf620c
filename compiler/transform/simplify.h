/* For this folder: one round of simplification, which writes a program anew, formula by formula. */
#ifndef NNC_TRANSFORM_SIMPLIFY_H
#define NNC_TRANSFORM_SIMPLIFY_H

#include "transform/algebra.h"

/* A formula on its way into the new program: its body is over slots of the new program. */
typedef struct nnc_making {
    nnc_reduce reduce;
    int64_t extent[NNC_MAX_SLOTS];
    uint32_t rank, reduced;
    nnc_element element;
    int64_t classes;
    nnc_ref body;
} nnc_making;

/* How often a tensor of the old program is read, and by whom. */
typedef struct nnc_usage { uint32_t reads; nnc_tensor_id reader; } nnc_usage;

typedef struct nnc_round {
    nnc_arena *arena;
    const nnc_program *from;
    nnc_program *to;
    nnc_tensor_id *map;             /* old to new; 0: not yet */
    bool *root;                     /* old: keeps a tensor of its own */
    nnc_usage *usage;               /* of old tensors */
    nnc_tensor_id *formula_table;   /* of new formulas, by what they compute */
    uint32_t table_size;
    nnc_ref_map elementwise;        /* new: canonical body to the first formula that is it, see shared.c */
    nnc_ref_map quotient;           /* new: e to the first p whose formula is p[i..] = e[i..] / t[..] */
    nnc_tensor_id current;          /* the old tensor being made */
    bool inlines;                   /* reads may be replaced by what they read */
    bool eager, tempted;            /* also where it would be computed more often, as a trial; some read asked for that */
    bool readable;                  /* for people: what is read once stands in its reader, even if it would be computed more often */
    uint32_t rewrites;              /* how many rules applied */
} nnc_round;

nnc_program *nnc_simplify_with(nnc_arena *arena, const nnc_program *p, nnc_tensor_id *roots, uint32_t count, nnc_tensor_id *map, bool readable);

/* The new program's formula that computes the same, or 0. */
nnc_tensor_id nnc_round_find(const nnc_round *round, const nnc_making *making);
nnc_tensor_id nnc_round_emit(nnc_round *round, const nnc_making *making, const char *name, nnc_span span, nnc_tensor_id derivative_of);

/* The old body with its reads mapped, inlined where that pays, and the algebra's rules applied. */
nnc_ref nnc_round_body(nnc_round *round, nnc_ref body, const nnc_making *making);
void nnc_round_count_reads(nnc_round *round);
/* Subscripts that move along indices in straight lines: a reader loses nothing. */
bool nnc_is_straight(const nnc_program *p, nnc_ref read);
/* A read of a reduction that nothing else reads, of fewer elements than it has, in straight lines: a read of a reduction of just those. 0 where that is not so. */
nnc_ref nnc_round_crop(nnc_round *round, nnc_tensor_id old, const nnc_ref *args, const nnc_making *reader);
/* A formula that copies a reduction that nothing else reads becomes the reduction. */
bool nnc_round_absorb(nnc_round *round, nnc_tensor_id reader, nnc_making *making);
void nnc_round_note_quotient(nnc_round *round, nnc_tensor_id id);
void nnc_round_note_elementwise(nnc_round *round, nnc_tensor_id id);
/* The product with e / t replaced by p where some p is that quotient, and, in a derivative, x / x gone. 0 where there is neither. */
nnc_ref nnc_round_known_quotient(nnc_round *round, nnc_ref product);
bool nnc_making_inside(nnc_round *round, const nnc_making *making);

/* The table of rules on a whole formula: each returns whether it changed it. New tensors they need are emitted before it. */
typedef bool (*nnc_formula_rule)(nnc_round *round, nnc_making *making);
bool nnc_rule_range(nnc_round *round, nnc_making *making);           /* narrow, collapse, drop indices that nothing mentions */
bool nnc_rule_single(nnc_round *round, nnc_making *making);          /* reduced indices of extent 1 */
bool nnc_rule_shared(nnc_round *round, nnc_making *making);          /* a reduction of what some tensor holds reads it */
bool nnc_rule_factors(nnc_round *round, nnc_making *making);         /* factors that lack the reduced indices out of sums */
bool nnc_rule_centred(nnc_round *round, nnc_making *making);         /* sum(k: A - mean(k: A)) = 0 */

#endif
