/* An arena, and a folder of its own to work in, for each test. */
#ifndef NNC_TESTS_RUNTIME_FIXTURE_H
#define NNC_TESTS_RUNTIME_FIXTURE_H

#include <math.h>
#include "../folder.h"
#include "runtime/files.h"

typedef struct fixture {
    nnc_arena arena;
    nnc_failure failure;
    test_folder folder;
} fixture;

static inline int fixture_open(void **state)
{
    static fixture f;
    folder_open(&f.folder);
    nnc_arena_open(&f.arena, NULL, NULL);
    f.failure.text[0] = 0;
    *state = &f;
    return 0;
}

static inline int fixture_close(void **state)
{
    fixture *f = *state;
    nnc_arena_close(&f->arena);
    return folder_close(&f->folder);
}

static inline bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

#endif
