"""Towers that are blind to nothing: all learn from everything, and nothing is held out."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tests.train import tiny
from train import reproduce
from train.__main__ import main
from train.effect_report import measure_run
from train.history import read_history
from train.stages import Call, train_float, train_qat
from train.stream import Stream, to_unit

SETTINGS = replace(
    tiny.SETTINGS,
    network=replace(tiny.NETWORK, towers=1, blind=False),
    qat_stage=replace(tiny.SETTINGS.qat_stage, learning_rate=1e-7),  # so that quantisation alone changes answers
)
HELD_OUT = ("held_out.json", "held_out_logits.npz", "ptq_logits.npz", "confusion.png")


@pytest.fixture(scope="module")
def sighted(smear_root, tmp_path_factory):
    """The run directories of both stages, and what the stages returned and said."""
    out, said = tmp_path_factory.mktemp("sighted"), []
    call = Call(tell=said.append, tensorboard=True)
    returned = (
        train_float(str(smear_root), out / "float", settings=SETTINGS, call=call),
        train_qat(str(smear_root), out / "float", out / "qat", call=call),
    )
    return (out / "float", out / "qat"), returned, said


@pytest.mark.parametrize("number", [0, 1])
def test_a_run_is_whole_without_held_out_figures(sighted, number):
    runs, returned, said = sighted
    facts = json.loads((runs[number] / "run.json").read_text())
    assert returned[number] is None
    assert facts["held_out"] is None
    assert facts["operating_point"] == {"strength": 1.0, "lowest_tpr": None, "balanced_accuracy": None}
    assert not [name for name in HELD_OUT if (runs[number] / name).exists()]
    assert "class prior taken out 1.0 times; nothing is held out" in said
    assert (runs[number] / "curves.png").stat().st_size > 10_000


def test_its_epochs_say_so(sighted):
    runs, _, said = sighted
    assert sum(line.endswith("nothing held out") and line.startswith("epoch") for line in said) == 3
    for epoch in read_history(runs[0]):
        assert np.isnan(epoch.held_out_balanced_accuracy)  # an empty field of the CSV
        assert set(epoch.held_out_tpr.values()) == {None}


def test_both_exported_networks_answer_nearly_alike(sighted, cells):
    (floats, qat), *_ = sighted
    view, count = SETTINGS.network.view, len(cells.images)
    pixels, _ = next(iter(Stream(cells.images.paths, np.arange(count), batch_size=count, view=view)))
    first, second = (
        tf.saved_model.load(str(run / "model")).signatures["serving_default"](pixels=to_unit(pixels))["logits"]
        for run in (floats, qat)
    )
    assert first.shape == (count, 4)
    # A few steps of the 8-bit activations, of which the largest logit spans 255.
    assert np.abs(first - second).max() < 10 * np.ptp(first) / 255


def test_it_is_reproduced_by_its_weights_alone(sighted, tmp_path):
    (floats, _), *_ = sighted
    outcome = reproduce.reproduce(floats, tmp_path / "again", data=None, groups=None, tell=print)
    assert outcome.identical
    assert (outcome.n, outcome.agreement) == (0, None)
    differing = replace(outcome, differing=1, largest_difference=0.5).describe()
    assert differing.endswith("of 810 weights differ, by 0.5 at most")


def test_gone_on_with_it_is_left_as_it_is(sighted, smear_root, capsys):
    (floats, _), _, _ = sighted
    before = (floats / "run.json").read_bytes()
    again = train_float(str(smear_root), floats, settings=SETTINGS, call=Call(tell=print, resume=True))
    assert again is None
    assert (floats / "run.json").read_bytes() == before


def test_what_needs_held_out_cells_refuses_it_in_one_line(sighted, smear_root, tmp_path, refused, capsys):
    (floats, qat), *_ = sighted
    with refused("expected a run of blind towers"):
        measure_run(str(smear_root), floats, tmp_path, groups=None, tell=print)
    assert main(["strength", str(floats)]) == 2
    assert "with blind towers" in capsys.readouterr().err
    assert main(["compare", str(qat)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_says_that_nothing_is_held_out(smear_root, tmp_path, capsys):
    options = [
        "--preset",
        "blind",
        "--widths",
        "4,6",
        "--towers",
        "1",
        "--no-blind",
        "--epochs",
        "1",
        "--class-prior",
        "1",
    ]
    given = [*options, "--qat-class-prior", "1", "--field", "32x24", "--crop", "0"]
    assert main(["float", "--data", str(smear_root), "--out", str(tmp_path / "run"), *given]) == 0
    assert "nothing held out; `python -m train crossval` judges the recipe" in capsys.readouterr().out
