"""Single products in nnc's formulas, of a model's training, beside libraries' on one thread. nnc's figure is what --profile says of the kernel."""
import glob
import os
import subprocess
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPES = [(64, 784, 128), (64, 128, 10), (127, 127, 127), (256, 256, 256), (512, 512, 512), (1000, 1000, 1000), (1024, 1024, 1024)]     # rows, summed, columns
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


MOST = {"libxsmm": 64 ** 3}       # multiply-adds that a library is made for: larger ones it leaves to a BLAS


def built(folder):
    """The program of each library that is there; None: it is not."""
    programs = {}
    for name, flags in LIBRARIES.items():
        program = os.path.join(folder, name)
        include = ["-I" + f for f in glob.glob("/usr/include/*/openblas-openmp")] + ["-L" + f for f in glob.glob("/usr/lib/*/openblas-openmp")]
        done = subprocess.run(["gcc", "-O2", *include, os.path.join(HERE, "products.c"), "-o", program, *flags], capture_output=True)
        programs[name] = program if done.returncode == 0 else None
    return programs


def ours(nnc, folder, shape, rounds):
    m, k, n = shape
    rng = np.random.default_rng(3)
    np.savetxt(os.path.join(folder, "d.csv"), rng.integers(0, 9, (m, k + 1)), "%d", ",")
    open(os.path.join(folder, "m.nn"), "w").write(MODEL % (k, k, n, 4 if m * k * n > 1e8 else 400, m))
    best = 0
    for _ in range(rounds):
        told = subprocess.run([nnc, "m.nn", "--train", "d.csv", "--threads", "1", "--profile", "-q"], cwd=folder, capture_output=True, text=True).stderr
        best = max([best] + [float(line[45:].split()[4]) for line in told.splitlines() if line.startswith("y ")])
    return best


def table(nnc, quick):
    rounds, rows = 3 if quick else 7, []
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    for library in glob.glob("/usr/lib/*/openblas-openmp"):
        environment["LD_LIBRARY_PATH"] = library + ":" + environment.get("LD_LIBRARY_PATH", "")
    with tempfile.TemporaryDirectory() as folder:
        programs = built(folder)
        for shape in SHAPES:
            m, k, n = shape
            peers = {name: float(subprocess.run([p, *map(str, shape), str(rounds)], capture_output=True, text=True, env=environment, check=True).stdout) if p and m * k * n <= MOST.get(name, m * k * n) else None
                     for name, p in programs.items()}
            mine, best = ours(nnc, folder, shape, rounds), max([r for r in peers.values() if r], default=0)
            rows.append(("%d x %d x %d" % shape, "%.1f" % mine, *("%.1f" % r if r else "no" for r in peers.values()), "%.0f %%" % (100 * mine / best) if best else ""))
    return "Products on one thread, GFLOP/s (rows x summed x columns; goal: 95 % of the best)", ("product", "nnc", *LIBRARIES, "of the best"), rows
