"""From start to end: processes from their start to weights written, compile time by depth, memory."""
import os
import statistics
import subprocess
import sys
import tempfile

import numpy as np

PANDAS = r"""
import time
import pandas, torch
d = pandas.read_csv("big.csv")
x, y = torch.tensor(d.iloc[:, 1:].values, dtype=torch.float32) / 255, torch.tensor(d.iloc[:, 0].values)
m = torch.nn.Sequential(torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
o = torch.optim.SGD(m.parameters(), 0.1, 0.9)
for _ in range(5):
    p = torch.randperm(len(x))
    for i in range(0, len(x), 64):
        o.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(m(x[p[i:i + 64]]), y[p[i:i + 64]]).backward()
        o.step()
torch.save(m.state_dict(), "big.pt")
"""
DENSE = """model big {
  input x[784]
  target y: class(10)
  s = x / 255 -> dense(128) -> relu -> dense(10)
  loss cross_entropy(s, y)
  output p = s -> softmax
}
train {
  optimizer sgd(rate = 0.1, momentum = 0.9)
  epochs 5
  batch 64
}
"""


# A process counts what its parent held when it was made: a small one stands between this one and what is measured.
CHILD = """
import os, sys, time
start = time.time()
quiet = os.open(os.devnull, os.O_WRONLY)
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, quiet, 1)])
_, status, usage = os.wait4(process, 0)
print(time.time() - start, usage.ru_maxrss / 1024)
sys.exit(status != 0)
"""


def run(folder, *command):
    """Seconds, and the largest resident set in MB."""
    done = subprocess.run([sys.executable, "-S", "-c", CHILD, *command], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return tuple(map(float, done.stdout.split()))


def median(folder, rounds, *command):
    found = [run(folder, *command) for _ in range(rounds)]
    return statistics.median(f[0] for f in found), max(f[1] for f in found)


def from_csv(nnc, folder, rounds):
    rng = np.random.default_rng(1)
    with open(os.path.join(folder, "big.csv"), "w") as f:
        f.write("y," + ",".join("x%d" % i for i in range(784)) + "\n")
        for _ in range(60):
            rows = np.column_stack([rng.integers(0, 10, 1000), rng.integers(0, 256, (1000, 784)) * (rng.random((1000, 784)) < 0.4)])
            f.write("\n".join(",".join(map(str, row)) for row in rows.tolist()) + "\n")
    open(os.path.join(folder, "big.nn"), "w").write(DENSE)
    open(os.path.join(folder, "big.py"), "w").write(PANDAS)
    ours = median(folder, rounds, nnc, "big.nn", "--train", "big.csv", "-o", "big.safetensors", "-q")
    rows = [("60,000 x 785 CSV, 5 epochs: nnc", "%.2f" % ours[0], "%.0f" % ours[1], "1.5 s, 400 MB")]
    if subprocess.run(["/usr/bin/python3", "-c", "import pandas, torch"], capture_output=True).returncode == 0:
        theirs = run(folder, "/usr/bin/python3", "big.py")
        rows.append(("the same by PyTorch with pandas", "%.2f" % theirs[0], "%.0f" % theirs[1], "nnc 5 times faster: it is %.1f" % (theirs[0] / ours[0])))
    return rows


def iris(nnc, folder, rounds):
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../examples")
    data = os.path.join(source, "data/iris.csv")
    command = (nnc, os.path.join(source, "iris.nn"), "--train", data, "-o", "iris.safetensors", "-q")
    cold, larger = median(folder, rounds, *command, "--no-cache")
    run(folder, *command)
    warm, memory = median(folder, rounds, *command)
    return [("iris, without the cache of code", "%.3f" % cold, "%.0f" % larger, "0.08 s"), ("iris, with it", "%.3f" % warm, "%.0f" % memory, "0.02 s")]


def deep(layers):
    return DENSE.replace("dense(128) -> relu", "dense(32) -> relu" + " -> dense(32) -> relu" * (layers - 1)).replace("epochs 5", "epochs 1")


def depth(nnc, folder, rounds):
    rows = []
    rng = np.random.default_rng(2)
    with open(os.path.join(folder, "few.csv"), "w") as f:
        for _ in range(64):
            f.write(",".join(str(v) for v in rng.integers(0, 10, 785)) + "\n")
    for layers in (1, 10, 30, 100, 300):
        open(os.path.join(folder, "deep.nn"), "w").write(deep(layers))
        cold, memory = median(folder, rounds, nnc, "deep.nn", "--train", "few.csv", "-q", "--no-cache", "-o", "deep.safetensors")
        rows.append((str(layers), "%.3f" % cold, "%.2f" % (1000 * cold / layers), "%.0f" % memory))
    return rows


def tables(nnc, quick):
    rounds = 3 if quick else 5
    with tempfile.TemporaryDirectory() as folder:
        yield "From process start to weights written", ("what", "s", "MB", "goal"), from_csv(nnc, folder, rounds) + iris(nnc, folder, rounds)
        yield "Compile time by depth: layers of 32 units, a training of one step, no cache", ("layers", "s", "ms a layer", "MB"), depth(nnc, folder, rounds)
