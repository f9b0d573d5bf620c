/* For this folder alone: what a name can mean while a model is elaborated, and the state of the elaboration.
 *
 * An entity is what an expression means: a number known now, a tensor, a layer, a function. A tensor's value is an expression over free
 * variables (its placeholders) with a shape; elementwise operations combine such expressions, so they make no tensors. What is named, summed or
 * subscripted becomes a tensor of the program (nnc_materialise), and its value a plain read of it (`alias`).
 *
 * `example` is one free variable for the current example: a tensor depends on the example exactly if its body mentions it; a reduction over the
 * batch or the data binds that same variable. What a user got wrong is reported once and becomes poison, which reports nothing more. */
#ifndef NNC_MODEL_INTERNAL_H
#define NNC_MODEL_INTERNAL_H

#include "model/model.h"

typedef struct nnc_entity nnc_entity;
typedef struct nnc_scope nnc_scope;
typedef struct nnc_unit nnc_unit;

/* ---- messages ---- */

typedef enum nnc_model_message {
#define NNC_MESSAGE(id, severity, format, help) NNC_SAY_##id,
#include "model/messages.def"
#undef NNC_MESSAGE
    NNC_MODEL_MESSAGES
} nnc_model_message;
extern const nnc_message nnc_model_messages[NNC_MODEL_MESSAGES];

/* Reports row `id` at `span`, or, where that is in the library, at the user's call that led there, with a note. */
#define REPORT(e, span, id, ...)                                                                                              \
    (nnc_is_told((e), (span)) ? (void)((e)->session->last = 0)                                                                \
                              : (nnc_report((e)->session, nnc_users_place((e), (span)), &nnc_model_messages[NNC_SAY_##id], __VA_ARGS__), \
                                 nnc_note_library((e), (span))))

/* ---- indices ---- */

typedef struct nnc_dots nnc_dots;

typedef struct nnc_named_index {
    const char *name;            /* NULL for a placeholder or one of `..` */
    nnc_span span;
    nnc_ref variable;
    int64_t extent;              /* 0: not known yet */
    bool given;                  /* by a range or by the state that is set: its uses must lie inside, and need not agree */
    nnc_span told;               /* the subscript that told the extent */
    uint32_t order;              /* left sides before reductions, in the order written */
    nnc_dots *dots;              /* not NULL: this stands for the indices of a `..` */
    struct nnc_named_index *visible;   /* the next one further out in this body */
    struct nnc_named_index *around;    /* the next one further out at all, through calls */
} nnc_named_index;

struct nnc_dots {                /* the `..` of one formula */
    bool bound;
    uint32_t rank;
    nnc_named_index *index[NNC_MAX_RANK];
    nnc_span told;
    const nnc_syntax *by;        /* in parameter lists: the parameter that told what it stands for */
    uint32_t order;
    const nnc_syntax *formula;   /* where to look ahead for what it stands for */
};

typedef struct nnc_guard {       /* a condition that holds */
    nnc_ref condition;
    const struct nnc_guard *outer;
} nnc_guard;

/* A read to be proved inside once the extents are known. */
typedef struct nnc_pending {
    nnc_ref subscript;
    int64_t extent;
    uint32_t dimension;
    const nnc_guard *guards;
    nnc_span span;
    const nnc_syntax *text;
    int64_t classes;             /* of a class; 0 for other subscripts */
} nnc_pending;
/* An extent of a tensor to be filled in once its index's is known. */
typedef struct nnc_patch { nnc_tensor_id tensor; uint32_t slot; const nnc_named_index *index; } nnc_patch;

/* ---- entities ---- */

typedef struct nnc_value {       /* a tensor's value */
    uint32_t rank;
    int64_t extent[NNC_MAX_RANK];
    nnc_ref variable[NNC_MAX_RANK];
    nnc_ref body;
    nnc_element element;
    int64_t classes;             /* INTEGER: how many */
    nnc_tensor_id alias;         /* the tensor that it plainly reads, or 0 */
    bool drawn;                  /* holds a draw that has no name yet */
    bool plain;                  /* may be subscripted as it is, though no alias: a scan's state */
    const nnc_guard *guards;     /* what held where it was made */
    const double *numbers;       /* a literal vector of numbers, or NULL */
} nnc_value;

typedef struct nnc_definition {
    const char *name;
    nnc_span place;              /* of the name */
    nnc_span item;               /* the library's: what to parse where it is found first */
    nnc_syntax *syntax;          /* FN, LAYER, INIT, OPTIMIZER, LET; of what nnc_globals_find gave never NULL */
    struct nnc_globals *globals; /* the names that its text sees */
    nnc_entity *entity;
    bool busy;                   /* a `let` being evaluated */
    int mark;                    /* for the search for circles */
} nnc_definition;

typedef struct nnc_local { const char *name; nnc_entity *entity; nnc_span span; } nnc_local;
typedef struct nnc_locals { nnc_local *item; uint32_t count, capacity; } nnc_locals;

typedef enum nnc_entity_kind {
    NNC_ENTITY_POISON, NNC_ENTITY_NUMBER, NNC_ENTITY_TENSOR, NNC_ENTITY_TUPLE, NNC_ENTITY_FUNCTION, NNC_ENTITY_LAYER, NNC_ENTITY_DESCRIPTION,
    NNC_ENTITY_REPEAT, NNC_ENTITY_CHAIN, NNC_ENTITY_INSTANCE, NNC_ENTITY_INIT, NNC_ENTITY_DISTRIBUTION, NNC_ENTITY_OPTIMIZER, NNC_ENTITY_BUILTIN,
    NNC_ENTITY_WEIGHTS
} nnc_entity_kind;

typedef struct nnc_arguments {   /* what a call gives */
    nnc_entity **place;
    nnc_span *place_span;
    uint32_t places;
    nnc_local *named;
    uint32_t nameds;
    const nnc_syntax *site;      /* the call: tells instances and draws apart */
    nnc_span span;
} nnc_arguments;

struct nnc_entity {
    nnc_entity_kind kind;
    nnc_span span;               /* where it was made, for notes */
    bool boolean;                /* NUMBER: true or false */
    double number;               /* NUMBER; REPEAT: times */
    nnc_value value;             /* TENSOR */
    nnc_entity **item;           /* TUPLE; CHAIN: two; REPEAT: one */
    uint32_t items;
    const nnc_definition *definition;  /* FUNCTION, LAYER, DESCRIPTION, INIT, OPTIMIZER */
    const nnc_locals *bound;     /* DESCRIPTION, INIT: the settings; NULL for an INIT without */
    nnc_unit *unit;              /* INSTANCE */
    int builtin;                 /* BUILTIN: a row of builtins.def */
    nnc_initial initial;         /* DISTRIBUTION */
    const nnc_arguments *rest;   /* CHAIN: what its second takes besides */
    nnc_dots *dots;              /* DESCRIPTION: what `..` is in its parameter lists */
};

/* ---- names ---- */

typedef struct nnc_globals {     /* the definitions that one text sees: the user's files and then the library, or the library alone */
    nnc_session *session;
    nnc_definition **definition;
    uint32_t count, capacity;
    uint32_t *table;
    uint32_t table_size;
    struct nnc_globals *outer;
} nnc_globals;

typedef struct nnc_state {       /* of a scan, a layer or an optimizer */
    const char *name;
    nnc_span span;
    nnc_value shape;             /* extents, element, classes */
    nnc_tensor_id next;          /* scan: the tensor of its next values */
    nnc_entity *set;             /* the value of s', once set */
    struct nnc_member *member;   /* layer */
    nnc_tensor_id tensor;        /* optimizer: the STATE, or the parameter */
    struct nnc_state *other;
} nnc_state;

typedef struct nnc_scan { nnc_named_index *index; const struct nnc_scan *outer; } nnc_scan;

/* How often a place was passed in one application of a body: tells instances and draws of one place apart. */
typedef struct nnc_passed { const nnc_syntax *place; uint32_t count; } nnc_passed;

struct nnc_scope {               /* a body being elaborated */
    nnc_scope *outer;            /* of a scan: the body around it */
    nnc_locals locals;
    nnc_globals *globals;
    const char *path;            /* in front of its tensors' names: "" or "dense_1." */
    nnc_unit *unit;              /* owns params and instances; NULL in an fn */
    const nnc_scan *scan;        /* its own scan */
    nnc_state *states;
    nnc_passed *passed;
    uint32_t passes, pass_capacity;
    enum { NNC_BODY_FN, NNC_BODY_LAYER, NNC_BODY_MODEL, NNC_BODY_SCAN, NNC_BODY_OPTIMIZER } kind;
    const struct nnc_context *outside;   /* of a scan: what holds around it */
};

typedef enum nnc_member_kind { NNC_MEMBER_PARAM, NNC_MEMBER_STATE, NNC_MEMBER_FIT } nnc_member_kind;
typedef struct nnc_member {      /* of an instance */
    nnc_member_kind kind;
    const char *name;
    nnc_span span;
    nnc_tensor_id tensor;
    nnc_initial initial;
    bool drawn, trained, read;   /* PARAM; read: by some formula */
    nnc_entity *now;             /* STATE: its value so far in this graph */
    nnc_tensor_id definition;    /* FIT */
    int graph;                   /* STATE, FIT: the graph that `now` and `definition` are of */
} nnc_member;
typedef struct nnc_site { const nnc_syntax *place; uint32_t occurrence; nnc_unit *unit; } nnc_site;
typedef struct nnc_kind_count { const char *kind; uint32_t count; } nnc_kind_count;

struct nnc_unit {                /* an instance of a layer, or the model itself */
    const char *path, *name, *kind;
    nnc_unit *owner;
    const nnc_entity *description;
    const nnc_syntax *place;                                  /* a chain's: of the layers in it, wherever it is applied */
    nnc_member **member; uint32_t members, member_capacity;
    nnc_site *site; uint32_t sites, site_capacity;
    nnc_unit **named; uint32_t nameds, named_capacity;        /* the bound ones, and all names taken */
    nnc_kind_count *count; uint32_t counts, count_capacity;
    int applied;                 /* the last graph in which it was applied: 1, 2 */
    nnc_span span;
};

typedef struct nnc_frame {       /* a call being elaborated */
    const struct nnc_frame *caller;
    nnc_span call;
    const char *name;
    uint32_t key;                /* of the path of calls, for draws */
    uint32_t depth;
} nnc_frame;

typedef struct nnc_path_key { uint32_t parent, occurrence; const nnc_syntax *place; } nnc_path_key;

/* ---- the elaboration ---- */

typedef struct nnc_context {     /* what holds at the place being read; saved and put back around inner ones */
    nnc_scope *scope;
    nnc_named_index *visible, *around;
    nnc_dots *dots;              /* NULL: no left side or reduction binds `..` here */
    const nnc_guard *guards;
    const nnc_scan *scans;       /* all in force, innermost first */
    const nnc_frame *frame;
    bool data;                   /* `data` may be used */
    bool formula;                /* inside an element formula or a reduction */
    const char *hint;            /* name for the tensors that an expression makes */
} nnc_context;

struct nnc_elaborator {
    nnc_session *session;
    nnc_arena *arena;
    nnc_program *p;
    nnc_model *model;
    const nnc_model_request *request;
    nnc_context at;
    nnc_entity poison;
    nnc_ref example;
    bool no_example;             /* an optimizer, a `let`: nothing depends on an example */
    bool training;
    int graph;                   /* 1: training, 2: the other */
    bool in_loss;
    const char *subscript;       /* the name that is one, while it is looked up */
    bool in_let;                 /* whose value is one for both graphs and all parameters */
    bool weights_seen;           /* the loss asks for `weights` */
    bool weights_known;          /* they are known: the parameters marked trained */
    int64_t fan_in, fan_out;     /* 0 outside an initialiser */
    uint32_t order;              /* next index's order */
    uint32_t depth;              /* of nested expressions */
    uint32_t work;               /* calls so far */
    bool hopeless;               /* a limit was passed: everything is poison */
    uint32_t *height; uint32_t heights, height_capacity;   /* of the nodes of `height_program` */
    const nnc_program *height_program;
    const nnc_named_index **variable;  /* by slot - NNC_FIRST_VARIABLE */
    uint32_t variables, variable_capacity;
    nnc_pending *pending; uint32_t pendings, pending_capacity;
    nnc_patch *patch; uint32_t patches, patch_capacity;
    nnc_path_key *key; uint32_t keys, key_capacity;     /* key[i] is path i + 1 */
    uint32_t *key_table; uint32_t key_table_size;
    nnc_globals library, user;
    const char **used; uint32_t useds, used_capacity;   /* files read by `use` */
    uint32_t first_user_file;    /* sources before it are the library's */
    nnc_syntax *model_syntax, *train_syntax;
    nnc_unit *root;
    nnc_unit **unit; uint32_t units, unit_capacity;     /* all of them, in order of making */
    nnc_tensor_id clock[4];      /* step, steps, epoch, epochs */
    bool lenient;                /* the text could not all be read: unknown names only follow from that */
    nnc_syntax *default_train;   /* the library's `train` */
    const nnc_syntax *optimizer_line;
    const nnc_definition *optimizer;
    const nnc_locals *settings;  /* of the optimizer, in the model's program */
    nnc_model_state **update_state; uint32_t *update_states, update_capacity;   /* nnc_model_update's */
    nnc_syntax **line; uint32_t lines, line_capacity;   /* the recipe's, with the command line's */
    bool *augmented;             /* by line */
    uint32_t parameter_capacity, state_capacity, fit_capacity, output_capacity, metric_capacity, instance_capacity, named_capacity, declaration_capacity,
        ignored_capacity, let_capacity;
    nnc_member **made; uint32_t mades, made_capacity;   /* parameters in order of making */
    nnc_member **kept; uint32_t kepts, kept_capacity;   /* states */
    nnc_member **fitted; uint32_t fitteds, fitted_capacity;
};

/* messages.c */
/* Whether this lies in the library, and the user's call that led there has an error already: another one would follow from it. */
bool nnc_is_told(const nnc_elaborator *e, nnc_span span);
nnc_span nnc_users_place(const nnc_elaborator *e, nnc_span span);
void nnc_note_library(nnc_elaborator *e, nnc_span span);
const char *nnc_numbers_in(nnc_elaborator *e, nnc_span span);                                 /* size = 9, h = 8: what the names of this text are here, as far as they are numbers */
void nnc_report_no_tensor(nnc_elaborator *e, const nnc_entity *x, nnc_span span);
/* Two sizes that should be equal are not. Where one is the assumed number of classes, the other may be what the data will tell. */
void nnc_suggest_classes(nnc_elaborator *e, int64_t a, int64_t b);
const char *nnc_shape_text(const nnc_elaborator *e, const int64_t *extent, uint32_t rank);   /* [28, 28, 1]; "a scalar" is [] */
const char *nnc_describe_shape(const nnc_elaborator *e, const int64_t *extent, uint32_t rank); /* a vector [784] */
const char *nnc_describe(const nnc_elaborator *e, const nnc_entity *entity);                 /* a function, a matrix [3, 4] */
void nnc_note_declared(nnc_elaborator *e, const nnc_entity *entity);                         /* x is declared here, with shape [784] */
const char *nnc_values_text(const nnc_elaborator *e, uint32_t count);                          /* one value is, 2 values are */
const char *nnc_number_text(const nnc_elaborator *e, double number);

/* values.c */
nnc_entity *nnc_new_entity(nnc_elaborator *e, nnc_entity_kind kind, nnc_span span);
nnc_entity *nnc_number(nnc_elaborator *e, double number, nnc_span span);
nnc_entity *nnc_boolean(nnc_elaborator *e, bool truth, nnc_span span);
nnc_entity *nnc_scalar(nnc_elaborator *e, nnc_ref body, nnc_span span);
nnc_entity *nnc_tensor_entity(nnc_elaborator *e, const nnc_value *value, nnc_span span);
static inline bool nnc_is_number(const nnc_entity *x) { return x->kind == NNC_ENTITY_NUMBER && !x->boolean; }
static inline bool nnc_is_poison(const nnc_entity *x) { return x->kind == NNC_ENTITY_POISON; }
static inline bool nnc_is_whole(double x) { return x >= -0x1p52 && x <= 0x1p52 && x == (double)(int64_t)x; }
/* The value of a number or tensor; false, reported, where it is neither. */
bool nnc_value_of(nnc_elaborator *e, nnc_entity *entity, nnc_span span, nnc_value *value);
/* A value that plainly reads `tensor`, whose slots are `lead` (the example, scans, free indices) and then extents. */
nnc_value nnc_alias(nnc_elaborator *e, nnc_tensor_id tensor, const nnc_ref *lead, uint32_t leads);
/* Registers a fresh variable. */
nnc_named_index *nnc_new_index(nnc_elaborator *e, const char *name, int64_t extent, nnc_span span);
int64_t nnc_extent_of_variable(void *elaborator, uint32_t slot);
bool nnc_one_element(const nnc_value *v);
/* The body with its placeholders set. */
nnc_ref nnc_value_at(nnc_elaborator *e, const nnc_value *v, const nnc_ref *subscripts);
/* A one-element value as a scalar. */
nnc_value nnc_as_scalar(nnc_elaborator *e, const nnc_value *v);
/* Makes a tensor of a value, reduced over `over` (its extents known); the new value is an alias of it. */
nnc_value nnc_make_tensor(nnc_elaborator *e, const char *name, nnc_span span, const nnc_value *v, nnc_reduce reduce, nnc_named_index *const *over, uint32_t overs);
/* Reports a tensor of too many elements. */
void nnc_check_extents(nnc_elaborator *e, nnc_tensor_id tensor);
/* Makes it an alias, if it is none. The entity keeps it. */
void nnc_materialise(nnc_elaborator *e, nnc_entity *entity, const char *name);
const char *nnc_join(nnc_elaborator *e, const char *path, const char *name);
/* The free variables of a body other than those given, in the order of slots. */
uint32_t nnc_free_variables(nnc_elaborator *e, nnc_ref body, const nnc_ref *except, uint32_t excepts, nnc_ref *out);

/* names.c */
void nnc_globals_add(nnc_elaborator *e, nnc_globals *globals, nnc_definition *definition);
/* NULL where it is not there. A definition of the library is parsed when it is found first: most models use few of them. */
nnc_definition *nnc_globals_find(const nnc_globals *globals, const char *name);
nnc_local *nnc_find_local(const nnc_locals *locals, const char *name);
void nnc_add_local(nnc_elaborator *e, nnc_locals *locals, const char *name, nnc_entity *entity, nnc_span span);
nnc_scope *nnc_new_scope(nnc_elaborator *e, nnc_globals *globals, const char *path, int kind);
/* Gives a name in the body; reports one that is there already. */
void nnc_define_name(nnc_elaborator *e, const char *name, nnc_span span, nnc_entity *entity);
nnc_named_index *nnc_visible_index(const nnc_elaborator *e, const char *name);
nnc_entity *nnc_look_up(nnc_elaborator *e, const char *name, nnc_span span);
nnc_entity *nnc_look_up_quietly(nnc_elaborator *e, const char *name, nnc_span span);  /* NULL where it is not there */
nnc_local *nnc_find_in_bodies(const nnc_elaborator *e, const char *name);
void nnc_load_library(nnc_elaborator *e);
bool nnc_load_model(nnc_elaborator *e);
void nnc_find_circles(nnc_elaborator *e);
/* "did you mean ..?" where one of the names is near. */
void nnc_help_nearest(nnc_elaborator *e, const char *name, const char *const *names, uint32_t count);
/* The same; where none is near, all of them. */
void nnc_help_argument(nnc_elaborator *e, const char *name, const char *const *names, uint32_t count);
/* All names known at this place, for the nearest one. */
const char *nnc_nearest_name(nnc_elaborator *e, const char *name);

/* expressions.c */
nnc_entity *nnc_evaluate(nnc_elaborator *e, const nnc_syntax *s);
/* A number known now; what: "a size". False, reported, where it is none. */
bool nnc_evaluate_number(nnc_elaborator *e, const nnc_syntax *s, const char *what, double *number);
bool nnc_evaluate_whole(nnc_elaborator *e, const nnc_syntax *s, const char *what, int64_t least, int64_t *whole);
nnc_entity *nnc_map_unary(nnc_elaborator *e, nnc_op op, const char *sign, nnc_entity *a, nnc_span span);
nnc_entity *nnc_map_binary(nnc_elaborator *e, const char *sign, nnc_entity *a, nnc_entity *b, nnc_span span);
nnc_entity *nnc_choose(nnc_elaborator *e, nnc_entity *condition, nnc_entity *yes, nnc_entity *no, nnc_span span);
/* Brings values to one shape over common placeholders; false, reported, where they do not go together. */
bool nnc_broadcast(nnc_elaborator *e, nnc_value *v, uint32_t count, nnc_entity *const *from, nnc_span span);
/* Brings two values to one element type (a number beside a class is that class). */
bool nnc_agree(nnc_elaborator *e, nnc_value *a, nnc_value *b, const nnc_entity *from_a, const nnc_entity *from_b, nnc_span span);
void nnc_push_guards(nnc_elaborator *e, nnc_ref condition, bool holds);
/* The integer behind a real, or 0. */
nnc_ref nnc_integer_of(nnc_elaborator *e, nnc_ref real);

/* indices.c */
nnc_entity *nnc_subscript(nnc_elaborator *e, const nnc_syntax *s);
/* The left side of a formula or the list of a reduction. */
typedef struct nnc_index_list {
    struct { nnc_named_index *index; nnc_dots *dots; } item[NNC_MAX_SLOTS];
    uint32_t count;
    bool batch, data, failed;
    nnc_dots *dots;
} nnc_index_list;
void nnc_open_indices(nnc_elaborator *e, const nnc_syntax *list, const nnc_value *state, const nnc_syntax *formula, bool reduction, nnc_index_list *out);
/* All indices in order once the body is read; false, reported, where an extent is not told. */
bool nnc_close_indices(nnc_elaborator *e, const nnc_index_list *list, nnc_span span, nnc_named_index **out, uint32_t *count);
/* Proves the pending reads from `mark` on whose extents are known; fills in extents. */
void nnc_settle(nnc_elaborator *e, uint32_t mark, uint32_t patch_mark);
bool nnc_dots_ahead(nnc_elaborator *e, nnc_dots *dots);
/* Whether an index may have this name here; else reported. */
bool nnc_is_free_name(nnc_elaborator *e, const char *name, nnc_span span);

/* reductions.c */
bool nnc_is_reduction(const char *name);
nnc_entity *nnc_reduction(nnc_elaborator *e, const nnc_syntax *s, const char *name);
/* name[left] = e as a value over its left side. */
/* The tensor that the value plainly reads, whole and in order, or 0. */
nnc_tensor_id nnc_plain_read(nnc_elaborator *e, const nnc_value *v);
nnc_entity *nnc_element_formula(nnc_elaborator *e, const char *name, const nnc_syntax *left, const nnc_syntax *body, const nnc_value *state, nnc_span span);

/* calls.c */
nnc_entity *nnc_call(nnc_elaborator *e, const nnc_syntax *s);
nnc_entity *nnc_arrow(nnc_elaborator *e, const nnc_syntax *s);
nnc_entity *nnc_apply_entity(nnc_elaborator *e, nnc_entity *f, const nnc_arguments *arguments);
/* parameters.c: binds arguments to a parameter list; into `names`, which may hold earlier lists' names. False, reported. */
bool nnc_bind(nnc_elaborator *e, const nnc_definition *d, const nnc_syntax *parameters, const nnc_arguments *arguments, nnc_locals *names, nnc_dots *dots);
/* A layer without its settings, given their defaults; others stay as they are. */
nnc_entity *nnc_settled_layer(nnc_elaborator *e, nnc_entity *x, const nnc_syntax *site);
bool nnc_enter(nnc_elaborator *e, const char *name, nnc_span call, const nnc_syntax *site);
/* Says which settings have no default. */
void nnc_help_settings(nnc_elaborator *e, const nnc_definition *d);
uint32_t nnc_path(nnc_elaborator *e, uint32_t parent, const nnc_syntax *place, uint32_t occurrence);
uint32_t nnc_pass(nnc_elaborator *e, const nnc_syntax *place);
nnc_entity *nnc_run_body(nnc_elaborator *e, const nnc_syntax *body, const char *what, nnc_span span);

/* instances.c */
nnc_unit *nnc_new_unit(nnc_elaborator *e, nnc_unit *owner, const char *name, const char *kind, nnc_span span);
nnc_unit *nnc_unit_here(nnc_elaborator *e, const nnc_entity *description, const nnc_syntax *site, nnc_span span);
nnc_entity *nnc_bind_instance(nnc_elaborator *e, const char *name, nnc_entity *description, nnc_span span);
nnc_entity *nnc_apply_unit(nnc_elaborator *e, nnc_unit *unit, const nnc_arguments *arguments);
nnc_member *nnc_find_member(const nnc_unit *unit, const char *name);
nnc_entity *nnc_dot(nnc_elaborator *e, const nnc_syntax *s);
void nnc_param(nnc_elaborator *e, const nnc_syntax *s);
void nnc_layer_state(nnc_elaborator *e, const nnc_syntax *s);
void nnc_fit(nnc_elaborator *e, const nnc_syntax *s);
nnc_unit *nnc_owner_of(const nnc_elaborator *e);
bool nnc_evaluate_dimensions(nnc_elaborator *e, const nnc_syntax *list, nnc_value *shape);
nnc_entity *nnc_member_entity(nnc_elaborator *e, const nnc_member *m);

/* scan.c */
nnc_entity *nnc_scan_value(nnc_elaborator *e, const nnc_syntax *s);
void nnc_scan_state(nnc_elaborator *e, const nnc_syntax *s);
/* The state `name` of this body, or NULL. */
nnc_state *nnc_find_state(const nnc_elaborator *e, const char *name);
/* v brought to the state's shape and element; false, reported. */
bool nnc_fit_state(nnc_elaborator *e, const nnc_state *state, nnc_entity *from, nnc_span span, nnc_value *v);
/* All indices in force, outermost first: the example (where there are examples), scans, formulas' indices. */
uint32_t nnc_in_force(nnc_elaborator *e, nnc_ref *out, int64_t *extent);
nnc_entity *nnc_primed(nnc_elaborator *e, const nnc_syntax *s);
void nnc_set_state(nnc_elaborator *e, const char *name, nnc_span span, nnc_entity *value);

/* builtins.c */
int nnc_find_builtin(const char *name);
const char *nnc_builtin_name(int builtin);
nnc_entity *nnc_call_builtin(nnc_elaborator *e, int builtin, const nnc_arguments *arguments);
uint32_t nnc_builtin_names(const char **out);
nnc_entity *nnc_literal(nnc_elaborator *e, const nnc_syntax *s);

/* optimizer.c */
void nnc_optimizer_state(nnc_elaborator *e, const nnc_syntax *s);
/* The recipe's optimizer with its settings, tried on parameters of each rank so that its errors are told. */
void nnc_read_optimizer(nnc_elaborator *e);

/* statements.c */
/* What a name bound to `x` means: descriptions become instances, tensors are made. */
nnc_entity *nnc_named_value(nnc_elaborator *e, const char *name, nnc_entity *x, nnc_span span);
nnc_entity *nnc_statement(nnc_elaborator *e, const nnc_syntax *s, const char *what, bool last);
nnc_entity *nnc_evaluate_settled(nnc_elaborator *e, const nnc_syntax *s, const char *hint);

/* model.c */
void nnc_model_statement(nnc_elaborator *e, const nnc_syntax *s);
void nnc_model_graph(nnc_elaborator *e, bool training);
nnc_entity *nnc_declaration_entity(nnc_elaborator *e, uint32_t declaration);
int nnc_find_declaration(const nnc_elaborator *e, const char *name);

/* recipe.c */
void nnc_read_recipe(nnc_elaborator *e);
/* Rewrites the declarations of `augment` lines of which all that they name is declared; nnc_check_augment reports those never done. */
void nnc_augment(nnc_elaborator *e);
void nnc_check_augment(nnc_elaborator *e);
void nnc_apply_defines(nnc_elaborator *e);
void nnc_list_lets(nnc_elaborator *e);

/* checks.c */
enum { NNC_DEPENDS_TARGET = 1, NNC_DEPENDS_BATCH = 2, NNC_DEPENDS_NEIGHBOUR = 4, NNC_DEPENDS_DRAW = 8, NNC_DEPENDS_STEP = 16, NNC_DEPENDS_DATA = 32,
       NNC_DEPENDS_PARAMETER = 64, NNC_DEPENDS_STATE = 128, NNC_DEPENDS_EXAMPLE = 256 };
/* What a tensor depends on, directly or not (but not through fits), and for each bit a place. */
typedef struct nnc_dependence { uint32_t bits; nnc_span place[9]; const char *name[9]; } nnc_dependence;
nnc_dependence nnc_depends_on(nnc_elaborator *e, nnc_tensor_id tensor);
/* Whether an expression depends on other examples of the minibatch. */
bool nnc_sees_minibatch(nnc_elaborator *e, nnc_ref body);
void nnc_mark_trained(nnc_elaborator *e, nnc_tensor_id loss);
void nnc_finish(nnc_elaborator *e);

#endif
