"""Predictions as a table for people: a line each, as they come, so that no column can wait for its longest entry."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from edge_runtime.prediction import Prediction
from edge_runtime.terminal import BOLD, DIM, GREEN, MAGENTA, PLAIN, RED, YELLOW, Look, columns_of, pad

# Where confidences are calibrated: from the first on, answers are right as often as the gate asks of a whole model
# (min_accuracy); below the second they are oftener wrong than right.
SURE, UNSURE = 0.9, 0.5

_GAP = "  "
_SHORTEST_PATH = 16  # columns that notes leave to a path, as long as there are so many

Cell = tuple[str, str]  # text and style


def table(
    predictions: Iterable[Prediction], labels: Sequence[str], top_k: int | None, look: Look = PLAIN
) -> Iterator[str]:
    """Aligned columns; further labels follow when more than one was asked for.

    Where `look` has a width, no line is longer: paths lose their beginning, and notes what does not fit then.
    """
    wide = max(map(columns_of, ("LABEL", *map(look.printable, labels))))
    yield _line([(pad("LABEL", wide), BOLD), *((name, BOLD) for name in ("CONFIDENCE", "    MS", "PATH"))], look)
    for prediction in predictions:
        style = _style(prediction)
        label, confidence, total_ms = _figures(prediction)
        yield _line(
            [
                (pad(look.printable(label), wide), style),
                (f"{confidence:>10}", style),
                (f"{total_ms:>6}", DIM),
                *_path(look.printable(prediction.path), _notes(prediction, top_k, look), style, wide, look),
            ],
            look,
        )


def _figures(prediction: Prediction) -> tuple[str, str, str]:
    """Label, confidence and time; a dash where there is none, a question mark where it abstained."""
    if prediction.error is not None or prediction.latency_ms is None:
        return "-", "-", "-"
    confidence = "-" if prediction.confidence is None else f"{prediction.confidence:.3f}"
    return prediction.label or "?", confidence, f"{prediction.latency_ms.total:.2f}"


def _style(prediction: Prediction) -> str:
    """The colour of an answer."""
    if prediction.error is not None:
        return RED
    if prediction.abstained or prediction.confidence is None:
        return MAGENTA
    return GREEN if prediction.confidence >= SURE else YELLOW if prediction.confidence < UNSURE else ""


def _notes(prediction: Prediction, top_k: int | None, look: Look) -> str:
    """What else there is to say."""
    if prediction.error is not None:
        return "(unreadable)"
    notes = []
    if prediction.confidence is None or prediction.refused:
        notes.append(f"({prediction.reason})")
    elif prediction.abstained:
        notes.append(f"(abstained; most like {look.printable(prediction.top_label)})")
    if len(prediction.cells) > 1:
        kinds = Counter(cell.label or "?" for cell in prediction.cells).most_common()
        counted = ", ".join(f"{count} {look.printable(kind)}" for kind, count in kinds)
        notes.append(f"({len(prediction.cells)} cells: {counted})")
    if top_k and top_k > 1:
        shown = prediction.top(top_k).items()
        notes.append(" ".join(f"{look.printable(name)}={value:.3f}" for name, value in shown))
    return _GAP.join(notes)


def _path(path: str, notes: str, style: str, wide: int, look: Look) -> list[Cell]:
    """The path and, if any, the notes; the path without its beginning, where both are too long for the line."""
    notes_cell = [(notes, style if style in (RED, MAGENTA) else DIM)] if notes else []
    if look.width is not None:
        room = look.width - wide - len(f"{_GAP}CONFIDENCE{_GAP}    MS{_GAP}")
        left = room - columns_of(_GAP + notes) if notes else room
        path = look.fit(path, max(left, min(room, _SHORTEST_PATH)), keep="end")
    return [(path, ""), *notes_cell]


def _line(cells: Sequence[Cell], look: Look) -> str:
    """The cells beside each other, as far as the line goes."""
    if look.width is None:
        return _GAP.join(look.paint(*cell) for cell in cells) + "\n"
    shown, room = [], look.width
    for text, style in cells:
        if room <= 0:
            break
        shown.append(look.paint(fitted := look.fit(text, room), style))
        room -= columns_of(fitted + _GAP)
    return _GAP.join(shown) + "\n"
