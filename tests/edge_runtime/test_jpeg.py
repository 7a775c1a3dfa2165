"""simplejpeg and Pillow, side by side: the same pixels or the same refusal, whatever the file."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from simplejpeg import decode_jpeg

from edge_runtime import jpeg
from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError
from edge_runtime.image import decode_field
from edge_runtime.jpeg import agrees, read_header
from tests.corpus import encode, exif, red, small, speckled

# The same in every run: a change fails on what it does and not by chance.
EXAMPLES = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
SIZES = ((12, 16), (24, 32), (48, 64), (5, 100))
SEEDS = [case.content for case in small() if case.name.endswith(".jpg") and case.content]

pytestmark = pytest.mark.filterwarnings("ignore:::PIL")


def outcome(content: bytes, height: int, width: int) -> object:
    """All that a caller sees of a picture, or why it is refused."""
    try:
        field = decode_field(content, height_px=height, width_px=width)
    except LeukoliteError as error:
        return str(error)
    return field.pixels.tobytes(), field.pixels.shape, field.source_height_px, field.source_width_px


def assert_same(content: bytes, height: int, width: int) -> None:
    """The outcome with simplejpeg is that without it."""
    fast = outcome(content, height, width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jpeg, "_decoder", lambda: None)
        assert outcome(content, height, width) == fast


def noise(width: int, height: int, mode: str, seed: int, grain: int) -> Image.Image:
    """A picture with detail of a chosen strength on a gradient."""
    random = np.random.default_rng(seed)
    slope = np.linspace(0, 255, width)[np.newaxis, :, np.newaxis] * np.linspace(0, 1, height)[:, np.newaxis, np.newaxis]
    values = slope + random.integers(-grain, grain + 1, (height, width, 3))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8)).convert(mode)


SIDES = st.one_of(st.integers(1, 20), st.integers(1, 200))


@EXAMPLES
@given(
    *(st.integers(1, 100), st.sampled_from([0, 1, 2]), SIDES, SIDES, st.integers(0, 5), st.booleans(), st.booleans()),
    *(st.sampled_from(["L", "RGB"]), st.sampled_from(SIZES), st.integers(0, 128)),
)
def test_a_plain_jpeg_is_the_same_picture(
    quality, sampling, width, height, restarts, progressive, optimized, mode, size, grain
):
    options = {"quality": quality, "restart_marker_blocks": restarts, "progressive": progressive, "optimize": optimized}
    options["subsampling"] = sampling if mode == "RGB" else 0  # Pillow writes one of grey pictures too
    content = encode(noise(width, height, mode, quality, grain), "JPEG", **options)
    assert read_header(content) is not None
    assert_same(content, *size)


@EXAMPLES
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 9999), st.binary(max_size=3), st.integers(0, 3)), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from(SIZES),
)
def test_a_damaged_one_ends_the_same(content, changes, mended, size):
    damaged = bytearray(content)
    for place, inserted, removed in changes:
        at = place % len(damaged)
        damaged[at : at + removed] = inserted
    assert_same(bytes(damaged) + (b"\xff\xd9" if mended else b""), *size)


@pytest.mark.parametrize("percent", range(50, 100, 3))
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("ended", [False, True], ids=["cut", "cut and ended"])
def test_one_with_missing_rows_ends_the_same(percent, progressive, ended):
    whole = encode(speckled(), "JPEG", progressive=progressive)
    assert_same(whole[: len(whole) * percent // 100] + (b"\xff\xd9" if ended else b""), 24, 32)


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("size", SIZES)
def test_exif_is_read_as_pillow_reads_it(orientation, size):
    content = encode(speckled(), "JPEG", exif=exif(orientation=orientation))
    assert (read_header(content) is not None) is (orientation == 1)
    assert_same(content, *size)


@pytest.mark.parametrize("split", ["TEST", "TRAIN"])
def test_real_cells_are_the_same(data_root, split):
    for cell in open_dataset(data_root, split=split).images[::40]:
        content = Path(cell.path).read_bytes()
        assert read_header(content) is not None, cell.name
        for size in ((120, 160), (240, 320)):  # of the shipped field view and of the cell view
            assert_same(content, *size)


def segment(kind: int, body: bytes) -> bytes:
    return bytes([0xFF, kind]) + (len(body) + 2).to_bytes(2, "big") + body


PLAIN = encode(speckled(), "JPEG")
FRAME = PLAIN.index(b"\xff\xc0")


def with_segment(kind: int, body: bytes) -> bytes:
    return PLAIN[:2] + segment(kind, body) + PLAIN[2:]


XMP = b"http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation='6'/>"

DECLINED = {
    "no end": PLAIN[:-2],
    "junk behind": PLAIN + b"\0",
    "junk between": PLAIN[:FRAME] + b"\0" + PLAIN[FRAME:],
    "fill byte": PLAIN[:FRAME] + b"\xff" + PLAIN[FRAME:],
    "empty": b"",
    "png": encode(red(), "PNG"),
    "cmyk": encode(red("CMYK"), "JPEG"),
    "adobe": encode(red(), "JPEG", keep_rgb=True),
    "4:4:0": PLAIN[: FRAME + 11] + b"\x12" + PLAIN[FRAME + 12 :],
    "12 bits": PLAIN[: FRAME + 4] + b"\x0c" + PLAIN[FRAME + 5 :],
    "arithmetic": PLAIN.replace(b"\xff\xc0", b"\xff\xc9"),
    "no height": PLAIN[: FRAME + 5] + b"\0\0" + PLAIN[FRAME + 7 :],
    "two frames": PLAIN[:FRAME] + PLAIN[FRAME : FRAME + 19] + PLAIN[FRAME:],
    "several pictures": encode(red(), "MPO", save_all=True, append_images=[red()]),
    "xmp": with_segment(0xE1, XMP),
    "photoshop": with_segment(0xED, b"Photoshop 3.0\0"),
    "short profile": with_segment(0xE2, b"ICC_PROFILE\0"),
    "short jfif": with_segment(0xE0, b"JFIF\0"),
    "two exifs": PLAIN[:2] + 2 * segment(0xE1, exif(orientation=1).tobytes()) + PLAIN[2:],
    "exif that is none": with_segment(0xE1, b"Exif\0\0nonsense"),
    "16-bit tables": with_segment(0xDB, b"\x10" + bytes(128)),
    "segment beyond": PLAIN[:FRAME] + b"\xff\xfe\xff\xff" + PLAIN[FRAME:],
}


@pytest.mark.parametrize("name", DECLINED)
def test_what_could_come_out_otherwise_is_left_to_pillow(name):
    assert read_header(DECLINED[name]) is None
    assert_same(DECLINED[name], 24, 32)


@pytest.mark.parametrize("name", ["comment", "profile", "exif"])
def test_what_cameras_and_programs_add_is_no_reason(name):
    added = {"comment": (0xFE, b"by hand"), "profile": (0xE2, b"ICC_PROFILE\0\1\1" + bytes(99))}
    content = with_segment(*added.get(name, (0xE1, exif(orientation=1).tobytes())))
    assert read_header(content) is not None
    assert_same(content, 24, 32)


def test_what_simplejpeg_has_against_a_file_is_for_pillow_to_judge():
    content = PLAIN[: FRAME + 5] + (480).to_bytes(2, "big") + PLAIN[FRAME + 7 :]  # most rows are missing
    header = read_header(content)
    assert header is not None
    assert jpeg.decode(content, header, height_px=24, width_px=32) is None
    assert isinstance(outcome(content, 24, 32), tuple)  # it fills them in


def test_without_simplejpeg_pillow_does_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    monkeypatch.setattr(jpeg, "_decoder", jpeg._decoder.__wrapped__)
    assert read_header(PLAIN) is None
    assert isinstance(outcome(PLAIN, 24, 32), tuple)


def test_simplejpeg_is_used_where_it_is():
    assert agrees(decode_jpeg)
    assert read_header(PLAIN) is not None


@pytest.mark.parametrize(
    "other",
    [
        lambda *args, **options: decode_jpeg(*args, **options, fastdct=True),
        lambda *args, **options: decode_jpeg(*args, **options, fastupsample=True),
        lambda *args, **options: decode_jpeg(*args)[:: options["min_factor"], :: options["min_factor"]],
        lambda *args, **options: decode_jpeg(args[0], "BGR", **options),
        lambda *args, **options: np.zeros(0, np.uint8),
    ],
    ids=["other cosines", "other interpolation", "other scaling", "other colours", "nothing"],
)
def test_a_decoder_that_gives_other_pixels_is_not_used(other, monkeypatch):
    assert not agrees(other)
    monkeypatch.setattr("simplejpeg.decode_jpeg", other)
    assert jpeg._decoder.__wrapped__() is None


def test_the_corpus_has_some_for_simplejpeg():
    """So that what is said of it there is said of both."""
    taken = [case.name for case in small() if read_header(case.content)]
    assert len(taken) >= 10
