#include "runtime/data/report.h"
#include <stdio.h>
#include <string.h>

static void add(nnc_dataset_report *report, bool warning, nnc_data_place place, const char *help, const char *format, va_list arguments)
{
    int64_t *count = warning ? &report->warnings : &report->errors;
    if (++*count > NNC_DATASET_MAX_MESSAGES)
        return;
    nnc_dataset_message *message = &report->message[report->messages++];
    *message = (nnc_dataset_message){warning, place.path ? nnc_arena_string(report->arena, place.path) : NULL, place.line, place.column, nnc_arena_vformat(report->arena, format, arguments),
                                     help ? nnc_arena_string(report->arena, help) : NULL};
}

void nnc_data_error(nnc_dataset_report *report, nnc_data_place place, const char *help, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(report, false, place, help, format, arguments);
    va_end(arguments);
}

void nnc_data_warning(nnc_dataset_report *report, nnc_data_place place, const char *help, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(report, true, place, help, format, arguments);
    va_end(arguments);
}

static void print_place(const nnc_dataset_message *message, nnc_text *out)
{
    if (!message->path)
        return;
    nnc_text_add(out, "%s:", message->path);
    if (message->line)
        nnc_text_add(out, "%lld:", (long long)message->line);
    if (message->line && message->column)
        nnc_text_add(out, "%lld:", (long long)message->column);
    nnc_text_add(out, " ");
}

static void print_message(const nnc_dataset_message *message, nnc_text *out, bool color)
{
    const char *severity = message->warning ? "warning" : "error";
    print_place(message, out);
    if (color)
        nnc_text_add(out, "\033[1;%dm%s:\033[0m %s\n", message->warning ? 35 : 31, severity, message->text);
    else
        nnc_text_add(out, "%s: %s\n", severity, message->text);
    for (const char *help = message->help; help && *help;) {
        size_t length = strcspn(help, "\n");
        nnc_text_add(out, "  help: %.*s\n", (int)length, help);
        help += length + (help[length] == '\n');
    }
}

void nnc_dataset_report_print(const nnc_dataset_report *report, nnc_text *out, bool color)
{
    for (uint32_t i = 0; i < report->messages; i++)
        print_message(&report->message[i], out, color);
    if (report->errors > NNC_DATASET_MAX_MESSAGES)
        nnc_text_add(out, "%lld more errors\n", (long long)(report->errors - NNC_DATASET_MAX_MESSAGES));
    if (report->warnings > NNC_DATASET_MAX_MESSAGES)
        nnc_text_add(out, "%lld more warnings\n", (long long)(report->warnings - NNC_DATASET_MAX_MESSAGES));
}

const char *nnc_data_list(nnc_arena *arena, const char *const *name, int64_t count, int64_t most)
{
    nnc_text out = {.arena = arena};
    int64_t shown = count > most ? most : count;
    for (int64_t i = 0; i < shown; i++)
        nnc_text_add(&out, "%s%s", i ? ", " : "", nnc_data_quoted(arena, name[i], strlen(name[i])));
    if (shown < count)
        nnc_text_add(&out, ", ... (%lld in all)", (long long)count);
    return nnc_text_string(&out);
}

const char *nnc_data_count(nnc_arena *arena, int64_t count)
{
    char digits[32];
    nnc_text out = {.arena = arena};
    size_t length = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)count);
    for (size_t i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0 && digits[i - 1] != '-')
            nnc_text_add(&out, ",");
        nnc_text_add(&out, "%c", digits[i]);
    }
    return nnc_text_string(&out);
}

static bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

/* The length of the character at `at`, or 0 where it is not one (RFC 3629: no surrogates, nothing overlong, up to U+10FFFF). */
static size_t character(const unsigned char *at, size_t left)
{
    if (at[0] < 0x80)
        return 1;
    if (at[0] >= 0xC2 && at[0] <= 0xDF)
        return left >= 2 && is_continuation(at[1]) ? 2 : 0;
    if ((at[0] & 0xF0) == 0xE0) {
        if (left < 3 || !is_continuation(at[1]) || !is_continuation(at[2]))
            return 0;
        return (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ? 0 : 3;
    }
    if (at[0] < 0xF0 || at[0] > 0xF4 || left < 4 || !is_continuation(at[1]) || !is_continuation(at[2]) || !is_continuation(at[3]))
        return 0;
    return (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F) ? 0 : 4;
}

size_t nnc_data_utf8(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t step = character((const unsigned char *)bytes + i, length - i);
        if (step == 0)
            return i;
        i += step;
    }
    return length;
}

const char *nnc_data_quoted(nnc_arena *arena, const char *name, size_t length)
{
    enum { LONGEST = 40 };
    nnc_text out = {.arena = arena};
    nnc_text_add(&out, "\"");
    for (size_t i = 0, shown = 0, step; i < length; i += step, shown++) {
        const unsigned char *at = (const unsigned char *)name + i;
        if (shown == LONGEST) {
            nnc_text_add(&out, "...");
            break;
        }
        step = character(at, length - i);
        if (step == 0 || *at < 32 || *at == 127)
            nnc_text_add(&out, "\\x%02x", *at);
        else
            nnc_text_add_bytes(&out, *at == '"' ? "\"\"" : name + i, *at == '"' ? 2 : step);
        step += step == 0;
    }
    nnc_text_add(&out, "\"");
    return nnc_text_string(&out);
}
