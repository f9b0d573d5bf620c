/* Making nodes of the tree. */
#include <stdarg.h>
#include <string.h>
#include "syntax/reader.h"

#define NNC_MESSAGE(id, severity, format, help) const nnc_message NNC_SYNTAX_MESSAGE_##id = {#id, severity, format, help};
#include "syntax/messages.def"

nnc_syntax *nnc_syntax_new(nnc_reader *r, nnc_syntax_kind kind, nnc_span span, const char *text, uint32_t count, ...)
{
    nnc_syntax *node = NNC_NEW(&r->session->arena, nnc_syntax);
    va_list children;
    node->kind = kind;
    node->span = node->name = span;
    node->text = text;
    node->count = count;
    node->child = NNC_ARRAY(&r->session->arena, nnc_syntax *, count + 1);
    va_start(children, count);
    for (uint32_t i = 0; i < count; i++)
        node->child[i] = va_arg(children, nnc_syntax *);
    va_end(children);
    return node;
}

nnc_syntax *nnc_syntax_append(nnc_reader *r, nnc_syntax *list, nnc_syntax *item)
{
    if (!item)
        return list;
    if ((list->count & (list->count - 1)) == 0)      /* the room is the next power of two */
        list->child = nnc_arena_grow(&r->session->arena, list->child, list->count, list->count ? 2 * (size_t)list->count : 1, sizeof *list->child);
    list->child[list->count++] = item;
    list->span = list->count == 1 ? item->span : nnc_span_join(list->span, item->span);
    return list;
}

nnc_syntax *nnc_syntax_named(nnc_syntax *node, const nnc_syntax *name)
{
    node->text = name->text;
    node->name = name->span;
    return node;
}

static const char *const reductions[] = {"sum", "prod", "mean", "max", "min", "argmax", "argmin"};

static bool is_reduction(const char *name)
{
    for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++)
        if (strcmp(reductions[i], name) == 0)
            return true;
    return false;
}

static bool is_index(const nnc_syntax *index)
{
    return index->kind == NNC_SYNTAX_NAME || index->kind == NNC_SYNTAX_DOTS ||
           (index->kind == NNC_SYNTAX_BINARY && strcmp(index->text, "<") == 0 && index->child[0]->kind == NNC_SYNTAX_NAME);
}

static nnc_syntax *reduction(nnc_reader *r, nnc_span span, nnc_syntax *function, nnc_syntax *indices, nnc_syntax *body)
{
    if (function->kind != NNC_SYNTAX_NAME || !is_reduction(function->text)) {
        nnc_text text = {.arena = &r->session->arena};
        nnc_syntax_write(function, &text);
        nnc_report(r->session, function->span, &NNC_SYNTAX_MESSAGE_NOT_A_REDUCTION, nnc_text_string(&text));
        const char *nearest = nnc_nearest(nnc_text_string(&text), reductions, sizeof reductions / sizeof *reductions);
        if (nearest)
            nnc_help(r->session, "did you mean %s?", nearest);
        return nnc_syntax_new(r, NNC_SYNTAX_ERROR, span, NULL, 0);
    }
    for (uint32_t i = 0; i < indices->count; i++)
        if (!is_index(indices->child[i])) {
            nnc_report(r->session, indices->child[i]->span, &NNC_SYNTAX_MESSAGE_UNEXPECTED_FOR, "this", "an index, `i` or `i < n`");
            return nnc_syntax_new(r, NNC_SYNTAX_ERROR, span, NULL, 0);
        }
    nnc_syntax *node = nnc_syntax_new(r, NNC_SYNTAX_REDUCE, span, NULL, 2, indices, body);
    return nnc_syntax_named(node, function);
}

nnc_syntax *nnc_syntax_call(nnc_reader *r, nnc_span span, nnc_syntax *function, nnc_syntax *arguments, nnc_syntax *body)
{
    if (body)
        return reduction(r, span, function, arguments, body);
    for (uint32_t i = 0; i < arguments->count; i++)
        if (arguments->child[i]->kind == NNC_SYNTAX_DOTS) {
            nnc_report(r->session, arguments->child[i]->span, &NNC_SYNTAX_MESSAGE_STRAY_DOTS);
            return nnc_syntax_new(r, NNC_SYNTAX_ERROR, span, NULL, 0);
        }
    return nnc_syntax_new(r, NNC_SYNTAX_CALL, span, NULL, 2, function, arguments);
}

static bool is_left(const nnc_syntax *left)
{
    if (left->kind == NNC_SYNTAX_SUBSCRIPT)
        left = left->child[0];
    return left->kind == NNC_SYNTAX_NAME || left->kind == NNC_SYNTAX_PRIMED;
}

nnc_syntax *nnc_syntax_define(nnc_reader *r, nnc_span span, nnc_syntax *left, nnc_syntax *value)
{
    for (uint32_t i = 0; i < left->count; i++)
        if (!is_left(left->child[i])) {
            if (left->child[i]->kind != NNC_SYNTAX_ERROR)
                nnc_report(r->session, left->child[i]->span, &NNC_SYNTAX_MESSAGE_NOT_ASSIGNABLE);
            return nnc_syntax_new(r, NNC_SYNTAX_ERROR, span, NULL, 0);
        }
    nnc_syntax *node = nnc_syntax_new(r, NNC_SYNTAX_DEFINE, span, NULL, 2, left, value);
    node->name = left->span;
    return node;
}
