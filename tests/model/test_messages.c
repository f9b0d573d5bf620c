/* Every message of the elaborator, with its exact text: see tests/cases.h. A text's first lines `#! -D a=1` or `#! -R line` give that on the
 * command line. The library is small.nn. */
#include "tests/cases.h"
#include "fixture.h"

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

static test_report report(const char *text, size_t length)
{
    fixture f;
    test_report r = {0};
    fixture_open(&f, "tests/model/small.nn");
    f.request.text = nnc_arena_copy(&f.session.arena, text, length);
    read_options(&f, f.request.text);
    r.result = nnc_model_elaborate(&f.session, &f.request) != NULL;
    r.text = strdup(fixture_messages(&f));
    if (f.session.diagnostics)
        snprintf(r.first, sizeof r.first, "%s", f.session.diagnostic[0].message->id);
    fixture_close(&f);
    return r;
}

static void test_messages(void **state)
{
    (void)state;
    cases_check("tests/model/messages.txt", report, nnc_model_messages, NNC_MODEL_MESSAGES);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages)};
    if (argc > 1 && strcmp(argv[1], "--update") == 0)
        return cases_update("tests/model/messages.txt", report);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
