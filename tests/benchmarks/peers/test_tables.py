from benchmarks.peers.tables import to_markdown
from tests.benchmarks.peers.rows import report, row


def test_fastest_first_with_what_a_reader_must_know():
    peer = row("MobileNet", network="its own", ms=0.5, accuracy=0.8, alike=None)
    text = to_markdown(report(row("leukolite"), peer, left_out={"another": "is not installed"}))
    _header, _rule, first, second = text.splitlines()[:4]
    assert " ".join(first.split()) == (
        "| MobileNet | its own | int8 | 100 | 0.25 ms (0.17 to 0.50) | 0.50 ms (0.25 to 1.00) | 0.50 | 0.25 to 1.00"
        " | 0.8000 | - | - | yes |"
    )
    assert second.startswith("| leukolite ")
    assert "| 0.850 to 0.950 |     100.0% | yes   |" in second
    assert "- Left out: another: is not installed\n" in text
    assert "a-package 1.0" in text
