#!/usr/bin/python3
"""Every example in the documents: ```nn blocks elaborate (definitions with a model behind them), README's commands run as they stand."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

NNC = os.environ["NNC"]
ROOT = os.path.abspath(os.environ.get("NNC_SOURCE_DIR", "."))
MODEL = "\nmodel m {\n  input x[2]\n  target y\n  z = x -> neuron\n  loss mse(z, y)\n}\ntrain {\n  optimizer sgd(rate = 0.1)\n  epochs 1\n}\n"


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode != 0:
        sys.exit("%s: exit status %d\n%s%s" % (command, done.returncode, done.stdout, done.stderr))
    return done.stdout


def check_blocks(path, folder):
    text = open(path).read()
    blocks = re.findall(r"^```nn\n(.*?)^```$", text, re.M | re.S)
    for number, block in enumerate(blocks, 1):
        name = os.path.join(folder, "%s_%d.nn" % (os.path.basename(path), number))
        if not re.search(r"^model ", block, re.M):
            block += MODEL
        elif not re.search(r"^train ", block, re.M):
            block += "\ntrain {\n  optimizer sgd(rate = 0.1)\n  epochs 1\n}\n"
        with open(name, "w") as f:
            f.write(block)
        run([NNC, name, "--check"])
    return len(blocks)


def check_c(folder):
    """docs/c.md's program, as C and as C++, with the iris.c that the README's commands left."""
    text = open(os.path.join(ROOT, "docs/c.md")).read()
    program = re.search(r"^```c\n(#include .*?)^```$", text, re.M | re.S).group(1)
    with open(os.path.join(folder, "flower.c"), "w") as f:
        f.write(program)
    run(["gcc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", "iris.c"], cwd=folder)
    for compiler in (["gcc", "-std=c99"], ["g++", "-x", "c++"]):
        run(compiler + ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", "flower.c"], cwd=folder)
        run([compiler[0], "flower.o", "iris.o", "-lm", "-o", "flower"], cwd=folder)
        if "setosa" not in run(["./flower"], cwd=folder):
            sys.exit("the program of docs/c.md does not print setosa")


def check_library():
    """docs/language.md has each definition of the library, with its settings and inputs as they are."""
    told = open(os.path.join(ROOT, "docs/language.md")).read()
    lists = r"(?:\((?:[^()]|\([^()]*\))*\))*"
    count = 0
    for path in sorted(glob.glob(os.path.join(ROOT, "library/*.nn"))):
        for kind, head in re.findall(r"^(fn|layer|init|optimizer) (\w+%s)" % lists, open(path).read(), re.M):
            wanted = head.replace("(w, g)", "") if kind == "optimizer" else head
            if "`%s`" % wanted not in told:
                sys.exit("docs/language.md lacks `%s` of %s" % (wanted, os.path.basename(path)))
            count += 1
    return count


def check_readme(folder):
    """Its `$ nnc` lines, one after another, in a folder with the examples and files of the names that it takes for granted."""
    shutil.copytree(os.path.join(ROOT, "examples"), os.path.join(folder, "examples"), ignore=shutil.ignore_patterns("out"))
    for name in ("held_out.csv", "new.csv"):
        shutil.copy(os.path.join(ROOT, "examples/data/iris.csv"), os.path.join(folder, name))
    lines = re.findall(r"^    \$ nnc (.*)$", open(os.path.join(ROOT, "README.md")).read(), re.M)
    for line in lines:
        run("%s %s" % (NNC, line), shell=True, cwd=folder)
    snippet = re.search(r"^```c\n(.*?)^```$", open(os.path.join(ROOT, "README.md")).read(), re.M | re.S).group(1)
    include, body = snippet.split("\n\n", 1)
    with open(os.path.join(folder, "use.c"), "w") as f:
        f.write("#include <stdio.h>\n%s\nint main(void)\n{\n%s\nreturn 0;\n}\n" % (include, body))
    run(["gcc", "-Wall", "-Wextra", "-Werror", "use.c", "iris.c", "-lm", "-o", "use"], cwd=folder)
    if "setosa" not in run(["./use"], cwd=folder):
        sys.exit("README's C does not print the class")
    check_c(folder)
    return len(lines)


def main():
    with tempfile.TemporaryDirectory() as folder:
        blocks = sum(check_blocks(path, folder) for path in [os.path.join(ROOT, "README.md")] + sorted(glob.glob(os.path.join(ROOT, "docs/*.md"))))
        lines = check_readme(folder)
    definitions = check_library()
    if blocks < 5 or lines < 5 or definitions < 100:
        sys.exit("only %d blocks, %d commands and %d definitions were found" % (blocks, lines, definitions))
    print("%d blocks, %d commands, %d definitions" % (blocks, lines, definitions))


main()
