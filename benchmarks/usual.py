"""What one would write in thirty lines with an interpreter, Pillow and SciPy: what the runtime must be faster than."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge_runtime.image import Pixels
from edge_runtime.view import CELL, View

Engine = Callable[[Pixels], npt.NDArray[Any]]
"""What runs a network: uint8 [height, width, 3] of one picture, RGB, to [classes], the higher the more probable."""


def interpreting(interpreter: Any) -> Engine:
    """An engine of an interpreter with the interface of TFLite's, whoever built it."""
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def answer(pixels: Pixels) -> npt.NDArray[Any]:
        interpreter.set_tensor(taken["index"], pixels[np.newaxis].astype(taken["dtype"], copy=False))
        interpreter.invoke()
        scores: npt.NDArray[Any] = interpreter.get_tensor(given["index"])[0]
        return scores

    return answer


def resized(picture: Image.Image, *, height_px: int, width_px: int) -> Pixels:
    """All of an RGB picture, stretched to uint8 [height_px, width_px, 3]."""
    return np.asarray(picture.resize((width_px, height_px), Image.Resampling.BILINEAR))


class Usual:
    """The picture of bytes to label: the whole picture, resized, or a crop of its largest nucleus."""

    def __init__(self, engine: Engine, *, labels: Sequence[str], view: View) -> None:
        """`labels` are the classes in the engine's order, `view` is what the network sees of a picture."""
        self.engine, self.labels, self.view = engine, labels, view

    def __call__(self, content: bytes) -> str | None:
        """The label of a picture; None where a model of cells is shown none."""
        pixels = self.pixels(content)
        return None if pixels is None else self.labels[int(self.engine(pixels).argmax())]

    def pixels(self, content: bytes) -> Pixels | None:
        """What the network is shown: uint8 [height, width, 3]; None where it is of cells and there is none."""
        picture: Image.Image | None = Image.open(io.BytesIO(content)).convert("RGB")
        if self.view.kind == CELL:
            picture = self.largest_cell(np.asarray(picture))
        if picture is None:
            return None
        return resized(picture, height_px=self.view.height_px, width_px=self.view.width_px)

    def largest_cell(self, pixels: Any) -> Image.Image | None:
        """A white-balanced square around it: threshold, smooth, close, label, crop."""
        from scipy import ndimage

        red, green, blue = np.moveaxis(pixels.astype(np.float32), -1, 0)
        stain = ndimage.uniform_filter(0.5 * (blue - red) + (blue - green), 5)
        middle, strongest = np.percentile(stain, (50, 99.5))
        stained = ndimage.binary_closing(stain > (middle + strongest) / 2, iterations=2)
        regions, count = ndimage.label(stained)
        if not count:
            return None
        areas = ndimage.sum_labels(stained, regions, range(1, count + 1))
        rows, columns = ndimage.find_objects(regions)[int(np.argmax(areas))]
        glass = np.median(pixels[green >= np.percentile(green, 75)], axis=0)
        balanced = (pixels * (220 / np.maximum(glass, 60))).clip(0, 255).astype(np.uint8)
        side = round(self.view.height_px / self.view.zoom / 2)
        row, column = (rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2
        return Image.fromarray(balanced).crop((column - side, row - side, column + side, row + side))
