/* Broken files of every format: each is read or refused with a message, in bounded memory and time. The mutations are the same in every run;
 * NNC_FUZZ_RUNS asks for more of them. */
#include <zlib.h>
#include "fixture.h"

static uint64_t random_state = 88172645463325252u;

static uint32_t below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20) % limit;
}

typedef struct seed { const char *name, *bytes; size_t length; } seed;

#define TEXT(text) text, sizeof text - 1

static const seed SEEDS[] = {
    {"data.csv", TEXT("p,q,y\n1,2,a\n3.5,-4e2,b\n5,6,a\n")},
    {"data.csv", TEXT("\xEF\xBB\xBFid,\"x, y\",p,q,y\r\nn1,\"a \"\"b\"\"\nc\",1,2,u\r\nn2,NA,?,4,v\r\n")},
    {"data.csv", TEXT("1;2,5;a\n3;4,5;b\n")},
    {"data.tsv", TEXT("1\t2\ta\n3\t4\tb\n")},
    {"data.dat", TEXT("1,2,0\n3,4,1\n16777217,1e39,2\n")},
    {"data.txt", TEXT("First Citizen:\nBefore we proceed any further, hear me speak.\n")},
    {"data", TEXT("\0\0\x08\2\0\0\0\3\0\0\0\3\1\2\3\4\5\6\7\10\11")},
    {"data", TEXT("\0\0\x0D\2\0\0\0\2\0\0\0\3\x3f\x80\0\0\x3f\x80\0\0\x7f\x80\0\0\x3f\x80\0\0\x7f\xc0\0\0\x3f\x80\0\0")},
    {"data.idx,labels.idx", TEXT("\0\0\x08\3\0\0\0\2\0\0\0\1\0\0\0\2\1\2\3\4")},
};

static size_t mutate(char *bytes, size_t length, size_t room)
{
    static const char *const pieces[] = {"\"", ",", "\n", "\r\n", "\r", ";", "\t", "\"\"", "1e999", "nan", "-", ".", "e", "0x", "\xEF\xBB\xBF", "\xFF",
                                         " ", "99999999999999999999", "p", "y", "1", "?"};
    for (uint32_t changes = below(4); changes; changes--) {
        size_t at = length ? below((uint32_t)length) : 0;
        const char *piece = pieces[below(sizeof pieces / sizeof pieces[0])];
        size_t size = strlen(piece);
        switch (below(5)) {
        case 0:
            if (length)
                bytes[at] = (char)below(256);
            break;
        case 1:
            if (length + size <= room) {
                memmove(bytes + at + size, bytes + at, length - at);
                memcpy(bytes + at, piece, size);
                length += size;
            }
            break;
        case 2:
            size = below((uint32_t)(length - at) + 1);
            memmove(bytes + at, bytes + at + size, length - at - size);
            length -= size;
            break;
        case 3:
            size = below((uint32_t)(length - at) + 1);
            if (length + size <= room) {
                memmove(bytes + at + size, bytes + at, length - at);
                length += size;
            }
            break;
        default:
            if (below(4) == 0)
                length = at;
        }
    }
    return length;
}

static void wants(fixture *f)
{
    static const char *const from[] = {"p", "q"}, *const ignored[] = {"id", "x, y"}, *const class_name[] = {"a", "b"}, *const column[] = {"q", "p"};
    static const nnc_dataset_known known[] = {{.name = "x", .column = column, .columns = 2}, {.name = "y", .class_name = class_name, .classes = 2}};
    static const nnc_dataset_knowledge knowledge = {known, 2};
    uint32_t kind = below(8);
    nnc_dataset_want *x = want_input(f, "x", kind == 7 ? 1 : 2), *y = want_target(f, "y", kind == 1 ? 3 : kind == 2 ? -1 : 0);
    x->allows_missing = below(2);
    if (below(6) == 0) {
        x->column = from;
        x->columns = kind == 7 ? 1 : 2;
    }
    if (below(4) == 0)
        y->else_class = "other";
    if (kind == 3) {
        x->rows = 2;
        x->extent[0] = y->extent[0] = y->rows = 2;
        y->rows_from = 1;
        y->rank = 1;
        x->kind = y->kind = NNC_DATASET_CLASS;
        x->classes = y->classes = 256;
    }
    if (below(2))
        return;
    f->request.ignored = ignored;
    f->request.ignoreds = below(3);
    f->request.role = (nnc_dataset_role)below(3);
    f->request.knowledge = below(2) ? &knowledge : NULL;
    f->request.header = (int)below(5) - 1 > 1 ? -1 : (int)below(3) - 1;
    f->request.decimal = below(8) ? 0 : ',';
    f->request.delimiter = below(8) ? 0 : ";|\t,"[below(4)];
}

static void write_mutated(fixture *f, const seed *from)
{
    char bytes[600];
    memcpy(bytes, from->bytes, from->length);
    size_t length = mutate(bytes, from->length, sizeof bytes);
    const char *comma = strchr(from->name, ',');
    const char *name = comma ? nnc_arena_copy(&f->arena, from->name, (size_t)(comma - from->name)) : from->name;
    if (comma)
        write_bytes(comma + 1, "\0\0\x08\1\0\0\0\2\1\0", 10);
    f->path[0] = from->name;
    if (!comma && below(5) == 0) {
        gzFile file = gzopen(name, "wb");
        assert_int_equal(gzwrite(file, bytes, (unsigned)length), length);
        gzclose(file);
        if (below(2) == 0) {
            FILE *zipped = fopen(name, "r+b");
            fseek(zipped, (long)below(40), SEEK_SET);
            fputc((int)below(256), zipped);
            fclose(zipped);
        }
        return;
    }
    write_bytes(name, bytes, length);
}

/* What was read can be asked for. */
static void look(fixture *f)
{
    nnc_dataset_part part;
    nnc_dataset_parts parts;
    nnc_text out = {.arena = &f->arena};
    const nnc_dataset_share share = {.fraction = 0.25};
    assert_true(f->data->rows > 0);
    nnc_dataset_describe(f->data, &out);
    nnc_dataset_columns_line(&f->arena, f->data);
    nnc_dataset_hash(f->data);
    nnc_dataset_common(&f->arena, f->data, f->data);
    for (uint32_t i = 0; i < f->data->ignoreds; i++)
        assert_non_null(nnc_dataset_ignored(f->data, i, f->data->rows - 1));
    nnc_dataset_divide(&f->arena, f->data, share, share, 1, 1, &parts, &f->report);
    if (!nnc_dataset_all(&f->arena, f->data, 1, &part, &f->report))
        return;
    for (uint32_t d = 0; d < f->data->declarations; d++) {
        const nnc_dataset_declaration *declaration = &f->data->declaration[d];
        int32_t *out_of = calloc((size_t)declaration->elements, 4);
        if (declaration->present)
            nnc_dataset_gather(f->data, (int)d, &part.number[part.count - 1], 1, out_of);
        for (int64_t e = 0; declaration->present && declaration->known.classes && e < declaration->elements; e++)
            assert_in_range(out_of[e], 0, declaration->known.classes - 1);
        free(out_of);
    }
}

static void test_mutated_files(void **state)
{
    fixture *f = *state;
    const char *asked = getenv("NNC_FUZZ_RUNS");
    int runs = asked ? atoi(asked) : 6000, read = 0;
    for (int run = 0; run < runs; run++) {
        fixture_forget(f);
        write_mutated(f, &SEEDS[below(sizeof SEEDS / sizeof SEEDS[0])]);
        wants(f);
        read_data(f);
        assert_true((f->data == NULL) == (f->report.errors > 0));
        assert_true(f->arena.total < 64 << 20);
        read += f->data != NULL;
        if (f->data)
            look(f);
        report_of(f);
    }
    print_message("%d of %d read\n", read, runs);
    assert_true(read > runs / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutated_files)};
    return cmocka_run_group_tests(tests, fixture_open, fixture_close);
}
