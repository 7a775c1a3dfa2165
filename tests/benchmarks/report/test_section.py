import pytest

from benchmarks.report.section import Section, Table
from tests.pages import Page

TABLE = Table(("a", "b"), [("x|y", 1)], "lr")


@pytest.fixture
def section():
    return Section("T", ["see `it`"], "How to read <it>.", ["<svg></svg>"], [TABLE], ["one", "<two>"])


def test_markdown_leaves_out_what_it_cannot_show(section):
    assert section.to_markdown() == (
        "## T\n\nsee `it`\n\n| a    |   b |\n|:-----|----:|\n| x\\|y |   1 |\n\n- one\n- <two>\n"
    )


def test_html_has_all_of_it_as_text(section):
    found = Page(section.to_html().encode())
    for said in ("T", "see it", "How to read <it>.", "x|y", "<two>"):
        assert said in found.text
    assert (found.count("svg"), found.count("code"), found.count("li")) == (1, 1, 2)


@pytest.mark.parametrize(("columns", "dense"), [(10, False), (11, True)])
def test_wide_tables_get_smaller_letters(columns, dense):
    text = Table(["h"] * columns, [["x"] * columns], "l" * columns).to_html()
    assert ("dense" in text) == dense
