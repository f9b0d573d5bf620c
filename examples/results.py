#!/usr/bin/python3
"""The results that README quotes: trains each example, prints its command and what it reached, and fails where that is below the bar.

    examples/results.py [NAME]...        nnc is build/nnc, or $NNC; data outside the repository are found through NNC_TEST_DATA

Tables are run a second time with their columns in another order and their labels as words, which must give the same numbers.
"""
import csv
import gzip
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NNC = os.path.abspath(os.environ.get("NNC", os.path.join(HERE, "../build/nnc")))
DATA = os.environ.get("NNC_TEST_DATA", "")
failures = []


def outside(*names):
    """Paths in NNC_TEST_DATA, or None with a word."""
    paths = [os.path.join(DATA, name) for name in names]
    if not DATA or not all(os.path.exists(p) for p in paths):
        print("skipped: %s is not in NNC_TEST_DATA" % names[0])
        return None
    return paths


def run(folder, *arguments):
    """The `name value` lines that nnc prints; what it says besides goes to *said."""
    done = subprocess.run([NNC] + [str(a) for a in arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit("nnc %s: exit status %d\n%s" % (" ".join(map(str, arguments)), done.returncode, done.stderr))
    values = {}
    for line in done.stdout.splitlines():
        name, value = line.split()
        values[name] = float(value)
    last = [line for line in done.stderr.splitlines() if line.startswith("epoch")]
    words = last[-1].split() if last else []
    values.update({words[i]: float(words[i + 1]) for i in range(2, len(words) - 1) if words[i].startswith("valid_")})
    return values


def told(what, value, form, bar=None, below=False):
    good = bar is None or (value < bar if below else value >= bar)
    print("%-58s %s%s" % (what, form % value, "" if good else "   below the bar of " + form % bar if not below else "   not under " + form % bar))
    if not good:
        failures.append(what)


def model(folder, name, *changes):
    """The example's text, changed, in the folder."""
    text = open(os.path.join(HERE, name + ".nn")).read()
    for old, new in changes:
        if old not in text:
            sys.exit("%s.nn has no %s" % (name, old))
        text = text.replace(old, new)
    path = os.path.join(folder, name + ".nn")
    with open(path, "w") as f:
        f.write(text)
    return path


def read_table(path, names=None):
    with open(path, newline="") as f:
        rows = list(csv.reader(f))
    return (names, rows) if names else (rows[0], rows[1:])


def write_table(path, names, rows):
    with open(path, "w", newline="") as f:
        csv.writer(f).writerows([names] + rows)
    return path


def turned(names, rows, label=None, front_only=False):
    """Columns back to front, or the label in front of the rest; labels as words that sort as the labels do."""
    order = list(range(len(names)))[::-1]
    at = names.index(label) if label else -1
    if front_only:
        order = [at] + [i for i in range(len(names)) if i != at]
    word = {value: "word_%s" % value.rjust(3, "0") if value.isdigit() else "word_" + value for value in {row[at] for row in rows}} if label else {}
    return [names[i] for i in order], [[word[row[i]] if label and i == at and row[i] else row[i] for i in order] for row in rows]


def same(what, a, b):
    if a != b:
        print("%-58s %s, and %s turned" % (what, a, b))
        failures.append(what + " turned")
    else:
        print("%-58s the same with columns in another order, labels as words" % what)


def iris(folder):
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    table = read_table(os.path.join(HERE, "data/iris.csv"), names)
    path = model(folder, "iris", ("input  x[4]", 'input  x[4] from "sepal_length", "sepal_width", "petal_length", "petal_width"'))
    plain, other = write_table(os.path.join(folder, "a.csv"), *table), write_table(os.path.join(folder, "b.csv"), *turned(*table, label="species"))
    settings = ["-R", "test 20%", "-q", "--seed"]
    reached = [run(folder, path, "--train", plain, *settings, seed)["accuracy"] for seed in range(1, 11)]
    told("iris: accuracy on a held-out fifth, mean of ten seeds", sum(reached) / 10, "%.3f", 0.95)
    same("iris", reached[:3], [run(folder, path, "--train", other, *settings, seed)["accuracy"] for seed in range(1, 4)])
    start = time.time()
    run(folder, os.path.join(HERE, "iris.nn"), "--train", os.path.join(HERE, "data/iris.csv"), "-q")
    told("iris: from start to weights written, seconds", time.time() - start, "%.2f")


def optdigits(folder):
    parts = [os.path.join(HERE, "data/optdigits." + part) for part in ("tra", "tes")]
    path = os.path.join(HERE, "optdigits.nn")
    plain = run(folder, path, "--train", parts[0], "--test", parts[1], "-q")["accuracy"]
    told("optdigits: accuracy on the test file", plain, "%.4f", 0.97)
    path = model(folder, "optdigits", ("target digit: class(10)", 'target digit: class(10) from "Class"'))
    files = [write_table(os.path.join(folder, str(i)), *turned(*read_table(part), label="Class", front_only=True)) for i, part in enumerate(parts)]
    same("optdigits", plain, run(folder, path, "--train", files[0], "--test", files[1], "-q")["accuracy"])


def images_as_table(folder, images, labels):
    """IDX files as a CSV: the label in front, as a word, then the pixels back to front."""
    with gzip.open(images) as f:
        pixels = f.read()[16:]
    with gzip.open(labels) as f:
        digits = f.read()[8:]
    path = os.path.join(folder, os.path.basename(images) + ".csv")
    with open(path, "w") as f:
        f.write("digit," + ",".join("p%d" % i for i in reversed(range(784))) + "\n")
        text = [str(v) for v in range(256)]
        for i, digit in enumerate(digits):
            f.write("digit_%d," % digit + ",".join([text[v] for v in reversed(pixels[784 * i:784 * i + 784])]) + "\n")
    return path


def mnist(folder):
    found = outside(*["mnist/%s-ubyte.gz" % n for n in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")])
    if not found:
        return
    files = ["--train", ",".join(found[:2]), "--test", ",".join(found[2:]), "-q"]
    table = ["--train", images_as_table(folder, *found[:2]), "--test", images_as_table(folder, *found[2:]), "-q"]
    for name, what, bar in (("mnist", "MNIST: 784-128-10, five epochs", 0.975), ("lenet5", "MNIST: LeNet-5", 0.988)):
        plain = run(folder, os.path.join(HERE, name + ".nn"), *files)["accuracy"]
        told(what + ", accuracy", plain, "%.4f", bar)
        path = model(folder, name, ("input  image[28, 28, 1]", "input  image[28, 28, 1] from " + ", ".join('"p%d"' % i for i in range(784))))
        same(what, plain, run(folder, path, *table)["accuracy"])


def housing(folder):
    found = outside("tabular/california_housing.csv")
    if not found:
        return
    other = write_table(os.path.join(folder, "b.csv"), *turned(*read_table(found[0])))
    line = run(folder, os.path.join(HERE, "housing_linear.nn"), "--train", found[0], "-q")["rmse"]
    plain = run(folder, os.path.join(HERE, "housing.nn"), "--train", found[0], "-q")["rmse"]
    told("California housing: RMSE of a linear model", line, "%.0f")
    told("California housing: RMSE", plain, "%.0f", line, below=True)
    same("California housing", plain, run(folder, os.path.join(HERE, "housing.nn"), "--train", other, "-q")["rmse"])


def penguins(folder):
    found = outside("tabular/sns_penguins.csv")
    if not found:
        return
    names, rows = read_table(found[0])
    names, rows = ["id"] + names, [[str(i)] + row for i, row in enumerate(rows)]
    path = model(folder, "penguins", ("model penguins {\n", 'model penguins {\n  ignore "id"\n'))
    plain = run(folder, path, "--train", write_table(os.path.join(folder, "a.csv"), names, rows), "-q")["accuracy"]
    told("penguins, with an id column and gaps: accuracy", plain, "%.4f", 0.95)
    same("penguins", plain, run(folder, path, "--train", write_table(os.path.join(folder, "b.csv"), *turned(names, rows, label="species")), "-q")["accuracy"])


def shakespeare(folder):
    found = outside("text/tinyshakespeare.txt")
    if not found:
        return
    told("tiny Shakespeare: validation loss", run(folder, os.path.join(HERE, "shakespeare.nn"), "--train", found[0])["valid_loss"], "%.3f", 2.0, below=True)
    with open(found[0], "rb") as f:
        rows = [[str(byte), str(i)] for i, byte in enumerate(f.read(200000))]
    names = ["letter", "place"]
    path = model(folder, "shakespeare", ("model shakespeare {", 'model shakespeare {\n  ignore "place"'), ("text[context rows]: class(256)", 'text[context rows]: class from "letter"'),
                 ("next[context rows from 1]: class(256)", 'next[context rows from 1]: class from "letter"'), ("dense(256)", "dense(next.classes)"), ("steps     2000", "steps 200"))
    files = [write_table(os.path.join(folder, "a.csv"), names, rows), write_table(os.path.join(folder, "b.csv"), *turned(names, rows, label="letter"))]
    same("tiny Shakespeare, its beginning as a table", *[run(folder, path, "--train", file)["valid_loss"] for file in files])


def airline(folder):
    found = outside("timeseries/airline-passengers.csv")
    if not found:
        return
    names, rows = read_table(found[0])
    value = [float(row[names.index("Passengers")]) for row in rows]
    test = value[len(value) - round(0.4 * len(value)):]
    naive = math.sqrt(sum((test[36 + i] - test[24 + i]) ** 2 for i in range(12)) / 12)
    plain = run(folder, os.path.join(HERE, "airline.nn"), "--train", found[0], "-q")["rmse"]
    told("airline passengers: RMSE of last year's value", naive, "%.1f")
    told("airline passengers: RMSE of the next twelve months", plain, "%.1f", naive, below=True)
    other = write_table(os.path.join(folder, "b.csv"), *turned(names, rows))
    same("airline passengers", plain, run(folder, os.path.join(HERE, "airline.nn"), "--train", other, "-q")["rmse"])


def main():
    every = [iris, optdigits, mnist, housing, penguins, shakespeare, airline]
    for one in every:
        if len(sys.argv) == 1 or one.__name__ in sys.argv[1:]:
            with tempfile.TemporaryDirectory() as folder:
                one(folder)
    if failures:
        sys.exit("below the bar: " + ", ".join(failures))


if __name__ == "__main__":
    if not shutil.which(NNC):
        sys.exit("%s is not there: build it, or set NNC" % NNC)
    main()
