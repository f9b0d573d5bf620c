#include "runtime/data/number.h"
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a number's text says: mantissa * 10^exponent, of which up to 19 digits are kept. */
typedef struct decimal_number {
    uint64_t mantissa;
    int64_t exponent;
    int digits;                /* significant ones in the mantissa */
    bool whole;                /* neither point nor exponent */
    char *point;               /* where the decimal point stands, or NULL */
} decimal_number;

static bool is_digit(char c) { return (unsigned char)(c - '0') < 10; }

static char *read_digits(char *p, decimal_number *n, int scale)
{
    for (; is_digit(*p); p++) {
        if (n->digits < 19) {
            n->mantissa = n->mantissa * 10 + (uint64_t)(*p - '0');
            n->digits += n->mantissa != 0;
            n->exponent -= scale;
        } else {
            n->exponent += 1 - scale;
        }
    }
    return p;
}

/* The exponent after `e`, or NULL where there is none. */
static char *read_exponent(char *p, decimal_number *n)
{
    bool negative = *p == '-';
    int64_t exponent = 0;
    p += *p == '-' || *p == '+';
    if (!is_digit(*p))
        return NULL;
    for (; is_digit(*p); p++)
        exponent = exponent < 100000000 ? exponent * 10 + (*p - '0') : exponent;
    n->exponent += negative ? -exponent : exponent;
    n->whole = false;
    return p;
}

static char *read_infinity(char *p, nnc_number_kind *kind)
{
    *kind = NNC_NUMBER_NONE;
    if (strncasecmp(p, "inf", 3) != 0)
        return p;
    *kind = NNC_NUMBER_INFINITE;
    return p + (strncasecmp(p, "infinity", 8) == 0 ? 8 : 3);
}

/* The C library's conversion, in the C locale (newlocale gives that one without allocating). */
static float convert_slowly(char *text, const decimal_number *n)
{
    char kept = n->point ? *n->point : 0;
    if (n->point)
        *n->point = '.';
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    float value = c ? strtof_l(text, NULL, c) : strtof(text, NULL);
    if (c)
        freelocale(c);
    if (n->point)
        *n->point = kept;
    return value;
}

/* 10^0 .. 10^22 are exact doubles, so one product or quotient of them and a mantissa of up to 19 digits is within 2 units of a double's last
 * place (Clinger 1990). A float has 29 bits fewer: unless those bits stand within 4 of one half, rounding the double gives the right float. */
static bool convert_fast(const decimal_number *n, float *value)
{
    static const double power[23] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (n->mantissa == 0) {
        *value = 0;
        return true;
    }
    if (n->exponent < -22 || n->exponent > 22)
        return false;
    double x = n->exponent < 0 ? (double)n->mantissa / power[-n->exponent] : (double)n->mantissa * power[n->exponent];
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t from_half = (int64_t)(bits & 0x1FFFFFFF) - 0x10000000;
    *value = (float)x;
    return x > 0x1p-120 && x < 0x1p127 && (from_half > 4 || from_half < -4);
}

char *nnc_number_read(char *text, char decimal, float *value, nnc_number_kind *kind)
{
    decimal_number n = {.whole = true};
    bool negative = *text == '-';
    char *start = text + (*text == '-' || *text == '+'), *p = read_digits(start, &n, 0);
    bool any = p > start;
    if (*p == decimal && (any || is_digit(p[1]))) {
        n.point = p;
        p = read_digits(p + 1, &n, 1);
        any = true;
        n.whole = false;
    }
    if (!any)
        return read_infinity(start, kind);
    if (*p == 'e' || *p == 'E') {
        char *after = read_exponent(p + 1, &n);
        if (!after) {
            *kind = NNC_NUMBER_NONE;
            return p;
        }
        p = after;
    }
    float x;
    if (!convert_fast(&n, &x))
        x = convert_slowly(start, &n);
    *value = negative ? -x : x;
    *kind = isinf(x) ? NNC_NUMBER_INFINITE : n.whole && n.mantissa > 0x1000000 && (double)x != (double)n.mantissa ? NNC_NUMBER_ROUNDED : NNC_NUMBER;
    return p;
}
