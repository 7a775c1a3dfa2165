from dataclasses import replace

from edge_runtime.gate.changes import changes, find_images
from tests.edge_runtime.gate.made import made


def test_lost_first_won_last():
    mine, its = made(8, 10, 10, n=10), made(10, 9, 10, n=10)
    rows = list(mine.predictions)
    rows[19] = replace(rows[19], predicted="B")
    assert [(change.path, change.kind) for change in changes(mine, its)] == [
        ("A/8", "lost"),
        ("A/9", "lost"),
        ("B/9", "won"),
    ]
    assert changes(mine, mine) == []


def test_wrong_as_before_and_no_answer():
    its = made(9, 10, 10, n=10)
    rows = list(its.predictions)
    rows[9] = replace(rows[9], predicted="C" if rows[9].predicted == "B" else "B")
    rows[0] = replace(rows[0], predicted=None)
    found = changes(replace(its, predictions=tuple(rows)), its)
    assert [(change.path, change.kind) for change in found] == [("A/0", "lost"), ("A/9", "wrong as before")]
    assert found[0].candidate is None


def test_images_are_those_of_the_report_or_refused(leukolite, colors, picture, tmp_path, refused):
    from edge_runtime.report import load_report

    leukolite("evaluate", "--data", colors, "--report", tmp_path / "r.json")
    report = load_report(tmp_path / "r.json")
    images = find_images(colors, report)
    assert set(images) == {row.path for row in report.predictions}
    assert images["TEST/RED/a.png"] == str(colors / "TEST" / "RED" / "a.png")
    picture("colors/TEST/RED/a.png", color="BLUE")
    with refused("the images of the reports"):
        find_images(colors, report)
