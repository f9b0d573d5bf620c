/* A kernel under construction: the open blocks, and the table that shares equal values. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "loops/builder.h"
#include "loops/range.h"

enum { NONE, PURE };
enum { SAME = '=', REAL = 'r', INT = 'i', INDEX = 'x', BOOL = 'b' };

const nnc_loop_op_info nnc_loop_ops[NNC_LOOP_OPS] = {
#define NNC_LOOP_OP(name, print, arity, result, flags) {#name, print, arity, result, (flags) == PURE},
#include "loops/ops.def"
};

_Noreturn void nnc_builder_fault(const nnc_builder *b, const char *condition, const char *function)
{
    fprintf(stderr, "nnc: fault: kernel %s: %s: not %s\n", b->kernel->name ? b->kernel->name : "?", function, condition);
    abort();
}

nnc_builder *nnc_builder_new(nnc_loops *loops, nnc_kernel *kernel)
{
    nnc_builder *b = NNC_NEW(loops->arena, nnc_builder);
    b->alone = loops->alone;
    b->straight = loops->straight;
    b->loops = loops;
    b->kernel = kernel;
    b->arena = loops->arena;
    kernel->body = NULL;
    kernel->values = kernel->registers = 0;
    NNC_PUSH(b->arena, kernel->value, kernel->values, kernel->value_capacity) = (nnc_value){0};
    NNC_PUSH(b->arena, b->owner, b->owners, b->owner_capacity) = 0;
    NNC_PUSH(b->arena, b->block, b->blocks, b->block_capacity) = (nnc_block){.tail = &kernel->body, .serial = b->serials++, .entered = true};
    return b;
}

/* ---- blocks ---- */

static nnc_statement *append(nnc_builder *b, uint32_t depth, nnc_statement statement)
{
    nnc_statement *made = NNC_NEW(b->arena, nnc_statement);
    *made = statement;
    *b->block[depth].tail = made;
    b->block[depth].tail = &made->next;
    return made;
}

static void open_block(nnc_builder *b, nnc_statement statement, bool entered)
{
    nnc_statement *made = NNC_NEW(b->arena, nnc_statement);
    *made = statement;
    NNC_PUSH(b->arena, b->block, b->blocks, b->block_capacity) = (nnc_block){.owner = made, .tail = &made->body, .serial = b->serials++, .entered = entered};
}

/* A loop that is known to run: constant bounds, a call's tasks, the examples present. */
static bool runs(const nnc_value *low, const nnc_value *high)
{
    if (low->op == NNC_LOOP_INDEX && high->op == NNC_LOOP_INDEX)
        return low->integer < high->integer;
    return (low->op == NNC_LOOP_FIRST && high->op == NNC_LOOP_LAST) || (low->op == NNC_LOOP_INDEX && low->integer <= 0 && high->op == NNC_LOOP_BATCH);
}

/* A loop that runs once, or a condition that holds: what is in it stands in the parent's list. */
static void mark_bare(nnc_builder *b)
{
    b->block[b->blocks - 1].bare = true;
    b->block[b->blocks - 1].entered = true;
}

static bool runs_once(const nnc_value *low, const nnc_value *high, int64_t step)
{
    return low->op == NNC_LOOP_INDEX && high->op == NNC_LOOP_INDEX && low->integer < high->integer && high->integer - low->integer <= step;
}

nnc_value_id nnc_open_for(nnc_builder *b, nnc_value_id low, nnc_value_id high, int64_t step)
{
    NNC_MUST(b, step > 0 && nnc_at(b, low)->type == NNC_TYPE_INDEX && nnc_at(b, high)->type == NNC_TYPE_INDEX);
    open_block(b, (nnc_statement){.kind = NNC_STATEMENT_FOR, .low = low, .high = high, .step = step}, runs(nnc_at(b, low), nnc_at(b, high)));
    if (b->straight && runs_once(nnc_at(b, low), nnc_at(b, high), step)) {
        mark_bare(b);
        return low;
    }
    int64_t from = nnc_multiple_of(b->kernel, low), multiple = from % step ? 1 : step;
    nnc_value variable = {.op = NNC_LOOP_VARIABLE, .type = NNC_TYPE_INDEX, .lanes = 1, .integer = multiple};
    return b->block[b->blocks - 1].owner->value = nnc_place_here(b, variable, false);
}

void nnc_open_if(nnc_builder *b, nnc_value_id condition)
{
    NNC_MUST(b, nnc_at(b, condition)->type == NNC_TYPE_BOOL && nnc_at(b, condition)->lanes == 1);
    open_block(b, (nnc_statement){.kind = NNC_STATEMENT_IF, .value = condition}, false);
    if (b->straight && nnc_at(b, condition)->op == NNC_LOOP_TRUTH && nnc_at(b, condition)->integer)
        mark_bare(b);
}

/* A block without statements leaves no trace: all that it made went outside. */
void nnc_close(nnc_builder *b)
{
    NNC_MUST(b, b->blocks > 1);
    nnc_block closed = b->block[--b->blocks], *parent = &b->block[b->blocks - 1];
    if (!closed.owner->body)
        return;
    *parent->tail = closed.bare ? closed.owner->body : closed.owner;
    parent->tail = closed.bare ? closed.tail : &closed.owner->next;
}

/* ---- values ---- */

static nnc_value_id add_value(nnc_builder *b, nnc_value value, uint32_t depth)
{
    value.depth = depth;
    nnc_value_id id = b->kernel->values;
    NNC_PUSH(b->arena, b->kernel->value, b->kernel->values, b->kernel->value_capacity) = value;
    NNC_PUSH(b->arena, b->owner, b->owners, b->owner_capacity) = b->block[depth].serial;
    return id;
}

nnc_value_id nnc_place_here(nnc_builder *b, nnc_value value, bool statement)
{
    nnc_value_id id = add_value(b, value, b->blocks - 1);
    if (statement)
        append(b, b->blocks - 1, (nnc_statement){.kind = NNC_STATEMENT_VALUE, .value = id});
    return id;
}

static bool visible(const nnc_builder *b, nnc_value_id id)
{
    uint32_t depth = nnc_at(b, id)->depth;
    return depth < b->blocks && b->block[depth].serial == b->owner[id];
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;    /* 2^64 / golden ratio: Fibonacci hashing (Knuth, volume 3, 6.4) */
    return hash ^ hash >> 29;
}

static uint64_t hash_of(const nnc_value *v)
{
    uint64_t hash = mix(mix(v->op | v->type << 8 | v->lanes << 16, (uint64_t)v->integer), v->args[0]);
    return mix(mix(hash, v->args[1]), v->args[2]);
}

static bool equal(const nnc_value *a, const nnc_value *c)
{
    return a->op == c->op && a->type == c->type && a->lanes == c->lanes && a->integer == c->integer && memcmp(a->args, c->args, sizeof a->args) == 0;
}

/* The slot of an equal value (perhaps of a closed block), or the free one where it belongs. */
static nnc_value_id *slot_of(const nnc_builder *b, const nnc_value *v)
{
    uint32_t mask = b->slots - 1;
    for (uint32_t i = (uint32_t)hash_of(v) & mask;; i = (i + 1) & mask)
        if (!b->table[i] || equal(nnc_at(b, b->table[i]), v))
            return &b->table[i];
}

static void grow_table(nnc_builder *b)
{
    nnc_value_id *old = b->table;
    uint32_t slots = b->slots;
    b->slots = slots ? 2 * slots : 256;
    b->table = NNC_ARRAY(b->arena, nnc_value_id, b->slots);
    for (uint32_t i = 0; i < slots; i++)
        if (old[i])
            *slot_of(b, nnc_at(b, old[i])) = old[i];
}

nnc_value_id nnc_place_pure(nnc_builder *b, nnc_value value, uint32_t floor)
{
    uint32_t depth = floor;
    for (uint32_t i = 0; i < value.count; i++) {
        NNC_MUST(b, value.args[i] && visible(b, value.args[i]));
        if (nnc_at(b, value.args[i])->depth > depth)
            depth = nnc_at(b, value.args[i])->depth;
    }
    if (2 * (b->used + 1) > b->slots)
        grow_table(b);
    nnc_value_id *slot = slot_of(b, &value);
    if (*slot && visible(b, *slot))
        return *slot;
    b->used += !*slot;
    nnc_value_id id = *slot = add_value(b, value, depth);
    append(b, depth, (nnc_statement){.kind = NNC_STATEMENT_VALUE, .value = id});
    return id;
}

/* ---- registers and memory ---- */

uint32_t nnc_new_register(nnc_builder *b, nnc_type type, uint8_t lanes)
{
    nnc_kernel *k = b->kernel;
    NNC_PUSH(b->arena, k->reg, k->registers, k->register_capacity) = (nnc_register){type, lanes};
    return k->registers - 1;
}

nnc_value_id nnc_emit_get(nnc_builder *b, uint32_t reg)
{
    nnc_register r = b->kernel->reg[reg];
    return nnc_place_here(b, (nnc_value){.op = NNC_LOOP_GET, .type = (uint8_t)r.type, .lanes = r.lanes, .integer = reg}, true);
}

void nnc_emit_set(nnc_builder *b, uint32_t reg, nnc_value_id value)
{
    NNC_MUST(b, visible(b, value) && b->kernel->reg[reg].type == nnc_at(b, value)->type && b->kernel->reg[reg].lanes == nnc_at(b, value)->lanes);
    append(b, b->blocks - 1, (nnc_statement){.kind = NNC_STATEMENT_SET, .target = reg, .value = value});
}

/* The outermost block to which a read may go: reads of places that only a guard or a loop's bounds prove to be inside stay behind these. */
static uint32_t read_floor(const nnc_builder *b, uint32_t buffer, nnc_value_id index, uint8_t lanes)
{
    const nnc_value *i = nnc_at(b, index);
    if (i->op == NNC_LOOP_INDEX && i->integer >= 0 && i->integer + lanes <= b->loops->buffer[buffer].elements)
        return 0;
    uint32_t depth = b->blocks - 1;
    while (depth > 0 && b->block[depth].entered)
        depth--;
    return depth;
}

static nnc_value_id read(nnc_builder *b, nnc_loop_op op, uint32_t buffer, nnc_value_id index, uint8_t lanes, bool hoist)
{
    NNC_MUST(b, buffer < b->loops->buffers && visible(b, index));
    nnc_type type = b->loops->buffer[buffer].integer ? NNC_TYPE_INT : NNC_TYPE_REAL;
    nnc_value v = {.op = (uint8_t)op, .type = (uint8_t)type, .lanes = lanes, .count = 1, .args = {index}, .integer = buffer};
    return hoist ? nnc_place_pure(b, v, read_floor(b, buffer, index, lanes)) : nnc_place_here(b, v, true);
}

nnc_value_id nnc_emit_load(nnc_builder *b, uint32_t buffer, nnc_value_id index, uint8_t lanes, bool hoist)
{
    NNC_MUST(b, nnc_at(b, index)->type == NNC_TYPE_INDEX && nnc_at(b, index)->lanes == 1);
    return read(b, NNC_LOOP_LOAD, buffer, index, lanes, hoist);
}

nnc_value_id nnc_emit_gather(nnc_builder *b, uint32_t buffer, nnc_value_id indices, bool hoist)
{
    return read(b, NNC_LOOP_GATHER, buffer, indices, nnc_at(b, indices)->lanes, hoist);
}

static void write(nnc_builder *b, nnc_statement_kind kind, uint32_t buffer, nnc_value_id at, nnc_value_id value, int64_t lanes)
{
    NNC_MUST(b, buffer < b->loops->buffers && visible(b, at) && visible(b, value));
    NNC_MUST(b, nnc_at(b, value)->type == (b->loops->buffer[buffer].integer ? NNC_TYPE_INT : NNC_TYPE_REAL));
    append(b, b->blocks - 1, (nnc_statement){.kind = kind, .target = buffer, .value = value, .at = at, .step = lanes});
}

void nnc_emit_store(nnc_builder *b, uint32_t buffer, nnc_value_id index, nnc_value_id value)
{
    NNC_MUST(b, nnc_at(b, index)->type == NNC_TYPE_INDEX && nnc_at(b, index)->lanes == 1);
    write(b, NNC_STATEMENT_STORE, buffer, index, value, 0);
}

void nnc_emit_store_first(nnc_builder *b, uint32_t buffer, nnc_value_id index, nnc_value_id value, int64_t lanes)
{
    NNC_MUST(b, nnc_at(b, index)->type == NNC_TYPE_INDEX && nnc_at(b, index)->lanes == 1 && lanes > 0 && lanes < nnc_at(b, value)->lanes);
    write(b, NNC_STATEMENT_STORE, buffer, index, value, lanes);
}

void nnc_emit_scatter(nnc_builder *b, uint32_t buffer, nnc_value_id indices, nnc_value_id value)
{
    NNC_MUST(b, nnc_at(b, indices)->lanes == nnc_at(b, value)->lanes);
    write(b, NNC_STATEMENT_SCATTER, buffer, indices, value, 0);
}

void nnc_emit_prefetch(nnc_builder *b, uint32_t buffer, nnc_value_id index, int level)
{
    NNC_MUST(b, buffer < b->loops->buffers && visible(b, index) && nnc_at(b, index)->type == NNC_TYPE_INDEX && nnc_at(b, index)->lanes == 1);
    append(b, b->blocks - 1, (nnc_statement){.kind = NNC_STATEMENT_PREFETCH, .target = buffer, .at = index, .step = level});
}

/* ---- the end: what nobody uses goes ---- */

static void mark_used(const nnc_statement *body, bool *used)
{
    for (const nnc_statement *s = body; s; s = s->next) {
        if (s->kind != NNC_STATEMENT_VALUE)
            used[s->value] = used[s->at] = used[s->low] = used[s->high] = true;
        mark_used(s->body, used);
    }
}

static void drop_unused(nnc_statement **body, const bool *used)
{
    while (*body) {
        if ((*body)->kind == NNC_STATEMENT_VALUE && !used[(*body)->value])
            *body = (*body)->next;
        else {
            drop_unused(&(*body)->body, used);
            body = &(*body)->next;
        }
    }
}

void nnc_builder_done(nnc_builder *b)
{
    NNC_MUST(b, b->blocks == 1);
    nnc_kernel *k = b->kernel;
    bool *used = NNC_ARRAY(b->arena, bool, k->values);
    mark_used(k->body, used);
    for (nnc_value_id id = k->values; id-- > 1;)
        for (uint32_t i = 0; used[id] && i < k->value[id].count; i++)
            used[k->value[id].args[i]] = true;
    drop_unused(&k->body, used);
}
