import json
import os

from benchmarks.conditions import Conditions, switches
from tests.benchmarks.measured import conditions
from tests.edge_runtime import boards


def test_what_the_board_says(tmp_path):
    board = boards.make(tmp_path, vcgencmd="echo throttled=0x50005")
    boards.write(tmp_path / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1500000\n")
    found = Conditions.now(board)
    assert found.frequencies_mhz == (1500.0,)
    assert (found.state.temperature_c, found.state.load_1min) == (48.312, 0.1)
    assert found.state.throttling.now == ("under-voltage", "throttled")


def test_switches_only_grow():
    before = switches()
    os.sched_yield()
    assert switches() >= before >= 0


def test_json_there_and_back():
    for each in (conditions(), conditions(bits=None, load=3.0)):
        assert Conditions.from_json(json.loads(json.dumps(each.to_json()))) == each
