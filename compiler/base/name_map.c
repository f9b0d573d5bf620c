#include "base/name_map.h"
#include <string.h>

enum { FIRST_SIZE = 64 };

uint32_t nnc_hash_name(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

/* Where the name is, or where it would be. */
static uint32_t place_of(const nnc_name_map *map, const char *name)
{
    uint32_t at = nnc_hash_name(name) & (map->size - 1);
    while (map->entry[at].name && strcmp(map->entry[at].name, name) != 0)
        at = (at + 1) & (map->size - 1);
    return at;
}

uint32_t nnc_name_map_get(const nnc_name_map *map, const char *name)
{
    uint32_t at = map->size ? place_of(map, name) : 0;
    return map->size && map->entry[at].name ? map->entry[at].number : (uint32_t)NNC_NO_NUMBER;
}

static void grow(nnc_name_map *map)
{
    nnc_name_map old = *map;
    map->size = old.size ? 2 * old.size : FIRST_SIZE;
    map->entry = nnc_arena_allocate(map->arena, map->size, sizeof *map->entry);
    for (uint32_t i = 0; i < old.size; i++)
        if (old.entry[i].name)
            map->entry[place_of(map, old.entry[i].name)] = old.entry[i];
}

void nnc_name_map_put(nnc_name_map *map, const char *name, uint32_t number)
{
    if (2 * (map->count + 1) > map->size)
        grow(map);
    uint32_t at = place_of(map, name);
    map->entry[at].name = name;
    map->entry[at].number = number;
    map->count++;
}
