import pytest

from benchmarks.report import latencies, runs
from tests.benchmarks.measured import UNIT_MS, entry


def test_the_table_has_medians_spreads_and_ratios(whole):
    table = latencies.table(whole)
    ms, half = f"{2 * UNIT_MS:.3f}", f"{UNIT_MS:.3f}"
    figures = [ms, f"{ms} to {ms}", "2.000 x", half, f"{half} to {half}", "1.000 x"]
    assert [list(row) for row in table.rows] == [
        ["int8", "int8_qat", "60", *figures, "yes"],
        ["cell", "int8_qat", "30", *figures, "yes"],
    ]
    assert len(table.header) == len(table.align) == len(table.rows[0])


def test_a_row_is_stable_only_if_both_of_its_measurements_are(results):
    unstable = entry([1.0, 1.0])
    unstable["stats"]["data"] = [0.001, 0.002] * 4
    table = latencies.table(runs.load([results(unstable, entry([1.0], stage="end_to_end"))]))
    assert table.rows[0][-1] == "no"


def test_locate_is_taken_out_of_preprocess_and_what_is_left_over_is_told(whole):
    # 0.25 + 0.5 + 1 + 0.125 of 2; of the second model's preprocess, 0.25 are for locating.
    assert [list(row) for row in latencies.breakdown(whole).rows] == [
        ["int8", "0.250", "none", "0.500", "1.000", "0.125", "0.125", "2.000"],
        ["cell", "0.250", "0.250", "0.250", "1.000", "0.125", "0.125", "2.000"],
    ]


def test_sections_draw_every_stage_with_end_to_end_first(whole):
    times, ratios, stages = latencies.sections(whole)
    captions = [drawing.partition("<figcaption>")[2].partition("<")[0] for drawing in times.drawings]
    measured = ["Import", "Decode", "Locate", "Preprocess", "Postprocess"]
    assert captions == ["End to end", "Invoke", *measured]
    assert "int8, 2 threads: 1.5 ms (1 to 2), unstable" in times.drawings[0]
    assert "the runtime: 75 ms" in times.drawings[2]
    assert len(ratios.drawings) == 2
    assert len(stages.drawings) == 1


def test_a_part_of_a_run_is_told_as_far_as_it_goes(results):
    found = list(latencies.sections(runs.load([results(entry([1.0], stage="decode"))])))
    assert [section.title for section in found] == ["Latency", "Against the reference workload"]
    assert found[0].tables[0].rows[0][3:9] == ["none"] * 6


@pytest.mark.parametrize("preprocess", [0.25, 0.2])
def test_a_locate_that_took_longer_leaves_nothing_rather_than_less(results, preprocess):
    ratios = {"locate": 0.25, "preprocess": preprocess, "end_to_end": 1.0}
    given = [entry([ratio], stage=stage) for stage, ratio in ratios.items()]
    assert latencies.breakdown(runs.load([results(*given)])).rows[0][3] == "0.000"
