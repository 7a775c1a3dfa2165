"""What was refused, and what was not, as a page shows it: tables, sentences, curves; and what is beyond its bounds."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.refusals import SPLIT, Kind, Report, Subject
from edge_runtime.markdown import table

MOST_REFUSED = 0.005  # of TRAIN's pictures, each source the same
MOST_OVERHEAD = 0.25  # of the time of a classification: more than all that looks at pictures may take
MOST_ERROR = 0.03  # ECE of held-out answers, each source cell the same

_FEW = 30  # pictures of a kind, of which the page names what slips through
_COLORS = ("#0072b2", "#d55e00")


def shortfalls(report: Report) -> Iterator[str]:
    """What is not within bounds, a line each."""
    for each in report.subjects:
        share, error = each.home["share_by_source"], each.held_out["ece"]["after"]["by_cell"]
        if share > MOST_REFUSED:
            yield f"{each.view} view: refuses {share:.2%} of {SPLIT}, above {MOST_REFUSED:.1%}"
        if each.overhead > MOST_OVERHEAD:
            yield f"{each.view} view: looking at pictures adds {each.overhead:.0%}, above {MOST_OVERHEAD:.0%}"
        if error > MOST_ERROR:
            yield f"{each.view} view: held-out ECE {error:.4f}, above {MOST_ERROR}"


def to_markdown(report: Report) -> str:
    """Three tables: how true the confidence is, what is refused, and what slips through."""
    confidence = [
        (
            each.view,
            f"{each.temperature:g}",
            *(f"{each.held_out['ece'][when]['by_cell']:.3f}" for when in ("before", "after", "crossed")),
            f"{each.held_out['ece']['after']['by_image']:.3f}",
            f"{each.threshold:g}",
            f"{each.held_out['coverage']:.1%}",
            f"{each.held_out['accuracy']:.3f}",
            f"{each.held_out['accuracy_when_answered']:.3f}",
            f"{each.test['ece']:.3f}",
            f"{each.test['selective']['coverage']:.1%}",
            f"{each.test['accuracy']:.3f}",
            f"{each.test['selective']['accuracy']:.3f}",
        )
        for each in report.subjects
    ]
    header = ("view", "T", "ECE, T 1", "ECE", "crossed", "by image", "below", "answered", "right", "of answered")
    text = table((*header, "TEST ECE", "answered", "right", "of answered"), confidence, align="l" + "r" * 13)
    rows = [(each.view, *_row(kind)) for each in report.subjects for kind in each.kinds]
    columns = ("view", "pictures of", "n", "refused", "unsure", "labelled", "AUROC confidence", "AUROC distance")
    text += "\n" + table(columns, rows, align="llrrrrrr") + "\n"
    for each in report.subjects:
        text += _tell(each)
    return text


def _row(kind: Kind) -> tuple[object, ...]:
    """A kind's figures."""
    areas = (kind.auroc_confidence, kind.auroc_distance)
    shown = ("-" if area is None else f"{area:.2f}" for area in areas)
    name = f"{kind.name} (to be labelled)" if kind.fit else kind.name
    return name, kind.pictures, sum(kind.refused.values()), kind.unsure, kind.labelled, *shown


def _tell(each: Subject) -> str:
    """What a model refuses at home, what that costs, and what slips through, in words."""
    home = each.home
    lines = [
        f"**{each.view.capitalize()} view.** Refused of {home['pictures']:,} pictures of {SPLIT}:"
        f" {len(home['names'])}, {home['share_by_source']:.2%} with each source the same. Looking at the picture adds"
        f" {each.overhead:.0%} to a classification."
    ]
    exact = each.held_out["ece_if_exact"]
    lines.append(
        f"Were its held-out confidences exact, their ECE would be {exact['mean']:.3f} on average, and above"
        f" {exact['one_in_twenty']:.3f} one time in twenty."
    )
    towers = each.held_out["mean_of_blind_towers"]
    if towers:
        shown = ", ".join(f"{point['temperature']:.2f} of {point['towers']}" for point in towers)
        lines.append(f"Means of towers that are all blind to an image would be fitted by temperatures of {shown}.")
    slipped = [f"{kind.name}: {'; '.join(kind.slipped)}" for kind in each.kinds if kind.slipped and _short(kind)]
    if slipped:
        lines.append("Slips through: " + ". ".join(slipped) + ".")
    return "\n".join(lines) + "\n\n"


def _short(kind: Kind) -> bool:
    """Whether what slipped of a kind can be told one by one."""
    return kind.pictures <= _FEW


def draw(report: Report, path: Path) -> None:
    """Accuracy over coverage of each model, held out and on TEST."""
    from edge_runtime.figures import new_figure, to_png
    from edge_runtime.files import write_atomic

    figure = new_figure(7.0, 4.2)
    axes = figure.subplots()
    for each, color in zip(report.subjects, _COLORS, strict=False):
        curves = {"held out": (each.held_out["curve"], "-"), "TEST": (each.test["selective"]["curve"], "--")}
        for name, (curve, style) in curves.items():
            xs, ys = ([point[key] for point in curve] for key in ("coverage", "accuracy"))
            axes.plot(xs, ys, style, color=color, marker="o", markersize=3, label=f"{each.view} view, {name}")
    axes.set(xlabel="coverage: share that gets a label", ylabel="accuracy of those")
    axes.grid(alpha=0.3)
    axes.legend()
    write_atomic(path, [to_png(figure)])
