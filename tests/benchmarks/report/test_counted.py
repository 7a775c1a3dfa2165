from benchmarks.report import counted
from tests.benchmarks.counted import board, model


def test_every_board_and_model_in_millions():
    found = counted.section([board(one=model(), other=model(invoke=6_000_000))])
    assert [list(row) for row in found.tables[0].rows] == [
        ["Raspberry Pi 4, emulated", "one", "2.00", "7.00", "5.00", "0.10", "14.10"],
        ["Raspberry Pi 4, emulated", "other", "2.00", "7.00", "6.00", "0.10", "15.10"],
    ]
    assert "other: 15.1 M, invoke 6.0 M" in found.drawings[0]
    assert "No Raspberry Pi counted this" in found.notes[0]
