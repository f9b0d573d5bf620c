#include "driver/options.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum takes { NOTHING, VALUE } takes;

typedef enum flag {
#define NNC_FLAG(id, name, brief, takes, argument, help) FLAG_##id,
#include "driver/flags.def"
    FLAGS
} flag;

typedef struct row { const char *name, *brief; takes takes; const char *argument, *help; } row;
static const row ROWS[] = {
#define NNC_FLAG(id, name, brief, takes, argument, help) {name, brief, takes, argument, help},
#include "driver/flags.def"
};

typedef struct kind_row { const char *name, *suffix; nnc_output_needs needs; const char *help; } kind_row;
static const kind_row KINDS[] = {
#define NNC_OUTPUT(id, name, suffix, needs, help) {name, suffix, NNC_NEEDS_##needs, help},
#include "driver/outputs.def"
};

typedef struct parse {
    nnc_arena *arena;
    nnc_options *o;
    const char *error;
    const char *color;
} parse;

#define WRONG(p, ...) ((p)->error = nnc_arena_format((p)->arena, __VA_ARGS__), false)

const char *nnc_output_name(nnc_output_kind kind) { return KINDS[kind].name; }
nnc_output_needs nnc_output_needs_of(nnc_output_kind kind) { return KINDS[kind].needs; }

bool nnc_options_wants(const nnc_options *options, nnc_output_kind kind)
{
    for (uint32_t i = 0; i < options->outputs; i++)
        if (options->output[i].kind == kind)
            return true;
    return false;
}

/* ---- values ---- */

static void add_path(parse *p, nnc_paths *paths, const char *path) { NNC_PUSH(p->arena, paths->path, paths->count, paths->capacity) = path; }

static const char *kinds_text(parse *p)
{
    nnc_text text = {.arena = p->arena};
    for (int i = 0; i < NNC_OUTPUT_KINDS; i++)
        if (KINDS[i].needs != NNC_NEEDS_LATER)
            nnc_text_add(&text, "%s%s%s%s", text.length ? ", " : "", KINDS[i].name, *KINDS[i].suffix ? " " : "", KINDS[i].suffix);
    return nnc_text_string(&text);
}

static bool add_output(parse *p, int kind, const char *path, const char *asked)
{
    if (kind < 0)
        return WRONG(p, "%s: no kind of output is called so; there are: %s", asked, kinds_text(p));
    if (KINDS[kind].needs == NNC_NEEDS_LATER)
        return WRONG(p, "%s: this output is not built yet; there are: %s", asked, kinds_text(p));
    NNC_PUSH(p->arena, p->o->output, p->o->outputs, p->o->output_capacity) = (nnc_output){(nnc_output_kind)kind, path};
    return true;
}

static bool add_file(parse *p, const char *path)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path, *suffix = strrchr(name, '.');
    int kind = -1;
    for (int i = 0; suffix && i < NNC_OUTPUT_KINDS; i++)
        if (*KINDS[i].suffix && strcmp(KINDS[i].suffix, suffix) == 0)
            kind = i;
    return add_output(p, kind, path, path);
}

static bool add_emit(parse *p, const char *value)
{
    const char *equals = strchr(value, '=');
    char *name = nnc_arena_copy(p->arena, value, equals ? (size_t)(equals - value) : strlen(value));
    int kind = -1;
    for (int i = 0; i < NNC_OUTPUT_KINDS; i++)
        if (strcmp(KINDS[i].name, name) == 0)
            kind = i;
    return add_output(p, kind, equals ? equals + 1 : "-", nnc_arena_format(p->arena, "--emit=%s", name));
}

static bool is_name(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '_' && text[i] != '.')
            return false;
    return length > 0;
}

static bool add_weights(parse *p, const char *value)
{
    const char *equals = strchr(value, '=');
    nnc_weights_option option = {NULL, value};
    if (equals && is_name(value, (size_t)(equals - value)))
        option = (nnc_weights_option){nnc_arena_copy(p->arena, value, (size_t)(equals - value)), equals + 1};
    for (uint32_t i = 0; i < p->o->weights_count; i++) {
        const char *before = p->o->weights[i].name;
        if (before && option.name ? strcmp(before, option.name) == 0 : before == option.name)
            return WRONG(p, "--weights %s is given twice", option.name ? option.name : "FILE");
    }
    NNC_PUSH(p->arena, p->o->weights, p->o->weights_count, p->o->weights_capacity) = option;
    return true;
}

static bool add_define(parse *p, const char *value)
{
    const char *equals = strchr(value, '=');
    if (!equals || !is_name(value, (size_t)(equals - value)) || !equals[1])
        return WRONG(p, "-D %s: expected NAME=VALUE", value);
    nnc_define_value define = {nnc_arena_copy(p->arena, value, (size_t)(equals - value)), equals + 1, false};
    NNC_PUSH(p->arena, p->o->define, p->o->defines, p->o->define_capacity) = define;
    return true;
}

static bool add_requirement(parse *p, const char *text)
{
    static const struct { const char *sign; nnc_relation relation; } signs[] = {{">=", NNC_GE}, {"<=", NNC_LE}, {"==", NNC_EQ}, {">", NNC_GT}, {"<", NNC_LT}};
    const char *at = text + strspn(text, " \t"), *end = at;
    while (isalnum((unsigned char)*end) || *end == '_')
        end++;
    const char *sign = end + strspn(end, " \t");
    for (size_t i = 0; end > at && i < sizeof signs / sizeof *signs; i++) {
        size_t length = strlen(signs[i].sign);
        if (strncmp(sign, signs[i].sign, length) != 0)
            continue;
        char *rest;
        double value = strtod(sign + length, &rest);
        bool percent = *rest == '%';
        rest += percent + strspn(rest + percent, " \t");
        if (rest == sign + length || *rest)
            break;
        NNC_PUSH(p->arena, p->o->require, p->o->requires, p->o->require_capacity) =
            (nnc_requirement){text, nnc_arena_copy(p->arena, at, (size_t)(end - at)), signs[i].relation, percent ? value / 100 : value};
        return true;
    }
    return WRONG(p, "--require '%s': expected NAME >= VALUE (or <=, >, <, ==)", text);
}

static bool whole(parse *p, const char *name, const char *value, long low, long high, int *out)
{
    char *end;
    long number = strtol(value, &end, 10);
    if (end == value || *end || number < low || number > high)
        return WRONG(p, "%s %s: expected a whole number from %ld to %ld", name, value, low, high);
    *out = (int)number;
    return true;
}

static bool sign(parse *p, const char *name, const char *value, char *out)
{
    bool tab = strcmp(value, "\\t") == 0 || strcmp(value, "tab") == 0;
    *out = tab ? '\t' : value[0];
    return tab || (value[0] && !value[1]) || WRONG(p, "%s %s: expected one character", name, value);
}

static bool line_of(parse *p, const char *word, const char *value)
{
    add_path(p, &p->o->recipe, nnc_arena_format(p->arena, "%s %s", word, value));
    return true;
}

/* ---- one flag ---- */

static bool set_data(parse *p, flag f, const char *value)
{
    nnc_paths *paths = f == FLAG_TRAIN ? &p->o->train : f == FLAG_VALID ? &p->o->valid : f == FLAG_TEST ? &p->o->test : &p->o->predict;
    if (f != FLAG_TRAIN && paths->count)
        return WRONG(p, "%s is given twice", ROWS[f].name);
    add_path(p, paths, value);
    return true;
}

static bool set_header(parse *p, const char *value)
{
    p->o->header = strcmp(value, "yes") == 0;
    return p->o->header || strcmp(value, "no") == 0 || WRONG(p, "--header %s: expected yes or no", value);
}

static bool set_color(parse *p, const char *value)
{
    p->color = value;
    return strcmp(value, "auto") == 0 || strcmp(value, "always") == 0 || strcmp(value, "never") == 0 ||
           WRONG(p, "--color %s: expected auto, always or never", value);
}

static bool set(parse *p, flag f, const char *value)
{
    nnc_options *o = p->o;
    switch (f) {
    case FLAG_TRAIN: case FLAG_VALID: case FLAG_TEST: case FLAG_PREDICT: return set_data(p, f, value);
    case FLAG_WEIGHTS: return add_weights(p, value);
    case FLAG_RESUME: o->resume = true; return true;
    case FLAG_CHECKPOINT: o->checkpoint = value; return strcmp(value, "-") != 0 || WRONG(p, "--checkpoint -: it is a file that is read again");
    case FLAG_OUTPUT: return add_file(p, value);
    case FLAG_EMIT: return add_emit(p, value);
    case FLAG_RECIPE: add_path(p, &o->recipe, value); return true;
    case FLAG_EPOCHS: return line_of(p, "epochs", value);
    case FLAG_BATCH: return line_of(p, "batch", value);
    case FLAG_SEED: return line_of(p, "seed", value);
    case FLAG_DEFINE: return add_define(p, value);
    case FLAG_THREADS: return whole(p, "--threads", value, 1, 1024, &o->threads);
    case FLAG_REQUIRE: return add_requirement(p, value);
    case FLAG_LOG: o->log = value; return true;
    case FLAG_HEADER: return set_header(p, value);
    case FLAG_DELIMITER: return sign(p, "--delimiter", value, &o->delimiter);
    case FLAG_DECIMAL: return sign(p, "--decimal", value, &o->decimal);
    case FLAG_TARGET: o->target = value; return true;
    case FLAG_CPU: o->cpu = value; return true;
    case FLAG_LEVEL: return whole(p, "-O", value, 0, 3, &o->level);
    case FLAG_NO_CACHE: o->no_cache = true; return true;
    case FLAG_PROFILE: o->profile = true; return true;
    case FLAG_CHECK: o->check = true; return true;
    case FLAG_QUIET: o->quiet = true; return true;
    case FLAG_VERBOSE: o->verbose = true; return true;
    case FLAG_COLOR: return set_color(p, value);
    case FLAG_HELP: o->help = true; return true;
    case FLAG_VERSION: o->version = true; return true;
    default: return false;
    }
}

/* ---- the line ---- */

/* What follows the flag's name in `argument` (past a `=`), NULL where the names differ, "" where nothing follows. */
static const char *after(const char *argument, const char *name, bool brief)
{
    size_t length = strlen(name);
    if (!length || strncmp(argument, name, length) != 0)
        return NULL;
    if (argument[length] == '=')
        return argument + length + 1;
    return !argument[length] || brief ? argument + length : NULL;
}

static const char *nearest_flag(const char *argument)
{
    const char *names[2 * FLAGS];
    size_t count = 0;
    for (int f = 0; f < FLAGS; f++)
        if (*ROWS[f].name)
            names[count++] = ROWS[f].name;
    return nnc_nearest(argument, names, count);
}

static bool take_flag(parse *p, int count, char **argument, int *at)
{
    const char *text = argument[*at];
    for (int f = 0; f < FLAGS; f++) {
        const row *r = &ROWS[f];
        const char *value = after(text, r->name, false);
        if (!value)
            value = after(text, r->brief, r->takes == VALUE);
        if (!value)
            continue;
        bool attached = strchr(text, '=') && value > text && value[-1] == '=';
        if (r->takes == NOTHING)
            return *value || attached ? WRONG(p, "%s takes no value", *r->name ? r->name : r->brief) : set(p, (flag)f, "");
        if (!*value && !attached) {
            if (*at + 1 >= count)
                return WRONG(p, "%s needs a value: %s", text, r->argument);
            value = argument[++*at];
        }
        if (!*value)
            return WRONG(p, "%s needs a value: %s", *r->name ? r->name : r->brief, r->argument);
        return set(p, (flag)f, value);
    }
    char *name = nnc_arena_copy(p->arena, text, strcspn(text, "="));
    const char *near = nearest_flag(name);
    return near ? WRONG(p, "%s: no such flag; did you mean %s?", name, near) : WRONG(p, "%s: no such flag; nnc --help lists them", name);
}

static bool take_operand(parse *p, const char *text)
{
    size_t length = strlen(text);
    if (length < 4 || strcmp(text + length - 3, ".nn") != 0)
        return strchr(text, '.') ? WRONG(p, "%s: expected a model, a .nn file; data is named by --train, --test or --predict", text)
                                 : WRONG(p, "%s: expected a model, a .nn file", text);
    if (p->o->model)
        return WRONG(p, "%s: a second model; one run takes one", text);
    p->o->model = text;
    return true;
}

static bool makes_code(const nnc_options *o)
{
    bool makes = false;
    for (uint32_t i = 0; i < o->outputs; i++)
        makes |= o->output[i].kind == NNC_OUTPUT_OBJECT || o->output[i].kind == NNC_OUTPUT_ASM || o->output[i].kind == NNC_OUTPUT_LLVM;
    return makes;
}

/* A flag that would do nothing is a mistake. */
static bool are_together(parse *p)
{
    const nnc_options *o = p->o;
    if ((o->target || o->cpu) && !makes_code(o))
        return WRONG(p, "%s goes with an output for a machine: -o x.o, x.s or x.ll; training is for this one", o->target ? "--target" : "-mcpu");
    if (o->check || o->train.count)
        return true;
    const char *alone = o->resume ? "--resume" : o->checkpoint ? "--checkpoint" : o->valid.count ? "--valid" : o->profile ? "--profile" : NULL;
    if (alone)
        return WRONG(p, "%s goes with --train", alone);
    return !o->log || o->test.count || WRONG(p, "--log goes with --train or --test");
}

static bool reads_stream_once(parse *p)
{
    const nnc_paths *all[] = {&p->o->train, &p->o->valid, &p->o->test, &p->o->predict};
    int count = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (uint32_t k = 0; k < all[i]->count; k++)
            count += strcmp(all[i]->path[k], "-") == 0;
    return count < 2 || WRONG(p, "standard input (-) can be read once only");
}

static bool are_sound(parse *p)
{
    nnc_options *o = p->o;
    const char *no_color = getenv("NO_COLOR");
    o->color = strcmp(p->color, "always") == 0 || (strcmp(p->color, "auto") == 0 && isatty(2) && !(no_color && *no_color));
    if (o->help || o->version)
        return true;
    if (!o->model)
        return WRONG(p, "no model is given; try: nnc model.nn --train data.csv (nnc --help lists the flags)");
    if (!are_together(p) || !reads_stream_once(p))
        return false;
    if (nnc_options_wants(o, NNC_OUTPUT_PREDICTIONS) && !o->predict.count)
        return WRONG(p, "predictions need --predict DATA");
    if (o->predict.count && o->train.count)
        return WRONG(p, "--predict and --train are two runs: train first, then predict with the weights");
    return true;
}

bool nnc_options_parse(nnc_arena *arena, int count, char **argument, nnc_options *options, const char **error)
{
    parse p = {arena, options, NULL, "auto"};
    bool flags = true;
    *options = (nnc_options){.header = -1, .level = 2};
    for (int i = 1; i < count; i++) {
        bool is_flag = flags && argument[i][0] == '-' && argument[i][1];
        if (is_flag && strcmp(argument[i], "--") == 0) {
            flags = false;
            continue;
        }
        if (!(is_flag ? take_flag(&p, count, argument, &i) : take_operand(&p, argument[i]))) {
            *error = p.error;
            return false;
        }
    }
    bool sound = are_sound(&p);
    *error = p.error;
    return sound;
}

const char *nnc_options_help(nnc_arena *arena)
{
    nnc_text text = {.arena = arena};
    nnc_text_add(&text, "nnc compiles a neural network.\n\n"
                        "  nnc model.nn --train data.csv                     train; writes NAME.safetensors\n"
                        "  nnc model.nn --train data.csv -o net.c -o net.h   and the trained network as C\n"
                        "  nnc model.nn --test data.csv                      measure with those weights\n"
                        "  nnc model.nn --predict data.csv -o out.csv        predict\n"
                        "  nnc model.nn                                      the summary\n\nFlags:\n");
    for (int f = 0; f < FLAGS; f++) {
        const row *r = &ROWS[f];
        const char *form = nnc_arena_format(arena, "%s%s%s%s%s", r->brief, *r->brief && *r->name ? ", " : "", r->name, *r->argument ? " " : "", r->argument);
        nnc_text_add(&text, "  %-26s %s\n", form, r->help);
    }
    nnc_text_add(&text, "\nOutputs (-o by suffix, --emit by name):\n");
    for (int i = 0; i < NNC_OUTPUT_KINDS; i++)
        if (KINDS[i].needs != NNC_NEEDS_LATER)
            nnc_text_add(&text, "  %-12s %-13s %s\n", KINDS[i].name, KINDS[i].suffix, KINDS[i].help);
    nnc_text_add(&text, "\nExit status: 0 done, 1 the model has errors, 2 the command line, 3 the data or the weights, 4 diverged,\n"
                        "5 a --require not met, 6 the system failed, 70 a fault of nnc's own, 130 and 143 interrupted.\n");
    return nnc_text_string(&text);
}
