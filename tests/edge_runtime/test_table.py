"""The table as people see it; what it says is in test_formats.py."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.fitness import BLURRED
from edge_runtime.prediction import CellPrediction, Latency, Prediction, failed
from edge_runtime.table import SURE, UNSURE, table
from edge_runtime.terminal import PLAIN, Look, columns_of
from edge_runtime.view import Box
from tests.terminals import on_a_terminal, shown

ROOT = Path(__file__).parents[2]
LABELS = ("A", "B", "C")
CELL = CellPrediction(Box(1, 2, 3, 4), "B", 0.5, {"B": 0.5}, False)
ODD = {
    "long": "folder/" * 30 + "x.jpg",
    "newline": "two\nlines.jpg",
    "escape": "red\x1b[31m\x1b]0;title\x07.jpg",
    "wide": "塗抹標本/好中球" * 8 + "写真.jpg",
    "combining": "cafe\u0301 na\u0308ive " * 8 + ".jpg",
    "decomposed Hangul": "\u1112\u1161\u11ab\u1100\u1173\u11af" * 20 + ".jpg",
    "emoji": "🔬🩸" * 25 + ".jpg",
    "not UTF-8": os.fsdecode(b"caf\xe9" * 20 + b".jpg"),
    "right to left": "\u202egpj.exe",
    "tab": "a\tb.jpg",
}


def answered(path: str = "x.jpg", *, confidence: float = 0.95, label: str | None = "B", **changes) -> Prediction:
    """An answer, or an abstention where there is no label."""
    others = {"A": 0.01, "B": confidence, "C": 0.02}
    fields = {"path": path, "label": label, "confidence": confidence, "probabilities": others, "error": None}
    return Prediction(**{**fields, "abstained": label is None, "latency_ms": Latency(1.0, 2.0, 3.0), **changes})


def draw(*predictions: Prediction, width: int | None = 80, top_k: int | None = None, labels=LABELS):
    """The lines on a screen that is wider by far, and the colours on it."""
    look = Look(color=True, width=width)
    sent = "".join(table(predictions, labels, top_k, look)).replace("\n", "\r\n").encode()
    return shown(sent, columns=300)


@pytest.mark.parametrize("width", [1, 20, 50, 80])
@pytest.mark.parametrize("path", ODD.values(), ids=ODD)
def test_no_line_is_wider_than_the_terminal(path, width):
    several = answered(path, label=None, cells=(CELL, CELL))
    drawn = draw(answered(path), several, failed(path, "expected a, got b; c"), width=width, top_k=3)
    assert sum(bool(line) for line in drawn.lines) == 4
    assert max(map(columns_of, drawn.lines)) <= width


@pytest.mark.parametrize("path", ODD.values(), ids=ODD)
def test_a_name_sends_no_escapes_of_its_own(path):
    plain = "".join(table([answered(path)], LABELS, None, PLAIN))
    assert all(line.isprintable() for line in plain.split("\n"))
    coloured = draw(answered(path)).sent
    assert coloured.count(b"\x1b[") == 2 * (4 + 3)  # on and off: four names of columns, three figures
    assert b"\x07" not in coloured


def test_a_long_path_keeps_its_end_and_its_notes():
    lines = draw(answered("folder/" * 30 + "cell.jpg", label=None)).lines
    assert lines[1].startswith("?           0.950    3.00  …")
    assert lines[1].endswith("er/cell.jpg  (abstained; most like B)")
    assert len(lines[1]) == 80


def test_why_a_picture_is_refused_is_said_in_place_of_what_it_is_most_like():
    lines = draw(answered("a.jpg", label=None, reason=BLURRED), answered("b.jpg", label=None, reason="unsure")).lines
    assert lines[1].endswith(f"a.jpg  ({BLURRED})")
    assert lines[2].endswith("b.jpg  (abstained; most like B)")


def test_a_short_line_is_left_as_it_is():
    assert draw(answered("short.jpg", cells=(CELL, CELL))).lines[1].endswith("   3.00  short.jpg  (2 cells: 2 B)")


def test_of_several_cells_each_kind_is_counted_the_most_frequent_first():
    others = replace(CELL, label="A"), replace(CELL, label=None, abstained=True)
    line = draw(answered("short.jpg", cells=(others[0], CELL, others[1], CELL))).lines[1]
    assert line.endswith("  (4 cells: 2 B, 1 A, 1 ?)")


def test_columns_line_up_whatever_the_letters_of_the_labels():
    labels = ("好中球", "é", "e\u0301", "LYMPHOCYTE")
    rows = [answered(f"{name}.jpg", label=name, probabilities={name: 0.95}) for name in labels]
    drawn = draw(*rows, labels=labels)
    assert {columns_of(line.partition("0.950")[0]) for line in drawn.lines[1:5]} == {17}


@pytest.mark.parametrize(
    ("prediction", "color"),
    [
        (answered(confidence=SURE), "green"),
        (answered(confidence=SURE - 0.001), "default"),
        (answered(confidence=UNSURE), "default"),
        (answered(confidence=UNSURE - 0.001), "brown"),  # pyte's name of yellow
        (answered(label=None), "magenta"),
        (answered(label=None, confidence=None, probabilities={}, reason="no cell"), "magenta"),
        (failed("x.jpg", "expected a, got b; c"), "red"),
    ],
)
def test_colour_says_how_sure_it_is(prediction, color):
    drawn = draw(prediction)
    assert drawn.colors[1][0] == color
    assert drawn.color_of("x.jpg") == "default"


def test_without_colours_the_same_is_sent():
    several = [answered(), answered(label=None), failed("x.jpg", "expected a, got b; c")]
    plain = "".join(table(several, LABELS, 3, PLAIN))
    assert "\x1b" not in plain
    assert plain.splitlines() == [line for line in draw(*several, width=None, top_k=3).lines if line]


@pytest.fixture
def classify(bundle, picture):
    """Classifies a red, a dark and a broken picture on a terminal."""
    paths = [picture("red.png"), picture("dark.png", color="DARK"), picture("broken.png")]
    paths[2].write_bytes(b"")

    def run(*arguments: object, **settings):
        command = [sys.executable, "-m", "edge_runtime", "classify", *paths, "-m", bundle, *arguments]
        return on_a_terminal(command, **{"PYTHONPATH": str(ROOT), **settings})

    return run


def test_the_command_draws_on_a_terminal(classify):
    drawn = classify("-t", "0.9", columns=72)
    assert drawn.status == 1
    header, red, dark, broken, *rest = drawn.lines
    assert header == "LABEL  CONFIDENCE      MS  PATH"
    assert [line[:6].strip() for line in (red, dark, broken)] == ["RED", "?", "-"]
    assert dark.endswith("dark.png  (abstained; most like DARK)")
    assert broken.endswith("broken.png  (unreadable)")
    assert [drawn.colors[row][0] for row in (1, 2, 3)] == ["green", "magenta", "red"]
    assert not any(rest)
    assert max(map(len, drawn.lines)) <= 72


@pytest.mark.parametrize(
    ("environment", "colored"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"PYTHONIOENCODING": "ascii"}, True),
    ],
    ids=str,
)
def test_the_command_asks_the_environment(classify, environment, colored):
    drawn = classify(columns=40, **environment)
    assert (b"\x1b[" in drawn.sent) is colored
    assert max(map(len, drawn.lines)) <= 40
    if environment.get("PYTHONIOENCODING") == "ascii":
        assert b"..." in drawn.sent
        drawn.sent.decode("ascii")


@pytest.mark.parametrize("arguments", [("--format", "csv"), ("--format", "jsonl"), ("-o", "/dev/stdout")])
def test_what_programs_read_has_no_colours_even_on_a_terminal(classify, arguments):
    assert b"\x1b[" not in classify(*arguments, FORCE_COLOR="1").sent
