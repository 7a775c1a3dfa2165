from dataclasses import fields
from pathlib import Path

import pytest

from benchmarks.config import PRESETS, Preset, Settings, by_role, numbers
from edge_runtime.classifier import SHIPPED_MODEL, SHIPPED_REFERENCE


def test_the_shipped_models_are_measured_on_one_thread_by_default():
    settings = Settings()
    assert (settings.int8_model, settings.float32_model, settings.num_threads) == (SHIPPED_MODEL, SHIPPED_REFERENCE, 1)


def test_presets_are_settings_and_ever_more_thorough():
    assert {each.name for each in fields(Preset)} <= {each.name for each in fields(Settings)}
    rapid, normal, rigorous = (PRESETS[name] for name in ("rapid", "normal", "rigorous"))
    for name in ("repetitions", "num_runs", "min_seconds", "warmup_seconds", "process_runs"):
        assert getattr(rapid, name) <= getattr(normal, name) <= getattr(rigorous, name)
    assert (rigorous.min_seconds, normal.num_runs, normal.min_seconds, normal.warmup_seconds) == (10.0, 50, 1.0, 0.5)


def test_bundles_are_called_by_their_files():
    paths = [Path("x/leukolite-float16.tflite"), Path("y/mine.tflite")]
    assert by_role(Path("a.tflite"), None, paths) == {"int8": Path("a.tflite"), "float16": paths[0], "mine": paths[1]}


@pytest.mark.parametrize(
    ("given", "role", "file"),
    [
        ("cell-int8=x/leukolite-int8.tflite", "cell-int8", "x/leukolite-int8.tflite"),
        ("a=b.tflite", "a", "b.tflite"),
        ("x/a=b.tflite", "a=b", "x/a=b.tflite"),  # part of a path is no name
    ],
)
def test_bundles_may_be_given_names(given, role, file):
    assert by_role(None, None, [Path(given)]) == {role: Path(file)}


@pytest.mark.parametrize(
    ("bundles", "match"),
    [
        ((None, None, []), "got none; name some with --bundle"),
        ((Path("a"), None, [Path("leukolite-int8.tflite")]), "got two named int8; name one as NAME=FILE"),
        ((None, None, [Path("a/m.tflite"), Path("b/m.tflite")]), "got two named m; name one as NAME=FILE"),
        ((None, None, [Path("none=a.tflite")]), "got one named none, as what is measured without a model; name it as"),
    ],
)
def test_bundles_that_cannot_be_told_apart_are_refused(refused, bundles, match):
    with refused(match):
        by_role(*bundles)


@pytest.mark.parametrize(("text", "found"), [("", ()), ("2", (2,)), ("2,4", (2, 4))])
def test_numbers(text, found):
    assert numbers(text) == found


@pytest.mark.parametrize("text", ["two", "2;4", "2.5"])
def test_what_are_no_numbers_is_refused(refused, text):
    with refused("comma-separated whole numbers"):
        numbers(text)


@pytest.mark.parametrize("name", ["num_threads", "num_runs", "min_seconds", "repetitions", "process_runs"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_what_cannot_be_measured_with_is_refused(refused, name, value):
    with refused(name):
        Settings(**{name: value})


def test_more_threads_that_are_none_are_refused(refused):
    with refused("more_threads to be above 0, got 0"):
        Settings(more_threads=(2, 0))
