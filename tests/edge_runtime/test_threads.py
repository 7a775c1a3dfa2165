"""Work in threads: in order, no further ahead than is said, over when it is over, and interrupted at any moment."""

import _thread
import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge_runtime import threads
from edge_runtime.memory import PROC, read_kb
from edge_runtime.threads import in_order
from tests.edge_runtime.test_helper import until

INTERRUPTED = """
import itertools, random, signal
from edge_runtime.threads import in_order

def interrupt(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
random.seed(1)
for _ in range(1000):
    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.002))
    try:
        for _ in in_order(lambda item: item, itertools.count(), workers=3):
            pass
    except KeyboardInterrupt:
        continue
print("over")
"""


@pytest.fixture
def none_stays():
    """Fails when there are more threads afterwards: each says that it is over a moment before it is."""
    before = _thread._count()  # `threading` does not know of them
    yield
    until(lambda: _thread._count() == before)


def test_it_ends_when_it_is_interrupted_whenever_that_is():
    """By concurrent.futures, one of some hundred interrupts left a lock taken, or a thread unheard of."""
    process = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        timeout=120,  # which is no figure: a lock that is left taken is waited for without an end
        check=False,
    )
    assert (process.stdout, process.stderr, process.returncode) == ("over\n", "", 0)


class Counting:
    """Items without an end, that knows how many were taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self):
        return self

    def __next__(self) -> int:
        self.taken += 1
        return self.taken - 1


@pytest.mark.parametrize("workers", [2, 5])
def test_results_come_in_the_order_of_the_items_however_long_each_takes(workers):
    def work(item: int) -> int:
        time.sleep(0.003 * (item % 4 == 0))
        return item * item

    assert list(in_order(work, range(50), workers=workers)) == [item * item for item in range(50)]


def test_work_is_done_side_by_side():
    together = threading.Barrier(3)  # each waits for two others, which one thread alone would do for ever
    assert len(list(in_order(lambda _: together.wait(timeout=30), range(3), workers=3))) == 3


def test_a_hundred_thousand_are_never_in_memory_at_once():
    items, alive, most = Counting(), 0, 0
    results = in_order(lambda item: bytes(10_000), items, workers=4)
    before = read_kb(PROC / "self" / "status", "VmRSS")
    for done, _ in enumerate(itertools.islice(results, 100_000), 1):
        alive = items.taken - done
        most = max(most, alive)
    assert most <= 4 * threads._AHEAD
    # All of them would take 1 GB; a tenth of a percent of that, and as much again for the allocator.
    assert read_kb(PROC / "self" / "status", "VmRSS") - before < 20_000
    results.close()


@pytest.mark.parametrize("taken", [0, 3])
@pytest.mark.usefixtures("none_stays")
def test_no_thread_outlives_it(taken):
    results = in_order(lambda item: item, Counting(), workers=3)
    assert list(itertools.islice(results, taken)) == list(range(taken))
    results.close()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.usefixtures("none_stays")
def test_what_is_raised_is_raised_in_its_turn(error):
    def work(item: int) -> int:
        if item == 7:
            raise error
        return item

    results = in_order(work, Counting(), workers=3)
    assert list(itertools.islice(results, 7)) == list(range(7))
    with pytest.raises(error):
        next(results)
