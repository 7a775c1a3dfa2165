import pytest
from PIL import Image

from benchmarks.picture import choose, generate, load
from edge_runtime.image import decode


def test_the_generated_picture_is_always_the_same_jpeg_of_a_real_ones_size():
    one, other = generate(), generate()
    assert one == other
    assert one.name == "generated"
    assert decode(one.content, height_px=120, width_px=160).shape == (120, 160, 3)
    assert 7_000 < len(one.content) < 11_000  # a real one has 8.5 kB: decoding time goes with the bytes


def test_the_first_jpeg_of_test_is_chosen(picture, tmp_path):
    picture("data/TRAIN/RED/0.jpg")
    picture("data/TEST/RED/a.png")
    expected = picture("data/TEST/RED/b.JPEG")
    assert choose(tmp_path / "data") == expected
    assert load(expected).content == expected.read_bytes()


def test_no_data_set_no_picture():
    assert choose(None) is None


def test_a_data_set_that_cannot_be_used_is_refused(colors, tmp_path, refused):
    with refused("a JPEG"):
        choose(colors)  # it has PNGs only
    with refused("a data set folder"):
        choose(tmp_path / "absent")


@pytest.mark.parametrize("content", [None, b"", b"text"])
def test_a_file_that_is_no_image_is_refused(tmp_path, refused, content):
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with refused(r"an image at .*a\.jpg"):
        load(path)


def test_digests_tell_pictures_apart(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert load(tmp_path / "a.png").digest != generate().digest
