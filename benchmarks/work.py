"""How much a network computes: its multiply-adds, by the shapes of its layers."""

import math
from typing import Any

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge_runtime.errors import LeukoliteError

# A weight is used once for each place of the output; those of a fully connected layer have one place.
PER_PLACE = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
WEIGHTS = 1  # which input of these they are


def multiply_adds(model: bytes) -> int:
    """Of one picture, in convolutions and fully connected layers; what else there is multiplies next to nothing.

    Raises LeukoliteError for a model that has neither.
    """
    # Without a delegate, which would hide the layers that it takes.
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    shapes = {each["index"]: each["shape"].tolist() for each in interpreter.get_tensor_details()}
    layers: list[dict[str, Any]] = [each for each in interpreter._get_ops_details() if each["op_name"] in PER_PLACE]
    if not layers:
        raise LeukoliteError(
            expected=f"a network with {', '.join(PER_PLACE)}", found="none of them", remedy="use another model"
        )
    return sum(
        math.prod(shapes[int(each["outputs"][0])][:-1]) * math.prod(shapes[int(each["inputs"][WEIGHTS])])
        for each in layers
    )
