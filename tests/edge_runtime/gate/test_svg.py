import re
from xml.etree import ElementTree as Xml

import pytest

from edge_runtime.gate.svg import draw_intervals
from edge_runtime.gate.verdict import Rule


def rule(name="max_tpr_drop", observed=0.01, ci95=(-0.02, 0.04), limit=0.03, verdict="INCONCLUSIVE"):
    return Rule(name, "A<b>", limit, observed, ci95, verdict, "")


def drawn(*rules):
    """The picture as XML."""
    return Xml.fromstring(draw_intervals(rules, title="T & t"))


def test_a_row_has_interval_point_and_limit_in_their_order():
    picture = drawn(rule())
    point = float(picture.find("circle").get("cx"))
    limit, interval = (path.get("d") for path in picture.findall("path")[-2:])
    low, high = (float(each) for each in re.fullmatch(r"M([\d.]+) [\d.]+H([\d.]+)", interval).groups())
    at_limit = float(re.match(r"M([\d.]+)", limit)[1])
    assert low < point < at_limit < high
    assert at_limit - low == pytest.approx(5 * (high - at_limit), abs=1)  # 0.05 and 0.01, rounded to tenths of pixels


@pytest.mark.parametrize(("name", "side"), [("max_tpr_drop", "right"), ("min_tpr", "left")])
def test_the_limit_s_bad_side_is_grey(name, side):
    picture = drawn(rule(name))
    grey, point = picture.find("rect"), float(picture.find("circle").get("cx"))
    start = float(grey.get("x"))
    assert (start > point) if side == "right" else (start + float(grey.get("width")) > point)


def test_verdict_is_written_and_not_only_coloured():
    for verdict, sign in (("PASS", "pass"), ("FAIL", "FAIL"), ("INCONCLUSIVE", "?")):
        assert sign in [text.text for text in drawn(rule(verdict=verdict)).findall("text")]


def test_names_are_no_markup():
    assert "max_tpr_drop A<b>" in [text.text for text in drawn(rule()).findall("text")]


@pytest.mark.parametrize("ci95", [(0.01, 0.01), (-1.0, 1.0), (0.0, 1e-9)])
def test_any_interval_can_be_drawn(ci95):
    picture = drawn(rule(observed=ci95[0], ci95=ci95, limit=0.01))
    numbers = [float(text.text) for text in picture.findall("text")[:-2]]
    assert 2 <= len(numbers) <= 7
    assert numbers == sorted(numbers)
