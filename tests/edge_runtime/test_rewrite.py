"""Other heads and other temperatures, in the real networks: what changes, what stays, and that int8 stays integer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from convert.proof import check_integer
from edge_runtime.adapt import tuning
from edge_runtime.card import read_model
from edge_runtime.classifier import SHIPPED_MODEL, SHIPPED_REFERENCE
from edge_runtime.graph import read_graph, with_outputs
from edge_runtime.head import find_head, last_convolutions
from edge_runtime.image import decode
from edge_runtime.model import Model
from edge_runtime.rewrite import with_head, with_temperature
from edge_runtime.sample import sample_jpeg
from tests import tiny_model
from tests.flat import changed
from tests.heads import FLOAT_TOLERANCE, sums

CELLS = Path(__file__).parents[2] / "reports" / "cell" / "bundles"
MODELS = {
    "towers-int8": SHIPPED_MODEL,
    "towers-float32": SHIPPED_REFERENCE,
    "one-int8": CELLS / "leukolite-int8.tflite",
    "one-float32": CELLS / "leukolite-float32.tflite",
}


class Network:
    """A model, its head, some pictures (by default of noise) and what it makes of them."""

    def __init__(self, content: bytes, pictures=None) -> None:
        self.content = content
        self.head = find_head(read_graph(content), name="it")
        model = Model(with_outputs(content, self.head.maps))
        random = np.random.default_rng(0)
        size = (4, model.height_px, model.width_px, 3)
        coarse = random.integers(0, 256, (4, *(-(-side // 8) for side in size[1:3]), 3), np.uint8)
        noise = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, : size[1], : size[2]]
        self.pictures = noise if pictures is None else pictures
        maps = [model.predict_all(picture)[1] for picture in self.pictures]
        self.features = [np.stack([each.max(axis=(0, 1)) for each in tower]) for tower in zip(*maps, strict=True)]

    def other_head(self, *, seed: int = 1):
        """The head with noise in it."""
        random = np.random.default_rng(seed)
        weights = (each + random.normal(0, 0.02, each.shape).astype(np.float32) for each in self.head.weights)
        return replace(self.head, weights=tuple(weights), bias=self.head.bias[::-1].copy())


@pytest.fixture(scope="module", params=MODELS)
def network(request):
    return Network(read_model(MODELS[request.param]))


def logits(content, pictures):
    """What the softmax reads, raw, [n, classes]."""
    read = next(each for each in read_graph(content).operators if each.name == "SOFTMAX").inputs[0]
    model = Model(with_outputs(content, [read]))
    return np.stack([model.invoke_all(picture)[1][0] for picture in pictures]), read


def half_steps(content):
    """How far rounding moves a logit: half a step of the towers, whose mean it is, and half a step of that."""
    outputs = [each.outputs[0] for each in read_graph(content).operators if each.name == "FULLY_CONNECTED"]
    return sum({float(each.scales[0]) for each in outputs if each.scales}) / 2


def dense(tree, number):
    code = schema.BuiltinOperator.FULLY_CONNECTED
    steps = tree.subgraphs[0].operators
    return [each for each in steps if tree.operatorCodes[each.opcodeIndex].builtinCode == code][number]


def test_another_head_computes_what_it_says(network):
    head = network.other_head()
    rewritten = with_head(network.content + b"a card", head, features=network.features, name="it")
    added, found, tolerance = sums(rewritten, network.pictures)  # those of the head as it was stored
    np.testing.assert_allclose(found, added, rtol=0, atol=tolerance)
    asked = sum(each @ own.T for each, own in zip(network.features, head.weights, strict=True)) + head.bias
    # Half a step of each weight, times what it weighs; for floats the products' own rounding.
    steps = [np.abs(own).max() / 127 / 2 for own in head.weights]
    quantised = read_graph(rewritten).inputs[0].scales and "INT8" in {
        each.kind for each in read_graph(rewritten).tensors
    }
    stored = max(sum(each.sum(axis=1) * step for each, step in zip(network.features, steps, strict=True)))
    np.testing.assert_allclose(added, asked, rtol=0, atol=stored if quantised else FLOAT_TOLERANCE)
    if quantised:
        check_integer(rewritten)
        raw, _ = logits(rewritten, network.pictures)
        assert -128 < raw.min() < raw.max() < 127  # nothing is cut off


def test_other_convolutions_compute_what_they_say(network):
    random, graph = np.random.default_rng(2), read_graph(network.content)
    other = [
        replace(
            each,
            kernel=each.kernel + random.normal(0, 0.01, each.kernel.shape).astype(np.float32),
            bias=each.bias + random.normal(0, 0.1, each.bias.shape).astype(np.float32),
        )
        for each in last_convolutions(graph, network.head, name="it")
    ]
    rewritten = with_head(
        network.content + b"a card", network.head, features=network.features, convolutions=other, name="it"
    )
    changed_graph = read_graph(rewritten)
    stored = last_convolutions(changed_graph, find_head(changed_graph, name="it"), name="it")
    for asked, found in zip(other, stored, strict=True):
        peaks = np.abs(asked.kernel).max(axis=(1, 2, 3), keepdims=True)
        half_a_step = peaks / 127 / 2 if found.operator.inputs[1].scales else 0 * peaks
        assert (np.abs(found.kernel - asked.kernel) <= 1.001 * half_a_step + 1e-7).all()
        assert found.most == asked.most
    count = len(stored)
    model = Model(with_outputs(rewritten, [*network.head.maps, *(each.reads for each in stored)]))
    for picture in network.pictures:
        found = model.predict_all(picture)[1]
        wanted = tuning.maxima([each[np.newaxis] for each in found[count:]], stored)
        for own, seen, convolution in zip(wanted, found[:count], stored, strict=True):
            step = convolution.most / 255 if np.isfinite(convolution.most) else 2e-3
            np.testing.assert_allclose(seen.max(axis=(0, 1)), own[0], rtol=0, atol=0.51 * step)
    if np.isfinite(stored[0].most):
        check_integer(rewritten)


def test_the_same_head_gives_the_same_answers(network):
    """Of pictures that the ranges are made for: of noise, a tower's logits are beyond them and cut off."""
    height, width = network.pictures.shape[1:3]
    smear = decode(sample_jpeg(), height_px=height, width_px=width)
    network = Network(network.content, np.stack([smear, smear[::-1], smear[:, ::-1], smear[::-1, ::-1]]))
    same = with_head(network.content, network.head, features=network.features, name="it")
    first, second = (Model(each) for each in (network.content, same))
    # Two logits, each off by no more than that in either model, move a probability by p (1 - p), a quarter, of it all.
    most = 2 * (half_steps(network.content) + half_steps(same)) / 4 + 1 / 256
    assert most < 0.16
    for picture in network.pictures:
        np.testing.assert_allclose(second.predict(picture), first.predict(picture), rtol=0, atol=most)


@pytest.mark.parametrize("temperature", [0.5, 0.87, 1.0, 1.3, 1.83881, 3.1])
def test_a_temperature_changes_the_units_of_logits_alone(network, temperature):
    cooled = with_temperature(network.content, temperature, name="it")
    raw, before = logits(network.content, network.pictures)
    now, after = logits(cooled, network.pictures)
    if before.scales:
        check_integer(cooled)
        assert now.tolist() == raw.tolist()
        # The search for a scale that keeps the integers goes so far (edge_runtime/rewrite.py).
        assert after.scales[0] * temperature == pytest.approx(before.scales[0], rel=5e-4)
        assert after.zero_points == before.zero_points
    else:
        np.testing.assert_allclose(now * temperature, raw, rtol=0, atol=FLOAT_TOLERANCE)


def test_a_head_fits_behind_a_temperature(network):
    cooled = with_temperature(network.content, 2.0, name="it")
    again = with_head(cooled, network.head, features=network.features, name="it")
    assert np.abs(find_head(read_graph(again), name="it").bias - network.head.bias).max() < FLOAT_TOLERANCE


def float16(content: bytes) -> bytes:
    """The network with its last dense layer's weights in float16, as that variant keeps them."""

    def change(tree):
        graph, layer = tree.subgraphs[0], dense(tree, -1)
        tensor, code, step = schema.TensorT(), schema.OperatorCodeT(), schema.OperatorT()
        old = graph.tensors[layer.inputs[1]]
        values = tree.buffers[old.buffer].data.view(np.float32).astype(np.float16)
        tree.buffers[old.buffer].data = values.view(np.uint8)
        tensor.shape, tensor.buffer, tensor.type = old.shape, old.buffer, schema.TensorType.FLOAT16
        tensor.name, old.buffer = b"halves", 0
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
        step.inputs, step.outputs, step.opcodeIndex = [len(graph.tensors)], [layer.inputs[1]], len(tree.operatorCodes)
        graph.tensors.append(tensor)
        tree.operatorCodes.append(code)
        graph.operators.insert(0, step)

    return changed(content, change)


def per_class(content: bytes) -> bytes:
    """The int8 network with a scale for each class in its last dense layer: the same numbers."""

    def change(tree):
        layer = dense(tree, -1)
        for position in layer.inputs[1:3]:
            quantization = tree.subgraphs[0].tensors[position].quantization
            quantization.scale, quantization.zeroPoint = list(quantization.scale) * 4, [0] * 4

    return changed(content, change)


@pytest.mark.parametrize(("variant", "model"), [(float16, "one-float32"), (per_class, "one-int8")])
def test_weights_keep_their_kind(variant, model):
    network = Network(variant(read_model(MODELS[model])))
    head = network.other_head()
    for content in (
        with_head(network.content, head, features=network.features, name="it"),
        with_temperature(network.content, 1.3, name="it"),
    ):
        before, now = (read_graph(each).tensors for each in (network.content, content))
        assert [(each.kind, each.shape, len(each.scales)) for each in now] == [
            (each.kind, each.shape, len(each.scales)) for each in before
        ]
    rewritten = with_head(network.content, head, features=network.features, name="it")
    added, found, tolerance = sums(rewritten, network.pictures)
    np.testing.assert_allclose(found, added, rtol=0, atol=tolerance)
    stored = find_head(read_graph(rewritten), name="it")
    # float16 keeps 11 bits, int8 half of 1/127 of the largest
    step = np.abs(head.weights[0]).max() / 127 / 2
    assert np.abs(stored.weights[0] - head.weights[0]).max() <= step


def test_bytes_that_others_share_are_left_to_them():
    network = Network(read_model(MODELS["one-float32"]))

    def share(tree):
        graph, bias = tree.subgraphs[0], dense(tree, 0).inputs[2]
        other = schema.TensorT()
        other.shape, other.buffer, other.name = [4], graph.tensors[bias].buffer, b"other"
        graph.tensors.append(other)

    shared = changed(network.content, share)
    head = network.other_head()
    tensors = read_graph(with_head(shared, head, features=network.features, name="it")).tensors
    assert tensors[-1].values().tolist() == read_graph(shared).tensors[-1].values().tolist()
    assert head.bias.tolist() in [
        each.values().tolist() for each in tensors if each.constant and each.kind == "FLOAT32"
    ]


def twice(tree):
    """Both the first and the second tower read the first one's weights."""
    first, second = dense(tree, 0), dense(tree, 1)
    second.inputs = [second.inputs[0], first.inputs[1], second.inputs[2]]


def no_bias(tree):
    layer = dense(tree, 0)
    layer.inputs = [layer.inputs[0], layer.inputs[1], -1]


def no_mean(tree):
    """Towers joined by zeros, behind which no weights are seen."""
    weights = tree.subgraphs[0].tensors[dense(tree, -1).inputs[1]]
    tree.buffers[weights.buffer].data = np.zeros_like(tree.buffers[weights.buffer].data)


@pytest.mark.parametrize(
    ("change", "found"),
    [(twice, "which several operators read"), (no_bias, "without weights or bias"), (no_mean, "Singular matrix")],
)
def test_layers_that_cannot_take_a_head_are_refused(change, found, refused):
    network = Network(changed(read_model(SHIPPED_REFERENCE), change))
    with refused(f"dense layers of their own .+, got .*{found}"):
        with_head(network.content, network.head, features=network.features, name="it")


def test_weights_that_are_no_numbers_are_refused(refused):
    network = Network(read_model(MODELS["one-int8"]))
    nothing = replace(network.head, bias=np.full(4, np.nan, np.float32))
    with refused("values that are not finite"):
        with_head(network.content, nothing, features=network.features, name="it")


def test_a_network_without_maps_is_refused(refused):
    with refused("dense layers of their own"):
        with_head(tiny_model.model_bytes(), Network(read_model(MODELS["one-int8"])).head, features=[], name="it")


def test_weights_that_xnnpack_leaves_to_slower_kernels_are_refused(refused):
    network = Network(read_model(MODELS["one-int8"]))
    # XNNPACK takes factors input * weight / output below 256: pictures that give nothing leave no range for logits.
    wild = replace(network.head, weights=(network.head.weights[0] * 1e6,), bias=np.zeros(4, np.float32))
    with refused("XNNPACK runs all of it that it ran before"):
        with_head(network.content, wild, features=[np.zeros_like(network.features[0])], name="it")
