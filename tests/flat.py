"""Change a .tflite as an object tree: what tests take out of a model, or put wrongly into one."""

from collections.abc import Callable
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as tfl

from convert.metadata import METADATA_NAME


def changed(model: bytes, change: Callable[[Any], None]) -> bytes:
    """The model after `change` was called with its ModelT; what lies behind the model is left out."""
    tree = tfl.ModelT.InitFromObj(tfl.Model.GetRootAs(model, 0))
    change(tree)
    builder = flatbuffers.Builder()
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def bare(bundle: bytes) -> bytes:
    """The model of a bundle as the converter wrote it: without metadata, labels and card."""

    def strip(tree: Any) -> None:
        for entry in [entry for entry in tree.metadata or [] if entry.name == METADATA_NAME]:
            assert entry.buffer == len(tree.buffers) - 1  # else other tensors' numbers would shift
            tree.metadata.remove(entry)
            tree.buffers.pop()
        tree.metadata = tree.metadata or None

    return changed(bundle, strip)
