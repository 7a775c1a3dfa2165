"""Contenders that take turns; and the three races of the runtime, small."""

import json
import time

import pytest

from benchmarks import cores, pipeline, race, size, start
from benchmarks.__main__ import main
from benchmarks.pipeline import FLOOR, OURS, USUAL
from edge_runtime.classifier import SHIPPED_MODEL, Classifier
from edge_runtime.sample import sample_jpeg
from tests.tiny_model import CELL_SPEC, bundle_bytes, save

PROVENANCE = {"platform": {"cpu": "a processor"}}


@pytest.fixture
def photographs(tmp_path):
    """A data set of two TEST images that show a stained cell."""
    folder = tmp_path / "data" / "TEST" / "RED"
    folder.mkdir(parents=True)
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(sample_jpeg())
    return tmp_path / "data"


def test_each_begins_as_often_as_the_others_and_gets_every_round():
    done = []
    contenders = {name: lambda given, name=name: done.append(name) or given for name in "abc"}
    found = race.run(contenders, [1.0, 2.0, 4.0], unit="nothing", about={})
    assert "".join(done) == "abc" + "bca" + "cab"
    assert found.samples_ms == dict.fromkeys("abc", (1.0, 2.0, 4.0))
    assert found.to_json()["medians_ms"] == dict.fromkeys("abc", 2.0)


def test_a_drawn_order_lets_each_follow_each():
    done = []
    contenders = {name: lambda given, name=name: done.append(name) or given for name in "abc"}
    found = race.run(contenders, [1.0] * 60, unit="nothing", about={}, seed=1)
    rounds = ["".join(done[start : start + 3]) for start in range(0, 180, 3)]
    assert {"".join(sorted(each)) for each in rounds} == {"abc"}
    assert len(set(rounds)) == 6
    assert {name: len(each) for name, each in found.samples_ms.items()} == dict.fromkeys("abc", 60)


@pytest.mark.parametrize(("load", "busy"), [(0.1, False), (7.5, True)])
def test_a_busy_machine_is_said(load, busy):
    state = {"load_1min_at_start": load, "cpus": 2}
    assert ("busy" in race.remark({"provenance": PROVENANCE, "machine_state": state})) is busy


def test_waiting_takes_no_processor_time():
    assert race.thread_ms(time.sleep)(0.2) < 100


@pytest.mark.parametrize("view", ["field", "cell"])
def test_pipeline_measures_the_three_and_they_do_the_work(photographs, tmp_path, view):
    content = bundle_bytes(input=CELL_SPEC) if view == "cell" else bundle_bytes()
    path = save(tmp_path / "model.tflite", content)
    found = pipeline.measure([path], data=photographs, images=2, repeats=2)
    (one,) = found["races"].values()
    assert (one["about"]["view"], one["about"]["pictures"]) == (view, 2)
    assert {name: len(each) for name, each in one["samples_ms"].items()} == {OURS: 4, USUAL: 4, FLOOR: 4}
    assert one["about"]["simplejpeg"] is True
    assert f" {view} " in pipeline.to_markdown(found)


def test_the_usual_way_gives_our_label_on_a_clear_picture():
    content, classifier = sample_jpeg(), Classifier()
    assert pipeline.usual_way(classifier)(content) == classifier.classify(content).top_label


def test_the_floor_is_one_invoke_a_cell(tmp_path, monkeypatch):
    classifier = Classifier(save(tmp_path / "model.tflite", bundle_bytes(input=CELL_SPEC))).load()
    content, invoked = sample_jpeg(), []
    monkeypatch.setattr(classifier.model._interpreter, "invoke", lambda: invoked.append(1))
    pipeline.floor(classifier, {content: 3})(content)
    assert len(invoked) == 3


def test_commands_write_their_files_and_the_readme(photographs, bundle, tmp_path):
    page = tmp_path / "README.md"
    names = ("start", "cores", "size", "pipeline")
    page.write_text("".join(f"<!-- figures:{name} begin --><!-- figures:{name} end -->\n" for name in names))
    data = ["--models", str(bundle), "--data", str(photographs), "--images", "2"]
    options = {"start": ["--rounds", "1"], "cores": [*data, "--rounds", "2"], "pipeline": [*data, "--repeats", "1"]}
    found = {}
    for name, given in options.items():
        out = tmp_path / f"{name}.json"
        assert main([name, "--out", str(out), *given, "--readme", str(page)]) == 0
        (found[name],) = json.loads(out.read_text())["races"].values()
    assert main(["size", "--readme", str(page)]) == 0
    assert set(found["start"]["samples_ms"]) == {start.IMPORTS, start.CLASSIFY, start.PILLOW}
    assert {name: len(each) for name, each in found["cores"]["samples_ms"].items()} == {cores.ONE: 2, cores.ALL: 2}
    assert all(words in page.read_text() for words in (start.CLASSIFY, "times as fast", "**together**", FLOOR))


def test_sizes_are_of_what_is_installed():
    found = size.measure()
    assert {"leukolite", "numpy", "pillow", "ai-edge-litert", "simplejpeg"} <= set(found)
    assert found["leukolite"] > SHIPPED_MODEL.stat().st_size
    assert found["numpy"] > 10_000_000
    assert "pytest" not in found
