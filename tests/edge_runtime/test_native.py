import os
import sys

import pytest

from edge_runtime.command import Terminated
from edge_runtime.errors import LeukoliteError
from edge_runtime.native import hushed


def test_what_native_code_writes_is_held_back(capfd):
    with hushed():
        os.write(2, b"INFO: delegate created\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.parametrize(
    ("error", "shown"), [(RuntimeError, "ERROR: why\n"), (KeyboardInterrupt, ""), (Terminated, "")]
)
def test_it_is_shown_when_something_went_wrong_and_not_when_someone_stops_it(capfd, error, shown):
    def fail() -> None:
        with hushed():
            os.write(2, b"ERROR: why\n")
            raise error

    with pytest.raises(error):
        fail()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == f"{shown}after\n"


def test_what_nobody_hears_does_not_take_the_place_of_the_error():
    def fail() -> None:
        with hushed():
            os.write(2, b"ERROR: why\n")
            raise RuntimeError

    reader, writer = os.pipe()
    os.close(reader)
    before = os.dup(2)
    os.dup2(writer, 2)
    try:
        with pytest.raises(RuntimeError):
            fail()
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(writer)


def test_an_error_for_the_user_stays_one_line(capfd):
    def fail() -> None:
        with hushed():
            os.write(2, b"ERROR: why\n")
            raise LeukoliteError(expected="a", found="b", remedy="c")

    with pytest.raises(LeukoliteError):
        fail()
    assert capfd.readouterr().err == ""


def test_what_python_wrote_before_keeps_its_place(capfd):
    print("before", file=sys.stderr)
    with hushed():
        os.write(2, b"held\n")
    assert capfd.readouterr().err == "before\n"


def test_no_descriptor_is_left_open():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with hushed():
            pass
    assert len(os.listdir("/proc/self/fd")) == before


def test_where_there_are_no_files_in_memory_everything_goes_through(monkeypatch, capfd):
    """As on macOS."""
    monkeypatch.delattr(os, "memfd_create")
    with hushed():
        os.write(2, b"seen")
    assert capfd.readouterr().err == "seen"
