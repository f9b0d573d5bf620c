/* An arena: memory with one lifetime, freed at once. Nothing in it is freed singly.
 *
 * Out of memory leaves by one path: the arena's `failed` callback, which must not return (the driver's
 * jumps out and exits with status 6). So no caller checks for NULL. Sizes are checked for overflow. */
#ifndef NNC_BASE_ARENA_H
#define NNC_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef struct nnc_arena_block nnc_arena_block;
typedef struct nnc_arena_mapping nnc_arena_mapping;

typedef struct nnc_arena {
    nnc_arena_block *blocks;
    nnc_arena_mapping *mappings;
    char *next, *end;
    size_t total;            /* bytes asked of the system */
    void (*failed)(void *);  /* must not return; NULL: abort() with a message */
    void *failed_context;
} nnc_arena;

void nnc_arena_open(nnc_arena *arena, void (*failed)(void *), void *context);
void nnc_arena_close(nnc_arena *arena);

/* Room for `size` bytes is asked of the system at once, in huge pages where it is large: for an arena of which is known that it will take that much. */
void nnc_arena_reserve(nnc_arena *arena, size_t size);
/* `count * size` zeroed bytes, aligned to 16. */
void *nnc_arena_allocate(nnc_arena *arena, size_t count, size_t size);
/* `size` zeroed bytes that stand in a file without a name, in $TMPDIR or /var/tmp, so that the system can write them out and take their memory back.
 * NULL where no such file is to be had (the disk is full); its space is reserved, so that writing to them cannot fail later. */
void *nnc_arena_map(nnc_arena *arena, size_t size);
/* `size` zeroed bytes aligned to 64, for tensors that kernels walk over: large ones are asked of the system in huge pages, so that a walk with a long stride does not
 * spend its time on address translation. */
void *nnc_arena_tensors(nnc_arena *arena, size_t size);
/* A grown copy of `old` (which stays where it is): `old_count` elements are copied, the rest is zero. */
void *nnc_arena_grow(nnc_arena *arena, const void *old, size_t old_count, size_t new_count, size_t size);
char *nnc_arena_copy(nnc_arena *arena, const char *text, size_t length); /* NUL-terminated */
char *nnc_arena_string(nnc_arena *arena, const char *text);
char *nnc_arena_format(nnc_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *nnc_arena_vformat(nnc_arena *arena, const char *format, va_list arguments);

#define NNC_NEW(arena, type) ((type *)nnc_arena_allocate((arena), 1, sizeof(type)))
#define NNC_ARRAY(arena, type, count) ((type *)nnc_arena_allocate((arena), (count), sizeof(type)))

/* Appends to an arena-held array described by (items, count, capacity), all lvalues; gives the new element's lvalue. */
#define NNC_PUSH(arena, items, count, capacity)                                                                  \
    (*((count) == (capacity)                                                                                     \
           ? ((items) = nnc_arena_grow((arena), (items), (count), (capacity) ? 2 * (size_t)(capacity) : 8,       \
                                       sizeof *(items)),                                                         \
              (capacity) = (capacity) ? 2 * (capacity) : 8, &(items)[(count)++])                                 \
           : &(items)[(count)++]))

#endif
