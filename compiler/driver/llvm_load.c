/* Loads nnc-llvm.so on first use: libLLVM alone costs 20 ms. Looked for beside the program, then in ../lib/nnc. */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "driver/network.h"

static const nnc_llvm *open_module(const char *path, const char **reason)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const nnc_llvm *interface = handle ? dlsym(handle, "nnc_llvm_interface") : NULL;
    if (!interface)
        *reason = dlerror();
    return interface;
}

/* The module's path, or NULL and why there is none. */
static const char *find_module(nnc_arena *arena, const char **reason)
{
    static const char *const places[] = {"nnc-llvm.so", "../lib/nnc/nnc-llvm.so", "../nnc-llvm.so" /* tests, in the build folder */};
    char folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    *reason = length > 0 ? "nnc-llvm.so is neither beside the program nor in ../lib/nnc" : "its own folder is not known";
    if (length <= 0)
        return NULL;
    folder[length] = 0;
    *(strrchr(folder, '/') + 1) = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *path = nnc_arena_format(arena, "%s%s", folder, places[i]);
        if (access(path, R_OK) == 0)
            return path;
    }
    return NULL;
}

const nnc_llvm *nnc_llvm_load(nnc_arena *arena, const char **error)
{
    const char *reason, *path = find_module(arena, &reason);
    const nnc_llvm *interface = path ? open_module(path, &reason) : NULL;
    if (!interface)
        *error = nnc_arena_format(arena, "the code generator cannot be loaded: %s", reason);
    return interface;
}

bool nnc_llvm_identity(nnc_arena *arena, nnc_cache_key *key)
{
    const char *reason, *path = find_module(arena, &reason);
    struct stat status;
    if (!path || stat(path, &status) != 0)
        return false;
    nnc_cache_key_text(key, path);
    nnc_cache_key_number(key, status.st_size);
    nnc_cache_key_number(key, status.st_mtim.tv_sec);
    nnc_cache_key_number(key, status.st_mtim.tv_nsec);
    return true;
}
