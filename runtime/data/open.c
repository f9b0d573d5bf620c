/* Opening: which format each path has, reading all of them, numbering the classes. */
#include <string.h>
#include <unistd.h>
#include "runtime/data/reader.h"

typedef struct format {
    const char *name, *suffix;
    uint32_t files;
    nnc_format_test *test;
    nnc_format_read *read;
} format;

static const format FORMATS[] = {
#define NNC_DATA_FORMAT(id, name, suffix, files, test, read) {name, suffix, files, test, read},
#include "runtime/data/formats.def"
#undef NNC_DATA_FORMAT
};

enum { MEMORY = 256 << 20 };       /* of cells; what is more goes to a file */

enum { FORMAT_COUNT = sizeof FORMATS / sizeof FORMATS[0], PAIR = 2 };

/* ---- what is refused for what it is ---- */

typedef struct signature { const char *bytes; size_t length; const char *text, *help; } signature;

static const signature REFUSED[] = {
    {"\xFF\xFE\0\0", 4, "the text is UTF-32, not UTF-8", "save the file as UTF-8"},
    {"\0\0\xFE\xFF", 4, "the text is UTF-32, not UTF-8", "save the file as UTF-8"},
    {"\xFF\xFE", 2, "the text is UTF-16, not UTF-8", "save the file as UTF-8"},
    {"\xFE\xFF", 2, "the text is UTF-16, not UTF-8", "save the file as UTF-8"},
    {"PK\3\4", 4, "this is a zip archive", "unpack it; a spreadsheet (.xlsx) is one too: save it as CSV"},
    {"BZh", 3, "this is compressed by bzip2", "unpack it, or compress it by gzip"},
    {"\xFD" "7zXZ", 5, "this is compressed by xz", "unpack it, or compress it by gzip"},
    {"\x28\xB5\x2F\xFD", 4, "this is compressed by zstd", "unpack it, or compress it by gzip"},
    {"\x1F\x8B", 2, "the gzip file holds another gzip file", "unpack it once"},
    {"PAR1", 4, "this is a Parquet file", "save the table as CSV"},
    {"\x89HDF", 4, "this is an HDF5 file", "save the table as CSV"},
    {"\x93NUMPY", 6, "this is a NumPy array, which nnc does not read yet", "save it as CSV: numpy.savetxt(name, array, delimiter=\",\")"},
    {"\x89PNG", 4, "this is an image, which nnc does not read yet", "save images as IDX or CSV"},
    {"\xFF\xD8\xFF", 3, "this is an image, which nnc does not read yet", "save images as IDX or CSV"},
    {"%PDF", 4, "this is a PDF", "save the table as CSV"},
    {"\xD0\xCF\x11\xE0", 4, "this is an old spreadsheet or document (.xls, .doc)", "save the table as CSV"},
};

static bool is_utf16_without_mark(const char *bytes, size_t length)
{
    size_t even = 0, odd = 0;
    if (length > 64)
        length = 64;
    for (size_t i = 0; i < length; i++)
        *(i % 2 ? &odd : &even) += bytes[i] == 0;
    return length >= 8 && ((even == 0 && odd == length / 2) || (odd == 0 && even == (length + 1) / 2));
}

static bool is_refused(nnc_bytes *bytes, bool text, nnc_dataset_report *report)
{
    const char *start = bytes->buffer + bytes->begin;
    size_t length = nnc_bytes_left(bytes);
    for (size_t i = 0; i < sizeof REFUSED / sizeof REFUSED[0]; i++)
        if (length >= REFUSED[i].length && memcmp(start, REFUSED[i].bytes, REFUSED[i].length) == 0) {
            nnc_data_error(report, nnc_bytes_place(bytes), REFUSED[i].help, "%s", REFUSED[i].text);
            return true;
        }
    if (!text || !is_utf16_without_mark(start, length))
        return false;
    nnc_data_error(report, nnc_bytes_place(bytes), "save the file as UTF-8", "the text is UTF-16, not UTF-8");
    return true;
}

/* ---- the format ---- */

static const format *format_of(const char *path, const nnc_bytes *bytes)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (nnc_bytes_has_suffix(path, FORMATS[i].suffix))
            return &FORMATS[i];
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (FORMATS[i].test(bytes))
            return &FORMATS[i];
    return &FORMATS[FORMAT_COUNT - 1];
}

/* "a,b" where no file has that very name: two files. */
static uint32_t split_path(const nnc_reader *reader, const char *path, const char *part[PAIR])
{
    const char *comma = strchr(path, ',');
    part[0] = nnc_arena_string(reader->arena, path);
    if (!comma || strchr(comma + 1, ',') || comma == path || !comma[1] || access(path, F_OK) == 0)
        return 1;
    part[0] = nnc_arena_copy(reader->arena, path, (size_t)(comma - path));
    part[1] = nnc_arena_string(reader->arena, comma + 1);
    return 2;
}

static bool read_files(nnc_reader *reader, nnc_bytes *bytes, const char *const *part, uint32_t files)
{
    const format *chosen = format_of(part[0], &bytes[0]);
    /* Plain text is bytes, whatever they are. */
    for (uint32_t f = 0; f < files; f++)
        if (chosen->read != nnc_text_file_read && is_refused(&bytes[f], chosen->read == nnc_csv_read, reader->report))
            return false;
    if (files > chosen->files) {
        nnc_data_error(reader->report, nnc_bytes_place(&bytes[0]), "give the files one by one", "%s files do not come in pairs", chosen->name);
        return false;
    }
    return chosen->read(reader, bytes, files);
}

/* One path: the format's memory goes when it is read. */
static bool read_path(nnc_reader *reader, const char *path)
{
    const char *part[PAIR] = {NULL, NULL};
    nnc_bytes bytes[PAIR] = {{.fd = -1}, {.fd = -1}};
    uint32_t files = split_path(reader, path, part), opened = 0;
    nnc_arena scratch;
    nnc_arena_open(&scratch, reader->arena->failed, reader->arena->failed_context);
    reader->scratch = &scratch;
    int64_t errors = reader->report->errors;
    while (opened < files && nnc_bytes_open(&bytes[opened], &scratch, part[opened], reader->report))
        opened++;
    reader->path = strcmp(path, "-") == 0 ? "(standard input)" : part[0];
    if (opened == files)
        read_files(reader, bytes, part, files);
    for (uint32_t f = 0; f < files; f++)
        nnc_bytes_close(&bytes[f]);
    nnc_arena_close(&scratch);
    return reader->report->errors == errors;
}

/* ---- before and after ---- */

static bool has_rows(const nnc_dataset_request *request)
{
    for (uint32_t w = 0; w < request->wants; w++)
        if (request->want[w].rows)
            return true;
    return false;
}

static const nnc_dataset_known *known_of(const nnc_dataset_knowledge *knowledge, const char *name)
{
    for (uint32_t i = 0; knowledge && i < knowledge->count; i++)
        if (strcmp(knowledge->known[i].name, name) == 0)
            return &knowledge->known[i];
    return NULL;
}

static void make_declarations(nnc_reader *reader)
{
    const nnc_dataset_request *request = reader->request;
    reader->data->declaration = NNC_ARRAY(reader->arena, nnc_dataset_declaration, request->wants + 1);
    reader->data->declarations = request->wants;
    reader->data->windows = has_rows(request);
    reader->known = NNC_ARRAY(reader->arena, nnc_dataset_known, request->wants + 1);
    for (uint32_t w = 0; w < request->wants; w++) {
        const nnc_dataset_want *want = &request->want[w];
        nnc_dataset_declaration *declaration = &reader->data->declaration[w];
        const nnc_dataset_known *known = known_of(request->knowledge, want->name);
        reader->known[w] = known ? *known : (nnc_dataset_known){.name = want->name};
        if (want->kind == NNC_DATASET_REAL)
            reader->known[w].classes = 0;
        declaration->want = want;
        declaration->row_elements = nnc_want_row_elements(want);
        if (!nnc_checked_multiply(declaration->row_elements, want->rows ? want->rows : 1, &declaration->elements))
            declaration->elements = INT64_MAX;
        declaration->known = reader->known[w];
        declaration->known.name = want->name;
    }
}

/* Class numbers index tables of the compiled model: they must be those that it was made for. */
static bool check_classes(nnc_reader *reader)
{
    const nnc_dataset_request *request = reader->request;
    int64_t errors = reader->report->errors;
    for (uint32_t w = 0; w < request->wants; w++) {
        const nnc_dataset_want *want = &request->want[w];
        nnc_dataset_known *known = &reader->known[w];
        bool read = request->role != NNC_DATASET_PREDICT || !want->target;
        if (want->kind == NNC_DATASET_CLASS && known->classes && known->classes != want->classes)
            nnc_data_error(reader->report, (nnc_data_place){0}, NULL, "%s is class(%lld), but the weights know %lld classes of it", want->name,
                           (long long)want->classes, (long long)known->classes);
        if (request->role == NNC_DATASET_TRAIN || known->classes || !read)
            continue;
        if (want->kind == NNC_DATASET_CLASS)
            known->classes = want->classes;
        else if (want->kind == NNC_DATASET_CLASS_FROM_DATA)
            nnc_data_error(reader->report, (nnc_data_place){0}, "train with nnc, which keeps them with the weights",
                           "the weights do not say what the classes of %s are", want->name);
    }
    return reader->report->errors == errors;
}

static bool check_request(nnc_reader *reader)
{
    char delimiter = reader->request->delimiter, decimal = reader->request->decimal;
    if (delimiter && (strchr(" \"\r\n.+-", delimiter) || (delimiter >= '0' && delimiter <= '9') || (delimiter | 32) == 'e' || (signed char)delimiter < 0))
        nnc_data_error(reader->report, (nnc_data_place){0}, NULL, "%s cannot be the delimiter",
                       nnc_data_quoted(reader->report->arena, &delimiter, 1));
    else if (decimal && decimal != '.' && decimal != ',')
        nnc_data_error(reader->report, (nnc_data_place){0}, "it is . or ,", "%s cannot be the decimal point",
                       nnc_data_quoted(reader->report->arena, &decimal, 1));
    else if (decimal == ',' && delimiter == ',')
        nnc_data_error(reader->report, (nnc_data_place){0}, NULL, "the comma cannot be both delimiter and decimal point");
    else
        return true;
    return false;
}

/* What the collected labels' numbers become. */
static void renumber(nnc_dataset_table *table, int32_t slot, const nnc_labels *labels)
{
    bool same = true;
    for (uint32_t i = 0; i < labels->labels; i++)
        same = same && labels->label[i].class_number == (int32_t)i;
    for (int64_t row = 0; row < table->rows && !same; row++) {
        char *cells = nnc_table_cells(table, row);
        nnc_cell_put_class(table, cells, slot, labels->label[nnc_cell_class(table, cells, slot)].class_number);
    }
}

static bool finish_classes(nnc_reader *reader)
{
    bool fine = true;
    nnc_dataset_table *table = reader->table;
    bool *collected = NNC_ARRAY(reader->arena, bool, (size_t)table->slots + 1);
    for (int32_t s = 0; s < table->slots; s++)
        collected[s] = table->slot[s].labels && table->slot[s].labels->collecting;
    for (int32_t s = 0; s < table->slots; s++) {
        nnc_labels *labels = table->slot[s].labels;
        if (labels && labels->collecting)
            fine = nnc_labels_finish(labels, reader->report) && fine;
    }
    for (int32_t s = 0; s < table->slots && fine; s++)
        if (collected[s])
            renumber(table, s, table->slot[s].labels);
    for (uint32_t w = 0; w < reader->data->declarations && fine; w++) {
        nnc_dataset_declaration *declaration = &reader->data->declaration[w];
        if (declaration->present && declaration->take->labels)
            nnc_labels_known(declaration->take->labels, &declaration->known);
    }
    return fine;
}

static void measure_span(nnc_dataset *data)
{
    data->span = 1;
    for (uint32_t w = 0; w < data->declarations; w++) {
        const nnc_dataset_want *want = data->declaration[w].want;
        if (data->declaration[w].present && want->rows && want->rows_from + want->rows > data->span)
            data->span = want->rows_from + want->rows;
    }
}

nnc_dataset *nnc_dataset_open(nnc_arena *arena, const nnc_dataset_request *request, nnc_dataset_report *report)
{
    nnc_reader reader = {.arena = arena, .request = request, .report = report, .data = NNC_NEW(arena, nnc_dataset),
                         .table = NNC_NEW(arena, nnc_dataset_table)};
    bool fine = check_request(&reader);
    reader.table->arena = arena;
    reader.table->memory = request->memory ? request->memory : (size_t)MEMORY;
    reader.data->table = reader.table;
    make_declarations(&reader);
    fine = fine && check_classes(&reader);
    for (uint32_t i = 0; i < request->paths && fine; i++)
        fine = read_path(&reader, request->path[i]);
    fine = fine && finish_classes(&reader);
    reader.data->rows = reader.table->rows;
    measure_span(reader.data);
    return fine ? reader.data : NULL;
}
