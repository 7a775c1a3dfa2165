from benchmarks.report import accuracies, runs
from tests.benchmarks.measured import entry
from tests.benchmarks.report.conftest import TOLD


def section_of(results, *told):
    given = [entry([1.0], stage="end_to_end", role=f"m{at}", accuracy=each) for at, each in enumerate(told)]
    return accuracies.section(runs.load([results(*given)]))


def test_accuracy_stands_against_time_and_size(whole):
    found = accuracies.section(whole)
    assert [list(row) for row in found.tables[0].rows] == [
        ["int8", "0.9000", "0.800 to 0.950", "2,487 of TEST", "60", "2.000 x"],
        ["cell", "0.8750", "0.800 to 0.950", "2,487 of TEST", "30", "2.000 x"],
    ]
    assert ["latency" in found.drawings[0], "size" in found.drawings[1]] == [True, True]


def test_cards_that_tell_nothing_are_left_out_and_said_when_none_does(results):
    assert [row[0] for row in section_of(results, None, TOLD, {**TOLD, "accuracy": None}).tables[0].rows] == ["m1"]
    assert section_of(results, None).notes == ("No card of these models tells an accuracy.",)


def test_an_interval_that_is_not_known_is_none(results):
    found = section_of(results, {**TOLD, "accuracy_ci95_by_source": None, "split": None, "n": None})
    assert found.tables[0].rows[0][2:4] == ("none", "0 of the data set")


def test_accuracies_on_other_images_are_said_not_to_compare(results):
    assert not any("do not compare" in note for note in section_of(results, TOLD, TOLD).notes)
    assert any("do not compare" in note for note in section_of(results, TOLD, {**TOLD, "data_sha256": "e"}).notes)
