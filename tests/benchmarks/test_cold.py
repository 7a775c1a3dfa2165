import json

import pytest

from benchmarks import cold


def test_label_and_peak_in_one_line(bundle, picture, capsys):
    cold.main([str(bundle), str(picture("RED/a.png")), "1"])
    found = json.loads(capsys.readouterr().out)
    assert found["label"] == "RED"
    assert found["peak_kb"] > 1000


def test_what_cannot_be_classified_ends_the_process(bundle, tmp_path, capsys):
    with pytest.raises(SystemExit, match="expected"):
        cold.main([str(bundle), str(tmp_path / "absent.png"), "1"])
    assert capsys.readouterr().out == ""
