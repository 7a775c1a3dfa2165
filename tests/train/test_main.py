import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from train.__main__ import main
from train.config import PRESETS, StageSettings
from train.tensorboard import read

FLOAT = ["float", "--data", "d", "--out", "o"]
QAT = ["qat", "--data", "d", "--run", "r", "--out", "o"]


def one_error(capsys):
    """The one line on stderr."""
    said = capsys.readouterr().err
    assert re.fullmatch("train: error: expected .+, got.+; .+\n", said), said
    return said


def status_of(arguments):
    """The exit status of a command line, whether returned or raised."""
    try:
        return main(arguments)
    except SystemExit as stop:
        return stop.code


@pytest.mark.parametrize(
    "command",
    [[], ["data"], ["float"], ["qat"], ["compare"], ["reproduce"], ["strength"], ["smears"]],
    ids=lambda c: "".join(c) or "none",
)
def test_help_is_shown(capsys, command):
    assert status_of([*command, "--help"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(" ".join(["usage: train", *command]))
    assert said.err == ""


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ([], "COMMAND"),
        (["fly"], "fly"),
        (["float"], "--data"),
        (["qat", "--data", "d", "--out", "o"], "--run"),
        ([*QAT, "--epochs", "many"], "many"),
        ([*QAT, "--seed", "4"], "--seed"),  # the float run's holds
        *[([*command, "--checkpoint-every", value], value) for command in (FLOAT, QAT) for value in ("0", "-1", "x")],
        *[([*command, "--resume", "yes"], "yes") for command in (FLOAT, QAT)],
        ([*FLOAT, "--strategy", "parameter server"], "parameter server"),
        (["reproduce"], "RUN"),
        (["reproduce", "nowhere"], "the run.json of a finished training run"),
        (["reproduce", "nowhere", "--seed", "4"], "--seed"),
        ([*FLOAT, "--preset", "slow"], "slow"),
        ([*FLOAT, "--widths", "a,b"], "a,b"),
        ([*FLOAT, "--widths", ""], "--widths"),
        ([*FLOAT, "--widths", "16,0"], "each of widths from 1 to 4,096, got 0"),
        ([*FLOAT, "--widths", ",".join("9" * 9)], "fewer widths or larger images"),
        ([*FLOAT, "--epochs", "many"], "many"),
        ([*FLOAT, "--epochs", "0"], "epochs from 1"),
        ([*FLOAT, "--qat-epochs", "0"], "epochs from 1"),
        ([*FLOAT, "--blind", "--towers", "1"], "towers from 2 to 100, got 1"),
        ([*FLOAT, "--no-blind", "--towers", "0"], "towers from 1 to 100, got 0"),
        ([*FLOAT, "--no-blind", "--class-prior", "chosen"], "a strength of the class prior"),
        ([*FLOAT, "--field", "240"], "--field"),
        ([*FLOAT, "--batch-size", "-3"], "batch_size from 1"),
        ([*FLOAT, "--learning-rate", "nan"], "learning_rate from .*, got nan"),
        ([*FLOAT, "--seed", "-1"], "seed from 0"),
        ([*FLOAT, "--sampling", "cell"], "cell"),
        ([*FLOAT, "--stain", "-0.1"], "stain from 0 to 1, got -0.1"),
        ([*FLOAT, "--light", "nan"], "light from 0 to 1, got nan"),
        ([*FLOAT, "--exposure", "much"], "much"),
        ([*FLOAT, "--focus", "6"], "focus_px from 0 to 5, got 6"),
        ([*FLOAT, "--scale", "0.6"], "scale from 0 to 0.5, got 0.6"),
        ([*FLOAT, "--rotation", "181"], "rotation_deg from 0 to 180, got 181"),
        ([*FLOAT, "--per-class", "-1"], "per_class from 0"),
        (
            ["qat", "--data", "d", "--run", "r", "--out", "o", "--strategy", "mirrored"],
            "fine-tuning on one worker, got --strategy mirrored",
        ),
        (["smears", "--out", "o", "--images-per-class", "0"], "images_per_class from 1"),
        (["smears", "--out", "o", "--seed", "-1"], "seed from 0"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else "",
)
def test_bad_arguments_are_one_line_and_status_2(capsys, monkeypatch, tmp_path, arguments, match):
    monkeypatch.chdir(tmp_path)
    assert status_of(arguments) == 2
    assert re.search(match, one_error(capsys))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["float", "qat"])
def test_data_that_are_not_there_are_one_line_and_status_2(capsys, tmp_path, runs, command):
    arguments = [command, "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    assert main(arguments + (["--run", str(runs[0])] if command == "qat" else [])) == 2
    assert "a data set folder at" in one_error(capsys)
    assert not (tmp_path / "out").exists()


def test_fine_tuning_without_a_float_run_is_one_line_and_status_2(capsys, tmp_path, smear_root):
    arguments = ["qat", "--data", str(smear_root), "--run", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "the run.json of a finished training run" in one_error(capsys)


def test_data_prints_the_link(capsys, tmp_path, smear_root):
    assert main(["data", "--data", str(smear_root), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out' / 'root'}\n"


def test_smears_prints_the_folder(capsys, tmp_path):
    assert main(["smears", "--out", str(tmp_path / "s"), "--images-per-class", "1", "--seed", "5"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 's'}\n"
    assert len(list((tmp_path / "s").rglob("*.jpeg"))) == 8


@pytest.fixture
def called(monkeypatch):
    """What the stages would be called with; they train nothing."""
    from train import stages

    given = {}

    def stage(*args, **options):
        given.update(options, args=args)
        return SimpleNamespace(balanced_accuracy=0.5, n=40)

    monkeypatch.setattr(stages, "train_float", stage)
    monkeypatch.setattr(stages, "train_qat", stage)
    return given


@pytest.mark.parametrize("command", ["float", "qat"])
def test_a_stage_is_called_with_what_was_asked_for(capsys, called, command):
    arguments = [command, "--data", "d", "--out", "o", "--groups", "g.csv"]
    assert main(arguments + (["--run", "r"] if command == "qat" else ["--seed", "9"])) == 0
    assert capsys.readouterr().out == "o: held-out balanced accuracy 0.5000 on 40 images\n"
    assert [str(part) for part in called["args"]] == (["d", "r", "o"] if command == "qat" else ["d", "o"])
    assert called["call"].groups == "g.csv"
    if command == "float":
        assert called["settings"].seed == 9


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ([], {}),
        (["--resume"], {"resume": True}),
        (["--no-resume"], {"resume": False}),
        (["--checkpoint-every", "1"], {"checkpoint_every": 1}),
        (["--tensorboard"], {"tensorboard": True}),
        (["--groups", "g.csv"], {"groups": "g.csv"}),
    ],
    ids=lambda value: " ".join(value) or "none" if isinstance(value, list) else "",
)
@pytest.mark.parametrize("command", [FLOAT, QAT], ids=["float", "qat"])
def test_course_of_a_stage_is_as_asked_for_and_its_settings_are_not_touched(called, command, options, changes):
    plain = {"groups": None, "resume": None, "checkpoint_every": 100, "tensorboard": False, "like": None, "split": None}
    assert main([*command, *options]) == 0
    course = {name: value for name, value in vars(called["call"]).items() if name not in ("tell", "distribution")}
    assert course == plain | changes
    if command is FLOAT:
        assert called["settings"] == PRESETS["full"]
    else:
        assert called["change"](PRESETS["full"].qat_stage) == PRESETS["full"].qat_stage


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (["--epochs", "7"], {"epochs": 7}),
        (["--learning-rate", "0.25"], {"learning_rate": 0.25}),
        (["--class-prior", "0"], {"class_prior": 0.0}),
        (["--epochs", "7", "--class-prior", "1.5"], {"epochs": 7, "class_prior": 1.5}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_fine_tuning_may_be_told_otherwise_than_the_float_run_was(called, options, changes):
    own = StageSettings(epochs=2, learning_rate=1e-4, batch_size=5, averaging_decay=0.5, class_prior=3.2)
    assert main([*QAT, *options]) == 0
    assert called["change"](own) == replace(own, **changes)


def test_fine_tuning_out_of_range_is_one_line_and_status_2(capsys, runs, smear_root, tmp_path):
    arguments = ["qat", "--data", str(smear_root), "--run", str(runs[0]), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--epochs", "0"]) == 2
    assert "epochs from 1" in one_error(capsys)
    assert not (tmp_path / "out").exists()


def test_what_fine_tuning_was_told_is_in_its_run_json(capsys, runs, smear_root, tmp_path):
    arguments = ["qat", "--data", str(smear_root), "--run", str(runs[0]), "--out", str(tmp_path / "out")]
    told = ["--epochs", "2", "--learning-rate", "0.002", "--class-prior", "0.5", "--tensorboard"]
    assert main([*arguments, *told]) == 0
    said = capsys.readouterr()
    assert re.fullmatch(rf"{tmp_path}/out: held-out balanced accuracy [01]\.\d{{4}} on 32 images\n", said.out)
    assert len(re.findall("^train: epoch [12]/2: ", said.err, re.MULTILINE)) == 2
    before, after = (json.loads((run / "run.json").read_text()) for run in (runs[0], tmp_path / "out"))
    changed = {"epochs": 2, "learning_rate": 0.002, "class_prior": 0.5}
    assert after["settings"]["qat_stage"] == {**before["settings"]["qat_stage"], **changed}
    for part in ("float_stage", "network", "per_class", "seed"):
        assert after["settings"][part] == before["settings"][part]
    assert after["operating_point"]["strength"] == 0.5
    (log,) = (tmp_path / "out" / "tensorboard").iterdir()
    assert log.name.startswith("events.out.tfevents.")
    assert {event.step for event in read(log) if event.HasField("summary")} == {1, 2}


def test_what_was_done_again_is_said_and_decides_the_status(capsys, monkeypatch, lose_reader):
    from train import reproduce

    given = {}

    def again(run, out, **options):
        given.update(options, run=run, out=out)
        return reproduce.Outcome("r", 9, given["differing"], 0.5, 4, 0.75, ())

    monkeypatch.setattr(reproduce, "reproduce", again)
    for differing, status, line in [
        (0, 0, "r: the same, all 9 weights bit for bit\n"),
        (2, 1, "r: not the same, 2 of 9 weights differ, by 0.5 at most; the same label on 75.00% of 4 images\n"),
    ]:
        given["differing"] = differing
        assert main(["reproduce", "r", "--out", "o", "--data", "d", "--groups", "g.csv"]) == status
        assert capsys.readouterr().out == line
    assert (str(given["run"]), str(given["out"]), given["data"], given["groups"]) == ("r", "o", "d", "g.csv")
    lose_reader()
    assert main(["reproduce", "r"]) == 1
    assert (given["out"], given["data"], given["groups"]) == (None, None, None)
