"""Stream images in batches: only a few batches are ever in memory, however many images there are."""

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from edge_runtime.errors import LeukoliteError, show
from edge_runtime.image import Pixels
from edge_runtime.view import View, see
from train.cells import Indices

PREFETCHED_BATCHES = 4
DECODING_THREADS = 2


class Stream:
    """Batches of (pixels, indices) in the given order, decoded ahead by threads of its own.

    Iterating yields pixels uint8 [b, height, width, 3] RGB of the view and indices int64 [b]. An image that cannot be
    read, or shows no cell to a view that needs one, ends the iteration with a LeukoliteError that names it, when its
    batch is due. Each iteration begins anew.

    Attributes:
        waited_s: how long the consumer has waited for batches so far, in seconds; the first one, which nothing
            was decoded ahead of, counts too.
    """

    def __init__(
        self,
        paths: Sequence[str],
        order: Indices,
        *,
        batch_size: int,
        view: View,
        part: Callable[[Indices], Indices] = lambda batch: batch,
    ) -> None:
        """Read nothing yet.

        Args:
            paths: of all images.
            order: int64 [m], which of them to read, in order.
            batch_size: the last batch may be smaller.
            view: what of each image to yield: all of it, or the surroundings of its main cell.
            part: what of a batch's indices to read; all of them are yielded.
        """
        self._paths, self._order, self._batch_size = paths, order, batch_size
        self._view = view
        self._part = part
        self.waited_s = 0.0

    def __iter__(self) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
        """Yield the batches, and keep the time that each one kept the consumer waiting."""
        with contextlib.closing(self._batches()) as batches:
            while True:
                started = time.perf_counter()
                batch = next(batches, None)
                self.waited_s += time.perf_counter() - started
                if batch is None:
                    return
                yield batch

    def _batches(self) -> Generator[tuple[tf.Tensor, tf.Tensor], None, None]:
        """The batches in order, others being decoded meanwhile; closing it stops the threads."""
        firsts = iter(range(0, len(self._order), self._batch_size))
        ahead: deque[tuple[Indices, Future[Pixels]]] = deque()
        pool = ThreadPoolExecutor(DECODING_THREADS, thread_name_prefix="decode")
        try:
            while True:
                for first in itertools.islice(firsts, 1 + PREFETCHED_BATCHES - len(ahead)):
                    indices = self._order[first : first + self._batch_size]
                    ahead.append((indices, pool.submit(self._load, self._part(indices))))
                if not ahead:
                    return
                indices, pixels = ahead.popleft()
                yield tf.convert_to_tensor(pixels.result()), tf.convert_to_tensor(indices)
        finally:
            pool.shutdown(cancel_futures=True)

    def _load(self, indices: Indices) -> Pixels:
        """The pixels of one batch."""
        pixels = np.empty((len(indices), self._view.height_px, self._view.width_px, 3), np.uint8)
        for position, index in enumerate(indices):
            try:
                seen = see(self._paths[index], self._view)
                if seen is None:
                    raise LeukoliteError(
                        expected="a field with a stained cell", found="none", remedy="start again: it has changed"
                    )
                pixels[position] = seen
            except LeukoliteError as error:  # which does not know the name
                raise LeukoliteError(
                    expected=f"{show(self._paths[index])} to be {error.expected}",
                    found=error.found,
                    remedy=error.remedy,
                ) from error
        return pixels


def epoch_order(count: int, *, seed: int, epoch: int) -> Indices:
    """The order of an epoch, int64 [count], from seed and epoch alone, so that a resumed run goes on alike."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def to_unit(pixels: tf.Tensor) -> tf.Tensor:
    """uint8 pixels to the network's input, float32 from 0 to 1; exactly the int8 model's input scale of 1/255."""
    return tf.cast(pixels, tf.float32) * np.float32(1 / 255)
