/* The one symbol that the module exports. */
#include <llvm/Config/llvm-config.h>
#include "llvm/internal.h"

static const char *version(void) { return LLVM_VERSION_STRING; }

NNC_EXPORTED const nnc_llvm nnc_llvm_interface = {nnc_llvm_machine, nnc_llvm_compile, nnc_jit_load, nnc_jit_symbol, nnc_jit_unload, version};
