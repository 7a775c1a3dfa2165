import numpy as np
import pytest
from PIL import Image

from benchmarks import figures
from edge_runtime.gate import judge
from edge_runtime.report import summarize


def dark_share(path):
    """Share of pixels that are no background."""
    with Image.open(path) as picture:
        return float((np.asarray(picture.convert("L")) < 250).mean())


@pytest.fixture
def reports(evaluation):
    return {"int8": evaluation(), "float32": evaluation("float32")}


def test_a_better_model_is_drawn_otherwise(reports, evaluation, tmp_path):
    verdict = judge(*reports.values())
    figures.draw_rates(reports, verdict, tmp_path / "a.png")
    figures.draw_rates({**reports, "int8": evaluation(misses=4)}, verdict, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_a_class_without_samples_and_a_report_without_groups_can_be_drawn(reports, tmp_path):
    whole = reports["int8"]
    parts = {name: getattr(whole, name) for name in ("labels", "model", "data", "provenance")}
    one = summarize(whole.predictions[:10], groups=None, **parts)
    figures.draw_rates({"int8": one, "float32": one}, judge(*reports.values()), tmp_path / "rates.png")
    assert dark_share(tmp_path / "rates.png") > 0
