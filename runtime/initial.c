#include "runtime/initial.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/normal.h"

/* FNV-1a: what a name's draws are told apart by. */
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

/* A block of draws: the words of its places, and numbers made of them. */
typedef struct { uint32_t one[NNC_DRAWS], two[NNC_DRAWS]; double number[NNC_DRAWS]; float value[NNC_DRAWS]; } block;

static void draw_words(block *b, uint64_t seed, uint32_t name, int64_t first)
{
    nnc_words_block((uint32_t)seed ^ name, (uint32_t)(seed >> 32) ^ 0x696E6974u, (uint64_t)first, b->one, b->two);
}

static int64_t in_block(int64_t count, int64_t first)
{
    return count - first < NNC_DRAWS ? count - first : NNC_DRAWS;
}

/* a + b times each of the block's numbers, to those of `out` from `first` that there are. */
static void put(block *b, double a, double factor, float *out, int64_t count, int64_t first)
{
    int64_t some = in_block(count, first);
    nnc_line_block(a, factor, b->number, some == NNC_DRAWS ? out + first : b->value);
    if (some < NNC_DRAWS)
        memcpy(out + first, b->value, (size_t)some * sizeof *out);
}

void nnc_draw_normal(float *out, int64_t count, double mean, double std, uint64_t seed, const char *name)
{
    uint32_t hash = hash_of(name);
    block b;
    for (int64_t first = 0; first < count; first += NNC_DRAWS) {
        draw_words(&b, seed, hash, first);
        nnc_normal_block(b.one, b.two, b.number);
        put(&b, mean, std, out, count, first);
    }
}

void nnc_draw_uniform(float *out, int64_t count, double low, double high, uint64_t seed, const char *name)
{
    uint32_t hash = hash_of(name);
    block b;
    for (int64_t first = 0; first < count; first += NNC_DRAWS) {
        draw_words(&b, seed, hash, first);
        nnc_uniform_block(b.one, b.number);
        put(&b, low, high - low, out, count, first);
    }
}

static void fill_normal(double *out, int64_t count, uint64_t seed, uint32_t name)
{
    block b;
    for (int64_t first = 0; first < count; first += NNC_DRAWS) {
        draw_words(&b, seed, name, first);
        nnc_normal_block(b.one, b.two, b.number);
        memcpy(out + first, b.number, (size_t)in_block(count, first) * sizeof *out);
    }
}

/* Modified Gram-Schmidt, twice, on `count` vectors of `length` (row-major): as stable as Householder's reflections (Giraud et al. 2005). */
static void orthonormalise(double *v, int64_t count, int64_t length)
{
    for (int64_t i = 0; i < count; i++) {
        double *a = v + i * length, norm = 0;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t j = 0; j < i; j++) {
                const double *b = v + j * length;
                double dot = 0;
                for (int64_t k = 0; k < length; k++)
                    dot += a[k] * b[k];
                for (int64_t k = 0; k < length; k++)
                    a[k] -= dot * b[k];
            }
        for (int64_t k = 0; k < length; k++)
            norm += a[k] * a[k];
        norm = sqrt(norm);
        for (int64_t k = 0; k < length; k++)
            a[k] /= norm;
    }
}

int nnc_draw_orthogonal(float *out, int64_t rows, int64_t columns, double gain, uint64_t seed, const char *name)
{
    int64_t count = rows < columns ? rows : columns, length = rows < columns ? columns : rows;
    double *v = malloc((size_t)(count * length) * sizeof *v);
    if (!v)
        return 0;
    fill_normal(v, count * length, seed, hash_of(name));
    orthonormalise(v, count, length);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            out[r * columns + c] = (float)(gain * (rows < columns ? v[r * length + c] : v[c * length + r]));
    free(v);
    return 1;
}
