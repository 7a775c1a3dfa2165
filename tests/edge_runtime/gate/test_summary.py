import re

from edge_runtime.gate import judge
from edge_runtime.gate.summary import to_markdown
from tests.edge_runtime.gate.conftest import ABOUT
from tests.edge_runtime.gate.made import made


def tables(text):
    """The cells of each line of a table, by the tables' order."""
    found, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            found.append(rows)
            rows = []
    return found


def test_what_is_not_met_stands_first_and_the_rest_is_folded_away(failed):
    text = to_markdown(failed, about=ABOUT)
    assert text.startswith("## ❌ gate: FAIL (14 rules")
    bad, good, behind = tables(text)
    missed = failed.count("FAIL") + failed.count("INCONCLUSIVE")
    assert [row[1] for row in bad[2:]] == [rule.name for rule in failed.rules[:missed]]
    assert [row[1] for row in good[2:]] == [rule.name for rule in failed.rules[missed:]]
    assert text.index("<details>") < text.index(good[2][0])
    assert [row[0] for row in behind[2:]] == ["all", "A", r"B\|<b>", "C"]
    assert all(len(row) == len(table[0]) for table in (bad, good, behind) for row in table)


def test_a_pass_shows_no_table_of_failures():
    report = made(950, 950, 950)
    text = to_markdown(judge(report, report), about=ABOUT)
    assert text.startswith("## ✅ gate: PASS (14 rules, 0 failed, 0 inconclusive)")
    assert len(tables(text)) == 2


def test_it_says_what_was_judged_and_what_for(failed):
    text = to_markdown(failed, about={"candidate": "a`b\n# c"})
    assert "- candidate: `a'b # c`\n" in text
    assert "not a medical device" in text
