/* Targets as LLVM has them, and which row of machines.def each is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "llvm/internal.h"

void nnc_code_target_close(nnc_code_target *t)
{
    if (t->machine)
        LLVMDisposeTargetMachine(t->machine);
    LLVMDisposeMessage(t->triple);
    LLVMDisposeMessage(t->cpu);
    LLVMDisposeMessage(t->features);
    *t = (nnc_code_target){0};
}

static LLVMCodeGenOptLevel level_of(int level)
{
    return level <= 0 ? LLVMCodeGenLevelNone : level == 1 ? LLVMCodeGenLevelLess : level == 2 ? LLVMCodeGenLevelDefault : LLVMCodeGenLevelAggressive;
}

static void initialize(bool all)
{
    if (all) {
        LLVMInitializeAllTargetInfos();
        LLVMInitializeAllTargets();
        LLVMInitializeAllTargetMCs();
        LLVMInitializeAllAsmPrinters();
    } else {
        LLVMInitializeNativeTarget();
        LLVMInitializeNativeAsmPrinter();
    }
}

static void set_names(const nnc_target *target, nnc_code_target *t)
{
    t->triple = target->triple ? LLVMNormalizeTargetTriple(target->triple) : LLVMGetDefaultTargetTriple();
    bool here = !target->triple && !target->cpu;
    t->cpu = target->cpu ? LLVMCreateMessage(target->cpu) : here ? LLVMGetHostCPUName() : LLVMCreateMessage("");
    t->features = here ? LLVMGetHostCPUFeatures() : LLVMCreateMessage("");
}

/* LLVM tells of a cpu that it does not know on standard error alone, while the machine is made: that is caught, and given as text. */
static LLVMTargetMachineRef machine_and_complaint(LLVMTargetRef target, const nnc_code_target *t, int level, char complaint[200])
{
    int file = memfd_create("nnc", MFD_CLOEXEC), saved = file >= 0 ? dup(STDERR_FILENO) : -1;
    if (saved >= 0)
        dup2(file, STDERR_FILENO);
    LLVMTargetMachineRef machine = LLVMCreateTargetMachine(target, t->triple, t->cpu, t->features, level_of(level), LLVMRelocPIC, LLVMCodeModelDefault);
    fflush(stderr);
    ssize_t length = 0;
    if (saved >= 0) {
        dup2(saved, STDERR_FILENO);
        close(saved);
        length = pread(file, complaint, 199, 0);
    }
    if (file >= 0)
        close(file);
    complaint[length > 0 ? length : 0] = 0;
    return machine;
}

bool nnc_code_target_open(nnc_arena *arena, const nnc_target *target, nnc_code_target *t, const char **error)
{
    *t = (nnc_code_target){0};
    initialize(target->triple != NULL);
    set_names(target, t);
    LLVMTargetRef found;
    char *message = NULL, complaint[200] = "";
    if (LLVMGetTargetFromTriple(t->triple, &found, &message)) {
        *error = nnc_arena_format(arena, "there is no target %s", target->triple ? target->triple : t->triple);
        LLVMDisposeMessage(message);
        nnc_code_target_close(t);
        return false;
    }
    if (target->cpu)
        t->machine = machine_and_complaint(found, t, target->level, complaint);
    else
        t->machine = LLVMCreateTargetMachine(found, t->triple, t->cpu, t->features, level_of(target->level), LLVMRelocPIC, LLVMCodeModelDefault);
    if (t->machine && !strstr(complaint, "not a recognized"))
        return true;
    *error = target->cpu ? nnc_arena_format(arena, "the target %s has no cpu %s", t->triple, target->cpu)
                         : nnc_arena_format(arena, "no code can be generated for %s", t->triple);
    nnc_code_target_close(t);
    return false;
}

/* ---- what a named cpu has: asked by compiling multiply-adds and looking at their code, since the C interface lists no features ---- */

static LLVMModuleRef products(LLVMContextRef context, unsigned lanes, const char *intrinsic)
{
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("probe", context);
    LLVMBuilderRef b = LLVMCreateBuilderInContext(context);
    LLVMTypeRef pointer = LLVMPointerTypeInContext(context, 0), real = LLVMFloatTypeInContext(context), vector = lanes > 1 ? LLVMVectorType(real, lanes) : real;
    LLVMValueRef function = LLVMAddFunction(module, "probe", LLVMFunctionType(LLVMVoidTypeInContext(context), &pointer, 1, 0));
    LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, LLVMCreateStringAttribute(context, "prefer-vector-width", 19, "512", 3));
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(context, function, ""));
    LLVMValueRef x = LLVMBuildLoad2(b, vector, LLVMGetParam(function, 0), ""), args[3] = {x, x, x};
    unsigned id = LLVMLookupIntrinsicID(intrinsic, strlen(intrinsic));
    LLVMValueRef multiply_add = LLVMGetIntrinsicDeclaration(module, id, &vector, 1);
    LLVMBuildStore(b, LLVMBuildCall2(b, LLVMIntrinsicGetType(context, id, &vector, 1), multiply_add, args, 3, ""), LLVMGetParam(function, 0));
    LLVMBuildRetVoid(b);
    LLVMDisposeBuilder(b);
    return module;
}

/* Their code as text; NULL where there is none. */
static LLVMMemoryBufferRef code_of_products(const nnc_code_target *t, unsigned lanes, const char *intrinsic)
{
    LLVMContextRef context = LLVMContextCreate();
    LLVMModuleRef module = products(context, lanes, intrinsic);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(t->machine);
    LLVMSetModuleDataLayout(module, layout);
    LLVMSetTarget(module, t->triple);
    LLVMMemoryBufferRef text = NULL;
    char *message = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(t->machine, module, LLVMAssemblyFile, &message, &text)) {
        LLVMDisposeMessage(message);
        text = NULL;
    }
    LLVMDisposeTargetData(layout);
    LLVMDisposeModule(module);
    LLVMContextDispose(context);
    return text;
}

static const char *probed_features(const nnc_code_target *t)
{
    LLVMMemoryBufferRef text = code_of_products(t, 16, "llvm.fmuladd");
    const char *code = text ? LLVMGetBufferStart(text) : "";
    const char *features = strstr(code, "zmm") ? "+avx512f" : strstr(code, "vfm") ? "+avx2,+fma" : "";
    if (text)
        LLVMDisposeMemoryBuffer(text);
    return features;
}

/* Without an instruction for it, a multiply-add that rounds once is a call of libm's, which takes many times as long as a product and a sum. */
static bool calls_multiply_add(const nnc_code_target *t)
{
    LLVMMemoryBufferRef text = code_of_products(t, 1, "llvm.fma");
    bool calls = text && strstr(LLVMGetBufferStart(text), "fmaf");
    if (text)
        LLVMDisposeMemoryBuffer(text);
    return calls;
}

/* What the system says of the caches of this machine, where it says it. */
static uint32_t cache_bytes(int name, uint32_t otherwise)
{
    long bytes = sysconf(name);
    return bytes > 0 && bytes <= 1 << 30 ? (uint32_t)bytes : otherwise;
}

const nnc_machine *nnc_code_target_machine(nnc_arena *arena, const nnc_code_target *t)
{
    bool x86 = strncmp(t->triple, "x86_64", 6) == 0;
    const nnc_machine *row = nnc_machine_for(t->triple, *t->features ? t->features : x86 ? probed_features(t) : "");
    if (!*t->features && !(row->fused && calls_multiply_add(t)))
        return row;
    nnc_machine *here = NNC_NEW(arena, nnc_machine);
    *here = *row;
    if (!*t->features) {
        here->fused = false;
        return here;
    }
    here->l1 = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, row->l1);
    here->l2 = cache_bytes(_SC_LEVEL2_CACHE_SIZE, row->l2);
    return here;
}

const nnc_machine *nnc_llvm_machine(nnc_arena *arena, const nnc_target *target, const char **error)
{
    nnc_code_target t;
    if (!nnc_code_target_open(arena, target, &t, error))
        return NULL;
    const nnc_machine *machine = nnc_code_target_machine(arena, &t);
    nnc_code_target_close(&t);
    return machine;
}
