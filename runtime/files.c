#include "runtime/files.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct nnc_output_file {
    const char *path;          /* as given, for messages */
    const char *target;        /* where it goes, links followed */
    const char *temporary;     /* NULL: standard output, or gone */
    const void *bytes;
    size_t size;
};

void nnc_fail(nnc_failure *failure, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
}

bool nnc_write_all(int descriptor, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t written = write(descriptor, at, size < (1 << 30) ? size : (size_t)1 << 30);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        at += written;
        size -= (size_t)written;
    }
    return true;
}

static bool sync_and_close(int descriptor)
{
    int status;
    do
        status = fsync(descriptor);
    while (status != 0 && errno == EINTR);
    if (status != 0 && (errno == EINVAL || errno == EROFS))
        status = 0;            /* what cannot be synced (a pipe) is as safe as it gets */
    int reason = errno;
    if (close(descriptor) != 0 && errno != EINTR)
        return false;
    errno = reason;
    return status == 0;
}

/* The file that a path's links lead to, whether or not it is there; links that lead nowhere but to each other stay. */
static const char *follow_links(nnc_arena *arena, const char *path)
{
    enum { MOST_LINKS = 40 };              /* as the system follows */
    char resolved[PATH_MAX];
    if (realpath(path, resolved))
        return nnc_arena_string(arena, resolved);
    for (int i = 0; i < MOST_LINKS; i++) {
        ssize_t length = readlink(path, resolved, sizeof resolved - 1);
        if (length < 0)
            return path;
        resolved[length] = 0;
        const char *slash = strrchr(path, '/');
        path = *resolved == '/' || !slash ? nnc_arena_string(arena, resolved) : nnc_arena_format(arena, "%.*s/%s", (int)(slash - path), path, resolved);
    }
    return path;
}

/* Something that is there and not a plain file (a device, a pipe) is written to as it is. */
static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

static bool write_special(const struct nnc_output_file *file, nnc_failure *failure)
{
    int descriptor = open(file->target, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0 || !nnc_write_all(descriptor, file->bytes, file->size)) {
        nnc_fail(failure, "%s: cannot write: %s", file->path, strerror(errno));
        if (descriptor >= 0)
            close(descriptor);
        return false;
    }
    close(descriptor);
    return true;
}

static mode_t mode_for(const char *target)
{
    struct stat status;
    mode_t mask = umask(0);
    umask(mask);
    return stat(target, &status) == 0 ? status.st_mode & 07777 : 0666 & ~mask;
}

static bool write_temporary(nnc_arena *arena, struct nnc_output_file *file, nnc_failure *failure)
{
    char *name = nnc_arena_format(arena, "%s.tmp-XXXXXX", file->target);
    struct stat status;
    if (stat(file->target, &status) == 0 && S_ISDIR(status.st_mode)) {
        nnc_fail(failure, "%s: cannot write: it is a folder", file->path);
        return false;
    }
    int descriptor = mkostemp(name, O_CLOEXEC);
    if (descriptor < 0) {
        nnc_fail(failure, "%s: cannot write: %s", file->path, strerror(errno));
        return false;
    }
    file->temporary = name;
    bool written = fchmod(descriptor, mode_for(file->target)) == 0 && nnc_write_all(descriptor, file->bytes, file->size);
    int reason = errno;
    bool closed = sync_and_close(descriptor);
    if (!written || !closed) {
        nnc_fail(failure, "%s: cannot write: %s", file->path, strerror(written ? errno : reason));
        return false;
    }
    return true;
}

bool nnc_outputs_add(nnc_outputs *outputs, const char *path, const void *bytes, size_t size, nnc_failure *failure)
{
    bool standard = strcmp(path, "-") == 0;
    const char *target = standard ? path : follow_links(outputs->arena, path);
    NNC_PUSH(outputs->arena, outputs->file, outputs->files, outputs->capacity) = (struct nnc_output_file){path, target, NULL, bytes, size};
    return standard || is_special(target) || write_temporary(outputs->arena, &outputs->file[outputs->files - 1], failure);
}

static void sync_folder(nnc_arena *arena, const char *target)
{
    char *folder = nnc_arena_string(arena, target);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = 0;
    int descriptor = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        fsync(descriptor);     /* a file system that cannot sync a folder orders renames itself */
        close(descriptor);
    }
}

/* Standard output, a pipe, a device. */
static bool commit_stream(const struct nnc_output_file *file, nnc_failure *failure)
{
    if (strcmp(file->path, "-") != 0)
        return write_special(file, failure);
    if (nnc_write_all(STDOUT_FILENO, file->bytes, file->size))
        return true;
    nnc_fail(failure, "standard output: cannot write: %s", strerror(errno));
    return false;
}

static bool commit_file(nnc_arena *arena, struct nnc_output_file *file, nnc_failure *failure)
{
    if (rename(file->temporary, file->target) != 0) {
        nnc_fail(failure, "%s: cannot put the new file in its place: %s", file->path, strerror(errno));
        return false;
    }
    file->temporary = NULL;
    sync_folder(arena, file->target);
    return true;
}

bool nnc_outputs_commit(nnc_outputs *outputs, nnc_failure *failure)
{
    for (size_t i = 0; i < outputs->files; i++)     /* first what may fail, then the renames, which do not */
        if (!outputs->file[i].temporary && !commit_stream(&outputs->file[i], failure))
            return false;
    for (size_t i = 0; i < outputs->files; i++)
        if (outputs->file[i].temporary && !commit_file(outputs->arena, &outputs->file[i], failure))
            return false;
    outputs->files = 0;
    return true;
}

void nnc_outputs_abandon(const nnc_outputs *outputs)
{
    for (size_t i = 0; i < outputs->files; i++)
        if (outputs->file[i].temporary)
            unlink(outputs->file[i].temporary);
}

void nnc_outputs_drop(nnc_outputs *outputs)
{
    nnc_outputs_abandon(outputs);
    outputs->files = 0;
}

bool nnc_file_replace(nnc_arena *arena, const char *path, const void *bytes, size_t size, nnc_failure *failure)
{
    nnc_outputs outputs = {.arena = arena};
    bool done = nnc_outputs_add(&outputs, path, bytes, size, failure) && nnc_outputs_commit(&outputs, failure);
    nnc_outputs_drop(&outputs);
    return done;
}

int nnc_file_open(const char *path, size_t limit, size_t *size, nnc_failure *failure)
{
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);    /* a pipe without a writer is not waited for */
    if (descriptor < 0 || fstat(descriptor, &status) != 0)
        nnc_fail(failure, "%s: cannot read: %s", path, strerror(errno));
    else if (!S_ISREG(status.st_mode))
        nnc_fail(failure, "%s: cannot read: it is %s", path, S_ISDIR(status.st_mode) ? "a folder" : "not a plain file");
    else if ((uint64_t)status.st_size > limit)
        nnc_fail(failure, "%s: cannot read: %lld bytes are more than the limit of %zu", path, (long long)status.st_size, limit);
    else {
        *size = (size_t)status.st_size;
        return descriptor;
    }
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

bool nnc_read_all(int descriptor, void *bytes, size_t size, const char *path, nnc_failure *failure)
{
    for (char *at = bytes; size > 0;) {
        ssize_t got = read(descriptor, at, size < (1 << 30) ? size : (size_t)1 << 30);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            nnc_fail(failure, "%s: cannot read: %s", path, got < 0 ? strerror(errno) : "it became shorter while it was read");
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return true;
}

char *nnc_file_read(nnc_arena *arena, const char *path, size_t limit, size_t *size, nnc_failure *failure)
{
    int descriptor = nnc_file_open(path, limit, size, failure);
    if (descriptor < 0)
        return NULL;
    char *bytes = nnc_arena_allocate(arena, *size + 1, 1);
    bool whole = nnc_read_all(descriptor, bytes, *size, path, failure);
    close(descriptor);
    return whole ? bytes : NULL;
}
