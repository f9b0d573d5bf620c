/* The most multiply-adds that a core of this machine does: a kernel of nothing else, compiled like those of a model. What a model's kernels reach is a share of it. */
#include "base/clock.h"
#include "driver/network.h"
#include "llvm/llvm.h"

enum { CHAINS = 12, ROUNDS = 4096, BURSTS = 8 };     /* sums that do not wait for one another: more than any machine's latency times its multiply-adds a cycle */
static const double SECONDS = 0.02;

/* for ROUNDS: sum += x * y, for each of the chains; x and y are read, so that nothing is known of them. */
static nnc_loops *peak_loops(nnc_arena *arena, uint8_t lanes)
{
    nnc_loops *loops = NNC_NEW(arena, nnc_loops);
    nnc_kernel *kernel = NNC_NEW(arena, nnc_kernel);
    uint32_t sum[CHAINS];
    *loops = (nnc_loops){.arena = arena, .name = "peak", .batch = 1};
    *kernel = (nnc_kernel){.name = "peak_k0", .note = "peak", .tasks_fixed = 1, .task_block = 1};
    NNC_PUSH(arena, loops->buffer, loops->buffers, loops->buffer_capacity) =
        (nnc_buffer){.name = "sums", .storage = NNC_STORAGE_WORKSPACE, .elements = (CHAINS + 2) * (int64_t)lanes, .written = true};
    NNC_PUSH(arena, loops->kernel, loops->kernels, loops->kernel_capacity) = kernel;
    nnc_builder *b = nnc_builder_new(loops, kernel);
    nnc_value_id zero = nnc_emit_index(b, 0), x = nnc_emit_load(b, 0, zero, lanes, false), y = nnc_emit_load(b, 0, nnc_emit_index(b, lanes), lanes, false);
    for (int i = 0; i < CHAINS; i++) {
        sum[i] = nnc_new_register(b, NNC_TYPE_REAL, lanes);
        nnc_emit_set(b, sum[i], nnc_emit_real(b, i, lanes));
    }
    nnc_open_for(b, zero, nnc_emit_index(b, ROUNDS), 1);
    for (int i = 0; i < CHAINS; i++)
        nnc_emit_set(b, sum[i], nnc_emit3(b, NNC_LOOP_FMA, x, y, nnc_emit_get(b, sum[i])));
    nnc_close(b);
    for (int i = 0; i < CHAINS; i++)
        nnc_emit_store(b, 0, nnc_emit_index(b, (i + 2) * (int64_t)lanes), nnc_emit_get(b, sum[i]));
    nnc_builder_done(b);
    return loops;
}

/* The best of some bursts: others may have the core in between. */
static double rate_of(nnc_kernel_function kernel, void *sums, uint8_t lanes)
{
    void *pointers[3] = {sums, NULL, NULL};
    double best = 0, start = nnc_now();
    while (nnc_now() - start < SECONDS) {
        double before = nnc_now();
        for (int i = 0; i < BURSTS; i++)
            kernel(pointers, 1, 0, 1);
        double rate = 2.0 * CHAINS * ROUNDS * BURSTS * lanes / (nnc_now() - before);
        best = rate > best ? rate : best;
    }
    return best;
}

double nnc_peak_rate(nnc_arena *arena, const nnc_machine *machine)
{
    const char *error = NULL;
    nnc_object object;
    nnc_target here = {NULL, NULL, 2};
    nnc_jit *jit = NULL;
    const nnc_llvm *llvm = nnc_llvm_load(arena, &error);
    const nnc_loops *loops = peak_loops(arena, machine->lanes);
    if (!llvm || !llvm->compile(arena, &loops, 1, NULL, &here, NNC_LLVM_OBJECT, &object, &error) || !(jit = llvm->load(&object, &error)))
        return 0;
    nnc_kernel_function kernel = llvm->symbol(jit, "peak_k0");
    double rate = kernel ? rate_of(kernel, nnc_arena_tensors(arena, 4 * (CHAINS + 2) * (size_t)machine->lanes), machine->lanes) : 0;
    llvm->unload(jit);
    return rate;
}
