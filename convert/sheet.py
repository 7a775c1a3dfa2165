"""Pictures of the images whose label changes on the way to the device, with every stage's answer."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from convert.attribution import Changed
from convert.stages import KERAS_FLOAT
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import write_atomic
from edge_runtime.view import View, see

COLUMNS, ROWS = 5, 5
_THUMBNAIL_PX = (200, 150)  # at most: width, height
_CELL_WIDTH_PX = 300
_LINE_PX, _FONT_PX, _MARGIN_PX = 15, 12, 8
_LETTERS = 46
_PLAIN, _OTHER, _TITLE = (40, 40, 40), (190, 30, 20), (0, 0, 0)
_OWN_FILES = re.compile(r"changed(-\d+)?\.png")


def write_sheets(
    out: Path, changed: Sequence[Changed], paths: Mapping[str, str], *, view: View, titles: Mapping[str, str]
) -> list[Path]:
    """Write changed.png, or changed-1.png and so on where they do not fit one page; earlier ones are removed.

    Args:
        out: an existing folder.
        changed: what to show.
        paths: where each image is, by its name.
        view: what the network sees of it, and so what is shown.
        titles: what to call each stage.
    """
    pages = [changed[start : start + COLUMNS * ROWS] for start in range(0, len(changed), COLUMNS * ROWS)]
    for old in out.iterdir():
        if _OWN_FILES.fullmatch(old.name):
            old.unlink()
    written = []
    for number, page in enumerate(pages, 1):
        path = out / ("changed.png" if len(pages) == 1 else f"changed-{number}.png")
        buffer = io.BytesIO()
        draw_page(page, paths, view=view, titles=titles).save(buffer, "PNG", optimize=True)
        write_atomic(path, [buffer.getvalue()])
        written.append(path)
    return written


def draw_page(
    changed: Sequence[Changed], paths: Mapping[str, str], *, view: View, titles: Mapping[str, str]
) -> Image.Image:
    """Some images side by side, each above its path, its true label and what every stage answered.

    An answer other than Keras float's is red.
    """
    height = _THUMBNAIL_PX[1] + _LINE_PX * (2 + len(titles)) + 3 * _MARGIN_PX
    columns, rows = min(COLUMNS, len(changed)), -(-len(changed) // COLUMNS)
    page = Image.new("RGB", (columns * _CELL_WIDTH_PX, rows * height), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(_FONT_PX)
    for number, each in enumerate(changed):
        left = number % COLUMNS * _CELL_WIDTH_PX + _MARGIN_PX
        top = number // COLUMNS * height + _MARGIN_PX
        page.paste(_thumbnail(paths[each.path], view), (left, top))
        top += _THUMBNAIL_PX[1] + _MARGIN_PX
        for line, (text, colour) in enumerate(caption(each, titles)):
            draw.text((left, top + line * _LINE_PX), text, colour, font=font)
    return page


def caption(changed: Changed, titles: Mapping[str, str]) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """The lines below an image, each with its colour."""
    path = show(changed.path)
    yield path if len(path) <= _LETTERS else f"…{path[1 - _LETTERS :]}", _TITLE
    yield f"true: {show(changed.true)}", _TITLE
    for stage, title in titles.items():
        answer = changed.answers[stage]
        colour = _PLAIN if answer.label == changed.answers[KERAS_FLOAT].label else _OTHER
        yield f"{title}: {show(answer.label)} {answer.score:.3f}", colour


def _thumbnail(path: str, view: View) -> Image.Image:
    """What the network sees of an image, scaled to fit."""
    pixels = see(path, view)
    if pixels is None:
        raise LeukoliteError(
            expected=f"the picture that was answered before at {show(path)}",
            found="one without a stained cell",
            remedy="leave the data set alone while it is measured",
        )
    picture = Image.fromarray(pixels)
    scale = min(most / side for most, side in zip(_THUMBNAIL_PX, picture.size, strict=True))
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.LANCZOS)
