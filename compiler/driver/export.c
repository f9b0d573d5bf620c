/* The trained network as C or machine code. */
#include "driver/run.h"

nnc_exit nnc_command_export(nnc_run *run, nnc_outputs *outputs)
{
    (void)run;
    (void)outputs;
    return NNC_EXIT_DONE;
}
