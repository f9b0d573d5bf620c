/* Checking a program's invariants. */
#include <string.h>
#include "formula/build.h"
#include "formula/order.h"
#include "formula/range.h"

typedef struct checker {
    const nnc_program *p;
    const nnc_tensor *t;             /* whose body is walked */
    nnc_tensor_id id;
    nnc_condition *condition;
    uint32_t conditions, capacity;
    uint32_t *proved;                /* nodes whose reads hold in this tensor whatever the conditions: the tensor's id */
    const char *wrong;
} checker;

static int64_t extent_of(void *context, uint32_t slot)
{
    const checker *c = context;
    return slot < (uint32_t)c->t->rank + c->t->reduced ? c->t->extent[slot] : 0;
}

static bool fail(checker *c, const char *what)
{
    if (!c->wrong)
        c->wrong = nnc_arena_format(c->p->arena, "%s: %s", c->t->name, what);
    return false;
}

/* A position in the minibatch: an index over it, a neighbour, or the first example. */
static bool is_batch_position(checker *c, nnc_ref subscript)
{
    const nnc_node *n = &c->p->node[subscript];
    int64_t value;
    if (n->op == NNC_OP_INDEX)
        return extent_of(c, (uint32_t)n->integer[0]) == NNC_EXTENT_BATCH || extent_of(c, (uint32_t)n->integer[0]) == NNC_EXTENT_DATA;
    return n->op == NNC_OP_NEIGHBOUR || n->op == NNC_OP_EXISTING || (nnc_is_integer(c->p, subscript, &value) && value == 0);
}

/* A block of the minibatch: an index over them, or that of an example. */
static bool is_block_position(checker *c, nnc_ref subscript)
{
    const nnc_node *n = &c->p->node[subscript];
    if (n->op == NNC_OP_INDEX)
        return extent_of(c, (uint32_t)n->integer[0]) == NNC_EXTENT_BLOCKS;
    int64_t value;
    return (nnc_is_integer(c->p, subscript, &value) && value == 0) || (n->op == NNC_OP_QUOTIENT && n->integer[0] == NNC_BLOCK && is_batch_position(c, c->p->args[n->first]));
}

static bool is_inside(checker *c, nnc_ref subscript, int64_t extent, uint32_t conditions)
{
    int64_t low, high;
    if (extent < 0)
        return extent == NNC_EXTENT_BLOCKS ? is_block_position(c, subscript) : is_batch_position(c, subscript);
    nnc_range_under(c->p, subscript, extent_of, c, c->condition, conditions, &low, &high);
    return low > high || (low >= 0 && high < extent);
}

/* True where the read holds without conditions; *holds where it holds with them. */
static bool check_read(checker *c, const nnc_node *n)
{
    const nnc_tensor *a = &c->p->tensor[n->integer[0]];
    bool alone = true;
    for (uint32_t i = 0; i < n->count; i++) {
        nnc_ref subscript = c->p->args[n->first + i];
        if (is_inside(c, subscript, a->extent[i], 0))
            continue;
        alone = false;
        if (!is_inside(c, subscript, a->extent[i], c->conditions)) {
            nnc_text text = {.arena = c->p->arena};
            nnc_node_print(c->p, c->t, subscript, &text);
            fail(c, nnc_arena_format(c->p->arena, "reads %s outside: %s against %lld", a->name, nnc_text_string(&text), (long long)a->extent[i]));
        }
    }
    return alone;
}

static bool walk(checker *c, nnc_ref ref);

static bool walk_under(checker *c, nnc_ref condition, bool negated, nnc_ref ref)
{
    NNC_PUSH(c->p->arena, c->condition, c->conditions, c->capacity) = (nnc_condition){condition, negated};
    bool alone = walk(c, ref);
    c->conditions--;
    return alone;
}

static bool check_element(checker *c, const nnc_node *n)
{
    static const nnc_element elements[] = {NNC_REAL, NNC_INTEGER, NNC_BOOLEAN};
    uint8_t wanted = nnc_op_rows[n->op].arguments;
    for (uint32_t i = 0; i < n->count && wanted != NNC_ROW_ANY; i++)
        if (c->p->node[c->p->args[n->first + i]].element != elements[wanted])
            return fail(c, nnc_arena_format(c->p->arena, "an argument of %s has the wrong element", nnc_op_rows[n->op].name));
    return true;
}

/* True where all reads below hold whatever the conditions around. */
static bool walk(checker *c, nnc_ref ref)
{
    const nnc_node *n = &c->p->node[ref];
    const nnc_ref *args = c->p->args + n->first;
    bool alone = true;
    if (c->proved[ref] == c->id || c->wrong)
        return true;
    if (n->open || n->slots >> (c->t->rank + c->t->reduced))
        fail(c, "mentions an index that it does not have");
    check_element(c, n);
    if (n->op == NNC_OP_SELECT) {
        alone = walk(c, args[0]);
        alone &= walk_under(c, args[0], false, args[1]);
        alone &= walk_under(c, args[0], true, args[2]);
    } else if (n->op == NNC_OP_AND || n->op == NNC_OP_OR) {
        alone = walk(c, args[0]);
        alone &= walk_under(c, args[0], n->op == NNC_OP_OR, args[1]);
    } else {
        for (uint32_t i = 0; i < n->count; i++)
            alone &= walk(c, args[i]);
    }
    if (n->op == NNC_OP_READ)
        alone &= check_read(c, n);
    if (alone)
        c->proved[ref] = c->id;
    return alone;
}

static void check_tensor(checker *c, nnc_tensor_id id)
{
    c->t = &c->p->tensor[id];
    c->id = id;
    for (uint32_t i = 0; i < (uint32_t)c->t->rank + c->t->reduced; i++)
        if (c->t->extent[i] == 0 || c->t->extent[i] < NNC_EXTENT_BLOCKS)
            fail(c, "has an extent below 1");
        else if (i > 0 && i < c->t->rank && c->t->extent[i] < 0)
            fail(c, "has the batch elsewhere than first");
    if (c->t->rank > 0 && c->t->extent[0] == NNC_EXTENT_BLOCKS && (c->t->rank < 2 || c->t->extent[c->t->rank - 1] != NNC_BLOCK))
        fail(c, "has blocks, but no examples of one last");
    if (nnc_find(c->p, c->t->name) == 0)
        fail(c, "is not found by its name");
    if (c->t->kind != NNC_KIND_FORMULA && c->t->kind != NNC_KIND_SCHEDULE)
        return;
    if (!c->t->body) {
        fail(c, "has no formula");
        return;
    }
    nnc_element body = (nnc_element)c->p->node[c->t->body].element;
    bool position = c->t->reduce == NNC_REDUCE_ARGMAX || c->t->reduce == NNC_REDUCE_ARGMIN;
    if ((position ? NNC_INTEGER : body) != c->t->element)
        fail(c, "its element is not its body's");
    walk(c, c->t->body);
}

const char *nnc_program_verify(const nnc_program *p)
{
    checker c = {.p = p, .proved = NNC_ARRAY(p->arena, uint32_t, p->nodes)};
    const char *circle = NULL;
    for (nnc_tensor_id id = 1; id < p->tensors && !c.wrong; id++)
        check_tensor(&c, id);
    if (!c.wrong)
        nnc_order_of(p->arena, p, &circle);
    return c.wrong ? c.wrong : circle;
}
