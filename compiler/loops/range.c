#include "loops/range.h"
#include "base/divisor.h"

static bool holds(const nnc_kernel *k, const bool *known, const nnc_value *v)
{
    const nnc_value *c = &k->value[v->args[1]];
    bool a = known[v->args[0]], b = known[v->args[1]], index = v->type == NNC_TYPE_INDEX;
    switch (v->op) {
    case NNC_LOOP_INT: case NNC_LOOP_INDEX: return v->integer >= 0;
    case NNC_LOOP_BATCH: case NNC_LOOP_FIRST: case NNC_LOOP_LAST: case NNC_LOOP_IOTA: case NNC_LOOP_REMAINDER: return true;
    case NNC_LOOP_IADD: case NNC_LOOP_IMUL: return index && a && b;
    case NNC_LOOP_IMIN: return a && b;
    case NNC_LOOP_IMAX: return a || b;
    case NNC_LOOP_QUOTIENT: case NNC_LOOP_SAR: case NNC_LOOP_BROADCAST: case NNC_LOOP_LANE: case NNC_LOOP_INDEX_OF: return a;
    case NNC_LOOP_IAND: return a || b || ((c->op == NNC_LOOP_INT || c->op == NNC_LOOP_INDEX) && c->integer >= 0);
    case NNC_LOOP_SELECT: return b && known[v->args[2]];
    default: return false;
    }
}

static void mark(const nnc_kernel *k, const nnc_statement *body, bool *known)
{
    for (const nnc_statement *s = body; s; s = s->next) {
        if (s->kind == NNC_STATEMENT_VALUE)
            known[s->value] = holds(k, known, &k->value[s->value]);
        else if (s->kind == NNC_STATEMENT_FOR)
            known[s->value] = known[s->low];
        mark(k, s->body, known);
    }
}

const bool *nnc_nonnegative(nnc_arena *arena, const nnc_kernel *kernel)
{
    bool *known = NNC_ARRAY(arena, bool, kernel->values + 1);
    mark(kernel, kernel->body, known);
    return known;
}

int64_t nnc_multiple_of(const nnc_kernel *k, nnc_value_id index)
{
    const nnc_value *v = &k->value[index];
    enum { ENOUGH = 1 << 20 };                /* no divisor is asked for beyond it, and products stay small */
    int64_t a = v->count > 0 ? nnc_multiple_of(k, v->args[0]) : 1, b = v->count > 1 ? nnc_multiple_of(k, v->args[1]) : 1;
    switch (v->op) {
    case NNC_LOOP_INDEX: case NNC_LOOP_VARIABLE: return v->integer < 0 ? -v->integer : v->integer;
    case NNC_LOOP_IADD: case NNC_LOOP_ISUB: return nnc_common_divisor(a, b);
    case NNC_LOOP_IMUL: return a > ENOUGH || b > ENOUGH ? 1 : a * b;
    default: return 1;
    }
}
