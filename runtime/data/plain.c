/* Plain text: a byte a row. */
#include "runtime/data/reader.h"

bool nnc_plain_is(const nnc_bytes *bytes)
{
    (void)bytes;
    return false;
}

static bool read_bytes(nnc_reader *reader, nnc_bytes *bytes, const nnc_plan *plan)
{
    nnc_dataset_table *table = reader->table;
    for (int64_t number = 1;; number++) {
        if (nnc_bytes_left(bytes) == 0 && (!nnc_bytes_fill(bytes, 1) || nnc_bytes_left(bytes) == 0))
            return !bytes->failed;
        unsigned char byte = (unsigned char)bytes->buffer[bytes->begin++];
        char *row = nnc_table_row(table);
        for (int32_t s = plan->slot[0]; s >= 0; s = table->slot[s].next) {
            nnc_data_place *place = nnc_reader_put_byte(reader, row, s, byte);
            if (place)
                *place = (nnc_data_place){reader->path, number, 0};
        }
        nnc_table_end_row(table, reader->path, number, false);
    }
}

bool nnc_text_file_read(nnc_reader *reader, nnc_bytes *bytes, uint32_t files)
{
    (void)files;
    nnc_plan plan;
    int64_t errors = reader->report->errors;
    nnc_file_columns file = {reader->path, NULL, 1, "plain text (.txt) is one column, a byte a row: input text[64 rows]: class(256)"};
    if (nnc_bytes_left(bytes) == 0) {
        nnc_data_error(reader->report, nnc_bytes_place(bytes), NULL, "the file is empty");
        return false;
    }
    if (!nnc_reader_plan(reader, &file, true, &plan))
        return false;
    bool whole = read_bytes(reader, bytes, &plan);
    nnc_faults_report(reader->table, reader->report);
    return whole && reader->report->errors == errors;
}
