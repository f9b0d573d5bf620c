"""What the measurements share: nnc itself, its files, its profile, and the libraries beside it."""
import glob
import os
import re
import statistics
import struct
import subprocess
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
NNC = os.path.abspath(os.environ.get("NNC", os.path.join(HERE, "../build/nnc")))
LIBRARIES = "/usr/lib/*/openblas-openmp"       # Debian's default BLAS cripples PyTorch


def nnc(folder, *arguments):
    """The finished process; a failed one ends the measurement."""
    done = subprocess.run([NNC, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done


def write_idx(path, array):
    with open(path, "wb") as f:
        f.write(struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(">" + "I" * array.ndim, *array.shape) + np.asarray(array, "u1").tobytes())


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as f:
        f.write(text)


def profile(folder, model, data, threads):
    """Seconds a step of each kernel, by its name as far as --profile prints it; kernels of one name together."""
    told = nnc(folder, model, "--train", data, "--threads", str(threads), "--profile", "-q").stderr
    found = {}
    for name, us in re.findall(r"^(.{44}) +([0-9.]+) +[0-9.]+%", told, re.M):
        found[name.strip()] = found.get(name.strip(), 0) + 1e-6 * float(us)
    return found


def environment(threads):
    """Of a process with the libraries' own threads."""
    made = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    for folder in glob.glob(LIBRARIES):
        made["LD_LIBRARY_PATH"] = folder + ":" + made.get("LD_LIBRARY_PATH", "")
    return made


def program(folder, name, source, flags):
    """A C program of this folder, linked with a library; None where that is not there."""
    path = os.path.join(folder, name)
    include = ["-I" + f for f in glob.glob("/usr/include/*/openblas-openmp")] + ["-L" + f for f in glob.glob(LIBRARIES)]
    done = subprocess.run(["gcc", "-O2", *include, os.path.join(HERE, source), "-o", path, *flags], capture_output=True)
    return path if done.returncode == 0 else None


def output(command, threads):
    """What a program prints that runs on so many threads."""
    return subprocess.run(command, capture_output=True, text=True, env=environment(threads), check=True).stdout


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
    """Of the seconds; of the resident set the largest."""
    found = [run(folder, *command) for _ in range(rounds)]
    return statistics.median(f[0] for f in found), max(f[1] for f in found)
