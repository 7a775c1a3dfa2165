from benchmarks.report import runs
from tests.benchmarks.measured import entry


def test_models_of_one_run_are_called_by_their_roles(whole):
    assert whole.models == ["int8", "cell"]
    assert len(whole.lines) == 13


def test_models_that_several_runs_call_alike_are_told_apart(results):
    one = results(entry([1.0], role="int8"), entry([1.0], role="only"), name="one.json")
    other = results(entry([1.0], role="int8"), name="other.json")
    assert runs.load([one, other]).models == ["int8 (one)", "only", "int8 (other)"]


def test_single_is_of_the_fewest_threads_and_one_picture(results):
    given = [entry([threads], threads=threads) for threads in (2, 1, 4)]
    found = runs.load([results(*given, entry([8.0], batch=8), entry([80.0], stage="folder", batch=16))])
    assert {stage: line.measurement.ratio for stage, line in found.single("int8").items()} == {"invoke": 1, "folder": 5}


def test_two_files_of_one_name_are_refused(results, tmp_path, refused):
    (tmp_path / "deep").mkdir()
    paths = [results(name=name) for name in ("a.json", "deep/a.json")]
    with refused("runs in files of different names.*got two named a; rename one"):
        runs.load(paths)
