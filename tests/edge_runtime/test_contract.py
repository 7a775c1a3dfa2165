"""What scripts and CI jobs depend on: the names of commands and options, and what `classify` answers."""

import json
import math
import re

import pytest

from edge_runtime.__main__ import build_parser
from tests.tiny_model import LABELS, bundle_bytes

PROMISED = {
    "classify": {"-m", "--format", "-o", "-t", "-k", "--num-threads"},
    "evaluate": {"-m", "--data", "--split", "--report", "--predictions", "--groups"},
    "gate": {"--candidate", "--reference", "--policy", "--json", "--junit", "--markdown", "--html"},
    "info": set(),
    "bench": {"-m", "--num-runs", "--warmup-runs", "--min-secs", "--num-threads", "--result-json"},
    "doctor": {"--json"},
    "bulk": {"-m"},
    "completion": set(),
}
FORMS = ("table", "json", "jsonl", "csv")


@pytest.mark.parametrize("command", PROMISED)
def test_every_option_that_is_promised_is_there(command):
    commands = build_parser()._subparsers._group_actions[0].choices
    assert set(commands[command]._option_string_actions) >= PROMISED[command] | {"--debug", "--help"}


@pytest.fixture
def answers(leukolite, picture, tmp_path):
    """What `classify` says of a red, a doubtful and a broken picture."""
    (tmp_path / "broken.png").touch()
    paths = [picture("red.png"), picture("dark.png", color="DARK"), tmp_path / "broken.png"]
    return lambda *arguments: leukolite("classify", *paths, *arguments)


def test_an_object_of_the_contract(answers):
    status, out, errors = answers("--format", "jsonl", "-t", "0.9")
    red, dark, broken = map(json.loads, out.splitlines())
    assert (status, len(errors)) == (1, 1)
    assert [row["path"].rpartition("/")[2] for row in (red, dark, broken)] == ["red.png", "dark.png", "broken.png"]
    assert [row["label"] for row in (red, dark, broken)] == ["RED", None, None]
    assert [row["abstained"] for row in (red, dark, broken)] == [False, True, False]
    assert [row["error"] is None for row in (red, dark, broken)] == [True, True, False]
    assert "\n" not in broken["error"]
    for row in (red, dark):
        assert set(row["probabilities"]) == set(LABELS)
        assert row["confidence"] == max(row["probabilities"].values())
        times = row["latency_ms"]
        assert set(times) == {"decode", "invoke", "total"}
        assert math.isclose(times["decode"] + times["invoke"], times["total"])
    assert (broken["confidence"], broken["probabilities"], broken["latency_ms"]) == (None, {}, None)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_holds_what_would_have_been_printed(answers, tmp_path, monkeypatch, form):
    _, printed, _ = answers("--format", form)
    monkeypatch.setenv("FORCE_COLOR", "1")  # is for what is looked at, not for a file
    status, out, _ = answers("--format", form, "-o", tmp_path / "out")
    assert (status, out) == (1, "")
    assert without_times((tmp_path / "out").read_text()) == without_times(printed)


def without_times(text: str) -> str:
    """The same whenever it was measured."""
    return re.sub(r"[0-9]+\.[0-9]+(e-?[0-9]+)?", "#", re.sub(r" +", " ", text))


def test_json_is_the_list_of_the_lines(answers):
    listed, lines = answers("--format", "json")[1], answers("--format", "jsonl")[1].splitlines()
    names = ("path", "label", "confidence", "probabilities", "abstained", "error")
    assert [[row[name] for name in names] for row in json.loads(listed)] == [
        [json.loads(line)[name] for name in names] for line in lines
    ]


def test_the_table_is_the_default(answers):
    assert without_times(answers()[1]) == without_times(answers("--format", "table")[1])


def test_a_label_is_given_from_the_threshold_on(leukolite, picture):
    path = picture("dark.png", color="DARK")
    confidence = json.loads(leukolite("classify", path, "--format", "jsonl")[1])["confidence"]
    for threshold, label in ((confidence, "DARK"), (confidence + 1e-6, None), (0, "DARK"), (1, None)):
        row = json.loads(leukolite("classify", path, "--format", "jsonl", "-t", threshold)[1])
        assert (row["label"], row["abstained"], row["confidence"]) == (label, label is None, confidence)


def test_the_card_s_threshold_holds_unless_another_is_given(leukolite, picture, tmp_path):
    (tmp_path / "strict.tflite").write_bytes(bundle_bytes(abstain_below=0.99))
    ask = ("classify", picture("dark.png", color="DARK"), "--format", "jsonl")
    assert json.loads(leukolite(*ask, model=tmp_path / "strict.tflite")[1])["abstained"]
    assert not json.loads(leukolite(*ask, "-t", "0", model=tmp_path / "strict.tflite")[1])["abstained"]


@pytest.mark.parametrize("count", [1, 2, 4, 9])
def test_the_most_probable_come_first(leukolite, picture, count):
    path = picture("dark.png", color="DARK")
    shown = json.loads(leukolite("classify", path, "--format", "jsonl", "-k", count)[1])["probabilities"]
    assert len(shown) == min(count, len(LABELS))
    assert list(shown.values()) == sorted(shown.values(), reverse=True)
    assert next(iter(shown)) == "DARK"
