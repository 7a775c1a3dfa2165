"""The logits themselves, which no bundle gives: for tests of what is said to add up to them."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from edge_runtime.explanation import evidence
from edge_runtime.graph import Graph, read_graph, with_outputs
from edge_runtime.head import Head, find_head
from edge_runtime.model import Model

# Of a float network: its sums of some hundred products are in another order here, and its logits are some tens.
FLOAT_TOLERANCE = 1e-4
# Of int8: its kernels scale by a fixed point of 31 bits, and the bias is rounded to 1e-4 of a logit.
FIXED_POINT = 1e-3


def sums(content: bytes, pictures: Iterable[Any]) -> tuple[Any, Any, float]:
    """Evidence summed over positions with the bias added, and the logits, both [n, classes], and how far they may be
    apart: half a step of each int8 tensor between the feature maps and the logits, which are rounded to it. Sums are
    cut to the range of int8 logits, at whose end those of a picture that the network is very sure of are.
    """
    graph = read_graph(content)
    head = find_head(graph, name="it")
    logits = next(operator for operator in graph.operators if operator.name == "SOFTMAX").inputs[0]
    model = Model(with_outputs(content, [*head.maps, logits]))
    outputs = [model.predict_all(picture)[1] for picture in pictures]
    added = [evidence(features, head).sum(axis=(0, 1)) + head.bias for *features, _ in outputs]
    if logits.scales:
        lowest, highest = (np.array((-128, 127)) - logits.zero_points[0]) * logits.scales[0]
        added = np.clip(added, lowest, highest)
    return np.stack(added), np.stack([each for *_, each in outputs]), _tolerance(graph, head)


def _tolerance(graph: Graph, head: Head) -> float:
    """Towers are averaged, and so are their errors: the largest step of them stands for all."""
    after = [each for each in graph.operators if each.name in ("FULLY_CONNECTED", "CONCATENATION")]
    steps = [each.outputs[0].scales[0] if each.outputs[0].scales else 0.0 for each in after]
    towers, joint = steps[: len(head.maps)], steps[len(head.maps) :]
    return sum([max(towers), *joint]) / 2 + (FIXED_POINT if any(steps) else FLOAT_TOLERANCE)
