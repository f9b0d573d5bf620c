"""Memory of a training beside the least that it can need.

That least is the sum of
- the parameters and what the optimizer keeps for each (one number with momentum, two in adam);
- the data: a byte for each cell of an IDX file, 4 bytes for each of a CSV;
- for each example of the minibatch what the backward pass needs of the forward pass: the result of each sum that a derivative reads (of products, convolutions, attention's scores), once. What follows from such
  results element by element (relu, a norm's result, a gate) can be computed again and does not count, nor do gradients, of which each can be used up where it is made. A pooling keeps the largest and which it was, the
  LSTM four gates and the cell of each step, a block of the transformer q, k, v, the scores, what is attended to, its projection, and both products of the feed-forward part. networks.py has the formulas.

The plan is what nnc lays out: the persistent block (parameters, the optimizer's numbers, constants), the step's workspace, the minibatch, and the data. The peak is the process's, less that of training a network of
one weight; both have their code in the cache.
"""
import re
import tempfile

from networks import NETWORKS, model, write_data
from tools import NNC, nnc, run, write

SMALL = 1e6        # bytes: what is less drowns in the pages that one process touches and another does not
ONE = """model one {
  input x
  target t
  p = x -> neuron
  loss mse(p, t)
  output q = p
}
train {
  optimizer sgd(rate = 0)
  epochs 1
}
"""


def data_bytes(network, w):
    cells = network.examples * (product(network.shape(w)) + product(network.target(w)))
    return cells * (1 if network.kind == "byte" else 4)


def product(extents):
    made = 1
    for extent in extents:
        made *= extent
    return made


def planned_bytes(folder, name):
    """The persistent block, the workspace and the arguments of the training step, as --emit=loops has them."""
    told = nnc(folder, model(name), "--emit=loops").stdout
    batch, workspace, persistent = map(int, re.search(r"^loops \S+_train batch (\d+) workspace (\d+) persistent (\d+)", told, re.M).groups())
    arguments = re.findall(r"^buffer [^\n]*: \w+\[(\d+)\]( an example)? in argument", told, re.M)
    return workspace + persistent + sum(4 * int(elements) * (batch if each else 1) for elements, each in arguments)


def peak_bytes(folder, path, data, rounds):
    """The median; the first run fills the cache of code."""
    command = (NNC, path, "--train", data, "--epochs", "1", "--threads", "1", "-q", "-o", "memory.safetensors")
    run(folder, *command)
    return sorted(run(folder, *command)[1] for _ in range(rounds))[rounds // 2] * 2 ** 20


def row(name, rounds, baseline):
    network = NETWORKS[name]
    w = network.at()
    with tempfile.TemporaryDirectory() as folder:
        data = write_data(folder, network, w, network.examples)
        parameters = int(re.search(r'"parameters": (\d+),\s*"weight_bytes"', nnc(folder, model(name), "--emit=json").stdout).group(1))
        persistent, kept, cells = 4 * parameters * (1 + network.state), 4 * network.batch * network.kept(w), data_bytes(network, w)
        bound, plan = persistent + kept + cells, planned_bytes(folder, name) + cells
        peak = peak_bytes(folder, model(name), data, rounds) - baseline
    return (name, *("%.2f" % (bytes / 1e6) for bytes in (persistent, kept, cells, bound, plan, peak)), "%.2f" % (plan / bound), "%.2f" % (peak / bound) if bound > SMALL else "too small")


def tables(quick):
    rounds = 3 if quick else 5
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "one.nn", ONE)
        write(folder, "one.csv", "1,2\n2,3\n")
        baseline = peak_bytes(folder, "one.nn", "one.csv", rounds)
    yield ("Memory of a training in MB, beyond the %.1f of the process itself (goal: 1.2 times the least)" % (baseline / 1e6),
           ("network", "parameters and optimizer", "kept for the gradient", "data", "the least", "plan", "peak", "plan / least", "peak / least"), [row(name, rounds, baseline) for name in NETWORKS])
