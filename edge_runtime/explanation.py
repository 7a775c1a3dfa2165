"""Where in a picture the evidence lies for what a model says about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edge_runtime.head import Head
from edge_runtime.image import Pixels
from edge_runtime.locate import Cell
from edge_runtime.view import View, corner

if TYPE_CHECKING:
    from edge_runtime.prediction import Prediction

Reals = npt.NDArray[np.float32]


@dataclass(frozen=True)
class EvidenceMap:
    """The evidence for each class at each position of the last feature maps, for one cell or for the whole field.

    `evidence` is float32 [rows, columns, classes], in units of logits: summed over all positions, with `bias` float32
    [classes] added, it is the logits. `top_class` is the most probable class. Position (i, j) looks at `reach_px`
    (height, width) pixels of the field around its middle (rows_px[i], columns_px[j]), and the middles are `step_px`
    apart; the field's first pixel reaches from 0 to 1.
    """

    evidence: Reals
    bias: Reals
    top_class: int
    rows_px: npt.NDArray[np.float64]
    columns_px: npt.NDArray[np.float64]
    step_px: tuple[float, float]
    reach_px: tuple[float, float]


@dataclass(frozen=True)
class Explanation:
    """A prediction, the field that it is about, and its maps: one a cell, in their order, or one of the whole field.

    `field` is uint8 [field_height_px, field_width_px, 3], RGB; a whole number of times as large where the picture was
    looked at more closely. There are no maps where there is no cell; where the prediction is an error there is no field
    either, [0, 0, 3]. `model_sha256` is the digest of the model's file.
    """

    prediction: "Prediction"
    field: Pixels
    maps: tuple[EvidenceMap, ...]
    model_sha256: str


def evidence(features: Sequence[Reals], head: Head) -> Reals:
    """What each position of the last feature maps adds to each logit.

    With the maximum m_k of channel k over a map, taken at n_k positions, and the head's weights w_ck, position p adds

        e_c(p) = sum over towers and over their channels k whose maximum lies at p of  w_ck m_k / n_k

    so that sum over p of e_c(p) = logit_c - bias_c exactly, but for the rounding inside an int8 network: global
    max-pooling hands on one number a channel, and where that is found is its evidence's place. It is the class
    activation mapping of Zhou et al. 2016 (arXiv:1512.04150, equation 2) for pooling by the maximum (Oquab et al. 2015,
    "Is object localization for free?", section 3), whose gradient is spread over ties as autodiff libraries do it.

    Args:
        features: float32 [rows, columns, channels], one for each of `head.maps`.
        head: the network's.

    Returns:
        float32 [rows, columns, classes].
    """
    total = np.zeros((*features[0].shape[:2], len(head.bias)), np.float32)
    for values, weights in zip(features, head.weights, strict=True):
        highest = values.max(axis=(0, 1))
        here = values == highest
        total += (here * (highest / here.sum(axis=(0, 1)))).astype(np.float32) @ weights.T
    return total


def place(shown: Reals, head: Head, *, top_class: int, cell: Cell | None, view: View) -> EvidenceMap:
    """The map of evidence [rows, columns, classes] in the field: around a cell, or, for None, over all of the field."""
    height, width = view.shown_px
    top, left = (0, 0) if cell is None else corner(cell, height_px=height, width_px=width)
    rows, columns = head.grid.rows, head.grid.columns
    down, across = height / view.height_px, width / view.width_px
    return EvidenceMap(
        evidence=shown,
        bias=head.bias,
        top_class=top_class,
        rows_px=top + rows.middles_px() * down,
        columns_px=left + columns.middles_px() * across,
        step_px=(rows.step_px * down, columns.step_px * across),
        reach_px=(rows.reach_px * down, columns.reach_px * across),
    )
