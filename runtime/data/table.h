/* The table that a data set is: rows of cells in blocks that never move. */
#ifndef NNC_RUNTIME_DATA_TABLE_H
#define NNC_RUNTIME_DATA_TABLE_H

#include "runtime/data/labels.h"

enum { NNC_BYTE_NOT_YET = -2 };

/* What was wrong in a slot's cells of the present file: how often, and where first. */
typedef enum nnc_fault { NNC_FAULT_MISSING, NNC_FAULT_WORD, NNC_FAULT_INFINITE, NNC_FAULT_CLASS, NNC_FAULT_UTF8, NNC_FAULTS } nnc_fault;

typedef struct nnc_fault_tally {
    int64_t count;
    nnc_data_place first;
    const char *text;              /* of the first such cell, quoted for a message */
} nnc_fault_tally;

/* One cell of each row: a column of the files, read as a real or as a class. */
typedef struct nnc_dataset_slot {
    nnc_labels *labels;            /* NULL: a real */
    bool allows_missing;
    const nnc_dataset_want *want;  /* the first that takes it, for messages */
    const char *name;              /* of the column; NULL: by position */
    int64_t column;                /* in the present file, from 0 */
    int32_t next;                  /* another slot of the same column in the present file, or -1 */
    int32_t *byte_class;           /* files of bytes: the class of each of the 256, NNC_BYTE_NOT_YET at first */
    nnc_fault_tally tally[NNC_FAULTS];
} nnc_dataset_slot;

typedef struct nnc_dataset_take {
    int32_t *slot;                 /* for each element of a row */
    bool contiguous;               /* slot[i] = slot[0] + i */
    nnc_labels *labels;
} nnc_dataset_take;

/* Rows [first, ..) up to the next run stand in `path` on successive lines from `line`. */
typedef struct nnc_row_run { int64_t first; const char *path; int64_t line; bool lines; } nnc_row_run;

typedef struct nnc_rounding { bool seen, told; int32_t slot; nnc_data_place first; const char *text; } nnc_rounding;

typedef struct nnc_dataset_table {
    nnc_arena *arena;
    nnc_dataset_slot *slot;
    int32_t slots, slot_capacity;
    int width;                     /* bytes of a cell: 4, or 1 where all of them are bytes */
    int64_t stride;                /* bytes of a row: slots * width */
    int shift;                     /* a block has 1 << shift rows */
    char **block;
    int64_t blocks, block_capacity, rows;
    size_t memory, held;           /* bytes of blocks that may be in memory, and that are; more are in a mapped file */
    char *spill;                   /* what is left of the file mapped last */
    size_t spill_left;
    nnc_row_run *run;
    uint32_t runs, run_capacity;
    const char ***ignored;         /* PREDICT: for each ignored column its texts */
    int64_t ignored_capacity;
    uint32_t ignoreds;
    nnc_rounding rounding;         /* the first integer that was rounded: one warning is enough */
} nnc_dataset_table;

/* After the slots are known: fixes the size of a row. */
void nnc_table_start(nnc_dataset_table *table, int width);
/* From bytes to 4 bytes a cell. */
void nnc_table_widen(nnc_dataset_table *table);
/* The next row's cells, to be filled and then counted by nnc_table_end_row. */
char *nnc_table_row(nnc_dataset_table *table);
void nnc_table_end_row(nnc_dataset_table *table, const char *path, int64_t line, bool lines);

/* The run that a row is in; the row after the last of its file. */
uint32_t nnc_table_run_of(const nnc_dataset_table *table, int64_t row);
int64_t nnc_table_end_of_file(const nnc_dataset_table *table, int64_t row);

static inline char *nnc_table_cells(const nnc_dataset_table *table, int64_t row)
{
    return table->block[row >> table->shift] + (row & (((int64_t)1 << table->shift) - 1)) * table->stride;
}

/* ---- cells ---- */

/* Cells of a row being filled. */
void nnc_cell_put_real(const nnc_dataset_table *table, char *row, int32_t slot, float value);
/* Into `count` slots from `slot` on. */
void nnc_cells_put_bytes(const nnc_dataset_table *table, char *row, int32_t slot, const unsigned char *bytes, int64_t count);
void nnc_cell_put_class(const nnc_dataset_table *table, char *row, int32_t slot, int32_t number);
float nnc_cell_real(const nnc_dataset_table *table, const char *row, int32_t slot);
int32_t nnc_cell_class(const nnc_dataset_table *table, const char *row, int32_t slot);

/* Counts a fault; true the first time, when the caller fills in place and text. */
bool nnc_fault_count(nnc_dataset_slot *slot, nnc_fault fault);
/* Reports the tallies of the file that was read, and clears them. */
void nnc_faults_report(nnc_dataset_table *table, nnc_dataset_report *report);
/* Column 3, or column "name". */
const char *nnc_slot_name(nnc_arena *arena, const nnc_dataset_slot *slot);

#endif
