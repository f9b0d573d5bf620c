/* Vector statements that share one loop over lanes: what only they use is a scalar in it and not an array on the stack. */
#include "c/internal.h"

static bool is_printed(const nnc_c_kernel *k, const nnc_statement *s) { return s->kind != NNC_STATEMENT_VALUE || !k->inlined[s->value]; }

/* Goes through a value's expression as it is printed. crosses: it needs lanes other than its own. reads: it loads from the buffer. */
typedef struct look { const nnc_c_kernel *k; uint32_t buffer; uint32_t *uses; bool crosses, reads; } look;

static void look_at(look *l, nnc_value_id id)
{
    const nnc_value *v = &l->k->kernel->value[id];
    bool load = v->op == NNC_LOOP_LOAD || v->op == NNC_LOOP_GATHER;
    l->crosses |= v->op == NNC_LOOP_LANE || v->op == NNC_LOOP_FOLD_ADD || v->op == NNC_LOOP_FOLD_MAX || v->op == NNC_LOOP_FOLD_MIN;
    l->reads |= load && v->integer == (int64_t)l->buffer;
    for (uint32_t i = 0; i < v->count; i++) {
        if (l->uses)
            l->uses[v->args[i]]++;
        if (l->k->inlined[v->args[i]])
            look_at(l, v->args[i]);
    }
}

static look look_of(const nnc_c_kernel *k, nnc_value_id id, uint32_t buffer)
{
    look l = {.k = k, .buffer = buffer};
    if (id)
        look_at(&l, id);
    return l;
}

/* A store into what the loop also loads would be seen by the next lane. */
static bool loads_what_is_stored(const nnc_c_kernel *k, const nnc_statement *first, const nnc_statement *store)
{
    for (const nnc_statement *s = first; s != store; s = s->next)
        if (is_printed(k, s) && look_of(k, s->value, store->target).reads)
            return true;
    return look_of(k, store->value, store->target).reads;
}

/* Whether any statement needs its lanes one by one: else all are printed of whole vectors. */
static bool needs_lanes(const nnc_c_kernel *k, const nnc_statement *first, const nnc_statement *end)
{
    for (const nnc_statement *s = first; s != end->next; s = s->next)
        if (is_printed(k, s) && k->kernel->value[s->value].lanes > 1 && !nnc_c_is_whole(k, s))
            return true;
    return false;
}

/* The statement that the loop beginning with `first` ends with: a SET or a STORE of as many lanes, else the last vector before what does not fit. */
static const nnc_statement *end_of(const nnc_c_kernel *k, const nnc_statement *first)
{
    uint8_t lanes = k->kernel->value[first->value].lanes;
    const nnc_statement *last = first;
    for (const nnc_statement *s = first; s; s = s->next) {
        const nnc_value *v = &k->kernel->value[s->value];
        if (!is_printed(k, s))
            continue;
        if (look_of(k, s->value, 0).crosses)
            return last;
        switch (s->kind) {
        case NNC_STATEMENT_VALUE:
            if (v->lanes > 1 && v->lanes != lanes)
                return last;
            last = v->lanes > 1 ? s : last;
            break;
        case NNC_STATEMENT_SET: return v->lanes == lanes && k->read[s->target] ? s : last;
        case NNC_STATEMENT_STORE: return v->lanes == lanes && !loads_what_is_stored(k, first, s) ? s : last;
        default: return last;
        }
    }
    return last;
}

/* Counts the uses in all of the loop's statements. */
static void count_here(const nnc_c_kernel *k, const nnc_statement *first, const nnc_statement *end)
{
    look l = {.k = k, .uses = k->uses_here};
    for (const nnc_statement *s = first; s != end->next; s = s->next) {
        bool value = s->kind == NNC_STATEMENT_VALUE;
        if (!is_printed(k, s))
            continue;
        l.uses[s->value] += !value;
        if (value || k->inlined[s->value])
            look_at(&l, s->value);
    }
}

const nnc_statement *nnc_c_lane_loop(nnc_c_kernel *k, const nnc_statement *first)
{
    const nnc_statement *end = end_of(k, first);
    bool any = false;
    if (!needs_lanes(k, first, end))
        return first;
    count_here(k, first, end);
    for (const nnc_statement *s = first; s != end->next; s = s->next) {
        if (s->kind != NNC_STATEMENT_VALUE)
            continue;
        k->local[s->value] = !k->inlined[s->value] && k->kernel->value[s->value].lanes > 1 && k->uses_here[s->value] == k->uses[s->value];
        any |= k->local[s->value];
    }
    for (nnc_value_id id = 0; id <= k->kernel->values; id++)
        k->uses_here[id] = 0;
    return any ? end : first;
}
