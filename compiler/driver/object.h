/* Object code linked into this process: ELF relocatables for x86-64 and aarch64, with the few relocations that generated code has. So code from the cache runs without LLVM.
 * The code finds nothing of the process but what object.c lists: libm's powf, fmaf and floorf, and copies. */
#ifndef NNC_DRIVER_OBJECT_H
#define NNC_DRIVER_OBJECT_H

#include <stdbool.h>
#include "llvm/llvm.h"

typedef struct nnc_code nnc_code;

/* False where this machine is none of the two: LLVM links there (llvm.h). */
bool nnc_code_is_known(void);

/* NULL and *error (a literal) where the bytes are no such object, for another machine, or ask for what is not known here. Everything that they say is checked; the object may be
 * freed afterwards. Code pages are never writable and executable at once. */
nnc_code *nnc_code_load(const nnc_object *object, const char **error);
/* NULL: there is none of this name. */
nnc_kernel_function nnc_code_symbol(const nnc_code *code, const char *name);
void nnc_code_unload(nnc_code *code);

#endif
