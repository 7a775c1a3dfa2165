import json

import pytest

from benchmarks.peers.report import Report
from edge_runtime.files import write_json
from tests.benchmarks.peers.rows import report, row

OURS = row("leukolite")


def test_the_front_are_those_that_none_as_good_is_faster_than():
    rows = [
        OURS,
        row("slower and worse", ms=2.0, accuracy=0.8),
        row("slower and better", ms=3.0, accuracy=0.95),
        row("faster and worse", ms=0.5, accuracy=0.5),
        row("as good and slower", ms=1.1, accuracy=0.9),
    ]
    assert report(*rows).front() == {rows[index].name for index in (0, 2, 3)}


def test_ours_that_leads_misses_nothing():
    assert report(OURS, row("peer", ms=1.5), row("worse", ms=1.0, accuracy=0.89)).shortfalls() == []


@pytest.mark.parametrize("accuracy", [0.9, 0.8951, 0.95])
def test_a_peer_as_good_must_take_half_as_long_again(accuracy):
    (line,) = report(OURS, row("peer", ms=1.49, accuracy=accuracy)).shortfalls()
    assert line == "peer leukolite int8 is as good and takes 1.49 times as long, not 1.5"


def test_our_other_kind_is_no_peer():
    assert report(OURS, row("leukolite", kind="float32", ms=1.2)).shortfalls() == []


def test_ours_behind_the_front_is_said():
    first, *_ = report(OURS, row("peer", ms=0.9)).shortfalls()
    assert first == "leukolite int8 is not on the front"


def test_a_report_reads_as_it_was_written(tmp_path):
    made = report(OURS, row("MobileNet", network="its own", alike=None), left_out={"another": "is not installed"})
    write_json(tmp_path / "r.json", made.to_json())
    assert Report.load(tmp_path / "r.json").to_json() == made.to_json()
    assert Report.load(tmp_path / "r.json").shortfalls() == made.shortfalls()


@pytest.mark.parametrize(
    "change", [{"schema_version": 2}, {"rows": [{}]}, {"rows": []}, {"about": {}}, {"about": []}, {"more": 1}]
)
def test_another_file_is_refused(tmp_path, refused, change):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(report(OURS).to_json() | change))
    with refused("a report of `benchmarks peers`"):
        Report.load(path)
