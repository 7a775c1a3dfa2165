"""What a report of memory says: its table, its curve, and whether training keeps to its bounds."""

import os
from collections.abc import Iterator

from benchmarks.memory import ARRAYS, COMPARED_FROM, OPTIONS, Measurement, Naive, Report
from edge_runtime.figures import new_figure, to_png
from edge_runtime.files import write_atomic
from edge_runtime.markdown import table

MAX_PEAK_MB = 1500.0
MAX_GROWTH = 0.05

_COLORS = {"epoch": "#1f5fa8", "uint8": "#c8651b", "float32": "#8a8a8a"}


def shortfalls(report: Report) -> Iterator[str]:
    """What is not within bounds, a line each."""
    for each in report.measurements:
        if each.epoch_mb > MAX_PEAK_MB:
            yield f"an epoch of {each.images:,} images takes {each.epoch_mb:,.0f} MB, above {MAX_PEAK_MB:,.0f}"
    if report.growth is not None and report.growth > MAX_GROWTH:
        yield f"the peaks of epochs differ by {report.growth:.1%}, by more than {MAX_GROWTH:.0%}"


def to_markdown(report: Report) -> str:
    """A row a size, and what a reader must know."""
    header = ("images", "epoch, peak MB", "whole run, peak MB", *(f"all in one {dtype} array, MB" for dtype in ARRAYS))
    rows = [
        (
            f"{each.images:,}",
            f"{each.epoch_mb:,.0f}",
            f"{each.run_mb:,.0f}",
            *(f"{naive.peak_mb:,.0f}{'' if naive.measured else ' (computed)'}" for naive in each.naive),
        )
        for each in report.measurements
    ]
    return table(header, rows, align="rrrrr") + "\n" + "".join(f"{line}\n" for line in _remarks(report))


def draw(report: Report, path: str | os.PathLike[str]) -> None:
    """Peak memory against images, and the memory of each run over its time, as PNG."""
    figure = new_figure(10.5, 4.2)
    curve, course = figure.subplots(1, 2)
    images = [each.images for each in report.measurements]
    curve.plot(images, [each.epoch_mb for each in report.measurements], "o-", color=_COLORS["epoch"], label="streamed")
    for number, dtype in enumerate(ARRAYS):
        points = [(each.images, each.naive[number]) for each in report.measurements]
        curve.plot(images, [naive.peak_mb for _, naive in points], color=_COLORS[dtype], label=f"one {dtype} array")
        for measured in (True, False):
            shown = [(count, naive.peak_mb) for count, naive in points if naive.measured is measured]
            face = _COLORS[dtype] if measured else "white"
            curve.plot(*zip(*shown, strict=True) if shown else ([], []), "o", mfc=face, color=_COLORS[dtype])
    curve.axhline(MAX_PEAK_MB, color="black", linestyle=":", linewidth=1, label=f"bound, {MAX_PEAK_MB:,.0f} MB")
    curve.set(xscale="log", yscale="log", xlabel="images of an epoch", ylabel="peak resident memory, MB")
    curve.set_xticks(images, [f"{count:,}" for count in images])
    curve.xaxis.set_minor_formatter("")
    curve.yaxis.set_major_formatter("{x:,.0f}")
    curve.yaxis.set_minor_formatter("")
    curve.set_title("hollow: computed, would not fit here" if _computed(report) else "all measured", fontsize=10)
    for each in report.measurements:
        seconds = each.samples[-1][0] if each.samples else 1.0
        course.plot(*_course(each, seconds), label=f"{each.images:,} images, {seconds:,.0f} s", linewidth=1)
    course.set(xlabel="share of the run's time", ylabel="resident memory, MB", ylim=(0, None))
    course.set_title("training, from start to end", fontsize=10)
    for axes in (curve, course):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    write_atomic(path, [to_png(figure)])


def _course(each: Measurement, seconds: float) -> tuple[list[float], list[float]]:
    """Time as a share, and memory."""
    return [at / seconds for at, _ in each.samples], [mb for _, mb in each.samples]


def _computed(report: Report) -> list[Naive]:
    """The naive points that were not measured."""
    return [naive for each in report.measurements for naive in each.naive if not naive.measured]


def _remarks(report: Report) -> Iterator[str]:
    """The conditions."""
    if not report.measurements:
        return
    last = report.measurements[-1]
    height, width = last.image_px
    if report.growth is not None:
        yield (
            f"From {COMPARED_FROM:,} images on, the peaks of the epochs differ by {report.growth:.1%}. TensorFlow and"
            f" all else of the process are counted."
        )
    yield (
        f"Resident memory in MB of 10^6 bytes; generated smears, decoded to {width} x {height}; options of"
        f" `python -m train float`: {' '.join((*OPTIONS, *report.options))}."
    )
    yield "The arrays are held by a process that has TensorFlow loaded and does not train, which would come on top."
    if _computed(report):
        yield "Computed: did not fit into this machine, and is the array's size and what the process takes without it."
    versions = {f"{name} {last.provenance['packages'].get(name)}" for name in ("tensorflow", "numpy")}
    commits = {str(each.provenance.get("commit"))[:7] for each in report.measurements}
    cpu = last.provenance.get("platform", {}).get("cpu") or "an unknown processor"
    yield f"{cpu}; {', '.join(sorted(versions))}; commit {', '.join(sorted(commits))}."
