"""Files that a card reader or a camera may hand to the runtime, good, odd and hostile, and what must become of each.

A picture is red all over, so that the tiny model knows it: a case ends as that label, as any label, or is refused
with some words. `cases` are made as they are asked for: some take much memory.
"""

import base64
import functools
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops

from edge_runtime.card import CARD_NAME
from edge_runtime.image import MAX_PIXELS, MAX_SCANS, MAX_SIDE_PX

ANY = "any label"
RED = (255, 0, 0)
ORIENTATION = 0x0112  # EXIF tag


@dataclass(frozen=True)
class Case:
    """A file: `answer` is the label to expect, ANY, or, where it must be refused, None; then `words` say why."""

    name: str
    content: bytes
    answer: str | None = None
    words: str = ""


def cases() -> Iterator[Case]:
    """Every case, one after the other; names are distinct and are file names."""
    yield from _good()
    yield from _cut()
    yield from _foreign()
    yield from _broken()
    yield from _largest()
    yield from _bombs()


def small() -> Iterator[Case]:
    """Those of a few kilobytes, to begin a search for others from."""
    return (case for case in (*_good(), *_foreign(), *_broken()) if len(case.content) < 10_000)


def red(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A red picture; in a grey mode what becomes of red, opaque where there is transparency."""
    picture = Image.new("RGB", size, RED)
    return (picture.convert("L") if mode == "I;16" else picture).convert(mode)


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def speckled() -> Image.Image:
    """A picture with something in every block, so that each part of its file matters."""
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8))


def png(width: int, height: int, *, depth: int = 8, color: int = 0, chunks: bytes = b"", data: bytes = b"") -> bytes:
    """A PNG of any size that its header claims, with `chunks` before its compressed `data`."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunks + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG, with its check sum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@functools.cache
def zeros(count: int) -> bytes:
    """So many zero bytes, compressed, without holding them."""
    packer = zlib.compressobj(1)
    block = bytes(1 << 20)
    parts = [packer.compress(block[: min(len(block), count - start)]) for start in range(0, count, len(block))]
    return b"".join(parts) + packer.flush()


def zipped(card: bytes) -> bytes:
    """What a bundle is to a reader of cards: a zip with this for a card."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(CARD_NAME, card)
    return buffer.getvalue()


def exif(**tags: object) -> Image.Exif:
    """EXIF with an orientation: exif(orientation=6)."""
    made = Image.Exif()
    made[ORIENTATION] = tags["orientation"]
    return made


def ifd(*entries: tuple[int, int, int, int], body: bytes = b"", following: int = 0) -> bytes:
    """A TIFF, or what EXIF is: entries (tag, type, count, value or offset), before them `body` from offset 8."""
    rows = b"".join(struct.pack("<HHLL", *entry) for entry in sorted(entries))
    head = struct.pack("<2sHL", b"II", 42, 8 + len(body)) + body
    return head + struct.pack("<H", len(entries)) + rows + struct.pack("<L", following)


def _good() -> Iterator[Case]:
    """Files that hold a picture which must be read."""
    jpeg_options: dict[str, dict[str, object]] = {
        "plain": {}, "progressive": {"progressive": True}, "whole-chroma": {"subsampling": 0}, "worst": {"quality": 1},
        "restarts": {"restart_marker_blocks": 1}, "colour-profile": {"icc_profile": bytes(100_000)},
        "rgb": {"keep_rgb": True}, "comment": {"comment": b"\xff\xd9" * 100},
    }  # fmt: skip
    for name, options in jpeg_options.items():
        yield Case(f"{name}.jpg", encode(red(), "JPEG", **options), "RED")
    for orientation in range(1, 9):
        yield Case(f"turned-{orientation}.jpg", encode(red(), "JPEG", exif=exif(orientation=orientation)), "RED")
    for name, raw in _SENSELESS_EXIF.items():
        yield Case(f"exif-{name}.jpg", encode(red(), "JPEG", exif=b"Exif\0\0" + raw), "RED")
    yield Case("arithmetic.jpg", base64.b64decode(_ARITHMETIC), "RED")
    yield Case("cmyk-adobe.jpg", encode(red("CMYK"), "JPEG"), "RED")
    yield Case("cmyk-plain.jpg", _without_adobe(encode(ImageChops.invert(red("CMYK")), "JPEG")), "RED")
    yield Case("several.jpg", encode(red(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))]), "RED")
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16"):
        grey = mode in ("1", "L", "LA", "I;16")
        yield Case(f"{mode.replace(';', '-')}.png", encode(red(mode), "PNG"), ANY if grey else "RED")
    yield Case("sixteen-bit-colour.png", png(2, 1, depth=16, color=2, data=zlib.compress(b"\0" + b"\xff\xff\0\0\0\0" * 2)), "RED")  # fmt: skip # noqa: E501
    yield Case("transparent.png", encode(Image.new("RGBA", (64, 48), (255, 0, 0, 0)), "PNG"), "DARK")
    yield Case("animated.png", encode(red(), "PNG", save_all=True, append_images=[speckled()]), "RED")
    yield Case("wrong-name.png", encode(red(), "TIFF"), "RED")
    yield Case("tiff-named.jpg", encode(red(), "TIFF"), "RED")
    yield Case("junk-behind.png", encode(red(), "PNG") + bytes(1000), "RED")
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma"):
        yield Case(f"{compression}.tif", encode(red(), "TIFF", compression=compression), "RED")
    yield Case("fax.tif", encode(red("1"), "TIFF", compression="group4"), ANY)
    for mode in ("CMYK", "P", "RGBA"):
        yield Case(f"{mode}.tif", encode(red(mode), "TIFF"), "RED")
    for mode in ("F", "I", "LAB"):
        yield Case(f"{mode}.tif", encode(Image.new(mode, (64, 48)), "TIFF"), ANY)
    yield Case("pages.tif", encode(red(), "TIFF", save_all=True, append_images=[speckled()] * 3), "RED")
    yield Case("page-circle.tif", _page_circle(), ANY)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield Case(f"{mode}.bmp", encode(red(mode), "BMP"), ANY if mode in ("1", "L") else "RED")
    for name, options in {"lossy": {}, "lossless": {"lossless": True}}.items():
        yield Case(f"{name}.webp", encode(red("RGBA"), "WEBP", **options), "RED")
    yield Case("animated.webp", encode(red(), "WEBP", save_all=True, append_images=[speckled()]), "RED")
    for width, height in ((1, 1), (1, 30_000), (30_000, 1), (MAX_SIDE_PX, 1), (1, MAX_SIDE_PX)):
        yield Case(f"{width}x{height}.png", encode(red(size=(width, height)), "PNG"), ANY)
    yield Case("1x30000.jpg", encode(red(size=(1, 30_000)), "JPEG"), ANY)


def _cut() -> Iterator[Case]:
    """Files of which a part is missing: a JPEG after each percent, the others after each tenth."""
    jpeg = encode(speckled(), "JPEG")
    for percent in range(1, 100):
        yield Case(f"cut-{percent}.jpg", jpeg[: len(jpeg) * percent // 100], None, "readable")
    for kind in ("PNG", "TIFF", "BMP", "WEBP"):
        whole = encode(speckled(), kind)
        for percent in range(10, 100, 10):
            content = whole[: len(whole) * percent // 100]
            yield Case(f"cut-{percent}.{kind.lower()}", content, None, "readable")


def _foreign() -> Iterator[Case]:
    """Files of another kind under an image's name."""
    yield Case("empty.jpg", b"", None, "an empty file")
    yield Case("text.jpg", b"Dear doctor,\nthese are my cells.\n", None, "bytes that start with 'Dear doc'")
    yield Case("page.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", None, "bytes that start with")
    yield Case("drawing.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", None, "bytes that start with")
    for kind in ("GIF", "ICO", "PPM", "PCX", "TGA", "SGI", "ICNS", "JPEG2000", "DDS", "PDF"):
        yield Case(f"{kind.lower()}-named.jpg", encode(red(), kind), None, "bytes that start with")


def _broken() -> Iterator[Case]:
    """Files that begin as an image and go on as none."""
    jpeg, plain = encode(red(), "JPEG"), encode(red(), "PNG")
    frame = jpeg.index(b"\xff\xc0")  # its height and width follow after five bytes
    # Rows that are missing before the end marker are grey in libjpeg, which warns of it, and Pillow tells nobody.
    sizes = {"no-rows": (0, 64), "no-columns": (48, 0), "more-rows": (4800, 64), "all": (0xFFFF, 0xFFFF)}
    for name, size in sizes.items():
        content = jpeg[: frame + 5] + struct.pack(">HH", *size) + jpeg[frame + 9 :]
        answer, words = (ANY, "") if name == "more-rows" else (None, "pixels" if name == "all" else "readable")
        yield Case(f"{name}.jpg", content, answer, words)
    for name, marker in {"lossless": 0xC3, "hierarchical": 0xC5, "arithmetic-lossless": 0xCB}.items():
        yield Case(f"{name}.jpg", jpeg.replace(b"\xff\xc0", bytes([0xFF, marker])), None, "readable")
    yield Case("no-tables.jpg", jpeg.replace(b"\xff\xc4", b"\xff\xee"), ANY)  # libjpeg takes those of film cameras
    yield Case("markers.jpg", b"\xff\xd8" + b"\xff" * 9000, None, "readable")
    yield Case("segments.jpg", b"\xff\xd8" + b"\xff\xe1\0\2" * 2000, None, "readable")
    yield Case("check-sum.png", plain.replace(b"IHDR", b"IHDr", 1), None, "readable")
    yield Case("no-data.png", png(64, 48), None, "readable")
    yield Case("bad-data.png", png(64, 48, data=b"no zlib stream"), None, "readable")
    yield Case("no-rows.png", png(64, 0, data=zeros(1)), None, "readable")
    yield Case("no-palette.png", png(64, 48, color=3, data=zlib.compress(bytes(65 * 48))), ANY)
    yield Case("colour-type.png", png(64, 48, color=7, data=zlib.compress(bytes(65 * 48))), None, "readable")
    yield Case("no-directory.tif", struct.pack("<2sHL", b"II", 42, 0), None, "readable")
    yield Case("directory-beyond.tif", struct.pack("<2sHL", b"II", 42, 2**32 - 1), None, "readable")
    yield Case("nothing-said.tif", ifd(), None, "readable")
    yield Case("huge-counts.tif", ifd(*((tag, 4, 2**32 - 1, 8) for tag in range(256, 300))), None, "readable")
    yield Case("strip-beyond.tif", _tiff(offset=2**31), None, "readable")
    yield Case("palette-beyond.bmp", encode(red("P"), "BMP")[:60] + b"\xff" * 40, None, "readable")
    yield Case("riff.webp", b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff", None, "readable")


def _largest() -> Iterator[Case]:
    """The largest that are read, in the ways that take the most memory."""
    side = {kind: int(pixels**0.5) for kind, pixels in MAX_PIXELS.items()}
    wide = side["PNG"]
    yield Case("largest-16-bit.png", png(wide, wide, depth=16, data=zeros((2 * wide + 1) * wide)), "DARK")
    yield Case("largest-rgba.png", png(wide, wide, color=6, data=zeros((4 * wide + 1) * wide)), "DARK")
    turned = chunk(b"eXIf", exif(orientation=6).tobytes()[6:])
    yield Case("largest-turned.png", png(wide, wide, color=6, chunks=turned, data=zeros((4 * wide + 1) * wide)), "DARK")
    square = (side["TIFF"], side["TIFF"])
    yield Case("largest-float.tif", encode(Image.new("F", square), "TIFF"), "DARK")
    square = (side["WEBP"], side["WEBP"])
    yield Case("largest.webp", encode(Image.new("RGBA", square), "WEBP", lossless=True, method=0), "DARK")
    square = (side["JPEG"], side["JPEG"])
    yield Case("largest-scans.jpg", _with_scans(Image.new("L", square), MAX_SCANS), "DARK")
    yield Case("largest-cmyk.jpg", encode(Image.new("CMYK", square), "JPEG", progressive=True), ANY)


def _bombs() -> Iterator[Case]:
    """Small files that claim or unfold to more than they should."""
    limit = Image.MAX_IMAGE_PIXELS or 0
    for times in (1, 2, 3):
        wide = int((times * limit) ** 0.5) + 1
        data = zeros((wide // 8 + 2) * wide)
        yield Case(f"pillow-{times}.png", png(wide, wide, depth=1, data=data), None, "pixels")
    yield Case("claims.png", png(2**31 - 1, 2**31 - 1, data=zeros(1000)), None, "pixels")
    yield Case("claims.tif", _tiff(width=2**31, height=2**31), None, "pixels")
    yield Case("claims.bmp", struct.pack("<2sIIIIiiHHIIIIII", b"BM", 54, 0, 54, 40, 2**31 - 1, 2**31 - 1, 1, 24, 0, 0, 0, 0, 0, 0), None, "pixels")  # fmt: skip # noqa: E501
    yield Case("long.png", png(MAX_SIDE_PX + 1, 1, data=zeros(MAX_SIDE_PX + 2)), None, "pixels")
    yield Case("scans.jpg", _with_scans(red("L"), MAX_SCANS + 1), None, "scans")
    for kind, head in {b"zTXt": b"note\0\0", b"iTXt": b"note\0\1\0\0\0", b"iCCP": b"name\0\0"}.items():
        content = png(64, 48, chunks=chunk(kind, head + zeros(200_000_000)), data=zlib.compress(bytes(65 * 48)))
        yield Case(f"unfolds-{kind.decode()}.png", content, None, "too large")
    tags = [(40_000 + number, 1, 100_000, 8) for number in range(5000)]  # each of the same 100,000 bytes
    yield Case("overlaps.tif", _tiff(*tags, body=bytes(100_000)), ANY)
    overlapping = b"Exif\0\0" + ifd(*((tag, 1, 20_000, 8) for tag in range(40_000, 43_000)), body=bytes(20_000))
    yield Case("overlaps.jpg", encode(red(), "JPEG", exif=overlapping), "RED")


def _tiff(*tags: tuple[int, int, int, int], body: bytes = bytes(192), offset: int = 8, **size: int) -> bytes:
    """A grey TIFF of 16 x 12, or of another size that its header claims, with some tags more."""
    width, height = size.get("width", 16), size.get("height", 12)
    said = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: offset, 277: 1, 278: height, 279: width * height}
    return ifd(*((tag, 4, 1, value % 2**32) for tag, value in said.items()), *tags, body=body)


def _page_circle() -> bytes:
    """A TIFF whose only page says that it is followed by itself."""
    content = _tiff()
    return content[:-4] + content[4:8]


def _with_scans(picture: Image.Image, count: int) -> bytes:
    """A progressive JPEG with its last scan repeated up to so many."""
    content = encode(picture, "JPEG", progressive=True)
    start, marker = content.rindex(b"\xff\xda"), b"\xff\xda"
    return content[:-2] + content[start:-2] * (count - content.count(marker)) + content[-2:]


def _without_adobe(jpeg: bytes) -> bytes:
    """A JPEG without the segment that says its CMYK is inverted, as Adobe's is."""
    start = jpeg.index(b"\xff\xee")
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big") :]


_SENSELESS_EXIF = {
    "text": b"no EXIF at all",
    "beyond": b"II*\0\x08\0\0\0\xff\xff",
    "nine": exif(orientation=9).tobytes()[6:],
    "huge": ifd((ORIENTATION, 3, 2**32 - 1, 6)),
    "word": ifd((ORIENTATION, 2, 4, 0x00363636)),
    "circle": ifd((ORIENTATION, 3, 1, 6), (0x8769, 4, 1, 8), following=8),
    "odd-type": ifd((ORIENTATION, 3, 1, 6), (0x9286, 12, 1, 0), (0xA000, 77, 1, 0)),
}

# 16 x 12 pixels of red by `cjpeg -arithmetic -quality 90 -sample 1x1` of libjpeg-turbo: Pillow writes none.
_ARITHMETIC = """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGB
YUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/yQARCAAM
ABADAREAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwD/ANlJHFQSon/qyP/Z
"""
