/* Which columns of a file each declaration takes: by name, or by position. */
#ifndef NNC_RUNTIME_DATA_COLUMNS_H
#define NNC_RUNTIME_DATA_COLUMNS_H

#include "runtime/data/report.h"

typedef struct nnc_file_columns {
    const char *path;
    const char *const *name;       /* NULL: no header */
    int64_t count;
    const char *help;              /* for a count that does not agree; NULL: the usual one */
} nnc_file_columns;

typedef struct nnc_assignment {
    int64_t **column;              /* for each want the columns of a row's elements; NULL: not present */
    int64_t *ignored;              /* for each name to be ignored its column, or -1 */
} nnc_assignment;

/* Elements of one row. */
int64_t nnc_want_row_elements(const nnc_dataset_want *want);
/* The declaration in words: `input x`. */
const char *nnc_want_name(nnc_arena *arena, const nnc_dataset_want *want);

/* known: what each want's columns are called already (their names NULL where that is not known). strict: the file has no columns but those that
 * are taken or ignored. Targets are not taken when predicting. False after an error. */
bool nnc_columns_assign(nnc_arena *arena, const nnc_dataset_request *request, const nnc_dataset_known *known, bool strict,
                        const nnc_file_columns *file, nnc_assignment *assignment, nnc_dataset_report *report);

#endif
