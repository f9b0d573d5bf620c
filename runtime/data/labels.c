#include "runtime/data/labels.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "runtime/data/number.h"

/* ---- the index ---- */

/* Labels are short. */
static uint64_t hash_of(const char *text, size_t length)
{
    uint64_t hash = nnc_hash(NNC_HASH_START, text, length);
    return hash ^ hash >> 32;
}

static uint32_t *place_in_index(nnc_labels *labels, const char *text, size_t length, uint64_t hash)
{
    for (uint64_t at = hash;; at++) {
        uint32_t *entry = &labels->index[at & (labels->index_size - 1)];
        if (*entry == 0)
            return entry;
        const nnc_label *label = &labels->label[*entry - 1];
        if (label->hash == hash && label->length == length && memcmp(label->text, text, length) == 0)
            return entry;
    }
}

/* Before one label more: at most half of the index is used. */
static void grow_index(nnc_labels *labels)
{
    if (labels->index_size > 2 * (labels->labels + 1))
        return;
    labels->index_size = labels->index_size ? labels->index_size * 2 : 64;
    labels->index = NNC_ARRAY(labels->arena, uint32_t, labels->index_size);
    for (uint32_t i = 0; i < labels->labels; i++)
        *place_in_index(labels, labels->label[i].text, labels->label[i].length, labels->label[i].hash) = i + 1;
}

static double number_of(char *text, size_t length)
{
    float value;
    nnc_number_kind kind;
    if (isspace((unsigned char)*text) || nnc_number_read(text, '.', &value, &kind) != text + length || kind == NNC_NUMBER_NONE)
        return NAN;
    return strtod(text, NULL);
}

static void add_label(nnc_labels *labels, const char *text, size_t length, uint64_t hash)
{
    grow_index(labels);
    *place_in_index(labels, text, length, hash) = labels->labels + 1;
    nnc_label *label = &NNC_PUSH(labels->arena, labels->label, labels->labels, labels->capacity);
    char *copy = nnc_arena_copy(labels->arena, text, length);
    *label = (nnc_label){copy, length, hash, {0}, number_of(copy, length), (int32_t)labels->labels - 1};
}

/* `3.0` and `3.` are 3: programs that know only floats write whole numbers so. */
static size_t without_point(const char *text, size_t length)
{
    size_t end = length;
    while (end && text[end - 1] == '0')
        end--;
    if (end < 2 || text[end - 1] != '.')
        return length;
    for (size_t i = text[0] == '-'; i < end - 1; i++)
        if (!isdigit((unsigned char)text[i]))
            return length;
    return isdigit((unsigned char)text[end - 2]) ? end - 1 : length;
}

/* The text as a whole number in 0..limit-1, or -1. */
static int64_t whole_number(const char *text, size_t length, int64_t limit)
{
    int64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i]))
            return -1;
        value = value * 10 + (text[i] - '0');
        if (value >= limit)
            return -1;
    }
    return length ? value : -1;
}

int32_t nnc_labels_number(nnc_labels *labels, const char *text, size_t length)
{
    length = without_point(text, length);
    if (labels->plain) {
        int64_t number = whole_number(text, length, labels->count);
        return number < 0 ? labels->else_number : (int32_t)number;
    }
    uint64_t hash = hash_of(text, length);
    uint32_t entry = *place_in_index(labels, text, length, hash);
    if (entry)
        return labels->collecting ? (int32_t)entry - 1 : labels->label[entry - 1].class_number;
    if (!labels->collecting)
        return labels->else_number;
    if (labels->labels >= NNC_LABEL_LIMIT && labels->labels > labels->want->classes)
        return NNC_LABEL_UNSEEN;
    add_label(labels, text, length, hash);
    return (int32_t)labels->labels - 1;
}

int32_t nnc_labels_missing(nnc_labels *labels)
{
    const char *name = labels->want->else_class;
    return !name ? NNC_LABEL_UNSEEN : labels->collecting ? nnc_labels_number(labels, name, strlen(name)) : labels->else_number;
}

nnc_labels *nnc_labels_new(nnc_arena *arena, const nnc_dataset_want *want, const nnc_dataset_known *known)
{
    nnc_labels *labels = NNC_NEW(arena, nnc_labels);
    *labels = (nnc_labels){.arena = arena, .want = want, .collecting = !known || known->classes == 0, .else_number = NNC_LABEL_UNSEEN};
    grow_index(labels);
    if (labels->collecting) {
        nnc_labels_missing(labels);
        return labels;
    }
    labels->count = known->classes;
    labels->plain = !known->class_name;
    if (labels->plain && want->else_class)
        labels->else_number = (int32_t)whole_number(want->else_class, strlen(want->else_class), known->classes);
    for (int64_t i = 0; known->class_name && i < known->classes; i++) {
        const char *name = known->class_name[i];
        add_label(labels, name, strlen(name), hash_of(name, strlen(name)));
        if (want->else_class && strcmp(name, want->else_class) == 0)
            labels->else_number = (int32_t)i;
    }
    return labels;
}

/* ---- finishing ---- */

static int by_number(const void *a, const void *b)
{
    const nnc_label *x = *(nnc_label *const *)a, *y = *(nnc_label *const *)b;
    return x->number < y->number ? -1 : x->number > y->number ? 1 : strcmp(x->text, y->text);
}

static int by_text(const void *a, const void *b) { return strcmp((*(nnc_label *const *)a)->text, (*(nnc_label *const *)b)->text); }

static bool is_else(const nnc_labels *labels, const nnc_label *label)
{
    return labels->want->else_class && strcmp(label->text, labels->want->else_class) == 0;
}

/* The labels in order of their classes: as numbers if all are, the else class last. */
static nnc_label **in_order(nnc_labels *labels)
{
    nnc_label **order = NNC_ARRAY(labels->arena, nnc_label *, labels->labels + 1);
    uint32_t count = 0;
    bool numbers = true;
    for (uint32_t i = 0; i < labels->labels; i++)
        if (!is_else(labels, &labels->label[i])) {
            order[count++] = &labels->label[i];
            numbers = numbers && !isnan(labels->label[i].number);
        }
    qsort(order, count, sizeof *order, numbers ? by_number : by_text);
    for (uint32_t i = 0; i < labels->labels; i++)
        if (is_else(labels, &labels->label[i]))
            order[count++] = &labels->label[i];
    return order;
}

static void keep_names(nnc_labels *labels, nnc_label **order)
{
    for (uint32_t i = 0; i < labels->labels; i++)
        order[i]->class_number = (int32_t)i;
    labels->count = labels->labels;
}

static const char *names_of(nnc_arena *arena, nnc_label **order, uint32_t count)
{
    const char **name = NNC_ARRAY(arena, const char *, count + 1);
    for (uint32_t i = 0; i < count; i++)
        name[i] = order[i]->text;
    return nnc_data_list(arena, name, count, 12);
}

/* What does not fit class(k): the first label outside 0..k-1 where others are inside, else the first one too many. */
static bool report_count(nnc_labels *labels, nnc_label **order, nnc_dataset_report *report)
{
    long long k = (long long)labels->want->classes, count = labels->labels;
    const nnc_label *odd = NULL;
    bool some = false;
    for (uint32_t i = 0; i < labels->labels; i++) {
        bool inside = whole_number(labels->label[i].text, labels->label[i].length, labels->want->classes) >= 0;
        some = some || inside;
        odd = odd || inside ? odd : &labels->label[i];
    }
    if (some && odd) {
        nnc_data_error(report, odd->first, nnc_arena_format(labels->arena, "the labels are %s", names_of(labels->arena, order, labels->labels)),
                       "%s is not a class of %s, which is class(%lld): the labels are 0..%lld, or exactly %lld different ones, and these are %lld",
                       nnc_data_quoted(labels->arena, odd->text, odd->length), labels->want->name, k, k - 1, k, count);
        return false;
    }
    nnc_data_place place = count > k ? labels->label[k].first : (nnc_data_place){count ? labels->label[count - 1].first.path : NULL, 0, 0};
    nnc_data_error(report, place, nnc_arena_format(labels->arena, "the labels are %s", names_of(labels->arena, order, labels->labels)),
                   "%s is class(%lld), but there are %lld different labels", labels->want->name, k, count);
    return false;
}

/* class(k): labels that are all whole numbers in 0..k-1 are themselves. */
static bool number_plainly(nnc_labels *labels)
{
    for (uint32_t i = 0; i < labels->labels; i++) {
        int64_t number = whole_number(labels->label[i].text, labels->label[i].length, labels->want->classes);
        if (number < 0)
            return false;
        labels->label[i].class_number = (int32_t)number;
    }
    labels->plain = true;
    labels->count = labels->want->classes;
    return true;
}

bool nnc_labels_finish(nnc_labels *labels, nnc_dataset_report *report)
{
    if (!labels->collecting)
        return true;
    labels->collecting = false;
    bool counted = labels->want->kind == NNC_DATASET_CLASS;
    if (labels->labels == 1 && labels->want->classes != 1)
        nnc_data_warning(report, (nnc_data_place){labels->label[0].first.path, 0, 0}, NULL, "%s has one class only: %s", labels->want->name,
                         nnc_data_quoted(labels->arena, labels->label[0].text, labels->label[0].length));
    if (counted && number_plainly(labels))
        return true;
    nnc_label **order = in_order(labels);
    if (counted && labels->labels != labels->want->classes)
        return report_count(labels, order, report);
    keep_names(labels, order);
    return true;
}

void nnc_labels_known(const nnc_labels *labels, nnc_dataset_known *known)
{
    known->classes = labels->count;
    known->class_name = NULL;
    if (labels->plain)
        return;
    const char **name = NNC_ARRAY(labels->arena, const char *, labels->labels + 1);
    for (uint32_t i = 0; i < labels->labels; i++)
        name[labels->label[i].class_number] = labels->label[i].text;
    known->class_name = name;
}

const char *nnc_labels_list(nnc_arena *arena, const nnc_labels *labels)
{
    if (labels->plain)
        return nnc_arena_format(arena, "the classes are 0..%lld", (long long)labels->count - 1);
    const char **name = NNC_ARRAY(arena, const char *, labels->labels + 1);
    for (uint32_t i = 0; i < labels->labels; i++)
        name[labels->label[i].class_number] = labels->label[i].text;
    return nnc_arena_format(arena, "the classes are %s", nnc_data_list(arena, name, labels->labels, 12));
}
