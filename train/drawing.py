"""Draw one field of a blood smear: pale background, red cells, platelets and a stained white cell."""

import cmath
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Floats = npt.NDArray[np.float32]
Points = npt.NDArray[np.complex64]
Colour = tuple[float, float, float]

# Optical depths in R, G, B.
_RED_CELL = (0.06, 0.27, 0.25)
_PLATELET = (0.40, 0.70, 0.05)


@dataclass(frozen=True)
class _Look:
    """How one kind of white cell is stained. Colours are optical depths in R, G, B; pairs are (least, most).

    `radius` is a fraction of the field's height; `lobe_radius` and `lobe_offset` (from the middle of the cell)
    are fractions of that radius. `grain` is the size of the cytoplasm's granules as a fraction of it, and
    `contrast` how much they stand out. `notched`: a bite is taken out of the nucleus.
    """

    radius: tuple[float, float]
    nucleus: Colour
    cytoplasm: Colour
    lobes: tuple[int, int]
    lobe_radius: tuple[float, float]
    lobe_offset: tuple[float, float]
    lobe_spacing_deg: tuple[float, float]
    grain: float
    contrast: float
    notched: bool = False


_LOOKS = {
    "EOSINOPHIL": _Look(
        radius=(0.14, 0.20), nucleus=(0.62, 1.15, 0.10), cytoplasm=(0.10, 0.46, 0.28),
        lobes=(2, 2), lobe_radius=(0.38, 0.48), lobe_offset=(0.40, 0.52), lobe_spacing_deg=(85, 150),
        grain=0.10, contrast=0.32,
    ),
    "LYMPHOCYTE": _Look(
        radius=(0.09, 0.15), nucleus=(0.85, 1.30, 0.20), cytoplasm=(0.50, 0.40, 0.06),
        lobes=(1, 1), lobe_radius=(0.80, 0.93), lobe_offset=(0.0, 0.06), lobe_spacing_deg=(0, 0),
        grain=0.3, contrast=0.1,
    ),
    "MONOCYTE": _Look(
        radius=(0.16, 0.23), nucleus=(0.58, 0.95, 0.08), cytoplasm=(0.36, 0.32, 0.12),
        lobes=(1, 1), lobe_radius=(0.62, 0.76), lobe_offset=(0.05, 0.2), lobe_spacing_deg=(0, 0),
        grain=0.2, contrast=0.25, notched=True,
    ),
    "NEUTROPHIL": _Look(
        radius=(0.14, 0.20), nucleus=(0.62, 1.25, 0.12), cytoplasm=(0.14, 0.28, 0.08),
        lobes=(3, 5), lobe_radius=(0.26, 0.36), lobe_offset=(0.42, 0.55), lobe_spacing_deg=(50, 70),
        grain=0.07, contrast=0.25,
    ),
}  # fmt: skip


def render_field(label: str, *, height_px: int, width_px: int, rng: np.random.Generator) -> Image.Image:
    """One photograph of a smear with a white cell (one in ten times two) of the class `label`, RGB."""
    depth = np.zeros((height_px, width_px, 3), np.float32)
    unit = min(height_px, 0.75 * width_px)
    stain = np.float32(rng.uniform(0.8, 1.2) * rng.uniform(0.9, 1.1, 3))
    _add_red_cells(depth, unit=unit, rng=rng)
    for _ in range(rng.integers(0, 5)):
        _add_platelet(depth, unit=unit, rng=rng)
    for _ in range(1 + int(rng.random() < 0.1)):
        _add_white_cell(depth, look=_LOOKS[label], unit=unit, rng=rng)
    light = _illumination(height_px, width_px, rng=rng) * np.exp(-depth * stain)
    light += 2 * rng.standard_normal((height_px, width_px, 1), np.float32)
    picture = Image.fromarray(light.round().clip(0, 255).astype(np.uint8))
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.0015, 0.006) * unit))


def _illumination(height_px: int, width_px: int, *, rng: np.random.Generator) -> Floats:
    """The light without a smear, float32 [height_px, width_px, 3], 0 to 255: pale, brighter to one side."""
    colour = np.float32(rng.uniform(0.92, 1.06) * (np.array([212, 212, 203]) + rng.uniform(-5, 5, 3)))
    slope_y, slope_x = rng.uniform(-0.1, 0.1, 2)
    rows = np.linspace(-1, 1, height_px, dtype=np.float32)[:, None, None]
    columns = np.linspace(-1, 1, width_px, dtype=np.float32)[None, :, None]
    vignette = 1 - np.float32(rng.uniform(0, 0.08)) * (rows**2 + columns**2)
    return colour * (vignette * (1 + np.float32(slope_y) * rows + np.float32(slope_x) * columns))


def _add_red_cells(depth: Floats, *, unit: float, rng: np.random.Generator) -> None:
    """Add 15 to 40 red cells to the optical depth: paler centre, sharp rim, faint bright halo, overlaps darker."""
    typical, paleness = rng.uniform(0.085, 0.105), rng.uniform(0.5, 0.95)
    for _ in range(rng.integers(15, 41)):
        window, points = _patch(depth, radius=typical * unit * rng.normal(1, 0.07), margin=0, rng=rng)
        distance = _distance(points, wobble=0.08, rng=rng)
        hollow = paleness * rng.uniform(0.5, 1) * _bump(distance, at=0, width=rng.uniform(0.35, 0.6))
        rim = 0.3 * _bump(distance, at=0.9, width=0.07) - 0.2 * _bump(distance, at=1.1, width=0.07)
        cell = _tint(_inside(distance, edge=0.08) * (1 - hollow) + rim, _RED_CELL)
        # Where cells overlap, photographs show less than the sum: they are squeezed thin there.
        window[...] = np.maximum(window, cell) + np.float32(0.3) * np.minimum(window, cell)


def _add_platelet(depth: Floats, *, unit: float, rng: np.random.Generator) -> None:
    """Add one platelet, a purple speck, to the optical depth."""
    window, points = _patch(depth, radius=unit * rng.uniform(0.015, 0.035), margin=0, rng=rng)
    window += _tint(_inside(_distance(points, wobble=0.15, rng=rng), edge=0.6), _PLATELET)


def _add_white_cell(depth: Floats, *, look: _Look, unit: float, rng: np.random.Generator) -> None:
    """Add one white cell to the optical depth, in the place of whatever red cells lie there."""
    radius = unit * rng.uniform(*look.radius)
    window, points = _patch(depth, radius=radius, margin=0.15, rng=rng)
    body = _inside(_distance(points, wobble=0.05, rng=rng), edge=0.12)
    nucleus = body * _nucleus(points, look=look, rng=rng)
    grains = _noise(body.shape, grain_px=look.grain * radius, strength=2 * look.contrast, rng=rng)
    grains = grains.clip(-look.contrast, look.contrast)
    chromatin = _noise(body.shape, grain_px=0.15 * radius, strength=0.12, rng=rng)
    window *= 1 - body[..., None]
    window += _tint(body * (1 - nucleus) * (1 + grains), _vary(look.cytoplasm, rng=rng))
    window += _tint(nucleus * (1 + chromatin), _vary(look.nucleus, rng=rng))


def _nucleus(points: Points, *, look: _Look, rng: np.random.Generator) -> Floats:
    """How much of each point is nucleus, 0 to 1: lobes along an arc, or one lobe, notched or not."""
    cover = np.zeros(points.shape, np.float32)
    direction = rng.uniform(0, 2 * math.pi)
    for _ in range(rng.integers(*look.lobes, endpoint=True)):
        place = cmath.rect(rng.uniform(*look.lobe_offset), direction)
        lobe = _distance((points - place) / rng.uniform(*look.lobe_radius), wobble=0.08, rng=rng)
        np.maximum(cover, _inside(lobe, edge=0.2), out=cover)
        direction += math.radians(rng.uniform(*look.lobe_spacing_deg))
    if look.notched:
        bite = (points - cmath.rect(rng.uniform(0.6, 0.8), direction)) / rng.uniform(0.3, 0.5)
        cover *= 1 - _inside(_distance(bite, wobble=0.1, rng=rng), edge=0.4)
    return cover


def _patch(depth: Floats, *, radius: float, margin: float, rng: np.random.Generator) -> tuple[Floats, Points]:
    """Room for a cell of `radius` px somewhere in the field, its middle off the border by `margin` of the field.

    Returns a view float32 [h, w, 3] of `depth`, and where its points lie seen from the cell's middle, in radii
    (complex64 [h, w], x + iy).
    """
    height, width = depth.shape[:2]
    y, x = rng.uniform(margin, 1 - margin, 2) * (height, width)
    reach = 1.35 * radius + 1
    top, left = max(0, int(y - reach)), max(0, int(x - reach))
    view = depth[top : int(y + reach) + 1, left : int(x + reach) + 1]
    rows, columns = np.ogrid[top : top + view.shape[0], left : left + view.shape[1]]
    return view, ((columns - x + 1j * (rows - y)) / radius).astype(np.complex64)


def _distance(points: Points, *, wobble: float, rng: np.random.Generator) -> Floats:
    """How far `points` lie from the middle of an irregular round outline, float32 of the same shape; 1 is on it.

    The outline is 1 + sum over k of a_k cos(k angle + phase_k), k = 2 (an oval) to 5, a_k falling with k.
    """
    radius: Floats = np.abs(points)
    turn = points / radius.clip(1e-6)  # exp(i angle); its k-th power turns k times as fast
    outline, power = np.ones_like(radius), turn
    for k in range(2, 6):
        power = power * turn
        amplitude, phase = rng.normal(0, wobble / (k - 1) ** 1.5), rng.uniform(0, 2 * math.pi)
        outline += (power * cmath.rect(amplitude, phase)).real
    distance: Floats = radius / outline.clip(0.3)
    return distance


def _inside(distance: Floats, *, edge: float) -> Floats:
    """1 inside the outline, 0 outside, and a slope `edge` wide between."""
    cover: Floats = ((1 - distance) * (1 / edge) + 0.5).clip(0, 1)
    return cover


def _bump(distance: Floats, *, at: float, width: float) -> Floats:
    """1 at the distance `at`, falling off as a Gaussian."""
    bump: Floats = np.exp(-(((distance - at) / width) ** 2))
    return bump


def _vary(colour: Colour, *, rng: np.random.Generator) -> Colour:
    """A stain that took more or less well, and in another hue."""
    strength = rng.uniform(0.75, 1.2)
    red, green, blue = (strength * rng.uniform(0.88, 1.12) * depth for depth in colour)
    return red, green, blue


def _tint(amount: Floats, colour: Colour) -> Floats:
    """`amount` [h, w] of a stain of the optical depths `colour`: float32 [h, w, 3]."""
    return amount[..., None] * np.asarray(colour, np.float32)


def _noise(shape: tuple[int, ...], *, grain_px: float, strength: float, rng: np.random.Generator) -> Floats:
    """Smooth noise with grains of about `grain_px`, float32 of `shape`, mean 0, deviation near `strength`."""
    height, width = shape
    grain = max(1.0, grain_px)
    coarse = rng.normal(0, 1.3 * strength, (math.ceil(height / grain), math.ceil(width / grain))).astype(np.float32)
    smooth: Floats = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return smooth
