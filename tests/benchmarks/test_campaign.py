import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks import campaign, caught, mutants
from benchmarks.campaign import Settings, Trial
from benchmarks.readme import is_current
from edge_runtime.card import read_model
from edge_runtime.classifier import SHIPPED_MODEL
from edge_runtime.dataset import digest, open_dataset

CHECKOUT = Path(__file__).parent.parent.parent
REPORTS = CHECKOUT / "reports"
PAGE = CHECKOUT / "docs" / "gate.md"


def trial(excess=-0.01, verdict="PASS", half="PASS", kind="class head rotated") -> Trial:
    return Trial(kind, f"{kind} {excess}", excess, 0.0, verdict, half)


def refused_one() -> Trial:
    return replace(trial(), excess=None, accuracy_drop=None, verdict="refused", verdict_by_half="refused")


@pytest.mark.parametrize(
    ("excess", "verdict", "missed", "accused"),
    [
        (0.01, "PASS", 1, 0),
        (0.01, "INCONCLUSIVE", 0, 0),
        (0.01, "FAIL", 0, 0),
        (0.0, "PASS", 0, 0),
        (0.0, "INCONCLUSIVE", 0, 0),
        (0.0, "FAIL", 0, 1),
    ],
)
def test_what_counts_as_missed_and_as_accused(excess, verdict, missed, accused):
    trials = [trial(excess, verdict), refused_one()]
    assert (len(caught.missed(trials)), len(caught.accused(trials))) == (missed, accused)


def test_table_sorts_by_true_loss_and_counts_both_gates():
    text = caught.to_markdown(
        [trial(), trial(0.005, "INCONCLUSIVE"), trial(0.3, "FAIL", "FAIL"), trial(0.3, "FAIL", "PASS"), refused_one()]
    )
    assert text.startswith("5 mutants, 4 of which lose more")
    assert "passed 2 that lose more over all of them, and failed 0 that do" in text
    rows = {
        line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:9]]
        for line in text.splitlines()
        if line.startswith("|")
    }
    assert rows["none"] == ["1", "0", "0", "1", "0", "0", "1"]
    assert rows["up to 1 points"] == ["1", "0", "1", "0", "0", "0", "1"]
    assert rows["more than 20 points"] == ["2", "2", "0", "0", "1", "0", "1"]
    assert "1 of them did not load" in text


@pytest.fixture(scope="module")
def kept() -> dict:
    return json.loads((REPORTS / "mutations.json").read_text())


def test_the_gate_caught_what_it_had_to_in_the_kept_campaign(kept):
    trials = [Trial(**fields) for fields in kept["trials"]]
    assert len(trials) >= 200
    assert caught.missed(trials) == caught.accused(trials) == []
    assert any(each.loses for each in trials)
    assert not all(each.loses for each in trials)
    assert is_current(PAGE, "mutations", caught.to_markdown(trials)), "run `make mutations`"


def test_the_kept_campaign_is_of_the_shipped_model(kept):
    assert kept["weights_sha256"] == mutants.Graph(read_model(SHIPPED_MODEL)).digest()
    assert [each["name"] for each in kept["trials"]] == [each.name for each in in_order(SHIPPED_MODEL)]


def in_order(model: Path) -> list[mutants.Mutant]:
    """As the campaign runs them: kind after kind."""
    found = mutants.mutants(read_model(model))
    return [each for kind in dict.fromkeys(m.kind for m in found) for each in found if each.kind == kind]


def test_one_mutant_of_each_kind_gives_what_was_kept(kept, data_root):
    settings = Settings(
        model=str(SHIPPED_MODEL),
        reference=str(REPORTS / "shipped-float32.json"),
        data=str(data_root),
        groups=str(CHECKOUT / "train" / "facts" / "blood-cells-groups.csv"),
        per_kind=1,
    )
    by_name = {fields["name"]: fields for fields in kept["trials"]}
    trials = campaign.run(settings)
    assert len(trials) == 10
    for each in trials:
        assert asdict(each) == by_name[each.name]
    assert kept["data_sha256"] == digest(open_dataset(data_root, split="TEST").images)


def test_a_reference_on_other_images_is_refused(colors, bundle, leukolite_report, tmp_path, refused):
    rows = "".join(f"TEST/{path.parent.name}/{path.name},s,{path.stem}\n" for path in sorted(colors.rglob("*.png")))
    (tmp_path / "g.csv").write_text("path,source,group\n" + rows)
    settings = Settings(str(bundle), str(leukolite_report), str(colors), str(tmp_path / "g.csv"))
    bench = campaign.Bench(settings)
    head = mutants.find(str(bundle), None)
    found = bench.run(head)
    assert (found.loses, found.verdict != "PASS") == (True, True)
    same = bench.run(mutants.Mutant(mutants.LABELS, -1, (0, 1, 2, 3)))
    assert (same.excess <= 0, same.accuracy_drop) == (True, 0.0)
    next(colors.rglob("*.png")).unlink()
    with refused("an EvalReport on these 7 images"):
        campaign.Bench(settings)


def test_what_cannot_be_read_is_one_line_and_not_the_processes_tracebacks(colors, bundle, tmp_path, refused, capfd):
    settings = Settings(str(bundle), str(tmp_path / "none.json"), str(colors), str(tmp_path / "g.csv"), processes=1)
    with refused(r".*g\.csv"):
        campaign.run(settings)
    assert "Traceback" not in capfd.readouterr().err


@pytest.fixture
def leukolite_report(colors, bundle, tmp_path) -> Path:
    """An EvalReport of the tiny model on the colours."""
    from edge_runtime.__main__ import main

    assert main(["evaluate", "-m", str(bundle), "--data", str(colors), "--report", str(tmp_path / "r.json")]) == 0
    return tmp_path / "r.json"
