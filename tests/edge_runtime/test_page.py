from edge_runtime.page import NOTICE, page, table
from tests.pages import Page


def test_a_page_needs_nothing_else():
    found = Page(page("A & <b>", [f"<p>{NOTICE}</p>"], style="p { color: red }"))
    found.needs_nothing_else()
    assert "A & <b>" in found.text
    assert "p { color: red }" in found.text
    (policy,) = [given["content"] for tag, given in found.seen if given.get("http-equiv")]
    assert policy.startswith("default-src 'none'")


def test_a_table_has_its_cells_as_text():
    found = Page(table(("", "n"), [("<script>", 1)], numbers=(1,)).encode())
    assert found.text == "n<script>1"
    assert [given.get("class") for tag, given in found.seen if tag in ("th", "td")] == [None, "number"] * 2


def test_a_table_without_heads_has_no_first_row():
    assert Page(table(("", ""), [("a", "b")]).encode()).count("tr") == 1
