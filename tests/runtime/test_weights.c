/* Weights files: what is written is read back; every dtype; each kind of damage by its message; no damage crashes; what does not fit is told and nothing is loaded. */
#include "fixture.h"
#include "runtime/weights.h"

/* A file of this header and `size` bytes of tensors. */
static void write_file(const char *path, const char *header, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    uint64_t length = strlen(header);
    assert_non_null(file);
    for (int i = 0; i < 8; i++)
        fputc((int)(length >> 8 * i & 255), file);
    fputs(header, file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static nnc_weights *read_good(fixture *f, const char *path)
{
    nnc_weights *w = nnc_weights_read(&f->arena, path, &f->failure);
    if (!w)
        fail_msg("%s", f->failure.text);
    return w;
}

static const float W[6] = {1, -2, 3.5f, 1e-40f, INFINITY, 0}, B[1] = {7};
static const int32_t N[2] = {3, -4};
static const nnc_weights_tensor THREE[] = {{.name = "dense_1.w", .rank = 2, .extent = {2, 3}, .elements = 6, .data = W},
                                           {.name = "b", .rank = 0, .elements = 1, .data = B},
                                           {.name = "n", .rank = 1, .extent = {2}, .elements = 2, .integer = true, .data = N}};
static const char *const KEYS[] = {"model", "names"}, *const VALUES[] = {"a \"quoted\"\ntext", "\xc3\xa4"};

static void test_round_trip(void **state)
{
    fixture *f = *state;
    size_t size, again;
    void *bytes = nnc_weights_bytes(&f->arena, THREE, 3, KEYS, VALUES, 2, &size);
    nnc_weights_tensor turned[] = {THREE[2], THREE[1], THREE[0]};
    assert_memory_equal(bytes, nnc_weights_bytes(&f->arena, turned, 3, KEYS, VALUES, 2, &again), size);   /* in whatever order they come */
    assert_int_equal(size, again);
    write_bytes("w.safetensors", bytes, size);
    nnc_weights *w = read_good(f, "w.safetensors");
    assert_int_equal(w->tensors, 3);
    const nnc_weights_tensor *t = nnc_weights_find(w, "dense_1.w");
    assert_non_null(t);
    assert_int_equal(t->rank, 2);
    assert_int_equal(t->extent[1], 3);
    assert_memory_equal(t->data, W, sizeof W);
    assert_memory_equal(nnc_weights_find(w, "n")->data, N, sizeof N);
    assert_true(nnc_weights_find(w, "n")->integer);
    assert_null(nnc_weights_find(w, "dense_1.b"));
    assert_string_equal(nnc_weights_key(w, "model"), VALUES[0]);
    assert_string_equal(nnc_weights_key(w, "names"), VALUES[1]);
    assert_null(nnc_weights_key(w, "other"));
}

/* The format itself, so that other programs can read it: header length in 8 bytes, JSON padded to 8, tensors without holes. */
static void test_format(void **state)
{
    fixture *f = *state;
    static const char header[] = "{\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}";
    size_t size, length = sizeof header - 1, padded = (length + 7) / 8 * 8;
    const unsigned char *bytes = nnc_weights_bytes(&f->arena, &THREE[1], 1, NULL, NULL, 0, &size);
    assert_int_equal(size, 8 + padded + 4);
    assert_int_equal(bytes[0], padded);
    assert_memory_equal(bytes + 8, header, length);
    assert_memory_equal(bytes + 8 + padded, B, 4);
}

/* ---- dtypes ---- */

static void test_dtypes(void **state)
{
    fixture *f = *state;
    static const uint16_t half[] = {0x3C00, 0xC000, 0x0001, 0x83FF, 0x7BFF, 0x7C00, 0xFC00, 0x7E00, 0x8000};
    static const float halves[] = {1, -2, 0x1p-24f, -0x1.ff8p-15f, 65504, INFINITY, -INFINITY, NAN, -0.0f};
    static const uint16_t brain[] = {0x3F80, 0xC000, 0x7F80, 0x0001};
    static const float brains[] = {1, -2, INFINITY, 0x1p-133f};
    static const double wide[] = {1.5, 1e300, -1e-300, 16777217};
    static const float wides[] = {1.5f, INFINITY, -0.0f, 16777216};
    static const int64_t whole[] = {5, INT64_MAX, INT64_MIN};
    static const int32_t wholes[] = {5, INT32_MAX, INT32_MIN};
    static const unsigned char bytes[] = {0, 1, 255}, truths[] = {1, 0};
    static const int32_t byte_values[] = {0, 1, 255}, truth_values[] = {1, 0};
    static const struct { const char *dtype; const void *in; size_t size, count; const void *out; bool integer; } CASES[] = {
        {"F16", half, sizeof half, 9, halves, false},    {"BF16", brain, sizeof brain, 4, brains, false},       {"F64", wide, sizeof wide, 4, wides, false},
        {"I64", whole, sizeof whole, 3, wholes, true},   {"U8", bytes, 3, 3, byte_values, true}, {"BOOL", truths, 2, 2, truth_values, true},
        {"I32", wholes, sizeof wholes, 3, wholes, true}, {"F32", W, sizeof W, 6, W, false}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        write_file("d", nnc_arena_format(&f->arena, "{\"t\":{\"dtype\":\"%s\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}", CASES[i].dtype, CASES[i].count, CASES[i].size),
                   CASES[i].in, CASES[i].size);
        const nnc_weights_tensor *t = nnc_weights_find(read_good(f, "d"), "t");
        assert_int_equal(t->integer, CASES[i].integer);
        for (size_t k = 0; k < CASES[i].count; k++) {
            const float *got = t->data, *wanted = CASES[i].out;
            bool nan = !t->integer && isnan(wanted[k]);
            if (nan ? !isnan(got[k]) : memcmp(&got[k], &wanted[k], 4) != 0)
                fail_msg("%s, element %zu", CASES[i].dtype, k);
        }
    }
}

/* ---- damage ---- */

static void check_refused(fixture *f, const char *path, const char *expected)
{
    f->failure.text[0] = 0;
    assert_null(nnc_weights_read(&f->arena, path, &f->failure));
    assert_string_equal(f->failure.text, expected);
}

#define TENSOR(dtype, shape, offsets) "{\"t\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void test_damage(void **state)
{
    fixture *f = *state;
    static const struct { const char *header; size_t size; const char *expected; } CASES[] = {
        {"{\"t\":", 0, "d: not a safetensors file: its header is not a JSON object (unexpected token near end of file)"},
        {"[1]", 0, "d: not a safetensors file: its header is not a JSON object (it is something else)"},
        {"{\"a\":{},\"a\":{}}", 0, "d: not a safetensors file: its header is not a JSON object (duplicate object key near '\"a\"')"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "d: not a safetensors file: its metadata holds something else than texts"},
        {TENSOR("F8_E5M2", "[1]", "[0,1]"), 1, "d: tensor t: its dtype is none of F32, F64, F16, BF16, I32, I64, U8, BOOL"},
        {TENSOR("F32", "3", "[0,4]"), 4, "d: tensor t: its shape is not a list of at most 8 sizes"},
        {TENSOR("F32", "[-1]", "[0,4]"), 4, "d: tensor t: its shape is not a list of at most 8 sizes"},
        {TENSOR("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "d: tensor t: its shape is not a list of at most 8 sizes"},
        {TENSOR("F32", "[4611686018427387904,4]", "[0,0]"), 0, "d: tensor t: its shape is not a list of at most 8 sizes"},
        {TENSOR("F32", "[1.5]", "[0,4]"), 4, "d: tensor t: its shape is not a list of at most 8 sizes"},
        {TENSOR("F32", "[1]", "[4]"), 4, "d: tensor t: its data_offsets are not a pair of positions"},
        {TENSOR("F32", "[1]", "[4,0]"), 4, "d: tensor t: its data_offsets are not a pair of positions"},
        {TENSOR("F32", "[1]", "[-4,0]"), 4, "d: tensor t: its data_offsets are not a pair of positions"},
        {TENSOR("F32", "[2]", "[0,4]"), 4, "d: tensor t: its bytes do not fit its shape"},
        {TENSOR("F32", "[1]", "[4,8]"), 8, "d: tensor t: its bytes do not follow the ones before"},
        {TENSOR("F32", "[1]", "[0,4]"), 3, "d: it should have 4 bytes of tensors, but has 3: it was cut or written on"},
        {TENSOR("F32", "[1]", "[0,4]"), 5, "d: it should have 4 bytes of tensors, but has 5: it was cut or written on"},
        {"{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"u\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
         "d: tensor u: its bytes do not follow the ones before"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        write_file("d", CASES[i].header, W, CASES[i].size);
        check_refused(f, "d", CASES[i].expected);
    }
    check_refused(f, "absent", "absent: cannot read: No such file or directory");
    check_refused(f, ".", ".: cannot read: it is a folder");
    write_bytes("d", "1234567", 7);
    check_refused(f, "d", "d: not a safetensors file: it is too short");
    write_bytes("d", "\x10\0\0\0\0\0\0\0{}", 10);
    check_refused(f, "d", "d: not a safetensors file: its header's length does not fit it");
    write_bytes("d", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    check_refused(f, "d", "d: not a safetensors file: its header's length does not fit it");
    char *long_one = calloc(1, 8 + 17000000);
    long_one[3] = 1, long_one[0] = 8;
    write_bytes("d", long_one, 8 + 17000000);
    free(long_one);
    check_refused(f, "d", "d: its header of 16777224 bytes is over the limit of 16 MB");
}

/* Cut at every byte: refused. Any byte changed: refused with a text, or read. */
static void test_all_damage(void **state)
{
    fixture *f = *state;
    size_t size;
    unsigned char *bytes = nnc_weights_bytes(&f->arena, THREE, 3, KEYS, VALUES, 2, &size);
    for (size_t cut = 0; cut < size; cut++) {
        write_bytes("d", bytes, cut);
        f->failure.text[0] = 0;
        assert_null(nnc_weights_read(&f->arena, "d", &f->failure));
        assert_int_not_equal(f->failure.text[0], 0);
    }
    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] ^= (unsigned char)(1 << bit);
            write_bytes("d", bytes, size);
            f->failure.text[0] = 0;
            bool read = nnc_weights_read(&f->arena, "d", &f->failure) != NULL;
            assert_int_equal(read, f->failure.text[0] == 0);
            bytes[at] ^= (unsigned char)(1 << bit);
        }
}

/* ---- fitting ---- */

enum { ROOM = 16 };
static const nnc_slot SLOTS[] = {{.name = "enc.w", .role = NNC_SLOT_PARAMETER, .offset = 0, .elements = 6, .rank = 2, .extent = {2, 3}},
                                 {.name = "enc.mean", .role = NNC_SLOT_FIT, .offset = 24, .elements = 1, .rank = 0},
                                 {.name = "classes", .role = NNC_SLOT_STATE, .offset = 28, .elements = 2, .rank = 1, .extent = {2}, .integer = true},
                                 {.name = "optimizer.enc.w.m", .role = NNC_SLOT_OPTIMIZER, .offset = 36, .elements = 1, .rank = 0}};
#define SAVED (1u << NNC_SLOT_PARAMETER | 1u << NNC_SLOT_FIT | 1u << NNC_SLOT_STATE)

static const nnc_weights_tensor FITTING[] = {{.name = "enc.w", .rank = 2, .extent = {2, 3}, .elements = 6, .data = W},
                                             {.name = "enc.mean", .rank = 1, .extent = {1}, .elements = 1, .data = B},
                                             {.name = "classes", .rank = 1, .extent = {2}, .elements = 2, .integer = true, .data = N}};

static nnc_weights *made(fixture *f, const nnc_weights_tensor *tensor, uint32_t tensors)
{
    size_t size;
    void *bytes = nnc_weights_bytes(&f->arena, tensor, tensors, NULL, NULL, 0, &size);
    write_bytes("w", bytes, size);
    return read_good(f, "w");
}

static void check_apply(fixture *f, const nnc_weights_tensor *tensor, uint32_t tensors, const char *prefix, const char *expected)
{
    float block[ROOM];
    nnc_text differs = {.arena = &f->arena};
    for (int i = 0; i < ROOM; i++)
        block[i] = 99;
    bool fits = nnc_weights_apply(made(f, tensor, tensors), SLOTS, 4, SAVED, prefix, block, &differs);
    assert_string_equal(nnc_text_string(&differs), expected);
    assert_int_equal(fits, *expected == 0);
    for (int i = 0; i < ROOM && !fits; i++)
        assert_true(block[i] == 99);                       /* nothing is loaded of what does not fit */
    if (fits) {
        assert_memory_equal(block, W, sizeof W);
        assert_true(block[6] == 7 && block[9] == 99);
        if (prefix)
            assert_true(block[7] == 99);
        else
            assert_memory_equal(block + 7, N, sizeof N);
    }
}

static void test_apply(void **state)
{
    fixture *f = *state;
    nnc_weights_tensor t[4];
    check_apply(f, FITTING, 3, NULL, "");
    memcpy(t, FITTING, sizeof FITTING);
    t[0].extent[0] = 3, t[0].extent[1] = 2;
    check_apply(f, t, 3, NULL, "  enc.w is [2, 3] in the model, [3, 2] in the file\n");
    t[0] = (nnc_weights_tensor){.name = "encoder.w", .rank = 2, .extent = {2, 3}, .elements = 6, .data = W};
    check_apply(f, t, 2, NULL, "  enc.w [2, 3] is not in the file\n  classes [2] is not in the file\n  encoder.w [2, 3] of the file is not in the model\n");
    memcpy(t, FITTING, sizeof FITTING);
    t[0].name = "enc.v";
    check_apply(f, t, 3, NULL, "  enc.w [2, 3] is not in the file (it has enc.v)\n  enc.v [2, 3] of the file is not in the model\n");
    memcpy(t, FITTING, sizeof FITTING);
    t[2].integer = false;
    check_apply(f, t, 3, NULL, "  classes holds integers in the model, reals in the file\n");
    memcpy(t, FITTING, sizeof FITTING);
    t[3] = (nnc_weights_tensor){.name = "optimizer.other", .rank = 0, .elements = 1, .data = B};      /* of some other optimizer: no matter */
    check_apply(f, t, 4, NULL, "");
}

/* Numbers that no network computes with: NaN nowhere, infinity not where the slot is to be finite; in what is not loaded no matter. */
static void test_numbers(void **state)
{
    fixture *f = *state;
#define HELP "  help: such numbers come of a training that diverged, or were beyond a float; train again, or take weights from before\n"
    static const float broken[] = {1, 2, 3, -INFINITY, NAN, INFINITY}, nan = NAN, infinite = -INFINITY;
    nnc_weights_tensor t[4];
    nnc_slot slot[4];
    float block[ROOM];
    nnc_text differs = {.arena = &f->arena};
    memcpy(t, FITTING, sizeof FITTING);
    t[0].data = broken, t[1].data = &nan;
    check_apply(f, t, 3, NULL, "  enc.w[1, 1] is NaN in the file\n  enc.mean[0] is NaN in the file\n" HELP);
    check_apply(f, t, 3, "enc", "  enc.w[1, 1] is NaN in the file\n  enc.mean[0] is NaN in the file\n" HELP);
    t[0].data = W, t[1].rank = 0;
    check_apply(f, t, 3, NULL, "  enc.mean is NaN in the file\n" HELP);
    t[1].data = &infinite;                                 /* a fit may be: the greatest of nothing */
    t[3] = (nnc_weights_tensor){.name = "optimizer.other", .rank = 0, .elements = 1, .data = &nan};
    assert_true(nnc_weights_apply(made(f, t, 4), SLOTS, 4, SAVED, NULL, block, &differs));
    memcpy(slot, SLOTS, sizeof slot);
    slot[0].finite = true;
    t[0].data = broken;
    assert_false(nnc_weights_apply(made(f, t, 4), slot, 4, SAVED, NULL, block, &differs));
    assert_string_equal(nnc_text_string(&differs), "  enc.w[1, 0] is -infinity in the file, the first of 3 such numbers\n" HELP);
}

/* One instance alone, in the file with or without its name in front. */
static void test_prefix(void **state)
{
    fixture *f = *state;
    nnc_weights_tensor t[2] = {FITTING[0], FITTING[1]};
    check_apply(f, FITTING, 3, "enc", "");
    check_apply(f, t, 2, "enc", "");
    t[0].name = "w", t[1].name = "mean";
    check_apply(f, t, 2, "enc", "");
    check_apply(f, t, 1, "enc", "  enc.mean [] is not in the file\n");
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {EACH(test_round_trip), EACH(test_format), EACH(test_dtypes), EACH(test_damage), EACH(test_all_damage), EACH(test_apply), EACH(test_numbers), EACH(test_prefix)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
