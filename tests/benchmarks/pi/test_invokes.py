"""What is counted on the device, on this machine, where the marks are counted instead."""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.pi import invokes
from tests.environments import CHECKOUT


class Interpreter:
    """Notes when it is invoked."""

    def __init__(self, notes):
        self._notes = notes

    def invoke(self):
        self._notes.append("invoke")


def test_one_invoke_lies_between_two_marks_and_the_others_before(monkeypatch):
    notes = []
    monkeypatch.setattr(invokes, "opened", lambda path: notes.append(path) or Interpreter(notes))
    found = invokes.answer({"a": "1", "b": "2"}, before=2, mark=lambda: notes.append("mark"))
    assert found["counted"] == ["a", "b"]
    assert found["versions"].keys() == {"python", "ai-edge-litert", "numpy"}
    once = ["invoke", "invoke", "mark", "invoke", "mark"]
    assert notes == ["1", *once, "2", *once]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.float32])
def test_inputs_are_the_same_noise_in_every_run(dtype):
    class Given:
        def get_input_details(self):
            return [{"index": 3, "shape": np.array([1, 8, 8, 3]), "dtype": dtype}]

        def set_tensor(self, index, values):
            self.found = (index, values)

    one, other = Given(), Given()
    invokes.fill(one)
    invokes.fill(other)
    index, values = one.found
    assert (index, values.dtype, values.shape) == (3, dtype, (1, 8, 8, 3))
    assert (values == other.found[1]).all()
    assert len(np.unique(values)) > 80  # of 256


def test_as_a_program_it_takes_and_prints_json(bundle):
    done = subprocess.run(
        [sys.executable, "-P", CHECKOUT / "benchmarks" / "pi" / "invokes.py"], capture_output=True, text=True,
        input=json.dumps({"models": {"m": str(bundle)}, "before": 1}), timeout=120, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["counted"] == ["m"]
