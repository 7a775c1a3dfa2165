"""What is counted on the device, on this machine, where the calls are counted instead."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from benchmarks.pi.stages import answer, stages
from edge_runtime import Classifier
from edge_runtime.files import sha256
from edge_runtime.sample import sample_jpeg
from tests.environments import CHECKOUT

CELL = CHECKOUT / "reports" / "cell" / "bundles" / "leukolite-int8.tflite"


def test_each_stage_is_called_as_often_as_asked_and_marked_before_and_after(bundle, monkeypatch):
    called = Counter()
    monkeypatch.setattr(
        "benchmarks.pi.stages.stages", lambda classifier, content: {"a": lambda: called.update("a"), "b": lambda: None}
    )
    seen = []
    found = answer({"m": bundle}, picture=None, times={"a": [2, 3], "b": [1, 0]}, mark=lambda: seen.append(called["a"]))
    assert seen == [2, 5, 5, 5]
    assert found["counted"] == [["m", "a"], ["m", "b"]]
    assert found["models"] == {"m": {"sha256": sha256(bundle.read_bytes()), "variant": "int8_ptq", "view": "field"}}
    assert found["picture_sha256"] == sha256(sample_jpeg())
    assert found["versions"].keys() == {"python", "ai-edge-litert", "numpy", "pillow"}


def test_the_stages_lead_from_the_picture_to_the_answer():
    classifier, content = Classifier(CELL), sample_jpeg()
    calls = stages(classifier, content)
    assert calls["decode"]().pixels.shape == (240, 320, 3)
    crops, cells = calls["locate"]()
    assert len(crops) == len(cells) == 1
    assert calls["invoke"]().tolist() == classifier.model.invoke(crops[0]).tolist()
    assert calls["end_to_end"]().probabilities == classifier.classify(content).probabilities


def test_a_picture_without_a_cell_is_refused(picture, refused):
    with refused("expected a picture with one stained cell, got 0; "):
        stages(Classifier(CELL), picture("a.png", color="DARK").read_bytes())


@pytest.mark.parametrize("own", [True, False])
def test_as_a_program_it_takes_and_prints_json(bundle, picture, own):
    path = picture("a.png")
    request = {"models": {"m": str(bundle)}, "picture": str(path) if own else None}
    request["times"] = {stage: [0, 1] for stage in ("decode", "locate", "invoke", "end_to_end")}
    done = subprocess.run(
        [sys.executable, "-P", CHECKOUT / "benchmarks" / "pi" / "stages.py"], input=json.dumps(request),
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert [stage for _, stage in found["counted"]] == ["decode", "locate", "invoke", "end_to_end"]
    assert found["picture_sha256"] == sha256(path.read_bytes() if own else sample_jpeg())
