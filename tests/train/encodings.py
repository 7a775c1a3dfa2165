"""One picture as the files that people have of it: formats, colour modes, bit depths, orientations and sizes."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

Encode = Callable[[Image.Image], bytes]

ORIENTATION = 0x0112

# How a camera that was held each way stores an upright picture (EXIF 2.3, tag 0x0112).
_T = Image.Transpose
STORED = {
    2: _T.FLIP_LEFT_RIGHT,
    3: _T.ROTATE_180,
    4: _T.FLIP_TOP_BOTTOM,
    5: _T.TRANSPOSE,
    6: _T.ROTATE_90,
    7: _T.TRANSVERSE,
    8: _T.ROTATE_270,
}


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    fast = {"compress_level": 1} if kind == "PNG" else {}
    picture.save(buffer, kind, **fast, **options)
    return buffer.getvalue()


def oriented(picture: Image.Image, kind: str, orientation: int) -> bytes:
    """The file of a camera that was held so."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return saved(picture.transpose(STORED[orientation]) if orientation in STORED else picture, kind, exif=exif)


def with_alpha(picture: Image.Image) -> Image.Image:
    """Transparency that grows from one side to the other, in RGBA or LA."""
    fading = picture.copy()
    fading.putalpha(Image.linear_gradient("L").rotate(90).resize(picture.size))
    return fading


def grey16(picture: Image.Image) -> Image.Image:
    """16-bit grey; each level of 8 bits becomes the one that means the same."""
    return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)


def png_rgb16(picture: Image.Image) -> bytes:
    """A PNG of 16 bits a channel (PNG, third edition, section 11), which Pillow reads but does not write."""
    samples = np.asarray(picture).astype(">u2") * np.array(257, ">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in samples)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *picture.size, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff_rgb16(picture: Image.Image) -> bytes:
    """A TIFF of 16 bits a channel (TIFF 6.0, section 6), the same: header, depths, samples, directory."""
    samples = (np.asarray(picture).astype("<u2") * np.array(257, "<u2")).tobytes()
    width, height = picture.size
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2)]
    entries += [(273, 4, 1, 14), (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, len(samples))]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<2sHI3H", b"II", 42, 14 + len(samples), 16, 16, 16) + samples + directory + bytes(4)


def resized(size: tuple[int, int], kind: str) -> Encode:
    """Makes the file of a camera with other pixels."""
    return lambda picture: saved(picture.resize(size, Image.Resampling.LANCZOS), kind)


EXACT: dict[str, Encode] = {
    "png": lambda picture: saved(picture, "PNG"),
    "png opaque rgba": lambda picture: saved(picture.convert("RGBA"), "PNG"),
    "png 16 bits": png_rgb16,
    "tiff": lambda picture: saved(picture, "TIFF"),
    "tiff lzw": lambda picture: saved(picture, "TIFF", compression="tiff_lzw"),
    "tiff 16 bits": tiff_rgb16,
    "bmp": lambda picture: saved(picture, "BMP"),
    "webp lossless": lambda picture: saved(picture, "WEBP", lossless=True),
    **{f"png orientation {held}": lambda picture, held=held: oriented(picture, "PNG", held) for held in range(1, 9)},
}
"""Files that lose nothing of an RGB picture."""

JPEGS: dict[str, Encode] = {
    "jpeg 4:2:0": lambda picture: saved(picture, "JPEG", subsampling=2),
    "jpeg 4:2:2": lambda picture: saved(picture, "JPEG", subsampling=1),
    "jpeg 4:4:4": lambda picture: saved(picture, "JPEG", subsampling=0, quality=95),
    "jpeg progressive": lambda picture: saved(picture, "JPEG", progressive=True),
    "jpeg grey": lambda picture: saved(picture.convert("L"), "JPEG"),
    "jpeg cmyk": lambda picture: saved(picture.convert("CMYK"), "JPEG"),  # inverted, with Adobe's marker
    **{f"jpeg orientation {held}": lambda picture, held=held: oriented(picture, "JPEG", held) for held in range(1, 9)},
}

OTHERS: dict[str, Encode] = {
    "png rgba": lambda picture: saved(with_alpha(picture), "PNG"),
    "png palette": lambda picture: saved(picture.quantize(64), "PNG"),
    "png palette, one colour transparent": lambda picture: saved(picture.quantize(64), "PNG", transparency=3),
    "png palette, all half transparent": lambda p: saved(p.quantize(64), "PNG", transparency=bytes(range(0, 256, 4))),
    "png grey": lambda picture: saved(picture.convert("L"), "PNG"),
    "png grey and alpha": lambda picture: saved(with_alpha(picture.convert("L")), "PNG"),
    "png grey 16 bits": lambda picture: saved(grey16(picture), "PNG"),
    "png black and white": lambda picture: saved(picture.convert("1"), "PNG"),
    "tiff grey 16 bits": lambda picture: saved(grey16(picture), "TIFF"),
    "tiff cmyk": lambda picture: saved(picture.convert("CMYK"), "TIFF"),
    "tiff float": lambda picture: saved(Image.fromarray(np.asarray(picture.convert("L"), np.float32) / 255), "TIFF"),
    "webp": lambda picture: saved(picture, "WEBP"),
}

SIZES = [(640, 480), (1280, 960), (641, 479), (319, 241), (240, 320), (161, 120), (160, 120), (159, 119), (500, 30)]
SIZES += [(7, 5), (1, 1)]
SIZED: dict[str, Encode] = {
    f"{kind.lower()} {size[0]} x {size[1]}": resized(size, kind) for size in SIZES for kind in ("JPEG", "PNG")
}

KINDS = {**EXACT, **JPEGS, **OTHERS, **SIZED}
