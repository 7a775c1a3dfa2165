"""Minutes that a false clock lets pass: retention, and runs that a throttling board voids."""

import json

import pytest

from benchmarks import picture, sustained
from benchmarks.__main__ import main
from tests.edge_runtime import boards


class Heat:
    """A clock that moves by half a second each time it is asked, and by more the longer it has run."""

    def __init__(self, slowing: float = 0.0) -> None:
        self.now, self.slowing = 0.0, slowing

    def __call__(self) -> float:
        self.now += 0.5 * (1 + self.slowing * (self.now > 60))
        return self.now


def long_run(bundle, board, *, clock=None, minutes=2.0):
    return sustained.run(bundle, picture=picture.generate(), minutes=minutes, board=board, clock=clock or Heat())


def test_a_board_that_keeps_its_speed(bundle, tmp_path):
    board = boards.make(tmp_path)
    boards.write(tmp_path / "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1800000\n")
    boards.write(tmp_path / "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "1500000\n")
    found = long_run(bundle, board)
    assert found.retention == 1.0
    assert found.invalid_because == ()
    assert found.windows[-1].at_s >= 115
    assert {each.frequency_mhz for each in found.windows} == {1500.0}  # the slowest
    assert {each.state.temperature_c for each in found.windows} == {48.312}
    assert len(found.first) == len(found.last) > 5
    text = sustained.to_markdown(found)
    assert "keeps 100.0% of the speed" in text
    assert "Temperature 48 to 48 C (highest 48, lowest 48), slowest clock 1500 to 1500 MHz" in text
    assert "Void" not in text


def test_retention_is_of_the_last_half_minute_against_the_first(bundle, tmp_path):
    found = long_run(bundle, boards.make(tmp_path), clock=Heat(slowing=0.25))
    assert found.retention == pytest.approx(1 / 1.25)
    assert found.first == (500.0,) * len(found.first)
    assert set(found.last) == {625.0}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (("0x0", *["0x0"] * 15, *["0x4"] * 5), ("throttled meanwhile",)),  # for five windows and then no more
        (("0x4",), ("throttled before",)),
        (("0x0", *["0x0"] * 15, *["0x40000"] * 999), ("throttled meanwhile",)),  # between two looks
        (("0x40000",), ()),  # before the run began
    ],
)
def test_a_board_that_throttled_voids_the_run(bundle, tmp_path, answers, expected):
    rest = "0x40000" if answers[0] == "0x40000" else "0x0"
    board = boards.make(tmp_path, vcgencmd=boards.answers(tmp_path, *answers, *[rest] * 999))
    found = long_run(bundle, board)
    assert found.invalid_because == expected
    assert found.to_json()["valid"] == (not expected)
    assert ("**Void**" in sustained.to_markdown(found)) == bool(expected)


def test_a_board_that_tells_nothing_is_said_to(bundle, tmp_path):
    text = sustained.to_markdown(long_run(bundle, boards.make(tmp_path, vcgencmd=None, temperature=None)))
    assert "Temperature not known, slowest clock not known." in text
    assert "Whether the board throttled is not known: there is no vcgencmd." in text


def test_command_writes_all_of_it(bundle, tmp_path, monkeypatch, capsys):
    board = boards.make(tmp_path, vcgencmd="echo throttled=0x4")
    found = long_run(bundle, board, minutes=1.0)
    asked = []
    monkeypatch.setattr(sustained, "run", lambda model, **given: asked.append((model, given)) or found)
    out = tmp_path / "out.json"
    assert main(["run", "--bundle", str(bundle), "--sustained", "1", "--out", str(out)]) == 1
    assert asked[0][0] == bundle
    assert asked[0][1]["minutes"] == 1.0
    said = capsys.readouterr()
    assert said.out == sustained.to_markdown(found)
    assert "void, because the board slowed down: throttled before" in said.err
    written = json.loads(out.read_text())
    assert (written["valid"], written["schema_version"], written["retention"]) == (False, 1, 1.0)
    assert len(written["windows"]) == len(found.windows)
    assert all(each["samples_ms"] for each in written["windows"])


@pytest.mark.parametrize("minutes", [0.0, 0.99, -1.0, float("nan"), float("inf")])
def test_a_run_without_two_half_minutes_is_refused(bundle, tmp_path, refused, minutes):
    with refused("a sustained run of at least 1 minute"):
        long_run(bundle, boards.make(tmp_path), minutes=minutes)


def test_what_cannot_be_classified_is_refused(bundle, tmp_path, refused):
    broken = picture.Picture("a; b.png", b"no image")
    with refused("tiny-int8.tflite to classify"):
        sustained.run(bundle, picture=broken, minutes=1.0, board=boards.make(tmp_path), clock=Heat())
    with refused("a TFLite model at"):
        long_run(tmp_path / "absent.tflite", boards.make(tmp_path))
