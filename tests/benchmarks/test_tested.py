from benchmarks.__main__ import main
from benchmarks.tested import to_markdown
from edge_runtime.trial import combinations

ROW = {
    "tried": "2026-01-02", "machine": "aarch64", "cpu": "a | Pi", "python": "3.11.2", "ai-edge-litert": "2.3.0",
    "numpy": "1.24.4", "pillow": "10.4.0", "uses_delegate": True, "golden": False, "model_sha256": "0",
}  # fmt: skip


def test_a_line_for_each_combination():
    header, rule, line = to_markdown([ROW]).splitlines()
    assert header.count("|") == rule.count("|") == 10
    assert line.startswith("| a \\| Pi | aarch64 | 3.11.2 | 2.3.0 ")
    assert line.endswith("| 2026-01-02 | ok      | fail   |")


def test_command_updates_a_page(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("<!-- figures:tested begin -->\n<!-- figures:tested end -->\n")
    assert main(["tested", "--readme", str(page)]) == 0
    text = to_markdown(combinations())
    assert capsys.readouterr().out == text
    assert text in page.read_text()
