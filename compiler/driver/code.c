/* Kernels to machine code in this process: from the cache, or shared out among threads that make it, each with a context of LLVM's and an arena of its own. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "driver/network.h"

/* A kernel's code: by what it does to its buffers, whichever they are, so that equal layers share it. */
typedef struct job {
    nnc_loops *loops;              /* nnc_kernel_alone; named by the hash of its content */
    uint32_t operations;
    bool twin;                     /* another job before it has this name */
} job;

typedef struct worker {
    const nnc_network *network;
    const nnc_network_request *request;
    nnc_arena arena;
    pthread_t thread;
    bool started, compiled;
    const nnc_loops **loops;       /* its kernels */
    uint32_t count;
    uint64_t operations;           /* their size */
    nnc_object object;
    const char *error;
} worker;

enum { WORTH_A_THREAD = 1500, MOST_WORKERS = 16 };      /* operations */

static void *generate(void *context)
{
    worker *w = context;
    w->compiled = w->network->llvm->compile(&w->arena, w->loops, w->count, NULL, &w->request->target, NNC_LLVM_OBJECT, &w->object, &w->error);
    return NULL;
}

/* ---- which kernels there are ---- */

/* The kernel alone; *place (parallel to its arguments) says which buffers it is given. */
static nnc_loops *name_kernel(nnc_network *n, const nnc_loops *loops, const nnc_kernel *kernel, const nnc_step_place **place)
{
    nnc_cache_key key;
    const uint32_t *buffer;
    nnc_loops *alone = nnc_kernel_alone(n->work, loops, kernel, &buffer);
    nnc_step_place *places = NNC_ARRAY(n->arena, nnc_step_place, alone->arguments + 1);
    nnc_cache_key_open(&key);
    nnc_loops_feed(alone, nnc_cache_key_feed, &key);
    alone->kernel[0]->name = nnc_cache_key_name(n->work, &key, "k");
    for (uint32_t i = 0; i < alone->arguments; i++) {
        const nnc_buffer *b = &loops->buffer[buffer[i]];
        bool argument = b->storage == NNC_STORAGE_ARGUMENT;
        places[i] = (nnc_step_place){argument ? (uint32_t)NNC_STORAGE_ARGUMENT + b->argument : (uint32_t)b->storage, argument ? 0 : b->offset};
    }
    *place = places;
    return alone;
}

static int by_name(const void *a, const void *b) { return strcmp((*(const job *const *)a)->loops->kernel[0]->name, (*(const job *const *)b)->loops->kernel[0]->name); }

static int by_size(const void *a, const void *b)
{
    const job *x = a, *y = b;
    if (x->operations != y->operations)
        return x->operations > y->operations ? -1 : 1;
    return strcmp(x->loops->kernel[0]->name, y->loops->kernel[0]->name);
}

/* Keeps one of each name, the largest first. */
static uint32_t keep_distinct(nnc_arena *arena, job *all, uint32_t count)
{
    job **sorted = NNC_ARRAY(arena, job *, count + 1);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = &all[i];
    qsort(sorted, count, sizeof *sorted, by_name);
    for (uint32_t i = 1; i < count; i++)
        sorted[i]->twin = by_name(&sorted[i - 1], &sorted[i]) == 0;
    for (uint32_t i = 0; i < count; i++)
        if (!all[i].twin)
            all[kept++] = all[i];
    qsort(all, kept, sizeof *all, by_size);
    return kept;
}

/* The distinct kernels of all parts. Fills in the parts' kernels but for where their code is. */
static job *list_jobs(nnc_network *n, uint32_t *count)
{
    uint32_t kernels = 0;
    for (uint32_t p = 0; p < n->parts; p++)
        kernels += n->part[p]->scheduled.loops->kernels;
    job *all = NNC_ARRAY(n->work, job, kernels + 1);
    *count = 0;
    for (uint32_t p = 0; p < n->parts; p++) {
        const nnc_loops *loops = n->part[p]->scheduled.loops;
        nnc_step_kernel *kernel = NNC_ARRAY(n->arena, nnc_step_kernel, loops->kernels + 1);
        for (uint32_t i = 0; i < loops->kernels; i++) {
            const nnc_kernel *k = loops->kernel[i];
            const nnc_step_place *place;
            nnc_loops *alone = name_kernel(n, loops, k, &place);
            all[(*count)++] = (job){alone, nnc_kernel_operations(k), false};
            kernel[i] = (nnc_step_kernel){.name = alone->kernel[0]->name, .place = place, .places = alone->arguments, .own = NNC_ARRAY(n->arena, void *, NNC_STEP_POINTERS + alone->arguments),
                                          .tasks_fixed = k->tasks_fixed, .tasks_per_example = k->tasks_per_example, .task_block = k->task_block, .phase = k->phase, .flops = k->flops, .bytes = k->bytes};
        }
        n->part[p]->step.kernel = kernel;
        n->part[p]->step.kernels = loops->kernels;
    }
    *count = keep_distinct(n->work, all, *count);
    return all;
}

/* ---- sharing out ---- */

static void open_worker(worker *w, const nnc_network *n, const nnc_network_request *request, uint32_t jobs)
{
    w->network = n;
    w->request = request;
    w->loops = NNC_ARRAY(n->work, const nnc_loops *, jobs + 1);
    nnc_arena_open(&w->arena, NULL, NULL);
}

/* The largest kernels first, each to whoever has least. */
static void share_out(worker *workers, uint32_t count, const job *all, uint32_t jobs)
{
    for (uint32_t i = 0; i < jobs; i++) {
        worker *least = workers;
        for (uint32_t w = 1; w < count; w++)
            if (workers[w].operations < least->operations)
                least = &workers[w];
        least->loops[least->count++] = all[i].loops;
        least->operations += all[i].operations + 1;
    }
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

/* The objects of all workers. */
static nnc_object *make_objects(nnc_network *n, const nnc_network_request *request, const job *all, uint32_t jobs, uint32_t *count, const char **error)
{
    uint32_t most = request->threads > 0 ? (uint32_t)request->threads : 1;
    uint64_t operations = 0;
    for (uint32_t i = 0; i < jobs; i++)
        operations += all[i].operations;
    uint64_t worth = 1 + operations / WORTH_A_THREAD;
    *count = worth < most ? (uint32_t)worth : most;
    *count = *count < MOST_WORKERS ? *count : MOST_WORKERS;
    if (!n->llvm)
        n->llvm = nnc_llvm_load(n->arena, error);
    if (!n->llvm)
        return NULL;
    worker *workers = NNC_ARRAY(n->work, worker, *count);
    nnc_object *object = NNC_ARRAY(n->work, nnc_object, *count);
    bool made = true;
    for (uint32_t w = 0; w < *count; w++)
        open_worker(&workers[w], n, request, jobs);
    share_out(workers, *count, all, jobs);
    run_workers(workers, *count);
    for (uint32_t w = 0; w < *count; w++) {
        if (workers[w].compiled)
            object[w] = (nnc_object){nnc_arena_copy(n->work, workers[w].object.bytes, workers[w].object.size), workers[w].object.size};
        else
            *error = nnc_arena_string(n->arena, workers[w].error);
        made &= workers[w].compiled;
        nnc_arena_close(&workers[w].arena);
    }
    return made ? object : NULL;
}

/* ---- the cache ---- */

/* What this processor is, as the system tells: on it depends what LLVM makes for "this machine". */
static void feed_processor(nnc_cache_key *key)
{
    static const char *const lines[] = {"vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU "};
    char line[8192];
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file) && *line != '\n')
        for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
            if (strncmp(line, lines[i], strlen(lines[i])) == 0)
                nnc_cache_key_text(key, line);
    if (file)
        fclose(file);
}

/* What all code depends on, looked up once. */
static bool identify(nnc_network *n)
{
    if (!n->identified) {
        nnc_cache_key_open(&n->identity);
        nnc_cache_key_text(&n->identity, NNC_VERSION);
        feed_processor(&n->identity);
        n->identified = nnc_llvm_identity(n->arena, &n->identity);
    }
    return n->identified;
}

/* False where nothing is to be cached. */
static bool open_key(nnc_network *n, const nnc_network_request *request, const char *what, nnc_cache_key *key)
{
    if (!request->cache || request->cache->folder < 0 || !nnc_code_is_known() || request->target.triple || request->target.cpu || !identify(n))
        return false;
    *key = n->identity;
    nnc_cache_key_text(key, what);
    return true;
}

const nnc_machine *nnc_network_machine(nnc_network *n, const nnc_network_request *request, const char **error)
{
    nnc_cache_key key;
    char name[32];
    size_t size;
    nnc_machine here;
    bool cached = open_key(n, request, "machine", &key);
    const char *text = cached ? nnc_cache_get(request->cache, &key, &size) : NULL;      /* the arena's zero ends it */
    if (text && sscanf(text, "%31s %u %u", name, &here.l1, &here.l2) == 3 && nnc_machine_find(name)) {
        nnc_machine *machine = NNC_NEW(n->arena, nnc_machine);
        *machine = *nnc_machine_find(name);
        machine->l1 = here.l1;
        machine->l2 = here.l2;
        return machine;
    }
    n->llvm = nnc_llvm_load(n->arena, error);
    const nnc_machine *machine = n->llvm ? n->llvm->machine(n->arena, &request->target, error) : NULL;
    if (machine && cached) {
        text = nnc_arena_format(n->arena, "%s %u %u", machine->name, machine->l1, machine->l2);
        nnc_cache_put(request->cache, &key, text, strlen(text));
    }
    return machine;
}

/* Kept as one: how many, their sizes, their bytes. */
static nnc_object *objects_from(nnc_arena *arena, const char *bytes, size_t size, uint32_t *count)
{
    uint64_t sizes[MOST_WORKERS], at = sizeof *count;
    if (size < at)
        return NULL;
    memcpy(count, bytes, sizeof *count);
    if (*count == 0 || *count > MOST_WORKERS || size < at + *count * sizeof *sizes)
        return NULL;
    memcpy(sizes, bytes + at, *count * sizeof *sizes);
    at += *count * sizeof *sizes;
    nnc_object *object = NNC_ARRAY(arena, nnc_object, *count);
    for (uint32_t i = 0; i < *count; i++) {
        if (sizes[i] > size - at)
            return NULL;
        object[i] = (nnc_object){nnc_arena_copy(arena, bytes + at, (size_t)sizes[i]), (size_t)sizes[i]};
        at += sizes[i];
    }
    return object;
}

static void keep_objects(const nnc_cache *cache, const nnc_cache_key *key, const nnc_object *object, uint32_t count)
{
    nnc_text all = {.arena = cache->arena};
    nnc_text_add_bytes(&all, (const char *)&count, sizeof count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t size = object[i].size;
        nnc_text_add_bytes(&all, (const char *)&size, sizeof size);
    }
    for (uint32_t i = 0; i < count; i++)
        nnc_text_add_bytes(&all, object[i].bytes, object[i].size);
    nnc_cache_put(cache, key, nnc_text_string(&all), all.length);
}

/* The code of all parts: made before, or now. */
static nnc_object *find_objects(nnc_network *n, const nnc_network_request *request, uint32_t *count, const char **error)
{
    nnc_cache_key key;
    size_t size;
    uint32_t jobs;
    nnc_object *object = NULL;
    const job *all = list_jobs(n, &jobs);
    bool cached = open_key(n, request, "code 2", &key);
    if (cached) {
        nnc_cache_key_number(&key, request->target.level);
        for (uint32_t i = 0; i < jobs; i++)
            nnc_cache_key_text(&key, all[i].loops->kernel[0]->name);
        const char *bytes = nnc_cache_get(request->cache, &key, &size);
        object = bytes ? objects_from(n->work, bytes, size, count) : NULL;
    }
    if (object)
        return object;
    object = make_objects(n, request, all, jobs, count, error);
    if (object && cached)
        keep_objects(request->cache, &key, object, *count);
    return object;
}

/* ---- linking ---- */

static nnc_kernel_function find(const nnc_network *n, const char *name)
{
    for (uint32_t i = 0; i < n->linkeds; i++) {
        nnc_kernel_function found = n->linked[i].code ? nnc_code_symbol(n->linked[i].code, name) : n->llvm->symbol(n->linked[i].jit, name);
        if (found)
            return found;
    }
    return NULL;
}

static bool link_part(nnc_network *n, nnc_part *part, const char **error)
{
    nnc_step_kernel *kernel = (nnc_step_kernel *)part->step.kernel;
    for (uint32_t i = 0; i < part->step.kernels; i++) {
        const nnc_kernel *k = part->scheduled.loops->kernel[i];
        kernel[i].call = find(n, kernel[i].name);
        kernel[i].name = k->name;
        if (!kernel[i].call) {
            *error = nnc_arena_format(n->arena, "the kernel %s is not in the code made", k->name);
            return false;
        }
    }
    return true;
}

static bool link_object(nnc_network *n, const nnc_object *object, const char **error)
{
    nnc_linked *linked = &n->linked[n->linkeds];
    const char *reason = NULL;
    if (nnc_code_is_known())
        linked->code = nnc_code_load(object, &reason);
    else
        linked->jit = n->llvm->load(object, &reason);
    if (reason)
        *error = nnc_arena_format(n->arena, "the generated code cannot be linked into this process: %s", reason);
    n->linkeds += reason == NULL;
    return reason == NULL;
}

bool nnc_network_compile(nnc_network *n, const nnc_network_request *request, const char **error)
{
    uint32_t count;
    nnc_object *object = find_objects(n, request, &count, error);
    if (!object)
        return false;
    n->linked = NNC_ARRAY(n->arena, nnc_linked, count);
    for (uint32_t i = 0; i < count; i++)
        if (!link_object(n, &object[i], error))
            return false;
    for (uint32_t i = 0; i < n->parts; i++)
        if (!link_part(n, n->part[i], error))
            return false;
    return true;
}

void nnc_network_unlink(nnc_network *n)
{
    for (uint32_t i = 0; i < n->linkeds; i++)
        if (n->linked[i].code)
            nnc_code_unload(n->linked[i].code);
        else
            n->llvm->unload(n->linked[i].jit);
    n->linkeds = 0;
}
