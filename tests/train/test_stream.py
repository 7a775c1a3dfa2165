import time

import numpy as np
import pytest
import tensorflow as tf

from edge_runtime.image import decode
from train import stream as stream_module
from train.stream import epoch_order, stream, to_unit

SHAPE = {"height_px": 24, "width_px": 32}


@pytest.fixture
def counted(monkeypatch):
    """Replaces decoding by plain pixels of the path's number; the list grows with each picture."""
    decoded = []

    def fake(path, *, height_px, width_px):
        decoded.append(path)
        return np.full((height_px, width_px, 3), int(path) % 256, np.uint8)

    monkeypatch.setattr(stream_module, "decode", fake)
    return decoded


@pytest.mark.parametrize("batch_size", [1, 5, 32, 100])
def test_batches_hold_the_runtime_s_own_pixels_in_order(cells, batch_size):
    paths = [image.path for image in cells.images]
    order = np.random.default_rng(0).permutation(len(paths))[:23]
    batches = list(stream(paths, order, batch_size=batch_size, **SHAPE))
    pixels, indices = (np.concatenate(part) for part in zip(*batches, strict=True))
    assert indices.tolist() == order.tolist()
    assert pixels.dtype == np.uint8
    assert (pixels == np.stack([decode(paths[index], **SHAPE) for index in order])).all()
    sizes = [len(indices) for _, indices in batches]
    assert sizes == [batch_size] * (23 // batch_size) + [23 % batch_size] * (23 % batch_size > 0)


def test_shape_is_known_to_the_graph(cells):
    pixels, indices = stream([image.path for image in cells.images], np.arange(4), batch_size=4, **SHAPE).element_spec
    assert pixels == tf.TensorSpec([None, 24, 32, 3], tf.uint8)
    assert indices == tf.TensorSpec([None], tf.int64)


def test_only_a_few_batches_are_decoded_ahead(counted):
    batch_size, count = 2, 1000
    iterator = iter(stream([str(n) for n in range(count)], np.arange(count), batch_size=batch_size, **SHAPE))
    next(iterator)
    seen = -1
    while len(counted) > seen:  # until the threads that decode ahead have stopped by themselves
        seen = len(counted)
        time.sleep(0.3)
    # The batch taken, the prefetched ones, and for each thread one in work and one finished.
    most = 1 + stream_module.PREFETCHED_BATCHES + 2 * stream_module.DECODING_THREADS
    assert batch_size <= seen <= batch_size * most


def test_nothing_is_kept_for_the_next_epoch(counted):
    dataset = stream([str(n) for n in range(50)], np.arange(50), batch_size=8, **SHAPE)
    for _ in range(2):
        assert sum(len(indices) for _, indices in dataset) == 50
    assert sorted(counted, key=int) == sorted([str(n) for n in range(50)] * 2, key=int)


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_epoch_order_is_a_permutation_that_seed_and_epoch_decide(count):
    order = epoch_order(count, seed=3, epoch=1)
    assert sorted(order) == list(range(count))
    assert order.tolist() == epoch_order(count, seed=3, epoch=1).tolist()


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = [epoch_order(100, seed=seed, epoch=epoch).tolist() for seed in range(3) for epoch in range(3)]
    assert len({tuple(order) for order in orders}) == 9


def test_to_unit_is_exact_at_both_ends_and_a_255th_a_step():
    unit = to_unit(tf.range(256, dtype=tf.int32)).numpy()
    assert unit.dtype == np.float32
    assert (unit[0], unit[255]) == (0.0, 1.0)
    # One rounding of 1/255 and one of the product: at most two parts in 2^24 each.
    assert unit == pytest.approx(np.arange(256) / 255, rel=2**-22)
