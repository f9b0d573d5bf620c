/* Tests of exact messages. A file of cases holds, for each:
 *
 *     === ID
 *     a text
 *     --- (what is reported of it)
 *
 * The first message must be of row ID, there must be no result, and every row of the table has a case. With `--update` the file is written anew
 * with what is reported now. */
#ifndef NNC_TESTS_CASES_H
#define NNC_TESTS_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/diagnostic.h"

typedef struct test_case { char id[64]; const char *text; size_t text_length; const char *expected; size_t expected_length; } test_case;

/* What is reported of a text (malloc'd), the identifier of its first message, whether a result came out nevertheless. */
typedef struct test_report { char *text; char first[64]; bool result; } test_report;
typedef test_report (*test_reporter)(const char *text, size_t length);

enum { MOST_CASES = 400 };

static inline char *cases_read(const char *name, char *path, size_t room)
{
    const char *root = getenv("NNC_SOURCE_DIR");
    snprintf(path, room, "%s/%s", root ? root : ".", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be read", path);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *text = malloc((size_t)size + 1);
    assert_int_equal(fread(text, 1, (size_t)size, f), size);
    text[size] = 0;
    fclose(f);
    return text;
}

static inline size_t cases_split(const char *all, test_case *out)
{
    size_t count = 0;
    for (const char *at = strncmp(all, "=== ", 4) == 0 ? all : strstr(all, "\n=== "); at; at = strstr(at, "\n=== ")) {
        test_case *c = &out[count++];
        at += *at == '\n';
        assert_int_equal(sscanf(at, "=== %63s", c->id), 1);
        c->text = strchr(at, '\n') + 1;
        const char *middle = strstr(c->text - 1, "\n---\n"), *end = strstr(c->text - 1, "\n=== ");
        if (!middle || (end && middle > end))
            fail_msg("the case %s has no line ---", c->id);
        c->text_length = (size_t)(middle + 1 - c->text);
        c->expected = middle + 5;
        c->expected_length = end ? (size_t)(end + 1 - c->expected) : strlen(c->expected);
        assert_true(count < MOST_CASES);
        at = middle;
    }
    return count;
}

static inline bool case_holds(const test_case *c, test_reporter report)
{
    test_report r = report(c->text, c->text_length);
    bool same = strlen(r.text) == c->expected_length && memcmp(r.text, c->expected, c->expected_length) == 0;
    bool holds = same && !r.result && strcmp(r.first, c->id) == 0;
    if (!holds)
        print_error("case %s, of which the first message is %s%s:\n%s", c->id, *r.first ? r.first : "none", r.result ? " and a result comes out" : "", r.text);
    free(r.text);
    return holds;
}

static inline void cases_check(const char *name, test_reporter report, const nnc_message *rows, size_t row_count)
{
    char path[600], *all = cases_read(name, path, sizeof path);
    test_case *cases = calloc(MOST_CASES, sizeof *cases);
    size_t count = cases_split(all, cases), wrong = 0;
    for (size_t i = 0; i < count; i++)
        wrong += !case_holds(&cases[i], report);
    for (size_t row = 0; row < row_count; row++) {
        bool found = false;
        for (size_t i = 0; i < count; i++)
            found |= strcmp(cases[i].id, rows[row].id) == 0;
        if (!found)
            print_error("the message %s has no case\n", rows[row].id);
        wrong += !found;
    }
    free(cases);
    free(all);
    assert_int_equal(wrong, 0);
}

static inline int cases_update(const char *name, test_reporter report)
{
    char path[600], *all = cases_read(name, path, sizeof path), *text = NULL;
    test_case *cases = calloc(MOST_CASES, sizeof *cases);
    size_t count = cases_split(all, cases), length = 0;
    FILE *memory = open_memstream(&text, &length), *out;
    for (size_t i = 0; i < count; i++) {
        test_report r = report(cases[i].text, cases[i].text_length);
        fprintf(memory, "=== %s\n", cases[i].id);
        fwrite(cases[i].text, 1, cases[i].text_length, memory);
        fprintf(memory, "---\n%s", r.text);
        free(r.text);
    }
    fclose(memory);
    out = fopen(path, "wb");
    bool written = out && fwrite(text, 1, length, out) == length;
    free(text);
    free(cases);
    free(all);
    return written && fclose(out) == 0 ? 0 : 1;
}

#endif
