from dataclasses import asdict, replace

import pytest
from PIL import Image

from benchmarks import summary
from benchmarks.evidence import gather
from edge_runtime.report import Outcome, load_report, summarize


@pytest.fixture
def evidence(left):
    return gather(**asdict(left))


def row(text, *starts):
    """The cells of the first row that starts with those."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.replace("\\|", "!").strip("|").split("|")]
        if cells[: len(starts)] == list(starts):
            return cells
    raise AssertionError(f"no row {starts} in:\n{text}")


def test_the_headline_has_its_n(evidence):
    assert summary.headline(evidence) == (
        "**Accuracy of the int8_qat model: 0.9000 on 30 images of TEST**, none left out.\n"
    )


def test_unreadable_images_are_named_in_the_headline(evidence):
    outcomes = [*evidence.int8.predictions[:-1], Outcome("bad.png", "MONOCYTE", None, None)]
    parts = {name: getattr(evidence.int8, name) for name in ("labels", "model", "data", "provenance")}
    changed = replace(evidence, int8=summarize(outcomes, groups=None, **parts))
    assert "1 of them got no answer" in summary.headline(changed)


def test_both_intervals_of_the_accuracy(evidence):
    text = summary.accuracy_table(evidence)
    assert row(text, "accuracy") == ["accuracy", "0.9000", "1.0000"]
    # Wilson's interval of 27 of 30, worked out by hand: (0.9 + z2/60 +- z sqrt(0.003 + z2/3600)) / (1 + z2/30)
    assert row(text, "by image")[1] == "0.744 to 0.965"
    # One of two groups of each class has a miss; six draws of it or the other: 0.016 for 0 or 6 misses, 0.11 for up to
    # 1, so that 2.5 % lies at 5 misses of 30 and 97.5 % at 1.
    assert row(text, "by cell")[1] == "0.833 to 0.967"
    assert row(text, "cells") == ["cells", "6", "6"]


def test_each_class_has_both_rates_with_both_intervals(evidence):
    cells = row(summary.class_table(evidence.int8), "MONOCYTE")
    assert cells[:4] == ["MONOCYTE", "10", "2", "0.9000"]
    assert cells[6] == "0.9500"
    assert all(" to " in cells[column] for column in (4, 5, 7, 8))


def test_a_label_cannot_break_the_table(evidence):
    assert len(row(summary.class_table(evidence.int8), "BASO!PHIL")) == 9


def test_without_groups_it_says_how_to_get_them(left, evaluation):
    evaluation(grouped=False).save(left.int8)
    found = gather(**asdict(left))
    assert row(summary.class_table(found.int8), "MONOCYTE")[2] == "none"
    assert "--groups" in summary.to_markdown(found)


def test_the_summary_says_everything(left, evidence, tmp_path):
    path = summary.write(evidence, out_dir=tmp_path / "out" / "deep")
    text = path.read_text()
    assert path.name == "summary.md"
    for said in (
        "not a medical device",
        "optimistic",
        "Gate: INCONCLUSIVE",
        "c0ffee with changes",
        "int8: 7",
        "abc123",
        "a CPU",
    ):
        assert said in text
    for rule in evidence.verdict.rules:
        assert row(text, rule.verdict, rule.name, rule.label.replace("|", "!"))
    assert row(text, "loss") == ["loss", "1.386", "0.5"]
    for name in ("confusion.png", "rates.png"):
        assert f"({name})" in text
        with Image.open(path.parent / name) as picture:
            assert min(picture.size) > 300


def test_the_same_files_give_the_same_summary(evidence, tmp_path):
    for name in ("one", "two"):
        summary.write(evidence, out_dir=tmp_path / name)
    for name in ("summary.md", "confusion.png", "rates.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_no_history_no_section(left):
    text = summary.to_markdown(gather(**asdict(replace(left, history=None))))
    assert "## Training" not in text


def test_the_readmes_figures_are_those_of_the_summary(evidence):
    text = summary.to_markdown(evidence)
    figures = summary.figures(evidence)
    assert list(figures) == ["accuracy", "disputed"]
    assert all(line in text for figure in figures.values() for line in figure.splitlines())


def test_a_report_on_one_class_only_can_be_told(left, evaluation):
    whole = load_report(left.int8)
    parts = {name: getattr(whole, name) for name in ("labels", "model", "data", "provenance")}
    one = summarize(whole.predictions[:10], groups=["a"] * 10, **parts)
    cells = row(summary.class_table(one), "MONOCYTE")
    assert cells[3:6] == ["none", "none", "none"]
