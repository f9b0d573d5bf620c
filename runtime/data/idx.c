/* IDX, the format of MNIST (LeCun): 0, 0, type, dimensions; each dimension's extent as 4 bytes; then the elements, all big-endian. The first
 * dimension counts the examples. Two files side by side: images and their labels. */
#include <string.h>
#include "runtime/data/reader.h"

enum { DIMENSIONS = 8, LARGEST_ROW = 1 << 22 };

typedef struct idx_file {
    nnc_bytes *bytes;
    unsigned type;
    int size;                      /* bytes of an element */
    int64_t examples, elements;
} idx_file;

static int size_of(unsigned type)
{
    switch (type) {
    case 0x08: case 0x09: return 1;
    case 0x0B: return 2;
    case 0x0C: case 0x0D: return 4;
    case 0x0E: return 8;
    default: return 0;
    }
}

bool nnc_idx_is(const nnc_bytes *bytes)
{
    const unsigned char *p = (const unsigned char *)bytes->buffer + bytes->begin;
    return nnc_bytes_left(bytes) >= 4 && p[0] == 0 && p[1] == 0 && size_of(p[2]) && p[3] >= 1 && p[3] <= DIMENSIONS;
}

static uint64_t big_endian(const unsigned char *p, int size)
{
    uint64_t value = 0;
    for (int i = 0; i < size; i++)
        value = value << 8 | p[i];
    return value;
}

static double element(const unsigned char *p, unsigned type)
{
    uint64_t bits = big_endian(p, size_of(type));
    uint32_t low = (uint32_t)bits;
    float single;
    double value;
    switch (type) {
    case 0x08: return (double)bits;
    case 0x09: return (double)(int8_t)(uint8_t)bits;
    case 0x0B: return (double)(int16_t)(uint16_t)bits;
    case 0x0C: return (double)(int32_t)low;
    case 0x0D: memcpy(&single, &low, sizeof single); return (double)single;
    default: memcpy(&value, &bits, sizeof value); return value;
    }
}

static bool fail(nnc_reader *reader, const idx_file *file, const char *help, const char *text)
{
    nnc_data_error(reader->report, nnc_bytes_place(file->bytes), help, "%s", text);
    return false;
}

static bool read_header(nnc_reader *reader, idx_file *file)
{
    nnc_bytes *bytes = file->bytes;
    if (!nnc_idx_is(bytes))
        return fail(reader, file, "IDX begins with 0, 0, a type (8, 9, 11..14) and the number of dimensions", "this is not an IDX file");
    int dimensions = bytes->buffer[bytes->begin + 3];
    size_t header = 4 + 4 * (size_t)dimensions;
    if (!nnc_bytes_fill(bytes, header))
        return false;
    if (nnc_bytes_left(bytes) < header)
        return fail(reader, file, "is the copy complete?", "the file ends within its header");
    const unsigned char *p = (const unsigned char *)bytes->buffer + bytes->begin;
    file->type = p[2];
    file->size = size_of(p[2]);
    file->examples = (int64_t)big_endian(p + 4, 4);
    file->elements = 1;
    for (int d = 1; d < dimensions; d++) {
        if (!nnc_checked_multiply(file->elements, (int64_t)big_endian(p + 4 + 4 * d, 4), &file->elements) || file->elements > LARGEST_ROW)
            return fail(reader, file, NULL, "an example has more than 4,194,304 elements");
    }
    bytes->begin += header;
    if (file->examples == 0 || file->elements == 0)
        return fail(reader, file, NULL, "the file has no examples");
    return true;
}

static bool fail_short(nnc_reader *reader, const idx_file *file, int64_t row)
{
    nnc_arena *arena = reader->report->arena;
    return fail(reader, file, "is the copy complete?", nnc_arena_format(arena, "the file ends after %s of its %s examples", nnc_data_count(arena, row),
                                                                       nnc_data_count(arena, file->examples)));
}

/* Into all slots of a column. */
static void put_element(nnc_reader *reader, const idx_file *file, int32_t slot, int64_t number, const unsigned char *p, char *row)
{
    for (int32_t s = slot; s >= 0; s = reader->table->slot[s].next) {
        nnc_data_place *place = file->type == 0x08 ? nnc_reader_put_byte(reader, row, s, *p)
                                                   : nnc_reader_put_number(reader, row, s, element(p, file->type));
        if (place)
            *place = (nnc_data_place){file->bytes->path, number + 1, 0};
    }
}

/* One example of one file into its columns from `first` on. */
static bool read_example(nnc_reader *reader, const idx_file *file, const nnc_plan *plan, int64_t first, int64_t number, char *row)
{
    nnc_bytes *bytes = file->bytes;
    nnc_dataset_table *table = reader->table;
    size_t size = (size_t)(file->elements * file->size);
    if (!nnc_bytes_fill(bytes, size))
        return false;
    if (nnc_bytes_left(bytes) < size)
        return fail_short(reader, file, number);
    const unsigned char *p = (const unsigned char *)bytes->buffer + bytes->begin;
    for (int64_t e = 0, some; e < file->elements; e += some, p += some * file->size) {
        int64_t plain = file->type == 0x08 ? plan->plain[first + e] : 0, left = file->elements - e;
        some = plain > left ? left : plain > 1 ? plain : 1;
        if (plain)
            nnc_cells_put_bytes(table, row, plan->slot[first + e], p, some);
        else
            put_element(reader, file, plan->slot[first + e], number, p, row);
    }
    bytes->begin += size;
    return true;
}

static bool read_examples(nnc_reader *reader, const idx_file *file, uint32_t files, const nnc_plan *plan)
{
    for (int64_t n = 0; n < file->examples; n++) {
        char *row = nnc_table_row(reader->table);
        int64_t first = 0;
        for (uint32_t f = 0; f < files; first += file[f++].elements)
            if (!read_example(reader, &file[f], plan, first, n, row))
                return false;
        nnc_table_end_row(reader->table, reader->path, n + 1, false);
    }
    for (uint32_t f = 0; f < files; f++) {
        if (!nnc_bytes_fill(file[f].bytes, 1))
            return false;
        if (nnc_bytes_left(file[f].bytes))
            return fail(reader, &file[f], NULL, "the file goes on after its last example");
    }
    return true;
}

/* Whether a declaration ends after so many elements, inputs before targets; with rows, declarations may share columns, so any may. */
static bool is_border(const nnc_dataset_request *request, int64_t elements, bool unneeded)
{
    int64_t total = 0;
    for (int target = 0; target < 2; target++)
        for (uint32_t w = 0; w < request->wants; w++) {
            const nnc_dataset_want *want = &request->want[w];
            if (want->rows)
                return true;
            if (want->target != (target == 1) || (!target && !want->needed && !unneeded))
                continue;
            if (!nnc_checked_add(total, nnc_want_row_elements(want), &total) || total == elements)
                return total == elements;
        }
    return false;
}

/* Columns go by position: were the pair the other way round, labels would be read as pixels. */
static bool check_order(nnc_reader *reader, const idx_file *file)
{
    const nnc_dataset_request *request = reader->request;
    nnc_arena *arena = reader->report->arena;
    if (is_border(request, file[0].elements, true) || (request->role == NNC_DATASET_PREDICT && is_border(request, file[0].elements, false)))
        return true;
    return fail(reader, &file[0], is_border(request, file[1].elements, true) ? "the inputs' file comes first: images.idx,labels.idx" : NULL,
                nnc_arena_format(arena, "its examples have %s element%s, where no input of the model ends", nnc_data_count(arena, file[0].elements),
                                 file[0].elements == 1 ? "" : "s"));
}

bool nnc_idx_read(nnc_reader *reader, nnc_bytes *bytes, uint32_t files)
{
    idx_file file[2];
    bool of_bytes = true;
    int64_t columns = 0, errors = reader->report->errors;
    nnc_plan plan;
    for (uint32_t f = 0; f < files; f++) {
        file[f] = (idx_file){.bytes = &bytes[f]};
        if (!read_header(reader, &file[f]))
            return false;
        of_bytes = of_bytes && file[f].type == 0x08;
        columns += file[f].elements;
    }
    nnc_arena *arena = reader->report->arena;
    if (files == 2 && file[0].examples != file[1].examples)
        return fail(reader, &file[1], NULL, nnc_arena_format(arena, "%s examples, but %s has %s", nnc_data_count(arena, file[1].examples),
                                                            file[0].bytes->path, nnc_data_count(arena, file[0].examples)));
    if (files == 2 && !check_order(reader, file))
        return false;
    nnc_file_columns names = {reader->path, NULL, columns, files == 1 ? "examples and labels are two files: images.idx,labels.idx" : NULL};
    if (!nnc_reader_plan(reader, &names, of_bytes, &plan))
        return false;
    bool whole = read_examples(reader, file, files, &plan);
    nnc_faults_report(reader->table, reader->report);
    return whole && reader->report->errors == errors;
}
