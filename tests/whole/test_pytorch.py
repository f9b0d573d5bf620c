#!/usr/bin/python3
"""Definitions of the library, and whole models, against PyTorch's: outputs, loss, the gradient of every parameter, and weights after ten steps of each optimizer.

A gradient is read off one step of sgd. Parameters have nnc's names and layouts; the torch side turns them, so autograd gives gradients in nnc's layout too.
Exit 77 where PyTorch is absent.
"""
import json
import sys

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
except ImportError:
    print("skipped: PyTorch is not installed (python3-torch)")
    sys.exit(77)

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import nnc_tools  # noqa: E402

EXAMPLES = 6
RATE = 256.0          # so that what is read off is not lost in the weights' rounding
torch.manual_seed(0)


class Case:
    """name; inputs {name: shape, or (shape, classes)}; target likewise; lines of the model; params {name: shape}; forward(p, x) -> out, loss(out, y)."""

    def __init__(self, name, inputs, target, lines, params, forward, loss=None, loss_line="mse(z, y)", states=None, tolerance=1e-4, positive=False):
        self.__dict__.update(locals())


def declared(name, kind, word):
    shape, classes = kind if isinstance(kind, tuple) and len(kind) == 2 and isinstance(kind[0], list) else (kind, None)
    text = "[%s]" % ", ".join(map(str, shape)) if shape else ""
    return "  %s %s%s%s" % (word, name, text, ": class(%d)" % classes if classes else "")


def drawn(kind, rng, positive=False):
    shape, classes = kind if isinstance(kind, tuple) and len(kind) == 2 and isinstance(kind[0], list) else (kind, None)
    if classes:
        return rng.integers(0, classes, [EXAMPLES] + shape)
    x = rng.normal(size=[EXAMPLES] + shape).astype(np.float32)
    return np.abs(x) + np.float32(0.1) if positive else x


def model_text(case, recipe):
    lines = ["model m {"] + [declared(n, k, "input") for n, k in case.inputs.items()] + [declared("y", case.target, "target")]
    lines += ["  " + line for line in case.lines] + ["  loss " + case.loss_line, "  output out = z", "}", "train {"] + ["  " + r for r in recipe] + ["}", ""]
    return "\n".join(lines)


def tensors(arrays, trained=()):
    return {n: torch.tensor(a, requires_grad=n in trained) for n, a in arrays.items()}


def as_torch(array):
    return torch.tensor(array) if array.dtype.kind == "f" else torch.tensor(array.astype(np.int64))


def fail(case, what, how):
    sys.exit("%s: %s: off by %.3g of the largest element" % (case.name, what, how))


def default_loss(out, y):
    return F.mse_loss(out, y)


def prepare(case, rng):
    params = {n: (0.5 * rng.normal(size=s)).astype(np.float32) for n, s in case.params.items()}
    for n, s in (case.states or {}).items():
        params[n] = (0.5 + rng.random(size=s)).astype(np.float32)
    data = {n: drawn(k, rng, case.positive) for n, k in case.inputs.items()}
    data["y"] = drawn(case.target, rng)
    return params, data


def check(case):
    rng = np.random.default_rng(sum(map(ord, case.name)))
    params, data = prepare(case, rng)
    run = nnc_tools.Run(model_text(case, ["optimizer sgd(rate = %g)" % RATE, "steps 1", "batch all", "shuffle false"]))
    nnc_tools.write_weights(run.path("w.safetensors"), params)
    nnc_tools.write_csv(run.path("d.csv"), data)
    run.nnc("--weights", "w.safetensors", "--predict", "d.csv", "-o", "p.csv", "-q")
    heads = open(run.path("p.csv")).readline().strip().split(",")
    given = np.loadtxt(run.path("p.csv"), delimiter=",", skiprows=1, ndmin=2, usecols=[i for i, head in enumerate(heads) if head != "y"])
    x = {n: as_torch(a) for n, a in data.items() if n != "y"}
    with torch.no_grad():
        out = case.forward(tensors(params), x, False)
    how = nnc_tools.worst(given.reshape(EXAMPLES, -1), out.numpy().reshape(EXAMPLES, -1))
    if how > 1e-5 * (case.tolerance / 1e-4):
        fail(case, "the output", how)
    run.nnc("--train", "d.csv", "--weights", "w.safetensors", "--log", "log.jsonl", "-q")
    after = nnc_tools.read_weights(run.path("m.safetensors"))
    p = tensors(params, case.params)
    loss = (case.loss or default_loss)(case.forward(p, x, True), as_torch(data["y"]))
    loss.backward()
    logged = json.loads(open(run.path("log.jsonl")).readline())["loss"]
    if abs(logged - loss.item()) > 1e-5 * (1 + abs(loss.item())):
        sys.exit("%s: the loss is %.8g, PyTorch's %.8g" % (case.name, logged, loss.item()))
    for n in case.params:
        expected = p[n].grad.numpy() if p[n].grad is not None else np.zeros_like(params[n])
        gradient = (params[n].astype(np.float64) - after[n]) / RATE
        scale = max(np.abs(expected).max(), 1e-2)     # some are zero but for rounding
        if np.abs(gradient - expected).max() > case.tolerance * scale:
            sys.exit("%s: the gradient of %s: off by %.3g where the largest is %.3g" % (case.name, n, np.abs(gradient - expected).max(), scale))
    for n in case.states or {}:
        how = nnc_tools.worst(after[n], p[n].detach().numpy())
        if how > 1e-5:
            fail(case, "the state " + n, how)
    run.close()


# ---- definitions ----

def image(t):
    return t.permute(0, 3, 1, 2)


def channels_last(t):
    return t.permute(0, 2, 3, 1)


def conv(x, k, b, **settings):
    return channels_last(F.conv2d(image(x), k.permute(3, 2, 0, 1), b, **settings))


def elementwise(name, expression, function, **more):
    return Case(name, {"x": [7]}, [7], ["param a[7] = 1", "h[i] = x[i] * a[i]", "z = %s" % expression],
                {"a": [7]}, lambda p, x, training: function(x["x"] * p["a"]), **more)


def batch_norm(p, x, training):
    return channels_last(F.batch_norm(image(x["x"]), p["batch_norm_1.mean"], p["batch_norm_1.variance"], p["batch_norm_1.gain"], p["batch_norm_1.bias"], training, 0.1, 1e-5))


def recurrent(kind, p, x, units, gates, prefix, forget=0.0, reverse=False):
    """torch's layer of that kind with nnc's weights."""
    n = x.shape[-1]
    w, u, b = p[prefix + ".w"], p[prefix + ".u"], p[prefix + ".b"]
    extra = torch.zeros(gates * units)
    if forget:
        extra = torch.cat([torch.zeros(units), torch.full((units,), forget), torch.zeros(2 * units)])
    bias_hidden = torch.zeros(gates * units)
    if kind == "GRU":
        bias_hidden = torch.cat([torch.zeros(2 * units), p[prefix + ".bn"]])
    flat = [w.t().contiguous(), u.t().contiguous(), b + extra, bias_hidden]
    h0 = torch.zeros(1, x.shape[0], units)
    if reverse:
        x = x.flip(1)
    if kind == "LSTM":
        out, _, _ = torch._VF.lstm(x, (h0, h0), flat, True, 1, 0.0, False, False, True)
    elif kind == "GRU":
        out, _ = torch._VF.gru(x, h0, flat, True, 1, 0.0, False, False, True)
    else:
        out, _ = torch._VF.rnn_tanh(x, h0, flat, True, 1, 0.0, False, False, True)
    del n
    return out.flip(1) if reverse else out


def multi_head(p, x, prefix, heads, causal, memory=None):
    memory = x if memory is None else memory
    d = x.shape[-1]
    mask = torch.triu(torch.ones(x.shape[1], memory.shape[1], dtype=torch.bool), 1) if causal else None
    out, _ = F.multi_head_attention_forward(
        x.transpose(0, 1), memory.transpose(0, 1), memory.transpose(0, 1), d, heads, None,
        torch.cat([p[prefix + ".bq"], p[prefix + ".bk"], p[prefix + ".bv"]]), None, None, False, 0.0, p[prefix + ".wo"].t(), p[prefix + ".bo"], True, None, False, mask, True,
        p[prefix + ".wq"].t(), p[prefix + ".wk"].t(), p[prefix + ".wv"].t())
    return out.transpose(0, 1)


def masked_attention(q, k, v, seen, causal):
    """What sees nothing gives 0, which PyTorch's own gives as NaN."""
    opened = seen[:, None, :].expand(-1, q.shape[1], -1)
    opened = opened & torch.ones_like(opened).tril() if causal else opened
    e = torch.exp(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5) * opened
    total = e.sum(-1, keepdim=True)
    return e @ v / torch.where(total > 0, total, torch.ones_like(total))


def masked(causal):
    def forward(p, x, training):
        h = linear(p, x["x"], "dense_1")
        return masked_attention(h, h, x["x"], x["m"] > 0, causal)
    return forward


def attention_shapes(prefix, d):
    return {prefix + "." + n: [d, d] if n[0] == "w" else [d] for n in ("wq", "wk", "wv", "wo", "bq", "bk", "bv", "bo")}


def encoder(p, x, prefix, heads, causal=False):
    a = multi_head(p, x, prefix + ".multi_head_1", heads, causal)
    d = x.shape[-1]
    b = F.layer_norm(x + a, [d], p[prefix + ".layer_norm_1.gain"], p[prefix + ".layer_norm_1.bias"])
    f = prefix + ".feed_forward_1."
    c = F.linear(F.relu(F.linear(b, p[f + "dense_1.w"].t(), p[f + "dense_1.b"])), p[f + "dense_2.w"].t(), p[f + "dense_2.b"])
    return F.layer_norm(b + c, [d], p[prefix + ".layer_norm_2.gain"], p[prefix + ".layer_norm_2.bias"])


def encoder_shapes(prefix, d, hidden):
    shapes = attention_shapes(prefix + ".multi_head_1", d)
    for norm in ("layer_norm_1", "layer_norm_2"):
        shapes.update({"%s.%s.gain" % (prefix, norm): [d], "%s.%s.bias" % (prefix, norm): [d]})
    f = prefix + ".feed_forward_1."
    shapes.update({f + "dense_1.w": [d, hidden], f + "dense_1.b": [hidden], f + "dense_2.w": [hidden, d], f + "dense_2.b": [d]})
    return shapes


def linear(p, x, name):
    return F.linear(x, p[name + ".w"].t(), p[name + ".b"])


CASES = [
    elementwise("relu", "relu(h)", F.relu), elementwise("leaky_relu", "leaky_relu(h, slope = 0.2)", lambda h: F.leaky_relu(h, 0.2)), elementwise("elu", "elu(h, alpha = 1.3)", lambda h: F.elu(h, 1.3)),
    elementwise("selu", "selu(h)", F.selu), elementwise("silu", "silu(h)", F.silu), elementwise("gelu", "gelu(h)", F.gelu), elementwise("softplus", "softplus(h)", F.softplus),
    elementwise("hard_sigmoid", "hard_sigmoid(h)", F.hardsigmoid), elementwise("hard_swish", "hard_swish(h)", F.hardswish), elementwise("mish", "mish(h)", F.mish),
    elementwise("tanh", "tanh(h)", torch.tanh), elementwise("sigmoid", "sigmoid(h)", torch.sigmoid), elementwise("softmax", "softmax(h)", lambda h: F.softmax(h, 1)),
    elementwise("log_softmax", "log_softmax(h)", lambda h: F.log_softmax(h, 1)),
    elementwise("mae", "identity(h)", lambda h: h, loss=F.l1_loss, loss_line="mae(z, y)"),
    elementwise("huber", "identity(h)", lambda h: h, loss=lambda o, y: F.huber_loss(o, y, delta=0.7), loss_line="huber(z, y, delta = 0.7)"),
    Case("prelu", {"x": [5, 4]}, [5, 4], ["z = x -> prelu"], {"prelu_1.slope": [4]}, lambda p, x, t: F.prelu(x["x"].permute(0, 2, 1), p["prelu_1.slope"]).permute(0, 2, 1)),
    Case("dense", {"x": [5, 4]}, [5, 3], ["z = x -> dense(3)"], {"dense_1.w": [4, 3], "dense_1.b": [3]}, lambda p, x, t: linear(p, x["x"], "dense_1")),
    Case("conv", {"x": [7, 6, 2]}, [7, 6, 3], ["z = x -> conv(3, 3, pad = 1)"], {"conv_1.k": [3, 3, 2, 3], "conv_1.b": [3]}, lambda p, x, t: conv(x["x"], p["conv_1.k"], p["conv_1.b"], padding=1)),
    Case("conv, stride 2", {"x": [9, 8, 2]}, [4, 4, 3], ["z = x -> conv(3, 2, stride = 2)"], {"conv_1.k": [2, 2, 2, 3], "conv_1.b": [3]},
         lambda p, x, t: conv(x["x"], p["conv_1.k"], p["conv_1.b"], stride=2)),
    Case("conv1d, dilated", {"x": [12, 3]}, [6, 4], ["z = x -> conv1d(4, 3, stride = 2, pad = 2, dilation = 2)"], {"conv1d_1.k": [3, 3, 4], "conv1d_1.b": [4]},
         lambda p, x, t: F.conv1d(x["x"].permute(0, 2, 1), p["conv1d_1.k"].permute(2, 1, 0), p["conv1d_1.b"], stride=2, padding=2, dilation=2).permute(0, 2, 1)),
    Case("conv_transpose", {"x": [4, 3, 2]}, [7, 5, 3], ["z = x -> conv_transpose(3, 3, stride = 2, pad = 1)"], {"conv_transpose_1.k": [3, 3, 2, 3], "conv_transpose_1.b": [3]},
         lambda p, x, t: channels_last(F.conv_transpose2d(image(x["x"]), p["conv_transpose_1.k"].permute(2, 3, 0, 1), p["conv_transpose_1.b"], stride=2, padding=1))),
    Case("depthwise_conv", {"x": [6, 5, 3]}, [3, 3, 3], ["z = x -> depthwise_conv(3, stride = 2, pad = 1)"], {"depthwise_conv_1.k": [3, 3, 3], "depthwise_conv_1.b": [3]},
         lambda p, x, t: channels_last(F.conv2d(image(x["x"]), p["depthwise_conv_1.k"].permute(2, 0, 1).unsqueeze(1), p["depthwise_conv_1.b"], stride=2, padding=1, groups=3))),
    Case("max_pool", {"x": [6, 6, 2]}, [3, 3, 2], ["param a[6, 6, 2] = 1", "h[i, j, k] = x[i, j, k] * a[i, j, k]", "z = h -> max_pool(3, stride = 2, pad = 1)"], {"a": [6, 6, 2]},
         lambda p, x, t: channels_last(F.max_pool2d(image(x["x"] * p["a"]), 3, 2, 1))),
    Case("avg_pool", {"x": [6, 6, 2]}, [3, 3, 2], ["param a[6, 6, 2] = 1", "h[i, j, k] = x[i, j, k] * a[i, j, k]", "z = h -> avg_pool(3, stride = 2, pad = 1)"], {"a": [6, 6, 2]},
         lambda p, x, t: channels_last(F.avg_pool2d(image(x["x"] * p["a"]), 3, 2, 1, count_include_pad=False))),
    Case("global_avg_pool", {"x": [4, 5, 3]}, [2], ["z = x -> global_avg_pool -> dense(2)"], {"dense_1.w": [3, 2], "dense_1.b": [2]}, lambda p, x, t: linear(p, x["x"].mean((1, 2)), "dense_1")),
    Case("local_response_norm", {"x": [3, 3, 6]}, [3, 3, 6], ["param a[6] = 1", "h[i, j, k] = x[i, j, k] * a[k]", "z = h -> local_response_norm(3, alpha = 0.1)"], {"a": [6]},
         lambda p, x, t: channels_last(F.local_response_norm(image(x["x"] * p["a"]), 3, alpha=0.3, beta=0.75, k=2.0))),
    Case("batch_norm", {"x": [4, 3, 5]}, [4, 3, 5], ["z = x -> batch_norm"], {"batch_norm_1.gain": [5], "batch_norm_1.bias": [5]}, batch_norm, states={"batch_norm_1.mean": [5], "batch_norm_1.variance": [5]}),
    Case("layer_norm", {"x": [4, 6]}, [4, 6], ["z = x -> layer_norm"], {"layer_norm_1.gain": [6], "layer_norm_1.bias": [6]},
         lambda p, x, t: F.layer_norm(x["x"], [6], p["layer_norm_1.gain"], p["layer_norm_1.bias"])),
    Case("group_norm", {"x": [3, 4, 6]}, [3, 4, 6], ["z = x -> group_norm(2)"], {"group_norm_1.gain": [6], "group_norm_1.bias": [6]},
         lambda p, x, t: channels_last(F.group_norm(image(x["x"]).contiguous(), 2, p["group_norm_1.gain"], p["group_norm_1.bias"]))),
    Case("rms_norm", {"x": [4, 6]}, [4, 6], ["z = x -> rms_norm"], {"rms_norm_1.gain": [6]},
         lambda p, x, t: x["x"] / torch.sqrt((x["x"] ** 2).mean(-1, keepdim=True) + 1e-6) * p["rms_norm_1.gain"]),
    Case("embed", {"x": ([5], 7)}, [5, 4], ["z = x -> embed(4)"], {"embed_1.e": [7, 4]}, lambda p, x, t: F.embedding(x["x"], p["embed_1.e"])),
    Case("rnn", {"x": [6, 3]}, [6, 4], ["z = x -> rnn(4)"], {"rnn_1.w": [3, 4], "rnn_1.u": [4, 4], "rnn_1.b": [4]}, lambda p, x, t: recurrent("RNN", p, x["x"], 4, 1, "rnn_1")),
    Case("lstm", {"x": [6, 3]}, [6, 4], ["z = x -> lstm(4)"], {"lstm_1.w": [3, 16], "lstm_1.u": [4, 16], "lstm_1.b": [16]}, lambda p, x, t: recurrent("LSTM", p, x["x"], 4, 4, "lstm_1", 1.0)),
    Case("gru", {"x": [6, 3]}, [6, 4], ["z = x -> gru(4)"], {"gru_1.w": [3, 12], "gru_1.u": [4, 12], "gru_1.b": [12], "gru_1.bn": [4]}, lambda p, x, t: recurrent("GRU", p, x["x"], 4, 3, "gru_1")),
    Case("multi_head", {"x": [5, 8]}, [5, 8], ["z = x -> multi_head(2)"], attention_shapes("multi_head_1", 8), lambda p, x, t: multi_head(p, x["x"], "multi_head_1", 2, False)),
    Case("multi_head, causal", {"x": [5, 8]}, [5, 8], ["z = x -> multi_head(4, causal = true)"], attention_shapes("multi_head_1", 8), lambda p, x, t: multi_head(p, x["x"], "multi_head_1", 4, True)),
    Case("attention, masked", {"x": [6, 4], "m": [6]}, [6, 4], ["h = x -> dense(4)", "seen[u] = m[u] > 0", "z = attention(h, h, x, mask = seen)"],
         {"dense_1.w": [4, 4], "dense_1.b": [4]}, masked(False)),
    Case("attention, masked and causal: early rows may see nothing", {"x": [40, 4], "m": [40]}, [40, 4],
         ["h = x -> dense(4)", "seen[u] = m[u] > 0", "z = attention(h, h, x, causal = true, mask = seen)"], {"dense_1.w": [4, 4], "dense_1.b": [4]}, masked(True)),
    Case("multi_head, causal, of many rows", {"x": [70, 8]}, [70, 8], ["z = x -> multi_head(2, causal = true)"], attention_shapes("multi_head_1", 8),
         lambda p, x, t: multi_head(p, x["x"], "multi_head_1", 2, True)),
    Case("encoder_block", {"x": [5, 8]}, [5, 8], ["z = x -> encoder_block(2, 12, rate = 0)"], encoder_shapes("encoder_block_1", 8, 12), lambda p, x, t: encoder(p, x["x"], "encoder_block_1", 2)),
    Case("cross_entropy, smoothed", {"x": [4]}, ([], 3), ["z = x -> dense(3)"], {"dense_1.w": [4, 3], "dense_1.b": [3]}, lambda p, x, t: linear(p, x["x"], "dense_1"),
         loss=lambda o, y: F.cross_entropy(o, y, label_smoothing=0.1), loss_line="cross_entropy(z, y, smoothing = 0.1)"),
    Case("binary_cross_entropy", {"x": [4]}, ([], 2), ["z = x -> neuron"], {"neuron_1.w": [4], "neuron_1.b": []}, lambda p, x, t: x["x"] @ p["neuron_1.w"] + p["neuron_1.b"],
         loss=lambda o, y: F.binary_cross_entropy_with_logits(o, y.float()), loss_line="binary_cross_entropy(z, y)"),
    Case("nll", {"x": [4]}, ([], 3), ["z = softmax(x -> dense(3))"], {"dense_1.w": [4, 3], "dense_1.b": [3]}, lambda p, x, t: F.softmax(linear(p, x["x"], "dense_1"), 1),
         loss=lambda o, y: F.nll_loss(torch.log(o), y), loss_line="nll(z, y)"),
]


def tied(p, x, training):
    return torch.tanh(linear(p, F.embedding(x["x"], p["enc.e"]), "dense_1")) @ p["enc.e"].t()


def strided_groups(p, x, training):
    h = F.conv2d(image(x["x"]), p["conv_1.k"].permute(3, 2, 0, 1), p["conv_1.b"], stride=3, padding=1)
    h = F.relu(F.group_norm(h, 2, p["group_norm_1.gain"], p["group_norm_1.bias"]))
    return linear(p, channels_last(h).reshape(len(h), -1), "dense_1")


CASES += [
    Case("tied weights", {"x": ([5], 7)}, ([5], 7), ["enc = embed(4)", "h = enc(x) -> dense(4) -> tanh", "z[t, k] = sum(i: h[t, i] * enc.e[k, i])"],
         {"enc.e": [7, 4], "dense_1.w": [4, 4], "dense_1.b": [4]}, tied, loss=lambda o, y: F.cross_entropy(o.reshape(-1, 7), y.reshape(-1)), loss_line="cross_entropy(z, y)"),
    Case("stride 3, groups, class weights", {"x": [8, 8, 2]}, ([], 3), ["z = x -> conv(4, 3, stride = 3, pad = 1) -> group_norm(2) -> relu -> flatten -> dense(3)"],
         {"conv_1.k": [3, 3, 2, 4], "conv_1.b": [4], "group_norm_1.gain": [4], "group_norm_1.bias": [4], "dense_1.w": [36, 3], "dense_1.b": [3]}, strided_groups,
         loss=lambda o, y: F.cross_entropy(o, y, weight=torch.tensor([0.5, 2, 1.5], dtype=o.dtype), reduction="none").mean(), loss_line="cross_entropy(z, y, weights = [0.5, 2, 1.5])"),
    Case("words in many classes", {"x": ([9], 40)}, [2], ["h = x -> embed(5)", "m[c] = sum(t: h[t, c])", "z = m -> dense(2)"], {"embed_1.e": [40, 5], "dense_1.w": [5, 2], "dense_1.b": [2]},
         lambda p, x, t: linear(p, F.embedding_bag(x["x"], p["embed_1.e"], mode="sum"), "dense_1")),
]


# ---- whole models ----

def lenet(p, x, training):
    h = F.max_pool2d(F.relu(F.conv2d(image(x["x"]), p["conv_1.k"].permute(3, 2, 0, 1), p["conv_1.b"], padding=2)), 2)
    h = F.max_pool2d(F.relu(F.conv2d(h, p["conv_2.k"].permute(3, 2, 0, 1), p["conv_2.b"])), 2)
    h = channels_last(h).reshape(len(h), -1)
    return linear(p, F.relu(linear(p, h, "dense_1")), "dense_2")


def normalized(p, x, training):
    h = conv(x["x"], p["conv_1.k"], p["conv_1.b"], padding=1)
    h = F.relu(channels_last(F.batch_norm(image(h), p["batch_norm_1.mean"], p["batch_norm_1.variance"], p["batch_norm_1.gain"], p["batch_norm_1.bias"], training, 0.1, 1e-5)))
    return linear(p, h.mean((1, 2)), "dense_1")


def both_ways(p, x, training):
    a = recurrent("LSTM", p, x["x"], 5, 4, "bidirectional_1.lstm_1", 1.0)
    b = recurrent("GRU", p, x["x"], 4, 3, "bidirectional_1.gru_1", reverse=True)
    return linear(p, torch.cat([a, b], 2), "dense_1")


def language(p, x, training):
    h = F.embedding(x["x"], p["embed_1.e"]) + p["position_1.p"]
    h = encoder(p, encoder(p, h, "encoder_block_1", 2, True), "encoder_block_2", 2, True)
    return linear(p, h, "dense_1")


def classes(o, y):
    return F.cross_entropy(o.reshape(-1, o.shape[-1]), y.reshape(-1))


MODELS = [
    Case("perceptron", {"x": [6]}, ([], 4), ["z = x -> dense(9) -> tanh -> dense(7) -> relu -> dense(4)"],
         {"dense_1.w": [6, 9], "dense_1.b": [9], "dense_2.w": [9, 7], "dense_2.b": [7], "dense_3.w": [7, 4], "dense_3.b": [4]},
         lambda p, x, t: linear(p, F.relu(linear(p, torch.tanh(linear(p, x["x"], "dense_1")), "dense_2")), "dense_3"), loss=classes, loss_line="cross_entropy(z, y)"),
    Case("convolutions", {"x": [12, 12, 1]}, ([], 3), ["z = x -> conv(4, 5, pad = 2) -> relu -> max_pool -> conv(6, 3) -> relu -> max_pool -> flatten -> dense(8) -> relu -> dense(3)"],
         {"conv_1.k": [5, 5, 1, 4], "conv_1.b": [4], "conv_2.k": [3, 3, 4, 6], "conv_2.b": [6], "dense_1.w": [24, 8], "dense_1.b": [8], "dense_2.w": [8, 3], "dense_2.b": [3]},
         lenet, loss=classes, loss_line="cross_entropy(z, y)"),
    Case("normalized convolutions", {"x": [6, 6, 3]}, ([], 3), ["z = x -> conv(8, 3, pad = 1) -> batch_norm -> relu -> global_avg_pool -> dense(3)"],
         {"conv_1.k": [3, 3, 3, 8], "conv_1.b": [8], "batch_norm_1.gain": [8], "batch_norm_1.bias": [8], "dense_1.w": [8, 3], "dense_1.b": [3]},
         normalized, loss=classes, loss_line="cross_entropy(z, y)", states={"batch_norm_1.mean": [8], "batch_norm_1.variance": [8]}, tolerance=2e-4),
    Case("recurrences both ways", {"x": [7, 3]}, [7, 2], ["z = x -> bidirectional(lstm(5), gru(4)) -> dense(2)"],
         {"bidirectional_1.lstm_1.w": [3, 20], "bidirectional_1.lstm_1.u": [5, 20], "bidirectional_1.lstm_1.b": [20], "bidirectional_1.gru_1.w": [3, 12], "bidirectional_1.gru_1.u": [4, 12],
          "bidirectional_1.gru_1.b": [12], "bidirectional_1.gru_1.bn": [4], "dense_1.w": [9, 2], "dense_1.b": [2]}, both_ways),
    Case("a language model", {"x": ([9], 11)}, ([9], 11),
         ["z = x -> embed(8) -> position(learned = true) -> encoder_block(2, 12, rate = 0, causal = true) -> encoder_block(2, 12, rate = 0, causal = true) -> dense(11)"],
         {**{"embed_1.e": [11, 8], "position_1.p": [9, 8], "dense_1.w": [8, 11], "dense_1.b": [11]}, **encoder_shapes("encoder_block_1", 8, 12), **encoder_shapes("encoder_block_2", 8, 12)},
         language, loss=classes, loss_line="cross_entropy(z, y)", tolerance=2e-4),
]

def residual(p, x, training):
    h = F.relu(conv(x["x"], p["conv_1.k"], p["conv_1.b"], padding=1))
    y = conv(F.relu(conv(h, p["residual_1.conv_1.k"], p["residual_1.conv_1.b"], padding=1)), p["residual_1.conv_2.k"], p["residual_1.conv_2.b"], padding=1)
    return linear(p, F.relu(y + h).mean((1, 2)), "dense_1")


def autoencoder(p, x, training):
    h = F.relu(linear(p, x["x"], "dense_1"))
    return torch.sigmoid(linear(p, F.relu(linear(p, linear(p, h, "dense_2"), "dense_3")), "dense_4"))


def signals(p, x, training):
    h = F.relu(F.conv1d(x["x"].permute(0, 2, 1), p["conv1d_1.k"].permute(2, 1, 0), p["conv1d_1.b"], padding=2))
    h = F.relu(F.conv1d(h, p["conv1d_2.k"].permute(2, 1, 0), p["conv1d_2.b"], stride=2)).permute(0, 2, 1)
    return linear(p, h.mean(1), "dense_1")


def normed_perceptron(p, x, training):
    h = F.gelu(F.layer_norm(linear(p, x["x"], "dense_1"), [8], p["layer_norm_1.gain"], p["layer_norm_1.bias"]))
    return linear(p, F.silu(h), "dense_2")


def stacked(p, x, training):
    return linear(p, recurrent("LSTM", p, recurrent("GRU", p, x["x"], 5, 3, "gru_1"), 4, 4, "lstm_1", 1.0)[:, -1], "dense_1")


def mixer(p, x, training):
    h = F.embedding(x["x"], p["embed_1.e"])
    return linear(p, multi_head(p, h, "multi_head_1", 2, False).mean(1), "dense_1")


def generator(p, x, training):
    h = F.relu(linear(p, x["x"], "dense_1")).reshape(-1, 3, 3, 4)
    h = channels_last(F.conv_transpose2d(image(h), p["conv_transpose_1.k"].permute(2, 3, 0, 1), p["conv_transpose_1.b"], stride=2, padding=1))
    return torch.tanh(conv(h, p["conv_1.k"], p["conv_1.b"], padding=1))


LSTM_GRU = {"gru_1.w": [3, 15], "gru_1.u": [5, 15], "gru_1.b": [15], "gru_1.bn": [5], "lstm_1.w": [5, 16], "lstm_1.u": [4, 16], "lstm_1.b": [16], "dense_1.w": [4, 2], "dense_1.b": [2]}
MODELS += [
    Case("a residual network", {"x": [5, 5, 2]}, ([], 3), ["h = x -> conv(4, 3, pad = 1) -> relu", "z = h -> residual(conv(4, 3, pad = 1) -> relu -> conv(4, 3, pad = 1)) -> relu -> global_avg_pool -> dense(3)"],
         {"conv_1.k": [3, 3, 2, 4], "conv_1.b": [4], "residual_1.conv_1.k": [3, 3, 4, 4], "residual_1.conv_1.b": [4], "residual_1.conv_2.k": [3, 3, 4, 4], "residual_1.conv_2.b": [4], "dense_1.w": [4, 3], "dense_1.b": [3]},
         residual, loss=classes, loss_line="cross_entropy(z, y)"),
    Case("an autoencoder", {"x": [9]}, [9], ["z = x -> dense(6) -> relu -> dense(2) -> dense(6) -> relu -> dense(9) -> sigmoid"],
         {"dense_1.w": [9, 6], "dense_1.b": [6], "dense_2.w": [6, 2], "dense_2.b": [2], "dense_3.w": [2, 6], "dense_3.b": [6], "dense_4.w": [6, 9], "dense_4.b": [9]}, autoencoder),
    Case("convolutions along time", {"x": [14, 2]}, ([], 4), ["h = x -> conv1d(5, 5, pad = 2) -> relu -> conv1d(6, 3, stride = 2) -> relu", "m[c] = mean(t: h[t, c])", "z = m -> dense(4)"],
         {"conv1d_1.k": [5, 2, 5], "conv1d_1.b": [5], "conv1d_2.k": [3, 5, 6], "conv1d_2.b": [6], "dense_1.w": [6, 4], "dense_1.b": [4]}, signals, loss=classes, loss_line="cross_entropy(z, y)"),
    Case("a normed perceptron", {"x": [6]}, [3], ["z = x -> dense(8) -> layer_norm -> gelu -> silu -> dense(3)"],
         {"dense_1.w": [6, 8], "dense_1.b": [8], "layer_norm_1.gain": [8], "layer_norm_1.bias": [8], "dense_2.w": [8, 3], "dense_2.b": [3]}, normed_perceptron,
         loss=F.huber_loss, loss_line="huber(z, y)"),
    Case("recurrences one upon another", {"x": [6, 3]}, [2], ["z = x -> gru(5) -> lstm(4) -> last -> dense(2)"], LSTM_GRU, stacked),
    Case("attention over words", {"x": ([6], 9)}, ([], 3), ["h = x -> embed(8) -> multi_head(2)", "m[c] = mean(t: h[t, c])", "z = m -> dense(3)"],
         {**{"embed_1.e": [9, 8], "dense_1.w": [8, 3], "dense_1.b": [3]}, **attention_shapes("multi_head_1", 8)}, mixer, loss=classes, loss_line="cross_entropy(z, y)"),
    Case("a generator of images", {"x": [5]}, [5, 5, 2], ["h = x -> dense(36) -> relu", "g = reshape(h, [3, 3, 4])", "z = g -> conv_transpose(3, 3, stride = 2, pad = 1) -> conv(2, 3, pad = 1) -> tanh"],
         {"dense_1.w": [5, 36], "dense_1.b": [36], "conv_transpose_1.k": [3, 3, 4, 3], "conv_transpose_1.b": [3], "conv_1.k": [3, 3, 3, 2], "conv_1.b": [2]}, generator),
]


# ---- optimizers ----

def groups(p, decay):
    """nnc decays tensors of more than one dimension alone."""
    return [{"params": [t for t in p if t.dim() > 1], "weight_decay": decay}, {"params": [t for t in p if t.dim() <= 1], "weight_decay": 0}]


OPTIMIZERS = [
    ("sgd(rate = 0.1)", lambda p: torch.optim.SGD(p, 0.1)),
    ("sgd(rate = 0.1, momentum = 0.9)", lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    ("sgd(rate = 0.1, momentum = 0.9, nesterov = true)", lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True)),
    ("sgd(rate = 0.1, decay = 0.01)", lambda p: torch.optim.SGD(groups(p, 0.01), 0.1)),
    ("adagrad(rate = 0.05)", lambda p: torch.optim.Adagrad(p, 0.05)),
    ("rmsprop(rate = 0.01, rho = 0.95)", lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.95)),
    ("rmsprop(rate = 0.01, momentum = 0.5)", lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9, momentum=0.5)),
    ("adadelta(rate = 1, rho = 0.9)", lambda p: torch.optim.Adadelta(p, 1.0, rho=0.9)),
    ("adam(rate = 0.01)", lambda p: torch.optim.Adam(p, 0.01)),
    ("adamw(rate = 0.01, decay = 0.1)", lambda p: torch.optim.AdamW(groups(p, 0.1), 0.01)),
    # foreach: in PyTorch 1.13 the other implementation multiplies the momentum product by mu twice; they disagree, and this one is Dozat's.
    ("nadam(rate = 0.01)", lambda p: torch.optim.NAdam(p, 0.01, foreach=True)),
]


def ten_steps(case, make, params, data, kind, turned=0):
    """PyTorch's weights after ten steps in floats of that kind, the examples turned by so many: the same sums in another order."""
    data = {n: np.roll(a, turned, axis=0) for n, a in data.items()}
    torch.set_default_dtype(kind)
    p = {n: torch.tensor(a, dtype=kind, requires_grad=n in case.params) for n, a in params.items()}
    x = {n: t.to(kind) if t.is_floating_point() else t for n, t in ((n, as_torch(a)) for n, a in data.items())}
    y = x.pop("y")
    optimizer = make([p[n] for n in case.params])
    for _ in range(10):
        optimizer.zero_grad()
        (case.loss or default_loss)(case.forward(p, x, True), y).backward()
        optimizer.step()
    torch.set_default_dtype(torch.float32)
    return {n: p[n].detach().numpy() for n in case.params}


def check_optimizer(case, line, make):
    """A gradient that is 0 but for rounding (of a bias before a norm) is divided by its own size in most optimizers: what PyTorch in 32 bits is off from PyTorch in 64 tells how much that is.
    Such a rounding is a draw, so it is taken for several orders of the examples."""
    rng = np.random.default_rng(11)
    params, data = prepare(case, rng)
    run = nnc_tools.Run(model_text(case, ["optimizer " + line, "steps 10", "batch all", "shuffle false"]))
    nnc_tools.write_weights(run.path("w.safetensors"), params)
    nnc_tools.write_csv(run.path("d.csv"), data)
    run.nnc("--train", "d.csv", "--weights", "w.safetensors", "-q")
    after = nnc_tools.read_weights(run.path("m.safetensors"))
    exact = ten_steps(case, make, params, data, torch.float64)
    rounded = [ten_steps(case, make, params, data, torch.float32, turned) for turned in range(0, EXAMPLES, 2)]
    loose = 0
    for n in case.params:
        how, rounding = nnc_tools.worst(after[n], exact[n]), max(nnc_tools.worst(r[n], exact[n]) for r in rounded)
        loose += 4 * rounding > 1e-3
        if how > 2e-4 + 4 * rounding:
            sys.exit("%s by %s: %s after ten steps: off by %.3g of the largest element, PyTorch by %.3g" % (case.name, line, n, how, rounding))
    if loose > 2:
        sys.exit("%s by %s: %d parameters are rounding alone" % (case.name, line, loose))
    run.close()


def main():
    for case in CASES + MODELS:
        check(case)
    for case in MODELS:
        for line, make in OPTIMIZERS:
            check_optimizer(case, line, make)
    print("%d definitions; %d models, each by %d optimizers" % (len(CASES), len(MODELS), len(OPTIMIZERS)))


main()
