/* Data sets of written files, and the exact report of opening them. Each test program works in a folder of its own. */
#ifndef NNC_TESTS_DATA_FIXTURE_H
#define NNC_TESTS_DATA_FIXTURE_H

#include <math.h>
#include "../folder.h"
#include "runtime/data/data.h"

typedef struct fixture {
    nnc_arena arena;
    nnc_dataset_want want[8];
    const char *path[4];
    nnc_dataset_request request;
    nnc_dataset_report report;
    nnc_dataset *data;
    test_folder folder;
} fixture;

static inline void fixture_forget(fixture *f)
{
    nnc_arena_close(&f->arena);
    f->data = NULL;
    f->path[0] = "data.csv";
    f->request = (nnc_dataset_request){.path = f->path, .paths = 1, .want = f->want, .header = -1};
    f->report = (nnc_dataset_report){.arena = &f->arena};
}

static inline int fixture_open(void **state)
{
    static fixture f;
    folder_open(&f.folder);
    nnc_arena_open(&f.arena, NULL, NULL);
    fixture_forget(&f);
    *state = &f;
    return 0;
}

static inline int fixture_close(void **state)
{
    fixture *f = *state;
    nnc_arena_close(&f->arena);
    return folder_close(&f->folder);
}

static inline void write_text(const char *name, const char *text) { write_bytes(name, text, strlen(text)); }

/* Declarations: x of so many numbers, and a target of class (classes 0: from the data; -1: a number). */
static inline nnc_dataset_want *want_input(fixture *f, const char *name, int64_t elements)
{
    nnc_dataset_want *want = &f->want[f->request.wants++];
    *want = (nnc_dataset_want){.name = name, .rank = elements > 0, .extent = {elements}, .needed = true};
    return want;
}

static inline nnc_dataset_want *want_target(fixture *f, const char *name, int64_t classes)
{
    nnc_dataset_want *want = want_input(f, name, 0);
    want->target = true;
    want->needed = false;
    want->kind = classes < 0 ? NNC_DATASET_REAL : classes ? NNC_DATASET_CLASS : NNC_DATASET_CLASS_FROM_DATA;
    want->classes = classes > 0 ? classes : 0;
    return want;
}

static inline nnc_dataset *read_data(fixture *f) { return f->data = nnc_dataset_open(&f->arena, &f->request, &f->report); }

static inline const char *report_of(fixture *f)
{
    nnc_text out = {.arena = &f->arena};
    nnc_dataset_report_print(&f->report, &out, false);
    return nnc_text_string(&out);
}

static inline void must_read(fixture *f)
{
    read_data(f);
    assert_string_equal(report_of(f), "");
    assert_non_null(f->data);
}

static inline void must_fail(fixture *f, const char *report)
{
    read_data(f);
    assert_string_equal(report_of(f), report);
    assert_null(f->data);
}

static inline float real_at(fixture *f, const char *declaration, int64_t row, int64_t element)
{
    float values[4096];
    int d = nnc_dataset_find(f->data, declaration);
    assert_true(d >= 0 && f->data->declaration[d].elements <= 4096);
    nnc_dataset_gather(f->data, d, &row, 1, values);
    return values[element];
}

static inline int32_t class_at(fixture *f, const char *declaration, int64_t row, int64_t element)
{
    int32_t values[4096];
    int d = nnc_dataset_find(f->data, declaration);
    assert_true(d >= 0 && f->data->declaration[d].elements <= 4096);
    nnc_dataset_gather(f->data, d, &row, 1, values);
    return values[element];
}

#endif
