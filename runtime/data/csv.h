/* Records and fields of CSV (RFC 4180) in a window of bytes. */
#ifndef NNC_RUNTIME_DATA_CSV_H
#define NNC_RUNTIME_DATA_CSV_H

#include "runtime/data/bytes.h"

enum { NNC_CSV_FIELD_LIMIT = 1 << 20, NNC_CSV_LINE_LIMIT = 16 << 20, NNC_CSV_COLUMN_LIMIT = 65535 };

typedef struct nnc_csv {
    nnc_bytes *bytes;
    nnc_dataset_report *report;
    char delimiter, decimal;
    bool peeking;                  /* looks ahead: nothing is consumed, nothing reported */
    size_t at;                     /* of the next record, from bytes->begin */
    int64_t line;                  /* of the next record, from 1 */
    char *begin, *end;             /* the present record, without its line end */
    int64_t begin_line;
    bool has_quotes;               /* it may go over several lines */
    char *scratch;                 /* NNC_CSV_FIELD_LIMIT + 1 bytes for fields with doubled quotes */
    bool has_nul;                  /* a NUL byte was seen */
    size_t searched;               /* the window up to here was searched for NUL bytes */
} nnc_csv;

typedef struct nnc_csv_cell {
    char *text;                    /* what it says: without quotes and, outside of them, spaces at the ends. text[length] can be read */
    size_t length;
    char *at;                      /* where it begins in the record */
    bool quoted;
} nnc_csv_cell;

void nnc_csv_open(nnc_csv *csv, nnc_arena *arena, nnc_bytes *bytes, nnc_dataset_report *report);
/* The next record: 1, or 0 at the end, or -1 after an error. Pointers into the record hold until the next call. */
int nnc_csv_record(nnc_csv *csv);
/* The field at *at, which moves behind its delimiter, or to NULL after the last. False after an error. */
bool nnc_csv_field(nnc_csv *csv, char **at, nnc_csv_cell *cell);
/* Whether the record has nothing in it but spaces. */
bool nnc_csv_is_blank(const nnc_csv *csv);
/* Where `at` of the present record stands. */
nnc_data_place nnc_csv_place(const nnc_csv *csv, const char *at);
/* Fields of the present record; -1 after an error. */
int64_t nnc_csv_fields(nnc_csv *csv);
/* Goes back to the beginning after peeking. */
void nnc_csv_restart(nnc_csv *csv);

/* Whether a cell says that there is no value: empty, NA, nan, null, ? */
bool nnc_csv_is_missing(const char *text, size_t length);

#endif
