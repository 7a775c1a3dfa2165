"""The whole diagnosis on made-up machines, and the command itself."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.board import Board
from edge_runtime.checks import FAIL, OK, WARN
from edge_runtime.doctor import Installed, examine, table
from edge_runtime.terminal import Look
from edge_runtime.trial import combinations
from tests.edge_runtime import boards
from tests.edge_runtime.test_trial import ROOT, python
from tests.terminals import shown

NAMES = [
    "64-bit", "python", "ai-edge-litert", "numpy", "pillow", "combination", "XNNPACK", "golden", "governor",
    "load", "under-voltage", "throttling", "temperature", "disk", "memory", "camera",
]  # fmt: skip
ON_A_PI = next(row for row in combinations() if row["machine"] == "aarch64")
RIGHT = python("""print('{"uses_delegate": true, "golden": true}')""")


def installed(*, bits: int = 64, **changes: str | None) -> Installed:
    names = ("machine", "python", "ai-edge-litert", "numpy", "pillow")
    return Installed(bits, {**{name: ON_A_PI[name] for name in names}, **changes})


def diagnose(board: Board, *, of: Installed | None = None, trial: tuple[str, ...] = RIGHT):
    """The status of each line, after a look at what holds for any machine."""
    found = examine(board=board, installed=of or installed(), trial_command=trial)
    assert [check.name for check in found.checks] == NAMES
    assert all((check.status == OK) == (check.remedy is None) for check in found.checks)
    assert all(check.status in (OK, WARN, FAIL) and check.found for check in found.checks)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["fit"] is found.fit
    text = "".join(table(found))
    assert text.count("\n") == len(NAMES) + sum(check.remedy is not None for check in found.checks)
    return found, {check.name: check.status for check in found.checks if check.name not in ("disk", "camera")}


def test_a_folder_that_has_been_removed_is_no_error(tmp_path, monkeypatch):
    board = boards.make(tmp_path)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    found, _ = diagnose(board)
    assert found.fit


@pytest.mark.parametrize("model", [boards.PI_4, boards.PI_5])
def test_a_good_raspberry_pi(tmp_path, model):
    found, statuses = diagnose(boards.make(tmp_path, model=model))
    assert set(statuses.values()) == {OK}
    assert found.fit
    assert found.machine["board"] == model


@pytest.mark.parametrize(
    ("changes", "others"),
    [
        ({"vcgencmd": "echo throttled=0x4"}, {"throttling": FAIL}),
        ({"vcgencmd": "echo throttled=0x40000"}, {"throttling": WARN}),
        ({"vcgencmd": "echo throttled=0x1"}, {"under-voltage": FAIL}),
        ({"vcgencmd": "echo throttled=0x50005"}, {"throttling": FAIL, "under-voltage": FAIL}),
        ({"vcgencmd": "exit 255"}, {"throttling": WARN, "under-voltage": WARN}),
        ({"vcgencmd": "echo hello"}, {"throttling": WARN, "under-voltage": WARN}),
        ({"vcgencmd": "exec sleep 60", "timeout_s": 0.2}, {"throttling": WARN, "under-voltage": WARN}),
        ({"vcgencmd": None}, {"throttling": WARN, "under-voltage": WARN}),
        ({"temperature": "75000"}, {"temperature": WARN}),
        ({"temperature": "82500"}, {"temperature": FAIL}),
        ({"temperature": "rubbish"}, {"temperature": WARN}),
        ({"governor": "ondemand"}, {"governor": WARN}),
        ({"governor": None}, {"governor": WARN}),
        ({"load": "900.5 1.0 1.0 1/2 3"}, {"load": WARN}),
        ({"load": "rubbish"}, {"load": WARN}),
        ({"available": "50000"}, {"memory": FAIL}),
        ({"available": "150000"}, {"memory": WARN}),
        ({"available": "much"}, {"memory": WARN}),
        (
            {"model": None, "zone": "x86_pkg_temp", "temperature": "85000", "vcgencmd": None},
            {"temperature": WARN, "throttling": WARN, "under-voltage": WARN},
        ),
    ],
    ids=str,
)
def test_other_machines(tmp_path, changes, others):
    found, statuses = diagnose(boards.make(tmp_path, **changes))
    assert {name: status for name, status in statuses.items() if status != OK} == others
    assert found.fit is (FAIL not in others.values())


def test_a_container_without_proc_and_sys(tmp_path):
    board = Board(proc=tmp_path / "proc", sys=tmp_path / "sys", vcgencmd=(str(tmp_path / "vcgencmd"),))
    found, statuses = diagnose(board, trial=python("import os; os.abort()"))
    assert {name for name, status in statuses.items() if status == FAIL} == {"XNNPACK", "golden"}
    warned = {name for name, status in statuses.items() if status == WARN}
    assert warned == {"governor", "load", "under-voltage", "throttling", "temperature", "memory"}
    assert "SIGABRT" in "".join(table(found))
    assert not found.fit


def test_a_32_bit_userland(tmp_path):
    without = python("import ai_edge_litert_is_not_installed")
    _, statuses = diagnose(boards.make(tmp_path), of=installed(bits=32, **{"ai-edge-litert": None}), trial=without)
    assert {name for name, status in statuses.items() if status == FAIL} == {
        "64-bit", "ai-edge-litert", "XNNPACK", "golden",
    }  # fmt: skip


def test_versions_that_were_never_tried(tmp_path):
    found, statuses = diagnose(boards.make(tmp_path), of=installed(numpy="9.9.9"))
    assert {name for name, status in statuses.items() if status == WARN} == {"numpy", "combination"}
    assert found.fit


def test_on_a_terminal_it_has_colours_and_keeps_to_the_width(tmp_path):
    found, _ = diagnose(boards.make(tmp_path, vcgencmd="echo throttled=0x4", temperature="75000"))
    narrow = shown("".join(table(found, Look(color=True, width=60))).replace("\n", "\r\n").encode(), columns=200)
    assert max(map(len, narrow.lines)) <= 60
    assert [narrow.color_of(f"{status} ") for status in (OK, WARN, FAIL)] == ["green", "brown", "red"]
    assert " ".join("".join(table(found)).split()) == " ".join(" ".join(narrow.lines).split())


def test_a_folder_that_is_gone(tmp_path):
    found = examine(board=boards.make(tmp_path), trial_command=RIGHT, folder=tmp_path / "gone")
    (disk,) = (check for check in found.checks if check.name == "disk")
    assert (disk.status, disk.found) == (WARN, "not known")


@pytest.mark.parametrize(("bits", "status"), [("0x0", 0), ("0x50005", 1)])
def test_the_command(tmp_path, bits, status):
    boards.make(tmp_path, vcgencmd=f"echo throttled={bits}")
    command = [sys.executable, "-m", "edge_runtime", "doctor", *(["--json"] if status == 0 else [])]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=ROOT, env=boards.on_path(tmp_path), check=False
    )
    assert (done.returncode, done.stderr) == (status, "")
    if status == 0:
        found = json.loads(done.stdout)
        assert found.keys() == {"fit", "checks", "machine"}
        assert [check["name"] for check in found["checks"]] == NAMES
        assert all(check.keys() == {"name", "status", "found", "remedy"} for check in found["checks"])
        assert {check["name"]: check["status"] for check in found["checks"]}["golden"] == OK
    else:
        assert "fail  throttling      now: throttled\n" in done.stdout


def test_it_imports_nothing_heavy():
    code = "import sys; from edge_runtime import doctor; print({'numpy', 'PIL', 'ai_edge_litert'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(ROOT), check=True)
    assert done.stdout == "set()\n"
