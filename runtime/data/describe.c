/* A data set in words: which columns were taken, and what is in them. */
#include <math.h>
#include <string.h>
#include "runtime/data/table.h"

/* ---- the line of columns ---- */

enum { SHOWN_COLUMNS = 8 };

static void add_positions(nnc_text *out, const nnc_dataset *data, const nnc_dataset_declaration *d)
{
    const nnc_dataset_slot *slot = data->table->slot;
    int64_t first = slot[d->take->slot[0]].column + 1, last = slot[d->take->slot[d->row_elements - 1]].column + 1;
    if (d->row_elements == 1)
        nnc_text_add(out, "column %lld", (long long)first);
    else if (last - first == d->row_elements - 1)
        nnc_text_add(out, "columns %lld to %lld", (long long)first, (long long)last);
    else
        nnc_text_add(out, "%lld columns", (long long)d->row_elements);
}

static const char *shown(nnc_arena *arena, const char *name) { return nnc_escape(arena, name, strlen(name)); }

static void add_names(nnc_text *out, const nnc_dataset_declaration *d)
{
    const nnc_dataset_known *known = &d->known;
    if (known->columns > SHOWN_COLUMNS) {
        nnc_text_add(out, "%s, %s, ... %s (%lld columns)", shown(out->arena, known->column[0]), shown(out->arena, known->column[1]),
                     shown(out->arena, known->column[known->columns - 1]), (long long)known->columns);
        return;
    }
    for (uint32_t c = 0; c < known->columns; c++)
        nnc_text_add(out, "%s%s", c ? ", " : "", shown(out->arena, known->column[c]));
}

const char *nnc_dataset_columns_line(nnc_arena *arena, const nnc_dataset *data)
{
    nnc_text out = {.arena = arena};
    for (uint32_t w = 0; w < data->declarations; w++) {
        const nnc_dataset_declaration *d = &data->declaration[w];
        if (!d->present)
            continue;
        nnc_text_add(&out, "%s%s = ", out.length ? "; " : "", d->want->name);
        if (d->known.column)
            add_names(&out, d);
        else
            add_positions(&out, data, d);
        if (d->known.class_name)
            nnc_text_add(&out, " (%lld classes)", (long long)d->known.classes);
    }
    return nnc_text_string(&out);
}

/* ---- each column ---- */

typedef struct statistics { double least, most, sum; int64_t missing, count; } statistics;

static statistics statistics_of(const nnc_dataset_table *table, int32_t slot)
{
    statistics s = {INFINITY, -INFINITY, 0, 0, 0};
    for (int64_t row = 0; row < table->rows; row++) {
        double value = (double)nnc_cell_real(table, nnc_table_cells(table, row), slot);
        if (isnan(value)) {
            s.missing++;
            continue;
        }
        s.least = value < s.least ? value : s.least;
        s.most = value > s.most ? value : s.most;
        s.sum += value;
        s.count++;
    }
    return s;
}

static void add_number(nnc_text *out, const char *name, double value)
{
    nnc_text_add(out, ", %s ", name);
    nnc_text_add_float(out, (float)value);
}

static void add_real(nnc_text *out, const nnc_dataset_table *table, int32_t slot)
{
    statistics s = statistics_of(table, slot);
    nnc_text_add(out, "number");
    if (s.count) {
        add_number(out, "min", s.least);
        add_number(out, "max", s.most);
        nnc_text_add(out, ", mean %.6g", s.sum / (double)s.count);
        if (s.least == s.most)
            nnc_text_add(out, ", constant");
    }
    if (s.missing)
        nnc_text_add(out, ", %s missing", nnc_data_count(out->arena, s.missing));
}

static void add_class(nnc_text *out, const nnc_dataset_table *table, int32_t slot, const nnc_dataset_known *known)
{
    enum { SHOWN_CLASSES = 20 };
    int64_t *count = NNC_ARRAY(out->arena, int64_t, (size_t)known->classes + 1);
    for (int64_t row = 0; row < table->rows; row++)
        count[nnc_cell_class(table, nnc_table_cells(table, row), slot)]++;
    nnc_text_add(out, "class of %lld: ", (long long)known->classes);
    for (int64_t c = 0, told = 0; c < known->classes; c++) {
        if (count[c] == 0)
            continue;
        if (told == SHOWN_CLASSES) {
            nnc_text_add(out, ", ...");
            break;
        }
        nnc_text_add(out, "%s%s %s", told++ ? ", " : "", shown(out->arena, nnc_dataset_class_name(out->arena, known, c)), nnc_data_count(out->arena, count[c]));
    }
}

static void describe_column(const nnc_dataset *data, const nnc_dataset_declaration *d, int64_t element, nnc_text *out)
{
    int32_t slot = d->take->slot[element];
    const nnc_dataset_slot *s = &data->table->slot[slot];
    if (s->name)
        nnc_text_add(out, "  %s: ", shown(out->arena, s->name));
    else
        nnc_text_add(out, "  column %lld: ", (long long)s->column + 1);
    if (s->labels)
        add_class(out, data->table, slot, &d->known);
    else
        add_real(out, data->table, slot);
    nnc_text_add(out, "\n");
}

void nnc_dataset_describe(const nnc_dataset *data, nnc_text *out)
{
    nnc_text_add(out, "%s row%s\n", nnc_data_count(out->arena, data->rows), data->rows == 1 ? "" : "s");
    for (uint32_t w = 0; w < data->declarations; w++) {
        const nnc_dataset_declaration *d = &data->declaration[w];
        if (!d->present)
            continue;
        nnc_text_add(out, "%s %s\n", d->want->target ? "target" : "input", d->want->name);
        for (int64_t e = 0; e < d->row_elements; e++)
            describe_column(data, d, e, out);
    }
}
