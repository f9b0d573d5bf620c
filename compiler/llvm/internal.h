/* Inside the LLVM back end: what its files share while one module is built. */
#ifndef NNC_LLVM_INTERNAL_H
#define NNC_LLVM_INTERNAL_H

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include "llvm/llvm.h"

#define NNC_EXPORTED __attribute__((visibility("default")))

/* Types by nnc_type and lanes; pointers[] holds the storages in the order of nnc_storage_class, then the arguments. */
typedef struct nnc_module {
    nnc_arena *arena;
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    LLVMTypeRef real, int32, index, int64, boolean, pointer, nothing;
    LLVMTypeRef kernel_type;
    bool fused;                     /* llvm.fma is one instruction here */
    const nnc_loops *loops;         /* of the kernel being built */
    const nnc_kernel *kernel;
    LLVMValueRef function;
    LLVMValueRef *value, *reg;      /* by value, and each register's value now */
    LLVMValueRef *base;             /* by buffer; NULL where the kernel does not touch it */
    LLVMValueRef batch, first, last;
    const bool *nonnegative;        /* by value */
} nnc_module;

/* A machine description of LLVM's for a target; the strings are LLVM's own, held until nnc_machine_close. */
typedef struct nnc_code_target {
    char *triple, *cpu, *features;
    LLVMTargetMachineRef machine;
} nnc_code_target;

bool nnc_code_target_open(nnc_arena *arena, const nnc_target *target, nnc_code_target *opened, const char **error);
void nnc_code_target_close(nnc_code_target *target);
/* The row of machines.def that fits. */
const nnc_machine *nnc_code_target_machine(nnc_arena *arena, const nnc_code_target *target);

LLVMTypeRef nnc_llvm_type(const nnc_module *m, nnc_type type, uint8_t lanes);
LLVMValueRef nnc_llvm_int(const nnc_module *m, LLVMTypeRef type, int64_t value);
/* A call of an intrinsic, overloaded by `types`. */
LLVMValueRef nnc_llvm_intrinsic(nnc_module *m, const char *name, LLVMTypeRef *types, unsigned count, LLVMValueRef *args, unsigned arguments);
void nnc_llvm_attribute(const nnc_module *m, LLVMValueRef function, const char *name, const char *value);

/* One function a kernel; external, or internal to the object. */
LLVMValueRef nnc_llvm_kernel(nnc_module *m, const nnc_loops *loops, const nnc_kernel *kernel, bool internal);
/* The same inside of `function`, where the builder stands; the counts are numbers. storage: by nnc_storage_class and argument, pointers to them. */
void nnc_llvm_kernel_inside(nnc_module *m, const nnc_loops *loops, const nnc_kernel *kernel, LLVMValueRef function, LLVMValueRef *storage);
/* The operation that makes a value, from values made before. */
LLVMValueRef nnc_llvm_operation(nnc_module *m, nnc_value_id id);
void nnc_llvm_store(nnc_module *m, const nnc_statement *store);
void nnc_llvm_prefetch(nnc_module *m, const nnc_statement *prefetch);
LLVMValueRef nnc_llvm_load(nnc_module *m, const nnc_value *load);
/* int NAME(arguments.., workspace): checks, then all kernels with a batch of one: calls of them, or, where they are small, what they do. */
void nnc_llvm_export(nnc_module *m, const nnc_loops *loops, const nnc_export *exported);

bool nnc_llvm_compile(nnc_arena *arena, const nnc_loops *const *loops, uint32_t count, const nnc_export *exported, const nnc_target *target,
                      nnc_llvm_output kind, nnc_object *out, const char **error);
const nnc_machine *nnc_llvm_machine(nnc_arena *arena, const nnc_target *target, const char **error);
nnc_jit *nnc_jit_load(const nnc_object *object, const char **error);
nnc_kernel_function nnc_jit_symbol(nnc_jit *jit, const char *name);
void nnc_jit_unload(nnc_jit *jit);

#endif
