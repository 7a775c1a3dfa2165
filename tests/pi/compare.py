"""Hold what a device answered against what is expected; each function gives a line for each thing that is wrong."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from edge_runtime.trial import PACKAGES

ASPECTS = ("pixels", "outputs", "prediction")
"""Of an answer, in the order in which one follows from the other: only the first that differs is told."""

NEEDED = ("64-bit", "XNNPACK", "golden")
"""The doctor's lines that must be ok; that none may fail is its exit status."""


def answers(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Where two outputs of answers.py differ, to the bit, and where XNNPACK was not at work."""
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
        for aspect in ASPECTS:
            if answer[aspect] != found[name][aspect]:
                yield f"{model}, {name}: {aspect} {_text(found[name][aspect])}, expected {_text(answer[aspect])}"
                break


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


def count_outputs(found: Mapping[str, Any]) -> int:
    """How many outputs of a model were compared."""
    return sum(len(answer["outputs"]) for model in found.values() for answer in model["pictures"].values())


def _text(value: str | Sequence[Any] | Mapping[str, Any]) -> str:
    """A value, short enough for a line."""
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
