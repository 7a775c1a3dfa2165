"""TEST is divided by groups and doubts, and nothing is lost on the way."""

import json

import pytest

from benchmarks import subsets
from benchmarks.__main__ import main
from benchmarks.subsets import Judgement
from edge_runtime.errors import LeukoliteError
from edge_runtime.groups import Groups, Origin
from edge_runtime.report import EvalReport, Outcome, summarize

# source, group, true, predicted; the group g1 occurs in TRAIN too, the label of s3 is in doubt, s4 is contradicted.
ROWS = (
    ("s1", "g1", "A", "A"),
    ("s1", "g1", "A", "A"),
    ("s2", "g2", "A", "A"),
    ("s2", "g2", "A", "B"),
    ("s3", "g3", "A", "B"),
    ("s4", "g4", "B", "B"),
)
JUDGEMENT = Judgement(doubted=frozenset({("s3", "A")}), contradicted=frozenset({("s4", "B"), ("s3", "A")}))


@pytest.fixture
def report() -> EvalReport:
    outcomes = [Outcome(f"TEST/{row[2]}/{number}.png", row[2], row[3], 0.5) for number, row in enumerate(ROWS)]
    model = {"variant": "int8_qat", "sha256": "0", "file": "m"}
    data = {"split": "TEST", "sha256": "1"}
    return summarize(outcomes, labels=["A", "B"], groups=None, model=model, data=data, provenance={})


@pytest.fixture
def rows() -> list[tuple[str, Origin]]:
    own = [(f"TEST/{row[2]}/{number}.png", Origin(row[0], row[1])) for number, row in enumerate(ROWS)]
    return [*own, ("TRAIN/A/other.png", Origin("s1", "g1")), ("TRAIN/A/2.png", Origin("s9", "g9"))]


def test_each_subset_leaves_out_what_it_says(report, rows):
    found = subsets.divide(report, Groups(rows), judgement=JUDGEMENT)
    assert [(part.report.n, part.sources, part.report.accuracy) for part in found] == [
        (6, 4, 4 / 6),
        (4, 3, 2 / 4),  # without s1
        (5, 3, 4 / 5),  # without s3
        (3, 2, 2 / 3),
        (4, 2, 3 / 4),  # without s3 and s4
    ]
    assert found[0].report.groups["n"] == 4


def test_a_doubt_is_of_a_label_and_not_of_a_photograph(report, rows):
    found = subsets.divide(report, Groups(rows), judgement=Judgement(frozenset({("s3", "B")}), frozenset()))
    assert found[2].report.n == 6


def test_a_subset_of_nothing_is_left_out(report, rows):
    everything = frozenset((row[0], row[2]) for row in ROWS)
    found = subsets.divide(report, Groups(rows), judgement=Judgement(everything, everything))
    assert [part.name for part in found] == ["as published", "without groups that also occur in TRAIN"]


def test_tables_name_every_source_and_the_doubtful(report, rows):
    text = "".join(subsets.to_markdown(report, Groups(rows), judgement=JUDGEMENT))
    assert "| as published" in text
    assert "0.6667" in text
    assert "each source counting once" in text
    assert f"{(1 + 0.5 + 0 + 1) / 4:.4f}" in text
    judged = [line for line in text.splitlines() if line.startswith("| s") and "contradicted" in line]
    assert len(judged) == 2
    assert "| in doubt, contradicted |" in next(line for line in judged if line.startswith("| s3 "))
    assert any(line.startswith("| s4 ") for line in judged)
    assert all(f"| {source} " in text for source in ("s1", "s2", "s3", "s4"))


def test_command_writes_the_page_and_the_readme(report, rows, tmp_path, capsys):
    report.save(tmp_path / "report.json")
    lines = [f"{path},{origin.source},{origin.group}\n" for path, origin in rows]
    (tmp_path / "groups.csv").write_text("".join(["path,source,group\n", *lines]))
    (tmp_path / "sources.csv").write_text("source,label,images,right,suggested\ns3,A,2,0,B\ns1,A,2,2,\ns4,B,2,1,\n")
    (tmp_path / "README.md").write_text("<!-- figures:subsets begin -->\n<!-- figures:subsets end -->\n")
    given = {"report": "report.json", "groups": "groups.csv", "doubted": "sources.csv", "out": "subsets.md"}
    options = [part for name, file in given.items() for part in (f"--{name}", str(tmp_path / file))]
    assert main(["subsets", *options, "--readme", str(tmp_path / "README.md")]) == 0
    page = (tmp_path / "subsets.md").read_text()
    assert capsys.readouterr().out == page
    assert page.strip() in (tmp_path / "README.md").read_text()
    assert [line.count("contradicted") for line in page.splitlines() if line[:4] in ("| s3", "| s4")] == [1, 1]
    assert page.count("in doubt") == 2  # the row of the table, and s3


TRIAL = {
    "settings": {"seed": 3, "network": {"crop_px": 64}},
    "splits": "TEST+TRAIN",
    "folds": 5,
    "n": 1200,
    "n_groups": 31,
    "parameters": 4000,
    "balanced_accuracy": 0.87654,
    "accuracy": 0.87,
    "accuracy_ci95": [0.8, 0.9],
    "tpr": {"A": 0.9, "B": 0.81},
}


def test_a_trial_in_one_sentence(tmp_path):
    (tmp_path / "trial.json").write_text(json.dumps(TRIAL))
    text = subsets.describe_trial(tmp_path / "trial.json")
    assert "over TEST+TRAIN, 1,200 images in 31 groups" in text
    assert "crops of 64 px, 4,000 weights, seed 3" in text
    assert "**0.8765**, accuracy 0.8700 (0.800 to 0.900 by group), lowest TPR 0.8100 B." in text
    assert "int8" not in text


def test_a_trial_says_what_int8_gave(tmp_path):
    int8 = {"balanced_accuracy": 0.87512, "accuracy": 0.87, "agreement": 0.98765}
    (tmp_path / "trial.json").write_text(json.dumps(TRIAL | {"int8": int8}))
    text = subsets.describe_trial(tmp_path / "trial.json")
    assert "Fine-tuned for int8: balanced accuracy 0.8751, 98.77% of labels as before." in text


def test_a_trial_says_whom_its_networks_were_taught_by(tmp_path):
    settings = TRIAL["settings"] | {"distillation": {"teachers_weight": 0.5, "teacher": "cell"}}
    (tmp_path / "trial.json").write_text(json.dumps(TRIAL | {"settings": settings}))
    said = subsets.describe_trial(tmp_path / "trial.json")
    assert "(crops of 64 px, taught by a network of the preset cell of its own fold, 4,000 weights, seed 3)" in said


@pytest.mark.parametrize("lacking", TRIAL)
def test_what_is_no_trial_is_refused(tmp_path, lacking):
    (tmp_path / "trial.json").write_text(json.dumps({name: value for name, value in TRIAL.items() if name != lacking}))
    with pytest.raises(LeukoliteError, match=rf"the trial\.json of a cross-validation .*{lacking}"):
        subsets.describe_trial(tmp_path / "trial.json")


@pytest.mark.parametrize("text", [None, "source,label\ns3,A\n"])
def test_what_is_no_table_of_sources_is_refused(tmp_path, text):
    if text:
        (tmp_path / "sources.csv").write_text(text)
    with pytest.raises(LeukoliteError, match=r"the sources\.csv of a cross-validation"):
        subsets.read_judgement(tmp_path / "sources.csv")


def test_groups_below_a_folder():
    groups = Groups([("TRAIN/A/1.png", Origin("s", "g")), ("TEST/TRAIN.png", Origin("t", "h"))])
    assert groups.below("TRAIN") == {"g"}
    assert groups.below("1.png") == frozenset()
