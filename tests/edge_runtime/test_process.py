"""`leukolite` in a process of its own: what the interpreter, the shell and native code add."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_one_line_and_status_2(picture, bundle):
    done = shell("$LEUKOLITE classify $1 -m $2 > /dev/full", picture("a.png"), bundle)
    assert done.returncode == 2
    assert done.stderr.count(b"leukolite: error: ") == 1
    assert b"No space left" in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_closed_streams_are_no_error(picture, bundle):
    done = shell("$LEUKOLITE classify $1 -m $2 >&- 2>&-", picture("a.png"), bundle)
    assert done.returncode == 0


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
