import sys

from edge_runtime.gate import judge, terminal
from tests.edge_runtime.gate.made import made

GOOD = made(950, 950, 950)


def test_table_names_every_failure_first_and_the_verdict_last():
    verdict = judge(made(950, 700, 920), GOOD)
    lines = list(terminal.table(verdict))
    words = [line.split()[:3] for line in lines[: len(verdict.rules)]]
    assert words == [[rule.verdict, rule.name, rule.label] for rule in verdict.rules]
    assert all(rule.reason in line for rule, line in zip(verdict.rules, lines, strict=False))
    failed, unclear = verdict.count("FAIL"), verdict.count("INCONCLUSIVE")
    assert failed > 3
    assert unclear > 0
    assert lines[-1] == f"gate: FAIL (14 rules, {failed} failed, {unclear} inconclusive)\n"
    assert all(line.count("\n") == 1 for line in lines)


def test_table_of_a_pass_ends_well():
    assert list(terminal.table(judge(GOOD, GOOD)))[-1] == "gate: PASS (14 rules, 0 failed, 0 inconclusive)\n"


def test_what_is_inconclusive_says_what_the_policy_makes_of_it():
    last = list(terminal.table(judge(made(950, 950, 920), GOOD)))[-1]
    assert last.startswith("gate: INCONCLUSIVE (")
    assert last.endswith("; by the policy that is to fail)\n")


def test_table_says_what_is_behind_each_class_and_what_is_optimistic():
    text = "".join(terminal.table(judge(GOOD, GOOD)))
    assert "No source cell is known" in text
    text = "".join(terminal.table(judge(made(90, 90, 90, n=100, sources=7), made(90, 90, 90, n=100))))
    assert "No source cell is known" not in text
    assert "B      100     7" in text


def test_drawn_for_a_terminal_and_plain_for_a_pipe(capsys, monkeypatch):
    verdict = judge(made(950, 700, 920), GOOD)
    terminal.write(verdict)
    plain = capsys.readouterr().out
    assert plain == "".join(terminal.table(verdict))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    terminal.write(verdict)
    drawn = capsys.readouterr().out
    assert drawn != plain
    assert plain.splitlines()[-1] in drawn.splitlines()[-1]  # in colour
    assert all(rule.name in drawn for rule in verdict.rules)


def test_plain_where_rich_is_missing(capsys, monkeypatch):
    verdict = judge(GOOD, GOOD)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    terminal.write(verdict)
    assert capsys.readouterr().out == "".join(terminal.table(verdict))
