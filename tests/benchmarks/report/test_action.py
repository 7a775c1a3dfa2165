import json

from benchmarks.report import action, runs
from tests.benchmarks.counted import board, model

FIELDS = ["name", "unit", "value", "range", "extra"]


def test_every_figure_in_the_fields_that_the_action_reads(whole):
    found = json.loads(action.to_json(action.benchmarks(whole, [board(int8=model(spread=200))])))
    assert all(list(each) == FIELDS for each in found)
    assert all(isinstance(each["value"], int | float) and isinstance(each["range"], str) for each in found)
    named = {each["name"]: each for each in found}
    assert len(named) == len(found) == 5 + 13 + 2  # stages of a board, measurements, sizes
    count = named["Raspberry Pi 4, emulated: invoke of int8"]
    assert (count["value"], count["unit"], count["range"]) == (5_000_000, "instructions", "± 100")
    ratio = named["end to end of cell"]
    assert (ratio["value"], ratio["unit"], ratio["range"]) == (2.0, "reference workloads", "± 0")
    assert "median 1.5 ms" in ratio["extra"]
    assert named["size of cell"]["value"] == 30_000


def test_figures_of_several_runs_have_different_names(results):
    several = runs.load([results(name=name) for name in ("a.json", "b.json")])
    names = [each["name"] for each in action.benchmarks(several, [])]
    assert {"import of the runtime (a)", "import of the runtime (b)"} < set(names)
    assert len(set(names)) == len(names)


def test_what_is_unstable_is_said_beside_its_figure(whole):
    (found,) = [each for each in action.benchmarks(whole, []) if each["name"] == "end to end of int8 (2 threads)"]
    assert "unstable: quartiles 67% of the median apart; trust the ratio" in found["extra"]
