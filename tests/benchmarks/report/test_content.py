import pytest

from benchmarks import history
from benchmarks.report import content, runs
from benchmarks.report.content import Content
from tests.benchmarks.counted import board
from tests.benchmarks.report.conftest import entries, whole_run
from tests.pages import Page


@pytest.fixture
def whole_content(whole):
    counts = board()
    return Content(whole, [counts], [history.of_counts(counts, commit="c" * 40, date="2026-01-01T00:00:00Z")])


TITLES = ["Machine and provenance", "Latency", "Against the reference workload", "Stages", "Accuracy"]


def test_the_page_says_everything_and_needs_nothing_else(whole_content):
    found = Page(whole_content.to_html())
    found.needs_nothing_else()
    for said in (
        *(*TITLES, "Instructions on emulated boards", "History", "All measurements: results", "Unstable: results"),
        *("not a medical device", "a CPU", "c0ffee", "no <graph>", "quartiles 67% of the median apart"),
    ):
        assert said in found.text
    assert found.count("svg") == found.count("title") - 1 == found.count("desc")  # and the page's own title


def test_the_page_is_readable_in_the_dark_and_on_paper_and_of_bounded_size(whole, results):
    assert b"prefers-color-scheme: dark" in Content(whole, [], []).to_html()
    assert b"@media print" in Content(whole, [], []).to_html()
    many = [each for role in "abcde" for each in entries(role=role)]
    for each in many:  # thousands of calls, of which dots are drawn
        each["extra_info"]["repetitions"][0]["blocks"] = [2000, 2000]
        each["extra_info"]["repetitions"] = each["extra_info"]["repetitions"][:1]
        each["stats"]["data"] = [0.001 + 1e-6 * (at % 97) for at in range(4000)]
    page = Content(runs.load([results(*many, name="many.json")]), [], []).to_html()
    assert len(page) < 100_000


def test_markdown_has_the_same_sections_without_pictures(whole_content):
    text = whole_content.to_markdown()
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")][: len(TITLES)] == TITLES
    assert "not a medical device" in text
    assert "<svg" not in text


def test_a_rehearsal_is_said_to_be_one(results):
    given = whole_run()
    given[0]["extra_info"]["rehearsal"] = True
    found = Content(runs.load([results(*given)]), [], [])
    assert content.REHEARSAL in found.to_markdown()
    assert content.REHEARSAL.encode() in found.to_html()


def test_names_are_no_markup(results):
    found = Page(Content(runs.load([results(*entries(role="<script>"))]), [], []).to_html())
    assert found.count("script") == 0
    assert "<script>" in found.text


def test_a_readme_s_figure_is_two_tables_and_what_they_mean(whole):
    text = content.figure(whole)
    assert text.count("\n| int8 ") == 2
    assert "2.000 x" in text
    assert "Picture: a.jpeg; a CPU." in text
