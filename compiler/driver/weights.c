/* Weights: from files, or drawn; and what goes with them. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/hash.h"
#include "driver/run.h"
#include "formula/interpret.h"
#include "runtime/initial.h"

static const unsigned SAVED = 1u << NNC_SLOT_PARAMETER | 1u << NNC_SLOT_STATE | 1u << NNC_SLOT_FIT;

const char *nnc_default_weights(nnc_run *run) { return nnc_arena_format(&run->arena, "%s.safetensors", run->model->name); }

static const char *key_of(void *context, const char *key) { return nnc_weights_key(context, key); }

const char *nnc_whole_weights(const nnc_run *run)
{
    for (uint32_t i = 0; i < run->options.weights_count; i++)
        if (!run->options.weights[i].name)
            return run->options.weights[i].path;
    return NULL;
}

static bool has_let(const nnc_model *model, const char *name)
{
    for (uint32_t i = 0; i < model->lets; i++)
        if (strcmp(model->let[i].name, name) == 0)
            return true;
    return false;
}

/* -D values of the file stand where none is given. */
static nnc_exit take_defines(nnc_run *run)
{
    for (uint32_t k = 0; k < run->weights->keys; k++) {
        const char *key = run->weights->key[k];
        bool given = strncmp(key, "define.", 7) != 0;
        for (uint32_t i = 0; i < run->options.defines && !given; i++)
            given = strcmp(run->options.define[i].name, key + 7) == 0;
        if (!given && !has_let(run->model, key + 7))
            return nnc_error(run, NNC_EXIT_DATA, "%s: it was trained with -D %s=%s, but the model has no `let` of that name", run->weights->path, key + 7, run->weights->value[k]);
        if (!given)
            NNC_PUSH(&run->arena, run->options.define, run->options.defines, run->options.define_capacity) = (nnc_define_value){key + 7, run->weights->value[k], false};
    }
    return NNC_EXIT_DONE;
}

nnc_exit nnc_load_weights(nnc_run *run)
{
    const char *path = nnc_whole_weights(run);
    run->weights = nnc_weights_read(&run->arena, path ? path : nnc_default_weights(run), &run->failure);
    if (!run->weights) {
        nnc_error(run, NNC_EXIT_DATA, "%s", run->failure.text);
        if (!path)
            fprintf(stderr, "  help: train first (--train DATA), or name the weights (--weights FILE)\n");
        return NNC_EXIT_DATA;
    }
    nnc_exit status = take_defines(run);
    if (status)
        return status;
    if (!nnc_dataset_knowledge_read(&run->arena, run->want, run->model->declarations, key_of, run->weights, &run->knowledge))
        return nnc_error(run, NNC_EXIT_DATA, "%s: what it says of the columns and classes is damaged", run->weights->path);
    return nnc_elaborate_model(run);
}

static nnc_exit apply(nnc_run *run, const nnc_weights *weights, unsigned roles, const char *prefix)
{
    nnc_text differs = {.arena = &run->arena};
    if (nnc_weights_apply(weights, run->network->slot, run->network->slots, roles, prefix, run->network->persistent, &differs))
        return NNC_EXIT_DONE;
    nnc_error(run, NNC_EXIT_DATA, "%s: these weights cannot be used with the model", weights->path);
    fputs(nnc_text_string(&differs), stderr);
    return NNC_EXIT_DATA;
}

nnc_exit nnc_apply_weights(nnc_run *run) { return run->weights ? apply(run, run->weights, SAVED, NULL) : NNC_EXIT_DONE; }

/* That the model has an instance of this name, with weights. */
static nnc_exit check_instance(nnc_run *run, const char *name)
{
    const char **known = NNC_ARRAY(&run->arena, const char *, run->model->instances + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < run->network->slots; i++)
        if ((SAVED >> run->network->slot[i].role & 1) && strncmp(run->network->slot[i].name, name, strlen(name)) == 0 && run->network->slot[i].name[strlen(name)] == '.')
            return NNC_EXIT_DONE;
    for (uint32_t i = 0; i < run->model->instances; i++)
        if (*run->model->instance[i].path)
            known[count++] = run->model->instance[i].path;
    const char *near = nnc_nearest(name, known, count);
    return nnc_error(run, NNC_EXIT_USAGE, "--weights %s=..: the model has no weights under this name%s%s", name, near ? "; did you mean " : "; nnc MODEL lists its layers",
                     near ? near : "");
}

nnc_exit nnc_apply_named_weights(nnc_run *run)
{
    for (uint32_t i = 0; i < run->options.weights_count; i++) {
        const nnc_weights_option *option = &run->options.weights[i];
        if (!option->name)
            continue;
        nnc_exit known = check_instance(run, option->name);
        if (known)
            return known;
        nnc_weights *weights = nnc_weights_read(&run->arena, option->path, &run->failure);
        if (!weights)
            return nnc_error(run, NNC_EXIT_DATA, "%s", run->failure.text);
        nnc_exit status = apply(run, weights, SAVED, option->name);
        if (status)
            return status;
    }
    return NNC_EXIT_DONE;
}

/* ---- drawn ---- */

static void from_tensor(nnc_run *run, nnc_tensor_id id, float *out, int64_t elements)
{
    const nnc_network *n = run->network;
    nnc_interpreter *in = nnc_interpreter_new(&run->arena, run->model->program, 1);
    for (uint32_t i = 0; i < n->slots; i++) {
        nnc_tensor_id slot = nnc_find(run->model->program, n->slot[i].name);
        if (slot && n->slot[i].role != NNC_SLOT_INTERNAL && !n->slot[i].integer)
            nnc_interpreter_set_float(in, slot, nnc_slot_data(n, &n->slot[i]));
    }
    nnc_interpreter_run_for(in, &id, 1);
    const double *values = nnc_interpreter_get(in, id);
    int64_t given = nnc_elements(nnc_tensor_at(run->model->program, id));
    for (int64_t i = 0; i < elements; i++)
        out[i] = (float)values[given == 1 ? 0 : i];
}

static void fill(void *out, int64_t count, uint32_t word)
{
    if (word == 0)
        memset(out, 0, (size_t)count * sizeof word);
    for (int64_t i = 0; word && i < count; i++)
        ((uint32_t *)out)[i] = word;
}

static uint32_t word_of(double value, bool integer)
{
    uint32_t word;
    float real = (float)value;
    memcpy(&word, &real, sizeof word);
    return integer ? (uint32_t)(int32_t)value : word;
}

static void draw_one(nnc_run *run, const char *name, const nnc_initial *initial)
{
    const nnc_slot *slot = nnc_network_slot(run->network, name);
    float *out = slot ? nnc_slot_data(run->network, slot) : NULL;
    uint64_t seed = run->model->recipe.seed;
    int64_t columns;
    if (!slot)
        return;
    switch (initial->kind) {
    case NNC_INIT_CONSTANT: fill(out, slot->elements, word_of(initial->a, slot->integer)); break;
    case NNC_INIT_NORMAL: nnc_draw_normal(out, slot->elements, initial->a, initial->b, seed, name); break;
    case NNC_INIT_UNIFORM: nnc_draw_uniform(out, slot->elements, initial->a, initial->b, seed, name); break;
    case NNC_INIT_ORTHOGONAL:
        columns = slot->rank ? slot->extent[slot->rank - 1] : 1;
        if (!nnc_draw_orthogonal(out, slot->elements / columns, columns, initial->a, seed, name))
            run->arena.failed(run->arena.failed_context);
        break;
    case NNC_INIT_TENSOR: from_tensor(run, initial->tensor, out, slot->elements); break;
    }
}

void nnc_draw_initial(nnc_run *run)
{
    const nnc_model *m = run->model;
    for (uint32_t i = 0; i < m->parameters; i++)
        draw_one(run, m->parameter[i].name, &m->parameter[i].initial);
    for (uint32_t i = 0; i < m->states; i++)
        draw_one(run, m->state[i].name, &m->state[i].initial);
}

void nnc_draw_optimizer(nnc_run *run)
{
    for (uint32_t i = 0; i < run->network->optimizer_states; i++)
        draw_one(run, run->network->optimizer_state[i].name, &run->network->optimizer_state[i].initial);
}

/* ---- what goes with them ---- */

/* Of all files that make the model: its own, those it uses, the library. */
static uint64_t hash_of_texts(const nnc_run *run)
{
    uint64_t hash = NNC_HASH_START;
    for (uint32_t i = 1; i < run->session.sources; i++)
        if (run->session.source[i].path[0] != '-')
            hash = nnc_hash(hash, run->session.source[i].text, strlen(run->session.source[i].text));
    return hash;
}

/* What the command line says of the run: -D, and -R but for what may grow (epochs, steps) and the seed. */
static const char *given_text(nnc_run *run)
{
    static const char *const aside[] = {"epochs", "steps", "seed", NULL};
    nnc_text out = {.arena = &run->arena};
    for (uint32_t i = 0; i < run->options.defines; i++)
        nnc_text_add(&out, "-D %s=%s\n", run->options.define[i].name, run->options.define[i].value);
    for (uint32_t i = 0; i < run->options.recipe.count; i++) {
        const char *line = run->options.recipe.path[i] + strspn(run->options.recipe.path[i], " \t");
        bool kept = true;
        for (int k = 0; aside[k]; k++)
            kept = kept && (strcspn(line, " \t") != strlen(aside[k]) || strncmp(line, aside[k], strlen(aside[k])) != 0);
        if (kept)
            nnc_text_add(&out, "-R %s\n", line);
    }
    return nnc_text_string(&out);
}

nnc_checkpoint_keys nnc_metadata(nnc_run *run, uint64_t data_hash)
{
    const char **key, **value, **all_key, **all_value;
    uint32_t count = nnc_dataset_knowledge_write(&run->arena, &run->knowledge, &key, &value), room = count + run->options.defines + run->model->outputs + 16, n = 0;
    all_key = NNC_ARRAY(&run->arena, const char *, room);
    all_value = NNC_ARRAY(&run->arena, const char *, room);
    for (; n < count; n++) {
        all_key[n] = key[n];
        all_value[n] = value[n];
    }
    for (uint32_t i = 0; i < run->options.defines; i++) {
        all_key[n] = nnc_arena_format(&run->arena, "define.%s", run->options.define[i].name);
        all_value[n++] = run->options.define[i].value;
    }
    n += nnc_functions(run, all_key + n, all_value + n);
    all_key[n] = "nnc", all_value[n++] = NNC_VERSION;
    all_key[n] = "model", all_value[n++] = run->model->text;
    all_key[n] = "text", all_value[n++] = nnc_arena_format(&run->arena, "%016llx", (unsigned long long)hash_of_texts(run));
    all_key[n] = "given", all_value[n++] = given_text(run);
    all_key[n] = "seed", all_value[n++] = nnc_arena_format(&run->arena, "%llu", (unsigned long long)run->model->recipe.seed);
    all_key[n] = "data", all_value[n++] = nnc_arena_format(&run->arena, "%016llx", (unsigned long long)data_hash);
    return (nnc_checkpoint_keys){all_key, all_value, n};
}

/* Bytes of a text in JSON. */
static size_t json_length(const char *text)
{
    size_t length = 2;
    for (; *text; text++)
        length += (unsigned char)*text < 32 ? 6 : *text == '"' || *text == '\\' ? 2 : 1;
    return length;
}

nnc_exit nnc_check_metadata(nnc_run *run, const nnc_checkpoint_keys *keys)
{
    enum { MOST = 15 << 20 };          /* of the header's 16 MB; the tensors' names need the rest */
    size_t length = 0, longest = 0;
    uint32_t which = 0;
    for (uint32_t i = 0; i < keys->count; i++) {
        size_t own = json_length(keys->value[i]);
        length += own;
        if (own > longest) {
            longest = own;
            which = i;
        }
    }
    return length <= MOST ? NNC_EXIT_DONE : nnc_error(run, NNC_EXIT_DATA, "a weights file keeps at most 15 MB of texts, and here are %zu MB, %zu of them %s", length >> 20,
                                                      longest >> 20, keys->key[which]);
}

nnc_exit nnc_add_weights(nnc_run *run, const nnc_checkpoint_keys *keys)
{
    const nnc_network *n = run->network;
    size_t size;
    const void *bytes = nnc_weights_of_slots(&run->arena, n->slot, n->slots, SAVED, n->persistent, keys, &size);
    nnc_exit status = nnc_options_wants(&run->options, NNC_OUTPUT_WEIGHTS) ? NNC_EXIT_DONE : nnc_add_text(run, nnc_default_weights(run), bytes, size);
    for (uint32_t i = 0; !status && i < run->options.outputs; i++)
        if (run->options.output[i].kind == NNC_OUTPUT_WEIGHTS)
            status = nnc_add_text(run, run->options.output[i].path, bytes, size);
    return status;
}
