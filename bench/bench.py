#!/usr/bin/python3
"""Training and prediction beside PyTorch, interleaved in one run: medians of samples a second, microseconds a step, and ratios.

    bench/bench.py [--quick] [--write FILE] [NAME]...        nnc is build/nnc, or $NNC

NAME is a network of bench/models, or a part: %s. --write makes a page of the tables, and beside it growth.svg.

PyTorch runs in processes of its own, with the folder of libopenblas0-openmp in front and OMP_NUM_THREADS set. Data are random; both see the same shapes.
nnc's speed is what its log says of a training; PyTorch's is timed in a loop without a data loader: tensors in memory, rows picked by a permutation.
"""
import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import numpy as np

import convolution
import growth
import memory
import products
import whole
from networks import NETWORKS, model, speed, write_data
from tools import environment, nnc, write

TORCH = r'''
import sys, time, json, torch
name, threads, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
torch.set_num_threads(threads)
N = torch.nn
class Residual(N.Module):
    def __init__(self, a, c, stride):
        super().__init__()
        self.body = N.Sequential(N.Conv2d(a, c, 3, stride, 1, bias=False), N.BatchNorm2d(c), N.ReLU(), N.Conv2d(c, c, 3, 1, 1, bias=False), N.BatchNorm2d(c))
        self.short = N.Identity() if stride == 1 else N.Sequential(N.Conv2d(a, c, 1, stride, bias=False), N.BatchNorm2d(c))
    def forward(self, x):
        return torch.relu(self.body(x) + self.short(x))
class Recurrent(N.Module):
    def __init__(self):
        super().__init__()
        self.r, self.d = N.LSTM(32, 128, batch_first=True), N.Linear(128, 10)
    def forward(self, x):
        return self.d(self.r(x)[0][:, -1])
class Language(N.Module):
    def __init__(self):
        super().__init__()
        self.e, self.p = N.Embedding(65, 128), N.Parameter(torch.zeros(128, 128))
        self.b = N.ModuleList([N.TransformerEncoderLayer(128, 4, 512, 0.0, batch_first=True, norm_first=True) for _ in range(4)])
        self.n, self.d = N.LayerNorm(128), N.Linear(128, 65)
        self.m = torch.triu(torch.full((128, 128), float("-inf")), 1)
    def forward(self, x):
        h = self.e(x) + self.p
        for b in self.b:
            h = b(h, self.m)
        return self.d(self.n(h)).transpose(1, 2)
sgd = lambda p: torch.optim.SGD(p, 0.01, momentum=0.9)
made = {
    "small": lambda: (N.Sequential(N.Linear(4, 16), N.ReLU(), N.Linear(16, 3)), (4,), 3, 32, 6400, lambda p: torch.optim.Adam(p, 1e-3)),
    "dense": lambda: (N.Sequential(N.Linear(784, 128), N.ReLU(), N.Linear(128, 10)), (784,), 10, 64, 12800, sgd),
    "wide": lambda: (N.Sequential(N.Linear(784, 512), N.ReLU(), N.Linear(512, 512), N.ReLU(), N.Linear(512, 10)), (784,), 10, 128, 5120, sgd),
    "lenet": lambda: (N.Sequential(N.Conv2d(1, 6, 5, padding=2), N.ReLU(), N.MaxPool2d(2), N.Conv2d(6, 16, 5), N.ReLU(), N.MaxPool2d(2), N.Flatten(), N.Linear(400, 120), N.ReLU(), N.Linear(120, 84), N.ReLU(), N.Linear(84, 10)), (1, 28, 28), 10, 64, 2560, sgd),
    "resnet": lambda: (N.Sequential(N.Conv2d(3, 16, 3, 1, 1, bias=False), N.BatchNorm2d(16), N.ReLU(), *[Residual(a, c, s) for a, c, s in [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2], N.AdaptiveAvgPool2d(1), N.Flatten(), N.Linear(64, 10)), (3, 32, 32), 10, 64, 256, sgd),
    "lstm": lambda: (Recurrent(), (64, 32), 10, 64, 640, lambda p: torch.optim.Adam(p, 1e-3)),
    "transformer": lambda: (Language(), (128,), 65, 16, 64, lambda p: torch.optim.AdamW(p, 1e-3)),
}
net, shape, classes, batch, examples, optimizer = made[name]()
x = torch.randint(0, 65, (examples,) + shape) if name == "transformer" else torch.randn((examples,) + shape)
y = torch.randint(0, classes, (examples, 128) if name == "transformer" else (examples,))
step, loss = optimizer(net.parameters()), N.CrossEntropyLoss()
def epoch():
    order = torch.randperm(examples)
    for i in range(0, examples, batch):
        rows = order[i:i + batch]
        step.zero_grad(set_to_none=True)
        loss(net(x[rows]), y[rows]).backward()
        step.step()
epoch()
start, done = time.perf_counter(), 0
while time.perf_counter() - start < seconds:
    epoch()
    done += examples
speed = done / (time.perf_counter() - start)
net.eval()
one = x[:1]
with torch.inference_mode():
    for _ in range(20):
        net(one)
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < seconds / 4:
        net(one)
        calls += 1
print(json.dumps([speed, (time.perf_counter() - start) / calls * 1e6]))
'''

LATENCY = '''#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include "%(name)s.h"
static %(kind)s in[%(elements)d];
static float out[256], workspace[%(upper)s_WORKSPACE_BYTES / 4 + 1];
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec; }
int main(void)
{
    double best = 1e9;
    for (int i = 0; i < %(elements)d; i++)
        in[i] = (%(kind)s)(i %% 7);
    for (int round = 0; round < 5; round++) {
        long calls = 0;
        double start = now(), taken;
        do {
            for (int k = 0; k < 10; k++)
                %(name)s_predict(in, out, workspace);
            calls += 10;
            taken = now() - start;
        } while (taken < 0.05);
        best = taken / (double)calls < best ? taken / (double)calls : best;
    }
    printf("%%.4f\\n", best * 1e6);
    return 0;
}
'''


def latency(folder, name):
    """Microseconds of an example by the object, by C of gcc and of clang, -O3 -march=native; the best of three. None: no such compiler."""
    network = NETWORKS[name]
    symbol = "lstm_net" if name == "lstm" else name
    nnc(folder, model(name), "-o", symbol + ".c", "-o", symbol + ".h", "-o", symbol + ".o")
    write(folder, "main.c", LATENCY % {"name": symbol, "upper": symbol.upper(), "kind": "int32_t" if network.kind == "class" else "float", "elements": int(np.prod(network.shape(network.at())))})
    times = []
    for compiler, source in (("gcc", symbol + ".o"), ("gcc", symbol + ".c"), ("clang", symbol + ".c")):
        if not shutil.which(compiler):
            times.append(None)
            continue
        subprocess.run([compiler, "-O3", "-march=native", "main.c", source, "-lm", "-o", "main"], cwd=folder, check=True)
        times.append(min(float(subprocess.run(["./main"], cwd=folder, capture_output=True, text=True, check=True).stdout) for _ in range(3)))
    return times


def torch(name, threads, seconds):
    done = subprocess.run(["/usr/bin/python3", "-c", TORCH, name, str(threads), str(seconds)], env=environment(threads), capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


# name: times faster than PyTorch that are asked for on 1 and 2 threads, and microseconds of one example of the best rival known (onnxruntime, onnx2c), measured elsewhere.
GOALS = {
    "small": (250, 250, 0.023), "dense": (2.2, 3, 4.6), "wide": (1.7, 1.9, 37), "lenet": (4.5, 4.5, 21), "resnet": (1.4, 1.3, 790), "transformer": (2, 2, 3400), "lstm": (2, 3, 257),
}
STEPS = ("network", "threads", "nnc, us a step", "PyTorch, us a step", "times faster", "goal")
EXAMPLES = ("network", "object, us", "C by gcc, us", "C by clang, us", "PyTorch, us", "best rival, us")


def measure(name, rounds, seconds):
    """Rows of STEPS, and the one of EXAMPLES."""
    network = NETWORKS[name]
    with tempfile.TemporaryDirectory() as folder:
        data = write_data(folder, network, network.at(), network.examples)
        ours, theirs, other = {1: [], 2: []}, {1: [], 2: []}, []
        for _ in range(rounds):
            for threads in (1, 2):
                ours[threads].append(speed(folder, model(name), data, threads))
                found = torch(name, threads, seconds)
                if found:
                    theirs[threads].append(found[0])
                    if threads == 1:
                        other.append(found[1])
        batch, steps = network.batch, []
        for threads in (1, 2):
            mine = statistics.median(ours[threads])
            peer = statistics.median(theirs[threads]) if theirs[threads] else None
            steps.append((name, str(threads), "%.2f" % (batch / mine * 1e6), "%.2f" % (batch / peer * 1e6) if peer else "not there", "%.2f" % (mine / peer) if peer else "",
                          str(GOALS[name][threads - 1])))
        times = ["%.3f" % t if t else "not there" for t in latency(folder, name)]
        return steps, (name, *times, "%.2f" % statistics.median(other) if other else "not there", str(GOALS[name][2]))


def table(heads, rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in [heads, ["---"] * len(heads)] + rows) + "\n"


def machine():
    model = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")][:1]
    return "%s, %d cores, %d GiB" % (model[0] if model else "a processor", os.cpu_count(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30)


def page(command, parts):
    return ("# Performance\n\nMeasured on %s, on %s, by `%s`. Medians; microseconds where nothing else is said. Goals are those that the project set itself, and figures that fall short of them\n"
            "stand here like the others.\n" % (datetime.date.today(), machine(), command) + "".join("\n## %s\n\n%s" % part for part in parts))


PARTS = {"products": products.tables, "convolution": convolution.tables, "growth": growth.tables, "widths": growth.width_tables, "memory": memory.tables, "whole": whole.tables}
__doc__ %= ", ".join("`%s`" % part for part in PARTS)


def network_parts(names, quick):
    """The two tables of the networks, printed as they come."""
    steps, examples = [], []
    for name in names:
        more, one = measure(name, 3 if quick else 7, 0.5 if quick else 2.0)
        steps += more
        examples.append(one)
        print(table(STEPS, more) + table(EXAMPLES, [one]), flush=True)
    return [("Training steps", table(STEPS, steps)), ("Prediction of one example, one thread", table(EXAMPLES, examples))] if steps else []


def other_parts(names, quick):
    """The tables of the other parts, printed as they come, and the drawing of growth."""
    parts, drawing = [], None
    for name in [name for name in PARTS if name in names]:
        tables = []
        for title, heads, rows in PARTS[name](quick):
            print(title + "\n" + table(heads, rows), flush=True)
            tables.append((title, heads, rows))
        parts += [(title, table(heads, rows)) for title, heads, rows in tables]
        if name == "growth":
            drawing = growth.drawing(tables)
            parts.append(("Growth, drawn", "![GFLOP/s of a step by batch, width, depth and threads](growth.svg)\n"))
    return parts, drawing


def main():
    arguments = sys.argv[1:]
    written = arguments[arguments.index("--write") + 1] if "--write" in arguments else None
    names = [a for a in arguments if not a.startswith("-") and a != written] or [*NETWORKS, *PARTS]
    for name in names:
        if name not in NETWORKS and name not in PARTS:
            sys.exit("%s: there is no such part\n\n%s" % (name, __doc__))
    quick = "--quick" in arguments
    parts = network_parts([name for name in names if name in NETWORKS], quick)
    more, drawing = other_parts(names, quick)
    if written:
        write(".", written, page("bench/bench.py " + " ".join(arguments), parts + more))
        if drawing:
            write(os.path.dirname(written), "growth.svg", drawing)


if __name__ == "__main__":
    main()
