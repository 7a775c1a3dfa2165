import pytest

from benchmarks.pi.board import CORES, PI_4, PI_5, write
from edge_runtime.provenance import cpu_name

CPU = "sys/devices/system/cpu"


@pytest.mark.parametrize(("board", "name"), [(PI_4, "Raspberry Pi 4"), (PI_5, "Raspberry Pi 5")])
def test_it_says_which_it_is_and_that_it_is_emulated(tmp_path, board, name):
    write(board, tmp_path)
    assert cpu_name(tmp_path / "proc") == f"{name}, emulated (qemu-user)"


@pytest.mark.parametrize("board", [PI_4, PI_5], ids=lambda board: board.name)
def test_every_core_has_its_paragraph_and_its_folder(tmp_path, board):
    write(board, tmp_path)
    paragraphs = (tmp_path / "proc/cpuinfo").read_text().split("\n\n")
    assert [each.splitlines()[0] for each in paragraphs[:-1]] == [f"processor\t: {core}" for core in range(CORES)]
    assert all(f"CPU part\t: {board.part}\n" in each for each in paragraphs[:-1])
    assert (tmp_path / CPU / "possible").read_text() == f"0-{CORES - 1}\n"
    for core in range(CORES):
        assert (tmp_path / CPU / f"cpu{core}/cpufreq/cpuinfo_max_freq").read_text() == f"{board.max_khz}\n"
        assert len(list((tmp_path / CPU / f"cpu{core}/cache").iterdir())) == len(board.caches)


@pytest.mark.parametrize("feature", ["asimddp", "atomics", "asimdhp"])
def test_a_pi_4_claims_no_instruction_that_only_a_pi_5_has(feature):
    """LiteRT believes cpuinfo, and an instruction that the emulated processor lacks ends it by SIGILL."""
    assert feature not in PI_4.features.split()
    assert feature in PI_5.features.split()


def test_a_cache_is_a_cores_own_or_of_all():
    files = PI_5.files()
    assert files[f"{CPU}/cpu2/cache/index2/shared_cpu_list"] == "2\n"
    assert files[f"{CPU}/cpu2/cache/index3/shared_cpu_list"] == "0-3\n"
