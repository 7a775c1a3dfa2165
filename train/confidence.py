"""How sure a network may be: the temperature of its logits and the confidence below which it should not answer.

Both are read off answers about source cells that the answering network never saw, after quantisation, TRAIN's alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json
from edge_runtime.metrics import expected_calibration_error
from edge_runtime.selective import coverage_curve
from train.cells import Indices
from train.crossval import ANSWERS_NAME, INT8_REPORT_NAME
from train.operating import LOGITS_NAME, UNREADABLE, read_held_out
from train.rundir import RUN_NAME

SCHEMA_VERSION = 1
SPLIT = "TRAIN"
COVERAGE = 0.98
PARTS = 5  # that the temperature is fitted on all but one of, to judge it on the one

_COLDEST, _HOTTEST = 0.05, 20.0
_HALVINGS = 60  # of the interval between them: beyond the digits of a float64
_DRAWS = 1000  # of what exact confidences would show
_LEAST = 1e-30  # of a probability: below that of any that a float32 softmax tells from 0

Logits = npt.NDArray[np.float64]
Shares = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """Logits of images by networks that never saw their group, at the operating point of the model to be shipped.

    `logits` float64 [n, classes], but for a constant an image; `classes` and `groups` int64 [n].
    """

    logits: Logits
    classes: Indices
    groups: Indices

    @property
    def shares(self) -> Shares:
        """How much each image counts, float64 [n], of sum 1: all groups of source cells the same.

        Copies of a cell are one piece of evidence however many there are. By images, 16 monocytes would count for as
        much as 159 neutrophils, and the temperature would rest on a few cells: fitted without some it is another.
        """
        _, of_group, images = np.unique(
            np.stack([self.classes, self.groups], axis=1), axis=0, return_inverse=True, return_counts=True
        )
        weights = 1 / images[of_group.ravel()]
        return np.asarray(weights / weights.sum())

    def take(self, chosen: npt.NDArray[np.bool_]) -> "Answers":
        """Some of the images."""
        return Answers(self.logits[chosen], self.classes[chosen], self.groups[chosen])


@dataclass(frozen=True)
class Confidence:
    """What `convert --confidence` reads; written as confidence.json.

    `ece` holds the expected calibration error of the held-out answers by image and by `Answers.shares`: before, after,
    and `crossed`, each image's by the temperature of the groups of other parts. `curve` are points of coverage,
    threshold and accuracy, by shares. `mean_of_blind_towers` says what the temperature of means of the blind towers of
    several runs would be. `ece_if_exact` is what chance makes of `after`, by shares: `exact_error` has it.
    """

    temperature: float
    abstain_below: float
    coverage: float
    accuracy: float
    accuracy_when_answered: float
    ece: dict[str, dict[str, float]]
    ece_if_exact: dict[str, float]
    curve: tuple[dict[str, float], ...]
    images: int
    groups: int
    labels: tuple[str, ...]
    network: dict[str, Any]
    data_sha256: str
    mean_of_blind_towers: tuple[dict[str, float], ...] = ()
    split: str = SPLIT
    schema_version: int = SCHEMA_VERSION


def fit(runs: Sequence[Path], *, coverage: float = COVERAGE) -> Confidence:
    """The temperature and threshold for the first of some run directories.

    Args:
        runs: `train qat` with blind towers, or `train crossval --int8 --splits TRAIN`. Further ones are of the same
            recipe with blind towers and other seeds; they only serve to say what the mean of towers would ask for,
            since such a network answers with that and one blind tower is judged.
        coverage: share of the held-out images, by `Answers.shares`, that are to be answered, above 0 to 1.

    Raises LeukoliteError when a directory holds no such answers, is of other images, or of another split.
    """
    everything = [read_answers(run) for run in runs]
    answers, about = everything[0]
    _check_alike(runs, [each for each, _ in everything])
    temperature = fit_temperature(answers)
    probabilities = softmax(answers.logits / temperature)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == answers.classes
    threshold = threshold_for(confidence, answers.shares, coverage=coverage)
    answered, shares = confidence >= threshold, answers.shares
    return Confidence(
        temperature=temperature,
        abstain_below=threshold,
        coverage=float(shares[answered].sum()),
        accuracy=float(shares[right].sum()),
        accuracy_when_answered=float(shares[answered & right].sum() / shares[answered].sum()),
        ece={
            "before": _errors(answers, 1.0),
            "after": _errors(answers, temperature),
            "crossed": _errors(answers, _crossed(answers)),
        },
        ece_if_exact=exact_error(confidence, answers),
        curve=coverage_curve(confidence, right, shares=shares),
        images=len(answers.classes),
        groups=len(np.unique(answers.groups)),
        mean_of_blind_towers=_means([each for each, _ in everything]) if len(runs) > 1 else (),
        **about,
    )


def fit_temperature(answers: Answers) -> float:
    """The temperature of the least negative log-likelihood, weighted by shares (Guo et al. 2017, arXiv:1706.04599).

    That is convex in the inverse of the temperature, whose derivative is halved to its zero: no start, no step, the
    same on every machine.
    """
    shares, logits = answers.shares, answers.logits
    true = logits[np.arange(len(logits)), answers.classes]
    low, high = 1 / _HOTTEST, 1 / _COLDEST
    for _ in range(_HALVINGS):
        inverse = (low + high) / 2
        expected = (softmax(logits * inverse) * logits).sum(axis=1)
        if shares @ (expected - true) > 0:  # too sure
            high = inverse
        else:
            low = inverse
    return round(2 / (low + high), 4)


def threshold_for(confidence: npt.NDArray[np.float64], shares: Shares, *, coverage: float) -> float:
    """The largest confidence, cut to four digits, at which the images at or above it have that share or more."""
    order = np.argsort(-confidence, kind="stable")
    reached = np.cumsum(shares[order]) >= coverage - 1e-12  # sums of shares are right to about that
    lowest = confidence[order][int(reached.argmax())] if reached.any() else 0.0
    return float(np.floor(lowest * 1e4) / 1e4)


def softmax(logits: Logits) -> Logits:
    """Probabilities, the same shape."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def read_answers(run: Path) -> tuple[Answers, dict[str, Any]]:
    """The held-out answers in a directory, and what is known of the network that gave them.

    Raises LeukoliteError when there are none, or TEST was among the images.
    """
    if (run / ANSWERS_NAME).is_file():
        return _read_crossval(run)
    facts = read_json(run / RUN_NAME, what="the run.json of a finished run with blind towers")
    if facts.get("stage") != "qat":
        raise _unfit(run, f"a run of the stage {facts.get('stage')}")
    plain, classes, log_share = read_held_out(run / LOGITS_NAME)
    groups = _load(run / LOGITS_NAME, "groups")["groups"]
    try:
        strength, network = float(facts["operating_point"]["strength"]), facts["settings"]["network"]
        labels, data = tuple(facts["labels"]), facts["data"]["sha256"]
    except (KeyError, TypeError) as error:
        raise _unfit(run, reason(error)) from error
    adjusted = np.asarray(plain, np.float64) - strength * log_share
    return Answers(adjusted, classes, groups), {"labels": labels, "network": network, "data_sha256": data}


def _read_crossval(out: Path) -> tuple[Answers, dict[str, Any]]:
    """The int8 answers of a cross-validation."""
    arrays = _load(out / ANSWERS_NAME, "int8", "classes", "groups")
    report = read_json(out / INT8_REPORT_NAME, what="the report of a cross-validation with --int8")
    fold = read_json(out / "fold0-int8" / RUN_NAME, what="the run.json of a fold")
    try:
        split, data, labels = report["data"]["split"], report["data"]["sha256"], tuple(report["labels"])
        network = fold["settings"]["network"]
    except (KeyError, TypeError) as error:
        raise _unfit(out, reason(error)) from error
    if split.partition(",")[0] != SPLIT:
        raise _unfit(out, f"a cross-validation over {split.partition(',')[0]}")
    logits = np.log(np.maximum(arrays["int8"].astype(np.float64), _LEAST))
    about = {"labels": labels, "network": network, "data_sha256": data}
    return Answers(logits, arrays["classes"], arrays["groups"]), about


def _load(path: Path, *names: str) -> dict[str, npt.NDArray[Any]]:
    """Named arrays of a file."""
    try:
        with np.load(path) as stored:
            return {name: stored[name] for name in names}
    except UNREADABLE as error:
        raise _unfit(path.parent, f"{path.name}: {reason(error)}") from error


def _unfit(run: Path, found: str) -> LeukoliteError:
    """What to tell whoever names a directory without such answers."""
    return LeukoliteError(
        expected=f"held-out int8 answers on {SPLIT} in {show(run)}",
        found=found,
        remedy="name a run of `train qat` with blind towers, or of `train crossval --int8 --splits TRAIN`",
    )


def _check_alike(runs: Sequence[Path], everything: Sequence[Answers]) -> None:
    """Raise LeukoliteError when further runs are not of the images of the first."""
    first = everything[0]
    for run, each in zip(runs[1:], everything[1:], strict=True):
        same = np.array_equal(each.classes, first.classes) and np.array_equal(each.groups, first.groups)
        if not same or each.logits.shape != first.logits.shape:
            raise _unfit(run, f"others than those of {show(runs[0])}")


def _errors(answers: Answers, temperature: float | Logits) -> dict[str, float]:
    """The expected calibration error at a temperature, or at one an image, by image and by shares."""
    probabilities = softmax(answers.logits / temperature)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == answers.classes
    return {
        "by_image": expected_calibration_error(confidence, right) or 0.0,
        "by_cell": expected_calibration_error(confidence, right, shares=answers.shares) or 0.0,
    }


def exact_error(confidence: npt.NDArray[np.float64], answers: Answers) -> dict[str, float]:
    """The calibration error by shares that confidences would show by chance if they were exactly right.

    It is never 0: few groups fall into a bin. Drawn as often as _DRAWS, an image is right where its confidence is above
    its group's luck, one number from 0 to 1 for all images of a group, which are mostly right or wrong together.

    Args:
        confidence: float64 [n], 0 to 1.
        answers: of the same images; only their groups count.

    Returns:
        `mean`, and `one_in_twenty`, which one draw in twenty is above.
    """
    chance, group = np.random.default_rng(0), np.unique(answers.groups, return_inverse=True)[1].ravel()
    luck = (chance.random(group.max() + 1)[group] for _ in range(_DRAWS))
    errors = [expected_calibration_error(confidence, each < confidence, shares=answers.shares) or 0.0 for each in luck]
    return {"mean": float(np.mean(errors)), "one_in_twenty": float(np.quantile(errors, 0.95))}


def _crossed(answers: Answers) -> Logits:
    """Each image's temperature, fitted on the groups of the other parts, float64 [n, 1]."""
    part = np.unique(answers.groups, return_inverse=True)[1].ravel() % PARTS
    temperatures = [fit_temperature(answers.take(part != own)) for own in range(PARTS)]
    return np.array(temperatures)[part][:, np.newaxis]


def _means(everything: Sequence[Answers]) -> tuple[dict[str, float], ...]:
    """What means of the blind towers of 1, 2, ... runs ask for, each figure averaged over neighbouring runs.

    A tower's logits are what all agree on and what it alone says, whose variance in a mean of k is a k-th: the
    temperature falls with 1/k to what all towers of the world would need.
    """
    found = []
    for count in range(1, len(everything) + 1):
        first = everything[0]
        subsets = [everything[start : start + count] for start in range(len(everything) - count + 1)]
        means = [Answers(np.mean([e.logits for e in own], axis=0), first.classes, first.groups) for own in subsets]
        temperatures = [fit_temperature(mean) for mean in means]
        errors = [_errors(mean, temperature)["by_cell"] for mean, temperature in zip(means, temperatures, strict=True)]
        found.append({"towers": count, "temperature": float(np.mean(temperatures)), "ece": float(np.mean(errors))})
    return tuple(found)
