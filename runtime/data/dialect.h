/* What a CSV is, told from its first rows: its delimiter, and whether the first row is a header. */
#ifndef NNC_RUNTIME_DATA_DIALECT_H
#define NNC_RUNTIME_DATA_DIALECT_H

#include "runtime/data/csv.h"

/* Sets csv->delimiter and decimal. False after an error: the file looks separated otherwise than its name says. */
bool nnc_dialect_delimiter(nnc_csv *csv, const nnc_dataset_request *request);

/* The first row's cells, and whether they are names. */
typedef struct nnc_dialect_head {
    bool empty;                    /* the file has no row */
    bool header, alone;            /* alone: nothing stands below the first row */
    int64_t columns;
    const char **name;             /* of the first row's cells */
    bool *again;                   /* whether a cell stands in its column a second time */
} nnc_dialect_head;

/* Looks at the first rows; nothing is consumed. known: names that a header may hold besides the model's own. False after an error. */
bool nnc_dialect_header(nnc_csv *csv, nnc_arena *arena, const nnc_dataset_request *request, const nnc_dataset_known *known, nnc_dialect_head *head);

#endif
