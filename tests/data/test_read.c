/* What is read, and what it becomes: numbers, headers, classes, columns, formats. */
#include <zlib.h>
#include "fixture.h"

static void start(fixture *f, const char *text)
{
    fixture_forget(f);
    if (text)
        write_text("data.csv", text);
}

/* ---- CSV as RFC 4180 says, and what spreadsheets make of it ---- */

static void test_same_in_all_writings(void **state)
{
    static const char *const text[] = {
        "1.5,-2,a\n3,4e2,b\n", "1.5,-2,a\r\n3,4e2,b\r\n", "1.5,-2,a\n3,4e2,b", ("\xEF\xBB\xBF" "1.5,-2,a\n3,4e2,b\n\n\n \n"), " 1.5 , -2,a\n3,4e2 ,b\n",
        "\"1.5\",\"-2\",\"a\"\n3,\"4e2\",b\n", "1.5,-2,a \r\n+3.0,400.,b\r\n\r\n", "15e-1,-2, \"a\" \n3,.4E+3,b\n",
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        start(f, text[i]);
        want_input(f, "x", 2);
        want_target(f, "y", 0);
        must_read(f);
        assert_int_equal(f->data->rows, 2);
        assert_true(real_at(f, "x", 0, 0) == 1.5f && real_at(f, "x", 0, 1) == -2 && real_at(f, "x", 1, 0) == 3 && real_at(f, "x", 1, 1) == 400);
        assert_int_equal(class_at(f, "y", 1, 0), 1);
        assert_string_equal(f->data->declaration[1].known.class_name[0], "a");
        assert_string_equal(f->data->declaration[1].known.class_name[1], "b");
    }
}

static void test_quotes(void **state)
{
    fixture *f = *state;
    const char *path;
    int64_t line;
    start(f, "1,\"a, \"\"b\"\"\nand\r\nc\"\n2,d\n3,\"\"\"\"\n4,5\" pipe\n");
    want_input(f, "x", 1);
    want_target(f, "y", 0);
    must_read(f);
    const nnc_dataset_known *known = &f->data->declaration[1].known;
    assert_int_equal(known->classes, 4);
    assert_string_equal(known->class_name[class_at(f, "y", 0, 0)], "a, \"b\"\nand\r\nc");
    assert_string_equal(known->class_name[class_at(f, "y", 2, 0)], "\"");
    assert_string_equal(known->class_name[class_at(f, "y", 3, 0)], "5\" pipe");
    nnc_dataset_place(f->data, 0, &path, &line);
    assert_int_equal(line, 1);
    nnc_dataset_place(f->data, 1, &path, &line);
    assert_int_equal(line, 4);
    assert_string_equal(path, "data.csv");
}

static void test_delimiters(void **state)
{
    fixture *f = *state;
    start(f, "1,5;2;a\n3,25;4;b\n");
    f->request.decimal = ',';
    want_input(f, "x", 2);
    want_target(f, "y", 0);
    must_read(f);
    assert_true(real_at(f, "x", 0, 0) == 1.5f && real_at(f, "x", 1, 0) == 3.25f);
    start(f, "1|2\n3|4\n");
    f->request.delimiter = '|';
    want_input(f, "x", 2);
    must_read(f);
    start(f, NULL);
    f->path[0] = "data.tsv";
    write_text("data.tsv", "1\t2\n3\t4\n");
    want_input(f, "x", 2);
    must_read(f);
    start(f, NULL);
    f->path[0] = "data.data";
    write_text("data.data", "1\t2\n3\t4\n");
    want_input(f, "x", 2);
    must_read(f);
    start(f, "1,2\n");
    f->request.delimiter = '"';
    want_input(f, "x", 2);
    must_fail(f, "error: \"\"\"\" cannot be the delimiter\n");
}

static void test_headers(void **state)
{
    static const struct { const char *text; int header; int64_t rows; } row[] = {
        {"p,q\n1,2\n3,4\n", -1, 2},      /* words above numbers */
        {"1,2\n3,4\n", -1, 2},
        {"p,x\n", 0, -1},                /* told that it is none: words for numbers */
        {"1,2\n3,4\n", 1, 1},            /* told that it is one */
        {"p,q\n,2\n3,4\n", -1, -1},      /* a header, and a missing value */
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        start(f, row[i].text);
        f->request.header = row[i].header;
        want_input(f, "x", 2);
        read_data(f);
        assert_int_equal(f->data ? f->data->rows : -1, row[i].rows);
    }
    start(f, "colour,shape\nred,round\nblue,square\n");
    want_input(f, "colour", 0)->kind = NNC_DATASET_CLASS_FROM_DATA;
    want_target(f, "y", 0);
    must_read(f);
    assert_int_equal(f->data->rows, 2);
    assert_string_equal(nnc_dataset_columns_line(&f->arena, f->data), "colour = colour (2 classes); y = shape (2 classes)");
    start(f, "red,round\nblue,square\n");
    want_input(f, "colour", 0)->kind = NNC_DATASET_CLASS_FROM_DATA;
    want_target(f, "y", 0);
    must_read(f);
    assert_int_equal(f->data->rows, 2);
    assert_string_equal(nnc_dataset_columns_line(&f->arena, f->data), "colour = column 1 (2 classes); y = column 2 (2 classes)");
}

/* Labels that are words, one of them the name of a declaration; and a single row of words. */
static void test_no_header_of_words(void **state)
{
    fixture *f = *state;
    start(f, "red,y\nblue,n\nred,y\n");
    want_input(f, "colour", 0)->kind = NNC_DATASET_CLASS_FROM_DATA;
    want_target(f, "y", 0);
    must_read(f);
    assert_int_equal(f->data->rows, 3);
    nnc_dataset_knowledge k = nnc_dataset_knowledge_of(&f->arena, f->data);
    f->request.role = NNC_DATASET_PREDICT;
    f->request.knowledge = &k;
    write_text("data.csv", "red\n");
    must_read(f);
    assert_int_equal(class_at(f, "colour", 0, 0), 1);
}

/* ---- columns ---- */

static void test_columns_by_name(void **state)
{
    static const char *const from[] = {"d", "b"}, *const ignored[] = {"id"};
    fixture *f = *state;
    start(f, "id,a,b,c,d,age,y\nn1,1,2,3,4,5,u\nn2,11,12,13,14,15,v\n");
    f->request.ignored = ignored;
    f->request.ignoreds = 1;
    want_input(f, "rest", 2);
    want_input(f, "named", 2)->column = from;
    f->want[1].columns = 2;
    want_input(f, "age", 0);
    want_target(f, "answer", 0);
    must_read(f);
    assert_true(real_at(f, "rest", 1, 0) == 11 && real_at(f, "rest", 1, 1) == 13);
    assert_true(real_at(f, "named", 1, 0) == 14 && real_at(f, "named", 1, 1) == 12);
    assert_true(real_at(f, "age", 1, 0) == 15);
    assert_int_equal(class_at(f, "answer", 1, 0), 1);
    assert_string_equal(nnc_dataset_columns_line(&f->arena, f->data), "rest = a, c; named = d, b; age = age; answer = y (2 classes)");
}

static void test_columns_by_position(void **state)
{
    fixture *f = *state;
    start(f, "1,2,3,a,4\n5,6,7,b,8\n");
    want_target(f, "y", 0);
    want_input(f, "first", 0);
    want_input(f, "x", 2);
    want_target(f, "z", -1);
    must_read(f);
    assert_true(real_at(f, "first", 1, 0) == 5 && real_at(f, "x", 1, 1) == 7 && real_at(f, "z", 1, 0) == 8);
    assert_int_equal(class_at(f, "y", 1, 0), 1);
    assert_string_equal(nnc_dataset_columns_line(&f->arena, f->data), "y = column 4 (2 classes); first = column 1; x = columns 2 to 3; z = column 5");
}

static void test_several_files(void **state)
{
    fixture *f = *state;
    const char *path;
    int64_t line;
    start(f, "p,q,y\n1,2,a\n3,4,b\n");
    write_text("more.csv", "y,q,p\nc,6,5\n");
    f->path[1] = "more.csv";
    f->request.paths = 2;
    want_input(f, "x", 2);
    want_target(f, "y", 0);
    must_read(f);
    assert_int_equal(f->data->rows, 3);
    assert_true(real_at(f, "x", 2, 0) == 5 && real_at(f, "x", 2, 1) == 6);
    assert_int_equal(class_at(f, "y", 2, 0), 2);
    nnc_dataset_place(f->data, 2, &path, &line);
    assert_string_equal(path, "more.csv");
    assert_int_equal(line, 2);
}

/* ---- classes ---- */

static void check_names(fixture *f, const char *text, int64_t classes, const char *names)
{
    nnc_text out = {.arena = &f->arena};
    start(f, text);
    want_input(f, "x", 1);
    want_target(f, "y", classes);
    must_read(f);
    const nnc_dataset_known *known = &f->data->declaration[1].known;
    for (int64_t c = 0; c < known->classes; c++)
        nnc_text_add(&out, "%s%s", c ? " " : "", nnc_dataset_class_name(&f->arena, known, c));
    assert_string_equal(nnc_text_string(&out), names);
}

static void test_classes(void **state)
{
    fixture *f = *state;
    check_names(f, "1,b\n1,a\n1,c\n", 0, "a b c");
    check_names(f, "1,10\n1,9\n1,-1\n", 0, "-1 9 10");
    check_names(f, "1,10\n1,9\n1,a\n", 0, "10 9 a");
    check_names(f, "1,10\n1,5\n", 2, "5 10");
    check_names(f, "1,1\n1,0\n1,1\n", 4, "0 1 2 3");
    assert_null(f->data->declaration[1].known.class_name);
    assert_int_equal(class_at(f, "y", 0, 0), 1);
    check_names(f, "1,1.0\n1,0.0\n1,1\n", 2, "0 1");
    check_names(f, "1,no\n1,yes\n", 2, "no yes");
}

static void test_else_class(void **state)
{
    fixture *f = *state;
    start(f, "1,b\n1,\n1,a\n1,NA\n");
    want_input(f, "x", 1);
    want_input(f, "city", 1)->kind = NNC_DATASET_CLASS_FROM_DATA;
    f->want[1].else_class = "aa";
    must_read(f);
    assert_int_equal(f->data->declaration[1].known.classes, 3);
    assert_int_equal(class_at(f, "city", 0, 0), 1);
    assert_int_equal(class_at(f, "city", 1, 0), 2);
    assert_int_equal(class_at(f, "city", 2, 0), 0);
    nnc_dataset_knowledge knowledge = nnc_dataset_knowledge_of(&f->arena, f->data);
    nnc_dataset_request request = f->request;
    request.role = NNC_DATASET_PREDICT;
    request.knowledge = &knowledge;
    write_text("data.csv", "1,new\n1,b\n1,?\n");
    f->data = nnc_dataset_open(&f->arena, &request, &f->report);
    assert_string_equal(report_of(f), "");
    assert_int_equal(class_at(f, "city", 0, 0), 2);
    assert_int_equal(class_at(f, "city", 1, 0), 1);
    assert_int_equal(class_at(f, "city", 2, 0), 2);
}

static void test_gaps(void **state)
{
    fixture *f = *state;
    start(f, "1,2\nNA,4\n5,\nnan,?\n");
    want_input(f, "x", 2)->allows_missing = true;
    must_read(f);
    assert_true(isnan(real_at(f, "x", 1, 0)) && real_at(f, "x", 1, 1) == 4 && isnan(real_at(f, "x", 2, 1)) && isnan(real_at(f, "x", 3, 0)));
    nnc_text out = {.arena = &f->arena};
    nnc_dataset_describe(f->data, &out);
    assert_string_equal(nnc_text_string(&out), "4 rows\ninput x\n  column 1: number, min 1, max 5, mean 3, 2 missing\n"
                                               "  column 2: number, min 2, max 4, mean 3, 2 missing\n");
}

/* ---- knowledge ---- */

static nnc_dataset_knowledge train(fixture *f, const char *text)
{
    start(f, text);
    want_input(f, "x", 2);
    want_target(f, "y", 0);
    must_read(f);
    return nnc_dataset_knowledge_of(&f->arena, f->data);
}

static void again(fixture *f, const nnc_dataset_knowledge *knowledge, nnc_dataset_role role, const char *text)
{
    static const char *const ignored[] = {"id"};
    write_text("data.csv", text);
    f->request.role = role;
    f->request.knowledge = knowledge;
    f->request.ignored = ignored;
    f->request.ignoreds = 1;
    read_data(f);
}

static void test_matching_by_name(void **state)
{
    fixture *f = *state;
    nnc_dataset_knowledge k = train(f, "p,q,species\n1,2,a\n3,4,b\n5,6,c\n");
    again(f, &k, NNC_DATASET_MEASURE, "species,more,q,p\nc,9,2,1\n");
    assert_string_equal(report_of(f), "");
    assert_int_equal(class_at(f, "y", 0, 0), 2);
    assert_true(real_at(f, "x", 0, 0) == 1 && real_at(f, "x", 0, 1) == 2);
    again(f, &k, NNC_DATASET_PREDICT, "id,q,p,id2\nn1,2,1,u\n\"n, 2\",4,3,u\n");
    assert_string_equal(report_of(f), "");
    assert_int_equal(f->data->ignoreds, 1);
    assert_string_equal(f->data->ignored[0], "id");
    assert_string_equal(nnc_dataset_ignored(f->data, 0, 1), "n, 2");
    assert_true(real_at(f, "x", 1, 0) == 3 && nnc_dataset_find(f->data, "y") == -1);
    /* Targets are not read when predicting, whatever they hold. */
    again(f, &k, NNC_DATASET_PREDICT, "q,p,species\n2,1,?\n");
    assert_string_equal(report_of(f), "");
    again(f, &k, NNC_DATASET_MEASURE, "p,r,species\n1,2,a\n");
    assert_string_equal(report_of(f), "data.csv:1: error: column \"q\", of input x, is not in the file\n"
                                      "  help: the file's columns are \"p\", \"r\", \"species\"\n");
}

static void test_matching_without_names(void **state)
{
    fixture *f = *state;
    nnc_dataset_knowledge k = train(f, "1,2,a\n3,4,b\n");
    f->request.role = NNC_DATASET_PREDICT;
    f->request.knowledge = &k;
    write_text("data.csv", "5,6\n7,8\n");
    must_read(f);
    assert_true(real_at(f, "x", 1, 1) == 8);
    write_text("data.csv", "5,6,a\n7,8,\n");
    must_read(f);
    k = train(f, "p,q,y\n1,2,a\n3,4,b\n");
    f->request.role = NNC_DATASET_PREDICT;
    f->request.knowledge = &k;
    write_text("data.csv", "5,6\n7,8\n");
    must_fail(f, "data.csv: error: the file has no header, but the model knows its columns by name\n"
                 "  help: name the columns in the first row; or --header=no, where they stand in the model's order, targets last\n");
}

static const char *value_of(void *context, const char *key)
{
    const char ***pairs = context;
    for (int i = 0; pairs[0][i]; i++)
        if (strcmp(pairs[0][i], key) == 0)
            return pairs[1][i];
    return NULL;
}

static void test_knowledge_as_text(void **state)
{
    fixture *f = *state;
    const char **key, **value;
    nnc_dataset_knowledge read, k = train(f, "\"p, or\",\" q\",y\n1,2,\"a\"\"b\"\n3,4,=c\n5,6,\"d\ne\"\n");
    uint32_t pairs = nnc_dataset_knowledge_write(&f->arena, &k, &key, &value);
    assert_int_equal(pairs, 3);
    assert_string_equal(key[0], "columns.x");
    assert_string_equal(value[0], "\"p, or\",\" q\"");
    assert_string_equal(key[2], "classes.y");
    assert_string_equal(value[2], "\"=c\",\"a\"\"b\",\"d\ne\"");
    const char **table[2] = {key, value};
    assert_true(nnc_dataset_knowledge_read(&f->arena, f->want, f->request.wants, value_of, table, &read));
    for (uint32_t w = 0; w < 2; w++) {
        assert_int_equal(read.known[w].columns, k.known[w].columns);
        assert_int_equal(read.known[w].classes, k.known[w].classes);
        for (uint32_t c = 0; c < k.known[w].columns; c++)
            assert_string_equal(read.known[w].column[c], k.known[w].column[c]);
        for (int64_t c = 0; c < k.known[w].classes; c++)
            assert_string_equal(read.known[w].class_name[c], k.known[w].class_name[c]);
    }
}

/* ---- other formats ---- */

static void write_gzip(const char *name, const char *text)
{
    gzFile file = gzopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(gzwrite(file, text, (unsigned)strlen(text)), strlen(text));
    assert_int_equal(gzclose(file), Z_OK);
}

static void test_gzip(void **state)
{
    fixture *f = *state;
    char both[400];
    start(f, NULL);
    f->path[0] = "data.csv.gz";
    write_gzip("data.csv.gz", "1,2\n3,4\n");
    want_input(f, "x", 2);
    must_read(f);
    assert_int_equal(f->data->rows, 2);
    /* Two members in a row are one file, as gzip has it. */
    write_gzip("second.gz", "5,6\n");
    FILE *a = fopen("data.csv.gz", "rb"), *b = fopen("second.gz", "rb");
    size_t length = fread(both, 1, 200, a);
    length += fread(both + length, 1, 200, b);
    fclose(a);
    fclose(b);
    write_bytes("data.csv.gz", both, length);
    must_read(f);
    assert_int_equal(f->data->rows, 3);
    assert_true(real_at(f, "x", 2, 1) == 6);
    write_bytes("data.csv.gz", both, length - 3);
    must_fail(f, "data.csv.gz: error: the gzip data ends too early: the file is cut off\n  help: is the copy complete?\n");
}

static const char IMAGES[] = "\0\0\x08\3\0\0\0\3\0\0\0\2\0\0\0\2\1\2\3\4\5\6\7\10\377\12\13\14";
static const char LABELS[] = "\0\0\x08\1\0\0\0\3\1\0\1";

static void idx_start(fixture *f, const char *path)
{
    start(f, NULL);
    f->path[0] = path;
    write_bytes("images.idx", IMAGES, sizeof IMAGES - 1);
    write_bytes("labels-idx1-ubyte", LABELS, sizeof LABELS - 1);
    want_input(f, "image", 2);
    f->want[0].rank = 3;
    f->want[0].extent[1] = 2;
    f->want[0].extent[2] = 1;
    want_target(f, "digit", 2);
}

static void test_idx(void **state)
{
    fixture *f = *state;
    idx_start(f, "images.idx,labels-idx1-ubyte");
    must_read(f);
    assert_int_equal(f->data->rows, 3);
    assert_true(real_at(f, "image", 2, 0) == 255 && real_at(f, "image", 1, 3) == 8);
    assert_int_equal(class_at(f, "digit", 2, 0), 1);
    assert_string_equal(nnc_dataset_columns_line(&f->arena, f->data), "image = columns 1 to 4; digit = column 5");
    idx_start(f, "images.idx");
    must_fail(f, "images.idx: error: the model takes 5 columns (image 4, digit 1), but the file has 4\n"
                 "  help: examples and labels are two files: images.idx,labels.idx\n");
    idx_start(f, "images.idx");
    f->request.role = NNC_DATASET_PREDICT;
    must_read(f);
    idx_start(f, "images.idx");
    write_bytes("images.idx", IMAGES, sizeof IMAGES - 3);
    f->request.role = NNC_DATASET_PREDICT;
    must_fail(f, "images.idx: error: the file ends after 2 of its 3 examples\n  help: is the copy complete?\n");
    idx_start(f, "images.idx,labels-idx1-ubyte");
    write_bytes("labels-idx1-ubyte", "\0\0\x08\1\0\0\0\2\1\0", 10);
    must_fail(f, "labels-idx1-ubyte: error: 2 examples, but images.idx has 3\n");
    idx_start(f, "images.idx,labels-idx1-ubyte");
    write_bytes("labels-idx1-ubyte", "\0\0\x08\1\0\0\0\3\1\0\1\1", 12);
    must_fail(f, "labels-idx1-ubyte: error: the file goes on after its last example\n");
    idx_start(f, "images.idx");
    write_text("images.idx", "1,2\n");
    must_fail(f, "images.idx: error: this is not an IDX file\n  help: IDX begins with 0, 0, a type (8, 9, 11..14) and the number of dimensions\n");
}

static void test_idx_types(void **state)
{
    static const struct { const char *bytes; size_t length; float value; } file[] = {
        {"\0\0\x08\2\0\0\0\1\0\0\0\1\376", 13, 254.0f}, {"\0\0\x09\2\0\0\0\1\0\0\0\1\376", 13, -2.0f},
        {"\0\0\x0B\2\0\0\0\1\0\0\0\1\377\376", 14, -2.0f}, {"\0\0\x0C\2\0\0\0\1\0\0\0\1\377\377\377\376", 16, -2.0f},
        {"\0\0\x0D\2\0\0\0\1\0\0\0\1\x3f\xc0\0\0", 16, 1.5f}, {"\0\0\x0E\2\0\0\0\1\0\0\0\1\x3f\xf8\0\0\0\0\0\0", 20, 1.5f},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++) {
        start(f, NULL);
        f->path[0] = "data";
        write_bytes("data", file[i].bytes, file[i].length);
        want_input(f, "x", 1);
        must_read(f);
        assert_true(real_at(f, "x", 0, 0) == file[i].value);
    }
    start(f, NULL);
    f->path[0] = "data";
    write_bytes("data", "\0\0\x0D\2\0\0\0\1\0\0\0\1\x7f\x80\0\0", 16);
    want_input(f, "x", 1);
    must_fail(f, "data:1: error: \"inf\" in column 1 is not a finite number\n  help: a float goes up to 3.4e38\n");
}

static void test_plain_text(void **state)
{
    fixture *f = *state;
    start(f, NULL);
    f->path[0] = "data.txt";
    write_bytes("data.txt", "ab\0c\377", 5);
    want_input(f, "x", 3)->rows = 3;
    f->want[0].kind = NNC_DATASET_CLASS;
    f->want[0].classes = 256;
    want_target(f, "next", 256)->rows = 3;
    f->want[1].rows_from = 1;
    f->want[1].rank = 1;
    f->want[1].extent[0] = 3;
    must_read(f);
    assert_int_equal(f->data->rows, 5);
    assert_int_equal(f->data->span, 4);
    assert_int_equal(class_at(f, "x", 1, 0), 'b');
    assert_int_equal(class_at(f, "next", 1, 2), 255);
    assert_int_equal(class_at(f, "next", 0, 0), 'b');
}

static void test_standard_input(void **state)
{
    fixture *f = *state;
    int ends[2], kept = dup(0);
    start(f, NULL);
    f->path[0] = "-";
    want_input(f, "x", 2);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "1,2\n3,oops\n", 11), 11);
    close(ends[1]);
    dup2(ends[0], 0);
    close(ends[0]);
    must_fail(f, "(standard input):2:3: error: \"oops\" in column 2 is not a number\n");
    dup2(kept, 0);
    close(kept);
}

/* ---- the rest ---- */

static void test_common_rows_and_hash(void **state)
{
    fixture *f = *state;
    nnc_dataset_knowledge k = train(f, "p,q,y\n1,2,a\n3,4,b\n5,6,a\n");
    nnc_dataset *a = f->data;
    uint64_t hash = nnc_dataset_hash(a);
    again(f, &k, NNC_DATASET_MEASURE, "y,q,p\nb,4,3\na,4,3\na,6,5\nb,1,1\n");
    assert_string_equal(report_of(f), "");
    assert_int_equal(nnc_dataset_common(&f->arena, a, f->data), 2);
    train(f, "p,q,y\n1,2,a\n3,4,b\n5,6,a\n");
    assert_true(nnc_dataset_hash(f->data) == hash);
    train(f, "p,q,y\n1,2,a\n3,4,b\n5,6,b\n");
    assert_true(nnc_dataset_hash(f->data) != hash);
    train(f, "p,q,y\n1,2,a\n3,4,c\n5,6,a\n");
    assert_true(nnc_dataset_hash(f->data) != hash);
}

/* Many rows in many blocks, read by number. */
/* Cells beyond the limit stand in a file, and are the same; where there is no place for one, in memory. */
static void test_more_than_memory(void **state)
{
    enum { ROWS = 50000, COLUMNS = 40 };
    fixture *f = *state;
    uint64_t hash[3];
    size_t total[3];
    FILE *file = fopen("data.csv", "wb");
    for (int row = 0; row < ROWS; row++)
        for (int c = 0; c < COLUMNS; c++)
            fprintf(file, "%d%c", (row * 31 + c * 7) % 1000, c < COLUMNS - 1 ? ',' : '\n');
    fclose(file);
    for (int how = 0; how < 3; how++) {
        fixture_forget(f);
        want_input(f, "x", COLUMNS - 1);
        want_target(f, "y", 0);
        f->request.memory = how == 0 ? 0 : 1 << 20;
        setenv("TMPDIR", how == 2 ? "/absent" : "/tmp", 1);
        must_read(f);
        hash[how] = nnc_dataset_hash(f->data);
        total[how] = f->arena.total;
        assert_true(real_at(f, "x", ROWS - 1, 3) == ((ROWS - 1) * 31 + 21) % 1000);
    }
    unsetenv("TMPDIR");
    assert_true(hash[0] == hash[1] && hash[0] == hash[2]);
    assert_true(total[1] + 4 * ROWS * (COLUMNS - 4) < total[0] && total[2] > 4 * ROWS * (COLUMNS - 4));
}

static void test_many_rows(void **state)
{
    fixture *f = *state;
    start(f, NULL);
    FILE *file = fopen("data.csv", "wb");
    for (int row = 0; row < 200000; row++)
        fprintf(file, "%d,%d,%s\n", row, -row, row % 3 ? "b" : "a");
    fclose(file);
    want_input(f, "x", 2);
    want_target(f, "y", 0);
    must_read(f);
    assert_int_equal(f->data->rows, 200000);
    for (int64_t row = 0; row < 200000; row += 777) {
        assert_true(real_at(f, "x", row, 0) == (float)row && real_at(f, "x", row, 1) == (float)-row);
        assert_int_equal(class_at(f, "y", row, 0), row % 3 != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_in_all_writings), cmocka_unit_test(test_quotes), cmocka_unit_test(test_delimiters), cmocka_unit_test(test_headers), cmocka_unit_test(test_no_header_of_words),
        cmocka_unit_test(test_columns_by_name), cmocka_unit_test(test_columns_by_position), cmocka_unit_test(test_several_files),
        cmocka_unit_test(test_classes), cmocka_unit_test(test_else_class), cmocka_unit_test(test_gaps), cmocka_unit_test(test_matching_by_name),
        cmocka_unit_test(test_matching_without_names), cmocka_unit_test(test_knowledge_as_text), cmocka_unit_test(test_gzip), cmocka_unit_test(test_idx),
        cmocka_unit_test(test_idx_types), cmocka_unit_test(test_plain_text), cmocka_unit_test(test_standard_input),
        cmocka_unit_test(test_common_rows_and_hash), cmocka_unit_test(test_many_rows), cmocka_unit_test(test_more_than_memory),
    };
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
