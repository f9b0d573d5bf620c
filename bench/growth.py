"""How a step's speed grows with batch, width, depth and threads, and what a width less one costs: GFLOP/s, so that a cliff is seen.

Operations are those of the products alone (networks.py), two for each multiply-add; what else a step does lowers the figure, most where products are small.
"""
import math
import os
import statistics
import tempfile

from networks import NETWORKS, Network, model, speed, write_data
from tools import write

BATCHES = [1, 2, 3, 4, 5, 7, 8, 11, 15, 16, 17, 23, 31, 32, 33, 47, 63, 64, 65, 95, 127, 128, 129, 191, 255, 256, 257, 383, 511, 512]
WIDTHS = [8, 9, 12, 15, 16, 17, 23, 31, 32, 33, 47, 63, 64, 65, 95, 127, 128, 129, 191, 255, 256, 257, 383, 511, 512, 513, 767, 1000, 1023, 1024]
DEPTHS = [1, 2, 3, 4, 5, 7, 8, 11, 16, 23, 32, 47, 64]
CLIFF = 0.75       # of the rate at the value before: less is marked
DEARER = 1.25      # times the time of an operation at the round width: more is marked
DEEP = """model deep {
  input image[784]
  target y: class(10)
  s = image / 255%s -> dense(10)
  loss cross_entropy(s, y)
  output p = softmax(s)
}
train {
  optimizer sgd(rate = 0.001, momentum = 0.9)
}
"""


def trial(folder, network, path, widths, batch, threads, seconds):
    """A function that trains for about so long and gives GFLOP/s."""
    w = network.at(**widths)
    flops = network.step_flops(w, batch)
    steps = max(3, min(2048 // batch, math.ceil(seconds * 3e10 / flops)))
    data = write_data(folder, network, w, batch * steps)
    settings = ["--batch", str(batch)] + [a for name, value in widths.items() for a in ("-D", "%s=%d" % (name, value))]

    def gflops(epochs):
        return 1e-9 * flops / batch * speed(folder, path, data, threads, *settings, "--epochs", str(epochs), "-R", "measure %d epochs" % epochs)
    epochs = math.ceil(seconds * 1e9 * gflops(1) / flops / steps)
    return lambda: gflops(epochs)


# ---- growth: a row for each value of a variable; of each series microseconds a step and GFLOP/s ----

def best(network, path, widths, batch, threads, quick):
    with tempfile.TemporaryDirectory() as folder:
        once = trial(folder, network, path, widths, batch, threads, 0.06 if quick else 0.3)
        return max(once() for _ in range(3 if quick else 5))


def grown(title, variable, values, series, quick):
    """series: label: value -> network, path of the model, widths, batch, threads."""
    rows, before = [], {}
    for value in values:
        row = [str(value)]
        for label, at in series.items():
            network, path, widths, batch, threads = at(value)
            reached = best(network, path, widths, batch, threads, quick)
            row += ["%.1f" % (1e-3 * network.step_flops(network.at(**widths), batch) / reached), ("**%.1f**" if reached < CLIFF * before.get(label, 0) else "%.1f") % reached]
            before[label] = reached
        rows.append(tuple(row))
    return title, (variable, *(head for label in series for head in (label + ": us a step", "GFLOP/s"))), rows


def by_batch(name, threads):
    return lambda batch: (NETWORKS[name], model(name), {}, batch, threads)


def by_width(name, width, threads):
    return lambda value: (NETWORKS[name], model(name), {width: value}, NETWORKS[name].batch, threads)


def by_threads(name):
    return lambda threads: (NETWORKS[name], model(name), {}, NETWORKS[name].batch, threads)


def by_depth(folder, threads):
    """784, so many layers of 128, 10."""
    def at(layers):
        write(folder, "deep.nn", DEEP % (" -> dense(128) -> relu" * layers))
        network = Network("byte", 64, 4096, 1, {}, lambda w: [784], lambda w: [784 * 128] + [128 * 128] * (layers - 1) + [128 * 10], None, lambda w: 10)
        return network, os.path.join(folder, "deep.nn"), {}, 64, threads
    return at


def tables(quick):
    note = " (bold: less than %d %% of the rate at the value before)" % (100 * CLIFF)
    threads = sorted({2 ** i for i in range(os.cpu_count().bit_length())} | {os.cpu_count()})
    yield grown("Growth with the batch" + note, "batch", BATCHES, {"784-128-10, 1 thread": by_batch("dense", 1), "2 threads": by_batch("dense", 2), "LeNet-5, 1 thread": by_batch("lenet", 1)}, quick)
    yield grown("Growth with the width: 784-width-10, batch 64" + note, "width", WIDTHS, {"1 thread": by_width("dense", "units", 1), "2 threads": by_width("dense", "units", 2)}, quick)
    with tempfile.TemporaryDirectory() as folder:
        yield grown("Growth with the depth: 784, layers of 128, 10, batch 64" + note, "layers", DEPTHS, {"1 thread": by_depth(folder, 1), "2 threads": by_depth(folder, 2)}, quick)
    yield grown("Growth with the threads" + note, "threads", threads, {name: by_threads(name) for name in ("dense", "wide", "lenet", "lstm")}, quick)


# ---- widths less one ----

def changes(network):
    """What is changed, widths, batch: nothing, each width less one, the batch less one."""
    yield "", {}, network.batch
    for name, value in network.widths.items():
        yield "%s %d" % (name, value - 1), {name: value - 1}, network.batch
    yield "batch %d" % (network.batch - 1), {}, network.batch - 1


def width_rows(name, quick):
    """Each change beside the network as it is, round by round."""
    network, rows = NETWORKS[name], []
    with tempfile.TemporaryDirectory() as folder:
        made = []
        for number, (what, widths, batch) in enumerate(changes(network)):
            place = os.path.join(folder, str(number))
            os.mkdir(place)
            made.append((what, network.step_flops(network.at(**widths), batch), trial(place, network, model(name), widths, batch, 1, 0.1 if quick else 0.5)))
        found = [[once() for _, _, once in made] for _ in range(3 if quick else 7)]
    for number, (what, flops, _) in enumerate(made):
        reached, times = statistics.median(f[number] for f in found), statistics.median(f[0] / f[number] for f in found)
        rows.append((name, what or "as it is", "%.1f" % (1e-3 * flops / reached), "%.1f" % reached, ("**%.2f**" if times > DEARER else "%.2f") % times))
    return rows


def width_tables(quick):
    yield ("Widths less one, one thread: the time of an operation beside that at the round width (goal: within 25 %; bold: more)",
           ("network", "changed", "us a step", "GFLOP/s", "times the round one's"), [row for name in NETWORKS for row in width_rows(name, quick)])


# ---- the drawing: a panel a table, GFLOP/s over the variable ----

PANEL_WIDTH, PANEL_HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 460, 270, 52, 56, 14, 40      # the margins are inside the panel
COLOURS = ("#2f7ec7", "#d9772b", "#2f9e62", "#a65bc2")      # legible on white and on black
STYLE = """text { font: 12px sans-serif; fill: #333 } .title { font-weight: bold } .line { stroke: #333; stroke-opacity: 0.18 } .hollow { fill: #fff }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .line { stroke: #ddd } .hollow { fill: #111 } }"""


def text(x, y, what, anchor="middle", kind=""):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>' % (x, y, anchor, kind, what)


def axes(values, most, variable, at_x, at_y):
    """Lines and numbers: powers of two below, and some five round rates beside."""
    step = next(s for s in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000) if most / s <= 5)
    lines = []
    for rate in range(0, int(most) + 1, step):
        lines += ['<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" class="line"/>' % (LEFT, PANEL_WIDTH - RIGHT, at_y(rate), at_y(rate)), text(LEFT - 6, at_y(rate) + 4, rate, "end")]
    for power in range(int(math.log2(values[0])), int(math.log2(values[-1])) + 1):
        lines += ['<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" class="line"/>' % (at_x(2 ** power), at_x(2 ** power), TOP, PANEL_HEIGHT - BOTTOM), text(at_x(2 ** power), PANEL_HEIGHT - BOTTOM + 15, 2 ** power)]
    return lines + [text((LEFT + PANEL_WIDTH) / 2, PANEL_HEIGHT - 8, variable)]


def line(values, rates, colour, at_x, at_y):
    """A dot a value, hollow where that is no power of two."""
    points = [(at_x(value), at_y(rate)) for value, rate in zip(values, rates)]
    dots = ['<circle cx="%.1f" cy="%.1f" r="2.6" stroke="%s" %s/>' % (x, y, colour, 'class="hollow"' if value & (value - 1) else 'fill="%s"' % colour) for value, (x, y) in zip(values, points)]
    return ['<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>' % (" ".join("%.1f,%.1f" % p for p in points), colour), *dots]


def panel(title, heads, rows):
    values = [int(row[0]) for row in rows]
    series = {heads[i].split(":")[0]: [float(row[i + 1].strip("*")) for row in rows] for i in range(1, len(heads), 2)}
    most, low, span = 1.05 * max(max(rates) for rates in series.values()), math.log2(values[0]), max(1, math.log2(values[-1] / values[0]))
    at_x = lambda value: LEFT + 8 + (PANEL_WIDTH - LEFT - RIGHT - 16) * (math.log2(value) - low) / span
    at_y = lambda rate: PANEL_HEIGHT - BOTTOM - (PANEL_HEIGHT - BOTTOM - TOP) * rate / most
    x, drawn = LEFT, [text(LEFT, 18, title.split(" (")[0].replace("Growth with the", "By") + ", GFLOP/s", "start", "title")] + axes(values, most, heads[0], at_x, at_y)
    for colour, (label, rates) in zip(COLOURS, series.items()):
        drawn += line(values, rates, colour, at_x, at_y) + ['<rect x="%.1f" y="31" width="12" height="4" fill="%s"/>' % (x, colour), text(x + 16, 38, label, "start")]
        x += 34 + 6.5 * len(label)
    return "\n".join(drawn)


def drawing(grown_tables):
    places = [(number % 2 * PANEL_WIDTH, number // 2 * PANEL_HEIGHT) for number in range(len(grown_tables))]
    panels = ['<g transform="translate(%d %d)">\n%s\n</g>' % (x, y, panel(*table)) for (x, y), table in zip(places, grown_tables)]
    return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d">\n<style>%s</style>\n%s\n</svg>\n' % (2 * PANEL_WIDTH, (len(panels) + 1) // 2 * PANEL_HEIGHT, STYLE, "\n".join(panels))
