import re
import sys
from types import SimpleNamespace

import pytest

from train.__main__ import build_parser, main, settings_of
from train.config import PRESETS

FLOAT = ["float", "--data", "d", "--out", "o"]


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


@pytest.mark.parametrize("command", [[], ["data"], ["float"], ["qat"], ["smears"]], ids=lambda c: "".join(c) or "none")
def test_help_is_shown(capsys, command):
    assert status_of([*command, "--help"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(" ".join(["usage: train", *command]))
    assert said.err == ""


def test_without_options_the_preset_holds():
    for name, preset in PRESETS.items():
        assert settings_of(build_parser().parse_args([*FLOAT, "--preset", name])) == preset
    assert settings_of(build_parser().parse_args(FLOAT)) == PRESETS["full"]


@pytest.mark.parametrize(
    ("option", "value", "place"),
    [
        ("--seed", 7, "seed"),
        ("--seed", 0, "seed"),
        ("--per-class", 12, "per_class"),
        ("--per-class", 0, "per_class"),
        ("--towers", 3, "network.towers"),
        ("--epochs", 4, "float_stage.epochs"),
        ("--learning-rate", 0.5, "float_stage.learning_rate"),
        ("--weight-decay", 0.25, "float_stage.weight_decay"),
        ("--label-smoothing", 0.1, "float_stage.label_smoothing"),
        ("--averaging-decay", 0.0, "float_stage.averaging_decay"),
        ("--batch-size", 5, "float_stage.batch_size"),
        ("--qat-epochs", 6, "qat_stage.epochs"),
        ("--qat-learning-rate", 0.125, "qat_stage.learning_rate"),
    ],
)
@pytest.mark.parametrize("preset", list(PRESETS))
def test_an_option_overrides_one_setting_alone(preset, option, value, place):
    found = settings_of(build_parser().parse_args([*FLOAT, "--preset", preset, option, str(value)]))
    assert flat(found) == {**flat(PRESETS[preset]), place: value}


def test_widths_are_a_list():
    found = settings_of(build_parser().parse_args([*FLOAT, "--widths", "4,6,8"]))
    assert flat(found) == {**flat(PRESETS["full"]), "network.widths": (4, 6, 8)}


def flat(settings, prefix=""):
    """Settings of settings as dotted names."""
    found = {}
    for name, value in vars(settings).items():
        found |= flat(value, f"{prefix}{name}.") if hasattr(value, "__dict__") else {prefix + name: value}
    return found


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ([], "COMMAND"),
        (["fly"], "fly"),
        (["float"], "--data"),
        (["qat", "--data", "d", "--out", "o"], "--run"),
        ([*FLOAT, "--preset", "slow"], "slow"),
        ([*FLOAT, "--widths", "a,b"], "a,b"),
        ([*FLOAT, "--widths", ""], "--widths"),
        ([*FLOAT, "--widths", "16,0"], "each of widths from 1 to 4,096, got 0"),
        ([*FLOAT, "--widths", ",".join("9" * 9)], "fewer widths or larger images"),
        ([*FLOAT, "--epochs", "many"], "many"),
        ([*FLOAT, "--epochs", "0"], "epochs from 1"),
        ([*FLOAT, "--qat-epochs", "0"], "epochs from 1"),
        ([*FLOAT, "--towers", "1"], "towers from 2 to 100, got 1"),
        ([*FLOAT, "--batch-size", "-3"], "batch_size from 1"),
        ([*FLOAT, "--learning-rate", "nan"], "learning_rate from .*, got nan"),
        ([*FLOAT, "--seed", "-1"], "seed from 0"),
        ([*FLOAT, "--per-class", "-1"], "per_class from 0"),
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


@pytest.fixture
def started(monkeypatch):
    """TensorFlow's threads can be set before it starts only, which other tests of this process have done."""
    from train import stages

    monkeypatch.setattr(stages, "use_cores", lambda: None)


@pytest.mark.parametrize("command", ["float", "qat"])
def test_data_that_are_not_there_are_one_line_and_status_2(capsys, tmp_path, runs, started, command):
    arguments = [command, "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    assert main(arguments + (["--run", str(runs[0])] if command == "qat" else [])) == 2
    assert "a data set folder at" in one_error(capsys)
    assert not (tmp_path / "out").exists()


def test_fine_tuning_without_a_float_run_is_one_line_and_status_2(capsys, tmp_path, smear_root, started):
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


@pytest.mark.parametrize("command", ["float", "qat"])
def test_a_stage_is_called_with_what_was_asked_for(capsys, monkeypatch, command):
    called = {}

    def stage(*args, **options):
        called.update(options, args=args)
        return SimpleNamespace(balanced_accuracy=0.5, n=40)

    fake = SimpleNamespace(train_float=stage, train_qat=stage, use_cores=lambda: None)
    monkeypatch.setitem(sys.modules, "train.stages", fake)
    arguments = [command, "--data", "d", "--out", "o", "--groups", "g.csv"]
    assert main(arguments + (["--run", "r"] if command == "qat" else ["--seed", "9"])) == 0
    assert capsys.readouterr().out == "o: held-out balanced accuracy 0.5000 on 40 images\n"
    assert [str(part) for part in called["args"]] == (["d", "r", "o"] if command == "qat" else ["d", "o"])
    assert called["groups"] == "g.csv"
    if command == "float":
        assert called["settings"].seed == 9
