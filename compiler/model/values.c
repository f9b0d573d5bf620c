/* Values of tensors: expressions over placeholders, and the tensors made of them. */
#include <assert.h>
#include <string.h>
#include "model/internal.h"

/* ---- entities ---- */

nnc_entity *nnc_new_entity(nnc_elaborator *e, nnc_entity_kind kind, nnc_span span)
{
    nnc_entity *x = NNC_NEW(e->arena, nnc_entity);
    x->kind = kind;
    x->span = span;
    return x;
}

nnc_entity *nnc_number(nnc_elaborator *e, double number, nnc_span span)
{
    nnc_entity *x = nnc_new_entity(e, NNC_ENTITY_NUMBER, span);
    x->number = number;
    return x;
}

nnc_entity *nnc_boolean(nnc_elaborator *e, bool truth, nnc_span span)
{
    nnc_entity *x = nnc_number(e, truth, span);
    x->boolean = true;
    return x;
}

/* How deep an expression is: whoever walks it needs as much stack. */
static uint32_t height_of(nnc_elaborator *e, nnc_ref body)
{
    if (e->height_program != e->p)
        e->heights = 0;
    e->height_program = e->p;
    while (e->heights <= body) {
        uint32_t height = 0;
        if (e->heights > 0) {
            const nnc_node *n = nnc_at(e->p, e->heights);
            for (uint32_t i = 0; i < n->count; i++) {
                uint32_t below = e->height[nnc_arg(e->p, e->heights, i)];
                height = below >= height ? below + 1 : height;
            }
        }
        NNC_PUSH(e->arena, e->height, e->heights, e->height_capacity) = height;
    }
    return e->height[body];
}

enum { HIGHEST = 400 };

/* A higher expression becomes a tensor, so that no chain of calls or sum is too long to be walked. */
nnc_entity *nnc_tensor_entity(nnc_elaborator *e, const nnc_value *value, nnc_span span)
{
    nnc_entity *x = nnc_new_entity(e, NNC_ENTITY_TENSOR, span);
    x->value = *value;
    if (value->alias)
        return x;
    x->value.guards = e->at.guards;
    if (height_of(e, value->body) > HIGHEST) {
        nnc_materialise(e, x, nnc_arena_format(e->arena, "%s.part", e->at.hint ? e->at.hint : "a"));
        x->value.drawn = value->drawn;
    }
    return x;
}

nnc_entity *nnc_scalar(nnc_elaborator *e, nnc_ref body, nnc_span span)
{
    nnc_value v = {.body = body, .element = (nnc_element)nnc_at(e->p, body)->element};
    return nnc_tensor_entity(e, &v, span);
}

bool nnc_value_of(nnc_elaborator *e, nnc_entity *x, nnc_span span, nnc_value *value)
{
    *value = (nnc_value){0};
    if (x->kind == NNC_ENTITY_TENSOR) {
        *value = x->value;
        return true;
    }
    if (x->kind == NNC_ENTITY_NUMBER) {
        value->element = x->boolean ? NNC_BOOLEAN : NNC_REAL;
        value->body = x->boolean ? nnc_truth(e->p, x->number != 0) : nnc_real(e->p, x->number);
        return true;
    }
    if (!nnc_is_poison(x))
        nnc_report_no_tensor(e, x, span);
    return false;
}

/* ---- variables ---- */

nnc_named_index *nnc_new_index(nnc_elaborator *e, const char *name, int64_t extent, nnc_span span)
{
    nnc_named_index *index = NNC_NEW(e->arena, nnc_named_index);
    *index = (nnc_named_index){.name = name, .span = span, .variable = nnc_variable(e->p), .extent = extent, .order = e->order};
    e->order += 1;
    uint32_t place = (uint32_t)nnc_at(e->p, index->variable)->integer[0] - NNC_FIRST_VARIABLE;
    while (e->variables <= place)
        NNC_PUSH(e->arena, e->variable, e->variables, e->variable_capacity) = NULL;
    e->variable[place] = index;
    return index;
}

static const nnc_named_index *index_of(const nnc_elaborator *e, nnc_ref variable)
{
    return e->variable[nnc_at(e->p, variable)->integer[0] - NNC_FIRST_VARIABLE];
}

int64_t nnc_extent_of_variable(void *elaborator, uint32_t slot)
{
    const nnc_elaborator *e = elaborator;
    if (slot < NNC_FIRST_VARIABLE || slot - NNC_FIRST_VARIABLE >= e->variables || !e->variable[slot - NNC_FIRST_VARIABLE])
        return 0;
    return e->variable[slot - NNC_FIRST_VARIABLE]->extent;
}

/* ---- shapes ---- */

bool nnc_one_element(const nnc_value *v)
{
    for (uint32_t i = 0; i < v->rank; i++)
        if (v->extent[i] != 1)
            return false;
    return true;
}

nnc_ref nnc_value_at(nnc_elaborator *e, const nnc_value *v, const nnc_ref *subscripts)
{
    return nnc_substitute(e->p, v->body, v->variable, subscripts, v->rank);
}

nnc_value nnc_as_scalar(nnc_elaborator *e, const nnc_value *v)
{
    nnc_ref zero[NNC_MAX_RANK];
    nnc_value out = *v;
    if (v->rank == 0)
        return out;
    for (uint32_t i = 0; i < v->rank; i++)
        zero[i] = nnc_integer(e->p, 0);
    out.body = nnc_value_at(e, v, zero);
    out.rank = 0;
    out.alias = 0;
    return out;
}

nnc_value nnc_alias(nnc_elaborator *e, nnc_tensor_id tensor, const nnc_ref *lead, uint32_t leads)
{
    const nnc_tensor t = *nnc_tensor_at(e->p, tensor);
    nnc_value v = {.rank = t.rank - leads, .element = t.element, .classes = t.classes, .alias = tensor};
    nnc_ref at[NNC_MAX_SLOTS];
    assert(t.rank >= leads && t.rank - leads <= NNC_MAX_RANK);
    for (uint32_t i = 0; i < t.rank; i++) {
        if (i < leads) {
            at[i] = lead[i];
            continue;
        }
        v.extent[i - leads] = t.extent[i];
        at[i] = v.variable[i - leads] = nnc_new_index(e, NULL, t.extent[i], t.span)->variable;
    }
    v.body = nnc_read(e->p, tensor, at, t.rank);
    return v;
}

/* ---- free variables ---- */

typedef struct walk { nnc_elaborator *e; const nnc_ref *except; uint32_t excepts; nnc_ref *out; uint32_t count; uint32_t *seen; uint32_t seens, seen_capacity; } walk;

static bool was_seen(walk *w, nnc_ref ref)
{
    if (2 * (w->seens + 1) > w->seen_capacity) {
        uint32_t *old = w->seen, capacity = w->seen_capacity;
        w->seen_capacity = capacity ? 2 * capacity : 64;
        w->seen = NNC_ARRAY(w->e->arena, uint32_t, w->seen_capacity);
        w->seens = 0;
        for (uint32_t i = 0; i < capacity; i++)
            if (old[i])
                was_seen(w, old[i]);
    }
    uint32_t at = ref * 0x9E3779B1u & (w->seen_capacity - 1);
    for (; w->seen[at]; at = (at + 1) & (w->seen_capacity - 1))
        if (w->seen[at] == ref)
            return true;
    w->seen[at] = ref;
    w->seens++;
    return false;
}

static bool is_among(nnc_ref ref, const nnc_ref *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == ref)
            return true;
    return false;
}

static void collect(walk *w, nnc_ref ref)
{
    const nnc_node *n = nnc_at(w->e->p, ref);
    if (!n->open || was_seen(w, ref))
        return;
    if (n->op == NNC_OP_INDEX) {
        if (!is_among(ref, w->except, w->excepts) && w->count < NNC_MAX_SLOTS)
            w->out[w->count++] = ref;
        return;
    }
    for (uint32_t i = 0; i < n->count; i++)
        collect(w, nnc_arg(w->e->p, ref, i));
}

/* The batch, then scans, then the rest in the order written. */
static uint64_t slot_order(const nnc_elaborator *e, nnc_ref variable)
{
    if (variable == e->example)
        return 0;
    const nnc_named_index *index = index_of(e, variable);
    for (const nnc_scan *s = e->at.scans; s; s = s->outer)
        if (s->index == index)
            return 1 + index->order;
    return ((uint64_t)1 << 32) + index->order;
}

uint32_t nnc_free_variables(nnc_elaborator *e, nnc_ref body, const nnc_ref *except, uint32_t excepts, nnc_ref *out)
{
    walk w = {.e = e, .except = except, .excepts = excepts, .out = out};
    collect(&w, body);
    for (uint32_t i = 1; i < w.count; i++)
        for (uint32_t j = i; j > 0 && slot_order(e, out[j]) < slot_order(e, out[j - 1]); j--) {
            nnc_ref kept = out[j];
            out[j] = out[j - 1];
            out[j - 1] = kept;
        }
    return w.count;
}

/* ---- guards ----
 *
 * A tensor made under `if i >= 1` is computed for every i, so where its reads are inside only under that condition, its body holds it too. */

static bool is_lone_variable(const nnc_elaborator *e, nnc_ref ref, int64_t extent)
{
    const nnc_node *n = nnc_at(e->p, ref);
    if (n->op == NNC_OP_NEIGHBOUR || ref == e->example)
        return true;
    if (n->op != NNC_OP_INDEX || n->integer[0] < (int64_t)NNC_FIRST_VARIABLE)
        return false;
    int64_t known = index_of(e, ref)->extent;
    return known == 0 || known <= extent;
}

static bool is_inside(nnc_elaborator *e, nnc_ref read, const nnc_ref *held, uint32_t helds)
{
    const nnc_tensor *t = nnc_tensor_at(e->p, (nnc_tensor_id)nnc_at(e->p, read)->integer[0]);
    for (uint32_t i = 0; i < t->rank; i++) {
        nnc_ref s = nnc_arg(e->p, read, i);
        int64_t low, high;
        if (t->extent[i] < 0 || is_lone_variable(e, s, t->extent[i]))
            continue;
        nnc_range(e->p, s, nnc_extent_of_variable, e, held, helds, &low, &high);
        if (low < 0 || high >= t->extent[i])
            return false;
    }
    return true;
}

enum { MOST_HELD = 32 };

typedef struct proof { nnc_elaborator *e; nnc_ref held[MOST_HELD]; uint32_t helds; uint32_t steps; } proof;

static bool all_inside(proof *p, nnc_ref ref);

static bool all_inside_under(proof *p, nnc_ref condition, nnc_ref ref)
{
    uint32_t before = p->helds;
    const nnc_node *n = nnc_at(p->e->p, condition);
    if (n->op == NNC_OP_AND) {
        nnc_ref left = nnc_arg(p->e->p, condition, 0), right = nnc_arg(p->e->p, condition, 1);
        if (p->helds + 2 <= MOST_HELD) {
            p->held[p->helds++] = left;
            p->held[p->helds++] = right;
        }
    } else if (p->helds < MOST_HELD) {
        p->held[p->helds++] = condition;
    }
    bool inside = all_inside(p, ref);
    p->helds = before;
    return inside;
}

static bool all_inside(proof *p, nnc_ref ref)
{
    nnc_program *program = p->e->p;
    const nnc_node n = *nnc_at(program, ref);
    if (p->steps == 0)
        return false;
    p->steps--;
    if (!n.open)
        return true;
    if (n.op == NNC_OP_READ && !is_inside(p->e, ref, p->held, p->helds))
        return false;
    if (n.op == NNC_OP_SELECT)
        return all_inside(p, nnc_arg(program, ref, 0)) && all_inside_under(p, nnc_arg(program, ref, 0), nnc_arg(program, ref, 1)) &&
               all_inside_under(p, nnc_unary(program, NNC_OP_NOT, nnc_arg(program, ref, 0)), nnc_arg(program, ref, 2));
    for (uint32_t i = 0; i < n.count; i++)
        if (!all_inside(p, nnc_arg(program, ref, i)))
            return false;
    return true;
}

static nnc_ref zero_of(nnc_elaborator *e, nnc_ref body)
{
    switch (nnc_at(e->p, body)->element) {
    case NNC_BOOLEAN: return nnc_truth(e->p, false);
    case NNC_INTEGER: return nnc_integer(e->p, 0);
    default: return nnc_real(e->p, 0);
    }
}

/* The body under those of the guards that speak of its variables, where it needs them. */
static nnc_ref guarded(nnc_elaborator *e, const nnc_value *v)
{
    proof p = {.e = e, .steps = 4096};
    nnc_ref condition = 0;
    if (!v->guards || all_inside(&p, v->body))
        return v->body;
    nnc_ref mentioned[NNC_MAX_SLOTS];
    uint32_t count = nnc_free_variables(e, v->body, NULL, 0, mentioned);
    for (const nnc_guard *g = v->guards; g; g = g->outer) {
        bool speaks = false;
        for (uint32_t i = 0; i < count; i++)
            speaks |= mentioned[i] != e->example && nnc_mentions(e->p, g->condition, mentioned[i]);
        if (speaks)
            condition = condition ? nnc_binary(e->p, NNC_OP_AND, g->condition, condition) : g->condition;
    }
    return condition ? nnc_select(e->p, condition, v->body, zero_of(e, v->body)) : v->body;
}

/* ---- tensors ---- */

const char *nnc_join(nnc_elaborator *e, const char *path, const char *name) { return *path ? nnc_arena_format(e->arena, "%s%s", path, name) : name; }

static int64_t left_extent(nnc_elaborator *e, nnc_ref variable)
{
    if (variable == e->example)
        return NNC_EXTENT_BATCH;
    int64_t extent = index_of(e, variable)->extent;
    return extent ? extent : 1;
}

static void patch_later(nnc_elaborator *e, nnc_tensor_id tensor, const nnc_ref *left, uint32_t rank)
{
    for (uint32_t i = 0; i < rank; i++)
        if (left[i] != e->example && index_of(e, left[i])->extent == 0)
            NNC_PUSH(e->arena, e->patch, e->patches, e->patch_capacity) = (nnc_patch){tensor, i, index_of(e, left[i])};
}

void nnc_check_extents(nnc_elaborator *e, nnc_tensor_id id)
{
    const nnc_tensor *t = nnc_tensor_at(e->p, id);
    int64_t elements = 1;
    for (uint32_t i = 0; i < (uint32_t)t->rank + t->reduced; i++) {
        bool large = t->extent[i] > 0 && !nnc_checked_multiply(elements, t->extent[i], &elements);
        if (i < t->rank && elements <= NNC_MAX_ELEMENTS && !large)
            continue;
        if (i < t->rank)
            REPORT(e, t->span, TOO_LARGE, "2^40");
        else if (large)
            REPORT(e, t->span, TOO_MUCH, "2^63");
        else
            continue;
        e->hopeless = true;
        return;
    }
}

nnc_value nnc_make_tensor(nnc_elaborator *e, const char *name, nnc_span span, const nnc_value *v, nnc_reduce reduce, nnc_named_index *const *over, uint32_t overs)
{
    nnc_ref left[2 * NNC_MAX_SLOTS], bound[2 * NNC_MAX_SLOTS];
    int64_t extent[2 * NNC_MAX_SLOTS], over_extent[NNC_MAX_SLOTS];
    nnc_ref body = guarded(e, v);
    for (uint32_t i = 0; i < v->rank; i++)
        bound[i] = v->variable[i];
    for (uint32_t i = 0; i < overs; i++) {
        bound[v->rank + i] = over[i]->variable;
        over_extent[i] = over[i]->extent;
    }
    uint32_t leads = nnc_free_variables(e, body, bound, v->rank + overs, left), rank = leads + v->rank;
    if (rank + overs > NNC_MAX_SLOTS) {
        REPORT(e, span, TOO_MANY_INDICES, NNC_MAX_SLOTS);
        e->hopeless = true;
        return (nnc_value){.body = nnc_real(e->p, 0)};
    }
    memcpy(left + leads, v->variable, v->rank * sizeof *left);
    for (uint32_t i = 0; i < rank; i++)
        extent[i] = left_extent(e, left[i]);
    nnc_tensor_id id = nnc_define(e->p, name, span, reduce, left, extent, rank, bound + v->rank, over_extent, overs, body);
    nnc_tensor *t = nnc_tensor_at(e->p, id);
    if (reduce != NNC_REDUCE_ARGMAX && reduce != NNC_REDUCE_ARGMIN)
        t->classes = v->element == NNC_INTEGER ? v->classes : 0;
    nnc_value alias = {.rank = v->rank, .element = t->element, .classes = t->classes, .alias = id};
    memcpy(alias.extent, v->extent, sizeof alias.extent);
    memcpy(alias.variable, v->variable, sizeof alias.variable);
    patch_later(e, id, left, rank);
    nnc_check_extents(e, id);
    alias.body = nnc_read(e->p, id, left, rank);
    return alias;
}

void nnc_materialise(nnc_elaborator *e, nnc_entity *x, const char *name)
{
    if (x->kind != NNC_ENTITY_TENSOR || x->value.alias)
        return;
    const double *numbers = x->value.numbers;
    x->value = nnc_make_tensor(e, name, x->span, &x->value, NNC_REDUCE_NONE, NULL, 0);
    x->value.numbers = numbers;
}
