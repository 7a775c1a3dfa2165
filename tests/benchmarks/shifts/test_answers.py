import json

import pytest

from benchmarks.shifts import answers
from edge_runtime.files import write_json
from tests.benchmarks.shifts.made_up import PICTURES, made_up

RIGHT = (0, 0, 0, 1)


def test_what_is_written_is_read(tmp_path):
    measured = made_up({"blur": [RIGHT, (-1, 2, 1, 0)]}, {"blur": [RIGHT]})
    write_json(tmp_path / "shifts.json", measured.to_json())
    assert answers.read(tmp_path / "shifts.json") == measured


def change(value, path, new):
    *way, last = path
    for key in way:
        value = value[key]
    value[last] = new


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (("schema_version",), 99),
        (("models",), []),
        (("models",), None),
        (("pictures", 0), {}),
        (("models", 0, "predicted", "blur", 2), "0 1"),
        (("models", 0, "predicted", "blur", 2), "0 1 x 1"),
        (("models", 1, "predicted"), {"noise": ["0 0 0 1"]}),
        (("labels",), 3),
    ],
)
def test_other_files_are_refused(tmp_path, refused, path, new):
    value = json.loads(json.dumps(made_up({"blur": [RIGHT]}, {"blur": [RIGHT]}).to_json()))
    change(value, path, new)
    write_json(tmp_path / "shifts.json", value)
    with refused("measure again"):
        answers.read(tmp_path / "shifts.json")


def test_folds_are_pooled():
    others = [(f"other {name}", true, source) for name, true, source in PICTURES]
    first, second = made_up({"blur": [RIGHT]}), made_up({"blur": [(1, 1, 1, 1)]}, pictures=others)
    pooled = answers.pool([first, second])
    assert pooled.pictures == (*PICTURES, *others)
    assert pooled.answers[0].predicted["blur"][0] == (*RIGHT, 1, 1, 1, 1)
    assert pooled.answers[0].sha256 == ("digest 0", "digest 0")
    assert answers.pool([first]) == first


def test_what_does_not_belong_together_is_not_pooled(refused):
    first, others = made_up({"blur": [RIGHT]}), [(name.upper(), *rest) for name, *rest in PICTURES]
    with refused("4 pictures in two of them"):
        answers.pool([first, first])
    for second in (made_up({"noise": [RIGHT]}, pictures=others), made_up(*[{"blur": [RIGHT]}] * 2, pictures=others)):
        with refused("got others"):
            answers.pool([first, second])
