/* Objects linked into this process by LLVM's ORC. Code finds nothing of the process but the few functions in the table below. */
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "llvm/internal.h"

struct nnc_jit { LLVMOrcLLJITRef jit; };

typedef void (*any_function)(void);

/* What generated code may call: libm's powf, what LLVM makes of missing instructions (fmaf, floorf) and of copies. */
static const struct { const char *name; any_function function; } known[] = {
    {"powf", (any_function)powf}, {"fmaf", (any_function)fmaf}, {"floorf", (any_function)floorf},
    {"memcpy", (any_function)memcpy}, {"memset", (any_function)memset}, {"memmove", (any_function)memmove},
};
enum { KNOWN = sizeof known / sizeof *known };

static LLVMErrorRef define_known(LLVMOrcLLJITRef jit)
{
    LLVMOrcCSymbolMapPair pairs[KNOWN];
    for (size_t i = 0; i < KNOWN; i++) {
        LLVMJITSymbolFlags flags = {LLVMJITSymbolGenericFlagsExported | LLVMJITSymbolGenericFlagsCallable, 0};
        pairs[i].Name = LLVMOrcLLJITMangleAndIntern(jit, known[i].name);
        pairs[i].Sym.Address = (LLVMOrcExecutorAddress)(uintptr_t)known[i].function;
        pairs[i].Sym.Flags = flags;
    }
    return LLVMOrcJITDylibDefine(LLVMOrcLLJITGetMainJITDylib(jit), LLVMOrcAbsoluteSymbols(pairs, KNOWN));
}

nnc_jit *nnc_jit_load(const nnc_object *object, const char **error)
{
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    nnc_jit *made = calloc(1, sizeof *made);
    if (!made) {
        *error = "out of memory";
        return NULL;
    }
    LLVMErrorRef failed = LLVMOrcCreateLLJIT(&made->jit, NULL);
    if (!failed)
        failed = define_known(made->jit);
    if (!failed) {
        LLVMMemoryBufferRef bytes = LLVMCreateMemoryBufferWithMemoryRangeCopy(object->bytes, object->size, "nnc");
        failed = LLVMOrcLLJITAddObjectFile(made->jit, LLVMOrcLLJITGetMainJITDylib(made->jit), bytes);
    }
    if (!failed)
        return made;
    LLVMConsumeError(failed);
    *error = "the generated code cannot be linked into this process";
    nnc_jit_unload(made);
    return NULL;
}

nnc_kernel_function nnc_jit_symbol(nnc_jit *jit, const char *name)
{
    LLVMOrcExecutorAddress address = 0;
    LLVMErrorRef failed = LLVMOrcLLJITLookup(jit->jit, &address, name);
    if (failed) {
        LLVMConsumeError(failed);
        return NULL;
    }
    return (nnc_kernel_function)(uintptr_t)address;
}

void nnc_jit_unload(nnc_jit *jit)
{
    if (!jit)
        return;
    LLVMErrorRef failed = jit->jit ? LLVMOrcDisposeLLJIT(jit->jit) : NULL;
    if (failed)
        LLVMConsumeError(failed);
    free(jit);
}
