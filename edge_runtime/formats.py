"""Predictions as text: table, json, jsonl or csv, one result at a time so that long runs need no memory."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from edge_runtime.prediction import Prediction
from edge_runtime.table import table
from edge_runtime.terminal import Look

Formatter = Callable[[Iterable[Prediction], Sequence[str], int | None, Look], Iterator[str]]


def _jsonl(predictions: Iterable[Prediction], labels: Sequence[str], top_k: int | None, look: Look) -> Iterator[str]:
    """One JSON object a line."""
    for prediction in predictions:
        yield json.dumps(prediction.to_json(top_k=top_k)) + "\n"


def _json(predictions: Iterable[Prediction], labels: Sequence[str], top_k: int | None, look: Look) -> Iterator[str]:
    """A JSON list of the same objects."""
    separator = "[\n"
    for line in _jsonl(predictions, labels, top_k, look):
        yield separator + line.rstrip("\n")
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _csv(predictions: Iterable[Prediction], labels: Sequence[str], top_k: int | None, look: Look) -> Iterator[str]:
    """Comma-separated values with a header; a column for each label, empty where top_k leaves it out.

    Of the cells only their number: the JSON formats have each one's box and label.
    """
    names = ["path", "label", "confidence", "abstained", "error", *labels, "decode_ms", "invoke_ms", "total_ms"]
    yield _csv_row([*names, "reason", "cells"])
    for prediction in predictions:
        shown, times = prediction.top(top_k), prediction.latency_ms
        yield _csv_row(
            [
                prediction.path,
                prediction.label or "",
                prediction.confidence if prediction.confidence is not None else "",
                str(prediction.abstained).lower(),
                prediction.error or "",
                *(shown.get(label, "") for label in labels),
                *((times.decode, times.invoke, times.total) if times else ("", "", "")),
                prediction.reason or "",
                len(prediction.cells),
            ]
        )


def _csv_row(values: Sequence[object]) -> str:
    """One row, quoted where it must be."""
    import csv
    import io

    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)  # before Python 3.13 a carriage return is quoted only if rows end in one
    return buffer.getvalue().removesuffix("\r\n") + "\n"


FORMATTERS: dict[str, Formatter] = {"table": table, "json": _json, "jsonl": _jsonl, "csv": _csv}
