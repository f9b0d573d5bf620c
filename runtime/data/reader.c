#include "runtime/data/reader.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "runtime/data/number.h"

/* ---- slots ---- */

static bool same_columns(const int64_t *a, const int64_t *b, int64_t count) { return memcmp(a, b, (size_t)count * sizeof *a) == 0; }

static bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

/* Two declarations that read the same columns in the same way share slots and classes. */
static bool reads_alike(const nnc_reader *reader, uint32_t a, uint32_t b, const nnc_assignment *assigned)
{
    const nnc_dataset_want *x = &reader->request->want[a], *y = &reader->request->want[b];
    int64_t elements = nnc_want_row_elements(x);
    return assigned->column[a] && assigned->column[b] && elements == nnc_want_row_elements(y) && x->kind == y->kind && x->classes == y->classes &&
           x->allows_missing == y->allows_missing && same_text(x->else_class, y->else_class) &&
           reader->known[a].classes == reader->known[b].classes && reader->known[a].class_name == reader->known[b].class_name &&
           same_columns(assigned->column[a], assigned->column[b], elements);
}

static int32_t add_slot(nnc_reader *reader, uint32_t w, nnc_labels *labels, int64_t column, const nnc_file_columns *file)
{
    nnc_dataset_table *table = reader->table;
    const nnc_dataset_want *want = &reader->request->want[w];
    nnc_dataset_slot *slot = &NNC_PUSH(reader->arena, table->slot, table->slots, table->slot_capacity);
    *slot = (nnc_dataset_slot){.labels = labels, .allows_missing = want->allows_missing, .want = want, .column = column, .next = -1};
    slot->name = file->name ? nnc_arena_string(reader->arena, file->name[column]) : NULL;
    return table->slots - 1;
}

static void add_take(nnc_reader *reader, uint32_t w, const nnc_assignment *assigned, const nnc_file_columns *file, int32_t *real_slot)
{
    nnc_dataset_declaration *declaration = &reader->data->declaration[w];
    const nnc_dataset_want *want = declaration->want;
    for (uint32_t before = 0; before < w; before++)
        if (reads_alike(reader, before, w, assigned)) {
            declaration->take = reader->data->declaration[before].take;
            return;
        }
    nnc_dataset_take *take = declaration->take = NNC_NEW(reader->arena, nnc_dataset_take);
    take->slot = NNC_ARRAY(reader->arena, int32_t, (size_t)declaration->row_elements);
    take->contiguous = true;
    if (want->kind != NNC_DATASET_REAL)
        take->labels = nnc_labels_new(reader->arena, want, &reader->known[w]);
    for (int64_t e = 0; e < declaration->row_elements; e++) {
        int64_t column = assigned->column[w][e];
        int32_t *shared = &real_slot[2 * column + want->allows_missing];
        if (take->labels || *shared < 0)
            take->slot[e] = add_slot(reader, w, take->labels, column, file);
        else
            take->slot[e] = *shared;
        if (!take->labels)
            *shared = take->slot[e];
        take->contiguous = take->contiguous && take->slot[e] == take->slot[0] + e;
    }
}

/* Names as they go with the weights. */
static void keep_names(nnc_reader *reader, uint32_t w, const int64_t *column, const nnc_file_columns *file)
{
    nnc_dataset_declaration *declaration = &reader->data->declaration[w];
    if (!file->name || !column)
        return;
    const char **name = NNC_ARRAY(reader->arena, const char *, (size_t)declaration->row_elements);
    for (int64_t e = 0; e < declaration->row_elements; e++)
        name[e] = nnc_arena_string(reader->arena, file->name[column[e]]);
    reader->known[w].column = declaration->known.column = name;
    reader->known[w].columns = declaration->known.columns = (uint32_t)declaration->row_elements;
}

static void keep_ignored(nnc_reader *reader, const nnc_assignment *assigned)
{
    const nnc_dataset_request *request = reader->request;
    const char **name = NNC_ARRAY(reader->arena, const char *, request->ignoreds + 1);
    for (uint32_t i = 0; i < request->ignoreds && request->role == NNC_DATASET_PREDICT; i++)
        if (assigned->ignored[i] >= 0)
            name[reader->data->ignoreds++] = request->ignored[i];
    reader->data->ignored = name;
    reader->table->ignoreds = reader->data->ignoreds;
    reader->table->ignored = NNC_ARRAY(reader->arena, const char **, reader->data->ignoreds + 1);
}

/* One byte holds every cell where the files are of bytes and no class number is above 255. */
static int width_of(const nnc_dataset_table *table, bool of_bytes)
{
    for (int32_t s = 0; of_bytes && s < table->slots; s++) {
        const nnc_labels *labels = table->slot[s].labels;
        if (labels && (labels->want->else_class || (!labels->collecting && !labels->plain && labels->count > 256)))
            of_bytes = false;
    }
    return of_bytes ? 1 : 4;
}

static void make_slots(nnc_reader *reader, const nnc_assignment *assigned, const nnc_file_columns *file, bool of_bytes)
{
    int32_t *real_slot = NNC_ARRAY(reader->scratch, int32_t, 2 * (size_t)file->count + 2);
    for (int64_t i = 0; i < 2 * file->count; i++)
        real_slot[i] = -1;
    for (uint32_t w = 0; w < reader->request->wants; w++) {
        if (!assigned->column[w])
            continue;
        reader->data->declaration[w].present = true;
        add_take(reader, w, assigned, file, real_slot);
    }
    for (uint32_t w = 0; w < reader->request->wants; w++)
        keep_names(reader, w, assigned->column[w], file);
    keep_ignored(reader, assigned);
    nnc_table_start(reader->table, width_of(reader->table, of_bytes));
}

/* A later file: the same slots, its own columns. */
static bool move_slots(nnc_reader *reader, const nnc_assignment *assigned, const nnc_file_columns *file, bool of_bytes)
{
    for (uint32_t w = 0; w < reader->request->wants; w++) {
        const nnc_dataset_declaration *declaration = &reader->data->declaration[w];
        if (declaration->present != (assigned->column[w] != NULL)) {
            nnc_data_error(reader->report, (nnc_data_place){file->path, 0, 0}, NULL, "%s is %sin this file, and %sin the first",
                           nnc_want_name(reader->report->arena, declaration->want), declaration->present ? "not " : "", declaration->present ? "" : "not ");
            return false;
        }
        for (int64_t e = 0; declaration->present && e < declaration->row_elements; e++)
            reader->table->slot[declaration->take->slot[e]].column = assigned->column[w][e];
    }
    if (!of_bytes)
        nnc_table_widen(reader->table);
    return true;
}

static void fill_plan(nnc_reader *reader, const nnc_assignment *assigned, const nnc_file_columns *file, nnc_plan *plan)
{
    size_t columns = (size_t)file->count + 1;
    *plan = (nnc_plan){file->count, NNC_ARRAY(reader->scratch, int32_t, columns), NNC_ARRAY(reader->scratch, int32_t, columns),
                       NNC_ARRAY(reader->scratch, int32_t, columns)};
    for (int64_t c = 0; c < file->count; c++)
        plan->slot[c] = plan->text[c] = -1;
    for (int32_t s = reader->table->slots - 1; s >= 0; s--) {
        nnc_dataset_slot *slot = &reader->table->slot[s];
        slot->next = plan->slot[slot->column];
        plan->slot[slot->column] = s;
    }
    for (uint32_t i = 0; i < reader->data->ignoreds; i++)
        for (uint32_t k = 0; k < reader->request->ignoreds; k++)
            if (assigned->ignored[k] >= 0 && reader->request->ignored[k] == reader->data->ignored[i])
                plan->text[assigned->ignored[k]] = (int32_t)i;
    for (int64_t c = file->count - 1; c >= 0; c--) {
        const nnc_dataset_slot *slot = plan->slot[c] >= 0 ? &reader->table->slot[plan->slot[c]] : NULL;
        bool plain = slot && !slot->labels && slot->next < 0 && plan->text[c] < 0, goes_on = plain && c + 1 < file->count && plan->slot[c + 1] == plan->slot[c] + 1;
        plan->plain[c] = plain + (goes_on ? plan->plain[c + 1] : 0);
    }
}

bool nnc_reader_plan(nnc_reader *reader, const nnc_file_columns *file, bool of_bytes, nnc_plan *plan)
{
    nnc_assignment assigned;
    bool strict = reader->request->role == NNC_DATASET_TRAIN;
    if (!nnc_columns_assign(reader->scratch, reader->request, reader->known, strict, file, &assigned, reader->report))
        return false;
    if (reader->files++ == 0)
        make_slots(reader, &assigned, file, of_bytes);
    else if (!move_slots(reader, &assigned, file, of_bytes))
        return false;
    fill_plan(reader, &assigned, file, plan);
    return true;
}

/* ---- cells ---- */

static nnc_data_place *fault(nnc_reader *reader, int32_t s, nnc_fault kind, const char *text, size_t length)
{
    nnc_dataset_slot *slot = &reader->table->slot[s];
    if (!nnc_fault_count(slot, kind))
        return NULL;
    slot->tally[kind].text = nnc_data_quoted(reader->report->arena, text, length);
    return &slot->tally[kind].first;
}

bool nnc_reader_note_rounded(nnc_reader *reader, int32_t s, const char *text, size_t length)
{
    nnc_rounding *rounding = &reader->table->rounding;
    if (rounding->seen)
        return false;
    *rounding = (nnc_rounding){.seen = true, .slot = s, .text = nnc_data_quoted(reader->report->arena, text, length)};
    return true;
}

static nnc_data_place *put_rounded(nnc_reader *reader, char *row, int32_t s, float value, const char *text, size_t length)
{
    nnc_cell_put_real(reader->table, row, s, value);
    return nnc_reader_note_rounded(reader, s, text, length) ? &reader->table->rounding.first : NULL;
}

static nnc_data_place *put_label(nnc_reader *reader, char *row, int32_t s, const char *text, size_t length)
{
    nnc_labels *labels = reader->table->slot[s].labels;
    uint32_t before = labels->labels;
    bool missing = nnc_csv_is_missing(text, length);
    int32_t number = missing ? nnc_labels_missing(labels) : nnc_labels_number(labels, text, length);
    if (number >= 0)
        nnc_cell_put_class(reader->table, row, s, number);
    else
        return fault(reader, s, missing ? NNC_FAULT_MISSING : nnc_data_utf8(text, length) < length ? NNC_FAULT_UTF8 : NNC_FAULT_CLASS, text, length);
    if (labels->labels == before)
        return NULL;
    if (nnc_data_utf8(text, length) < length)
        return fault(reader, s, NNC_FAULT_UTF8, text, length);
    return &labels->label[before].first;
}

static nnc_data_place *put_missing(nnc_reader *reader, char *row, int32_t s)
{
    if (!reader->table->slot[s].allows_missing)
        return fault(reader, s, NNC_FAULT_MISSING, "", 0);
    nnc_cell_put_real(reader->table, row, s, NAN);
    return NULL;
}

nnc_data_place *nnc_reader_put_text(nnc_reader *reader, char *row, int32_t s, char *text, size_t length, char decimal)
{
    float value = 0;
    nnc_number_kind kind;
    if (reader->table->slot[s].labels)
        return put_label(reader, row, s, text, length);
    if (nnc_csv_is_missing(text, length))
        return put_missing(reader, row, s);
    if (nnc_number_read(text, decimal, &value, &kind) != text + length)
        kind = NNC_NUMBER_NONE;
    if (kind == NNC_NUMBER_INFINITE)
        return fault(reader, s, NNC_FAULT_INFINITE, text, length);
    if (kind == NNC_NUMBER_NONE)
        return fault(reader, s, nnc_data_utf8(text, length) < length ? NNC_FAULT_UTF8 : NNC_FAULT_WORD, text, length);
    if (kind == NNC_NUMBER_ROUNDED)
        return put_rounded(reader, row, s, value, text, length);
    nnc_cell_put_real(reader->table, row, s, value);
    return NULL;
}

nnc_data_place *nnc_reader_put_number(nnc_reader *reader, char *row, int32_t s, double value)
{
    char digits[40];
    if (isnan(value) && !reader->table->slot[s].labels)
        return put_missing(reader, row, s);
    int length = value == floor(value) && fabs(value) < 0x1p53 ? snprintf(digits, sizeof digits, "%lld", (long long)value)
                                                               : snprintf(digits, sizeof digits, "%.9g", value);
    if (reader->table->slot[s].labels)
        return put_label(reader, row, s, digits, (size_t)length);
    if (isinf((float)value))
        return fault(reader, s, NNC_FAULT_INFINITE, digits, (size_t)length);
    if (value == floor(value) && (double)(float)value != value)
        return put_rounded(reader, row, s, (float)value, digits, (size_t)length);
    nnc_cell_put_real(reader->table, row, s, (float)value);
    return NULL;
}

nnc_data_place *nnc_reader_put_byte(nnc_reader *reader, char *row, int32_t s, unsigned char value)
{
    nnc_dataset_slot *slot = &reader->table->slot[s];
    if (!slot->labels) {
        nnc_cell_put_real(reader->table, row, s, (float)value);
        return NULL;
    }
    if (!slot->byte_class) {
        slot->byte_class = NNC_ARRAY(reader->arena, int32_t, 256);
        for (int i = 0; i < 256; i++)
            slot->byte_class[i] = NNC_BYTE_NOT_YET;
    }
    if (slot->byte_class[value] >= 0) {
        nnc_cell_put_class(reader->table, row, s, slot->byte_class[value]);
        return NULL;
    }
    nnc_data_place *place = nnc_reader_put_number(reader, row, s, (double)value);
    slot->byte_class[value] = slot->tally[NNC_FAULT_CLASS].count ? NNC_BYTE_NOT_YET : nnc_cell_class(reader->table, row, s);
    return place;
}
