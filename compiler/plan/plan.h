/* The plan: which formulas are computed together in one kernel, in which order, between which barriers, and which of them need memory at all.
 *
 * A group is one kernel: a formula with a reduction or without (its head), then formulas without reduction over the same left side that read
 * the group's tensors at their own place alone; or a whole recurrence. What only its own group reads is never stored.
 *
 * Groups are in the order of computation. Those of one phase may run at the same time, task by task: where one reads what another of the same phase
 * writes, both have the same rows as tasks and each row reads its own row alone, so whoever does a range of tasks does it for both.
 *
 * Told from formulas and their reads alone: the plan knows no layer. */
#ifndef NNC_PLAN_PLAN_H
#define NNC_PLAN_PLAN_H

#include "formula/order.h"

typedef struct nnc_group {
    nnc_tensor_id *member;         /* in order; member[0] is the head. A recurrence: all of it */
    uint32_t members;
    const nnc_order_item *loop;    /* a recurrence; NULL else */
    bool rows;                     /* a slot of its members is what tasks are made of */
    uint32_t task_slot;            /* that slot: the batch, else the longest one but the last */
    bool blocked;                  /* the head is a sum so long that it is added up block by block, in memory */
    bool apart;                    /* the head is stored before the others are computed, since its numbers are made one by one (a sum over blocks of examples) */
    uint32_t phase;
} nnc_group;

typedef struct nnc_plan {
    nnc_group *group;
    uint32_t groups, phases;
    uint32_t *group_of;            /* of each formula */
    uint32_t *last;                /* the last phase that reads each formula; UINT32_MAX: kept to the end */
    uint32_t *from, *until;        /* groups: an example's part of a batched formula is needed from the one to the other, by whoever computes that example */
    bool *stored;                  /* formulas that need memory */
    bool *in_place;                /* formulas computed where the tensor that they are `next` of lives */
    uint64_t searched;             /* reads that were followed to find out what may come before what; grows as the program does, not faster */
} nnc_plan;

/* kept: tensors whose values must be there at the end (arguments). batch: of the largest run, for what is worth while. fuse false: each formula a group and a
 * phase of its own. serial: each group a phase of its own, so that memory is needed from the group that writes it to the last one that reads it. */
nnc_plan *nnc_plan_make(nnc_arena *arena, const nnc_program *p, const nnc_order *order, const bool *kept, int64_t batch, bool fuse, bool serial);

#endif
