import json
from dataclasses import replace

import pytest

from benchmarks import history
from benchmarks.latency import load_suite
from benchmarks.merge import save
from tests.benchmarks.counted import board, model
from tests.benchmarks.measured import entry, run

COMMIT = "c0ffee" + "0" * 34
MADE = {"commit": COMMIT, "dirty": False, "started": "2026-01-02T03:04:05Z", "platform": {"cpu": "a CPU"}}


@pytest.fixture
def suite(tmp_path):
    """Makes a run of that commit."""

    def make(*entries, **made):
        save(run(*entries, provenance={**MADE, "seconds": 1, **made}), tmp_path / "run.json")
        return load_suite(tmp_path / "run.json")

    return make


def counts(**changes):
    return history.of_counts(board(**changes), commit=COMMIT, date="2026-01-01T00:00:00Z")


def test_a_run_becomes_its_ratios(suite):
    unstable = entry([1.0, 1.0], stage="end_to_end")
    unstable["stats"]["data"] = [0.001, 0.002] * 4
    found = history.of_run(suite(entry([2.1, 1.9, 2.0]), unstable), source="run.json")
    assert (found.kind, found.where, found.picture) == ("ratios", "a CPU, 4 processors", "def")
    assert found.file_name == "ratios-a-cpu-4-processors-c0ffee000000.json"
    point, other = found.points
    assert (point.model, point.stage, point.value, point.low, point.high) == ("int8", "invoke", 2.0, 1.9, 2.1)
    assert point.unstable == ()
    assert other.unstable[0].startswith("quartiles 67% of the median apart; trust")


@pytest.mark.parametrize(
    ("made", "match"),
    [({"dirty": True}, "got one of a checkout with changes; commit"), ({"commit": None}, "got one without a commit")],
)
def test_a_run_of_no_commit_is_refused(suite, refused, made, match):
    with refused(f"x.json to be a run of a commit.*{match}"):
        history.of_run(suite(entry([1.0]), **made), source="x.json")


def test_counts_become_points_of_every_stage():
    found = counts(int8=model(spread=200))
    (point,) = [each for each in found.points if each.stage == "invoke"]
    assert (point.value, point.low, point.high) == (5_000_000, 4_999_900, 5_000_100)
    assert found.file_name == "instructions-raspberry-pi-4-emulated-c0ffee000000.json"


def test_what_is_stored_is_read_again_in_the_order_of_dates(suite, tmp_path):
    entries = [history.of_run(suite(entry([1.0, 2.0])), source=""), counts()]
    written = history.store(entries, tmp_path / "new")
    assert len(written) == 2
    assert history.load(tmp_path / "new") == entries[::-1]
    assert history.store(entries, tmp_path / "new") == []


def test_nothing_is_replaced_and_nothing_written_when_one_differs(tmp_path, refused):
    other = replace(counts(int8=model(invoke=6_000_000)))
    (path,) = history.store([counts()], tmp_path)
    before = path.read_bytes()
    with refused("no other entry at .*, got one with other figures; keep that one, or remove it first"):
        history.store([replace(counts(), commit="d" * 40), other], tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_two_runs_of_a_commit_on_a_machine_are_not_stored_as_one(suite, tmp_path, refused):
    entries = [history.of_run(suite(entry([ratio, ratio])), source="") for ratio in (1.0, 2.0)]
    with refused(
        "one entry for each machine or board and commit, got 2 for ratios-a-cpu-4-processors-.*json; choose one"
    ):
        history.store(entries, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"schema_version": 2},
        {"kind": "times"},
        {"commit": "HEAD"},
        {"where": 3},
        {"points": []},
        {"points": [{}]},
        {"points": None},
        {"surprise": 1},
    ],
)
def test_what_is_no_entry_is_refused(tmp_path, refused, changes):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({**counts().to_json(), **changes}))
    with refused(r"an entry of the history \(schema 1\) at .*a.json"):
        history.load(tmp_path)


@pytest.mark.parametrize("value", [0, -1, float("inf"), 4_000_000])
def test_figures_that_are_none_are_refused(tmp_path, refused, value):
    fields = counts().to_json()
    fields["points"][0]["value"] = value
    (tmp_path / "a.json").write_text(json.dumps(fields))
    with refused("an entry of the history"):
        history.load(tmp_path)


def test_an_empty_folder_is_refused_with_the_command_that_fills_it(tmp_path, refused):
    with refused(r"entries of the history \(\*.json\) in .*, got none; add one: python -m benchmarks store"):
        history.load(tmp_path)


def test_the_references_of_each_commit_are_read_from_git(monkeypatch):
    texts = {"a" * 40: board(int8=model(invoke=5_000_000)), "b" * 40: board(int8=model(invoke=6_000_000))}

    def git(command, *arguments):
        if command == "log":
            return "\n".join(f"{commit} {seconds}" for seconds, commit in enumerate(texts))
        commit, _, name = arguments[0].partition(":")
        return json.dumps(texts[commit].to_json()) if "pi-4" in name else None

    monkeypatch.setattr(history, "git", git)
    found = list(history.of_references())
    assert [each.commit[0] for each in found] == ["a", "b"]
    assert [each.date for each in found] == ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"]
    assert [next(p.value for p in each.points if p.stage == "invoke") for each in found] == [5_000_000, 6_000_000]


@pytest.mark.parametrize("said", [None, ""])
def test_without_git_s_history_it_says_so(monkeypatch, refused, said):
    monkeypatch.setattr(history, "git", lambda *arguments: said)
    with refused("commits that changed benchmarks/reference, got none; run it in a clone"):
        list(history.of_references())


def test_references_that_are_none_are_named_by_their_commit(monkeypatch, refused):
    monkeypatch.setattr(history, "git", lambda command, *rest: f"{COMMIT} 0" if command == "log" else "{")
    with refused("counts of instructions in benchmarks/reference/pi-4-emulated.json of c0ffee000000"):
        list(history.of_references())


def test_the_kept_history_can_be_read():
    entries = history.load(history.FOLDER)
    assert {each.kind for each in entries} == {"instructions", "ratios"}
    assert len({each.commit for each in entries}) >= 2
    paths = {path.name for path in history.FOLDER.glob("*.json")}
    assert paths == {each.file_name for each in entries}
