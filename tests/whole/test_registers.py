#!/usr/bin/python3
"""Compilers keep the sums of a tile of the emitted C in registers: in the loop with the most multiply-adds, counted in assembly, not timed.

A vector that is added to in memory is what makes emitted C slow (gcc does that with arrays): then a load from the stack and a store to it stand beside each multiply-add.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from nnc_tools import NNC

RECIPE = "train {\n  optimizer sgd(rate = 0.01)\n  steps 1\n  batch 2\n}\n"
# name: inputs, the model
MODELS = {
    "dense": (784, "model dense {\n  input x[784]\n  target y: class(10)\n  s = x -> dense(128) -> relu -> dense(10)\n  loss cross_entropy(s, y)\n  output p = s\n}\n" + RECIPE),
    "convolution": (8192, "model convolution {\n  input x[16, 16, 32]\n  target y: class(10)\n  s = x -> conv(64, 3) -> relu -> global_avg_pool -> dense(10)\n  loss cross_entropy(s, y)\n"
                   "  output p = s\n}\n" + RECIPE),
}
MULTIPLY_ADD = re.compile(r"\tvfn?madd\w+ps\t")
STACK = re.compile(r"\(%[er][sb]p[,)]")
LEAST = 6                  # multiply-adds of the loop: fewer are no tile
MOST_OF_STACK = 0.25       # of them, accesses to the stack


def innermost_loops(lines):
    """Ranges of lines from a label to a jump back to it, with no such range inside."""
    label, loops = {}, []
    for i, line in enumerate(lines):
        here = re.match(r"(\.L\w+):", line)
        if here:
            label[here.group(1)] = i
        jump = re.match(r"\tj\w+\t(\.L\w+)", line)
        if jump and jump.group(1) in label:
            start = label[jump.group(1)]
            if not any(start <= a and b <= i for a, b in loops):
                loops.append((start, i))
    return loops


def hot_loop(assembly):
    """Multiply-adds and accesses to the stack of the loop that has the most multiply-adds."""
    lines = assembly.splitlines()
    counts = [(sum(bool(MULTIPLY_ADD.search(line)) for line in lines[a:b]), sum(bool(STACK.search(line)) for line in lines[a:b])) for a, b in innermost_loops(lines)]
    return max(counts, default=(0, 0))


def check(folder, name, compiler):
    subprocess.run([NNC, name + ".nn", "-o", name + ".c", "-o", name + ".h"], cwd=folder, check=True)
    made = subprocess.run([compiler, "-O3", "-march=x86-64-v3", "-S", "-o", "-", name + ".c"], cwd=folder, capture_output=True, text=True)
    if made.returncode:
        sys.exit("%s does not take %s.c\n%s" % (compiler, name, made.stderr))
    adds, stack = hot_loop(made.stdout)
    print("%s by %s: %d multiply-adds in the loop, %d accesses to the stack" % (name, compiler, adds, stack))
    if adds < LEAST or stack > MOST_OF_STACK * adds:
        sys.exit("the sums of the tile are not in registers")


def main():
    # what the counting must tell apart
    assert hot_loop(".L1:\n" + "\tvfmadd231ps\t%ymm1, %ymm2, %ymm3\n" * 8 + "\tjne\t.L1\n") == (8, 0)
    assert hot_loop(".L1:\n" + "\tvfmadd213ps\t32(%rsp), %ymm2, %ymm3\n\tvmovaps\t%ymm3, 32(%rsp)\n" * 8 + "\tjne\t.L1\n") == (8, 16)
    there = [c for c in ("gcc", "clang") if shutil.which(c)]
    if os.uname().machine != "x86_64" or not there:
        print("skipped: reads the assembly of x86-64, of gcc or clang")
        return
    for compiler in ("gcc", "clang"):
        if compiler not in there:
            print("skipped: no " + compiler)
    with tempfile.TemporaryDirectory() as folder:
        for name, (inputs, text) in MODELS.items():
            with open(os.path.join(folder, name + ".nn"), "w") as f:
                f.write(text)
            with open(os.path.join(folder, name + ".csv"), "w") as f:
                f.writelines(",".join(str((r + i) % 7) for i in range(inputs)) + ",%d\n" % r for r in range(4))
            subprocess.run([NNC, name + ".nn", "--train", name + ".csv", "-q"], cwd=folder, check=True)
            for compiler in there:
                check(folder, name, compiler)


main()
