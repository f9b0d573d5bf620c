/* Columns that never change. */
#include <math.h>
#include "runtime/data/report.h"
#include "runtime/data/table.h"

static bool is_constant(const nnc_dataset_table *table, int32_t slot)
{
    float first = NAN;
    for (int64_t row = 0; row < table->rows; row++) {
        float value = nnc_cell_real(table, nnc_table_cells(table, row), slot);
        if (isnan(value))
            continue;
        if (isnan(first))
            first = value;
        else if (value != first)
            return false;
    }
    return !isnan(first);
}

void nnc_dataset_warn_of_constants(const nnc_dataset *data, int declaration, nnc_dataset_report *report)
{
    const nnc_dataset_declaration *d = &data->declaration[declaration];
    const nnc_dataset_slot *first = NULL;
    int64_t count = 0;
    if (!d->present || data->rows < 2)
        return;
    for (int64_t e = 0; e < d->row_elements; e++) {
        const nnc_dataset_slot *slot = &data->table->slot[d->take->slot[e]];
        if (slot->labels || !is_constant(data->table, d->take->slot[e]))
            continue;
        first = first ? first : slot;
        count++;
    }
    if (!first)
        return;
    nnc_data_place place = {data->table->runs ? data->table->run[0].path : NULL, 0, 0};
    const char *name = nnc_slot_name(report->arena, first);
    if (count == 1)
        nnc_data_warning(report, place, NULL, "%s, of %s, never changes: scaled, it is 0", name, d->want->name);
    else
        nnc_data_warning(report, place, NULL, "%lld columns of %s never change, %s the first of them: scaled, they are 0", (long long)count, d->want->name, name);
}
