import json

from benchmarks.shifts import tables
from benchmarks.shifts.curves import MEAN, trace
from benchmarks.shifts.kinds import GRADES, KINDS, MICROSCOPE
from edge_runtime.files import write_json
from tests.benchmarks.shifts.made_up import made_up

RIGHT, SILENT = (0, 0, 0, 1), (-1, -1, -1, -1)


def rows(text):
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {line[0]: line[1:] for line in lines}


def test_the_table_holds_areas_gains_and_silence():
    measured = made_up({"blur": [RIGHT, SILENT], MICROSCOPE: [RIGHT]}, {"blur": [RIGHT], MICROSCOPE: [RIGHT]})
    text = tables.to_markdown(measured, trace(measured))
    found = rows(text)
    assert found["area"] == ["m0", "m1"]
    assert found["blur"] == ["0.100", "1.000"]
    assert found["**mean of these**"] == ["0.100 [0.100, 0.100]", "1.000 [1.000, 1.000]"]
    assert found["- more than m0"] == ["", "+0.000 [+0.000, +0.000]"]  # of the microscope, which comes last
    assert found["- without an answer"] == ["0.0%", "0.0%"]
    assert "+0.900 [+0.900, +0.900]" in text
    assert "100.0%" in text
    assert "4 pictures of 3 source cells of TEST" in text


def test_one_kind_and_one_model_have_no_more_rows_than_they_need():
    measured = made_up({MICROSCOPE: [RIGHT]})
    assert list(rows(tables.to_markdown(measured, trace(measured))))[2:] == [
        "untouched: no area",
        "**microscope**",
        "- without an answer",
    ]


def test_json_holds_every_figure(tmp_path):
    measured = made_up({"blur": [RIGHT, SILENT]})
    write_json(tmp_path / "a.json", tables.to_json(measured, trace(measured)))
    curves = json.loads((tmp_path / "a.json").read_text())["curves"]["m0"]
    assert list(curves) == ["blur", MEAN]
    assert [figure["value"] for figure in curves["blur"]["accuracy"]] == [1] + [0] * GRADES
    assert curves["blur"]["area"] == {"value": 0.1, "ci95": [0.1, 0.1]}
    assert curves["blur"]["gained"] == {"value": 0, "ci95": [0, 0]}


def test_levels_of_every_kind():
    found = rows(tables.levels())
    assert found["jpeg"] == ["quality", "95", "60", "40", "25", "15", "8"]
    assert list(found)[2:] == list(KINDS)
