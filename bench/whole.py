"""From start to end: processes from their start to the first step and to weights written, compile time by depth, memory."""
import os
import statistics
import subprocess
import sys
import tempfile

import numpy as np

from networks import NETWORKS, model, write_data
from tools import HERE, NNC, median, run, write

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


def from_csv(folder, rounds):
    rng = np.random.default_rng(1)
    with open(os.path.join(folder, "big.csv"), "w") as f:
        f.write("y," + ",".join("x%d" % i for i in range(784)) + "\n")
        for _ in range(60):
            rows = np.column_stack([rng.integers(0, 10, 1000), rng.integers(0, 256, (1000, 784)) * (rng.random((1000, 784)) < 0.4)])
            f.write("\n".join(",".join(map(str, row)) for row in rows.tolist()) + "\n")
    write(folder, "big.nn", DENSE)
    write(folder, "big.py", PANDAS)
    ours = median(folder, rounds, NNC, "big.nn", "--train", "big.csv", "-o", "big.safetensors", "-q")
    rows = [("60,000 x 785 CSV, 5 epochs: nnc", "%.2f" % ours[0], "%.0f" % ours[1], "1.5 s, 400 MB")]
    if subprocess.run(["/usr/bin/python3", "-c", "import pandas, torch"], capture_output=True).returncode == 0:
        theirs = run(folder, "/usr/bin/python3", "big.py")
        rows.append(("the same by PyTorch with pandas", "%.2f" % theirs[0], "%.0f" % theirs[1], "nnc 5 times faster: it is %.1f" % (theirs[0] / ours[0])))
    return rows


def iris(folder, rounds):
    source = os.path.join(HERE, "../examples")
    data = os.path.join(source, "data/iris.csv")
    command = (NNC, os.path.join(source, "iris.nn"), "--train", data, "-o", "iris.safetensors", "-q")
    cold, larger = median(folder, rounds, *command, "--no-cache")
    run(folder, *command)
    warm, memory = median(folder, rounds, *command)
    return [("iris, without the cache of code", "%.3f" % cold, "%.0f" % larger, "0.08 s"), ("iris, with it", "%.3f" % warm, "%.0f" % memory, "0.02 s")]


def deep(layers):
    return DENSE.replace("dense(128) -> relu", "dense(32) -> relu" + " -> dense(32) -> relu" * (layers - 1)).replace("epochs 5", "epochs 1")


def depth(folder, rounds):
    rows = []
    rng = np.random.default_rng(2)
    with open(os.path.join(folder, "few.csv"), "w") as f:
        for _ in range(64):
            f.write(",".join(str(v) for v in rng.integers(0, 10, 785)) + "\n")
    for layers in (1, 10, 30, 100, 300):
        write(folder, "deep.nn", deep(layers))
        cold, memory = median(folder, rounds, NNC, "deep.nn", "--train", "few.csv", "-q", "--no-cache", "-o", "deep.safetensors")
        rows.append((str(layers), "%.3f" % cold, "%.2f" % (1000 * cold / layers), "%.0f" % memory))
    return rows


# The log's first line comes when the first step, which is the first epoch, is done and measured.
FIRST = """
import subprocess, sys, time
start = time.time()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
process.stdout.readline()
print(time.time() - start)
process.stdout.read()
sys.exit(process.wait() != 0)
"""


def first_step(folder, rounds):
    network = NETWORKS["dense"]
    data = write_data(folder, network, network.at(), network.batch)
    command = (NNC, model("dense"), "--train", data, "-R", "measure 1 epoch", "--epochs", "1", "--log", "-", "-o", "dense.safetensors", "-q")
    run(folder, *command)
    found = []
    for _ in range(10 * rounds):
        done = subprocess.run([sys.executable, "-S", "-c", FIRST, *command], cwd=folder, capture_output=True, text=True, check=True)
        found.append(1000 * float(done.stdout))
    return [("784-128-10, 64 rows", "%.1f" % statistics.median(found), "%.1f" % min(found), "10")]


def tables(quick):
    rounds = 3 if quick else 5
    with tempfile.TemporaryDirectory() as folder:
        yield "From process start to weights written", ("what", "s", "MB", "goal"), from_csv(folder, rounds) + iris(folder, rounds)
        yield "From process start to the first step done, code in the cache", ("what", "ms", "the shortest, ms", "goal"), first_step(folder, rounds)
        yield "Compile time by depth: layers of 32 units, a training of one step, no cache", ("layers", "s", "ms a layer", "MB"), depth(folder, rounds)
