from itertools import pairwise

import numpy as np
import pytest

from benchmarks import noise
from benchmarks.__main__ import main
from benchmarks.latency import load_suite
from benchmarks.merge import save
from benchmarks.noise import Drawn, Process, draw, to_suite
from benchmarks.workload import PARTS
from tests.benchmarks.measured import entry, repetition, run


@pytest.fixture
def made_up():
    """Three processes of forty blocks; a value tells its process, and its block by the digits behind the point."""
    return [
        Process(
            samples=np.repeat(number + np.arange(40) / 1000, 3).astype(np.float32),
            sizes=np.full(40, 3, np.int32),
            visits=np.full((40, len(PARTS)), 0.25, np.float32),
        )
        for number in (1, 2, 3)
    ]


def test_command_keeps_a_run(tmp_path, capsys):
    entries = [entry([1.0, 2.0, 4.0], stage=stage) for stage in noise.STAGES_KEPT]
    save(run(*entries), tmp_path / "run.json")
    out = tmp_path / "noise.npz"
    assert main(["noise", str(tmp_path / "run.json"), "--out", str(out)]) == 0
    found = noise.load(out)
    assert list(found) == list(noise.STAGES_KEPT)
    for own in found.values():
        assert [float(each.samples[0]) for each in own] == pytest.approx([0.75, 1.5, 3.0], rel=1e-3)
        assert [each.sizes.tolist() for each in own] == [[2, 2]] * 3
        assert all((each.visits == 0.25).all() and each.visits.shape == (2, len(PARTS)) for each in own)


def test_of_several_threads_and_batches_the_noise_of_one_is_kept(tmp_path):
    entries = [entry([1.0, 2.0], stage=stage) for stage in noise.STAGES_KEPT]
    others = [entry([8.0, 9.0], threads=4), entry([8.0, 9.0], batch=8)]
    save(run(*entries, *others), tmp_path / "run.json")
    (first, _) = noise.keep(load_suite(tmp_path / "run.json"))["invoke"]
    assert float(first.samples[0]) == pytest.approx(0.75, rel=1e-3)


def test_noise_of_several_models_is_not_taken_for_that_of_one(tmp_path, refused):
    entries = [entry([1.0, 2.0], stage=stage, role=role) for stage in noise.STAGES_KEPT for role in ("int8", "a")]
    save(run(*entries), tmp_path / "run.json")
    with refused("a run of one model with .*, got decode, decode, invoke, invoke, end_to_end, end_to_end; measure"):
        noise.keep(load_suite(tmp_path / "run.json"))


def test_many_samples_are_thinned_alike_in_long_and_short_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(noise, "_SAMPLES_KEPT", 4)
    entries = [entry([1.0, 1.0], stage=stage) for stage in noise.STAGES_KEPT]
    for each in entries:
        each["extra_info"]["repetitions"] = [repetition((15, 1)).to_json()] * 2
        each["stats"]["data"] = [0.001] * 32
    save(run(*entries), tmp_path / "run.json")
    found = noise.keep(load_suite(tmp_path / "run.json"))
    assert [each.sizes.tolist() for each in found["invoke"]] == [[4, 1]] * 2  # each fourth, and one at least


def test_a_run_with_too_little_noise_is_refused(tmp_path, refused):
    for entries in ([entry([1.0, 2.0])], [entry([1.0], stage=stage) for stage in noise.STAGES_KEPT]):
        save(run(*entries), tmp_path / "run.json")
        with refused("a run of one model with decode, invoke, end_to_end on one thread in several repetitions"):
            noise.keep(load_suite(tmp_path / "run.json"))


@pytest.mark.parametrize("content", [None, b"", b"PK", b"no zip"])
def test_what_is_no_noise_is_refused(tmp_path, refused, content):
    if content is not None:
        (tmp_path / "noise.npz").write_bytes(content)
    with refused("recorded noise at"):
        noise.load(tmp_path / "noise.npz")


def test_a_drawn_run_keeps_neighbours_together(made_up, monkeypatch):
    monkeypatch.setattr(noise, "_DRIFT", 0.0)
    runs = draw(made_up, drawn=Drawn(repetitions=4), random=np.random.default_rng(1))
    processes = [int(each.samples[0]) for each in runs]
    assert [(after - before) % 3 for before, after in pairwise(processes)] == [1, 1, 1]
    blocks = np.round((runs[0].samples[::3] % 1) * 1000).astype(int)
    follows = (np.diff(blocks) % 40 == 1).mean()
    assert 0.6 < follows < 1.0  # four fifths, by chance


def test_work_takes_longer_and_the_workload_does_not(made_up):
    one, other = (
        to_suite(draw(made_up, drawn=Drawn(factor=factor), random=np.random.default_rng(1))) for factor in (1.0, 1.5)
    )
    assert other.measurements[0].ratio == pytest.approx(1.5 * one.measurements[0].ratio)
    units = [[each.unit_ms(10) for each in suite.measurements[0].repetitions] for suite in (one, other)]
    assert units[0] == units[1]


def test_a_wandering_clock_moves_both(made_up):
    level = [Process(np.ones_like(each.samples), each.sizes, np.ones_like(each.visits)) for each in made_up]
    (drawn,) = draw(level, drawn=Drawn(repetitions=1), random=np.random.default_rng(1))
    assert np.ptp(drawn.samples) > 0.01
    assert (drawn.samples[::3, np.newaxis] == drawn.visits).all()
