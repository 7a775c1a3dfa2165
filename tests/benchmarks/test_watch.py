import os
from pathlib import Path

import pytest

from benchmarks import watch as watch_module
from benchmarks.watch import available_mb, thin, watch

HOLD = "held = b'1' * {bytes}; __import__('time').sleep({seconds})"


def timeit(statement: str) -> list[str]:
    """A module of the standard library that runs a statement once."""
    return ["timeit", "-n", "1", "-r", "1", statement]


def test_peak_is_that_of_the_command():
    # Both last for many samples: the kernel's own count is left out where pytest is the larger process.
    low, _ = watch(timeit(HOLD.format(bytes=1, seconds=0.5)), every_s=0.02)
    high, _ = watch(timeit(HOLD.format(bytes=200_000_000, seconds=0.5)), every_s=0.02)
    assert low > 5
    assert high - low == pytest.approx(200, abs=5)


def test_peak_of_a_command_smaller_than_this_process(monkeypatch):
    # The kernel's count at the end is ours then: the samples must do.
    monkeypatch.setattr(watch_module, "_counted_mb", lambda usage: 0.0)
    peak, samples = watch(timeit(HOLD.format(bytes=100_000_000, seconds=1)), every_s=0.02)
    assert 100 < peak < 150
    assert peak >= max(mb for _, mb in samples) - 0.1  # samples are rounded to 0.1


def test_what_the_kernel_counted_before_the_command_is_not_taken(monkeypatch):
    usage = type("Usage", (), {"ru_maxrss": 1000})
    for ours, found in ((999, 1000 * 1024 / 1e6), (1000, 0.0), (5000, 0.0)):
        own = type("Usage", (), {"ru_maxrss": ours})
        monkeypatch.setattr(watch_module.resource, "getrusage", lambda who, own=own: own)
        assert watch_module._counted_mb(usage) == found


def test_samples_follow_the_memory_over_time():
    _, samples = watch(timeit(HOLD.format(bytes=100_000_000, seconds=1)), every_s=0.02)
    seconds = [at for at, _ in samples]
    assert seconds == sorted(seconds)
    assert samples[0][1] < 100 < max(mb for _, mb in samples)


def test_command_runs_in_the_checkout_and_says_nothing(capfd):
    watch(timeit("import benchmarks.watch; print('aloud')"))
    assert capfd.readouterr() == ("", "")


def test_failure_is_told_by_its_last_line(refused):
    with refused("`python -m timeit -n` to do its work, got ValueError: no such thing;"):
        watch(timeit("raise ValueError('no such thing')"))


def test_silent_failure_is_told_by_its_status(refused):
    with refused("got status 3;"):
        watch(timeit("import os; os._exit(3)"))


def test_command_is_ended_when_watching_is(monkeypatch):
    found = []

    def stop(process):
        found.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(watch_module, "_memory_mb", stop)
    with pytest.raises(KeyboardInterrupt):
        watch(timeit(HOLD.format(bytes=1, seconds=60)))
    assert not Path(f"/proc/{found[0]}").exists()


@pytest.mark.parametrize(("count", "kept"), [(0, 0), (1, 1), (4, 4), (5, 3), (8, 4), (1001, 4)])
def test_thinned_samples_keep_every_peak(count, kept):
    samples = [(float(number), float(number * 7919 % 1000)) for number in range(count)]
    found = thin(samples, kept=4)
    assert len(found) == kept
    assert set(found) <= set(samples)
    assert max(samples, default=None, key=lambda sample: sample[1]) == max(
        found, default=None, key=lambda sample: sample[1]
    )
    assert list(found) == sorted(found)


def test_available_memory_is_part_of_what_there_is():
    assert 10 < available_mb() < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_a_process_that_has_ended_has_no_memory():
    assert watch_module._memory_mb(2**22 + 1) == (0.0, 0.0)  # above the highest id that Linux gives
