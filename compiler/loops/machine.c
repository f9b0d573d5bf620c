#include <string.h>
#include "loops/machine.h"

static const nnc_machine machines[] = {
#define NNC_MACHINE(...) {__VA_ARGS__},
#include "loops/machines.def"
};

const nnc_machine *nnc_machine_find(const char *name)
{
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
        if (strcmp(machines[i].name, name) == 0)
            return &machines[i];
    return NULL;
}

static bool starts(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* True where the comma-separated list has exactly this item: "+avx" is not in "+avx2". */
static bool has(const char *features, const char *item)
{
    size_t length = strlen(item);
    for (const char *at = features; (at = strstr(at, item)); at += length)
        if ((at == features || at[-1] == ',') && (at[length] == 0 || at[length] == ','))
            return true;
    return false;
}

const nnc_machine *nnc_machine_for(const char *triple, const char *features)
{
    static const char *const controllers[] = {"thumb", "armv6m", "armv7m", "armv7em", "armv8m", "riscv32", "avr", "msp430"};
    if (starts(triple, "x86_64"))
        return nnc_machine_find(has(features, "+avx512f") ? "x86-64-v4" : has(features, "+avx2") && has(features, "+fma") ? "x86-64-v3" : "x86-64");
    if (starts(triple, "aarch64") || starts(triple, "arm64"))
        return nnc_machine_find("aarch64");
    for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++)
        if (starts(triple, controllers[i]))
            return nnc_machine_find("small");
    return nnc_machine_find("c");
}
