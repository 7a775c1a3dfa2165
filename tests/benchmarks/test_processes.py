import os
import subprocess
import sys
import time

import pytest

from benchmarks.processes import Usage, named, total, usage

STAT = "{pid} (a) b (c)) S {parent} 0 0 0 0 0 0 0 0 0 {user} {system} 0 0"  # a name may hold brackets
TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def proc(tmp_path):
    """A made-up /proc: 10 has the child 11, that has 12; 20 is a stranger."""

    def write(pid, parent, *, kb=100, ticks=(TICKS, TICKS), command="x", pss=True):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "stat").write_text(STAT.format(pid=pid, parent=parent, user=ticks[0], system=ticks[1]))
        if pss:
            (folder / "smaps_rollup").write_text(f"Rss:  9999 kB\nPss:    {kb} kB\nPss_Dirty:  7 kB\n")
        (folder / "status").write_text(f"Name:\tx\nVmRSS:\t  {2 * kb} kB\n")
        (folder / "cmdline").write_bytes(command.encode() + b"\0-v\0")

    write(10, 1)
    write(11, 10, kb=30, ticks=(0, TICKS // 2), command="ray::Worker(A)")
    write(12, 11, kb=7, pss=False)
    write(20, 1, command="ray::Worker(A)")
    (tmp_path / "meminfo").touch()
    return tmp_path


def test_a_process_counts_with_everything_below_it(proc):
    found = usage(10, proc=proc)
    assert found == {10: Usage(100, 2.0), 11: Usage(30, 0.5), 12: Usage(14, 2.0)}
    assert total(found) == Usage(144, 4.5)
    assert usage(12, proc=proc).keys() == {12}


def test_a_process_that_has_gone_counts_nothing(proc):
    assert usage(99, proc=proc) == {}
    (proc / "12" / "stat").write_text("")
    assert usage(10, proc=proc).keys() == {10, 11}


def test_named_finds_descendants_only(proc):
    assert named(10, "ray::Worker", proc=proc) == [11]
    assert named(10, "ray::Other", proc=proc) == []


def test_the_real_one_counts_a_child_that_works():
    code = "import time\nkept = bytearray(50_000_000)\nwhile True: sum(range(10000))"
    with subprocess.Popen([sys.executable, "-c", code]) as child:
        try:
            deadline = time.monotonic() + 60
            while usage(os.getpid())[child.pid].cpu_seconds < 0.05 and time.monotonic() < deadline:
                time.sleep(0.02)
            found = usage(os.getpid())
            assert found[child.pid].cpu_seconds >= 0.05
            assert found[child.pid].memory_kb > 40_000
            assert child.pid in named(os.getpid(), sys.executable)
            assert os.getpid() in found
        finally:
            child.kill()
