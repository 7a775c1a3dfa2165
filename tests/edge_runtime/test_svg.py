from xml.etree import ElementTree as Xml

import pytest

from edge_runtime.svg import picture, text, ticks


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 6, [0, 1, 2, 3, 4, 5, 6]),
        (0, 7, [0, 2, 4, 6]),
        (0.11, 0.49, [0.2, 0.3, 0.4]),
        (-30, 30, [-30, -20, -10, 0, 10, 20, 30]),
        (0, 1e-9, [0, 2e-10, 4e-10, 6e-10, 8e-10, 1e-9]),
    ],
)
def test_ticks_are_round_numbers(low, high, found):
    assert ticks(low, high) == pytest.approx(found)


def test_a_picture_says_what_it_shows():
    parts = [text(1, 2, "a < b"), text(3, 4, "c", anchor="end", kind="quiet", fill="red")]
    found = Xml.fromstring(picture(parts, width=10, height=20.5, title="T & t", meaning="a: 1 < 2"))
    assert (found.get("role"), found.get("viewBox")) == ("img", "0 0 10 20.5")
    assert [found.find(name).text for name in ("title", "desc")] == ["T & t", "a: 1 < 2"]
    plain, other = found.findall("text")
    assert (plain.text, dict(plain.attrib)) == ("a < b", {"x": "1", "y": "2.0"})
    assert (other.get("text-anchor"), other.get("class"), other.get("fill")) == ("end", "quiet", "red")
    assert Xml.fromstring(picture([], width=1, height=1, title="T")).find("desc") is None
