/* A file's bytes in a sliding window of memory: files, standard input, gzipped or not. */
#ifndef NNC_RUNTIME_DATA_BYTES_H
#define NNC_RUNTIME_DATA_BYTES_H

#include <sys/stat.h>
#include <zlib.h>
#include "runtime/data/report.h"

enum { NNC_BYTES_AFTER = 16 };   /* that can be read beyond the window, so that numbers are read 8 bytes at once */

/* Bytes begin .. end of `buffer` are read and not consumed; buffer[end] is 0. */
typedef struct nnc_bytes {
    nnc_arena *arena;
    nnc_dataset_report *report;
    const char *path;              /* as shown in messages */
    char *buffer;
    size_t begin, end, capacity;
    bool at_end;                   /* nothing comes after buffer[end] */
    bool failed;                   /* reported */
    int fd;
    struct stat before;            /* of a regular file, to see whether it changes meanwhile */
    int64_t taken;                 /* raw bytes read */
    bool zipped;
    bool member_done;              /* between two members of a gzip file */
    z_stream stream;
    unsigned char *raw;            /* gzip: bytes that wait to be inflated */
} nnc_bytes;

/* Opens `path` ("-": standard input) and looks whether it is gzipped. False after an error (no such file, a directory, ...). */
bool nnc_bytes_open(nnc_bytes *bytes, nnc_arena *arena, const char *path, nnc_dataset_report *report);
/* Reads until at least `wanted` bytes stand between begin and end, or the end. False after an error; the buffer may move. */
bool nnc_bytes_fill(nnc_bytes *bytes, size_t wanted);
/* Closes; an error where the file changed while it was read. */
void nnc_bytes_close(nnc_bytes *bytes);

/* Whether a path ends so, in any case, a .gz after it aside. */
bool nnc_bytes_has_suffix(const char *path, const char *suffix);

static inline size_t nnc_bytes_left(const nnc_bytes *bytes) { return bytes->end - bytes->begin; }
static inline nnc_data_place nnc_bytes_place(const nnc_bytes *bytes) { return (nnc_data_place){bytes->path, 0, 0}; }

#endif
