from pathlib import Path

import pytest

from benchmarks import rates
from benchmarks.__main__ import main
from benchmarks.billion import Assumptions, to_markdown, work_out
from benchmarks.readme import is_current
from tests.benchmarks.test_rates import report

CHECKOUT = Path(__file__).parents[2]


def test_the_bill_follows_from_the_rate_of_one_core():
    bill = work_out(report(), Assumptions(images=3_600_000, cores=4, price_core_hour=2, price_million_requests=0.5))
    assert bill.core_hours == pytest.approx(10)  # 100 images a second on each of two cores
    assert bill.hours == pytest.approx(2.5)
    assert bill.terabytes_read == pytest.approx(3.6e6 * 8e3 / 1e12)
    assert (bill.compute, bill.requests, bill.total) == pytest.approx((20, 3.6, 23.6))  # two requests an image


def test_markdown_says_what_is_assumed():
    text = to_markdown(report(), Assumptions(cores=10, price_core_hour=3))
    assert "1,000,000,000 images" in text
    assert "time on 10 cores (assumed)" in text
    assert "3 a core hour (assumed)" in text
    assert "2,778 core hours" in text


@pytest.mark.parametrize("name", ["images", "cores", "price_core_hour", "price_million_requests"])
@pytest.mark.parametrize("value", [-1, float("inf"), float("nan")])
def test_assumptions_without_meaning_are_refused(refused, name, value):
    with refused(f"{name} to be a number above 0"):
        Assumptions(**{name: value})


def test_the_command_writes_both_figures_of_the_page(tmp_path, capsys):
    rates.save(report(), tmp_path / "bulk.json")
    page = tmp_path / "page.md"
    page.write_text(
        "".join(f"<!-- figures:{name} begin --><!-- figures:{name} end -->" for name in ("bulk", "billion"))
    )
    assert main(["billion", "--report", str(tmp_path / "bulk.json"), "--cores", "7", "--readme", str(page)]) == 0
    assert capsys.readouterr().out == to_markdown(report(), Assumptions(cores=7))
    assert is_current(page, "billion", to_markdown(report(), Assumptions(cores=7)))
    assert is_current(page, "bulk", rates.to_markdown(report()))


def test_the_page_has_the_figures_of_the_kept_report():
    kept = rates.load(CHECKOUT / "reports" / "bulk.json")
    page = CHECKOUT / "docs" / "bulk.md"
    for name, markdown in (("bulk", rates.to_markdown(kept)), ("billion", to_markdown(kept, Assumptions()))):
        assert is_current(page, name, markdown), "run `python -m benchmarks billion --report reports/bulk.json ...`"
    assert "esearch use only; not a medical device" in page.read_text()
