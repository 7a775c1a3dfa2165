import re
from xml.etree import ElementTree as Xml

import pytest

from benchmarks.report.drawing import Bar, Moment, Spot, Stack, bars, course, scatter, stacks

SAID = {"title": "T & t", "unit": "ms", "meaning": "a < b"}


def drawn(text):
    """The picture in its figure, as XML."""
    figure = Xml.fromstring(text)
    assert figure.find("figcaption").text == "T & t"
    return figure.find("svg")


def numbers(path):
    """The numbers of a path, in order."""
    return [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?", path.get("d"))]


def bar(value, low, high, **more):
    return Bar("a<b>", value, low, high, said=f"{value} ms", color=1, **more)


def widths(picture):
    return [float(each.get("width")) for each in picture.iter("rect")]


def test_bars_are_as_long_as_their_values_and_their_lines_as_wide_as_their_spreads():
    picture = drawn(bars([bar(1.0, 0.5, 2.0, dots=(0.5, 1.5)), bar(2.0, 1.0, 4.0)], **SAID))
    one, two = widths(picture)
    assert two == pytest.approx(2 * one, abs=0.11)  # both rounded to tenths of pixels
    spreads = [numbers(path) for path in picture.iter("path") if path.get("class") == "spread"]
    begin, end = spreads[0][0], spreads[0][2]
    assert end - begin == pytest.approx(1.5 * one, abs=0.2)
    (dots,) = [path for path in picture.iter("path") if path.get("class") == "dots"]
    assert dots.get("d").count("M") == 2
    assert "a<b>" in [text.text for text in picture.iter("text")]
    assert picture.find("desc").text == "a < b"


def test_long_names_have_room():
    one, long = (drawn(bars([Bar(name, 1.0, 1.0, 1.0, said="", color=0)], **SAID)) for name in ("a", "a" * 60))
    begin, later = (float(picture.find("g/rect").get("x")) for picture in (one, long))
    assert later > begin
    assert later > 60 * 6
    assert float(long.get("width")) - later == float(one.get("width")) - begin


def test_a_tail_that_would_make_the_bars_small_gets_an_arrow():
    near, far = (drawn(bars([bar(1.0, 0.5, high)], **SAID)) for high in (2.0, 100.0))
    assert widths(far)[0] > widths(near)[0] / 2
    arrows = [any("l5 4" in path.get("d") for path in picture.iter("path")) for picture in (near, far)]
    assert arrows == [False, True]


def test_many_samples_are_thinned_and_unstable_rows_marked():
    picture = drawn(bars([bar(1.0, 1.0, 1.0, dots=[1.0] * 5000, marked=True)], **SAID))
    (dots,) = [path for path in picture.iter("path") if path.get("class") == "dots"]
    assert 50 <= dots.get("d").count("M") <= 80
    assert [group.get("class") for group in picture.iter("g")] == ["c1 marked"]


def test_stacks_lay_parts_end_to_end_and_mark_the_whole():
    rows = [Stack("a", {"x": 1.0, "z": 3.0}, 5.0, said="5"), Stack("b", {"x": 2.0}, 2.0, said="2")]
    picture = drawn(stacks(rows, ("x", "y", "z"), **SAID))
    x, z, other, *legend = picture.iter("rect")
    assert float(z.get("x")) == pytest.approx(float(x.get("x")) + float(x.get("width")), abs=0.11)
    assert float(z.get("width")) == pytest.approx(3 * float(x.get("width")), abs=0.3)
    assert float(other.get("width")) == pytest.approx(2 * float(x.get("width")), abs=0.2)
    assert [each.get("class") for each in legend] == ["bar c0", "bar c2"]  # y is in none of them
    strokes = [numbers(path)[0] for path in picture.iter("path") if path.get("class") == "spread"]
    assert strokes[0] > float(z.get("x")) + float(z.get("width"))


def test_a_scatter_plot_has_the_better_above_and_the_slower_to_the_right():
    spots = [Spot("good", 1.0, 0.9, 0.8, 0.95), Spot("bad <b>", 3.0, 0.7, 0.7, 0.7)]
    picture = drawn(scatter(spots, **SAID))
    lines = [numbers(path) for path in picture.iter("path") if "interval" in path.get("class")]
    assert lines[0][0] < lines[1][0]
    assert lines[0][1] > lines[0][2]  # from the low end up to the high one: y points down
    assert lines[1][1] == lines[1][2] > lines[0][1]
    assert {"good: 0.900", "bad <b>: 0.700"} <= {text.text for text in picture.iter("text")}


def moment(value, *, changed=False, marked=False):
    return Moment("c0ffee", value, low=value, high=value, said=f"{value}", changed=changed, marked=marked)


def drawn_course(*moments):
    return drawn(course(moments, title="T & t", meaning=""))


def test_a_course_is_flat_where_only_noise_is():
    flat, risen = (numbers(next(drawn_course(moment(100.0), moment(last)).iter("path"))) for last in (100.1, 110.0))
    assert abs(flat[1] - flat[3]) < 3
    assert risen[1] - risen[3] > 30


def test_a_course_marks_other_models_and_what_is_unstable():
    picture = drawn_course(moment(1.0), moment(2.0, changed=True, marked=True))
    plain, marked = picture.iter("g")
    assert (plain.get("class"), marked.get("class")) == ("", "marked")
    assert ["a5" in group.find("path").get("d") for group in (plain, marked)] == [True, False]


def test_one_point_is_a_course():
    assert [text.text for text in drawn_course(moment(1.0)).iter("text")] == ["1.0", "c0ffee"]
