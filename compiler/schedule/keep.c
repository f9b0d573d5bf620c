/* How many steps of a recurrence stay in memory. A formula of a loop that its loop reads a few steps back at most, and that the rest of the program reads at the last few steps or not
 * at all, has its time index taken modulo that many: prediction by an LSTM then needs a state and a step, not all of them. Training reads every step again, and keeps every one. */
#include "schedule/lower.h"

typedef struct keeping {
    nnc_scheduler *s;
    nnc_ref_map seen;
    nnc_tensor_id reader;
} keeping;

static const nnc_group *group_of(const nnc_scheduler *s, nnc_tensor_id id) { return &s->plan->group[s->plan->group_of[id]]; }

/* The slot of a loop's member that the loop fixes; -1: it is no member. */
static int loop_slot(const nnc_order_item *loop, nnc_tensor_id id)
{
    for (uint32_t m = 0; m < loop->members; m++)
        if (loop->member[m] == id)
            return loop->slot[m];
    return -1;
}

static void keep_at_least(nnc_steps_kept *kept, int64_t steps) { kept->steps = steps > kept->steps ? steps : kept->steps; }

/* A read after the loop, at one step. */
static bool keep_for_later(const nnc_order_item *loop, nnc_steps_kept *kept, int64_t step)
{
    keep_at_least(kept, loop->backward ? step + 1 : loop->extent - step);
    return step >= 0 && step < loop->extent;
}

/* A read inside the loop, so many steps back. */
static bool keep_for_loop(const keeping *k, const nnc_order_item *loop, nnc_steps_kept *kept, nnc_ref subscript)
{
    nnc_form f;
    int slot = loop_slot(loop, k->reader);
    nnc_form_of(k->s->p, subscript, &f);
    const nnc_ref atom = f.lone ? f.lone : f.terms == 1 && f.coefficient[0] == 1 ? f.atom[0] : 0;
    const nnc_node *n = &k->s->p->node[atom];
    int64_t back = loop->backward ? f.constant : -f.constant;
    if (!atom || slot < 0 || n->op != NNC_OP_INDEX || n->integer[0] != slot || back < 0)
        return false;
    keep_at_least(kept, back + 1);
    return true;
}

static void look_at_read(const keeping *k, const nnc_node *n)
{
    nnc_scheduler *s = k->s;
    nnc_tensor_id id = (nnc_tensor_id)n->integer[0];
    nnc_steps_kept *kept = &s->kept[id];
    int64_t step;
    if (!kept->steps)
        return;
    const nnc_order_item *loop = group_of(s, id)->loop;
    nnc_ref subscript = s->p->args[n->first + kept->slot];
    bool inside = group_of(s, id) == group_of(s, k->reader), good = false;
    if (inside)
        good = keep_for_loop(k, loop, kept, subscript);
    else if (nnc_is_integer(s->p, subscript, &step))
        good = keep_for_later(loop, kept, step);
    if (!good)
        kept->steps = 0;
}

static void look(keeping *k, nnc_ref ref)
{
    const nnc_program *p = k->s->p;
    const nnc_node *n = &p->node[ref];
    if (nnc_ref_map_get(&k->seen, ref))
        return;
    nnc_ref_map_put(p->arena, &k->seen, ref, 1);
    if (n->op == NNC_OP_READ)
        look_at_read(k, n);
    for (uint32_t i = 0; i < n->count; i++)
        look(k, p->args[n->first + i]);
}

/* What could be kept in part: a loop's formulas in the workspace. */
static bool is_candidate(const nnc_scheduler *s, nnc_tensor_id id)
{
    const nnc_tensor *t = &s->p->tensor[id];
    if (t->kind != NNC_KIND_FORMULA || !s->plan->stored[id] || s->plan->in_place[id] || !group_of(s, id)->loop)
        return false;
    for (uint32_t i = 0; i < s->request->arguments; i++)
        if (s->request->argument[i] == id)
            return false;
    return loop_slot(group_of(s, id)->loop, id) >= 0;
}

void nnc_find_kept(nnc_scheduler *s)
{
    s->kept = NNC_ARRAY(s->arena, nnc_steps_kept, s->p->tensors);
    for (nnc_tensor_id id = 1; id < s->p->tensors; id++)
        if (is_candidate(s, id))
            s->kept[id] = (nnc_steps_kept){1, loop_slot(group_of(s, id)->loop, id)};
    for (nnc_tensor_id id = 1; id < s->p->tensors; id++) {
        keeping k = {.s = s, .reader = id};
        if (s->p->tensor[id].kind == NNC_KIND_FORMULA && s->p->tensor[id].body)
            look(&k, s->p->tensor[id].body);
        nnc_ref_map_close(&k.seen);
    }
    for (nnc_tensor_id id = 1; id < s->p->tensors; id++)
        if (s->kept[id].steps && s->kept[id].steps >= s->p->tensor[id].extent[s->kept[id].slot])
            s->kept[id].steps = 0;
}

int64_t nnc_kept_extent(const nnc_scheduler *s, nnc_tensor_id id, uint32_t dimension)
{
    const nnc_steps_kept *kept = &s->kept[id];
    return kept->steps && kept->slot == (int)dimension ? kept->steps : s->p->tensor[id].extent[dimension];
}

int64_t nnc_kept_stride(const nnc_scheduler *s, nnc_tensor_id id, uint32_t dimension)
{
    int64_t stride = 1;
    if (dimension == 0 && s->by_example[id])
        return s->example_stride;
    for (uint32_t i = dimension + 1; i < s->p->tensor[id].rank; i++)
        stride *= nnc_kept_extent(s, id, i);
    return stride;
}
