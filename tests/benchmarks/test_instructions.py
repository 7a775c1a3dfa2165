"""Counting: the sums on made-up marks, and everything once under qemu, with the tiny model."""

import json
import os
import re
from pathlib import Path

import pytest

from benchmarks import instructions, reference
from benchmarks.__main__ import main
from benchmarks.instructions import BOARDS, TIMES, BoardCounts, bundles, check_repeatable, measure, per_call, summarise
from benchmarks.pi import counting
from benchmarks.pi.combinations import COMBINATIONS
from benchmarks.pi.device import Device
from edge_runtime.errors import LeukoliteError
from edge_runtime.files import write_json
from tests.benchmarks.counted import board, model

COUNTED = [["m", "decode"], ["m", "locate"], ["m", "invoke"], ["m", "end_to_end"]]
PER_CALL = (200, 30, 500, 750)


def marks(*per_call, start=1000):
    """What the plugin logs when each stage takes so many instructions a call, and something happens in between."""
    found = []
    for (_, stage), count in zip(COUNTED, per_call, strict=True):
        found += [start, start + count * TIMES[stage][1]]
        start = found[-1] + 77
    return found


def test_what_happens_outside_the_marks_is_in_no_count():
    assert per_call(COUNTED, marks(*PER_CALL)) == per_call(COUNTED, marks(*PER_CALL, start=10**9))
    assert per_call(COUNTED, marks(*PER_CALL)) == {
        "m": {"decode": 200, "locate": 30, "invoke": 500, "end_to_end": 750, "postprocess": 20}
    }


@pytest.mark.parametrize("count", [0, 7, 9])
def test_marks_that_are_missing_or_too_many_are_told(refused, count):
    with refused(f"expected 8 marks .+, got {count}; "):
        per_call(COUNTED, range(count))


def summarised(*runs):
    device = Device(COMBINATIONS[0], root=Path(), site=Path(), qemu="qemu")
    answer = {
        "counted": COUNTED,
        "models": {"m": {"sha256": "ab", "variant": "int8_qat", "view": "cell"}},
        "picture_sha256": "cd",
        "versions": {"python": "3.11.2"},
    }
    answers = [(answer, marks(*run)) for run in runs]
    return summarise(answers, device=device, versions={"qemu": "7"}, work={"m": 250}, picture="p")


def test_of_several_runs_there_is_median_and_range():
    found = summarised(PER_CALL, (200, 30, 501, 751), (200, 30, 510, 760))
    stage = found.models["m"].stages["invoke"]
    assert (stage.instructions, stage.range) == (501, 10)
    assert found.models["m"].per_multiply_add == 501 / 250
    assert found.models["m"].spread == 10 / 751
    assert (found.board, found.processor, found.runs) == ("Raspberry Pi 4", "cortex-a72", 3)
    assert found.versions == {"qemu": "7", "python": "3.11.2"}


def test_runs_that_differ_are_no_reference(refused):
    check_repeatable(board(int8=model(spread=14_000)))  # of 14.1 million
    with refused("expected runs of int8 on Raspberry Pi 4, emulated within 0.1% of the whole path, got 0.11%; "):
        check_repeatable(board(int8=model(spread=15_000)))


def test_they_are_read_as_they_were_written(tmp_path):
    write_json(tmp_path / "r.json", board().to_json())
    assert BoardCounts.load(tmp_path / "r.json") == board()


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: value.pop("models"),
        lambda value: value.pop("versions"),
        lambda value: value.update(schema_version=2),
        lambda value: value.update(emulated=False),
        lambda value: value.update(more=1),
        lambda value: value["models"]["int8"]["stages"].pop("invoke"),
        lambda value: value["models"]["int8"]["stages"]["invoke"].update(instructions=0),
        lambda value: value["models"].update(int8=[]),
    ],
)
def test_damaged_ones_are_told(tmp_path, refused, damage):
    value = board().to_json()
    damage(value)
    write_json(tmp_path / "r.json", value)
    with refused("--update$"):
        BoardCounts.load(tmp_path / "r.json")


def test_every_bundle_of_a_folder_is_counted_by_its_name(tmp_path, refused):
    for name in ("leukolite-int8.tflite", "other.tflite", "SHA256SUMS"):
        (tmp_path / name).touch()
    assert list(bundles({"mine": tmp_path})) == ["mine int8", "mine other"]
    (tmp_path / "empty").mkdir()
    with refused("got none"):
        bundles({"mine": tmp_path, "empty": tmp_path / "empty"})


@pytest.fixture(scope="module")
def emulated(bundle, tmp_path_factory) -> tuple[BoardCounts, list[str]]:
    """The tiny model's counts on an emulated Pi 4, and the options by which the command counts the same."""
    try:
        counting.find_qemu()
    except LeukoliteError as error:
        leave = pytest.fail if os.environ.get("LEUKOLITE_REQUIRE_DATA") else pytest.skip
        leave(str(error))
    work = instructions.CHECKOUT / "build" / "pi"  # where `make test-pi` leaves what is used here as well
    kept = tmp_path_factory.mktemp("reference")
    (found,) = measure(bundles({bundle.parent.name: bundle.parent}), boards=["pi-4"], folder=work)
    options = ["--bundles", str(bundle.parent), "--board", "pi-4", "--work", str(work), "--reference", str(kept)]
    return found, ["instructions", *options]


def test_under_qemu_counts_repeat_and_a_forged_reference_fails(emulated, tmp_path, capsys):
    found, command = emulated
    (name,) = found.models
    write_json(reference.path_of("pi-4", Path(command[-1])), found.to_json())
    assert main([*command, "--check"]) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    assert re.search(rf"\| Raspberry Pi 4 +\| {name} ", printed)
    assert found.models[name].stages["decode"].instructions > 100_000  # so much any JPEG takes
    forged = json.loads(json.dumps(found.to_json()))
    forged["models"][name]["stages"]["decode"]["instructions"] //= 1.02
    write_json(tmp_path / "forged.json", forged)
    verdict = reference.judge(BoardCounts.load(tmp_path / "forged.json"), found)
    assert verdict.status == 1
    assert f"Raspberry Pi 4, emulated: {name}, decode: grew by 2.0%" in verdict.lines[0]


def test_boards_have_names_of_their_own():
    assert len({each.name for each in BOARDS.values()}) == len(BOARDS)
