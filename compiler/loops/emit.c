/* Operations: their types, and what is known of them while they are made (constants, identities). */
#include "loops/builder.h"

/* The result's type and lanes, as ops.def says. */
static void set_type(const nnc_builder *b, nnc_value *v)
{
    char result = nnc_loop_ops[v->op].result;
    const nnc_value *first = v->count ? nnc_at(b, v->args[0]) : NULL;
    v->lanes = first ? first->lanes : 1;
    if (v->op == NNC_LOOP_BROADCAST || v->op == NNC_LOOP_IOTA)
        v->lanes = (uint8_t)v->integer;
    else if (v->op == NNC_LOOP_LANE || v->op == NNC_LOOP_FOLD_ADD || v->op == NNC_LOOP_FOLD_MAX || v->op == NNC_LOOP_FOLD_MIN)
        v->lanes = 1;
    if (v->op == NNC_LOOP_SELECT)
        v->type = nnc_at(b, v->args[1])->type;
    else
        v->type = (uint8_t)(result == '=' ? first->type : result == 'r' ? NNC_TYPE_REAL : result == 'i' ? NNC_TYPE_INT : result == 'x' ? NNC_TYPE_INDEX : NNC_TYPE_BOOL);
}

static bool same_lanes(const nnc_builder *b, const nnc_value *v)
{
    for (uint32_t i = 1; i < v->count; i++)
        if (nnc_at(b, v->args[i])->lanes != nnc_at(b, v->args[0])->lanes)
            return false;
    return true;
}

/* Of a kernel that is called for one example and all tasks. */
static nnc_value_id known_count(nnc_builder *b, nnc_loop_op op)
{
    return nnc_emit_index(b, op == NNC_LOOP_BATCH ? 1 : op == NNC_LOOP_FIRST ? 0 : nnc_kernel_tasks(b->kernel, 1));
}

nnc_value_id nnc_emit(nnc_builder *b, nnc_loop_op op, const nnc_value_id *args, uint32_t count, int64_t integer)
{
    NNC_MUST(b, op != NNC_LOOP_GET && op != NNC_LOOP_LOAD && op != NNC_LOOP_GATHER && op != NNC_LOOP_VARIABLE && count == nnc_loop_ops[op].arity);
    if (b->alone && (op == NNC_LOOP_BATCH || op == NNC_LOOP_FIRST || op == NNC_LOOP_LAST))
        return known_count(b, op);
    nnc_value v = {.op = (uint8_t)op, .count = (uint8_t)count, .integer = integer};
    for (uint32_t i = 0; i < count; i++)
        v.args[i] = args[i];
    NNC_MUST(b, same_lanes(b, &v));
    set_type(b, &v);
    if (op == NNC_LOOP_BROADCAST || op == NNC_LOOP_IOTA)
        v.integer = 0;
    if (nnc_fold_constant(b, &v))
        return nnc_place_pure(b, v, 0);
    nnc_value_id same = nnc_simplify_value(b, &v);
    return same ? same : nnc_place_pure(b, v, 0);
}

nnc_value_id nnc_emit1(nnc_builder *b, nnc_loop_op op, nnc_value_id a) { return nnc_emit(b, op, &a, 1, 0); }

nnc_value_id nnc_emit2(nnc_builder *b, nnc_loop_op op, nnc_value_id a, nnc_value_id c)
{
    return nnc_emit(b, op, (nnc_value_id[]){a, c}, 2, 0);
}

nnc_value_id nnc_emit3(nnc_builder *b, nnc_loop_op op, nnc_value_id a, nnc_value_id c, nnc_value_id d)
{
    return nnc_emit(b, op, (nnc_value_id[]){a, c, d}, 3, 0);
}

/* Constants are those of a float: what is stored is what a kernel computes with. */
nnc_value_id nnc_emit_real(nnc_builder *b, double value, uint8_t lanes)
{
    return nnc_place_pure(b, (nnc_value){.op = NNC_LOOP_REAL, .type = NNC_TYPE_REAL, .lanes = lanes, .real = (double)(float)value}, 0);
}

nnc_value_id nnc_emit_int(nnc_builder *b, int32_t value, uint8_t lanes)
{
    return nnc_place_pure(b, (nnc_value){.op = NNC_LOOP_INT, .type = NNC_TYPE_INT, .lanes = lanes, .integer = value}, 0);
}

nnc_value_id nnc_emit_index(nnc_builder *b, int64_t value)
{
    return nnc_place_pure(b, (nnc_value){.op = NNC_LOOP_INDEX, .type = NNC_TYPE_INDEX, .lanes = 1, .integer = value}, 0);
}

nnc_value_id nnc_emit_broadcast(nnc_builder *b, nnc_value_id a, uint8_t lanes)
{
    return nnc_at(b, a)->lanes == lanes ? a : nnc_emit(b, NNC_LOOP_BROADCAST, &a, 1, lanes);
}
