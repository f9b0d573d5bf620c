/* Reading safetensors. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/checked.h"
#include "runtime/weights.h"

#define MAX_HEADER ((uint64_t)16 << 20)

typedef struct dtype { const char *name; unsigned bytes; bool integer; } dtype;
static const dtype DTYPES[] = {{"F32", 4, false}, {"F64", 8, false}, {"F16", 2, false}, {"BF16", 2, false},
                               {"I32", 4, true},  {"I64", 8, true},  {"U8", 1, true},   {"BOOL", 1, true}};

typedef struct entry { nnc_weights_tensor tensor; uint64_t begin, end; const dtype *type; } entry;

static const dtype *dtype_of(const char *name)
{
    for (size_t i = 0; name && i < sizeof DTYPES / sizeof *DTYPES; i++)
        if (strcmp(DTYPES[i].name, name) == 0)
            return &DTYPES[i];
    return NULL;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

/* IEEE 754 binary16 to binary32, exact. */
static float from_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 31)
        return from_bits(sign | 0x7F800000u | fraction << 13);
    if (exponent > 0)
        return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float value = (float)fraction * 0x1p-24f;
    return sign ? -value : value;
}

static float real_at(const dtype *type, const unsigned char *at)
{
    uint16_t half;
    float single;
    double full;
    switch (type->name[0] == 'B' ? 'B' : type->name[1]) {
    case '3': memcpy(&single, at, 4); return single;
    case '6': memcpy(&full, at, 8); return (float)full;
    case '1': memcpy(&half, at, 2); return from_half(half);
    default: memcpy(&half, at, 2); return from_bits((uint32_t)half << 16);
    }
}

static int32_t integer_at(const dtype *type, const unsigned char *at)
{
    int32_t whole;
    int64_t wide;
    if (type->bytes == 1)
        return *at;
    if (type->bytes == 4) {
        memcpy(&whole, at, 4);
        return whole;
    }
    memcpy(&wide, at, 8);
    return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
}

static const void *convert(nnc_arena *arena, const entry *e, const unsigned char *bytes)
{
    float *real = NNC_ARRAY(arena, float, (size_t)e->tensor.elements + 1);
    int32_t *whole = (int32_t *)(void *)real;
    if (e->type->bytes == 4)
        memcpy(real, bytes + e->begin, (size_t)(e->end - e->begin));
    else
        for (int64_t i = 0; i < e->tensor.elements; i++) {
            const unsigned char *at = bytes + e->begin + (uint64_t)i * e->type->bytes;
            if (e->type->integer)
                whole[i] = integer_at(e->type, at);
            else
                real[i] = real_at(e->type, at);
        }
    return real;
}

/* ---- one tensor's entry in the header ---- */

static bool read_shape(entry *e, const json_t *shape)
{
    e->tensor.rank = (uint32_t)json_array_size(shape);
    e->tensor.elements = 1;
    if (!json_is_array(shape) || json_array_size(shape) > 8)
        return false;
    for (uint32_t i = 0; i < e->tensor.rank; i++) {
        const json_t *extent = json_array_get(shape, i);
        e->tensor.extent[i] = json_integer_value(extent);
        if (!json_is_integer(extent) || e->tensor.extent[i] < 0 || !nnc_checked_multiply(e->tensor.elements, e->tensor.extent[i], &e->tensor.elements) ||
            e->tensor.elements > NNC_MAX_ELEMENTS)
            return false;
    }
    return true;
}

static bool read_offsets(entry *e, const json_t *offsets)
{
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) || json_integer_value(begin) < 0 || json_integer_value(end) < 0)
        return false;
    e->begin = (uint64_t)json_integer_value(begin);
    e->end = (uint64_t)json_integer_value(end);
    return e->begin <= e->end;
}

static const char *read_entry(nnc_arena *arena, entry *e, const char *name, const json_t *value)
{
    e->tensor.name = nnc_arena_string(arena, name);
    e->type = dtype_of(json_string_value(json_object_get(value, "dtype")));
    if (!e->type)
        return "its dtype is none of F32, F64, F16, BF16, I32, I64, U8, BOOL";
    e->tensor.integer = e->type->integer;
    if (!read_shape(e, json_object_get(value, "shape")))
        return "its shape is not a list of at most 8 sizes";
    if (!read_offsets(e, json_object_get(value, "data_offsets")))
        return "its data_offsets are not a pair of positions";
    if (e->end - e->begin != (uint64_t)e->tensor.elements * e->type->bytes)
        return "its bytes do not fit its shape";
    return NULL;
}

/* ---- the whole ---- */

static int by_begin(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1) : x->end != y->end ? (x->end < y->end ? -1 : 1) : 0;
}

static int by_name(const void *a, const void *b) { return strcmp(((const nnc_weights_tensor *)a)->name, ((const nnc_weights_tensor *)b)->name); }

static bool read_metadata(nnc_arena *arena, nnc_weights *weights, json_t *metadata)
{
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return false;
    weights->key = NNC_ARRAY(arena, const char *, json_object_size(metadata) + 1);
    weights->value = NNC_ARRAY(arena, const char *, json_object_size(metadata) + 1);
    json_object_foreach(metadata, key, value) {
        if (!json_is_string(value))
            return false;
        weights->key[weights->keys] = nnc_arena_string(arena, key);
        weights->value[weights->keys++] = nnc_arena_string(arena, json_string_value(value));
    }
    return true;
}

static bool read_entries(nnc_arena *arena, nnc_weights *weights, json_t *header, entry *entries, nnc_failure *failure)
{
    const char *name, *wrong;
    json_t *value;
    json_object_foreach(header, name, value) {
        if (strcmp(name, "__metadata__") == 0) {
            if (!read_metadata(arena, weights, value)) {
                nnc_fail(failure, "%s: not a safetensors file: its metadata holds something else than texts", weights->path);
                return false;
            }
            continue;
        }
        wrong = read_entry(arena, &entries[weights->tensors++], name, value);
        if (wrong) {
            nnc_fail(failure, "%s: tensor %s: %s", weights->path, nnc_escape(arena, name, strlen(name)), wrong);
            return false;
        }
    }
    return true;
}

/* The tensors' bytes follow one another without holes to the end of the file. */
static bool are_contiguous(const nnc_weights *weights, entry *entries, uint64_t size, nnc_failure *failure)
{
    uint64_t at = 0;
    qsort(entries, weights->tensors, sizeof *entries, by_begin);
    for (uint32_t i = 0; i < weights->tensors; i++) {
        if (entries[i].begin != at) {
            nnc_fail(failure, "%s: tensor %s: its bytes do not follow the ones before", weights->path, entries[i].tensor.name);
            return false;
        }
        at = entries[i].end;
    }
    if (at != size)
        nnc_fail(failure, "%s: it should have %llu bytes of tensors, but has %llu: it was cut or written on", weights->path, (unsigned long long)at, (unsigned long long)size);
    return at == size;
}

/* What the header says; the bytes behind it are `data` many. NULL after a failure. */
static nnc_weights *read_header(nnc_arena *arena, const char *path, const char *text, size_t length, uint64_t data, entry **entries, nnc_failure *failure)
{
    json_error_t error;
    nnc_weights *weights = NNC_NEW(arena, nnc_weights);
    weights->path = path;
    json_t *header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(header)) {
        nnc_fail(failure, "%s: not a safetensors file: its header is not a JSON object (%s)", path, header ? "it is something else" : error.text);
        json_decref(header);
        return NULL;
    }
    *entries = NNC_ARRAY(arena, entry, json_object_size(header) + 1);
    bool good = read_entries(arena, weights, header, *entries, failure) && are_contiguous(weights, *entries, data, failure);
    json_decref(header);
    return good ? weights : NULL;
}

static void read_tensors(nnc_arena *arena, nnc_weights *weights, const entry *entries, const unsigned char *bytes)
{
    weights->tensor = NNC_ARRAY(arena, nnc_weights_tensor, weights->tensors + 1);
    for (uint32_t i = 0; i < weights->tensors; i++) {
        weights->tensor[i] = entries[i].tensor;
        weights->tensor[i].data = convert(arena, &entries[i], bytes);
    }
    qsort(weights->tensor, weights->tensors, sizeof *weights->tensor, by_name);
}

static bool read_length(int descriptor, const char *path, size_t size, uint64_t *length, nnc_failure *failure)
{
    unsigned char bytes[8];
    if (size >= 8 && !nnc_read_all(descriptor, bytes, 8, path, failure))
        return false;
    *length = 0;
    for (int i = 0; i < 8 && size >= 8; i++)
        *length |= (uint64_t)bytes[i] << 8 * i;
    if (size < 8 || *length > size - 8 || *length < 2)
        nnc_fail(failure, "%s: not a safetensors file: %s", path, size < 8 ? "it is too short" : "its header's length does not fit it");
    else if (*length > MAX_HEADER)
        nnc_fail(failure, "%s: its header of %llu bytes is over the limit of 16 MB", path, (unsigned long long)*length);
    else
        return true;
    return false;
}

/* Nothing is allocated for the tensors before the header and the file's size agree. */
static nnc_weights *read_open(nnc_arena *arena, int descriptor, const char *path, size_t size, nnc_failure *failure)
{
    uint64_t length;
    entry *entries;
    if (!read_length(descriptor, path, size, &length, failure))
        return NULL;
    char *text = nnc_arena_allocate(arena, (size_t)length, 1);
    if (!nnc_read_all(descriptor, text, (size_t)length, path, failure))
        return NULL;
    size_t data = size - 8 - (size_t)length;
    nnc_weights *weights = read_header(arena, path, text, (size_t)length, data, &entries, failure);
    unsigned char *bytes = weights ? nnc_arena_allocate(arena, data + 1, 1) : NULL;
    if (!weights || !nnc_read_all(descriptor, bytes, data, path, failure))
        return NULL;
    read_tensors(arena, weights, entries, bytes);
    return weights;
}

nnc_weights *nnc_weights_read(nnc_arena *arena, const char *path, nnc_failure *failure)
{
    size_t size;
    int descriptor = nnc_file_open(path, (size_t)1 << 40, &size, failure);
    if (descriptor < 0)
        return NULL;
    nnc_weights *weights = read_open(arena, descriptor, path, size, failure);
    close(descriptor);
    return weights;
}

const nnc_weights_tensor *nnc_weights_find(const nnc_weights *weights, const char *name)
{
    nnc_weights_tensor key = {.name = name};
    return weights->tensors ? bsearch(&key, weights->tensor, weights->tensors, sizeof *weights->tensor, by_name) : NULL;
}

const char *nnc_weights_key(const nnc_weights *weights, const char *key)
{
    for (uint32_t i = 0; i < weights->keys; i++)
        if (strcmp(weights->key[i], key) == 0)
            return weights->value[i];
    return NULL;
}
