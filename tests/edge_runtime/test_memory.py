import pytest

from edge_runtime.memory import PROC, read_kb

MEMINFO = "MemTotal:        8000000 kB\nMemAvailableX:    1 kB\nMemAvailable:    3500000 kB\n"


def test_the_number_behind_a_name(tmp_path):
    (tmp_path / "meminfo").write_text(MEMINFO)
    assert read_kb(tmp_path / "meminfo", "MemAvailable") == 3_500_000
    assert read_kb(tmp_path / "meminfo", "MemTotal") == 8_000_000


@pytest.mark.parametrize("text", [None, "", "MemTotal: 1 kB\n", "MemAvailable:\n", "MemAvailable: many kB\n", "\0\xff"])
def test_what_is_missing_or_malformed_is_none(tmp_path, text):
    if text is not None:
        (tmp_path / "meminfo").write_bytes(text.encode("latin-1"))
    assert read_kb(tmp_path / "meminfo", "MemAvailable") is None


def test_this_process_has_some():
    assert 1_000 < read_kb(PROC / "self" / "status", "VmRSS") <= read_kb(PROC / "self" / "status", "VmHWM")
