import sys

import pytest

from benchmarks.pi.making import call, kept


@pytest.fixture
def folder(tmp_path):
    """Make tmp_path/"a" of something; what it was made of each time is in `made`."""
    made = []

    def make(of, *, fails=False):
        def fill(place):
            made.append(of)
            assert list(place.iterdir()) == []
            (place / "file").write_text(of)
            if fails:
                raise ValueError("full disk")

        return kept(tmp_path / "a", made_of=of, make=fill) / "file"

    make.made = made
    return make


def test_it_is_made_once_and_again_of_something_else(folder):
    assert [folder(of).read_text() for of in ("x", "x", "y")] == ["x", "x", "y"]
    assert folder.made == ["x", "y"]


def test_what_was_not_made_to_the_end_is_made_again(folder):
    with pytest.raises(ValueError, match="full disk"):
        folder("x", fails=True)
    assert folder("x").read_text() == "x"
    assert folder.made == ["x", "x"]


def test_a_program_reads_says_and_has_the_environment_on_top():
    code = "import os, sys; print(sys.stdin.read(), os.environ['A'], 'PATH' in os.environ)"
    assert call([sys.executable, "-c", code], stdin="in", environment={"A": "b"}, remedy="r") == "in b True\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit('a\\nb\\x1b')", r"status 1 and b\\x1b"),
        ("print('out'); raise SystemExit(3)", "status 3 and out"),
        ("import os; os.abort()", "status -6 and no word"),
    ],
)
def test_a_program_that_fails_is_told_by_its_last_line(refused, code, said):
    with refused(f"got {said}; do this"):
        call([sys.executable, "-c", code], remedy="do this")


def test_a_program_that_hangs_or_is_not_there_is_told(refused, monkeypatch, tmp_path):
    with refused("No such file"):
        call([tmp_path / "none"], remedy="do this")
    monkeypatch.setattr("benchmarks.pi.making.TIMEOUT_S", 0.2)
    with refused("no answer within 0.2 s"):
        call([sys.executable, "-c", "import time; time.sleep(60)"], remedy="do this")
