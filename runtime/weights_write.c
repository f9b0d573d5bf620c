/* Writing safetensors, and fitting a file's tensors to a model's slots. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/weights.h"

static int by_name(const void *a, const void *b) { return strcmp((*(const nnc_weights_tensor *const *)a)->name, (*(const nnc_weights_tensor *const *)b)->name); }

static json_t *entry_of(const nnc_weights_tensor *t, uint64_t begin)
{
    json_t *shape = json_array();
    for (uint32_t i = 0; i < t->rank; i++)
        json_array_append_new(shape, json_integer(t->extent[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", t->integer ? "I32" : "F32", "shape", shape, "data_offsets", (json_int_t)begin,
                     (json_int_t)(begin + 4 * (uint64_t)t->elements));
}

static char *header_of(const nnc_weights_tensor **sorted, uint32_t tensors, const char *const *key, const char *const *value, uint32_t keys)
{
    json_t *header = json_object(), *metadata = json_object();
    uint64_t at = 0;
    for (uint32_t i = 0; i < keys; i++)
        json_object_set_new(metadata, key[i], json_string(value[i]));
    if (keys)
        json_object_set(header, "__metadata__", metadata);
    for (uint32_t i = 0; i < tensors; i++) {
        json_object_set_new(header, sorted[i]->name, entry_of(sorted[i], at));
        at += 4 * (uint64_t)sorted[i]->elements;
    }
    char *text = json_dumps(header, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(metadata);
    json_decref(header);
    return text;
}

void *nnc_weights_bytes(nnc_arena *arena, const nnc_weights_tensor *tensor, uint32_t tensors, const char *const *key, const char *const *value,
                        uint32_t keys, size_t *size)
{
    const nnc_weights_tensor **sorted = NNC_ARRAY(arena, const nnc_weights_tensor *, tensors + 1);
    uint64_t data = 0;
    for (uint32_t i = 0; i < tensors; i++) {
        sorted[i] = &tensor[i];
        data += 4 * (uint64_t)tensor[i].elements;
    }
    qsort(sorted, tensors, sizeof *sorted, by_name);
    char *header = header_of(sorted, tensors, key, value, keys);
    size_t length = strlen(header), padded = (length + 7) / 8 * 8;
    *size = 8 + padded + (size_t)data;
    unsigned char *bytes = nnc_arena_allocate(arena, *size, 1), *at = bytes + 8 + padded;
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)padded >> 8 * i);
    memcpy(bytes + 8, header, length);
    memset(bytes + 8 + length, ' ', padded - length);
    free(header);
    for (uint32_t i = 0; i < tensors; i++) {
        memcpy(at, sorted[i]->data, 4 * (size_t)sorted[i]->elements);
        at += 4 * (size_t)sorted[i]->elements;
    }
    return bytes;
}

/* ---- fitting ---- */

static const char *shape_text(nnc_arena *arena, uint32_t rank, const int64_t *extent)
{
    nnc_text text = {.arena = arena};
    nnc_text_add(&text, "[");
    for (uint32_t i = 0; i < rank; i++)
        nnc_text_add(&text, "%s%lld", i ? ", " : "", (long long)extent[i]);
    nnc_text_add(&text, "]");
    return nnc_text_string(&text);
}

/* Equal shapes; a scalar and a tensor of one element serve for each other. */
static bool same_shape(const nnc_slot *slot, const nnc_weights_tensor *t)
{
    if (slot->elements == 1 && t->elements == 1)
        return true;
    return slot->rank == t->rank && memcmp(slot->extent, t->extent, slot->rank * sizeof *slot->extent) == 0;
}

static bool belongs(const nnc_slot *slot, unsigned roles, const char *prefix)
{
    size_t length = prefix ? strlen(prefix) : 0;
    return (roles >> slot->role & 1) && (!prefix || (strncmp(slot->name, prefix, length) == 0 && slot->name[length] == '.'));
}

static const nnc_weights_tensor *tensor_for(const nnc_weights *weights, const nnc_slot *slot, const char *prefix)
{
    const nnc_weights_tensor *t = nnc_weights_find(weights, slot->name);
    return t || !prefix ? t : nnc_weights_find(weights, slot->name + strlen(prefix) + 1);
}

static const char *nearest_free(const nnc_weights *weights, const nnc_slot *slot, uint32_t slots, const char *name, nnc_arena *arena)
{
    const char **candidates = NNC_ARRAY(arena, const char *, weights->tensors + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < weights->tensors; i++) {
        bool taken = false;
        for (uint32_t s = 0; s < slots; s++)
            taken |= strcmp(slot[s].name, weights->tensor[i].name) == 0;
        if (!taken)
            candidates[count++] = weights->tensor[i].name;
    }
    return nnc_nearest(name, candidates, count);
}

static void report_slot(const nnc_weights *weights, const nnc_slot *slot, uint32_t slots, const nnc_slot *s, const char *prefix, nnc_text *differs)
{
    const nnc_weights_tensor *t = tensor_for(weights, s, prefix);
    if (!t) {
        const char *near = nearest_free(weights, slot, slots, s->name, differs->arena);
        nnc_text_add(differs, "  %s %s is not in the file", s->name, shape_text(differs->arena, s->rank, s->extent));
        nnc_text_add(differs, near ? " (it has %s)\n" : "\n", near);
    } else if (!same_shape(s, t)) {
        nnc_text_add(differs, "  %s is %s in the model, %s in the file\n", s->name, shape_text(differs->arena, s->rank, s->extent),
                     shape_text(differs->arena, t->rank, t->extent));
    } else if (s->integer != t->integer) {
        nnc_text_add(differs, "  %s holds %s in the model, %s in the file\n", s->name, s->integer ? "integers" : "reals", t->integer ? "integers" : "reals");
    }
}

/* "[2, 0]": where in the tensor its element is; nothing for a scalar. */
static const char *place_text(nnc_arena *arena, const nnc_weights_tensor *t, int64_t element)
{
    int64_t index[8];
    for (uint32_t i = t->rank; i-- > 0; element /= t->extent[i])
        index[i] = element % t->extent[i];
    return t->rank ? shape_text(arena, t->rank, index) : "";
}

static bool is_sound(const nnc_slot *slot, float value) { return !isnan(value) && !(slot->finite && isinf(value)); }

void nnc_weights_check(const nnc_weights_tensor *t, const nnc_slot *slot, nnc_text *differs)
{
    const float *value = t->data;
    int64_t first = 0, count = 0;
    if (t->integer)
        return;
    while (first < t->elements && is_sound(slot, value[first]))
        first++;
    for (int64_t i = first; i < t->elements; i++)
        count += !is_sound(slot, value[i]);
    if (count)
        nnc_text_add(differs, "  %s%s is %s in the file%s\n", t->name, place_text(differs->arena, t, first), isnan(value[first]) ? "NaN" : value[first] < 0 ? "-infinity" : "infinity",
                     count > 1 ? nnc_arena_format(differs->arena, ", the first of %lld such numbers", (long long)count) : "");
}

/* What a checkpoint holds besides the weights. */
static bool is_of_checkpoint(const nnc_weights *weights, const char *name)
{
    return strncmp(name, "optimizer.", 10) == 0 || (strncmp(name, "best.", 5) == 0 && nnc_weights_key(weights, "run.step"));
}

/* A name in the file that the model does not have; only where the whole model is meant. */
static void report_strangers(const nnc_weights *weights, const nnc_slot *slot, uint32_t slots, nnc_text *differs)
{
    for (uint32_t i = 0; i < weights->tensors; i++) {
        bool known = is_of_checkpoint(weights, weights->tensor[i].name);
        for (uint32_t s = 0; s < slots && !known; s++)
            known = strcmp(slot[s].name, weights->tensor[i].name) == 0;
        if (!known)
            nnc_text_add(differs, "  %s %s of the file is not in the model\n", weights->tensor[i].name,
                         shape_text(differs->arena, weights->tensor[i].rank, weights->tensor[i].extent));
    }
}

/* False, and lines of *differs, where some number is none that a network can compute with. */
static bool are_numbers(const nnc_weights *weights, const nnc_slot *slot, uint32_t slots, unsigned roles, const char *prefix, nnc_text *differs)
{
    size_t before = differs->length;
    for (uint32_t i = 0; i < slots; i++)
        if (belongs(&slot[i], roles, prefix))
            nnc_weights_check(tensor_for(weights, &slot[i], prefix), &slot[i], differs);
    if (differs->length == before)
        return true;
    nnc_text_add(differs, "  help: such numbers come of a training that diverged, or were beyond a float; train again, or take weights from before\n");
    return false;
}

bool nnc_weights_apply(const nnc_weights *weights, const nnc_slot *slot, uint32_t slots, unsigned roles, const char *prefix, void *persistent, nnc_text *differs)
{
    size_t before = differs->length;
    for (uint32_t i = 0; i < slots; i++)
        if (belongs(&slot[i], roles, prefix))
            report_slot(weights, slot, slots, &slot[i], prefix, differs);
    if (!prefix)
        report_strangers(weights, slot, slots, differs);
    if (differs->length != before || !are_numbers(weights, slot, slots, roles, prefix, differs))
        return false;
    for (uint32_t i = 0; i < slots; i++)
        if (belongs(&slot[i], roles, prefix))
            memcpy((char *)persistent + slot[i].offset, tensor_for(weights, &slot[i], prefix)->data, 4 * (size_t)slot[i].elements);
    return true;
}
