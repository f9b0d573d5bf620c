/* Parts for training, validation and test; windows of rows. */
#include "fixture.h"

static void rows(fixture *f, const char *name, int count)
{
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    for (int row = 0; row < count; row++)
        fprintf(file, "%d,%d\n", row, 100 * row);
    fclose(file);
    f->path[0] = name;
}

static void single_rows(fixture *f, int count)
{
    fixture_forget(f);
    rows(f, "data.csv", count);
    want_input(f, "x", 2);
    must_read(f);
}

static bool divide(fixture *f, double validate, double test, uint64_t seed, nnc_dataset_parts *parts)
{
    return nnc_dataset_divide(&f->arena, f->data, (nnc_dataset_share){.fraction = validate}, (nnc_dataset_share){.fraction = test}, seed, 1, parts, &f->report);
}

/* Each row stands in one part, in order. */
static void check_partition(fixture *f, const nnc_dataset_parts *parts)
{
    const nnc_dataset_part *part[] = {&parts->train, &parts->valid, &parts->test};
    char *seen = calloc((size_t)f->data->rows, 1);
    for (int p = 0; p < 3; p++)
        for (int64_t i = 0; i < part[p]->count; i++) {
            assert_true(i == 0 || part[p]->number[i] > part[p]->number[i - 1]);
            assert_int_equal(seen[part[p]->number[i]]++, 0);
        }
    assert_int_equal(parts->train.count + parts->valid.count + parts->test.count, f->data->rows);
    free(seen);
}

static void test_fractions(void **state)
{
    fixture *f = *state;
    nnc_dataset_parts parts, again, other;
    single_rows(f, 150);
    assert_true(divide(f, 0.2, 0.1, 1, &parts));
    check_partition(f, &parts);
    assert_int_equal(parts.valid.count, 30);
    assert_int_equal(parts.test.count, 15);
    assert_true(divide(f, 0.2, 0.1, 1, &again) && divide(f, 0.2, 0.1, 2, &other));
    assert_memory_equal(parts.valid.number, again.valid.number, 30 * sizeof(int64_t));
    assert_true(memcmp(parts.valid.number, other.valid.number, 30 * sizeof(int64_t)) != 0);
    /* A changed validation share leaves the test rows as they are. */
    assert_true(divide(f, 0.5, 0.1, 1, &again));
    assert_memory_equal(parts.test.number, again.test.number, 15 * sizeof(int64_t));
    assert_true(divide(f, 0, 0, 1, &parts));
    assert_int_equal(parts.train.count, 150);
}

static void test_folds(void **state)
{
    fixture *f = *state;
    char seen[23] = {0};
    single_rows(f, 23);
    for (int64_t fold = 1; fold <= 5; fold++) {
        nnc_dataset_parts parts, other;
        const nnc_dataset_share share = {.fold = fold, .folds = 5}, none = {0};
        assert_true(nnc_dataset_divide(&f->arena, f->data, share, none, 1, 1, &parts, &f->report));
        assert_true(nnc_dataset_divide(&f->arena, f->data, share, none, 99, 1, &other, &f->report));
        check_partition(f, &parts);
        assert_memory_equal(parts.valid.number, other.valid.number, (size_t)parts.valid.count * sizeof(int64_t));
        assert_in_range(parts.valid.count, 4, 5);
        for (int64_t i = 0; i < parts.valid.count; i++)
            assert_int_equal(seen[parts.valid.number[i]]++, 0);
    }
    for (int row = 0; row < 23; row++)
        assert_int_equal(seen[row], 1);
}

static void test_too_few_rows(void **state)
{
    fixture *f = *state;
    nnc_dataset_parts parts;
    single_rows(f, 4);
    assert_false(divide(f, 0.1, 0, 1, &parts));
    assert_string_equal(report_of(f), "data.csv: error: too few rows: of 4, the validation part gets none\n");
    single_rows(f, 4);
    assert_false(divide(f, 0.5, 0.5, 1, &parts));
    assert_string_equal(report_of(f), "data.csv: error: too few rows: of 4, the training part gets none\n");
}

/* ---- windows ---- */

static void windows(fixture *f, int count)
{
    fixture_forget(f);
    rows(f, "data.csv", count);
    nnc_dataset_want *past = want_input(f, "past", 4), *future = want_input(f, "future", 2);
    past->rows = 4;
    future->rows = 2;
    future->rows_from = 4;
    future->target = true;
    past->rank = future->rank = 2;
    past->extent[1] = future->extent[1] = 2;
}

static void test_windows(void **state)
{
    fixture *f = *state;
    nnc_dataset_parts parts;
    float past[2][4][2], future[2][2][2];
    windows(f, 100);
    must_read(f);
    assert_int_equal(f->data->span, 6);
    nnc_dataset_gather(f->data, 0, (const int64_t[]){7, 94}, 2, past);
    nnc_dataset_gather(f->data, 1, (const int64_t[]){7, 94}, 2, future);
    assert_true(past[0][0][0] == 7 && past[0][3][1] == 1000 && past[1][3][0] == 97);
    assert_true(future[0][0][0] == 11 && future[0][1][1] == 1200 && future[1][1][0] == 99);
    /* 80 rows of training, 10 of validation, 10 of test: the last ones. */
    assert_true(nnc_dataset_divide(&f->arena, f->data, (nnc_dataset_share){.fraction = 0.1}, (nnc_dataset_share){.fraction = 0.1}, 1, 3, &parts, &f->report));
    assert_int_equal(parts.train.count, 25);
    assert_int_equal(parts.train.number[24], 72);
    assert_int_equal(parts.valid.count, 1);
    assert_int_equal(parts.valid.number[0], 80);
    assert_int_equal(parts.test.count, 1);
    assert_int_equal(parts.test.number[0], 90);
    assert_false(nnc_dataset_divide(&f->arena, f->data, (nnc_dataset_share){.fraction = 0.05}, (nnc_dataset_share){0}, 1, 1, &parts, &f->report));
    assert_string_equal(report_of(f), "data.csv: error: too few rows: the validation part has 5 of them, and a window takes 6\n");
}

static void test_windows_end_to_end(void **state)
{
    fixture *f = *state;
    nnc_dataset_part part;
    windows(f, 20);
    must_read(f);
    assert_true(nnc_dataset_all(&f->arena, f->data, 0, &part, &f->report));
    assert_int_equal(part.count, 3);
    assert_int_equal(part.number[2], 12);
    assert_true(nnc_dataset_all(&f->arena, f->data, 1, &part, &f->report));
    assert_int_equal(part.count, 15);
    windows(f, 5);
    must_read(f);
    assert_false(nnc_dataset_all(&f->arena, f->data, 1, &part, &f->report));
    assert_string_equal(report_of(f), "data.csv: error: too few rows: there are 5, and a window takes 6\n");
    /* Without the target a window is shorter, and the last one ends where the future begins. */
    windows(f, 5);
    f->request.role = NNC_DATASET_PREDICT;
    must_read(f);
    assert_int_equal(f->data->span, 4);
    assert_true(nnc_dataset_all(&f->arena, f->data, 1, &part, &f->report));
    assert_int_equal(part.count, 2);
}

static void test_windows_within_files_and_folds(void **state)
{
    fixture *f = *state;
    nnc_dataset_part part;
    nnc_dataset_parts parts;
    windows(f, 8);
    rows(f, "more.csv", 7);
    f->path[0] = "data.csv";
    f->path[1] = "more.csv";
    f->request.paths = 2;
    must_read(f);
    assert_true(nnc_dataset_all(&f->arena, f->data, 1, &part, &f->report));
    assert_int_equal(part.count, 5);
    assert_int_equal(part.number[2], 2);
    assert_int_equal(part.number[3], 8);
    windows(f, 30);
    must_read(f);
    assert_true(nnc_dataset_divide(&f->arena, f->data, (nnc_dataset_share){.fold = 2, .folds = 3}, (nnc_dataset_share){0}, 1, 1, &parts, &f->report));
    assert_int_equal(parts.valid.count, 1);
    assert_int_equal(parts.valid.number[0], 10);
    assert_int_equal(parts.train.count, 10);
    assert_int_equal(parts.train.number[4], 4);
    assert_int_equal(parts.train.number[5], 20);
}

/* Columns of windows: those named, or all. */
static void test_columns_of_windows(void **state)
{
    static const char *const from[] = {"v"}, *const ignored[] = {"date"};
    fixture *f = *state;
    float past[3];
    fixture_forget(f);
    write_text("data.csv", "date,v\nd1,1\nd2,2\nd3,3\nd4,4\nd5,5\n");
    f->request.ignored = ignored;
    f->request.ignoreds = 1;
    nnc_dataset_want *input = want_input(f, "past", 3), *target = want_input(f, "future", 1);
    input->rows = 3;
    input->column = target->column = from;
    input->columns = target->columns = 1;
    target->target = true;
    target->rows = 1;
    target->rows_from = 3;
    must_read(f);
    assert_string_equal(nnc_dataset_columns_line(&f->arena, f->data), "past = v; future = v");
    nnc_dataset_gather(f->data, 0, (const int64_t[]){1}, 1, past);
    assert_true(past[0] == 2 && past[2] == 4);
    input->column = target->column = NULL;
    input->columns = target->columns = 0;
    must_read(f);
    assert_true(real_at(f, "future", 1, 0) == 5);
    f->request.ignoreds = 0;
    must_fail(f, "data.csv:1: error: the model takes 1 column (past 1, future 1), but the file has 2\n  help: the file's columns are \"date\", \"v\"\n"
                 "  help: ignore \"NAME\" in the model leaves a column out\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fractions), cmocka_unit_test(test_folds), cmocka_unit_test(test_too_few_rows), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_windows_end_to_end), cmocka_unit_test(test_windows_within_files_and_folds), cmocka_unit_test(test_columns_of_windows),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
