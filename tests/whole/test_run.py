#!/usr/bin/python3
"""What a user of the command line is promised: exit statuses, the same bits however a run goes, files whole or not there, the log, predictions of every form."""
import csv
import gzip
import hashlib
import io
import fcntl
import json
import os
import pty
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
NNC = os.environ["NNC"]
ROOT = os.path.abspath(os.environ.get("NNC_SOURCE_DIR", "."))
EXAMPLES = os.path.join(ROOT, "examples")
DIGITS = os.path.join(EXAMPLES, "data/optdigits.tra")
IRIS = os.path.join(EXAMPLES, "data/iris.csv")

MODEL = """let units = 8

model net {
  ignore "id"
  input  a[2] from "a", "b"
  input  colour: class else "other" from "colour"
  target kind: class
  target size

  h = concat(a -> standardize, one_hot(colour)) -> dense(units) -> tanh
  s = h -> dense(kind.classes)
  z = h -> neuron

  loss   cross_entropy(s, kind) + mse(z, size)
  output p = softmax(s)
  output grown = z
  output half[i < 3] = h[i] / 2
  metric accuracy(s, kind)
}

train {
  optimizer adam(rate = 0.01)
  epochs    4
  batch     16
  validate  20%
}
"""


def table(rows=120, seed=1):
    rng = random.Random(seed)
    lines = [["id", "a", "b", "colour", "kind", "size"]]
    for i in range(rows):
        a, b = rng.gauss(0, 1), rng.gauss(3, 2)
        lines.append([str(i), "%.4f" % a, "%.4f" % b, rng.choice(["red", "green", "blue"]), "big" if a + b > 3 else "small", "%.4f" % (a * b)])
    return lines


def text_of(lines, delimiter=","):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(lines)
    return out.getvalue()


class Folder:
    def __init__(self, model=MODEL, data=None):
        self.held = tempfile.TemporaryDirectory()
        self.path = self.held.name
        self.write("net.nn", model)
        self.write("d.csv", text_of(data or table()))

    def write(self, name, text):
        with open(os.path.join(self.path, name), "w") as f:
            f.write(text)

    def run(self, *arguments, status=0, program=NNC, **more):
        done = subprocess.run([program] + list(arguments), cwd=self.path, capture_output=True, text=True, **more)
        if done.returncode != status:
            sys.exit("nnc %s: exit status %d and not %d\n%s%s" % (" ".join(arguments), done.returncode, status, done.stdout, done.stderr))
        return done

    def hash(self, name):
        with open(os.path.join(self.path, name), "rb") as f:
            return hashlib.sha256(f.read()).hexdigest()

    def has(self, name):
        return os.path.exists(os.path.join(self.path, name))


def must(condition, what):
    if not condition:
        sys.exit("not so: " + what)


def test_statuses():
    f = Folder()
    f.run("net.nn", "--train", "d.csv", "-q")
    f.run("net.nn")
    f.run("net.nn", "--check")
    f.write("wrong.nn", MODEL.replace("dense(units)", "dnse(units)"))
    must("dense" in f.run("wrong.nn", "--check", status=1).stderr, "an unknown name gets the nearest one")
    must("such file" in f.run("absent.nn", status=1).stderr, "a model that is not there is told")
    must("--train" in f.run("net.nn", "--trian", "d.csv", status=2).stderr, "an unknown flag gets the nearest one")
    f.run("net.nn", "-o", "x.onnx", status=2)
    f.run("net.nn", "-o", "x.wrong", status=2)
    f.run("net.nn", "more", "operands", status=2)
    f.run("net.nn", "--train", "absent.csv", status=3)
    f.run("net.nn", "--require", "accuracy >= 1.1", "--train", "d.csv", "-q", status=5)
    f.run("net.nn", "--require", "nothing >= 1", "--train", "d.csv", "-q", status=2)
    with open("/dev/full", "w") as full:
        done = subprocess.run([NNC, "net.nn", "--emit=model"], cwd=f.path, stdout=full, stderr=subprocess.PIPE, text=True)
    must(done.returncode == 6 and "No space" in done.stderr, "a full standard output is status 6")
    f.run("net.nn", "--train", "d.csv", "-q", "-o", "absent/net.c", status=6)
    f.run("net.nn", "--train", "d.csv", "-q", "-R", "optimizer sgd(rate = 1e30)", status=4)
    must("0.1.0" in f.run("--version").stdout, "the version is printed")
    must("--train" in f.run("--help").stdout, "help lists the flags")


def test_cache():
    """Code from the cache, from a damaged one, without one: the same bits. -v tells which."""
    f = Folder()
    environment = dict(os.environ, XDG_CACHE_HOME=f.path)
    hashes, said = [], []

    def train(*more):
        said.append("earlier run" in f.run("net.nn", "--train", "d.csv", "-v", *more, env=environment).stderr)
        hashes.append(f.hash("net.safetensors"))

    train("--no-cache")
    must(not f.has("nnc"), "--no-cache keeps nothing")
    train()
    train()
    train("--threads", "1")
    for name in os.listdir(os.path.join(f.path, "nnc")):
        with open(os.path.join(f.path, "nnc", name), "r+b") as kept:
            kept.seek(60)
            kept.write(b"torn")
    train()
    os.chmod(os.path.join(f.path, "nnc"), 0o777)
    train()
    must(said == [False, False, True, True, False, False], "code is made once, and anew where the cache is odd: %s" % said)
    must(len(set(hashes)) == 1, "with and without the cache, the same bits")


def test_fault():
    """A fault of nnc's own (a failed assertion ends in this signal) is status 70, and leaves nothing half written."""
    f = Folder()
    run = subprocess.Popen([NNC, "net.nn", "--train", "d.csv", "-R", "epochs 1000000", "-o", "net.c"], cwd=f.path, stderr=subprocess.PIPE, text=True)
    for line in run.stderr:
        if line.startswith("epoch"):
            break
    run.send_signal(signal.SIGABRT)
    said = run.stderr.read()
    must(run.wait() == 70 and "fault of nnc's own" in said, "a fault of nnc's own is status 70")
    must([n for n in os.listdir(f.path) if "tmp" in n] == [], "no temporary file is left")


def test_outputs_together():
    f = Folder()
    f.run("net.nn", "--train", "d.csv", "-q", "-o", "net.c", "-o", "absent/net.h", status=6)
    must(not f.has("net.c") and not f.has("net.safetensors"), "outputs appear together or not at all")
    f.run("net.nn", "--train", "d.csv", "-q", "-o", "net.c", "--require", "accuracy > 2", status=5)
    must(f.has("net.safetensors") and not f.has("net.c"), "after an unmet requirement there are the weights alone")
    f.run("net.nn", "--train", "d.csv", "-q", "--require", "parameters <= 10", status=5)
    must([n for n in os.listdir(f.path) if "tmp" in n] == [], "no temporary file is left")


def test_files_of_one_run():
    f = Folder()
    for arguments in (["--checkpoint", "net.safetensors"], ["--checkpoint", "d.csv"], ["--log", "d.csv"], ["--log", "net.nn"], ["--log", "./net.safetensors"], ["-o", "a.c", "--emit=h=a.c"],
                      ["--emit=c=d.csv"], ["--emit=model=net.nn"], ["-o", "w.safetensors", "--log", "../%s/w.safetensors" % os.path.basename(f.path)]):
        before = sorted(os.listdir(f.path)), f.hash("d.csv"), f.hash("net.nn")
        must("different files" in f.run("net.nn", "--train", "d.csv", "-q", *arguments, status=2).stderr, "one file for two purposes is refused: %s" % arguments)
        must(before == (sorted(os.listdir(f.path)), f.hash("d.csv"), f.hash("net.nn")), "nothing was touched")
    f.run("net.nn", "--train", "d.csv", "-q", "--log", "/dev/null", "--emit=c=/dev/null", "--emit=h=/dev/null")
    f.run("net.nn", "--train", "d.csv", "-q", "--weights", "net.safetensors")
    must("different files" in f.run("net.nn", "--predict", "d.csv", "-o", "d.csv", status=2).stderr, "predictions do not go over their data")
    must("epoch" not in f.run("net.nn", "--train", "d.csv", "-o", "absent/net.c", status=6).stderr, "a folder that is not there is told before training")
    os.mkdir(os.path.join(f.path, "net.c"))
    must("folder" in f.run("net.nn", "--train", "d.csv", "-o", "net.c", status=6).stderr, "a folder is not written over")


def test_nothing_to_export():
    f = Folder(MODEL.replace("  output p = softmax(s)\n  output grown = z\n  output half[i < 3] = h[i] / 2\n", ""))
    said = f.run("net.nn", "--train", "d.csv", "-o", "net.c", status=2).stderr
    must("no output" in said and "epoch" not in said, "what cannot be exported is told before training: " + said)


def interrupted(f, arguments, sign, after):
    process = subprocess.Popen([NNC] + arguments, cwd=f.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after)
    process.send_signal(sign)
    return process.wait()


def test_resume():
    f = Folder(open(os.path.join(EXAMPLES, "optdigits.nn")).read())
    arguments = ["net.nn", "--train", DIGITS, "--epochs", "6", "--checkpoint", "ck.safetensors", "-q"]
    f.run(*arguments)
    whole = f.hash("optdigits.safetensors")
    must(f.has("ck.safetensors"), "a checkpoint that is asked for is written at the end too")
    for sign, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        for name in ("optdigits.safetensors", "ck.safetensors"):
            if f.has(name):
                os.unlink(os.path.join(f.path, name))
        for after in (0.35, 0.5, 0.8, 1.2, 2, 3, 4):      # until it was neither too early nor too late
            given = interrupted(f, arguments, sign, after)
            if f.has("ck.safetensors") or given == 0:
                break
        if given == 0 or not f.has("ck.safetensors"):
            continue
        must(given == status, "%s ends a run with %d and not %d" % (sign.name, status, given))
        must("seed" in f.run(*arguments, "--resume", "--seed", "9", status=3).stderr, "another seed is refused")
        f.run(*arguments, "--resume")
        must(f.hash("optdigits.safetensors") == whole, "a resumed run ends with the bits of an undisturbed one (%s)" % sign.name)
    for sign, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        os.mkfifo(os.path.join(f.path, "slow.csv"))
        must(interrupted(f, ["net.nn", "--train", "slow.csv"], sign, 0.3) == status, "%s before training ends with %d too" % (sign.name, status))
        os.unlink(os.path.join(f.path, "slow.csv"))
    must("anew" in f.run("net.nn", "--train", DIGITS, "--epochs", "1", "--resume").stderr, "without a checkpoint it says that it starts anew")


def edited(path, key, value):
    """A safetensors file's bytes with another value in its metadata; None: without it."""
    with open(path, "rb") as f:
        data = f.read()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header["__metadata__"][key] = value
    if value is None:
        del header["__metadata__"][key]
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length:]


def test_resume_refuses():
    f = Folder()
    arguments = ["net.nn", "--train", "d.csv", "-q", "--checkpoint", "ck.safetensors", "--epochs", "4"]
    f.run(*arguments)
    for more, said in ((["-R", "batch 8"], "other -R"), (["-R", "optimizer sgd()"], "other -R"), (["-R", "validate 50%"], "other -R"), (["-D", "units=9"], "-D"), (["--valid", "d.csv"], "other data"),
                       (["--seed", "3"], "another seed"), (["--train", "d.csv"], "other data"), (["--epochs", "3"], "step 24 already, and this run ends at step 18")):
        must(said in f.run(*arguments, "--resume", *more, status=3).stderr, "%s is refused" % more)
    whole = f.hash("net.safetensors")
    f.run(*arguments, "--resume")
    must(f.hash("net.safetensors") == whole, "a run that had ended ends so again")
    for key, value in (("run.at", "99999"), ("run.at", "-16"), ("run.at", "8"), ("run.step", "-1"), ("run.epoch", "-1"), ("run.epoch", "9" * 30), ("run.loss_count", "-1"), ("run.waits", "-7")):
        with open(os.path.join(f.path, "bad.safetensors"), "wb") as out:
            out.write(edited(os.path.join(f.path, "ck.safetensors"), key, value))
        must("where no run" in f.run("net.nn", "--train", "d.csv", "-q", "--checkpoint", "bad.safetensors", "--resume", status=3).stderr, "%s = %s is refused" % (key, value))
    plain = f.run("net.nn", "--test", "d.csv").stdout
    must(f.run("net.nn", "--test", "d.csv", "--weights", "ck.safetensors").stdout == plain, "a checkpoint serves as weights")
    f.write("net.nn", MODEL.replace("dense(units) -> tanh", "dense(units) -> relu"))
    must("model text" in f.run(*arguments, "--resume", status=3).stderr, "another model text is refused")
    f.run(*arguments)
    must(f.has("ck.safetensors~"), "a new run sets the checkpoint aside")


def test_resume_longer():
    f = Folder()
    for more in ([], ["-R", "stop patience = 3", "-R", "optimizer sgd(rate = 0.1)"]):
        arguments = ["net.nn", "--train", "d.csv", "-q", *more]
        f.run(*arguments, "--epochs", "40")
        whole = f.hash("net.safetensors")
        f.run(*arguments, "--epochs", "3", "--checkpoint", "ck.safetensors")
        f.run(*arguments, "--epochs", "40", "--checkpoint", "ck.safetensors", "--resume")
        must(f.hash("net.safetensors") == whole, "epochs may grow, to the same bits")
        f.run(*arguments, "--epochs", "40", "--checkpoint", "ck.safetensors", "--resume")
        must(f.hash("net.safetensors") == whole, "and the end is the end")
        f.run(*arguments, "--epochs", "40")
        must(not f.has("net.checkpoint.safetensors"), "a run that completes leaves no checkpoint of its own")
        os.unlink(os.path.join(f.path, "ck.safetensors"))
    f.write("part.nn", "layer mine(n)(x) = dense(n)(x)\n")
    f.write("net.nn", "use \"part.nn\"\n" + MODEL.replace("-> dense(units)", "-> mine(units)"))
    f.run("net.nn", "--train", "d.csv", "-q", "--checkpoint", "ck.safetensors")
    f.write("part.nn", "layer mine(n)(x) = dense(n)(x) -> tanh\n")
    must("model text" in f.run("net.nn", "--train", "d.csv", "-q", "--checkpoint", "ck.safetensors", "--resume", status=3).stderr, "a file that is used is text of the model too")


def limited_folder(kilobytes):
    """A folder on a file system of that size, or None where none may be mounted."""
    held = tempfile.mkdtemp()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%dk" % kilobytes, "tmpfs", held], capture_output=True).returncode == 0:
        return held
    os.rmdir(held)
    return None


def test_full_disk():
    f = Folder()
    small = limited_folder(24)
    if not small:
        print("test_full_disk: no file system may be mounted here, so what a full disk does is not tried")
        return
    try:
        checkpoint = os.path.join(small, "ck.safetensors")
        said = f.run("net.nn", "--train", "d.csv", "--checkpoint", checkpoint, "-D", "units=400").stderr
        must("No space left" in said and "goes on without it" in said and f.has("net.safetensors"), "a checkpoint that cannot be written ends no training")
        must(os.listdir(small) == [], "nothing half-written is left")
        said = f.run("net.nn", "--train", "d.csv", "-q", "-D", "units=400", "-o", os.path.join(small, "net.c"), "--log", "log", status=6).stderr
        must("No space left" in said and "--resume" in said and os.listdir(small) == [], "what was trained is kept where the results cannot be written")
        f.run("net.nn", "--train", "d.csv", "-q", "-D", "units=400")
        whole = f.hash("net.safetensors")
        os.unlink(os.path.join(f.path, "net.safetensors"))
        os.rename(os.path.join(f.path, "net.checkpoint.safetensors~"), os.path.join(f.path, "net.checkpoint.safetensors"))
        f.run("net.nn", "--train", "d.csv", "-q", "-D", "units=400", "--resume")
        must(f.hash("net.safetensors") == whole, "and is taken from there")
    finally:
        subprocess.run(["umount", small])
        os.rmdir(small)


def test_where_nothing_is_written():
    f = Folder()
    os.chmod(f.path, 0o755)
    os.mkdir(os.path.join(f.path, "out"))
    os.chmod(os.path.join(f.path, "out"), 0o777)
    program = os.path.join(f.path, "nnc")                  # the build may lie where nobody else may look
    for file in (NNC, os.path.join(os.path.dirname(NNC), "nnc-llvm.so")):
        shutil.copy(file, f.path)

    def as_nobody():
        if os.geteuid() == 0:
            os.setgid(65534)
            os.setuid(65534)

    for name in os.listdir(f.path):
        os.chmod(os.path.join(f.path, name), 0o777)
    if os.geteuid() != 0:
        os.chmod(f.path, 0o555)
    said = f.run("net.nn", "--train", "d.csv", status=6, program=program, preexec_fn=as_nobody).stderr
    must("net.safetensors: cannot write: Permission denied" in said and "epoch" not in said, "a folder that may not be written to is told before training: " + said)
    f.run("net.nn", "--train", "d.csv", "-q", "-o", "out/net.safetensors", program=program, preexec_fn=as_nobody)
    os.chmod(f.path, 0o755)
    done = subprocess.run(["bash", "-c", "ulimit -f 1; \"$0\" net.nn --train d.csv -q -D units=400 -o net.c", NNC], cwd=f.path, capture_output=True, text=True)
    must(done.returncode == 6 and "too large" in done.stderr and not any("tmp" in n for n in os.listdir(f.path)), "a limit on files' sizes: %d %s" % (done.returncode, done.stderr))
    os.mkfifo(os.path.join(f.path, "pipe.nn"))
    must("not a plain file" in f.run("pipe.nn", status=1, timeout=20).stderr, "a pipe is no model")
    must("not a plain file" in f.run("net.nn", "--weights", "pipe.nn", "--test", "d.csv", status=3, timeout=20).stderr, "nor weights")


def test_streams():
    f = Folder()
    f.run("net.nn", "--train", "d.csv", "-q")
    whole = f.hash("net.safetensors")
    os.unlink(os.path.join(f.path, "net.safetensors"))
    with open("/dev/full", "w") as full:
        done = subprocess.run([NNC, "net.nn", "--train", "d.csv", "-q", "--emit=c", "-o", "net.h"], cwd=f.path, stdout=full, stderr=subprocess.PIPE, text=True)
        must(done.returncode == 6 and not f.has("net.safetensors") and not f.has("net.h"), "where standard output is full, no output appears")
        done = subprocess.run([NNC, "net.nn", "--train", "d.csv", "-q", "--log", "-"], cwd=f.path, stdout=full, stderr=subprocess.PIPE, text=True)
        must(done.returncode == 6 and "--resume" in done.stderr and f.has("net.checkpoint.safetensors"), "a log that cannot be written stops the run, which is kept")
    f.run("net.nn", "--train", "d.csv", "-q", "--resume")
    must(f.hash("net.safetensors") == whole, "and resumed")
    for closed in (">&-", "2>&-", "<&-", "<&- >&- 2>&-"):
        done = subprocess.run(["bash", "-c", "\"$0\" net.nn --train d.csv --test d.csv --log log " + closed, NNC], cwd=f.path, capture_output=True, text=True)
        must(done.returncode == (6 if ">&- " in closed + " " and closed[0] != "2" else 0), "closed streams (%s) give %d" % (closed, done.returncode))
        for line in open(os.path.join(f.path, "log")):
            json.loads(line)
        must(f.hash("net.safetensors") == whole, "no message goes into a file")
    done = subprocess.run(["bash", "-c", "\"$0\" net.nn --train d.csv -q --log - -o net.c | true; exit ${PIPESTATUS[0]}", NNC], cwd=f.path, capture_output=True, text=True)
    must(done.returncode in (0, 6) and [n for n in os.listdir(f.path) if "tmp" in n] == [], "a reader that goes away leaves nothing half-written")


def test_command_line():
    f = Folder()
    f.run("net.nn", "--train", "d.csv", "-q")
    train = ["net.nn", "--train", "d.csv", "-q"]
    for arguments, said in ((train + ["--epochs", "abc"], "-R:1:8"), (train + ["-R", "batch 0"], "batch"), (train + ["-R", "bogus 1"], "no line bogus"), (train + ["--seed", "-1"], "seed"),
                            (train + ["-D", "units=none"], "-D:1:1"), (train + ["-D", "units"], "NAME=VALUE"), (train + ["--train="], "--train needs a value"), (train + ["--log", ""], "--log needs a value"),
                            (train + ["--weights", "dnse_1=net.safetensors"], "did you mean dense_1"), (train + ["--weights", "z=net.safetensors"], "no weights under this name"),
                            (train + ["--weights", "a.safetensors", "--weights", "b.safetensors"], "twice"), (train + ["--delimiter", "\tx"], "one character"),
                            (train + ["--test", "-", "--valid", "-"], "once"), (["net.nn", "--valid", "d.csv"], "--valid goes with --train"), (train + ["-mcpu=cortex-m4"], "-mcpu goes with an output for a machine"), (["net.nn", "-o", "n.c", "--target", "thumbv7em-none-eabi"], "--target goes with"), (["net.nn", "--test", "d.csv", "--valid", "d.csv"], "--valid goes"),
                            (["net.nn", "--checkpoint", "c"], "--checkpoint goes"), (["net.nn", "--profile"], "--profile goes"), (["net.nn", "--log", "log"], "--log goes"),
                            (["net.nn", "--require", "accuracy > 0.5"], "--train or --test"), (["net.nn", "--predict", "d.csv", "--require", "loss < 3"], "--train or --test"),
                            (["net.nn", "--predict", "d.csv", "--require", "accurcy < 3"], "no accurcy"), (["net.nn", "--require", "parameters < 3"], "how many classes"),
                            (train + ["--checkpoint", "-"], "read again"), (["net.nn", "--"], ""), (["--", "-x"], "-x"), ([], "no model")):
        if said:
            must(said in f.run(*arguments, status=2).stderr, "%s says %s" % (arguments, said))
    f.run("net.nn", "-R", "batch 8", "--", status=0)
    f.run("--", "net.nn")
    f.run("net.nn", "--weights", "net.safetensors", "--require", "parameters <= 3", status=5)
    f.run("net.nn", "--weights", "net.safetensors", "--require", "parameters <= 300")
    f.run("net.nn", "--predict", "d.csv", "--require", "weights <= 3", status=5)
    f.write("plain.nn", "model plain {\n  input x[3]\n  target y\n  z = x -> neuron\n  loss mse(z, y)\n  output o = z\n}\n")
    must("parameters is 4" in f.run("plain.nn", "--require", "parameters < 4", status=5).stderr, "sizes are held to without data")
    f.run("plain.nn", "--require", "parameters == 4", "--require", "workspace <= 100%")
    f.run("net.nn", "--test", "d.csv", "--log", "log", "-q")
    lines = [json.loads(line) for line in open(os.path.join(f.path, "log"))]
    must(len(lines) == 1 and list(lines[0]) == ["event", "loss", "accuracy"], "--test writes its event")
    f.run("net.nn", "--test", "d.csv", "--log", "/dev/full", "-q", status=6)


def on_terminal(f, arguments, columns, environment=None):
    """What nnc writes to a terminal of that width as its standard error."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([NNC] + arguments, cwd=f.path, stdout=subprocess.DEVNULL, stderr=child, env=dict(os.environ, **(environment or {})))
    os.close(child)
    text = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:
            break
        if not part:
            break
        text += part
    os.close(parent)
    must(process.wait() == 0, "a run on a terminal ends well")
    return text.decode()


def test_terminal():
    f = Folder()
    arguments = ["net.nn", "--train", "d.csv", "-R", "measure 8000 epochs", "--epochs", "32000"]
    said = on_terminal(f, arguments, 100)
    lives = [part for part in said.replace("\n", "\r").split("\r") if part.startswith("\x1b[K") and "valid_loss" not in part and len(part) > 3]
    must(len(lives) >= 2, "there is a live line")
    form = re.compile(r"\x1b\[Kepoch \d+/32000 \[=* *\] loss [0-9.e+-]+(  accuracy [0-9.]+)?  \d+/s  \d+s left$")
    must(all(form.match(line) for line in lives), "the live line holds epoch, bar, loss, metric, speed and time left: %s" % lives)
    must("accuracy" in lives[-1] and lives[-1].count("=") > lives[0].count("="), "with the metric of the last measure, and the bar grows")
    lines = [line.split("\r\x1b[K")[-1] for line in said.split("\r\n")]
    must([line.split()[1] for line in lines if line.startswith("epoch") and "valid_loss" in line] == ["8000", "16000", "24000", "32000"], "a line a measure: %s" % lines)
    must("\x1b[32mbest" in said and "\x1b[32m" not in on_terminal(f, arguments[:-1] + ["2"], 100, {"NO_COLOR": "1"}), "NO_COLOR is honoured")
    must("\x1b[32m" not in on_terminal(f, arguments[:-1] + ["4000", "--color=never"], 100), "--color=never too")
    narrow = on_terminal(f, arguments, 40)
    must(all(len(part) <= 39 + 3 for part in narrow.replace("\n", "\r").split("\r") if part.startswith("\x1b[K") and "valid_loss" not in part), "it stays within a narrow terminal")
    must(on_terminal(f, arguments + ["-q"], 80) == "", "-q is quiet")
    piped = f.run(*arguments).stderr
    must("\r" not in piped and "\x1b" not in piped and piped.count("\n") == 5, "piped: one plain line a measure")
    must("\x1b[" in f.run("net.nn", "--train", "absent.csv", "--color=always", status=3).stderr, "--color=always holds on a pipe")


def test_damaged_weights():
    f = Folder()
    f.run("net.nn", "--train", "d.csv", "-q")
    good = open(os.path.join(f.path, "net.safetensors"), "rb").read()
    length = int.from_bytes(good[:8], "little")
    header, data = json.loads(good[8:8 + length]), good[8 + length:]

    def refused(said, contents, status=3):
        with open(os.path.join(f.path, "w.safetensors"), "wb") as out:
            out.write(contents)
        must(said in f.run("net.nn", "--weights", "w.safetensors", "--predict", "d.csv", "-q", status=status).stderr, "%s is told" % said)

    def packed(head, tensors=data):
        text = head if isinstance(head, bytes) else json.dumps(head).encode()
        return len(text).to_bytes(8, "little") + text + tensors

    def other(key, **values):
        changed = json.loads(json.dumps(header))
        changed[key].update(values)
        return packed(changed)

    for size in (0, 7):
        refused("too short", good[:size])
    for size in (8, 100, 7 + length):
        refused("length does not fit", good[:size])
    refused("it was cut", good[:-1])
    refused("it was cut", good + b"x")
    refused("length does not fit", (1 << 63).to_bytes(8, "little") + good[8:])
    refused("over the limit", packed(b" " * (17 << 20)))
    refused("not a JSON object", packed(b"[]"))
    refused("duplicate", packed(b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', b"1234"))
    refused("metadata", packed(dict(header, __metadata__=3)))
    refused("metadata", packed(dict(header, __metadata__={"x": 3})))
    refused("dtype", other("dense_1.b", dtype="F8"))
    refused("shape", other("dense_1.b", shape=[-8]))
    refused("shape", other("dense_1.b", shape=[1 << 40, 1 << 40]))
    refused("fit its shape", other("dense_1.b", shape=[9]))
    refused("pair of positions", other("dense_1.b", data_offsets=[8, 4]))
    refused("do not follow", other("dense_1.b", data_offsets=[32, 64]))
    refused("columns and classes is damaged", other("__metadata__", **{"classes.kind": '"big'}))
    refused("columns and classes is damaged", other("__metadata__", **{"classes.kind": "=2147483647"}))
    refused("no `let` of that name", other("__metadata__", **{"define.width": "3"}))
    refused("dense_1.w is [6, 9] in the model, [6, 8] in the file", other("__metadata__", **{"define.units": "9"}))
    renamed = {("dens_1.w" if key == "dense_1.w" else key): value for key, value in header.items()}
    refused("dense_1.w [6, 8] is not in the file (it has dens_1.w)", packed(renamed))
    with open(os.path.join(f.path, "w.safetensors"), "wb") as out:
        out.write((2).to_bytes(8, "little") + b"{}")
        out.truncate(200 << 30)      # sparse: told from the header, before anything is read or allocated for it
    must("it was cut" in f.run("net.nn", "--weights", "w.safetensors", "--predict", "d.csv", "-q", status=3).stderr, "a file's size is checked first")
    f.write("d.csv", "id,a,b,colour,kind,size\n" + "".join("%d,1,%d,red,%s%d,2\n" % (i, i, "k" * 1000, i) for i in range(20000)))
    must("15 MB" in f.run("net.nn", "--train", "d.csv", "-q", "--epochs", "1", status=3).stderr, "what could not be read again is not written")


def with_number(path, name, value, to):
    """A copy of a weights file whose tensor of this name begins with another number."""
    with open(path, "rb") as f:
        data = bytearray(f.read())
    start = 8 + int.from_bytes(data[:8], "little")
    at = start + json.loads(data[8:start])[name]["data_offsets"][0]
    data[at:at + 4] = struct.pack("<f", value)
    with open(to, "wb") as out:
        out.write(data)


def test_numbers_of_weights():
    """No network computes with NaN, nor with infinite parameters: refused however the file is used. What starts at infinity may stay there."""
    f = Folder()
    path = lambda name: os.path.join(f.path, name)
    f.run("net.nn", "--train", "d.csv", "-q", "-R", "stop patience = 9", "--checkpoint", "ck.safetensors")
    lines = "nnc: error: w.safetensors: these weights cannot be used with the model\n  dense_1.w[0, 0] is %s in the file\n  help: "
    for value, word in ((float("nan"), "NaN"), (float("-inf"), "-infinity")):
        with_number(path("net.safetensors"), "dense_1.w", value, path("w.safetensors"))
        for use in (["--predict", "d.csv"], ["--test", "d.csv"], ["-o", "net.c"], ["--train", "d.csv", "--epochs", "1"], []):
            must(lines % word in f.run("net.nn", "--weights", "w.safetensors", *use, "-q", status=3).stderr, "%s is told with %s" % (word, use))
        must("dense_1.w[0, 0]" in f.run("net.nn", "--train", "d.csv", "--weights", "dense_1=w.safetensors", "-q", status=3).stderr, "%s in a part is told" % word)
        f.run("net.nn", "--train", "d.csv", "--epochs", "1", "--weights", "dense_2=w.safetensors", "-q", "-o", "other.safetensors")
    must(not f.has("net.c"), "nothing is written")
    for name in ("dense_2.b", "optimizer.dense_1.w.m", "best.dense_1.w"):
        with_number(path("ck.safetensors"), name, float("nan"), path("bad.safetensors"))
        said = f.run("net.nn", "--train", "d.csv", "-q", "-R", "stop patience = 9", "--resume", "--checkpoint", "bad.safetensors", status=3).stderr
        must("bad.safetensors: cannot resume\n  %s[0" % name in said and "is NaN in the file" in said, "%s of a checkpoint is told: %s" % (name, said))
    f.write("open.nn", "model open {\n  input x\n  target y\n  param gate = -inf\n  state least = inf\n  z = [max(x, gate)] -> neuron\n  least' = min(least, min(batch: x))\n  loss mse(z + min(least, 0), y)\n  output o = z\n}\n")
    f.write("x.csv", "x,y\n1,2\n2,3\n")
    f.run("open.nn", "--train", "x.csv", "--epochs", "1", "-q")
    f.run("open.nn", "--predict", "x.csv")


def test_odd_names():
    rng = random.Random(3)
    kinds = ["a,b", 'c"d', "e\nf", "=3", "\u00e4\u00f6\u00fc" * 9, "\x1b[31mred"]
    rows = [["the id, x", 'a "1"', "two\nlines", "kind", "nr"]] + [['row "%d"' % i, str(rng.random()), str(rng.random()), kinds[i % 6], str(i % 2)] for i in range(48)]
    f = Folder("model net {\n  ignore \"the id, x\"\n  input x[2]\n  target t: class\n  target u: class(2)\n  h = x -> dense(4)\n  s = h -> dense(t.classes)\n"
               "  loss cross_entropy(s, t) + cross_entropy(h -> dense(2), u)\n  output p = softmax(s)\n  output k = argmax(i: s[i])\n}\ntrain { epochs 3 }\n", rows)
    said = f.run("net.nn", "--train", "d.csv").stderr
    must('x = a "1", two\\x0alines; t = kind (6 classes); u = nr' in said, "names of columns are shown in one line: " + said)
    predicted = list(csv.reader(io.StringIO(f.run("net.nn", "--predict", "d.csv", "-q").stdout)))
    must(predicted[0] == ["the id, x"] + ["p(%s)" % kind for kind in sorted(kinds)] + ["t", "k"], "names of classes are kept as they are: %s" % predicted[0])
    must(all(row[0] == 'row "%d"' % i and row[-1] == row[-2] in kinds for i, row in enumerate(predicted[1:])), "in each row")
    said = f.run("net.nn", "--test", "d.csv").stderr
    must(said.count("given below") == 1 and "\x1b" not in said and "\u00e4\u00f6\u00fc" * 6 in said, "one matrix a target, without control characters: " + said)
    must(len({len(line) for line in said.splitlines()[1:]}) == 1, "its columns are in line")
    f.write("quotes.nn", "model quotes {\n  ignore \"the \"\"id\"\"\", \"\"\"\"\n  input a from \"a \"\"1\"\"\"\n  target t: class from \" t\"\n  s = [a] -> dense(2)\n  loss cross_entropy(s, t)\n  output p = softmax(s)\n}\n")
    f.write("q.csv", '"the ""id""","""","a ""1""", " t"\n1,2,3,"x ""y"""\n2,3,4, " z"\n')
    must('a = a "1"; t =  t (2 classes)' in f.run("quotes.nn", "--train", "q.csv", "--epochs", "1").stderr, "quotes in names are matched")
    predicted = list(csv.reader(io.StringIO(f.run("quotes.nn", "--predict", "q.csv", "-q", "-o", "quotes.c", "--emit=predictions").stdout)))
    must(predicted[0] == ['the "id"', '"', "p( z)", 'p(x "y")', "t"], "and written back: %s" % predicted[0])
    must('{" z", "x \\"y\\""}' in open(os.path.join(f.path, "quotes.c")).read(), "in C too")
    said = f.run("quotes.nn", "--emit=model").stdout
    must('  ignore "the ""id"""\n  ignore """"\n' in said, "as the language writes them: " + said)


def test_log():
    f = Folder()
    f.run("net.nn", "--train", "d.csv", "--test", "d.csv", "--log", "log.jsonl", "-q")
    lines = [json.loads(line) for line in open(os.path.join(f.path, "log.jsonl"))]
    must([line["event"] for line in lines] == ["epoch"] * 4 + ["end", "test"], "events of the log")
    for key in ("epoch", "step", "loss", "valid_loss", "accuracy", "valid_accuracy", "rate", "grad_norm", "seconds", "samples_per_second"):
        must(key in lines[0], "the log has " + key)
    must(lines[4]["stopped"] == "epochs" and "best_epoch" in lines[4], "the end is told")
    keys = {"event", "epoch", "step", "loss", "valid_loss", "accuracy", "valid_accuracy", "rate", "grad_norm", "seconds", "samples_per_second"}
    must(all(set(line) == keys for line in lines[:4]) and set(lines[4]) == keys | {"stopped", "best_epoch"} and set(lines[5]) == {"event", "loss", "accuracy"}, "and no other keys")
    f.write("d.csv", "x,y\n-1,1\n-2,2\n")
    f.write("net.nn", "model net {\n  input x\n  target y\n  h = log(x)\n  z = [h] -> neuron\n  loss mse(z, y)\n  output o = z\n}\n")
    f.run("net.nn", "--train", "d.csv", "--log", "log", "-q", status=4)
    lines = [json.loads(line) for line in open(os.path.join(f.path, "log"))]
    must(len(lines) == 1 and lines[0]["stopped"] == "diverged" and lines[0]["step"] == 1 and "loss" not in lines[0], "what was not measured is not told")


def test_predictions():
    f = Folder()
    f.run("net.nn", "--train", "d.csv", "-q")
    rows = list(csv.reader(io.StringIO(f.run("net.nn", "--predict", "d.csv").stdout)))
    must(rows[0] == ["id", "p(big)", "p(small)", "kind", "grown", "half[0]", "half[1]", "half[2]"], "the heads of predictions: %s" % rows[0])
    must(len(rows) == 121 and rows[5][0] == "4", "a row for each example, ignored columns in front")
    must(all(row[3] == ("big" if float(row[1]) > float(row[2]) else "small") for row in rows[1:]), "the likeliest class is named")
    lines = table()
    order = [3, 2, 0, 1]
    less = text_of([[line[i] for i in order] for line in lines])
    f.write("less.csv", less)
    plain = f.run("net.nn", "--predict", "less.csv").stdout
    must(list(csv.reader(io.StringIO(plain))) == rows, "columns in any order, without targets")
    must(f.run("net.nn", "--predict", "-", input=less).stdout == plain, "from standard input")
    with gzip.open(os.path.join(f.path, "less.csv.gz"), "wt") as out:
        out.write(less)
    must(f.run("net.nn", "--predict", "less.csv.gz").stdout == plain, "gzipped")
    f.write("less.tsv", less.replace(",", "\t"))
    must(f.run("net.nn", "--predict", "less.tsv").stdout == plain, "separated by tabs")
    f.write("unseen.csv", "id,a,b,colour\n1,0.5,0.25,mauve\n2,0.5,0.25,\n")
    two = list(csv.reader(io.StringIO(f.run("net.nn", "--predict", "unseen.csv").stdout)))
    must(two[1][1:] == two[2][1:], "what is unseen and what is missing are the other class")
    f.write("short.csv", "id,a,colour\n1,0.5,red\n")
    must("b" in f.run("net.nn", "--predict", "short.csv", status=3).stderr, "an absent column is named")
    tested = f.run("net.nn", "--test", "d.csv")
    must([line.split()[0] for line in tested.stdout.splitlines()] == ["loss", "accuracy"] and "small" in tested.stderr, "--test prints values, and the matrix on standard error")


def test_defines_and_weights():
    f = Folder()
    f.run("net.nn", "--train", "d.csv", "-D", "units=5", "-q")
    must("5" in f.run("net.nn", "--predict", "d.csv", "--emit=json").stdout, "a stored value is used")
    f.run("net.nn", "--train", "d.csv", "-D", "unts=5", "-q", status=2)
    f.run("net.nn", "--weights", "net.safetensors", "--train", "d.csv", "-D", "units=6", "-q", status=3)
    f.run("net.nn", "--train", "d.csv", "-R", "epochs 1", "-q", "-D", "units=5", "--weights", "dense_1=net.safetensors")
    f.write("net.safetensors", "no weights at all")
    f.run("net.nn", "--predict", "d.csv", status=3)


def test_another_function():
    """Weights that fit a model which computes something else with them: a warning, with what differs. What changes no output gives none."""
    model = ("# first\nmodel net {\n  input a[2]\n  target y\n  h = a -> dense(4) -> tanh -> dropout(0.2)  # hidden\n  z = h -> neuron\n  loss mse(z, y)\n  output o = z\n  output p = 2 * z\n}\n"
             "train { optimizer adam(rate = 0.01)\n epochs 2 }\n")
    f = Folder(model, [["a", "b", "y"]] + [[str(i % 3), str(i % 5), str(i % 2)] for i in range(20)])
    f.run("net.nn", "--train", "d.csv", "-q")
    help_ = "  help: if that is not meant, use the model's text as it was: it is in the file, as `model`\n"
    head = "nnc: warning: net.safetensors: these weights are of a model that computes the output %s in another way\n"
    relu = head % "o" + "  its model has: h = a -> dense(4) -> tanh -> dropout(0.2)\n  this one has:  h = a -> dense(4) -> relu -> dropout(0.2)\n" + help_
    for old, new, told in (("first", "another", ""), (" -> dropout(0.2)", "", ""), ("adam(rate = 0.01)", "sgd()", ""), ("h = a -> dense(4) -> tanh", "g = a -> dense(4)\n  h = tanh(g)", ""),
                           ("mse", "mae", ""), ("  output p = 2 * z\n", "  output p = z + z\n  output more = h\n", head % "p" + "  its model has: output p = 2 * z\n  this one has:  output p = z + z\n" + help_),
                           ("  output p = 2 * z\n", "  output more = h\n", ""), ("tanh", "relu", relu)):
        f.write("other.nn", model.replace(old, new))
        for use in (["--predict", "d.csv"], ["-o", "net.c"], ["--weights", "net.safetensors", "--train", "d.csv", "-o", "new.safetensors"]):
            said = f.run("other.nn", *use, "-q").stderr
            must(said == told, "%s for %s, %s: %s" % (new, old, use, said))
    must(f.run("other.nn", "--weights", "new.safetensors", "--predict", "d.csv", "-q").stderr == "", "trained on, they are the new model's")
    for key, value in (("nnc", "0.0.9"), ("output.o", None)):
        with open(os.path.join(f.path, "old.safetensors"), "wb") as out:
            out.write(edited(os.path.join(f.path, "net.safetensors"), key, value))
        said = f.run("other.nn", "--weights", "old.safetensors", "--predict", "d.csv", "-q").stderr
        must(("output o" in said) == False and ("output p" in said) == (key != "nnc"), "what was not written, or by another version, is not compared: " + said)
    f.write("other.nn", model.replace("dense(4) -> tanh", "dense(5) -> relu"))
    must("warning" not in f.run("other.nn", "--predict", "d.csv", "-q", status=3).stderr, "where they do not fit that is told alone")


def test_deep_function():
    """A function of a function of .., each of which uses its argument twice: what the outputs compute is told for the weights in no more time than the rest."""
    deep = "h"
    for _ in range(26):
        deep = "twice(%s)" % deep
    f = Folder("fn twice(x[..]) = x*sigmoid(x) + x*0.3\nmodel net {\n  input a[2]\n  target y\n  h = a -> dense(4)\n  g = %s\n  z = g -> neuron\n  loss mse(z, y)\n  output o = z\n}\n"
               "train { optimizer sgd(rate = 0.001)\n epochs 1 }\n" % deep, [["a", "b", "y"], ["1", "2", "3"], ["2", "3", "4"]])
    f.run("net.nn", "--train", "d.csv", "-q")
    must(f.run("net.nn", "--predict", "d.csv", "-q").stderr == "", "and they are that function's")


def test_classes_from_data():
    """A model for two classes, or for ten, says `class` as well as one for any number."""
    two = "model net {\n  input x\n  target y: class\n  z = [x] -> neuron\n  loss binary_cross_entropy(z, y)\n  output p = sigmoid(z)\n  metric accuracy(z, y)\n}\n"
    f = Folder(two, [["x", "y"], ["1", "no"], ["2", "yes"], ["3", "no"]])
    f.run("net.nn", "--check")
    must("2 are assumed" in f.run("net.nn").stdout, "the summary says how many classes are assumed")
    f.run("net.nn", "--train", "d.csv", "-q")
    f.write("three.csv", "x,y\n1,no\n2,yes\n3,perhaps\n")
    must("class of 3" in f.run("net.nn", "--train", "three.csv", "-q", status=1).stderr, "the data's own number of classes is held to")
    f.write("four.nn", two.replace("binary_cross_entropy(z, y)", "cross_entropy([z, 0, 1, 2], y)").replace("  metric accuracy(z, y)\n", "  metric late = if y == 3 then 1 else 0\n"))
    f.run("four.nn", "--check")
    f.write("wrong.nn", two.replace("[x]", "xx"))
    said = f.run("wrong.nn", "--check", status=1).stderr
    must("xx" in said and "class" not in said, "what is wrong with any number of classes is told alone: " + said)


def test_names_of_fits():
    f = Folder("model net {\n  input x[2]\n  target y\n  fit most = max(data: y)\n  fit n = sum(data: 1)\n  z = x -> impute -> normalize -> standardize -> neuron\n  loss mse(z, y / most)\n  output o = z * n\n}\n",
               [["a", "b", "y"], ["1", "2", "3"], ["", "4", "5"]])
    f.run("net.nn", "--train", "d.csv", "-q")
    with open(os.path.join(f.path, "net.safetensors"), "rb") as file:
        names = set(json.loads(file.read(int.from_bytes(file.read(8), "little"))))
    must(names == {"__metadata__", "most", "n", "impute_1.count", "impute_1.mean", "normalize_1.low", "normalize_1.high", "standardize_1.mean", "standardize_1.spread", "neuron_1.w", "neuron_1.b"},
         "fits have their names in the file: %s" % sorted(names))
    f.run("net.nn", "--predict", "d.csv")


def test_summary():
    f = Folder("model net {\n  input x[4]\n  target y\n  enc = dense(4)\n  a = x -> enc -> repeat(3, enc) -> relu -> neuron\n  loss mse(a, y)\n  output o = a\n}\n")
    lines = f.run("net.nn").stdout.splitlines()
    must([line.split()[0] for line in lines if line.split()[-1:] == ["20"]] == ["enc"], "a shared instance is listed once: %s" % lines)


def test_summary_of_weights():
    """`--weights` alone gives the summary of the network that they are of: the data's classes, the `-D` values."""
    f = Folder("let units = 3\nmodel net {\n  input x\n  target y: class\n  s = [x] -> dense(units) -> dense(y.classes)\n  loss cross_entropy(s, y)\n  output p = softmax(s)\n}\n",
               [["x", "y"], ["1", "a"], ["2", "b"], ["3", "c"], ["4", "d"]])
    f.run("net.nn", "--train", "d.csv", "-D", "units=5", "-R", "epochs 1", "-o", "net.h", "-o", "net.safetensors", "-q")
    said = f.run("net.nn", "--weights", "net.safetensors").stdout
    must("parameters %d," % (2 * 5 + 6 * 4) in said and "assumed" not in said, "the summary is of the trained network: " + said)
    must("weights %s bytes" % re.search(r"WEIGHT_BYTES (\d+)", open(f.path + "/net.h").read()).group(1) in said, "its sizes are the header's: " + said)


def test_logged_rate():
    """The rate is what a schedule gives, one with names of its own too."""
    f = Folder("fn rise(high) {\n  at = step / steps\n  part = at^2\n  high * part\n}\nmodel net {\n  input x\n  target y\n  z = [x] -> neuron\n  loss mse(z, y)\n  output o = z\n}\n"
               "train {\n  optimizer sgd(rate = rise(0.1))\n  epochs 4\n  batch all\n}\n", [["x", "y"], ["1", "2"], ["2", "4"]])
    lines = [json.loads(line) for line in f.run("net.nn", "--train", "d.csv", "-q", "--log", "-").stdout.splitlines()]
    rates = [line["rate"] for line in lines if line["event"] == "epoch"]
    must(max(abs(rate - 0.1 * (i / 4)**2) for i, rate in enumerate(rates)) < 1e-9 and len(rates) == 4, "the log's rates: %s" % rates)


def test_loss_of_the_minibatch():
    """A loss may read `batch`, in a term of its own too; measured, it is that of the examples measured, 256 at a time."""
    w, x, y = 0.5, [1, 2, 4], [2, 3, 4]
    p = [w * a for a in x]
    mean = lambda values: sum(values) / len(values)
    square = mean([(a - b)**2 for a, b in zip(p, y)])
    ring = mean([(a - b)**2 for a, b in zip(p, p[1:] + p[:1])])
    losses = {"(p - y)^2 + mean(batch: p)^2": square + mean(p)**2, "(mean(batch: p) - mean(batch: y))^2": (mean(p) - mean(y))**2, "max(batch: p) + l2([w])": max(p) + w**2,
              "(p - y)^2 - mean(batch: (p - neighbour(p))^2)": square - ring, "(p - mean(batch: p))^2": mean([(a - mean(p))**2 for a in p])}
    for loss, expected in losses.items():
        f = Folder("model net {\n  input x\n  target y\n  param w = 0.5\n  p = w * x\n  loss %s\n  output o = p\n  metric mae(p, y)\n}\ntrain {\n  optimizer sgd(rate = 0)\n  epochs 1\n  batch all\n}\n" % loss,
                   [["x", "y"]] + [[str(a), str(b)] for a, b in zip(x, y)])
        lines = [json.loads(line) for line in f.run("net.nn", "--train", "d.csv", "--valid", "d.csv", "-q", "--log", "-").stdout.splitlines()]
        must(abs(lines[0]["loss"] - expected) < 1e-5 and abs(lines[0]["valid_loss"] - expected) < 1e-5, "%s is %g: %s" % (loss, expected, lines[0]))


def test_fused_products():
    """An object has fused products where its cpu has the instruction, and no call of libm's `fmaf` where it has not."""
    f = Folder("model net {\n  input x[4]\n  target y\n  a = x -> dense(8) -> tanh -> neuron\n  loss mse(a, y)\n  output o = a\n}\ntrain {\n  epochs 1\n}\n",
               [["a", "b", "c", "d", "y"], ["1", "2", "3", "4", "5"], ["2", "1", "3", "5", "4"]])
    f.run("net.nn", "--train", "d.csv", "-q")
    for triple, cpu, fused in (("thumbv6m-none-eabi", "cortex-m0", False), ("thumbv7m-none-eabi", "cortex-m3", False), ("thumbv7em-none-eabihf", "cortex-m4", True)):
        f.run("net.nn", "--target", triple, "-mcpu=" + cpu, "-o", "net.s")
        text = open(os.path.join(f.path, "net.s")).read()
        must("fmaf" not in text and ("vfma" in text) == fused, "%s: fused products are %s" % (cpu, "instructions" if fused else "none"))


def test_profile():
    """A line a kernel, the longest first; shares add up; rates and shares of the peak are what time and operations make."""
    f = Folder()
    check_profile(f.run("net.nn", "--train", "d.csv", "-q", "--profile").stderr.splitlines(), 1)
    wide = "net.nn", "--train", "d.csv", "-q", "-D", "units=4096"      # some kernels are worth two threads
    f.run(*wide, "-o", "alone.safetensors", "--threads", "1")
    check_profile(f.run(*wide, "-o", "shared.safetensors", "--threads", "2", "--profile").stderr.splitlines(), 2)
    must(f.hash("shared.safetensors") == f.hash("alone.safetensors"), "the same weights, profiled on two threads or not at all")


def check_profile(told, threads):
    rows = [line[45:].split() for line in told[1:-1]]
    must(told[0].split() == ["kernel", "us", "share", "flops", "bytes", "GFLOP/s", "of", "peak", "line"], "a head of columns: %s" % told[0])
    peak = threads * float(told[-1].split()[-2])
    must(told[-1].startswith("the peak of multiply-adds") and peak > 0.1, "the peak: %s" % told[-1])
    times = [float(r[0]) for r in rows]
    must(told[-2].startswith("a step") and times[:-1] == sorted(times[:-1], reverse=True), "kernels sorted by time, then the step")
    must(abs(sum(float(r[1].rstrip("%")) for r in rows[:-1]) - 100) < 0.06 * len(rows), "shares that add to 100")
    must(abs(sum(times[:-1]) - times[-1]) < 0.01 * len(rows), "times that add to a step's")
    for r in rows:
        us, flops, rate, share = float(r[0]), float(r[2]), float(r[4]), float(r[5].rstrip("%"))
        must(us < 1 or abs(rate - flops / us / 1000) < 0.02 * rate + 0.02, "a rate of operations by time: %s" % r)
        must(abs(share - 100 * rate / peak) < 0.02 * share + 0.2 + 100 * 0.01 / peak, "a share of the peak: %s" % r)
    must(all(re.search(r":\d+$", line) for line in told[1:-2]), "the line of the model at the end")


def test_values():
    f = Folder("model net {\n  input x[2]\n  target y\n  param w[2] = 0.5\n  p = sum(i: w[i] * x[i])\n  loss (p - y)^2\n  output q = p\n}\ntrain { optimizer sgd(rate = 0) }\n",
               [["x", "z", "y"], ["1", "2", "3"], ["2", "1", "4"]])
    lines = f.run("net.nn", "--train", "d.csv", "--emit=values", "-q").stdout.splitlines()
    must("w = [0.5, 0.5]" in lines and "  d loss / d w = [-3, -6]" in lines, "values and derivatives of the first row: %s" % lines)
    must(len(lines) == len(set(lines)), "each tensor is shown once: %s" % lines)


def test_shared_chains():
    """A chain or a repeat that has a name is one instance, however often it is applied; inside a fn and as a setting too."""
    f = Folder("fn twice(f, x) = f(f(x))\nlayer two(f)(x) = f(f(x))\nmodel net {\n  input x[4]\n  target y\n  c = dense(3) -> relu -> dense(4)\n  r = repeat(2, dense(4, bias = false))\n"
               "  a = x -> c -> r -> c -> two(c) -> two(r)\n  b = twice(c, a)\n  noise = dropout(0.5) -> relu\n  loss mse(noise(b)[0] + noise(a)[0], y)\n  output o = b\n}\n")
    model = json.loads(f.run("net.nn", "--emit=json").stdout)
    must(model["parameters"] == 4 * 3 + 3 + 3 * 4 + 4 + 2 * 16, "the parameters of shared chains are made once: %d" % model["parameters"])


def test_use():
    """A file is read once, by whichever path it is used."""
    f = Folder('use "blocks/b.nn"\nuse "./blocks/../blocks//b.nn"\nuse "c.nn"\nmodel net {\n  input x[4]\n  target y\n  loss mse((x -> mine(2))[0], y)\n}\n')
    os.mkdir(os.path.join(f.path, "blocks"))
    f.write("blocks/b.nn", 'use "../c.nn"\nlayer mine(n)(x[k]) = x -> dense(n)\n')
    f.write("c.nn", 'use "net.nn"\nuse "blocks/b.nn"\nfn other(x) = x\n')
    f.run("net.nn", "--check")
    f.run("./blocks/../net.nn", "--check")
    f.run(os.path.join(f.path, "net.nn"), "--check")


def test_settings_of_layers():
    """Settings that a layer cannot have are told at the call, with its numbers, and none is computed with."""
    f = Folder()
    cases = {"x[8, 8, 3]": {"conv(4, 3, stride = 0)": "conv needs stride >= 1, but here stride = 0",
                            "conv(4, 9)": "conv needs size <= h + 2 * pad and size <= w + 2 * pad, but here size = 9, h = 8, pad = 0, w = 8",
                            "conv(4, 3, pad = -1)": "conv needs pad >= 0, but here pad = -1", "max_pool(2, pad = 2)": "max_pool needs pad >= 0 and pad < size, but here pad = 2, size = 2",
                            "avg_pool(9)": "avg_pool needs size <= h", "depthwise_conv(3, stride = 0)": "depthwise_conv needs stride >= 1, but", "group_norm(2)": "group_norm needs c mod groups == 0, but here c = 3, groups = 2",
                            "conv_transpose(1, 3, pad = 9)": "conv_transpose needs 2 * pad < ", "crop(9)": "crop needs size <= h and size <= w, but here size = 9, h = 8, w = 8",
                            "dropout(1.5)": "dropout needs rate >= 0 and rate < 1, but here rate = 1.5", "dropout(1)": "dropout needs rate >= 0 and rate < 1, but here rate = 1"},
             "x[8, 6]": {"multi_head(4)": "multi_head needs d mod heads == 0, but here d = 6, heads = 4", "encoder_block(4, 9)": "multi_head needs d mod heads == 0, but here d = 6, heads = 4",
                         "conv1d(4, 3, dilation = 5)": "conv1d needs dilation * (size - 1) + 1 <= time + 2 * pad, but here dilation = 5, size = 3, time = 8, pad = 0",
                         "conv1d(4, 3, dilation = 0)": "conv1d needs dilation >= 1", "lstm(0)": "a size must be at least 1, but this is 0"}}
    for shape, calls in cases.items():
        for call, told in calls.items():
            f.write("wrong.nn", "model wrong {\n  input %s\n  target y\n  h = x -> %s\n  loss mse(h -> flatten -> neuron, y)\n  output o = h\n}\n" % (shape, call))
            said = f.run("wrong.nn", "--check", status=1).stderr
            must(said.startswith("wrong.nn:4:12: error: " + told) and said.count("error:") == 1, "%s is told at the call: %s" % (call, said))


def test_divergence():
    f = Folder("model net {\n  input x\n  target y\n  h = log(x)\n  z = [h] -> neuron\n  loss mse(z, y)\n  output o = z\n}\ntrain {\n  optimizer sgd(rate = 0.01)\n  epochs 3\n  batch 2\n}\n",
               [["x", "y"], ["1", "1"], ["2", "1"], ["3", "2"], ["-1", "3"]])
    said = f.run("net.nn", "--train", "d.csv", "-q", status=4).stderr
    must("the tensor h (net.nn:4)" in said and "step" in said and "rate" in said, "the first value that broke is named, with its line: " + said)
    must("no weights are written" in said and not f.has("net.safetensors"), "where nothing was measured before, weights are left as they are: " + said)
    f.write("d.csv", "x,y\n" + "1,1\n2,1\n3,2\n" * 30)
    f.run("net.nn", "--train", "d.csv", "-q")
    before = open(os.path.join(f.path, "net.safetensors"), "rb").read()
    f.run("net.nn", "--train", "d.csv", "-q", "-R", "optimizer sgd(rate = 1e30)", status=4)
    must(open(os.path.join(f.path, "net.safetensors"), "rb").read() == before, "trained weights stay")
    said = f.run("net.nn", "--train", "d.csv", "-q", "-R", "optimizer sgd(rate = 10)", "-R", "measure 1 step", "-R", "batch 90", "--epochs", "200", status=4).stderr
    f.write("dead.nn", "model dead {\n  input x\n  target y\n  param w = 1\n  p = relu(w * x)\n  loss mse(p, y)\n  output o = p\n}\ntrain {\n  optimizer sgd(rate = 1e38)\n  epochs 3\n  batch all\n}\n")
    f.write("x.csv", "x,y\n10,1\n20,2\n")
    must("error: w became NaN or infinite, though not the loss, by step 1 (epoch 1)\n" in f.run("dead.nn", "--train", "x.csv", "-q", status=4).stderr and not f.has("dead.safetensors"),
         "weights that nobody could use are divergence too")
    must("last good weights" in said and open(os.path.join(f.path, "net.safetensors"), "rb").read() != before, "the last good weights are kept: " + said)


def test_check_of_classes():
    f = Folder("model net {\n  input x\n  target y: class\n  s = [x] -> dense(y.classes)\n  loss cross_entropy(s, y)\n  output p = softmax(s)\n}\ntrain {\n  epochs 2\n}\n",
               [["x", "y"], ["1", "red"], ["2", "blue"], ["3", "red"], ["4", "green"]])
    said = f.run("net.nn", "--check", "--test", "d.csv", status=3).stderr
    must("train first" in said, "classes that come from data need weights: " + said)
    f.run("net.nn", "--train", "d.csv", "-q")
    must("4 rows" in f.run("net.nn", "--check", "--test", "d.csv").stdout, "the weights know the classes")
    f.write("e.csv", "x,y\n1,red\n2,violet\n")
    must("violet" in f.run("net.nn", "--check", "--test", "e.csv", status=3).stderr, "and which there are not")


def main():
    tests = [value for name, value in sorted(globals().items()) if name.startswith("test_")]
    for test in tests:
        if len(sys.argv) == 1 or test.__name__ in sys.argv[1:]:
            test()
            print(test.__name__, "holds")


main()
