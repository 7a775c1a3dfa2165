"""What the network is trained on and what it is fed on the device, compared bit by bit on files.

Either side runs its own code: `train.stream.Stream` gives the tensor of the training; `Classifier.classify` fills
the interpreter's input tensor, which is read back after it has run.
"""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from edge_runtime import classifier as device_module
from edge_runtime import jpeg
from edge_runtime.classifier import Classifier
from edge_runtime.dataset import open_dataset
from edge_runtime.image import Field, decode
from edge_runtime.view import Look, View
from tests.train.encodings import EXACT, KINDS, grey16, oriented, resized, saved
from train import stream as training_module
from train.config import NetworkSettings
from train.stream import Stream

HEIGHT_PX, WIDTH_PX = NetworkSettings().image_height_px, NetworkSettings().image_width_px
VIEW = View.whole(height_px=HEIGHT_PX, width_px=WIDTH_PX)


@pytest.fixture(scope="module")
def device():
    """The shipped int8 bundle, as the `leukolite` command runs it."""
    return Classifier()


@pytest.fixture(scope="session")
def real(data_root):
    """Two pictures of the data set, 320 x 240."""
    images = open_dataset(data_root, split="TRAIN").images
    return [Image.open(image.path).convert("RGB") for image in images[:: len(images) // 2][:2]]


@pytest.fixture(scope="session")
def generated(smear_root):
    """Two generated pictures, enlarged to the size of the data set's."""
    paths = sorted(smear_root.rglob("TRAIN/*/*.jpeg"))[::16]
    return [Image.open(path).convert("RGB").resize((320, 240), Image.Resampling.BICUBIC) for path in paths]


@pytest.fixture
def files(tmp_path):
    """Writes pictures as files of one kind; their paths. The names do not tell the kind."""

    def write(pictures, encode):
        paths = [tmp_path / f"{number}.jpg" for number in range(len(pictures))]
        for path, picture in zip(paths, pictures, strict=True):
            path.write_bytes(encode(picture))
        return [str(path) for path in paths]

    return write


def trained_on(paths):
    """What training sees: uint8 [n, height, width, 3], through batches that do not come out even."""
    order = np.arange(len(paths))[::-1]
    seen = np.empty((len(paths), HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    for pixels, indices in Stream(paths, order, batch_size=3, view=VIEW):
        seen[indices.numpy()] = pixels.numpy()
    return seen


def fed_on_the_device(paths, device):
    """What the interpreter is fed, read back from its input tensor."""
    interpreter = device.model._interpreter
    (tensor,) = interpreter.get_input_details()
    seen = []
    for path in paths:
        interpreter.set_tensor(tensor["index"], np.full(tensor["shape"], 77, tensor["dtype"]))
        assert device.classify(path).error is None
        seen.append(interpreter.get_tensor(tensor["index"])[0])
    return np.stack(seen)


def differing(paths, device):
    """How many of the files give another tensor on the device than in training."""
    one, other = trained_on(paths), fed_on_the_device(paths, device)
    assert (one.dtype, one.shape) == (other.dtype, other.shape)
    return sum(not np.array_equal(mine, its) for mine, its in zip(one, other, strict=True))


def test_the_recipe_s_picture_is_the_shipped_model_s(device):
    assert (device.card.input.height, device.card.input.width) == (HEIGHT_PX, WIDTH_PX)


# The same pixels.


@pytest.mark.parametrize("kind", KINDS)
def test_real_pictures_are_the_same_in_training_and_on_the_device(real, files, device, kind):
    assert differing(files(real, KINDS[kind]), device) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_generated_pictures_are_the_same_in_training_and_on_the_device(generated, files, device, kind):
    assert differing(files(generated, KINDS[kind]), device) == 0


def test_the_data_set_s_own_files_are_the_same(data_root, device):
    paths = [image.path for split in ("TRAIN", "TEST") for image in open_dataset(data_root, split=split).images[::199]]
    assert len(paths) > 60
    assert differing(paths, device) == 0


@pytest.mark.parametrize("kind", EXACT)
def test_what_loses_nothing_shows_the_same_picture(generated, files, device, kind):
    expected = np.stack([np.asarray(p.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BILINEAR)) for p in generated])
    paths = files(generated, EXACT[kind])
    assert np.array_equal(trained_on(paths), expected)
    assert np.array_equal(fed_on_the_device(paths, device), expected)


def test_16_bit_grey_shows_the_same_picture_as_8_bits(generated, files, device):
    eight = trained_on(files(generated, lambda picture: saved(picture.convert("L"), "PNG")))
    assert np.ptp(eight) > 100  # there is something to see
    for kind in ("PNG", "TIFF"):
        assert np.array_equal(trained_on(files(generated, lambda p, kind=kind: saved(grey16(p), kind))), eight)


# That a difference would be noticed.


def undrafted(source, *, height_px, width_px):
    """JPEGs decoded whole, then scaled: what most training code does."""
    with Image.open(source) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    return decode(saved(upright, "PNG"), height_px=height_px, width_px=width_px)


def unturned(source, *, height_px, width_px):
    """EXIF is overlooked."""
    with Image.open(source) as picture:
        return decode(saved(picture.convert("RGB"), "PNG"), height_px=height_px, width_px=width_px)


def blue_first(source, *, height_px, width_px):
    """The colour order of OpenCV."""
    return decode(source, height_px=height_px, width_px=width_px)[..., ::-1]


def nearest(source, *, height_px, width_px):
    """Another resampling filter."""
    with Image.open(source) as picture:
        return np.asarray(picture.convert("RGB").resize((width_px, height_px), Image.Resampling.NEAREST))


def one_level_off(source, *, height_px, width_px):
    """The smallest difference there is: one level in one channel of one pixel."""
    pixels = decode(source, height_px=height_px, width_px=width_px).copy()
    pixels[-1, -1, -1] ^= 1
    return pixels


@pytest.mark.parametrize("side", ["training", "device"])
@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        (undrafted, "jpeg 4:2:0"),
        (undrafted, "jpeg cmyk"),
        (unturned, "jpeg orientation 6"),
        (unturned, "png orientation 3"),
        (blue_first, "bmp"),
        (nearest, "png"),
        (nearest, "jpeg 641 x 479"),
        (one_level_off, "png 160 x 120"),
    ],
)
def test_another_rule_on_one_side_is_noticed(generated, files, device, monkeypatch, side, rule, kind):
    paths = files(generated, KINDS[kind])

    def look(source, view):
        pixels = rule(source, height_px=view.field_height_px, width_px=view.field_width_px)
        return Field(pixels, 240, 320), Look(pixels, view)

    if side == "training":
        monkeypatch.setattr(training_module, "see", lambda source, view: look(source, view)[1].crops[0])
    else:
        monkeypatch.setattr(device_module, "look_at", look)
    assert differing(paths, device) == len(paths)


# Decoding at reduced scale.


@pytest.fixture
def decoded_sizes(monkeypatch):
    """The width and height at which Pillow decodes each JPEG, in order; test_jpeg.py holds simplejpeg to it."""
    monkeypatch.setattr(jpeg, "_decoder", lambda: None)
    sizes, load = [], JpegImageFile.load

    def spy(picture):
        if picture.tile:  # it is not decoded yet
            sizes.append(picture.size)
        return load(picture)

    monkeypatch.setattr(JpegImageFile, "load", spy)
    return sizes


@pytest.mark.parametrize(
    ("encode", "size"),
    [
        (resized((320, 240), "JPEG"), (160, 120)),
        (resized((640, 480), "JPEG"), (160, 120)),
        (resized((1280, 960), "JPEG"), (160, 120)),
        (resized((2560, 1920), "JPEG"), (320, 240)),  # libjpeg goes down to an eighth
        (resized((641, 479), "JPEG"), (321, 240)),  # a quarter would be 161 x 120, but Pillow's rule rounds down
        (resized((319, 240), "JPEG"), (319, 240)),  # half would be too narrow
        (resized((320, 239), "JPEG"), (320, 239)),
        (resized((240, 320), "JPEG"), (240, 320)),
        (resized((160, 120), "JPEG"), (160, 120)),
        (resized((7, 5), "JPEG"), (7, 5)),
        (lambda picture: oriented(picture, "JPEG", 6), (120, 160)),  # stored sideways, 240 x 320
        (lambda picture: oriented(picture.rotate(90, expand=True), "JPEG", 6), (320, 240)),  # shown as 240 x 320
        (lambda picture: saved(picture.convert("L"), "JPEG"), (160, 120)),
        (lambda picture: saved(picture.convert("CMYK"), "JPEG"), (160, 120)),
        (lambda picture: saved(picture, "JPEG", progressive=True), (160, 120)),
    ],
)
def test_jpegs_are_decoded_at_reduced_scale_where_the_sizes_allow_it(
    generated, files, device, decoded_sizes, encode, size
):
    paths = files(generated[:1], encode)
    assert Image.open(io.BytesIO(encode(generated[0]))).format == "JPEG"
    trained_on(paths)
    assert set(decoded_sizes) == {size}
    decoded_sizes.clear()
    fed_on_the_device(paths, device)
    assert set(decoded_sizes) == {size}
