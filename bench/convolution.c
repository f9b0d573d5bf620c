/* GFLOP/s of a convolution of 3 x 3 with a border of 1 in floats, by oneDNN 2: convolution BATCH SIDE CHANNELS ROUNDS; forwards, its gradient by the input and by the kernel, a line each, the best round.
 * Every tensor lies as oneDNN likes it best; bringing it there is not counted. Nothing is given back before the end. */
#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct work { int argument; dnnl_query_t query; } work;       /* a tensor: what the primitive calls it, and how it is asked for its layout */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(dnnl_status_t status)
{
    if (status != dnnl_success) {
        fprintf(stderr, "oneDNN: %d\n", (int)status);
        exit(1);
    }
}

static dnnl_memory_desc_t any(int64_t a, int64_t b, int64_t c, int64_t d)
{
    dnnl_memory_desc_t made;
    must(dnnl_memory_desc_init_by_tag(&made, 4, (dnnl_dims_t){a, b, c, d}, dnnl_f32, dnnl_format_tag_any));
    return made;
}

static dnnl_memory_t memory(dnnl_engine_t engine, dnnl_primitive_desc_t primitive, dnnl_query_t query)
{
    const dnnl_memory_desc_t *layout = dnnl_primitive_desc_query_md(primitive, query, 0);
    dnnl_memory_t made;
    void *data;
    must(dnnl_memory_create(&made, layout, engine, DNNL_MEMORY_ALLOCATE));
    must(dnnl_memory_get_data_handle(made, &data));
    for (size_t i = 0; i < dnnl_memory_desc_get_size(layout) / sizeof(float); i++)
        ((float *)data)[i] = (float)(i % 7) / 8;
    return made;
}

static double rate(dnnl_engine_t engine, dnnl_primitive_desc_t described, const work tensor[3], double flops, int rounds)
{
    dnnl_exec_arg_t argument[3];
    dnnl_primitive_t primitive;
    dnnl_stream_t stream;
    int repeat = (int)(1e9 / flops) + 1;
    double best = 0;
    must(dnnl_primitive_create(&primitive, described));
    must(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
    for (int i = 0; i < 3; i++)
        argument[i] = (dnnl_exec_arg_t){tensor[i].argument, memory(engine, described, tensor[i].query)};
    for (int r = 0; r < rounds + 1; r++) {      /* the first warms up */
        double start = now();
        for (int i = 0; i < repeat; i++)
            must(dnnl_primitive_execute(primitive, stream, 3, argument));
        must(dnnl_stream_wait(stream));
        double reached = 1e-9 * flops * repeat / (now() - start);
        best = r > 0 && reached > best ? reached : best;
    }
    return best;
}

int main(int count, char **given)
{
    if (count != 5)
        return 2;
    int64_t batch = atoi(given[1]), side = atoi(given[2]), channels = atoi(given[3]);
    int rounds = atoi(given[4]);
    const dnnl_dims_t one = {1, 1};
    const dnnl_memory_desc_t image = any(batch, channels, side, side), kernel = any(channels, channels, 3, 3);
    const dnnl_alg_kind_t direct = dnnl_convolution_direct;
    double flops = 18.0 * (double)(batch * side * side * channels * channels);
    dnnl_engine_t engine;
    dnnl_convolution_desc_t forward, input, weights;
    dnnl_primitive_desc_t described[3];
    must(dnnl_engine_create(&engine, dnnl_cpu, 0));
    must(dnnl_convolution_forward_desc_init(&forward, dnnl_forward_training, direct, &image, &kernel, NULL, &image, one, one, one));
    must(dnnl_convolution_backward_data_desc_init(&input, direct, &image, &kernel, &image, one, one, one));
    must(dnnl_convolution_backward_weights_desc_init(&weights, direct, &image, &kernel, NULL, &image, one, one, one));
    must(dnnl_primitive_desc_create(&described[0], &forward, NULL, engine, NULL));
    must(dnnl_primitive_desc_create(&described[1], &input, NULL, engine, described[0]));
    must(dnnl_primitive_desc_create(&described[2], &weights, NULL, engine, described[0]));
    const work tensors[3][3] = {
        {{DNNL_ARG_SRC, dnnl_query_src_md}, {DNNL_ARG_WEIGHTS, dnnl_query_weights_md}, {DNNL_ARG_DST, dnnl_query_dst_md}},
        {{DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md}, {DNNL_ARG_WEIGHTS, dnnl_query_weights_md}, {DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md}},
        {{DNNL_ARG_SRC, dnnl_query_src_md}, {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md}, {DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md}},
    };
    for (int i = 0; i < 3; i++)
        printf("%.2f\n", rate(engine, described[i], tensors[i], flops, rounds));
    return 0;
}
