import json
from dataclasses import replace

import pytest

from benchmarks.bulk import SCHEMA_VERSION, Kill, Report, Sample, Timing
from benchmarks.rates import derive, draw, load, save, shortfalls, steady, to_markdown


def bulk_run(*, rate=200.0, start=5.0, memory=(100_000, 100_000), images=2000, shard=100) -> Timing:
    """Ten seconds at 200 images a second, after five of starting; memory moves evenly between two values of kB."""
    ends = [start + done / rate for done in range(shard, images + 1, shard)]
    samples = tuple(
        Sample(end, done, round(memory[0] + (memory[1] - memory[0]) * done / images), 2 * end, 12)
        for end, done in zip(ends, range(shard, images + 1, shard), strict=True)
    )
    leaving = Sample(ends[-1] + 1, images, 10, 2 * ends[-1], 1)  # the workers have gone
    return Timing(ends[-1] + 2, (*samples, leaving), tuple(ends), {"errors": 0})


def report(**changes) -> Report:
    """Plain classification at 100 images a second after one second."""
    single = Timing(21.0, (Sample(20.0, 0, 50_000, 20.0, 1),))
    kill = Kill(at_images=1000, killed=1, lost=0, doubled=0, changed=0, timing=bulk_run())
    fields = {
        "schema_version": SCHEMA_VERSION,
        "images": 2000,
        "errors": 0,
        "image_bytes": 16_000_000,
        "actors": 2,
        "shard_size": 100,
        "model": {"file": "m.tflite", "sha256": "abc"},
        "single_start": (1.0, 1.5, 0.5),
        "single": (single, single),
        "bulk": (bulk_run(), bulk_run()),
        "kill": kill,
        "machine_state": {"load_1min_at_start": 0.1, "cpus": 2},
        "provenance": {"platform": {"cpu": "a CPU"}},
    }
    return Report(**{**fields, **changes})


def test_rates_are_those_of_the_samples():
    found = derive(report())
    assert found.single == pytest.approx(2000 / 21)
    assert found.single_steady == pytest.approx(100)
    assert found.bulk == pytest.approx(2000 / 17)
    assert found.bulk_steady == pytest.approx(200)
    assert found.ratio == pytest.approx(2)
    assert found.ratio_whole == pytest.approx(21 / 17)
    assert found.start_seconds == pytest.approx(7)
    assert found.single_cpu_ms == pytest.approx(10)
    assert found.bulk_cpu_ms == pytest.approx(15)


def test_ratio_is_of_pairs_so_that_a_slow_hour_cancels_out():
    slow = Timing(41.0, (Sample(40.0, 0, 50_000, 20.0, 1),))
    found = derive(report(single=(slow, report().single[0]), bulk=(bulk_run(rate=100), bulk_run())))
    assert found.ratio == pytest.approx(2)


def test_memory_is_of_the_work_and_not_of_the_end():
    found = derive(report(bulk=(bulk_run(memory=(100_000, 200_000)),) * 2))
    # Samples lie at every 5 %: the middles are 27.5 % and 87.5 %, since the one at 100 % does not count.
    assert found.memory_early_mb == pytest.approx(127.5)
    assert found.memory_late_mb == pytest.approx(187.5)
    assert found.memory_peak_mb == pytest.approx(200)
    assert found.growth == pytest.approx(187.5 / 127.5 - 1)


def test_the_last_shard_may_be_smaller():
    full = bulk_run()
    run = replace(full, shard_seconds=(*full.shard_seconds[:-1], full.shard_seconds[-2] + 0.05))
    assert steady(run, report(images=1910)) == pytest.approx(200, rel=0.02)  # one end of twenty is 0.4 shards off


@pytest.mark.parametrize("shards", [0, 2])
def test_too_few_shards_give_no_rate(refused, shards):
    with refused("at least 3 shards"):
        steady(replace(bulk_run(), shard_seconds=(1.0, 2.0)[:shards]), report())


def test_a_run_too_short_for_samples_gives_no_memory(refused):
    run = replace(bulk_run(), samples=bulk_run().samples[-1:])
    with refused("a sample of the memory"):
        derive(report(bulk=(run, run)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"bulk": (bulk_run(rate=150),) * 2}, ["1.50 x of one process, less than 1.6"]),
        ({"bulk": (bulk_run(memory=(100_000, 120_000)),) * 2}, ["memory grows by 11.4%"]),
        ({"bulk": (bulk_run(memory=(120_000, 100_000)),) * 2}, []),
        ({"kill": replace(report().kill, killed=0)}, ["no worker was killed"]),
        ({"kill": replace(report().kill, lost=3, doubled=2, changed=1)}, ["3 rows lost", "2 rows doubled", "1 rows"]),
    ],
    ids=["good", "slow", "leak", "shrinks", "no kill", "rows"],
)
def test_shortfalls_are_what_was_promised_and_is_not_so(changes, words):
    found = list(shortfalls(report(**changes)))
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))


def test_markdown_tells_both_ratios_and_what_was_killed():
    text = to_markdown(report(kill=replace(report().kill, lost=4)))
    assert "**2.00 x**" in text
    assert "1.24 x" in text
    assert "4 rows lost" in text
    assert "busy" not in text
    assert "busy" in to_markdown(report(machine_state={"load_1min_at_start": 1.5, "cpus": 2}))


def test_draws_a_picture(tmp_path):
    draw(report(), tmp_path / "new" / "bulk.png")
    assert (tmp_path / "new" / "bulk.png").read_bytes().startswith(b"\x89PNG")


def test_saves_all_samples_and_reads_them_again(tmp_path):
    save(report(), tmp_path / "bulk.json")
    assert load(tmp_path / "bulk.json") == report()
    assert json.loads((tmp_path / "bulk.json").read_text())["rates"]["ratio"] == pytest.approx(2)


@pytest.mark.parametrize(
    "change", [{"schema_version": 2}, {"bulk": [{}]}, {"single": 1}, {"kill": {}}, {"images": "many"}]
)
def test_another_file_is_refused(tmp_path, refused, change):
    save(report(), tmp_path / "bulk.json")
    fields = json.loads((tmp_path / "bulk.json").read_text())
    (tmp_path / "bulk.json").write_text(json.dumps({**fields, **change}))
    with refused("a benchmark of bulk"):
        load(tmp_path / "bulk.json")
