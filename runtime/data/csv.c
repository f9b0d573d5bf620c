#include "runtime/data/csv.h"
#include <string.h>
#include <strings.h>

void nnc_csv_open(nnc_csv *csv, nnc_arena *arena, nnc_bytes *bytes, nnc_dataset_report *report)
{
    *csv = (nnc_csv){.bytes = bytes, .report = report, .delimiter = ',', .decimal = '.', .line = 1, .begin_line = 1};
    csv->scratch = NNC_ARRAY(arena, char, NNC_CSV_FIELD_LIMIT + 1);
    if (nnc_bytes_fill(bytes, 3) && nnc_bytes_left(bytes) >= 3 && memcmp(bytes->buffer + bytes->begin, "\xEF\xBB\xBF", 3) == 0)
        bytes->begin += 3;
    csv->searched = bytes->begin;
}

void nnc_csv_restart(nnc_csv *csv)
{
    csv->at = 0;
    csv->line = csv->begin_line = 1;
}

nnc_data_place nnc_csv_place(const nnc_csv *csv, const char *at)
{
    const char *line = csv->begin;
    int64_t number = csv->begin_line, column = 1;
    for (const char *p; (p = memchr(line, '\n', (size_t)(at - line)));) {
        line = p + 1;
        number++;
    }
    for (const char *p = line; p < at; p++)
        column += ((unsigned char)*p & 0xC0) != 0x80;
    return (nnc_data_place){csv->bytes->path, number, column};
}

static int fail(nnc_csv *csv, nnc_data_place place, const char *help, const char *text)
{
    if (!csv->peeking)
        nnc_data_error(csv->report, place, help, "%s", text);
    return -1;
}

static bool is_space(const nnc_csv *csv, char c) { return c == ' ' || (c == '\t' && csv->delimiter != '\t'); }

/* ---- records ---- */

typedef enum scan_result { SCAN_RECORD, SCAN_MORE, SCAN_UNCLOSED } scan_result;

/* From `from`: the end of a line that is not within quotes. A quote opens only where a field begins. *open: the quote that is open at the end of
 * the window. */
static scan_result scan_quoted(const nnc_csv *csv, char *from, char *limit, char **end, char **open)
{
    char *p = from;
    *open = NULL;
    for (bool starts = true; p < limit; p++) {
        if (starts && *p == '"') {
            *open = p++;
            while ((p = memchr(p, '"', (size_t)(limit - p))) && p + 1 < limit && p[1] == '"')
                p += 2;
            if (!p)
                return SCAN_UNCLOSED;
            *open = NULL;
        } else if (*p == '\n') {
            *end = p;
            return SCAN_RECORD;
        }
        starts = *p == csv->delimiter || (starts && is_space(csv, *p));
    }
    return SCAN_MORE;
}

/* A field that is open at the end of the file, or longer than a field may be. */
static int fail_unclosed(nnc_csv *csv, char *from, const char *open, const char *text)
{
    csv->begin = from;
    csv->begin_line = csv->line;
    return fail(csv, nnc_csv_place(csv, open), "a quote within quotes is doubled: \"\"", text);
}

/* More of the file, for a record that goes beyond the window. False after an error. */
static bool extend(nnc_csv *csv, char **from, char **limit)
{
    nnc_bytes *bytes = csv->bytes;
    size_t offset = csv->at, have = nnc_bytes_left(bytes);
    csv->searched -= bytes->begin;
    if (!nnc_bytes_fill(bytes, have + (have < 64 << 10 ? 64 << 10 : have)))
        return false;
    csv->searched += bytes->begin;
    *from = bytes->buffer + bytes->begin + offset;
    *limit = bytes->buffer + bytes->end;
    return true;
}

static void look_for_nul(nnc_csv *csv)
{
    const nnc_bytes *bytes = csv->bytes;
    if (csv->searched < bytes->end)
        csv->has_nul = csv->has_nul || memchr(bytes->buffer + csv->searched, 0, bytes->end - csv->searched);
    csv->searched = bytes->end;
}

static int fail_long(nnc_csv *csv, const char *open, char *from)
{
    if (open)
        return fail_unclosed(csv, from, open, "this quote is not closed within 1 MB");
    return fail(csv, (nnc_data_place){csv->bytes->path, csv->line, 0}, "is this CSV?", "a line is longer than 16 MB");
}

/* Finds the end of the record at csv->at, reading on as needed: 1, 0 at the end of the file, -1. */
static int find_end(nnc_csv *csv, char **from, char **end)
{
    nnc_bytes *bytes = csv->bytes;
    char *limit = bytes->buffer + bytes->end, *open = NULL;
    *from = bytes->buffer + bytes->begin + csv->at;
    for (;;) {
        char *newline = *from < limit ? memchr(*from, '\n', (size_t)(limit - *from)) : NULL;
        char *quote = *from < limit ? memchr(*from, '"', (size_t)((newline ? newline : limit) - *from)) : NULL;
        scan_result result = newline ? SCAN_RECORD : SCAN_MORE;
        open = NULL;
        *end = newline;
        if (quote)
            result = scan_quoted(csv, *from, limit, end, &open);
        csv->has_quotes = quote != NULL;
        if (result == SCAN_RECORD && *end - *from <= NNC_CSV_LINE_LIMIT)
            return 1;
        if (limit - *from > NNC_CSV_LINE_LIMIT || (open && limit - open > NNC_CSV_FIELD_LIMIT + 1))
            return fail_long(csv, open, *from);
        if (bytes->at_end)
            break;
        if (!extend(csv, from, &limit))
            return -1;
    }
    if (open)
        return fail_unclosed(csv, *from, open, "this quote is never closed");
    *end = limit;
    return *from < limit;
}

/* Bytes that no text has. */
static int check_bytes(nnc_csv *csv)
{
    char *nul = csv->has_nul ? memchr(csv->begin, 0, (size_t)(csv->end - csv->begin)) : NULL;
    if (nul)
        return fail(csv, nnc_csv_place(csv, nul), "is this a text file?", "a NUL byte");
    return 1;
}

static void count_lines(nnc_csv *csv)
{
    csv->line++;
    for (const char *p = csv->begin; csv->has_quotes && (p = memchr(p, '\n', (size_t)(csv->end - p))); p++)
        csv->line++;
}

int nnc_csv_record(nnc_csv *csv)
{
    nnc_bytes *bytes = csv->bytes;
    char *from, *end;
    if (!csv->peeking) {
        bytes->begin += csv->at;
        csv->at = 0;
    }
    int found = find_end(csv, &from, &end);
    if (found <= 0)
        return found;
    look_for_nul(csv);
    csv->begin = from;
    csv->end = end > from && end[-1] == '\r' ? end - 1 : end;
    csv->begin_line = csv->line;
    csv->at = (size_t)(end - (bytes->buffer + bytes->begin)) + (end < bytes->buffer + bytes->end);
    count_lines(csv);
    return check_bytes(csv);
}

bool nnc_csv_is_blank(const nnc_csv *csv)
{
    for (const char *p = csv->begin; p < csv->end; p++)
        if (*p != ' ' && (*p != '\t' || csv->delimiter == '\t'))
            return false;
    return true;
}

/* ---- fields ---- */

/* What stands between the quotes, doubled ones made single. */
static void unquote(nnc_csv *csv, nnc_csv_cell *cell, char *text, char *close)
{
    cell->text = text;
    cell->length = (size_t)(close - text);
    if (!memchr(text, '"', cell->length))
        return;
    char *to = csv->scratch;
    for (char *p = text; p < close; p++) {
        *to++ = *p;
        p += *p == '"';
    }
    *to = 0;
    cell->text = csv->scratch;
    cell->length = (size_t)(to - csv->scratch);
}

static bool quoted_field(nnc_csv *csv, char *quote, char **at, nnc_csv_cell *cell)
{
    char *p = quote + 1;
    while (p < csv->end && (p = memchr(p, '"', (size_t)(csv->end - p))) && p + 1 < csv->end && p[1] == '"')
        p += 2;
    char *close = p;
    if (!close || close >= csv->end)
        return fail(csv, nnc_csv_place(csv, quote), "a quote within quotes is doubled: \"\"", "this quote is never closed") > 0;
    for (p = close + 1; p < csv->end && is_space(csv, *p); p++)
        ;
    if (p < csv->end && *p != csv->delimiter)
        return fail(csv, nnc_csv_place(csv, p), "a quote within quotes is doubled: \"\"", "text after the closing quote of a field") > 0;
    if (close - quote > NNC_CSV_FIELD_LIMIT)
        return fail(csv, nnc_csv_place(csv, quote), NULL, "a field is longer than 1 MB") > 0;
    unquote(csv, cell, quote + 1, close);
    cell->quoted = true;
    *at = p < csv->end ? p + 1 : NULL;
    return true;
}

bool nnc_csv_field(nnc_csv *csv, char **at, nnc_csv_cell *cell)
{
    char *start = *at, *p = start;
    while (p < csv->end && is_space(csv, *p))
        p++;
    *cell = (nnc_csv_cell){.at = p};
    if (p < csv->end && *p == '"')
        return quoted_field(csv, p, at, cell);
    char *end = p < csv->end ? memchr(p, csv->delimiter, (size_t)(csv->end - p)) : NULL;
    *at = end ? end + 1 : NULL;
    if (!end)
        end = csv->end;
    char *lone = p < end ? memchr(p, '\r', (size_t)(end - p)) : NULL;
    if (lone)
        return fail(csv, nnc_csv_place(csv, lone), "end lines with LF or CR LF", "a carriage return without a line feed") > 0;
    if (end - p > NNC_CSV_FIELD_LIMIT)
        return fail(csv, nnc_csv_place(csv, p), "is the delimiter right?", "a field is longer than 1 MB") > 0;
    while (end > p && is_space(csv, end[-1]))
        end--;
    cell->text = p;
    cell->length = (size_t)(end - p);
    return true;
}

int64_t nnc_csv_fields(nnc_csv *csv)
{
    int64_t fields = 0;
    nnc_csv_cell cell;
    for (char *at = csv->begin; at; fields++)
        if (!nnc_csv_field(csv, &at, &cell))
            return -1;
    return fields;
}

bool nnc_csv_is_missing(const char *text, size_t length)
{
    switch (length) {
    case 0: return true;
    case 1: return *text == '?';
    case 2: return strncasecmp(text, "NA", 2) == 0;
    case 3: return strncasecmp(text, "nan", 3) == 0;
    case 4: return strncasecmp(text, "null", 4) == 0;
    default: return false;
    }
}
