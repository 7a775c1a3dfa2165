"""Affine quantisation, in one place: round, clip, cast."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Quantization:
    """real = scale * (quantised - zero_point), after Jacob et al. 2018 (arXiv:1712.05877), equation 1.

    A tensor that is not quantised has scale 0, as in TFLite, and passes through unchanged.
    """

    dtype: np.dtype[Any]
    scale: float
    zero_point: int

    @classmethod
    def of(cls, tensor: Mapping[str, Any]) -> "Quantization":
        """Read from an entry of the interpreter's get_input_details() or get_output_details()."""
        scale, zero_point = tensor["quantization"]
        return cls(dtype=np.dtype(tensor["dtype"]), scale=float(scale), zero_point=int(zero_point))

    def quantize(self, real: npt.ArrayLike) -> npt.NDArray[Any]:
        """Real values to the tensor's integers, any shape; values outside the range saturate."""
        values = np.asarray(real, dtype=np.float64)
        if self.scale == 0:
            return values.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        steps = np.round(values / self.scale) + self.zero_point
        return np.clip(steps, limits.min, limits.max).astype(self.dtype)

    def dequantize(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The tensor's integers to real values, float32, same shape."""
        if self.scale == 0:
            return stored.astype(np.float32)
        return ((stored.astype(np.float64) - self.zero_point) * self.scale).astype(np.float32)
