/* The interpreter. A formula is made a list of instructions, and these run over blocks of points of its iteration space (left side and
 * reduction, row-major). Both branches of a SELECT are evaluated, with subscripts kept inside: nothing can tell. */
#include "formula/interpret.h"
#include <assert.h>
#include <math.h>
#include <string.h>
#include "formula/build.h"
#include "formula/order.h"
#include "base/random.h"

enum { LANES = 256, NO_STEP = -1 };

typedef struct instruction { nnc_ref ref; const uint32_t *argument; } instruction;   /* arguments as instruction numbers */

typedef struct code {
    instruction *instruction;      /* the last one is the body */
    uint32_t count, capacity;
    int64_t fixed[NNC_MAX_SLOTS];  /* the step of a recurrence that a slot stands at, or NO_STEP */
} code;

typedef struct machine {
    nnc_interpreter in;            /* first: what the user holds */
    bool ordered;
    nnc_order order;
    code *code;                    /* [tensors], made on first use */
    uint32_t *number;              /* of a node in the code being made, + 1 */
    double *lane;                  /* values of the instructions of one block: so many of the first one, then of the second, .. */
    int count;                     /* how many; one alone (a schedule's) is next to another's */
    uint32_t lane_capacity;        /* instructions of LANES values */
    int64_t *index[NNC_MAX_SLOTS]; /* values of the slots of one block */
    uint8_t *needed;               /* tensors */
    nnc_tensor_id *scheduled;      /* what schedules read, and they; in order */
    uint32_t scheduleds;
} machine;

/* ---- setting up ---- */

nnc_interpreter *nnc_interpreter_new(nnc_arena *arena, const nnc_program *program, int64_t batch)
{
    machine *m = NNC_NEW(arena, machine);
    m->in = (nnc_interpreter){.program = program, .arena = arena, .batch = batch, .steps = 1, .epochs = 1};
    m->in.values = NNC_ARRAY(arena, nnc_values, program->tensors);
    m->code = NNC_ARRAY(arena, code, program->tensors);
    m->number = NNC_ARRAY(arena, uint32_t, program->nodes);
    m->needed = NNC_ARRAY(arena, uint8_t, program->tensors);
    for (int s = 0; s < NNC_MAX_SLOTS; s++)
        m->index[s] = NNC_ARRAY(arena, int64_t, LANES);
    return &m->in;
}

static int64_t extent_of(const nnc_interpreter *in, int64_t extent)
{
    return nnc_extent_with(extent, in->data ? in->data : in->batch);
}

static int64_t elements_of(const nnc_interpreter *in, const nnc_tensor *t)
{
    int64_t elements = 1;
    for (uint32_t i = 0; i < t->rank; i++)
        elements *= extent_of(in, t->extent[i]);
    return elements;
}

static double *room_for(nnc_interpreter *in, nnc_tensor_id id)
{
    int64_t elements = elements_of(in, &in->program->tensor[id]);
    nnc_values *v = &in->values[id];
    if (!v->data || v->elements < elements)
        v->data = NNC_ARRAY(in->arena, double, (size_t)(elements ? elements : 1));
    v->elements = elements;
    return v->data;
}

void nnc_interpreter_set(nnc_interpreter *in, nnc_tensor_id tensor, const double *values)
{
    double *to = room_for(in, tensor);
    memcpy(to, values, (size_t)in->values[tensor].elements * sizeof *to);
}

void nnc_interpreter_set_float(nnc_interpreter *in, nnc_tensor_id tensor, const float *values)
{
    double *to = room_for(in, tensor);
    for (int64_t i = 0; i < in->values[tensor].elements; i++)
        to[i] = values[i];
}

const double *nnc_interpreter_get(const nnc_interpreter *in, nnc_tensor_id tensor) { return in->values[tensor].data; }

/* ---- instructions ---- */

static uint32_t compile(machine *m, code *c, nnc_ref ref)
{
    const nnc_program *p = m->in.program;
    const nnc_node *n = &p->node[ref];
    if (m->number[ref])
        return m->number[ref] - 1;
    uint32_t *argument = NNC_ARRAY(m->in.arena, uint32_t, n->count);
    for (uint32_t i = 0; i < n->count; i++)
        argument[i] = compile(m, c, p->args[n->first + i]);
    NNC_PUSH(m->in.arena, c->instruction, c->count, c->capacity) = (instruction){ref, argument};
    m->number[ref] = c->count;
    return c->count - 1;
}

static code *code_of(machine *m, nnc_tensor_id id)
{
    code *c = &m->code[id];
    if (!c->count) {
        compile(m, c, m->in.program->tensor[id].body);
        for (uint32_t i = 0; i < c->count; i++)
            m->number[c->instruction[i].ref] = 0;
        for (int s = 0; s < NNC_MAX_SLOTS; s++)
            c->fixed[s] = NO_STEP;
    }
    if (c->count > m->lane_capacity) {
        m->lane_capacity = 2 * c->count;
        m->lane = NNC_ARRAY(m->in.arena, double, (size_t)m->lane_capacity * LANES);
    }
    return c;
}

/* ---- one block ---- */

static double *lane_of(const machine *m, uint32_t number) { return m->lane + (size_t)number * (size_t)m->count; }

static int64_t clamped(double x, int64_t extent)
{
    return x > 0 ? (x < (double)extent ? (int64_t)x : extent - 1) : 0;
}

static void run_read(machine *m, const nnc_node *n, const uint32_t *argument, double *out, int count)
{
    const nnc_tensor *a = &m->in.program->tensor[n->integer[0]];
    const double *data = m->in.values[n->integer[0]].data;
    int64_t at[LANES];
    assert(data && "a tensor that is read was neither given nor computed");
    memset(at, 0, (size_t)count * sizeof *at);
    for (uint32_t d = 0; d < n->count; d++) {
        int64_t extent = extent_of(&m->in, a->extent[d]);
        const double *subscript = lane_of(m, argument[d]);
        for (int i = 0; i < count; i++)
            at[i] = at[i] * extent + clamped(subscript[i], extent);
    }
    for (int i = 0; i < count; i++)
        out[i] = data[at[i]];
}

static void run_draw(machine *m, const nnc_node *n, const uint32_t *argument, double *out, int count)
{
    for (int i = 0; i < count; i++) {
        uint32_t place = 0, word[2];
        for (uint32_t d = 0; d < n->count; d++)
            place = place * 0x01000193u + (uint32_t)(int64_t)lane_of(m, argument[d])[i];
        nnc_draw_words(m->in.seed, (uint32_t)n->integer[0], place, (uint32_t)(int64_t)m->in.step, word);
        double u = nnc_uniform_of(word[0]);
        out[i] = n->op == NNC_OP_RANDOM ? u : sqrt(-2 * log(1 - u)) * cos(6.283185307179586477 * nnc_uniform_of(word[1]));
    }
}

static void run_affine(machine *m, const nnc_node *n, const uint32_t *argument, double *out, int count)
{
    for (int i = 0; i < count; i++)
        out[i] = (double)n->integer[0];
    for (uint32_t d = 0; d < n->count; d++) {
        double coefficient = (double)m->in.program->coefficients[n->first + d];
        for (int i = 0; i < count; i++)
            out[i] += coefficient * lane_of(m, argument[d])[i];
    }
}

static double floor_integer(double x) { return x != x ? 0 : x < -0x1p30 ? -0x1p30 : x > 0x1p30 ? 0x1p30 : floor(x); }

/* Integers and conditions of one argument. */
static double integer_operation(const machine *m, const nnc_node *n, double x)
{
    switch (n->op) {
    case NNC_OP_QUOTIENT: return (double)nnc_floor_divide((int64_t)x, n->integer[0]);
    case NNC_OP_REMAINDER: return (double)nnc_floor_modulo((int64_t)x, n->integer[0]);
    case NNC_OP_NEIGHBOUR: return (double)nnc_floor_modulo((int64_t)x + n->integer[0], extent_of(&m->in, NNC_EXTENT_BATCH));
    case NNC_OP_EXISTING: return fmin(x, (double)(extent_of(&m->in, NNC_EXTENT_BATCH) - 1));
    case NNC_OP_FLOOR_INTEGER: return floor_integer(x);
    case NNC_OP_WITHIN: return (n->integer[0] == INT64_MIN || x >= (double)n->integer[0]) && (n->integer[1] == INT64_MAX || x <= (double)n->integer[1]);
    case NNC_OP_NOT: return x == 0;
    default: return x;             /* REAL */
    }
}

static void fill(double *out, int count, double value)
{
    for (int i = 0; i < count; i++)
        out[i] = value;
}

static void run_operation(const machine *m, const nnc_node *n, const uint32_t *argument, double *out, int count)
{
    const double *a = lane_of(m, argument[0]), *b = n->count > 1 ? lane_of(m, argument[1]) : a, *c = n->count > 2 ? lane_of(m, argument[2]) : a;
    switch (n->op) {
    case NNC_OP_QUOTIENT: case NNC_OP_REMAINDER: case NNC_OP_NEIGHBOUR: case NNC_OP_EXISTING: case NNC_OP_FLOOR_INTEGER: case NNC_OP_WITHIN: case NNC_OP_NOT: case NNC_OP_REAL:
        for (int i = 0; i < count; i++)
            out[i] = integer_operation(m, n, a[i]);
        return;
    case NNC_OP_ADD:
        for (int i = 0; i < count; i++)
            out[i] = a[i] + b[i];
        return;
    case NNC_OP_MUL:
        for (int i = 0; i < count; i++)
            out[i] = a[i] * b[i];
        return;
    case NNC_OP_AND: case NNC_OP_OR:
        for (int i = 0; i < count; i++)
            out[i] = n->op == NNC_OP_AND ? a[i] != 0 && b[i] != 0 : a[i] != 0 || b[i] != 0;
        return;
    case NNC_OP_SELECT:
        for (int i = 0; i < count; i++)
            out[i] = a[i] != 0 ? b[i] : c[i];
        return;
    default:
        for (int i = 0; i < count; i++)
            out[i] = nnc_operate((nnc_op)n->op, a[i], b[i]);
    }
}

static void run_instruction(machine *m, const instruction *x, double *out, int count)
{
    const nnc_node *n = &m->in.program->node[x->ref];
    switch (n->op) {
    case NNC_OP_CONSTANT: fill(out, count, n->real); return;
    case NNC_OP_TRUTH: fill(out, count, (double)n->integer[0]); return;
    case NNC_OP_COUNT: fill(out, count, (double)extent_of(&m->in, n->integer[0])); return;
    case NNC_OP_INDEX:
        for (int i = 0; i < count; i++)
            out[i] = (double)m->index[n->integer[0]][i];
        return;
    case NNC_OP_READ: run_read(m, n, x->argument, out, count); return;
    case NNC_OP_RANDOM: case NNC_OP_GAUSSIAN: run_draw(m, n, x->argument, out, count); return;
    case NNC_OP_AFFINE: run_affine(m, n, x->argument, out, count); return;
    default: run_operation(m, n, x->argument, out, count);
    }
}

static const double *run_block(machine *m, const code *c, int count)
{
    m->count = count;
    for (uint32_t i = 0; i < c->count; i++)
        run_instruction(m, &c->instruction[i], lane_of(m, i), count);
    return lane_of(m, c->count - 1);
}

/* ---- one formula ---- */

typedef struct point_at { int64_t at[NNC_MAX_SLOTS]; } point_at;

/* The next point, row-major, over the slots that are not fixed. */
static void step(const machine *m, const nnc_tensor *t, const code *c, point_at *point)
{
    for (int s = t->rank + t->reduced - 1; s >= 0; s--) {
        if (c->fixed[s] != NO_STEP)
            continue;
        if (++point->at[s] < extent_of(&m->in, t->extent[s]))
            return;
        point->at[s] = 0;
    }
}

static int64_t place_of(const machine *m, const nnc_tensor *t, int lane)
{
    int64_t at = 0;
    for (uint32_t s = 0; s < t->rank; s++)
        at = at * extent_of(&m->in, t->extent[s]) + m->index[s][lane];
    return at;
}

typedef struct fold { double value, best; int64_t position; } fold;

static bool is_better(nnc_reduce reduce, double x, double best)
{
    if (best != best)
        return false;
    return x != x || (reduce == NNC_REDUCE_MAX || reduce == NNC_REDUCE_ARGMAX ? x > best : x < best);
}

static void add_to(fold *f, nnc_reduce reduce, int64_t position, double x)
{
    if (reduce == NNC_REDUCE_SUM) {
        f->value = position ? f->value + x : x;
    } else if (reduce == NNC_REDUCE_PROD) {
        f->value = position ? f->value * x : x;
    } else if (position == 0 || is_better(reduce, x, f->best)) {
        f->best = x;
        f->position = position;
    }
}

static double result_of(const fold *f, nnc_reduce reduce)
{
    if (reduce == NNC_REDUCE_SUM || reduce == NNC_REDUCE_PROD)
        return f->value;
    return reduce == NNC_REDUCE_MAX || reduce == NNC_REDUCE_MIN ? f->best : (double)f->position;
}

static void store_block(const machine *m, const nnc_tensor *t, const double *value, int count, int64_t first, int64_t reduced, fold *f, double *to)
{
    for (int i = 0; i < count; i++) {
        int64_t position = (first + i) % reduced;
        if (t->reduce == NNC_REDUCE_NONE) {
            to[place_of(m, t, i)] = value[i];
            continue;
        }
        add_to(f, t->reduce, position, value[i]);
        if (position == reduced - 1)
            to[place_of(m, t, i)] = result_of(f, t->reduce);
    }
}

static void run_formula(machine *m, nnc_tensor_id id)
{
    const nnc_tensor *t = &m->in.program->tensor[id];
    const code *c = code_of(m, id);
    double *to = m->in.values[id].data;
    point_at point;
    fold f = {0};
    int64_t total = 1, reduced = 1;
    uint32_t slots = (uint32_t)t->rank + t->reduced;
    for (uint32_t s = 0; s < slots; s++) {
        int64_t extent = c->fixed[s] != NO_STEP ? 1 : extent_of(&m->in, t->extent[s]);
        point.at[s] = c->fixed[s] != NO_STEP ? c->fixed[s] : 0;
        total *= extent;
        reduced *= s < t->rank ? 1 : extent;
    }
    for (int64_t first = 0; first < total; first += LANES) {
        int count = total - first < LANES ? (int)(total - first) : LANES;
        for (int i = 0; i < count; i++) {
            for (uint32_t s = 0; s < slots; s++)
                m->index[s][i] = point.at[s];
            step(m, t, c, &point);
        }
        store_block(m, t, run_block(m, c, count), count, first, reduced, &f, to);
    }
}

/* ---- all ---- */

static void run_items(machine *m, const nnc_order_item *item, uint32_t items);

static void run_loop(machine *m, const nnc_order_item *loop)
{
    for (int64_t i = 0; i < loop->extent; i++) {
        for (uint32_t k = 0; k < loop->members; k++)
            code_of(m, loop->member[k])->fixed[loop->slot[k]] = loop->backward ? loop->extent - 1 - i : i;
        run_items(m, loop->item, loop->items);
    }
    for (uint32_t k = 0; k < loop->members; k++)
        m->code[loop->member[k]].fixed[loop->slot[k]] = NO_STEP;
}

static void run_items(machine *m, const nnc_order_item *item, uint32_t items)
{
    for (uint32_t i = 0; i < items; i++)
        if (item[i].tensor && m->needed[item[i].tensor])
            run_formula(m, item[i].tensor);
        else if (!item[i].tensor && m->needed[item[i].member[0]])
            run_loop(m, &item[i]);
}

static void need(machine *m, nnc_tensor_id id);

static void need_reads(machine *m, nnc_ref ref)
{
    const nnc_node *n = &m->in.program->node[ref];
    if (m->number[ref])
        return;
    m->number[ref] = 1;
    if (n->op == NNC_OP_READ)
        need(m, (nnc_tensor_id)n->integer[0]);
    for (uint32_t i = 0; i < n->count; i++)
        need_reads(m, m->in.program->args[n->first + i]);
}

static void need(machine *m, nnc_tensor_id id)
{
    if (m->needed[id])
        return;
    m->needed[id] = 1;
    if (m->in.program->tensor[id].body)
        need_reads(m, m->in.program->tensor[id].body);
}

static double clock_of(const nnc_interpreter *in, nnc_kind kind)
{
    return kind == NNC_KIND_STEP ? in->step : kind == NNC_KIND_STEPS ? in->steps : kind == NNC_KIND_EPOCH ? in->epoch : in->epochs;
}

/* What is neither a formula nor given: constants, the clock, schedules. */
static void prepare(machine *m)
{
    const nnc_program *p = m->in.program;
    for (nnc_tensor_id id = 1; id < p->tensors; id++) {
        const nnc_tensor *t = &p->tensor[id];
        if (!m->needed[id])
            continue;
        if (t->kind == NNC_KIND_CONSTANT)
            nnc_interpreter_set_float(&m->in, id, t->values);
        else if (t->kind >= NNC_KIND_STEP && t->kind <= NNC_KIND_EPOCHS)
            *room_for(&m->in, id) = clock_of(&m->in, t->kind);
        else if (t->kind == NNC_KIND_FORMULA || t->kind == NNC_KIND_SCHEDULE)
            room_for(&m->in, id);
    }
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        if (m->needed[id] && p->tensor[id].kind == NNC_KIND_SCHEDULE)
            run_formula(m, id);
}

static void run_needed(machine *m)
{
    const char *error = NULL;
    if (!m->ordered)
        m->order = nnc_order_of(m->in.arena, m->in.program, &error);
    assert(!error);
    m->ordered = true;
    run_items(m, m->order.item, m->order.items);
}

void nnc_interpreter_run_for(nnc_interpreter *in, const nnc_tensor_id *roots, uint32_t count)
{
    machine *m = (machine *)in;
    memset(m->needed, 0, in->program->tensors);
    for (uint32_t i = 0; i < count; i++)
        need(m, roots[i]);
    memset(m->number, 0, in->program->nodes * sizeof *m->number);
    prepare(m);
    run_needed(m);
}

void nnc_interpreter_run(nnc_interpreter *in)
{
    nnc_tensor_id *all = NNC_ARRAY(in->arena, nnc_tensor_id, in->program->tensors);
    for (nnc_tensor_id id = 1; id < in->program->tensors; id++)
        all[id - 1] = id;
    nnc_interpreter_run_for(in, all, in->program->tensors - 1);
}

/* What the schedules read, worked out on the first call: clocks, constants and each other. */
static void list_schedules(machine *m, const nnc_tensor_id *schedule, uint32_t count)
{
    memset(m->needed, 0, m->in.program->tensors);
    memset(m->number, 0, m->in.program->nodes * sizeof *m->number);
    for (uint32_t i = 0; i < count; i++)
        need(m, schedule[i]);
    memset(m->number, 0, m->in.program->nodes * sizeof *m->number);
    m->scheduled = NNC_ARRAY(m->in.arena, nnc_tensor_id, m->in.program->tensors);
    for (nnc_tensor_id id = 1; id < m->in.program->tensors; id++)
        if (m->needed[id])
            m->scheduled[m->scheduleds++] = id;
    prepare(m);
}

void nnc_interpreter_schedules(nnc_interpreter *in, const nnc_tensor_id *schedule, uint32_t count, float *out)
{
    machine *m = (machine *)in;
    if (!m->scheduled)
        list_schedules(m, schedule, count);
    for (uint32_t i = 0; i < m->scheduleds; i++) {
        nnc_kind kind = in->program->tensor[m->scheduled[i]].kind;
        if (kind >= NNC_KIND_STEP && kind <= NNC_KIND_EPOCHS)
            *in->values[m->scheduled[i]].data = clock_of(in, kind);
        else if (kind == NNC_KIND_SCHEDULE)
            *in->values[m->scheduled[i]].data = *run_block(m, code_of(m, m->scheduled[i]), 1);
    }
    for (uint32_t i = 0; i < count; i++)
        out[i] = (float)*in->values[schedule[i]].data;
}

static bool needs_formulas(const machine *m)
{
    for (nnc_tensor_id id = 1; id < m->in.program->tensors; id++)
        if (m->needed[id] && m->in.program->tensor[id].kind == NNC_KIND_FORMULA)
            return true;
    return false;
}

double nnc_interpreter_scalar(nnc_interpreter *in, nnc_ref ref)
{
    machine *m = (machine *)in;
    code c = {0};
    memset(m->needed, 0, in->program->tensors);
    need_reads(m, ref);
    memset(m->number, 0, in->program->nodes * sizeof *m->number);
    prepare(m);
    if (needs_formulas(m))
        run_needed(m);
    compile(m, &c, ref);
    memset(m->number, 0, in->program->nodes * sizeof *m->number);
    if (c.count > m->lane_capacity) {
        m->lane_capacity = 2 * c.count;
        m->lane = NNC_ARRAY(in->arena, double, (size_t)m->lane_capacity * LANES);
    }
    return *run_block(m, &c, 1);
}
