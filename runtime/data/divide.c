/* Training, validation and test parts. */
#include <math.h>
#include <string.h>
#include "base/random.h"
#include "runtime/data/table.h"

enum { OF_TRAIN, OF_VALID, OF_TEST, PARTS };

static const char *const PART_NAME[PARTS] = {"training", "validation", "test"};

static bool is_shared(nnc_dataset_share share) { return share.folds > 0 || share.fraction > 0; }

/* Fisher and Yates's shuffle by draws that are a function of seed and place, apart from the epochs' (the key's "part"). */
static int64_t *permutation(nnc_arena *arena, int64_t rows, uint64_t seed)
{
    int64_t *order = NNC_ARRAY(arena, int64_t, (size_t)rows + 1);
    uint32_t word[2];
    for (int64_t i = 0; i < rows; i++)
        order[i] = i;
    for (int64_t i = rows - 1; i > 0; i--) {
        nnc_threefry((uint32_t)seed ^ 0x70617274u, (uint32_t)(seed >> 32), (uint32_t)i, (uint32_t)((uint64_t)i >> 32), word);
        int64_t j = (int64_t)(((uint64_t)word[0] << 32 | word[1]) % (uint64_t)(i + 1)), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    return order;
}

static int64_t rows_of(double fraction, int64_t rows) { return (int64_t)floor(fraction * (double)rows + 0.5); }

/* Marks a share's rows, of those that are still in training: folds by the permutation of 0, fractions from *at on by that of the seed. */
static void mark_rows(nnc_arena *arena, char *part, int64_t rows, nnc_dataset_share share, const int64_t *by_seed, int64_t *at, char which)
{
    if (share.folds) {
        int64_t *fixed = permutation(arena, rows, 0);
        for (int64_t i = share.fold - 1; i >= 0 && i < rows; i += share.folds)
            if (part[fixed[i]] == OF_TRAIN)
                part[fixed[i]] = which;
        return;
    }
    for (int64_t wanted = rows_of(share.fraction, rows); wanted > 0 && *at < rows; ++*at)
        if (part[by_seed[*at]] == OF_TRAIN) {
            part[by_seed[*at]] = which;
            wanted--;
        }
}

/* The last rows are test's, those before them validation's; a fold is the fold-th of `folds` equal runs. */
static void mark_runs(char *part, int64_t rows, nnc_dataset_share share, int64_t *end, char which)
{
    int64_t first = *end - rows_of(share.fraction, rows), last = *end;
    if (share.folds) {
        first = (int64_t)((double)rows * (double)(share.fold - 1) / (double)share.folds);
        last = share.fold == share.folds ? rows : (int64_t)((double)rows * (double)share.fold / (double)share.folds);
    } else {
        *end = first < 0 ? 0 : first;
    }
    for (int64_t i = first < 0 ? 0 : first; i < last; i++)
        if (part[i] == OF_TRAIN)
            part[i] = which;
}

/* ---- examples of a part ---- */

/* Where the run of rows of one part and one file that begins at `first` ends. */
static int64_t end_of_run(const nnc_dataset *data, const char *part, int64_t first)
{
    int64_t row = first + 1, end = nnc_table_end_of_file(data->table, first);
    while (row < end && part[row] == part[first])
        row++;
    return row;
}

static void add_windows(const nnc_dataset *data, nnc_dataset_part *out, int64_t first, int64_t end, int64_t stride)
{
    for (int64_t at = first; end - at >= data->span; at += stride)
        out->number[out->count++] = at;
}

static nnc_dataset_part examples_of(nnc_arena *arena, const nnc_dataset *data, const char *part, char which, int64_t stride)
{
    nnc_dataset_part out = {NULL, 0};
    int64_t rows = 0;
    for (int64_t row = 0; row < data->rows; row++)
        rows += part[row] == which;
    out.number = NNC_ARRAY(arena, int64_t, (size_t)(data->windows ? rows / stride + data->table->runs + 2 * PARTS : rows) + 1);
    for (int64_t row = 0, end; row < data->rows; row = end) {
        end = data->windows ? end_of_run(data, part, row) : row + 1;
        if (part[row] == which)
            add_windows(data, &out, row, end, stride);
    }
    return out;
}

static bool fail_part(const nnc_dataset *data, int which, int64_t rows, nnc_dataset_report *report)
{
    nnc_arena *arena = report->arena;
    const char *path;
    int64_t line;
    nnc_dataset_place(data, 0, &path, &line);
    if (data->windows)
        nnc_data_error(report, (nnc_data_place){path, 0, 0}, NULL, "too few rows: the %s part has %s of them, and a window takes %s", PART_NAME[which],
                       nnc_data_count(arena, rows), nnc_data_count(arena, data->span));
    else
        nnc_data_error(report, (nnc_data_place){path, 0, 0}, NULL, "too few rows: of %s, the %s part gets none", nnc_data_count(arena, data->rows),
                       PART_NAME[which]);
    return false;
}

static bool check_part(const nnc_dataset *data, const char *part, int which, const nnc_dataset_part *out, nnc_dataset_report *report)
{
    int64_t rows = 0;
    for (int64_t row = 0; row < data->rows; row++)
        rows += part[row] == which;
    return out->count > 0 || fail_part(data, which, rows, report);
}

bool nnc_dataset_divide(nnc_arena *arena, const nnc_dataset *data, nnc_dataset_share validate, nnc_dataset_share test, uint64_t seed, int64_t stride,
                        nnc_dataset_parts *parts, nnc_dataset_report *report)
{
    nnc_arena scratch;
    nnc_arena_open(&scratch, arena->failed, arena->failed_context);
    char *part = NNC_ARRAY(&scratch, char, (size_t)data->rows + 1);
    int64_t at = 0, end = data->rows;
    if (data->windows) {
        mark_runs(part, data->rows, test, &end, OF_TEST);
        mark_runs(part, data->rows, validate, &end, OF_VALID);
    } else if (is_shared(validate) || is_shared(test)) {
        int64_t *by_seed = permutation(&scratch, data->rows, seed);
        mark_rows(&scratch, part, data->rows, test, by_seed, &at, OF_TEST);
        mark_rows(&scratch, part, data->rows, validate, by_seed, &at, OF_VALID);
    }
    *parts = (nnc_dataset_parts){.train = examples_of(arena, data, part, OF_TRAIN, data->windows && stride > 0 ? stride : 1),
                                 .valid = examples_of(arena, data, part, OF_VALID, data->span),
                                 .test = examples_of(arena, data, part, OF_TEST, data->span)};
    bool fine = check_part(data, part, OF_TRAIN, &parts->train, report);
    fine = (!is_shared(validate) || check_part(data, part, OF_VALID, &parts->valid, report)) && fine;
    fine = (!is_shared(test) || check_part(data, part, OF_TEST, &parts->test, report)) && fine;
    nnc_arena_close(&scratch);
    return fine;
}

bool nnc_dataset_all(nnc_arena *arena, const nnc_dataset *data, int64_t stride, nnc_dataset_part *part, nnc_dataset_report *report)
{
    nnc_arena scratch;
    nnc_arena_open(&scratch, arena->failed, arena->failed_context);
    char *of = NNC_ARRAY(&scratch, char, (size_t)data->rows + 1);
    const char *path;
    int64_t line;
    *part = examples_of(arena, data, of, OF_TRAIN, data->windows ? (stride > 0 ? stride : data->span) : 1);
    nnc_arena_close(&scratch);
    if (part->count)
        return true;
    nnc_dataset_place(data, 0, &path, &line);
    nnc_data_error(report, (nnc_data_place){path, 0, 0}, NULL, "too few rows: there are %s, and a window takes %s",
                   nnc_data_count(report->arena, data->rows), nnc_data_count(report->arena, data->span));
    return false;
}
