/* What the readers of the formats share: the slots that a file's columns fill. A new format is one file with its two functions, and a row of formats.def. */
#ifndef NNC_RUNTIME_DATA_READER_H
#define NNC_RUNTIME_DATA_READER_H

#include "runtime/data/bytes.h"
#include "runtime/data/columns.h"
#include "runtime/data/csv.h"
#include "runtime/data/table.h"

typedef struct nnc_reader {
    nnc_arena *arena;              /* of the data set */
    nnc_arena *scratch;            /* until the present path is read */
    const nnc_dataset_request *request;
    nnc_dataset_report *report;
    nnc_dataset *data;
    nnc_dataset_table *table;
    nnc_dataset_known *known;      /* [wants]: names of columns, from the weights or the first file */
    const char *path;              /* of the present file, in the data set's arena */
    uint32_t files;                /* whose columns were assigned */
} nnc_reader;

/* What to do with each column of the present file. */
typedef struct nnc_plan {
    int64_t columns;
    int32_t *slot;                 /* the first slot, or -1 */
    int32_t *text;                 /* the ignored column whose text is kept, or -1 */
    int32_t *plain;                /* 0, or a column of one real slot and nothing else: how many such, from it on, have slots that follow each other */
} nnc_plan;

/* Assigns the file's columns; the first file makes the slots. of_bytes: every cell is 0..255. False after an error. */
bool nnc_reader_plan(nnc_reader *reader, const nnc_file_columns *file, bool of_bytes, nnc_plan *plan);

/* Fills the slot with a text, or counts what is wrong with it: true where the caller must say where it stands (in the returned tally's place). */
nnc_data_place *nnc_reader_put_text(nnc_reader *reader, char *row, int32_t slot, char *text, size_t length, char decimal);
/* The same with a number. */
nnc_data_place *nnc_reader_put_number(nnc_reader *reader, char *row, int32_t slot, double value);
nnc_data_place *nnc_reader_put_byte(nnc_reader *reader, char *row, int32_t slot, unsigned char value);
/* An integer that a float does not hold: true the first time, when the caller fills in table->rounding.first. */
bool nnc_reader_note_rounded(nnc_reader *reader, int32_t slot, const char *text, size_t length);

/* ---- formats ---- */

/* Whether the file's first bytes say so. */
typedef bool nnc_format_test(const nnc_bytes *bytes);
/* Reads files opened in `bytes` (more than one where the format wants a pair). False after an error. */
typedef bool nnc_format_read(nnc_reader *reader, nnc_bytes *bytes, uint32_t files);

#define NNC_DATA_FORMAT(id, name, suffix, files, test, read) nnc_format_test test; nnc_format_read read;
#include "runtime/data/formats.def"
#undef NNC_DATA_FORMAT

#endif
