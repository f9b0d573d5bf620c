/* Files: the library, the model's own, those it uses; and definitions that use themselves. */
#include <string.h>
#include "model/internal.h"

static bool is_definition(nnc_syntax_kind kind)
{
    return kind == NNC_SYNTAX_LET || kind == NNC_SYNTAX_FN || kind == NNC_SYNTAX_LAYER || kind == NNC_SYNTAX_INIT || kind == NNC_SYNTAX_OPTIMIZER;
}

/* Adds it under its name unless that is taken, which is reported. */
static void add_definition(nnc_elaborator *e, nnc_globals *globals, nnc_definition new)
{
    const nnc_definition *old = nnc_globals_find(globals, new.name);
    if (old) {
        REPORT(e, new.place, DEFINED_TWICE, new.name);
        nnc_note(e->session, old->place, "%s is defined here", new.name);
        return;
    }
    nnc_definition *d = NNC_NEW(e->arena, nnc_definition);
    *d = new;
    d->globals = globals;
    nnc_globals_add(e, globals, d);
}

static void outline_library(nnc_elaborator *e, uint32_t file)
{
    nnc_outline outline = nnc_outline_of(e->session, file);
    for (uint32_t i = 0; i < outline.count; i++) {
        const nnc_outline_item *item = &outline.item[i];
        if (is_definition(item->kind))
            add_definition(e, &e->library, (nnc_definition){.name = item->text, .place = item->name, .item = item->span});
        else if (item->kind == NNC_SYNTAX_TRAIN)
            e->default_train = nnc_parse_item(e->session, item->span);
    }
}

void nnc_load_library(nnc_elaborator *e)
{
    const nnc_model_request *r = e->request;
    e->library.session = e->session;
    for (uint32_t i = 0; r->library_name && r->library_name[i]; i++)
        outline_library(e, nnc_session_add(e->session, r->library_name[i], r->library_text[i], strlen(r->library_text[i])));
    e->first_user_file = e->session->sources;
}

/* ---- the user's files ---- */

/* Takes `.`, doubled slashes and `NAME/..` out, in place, so that one file has one name. */
static void simplify_path(char *path)
{
    char *to = path + (*path == '/');
    for (const char *p = to; *p;) {
        size_t length = strcspn(p, "/");
        bool up = length == 2 && p[0] == '.' && p[1] == '.', one = length == 1 && p[0] == '.';
        char *last = to;
        while (last > path && (last == to || last[-1] != '/'))
            last--;
        bool goes_back = up && last < to && last[0] != '/' && !(last[0] == '.' && last[1] == '.' && last + 3 == to);
        if (goes_back)
            to = last;
        else if (length && !one) {
            memmove(to, p, length);
            to += length;
            if (p[length])
                *to++ = '/';
        }
        p += length + (p[length] == '/');
    }
    *to = 0;
}

/* `file` as seen from `from`: beside it, unless absolute. */
static const char *beside(nnc_elaborator *e, const char *from, const char *file)
{
    const char *slash = strrchr(from, '/');
    char *path = *file == '/' || !slash ? nnc_arena_string(e->arena, file)
                                        : nnc_arena_format(e->arena, "%.*s%s", (int)(slash - from + 1), from, file);
    simplify_path(path);
    return path;
}

static bool was_used(nnc_elaborator *e, const char *path)
{
    for (uint32_t i = 0; i < e->useds; i++)
        if (strcmp(e->used[i], path) == 0)
            return true;
    NNC_PUSH(e->arena, e->used, e->useds, e->used_capacity) = path;
    return false;
}

static void load_items(nnc_elaborator *e, const nnc_syntax *tree, const char *path, bool main);

static void use(nnc_elaborator *e, const nnc_syntax *item, const char *from)
{
    const char *path = beside(e, from, item->text), *reason = "files cannot be read here", *text = NULL;
    size_t length = 0;
    if (was_used(e, path))
        return;
    if (e->request->read_file)
        text = e->request->read_file(e->request->context, e->arena, path, &length, &reason);
    if (!text) {
        REPORT(e, item->span, CANNOT_READ, path, reason);
        return;
    }
    uint32_t file = nnc_session_add(e->session, path, text, length);
    load_items(e, nnc_parse(e->session, file), path, false);
}

static void keep_one(nnc_elaborator *e, nnc_syntax **kept, nnc_syntax *item, const char *what)
{
    if (*kept) {
        REPORT(e, item->span, TWO_OF_THEM, what);
        nnc_note(e->session, (*kept)->span, "the first is here");
        return;
    }
    *kept = item;
}

static void load_items(nnc_elaborator *e, const nnc_syntax *tree, const char *path, bool main)
{
    for (uint32_t i = 0; i < tree->count; i++) {
        nnc_syntax *item = tree->child[i];
        if (item->kind == NNC_SYNTAX_USE)
            use(e, item, path);
        else if (is_definition(item->kind))
            add_definition(e, &e->user, (nnc_definition){.name = item->text, .place = item->name, .syntax = item});
        else if (item->kind == NNC_SYNTAX_MODEL && main)
            keep_one(e, &e->model_syntax, item, "model");
        else if (item->kind == NNC_SYNTAX_TRAIN && main)
            keep_one(e, &e->train_syntax, item, "train");
    }
}

bool nnc_load_model(nnc_elaborator *e)
{
    const nnc_model_request *r = e->request;
    const char *text = r->text, *reason = "files cannot be read here";
    size_t length = text ? strlen(text) : 0;
    if (!text && r->read_file)
        text = r->read_file(r->context, e->arena, r->path, &length, &reason);
    if (!text) {
        REPORT(e, (nnc_span){0}, CANNOT_READ, r->path, reason);
        return false;
    }
    e->model->text = text;
    e->user.outer = &e->library;
    was_used(e, beside(e, "", r->path));
    uint32_t file = nnc_session_add(e->session, r->path, text, length);
    load_items(e, nnc_parse(e->session, file), r->path, true);
    if (!e->model_syntax && e->session->errors == 0)
        REPORT(e, ((nnc_span){file, 0, 0}), NO_MODEL, r->path);
    return e->model_syntax != NULL;
}

/* ---- circles ----
 *
 * A definition uses the definitions whose names stand in its text, unless a name of its own hides them. */

enum { NEW, ACTIVE, DONE };

typedef struct search { nnc_elaborator *e; nnc_definition *chain[1000]; uint32_t length; } search;

static void visit(search *s, nnc_definition *d);

static bool names_itself(const nnc_syntax *s, const char *name)
{
    if (!s)
        return false;
    bool gives = s->kind == NNC_SYNTAX_PARAMETER || s->kind == NNC_SYNTAX_PARAM || s->kind == NNC_SYNTAX_DRAWN_PARAM || s->kind == NNC_SYNTAX_STATE ||
                 s->kind == NNC_SYNTAX_FIT;
    if (gives && s->text && strcmp(s->text, name) == 0)
        return true;
    if (s->kind == NNC_SYNTAX_DEFINE) {
        for (uint32_t i = 0; i < s->child[0]->count; i++) {
            const nnc_syntax *left = s->child[0]->child[i];
            if (left->kind == NNC_SYNTAX_SUBSCRIPT)
                left = left->child[0];
            if (left->text && strcmp(left->text, name) == 0)
                return true;
        }
    }
    if (s->kind == NNC_SYNTAX_PARAMETER && s->child[0])
        for (uint32_t i = 0; i < s->child[0]->count; i++)
            if (s->child[0]->child[i]->kind == NNC_SYNTAX_NAME && strcmp(s->child[0]->child[i]->text, name) == 0)
                return true;
    for (uint32_t i = 0; i < s->count; i++)
        if (names_itself(s->child[i], name))
            return true;
    return false;
}

static void report_circle(search *s, nnc_definition *d)
{
    nnc_text chain = {.arena = s->e->arena};
    uint32_t from = 0;
    while (from < s->length && s->chain[from] != d)
        from++;
    for (uint32_t i = from; i < s->length; i++)
        nnc_text_add(&chain, "%s uses ", s->chain[i]->name);
    nnc_text_add(&chain, "%s", d->name);
    REPORT(s->e, d->syntax->name, USES_ITSELF, d->name, nnc_text_string(&chain));
}

static void visit_names(search *s, const nnc_definition *in, const nnc_syntax *tree)
{
    if (!tree)
        return;
    if (tree->kind == NNC_SYNTAX_NAME) {
        for (const nnc_globals *g = in->globals; g; g = g->outer) {
            nnc_definition *d = nnc_globals_find(g, tree->text);
            if (!d)
                continue;
            if (d->mark != DONE && !names_itself(in->syntax, d->name))
                visit(s, d);
            return;
        }
        return;
    }
    for (uint32_t i = 0; i < tree->count; i++)
        visit_names(s, in, tree->child[i]);
}

static void visit(search *s, nnc_definition *d)
{
    if (d->mark == ACTIVE) {
        report_circle(s, d);
        s->e->hopeless = true;
        return;
    }
    if (s->length == sizeof s->chain / sizeof *s->chain)
        return;
    d->mark = ACTIVE;
    s->chain[s->length++] = d;
    for (uint32_t i = 0; i < d->syntax->count; i++)
        visit_names(s, d, d->syntax->child[i]);
    s->length--;
    d->mark = DONE;
}

void nnc_find_circles(nnc_elaborator *e)
{
    search *s = NNC_NEW(e->arena, search);
    s->e = e;
    for (uint32_t i = 0; i < e->user.count; i++)
        if (e->user.definition[i]->mark == NEW)
            visit(s, e->user.definition[i]);
}
