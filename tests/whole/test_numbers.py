#!/usr/bin/python3
"""What PyTorch has no counterpart for: metrics against numpy, initialisers' moments, augmentation by what it does to a known image, schedules by the logged rate."""
import json
import math
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: numpy is not installed (python3-numpy)")
    sys.exit(77)

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import nnc_tools  # noqa: E402


def near(what, given, expected, part=1e-5):
    if not abs(given - expected) <= part * max(1e-9, abs(expected)):
        sys.exit("%s: %.9g and not %.9g" % (what, given, expected))


def recipe(*lines):
    return "train {\n" + "".join("  %s\n" % line for line in lines) + "}\n"


def tested(run, data):
    nnc_tools.write_csv(run.path("d.csv"), data)
    lines = run.nnc("--weights", "w.safetensors", "--test", "d.csv").splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines}


def check_class_metrics():
    names = ["accuracy(s, y)", "top_k(s, y, n = 2)", "precision(s, y)", "recall(s, y)", "f1(s, y)", "perplexity(s, y)"]
    run = nnc_tools.Run("model m {\n  input x[4]\n  target y: class(5)\n  s = x -> dense(5)\n  loss cross_entropy(s, y)\n  output p = softmax(s)\n" +
                        "".join("  metric %s\n" % name for name in names) + "}\n" + recipe("optimizer sgd(rate = 0.1)", "epochs 1"))
    rng = np.random.default_rng(5)
    w, b, x, y = rng.normal(size=(4, 5)).astype("f"), rng.normal(size=5).astype("f"), rng.normal(size=(700, 4)).astype("f"), rng.integers(0, 5, 700)
    nnc_tools.write_weights(run.path("w.safetensors"), {"dense_1.w": w, "dense_1.b": b})
    given = tested(run, {"x": x, "y": y})
    s = x.astype("d") @ w + b
    said = s.argmax(1)
    hit, named, truth = [np.array([f(c) for c in range(5)]) for f in (lambda c: ((said == c) & (y == c)).sum(), lambda c: (said == c).sum(), lambda c: (y == c).sum())]
    logs = s - np.log(np.exp(s).sum(1, keepdims=True))
    loss = -logs[np.arange(700), y].mean()
    expected = [(said == y).mean(), (((s > s[np.arange(700), y][:, None]).sum(1)) < 2).mean(), (hit / named).mean(), (hit / truth).mean(), (2 * hit / (named + truth)).mean(), math.exp(loss)]
    near("the measured loss", given["loss"], loss)
    for (name, value), wanted in zip([(k, v) for k, v in given.items() if k != "loss"], expected):
        near(name, value, wanted)
    run.close()


def check_real_metrics():
    run = nnc_tools.Run("model m {\n  input x[3]\n  target y\n  z = x -> neuron\n  loss mae(z, y)\n  output p = z\n  metric rmse(z, y)\n  metric r2(z, y)\n}\n" + recipe("optimizer sgd(rate = 0.1)", "epochs 1"))
    rng = np.random.default_rng(6)
    w, x = rng.normal(size=3).astype("f"), rng.normal(size=(500, 3)).astype("f")
    y = (x @ w + rng.normal(size=500)).astype("f")
    nnc_tools.write_weights(run.path("w.safetensors"), {"neuron_1.w": w, "neuron_1.b": np.float32(0.25)})
    given = tested(run, {"x": x, "y": y})
    d = x.astype("d") @ w + 0.25 - y
    near("mae", given["loss"], np.abs(d).mean())
    near("rmse", given["rmse"], math.sqrt((d ** 2).mean()))
    near("r2", given["r2"], 1 - (d ** 2).sum() / ((y - y.mean(dtype="d")) ** 2).sum())
    run.close()


def drawn(weights):
    """The first weights of a dense layer of 300 x 200."""
    run = nnc_tools.Run("model m {\n  input x[300]\n  target y\n  h = x -> dense(200, weights = %s)\n  z = h -> neuron\n  loss mse(z, y)\n  output p = z\n}\n" % weights +
                        recipe("optimizer sgd(rate = 0)", "steps 1", "batch all"))
    nnc_tools.write_csv(run.path("d.csv"), {"x": np.ones((2, 300), "f"), "y": np.zeros(2, "f")})
    run.nnc("--train", "d.csv", "-q")
    found = nnc_tools.read_weights(run.path("m.safetensors"))["dense_1.w"].astype("d")
    run.close()
    return found


def check_initialisers():
    n, m = 300, 200
    for name, spread in (("he_normal", math.sqrt(2 / n)), ("glorot_normal", math.sqrt(2 / (n + m))), ("lecun_normal", math.sqrt(1 / n)), ("normal(0, 0.3)", 0.3)):
        w = drawn(name)
        near(name + ": spread", w.std(), spread, 0.02)
        near(name + ": fourth moment", (w ** 4).mean() / spread ** 4, 3, 0.08)
        near(name + ": mean", w.mean() + 1, 1, 3 * spread / math.sqrt(n * m))
    for name, most in (("he_uniform", math.sqrt(6 / n)), ("glorot_uniform", math.sqrt(6 / (n + m))), ("uniform(-0.2, 0.2)", 0.2)):
        w = drawn(name)
        if not 0.999 * most < np.abs(w).max() <= most * 1.000001:
            sys.exit("%s: the largest is %.6g and not %.6g" % (name, np.abs(w).max(), most))
        near(name + ": spread", w.std(), most / math.sqrt(3), 0.02)
    w = drawn("orthogonal(1.5)")
    if np.abs(w.T @ w - 2.25 * np.eye(m)).max() > 1e-4:
        sys.exit("orthogonal: its columns are not")
    if drawn("zeros").any() or (drawn("constant(0.5)") != 0.5).any():
        sys.exit("constant initialisers are not")


def changed(line, image, spread=None):
    """The mean square of what the augmentation does to the image, over many draws."""
    h, w, c = image.shape
    run = nnc_tools.Run("model m {\n  input x[%d, %d, %d]\n  target y[%d, %d, %d]\n  param one = 1\n  loss mean(i, j, k: (x[i, j, k] * one - y[i, j, k])^2)\n  output p = x\n}\n" % (h, w, c, h, w, c) +
                        recipe("optimizer sgd(rate = 0)", "steps 1", "batch all", "augment x = x -> " + line))
    many = np.repeat(image.reshape(1, -1), 4000, 0)
    nnc_tools.write_csv(run.path("d.csv"), {"x": many, "y": many})
    run.nnc("--train", "d.csv", "--log", "log", "-q")
    loss = json.loads(open(run.path("log")).readline())["loss"]
    run.close()
    return loss


def check_augmentation():
    rng = np.random.default_rng(8)
    image = rng.normal(size=(5, 6, 1)).astype("f")
    ones = np.ones((6, 6, 1), "f")
    near("noise", changed("noise(0.2)", image), 0.04, 0.03)
    near("flip", changed("flip", image), ((image[:, ::-1] - image) ** 2).mean() / 2, 0.08)
    expected = np.mean([((shifted(image, dy, dx) - image) ** 2).mean() for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    near("shift", changed("shift(1)", image), expected, 0.06)
    left = np.mean([(max(0, min(6, t - 1 + 2)) - max(0, t - 1)) * (max(0, min(6, s - 1 + 2)) - max(0, s - 1)) for t in range(6) for s in range(6)]) / 36
    near("cutout", changed("cutout(2)", ones), left, 0.06)
    near("rotate by nothing", changed("rotate(0)", image) + 1, 1)
    near("scale by nothing", changed("scale(0)", image) + 1, 1)
    if not 0 < changed("rotate(90)", image) < 4 or not 0 < changed("scale(0.5)", image) < 4:
        sys.exit("rotate and scale change nothing, or too much")


def shifted(image, dy, dx):
    out = np.zeros_like(image)
    h, w, _ = image.shape
    for i in range(h):
        for j in range(w):
            if 0 <= i + dy < h and 0 <= j + dx < w:
                out[i, j] = image[i + dy, j + dx]
    return out


def check_schedules():
    steps = 20
    rows = (("cosine(0.1, 0.01)", lambda t: 0.01 + 0.09 * (1 + math.cos(math.pi * t / steps)) / 2), ("linear(0.1, 0.02)", lambda t: 0.1 - 0.08 * t / steps),
            ("warmup(0.1, 8)", lambda t: 0.1 * min(1, (t + 1) / 8)), ("inverse_decay(0.1, decay = 0.5)", lambda t: 0.1 / (1 + 0.5 * t)),
            ("step_decay(0.1, factor = 0.5, every = 2)", lambda t: 0.1 * 0.5 ** (t // 4 // 2)), ("exponential_decay(0.1, factor = 0.8)", lambda t: 0.1 * 0.8 ** (t // 4)))
    for line, rate in rows:
        run = nnc_tools.Run("model m {\n  input x\n  target y\n  z = [x] -> neuron\n  loss mse(z, y)\n  output p = z\n}\n" + recipe("optimizer sgd(rate = %s)" % line, "epochs 5", "batch 2", "measure 1 steps"))
        nnc_tools.write_csv(run.path("d.csv"), {"x": np.arange(8, dtype="f") / 8, "y": np.arange(8, dtype="f")})
        run.nnc("--train", "d.csv", "--log", "log", "-q")
        logged = [json.loads(text) for text in open(run.path("log"))]
        for t, event in enumerate(e for e in logged if e["event"] == "epoch"):
            near("%s at step %d" % (line, t), event["rate"], rate(t))
        run.close()


for check in (check_class_metrics, check_real_metrics, check_initialisers, check_augmentation, check_schedules):
    check()
print("metrics, initialisers, augmentation and schedules hold")
