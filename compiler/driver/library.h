/* The library, the .nn files of library/, embedded at build time: names and texts in parallel, each ending with NULL. */
#ifndef NNC_DRIVER_LIBRARY_H
#define NNC_DRIVER_LIBRARY_H

extern const char *const nnc_library_names[];
extern const char *const nnc_library_texts[];

#endif
