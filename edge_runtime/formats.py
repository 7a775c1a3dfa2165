"""Predictions as text: table, json, jsonl or csv, one result at a time so that long runs need no memory."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence

from edge_runtime.classifier import Prediction
from edge_runtime.errors import show

Formatter = Callable[[Iterable[Prediction], Sequence[str], int | None], Iterator[str]]


def _table(predictions: Iterable[Prediction], labels: Sequence[str], top_k: int | None) -> Iterator[str]:
    """Aligned columns for people; further labels follow when more than one was asked for."""
    wide = max(len("LABEL"), *(len(label) for label in labels))
    yield f"{'LABEL':<{wide}}  CONFIDENCE      MS  PATH\n"
    for prediction in predictions:
        if prediction.error is not None or prediction.latency_ms is None:
            yield f"{'-':<{wide}}  {'-':>10}  {'-':>6}  {show(prediction.path)}  (unreadable)\n"
            continue
        confidence = "-" if prediction.confidence is None else f"{prediction.confidence:.3f}"
        line = f"{prediction.label or '?':<{wide}}  {confidence:>10}  {prediction.latency_ms.total:>6.2f}"
        line += f"  {show(prediction.path)}"
        if prediction.confidence is None:
            line += f"  ({prediction.reason})"
        elif prediction.abstained:
            line += f"  (abstained; most like {prediction.top_label})"
        if len(prediction.cells) > 1:
            line += f"  ({len(prediction.cells)} cells)"
        if top_k and top_k > 1:
            line += "  " + " ".join(f"{name}={value:.3f}" for name, value in prediction.top(top_k).items())
        yield line + "\n"


def _jsonl(predictions: Iterable[Prediction], labels: Sequence[str], top_k: int | None) -> Iterator[str]:
    """One JSON object a line."""
    for prediction in predictions:
        yield json.dumps(prediction.to_json(top_k=top_k)) + "\n"


def _json(predictions: Iterable[Prediction], labels: Sequence[str], top_k: int | None) -> Iterator[str]:
    """A JSON list of the same objects."""
    separator = "[\n"
    for line in _jsonl(predictions, labels, top_k):
        yield separator + line.rstrip("\n")
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _csv(predictions: Iterable[Prediction], labels: Sequence[str], top_k: int | None) -> Iterator[str]:
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


FORMATTERS: dict[str, Formatter] = {"table": _table, "json": _json, "jsonl": _jsonl, "csv": _csv}
