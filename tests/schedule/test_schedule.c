/* Loops made of formulas: what stands in them for sums under guards, windows, tiles and recurrences (counted), and that their C computes what the interpreter does. */
#include "../formula/fixture.h"
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>
#include "c/c.h"
#include "formula/interpret.h"
#include "schedule/schedule.h"

enum { MOST = 4096, BATCH = 3 };

typedef struct made { nnc_program *program; nnc_scheduled scheduled; nnc_tensor_id argument[16]; uint32_t arguments; int64_t batch; } made;

/* Inputs are arguments, and the formula `y`. */
static made schedule_for(const char *text, const nnc_machine *machine, int64_t batch, bool serial)
{
    made m = {.program = parse_good(text), .batch = batch};
    for (nnc_tensor_id id = 1; id < m.program->tensors; id++)
        if (nnc_tensor_at(m.program, id)->kind == NNC_KIND_INPUT)
            m.argument[m.arguments++] = id;
    m.argument[m.arguments++] = named(m.program, "y");
    nnc_schedule_request request = {.program = m.program, .name = "t", .argument = m.argument, .arguments = m.arguments, .batch = batch,
                                    .machine = machine, .layout = nnc_layout_new(&session.arena, 64), .level = 2, .serial = serial};
    m.scheduled = nnc_schedule(&session.arena, &request);
    const char *wrong = nnc_loops_verify(m.scheduled.loops);
    if (wrong)
        fail_msg("%s%s", text, wrong);
    return m;
}

static made schedule(const char *text, const char *machine) { return schedule_for(text, nnc_machine_find(machine), BATCH, false); }

static uint32_t count_of(const nnc_loops *loops, nnc_loop_op op)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < loops->kernels; k++)
        for (uint32_t v = 1; v < loops->kernel[k]->values; v++)
            count += loops->kernel[k]->value[v].op == op;
    return count;
}

/* ---- values ---- */

static float leaf(nnc_tensor_id id, int64_t i) { return (float)(((id * 7919 + i * 104729) % 2003) / 1000.0 - 1); }

static void fill(made *m, nnc_interpreter *in, void **pointer)
{
    for (uint32_t i = 0; i < m->arguments; i++) {
        static float storage[16][MOST];
        const nnc_tensor *t = nnc_tensor_at(m->program, m->argument[i]);
        int64_t count = nnc_elements(t) * (nnc_batched(t) ? BATCH : 1);
        double values[MOST];
        assert_true(count <= MOST);
        for (int64_t e = 0; e < count; e++)
            values[e] = storage[i][e] = leaf(m->argument[i], e);
        if (t->kind == NNC_KIND_INPUT)
            nnc_interpreter_set(in, m->argument[i], values);
        pointer[3 + i] = storage[i];
    }
}

static void *compile(const made *m, const char *flags)
{
    static char folder[] = "/tmp/nnc-schedule-XXXXXX";
    char command[300], path[80];
    nnc_text text = {.arena = &session.arena};
    snprintf(folder, sizeof folder, "/tmp/nnc-schedule-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/t.c", folder);
    nnc_c_kernels(m->scheduled.loops, &text);
    FILE *out = fopen(path, "w");
    fputs(nnc_text_string(&text), out);
    fclose(out);
    snprintf(command, sizeof command, "cc -std=c99 -Wall -Wextra -Werror -Wno-unused-function %s -shared -fPIC %s/t.c -o %s/t.so -lm", flags, folder, folder);
    assert_int_equal(system(command), 0);
    snprintf(path, sizeof path, "%s/t.so", folder);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    return library;
}

static void check_values(made *m, const char *text)
{
    nnc_interpreter *in = nnc_interpreter_new(&session.arena, m->program, BATCH);
    void *pointer[20] = {calloc(1, (size_t)m->scheduled.loops->workspace_bytes + 64), calloc(1, (size_t)m->scheduled.loops->persistent_bytes + 64),
                         calloc(1, (size_t)m->scheduled.loops->host_bytes + 64)};
    fill(m, in, pointer);
    nnc_interpreter_run(in);
    void *library = compile(m, "-O1");
    assert_non_null(library);
    for (uint32_t i = 0; i < m->scheduled.loops->kernels; i++) {
        const nnc_kernel *k = m->scheduled.loops->kernel[i];
        void (*run)(void *const *, int64_t, int64_t, int64_t);
        *(void **)&run = dlsym(library, k->name);
        assert_non_null(run);
        run(pointer, BATCH, 0, (k->tasks_fixed + k->tasks_per_example * BATCH + k->task_block - 1) / k->task_block);
    }
    nnc_tensor_id y = m->argument[m->arguments - 1];
    const nnc_tensor *t = nnc_tensor_at(m->program, y);
    const float *given = pointer[3 + m->arguments - 1];
    const double *expected = nnc_interpreter_get(in, y);
    for (int64_t e = 0; e < nnc_elements(t) * (nnc_batched(t) ? BATCH : 1); e++)
        if (!(fabs(given[e] - expected[e]) <= 1e-5 * (1 + fabs(expected[e]))))
            fail_msg("%sy[%lld] is %.9g, by the interpreter %.9g", text, (long long)e, (double)given[e], expected[e]);
    dlclose(library);
    for (int i = 0; i < 3; i++)
        free(pointer[i]);
}

/* ---- values that are added up exactly ---- */

/* Eighths from -1 to 1: a thousand products of them make a float without rounding, in any order. */
static double eighths(const nnc_tensor *t, nnc_tensor_id id, int64_t i)
{
    uint64_t hash = ((uint64_t)id * 40503u + (uint64_t)i) * 0x9E3779B97F4A7C15u >> 33;
    return t->classes ? (double)(hash % (uint64_t)t->classes) : (double)(hash % 17) / 8 - 1;
}

/* So many bytes that end where what may be read does. */
static void *before_nothing(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), all = (bytes + page - 1) / page * page + page;
    char *block = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED && mprotect(block + all - page, page, PROT_NONE) == 0);
    return block + all - page - bytes;
}

static void give_exact(const made *m, nnc_interpreter *in, int64_t batch, uint32_t i, void **pointer)
{
    const nnc_tensor *t = nnc_tensor_at(m->program, m->argument[i]);
    int64_t count = nnc_elements(t) * (nnc_batched(t) ? batch : 1);
    double *values = NNC_ARRAY(&session.arena, double, (size_t)count);
    pointer[3 + i] = before_nothing(4 * (size_t)count);
    for (int64_t e = 0; e < count && t->kind == NNC_KIND_INPUT; e++) {
        values[e] = eighths(t, m->argument[i], e);
        if (t->element == NNC_REAL)
            ((float *)pointer[3 + i])[e] = (float)values[e];
        else
            ((int32_t *)pointer[3 + i])[e] = (int32_t)values[e];
    }
    if (t->kind == NNC_KIND_INPUT)
        nnc_interpreter_set(in, m->argument[i], values);
}

/* One run of so many examples, tasks in pieces, the last piece first. */
static void run_pieces(const made *m, void *library, void **pointer, int64_t batch, int64_t pieces)
{
    for (uint32_t i = 0; i < m->scheduled.loops->kernels; i++) {
        const nnc_kernel *k = m->scheduled.loops->kernel[i];
        int64_t tasks = (k->tasks_fixed + k->tasks_per_example * batch + k->task_block - 1) / k->task_block;
        void (*run)(void *const *, int64_t, int64_t, int64_t);
        *(void **)&run = dlsym(library, k->name);
        assert_non_null(run);
        for (int64_t p = pieces; p > 0; p--)
            run(pointer, batch, tasks * (p - 1) / pieces, tasks * p / pieces);
    }
}

static void check_batch(const made *m, void *library, int64_t batch, int64_t pieces, const char *text)
{
    nnc_interpreter *in = nnc_interpreter_new(&session.arena, m->program, batch);
    void *pointer[20] = {before_nothing((size_t)m->scheduled.loops->workspace_bytes), before_nothing((size_t)m->scheduled.loops->persistent_bytes),
                         before_nothing((size_t)m->scheduled.loops->host_bytes)};
    for (uint32_t i = 0; i < m->arguments; i++)
        give_exact(m, in, batch, i, pointer);
    nnc_interpreter_run(in);
    run_pieces(m, library, pointer, batch, pieces);
    nnc_tensor_id y = m->argument[m->arguments - 1];
    const nnc_tensor *t = nnc_tensor_at(m->program, y);
    const float *given = pointer[3 + m->arguments - 1];
    const double *expected = nnc_interpreter_get(in, y);
    for (int64_t e = 0; e < nnc_elements(t) * (nnc_batched(t) ? batch : 1); e++)
        if ((double)given[e] != expected[e])
            fail_msg("%s%d examples, %d pieces: y[%lld] is %.9g, by the interpreter %.9g", text, (int)batch, (int)pieces, (long long)e, (double)given[e], expected[e]);
}

/* All examples, and all but one in pieces. */
static void check_exactly(made *m, const char *text)
{
    void *library = compile(m, "-O0");           /* of large tiles, with less patience */
    assert_non_null(library);
    check_batch(m, library, m->batch, 1, text);
    check_batch(m, library, m->batch - 1, 3, text);
    dlclose(library);
}

/* ---- tiles whose rows are pairs of places ---- */

typedef struct tile_case { const char *text; const char *machine; bool pairs, tasks; uint32_t products; } tile_case;

static const tile_case TILES[] = {
    /* a convolution's kernel, few by few: five rows of one task each, walked by three, by two and singly, and five of the next slot beside each */
    {"input d[batch, 8, 8, 16]\ninput x[batch, 12, 12]\ny[i < 5, j < 5, l < 16] = sum(b < batch, m < 8, n < 8: d[b, m, n, l] * x[b, i + m, j + n])\n", "x86-64-v4", true, true, 15 + 10 + 5},
    /* fewer registers: what no tile divides is left in both slots */
    {"input d[batch, 8, 8, 8]\ninput x[batch, 12, 12]\ny[i < 5, j < 5, l < 8] = sum(b < batch, m < 8, n < 8: d[b, m, n, l] * x[b, i + m, j + n])\n", "x86-64-v3", true, true, 9 + 6 + 6 + 4 + 3 + 2},
    /* one slot, of a task each */
    {"input d[batch, 64, 8]\ninput x[batch, 68]\ny[i < 5, l < 8] = sum(b < batch, m < 64: d[b, m, l] * x[b, i + m])\n", "x86-64-v3", false, true, 3 + 2 + 1},
    /* three channels: two slots inside of a task */
    {"input d[batch, 6, 6, 16]\ninput x[batch, 8, 8, 3]\ny[i < 3, j < 3, k < 3, l < 16] = sum(b < batch, m < 6, n < 6: d[b, m, n, l] * x[b, i + m, j + n, k])\n", "x86-64-v4", true, false, 9},
    /* a slot that fills the registers alone */
    {"input d[batch, 4, 4, 16]\ninput x[batch, 6, 6, 24]\ny[i < 3, j < 3, k < 24, l < 16] = sum(b < batch, m < 4, n < 4: d[b, m, n, l] * x[b, i + m, j + n, k])\n", "x86-64-v4", false, false, 0},
    /* a condition on both: it would be asked of each pair */
    {"input x[batch, 3, 3, 40]\ninput w[40, 8]\ny[b < batch, i < 3, j < 3, l < 8] = sum(m < 40: if i mod 2 == 0 and j mod 2 == 0 then x[b, i, j, m] * w[m, l] else 0)\n", "x86-64-v3", false, false, 0},
};

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof TILES / sizeof *TILES; i++) {
        const tile_case *c = &TILES[i];
        made m = schedule(c->text, c->machine);
        uint32_t products = count_of(m.scheduled.loops, NNC_LOOP_FMA);
        if ((m.scheduled.taken[NNC_WAY_PAIRS] > 0) != c->pairs || (m.scheduled.taken[NNC_WAY_TASK_ROWS] > 0) != c->tasks || (c->products && products != c->products))
            fail_msg("%spairs %u, rows of tasks %u, products %u", c->text, (unsigned)m.scheduled.taken[NNC_WAY_PAIRS], (unsigned)m.scheduled.taken[NNC_WAY_TASK_ROWS], (unsigned)products);
        check_values(&m, c->text);
    }
}

/* ---- the cases: whether the guard is asked inside the loops ---- */

typedef struct loops_case { const char *text; const char *machine; bool asks; } loops_case;

/* Extents of free slots are primes beyond the rows of a tile where no tile is meant. */
static const loops_case CASES[] = {
    /* a window's gradient: the border is clipped, nothing is asked inside */
    {"input x[batch, 13, 8]\ninput k[5, 8]\ny[b < batch, i < 17, c < 8] = sum(l < 5: if 0 <= i - l <= 12 then x[b, i - l, c] * k[l, c] else 0)\n", "c", false},
    /* two dimensions */
    {"input x[batch, 6, 7, 8]\ninput k[3, 3, 8]\ny[b < batch, i < 2, j < 2, c < 8] = sum(l < 3, m < 3: if 0 <= i - l <= 5 and 0 <= j - m <= 6 then x[b, i - l, j - m, c] * k[l, m, c] else 0)\n",
     "c", false},
    /* strides on the reduced index, of either sign; one bound alone */
    {"input x[batch, 40, 8]\ny[b < batch, i < 17, c < 8] = sum(l < 7: if 3 <= 3*l + i <= 17 then x[b, 3*l + i, c] else 0)\n", "c", false},
    {"input x[batch, 40, 8]\ny[b < batch, i < 17, c < 8] = sum(l < 7: if 2 <= 20 - 3*l + i <= 17 then x[b, 20 - 3*l + i, c] else 0)\n", "c", false},
    {"input x[batch, 17, 8]\ny[b < batch, i < 17, c < 8] = sum(l < 17: if 0 <= i - l then x[b, i - l, c] else 0)\n", "c", false},
    {"input x[batch, 40, 8]\ny[b < batch, i < 17, c < 8] = sum(l < 30: if i + l <= 22 then x[b, i + l, c] else 0)\n", "c", false},
    /* two reduced indices in one condition: the inner loop is clipped to it, the outer to where any inner one can be */
    {"input x[batch, 9, 8]\ny[b < batch, i < 17, c < 8] = sum(l < 5, m < 4: if 2 <= i + l - 2*m <= 8 then x[b, i + l - 2*m, c] else 0)\n", "c", false},
    /* the largest of what is inside: the rest is what a maximum starts with */
    {"input x[batch, 15, 8]\ny[b < batch, i < 17, c < 8] = max(l < 3: if 0 <= i + l - 2 <= 14 then x[b, i + l - 2, c] else -inf)\n", "c", false},
    {"input x[batch, 15, 8]\ny[b < batch, i < 17, c < 8] = prod(l < 3: if 0 <= i + l - 2 <= 14 then x[b, i + l - 2, c] else 1)\n", "c", false},
    /* causal, with rows in a tile: clipped to the tile, and asked inside */
    {"input q[batch, 12, 12]\ninput v[batch, 12, 8]\ny[t < 12, u < 8] = sum(b < batch, s < 12: if 0 <= t - s then q[b, t, s] * v[b, s, u] else 0)\n", "c", true},
    /* lanes in the guard */
    {"input x[batch, 10]\ny[b < batch, i < 14] = sum(l < 5: if 0 <= i - l <= 9 then x[b, i - l] else 0)\n", "c", true},
    /* another value than the start outside: everything is asked */
    {"input x[batch, 13, 8]\ny[b < batch, i < 17, c < 8] = sum(l < 5: if 0 <= i - l <= 12 then x[b, i - l, c] else 1)\n", "c", true},
    /* of conditions, one on the loop and one on numbers */
    {"input x[batch, 13, 8]\ny[b < batch, i < 17, c < 8] = sum(l < 5: if 0 <= i - l <= 12 and x[b, l, c] > 0 then x[b, i - l, c] else 0)\n", "c", true},
    /* never: no point is left */
    {"input x[batch, 13, 8]\ny[b < batch, i < 17, c < 8] = sum(l < 5: if 20 <= i - l <= 24 then x[b, i - l - 20, c] else 0)\n", "c", false},
    /* without vectors nothing is clipped: bounds cost code */
    {"input x[batch, 13, 8]\ny[b < batch, i < 17, c < 8] = sum(l < 5: if 0 <= i - l <= 12 then x[b, i - l, c] else 0)\n", "small", true},
};

static void test_guards(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        made m = schedule(CASES[i].text, CASES[i].machine);
        uint32_t selects = count_of(m.scheduled.loops, NNC_LOOP_SELECT);
        nnc_text text = {.arena = &session.arena};
        nnc_loops_print(m.scheduled.loops, &text);
        if ((selects > 0) != CASES[i].asks)
            fail_msg("%s%u selects\n%s", CASES[i].text, selects, nnc_text_string(&text));
        check_values(&m, CASES[i].text);
    }
}

/* ---- how many steps of a recurrence stay in memory ---- */

typedef struct kept_case { const char *text; int floats; } kept_case;

static const kept_case KEPT[] = {
    /* one step back, read at its end: two steps of 4 */
    {"input x[batch, 9, 4]\nh[b < batch, t < 9, u < 4] = x[b, t, u] + (if 0 < t then h[b, t - 1, u] * 0.5 else 0)\ny[b < batch, u < 4] = h[b, 8, u]\n", 8},
    /* three back, and the last but two */
    {"input x[batch, 9, 4]\nh[b < batch, t < 9, u < 4] = x[b, t, u] + (if 2 < t then h[b, t - 3, u] * 0.5 else 0)\ny[b < batch, u < 4] = h[b, 8, u] - h[b, 6, u]\n", 16},
    /* backwards */
    {"input x[batch, 9, 4]\nh[b < batch, t < 9, u < 4] = x[b, t, u] + (if t < 8 then h[b, t + 1, u] * 0.5 else 0)\ny[b < batch, u < 4] = h[b, 0, u]\n", 8},
    /* what lives within a step, g, and what lives to the next, h */
    {"input x[batch, 9, 4]\ng[b < batch, t < 9, u < 4] = sum(v < 4: x[b, t, v] * x[b, t, u] + (if 0 < t then h[b, t - 1, v] * 0.1 else 0))\nh[b < batch, t < 9, u < 4] = max(v < 4: g[b, t, v] - 0.5 * g[b, t, u])\n"
     "y[b < batch, u < 4] = h[b, 8, u]\n", 12},
    /* all steps are read afterwards */
    {"input x[batch, 9, 4]\nh[b < batch, t < 9, u < 4] = x[b, t, u] + (if 0 < t then h[b, t - 1, u] * 0.5 else 0)\ny[b < batch, t < 9] = max(u < 4: h[b, t, u])\n", 36},
    /* a loop in a loop: the outer index alone is folded */
    {"input x[batch, 5, 6]\nh[b < batch, s < 5, t < 6] = x[b, s, t] + (if 0 < t then h[b, s, t - 1] * 0.5 else 0) + (if 0 < s then h[b, s - 1, 5 - t] * 0.3 else 0)\ny[b < batch] = h[b, 4, 5]\n", 12},
};

static void test_steps_kept(void **state)
{
    static const char *const machines[] = {"c", "small", "x86-64-v3"};
    (void)state;
    for (size_t i = 0; i < sizeof KEPT / sizeof *KEPT; i++)
        for (size_t m = 0; m < sizeof machines / sizeof *machines; m++) {
            made one = schedule(KEPT[i].text, machines[m]);
            int64_t floats = 0;
            for (uint32_t b = 0; b < one.scheduled.loops->buffers; b++)
                if (one.scheduled.loops->buffer[b].storage == NNC_STORAGE_WORKSPACE)
                    floats += one.scheduled.loops->buffer[b].elements;
            if (floats != KEPT[i].floats)
                fail_msg("%s%s: %lld floats an example stay, not %d", KEPT[i].text, machines[m], (long long)floats, KEPT[i].floats);
            check_values(&one, KEPT[i].text);
        }
}

/* ---- sizes at which rows are walked in chunks, panels are copied, and what comes is asked for ---- */

typedef struct large_case { const char *text; const char *machine; int64_t batch; uint32_t l2; nnc_way way[4]; } large_case;

/* Extents are odd: rows that no tile divides, a last chunk that is short, lanes that end in a part of a vector. A small second-level cache makes chunks short. */
static const large_case LARGE[] = {
    /* rows a multiple of 4 KB apart: copied row after row, in two blocks; the last one shorter */
    {"input x[batch, 41, 1024]\ninput w[1024, 201]\ny[b < batch, t < 41, j < 201] = sum(k < 301: x[b, t, k] * w[k, j])\n", "x86-64-v3", 2, 32 << 10,
     {NNC_WAY_BLOCKS, NNC_WAY_PANELS, NNC_WAY_CHUNKS, NNC_WAY_ASKED_PANEL}},
    {"input x[batch, 29, 1024]\ninput w[1024, 259]\ny[b < batch, t < 29, j < 259] = sum(k < 163: x[b, t, k + 3] * w[k, j])\n", "x86-64-v4", 2, 64 << 10,
     {NNC_WAY_BLOCKS, NNC_WAY_PANELS, NNC_WAY_CHUNKS, NNC_WAY_ASKED_PANEL}},
    /* rows next to each other, at points that crowd: tile after tile */
    {"input x[batch, 200, 64]\ninput w[200, 201]\ny[b < batch, t < 43, j < 201] = sum(k < 200: x[b, k, t] * w[k, j])\n", "x86-64-v3", 2, 32 << 10,
     {NNC_WAY_BLOCKS, NNC_WAY_PANELS, NNC_WAY_CHUNKS, NNC_WAY_ASKED_PANEL}},
    /* examples are the rows, and tasks, of which the last has fewer; lanes in parts */
    {"input x[batch, 1024]\ninput w[1024, 259]\ny[b < batch, j < 259] = sum(k < 170: x[b, k] * (if j < 100 then w[k, j] else w[k + 1, j]))\n", "x86-64-v3", 37, 20 << 10,
     {NNC_WAY_BLOCKS, NNC_WAY_CHUNKS, NNC_WAY_CUTS}},
    /* two slots in a block, one of them of 32 next to each other, and a copy of each order */
    {"input x[batch, 27, 1024]\ninput z[batch, 10, 27]\ninput w[320, 259]\ny[b < batch, t < 27, j < 259] = sum(i < 10, k < 32: (x[b, t, 32*i + k] + z[b, i, t]) * w[32*i + k, j])\n", "x86-64-v3",
     2, 32 << 10, {NNC_WAY_BLOCKS, NNC_WAY_CHUNKS}},
    /* a slot around the blocks: what moves with the rows and with it alone is not copied */
    {"input x[batch, 31, 64]\ninput w[31, 300, 200]\ny[b < batch, t < 33, j < 200] = sum(i < 2, k < 300: x[b, i, t] * w[i, k, j])\n", "x86-64-v3", 2, 512 << 10, {NNC_WAY_BLOCKS, NNC_WAY_PANELS}},
    /* a window: what is read beyond its guard is copied from where something is */
    {"input x[batch, 41, 1024]\ninput w[5, 70, 259]\ny[b < batch, t < 41, j < 259] = sum(l < 5, k < 70: if 0 <= t + l - 2 <= 40 then x[b, t + l - 2, k] * w[l, k, j] else 0)\n", "x86-64-v3", 2, 32 << 10,
     {NNC_WAY_BLOCKS, NNC_WAY_CHUNKS, NNC_WAY_CLIPPED}},
    /* one block: a panel alone, and with rows */
    {"input x[batch, 27, 150]\ninput w[150, 256]\ny[b < batch, t < 27, j < 61] = sum(k < 150: x[b, t, k] * w[k, j])\n", "x86-64-v3", 3, 512 << 10, {NNC_WAY_WHOLE_PANELS, NNC_WAY_PANELS}},
    {"input x[batch, 150, 64]\ninput w[150, 256]\ny[b < batch, t < 29, j < 77] = sum(k < 150: x[b, k, t] * w[k, j])\n", "x86-64-v3", 2, 32 << 10,
     {NNC_WAY_WHOLE_PANELS, NNC_WAY_PANELS, NNC_WAY_CHUNKS}},
    /* a panel of rows that are looked up: beyond the last one there is nothing to look up */
    {"input c[301]: class(200)\ninput d[301, 40]\ninput e[200, 200]\ny[i < 40, j < 200] = sum(k < 301: d[k, i] * e[c[k], j])\n", "x86-64-v3", 2, 512 << 10, {NNC_WAY_BLOCKS, NNC_WAY_PANELS}},
    /* every other point of the sum, told by slots that the inner loops do not move */
    {"input x[batch, 9, 26, 16]\ninput w[3, 3, 16, 72]\ny[b < batch, i < 7, j < 24, c < 72] = sum(l < 3, m < 3, k < 16: if (i + l) mod 2 == 0 then x[b, i + l, j + m, k] * w[l, m, k, c] else 0)\n",
     "x86-64-v3", 2, 512 << 10, {NNC_WAY_SETTLED}},
    /* a recurrence: what it reads at each step is copied before the first one, the last lanes in a shorter range */
    {"input x[batch, 2, 171]\ninput w[171, 256]\nh[b < batch, t < 2, j < 171] = sum(k < 171: (if 0 < t then h[b, t - 1, k] else x[b, t, k]) * w[k, j])\ny[b < batch, t < 2, j < 171] = h[b, t, j] * 2\n",
     "x86-64-v3", 13, 512 << 10, {NNC_WAY_PACKS, NNC_WAY_WHOLE_PANELS}},
    /* the sum of a tile, then what is read once for each element */
    {"input x[batch, 64, 70]\ninput w[70, 72]\ninput v[batch, 64, 72]\ns[b < batch, t < 64, j < 72] = sum(k < 70: x[b, t, k] * w[k, j])\ny[b < batch, t < 64, j < 72] = s[b, t, j] + v[b, t, j]\n",
     "x86-64-v3", 2, 512 << 10, {NNC_WAY_ASKED}},
};

static uint32_t prefetches_in(const nnc_statement *body)
{
    uint32_t count = 0;
    for (const nnc_statement *s = body; s; s = s->next)
        count += (s->kind == NNC_STATEMENT_PREFETCH) + prefetches_in(s->body);
    return count;
}

static uint32_t prefetches_of(const made *m)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < m->scheduled.loops->kernels; k++)
        count += prefetches_in(m->scheduled.loops->kernel[k]->body);
    return count;
}

static bool has_scratch(const made *m)
{
    bool any = false;
    for (uint32_t b = 0; b < m->scheduled.loops->buffers; b++)
        any |= m->scheduled.loops->buffer[b].storage == NNC_STORAGE_LOCAL;
    return any;
}

static void must_take(const made *m, const large_case *c)
{
    for (int i = 0; i < 4 && c->way[i]; i++)
        if (m->scheduled.taken[c->way[i]] == 0)
            fail_msg("%s%s: not taken: %s", c->text, c->machine, nnc_way_text[c->way[i]]);
}

static void test_large(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof LARGE / sizeof *LARGE; i++) {
        nnc_machine machine = *nnc_machine_find(LARGE[i].machine);
        machine.l2 = LARGE[i].l2;
        made m = schedule_for(LARGE[i].text, &machine, LARGE[i].batch, false);
        must_take(&m, &LARGE[i]);
        check_exactly(&m, LARGE[i].text);
    }
}

/* Code for an unknown compiler asks for nothing early and makes no chunks; code that is small or is exported copies nothing at all. */
static void test_without_copies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof LARGE / sizeof *LARGE; i++) {
        made portable = schedule_for(LARGE[i].text, nnc_machine_find("c"), LARGE[i].batch, false), tiny = schedule_for(LARGE[i].text, nnc_machine_find("small"), LARGE[i].batch, false);
        made exported[] = {schedule_for(LARGE[i].text, nnc_machine_find("x86-64-v3"), 1, true), schedule_for(LARGE[i].text, nnc_machine_find("c"), 1, true)};
        assert_int_equal(portable.scheduled.taken[NNC_WAY_CHUNKS] + tiny.scheduled.taken[NNC_WAY_CHUNKS] + tiny.scheduled.taken[NNC_WAY_WHOLE_PANELS], 0);
        assert_int_equal(prefetches_of(&portable) + prefetches_of(&tiny) + prefetches_of(&exported[0]) + prefetches_of(&exported[1]), 0);
        if (has_scratch(&exported[0]) || has_scratch(&exported[1]))
            fail_msg("%sexported, it takes the stack", LARGE[i].text);
    }
}

/* Few rows read a panel but few times: it is not copied for them. */
static void test_few_rows(void **state)
{
    (void)state;
    for (int rows = 7; rows <= 27; rows += 20) {
        const char *text = nnc_arena_format(&session.arena, "input x[batch, %d, 150]\ninput w[150, 256]\ny[b < batch, t < %d, j < 61] = sum(k < 150: x[b, t, k] * w[k, j])\n", rows, rows);
        made m = schedule_for(text, nnc_machine_find("x86-64-v3"), 3, false);
        assert_int_equal(m.scheduled.taken[NNC_WAY_WHOLE_PANELS], rows == 27);
    }
}

/* Of a recurrence of two products of so many units: its ways, and how many scratches its kernel has. */
static uint32_t scratches_of(int units, uint32_t *packs, uint32_t *panels)
{
    const char *text = nnc_arena_format(&session.arena, "input x[batch, 3, %d]\ninput w[%d, %d]\ninput v[%d, %d]\n"
                                        "g[b < batch, t < 3, j < %d] = sum(k < %d: (if 0 < t then h[b, t - 1, k] else x[b, t, k]) * w[k, j])\n"
                                        "h[b < batch, t < 3, j < %d] = sum(k < %d: g[b, t, k] * v[k, j])\ny[b < batch, j < %d] = h[b, 2, j]\n",
                                        units, units, units, units, units, units, units, units, units, units);
    made one = schedule_for(text, nnc_machine_find("x86-64-v3"), 256, false);
    uint32_t buffers = 0;
    for (uint32_t b = 0; b < one.scheduled.loops->buffers; b++)
        buffers += one.scheduled.loops->buffer[b].storage == NNC_STORAGE_LOCAL;
    *packs = one.scheduled.taken[NNC_WAY_PACKS];
    *panels = one.scheduled.taken[NNC_WAY_PANELS];
    return buffers;
}

/* Sums of one kernel take turns in the same scratch, but for what is packed before a recurrence's steps, as far as it fits; a sum that is too long for a stack is not copied, however
 * large the caches are. */
static void test_scratch(void **state)
{
    static const char longest[] = "input x[100000, 320]\ninput d[100000, 64]\ny[i < 320, j < 64] = sum(k < 100000: x[k, i] * d[k, j])\n";
    static const char widest[] = "input x[5000, 1024]\ninput w[1024, 1024]\ny[i < 5000, j < 1024] = sum(k < 1024: x[i, k] * w[k, j])\n";
    uint32_t packs, panels;
    (void)state;
    assert_int_equal(scratches_of(256, &packs, &panels), 2);
    assert_true(packs == 2 && panels == 0);
    assert_int_equal(scratches_of(320, &packs, &panels), 2);
    assert_true(packs == 1 && panels > 0);
    assert_int_equal(scratches_of(512, &packs, &panels), 1);
    assert_true(packs == 0 && panels > 0);
    nnc_machine roomy = *nnc_machine_find("x86-64-v4");
    roomy.l1 = 1 << 20;
    roomy.l2 = 1 << 28;
    schedule_for(longest, nnc_machine_find("x86-64-v3"), 1, false);      /* verified */
    made wide = schedule_for(widest, &roomy, 2, false);
    assert_int_equal(wide.scheduled.taken[NNC_WAY_CHUNKS], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_large, fixture_open, fixture_close),
                                       cmocka_unit_test_setup_teardown(test_without_copies, fixture_open, fixture_close),
                                       cmocka_unit_test_setup_teardown(test_few_rows, fixture_open, fixture_close),
                                       cmocka_unit_test_setup_teardown(test_scratch, fixture_open, fixture_close),
                                       cmocka_unit_test_setup_teardown(test_guards, fixture_open, fixture_close),
                                       cmocka_unit_test_setup_teardown(test_pairs, fixture_open, fixture_close),
                                       cmocka_unit_test_setup_teardown(test_steps_kept, fixture_open, fixture_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
