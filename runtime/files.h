/* Files that are whole or not there: written beside their place, synced, then renamed. A crash leaves the old file or the new one. */
#ifndef NNC_RUNTIME_FILES_H
#define NNC_RUNTIME_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"

/* What failed: "path: what: the system's reason". Empty where nothing did. */
typedef struct nnc_failure { char text[600]; } nnc_failure;

void nnc_fail(nnc_failure *failure, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A set of outputs that appear together: each is written to a temporary file in its folder and synced; commit renames them all. "-" is standard
 * output, written at commit. Symbolic links are followed: the file that a link points to is replaced. */
typedef struct nnc_outputs {
    nnc_arena *arena;
    struct nnc_output_file *file;
    size_t files, capacity;
} nnc_outputs;

bool nnc_outputs_add(nnc_outputs *outputs, const char *path, const void *bytes, size_t size, nnc_failure *failure) __attribute__((warn_unused_result));
bool nnc_outputs_commit(nnc_outputs *outputs, nnc_failure *failure) __attribute__((warn_unused_result));
/* Removes what was not committed. Safe after commit. */
void nnc_outputs_drop(nnc_outputs *outputs);
/* The same from a signal's handler: removes, and changes nothing in memory. */
void nnc_outputs_abandon(const nnc_outputs *outputs);

/* One file by the same way. */
bool nnc_file_replace(nnc_arena *arena, const char *path, const void *bytes, size_t size, nnc_failure *failure) __attribute__((warn_unused_result));
/* All bytes of a descriptor: short writes and EINTR are gone on with. */
bool nnc_write_all(int descriptor, const void *bytes, size_t size);
/* A plain file of at most `limit` bytes, open for reading; -1 after a failure. */
int nnc_file_open(const char *path, size_t limit, size_t *size, nnc_failure *failure);
/* The next `size` bytes; false after a failure, or where there are fewer. */
bool nnc_read_all(int descriptor, void *bytes, size_t size, const char *path, nnc_failure *failure) __attribute__((warn_unused_result));
/* A whole file, NUL-terminated behind its `size` bytes. NULL after a failure; refused above `limit` bytes. */
char *nnc_file_read(nnc_arena *arena, const char *path, size_t limit, size_t *size, nnc_failure *failure);

#endif
