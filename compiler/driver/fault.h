/* Faults of nnc's own: a failed assertion, a check of a pass that does not hold, a crash. They end the process with exit status 70, after what is half written was removed. */
#ifndef NNC_DRIVER_FAULT_H
#define NNC_DRIVER_FAULT_H

#include "runtime/files.h"

/* From here on, until the process ends. `outputs`: files not committed yet are removed. */
void nnc_fault_catch(const nnc_outputs *outputs);

#endif
