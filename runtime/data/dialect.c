#include "runtime/data/dialect.h"
#include <string.h>
#include "runtime/data/names.h"
#include "runtime/data/number.h"

/* This many rows, or bytes, are looked at. */
enum { SAMPLE_ROWS = 100, SAMPLE_BYTES = 64 << 10 };

static bool samples_more(const nnc_csv *csv, int rows) { return rows < SAMPLE_ROWS && (rows < 2 || csv->at < SAMPLE_BYTES); }

/* ---- the delimiter ---- */

/* How often a delimiter stands outside of quotes in each row: the same number, at least one, in all of them? */
typedef struct consistency { int64_t count; bool consistent; } consistency;

static int64_t occurrences(const nnc_csv *csv, char delimiter)
{
    int64_t count = 0;
    bool quoted = false;
    for (const char *p = csv->begin; p < csv->end; p++) {
        quoted = quoted != (*p == '"');
        count += !quoted && *p == delimiter;
    }
    return count;
}

static consistency consistency_of(nnc_csv *csv, char delimiter)
{
    consistency result = {0, true};
    char kept = csv->delimiter;
    csv->delimiter = delimiter;
    for (int rows = 0; samples_more(csv, rows) && nnc_csv_record(csv) == 1;) {
        if (nnc_csv_is_blank(csv))
            continue;
        int64_t count = occurrences(csv, delimiter);
        result.consistent = result.consistent && count > 0 && (rows == 0 || count == result.count);
        result.count = rows++ == 0 ? count : result.count;
    }
    result.consistent = result.consistent && result.count > 0;
    csv->delimiter = kept;
    nnc_csv_restart(csv);
    return result;
}

/* 1,5;2,25: both are consistent, and the commas stand within numbers. */
static bool commas_are_decimal(nnc_csv *csv, char delimiter)
{
    bool any = false, all = true;
    char kept = csv->delimiter;
    csv->delimiter = delimiter;
    for (int rows = 0; all && samples_more(csv, rows) && nnc_csv_record(csv) == 1; rows++) {
        nnc_csv_cell cell;
        for (char *at = csv->begin; at && all && nnc_csv_field(csv, &at, &cell);) {
            float value;
            nnc_number_kind kind;
            if (!memchr(cell.text, ',', cell.length))
                continue;
            all = nnc_number_read(cell.text, ',', &value, &kind) == cell.text + cell.length;
            any = any || all;
        }
    }
    csv->delimiter = kept;
    nnc_csv_restart(csv);
    return any && all;
}

static bool fail_delimiter(nnc_csv *csv, char looks, char expected, bool decimal)
{
    const char *name = looks == '\t' ? "tabs" : looks == ';' ? "';'" : "','";
    const char *flag = looks == '\t' ? "--delimiter $'\\t'" : looks == ';' ? "--delimiter ';'" : "--delimiter ,";
    nnc_data_error(csv->report, (nnc_data_place){csv->bytes->path, 1, 0}, nnc_arena_format(csv->report->arena, "read it with %s%s", flag, decimal ? " --decimal ," : ""),
                   "the fields look separated by %s, not by %s%s", name, expected == '\t' ? "tabs" : "','", decimal ? ", with decimal commas" : "");
    return false;
}

static bool check_delimiter(nnc_csv *csv, bool told)
{
    consistency comma = consistency_of(csv, ','), semicolon = consistency_of(csv, ';'), tab = consistency_of(csv, '\t');
    bool decimal = semicolon.consistent && commas_are_decimal(csv, ';');
    if (csv->delimiter == '\t') {
        bool fits = tab.consistent || !comma.consistent;
        return fits || fail_delimiter(csv, ',', '\t', false);
    }
    if (comma.consistent && !decimal)
        return true;
    if (semicolon.consistent)
        return fail_delimiter(csv, ';', ',', decimal);
    if (tab.consistent && told)
        return fail_delimiter(csv, '\t', ',', commas_are_decimal(csv, '\t'));
    if (tab.consistent)
        csv->delimiter = '\t';
    return true;
}

bool nnc_dialect_delimiter(nnc_csv *csv, const nnc_dataset_request *request)
{
    const char *path = csv->bytes->path;
    bool tsv = nnc_bytes_has_suffix(path, ".tsv") || nnc_bytes_has_suffix(path, ".tab");
    bool told = tsv || nnc_bytes_has_suffix(path, ".csv") || strcmp(path, "(standard input)") == 0;
    csv->decimal = request->decimal ? request->decimal : '.';
    csv->delimiter = request->delimiter ? request->delimiter : tsv ? '\t' : csv->decimal == ',' ? ';' : ',';
    if (request->delimiter || csv->decimal != '.')
        return true;
    csv->peeking = true;
    bool fits = check_delimiter(csv, told);
    csv->peeking = false;
    return fits;
}

/* ---- the header ---- */

typedef enum cell_kind { CELL_NUMBER, CELL_MISSING, CELL_WORD } cell_kind;

static cell_kind kind_of(const nnc_csv *csv, const nnc_csv_cell *cell)
{
    float value;
    nnc_number_kind kind;
    if (nnc_csv_is_missing(cell->text, cell->length))
        return CELL_MISSING;
    char *end = nnc_number_read(cell->text, csv->decimal, &value, &kind);
    return end == cell->text + cell->length && kind != NNC_NUMBER_NONE ? CELL_NUMBER : CELL_WORD;
}

/* A label that happens to be the name of a declaration (y and n, for a target y) stands again below; a column's name does not. */
static bool is_one_there(const nnc_names *names, const bool *again, const char *const *name, uint32_t count)
{
    for (uint32_t i = 0; name && i < count; i++) {
        int64_t column = nnc_names_nth(names, name[i], 0);
        if (column >= 0 && !again[column])
            return true;
    }
    return false;
}

/* Whether the first row holds a name that the model gives to a declaration or asks for. */
static bool has_known_name(const nnc_dialect_head *head, nnc_arena *arena, const nnc_dataset_request *request, const nnc_dataset_known *known)
{
    nnc_names names = nnc_names_new(arena, head->name, head->columns);
    for (uint32_t w = 0; w < request->wants; w++) {
        const nnc_dataset_want *want = &request->want[w];
        if (is_one_there(&names, head->again, &want->name, 1) || is_one_there(&names, head->again, want->column, want->columns) ||
            (known && is_one_there(&names, head->again, known[w].column, known[w].columns)))
            return true;
    }
    return is_one_there(&names, head->again, request->ignored, request->ignoreds);
}

/* False where the row is broken or has too many fields. */
static bool read_first(nnc_csv *csv, nnc_arena *arena, nnc_dialect_head *head, cell_kind **first)
{
    nnc_csv_cell cell;
    head->columns = nnc_csv_fields(csv);
    if (head->columns > NNC_CSV_COLUMN_LIMIT) {
        nnc_data_error(csv->report, (nnc_data_place){csv->bytes->path, 1, 0}, NULL, "%s columns, more than 65,535", nnc_data_count(csv->report->arena, head->columns));
        return false;
    }
    if (head->columns < 0)
        return false;
    head->name = NNC_ARRAY(arena, const char *, (size_t)head->columns);
    head->again = NNC_ARRAY(arena, bool, (size_t)head->columns);
    *first = NNC_ARRAY(arena, cell_kind, (size_t)head->columns);
    char *at = csv->begin;
    for (int64_t c = 0; c < head->columns && nnc_csv_field(csv, &at, &cell); c++) {
        (*first)[c] = kind_of(csv, &cell);
        head->name[c] = nnc_arena_copy(arena, cell.text, cell.length);
        if (nnc_data_utf8(cell.text, cell.length) < cell.length) {
            nnc_data_error(csv->report, nnc_csv_place(csv, cell.at), "save the file as UTF-8", "%s holds bytes that are not UTF-8",
                           nnc_data_quoted(csv->report->arena, cell.text, cell.length));
            return false;
        }
    }
    return true;
}

static bool wants_numbers(const nnc_dataset_request *request)
{
    for (uint32_t w = 0; w < request->wants; w++)
        if (request->want[w].kind == NNC_DATASET_REAL)
            return true;
    return false;
}

/* Whether some column has a word above and numbers below. A row of words alone is a header where numbers are wanted. */
static bool looks_like_header(nnc_csv *csv, nnc_arena *arena, const nnc_dataset_request *request, nnc_dialect_head *head, const cell_kind *first)
{
    enum { SAW_NUMBER = 1, SAW_WORD = 2 };
    char *saw = NNC_ARRAY(arena, char, (size_t)head->columns);
    bool words = true, looks = false;
    int found = 0;
    for (int rows = 1; samples_more(csv, rows) && (found = nnc_csv_record(csv)) == 1; rows++) {
        nnc_csv_cell cell;
        char *at = csv->begin;
        if (nnc_csv_is_blank(csv))
            continue;
        head->alone = false;
        for (int64_t c = 0; at && c < head->columns && nnc_csv_field(csv, &at, &cell); c++) {
            cell_kind kind = kind_of(csv, &cell);
            saw[c] |= kind == CELL_NUMBER ? SAW_NUMBER : kind == CELL_WORD ? SAW_WORD : 0;
            head->again[c] = head->again[c] || (strlen(head->name[c]) == cell.length && memcmp(head->name[c], cell.text, cell.length) == 0);
        }
    }
    if (found < 0)                 /* something is there, though it is broken: reading it will say how */
        head->alone = false;
    for (int64_t c = 0; c < head->columns; c++) {
        looks = looks || (first[c] == CELL_WORD && saw[c] == SAW_NUMBER);
        words = words && first[c] == CELL_WORD;
    }
    return looks || (head->alone && words && wants_numbers(request));
}

bool nnc_dialect_header(nnc_csv *csv, nnc_arena *arena, const nnc_dataset_request *request, const nnc_dataset_known *known, nnc_dialect_head *head)
{
    cell_kind *first;
    int found;
    *head = (nnc_dialect_head){.alone = true};
    while ((found = nnc_csv_record(csv)) == 1 && nnc_csv_is_blank(csv)) {
    }
    head->empty = found == 0;
    if (found <= 0)
        return found == 0;
    int64_t line_of_first = csv->begin_line;
    if (!read_first(csv, arena, head, &first))
        return false;
    size_t second = csv->at;
    int64_t line = csv->line;
    csv->peeking = true;
    head->header = looks_like_header(csv, arena, request, head, first);
    csv->peeking = false;
    csv->at = second;
    csv->line = line;
    if (request->header >= 0)
        head->header = request->header == 1;
    else
        head->header = head->header || has_known_name(head, arena, request, known);
    if (!head->header) {
        csv->at = 0;
        csv->line = line_of_first;
    }
    return true;
}
