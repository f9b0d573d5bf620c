#!/usr/bin/python3
"""The script of docs/pytorch.md as it stands: its weights give PyTorch's own outputs."""
import os
import re
import sys
import types

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
model = re.search(r"^```nn\n(.*?)^```$", text, re.M | re.S).group(1)

run = nnc_tools.Run(model + "train {\n  optimizer sgd(rate = 0.1)\n  epochs 1\n}\n")
by_hand = types.ModuleType("safetensors_by_hand")
by_hand.save = lambda path, tensors: nnc_tools.write_weights(run.path(path), tensors)
sys.modules["safetensors_by_hand"] = by_hand
names = {}
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
run.close()
