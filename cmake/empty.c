typedef int nnc_empty; /* a library whose folder has no source yet */
