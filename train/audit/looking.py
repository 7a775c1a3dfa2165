"""Read pictures once, several at a time, and keep of each what the audit compares it by."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from edge_runtime.errors import LeukoliteError
from edge_runtime.files import sha256
from edge_runtime.image import Pixels, decode, read_bytes
from train.audit.features import HEIGHT_PX, WIDTH_PX, Features, describe

THUMBNAIL = (32, 24)  # width, height in pixels


@dataclass(frozen=True)
class Picture:
    """A picture that was read: its content's SHA-256, pixels uint8 [240, 320, 3], and features."""

    digest: str
    pixels: Pixels
    features: Features

    def thumbnail(self) -> npt.NDArray[np.uint8]:
        """The picture small and without colour: uint8 [768]."""
        return cv2.resize(self.pixels, THUMBNAIL, interpolation=cv2.INTER_AREA).mean(axis=2).astype(np.uint8).ravel()


def look(path: str, *, keep: int) -> Picture | LeukoliteError:
    """Read a picture and describe it by at most `keep` features; what is wrong with it where it cannot be read."""
    try:
        content = read_bytes(path)
        pixels = decode(content, height_px=HEIGHT_PX, width_px=WIDTH_PX)
    except LeukoliteError as error:
        return error
    return Picture(sha256(content), pixels, describe(pixels, keep=keep))


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let each call of OpenCV and numpy stay on its thread: the audit has one for each core, and theirs would wait."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(before)
