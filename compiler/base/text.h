/* A growing text, and small helpers on names. */
#ifndef NNC_BASE_TEXT_H
#define NNC_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"

/* Held by its arena. `data` is always NUL-terminated once something was added; NULL before. */
typedef struct nnc_text {
    nnc_arena *arena;
    char *data;
    size_t length, capacity;
} nnc_text;

void nnc_text_add(nnc_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void nnc_text_vadd(nnc_text *text, const char *format, va_list arguments);
void nnc_text_add_bytes(nnc_text *text, const char *bytes, size_t length);
/* The shortest decimal text that reads back as `value` (as a double, or as a float), without locale. */
void nnc_text_add_double(nnc_text *text, double value);
void nnc_text_add_float(nnc_text *text, float value);
/* In quotes, as a string of the language or a field of CSV: a quote within is doubled. */
void nnc_text_add_quoted(nnc_text *text, const char *content);
const char *nnc_text_string(nnc_text *text); /* "" rather than NULL */

/* The candidate nearest to `name` (Damerau-Levenshtein distance, whatever the case, at most a third of its length, at least 1), or NULL. */
const char *nnc_nearest(const char *name, const char *const *candidates, size_t count);
/* `bytes` shortened to 40 and with control characters escaped, for a message. */
char *nnc_escape(nnc_arena *arena, const char *bytes, size_t length);

#endif
