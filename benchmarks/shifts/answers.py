"""What models answered to shifted pictures: all of it, and nothing derived from it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json

SCHEMA_VERSION = 1
NONE = -1
"""No answer: below the model's threshold, or no cell found."""

Picture = tuple[str, int, str]  # name, true class, source cell
Predicted = Mapping[str, tuple[tuple[int, ...], ...]]  # by kind: a row a grade, a class or NONE a picture


@dataclass(frozen=True)
class Answers:
    """One model's. `name` is what the report calls it; `sha256` are the digests of its file, of folds several."""

    name: str
    model: str
    sha256: tuple[str, ...]
    variant: str
    view: str
    predicted: Predicted


@dataclass(frozen=True)
class Measured:
    """All models on the same pictures, shifted by the same seed; classes are numbers of `labels`."""

    data: Mapping[str, Any]
    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    seed: int
    answers: tuple[Answers, ...]
    provenance: Mapping[str, Any]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of shift that were measured."""
        return tuple(self.answers[0].predicted)

    def to_json(self) -> dict[str, Any]:
        """A JSON object; the answers of a grade are one string of numbers, as a line each would be too many."""
        return {
            "schema_version": SCHEMA_VERSION,
            "data": dict(self.data),
            "labels": list(self.labels),
            "seed": self.seed,
            "pictures": [{"name": name, "true": true, "source": source} for name, true, source in self.pictures],
            "models": [
                {
                    "name": each.name,
                    "model": each.model,
                    "sha256": list(each.sha256),
                    "variant": each.variant,
                    "view": each.view,
                    "predicted": {
                        kind: [" ".join(map(str, row)) for row in grades] for kind, grades in each.predicted.items()
                    },
                }
                for each in self.answers
            ],
            "provenance": dict(self.provenance),
        }


def read(path: str | os.PathLike[str]) -> Measured:
    """What `to_json` wrote; LeukoliteError when it is not that."""
    value = read_json(path, what="what `python -m benchmarks shifts` wrote")
    try:
        if value["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"version {value['schema_version']}, not {SCHEMA_VERSION}")
        found = Measured(
            data=value["data"],
            labels=tuple(value["labels"]),
            pictures=tuple((row["name"], int(row["true"]), row["source"]) for row in value["pictures"]),
            seed=value["seed"],
            answers=tuple(_answers(row) for row in value["models"]),
            provenance=value["provenance"],
        )
        sizes = {len(row) for each in found.answers for grades in each.predicted.values() for row in grades}
        if sizes != {len(found.pictures)} or any(each.predicted.keys() != {*found.kinds} for each in found.answers):
            raise ValueError("models without an answer for each picture")
        return found
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise LeukoliteError(
            expected=f"what `python -m benchmarks shifts` wrote at {show(path)}",
            found=reason(error),
            remedy="measure again",
        ) from error


def pool(parts: Sequence[Measured]) -> Measured:
    """Several measurements as one, such as each fold's network on what it has not learned from.

    Raises LeukoliteError when they are not of models of the same names, the same shifts and different pictures.
    """
    return reduce(_join, parts)


def _join(first: Measured, second: Measured) -> Measured:
    """Two as one."""
    alike = [
        (each.labels, each.kinds, each.seed, [answers.name for answers in each.answers]) for each in (first, second)
    ]
    shared = {picture[0] for picture in first.pictures} & {picture[0] for picture in second.pictures}
    if alike[0] != alike[1] or shared:
        raise LeukoliteError(
            expected="measurements of models of the same names, the same kinds and seed, on different pictures",
            found=f"{len(shared)} pictures in two of them" if shared else "others",
            remedy="name the folds of one cross-validation, models as NAME=FILE",
        )
    answers = [
        replace(
            one,
            sha256=one.sha256 + other.sha256,
            predicted={
                kind: tuple(a + b for a, b in zip(one.predicted[kind], other.predicted[kind], strict=True))
                for kind in one.predicted
            },
        )
        for one, other in zip(first.answers, second.answers, strict=True)
    ]
    return replace(first, pictures=first.pictures + second.pictures, answers=tuple(answers))


def _answers(row: Mapping[str, Any]) -> Answers:
    """One model's, of JSON."""
    return Answers(
        name=row["name"],
        model=row["model"],
        sha256=tuple(row["sha256"]),
        variant=row["variant"],
        view=row["view"],
        predicted={
            kind: tuple(tuple(map(int, grade.split())) for grade in grades) for kind, grades in row["predicted"].items()
        },
    )
