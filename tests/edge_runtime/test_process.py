"""`leukolite` in a process of its own: what the interpreter, the shell and native code add."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.edge_runtime.gate.made import made

ROOT = Path(__file__).parents[2]


def shell(script: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Runs a line of shell in which $LEUKOLITE is the command and $1, $2 ... are the arguments."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *map(str, arguments)],
        capture_output=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "LEUKOLITE": f"{sys.executable} -m edge_runtime", **environment},
    )


def test_first_line_of_the_output_can_be_taken(colors, bundle):
    done = shell("$LEUKOLITE classify $1 -m $2 --format csv | head -1; exit ${PIPESTATUS[0]}", colors, bundle)
    assert done.returncode == 0
    assert done.stdout.startswith(b"path,label,")
    assert done.stdout.count(b"\n") == 1


@pytest.mark.parametrize("command", ["classify $1 -m $2", "info $2"])
def test_reader_that_has_gone_is_no_error(colors, bundle, command):
    done = shell(f"$LEUKOLITE {command} | true; exit ${{PIPESTATUS[0]}}", colors, bundle)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_verdict_whose_reader_has_gone_is_the_same(tmp_path, unbuffered):
    made(95, 70, 92, n=100).save(tmp_path / "c.json")
    made(95, 95, 95, n=100).save(tmp_path / "r.json")
    script = (
        "$LEUKOLITE gate --candidate $1/c.json --reference $1/r.json --json $1/v.json | true; exit ${PIPESTATUS[0]}"
    )
    done = shell(script, tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("stderr", ["2>&1 >/dev/null | true", "2>/dev/full"])
def test_complaints_that_nobody_hears_stop_nothing(colors, bundle, tmp_path, stderr):
    (colors / "TEST" / "RED" / "bad.png").touch()
    script = f"$LEUKOLITE evaluate --data $1 -m $2 --report $3 {stderr}; exit ${{PIPESTATUS[0]}}"
    assert shell(script, colors, bundle, tmp_path / "report.json").returncode == 1
    assert json.loads((tmp_path / "report.json").read_text())["n_errors"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_one_line_and_status_2(picture, bundle):
    done = shell("$LEUKOLITE classify $1 -m $2 > /dev/full", picture("a.png"), bundle)
    assert done.returncode == 2
    assert done.stderr.count(b"leukolite: error: ") == 1
    assert b"No space left" in done.stderr
    assert b"Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    ("number", "word", "status"), [(signal.SIGINT, "interrupted", 130), (signal.SIGTERM, "terminated", 143)]
)
def test_a_signal_while_classifying_leaves_the_old_output_and_nothing_beside_it(
    picture, bundle, tmp_path, number, word, status
):
    out = tmp_path / "out" / "results.csv"
    out.parent.mkdir()
    out.write_text("old")
    paths = f"{picture('a.png')}\n" * 100_000  # far more than are done when the signal comes
    command = [sys.executable, "-m", "edge_runtime", "classify", "-", "-m", bundle, "--format", "csv", "-o", out]
    # As from a terminal: what a shell starts in the background, as CI may be, ignores SIGINT, and so do its children.
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        running.stdin.write(paths)
        running.stdin.close()
        while len(list(out.parent.iterdir())) == 1:  # until the file beside it is there
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(number)
        said = running.stderr.read().splitlines()
    assert running.returncode == status
    assert [line for line in said if not line.startswith("INFO: ")] == [f"leukolite: {word}"]
    assert [(path.name, path.read_text()) for path in out.parent.iterdir()] == [("results.csv", "old")]


@pytest.fixture
def full_disk(tmp_path):
    """A file system of 64 kB, for root; for others a limit of the same size on the files that a process may write."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    mounted = subprocess.run(mount, capture_output=True).returncode == 0
    yield folder, "" if mounted else "trap '' XFSZ; ulimit -f 64;"
    if mounted:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_leaves_the_old_output_and_one_line(full_disk, picture, bundle):
    folder, limit = full_disk
    (folder / "results.csv").write_text("old")
    script = f'{limit} yes "$1" | head -5000 | $LEUKOLITE classify - -m $2 --format csv -o "$3"'
    done = shell(script, picture("a.png"), bundle, folder / "results.csv")
    assert done.returncode == 2
    assert done.stderr.count(b"leukolite: error: expected to be able to write") == 1
    assert b"Traceback" not in done.stderr
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("results.csv", "old")]


@pytest.mark.parametrize("change", ["truncate", "replace", "remove"])
def test_a_model_that_changes_meanwhile_changes_nothing(picture, bundle, tmp_path, change):
    model = tmp_path / "model.tflite"
    model.write_bytes(bundle.read_bytes())
    paths = f"{picture('a.png')}\n" * 1000
    command = [sys.executable, "-m", "edge_runtime", "classify", "-", "-m", model, "--format", "csv"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        running.stdin.write(paths)
        running.stdin.close()
        running.stdout.readline()  # it runs
        if change == "truncate":
            os.truncate(model, 0)
        elif change == "replace":
            model.write_bytes(b"another")
        else:
            model.unlink()
        rows = running.stdout.read().splitlines()
    assert running.returncode == 0
    assert len(rows) == 1000
    assert all(",RED," in row for row in rows)


def test_closed_streams_are_no_error(picture, bundle):
    done = shell("$LEUKOLITE classify $1 -m $2 >&- 2>&-", picture("a.png"), bundle)
    assert done.returncode == 0


def test_paths_from_a_closed_standard_input_are_none(bundle):
    done = shell("$LEUKOLITE classify - -m $1 <&-", bundle)
    assert done.returncode == 2
    assert done.stderr.startswith(b"leukolite: error: expected at least one path on standard input, got none; ")


def test_names_that_are_not_utf8_go_in_and_out(picture, bundle, tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    picture("a.png").rename(tmp_path / name)
    done = shell(
        'ls "$1"/*.png | $LEUKOLITE classify - -m $2 --format jsonl', tmp_path, bundle, PYTHONIOENCODING="utf-8:strict"
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["path"] == str(tmp_path / name)


def test_damaged_image_has_one_line_of_its_own(picture, bundle, tmp_path):
    Image.new("RGB", (64, 48)).save(tmp_path / "whole.tif", compression="tiff_lzw")
    content = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[: len(content) // 2])
    done = shell("$LEUKOLITE classify $1 $2 -m $3", picture("a.png"), tmp_path / "cut.tif", bundle)
    assert done.returncode == 1
    # LiteRT itself announces its delegate there, once.
    lines = [line for line in done.stderr.decode().splitlines() if not line.startswith("INFO: ")]
    assert len(lines) == 1  # Pillow warns about such a file as well
    assert lines[0].startswith(f"leukolite: error: {tmp_path}/cut.tif: expected ")
