/* Rewriting expressions node by node, bottom up, each distinct node once. For passes over formulas. */
#ifndef NNC_FORMULA_REBUILD_H
#define NNC_FORMULA_REBUILD_H

#include "formula/build.h"

/* A map from node to node; all zero is an empty one. A few stand in itself, since most walks are short; the memory of more is its own: close it. */
enum { NNC_REF_MAP_FEW = 16 };
typedef struct nnc_ref_entry { nnc_ref key, value; } nnc_ref_entry;
typedef struct nnc_ref_map {
    nnc_ref_entry *entry;                /* more than a few: open addressing over `size` of them; NULL before */
    uint32_t size, count;
    nnc_ref_entry few[NNC_REF_MAP_FEW];  /* the first `count`, in order of putting */
} nnc_ref_map;
void nnc_ref_map_open(nnc_ref_map *map);
void nnc_ref_map_close(nnc_ref_map *map);
nnc_ref nnc_ref_map_get(const nnc_ref_map *map, nnc_ref key);        /* 0 where it is not there */
void nnc_ref_map_put(nnc_arena *arena, nnc_ref_map *map, nnc_ref key, nnc_ref value);

typedef struct nnc_rewriter nnc_rewriter;
struct nnc_rewriter {
    const nnc_program *from;
    nnc_program *to;                                                /* may be `from` */
    bool (*skip)(nnc_rewriter *r, nnc_ref ref);                      /* true: the node stays as it is (from == to); may be NULL */
    nnc_ref (*replace)(nnc_rewriter *r, nnc_ref ref, const nnc_ref *args);  /* the node that stands for `ref` (of from) with its new arguments; 0: rebuilt as it was; may be NULL */
    void *context;
    nnc_ref_map done;                                               /* results so far; entries put before say what leaves become. Close it */
};
nnc_ref nnc_rewrite(nnc_rewriter *r, nnc_ref ref);

#endif
