"""Pictures that no answer is to be had from, and some that one must be given for: made from TRAIN, or of other things.

Each kind is a list of named PNGs or files, the same every time.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.image import Pixels, decode_field
from edge_runtime.locate import locate

Named = tuple[str, str | bytes]
"""What a picture is called, and its path or its bytes."""

BLURS_PX = (4, 6, 8, 12)  # standard deviations, of 320 pixels
EXPOSURES = (0.15, 0.3, 0.45, 1.5, 2.0, 3.0)  # times the light
ZOOMS = (1.0, 1.4, 2.2)  # sizes of a crop around a nucleus, of its box
ORIGINALS = Path("dataset-master", "dataset-master")  # below the data set's root
BASOPHIL = "BASOPHIL"

_SIZE = (320, 240)
_GLASS = (205, 203, 207)
_SEED = 20240501


def degraded(paths: Sequence[str]) -> Iterator[tuple[str, list[Named]]]:
    """Pictures of cells out of focus, and in too little or too much light: kind by kind."""
    pictures = [(Path(path).name, Image.open(path).convert("RGB").resize(_SIZE)) for path in paths]
    for blur in BLURS_PX:
        blurred = ((name, each.filter(ImageFilter.GaussianBlur(blur))) for name, each in pictures)
        yield f"blurred by {blur} of 320 px", [(name, _png(each)) for name, each in blurred]
    for times in EXPOSURES:
        lit = ((name, Image.fromarray(_clipped(np.asarray(each) * times))) for name, each in pictures)
        yield f"{times:g} times the light", [(name, _png(each)) for name, each in lit]


def cropped(paths: Sequence[str]) -> list[Named]:
    """Each cell cut out tightly, as single cells are published: pictures that must get an answer."""
    found: list[Named] = []
    for path in paths:
        picture = _field(path)
        for cell in locate(picture)[:1]:
            for zoom in ZOOMS:
                half = zoom * max(cell.right_px - cell.left_px, cell.bottom_px - cell.top_px) / 2
                x, y = (cell.left_px + cell.right_px) / 2, (cell.top_px + cell.bottom_px) / 2
                box = (max(0, int(x - half)), max(0, int(y - half)), min(640, int(x + half)), min(480, int(y + half)))
                crop = Image.fromarray(picture).crop(box)
                found.append((f"{Path(path).name} x {zoom:g}", _png(crop)))
    return found


def red_cells(paths: Sequence[str]) -> list[Named]:
    """A quarter of each photograph in which no stained cell is found, if there is one: red cells and platelets."""
    found: list[Named] = []
    for path in paths:
        picture = _field(path)
        quarters = (picture[row : row + 240, column : column + 320] for row in (0, 240) for column in (0, 320))
        for quarter in quarters:
            if not locate(np.ascontiguousarray(quarter)):
                found.append((Path(path).name, _png(Image.fromarray(quarter))))
                break
    return found


def originals(data: Path) -> list[tuple[str, str]]:
    """The photographs behind the data set: path and category, by `labels.csv`.

    Raises LeukoliteError when they are not below the data set's root.
    """
    folder = data / ORIGINALS
    try:
        with (folder / "labels.csv").open(encoding="utf-8", newline="") as stream:
            rows = [(int(row["Image"]), row["Category"]) for row in csv.DictReader(stream)]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise LeukoliteError(
            expected=f"the photographs' labels.csv in {show(folder)}",
            found=reason(error),
            remedy="name the root of the whole data set with --data",
        ) from error
    named = ((folder / "JPEGImages" / f"BloodImage_{number:05d}.jpg", category) for number, category in rows)
    return [(str(path), category) for path, category in named if path.is_file()]


def empty_glass() -> list[Named]:
    """Glass without a cell: even, with a sensor's noise, with a shadow, and with dust."""
    random = np.random.default_rng(_SEED)
    even = np.full((*_SIZE[::-1], 3), _GLASS, np.float64)
    noisy = even + random.normal(0, 4, even.shape)
    shadow = noisy * np.linspace(0.8, 1.0, _SIZE[0])[np.newaxis, :, np.newaxis]
    dusty = Image.fromarray(_clipped(noisy))
    for x, y in random.integers(10, 230, (12, 2)):
        ImageDraw.Draw(dusty).ellipse((x, y, x + 5, y + 4), fill=(90, 88, 86))
    arrays = {"even": even, "noisy": noisy, "shaded": shadow}
    pictures = {name: Image.fromarray(_clipped(each)) for name, each in arrays.items()} | {"dusty": dusty}
    return [(name, _png(each)) for name, each in pictures.items()]


def not_blood() -> list[Named]:
    """Text, patterns, flat colours, and photographs that come with scikit-learn."""
    pictures = {**_texts(), **_patterns(), **_flats(), **_photographs()}
    return [(name, _png(each)) for name, each in pictures.items()]


def _texts() -> dict[str, Image.Image]:
    """A page in black and one in blue."""
    pages = {}
    for name, ink in {"a page of text": (20, 20, 20), "a page of blue text": (30, 30, 160)}.items():
        page = Image.new("RGB", _SIZE, "white")
        for line in range(16):
            ImageDraw.Draw(page).text((8, 6 + 14 * line), "The quick brown fox jumps over the lazy dog", fill=ink)
        pages[name] = page
    return pages


def _patterns() -> dict[str, Image.Image]:
    """Gradients, noise and stripes."""
    random = np.random.default_rng(_SEED)
    rows, columns = np.mgrid[: _SIZE[1], : _SIZE[0]]
    across, down = columns * 255.0 / _SIZE[0], rows * 255.0 / _SIZE[1]
    striped = (columns // 20 % 2 == 1)[..., np.newaxis]
    arrays: dict[str, npt.NDArray[np.float64]] = {
        "a grey gradient": np.stack([across] * 3, axis=-1),
        "a coloured gradient": np.stack([across, down, 255 - across], axis=-1),
        "grey noise": np.repeat(random.uniform(0, 256, (*_SIZE[::-1], 1)), 3, axis=2),
        "coloured noise": random.uniform(0, 256, (*_SIZE[::-1], 3)),
        "black and white stripes": np.where(striped, (0.0, 0, 0), 255),
        "blue and white stripes": np.where(striped, (60.0, 60, 180), 255),
        "red and white stripes": np.where(striped, (200.0, 60, 60), 255),
    }
    return {name: Image.fromarray(_clipped(each)) for name, each in arrays.items()}


def _flats() -> dict[str, Image.Image]:
    """Nothing but one colour."""
    colors = ("white", "black", "grey", "red", "green", "blue", "purple", "pink")
    return {f"nothing but {color}": Image.new("RGB", _SIZE, color) for color in colors}


def _photographs() -> dict[str, Image.Image]:
    """A palace under a blue sky and a flower before leaves, whole and in quarters."""
    from sklearn.datasets import load_sample_images

    found, samples = {}, load_sample_images()
    for path, pixels in zip(samples.filenames, samples.images, strict=True):
        whole, name = Image.fromarray(pixels), Path(path).name
        found[name] = whole
        half = (whole.width // 2, whole.height // 2)
        for place, corner in {"upper left": (0, 0), "lower right": half}.items():
            found[f"{name}, {place}"] = whole.crop((*corner, corner[0] + half[0], corner[1] + half[1]))
    return found


def _field(path: str) -> Pixels:
    """A photograph as it is."""
    return decode_field(path, height_px=480, width_px=640).pixels


def _clipped(values: npt.NDArray[np.float64]) -> Pixels:
    """As pixels."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _png(picture: Image.Image) -> bytes:
    """Its bytes, none lost."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


MADE: dict[str, Callable[[], list[Named]]] = {"glass without a cell": empty_glass, "no blood": not_blood}
