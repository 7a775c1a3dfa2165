"""The pictures that the peers' quantisers take ranges from: of TRAIN, balanced over classes and source cells."""

from pathlib import Path

from edge_runtime.dataset import Dataset
from edge_runtime.groups import Origin, read_groups, sample

PER_CLASS, SEED = 50, 1


def choose(dataset: Dataset, *, groups: Path | None) -> list[int]:
    """The places of the images in the data set; `groups` is a groups file, None where each is its own source.

    Raises LeukoliteError when the groups file lacks an image.
    """
    if groups is None:
        origins = [Origin(image.name, image.name) for image in dataset.images]
    else:
        origins = read_groups(groups).assign(dataset.images)
    return sample(dataset.images, origins, per_class=PER_CLASS, seed=SEED)
