#!/usr/bin/python3
"""The same bits however they are computed: a hundred steps of training (of the largest model, nine) on any number of threads, with code made anew, by an earlier run, or optimised by LLVM
more or less; and prediction by nnc, by its object file and by its C. test_code.c has the ways that a run does not let one choose."""
import ctypes
import csv
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from nnc_tools import NNC

THREADS = {"": ("1", "2", "3", "4", "8"), "chunks": ("1", "3")}
ROWS, BATCH = 130, 24               # six minibatches an epoch, the last one smaller
RECIPE = "train {\n  optimizer %s\n  steps 100\n  batch %d\n  validate 10%%%%\n}\n" % ("%s", BATCH)

# name: the model, the sizes of its inputs, and the classes of its inputs and target (0: numbers)
MODELS = {
    "dense": ("model dense {\n  input x[40]\n  target y: class(6)\n  s = x -> standardize -> dense(300) -> relu -> dense(70) -> tanh -> dropout(0.1) -> dense(6)\n"
              "  loss cross_entropy(s, y)\n  output p = softmax(s)\n}\n" + RECIPE % "sgd(rate = 0.05, momentum = 0.9)", 40, 0, 6),
    "convolution": ("model convolution {\n  input x[12, 12, 2]\n  target y: class(5)\n"
                    "  s = x -> conv(16, 3, pad = 1, bias = false) -> batch_norm -> relu -> max_pool -> conv(24, 3, stride = 2) -> relu -> avg_pool -> flatten -> dense(5)\n"
                    "  loss cross_entropy(s, y)\n  output p = softmax(s)\n}\n" + RECIPE % "sgd(rate = 0.05, momentum = 0.9)", 288, 0, 5),
    "recurrence": ("model recurrence {\n  input x[10, 7]\n  target y: class(4)\n  s = x -> lstm(36) -> last -> dense(4)\n  loss cross_entropy(s, y)\n  output p = softmax(s)\n}\n"
                   + RECIPE % "adam(rate = 0.003)", 70, 0, 4),
    "attention": ("model attention {\n  input x[12]: class(20)\n  target y: class(5)\n"
                  "  s = x -> embed(24) -> position(learned = true) -> encoder_block(4, 40, rate = 0, causal = true) -> flatten -> dense(5)\n"
                  "  loss cross_entropy(s, y)\n  output p = softmax(s)\n}\n" + RECIPE % "adamw(rate = 0.003)", 12, 20, 5),
    # few channels: examples fill the lanes, in blocks of 16, the last of them short
    "channels": ("model channels {\n  input x[12, 12, 1]\n  target y: class(3)\n"
                 "  s = x -> conv(5, 3, pad = 1) -> relu -> max_pool -> conv(6, 3) -> batch_norm -> tanh -> dropout(0.1) -> flatten -> dense(3)\n"
                 "  loss cross_entropy(s, y)\n  output p = softmax(s)\n}\n" + (RECIPE % "adam(rate = 0.003)").replace("batch 24", "batch 47"), 144, 0, 3),
    # 600 rows of 512 numbers that crowd a cache: chunks of them are copied, and the last is short; where a thread's rows begin, so do its chunks
    "chunks": ("model chunks {\n  input x[25, 40]\n  target y: class(6)\n  s = x -> dense(512) -> relu -> dense(259) -> tanh -> flatten -> dense(6)\n"
               "  loss cross_entropy(s, y)\n  output p = softmax(s)\n}\n" + (RECIPE % "sgd(rate = 0.01, momentum = 0.9)").replace("steps 100", "steps 9"), 1000, 0, 6),
}


def must(condition, what):
    if not condition:
        sys.exit("not so: " + what)


def rows_of(name):
    """Rows of inputs, as the numbers that the model reads, and their class."""
    rng, (_, size, words, classes) = random.Random(name), MODELS[name]
    return [([rng.randrange(words) if words else struct.unpack("f", struct.pack("f", rng.gauss(0, 1)))[0] for _ in range(size)], i % classes) for i in range(ROWS)]


class Folder:
    """A model and its data, and runs of nnc on them; code is kept in a cache of its own."""

    def __init__(self, name):
        self.name, self.held, self.rows = name, tempfile.TemporaryDirectory(), rows_of(name)
        self.environment = dict(os.environ, XDG_CACHE_HOME=self.path("cache"))
        os.mkdir(self.path("cache"))
        with open(self.path("net.nn"), "w") as f:
            f.write(MODELS[name][0])
        with open(self.path("d.csv"), "w") as f:
            csv.writer(f).writerows([["x%d" % i for i in range(MODELS[name][1])] + ["y"]] + [["%.9g" % v for v in x] + [y] for x, y in self.rows])

    def path(self, name):
        return os.path.join(self.held.name, name)

    def bytes_of(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def nnc(self, *arguments):
        done = subprocess.run([NNC, "net.nn"] + list(arguments), cwd=self.held.name, env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit("nnc %s: exit status %d\n%s" % (" ".join(arguments), done.returncode, done.stderr))
        return done.stderr

    def train(self, *arguments):
        told = self.nnc("--train", "d.csv", "-v", *arguments)
        return self.bytes_of(self.name + ".safetensors"), "made by an earlier run" in told


def check_training(f):
    """Whoever makes the code, and whoever shares the work: one file."""
    first, _ = f.train("--no-cache", "--threads", "1")
    counts = THREADS.get(f.name, THREADS[""])
    must(len(os.listdir(f.path("cache"))) == 0, "%s: without the cache nothing is kept" % f.name)
    for threads in counts[1:]:
        must(f.train("--no-cache", "--threads", threads)[0] == first, "%s: %s threads give the bits of one, with code made anew" % (f.name, threads))
    for threads in counts:
        given, kept = f.train("--threads", threads)
        must(kept == (threads != counts[0]), "%s: the first run makes the code, the others find it" % f.name)
        must(given == first, "%s: %s threads give the bits of one, with code that is %s" % (f.name, threads, "kept" if kept else "made to be kept"))
    must(f.train("--seed", "9")[0] != first, "%s: another seed gives other weights" % f.name)
    for level in ("-O1", "-O3"):
        must(f.train("--no-cache", "--threads", "2", level)[0] == first, "%s: %s gives the bits of -O2" % (f.name, level))


def predicted_by(library, f):
    """What an exported function makes of each row, as floats."""
    function, (_, size, words, classes) = getattr(ctypes.CDLL(library), f.name + "_predict"), MODELS[f.name]
    workspace, out, all_rows = (ctypes.c_double * (1 << 17))(), (ctypes.c_float * classes)(), []
    for x, _ in f.rows:
        must(function(((ctypes.c_int32 if words else ctypes.c_float) * size)(*x), out, workspace) == 0, "%s_predict gives 0" % f.name)
        all_rows.append(struct.pack("%df" % classes, *out))
    return all_rows


def check_prediction(f):
    """The object file and the C, one example at a time, against nnc's kernels, many at a time."""
    f.nnc("--predict", "d.csv", "-o", "p.csv", "-o", "net.o", "-o", "net.c", "-o", "net.h")
    with open(f.path("p.csv")) as file:
        expected = [struct.pack("%df" % (len(row) - 1), *map(float, row[:-1])) for row in list(csv.reader(file))[1:]]
    for source, flags in (("net.o", []), ("net.c", ["-O2", "-march=native", "-ffp-contract=off"])):
        library = f.path(source.replace(".", "_") + ".so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, f.path(source)] + flags + ["-lm"], check=True)
        given = predicted_by(library, f)
        must(len(set(given)) > ROWS // 2, "%s: predictions differ from row to row" % f.name)
        must(given == expected, "%s: %s gives the bits that nnc predicts" % (f.name, source))


for name in MODELS:
    folder = Folder(name)
    check_training(folder)
    check_prediction(folder)
print("the same bits: %d models" % len(MODELS))
