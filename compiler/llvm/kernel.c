/* A kernel to a function. Registers become phis, built at once where a loop or a guard assigns them and somebody reads them later, so that no
 * pass of LLVM's is needed to make them. Loops are rotated: tested once before and then at their end. */
#include <string.h>
#include "llvm/internal.h"
#include "loops/range.h"

/* A FOR or IF (or the kernel): which registers it assigns, which it reads before it surely assigned them, which need phis. */
typedef struct region region;
struct region {
    const nnc_statement *statement;
    region *child, *next;
    uint64_t *set, *exposed, *merged;
};

typedef struct registers {
    const nnc_kernel *kernel;
    nnc_arena *arena;
    uint32_t words;
} registers;

static bool has(const uint64_t *bits, uint32_t i) { return bits[i / 64] >> (i % 64) & 1; }
static void include(uint64_t *bits, uint32_t i) { bits[i / 64] |= (uint64_t)1 << (i % 64); }
static void exclude(uint64_t *bits, uint32_t i) { bits[i / 64] &= ~((uint64_t)1 << (i % 64)); }
static uint64_t *bits_new(const registers *r) { return NNC_ARRAY(r->arena, uint64_t, r->words); }

static region *find_regions(const registers *r, const nnc_statement *owner, const nnc_statement *body)
{
    region *made = NNC_NEW(r->arena, region), **tail = &made->child;
    made->statement = owner;
    made->set = bits_new(r);
    made->exposed = bits_new(r);
    made->merged = bits_new(r);
    uint64_t *sure = bits_new(r);
    for (const nnc_statement *s = body; s; s = s->next) {
        const nnc_value *v = &r->kernel->value[s->value];
        if (s->kind == NNC_STATEMENT_VALUE && v->op == NNC_LOOP_GET && !has(sure, (uint32_t)v->integer))
            include(made->exposed, (uint32_t)v->integer);
        if (s->kind == NNC_STATEMENT_SET) {
            include(made->set, s->target);
            include(sure, s->target);
        }
        if (!s->body)
            continue;
        *tail = find_regions(r, s, s->body);
        for (uint32_t w = 0; w < r->words; w++) {
            made->set[w] |= (*tail)->set[w];
            made->exposed[w] |= (*tail)->exposed[w] & ~sure[w];
        }
        tail = &(*tail)->next;
    }
    return made;
}

/* Backwards over a body: `live` (after it) becomes what is live before it. */
static void find_merged(const registers *r, region *owner, uint64_t *live);

/* Through a FOR or IF. */
static void find_merged_inside(const registers *r, region *inner, uint64_t *live)
{
    bool loop = inner->statement->kind == NNC_STATEMENT_FOR;
    uint64_t *inside = bits_new(r);
    for (uint32_t w = 0; w < r->words; w++) {
        inside[w] = loop ? live[w] | inner->exposed[w] : live[w];    /* at a loop's end its next round reads too */
        inner->merged[w] = inner->set[w] & inside[w];
        live[w] |= inner->exposed[w];
    }
    find_merged(r, inner, inside);
}

static void find_merged(const registers *r, region *owner, uint64_t *live)
{
    const nnc_statement *body = owner->statement ? owner->statement->body : r->kernel->body;
    uint32_t count = 0;
    for (const nnc_statement *s = body; s; s = s->next)
        count++;
    const nnc_statement **order = NNC_ARRAY(r->arena, const nnc_statement *, count + 1);
    region **inner = NNC_ARRAY(r->arena, region *, count + 1), *next = owner->child;
    uint32_t i = 0;
    for (const nnc_statement *s = body; s; s = s->next, i++) {
        order[i] = s;
        if (s->body) {
            inner[i] = next;
            next = next->next;
        }
    }
    while (i-- > 0) {
        const nnc_value *v = &r->kernel->value[order[i]->value];
        if (inner[i])
            find_merged_inside(r, inner[i], live);
        else if (order[i]->kind == NNC_STATEMENT_SET)
            exclude(live, order[i]->target);
        else if (order[i]->kind == NNC_STATEMENT_VALUE && v->op == NNC_LOOP_GET)
            include(live, (uint32_t)v->integer);
    }
}

/* ---- statements ---- */

static void emit_body(nnc_module *m, const nnc_statement *body, region *inner);

static LLVMBasicBlockRef new_block(nnc_module *m) { return LLVMAppendBasicBlockInContext(m->context, m->function, ""); }

static void add_phis(nnc_module *m, const region *r, LLVMBasicBlockRef from)
{
    for (uint32_t i = 0; i < m->kernel->registers; i++)
        if (has(r->merged, i)) {
            LLVMValueRef before = m->reg[i];
            m->reg[i] = LLVMBuildPhi(m->builder, LLVMTypeOf(before), "");
            LLVMAddIncoming(m->reg[i], &before, &from, 1);
        }
}

/* Phis of the registers as they are here and as they were in `other` when `from` branched. */
static void join(nnc_module *m, const region *r, LLVMValueRef *other, LLVMBasicBlockRef from, LLVMBasicBlockRef here)
{
    for (uint32_t i = 0; i < m->kernel->registers; i++)
        if (has(r->merged, i) && m->reg[i] != other[i]) {
            LLVMValueRef phi = LLVMBuildPhi(m->builder, LLVMTypeOf(other[i]), "");
            LLVMAddIncoming(phi, (LLVMValueRef[]){other[i], m->reg[i]}, (LLVMBasicBlockRef[]){from, here}, 2);
            m->reg[i] = phi;
        }
}

static LLVMValueRef *saved_registers(nnc_module *m)
{
    LLVMValueRef *saved = NNC_ARRAY(m->arena, LLVMValueRef, m->kernel->registers + 1);
    memcpy(saved, m->reg, m->kernel->registers * sizeof *saved);
    return saved;
}

static void emit_if(nnc_module *m, const nnc_statement *s, region *r)
{
    LLVMValueRef *before = saved_registers(m);
    LLVMBasicBlockRef from = LLVMGetInsertBlock(m->builder), body = new_block(m), after = new_block(m);
    LLVMBuildCondBr(m->builder, m->value[s->value], body, after);
    LLVMPositionBuilderAtEnd(m->builder, body);
    emit_body(m, s->body, r->child);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(m->builder);
    LLVMBuildBr(m->builder, after);
    LLVMMoveBasicBlockAfter(after, here);
    LLVMPositionBuilderAtEnd(m->builder, after);
    for (uint32_t i = 0; i < m->kernel->registers; i++)
        if (has(r->set, i) && !has(r->merged, i))
            m->reg[i] = before[i];
    join(m, r, before, from, here);
}

/* Surely entered: its bounds are constants that say so. */
static bool runs(const nnc_module *m, const nnc_statement *s)
{
    const nnc_value *low = &m->kernel->value[s->low], *high = &m->kernel->value[s->high];
    return low->op == NNC_LOOP_INDEX && high->op == NNC_LOOP_INDEX && low->integer < high->integer;
}

/* The loop's body and its end; gives the block that leaves it. */
static LLVMBasicBlockRef emit_rounds(nnc_module *m, const nnc_statement *s, region *r, LLVMBasicBlockRef before, LLVMBasicBlockRef after)
{
    LLVMBuilderRef b = m->builder;
    LLVMBasicBlockRef head = LLVMGetInsertBlock(b);
    LLVMValueRef variable = LLVMBuildPhi(b, m->index, "");
    LLVMAddIncoming(variable, &m->value[s->low], &before, 1);
    m->value[s->value] = variable;
    add_phis(m, r, before);
    LLVMValueRef *phi = saved_registers(m);
    emit_body(m, s->body, r->child);
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(b);
    LLVMValueRef next = LLVMBuildNSWAdd(b, variable, nnc_llvm_int(m, m->index, s->step), "");
    LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, next, m->value[s->high], ""), head, after);
    LLVMAddIncoming(variable, &next, &latch, 1);
    for (uint32_t i = 0; i < m->kernel->registers; i++)
        if (has(r->merged, i))
            LLVMAddIncoming(phi[i], &m->reg[i], &latch, 1);
    return latch;
}

static void emit_for(nnc_module *m, const nnc_statement *s, region *r)
{
    LLVMBuilderRef b = m->builder;
    LLVMValueRef *before = saved_registers(m);
    bool sure = runs(m, s);
    LLVMBasicBlockRef from = LLVMGetInsertBlock(b), head = new_block(m), after = new_block(m);
    LLVMMoveBasicBlockAfter(head, from);
    if (sure)
        LLVMBuildBr(b, head);
    else
        LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, m->value[s->low], m->value[s->high], ""), head, after);
    LLVMPositionBuilderAtEnd(b, head);
    LLVMBasicBlockRef latch = emit_rounds(m, s, r, from, after);
    LLVMMoveBasicBlockAfter(after, latch);
    LLVMPositionBuilderAtEnd(b, after);
    for (uint32_t i = 0; i < m->kernel->registers; i++)
        if (has(r->set, i) && !has(r->merged, i))
            m->reg[i] = before[i];
    if (!sure)
        join(m, r, before, from, latch);
}

static void emit_body(nnc_module *m, const nnc_statement *body, region *inner)
{
    for (const nnc_statement *s = body; s; s = s->next) {
        switch (s->kind) {
        case NNC_STATEMENT_VALUE: m->value[s->value] = nnc_llvm_operation(m, s->value); break;
        case NNC_STATEMENT_SET: m->reg[s->target] = m->value[s->value]; break;
        case NNC_STATEMENT_STORE: case NNC_STATEMENT_SCATTER: nnc_llvm_store(m, s); break;
        case NNC_STATEMENT_PREFETCH: nnc_llvm_prefetch(m, s); break;
        case NNC_STATEMENT_FOR: case NNC_STATEMENT_IF:
            if (!s->body)
                break;
            if (s->kind == NNC_STATEMENT_FOR)
                emit_for(m, s, inner);
            else
                emit_if(m, s, inner);
            inner = inner->next;
            break;
        }
    }
}

/* ---- the function ---- */

static LLVMValueRef storage_base(nnc_module *m, const nnc_buffer *b, LLVMValueRef *storage)
{
    if (b->storage == NNC_STORAGE_LOCAL) {
        LLVMValueRef local = LLVMBuildAlloca(m->builder, LLVMArrayType2(m->real, (uint64_t)b->elements), "");
        LLVMSetAlignment(local, 64);
        return local;
    }
    uint32_t slot = b->storage == NNC_STORAGE_ARGUMENT ? (uint32_t)NNC_STORAGE_ARGUMENT + b->argument : (uint32_t)b->storage;
    if (!storage[slot]) {
        LLVMValueRef at = nnc_llvm_int(m, m->int64, slot);
        LLVMValueRef from = LLVMBuildGEP2(m->builder, m->pointer, LLVMGetParam(m->function, 0), &at, 1, "");
        storage[slot] = LLVMBuildLoad2(m->builder, m->pointer, from, "");
    }
    LLVMValueRef offset = nnc_llvm_int(m, m->int64, b->offset);
    return b->offset && b->storage != NNC_STORAGE_ARGUMENT ? LLVMBuildGEP2(m->builder, LLVMInt8TypeInContext(m->context), storage[slot], &offset, 1, "") : storage[slot];
}

static void find_bases(nnc_module *m, const nnc_statement *body, LLVMValueRef *storage)
{
    for (const nnc_statement *s = body; s; s = s->next) {
        const nnc_value *v = &m->kernel->value[s->value];
        bool load = s->kind == NNC_STATEMENT_VALUE && (v->op == NNC_LOOP_LOAD || v->op == NNC_LOOP_GATHER);
        if (load || s->kind == NNC_STATEMENT_STORE || s->kind == NNC_STATEMENT_SCATTER || s->kind == NNC_STATEMENT_PREFETCH) {
            uint32_t buffer = load ? (uint32_t)v->integer : s->target;
            if (!m->base[buffer])
                m->base[buffer] = storage_base(m, &m->loops->buffer[buffer], storage);
        }
        find_bases(m, s->body, storage);
    }
}

static LLVMValueRef count_parameter(nnc_module *m, unsigned which)
{
    return LLVMBuildIntCast2(m->builder, LLVMGetParam(m->function, which), m->index, 1, "");
}

static void declare(nnc_module *m, bool internal)
{
    m->function = LLVMAddFunction(m->module, m->kernel->name, m->kernel_type);
    if (internal)
        LLVMSetLinkage(m->function, LLVMInternalLinkage);
    nnc_llvm_attribute(m, m->function, "nounwind", NULL);
    nnc_llvm_attribute(m, m->function, "prefer-vector-width", "512");
    LLVMPositionBuilderAtEnd(m->builder, new_block(m));
    m->batch = count_parameter(m, 1);
    m->first = count_parameter(m, 2);
    m->last = count_parameter(m, 3);
}

/* What the kernel does, from where the builder stands. storage: pointers to the classes of storage, as far as they are known. */
static void emit_kernel(nnc_module *m, LLVMValueRef *storage)
{
    const nnc_kernel *k = m->kernel;
    m->value = NNC_ARRAY(m->arena, LLVMValueRef, k->values + 1);
    m->reg = NNC_ARRAY(m->arena, LLVMValueRef, k->registers + 1);
    for (uint32_t i = 0; i < k->registers; i++)
        m->reg[i] = LLVMGetPoison(nnc_llvm_type(m, k->reg[i].type, k->reg[i].lanes));
    m->base = NNC_ARRAY(m->arena, LLVMValueRef, m->loops->buffers + 1);
    m->nonnegative = nnc_nonnegative(m->arena, k);
    find_bases(m, k->body, storage);
    registers r = {k, m->arena, k->registers / 64 + 1};
    region *whole = find_regions(&r, NULL, k->body);
    find_merged(&r, whole, bits_new(&r));
    emit_body(m, k->body, whole->child);
}

LLVMValueRef nnc_llvm_kernel(nnc_module *m, const nnc_loops *loops, const nnc_kernel *kernel, bool internal)
{
    m->loops = loops;
    m->kernel = kernel;
    declare(m, internal);
    emit_kernel(m, NNC_ARRAY(m->arena, LLVMValueRef, (size_t)NNC_STORAGE_ARGUMENT + m->loops->arguments));
    LLVMBuildRetVoid(m->builder);
    return m->function;
}

void nnc_llvm_kernel_inside(nnc_module *m, const nnc_loops *loops, const nnc_kernel *kernel, LLVMValueRef function, LLVMValueRef *storage)
{
    m->loops = loops;
    m->kernel = kernel;
    m->function = function;
    emit_kernel(m, storage);
}
