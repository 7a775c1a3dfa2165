"""What a network makes of a picture's main cell before its last layers: what these read, and each channel's maximum."""

import contextlib
import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.card import Card
from edge_runtime.errors import LeukoliteError
from edge_runtime.fitness import complaint
from edge_runtime.graph import read_graph, with_outputs
from edge_runtime.head import Convolution, find_head, last_convolutions
from edge_runtime.image import Field, Pixels, resize
from edge_runtime.model import Model, Probabilities
from edge_runtime.view import look_at


@dataclass(frozen=True)
class Embedding:
    """One picture: `maxima` float32 [channels of all towers], and what the model says, `probabilities` [classes].

    `reads` is what the last convolution of each tower reads, float32 [rows, columns, channels]; empty where the maps
    are made otherwise.
    `picture` is as much of the field as the picture covers, uint8 [height, width, 3]. `complaint` is why `classify`
    would give it no label by the limits in the card, None where it would.
    """

    maxima: npt.NDArray[np.float32]
    probabilities: Probabilities
    picture: Pixels
    reads: tuple[npt.NDArray[np.float32], ...] = ()
    complaint: str | None = None


class Embedder:
    """A model with its last feature maps as further outputs; `head` is what reads them, `convolutions` make them.

    There are no `convolutions` where the maps are made otherwise: then the head alone can be fitted.
    """

    def __init__(self, content: bytes, card: Card, *, name: str) -> None:
        """Load a bundle's bytes.

        Raises LeukoliteError when the network's end is of another kind (edge_runtime/head.py).
        """
        graph = read_graph(content)
        self.head = find_head(graph, name=name)
        self.convolutions: tuple[Convolution, ...] = ()
        with contextlib.suppress(LeukoliteError):
            self.convolutions = last_convolutions(graph, self.head, name=name)
        reads = (each.reads for each in self.convolutions)
        self._model = Model(with_outputs(content, (*self.head.maps, *reads)))
        self._view, self._limits = card.input.seen, card.fitness

    def embed(self, source: str | os.PathLike[str] | bytes) -> Embedding:
        """The embedding of a picture's main cell, or of the whole field where that is the model's view.

        Raises LeukoliteError when the picture cannot be read, or shows no stained cell to a model of the cell view.
        """
        field, look = look_at(source, self._view)
        crops = look.crops
        if not len(crops):
            raise LeukoliteError(
                expected="a stained cell in the picture", found="none", remedy="look at it, and leave it out"
            )
        probabilities, found = self._model.predict_all(crops[0])
        maps, reads = found[: len(self.head.maps)], found[len(self.head.maps) :]
        maxima = np.concatenate([each.max(axis=(0, 1)) for each in maps])
        unfit = complaint(look.squares, self._limits) if self._limits else None
        picture = _covered(field)
        if look.times > 1:  # what is kept of each picture is no larger than a usual field
            height, width = (max(1, side // look.times) for side in picture.shape[:2])
            picture = resize(picture, height_px=height, width_px=width)
        return Embedding(maxima, probabilities, picture, tuple(reads), unfit)


def _covered(field: Field) -> Pixels:
    """The field without what lies beside the picture: a picture turned by 90 degrees leaves its sides free."""
    height, width = (max(1, round(side * field.scale)) for side in (field.source_height_px, field.source_width_px))
    top, left = (field.pixels.shape[0] - height) // 2, (field.pixels.shape[1] - width) // 2
    return field.pixels[top : top + height, left : left + width]
