import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import memory
from benchmarks.__main__ import main
from benchmarks.memory import Report, Settings, load, measure
from edge_runtime.errors import LeukoliteError

PEAKS = {"epoch": 1000.0, "run": 1100.0, "uint8": 700.0, "float32": 900.0, "--empty": 600.0}


class Commands:
    """Stands for the processes: leaves the files that they would, and says what was run."""

    def __init__(self) -> None:
        self.run: list[list[str]] = []
        self.peaks = dict(PEAKS)

    def watch(self, command, **_options):
        self.run.append(list(command))
        if command[:2] == ["train", "smears"]:
            folder = Path(command[3])
            folder.mkdir()
            (folder / "groups.csv").touch()
            return 1.0, []
        if command[:2] == ["train", "float"]:
            run = Path(command[command.index("--out") + 1])
            run.mkdir()
            (run / "history.csv").write_text(
                f"epoch,seconds,images_per_s,peak_rss_mb\n1,2.5,40.0,{self.peaks['epoch']}\n"
            )
            shape = {"image_height_px": 120, "image_width_px": 160}
            (run / "run.json").write_text(json.dumps({"settings": {"network": shape}}))
            return self.peaks["run"], [(0.0, 10.0), (1.0, 1050.0)]
        assert command[0] == "benchmarks.naive"
        return self.peaks["--empty" if "--empty" in command else command[2]], []

    def count(self, *start: str) -> int:
        """How often such a command was run."""
        return sum(command[: len(start)] == list(start) for command in self.run)


@pytest.fixture
def commands(monkeypatch):
    found = Commands()
    monkeypatch.setattr(memory, "watch", found.watch)
    monkeypatch.setattr(memory, "available_mb", lambda: 1e6)
    return found


@pytest.fixture
def settings(tmp_path):
    return Settings(images=(40, 8), work_dir=tmp_path / "work", options=("--towers", "2"))


def test_every_size_is_measured_and_told_in_order(commands, settings, tmp_path):
    report = measure(settings, out=tmp_path / "m.json")
    assert [each.images for each in report.measurements] == [8, 40]
    first = report.measurements[0]
    assert (first.epoch_mb, first.run_mb, first.seconds, first.images_per_s) == (1000.0, 1100.0, 2.5, 40.0)
    assert first.samples == ((0.0, 10.0), (1.0, 1050.0))
    assert [(naive.dtype, naive.peak_mb, naive.measured) for naive in first.naive] == [
        ("uint8", 700.0, True),
        ("float32", 900.0, True),
    ]
    assert load(tmp_path / "m.json") == report


def test_training_and_array_read_the_same_images_of_the_size(commands, settings, tmp_path):
    measure(replace(settings, images=(40,), seed=7), out=tmp_path / "m.json")
    smears, training, *naive = commands.run
    assert smears[2:] == ["--out", smears[3], "--images-per-class", "10", "--seed", "7"]
    assert training[training.index("--data") + 1] == smears[3]
    assert training[-4:] == ["--epochs", "1", "--towers", "2"]
    assert naive == [["benchmarks.naive", smears[3], dtype, "120", "160"] for dtype in ("uint8", "float32")]
    assert not list((tmp_path / "work").glob("run-*"))  # a run is not kept, the smears are


def test_what_is_measured_is_not_measured_again(commands, settings, tmp_path):
    before = measure(settings, out=tmp_path / "m.json")
    said = []
    again = measure(replace(settings, images=(8, 12, 40)), out=tmp_path / "m.json", tell=said.append)
    assert (commands.count("train", "float"), commands.count("train", "smears")) == (3, 3)
    assert [each for each in again.measurements if each.images != 12] == list(before.measurements)
    assert [line for line in said if "already" in line] == [
        "8 images: measured already",
        "40 images: measured already",
    ]


@pytest.mark.parametrize("changes", [{"options": ("--towers", "3")}, {"seed": 2}])
def test_other_options_are_measured_anew_and_never_mixed(commands, settings, tmp_path, changes):
    measure(settings, out=tmp_path / "m.json")
    report = measure(replace(settings, images=(8,), **changes), out=tmp_path / "m.json")
    assert [each.images for each in report.measurements] == [8]
    assert commands.count("train", "float") == 3
    assert load(tmp_path / "m.json") == report


def test_fresh_measures_again_but_draws_nothing_again(commands, settings, tmp_path):
    measure(settings, out=tmp_path / "m.json")
    commands.peaks["epoch"] = 2000.0
    report = measure(settings, out=tmp_path / "m.json", fresh=True)
    assert [each.epoch_mb for each in report.measurements] == [2000.0, 2000.0]
    assert commands.count("train", "smears") == 2


def test_a_run_that_is_broken_off_keeps_what_it_has(commands, settings, tmp_path, monkeypatch):
    good = commands.watch

    def watch(command, **options):
        if "smears-8-seed1" in str(command):
            raise LeukoliteError(expected="memory", found="none", remedy="buy some")
        return good(command, **options)

    monkeypatch.setattr(memory, "watch", watch)
    with pytest.raises(LeukoliteError, match="buy some"):
        measure(settings, out=tmp_path / "m.json")
    assert [each.images for each in load(tmp_path / "m.json").measurements] == [40]


def test_smears_that_were_not_finished_are_drawn_again(commands, settings, tmp_path):
    (tmp_path / "work" / "smears-8-seed1" / "images").mkdir(parents=True)
    measure(replace(settings, images=(8,)), out=tmp_path / "m.json")
    assert commands.count("train", "smears") == 1
    assert not (tmp_path / "work" / "smears-8-seed1" / "images").exists()


def test_what_does_not_fit_is_computed_and_says_so(commands, settings, tmp_path, monkeypatch):
    # 40 images of 160 x 120 take 2.304 MB as bytes and 9.216 MB as floats; four fifths of 10 MB are between them.
    monkeypatch.setattr(memory, "available_mb", lambda: 10.0)
    (found,) = measure(replace(settings, images=(40,)), out=tmp_path / "m.json").measurements
    whole, computed = found.naive
    assert (whole.measured, whole.peak_mb) == (True, 700.0)
    assert computed.measured is False
    assert computed.peak_mb == pytest.approx(600 + 9.216)
    assert [command[-1] for command in commands.run if command[2] == "float32"] == ["--empty"]


@pytest.mark.parametrize(
    ("peaks", "growth"),
    [
        ({12_000: 1000.0, 120_000: 1049.0}, 0.049),
        ({12_000: 1100.0, 40_000: 1000.0, 120_000: 1050.0}, 0.1),  # not only the ends count
        ({3000: 900.0, 12_000: 1000.0, 120_000: 1000.0}, 0.0),  # below 12,000 nothing is compared
        ({3000: 900.0, 12_000: 1000.0}, None),
        ({}, None),
    ],
)
def test_growth_is_that_of_the_epochs_from_twelve_thousand_on(made_up, peaks, growth):
    assert made_up(peaks).growth == (None if growth is None else pytest.approx(growth))


@pytest.mark.parametrize("images", [(), (7,), (4,), (0,), (-8,), (8, 10)])
def test_numbers_that_smears_cannot_have_are_refused(refused, tmp_path, images):
    with refused("multiples of 4"):
        Settings(images=images, work_dir=tmp_path)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema_version": 2}', '{"schema_version": 1, "options": [], "seed": 1}']
)
def test_another_file_is_refused_and_left_alone(refused, commands, settings, tmp_path, content):
    (tmp_path / "m.json").write_text(content)
    with refused():
        measure(settings, out=tmp_path / "m.json")
    assert (tmp_path / "m.json").read_text() == content
    assert not commands.run


def test_command_writes_report_curve_and_readme(commands, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- figures:memory begin --><!-- figures:memory end -->\n")
    argv = ["memory", "--images", "8,40", "--out", str(tmp_path / "m.json"), "--work", str(tmp_path / "work")]
    assert main([*argv, "--train-options", "--towers 2", "--readme", str(readme)]) == 0
    table = capsys.readouterr().out
    assert table.strip() in readme.read_text()
    assert load(tmp_path / "m.json").options == ("--towers", "2")
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")


def test_command_fails_when_a_bound_is_not_kept(commands, tmp_path, capsys):
    commands.peaks["epoch"] = 1600.0
    argv = ["memory", "--images", "8", "--out", str(tmp_path / "m.json"), "--work", str(tmp_path / "work")]
    assert main(argv) == 1
    assert "an epoch of 8 images takes 1,600 MB, above 1,500\n" in capsys.readouterr().err


def test_real_processes_are_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "ARRAYS", ("uint8",))
    options = ("--towers", "2", "--widths", "4,4", "--batch-size", "4")
    settings = Settings(images=(8,), work_dir=tmp_path / "work", options=options)
    (found,) = measure(settings, out=tmp_path / "m.json").measurements
    assert found.image_px == (120, 160)
    # TensorFlow alone takes several hundred MB; two observers of one process differ by what a last moment took.
    assert 300 < found.naive[0].peak_mb < 1500
    assert 300 < found.epoch_mb <= found.run_mb + 1
    assert max(mb for _, mb in found.samples) <= found.run_mb + 0.1
    assert isinstance(load(tmp_path / "m.json"), Report)
