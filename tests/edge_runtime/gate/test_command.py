"""`leukolite gate` and the files that it writes."""

import json

import junitparser
import pytest

from tests.edge_runtime.conftest import one_line
from tests.edge_runtime.gate.made import made


@pytest.fixture
def reports(tmp_path):
    """Files of a candidate that fails and of its reference, as options."""
    made(95, 70, 92, n=100).save(tmp_path / "c.json")
    made(95, 95, 95, n=100).save(tmp_path / "r.json")
    return ["--candidate", tmp_path / "c.json", "--reference", tmp_path / "r.json"]


def test_every_format_is_written_and_agrees(leukolite, reports, tmp_path):
    names = ("json", "junit", "markdown", "html")
    options = [part for name in names for part in (f"--{name}", tmp_path / f"out.{name}")]
    status, out, errors = leukolite("gate", *reports, *options)
    assert (status, errors) == (1, [])
    last = out.splitlines()[-1]
    verdict = json.loads((tmp_path / "out.json").read_text())
    assert verdict["verdict"] == "FAIL"
    assert last.startswith("gate: FAIL (14 rules")
    assert len(list(next(iter(junitparser.JUnitXml.fromfile(tmp_path / "out.junit"))))) == 14
    for name in ("markdown", "html"):
        text = (tmp_path / f"out.{name}").read_text()
        assert last in text
        assert "m.tflite (int8_qat), SHA-256 model" in text


def test_the_job_s_summary_is_added_to(leukolite, reports, tmp_path, monkeypatch):
    (tmp_path / "summary").write_text("# another step\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    leukolite("gate", *reports)
    text = (tmp_path / "summary").read_text()
    assert text.startswith("# another step\n## ❌ gate: FAIL")


def test_a_summary_that_cannot_be_written_is_one_line(leukolite, reports, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    status, _, errors = leukolite("gate", *reports)
    assert status == 2
    assert one_line(errors, "GITHUB_STEP_SUMMARY")


def test_the_page_shows_the_images_of_data_and_refuses_others(
    leukolite, bundle, float_bundle, colors, picture, tmp_path
):
    for name, model in (("c.json", bundle), ("r.json", float_bundle)):
        leukolite("evaluate", "--data", colors, "--report", tmp_path / name, model=model)
    options = ["--candidate", tmp_path / "c.json", "--reference", tmp_path / "r.json", "--html", tmp_path / "p.html"]
    assert leukolite("gate", *options, "--data", colors)[0] == 1
    assert "Another label than before: 0 images" in (tmp_path / "p.html").read_text()
    (tmp_path / "p.html").unlink()
    picture("colors/TEST/RED/new.png")
    status, out, errors = leukolite("gate", *options, "--data", colors)
    assert (status, out) == (2, "")
    assert one_line(errors, "the images of the reports")
    assert not (tmp_path / "p.html").exists()
