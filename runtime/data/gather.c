/* Reading a data set that is open. */
#include <stdlib.h>
#include <string.h>
#include "runtime/data/table.h"

int nnc_dataset_find(const nnc_dataset *data, const char *declaration)
{
    for (uint32_t d = 0; d < data->declarations; d++)
        if (strcmp(data->declaration[d].want->name, declaration) == 0)
            return data->declaration[d].present ? (int)d : -1;
    return -1;
}

/* Sixteen at a time, a count that compilers turn into vectors. */
static void floats_of_bytes(const unsigned char *restrict from, int64_t elements, float *restrict to)
{
    int64_t e = 0;
    for (; e + 16 <= elements; e += 16)
        for (int i = 0; i < 16; i++)
            to[e + i] = (float)from[e + i];
    for (; e < elements; e++)
        to[e] = (float)from[e];
}

static void gather_bytes(const nnc_dataset_take *take, const unsigned char *cells, int64_t elements, void *out)
{
    float *real = out;
    int32_t *number = out;
    const unsigned char *from = cells + take->slot[0];
    if (take->contiguous && !take->labels)
        floats_of_bytes(from, elements, real);
    else if (!take->labels)
        for (int64_t e = 0; e < elements; e++)
            real[e] = (float)cells[take->slot[e]];
    else
        for (int64_t e = 0; e < elements; e++)
            number[e] = cells[take->slot[e]];
}

/* The elements of one row, 4 bytes each. */
static void gather_row(const nnc_dataset_table *table, const nnc_dataset_take *take, int64_t row, int64_t elements, char *out)
{
    const char *cells = nnc_table_cells(table, row);
    if (table->width == 1)
        gather_bytes(take, (const unsigned char *)cells, elements, out);
    else if (take->contiguous)
        memcpy(out, cells + 4 * (int64_t)take->slot[0], (size_t)elements * 4);
    else
        for (int64_t e = 0; e < elements; e++)
            memcpy(out + 4 * e, cells + 4 * (int64_t)take->slot[e], 4);
}

enum { SHORT = 16 };      /* elements that are copied sooner one by one than by a call */

/* Rows of a few elements that lie next to each other. */
static void gather_short(const nnc_dataset_table *table, int64_t slot, const int64_t *number, int64_t count, int64_t elements, char *out)
{
    for (int64_t i = 0; i < count; i++) {
        const char *cells = nnc_table_cells(table, number[i]) + 4 * slot;
        int64_t e = 0;
        for (; e + 4 <= elements; e += 4, out += 16)
            memcpy(out, cells + 4 * e, 16);
        for (; e < elements; e++, out += 4)
            memcpy(out, cells + 4 * e, 4);
    }
}

void nnc_dataset_gather(const nnc_dataset *data, int declaration, const int64_t *number, int64_t count, void *out)
{
    const nnc_dataset_declaration *d = &data->declaration[declaration];
    int64_t rows = d->want->rows ? d->want->rows : 1, from = d->want->rows ? d->want->rows_from : 0;
    char *to = out;
    if (!d->want->rows && data->table->width == 4 && d->take->contiguous && d->row_elements <= SHORT) {
        gather_short(data->table, d->take->slot[0], number, count, d->row_elements, out);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        for (int64_t r = 0; r < rows; r++, to += 4 * d->row_elements)
            gather_row(data->table, d->take, number[i] + from + r, d->row_elements, to);
}

void nnc_dataset_place(const nnc_dataset *data, int64_t row, const char **path, int64_t *line)
{
    const nnc_dataset_table *table = data->table;
    const nnc_row_run *run = table->runs ? &table->run[nnc_table_run_of(table, row)] : NULL;
    *path = run ? run->path : NULL;
    *line = run ? run->line + row - run->first : 0;
}

const char *nnc_dataset_ignored(const nnc_dataset *data, uint32_t column, int64_t row)
{
    return row < data->table->ignored_capacity && data->table->ignored[column][row] ? data->table->ignored[column][row] : "";
}

const char *nnc_dataset_class_name(nnc_arena *arena, const nnc_dataset_known *known, int64_t class_number)
{
    if (known->class_name && class_number >= 0 && class_number < known->classes)
        return known->class_name[class_number];
    return nnc_arena_format(arena, "%lld", (long long)class_number);
}

/* ---- hashes ---- */

/* Mixes 8 bytes at a time by a multiplication that folds its two halves (as wyhash does). */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)(a ^ 0x9E3779B97F4A7C15u) * (b ^ 0xD6E8FEB86659FD93u);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
    const char *p = bytes;
    uint64_t word;
    hash = mix(hash, length);
    for (; length >= 8; p += 8, length -= 8) {
        memcpy(&word, p, 8);
        hash = mix(hash, word);
    }
    word = 0;
    if (length)
        memcpy(&word, p, length);
    return mix(hash, word);
}

uint64_t nnc_dataset_hash(const nnc_dataset *data)
{
    uint64_t hash = mix((uint64_t)data->rows, (uint64_t)data->table->stride);
    for (uint32_t d = 0; d < data->declarations; d++) {
        const nnc_dataset_known *known = &data->declaration[d].known;
        hash = mix(hash, (uint64_t)known->classes);
        for (int64_t c = 0; known->class_name && c < known->classes; c++)
            hash = hash_bytes(hash, known->class_name[c], strlen(known->class_name[c]));
        for (int64_t e = 0; data->declaration[d].present && e < data->declaration[d].row_elements; e++)
            hash = mix(hash, (uint64_t)data->declaration[d].take->slot[e]);
    }
    for (int64_t row = 0; row < data->rows; row++)
        hash = hash_bytes(hash, nnc_table_cells(data->table, row), (size_t)data->table->stride);
    return hash;
}

/* ---- rows in common ---- */

static uint64_t hash_row(const nnc_dataset *data, int64_t row, char *scratch)
{
    uint64_t hash = 0;
    for (uint32_t d = 0; d < data->declarations; d++) {
        const nnc_dataset_declaration *declaration = &data->declaration[d];
        if (!declaration->present)
            continue;
        gather_row(data->table, declaration->take, row, declaration->row_elements, scratch);
        hash = hash_bytes(hash, scratch, (size_t)declaration->row_elements * 4);
    }
    return hash;
}

static uint64_t *hashes_of(nnc_arena *arena, const nnc_dataset *data)
{
    int64_t largest = 1;
    for (uint32_t d = 0; d < data->declarations; d++)
        if (data->declaration[d].present && data->declaration[d].row_elements > largest)
            largest = data->declaration[d].row_elements;
    char *scratch = NNC_ARRAY(arena, char, 4 * (size_t)largest);
    uint64_t *hash = NNC_ARRAY(arena, uint64_t, (size_t)data->rows + 1);
    for (int64_t row = 0; row < data->rows; row++)
        hash[row] = hash_row(data, row, scratch);
    return hash;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int64_t nnc_dataset_common(nnc_arena *arena, const nnc_dataset *a, const nnc_dataset *b)
{
    int64_t common = 0;
    nnc_arena scratch;
    if (a->windows || b->windows)
        return 0;
    nnc_arena_open(&scratch, arena->failed, arena->failed_context);
    uint64_t *in_a = hashes_of(&scratch, a), *in_b = hashes_of(&scratch, b);
    qsort(in_a, (size_t)a->rows, sizeof *in_a, by_value);
    for (int64_t row = 0; row < b->rows; row++)
        common += bsearch(&in_b[row], in_a, (size_t)a->rows, sizeof *in_a, by_value) != NULL;
    nnc_arena_close(&scratch);
    return common;
}
