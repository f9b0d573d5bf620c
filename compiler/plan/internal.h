/* Inside the plan: the graph of groups. */
#ifndef NNC_PLAN_INTERNAL_H
#define NNC_PLAN_INTERNAL_H

#include "plan/plan.h"

/* What a formula reads of another tensor. own: each read is at the reader's own place (subscript i is INDEX i); rows: bit i, at least subscript i is. */
typedef struct nnc_reading { nnc_tensor_id from; bool own; uint32_t rows; } nnc_reading;
typedef struct nnc_readings { nnc_reading *read; uint32_t count, capacity; } nnc_readings;

typedef struct nnc_planner {
    nnc_arena *arena;
    const nnc_program *p;
    nnc_plan *plan;
    const bool *kept;
    nnc_readings *reads;           /* by tensor: what its formula reads, each once */
    uint32_t *work;                /* by formula: operations of its body, about */
    nnc_tensor_id *old;            /* by formula that is computed in place: the tensor that lives there */
    uint32_t nodes, words;         /* of the graph: one node an item of the order, later merged; bit sets have so many words */
    uint64_t **before;             /* by node: the nodes that must come before it, all of them (transitively) */
    nnc_group *node;
    uint32_t *node_of;             /* of each formula */
    bool *merged;                  /* nodes that are part of another now */
} nnc_planner;

/* graph.c: nodes and what comes before what, with the in-place updates that are possible. Gives an order of the nodes. */
uint32_t *nnc_plan_graph(nnc_planner *planner, const nnc_order *order);
/* merge.c: joins nodes into groups. */
void nnc_plan_merge(nnc_planner *planner, const uint32_t *sequence);

/* NULL where the reader does not read it. */
const nnc_reading *nnc_find_reading(const nnc_planner *planner, nnc_tensor_id reader, nnc_tensor_id from);

static inline bool nnc_bit(const uint64_t *set, uint32_t i) { return set[i / 64] >> (i % 64) & 1; }
static inline void nnc_set_bit(uint64_t *set, uint32_t i) { set[i / 64] |= (uint64_t)1 << (i % 64); }

#endif
