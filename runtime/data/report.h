/* Reporting what is wrong with data: for the files of this folder. */
#ifndef NNC_RUNTIME_DATA_REPORT_H
#define NNC_RUNTIME_DATA_REPORT_H

#include "runtime/data/data.h"

typedef struct nnc_data_place { const char *path; int64_t line, column; } nnc_data_place;

/* Adds an error or a warning; help may be NULL. Beyond NNC_DATASET_MAX_MESSAGES of a kind they are counted only. */
void nnc_data_error(nnc_dataset_report *report, nnc_data_place place, const char *help, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void nnc_data_warning(nnc_dataset_report *report, nnc_data_place place, const char *help, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "a", "b", "c" and so on: names for a message, at most `most` of them, then `... (12 in all)`. */
const char *nnc_data_list(nnc_arena *arena, const char *const *name, int64_t count, int64_t most);
/* A name in quotes, shortened, with control characters escaped. */
const char *nnc_data_quoted(nnc_arena *arena, const char *name, size_t length);
/* 1234567 as 1,234,567. */
const char *nnc_data_count(nnc_arena *arena, int64_t count);

/* The length of the longest prefix of `bytes` that is UTF-8. */
size_t nnc_data_utf8(const char *bytes, size_t length);

#endif
