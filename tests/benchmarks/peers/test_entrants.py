from dataclasses import replace

import pytest

from benchmarks.peers import entrants, exchange
from benchmarks.peers.entrants import FLOAT32, INT8, OURS, Bundles, enter
from edge_runtime.files import write_json
from edge_runtime.sample import sample_jpeg
from tests.tiny_model import LABELS


@pytest.fixture
def field(bundles, shown, scratch, until):
    """Enters with what is given."""
    return lambda **given: enter(
        **{"bundles": bundles, "mobilenets": None, "pictures": shown, "scratch": scratch, "until": until} | given
    )


@pytest.fixture
def readers(monkeypatch):
    """Only LiteRT reads, and ONNX Runtime and MediaPipe are missing: each has tests of its own."""

    def missing(*given, **more):
        raise ModuleNotFoundError("no such package here")

    monkeypatch.setattr(entrants, "_READERS", entrants._READERS[:1])
    monkeypatch.setattr(exchange, "to_onnx", missing)
    monkeypatch.setattr(entrants.engines, "mediapipe", missing)


def test_all_that_is_installed_takes_part_ours_first(field):
    found = field()
    names = [entrant.seat.name for entrant in found.entrants]
    assert names[:2] == ["leukolite int8", "leukolite float32"]
    for engine in ("LiteRT", "TensorFlow", "OpenVINO", "MediaPipe", "ONNX Runtime"):
        assert {f"{engine} {OURS} {kind}" for kind in (INT8, FLOAT32)} <= set(names), engine
    assert set(found.left_out) == {"MobileNets", *(f"tflite-runtime {OURS} {kind}" for kind in (INT8, FLOAT32))}
    answers = {entrant.seat.name: entrant.answer(sample_jpeg()) for entrant in found.entrants}
    assert set(answers.values()) <= set(LABELS)


@pytest.mark.usefixtures("readers")
def test_who_is_missing_or_fails_is_left_out_with_the_reason(field, monkeypatch):
    def broken(model):
        raise RuntimeError("cannot run it\nat all")

    monkeypatch.setattr(entrants, "_READERS", (*entrants._READERS, ("Broken", "numpy", broken)))
    found = field()
    assert {entrant.seat.engine for entrant in found.entrants} == {OURS, "LiteRT"}
    assert found.left_out["MediaPipe leukolite int8"] == "ModuleNotFoundError: no such package here"
    assert found.left_out["ONNX Runtime leukolite float32"] == "ModuleNotFoundError: no such package here"
    assert found.left_out["Broken leukolite int8"].startswith("RuntimeError: cannot run it")


@pytest.mark.usefixtures("readers")
def test_a_package_that_cannot_tell_its_version_is_left_out(field, monkeypatch):
    (litert,) = entrants._READERS
    monkeypatch.setattr(entrants, "_READERS", (("LiteRT", "no-such-package", litert[2]),))
    found = field()
    assert {entrant.seat.engine for entrant in found.entrants} == {OURS}
    assert "no-such-package" in found.left_out["LiteRT leukolite int8"]


@pytest.mark.usefixtures("readers")
def test_mobilenets_are_read_from_their_folder(field, bundles, tmp_path, monkeypatch):
    folder = tmp_path / "mobilenets"
    folder.mkdir()
    write_json(folder / "mobilenets.json", {"labels": list(LABELS), "networks": {}})
    small = replace(entrants.MOBILENETS[0], side_px=8)
    monkeypatch.setattr(entrants, "MOBILENETS", (small,))
    (folder / f"{small.stem}-int8.tflite").write_bytes(bundles.int8.read_bytes())
    found = field(mobilenets=folder)
    last = found.entrants[-1]
    assert last.seat.name == f"LiteRT {small.name} int8"
    assert last.pixels(sample_jpeg()).shape == (8, 8, 3)
    assert last.seat.describe()["size_bytes"] == bundles.int8.stat().st_size
    assert f"LiteRT {small.name} float32" in found.left_out


def test_our_own_bundles_must_be_there(field, tmp_path, refused):
    with refused():
        field(bundles=Bundles(tmp_path / "none.tflite", tmp_path / "none.tflite", None))


def test_another_folder_is_no_mobilenets(field, tmp_path, refused):
    write_json(tmp_path / "mobilenets.json", {})
    with refused("benchmarks mobilenets"):
        field(mobilenets=tmp_path)
