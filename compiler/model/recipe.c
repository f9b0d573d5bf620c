/* The recipe: `train { }`, with the command line's lines in place of the file's; augmentation; -D. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "model/internal.h"

/* ---- values of lines ---- */

static bool has_value(nnc_elaborator *e, const nnc_syntax *line)
{
    if (line->child[0]->count > 0) {
        REPORT(e, line->child[0]->span, LINE_NAMES, line->text);
        return false;
    }
    if (!line->child[1])
        REPORT(e, line->span, LINE_VALUE, line->text);
    else if (line->child[2])
        REPORT(e, line->child[2]->span, LINE_UNIT, line->text);
    return line->child[1] && !line->child[2];
}

static void whole_line(nnc_elaborator *e, const nnc_syntax *line, int64_t least, int64_t *out)
{
    int64_t value;
    if (has_value(e, line) && nnc_evaluate_whole(e, line->child[1], line->text, least, &value))
        *out = value;
}

static bool is_word(const nnc_syntax *s, const char *word) { return s && s->kind == NNC_SYNTAX_NAME && strcmp(s->text, word) == 0; }

static void read_epochs(nnc_elaborator *e, const nnc_syntax *line) { whole_line(e, line, 1, &e->model->recipe.epochs); }
static void read_steps(nnc_elaborator *e, const nnc_syntax *line) { whole_line(e, line, 1, &e->model->recipe.steps); }
static void read_stride(nnc_elaborator *e, const nnc_syntax *line) { whole_line(e, line, 1, &e->model->recipe.stride); }

static void read_batch(nnc_elaborator *e, const nnc_syntax *line)
{
    if (is_word(line->child[1], "all"))
        e->model->recipe.batch = 0;
    else
        whole_line(e, line, 1, &e->model->recipe.batch);
}

static void read_seed(nnc_elaborator *e, const nnc_syntax *line)
{
    int64_t seed = 1;
    whole_line(e, line, 0, &seed);
    e->model->recipe.seed = (uint64_t)seed;
}

static void read_measure(nnc_elaborator *e, const nnc_syntax *line)
{
    nnc_recipe *r = &e->model->recipe;
    const nnc_syntax *unit = line->child[2];
    int64_t count;
    bool epochs = is_word(unit, "epoch") || is_word(unit, "epochs"), steps = is_word(unit, "step") || is_word(unit, "steps");
    if (!line->child[1] || (!epochs && !steps)) {
        REPORT(e, unit ? unit->span : line->span, MEASURE_UNIT, line->text);
        return;
    }
    if (!nnc_evaluate_whole(e, line->child[1], line->text, 1, &count))
        return;
    r->measure_epochs = epochs ? count : 0;
    r->measure_steps = steps ? count : 0;
}

/* A share, or fold(i, n). */
static void read_part(nnc_elaborator *e, const nnc_syntax *line, double *share, int64_t *fold, int64_t *folds)
{
    const nnc_syntax *s = line->child[1];
    double value;
    if (!has_value(e, line))
        return;
    if (s->kind == NNC_SYNTAX_CALL && is_word(s->child[0], "fold")) {
        if (s->child[1]->count != 2) {
            REPORT(e, s->span, FOLD_FORM, line->text);
            return;
        }
        if (!nnc_evaluate_whole(e, s->child[1]->child[0], "the fold", 1, fold) || !nnc_evaluate_whole(e, s->child[1]->child[1], "the number of folds", 2, folds))
            return;
        if (*fold > *folds)
            REPORT(e, s->span, NO_SUCH_FOLD, (long long)*folds, (long long)*fold);
        return;
    }
    if (!nnc_evaluate_number(e, s, line->text, &value))
        return;
    if (!(value >= 0 && value < 1)) {
        REPORT(e, s->span, NOT_A_SHARE, line->text, nnc_number_text(e, value));
        return;
    }
    *share = value;
}

static void read_validate(nnc_elaborator *e, const nnc_syntax *line)
{
    nnc_recipe *r = &e->model->recipe;
    read_part(e, line, &r->validate, &r->validate_fold, &r->validate_folds);
}

static void read_test(nnc_elaborator *e, const nnc_syntax *line)
{
    nnc_recipe *r = &e->model->recipe;
    read_part(e, line, &r->test, &r->test_fold, &r->test_folds);
}

static void read_stop(nnc_elaborator *e, const nnc_syntax *line)
{
    if (line->child[0]->count != 1 || !is_word(line->child[0]->child[0], "patience") || !line->child[1]) {
        REPORT(e, line->span, STOP_FORM, line->text);
        return;
    }
    nnc_evaluate_whole(e, line->child[1], "patience", 1, &e->model->recipe.patience);
}

static void read_clip(nnc_elaborator *e, const nnc_syntax *line)
{
    double value;
    if (!has_value(e, line) || !nnc_evaluate_number(e, line->child[1], line->text, &value))
        return;
    if (value > 0 && isfinite(value))
        e->model->recipe.clip = value;
    else
        REPORT(e, line->child[1]->span, NOT_POSITIVE, line->text, nnc_number_text(e, value));
}

static void read_shuffle(nnc_elaborator *e, const nnc_syntax *line)
{
    if (!has_value(e, line))
        return;
    const nnc_entity *x = nnc_evaluate(e, line->child[1]);
    if (x->kind == NNC_ENTITY_NUMBER && x->boolean)
        e->model->recipe.shuffle = x->number != 0;
    else if (!nnc_is_poison(x))
        REPORT(e, line->child[1]->span, NOT_TRUE_OR_FALSE, line->text, nnc_describe(e, x));
}

static void read_optimizer(nnc_elaborator *e, const nnc_syntax *line)
{
    if (has_value(e, line))
        e->optimizer_line = line;
}

static void read_augment(nnc_elaborator *e, const nnc_syntax *line)
{
    if (line->child[0]->count == 0 || !line->child[1])
        REPORT(e, line->span, AUGMENT_FORM, line->text);
}

static const struct { const char *word; void (*read)(nnc_elaborator *e, const nnc_syntax *line); } known[] = {
    {"optimizer", read_optimizer}, {"epochs", read_epochs}, {"steps", read_steps}, {"batch", read_batch}, {"measure", read_measure},
    {"validate", read_validate}, {"test", read_test}, {"stop", read_stop}, {"clip", read_clip}, {"augment", read_augment},
    {"seed", read_seed}, {"shuffle", read_shuffle}, {"stride", read_stride}};
enum { KNOWN = sizeof known / sizeof *known };

/* ---- lines together ---- */

static bool same_line(const nnc_syntax *a, const nnc_syntax *b)
{
    bool length = (strcmp(a->text, "epochs") == 0 || strcmp(a->text, "steps") == 0) && (strcmp(b->text, "epochs") == 0 || strcmp(b->text, "steps") == 0);
    return length || strcmp(a->text, b->text) == 0;
}

static bool is_augment(const nnc_syntax *line) { return strcmp(line->text, "augment") == 0; }

static void add_lines(nnc_elaborator *e, const nnc_syntax *train)
{
    for (uint32_t i = 0; train && i < train->count; i++) {
        nnc_syntax *line = train->child[i];
        const nnc_syntax *other = NULL;
        if (line->kind != NNC_SYNTAX_RECIPE_LINE)
            continue;
        for (uint32_t k = 0; k < e->lines; k++)
            if (same_line(e->line[k], line) && !is_augment(line))
                other = e->line[k];
        if (other) {
            REPORT(e, line->span, LINE_TWICE, line->text);
            nnc_note(e->session, other->span, "the first is here");
        } else {
            NNC_PUSH(e->arena, e->line, e->lines, e->line_capacity) = line;
        }
    }
}

/* The line in place of those of its word; of augment's, which may be several, in place of the file's, the first `files`. How many of the file's
 * lines are left. */
static uint32_t replace_line(nnc_elaborator *e, nnc_syntax *line, uint32_t files)
{
    uint32_t kept = 0, left = 0;
    for (uint32_t i = 0; i < e->lines; i++)
        if (!same_line(e->line[i], line) || (is_augment(line) && i >= files)) {
            left += i < files;
            e->line[kept++] = e->line[i];
        }
    e->lines = kept;
    NNC_PUSH(e->arena, e->line, e->lines, e->line_capacity) = line;
    return left;
}

static void add_command_lines(nnc_elaborator *e)
{
    uint32_t files = e->lines;
    for (uint32_t i = 0; i < e->request->recipe_lines; i++) {
        const char *text = e->request->recipe_line[i];
        nnc_syntax *line = nnc_parse_recipe_line(e->session, nnc_session_add(e->session, "-R", text, strlen(text)));
        if (line)
            files = replace_line(e, line, files);
    }
}

/* The library's lines where nothing else stands. */
static void add_defaults(nnc_elaborator *e)
{
    for (uint32_t i = 0; e->default_train && i < e->default_train->count; i++) {
        bool given = false;
        for (uint32_t k = 0; k < e->lines; k++)
            given |= same_line(e->line[k], e->default_train->child[i]);
        if (!given)
            NNC_PUSH(e->arena, e->line, e->lines, e->line_capacity) = e->default_train->child[i];
    }
}

static void read_line(nnc_elaborator *e, const nnc_syntax *line)
{
    const char *words[KNOWN];
    for (int i = 0; i < KNOWN; i++) {
        words[i] = known[i].word;
        if (strcmp(known[i].word, line->text) == 0) {
            known[i].read(e, line);
            return;
        }
    }
    REPORT(e, line->name, UNKNOWN_LINE, line->text);
    const char *nearest = nnc_nearest(line->text, words, KNOWN);
    if (nearest)
        nnc_help(e->session, "did you mean %s?", nearest);
    else
        nnc_help(e->session, "a recipe's lines are optimizer, epochs, steps, batch, measure, validate, test, stop, clip, augment, seed, shuffle, stride");
}

/* Where the parts are said: the later line, one of the command line before one of the file. */
static nnc_span parts_span(const nnc_elaborator *e)
{
    nnc_span span = {0};
    for (uint32_t i = 0; i < e->lines; i++)
        if ((strcmp(e->line[i]->text, "validate") == 0 || strcmp(e->line[i]->text, "test") == 0) && e->line[i]->span.file >= span.file)
            span = e->line[i]->span;
    return span;
}

void nnc_read_recipe(nnc_elaborator *e)
{
    nnc_recipe *r = &e->model->recipe;
    *r = (nnc_recipe){.epochs = 20, .batch = 32, .measure_epochs = 1, .seed = 1, .shuffle = true, .stride = 1};
    e->at = (nnc_context){.scope = nnc_new_scope(e, &e->user, "", NNC_BODY_FN)};
    e->no_example = true;
    add_lines(e, e->train_syntax);
    add_command_lines(e);
    add_defaults(e);
    for (uint32_t i = 0; i < e->lines; i++)
        read_line(e, e->line[i]);
    if (r->validate + r->test >= 1)
        REPORT(e, parts_span(e), NOTHING_LEFT, "validate and test");
    if (r->validate_folds && r->validate_folds == r->test_folds && r->validate_fold == r->test_fold)
        REPORT(e, parts_span(e), SAME_FOLD, "validate and test");
    e->augmented = NNC_ARRAY(e->arena, bool, e->lines + 1);
    e->no_example = false;
}

/* ---- augmentation ---- */

static bool is_declared_later(const nnc_elaborator *e, const char *name)
{
    const nnc_syntax *body = e->model_syntax->child[0];
    if (nnc_find_declaration(e, name) >= 0)
        return false;
    for (uint32_t i = 0; i < body->count; i++)
        if ((body->child[i]->kind == NNC_SYNTAX_INPUT || body->child[i]->kind == NNC_SYNTAX_TARGET) && strcmp(body->child[i]->text, name) == 0)
            return true;
    return false;
}

static bool waits(const nnc_elaborator *e, const nnc_syntax *s)
{
    if (s && s->kind == NNC_SYNTAX_NAME && is_declared_later(e, s->text))
        return true;
    for (uint32_t i = 0; s && i < s->count; i++)
        if (waits(e, s->child[i]))
            return true;
    return false;
}

static bool ready(const nnc_elaborator *e, const nnc_syntax *line)
{
    for (uint32_t i = 0; i < line->child[0]->count; i++)
        if (nnc_find_declaration(e, line->child[0]->child[i]->text) < 0)
            return false;
    return !waits(e, line->child[1]);
}

static void rewrite(nnc_elaborator *e, const nnc_syntax *name, nnc_entity *x, nnc_span span)
{
    nnc_local *local = nnc_find_local(&e->at.scope->locals, name->text);
    nnc_value v, declared;
    if (!local || nnc_is_poison(x) || !nnc_value_of(e, local->entity, span, &declared) || !nnc_value_of(e, x, span, &v))
        return;
    bool same = v.rank == declared.rank && memcmp(v.extent, declared.extent, v.rank * sizeof *v.extent) == 0 && v.element == declared.element &&
                v.classes == declared.classes;
    if (!same) {
        REPORT(e, span, AUGMENT_SHAPE, name->text, nnc_describe(e, local->entity), nnc_describe(e, x));
        return;
    }
    nnc_materialise(e, x, nnc_arena_format(e->arena, "%s.augmented", name->text));
    x->value.drawn = false;
    local->entity = x;
}

static void augment_line(nnc_elaborator *e, const nnc_syntax *line)
{
    const nnc_syntax *names = line->child[0];
    const char *hint = nnc_arena_format(e->arena, "%s.augmented", names->child[0]->text);
    uint32_t made = e->mades;
    nnc_entity *x = nnc_evaluate_settled(e, line->child[1], hint);
    if (nnc_is_poison(x))
        return;
    if (e->mades > made) {
        REPORT(e, line->child[1]->span, AUGMENT_TRAINS, nnc_tensor_at(e->p, e->made[made]->tensor)->name);
        return;
    }
    if (names->count == 1 && x->kind != NNC_ENTITY_TUPLE) {
        rewrite(e, names->child[0], x, line->child[1]->span);
    } else if (x->kind == NNC_ENTITY_TUPLE && x->items == names->count) {
        for (uint32_t i = 0; i < names->count; i++)
            rewrite(e, names->child[i], x->item[i], line->child[1]->span);
    } else {
        REPORT(e, line->child[1]->span, VALUE_COUNT, nnc_values_text(e, names->count), nnc_describe(e, x));
    }
}

void nnc_augment(nnc_elaborator *e)
{
    for (uint32_t i = 0; i < e->lines && e->graph == 1; i++) {
        const nnc_syntax *line = e->line[i];
        if (!is_augment(line) || e->augmented[i] || line->child[0]->count == 0 || !line->child[1] || !ready(e, line))
            continue;
        e->augmented[i] = true;
        augment_line(e, line);
    }
}

void nnc_check_augment(nnc_elaborator *e)
{
    for (uint32_t i = 0; i < e->lines; i++) {
        const nnc_syntax *names = e->line[i]->child[0];
        for (uint32_t k = 0; is_augment(e->line[i]) && !e->augmented[i] && k < names->count; k++)
            if (nnc_find_declaration(e, names->child[k]->text) < 0)
                REPORT(e, names->child[k]->span, AUGMENT_UNKNOWN, names->child[k]->text);
    }
}

/* ---- -D and lets ---- */

static nnc_definition *find_let(const nnc_elaborator *e, const char *name)
{
    nnc_definition *d = nnc_globals_find(&e->user, name);
    return d && d->syntax->kind == NNC_SYNTAX_LET ? d : NULL;
}

static void apply_define(nnc_elaborator *e, nnc_define_value *define)
{
    nnc_definition *d = find_let(e, define->name);
    if (!d) {
        const char **names = NNC_ARRAY(e->arena, const char *, e->user.count + 1);
        size_t count = 0;
        for (uint32_t i = 0; i < e->user.count; i++)
            if (e->user.definition[i]->syntax->kind == NNC_SYNTAX_LET)
                names[count++] = e->user.definition[i]->name;
        REPORT(e, (nnc_span){0}, UNKNOWN_DEFINE, define->name);
        const char *nearest = nnc_nearest(define->name, names, count);
        if (nearest)
            nnc_help(e->session, "did you mean %s?", nearest);
        return;
    }
    define->used = true;
    const nnc_syntax *s = nnc_parse_expression(e->session, nnc_session_add(e->session, "-D", define->value, strlen(define->value)));
    nnc_entity *x = s ? nnc_evaluate(e, s) : &e->poison;
    if (!nnc_is_poison(x) && x->kind != NNC_ENTITY_NUMBER) {
        REPORT(e, s->span, LET_NOT_A_NUMBER, define->name, nnc_describe(e, x));
        x = &e->poison;
    }
    d->entity = x;
}

void nnc_apply_defines(nnc_elaborator *e)
{
    e->at = (nnc_context){.scope = nnc_new_scope(e, &e->user, "", NNC_BODY_FN)};
    e->no_example = true;
    for (uint32_t i = 0; i < e->request->defines; i++)
        apply_define(e, &e->request->define[i]);
    for (uint32_t i = 0; i < e->request->defines; i++) {
        nnc_definition *d = find_let(e, e->request->define[i].name);
        const nnc_entity *own = d ? nnc_evaluate(e, d->syntax->child[0]) : NULL;
        if (own && own->kind == NNC_ENTITY_NUMBER && d->entity->kind == NNC_ENTITY_NUMBER && own->boolean != d->entity->boolean) {
            REPORT(e, (nnc_span){0}, DEFINE_KIND, d->name, own->boolean ? "true or false" : "a number", e->request->define[i].value);
            d->entity = &e->poison;
        }
    }
    e->no_example = false;
}

void nnc_list_lets(nnc_elaborator *e)
{
    nnc_model *m = e->model;
    e->at = (nnc_context){.scope = nnc_new_scope(e, &e->user, "", NNC_BODY_FN)};
    for (uint32_t i = 0; i < e->user.count; i++) {
        const nnc_definition *d = e->user.definition[i];
        if (d->syntax->kind != NNC_SYNTAX_LET)
            continue;
        const nnc_entity *x = nnc_look_up(e, d->name, d->syntax->span);
        if (x->kind == NNC_ENTITY_NUMBER)
            NNC_PUSH(e->arena, m->let, m->lets, e->let_capacity) =
                (nnc_define_value){d->name, x->boolean ? (x->number != 0 ? "true" : "false") : nnc_number_text(e, x->number), true};
    }
}
