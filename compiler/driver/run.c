#include "driver/run.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void nnc_say(nnc_run *run, const char *format, ...)
{
    va_list arguments;
    if (run->options.quiet)
        return;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

nnc_exit nnc_error(nnc_run *run, nnc_exit status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, run->options.color ? "nnc: \033[1;31merror:\033[0m " : "nnc: error: ");
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return status;
}

nnc_exit nnc_emit_text(nnc_run *run, const char *path, const char *text, size_t length)
{
    if (!nnc_file_replace(&run->arena, path, text, length, &run->failure))
        return nnc_error(run, NNC_EXIT_SYSTEM, "%s", run->failure.text);
    return NNC_EXIT_DONE;
}

int nnc_default_threads(const nnc_run *run)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return run->options.threads ? run->options.threads : cores > 0 ? (int)cores : 1;
}
