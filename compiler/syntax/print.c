/* The tree as text. */
#include <string.h>
#include "syntax/syntax.h"

const char *nnc_syntax_kind_name(nnc_syntax_kind kind)
{
    static const char *const names[] = {
#define NNC_SYNTAX_KIND(name, label, text, children) label,
#include "syntax/kinds.def"
#undef NNC_SYNTAX_KIND
    };
    return names[kind];
}

static void print(const nnc_syntax *node, int depth, nnc_text *out)
{
    nnc_text_add(out, "%*s", 2 * depth, "");
    if (!node) {
        nnc_text_add(out, "-\n");
        return;
    }
    nnc_text_add(out, "%s", nnc_syntax_kind_name(node->kind));
    if (node->text) {
        nnc_text_add(out, " ");
        if (node->kind == NNC_SYNTAX_STRING || node->kind == NNC_SYNTAX_USE)
            nnc_text_add_quoted(out, node->text);
        else
            nnc_text_add(out, "%s", node->text);
    }
    nnc_text_add(out, "\n");
    for (uint32_t i = 0; i < node->count; i++)
        print(node->child[i], depth + 1, out);
}

void nnc_syntax_print(const nnc_syntax *tree, nnc_text *out) { print(tree, 0, out); }

/* ---- as source ---- */

/* Binding strength: -> 1, or 2, and 3, not 4, comparisons 5, sums 6, products 7, minus 8, powers 9, the rest 10. `if` is 0. */
static int strength(const nnc_syntax *e)
{
    static const struct { const char *sign; int strength; } signs[] = {{"or", 2}, {"and", 3}, {"<", 5},  {"<=", 5}, {">", 5}, {">=", 5}, {"==", 5},
                                                                       {"!=", 5}, {"+", 6},   {"-", 6},  {"*", 7},  {"/", 7}, {"mod", 7}, {"^", 9}};
    if (e->kind == NNC_SYNTAX_IF)
        return 0;
    if (e->kind == NNC_SYNTAX_ARROW)
        return 1;
    if (e->kind == NNC_SYNTAX_UNARY)
        return strcmp(e->text, "not") == 0 ? 4 : 8;
    for (size_t i = 0; e->kind == NNC_SYNTAX_BINARY && i < sizeof signs / sizeof *signs; i++)
        if (strcmp(signs[i].sign, e->text) == 0)
            return signs[i].strength;
    return 10;
}

static void write_at(const nnc_syntax *e, int least, nnc_text *out);

static void write_list(const nnc_syntax *list, const char *open, const char *close, nnc_text *out)
{
    nnc_text_add(out, "%s", open);
    for (uint32_t i = 0; i < list->count; i++) {
        nnc_text_add(out, i ? ", " : "");
        write_at(list->child[i], 0, out);
    }
    nnc_text_add(out, "%s", close);
}

static void write_binary(const nnc_syntax *e, nnc_text *out)
{
    int own = strength(e), right = strcmp(e->text, "^") == 0 ? 8 : own + 1, left = strcmp(e->text, "^") == 0 || own == 5 ? own + 1 : own;
    write_at(e->child[0], left, out);
    nnc_text_add(out, strcmp(e->text, "^") == 0 ? "%s" : " %s ", e->text);
    write_at(e->child[1], right, out);
}

static void write_bare(const nnc_syntax *e, nnc_text *out)
{
    switch (e->kind) {
    case NNC_SYNTAX_STRING: nnc_text_add_quoted(out, e->text); break;
    case NNC_SYNTAX_PRIMED: nnc_text_add(out, "%s'", e->text); break;
    case NNC_SYNTAX_DOTS: nnc_text_add(out, ".."); break;
    case NNC_SYNTAX_UNARY:
        nnc_text_add(out, strcmp(e->text, "not") == 0 ? "not " : "-");
        write_at(e->child[0], strength(e), out);
        break;
    case NNC_SYNTAX_BINARY: write_binary(e, out); break;
    case NNC_SYNTAX_IF:
        nnc_text_add(out, "if ");
        write_at(e->child[0], 0, out);
        nnc_text_add(out, " then ");
        write_at(e->child[1], 0, out);
        nnc_text_add(out, " else ");
        write_at(e->child[2], 0, out);
        break;
    case NNC_SYNTAX_CALL:
        write_at(e->child[0], 10, out);
        write_list(e->child[1], "(", ")", out);
        break;
    case NNC_SYNTAX_NAMED:
        nnc_text_add(out, "%s = ", e->text);
        write_at(e->child[0], 0, out);
        break;
    case NNC_SYNTAX_REDUCE:
        nnc_text_add(out, "%s", e->text);
        write_list(e->child[0], "(", ": ", out);
        write_at(e->child[1], 0, out);
        nnc_text_add(out, ")");
        break;
    case NNC_SYNTAX_SUBSCRIPT:
        write_at(e->child[0], 10, out);
        write_list(e->child[1], "[", "]", out);
        break;
    case NNC_SYNTAX_ARROW:
        write_at(e->child[0], 1, out);
        nnc_text_add(out, " -> ");
        write_at(e->child[1], 10, out);
        break;
    case NNC_SYNTAX_DOT:
        write_at(e->child[0], 10, out);
        nnc_text_add(out, ".%s", e->text);
        break;
    case NNC_SYNTAX_TUPLE: write_list(e, "(", ")", out); break;
    case NNC_SYNTAX_LITERAL: write_list(e, "[", "]", out); break;
    case NNC_SYNTAX_SCAN: nnc_text_add(out, "scan %s < ..", e->text); break;
    default: nnc_text_add(out, "%s", e->text ? e->text : ""); break;
    }
}

static void write_at(const nnc_syntax *e, int least, nnc_text *out)
{
    bool parentheses = strength(e) < least;
    nnc_text_add(out, parentheses ? "(" : "");
    write_bare(e, out);
    nnc_text_add(out, parentheses ? ")" : "");
}

void nnc_syntax_write(const nnc_syntax *expression, nnc_text *out) { write_at(expression, 0, out); }
