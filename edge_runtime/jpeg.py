"""JPEGs by simplejpeg where it is installed (extra `fast`): in half of Pillow's time, to the same pixels.

Only what cannot come out otherwise: the plain JPEGs of cameras and programs, read by their headers. All others, and
whatever simplejpeg rejects or warns about, are left to Pillow, which has the last word on what is refused.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
Decoder = Callable[..., Any]

_SCALES = (8, 4, 2, 1)  # by which libjpeg divides each side, the first that leaves enough; as Pillow's `draft` has them
_UPRIGHT = (None, 1)  # EXIF orientations that change nothing
_ORIENTATION, _X_RESOLUTION = 0x0112, 0x011A  # EXIF tags

_START, _END = b"\xff\xd8\xff", b"\xff\xd9"
_SCAN, _TABLES, _EXIF, _PROFILE, _JFIF, _QUANTIZATION = 0xDA, (0xC4, 0xDD, 0xFE), 0xE1, 0xE2, 0xE0, 0xDB
_FRAMES = (0xC0, 0xC2)  # baseline and progressive, by Huffman's codes
_SAMPLINGS = (b"\x11", b"\x11\x11\x11", b"\x21\x11\x11", b"\x22\x11\x11")
"""Grey, 4:4:4, 4:2:2 and 4:2:0: releases of libjpeg-turbo differ in how they interpolate the others."""


@dataclass(frozen=True)
class Header:
    """A JPEG that both decode alike, as large as its file says."""

    height_px: int
    width_px: int


def read_header(content: bytes) -> Header | None:
    """The header of a JPEG that may be given to `decode`; None for all others, and for what is none.

    It must be whole, of 8 bits, baseline or progressive, grey or of three colours in a usual sampling, and upright.
    It must hold no segment that could make Pillow see something else in it: another picture, another orientation,
    other colours, or damage.
    """
    if not content.startswith(_START) or not content.endswith(_END) or _decoder() is None:
        return None
    frames, exifs = [], []
    for kind, body in _segments(content):
        if kind in _FRAMES:
            frames.append(body)
        elif kind == _EXIF:
            exifs.append(body)
        elif kind == _SCAN:
            return _frame(frames[0]) if len(frames) == 1 and _is_upright(exifs) else None
        elif not _is_harmless(kind, body):
            return None
    return None


def decode(content: bytes, header: Header, *, height_px: int, width_px: int) -> Pixels | None:
    """A JPEG's pixels, uint8 [height, width, 3], RGB, at the smallest of 1/1, 1/2, 1/4 and 1/8 that is large enough.

    Large enough is at least `height_px` x `width_px`, or 1/1 where the picture itself is smaller.
    None where simplejpeg has anything to say against the file; Pillow then knows what of it counts.
    """
    decoder = _decoder()
    least = min(header.height_px // height_px, header.width_px // width_px)
    scale = next((each for each in _SCALES if each <= least), 1)
    return None if decoder is None else _scaled(decoder, content, header, scale=scale)


def _scaled(decoder: Decoder, content: bytes, header: Header, *, scale: int) -> Pixels | None:
    """A JPEG divided by `scale`; None where that fails."""
    height, width = -(-header.height_px // scale), -(-header.width_px // scale)
    try:
        pixels: Pixels = decoder(content, "RGB", min_height=height, min_width=width, min_factor=scale)
    except Exception:  # whatever it is
        return None
    return pixels if pixels.shape == (height, width, 3) else None


@functools.cache
def _decoder() -> Decoder | None:
    """The function of simplejpeg, looked for when first asked for; None where it is not installed, or not trusted.

    Systems build Pillow on other libjpegs than that of its wheels, and some of these give other pixels.
    """
    try:
        from simplejpeg import decode_jpeg
    except ImportError:
        return None
    return decode_jpeg if agrees(decode_jpeg) else None


def agrees(decoder: Decoder) -> bool:
    """Whether a decoder gives Pillow's pixels for small JPEGs of each sampling, whole and scaled."""
    from PIL import ImageChops

    header = Header(height_px=40, width_px=56)
    for content in _samples(header):
        for scale in _SCALES:
            pixels = _scaled(decoder, content, header, scale=scale)
            if pixels is None:
                return False
            found = Image.fromarray(pixels)
            # Pillow's decoder by itself: opening a file would import its plug-ins, which takes longer than all of this.
            expected = Image.frombytes("RGB", found.size, content, "jpeg", "RGB", "", scale, 0)
            if ImageChops.difference(expected, found).getbbox():
                return False
    return True


def _samples(header: Header) -> Iterator[bytes]:
    """Made-up JPEGs of that size."""
    from simplejpeg import encode_jpeg

    shape = (header.height_px, header.width_px, 3)
    values = np.arange(np.prod(shape), dtype=np.uint32) * np.uint32(2654435761)  # Knuth's multiplicative hash
    pixels = (values >> np.uint32(24)).astype(np.uint8).reshape(shape)
    for sampling in ("444", "422", "420"):
        yield encode_jpeg(pixels, colorsubsampling=sampling)


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and body of each segment up to the first scan; ends early where there is none in its place."""
    at, kind = 2, 0
    while kind != _SCAN and content[at : at + 1] == b"\xff":
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > len(content):
            return
        kind = content[at + 1]
        yield kind, content[at + 4 : at + 2 + length]
        at += 2 + length


def _is_harmless(kind: int, body: bytes) -> bool:
    """Whether a segment is one that Pillow skips, or reads without a question."""
    if kind == _JFIF:
        return body.startswith(b"JFIF\0") and len(body) >= 14
    if kind == _PROFILE:
        return body.startswith(b"ICC_PROFILE\0") and len(body) >= 14
    if kind == _QUANTIZATION:  # tables of 8 bits, each behind a byte with its number
        return len(body) % 65 == 0 and all(number < 4 for number in body[::65])
    return kind in _TABLES


def _frame(body: bytes) -> Header | None:
    """What a frame's segment says, where its picture is a usual one."""
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    usual = body[:1] == b"\x08" and len(body) == 6 + 3 * body[5] and body[7::3] in _SAMPLINGS
    return Header(height, width) if usual and height and width else None


def _is_upright(exifs: list[bytes]) -> bool:
    """Whether a file with these EXIF segments is stored as it is shown, by Pillow's own reading of them."""
    if not exifs:
        return True
    from PIL.TiffImagePlugin import IFDRational  # a tenth of the start of a command

    exif = Image.Exif()
    try:
        exif.load(exifs[0])
        # A resolution of any other type makes Pillow refuse some files.
        plain = len(exifs) == 1 and isinstance(exif.get(_X_RESOLUTION), IFDRational | None)
        return plain and exif.get(_ORIENTATION) in _UPRIGHT
    except Exception:  # whatever it is
        return False
