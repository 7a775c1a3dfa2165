import json

import numpy as np
import pytest

from tests.train.answers import LABELS, QAT, run, write_runs
from train.compare import compare
from train.comparison_table import compare_runs, markdown


def test_markdown_tables_are_whole():
    text = markdown(compare([run(labels=("A|B", "B", "C"))]))
    tables = [block for block in text.split("\n\n") if block.startswith("| ")]
    assert len(tables) == 5
    for table in tables:
        assert len({line.replace(r"\|", "").count("|") for line in table.splitlines()}) == 1, table
    assert "optimistic" in text
    assert text.count(f"| {QAT} | PTQ |") == 2  # McNemar at both operating points


@pytest.mark.parametrize(("qat", "said"), [(0.95, "worth it"), (0.3, "worse than not"), (0.6, "worth nothing")])
def test_page_says_plainly_what_qat_is_worth(qat, said):
    comparison = compare([run(ptq=0.6, qat=qat)])
    assert [said in verdict for verdict in comparison.verdicts] == [True, True]
    assert all(f"- {verdict}" in markdown(comparison).splitlines() for verdict in comparison.verdicts)


def test_page_shows_what_is_between():
    lines = markdown(compare([run(floats=1.0, ptq=0.5, qat=1.0)])).splitlines()
    row = next(line.split(" | ") for line in lines if line.startswith(f"| {QAT} | "))
    assert row[3:6] == ["1.0000", "1.0000", "1.0000"]  # balanced, lowest TPR, same labels
    assert row[6] == "+0.00 (+0.00 to +0.00)"
    assert row[7].startswith("+5")  # half of the images


def test_class_without_images_has_no_rate():
    without = run(
        labels=(*LABELS, "D"),
        log_share=np.zeros(4),
        **{
            f"{name}_logits": np.pad(getattr(run(), f"{name}_logits"), ((0, 0), (0, 1)))
            for name in ("float", "ptq", "qat")
        },
    )
    assert "none / 1.0000" in markdown(compare([without]))


def test_directories_are_compared_and_written(tmp_path):
    _, qat = write_runs(tmp_path)
    out, page = tmp_path / "c.json", tmp_path / "c.md"
    comparison = compare_runs([qat], out=out, page=page)
    kept = json.loads(out.read_text())
    assert kept["verdicts"] == comparison.verdicts
    assert kept["provenance"]["packages"]["numpy"] == np.__version__
    assert page.read_text() == markdown(comparison)
    assert compare_runs([qat], out=None, page=None) == comparison
