"""Let the peers take turns on the same pictures, and see how many of all TEST images each gets right."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import picture, race
from benchmarks.peers import calibration
from benchmarks.peers.entrants import OURS, Bundles, Entrant, Field, enter
from benchmarks.peers.report import Report, Row, Time
from edge_runtime.card import Card, load_card
from edge_runtime.dataset import Dataset, digest, open_dataset
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.evaluation import check_labels
from edge_runtime.groups import read_groups
from edge_runtime.image import Pixels, read_bytes
from edge_runtime.progress import progress
from edge_runtime.provenance import collect
from edge_runtime.report import Outcome, summarize
from edge_runtime.view import View, see

UNIT = "time by the clock"
_BLOCK = 10  # pictures that one does before the next: in use an engine finds its own traces in the caches, not others'
_RESAMPLES, _SEED = 2_000, 1


@dataclass(frozen=True)
class Settings:
    """How much: `pictures` of TEST, ten a turn, all `repeats` times; the accuracy of each `every`th TEST image."""

    pictures: int = 60
    repeats: int = 10
    every: int = 1


def measure(
    bundles: Bundles,
    *,
    data: Path,
    groups: Path | None,
    mobilenets: Path | None,
    settings: Settings | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Report:
    """The report of a run.

    Args:
        bundles: our network.
        data: the data set. TEST is measured on; ONNX Runtime's quantiser takes its ranges from TRAIN.
        groups: its groups file, for intervals by source cell.
        mobilenets: the folder of trained MobileNets, if they are to take part.
        settings: how much.
        tell: is told what takes how long.

    Raises LeukoliteError when one of these cannot be read, or our network is shown what the others could not be.
    """
    settings = settings or Settings()
    started, load = time.time(), os.getloadavg()[0]
    card = load_card(bundles.int8)
    _check_usual(card, bundles.int8)
    tested = _tested(data, groups, every=settings.every)
    check_labels(tested.dataset, card.labels)
    with ExitStack() as until, TemporaryDirectory(prefix="leukolite-") as scratch:
        tell("opening the engines: half a minute")
        shown = _shown(card.input.seen, data, groups=groups)
        field = enter(bundles, mobilenets=mobilenets, pictures=shown, scratch=Path(scratch), until=until)
        contents = [read_bytes(path) for path in picture.spread(data, settings.pictures)]
        tell(f"{len(field.entrants)} take turns on {len(contents)} pictures, {settings.repeats} times: a minute or two")
        rows = _rows(field, contents, tested, shown, repeats=settings.repeats)
    images = tested.dataset.images
    about = {
        "pictures": len(contents),
        "block": _BLOCK,
        "repeats": settings.repeats,
        "unit": UNIT,
        "tested": {"split": tested.dataset.split, "n": len(images), "sha256": digest(images)},
    }
    state = {"load_1min_at_start": load, "cpus": os.cpu_count()}
    return Report(rows, field.left_out, about, state, collect(packages=race.PACKAGES, started=started))


@dataclass(frozen=True)
class _Tested:
    """What accuracy is measured on, and the group of each image, where they are known."""

    dataset: Dataset
    groups: Sequence[str] | None


def _check_usual(card: Card, path: Path) -> None:
    """LeukoliteError when the usual pipeline cannot show its network what it sees."""
    if card.input.stain_normalization or card.input.red_cell_px:
        raise LeukoliteError(
            expected="a network that is shown fields as they are, or white-balanced cells, as the usual pipeline can",
            found=f"one with stain normalisation or ruler, {show(path)}",
            remedy="name another with --int8 and --float32",
        )


def _tested(data: Path, groups: Path | None, *, every: int) -> _Tested:
    """Every so many images of TEST."""
    dataset = open_dataset(data, split="TEST")
    dataset = replace(dataset, images=dataset.images[::every])
    origins = read_groups(groups).assign(dataset.images) if groups else None
    return _Tested(dataset, [origin.group for origin in origins] if origins else None)


def _shown(view: View, data: Path, *, groups: Path | None) -> list[Pixels]:
    """What our network sees of some of TRAIN."""
    train = open_dataset(data, split="TRAIN")
    found = (see(train.images[index].path, view) for index in calibration.choose(train, groups=groups))
    return [pixels for pixels in found if pixels is not None]


def _rows(
    field: Field, contents: Sequence[bytes], tested: _Tested, shown: Sequence[Pixels], *, repeats: int
) -> list[Row]:
    """A row an entrant: both races first, then what needs no silence."""
    whole = _turns(field, contents, lambda each: race.wall_ms(each.answer), repeats=repeats)
    alone = _turns(field, contents, lambda each: _invoking(each, contents), repeats=repeats)
    ours = field.entrants[0].seat.name
    own = {each.seat.kind: _places(each, shown) for each in field.entrants if each.seat.engine == OURS}
    return [
        Row(
            name=each.seat.name,
            **each.seat.describe(),
            invoke=_time(alone[each.seat.name]),
            end_to_end=_time(whole[each.seat.name]),
            **_times(whole[each.seat.name], whole[ours]),
            **_accuracy(each, tested),
            alike=float(np.mean(_places(each, shown) == own[each.seat.kind])) if each.seat.network == OURS else None,
        )
        for each in field.entrants
    ]


def _turns(
    field: Field, contents: Sequence[bytes], work: Callable[[Entrant], Callable[[bytes], float]], *, repeats: int
) -> Mapping[str, Sequence[float]]:
    """The milliseconds a picture of each entrant, by its name, for all blocks `repeats` times over, once it is warm."""
    blocks = [contents[start : start + _BLOCK] for start in range(0, len(contents), _BLOCK)]
    contenders = {each.seat.name: _a_picture(work(each)) for each in field.entrants}
    race.run(contenders, blocks[:1], unit=UNIT, about={})
    return race.run(contenders, blocks * repeats, unit=UNIT, about={}, seed=_SEED).samples_ms


def _a_picture(timed: Callable[[bytes], float]) -> Callable[[Sequence[bytes]], float]:
    """As a contender: the mean of a block's pictures."""
    return lambda block: sum(map(timed, block)) / len(block)


def _invoking(entrant: Entrant, contents: Sequence[bytes]) -> Callable[[bytes], float]:
    """As a contender: the network alone on what it sees of each picture, cut before; nothing where it sees nothing."""
    seen = {content: entrant.pixels(content) for content in contents}
    timed = race.wall_ms(entrant.invoke)
    return lambda content: 0.0 if (pixels := seen[content]) is None else timed(pixels)


def _time(samples_ms: Sequence[float]) -> Time:
    """The median and the quartiles."""
    low, middle, high = np.percentile(samples_ms, (25, 50, 75))
    return Time(round(middle, 4), (round(low, 4), round(high, 4)))


def _times(theirs_ms: Sequence[float], ours_ms: Sequence[float]) -> dict[str, Any]:
    """How many times as long as ours it takes: the median over blocks and repeats, of each one's own ratio.

    The interval is of resampled ones (the percentile bootstrap): what it leaves out is what a second run on another
    day would give, for which there are the quartiles.
    """
    ratios = np.asarray(theirs_ms) / np.asarray(ours_ms)
    drawn = np.random.default_rng(_SEED).integers(len(ratios), size=(_RESAMPLES, len(ratios)))
    low, high = np.percentile(np.median(ratios[drawn], axis=1), (2.5, 97.5))
    return {"times": round(float(np.median(ratios)), 4), "times_ci95": (round(low, 4), round(high, 4))}


def _accuracy(entrant: Entrant, tested: _Tested) -> dict[str, Any]:
    """Of all images, whatever the confidence; those without a cell to see are wrong, as everywhere."""
    outcomes, images = [], tested.dataset.images
    with progress(entrant.seat.name, total=len(images)) as advance:
        for image in images:
            outcomes.append(Outcome(image.name, image.label, entrant.answer(read_bytes(image.path)), None))
            advance()
    labels = tested.dataset.labels
    report = summarize(outcomes, labels=labels, groups=tested.groups, model={}, data={}, provenance={})
    interval = report.groups["accuracy_ci95"] if report.groups else None
    return {"accuracy": report.accuracy, "accuracy_ci95": tuple(interval) if interval else None, "n": report.n}


def _places(entrant: Entrant, shown: Sequence[Pixels]) -> npt.NDArray[np.int64]:
    """The place of the label that it gives each picture, int64 [pictures]."""
    return np.array([entrant.invoke(pixels).argmax() for pixels in shown], np.int64)
