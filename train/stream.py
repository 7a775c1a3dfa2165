"""Stream images in batches: only a few batches are ever in memory, however many images there are."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from edge_runtime.image import Pixels, decode
from train.cells import Indices

PREFETCHED_BATCHES = 4
DECODING_THREADS = 2


def stream(paths: Sequence[str], order: Indices, *, batch_size: int, height_px: int, width_px: int) -> tf.data.Dataset:
    """Batches of (pixels, indices) in the given order, decoded ahead by threads.

    Args:
        paths: of all images.
        order: int64 [m], which of them to read, in order.
        batch_size: the last batch may be smaller.
        height_px: of the decoded pixels.
        width_px: of the decoded pixels.

    Returns:
        A dataset of pixels uint8 [b, height_px, width_px, 3] RGB and indices int64 [b].
    """

    def load(indices: Indices) -> Pixels:
        return np.stack([decode(paths[index], height_px=height_px, width_px=width_px) for index in indices])

    def read(indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = tf.numpy_function(load, [indices], tf.uint8, stateful=False)
        pixels.set_shape([None, height_px, width_px, 3])
        return pixels, indices

    batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
    return batches.map(read, num_parallel_calls=DECODING_THREADS, deterministic=True).prefetch(PREFETCHED_BATCHES)


def epoch_order(count: int, *, seed: int, epoch: int) -> Indices:
    """The order of an epoch, int64 [count], from seed and epoch alone, so that a resumed run goes on alike."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def to_unit(pixels: tf.Tensor) -> tf.Tensor:
    """uint8 pixels to the network's input, float32 from 0 to 1; exactly the int8 model's input scale of 1/255."""
    return tf.cast(pixels, tf.float32) * np.float32(1 / 255)
