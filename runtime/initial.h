/* Values that parameters and states start from. Drawn by base/random.h's generator under a key of the seed and the name, so they do not
 * depend on the order of parameters. */
#ifndef NNC_RUNTIME_INITIAL_H
#define NNC_RUNTIME_INITIAL_H

#include <stdint.h>

void nnc_draw_normal(float *out, int64_t count, double mean, double std, uint64_t seed, const char *name);
void nnc_draw_uniform(float *out, int64_t count, double low, double high, uint64_t seed, const char *name);
/* A matrix [rows, columns] with orthonormal columns (or rows, where there are fewer), times gain: the Q of a gaussian matrix's QR, signs made
 * those of R's diagonal (Saxe, McClelland, Ganguli 2014; Mezzadri 2007). False where memory does not suffice. */
int nnc_draw_orthogonal(float *out, int64_t rows, int64_t columns, double gain, uint64_t seed, const char *name);

#endif
