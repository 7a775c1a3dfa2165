from dataclasses import replace

from benchmarks import readme
from benchmarks.instructions import CHECKOUT
from benchmarks.roofline.report import Report
from benchmarks.roofline.tables import NOT_COUNTED, figures
from tests.benchmarks.roofline.rooflines import position, report

PAGE, KEPT = CHECKOUT / "docs" / "roofline.md", CHECKOUT / "reports" / "roofline.json"


def rows(text):
    """The cells of every line that is a table's."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]


def test_fractions_of_peak_and_roof_and_of_the_fewest_instructions():
    found = figures(report())
    network = rows(found["roofline-networks"])[-1]
    assert network == ["cell int8 (abababab)", "5.0 M", "125", "2%", "40.0", "40%", "1.00", "0.400 (62%)"]
    convolution, softmax = rows(found["roofline-layers"])[2:]
    assert convolution[2:] == ["5.00 M", "50.0", "80%", "50%", "50%", "2%", "0.400 (62%)"]
    assert softmax[2:] == ["0.00 M", "0.0", "20%", "", "", "2%", "2,000 k in all"]


def test_what_takes_less_than_a_call_has_no_fraction():
    (network,) = report().networks
    small = replace(network, layers=(position(instructions={"pi-4": 4_999}), position(instructions={"pi-4": 5_001})))
    first, second = rows(figures(report(networks=(small,)))["roofline-layers"])[2:]
    assert first[-1] == "5 k in all"
    assert second[-1] == "0.001 (24995%)"


def test_networks_stand_beside_the_first():
    first, other = rows(figures(report())["roofline-candidates"])[2:]
    assert first == ["`--widths 8`", "1.0 M", "5 k", "0.40", "0.400", "+0%"]
    assert other[3:] == ["0.30", "0.600", "-25%"]
    assert rows(figures(report())["roofline-shapes"])[2] == ["3x3 3>8", "1", "3", "3.000"]


def test_ceilings_and_how_they_were_found_are_said():
    text = figures(report())["roofline-machine"]
    assert "a copy of 256 kB" in text
    assert "a copy of 64 MB" in text
    assert "One thread of a processor; data caches: level 1 32 kB, level 2 1 MB. Medians of 7 rounds" in text
    assert "busy" not in text
    busy = report(machine_state={"load_1min_at_start": 5.0, "cpus": 2}, caches=())
    assert "not told" in figures(busy)["roofline-machine"]
    assert "The machine was busy (load 5.0 on 2 processors)." in figures(busy)["roofline-machine"]


def test_without_boards_nothing_is_said_of_them():
    found = figures(report(boards=False))
    assert found["roofline-shapes"] == found["roofline-candidates"] == NOT_COUNTED
    assert "instructions" not in "".join(found.values())


def test_the_page_has_what_is_kept():
    for name, text in figures(Report.load(KEPT)).items():
        assert readme.is_current(PAGE, name, text), (
            f"{name}: run `python -m benchmarks roofline --kept --out {KEPT} --readme {PAGE}`"
        )
