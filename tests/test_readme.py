"""README and model card: their figures are those of the files in reports/, their example runs, their links lead."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import seeds, subsets, summary, tested
from benchmarks.evidence import gather
from benchmarks.readme import is_current
from benchmarks.report import runs
from benchmarks.report.content import figure
from edge_runtime.groups import read_groups
from edge_runtime.report import load_report
from edge_runtime.trial import combinations
from train import trials
from train.smears import SmearSettings, generate

CHECKOUT = Path(__file__).parent.parent
REPORTS = CHECKOUT / "reports"
README = CHECKOUT / "README.md"
RUN = REPORTS / "run" / "qat" / "run.json"
MODEL_CARD = CHECKOUT / "edge_runtime" / "models" / "MODEL_CARD.md"
PAGES = [
    README,
    MODEL_CARD,
    MODEL_CARD.parent / "portable" / "MODEL_CARD.md",
    CHECKOUT / "CONTRIBUTING.md",
    *sorted((CHECKOUT / "docs").glob("*.md")),
]


@pytest.mark.parametrize("page", [README, MODEL_CARD], ids=lambda page: page.name)
def test_figures_are_those_of_the_kept_reports(page):
    evidence = gather(
        int8=REPORTS / "shipped-int8.json",
        float32=REPORTS / "shipped-float32.json",
        verdict=REPORTS / "verdict.json",
        results=REPORTS / "latency.json",
        groups=CHECKOUT / "train" / "facts" / "blood-cells-groups.csv",
    )
    for name, markdown in summary.figures(evidence).items():
        assert is_current(page, name, markdown), f"{name}: run `make figures`"


@pytest.mark.parametrize("page", [README, MODEL_CARD], ids=lambda page: page.name)
def test_latencies_are_those_of_the_kept_run(page):
    kept = figure(runs.load([REPORTS / "latency.json"]))
    assert is_current(page, "latency", kept), "latency: run `make figures`"


@pytest.mark.parametrize(
    ("page", "name", "folder"),
    [
        (README, "seeds", "test"),
        (CHECKOUT / "docs" / "recipe.md", "seeds-cell", "cell/test"),
        (CHECKOUT / "docs" / "recipe.md", "seeds-blind", "blind/test"),
        (CHECKOUT / "docs" / "recipe.md", "held-out-blind", "blind/held-out"),
    ],
)
def test_tables_over_seeds_are_those_of_the_kept_reports(page, name, folder):
    found = seeds.gather([str(REPORTS / folder / "seed*.json")])
    assert len({run.seed for run in found.runs}) >= 3
    assert is_current(page, name, seeds.to_markdown(found)), f"{name}: run `make figures`"


def test_what_is_held_out_is_of_the_shipped_recipe():
    kept = REPORTS / "trials" / "field-taught-two-towers.json"
    assert is_current(README, "held-out", subsets.describe_trial(kept)), "held-out: run `make figures`"
    settings = {name: json.loads(path.read_text())["settings"] for name, path in {"cv": kept, "run": RUN}.items()}
    assert settings["cv"] == settings["run"]


def test_subsets_are_those_of_the_kept_reports():
    kept = REPORTS / "crossval"
    text = subsets.describe_trial(kept / "trial.json") + "".join(
        subsets.to_markdown(
            load_report(REPORTS / "shipped-int8.json"),
            read_groups(CHECKOUT / "train" / "facts" / "blood-cells-groups.csv"),
            judgement=subsets.read_judgement(kept / "sources.csv"),
        )
    )
    assert (REPORTS / "subsets.md").read_text() == text
    assert is_current(README, "subsets", text), "subsets: run `make figures`"


def test_subsets_of_the_cell_view_are_those_of_its_kept_report():
    report = load_report(REPORTS / "cell" / "test" / "seed1-int8_qat.json")
    groups = read_groups(CHECKOUT / "train" / "facts" / "blood-cells-groups.csv")
    judgement = subsets.read_judgement(REPORTS / "crossval" / "sources.csv")
    text = "".join(subsets.to_markdown(report, groups, judgement=judgement))
    assert (REPORTS / "cell" / "subsets.md").read_text() == text


def test_the_table_of_trials_is_that_of_the_kept_ones():
    kept = sorted((REPORTS / "trials").glob("*.json"))
    assert len(kept) >= 2
    lines = trials.to_markdown({path.stem: trials.read(path) for path in kept})
    assert (REPORTS / "trials.md").read_text() == "".join(f"{line}\n" for line in lines)


def test_the_table_of_versions_is_that_of_the_kept_trials():
    text = tested.to_markdown(combinations())
    assert is_current(CHECKOUT / "docs" / "device.md", "tested", text), "tested: run `make figures`"


def test_the_shipped_seed_is_the_one_that_was_fixed_before():
    on_test = seeds.gather([str(REPORTS / "test" / "seed*-int8_qat.json")])
    shipped = next(run for run in on_test.runs if run.seed == 1)
    assert shipped.model_sha256 == gather_shipped_digest()


def gather_shipped_digest() -> str:
    sums = (CHECKOUT / "edge_runtime" / "models" / "SHA256SUMS").read_text()
    return next(line.split()[0] for line in sums.splitlines() if "int8" in line)


def test_the_python_example_runs(tmp_path, monkeypatch, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    root = generate(tmp_path / "smears", settings=SmearSettings(images_per_class=1, sources=(1, 1, 1, 1)))
    next(root.rglob("*.jpeg")).rename(tmp_path / "smear.jpg")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    label, confidence = capsys.readouterr().out.split()
    assert label in {"EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL"}
    assert 0.25 <= float(confidence) <= 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_says_that_it_is_no_medical_device():
    for page in (README, MODEL_CARD, REPORTS / "summary.md", REPORTS / "report.md"):
        assert "esearch use only; not a medical device" in page.read_text()
