from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from edge_runtime.groups import Origin
from train.config import IMAGE, SOURCE
from train.sampling import sample_epoch
from train.stream import epoch_order


def cells_of(*counts):
    """Cells of a class for each argument, which gives its sources' numbers of images."""
    classes, origins = [], []
    for number, own in enumerate(counts):
        for source, images in enumerate(own):
            name = f"source{source}"  # the same names in all classes: a source of two labels is one of each
            classes += [number] * images
            origins += [Origin(name, name)] * images
    order = np.random.default_rng(0).permutation(len(classes))
    return SimpleNamespace(
        images=classes,
        labels=tuple("ABC"[: len(counts)]),
        classes=np.array(classes)[order],
        origins=tuple(origins[index] for index in order),
    )


UNEVEN = cells_of((20, 1, 3), (7, 7), (2, 30, 4, 9))


def test_by_image_is_what_it_was():
    order = sample_epoch(UNEVEN, sampling=IMAGE, seed=3, epoch=2)
    assert np.array_equal(order, epoch_order(len(UNEVEN.classes), seed=3, epoch=2))


@pytest.mark.parametrize("epoch", [0, 1])
def test_by_source_classes_keep_their_share_and_sources_have_equal_ones(epoch):
    order = sample_epoch(UNEVEN, sampling=SOURCE, seed=3, epoch=epoch)
    assert order.dtype == np.int64
    assert Counter(UNEVEN.classes[order].tolist()) == Counter(UNEVEN.classes.tolist())
    for number in range(3):
        times = Counter(UNEVEN.origins[index].source for index in order if UNEVEN.classes[index] == number)
        assert set(times) == {UNEVEN.origins[index].source for index in np.flatnonzero(UNEVEN.classes == number)}
        assert max(times.values()) - min(times.values()) <= 1


def test_images_of_a_source_have_equal_shares():
    order = sample_epoch(UNEVEN, sampling=SOURCE, seed=3, epoch=0)
    times = np.bincount(order, minlength=len(UNEVEN.classes))
    for number in range(3):
        for source in {origin.source for origin in UNEVEN.origins}:
            own = [
                times[index]
                for index, origin in enumerate(UNEVEN.origins)
                if origin.source == source and UNEVEN.classes[index] == number
            ]
            assert not own or max(own) - min(own) <= 1


def test_seed_and_epoch_decide():
    orders = {
        sample_epoch(UNEVEN, sampling=SOURCE, seed=seed, epoch=epoch).tobytes()
        for seed in (1, 2)
        for epoch in (0, 1)
        for _ in range(2)
    }
    assert len(orders) == 4


def test_every_image_comes_in_some_epoch():
    seen = np.concatenate([sample_epoch(UNEVEN, sampling=SOURCE, seed=0, epoch=epoch) for epoch in range(40)])
    assert set(seen.tolist()) == set(range(len(UNEVEN.classes)))


def test_where_each_image_is_its_own_source_each_comes_once():
    order = sample_epoch(cells_of((1,) * 9, (1,) * 4), sampling=SOURCE, seed=0, epoch=0)
    assert sorted(order.tolist()) == list(range(13))
