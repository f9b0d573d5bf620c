/* Gradients as a person would write them: differentiated, simplified with every forward tensor kept under its name, then each needed derivative as a
 * line, the later ones in terms of the earlier. */
#include <string.h>
#include "transform/notation.h"
#include "transform/present.h"
#include "transform/simplify.h"
#include "transform/transform.h"

typedef struct printing {
    nnc_notation notation;
    const nnc_program *p;
    bool *forward;              /* a tensor of the model, not of its derivative */
    bool *inlined, *written;
    uint32_t *reads;
} printing;

/* ---- which derivatives stand inside the formula that reads them ---- */

static void count_reads(printing *w, nnc_ref ref, nnc_ref_map *seen)
{
    const nnc_node *n = nnc_at(w->p, ref);
    if (nnc_ref_map_get(seen, ref))
        return;
    nnc_ref_map_put(w->p->arena, seen, ref, 1);
    if (n->op == NNC_OP_READ)
        w->reads[n->integer[0]]++;
    for (uint32_t i = 0; i < n->count; i++)
        count_reads(w, nnc_arg(w->p, ref, i), seen);
}

/* A part of a derivative that is read once has no name of its own in a paper. */
static bool is_nameless(const printing *w, nnc_tensor_id id)
{
    const nnc_tensor *t = &w->p->tensor[id];
    size_t length = strlen(t->name);
    return !w->forward[id] && t->kind == NNC_KIND_FORMULA && w->reads[id] <= 1 && t->name[length - 1] != ')';
}

static void find_inlined(printing *w)
{
    for (nnc_tensor_id id = 1; id < w->p->tensors; id++) {
        nnc_ref_map seen;
        if (!w->p->tensor[id].body)
            continue;
        nnc_ref_map_open(&seen);
        count_reads(w, w->p->tensor[id].body, &seen);
        nnc_ref_map_close(&seen);
    }
    for (nnc_tensor_id id = 1; id < w->p->tensors; id++)
        w->inlined[id] = is_nameless(w, id);
}

/* ---- lines, what is read before its reader ---- */

static void write_needed(printing *w, nnc_ref ref);

static void write_tensor(printing *w, nnc_tensor_id id, const char *label)
{
    const nnc_tensor *t = &w->p->tensor[id];
    if (w->forward[id] || w->written[id] || t->kind != NNC_KIND_FORMULA)
        return;
    w->written[id] = true;
    write_needed(w, t->body);
    if (!w->inlined[id])
        nnc_notation_line(&w->notation, id, label);
}

static void write_needed(printing *w, nnc_ref ref)
{
    const nnc_node *n = nnc_at(w->p, ref);
    if (n->op == NNC_OP_READ)
        write_tensor(w, (nnc_tensor_id)n->integer[0], NULL);
    for (uint32_t i = 0; i < n->count; i++)
        write_needed(w, nnc_arg(w->p, ref, i));
}

/* `d loss / d w` for the asked ones, which other lines call d w. */
static void write_gradient(printing *w, const char *of, nnc_tensor_id id)
{
    nnc_arena *arena = w->notation.out->arena;
    if (!id) {
        nnc_text_add(w->notation.out, "d loss / d %s = 0\n", of);
        return;
    }
    const char *label = nnc_arena_format(arena, "d loss / d %s", of);
    if (w->written[id] || w->forward[id]) {
        nnc_text_add(w->notation.out, "%s = ", label);
        nnc_notation_name(&w->notation, id, w->notation.out);
        nnc_text_add(w->notation.out, "\n");
        return;
    }
    w->inlined[id] = false;
    write_tensor(w, id, label);
}

/* ---- names: equal derivatives have the one that its reader knows best ---- */

/* The derivative of which id is a plain copy, or 0. */
static nnc_tensor_id copied_derivative(const nnc_program *p, nnc_tensor_id id, nnc_tensor_id before)
{
    const nnc_tensor *t = &p->tensor[id];
    const nnc_node *n = nnc_at(p, t->body);
    if (t->reduce != NNC_REDUCE_NONE || n->op != NNC_OP_READ || n->count != t->rank || n->integer[0] < before)
        return 0;
    for (uint32_t i = 0; i < n->count; i++) {
        const nnc_node *index = nnc_at(p, nnc_arg(p, t->body, i));
        if (index->op != NNC_OP_INDEX || index->integer[0] != i)
            return 0;
    }
    return (nnc_tensor_id)n->integer[0];
}

static int depth_of(const char *name)
{
    int dots = 0;
    for (; *name; name++)
        dots += *name == '.';
    return dots;
}

/* d(s) = d(log_softmax.d), whose name is then d(s), if it is the one less deep inside of definitions. Derivatives are made from `before` on. */
static void name_derivatives(nnc_program *p, nnc_tensor_id before)
{
    for (nnc_tensor_id id = before; id < p->tensors; id++) {
        nnc_tensor_id of = id, next;
        while ((next = copied_derivative(p, of, before)) != 0)
            of = next;
        const char *name = p->tensor[id].name;
        if (of == id || depth_of(name) >= depth_of(p->tensor[of].name) || name[strlen(name) - 1] != ')')
            continue;
        p->tensor[id].name = p->tensor[of].name;
        p->tensor[of].name = name;
    }
}

/* Gradients first, then all formulas of the model, so that these keep their names. */
static uint32_t list_roots(nnc_tensor_id before, const nnc_tensor_id *gradient, uint32_t count, nnc_tensor_id *roots)
{
    uint32_t number = 0;
    for (uint32_t i = 0; i < count; i++)
        if (gradient[i])
            roots[number++] = gradient[i];
    for (nnc_tensor_id id = 1; id < before; id++)
        roots[number++] = id;
    return number;
}

void nnc_gradient_print(nnc_arena *arena, const nnc_program *p, nnc_tensor_id loss, const nnc_tensor_id *by, uint32_t count, nnc_text *out)
{
    nnc_tensor_id *copied = NNC_ARRAY(arena, nnc_tensor_id, count + 1), *gradient = NNC_ARRAY(arena, nnc_tensor_id, count + 1);
    copied[0] = loss;
    memcpy(copied + 1, by, count * sizeof *by);
    nnc_program *q = nnc_extract(arena, p, copied, count + 1, false, NULL);
    nnc_tensor_id before = q->tensors;
    nnc_differentiate(q, copied[0], copied + 1, count, gradient);
    name_derivatives(q, before);
    nnc_tensor_id *roots = NNC_ARRAY(arena, nnc_tensor_id, before + count);
    uint32_t number = list_roots(before, gradient, count, roots), used = 0;
    nnc_program *r = nnc_simplify_with(arena, q, roots, number, NULL, true);
    printing w = {.notation = {.p = r, .out = out}, .p = r, .forward = NNC_ARRAY(arena, bool, r->tensors), .inlined = NNC_ARRAY(arena, bool, r->tensors),
                  .written = NNC_ARRAY(arena, bool, r->tensors), .reads = NNC_ARRAY(arena, uint32_t, r->tensors)};
    w.notation.inlined = w.inlined;
    for (uint32_t i = number; i-- > 0 && number - i < before;)
        w.forward[roots[i]] = true;
    for (nnc_tensor_id id = 1; id < r->tensors; id++)
        if (!w.forward[id] && r->tensor[id].body) {
            nnc_ref body = nnc_present(r, r->tensor[id].body);
            r->tensor[id].body = body;
        }
    find_inlined(&w);
    for (uint32_t i = 0; i < count; i++)
        write_gradient(&w, p->tensor[by[i]].name, gradient[i] ? roots[used++] : 0);
}
