/* Weights on disk: safetensors (8 bytes of header length, a JSON header, the tensors' bytes; huggingface.co/docs/safetensors). Everything that
 * a file says is checked before anything is allocated for it. */
#ifndef NNC_RUNTIME_WEIGHTS_H
#define NNC_RUNTIME_WEIGHTS_H

#include "base/text.h"
#include "runtime/files.h"
#include "runtime/step.h"

typedef struct nnc_weights_tensor {
    const char *name;
    uint32_t rank;
    int64_t extent[8];
    int64_t elements;
    bool integer;              /* data holds int32_t (I32, I64, U8, BOOL in the file), else float (F64, F32, F16, BF16) */
    const void *data;          /* row-major */
} nnc_weights_tensor;

typedef struct nnc_weights {
    const char *path;
    nnc_weights_tensor *tensor;      /* in the order of their names */
    uint32_t tensors;
    const char **key, **value;       /* __metadata__ */
    uint32_t keys;
} nnc_weights;

/* NULL after a failure. Everything is in the arena. */
nnc_weights *nnc_weights_read(nnc_arena *arena, const char *path, nnc_failure *failure);
const nnc_weights_tensor *nnc_weights_find(const nnc_weights *weights, const char *name);
const char *nnc_weights_key(const nnc_weights *weights, const char *key);      /* NULL where it is not there */

/* The bytes of a file with these tensors and this metadata: names in order, so equal content is equal bytes. */
void *nnc_weights_bytes(nnc_arena *arena, const nnc_weights_tensor *tensor, uint32_t tensors, const char *const *key, const char *const *value,
                        uint32_t keys, size_t *size);

/* Copies the file's tensors into the slots (of the given roles: a mask of 1 << nnc_slot_role) of the persistent block. All must be there in the same shape, and
 * the file may hold nothing else than slots (whatever role) and what a checkpoint has besides. None of their numbers is NaN, and none of a slot that is to be finite infinite; tensors that
 * are not copied may hold anything. Nothing is copied, and *differs says what differs, line by line, where they do not fit. prefix: the instance whose slots alone are meant (`enc`), in the file with or without that prefix; NULL for all. */
bool nnc_weights_apply(const nnc_weights *weights, const nnc_slot *slot, uint32_t slots, unsigned roles, const char *prefix, void *persistent, nnc_text *differs);

/* Says, as a line of *differs, which number of a real tensor is the first that its slot must not hold. */
void nnc_weights_check(const nnc_weights_tensor *t, const nnc_slot *slot, nnc_text *differs);

#endif
