/* Programs from the text that print.c writes: for tests of passes, from text to text. Expressions are read as reals; the builders turn
 * arithmetic on indices back into integers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "formula/build.h"

static const nnc_message FORMULA_TEXT = {"FORMULA_TEXT", NNC_ERROR, "%s", NULL};

enum { END, NAME, NUMBER, SIGN, MOST_NAMES = NNC_MAX_SLOTS };

typedef struct parser {
    nnc_session *session;
    nnc_program *p;
    uint32_t file;
    const char *text, *at;           /* `at`: after the current token */
    int kind;
    char word[128];                  /* the token: a name or a sign */
    bool quoted;                     /* a name in quotes: no word of the language */
    double number;
    const char *start;
    bool failed;
    /* the formula's indices */
    char index[MOST_NAMES][16];
    int64_t extent[MOST_NAMES];
    uint32_t indices;
} parser;

static nnc_ref expression(parser *s);

static void fail(parser *s, const char *what)
{
    nnc_span span = {s->file, (uint32_t)(s->start - s->text), (uint32_t)(s->at - s->text)};
    if (!s->failed)
        nnc_report(s->session, span, &FORMULA_TEXT, what);
    s->failed = true;
}

/* ---- tokens ---- */

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool goes_on(char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '~' || c == '\''; }

static void take_word(parser *s, size_t length)
{
    if (length >= sizeof s->word) {
        fail(s, "a name is too long");
        length = sizeof s->word - 1;
    }
    memcpy(s->word, s->start, length);
    s->word[length] = 0;
    s->at = s->start + length;
}

static void next(parser *s)
{
    while (*s->at == ' ')
        s->at++;
    s->start = s->at;
    s->quoted = *s->at == '"';
    if (*s->at == 0 || *s->at == '\n') {
        s->kind = END;
        s->word[0] = 0;
    } else if (is_letter(*s->at)) {
        size_t length = 1;
        while (goes_on(s->at[length]))
            length++;
        s->kind = NAME;
        take_word(s, length);
    } else if (*s->at == '"') {
        const char *end = strchr(s->at + 1, '"');
        s->start++;
        s->kind = NAME;
        take_word(s, end ? (size_t)(end - s->start) : 0);
        s->at += end != NULL;
        if (!end)
            fail(s, "a quote has no end");
    } else if (is_digit(*s->at)) {
        char *end;
        s->kind = NUMBER;
        s->number = strtod(s->at, &end);
        s->at = end;
    } else {
        bool two = (s->at[0] == '<' || s->at[0] == '>' || s->at[0] == '=') ? s->at[1] == '=' : s->at[0] == '-' && s->at[1] == '>';
        s->kind = SIGN;
        take_word(s, two ? 2 : 1);
    }
}

static bool is_at(const parser *s, const char *word) { return s->kind != NUMBER && s->kind != END && !s->quoted && strcmp(s->word, word) == 0; }

static bool accept(parser *s, const char *word)
{
    if (!is_at(s, word))
        return false;
    next(s);
    return true;
}

static void expect(parser *s, const char *word)
{
    if (!accept(s, word))
        fail(s, nnc_arena_format(s->p->arena, "`%s` expected", word));
}

static int64_t whole(parser *s)
{
    bool minus = accept(s, "-");
    double value = s->number;
    if (s->kind != NUMBER) {
        fail(s, "a number expected");
        return 1;
    }
    next(s);
    return (int64_t)(minus ? -value : value);
}

/* ---- expressions ---- */

static nnc_ref whole_of(nnc_program *p, nnc_ref real);

/* Arithmetic on integers that was read as arithmetic on reals. 0 where it is none. */
static nnc_ref whole_operation(nnc_program *p, nnc_op op, nnc_ref a, nnc_ref b)
{
    int64_t k;
    if (op == NNC_OP_FLOOR && p->node[a].op == NNC_OP_DIV) {
        nnc_ref top = whole_of(p, nnc_arg(p, a, 0)), bottom = top ? whole_of(p, nnc_arg(p, a, 1)) : 0;
        return bottom && nnc_is_integer(p, bottom, &k) && k >= 1 ? nnc_quotient(p, top, k) : 0;
    }
    nnc_ref x = whole_of(p, a), y = x && b ? whole_of(p, b) : 0;
    if (!x || (b && !y))
        return 0;
    switch (op) {
    case NNC_OP_NEG: return nnc_affine(p, -1, x, 0, 0, 0);
    case NNC_OP_ADD: return nnc_affine(p, 1, x, 1, y, 0);
    case NNC_OP_SUB: return nnc_affine(p, 1, x, -1, y, 0);
    case NNC_OP_MUL: return nnc_is_integer(p, x, &k) ? nnc_affine(p, k, y, 0, 0, 0) : nnc_is_integer(p, y, &k) ? nnc_affine(p, k, x, 0, 0, 0) : 0;
    case NNC_OP_MODULO: return nnc_is_integer(p, y, &k) && k >= 1 ? nnc_remainder(p, x, k) : 0;
    default: return 0;
    }
}

/* The integer that a real is: an index expression, a choice between two, a whole number. 0 where it is none. */
static nnc_ref whole_of(nnc_program *p, nnc_ref real)
{
    const nnc_node n = p->node[real];
    if (n.op == NNC_OP_REAL)
        return nnc_arg(p, real, 0);
    if (n.op == NNC_OP_CONSTANT)
        return n.real == floor(n.real) && fabs(n.real) < 0x1p52 ? nnc_integer(p, (int64_t)n.real) : 0;
    if (n.op == NNC_OP_SELECT && n.element == NNC_REAL) {
        nnc_ref condition = nnc_arg(p, real, 0), yes = whole_of(p, nnc_arg(p, real, 1)), no = yes ? whole_of(p, nnc_arg(p, real, 2)) : 0;
        return no ? nnc_select(p, condition, yes, no) : 0;
    }
    if (n.element == NNC_REAL && (n.count == 1 || n.count == 2) && nnc_op_rows[n.op].arguments == NNC_ROW_REAL)
        return whole_operation(p, (nnc_op)n.op, nnc_arg(p, real, 0), n.count == 2 ? nnc_arg(p, real, 1) : 0);
    return 0;
}

/* A subscript. */
static nnc_ref integer_of(parser *s, nnc_ref real)
{
    nnc_ref whole_number = s->p->node[real].element == NNC_REAL ? whole_of(s->p, real) : real;
    return whole_number ? whole_number : nnc_floor_integer(s->p, real);
}

static nnc_ref real_of(parser *s, nnc_ref x) { return s->p->node[x].element == NNC_INTEGER ? nnc_to_real(s->p, x) : x; }

static uint32_t arguments(parser *s, const char *close, nnc_ref *out)
{
    uint32_t count = 0;
    while (!s->failed && !is_at(s, close)) {
        if (count == NNC_MAX_SLOTS) {
            fail(s, "too many arguments");
            break;
        }
        out[count++] = expression(s);
        if (!accept(s, ","))
            break;
    }
    expect(s, close);
    return count;
}

static nnc_ref read_tensor(parser *s, nnc_tensor_id id)
{
    nnc_ref subscript[NNC_MAX_SLOTS];
    uint32_t count = accept(s, "[") ? arguments(s, "]", subscript) : 0;
    if (s->failed || count != s->p->tensor[id].rank) {
        fail(s, nnc_arena_format(s->p->arena, "%s has %u dimensions", s->p->tensor[id].name, (unsigned)s->p->tensor[id].rank));
        return nnc_real(s->p, 0);
    }
    for (uint32_t i = 0; i < count; i++)
        subscript[i] = integer_of(s, subscript[i]);
    return real_of(s, nnc_read(s->p, id, subscript, count));
}

static nnc_ref draw(parser *s, nnc_op op)
{
    nnc_ref at[NNC_MAX_SLOTS];
    expect(s, "#");
    uint32_t site = (uint32_t)whole(s);
    expect(s, "(");
    uint32_t count = arguments(s, ")", at);
    for (uint32_t i = 0; i < count; i++)
        at[i] = integer_of(s, at[i]);
    if (site >= s->p->sites)
        s->p->sites = site + 1;
    return nnc_draw(s->p, op, site, at, count);
}

static nnc_ref count_of(parser *s)
{
    bool batch = is_at(s, "batch");
    if (!batch && !is_at(s, "data"))
        fail(s, "`batch` or `data` expected");
    next(s);
    expect(s, ")");
    return nnc_count(s->p, batch ? NNC_EXTENT_BATCH : NNC_EXTENT_DATA);
}

static nnc_ref call(parser *s, const char *name)
{
    nnc_ref argument[NNC_MAX_SLOTS];
    if (strcmp(name, "count") == 0)
        return count_of(s);
    uint32_t count = arguments(s, ")", argument);
    if (s->failed)
        return nnc_real(s->p, 0);
    if (strcmp(name, "floor_int") == 0 && count == 1)
        return nnc_to_real(s->p, nnc_floor_integer(s->p, argument[0]));
    if (strcmp(name, "existing") == 0 && count == 1)
        return nnc_to_real(s->p, nnc_existing(s->p, integer_of(s, argument[0])));
    if (strcmp(name, "neighbour") == 0 && count == 2)
        return nnc_to_real(s->p, nnc_neighbour(s->p, integer_of(s, argument[0]), (int)s->p->node[argument[1]].real));
    for (int op = 0; op < NNC_OPS; op++)
        if (nnc_op_rows[op].arity > 0 && (uint32_t)nnc_op_rows[op].arity == count && strcmp(nnc_op_rows[op].print, name) == 0)
            return nnc_apply(s->p, (nnc_op)op, argument, count);
    fail(s, nnc_arena_format(s->p->arena, "there is no operation %s of %u arguments", name, count));
    return nnc_real(s->p, 0);
}

static nnc_ref choice(parser *s)
{
    nnc_ref condition = expression(s);
    expect(s, "then");
    nnc_ref yes = expression(s);
    expect(s, "else");
    return nnc_select(s->p, condition, yes, expression(s));
}

/* What begins with a word of the language or an operation's name; 0 where it is something else's name. */
static nnc_ref word(parser *s, const char *name)
{
    if (strcmp(name, "if") == 0)
        return choice(s);
    if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0)
        return nnc_truth(s->p, name[0] == 't');
    if (strcmp(name, "nan") == 0 || strcmp(name, "inf") == 0)
        return nnc_real(s->p, name[0] == 'n' ? NAN : INFINITY);
    if (is_at(s, "#"))
        return draw(s, strcmp(name, "random") == 0 ? NNC_OP_RANDOM : NNC_OP_GAUSSIAN);
    return accept(s, "(") ? call(s, name) : 0;
}

static nnc_ref named(parser *s)
{
    char name[sizeof s->word];
    bool quoted = s->quoted;
    strcpy(name, s->word);
    next(s);
    nnc_ref known = quoted ? 0 : word(s, name);
    if (known)
        return known;
    for (uint32_t i = 0; i < s->indices; i++)
        if (strcmp(s->index[i], name) == 0)
            return nnc_to_real(s->p, nnc_index(s->p, i));
    nnc_tensor_id id = nnc_find(s->p, name);
    if (id)
        return read_tensor(s, id);
    fail(s, nnc_arena_format(s->p->arena, "there is no %s", name));
    return nnc_real(s->p, 0);
}

static nnc_ref primary(parser *s)
{
    if (s->kind == NAME)
        return named(s);
    if (s->kind == NUMBER) {
        nnc_ref value = nnc_real(s->p, s->number);
        next(s);
        return value;
    }
    if (accept(s, "(")) {
        nnc_ref inside = expression(s);
        expect(s, ")");
        return inside;
    }
    fail(s, "an expression expected");
    return nnc_real(s->p, 0);
}

static nnc_ref power(parser *s);

static nnc_ref minus(parser *s)
{
    if (!accept(s, "-"))
        return power(s);
    nnc_ref inner = minus(s);
    return nnc_unary(s->p, NNC_OP_NEG, inner);
}

static nnc_ref power(parser *s)
{
    nnc_ref base = primary(s);
    if (!accept(s, "^"))
        return base;
    nnc_ref exponent = minus(s);
    return nnc_binary(s->p, NNC_OP_POW, base, exponent);
}

static nnc_ref product(parser *s)
{
    nnc_ref left = minus(s);
    for (;;) {
        nnc_op op = is_at(s, "*") ? NNC_OP_MUL : is_at(s, "/") ? NNC_OP_DIV : is_at(s, "mod") ? NNC_OP_MODULO : NNC_OPS;
        if (op == NNC_OPS || s->failed)
            return left;
        next(s);
        nnc_ref right = minus(s);
        left = nnc_binary(s->p, op, left, right);
    }
}

static nnc_ref sum(parser *s)
{
    nnc_ref left = product(s);
    while ((is_at(s, "+") || is_at(s, "-")) && !s->failed) {
        nnc_op op = is_at(s, "+") ? NNC_OP_ADD : NNC_OP_SUB;
        next(s);
        nnc_ref right = product(s);
        left = nnc_binary(s->p, op, left, right);
    }
    return left;
}

/* low <= x <= high, of whole numbers: one condition. */
static nnc_ref between(parser *s, nnc_ref low, nnc_ref x)
{
    double least, most;
    nnc_ref high = sum(s);
    if (!nnc_is_constant(s->p, low, &least) || !nnc_is_constant(s->p, high, &most))
        fail(s, "numbers expected at both ends");
    return s->failed ? nnc_truth(s->p, false) : nnc_within(s->p, integer_of(s, x), (int64_t)least, (int64_t)most);
}

/* A side of a comparison: a choice between integers is one, and is compared as one, as its guard and its use as a subscript must be the same node. */
static nnc_ref side(parser *s)
{
    nnc_ref x = sum(s), choice = s->p->node[x].op == NNC_OP_SELECT && s->p->node[x].element == NNC_REAL ? whole_of(s->p, x) : 0;
    return choice ? nnc_to_real(s->p, choice) : x;
}

static nnc_ref comparison(parser *s)
{
    nnc_ref left = side(s);
    static const struct { const char *sign; nnc_op op; bool turned; } rows[] = {
        {"<", NNC_OP_LESS, false}, {"<=", NNC_OP_LESS_EQUAL, false}, {">", NNC_OP_LESS, true}, {">=", NNC_OP_LESS_EQUAL, true}, {"==", NNC_OP_EQUAL, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (accept(s, rows[i].sign)) {
            nnc_ref right = side(s);
            if (rows[i].op == NNC_OP_LESS_EQUAL && accept(s, "<="))
                return between(s, left, right);
            return rows[i].turned ? nnc_binary(s->p, rows[i].op, right, left) : nnc_binary(s->p, rows[i].op, left, right);
        }
    return left;
}

static nnc_ref negation(parser *s)
{
    if (!accept(s, "not"))
        return comparison(s);
    nnc_ref inner = negation(s);
    return nnc_unary(s->p, NNC_OP_NOT, inner);
}

static nnc_ref conjunction(parser *s)
{
    nnc_ref left = negation(s);
    while (accept(s, "and")) {
        nnc_ref right = negation(s);
        left = nnc_binary(s->p, NNC_OP_AND, left, right);
    }
    return left;
}

static nnc_ref expression(parser *s)
{
    nnc_ref left = conjunction(s);
    while (accept(s, "or")) {
        nnc_ref right = conjunction(s);
        left = nnc_binary(s->p, NNC_OP_OR, left, right);
    }
    return left;
}

/* ---- lines ---- */

static int64_t extent(parser *s)
{
    if (accept(s, "batch"))
        return NNC_EXTENT_BATCH;
    if (accept(s, "blocks"))
        return NNC_EXTENT_BLOCKS;
    return accept(s, "data") ? NNC_EXTENT_DATA : whole(s);
}

/* `i < 4, j < 3` or `4, 3` after those already there. */
static void slots(parser *s)
{
    do {
        if (s->indices == MOST_NAMES) {
            fail(s, "too many indices");
            return;
        }
        s->index[s->indices][0] = 0;
        if (s->kind == NAME && !is_at(s, "batch") && !is_at(s, "blocks") && !is_at(s, "data")) {
            snprintf(s->index[s->indices], sizeof s->index[0], "%.15s", s->word);
            next(s);
            expect(s, "<");
        }
        s->extent[s->indices++] = extent(s);
    } while (!s->failed && accept(s, ","));
}

static nnc_element element(parser *s, int64_t *classes)
{
    *classes = 0;
    if (!accept(s, ":"))
        return NNC_REAL;
    if (accept(s, "boolean"))
        return NNC_BOOLEAN;
    if (accept(s, "integer"))
        return NNC_INTEGER;
    expect(s, "class");
    expect(s, "(");
    *classes = whole(s);
    expect(s, ")");
    return NNC_INTEGER;
}

static nnc_kind kind_of(parser *s)
{
    static const struct { const char *word; nnc_kind kind; } rows[] = {
        {"input", NNC_KIND_INPUT}, {"param", NNC_KIND_PARAMETER}, {"state", NNC_KIND_STATE}, {"fit", NNC_KIND_FIT}, {"schedule", NNC_KIND_SCHEDULE},
        {"step", NNC_KIND_STEP}, {"steps", NNC_KIND_STEPS}, {"epoch", NNC_KIND_EPOCH}, {"epochs", NNC_KIND_EPOCHS}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (is_at(s, rows[i].word)) {
            const parser before = *s;
            next(s);
            if (s->kind == NAME)
                return rows[i].kind;
            *s = before;              /* a formula of that name */
        }
    return NNC_KIND_FORMULA;
}

/* The left side; declares the tensor on the first walk, finds it on the second. */
static nnc_tensor_id left_side(parser *s, bool declare)
{
    char name[sizeof s->word];
    int64_t classes;
    s->indices = 0;
    nnc_kind kind = kind_of(s);
    if (s->kind != NAME)
        fail(s, "a tensor's name expected");
    strcpy(name, s->word);
    next(s);
    if (accept(s, "[")) {
        slots(s);
        expect(s, "]");
    }
    nnc_element given = element(s, &classes);
    if (!declare)
        return nnc_find(s->p, name);
    if (nnc_find(s->p, name))
        fail(s, nnc_arena_format(s->p->arena, "%s is there already", name));
    const char *right = s->at + strspn(s->at, " ");
    if (kind == NNC_KIND_FORMULA && is_at(s, "=") && strncmp(right, "arg", 3) == 0)
        given = NNC_INTEGER;
    if (kind == NNC_KIND_FORMULA && is_at(s, "=") && strncmp(right, "constant [", 10) == 0)
        kind = NNC_KIND_CONSTANT;
    return nnc_declare(s->p, kind, name, (nnc_span){s->file, (uint32_t)(s->start - s->text), (uint32_t)(s->at - s->text)}, given, classes, s->extent, s->indices);
}

static nnc_reduce reduction(parser *s)
{
    static const char *const names[] = {"", "sum", "prod", "max", "min", "argmax", "argmin"};
    for (int r = NNC_REDUCE_SUM; r <= NNC_REDUCE_ARGMIN; r++)
        if (is_at(s, names[r])) {
            const parser before = *s;
            next(s);
            if (accept(s, "(") && s->kind == NAME && s->at[strspn(s->at, " ")] == '<') {
                const char *after = s->at + strspn(s->at, " <");
                after += strcspn(after, ":,)\n");
                if (*after == ':' || *after == ',')
                    return (nnc_reduce)r;
            }
            *s = before;
        }
    return NNC_REDUCE_NONE;
}

/* One value of a constant, after its sign. */
static bool constant_value(parser *s, double *value)
{
    *value = s->kind == NUMBER ? s->number : is_at(s, "inf") ? INFINITY : NAN;
    return s->kind == NUMBER || is_at(s, "inf") || is_at(s, "nan");
}

static void constant_values(parser *s, nnc_tensor_id id)
{
    int64_t elements = nnc_elements(&s->p->tensor[id]), count = 0;
    float *values = NNC_ARRAY(s->p->arena, float, (size_t)elements);
    expect(s, "constant");
    expect(s, "[");
    do {
        bool minus_sign = accept(s, "-");
        double value;
        if (!constant_value(s, &value) || count == elements) {
            fail(s, "as many numbers as elements expected");
            return;
        }
        values[count++] = (float)(minus_sign ? -value : value);
        next(s);
    } while (accept(s, ","));
    expect(s, "]");
    if (count != elements)
        fail(s, "as many numbers as elements expected");
    s->p->tensor[id].values = values;
}

static void formula(parser *s, nnc_tensor_id id)
{
    uint32_t rank = s->indices;
    nnc_reduce reduce = reduction(s);
    if (reduce != NNC_REDUCE_NONE) {
        slots(s);
        expect(s, ":");
    }
    nnc_ref body = expression(s);
    if (reduce != NNC_REDUCE_NONE)
        expect(s, ")");
    bool position = reduce == NNC_REDUCE_ARGMAX || reduce == NNC_REDUCE_ARGMIN;
    if (!s->failed && s->p->tensor[id].element == NNC_INTEGER && !position)
        body = integer_of(s, body);
    nnc_tensor *t = &s->p->tensor[id];
    if (!position)
        t->element = (nnc_element)s->p->node[body].element;
    t->reduce = reduce;
    t->reduced = (uint8_t)(s->indices - rank);
    t->body = body;
    int64_t positions = 1;
    for (uint32_t i = rank; i < s->indices; i++) {
        t->extent[i] = s->extent[i];
        positions *= s->extent[i] > 0 ? s->extent[i] : 0;
    }
    if (position && !t->classes)
        t->classes = positions;
}

static void right_side(parser *s, nnc_tensor_id id)
{
    if (accept(s, "=")) {
        if (s->p->tensor[id].kind == NNC_KIND_CONSTANT)
            constant_values(s, id);
        else
            formula(s, id);
    }
    if (accept(s, "->")) {
        s->p->tensor[id].next = nnc_find(s->p, s->word);
        if (!s->p->tensor[id].next)
            fail(s, nnc_arena_format(s->p->arena, "there is no %s", s->word));
        next(s);
    }
    if (s->kind != END)
        fail(s, "the end of the line expected");
}

static void walk_lines(parser *s, bool declare)
{
    for (s->at = s->text; *s->at && !s->failed;) {
        next(s);
        if (s->kind != END) {
            nnc_tensor_id id = left_side(s, declare);
            if (!declare && !s->failed)
                right_side(s, id);
        }
        s->at += strcspn(s->at, "\n");
        s->at += *s->at == '\n';
    }
}

nnc_program *nnc_program_parse(nnc_session *session, uint32_t file)
{
    parser s = {.session = session, .p = nnc_program_new(&session->arena), .file = file, .text = session->source[file].text};
    walk_lines(&s, true);
    walk_lines(&s, false);
    return s.failed ? NULL : s.p;
}
