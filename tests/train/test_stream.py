import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from edge_runtime.errors import LeukoliteError
from edge_runtime.image import decode
from edge_runtime.view import View
from train import stream as stream_module
from train.stream import DECODING_THREADS, PREFETCHED_BATCHES, Stream, epoch_order, to_unit

SHAPE = {"height_px": 24, "width_px": 32}
VIEW = View.whole(**SHAPE)
CHECKOUT = Path(__file__).parent.parent.parent


@pytest.fixture
def numbered(monkeypatch):
    """Makes a Stream of `count` pictures whose pixels are their numbers, in order.

    `before`, if given, is called with each number in the thread that decodes it. `made.decoded` lists the numbers.
    """

    def make(count, *, batch_size, before=lambda number: None):
        def fake(path, view):
            before(int(path))
            make.decoded.append(int(path))
            return np.full((view.height_px, view.width_px, 3), int(path) % 256, np.uint8)

        monkeypatch.setattr(stream_module, "see", fake)
        return Stream([str(n) for n in range(count)], np.arange(count), batch_size=batch_size, view=VIEW)

    make.decoded = []
    return make


@pytest.fixture
def files(smear_root, tmp_path):
    """Forty pictures of our own, to be damaged."""
    originals = sorted(smear_root.rglob("*.jpeg"))[:40]
    copies = [tmp_path / f"{number:02} {original.name}" for number, original in enumerate(originals)]
    for original, copy in zip(originals, copies, strict=True):
        copy.write_bytes(original.read_bytes())
    return copies


def decoding_threads():
    """The threads that decode ahead, those of failed tests included: a traceback keeps its iterator alive."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("decode")}


# What comes out.


@pytest.mark.parametrize("batch_size", [1, 5, 32, 100])
def test_batches_hold_the_runtime_s_own_pixels_in_order(cells, batch_size):
    paths = [image.path for image in cells.images]
    order = np.random.default_rng(0).permutation(len(paths))[:23]
    batches = list(Stream(paths, order, batch_size=batch_size, view=VIEW))
    pixels, indices = (np.concatenate(part) for part in zip(*batches, strict=True))
    assert indices.tolist() == order.tolist()
    assert (pixels == np.stack([decode(paths[index], **SHAPE) for index in order])).all()
    sizes = [len(indices) for _, indices in batches]
    assert sizes == [batch_size] * (23 // batch_size) + [23 % batch_size] * (23 % batch_size > 0)


def test_batches_are_tensors(numbered):
    for pixels, indices in numbered(3, batch_size=2):
        assert (type(pixels), pixels.dtype, pixels.shape[1:]) == (type(indices), tf.uint8, [24, 32, 3])
        assert (tf.is_tensor(indices), indices.dtype, indices.shape) == (True, tf.int64, pixels.shape[:1])


def test_no_images_are_no_batches(numbered):
    assert list(numbered(0, batch_size=4)) == []


def test_a_batch_that_is_ready_early_waits_for_its_turn(numbered):
    second_is_done, overtaken = threading.Event(), []

    def before(number):
        if number == 0:
            overtaken.append(second_is_done.wait(30))
        elif number == 1:
            second_is_done.set()

    indices = [int(indices[0]) for _, indices in numbered(5, batch_size=1, before=before)]
    assert overtaken == [True]  # so several threads decode at once
    assert indices == list(range(5))


def test_nothing_is_kept_for_the_next_epoch(numbered):
    stream = numbered(50, batch_size=8)
    for _ in range(2):
        assert sum(len(indices) for _, indices in stream) == 50
    assert sorted(numbered.decoded) == sorted([*range(50)] * 2)


# How much is decoded ahead.


def test_only_a_few_batches_are_decoded_ahead(numbered):
    batches = iter(numbered(1000, batch_size=2))
    for taken in (1, 2):
        next(batches)
        seen = -1
        while len(numbered.decoded) > seen:  # until the threads that decode ahead have stopped by themselves
            seen = len(numbered.decoded)
            time.sleep(0.2)
        assert 2 * taken < seen <= 2 * (taken + PREFETCHED_BATCHES)


@pytest.mark.parametrize("end", ["left", "read", "damaged"])
def test_threads_stop_with_the_iteration(numbered, end):
    def before(number):
        if end == "damaged" and number == 12:
            raise LeukoliteError(expected="a picture", found="none", remedy="replace it")

    others = decoding_threads()
    batches = iter(numbered(20, batch_size=2, before=before))
    next(batches)
    assert 1 <= len(decoding_threads() - others) <= DECODING_THREADS
    if end == "left":
        del batches
    elif end == "read":
        assert len(list(batches)) == 9
    else:
        with pytest.raises(LeukoliteError):
            list(batches)
    assert decoding_threads() <= others
    assert end == "read" or len(numbered.decoded) < 20


@pytest.mark.timeout(120)
def test_a_process_that_ends_in_the_middle_does_not_hang(smear_root):
    code = f"""
from edge_runtime.view import View
from train.stream import Stream
import numpy as np
paths = {[str(path) for path in sorted(smear_root.rglob("*.jpeg"))[:20]]!r}
batches = iter(Stream(paths, np.arange(20), batch_size=1, view=View.whole(height_px=24, width_px=32)))
next(batches)
raise SystemExit(7)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, stderr=subprocess.DEVNULL).returncode == 7


# Images that vanish or break after they were checked.


@pytest.mark.parametrize("bad", [0, 3, 15, 39])
@pytest.mark.parametrize("damage", ["vanished", "cut", "emptied", "folder"])
def test_an_image_that_breaks_is_named_when_its_batch_is_due(files, refused, bad, damage):
    batches = Stream([str(path) for path in files], np.arange(40), batch_size=4, view=VIEW)
    content = files[bad].read_bytes()
    files[bad].unlink()
    if damage == "folder":
        files[bad].mkdir()
    elif damage != "vanished":
        files[bad].write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    seen = []
    with refused(f"expected .*/{files[bad].name} to be a .*, got"):
        for _, indices in batches:
            seen += indices.numpy().tolist()
    assert seen == list(range(bad // 4 * 4))


def test_an_image_that_breaks_while_it_is_waited_for_is_named(files, refused):
    batches = iter(Stream([str(path) for path in files], np.arange(40), batch_size=1, view=VIEW))
    next(batches)
    files[30].unlink()  # too far ahead to have been decoded
    with refused(files[30].name):
        list(batches)


def test_a_name_with_a_line_break_stays_on_one_line(tmp_path, refused):
    with refused(r"a\\nb\.png to be a file that can be read, got No such file"):
        list(Stream([str(tmp_path / "a\nb.png")], np.arange(1), batch_size=1, view=VIEW))


def test_another_exception_comes_out_as_it_is(numbered):
    def before(number):
        if number == 5:
            raise MemoryError("no room")

    batches = iter(numbered(20, batch_size=2, before=before))
    assert [next(batches)[1].numpy().tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(MemoryError, match="no room"):
        next(batches)


# How long the consumer waits.


@pytest.fixture
def clock(monkeypatch):
    """Time that only passes when the test says so."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(stream_module, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


def test_waiting_counts_what_passes_in_next_alone(numbered, clock):
    def before(number):
        clock.now += 2

    stream = numbered(3, batch_size=3, before=before)
    assert stream.waited_s == 0
    for _ in stream:
        assert stream.waited_s == 6  # the first batch counts, and is known as soon as it is there
        clock.now += 100  # the consumer's own work
    assert stream.waited_s == 6
    list(stream)
    assert stream.waited_s == 12


def test_what_was_decoded_meanwhile_was_not_waited_for(numbered, clock):
    done = threading.Event()

    def before(number):
        if number > 0:
            clock.now += 1
        if number == 4:
            done.set()

    batches = numbered(5, batch_size=1, before=before)
    iterator = iter(batches)
    next(iterator)
    assert done.wait(30)
    waited = batches.waited_s
    assert len(list(iterator)) == 4
    assert batches.waited_s == waited


# The order and the scale.


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
