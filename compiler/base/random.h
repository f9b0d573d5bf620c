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

static inline void nnc_threefry(uint32_t k0, uint32_t k1, uint32_t c0, uint32_t c1, uint32_t out[2])
{
    static const int rotation[8] = {13, 15, 26, 6, 17, 29, 16, 24};
    const uint32_t key[3] = {k0, k1, 0x1BD11BDAu ^ k0 ^ k1};
    uint32_t x = c0 + key[0], y = c1 + key[1];
    for (int round = 0; round < 20; round++) {
        x += y;
        y = nnc_rotate(y, rotation[round % 8]) ^ x;
        if (round % 4 == 3) {
            uint32_t s = (uint32_t)round / 4 + 1;
            x += key[s % 3];
            y += key[(s + 1) % 3] + s;
        }
    }
    out[0] = x;
    out[1] = y;
}

static inline void nnc_draw_words(uint64_t seed, uint32_t site, uint32_t place, uint32_t step, uint32_t out[2])
{
    nnc_threefry((uint32_t)seed ^ site * 0x9E3779B9u, (uint32_t)(seed >> 32) ^ site * 0x85EBCA6Bu, place, step, out);
}

static inline double nnc_uniform_of(uint32_t word) { return (double)(word >> 8) * 0x1p-24; }

#endif
