"""What adapting brings is counted by source, on sources that nothing was adapted to, and as the user would have it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from benchmarks import adaptation
from benchmarks.__main__ import main
from benchmarks.adaptation import Report, Trial, by_source, draw, shortfalls, to_markdown
from tests import tiny_maxima, tiny_model
from tests.conftest import COLORS

TRIAL = Trial(
    view="cell",
    microscope=0,
    per_class=25,
    sources=80,
    before=0.5,
    after=0.95,
    expected_before=0.4,
    expected=0.9,
    prior={"trust": 1.0, "variance": 3.0},
)
REPORT = Report(models=({"file": "a.tflite", "view": "cell"},), grade=4, trials=(TRIAL,), provenance={})


@pytest.fixture
def smears(tmp_path, monkeypatch):
    """TRAIN and TEST of plain colours with a groups file: of RED there are three sources with two pictures each."""
    monkeypatch.setattr(adaptation, "PER_CLASS", (5, 6))
    random, rows = np.random.default_rng(0), ["path,source,group"]
    for split, count in (("TRAIN", 6), ("TEST", 2)):
        for color in COLORS:
            folder = tmp_path / "data" / split / color
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(np.array(COLORS[color]) * 0.6 + random.integers(0, 60, (24, 32, 3)), 0, 255)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
                source = f"{split}{color}{number // 2 if color == 'RED' else number}"
                rows.append(f"{split}/{color}/{number}.png,{source},{source}")
    (tmp_path / "groups.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_the_command_measures_and_says_where_the_aim_is_missed(smears, capsys):
    model = tiny_model.save(smears / "base.tflite", tiny_maxima.bundle_bytes())
    arguments = ["--models", model, "--data", smears / "data", "--groups", smears / "groups.csv", "--microscopes", 1]
    status = main(["adapt", *map(str, arguments), "--out", str(smears / "adapt.json")])
    out, _ = capsys.readouterr()
    report = json.loads((smears / "adapt.json").read_text())
    assert [(trial["per_class"], trial["sources"]) for trial in report["trials"]] == [(5, 18), (6, 21)]
    for trial in report["trials"]:
        assert 0 <= trial["before"] <= 1
        assert 0 <= trial["after"] <= 1
    last = report["trials"][1]
    used = last["after"] if last["expected"] > last["expected_before"] else last["before"]
    assert status == (1 if used < adaptation.AIM else 0)
    assert "| field |" in out


def test_cells_are_drawn_from_as_many_sources_as_there_are(smears):
    drawn = draw(smears / "data", groups=smears / "groups.csv", seed=0)
    red = [shown.source for shown in drawn if shown.label == "RED"]
    assert len(set(red[:3])) == 3
    assert sorted(red[:3]) == sorted(red[3:])
    assert [shown.label for shown in drawn[:4]] == sorted(COLORS)


def test_too_small_a_data_set_is_refused(smears, monkeypatch, refused):
    monkeypatch.setattr(adaptation, "PER_CLASS", (7,))
    with refused("7 pictures of each class in TRAIN"):
        draw(smears / "data", groups=smears / "groups.csv", seed=0)


def test_each_source_counts_once():
    truth, answers = np.array([0, 0, 0, 1]), np.array([0, 0, 1, -1])
    assert by_source(truth, answers, np.array(["a", "a", "b", "c"])) == pytest.approx((0.5 + 0) / 2)


def test_what_is_not_written_is_not_used():
    worse = replace(TRIAL, expected=0.4)
    assert (TRIAL.used, worse.used) == (0.95, 0.5)
    assert list(shortfalls(REPORT)) == []
    assert list(shortfalls(replace(REPORT, trials=(worse,)))) == [
        "cell: balanced accuracy 0.500 from 25 cells a class, below 0.9"
    ]


def test_the_table_has_a_row_a_bundle_and_count():
    lines = to_markdown(REPORT).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "cell",
        "25",
        "0.500",
        "0.950",
        "0.950 to 0.950",
        "0.900",
        "1 of 1",
    ]
