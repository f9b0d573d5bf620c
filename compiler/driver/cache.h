/* What was made before, kept for later runs: files of the user's cache folder ($XDG_CACHE_HOME/nnc, else ~/.cache/nnc), each named by a digest of all that it
 * depends on and holding a digest of what it holds: the first half of SHA-512, which takes two thirds of SHA-256's time on 64-bit processors. The folder is its owner's alone (0700). Whatever is odd, a foreign owner, other permissions, a torn or changed
 * file, counts as not there; nothing here is ever an error. */
#ifndef NNC_DRIVER_CACHE_H
#define NNC_DRIVER_CACHE_H

#include <sha2.h>
#include "base/arena.h"

typedef struct nnc_cache {
    nnc_arena *arena;
    int folder;                /* a descriptor; -1: there is none, nothing is found and nothing is kept */
} nnc_cache;

/* Together the files take at most this many bytes; those longest unused go first. */
enum { NNC_CACHE_MOST = 64 << 20 };

void nnc_cache_open(nnc_cache *cache, nnc_arena *arena);
void nnc_cache_close(nnc_cache *cache);

/* A key: fed in pieces. Every number and text is fed with its length, so that no two different sequences are equal. */
typedef struct nnc_cache_key { SHA2_CTX hash; } nnc_cache_key;
void nnc_cache_key_open(nnc_cache_key *key);
void nnc_cache_key_feed(void *key, const void *bytes, size_t size);
void nnc_cache_key_text(nnc_cache_key *key, const char *text);
void nnc_cache_key_number(nnc_cache_key *key, int64_t number);

/* The key as text (arena): `prefix` and 64 hexadecimal digits. */
const char *nnc_cache_key_name(nnc_arena *arena, const nnc_cache_key *key, const char *prefix);

/* What was kept under the key (arena, aligned to 16), or NULL. Ends the key, as nnc_cache_put does. */
void *nnc_cache_get(const nnc_cache *cache, const nnc_cache_key *key, size_t *size);
void nnc_cache_put(const nnc_cache *cache, const nnc_cache_key *key, const void *bytes, size_t size);

#endif
