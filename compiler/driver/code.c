/* Kernels to machine code in this process: shared out among threads, each with a context of LLVM's and an arena of its own. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "driver/network.h"

typedef struct worker {
    const nnc_network *network;
    const nnc_network_request *request;
    nnc_arena arena;
    pthread_t thread;
    bool started, compiled;
    const nnc_loops **loops;       /* of each part, with this worker's kernels alone */
    uint64_t operations;           /* their size */
    nnc_object object;
    const char *error;
} worker;

enum { WORTH_A_THREAD = 1500, MOST_WORKERS = 16 };      /* operations */

static void *generate(void *context)
{
    worker *w = context;
    w->compiled = w->network->llvm->compile(&w->arena, w->loops, w->network->parts, NULL, &w->request->target, NNC_LLVM_OBJECT, &w->object, &w->error);
    return NULL;
}

/* ---- sharing out ---- */

typedef struct job { uint32_t part, kernel, operations; } job;

static int by_size(const void *a, const void *b)
{
    const job *x = a, *y = b;
    if (x->operations != y->operations)
        return x->operations > y->operations ? -1 : 1;
    return x->part != y->part ? (x->part < y->part ? -1 : 1) : x->kernel < y->kernel ? -1 : 1;
}

static job *list_jobs(const nnc_network *n, uint32_t *count, uint64_t *operations)
{
    uint32_t kernels = 0;
    for (uint32_t p = 0; p < n->parts; p++)
        kernels += n->part[p]->scheduled.loops->kernels;
    job *all = NNC_ARRAY(n->arena, job, kernels + 1);
    *count = 0;
    *operations = 0;
    for (uint32_t p = 0; p < n->parts; p++)
        for (uint32_t k = 0; k < n->part[p]->scheduled.loops->kernels; k++) {
            all[*count] = (job){p, k, nnc_kernel_operations(n->part[p]->scheduled.loops->kernel[k])};
            *operations += all[(*count)++].operations;
        }
    qsort(all, *count, sizeof *all, by_size);
    return all;
}

static void open_worker(worker *w, const nnc_network *n, const nnc_network_request *request)
{
    nnc_loops *copies = NNC_ARRAY(n->arena, nnc_loops, n->parts + 1);
    w->network = n;
    w->request = request;
    w->loops = NNC_ARRAY(n->arena, const nnc_loops *, n->parts + 1);
    nnc_arena_open(&w->arena, NULL, NULL);
    for (uint32_t p = 0; p < n->parts; p++) {
        copies[p] = *n->part[p]->scheduled.loops;
        copies[p].kernel = NNC_ARRAY(n->arena, nnc_kernel *, copies[p].kernels + 1);
        copies[p].kernels = 0;
        copies[p].arena = &w->arena;
        w->loops[p] = &copies[p];
    }
}

/* The largest kernels first, each to whoever has least. */
static void share_out(const nnc_network *n, worker *workers, uint32_t count, const job *all, uint32_t jobs)
{
    for (uint32_t i = 0; i < jobs; i++) {
        worker *least = workers;
        for (uint32_t w = 1; w < count; w++)
            if (workers[w].operations < least->operations)
                least = &workers[w];
        nnc_loops *to = (nnc_loops *)least->loops[all[i].part];
        to->kernel[to->kernels++] = n->part[all[i].part]->scheduled.loops->kernel[all[i].kernel];
        least->operations += all[i].operations + 1;
    }
}

/* ---- linking ---- */

static nnc_kernel_function find(const nnc_network *n, const char *name)
{
    for (uint32_t i = 0; i < n->jits; i++) {
        nnc_kernel_function found = n->llvm->symbol(n->jit[i], name);
        if (found)
            return found;
    }
    return NULL;
}

static bool link_part(nnc_network *n, nnc_part *part, const char **error)
{
    const nnc_loops *loops = part->scheduled.loops;
    nnc_step_kernel *kernel = NNC_ARRAY(n->arena, nnc_step_kernel, loops->kernels + 1);
    for (uint32_t i = 0; i < loops->kernels; i++) {
        const nnc_kernel *k = loops->kernel[i];
        kernel[i] = (nnc_step_kernel){k->name, find(n, k->name), k->tasks_fixed, k->tasks_per_example, k->task_block, k->phase, k->flops, k->bytes};
        if (!kernel[i].call) {
            *error = nnc_arena_format(n->arena, "the kernel %s is not in the code made", k->name);
            return false;
        }
    }
    part->step.kernel = kernel;
    part->step.kernels = loops->kernels;
    return true;
}

static void run_workers(worker *workers, uint32_t count)
{
    for (uint32_t w = 1; w < count; w++)
        workers[w].started = pthread_create(&workers[w].thread, NULL, generate, &workers[w]) == 0;
    generate(&workers[0]);
    for (uint32_t w = 1; w < count; w++)
        if (workers[w].started)
            pthread_join(workers[w].thread, NULL);
        else
            generate(&workers[w]);
}

bool nnc_network_compile(nnc_network *n, const nnc_network_request *request, const char **error)
{
    uint32_t jobs, most = request->threads > 0 ? (uint32_t)request->threads : 1;
    uint64_t operations;
    job *all = list_jobs(n, &jobs, &operations);
    uint64_t worth = 1 + operations / WORTH_A_THREAD;
    uint32_t count = worth < most ? (uint32_t)worth : most;
    count = count < MOST_WORKERS ? count : MOST_WORKERS;
    worker *workers = NNC_ARRAY(n->arena, worker, count);
    for (uint32_t w = 0; w < count; w++)
        open_worker(&workers[w], n, request);
    share_out(n, workers, count, all, jobs);
    run_workers(workers, count);
    n->jit = NNC_ARRAY(n->arena, nnc_jit *, count);
    bool made = true;
    for (uint32_t w = 0; w < count; w++) {
        nnc_jit *jit = workers[w].compiled ? n->llvm->load(&workers[w].object, &workers[w].error) : NULL;
        if (jit)
            n->jit[n->jits++] = jit;
        else
            *error = nnc_arena_string(n->arena, workers[w].error);
        made &= jit != NULL;
        nnc_arena_close(&workers[w].arena);
    }
    for (uint32_t i = 0; made && i < n->parts; i++)
        made = link_part(n, n->part[i], error);
    return made;
}
