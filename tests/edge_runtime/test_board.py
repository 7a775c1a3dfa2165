"""Fake machines: nothing that is missing, malformed, hanging or rubbish is an error."""

import json

import pytest

from edge_runtime.board import Board, Throttling, is_busy
from tests.edge_runtime import boards


@pytest.mark.parametrize("model", [boards.PI_4, boards.PI_5])
def test_a_raspberry_pi(tmp_path, model):
    board = boards.make(tmp_path, model=model)
    assert (board.model, board.is_raspberry_pi) == (model, True)
    assert (board.governors, board.temperature_c, board.load_1min) == (("performance",), 48.312, 0.1)
    assert board.memory_available_kb == 3_500_000
    assert board.throttling() == Throttling(0)
    found = board.describe()
    assert (found["board"], found["cpu"], found["memory_kb"]) == (model, model, 8_000_000)
    assert json.dumps(found, allow_nan=False)


def test_a_pc(tmp_path):
    board = boards.make(tmp_path, model=None, zone="x86_pkg_temp", governor="powersave", vcgencmd=None)
    assert (board.model, board.is_raspberry_pi) == (None, False)
    assert (board.governors, board.temperature_c) == (("powersave",), 48.312)
    assert board.throttling() == Throttling(None, "there is no vcgencmd")


def test_a_container_without_proc_and_sys(tmp_path):
    board = Board(proc=tmp_path / "proc", sys=tmp_path / "sys", vcgencmd=(str(tmp_path / "vcgencmd"),))
    assert (board.model, board.governors, board.temperature_c, board.load_1min) == (None, (), None, None)
    assert board.memory_available_kb is None
    assert board.state().throttling.bits is None
    assert json.dumps(board.describe(), allow_nan=False)


def test_folders_where_files_should_be(tmp_path):
    for name in (
        "proc/cpuinfo", "proc/device-tree/model", "proc/loadavg", "proc/meminfo",
        "sys/class/thermal/thermal_zone0/temp", "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    ):  # fmt: skip
        (tmp_path / name).mkdir(parents=True)
    board = Board(proc=tmp_path / "proc", sys=tmp_path / "sys", vcgencmd=(str(tmp_path),))
    assert (board.model, board.governors, board.temperature_c, board.load_1min) == (None, (), None, None)
    assert board.throttling().unknown == "vcgencmd cannot be run: Permission denied"


@pytest.mark.parametrize(
    ("bits", "now", "since_boot"),
    [
        ("0x0", (), ()),
        ("0x1", ("under-voltage",), ()),
        ("0x2", ("ARM frequency capped",), ()),
        ("0x4", ("throttled",), ()),
        ("0x8", ("soft temperature limit",), ()),
        ("0x10000", (), ("under-voltage",)),
        ("0x20000", (), ("ARM frequency capped",)),
        ("0x40000", (), ("throttled",)),
        ("0x80000", (), ("soft temperature limit",)),
        ("0x50005", ("under-voltage", "throttled"), ("under-voltage", "throttled")),
        ("0xE0008", ("soft temperature limit",), ("ARM frequency capped", "throttled", "soft temperature limit")),
        ("0xFFF0FFF0", (), ()),  # the other bits have no documented meaning
    ],
)
def test_the_firmwares_bits(tmp_path, bits, now, since_boot):
    found = boards.make(tmp_path, vcgencmd=f"echo throttled={bits}").throttling()
    assert (found.bits, found.now, found.since_boot) == (int(bits, 16), now, since_boot)


@pytest.mark.parametrize(
    ("script", "unknown"),
    [
        ("exit 1", "vcgencmd gave status 1 and said nothing"),
        ("echo VCHI initialization failed >&2; exit 255", "gave status 255 and said VCHI initialization failed"),
        ("echo throttled=0x0; exit 1", "vcgencmd gave status 1 and said throttled=0x0"),
        ("true", "vcgencmd gave status 0 and said nothing"),
        ("echo throttled=", "said throttled="),
        ("echo throttled=0xZZ", "said throttled=0xZZ"),
        ("echo throttled=0x123456789", "said throttled=0x123456789"),
        ("printf 'a\\033[31mb\\377'", "said a\\x1b[31mb"),
        ("exec sleep 60", "vcgencmd did not answer within 0.2 s"),
    ],
)
def test_a_vcgencmd_that_fails_hangs_or_prints_rubbish(tmp_path, script, unknown):
    board = boards.make(tmp_path, vcgencmd=script, timeout_s=0.2 if "sleep" in script else 20.0)
    found = board.throttling()
    assert (found.bits, found.now, found.since_boot) == (None, (), ())
    assert unknown in found.unknown
    assert found.unknown.isprintable()


@pytest.mark.parametrize("text", ["", "hot", "48.3", "999999999999", "-50000", "151000"])
def test_a_temperature_that_cannot_be_is_none(tmp_path, text):
    assert boards.make(tmp_path, temperature=text).temperature_c is None


def test_the_hottest_sensor_of_the_processor_counts(tmp_path):
    board = boards.make(tmp_path, temperature="50000")
    for number, (kind, text) in enumerate([("nvme", "70000"), ("CPU1", "60000"), ("acpitz", "90000")], start=1):
        boards.write(tmp_path / f"sys/class/thermal/thermal_zone{number}/type", kind)
        boards.write(tmp_path / f"sys/class/thermal/thermal_zone{number}/temp", text)
    assert board.temperature_c == 60.0


def test_any_sensor_will_do_where_none_is_the_processors(tmp_path):
    assert boards.make(tmp_path, zone="acpitz", temperature="41000\n").temperature_c == 41.0


def test_each_governor_is_named_once(tmp_path):
    board = boards.make(tmp_path)
    boards.write(tmp_path / "sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "ondemand\n")
    assert board.governors == ("ondemand", "performance")


@pytest.mark.parametrize("text", ["", "busy", "nan 1 2", "\0"])
def test_a_load_that_is_no_number_is_none(tmp_path, text):
    assert boards.make(tmp_path, load=text).load_1min is None


def test_this_machine_answers_or_does_not(tmp_path):
    assert json.dumps(Board().describe(), allow_nan=False)
    assert Board().state().temperature_c is None or -40 < Board().state().temperature_c < 150


@pytest.mark.parametrize(("load", "busy"), [(0.0, False), (2.0, False), (2.01, True)])
def test_half_of_the_processors_is_busy(load, busy):
    assert is_busy(load, cpus=4) is busy


@pytest.mark.parametrize(
    ("texts", "found"), [(("1500000\n", "600000\n"), (1500.0, 600.0)), (("", "fast"), ()), ((), ())]
)
def test_clocks_in_the_order_of_the_processors(tmp_path, texts, found):
    board = boards.make(tmp_path)
    for number, text in enumerate(texts):
        boards.write(tmp_path / f"sys/devices/system/cpu/cpu{number}/cpufreq/scaling_cur_freq", text)
    assert board.frequencies_mhz == found
