/* The files of a run: none is written over another that the run reads or writes, and each can be written, before any work is done. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "driver/run.h"

typedef struct used_file { const char *path, *what; bool written, spare; } used_file;   /* spare: a run can do without it */
typedef struct used_files { nnc_arena *arena; used_file *file; uint32_t count, capacity; } used_files;

static void add(used_files *files, const char *path, const char *what, bool written)
{
    if (path && strcmp(path, "-") != 0)
        NNC_PUSH(files->arena, files->file, files->count, files->capacity) = (used_file){path, what, written, false};
}

/* A pair's two files; of a single file, its name. */
static void add_data(used_files *files, const nnc_paths *paths, const char *what)
{
    for (uint32_t i = 0; i < paths->count; i++) {
        const char *path = paths->path[i], *comma = strchr(path, ',');
        add(files, path, what, false);
        if (comma && access(path, F_OK) != 0) {
            add(files, nnc_arena_copy(files->arena, path, (size_t)(comma - path)), what, false);
            add(files, comma + 1, what, false);
        }
    }
}

const char *nnc_checkpoint_path(nnc_run *run)
{
    return run->options.checkpoint ? run->options.checkpoint : nnc_arena_format(&run->arena, "%s.checkpoint.safetensors", run->model->name);
}

static void collect(nnc_run *run, used_files *files)
{
    const nnc_options *o = &run->options;
    add(files, o->model, "the model", false);
    add_data(files, &o->train, "the data of --train");
    add_data(files, &o->valid, "the data of --valid");
    add_data(files, &o->test, "the data of --test");
    add_data(files, &o->predict, "the data of --predict");
    for (uint32_t i = 0; i < o->outputs; i++)
        add(files, o->output[i].path, nnc_arena_format(files->arena, "the output of kind %s", nnc_output_name(o->output[i].kind)), true);
    add(files, o->log, "the log", true);
    if (!o->train.count)
        return;
    add(files, nnc_checkpoint_path(run), "the checkpoint", true);
    files->file[files->count - 1].spare = !o->checkpoint;
    if (!nnc_options_wants(o, NNC_OUTPUT_WEIGHTS))
        add(files, nnc_default_weights(run), "the weights", true);
}

/* The folder of a path, links followed, and its last part; false where there is no such folder. */
static bool folder_of(nnc_arena *arena, const char *path, const char **folder, const char **name)
{
    char resolved[PATH_MAX];
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    *folder = !slash ? "." : slash == path ? "/" : nnc_arena_copy(arena, path, (size_t)(slash - path));
    if (!realpath(*folder, resolved))
        return false;
    *folder = nnc_arena_string(arena, resolved);
    return true;
}

static bool is_same(nnc_arena *arena, const char *a, const char *b)
{
    struct stat of_a, of_b;
    const char *folder_a, *name_a, *folder_b, *name_b;
    bool a_there = stat(a, &of_a) == 0, b_there = stat(b, &of_b) == 0;
    if (a_there && b_there)
        return S_ISREG(of_a.st_mode) && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
    return !a_there && !b_there && folder_of(arena, a, &folder_a, &name_a) && folder_of(arena, b, &folder_b, &name_b) &&
           strcmp(folder_a, folder_b) == 0 && strcmp(name_a, name_b) == 0;
}

static nnc_exit check_writable(nnc_run *run, const char *path)
{
    struct stat status;
    const char *folder, *name;
    bool there = stat(path, &status) == 0;
    if (there && S_ISDIR(status.st_mode))
        return nnc_error(run, NNC_EXIT_SYSTEM, "%s: cannot write: it is a folder", path);
    if (there && !S_ISREG(status.st_mode))
        return NNC_EXIT_DONE;
    if (!folder_of(&run->arena, path, &folder, &name) || access(folder, W_OK | X_OK) != 0)
        return nnc_error(run, NNC_EXIT_SYSTEM, "%s: cannot write: %s", path, strerror(errno));
    return NNC_EXIT_DONE;
}

nnc_exit nnc_check_paths(nnc_run *run)
{
    used_files files = {.arena = &run->arena};
    collect(run, &files);
    for (uint32_t i = 0; i < files.count; i++)
        for (uint32_t k = 0; k < i; k++)
            if ((files.file[i].written || files.file[k].written) && is_same(&run->arena, files.file[i].path, files.file[k].path))
                return nnc_error(run, NNC_EXIT_USAGE, "%s is %s and %s: give them different files", files.file[i].path, files.file[k].what, files.file[i].what);
    for (uint32_t i = 0; i < files.count; i++) {
        nnc_exit status = files.file[i].written && !files.file[i].spare ? check_writable(run, files.file[i].path) : NNC_EXIT_DONE;
        if (status)
            return status;
    }
    return NNC_EXIT_DONE;
}
