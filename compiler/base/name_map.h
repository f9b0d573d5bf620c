/* A map from names to numbers: a hash table with open addressing. Names are not copied and must outlive it; its memory is its arena's. */
#ifndef NNC_BASE_NAME_MAP_H
#define NNC_BASE_NAME_MAP_H

#include <stdint.h>
#include "base/arena.h"

#define NNC_NO_NUMBER UINT32_MAX

typedef struct nnc_name_map {
    nnc_arena *arena;
    struct { const char *name; uint32_t number; } *entry;      /* [size]; a name of NULL is a free place */
    uint32_t size, count;                                      /* size: 0 or a power of two */
} nnc_name_map;

uint32_t nnc_hash_name(const char *name);                      /* FNV-1a (Fowler, Noll, Vo 1991), 32 bits */
uint32_t nnc_name_map_get(const nnc_name_map *map, const char *name);              /* NNC_NO_NUMBER where it is not there */
/* Adds a name that is not there yet. */
void nnc_name_map_put(nnc_name_map *map, const char *name, uint32_t number);

#endif
