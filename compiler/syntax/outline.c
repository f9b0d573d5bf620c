/* Where the items of a file stand, told by its lines' first words alone. */
#include <string.h>
#include "syntax/syntax.h"

static bool is_of_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

static size_t length_of_name(const char *text)
{
    size_t length = 0;
    while (is_of_name(text[length]))
        length++;
    return length;
}

/* The kind of the item that a line with this text begins; LIST: none. */
static nnc_syntax_kind led_by(const char *line)
{
    static const nnc_syntax_kind kinds[] = {NNC_SYNTAX_USE,  NNC_SYNTAX_LET,       NNC_SYNTAX_FN,    NNC_SYNTAX_LAYER,
                                            NNC_SYNTAX_INIT, NNC_SYNTAX_OPTIMIZER, NNC_SYNTAX_MODEL, NNC_SYNTAX_TRAIN};
    size_t length = length_of_name(line);
    for (size_t i = 0; length && i < sizeof kinds / sizeof *kinds; i++) {
        const char *word = nnc_syntax_kind_name(kinds[i]);
        if (strncmp(line, word, length) == 0 && word[length] == 0)
            return kinds[i];
    }
    return NNC_SYNTAX_LIST;
}

static nnc_outline_item item_at(nnc_session *session, uint32_t file, nnc_syntax_kind kind, uint32_t begin)
{
    const char *text = session->source[file].text;
    const char *name = text + begin + strlen(nnc_syntax_kind_name(kind));
    name += strspn(name, " \t");
    uint32_t at = (uint32_t)(name - text), length = (uint32_t)length_of_name(name);
    return (nnc_outline_item){kind, {file, begin, begin}, {file, at, at + length}, nnc_arena_copy(&session->arena, name, length)};
}

nnc_outline nnc_outline_of(nnc_session *session, uint32_t file)
{
    nnc_outline outline = {0};
    uint32_t capacity = 0;
    const char *text = session->source[file].text, *next;
    for (const char *line = text; line; line = next) {
        nnc_syntax_kind kind = led_by(line);
        next = strchr(line, '\n');
        next = next ? next + 1 : NULL;
        if (kind != NNC_SYNTAX_LIST)
            NNC_PUSH(&session->arena, outline.item, outline.count, capacity) = item_at(session, file, kind, (uint32_t)(line - text));
        if (outline.count)
            outline.item[outline.count - 1].span.end = next ? (uint32_t)(next - text) : session->source[file].length;
    }
    return outline;
}
