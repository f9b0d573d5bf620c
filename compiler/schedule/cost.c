/* What a tile costs, in cycles of the machine's description: so the shape of a tile is chosen. One point of the sum takes what is longest of its multiply-adds, its loads, the chain
 * of one accumulator, and what comes from the second-level cache; a tile takes that for each point, and some cycles to start and end. */
#include "formula/build.h"
#include "schedule/tile.h"

/* A tile's start and end: filling and draining the chain, the loops' own steps; and for each vector, zeroing and storing it, or adding up its lanes. Cycles. */
static const double TILE = 16, VECTOR = 2, FOLD = 12;
static const double HIDDEN = 0.25;        /* of the loads' cycles, what shows though others take longer: they wait for one another */
static const double RAGGED = 1.04;        /* of rows that no tile divides: code of two tiles takes turns */
static const double CODE = 0.001;         /* of each element of a tile: larger ones must gain that much */
enum { L2_BYTES = 32, LINE = 64, PAGE = 4096, WAYS = 8 };      /* bytes a cycle from the second-level cache; a first-level cache's line, the size of its ways, and how many there are */

/* The body's reads by what moves them, and its arithmetic. */
typedef struct counts {
    const nnc_tile *t;
    int row, beside, across;      /* the tile's slots: of its rows, and of its vectors or columns; -1 none */
    double loads[2][2][2];        /* by whether row, beside, across move them */
    double sliding;               /* of those that rows alone move: at the next point of the sum a row reads what the one beside it read at this one */
    double work, row_work;        /* operations started for each vector, and more for each row */
    double asked, row_asked;      /* such as are started in a part of the loop alone, where a guard does not hold for the whole tile */
    double part;                  /* of the loop, for each element that rows lie apart */
    double passed;                /* of the tiles, that a condition on elements may let pass over; and that, less for each element that one of them is high and wide */
    double passed_less;
    int registers;                /* what the body takes beside the tile */
    int chain;                    /* additions to one accumulator at one point of the sum */
    uint64_t conditions;          /* the slots that conditions mention */
    int sets, beside_sets;        /* of the first-level cache, that rows of a read fall into */
    nnc_ref_map seen;
} counts;

static bool moves(const nnc_node *n, int slot) { return slot >= 0 && n->slots >> slot & 1; }

static bool is_elementary(const nnc_node *n)
{
    switch (n->op) {
    case NNC_OP_EXP: case NNC_OP_LOG: case NNC_OP_TANH: case NNC_OP_SIGMOID: case NNC_OP_SIN: case NNC_OP_COS: case NNC_OP_ERF: case NNC_OP_POW: case NNC_OP_RANDOM: case NNC_OP_GAUSSIAN: return true;
    default: return false;
    }
}

static int lane_of(const nnc_tile *t) { return t->shape.sum_lane >= 0 ? t->shape.sum_lane : t->shape.lane; }

/* Registers that hold the lanes of one element of the tile. */
static int registers_of(const nnc_tile *t)
{
    int lanes = t->nest->s->machine->lanes * t->shape.parts;
    return t->shape.sum_lane >= 0 ? (nnc_sum_lanes(t) + lanes - 1) / lanes : 1;
}

/* Of a sum in blocks, what the lanes read whatever the other output slots is copied together for each range of lanes. */
static bool is_in_panel(const counts *c, nnc_ref read)
{
    const nnc_tile *t = c->t;
    return t->nest->group && t->nest->group->blocked && t->shape.lane == t->t->rank - 1 && c->row >= 0 && nnc_is_for_lanes(t, read);
}

/* Of a lane that is not next to the last one, one each. */
static double loads_of(const counts *c, nnc_ref read)
{
    const nnc_tile *t = c->t;
    if (is_in_panel(c, read))
        return registers_of(t);
    int64_t stride = nnc_read_stride(t->nest->s->p, read, (uint32_t)lane_of(t));
    return stride == 0 ? 1 : registers_of(t) * (stride == 1 ? 1 : t->nest->s->machine->lanes);
}

static int least(int64_t a, int64_t b) { return (int)(a < b ? a : b); }

/* Rows so many bytes apart fall into so many different sets. */
static int sets_of(int64_t stride)
{
    int64_t rest = PAGE, step = stride < 0 ? -stride : stride;
    while (step % rest)
        rest /= 2;
    return (int)(PAGE / (rest > LINE ? rest : LINE));
}

int nnc_lines_at(int64_t stride) { return WAYS * sets_of(stride); }

static void count_sets(const counts *c, nnc_ref read, int slot, int *sets)
{
    const nnc_program *p = c->t->nest->s->p;
    int64_t stride = moves(&p->node[read], slot) ? nnc_read_stride(p, read, (uint32_t)slot) : INT64_MIN;
    if (stride != INT64_MIN)
        *sets = least(*sets, sets_of(4 * stride));
}

/* A sum in blocks copies rows together that lie so. */
static bool is_copied(const counts *c, nnc_ref read)
{
    const nnc_group *group = c->t->nest->group;
    return group && group->blocked && c->row >= 0 && c->beside < 0 && c->t->shape.lane >= 0 && nnc_may_chunk(c->t) && nnc_rows_crowd(c->t, read, c->row);
}

/* Rows and points of the sum move the read alike, as a kernel moves over an image. */
static bool slides(const counts *c, nnc_ref read)
{
    const nnc_tensor *t = c->t->t;
    const nnc_program *p = c->t->nest->s->p;
    int64_t stride = c->row >= 0 ? nnc_read_stride(p, read, (uint32_t)c->row) : 0;
    bool same = false;
    for (int slot = t->rank; slot < t->rank + t->reduced; slot++)
        same |= stride != 0 && stride != INT64_MIN && slot != c->t->shape.sum_lane && nnc_read_stride(p, read, (uint32_t)slot) == stride;
    return same;
}

static void count_read(counts *c, nnc_ref read)
{
    const nnc_program *p = c->t->nest->s->p;
    const nnc_node *n = &p->node[read];
    if (moves(n, c->row) && !moves(n, c->beside) && !moves(n, c->across) && slides(c, read))
        c->sliding += loads_of(c, read);
    c->loads[moves(n, c->row)][moves(n, c->beside)][moves(n, c->across)] += loads_of(c, read);
    if (!is_copied(c, read))
        count_sets(c, read, c->row, &c->sets);
    count_sets(c, read, c->beside, &c->beside_sets);
}

static const double WORK_OF_GUARD = 3, CHOICE = 0.5;        /* of a condition that rows or lanes ask: for each row, and for each vector */
enum { WORK_OF_ELEMENTARY = 12,  REGISTERS = 2, REGISTERS_OF_GUARD = 2, REGISTERS_OF_ELEMENTARY = 10 };

static int64_t extent_at(const nnc_tile *t, int slot) { return nnc_extent_at(t->nest->s, t->t, slot); }

static int64_t points_along(const nnc_tile *t, int slot)
{
    return slot == t->shape.sum_lane ? (extent_at(t, slot) + nnc_sum_lanes(t) - 1) / nnc_sum_lanes(t) : extent_at(t, slot);
}

/* Points of the sum for which a condition is asked once: those of the loops inside of what it mentions. */
static double points_inside(const nnc_tile *t, const nnc_node *condition)
{
    double points = 1;
    for (int slot = t->t->rank + t->t->reduced - 1; slot >= t->t->rank && !moves(condition, slot); slot--)
        points *= (double)points_along(t, slot);
    return points;
}

static bool is_among(const nnc_program *p, nnc_ref conditions, nnc_ref one)
{
    const nnc_node *n = &p->node[conditions];
    return conditions == one || (n->op == NNC_OP_AND && (is_among(p, p->args[n->first], one) || is_among(p, p->args[n->first + 1], one)));
}

/* The condition is the whole sum's guard, or a part of it. */
static bool guards_all(const nnc_tile *t, nnc_ref condition)
{
    const nnc_program *p = t->nest->s->p;
    const nnc_node *n = &p->node[t->t->body];
    double value;
    return n->op == NNC_OP_SELECT && nnc_is_constant(p, p->args[n->first + 2], &value) && value == nnc_reduction_start(t->t->reduce) && is_among(p, p->args[n->first], condition);
}

/* Tiles in which no element meets a bound on rows and lanes: half of them, as in a triangle, less those on its border. */
static void count_passed(counts *c, const nnc_node *n)
{
    int64_t rows = moves(n, c->row) ? extent_at(c->t, c->row) : 0, across = moves(n, c->across) ? extent_at(c->t, c->across) : 0;
    if (n->op != NNC_OP_WITHIN || c->t->nest->s->machine->small)
        return;
    c->passed = 0.5;
    c->passed_less = 0.5 / (double)(rows > across ? rows : across);
}

/* A condition that rows or lanes ask; others are decided around the loop, or by its bounds. */
static void count_condition(counts *c, nnc_ref condition)
{
    const nnc_tile *t = c->t;
    const nnc_node *n = &t->nest->s->p->node[condition];
    double each = WORK_OF_GUARD / points_inside(t, n);
    int64_t extent = 0;
    for (int slot = t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
        extent = moves(n, slot) ? extent_at(t, slot) : extent;
    bool whole = guards_all(t, condition);
    if (whole && extent == 0) {            /* asked once, of each element */
        c->registers += REGISTERS_OF_GUARD;
        count_passed(c, n);
        return;
    }
    if (!whole || extent < NNC_WORTH_SPLITTING || c->part > 0 || t->nest->s->machine->small) {
        c->work += CHOICE;
        c->row_work += each;
        return;
    }
    c->asked += CHOICE;
    c->row_asked += each;
    c->part = 2 / (double)extent;          /* of what is left of the loop between the guard's bounds: half of it, as in a triangle */
}

static void count(counts *c, nnc_ref ref)
{
    const nnc_program *p = c->t->nest->s->p;
    const nnc_node *n = &p->node[ref];
    if (nnc_ref_map_get(&c->seen, ref))
        return;
    nnc_ref_map_put(p->arena, &c->seen, ref, 1);
    for (uint32_t i = 0; i < n->count && n->op != NNC_OP_READ; i++)
        count(c, p->args[n->first + i]);
    if (n->op == NNC_OP_WITHIN)
        c->conditions |= n->slots;
    if (n->op == NNC_OP_READ)
        count_read(c, ref);
    else if (n->op == NNC_OP_MUL)
        c->work += 1;
    else if (is_elementary(n)) {
        c->work += WORK_OF_ELEMENTARY;
        c->registers = REGISTERS_OF_ELEMENTARY;
    } else if (n->op == NNC_OP_DIV || n->op == NNC_OP_SQRT) {
        c->work += 1;
    } else if (n->op == NNC_OP_WITHIN && (moves(n, c->row) || moves(n, c->across))) {
        count_condition(c, ref);
    }
}

/* Terms that are added one after another: see add_body in nest.c. */
static int terms_of(const nnc_program *p, nnc_ref body)
{
    const nnc_node *n = &p->node[body];
    if (n->op == NNC_OP_SELECT)
        return terms_of(p, p->args[n->first + 1]);
    return n->op == NNC_OP_ADD ? terms_of(p, p->args[n->first]) + terms_of(p, p->args[n->first + 1]) : 1;
}

static int64_t points_of(const nnc_tile *t)
{
    int64_t points = 1;
    for (int slot = t->t->rank; slot < t->t->rank + t->t->reduced; slot++)
        points *= points_along(t, slot);
    return points;
}

static double more(double a, double b) { return a > b ? a : b; }

/* How many of each slot a tile has. */
typedef struct size { int rows, besides, vectors; } size;

/* Loads at one point of the sum; those of them that the lanes do not move. */
static double loads_at(const counts *c, size z)
{
    double sum = 0;
    for (int i = 0; i < 8; i++)
        sum += c->loads[i >> 2][i >> 1 & 1][i & 1] * (i & 4 ? z.rows : 1) * (i & 2 ? z.besides : 1) * (i & 1 ? z.vectors : 1);
    return sum;
}

/* What is new of them at each point: rows that slide bring one. */
static double side_loads(const counts *c, size z) { return (c->loads[1][0][0] - c->sliding) * z.rows + c->sliding + c->loads[0][1][0] * z.besides + c->loads[1][1][0] * z.rows * z.besides; }

/* One tile of rows and vectors or columns. */
static double tile_cost(const counts *c, size z, uint8_t lanes)
{
    const nnc_tile *t = c->t;
    const nnc_machine *m = t->nest->s->machine;
    double points = (double)points_of(t), bytes = 0, rows = z.rows * z.besides, vectors = z.vectors, elements = rows * vectors, apart = z.rows + z.besides - 2;
    double loads = loads_at(c, z);
    double wide = (double)lanes / registers_of(t);
    double panel = 4 * c->loads[0][0][1] * vectors * wide, side = 4 * side_loads(c, z) * (t->shape.sum_lane >= 0 ? wide : 1);
    bytes += panel * points > m->l1 / 2 ? panel : 0;
    bytes += side * points > m->l1 / 2 ? side : 0;
    bytes += z.rows > c->sets * WAYS / 2 || z.besides > c->beside_sets * WAYS / 2 ? LINE * rows : 0;
    double part = c->part * apart, all = c->work + (part < 1 ? part : 1) * c->asked, row_all = c->row_work + (part < 1 ? part : 1) * c->row_asked;
    double work = more((all * elements * registers_of(t) + row_all * rows) / m->fma_per_cycle, loads / m->loads_per_cycle);
    double point = more(work, more(m->latency * c->chain, bytes / L2_BYTES)) + HIDDEN * loads / m->loads_per_cycle;
    double passed = c->passed - c->passed_less * (apart + 1 + vectors * (t->shape.sum_lane >= 0 ? 1 : lanes));
    return t->shape.parts * points * (1 - more(passed, 0)) * point + t->shape.parts * TILE + elements * (t->shape.sum_lane >= 0 ? FOLD + t->shape.parts - 1 : VECTOR);
}

/* A length in whole tiles and one of what is left. */
static double length_cost(const counts *c, size z, uint8_t lanes, int64_t length)
{
    int64_t step = (int64_t)z.vectors * lanes, whole = length / step, rest = length % step;
    return (double)whole * tile_cost(c, z, lanes) + (rest ? tile_cost(c, (size){z.rows, z.besides, (int)((rest + lanes - 1) / lanes)}, lanes) : 0);
}

/* All tiles of some rows. */
static double cost_across(const counts *c, size z)
{
    const nnc_tile *t = c->t;
    double cost = 0;
    if (t->shape.sum_lane >= 0) {
        int64_t columns = c->across < 0 ? 1 : extent_at(t, c->across), whole = columns / z.vectors, rest = columns % z.vectors;
        return (double)whole * tile_cost(c, z, nnc_sum_lanes(t)) + (rest ? tile_cost(c, (size){z.rows, z.besides, (int)rest}, nnc_sum_lanes(t)) : 0);
    }
    for (int i = 0; i <= t->cuts; i++) {
        int64_t length = (i < t->cuts ? t->cut[i] : t->t->extent[t->shape.lane]) - (i ? t->cut[i - 1] : 0);
        cost += length_cost(c, z, nnc_lanes_for(t, length), length);
    }
    return cost;
}

/* All places of `beside`, for some of `row`. */
static double cost_beside(const counts *c, size z)
{
    if (c->beside < 0)
        return cost_across(c, z);
    int64_t extent = nnc_tiled_extent(c->t, c->beside), whole = extent / z.besides, rest = extent % z.besides;
    double cost = (double)whole * cost_across(c, z);
    return (rest ? RAGGED * (cost + cost_across(c, (size){z.rows, (int)rest, z.vectors})) : cost) / (double)extent;
}

/* A row's share. Rows are walked in tiles, then what is left in one tile of it. */
static double cost_of_row(const counts *c, size z)
{
    if (c->row < 0)
        return cost_across(c, z);
    int64_t extent = nnc_tiled_extent(c->t, c->row), whole = extent / z.rows, rest = extent % z.rows;
    double cost = (double)whole * cost_beside(c, z);
    return (rest ? RAGGED * (cost + cost_beside(c, (size){(int)rest, z.besides, z.vectors})) : cost) / (double)extent;
}

/* Registers that stay beside the accumulators: the vectors that all rows share, and what the places of `beside` read for every one of `row`. */
static int held_by(const counts *c, size z)
{
    int rows = z.rows * z.besides;
    return (rows > 1 ? z.vectors : 0) * registers_of(c->t) + (c->beside >= 0 ? (int)(c->loads[0][1][0] * z.besides + c->loads[0][1][1] * z.besides * z.vectors) : 0);
}

static bool fits(const counts *c, size z)
{
    return z.rows * z.besides * z.vectors * registers_of(c->t) + held_by(c, z) + c->registers <= c->t->nest->s->machine->registers;
}

static int most_across(const nnc_tile *t)
{
    const nnc_machine *m = t->nest->s->machine;
    if (t->shape.sum_lane < 0)
        return least(NNC_MAX_VECTORS, (t->t->extent[t->shape.lane] + m->lanes - 1) / m->lanes);
    return t->shape.column < 0 ? 1 : least(NNC_MAX_VECTORS, extent_at(t, t->shape.column));
}

/* Counts the body for these slots. */
static counts counts_of(const nnc_tile *t, int row, int beside, int across)
{
    counts c = {.t = t, .row = row, .beside = beside, .across = across, .chain = terms_of(t->nest->s->p, t->t->body), .registers = REGISTERS, .sets = PAGE / LINE, .beside_sets = PAGE / LINE};
    count(&c, t->t->body);
    nnc_ref_map_close(&c.seen);
    c.work = more(c.work, c.chain + (c.row_work > 0 ? CHOICE : 0));
    return c;
}

static void take(nnc_tile *t, int row, int beside, size z)
{
    t->shape.row = row;
    t->shape.beside = beside;
    t->shape.rows = z.rows;
    t->shape.besides = z.besides;
    t->shape.vectors = z.vectors;
}

/* Tries the tiles of one row slot (-1: none), and keeps the best; of equal ones that of the later slot. */
static void try_row(nnc_tile *t, int row, int across, double *cheapest)
{
    counts c = counts_of(t, row, -1, across);
    int most = most_across(t), most_rows = row < 0 ? 1 : least(NNC_MAX_ROWS, nnc_tiled_extent(t, row));
    for (size z = {1, 1, 1}; z.vectors <= most; z.vectors++)
        for (z.rows = row < 0 ? 1 : 2; z.rows <= most_rows && fits(&c, z); z.rows++) {
            double cost = cost_of_row(&c, z) * (1 + CODE * z.rows * z.vectors);
            if (*cheapest > 0 && cost > *cheapest * (row > t->shape.row ? 1 + 1e-9 : 1 - 1e-9))
                continue;
            *cheapest = cost;
            take(t, row, -1, z);
        }
}

/* Tries rows that are pairs of places of two slots. Not of such as a condition mentions: a guard would be asked of each pair, where that of one slot's rows is asked once for all of
 * them, or bounds their loop. */
static void try_pair(nnc_tile *t, int row, int beside, int across, double *cheapest)
{
    counts c = counts_of(t, row, beside, across);
    if ((c.conditions >> row | c.conditions >> beside) & 1)
        return;
    int most = most_across(t), most_rows = least(NNC_MAX_ROWS, nnc_tiled_extent(t, row)), most_besides = least(NNC_MAX_ROWS, nnc_tiled_extent(t, beside));
    for (size z = {2, 2, 1}; z.vectors <= most; z.vectors++)
        for (z.rows = 2; z.rows <= most_rows; z.rows++)
            for (z.besides = 2; z.besides <= most_besides && z.rows * z.besides <= NNC_MAX_PAIRED_ROWS && fits(&c, z); z.besides++) {
                double cost = cost_of_row(&c, z) * (1 + CODE * z.rows * z.besides * z.vectors);
                if (cost >= *cheapest)
                    continue;
                *cheapest = cost;
                take(t, row, beside, z);
            }
}

static bool may_tile(const nnc_tile *t, int slot, int across) { return slot != across && t->nest->fixed[slot] == 0 && extent_at(t, slot) > 1; }

static const double WORTH_PAIRS = 0.9;     /* of the best tile of one row slot: larger code must gain that much */

/* The later slot is walked inside of the earlier one. */
static void try_pairs(nnc_tile *t, int across, double cheapest)
{
    cheapest *= WORTH_PAIRS;
    for (int row = 0; row < t->t->rank; row++)
        for (int beside = row + 1; beside < t->t->rank; beside++)
            if (may_tile(t, row, across) && may_tile(t, beside, across))
                try_pair(t, row, beside, across, &cheapest);
}

static void try_rows(nnc_tile *t, int across, double *cheapest)
{
    try_row(t, -1, across, cheapest);
    for (int slot = 0; slot < t->t->rank; slot++)
        if (may_tile(t, slot, across))
            try_row(t, slot, across, cheapest);
}

/* A sum's lanes that fill several registers may be walked once for each of them: twice the elements or more then have one. */
static void try_parts(nnc_tile *t, int across, double *cheapest)
{
    nnc_shape whole = t->shape;
    double before = *cheapest;
    t->shape.parts = registers_of(t);
    if (t->shape.parts > 1 && !t->nest->s->machine->small)
        try_rows(t, across, cheapest);
    if (*cheapest == before)
        t->shape = whole;
}

void nnc_choose_tile(nnc_tile *t)
{
    double cheapest = 0;
    int across = t->shape.sum_lane >= 0 ? t->shape.column : t->shape.lane;
    try_rows(t, across, &cheapest);
    if (t->shape.sum_lane >= 0)
        try_parts(t, across, &cheapest);
    else if (!t->nest->s->machine->small)
        try_pairs(t, across, cheapest);
}
