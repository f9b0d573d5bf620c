/* Looking at expressions, and rebuilding them with other leaves. */
#include <stdlib.h>
#include <string.h>
#include "formula/rebuild.h"

bool nnc_is_constant(const nnc_program *p, nnc_ref ref, double *value)
{
    *value = p->node[ref].real;
    return p->node[ref].op == NNC_OP_CONSTANT;
}

uint64_t nnc_slots_of(const nnc_program *p, nnc_ref ref) { return p->node[ref].slots; }

/* ---- a map from node to node, for one walk ---- */

void nnc_ref_map_open(nnc_ref_map *map) { *map = (nnc_ref_map){0}; }
void nnc_ref_map_close(nnc_ref_map *map) { free(map->entry); }

/* The key's entry, or the free one where it goes; among a few the one behind the last, which may be beyond them. */
static nnc_ref_entry *place(nnc_ref_map *map, nnc_ref key)
{
    nnc_ref_entry *few = map->few;
    if (!map->entry) {
        while (few < map->few + map->count && few->key != key)
            few++;
        return few;
    }
    uint32_t at = (uint32_t)(key * 0x9E3779B1u) & (map->size - 1);
    while (map->entry[at].key && map->entry[at].key != key)
        at = (at + 1) & (map->size - 1);
    return &map->entry[at];
}

nnc_ref nnc_ref_map_get(const nnc_ref_map *map, nnc_ref key)
{
    const nnc_ref_entry *entry = place((nnc_ref_map *)map, key);
    return map->entry || entry < map->few + map->count ? entry->value : 0;
}

static void grow(nnc_arena *arena, nnc_ref_map *map)
{
    const nnc_ref_entry *old = map->entry ? map->entry : map->few;
    uint32_t entries = map->entry ? map->size : map->count, size = map->entry ? 2 * map->size : 4 * NNC_REF_MAP_FEW;
    nnc_ref_map larger = {.entry = calloc(size, sizeof *old), .size = size, .count = map->count};
    if (!larger.entry)
        nnc_arena_allocate(arena, SIZE_MAX, 2);        /* leaves by the arena's one path */
    for (uint32_t i = 0; i < entries; i++)
        if (old[i].key)
            *place(&larger, old[i].key) = old[i];
    free(map->entry);
    *map = larger;
}

void nnc_ref_map_put(nnc_arena *arena, nnc_ref_map *map, nnc_ref key, nnc_ref value)
{
    if (map->entry ? 2 * (map->count + 1) > map->size : map->count == NNC_REF_MAP_FEW)
        grow(arena, map);
    nnc_ref_entry *entry = place(map, key);
    map->count += map->entry ? !entry->key : entry == map->few + map->count;
    *entry = (nnc_ref_entry){key, value};
}

/* ---- walks ---- */

static bool mentions(const nnc_program *p, nnc_ref ref, nnc_ref leaf, nnc_ref_map *seen)
{
    if (ref == leaf)
        return true;
    const nnc_node *n = &p->node[ref];
    if (n->count == 0 || nnc_ref_map_get(seen, ref))
        return false;
    nnc_ref_map_put(p->arena, seen, ref, 1);
    for (uint32_t i = 0; i < n->count; i++)
        if (mentions(p, p->args[n->first + i], leaf, seen))
            return true;
    return false;
}

bool nnc_mentions(const nnc_program *p, nnc_ref ref, nnc_ref leaf)
{
    const nnc_node *l = &p->node[leaf];
    if (l->op == NNC_OP_INDEX && l->integer[0] < 64)
        return (p->node[ref].slots >> l->integer[0] & 1) != 0;
    if (l->op == NNC_OP_INDEX && !p->node[ref].open)
        return false;
    nnc_ref_map seen;
    nnc_ref_map_open(&seen);
    bool found = mentions(p, ref, leaf, &seen);
    nnc_ref_map_close(&seen);
    return found;
}

static bool reads(const nnc_program *p, nnc_ref ref, nnc_ref_map *seen)
{
    const nnc_node *n = &p->node[ref];
    bool found = n->op == NNC_OP_READ;
    if (nnc_ref_map_get(seen, ref))
        return false;
    nnc_ref_map_put(p->arena, seen, ref, 1);
    for (uint32_t i = 0; i < n->count && !found; i++)
        found = reads(p, p->args[n->first + i], seen);
    return found;
}

bool nnc_reads(const nnc_program *p, nnc_ref ref)
{
    nnc_ref_map seen;
    nnc_ref_map_open(&seen);
    bool found = reads(p, ref, &seen);
    nnc_ref_map_close(&seen);
    return found;
}

typedef struct read_list { nnc_tensor_id *id; uint32_t count, capacity; nnc_ref_map seen, listed; } read_list;

static void list_reads(const nnc_program *p, nnc_ref ref, read_list *list)
{
    const nnc_node *n = &p->node[ref];
    if (nnc_ref_map_get(&list->seen, ref))
        return;
    nnc_ref_map_put(p->arena, &list->seen, ref, 1);
    if (n->op == NNC_OP_READ && !nnc_ref_map_get(&list->listed, (nnc_ref)n->integer[0])) {
        nnc_ref_map_put(p->arena, &list->listed, (nnc_ref)n->integer[0], 1);
        NNC_PUSH(p->arena, list->id, list->count, list->capacity) = (nnc_tensor_id)n->integer[0];
    }
    for (uint32_t i = 0; i < n->count; i++)
        list_reads(p, p->args[n->first + i], list);
}

nnc_tensor_id *nnc_tensors_read(const nnc_program *p, nnc_ref ref)
{
    read_list list = {0};
    if (ref)
        list_reads(p, ref, &list);
    nnc_ref_map_close(&list.seen);
    nnc_ref_map_close(&list.listed);
    NNC_PUSH(p->arena, list.id, list.count, list.capacity) = 0;
    return list.id;
}

/* Sums of atoms again, since their order and kinds may have changed. */
static nnc_ref rebuild_affine(nnc_program *to, const nnc_program *from, nnc_ref ref, const nnc_ref *args)
{
    const nnc_node n = from->node[ref];
    nnc_ref sum = nnc_integer(to, n.integer[0]);
    for (uint32_t i = 0; i < n.count; i++)
        sum = nnc_affine(to, 1, sum, from->coefficients[n.first + i], args[i], 0);
    return sum;
}

nnc_ref nnc_rebuild(nnc_program *to, const nnc_program *from, nnc_ref ref, const nnc_ref *args)
{
    const nnc_node n = from->node[ref];
    switch (n.op) {
    case NNC_OP_CONSTANT: case NNC_OP_TRUTH: case NNC_OP_INDEX: case NNC_OP_COUNT: case NNC_OP_READ: case NNC_OP_RANDOM: case NNC_OP_GAUSSIAN:
        return nnc_intern(to, (nnc_op)n.op, (nnc_element)n.element, args, NULL, n.count, n.integer[0], n.integer[1]);
    case NNC_OP_AFFINE: return rebuild_affine(to, from, ref, args);
    case NNC_OP_QUOTIENT: return nnc_quotient(to, args[0], n.integer[0]);
    case NNC_OP_REMAINDER: return nnc_remainder(to, args[0], n.integer[0]);
    case NNC_OP_NEIGHBOUR: return nnc_neighbour(to, args[0], (int)n.integer[0]);
    case NNC_OP_EXISTING: return nnc_existing(to, args[0]);
    case NNC_OP_FLOOR_INTEGER: return nnc_floor_integer(to, args[0]);
    case NNC_OP_REAL: return nnc_to_real(to, args[0]);
    case NNC_OP_WITHIN: return nnc_within(to, args[0], n.integer[0], n.integer[1]);
    default: return nnc_apply(to, (nnc_op)n.op, args, n.count);
    }
}

nnc_ref nnc_rewrite(nnc_rewriter *r, nnc_ref ref)
{
    nnc_ref known = nnc_ref_map_get(&r->done, ref), few[NNC_FEW], *args;
    if (known)
        return known;
    const nnc_node n = r->from->node[ref];
    nnc_ref result = 0;
    args = nnc_room(r->to, few, n.count);
    if (r->skip && r->skip(r, ref))
        result = ref;
    for (uint32_t i = 0; !result && i < n.count; i++)
        args[i] = nnc_rewrite(r, r->from->args[n.first + i]);
    if (!result && r->replace)
        result = r->replace(r, ref, args);
    if (!result)
        result = nnc_rebuild(r->to, r->from, ref, args);
    nnc_ref_map_put(r->to->arena, &r->done, ref, result);
    return result;
}

/* ---- substitution ---- */

typedef struct substitution { bool closed; uint64_t slots; } substitution;

/* Nothing to be replaced is below. */
static bool is_untouched(nnc_rewriter *r, nnc_ref ref)
{
    const substitution *s = r->context;
    const nnc_node *n = &r->from->node[ref];
    return s->closed && !n->open && !(n->slots & s->slots);
}

nnc_ref nnc_substitute(nnc_program *p, nnc_ref ref, const nnc_ref *from, const nnc_ref *to, uint32_t count)
{
    substitution s = {true, 0};
    nnc_rewriter r = {.from = p, .to = p, .skip = is_untouched, .context = &s};
    if (count == 0)
        return ref;
    for (uint32_t i = 0; i < count; i++) {
        const nnc_node *n = &p->node[from[i]];
        s.closed &= n->op == NNC_OP_INDEX;
        s.slots |= n->slots;
        nnc_ref_map_put(p->arena, &r.done, from[i], to[i]);
    }
    nnc_ref result = nnc_rewrite(&r, ref);
    nnc_ref_map_close(&r.done);
    return result;
}
