from itertools import pairwise
from pathlib import Path

import pytest

from tests.pi.combinations import BOOKWORM, TRIXIE
from tests.pi.wheels import download, platforms


@pytest.mark.parametrize(("system", "python"), [(BOOKWORM, "3.11"), (TRIXIE, "3.13")])
def test_what_the_page_downloads_is_for_the_system(system, python):
    words = download(Path("x.whl"), system, Path("folder"))
    options = set(pairwise(words))
    assert words[0] == "download"
    assert {("--dest", "folder"), ("--only-binary", ":all:"), ("--python-version", python)} < options
    assert words[-1] == "x.whl"
    # So that the system's own pip takes all of them.
    assert {value for name, value in options if name == "--platform"} < set(platforms(system))
