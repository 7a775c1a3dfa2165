"""What of a picture a model is shown: the whole field, or a crop around each stained cell.

Training and the device cut with the same code, so that the network is never shown other crops than it learned from.
"""

import os
from dataclasses import dataclass, replace

import numpy as np

from edge_runtime.image import BACKGROUND, Field, Pixels, decode_field, read_bytes, resize
from edge_runtime.kept import kept
from edge_runtime.locate import LEAST_AREA, Cell, locate
from edge_runtime.squares import GRID, Squares, coarsen
from edge_runtime.white import balance

FIELD, CELL = "field", "cell"
VIEWS = (FIELD, CELL)
MIN_ZOOM, MAX_ZOOM = 0.25, 4.0
MIN_RED_CELL, MAX_RED_CELL = 0.1, 0.4  # of the field's shorter side: what is measured well
_CLOSE = 0.5  # pixels of the field for one of the file: with more, the file has nothing to look closer at

MOST_CELLS = 400
"""Of a field with more, the largest are taken, so that memory has its bounds; a usual field holds 250 at most."""


@dataclass(frozen=True)
class View:
    """A model's view: `kind` is one of VIEWS.

    A picture is fitted into `field_height_px` x `field_width_px`; the model sees `height_px` x `width_px` of that:
    all of it in the field view, where both sizes are alike, or as much around the middle of a cell, there 1 / `zoom`
    pixels of the field in each of its own. With `white_balance` the colour of the light is taken out of what it sees
    (edge_runtime/white.py), with `stain_normalization` the field's own stain as well (edge_runtime/stain.py).
    `red_cell_px` is how wide, in pixels of the field, red cells are in what the model learned from: fields that show
    them otherwise are cut so that the model sees its cells as large as those (edge_runtime/magnification.py). Of 0, as
    in the field view, nobody looks.
    """

    kind: str
    height_px: int
    width_px: int
    field_height_px: int
    field_width_px: int
    white_balance: bool = False
    zoom: float = 1.0
    stain_normalization: bool = False
    red_cell_px: float = 0.0

    @property
    def shown_px(self) -> tuple[int, int]:
        """Height and width of what the model sees, in pixels of the field."""
        return round(self.height_px / self.zoom), round(self.width_px / self.zoom)

    @property
    def can_measure(self) -> bool:
        """Whether red cells that wide, if any are to be measured, can be, and crops be cut accordingly."""
        shorter = min(self.field_height_px, self.field_width_px)
        measured = shorter >= GRID and MIN_RED_CELL <= self.red_cell_px / shorter <= MAX_RED_CELL
        return self.red_cell_px == 0 or (self.kind == CELL and measured)

    @classmethod
    def whole(cls, *, height_px: int, width_px: int, **colors: bool) -> "View":
        """The field view of that size; `colors` are white_balance and stain_normalization."""
        return cls(FIELD, height_px, width_px, height_px, width_px, **colors)


@dataclass(frozen=True)
class Box:
    """Where a cell is, in pixels of the upright picture; right and bottom are excluded."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Look:
    """What a model of a view is shown of a field, uint8 [field_height_px, field_width_px, 3]; `cut` says what that is.

    `times` as large in either direction is the field of a picture that is looked at more closely than the view has it
    (edge_runtime/closer.py). Each part is worked out when it is first asked for, and kept.
    """

    pixels: Pixels
    view: View
    times: int = 1

    @kept
    def squares(self) -> Squares:
        """The field in squares."""
        return coarsen(self.pixels, times=self.times)

    @kept
    def _stained(self) -> tuple[Cell, ...]:
        """The cells by which it is cut or stained anew; a view that does neither has none looked for."""
        if self.view.kind == FIELD and not self.view.stain_normalization:
            return ()
        found = locate(self.pixels, squares=self.squares)
        if self.times > 1:  # by the red cells, to which a clump or a blot of stain is too large for a nucleus
            found = tuple(cell for cell in found if cell.area <= self._largest)
        return found[:MOST_CELLS]

    @property
    def _largest(self) -> float:
        """The area of the largest nucleus that there is, where red cells are as wide as they should be."""
        from edge_runtime.magnification import NO_NUCLEUS

        height, width = (side / self.times for side in self.pixels.shape[:2])
        return float((NO_NUCLEUS * self.view.red_cell_px) ** 2 / (height * width))

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells that the crops show."""
        return self._stained if self.view.kind == CELL else ()

    @kept
    def magnified(self) -> View:
        """The view with the zoom for how large the field shows its cells; the same object where that is its own."""
        if not self.view.red_cell_px or not self.cells:
            return self.view
        from edge_runtime.magnification import magnification  # here: most views need no Fourier transforms

        times = magnification(self.squares, self.cells[0], red_cell_px=self.view.red_cell_px)
        return self.view if times == 1 else replace(self.view, zoom=self.view.zoom / times, red_cell_px=0.0)

    @kept
    def crops(self) -> Pixels:
        """What the model is shown, uint8 [n, height_px, width_px, 3]."""
        seen: Pixels = self.pixels[np.newaxis]
        if self.view.kind == CELL:
            seen = _crops(self.pixels, self.cells, self.magnified)
        if self.view.stain_normalization and self._stained:  # without a cell a field's stain is not known
            from edge_runtime.stain import dyes, normalization, normalize  # what other views need not load

            found = dyes(self.squares, self._stained[0])
            return normalize(seen, normalization(found), glass=self.squares.glass)
        if self.view.stain_normalization or self.view.white_balance:
            return balance(seen, self.squares.glass)
        return seen


def cut(pixels: Pixels, view: View) -> tuple[Pixels, tuple[Cell, ...]]:
    """What a model of this view is shown of a field.

    Args:
        pixels: uint8 [field_height_px, field_width_px, 3], RGB.
        view: the model's.

    Returns:
        uint8 [n, height_px, width_px, 3] and the cells that they show, the main one first: the one with the largest
        nucleus. In the field view n is 1 and no cell is looked for. In the cell view n is 0 where there is none.
    """
    look = Look(pixels, view)
    return look.crops, look.cells


def _crops(pixels: Pixels, cells: tuple[Cell, ...], view: View) -> Pixels:
    """As much of the field around the middle of each cell as the view shows, uint8 [n, height_px, width_px, 3]."""
    height, width = view.shown_px
    black = bytearray(BACKGROUND) * (len(cells) * height * width)  # np.full repeats three values slowly
    crops = np.frombuffer(black, np.uint8).reshape(len(cells), height, width, 3)
    for crop, cell in zip(crops, cells, strict=True):
        _copy_around(cell, pixels, crop)
    if not cells or (height, width) == (view.height_px, view.width_px):
        return crops[:, : view.height_px, : view.width_px]
    resized = np.empty((len(cells), view.height_px, view.width_px, 3), np.uint8)
    for number, crop in enumerate(crops):
        resized[number] = resize(crop, height_px=view.height_px, width_px=view.width_px)
    return resized


def look_at(source: str | os.PathLike[str] | bytes, view: View) -> tuple[Field, Look]:
    """Decode an image file for a model of this view: the field, and what of it the model is shown.

    Both are of a larger field where the view says how wide red cells should be and they are so small that a closer
    look finds more (edge_runtime/closer.py).

    Raises LeukoliteError as `edge_runtime.image.decode_field` does.
    """
    content = source if isinstance(source, bytes) else read_bytes(source)
    field = decode_field(content, height_px=view.field_height_px, width_px=view.field_width_px)
    look = Look(field.pixels, view)
    if not view.red_cell_px or field.scale > _CLOSE:
        return field, look
    from edge_runtime.closer import closer  # here: most pictures are close enough

    # A cell of usual size, if red cells agree: in a wide picture it may be a clump, or a blot of stain.
    is_whole = bool(look.cells) and look.cells[0].area >= LEAST_AREA
    is_told = is_whole and look.squares.red_cell_px is not None
    smaller = look.magnified.zoom / view.zoom if is_told else None
    finer, times = closer(content, field, smaller=smaller, red_cell_px=view.red_cell_px)
    height, width = finer.pixels.shape[:2]
    near = Look(finer.pixels, replace(view, field_height_px=height, field_width_px=width), times)
    return (finer, near) if times > 1 and near.cells else (field, look)


def see(source: str | os.PathLike[str] | bytes, view: View) -> Pixels | None:
    """The first crop of an image file, uint8 [height_px, width_px, 3]; None where it shows no cell.

    Raises LeukoliteError as `look_at` does.
    """
    crops = look_at(source, view)[1].crops
    return crops[0] if len(crops) else None


def box_of(cell: Cell, field: Field) -> Box:
    """A cell's box in the picture that a field was decoded from, cut at the picture's edges."""
    across, left = _placed(field.source_width_px, field.pixels.shape[1], field.scale)
    down, top = _placed(field.source_height_px, field.pixels.shape[0], field.scale)
    return Box(
        left=_within(across, (cell.left_px - left) / field.scale),
        top=_within(down, (cell.top_px - top) / field.scale),
        right=_within(across, (cell.right_px - left) / field.scale),
        bottom=_within(down, (cell.bottom_px - top) / field.scale),
    )


def corner(cell: Cell, *, height_px: int, width_px: int) -> tuple[int, int]:
    """Top and left of a crop of that size around a cell's middle, in pixels of the field; beyond its edges below 0."""
    return (cell.top_px + cell.bottom_px - height_px) // 2, (cell.left_px + cell.right_px - width_px) // 2


def _copy_around(cell: Cell, pixels: Pixels, crop: Pixels) -> None:
    """Copy the surroundings of a cell's middle into `crop`; what lies beyond the field is left as it is."""
    top, left = corner(cell, height_px=crop.shape[0], width_px=crop.shape[1])
    first_row, first_column = max(0, top), max(0, left)
    seen = pixels[first_row : top + crop.shape[0], first_column : left + crop.shape[1]]
    crop[first_row - top :, first_column - left :][: seen.shape[0], : seen.shape[1]] = seen


def _placed(source_px: int, field_px: int, scale: float) -> tuple[int, float]:
    """The length of a picture's side, and where it begins in the field that it is centred in."""
    return source_px, (field_px - max(1, round(source_px * scale))) // 2


def _within(length_px: int, position: float) -> int:
    """A position rounded, and kept from 0 to a length."""
    return min(length_px, max(0, round(position)))
