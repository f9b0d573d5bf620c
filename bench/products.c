/* GFLOP/s of C[m,n] = A[m,k] B[k,n] in floats, row-major, by the library that it is compiled for (-DOPENBLAS, -DDNNL, -DXSMM): products M K N ROUNDS; the best round. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#ifdef OPENBLAS
#include <cblas.h>
#elif defined DNNL
#include <dnnl.h>
#else
#include <libxsmm.h>
#endif

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void product(int m, int k, int n, const float *a, const float *b, float *c)
{
#ifdef OPENBLAS
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a, k, b, n, 0, c, n);
#elif defined DNNL
    dnnl_sgemm('N', 'N', m, n, k, 1, a, k, b, n, 0, c, n);
#else
    const float one = 1, zero = 0;      /* column-major: C' = B' A' */
    libxsmm_sgemm("N", "N", &n, &m, &k, &one, b, &n, a, &k, &zero, c, &n);
#endif
}

static float *some(int count)
{
    float *x = aligned_alloc(64, ((size_t)count * sizeof *x + 63) / 64 * 64);
    for (int i = 0; x && i < count; i++)
        x[i] = (float)(i % 7) / 8;
    return x;
}

int main(int count, char **argument)
{
    if (count != 5)
        return 2;
    int m = atoi(argument[1]), k = atoi(argument[2]), n = atoi(argument[3]), rounds = atoi(argument[4]);
    float *a = some(m * k), *b = some(k * n), *c = some(m * n);
    double flops = 2.0 * m * k * n, best = 0;
    int repeat = (int)(2e8 / flops) + 1;
    if (!a || !b || !c)
        return 1;
    product(m, k, n, a, b, c);
    for (int r = 0; r < rounds; r++) {
        double start = now();
        for (int i = 0; i < repeat; i++)
            product(m, k, n, a, b, c);
        double rate = 1e-9 * flops * repeat / (now() - start);
        best = rate > best ? rate : best;
    }
    printf("%.2f\n", best);
    free(a), free(b), free(c);
    return 0;
}
