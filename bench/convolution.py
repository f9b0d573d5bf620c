"""A convolution of 3 x 3, 64 to 64 channels of 32 x 32, batch 16, and its two gradients, beside oneDNN's.

nnc's figure is what --profile says of the second of two such layers, whose input has a gradient. Whatever is done for the one product alone counts: the border of zeros, the turned kernel, and, where they are fused with it,
relu and the update of the kernel. The operations are those of oneDNN's figure, 18 a channel and point: what falls on the border counts, also where it is passed over, as oneDNN does.
"""
import os
import tempfile

import numpy as np

from tools import output, profile, program, write, write_idx

BATCH, SIDE, CHANNELS = 16, 32, 64
FLOPS = 18 * BATCH * SIDE ** 2 * CHANNELS ** 2
# what is computed: the beginnings of the names of its kernels
PARTS = {
    "forward": ("conv_2.pad2d", "conv_2.y"),
    "gradient of the input": ("d(conv_2.pad2d", "d(conv_2.x", "conv_2.k.turned"),
    "gradient of the kernel": ("d(conv_2.k)",),
}
MODEL = """model convolution {
  input x[%d, %d, %d]
  target t
  y = x / 255 -> conv(%d, 3, pad = 1) -> relu -> conv(%d, 3, pad = 1) -> relu
  s = sum(i, j, c: y[i, j, c]) / 1000
  loss mse(s, t)
  output p = s
}
train {
  optimizer sgd(rate = 0)
  epochs 10
  batch %d
}
""" % (SIDE, SIDE, CHANNELS, CHANNELS, CHANNELS, BATCH)


def ours(folder, threads, rounds):
    """GFLOP/s of each part, the best round."""
    found = [profile(folder, "m.nn", "x.idx,t.idx", threads) for _ in range(rounds)]
    return [1e-9 * FLOPS / min(sum(s for kernel, s in f.items() if kernel.startswith(names)) for f in found) for names in PARTS.values()]


def tables(quick):
    rounds, rows = 3 if quick else 7, []
    rng = np.random.default_rng(4)
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "m.nn", MODEL)
        write_idx(os.path.join(folder, "x.idx"), rng.integers(0, 256, (BATCH, SIDE, SIDE, CHANNELS)))
        write_idx(os.path.join(folder, "t.idx"), rng.integers(0, 9, BATCH))
        rival = program(folder, "oneDNN", "convolution.c", ["-ldnnl"])
        for threads in (1, 2):
            theirs = [float(r) for r in output([rival, *map(str, (BATCH, SIDE, CHANNELS, rounds))], threads).split()] if rival else [None] * len(PARTS)
            for part, mine, peer in zip(PARTS, ours(folder, threads, rounds), theirs):
                rows.append((part, str(threads), "%.1f" % mine, "%.1f" % peer if peer else "no", "%.0f %%" % (100 * mine / peer) if peer else ""))
    yield ("Convolution of 3 x 3, %d to %d channels of %d x %d, batch %d, GFLOP/s (goal: 95 %% of oneDNN)" % (CHANNELS, CHANNELS, SIDE, SIDE, BATCH),
           ("what", "threads", "nnc", "oneDNN", "of oneDNN"), rows)
