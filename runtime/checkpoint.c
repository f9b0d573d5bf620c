#include "runtime/checkpoint.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The state's numbers in the metadata: one row each. REAL ones are written as hexadecimal floats, so that they come back exactly. */
#define STATE_ROWS(WHOLE, REAL) \
    WHOLE(step) WHOLE(epoch) WHOLE(at) REAL(loss_sum) WHOLE(loss_count) REAL(best_loss) WHOLE(best_step) REAL(best_epoch) WHOLE(waits)

static nnc_weights_tensor tensor_of(const nnc_slot *slot, const char *name, const void *data)
{
    nnc_weights_tensor t = {.name = name, .rank = slot->rank, .elements = slot->elements, .integer = slot->integer, .data = data};
    memcpy(t.extent, slot->extent, sizeof t.extent);
    return t;
}

static uint32_t add_best(nnc_arena *arena, const nnc_training *t, const nnc_train_state *state, nnc_weights_tensor *out)
{
    const char *at = state->best;
    for (uint32_t i = 0; i < t->slots; i++) {
        out[i] = tensor_of(&t->slot[i], nnc_arena_format(arena, "best.%s", t->slot[i].name), at);
        at += 4 * (size_t)t->slot[i].elements;
    }
    return t->slots;
}

void *nnc_checkpoint_bytes(nnc_arena *arena, const nnc_slot *all, uint32_t alls, const nnc_training *t, const nnc_train_state *state,
                           const nnc_checkpoint_keys *keys, size_t *size)
{
    nnc_weights_tensor *tensor = NNC_ARRAY(arena, nnc_weights_tensor, alls + t->slots + 1);
    const char **key = NNC_ARRAY(arena, const char *, keys->count + 16), **value = NNC_ARRAY(arena, const char *, keys->count + 16);
    uint32_t tensors = 0, count = keys->count;
    for (uint32_t i = 0; i < alls; i++)
        if (all[i].role != NNC_SLOT_INTERNAL)
            tensor[tensors++] = tensor_of(&all[i], all[i].name, (const char *)t->persistent + all[i].offset);
    if (state->has_best && state->best)
        tensors += add_best(arena, t, state, tensor + tensors);
    memcpy(key, keys->key, count * sizeof *key);
    memcpy(value, keys->value, count * sizeof *value);
#define WHOLE(name) key[count] = "run." #name, value[count++] = nnc_arena_format(arena, "%" PRId64, state->name);
#define REAL(name) key[count] = "run." #name, value[count++] = nnc_arena_format(arena, "%a", state->name);
    STATE_ROWS(WHOLE, REAL)
#undef WHOLE
#undef REAL
    key[count] = "run.has_best", value[count++] = state->has_best ? "1" : "0";
    return nnc_weights_bytes(arena, tensor, tensors, key, value, count, size);
}

static const char *key_of(const nnc_weights *file, const char *name, nnc_text *differs)
{
    const char *value = nnc_weights_key(file, name);
    if (!value)
        nnc_text_add(differs, "  it does not say %s: it is no checkpoint\n", name);
    return value ? value : "0";
}

static bool restore_best(const nnc_weights *file, const nnc_training *t, nnc_train_state *state, nnc_text *differs)
{
    char *at = state->best;
    for (uint32_t i = 0; i < t->slots; i++) {
        char *name = nnc_arena_format(differs->arena, "best.%s", t->slot[i].name);
        const nnc_weights_tensor *found = nnc_weights_find(file, name);
        if (!found || found->elements != t->slot[i].elements) {
            nnc_text_add(differs, "  %s is not in the file\n", name);
            return false;
        }
        nnc_weights_check(found, &t->slot[i], differs);
        memcpy(at, found->data, 4 * (size_t)found->elements);
        at += 4 * (size_t)found->elements;
    }
    return differs->length == 0;
}

/* A run of this model, data and recipe cannot be anywhere else: what follows reads examples by these numbers. */
static void check_place(const nnc_training *t, const nnc_train_state *s, nnc_text *differs)
{
    int64_t an_epoch = (t->train->count + t->batch - 1) / t->batch;
    bool inside = s->step >= 0 && s->epoch >= 0 && s->at >= 0 && s->at < t->train->count && s->at % t->batch == 0 && s->epoch <= s->step / an_epoch;
    if (!inside || s->epoch * an_epoch + s->at / t->batch != s->step || s->loss_count < 0 || s->waits < 0)
        nnc_text_add(differs, "  it says that the run is at step %lld, after %lld epochs and %lld examples, where no run of this model is\n", (long long)s->step,
                     (long long)s->epoch, (long long)s->at);
}

bool nnc_checkpoint_restore(const nnc_weights *file, const nnc_slot *all, uint32_t alls, const nnc_training *t, nnc_train_state *state, nnc_text *differs)
{
#define WHOLE(name) state->name = strtoll(key_of(file, "run." #name, differs), NULL, 10);
#define REAL(name) state->name = strtod(key_of(file, "run." #name, differs), NULL);
    STATE_ROWS(WHOLE, REAL)
#undef WHOLE
#undef REAL
    state->has_best = strcmp(key_of(file, "run.has_best", differs), "1") == 0;
    check_place(t, state, differs);
    nnc_weights own = *file;
    own.tensor = NNC_ARRAY(differs->arena, nnc_weights_tensor, file->tensors + 1);
    own.tensors = 0;
    for (uint32_t i = 0; i < file->tensors; i++)
        if (strncmp(file->tensor[i].name, "best.", 5) != 0)
            own.tensor[own.tensors++] = file->tensor[i];
    unsigned saved = 1u << NNC_SLOT_PARAMETER | 1u << NNC_SLOT_STATE | 1u << NNC_SLOT_FIT | 1u << NNC_SLOT_OPTIMIZER;
    if (differs->length || !nnc_weights_apply(&own, all, alls, saved, NULL, t->persistent, differs))
        return false;
    return !state->has_best || !state->best || restore_best(file, t, state, differs);
}

void *nnc_weights_of_slots(nnc_arena *arena, const nnc_slot *slot, uint32_t slots, unsigned roles, const void *persistent, const nnc_checkpoint_keys *keys, size_t *size)
{
    nnc_weights_tensor *tensor = NNC_ARRAY(arena, nnc_weights_tensor, slots + 1);
    uint32_t tensors = 0;
    for (uint32_t i = 0; i < slots; i++)
        if (roles >> slot[i].role & 1)
            tensor[tensors++] = tensor_of(&slot[i], slot[i].name, (const char *)persistent + slot[i].offset);
    return nnc_weights_bytes(arena, tensor, tensors, keys->key, keys->value, keys->count, size);
}
