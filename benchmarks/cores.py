"""What all cores bring to `leukolite classify FOLDER`: one processor against all, in turns. Needs an idle machine."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import picture, race
from edge_runtime.classifier import Classifier
from edge_runtime.markdown import table
from edge_runtime.parallel import classify_all, cores

ONE, ALL = "one worker", "all cores"
UNIT = "time of all pictures together, by the clock"
WANTED = 0.9
"""Of the cores that there are: 1.8 times on two."""


def measure(models: Sequence[Path], *, data: Path, images: int, rounds: int) -> dict[str, Any]:
    """The report of a race for each model over so many TEST pictures."""
    started, load = time.time(), os.getloadavg()[0]
    paths = picture.spread(data, images)
    races = {}
    for path in models:
        classifier = Classifier(path).load()
        contenders = {ONE: _timed(classifier, paths, workers=1), ALL: _timed(classifier, paths, workers=cores())}
        race.run(contenders, range(1), unit=UNIT, about={})
        about: dict[str, Any] = {"model": path.name, "sha256": classifier.digest, "view": classifier.card.input.view}
        about |= {"pictures": len(paths), "cores": cores()}
        races[str(path)] = race.run(contenders, range(rounds), unit=UNIT, about=about)
    return race.report(races, started=started, load=load)


def _timed(classifier: Classifier, paths: Sequence[str], *, workers: int) -> Callable[[Any], float]:
    """As a contender."""

    def call(_: Any) -> float:
        started = time.perf_counter()
        with classify_all(classifier, paths, workers=workers) as predictions:
            for _prediction in predictions:
                pass
        return 1e3 * (time.perf_counter() - started)

    return call


def to_markdown(found: Mapping[str, Any]) -> str:
    """A row a model."""
    rows = []
    for one in found["races"].values():
        medians, about = one["medians_ms"], one["about"]
        rates = (f"{1e3 * about['pictures'] / medians[name]:,.0f}/s" for name in (ONE, ALL))
        wanted = f"{WANTED * about['cores']:.1f}"
        name = f"{about['model']} ({about['sha256'][:8]})"
        rows.append((name, about["view"], *rates, f"{medians[ONE] / medians[ALL]:.2f}", wanted))
    header = ("model", "view", ONE, ALL, "times as fast", "wanted")
    about = next(iter(found["races"].values()))["about"]
    text = f"{about['pictures']:,} pictures on {about['cores']} cores, in turns. {race.remark(found)}"
    return f"{table(header, rows, align='llrrrr')}\n{text}\n"
