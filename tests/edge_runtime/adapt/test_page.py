"""docs/adapt.md: the commands of its first block do what it says, one after the other."""

import shlex
from pathlib import Path

from PIL import Image

from edge_runtime.__main__ import main

PAGE = Path(__file__).parents[3] / "docs" / "adapt.md"


def test_the_commands_work_as_they_stand(tmp_path, base, cells, pixels, monkeypatch, capsys):
    commands = PAGE.read_text(encoding="utf-8").split("```\n")[1].splitlines()
    assert [line.split()[:2] for line in commands] == [["leukolite", name] for name in ("adapt", "classify", "info")]
    cells(6)
    (tmp_path / "model.tflite").write_bytes(base.read_bytes())
    (tmp_path / "smears").mkdir()
    Image.fromarray(pixels("GREEN", 50)).save(tmp_path / "smears" / "green.png")
    monkeypatch.chdir(tmp_path)
    for line in commands:
        assert main(shlex.split(line)[1:]) == 0, line
    out = capsys.readouterr().out
    assert "GREEN" in out.partition("CONFIDENCE")[2].splitlines()[1]
    assert '"base_sha256"' in out
