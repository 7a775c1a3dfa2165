"""Everything once, with the tiny model and boards that are made up."""

import pytest

from benchmarks.roofline import measure, picture, shapes
from benchmarks.roofline.counted import Counts
from benchmarks.roofline.report import Report
from benchmarks.roofline.tables import figures
from edge_runtime.card import read_model
from edge_runtime.files import write_json
from tests import tiny_model

CALL, EACH = 1000, 7


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """The tiny model as int8 and float32, by name."""
    folder = tmp_path_factory.mktemp("bundles")
    content = {variant: tiny_model.bundle_bytes(variant=variant) for variant in ("int8_ptq", "float32")}
    return {variant: tiny_model.save(folder / f"{variant}.tflite", each) for variant, each in content.items()}


@pytest.fixture
def board(monkeypatch):
    """A board on which a call takes CALL instructions and every byte of a model EACH more; one candidate."""

    def count(models, *, boards, folder, tell):
        del folder, tell
        taken = {name: CALL + EACH * len(content) for name, content in models.items()}
        taken[measure.CALL] = CALL
        return {name: Counts("Raspberry Pi 4", "cortex-a72", {"qemu": "7"}, taken) for name in boards}

    content = shapes.Chain(4, 3).convolution(8).finish()
    monkeypatch.setattr(measure, "count", count)
    monkeypatch.setattr(shapes, "sweep", lambda: [("network", "--widths 8", content)])
    return content


def test_machine_models_and_boards(bundles, board, tmp_path):
    found = measure.measure(bundles, rounds=2, boards=["pi-4"], folder=tmp_path)
    assert [network.kind for network in found.networks] == ["int8", "float32"]
    for network in found.networks:
        assert sum(layer.times * layer.multiply_adds for layer in network.layers) == network.whole.multiply_adds == 12
        assert network.whole.instructions["pi-4"] == EACH * len(read_model(bundles[network.name]))
    assert {kind: peak.gmacs > 0 for kind, peak in found.peaks.items()} == {"int8": True, "float32": True}
    assert found.peaks["int8"].per_multiply_add["pi-4"] > 0
    (candidate,) = found.candidates
    assert (candidate.multiply_adds, candidate.parameters) == (16 * 9 * 3 * 8, 9 * 3 * 8 + 8)
    assert candidate.instructions == {"pi-4": EACH * len(board)}
    assert found.boards["pi-4"].call_instructions == CALL
    assert found.bandwidths.keys() == {"second cache", "memory"}
    write_json(tmp_path / "r.json", found.to_json())
    assert figures(Report.load(tmp_path / "r.json")) == figures(found)
    picture.draw(found, tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")


def test_what_multiplies_other_numbers_is_refused(monkeypatch, bundles, tmp_path, refused):
    monkeypatch.setattr(measure, "multiplied", lambda content: "FLOAT16")
    with refused("int8_ptq.tflite to multiply int8 or float32, got FLOAT16; "):
        measure.measure(bundles, rounds=1, boards=[], folder=tmp_path)


def test_a_model_that_is_missing_is_refused(tmp_path, refused):
    with refused("none.tflite"):
        measure.measure({"a": tmp_path / "none.tflite"}, rounds=1, boards=[], folder=tmp_path)
