"""The kinds of shift, how strong each of their grades is, and what chance decides."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.shifts import colour, optics, sensor
from edge_runtime.image import Pixels

Random = np.random.Generator

MICROSCOPE = "microscope"
_MIXED = 0.25  # of another channel's density, for one of the own


@dataclass(frozen=True)
class Kind:
    """One kind of shift.

    `levels` are the strengths of grades 0, 1, ... in `unit`, the first of which changes nothing. `change` makes a
    picture of a picture, a level and what chance decides: pure, but for the random numbers.
    """

    name: str
    unit: str
    levels: tuple[float, ...]
    change: Callable[[Pixels, float, Random], Pixels]

    def level(self, grade: float) -> float:
        """The strength of a grade, also between two of them."""
        return float(np.interp(grade, range(len(self.levels)), self.levels))


def shift(pixels: Pixels, *, kind: str, grade: float, seed: int, name: str) -> Pixels:
    """The picture as another laboratory might have taken it; the same arguments give the same picture.

    What chance decides (which way, towards which colour) hangs on seed, name and kind, and not on the grade: along the
    grades a picture goes on the same way.

    Args:
        pixels: uint8 [height, width, 3], RGB, upright and as large as it was taken.
        kind: one of KINDS.
        grade: 0, where the picture stays as it is, to GRADES; fractions are allowed.
        seed: any.
        name: the picture's, so that each is shifted in its own way; or one for all, who then come from one microscope.

    Returns:
        uint8 [height, width, 3]; a wider picture is larger.
    """
    return pixels if grade == 0 else KINDS[kind].change(pixels, KINDS[kind].level(grade), _random(kind, seed, name))


def _random(kind: str, seed: int, name: str) -> Random:
    """Chance for one kind of shift of one picture."""
    digest = hashlib.sha256(f"{seed}\n{kind}\n{name}".encode("utf-8", "surrogateescape")).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


def _either_way(level: float, random: Random) -> float:
    """The level or its negative, by chance."""
    return level if random.random() < 0.5 else -level


def _stain(pixels: Pixels, level: float, random: Random) -> Pixels:
    """Densities mixed by a matrix off the unit matrix by up to the level, and a quarter of that off the diagonal."""
    off = random.uniform(-1, 1, (3, 3)) * (np.eye(3) + _MIXED * (1 - np.eye(3)))
    return colour.absorb(pixels, matrix=np.eye(3) + level * off)


def _light(pixels: Pixels, level: float, random: Random) -> Pixels:
    """As bright in the mean, of another colour: the channel that changes most does so by the level."""
    stops = random.standard_normal(3)
    stops -= stops.mean()
    return colour.relight(pixels, stops=level * stops / np.abs(stops).max())


def _larger(pixels: Pixels, level: float, random: Random) -> Pixels:
    """Around the main cell, so that it stays in view."""
    return optics.magnify(pixels, times=level, around=optics.main_cell(pixels))


def _smaller(pixels: Pixels, level: float, random: Random) -> Pixels:
    """Likewise."""
    return optics.magnify(pixels, times=1 / level, around=optics.main_cell(pixels))


def _turn(pixels: Pixels, level: float, random: Random) -> Pixels:
    """About the main cell, either way; every second picture is mirrored."""
    degrees, mirrored = _either_way(level, random), bool(random.random() < 0.5)
    return optics.turn(pixels, degrees=degrees, mirrored=mirrored, around=optics.main_cell(pixels))


def _vignette(pixels: Pixels, level: float, random: Random) -> Pixels:
    """Brightest somewhere in the middle half of the picture."""
    x, y = random.uniform(0.25, 0.75, 2)
    return optics.vignette(pixels, loss=level, middle=(x, y))


def _microscope(pixels: Pixels, level: float, random: Random) -> Pixels:
    """All of the others, one after the other as light meets them, each as strong as chance has it up to the level.

    Of larger and smaller, and of blurred and sharpened, one.
    """
    left_out = {pair[int(random.random() < 0.5)] for pair in (("larger", "smaller"), ("blur", "sharpening"))}
    for kind in _SINGLE:
        grade, own = GRADES * level * random.random(), np.random.default_rng(random.integers(2**63))
        if kind.name not in left_out:
            pixels = kind.change(pixels, kind.level(grade), own)
    return pixels


_SINGLE = (
    Kind("rotation", "degrees either way, every second mirrored", (0, 15, 30, 60, 90, 180), _turn),
    Kind("larger", "times as large", (1, 1.15, 1.3, 1.5, 1.75, 2), _larger),
    Kind("smaller", "times as small", (1, 1.15, 1.3, 1.5, 1.75, 2), _smaller),
    Kind(
        "eosin",
        "doublings or halvings of the dye",
        (0, 0.15, 0.3, 0.5, 0.75, 1),
        lambda pixels, level, random: colour.restain(pixels, eosin=2 ** _either_way(level, random)),
    ),
    Kind(
        "thiazine",
        "doublings or halvings of the dye",
        (0, 0.15, 0.3, 0.5, 0.75, 1),
        lambda pixels, level, random: colour.restain(pixels, thiazine=2 ** _either_way(level, random)),
    ),
    Kind("stain", "of the densities, scaled and mixed", (0, 0.1, 0.2, 0.3, 0.45, 0.6), _stain),
    Kind("light", "stops of a channel", (0, 0.15, 0.3, 0.5, 0.75, 1), _light),
    Kind("vignetting", "of the light lost in a corner", (0, 0.15, 0.3, 0.45, 0.6, 0.8), _vignette),
    Kind(
        "exposure",
        "stops either way",
        (0, 0.2, 0.4, 0.6, 0.8, 1),
        lambda pixels, level, random: colour.relight(pixels, stops=_either_way(level, random)),
    ),
    Kind(
        "blur",
        "pixels of 240, standard deviation",
        (0, 0.5, 1, 1.5, 2.5, 4),
        lambda pixels, level, random: optics.blur(pixels, deviation_px=level),
    ),
    Kind(
        "resolution",
        "times as wide pixels",
        (1, 1.5, 2, 3, 4, 6),
        lambda pixels, level, random: sensor.coarsen(pixels, times=level),
    ),
    Kind(
        "noise",
        "levels of 255, standard deviation",
        (0, 4, 8, 12, 20, 32),
        lambda pixels, level, random: sensor.add_noise(pixels, deviation=level, random=random),
    ),
    Kind(
        "gamma",
        "power of 2, either way, is the tone curve's power",
        (0, 0.15, 0.3, 0.45, 0.6, 0.8),
        lambda pixels, level, random: colour.bend(pixels, gamma=2 ** _either_way(level, random)),
    ),
    Kind(
        "saturation",
        "of the colour more or less",
        (0, 0.2, 0.4, 0.6, 0.8, 1),
        lambda pixels, level, random: colour.saturate(pixels, times=1 + _either_way(level, random)),
    ),
    Kind(
        "sharpening",
        "of the difference to the blurred picture added",
        (0, 0.5, 1, 2, 3, 5),
        lambda pixels, level, random: optics.sharpen(pixels, amount=level),
    ),
    Kind(
        "jpeg",
        "quality",
        (95, 60, 40, 25, 15, 8),
        lambda pixels, level, random: sensor.compress(pixels, quality=level),
    ),
)
_WIDER = Kind(  # what a camera takes of a smear, and no microscope changes: not in MICROSCOPE
    "wider",
    "times as much of the smear either way, in as many more pixels",
    (1, 1.5, 2, 3, 4, 6),
    lambda pixels, level, random: optics.widen(pixels, times=level),
)
_ALL = Kind(
    MICROSCOPE,
    "of all of these but wider, each by chance from 0 to that share of its grades",
    (0, 0.2, 0.4, 0.6, 0.8, 1),
    _microscope,
)

KINDS = {kind.name: kind for kind in (*_SINGLE, _WIDER, _ALL)}
"""By name, in the order in which light meets them; then a wider picture, and at last all but that together."""

GRADES = len(_ALL.levels) - 1
"""The strongest grade of every kind."""
