"""Proof that a converted model is int8 throughout, by rules over its graph.

The rules are those of TensorFlow Lite's 8-bit quantisation specification
(https://ai.google.dev/edge/litert/models/quantization_spec) and of our bundle's ends. A model that breaks one may still
load and run: slowly, by floating point or by conversions in between, or with answers that are a little wrong.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from edge_runtime.errors import LeukoliteError, listed
from edge_runtime.graph import Graph, Operator, Tensor, read_graph

FLOATS = frozenset({"FLOAT16", "BFLOAT16", "FLOAT32", "FLOAT64"})
STEPS = frozenset({"QUANTIZE", "DEQUANTIZE"})
# The axis of a weight tensor that counts output channels.
CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
# The specification allows one scale for a whole dense layer: quantisation-aware training learns just one there, while
# the converter gives each unit its own after training.
MAY_BE_PER_TENSOR = frozenset({"FULLY_CONNECTED"})
PIXEL_SCALE, SHARE_SCALE = float(np.float32(1 / 255)), 1 / 256  # of the uint8 input and output; both begin at 0
# The converter rounds both scales and their product to float32, each to within 6e-8 of itself: 2e-7 at most.
BIAS_SCALE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Rule:
    """What must hold, what to do where it does not, and how to find where; each finding names what breaks it."""

    expected: str
    remedy: str
    broken: Callable[[Graph], Iterator[str]]


def check_integer(content: bytes) -> None:
    """Refuse an int8 model that breaks a rule.

    Raises LeukoliteError for the worst rule that is broken, with the first three findings and the number of others.
    """
    graph = read_graph(content)
    findings = [(rule, finding) for rule in RULES for finding in rule.broken(graph)]
    if findings:
        worst = findings[0][0]
        raise LeukoliteError(
            expected=f"an integer graph with {worst.expected}",
            found=listed([finding for _, finding in findings]),
            remedy=worst.remedy,
        )


def float_operators(graph: Graph) -> Iterator[str]:
    """Operators that compute in floating point."""
    for operator in graph.operators:
        floats = [tensor for tensor in operator.tensors() if tensor.kind in FLOATS]
        if floats and operator.name not in STEPS:
            yield f"{operator} computes in {floats[0].kind}"


def float_tensors(graph: Graph) -> Iterator[str]:
    """Tensors in floating point between the ends, whatever reads them."""
    ends = {tensor.index for tensor in graph.ends}  # those have a rule of their own
    for tensor in graph.tensors:
        if tensor.kind in FLOATS and tensor.index not in ends:
            yield f"{tensor} is {tensor.kind}"


def surplus_steps(graph: Graph) -> Iterator[str]:
    """Converting steps but the one that each end needs, from uint8 to int8 of the same scale or back."""
    waiting = [tensor.index for tensor in graph.ends]
    for operator in graph.operators:
        if operator.name not in STEPS:
            continue
        served = next((tensor.index for tensor in operator.tensors() if tensor.index in waiting), None)
        if operator.name == "QUANTIZE" and served is not None and _only_shifts(operator):
            waiting.remove(served)
        else:
            yield str(operator)


def _only_shifts(step: Operator) -> bool:
    """Whether a step moves uint8 by 128 and no more, so that no value is lost."""
    scales = {tensor.scales for tensor in step.tensors()}
    zeros = {tensor.kind: tensor.zero_points for tensor in step.tensors()}
    return len(scales) == 1 and zeros.get("INT8") == tuple(zero - 128 for zero in zeros.get("UINT8", ()))


def wrong_ends(graph: Graph) -> Iterator[str]:
    """Inputs that do not take pixels as they are, outputs that do not give 256ths."""
    for what, ends, scale in (("input", graph.inputs, PIXEL_SCALE), ("output", graph.outputs, SHARE_SCALE)):
        if len(ends) != 1:
            yield f"{len(ends)} {what}s"
        for end in ends:
            if (end.kind, end.scales, end.zero_points) != ("UINT8", (scale,), (0,)):
                yield f"{what} {end} is {_quantised(end)}"


def wrong_weights(graph: Graph) -> Iterator[str]:
    """Weights that are not int8, constant and quantised for each output channel."""
    for operator, weights, axis in _weights(graph):
        channels = weights.shape[axis] if axis < len(weights.shape) else 0
        whole = operator.name in MAY_BE_PER_TENSOR and len(weights.scales) == 1
        if weights.kind != "INT8" or not weights.constant:
            yield f"weights {weights} of {operator.name} are {'' if weights.constant else 'computed '}{weights.kind}"
        elif not whole and (len(weights.scales) != channels or (channels > 1 and weights.axis != axis)):
            found = f"scales: {len(weights.scales)} along axis {weights.axis}"
            yield f"weights {weights} of {operator.name} with {found}, channels: {channels} along axis {axis}"


def shifted_weights(graph: Graph) -> Iterator[str]:
    """Weights whose zero point is not 0: kernels take them for symmetric and never look."""
    for operator, weights, _ in _weights(graph):
        if any(weights.zero_points) or len(weights.zero_points) != len(weights.scales):
            worst = max(weights.zero_points, key=abs, default="none")
            yield f"weights {weights} of {operator.name} have zero point {worst}"


def wrong_biases(graph: Graph) -> Iterator[str]:
    """Biases that are not int32 in units of input times weight: kernels add them to the sums as they are."""
    for operator, weights, _ in _weights(graph):
        pixels, bias = operator.input(0), operator.input(2)
        if pixels is None or bias is None:
            continue
        products = [scale * weight for scale in pixels.scales for weight in weights.scales]
        close = len(products) == len(bias.scales) and all(
            math.isclose(scale, product, rel_tol=BIAS_SCALE_TOLERANCE)
            for scale, product in zip(bias.scales, products, strict=True)
        )
        if bias.kind != "INT32" or any(bias.zero_points) or not close:
            yield f"bias {bias} of {operator.name} is {_quantised(bias)}"


def wrong_activations(graph: Graph) -> Iterator[str]:
    """Operators on uint8, and tensors between operators that are not int8 with one scale and a zero point in int8."""
    for operator in graph.operators:
        if operator.name not in STEPS and any(tensor.kind == "UINT8" for tensor in operator.tensors()):
            yield f"{operator} computes in UINT8"
    others = {tensor.index for tensor in graph.ends} | {weights.index for _, weights, _ in _weights(graph)}
    for tensor in graph.tensors:
        if tensor.index in others or tensor.kind in FLOATS or (tensor.constant and tensor.kind != "INT8"):
            continue  # left to another rule, or a fixed number such as an axis
        legal = len(tensor.scales) == len(tensor.zero_points) == 1 and -128 <= tensor.zero_points[0] <= 127
        if tensor.kind != "INT8" or not legal:
            yield f"{tensor} is {_quantised(tensor)}"


def useless_scales(graph: Graph) -> Iterator[str]:
    """Scales by which nothing can be divided."""
    for tensor in graph.tensors:
        useless = [scale for scale in tensor.scales if not (math.isfinite(scale) and scale > 0)]
        if useless:
            yield f"{tensor} has scale {useless[0]}"


def _weights(graph: Graph) -> Iterator[tuple[Operator, Tensor, int]]:
    """Operators with weights, those weights, and the axis of their output channels."""
    for operator in graph.operators:
        weights = operator.input(1) if operator.name in CHANNEL_AXIS else None
        if weights is not None:
            yield operator, weights, CHANNEL_AXIS[operator.name]


def _quantised(tensor: Tensor) -> str:
    """A tensor's kind, scale and zero point in words."""
    if not tensor.scales:
        return f"{tensor.kind} without a scale"
    more = f" and {len(tensor.scales) - 1} more" if len(tensor.scales) > 1 else ""
    zero = max(tensor.zero_points, key=abs, default="none")
    return f"{tensor.kind} with scale {tensor.scales[0]:.9g}{more}, zero point {zero}"


# The worst first.
RULES = (
    Rule("integer operators alone", "quantise every layer", float_operators),
    Rule("integer tensors between its operators", "quantise every layer", float_tensors),
    Rule("uint8 input in steps of 1/255 and uint8 output in steps of 1/256",
         "train with pixels from 0 to 1 and a softmax at the end, or calibrate with black and white among the pixels",
         wrong_ends),
    Rule("one QUANTIZE at each end and none between", "give neighbouring layers one scale", surplus_steps),
    Rule("int8 weights, quantised for each channel", "let the converter quantise per channel", wrong_weights),
    Rule("symmetric weights", "convert the network again, with symmetric weights", shifted_weights),
    Rule("int32 biases of scale input times weight", "convert the network again", wrong_biases),
    Rule("int8 activations of one scale each", "convert the network again", wrong_activations),
    Rule("positive scales", "train or calibrate on other images: a layer saw nothing but zeros", useless_scales),
)  # fmt: skip
