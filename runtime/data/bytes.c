#include "runtime/data/bytes.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { RAW = 256 << 10, FIRST = 256 << 10 };

/* ---- the system's side ---- */

static bool fail(nnc_bytes *bytes, const char *help, const char *what)
{
    bytes->failed = true;
    nnc_data_error(bytes->report, nnc_bytes_place(bytes), help, "%s", what);
    return false;
}

static bool fail_errno(nnc_bytes *bytes, const char *what, int number)
{
    const char *help = number == ENOENT ? "is the name right, and the folder?" : number == EACCES ? "its permissions do not let you read it" : NULL;
    return fail(bytes, help, nnc_arena_format(bytes->arena, "%s: %s", what, strerror(number)));
}

/* Up to `size` raw bytes; 0 at the end, -1 after an error. */
static ssize_t read_raw(nnc_bytes *bytes, void *into, size_t size)
{
    ssize_t got;
    do
        got = read(bytes->fd, into, size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        fail_errno(bytes, "cannot be read", errno);
    else
        bytes->taken += got;
    return got;
}

static bool open_file(nnc_bytes *bytes, const char *path)
{
    bool standard = strcmp(path, "-") == 0;
    bytes->path = standard ? "(standard input)" : path;
    bytes->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (bytes->fd < 0)
        return fail_errno(bytes, "cannot be opened", errno);
    if (fstat(bytes->fd, &bytes->before) != 0)
        return fail_errno(bytes, "cannot be read", errno);
    if (S_ISDIR(bytes->before.st_mode))
        return fail(bytes, "give the file itself", "is a folder, not a file of data");
    return true;
}

/* ---- gzip (RFC 1952, several members in a row) ---- */

/* zlib's memory is the arena's, so that running out of it leaves by the arena's path. */
static voidpf zip_allocate(voidpf arena, uInt items, uInt size) { return nnc_arena_allocate(arena, items, size); }
static void zip_free(voidpf arena, voidpf address)
{
    (void)arena;
    (void)address;
}

static bool start_unzipping(nnc_bytes *bytes)
{
    bytes->zipped = true;
    bytes->raw = NNC_ARRAY(bytes->arena, unsigned char, RAW);
    memcpy(bytes->raw, bytes->buffer + bytes->begin, nnc_bytes_left(bytes));
    bytes->stream = (z_stream){.zalloc = zip_allocate, .zfree = zip_free, .opaque = bytes->arena, .next_in = bytes->raw,
                               .avail_in = (uInt)nnc_bytes_left(bytes)};
    bytes->begin = bytes->end = 0;
    bytes->at_end = false;
    if (inflateInit2(&bytes->stream, 15 + 16) != Z_OK)
        return fail(bytes, NULL, "cannot be unzipped: zlib does not start");
    return true;
}

/* The next member, or the end: zeros may pad it. */
static bool next_member(nnc_bytes *bytes)
{
    while (bytes->stream.avail_in && *bytes->stream.next_in == 0) {
        bytes->stream.next_in++;
        bytes->stream.avail_in--;
    }
    if (bytes->stream.avail_in == 0)
        return true;
    bytes->member_done = false;
    return inflateReset(&bytes->stream) == Z_OK || fail(bytes, NULL, "cannot be unzipped: zlib does not start");
}

static bool refill_raw(nnc_bytes *bytes)
{
    ssize_t got = read_raw(bytes, bytes->raw, RAW);
    bytes->stream.next_in = bytes->raw;
    bytes->stream.avail_in = got > 0 ? (uInt)got : 0;
    if (got == 0 && !bytes->member_done)
        return fail(bytes, "is the copy complete?", "the gzip data ends too early: the file is cut off");
    bytes->at_end = got == 0;
    return got >= 0;
}

static bool unzip(nnc_bytes *bytes)
{
    if (bytes->stream.avail_in == 0 && !refill_raw(bytes))
        return false;
    if (bytes->member_done && !next_member(bytes))
        return false;
    if (bytes->at_end || bytes->stream.avail_in == 0)
        return true;
    size_t room = bytes->capacity - bytes->end;
    bytes->stream.next_out = (unsigned char *)bytes->buffer + bytes->end;
    bytes->stream.avail_out = room > 1 << 30 ? 1 << 30 : (uInt)room;
    uInt offered = bytes->stream.avail_out;
    int status = inflate(&bytes->stream, Z_NO_FLUSH);
    bytes->end += offered - bytes->stream.avail_out;
    bytes->member_done = status == Z_STREAM_END;
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        return fail(bytes, "copy it anew", "the gzip data is damaged");
    return true;
}

/* ---- the window ---- */

static bool read_some(nnc_bytes *bytes)
{
    if (bytes->zipped)
        return unzip(bytes);
    ssize_t got = read_raw(bytes, bytes->buffer + bytes->end, bytes->capacity - bytes->end);
    if (got > 0)
        bytes->end += (size_t)got;
    bytes->at_end = got == 0;
    return got >= 0;
}

static void make_room(nnc_bytes *bytes, size_t wanted)
{
    size_t left = nnc_bytes_left(bytes);
    if (wanted > bytes->capacity) {
        size_t capacity = bytes->capacity ? bytes->capacity : FIRST;
        while (capacity < wanted)
            capacity *= 2;
        char *buffer = NNC_ARRAY(bytes->arena, char, capacity + NNC_BYTES_AFTER);
        if (left)
            memcpy(buffer, bytes->buffer + bytes->begin, left);
        bytes->buffer = buffer;
        bytes->capacity = capacity;
    } else if (bytes->begin) {
        memmove(bytes->buffer, bytes->buffer + bytes->begin, left);
    }
    bytes->begin = 0;
    bytes->end = left;
}

bool nnc_bytes_fill(nnc_bytes *bytes, size_t wanted)
{
    if (nnc_bytes_left(bytes) >= wanted || bytes->at_end)
        return !bytes->failed;
    make_room(bytes, wanted);
    while (!bytes->failed && !bytes->at_end && bytes->end < wanted)
        if (!read_some(bytes))
            break;
    bytes->buffer[bytes->end] = 0;
    return !bytes->failed;
}

bool nnc_bytes_open(nnc_bytes *bytes, nnc_arena *arena, const char *path, nnc_dataset_report *report)
{
    *bytes = (nnc_bytes){.arena = arena, .report = report, .fd = -1};
    if (!open_file(bytes, path) || !nnc_bytes_fill(bytes, 512))
        return false;
    if (nnc_bytes_left(bytes) >= 2 && memcmp(bytes->buffer, "\x1f\x8b", 2) == 0)
        return start_unzipping(bytes) && nnc_bytes_fill(bytes, 512);
    return true;
}

static bool is_changed(const nnc_bytes *bytes, const struct stat *after)
{
    return bytes->before.st_size != after->st_size || bytes->before.st_mtim.tv_sec != after->st_mtim.tv_sec ||
           bytes->before.st_mtim.tv_nsec != after->st_mtim.tv_nsec || (bytes->at_end && bytes->taken != after->st_size);
}

void nnc_bytes_close(nnc_bytes *bytes)
{
    struct stat after;
    if (bytes->zipped)
        inflateEnd(&bytes->stream);
    if (bytes->fd >= 0 && !bytes->failed && S_ISREG(bytes->before.st_mode) && bytes->fd != STDIN_FILENO) {
        if (fstat(bytes->fd, &after) != 0)
            fail_errno(bytes, "cannot be read", errno);
        else if (is_changed(bytes, &after))
            fail(bytes, "try again when nothing writes to it", "changed while it was read");
    }
    if (bytes->fd > STDERR_FILENO)
        close(bytes->fd);
    bytes->fd = -1;
}

bool nnc_bytes_has_suffix(const char *path, const char *suffix)
{
    size_t length = strlen(path), end = strlen(suffix);
    if (length > 3 && strcasecmp(path + length - 3, ".gz") == 0)
        length -= 3;
    return length >= end && strncasecmp(path + length - end, suffix, end) == 0;
}
