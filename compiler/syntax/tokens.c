/* From written tokens to those of the grammar: separators where statements end, words that lead declarations, and brackets kept balanced, so
 * that a bracket left open costs one message. */
#include <string.h>
#include "syntax/reader.h"
#include "nn.tab.h"

static bool is_one_of(int kind, const int *kinds)
{
    for (; *kinds; kinds++)
        if (*kinds == kind)
            return true;
    return false;
}

/* After these a line goes on. */
static bool leaves_open(int kind)
{
    static const int kinds[] = {',', '=', '+', '-', '*', '/', '^', '<', '>', ':', '~', ARROW, AND, OR, NOT, MOD, LE, GE, EQ, NE, IF, THEN, ELSE, 0};
    return is_one_of(kind, kinds);
}

/* With these a line goes on from the one before. */
static bool goes_on(int kind)
{
    static const int kinds[] = {'=', '+', '-', '*', '/', '^', '<', '>', '~', ARROW, AND, OR, MOD, LE, GE, EQ, NE, THEN, ELSE, 0};
    return is_one_of(kind, kinds);
}

static bool leads_item(int kind)
{
    static const int kinds[] = {USE, LET, FN, LAYER, INIT, OPTIMIZER, MODEL, TRAIN, 0};
    return is_one_of(kind, kinds);
}

static nnc_token peek(nnc_reader *r)
{
    if (r->ahead.kind < 0)
        r->ahead = nnc_raw_token(r);
    return r->ahead;
}

static nnc_token take(nnc_reader *r)
{
    nnc_token token = peek(r);
    r->ahead.kind = -1;
    return token;
}

static int give(nnc_reader *r, nnc_token *token, int kind)
{
    r->last = token->kind = kind;
    if (kind == SEP) {
        r->words = 0;
        r->after_arrow = false;
        r->in_output = false;
    }
    return kind;
}

static bool inside_brackets(const nnc_reader *r) { return r->depth > 0 && r->open[r->depth - 1].kind != '{'; }
static bool begins_statement(const nnc_reader *r) { return r->last == SEP || r->last == '{' || r->last == 0 || r->last == ENTER_FILE; }
static const char *sign_of(int kind) { return kind == '(' ? "(" : kind == '[' ? "[" : kind == '{' ? "{" : kind == ')' ? ")" : kind == ']' ? "]" : "}"; }
static int closer_of(int kind) { return kind == '(' ? ')' : kind == '[' ? ']' : '}'; }

/* Everything open is closed without being written: the outermost is reported. */
static void close_all(nnc_reader *r)
{
    if (r->depth && !r->closing && !r->stopped) {
        nnc_report(r->session, r->open[r->depth - 1].span, &NNC_SYNTAX_MESSAGE_UNCLOSED, sign_of(r->open[r->depth - 1].kind));
        r->quiet = true;
    }
    r->closing = r->depth;
}

/* A separator that nobody wrote stands where the statement's text ends. */
static int give_end(nnc_reader *r, nnc_token *token)
{
    token->span = (nnc_span){r->file, r->end, r->end};
    return give(r, token, SEP);
}

static int give_closer(nnc_reader *r, nnc_token *token)
{
    int kind = r->open[r->depth - 1].kind;
    if (kind == '{' && r->last != SEP && r->last != '{')
        return give_end(r, token);
    r->depth--;
    r->closing--;
    return give(r, token, closer_of(kind));
}

/* A word of the top level in the first column: whatever is open was left so. */
static bool starts_item(const nnc_reader *r, const nnc_token *token)
{
    const nnc_source *source = &r->session->source[r->file];
    uint32_t at = token->span.begin;
    return leads_item(token->kind) && r->depth > 0 && (at == 0 || source->text[at - 1] == '\n');
}

static int open_bracket(nnc_reader *r, nnc_token *token)
{
    if (r->depth == NNC_MAX_NESTING) {
        nnc_report(r->session, token->span, &NNC_SYNTAX_MESSAGE_TOO_NESTED, NNC_MAX_NESTING);
        r->stopped = r->quiet = true;
        r->depth = 0;
        return give(r, token, 0);
    }
    r->open[r->depth].kind = token->kind;
    r->open[r->depth++].span = token->span;
    return give(r, token, token->kind);
}

/* The innermost open bracket that a closer of this kind can mean; -1 for none. Only `}` reaches beyond a `{`, and finds it. */
static int partner_of(const nnc_reader *r, int closer)
{
    for (int i = r->depth - 1; i >= 0; i--)
        if (closer_of(r->open[i].kind) == closer)
            return i;
        else if (r->open[i].kind == '{')
            return -1;
    return -1;
}

static int close_bracket(nnc_reader *r, nnc_token *token)
{
    if (r->depth == 0) {
        if (!r->outside)
            nnc_report(r->session, token->span, &NNC_SYNTAX_MESSAGE_UNOPENED, sign_of(token->kind));
        r->quiet = true;
        r->ahead.kind = -1;
        return nnc_next_token(r, token);
    }
    int opened = r->open[r->depth - 1].kind, partner = partner_of(r, token->kind);
    if (partner < 0) {
        nnc_report(r->session, token->span, &NNC_SYNTAX_MESSAGE_UNOPENED, sign_of(token->kind));
        r->quiet = true;
        r->ahead.kind = -1;
        return nnc_next_token(r, token);
    }
    if (closer_of(opened) != token->kind) {
        if (token->kind == '}') {
            nnc_report(r->session, r->open[r->depth - 1].span, &NNC_SYNTAX_MESSAGE_UNCLOSED, sign_of(opened));
        } else {
            nnc_report(r->session, token->span, &NNC_SYNTAX_MESSAGE_MISMATCHED, sign_of(token->kind), sign_of(opened));
            nnc_note(r->session, r->open[r->depth - 1].span, "it is opened here");
        }
        r->quiet = true;
        r->closing = r->depth - 1 - partner;
        return give_closer(r, token);
    }
    r->depth--;
    r->ahead.kind = -1;
    r->end = token->span.end;
    return give(r, token, token->kind);
}

static int declaration_word(const nnc_token *token, const nnc_token *next)
{
    static const struct { const char *word; int kind; } words[] = {{"input", INPUT}, {"target", TARGET}, {"output", OUTPUT}, {"metric", METRIC},
                                                                   {"param", PARAM}, {"state", STATE},   {"fit", FIT},       {"ignore", IGNORE}, {"require", REQUIRE}};
    bool names = next->kind == NAME || next->kind == ROWS || next->kind == FROM || next->kind == CLASS || next->kind == STRING || leads_item(next->kind) ||
                 (next->kind >= LOSS && next->kind <= FALSE && next->kind != THEN && next->kind != ELSE && next->kind != AND && next->kind != OR && next->kind != MOD);
    for (size_t i = 0; names && i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, token->text) == 0 && (next->kind == STRING) == (words[i].kind == IGNORE))
            return words[i].kind;
    return (next->kind == NUMBER || next->kind == '(') && strcmp(token->text, "require") == 0 ? REQUIRE : NAME;
}

static int give_name(nnc_reader *r, nnc_token *token)
{
    nnc_token next = peek(r);
    int kind = begins_statement(r) ? declaration_word(token, &next) : NAME;
    if (r->in_output && r->last != OUTPUT && strcmp(token->text, "of") == 0 && next.kind == NAME)
        kind = OF;
    r->in_output = r->in_output || kind == OUTPUT;
    return give(r, token, kind);
}

static void note_token(nnc_reader *r, const nnc_token *token)
{
    int kind = token->kind;
    r->after_arrow = kind == ARROW || (r->after_arrow && kind != SEP);
    if (kind == '=')
        r->in_output = false;
    if (begins_statement(r)) {
        r->words = 0;
        r->first = *token;
        r->quiet = r->quiet && r->closing > 0;
        r->outside = r->outside && !(r->depth == 0 && leads_item(token->kind));
    }
    r->end = token->span.end;
    if (++r->words == NNC_MAX_WORDS) {
        nnc_report(r->session, peek(r).span, &NNC_SYNTAX_MESSAGE_TOO_LONG, NNC_MAX_WORDS);
        r->stopped = true;
    }
}

/* Line ends and semicolons: a separator, or nothing where the statement goes on. True where it is one. */
static bool ends_statement(nnc_reader *r, nnc_token *token)
{
    bool ends = false;
    while (peek(r).kind == '\n' || peek(r).kind == ';') {
        *token = take(r);
        ends |= token->kind == ';' || (!inside_brackets(r) && !leaves_open(r->last));
    }
    return ends && r->last != SEP && r->last != '{' && !goes_on(peek(r).kind);
}

static int next_token(nnc_reader *r, nnc_token *token)
{
    if (r->entry) {
        int entry = r->entry;
        r->entry = 0;
        *token = (nnc_token){entry, {r->file, 0, 0}, ""};
        return give(r, token, entry), r->last = 0, entry;
    }
    if (ends_statement(r, token))
        return give(r, token, SEP);
    *token = peek(r);
    if (r->closing == 0 && r->depth > 0 && (token->kind == 0 || starts_item(r, token)))
        close_all(r);
    if (r->closing > 0)
        return give_closer(r, token);
    if (token->kind == 0)
        return r->last != SEP && r->last != 0 ? give_end(r, token) : give(r, token, 0);
    if (token->kind == '}' && !inside_brackets(r) && r->last != SEP && r->last != '{')
        return give_end(r, token);
    if (token->kind == ')' || token->kind == ']' || token->kind == '}')
        return close_bracket(r, token);
    *token = take(r);
    note_token(r, token);
    if (token->kind == '(' || token->kind == '[' || token->kind == '{')
        return open_bracket(r, token);
    return token->kind == NAME ? give_name(r, token) : give(r, token, token->kind);
}

int nnc_next_token(nnc_reader *r, nnc_token *token)
{
    int kind = next_token(r, token);
    while (r->recovering && kind && (r->depth > r->level || (kind == '}' && r->depth == r->level && r->level > 0)))
        kind = next_token(r, token);
    if (kind == SEP || kind == '}')
        r->recovering = false;
    return kind;
}

/* ---- after a syntax error ---- */

static int level_at(const nnc_reader *r, int kind) { return r->depth - (kind == '(' || kind == '[' || kind == '{'); }

bool nnc_begins_line(const nnc_reader *r, nnc_span token)
{
    const nnc_source *source = &r->session->source[r->file];
    uint32_t at = token.begin;
    while (at > 0 && (source->text[at - 1] == ' ' || source->text[at - 1] == '\t' || source->text[at - 1] == '\r'))
        at--;
    return at == 0 || source->text[at - 1] == '\n';
}

const nnc_span *nnc_left_open(const nnc_reader *r, nnc_span token, int kind)
{
    int level = level_at(r, kind);
    return level > 0 && r->open[level - 1].kind != '{' && nnc_begins_line(r, token) ? &r->open[level - 1].span : NULL;
}

void nnc_recover(nnc_reader *r, int kind, bool left_open)
{
    int level = level_at(r, kind);
    while (level > 0 && r->open[level - 1].kind != '{')
        level--;
    r->recovering = kind != SEP && kind != '}';
    r->level = level;
    if (left_open)
        r->depth = level;
}

/* What was probably meant. */
void nnc_stray(nnc_reader *r, nnc_span span, const char *text)
{
    static const char *const meant[][2] = {{"&", "and"}, {"&&", "and"}, {"|", "or"}, {"||", "or"}, {"!", "not"}, {"**", "^"}, {"|>", "->"},
                                           {"\\", "\"\" for a quote within a string"}, {"//", "# before a comment, or floor(a / b)"}, {"\xe2\x89\xa4", "<="}, {"\xe2\x89\xa5", ">="}, {"\xe2\x89\xa0", "!="},
                                           {"\xc3\x97", "*"}, {"\xc2\xb7", "*"}, {"\xe2\x88\x92", "-"}, {"\xe2\x86\x92", "->"}};
    nnc_report(r->session, span, &NNC_SYNTAX_MESSAGE_STRAY_CHARACTER, text);
    r->quiet = true;
    for (size_t i = 0; i < sizeof meant / sizeof *meant; i++)
        if (strcmp(meant[i][0], text) == 0)
            nnc_help(r->session, "write %s", meant[i][1]);
}
