"""Which operators the oldest runtime of the card knows, and up to which version."""

from convert.config import OLDEST_RUNTIME
from edge_runtime.errors import LeukoliteError, listed
from edge_runtime.graph import Operator, read_graph

# What OLDEST_RUNTIME itself takes, of the operators that networks of ours are converted to: it was given a model of
# each with version 1, 2, 3, ... until it refused one. tests/test_oldest_runtime.py installs it and asks again. The
# `min_runtime_version` that the converter writes into a model is no help: it names a release of TensorFlow.
NEWEST_VERSIONS = {
    "ADD": 5,
    "AVERAGE_POOL_2D": 3,
    "CAST": 8,
    "CONCATENATION": 4,
    "CONV_2D": 8,
    "DEPTHWISE_CONV_2D": 7,
    "DEQUANTIZE": 7,
    "FULLY_CONNECTED": 14,
    "MAX_POOL_2D": 3,
    "MEAN": 3,
    "MUL": 7,
    "PAD": 5,
    "QUANTIZE": 4,
    "REDUCE_MAX": 3,
    "RESHAPE": 1,
    "SOFTMAX": 3,
    "SPACE_TO_DEPTH": 2,
}


def check_versions(content: bytes) -> None:
    """Refuse a model that the oldest runtime in its card cannot run; LeukoliteError names the operators."""
    wrong = dict.fromkeys(filter(None, map(_excess, read_graph(content).operators)))  # each kind of operator once
    if wrong:
        raise LeukoliteError(
            expected=f"operators that {OLDEST_RUNTIME} runs",
            found=listed(list(wrong)),
            remedy="convert with an older TensorFlow, or name a newer OLDEST_RUNTIME and what it takes",
        )


def _excess(operator: Operator) -> str | None:
    """What the oldest runtime has not of this operator, if anything."""
    newest = NEWEST_VERSIONS.get(operator.name)
    if newest is None:
        return f"{operator.name}, of which it is not known"
    return f"{operator.name} version {operator.version} above {newest}" if operator.version > newest else None
