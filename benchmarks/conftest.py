"""What the suite measures: two bundles and one picture, by option, environment or default.

`pytest benchmarks --benchmark-json=FILE.json` works on its own; `python -m benchmarks run` adds the table.
A run that could not measure anything is refused before it starts: it would be green and say nothing.
"""

import os
import re
import time
from typing import Any

import pytest

from benchmarks import picture, subject
from benchmarks.config import FLOAT32, INT8, ROLES, Settings
from benchmarks.subject import Subject
from edge_runtime.errors import LeukoliteError
from edge_runtime.provenance import RUNTIME_PACKAGES, collect

_STARTED = pytest.StashKey[float]()
_LOAD = pytest.StashKey[float]()
_SUBJECTS = pytest.StashKey[dict[str, Subject]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The suite's own options."""
    defaults = Settings()
    group = parser.getgroup("leukolite")
    group.addoption("--int8-model", metavar="FILE", default=defaults.int8_model, help="an int8 .tflite bundle")
    group.addoption("--float-model", metavar="FILE", default=defaults.float32_model, help="a float32 .tflite bundle")
    group.addoption("--image", metavar="FILE", help="picture to measure on (default: a TEST image of LEUKOLITE_DATA)")
    group.addoption("--num-threads", metavar="N", type=int, default=defaults.num_threads, help="interpreter's threads")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Load everything, and refuse at once and in one line what cannot be measured."""
    config = session.config
    if config.option.collectonly:
        return
    config.stash[_STARTED], config.stash[_LOAD] = time.time(), os.getloadavg()[0]
    try:
        _require_measuring(config)
        config.stash[_SUBJECTS] = _subjects(config)
    except LeukoliteError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add what the project's other results say about themselves; pytest-benchmark's tools ignore it."""
    found = collect(packages=(*RUNTIME_PACKAGES, "pytest-benchmark"), started=config.stash[_STARTED])
    # `python -m benchmarks run` names files by their whole paths, which say nothing on another machine.
    found["argv"] = [re.sub(r"(^|=)/.*/", r"\1", argument) for argument in found["argv"]]
    output_json["provenance"] = found
    output_json["machine_state"] = {"load_1min_at_start": config.stash[_LOAD], "cpus": os.cpu_count()}


@pytest.fixture(params=ROLES, name="subject")
def _subject(request: pytest.FixtureRequest) -> Subject:
    """One of the two models; of function scope, so that a stage measures the two one after the other."""
    return request.config.stash[_SUBJECTS][request.param]


def _require_measuring(config: pytest.Config) -> None:
    """Raise LeukoliteError where pytest-benchmark would run each test once and measure nothing."""
    benchmarks = config._benchmarksession  # type: ignore[attr-defined]  # the plugin has no public way to ask
    if benchmarks.disabled or benchmarks.skip:
        raise LeukoliteError(
            expected="a run that measures",
            found="pytest-benchmark switched off by pytest-xdist, --benchmark-disable or --benchmark-skip",
            remedy="leave those options out, of PYTEST_ADDOPTS too",
        )


def _subjects(config: pytest.Config) -> dict[str, Subject]:
    """Both models, and the picture named by option or environment, else the generated one."""
    settings = Settings(num_threads=config.getoption("--num-threads"))
    named = config.getoption("--image") or picture.choose(os.environ.get("LEUKOLITE_DATA") or None)
    shown = picture.load(named) if named else picture.generate()
    models = {INT8: config.getoption("--int8-model"), FLOAT32: config.getoption("--float-model")}
    return {
        role: subject.load(models[role], role=role, picture=shown, num_threads=settings.num_threads) for role in ROLES
    }
