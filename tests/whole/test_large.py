#!/usr/bin/python3
"""Formulas and models larger than people write by hand: hundreds of terms, conditions, parts, nested choices, layers. They train, print their gradient, and predict what numpy computes."""
import sys

import numpy as np

sys.path.insert(0, __file__.rsplit("/", 1)[0])
from nnc_tools import Run, read_weights, worst, write_csv

RECIPE = "train { epochs 1; batch 8; optimizer sgd(rate = 1e-6) }\n"
N = 60          # inputs
ROWS = 24
rng = np.random.default_rng(5)
X = ((2 * rng.integers(100, 900, (ROWS, N)) + 1) / 1000).astype(np.float32)      # between the thresholds below, on none of them
X64 = X.astype(np.float64)
I = np.arange(N)


def model(z, params="", shape="[i]"):
    return "model m {\n input x[%d]\n target y\n%s z%s = %s\n s = mean(j: z[j])\n loss mse(s, y)\n output t = s\n output u = z\n}\n%s" % (N, params, shape, z, RECIPE)


A = " param a[200] ~ uniform(0.9, 1.1)\n"


def choices(condition, count):
    """if c0 then 0 else if c1 then 1 .. else x[i]"""
    return " ".join("if %s then %d else" % (condition % k, k) for k in range(count)) + " x[i]"


# name, text of z[..], parameters, left side, what numpy makes of it
CASES = [
    ("a subscript of 70 quotients", "x[floor((%s) / 80)]" % " + ".join("floor(i / %d)" % k for k in range(2, 72)), "", "[i < 60]",
     lambda w: X64[:, sum(I // k for k in range(2, 72)) // 80]),
    ("120 terms", " + ".join("x[i] * a[%d]" % k for k in range(120)), A, "[i]", lambda w: X64 * w["a"][:120].sum()),
    ("80 factors", " * ".join("(x[i] ^ 0.01 * a[%d])" % k for k in range(80)), A, "[i]", lambda w: X64 ** 0.8 * np.prod(w["a"][:80].astype(np.float64))),
    ("90 conditions of numbers", "if %s then x[i] * 2 else 1" % " and ".join("x[i] > %g" % (k / 100) for k in range(90)), "", "[i]", lambda w: np.where(X64 > 0.89, X64 * 2, 1)),
    ("90 conditions of indices", "if %s then x[i] * a[i] else 1" % " and ".join("floor((i + 40) / %d) > 0" % k for k in range(2, 92)), A, "[i < 60]",
     lambda w: np.where(I + 40 >= 91, X64 * w["a"][:N], 1)),
    ("choices of numbers in choices", choices("x[i] < %d / 50", 70), "", "[i]", lambda w: np.where(X64 < 1.38, np.floor(X64 * 50) + 1, X64)),
    ("choices of indices in choices", choices("i < %d", 50), "", "[i]", lambda w: np.where(I < 49, I + 1, X64)),
    ("a literal of 150 elements", "[%s]" % ", ".join("x[0] * a[%d]" % k for k in range(150)), A, "", lambda w: X64[:, :1] * w["a"][:150]),
    ("150 parts in a row", "concat(%s)" % ", ".join("x * a[%d]" % k for k in range(150)), A, "", lambda w: np.concatenate([X64 * a for a in w["a"][:150]], 1)),
    ("200 brackets", "(" * 190 + "x[i]" + ")" * 190, "", "[i]", lambda w: X64),
]


def check(name, z, params, shape, expected):
    run = Run(model(z, params, shape))
    write_csv(run.path("d.csv"), {"x": X, "y": X[:, 0]})
    run.nnc("--emit=gradient")
    run.nnc("--train", "d.csv", "-q", "-o", "m.c", "-o", "m.safetensors")
    weights = read_weights(run.path("m.safetensors"))
    lines = run.nnc("--predict", "d.csv", "-q", "-o", "p.csv") or open(run.path("p.csv")).read()
    got = np.array([[float(v) for v in line.split(",")[1:]] for line in lines.splitlines()[1:]])
    run.close()
    difference = worst(got, expected(weights))
    print("%-40s %.1e" % (name, difference))
    return difference < 1e-5


def deep():
    """60 layers one after another, and a block repeated 40 times."""
    text = "model m {\n input x[%d]\n target y\n s = x%s -> repeat(40, residual(dense(8) -> tanh)) -> neuron\n loss mse(s, y)\n output t = s\n}\n%s" % (N, " -> dense(8) -> tanh" * 60, RECIPE)
    run = Run(text)
    write_csv(run.path("d.csv"), {"x": X, "y": X[:, 0]})
    run.nnc("--train", "d.csv", "-q", "-o", "m.safetensors", "-o", "m.c")
    weights = read_weights(run.path("m.safetensors"))
    run.close()
    print("%-40s %d tensors" % ("100 layers", len(weights)))
    return len(weights) == 202


good = [check(*case) for case in CASES] + [deep()]
sys.exit(0 if all(good) else "a large formula is not what it says")
