#include "driver/fault.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "driver/run.h"

/* A handler has no other way to what it needs: the one variable of the process that is not on its stack. */
static const nnc_outputs *unfinished;

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static void fault(int signal_number)
{
    static const char text[] = "nnc: this is a fault of nnc's own, not of your model or data. Please report it with the model and the command line\n";
    (void)signal_number;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(NNC_EXIT_FAULT);
    nnc_outputs_abandon(unfinished);
    _exit(NNC_EXIT_FAULT);
}

void nnc_fault_catch(const nnc_outputs *outputs)
{
    static const int SIGNALS[] = {SIGABRT,
#ifndef SANITIZED                /* there the sanitizer's own report says more */
                                  SIGSEGV, SIGBUS, SIGFPE, SIGILL
#endif
    };
    static char stack[1 << 16];    /* of its own, since the fault may be that the stack is used up */
    struct sigaction action = {.sa_handler = fault, .sa_flags = SA_ONSTACK};
    unfinished = outputs;
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++)
        sigaction(SIGNALS[i], &action, NULL);
}
