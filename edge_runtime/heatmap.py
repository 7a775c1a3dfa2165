"""Pictures of evidence: the field with what speaks for the answer, and against it, laid over it."""

import io
import itertools
import math
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from edge_runtime import __version__
from edge_runtime.card import INTENDED_USE
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.explanation import Explanation
from edge_runtime.files import write_atomic
from edge_runtime.image import Pixels, resize

FOR, AGAINST = (255, 215, 0), (0, 200, 255)
"""Yellow and cyan: no smear has either, and people who cannot tell red from green tell them apart."""

_MAKER = "leukolite heat map"
_OPAQUE = 0.75  # at the strongest evidence of a picture: what lies below can still be seen
_LEAST = 1e-6  # logits: where no position has more, nothing is shown
_MIN_WIDTH_PX = 320
_MAX_NAME_BYTES = 200  # file systems take 255, and write_atomic makes a longer one for a while
_NOT_IN_NAMES = frozenset('\\:*?"<>|')  # of FAT, as cards and sticks have it, or of POSIX


def layer(explanation: Explanation) -> npt.NDArray[np.float32]:
    """The evidence at each pixel of the field for the answer that its cell, or the whole field, got.

    Between the middles of positions it is interpolated linearly. Where cells' surroundings overlap, the stronger shows.

    Returns:
        float32 [height, width] of the field, in units of logits; zero where no position lies.
    """
    height, width = explanation.field.shape[:2]
    total = np.zeros((height, width), np.float32)
    for each in explanation.maps:
        rows, down = _weights(height, each.rows_px, each.step_px[0])
        columns, across = _weights(width, each.columns_px, each.step_px[1])
        spread = (down @ each.evidence[..., each.top_class] @ across.T).astype(np.float32)
        window = total[rows, columns]
        window[...] = np.where(np.abs(spread) > np.abs(window), spread, window)
    return total


def _weights(pixels: int, middles_px: npt.NDArray[np.float64], step_px: float) -> tuple[slice, npt.NDArray[np.float64]]:
    """Which pixels along one axis have any of a map, and how much of each position's value, [those, positions]."""
    first, end = max(0, int(middles_px[0] - step_px)), min(pixels, math.ceil(middles_px[-1] + step_px))
    distance = np.abs(np.arange(first, end)[:, np.newaxis] + 0.5 - middles_px)
    return slice(first, max(first, end)), np.maximum(0, 1 - distance / step_px)


def draw(explanation: Explanation) -> Pixels:
    """The field with evidence laid over it, FOR or AGAINST, as opaque as it is strong beside the strongest position.

    Returns:
        uint8 [height, width, 3], RGB: the field's size, or a multiple of it where that is too small to look at.
    """
    values = layer(explanation)[..., np.newaxis] / np.float32(max(strongest(explanation), _LEAST))
    opacity = np.float32(_OPAQUE) * np.abs(values)
    drawn = np.empty_like(explanation.field)
    for channel, (speaks_for, against) in enumerate(zip(FOR, AGAINST, strict=True)):  # with a third of the memory
        tint = np.where(values > 0, np.float32(speaks_for), np.float32(against))
        mixed = explanation.field[..., channel : channel + 1] * (1 - opacity) + tint * opacity
        drawn[..., channel : channel + 1] = np.round(mixed).astype(np.uint8)
    height, width = drawn.shape[:2]
    times = -(-_MIN_WIDTH_PX // width)
    return drawn if times == 1 else resize(drawn, height_px=times * height, width_px=times * width)


def strongest(explanation: Explanation) -> float:
    """The strongest evidence of a position for or against its map's answer, in units of logits; 0 without maps."""
    return max((float(np.abs(each.evidence[..., each.top_class]).max()) for each in explanation.maps), default=0.0)


def png(explanation: Explanation) -> bytes:
    """`draw` as a PNG whose text says what was answered, of what, and by which model."""
    said, texts = explanation.prediction, PngInfo()
    for name, text in {
        "Software": f"{_MAKER} {__version__}",
        "Disclaimer": INTENDED_USE,
        "label": said.label or f"none; most like {said.top_label}",
        "confidence": said.confidence,
        "strongest_evidence": strongest(explanation),
        "source": said.path,
        "model_sha256": explanation.model_sha256,
    }.items():
        texts.add_text(name, show(text))
    buffer = io.BytesIO()
    Image.fromarray(draw(explanation)).save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


class Gallery:
    """A folder of heat maps, one for each picture; one that was there before is replaced, no other file is."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Make the folder if it is not there; LeukoliteError where that cannot be."""
        self._folder = Path(folder)
        self._taken: set[str] = set()  # as file systems see names that do not tell capitals
        self._next: dict[str, int] = {}  # number to try for a stem
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise LeukoliteError(
                expected=f"a folder for heat maps at {show(folder)}", found=reason(error), remedy="name another one"
            ) from error

    def save(self, explanation: Explanation) -> Path | None:
        """Write the heat map of a picture and give its path; None where there is no evidence to show.

        Raises LeukoliteError when it cannot be written.
        """
        if not explanation.maps:
            return None
        path = self._free(_stem(explanation.prediction.path))
        write_atomic(path, [png(explanation)])
        return path

    def _free(self, stem: str) -> Path:
        """A path that no other picture of this run has, and where there is nothing but perhaps an older heat map."""
        for number in itertools.count(self._next.get(stem, 1)):
            name = f"{stem}.png" if number == 1 else f"{stem}-{number}.png"
            path = self._folder / name
            if name.casefold() not in self._taken and _may_write(path):
                break
        self._next[stem] = number + 1
        self._taken.add(name.casefold())
        return path


def _stem(path: str) -> str:
    """What the heat map of the file at `path` is called, without an ending: its name, where any file system takes that.

    A name may hold all but a slash and a zero: line breaks, bytes that are no text, 255 of them.
    """
    name = "".join(each if each.isprintable() and each not in _NOT_IN_NAMES else "_" for each in Path(path).stem)
    return name.encode()[:_MAX_NAME_BYTES].decode(errors="ignore").strip(" .") or "picture"


def _may_write(path: Path) -> bool:
    """Whether nothing is at `path`, or a heat map that leukolite drew: a photograph of the user's is never replaced."""
    if not os.path.lexists(path):
        return True
    try:
        if not path.is_file():
            return False
        with Image.open(path, formats=("PNG",)) as picture:
            return str(picture.info.get("Software", "")).startswith(_MAKER)
    except Exception:  # whatever it is, it is none of ours: Pillow has errors of many kinds for damaged files
        return False
