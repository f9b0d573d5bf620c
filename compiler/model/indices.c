/* Index notation: left sides, ranges, subscripts, and the proof that each read lies inside. */
#include <string.h>
#include "model/internal.h"

/* ---- left sides and lists of reductions ---- */

bool nnc_is_free_name(nnc_elaborator *e, const char *name, nnc_span span)
{
    const nnc_named_index *index = nnc_visible_index(e, name);
    if (index) {
        REPORT(e, span, INDEX_TAKEN, name);
        nnc_note(e->session, index->span, "%s is an index here", name);
        return false;
    }
    const nnc_local *local = nnc_find_in_bodies(e, name);
    if (local) {
        REPORT(e, span, INDEX_IS_VALUE, name);
        nnc_note(e->session, local->span, "%s is defined here", name);
        return false;
    }
    const nnc_definition *d = nnc_globals_find(e->at.scope->globals, name);
    if (d && d->syntax->kind == NNC_SYNTAX_LET) {
        REPORT(e, span, INDEX_IS_VALUE, name);
        nnc_note(e->session, d->syntax->name, "%s is defined here", name);
        return false;
    }
    return true;
}

static nnc_named_index *add_index(nnc_elaborator *e, const char *name, nnc_span span, int64_t extent)
{
    nnc_named_index *index = nnc_new_index(e, name, extent, span);
    index->given = extent != 0;
    index->visible = e->at.visible;
    index->around = e->at.around;
    e->at.visible = e->at.around = index;
    return index;
}

static nnc_dots *add_dots(nnc_elaborator *e, const nnc_syntax *formula)
{
    nnc_dots *dots = NNC_NEW(e->arena, nnc_dots);
    nnc_named_index *stand_in = NNC_NEW(e->arena, nnc_named_index);
    dots->formula = formula;
    dots->order = e->order;
    e->order += NNC_MAX_RANK;
    stand_in->dots = dots;
    stand_in->around = e->at.around;
    e->at.around = stand_in;
    e->at.dots = dots;
    return dots;
}

static bool is_set(const nnc_syntax *item, const char *name) { return item->kind == NNC_SYNTAX_NAME && strcmp(item->text, name) == 0; }

static void add_set(nnc_elaborator *e, const nnc_syntax *item, nnc_index_list *out)
{
    if (out->data || out->batch) {
        if (out->data == is_set(item, "data"))
            REPORT(e, item->span, TWO_DOTS, item->text);
        else
            REPORT(e, item->span, BATCH_AND_DATA, "data");
        out->failed = true;
        return;
    }
    if (is_set(item, "data")) {
        out->data = true;
        if (!e->at.data) {
            REPORT(e, item->span, DATA_HERE, "data");
            out->failed = true;
        }
    } else {
        out->batch = true;
    }
    if (e->no_example && !out->failed) {
        REPORT(e, item->span, NO_EXAMPLES, item->text);
        out->failed = true;
    }
}

/* One of the list: a name, `name < n`, `..`; batch and data in a reduction. */
static void add_item(nnc_elaborator *e, const nnc_context *outer, const nnc_syntax *item, const nnc_syntax *formula, bool reduction, nnc_index_list *out)
{
    const nnc_syntax *name = item->kind == NNC_SYNTAX_BINARY && strcmp(item->text, "<") == 0 ? item->child[0] : item;
    int64_t extent = 0;
    if (item->kind == NNC_SYNTAX_DOTS) {
        if (reduction && outer->dots) {
            REPORT(e, item->span, DOTS_TWICE, "`..`");
            out->failed = true;
        } else if (out->dots) {
            REPORT(e, item->span, TWO_DOTS, "`..`");
            out->failed = true;
        } else {
            out->dots = out->item[out->count++].dots = add_dots(e, formula);
        }
        return;
    }
    if (reduction && (is_set(item, "batch") || is_set(item, "data"))) {
        add_set(e, item, out);
        return;
    }
    if (name->kind != NNC_SYNTAX_NAME) {
        if (name->kind != NNC_SYNTAX_ERROR)
            REPORT(e, item->span, NOT_AN_INDEX, "the left side");
        out->failed = true;
        return;
    }
    if (name != item) {
        nnc_context inner = e->at;
        e->at.visible = outer->visible;
        bool known = nnc_evaluate_whole(e, item->child[1], nnc_arena_format(e->arena, "the range of %s", name->text), 1, &extent);
        e->at = inner;
        out->failed |= !known;
    }
    if (!nnc_is_free_name(e, name->text, name->span)) {
        out->failed = true;
        return;
    }
    out->item[out->count++].index = add_index(e, name->text, name->span, extent);
}

static void bind_dots(nnc_elaborator *e, nnc_dots *dots, const int64_t *extent, uint32_t rank, nnc_span span)
{
    dots->bound = true;
    dots->rank = rank;
    dots->told = span;
    for (uint32_t i = 0; i < rank; i++) {
        dots->index[i] = nnc_new_index(e, NULL, extent[i], span);
        dots->index[i]->order = dots->order + i;
    }
}

/* Indices without a range run over the state that is set. */
static void take_state(nnc_elaborator *e, const nnc_value *state, nnc_index_list *out, nnc_span span)
{
    uint32_t named = out->count - (out->dots != NULL), at = 0;
    if (named > state->rank || (!out->dots && named != state->rank)) {
        REPORT(e, span, STATE_INDICES, nnc_describe_shape(e, state->extent, state->rank), named);
        out->failed = true;
        return;
    }
    for (uint32_t i = 0; i < out->count; i++) {
        if (out->item[i].dots) {
            bind_dots(e, out->item[i].dots, state->extent + at, state->rank - named, span);
            at += state->rank - named;
            continue;
        }
        if (out->item[i].index->extent == 0) {
            out->item[i].index->extent = state->extent[at];
            out->item[i].index->given = true;
        }
        at++;
    }
}

void nnc_open_indices(nnc_elaborator *e, const nnc_syntax *list, const nnc_value *state, const nnc_syntax *formula, bool reduction, nnc_index_list *out)
{
    const nnc_context outer = e->at;
    *out = (nnc_index_list){0};
    if (!reduction)
        e->at.dots = NULL;
    e->at.formula = true;
    for (uint32_t i = 0; i < list->count; i++) {
        if (out->count == NNC_MAX_RANK) {
            REPORT(e, list->child[i]->span, TOO_MANY_DIMENSIONS, NNC_MAX_RANK);
            out->failed = true;
            break;
        }
        add_item(e, &outer, list->child[i], formula, reduction, out);
    }
    if (state && !out->failed)
        take_state(e, state, out, list->span);
}

bool nnc_close_indices(nnc_elaborator *e, const nnc_index_list *list, nnc_span span, nnc_named_index **out, uint32_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        nnc_named_index *index = list->item[i].index;
        const nnc_dots *dots = list->item[i].dots;
        if (dots && !dots->bound) {
            REPORT(e, span, DOTS_UNKNOWN, "`..`");
            return false;
        }
        for (uint32_t k = 0; dots && k < dots->rank && *count < NNC_MAX_SLOTS; k++)
            out[(*count)++] = dots->index[k];
        if (dots)
            continue;
        if (index->extent == 0) {
            REPORT(e, index->span, UNKNOWN_RANGE, index->name);
            nnc_help(e->session, "write its range: %s < n", index->name);
            index->extent = 1;
            return false;
        }
        out[(*count)++] = index;
    }
    return true;
}

/* ---- proofs ---- */

/* What floor(e) of any number can be is as good as no bound. */
enum { FAR = 1 << 30 };

/* "i + 2", or "n - 1, which is 7," */
static const char *with_value(nnc_elaborator *e, const char *text, int64_t value)
{
    const char *number = nnc_arena_format(e->arena, "%lld", (long long)value);
    return strcmp(text, number) == 0 ? text : nnc_arena_format(e->arena, "%s, which is %s,", text, number);
}

static void prove(nnc_elaborator *e, const nnc_pending *read)
{
    enum { MOST = 64 };
    nnc_ref held[MOST];
    uint32_t count = 0;
    int64_t low, high;
    for (const nnc_guard *g = read->guards; g && count < MOST; g = g->outer)
        held[count++] = g->condition;
    nnc_range(e->p, read->subscript, nnc_extent_of_variable, e, held, count, &low, &high);
    if (low >= 0 && high < read->extent)
        return;
    nnc_text text = {.arena = e->arena};
    nnc_syntax_write(read->text, &text);
    const char *what = nnc_text_string(&text);
    const long long last = (long long)read->extent - 1;
    if (read->classes) {
        nnc_suggest_classes(e, read->classes, read->extent);
        REPORT(e, read->span, CLASS_TOO_LARGE, (long long)read->classes, (long long)read->extent);
    } else if (low == high)
        REPORT(e, read->span, OUT_OF_BOUNDS_ONE, with_value(e, what, low), last);
    else if (low > -FAR && high < FAR)
        REPORT(e, read->span, OUT_OF_BOUNDS, what, (long long)low, (long long)high, last);
    else {
        REPORT(e, read->span, OUT_OF_BOUNDS_FREE, what, last);
        nnc_help(e->session, "put an `if` around it: if %s >= 0 and %s <= %lld then .. else 0", what, what, last);
    }
}

static bool is_settled(nnc_elaborator *e, nnc_ref subscript)
{
    nnc_ref variable[NNC_MAX_SLOTS];
    uint32_t count = nnc_free_variables(e, subscript, NULL, 0, variable);
    for (uint32_t i = 0; i < count; i++)
        if (variable[i] != e->example && nnc_extent_of_variable(e, (uint32_t)nnc_at(e->p, variable[i])->integer[0]) == 0)
            return false;
    return true;
}

void nnc_settle(nnc_elaborator *e, uint32_t mark, uint32_t patch_mark)
{
    uint32_t kept = mark, kept_patches = patch_mark;
    for (uint32_t i = mark; i < e->pendings; i++) {
        if (is_settled(e, e->pending[i].subscript))
            prove(e, &e->pending[i]);
        else
            e->pending[kept++] = e->pending[i];
    }
    e->pendings = kept;
    for (uint32_t i = patch_mark; i < e->patches; i++) {
        const nnc_patch patch = e->patch[i];
        if (!patch.index->extent) {
            e->patch[kept_patches++] = patch;
            continue;
        }
        nnc_tensor_at(e->p, patch.tensor)->extent[patch.slot] = patch.index->extent;
        nnc_check_extents(e, patch.tensor);
    }
    e->patches = kept_patches;
}

/* ---- subscripts ---- */

/* An index that subscribes a dimension alone: it tells the range, or must lie inside. */
static void subscribe(nnc_elaborator *e, nnc_named_index *index, int64_t extent, uint32_t dimension, const nnc_syntax *text)
{
    if (index->extent == 0) {
        index->extent = extent;
        index->told = text->span;
        return;
    }
    if (index->extent == extent)
        return;
    if (index->given) {
        NNC_PUSH(e->arena, e->pending, e->pendings, e->pending_capacity) =
            (nnc_pending){index->variable, extent, dimension, e->at.guards, text->span, text, 0};
        return;
    }
    nnc_suggest_classes(e, index->extent, extent);
    REPORT(e, text->span, INDEX_DISAGREES, index->name ? index->name : "the index", (long long)extent, (long long)index->extent);
    if (index->told.file)
        nnc_note(e->session, index->told, "here it runs over %lld", (long long)index->extent);
    index->given = true;
}

static nnc_named_index *lone_index(nnc_elaborator *e, nnc_ref integer)
{
    const nnc_node *n = nnc_at(e->p, integer);
    if (n->op != NNC_OP_INDEX || n->integer[0] < (int64_t)NNC_FIRST_VARIABLE || integer == e->example)
        return NULL;
    return (nnc_named_index *)e->variable[n->integer[0] - NNC_FIRST_VARIABLE];
}

/* The integer that a subscript means; 0, reported, where it is none. */
static nnc_ref integer_subscript(nnc_elaborator *e, nnc_entity *x, int64_t extent, uint32_t dimension, const nnc_syntax *text)
{
    nnc_value v;
    if (!nnc_value_of(e, x, text->span, &v))
        return 0;
    if (!nnc_one_element(&v)) {
        REPORT(e, text->span, SUBSCRIPT_SHAPE, nnc_describe(e, x));
        return 0;
    }
    v = nnc_as_scalar(e, &v);
    if (v.element == NNC_INTEGER) {
        if (v.classes > extent)
            NNC_PUSH(e->arena, e->pending, e->pendings, e->pending_capacity) =
                (nnc_pending){v.body, extent, dimension, e->at.guards, text->span, text, v.classes};
        return v.body;
    }
    nnc_ref integer = v.element == NNC_REAL ? nnc_integer_of(e, v.body) : 0;
    if (!integer) {
        REPORT(e, text->span, SUBSCRIPT_KIND, v.element == NNC_REAL ? "any number" : nnc_describe(e, x));
        return 0;
    }
    nnc_named_index *alone = lone_index(e, integer);
    if (alone)
        subscribe(e, alone, extent, dimension, text);
    else
        NNC_PUSH(e->arena, e->pending, e->pendings, e->pending_capacity) = (nnc_pending){integer, extent, dimension, e->at.guards, text->span, text, 0};
    return integer;
}

static bool use_dots(nnc_elaborator *e, const int64_t *extent, uint32_t rank, const nnc_syntax *text, nnc_ref *at)
{
    nnc_dots *dots = e->at.dots;
    if (!dots) {
        REPORT(e, text->span, DOTS_UNBOUND, "`..`");
        return false;
    }
    if (!dots->bound)
        bind_dots(e, dots, extent, rank, text->span);
    bool equal = dots->rank == rank;
    int64_t known[NNC_MAX_RANK];
    for (uint32_t i = 0; i < dots->rank; i++) {
        known[i] = dots->index[i]->extent;
        equal = equal && known[i] == extent[i];
    }
    if (!equal) {
        REPORT(e, text->span, DOTS_DISAGREE, nnc_shape_text(e, extent, rank), nnc_shape_text(e, known, dots->rank));
        nnc_note(e->session, dots->told, "here it is %s", nnc_shape_text(e, known, dots->rank));
        return false;
    }
    for (uint32_t i = 0; i < rank; i++)
        at[i] = dots->index[i]->variable;
    return true;
}

static const char *name_of_base(nnc_elaborator *e, const nnc_syntax *base)
{
    if (base->kind == NNC_SYNTAX_NAME)
        return nnc_join(e, e->at.scope->path, base->text);
    return nnc_arena_format(e->arena, "%s.part", e->at.hint ? e->at.hint : "a");
}

static const char *subscripts_text(nnc_elaborator *e, uint32_t rank)
{
    return rank == 0 ? "no subscript" : rank == 1 ? "one subscript" : nnc_arena_format(e->arena, "%u subscripts", rank);
}

static bool count_subscripts(nnc_elaborator *e, const nnc_syntax *s, const nnc_entity *base, uint32_t rank, uint32_t *covered)
{
    uint32_t dots = 0, count = s->child[1]->count;
    for (uint32_t i = 0; i < count; i++)
        dots += s->child[1]->child[i]->kind == NNC_SYNTAX_DOTS;
    *covered = rank - (count - dots);
    if (dots > 1) {
        REPORT(e, s->child[1]->span, TWO_DOTS, "`..`");
        return false;
    }
    if (count - dots > rank || (!dots && count != rank)) {
        REPORT(e, s->span, SUBSCRIPT_COUNT, nnc_describe(e, base), subscripts_text(e, rank), count - dots, count - dots == 1 ? "is" : "are");
        nnc_note_declared(e, base);
        if (!dots && count > 0 && count < rank)
            nnc_help(e->session, "`..` stands for those left out: r[..] = x[%s..]", count == 1 ? "i, " : "i, j, ");
        return false;
    }
    return true;
}

/* A name that nothing has is, here, an index that nothing binds. */
static nnc_entity *evaluate_subscript(nnc_elaborator *e, const nnc_syntax *text)
{
    e->subscript = text->kind == NNC_SYNTAX_NAME ? text->text : NULL;
    nnc_entity *x = nnc_evaluate(e, text);
    e->subscript = NULL;
    return x;
}

nnc_entity *nnc_subscript(nnc_elaborator *e, const nnc_syntax *s)
{
    nnc_entity *base = nnc_evaluate(e, s->child[0]);
    nnc_value v;
    uint32_t covered, d = 0;
    nnc_ref at[2 * NNC_MAX_RANK];
    bool whole = true;
    if (!nnc_value_of(e, base, s->child[0]->span, &v) || !count_subscripts(e, s, base, v.rank, &covered))
        return &e->poison;
    if (v.rank > 0 && !v.alias && !v.plain) {
        nnc_materialise(e, base, name_of_base(e, s->child[0]));
        v = base->value;
    }
    for (uint32_t i = 0; i < s->child[1]->count; i++) {
        const nnc_syntax *text = s->child[1]->child[i];
        if (text->kind == NNC_SYNTAX_DOTS) {
            if (!use_dots(e, v.extent + d, covered, text, at + d))
                return &e->poison;
            d += covered;
            continue;
        }
        nnc_entity *x = evaluate_subscript(e, text);
        at[d] = nnc_is_poison(x) ? 0 : integer_subscript(e, x, v.extent[d], d, text);
        whole &= at[d] != 0;
        d++;
    }
    if (!whole)
        return &e->poison;
    nnc_value out = {.body = nnc_value_at(e, &v, at), .element = v.element, .classes = v.classes, .drawn = v.drawn};
    return nnc_tensor_entity(e, &out, s->span);
}

/* ---- what `..` will be ---- */

static bool find_dots(nnc_elaborator *e, const nnc_syntax *s, nnc_dots *dots)
{
    if (!s)
        return false;
    if (s->kind == NNC_SYNTAX_SUBSCRIPT && s->child[0]->kind == NNC_SYNTAX_NAME) {
        const nnc_syntax *list = s->child[1];
        uint32_t place = 0;
        while (place < list->count && list->child[place]->kind != NNC_SYNTAX_DOTS)
            place++;
        nnc_entity *base = place < list->count ? nnc_look_up_quietly(e, s->child[0]->text, s->child[0]->span) : NULL;
        if (base && base->kind == NNC_ENTITY_TENSOR && base->value.rank + 1 >= list->count) {
            bind_dots(e, dots, base->value.extent + place, base->value.rank + 1 - list->count, s->span);
            return true;
        }
    }
    for (uint32_t i = 0; i < s->count; i++)
        if (find_dots(e, s->child[i], dots))
            return true;
    return false;
}

bool nnc_dots_ahead(nnc_elaborator *e, nnc_dots *dots) { return dots->bound || find_dots(e, dots->formula, dots); }
