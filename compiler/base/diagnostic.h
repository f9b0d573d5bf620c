/* Sources, places in them, and what is wrong there. Only the driver prints; everybody else reports.
 *
 * A kind of message is one row of a module's messages.def: NNC_MESSAGE(IDENTIFIER, severity, "format", help or NULL).
 * Help takes no arguments from the row; a help with values is given by nnc_help. One mistake gives one message:
 * whoever reports goes on with a poisoned value that reports nothing more. At most 20 errors are kept. */
#ifndef NNC_BASE_DIAGNOSTIC_H
#define NNC_BASE_DIAGNOSTIC_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/text.h"

typedef struct nnc_source {
    const char *path;        /* as shown in messages */
    const char *text;        /* NUL-terminated; embedded NULs are an error of the lexer */
    uint32_t length;
} nnc_source;

/* Bytes [begin, end) of source `file`. File 0 is no place (a message without one); the first source is 1. */
typedef struct nnc_span {
    uint32_t file, begin, end;
} nnc_span;

typedef enum nnc_severity { NNC_ERROR, NNC_WARNING, NNC_NOTE } nnc_severity;

typedef struct nnc_message {
    const char *id;          /* "EXPECTED_SHAPE"; stable, for tests */
    nnc_severity severity;
    const char *format;      /* printf */
    const char *help;        /* NULL for none */
} nnc_message;

typedef struct nnc_diagnostic {
    const nnc_message *message;
    nnc_severity severity;
    nnc_span span;
    const char *text;        /* formatted */
    const char *help;        /* NULL for none */
    struct { nnc_span span; const char *text; } note[3];
    int notes;
} nnc_diagnostic;

/* One run of the compiler on one model: sources, diagnostics, and the arena that holds both and all that is made. */
typedef struct nnc_session {
    nnc_arena arena;
    nnc_source *source;      /* [1 .. sources] */
    uint32_t sources, source_capacity;
    nnc_diagnostic *diagnostic;
    uint32_t diagnostics, diagnostic_capacity, errors;
    uint32_t last;           /* 1 + the number of the diagnostic that nnc_note and nnc_help add to; 0 where it was dropped */
} nnc_session;

void nnc_session_open(nnc_session *session, void (*out_of_memory)(void *), void *context);
void nnc_session_close(nnc_session *session);
/* Adds a source (path and text are copied) and gives its number. */
uint32_t nnc_session_add(nnc_session *session, const char *path, const char *text, size_t length);

/* Reports a row of a table. The arguments are those of its format. Exact repeats (row, span, text) are dropped. */
void nnc_report(nnc_session *session, nnc_span span, const nnc_message *message, ...);
/* Add to the last reported diagnostic (nothing where it was dropped). */
void nnc_note(nnc_session *session, nnc_span span, const char *format, ...) __attribute__((format(printf, 3, 4)));
void nnc_help(nnc_session *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Line and column, from 1; columns count characters, not bytes. */
void nnc_place(const nnc_session *session, nnc_span span, uint32_t *line, uint32_t *column);

/* All diagnostics, in order of place, as language.md section 7 shows them:
 *   lenet.nn:9:8: error: conv takes an image [h, w, c], but this is a vector [784]
 *      9 |     -> conv(6, 5)
 *        |        ^~~~~~~~~~
 *     lenet.nn:4:9: note: x is declared here, with shape [784]
 *     help: give it an image shape: reshape(x, [28, 28, 1])
 * `color`: with ANSI colours. */
void nnc_diagnostics_print(nnc_session *session, nnc_text *out, bool color);

static inline nnc_span nnc_span_join(nnc_span a, nnc_span b)
{
    return a.file == 0 ? b : b.file != a.file ? a : (nnc_span){a.file, a.begin < b.begin ? a.begin : b.begin, a.end > b.end ? a.end : b.end};
}

#endif
