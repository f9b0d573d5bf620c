/* Loops to C99: a .c and a .h that depend on nothing but libm, by the contract of docs/c.md. */
#ifndef NNC_C_C_H
#define NNC_C_C_H

#include "base/text.h"
#include "loops/loops.h"

typedef struct nnc_c_argument {
    const char *name;              /* as in the model */
    uint32_t buffer;
    bool output;
    int64_t classes;               /* a class: its count (int32_t); 0: float */
    int64_t extent[8];             /* as declared, for the comment */
    uint32_t rank;
} nnc_c_argument;

typedef struct nnc_c_classes { const char *name; const char *const *names; int64_t count; } nnc_c_classes;   /* iris_species_names[3] */

typedef struct nnc_c_model {
    const char *name;              /* iris: prefix of every external symbol; upper case for macros */
    const nnc_loops *loops;        /* prediction of one example, batch 1 */
    const unsigned char *persistent; /* its persistent block */
    const nnc_c_argument *argument;
    uint32_t arguments;
    const nnc_c_classes *classes;  /* tables to emit */
    uint32_t class_tables;
} nnc_c_model;

/* The parameter's name in C: no keyword, no other parameter's. */
const char *nnc_c_parameter(const nnc_c_model *model, uint32_t argument);
/* Bytes of the weights that the loops read. */
int64_t nnc_c_weight_bytes(const nnc_loops *loops);
/* header_name: the file that it includes; NULL: it stands alone, with the header's declarations in it. */
void nnc_c_source(const nnc_c_model *model, const char *header_name, nnc_text *out);
void nnc_c_header(const nnc_c_model *model, nnc_text *out);
/* The kernels alone as functions f(void *const *pointers, int64_t batch, int64_t first, int64_t last), for tests: any program, any batch. */
void nnc_c_kernels(const nnc_loops *loops, nnc_text *out);

#endif
