/* FNV-1a (Fowler, Noll, Vo): a number that tells texts apart, kept in files too. Not against who makes texts to match. */
#ifndef NNC_BASE_HASH_H
#define NNC_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

static const uint64_t NNC_HASH_START = 0xCBF29CE484222325u;

/* A hash so far (NNC_HASH_START at first), and some more bytes. */
static inline uint64_t nnc_hash(uint64_t hash, const void *bytes, size_t size)
{
    for (const unsigned char *at = bytes; size > 0; at++, size--)
        hash = (hash ^ *at) * 0x100000001B3u;
    return hash;
}

#endif
