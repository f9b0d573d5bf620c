/* From an elaborated model to compiled programs that the runtime runs: training step, measures, fits, prediction, all on one persistent block.
 *
 * Everything lives in the arena given, but what is needed until the code is linked and no longer: formulas and loops, which are several times larger than all the rest, are given back then (part.c:
 * nnc_part_settle) unless they are asked for. The compiled code belongs to the network: nnc_network_close unloads it. */
#ifndef NNC_DRIVER_NETWORK_H
#define NNC_DRIVER_NETWORK_H

#include "driver/cache.h"
#include "driver/object.h"
#include "formula/interpret.h"
#include "llvm/llvm.h"
#include "model/model.h"
#include "runtime/step.h"
#include "schedule/schedule.h"
#include "transform/transform.h"

/* What is to be compiled. */
enum {
    NNC_PART_TRAIN = 1,        /* the training step */
    NNC_PART_MEASURE = 2,      /* measured loss and metrics over a set */
    NNC_PART_PREDICT = 4,      /* the outputs */
    NNC_PART_FITS = 8,         /* the fits, from the training data */
    NNC_PART_NORM = 16         /* with TRAIN: the gradient's norm as an output, for the log */
};

typedef struct nnc_network_request {
    nnc_model *model;
    int parts;
    int64_t train_batch;       /* the largest minibatch */
    int64_t set_batch;         /* of measuring, fitting and predicting */
    nnc_target target;         /* of the code; its machine is planned for */
    bool compile;              /* false: formulas and loops only, for --emit, the summary and exports */
    bool listed;               /* with compile: the parts keep their formulas and loops, for listings */
    const nnc_machine *machine;/* to plan for where nothing is compiled; NULL: portable C */
    int level;                 /* -O */
    bool serial;               /* as exported: kernels one after another, a workspace without gaps */
    int threads;               /* that generate code; 0: one */
    const nnc_cache *cache;    /* of code made before; NULL: none */
} nnc_network_request;

/* One compiled program, with its formulas for listings. */
typedef struct nnc_part {
    const char *name;          /* train, predict, measure_1, ... */
    nnc_program *program;      /* simplified; once settled, the schedules alone */
    nnc_scheduled scheduled;   /* once settled, of its fields only the schedules */
    nnc_tensor_id *argument;   /* of program; parallel to step.argument; settled: NULL */
    nnc_step step;
    bool draws;                /* its formulas draw random numbers */
    nnc_interpreter *clock;        /* computes the schedules; made on first use */
    struct nnc_network *network;
} nnc_part;

typedef struct nnc_network_set {  /* values over a data set, with what finishes them */
    nnc_set_values values;
    nnc_part **pass;
    nnc_data_split split;
    struct nnc_network *network;
} nnc_network_set;

/* A piece of code in this process: linked by object.h, or by LLVM where object.h does not know the machine. */
typedef struct nnc_linked { nnc_code *code; nnc_jit *jit; } nnc_linked;

typedef struct nnc_network {
    nnc_arena *arena;
    nnc_arena *work;           /* while it is built: of what is needed until the code is linked; NULL after */
    nnc_model *model;
    nnc_layout *layout;
    nnc_slot *slot;            /* parameters, states, fits, optimizer states: saved; then the internal ones */
    uint32_t slots;
    nnc_name_map slot_names;      /* of each slot's name, its number */
    void *persistent;          /* layout->bytes, aligned to 64; constants are filled in */
    nnc_tensor_id *gradient;   /* of model->program, for each parameter (0: not trained); unclipped */
    nnc_model_state *optimizer_state;
    uint32_t optimizer_states;
    nnc_part *train;           /* outputs: loss, then the gradient's norm where asked for */
    bool has_norm;
    nnc_part *predict;
    nnc_network_set *measure;  /* results: loss, then each metric */
    nnc_network_set **fit;     /* one a fit, in order */
    nnc_part **part;           /* all of the above */
    uint32_t parts, part_capacity;
    const nnc_llvm *llvm;      /* NULL where it was not needed: all code came from the cache */
    nnc_cache_key identity;    /* once identified: of this version, its code generator, and the processor */
    bool identified;
    nnc_linked *linked;        /* the code, in as many pieces as threads made it */
    uint32_t linkeds;
    const nnc_machine *machine;
    bool serial;
    double compile_seconds;
} nnc_network;

/* NULL and *error (arena text) where the machine's code cannot be made (no LLVM module, LLVM's own failure), or after a reported error in the
 * optimizer (*error is then NULL). */
nnc_network *nnc_network_build(nnc_arena *arena, const nnc_network_request *request, const char **error);
void nnc_network_close(nnc_network *network);

/* The slot of that name, or NULL. */
const nnc_slot *nnc_network_slot(const nnc_network *network, const char *name);
static inline float *nnc_slot_data(const nnc_network *network, const nnc_slot *slot) { return (float *)((char *)network->persistent + slot->offset); }

/* The LLVM module, loaded on first use; NULL and a reason where it cannot be. */
const nnc_llvm *nnc_llvm_load(nnc_arena *arena, const char **error);
/* peak.c: operations a second of one core that does nothing but multiply-adds, two each; measured in some 20 ms. 0: cannot be measured. */
double nnc_peak_rate(nnc_arena *arena, const nnc_machine *machine);
/* What tells one build of it from another, into the key. False: it is not there. */
bool nnc_llvm_identity(nnc_arena *arena, nnc_cache_key *key);

/* ---- steps of building, one file each ---- */

/* assemble.c: the training program's gradients, clipping and updates in model->program. False after a reported error. */
bool nnc_assemble_update(nnc_network *network, bool norm, nnc_tensor_id *norm_tensor);
/* code.c: the machine to plan for; machine code for all parts, linked into this process. From the cache where it has them. */
const nnc_machine *nnc_network_machine(nnc_network *network, const nnc_network_request *request, const char **error);
bool nnc_network_compile(nnc_network *network, const nnc_network_request *request, const char **error);
void nnc_network_unlink(nnc_network *network);
/* part.c: extracts what roots need, simplifies, schedules. Arguments: the inputs that are needed, then roots[0 .. outputs). */
nnc_part *nnc_part_make(nnc_network *network, const char *name, const nnc_program *from, const nnc_tensor_id *roots, uint32_t outputs,
                        uint32_t count, bool with_next, int64_t batch, int level);
/* Once its code is linked: leaves what a run needs, in the network's arena, and no pointer to the network's `work`. */
void nnc_part_settle(nnc_part *part);
/* sets.c: splits formulas over the data into passes. */
nnc_network_set *nnc_set_make(nnc_network *network, const char *name, const nnc_tensor_id *roots, uint32_t count, int64_t batch, int level);

#endif
