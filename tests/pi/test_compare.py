"""Every way in which a device can be wrong is told, and what is right is not."""

from copy import deepcopy

import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge_runtime.card import read_model
from edge_runtime.classifier import SHIPPED_MODEL
from edge_runtime.golden import golden_input
from edge_runtime.model import Model
from tests.pi import compare
from tests.pi.answers import record

CROP = {"pixels": "ab", "maps": ["ef"], "network": [-9, 7], "output": [24, 232]}
CELL = {"label": "B", "abstained": False, "box": {"left": 1, "top": 2, "right": 3, "bottom": 4}}
PREDICTION = {"label": "B", "abstained": False, "error": None, "cells": [CELL]}
EXPECTED = {
    "m": {"sha256": "12", "uses_delegate": True, "pictures": {"p.jpg": {"prediction": PREDICTION, "crops": [CROP]}}}
}
ROW = {
    "machine": "aarch64", "cpu": "Pi", "python": "3.11.2", "ai-edge-litert": "2.3.0", "numpy": "1.24.4",
    "pillow": "10.4.0", "uses_delegate": True, "golden": True, "tried": "2026-01-02", "model_sha256": "0",
}  # fmt: skip
DIAGNOSIS = {
    "fit": True,
    "checks": [{"name": name, "status": "ok", "found": "f"} for name in compare.NEEDED]
    + [{"name": "governor", "status": "warn", "found": "not known"}],
}


def changed(original, *keys, to):
    """A copy with one value replaced; the keys lead to it."""
    copy = deepcopy(original)
    place = copy
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = to
    return copy


PICTURE = ("m", "pictures", "p.jpg")


def test_the_same_is_no_difference_and_a_step_after_softmax_is_counted():
    assert list(compare.answers(EXPECTED, deepcopy(EXPECTED))) == []
    step = changed(EXPECTED, *PICTURE, "crops", 0, "output", to=[24, 233])
    assert list(compare.answers(EXPECTED, step)) == []
    assert compare.summary(EXPECTED, EXPECTED).startswith("1 answers of 1 networks equal to the bit, 0 a step off")
    assert compare.summary(EXPECTED, step).endswith("1 a step off after SOFTMAX")


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ((*PICTURE, "crops", 0, "network"), [-9, 6], "m, p.jpg: network [-9, 6], expected [-9, 7]"),
        ((*PICTURE, "crops", 0, "maps"), ["01"], "m, p.jpg: maps ['01'], expected ['ef']"),
        ((*PICTURE, "crops", 0, "output"), [24, 234], "m, p.jpg: output [24, 234], expected [24, 232]"),
        ((*PICTURE, "crops", 0, "output"), [22, 232], "m, p.jpg: output [22, 232], expected [24, 232]"),
        ((*PICTURE, "crops", 0, "output"), [24], "m, p.jpg: output [24], expected [24, 232]"),
        ((*PICTURE, "crops", 0, "pixels"), "cd", "m, p.jpg: pixels cd, expected ab"),
        ((*PICTURE, "crops"), [], "m, p.jpg: 0 cells, expected 1"),
        ((*PICTURE, "prediction", "label"), "A", 'm, p.jpg: prediction {"label": "A"'),
        ((*PICTURE, "prediction", "cells"), [], 'm, p.jpg: prediction {"label": "B"'),
        ((*PICTURE, "prediction", "cells", 0, "box", "left"), 2, "m, p.jpg: prediction"),
        (("m", "sha256"), "34", "m: another model, SHA-256 34 and not 12"),
        (("m", "uses_delegate"), False, "m: XNNPACK was not applied there"),
        (("m", "pictures"), {}, "m: 0 pictures, expected 1"),
        (("m", "pictures", "q.jpg"), {}, "m: 2 pictures, expected 1"),
        (("n",), {}, "answers of the models m, n, expected of m"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(keys, value, said):
    (line,) = compare.answers(EXPECTED, changed(EXPECTED, *keys, to=value))
    assert line.startswith(said)
    assert "\n" not in line


def test_an_empty_comparison_is_none():
    assert len(list(compare.answers({}, {}))) == 1
    nothing = changed(EXPECTED, "m", "pictures", to={})
    assert len(list(compare.answers(nothing, nothing))) == 1


def test_xnnpack_must_be_at_work_on_both_sides():
    without = changed(EXPECTED, "m", "uses_delegate", to=False)
    assert list(compare.answers(without, without)) == ["m: XNNPACK was not applied here"]


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("checks", 1, "status"), "fail", ["doctor: XNNPACK fail: f"]),
        (("checks", 2, "status"), "warn", ["doctor: golden warn: f"]),
        (("checks",), DIAGNOSIS["checks"][1:], ["doctor has no line 64-bit"]),
        (("fit",), False, ["doctor says not fit: nothing fails"]),
    ],
)
def test_doctor_must_find_the_device_fit_and_xnnpack_and_golden_ok(keys, value, said):
    assert list(compare.doctor(DIAGNOSIS)) == []
    assert list(compare.doctor(changed(DIAGNOSIS, *keys, to=value))) == said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("numpy", "1.24.3", "not in edge_runtime/tested.jsonl; if it is good, add {"),
        ("machine", "x86_64", "not in edge_runtime/tested.jsonl"),
        ("golden", False, "trial: golden is False"),
        ("uses_delegate", False, "trial: uses_delegate is False"),
    ],
)
def test_a_trial_must_be_one_that_is_kept(name, value, said):
    assert list(compare.trial({**ROW, "tried": "later", "model_sha256": "1"}, [ROW])) == []
    (line,) = compare.trial({**ROW, name: value}, [ROW])
    assert line.startswith(said)


def test_a_kept_failure_is_no_excuse():
    assert list(compare.trial({**ROW, "golden": False}, [{**ROW, "golden": False}])) == ["trial: golden is False"]


def test_answers_without_xnnpack_are_told(monkeypatch):
    """Other kernels run then, on any processor."""

    def answered():
        model = Model(read_model(SHIPPED_MODEL))
        crops = record(model, explaining=model)
        model.invoke(golden_input(height_px=model.height_px, width_px=model.width_px))
        pictures = {"p": {"prediction": PREDICTION, "crops": crops}}
        return {"m": {"sha256": "12", "uses_delegate": model.uses_delegate, "pictures": pictures}}

    expected = answered()
    assert list(compare.answers(expected, answered())) == []

    def without(**options):
        resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        return Interpreter(**{**options, "experimental_op_resolver_type": resolver})

    monkeypatch.setattr("edge_runtime.model.Interpreter", without)
    delegate, network = compare.answers(expected, answered())
    assert delegate == "m: XNNPACK was not applied there"
    assert network.startswith("m, p: network [")
