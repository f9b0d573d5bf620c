#include "base/arena.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Blocks double up to 4 MB; a request larger than that gets a block of its own. */
enum { ALIGNMENT = 16, FIRST_BLOCK = 64 << 10, LARGEST_BLOCK = 4 << 20 };
enum { TENSOR_ALIGNMENT = 64, HUGE_PAGE = 2 << 20, WORTH_HUGE_PAGES = 256 << 10 };

struct nnc_arena_block {
    nnc_arena_block *before;
    size_t size;
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
        free(block);
    }
    *arena = (nnc_arena){.failed = arena->failed, .failed_context = arena->failed_context};
}

/* A block of at least `size` usable bytes becomes the current one. */
static void add_block(nnc_arena *arena, size_t size)
{
    size_t usual = arena->blocks ? arena->blocks->size * 2 : FIRST_BLOCK;
    if (usual > LARGEST_BLOCK)
        usual = LARGEST_BLOCK;
    size_t usable = size > usual ? size : usual;
    nnc_arena_block *block = usable <= SIZE_MAX - HEADER ? calloc(1, HEADER + usable) : NULL;
    if (!block)
        out_of_memory(arena);
    *block = (nnc_arena_block){arena->blocks, usual};
    arena->blocks = block;
    arena->total += HEADER + usable;
    arena->next = (char *)block + HEADER;
    arena->end = arena->next + usable;
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
    if (size < WORTH_HUGE_PAGES)
        return (void *)(((uintptr_t)nnc_arena_allocate(arena, size + TENSOR_ALIGNMENT, 1) + TENSOR_ALIGNMENT - 1) / TENSOR_ALIGNMENT * TENSOR_ALIGNMENT);
    if (size > SIZE_MAX - 2 * HUGE_PAGE)
        out_of_memory(arena);
    size_t whole = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    char *mapped = mmap(NULL, whole + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED)
        out_of_memory(arena);
    char *from = (char *)(((uintptr_t)mapped + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    madvise(from, whole, MADV_HUGEPAGE);      /* a wish: without it the memory is the same */
    keep_mapping(arena, mapped, whole + HUGE_PAGE);
    arena->total += whole;
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
