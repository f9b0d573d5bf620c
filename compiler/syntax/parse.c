/* Parsing whole files, recipe lines and expressions. */
#include <string.h>
#include "syntax/reader.h"
#include "nn.tab.h"

static nnc_syntax *parse(nnc_session *session, uint32_t file, int entry)
{
    nnc_reader *reader = NNC_NEW(&session->arena, nnc_reader);
    reader->session = session;
    reader->file = file;
    reader->entry = entry;
    reader->ahead.kind = -1;
    nnc_yyparse(reader);
    nnc_scanner_close(reader);
    return reader->stopped ? NULL : reader->result;
}

nnc_syntax *nnc_parse(nnc_session *session, uint32_t file)
{
    nnc_syntax *tree = parse(session, file, ENTER_FILE);
    if (!tree) {
        tree = NNC_NEW(&session->arena, nnc_syntax);
        tree->kind = NNC_SYNTAX_FILE;
        tree->span = tree->name = (nnc_span){file, 0, 0};
    }
    return tree;
}

static nnc_syntax *parse_alone(nnc_session *session, uint32_t file, int entry)
{
    uint32_t before = session->errors;
    nnc_syntax *tree = parse(session, file, entry);
    return session->errors == before ? tree : NULL;
}

nnc_syntax *nnc_parse_recipe_line(nnc_session *session, uint32_t file) { return parse_alone(session, file, ENTER_LINE); }
nnc_syntax *nnc_parse_expression(nnc_session *session, uint32_t file) { return parse_alone(session, file, ENTER_EXPRESSION); }
