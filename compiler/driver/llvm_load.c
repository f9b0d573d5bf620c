/* Loads nnc-llvm.so on first use: libLLVM alone costs 20 ms. Looked for beside the program, then in ../lib/nnc. */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
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

const nnc_llvm *nnc_llvm_load(nnc_arena *arena, const char **error)
{
    static const char *const places[] = {"nnc-llvm.so", "../lib/nnc/nnc-llvm.so", "../nnc-llvm.so" /* tests, in the build folder */};
    char folder[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    const char *reason = "its own folder is not known";
    if (length > 0) {
        folder[length] = 0;
        *(strrchr(folder, '/') + 1) = 0;
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            char *path = nnc_arena_format(arena, "%s%s", folder, places[i]);
            const nnc_llvm *interface = access(path, R_OK) == 0 ? open_module(path, &reason) : NULL;
            if (interface)
                return interface;
        }
        if (strcmp(reason, "its own folder is not known") == 0)
            reason = "nnc-llvm.so is neither beside the program nor in ../lib/nnc";
    }
    *error = nnc_arena_format(arena, "the code generator cannot be loaded: %s", reason);
    return NULL;
}
