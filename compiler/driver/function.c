/* What a network computes, as a number that is kept with its weights: so that weights are not used in silence by a model that has the same names and shapes but computes
 * something else. Only outputs count, as they are when predicting: comments, names of intermediate values, the recipe, dropout change nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "base/name_map.h"
#include "driver/run.h"
#include "transform/transform.h"

/* ---- the number ---- */

static uint64_t mixed_number(uint64_t hash, int64_t number) { return nnc_hash(hash, &number, sizeof number); }

/* What computes has a number there and not its name; what is given or kept has its name. */
static uint64_t of_tensor(const nnc_program *p, nnc_tensor_id id)
{
    const nnc_tensor *t = nnc_tensor_at(p, id);
    return t->kind == NNC_KIND_FORMULA ? mixed_number(NNC_HASH_START, id) : nnc_hash(NNC_HASH_START, t->name, strlen(t->name));
}

/* Of all nodes, each after its arguments: shared ones count once, however often they are met. */
static uint64_t *of_nodes(nnc_arena *arena, const nnc_program *p)
{
    uint64_t *hash = NNC_ARRAY(arena, uint64_t, p->nodes);
    for (nnc_ref ref = 1; ref < p->nodes; ref++) {
        const nnc_node *n = nnc_at(p, ref);
        uint64_t h = mixed_number(mixed_number(NNC_HASH_START, n->op), n->element);
        h = mixed_number(h, n->op == NNC_OP_READ ? (int64_t)of_tensor(p, (nnc_tensor_id)n->integer[0]) : n->integer[0]);
        h = n->op == NNC_OP_WITHIN ? mixed_number(h, n->integer[1]) : h;
        for (uint32_t i = 0; i < n->count; i++) {
            h = mixed_number(h, (int64_t)hash[nnc_arg(p, ref, i)]);
            h = n->op == NNC_OP_AFFINE ? mixed_number(h, p->coefficients[n->first + i]) : h;
        }
        hash[ref] = h;
    }
    return hash;
}

static uint64_t with_tensor(uint64_t hash, const nnc_program *p, nnc_tensor_id id, const uint64_t *node)
{
    const nnc_tensor *t = nnc_tensor_at(p, id);
    hash = mixed_number(hash, (int64_t)of_tensor(p, id));
    hash = mixed_number(mixed_number(mixed_number(hash, t->kind), t->element), t->reduce);
    hash = mixed_number(mixed_number(mixed_number(hash, t->rank), t->reduced), t->classes);
    for (uint32_t i = 0; i < (uint32_t)t->rank + t->reduced; i++)
        hash = mixed_number(hash, t->extent[i]);
    if (t->values)
        hash = nnc_hash(hash, t->values, (size_t)nnc_elements(t) * sizeof *t->values);
    return t->body ? mixed_number(hash, (int64_t)node[t->body]) : hash;
}

/* Of the output's formulas, simplified. */
static uint64_t function_of(nnc_run *run, const nnc_model_output *output)
{
    nnc_arena scratch;
    nnc_tensor_id root = output->tensor;
    uint64_t hash = NNC_HASH_START;
    nnc_arena_open(&scratch, run->arena.failed, run->arena.failed_context);
    nnc_program *p = nnc_simplify(&scratch, nnc_extract(&scratch, run->model->program, &root, 1, false, NULL), &root, 1, NULL);
    const uint64_t *node = of_nodes(&scratch, p);
    for (nnc_tensor_id id = 1; id < p->tensors; id++)
        hash = with_tensor(hash, p, id, node);
    nnc_arena_close(&scratch);
    return hash;
}

uint32_t nnc_functions(nnc_run *run, const char **key, const char **value)
{
    for (uint32_t i = 0; i < run->model->outputs; i++) {
        key[i] = nnc_arena_format(&run->arena, "output.%s", run->model->output[i].name);
        value[i] = nnc_arena_format(&run->arena, "%016" PRIx64, function_of(run, &run->model->output[i]));
    }
    return run->model->outputs;
}

/* ---- where two texts differ ---- */

typedef struct lines { const char **line; uint32_t count, capacity; } lines;

/* The line without comment, outer spaces and control characters, which a terminal might obey. */
static const char *bare_line(nnc_arena *arena, const char *line, size_t length)
{
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        quoted ^= line[i] == '"';
        if (line[i] == '#' && !quoted)
            length = i;
    }
    while (length && strchr(" \t\r", line[length - 1]))
        length--;
    size_t space = strspn(line, " \t");
    char *bare = nnc_arena_copy(arena, line + space, space < length ? length - space : 0);
    for (char *at = bare; *at; at++)
        *at = (unsigned char)*at < 32 || *at == 127 ? ' ' : *at;
    return bare;
}

/* The lines that say something, but for the recipe's. */
static lines lines_of(nnc_arena *arena, const char *text)
{
    lines all = {0};
    bool recipe = false;
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "\n");
        const char *line = bare_line(arena, at, length);
        recipe = recipe || (strncmp(line, "train", 5) == 0 && strchr(" \t{", line[5]));
        if (*line && !recipe)
            NNC_PUSH(arena, all.line, all.count, all.capacity) = line;
        recipe = recipe && !strchr(line, '}');
        at += length + (at[length] == '\n');
    }
    return all;
}

/* The first line that the other text lacks; NULL: none. */
static const char *first_absent(nnc_arena *arena, const lines *of, const lines *other)
{
    nnc_name_map there = {.arena = arena};
    for (uint32_t i = 0; i < other->count; i++)
        if (nnc_name_map_get(&there, other->line[i]) == NNC_NO_NUMBER)
            nnc_name_map_put(&there, other->line[i], i);
    for (uint32_t i = 0; i < of->count; i++)
        if (nnc_name_map_get(&there, of->line[i]) == NNC_NO_NUMBER)
            return of->line[i];
    return NULL;
}

static void show_line(const char *whose, const char *line)
{
    enum { MOST = 120 };
    if (line)
        fprintf(stderr, "  %s %.*s%s\n", whose, MOST, line, strlen(line) > MOST ? ".." : "");
}

static void show_difference(nnc_run *run, const char *before)
{
    lines old = lines_of(&run->arena, before), new = lines_of(&run->arena, run->model->text);
    show_line("its model has:", first_absent(&run->arena, &old, &new));
    show_line("this one has: ", first_absent(&run->arena, &new, &old));
}

/* ---- the warning ---- */

void nnc_warn_of_another_function(nnc_run *run)
{
    const char *version = nnc_weights_key(run->weights, "nnc"), *before = nnc_weights_key(run->weights, "model");
    const char **key = NNC_ARRAY(&run->arena, const char *, run->model->outputs + 1), **value = NNC_ARRAY(&run->arena, const char *, run->model->outputs + 1);
    uint32_t count = version && strcmp(version, NNC_VERSION) == 0 ? nnc_functions(run, key, value) : 0;      /* another version may write the same otherwise */
    for (uint32_t i = 0; i < count; i++) {
        const char *then = nnc_weights_key(run->weights, key[i]);
        if (!then || strcmp(then, value[i]) == 0)
            continue;
        nnc_warn(run, "%s: these weights are of a model that computes the output %s in another way", run->weights->path, run->model->output[i].name);
        if (before)
            show_difference(run, before);
        fprintf(stderr, "  help: if that is not meant, use the model's text as it was: it is in the file, as `model`\n");
        return;
    }
}
