"""The networks of bench/models: their widths, the data that they are trained on, what a step of theirs computes and must keep."""
import json
import os
from types import SimpleNamespace

import numpy as np

from tools import HERE, nnc, write, write_idx


class Network:
    """widths: the model's `let`s. The rest are functions of them: shape, target: of the input and the target; classes; products: the multiply-adds of each product of an example's forward pass, first those
    of which the input needs no gradient; kept: numbers that the backward pass needs of an example (memory.py says which); state: numbers that the optimizer keeps for a parameter."""

    def __init__(self, kind, batch, examples, state, widths, shape, products, kept, classes=lambda w: w.classes, target=lambda w: []):
        self.kind, self.batch, self.examples, self.state = kind, batch, examples, state
        self.widths, self.shape, self.classes, self.target, self.products, self.kept = widths, shape, classes, target, products, kept

    def at(self, **changed):
        """The widths with some of them changed."""
        return SimpleNamespace(**dict(self.widths, **changed))

    def step_flops(self, w, batch):
        """Of the products of a step: forwards, by the weights, and, but for the first ones, by the input."""
        first, *others = self.products(w)
        return 2 * batch * (2 * first + 3 * sum(others))


def resnet_stages(w):
    """Side of the image, channels before and in each stage."""
    half, quarter = (w.side + 1) // 2, (w.side + 3) // 4
    return [(w.side, w.channels_1, w.channels_1), (half, w.channels_1, w.channels_2), (quarter, w.channels_2, w.channels_3)]


def resnet_products(w):
    made = [w.side ** 2 * 9 * w.colours * w.channels_1]
    for side, before, channels in resnet_stages(w):
        made += [side ** 2 * 9 * before * channels] + 5 * [side ** 2 * 9 * channels * channels] + ([side ** 2 * before * channels] if side < w.side else [])
    return made + [w.channels_3 * w.classes]


def resnet_kept(w):
    first, second, third = ((side ** 2 * channels) for side, _, channels in resnet_stages(w))
    return 7 * (first + second + third) + w.channels_3 + w.classes


def lenet_sides(w):
    """After the first pooling, the second convolution, the second pooling."""
    return w.side // 2, w.side // 2 - 4, (w.side // 2 - 4) // 2


def lenet_products(w):
    pooled, second, last = lenet_sides(w)
    return [w.side ** 2 * 25 * w.channels_1, second ** 2 * 25 * w.channels_1 * w.channels_2, last ** 2 * w.channels_2 * w.units_1, w.units_1 * w.units_2, w.units_2 * w.classes]


def lenet_kept(w):
    pooled, second, last = lenet_sides(w)
    return 2 * pooled ** 2 * w.channels_1 + 2 * last ** 2 * w.channels_2 + w.units_1 + w.units_2 + w.classes


def transformer_products(w):
    width = 4 * w.head
    block = w.context * (4 * width ** 2 + 2 * width * w.hidden) + 2 * w.context ** 2 * width      # the mask's half of the scores counts too
    return [0] + 4 * [block] + [w.context * width * w.symbols]


def transformer_kept(w):
    width = 4 * w.head
    return w.context * (4 * (6 * width + 4 * w.context + w.hidden) + w.symbols)


NETWORKS = {
    "small": Network("real", 32, 6400, 2, dict(inputs=4, units=16, classes=3), lambda w: [w.inputs],
                     lambda w: [w.inputs * w.units, w.units * w.classes], lambda w: w.units + w.classes),
    "dense": Network("byte", 64, 12800, 1, dict(inputs=784, units=128, classes=10), lambda w: [w.inputs],
                     lambda w: [w.inputs * w.units, w.units * w.classes], lambda w: w.units + w.classes),
    "wide": Network("byte", 128, 12800, 1, dict(inputs=784, units_1=512, units_2=512, classes=10), lambda w: [w.inputs],
                    lambda w: [w.inputs * w.units_1, w.units_1 * w.units_2, w.units_2 * w.classes], lambda w: w.units_1 + w.units_2 + w.classes),
    "lenet": Network("byte", 64, 12800, 1, dict(side=28, channels_1=6, channels_2=16, units_1=120, units_2=84, classes=10), lambda w: [w.side, w.side], lenet_products, lenet_kept),
    "resnet": Network("byte", 64, 640, 1, dict(side=32, colours=3, channels_1=16, channels_2=32, channels_3=64, classes=10), lambda w: [w.side, w.side, w.colours], resnet_products, resnet_kept),
    "lstm": Network("byte", 64, 1280, 2, dict(time=64, inputs=32, units=128, classes=10), lambda w: [w.time, w.inputs],
                    lambda w: [w.time * w.inputs * 4 * w.units, w.time * w.units * 4 * w.units, w.units * w.classes], lambda w: w.time * 5 * w.units + w.classes),
    "transformer": Network("class", 16, 160, 2, dict(context=128, head=32, hidden=512, symbols=65), lambda w: [w.context], transformer_products, transformer_kept,
                           lambda w: w.symbols, lambda w: [w.context]),
}


def model(name):
    return os.path.join(HERE, "models", name + ".nn")


def write_data(folder, network, w, examples):
    """Random data of these widths; the name of it for --train."""
    shape, classes, target = network.shape(w), network.classes(w), network.target(w)
    rng = np.random.default_rng(0)
    if network.kind == "byte":
        write_idx(os.path.join(folder, "x.idx"), rng.integers(0, 256, [examples] + shape))
        write_idx(os.path.join(folder, "y.idx"), rng.integers(0, classes, [examples] + target))
        return "x.idx,y.idx"
    columns = int(np.prod(shape)), int(np.prod(target)) if target else 1
    lines = [",".join(["x%d" % i for i in range(columns[0])] + (["y%d" % i for i in range(columns[1])] if target else ["y"]))]
    for _ in range(examples):
        x = ["%.4f" % v for v in rng.normal(size=columns[0])] if network.kind == "real" else ["%d" % v for v in rng.integers(0, classes, columns[0])]
        lines.append(",".join(x + ["%d" % v for v in rng.integers(0, classes, columns[1])]))
    write(folder, "d.csv", "\n".join(lines) + "\n")
    return "d.csv"


def speed(folder, path, data, threads, *arguments):
    """Samples a second of a training, as its log says."""
    log = os.path.join(folder, "log")
    nnc(folder, path, "--train", data, "--threads", str(threads), "--log", log, "-q", *arguments)
    with open(log) as f:
        return json.loads(f.readline())["samples_per_second"]
