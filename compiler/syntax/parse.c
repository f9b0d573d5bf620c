/* Parsing whole files, items of them, recipe lines and expressions. */
#include <string.h>
#include "syntax/reader.h"
#include "nn.tab.h"

static nnc_syntax *parse(nnc_session *session, nnc_span text, int entry)
{
    nnc_reader *reader = NNC_NEW(&session->arena, nnc_reader);
    reader->session = session;
    reader->file = text.file;
    reader->at = text.begin;
    reader->limit = text.end;
    reader->entry = entry;
    reader->ahead.kind = -1;
    nnc_yyparse(reader);
    nnc_scanner_close(reader);
    return reader->stopped ? NULL : reader->result;
}

static nnc_span whole(const nnc_session *session, uint32_t file) { return (nnc_span){file, 0, session->source[file].length}; }

nnc_syntax *nnc_parse(nnc_session *session, uint32_t file)
{
    nnc_syntax *tree = parse(session, whole(session, file), ENTER_FILE);
    if (!tree) {
        tree = NNC_NEW(&session->arena, nnc_syntax);
        tree->kind = NNC_SYNTAX_FILE;
        tree->span = tree->name = (nnc_span){file, 0, 0};
    }
    return tree;
}

nnc_syntax *nnc_parse_item(nnc_session *session, nnc_span item)
{
    const nnc_syntax *tree = parse(session, item, ENTER_FILE);
    return tree && tree->count == 1 ? tree->child[0] : NULL;
}

static nnc_syntax *parse_alone(nnc_session *session, uint32_t file, int entry)
{
    uint32_t before = session->errors;
    nnc_syntax *tree = parse(session, whole(session, file), entry);
    return session->errors == before ? tree : NULL;
}

nnc_syntax *nnc_parse_recipe_line(nnc_session *session, uint32_t file) { return parse_alone(session, file, ENTER_LINE); }
nnc_syntax *nnc_parse_expression(nnc_session *session, uint32_t file) { return parse_alone(session, file, ENTER_EXPRESSION); }
