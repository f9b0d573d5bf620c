/* Decimal numbers as floats: correctly rounded, without locale. */
#ifndef NNC_RUNTIME_DATA_NUMBER_H
#define NNC_RUNTIME_DATA_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* m * 10^-scale for m < 10^18 and scale <= 18, or false where a double does not tell which float is nearest. The product is within 2 units of the
 * double's last place; a float has 29 bits fewer, and unless those stand within 4 of one half, rounding the double gives the nearest float. */
static inline bool nnc_number_scale(uint64_t m, size_t scale, float *value)
{
    static const double power[19] = {1e0,  1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,  1e-8, 1e-9,
                                     1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18};
    double x = (double)m * power[scale];
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    *value = (float)x;
    return (bits & 0x1FFFFFFF) - 0x0FFFFFFC > 8;
}

/* The digits at p, at most 8, as a number, and how many they are. Eight bytes at once, without a branch: the first byte that is no digit is found by
 * a carry into its highest bit, the digits are moved up over leading zeros, then pairs, fours and eights are joined (Mula 2014). */
static inline uint64_t nnc_number_digits(const char *p, unsigned *count)
{
    static const unsigned char shift[9] = {63, 56, 48, 40, 32, 24, 16, 8, 0};
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    v ^= 0x3030303030303030u;
    uint64_t other = ((v + 0x7676767676767676u) | v) & 0x8080808080808080u;
    unsigned n = other ? (unsigned)__builtin_ctzll(other) / 8 : 8;
    *count = n;
    v = n ? v << shift[n] : 0;
    v = (v * 2561) >> 8 & 0x00FF00FF00FF00FFu;
    v = (v * 6553601) >> 16 & 0x0000FFFF0000FFFFu;
    return (v * 42949672960001u) >> 32;
}

/* The usual case of nnc_number_read, where it pays to be quick: [-] up to 7 digits [. digits], up to 18 significant ones. NULL for everything else.
 * 8 bytes after the number must be readable. */
static inline char *nnc_number_quick(char *p, char decimal, float *value)
{
    static const uint64_t power[9] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    bool negative = *p == '-';
    unsigned whole, more, scale = 0;
    p += negative;
    uint64_t m = nnc_number_digits(p, &whole);
    unsigned significant = m ? whole : 0;
    p += whole;
    if (*p == decimal) {
        p++;
        do {
            uint64_t part = nnc_number_digits(p, &more);
            m = m * power[more] + part;
            p += more;
            scale += more;
        } while (more == 8 && scale <= 16);
    }
    if (whole == 8 || whole + scale == 0 || significant + scale > 18 || !nnc_number_scale(m, scale, value))
        return 0;
    *value = negative ? -*value : *value;
    return p;
}

#endif
