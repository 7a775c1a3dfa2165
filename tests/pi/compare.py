"""Hold what a device answered against what is expected; each function gives a line for each thing that is wrong."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from edge_runtime.trial import PACKAGES

SOFTMAX_STEPS = 1
"""How many steps of 1/256 an output may be off where the network's own int8 output is the same to the bit.

XNNPACK does not take the int8 SOFTMAX. LiteRT's sources have two of it: for x86-64 with exponentials in float32, for
aarch64 with 16-bit ones and fixed point (TFLITE_SOFTMAX_USE_UINT16_LUT). They differ by thousandths of a step, and that
matters in the middle between two only: there, each may round to its own side.
"""

NEEDED = ("64-bit", "XNNPACK", "golden")
"""The doctor's lines that must be ok; that none may fail is its exit status."""


def answers(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Where two outputs of answers.py differ more than they may, and where XNNPACK was not at work."""
    if expected.keys() != found.keys() or not expected:
        yield f"answers of the models {', '.join(found) or 'none'}, expected of {', '.join(expected) or 'some'}"
        return
    for name, model in expected.items():
        other = found[name]
        if other["sha256"] != model["sha256"]:
            yield f"{name}: another model, SHA-256 {other['sha256']} and not {model['sha256']}"
        if not (model["uses_delegate"] and other["uses_delegate"]):
            yield f"{name}: XNNPACK was not applied {'there' if model['uses_delegate'] else 'here'}"
        yield from _pictures(name, model["pictures"], other["pictures"])


def _pictures(model: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Where the answers of one model differ."""
    if expected.keys() != found.keys() or not expected:
        yield f"{model}: {len(found)} pictures, expected {len(expected)} of the same names, and at least one"
        return
    for name, answer in expected.items():
        if (said := _difference(answer, found[name])) is not None:
            yield f"{model}, {name}: {said}"


def _difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """The first thing that differs in two answers to a picture, in the order in which one follows from the other."""
    crops, others = expected["crops"], found["crops"]
    if len(crops) != len(others):
        return f"{len(others)} cells, expected {len(crops)}"
    for crop, other in zip(crops, others, strict=True):
        for name in ("pixels", "maps", "network"):
            if crop[name] != other[name]:
                return f"{name} {other[name]}, expected {crop[name]}"
        if _steps(crop, other) > SOFTMAX_STEPS:
            return f"output {other['output']}, expected {crop['output']}"
    if expected["prediction"] != found["prediction"]:
        return f"prediction {_text(found['prediction'])}, expected {_text(expected['prediction'])}"
    return None


def _steps(crop: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """By how many steps two outputs differ; infinite where they have not the same length."""
    if len(crop["output"]) != len(other["output"]):
        return math.inf
    return max((abs(a - b) for a, b in zip(crop["output"], other["output"], strict=True)), default=0)


def doctor(diagnosis: Mapping[str, Any]) -> Iterator[str]:
    """What `leukolite doctor --json` said that must not be."""
    lines = {check["name"]: check for check in diagnosis["checks"]}
    for name in NEEDED:
        if name not in lines:
            yield f"doctor has no line {name}"
        elif lines[name]["status"] != "ok":
            yield f"doctor: {name} {lines[name]['status']}: {lines[name]['found']}"
    if diagnosis["fit"] is not True:
        failed = [f"{check['name']}: {check['found']}" for check in lines.values() if check["status"] == "fail"]
        yield f"doctor says not fit: {', '.join(failed) or 'nothing fails'}"


def trial(row: Mapping[str, Any], tested: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What `python -m edge_runtime.trial` printed that is not what is kept of such a combination in tested.jsonl."""
    same = ("machine", "python", *PACKAGES)
    kept = [each for each in tested if all(each[name] == row[name] for name in same)]
    if not kept:
        yield f"not in edge_runtime/tested.jsonl; if it is good, add {json.dumps(row)}"
    for name in ("uses_delegate", "golden"):
        if any(each[name] != row[name] for each in kept) or row[name] is not True:
            yield f"trial: {name} is {row[name]}"


def summary(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """How much of two answers without differences was compared, and how often SOFTMAX rounded otherwise."""
    pairs = [
        (crop, other)
        for name, model in expected.items()
        for picture, answer in model["pictures"].items()
        for crop, other in zip(answer["crops"], found[name]["pictures"][picture]["crops"], strict=True)
    ]
    off = sum(crop["output"] != other["output"] for crop, other in pairs)
    return f"{len(pairs)} answers of {len(expected)} networks equal to the bit, {off} a step off after SOFTMAX"


def _text(value: Mapping[str, Any]) -> str:
    """A value, short enough for a line."""
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
