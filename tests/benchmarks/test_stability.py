"""Each cause of an unstable measurement is named, and a steady one is left in peace."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.latency import Measurement
from benchmarks.stability import findings
from tests.benchmarks.measured import conditions, repetition

STEADY = (1.0,) * 40
SCATTERED = (1.0, 2.0) * 20
WARMING = tuple(np.linspace(1.0, 1.12, 40).tolist())  # halves 6 % apart, quartiles 6 %


def causes(samples, *, before=None, after=None, threads=1, cpus=4, loops=1) -> list[str]:
    about = {"num_threads": threads, "batch": 1}
    own = repetition((10, 10, 10, 10), before=before, after=after, loops=loops)
    measurement = Measurement("invoke", "int8", "int8_qat", samples, about, (own,))
    found = findings(measurement, cpus=cpus)
    assert all(each.remedy for each in found)
    return [each.cause for each in found]


def test_a_steady_measurement_is_stable_whatever_else_runs():
    assert causes(STEADY) == []
    assert causes(STEADY, before=conditions(load=9.0), after=conditions(mhz=600.0), threads=8) == []


@pytest.mark.parametrize(
    ("samples", "seen"),
    [(SCATTERED, "quartiles 67% of the median apart"), (WARMING, r"second half +6% against the first")],
)
def test_what_the_samples_show_is_said_first(samples, seen):
    assert causes(samples) == [seen, "no cause was found"]


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"threads": 8}, "8 threads on 4 processors"),
        ({"before": conditions(load=2.5)}, "load 2.5 on 4 processors"),
        ({"after": conditions(switches=2)}, "put aside 2 times in 0.1 s"),
        ({"before": conditions(mhz=1500.0), "after": conditions(mhz=1000.0)}, "the clock moved by 33%"),
    ],
)
def test_causes_of_a_scattered_measurement(given, cause):
    assert causes(SCATTERED, **given) == ["quartiles 67% of the median apart", cause]


def test_switches_count_against_all_the_time_that_was_measured():
    # Two in 60 ms are many; in the 6 s of samples of a hundred calls each they are not.
    assert causes(SCATTERED, after=conditions(switches=2), loops=100)[1:] == ["no cause was found"]


def test_a_throttled_board_is_named_even_where_the_samples_are_steady():
    assert causes(STEADY, after=conditions(bits=0x40000)) == ["throttled meanwhile"]
    assert causes(STEADY, before=conditions(bits=0x4)) == ["throttled before"]


def test_what_the_machine_does_not_tell_is_no_cause():
    unknown = conditions(bits=None)
    unknown = replace(unknown, frequencies_mhz=(), state=replace(unknown.state, load_1min=None))
    assert causes(SCATTERED, before=unknown, after=unknown)[1:] == ["no cause was found"]
