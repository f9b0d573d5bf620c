/* A machine, as scheduling sees it. One row a kind of target in machines.def; the LLVM back end refines it from -mcpu. */
#ifndef NNC_LOOPS_MACHINE_H
#define NNC_LOOPS_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct nnc_machine {
    const char *name;
    uint8_t lanes;              /* floats in a vector register; 1 without vectors */
    uint8_t registers;          /* vector registers */
    uint8_t fma_per_cycle, loads_per_cycle;
    uint8_t latency;            /* of a fused multiply-add, cycles */
    bool fused;                 /* has fused multiply-add */
    uint32_t l1, l2;            /* bytes */
    bool prefetches;            /* worth asking early for what is used late: not of C, whose compiler and machine are not known. Small windows are written out where it is */
    bool small;                 /* code size before speed: no unrolled tiles */
} nnc_machine;

/* Rows of machines.def: "x86-64-v4" (AVX-512), "x86-64-v3" (AVX2), "x86-64", "aarch64", "c" (portable C), "small" (1 lane, 1x1 tile). */
const nnc_machine *nnc_machine_find(const char *name);
/* The row that fits a target triple and cpu features text ("+avx512f,+fma,..."). */
const nnc_machine *nnc_machine_for(const char *triple, const char *features);

#endif
