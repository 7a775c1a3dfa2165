from benchmarks import counts, readme, reference
from benchmarks.instructions import BOARDS, CHECKOUT
from tests.benchmarks.counted import board, model

PAGE = CHECKOUT / "docs" / "instructions.md"


def test_a_line_for_each_model_in_millions_and_how_it_was_obtained():
    text = counts.to_markdown([board(a=model(), b=model(invoke=2_500_000, spread=7000))])
    lines = [[cell.strip() for cell in line.split("|")[2:-1]] for line in text.splitlines() if "Pi 4 " in line]
    assert lines[0] == ["a", "2.00", "7.00", "5.00", "0.10", "14.10", "10.0", "0.50"]
    assert lines[1] == ["b", "2.00", "7.00", "2.50", "0.10", "11.60", "10.0", "0.25"]
    assert "Raspberry Pi 4, emulated (`-cpu cortex-a72`), 2026-11-26" in text
    assert "3 runs with other seeds, at most 0.060% of the whole path apart" in text
    assert "no Raspberry Pi counted this; qemu 7.2.22, libc6 2.36, python 3.11.2" in text


def test_what_is_missed_is_said():
    kept = [board(a=model(invoke=6_000_000), b=model(invoke=3_000_000), c=model())]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in counts.aims(kept, models="ab").splitlines()[2:]
    ]
    assert [(model, stage, verdict) for model, _, stage, *_, verdict in rows] == [
        ("a", "invoke", "missed: 2.0 times that"),
        ("a", "end to end", "missed: 1.0 times that"),  # 15.1 million, of 15
        ("b", "invoke", "met"),
        ("b", "end to end", "met"),
    ]


def test_every_model_stands_beside_the_first_one():
    kept = [board(**{"shipped int8": model(invoke=4_000_000), "cell int8": model(invoke=1_000_000)})]
    text = counts.since(kept, [board(**{"first int8": model(invoke=4_000_000)})])
    rows = [[cell.strip() for cell in line.split("|")[2:-1]] for line in text.splitlines()[2:]]
    assert rows == [["first int8", "4.00", ""], ["shipped int8", "4.00", "+0%"], ["cell int8", "1.00", "-75%"]]


def test_the_page_has_what_is_kept():
    first = [reference.load(name, reference.FIRST) for name in BOARDS]
    figures = counts.figures([reference.load(name) for name in BOARDS], first=first)
    for name, text in figures.items():
        assert readme.is_current(PAGE, name, text), f"{name}: run `python -m benchmarks references --readme {PAGE}`"
