"""A whole run with the tiny network and the peers that read it."""

from dataclasses import replace

import pytest

from benchmarks.__main__ import main
from benchmarks.peers import entrants, measure
from benchmarks.peers.entrants import Bundles
from benchmarks.peers.report import Report
from edge_runtime.files import write_json
from tests.benchmarks.peers.rows import report, row
from tests.tiny_model import CELL_SPEC, bundle_bytes, save


@pytest.fixture
def few(monkeypatch):
    """LiteRT and ONNX Runtime alone: what the others answer is tested where they are opened."""
    of_ours = entrants._of_our_network
    monkeypatch.setattr(
        entrants,
        "_of_our_network",
        lambda *a, **k: [c for c in of_ours(*a, **k) if c.seat.engine in {"LiteRT", "ONNX Runtime"}],
    )


@pytest.mark.usefixtures("few")
def test_all_are_measured_on_the_same_pictures(bundles, colored):
    settings = measure.Settings(pictures=4, repeats=2)
    found = measure.measure(bundles, data=colored, groups=None, mobilenets=None, settings=settings)
    ours, *others = found.rows
    assert (ours.engine, ours.kind, ours.times, ours.times_ci95) == ("leukolite", "int8", 1.0, (1.0, 1.0))
    # One of eight TEST pictures has a wrong label; tf2onnx loses the tiny network's bias, which only DARK needs.
    assert {row.accuracy for row in found.rows if row.engine != "ONNX Runtime"} == {7 / 8}
    assert {row.alike for row in others if row.engine == "LiteRT"} == {1.0}
    assert all(row.alike < 1 for row in others if row.engine == "ONNX Runtime"), "another answer must show"
    assert all(row.n == 8 and row.accuracy_ci95 is None for row in found.rows)
    for time in (*(each.invoke for each in found.rows), *(each.end_to_end for each in found.rows)):
        assert 0 < time.quartiles_ms[0] <= time.median_ms <= time.quartiles_ms[1]
    assert found.about["tested"]["n"] == 8


@pytest.mark.usefixtures("few")
def test_groups_give_intervals_and_every_second_picture_is_half(bundles, colored, tmp_path):
    groups = tmp_path / "groups.csv"
    paths = sorted(path.relative_to(colored) for path in colored.rglob("*.png"))
    groups.write_text("path,source,group\n" + "".join(f"{path},{path.stem},{path.stem}\n" for path in paths))
    settings = measure.Settings(pictures=1, repeats=1, every=2)
    found = measure.measure(bundles, data=colored, groups=groups, mobilenets=None, settings=settings)
    assert {row.n for row in found.rows} == {4}
    for each in found.rows:
        low, high = each.accuracy_ci95
        assert 0 <= low <= each.accuracy <= high <= 1


def test_classes_that_the_network_does_not_know_are_refused(bundles, colored, tmp_path, refused):
    for split in ("TRAIN", "TEST"):
        (tmp_path / split / "PURPLE").mkdir(parents=True)
        (tmp_path / split / "PURPLE" / "a.png").write_bytes(next(colored.rglob("RED0.png")).read_bytes())
    with refused("PURPLE"):
        measure.measure(bundles, data=tmp_path, groups=None, mobilenets=None)


@pytest.mark.parametrize("change", [{"stain_normalization": True}, {"red_cell_px": 20.0}])
def test_a_network_that_the_usual_pipeline_cannot_serve_is_refused(colored, tmp_path, refused, change):
    seen = replace(CELL_SPEC, **change)
    path = save(tmp_path / "model.tflite", bundle_bytes(input=seen))
    with refused("stain normalisation or ruler"):
        measure.measure(Bundles(path, path, None), data=colored, groups=None, mobilenets=None)


@pytest.mark.parametrize(("ms", "status"), [(2.0, 0), (1.2, 1)])
def test_the_command_tells_draws_and_fails_when_ours_does_not_lead(tmp_path, capsys, monkeypatch, ms, status):
    made = report(row("leukolite"), row("peer", ms=ms))
    monkeypatch.setattr(measure, "measure", lambda *given, **more: made)
    page, out = tmp_path / "page.md", tmp_path / "peers.json"
    page.write_text("<!-- figures:peers begin -->\n<!-- figures:peers end -->\n")
    assert main(["peers", "--data", "anywhere", "--out", str(out), "--readme", str(page)]) == status
    printed = capsys.readouterr()
    assert "| peer " in printed.out
    assert "| peer " in page.read_text()
    assert ("takes 1.20 times as long" in printed.err) == bool(status)
    assert out.with_suffix(".png").is_file()
    assert Report.load(out).to_json() == made.to_json()
    assert main(["peers", "--measured", str(out)]) == status
    assert capsys.readouterr().out == printed.out


def test_the_command_needs_data_or_what_was_measured(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(["peers"])
    write_json(tmp_path / "r.json", {})
    assert main(["peers", "--measured", str(tmp_path / "r.json")]) == 2
    assert "a report of `benchmarks peers`" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--pictures", "--repeats", "--every"])
def test_none_of_anything_is_refused(option, capsys):
    with pytest.raises(SystemExit):
        main(["peers", "--data", "anywhere", option, "0"])
    assert "0 is below 1" in capsys.readouterr().err


def test_the_command_trains_mobilenets_of_train(colored, tmp_path, capsys, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        "benchmarks.peers.mobilenets.train", lambda dataset, out, **more: asked.update(more, dataset=dataset, out=out)
    )
    assert main(["mobilenets", "--data", str(colored), "--out", str(tmp_path / "m"), "--epochs", "3"]) == 0
    assert (asked["dataset"].split, asked["settings"].epochs) == ("TRAIN", 3)
    assert capsys.readouterr().out == f"{tmp_path / 'm'}\n"
