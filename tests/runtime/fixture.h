/* An arena, and a folder of its own to work in, for each test. */
#ifndef NNC_TESTS_RUNTIME_FIXTURE_H
#define NNC_TESTS_RUNTIME_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/files.h"

typedef struct fixture {
    nnc_arena arena;
    nnc_failure failure;
    char folder[64];
} fixture;

static inline int fixture_open(void **state)
{
    static fixture f;
    snprintf(f.folder, sizeof f.folder, "/tmp/nnc-runtime-XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    assert_int_equal(chdir(f.folder), 0);
    nnc_arena_open(&f.arena, NULL, NULL);
    f.failure.text[0] = 0;
    *state = &f;
    return 0;
}

static inline int fixture_close(void **state)
{
    fixture *f = *state;
    char command[128];
    nnc_arena_close(&f->arena);
    snprintf(command, sizeof command, "rm -rf %s", f->folder);
    return chdir("/") != 0 || system(command) != 0;
}

static inline void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

#endif
