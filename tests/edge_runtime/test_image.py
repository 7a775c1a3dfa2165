import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime import image, jpeg
from edge_runtime.dataset import open_dataset
from edge_runtime.image import decode
from tests.nobody import as_nobody

ORIENTATION = 0x0112

# How a camera that was held each way stores an upright picture (EXIF 2.3, tag 0x0112).
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.fixture(autouse=True, params=["simplejpeg", "Pillow"])
def decoder(request, monkeypatch):
    """All of this holds with simplejpeg and without; test_jpeg.py sets the two side by side."""
    if request.param == "Pillow":
        monkeypatch.setattr(jpeg, "_decoder", lambda: None)


def smear(*, height: int = 240, width: int = 320) -> np.ndarray:
    """A generated field, uint8 [height, width, 3], with detail at every scale and no symmetry."""
    coarse = np.random.default_rng(7).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    fine = np.random.default_rng(8).integers(-20, 20, (height, width, 3))
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return (smooth.astype(int) + fine).clip(0, 255).astype(np.uint8)


def encoded(picture: Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    picture = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def oriented(orientation: int) -> Image.Exif:
    """EXIF with nothing but an orientation."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def drafted(content: bytes, *, height: int, width: int) -> np.ndarray:
    """What Pillow's own scaled JPEG decoding makes of it."""
    picture = Image.open(io.BytesIO(content))
    picture.draft("RGB", (width, height))
    return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("options", [{}, {"quality": 60}, {"progressive": True}, {"subsampling": 0}])
def test_half_size_jpeg_is_pillows_scaled_decoding_bit_for_bit(options):
    content = encoded(smear(), "JPEG", **options)
    pixels = decode(content, height_px=120, width_px=160)
    assert np.array_equal(pixels, drafted(content, height=120, width=160))
    whole = Image.open(io.BytesIO(content)).resize((160, 120), Image.Resampling.BILINEAR)
    assert not np.array_equal(pixels, np.asarray(whole))  # it was not decoded whole and then scaled


def test_real_cells_are_pillows_scaled_decoding_bit_for_bit(data_root):
    for cell in open_dataset(data_root, split="TEST_SIMPLE").images[::8]:
        content = Path(cell.path).read_bytes()
        pixels = decode(cell.path, height_px=120, width_px=160)
        assert np.array_equal(pixels, drafted(content, height=120, width=160)), cell.name


@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_is_applied(orientation):
    upright = smear(height=120, width=160)
    content = encoded(np.ascontiguousarray(STORED[orientation](upright)), "PNG", exif=oriented(orientation))
    assert np.array_equal(decode(content, height_px=120, width_px=160), upright)


def test_sideways_jpeg_is_scaled_before_it_is_turned():
    stored = np.ascontiguousarray(STORED[6](smear()))
    content = encoded(stored, "JPEG", exif=oriented(6))
    turned = np.rot90(drafted(content, height=160, width=120), -1)
    assert np.array_equal(decode(content, height_px=120, width_px=160), turned)


@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense" * 3, b"Exif\0\0II*\0\x08\0\0\0\xff\xff", oriented(9).tobytes()])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_senseless_exif_is_no_reason_to_refuse_a_picture(exif):
    plain = decode(encoded(smear(), "JPEG"), height_px=120, width_px=160)
    assert np.array_equal(decode(encoded(smear(), "JPEG", exif=exif), height_px=120, width_px=160), plain)


def grey16(value: int) -> Image.Image:
    """A 16-bit grey picture."""
    return Image.frombytes("I;16", (16, 12), np.full((12, 16), value, "<u2").tobytes())


def palette(*colors: tuple[int, int, int]) -> Image.Image:
    """A palette picture that shows its first colour."""
    picture = Image.new("P", (16, 12), 0)
    picture.putpalette([channel for color in colors for channel in color])
    return picture


@pytest.mark.parametrize(
    ("picture", "kind", "options", "color"),
    [
        (Image.new("L", (16, 12), 100), "PNG", {}, (100, 100, 100)),
        (Image.new("1", (16, 12), 1), "PNG", {}, (255, 255, 255)),
        (Image.new("1", (16, 12), 0), "PNG", {}, (0, 0, 0)),
        (palette((10, 20, 30), (0, 0, 0)), "PNG", {}, (10, 20, 30)),
        (palette((10, 20, 30), (0, 0, 0)), "PNG", {"transparency": 0}, image.BACKGROUND),
        (palette((10, 20, 30), (0, 0, 0)), "PNG", {"transparency": 1}, (10, 20, 30)),
        (Image.new("LA", (16, 12), (200, 0)), "PNG", {}, image.BACKGROUND),
        (Image.new("RGBA", (16, 12), (250, 120, 60, 255)), "PNG", {}, (250, 120, 60)),
        (Image.new("RGBA", (16, 12), (250, 120, 60, 0)), "PNG", {}, image.BACKGROUND),
        (Image.new("RGB", (16, 12), (9, 8, 7)), "PNG", {"transparency": (9, 8, 7)}, image.BACKGROUND),
        (Image.new("CMYK", (16, 12), (0, 255, 255, 0)), "TIFF", {}, (255, 0, 0)),
        (Image.new("RGB", (16, 12), (1, 2, 3)), "BMP", {}, (1, 2, 3)),
        (Image.new("RGB", (16, 12), (1, 2, 3)), "WEBP", {"lossless": True}, (1, 2, 3)),
        (Image.new("F", (16, 12), 0.5), "TIFF", {}, (128, 128, 128)),
        (Image.new("F", (16, 12), float("nan")), "TIFF", {}, (0, 0, 0)),
        (Image.new("I", (16, 12), 40_000), "TIFF", {}, (156, 156, 156)),
        (grey16(0), "PNG", {}, (0, 0, 0)),
        (grey16(60_000), "PNG", {}, (233, 233, 233)),  # 60000 / 257; Pillow's own conversion clips it to 255
        (grey16(60_000), "TIFF", {}, (233, 233, 233)),
        (grey16(65_535), "PNG", {}, (255, 255, 255)),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else str(value),
)
@pytest.mark.filterwarnings("error")
def test_every_colour_mode_becomes_rgb(picture, kind, options, color):
    pixels = decode(encoded(picture, kind, **options), height_px=12, width_px=16)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (12, 16, 3))
    assert np.array_equal(pixels, np.full((12, 16, 3), color))


@pytest.mark.parametrize(
    ("picture", "kind", "options", "color"),
    [
        (palette((100, 200, 50), (0, 0, 0)), "PNG", {"transparency": b"\x80\xff"}, (50, 100, 25)),
        (Image.new("LA", (16, 12), (200, 128)), "PNG", {}, (100, 100, 100)),
        (Image.new("CMYK", (16, 12), (0, 255, 255, 0)), "JPEG", {}, (255, 0, 0)),
    ],
    ids=["palette half transparent", "grey half transparent", "CMYK JPEG"],
)
def test_blended_and_lossy_colours_are_close(picture, kind, options, color):
    pixels = decode(encoded(picture, kind, **options), height_px=12, width_px=16)
    # Blending with 128/255, and the arithmetic of a JPEG of one colour, round to whole levels: one level at most.
    assert np.abs(pixels.astype(int) - color).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_other_sizes_are_scaled_bilinearly(kind):
    expected = Image.fromarray(smear()).resize((16, 12), Image.Resampling.BILINEAR)
    assert np.array_equal(decode(encoded(smear(), kind), height_px=12, width_px=16), np.asarray(expected))


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        ((16, 12), slice(0, 12), slice(0, 16)),
        ((64, 48), slice(0, 12), slice(0, 16)),
        ((4, 3), slice(0, 12), slice(0, 16)),
        ((1, 1), slice(0, 12), slice(2, 14)),
        ((40, 10), slice(4, 8), slice(0, 16)),
        ((10, 40), slice(0, 12), slice(6, 9)),
        ((1, 3000), slice(0, 12), slice(7, 8)),
        ((3000, 1), slice(5, 6), slice(0, 16)),
    ],
)
def test_aspect_ratio_is_kept_on_black(size, rows, columns):
    expected = np.zeros((12, 16, 3), np.uint8)
    expected[rows, columns] = 255
    pixels = decode(encoded(Image.new("RGB", size, "white"), "PNG"), height_px=12, width_px=16)
    assert np.array_equal(pixels, expected)


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (120, 160), (240, 320), (500, 500)])
def test_result_has_the_size_asked_for(size):
    pixels = decode(encoded(smear(), "JPEG"), height_px=size[0], width_px=size[1])
    assert (pixels.dtype, pixels.shape) == (np.uint8, (*size, 3))


def test_path_and_bytes_give_the_same(tmp_path):
    content = encoded(smear(), "JPEG")
    path = tmp_path / "named-wrongly.png"  # the content decides, not the name
    path.write_bytes(content)
    from_bytes = decode(content, height_px=12, width_px=16)
    assert np.array_equal(decode(path, height_px=12, width_px=16), from_bytes)
    assert np.array_equal(decode(str(path), height_px=12, width_px=16), from_bytes)


def test_first_picture_of_a_multi_picture_jpeg_counts():
    content = encoded(Image.fromarray(smear()), "MPO", save_all=True, append_images=[Image.new("RGB", (320, 240))])
    first = decode(encoded(smear(), "JPEG"), height_px=120, width_px=160)
    assert np.array_equal(decode(content, height_px=120, width_px=160), first)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.99])
def test_truncated_file_is_refused(kind, kept, refused):
    content = encoded(smear(), kind)
    with refused("readable"):
        decode(content[: int(kept * len(content))], height_px=120, width_px=160)


def test_jpeg_without_its_last_two_bytes_is_refused(refused):
    with refused("truncated"):
        decode(encoded(smear(), "JPEG")[:-2], height_px=120, width_px=160)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"Dear doctor,\n", "13 bytes that start with 'Dear doc'"),
        (b"\xff\xd8\xff\n\x1b[31m", "9 bytes that start with"),
        (encoded(smear(), "GIF"), "bytes that start with 'GIF8"),
        (encoded(smear(), "ICO"), "bytes that start with"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "bytes that start with"),
    ],
    ids=["empty", "text", "escape codes", "GIF", "ICO", "PostScript"],
)
def test_what_is_no_image_of_ours_is_refused_whatever_its_name(tmp_path, content, found, refused):
    path = tmp_path / "cell.jpg"
    path.write_bytes(content)
    with refused(f"expected a readable JPEG/PNG/BMP/TIFF/WEBP image, got .*{found}"):
        decode(path, height_px=12, width_px=16)


@pytest.mark.parametrize("size", [(8001, 8000), (20_000, 9_000)], ids=["above ours", "above Pillow's limit"])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_too_many_pixels_are_refused(size, refused):
    with refused("pixels"):
        decode(encoded(Image.new("1", size), "PNG"), height_px=12, width_px=16)


def test_too_large_a_file_is_refused_unread(tmp_path, refused):
    path = tmp_path / "huge.jpg"
    path.touch()
    os.truncate(path, 10 << 40)  # 10 TiB of nothing, which takes no space: reading it would take forever
    with refused("bytes"):
        decode(path, height_px=12, width_px=16)


@pytest.mark.timeout(20)  # a pipe that is opened would wait for its writer for ever
def test_pipe_is_refused_and_not_waited_for(tmp_path, refused):
    path = tmp_path / "pipe.jpg"
    os.mkfifo(path)
    with refused("expected a regular file, got a folder, pipe or device"):
        decode(path, height_px=12, width_px=16)


def test_folder_is_refused(tmp_path, refused):
    with refused("expected a regular file"):
        decode(tmp_path, height_px=12, width_px=16)


@pytest.mark.parametrize("name", ["missing.jpg", "missing/cell.jpg", "a\0b.jpg", "n" * 300])
def test_missing_file_is_refused(tmp_path, name, refused):
    with refused("expected a file that can be read"):
        decode(tmp_path / name, height_px=12, width_px=16)


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/stdin", "/proc/self/mem"])
def test_link_to_what_is_no_file_is_refused(tmp_path, target, refused):
    (tmp_path / "link.jpg").symlink_to(target)
    with refused("regular file|can be read"):
        decode(tmp_path / "link.jpg", height_px=12, width_px=16)


def test_links_in_a_circle_are_refused(tmp_path, refused):
    (tmp_path / "one.jpg").symlink_to("two.jpg")
    (tmp_path / "two.jpg").symlink_to("one.jpg")
    with refused("Too many levels of symbolic links"):
        decode(tmp_path / "one.jpg", height_px=12, width_px=16)


def test_link_out_of_its_folder_is_followed(tmp_path):
    content, folder = encoded(smear(), "JPEG"), tmp_path / "card"
    folder.mkdir()
    (tmp_path / "cell.jpg").write_bytes(content)
    (folder / "link.jpg").symlink_to("../cell.jpg")
    expected = decode(content, height_px=12, width_px=16)
    assert np.array_equal(decode(folder / "link.jpg", height_px=12, width_px=16), expected)


def test_file_that_may_not_be_read_is_refused(tmp_path):
    path = tmp_path / "private.png"
    path.write_bytes(encoded(smear(), "PNG"))
    path.chmod(0)
    assert "can be read" in as_nobody(lambda: decode(path, height_px=12, width_px=16))


@pytest.mark.parametrize("mode", ["I;16", "F", "RGBA", "LA", "P", "CMYK"])
def test_bands_are_converted_like_the_whole(mode, monkeypatch):
    picture = Image.fromarray(smear()).convert("L" if mode in ("I;16", "F") else mode if mode != "LA" else "RGBA")
    content = encoded(picture.convert(mode), "TIFF" if mode in ("F", "CMYK") else "PNG")
    whole = decode(content, height_px=120, width_px=160)
    monkeypatch.setattr(image, "_BAND_PIXELS", 7 * 320)
    assert np.array_equal(decode(content, height_px=120, width_px=160), whole)


def test_dead_link_is_refused(tmp_path, refused):
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    with refused("No such file"):
        decode(tmp_path / "link.jpg", height_px=12, width_px=16)
