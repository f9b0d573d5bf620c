#include "base/diagnostic.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_ERRORS = 20 };

void nnc_session_open(nnc_session *session, void (*out_of_memory)(void *), void *context)
{
    *session = (nnc_session){.sources = 1};
    nnc_arena_open(&session->arena, out_of_memory, context);
    session->source_capacity = 8;
    session->source = NNC_ARRAY(&session->arena, nnc_source, session->source_capacity);
}

void nnc_session_close(nnc_session *session) { nnc_arena_close(&session->arena); }

uint32_t nnc_session_add(nnc_session *session, const char *path, const char *text, size_t length)
{
    nnc_source source = {nnc_arena_string(&session->arena, path), nnc_arena_copy(&session->arena, text, length), (uint32_t)length};
    NNC_PUSH(&session->arena, session->source, session->sources, session->source_capacity) = source;
    return session->sources - 1;
}

static bool is_repeat(const nnc_session *session, const nnc_message *message, nnc_span span, const char *text)
{
    for (uint32_t i = 0; i < session->diagnostics; i++) {
        const nnc_diagnostic *d = &session->diagnostic[i];
        if (d->message == message && memcmp(&d->span, &span, sizeof span) == 0 && strcmp(d->text, text) == 0)
            return true;
    }
    return false;
}

void nnc_report(nnc_session *session, nnc_span span, const nnc_message *message, ...)
{
    va_list arguments;
    va_start(arguments, message);
    const char *text = nnc_arena_vformat(&session->arena, message->format, arguments);
    va_end(arguments);
    bool keep = !is_repeat(session, message, span, text) && (message->severity != NNC_ERROR || session->errors < MOST_ERRORS);
    session->last = 0;
    if (!keep)
        return;
    NNC_PUSH(&session->arena, session->diagnostic, session->diagnostics, session->diagnostic_capacity) =
        (nnc_diagnostic){.message = message, .severity = message->severity, .span = span, .text = text, .help = message->help};
    session->last = session->diagnostics;
    session->errors += message->severity == NNC_ERROR;
}

void nnc_note(nnc_session *session, nnc_span span, const char *format, ...)
{
    nnc_diagnostic *d = session->last ? &session->diagnostic[session->last - 1] : NULL;
    if (!d || d->notes == (int)(sizeof d->note / sizeof *d->note))
        return;
    va_list arguments;
    va_start(arguments, format);
    d->note[d->notes].text = nnc_arena_vformat(&session->arena, format, arguments);
    d->note[d->notes++].span = span;
    va_end(arguments);
}

void nnc_help(nnc_session *session, const char *format, ...)
{
    nnc_diagnostic *d = session->last ? &session->diagnostic[session->last - 1] : NULL;
    if (!d)
        return;
    va_list arguments;
    va_start(arguments, format);
    d->help = nnc_arena_vformat(&session->arena, format, arguments);
    va_end(arguments);
}

/* ---- places ---- */

static bool continues_character(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

static uint32_t line_start(const nnc_source *source, uint32_t at)
{
    while (at > 0 && source->text[at - 1] != '\n')
        at--;
    return at;
}

static uint32_t line_end(const nnc_source *source, uint32_t at)
{
    while (at < source->length && source->text[at] != '\n' && source->text[at] != '\r')
        at++;
    return at;
}

static uint32_t characters(const nnc_source *source, uint32_t begin, uint32_t end)
{
    uint32_t count = 0;
    for (uint32_t i = begin; i < end && i < source->length; i++)
        count += !continues_character(source->text[i]);
    return count;
}

void nnc_place(const nnc_session *session, nnc_span span, uint32_t *line, uint32_t *column)
{
    *line = *column = 0;
    if (span.file == 0 || span.file >= session->sources)
        return;
    const nnc_source *source = &session->source[span.file];
    uint32_t at = span.begin < source->length ? span.begin : source->length;
    *line = 1;
    for (uint32_t i = 0; i < at; i++)
        *line += source->text[i] == '\n';
    *column = characters(source, line_start(source, at), at) + 1;
}

/* ---- printing ---- */

static int by_place(const void *a, const void *b)
{
    const nnc_diagnostic *x = *(const nnc_diagnostic *const *)a, *y = *(const nnc_diagnostic *const *)b;
    if (x->span.file != y->span.file)
        return x->span.file < y->span.file ? -1 : 1;
    if (x->span.begin != y->span.begin)
        return x->span.begin < y->span.begin ? -1 : 1;
    return x < y ? -1 : x > y;
}

static const char *const SEVERITY[] = {"error", "warning", "note"};
static const char *const COLOUR[] = {"\033[1;31m", "\033[1;35m", "\033[1;36m"};

static void print_head(const nnc_session *session, nnc_text *out, nnc_span span, nnc_severity severity, const char *text, bool color)
{
    uint32_t line, column;
    nnc_place(session, span, &line, &column);
    if (line)
        nnc_text_add(out, "%s:%u:%u: ", session->source[span.file].path, line, column);
    else
        nnc_text_add(out, "nnc: ");
    nnc_text_add(out, "%s%s:%s %s\n", color ? COLOUR[severity] : "", SEVERITY[severity], color ? "\033[0m" : "", text);
}

/* What is no text is shown as ?: one for each character that is counted. */
static void print_characters(nnc_text *out, const char *text, uint32_t length)
{
    for (uint32_t i = 0; i < length;) {
        uint32_t next = i + 1;
        while (next < length && continues_character(text[next]))
            next++;
        unsigned char first = (unsigned char)text[i];
        uint32_t wanted = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
        bool plain = (first >= 0x20 || first == '\t') && first != 0x7F && first < 0xF5 && !continues_character(text[i]) && next - i == wanted;
        if (plain)
            nnc_text_add_bytes(out, text + i, next - i);
        else if (!continues_character(text[i]))
            nnc_text_add(out, "?");
        i = next;
    }
}

enum { LONGEST_LINE = 200 };     /* longer ones are shown in part */

static uint32_t character_start(const nnc_source *source, uint32_t at, uint32_t least)
{
    while (at > least && continues_character(source->text[at]))
        at--;
    return at;
}

/* The line with the place underlined: ^ and then ~ up to the span's end or the line's. Tabs stay tabs in the underline. */
static void print_line(const nnc_session *session, nnc_text *out, nnc_span span, bool color)
{
    if (span.file == 0)
        return;
    const nnc_source *source = &session->source[span.file];
    uint32_t at = span.begin < source->length ? span.begin : source->length, start = line_start(source, at), end = line_end(source, start), line, column;
    nnc_place(session, span, &line, &column);
    bool cut_left = at - start > LONGEST_LINE / 2 && end - start > LONGEST_LINE;
    if (cut_left)
        start = character_start(source, at - LONGEST_LINE / 2, start);
    bool cut_right = end - start > LONGEST_LINE;
    if (cut_right)
        end = character_start(source, start + LONGEST_LINE, start);
    nnc_text_add(out, "%4u | %s", line, cut_left ? ".." : "");
    print_characters(out, source->text + start, end - start);
    nnc_text_add(out, "%s\n     | %s", cut_right ? ".." : "", cut_left ? "  " : "");
    for (uint32_t i = start; i < at && i < end; i++)
        if (!continues_character(source->text[i]))
            nnc_text_add(out, source->text[i] == '\t' ? "\t" : " ");
    uint32_t last = span.end < end ? span.end : end, width = last > at ? characters(source, at, last) : 1;
    nnc_text_add(out, "%s^", color ? "\033[1;32m" : "");
    for (uint32_t i = 1; i < width; i++)
        nnc_text_add(out, "~");
    nnc_text_add(out, "%s\n", color ? "\033[0m" : "");
}

static void print_one(const nnc_session *session, nnc_text *out, const nnc_diagnostic *d, bool color)
{
    print_head(session, out, d->span, d->severity, d->text, color);
    print_line(session, out, d->span, color);
    for (int i = 0; i < d->notes; i++) {
        nnc_text_add(out, "  ");
        print_head(session, out, d->note[i].span, NNC_NOTE, d->note[i].text, color);
    }
    if (d->help)
        nnc_text_add(out, "  help: %s\n", d->help);
}

void nnc_diagnostics_print(nnc_session *session, nnc_text *out, bool color)
{
    const nnc_diagnostic **sorted = NNC_ARRAY(&session->arena, const nnc_diagnostic *, session->diagnostics + 1);
    for (uint32_t i = 0; i < session->diagnostics; i++)
        sorted[i] = &session->diagnostic[i];
    qsort(sorted, session->diagnostics, sizeof *sorted, by_place);
    for (uint32_t i = 0; i < session->diagnostics; i++)
        print_one(session, out, sorted[i], color);
}
