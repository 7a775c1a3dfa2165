"""How fast the input pipeline is by itself: the very stream that training reads, and nobody who computes."""

import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edge_runtime.errors import LeukoliteError
from edge_runtime.view import View
from train.cells import open_training_data
from train.config import Settings
from train.stream import DECODING_THREADS, Stream, epoch_order

MAX_SECONDS = 3600.0


@dataclass(frozen=True)
class Throughput:
    """One measurement.

    `batches_s` are the raw samples: how long each batch let its consumer wait, in seconds, in order. The first
    one of an epoch, which nothing was decoded ahead of, is among them. `cpu_s` is the processor time of all threads
    meanwhile, which says what the pipeline costs on a busy machine too. `cores` is how many the process may use;
    `cold` whether the images were dropped from the kernel's page cache before each epoch.
    """

    images: int
    batches_s: tuple[float, ...]
    cpu_s: float
    batch_size: int
    image_height_px: int
    image_width_px: int
    threads: int
    cores: int
    cold: bool

    @property
    def seconds(self) -> float:
        """The whole time."""
        return sum(self.batches_s)

    @property
    def images_per_s(self) -> float:
        """The rate over the whole time."""
        return self.images / self.seconds

    def to_json(self) -> dict[str, Any]:
        """A JSON object; the samples to the microsecond."""
        samples = [round(sample, 6) for sample in self.batches_s]
        return {**asdict(self), "seconds": self.seconds, "images_per_s": self.images_per_s, "batches_s": samples}


def measure_data(root: str | os.PathLike[str], *, settings: Settings, seconds: float, cold: bool = False) -> Throughput:
    """`measure` on the training images of a data root, with the field and batch size of a recipe."""
    return measure(
        [image.path for image in open_training_data(root).images],
        height_px=settings.network.image_height_px,
        width_px=settings.network.image_width_px,
        batch_size=settings.float_stage.batch_size,
        seconds=seconds,
        cold=cold,
    )


def measure(
    paths: Sequence[str], *, height_px: int, width_px: int, batch_size: int, seconds: float, cold: bool = False
) -> Throughput:
    """Stream epoch after epoch, each in an order of its own, until the batches have taken `seconds`.

    Args:
        paths: of the images, at least one.
        height_px: of the decoded pixels.
        width_px: of the decoded pixels.
        batch_size: images a batch.
        seconds: how long, above 0 and at most MAX_SECONDS; the batch that is due then is the last one.
        cold: drop the images from the page cache before each epoch, which takes no part of the time.

    Raises LeukoliteError for `seconds` out of range, or an image that cannot be read.
    """
    if not 0 < seconds <= MAX_SECONDS:
        raise LeukoliteError(
            expected=f"above 0 and at most {MAX_SECONDS:.0f} seconds", found=str(seconds), remedy="choose such a time"
        )
    images, samples, cpu_s = 0, [], 0.0
    view = View.whole(height_px=height_px, width_px=width_px)
    for count, batch_s, batch_cpu_s in _endless(paths, view=view, batch_size=batch_size, cold=cold):
        images += count
        samples.append(batch_s)
        cpu_s += batch_cpu_s
        seconds -= batch_s
        if seconds <= 0:
            break
    return Throughput(
        images=images,
        batches_s=tuple(samples),
        cpu_s=cpu_s,
        batch_size=batch_size,
        image_height_px=height_px,
        image_width_px=width_px,
        threads=DECODING_THREADS,
        cores=len(os.sched_getaffinity(0)),
        cold=cold,
    )


def forget(paths: Sequence[str]) -> None:
    """Have the kernel drop files from its page cache, so that they are read from the disk again."""
    for path in paths:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)


def _endless(paths: Sequence[str], *, cold: bool, **shape: Any) -> Iterator[tuple[int, float, float]]:
    """Of each batch of one epoch after the other: its size, and the seconds and processor seconds until it came."""
    for epoch in itertools.count():
        if cold:
            forget(paths)
        batches = Stream(paths, epoch_order(len(paths), seed=0, epoch=epoch), **shape)
        started, cpu = time.perf_counter(), time.process_time()
        for _, indices in batches:
            yield len(indices), time.perf_counter() - started, time.process_time() - cpu
            started, cpu = time.perf_counter(), time.process_time()
