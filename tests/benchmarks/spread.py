"""Looks to pytest-benchmark as pytest-xdist does where `-n 2` is given: the option --dist says so."""


def pytest_addoption(parser):
    parser.addoption("--dist", default="load")
