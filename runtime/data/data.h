/* Reads the data that a model is trained on, measured on or predicts from: CSV and TSV, IDX, plain text, gzipped or not.
 *
 * A data set is a table, in memory or, beyond a limit, in a mapped file: rows of numbered cells, of which each declaration of the model (an input or a target) takes some
 * columns. Cells are floats, or class numbers, or bytes where the file holds bytes. Nothing is skipped or guessed in silence: what a
 * file holds and the model cannot take is an error with file, line and column.
 *
 * An EXAMPLE is known by the number of its first row, from 0 over all files in order. Where declarations run along rows (`past[96 rows]`) an
 * example is a window of `span` rows, otherwise a single row. Parts (training, validation, test) are lists of such numbers.
 *
 * Everything lives in the arena given at opening. Nothing here prints; what is wrong goes to a report. */
#ifndef NNC_RUNTIME_DATA_DATA_H
#define NNC_RUNTIME_DATA_DATA_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/checked.h"
#include "base/text.h"

/* ---- what is told to the user ---- */

typedef struct nnc_dataset_message {
    bool warning;
    const char *path;              /* NULL: of no file */
    int64_t line, column;          /* from 1, column in characters; 0: none */
    const char *text, *help;       /* help: NULL for none; may be several lines */
} nnc_dataset_message;

enum { NNC_DATASET_MAX_MESSAGES = 20 };   /* of errors, and of warnings; more are counted only */

typedef struct nnc_dataset_report {
    nnc_arena *arena;              /* of the texts; set by the caller */
    nnc_dataset_message message[2 * NNC_DATASET_MAX_MESSAGES];
    uint32_t messages;
    int64_t errors, warnings;
} nnc_dataset_report;

/* `data.csv:LINE:COLUMN: error: text` and `  help: ...`, a line each; color: with ANSI colours. */
void nnc_dataset_report_print(const nnc_dataset_report *report, nnc_text *out, bool color);

/* ---- what a model wants ---- */

typedef enum nnc_dataset_kind {
    NNC_DATASET_REAL,
    NNC_DATASET_CLASS,             /* class(k): labels 0..k-1 are themselves, otherwise there are exactly k different ones */
    NNC_DATASET_CLASS_FROM_DATA    /* class: as many as the training data has */
} nnc_dataset_kind;

typedef struct nnc_dataset_want {  /* one declaration */
    const char *name;
    bool target;
    uint32_t rank;
    int64_t extent[NNC_MAX_RANK];  /* extent[0] is `rows` where that is not 0 */
    int64_t rows, rows_from;
    nnc_dataset_kind kind;
    int64_t classes;               /* CLASS: the count */
    const char *else_class;        /* NULL for none */
    const char *const *column;     /* `from` */
    uint32_t columns;
    bool allows_missing;           /* gaps are read as NaN */
    bool needed;                   /* by an output: what is not may be absent when predicting */
} nnc_dataset_want;

/* What training found out about the columns and classes; it goes with the weights. */
typedef struct nnc_dataset_known {
    const char *name;              /* of the declaration */
    const char *const *column;     /* one name an element of a row; NULL where there was no header */
    uint32_t columns;
    const char *const *class_name; /* NULL where the classes are the numbers 0..classes-1 themselves */
    int64_t classes;               /* 0: a real */
} nnc_dataset_known;

typedef struct nnc_dataset_knowledge {
    const nnc_dataset_known *known;
    uint32_t count;
} nnc_dataset_knowledge;

/* ---- opening ---- */

typedef enum nnc_dataset_role {
    NNC_DATASET_TRAIN,             /* classes are collected */
    NNC_DATASET_MEASURE,           /* --valid, --test: needs knowledge, matches by name, other columns may be there */
    NNC_DATASET_PREDICT            /* the same; targets are not read, ignored columns are kept */
} nnc_dataset_role;

typedef struct nnc_dataset_request {
    const char *const *path;       /* each a file, "-" (standard input), or "images.idx,labels.idx" */
    uint32_t paths;
    const nnc_dataset_want *want;
    uint32_t wants;
    const char *const *ignored;    /* `ignore` */
    uint32_t ignoreds;
    const nnc_dataset_knowledge *knowledge;   /* NULL for none */
    nnc_dataset_role role;
    int header;                    /* -1 told from the file, 0 no, 1 yes */
    char delimiter, decimal;       /* 0: told from the file; '.' */
    size_t memory;                 /* bytes of cells held in memory before they go to a file; 0: the usual 256 MB */
} nnc_dataset_request;

typedef struct nnc_dataset_declaration {
    const nnc_dataset_want *want;
    bool present;                  /* false: a target, or an input that is not needed, when predicting */
    int64_t elements;              /* of one example */
    int64_t row_elements;          /* of one row: elements / rows where it runs along rows, else the same */
    nnc_dataset_known known;       /* columns and classes, as found or as given; classes also for CLASS */
    struct nnc_dataset_take *take; /* where its elements are */
} nnc_dataset_declaration;

typedef struct nnc_dataset {
    nnc_dataset_declaration *declaration;   /* parallel to the request's wants */
    uint32_t declarations;
    int64_t rows;
    bool windows;                  /* declarations run along rows */
    int64_t span;                  /* rows of a window, of what is present; 1 without windows */
    const char *const *ignored;    /* PREDICT: names of the ignored columns that are there */
    uint32_t ignoreds;
    struct nnc_dataset_table *table;
} nnc_dataset;

/* Reads everything. NULL after errors; warnings may be reported besides. In TRAIN without knowledge the classes are collected and known
 * afterwards in declaration[i].known. */
nnc_dataset *nnc_dataset_open(nnc_arena *arena, const nnc_dataset_request *request, nnc_dataset_report *report);

/* ---- reading ---- */

/* The declaration's number, or -1 where there is none of that name or it is not present. */
int nnc_dataset_find(const nnc_dataset *data, const char *declaration);
/* Copies the declaration's elements (float, or int32_t for classes) of examples number[0 .. count) to out, example-major. A gap is NaN. */
void nnc_dataset_gather(const nnc_dataset *data, int declaration, const int64_t *number, int64_t count, void *out);
/* Where a row stands: path and line (or its number in the file, from 1, where it has no lines). */
void nnc_dataset_place(const nnc_dataset *data, int64_t row, const char **path, int64_t *line);
/* The text of an ignored column (PREDICT). */
const char *nnc_dataset_ignored(const nnc_dataset *data, uint32_t column, int64_t row);
/* A class's name; its number where it has none. */
const char *nnc_dataset_class_name(nnc_arena *arena, const nnc_dataset_known *known, int64_t class_number);
/* Of all cells, classes and their order: the same data give the same number. */
uint64_t nnc_dataset_hash(const nnc_dataset *data);
/* How many of b's rows stand in a too (compared as what the model takes of them). 0 for windows. */
int64_t nnc_dataset_common(nnc_arena *arena, const nnc_dataset *a, const nnc_dataset *b);

/* ---- parts ---- */

typedef struct nnc_dataset_part {
    int64_t *number;               /* of examples, ascending */
    int64_t count;
} nnc_dataset_part;

typedef struct nnc_dataset_share { double fraction; int64_t fold, folds; } nnc_dataset_share;   /* fold from 1; folds 0: the fraction */

typedef struct nnc_dataset_parts { nnc_dataset_part train, valid, test; } nnc_dataset_parts;

/* Single rows: `test` then `validate` are the first rows of the permutation drawn by seed (round half up), a fold every folds-th row of the
 * permutation drawn by 0. Windows: the last rows, validate, then test; a fold is a run of rows; windows start every `stride` rows in
 * training and stand end to end elsewhere. False after an error (a part without an example). */
bool nnc_dataset_divide(nnc_arena *arena, const nnc_dataset *data, nnc_dataset_share validate, nnc_dataset_share test, uint64_t seed, int64_t stride,
                        nnc_dataset_parts *parts, nnc_dataset_report *report);
/* All examples. stride: of windows; 0: end to end. False after an error (no whole window). */
bool nnc_dataset_all(nnc_arena *arena, const nnc_dataset *data, int64_t stride, nnc_dataset_part *part, nnc_dataset_report *report);

/* ---- telling ---- */

/* `x = sepal_length, sepal_width, petal_length, petal_width; species = class`, or by position without a header. No line end. */
const char *nnc_dataset_columns_line(nnc_arena *arena, const nnc_dataset *data);
/* For each column its name, kind, minimum, maximum, mean, missing values, classes: a line each. */
void nnc_dataset_describe(const nnc_dataset *data, nnc_text *out);

/* A warning where columns of the declaration hold one value in every row: what is scaled by them is 0. */
void nnc_dataset_warn_of_constants(const nnc_dataset *data, int declaration, nnc_dataset_report *report);

/* ---- knowledge with the weights: pairs of texts `columns.NAME` and `classes.NAME`, each one line of CSV (`classes.NAME` is the count
 * alone, `=3`, where the classes are their numbers) ---- */

nnc_dataset_knowledge nnc_dataset_knowledge_of(nnc_arena *arena, const nnc_dataset *data);
/* Gives the number of pairs. */
uint32_t nnc_dataset_knowledge_write(nnc_arena *arena, const nnc_dataset_knowledge *knowledge, const char ***key, const char ***value);
/* `value` gives the text of a key, or NULL. Declarations without any are unknown. False where a text is damaged. */
bool nnc_dataset_knowledge_read(nnc_arena *arena, const nnc_dataset_want *want, uint32_t wants,
                                const char *(*value)(void *context, const char *key), void *context, nnc_dataset_knowledge *knowledge);

/* Adds a field as CSV: quoted where it holds a comma, a quote, a line end, or spaces at an end. */
void nnc_dataset_add_field(nnc_text *out, const char *field);

#endif
