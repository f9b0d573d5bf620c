"""Single products in nnc's formulas, of a model's training, beside libraries'. nnc's figure is what --profile says of the kernel."""
import os
import tempfile

import numpy as np

from tools import output, profile, program, write, write_idx

SHAPES = [(64, 784, 128), (64, 128, 10), (127, 127, 127), (256, 256, 256), (512, 512, 512), (1000, 1000, 1000), (1024, 1024, 1024), (2048, 2048, 2048)]     # rows, summed, columns
LIBRARIES = {"OpenBLAS": ["-DOPENBLAS", "-lopenblas"], "oneDNN": ["-DDNNL", "-ldnnl"], "libxsmm": ["-DXSMM", "-lxsmm", "-lxsmmnoblas", "-ldl", "-lm", "-lpthread"]}
MODEL = """model product {
  input x[%d]
  target t
  param w[%d, %d] ~ normal(0, 0.01)
  y[j] = sum(k: x[k] * w[k, j])
  s = sum(j: y[j]) / 1000
  loss mse(s, t)
  output p = s
}
train {
  optimizer sgd(rate = 0)
  epochs %d
  batch %d
}
"""


def is_for(library, shape, threads):
    """libxsmm is made for small products on one thread; larger ones it leaves to a BLAS."""
    m, k, n = shape
    return library != "libxsmm" or (m * k * n <= 64 ** 3 and threads == 1)


def ours(folder, shape, threads, rounds):
    """GFLOP/s, the best round."""
    m, k, n = shape
    rng = np.random.default_rng(3)
    write_idx(os.path.join(folder, "x.idx"), rng.integers(0, 9, (m, k)))
    write_idx(os.path.join(folder, "t.idx"), rng.integers(0, 9, m))
    write(folder, "m.nn", MODEL % (k, k, n, 4 if m * k * n > 1e8 else 400, m))
    return max(2e-9 * m * k * n / profile(folder, "m.nn", "x.idx,t.idx", threads)["y"] for _ in range(rounds))


def row(folder, programs, shape, threads, rounds):
    theirs = {name: float(output([p, *map(str, shape), str(rounds)], threads)) if p and is_for(name, shape, threads) else None for name, p in programs.items()}
    mine, best = ours(folder, shape, threads, rounds), max([r for r in theirs.values() if r], default=0)
    return ("%d x %d x %d" % shape, str(threads), "%.1f" % mine, *("%.1f" % r if r else "no" for r in theirs.values()), "%.0f %%" % (100 * mine / best) if best else "")


def tables(quick):
    with tempfile.TemporaryDirectory() as folder:
        programs = {name: program(folder, name, "products.c", flags) for name, flags in LIBRARIES.items()}
        rows = [row(folder, programs, shape, threads, 3 if quick else 7) for shape in SHAPES for threads in (1, 2)]
    yield "Products, GFLOP/s (rows x summed x columns; goal: 95 % of the best)", ("product", "threads", "nnc", *LIBRARIES, "of the best"), rows
