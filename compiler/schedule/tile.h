/* Inside this folder: the tile of one formula: which slots are in the lanes, tiled, or blocked. */
#ifndef NNC_SCHEDULE_TILE_H
#define NNC_SCHEDULE_TILE_H

#include "schedule/lower.h"

enum { NNC_MAX_ROWS = 14, NNC_MAX_PAIRED_ROWS = 28, NNC_MAX_VECTORS = 16, NNC_TILE_VECTORS = 4, NNC_MAX_PANELS = 2, NNC_MOST_PARTS = 16, NNC_MAX_HELD = 16 };
enum { NNC_WORTH_SPLITTING = 32 };         /* points of a loop: the sum is written out once more for each part of it */

typedef struct nnc_shape {
    int lane;                     /* output slot in the lanes; -1 none */
    int sum_lane;                 /* reduced slot in the lanes; -1 none */
    int row;                      /* output slot that is tiled; -1 none */
    int beside;                   /* a second one that gives rows, where one is too short to fill the registers: rows are pairs of places; -1 none */
    int column;                   /* sum_lane: a second tiled output slot; -1 none */
    int rows, besides, vectors;   /* tile: places of `row` and of `beside`, and vectors or columns */
    int parts;                    /* sum_lane: the lanes are walked part by part, a register each; 1: together */
    int block;                    /* reduced slot that is summed block by block; -1 none. Those before it are walked outside, those after it inside */
    int64_t block_size;
    int64_t chunk;                /* rows for which all lanes are walked before the next ones are, and what they read is copied together; 0: all of them, and nothing is */
    bool packed;                  /* what the lanes read may be copied before the recurrence's steps */
    bool whole;                   /* the block is the whole sum, which stays in registers: what the lanes read is copied together, no more */
} nnc_shape;

/* What a block of the sum reads for a range of lanes whatever the row: copied together, so that it is read from near by. */
typedef struct nnc_panel {
    nnc_ref read;
    uint32_t buffer;
    bool packed;                  /* of all ranges, one after another, and made before */
    nnc_value_id value[NNC_MAX_VECTORS];   /* at the present point of the sum */
} nnc_panel;

/* What a block of the sum reads for a chunk of rows. */
typedef struct nnc_row_copy {
    nnc_ref read;
    uint32_t buffer;
    int64_t points;               /* of the block: elements of a row */
    bool by_row;                  /* row after row; else tile after tile, and in it for each point the elements of all rows */
} nnc_row_copy;

typedef struct nnc_tile {
    nnc_nest *nest;
    const nnc_tensor *t;
    nnc_shape shape;
    nnc_value_id slot[NNC_MAX_SLOTS];
    int order[NNC_MAX_SLOTS], depth;       /* free output slots, outermost first */
    int64_t cut[8];                        /* the lane slot is walked in parts: conditions on it are decided in each */
    int cuts;
    nnc_slot_range range;                  /* the present part */
    bool flat;                             /* the lane slot runs over all rows: they lie one after another */
    bool full;                             /* in blocks of examples: the present one has all of them */
    int side;                              /* places of `beside` in the present tile: its row r is at r / side of `row` and r % side of `beside`; 1 where there is none */
    int64_t width;                         /* elements of the lane slot in the present tile. Its last vector ends where the tile does: it may make again what the one before made */
    int64_t made;                          /* the first of them that the tile before has made */
    bool over;                             /* the lane slot is shorter than its vectors: what is read beyond its end is not stored */
    bool once;                             /* an element must not be stored twice: an update in place, a sum in blocks */
    nnc_ref held[NNC_MAX_HELD];            /* conditions that the bounds of the open loops make certain */
    int helds;
    nnc_ref denied;                        /* one that no element of the tile meets; 0: none */
    /* a sum in blocks */
    nnc_value_id low, high;                /* of the block slot */
    nnc_value_id first, last;              /* whether this is the first block, the last one */
    nnc_panel panel[NNC_MAX_PANELS];
    int panels;
    bool packing;                          /* the packs are being made: ranges of lanes alone are walked */
    nnc_value_id pack_rest;                /* the last range of lanes is a shorter one: lanes before it; 0: it is not the present one */
    nnc_row_copy copy[NNC_MAX_PANELS];
    int copies;
    bool copying;                          /* the loops of rows are those of the copies */
    nnc_value_id chunk_low, chunk_high;    /* of the row slot; 0: no chunk is open */
    nnc_value_id start[NNC_MAX_SLOTS];     /* of the loops that are open */
} nnc_tile;

/* shape.c: the slots of the tile; how many of a slot are walked together (all, or a task's; of few rows, a task each, half of them, as one of two
 * threads has: a call walks all the rows that it is given); whether it is a slot of such rows; the lanes of a part of the lane slot: what the machine has and the part fills. */
void nnc_choose_shape(nnc_tile *t);
bool nnc_rows_share(const nnc_tile *t);        /* so many rows read a panel that it is worth copying each time */
int64_t nnc_tiled_extent(const nnc_tile *t, int slot);
bool nnc_single_tasks(const nnc_tile *t, int slot);
uint8_t nnc_lanes_for(const nnc_tile *t, int64_t length);
uint8_t nnc_sum_lanes(const nnc_tile *t);      /* of the reduced slot that is in the lanes: told by its extent alone, as is the order of the sum */

/* What pays at some size is done at any: for tests. */
static inline bool nnc_at_any_size(const nnc_tile *t) { return t->nest->s->request->level >= NNC_SCHEDULE_ALL_SIZES; }
/* Whether the sum so far stands in memory between blocks. */
static inline bool nnc_in_memory(const nnc_tile *t) { return t->shape.block >= 0 && !t->shape.whole; }

/* cost.c: row slots, rows and vectors of a sum whose lane slot and cuts are known. */
void nnc_choose_tile(nnc_tile *t);
/* Lines of the first-level cache that can hold what lies so many bytes apart. */
int nnc_lines_at(int64_t stride);

/* clip.c: the bounds [*from, *to) of a reduced slot's loop, narrowed to where the body's guard can hold; what is certain then is added to t->held. A condition that holds for some of
 * the tile's elements alone gives a split (one at most; NULL: none): it holds for all of them from split.from to split.to, and is to be asked in what lies before and after. */
typedef struct nnc_clip {
    nnc_ref body;
    int rows, columns;            /* of the tile; pairs of places are a row each */
    bool open[NNC_MAX_SLOTS];     /* reduced slots whose loops are open: t->slot is theirs */
} nnc_clip;
typedef struct nnc_split {
    nnc_ref condition;            /* 0: none */
    nnc_value_id from, to;
    bool before, after;           /* whether anything lies there */
} nnc_split;
void nnc_clip_loop(nnc_tile *t, nnc_clip *clip, int slot, nnc_value_id *from, nnc_value_id *to, nnc_split *split);
/* The conditions of the body's guard that none of the slots `moving` moves and that do not depend on data: as a BOOL, and held from then on; 0: there are none. */
nnc_value_id nnc_settle_conditions(nnc_tile *t, const nnc_clip *clip, uint64_t moving);
/* Whether a condition on output slots can hold for some element of the tile, as a BOOL; 0: no way to tell. */
nnc_value_id nnc_possible(const nnc_tile *t, const nnc_clip *clip, nnc_ref condition);

/* element.c: evaluation at the present place of all slots; at tile element (r, v): row + r (or r / side, and beside + r % side), slot `second` + v * step; the lane slot's vectors end where the tile ends. */
nnc_lower nnc_lower_at(const nnc_tile *t, int lane, uint8_t lanes);
nnc_lower nnc_tile_element(const nnc_tile *t, int r, int v, int lane, uint8_t lanes, int second, int64_t step);
/* The formula's value is made: what the group makes of it there, then what of all that needs memory is stored. */
void nnc_finish_element(const nnc_tile *t, nnc_lower *l, nnc_value_id value);
/* A tile of a formula without reduction. */
void nnc_emit_map(nnc_tile *t, uint8_t lanes);

/* reduce.c: what a reduction starts with; a tile of one, of rows and vectors (or columns). */
double nnc_reduction_start(nnc_reduce reduce);
void nnc_emit_reduction(nnc_tile *t, int rows, int columns, uint8_t lanes);

/* ways.c: once the shape and the cuts are known. */
void nnc_count_tile(const nnc_tile *t);

/* known.c: finds the cuts. */
void nnc_find_cuts(nnc_tile *t);

/* flat.c: whether the formula's rows, which do not fill vectors, may be walked as one; and their loops. */
bool nnc_is_flat(const nnc_tile *t);
void nnc_emit_flat(nnc_tile *t);

/* nest.c: where a slot runs here; low + the whole steps of (high - low); the loops from a level of t->order on. */
void nnc_bounds_of(const nnc_tile *t, int slot, nnc_value_id *low, nnc_value_id *high);
nnc_value_id nnc_whole_steps(nnc_builder *b, nnc_value_id low, nnc_value_id high, int step);
void nnc_emit_level(nnc_tile *t, int level, int rows, int vectors, uint8_t lanes);

/* prefetch.c: asks for what a tile's update will read once the sum is made. */
void nnc_prefetch_update(const nnc_tile *t, int rows, int vectors, uint8_t lanes);
/* Asks for the next tile's sums so far. */
void nnc_prefetch_sums(const nnc_tile *t, int rows, int vectors, uint8_t lanes);
/* At the start of a tile of rows: a part of the panels that come after the present ones. */
void nnc_prefetch_panels(nnc_tile *t, int rows, int vectors, uint8_t lanes);

/* blocks.c: points of a block along a reduced slot; those that a read moves with, and the number of the present one among them; the loops of these, but for the last, which is to run over
 * *last from *low to *high (gives how many are open). */
bool nnc_is_for_lanes(const nnc_tile *t, nnc_ref read);                   /* the lanes move the read, and no other output slot does: a panel may have it */
int64_t nnc_points_along(const nnc_tile *t, int slot);
int64_t nnc_block_points(const nnc_tile *t, nnc_ref read);
nnc_value_id nnc_block_point(const nnc_tile *t, nnc_ref read);
int nnc_open_points(nnc_tile *t, nnc_ref read, int *last, nnc_value_id *low, nnc_value_id *high);
void nnc_emit_blocks(nnc_tile *t);                                        /* the loops of blocks, around all levels */
void nnc_emit_panels(nnc_tile *t, int vectors, uint8_t lanes);            /* copies what the present range of lanes reads */
void nnc_load_panels(nnc_tile *t, int vectors, uint8_t lanes);            /* inside the sum's loops */
void nnc_use_panels(const nnc_tile *t, nnc_lower *l, int v);

/* chunk.c: whether rows may be walked in chunks; whether what the rows of a slot read would be copied for it, since rows crowd the first-level cache. */
bool nnc_may_chunk(const nnc_tile *t);
bool nnc_rows_crowd(const nnc_tile *t, nnc_ref read, int row);
void nnc_choose_chunk(nnc_tile *t);                                       /* once the block is known */
void nnc_copy_chunk(nnc_tile *t);                                         /* row after row */
void nnc_copy_rows(nnc_tile *t, int rows);                                /* tile after tile: one of so many rows */
void nnc_load_rows(const nnc_tile *t, int rows, int row, nnc_value_id *values);   /* inside the sum's loops: of each copy */
void nnc_use_rows(const nnc_tile *t, nnc_lower *l, const nnc_value_id *values);

#endif
