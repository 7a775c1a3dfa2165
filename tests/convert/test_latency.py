import time

import pytest

from convert import latency
from convert.latency import invoke_ratios
from tests import tiny_model


class Sleeper:
    """A model that takes as long as its bytes say, by a clock of its own."""

    now_s = 0.0
    height_px = width_px = 2

    def __init__(self, content):
        self.seconds = content[0]

    def invoke(self, _picture):
        Sleeper.now_s += self.seconds


def test_ratios_are_of_medians_to_the_base(monkeypatch):
    monkeypatch.setattr(latency, "Model", Sleeper)
    monkeypatch.setattr(time, "perf_counter", lambda: Sleeper.now_s)
    assert invoke_ratios({"a": b"\x02", "b": b"\x01", "c": b"\x08"}, base="a") == {"a": 1, "b": 0.5, "c": 4}


def test_real_models_take_some_time():
    contents = {kind: tiny_model.model_bytes(quantized=kind == "int8") for kind in ("int8", "float32")}
    ratios = invoke_ratios(contents, base="float32")
    assert ratios["float32"] == 1
    assert ratios["int8"] > 0


def test_the_base_is_one_of_them():
    with pytest.raises(KeyError):
        invoke_ratios({"a": tiny_model.model_bytes()}, base="b")
