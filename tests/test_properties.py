"""What holds for any input, tried on many that hypothesis makes up; tests/fuzz searches for longer, and with coverage.

Examples are the same in every run (derandomize), so that a change fails on what it does and not by chance.
"""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_runtime.card import Card, load_card
from edge_runtime.errors import LeukoliteError
from edge_runtime.image import decode, decode_field
from tests import corpus
from tests.tiny_model import CARD

EXAMPLES = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

SEEDS = list(corpus.small())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMES = [(name,) for name in CARD.to_json()] + [("input", name) for name in CARD.to_json()["input"]]
SIDES = st.integers(1, 40)

pytestmark = pytest.mark.filterwarnings("ignore:::PIL")


def outcome(work):
    """What it returns and '', or None and why it refuses."""
    try:
        return work(), ""
    except LeukoliteError as error:
        return None, str(error)


@EXAMPLES
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255)), max_size=8), st.data())
def test_a_damaged_file_is_pixels_or_a_reason(case, changes, data):
    content = bytearray(case.content or b"\0")
    for place, value in changes:
        content[place % len(content)] = value
    kept = data.draw(st.integers(0, len(content)))
    pixels, refusal = outcome(lambda: decode(bytes(content[: kept if kept % 2 else None]), height_px=12, width_px=16))
    assert "\n" not in refusal
    assert refusal or (pixels.shape, pixels.dtype) == ((12, 16, 3), np.uint8)


@EXAMPLES
@given(st.binary(max_size=300))
def test_any_bytes_are_no_card_or_a_reason(content):
    with pytest.raises(LeukoliteError):
        load_card(content)


@EXAMPLES
@given(st.sampled_from(NAMES), JSON)
def test_a_card_with_any_value_in_any_field_is_itself_again_or_refused(names, value):
    fields = json.loads(json.dumps(CARD.to_json()))
    owner = fields
    for name in names[:-1]:
        owner = owner[name]
    owner[names[-1]] = value
    card, refusal = outcome(lambda: load_card(corpus.zipped(json.dumps(fields).encode())))
    assert "\n" not in refusal
    if card:
        again = json.loads(json.dumps(card.to_json()))
        assert json.dumps(Card.from_json(again).to_json()) == json.dumps(again)


@EXAMPLES
@given(SIDES, SIDES, SIDES, SIDES)
def test_a_picture_of_any_size_fills_one_side_of_any_field_and_keeps_its_shape(
    width, height, field_width, field_height
):
    white = corpus.encode(Image.new("RGB", (width, height), "white"), "PNG")
    field = decode_field(white, height_px=field_height, width_px=field_width)
    shown = field.pixels[..., 0] == 255
    rows, columns = shown.any(axis=1).sum(), shown.any(axis=0).sum()
    assert rows == field_height or columns == field_width
    assert shown.sum() == rows * columns  # one rectangle
    scale = min(field_width / width, field_height / height)
    # Each side is rounded to whole pixels, and is one at least.
    assert abs(columns - max(1, width * scale)) <= 0.5
    assert abs(rows - max(1, height * scale)) <= 0.5


@EXAMPLES
@given(st.integers(1, 8), SIDES, SIDES)
def test_turning_a_picture_and_saying_so_changes_nothing(orientation, width, height):
    upright = np.random.default_rng(width * 50 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    ways = [None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM]
    ways += [
        Image.Transpose.TRANSPOSE,
        Image.Transpose.ROTATE_90,
        Image.Transpose.TRANSVERSE,
        Image.Transpose.ROTATE_270,
    ]
    way, picture = ways[orientation - 1], Image.fromarray(upright)
    stored = picture if way is None else picture.transpose(way)
    content = corpus.encode(stored, "PNG", exif=corpus.exif(orientation=orientation))
    assert np.array_equal(decode(content, height_px=height, width_px=width), upright)
