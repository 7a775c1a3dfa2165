import platform
import subprocess
import sys

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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps freed memory by its own rules")
@pytest.mark.parametrize(("before", "faults"), [("", True), ("keep_freed()", False)])
def test_what_is_kept_is_not_asked_for_again(before, faults):
    """A megabyte, made and freed again and again, costs a page fault for each of its pages or none."""
    code = f"""
import resource
from edge_runtime.memory import keep_freed
{before}
count = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def use():
    for _ in range(50):
        blocks = [bytearray(100_000) for _ in range(10)]
        del blocks
use()
first = count()
use()
print(count() - first)
"""
    found = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    # 244 pages of 4 kB, 50 times: the half of that is far from both.
    assert (found > 6_000) == faults
