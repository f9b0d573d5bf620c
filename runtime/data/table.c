#include "runtime/data/table.h"
#include <math.h>
#include <string.h>

/* A block is about this large, so that growing copies nothing and a small set, which fills a part of one, takes little. */
enum { BLOCK = 256 << 10, LARGEST_SHIFT = 16, SPILL = 64 << 20 };

void nnc_table_start(nnc_dataset_table *table, int width)
{
    table->width = width;
    table->stride = (int64_t)table->slots * width;
    table->shift = 0;
    while (table->shift < LARGEST_SHIFT && (table->stride << (table->shift + 1)) <= BLOCK)
        table->shift++;
}

/* From a mapped file, where one is to be had; NULL where not. */
static char *spilled_block(nnc_dataset_table *table, size_t size)
{
    if (table->spill_left < size) {
        size_t mapped = size > SPILL ? size : SPILL;
        table->spill = nnc_arena_map(table->arena, mapped);
        table->spill_left = table->spill ? mapped : 0;
    }
    if (!table->spill)
        return NULL;
    char *block = table->spill;
    table->spill += size;
    table->spill_left -= size;
    return block;
}

static char *new_block(nnc_dataset_table *table)
{
    size_t rows = (size_t)1 << table->shift, size = ((size_t)table->stride + 1) * rows;
    char *block = table->held + size > table->memory ? spilled_block(table, size) : NULL;
    if (block)
        return block;
    table->held += size;
    return nnc_arena_allocate(table->arena, (size_t)table->stride + 1, rows);
}

char *nnc_table_row(nnc_dataset_table *table)
{
    if (table->rows >> table->shift == table->blocks)
        NNC_PUSH(table->arena, table->block, table->blocks, table->block_capacity) = new_block(table);
    return nnc_table_cells(table, table->rows);
}

void nnc_table_end_row(nnc_dataset_table *table, const char *path, int64_t line, bool lines)
{
    const nnc_row_run *last = table->runs ? &table->run[table->runs - 1] : NULL;
    if (!last || last->path != path || last->line + (table->rows - last->first) != line)
        NNC_PUSH(table->arena, table->run, table->runs, table->run_capacity) = (nnc_row_run){table->rows, path, line, lines};
    table->rows++;
}

uint32_t nnc_table_run_of(const nnc_dataset_table *table, int64_t row)
{
    uint32_t low = 0, high = table->runs;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (table->run[middle].first <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t nnc_table_end_of_file(const nnc_dataset_table *table, int64_t row)
{
    uint32_t run = nnc_table_run_of(table, row);
    const char *path = table->run[run].path;
    while (run < table->runs && table->run[run].path == path)
        run++;
    return run < table->runs ? table->run[run].first : table->rows;
}

void nnc_table_widen(nnc_dataset_table *table)
{
    nnc_dataset_table bytes = *table;
    if (table->width == 4)
        return;
    table->block = NULL;
    table->blocks = table->block_capacity = table->rows = 0;
    nnc_table_start(table, 4);
    for (; table->rows < bytes.rows; table->rows++) {
        const char *from = nnc_table_cells(&bytes, table->rows);
        char *to = nnc_table_row(table);
        for (int32_t s = 0; s < table->slots; s++)
            if (table->slot[s].labels)
                nnc_cell_put_class(table, to, s, nnc_cell_class(&bytes, from, s));
            else
                nnc_cell_put_real(table, to, s, nnc_cell_real(&bytes, from, s));
    }
}

/* ---- cells ---- */

void nnc_cell_put_real(const nnc_dataset_table *table, char *row, int32_t slot, float value)
{
    if (table->width == 4)
        memcpy(row + 4 * (int64_t)slot, &value, 4);
    else
        row[slot] = (char)(unsigned char)value;
}

void nnc_cells_put_bytes(const nnc_dataset_table *table, char *row, int32_t slot, const unsigned char *bytes, int64_t count)
{
    if (table->width == 1) {
        memcpy(row + slot, bytes, (size_t)count);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        nnc_cell_put_real(table, row, slot + (int32_t)i, (float)bytes[i]);
}

void nnc_cell_put_class(const nnc_dataset_table *table, char *row, int32_t slot, int32_t number)
{
    if (table->width == 4)
        memcpy(row + 4 * (int64_t)slot, &number, 4);
    else
        row[slot] = (char)(unsigned char)number;
}

float nnc_cell_real(const nnc_dataset_table *table, const char *row, int32_t slot)
{
    float value;
    if (table->width == 1)
        return (float)(unsigned char)row[slot];
    memcpy(&value, row + 4 * (int64_t)slot, 4);
    return value;
}

int32_t nnc_cell_class(const nnc_dataset_table *table, const char *row, int32_t slot)
{
    int32_t number;
    if (table->width == 1)
        return (unsigned char)row[slot];
    memcpy(&number, row + 4 * (int64_t)slot, 4);
    return number;
}

/* ---- faults ---- */

bool nnc_fault_count(nnc_dataset_slot *slot, nnc_fault fault) { return slot->tally[fault].count++ == 0; }

const char *nnc_slot_name(nnc_arena *arena, const nnc_dataset_slot *slot)
{
    if (!slot->name)
        return nnc_arena_format(arena, "column %lld", (long long)slot->column + 1);
    return nnc_arena_format(arena, "column %s", nnc_data_quoted(arena, slot->name, strlen(slot->name)));
}

static const char *more_such(nnc_arena *arena, int64_t count)
{
    return count == 1 ? "" : nnc_arena_format(arena, " (%s such cells in the file)", nnc_data_count(arena, count));
}

static void report_missing(const nnc_dataset_slot *slot, nnc_arena *arena, nnc_dataset_report *report)
{
    const nnc_fault_tally *tally = &slot->tally[NNC_FAULT_MISSING];
    const nnc_dataset_want *want = slot->want;
    const char *help = want->target   ? "leave out the rows whose target is not known"
                       : slot->labels ? nnc_arena_format(arena, "a class of its own takes them: input %s: class else \"none\"", want->name)
                                      : nnc_arena_format(arena, "fill them in: %s -> impute", want->name);
    nnc_data_error(report, tally->first, help, "a value is missing in %s, of %s (%s missing in the file)", nnc_slot_name(arena, slot), want->name,
                   nnc_data_count(arena, tally->count));
}

/* A comma within digits may be a decimal point of another country, or a mark of thousands. */
static const char *help_for_word(const char *text)
{
    if (text[0] == '"' && strspn(text + 1, "+-0123456789,") + 2 == strlen(text) && strchr(text, ','))
        return "write 1,234 as 1234; where the comma is a decimal point, read with --decimal ,";
    return NULL;
}

static void report_fault(const nnc_dataset_slot *slot, nnc_fault fault, nnc_arena *arena, nnc_dataset_report *report)
{
    const nnc_fault_tally *tally = &slot->tally[fault];
    const char *name = nnc_slot_name(arena, slot), *more = more_such(arena, tally->count);
    switch (fault) {
    case NNC_FAULT_MISSING: report_missing(slot, arena, report); break;
    case NNC_FAULT_WORD:
        nnc_data_error(report, tally->first, help_for_word(tally->text), "%s in %s is not a number%s", tally->text, name, more);
        break;
    case NNC_FAULT_INFINITE:
        nnc_data_error(report, tally->first, "a float goes up to 3.4e38", "%s in %s is not a finite number%s", tally->text, name, more);
        break;
    case NNC_FAULT_CLASS:
        if (slot->labels->collecting)
            nnc_data_error(report, tally->first, "is it a number rather than a class?", "%s has more than %s different labels", name,
                           nnc_data_count(arena, slot->labels->labels));
        else
            nnc_data_error(report, tally->first, nnc_labels_list(arena, slot->labels), "%s in %s is not a class of %s%s", tally->text, name,
                           slot->want->name, more);
        break;
    default:
        nnc_data_error(report, tally->first, "save the file as UTF-8", "%s holds bytes that are not UTF-8: %s%s", name, tally->text, more);
    }
}

static void report_rounding(nnc_dataset_table *table, nnc_dataset_report *report)
{
    nnc_rounding *rounding = &table->rounding;
    if (rounding->seen && !rounding->told)
        nnc_data_warning(report, rounding->first, NULL, "%s in %s is rounded: a float holds whole numbers up to 16,777,216", rounding->text,
                         nnc_slot_name(report->arena, &table->slot[rounding->slot]));
    rounding->told = rounding->seen;
}

void nnc_faults_report(nnc_dataset_table *table, nnc_dataset_report *report)
{
    report_rounding(table, report);
    for (int32_t s = 0; s < table->slots; s++)
        for (int fault = 0; fault < NNC_FAULTS; fault++)
            if (table->slot[s].tally[fault].count) {
                report_fault(&table->slot[s], (nnc_fault)fault, report->arena, report);
                table->slot[s].tally[fault] = (nnc_fault_tally){0};
            }
}
