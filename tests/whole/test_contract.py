#!/usr/bin/python3
"""The contract of docs/c.md, sentence by sentence, on small models of many kinds: names, symbols, stack, workspace to the byte, what is refused.

Each model is trained a little and exported once; the C and objects made with several flags are called, all by that one header, with arrays that begin or end
at a page that cannot be touched, no better aligned than float. Exit 77: a compiler is missing.
"""
import csv
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

NNC = os.environ["NNC"]
FLAGS = ("-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wdouble-promotion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror").split()
STACK = 1100          # bytes, of the function, its deepest kernel and a helper

MODELS = {
    # name: (body, inputs as (name, elements, classes or 0), workspace at most)
    "names": (""" input int[2]
 input X
 input x[3]
 input int32_t
 input int_3
 input NAN
 input names_predict_k0
 input INFINITY: class(3)
 target y
 z = concat(concat(concat(int, [X, int32_t, int_3, NAN, names_predict_k0]), x), INFINITY -> embed(2)) -> neuron
 loss mse(z, y)
 output double = z
 output workspace = argmax(k: x[k])""", [("int", 2, 0), ("X", 1, 0), ("x", 3, 0), ("int32_t", 1, 0), ("int_3", 1, 0), ("NAN", 1, 0), ("names_predict_k0", 1, 0), ("INFINITY", 1, 3)], 60),
    "plain": (""" input x[4]
 target y
 z = x -> standardize -> dense(16) -> relu -> dense(3) -> tanh -> neuron
 loss mse(z, y)
 output o = z""", [("x", 4, 0)], 4 * (4 + 16)),
    "nothing": (""" input a
 input b
 target y
 param g = 1
 z = g * (sigmoid(a * 2 - b) + floor(a) + (a mod 3))
 loss mse(z, y)
 output o = z""", [("a", 1, 0), ("b", 1, 0)], 0),
    "images": (""" input x[13, 11, 3]
 target y
 h = x -> conv(5, 3, stride = 2, pad = 1) -> relu -> batch_norm -> conv_transpose(2, 3, stride = 2)
 z = concat(flatten(max_pool(h, 3, stride = 2, pad = 1)), flatten(avg_pool(h, 2))) -> neuron
 loss mse(z, y)
 output o = z
 output image = h""", [("x", 429, 0)], 4096),
    "functions": (""" input x[10]
 target y
 q[i] = if x[i] > 0 then x[i] else x[(i * 3) mod 10]
 z = exp(-abs(q)) + log(1 + abs(q)) + sin(q) + cos(q) + erf(q) + abs(q) ^ 1.3 + sqrt(abs(q)) + floor(q) -> neuron
 loss mse(z, y)
 output o = z""", [("x", 10, 0)], 160),
    "sequences": (""" input x[9, 4]
 target y
 z = concat(x -> bidirectional(gru(6), rnn(5)) -> last, x -> repeat(2, lstm(7)) -> last) -> neuron
 loss mse(z, y)
 output o = z""", [("x", 36, 0)], 8192),
    "decoding": (""" input x[6]
 target y[5]
 e = embed(3)
 d = dense(8)
 out = dense(4)
 first = x -> dense(8) -> tanh
 scores, words = scan t < 5 {
   state h[8] = first
   state word: class(4) = 1
   h' = tanh(d(concat(h, e(word))))
   s = out(h')
   word' = argmax(k: s[k])
   (s, word')
 }
 z[t < 5] = scores[t, 0]
 loss mse(z, y)
 output w of none = words
 output all = scores""", [("x", 6, 0)], 1024),
    "attention": (""" input words[9]: class(11)
 target y
 x = words -> embed(6) -> position
 seen[t < 9] = words[t] != 0
 z = encoder_block(3, 8)(x, seen) -> flatten -> neuron
 loss mse(z, y)
 output o = z""", [("words", 9, 11)], 3072),
    "dimensions": (""" input x[2, 3, 2, 3, 2]
 target y
 u[e, d, c, b, a] = x[a, b, c, d, e] * x[1 - a, 2 - b, c, d, e]
 z = flatten(u) -> neuron
 loss mse(z, y)
 output o = z
 output uu = u""", [("x", 72, 0)], 288),
    "gaps": (""" input x[4]
 target y
 z = x -> impute -> standardize -> dense(5) -> relu -> neuron -> like(y)
 loss mse(z, y)
 output o = z""", [("x", 4, 0)], 36),
}

MAIN = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "@NAME@.h"

static void *take(size_t bytes, int mode)
{
    const size_t page = 65536, total = (bytes + page - 1) / page * page;
    char *at = (char *)mmap(NULL, total + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == 0)
        return NULL;
    if (mprotect(at + page, total, PROT_READ | PROT_WRITE) != 0)
        exit(9);
    memset(at + page, 0x55, total);
    return mode ? at + page : at + page + total - bytes;
}

static int untouched(const void *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (((const unsigned char *)at)[i] != 0x55)
            return 0;
    return 1;
}

int main(int argc, char **argv)
{
    const int mode = argc > 1 && argv[1][0] == '1';
    char word[64];
@DECLARE@
    void *workspace = take(@BYTES@, mode);
    if (@BYTES@ > 0 && @NAME@_predict(@CALL@, NULL) != 1)
        return 11;
@REFUSE@
    if (!untouched(workspace, @BYTES@))
        return 13;
    for (;;) {
@READ@
        if (@NAME@_predict(@CALL@, workspace) != 0)
            return 14;
@WRITE@
        printf("\n");
    }
}
"""


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit("%s: exit status %d\n%s%s" % (" ".join(str(c) for c in command), done.returncode, done.stdout[-2000:], done.stderr[-4000:]))
    return done.stdout


def write_data(path, inputs, targets, rng):
    head = [n if e == 1 else "%s_%d" % (n, i) for n, e, _ in inputs for i in range(e)] + (["y"] if targets == 1 else ["y_%d" % i for i in range(targets)])
    rows = [[str(rng.randrange(k)) if k else "%.5f" % rng.gauss(0, 1.5) for _, e, k in inputs for _ in range(e)] for _ in range(20)]
    with open(path, "w", newline="") as f:
        csv.writer(f).writerows([head] + [r + ["%.4f" % rng.gauss(0, 1) for _ in range(targets)] for r in rows])
    return "\n".join(" ".join(r) for r in rows)


def harness(name, header):
    found = re.findall(r"(const )?(float|int32_t) (\w+)\[(\d+)\]", re.search(r"int %s_predict\((.*?)\);" % name, header, re.S).group(1))
    declare, read, write, refuse = "", "", "", ""
    for i, (given, kind, _, count) in enumerate(found):
        declare += "    %s *a%d = (%s *)take(%s * sizeof *a%d, mode);\n" % (kind, i, kind, count, i)
        if given:
            read += '        for (int i = 0; i < %s; i++) {\n            if (scanf("%%63s", word) != 1)\n                return 0;\n' % count
            read += "            a%d[i] = %s;\n        }\n" % (i, "(float)strtod(word, NULL)" if kind == "float" else "(int32_t)strtol(word, NULL, 10)")
        else:
            form = '"%.9g ", (double)' if kind == "float" else '"%d ", (int)'
            write += "        for (int i = 0; i < %s; i++)\n            printf(%sa%d[i]);\n" % (count, form, i)
            refuse += "    if (!untouched(a%d, %s * sizeof *a%d))\n        return 12;\n" % (i, count, i)
        call = ", ".join("NULL" if k == i else "a%d" % k for k in range(len(found)))
        refuse = "    if (%s_predict(%s, workspace) != 1)\n        return 15;\n" % (name, call) + refuse
    for i, (given, kind, _, count) in enumerate(found):
        if given and kind == "int32_t":        # all others are 0x55555555 anyway: out of range
            refuse = "    if (%s_predict(%s, workspace) != 1)\n        return 16;\n" % (name, ", ".join("a%d" % k for k in range(len(found)))) + refuse
    values = {"CALL": ", ".join("a%d" % i for i in range(len(found))), "BYTES": name.upper() + "_WORKSPACE_BYTES", "NAME": name, "DECLARE": declare,
              "REFUSE": refuse, "READ": read, "WRITE": write}
    return re.sub("@([A-Z]+)@", lambda match: values[match.group(1)], MAIN)


def expected(path):
    with open(path, newline="") as f:
        return [[float(v) for v in row] for row in list(csv.reader(f))[1:]]


def compare(what, text, wanted):
    given = [[float(v) for v in line.split()] for line in text.strip().split("\n")]
    largest = max(abs(v) for row in wanted for v in row)
    for a, b in zip(given, wanted, strict=True):
        for x, y in zip(a, b, strict=True):
            if not abs(x - y) <= 1e-5 * largest:
                sys.exit("%s: %.9g, nnc predicts %.9g" % (what, x, y))


def call(name, folder, compiler, what, data, wanted, *flags):
    run(compiler, "-O1", *flags, "main.c", "net.o", "-lm", "-o", "main", cwd=folder)
    for mode in "01":
        compare("%s: %s" % (name, what), run("./main", mode, cwd=folder, input=data), wanted)


def check_symbols(name, folder):
    for line in run("nm", "-g", "--defined-only", "net.o", cwd=folder).splitlines():
        if not line.split()[-1].startswith(name + "_"):
            sys.exit("%s: the symbol %s is external" % (name, line))
    for line in run("size", "-A", "net.o", cwd=folder).splitlines():
        words = line.split()
        if len(words) == 3 and re.match(r"\.(data|bss)$", words[0]) and words[1] != "0":
            sys.exit("%s: there are globals that change: %s" % (name, line))


def check_stack(name, folder, what):
    frames = {"predict": 0, "kernel": 0, "helper": 0}
    with open(os.path.join(folder, "net.su")) as f:
        for line in f:
            place, size, kind = line.rstrip().split("\t")
            part = "predict" if place.endswith("_predict") else "kernel" if re.search(r"_predict_k\d+", place) else "helper"
            frames[part] = max(frames[part], int(size))
            if kind == "dynamic":
                sys.exit("%s: %s: %s has no bound of its stack" % (name, what, place))
    if sum(frames.values()) >= STACK:
        sys.exit("%s: %s: %d bytes of stack" % (name, what, sum(frames.values())))


def check_alone(name, folder, compiler, data, wanted):
    """Without a header asked for, the C stands alone."""
    sanitized = ["-fsanitize=address,undefined", "-fno-sanitize-recover"]
    os.mkdir(os.path.join(folder, "alone"))
    run(NNC, "m.nn", "-o", "alone/net.c", cwd=folder)
    for flags in ([], ["-O2"], ["-O1", *sanitized]):
        run(compiler, *FLAGS, *flags, "-c", "net.c", "-o", "../net.o", cwd=os.path.join(folder, "alone"))
    call(name, folder, compiler, "C alone", data, wanted, *sanitized)


def check(name, folder, compilers):
    body, inputs, most = MODELS[name]
    targets = 5 if "target y[5]" in body else 1
    with open(os.path.join(folder, "m.nn"), "w") as f:
        f.write("model %s {\n%s\n}\ntrain { optimizer adam(rate = 0.01)\n epochs 2\n batch 8 }\n" % (name, body))
    data = write_data(os.path.join(folder, "d.csv"), inputs, targets, random.Random(3))
    run(NNC, "m.nn", "--train", "d.csv", "-q", "-o", name + ".c", "-o", name + ".h", cwd=folder)
    run(NNC, "m.nn", "--predict", "d.csv", "-q", "-o", "p.csv", cwd=folder)
    wanted = expected(os.path.join(folder, "p.csv"))
    header = open(os.path.join(folder, name + ".h")).read()
    workspace, weights = (int(re.search("_%s_BYTES (\\d+)" % what, header).group(1)) for what in ("WORKSPACE", "WEIGHT"))
    if workspace > most:
        sys.exit("%s: a workspace of %d bytes, %d would do" % (name, workspace, most))
    if "weights %d bytes, workspace of one prediction %d bytes" % (weights, workspace) not in run(NNC, "m.nn", cwd=folder):
        sys.exit("%s: the summary does not tell the header's sizes" % name)
    with open(os.path.join(folder, "main.c"), "w") as f:
        f.write(harness(name, header))
    for compiler in compilers:
        for flags in (["-O2"], ["-Os"]):
            run(compiler, *FLAGS, *flags, "-fstack-usage", "-c", name + ".c", "-o", "net.o", cwd=folder)
            check_symbols(name, folder)
            check_stack(name, folder, "%s %s" % (compiler, flags[0]))
            call(name, folder, compiler, "C by %s %s" % (compiler, flags[0]), data, wanted)
        run(compiler, "-x", "c++", "-fsyntax-only", "-Wall", "-Wextra", "-pedantic", "-Werror", name + ".h", cwd=folder)
    check_alone(name, folder, compilers[0], data, wanted)
    for flags in (["-O0"], ["-O3"], ["--target", "x86_64-linux-gnu"]) if os.uname().machine == "x86_64" else (["-O0"], ["-O3"]):
        run(NNC, "m.nn", *flags, "-o", "net.o", cwd=folder)
        check_symbols(name, folder)
        call(name, folder, compilers[0], "object by %s" % " ".join(flags), data, wanted, "-pie")
    print(name, "holds")


def main():
    compilers = [c for c in ("gcc", "clang") if shutil.which(c)]
    if not compilers or not shutil.which("g++"):
        print("skipped: gcc or clang is needed, and g++")
        sys.exit(77)
    for name in sys.argv[1:] or MODELS:
        with tempfile.TemporaryDirectory() as folder:
            check(name, folder, compilers)


main()
