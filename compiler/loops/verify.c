/* What must hold of a kernel before it is printed or compiled. */
#include <inttypes.h>
#include <string.h>
#include "loops/builder.h"

typedef struct checker {
    const nnc_loops *loops;
    const nnc_kernel *kernel;
    bool *visible, *set;          /* values that a statement may use now; registers that are assigned somewhere */
    const char *wrong;
    uint32_t local[8], locals;    /* scratch that it writes */
} checker;

static void complain(checker *c, const char *what, uint32_t number)
{
    if (!c->wrong)
        c->wrong = nnc_arena_format(c->loops->arena, "kernel %s: %s (%u)", c->kernel->name, what, number);
}

static void use(checker *c, nnc_value_id id)
{
    if (id == 0 || id >= c->kernel->values)
        complain(c, "a value that does not exist", id);
    else if (!c->visible[id])
        complain(c, "a value is used where it is not visible", id);
}

static bool typed(const nnc_value *v, nnc_type type, uint8_t lanes) { return v->type == type && v->lanes == lanes; }

static void check_index(checker *c, const nnc_value *index, uint8_t lanes, uint32_t buffer, nnc_value_id id)
{
    if (buffer >= c->loops->buffers) {
        complain(c, "a buffer that does not exist", buffer);
        return;
    }
    const nnc_buffer *b = &c->loops->buffer[buffer];
    if (index->op == NNC_LOOP_INDEX && !b->batched && (index->integer < 0 || index->integer + lanes > b->elements))
        complain(c, "a place outside its buffer", id);
}

static bool arguments_agree(const nnc_kernel *k, const nnc_value *v)
{
    const nnc_value *p = &k->value[v->args[0]], *q = &k->value[v->args[1]], *r = &k->value[v->args[2]];
    switch (v->op) {
    case NNC_LOOP_LOAD: return typed(p, NNC_TYPE_INDEX, 1);
    case NNC_LOOP_GATHER: return p->lanes == v->lanes && (p->type == NNC_TYPE_INDEX || p->type == NNC_TYPE_INT);
    case NNC_LOOP_BROADCAST: return p->lanes == 1 && p->type == v->type;
    case NNC_LOOP_LANE: return v->integer >= 0 && v->integer < p->lanes && p->type == v->type;
    case NNC_LOOP_FOLD_ADD: case NNC_LOOP_FOLD_MAX: case NNC_LOOP_FOLD_MIN: return v->lanes == 1 && p->type == NNC_TYPE_REAL;
    case NNC_LOOP_SELECT: return typed(p, NNC_TYPE_BOOL, v->lanes) && typed(q, (nnc_type)v->type, v->lanes) && typed(r, (nnc_type)v->type, v->lanes);
    case NNC_LOOP_REAL_OF: return p->lanes == v->lanes && (p->type == NNC_TYPE_INT || p->type == NNC_TYPE_INDEX);
    case NNC_LOOP_INT_OF: return p->lanes == v->lanes && (p->type == NNC_TYPE_REAL || p->type == NNC_TYPE_INDEX);
    case NNC_LOOP_INDEX_OF: case NNC_LOOP_REAL_FROM: return typed(p, NNC_TYPE_INT, v->lanes);
    case NNC_LOOP_BITS_OF: return typed(p, NNC_TYPE_REAL, v->lanes);
    case NNC_LOOP_QUOTIENT: case NNC_LOOP_REMAINDER: return v->integer > 0 && typed(p, (nnc_type)v->type, v->lanes);
    case NNC_LOOP_SHL: case NNC_LOOP_SHR: case NNC_LOOP_SAR:
        return v->integer >= 0 && v->integer < (v->type == NNC_TYPE_INT ? 32 : 64) && typed(p, (nnc_type)v->type, v->lanes);
    default: break;
    }
    for (uint32_t i = 0; i < v->count; i++)
        if (!typed(&k->value[v->args[i]], (nnc_type)p->type, v->lanes))
            return false;
    return v->type == NNC_TYPE_BOOL || v->count == 0 || p->type == v->type;
}

static bool right_domain(const nnc_kernel *k, const nnc_value *v)
{
    uint8_t type = v->count ? k->value[v->args[0]].type : 0;
    if ((v->op >= NNC_LOOP_ADD && v->op <= NNC_LOOP_POW) || (v->op >= NNC_LOOP_LT && v->op <= NNC_LOOP_NE))
        return type == NNC_TYPE_REAL;
    if ((v->op >= NNC_LOOP_IADD && v->op <= NNC_LOOP_SAR) || (v->op >= NNC_LOOP_ILT && v->op <= NNC_LOOP_IEQ))
        return type == NNC_TYPE_INT || type == NNC_TYPE_INDEX;
    if (v->op >= NNC_LOOP_AND && v->op <= NNC_LOOP_NOT)
        return type == NNC_TYPE_BOOL;
    return true;
}

static void check_value(checker *c, nnc_value_id id)
{
    const nnc_kernel *k = c->kernel;
    if (id == 0 || id >= k->values) {
        complain(c, "a value that does not exist", id);
        return;
    }
    const nnc_value *v = &k->value[id];
    if (c->visible[id])
        complain(c, "a value is made twice", id);
    if (v->op >= NNC_LOOP_OPS || v->count != nnc_loop_ops[v->op].arity || v->lanes == 0 || v->lanes > 16 || (v->lanes & (v->lanes - 1))) {
        complain(c, "an operation with a wrong form", id);
        return;
    }
    for (uint32_t i = 0; i < v->count; i++)
        use(c, v->args[i]);
    if (!c->wrong && (!arguments_agree(k, v) || !right_domain(k, v)))
        complain(c, "an operation's arguments have wrong types", id);
    if (v->op == NNC_LOOP_GET && ((uint64_t)v->integer >= k->registers || !c->set[v->integer]))
        complain(c, "a register is read and never set", (uint32_t)v->integer);
    if (!c->wrong && (v->op == NNC_LOOP_LOAD || v->op == NNC_LOOP_GATHER))
        check_index(c, &k->value[v->args[0]], c->loops->over_read ? 1 : v->lanes, (uint32_t)v->integer, id);
    c->visible[id] = true;
}

/* What a call takes of its stack. */
static void check_local(checker *c, uint32_t buffer)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; i < c->locals; i++)
        if (c->local[i] == buffer)
            return;
    if (c->locals == sizeof c->local / sizeof *c->local) {
        complain(c, "more scratch than is told apart", buffer);
        return;
    }
    c->local[c->locals++] = buffer;
    for (uint32_t i = 0; i < c->locals; i++)
        bytes += 4 * c->loops->buffer[c->local[i]].elements;
    if (bytes > NNC_MOST_LOCAL)
        complain(c, "scratch that a stack may not hold", buffer);
}

static void check_write(checker *c, const nnc_statement *s)
{
    use(c, s->at);
    use(c, s->value);
    if (c->wrong)
        return;
    const nnc_value *at = &c->kernel->value[s->at], *value = &c->kernel->value[s->value];
    check_index(c, at, s->kind == NNC_STATEMENT_STORE && s->step > 0 ? (uint8_t)s->step : value->lanes, s->target, s->value);
    if (c->wrong)
        return;
    if (c->loops->buffer[s->target].storage == NNC_STORAGE_LOCAL)
        check_local(c, s->target);
    if (!c->loops->buffer[s->target].written)
        complain(c, "a store into a buffer that is not marked as written", s->target);
    if (value->type != (c->loops->buffer[s->target].integer ? NNC_TYPE_INT : NNC_TYPE_REAL))
        complain(c, "a store of another type than its buffer's", s->target);
    if (s->kind == NNC_STATEMENT_STORE ? !typed(at, NNC_TYPE_INDEX, 1) : at->lanes != value->lanes)
        complain(c, "a store at a wrong index", s->at);
    if (s->step < 0 || (s->step > 0 && (s->kind != NNC_STATEMENT_STORE || s->step >= value->lanes)))
        complain(c, "a store of lanes that are not there", s->value);
}

static void check_for(checker *c, const nnc_statement *s)
{
    use(c, s->low);
    use(c, s->high);
    if (c->wrong)
        return;
    if (!typed(&c->kernel->value[s->low], NNC_TYPE_INDEX, 1) || !typed(&c->kernel->value[s->high], NNC_TYPE_INDEX, 1) || s->step <= 0)
        complain(c, "a loop with wrong bounds", s->value);
    if (s->value == 0 || s->value >= c->kernel->values || c->kernel->value[s->value].op != NNC_LOOP_VARIABLE)
        complain(c, "a loop without a variable", s->value);
}

static void check_set(checker *c, const nnc_statement *s)
{
    use(c, s->value);
    if (s->target >= c->kernel->registers)
        complain(c, "a register that does not exist", s->target);
    else if (!c->wrong && !typed(&c->kernel->value[s->value], c->kernel->reg[s->target].type, c->kernel->reg[s->target].lanes))
        complain(c, "a register is set to another type", s->target);
}

static void check_prefetch(checker *c, const nnc_statement *s)
{
    use(c, s->at);
    if (s->target >= c->loops->buffers)
        complain(c, "a buffer that does not exist", s->target);
    else if (!c->wrong && (!typed(&c->kernel->value[s->at], NNC_TYPE_INDEX, 1) || s->step < 1 || s->step > 2))
        complain(c, "a prefetch at a wrong index", s->at);
}

static void check_body(checker *c, const nnc_statement *body)
{
    for (const nnc_statement *s = body; s && !c->wrong; s = s->next) {
        switch (s->kind) {
        case NNC_STATEMENT_VALUE: check_value(c, s->value); break;
        case NNC_STATEMENT_SET: check_set(c, s); break;
        case NNC_STATEMENT_STORE: case NNC_STATEMENT_SCATTER: check_write(c, s); break;
        case NNC_STATEMENT_PREFETCH: check_prefetch(c, s); break;
        case NNC_STATEMENT_FOR:
            check_for(c, s);
            if (!c->wrong)
                c->visible[s->value] = true;
            break;
        case NNC_STATEMENT_IF:
            use(c, s->value);
            if (!c->wrong && !typed(&c->kernel->value[s->value], NNC_TYPE_BOOL, 1))
                complain(c, "a condition that is not one", s->value);
            break;
        }
        if (s->body && !c->wrong)
            check_body(c, s->body);
        if (s->kind == NNC_STATEMENT_FOR && !c->wrong)
            c->visible[s->value] = false;
    }
    for (const nnc_statement *s = body; s && !c->wrong; s = s->next)    /* the block ends */
        if (s->kind == NNC_STATEMENT_VALUE)
            c->visible[s->value] = false;
}

static void mark_set(checker *c, const nnc_statement *body)
{
    for (const nnc_statement *s = body; s; s = s->next) {
        if (s->kind == NNC_STATEMENT_SET && s->target < c->kernel->registers)
            c->set[s->target] = true;
        mark_set(c, s->body);
    }
}

static bool identifier(const char *name)
{
    if (!name || !*name || (*name >= '0' && *name <= '9'))
        return false;
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == 0;
}

static const char *verify_kernel(const nnc_loops *loops, const nnc_kernel *kernel)
{
    if (!identifier(kernel->name))
        return nnc_arena_format(loops->arena, "kernel %s: its name is no identifier", kernel->name ? kernel->name : "?");
    if (kernel->task_block < 1 || kernel->tasks_fixed < 0 || kernel->tasks_per_example < 0)
        return nnc_arena_format(loops->arena, "kernel %s: wrong counts of tasks", kernel->name);
    checker c = {loops, kernel, NNC_ARRAY(loops->arena, bool, kernel->values + 1), NNC_ARRAY(loops->arena, bool, kernel->registers + 1), NULL, {0}, 0};
    mark_set(&c, kernel->body);
    check_body(&c, kernel->body);
    return c.wrong;
}

static const char *verify_buffer(const nnc_loops *loops, const nnc_buffer *b)
{
    int64_t bytes = 4 * b->elements * (b->batched ? loops->batch : 1);
    int64_t room = b->storage == NNC_STORAGE_WORKSPACE ? loops->workspace_bytes : b->storage == NNC_STORAGE_PERSISTENT ? loops->persistent_bytes : loops->host_bytes;
    if (b->storage == NNC_STORAGE_LOCAL)
        return NULL;
    if (b->storage == NNC_STORAGE_ARGUMENT ? b->argument >= loops->arguments : b->offset < 0 || b->offset % 4 || b->offset + bytes > room)
        return nnc_arena_format(loops->arena, "buffer %s lies outside its storage", b->name);
    return NULL;
}

const char *nnc_loops_verify(const nnc_loops *loops)
{
    for (uint32_t i = 0; i < loops->buffers; i++) {
        const char *wrong = verify_buffer(loops, &loops->buffer[i]);
        if (wrong)
            return wrong;
    }
    for (uint32_t i = 0; i < loops->kernels; i++) {
        const char *wrong = verify_kernel(loops, loops->kernel[i]);
        if (wrong)
            return wrong;
        if (i && loops->kernel[i]->phase < loops->kernel[i - 1]->phase)
            return nnc_arena_format(loops->arena, "kernel %s: its phase is before the last one's", loops->kernel[i]->name);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(loops->kernel[i]->name, loops->kernel[j]->name) == 0)
                return nnc_arena_format(loops->arena, "two kernels are named %s", loops->kernel[i]->name);
    }
    return NULL;
}
