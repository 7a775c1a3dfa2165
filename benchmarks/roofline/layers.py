"""The layers of a network, each as a model of its own that can be timed and counted.

Cut out one by one, and not the network cut short after each: the time of a layer would then be a difference of two
large times, whose noise is that of both. A layer alone does what it does in the network, by the same kernels; that what
it reads was written just before by the layer in front is not in its time.
"""

from collections import Counter
from dataclasses import dataclass

from benchmarks.work import PER_PLACE, WEIGHTS, Work, work
from edge_runtime.errors import LeukoliteError
from edge_runtime.graph import Operator, alone, read_graph


@dataclass(frozen=True)
class Layer:
    """One layer, `times` as often in the network: towers beside each other have the same. `content` is its .tflite."""

    name: str
    times: int
    work: Work
    content: bytes


def layers(content: bytes) -> tuple[Layer, ...]:
    """The layers of a .tflite, those of the same shapes together, in the order in which they run.

    Raises LeukoliteError when the bytes are no model, or one without a layer that multiplies.
    """
    operators = read_graph(content).operators
    names = [describe(operator) for operator in operators]
    found = tuple(
        Layer(name, times, work(operators[names.index(name)]), alone(content, names.index(name)))
        for name, times in Counter(names).items()
    )
    if not any(layer.work.multiply_adds for layer in found):
        raise LeukoliteError(
            expected=f"a network with {', '.join(PER_PLACE)}", found="none of them", remedy="use another model"
        )
    return found


def describe(operator: Operator) -> str:
    """A layer by its shapes, such as `CONV_2D 3x3 24>48 /2 at 24x24`: kernel, channels, stride, size of its output."""
    given, made = operator.inputs[0], operator.outputs[0]
    if given is None or not given.shape or not made.shape:
        raise LeukoliteError(expected="layers of tensors", found=str(operator), remedy="use another model")
    words, weights = [operator.name], operator.input(WEIGHTS)
    if operator.name.endswith("CONV_2D") and weights is not None:
        words.append("x".join(map(str, weights.shape[1:3])))
    words.append(f"{given.shape[-1]}>{made.shape[-1]}")
    if (stride := getattr(operator.options, "strideH", 1)) > 1:
        words.append(f"/{stride}")
    if len(made.shape) == 4:
        words.append(f"at {made.shape[1]}x{made.shape[2]}")
    return " ".join(words)
