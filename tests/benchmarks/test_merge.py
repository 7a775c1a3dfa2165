import json

import pytest

from benchmarks import merge
from benchmarks.latency import load_suite
from tests.benchmarks.measured import UNIT_MS, entry, run


def test_samples_of_all_runs_follow_one_another(tmp_path):
    one, other = entry([1.0], peaks_kb=[10]), entry([3.0], peaks_kb=[20])
    path = tmp_path / "new" / "run.json"
    merge.save(merge.merge([run(one), run(other)]), path)
    found = load_suite(path).measurements[0]
    assert found.samples_ms == pytest.approx([UNIT_MS] * 4 + [3 * UNIT_MS] * 4)
    assert found.ratios == pytest.approx((1.0, 3.0))
    assert found.ratio == pytest.approx(2.0)
    assert found.about["peaks_kb"] == [10, 20]
    written = json.loads(path.read_text())
    stats = written["benchmarks"][0]["stats"]
    assert (stats["rounds"], stats["median"]) == (8, pytest.approx(2 * UNIT_MS / 1e3))
    assert (written["repetitions"], written["provenance"]["seconds"]) == (2, 3.0)


def test_loops_and_batches_are_taken_out_of_the_samples(tmp_path):
    each = entry([1.0], batch=8)
    each["extra_info"]["repetitions"][0]["loops"] = 10
    merge.save(run(each), tmp_path / "run.json")
    assert load_suite(tmp_path / "run.json").measurements[0].median_ms == pytest.approx(UNIT_MS / 80)


def test_repetitions_that_measured_other_things_are_refused(refused):
    with refused("the same measurements in every repetition, got .*decode.* in some only"):
        merge.merge([run(entry([1.0])), run(entry([1.0]), entry([1.0], stage="decode"))])


@pytest.mark.parametrize("change", [{"blocks": [2, 1]}, {"loops": "many"}, {"visits": []}])
def test_repetitions_that_do_not_fit_the_samples_are_refused(change, tmp_path, refused):
    each = entry([1.0])
    each["extra_info"]["repetitions"][0].update(change)
    merge.save(run(each), tmp_path / "run.json")
    with refused("a run of this benchmark suite"):
        load_suite(tmp_path / "run.json")
