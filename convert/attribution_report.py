"""Attribution and layers as text to read and a picture of the layers."""

from collections.abc import Sequence

from convert.attribution import Attribution, Change, Stage, Step
from convert.layers import LayerError
from convert.stages import FLOAT32, INT8, KERAS_FLOAT, KERAS_QAT, REFERENCE
from edge_runtime import figures
from edge_runtime.markdown import table
from edge_runtime.metrics import Interval

TITLES = {
    KERAS_FLOAT: "Keras float",
    KERAS_QAT: "Keras QAT",
    FLOAT32: "TFLite float32",
    INT8: "TFLite int8, XNNPACK",
    REFERENCE: "TFLite int8, reference",
}

_OWN, _ACCUMULATED = "#1f5fa8", "#a9c4e4"


def to_markdown(found: Attribution) -> str:
    """The stages and the steps between them."""
    interval = "by source cell" if found.by_source else "by image: too narrow where images show the same cell"
    split = f"{found.data['root']}, {found.data['split']}" if found.data["split"] else found.data["root"]
    return (
        "# Where accuracy goes between training and device\n\n"
        f"{found.n:,} images ({split}), {found.n_unanswered} of them without an answer in any stage: unreadable, or no"
        f" stained cell in them. They count as missed. 95 % intervals are {interval}.\n\n"
        "## Stages\n\n"
        + _stages(found)
        + "\nTPR / TNR of each class:\n\n"
        + _rates(found.stages, found.labels)
        + "\n## Steps\n\n"
        "Changes are the later stage's less the earlier one's; `p` is McNemar's exact test of the images that only one"
        " of the two has right, which takes every image for an independent one.\n\n"
        + _steps(found.steps)
        + f"\n{len(found.changed)} images have not the same label in every stage: `changed*.png` shows each of them,"
        " `attribution.json` lists them.\n"
    )


def layers_to_markdown(errors: Sequence[LayerError]) -> str:
    """The layers, those that lose most by themselves first."""
    rows = [
        (
            error.layer,
            error.operator,
            _decibels(error.sqnr_db),
            _decibels(error.accumulated_sqnr_db),
            f"{error.saturated:.3%}",
            f"{error.unused_codes:.1%}",
            f"{error.bias_steps:+.4f}",
            *(
                (_decibels(error.weights.worst_db), _decibels(error.weights.median_db), error.weights.worst_channel)
                if error.weights
                else ("", "", "")
            ),
        )
        for error in errors
    ]
    header = ("layer", "operator", "alone, dB", "with all before, dB", "saturated", "codes unused", "bias, steps")
    return (
        "# What each layer of the int8 graph loses\n\n"
        "Signal to quantisation noise ratio of each int8 tensor against float: of the layer alone, given the same"
        " input, and with what all layers before it added. Lower is worse; `exact` is no difference at all. A value"
        " is saturated when it is at the end of the range and its float counterpart lies beyond by more than half a"
        " step. Bias is the mean difference of the layer alone, in steps of its output. The weights' ratios are of"
        " their rounding, over output channels.\n\n"
        + table((*header, "worst channel, dB", "median, dB", "worst channel"), rows, align="llrrrrrrrr")
    )


def draw_layers(errors: Sequence[LayerError]) -> bytes:
    """The layers' ratios as a PNG, worst on top; those that lose nothing by themselves have one bar."""
    figure = figures.new_figure(9, 1.4 + 0.36 * len(errors))
    axes = figure.subplots()
    for row, error in enumerate(errors):
        for offset, value, color, label in (
            (-0.2, error.sqnr_db, _OWN, "alone"),
            (0.2, error.accumulated_sqnr_db, _ACCUMULATED, "with all layers before"),
        ):
            axes.barh(row + offset, value or 0, 0.4, color=color, label=label if row == 0 else None)
        end = max(error.sqnr_db or 0, error.accumulated_sqnr_db or 0)
        text = f"{error.saturated:.2%} saturated, bias {error.bias_steps:+.3f} steps"
        axes.text(end + 0.5, row, text, va="center", fontsize=7.5)
    axes.set_yticks(range(len(errors)), [f"{figures.shorten(error.layer)}: {error.operator}" for error in errors])
    axes.tick_params(axis="y", labelsize=8)
    axes.set(xlabel="signal to quantisation noise ratio in dB (lower is worse)", ymargin=0.01)
    known = [value for error in errors for value in (error.sqnr_db, error.accumulated_sqnr_db) if value]
    axes.set_xlim(0, 1.5 * max(known, default=1))  # room for the text
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper right", ncols=2, fontsize=8)
    return figures.to_png(figure)


def _stages(found: Attribution) -> str:
    """Accuracy of each stage, and how near it is to Keras float."""
    rows = [
        (
            TITLES[stage.name],
            f"{stage.accuracy:.4f}",
            _interval(stage.accuracy_ci95),
            _share(stage.balanced_accuracy),
            *_cells(found.against_float[stage.name]),
        )
        for stage in found.stages
    ]
    header = ("stage", "accuracy", "95 %", "balanced", "labels of Keras float", "largest change", "mean change")
    return table(header, rows, align="lrrrrrr")


def _rates(stages: Sequence[Stage], labels: Sequence[str]) -> str:
    """Sensitivity and specificity of each class in each stage."""
    rows = [
        (
            TITLES[stage.name],
            *(f"{_share(stage.per_class[label].tpr)} / {_share(stage.per_class[label].tnr)}" for label in labels),
        )
        for stage in stages
    ]
    return table(("stage", *labels), rows, align="l" + "r" * len(labels))


def _steps(steps: Sequence[Step]) -> str:
    """What each step changes."""
    rows = [
        (
            f"{TITLES[step.before]} → {TITLES[step.after]}",
            step.what,
            step.change.labels_changed,
            step.mcnemar.first_only,
            step.mcnemar.second_only,
            f"{step.mcnemar.p:.3g}",
            *_difference(step),
            *_cells(step.change),
        )
        for step in steps
    ]
    header = (
        "step", "what happens", "labels changed", "right before only", "right after only", "p",
        "accuracy", "95 %", "labels agree", "largest change", "mean change",
    )  # fmt: skip
    return table(header, rows, align="llrrrrrrrrr")


def _difference(step: Step) -> tuple[str, str]:
    """The change of accuracy and its interval."""
    if step.differences is None:
        return "", ""
    accuracy = step.differences.accuracy
    return f"{accuracy.value:+.4f}", "{:+.4f} to {:+.4f}".format(*accuracy.ci95)


def _cells(change: Change) -> tuple[str, str, str]:
    """The columns of a change."""
    return _share(change.agreement), _share(change.largest), _share(change.mean_abs)


def _interval(value: Interval | None) -> str:
    """An interval's ends."""
    return "" if value is None else "{:.4f} to {:.4f}".format(*value)


def _share(value: float | None) -> str:
    """A number from 0 to 1; a small one is not shown as none."""
    if value is None:
        return ""
    return f"{value:.4f}" if value == 0 or value >= 5e-5 else f"{value:.1e}"


def _decibels(value: float | None) -> str:
    """A ratio, or that nothing differs."""
    return "exact" if value is None else f"{value:.1f}"
