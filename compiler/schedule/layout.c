/* The persistent block's layout. */
#include <assert.h>
#include "schedule/schedule.h"

nnc_layout *nnc_layout_new(nnc_arena *arena, int64_t align)
{
    nnc_layout *layout = NNC_NEW(arena, nnc_layout);
    layout->arena = arena;
    layout->align = align;
    layout->names.arena = arena;
    return layout;
}

const nnc_layout_entry *nnc_layout_find(const nnc_layout *layout, const char *name)
{
    uint32_t number = nnc_name_map_get(&layout->names, name);
    return number == NNC_NO_NUMBER ? NULL : &layout->entry[number];
}

static void add_entry(nnc_layout *layout, nnc_layout_entry entry)
{
    entry.offset = (layout->bytes + layout->align - 1) / layout->align * layout->align;
    nnc_name_map_put(&layout->names, entry.name, layout->entries);
    NNC_PUSH(layout->arena, layout->entry, layout->entries, layout->capacity) = entry;
    layout->bytes = entry.offset + 4 * entry.elements;
}

const nnc_layout_entry *nnc_layout_place(nnc_layout *layout, const char *name, int64_t elements, nnc_element element, const float *values)
{
    uint32_t number = nnc_name_map_get(&layout->names, name);
    if (number == NNC_NO_NUMBER) {
        add_entry(layout, (nnc_layout_entry){.name = nnc_arena_string(layout->arena, name), .elements = elements, .element = element, .values = values});
        return &layout->entry[layout->entries - 1];
    }
    nnc_layout_entry *entry = &layout->entry[number];
    assert(entry->elements == elements);
    entry->values = entry->values ? entry->values : values;
    return entry;
}
