/* What an object exports: one function that checks its arguments and runs the kernels for one example. */
#include <string.h>
#include "llvm/internal.h"

typedef struct exporter {
    nnc_module *m;
    const nnc_loops *loops;
    const nnc_export *exported;
    LLVMValueRef function;
    LLVMBasicBlockRef refused;
} exporter;

static LLVMBasicBlockRef block(exporter *e, const char *name) { return LLVMAppendBasicBlockInContext(e->m->context, e->function, name); }

/* Goes on where `good`, else to the block that returns 1. */
static void demand(exporter *e, LLVMValueRef good)
{
    LLVMBasicBlockRef next = block(e, "");
    LLVMBuildCondBr(e->m->builder, good, next, e->refused);
    LLVMPositionBuilderAtEnd(e->m->builder, next);
}

static void demand_pointer(exporter *e, LLVMValueRef pointer)
{
    demand(e, LLVMBuildIsNotNull(e->m->builder, pointer, ""));
}

/* Each element of a class input is 0 <= v < count: one comparison without sign. */
static void demand_classes(exporter *e, LLVMValueRef pointer, int64_t elements, int64_t count)
{
    LLVMBuilderRef b = e->m->builder;
    LLVMBasicBlockRef before = LLVMGetInsertBlock(b), head = block(e, "classes");
    LLVMBuildBr(b, head);
    LLVMPositionBuilderAtEnd(b, head);
    LLVMValueRef i = LLVMBuildPhi(b, e->m->index, ""), zero = nnc_llvm_int(e->m, e->m->index, 0);
    LLVMValueRef element = LLVMBuildLoad2(b, e->m->int32, LLVMBuildGEP2(b, e->m->int32, pointer, &i, 1, ""), "");
    demand(e, LLVMBuildICmp(b, LLVMIntULT, element, nnc_llvm_int(e->m, e->m->int32, count), ""));
    LLVMValueRef next = LLVMBuildAdd(b, i, nnc_llvm_int(e->m, e->m->index, 1), "");
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(b), after = block(e, "");
    LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, next, nnc_llvm_int(e->m, e->m->index, elements), ""), head, after);
    LLVMAddIncoming(i, (LLVMValueRef[]){zero, next}, (LLVMBasicBlockRef[]){before, latch}, 2);
    LLVMPositionBuilderAtEnd(b, after);
}

static void check_arguments(exporter *e)
{
    const nnc_export *x = e->exported;
    for (uint32_t i = 0; i < x->arguments; i++)
        demand_pointer(e, LLVMGetParam(e->function, i));
    if (e->loops->workspace_bytes > 0)
        demand_pointer(e, LLVMGetParam(e->function, x->arguments));
    for (uint32_t i = 0; i < x->arguments; i++)
        if (x->class_count[i] > 0 && e->loops->buffer[x->argument[i]].elements > 0)
            demand_classes(e, LLVMGetParam(e->function, i), e->loops->buffer[x->argument[i]].elements, x->class_count[i]);
}

/* The persistent block as a constant. */
static LLVMValueRef weights(exporter *e)
{
    nnc_module *m = e->m;
    if (e->loops->persistent_bytes == 0)
        return LLVMConstNull(m->pointer);
    LLVMValueRef bytes = LLVMConstStringInContext2(m->context, (const char *)e->exported->persistent, (size_t)e->loops->persistent_bytes, 1);
    LLVMValueRef global = LLVMAddGlobal(m->module, LLVMTypeOf(bytes), nnc_arena_format(m->arena, "%s_weights", e->loops->name));
    LLVMSetInitializer(global, bytes);
    LLVMSetGlobalConstant(global, 1);
    LLVMSetLinkage(global, LLVMInternalLinkage);
    LLVMSetUnnamedAddress(global, LLVMGlobalUnnamedAddr);
    LLVMSetAlignment(global, 64);
    return global;
}

/* Pointers to each class of storage, and to each argument. */
static LLVMValueRef *storages(exporter *e)
{
    LLVMValueRef *storage = NNC_ARRAY(e->m->arena, LLVMValueRef, (size_t)NNC_STORAGE_ARGUMENT + e->loops->arguments);
    storage[NNC_STORAGE_WORKSPACE] = LLVMGetParam(e->function, e->exported->arguments);
    storage[NNC_STORAGE_PERSISTENT] = weights(e);
    storage[NNC_STORAGE_HOST] = LLVMConstNull(e->m->pointer);
    for (uint32_t i = 0; i < e->exported->arguments; i++)
        storage[(uint32_t)NNC_STORAGE_ARGUMENT + e->loops->buffer[e->exported->argument[i]].argument] = LLVMGetParam(e->function, i);
    return storage;
}

static void put(exporter *e, LLVMValueRef pointers, uint32_t slot, LLVMValueRef value)
{
    LLVMValueRef at = nnc_llvm_int(e->m, e->m->index, slot);
    LLVMBuildStore(e->m->builder, value, LLVMBuildGEP2(e->m->builder, e->m->pointer, pointers, &at, 1, ""));
}

static void call_kernels(exporter *e, const LLVMValueRef *kernels)
{
    nnc_module *m = e->m;
    uint32_t slots = (uint32_t)NNC_STORAGE_ARGUMENT + e->loops->arguments;
    LLVMValueRef pointers = LLVMBuildArrayAlloca(m->builder, m->pointer, nnc_llvm_int(m, m->int32, slots), ""), *storage = storages(e);
    for (uint32_t i = 0; i < slots; i++)
        if (storage[i])
            put(e, pointers, i, storage[i]);
    for (uint32_t i = 0; i < e->loops->kernels; i++) {
        int64_t tasks = nnc_kernel_tasks(e->loops->kernel[i], 1);
        LLVMValueRef args[4] = {pointers, nnc_llvm_int(m, m->int64, 1), nnc_llvm_int(m, m->int64, 0), nnc_llvm_int(m, m->int64, tasks)};
        LLVMBuildCall2(m->builder, m->kernel_type, kernels[i], args, 4, "");
    }
}

enum { SMALL = 800 };       /* operations of all kernels: a call of each would take longer than some of them do */

static bool is_small(const nnc_loops *loops)
{
    uint32_t operations = 0;
    for (uint32_t i = 0; i < loops->kernels; i++)
        operations += nnc_kernel_operations(loops->kernel[i]);
    return operations <= SMALL && loops->alone;
}

static void write_kernels(exporter *e)
{
    LLVMValueRef *storage = storages(e);
    for (uint32_t i = 0; i < e->loops->kernels; i++)
        nnc_llvm_kernel_inside(e->m, e->loops, e->loops->kernel[i], e->function, storage);
}

/* extern const char *const SYMBOL[count] */
static void add_table(nnc_module *m, const nnc_export_table *table)
{
    LLVMValueRef *names = NNC_ARRAY(m->arena, LLVMValueRef, (size_t)table->count + 1);
    for (int64_t i = 0; i < table->count; i++) {
        LLVMValueRef text = LLVMConstStringInContext2(m->context, table->names[i], strlen(table->names[i]), 0);
        names[i] = LLVMAddGlobal(m->module, LLVMTypeOf(text), "name");
        LLVMSetInitializer(names[i], text);
        LLVMSetGlobalConstant(names[i], 1);
        LLVMSetLinkage(names[i], LLVMPrivateLinkage);
    }
    LLVMValueRef all = LLVMConstArray2(m->pointer, names, (uint64_t)table->count);
    LLVMValueRef global = LLVMAddGlobal(m->module, LLVMTypeOf(all), table->symbol);
    LLVMSetInitializer(global, all);
    LLVMSetGlobalConstant(global, 1);
}

void nnc_llvm_export(nnc_module *m, const nnc_loops *loops, const nnc_export *exported)
{
    bool small = is_small(loops);
    LLVMValueRef *kernels = NNC_ARRAY(m->arena, LLVMValueRef, loops->kernels + 1);
    for (uint32_t k = 0; k < loops->kernels && !small; k++)
        kernels[k] = nnc_llvm_kernel(m, loops, loops->kernel[k], true);
    LLVMTypeRef *types = NNC_ARRAY(m->arena, LLVMTypeRef, exported->arguments + 1);
    for (uint32_t i = 0; i <= exported->arguments; i++)
        types[i] = m->pointer;
    LLVMValueRef function = LLVMAddFunction(m->module, exported->symbol, LLVMFunctionType(m->int32, types, exported->arguments + 1, 0));
    exporter e = {m, loops, exported, function, NULL};
    for (uint32_t i = 0; i < exported->tables; i++)
        add_table(m, &exported->table[i]);
    nnc_llvm_attribute(m, function, "nounwind", NULL);
    if (small)
        nnc_llvm_attribute(m, function, "prefer-vector-width", "512");
    LLVMPositionBuilderAtEnd(m->builder, block(&e, "entry"));
    e.refused = block(&e, "refused");
    check_arguments(&e);
    if (small)
        write_kernels(&e);
    else
        call_kernels(&e, kernels);
    LLVMBuildRet(m->builder, nnc_llvm_int(m, m->int32, 0));
    LLVMPositionBuilderAtEnd(m->builder, e.refused);
    LLVMBuildRet(m->builder, nnc_llvm_int(m, m->int32, 1));
}
