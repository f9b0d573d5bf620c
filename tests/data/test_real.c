/* Published data sets, from the folder NNC_TEST_DATA. */
#include "fixture.h"

static const char *folder;

static bool begin(fixture *f, const char *path)
{
    fixture_forget(f);
    if (!folder) {
        print_message("NNC_TEST_DATA names no folder: %s is not read\n", path);
        return false;
    }
    const char *comma = strchr(path, ',');
    f->path[0] = comma ? nnc_arena_format(&f->arena, "%s/%.*s,%s/%s", folder, (int)(comma - path), path, folder, comma + 1)
                       : nnc_arena_format(&f->arena, "%s/%s", folder, path);
    return true;
}

static void test_iris(void **state)
{
    fixture *f = *state;
    if (!begin(f, "tabular/iris.csv"))
        return;
    nnc_text out = {.arena = &f->arena};
    want_input(f, "x", 4);
    want_target(f, "species", 0);
    must_read(f);
    nnc_dataset_describe(f->data, &out);
    assert_string_equal(nnc_text_string(&out), "150 rows\ninput x\n  column 1: number, min 4.3, max 7.9, mean 5.84333\n"
                                               "  column 2: number, min 2, max 4.4, mean 3.054\n  column 3: number, min 1, max 6.9, mean 3.75867\n"
                                               "  column 4: number, min 0.1, max 2.5, mean 1.19867\ntarget species\n"
                                               "  column 5: class of 3: Iris-setosa 50, Iris-versicolor 50, Iris-virginica 50\n");
}

static void test_mnist(void **state)
{
    fixture *f = *state;
    if (!begin(f, "mnist/train-images-idx3-ubyte.gz,mnist/train-labels-idx1-ubyte.gz"))
        return;
    double sum = 0;
    want_input(f, "image", 28);
    f->want[0].rank = 3;
    f->want[0].extent[1] = 28;
    f->want[0].extent[2] = 1;
    want_target(f, "digit", 10);
    must_read(f);
    assert_int_equal(f->data->rows, 60000);
    for (int64_t row = 0; row < 60000; row++) {
        float image[784];
        nnc_dataset_gather(f->data, 0, &row, 1, image);
        for (int i = 0; i < 784; i++)
            sum += (double)image[i];
    }
    assert_true(fabs(sum / 60000 / 784 - 33.318421) < 1e-5);   /* 0.1306604 * 255, as everybody normalizes it */
    assert_int_equal(class_at(f, "digit", 0, 0), 5);
    assert_true(f->arena.total < 100 << 20);
}

static void test_housing(void **state)
{
    static const char *const from[] = {"total_bedrooms"}, *const rest[] = {"housing_median_age", "total_rooms", "population", "households", "median_income"};
    fixture *f = *state;
    if (!begin(f, "tabular/california_housing.csv"))
        return;
    want_input(f, "longitude", 0);
    want_input(f, "latitude", 0);
    want_input(f, "bedrooms", 1)->column = from;
    want_input(f, "counts", 5)->column = rest;
    f->want[2].columns = 1;
    f->want[3].columns = 5;
    want_input(f, "ocean_proximity", 0)->kind = NNC_DATASET_CLASS_FROM_DATA;
    want_target(f, "median_house_value", -1);
    read_data(f);
    assert_string_equal(report_of(f) + strlen(f->path[0]), ":292:27: error: a value is missing in column \"total_bedrooms\", of bedrooms (207 missing in the file)\n"
                                                           "  help: fill them in: bedrooms -> impute\n");
    f->report = (nnc_dataset_report){.arena = &f->arena};
    f->want[2].allows_missing = true;
    must_read(f);
    assert_int_equal(f->data->rows, 20640);
    assert_int_equal(f->data->declaration[4].known.classes, 5);
    assert_true(isnan(real_at(f, "bedrooms", 290, 0)));
}

static void test_penguins(void **state)
{
    static const char *const from[] = {"bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"};
    fixture *f = *state;
    if (!begin(f, "tabular/sns_penguins.csv"))
        return;
    want_input(f, "island", 0)->kind = NNC_DATASET_CLASS_FROM_DATA;
    want_input(f, "sizes", 4)->column = from;
    f->want[1].columns = 4;
    f->want[1].allows_missing = true;
    want_input(f, "sex", 0)->kind = NNC_DATASET_CLASS_FROM_DATA;
    f->want[2].else_class = "unknown";
    want_target(f, "species", 0);
    must_read(f);
    assert_int_equal(f->data->rows, 344);
    assert_int_equal(f->data->declaration[2].known.classes, 3);
    assert_string_equal(f->data->declaration[2].known.class_name[2], "unknown");
    assert_string_equal(f->data->declaration[3].known.class_name[1], "Chinstrap");
}

static void test_optdigits(void **state)
{
    fixture *f = *state;
    if (!begin(f, "optdigits/optdigits.tra"))
        return;
    want_input(f, "image", 64);
    want_target(f, "digit", 10);
    must_read(f);
    nnc_dataset *train = f->data;
    nnc_dataset_knowledge knowledge = nnc_dataset_knowledge_of(&f->arena, train);
    assert_int_equal(train->rows, 3823);
    assert_string_equal(nnc_dataset_columns_line(&f->arena, train), "image = Block 1, Block 2, ... Block 64 (64 columns); digit = Class");
    f->path[0] = nnc_arena_format(&f->arena, "%s/optdigits/optdigits.tes", folder);
    f->request.role = NNC_DATASET_MEASURE;
    f->request.knowledge = &knowledge;
    must_read(f);
    assert_int_equal(f->data->rows, 1797);
    assert_int_equal(nnc_dataset_common(&f->arena, train, train), 3823);
    assert_int_equal(nnc_dataset_common(&f->arena, train, f->data), 0);
}

static void test_shakespeare(void **state)
{
    fixture *f = *state;
    nnc_dataset_parts parts;
    if (!begin(f, "text/tinyshakespeare.txt"))
        return;
    want_input(f, "text", 64)->rows = 64;
    want_target(f, "next", 256)->rows = 64;
    f->want[0].kind = NNC_DATASET_CLASS;
    f->want[0].classes = 256;
    f->want[1].rows_from = 1;
    f->want[1].rank = 1;
    f->want[1].extent[0] = 64;
    must_read(f);
    assert_int_equal(f->data->rows, 1115394);
    assert_int_equal(f->data->span, 65);
    assert_int_equal(class_at(f, "next", 0, 0), 'i');
    assert_true(nnc_dataset_divide(&f->arena, f->data, (nnc_dataset_share){.fraction = 0.05}, (nnc_dataset_share){0}, 1, 64, &parts, &f->report));
    assert_int_equal(parts.train.number[parts.train.count - 1] % 64, 0);
    assert_int_equal(parts.valid.number[0], 1115394 - 55770);
    assert_true(f->arena.total < 40 << 20);
}

static void test_time_series(void **state)
{
    static const char *const from[] = {"Passengers"}, *const ignored[] = {"Month"};
    fixture *f = *state;
    if (!begin(f, "timeseries/airline-passengers.csv"))
        return;
    want_input(f, "past", 36)->rows = 36;
    f->want[0].column = from;
    f->want[0].columns = 1;
    f->request.ignored = ignored;
    f->request.ignoreds = 1;
    must_read(f);
    assert_int_equal(f->data->rows, 144);
    assert_true(real_at(f, "past", 108, 35) == 432);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_iris), cmocka_unit_test(test_mnist), cmocka_unit_test(test_housing), cmocka_unit_test(test_penguins),
        cmocka_unit_test(test_optdigits), cmocka_unit_test(test_shakespeare), cmocka_unit_test(test_time_series),
    };
    folder = getenv("NNC_TEST_DATA");
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
