/* Every definition of the library elaborates where it is used: the models of library.txt (`=== NAME`, then a model's text) and the examples.
 * Elaboration's time does not depend on extents. */
#include <ctype.h>
#include <time.h>
#include "fixture.h"

enum { SECONDS = 10 };

static char *read_file(const char *name)
{
    char path[600];
    const char *root = getenv("NNC_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", name);
    char *text = fixture_read(path);
    if (!text)
        fail_msg("%s cannot be read", path);
    return text;
}

/* Whether a model comes out whose program holds; prints what is wrong where not. */
static bool elaborates(const char *name, const char *text)
{
    fixture f;
    clock_t start = clock();
    fixture_open(&f, "library/*.nn");
    f.request.text = text;
    f.model = nnc_model_elaborate(&f.session, &f.request);
    const char *wrong = f.model ? nnc_program_verify(f.model->program) : fixture_messages(&f);
    if (!wrong && f.session.diagnostics)
        wrong = fixture_messages(&f);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    if (wrong)
        print_error("%s: %s\n", name, wrong);
    if (seconds > SECONDS)
        print_error("%s: elaborated in %.1f s\n", name, seconds);
    fixture_close(&f);
    return !wrong && seconds <= SECONDS;
}

static void test_models(void **state)
{
    char *all = read_file("tests/model/library.txt");
    size_t failed = 0, count = 0;
    (void)state;
    for (char *at = strstr(all, "=== "); at; count++) {
        char *end_of_name = strchr(at, '\n'), *next = strstr(end_of_name, "\n=== ");
        *end_of_name = 0;
        if (next)
            *next = 0;
        failed += !elaborates(at + 4, end_of_name + 1);
        at = next ? next + 1 : NULL;
    }
    free(all);
    assert_true(count > 20);
    assert_int_equal(failed, 0);
}

static void test_examples(void **state)
{
    glob_t found;
    char path[600];
    const char *root = getenv("NNC_SOURCE_DIR");
    size_t failed = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/examples/*.nn", root ? root : ".");
    assert_int_equal(glob(path, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *text = fixture_read(found.gl_pathv[i]);
        failed += !elaborates(found.gl_pathv[i], text);
        free(text);
    }
    globfree(&found);
    assert_int_equal(failed, 0);
}

static bool is_part_of_name(char c) { return isalnum((unsigned char)c) || c == '_'; }

static bool holds_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        if ((at == text || !is_part_of_name(at[-1])) && !is_part_of_name(at[length]))
            return true;
    return false;
}

/* library.txt names every definition. */
static void test_all_are_used(void **state)
{
    char *all = read_file("tests/model/library.txt");
    fixture f;
    size_t unused = 0;
    (void)state;
    fixture_open(&f, "library/*.nn");
    f.request.text = "model m { input x; loss x }";
    nnc_model *m = nnc_model_elaborate(&f.session, &f.request);
    assert_non_null(m);
    const nnc_globals *library = &m->elaborator->library;
    assert_true(library->count > 80);
    for (uint32_t i = 0; i < library->count; i++)
        if (!holds_word(all, library->definition[i]->name) && library->definition[i]->name[0] != '_') {
            print_error("no model of library.txt uses %s\n", library->definition[i]->name);
            unused++;
        }
    fixture_close(&f);
    free(all);
    assert_int_equal(unused, 0);
}

static void test_extents_cost_nothing(void **state)
{
    static const char *const models[] = {
        "model m { input x[10000, 8]; target y[10000, 16]; h = x -> lstm(16)\n loss mse(h, y)\n output p = h }",
        "model m { input x[1000, 1000, 1]; target y; h = x -> conv(4, 3, pad = 1) -> relu -> max_pool -> flatten -> dense(1)\n loss mse(h, y)\n output p = h }",
        "model m { input x[1000000]; target y; h = scan t < 1000000 { state s = 0\n s' = s + x[t] }\n loss mse(h[999999], y)\n output p = h[999999] }",
    };
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        clock_t start = clock();
        assert_true(elaborates("large extents", models[i]));
        assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_all_are_used),
        cmocka_unit_test(test_extents_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
