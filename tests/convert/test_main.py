import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from convert.__main__ import main
from convert.config import BUNDLE_NAMES

ROOT = Path(__file__).parent.parent.parent


def status_of(arguments):
    """The exit status of a command line, whether returned or raised."""
    try:
        return main(arguments)
    except SystemExit as stop:
        return stop.code


def options(runs, smear_root, out, **changes):
    """A whole command line."""
    given = {"float": runs[0], "qat": runs[1], "data": smear_root, "groups": smear_root / "groups.csv", "out": out}
    return [part for name, value in {**given, **changes}.items() for part in (f"--{name}", str(value))]


def test_help_is_shown(capsys):
    assert status_of(["--help"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("usage: convert")
    assert said.err == ""


def test_command_writes_what_the_library_does_in_another_process(runs, smear_root, released, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "convert", *options(runs, smear_root, tmp_path / "out")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no temperature, no threshold: these label every picture" in done.stderr
    assert done.stdout == (tmp_path / "out" / "variants.md").read_text()
    assert [line.split()[1] for line in done.stdout.splitlines()[2:7]] == list(BUNDLE_NAMES)
    for name in ("SHA256SUMS", "calibration.json", *BUNDLE_NAMES.values()):
        assert (tmp_path / "out" / name).read_bytes() == (released / name).read_bytes(), name


@pytest.mark.parametrize("command", [[], ["attribute"]], ids=["convert", "attribute"])
@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"float": "nowhere"}, "the run.json of a finished training run"),
        ({"data": "nowhere"}, "a data set folder at nowhere"),
        ({"split": "VALIDATE"}, "a split VALIDATE"),
        ({"groups": "nowhere.csv"}, "a CSV with the columns"),
    ],
    ids=["float", "data", "split", "groups"],
)
def test_what_cannot_be_used_is_one_line_and_status_2(capsys, runs, smear_root, tmp_path, changes, match, command):
    assert main([*command, *options(runs, smear_root, tmp_path / "out", **changes)]) == 2
    said = capsys.readouterr()
    assert re.search(f"^convert: error: expected .*{match}.*, got.+; .+\n", said.err, re.MULTILINE), said.err
    assert said.out == ""
    assert not (tmp_path / "out").exists()


def test_red_cells_in_a_view_of_the_whole_field_are_refused_before_the_work(capsys, runs, smear_root, tmp_path):
    assert main(options(runs, smear_root, tmp_path / "out", **{"red-cell-px": 50})) == 2
    assert "got 50 px in a field view of 32 x 24; give --red-cell-px what docs/cells.md says" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", [[], ["attribute"]], ids=["convert", "attribute"])
def test_missing_option_is_one_line_and_status_2(capsys, command):
    assert status_of([*command, "--float", "a"]) == 2
    help_of = " ".join(["convert", *command])
    assert re.fullmatch(
        f"convert: error: expected .+, got.+: --qat, --data, --out; see `{help_of} --help`\n", capsys.readouterr().err
    )


def test_unknown_command_is_one_line_and_status_2(capsys):
    assert status_of(["atribute", "--float", "a"]) == 2
    assert re.fullmatch("convert: error: expected .+, got.+atribute.+; .+\n", capsys.readouterr().err)
