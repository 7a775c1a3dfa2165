import pytest

from benchmarks import reference
from benchmarks.instructions import BOARDS, KEPT, bundles
from benchmarks.reference import judge
from edge_runtime.command import DONE, FAILED, INCONCLUSIVE
from edge_runtime.files import write_json
from tests.benchmarks.counted import COUNTS, board, model


@pytest.mark.parametrize("factor", [1.0, 1.0099, 0.9901])
def test_what_changed_by_less_than_a_hundredth_passes(factor):
    stages = {name: round(count * factor) for name, count in COUNTS.items()}
    assert judge(board(), board(int8=model(**stages))) == reference.Verdict(DONE)


def test_what_grew_is_named_with_both_counts_and_what_to_do():
    found = judge(board(), board(int8=model(invoke=5_100_000)))
    assert found.status == FAILED
    assert found.lines == (
        "Raspberry Pi 4, emulated: int8, invoke: grew by 2.0%, from 5,000,000 to 5,100,000 instructions",
        reference.GREW,
    )
    assert "python -m benchmarks instructions --update" in reference.GREW


def test_work_that_no_stage_does_alone_shows_in_the_whole():
    found = judge(board(), board(int8=model(postprocess=500_000)))
    assert [line.split(": ")[1] for line in found.lines[:-1]] == ["int8, postprocess", "int8, end_to_end"]


def test_what_fell_fails_too_and_is_told_apart():
    found = judge(board(), board(int8=model(invoke=2_500_000)))
    assert found.status == FAILED
    assert "int8, invoke: fell by 50.0%, from 5,000,000 to 2,500,000" in found.lines[0]
    assert found.lines[-1] == reference.FELL


@pytest.mark.parametrize(("stage", "noise"), [("decode", 12_200), ("postprocess", 56_400)])
def test_a_small_stage_may_change_by_what_runs_differ_by(stage, noise):
    """Noise is 0.1 % of the whole path, 1 % of the stage less; four times that where four counts make the stage."""
    before = model(**{stage: 100_000})
    assert judge(board(int8=before), board(int8=model(**{stage: 100_000 + noise}))).status == DONE
    found = judge(board(int8=before), board(int8=model(**{stage: 100_001 + noise})))
    assert found.status == FAILED
    assert f"int8, {stage}: grew by " in found.lines[0]


def test_that_it_is_another_model_is_said():
    (line, _) = judge(board(), board(int8=model(invoke=5_100_000, sha256="ef" * 32))).lines
    assert line.endswith("instructions (it is another model than the reference's)")
    assert judge(board(), board(int8=model(sha256="ef" * 32))).status == DONE


@pytest.mark.parametrize("name", ["qemu", "libc6", "python"])
def test_another_system_is_not_judged(name):
    found = judge(board(), board(versions={name: "9"}, int8=model(invoke=9_000_000)))
    assert found.status == INCONCLUSIVE
    (line,) = found.lines
    assert f"not judged, as another thing was counted ({name} 9, reference " in line
    assert "--update" in line


@pytest.mark.parametrize("name", ["ai-edge-litert", "numpy", "pillow"])
def test_a_package_that_is_pinned_here_asks_for_new_references(name):
    found = judge(board(), board(versions={name: "9", "qemu": "9"}))
    assert found.status == FAILED
    assert f"{name} 9, reference " in found.lines[0]


def test_another_picture_asks_for_new_references():
    found = judge(board(), board(picture="ef" * 32))
    assert found.status == FAILED
    assert "picture efefefefefef, reference cdcdcdcdcdcd" in found.lines[0]


def test_a_model_too_many_or_too_few_fails():
    found = judge(board(a=model(), b=model()), board(b=model(), c=model()))
    assert found.status == FAILED
    assert "no a, which the reference has; no reference of c" in found.lines[0]


def test_an_unknown_board_is_told_with_the_command_that_adds_it(tmp_path, refused):
    with refused("expected a reference of pi-5 at .+, got none; add it: .+ --update --board pi-5$"):
        reference.load("pi-5", tmp_path)
    write_json(reference.path_of("pi-4", tmp_path), board().to_json())
    with refused("got those of pi-4-emulated; "):
        reference.load("pi-5", tmp_path)


@pytest.mark.parametrize("name", BOARDS)
def test_the_kept_references_are_of_the_kept_models_and_say_how_they_were_obtained(name):
    kept = reference.load(name)
    assert kept.board == BOARDS[name].name
    assert kept.processor == BOARDS[name].qemu_cpu
    assert kept.models.keys() == bundles(KEPT).keys()
    assert kept.emulated
    assert "no Raspberry Pi" in kept.obtained
