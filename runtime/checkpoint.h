/* Checkpoints: a weights file that also holds the optimizer's states, the best weights so far, and where the run is, so that a resumed run
 * ends with the bits of an undisturbed one. */
#ifndef NNC_RUNTIME_CHECKPOINT_H
#define NNC_RUNTIME_CHECKPOINT_H

#include "runtime/train.h"
#include "runtime/weights.h"

typedef struct nnc_checkpoint_keys {  /* metadata of the driver's: class names, columns, the model's text, what tells that data and seed are the same */
    const char *const *key, *const *value;
    uint32_t count;
} nnc_checkpoint_keys;

/* The file's bytes. `all`: every slot to be saved; `kept`: those of the best copy (t->slot). */
void *nnc_checkpoint_bytes(nnc_arena *arena, const nnc_slot *all, uint32_t alls, const nnc_training *t, const nnc_train_state *state,
                           const nnc_checkpoint_keys *keys, size_t *size);
/* Fills the persistent block and the state (opened before). False and the reason where the file is no checkpoint of this model. */
bool nnc_checkpoint_restore(const nnc_weights *file, const nnc_slot *all, uint32_t alls, const nnc_training *t, nnc_train_state *state, nnc_text *differs);
/* The weights as they are used: parameters, states, fits. */
void *nnc_weights_of_slots(nnc_arena *arena, const nnc_slot *slot, uint32_t slots, unsigned roles, const void *persistent, const nnc_checkpoint_keys *keys, size_t *size);

#endif
