"""For tests of what needs the extra `cluster`."""

import importlib
import os

import pytest


def require(name: str) -> None:
    """At the head of a test module: skip it where a package is missing, except in CI, where that is a failure."""
    if os.environ.get("LEUKOLITE_REQUIRE_DATA"):
        importlib.import_module(name)
    else:
        pytest.importorskip(name)
