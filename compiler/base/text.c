#include "base/text.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reserve(nnc_text *text, size_t more)
{
    size_t needed = text->length + more + 1;
    if (needed <= text->capacity)
        return;
    size_t capacity = text->capacity ? 2 * text->capacity : 256;
    if (capacity < needed)
        capacity = needed;
    text->data = nnc_arena_grow(text->arena, text->data, text->length, capacity, 1);
    text->capacity = capacity;
}

void nnc_text_add_bytes(nnc_text *text, const char *bytes, size_t length)
{
    reserve(text, length);
    if (length)
        memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = 0;
}

/* Written where there is room already; again where that was not enough. */
void nnc_text_vadd(nnc_text *text, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    reserve(text, 0);
    size_t room = text->capacity - text->length;
    int length = vsnprintf(text->data + text->length, room, format, again);
    va_end(again);
    if (length >= 0 && (size_t)length >= room) {
        reserve(text, (size_t)length);
        vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    }
    if (length < 0)
        text->data[text->length] = 0;
    text->length += length < 0 ? 0 : (size_t)length;
}

void nnc_text_add(nnc_text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    nnc_text_vadd(text, format, arguments);
    va_end(arguments);
}

const char *nnc_text_string(nnc_text *text) { return text->data ? text->data : ""; }

/* ---- numbers: the fewest digits that read back. The locale is "C" unless a host program changed it, so a comma is mended. ---- */

static void without_locale(char *digits)
{
    char *comma = strchr(digits, ',');
    if (comma)
        *comma = '.';
}

static bool add_special(nnc_text *text, double value)
{
    if (isnan(value))
        nnc_text_add(text, "nan");
    else if (isinf(value))
        nnc_text_add(text, value < 0 ? "-inf" : "inf");
    return !isfinite(value);
}

/* 210 rather than 2.1e+02: %g turns to exponents once there are fewer digits than places. */
static void plain_if_short(char *digits, size_t size, double value)
{
    double magnitude = fabs(value);
    if (strchr(digits, 'e') && magnitude >= 1 && magnitude < 1e9 && value == floor(value))
        snprintf(digits, size, "%.0f", value);
}

void nnc_text_add_double(nnc_text *text, double value)
{
    char digits[40];
    if (add_special(text, value))
        return;
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    plain_if_short(digits, sizeof digits, value);
    without_locale(digits);
    nnc_text_add_bytes(text, digits, strlen(digits));
}

void nnc_text_add_float(nnc_text *text, float value)
{
    char digits[40];
    if (add_special(text, (double)value))
        return;
    for (int precision = 1; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) == value)
            break;
    }
    plain_if_short(digits, sizeof digits, (double)value);
    without_locale(digits);
    nnc_text_add_bytes(text, digits, strlen(digits));
}

void nnc_text_add_quoted(nnc_text *text, const char *content)
{
    nnc_text_add_bytes(text, "\"", 1);
    for (const char *at = content; *at; at++)
        nnc_text_add_bytes(text, *at == '"' ? "\"\"" : at, *at == '"' ? 2 : 1);
    nnc_text_add_bytes(text, "\"", 1);
}

/* ---- names ---- */

enum { LONGEST_NAME = 64 };

static int least(int a, int b, int c) { return a < b ? (a < c ? a : c) : b < c ? b : c; }

static bool alike(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

/* Damerau and Levenshtein's distance, whatever the case, with transpositions of neighbours (optimal string alignment). Names are cut at 64 bytes. */
static int distance(const char *a, const char *b)
{
    int rows[3][LONGEST_NAME + 1], n = (int)strnlen(a, LONGEST_NAME), m = (int)strnlen(b, LONGEST_NAME);
    for (int j = 0; j <= m; j++)
        rows[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *two = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + !alike(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && alike(a[i - 1], b[j - 2]) && alike(a[i - 2], b[j - 1]) && two[j - 2] + 1 < row[j])
                row[j] = two[j - 2] + 1;
        }
    }
    return rows[n % 3][m];
}

const char *nnc_nearest(const char *name, const char *const *candidates, size_t count)
{
    int length = (int)strnlen(name, LONGEST_NAME), best = length / 3 > 1 ? length / 3 : 1;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        int d = distance(name, candidates[i]);
        if (d < best || (d == best && !nearest && d < length)) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}

char *nnc_escape(nnc_arena *arena, const char *bytes, size_t length)
{
    nnc_text out = {.arena = arena};
    size_t shown = length > 40 ? 37 : length;
    while (length > 40 && shown > 0 && ((unsigned char)bytes[shown] & 0xC0) == 0x80)    /* characters stay whole */
        shown--;
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < 32 || c == 127)
            nnc_text_add(&out, "\\x%02x", c);
        else
            nnc_text_add_bytes(&out, &bytes[i], 1);
    }
    if (shown < length)
        nnc_text_add(&out, "...");
    return nnc_arena_string(arena, nnc_text_string(&out));
}
