/* Programs from text, and their values. */
#ifndef NNC_TESTS_FORMULA_FIXTURE_H
#define NNC_TESTS_FORMULA_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "formula/interpret.h"

/* One session a test: opened before, closed after. */
static nnc_session session;

static inline int fixture_open(void **state)
{
    (void)state;
    nnc_session_open(&session, NULL, NULL);
    return 0;
}

static inline int fixture_close(void **state)
{
    (void)state;
    nnc_session_close(&session);
    return 0;
}

/* NULL where the text has an error. */
static inline nnc_program *try_parse(const char *text) { return nnc_program_parse(&session, nnc_session_add(&session, "t", text, strlen(text))); }

static inline const char *reported(void)
{
    nnc_text out = {.arena = &session.arena};
    nnc_diagnostics_print(&session, &out, false);
    return nnc_text_string(&out);
}

static inline nnc_program *parse(const char *text)
{
    nnc_program *p = try_parse(text);
    if (!p)
        fail_msg("%s%s", text, reported());
    return p;
}

static inline nnc_program *parse_good(const char *text)
{
    nnc_program *p = parse(text);
    const char *wrong = nnc_program_verify(p);
    if (wrong)
        fail_msg("%s%s", text, wrong);
    return p;
}

static inline const char *printed(const nnc_program *p)
{
    nnc_text out = {.arena = &session.arena};
    nnc_program_print(p, &out);
    return nnc_text_string(&out);
}

static inline nnc_tensor_id named(const nnc_program *p, const char *name)
{
    nnc_tensor_id id = nnc_find(p, name);
    if (!id)
        fail_msg("there is no %s", name);
    return id;
}

static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static inline int64_t between(uint64_t *state, int64_t low, int64_t high) { return low + (int64_t)(next_random(state) % (uint64_t)(high - low + 1)); }

#endif
