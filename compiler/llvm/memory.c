/* Loads and stores: elements of 4 bytes, aligned to no more than that. */
#include "llvm/internal.h"

/* The address of an element. A constant addend stands outermost (the builder sees to that), where the instruction's displacement takes it. */
static LLVMValueRef address(nnc_module *m, uint32_t buffer, nnc_value_id index)
{
    const nnc_value *v = &m->kernel->value[index];
    LLVMValueRef at = m->value[index], base = m->base[buffer];
    const nnc_value *addend = v->op == NNC_LOOP_IADD ? &m->kernel->value[v->args[1]] : NULL;
    if (!addend || addend->op != NNC_LOOP_INDEX || v->lanes > 1)
        return LLVMBuildGEP2(m->builder, m->real, base, &at, 1, "");
    LLVMValueRef rest = m->value[v->args[0]], more = m->value[v->args[1]];
    LLVMValueRef near = LLVMBuildGEP2(m->builder, m->real, base, &rest, 1, "");
    return LLVMBuildGEP2(m->builder, m->real, near, &more, 1, "");
}

static LLVMValueRef all_lanes(const nnc_module *m, unsigned lanes) { return LLVMConstAllOnes(LLVMVectorType(m->boolean, lanes)); }

/* ---- lanes at a constant stride: base + lane * stride ---- */

typedef struct strided { nnc_value_id base; int64_t stride; } strided;

/* The stride of 0, s, 2 s, ..; 0 where the vector is something else. */
static int64_t stride_of(const nnc_kernel *k, nnc_value_id id)
{
    const nnc_value *v = &k->value[id];
    if (v->op == NNC_LOOP_IOTA)
        return 1;
    if (v->op != NNC_LOOP_IMUL)
        return 0;
    const nnc_value *x = &k->value[v->args[0]], *y = &k->value[v->args[1]];
    return x->op == NNC_LOOP_IOTA && y->op == NNC_LOOP_INT ? y->integer : y->op == NNC_LOOP_IOTA && x->op == NNC_LOOP_INT ? x->integer : 0;
}

/* One INDEX in all lanes; 0 where the vector is something else. */
static nnc_value_id splatted_index(const nnc_kernel *k, nnc_value_id id)
{
    const nnc_value *v = &k->value[id];
    if (v->op == NNC_LOOP_BROADCAST)
        v = &k->value[v->args[0]];
    return v->op == NNC_LOOP_INT_OF && v->lanes == 1 && k->value[v->args[0]].type == NNC_TYPE_INDEX ? v->args[0] : 0;
}

static bool is_strided(const nnc_kernel *k, nnc_value_id at, strided *out)
{
    const nnc_value *v = &k->value[at];
    if (v->op != NNC_LOOP_IADD || v->lanes == 1)
        return false;
    for (int i = 0; i < 2; i++) {
        *out = (strided){splatted_index(k, v->args[i]), stride_of(k, v->args[1 - i])};
        if (out->base && out->stride)
            return true;
    }
    return false;
}

static LLVMValueRef lane_address(nnc_module *m, uint32_t buffer, const strided *s, unsigned lane)
{
    LLVMValueRef base = address(m, buffer, s->base), more = nnc_llvm_int(m, m->index, (int64_t)lane * s->stride);
    return LLVMBuildGEP2(m->builder, m->real, base, &more, 1, "");
}

static LLVMValueRef load_strided(nnc_module *m, const nnc_value *v, LLVMTypeRef type, const strided *s)
{
    LLVMValueRef all = LLVMGetPoison(type);
    for (unsigned i = 0; i < v->lanes; i++) {
        LLVMValueRef one = LLVMBuildLoad2(m->builder, LLVMGetElementType(type), lane_address(m, (uint32_t)v->integer, s, i), "");
        LLVMSetAlignment(one, 4);
        all = LLVMBuildInsertElement(m->builder, all, one, nnc_llvm_int(m, m->int32, i), "");
    }
    return all;
}

static void store_strided(nnc_module *m, const nnc_statement *s, const strided *at)
{
    for (unsigned i = 0; i < m->kernel->value[s->value].lanes; i++) {
        LLVMValueRef one = LLVMBuildExtractElement(m->builder, m->value[s->value], nnc_llvm_int(m, m->int32, i), "");
        LLVMSetAlignment(LLVMBuildStore(m->builder, one, lane_address(m, s->target, at, i)), 4);
    }
}

static LLVMValueRef gather(nnc_module *m, const nnc_value *v, LLVMTypeRef type)
{
    strided s;
    if (is_strided(m->kernel, v->args[0], &s))
        return load_strided(m, v, type, &s);
    LLVMValueRef at = address(m, (uint32_t)v->integer, v->args[0]);
    LLVMTypeRef types[2] = {type, LLVMTypeOf(at)};
    LLVMValueRef args[4] = {at, nnc_llvm_int(m, m->int32, 4), all_lanes(m, v->lanes), LLVMGetPoison(type)};
    return nnc_llvm_intrinsic(m, "llvm.masked.gather", types, 2, args, 4);
}

LLVMValueRef nnc_llvm_load(nnc_module *m, const nnc_value *v)
{
    LLVMTypeRef type = nnc_llvm_type(m, (nnc_type)v->type, v->lanes);
    if (v->op == NNC_LOOP_GATHER && v->lanes > 1)
        return gather(m, v, type);
    LLVMValueRef load = LLVMBuildLoad2(m->builder, type, address(m, (uint32_t)v->integer, v->args[0]), "");
    LLVMSetAlignment(load, 4);
    return load;
}

/* llvm.masked.scatter stores in the order of lanes. */
static void scatter(nnc_module *m, const nnc_statement *s)
{
    strided apart;
    if (is_strided(m->kernel, s->at, &apart)) {
        store_strided(m, s, &apart);
        return;
    }
    LLVMValueRef at = address(m, s->target, s->at), value = m->value[s->value];
    LLVMTypeRef types[2] = {LLVMTypeOf(value), LLVMTypeOf(at)};
    LLVMValueRef args[4] = {value, at, nnc_llvm_int(m, m->int32, 4), all_lanes(m, m->kernel->value[s->value].lanes)};
    nnc_llvm_intrinsic(m, "llvm.masked.scatter", types, 2, args, 4);
}

static void store_first(nnc_module *m, const nnc_statement *s)
{
    LLVMValueRef at = address(m, s->target, s->at), value = m->value[s->value], lane[256];
    unsigned lanes = m->kernel->value[s->value].lanes;
    LLVMTypeRef types[2] = {LLVMTypeOf(value), LLVMTypeOf(at)};
    for (unsigned i = 0; i < lanes; i++)
        lane[i] = LLVMConstInt(m->boolean, i < (uint64_t)s->step, false);
    LLVMValueRef args[4] = {value, at, nnc_llvm_int(m, m->int32, 4), LLVMConstVector(lane, lanes)};
    nnc_llvm_intrinsic(m, "llvm.masked.store", types, 2, args, 4);
}

void nnc_llvm_store(nnc_module *m, const nnc_statement *s)
{
    if (s->step > 0) {
        store_first(m, s);
        return;
    }
    if (s->kind == NNC_STATEMENT_SCATTER && m->kernel->value[s->value].lanes > 1) {
        scatter(m, s);
        return;
    }
    LLVMSetAlignment(LLVMBuildStore(m->builder, m->value[s->value], address(m, s->target, s->at)), 4);
}

/* llvm.prefetch: for reading; 3: to stay in all levels of the cache, 2: in all but the first; of data. */
void nnc_llvm_prefetch(nnc_module *m, const nnc_statement *s)
{
    LLVMValueRef at = address(m, s->target, s->at);
    LLVMTypeRef type = LLVMTypeOf(at);
    LLVMValueRef args[4] = {at, nnc_llvm_int(m, m->int32, 0), nnc_llvm_int(m, m->int32, s->step == 1 ? 3 : 2), nnc_llvm_int(m, m->int32, 1)};
    nnc_llvm_intrinsic(m, "llvm.prefetch", &type, 1, args, 4);
}
