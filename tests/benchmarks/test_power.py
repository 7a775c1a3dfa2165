import json
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import power
from benchmarks.power import Case, Settings
from benchmarks.readme import is_current

CHECKOUT = Path(__file__).parent.parent.parent

SMALL = Settings(drops=(0.0, 0.03, 0.1), sources=(16,), correlations=(0.0, 1.0), repeats=12, resamples=200)


@pytest.fixture(scope="module")
def cases():
    return power.simulate(SMALL)


def case(cases, drop, correlation) -> Case:
    (found,) = [each for each in cases if (each.drop, each.correlation) == (drop, correlation)]
    return found


def test_shares_of_verdicts_add_up_and_every_case_is_there(cases):
    assert len(cases) == 6
    for each in cases:
        assert each.passed + each.failed + each.inconclusive == pytest.approx(1)


def test_no_drop_passes_and_a_large_one_fails(cases):
    # 640 images that lose independently of one another: by Tango's interval a drop of 0 or 0.1 is certain there.
    assert case(cases, 0.0, 0.0).passed > 0.8
    assert case(cases, 0.1, 0.0).failed > 0.8
    assert case(cases, 0.1, 0.0).passed == 0
    assert case(cases, 0.03, 0.0).passed <= 2 / 12  # 2.5 % of 12 are 0.3


def test_whole_sources_are_harder_than_single_images(cases):
    assert case(cases, 0.1, 1.0).failed < case(cases, 0.1, 0.0).failed
    assert case(cases, 0.03, 1.0).passed >= case(cases, 0.03, 0.0).passed


def test_the_same_seed_gives_the_same_cases(cases):
    assert power.simulate(SMALL) == cases


def test_json_brings_them_back(cases):
    fields = json.loads(json.dumps(power.to_json(SMALL, cases)))
    assert power.from_json(fields) == cases
    assert fields["settings"]["repeats"] == 12


def test_table_has_a_row_for_each_number_of_sources(cases):
    first, _, *lines = power.to_markdown(cases, limit=0.03, repeats=12).splitlines()
    assert first == "Each share is of 12 draws."
    assert len(lines) == 2 + 2
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["16", "16"]


def test_the_page_s_table_is_that_of_the_kept_simulation():
    kept = json.loads((CHECKOUT / "reports" / "gate-power.json").read_text())
    settings = kept["settings"]
    text = power.to_markdown(power.from_json(kept), limit=settings["limit"], repeats=settings["repeats"])
    assert is_current(CHECKOUT / "docs" / "gate.md", "power", text), "run `make mutations`"


def test_curves_are_drawn_and_differ(cases, tmp_path):
    power.draw(cases, tmp_path / "a.png", limit=0.03)
    other = [Case(**{**asdict(each), "passed": 0.5}) for each in cases]
    power.draw(other, tmp_path / "b.png", limit=0.03)
    assert (tmp_path / "a.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
