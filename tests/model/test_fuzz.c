/* Damaged models: whatever the text, elaboration ends soon, says what is wrong where no model comes out, and the program of a model that does
 * holds. `test_fuzz [count] [seed]`: case i has the seed `seed + i`, so `test_fuzz 1 N` repeats case N alone and prints its text. */
#include <ctype.h>
#include <signal.h>
#include <unistd.h>
#include "fixture.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif
enum { SECONDS = 20, MOST_TEXTS = 128, MOST_EDITS = 4 };

typedef struct texts { char *item[MOST_TEXTS]; size_t count; } texts;

static texts models, library;
static size_t cases = 3000;
static uint64_t first_seed = 1;

/* ---- chance ---- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static size_t below(uint64_t *state, size_t n) { return n ? (size_t)(next_random(state) % n) : 0; }

/* ---- texts ---- */

static void add_files(texts *to, const char *pattern)
{
    glob_t found;
    char path[600];
    const char *root = getenv("NNC_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", pattern);
    assert_int_equal(glob(path, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc && to->count < MOST_TEXTS; i++)
        to->item[to->count++] = fixture_read(found.gl_pathv[i]);
    globfree(&found);
}

static void add_models(texts *to, const char *name)
{
    char path[600];
    const char *root = getenv("NNC_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", name);
    char *all = fixture_read(path);
    assert_non_null(all);
    for (char *at = strstr(all, "=== "); at && to->count < MOST_TEXTS;) {
        char *text = strchr(at, '\n') + 1, *next = strstr(text, "\n=== ");
        to->item[to->count++] = strndup(text, next ? (size_t)(next + 1 - text) : strlen(text));
        at = next ? next + 1 : NULL;
    }
    free(all);
}

/* ---- damage ---- */

typedef struct piece { size_t from, to; } piece;

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* A word, number or sign at a random place. */
static piece random_token(const char *text, uint64_t *random)
{
    size_t length = strlen(text), from = below(random, length);
    while (from < length && isspace((unsigned char)text[from]))
        from++;
    size_t to = from;
    while (from > 0 && is_word(text[from]) && is_word(text[from - 1]))
        from--;
    while (to < length && is_word(text[from]) && is_word(text[to]))
        to++;
    return (piece){from, to > from ? to : from < length ? from + 1 : from};
}

static char *replaced(const char *text, piece old, const char *by, size_t by_length)
{
    size_t length = strlen(text);
    char *out = malloc(length + by_length + 1);
    memcpy(out, text, old.from);
    memcpy(out + old.from, by, by_length);
    memcpy(out + old.from + by_length, text + old.to, length - old.to + 1);
    return out;
}

static char *edit(const char *text, const char *other, uint64_t *random)
{
    static const char *const extremes[] = {"0", "-1", "1", "2", "0.5", "1e9", "1000000", "1e300", "9007199254740993", "1e-320", "inf", "-inf", "(0/0)", " rows", "true",
                                           "false", "\"a\"", "..", "data", "batch", "x'", "->", "random()", "[1, 2]", "(1, 2)", "i", "x", "training",
                                           "step", "weights", "neighbour(x)", "missing(x)", "if", "scan", "{", "}", "\n", ";", "class", "normal(0, 1)", "dense", "relu"};
    piece a = random_token(text, random), b = random_token(text, random), theirs = random_token(other, random);
    switch (below(random, 9)) {
    case 0: return replaced(text, a, "", 0);
    case 1: return replaced(text, (piece){a.to, a.to}, text + a.from, a.to - a.from);
    case 2: case 3: return replaced(text, a, text + b.from, b.to - b.from);
    case 4: return replaced(text, a, other + theirs.from, theirs.to - theirs.from);
    case 5: case 6: {
        const char *by = extremes[below(random, sizeof extremes / sizeof *extremes)];
        return replaced(text, a, by, strlen(by));
    }
    case 7: {
        char byte = (char)(1 + below(random, 255));
        return replaced(text, (piece){a.from, a.from + (a.to > a.from)}, &byte, 1);
    }
    default: {
        const char *line = strchr(text + a.from, '\n'), *end = line ? strchr(line + 1, '\n') : NULL;
        if (below(random, 8) == 0)
            return replaced(text, (piece){a.from, strlen(text)}, "", 0);
        return end ? replaced(text, (piece){(size_t)(line - text), (size_t)(end - text)}, "", 0) : replaced(text, a, "", 0);
    }
    }
}

static char *damaged(uint64_t *random)
{
    const char *model = models.item[below(random, models.count)];
    char *text;
    if (below(random, 3) == 0) {
        const char *part = library.item[below(random, library.count)];
        text = malloc(strlen(part) + strlen(model) + 2);
        sprintf(text, "%s\n%s", part, model);
    } else {
        text = strdup(model);
    }
    for (size_t edits = 1 + below(random, MOST_EDITS); edits > 0; edits--) {
        char *next = edit(text, models.item[below(random, models.count)], random);
        free(text);
        text = next;
    }
    return text;
}

/* ---- one case ---- */

static volatile uint64_t current;

static void stopped(int signal_number)
{
    char line[100];
    int length = snprintf(line, sizeof line, "signal %d in the case of seed %llu\n", signal_number, (unsigned long long)current);
    if (write(2, line, (size_t)length) == length)
        _exit(1);
    _exit(2);
}

/* The optimizer's formulas for every trained parameter, and the summary. */
static void use_model(fixture *f)
{
    nnc_model *m = f->model;
    nnc_text out = {.arena = &f->session.arena};
    for (uint32_t i = 0; i < m->parameters; i++) {
        nnc_model_state *states = NULL;
        uint32_t count = 0;
        const nnc_tensor t = *nnc_tensor_at(m->program, m->parameter[i].tensor);
        if (m->parameter[i].trained) {
            nnc_tensor_id gradient = nnc_declare(m->program, NNC_KIND_INPUT, "gradient", t.span, NNC_REAL, 0, t.extent, t.rank);
            nnc_model_update(m, i, gradient, &states, &count);
        }
    }
    nnc_model_rate(m);
    nnc_model_print(m, &out);
}

static const char *try_text(fixture *f, const char *text)
{
    fixture_open(f, "library/*.nn");
    f->request.text = text;
    f->model = nnc_model_elaborate(&f->session, &f->request);
    const char *shown = fixture_messages(f);
    if (!f->model)
        return f->session.errors > 0 && *shown ? NULL : "no model and no message";
    if (f->session.errors > 0)
        return "a model and an error";
    const char *wrong = nnc_program_verify(f->model->program);
    if (wrong)
        return wrong;
    use_model(f);
    return nnc_program_verify(f->model->program);
}

static void test_damaged_models(void **state)
{
    size_t failed = 0;
    (void)state;
    for (size_t i = 0; i < cases; i++) {
        uint64_t random = current = first_seed + i;
        char *text = damaged(&random);
        fixture f;
        if (cases == 1)
            fprintf(stderr, "%s\n", text);
        alarm(SECONDS);
        const char *wrong = try_text(&f, text);
        alarm(0);
        if (cases == 1 || wrong)
            print_error("%s", fixture_messages(&f));
        if (wrong)
            print_error("seed %llu: %s\n%s\n", (unsigned long long)current, wrong, text);
        failed += wrong != NULL;
        fixture_close(&f);
        free(text);
    }
    assert_int_equal(failed, 0);
}

static int set_up(void **state)
{
    static const int signals[] = {SIGALRM, SIGSEGV, SIGABRT, SIGFPE, SIGBUS};   /* the first alone where a sanitizer tells more */
    (void)state;
    for (size_t i = 0; i < (SANITIZED ? 1 : sizeof signals / sizeof *signals); i++)
        signal(signals[i], stopped);
    add_files(&models, "examples/*.nn");
    add_models(&models, "tests/model/library.txt");
    add_files(&library, "library/[a-p]*.nn");
    add_files(&library, "library/recurrent.nn");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < models.count; i++)
        free(models.item[i]);
    for (size_t i = 0; i < library.count; i++)
        free(library.item[i]);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_damaged_models)};
    if (argc > 1)
        cases = strtoull(argv[1], NULL, 10);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
