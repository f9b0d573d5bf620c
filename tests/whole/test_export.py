#!/usr/bin/python3
"""The emitted C and objects: compiled as the contract says, run against nnc's own predictions, under sanitizers, for other machines.

For each model: trained a little, exported, and called from a C program on the examples that `--predict` also gets. Exit 77: a compiler is missing.
"""
import csv
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile

NNC = os.environ["NNC"]
FLAGS = "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wdouble-promotion -Werror".split()

MODELS = {
    # name: (model text, inputs as (name, elements, kind), outputs as (name, elements), number of examples)
    "iris": ("""model iris {
  input x[4]
  target species: class
  h = x -> standardize -> dense(16) -> relu
  scores = h -> dense(3)
  loss cross_entropy(scores, species)
  output p = softmax(scores)
}
train { optimizer adam(rate = 0.01)
 epochs 5
 batch 16 }
""", [("x", 4, "real")], [("p", 3)], 60),
    "lenet": ("""model lenet {
  input image[28, 28, 1]
  target digit: class(10)
  scores = image / 255 -> conv(6, 5, pad = 2) -> relu -> max_pool -> conv(16, 5) -> relu -> max_pool
             -> flatten -> dense(120) -> relu -> dense(84) -> relu -> dense(10)
  loss cross_entropy(scores, digit)
  output p = softmax(scores)
}
train { optimizer sgd(rate = 0.01)
 epochs 1
 batch 8 }
""", [("image", 784, "byte")], [("p", 10)], 16),
    "recurrent": ("""model recurrent {
  input x[12, 3]
  target y
  z = x -> lstm(8) -> last -> neuron
  loss mse(z, y)
  output value = z
}
train { optimizer adam(rate = 0.01)
 epochs 2
 batch 8 }
""", [("x", 36, "real")], [("value", 1)], 24),
    "mixed": ("""model mixed {
  input a[3]
  input colour: class(5)
  input gap
  target y: class(4)
  v = colour -> embed(6)
  filled = [if missing(gap) then 0 else gap]
  h = concat(concat(a, v), filled) -> dense(10) -> tanh
  s = h -> dense(4)
  loss cross_entropy(s, y)
  output p = softmax(s)
  output norm = sqrt(sum(i: h[i] * h[i]))
}
train { optimizer adam(rate = 0.01)
 epochs 3
 batch 8 }
""", [("a", 3, "real"), ("colour", 5, "class"), ("gap", 1, "gap")], [("p", 4), ("norm", 1)], 40),
}


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit("%s\n%s%s" % (" ".join(str(c) for c in command), done.stdout[-4000:], done.stderr[-8000:]))
    return done.stdout


def cell(kind, rng):
    if kind == "byte":
        return str(rng.randrange(256))
    if kind == "gap" and rng.random() < 0.3:
        return ""
    return "%.4f" % rng.gauss(0, 1)


def write_data(path, model, rng):
    text, inputs, outputs, count = model
    target = "y" if "target y" in text else "species" if "species" in text else "digit"
    classes = {"species": ["setosa", "versicolor", "virginica"], "digit": [str(i) for i in range(10)]}.get(target)
    if "y: class(4)" in text:
        classes = [str(i) for i in range(4)]
    columns = []
    for name, elements, kind in inputs:
        columns += [name] if kind in ("class", "gap") else ["%s%d" % (name, i) for i in range(elements)]
    rows = []
    for example in range(count):
        row = []
        for name, elements, kind in inputs:
            row += [str(rng.randrange(elements))] if kind == "class" else [cell(kind, rng) for _ in range(elements)]
        label = classes[example % len(classes)] if classes else "%.4f" % rng.gauss(0, 1)
        rows.append(row + [label])
    with open(path, "w", newline="") as f:
        csv.writer(f).writerows([columns + [target]] + rows)
    return rows


def c_number(text, kind):
    if kind == "class":
        return text
    return "NAN" if text == "" else repr(float(text)) + "f"


def harness(name, model, rows):
    """A program that calls the function for each example and prints its outputs."""
    inputs, outputs = model[1], model[2]
    lines = ['#include <math.h>', '#include <stdio.h>', '#include <stdint.h>', '#include "%s.h"' % name, "int main(void)", "{",
             "    static float workspace[%s_WORKSPACE_BYTES / 4 + 1];" % name.upper()]
    for number, (input_name, elements, kind) in enumerate(inputs):
        c_type, width = ("int32_t", 1) if kind == "class" else ("float", 1 if kind == "gap" else elements)
        offset = sum(1 if k in ("class", "gap") else e for _, e, k in inputs[:number])
        values = ["{" + ", ".join(c_number(v, kind) for v in row[offset:offset + width]) + "}" for row in rows]
        lines.append("    static const %s in%d[%d][%d] = {%s};" % (c_type, number, len(rows), width, ", ".join(values)))
    for number, (output_name, elements) in enumerate(outputs):
        lines.append("    float out%d[%d];" % (number, elements))
    arguments = []
    for number, (input_name, elements, kind) in enumerate(inputs):
        arguments.append("in%d[e]" % number)
    arguments += ["out%d" % number for number in range(len(outputs))] + ["workspace"]
    lines += ["    for (int e = 0; e < %d; e++) {" % len(rows), "        if (%s_predict(%s) != 0)" % (name, ", ".join(arguments)), "            return 1;"]
    for number, (output_name, elements) in enumerate(outputs):
        lines.append('        for (int i = 0; i < %d; i++)\n            printf("%%.9g ", (double)out%d[i]);' % (elements, number))
    lines += ['        printf("\\n");', "    }", "    return 0;", "}", ""]
    return "\n".join(lines)


def is_number(text):
    try:
        float(text)
        return True
    except ValueError:
        return False


def predictions(path, outputs):
    """The numbers of nnc's own predictions, without the columns of class names."""
    with open(path, newline="") as f:
        table = list(csv.reader(f))
    keep = [i for i, head in enumerate(table[0]) if head not in ("species", "digit", "y")]
    return [[float(row[i]) for i in keep] for row in table[1:]]


def compare(what, text, expected):
    given = [[float(v) for v in line.split()] for line in text.strip().split("\n")]
    if len(given) != len(expected):
        sys.exit("%s: %d rows for %d" % (what, len(given), len(expected)))
    largest = max(abs(v) for row in expected for v in row)
    for e, (a, b) in enumerate(zip(given, expected)):
        for i, (x, y) in enumerate(zip(a, b)):
            if not abs(x - y) <= 1e-5 * largest:
                sys.exit("%s: example %d, element %d: %.9g, nnc predicts %.9g" % (what, e, i, x, y))


def compilers():
    found = [c for c in ["gcc", "clang"] + ["clang-%d" % v for v in range(22, 18, -1)] if shutil.which(c)]
    return [c for c in found if c == "gcc"][:1] + [c for c in found if c.startswith("clang")][:1]


def check_symbols(name, object_file):
    for line in run("nm", "-g", "--defined-only", object_file).splitlines():
        symbol = line.split()[-1]
        if not symbol.startswith(name + "_"):
            sys.exit("%s: the symbol %s is external" % (object_file, symbol))
    allowed = {"memcpy", "memset", "memmove"}
    for line in run("nm", "-u", object_file).splitlines():
        symbol = line.split()[-1]
        if symbol not in allowed and not symbol.startswith("_GLOBAL_OFFSET") and symbol.rstrip("f") not in (
                "exp", "log", "tanh", "sin", "cos", "erf", "pow", "sqrt", "floor", "fma", "fmod", "fmax", "fmin", "fabs", "trunc", "rint"):
            sys.exit("%s needs the symbol %s" % (object_file, symbol))


def check_host(name, folder, expected):
    for compiler in compilers():
        for extra in ([], ["-O3", "-march=native"], ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]):
            run(compiler, *FLAGS, "-O2", *extra, "-c", name + ".c", "-o", "net.o", cwd=folder)
            if "-g" not in extra:
                check_symbols(name, os.path.join(folder, "net.o"))
            run(compiler, "-O1", *extra, "main.c", "net.o", "-lm", "-o", "main", cwd=folder)
            compare("%s: C by %s %s" % (name, compiler, " ".join(extra)), run("./main", cwd=folder), expected)
        run(compiler, "-O1", "main.c", name + ".o", "-lm", "-o", "main", cwd=folder)
        compare("%s: object with %s" % (name, compiler), run("./main", cwd=folder), expected)
    check_symbols(name, os.path.join(folder, name + ".o"))
    run("gcc", "-x", "c++", "-fsyntax-only", "-Wall", "-Werror", name + ".h", cwd=folder)


def check_arm64(name, folder, model_file, expected):
    if not shutil.which("aarch64-linux-gnu-gcc") or not shutil.which("qemu-aarch64"):
        print("skipped: aarch64-linux-gnu-gcc and qemu-aarch64 are needed to run %s for aarch64" % name)
        return
    run("aarch64-linux-gnu-gcc", *FLAGS, "-O2", "-c", name + ".c", "-o", "net64.o", cwd=folder)
    run("aarch64-linux-gnu-gcc", "-O2", "-static", "main.c", "net64.o", "-lm", "-o", "main64", cwd=folder)
    compare(name + ": C for aarch64", run("qemu-aarch64", "./main64", cwd=folder), expected)
    run(NNC, model_file, "--target", "aarch64-linux-gnu", "-o", "object64.o", cwd=folder)
    run("aarch64-linux-gnu-gcc", "-O2", "-static", "main.c", "object64.o", "-lm", "-o", "main64", cwd=folder)
    compare(name + ": object for aarch64", run("qemu-aarch64", "./main64", cwd=folder), expected)


START = """extern int main(void);
void _exit(int status) { (void)status; for (;;) { } }
void _start(void) { main(); for (;;) { } }
"""


def check_thumb(name, folder, model_file):
    """Links for a Cortex-M4F; the code alone (not the weights) under 20 KB at -Os."""
    if not shutil.which("arm-none-eabi-gcc"):
        print("skipped: arm-none-eabi-gcc is needed to link %s for thumbv7em" % name)
        return
    machine = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
    run("arm-none-eabi-gcc", *machine, *FLAGS, "-Os", "-c", name + ".c", "-o", "thumb.o", cwd=folder)
    run(NNC, model_file, "--target", "thumbv7em-none-eabihf", "-mcpu=cortex-m4", "-o", "object_thumb.o", cwd=folder)
    with open(os.path.join(folder, "start.c"), "w") as f:
        f.write('#include "%s.h"\n%sint main(void) { return %s_predict != 0; }\n' % (name, START, name))
    for object_file in ("thumb.o", "object_thumb.o"):
        run("arm-none-eabi-gcc", *machine, "-nostartfiles", "start.c", object_file, "-lm", "-o", "thumb.elf", cwd=folder)
        code = sum(int(line.split()[1]) for line in run("arm-none-eabi-size", "-A", object_file, cwd=folder).splitlines() if line.startswith(".text"))
        print("%s: %s: %d bytes of code" % (name, object_file, code))
        if code >= 20 * 1024:
            sys.exit("%s: %s has %d bytes of code" % (name, object_file, code))


def check(name, model, folder):
    rng = random.Random(7)
    model_file = os.path.join(folder, name + ".nn")
    with open(model_file, "w") as f:
        f.write(model[0])
    rows = write_data(os.path.join(folder, "data.csv"), model, rng)
    run(NNC, model_file, "--train", "data.csv", "-q", "-o", name + ".c", "-o", name + ".h", "-o", name + ".o", cwd=folder)
    run(NNC, model_file, "--predict", "data.csv", "-o", "predicted.csv", "-q", cwd=folder)
    expected = predictions(os.path.join(folder, "predicted.csv"), model[2])
    with open(os.path.join(folder, "main.c"), "w") as f:
        f.write(harness(name, model, rows))
    check_host(name, folder, expected)
    if name in ("lenet", "recurrent"):
        check_arm64(name, folder, model_file, expected)
        check_thumb(name, folder, model_file)
    print(name, "holds")


def main():
    if len(compilers()) < 2:
        print("skipped: gcc and clang are needed")
        sys.exit(77)
    for name, model in MODELS.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            check(name, model, folder)


main()
