/* Padded copies instead of what they were made of. A convolution keeps its padded input for the gradient of its kernel; what was padded would be kept beside it, for
 * the gradient of an activation or the sum of a residual block. Readers that come after the copy's own read the copy's middle, which has the same values, so that the other tensor dies
 * early; and where the copy is all that still reads it, it is computed right there and is never stored. */
#include <string.h>
#include "formula/order.h"
#include "formula/rebuild.h"
#include "transform/prepare.h"

/* copy[i + shift] = of[i] for every index i of `of`, dimension by dimension. */
typedef struct copy {
    nnc_tensor_id copy, of;
    nnc_ref guard, read;           /* the copy's body: if guard then read else a constant; guard 0: none */
    int64_t shift[NNC_MAX_SLOTS];
} copy;

typedef struct reader_list { nnc_tensor_id *id; uint32_t count, capacity; } reader_list;

enum { TOGETHER = 64 };

typedef struct copier {
    nnc_program *p;
    const bool *kept;              /* roots, and what a state or parameter takes */
    const bool *stepwise;          /* tensors of recurrences */
    nnc_tensor_id **reads;         /* of each tensor, 0 at the end: what its body reads, each once */
    uint32_t *readers;             /* how many formulas read it */
    reader_list *reader;             /* those, and some that did so once; perhaps more than once */
    nnc_tensor_id *found;          /* what looks like copies, in order */
    uint32_t founds, found_capacity;
    uint64_t *after;               /* by tensor, a bit for each of TOGETHER of them: it is that one, or is computed from it */
    bool dropped;
} copier;

/* ---- who reads what ---- */

/* (Again) what the tensor reads. */
static void note_reads(copier *c, nnc_tensor_id id)
{
    nnc_program *p = c->p;
    for (const nnc_tensor_id *r = c->reads[id]; r && *r; r++)
        c->readers[*r]--;
    c->reads[id] = nnc_tensors_read(p, p->tensor[id].body);
    for (const nnc_tensor_id *r = c->reads[id]; *r; r++) {
        reader_list *of = &c->reader[*r];
        c->readers[*r]++;
        NNC_PUSH(p->arena, of->id, of->count, of->capacity) = id;
    }
}

static bool reads(const copier *c, nnc_tensor_id id, nnc_tensor_id of)
{
    for (const nnc_tensor_id *r = c->reads[id]; *r; r++)
        if (*r == of)
            return true;
    return false;
}

/* ---- copies ---- */

static int64_t extent_of(void *context, uint32_t slot)
{
    const nnc_tensor *t = context;
    return slot < t->rank ? t->extent[slot] : 0;
}

/* Holds for all indices of t, over which it is. */
static bool holds(const nnc_program *p, nnc_ref condition, const nnc_tensor *t)
{
    const nnc_node *n = &p->node[condition];
    int64_t low, high;
    if (n->op == NNC_OP_AND)
        return holds(p, nnc_arg(p, condition, 0), t) && holds(p, nnc_arg(p, condition, 1), t);
    if (n->op == NNC_OP_TRUTH)
        return n->integer[0] != 0;
    if (n->op != NNC_OP_WITHIN)
        return false;
    nnc_range(p, nnc_arg(p, condition, 0), extent_of, (void *)(uintptr_t)t, NULL, 0, &low, &high);
    return low >= n->integer[0] && high <= n->integer[1];
}

/* The dimension's subscript is its own index less a shift that stays inside. */
static bool is_shifted(const nnc_program *p, const copy *c, uint32_t d, int64_t *shift)
{
    const nnc_tensor *t = &p->tensor[c->copy], *of = &p->tensor[c->of];
    nnc_form f;
    nnc_form_of(p, nnc_arg(p, c->read, d), &f);
    nnc_ref atom = f.lone ? f.lone : f.terms == 1 && f.coefficient[0] == 1 ? f.atom[0] : 0;
    if (!atom || p->node[atom].op != NNC_OP_INDEX || p->node[atom].integer[0] != (int64_t)d)
        return false;
    *shift = f.lone ? 0 : -f.constant;
    return of->extent[d] < 0 ? t->extent[d] < 0 && *shift == 0 : *shift >= 0 && of->extent[d] + *shift <= t->extent[d];
}

static bool find_copy(nnc_program *p, nnc_tensor_id id, copy *out)
{
    const nnc_tensor t = p->tensor[id];
    double value;
    nnc_ref from[NNC_MAX_SLOTS], to[NNC_MAX_SLOTS];
    if (t.kind != NNC_KIND_FORMULA || t.reduce != NNC_REDUCE_NONE || t.element != NNC_REAL || !nnc_batched(&t) || p->node[t.body].op != NNC_OP_SELECT ||
        !nnc_is_constant(p, nnc_arg(p, t.body, 2), &value))
        return false;
    *out = (copy){.copy = id, .guard = nnc_arg(p, t.body, 0), .read = nnc_arg(p, t.body, 1)};
    if (p->node[out->read].op != NNC_OP_READ)
        return false;
    out->of = (nnc_tensor_id)p->node[out->read].integer[0];
    const nnc_tensor of = p->tensor[out->of];
    if (of.kind != NNC_KIND_FORMULA || of.element != NNC_REAL || of.rank != t.rank)
        return false;
    for (uint32_t d = 0; d < t.rank; d++) {
        if (!is_shifted(p, out, d, &out->shift[d]))
            return false;
        from[d] = nnc_index(p, d);
        to[d] = nnc_affine(p, 1, from[d], 0, 0, out->shift[d]);
    }
    return holds(p, nnc_substitute(p, out->guard, from, to, t.rank), &of);
}

/* ---- their readers ---- */

/* Marks what comes after the copies from number `first` on, TOGETHER of them in one pass: what is read otherwise on account of one changes nothing of that for another. Formulas stand
 * in the order in which they are computed, and copies of recurrences are left alone. */
static void mark_after(copier *c, uint32_t first)
{
    memset(c->after, 0, c->p->tensors * sizeof *c->after);
    for (uint32_t i = first; i < c->founds && i < first + TOGETHER; i++)
        c->after[c->found[i]] = (uint64_t)1 << (i - first);
    for (nnc_tensor_id t = c->found[first] + 1; t < c->p->tensors; t++)
        for (const nnc_tensor_id *r = c->reads[t]; *r; r++)
            if (*r < t)
                c->after[t] |= c->after[*r];
}

static bool is_after(const copier *c, nnc_tensor_id t, uint32_t number) { return c->after[t] >> number % TOGETHER & 1; }

/* The copy is kept for later anyway: one of its readers waits for what another has made. */
static bool is_kept(const copier *c, uint32_t number)
{
    nnc_tensor_id id = c->found[number];
    for (uint32_t i = 0; i < c->reader[id].count; i++)
        for (const nnc_tensor_id *r = c->reads[c->reader[id].id[i]]; *r; r++)
            if (*r != id && is_after(c, *r, number))
                return true;
    return false;
}

typedef struct finding { const copy *copy; nnc_ref read[8], to[8]; uint32_t count; nnc_ref_map seen; } finding;

static void find_reads(nnc_program *p, finding *f, nnc_ref ref)
{
    const nnc_node n = p->node[ref];
    if (nnc_ref_map_get(&f->seen, ref))
        return;
    nnc_ref_map_put(p->arena, &f->seen, ref, 1);
    for (uint32_t i = 0; i < n.count; i++)
        find_reads(p, f, p->args[n.first + i]);
    if (n.op == NNC_OP_READ && (nnc_tensor_id)n.integer[0] == f->copy->of && f->count < 8)
        f->read[f->count++] = ref;
}

/* The same element of the copy. */
static nnc_ref read_of_copy(nnc_program *p, const copy *c, nnc_ref read)
{
    nnc_ref at[NNC_MAX_SLOTS];
    uint32_t rank = p->tensor[c->of].rank;
    for (uint32_t d = 0; d < rank; d++) {
        nnc_ref subscript = nnc_arg(p, read, d);
        at[d] = c->shift[d] ? nnc_affine(p, 1, subscript, 0, 0, c->shift[d]) : subscript;
    }
    return nnc_read(p, c->copy, at, rank);
}

static void read_copy(copier *c, const copy *y, nnc_tensor_id reader)
{
    nnc_program *p = c->p;
    finding f = {.copy = y};
    find_reads(p, &f, p->tensor[reader].body);
    nnc_ref_map_close(&f.seen);
    for (uint32_t i = 0; i < f.count; i++)
        f.to[i] = read_of_copy(p, y, f.read[i]);
    nnc_ref body = nnc_substitute(p, p->tensor[reader].body, f.read, f.to, f.count);
    p->tensor[reader].body = body;
    note_reads(c, reader);
}

/* ---- what is left ---- */

/* A sum of which nothing else is made is stored as what is made of it, in one kernel. */
static bool ends_a_sum(const copier *c, nnc_tensor_id id)
{
    for (const nnc_tensor_id *r = c->reads[id]; *r; r++)
        if (c->p->tensor[*r].reduce != NNC_REDUCE_NONE && c->readers[*r] == 1)
            return true;
    return false;
}

static bool is_read_once(nnc_program *p, const copy *y)
{
    finding f = {.copy = y};
    find_reads(p, &f, p->tensor[y->copy].body);
    nnc_ref_map_close(&f.seen);
    return f.count == 1;
}

/* At most half of the copy's elements are made for nothing. */
static bool is_mostly_middle(const nnc_program *p, const copy *y) { return nnc_elements(&p->tensor[y->copy]) <= 2 * nnc_elements(&p->tensor[y->of]); }

static void make_in_place(copier *c, const copy *y)
{
    nnc_program *p = c->p;
    const nnc_tensor of = p->tensor[y->of];
    nnc_ref from[NNC_MAX_SLOTS], to[NNC_MAX_SLOTS];
    if (c->readers[y->of] != 1 || c->kept[y->of] || of.reduce != NNC_REDUCE_NONE || ends_a_sum(c, y->of) || !is_read_once(p, y) || !is_mostly_middle(p, y))
        return;
    for (uint32_t d = 0; d < of.rank; d++) {
        from[d] = nnc_index(p, d);
        to[d] = nnc_arg(p, y->read, d);
    }
    nnc_ref value = nnc_substitute(p, of.body, from, to, of.rank);
    nnc_ref body = nnc_select(p, y->guard, value, nnc_arg(p, p->tensor[y->copy].body, 2));
    p->tensor[y->copy].body = body;
    note_reads(c, y->copy);
    c->dropped = true;
}

static void use_copy(copier *c, const copy *y, uint32_t number)
{
    if (!is_kept(c, number))
        return;
    for (uint32_t i = 0; i < c->reader[y->of].count; i++) {
        nnc_tensor_id t = c->reader[y->of].id[i];
        if (t != y->copy && is_after(c, t, number) && !c->stepwise[t] && c->p->tensor[t].kind == NNC_KIND_FORMULA && reads(c, t, y->of))
            read_copy(c, y, t);
    }
    make_in_place(c, y);
}

static void mark_kept(nnc_program *p, const nnc_tensor_id *root, uint32_t roots, bool *kept)
{
    for (uint32_t i = 0; i < roots; i++)
        kept[root[i]] = true;
    for (nnc_tensor_id t = 1; t < p->tensors; t++)
        kept[p->tensor[t].next] = true;
}

nnc_program *nnc_use_copies(nnc_arena *arena, nnc_program *p, nnc_tensor_id *root, uint32_t roots, bool with_next)
{
    const char *error = NULL;
    nnc_order order = nnc_order_of(p->arena, p, &error);
    bool *stepwise = NNC_ARRAY(p->arena, bool, p->tensors), *kept = NNC_ARRAY(p->arena, bool, p->tensors);
    copier c = {.p = p, .kept = kept, .stepwise = stepwise, .reads = NNC_ARRAY(p->arena, nnc_tensor_id *, p->tensors), .readers = NNC_ARRAY(p->arena, uint32_t, p->tensors),
                .reader = NNC_ARRAY(p->arena, reader_list, p->tensors), .after = NNC_ARRAY(p->arena, uint64_t, p->tensors)};
    copy y;
    nnc_mark_loops(&order, stepwise);
    mark_kept(p, root, roots, kept);
    for (nnc_tensor_id t = 1; t < p->tensors; t++)
        note_reads(&c, t);
    for (nnc_tensor_id t = 1; t < p->tensors; t++)
        if (!stepwise[t] && find_copy(p, t, &y) && !stepwise[y.of])
            NNC_PUSH(p->arena, c.found, c.founds, c.found_capacity) = t;
    for (uint32_t i = 0; i < c.founds; i++) {
        if (i % TOGETHER == 0)
            mark_after(&c, i);
        if (find_copy(p, c.found[i], &y))          /* still: it may read another copy by now */
            use_copy(&c, &y, i);
    }
    return c.dropped ? nnc_extract(arena, p, root, roots, with_next, NULL) : p;
}
