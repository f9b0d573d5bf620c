#include "driver/cache.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "runtime/files.h"

/* A file: this word (which changes with the form), the content's digest, the content. */
static const char WORD[8] = "nnc 2\n\n";
enum { DIGEST = SHA512_DIGEST_LENGTH / 2, HEADER = sizeof WORD + DIGEST, NAME = 2 * DIGEST + 1 };

/* ---- the folder ---- */

static bool is_private(int descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) == 0 && status.st_uid == geteuid() && (status.st_mode & 077) == 0;
}

void nnc_cache_open(nnc_cache *cache, nnc_arena *arena)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    *cache = (nnc_cache){arena, -1};
    if (!base || *base != '/')
        base = home && *home == '/' ? nnc_arena_format(arena, "%s/.cache", home) : NULL;
    if (!base)
        return;
    const char *path = nnc_arena_format(arena, "%s/nnc", base);
    mkdir(base, 0700);
    mkdir(path, 0700);
    cache->folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (cache->folder >= 0 && !is_private(cache->folder))
        nnc_cache_close(cache);
}

void nnc_cache_close(nnc_cache *cache)
{
    if (cache->folder >= 0)
        close(cache->folder);
    cache->folder = -1;
}

/* ---- keys ---- */

void nnc_cache_key_open(nnc_cache_key *key) { SHA512Init(&key->hash); }
void nnc_cache_key_feed(void *key, const void *bytes, size_t size) { SHA512Update(&((nnc_cache_key *)key)->hash, bytes, size); }
void nnc_cache_key_number(nnc_cache_key *key, int64_t number) { nnc_cache_key_feed(key, &number, sizeof number); }

void nnc_cache_key_text(nnc_cache_key *key, const char *text)
{
    nnc_cache_key_number(key, (int64_t)strlen(text));
    nnc_cache_key_feed(key, text, strlen(text));
}

static void name_of(const nnc_cache_key *key, char name[NAME])
{
    SHA2_CTX hash = key->hash;             /* a copy: the key can be used again */
    char all[SHA512_DIGEST_STRING_LENGTH];
    SHA512End(&hash, all);
    memcpy(name, all, NAME - 1);
    name[NAME - 1] = 0;
}

const char *nnc_cache_key_name(nnc_arena *arena, const nnc_cache_key *key, const char *prefix)
{
    char name[NAME];
    name_of(key, name);
    return nnc_arena_format(arena, "%s%s", prefix, name);
}

/* ---- getting ---- */

static void header_of(unsigned char header[HEADER], const void *bytes, size_t size)
{
    unsigned char all[SHA512_DIGEST_LENGTH];
    SHA2_CTX hash;
    SHA512Init(&hash);
    SHA512Update(&hash, bytes, size);
    SHA512Final(all, &hash);
    memcpy(header, WORD, sizeof WORD);
    memcpy(header + sizeof WORD, all, DIGEST);
}

static bool is_whole(const unsigned char header[HEADER], const void *bytes, size_t size)
{
    unsigned char right[HEADER];
    header_of(right, bytes, size);
    return memcmp(header, right, HEADER) == 0;
}

void *nnc_cache_get(const nnc_cache *cache, const nnc_cache_key *key, size_t *size)
{
    char name[NAME];
    unsigned char header[HEADER];
    struct stat status;
    nnc_failure failure;                   /* not told: what cannot be read is not there */
    void *bytes = NULL;
    if (cache->folder < 0)
        return NULL;
    name_of(key, name);
    int file = openat(cache->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return NULL;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && is_private(file) && status.st_size >= HEADER && status.st_size <= NNC_CACHE_MOST) {
        *size = (size_t)status.st_size - HEADER;
        bytes = nnc_arena_allocate(cache->arena, *size + 1, 1);
        if (!nnc_read_all(file, header, HEADER, name, &failure) || !nnc_read_all(file, bytes, *size, name, &failure) || !is_whole(header, bytes, *size))
            bytes = NULL;
        else
            futimens(file, NULL);          /* used just now */
    }
    close(file);
    return bytes;
}

/* ---- keeping ---- */

typedef struct kept { char name[NAME]; int64_t size; struct timespec used; } kept;

static int longest_unused_first(const void *a, const void *b)
{
    const kept *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec)
        return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    return x->used.tv_nsec < y->used.tv_nsec ? -1 : x->used.tv_nsec > y->used.tv_nsec;
}

static kept *list_kept(const nnc_cache *cache, size_t *count, int64_t *total)
{
    kept *list = NULL;
    size_t capacity = 0;
    int copy = openat(cache->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = copy >= 0 ? fdopendir(copy) : NULL;
    struct stat status;
    *count = 0;
    *total = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (*entry->d_name == '.' || strlen(entry->d_name) >= NAME || fstatat(cache->folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        kept *k = &NNC_PUSH(cache->arena, list, *count, capacity);
        *k = (kept){.size = status.st_size, .used = status.st_mtim};
        snprintf(k->name, sizeof k->name, "%s", entry->d_name);
        *total += status.st_size;
    }
    if (folder)
        closedir(folder);
    return list;
}

static void make_room(const nnc_cache *cache, int64_t size)
{
    size_t count;
    int64_t total;
    kept *list = list_kept(cache, &count, &total);
    if (total + size <= NNC_CACHE_MOST)
        return;
    qsort(list, count, sizeof *list, longest_unused_first);
    for (size_t i = 0; i < count && total + size > NNC_CACHE_MOST; i++)
        if (unlinkat(cache->folder, list[i].name, 0) == 0)
            total -= list[i].size;
}

/* No sync: a file torn by a crash is not whole, and is made again. */
void nnc_cache_put(const nnc_cache *cache, const nnc_cache_key *key, const void *bytes, size_t size)
{
    char name[NAME], temporary[40];
    unsigned char header[HEADER];
    if (cache->folder < 0 || size > NNC_CACHE_MOST / 4)
        return;
    name_of(key, name);
    snprintf(temporary, sizeof temporary, "new-%ld", (long)getpid());
    make_room(cache, (int64_t)size + HEADER);
    unlinkat(cache->folder, temporary, 0);
    int file = openat(cache->folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return;
    header_of(header, bytes, size);
    bool written = nnc_write_all(file, header, HEADER) && nnc_write_all(file, bytes, size);
    written = close(file) == 0 && written;
    if (!written || renameat(cache->folder, temporary, cache->folder, name) != 0)
        unlinkat(cache->folder, temporary, 0);
}
