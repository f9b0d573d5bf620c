/* One operation of loops to LLVM instructions. No fast-math flag is ever set: what is fused is an FMA, and NaN stays. */
#include <string.h>
#include "llvm/internal.h"

static LLVMValueRef splat(const nnc_module *m, LLVMValueRef one, uint8_t lanes)
{
    if (lanes == 1)
        return one;
    if (LLVMIsConstant(one)) {
        LLVMValueRef all[16];
        for (int i = 0; i < lanes; i++)
            all[i] = one;
        return LLVMConstVector(all, lanes);
    }
    LLVMTypeRef type = LLVMVectorType(LLVMTypeOf(one), lanes);
    LLVMValueRef first = LLVMBuildInsertElement(m->builder, LLVMGetPoison(type), one, nnc_llvm_int(m, m->int32, 0), "");
    return LLVMBuildShuffleVector(m->builder, first, LLVMGetPoison(type), LLVMConstNull(LLVMVectorType(m->int32, lanes)), "");
}

static LLVMValueRef constant(const nnc_module *m, const nnc_value *v, double real, int64_t integer)
{
    LLVMTypeRef one = nnc_llvm_type(m, (nnc_type)v->type, 1);
    return splat(m, v->type == NNC_TYPE_REAL ? LLVMConstReal(one, real) : nnc_llvm_int(m, one, integer), v->lanes);
}

/* An intrinsic overloaded by its first argument's type alone. */
static LLVMValueRef call(nnc_module *m, const char *name, LLVMValueRef *args, unsigned count)
{
    LLVMTypeRef type = LLVMTypeOf(args[0]);
    return nnc_llvm_intrinsic(m, name, &type, 1, args, count);
}

static LLVMValueRef is_nan(const nnc_module *m, LLVMValueRef x) { return LLVMBuildFCmp(m->builder, LLVMRealUNO, x, x, ""); }

/* b < a ? b : a for MIN (a < b for MAX); a NaN in a comes through the comparison, one in b is chosen. */
static LLVMValueRef extreme(const nnc_module *m, LLVMValueRef a, LLVMValueRef b, bool least)
{
    LLVMValueRef beats = LLVMBuildFCmp(m->builder, least ? LLVMRealOLT : LLVMRealOGT, b, a, "");
    LLVMValueRef chosen = LLVMBuildSelect(m->builder, beats, b, a, "");
    return LLVMBuildSelect(m->builder, is_nan(m, b), b, chosen, "");
}

static LLVMValueRef half(const nnc_module *m, LLVMValueRef vector, unsigned from, unsigned count)
{
    LLVMValueRef lane[16];
    for (unsigned i = 0; i < count; i++)
        lane[i] = nnc_llvm_int(m, m->int32, from + i);
    if (count == 1)
        return LLVMBuildExtractElement(m->builder, vector, lane[0], "");
    return LLVMBuildShuffleVector(m->builder, vector, LLVMGetPoison(LLVMTypeOf(vector)), LLVMConstVector(lane, count), "");
}

static LLVMValueRef fold(const nnc_module *m, nnc_loop_op op, LLVMValueRef vector, unsigned lanes)
{
    for (unsigned n = lanes / 2; n >= 1; n /= 2) {
        LLVMValueRef lower = half(m, vector, 0, n), upper = half(m, vector, n, n);
        vector = op == NNC_LOOP_FOLD_ADD ? LLVMBuildFAdd(m->builder, lower, upper, "") : extreme(m, lower, upper, op == NNC_LOOP_FOLD_MIN);
    }
    return vector;
}

/* libm's, lane by lane. */
static LLVMValueRef power(const nnc_module *m, LLVMValueRef a, LLVMValueRef b, uint8_t lanes)
{
    LLVMTypeRef types[2] = {m->real, m->real}, type = LLVMFunctionType(m->real, types, 2, 0);
    LLVMValueRef function = LLVMGetNamedFunction(m->module, "powf"), result = LLVMGetPoison(LLVMTypeOf(a));
    if (!function)
        function = LLVMAddFunction(m->module, "powf", type);
    if (lanes == 1)
        return LLVMBuildCall2(m->builder, type, function, (LLVMValueRef[]){a, b}, 2, "");
    for (int i = 0; i < lanes; i++) {
        LLVMValueRef lane = nnc_llvm_int(m, m->int32, i);
        LLVMValueRef args[2] = {LLVMBuildExtractElement(m->builder, a, lane, ""), LLVMBuildExtractElement(m->builder, b, lane, "")};
        result = LLVMBuildInsertElement(m->builder, result, LLVMBuildCall2(m->builder, type, function, args, 2, ""), lane, "");
    }
    return result;
}

static LLVMValueRef multiply_add(nnc_module *m, LLVMValueRef *args)
{
    if (m->fused)
        return call(m, "llvm.fma", args, 3);
    return LLVMBuildFAdd(m->builder, LLVMBuildFMul(m->builder, args[0], args[1], ""), args[2], "");
}

static LLVMValueRef real_operation(nnc_module *m, const nnc_value *v, LLVMValueRef *a)
{
    LLVMBuilderRef b = m->builder;
    switch (v->op) {
    case NNC_LOOP_ADD: return LLVMBuildFAdd(b, a[0], a[1], "");
    case NNC_LOOP_SUB: return LLVMBuildFSub(b, a[0], a[1], "");
    case NNC_LOOP_MUL: return LLVMBuildFMul(b, a[0], a[1], "");
    case NNC_LOOP_DIV: return LLVMBuildFDiv(b, a[0], a[1], "");
    case NNC_LOOP_NEG: return LLVMBuildFNeg(b, a[0], "");
    case NNC_LOOP_FMA: return multiply_add(m, a);
    case NNC_LOOP_ABS: return call(m, "llvm.fabs", a, 1);
    case NNC_LOOP_COPYSIGN: return call(m, "llvm.copysign", a, 2);
    case NNC_LOOP_SQRT: return call(m, "llvm.sqrt", a, 1);
    case NNC_LOOP_FLOOR: return call(m, "llvm.floor", a, 1);
    case NNC_LOOP_MIN: return extreme(m, a[0], a[1], true);
    case NNC_LOOP_MAX: return extreme(m, a[0], a[1], false);
    case NNC_LOOP_POW: return power(m, a[0], a[1], v->lanes);
    default: return NULL;
    }
}

/* Indices do not overflow: LLVM may know it, and fold them into addresses. INT wraps. */
static LLVMValueRef integer_operation(nnc_module *m, const nnc_value *v, LLVMValueRef *a)
{
    LLVMBuilderRef b = m->builder;
    bool index = v->type == NNC_TYPE_INDEX;
    LLVMValueRef by = v->count == 1 ? constant(m, v, 0, v->integer) : a[1];
    switch (v->op) {
    case NNC_LOOP_IADD: return index ? LLVMBuildNSWAdd(b, a[0], a[1], "") : LLVMBuildAdd(b, a[0], a[1], "");
    case NNC_LOOP_ISUB: return index ? LLVMBuildNSWSub(b, a[0], a[1], "") : LLVMBuildSub(b, a[0], a[1], "");
    case NNC_LOOP_IMUL: return index ? LLVMBuildNSWMul(b, a[0], a[1], "") : LLVMBuildMul(b, a[0], a[1], "");
    case NNC_LOOP_IMIN: return call(m, "llvm.smin", a, 2);
    case NNC_LOOP_IMAX: return call(m, "llvm.smax", a, 2);
    case NNC_LOOP_IAND: return LLVMBuildAnd(b, a[0], a[1], "");
    case NNC_LOOP_IOR: return LLVMBuildOr(b, a[0], a[1], "");
    case NNC_LOOP_IXOR: return LLVMBuildXor(b, a[0], a[1], "");
    case NNC_LOOP_SHL: return LLVMBuildShl(b, a[0], by, "");
    case NNC_LOOP_SHR: return LLVMBuildLShr(b, a[0], by, "");
    case NNC_LOOP_SAR: return LLVMBuildAShr(b, a[0], by, "");
    default: return NULL;
    }
}

/* Floor division. LLVM's truncates: where the remainder is negative, one less. */
static LLVMValueRef division(nnc_module *m, const nnc_value *v, LLVMValueRef a)
{
    LLVMBuilderRef b = m->builder;
    bool quotient = v->op == NNC_LOOP_QUOTIENT;
    LLVMValueRef by = constant(m, v, 0, v->integer);
    if (m->nonnegative[v->args[0]])
        return quotient ? LLVMBuildUDiv(b, a, by, "") : LLVMBuildURem(b, a, by, "");
    LLVMValueRef q = LLVMBuildSDiv(b, a, by, ""), r = LLVMBuildSub(b, a, LLVMBuildMul(b, q, by, ""), "");
    LLVMValueRef negative = LLVMBuildICmp(b, LLVMIntSLT, r, LLVMConstNull(LLVMTypeOf(r)), "");
    if (quotient)
        return LLVMBuildAdd(b, q, LLVMBuildSExt(b, negative, LLVMTypeOf(q), ""), "");
    return LLVMBuildSelect(b, negative, LLVMBuildAdd(b, r, by, ""), r, "");
}

/* Truncates; +-2^30 beyond that, and 0 for NaN. */
static LLVMValueRef truncated(nnc_module *m, const nnc_value *v, LLVMValueRef a)
{
    LLVMBuilderRef b = m->builder;
    nnc_value real = {.type = NNC_TYPE_REAL, .lanes = v->lanes};
    LLVMValueRef high = constant(m, &real, 0x1p30, 0), low = constant(m, &real, -0x1p30, 0);
    LLVMValueRef x = LLVMBuildSelect(b, is_nan(m, a), LLVMConstNull(LLVMTypeOf(a)), a, "");
    x = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOGT, x, high, ""), high, x, "");
    x = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOLT, x, low, ""), low, x, "");
    return LLVMBuildFPToSI(b, x, nnc_llvm_type(m, NNC_TYPE_INT, v->lanes), "");
}

static LLVMValueRef conversion(nnc_module *m, const nnc_value *v, LLVMValueRef a)
{
    LLVMTypeRef type = nnc_llvm_type(m, (nnc_type)v->type, v->lanes);
    bool from_real = m->kernel->value[v->args[0]].type == NNC_TYPE_REAL;
    switch (v->op) {
    case NNC_LOOP_REAL_OF: return LLVMBuildSIToFP(m->builder, a, type, "");
    case NNC_LOOP_INT_OF: return from_real ? truncated(m, v, a) : LLVMBuildIntCast2(m->builder, a, type, 1, "");
    case NNC_LOOP_INDEX_OF: return LLVMBuildIntCast2(m->builder, a, type, 1, "");
    case NNC_LOOP_BITS_OF: case NNC_LOOP_REAL_FROM: return LLVMBuildBitCast(m->builder, a, type, "");
    default: return NULL;
    }
}

static LLVMValueRef condition(nnc_module *m, const nnc_value *v, LLVMValueRef *a)
{
    LLVMBuilderRef b = m->builder;
    switch (v->op) {
    case NNC_LOOP_LT: return LLVMBuildFCmp(b, LLVMRealOLT, a[0], a[1], "");
    case NNC_LOOP_LE: return LLVMBuildFCmp(b, LLVMRealOLE, a[0], a[1], "");
    case NNC_LOOP_EQ: return LLVMBuildFCmp(b, LLVMRealOEQ, a[0], a[1], "");
    case NNC_LOOP_NE: return LLVMBuildFCmp(b, LLVMRealUNE, a[0], a[1], "");
    case NNC_LOOP_ILT: return LLVMBuildICmp(b, LLVMIntSLT, a[0], a[1], "");
    case NNC_LOOP_ILE: return LLVMBuildICmp(b, LLVMIntSLE, a[0], a[1], "");
    case NNC_LOOP_IEQ: return LLVMBuildICmp(b, LLVMIntEQ, a[0], a[1], "");
    case NNC_LOOP_AND: return LLVMBuildAnd(b, a[0], a[1], "");
    case NNC_LOOP_OR: return LLVMBuildOr(b, a[0], a[1], "");
    case NNC_LOOP_NOT: return LLVMBuildNot(b, a[0], "");
    case NNC_LOOP_SELECT: return LLVMBuildSelect(b, a[0], a[1], a[2], "");
    default: return NULL;
    }
}

static LLVMValueRef iota(const nnc_module *m, uint8_t lanes)
{
    LLVMValueRef lane[16];
    for (int i = 0; i < lanes; i++)
        lane[i] = nnc_llvm_int(m, m->int32, i);
    return lanes == 1 ? lane[0] : LLVMConstVector(lane, lanes);
}

LLVMValueRef nnc_llvm_operation(nnc_module *m, nnc_value_id id)
{
    const nnc_value *v = &m->kernel->value[id];
    LLVMValueRef a[3] = {m->value[v->args[0]], m->value[v->args[1]], m->value[v->args[2]]};
    switch (v->op) {
    case NNC_LOOP_REAL: case NNC_LOOP_INT: case NNC_LOOP_INDEX: case NNC_LOOP_TRUTH: return constant(m, v, v->real, v->integer);
    case NNC_LOOP_BATCH: return m->batch;
    case NNC_LOOP_FIRST: return m->first;
    case NNC_LOOP_LAST: return m->last;
    case NNC_LOOP_GET: return m->reg[v->integer];
    case NNC_LOOP_LOAD: case NNC_LOOP_GATHER: return nnc_llvm_load(m, v);
    case NNC_LOOP_BROADCAST: return splat(m, a[0], v->lanes);
    case NNC_LOOP_IOTA: return iota(m, v->lanes);
    case NNC_LOOP_LANE: return LLVMBuildExtractElement(m->builder, a[0], nnc_llvm_int(m, m->int32, v->integer), "");
    case NNC_LOOP_FOLD_ADD: case NNC_LOOP_FOLD_MAX: case NNC_LOOP_FOLD_MIN:
        return fold(m, (nnc_loop_op)v->op, a[0], m->kernel->value[v->args[0]].lanes);
    case NNC_LOOP_QUOTIENT: case NNC_LOOP_REMAINDER: return division(m, v, a[0]);
    default: break;
    }
    LLVMValueRef made = real_operation(m, v, a);
    made = made ? made : integer_operation(m, v, a);
    made = made ? made : conversion(m, v, a[0]);
    return made ? made : condition(m, v, a);
}
