"""What the tests of the device share: its command line, and fields of the public set."""

import csv
import io
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pytest

from edge_runtime.__main__ import main
from edge_runtime.image import Pixels, decode
from train.cells import KNOWN_GROUPS


@pytest.fixture(scope="session")
def train_fields(data_root: Path) -> list[Pixels]:
    """A picture of each fifth source cell of TRAIN, fitted into 320 x 240."""
    with KNOWN_GROUPS.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith("TRAIN/")]
    rows.sort(key=itemgetter("source", "path"))
    firsts = [next(rows)["path"] for _, rows in groupby(rows, key=itemgetter("source"))][::5]
    images = data_root / "dataset2-master/dataset2-master/images"
    return [decode(images / path, height_px=240, width_px=320) for path in firsts]


@pytest.fixture
def leukolite(bundle, capsys, monkeypatch):
    """Runs the command in this process, on the tiny model: (status, stdout, stderr's lines)."""

    # Where these tests run in CI themselves, its summary is not theirs to write, nor are its colours for them.
    for name in ("GITHUB_STEP_SUMMARY", "FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)

    def call(command: str, *arguments: object, model: Path | None = bundle, stdin: str = "") -> tuple:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        chosen = ["-m", str(model)] if model and command in ("classify", "evaluate") else []
        try:
            status = main([command, *map(str, arguments), *chosen])
        except SystemExit as leaving:
            status = leaving.code
        out, err = capsys.readouterr()
        return status, out, err.splitlines()

    return call


def one_line(errors: list[str], *words: str) -> bool:
    """Whether stderr held one error in the house's form, with these words in it."""
    (line,) = errors
    return line.startswith("leukolite: error: expected ") and "; " in line and all(word in line for word in words)
