/* Draws, the same in the interpreter, compiled code and the runtime: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror,
 * Shaw: Parallel random numbers: as easy as 1, 2, 3; 2011), a function of (key, counter) with no state.
 *
 * key = (low and high half of seed) xor-ed with (site * 0x9E3779B9, site * 0x85EBCA6B);
 * counter = (the draw's indices folded to one number row-major by x = x * 0x01000193 + index, modulo 2^32; step modulo 2^32).
 * uniform:  (first word >> 8) * 2^-24.
 * gaussian: sqrt(-2 log(1 - u1)) * cos(2 pi u2), u1 and u2 uniform from the first and second word (Box, Muller 1958). */
#ifndef NNC_BASE_RANDOM_H
#define NNC_BASE_RANDOM_H

#include <stdint.h>

static inline uint32_t nnc_rotate(uint32_t x, int by) { return (x << by) | (x >> (32 - by)); }

/* Four rounds, each with its rotation, and what is added of the key after them. Written out, so that a compiler makes vectors of many draws. */
static inline void nnc_four_rounds(uint32_t at[2], int a, int b, int c, int d, uint32_t key_x, uint32_t key_y)
{
    uint32_t x = at[0], y = at[1];
    x += y, y = nnc_rotate(y, a) ^ x;
    x += y, y = nnc_rotate(y, b) ^ x;
    x += y, y = nnc_rotate(y, c) ^ x;
    x += y, y = nnc_rotate(y, d) ^ x;
    at[0] = x + key_x;
    at[1] = y + key_y;
}

static inline void nnc_threefry(uint32_t k0, uint32_t k1, uint32_t c0, uint32_t c1, uint32_t out[2])
{
    uint32_t k2 = 0x1BD11BDAu ^ k0 ^ k1;
    out[0] = c0 + k0;
    out[1] = c1 + k1;
    nnc_four_rounds(out, 13, 15, 26, 6, k1, k2 + 1);
    nnc_four_rounds(out, 17, 29, 16, 24, k2, k0 + 2);
    nnc_four_rounds(out, 13, 15, 26, 6, k0, k1 + 3);
    nnc_four_rounds(out, 17, 29, 16, 24, k1, k2 + 4);
    nnc_four_rounds(out, 13, 15, 26, 6, k2, k0 + 5);
}

static inline void nnc_draw_words(uint64_t seed, uint32_t site, uint32_t place, uint32_t step, uint32_t out[2])
{
    nnc_threefry((uint32_t)seed ^ site * 0x9E3779B9u, (uint32_t)(seed >> 32) ^ site * 0x85EBCA6Bu, place, step, out);
}

static inline double nnc_uniform_of(uint32_t word) { return (double)(int32_t)(word >> 8) * 0x1p-24; }

#endif
