/* The cache: what was put is got; whatever is odd is not there. */
#include "../runtime/fixture.h"
#include "driver/cache.h"

static nnc_cache_key key_of(const char *text, int64_t number)
{
    nnc_cache_key key;
    nnc_cache_key_open(&key);
    nnc_cache_key_text(&key, text);
    nnc_cache_key_number(&key, number);
    return key;
}

static void open_here(fixture *f, nnc_cache *cache)
{
    setenv("XDG_CACHE_HOME", f->folder.path, 1);
    nnc_cache_open(cache, &f->arena);
}

static bool has(const nnc_cache *cache, const char *text, int64_t number, const char *expected)
{
    size_t size;
    nnc_cache_key key = key_of(text, number);
    const char *bytes = nnc_cache_get(cache, &key, &size);
    assert_true(!bytes || (size == strlen(expected) && memcmp(bytes, expected, size) == 0));
    return bytes != NULL;
}

static void keep(const nnc_cache *cache, const char *text, int64_t number, const char *bytes)
{
    nnc_cache_key key = key_of(text, number);
    nnc_cache_put(cache, &key, bytes, strlen(bytes));
}

/* The path of the only file kept. */
static const char *only_file(fixture *f)
{
    char path[300];
    FILE *list = popen("echo nnc/*", "r");
    assert_non_null(fgets(path, sizeof path, list));
    pclose(list);
    path[strcspn(path, "\n")] = 0;
    return nnc_arena_string(&f->arena, path);
}

static void test_put_and_get(void **state)
{
    fixture *f = *state;
    nnc_cache cache;
    open_here(f, &cache);
    assert_true(cache.folder >= 0);
    assert_false(has(&cache, "a", 1, ""));
    keep(&cache, "a", 1, "one");
    keep(&cache, "a", 2, "two");
    keep(&cache, "ab", 1, "");
    assert_true(has(&cache, "a", 1, "one"));
    assert_true(has(&cache, "a", 2, "two"));
    assert_true(has(&cache, "ab", 1, ""));
    assert_false(has(&cache, "b", 1, ""));
    keep(&cache, "a", 1, "another");
    assert_true(has(&cache, "a", 1, "another"));
    nnc_cache_close(&cache);
    assert_false(has(&cache, "a", 1, ""));                 /* closed: nothing */
    open_here(f, &cache);
    assert_true(has(&cache, "a", 1, "another"));           /* a later run */
    nnc_cache_close(&cache);
}

static void damage(const char *path, long at, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, at, at < 0 ? SEEK_END : SEEK_SET);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void test_damage(void **state)
{
    fixture *f = *state;
    nnc_cache cache;
    open_here(f, &cache);
    keep(&cache, "a", 1, "what was made");
    const char *path = only_file(f);
    damage(path, -1, "?", 1);
    assert_false(has(&cache, "a", 1, ""));
    keep(&cache, "a", 1, "what was made");
    damage(path, 0, "x", 1);
    assert_false(has(&cache, "a", 1, ""));
    keep(&cache, "a", 1, "what was made");
    damage(path, 20, "x", 1);
    assert_false(has(&cache, "a", 1, ""));
    for (int cut = 0; cut < 50; cut += 7) {
        keep(&cache, "a", 1, "what was made");
        assert_true(has(&cache, "a", 1, "what was made"));
        assert_int_equal(truncate(path, cut), 0);
        assert_false(has(&cache, "a", 1, ""));
    }
    keep(&cache, "a", 1, "what was made");
    assert_int_equal(chmod(path, 0644), 0);                /* others may read it: somebody meddled */
    assert_false(has(&cache, "a", 1, ""));
    keep(&cache, "a", 1, "what was made");
    assert_int_equal(rename(path, "elsewhere"), 0);
    assert_int_equal(symlink("../elsewhere", path), 0);
    assert_false(has(&cache, "a", 1, ""));
    nnc_cache_close(&cache);
}

static void test_folders(void **state)
{
    fixture *f = *state;
    nnc_cache cache;
    struct stat status;
    open_here(f, &cache);
    assert_int_equal(stat("nnc", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    nnc_cache_close(&cache);
    assert_int_equal(chmod("nnc", 0755), 0);
    open_here(f, &cache);
    assert_int_equal(cache.folder, -1);
    keep(&cache, "a", 1, "nowhere");
    assert_false(has(&cache, "a", 1, ""));
    assert_int_equal(rename("nnc", "other"), 0);
    assert_int_equal(chmod("other", 0700), 0);
    assert_int_equal(symlink("other", "nnc"), 0);
    open_here(f, &cache);
    assert_int_equal(cache.folder, -1);
    setenv("XDG_CACHE_HOME", "/proc/no/such/folder", 1);
    nnc_cache_open(&cache, &f->arena);
    assert_int_equal(cache.folder, -1);
    unsetenv("XDG_CACHE_HOME");
    setenv("HOME", f->folder.path, 1);
    nnc_cache_open(&cache, &f->arena);
    assert_true(cache.folder >= 0);
    assert_true(is_there(".cache/nnc"));
    nnc_cache_close(&cache);
    unsetenv("HOME");
    nnc_cache_open(&cache, &f->arena);
    assert_int_equal(cache.folder, -1);
}

/* Those longest unused make room. */
static void test_limit(void **state)
{
    fixture *f = *state;
    nnc_cache cache;
    size_t size = NNC_CACHE_MOST / 5, got;
    char *bytes = calloc(1, size + 1);
    open_here(f, &cache);
    for (int i = 0; i < 8; i++) {
        nnc_cache_key key = key_of("big", i);
        nnc_cache_put(&cache, &key, bytes, size);
        usleep(20000);
        key = key_of("big", 0);                            /* the first is used again and again */
        assert_non_null(nnc_cache_get(&cache, &key, &got));
        assert_int_equal(got, size);
        usleep(20000);
    }
    for (int i = 1; i < 8; i++) {
        nnc_cache_key key = key_of("big", i);
        assert_int_equal(nnc_cache_get(&cache, &key, &got) != NULL, i >= 5);
    }
    nnc_cache_key key = key_of("too big", 0);
    char *more = calloc(1, NNC_CACHE_MOST / 4 + 1);
    nnc_cache_put(&cache, &key, more, NNC_CACHE_MOST / 4 + 1);
    assert_null(nnc_cache_get(&cache, &key, &got));
    free(more);
    free(bytes);
    nnc_cache_close(&cache);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {EACH(test_put_and_get), EACH(test_damage), EACH(test_folders), EACH(test_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
