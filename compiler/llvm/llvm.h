/* Loops to machine code through LLVM's C API. The only folder that includes LLVM's headers; built as a module of its own
 * (nnc-llvm.so) that the driver loads on first use, since libLLVM takes 20 ms to load. The module exports one symbol,
 * nnc_llvm_interface. No header of LLVM's is needed to include this one. */
#ifndef NNC_LLVM_LLVM_H
#define NNC_LLVM_LLVM_H

#include "base/arena.h"
#include "loops/loops.h"
#include "loops/machine.h"

typedef struct nnc_target {
    const char *triple;       /* NULL: this machine */
    const char *cpu;          /* NULL: this machine's, or the triple's default */
    int level;                /* 0..3, of code generation */
} nnc_target;

typedef struct nnc_object { char *bytes; size_t size; } nnc_object;      /* in the arena */

typedef void (*nnc_kernel_function)(void *const *pointers, int64_t batch, int64_t first, int64_t last);

typedef struct nnc_jit nnc_jit;

/* What an object exports beside its kernels (which are then internal): int NAME_predict(inputs.., outputs.., void *workspace). */
typedef struct nnc_export_table { const char *symbol; const char *const *names; int64_t count; } nnc_export_table;   /* iris_species_names[3] */

typedef struct nnc_export {
    const char *symbol;            /* iris_predict */
    const uint32_t *argument;      /* buffers in the order of the parameters */
    uint32_t arguments;
    const int64_t *class_count;    /* for each: a class input's count, to be checked 0 <= v < count (0: no check) */
    const unsigned char *persistent;  /* the persistent block's bytes: become a constant of the object */
    const nnc_export_table *table;
    uint32_t tables;
} nnc_export;

typedef enum nnc_llvm_output { NNC_LLVM_OBJECT, NNC_LLVM_ASSEMBLY, NNC_LLVM_TEXT } nnc_llvm_output;

typedef struct nnc_llvm {
    /* The machine that the scheduler should plan for. NULL and *error where there is no such target or cpu. */
    const nnc_machine *(*machine)(nnc_arena *arena, const nnc_target *target, const char **error);
    /* Compiles all kernels of `loops`. `export` NULL: each kernel is an external symbol by its name (for the JIT). */
    bool (*compile)(nnc_arena *arena, const nnc_loops *const *loops, uint32_t count, const nnc_export *exported, const nnc_target *target,
                    nnc_llvm_output kind, nnc_object *out, const char **error);
    /* Links an object for this machine into this process. */
    nnc_jit *(*load)(const nnc_object *object, const char **error);
    nnc_kernel_function (*symbol)(nnc_jit *jit, const char *name);
    void (*unload)(nnc_jit *jit);
    const char *(*version)(void);
} nnc_llvm;

extern const nnc_llvm nnc_llvm_interface;

#endif
