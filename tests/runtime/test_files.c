/* Files that are whole or not there. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include "fixture.h"

static void check_text(fixture *f, const char *path, const char *expected)
{
    size_t size;
    char *text = nnc_file_read(&f->arena, path, 1000, &size, &f->failure);
    if (!text)
        fail_msg("%s", f->failure.text);
    assert_string_equal(text, expected);
    assert_int_equal(size, strlen(expected));
}

/* No temporary file is left. */
static void check_left(size_t expected)
{
    glob_t found;
    int status = glob("*.tmp-*", 0, NULL, &found);
    assert_int_equal(status == 0 ? found.gl_pathc : 0, expected);
    globfree(&found);
}

static void test_together(void **state)
{
    fixture *f = *state;
    nnc_outputs out = {.arena = &f->arena};
    write_bytes("a", "old", 3);
    assert_true(nnc_outputs_add(&out, "a", "new a", 5, &f->failure));
    assert_true(nnc_outputs_add(&out, "b", "new b", 5, &f->failure));
    check_text(f, "a", "old");
    assert_false(is_there("b"));
    check_left(2);
    assert_true(nnc_outputs_commit(&out, &f->failure));
    nnc_outputs_drop(&out);
    check_text(f, "a", "new a");
    check_text(f, "b", "new b");
    check_left(0);
}

static void test_none(void **state)
{
    fixture *f = *state;
    nnc_outputs out = {.arena = &f->arena};
    write_bytes("a", "old", 3);
    assert_true(nnc_outputs_add(&out, "a", "new", 3, &f->failure));
    assert_false(nnc_outputs_add(&out, "no/such/folder/b", "new", 3, &f->failure));
    assert_string_equal(f->failure.text, "no/such/folder/b: cannot write: No such file or directory");
    nnc_outputs_drop(&out);
    check_text(f, "a", "old");
    check_left(0);
    assert_false(nnc_file_replace(&f->arena, ".", "x", 1, &f->failure));
    assert_string_equal(f->failure.text, ".: cannot write: it is a folder");
}

/* A disk that is full. */
static void test_full(void **state)
{
    fixture *f = *state;
    if (!is_there("/dev/full")) {
        print_message("skipped: there is no /dev/full here\n");
        skip();
    }
    assert_false(nnc_file_replace(&f->arena, "/dev/full", "x", 1, &f->failure));
    assert_string_equal(f->failure.text, "/dev/full: cannot write: No space left on device");
}

static void test_modes_and_links(void **state)
{
    fixture *f = *state;
    struct stat status;
    write_bytes("real", "old", 3);
    assert_int_equal(chmod("real", 0640), 0);
    assert_int_equal(symlink("real", "link"), 0);
    assert_true(nnc_file_replace(&f->arena, "link", "new", 3, &f->failure));
    check_text(f, "real", "new");
    assert_int_equal(lstat("link", &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(stat("real", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(symlink("one/link", "two"), 0);        /* links to what is not there yet */
    assert_int_equal(mkdir("one", 0700), 0);
    assert_int_equal(symlink("made", "one/link"), 0);
    assert_true(nnc_file_replace(&f->arena, "two", "x", 1, &f->failure));
    check_text(f, "one/made", "x");
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_true(nnc_file_replace(&f->arena, "loop", "x", 1, &f->failure));
    mode_t mask = umask(027);
    assert_true(nnc_file_replace(&f->arena, "fresh", "x", 1, &f->failure));
    umask(mask);
    assert_int_equal(stat("fresh", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

static void test_read(void **state)
{
    fixture *f = *state;
    size_t size;
    write_bytes("a", "12345", 5);
    assert_null(nnc_file_read(&f->arena, "a", 4, &size, &f->failure));
    assert_string_equal(f->failure.text, "a: cannot read: 5 bytes are more than the limit of 4");
    assert_null(nnc_file_read(&f->arena, "b", 4, &size, &f->failure));
    assert_string_equal(f->failure.text, "b: cannot read: No such file or directory");
    assert_int_equal(mkfifo("pipe", 0600), 0);
    int both = open("pipe", O_RDWR);                       /* so that opening it to read does not wait */
    assert_null(nnc_file_read(&f->arena, "pipe", 4, &size, &f->failure));
    assert_string_equal(f->failure.text, "pipe: cannot read: it is not a plain file");
    close(both);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {EACH(test_together), EACH(test_none), EACH(test_full), EACH(test_modes_and_links), EACH(test_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
