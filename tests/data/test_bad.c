/* The catalogue of bad data, row by row, each with its exact message. */
#include <fcntl.h>
#include "fixture.h"
#include "runtime/data/bytes.h"

typedef struct bad { const char *text, *report; } bad;

/* x[2] and a class, from a file without a header. */
static void check_rows(fixture *f, const bad *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fixture_forget(f);
        want_input(f, "x", 2);
        want_target(f, "y", 0);
        write_text("data.csv", row[i].text);
        must_fail(f, row[i].report);
    }
}

#define CHECK(rows) check_rows(*state, rows, sizeof rows / sizeof rows[0])

static void test_counts_of_fields(void **state)
{
    static const bad rows[] = {
        {"1,2,a\n3,4\n5,6,b\n", "data.csv:2:1: error: 2 fields, but the first row has 3\n  help: a field that holds a delimiter stands in quotes\n"},
        {"1,2,a\n3,4,b,c\n5,6,b,\n", "data.csv:2:1: error: 4 fields, but the first row has 3 (2 such rows in the file)\n"
                                     "  help: a field that holds a delimiter stands in quotes\n"},
        {"p,q,y\n1,2,a\n3\n", "data.csv:3:1: error: 1 field, but the header has 3\n  help: is the delimiter right?\n"},
        {"1,2,a\n\n3,4,b\n", "data.csv:2:1: error: an empty line between rows\n  help: empty lines may stand at the end only\n"},
    };
    CHECK(rows);
}

static void test_nothing_there(void **state)
{
    static const bad rows[] = {
        {"", "data.csv: error: the file is empty\n"},
        {"\n\n  \n", "data.csv: error: the file is empty\n"},
        {"\xEF\xBB\xBF", "data.csv: error: the file is empty\n"},
        {"a,b,y\n", "data.csv: error: the file has a header and no rows\n"},
        {"a,b,y\n\n", "data.csv: error: the file has a header and no rows\n"},
    };
    CHECK(rows);
}

static void test_missing_values(void **state)
{
    static const bad rows[] = {
        {"p,q,y\n1,,a\n3,NA,b\n", "data.csv:2:3: error: a value is missing in column \"q\", of x (2 missing in the file)\n  help: fill them in: x -> impute\n"},
        {"p,q,y\nnan,1,a\n?,2,b\nnull,3,a\nNULL,3,a\n,3,b\n", "data.csv:2:1: error: a value is missing in column \"p\", of x (5 missing in the file)\n"
                                                              "  help: fill them in: x -> impute\n"},
        {"1,2,a\n1,2,\n", "data.csv:2:5: error: a value is missing in column 3, of y (1 missing in the file)\n"
                          "  help: leave out the rows whose target is not known\n"},
    };
    CHECK(rows);
}

static void test_not_finite(void **state)
{
    static const bad rows[] = {
        {"1,2,a\n1e999,2,b\n", "data.csv:2:1: error: \"1e999\" in column 1 is not a finite number\n  help: a float goes up to 3.4e38\n"},
        {"1,2,a\n1,1e39,b\n", "data.csv:2:3: error: \"1e39\" in column 2 is not a finite number\n  help: a float goes up to 3.4e38\n"},
        {"1,2,a\n-inf,1,b\nInfinity,1,b\n", "data.csv:2:1: error: \"-inf\" in column 1 is not a finite number (2 such cells in the file)\n"
                                            "  help: a float goes up to 3.4e38\n"},
    };
    CHECK(rows);
}

static void test_words_for_numbers(void **state)
{
    static const bad rows[] = {
        {"1,2,a\n1,abc,b\n", "data.csv:2:3: error: \"abc\" in column 2 is not a number\n"},
        {"1,2,a\n1,  two\t2 ,b\n", "data.csv:2:5: error: \"two\\x092\" in column 2 is not a number\n"},
        {"1,2,a\n0x10,2,b\n", "data.csv:2:1: error: \"0x10\" in column 1 is not a number\n"},
        {"1,2,a\n12abc,2,b\n", "data.csv:2:1: error: \"12abc\" in column 1 is not a number\n"},
        {"1,2,a\n\"1,234\",2,b\n", "data.csv:2:1: error: \"1,234\" in column 1 is not a number\n"
                                   "  help: write 1,234 as 1234; where the comma is a decimal point, read with --decimal ,\n"},
        {"1,2,a\nzwei-und-vierzig-und-noch-viel-mehr-und-immer-weiter,2,b\n",
         "data.csv:2:1: error: \"zwei-und-vierzig-und-noch-viel-mehr-und-...\" in column 1 is not a number\n"},
        {"1,2,a\n1e,2,b\n", "data.csv:2:1: error: \"1e\" in column 1 is not a number\n"},
        {"1,2,a\n1 2,2,b\n.,2,a\n", "data.csv:2:1: error: \"1 2\" in column 1 is not a number (2 such cells in the file)\n"},
        {"1,2,a\n\xE9t\xE9,2,b\n", "data.csv:2:1: error: column 1 holds bytes that are not UTF-8: \"\\xe9t\\xe9\"\n  help: save the file as UTF-8\n"},
        {"1,2,a\n1,2,\xE9t\xE9\n", "data.csv:2:5: error: column 3 holds bytes that are not UTF-8: \"\\xe9t\\xe9\"\n  help: save the file as UTF-8\n"},
        {"\xC3\xA9t\xC3\xA9,q,a\n1,2,b\n\xC3\xA9t\xC3\xA9x,2,a\n", "data.csv:3:1: error: \"\xC3\xA9t\xC3\xA9x\" in column \"\xC3\xA9t\xC3\xA9\" is not a number\n"},
    };
    CHECK(rows);
}

static void test_quotes_and_bytes(void **state)
{
    static const bad rows[] = {
        {"1,2,a\n1,2,\"b\n1,2,c\n", "data.csv:2:5: error: this quote is never closed\n  help: a quote within quotes is doubled: \"\"\n"},
        {"p,q,y\n1,\"2,a\n1,2,b\n", "data.csv:2:3: error: this quote is never closed\n  help: a quote within quotes is doubled: \"\"\n"},
        {"1,2,a\n1,2,\"b\"c\n", "data.csv:2:8: error: text after the closing quote of a field\n  help: a quote within quotes is doubled: \"\"\n"},
        {"1,2,a\r3,4,b\r", "data.csv:1:6: error: a carriage return without a line feed\n  help: end lines with LF or CR LF\n"},
        {"1,2,a\n3,4\r,b\n", "data.csv:2:4: error: a carriage return without a line feed\n  help: end lines with LF or CR LF\n"},
    };
    CHECK(rows);
}

static void test_other_delimiters(void **state)
{
    static const bad rows[] = {
        {"1;2;a\n3;4;b\n", "data.csv:1: error: the fields look separated by ';', not by ','\n  help: read it with --delimiter ';'\n"},
        {"1\t2\ta\n3\t4\tb\n", "data.csv:1: error: the fields look separated by tabs, not by ','\n  help: read it with --delimiter $'\\t'\n"},
        {"1,5;2;a\n3,5;4,25;b\n", "data.csv:1: error: the fields look separated by ';', not by ',', with decimal commas\n"
                                  "  help: read it with --delimiter ';' --decimal ,\n"},
        {"p;q;y\n1,5;2,5;a\n3,5;4,25;b\n", "data.csv:1: error: the fields look separated by ';', not by ',', with decimal commas\n"
                                           "  help: read it with --delimiter ';' --decimal ,\n"},
    };
    CHECK(rows);
    fixture *f = *state;
    fixture_forget(f);
    f->path[0] = "data.tsv";
    want_input(f, "x", 2);
    write_text("data.tsv", "1,2\n3,4\n");
    must_fail(f, "data.tsv:1: error: the fields look separated by ',', not by tabs\n  help: read it with --delimiter ,\n");
}

static void test_named_for_what_they_are(void **state)
{
    static const struct { const char *bytes; size_t length; const char *report; } file[] = {
        {"\xFF\xFE" "1\0,\0", 6, "data.csv: error: the text is UTF-16, not UTF-8\n  help: save the file as UTF-8\n"},
        {"1\0,\0" "2\0\n\0" "3\0", 10, "data.csv: error: the text is UTF-16, not UTF-8\n  help: save the file as UTF-8\n"},
        {"PK\3\4abcdefgh", 12, "data.csv: error: this is a zip archive\n  help: unpack it; a spreadsheet (.xlsx) is one too: save it as CSV\n"},
        {"1,2,a\n3,\0,b\n", 12, "data.csv:2:3: error: a NUL byte\n  help: is this a text file?\n"},
        {"\x1f\x8b\x08", 3, "data.csv: error: the gzip data ends too early: the file is cut off\n  help: is the copy complete?\n"},
        {"\x1f\x8b\x07\1\2\3\4\5\6\7\10\11\12\13", 14, "data.csv: error: the gzip data is damaged\n  help: copy it anew\n"},
        {"\x93NUMPY\1", 7, "data.csv: error: this is a NumPy array, which nnc does not read yet\n"
                           "  help: save it as CSV: numpy.savetxt(name, array, delimiter=\",\")\n"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++) {
        fixture_forget(f);
        want_input(f, "x", 2);
        want_target(f, "y", 0);
        write_bytes("data.csv", file[i].bytes, file[i].length);
        must_fail(f, file[i].report);
    }
}

static void test_files_that_cannot_be_read(void **state)
{
    fixture *f = *state;
    fixture_forget(f);
    want_input(f, "x", 2);
    f->path[0] = "absent.csv";
    must_fail(f, "absent.csv: error: cannot be opened: No such file or directory\n  help: is the name right, and the folder?\n");
    fixture_forget(f);
    want_input(f, "x", 2);
    f->path[0] = ".";
    must_fail(f, ".: error: is a folder, not a file of data\n  help: give the file itself\n");
    fixture_forget(f);
    want_input(f, "x", 2);
    write_text("data.csv", "1,2\n");
    chmod("data.csv", 0);
    bool root = geteuid() == 0;       /* root reads everything, so nobody asks */
    assert_true(!root || seteuid(65534) == 0);
    must_fail(f, "data.csv: error: cannot be opened: Permission denied\n  help: its permissions do not let you read it\n");
    assert_true(!root || seteuid(0) == 0);
    chmod("data.csv", 0600);
}

static void test_counts_of_columns(void **state)
{
    static const bad rows[] = {
        {"1,2,3,a\n", "data.csv: error: the model takes 3 columns (x 2, y 1), but the file has 4\n"
                      "  help: columns can be left out where the first row names them: ignore \"NAME\"\n"},
        {"1,a\n", "data.csv: error: the model takes 3 columns (x 2, y 1), but the file has 2\n"},
        {"p,q,r,s,y\n1,2,3,4,a\n", "data.csv:1: error: the model takes 3 columns (x 2, y 1), but the file has 5\n"
                                   "  help: the file's columns are \"p\", \"q\", \"r\", \"s\", \"y\"\n"
                                   "  help: ignore \"NAME\" in the model leaves a column out\n"},
        {"p,y\n1,a\n", "data.csv:1: error: the model takes 3 columns (x 2, y 1), but the file has 2\n  help: the file's columns are \"p\", \"y\"\n"},
    };
    CHECK(rows);
}

static void test_names_of_columns(void **state)
{
    fixture *f = *state;
    const char *length[] = {"Sepal lenght"}, *id[] = {"idd"};
    fixture_forget(f);
    want_input(f, "x", 0)->column = length;
    f->want[0].columns = 1;
    write_text("data.csv", "Sepal length,Sepal width\n1,2\n");
    must_fail(f, "data.csv:1: error: column \"Sepal lenght\", of input x, is not in the file\n  help: did you mean \"Sepal length\"?\n"
                 "  help: the file's columns are \"Sepal length\", \"Sepal width\"\n");
    fixture_forget(f);
    want_input(f, "x", 0);
    write_text("data.csv", "\"  x \", y \n1,2\n");
    must_fail(f, "data.csv:1: error: column \"x\", of input x, is not in the file\n  help: did you mean \"  x \", with the spaces that the file has within its quotes?\n"
                 "  help: the file's columns are \"  x \", \"y\"\n");
    fixture_forget(f);
    want_input(f, "the \"x\"", 0);
    write_text("data.csv", "\"the \"\"y\"\"\",z\n1,2\n");
    must_fail(f, "data.csv:1: error: column \"the \"\"x\"\"\", of input the \"x\", is not in the file\n  help: did you mean \"the \"\"y\"\"\"?\n"
                 "  help: the file's columns are \"the \"\"y\"\"\", \"z\"\n");
    fixture_forget(f);
    want_input(f, "age", 0);
    write_text("data.csv", "height,weight\n1,2\n");
    must_fail(f, "data.csv:1: error: column \"age\", of input age, is not in the file\n  help: the file's columns are \"height\", \"weight\"\n");
    fixture_forget(f);
    want_input(f, "age", 0);
    write_text("data.csv", "age,height,weight\n1,2,3\n");
    must_fail(f, "data.csv:1: error: the model does not take columns \"height\", \"weight\"\n"
                 "  help: leave them out: ignore \"height\", \"weight\"\n");
    fixture_forget(f);
    want_input(f, "age", 0);
    write_text("data.csv", "age,age\n1,2\n");
    must_fail(f, "data.csv:1: error: column \"age\", of input age, stands 2 times in the header\n  help: give the columns different names\n");
    fixture_forget(f);
    static const char *const twice[] = {"age", "age"};
    want_input(f, "x", 2)->column = twice;
    f->want[0].columns = 2;
    write_text("data.csv", "age\n1\n");
    must_fail(f, "data.csv:1: error: column \"age\", of input x, stands 1 time in the header and is asked for 2 times\n");
    fixture_forget(f);
    want_input(f, "age", 0);
    f->request.ignored = id;
    f->request.ignoreds = 1;
    write_text("data.csv", "id,age\n1,2\n");
    must_fail(f, "data.csv:1: error: column \"idd\", to be ignored, is not in the file\n  help: did you mean \"id\"?\n"
                 "  help: the file's columns are \"id\", \"age\"\n");
    fixture_forget(f);
    want_input(f, "x", 2);
    f->request.ignored = id;
    f->request.ignoreds = 1;
    write_text("data.csv", "1,2,3\n1,2,3\n");
    must_fail(f, "data.csv: error: \"idd\" is to be ignored by name, but the file has no header\n  help: name the columns in the first row; --header=yes reads it as names\n");
}

static void test_bad_classes(void **state)
{
    static const struct { int64_t classes; const char *text, *report; } row[] = {
        {3, "1,0\n1,1\n1,7\n", "data.csv:3:3: error: \"7\" is not a class of y, which is class(3): the labels are 0..2, or exactly 3 different ones, and these "
                              "are 3\n  help: the labels are \"0\", \"1\", \"7\"\n"},
        {3, "1,0\n1,1.5\n1,1\n1,2\n", "data.csv:2:3: error: \"1.5\" is not a class of y, which is class(3): the labels are 0..2, or exactly 3 different ones, "
                                     "and these are 4\n  help: the labels are \"0\", \"1\", \"1.5\", \"2\"\n"},
        {2, "1,a\n1,b\n1,c\n1,c\n", "data.csv:3:3: error: y is class(2), but there are 3 different labels\n  help: the labels are \"a\", \"b\", \"c\"\n"},
        {3, "1,a\n1,b\n", "data.csv: error: y is class(3), but there are 2 different labels\n  help: the labels are \"a\", \"b\"\n"},
    };
    fixture *f = *state;
    for (size_t i = 1; i < sizeof row / sizeof row[0]; i++) {
        fixture_forget(f);
        want_input(f, "x", 1);
        want_target(f, "y", row[i].classes);
        write_text("data.csv", row[i].text);
        must_fail(f, row[i].report);
    }
    /* 0, 1, 7 are exactly three different labels, so they are classes. */
    fixture_forget(f);
    want_input(f, "x", 1);
    want_target(f, "y", 3);
    write_text("data.csv", row[0].text);
    must_read(f);
    assert_int_equal(class_at(f, "y", 2, 0), 2);
}

static void test_classes_unseen_in_training(void **state)
{
    static const char *const names[] = {"setosa", "versicolor"};
    static const nnc_dataset_known of_names[] = {{.name = "y", .class_name = names, .classes = 2}}, of_numbers[] = {{.name = "y", .classes = 3}};
    const nnc_dataset_knowledge by_name = {of_names, 1}, by_number = {of_numbers, 1};
    fixture *f = *state;
    fixture_forget(f);
    want_input(f, "x", 1);
    want_target(f, "y", 0);
    f->request.role = NNC_DATASET_MEASURE;
    f->request.knowledge = &by_name;
    write_text("data.csv", "1,setosa\n2,virginica\n");
    must_fail(f, "data.csv:2:3: error: \"virginica\" in column 2 is not a class of y\n  help: the classes are \"setosa\", \"versicolor\"\n");
    fixture_forget(f);
    want_input(f, "x", 1);
    want_target(f, "y", 3);
    f->request.role = NNC_DATASET_MEASURE;
    f->request.knowledge = &by_number;
    write_text("data.csv", "1,2\n2,3\n3,1.5\n4,-1\n");
    must_fail(f, "data.csv:2:3: error: \"3\" in column 2 is not a class of y (3 such cells in the file)\n  help: the classes are 0..2\n");
    fixture_forget(f);
    want_input(f, "x", 1);
    want_target(f, "y", 0);
    f->request.role = NNC_DATASET_MEASURE;
    must_fail(f, "error: the weights do not say what the classes of y are\n  help: train with nnc, which keeps them with the weights\n");
}

static void test_warnings(void **state)
{
    fixture *f = *state;
    fixture_forget(f);
    want_input(f, "x", 1);
    want_target(f, "y", 0);
    write_text("data.csv", "1,a\n2,a\n");
    assert_non_null(read_data(f));
    assert_string_equal(report_of(f), "data.csv: warning: y has one class only: \"a\"\n");
    fixture_forget(f);
    want_input(f, "x", 2);
    write_text("data.csv", "1,16777216\n2,16777217\n33554433,3\n16777218,4\n");
    assert_non_null(read_data(f));
    assert_string_equal(report_of(f), "data.csv:2:3: warning: \"16777217\" in column 2 is rounded: a float holds whole numbers up to 16,777,216\n");
    assert_true(real_at(f, "x", 1, 1) == 16777216.0f);
    fixture_forget(f);
    want_input(f, "x", 2);
    write_text("data.csv", "1,2\n3,\"33554433\"\n\"16777217\",4\n");
    assert_non_null(read_data(f));
    assert_string_equal(report_of(f), "data.csv:2:3: warning: \"33554433\" in column 2 is rounded: a float holds whole numbers up to 16,777,216\n");
}

/* Of a pair, the file is named that the fault is in. */
static void test_pairs(void **state)
{
    static const char images[] = {0, 0, 0x0C, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1}, labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 7};
    fixture *f = *state;
    fixture_forget(f);
    want_input(f, "x", 1);
    want_target(f, "y", 0);
    f->path[0] = "images.idx,labels.idx";
    write_bytes("images.idx", images, sizeof images);
    write_bytes("labels.idx", labels, sizeof labels);
    assert_non_null(read_data(f));
    assert_string_equal(report_of(f), "images.idx:2: warning: \"16777217\" in column 1 is rounded: a float holds whole numbers up to 16,777,216\n");
    fixture_forget(f);
    want_input(f, "x", 1);
    want_target(f, "y", 3);
    f->path[0] = "images.idx,labels.idx";
    read_data(f);
    assert_null(f->data);
    assert_non_null(strstr(report_of(f), "labels.idx:2: error: \"7\" is not a class of y"));
    static const char wide[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
    write_bytes("images.idx", wide, sizeof wide);
    fixture_forget(f);
    want_input(f, "x", 3);
    want_target(f, "y", 0);
    f->path[0] = "labels.idx,images.idx";
    must_fail(f, "labels.idx: error: its examples have 1 element, where no input of the model ends\n"
                 "  help: the inputs' file comes first: images.idx,labels.idx\n");
    f->path[0] = "images.idx,labels.idx";
    f->report = (nnc_dataset_report){.arena = &f->arena};
    must_read(f);
    fixture_forget(f);
    want_input(f, "x", 3);
    want_input(f, "z", 1);
    f->path[0] = "images.idx,labels.idx";
    must_read(f);
    fixture_forget(f);
    want_input(f, "x", 2);
    want_target(f, "y", 0);
    f->path[0] = "images.idx,labels.idx";
    must_fail(f, "images.idx: error: the model takes 3 columns (x 2, y 1), but the file has 4\n"
                 "  help: columns can be left out where the first row names them: ignore \"NAME\"\n");
}

/* ---- what happens to files while they are read ---- */

static void test_files_that_change(void **state)
{
    static const char changed[] = "data.csv: error: changed while it was read\n  help: try again when nothing writes to it\n";
    size_t size = 1 << 20;
    char *text = malloc(size);
    fixture *f = *state;
    assert_non_null(text);
    memset(text, '1', size);
    for (int how = 0; how < 3; how++) {
        nnc_bytes bytes;
        fixture_forget(f);
        write_bytes("data.csv", text, size);
        assert_true(nnc_bytes_open(&bytes, &f->arena, "data.csv", &f->report));
        struct timespec times[2] = {{1000000000, 0}, {1000000000, 0}};
        if (how == 0)
            assert_int_equal(truncate("data.csv", 300000), 0);            /* it shrinks */
        else if (how == 1)
            assert_int_equal(truncate("data.csv", (off_t)size + 1), 0);   /* it grows */
        else
            assert_int_equal(utimensat(AT_FDCWD, "data.csv", times, 0), 0);   /* other bytes in place of these */
        assert_true(nnc_bytes_fill(&bytes, 2 * size));
        nnc_bytes_close(&bytes);
        assert_string_equal(report_of(f), changed);
    }
    free(text);
}

/* A read that fails is an error, wherever it comes: at /proc/self/mem's beginning there is nothing to read. */
static void test_reads_that_fail(void **state)
{
    fixture *f = *state;
    nnc_bytes bytes;
    fixture_forget(f);
    want_input(f, "x", 2);
    f->path[0] = "/proc/self/mem";
    must_fail(f, "/proc/self/mem: error: cannot be read: Input/output error\n");
    for (int zipped = 0; zipped < 2; zipped++) {
        fixture_forget(f);
        char *text = NNC_ARRAY(&f->arena, char, 1 << 20);
        for (size_t i = 0; i < 1 << 20; i++)
            text[i] = (char)(i * i * i >> 7);
        gzFile zip = gzopen("data.csv", zipped ? "wb1" : "wbT");
        assert_int_equal(gzwrite(zip, text, 1 << 20), 1 << 20);
        assert_int_equal(gzclose(zip), Z_OK);
        assert_true(nnc_bytes_open(&bytes, &f->arena, "data.csv", &f->report));
        int broken = open("/proc/self/mem", O_RDONLY);
        assert_int_equal(dup2(broken, bytes.fd), bytes.fd);
        close(broken);
        assert_false(nnc_bytes_fill(&bytes, 4 << 20));
        nnc_bytes_close(&bytes);
        assert_string_equal(report_of(f), "data.csv: error: cannot be read: Input/output error\n");
    }
}

/* What is too large is refused: fields, lines, columns. */
static void test_limits(void **state)
{
    fixture *f = *state;
    size_t size = 17 << 20;
    char *text = malloc(size);
    assert_non_null(text);
    fixture_forget(f);
    want_input(f, "x", 2);
    memset(text, '1', size);
    memcpy(text, "1,2\n3,", 6);
    write_bytes("data.csv", text, 2 << 20);
    must_fail(f, "data.csv:2:3: error: a field is longer than 1 MB\n  help: is the delimiter right?\n");
    fixture_forget(f);
    want_input(f, "x", 2);
    write_bytes("data.csv", text, size);
    must_fail(f, "data.csv:2: error: a line is longer than 16 MB\n  help: is this CSV?\n");
    fixture_forget(f);
    want_input(f, "x", 2);
    memcpy(text, "1,2\n3,\"", 7);
    write_bytes("data.csv", text, 2 << 20);
    must_fail(f, "data.csv:2:3: error: this quote is not closed within 1 MB\n  help: a quote within quotes is doubled: \"\"\n");
    fixture_forget(f);
    want_input(f, "x", 2);
    memset(text, ',', 65535);
    text[65535] = '\n';
    write_bytes("data.csv", text, 65536);
    must_fail(f, "data.csv:1: error: 65,536 columns, more than 65,535\n");
    free(text);
}

static void test_at_most_twenty(void **state)
{
    fixture *f = *state;
    nnc_text text = {.arena = &f->arena};
    fixture_forget(f);
    want_input(f, "x", 30);
    for (int row = 0; row < 2; row++)
        for (int column = 0; column < 30; column++)
            nnc_text_add(&text, "%s%c", row ? "x" : "1", column < 29 ? ',' : '\n');
    write_text("data.csv", nnc_text_string(&text));
    assert_null(read_data(f));
    assert_int_equal(f->report.messages, 20);
    assert_int_equal(f->report.errors, 30);
    assert_non_null(strstr(report_of(f), "\n10 more errors\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_of_fields), cmocka_unit_test(test_nothing_there), cmocka_unit_test(test_missing_values),
        cmocka_unit_test(test_not_finite), cmocka_unit_test(test_words_for_numbers), cmocka_unit_test(test_quotes_and_bytes),
        cmocka_unit_test(test_other_delimiters), cmocka_unit_test(test_named_for_what_they_are), cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_counts_of_columns), cmocka_unit_test(test_names_of_columns), cmocka_unit_test(test_bad_classes),
        cmocka_unit_test(test_classes_unseen_in_training), cmocka_unit_test(test_warnings), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_at_most_twenty), cmocka_unit_test(test_pairs), cmocka_unit_test(test_files_that_change), cmocka_unit_test(test_reads_that_fail),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
