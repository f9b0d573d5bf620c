#include "base/arena.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Blocks double up to 4 MB; a request larger than that gets a block of its own. Those of 1 MB on are huge pages, as far as the system has them: one takes it as long as
 * some 150 small ones (300 and 2 us, measured in a virtual machine), so what is to be a small part of one is better left in small ones. */
enum { ALIGNMENT = 16, FIRST_BLOCK = 64 << 10, LARGEST_BLOCK = 4 << 20 };
enum { TENSOR_ALIGNMENT = 64, HUGE_PAGE = 2 << 20, WORTH_HUGE_PAGES = 1 << 20 };

struct nnc_arena_block {
    nnc_arena_block *before;
    size_t usual;            /* the next block's is twice this */
    void *mapped;            /* NULL: malloc's */
    size_t mapped_size;
};

struct nnc_arena_mapping {
    nnc_arena_mapping *before;
    void *address;
    size_t size;
};

#define HEADER ((sizeof(nnc_arena_block) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

static void out_of_memory(nnc_arena *arena)
{
    if (arena->failed)
        arena->failed(arena->failed_context);
    fputs("out of memory\n", stderr);
    abort();
}

void nnc_arena_open(nnc_arena *arena, void (*failed)(void *), void *context)
{
    *arena = (nnc_arena){.failed = failed, .failed_context = context};
}

void nnc_arena_close(nnc_arena *arena)
{
    for (nnc_arena_mapping *mapping = arena->mappings; mapping; mapping = mapping->before)    /* the list itself is in the blocks */
        munmap(mapping->address, mapping->size);
    for (nnc_arena_block *block = arena->blocks, *before; block; block = before) {
        before = block->before;
        if (block->mapped)
            munmap(block->mapped, block->mapped_size);
        else
            free(block);
    }
    *arena = (nnc_arena){.failed = arena->failed, .failed_context = arena->failed_context};
}

/* *size zeroed bytes, which become whole huge pages; NULL where there are none. *mapped is what munmap takes. */
static char *map_huge(size_t *size, void **mapped, size_t *mapped_size)
{
    if (*size > SIZE_MAX - 2 * HUGE_PAGE)
        return NULL;
    *size = (*size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    *mapped_size = *size + HUGE_PAGE;
    *mapped = mmap(NULL, *mapped_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (*mapped == MAP_FAILED)
        return NULL;
    char *from = (char *)(((uintptr_t)*mapped + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    madvise(from, *size, MADV_HUGEPAGE);      /* a wish: without it the memory is the same */
    return from;
}

static size_t next_usual(const nnc_arena *arena)
{
    size_t size = arena->blocks ? arena->blocks->usual * 2 : FIRST_BLOCK;
    size = size >= WORTH_HUGE_PAGES && size < HUGE_PAGE ? HUGE_PAGE : size;
    return size < LARGEST_BLOCK ? size : LARGEST_BLOCK;
}

/* A block of at least `size` usable bytes becomes the current one. */
static void add_block(nnc_arena *arena, size_t size)
{
    size_t usual = next_usual(arena), all, mapped_size = 0;
    void *mapped = NULL, *at = NULL;
    if (!__builtin_add_overflow(size, HEADER, &all)) {
        all = all > usual ? all : usual;
        at = all >= WORTH_HUGE_PAGES ? map_huge(&all, &mapped, &mapped_size) : calloc(1, all);
    }
    if (!at)
        out_of_memory(arena);
    nnc_arena_block *block = at;
    *block = (nnc_arena_block){arena->blocks, usual, mapped, mapped_size};
    arena->blocks = block;
    arena->total += all;
    arena->next = (char *)block + HEADER;
    arena->end = (char *)block + all;
}

void nnc_arena_reserve(nnc_arena *arena, size_t size)
{
    if (!arena->blocks || (size_t)(arena->end - arena->next) < size)
        add_block(arena, size);
}

void *nnc_arena_allocate(nnc_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT)
        out_of_memory(arena);
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!arena->blocks || (size_t)(arena->end - arena->next) < bytes)
        add_block(arena, bytes);
    void *result = arena->next;
    arena->next += bytes;
    return result;
}

static void keep_mapping(nnc_arena *arena, void *address, size_t size)
{
    nnc_arena_mapping *mapping = NNC_NEW(arena, nnc_arena_mapping);
    *mapping = (nnc_arena_mapping){arena->mappings, address, size};
    arena->mappings = mapping;
}

void *nnc_arena_tensors(nnc_arena *arena, size_t size)
{
    void *mapped;
    size_t mapped_size;
    if (size < WORTH_HUGE_PAGES)
        return (void *)(((uintptr_t)nnc_arena_allocate(arena, size + TENSOR_ALIGNMENT, 1) + TENSOR_ALIGNMENT - 1) / TENSOR_ALIGNMENT * TENSOR_ALIGNMENT);
    char *from = map_huge(&size, &mapped, &mapped_size);
    if (!from)
        out_of_memory(arena);
    keep_mapping(arena, mapped, mapped_size);
    arena->total += size;
    return from;
}

static int open_nameless(nnc_arena *arena)
{
    const char *folder = getenv("TMPDIR");
    char *name = nnc_arena_format(arena, "%s/nnc-XXXXXX", folder && *folder ? folder : "/var/tmp");
    int descriptor = mkostemp(name, O_CLOEXEC);
    if (descriptor >= 0)
        unlink(name);
    return descriptor;
}

void *nnc_arena_map(nnc_arena *arena, size_t size)
{
    int descriptor = open_nameless(arena);
    void *address = MAP_FAILED;
    if (descriptor >= 0 && posix_fallocate(descriptor, 0, (off_t)size) == 0)
        address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (descriptor >= 0)
        close(descriptor);         /* the mapping keeps the file */
    if (address == MAP_FAILED)
        return NULL;
    keep_mapping(arena, address, size);
    return address;
}

void *nnc_arena_grow(nnc_arena *arena, const void *old, size_t old_count, size_t new_count, size_t size)
{
    void *grown = nnc_arena_allocate(arena, new_count, size);
    if (old_count)
        memcpy(grown, old, old_count * size);
    return grown;
}

char *nnc_arena_copy(nnc_arena *arena, const char *text, size_t length)
{
    char *copy = nnc_arena_allocate(arena, length + 1, 1);
    if (length)
        memcpy(copy, text, length);
    return copy;
}

char *nnc_arena_string(nnc_arena *arena, const char *text) { return nnc_arena_copy(arena, text, strlen(text)); }

char *nnc_arena_vformat(nnc_arena *arena, const char *format, va_list arguments)
{
    char few[256];
    va_list again;
    va_copy(again, arguments);
    int written = vsnprintf(few, sizeof few, format, again);
    va_end(again);
    size_t length = written < 0 ? 0 : (size_t)written;
    if (length < sizeof few)
        return nnc_arena_copy(arena, few, length);
    char *text = nnc_arena_allocate(arena, length + 1, 1);
    vsnprintf(text, length + 1, format, arguments);
    return text;
}

char *nnc_arena_format(nnc_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = nnc_arena_vformat(arena, format, arguments);
    va_end(arguments);
    return text;
}
