"""For the Python tests: safetensors files written and read by hand, data as CSV, and runs of nnc in a folder of their own."""
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np

NNC = os.environ.get("NNC", "nnc")


def write_weights(path, tensors):
    header, offset, data = {}, 0, b""
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name], dtype=np.float32)
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def read_weights(path):
    with open(path, "rb") as f:
        raw = f.read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    types = {"F32": np.float32, "I32": np.int32}
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            found[name] = np.frombuffer(raw[8 + size + first:8 + size + last], types[entry["dtype"]]).reshape(entry["shape"]).copy()
    return found


def write_csv(path, columns):
    """columns: {name: array [examples, ..]}; floats with nine digits, integers as they are."""
    heads, cells = [], []
    for name, array in columns.items():
        flat = array.reshape(len(array), -1)
        heads += [name] if array.ndim == 1 else ["%s_%d" % (name, i) for i in range(flat.shape[1])]
        cells.append([["%d" % v if array.dtype.kind == "i" else "%.9g" % v for v in row] for row in flat])
    with open(path, "w") as f:
        f.write(",".join(heads) + "\n")
        for rows in zip(*cells):
            f.write(",".join(cell for row in rows for cell in row) + "\n")


class Run:
    """A folder with a model; runs nnc there."""

    def __init__(self, text):
        self.folder = tempfile.TemporaryDirectory()
        self.write("m.nn", text)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def nnc(self, *arguments):
        done = subprocess.run([NNC, "m.nn"] + list(arguments), cwd=self.folder.name, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit("nnc m.nn %s: exit status %d\n%s%s\n%s" % (" ".join(arguments), done.returncode, done.stdout, done.stderr, open(self.path("m.nn")).read()))
        return done.stdout

    def close(self):
        self.folder.cleanup()


def worst(given, expected):
    """The largest difference, as a part of the largest element."""
    given, expected = np.asarray(given, np.float64), np.asarray(expected, np.float64)
    if given.shape != expected.shape:
        return float("inf")
    if not np.isfinite(given).all():
        return float("inf")
    return float(np.abs(given - expected).max() / max(1e-30, np.abs(expected).max()))
