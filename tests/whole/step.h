/* A whole model's training step in this process: elaborated from text, compiled, and given values. */
#ifndef NNC_TESTS_STEP_H
#define NNC_TESTS_STEP_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "driver/library.h"
#include "driver/network.h"

enum { BATCH = 20 };

typedef struct model_case { const char *name, *text; } model_case;

typedef struct bench {
    nnc_arena arena;
    nnc_session session;
    nnc_model *model;
    nnc_network *network;
    nnc_program *program;      /* as elaborated, with the update */
    int64_t batch;
    uint32_t state;
} bench;

static inline double roll(bench *b)
{
    b->state = b->state * 1664525u + 1013904223u;
    return (double)(b->state >> 8) / (1 << 24);
}

static inline int64_t class_count(void *context, const char *declaration)
{
    (void)context;
    (void)declaration;
    return 0;
}

/* The model alone. */
static inline void open_model(bench *b, const char *name, const char *text)
{
    nnc_arena_open(&b->arena, NULL, NULL);
    nnc_session_open(&b->session, NULL, NULL);
    nnc_model_request request = {.path = "m.nn", .text = text, .library_name = nnc_library_names, .library_text = nnc_library_texts, .class_count = class_count};
    b->model = nnc_model_elaborate(&b->session, &request);
    if (!b->model) {
        nnc_text out = {.arena = &b->arena};
        nnc_diagnostics_print(&b->session, &out, false);
        fail_msg("%s: %s", name, nnc_text_string(&out));
    }
}

/* And its step, compiled. */
static inline void open_bench(bench *b, const model_case *c)
{
    const char *error = NULL;
    open_model(b, c->name, c->text);
    nnc_network_request parts = {.model = b->model, .parts = NNC_PART_TRAIN, .train_batch = BATCH, .set_batch = BATCH, .target = {NULL, NULL, 2}, .compile = true, .listed = true, .level = 2, .threads = 2};
    b->network = nnc_network_build(&b->arena, &parts, &error);
    if (!b->network)
        fail_msg("%s: %s", c->name, error ? error : "no network");
    const char *wrong = nnc_loops_verify(b->network->train->scheduled.loops);
    if (wrong)
        fail_msg("%s: %s", c->name, wrong);
    b->program = b->model->program;
}

static inline void close_bench(bench *b)
{
    nnc_network_close(b->network);
    nnc_session_close(&b->session);
    nnc_arena_close(&b->arena);
}

/* ---- values ---- */

static inline void fill_slots(bench *b)
{
    for (uint32_t i = 0; i < b->network->slots; i++) {
        const nnc_slot *s = &b->network->slot[i];
        float *at = nnc_slot_data(b->network, s);
        bool positive = strstr(s->name, "variance") || strstr(s->name, "gain");
        for (int64_t e = 0; e < s->elements; e++)
            at[e] = (float)(positive ? 0.5 + roll(b) : (roll(b) - 0.5) * 0.5);
    }
}

static inline void *aligned(bench *b, int64_t bytes)
{
    char *block = nnc_arena_allocate(&b->arena, (size_t)bytes + 192, 1);
    return (void *)(((uintptr_t)block + 63) / 64 * 64);
}

static inline void fill_inputs(bench *b, void **pointer)
{
    const nnc_part *part = b->network->train;
    for (uint32_t i = 0; i < part->step.arguments; i++) {
        const nnc_tensor *t = nnc_tensor_at(part->program, part->argument[i]);
        int64_t n = nnc_elements(t) * (nnc_batched(t) ? BATCH : 1);
        pointer[3 + i] = aligned(b, 4 * n);
        for (int64_t e = 0; t->kind == NNC_KIND_INPUT && e < n; e++)
            if (t->element == NNC_REAL)
                ((float *)pointer[3 + i])[e] = (float)(roll(b) * 2 - 1);
            else
                ((int32_t *)pointer[3 + i])[e] = (int32_t)(roll(b) * (double)t->classes);
    }
}

#endif
