"""A JPEG's bytes to a label, beside what one would write oneself and beside the least that it could take."""

import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks import picture, race
from benchmarks.peers import engines
from benchmarks.race import Race
from benchmarks.usual import Usual
from edge_runtime import jpeg
from edge_runtime.classifier import Classifier
from edge_runtime.image import read_bytes
from edge_runtime.markdown import table
from edge_runtime.view import CELL, FIELD, View

OURS, USUAL, FLOOR = "leukolite", "usual", "floor"
UNIT = "processor time of one thread"
WANTED = {FIELD: 3.0, CELL: 2.0}
"""How many times as fast as the usual pipeline it is meant to be, by view; and at most 1.25 of the floor."""

_WARM_UP = 3  # pictures of which no time is kept


def measure(models: Sequence[Path], *, data: Path | None, images: int, repeats: int) -> dict[str, Any]:
    """The report of a race for each model, over `images` TEST pictures spread over the data set, `repeats` times."""
    started, load = time.time(), os.getloadavg()[0]
    contents = _pictures(data, images)
    races = {str(path): _race(path, contents, repeats=repeats) for path in models}
    return race.report(races, started=started, load=load)


def _pictures(data: Path | None, count: int) -> list[bytes]:
    """The bytes of so many pictures, evenly over TEST; the generated one where there is no data set."""
    if data is None:
        return [picture.generate().content]
    return [read_bytes(path) for path in picture.spread(data, count)]


def _race(path: Path, contents: Sequence[bytes], *, repeats: int) -> Race:
    """One model's."""
    classifier = Classifier(path).load()
    usual = usual_way(classifier)
    cells = {content: len(classifier.classify(content).cells) for content in contents}
    contenders = {
        OURS: race.thread_ms(classifier.classify),
        USUAL: race.thread_ms(usual),
        FLOOR: race.thread_ms(floor(classifier, cells)),
    }
    race.run(contenders, contents[:_WARM_UP], unit=UNIT, about={})
    alike = sum(usual(content) == classifier.classify(content).top_label for content in contents)
    about = {
        "model": path.name,
        "sha256": classifier.digest,
        "view": classifier.card.input.view,
        "pictures": len(contents),
        "same_label_as_usual": alike,
        "simplejpeg": jpeg.read_header(contents[0]) is not None,
    }
    return race.run(contenders, [*contents] * repeats, unit=UNIT, about=about)


def usual_way(classifier: Classifier) -> Usual:
    """The same model in a bare interpreter."""
    card = classifier.card
    return Usual(engines.litert(classifier.path), labels=card.labels, view=card.input.seen)


def floor(classifier: Classifier, cells: Mapping[bytes, int]) -> Callable[[bytes], None]:
    """The least: decode at the scale that the view needs, and one invoke a cell, on whatever pixels it holds."""
    view, invoke = classifier.card.input.seen, classifier.model._interpreter.invoke
    runs = cells if view.kind == CELL else dict.fromkeys(cells, 1)
    decode = _decode(view)

    def least(content: bytes) -> None:
        decode(content)
        for _ in range(runs[content]):
            invoke()

    return least


def _decode(view: View) -> Callable[[bytes], object]:
    """A bare decode: simplejpeg's where it is installed, else Pillow's."""
    height, width = view.field_height_px, view.field_width_px
    try:
        from simplejpeg import decode_jpeg
    except ImportError:

        def by_pillow(content: bytes) -> None:
            with Image.open(io.BytesIO(content)) as shown:
                shown.draft("RGB", (width, height))
                shown.load()

        return by_pillow
    return lambda content: decode_jpeg(content, min_height=height, min_width=width)


def to_markdown(found: Mapping[str, Any]) -> str:
    """A row a model, and what it was measured on."""
    header = ("model", "view", OURS, USUAL, FLOOR, f"{USUAL} / {OURS}", "wanted", f"{OURS} / {FLOOR}", "wanted")
    rows = []
    for one in found["races"].values():
        medians, about = one["medians_ms"], one["about"]
        rows.append(
            (
                f"{about['model']} ({about['sha256'][:8]})",
                about["view"],
                *(f"{medians[name]:.3f} ms" for name in (OURS, USUAL, FLOOR)),
                f"{medians[USUAL] / medians[OURS]:.2f}",
                f"{WANTED[about['view']]:.0f}",
                f"{medians[OURS] / medians[FLOOR]:.2f}",
                "1.25",
            )
        )
    about = next(iter(found["races"].values()))["about"]
    decoder = "simplejpeg" if about["simplejpeg"] else "Pillow"
    text = (
        f"{about['pictures']} pictures of TEST, bytes to label, one thread, in turns, decoded by {decoder}. Usual:"
        " Pillow decodes the whole and resizes (of cells: SciPy smooths, closes and labels), interpreter, argmax"
        " (`benchmarks/usual.py`). Floor: decode at the view's scale, and a bare invoke a cell."
    )
    return f"{table(header, rows, align='llrrrrrrr')}\n{text} {race.remark(found)}\n"
