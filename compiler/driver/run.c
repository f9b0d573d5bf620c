#include "driver/run.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void say(const nnc_run *run, const char *color, const char *word, const char *format, va_list arguments)
{
    if (word)
        fprintf(stderr, run->options.color ? "nnc: \033[1;%sm%s:\033[0m " : "nnc: %.0s%s: ", color, word);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void nnc_say(nnc_run *run, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!run->options.quiet)
        say(run, "", NULL, format, arguments);
    va_end(arguments);
}

void nnc_warn(nnc_run *run, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(run, "35", "warning", format, arguments);
    va_end(arguments);
}

nnc_exit nnc_error(nnc_run *run, nnc_exit status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(run, "31", "error", format, arguments);
    va_end(arguments);
    return status;
}

nnc_exit nnc_add_text(nnc_run *run, const char *path, const char *text, size_t length)
{
    if (!nnc_outputs_add(&run->outputs, path, text, length, &run->failure))
        return nnc_error(run, NNC_EXIT_SYSTEM, "%s", run->failure.text);
    return NNC_EXIT_DONE;
}

nnc_exit nnc_commit_outputs(nnc_run *run)
{
    if (!nnc_outputs_commit(&run->outputs, &run->failure))
        return nnc_error(run, NNC_EXIT_SYSTEM, "%s", run->failure.text);
    return NNC_EXIT_DONE;
}

nnc_exit nnc_open_team(nnc_run *run)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    run->team = nnc_team_open(run->options.threads ? run->options.threads : cores > 0 ? (int)cores : 1);
    return run->team ? NNC_EXIT_DONE : nnc_error(run, NNC_EXIT_SYSTEM, "the system gives no more threads");
}

nnc_exit nnc_build_network(nnc_run *run, int parts, int64_t train_batch)
{
    const char *error;
    nnc_cache cache = {&run->arena, -1};
    nnc_network_request request = {.model = run->model, .parts = parts, .train_batch = train_batch, .set_batch = NNC_SET_BATCH,
                                   .target = {NULL, NULL, run->options.level}, .compile = true, .listed = run->options.profile, .level = run->options.level,
                                   .threads = nnc_team_threads(run->team), .cache = &cache};
    if (!run->options.no_cache)
        nnc_cache_open(&cache, &run->arena);
    run->network = nnc_network_build(&run->arena, &request, &error);
    nnc_cache_close(&cache);
    if (!run->network && !error) {
        nnc_text text = {.arena = &run->arena};
        nnc_diagnostics_print(&run->session, &text, run->options.color);
        fputs(nnc_text_string(&text), stderr);
        return NNC_EXIT_MODEL;
    }
    if (!run->network)
        return nnc_error(run, NNC_EXIT_FAULT, "%s", error);
    if (run->options.verbose)
        nnc_say(run, "compiled in %.0f ms%s", run->network->compile_seconds * 1e3, run->network->llvm ? "" : ", the code made by an earlier run");
    return NNC_EXIT_DONE;
}

const char *nnc_line_of(nnc_run *run, nnc_span span)
{
    uint32_t line, column;
    if (!span.file || span.file >= run->session.sources)
        return "";
    nnc_place(&run->session, span, &line, &column);
    return nnc_arena_format(&run->arena, "%s:%u", run->session.source[span.file].path, (unsigned)line);
}

static bool needs_weights(const nnc_options *o)
{
    for (uint32_t i = 0; i < o->outputs; i++)
        if (nnc_output_needs_of(o->output[i].kind) == NNC_NEEDS_WEIGHTS || nnc_output_needs_of(o->output[i].kind) == NNC_NEEDS_PREDICTION)
            return true;
    return o->test.count || o->predict.count || nnc_whole_weights(&(nnc_run){.options = *o});
}

nnc_exit nnc_run_options(nnc_run *run)
{
    const nnc_options *o = &run->options;
    run->outputs.arena = &run->arena;
    run->report.arena = &run->arena;
    if (o->check)
        return nnc_command_check(run);
    if (o->train.count)
        return nnc_command_train(run);
    return needs_weights(o) ? nnc_command_use(run) : nnc_command_look(run);
}
