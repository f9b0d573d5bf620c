/* For the parser and the lexer alone: one text being read, and nodes being made. */
#ifndef NNC_SYNTAX_READER_H
#define NNC_SYNTAX_READER_H

#include "syntax/syntax.h"

enum { NNC_MAX_NESTING = 200, NNC_MAX_WORDS = 10000 };

typedef struct nnc_token { int kind; nnc_span span; const char *text; } nnc_token;

typedef struct nnc_reader {
    nnc_session *session;
    uint32_t file;
    void *scanner;              /* flex's */
    uint32_t at, limit;         /* how far the text is scanned, and to where it is read */
    int entry;                  /* a token that says what is parsed; emitted first */
    nnc_token ahead;            /* the token after the present one; kind -1: not read yet */
    int last;                   /* kind of the token given last; 0 at the start */
    struct { int kind; nnc_span span; } open[NNC_MAX_NESTING + 1];
    int depth;
    int closing;                /* brackets that are closed without being written: virtual tokens to give */
    bool after_arrow;           /* the expression has a `->` already */
    bool in_output;             /* between `output` and its `=` */
    uint32_t words;             /* since the statement's start */
    bool stopped;               /* a fault that makes going on senseless */
    bool quiet;                 /* the next syntax error only follows from one reported */
    bool outside;               /* statements stand where only definitions can, which was reported: until the next definition */
    bool recovering;            /* after a syntax error: what is in deeper brackets than `level` is skipped, up to the statement's end */
    int level;
    uint32_t end;               /* where the last written token ended */
    nnc_token first;            /* the statement's first word */
    nnc_syntax *result;
} nnc_reader;

/* The tokens as the parser sees them: separators put in, brackets balanced. */
int nnc_next_token(nnc_reader *reader, nnc_token *token);
/* After a syntax error at a token of this kind; `left_open`: the innermost bracket was left open before it. */
void nnc_recover(nnc_reader *reader, int kind, bool left_open);
bool nnc_begins_line(const nnc_reader *reader, nnc_span token);
/* The innermost bracket that was left open before this token, which begins a line inside it; NULL for none. */
const nnc_span *nnc_left_open(const nnc_reader *reader, nnc_span token, int kind);
/* flex's: the next written token; newlines are kind '\n', the end is 0. */
nnc_token nnc_raw_token(nnc_reader *reader);
/* A character that stands for nothing. */
void nnc_stray(nnc_reader *reader, nnc_span span, const char *text);

void nnc_scanner_close(nnc_reader *reader);

#define NNC_MESSAGE(id, severity, format, help) extern const nnc_message NNC_SYNTAX_MESSAGE_##id;
#include "syntax/messages.def"

/* ---- nodes ---- */
nnc_syntax *nnc_syntax_new(nnc_reader *r, nnc_syntax_kind kind, nnc_span span, const char *text, uint32_t count, ...);
nnc_syntax *nnc_syntax_append(nnc_reader *r, nnc_syntax *list, nnc_syntax *item);   /* NULL items are left out; gives list */
nnc_syntax *nnc_syntax_named(nnc_syntax *node, const nnc_syntax *name);   /* takes text and name span from a NAME node */
nnc_syntax *nnc_syntax_call(nnc_reader *r, nnc_span span, nnc_syntax *function, nnc_syntax *arguments, nnc_syntax *body);
nnc_syntax *nnc_syntax_define(nnc_reader *r, nnc_span span, nnc_syntax *left, nnc_syntax *value);

#endif
