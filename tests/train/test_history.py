import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from benchmarks import evidence
from edge_runtime import figures
from edge_runtime.errors import LeukoliteError
from train.history import CURVES_NAME, HISTORY_NAME, Epoch, draw_curves, peak_rss_mb, read_history, write_history

FIRST = Epoch(
    epoch=1,
    seconds=10.123456789,
    images_per_s=98.7,
    input_wait_share=0.031,
    learning_rate=2e-3,
    loss=1.386,
    accuracy=0.25,
    tpr={"MONO,\"CYTE\"": 1 / 3, "EOSINOPHIL": None},
    held_out_balanced_accuracy=0.3,
    held_out_lowest_tpr=0.0,
    held_out_tpr={"MONO,\"CYTE\"": 0.6, "EOSINOPHIL": 0.0},
    peak_rss_mb=612.5,
)  # fmt: skip
EPOCHS = [
    FIRST,
    replace(FIRST, epoch=2, loss=1e-7, accuracy=1.0, held_out_balanced_accuracy=2 / 3, held_out_lowest_tpr=0.5),
]
FORMER = (
    "epoch,seconds,images_per_s,learning_rate,loss,accuracy,held_out_balanced_accuracy,held_out_lowest_tpr\n"
    "1,10.5,98.7,0.002,1.386,0.25,0.3,0.0\n"
)


def many(classes, *, epochs=3):
    """Epochs of so many classes whose rates rise with the class's number."""
    labels = [f"KIND {number}" for number in range(classes)]
    rates = dict(zip(labels, np.linspace(0, 1, classes), strict=True))
    return [replace(FIRST, epoch=number + 1, tpr=rates, held_out_tpr=rates) for number in range(epochs)]


def test_what_was_written_is_read(tmp_path):
    write_history(tmp_path, EPOCHS)
    assert read_history(tmp_path) == EPOCHS


def test_columns_are_flat(tmp_path):
    labels = {"tpr": {"A": 0.5, "B": None}, "held_out_tpr": {"A": None, "B": 1.0}}
    write_history(tmp_path, [replace(FIRST, **labels)])
    header, line = (tmp_path / HISTORY_NAME).read_text().splitlines()
    assert header.startswith("epoch,seconds,images_per_s,input_wait_share,learning_rate,loss,accuracy,")
    assert header.endswith(",peak_rss_mb,tpr_A,tpr_B,held_out_tpr_A,held_out_tpr_B")
    assert line.endswith(",612.5,0.5,,,1.0")


def test_a_history_is_one_for_the_report(tmp_path):
    write_history(tmp_path, EPOCHS)
    rows = evidence.read_history(tmp_path / HISTORY_NAME)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [row["held_out_tpr_EOSINOPHIL"] for row in rows] == ["0.0", "0.0"]
    assert {row["tpr_EOSINOPHIL"] for row in rows} == {""}


def test_no_history_is_empty(tmp_path):
    assert read_history(tmp_path) == []
    write_history(tmp_path, [])
    assert read_history(tmp_path) == []


def test_a_history_of_the_former_columns_is_read(tmp_path):
    (tmp_path / HISTORY_NAME).write_text(FORMER)
    (epoch,) = read_history(tmp_path)
    assert (epoch.epoch, epoch.loss, epoch.held_out_tpr) == (1, 1.386, {})
    assert math.isnan(epoch.peak_rss_mb)
    draw_curves(tmp_path, [epoch])
    assert evidence.read_history(tmp_path / HISTORY_NAME)[0]["loss"] == "1.386"


@pytest.mark.parametrize(
    "text", ["loss\n1\n", "epoch,loss\n1,much\n", "epoch,loss\n1,2,3\n", "epoch\n1.5\n", 'epoch\n"1\n']
)
def test_what_is_no_history_is_refused(tmp_path, text):
    (tmp_path / HISTORY_NAME).write_text(text)
    with pytest.raises(LeukoliteError, match="expected the history of a training"):
        read_history(tmp_path)


def test_an_epoch_goes_through_json_unchanged():
    assert Epoch.from_json(json.loads(json.dumps(FIRST.to_json()))) == FIRST
    assert FIRST.to_json()["tpr"] == FIRST.tpr
    assert Epoch.from_json(FIRST.to_json() | {"loss": 1.3860000000000001}) != FIRST


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("history", [EPOCHS[:1], EPOCHS, many(30), []], ids=["one", "two", "many classes", "none"])
def test_curves_are_a_picture(tmp_path, history):
    draw_curves(tmp_path, history)
    with Image.open(tmp_path / CURVES_NAME) as picture:
        picture.load()
        assert (picture.format, picture.width > 1000) == ("PNG", True)


def test_curves_show_the_figures(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "to_png", lambda figure: drawn.append(figure) or b"")
    draw_curves(tmp_path, EPOCHS)
    loss, shares, by_class, learning_rate = drawn[0].axes
    assert loss.lines[0].get_xydata().tolist() == [[1, 1.386], [2, 1e-7]]
    assert {line.get_label(): line.get_ydata().tolist() for line in shares.lines} == {
        "training accuracy": [0.25, 1.0],
        "held-out balanced accuracy": [0.3, 2 / 3],
        "held-out lowest TPR": [0.0, 0.5],
    }
    assert {line.get_label(): line.get_ydata()[0] for line in by_class.lines} == FIRST.held_out_tpr
    assert learning_rate.lines[0].get_ydata().tolist() == [2e-3, 2e-3]


def test_of_many_classes_the_worst_are_named(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "to_png", lambda figure: drawn.append(figure) or b"")
    draw_curves(tmp_path, many(30))
    named = [text.get_text() for text in drawn[0].axes[2].get_legend().get_texts()]
    assert named == [*(f"KIND {number}" for number in range(8)), "22 others, now higher"]
    assert len(drawn[0].axes[2].lines) == 30


def test_an_epoch_is_told_in_one_line():
    assert FIRST.describe(8) == (
        "epoch 1/8: 10 s, 99 images/s (3% waiting), loss 1.3860, accuracy 0.2500, "
        "held out: balanced accuracy 0.3000, lowest TPR 0.0000 (EOSINOPHIL)"
    )


@pytest.mark.parametrize("rates", [{}, {"MONOCYTE": None}])
def test_without_rates_no_class_is_the_worst(rates):
    assert replace(FIRST, held_out_tpr=rates).describe(8).endswith("lowest TPR 0.0000")


def test_peak_memory_grows_with_what_is_held_and_stays():
    code = (
        "from train.history import peak_rss_mb\n"
        "before = peak_rss_mb()\n"
        "held = bytearray(100_000_000)\n"
        "held[::4096] = b'x' * len(held[::4096])\n"
        "grown = peak_rss_mb()\n"
        "del held\n"
        "print(before, grown, peak_rss_mb())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    before, grown, after = map(float, done.stdout.split())
    # 100 MB more, within the few that the interpreter itself takes or gives back.
    assert grown - before == pytest.approx(100, abs=10)
    assert after == pytest.approx(grown, abs=1)  # Linux counts pages a few dozen at a time
    assert peak_rss_mb() > before
