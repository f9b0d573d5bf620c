/* Which reads are replaced by what they read, and doing it.
 *
 * A copy of another tensor is read through; a number is put in; one place of many (if y == k then e else 0) is put into sums over k, which then
 * collapse; a formula read once is put into its reader if that does not compute it more often. */
#include <assert.h>
#include "transform/simplify.h"

/* ---- how often a tensor is read ---- */

typedef struct counting { nnc_round *round; nnc_tensor_id reader; nnc_ref_map seen; } counting;

static void count_reads(counting *c, nnc_ref ref)
{
    const nnc_program *p = c->round->from;
    const nnc_node *n = nnc_at(p, ref);
    if (nnc_ref_map_get(&c->seen, ref))
        return;
    nnc_ref_map_put(c->round->arena, &c->seen, ref, 1);
    if (n->op == NNC_OP_READ) {
        nnc_usage *u = &c->round->usage[n->integer[0]];
        u->reads++;
        u->reader = c->reader;
    }
    for (uint32_t i = 0; i < n->count; i++)
        count_reads(c, nnc_arg(p, ref, i));
}

void nnc_round_count_reads(nnc_round *round)
{
    for (nnc_tensor_id id = 1; id < round->from->tensors; id++) {
        counting c = {round, id, {0}};
        if (!round->from->tensor[id].body)
            continue;
        nnc_ref_map_open(&c.seen);
        count_reads(&c, round->from->tensor[id].body);
        nnc_ref_map_close(&c.seen);
    }
}

/* ---- whether to inline ---- */

/* How many elements, a minibatch taken as 64 examples. */
static double size_of(const int64_t *extent, uint32_t count)
{
    double size = 1;
    for (uint32_t i = 0; i < count; i++)
        size *= extent[i] > 0 ? (double)extent[i] : 64;
    return size;
}

bool nnc_is_straight(const nnc_program *p, nnc_ref read)
{
    for (uint32_t i = 0; i < nnc_at(p, read)->count; i++) {
        nnc_form form;
        nnc_form_of(p, nnc_arg(p, read, i), &form);
        for (uint32_t k = 0; k < form.terms; k++)
            if (nnc_at(p, form.atom[k])->op != NNC_OP_INDEX)
                return false;
    }
    return true;
}

static bool has_reads(const nnc_program *p, nnc_ref ref)
{
    const nnc_node *n = nnc_at(p, ref);
    if (n->op == NNC_OP_READ || n->op == NNC_OP_RANDOM || n->op == NNC_OP_GAUSSIAN)
        return true;
    for (uint32_t i = 0; i < n->count; i++)
        if (has_reads(p, nnc_arg(p, ref, i)))
            return true;
    return false;
}

/* The left index of T that its body's guard fixes: -1 for none. */
static int fixed_slot(const nnc_program *p, const nnc_tensor *t)
{
    const nnc_node *n = nnc_at(p, t->body);
    if (n->op != NNC_OP_SELECT || !nnc_is_zero(p, nnc_arg(p, t->body, 2)))
        return -1;
    const nnc_node *c = nnc_at(p, nnc_arg(p, t->body, 0));
    if (c->op != NNC_OP_WITHIN || c->integer[0] != c->integer[1])
        return -1;
    nnc_form form;
    nnc_form_of(p, nnc_arg(p, nnc_arg(p, t->body, 0), 0), &form);
    for (uint32_t i = 0; i < form.terms; i++)
        if (nnc_at(p, form.atom[i])->op == NNC_OP_INDEX && (form.coefficient[i] == 1 || form.coefficient[i] == -1) &&
            !nnc_at(p, form.atom[i])->open && nnc_at(p, form.atom[i])->integer[0] > 0)
            return (int)nnc_at(p, form.atom[i])->integer[0];
    return -1;
}

static bool choice_collapses(const nnc_program *p, const nnc_tensor *t, const nnc_ref *args, const nnc_making *reader)
{
    int slot = fixed_slot(p, t);
    if (slot < 0 || nnc_cost(p, t->body, 24) >= 24)
        return false;
    if (reader->reduce == NNC_REDUCE_NONE)
        return true;
    if (reader->reduce != NNC_REDUCE_SUM)
        return false;
    for (uint32_t k = reader->rank; k < reader->rank + reader->reduced; k++)
        if (nnc_at(p, args[slot])->slots >> k & 1)
            return true;
    return false;
}

static bool are_reads_kept(const nnc_round *round, nnc_ref ref, nnc_ref_map *seen)
{
    const nnc_program *p = round->from;
    const nnc_node *n = nnc_at(p, ref);
    bool kept = n->op != NNC_OP_READ || p->tensor[n->integer[0]].kind != NNC_KIND_FORMULA || round->usage[n->integer[0]].reads >= 2;
    if (nnc_ref_map_get(seen, ref))
        return true;
    nnc_ref_map_put(p->arena, seen, ref, 1);
    for (uint32_t i = 0; i < n->count && kept; i++)
        kept = are_reads_kept(round, nnc_arg(p, ref, i), seen);
    return kept;
}

/* Every tensor that the old formula reads is read elsewhere too, or is no formula: reading it once more keeps nothing alive. */
static bool reads_kept(const nnc_round *round, nnc_ref ref)
{
    nnc_ref_map seen = {0};
    bool kept = are_reads_kept(round, ref, &seen);
    nnc_ref_map_close(&seen);
    return kept;
}

static bool pays(nnc_round *round, nnc_tensor_id old, const nnc_tensor *t, const nnc_ref *args, const nnc_making *reader)
{
    const nnc_program *p = round->to;
    const nnc_node *body = nnc_at(p, t->body);
    bool elementwise = reader->reduce == NNC_REDUCE_NONE;
    if (body->op == NNC_OP_READ && nnc_is_straight(p, t->body))
        return true;
    bool known = !has_reads(p, t->body) && (!body->slots || t->element == NNC_BOOLEAN);      /* a number, or a condition on indices, as a mask is */
    if (known && nnc_cost(p, t->body, 6) < 6)
        return true;
    if (choice_collapses(p, t, args, reader))
        return true;
    bool once = round->usage[old].reads == 1;
    if (round->readable && elementwise && once && nnc_cost(p, t->body, 8) < 8)
        return true;
    bool no_more = size_of(reader->extent, reader->rank + reader->reduced) <= size_of(t->extent, t->rank);
    bool adds_nothing = once || reads_kept(round, round->from->tensor[old].body);
    if (elementwise && no_more && adds_nothing && nnc_cost(p, t->body, 2) < 2)
        return true;
    if (elementwise && adds_nothing && nnc_cost(p, t->body, 6) < 6) {
        round->tempted = true;
        return round->eager;
    }
    return once && no_more && nnc_cost(p, t->body, elementwise ? 40 : 11) < (elementwise ? 40 : 11);
}

/* ---- the rewriting of a body ---- */

typedef struct rewriting { nnc_round *round; const nnc_making *making; } rewriting;

static nnc_tensor_id mapped(nnc_round *round, nnc_tensor_id old)
{
    const nnc_tensor *t = &round->from->tensor[old];
    if (!round->map[old]) {                              /* read before it is made: along a recurrence */
        round->map[old] = nnc_declare(round->to, t->kind, t->name, t->span, t->element, t->classes, t->extent, t->rank);
        round->to->tensor[round->map[old]].derivative_of = t->derivative_of;
        round->to->tensor[round->map[old]].stopped = t->stopped;
    }
    return round->map[old];
}

static nnc_ref replace_read(rewriting *w, nnc_ref ref, const nnc_ref *args)
{
    nnc_round *round = w->round;
    const nnc_node *n = nnc_at(round->from, ref);
    nnc_tensor_id old = (nnc_tensor_id)n->integer[0], new = mapped(round, old);
    const nnc_tensor t = round->to->tensor[new];
    nnc_ref slot[NNC_MAX_SLOTS];
    bool possible = round->inlines && t.kind == NNC_KIND_FORMULA && t.body && t.reduce == NNC_REDUCE_NONE && !round->root[old] && !t.stopped;
    if (!possible || !pays(round, old, &t, args, w->making)) {
        nnc_ref cropped = round->inlines ? nnc_round_crop(round, old, args, w->making) : 0;
        return cropped ? cropped : nnc_read(round->to, new, args, nnc_at(round->from, ref)->count);
    }
    for (uint32_t i = 0; i < t.rank; i++)
        slot[i] = nnc_index(round->to, i);
    round->rewrites++;
    return nnc_substitute(round->to, t.body, slot, args, t.rank);
}

static nnc_ref replace(nnc_rewriter *r, nnc_ref ref, const nnc_ref *args)
{
    const nnc_node *n = nnc_at(r->from, ref);
    if (n->op == NNC_OP_READ)
        return replace_read(r->context, ref, args);
    if (n->op >= NNC_OP_ADD && n->op <= NNC_OP_NEG)
        return nnc_algebra(r->to, (nnc_op)n->op, args, n->count);
    return 0;
}

/* Once more with the algebra alone: what was put in meets what is around it. */
static nnc_ref simplify_again(nnc_rewriter *r, nnc_ref ref, const nnc_ref *args)
{
    const nnc_node *n = nnc_at(r->from, ref);
    if (n->op < NNC_OP_ADD || n->op > NNC_OP_NEG)
        return 0;
    nnc_ref result = nnc_algebra(r->to, (nnc_op)n->op, args, n->count);
    bool is_product = nnc_at(r->to, result)->op == NNC_OP_MUL || nnc_at(r->to, result)->op == NNC_OP_DIV;
    nnc_ref known = is_product ? nnc_round_known_quotient(r->context, result) : 0;
    return known ? known : result;
}

nnc_ref nnc_round_body(nnc_round *round, nnc_ref body, const nnc_making *making)
{
    rewriting w = {round, making};
    nnc_rewriter r = {.from = round->from, .to = round->to, .replace = replace, .context = &w};
    nnc_rewriter again = {.from = round->to, .to = round->to, .replace = simplify_again, .context = round};
    nnc_ref result = nnc_rewrite(&r, body);
    result = nnc_rewrite(&again, result);
    nnc_ref_map_close(&r.done);
    nnc_ref_map_close(&again.done);
    return result;
}
