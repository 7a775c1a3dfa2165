import pytest

from benchmarks import instructions, reference
from benchmarks.__main__ import main
from edge_runtime.files import write_json
from tests.benchmarks.counted import board, model


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """Runs the command where both boards have these counts; status, standard output and the lines of standard error."""
    asked = {}

    def run(*options, counts):
        def measure(models, *, boards, **settings):
            asked.update(models=models, boards=boards, **settings)
            return [counts] * len(boards)

        monkeypatch.setattr(instructions, "measure", measure)
        status = main(["instructions", "--reference", str(tmp_path / "kept"), *options])
        said = capsys.readouterr()
        return status, said.out, said.err.splitlines()

    run.asked = asked
    return run


def test_what_was_made_the_reference_passes_and_growth_does_not(command, tmp_path):
    status, table, _ = command("--update", counts=board())
    assert (status, command.asked["runs"], command.asked["boards"]) == (0, 3, ["pi-4", "pi-5"])
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["pi-4-emulated.json", "pi-5-emulated.json"]
    assert command("--check", counts=board()) == (0, table, [])
    assert command.asked["runs"] == 1
    status, _, lines = command("--check", counts=board(int8=model(invoke=5_100_000)))
    assert status == 1
    assert lines[0].startswith("benchmarks: Raspberry Pi 4, emulated: int8, invoke: grew by 2.0%, from 5,000,000")
    assert lines[1] == f"benchmarks: {reference.GREW}"


def test_references_and_verdicts_need_no_reader(command, lose_reader, tmp_path):
    lose_reader()
    assert command("--update", counts=board())[0] == 0
    assert (tmp_path / "kept" / "pi-4-emulated.json").exists()
    status, _, lines = command("--check", counts=board(int8=model(invoke=5_100_000)))
    assert (status, lines[-1]) == (1, f"benchmarks: {reference.GREW}")


def test_status_3_where_nothing_can_be_said(command):
    command("--update", counts=board())
    status, _, lines = command("--check", "--board", "pi-4", counts=board(versions={"libc6": "3"}))
    assert status == 3
    assert len(lines) == 1


def test_a_failure_on_one_board_is_not_hidden_by_another_that_is_not_judged(command, tmp_path):
    command("--update", counts=board())
    write_json(reference.path_of("pi-5", tmp_path / "kept"), board(versions={"qemu": "1"}).to_json())
    assert command("--check", counts=board(int8=model(invoke=9_000_000)))[0] == 1
    assert command("--check", counts=board())[0] == 3


def test_without_either_it_only_counts(command, tmp_path):
    status, table, lines = command("--board", "pi-5", counts=board())
    assert (status, lines) == (0, [])
    assert "| Raspberry Pi 4 |" in table
    assert not (tmp_path / "kept").exists()


def test_runs_that_differ_do_not_become_the_reference(command, tmp_path):
    status, _, (line,) = command("--update", counts=board(int8=model(spread=20_000)))
    assert status == 2
    assert "within 0.1% of the whole path" in line
    assert not (tmp_path / "kept").exists()


def test_bundles_of_ones_own(command, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "leukolite-int8.tflite").touch()
    assert command("--bundles", str(tmp_path / "mine"), counts=board())[0] == 0
    assert list(command.asked["models"]) == ["mine int8"]


def test_a_board_without_a_reference_is_told_before_anything_is_counted(command):
    status, _, (line,) = command("--check", "--board", "pi-5", counts=board())
    assert (status, command.asked) == (2, {})
    assert line.endswith("add it: python -m benchmarks instructions --update --board pi-5")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--board", "pi-3"], "none of pi-4, pi-5"),
        (["--check", "--update"], "not allowed with"),
        (["--check", "--bundles", "x"], "without --reference"),
        (["--update", "--picture", "x"], "without --reference"),
    ],
)
def test_usage_is_one_line(capsys, options, said):
    with pytest.raises(SystemExit) as stopped:
        main(["instructions", *options])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
