/* For the tests of this folder: a session, a library, a model elaborated. */
#ifndef NNC_TESTS_MODEL_FIXTURE_H
#define NNC_TESTS_MODEL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "model/internal.h"

static inline char *fixture_read(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *text = malloc((size_t)size + 1);
    assert_int_equal(fread(text, 1, (size_t)size, f), size);
    text[size] = 0;
    fclose(f);
    return text;
}

static inline const char *fixture_file(void *context, nnc_arena *arena, const char *path, size_t *length, const char **reason)
{
    (void)context;
    char *text = fixture_read(path);
    if (!text) {
        *reason = "there is no such file";
        return NULL;
    }
    *length = strlen(text);
    const char *kept = nnc_arena_copy(arena, text, *length);
    free(text);
    return kept;
}

typedef struct fixture {
    nnc_session session;
    nnc_model_request request;
    const char *name[64], *text[64];
    nnc_define_value define[8];
    const char *line[8];
    nnc_model *model;
} fixture;

static inline void fixture_library(fixture *f, const char *pattern)
{
    glob_t found;
    char path[600];
    const char *root = getenv("NNC_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", pattern);
    assert_int_equal(glob(path, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc && i < 63; i++) {
        char *text = fixture_read(found.gl_pathv[i]);
        f->name[i] = nnc_arena_string(&f->session.arena, strrchr(found.gl_pathv[i], '/') + 1);
        f->text[i] = nnc_arena_string(&f->session.arena, text);
        free(text);
    }
    globfree(&found);
    f->request.library_name = f->name;
    f->request.library_text = f->text;
}

static inline void fixture_open(fixture *f, const char *library)
{
    *f = (fixture){0};
    nnc_session_open(&f->session, NULL, NULL);
    f->request.path = "model.nn";
    f->request.read_file = fixture_file;
    f->request.define = f->define;
    fixture_library(f, library);
}

static inline const char *fixture_messages(fixture *f)
{
    nnc_text out = {.arena = &f->session.arena};
    nnc_diagnostics_print(&f->session, &out, false);
    return nnc_text_string(&out);
}

/* Elaborates; a model must come out and its program hold. */
static inline nnc_model *fixture_elaborate(fixture *f, const char *text)
{
    f->request.text = text;
    f->model = nnc_model_elaborate(&f->session, &f->request);
    if (!f->model)
        fail_msg("%s\n%s", fixture_messages(f), text);
    const char *wrong = nnc_program_verify(f->model->program);
    if (wrong)
        fail_msg("%s\n%s", wrong, text);
    return f->model;
}

static inline void fixture_close(fixture *f) { nnc_session_close(&f->session); }

#endif
