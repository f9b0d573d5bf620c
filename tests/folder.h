/* A folder of its own for each test to work in. */
#ifndef NNC_TESTS_FOLDER_H
#define NNC_TESTS_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

typedef struct test_folder { char path[64]; } test_folder;

static inline void folder_open(test_folder *f)
{
    snprintf(f->path, sizeof f->path, "/tmp/nnc-test-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    assert_int_equal(chdir(f->path), 0);
}

/* 0 where all of it is gone. */
static inline int folder_close(test_folder *f)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->path);
    return chdir("/") != 0 || system(command) != 0;
}

static inline void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

#endif
