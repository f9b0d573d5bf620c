/* nnc's main: options, the run, and the one way out when memory ends. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "driver/fault.h"
#include "driver/run.h"

typedef struct way_out { jmp_buf jump; } way_out;

static void out_of_memory(void *context) { longjmp(((way_out *)context)->jump, 1); }

/* Where the caller closed 0, 1 or 2, no file of ours may get that number: messages would go into it. What takes the place can be neither read nor written to. */
static bool keep_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

/* Where there is no training to save. */
static void leave(int signal_number) { _exit(128 + signal_number); }

static void set_signals(void)
{
    const struct sigaction left = {.sa_handler = leave};
    sigaction(SIGINT, &left, NULL);
    sigaction(SIGTERM, &left, NULL);
    signal(SIGPIPE, SIG_IGN);          /* a reader that goes away, and a file that may not grow, are failed writes and not an end in the middle of files */
    signal(SIGXFSZ, SIG_IGN);
}

static nnc_exit close_output(nnc_exit status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fputs("nnc: error: standard output cannot be written\n", stderr);
    return status == NNC_EXIT_DONE ? NNC_EXIT_SYSTEM : status;
}

static nnc_exit run_command(nnc_run *run, int count, char **argument)
{
    const char *error;
    if (!nnc_options_parse(&run->arena, count, argument, &run->options, &error)) {
        fprintf(stderr, "nnc: error: %s\n", error);
        return NNC_EXIT_USAGE;
    }
    if (run->options.help || run->options.version) {
        fputs(run->options.help ? nnc_options_help(&run->arena) : "nnc " NNC_VERSION "\n", stdout);
        return NNC_EXIT_DONE;
    }
    return nnc_run_options(run);
}

int main(int count, char **argument)
{
    nnc_run *run = calloc(1, sizeof *run);
    way_out *way = calloc(1, sizeof *way);
    volatile nnc_exit status = NNC_EXIT_SYSTEM;
    if (!run || !way || !keep_standard_streams())
        return NNC_EXIT_SYSTEM;
    nnc_fault_catch(&run->outputs);
    set_signals();
    if (setjmp(way->jump) == 0) {
        nnc_arena_open(&run->arena, out_of_memory, way);
        status = run_command(run, count, argument);
    } else {
        fputs("nnc: error: out of memory\n", stderr);
    }
    nnc_outputs_drop(&run->outputs);
    status = close_output(status);
    if (run->team)
        nnc_team_close(run->team);
    nnc_network_close(run->network);
    nnc_session_close(&run->session);
    for (uint32_t i = 0; i < run->olds; i++)
        nnc_session_close(&run->old[i]);
    nnc_arena_close(&run->arena);
    free(run);
    free(way);
    return (int)status;
}
