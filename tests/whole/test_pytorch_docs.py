#!/usr/bin/python3
"""The scripts of docs/pytorch.md and docs/weights.md as they stand: the weights give PyTorch's own outputs, and are read as they were written."""
import os
import re
import sys

try:
    import numpy as np
    import torch
except ImportError:
    print("skipped: PyTorch is not installed (python3-torch)")
    sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import nnc_tools  # noqa: E402

ROOT = os.path.abspath(os.environ.get("NNC_SOURCE_DIR", "."))
text = open(os.path.join(ROOT, "docs/pytorch.md")).read()
script = re.search(r"^```python\n(.*?)^```$", text, re.M | re.S).group(1)
read = re.search(r"^```python\n(.*?)^```$", open(os.path.join(ROOT, "docs/weights.md")).read(), re.M | re.S).group(1)
model = re.search(r"^```nn\n(.*?)^```$", text, re.M | re.S).group(1)

run = nnc_tools.Run(model + "train {\n  optimizer sgd(rate = 0.1)\n  epochs 1\n}\n")
names = {}
os.chdir(run.folder.name)
exec(script, names)

images = np.random.default_rng(3).normal(size=(5, 8, 8, 1)).astype(np.float32)
nnc_tools.write_csv(run.path("d.csv"), {"image": images})
run.nnc("--weights", "net.safetensors", "--predict", "d.csv", "-o", "p.csv", "-q")
heads = open(run.path("p.csv")).readline().strip().split(",")
given = np.loadtxt(run.path("p.csv"), delimiter=",", skiprows=1, usecols=[i for i, head in enumerate(heads) if head != "y"])
with torch.no_grad():
    expected = torch.softmax(names["net"](torch.tensor(images).permute(0, 3, 1, 2)), 1).numpy()
how = nnc_tools.worst(given, expected)
if how > 1e-5:
    sys.exit("off by %.3g of the largest element" % how)

run.nnc("--weights", "net.safetensors", "-o", "iris.safetensors", "-q")
exec(read, names)
if not np.array_equal(names["weights"]["conv_1.k"], names["state"]["0.weight"].permute(2, 3, 1, 0).numpy()) or "model" not in names["about"]:
    sys.exit("the weights file is not read as it was written")
run.close()
