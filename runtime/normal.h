/* Many draws at once: what base/random.h defines for one place, for NNC_DRAWS places that follow each other, in loops that a compiler makes vectors of.
 *
 * The logarithm and the cosine are written here, in additions, multiplications and one division: libm's are called one by one, and their
 * last bit is another on processors with fused multiply-add. So starting values are the same bits on every machine. */
#ifndef NNC_RUNTIME_NORMAL_H
#define NNC_RUNTIME_NORMAL_H

#include <stdint.h>

enum { NNC_DRAWS = 256 };   /* small enough to stay in the nearest cache with what is made of it */

/* The words of places `first` to `first + NNC_DRAWS - 1`; `first` is a multiple of NNC_DRAWS, so that the counter's upper half is one. */
void nnc_words_block(uint32_t k0, uint32_t k1, uint64_t first, uint32_t one[NNC_DRAWS], uint32_t two[NNC_DRAWS]);
/* u of each word, as nnc_uniform_of. */
void nnc_uniform_block(const uint32_t words[NNC_DRAWS], double out[NNC_DRAWS]);
/* sqrt(-2 log(1 - u1)) * cos(2 pi u2) of the words of each place (Box, Muller 1958): the factors are within 2 and 3 units in the last place. */
void nnc_normal_block(const uint32_t one[NNC_DRAWS], const uint32_t two[NNC_DRAWS], double out[NNC_DRAWS]);
/* a + b times each number, as floats. */
void nnc_line_block(double a, double b, const double number[NNC_DRAWS], float out[NNC_DRAWS]);

#endif
