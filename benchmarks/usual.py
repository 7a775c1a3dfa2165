"""What one would write in thirty lines with an interpreter, Pillow and SciPy: what the runtime must be faster than."""

import io
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from edge_runtime.card import Card
from edge_runtime.view import CELL


class Usual:
    """A model and the picture of bytes to label: the whole picture, resized, or a crop of its largest nucleus."""

    def __init__(self, content: bytes, card: Card) -> None:
        self.interpreter = Interpreter(model_content=content)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.output = self.interpreter.get_output_details()[0]["index"]
        self.labels, self.seen = card.labels, card.input

    def __call__(self, content: bytes) -> str | None:
        """The label of a picture; None where a model of cells is shown none."""
        picture: Image.Image | None = Image.open(io.BytesIO(content)).convert("RGB")
        if self.seen.view == CELL:
            picture = self.largest_cell(np.asarray(picture))
        if picture is None:
            return None
        pixels = np.asarray(picture.resize((self.seen.width, self.seen.height), Image.Resampling.BILINEAR))
        self.interpreter.set_tensor(self.input, pixels[np.newaxis])
        self.interpreter.invoke()
        return self.labels[int(self.interpreter.get_tensor(self.output)[0].argmax())]

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
        side = round(self.seen.height / self.seen.zoom / 2)
        row, column = (rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2
        return Image.fromarray(balanced).crop((column - side, row - side, column + side, row + side))
