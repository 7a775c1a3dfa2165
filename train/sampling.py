"""Which images an epoch learns from, in which order."""

import numpy as np

from train.cells import Cells, Indices
from train.config import SOURCE
from train.stream import epoch_order


def sample_epoch(cells: Cells, *, sampling: str, seed: int, epoch: int) -> Indices:
    """As many of the images as there are, int64 [n], from seed and epoch alone.

    By image, each comes once. By source, each class comes as often as it has images, and each of its sources equally
    often: once more or less than another where that does not divide, which ones is drawn anew in each epoch. So do the
    images of a source: one of few images comes several times, of one with many images some do not come.
    """
    if sampling != SOURCE:
        return epoch_order(len(cells.images), seed=seed, epoch=epoch)
    random = np.random.default_rng((seed, epoch))
    sources = np.unique([origin.source for origin in cells.origins], return_inverse=True)[1]
    classes = [np.flatnonzero(cells.classes == number) for number in range(len(cells.labels))]
    return random.permutation(np.concatenate([_by_source(own, sources[own], random) for own in classes]))


def _by_source(images: Indices, sources: Indices, random: np.random.Generator) -> Indices:
    """As many draws from the images as they are, the same number of each source."""
    numbers = np.unique(sources)
    each, more = divmod(len(images), len(numbers))
    lucky = set(random.permutation(numbers)[:more].tolist())
    return np.concatenate([_evenly(images[sources == own], each + (own in lucky), random) for own in numbers])


def _evenly(images: Indices, count: int, random: np.random.Generator) -> Indices:
    """`count` draws, each image as often as another or once more."""
    return np.resize(random.permutation(images), count)
