"""One table of all recipes that were tried, from what each cross-validation, or each run with blind towers, left."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json, write_json
from edge_runtime.report import EvalReport
from train import rundir
from train.config import PRESETS, Settings
from train.network import multiply_adds

TRIAL_NAME = "trial.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Trial:
    """What one recipe gave in cross-validation, be it by the blind towers of one run.

    `tpr` and `tnr` are by class, `accuracy_ci95` from resampling groups of source cells; `multiply_adds` are of one
    picture, all towers. `int8` holds balanced accuracy, accuracy and agreement with float after fine-tuning, if done.
    With `blind_towers` those of one run were the judges, of a fold each.
    """

    splits: str
    folds: int
    n: int
    n_groups: int
    settings: Mapping[str, Any]
    parameters: int
    multiply_adds: int
    balanced_accuracy: float
    accuracy: float
    accuracy_ci95: tuple[float, float]
    tpr: Mapping[str, float]
    tnr: Mapping[str, float]
    provenance: Mapping[str, Any]
    int8: Mapping[str, float] | None = None
    blind_towers: bool = False
    schema_version: int = SCHEMA_VERSION

    @property
    def lowest_tpr(self) -> tuple[float, str]:
        """That of the class found worst, and which that is."""
        return min((rate, label) for label, rate in self.tpr.items())

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return asdict(self)


def record(
    report: EvalReport,
    out: Path,
    *,
    settings: Settings,
    folds: int,
    int8: EvalReport | None = None,
    agreement: float | None = None,
) -> Trial:
    """Write the trial.json of a cross-validation whose run directories are in `out`."""
    run = read_json(out / "fold0" / rundir.RUN_NAME, what="the run.json of a fold")
    groups = report.groups or {}
    trial = Trial(
        splits=str(report.data["split"]).partition(",")[0],
        folds=folds,
        n=report.n,
        n_groups=groups["n"],
        settings=rundir.to_plain(settings),
        parameters=run["parameters"],
        multiply_adds=multiply_adds(settings.network, classes=len(report.labels)),
        balanced_accuracy=report.balanced_accuracy or 0.0,
        accuracy=report.accuracy or 0.0,
        accuracy_ci95=groups["accuracy_ci95"],
        tpr={label: rates.tpr or 0.0 for label, rates in report.per_class.items()},
        tnr={label: rates.tnr or 0.0 for label, rates in report.per_class.items()},
        provenance=report.provenance,
        int8=_int8(int8, agreement) if int8 else None,
    )
    write_json(out / TRIAL_NAME, trial.to_json())
    return trial


def _int8(report: EvalReport, agreement: float | None) -> dict[str, float]:
    """What a trial says of the networks that were fine-tuned for int8."""
    figures = {"balanced_accuracy": report.balanced_accuracy, "accuracy": report.accuracy, "agreement": agreement}
    return {name: figure or 0.0 for name, figure in figures.items()}


def read(path: Path) -> Trial:
    """A trial.json, or the run.json of a float run with blind towers; LeukoliteError when it is neither."""
    fields = read_json(path, what="the trial.json of a cross-validation, or the run.json of blind towers")
    try:
        if fields["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema {fields['schema_version']}")
        if "stage" in fields:
            return _by_towers(fields)
        return Trial(**{**fields, "accuracy_ci95": tuple(fields["accuracy_ci95"])})
    except (KeyError, TypeError, ValueError) as error:
        raise LeukoliteError(
            expected=f"the trial.json of a cross-validation, or the run.json of blind towers, at {show(path)}",
            found=reason(error),
            remedy="make it with `python -m train crossval` or `python -m train float`",
        ) from error


def _by_towers(run: Mapping[str, Any]) -> Trial:
    """The trial that a run of blind towers is: each part of the source cells is answered by one that never saw it."""
    held_out = run["held_out"]
    if run["stage"] != "float" or held_out is None:
        raise ValueError(f"a run of stage {run['stage']} that holds {'nothing' if held_out is None else 'cells'} out")
    settings, groups = rundir.settings_from(run), held_out["groups"]
    return Trial(
        splits=run["data"]["split"],
        folds=settings.network.folds,
        n=held_out["n"],
        n_groups=groups["n"],
        settings=run["settings"],
        parameters=run["parameters"],
        multiply_adds=multiply_adds(settings.network, classes=len(run["labels"])),
        balanced_accuracy=held_out["balanced_accuracy"],
        accuracy=held_out["accuracy"],
        accuracy_ci95=tuple(groups["accuracy_ci95"]),
        tpr={label: rates["tpr"] for label, rates in groups["per_class"].items()},
        tnr={label: rates["tnr"] for label, rates in groups["per_class"].items()},
        provenance=run["provenance"],
        blind_towers=True,
    )


def read_all(paths: Sequence[Path]) -> dict[str, Trial]:
    """Trials by the names of their files; LeukoliteError when two have the same, as all have where they were made."""
    trials: dict[str, Trial] = {}
    for path in paths:
        if path.stem in trials:
            raise LeukoliteError(
                expected="trials in files of different names, which the table names them by",
                found=f"another {show(path.stem)} at {show(path)}",
                remedy="copy them to files named after what was tried",
            )
        trials[path.stem] = read(path)
    return trials


def to_markdown(trials: Mapping[str, Trial]) -> Iterator[str]:
    """The trials by name, the best first; those on other splits, or of whole fields, in a table of their own."""
    for splits, whole in sorted({_table(trial) for trial in trials.values()}):
        own = {name: trial for name, trial in trials.items() if _table(trial) == (splits, whole)}
        any_trial = next(iter(own.values()))
        seen = ", whole fields" if whole else ""
        yield f"{splits}, {any_trial.n:,} images in {any_trial.n_groups} groups of source cells{seen}:"
        yield ""
        yield (
            "| trial | balanced accuracy | int8 | accuracy by group (95 %) | lowest TPR | weights | MACs, M"
            " | differs by |"
        )
        yield "|:--|--:|--:|:--|:--|--:|--:|:--|"
        for name, trial in sorted(own.items(), key=lambda item: -item[1].balanced_accuracy):
            (low, high), (rate, label) = trial.accuracy_ci95, trial.lowest_tpr
            int8 = f"{trial.int8['balanced_accuracy']:.4f}" if trial.int8 else "-"
            differs = ", ".join(_changes(trial, "blind" if whole else "cell"))
            yield (
                f"| {name} | {trial.balanced_accuracy:.4f} | {int8} | {low:.3f} to {high:.3f} | {rate:.4f} {label}"
                f" | {trial.parameters:,} | {trial.multiply_adds / 1e6:.1f} | {differs} |"
            )
        yield ""


def _table(trial: Trial) -> tuple[str, bool]:
    """Which table a trial is in: that of its splits, and of whole fields or crops."""
    return trial.splits, not trial.settings["network"].get("crop_px")


def _changes(trial: Trial, preset: str) -> Iterable[str]:
    """What of the settings is not that preset's, seed and folds included."""
    usual = rundir.to_plain(PRESETS[preset])
    own = rundir.to_plain(rundir.settings_from({"settings": trial.settings}))
    for part in ("network", "float_stage", "augmentation", "distillation"):
        for name, value in own[part].items():
            if value != usual[part].get(name):
                yield f"{name} {value}"
    for name in ("per_class", "seed", "sampling"):
        if own[name] != usual[name]:
            yield f"{name} {own[name]}"
    if trial.folds != 5 and not trial.blind_towers:
        yield f"{trial.folds} folds"
