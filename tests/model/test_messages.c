/* Every message, with its exact text. messages.txt holds the cases:
 *
 *     === ID
 *     a model's text; a first line `#! -D a=1` or `#! -R line` gives that on the command line
 *     --- (what is reported)
 *
 * The first message must be of row ID, and every row has a case. `test_messages --update` writes messages.txt anew with what is reported now. */
#include "fixture.h"

typedef struct test_case { char id[64]; const char *text; size_t text_length; const char *expected; size_t expected_length; } test_case;

enum { MOST = 400 };

static const char *line_after(const char *at)
{
    const char *end = strchr(at, '\n');
    return end ? end + 1 : at + strlen(at);
}

static size_t read_cases(const char *all, test_case *out)
{
    size_t count = 0;
    for (const char *at = strncmp(all, "=== ", 4) == 0 ? all : strstr(all, "\n=== "); at; at = strstr(at, "\n=== ")) {
        test_case *c = &out[count++];
        at += *at == '\n';
        assert_int_equal(sscanf(at, "=== %63s", c->id), 1);
        c->text = line_after(at);
        const char *middle = strstr(c->text, "\n---\n"), *end = strstr(c->text, "\n=== ");
        if (!middle || (end && middle > end))
            fail_msg("the case %s has no line ---", c->id);
        c->text_length = (size_t)(middle + 1 - c->text);
        c->expected = middle + 5;
        c->expected_length = end ? (size_t)(end + 1 - c->expected) : strlen(c->expected);
        assert_true(count < MOST);
    }
    return count;
}

/* The command line's part of a case. */
static void read_options(fixture *f, const char *text)
{
    while (strncmp(text, "#! ", 3) == 0) {
        const char *end = strchr(text, '\n'), *value = text + 6;
        char *given = nnc_arena_copy(&f->session.arena, value, (size_t)(end - value));
        if (strncmp(text, "#! -D", 5) == 0) {
            char *equal = strchr(given, '=');
            *equal = 0;
            f->define[f->request.defines++] = (nnc_define_value){given, equal + 1, false};
        } else {
            f->line[f->request.recipe_lines++] = given;
        }
        text = end + 1;
    }
    f->request.recipe_line = f->line;
}

static const char *messages_of(fixture *f, const test_case *c)
{
    fixture_open(f, "tests/model/small.nn");
    f->request.text = nnc_arena_copy(&f->session.arena, c->text, c->text_length);
    read_options(f, f->request.text);
    f->model = nnc_model_elaborate(&f->session, &f->request);
    return fixture_messages(f);
}

static char *cases_path(void)
{
    static char path[600];
    const char *root = getenv("NNC_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/model/messages.txt", root ? root : ".");
    return path;
}

static void test_texts(void **state)
{
    char *all = fixture_read(cases_path());
    test_case *cases = calloc(MOST, sizeof *cases);
    assert_non_null(all);
    (void)state;
    size_t count = read_cases(all, cases), wrong = 0;
    for (size_t i = 0; i < count; i++) {
        fixture f;
        const char *text = messages_of(&f, &cases[i]);
        bool same = strlen(text) == cases[i].expected_length && memcmp(text, cases[i].expected, cases[i].expected_length) == 0;
        bool of_row = f.session.diagnostics > 0 && strcmp(f.session.diagnostic[0].message->id, cases[i].id) == 0;
        if (!same || !of_row || f.model)
            print_error("case %s, of which the first message is %s:\n%s", cases[i].id, f.session.diagnostics ? f.session.diagnostic[0].message->id : "none", text);
        wrong += !same || !of_row || f.model;
        fixture_close(&f);
    }
    assert_int_equal(wrong, 0);
    free(cases);
    free(all);
}

static void test_every_row_has_a_case(void **state)
{
    char *all = fixture_read(cases_path());
    test_case *cases = calloc(MOST, sizeof *cases);
    size_t count = read_cases(all, cases), without = 0;
    (void)state;
    for (int row = 0; row < NNC_MODEL_MESSAGES; row++) {
        bool found = false;
        for (size_t i = 0; i < count; i++)
            found |= strcmp(cases[i].id, nnc_model_messages[row].id) == 0;
        if (!found)
            print_error("the message %s has no case\n", nnc_model_messages[row].id);
        without += !found;
    }
    assert_int_equal(without, 0);
    free(cases);
    free(all);
}

static int update(void)
{
    char *all = fixture_read(cases_path());
    test_case *cases = calloc(MOST, sizeof *cases);
    size_t count = read_cases(all, cases);
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length), *out;
    for (size_t i = 0; i < count; i++) {
        fixture f;
        fprintf(memory, "=== %s\n%.*s---\n%s", cases[i].id, (int)cases[i].text_length, cases[i].text, messages_of(&f, &cases[i]));
        fixture_close(&f);
    }
    fclose(memory);
    out = fopen(cases_path(), "wb");
    bool written = out && fwrite(text, 1, length, out) == length;
    free(text);
    free(cases);
    free(all);
    return written && fclose(out) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_every_row_has_a_case)};
    if (argc > 1 && strcmp(argv[1], "--update") == 0)
        return update();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
