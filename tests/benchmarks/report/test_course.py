from dataclasses import replace

from benchmarks import history
from benchmarks.report import course
from tests.benchmarks.counted import board, model

COMMITS = ["a" * 40, "b" * 40]


def counts(*invokes, sha256="ab" * 32):
    """An entry a commit, whose invoke takes so many instructions."""
    return [
        history.of_counts(board(int8=model(invoke=each, sha256=sha256)), commit=commit, date=f"2026-01-0{at}T00:00:00Z")
        for at, (commit, each) in enumerate(zip(COMMITS, invokes, strict=False), start=1)
    ]


def rows(entries):
    return {row[0].rpartition(", ")[2]: list(row)[1:] for row in course.section(entries).tables[0].rows}


def test_first_last_and_change_of_each_figure():
    found = rows(counts(5_000_000, 6_000_000))
    assert found["invoke"] == [2, "instructions", "5.00 M", "6.00 M", "+20.0%", "the same"]
    assert list(found) == ["end to end", "invoke"]


def test_noise_is_no_change_and_one_point_has_none():
    assert rows(counts(5_000_000, 4_999_990))["invoke"][-2] == "+0.0%"
    assert rows(counts(5_000_000))["invoke"][-2:] == ["none", "none"]


def test_another_model_is_said_and_drawn():
    old, new = counts(5_000_000)[0], counts(5_000_000, 5_000_000, sha256="ef" * 32)[1]
    assert rows([old, new])["invoke"][-1] == "another"


def test_other_places_and_pictures_are_other_figures():
    entry = counts(5_000_000)[0]
    others = [replace(entry, where="a Pi"), replace(entry, picture="other")]
    assert len(course.section([entry, *others]).drawings) == 3 * 2


def test_unstable_points_are_named_with_cause_and_remedy():
    entry = counts(5_000_000)[0]
    points = tuple(replace(each, unstable=("load 9 on 2; end it",)) for each in entry.points if each.stage == "invoke")
    found = course.section([replace(entry, points=points)])
    (line,) = found.items
    assert line == "Unstable at aaaaaaaa, Raspberry Pi 4, emulated: int8, invoke: load 9 on 2; end it."
    assert 'class="marked"' in "".join(found.drawings)
