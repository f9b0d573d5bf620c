#!/usr/bin/env python3
"""Prints the coefficients of vector_math.c: polynomials of least greatest weighted error (Remez 1934), then rounded to float one by one,
from the lowest power on, the others fitted anew after each. Runs in half a minute; needs nothing but Python."""
import math
import struct
from decimal import Decimal as D, getcontext

getcontext().prec = 40


def to_float(x):
    return D(struct.unpack("f", struct.pack("f", float(x)))[0])


def solve(rows):
    """Gaussian elimination with row pivots; each row is coefficients and right-hand side."""
    n = len(rows)
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[p] = rows[p], rows[i]
        for r in range(n):
            if r != i and rows[r][i]:
                q = rows[r][i] / rows[i][i]
                rows[r] = [a - q * b for a, b in zip(rows[r], rows[i])]
    return [rows[i][n] / rows[i][i] for i in range(n)]


def power(x, p):
    return x ** p if p else D(1)


def remez(samples, powers):
    """Coefficients c with w (sum c[i] x^powers[i] - y) of least maximum over the samples (x, y, w)."""
    table = [(x, y, w, [power(x, p) for p in powers]) for x, y, w in samples]
    n, grid = len(powers), len(samples) - 1
    at = [round(grid * (1 - math.cos(math.pi * (i + 0.5) / (n + 1))) / 2) for i in range(n + 1)]
    for _ in range(30):
        rows = [table[i][3] + [D((-1) ** k) / table[i][2], table[i][1]] for k, i in enumerate(at)]
        *c, level = solve(rows)
        error = [t[2] * (sum(a * b for a, b in zip(c, t[3])) - t[1]) for t in table]
        best, sign = [], 0                                   # the extremum of each run of one sign
        for i, e in enumerate(error):
            s = 1 if e > 0 else -1
            if s != sign:
                best.append(i)
                sign = s
            elif abs(e) > abs(error[best[-1]]):
                best[-1] = i
        while len(best) > n + 1:
            best.pop(0 if abs(error[best[0]]) < abs(error[best[-1]]) else -1)
        if len(best) < n + 1 or best == at:
            break
        at = best
    return c, max(abs(e) for e in error)


def rounded(name, f, w, powers, low, high):
    fixed, left, grid = {}, list(powers), 600
    xs = [D(low) + (D(high) - D(low)) * i / grid for i in range(grid + 1)]
    samples = [(x, f(x), w(x)) for x in xs]
    while left:
        c, worst = remez(samples, left)
        p, fixed[left[0]] = left[0], to_float(c[0])
        samples = [(x, y - fixed[p] * power(x, p), v) for x, y, v in samples]
        left = left[1:]
    print(f"{name}: weighted error {float(worst):.2e}")
    for p in powers:
        print(f"  x^{p}: {float(fixed[p]).hex()}  {float(fixed[p])!r}")


def series(term, x, first, count=40):
    """sum of term(k) x^(k - first), k = first, first + 1, ..."""
    return sum(term(k) * power(x, k - first) for k in range(first, first + count))


def factorial(k):
    return D(math.factorial(k))


def main():
    tail = lambda x: series(lambda k: 1 / factorial(k), x, 2)                     # (exp(x) - 1 - x) / x^2
    rounded("exp", tail, lambda x: x * x / x.exp() + D("1e-12"), range(5), "-0.3466", "0.3466")
    expm1 = lambda x: series(lambda k: 1 / factorial(k), x, 1)                    # (exp(x) - 1) / x
    rounded("expm1", tail, lambda x: abs(x) / expm1(x) + D("1e-12"), range(5), "-0.3466", "0.3466")
    log_tail = lambda x: ((1 + x).ln() - x + x * x / 2) / x ** 3 if abs(x) > D("0.01") else series(lambda k: D((-1) ** (k + 1)) / k, x, 3)
    rounded("log", log_tail, lambda x: D(1), range(8), "-0.2929", "0.4143")
    sine = lambda s: series(lambda k: D((-1) ** k) / factorial(2 * k + 1), s, 1, 20)        # (sin(x) - x) / x^3 of s = x^2
    rounded("sin", sine, lambda s: s, range(3), "0.0001", "0.618")
    cosine = lambda s: series(lambda k: D((-1) ** k) / factorial(2 * k), s, 2, 20)          # (cos(x) - 1 + x^2 / 2) / x^4
    rounded("cos", cosine, lambda s: s * s + D("1e-9"), range(3), "0.0001", "0.618")
    erf_tail = lambda s: D(2) / D(math.pi).sqrt() * series(lambda k: D((-1) ** k) / (factorial(k) * (2 * k + 1)), s, 0, 40) - 1
    rounded("erf, small", erf_tail, lambda s: D(1), range(7), "0.0000001", "0.85")          # erf(x) / x - 1 of s = x^2
    log_erfc = lambda x: D(math.erfc(float(x))).ln()
    weight = lambda x: D(math.erfc(float(x))) / D(math.erf(float(x)))
    rounded("erf, large: log(erfc(x))", log_erfc, weight, range(8), "0.9219", "3.96")


main()
