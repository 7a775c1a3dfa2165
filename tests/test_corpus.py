"""Whatever file it is given, the runtime answers or says why not, in time and in memory; see tests/corpus.py."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from edge_runtime.errors import LeukoliteError
from edge_runtime.image import MAX_DECODE_MB, decode
from tests.corpus import ANY, Case, cases, small
from tests.tiny_model import LABELS

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[Path, Case]:
    """Every case in a file; contents are not kept, as some are large."""
    folder = tmp_path_factory.mktemp("corpus")
    found = {}
    for case in cases():
        path = folder / case.name
        assert path not in found, case.name
        path.write_bytes(case.content)
        found[path] = Case(case.name, b"", case.answer, case.words)
    return found


def watched(paths: Iterable[Path], bundle: Path, *options: str) -> dict[Path, dict]:
    """What becomes of each, in a process that is watched."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.watched", bundle, *options],
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        timeout=300,  # a stall without work, such as the wait for a pipe; work itself is limited there
        cwd=ROOT,
    )
    found = {Path(each["path"]): each for each in map(json.loads, done.stdout.splitlines())}
    lost = [path.name for path in paths if path not in found]
    assert not lost, f"{lost[0]} ended the process ({done.returncode}): {done.stderr[-2000:]}"
    return found


@pytest.fixture(scope="module")
def answers(written, bundle) -> dict[Path, dict]:
    """Each file's, with simplejpeg for what it may decode."""
    return watched(written, bundle)


@pytest.fixture(scope="module")
def pillows(written, bundle) -> dict[Path, dict]:
    """Those of all that begin as a JPEG does, without simplejpeg: of others it sees nothing."""
    return watched([path for path in written if path.open("rb").read(2) == b"\xff\xd8"], bundle, "--without-simplejpeg")


def test_the_corpus_is_large_and_has_both_kinds(written):
    refused = [case for case in written.values() if case.answer is None]
    assert len(refused) >= 80
    assert len(written) - len(refused) >= 80


def test_each_file_ends_as_a_label_or_a_named_reason(written, answers):
    wrong = {}
    for path, case in written.items():
        label, error = answers[path]["label"], answers[path]["error"]
        if case.answer is None:
            right = label is None and error and case.words in error and re.fullmatch("expected .+, got .+; .+", error)
        else:
            right = error is None and label in (LABELS if case.answer == ANY else (case.answer,))
        if not right:
            wrong[case.name] = label or error
    assert wrong == {}


def test_each_jpeg_ends_the_same_with_simplejpeg_and_without(answers, pillows):
    assert len(pillows) >= 140
    ends = ("label", "error", "confidence")
    assert {path: [answers[path][end] for end in ends] for path in pillows} == {
        path: [each[end] for end in ends] for path, each in pillows.items()
    }


@pytest.mark.parametrize("way", ["answers", "pillows"])
def test_no_file_takes_more_memory_than_is_said(way, request):
    found = request.getfixturevalue(way)
    most = {path: MAX_DECODE_MB + 3 * path.stat().st_size / 1e6 for path in found}
    grown = {path: each["grown_kb"] * 1024 / 1e6 for path, each in found.items()}
    assert {path.name: grown[path] for path in found if grown[path] > most[path]} == {}
    # The largest do take a part of it: the measure is of something.
    assert max(grown.values()) > MAX_DECODE_MB / 2


def test_reading_is_the_same_every_time():
    """Nothing of a file that was read before is left in the decoder: twice the same, among others of all kinds."""
    first, second = ([_outcome(case.content) for case in small()] for _ in range(2))
    assert first == second


def _outcome(content: bytes) -> bytes | str:
    try:
        return decode(content, height_px=12, width_px=16).tobytes()
    except LeukoliteError as error:
        return str(error)
