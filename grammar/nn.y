/* The grammar of docs/language.md. No conflicts. Separators (SEP) are put in by the token reader (compiler/syntax/tokens.c); the words
 * input, target, output, metric, param, state, fit, ignore and `of` are tokens only where they lead a declaration. Index lists and left
 * sides are read as expressions and checked in nodes.c. */
%code requires {
#include "syntax/reader.h"
}
%code {
#include "base/text.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static int yylex(YYSTYPE *value, nnc_span *span, nnc_reader *r);
static void yyerror(const nnc_span *span, nnc_reader *r, const char *message);
#define YYLLOC_DEFAULT(current, rhs, n)                                                              \
    do {                                                                                             \
        if (n)                                                                                       \
            (current) = nnc_span_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n));                           \
        else                                                                                         \
            (current) = (nnc_span){YYRHSLOC(rhs, 0).file, YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, 0).end}; \
    } while (0)
#define NODE(kind, span, ...) nnc_syntax_new(r, NNC_SYNTAX_##kind, span, __VA_ARGS__)
#define LIST(span) NODE(LIST, span, NULL, 0)
#define ADD(list, item) nnc_syntax_append(r, list, item)
#define OPERATOR(span, sign, a, b) NODE(BINARY, span, sign, 2, a, b)
}
%define api.pure full
%define api.prefix {nnc_yy}
%define api.location.type {nnc_span}
%define api.value.type {nnc_syntax *}
%define parse.error custom
%locations
%param {nnc_reader *r}
%expect 0
%token YYEOF 0 "the end of the text"
%token NAME "a name" PRIMED "a name with a prime" NUMBER "a number" STRING "a string" SEP "the end of the line"
%token USE "use" LET "let" FN "fn" LAYER "layer" INIT "init" OPTIMIZER "optimizer" MODEL "model" TRAIN "train" LOSS "loss" SCAN "scan"
%token IF "if" THEN "then" ELSE "else" AND "and" OR "or" NOT "not" MOD "mod" TRUE "true" FALSE "false"
%token INPUT "input" TARGET "target" OUTPUT "output" METRIC "metric" PARAM "param" STATE "state" FIT "fit" IGNORE "ignore" REQUIRE "require" OF "of"
%token ROWS "rows" FROM "from" CLASS "class"
%token ARROW "->" DOTDOT ".." LE "<=" GE ">=" EQ "==" NE "!="
%token ENTER_FILE ENTER_LINE ENTER_EXPRESSION
%%
start: ENTER_FILE seps items { r->result = $items; }
  | ENTER_LINE seps line SEP { r->result = $line; }
  | ENTER_EXPRESSION seps expr SEP { r->result = $expr; } ;
seps: %empty { $$ = NULL; } | seps SEP { $$ = NULL; } ;

items: %empty { $$ = NODE(FILE, @$, NULL, 0); } | items item seps { $$ = ADD($1, $2); } ;
item: USE STRING SEP { $$ = NODE(USE, @2, $2->text, 0); }
  | LET name '=' expr SEP { $$ = nnc_syntax_named(NODE(LET, @$, NULL, 1, $4), $2); }
  | FN name params body { $$ = nnc_syntax_named(NODE(FN, @$, NULL, 2, $3, $4), $2); }
  | LAYER name params body { $$ = nnc_syntax_named(NODE(LAYER, @$, NULL, 3, NULL, $3, $4), $2); }
  | LAYER name params params body { $$ = nnc_syntax_named(NODE(LAYER, @$, NULL, 3, $3, $4, $5), $2); }
  | INIT name '=' expr SEP { $$ = nnc_syntax_named(NODE(INIT, @$, NULL, 2, LIST(@2), $4), $2); }
  | INIT name params '=' expr SEP { $$ = nnc_syntax_named(NODE(INIT, @$, NULL, 2, $3, $5), $2); }
  | OPTIMIZER name params params block { $$ = nnc_syntax_named(NODE(OPTIMIZER, @$, NULL, 3, $3, $4, $5), $2); }
  | MODEL name block { $$ = nnc_syntax_named(NODE(MODEL, @$, NULL, 1, $3), $2); }
  | TRAIN '{' seps lines '}' { $$ = $4; $$->span = @$; }
  | error SEP { $$ = NULL; yyerrok; }
  | error '}' { $$ = NULL; yyerrok; } ;

word: NAME | ROWS | FROM | CLASS ;
name: word { $$ = $1; } ;
params: '(' ')' { $$ = LIST(@$); } | '(' param_list ')' { $$ = $2; } ;
param_list: param { $$ = ADD(LIST(@1), $1); } | param_list ',' param { $$ = ADD($1, $3); } ;
param: name dims_opt type_opt { $$ = nnc_syntax_named(NODE(PARAMETER, @$, NULL, 3, $2, $3, NULL), $1); }
  | name dims_opt type_opt '=' expr { $$ = nnc_syntax_named(NODE(PARAMETER, @$, NULL, 3, $2, $3, $5), $1); } ;
dims_opt: %empty { $$ = NULL; } | '[' dims ']' { $$ = $2; } ;
dims: dim { $$ = ADD(LIST(@1), $1); } | dims ',' dim { $$ = ADD($1, $3); } ;
dim: expr { $$ = $1; }
  | DOTDOT { $$ = NODE(DOTS, @$, NULL, 0); }
  | expr ROWS { $$ = NODE(ROWS, @$, NULL, 2, $1, NULL); }
  | expr ROWS FROM expr { $$ = NODE(ROWS, @$, NULL, 2, $1, $4); } ;
type_opt: %empty { $$ = NULL; }
  | ':' CLASS else_opt { $$ = NODE(CLASS, @$, $3 ? $3->text : NULL, 1, NULL); }
  | ':' CLASS '(' expr ')' else_opt { $$ = NODE(CLASS, @$, $6 ? $6->text : NULL, 1, $4); } ;
else_opt: %empty { $$ = NULL; } | ELSE STRING { $$ = $2; } ;

body: block { $$ = $1; } | '=' expr SEP { $$ = ADD(LIST(@2), NODE(VALUE, @2, NULL, 1, $2)); } ;
block: '{' seps statements '}' { $$ = $3; $$->span = @$; } ;
statements: %empty { $$ = LIST(@$); } | statements statement SEP seps { $$ = ADD($1, $2); yyerrok; } ;
statement: INPUT name dims_opt type_opt from_opt { $$ = nnc_syntax_named(NODE(INPUT, @$, NULL, 3, $3, $4, $5), $2); }
  | TARGET name dims_opt type_opt from_opt { $$ = nnc_syntax_named(NODE(TARGET, @$, NULL, 3, $3, $4, $5), $2); }
  | IGNORE strings { $$ = $2; $$->kind = NNC_SYNTAX_IGNORE; $$->span = @$; }
  | PARAM name dims_opt '~' expr { $$ = nnc_syntax_named(NODE(DRAWN_PARAM, @$, NULL, 2, $3, $5), $2); }
  | PARAM name dims_opt '=' expr { $$ = nnc_syntax_named(NODE(PARAM, @$, NULL, 2, $3, $5), $2); }
  | STATE name dims_opt type_opt '=' expr { $$ = nnc_syntax_named(NODE(STATE, @$, NULL, 3, $3, $4, $6), $2); }
  | FIT name dims_opt '=' expr { $$ = nnc_syntax_named(NODE(FIT, @$, NULL, 2, $3, $5), $2); }
  | REQUIRE expr { $$ = NODE(REQUIRE, @$, NULL, 1, $2); }
  | LOSS expr { $$ = NODE(LOSS, @$, NULL, 1, $2); }
  | OUTPUT name dims_opt of_opt '=' expr { $$ = nnc_syntax_named(NODE(OUTPUT, @$, NULL, 3, $3, $6, $4), $2); }
  | METRIC name '=' expr { $$ = nnc_syntax_named(NODE(METRIC, @$, NULL, 1, $4), $2); }
  | METRIC name arguments { $$ = nnc_syntax_named(NODE(METRIC, @$, NULL, 1, nnc_syntax_call(r, nnc_span_join(@2, @3), $2, $3->child[0], $3->child[1])), $2); }
  | exprs '=' expr { $$ = nnc_syntax_define(r, @$, $1, $3); }
  | exprs { $$ = NODE(VALUE, @$, NULL, 1, $1->count == 1 ? $1->child[0] : ($1->kind = NNC_SYNTAX_TUPLE, $1)); }
  | error { $$ = NODE(ERROR, @$, NULL, 0); } ;
from_opt: %empty { $$ = LIST(@$); } | FROM strings { $$ = $2; } ;
of_opt: %empty { $$ = NULL; } | OF name { $$ = $2; } ;
strings: STRING { $$ = ADD(LIST(@1), $1); } | strings ',' STRING { $$ = ADD($1, $3); } ;

lines: %empty { $$ = NODE(TRAIN, @$, NULL, 0); } | lines line SEP seps { $$ = ADD($1, $2); yyerrok; } ;
line: OPTIMIZER expr { $$ = NODE(RECIPE_LINE, @$, "optimizer", 3, LIST(@1), $2, NULL); $$->name = @1; }
  | NAME expr { $$ = nnc_syntax_named(NODE(RECIPE_LINE, @$, NULL, 3, LIST(@1), $2, NULL), $1); }
  | NAME expr NAME { $$ = nnc_syntax_named(NODE(RECIPE_LINE, @$, NULL, 3, LIST(@1), $2, $3), $1); }
  | NAME names '=' expr { $$ = nnc_syntax_named(NODE(RECIPE_LINE, @$, NULL, 3, $2, $4, NULL), $1); }
  | NAME { $$ = nnc_syntax_named(NODE(RECIPE_LINE, @$, NULL, 3, LIST(@1), NULL, NULL), $1); }
  | error { $$ = NULL; } ;
names: name { $$ = ADD(LIST(@1), $1); } | names ',' name { $$ = ADD($1, $3); } ;

exprs: expr { $$ = ADD(LIST(@1), $1); } | exprs ',' expr { $$ = ADD($1, $3); } ;
expr: arrow | IF expr THEN expr ELSE expr { $$ = NODE(IF, @$, NULL, 3, $2, $4, $6); } ;
arrow: or | arrow ARROW target { $$ = NODE(ARROW, @$, NULL, 2, $1, $3); } ;
target: path
  | target arguments { $$ = nnc_syntax_call(r, @$, $1, $2->child[0], $2->child[1]); } ;
path: name | path '.' name { $$ = nnc_syntax_named(NODE(DOT, @$, NULL, 1, $1), $3); } ;
or: and | or OR and { $$ = OPERATOR(@$, "or", $1, $3); } ;
and: not | and AND not { $$ = OPERATOR(@$, "and", $1, $3); } ;
not: compare | NOT not { $$ = NODE(UNARY, @$, "not", 1, $2); } ;
compare: sum | sum '<' sum { $$ = OPERATOR(@$, "<", $1, $3); } | sum '>' sum { $$ = OPERATOR(@$, ">", $1, $3); }
  | sum LE sum { $$ = OPERATOR(@$, "<=", $1, $3); } | sum GE sum { $$ = OPERATOR(@$, ">=", $1, $3); }
  | sum EQ sum { $$ = OPERATOR(@$, "==", $1, $3); } | sum NE sum { $$ = OPERATOR(@$, "!=", $1, $3); } ;
sum: product | sum '+' product { $$ = OPERATOR(@$, "+", $1, $3); } | sum '-' product { $$ = OPERATOR(@$, "-", $1, $3); } ;
product: unary | product '*' unary { $$ = OPERATOR(@$, "*", $1, $3); } | product '/' unary { $$ = OPERATOR(@$, "/", $1, $3); }
  | product MOD unary { $$ = OPERATOR(@$, "mod", $1, $3); } ;
unary: power | '-' unary { $$ = NODE(UNARY, @$, "-", 1, $2); } ;
power: postfix | postfix '^' unary { $$ = OPERATOR(@$, "^", $1, $3); } ;
postfix: primary
  | postfix arguments { $$ = nnc_syntax_call(r, @$, $1, $2->child[0], $2->child[1]); }
  | postfix '[' subs ']' { $$ = NODE(SUBSCRIPT, @$, NULL, 2, $1, $3); }
  | postfix '.' name { $$ = nnc_syntax_named(NODE(DOT, @$, NULL, 1, $1), $3); } ;
/* a pair: the arguments, and what stands after a colon */
arguments: '(' ')' { $$ = NODE(LIST, @$, NULL, 2, LIST(@$), NULL); }
  | '(' args ')' { $$ = NODE(LIST, @$, NULL, 2, $2, NULL); }
  | '(' args ':' expr ')' { $$ = NODE(LIST, @$, NULL, 2, $2, $4); } ;
args: arg { $$ = ADD(LIST(@1), $1); } | args ',' arg { $$ = ADD($1, $3); } ;
arg: expr | DOTDOT { $$ = NODE(DOTS, @$, NULL, 0); } | name '=' expr { $$ = nnc_syntax_named(NODE(NAMED, @$, NULL, 1, $3), $1); } ;
subs: sub { $$ = ADD(LIST(@1), $1); } | subs ',' sub { $$ = ADD($1, $3); } ;
sub: expr | DOTDOT { $$ = NODE(DOTS, @$, NULL, 0); } ;
primary: NUMBER | name | PRIMED
  | TRUE { $$ = NODE(BOOLEAN, @$, "true", 0); } | FALSE { $$ = NODE(BOOLEAN, @$, "false", 0); }
  | '(' expr ')' { $$ = $2; }
  | '(' expr ',' exprs ')' { $$ = NODE(TUPLE, @$, NULL, 1, $2); for (uint32_t i = 0; i < $4->count; i++) ADD($$, $4->child[i]); $$->span = @$; }
  | '[' exprs ']' { $$ = $2; $$->kind = NNC_SYNTAX_LITERAL; $$->span = @$; }
  | SCAN name '<' sum block { $$ = nnc_syntax_named(NODE(SCAN, @$, NULL, 2, $4, $5), $2); } ;
%%
static int yylex(YYSTYPE *value, nnc_span *span, nnc_reader *r)
{
    nnc_token token;
    int kind = nnc_next_token(r, &token);
    *span = token.span;
    *value = NULL;
    switch (kind) {
    case NAME: case ROWS: case FROM: case CLASS: *value = NODE(NAME, token.span, token.text, 0); break;
    case PRIMED: *value = NODE(PRIMED, token.span, token.text, 0); break;
    case STRING: *value = NODE(STRING, token.span, token.text, 0); break;
    case NUMBER: {
        char *end;
        *value = NODE(NUMBER, token.span, token.text, 0);
        (*value)->number = strtod(token.text, &end);
        if (*end == '%')
            (*value)->number /= 100;
        break;
    }
    default: break;
    }
    return kind;
}

static bool is_operator(int kind)
{
    static const int kinds[] = {'+', '-', '*', '/', '<', '>', '^', LE, GE, EQ, NE, AND, OR, MOD};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i] == kind)
            return true;
    return false;
}

/* Words that are reserved and can be mistaken for names. */
static bool is_reserved(int kind)
{
    return (kind >= USE && kind <= SCAN) || kind == TRUE || kind == FALSE;
}

/* The first word of a statement leads a definition or a recipe, and no `=` makes it a name. */
static bool is_misplaced_item(const nnc_reader *r, nnc_span span, int kind)
{
    const char *next = r->session->source[r->file].text + span.end;
    return kind >= USE && kind <= TRAIN && r->words == 1 && r->depth > 0 && next[strspn(next, " \t")] != '=';
}

/* What could stand here; the words that serve as names too are left out where a name could. */
static int could_stand(const yypcontext_t *context, yysymbol_kind_t *could, int room, bool *name)
{
    int count = yypcontext_expected_tokens(context, could, room), kept = 0;
    *name = false;
    for (int i = 0; i < count; i++)
        *name |= could[i] == YYSYMBOL_NAME;
    for (int i = 0; i < count; i++)
        if (!*name || (could[i] != YYSYMBOL_ROWS && could[i] != YYSYMBOL_FROM && could[i] != YYSYMBOL_CLASS))
            could[kept++] = could[i];
    return kept;
}

/* In few words; NULL where too much could. */
static const char *expected(nnc_arena *arena, const yysymbol_kind_t *could, int count)
{
    nnc_text text = {.arena = arena};
    if (count <= 0 || count > 4)
        return NULL;
    for (int i = 0; i < count; i++)
        nnc_text_add(&text, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", yysymbol_name(could[i]));
    return nnc_text_string(&text);
}

/* What was found, as it is written. */
static const char *found_text(const nnc_reader *r, nnc_span span, int kind)
{
    enum { MOST = 40 };
    const char *text = r->session->source[r->file].text + span.begin;
    int length = (int)(span.end - span.begin);
    if (kind == SEP)
        return "the end of the line";
    if (kind == 0)
        return "the end of the text";
    return nnc_arena_format(&r->session->arena, "`%.*s%s`", length > MOST ? MOST : length, text, length > MOST ? ".." : "");
}

/* `input loss`: the column may be called so, the declaration not. */
static bool suggest_from(nnc_reader *r, nnc_span span)
{
    const char *word = r->session->source[r->file].text + span.begin;
    int length = (int)(span.end - span.begin);
    if (!isalpha((unsigned char)*word) || (strcmp(r->first.text, "input") != 0 && strcmp(r->first.text, "target") != 0))
        return false;
    nnc_help(r->session, "give it another name, and the column by `from`: %s my_%.*s from \"%.*s\"", r->first.text, length, word, length, word);
    return true;
}

/* The word that leads a definition and is nearest to the statement's first; NULL for none. */
static const char *nearest_item(const nnc_reader *r)
{
    static const char *const items[] = {"use", "let", "fn", "layer", "init", "optimizer", "model", "train"};
    return r->first.kind == NAME ? nnc_nearest(r->first.text, items, sizeof items / sizeof *items) : NULL;
}

/* A definition's or model's first line, then, and no statement that has strayed. */
static bool opens_brace(const nnc_reader *r, nnc_span span)
{
    const char *rest = r->session->source[r->file].text + span.end;
    return rest[strcspn(rest, "{\n")] == '{';
}

/* A word that leads a declaration, misspelt: it was read as a name. */
static void suggest_word(nnc_reader *r, nnc_span span, int kind)
{
    static const char *const statements[] = {"input", "target", "output", "metric", "param", "state", "fit", "ignore", "require", "loss"};
    const char *nearest = NULL;
    bool top = r->depth - (kind == '{' || kind == '(' || kind == '[') == 0;
    if (r->first.kind != NAME || r->words != (top && kind == NAME ? 1u : 1u + (kind != SEP)))
        return;
    if (top)
        nearest = nearest_item(r);
    else
        nearest = nnc_nearest(r->first.text, statements, sizeof statements / sizeof *statements);
    if (nearest && strcmp(nearest, r->first.text) != 0)
        nnc_help(r->session, "did you mean %s?", nearest);
    else if (nearest && strcmp(nearest, "ignore") == 0)
        nnc_help(r->session, "columns stand in quotes: ignore \"id\", \"date\"");
    else if (nearest && !suggest_from(r, span))
        nnc_help(r->session, "after %s stands a name", nearest);
}

/* `loss = e`, `epochs = 10`, `stop patience 5`: of what begins with a name, only a recipe's line can be wrong there. */
static bool suggest_line(nnc_reader *r, int kind)
{
    if (kind == '=' && r->words == 2 && r->first.kind == LOSS) {
        nnc_help(r->session, "write it without =: loss mse(p, y)");
        return true;
    }
    if (kind == '=' && r->words == 2 && (r->first.kind == NAME || r->first.kind == OPTIMIZER)) {
        nnc_help(r->session, "a recipe's line is its name and its value, without =: %s", r->first.kind == NAME ? "epochs 10" : "optimizer adam()");
        return true;
    }
    if (kind == NUMBER && r->words == 3 && strcmp(r->first.text, "stop") == 0) {
        nnc_help(r->session, "write: stop patience = 5");
        return true;
    }
    return false;
}

static void report_unexpected(const yypcontext_t *context, nnc_reader *r, nnc_span span, int kind)
{
    yysymbol_kind_t could[YYNTOKENS];
    bool name;
    int count = could_stand(context, could, YYNTOKENS, &name);
    const char *what = expected(&r->session->arena, could, count), *found = found_text(r, span, kind);
    if (is_misplaced_item(r, span, kind)) {
        nnc_report(r->session, span, &NNC_SYNTAX_MESSAGE_ITEM_IN_BODY, yysymbol_name(yypcontext_token(context)));
        nnc_help(r->session, kind == OPTIMIZER ? "the recipe stands there: train { optimizer adam() }" : "put it outside of the { }");
        return;
    }
    if (is_reserved(kind) && name && !(r->words > 1 && nnc_begins_line(r, span)))
        nnc_report(r->session, span, &NNC_SYNTAX_MESSAGE_RESERVED_NAME, yysymbol_name(yypcontext_token(context)));
    else if (is_operator(kind) && r->after_arrow)
        nnc_report(r->session, span, &NNC_SYNTAX_MESSAGE_ARROW_NEEDS_NAME);
    else if (r->depth == 0 && r->words == 1)
        nnc_report(r->session, span, &NNC_SYNTAX_MESSAGE_UNEXPECTED_FOR, found, "use, let, fn, layer, init, optimizer, model or train");
    else if (what)
        nnc_report(r->session, span, &NNC_SYNTAX_MESSAGE_UNEXPECTED_FOR, found, what);
    else
        nnc_report(r->session, span, &NNC_SYNTAX_MESSAGE_UNEXPECTED, found);
    if (!suggest_line(r, kind))
        suggest_word(r, span, kind);
}

static int yyreport_syntax_error(const yypcontext_t *context, nnc_reader *r)
{
    nnc_span span = *yypcontext_location(context);
    int kind = r->last;
    const nnc_span *left_open = nnc_left_open(r, span, kind);
    bool told = r->quiet || r->stopped || (r->outside && r->depth == 0 && !nearest_item(r) && !opens_brace(r, span));
    if (!told && left_open)
        nnc_report(r->session, *left_open, &NNC_SYNTAX_MESSAGE_UNCLOSED, r->session->source[r->file].text[left_open->begin] == '(' ? "(" : "[");
    else if (!told)
        report_unexpected(context, r, span, kind);
    r->outside |= r->depth == 0 && r->words == 1 && !(kind >= USE && kind <= TRAIN);
    r->quiet = false;
    nnc_recover(r, kind, left_open != NULL);
    return 0;
}

static void yyerror(const nnc_span *span, nnc_reader *r, const char *message)
{
    (void)message;      /* memory exhausted: right recursion beyond the parser's stack */
    if (!r->stopped)
        nnc_report(r->session, *span, &NNC_SYNTAX_MESSAGE_TOO_NESTED, NNC_MAX_NESTING);
    r->stopped = true;
}
