import json

import pytest

from benchmarks.roofline.report import Report
from edge_runtime.files import write_json
from tests.benchmarks.roofline.rooflines import position, report


def test_arithmetic_of_a_layer():
    layer = position()
    assert layer.gmacs == pytest.approx(50)  # 5e6 in 1e-4 s
    assert layer.intensity == 50
    assert position(us=0.0).gmacs == 0


@pytest.mark.parametrize(
    ("intensity", "where", "roof"), [(2, "second cache", 20), (50, "second cache", 100), (50, "memory", 50)]
)
def test_the_roof_is_the_lower_of_peak_and_bandwidth(intensity, where, roof):
    found = report()
    assert found.roof(found.networks[0], intensity, where=where) == roof


def test_layers_add_up_to_the_whole_where_cutting_changed_nothing():
    (network,) = report().networks
    assert network.share_of_sum == 1.0


@pytest.mark.parametrize("boards", [True, False])
def test_it_is_read_as_it_was_written(tmp_path, boards):
    write_json(tmp_path / "r.json", report(boards=boards).to_json())
    assert Report.load(tmp_path / "r.json") == report(boards=boards)


@pytest.mark.parametrize(
    "damage",
    [
        lambda value: value.update(schema_version=2),
        lambda value: value.pop("peaks"),
        lambda value: value.update(caches=[1]),
        lambda value: value["networks"][0].pop("whole"),
        lambda value: value["networks"][0]["layers"][0].update(more=1),
        lambda value: value.update(boards=[]),
    ],
)
def test_what_is_no_report_is_refused(tmp_path, refused, damage):
    value = json.loads(json.dumps(report().to_json()))
    damage(value)
    write_json(tmp_path / "r.json", value)
    with refused("expected a report of `python -m benchmarks roofline` at .+; make it again"):
        Report.load(tmp_path / "r.json")
