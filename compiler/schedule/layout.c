/* The persistent block's layout. */
#include <assert.h>
#include <string.h>
#include "schedule/schedule.h"

nnc_layout *nnc_layout_new(nnc_arena *arena, int64_t align)
{
    nnc_layout *layout = NNC_NEW(arena, nnc_layout);
    layout->arena = arena;
    layout->align = align;
    return layout;
}

const nnc_layout_entry *nnc_layout_place(nnc_layout *layout, const char *name, int64_t elements, nnc_element element, const float *values)
{
    for (uint32_t i = 0; i < layout->entries; i++) {
        nnc_layout_entry *entry = &layout->entry[i];
        if (strcmp(entry->name, name) != 0)
            continue;
        assert(entry->elements == elements);
        entry->values = entry->values ? entry->values : values;
        return entry;
    }
    int64_t offset = (layout->bytes + layout->align - 1) / layout->align * layout->align;
    NNC_PUSH(layout->arena, layout->entry, layout->entries, layout->capacity) = (nnc_layout_entry){name, offset, elements, element, values};
    layout->bytes = offset + 4 * elements;
    return &layout->entry[layout->entries - 1];
}
