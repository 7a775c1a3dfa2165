"""The ruler: drawn fields whose cells have a known diameter, and the annotated originals of the public set."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.image import decode
from edge_runtime.scale import red_cell_diameter
from edge_runtime.squares import coarsen

GLASS, RED_CELL, PALE = (220, 215, 205), (205, 155, 150), (216, 200, 190)
PLASMA, NUCLEUS = (200, 180, 215), (110, 60, 170)
HEIGHT, WIDTH = 120, 160
FINE = 4  # drawn that many times as large, and then averaged: rims fall between pixels, as in photographs
# Perfect discs are measured 4 to 15 % too large: the answer is the radius at which most rims answer together, and a
# disc slightly too large answers over more places. Boxes around real cells, which are not round, are larger still.
DISC = 0.17


def measured(pixels: np.ndarray) -> float | None:
    return red_cell_diameter(coarsen(pixels))


def drawn(
    diameter: float, *, share: float = 0.35, pale: float = 0.0, nucleus: float = 0, scale: int = 1, apart: float = 1.1
):
    """A field of red cells, their middles `apart` diameters apart at least, that cover a share of it.

    Each has a pale centre of `pale` of its diameter. In the middle is a nucleus of a diameter in its plasma, if any.
    """
    rng = np.random.default_rng(0)
    height, width = HEIGHT * scale, WIDTH * scale
    pixels = np.full((height * FINE, width * FINE, 3), GLASS, np.float32)
    places: list[tuple[float, float]] = []
    for x, y in rng.uniform((0, 0), (width, height), (4000, 2)):
        if len(places) * np.pi / 4 * diameter**2 >= share * height * width:
            break
        if all(np.hypot(x - left, y - top) > apart * diameter for left, top in places):
            places.append((x, y))
            disc(pixels, x, y, diameter, RED_CELL)
            disc(pixels, x, y, pale * diameter, PALE)
    disc(pixels, width / 2, height / 2, 1.4 * nucleus, PLASMA)
    disc(pixels, width / 2, height / 2, nucleus, NUCLEUS)
    small = pixels.reshape(height, FINE, width, FINE, 3).mean(axis=(1, 3))
    return as_pixels(small + rng.normal(0, 3, small.shape))


def disc(pixels: np.ndarray, x: float, y: float, diameter: float, color: tuple[int, int, int]) -> None:
    rows, columns = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
    pixels[np.hypot(rows + 0.5 - y * FINE, columns + 0.5 - x * FINE) < diameter * FINE / 2] = color


def as_pixels(values: np.ndarray) -> np.ndarray:
    return values.round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("nucleus", [0, 30])
@pytest.mark.parametrize("pale", [0.0, 0.35, 0.6])
@pytest.mark.parametrize("diameter", [12, 18, 26, 40])
def test_discs_and_rings_of_a_known_diameter(diameter, pale, nucleus):
    found = measured(drawn(diameter, pale=pale, nucleus=nucleus))
    assert found == pytest.approx(diameter, rel=DISC)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_the_number_of_cells_does_not_matter(share):
    assert measured(drawn(26, share=share)) == pytest.approx(26, rel=DISC)


def test_cells_that_overlap_and_leave_little_glass():
    assert measured(drawn(26, share=0.8, apart=0.8)) == pytest.approx(26, rel=DISC)


@pytest.mark.parametrize("light", [0.3, 0.6, 1.15])
def test_exposure_does_not_matter(light):
    field = drawn(26, pale=0.35, nucleus=30)
    # Rounding to 8 bits, and noise with it, moves the rims by less than a tenth of a pixel.
    assert measured(as_pixels(field * light)) == pytest.approx(measured(field), rel=0.01)


@pytest.mark.parametrize("cast", [(1.0, 0.95, 0.75), (0.8, 0.9, 1.05)])
def test_a_yellow_or_blue_lamp_does_not_matter(cast):
    field = drawn(26, pale=0.35, nucleus=30)
    # Another share of each square's darkness is taken for stain; pale rims move by a fraction of a pixel.
    assert measured(as_pixels(field * cast)) == pytest.approx(measured(field), rel=0.02)


def test_pixels_of_a_larger_field_are_smaller():
    # Both are averaged to the same grid; only where the cells lie on it differs.
    assert measured(drawn(52, scale=2)) == pytest.approx(2 * measured(drawn(26)), rel=0.02)


@pytest.mark.parametrize("slope", [0.0, 0.1, 0.2, 0.3])
def test_fill_beside_the_picture_is_no_cell(slope):
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    lit = (rows + slope * columns - 20.5).clip(0, 1)[..., np.newaxis]  # along the edge a pixel is partly black
    found = measured(as_pixels(drawn(14, share=0.1) * lit))
    assert found == pytest.approx(14, rel=DISC)


def test_a_tall_picture_fills_a_third_of_the_field():
    field = drawn(18)
    field[:, :50] = field[:, 104:] = 0
    assert measured(field) == pytest.approx(18, rel=DISC)


def test_a_nucleus_is_no_cell_among_a_few_small_ones():
    assert measured(drawn(14, share=0.06, nucleus=50)) == pytest.approx(14, rel=DISC)


def noise(level: float, spread: float) -> np.ndarray:
    return as_pixels(np.random.default_rng(0).normal(level, spread, (HEIGHT, WIDTH, 3)))


def one_bright_square() -> np.ndarray:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[40:44, 40:44] = 200
    return pixels


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(lambda: drawn(26, share=0), id="glass"),
        pytest.param(lambda: drawn(26, share=0, nucleus=30), id="a white cell alone"),
        pytest.param(lambda: drawn(26, share=0.02), id="one red cell"),
        pytest.param(lambda: as_pixels(0.9 * np.array(GLASS) + 0.1 * drawn(26)), id="shadows fainter than cells"),
        pytest.param(lambda: as_pixels(np.full((HEIGHT, WIDTH, 3), RED_CELL)), id="red without glass"),
        pytest.param(lambda: np.zeros((HEIGHT, WIDTH, 3), np.uint8), id="black"),
        pytest.param(lambda: np.full((60, 60, 3), 255, np.uint8), id="white"),
        pytest.param(lambda: one_bright_square(), id="one square of light"),
        pytest.param(lambda: noise(200, 8), id="faint noise"),
        pytest.param(lambda: noise(128, 60), id="strong noise"),
        pytest.param(lambda: drawn(80), id="cells too large for the field"),
    ],
)
def test_what_cannot_be_told_is_none(field):
    assert measured(field()) is None


def decoded(scale: float) -> Callable[[Path], np.ndarray]:
    """A photograph's field, of another size, so that its cells are a like share of it."""
    return lambda photo: decode(photo, height_px=round(scale * HEIGHT), width_px=round(scale * WIDTH))


def magnified(scale: float) -> Callable[[Path], np.ndarray]:
    """A field of the same size, in which cells are larger, the middle cut out, or smaller, mirrored at its edges."""

    def field(photo: Path) -> np.ndarray:
        pixels = decoded(scale)(photo)
        top, left = (max(0, side - least) // 2 for side, least in zip(pixels.shape, (HEIGHT, WIDTH), strict=False))
        mirrored = np.concatenate([pixels, pixels[::-1]])
        mirrored = np.concatenate([mirrored, mirrored[:, ::-1]], axis=1)
        return mirrored[top : top + HEIGHT, left : left + WIDTH]

    return field


def true_diameter(annotation: Path) -> float | None:
    """The median of the red cells' boxes (root of width times height) off the border, in pixels at WIDTH x HEIGHT."""
    diameters = []
    for item in ET.parse(annotation).findall("object"):
        left, top, right, bottom = (float(item.findtext(f"bndbox/{end}")) for end in ("xmin", "ymin", "xmax", "ymax"))
        whole = left > 2 and top > 2 and right < 4 * WIDTH - 2 and bottom < 4 * HEIGHT - 2
        if item.findtext("name") == "RBC" and whole and right > left and bottom > top:
            diameters.append(np.sqrt((right - left) * (bottom - top)) / 4)
    return float(np.median(diameters)) if diameters else None


def errors(root: Path, field: Callable[[Path], np.ndarray], scale: float) -> np.ndarray:
    """The share by which each annotated original is measured too large, NaN where it is not measured at all."""
    found = []
    for annotation in sorted((root / "bccd" / "Annotations").glob("*.xml")):
        if true := true_diameter(annotation):
            photo = root / "dataset-master/dataset-master/JPEGImages" / f"{annotation.stem}.jpg"
            found.append((measured(field(photo)) or np.nan) / (scale * true) - 1)
    return np.array(found)


@pytest.mark.parametrize(
    ("view", "scale", "median", "p90", "gross", "none"),
    [
        pytest.param(decoded, 1.0, 0.06, 0.13, 0.01, 0.04, id="as they are"),
        pytest.param(decoded, 0.6, 0.06, 0.13, 0.01, 0.04, id="shrunk"),
        pytest.param(decoded, 1.4, 0.06, 0.13, 0.01, 0.04, id="enlarged"),
        pytest.param(decoded, 2.0, 0.06, 0.13, 0.01, 0.04, id="at half the photograph's size"),
        pytest.param(magnified, 0.5, 0.06, 0.13, 0.03, 0.05, id="half the magnification"),
        pytest.param(magnified, 0.6, 0.06, 0.13, 0.03, 0.06, id="less magnification"),
        pytest.param(magnified, 1.4, 0.07, 0.15, 0.03, 0.08, id="more magnification"),
    ],
)
def test_the_annotated_originals(data_root, view, scale, median, p90, gross, none):
    """All 349 with a red cell's box off the border; constants were chosen on the 172 of even number.

    The originals are alike in magnification, so that a constant, or a share of the field, would do: views that are cut
    out or mirrored show that cells are measured. Bounds are a fifth of an error and three fields in a hundred, at most,
    above what is found: another JPEG decoder, or another rounding, may turn a field that is nearly ambiguous.
    """
    off = errors(data_root, view(scale), scale)
    told = np.abs(off[~np.isnan(off)])
    assert len(off) == 349
    assert np.isnan(off).mean() <= none
    assert np.median(told) <= median
    assert np.quantile(told, 0.9) <= p90
    assert (told > 1 / 3).mean() <= gross
