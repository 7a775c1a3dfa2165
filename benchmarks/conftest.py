"""What the suite measures: bundles and one picture, by option, environment or default.

`pytest benchmarks --benchmark-json=FILE.json` works on its own; `python -m benchmarks run` repeats it and adds the
table. A run that could not measure anything is refused before it starts: it would be green and say nothing.
"""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from benchmarks import picture, subject
from benchmarks.config import Settings, by_role, numbers
from benchmarks.interleave import Interleaver
from benchmarks.latency import SCHEMA_VERSION
from benchmarks.picture import Picture
from benchmarks.subject import Subject
from benchmarks.workload import Workload
from edge_runtime.errors import LeukoliteError
from edge_runtime.provenance import RUNTIME_PACKAGES, collect
from edge_runtime.timing import Plan

_STARTED = pytest.StashKey[float]()
_LOAD = pytest.StashKey[float]()
_SUBJECTS = pytest.StashKey[dict[tuple[str, int], Subject]]()
_WORKLOAD = pytest.StashKey[Workload]()
_COLLECTED = pytest.StashKey[list[str]]()
_LEFT_OUT = pytest.StashKey[dict[str, str]]()

Take = Callable[..., Any]
"""take(call, about, plan=None): measures a call, and returns what it returned; `about` says what was measured."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The suite's own options; how long and how often are pytest-benchmark's --benchmark-max-time and -min-rounds."""
    defaults = Settings()
    group = parser.getgroup("leukolite")
    group.addoption("--int8-model", metavar="FILE", default=defaults.int8_model, help="an int8 .tflite bundle or none")
    group.addoption("--float-model", metavar="FILE", default=defaults.float32_model, help="a float32 one, or none")
    group.addoption("--bundle", metavar="[NAME=]FILE", action="append", default=[], help="another one, any number")
    group.addoption("--image", metavar="FILE", help="picture to measure on (default: a TEST image of LEUKOLITE_DATA)")
    group.addoption("--num-threads", metavar="N", type=int, default=defaults.num_threads, help="interpreter's threads")
    group.addoption("--more-threads", metavar="N,...", default="2,4", help="invoke and end to end with these too")
    for name, kind in (("warmup_seconds", float), ("max_seconds", float), ("process_runs", int)):
        value = getattr(defaults, name)
        group.addoption(f"--{name.replace('_', '-')}", type=kind, default=value, help=f"default: {value}")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Load everything, and refuse at once and in one line what cannot be measured."""
    config = session.config
    config.stash[_STARTED], config.stash[_LOAD] = time.time(), os.getloadavg()[0]
    config.stash[_COLLECTED], config.stash[_LEFT_OUT] = [], {}
    try:
        if not config.option.collectonly:
            _require_measuring(config)
            config.stash[_WORKLOAD] = Workload()
        config.stash[_SUBJECTS] = _subjects(config)
    except LeukoliteError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each model, for each model and number of threads, or for each model that looks for cells."""
    subjects, (base, *_) = metafunc.config.stash[_SUBJECTS], _threads(metafunc.config)
    chosen = {
        "subject": [key for key in subjects if key[1] == base],
        "threaded": list(subjects),
        "looking": [key for key, each in subjects.items() if key[1] == base and each.looks_for_cells],
    }
    for name, keys in chosen.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, keys, ids=[f"{role}-{threads}" for role, threads in keys], indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Drop stages that no model has; note what else there is, before -k and the like choose."""
    items[:] = [item for item in items if not (hasattr(item, "callspec") and item.get_closest_marker("skip"))]
    config.stash[_COLLECTED] = [item.nodeid for item in items]


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add what the project's other results say about themselves; pytest-benchmark's tools ignore it."""
    output_json["schema_version"] = SCHEMA_VERSION
    packages = (*RUNTIME_PACKAGES, "pytest-benchmark")
    output_json["provenance"] = collect(packages=packages, started=config.stash[_STARTED])
    output_json["machine_state"] = {"load_1min_at_start": config.stash[_LOAD], "cpus": os.cpu_count()}
    output_json["collected"], output_json["left_out"] = config.stash[_COLLECTED], config.stash[_LEFT_OUT]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that measured nothing has failed, whatever became of its tests."""
    if session.exitstatus == pytest.ExitCode.OK and _is_empty(session.config):
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """And says so."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and _is_empty(config):
        terminalreporter.write_line(
            "ERROR: expected the benchmark suite to run a measurement, got none; leave -k, -m and --deselect out, of"
            " PYTEST_ADDOPTS too"
        )


def _is_empty(config: pytest.Config) -> bool:
    """Whether nothing was measured, though more than the tests' names was asked for."""
    # The plugin has no public way to ask.
    return not (config.option.collectonly or config._benchmarksession.benchmarks)  # type: ignore[attr-defined]


@pytest.fixture(name="subject")
def _subject(request: pytest.FixtureRequest) -> Subject:
    """One model after the other; of function scope, so that a stage measures all one after the other."""
    return request.config.stash[_SUBJECTS][request.param]


@pytest.fixture(name="threaded")
def _threaded(request: pytest.FixtureRequest) -> Subject:
    """One model after the other, with each number of threads."""
    return request.config.stash[_SUBJECTS][request.param]


@pytest.fixture(name="looking")
def _looking(request: pytest.FixtureRequest) -> Subject:
    """Those of the models that look for cells."""
    return request.config.stash[_SUBJECTS][request.param]


@pytest.fixture(name="take")
def _take(benchmark: Any, request: pytest.FixtureRequest) -> Take:
    """Measures a call in blocks, with the reference workload in between."""

    def take(call: Callable[[], Any], about: Mapping[str, object], *, starts_process: bool = False) -> Any:
        config = request.config
        plan = Plan(
            num_runs=config.getoption("--process-runs") if starts_process else benchmark._min_rounds,
            min_secs=0.0 if starts_process else benchmark._max_time,  # the plugin's name: it goes on until then
            warmup_runs=1,
            warmup_min_secs=0.0 if starts_process else config.getoption("--warmup-seconds"),
        )
        turns = Interleaver(
            call, workload=config.stash[_WORKLOAD], plan=plan, max_seconds=config.getoption("--max-seconds")
        )
        found = benchmark.pedantic(turns.sample, setup=turns.turn, rounds=turns.rounds)
        benchmark.extra_info.update(about, repetitions=[turns.finish().to_json()])
        return found

    return take


@pytest.fixture(name="leave_out")
def _leave_out(request: pytest.FixtureRequest) -> Callable[[str], NoReturn]:
    """Skips a measurement that cannot be taken, and keeps the reason with the run."""

    def leave_out(reason: str) -> NoReturn:
        request.config.stash[_LEFT_OUT][request.node.nodeid] = reason
        pytest.skip(reason)

    return leave_out


def _require_measuring(config: pytest.Config) -> None:
    """Raise LeukoliteError where pytest-benchmark would run each test once and measure nothing."""
    if not hasattr(config, "_benchmarksession"):
        raise LeukoliteError(
            expected="pytest-benchmark to measure with",
            found="none",
            remedy="install the extra `bench`, and leave -p no:benchmark out, of PYTEST_ADDOPTS too",
        )
    benchmarks = config._benchmarksession
    if benchmarks.disabled or benchmarks.skip:
        raise LeukoliteError(
            expected="a run that measures",
            found="pytest-benchmark switched off by pytest-xdist, --benchmark-disable or --benchmark-skip",
            remedy="leave those options out, of PYTEST_ADDOPTS too",
        )


def _threads(config: pytest.Config) -> tuple[int, ...]:
    """The numbers of threads, the one that everything is measured with first; LeukoliteError for what is none."""
    settings = Settings(
        num_threads=config.getoption("--num-threads"), more_threads=numbers(config.getoption("--more-threads"))
    )
    return tuple(dict.fromkeys((settings.num_threads, *settings.more_threads)))


def _subjects(config: pytest.Config) -> dict[tuple[str, int], Subject]:
    """All models with all numbers of threads, and the picture named by option or environment, else the generated."""
    int8, float32 = (Path(path) if path else None for path in map(config.getoption, ("--int8-model", "--float-model")))
    models, shown = by_role(int8, float32, [Path(path) for path in config.getoption("--bundle")]), _picture(config)
    return {
        (role, threads): subject.load(path, role=role, picture=shown, num_threads=threads)
        for threads in _threads(config)
        for role, path in models.items()
    }


def _picture(config: pytest.Config) -> Picture:
    """What is shown to the models."""
    named = config.getoption("--image")
    return picture.load(named) if named else picture.pick(os.environ.get("LEUKOLITE_DATA") or None)
