/* CSV and TSV into the table. */
#include <string.h>
#include "runtime/data/dialect.h"
#include "runtime/data/number.h"
#include "runtime/data/reader.h"

/* Rows with another number of fields than the first, empty lines between rows, texts that are not UTF-8: how many, and where the first is. */
typedef struct row_tally { int64_t count, fields; nnc_data_place first; } row_tally;

typedef struct csv_reading {
    nnc_reader *reader;
    nnc_csv csv;
    nnc_plan plan;
    bool header;
    row_tally ragged, blank, bytes;
} csv_reading;

bool nnc_csv_is(const nnc_bytes *bytes)
{
    (void)bytes;
    return true;
}

static bool count_row(row_tally *tally, const nnc_csv *csv, const char *at)
{
    if (tally->count++ == 0)
        tally->first = nnc_csv_place(csv, at);
    return false;
}

static const char *keep_text(csv_reading *r, const nnc_csv_cell *cell)
{
    if (nnc_data_utf8(cell->text, cell->length) < cell->length)
        count_row(&r->bytes, &r->csv, cell->at);
    return nnc_arena_copy(r->reader->arena, cell->text, cell->length);
}

/* A cell that is not one plain number: several slots, a class, a text to keep, or something wrong. */
static bool read_cell(csv_reading *r, int64_t column, char *row, char **at)
{
    nnc_csv_cell cell;
    nnc_reader *reader = r->reader;
    if (!nnc_csv_field(&r->csv, at, &cell))
        return false;
    for (int32_t s = r->plan.slot[column]; s >= 0; s = reader->table->slot[s].next) {
        nnc_data_place *place = nnc_reader_put_text(reader, row, s, cell.text, cell.length, r->csv.decimal);
        if (place)
            *place = nnc_csv_place(&r->csv, cell.at);
    }
    if (r->plan.text[column] >= 0)
        reader->table->ignored[r->plan.text[column]][reader->table->rows] = keep_text(r, &cell);
    return true;
}

/* One number where most are: without a cell being made of it. False: nothing was done. */
static inline bool read_plain(csv_reading *r, int32_t slot, char *row, char **at)
{
    char *p = *at;
    float value = 0;
    nnc_number_kind kind = NNC_NUMBER;
    while (*p == ' ')
        p++;
    char *end = nnc_number_quick(p, r->csv.decimal, &value);
    if (!end || (end != r->csv.end && *end != r->csv.delimiter))
        end = nnc_number_read(p, r->csv.decimal, &value, &kind);
    if (kind > NNC_NUMBER_ROUNDED || (end != r->csv.end && *end != r->csv.delimiter))
        return false;
    if (kind == NNC_NUMBER_ROUNDED && nnc_reader_note_rounded(r->reader, slot, p, (size_t)(end - p)))
        r->reader->table->rounding.first = nnc_csv_place(&r->csv, p);
    memcpy(row + 4 * (int64_t)slot, &value, 4);
    *at = end < r->csv.end ? end + 1 : NULL;
    return true;
}

/* Keeps the texts of ignored columns for one row more. */
static void reserve_texts(nnc_dataset_table *table)
{
    if (table->ignoreds == 0 || table->rows < table->ignored_capacity)
        return;
    int64_t capacity = table->ignored_capacity ? 2 * table->ignored_capacity : 256;
    for (uint32_t i = 0; i < table->ignoreds; i++)
        table->ignored[i] = nnc_arena_grow(table->arena, table->ignored[i], (size_t)table->rows, (size_t)capacity, sizeof(char *));
    table->ignored_capacity = capacity;
}

/* False where the file cannot be read on. */
static bool read_row(csv_reading *r)
{
    nnc_dataset_table *table = r->reader->table;
    char *row = nnc_table_row(table), *at = r->csv.begin;
    int64_t column = 0;
    reserve_texts(table);
    for (; column < r->plan.columns && at; column++)
        if (!r->plan.plain[column] || !read_plain(r, r->plan.slot[column], row, &at))
            if (!read_cell(r, column, row, &at))
                return false;
    if (column == r->plan.columns && !at) {
        nnc_table_end_row(table, r->reader->path, r->csv.begin_line, true);
        return true;
    }
    int64_t fields = nnc_csv_fields(&r->csv);
    if (fields >= 0 && !count_row(&r->ragged, &r->csv, r->csv.begin) && r->ragged.count == 1)
        r->ragged.fields = fields;
    return fields >= 0;
}

static bool read_rows(csv_reading *r)
{
    row_tally blank = {0};
    int found;
    while ((found = nnc_csv_record(&r->csv)) == 1) {
        if ((*r->csv.begin == ' ' || r->csv.begin == r->csv.end) && nnc_csv_is_blank(&r->csv)) {
            count_row(&blank, &r->csv, r->csv.begin);
            continue;
        }
        if (blank.count && r->blank.count == 0)
            r->blank.first = blank.first;
        r->blank.count += blank.count;
        blank = (row_tally){0};
        if (!read_row(r))
            return false;
    }
    return found == 0;
}

static const char *rows_more(nnc_arena *arena, const row_tally *tally, const char *what)
{
    return tally->count == 1 ? "" : nnc_arena_format(arena, " (%s such %s in the file)", nnc_data_count(arena, tally->count), what);
}

static void report_rows(csv_reading *r)
{
    nnc_dataset_report *report = r->reader->report;
    nnc_arena *arena = report->arena;
    if (r->ragged.count)
        nnc_data_error(report, r->ragged.first, r->ragged.fields == 1 ? "is the delimiter right?" : "a field that holds a delimiter stands in quotes",
                       "%s field%s, but the %s has %s%s", nnc_data_count(arena, r->ragged.fields), r->ragged.fields == 1 ? "" : "s",
                       r->header ? "header" : "first row", nnc_data_count(arena, r->plan.columns), rows_more(arena, &r->ragged, "rows"));
    if (r->blank.count)
        nnc_data_error(report, r->blank.first, "empty lines may stand at the end only", "an empty line between rows%s",
                       rows_more(arena, &r->blank, "lines"));
    if (r->bytes.count)
        nnc_data_error(report, r->bytes.first, "save the file as UTF-8", "bytes that are not UTF-8%s", rows_more(arena, &r->bytes, "fields"));
    nnc_faults_report(r->reader->table, report);
}

static bool fail_empty(nnc_reader *reader, const char *text)
{
    nnc_data_error(reader->report, (nnc_data_place){reader->path, 0, 0}, NULL, "%s", text);
    return false;
}

/* Skips a header's names: they are known to the model now. */
static bool open_rows(csv_reading *r)
{
    nnc_reader *reader = r->reader;
    nnc_dialect_head head;
    nnc_csv_open(&r->csv, reader->scratch, r->csv.bytes, reader->report);
    if (!nnc_dialect_delimiter(&r->csv, reader->request) ||
        !nnc_dialect_header(&r->csv, reader->scratch, reader->request, reader->known, &head))
        return false;
    if (head.empty)
        return !r->csv.bytes->failed && fail_empty(reader, "the file is empty");
    if (head.header && head.alone)
        return !r->csv.bytes->failed && fail_empty(reader, "the file has a header and no rows");
    r->header = head.header;
    nnc_file_columns file = {reader->path, head.header ? head.name : NULL, head.columns, NULL};
    return nnc_reader_plan(reader, &file, false, &r->plan);
}

bool nnc_csv_read(nnc_reader *reader, nnc_bytes *bytes, uint32_t files)
{
    (void)files;
    csv_reading r = {.reader = reader, .csv = {.bytes = bytes}};
    int64_t errors = reader->report->errors;
    if (!open_rows(&r))
        return false;
    bool whole = read_rows(&r);
    report_rows(&r);
    return whole && reader->report->errors == errors;
}
