/* Inside the plan: the graph of groups. Its edges are the reads themselves, so that joining two groups is a matter of naming the group that a formula is in, and what grows with the
 * program is the reads alone. */
#ifndef NNC_PLAN_INTERNAL_H
#define NNC_PLAN_INTERNAL_H

#include "plan/plan.h"

/* What a formula reads of another tensor. own: each read is at the reader's own place (subscript i is INDEX i); rows: bit i, at least subscript i is. */
typedef struct nnc_reading { nnc_tensor_id from; bool own; uint32_t rows; } nnc_reading;
typedef struct nnc_readings { nnc_reading *read; uint32_t count, capacity; } nnc_readings;
/* The same from the other side. */
typedef struct nnc_reader { nnc_tensor_id by; uint32_t rows; } nnc_reader;

/* The nodes in an order in which each comes after what must be before it; kept so while edges are added and nodes joined. And a spanning tree of the edges as they were first: a node's
 * descendants have the numbers first .. last-1. Paths stay paths when nodes are joined, so whatever the tree tells to come before holds for good. */
typedef struct nnc_line {
    uint32_t *next, *previous;     /* by node; [nodes]: the ends */
    uint64_t *place;               /* by node: grows along the line */
    uint32_t *first, *last;        /* by node: in the tree */
    uint32_t *near;                /* scratch: nodes met in a search */
    uint32_t *met, search;         /* by node: the last search that met it */
} nnc_line;

typedef struct nnc_planner {
    nnc_arena *arena;
    const nnc_program *p;
    nnc_plan *plan;
    const bool *kept;
    nnc_readings *reads;           /* by tensor: what its formula reads, each once */
    nnc_reader *reader;            /* of tensor t: reader[first_reader[t]] .. reader[first_reader[t + 1] - 1] */
    uint32_t *first_reader;
    uint32_t *work;                /* by formula: operations of its body, about */
    nnc_tensor_id *old;            /* by formula that is computed in place: the tensor that lives there */
    nnc_tensor_id *heir;           /* by tensor: the formula that is computed in its place; 0 none */
    uint32_t nodes;                /* one an item of the order, later merged */
    nnc_group *node;
    uint32_t *node_work;           /* by node: operations of its members without reduction */
    uint32_t *node_of;             /* of each formula */
    bool *merged;                  /* nodes that are part of another now */
    nnc_line line;
} nnc_planner;

/* graph.c: nodes and what comes before what, with the in-place updates that are possible. Gives an order of the nodes. */
uint32_t *nnc_plan_graph(nnc_planner *planner, const nnc_order *order);
/* The nodes that are left, so that each comes after what must be before it, else as in `wanted` ([nodes]); merged ones at the end. */
uint32_t *nnc_plan_sequence(const nnc_planner *planner, const uint32_t *wanted);
/* Calls `visit` for each node that must come directly before (or after) this one, until it gives false; one node may come several times. False where it was stopped. */
typedef bool nnc_visit(void *context, uint32_t node);
bool nnc_each_before(const nnc_planner *planner, uint32_t node, nnc_visit *visit, void *context);
bool nnc_each_after(const nnc_planner *planner, uint32_t node, nnc_visit *visit, void *context);

/* merge.c: joins nodes into groups. */
void nnc_plan_merge(nnc_planner *planner, const uint32_t *sequence);

/* line.c: the line of all nodes, in the order of their numbers, which all edges must follow. */
void nnc_line_open(nnc_planner *planner);
/* Puts node a before node b on the line, so that an edge from a to b may be added; false where b must come before a (or is a). */
bool nnc_line_put(nnc_planner *planner, uint32_t a, uint32_t b);
void nnc_line_remove(nnc_planner *planner, uint32_t node);

#endif
