"""Decode an image file to the pixels that the network sees.

This is the only decode and resize in the project: training, conversion, benchmarks and the device import it,
so that the network is never shown pixels on the device that it was not trained on.
"""

import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from edge_runtime import jpeg
from edge_runtime.errors import LeukoliteError, reason, show

Pixels = npt.NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
"""File name endings (lower case) that are taken for images when a folder is searched."""

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
"""The only Pillow decoders that are ever run on a file, whatever its name says."""

MAX_PIXELS = {"JPEG": 64_000_000, "PNG": 40_000_000, "BMP": 40_000_000, "TIFF": 40_000_000, "WEBP": 20_000_000}
"""Larger images are refused from their header, so that none takes more than MAX_DECODE_MB whatever is in it."""

MAX_SIDE_PX = 65_535
"""Longer images are refused from their header: what scales them needs memory for each pixel of a side."""

MAX_SCANS = 64
"""JPEGs of more scans are refused: each takes the time of a whole picture, and only some bytes of the file."""

MAX_BYTES = 160_000_000
"""Larger files are refused unread: no picture of MAX_PIXELS needs more, and reading one would fill the memory."""

MAX_DECODE_MB = 550
"""Memory that decoding takes at most, beside three times the file's size; a MB is 1,000,000 bytes. Tests hold it.

Of each pixel: in a JPEG of several scans, the 8 bytes of its four coefficients; in PNG, BMP and TIFF, 4 for the
picture as it is stored and 4 for RGB; in WebP, up to 20 within libwebp and Pillow, and 4 for RGB. A usual JPEG is
decoded scaled and takes a tenth. Pillow holds the file's bytes once more or, of a JPEG's metadata, twice.
"""

COLOR_ORDER = "RGB"
BACKGROUND = (0, 0, 0)
"""What lies behind transparency and beside a picture of another aspect ratio: the data set's own black fill."""

RESIZE_RULE = "fit"
DECODE_RULE = "jpeg-scaled"

_BAND_PIXELS = 1 << 18
_RESAMPLING = Image.Resampling.BILINEAR
_ORIENTATION = 0x0112  # EXIF tag
_SIDEWAYS = frozenset({5, 6, 7, 8})  # EXIF orientations that swap width and height


@dataclass(frozen=True)
class Field:
    """A decoded picture: uint8 [height, width, 3] RGB, and the size of the upright picture in its file.

    `scale` is that of the picture in the field, 1 being as large as in the file.
    """

    pixels: Pixels
    source_height_px: int
    source_width_px: int

    @property
    def scale(self) -> float:
        """How many pixels of the field a pixel of the file takes, along either side."""
        height, width = self.pixels.shape[:2]
        return float(min(width / self.source_width_px, height / self.source_height_px))


def decode(source: str | os.PathLike[str] | bytes, *, height_px: int, width_px: int) -> Pixels:
    """The pixels of `decode_field`: uint8 [height_px, width_px, 3], RGB, 0 to 255."""
    return decode_field(source, height_px=height_px, width_px=width_px).pixels


def decode_field(source: str | os.PathLike[str] | bytes, *, height_px: int, width_px: int) -> Field:
    """Read an image and fit it into `height_px` x `width_px`.

    JPEGs are decoded at 1/2, 1/4 or 1/8 scale where that is still at least the size asked for, as libjpeg
    does it in the frequency domain. EXIF orientation is applied. 16-bit grey is scaled to 8 bits.
    The picture keeps its aspect ratio; what it does not cover is BACKGROUND.

    Args:
        source: a path, or the bytes of an image file.
        height_px: height of the result, at least 1.
        width_px: width of the result, at least 1.

    Returns:
        The pixels, uint8 [height_px, width_px, 3], RGB, 0 to 255, and what they were made from.

    Raises:
        LeukoliteError: there is no such file, or it is not one of FORMATS, damaged, or too large (MAX_PIXELS,
            MAX_SIDE_PX, MAX_SCANS, MAX_BYTES).
    """
    content = source if isinstance(source, bytes) else read_bytes(source)
    try:
        field = _decode_plain_jpeg(content, height_px=height_px, width_px=width_px)
        return field or _decode_with_pillow(content, height_px=height_px, width_px=width_px)
    # A damaged file can raise nearly anything out of Pillow's decoders (OSError, SyntaxError, struct.error,
    # IndexError, ...): whatever it is, this one file is unreadable and the others must go on.
    except Exception as error:
        raise LeukoliteError(
            expected="a readable " + "/".join(FORMATS) + " image",
            found=_describe(content, error),
            remedy="replace the file or leave it out",
        ) from error


def resize(pixels: Pixels, *, height_px: int, width_px: int) -> Pixels:
    """Pixels uint8 [any height, any width, 3] at another size, by the filter that fits pictures into the field."""
    return np.asarray(Image.fromarray(pixels).resize((width_px, height_px), _RESAMPLING))


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a regular file; folders, pipes and devices are refused because reading them may never end."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise LeukoliteError(
                expected="a regular file",
                found="a folder, pipe or device",
                remedy="name a file",
            )
        if status.st_size > MAX_BYTES:
            raise LeukoliteError(
                expected=f"a file of at most {MAX_BYTES:,} bytes",
                found=f"{status.st_size:,}",
                remedy="replace the file or leave it out",
            )
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise LeukoliteError(
            expected="a file that can be read",
            found=error.strerror if isinstance(error, OSError) and error.strerror else reason(error),
            remedy="check the path and its permissions",
        ) from error


def _describe(content: bytes, error: Exception) -> str:
    """What is wrong with an image file, in words for its owner."""
    if not content:
        return "an empty file"
    if isinstance(error, UnidentifiedImageError):
        return f"{len(content)} bytes that start with {show(repr(content[:8])[1:])}"
    return reason(error)


def _decode_plain_jpeg(content: bytes, *, height_px: int, width_px: int) -> Field | None:
    """What Pillow would make of it, faster; None for what is left to Pillow."""
    header = jpeg.read_header(content)
    if header is None or _excess("JPEG", header.width_px, header.height_px, content):
        return None
    pixels = jpeg.decode(content, header, height_px=height_px, width_px=width_px)
    if pixels is None:
        return None
    if pixels.shape[:2] != (height_px, width_px):
        pixels = np.asarray(_fit(Image.fromarray(pixels), height_px=height_px, width_px=width_px))
    return Field(pixels, source_height_px=header.height_px, source_width_px=header.width_px)


def _decode_with_pillow(content: bytes, *, height_px: int, width_px: int) -> Field:
    """The rest of `decode_field`; raises what Pillow does, and ValueError for a picture that is too large."""
    from PIL import ImageOps  # here: it is not needed for what simplejpeg decodes, nor at the start

    with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
        kind = picture.format if picture.format in MAX_PIXELS else "JPEG"  # of several pictures in one: MPO
        if excess := _excess(kind, *picture.size, content):
            raise ValueError(excess)
        sideways = picture.getexif().get(_ORIENTATION) in _SIDEWAYS
        upright = picture.size[::-1] if sideways else picture.size
        picture.draft("RGB", (height_px, width_px) if sideways else (width_px, height_px))
        picture.load()
        ImageOps.exif_transpose(picture, in_place=True)
        pixels = np.asarray(_fit(_to_rgb(picture), height_px=height_px, width_px=width_px))
        return Field(pixels, source_height_px=upright[1], source_width_px=upright[0])


def _excess(kind: str, width_px: int, height_px: int, content: bytes) -> str:
    """Why a picture, opened but not decoded, would take too much memory or time; empty where it would not."""
    most = MAX_PIXELS[kind]
    if width_px * height_px > most or max(width_px, height_px) > MAX_SIDE_PX:
        return f"{width_px} x {height_px} pixels, more than {most:,} or {MAX_SIDE_PX:,} on a side"
    # Start of scan. Compressed data holds no such bytes; a thumbnail does, a few times.
    scans = content.count(b"\xff\xda") if kind == "JPEG" else 0
    return f"{scans:,} scans, more than {MAX_SCANS}" if scans > MAX_SCANS else ""


def _to_rgb(picture: Image.Image) -> Image.Image:
    """RGB, converted in bands: beside the picture there is never more than the result and a little."""
    from PIL import ImageChops

    if picture.mode == "RGB" and not picture.has_transparency_data:
        return picture
    # Pillow takes all CMYK in JPEGs for inverted, which that of Adobe's programs is, and only that.
    negative = picture.mode == "CMYK" and picture.format == "JPEG" and "adobe" not in picture.info
    canvas = Image.new("RGB", picture.size)
    rows = max(1, _BAND_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        band = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        canvas.paste(_band_to_rgb(ImageChops.invert(band) if negative else band), (0, top))
    return canvas


def _band_to_rgb(picture: Image.Image) -> Image.Image:
    """RGB with transparency laid over BACKGROUND; 16-bit grey scaled, not clipped (Pillow clips)."""
    if picture.mode.startswith("I") or picture.mode == "F":
        # Pillow opens 16-bit grey as I;16 or I, and 32-bit float TIFF as F; float holds 0 to 1 by convention.
        values = np.asarray(picture, dtype=np.float64)
        scaled = values * 255 if picture.mode == "F" else values / 257
        return Image.fromarray(np.nan_to_num(scaled).round().clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        opaque = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
        return Image.alpha_composite(opaque, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


def _fit(picture: Image.Image, *, height_px: int, width_px: int) -> Image.Image:
    """Scale with the aspect ratio kept and centre on BACKGROUND; returned as it is when the size is right."""
    if picture.size == (width_px, height_px):
        return picture
    scale = min(width_px / picture.width, height_px / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    resized = picture.resize(size, _RESAMPLING)
    if size == (width_px, height_px):
        return resized
    canvas = Image.new("RGB", (width_px, height_px), BACKGROUND)
    canvas.paste(resized, ((width_px - size[0]) // 2, (height_px - size[1]) // 2))
    return canvas
