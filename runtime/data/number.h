/* Decimal numbers as floats: correctly rounded, without locale. */
#ifndef NNC_RUNTIME_DATA_NUMBER_H
#define NNC_RUNTIME_DATA_NUMBER_H

typedef enum nnc_number_kind {
    NNC_NUMBER,
    NNC_NUMBER_ROUNDED,            /* an integer above 2^24 that a float does not hold */
    NNC_NUMBER_INFINITE,           /* inf, or beyond a float: 1e39 */
    NNC_NUMBER_NONE                /* not a number */
} nnc_number_kind;

/* Reads [+-] digits [decimal digits] [e [+-] digits] (a digit on one side of the point at least), or inf, infinity in any case, at `text`, and gives
 * where it ends; the caller says whether that is an end. The byte after the number must be readable and be none of a number's (a line end,
 * a quote, NUL). The text may be changed meanwhile and is restored. *value is set where the kind is NUMBER or ROUNDED. */
char *nnc_number_read(char *text, char decimal, float *value, nnc_number_kind *kind);

#endif
