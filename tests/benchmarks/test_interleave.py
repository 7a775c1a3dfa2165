"""Turns between calls and the workload, by a clock that only the two of them move."""

import json
import math

import pytest

from benchmarks.interleave import BLOCK_SECONDS, Interleaver, Repetition, blocks_of
from benchmarks.workload import PARTS
from edge_runtime.timing import Plan
from tests.benchmarks.measured import VISIT, conditions, repetition
from tests.edge_runtime import boards


class Machine:
    """A call of so many seconds, and a workload whose visit takes 3 ms."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now, self.log = seconds, 0.0, ""

    def clock(self) -> float:
        return self.now

    def call(self) -> str:
        self.now += self.seconds
        self.log += "c"
        return "answer"

    def visit(self):
        self.now += 0.003
        self.log += "W"
        return VISIT


def turns(machine, tmp_path, *, max_seconds=150.0, **plan) -> Interleaver:
    plan = Plan(**{"num_runs": 4, "min_secs": 0.0, "warmup_runs": 1, "warmup_min_secs": 0.0, **plan})
    board = boards.make(tmp_path)
    given = {"workload": machine, "plan": plan, "max_seconds": max_seconds, "board": board, "clock": machine.clock}
    return Interleaver(machine.call, **given)


def take(own: Interleaver, machine: Machine) -> Repetition:
    """As pytest-benchmark's pedantic mode does it."""
    machine.log = ""
    for _ in range(own.rounds):
        own.turn()
        machine.log += "-"  # what follows is timed
        own.sample()
    return own.finish()


def test_blocks_of_calls_between_visits(tmp_path):
    machine = Machine(BLOCK_SECONDS / 4)  # which binary numbers do not hold: four calls or five fill a block
    found = take(turns(machine, tmp_path, num_runs=10), machine)
    assert machine.log.startswith("Wc-c-c-c-c")  # a call after the visit that is not timed
    assert machine.log.endswith("cW")
    assert sum(found.blocks) == machine.log.count("-") == 10
    assert len(found.visits) == len(found.blocks) + 1 == machine.log.count("W")
    assert all(size in (4, 5) for size in found.blocks[:-1])


def test_a_slow_call_is_a_block_of_its_own_and_never_made_untimed(tmp_path):
    machine = Machine(1.0)
    found = take(turns(machine, tmp_path, num_runs=3), machine)
    assert machine.log == "W-cW-cW-cW"
    assert found.blocks == (1, 1, 1)


@pytest.mark.parametrize(
    ("seconds", "plan", "rounds", "loops"),
    [
        (0.25, {"num_runs": 4, "min_secs": 0.0}, 4, 1),
        (0.25, {"num_runs": 4, "min_secs": 2.5}, 10, 1),  # the seconds ask for more
        (0.25, {"num_runs": 4, "min_secs": 2.6}, 11, 1),
        (0.25, {"num_runs": 4, "min_secs": 100.0, "max_seconds": 5.0}, 20, 1),  # no longer than that
        (100.0, {"num_runs": 4, "min_secs": 0.0, "max_seconds": 5.0}, 2, 1),  # but for a second call
        (1 / 2**20, {"num_runs": 4, "min_secs": 0.0}, 4, 53),  # 50 microseconds for a sample, at least
        (1 / 2**20, {"num_runs": 4, "min_secs": 1.0}, 19785, 53),  # 2^20 / 53
    ],
)
def test_as_often_and_as_long_as_planned(tmp_path, seconds, plan, rounds, loops):
    own = turns(Machine(seconds), tmp_path, **plan)
    assert (own.rounds, own.loops) == (rounds, loops)


def test_warm_up_comes_first_and_is_as_long_as_planned(tmp_path):
    machine = Machine(0.25)
    turns(machine, tmp_path, warmup_min_secs=1.0)
    assert machine.log == "cccc"


def test_a_sample_is_so_many_calls(tmp_path):
    machine = Machine(1 / 2**20)
    own = turns(machine, tmp_path)
    machine.log = ""
    assert own.sample() == "answer"
    assert len(machine.log) == own.loops == 53


def test_the_board_is_asked_before_and_after(tmp_path):
    machine = Machine(1.0)
    own = turns(machine, tmp_path)
    boards.write(tmp_path / "sys/class/thermal/thermal_zone0/temp", "60000")
    found = take(own, machine)
    assert (found.before.state.temperature_c, found.after.state.temperature_c) == (48.312, 60.0)
    assert found.after.switches >= found.before.switches >= 0


def test_unit_is_a_percentile_of_each_part_added_up():
    visits = tuple(dict.fromkeys(PARTS, (ms, ms, ms)) for ms in (1.0, 2.0, 3.0))
    found = Repetition(1, (1, 1), visits, conditions(), conditions())
    assert [found.unit_ms(percentile) for percentile in (0, 50, 100)] == [3.0, 6.0, 9.0]


def test_json_there_and_back():
    found = repetition((2, 3), loops=7, after=conditions(bits=None, mhz=600.0, switches=5))
    assert Repetition.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize(
    "changes",
    [
        {"visits": []},
        {"blocks": [2]},
        {"blocks": [2, 0]},
        {"blocks": "no"},
        {"visits": [{"integer": [1.0]}] * 3},
        {"visits": [dict.fromkeys(PARTS, (0.0,))] * 3},
        {"visits": [dict.fromkeys(PARTS, ())] * 3},
        {"visits": [dict.fromkeys(PARTS, (0.25, math.nan))] * 3},
        {"visits": [dict.fromkeys(PARTS, (0.25, math.inf))] * 3},
        {"loops": 0},
        {"before": {}},
    ],
)
def test_what_is_no_repetition_is_an_error(changes):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Repetition.from_json({**repetition((2, 3)).to_json(), **changes})


def test_samples_are_cut_into_blocks_by_repetition():
    samples = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert list(blocks_of(samples, [repetition((1, 2)), repetition((3,))])) == [
        [[1.0], [2.0, 3.0]],
        [[4.0, 5.0, 6.0]],
    ]
    with pytest.raises(ValueError, match="6 samples in blocks of another number"):
        list(blocks_of(samples, [repetition((1, 2))]))
