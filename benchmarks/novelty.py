"""Whether a distance in the network's features tells unknown pictures from known ones better than its confidence does.

The distance is Mahalanobis', to the nearest class (Lee et al. 2018, arXiv:1807.03888), over what the head reads: each
channel's maximum. It is measured for the report only: no model asks for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteError
from edge_runtime.view import see

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Novelty:
    """`means` [classes, features] and the inverse of the covariance that all classes share [features, features]."""

    means: Reals
    precision: Reals

    @classmethod
    def fit(cls, features: Reals, classes: npt.NDArray[np.int64]) -> "Novelty":
        """From features [n, features] of known pictures; the covariance shrunk after Ledoit and Wolf (2004)."""
        from sklearn.covariance import LedoitWolf

        means = np.stack([features[classes == own].mean(axis=0) for own in np.unique(classes)])
        spread = LedoitWolf(assume_centered=True).fit(features - means[classes])
        return cls(means, spread.precision_)

    def distance(self, features: Reals) -> Reals:
        """Squared, to the nearest class, [n]."""
        apart = features[:, np.newaxis] - self.means
        return np.asarray(np.einsum("ncf,fg,ncg->nc", apart, self.precision, apart, optimize=True).min(axis=1))


def look(explainer: Classifier, sources: Sequence[str | bytes]) -> tuple[Reals, Reals]:
    """Features [m, features] and confidences [m] of pictures, by a classifier that explains; m of them show a cell."""
    features, confidences = [], []
    for source in sources:
        try:
            pixels = see(source, explainer.card.input.seen)
        except LeukoliteError:
            continue
        if pixels is not None:
            probabilities, maps = explainer.model.predict_all(pixels)
            features.append(np.concatenate([each.max(axis=(0, 1)) for each in maps]))
            confidences.append(float(probabilities.max()))
    return np.array(features, np.float64), np.array(confidences, np.float64)


def auroc(known: Reals, unknown: Reals) -> float | None:
    """How often an unknown one scores above a known one, ties by half (Mann and Whitney 1947); None without either."""
    if not len(known) or not len(unknown):
        return None
    order = np.sort(known)
    below, upto = np.searchsorted(order, unknown, "left"), np.searchsorted(order, unknown, "right")
    return float((below + upto).mean() / (2 * len(known)))
