"""Several pictures in one invoke. The runtime takes one at a time: this shows what that costs, if anything."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from edge_runtime.errors import LeukoliteError, reason
from edge_runtime.image import Pixels
from edge_runtime.native import hushed


class Batched:
    """A model whose input is made larger."""

    def __init__(self, model: Path, *, pictures: Sequence[Pixels], num_threads: int = 1) -> None:
        """Load it; LeukoliteError where the graph is made for one picture only."""
        self._pictures = np.stack(pictures)
        try:
            with hushed():
                self._interpreter = Interpreter(model_content=model.read_bytes(), num_threads=num_threads)
                self._input = self._interpreter.get_input_details()[0]["index"]
                self._interpreter.resize_tensor_input(self._input, self._pictures.shape)
                self._interpreter.allocate_tensors()
                self._output = self._interpreter.get_output_details()[0]["index"]
                given = self.invoke()
            if given.shape[0] != len(pictures):
                raise ValueError(f"an output of shape {list(given.shape)}")
        except (RuntimeError, ValueError) as error:
            raise LeukoliteError(
                expected=f"a graph that takes {len(pictures)} pictures at once",
                found=reason(error),
                remedy="invoke them one at a time",
            ) from error

    def invoke(self) -> npt.NDArray[Any]:
        """The raw outputs, one row a picture; copies in and out included."""
        self._interpreter.set_tensor(self._input, self._pictures)
        self._interpreter.invoke()
        raw: npt.NDArray[Any] = self._interpreter.get_tensor(self._output)
        return raw
