/* A module of LLVM's: made from loops, checked, and turned into bytes. One context each, so several may be made at once. */
#include <llvm-c/Analysis.h>
#include <string.h>
#include "llvm/internal.h"

LLVMTypeRef nnc_llvm_type(const nnc_module *m, nnc_type type, uint8_t lanes)
{
    LLVMTypeRef one = type == NNC_TYPE_REAL ? m->real : type == NNC_TYPE_INT ? m->int32 : type == NNC_TYPE_INDEX ? m->index : m->boolean;
    return lanes == 1 ? one : LLVMVectorType(one, lanes);
}

LLVMValueRef nnc_llvm_int(const nnc_module *m, LLVMTypeRef type, int64_t value)
{
    (void)m;
    return LLVMConstInt(type, (unsigned long long)value, 1);
}

LLVMValueRef nnc_llvm_intrinsic(nnc_module *m, const char *name, LLVMTypeRef *types, unsigned count, LLVMValueRef *args, unsigned arguments)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef function = LLVMGetIntrinsicDeclaration(m->module, id, types, count);
    return LLVMBuildCall2(m->builder, LLVMIntrinsicGetType(m->context, id, types, count), function, args, arguments, "");
}

void nnc_llvm_attribute(const nnc_module *m, LLVMValueRef function, const char *name, const char *value)
{
    LLVMAttributeRef attribute = value ? LLVMCreateStringAttribute(m->context, name, (unsigned)strlen(name), value, (unsigned)strlen(value))
                                       : LLVMCreateEnumAttribute(m->context, LLVMGetEnumAttributeKindForName(name, strlen(name)), 0);
    LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex, attribute);
}

/* What LLVM has to say goes into a text, never to the terminal. */
static void on_diagnostic(LLVMDiagnosticInfoRef info, void *context)
{
    nnc_text *text = context;
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError)
        return;
    char *message = LLVMGetDiagInfoDescription(info);
    nnc_text_add(text, "%s%s", text->length ? "; " : "", message);
    LLVMDisposeMessage(message);
}

static void open_module(nnc_module *m, nnc_arena *arena, const nnc_code_target *target, nnc_text *complaints)
{
    *m = (nnc_module){.arena = arena, .context = LLVMContextCreate()};
    LLVMContextSetDiagnosticHandler(m->context, on_diagnostic, complaints);
    m->module = LLVMModuleCreateWithNameInContext("nnc", m->context);
    m->builder = LLVMCreateBuilderInContext(m->context);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(target->machine);
    LLVMSetModuleDataLayout(m->module, layout);
    LLVMSetTarget(m->module, target->triple);
    m->index = LLVMIntPtrTypeInContext(m->context, layout);
    LLVMDisposeTargetData(layout);
    m->real = LLVMFloatTypeInContext(m->context);
    m->int32 = LLVMInt32TypeInContext(m->context);
    m->int64 = LLVMInt64TypeInContext(m->context);
    m->boolean = LLVMInt1TypeInContext(m->context);
    m->pointer = LLVMPointerTypeInContext(m->context, 0);
    m->nothing = LLVMVoidTypeInContext(m->context);
    LLVMTypeRef types[4] = {m->pointer, m->int64, m->int64, m->int64};
    m->kernel_type = LLVMFunctionType(m->nothing, types, 4, 0);
    m->fused = nnc_code_target_machine(arena, target)->fused;
}

static void close_module(nnc_module *m)
{
    LLVMDisposeBuilder(m->builder);
    LLVMDisposeModule(m->module);
    LLVMContextDispose(m->context);
}

static const char *fill(nnc_module *m, const nnc_loops *const *loops, uint32_t count, const nnc_export *exported)
{
    for (uint32_t i = 0; i < count; i++) {
        if (exported) {
            nnc_llvm_export(m, loops[i], exported);
            continue;
        }
        for (uint32_t k = 0; k < loops[i]->kernels; k++) {
            if (LLVMGetNamedFunction(m->module, loops[i]->kernel[k]->name))
                return nnc_arena_format(m->arena, "two kernels are named %s", loops[i]->kernel[k]->name);
            nnc_llvm_kernel(m, loops[i], loops[i]->kernel[k], false);
        }
    }
    char *message = NULL;
    const char *wrong = LLVMVerifyModule(m->module, LLVMReturnStatusAction, &message) ? nnc_arena_string(m->arena, message) : NULL;
    LLVMDisposeMessage(message);
    return wrong;
}

static const char *emit(nnc_module *m, const nnc_code_target *target, nnc_llvm_output kind, nnc_object *out)
{
    if (kind == NNC_LLVM_TEXT) {
        char *text = LLVMPrintModuleToString(m->module);
        out->size = strlen(text);
        out->bytes = nnc_arena_copy(m->arena, text, out->size);
        LLVMDisposeMessage(text);
        return NULL;
    }
    LLVMMemoryBufferRef buffer = NULL;
    char *message = NULL;
    LLVMCodeGenFileType type = kind == NNC_LLVM_OBJECT ? LLVMObjectFile : LLVMAssemblyFile;
    if (LLVMTargetMachineEmitToMemoryBuffer(target->machine, m->module, type, &message, &buffer)) {
        const char *wrong = nnc_arena_string(m->arena, message ? message : "no code was generated");
        LLVMDisposeMessage(message);
        return wrong;
    }
    out->size = LLVMGetBufferSize(buffer);
    out->bytes = nnc_arena_copy(m->arena, LLVMGetBufferStart(buffer), out->size);
    LLVMDisposeMemoryBuffer(buffer);
    return NULL;
}

bool nnc_llvm_compile(nnc_arena *arena, const nnc_loops *const *loops, uint32_t count, const nnc_export *exported, const nnc_target *target,
                      nnc_llvm_output kind, nnc_object *out, const char **error)
{
    nnc_code_target opened;
    if (!nnc_code_target_open(arena, target, &opened, error))
        return false;
    nnc_text complaints = {.arena = arena};
    nnc_module m;
    open_module(&m, arena, &opened, &complaints);
    const char *wrong = fill(&m, loops, count, exported);
    if (!wrong)
        wrong = emit(&m, &opened, kind, out);
    if (!wrong && complaints.length)
        wrong = nnc_text_string(&complaints);
    close_module(&m);
    nnc_code_target_close(&opened);
    if (wrong)
        *error = nnc_arena_format(arena, "the code generator failed: %s", wrong);
    return wrong == NULL;
}
