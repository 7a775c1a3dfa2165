from collections import defaultdict

import pytest

from edge_runtime.classifier import NAMED
from edge_runtime.options import build_parser, model_path


@pytest.mark.parametrize("name", NAMED)
def test_a_name_is_a_model_in_the_package(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert model_path(name) == str(NAMED[name])
    assert NAMED[name].is_file()


def test_a_file_of_that_name_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "field").touch()
    assert model_path("field") == "field"


@pytest.mark.parametrize("given", ["other", "./portable", "models/field", ""])
def test_any_other_path_is_what_it_is(given):
    assert model_path(given) == given


@pytest.mark.parametrize(
    "words",
    [
        ["classify", "x.jpg", "-m"],
        ["evaluate", "--data", ".", "--report", "r.json", "-m"],
        ["bench", "-m"],
        ["bulk", "in", "out", "-m"],
        ["adapt", "--data", ".", "-o", "new.tflite", "-m"],
        ["info"],
    ],
    ids=lambda words: words[0],
)
def test_every_command_knows_the_names(words):
    calls = defaultdict(lambda: print)
    assert build_parser(calls).parse_args([*words, "portable"]).model == str(NAMED["portable"])
