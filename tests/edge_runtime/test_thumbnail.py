import base64
import io

import pytest
from PIL import Image

from edge_runtime.thumbnail import thumbnail


def opened(address):
    """The picture in a `data:` address."""
    kind, _, content = address.partition(",")
    assert kind == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(content, validate=True)))


def test_a_small_picture_of_the_file(picture):
    small = opened(thumbnail(picture("a.png", color="GREEN", size=(64, 48)), height_px=12, width_px=16))
    assert (small.format, small.size) == ("JPEG", (16, 12))
    red, green, blue = small.getpixel((8, 6))
    assert green > 200 > 60 > max(red, blue)


@pytest.mark.parametrize("content", [None, b"", b"text"])
def test_what_cannot_be_read_is_black(tmp_path, content):
    if content is not None:
        (tmp_path / "x.png").write_bytes(content)
    small = opened(thumbnail(tmp_path / "x.png", height_px=12, width_px=16))
    assert small.getextrema() == ((0, 0), (0, 0), (0, 0))
