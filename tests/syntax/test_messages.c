/* Every message of the reading of a text, with its exact words: see tests/cases.h. In the texts `\xHH` stands for the byte HH and `\n` for a
 * line's end. */
#include "tests/cases.h"
#include "syntax/syntax.h"

static const nnc_message rows[] = {
#define NNC_MESSAGE(id, severity, format, help) {#id, severity, format, help},
#include "syntax/messages.def"
};

static size_t unescape(const char *text, size_t length, char *out)
{
    size_t count = 0;
    for (size_t i = 0; i < length;) {
        unsigned byte;
        if (text[i] == '\\' && text[i + 1] == 'x' && sscanf(text + i + 2, "%2x", &byte) == 1) {
            out[count++] = (char)byte;
            i += 4;
        } else {
            out[count++] = text[i++];
        }
    }
    out[count] = 0;
    return count;
}

/* A text that could not be read keeps the items that could: the result that counts is one without any message. */
static test_report report(const char *text, size_t length)
{
    nnc_session session;
    test_report r = {0};
    char *plain = malloc(length + 1);
    length = unescape(text, length, plain);
    nnc_session_open(&session, NULL, NULL);
    nnc_parse(&session, nnc_session_add(&session, "model.nn", nnc_arena_copy(&session.arena, plain, length), length));
    nnc_text out = {.arena = &session.arena};
    nnc_diagnostics_print(&session, &out, false);
    r.text = strdup(nnc_text_string(&out));
    r.result = session.errors == 0;
    if (session.diagnostics)
        snprintf(r.first, sizeof r.first, "%s", session.diagnostic[0].message->id);
    nnc_session_close(&session);
    free(plain);
    return r;
}

static void test_messages(void **state)
{
    (void)state;
    cases_check("tests/syntax/messages.txt", report, rows, sizeof rows / sizeof *rows);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages)};
    if (argc > 1 && strcmp(argv[1], "--update") == 0)
        return cases_update("tests/syntax/messages.txt", report);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
