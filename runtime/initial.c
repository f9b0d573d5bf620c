#include "runtime/initial.h"
#include <math.h>
#include <stdlib.h>
#include "base/random.h"

/* FNV-1a: what a name's draws are told apart by. */
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static void words_at(uint64_t seed, uint32_t name, int64_t i, uint32_t out[2])
{
    nnc_threefry((uint32_t)seed ^ name, (uint32_t)(seed >> 32) ^ 0x696E6974u, (uint32_t)i, (uint32_t)((uint64_t)i >> 32), out);
}

/* Box and Muller 1958, from the two words of one place. */
static double normal_at(uint64_t seed, uint32_t name, int64_t i)
{
    uint32_t word[2];
    words_at(seed, name, i, word);
    return sqrt(-2 * log(1 - nnc_uniform_of(word[0]))) * cos(6.283185307179586 * nnc_uniform_of(word[1]));
}

void nnc_draw_normal(float *out, int64_t count, double mean, double std, uint64_t seed, const char *name)
{
    uint32_t hash = hash_of(name);
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)(mean + std * normal_at(seed, hash, i));
}

void nnc_draw_uniform(float *out, int64_t count, double low, double high, uint64_t seed, const char *name)
{
    uint32_t hash = hash_of(name), word[2];
    for (int64_t i = 0; i < count; i++) {
        words_at(seed, hash, i, word);
        out[i] = (float)(low + (high - low) * nnc_uniform_of(word[0]));
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
    uint32_t hash = hash_of(name);
    if (!v)
        return 0;
    for (int64_t i = 0; i < count * length; i++)
        v[i] = normal_at(seed, hash, i);
    orthonormalise(v, count, length);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++)
            out[r * columns + c] = (float)(gain * (rows < columns ? v[r * length + c] : v[c * length + r]));
    free(v);
    return 1;
}
