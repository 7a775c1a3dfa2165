"""Answers with known curves."""

from collections.abc import Sequence

from benchmarks.shifts.answers import Answers, Measured
from benchmarks.shifts.kinds import GRADES

LABELS = ("A", "B")
# Name, class, source cell: of A two cells, one with two pictures; of B one.
PICTURES = (("a1", 0, "x"), ("a2", 0, "x"), ("a3", 0, "y"), ("b1", 1, "z"))


def made_up(
    *models: dict[str, Sequence[Sequence[int]]], pictures: Sequence[tuple[str, int, str]] = PICTURES
) -> Measured:
    """A measurement of models "m0", "m1", ..., each given as rows of answers by kind; later grades are as the last."""
    answers = tuple(
        Answers(
            name=f"m{number}",
            model="m.tflite",
            sha256=(f"digest {number}",),
            variant=("int8_qat", "float32")[number % 2],
            view="field",
            predicted={
                kind: tuple(tuple(rows[min(grade, len(rows) - 1)]) for grade in range(GRADES + 1))
                for kind, rows in model.items()
            },
        )
        for number, model in enumerate(models)
    )
    provenance = {"commit": "c0ffee"}
    return Measured({"root": "cells", "split": "TEST"}, LABELS, tuple(pictures), 1, answers, provenance)
