/* The command line: what was asked for. */
#ifndef NNC_DRIVER_OPTIONS_H
#define NNC_DRIVER_OPTIONS_H

#include "model/model.h"

typedef enum nnc_output_kind {
#define NNC_OUTPUT(id, kind, suffix, needs, help) NNC_OUTPUT_##id,
#include "driver/outputs.def"
    NNC_OUTPUT_KINDS
} nnc_output_kind;

typedef enum nnc_output_needs { NNC_NEEDS_MODEL, NNC_NEEDS_WEIGHTS, NNC_NEEDS_DATA, NNC_NEEDS_PREDICTION, NNC_NEEDS_LATER } nnc_output_needs;

typedef struct nnc_output { nnc_output_kind kind; const char *path; } nnc_output;   /* path "-": standard output */

typedef struct nnc_weights_option { const char *name, *path; } nnc_weights_option;  /* name NULL: the whole model */

typedef enum nnc_relation { NNC_GE, NNC_LE, NNC_GT, NNC_LT, NNC_EQ } nnc_relation;
typedef struct nnc_requirement { const char *text, *name; nnc_relation relation; double value; } nnc_requirement;

typedef struct nnc_paths { const char **path; uint32_t count, capacity; } nnc_paths;

typedef struct nnc_options {
    const char *model;
    nnc_paths train, valid, test, predict;
    nnc_weights_option *weights; uint32_t weights_count, weights_capacity;
    bool resume, check, no_cache, profile, quiet, verbose, help, version;
    const char *checkpoint, *log;
    nnc_output *output; uint32_t outputs, output_capacity;
    nnc_paths recipe;
    nnc_define_value *define; uint32_t defines, define_capacity;
    int threads;
    nnc_requirement *require; uint32_t requires, require_capacity;
    int header;                /* -1 told from the file, 0 no, 1 yes */
    char delimiter, decimal;   /* 0: told from the file */
    const char *target, *cpu;
    int level;
    bool color;
} nnc_options;

/* False and *error (arena text) where the command line is wrong. */
bool nnc_options_parse(nnc_arena *arena, int count, char **argument, nnc_options *options, const char **error);
const char *nnc_options_help(nnc_arena *arena);
const char *nnc_output_name(nnc_output_kind kind);
nnc_output_needs nnc_output_needs_of(nnc_output_kind kind);
bool nnc_options_wants(const nnc_options *options, nnc_output_kind kind);

#endif
