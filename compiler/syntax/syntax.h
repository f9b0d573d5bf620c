/* The syntax tree: what a .nn text says, before any name is looked up.
 *
 * One node type for everything; `kinds.def` says for each kind what `text`, `number` and the children are. A child may
 * be NULL where kinds.def marks it with `?`. Made by the bison parser in grammar/, held by the session's arena, and
 * never changed afterwards, so a node's address identifies a place in the program. */
#ifndef NNC_SYNTAX_SYNTAX_H
#define NNC_SYNTAX_SYNTAX_H

#include "base/diagnostic.h"

typedef enum nnc_syntax_kind {
#define NNC_SYNTAX_KIND(name, label, text, children) NNC_SYNTAX_##name,
#include "syntax/kinds.def"
#undef NNC_SYNTAX_KIND
    NNC_SYNTAX_KINDS
} nnc_syntax_kind;

typedef struct nnc_syntax nnc_syntax;
struct nnc_syntax {
    nnc_syntax_kind kind;
    nnc_span span;           /* the whole construct */
    nnc_span name;           /* of `text` where it is a name */
    const char *text;        /* a name, an operator's spelling, a string's content; or NULL */
    double number;           /* NUMBER: the value (20% is 0.2) */
    nnc_syntax **child;
    uint32_t count;
};

/* Parses source `file` of the session. Errors are reported; the tree then lacks what could not be read, and is never
 * NULL. `use` items stay in the tree: who elaborates reads them. */
nnc_syntax *nnc_parse(nnc_session *session, uint32_t file);
/* Parses text that stands for one line of `train { }` (the command line's -R), or for one expression (-D). NULL after an error. */
nnc_syntax *nnc_parse_recipe_line(nnc_session *session, uint32_t file);
nnc_syntax *nnc_parse_expression(nnc_session *session, uint32_t file);

/* ---- a file of which little is needed ----
 *
 * In a file without errors whose items begin lines of their own, in the first column, where no other line begins with a word that leads an item, the items can be told apart
 * without being parsed, and each can be parsed alone: it gives the node that nnc_parse gives. The library is such a file (tests/syntax/test_outline.c). */

typedef struct nnc_outline_item {
    nnc_syntax_kind kind;    /* USE, LET, FN, LAYER, INIT, OPTIMIZER, MODEL or TRAIN */
    nnc_span span;           /* from its first word up to the next item's, or to the file's end */
    nnc_span name;
    const char *text;        /* the name; empty where it has none */
} nnc_outline_item;

typedef struct nnc_outline { nnc_outline_item *item; uint32_t count; } nnc_outline;

nnc_outline nnc_outline_of(nnc_session *session, uint32_t file);
/* NULL where the item's text is not one item. */
nnc_syntax *nnc_parse_item(nnc_session *session, nnc_span item);

const char *nnc_syntax_kind_name(nnc_syntax_kind kind);
/* The tree as indented text, for --emit=ast. */
void nnc_syntax_print(const nnc_syntax *tree, nnc_text *out);
/* Writes an expression back as source text, minimally parenthesised (for messages and metric names). */
void nnc_syntax_write(const nnc_syntax *expression, nnc_text *out);

#endif
