/* Simplification in rounds. A round writes the program anew, formula by formula in order: each body has its reads mapped and inlined, then the table of
 * rules is applied until none does; equal formulas become one. Rounds go on until one changes nothing: no rule applied, or those that did led back to the program that there was
 * (as where what was taken apart is shared again). */
#include <assert.h>
#include <string.h>
#include "transform/simplify.h"
#include "transform/transform.h"

static const nnc_formula_rule rules[] = {nnc_rule_range, nnc_rule_single, nnc_rule_centred, nnc_rule_shared, nnc_rule_factors};

enum { MAX_ROUNDS = 8, MAX_PASSES = 12 };

/* ---- equal formulas ---- */

static uint32_t hash_making(const nnc_making *m)
{
    uint32_t hash = m->body * 0x9E3779B1u ^ (uint32_t)m->reduce * 31u ^ m->rank * 1009u ^ m->reduced * 9176u;
    for (uint32_t i = 0; i < m->rank + m->reduced; i++)
        hash = (hash ^ (uint32_t)m->extent[i]) * 16777619u;
    return hash ^ hash >> 15;
}

static bool computes(const nnc_tensor *t, const nnc_making *m)
{
    return t->body == m->body && t->element == m->element && t->reduce == m->reduce && t->rank == m->rank && t->reduced == m->reduced && t->classes == m->classes && !t->stopped &&
           memcmp(t->extent, m->extent, (m->rank + m->reduced) * sizeof *m->extent) == 0;
}

static uint32_t place(const nnc_round *round, const nnc_making *m)
{
    uint32_t at = hash_making(m) & (round->table_size - 1);
    while (round->formula_table[at] && !computes(&round->to->tensor[round->formula_table[at]], m))
        at = (at + 1) & (round->table_size - 1);
    return at;
}

nnc_tensor_id nnc_round_find(const nnc_round *round, const nnc_making *m) { return round->formula_table[place(round, m)]; }

static nnc_making making_of(const nnc_tensor *t)
{
    nnc_making m = {.reduce = t->reduce, .rank = t->rank, .reduced = t->reduced, .element = t->element, .classes = t->classes, .body = t->body};
    memcpy(m.extent, t->extent, sizeof m.extent);
    return m;
}

static void grow_table(nnc_round *round)
{
    if (2 * round->to->tensors < round->table_size)
        return;
    round->table_size *= 2;
    round->formula_table = NNC_ARRAY(round->arena, nnc_tensor_id, round->table_size);
    for (nnc_tensor_id id = 1; id < round->to->tensors; id++) {
        nnc_making m = making_of(&round->to->tensor[id]);
        if (round->to->tensor[id].kind == NNC_KIND_FORMULA && m.body)
            round->formula_table[place(round, &m)] = id;
    }
}

static void set_making(nnc_round *round, nnc_tensor_id id, const nnc_making *m)
{
    nnc_tensor *t = &round->to->tensor[id];
    t->reduce = m->reduce;
    t->rank = (uint8_t)m->rank;
    t->reduced = (uint8_t)m->reduced;
    memcpy(t->extent, m->extent, sizeof t->extent);
    t->body = m->body;
    grow_table(round);
    round->formula_table[place(round, m)] = id;
    nnc_round_note_quotient(round, id);
    nnc_round_note_elementwise(round, id);
}

nnc_tensor_id nnc_round_emit(nnc_round *round, const nnc_making *m, const char *name, nnc_span span, nnc_tensor_id derivative_of)
{
    nnc_tensor_id same = nnc_round_find(round, m);
    if (same)
        return same;
    nnc_tensor_id id = nnc_declare(round->to, NNC_KIND_FORMULA, name, span, m->element, m->classes, m->extent, m->rank);
    round->to->tensor[id].derivative_of = derivative_of;
    set_making(round, id, m);
    return id;
}

/* ---- one tensor ---- */

static void apply_rules(nnc_round *round, nnc_making *m)
{
    const nnc_making before = *m;
    bool changed = true;
    for (int pass = 0; changed && pass < MAX_PASSES; pass++) {
        changed = false;
        for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
            bool applied = rules[i](round, m);
            round->rewrites += applied;
            changed |= applied;
        }
    }
    if (m->body != before.body && !nnc_making_inside(round, m))
        *m = before;
}

static nnc_making make_body(nnc_round *round, const nnc_tensor *t, bool inlines, bool eager)
{
    nnc_making m = making_of(t);
    round->inlines = inlines;
    round->eager = eager;
    m.body = nnc_round_body(round, t->body, &m);
    return m;
}

/* With what pays put in; and with more put in, where that makes it no dearer, because something cancels. A bound seen through two formulas may be
 * beyond the prover: then nothing is put in. */
static nnc_making make_inlined(nnc_round *round, const nnc_tensor *t)
{
    enum { LIMIT = 80 };
    uint32_t rewrites = round->rewrites;
    round->tempted = false;
    nnc_making m = make_body(round, t, true, false);
    if (!nnc_making_inside(round, &m)) {
        round->rewrites = rewrites;
        return make_body(round, t, false, false);
    }
    if (!round->tempted)
        return m;
    rewrites = round->rewrites;
    nnc_making eager = make_body(round, t, true, true);
    if (nnc_cost(round->to, eager.body, LIMIT) <= nnc_cost(round->to, m.body, LIMIT) && nnc_making_inside(round, &eager))
        return eager;
    round->rewrites = rewrites;
    return m;
}

/* The copy of a tensor that is not a formula, or a formula's without its body. */
static nnc_tensor_id copy_head(nnc_round *round, nnc_tensor_id old)
{
    const nnc_tensor *t = &round->from->tensor[old];
    nnc_tensor_id id = nnc_declare(round->to, t->kind, t->name, t->span, t->element, t->classes, t->extent, t->rank);
    nnc_tensor *to = &round->to->tensor[id];
    to->values = t->values;
    to->stopped = t->stopped;
    to->derivative_of = t->derivative_of;
    return id;
}

static void read_same(nnc_round *round, nnc_making *m, nnc_tensor_id same)
{
    nnc_ref slot[NNC_MAX_SLOTS];
    for (uint32_t i = 0; i < m->rank; i++)
        slot[i] = nnc_index(round->to, i);
    m->body = nnc_read(round->to, same, slot, m->rank);
    m->reduce = NNC_REDUCE_NONE;
    m->reduced = 0;
}

static void make_formula(nnc_round *round, nnc_tensor_id old)
{
    const nnc_tensor *t = &round->from->tensor[old];
    round->current = old;
    nnc_making m = make_inlined(round, t);
    nnc_round_absorb(round, old, &m);
    apply_rules(round, &m);
    nnc_tensor_id same = nnc_round_find(round, &m);
    if (same && !round->map[old] && !round->root[old] && !t->stopped) {
        round->map[old] = same;
        round->rewrites++;
        return;
    }
    if (same && round->root[old])                 /* a root stays, as a copy */
        read_same(round, &m, same);
    if (!round->map[old])
        round->map[old] = copy_head(round, old);
    set_making(round, round->map[old], &m);
}

static void copy_schedule(nnc_round *round, nnc_tensor_id old)
{
    nnc_making none = {0};
    round->inlines = false;
    round->map[old] = copy_head(round, old);
    nnc_ref body = nnc_round_body(round, round->from->tensor[old].body, &none);
    round->to->tensor[round->map[old]].body = body;
}

/* ---- a round ---- */

static void mark_roots(nnc_round *round, const nnc_tensor_id *roots, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        round->root[roots[i]] = true;
    for (nnc_tensor_id id = 1; id < round->from->tensors; id++)
        round->root[round->from->tensor[id].next] = true;
}

static void make_all(nnc_round *round)
{
    for (nnc_tensor_id id = 1; id < round->from->tensors; id++) {
        const nnc_tensor *t = &round->from->tensor[id];
        if (t->kind == NNC_KIND_FORMULA)
            make_formula(round, id);
        else if (t->body)
            copy_schedule(round, id);
        else if (!round->map[id])
            round->map[id] = copy_head(round, id);
    }
    for (nnc_tensor_id id = 1; id < round->from->tensors; id++)
        round->to->tensor[round->map[id]].next = round->map[round->from->tensor[id].next];
    for (nnc_tensor_id id = 1; id < round->to->tensors; id++)      /* written above as old ids */
        round->to->tensor[id].derivative_of = round->map[round->to->tensor[id].derivative_of];
}

/* ---- whether a round changed anything ---- */

static bool same_tensor(const nnc_tensor *a, const nnc_tensor *b)
{
    return strcmp(a->name, b->name) == 0 && a->kind == b->kind && a->element == b->element && a->classes == b->classes && a->rank == b->rank && a->reduced == b->reduced &&
           a->reduce == b->reduce && a->body == b->body && a->next == b->next && a->values == b->values && a->derivative_of == b->derivative_of && a->stopped == b->stopped &&
           memcmp(&a->span, &b->span, sizeof a->span) == 0 && memcmp(a->extent, b->extent, ((size_t)a->rank + a->reduced) * sizeof *a->extent) == 0;
}

static bool same_node(const nnc_node *a, const nnc_node *b)
{
    return a->hash == b->hash && a->op == b->op && a->element == b->element && a->count == b->count && a->first == b->first &&
           memcmp(a->integer, b->integer, sizeof a->integer) == 0;
}

/* To the number: another round would give the same again. */
static bool same_program(const nnc_program *a, const nnc_program *b)
{
    bool same = a->nodes == b->nodes && a->tensors == b->tensors && a->arg_count == b->arg_count && a->sites == b->sites;
    for (nnc_tensor_id id = 1; same && id < a->tensors; id++)
        same = same_tensor(&a->tensor[id], &b->tensor[id]);
    for (nnc_ref ref = 1; same && ref < a->nodes; ref++)
        same = same_node(&a->node[ref], &b->node[ref]);
    return same && memcmp(a->args, b->args, a->arg_count * sizeof *a->args) == 0 && memcmp(a->coefficients, b->coefficients, a->arg_count * sizeof *a->coefficients) == 0;
}

/* Each tensor of the old program became the one of its number. */
static bool stays(const nnc_round *round, const nnc_tensor_id *kept)
{
    nnc_tensor_id id = 1;
    while (id < round->from->tensors && kept[round->map[id]] == id)
        id++;
    return id == round->from->tensors;
}

/* The program after one round; roots[] and composed (old to new, of the first program) follow. *done: another round would change nothing. */
static nnc_program *one_round(nnc_arena *arena, const nnc_program *from, nnc_tensor_id *roots, uint32_t count, nnc_tensor_id *composed, uint32_t tensors,
                              bool readable, bool *done)
{
    nnc_round round = {.arena = arena, .from = from, .to = nnc_program_new(arena), .map = NNC_ARRAY(arena, nnc_tensor_id, from->tensors),
                       .readable = readable, .root = NNC_ARRAY(arena, bool, from->tensors), .usage = NNC_ARRAY(arena, nnc_usage, from->tensors), .table_size = 512,
                       .formula_table = NNC_ARRAY(arena, nnc_tensor_id, 512)};
    round.to->sites = from->sites;
    mark_roots(&round, roots, count);
    nnc_round_count_reads(&round);
    make_all(&round);
    for (uint32_t i = 0; i < count; i++)
        roots[i] = round.map[roots[i]];
    nnc_tensor_id *kept = NNC_ARRAY(arena, nnc_tensor_id, round.to->tensors);
    nnc_program *result = nnc_extract(arena, round.to, roots, count, true, kept);
    for (uint32_t i = 1; i < tensors; i++)
        composed[i] = kept[round.map[composed[i]]];
    *done = round.rewrites == 0 || (stays(&round, kept) && same_program(from, result));
    nnc_ref_map_close(&round.quotient);
    nnc_ref_map_close(&round.elementwise);
    return result;
}

nnc_program *nnc_simplify_with(nnc_arena *arena, const nnc_program *p, nnc_tensor_id *roots, uint32_t count, nnc_tensor_id *map, bool readable)
{
    nnc_tensor_id *composed = map ? map : NNC_ARRAY(arena, nnc_tensor_id, p->tensors);
    nnc_program *result = nnc_extract(arena, p, roots, count, true, composed);
    bool done = false;
    for (int i = 0; !done && i < MAX_ROUNDS; i++)
        result = one_round(arena, result, roots, count, composed, p->tensors, readable, &done);
    return result;
}

nnc_program *nnc_simplify(nnc_arena *arena, const nnc_program *p, nnc_tensor_id *roots, uint32_t count, nnc_tensor_id *map)
{
    return nnc_simplify_with(arena, p, roots, count, map, false);
}
