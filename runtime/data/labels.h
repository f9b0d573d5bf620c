/* The classes of one declaration: collected from the training data, or known already. */
#ifndef NNC_RUNTIME_DATA_LABELS_H
#define NNC_RUNTIME_DATA_LABELS_H

#include "runtime/data/report.h"

enum { NNC_LABEL_UNSEEN = -1, NNC_LABEL_LIMIT = 65536 };

typedef struct nnc_label {
    const char *text;
    size_t length;
    uint64_t hash;
    nnc_data_place first;          /* where it stands first */
    double number;                 /* NaN where the text is no number */
    int32_t class_number;          /* its final number */
} nnc_label;

typedef struct nnc_labels {
    nnc_arena *arena;
    const nnc_dataset_want *want;
    bool collecting;
    bool plain;                    /* known, and the classes are the numbers 0..count-1 themselves */
    int64_t count;                 /* known: of classes */
    nnc_label *label;              /* in order of appearance; known: in order of class */
    uint32_t labels, capacity;
    uint32_t *index;               /* open addressing: label number + 1, 0 is free */
    uint32_t index_size;
    int32_t else_number;           /* where it is missing or unseen; NNC_LABEL_UNSEEN: an error */
} nnc_labels;

/* Labels to collect (known NULL), or those that are known. */
nnc_labels *nnc_labels_new(nnc_arena *arena, const nnc_dataset_want *want, const nnc_dataset_known *known);

/* The number of a cell's label: while collecting, in order of appearance (UNSEEN where there are too many; where `labels` grew, the caller checks
 * that the text is UTF-8 and fills in `first` of the last); else its class, the else class, or UNSEEN. `1.0` is `1`. */
int32_t nnc_labels_number(nnc_labels *labels, const char *text, size_t length);
/* The number of what is missing; UNSEEN where the declaration has no else class. */
int32_t nnc_labels_missing(nnc_labels *labels);

/* After the last row: sorts, numbers the classes, checks their count. label[n].class_number then is what number n becomes. False after an error. */
bool nnc_labels_finish(nnc_labels *labels, nnc_dataset_report *report);
/* Names and count as they go with the weights. */
void nnc_labels_known(const nnc_labels *labels, nnc_dataset_known *known);
/* What the classes are, for a help: `the classes are a, b, c`. */
const char *nnc_labels_list(nnc_arena *arena, const nnc_labels *labels);

#endif
