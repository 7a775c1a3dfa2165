"""Write all bundles of a pair of runs, with their digests and the table that compares them."""

from pathlib import Path
from typing import Any

from convert.bundle import input_of, make_bundle
from convert.calibration import choose
from convert.confidence import read_confidence
from convert.config import BASE, BUNDLE_NAMES, CALIBRATION_NAME, SIGNATURE_NAME, SUMS_NAME, TABLE_NAME, Settings
from convert.latency import invoke_ratios
from convert.lowering import lower
from convert.variants import Variant, compare, to_markdown
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import check_folder, read_json, sha256, write_atomic, write_json
from edge_runtime.report import EvalReport

WEIGHTS_NAME = "weights.h5"
USED = ("labels", "data", "settings", "operating_point", "rehearsal", "provenance")  # of a run.json
VIEWED = ("image_height_px", "image_width_px", "crop_px", "white_balance", "zoom")  # of its network, for the card


def convert(float_run: Path, qat_run: Path, out: Path, *, settings: Settings) -> tuple[Variant, ...]:
    """Convert both runs to every variant; write bundles, SHA256SUMS, which images calibrated int8, and the table.

    Nothing is written unless all of it succeeds.

    Raises LeukoliteError when a run is not finished, the second was not fine-tuned from the first, the settings'
    temperature is of another network, they ask for red cells that its view cannot measure, or `out` cannot be written;
    all of that before anything is converted.
    """
    first, second = read_pair(float_run, qat_run)
    confidence = read_confidence(settings.confidence, run=second, if_same=settings.confidence_if_same)
    shown = input_of(first["settings"]["network"], red_cell_px=settings.red_cell_px)
    calibration = choose(shown.seen, settings=settings)
    check_folder(out)
    contents: dict[str, bytes] = {}
    reports: dict[str, EvalReport] = {}
    for variant in BUNDLE_NAMES:
        folder, run = (qat_run, second) if variant == "int8_qat" else (float_run, first)
        used = calibration if variant == "int8_ptq" else None
        model = lower(folder / "model", variant=variant, calibration=used.pixels if used else None)
        model = confidence.fold(model, variant=variant)
        bundle = make_bundle(model, run, variant=variant, settings=settings, calibration=used, confidence=confidence)
        contents[variant], reports[variant] = bundle
    variants = compare(
        reports,
        files=BUNDLE_NAMES,
        sizes_bytes={variant: len(content) for variant, content in contents.items()},
        latency_ratios=invoke_ratios(contents, base=BASE),
    )
    (out / SIGNATURE_NAME).unlink(missing_ok=True)  # of what is about to be replaced
    for variant, content in contents.items():
        write_atomic(out / BUNDLE_NAMES[variant], [content])
    sums = [f"{sha256(content)}  {BUNDLE_NAMES[variant]}\n" for variant, content in contents.items()]
    write_atomic(out / SUMS_NAME, [line.encode() for line in sums])
    write_json(out / CALIBRATION_NAME, calibration.to_json())
    write_json(out / f"{TABLE_NAME}.json", {"variants": [variant.to_json() for variant in variants]})
    write_atomic(out / f"{TABLE_NAME}.md", [to_markdown(variants).encode()])
    return variants


def read_pair(float_run: Path, qat_run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The run.json of both.

    Raises LeukoliteError when one is not finished, or the second was not fine-tuned from the first.
    """
    first, second = _read(float_run, "float32"), _read(qat_run, "int8_qat")
    differing = [part for part in ("data", "labels") if first[part] != second[part]]
    # The settings of fine-tuning may be others than the float run foresaw; the weights it began with may not.
    weights = float_run / WEIGHTS_NAME
    if not weights.is_file() or second.get("starts_from_sha256") != sha256(weights.read_bytes()):
        differing.append("weights")
    if differing:
        raise LeukoliteError(
            expected="a float run and the int8 run that was fine-tuned from it",
            found=f"{show(float_run)} and {show(qat_run)} that differ in their {', '.join(differing)}",
            remedy="fine-tune the float run that you give",
        )
    return first, second


def _read(folder: Path, variant: str) -> dict[str, Any]:
    """A finished run of the stage that makes this variant."""
    run = read_json(folder / "run.json", what="the run.json of a finished training run")
    if run.get("variant") != variant:
        raise LeukoliteError(
            expected=f"a run for {variant} at {show(folder)}",
            found=f"one for {run.get('variant')}",
            remedy="swap --float and --qat",
        )
    lacking = [part for part in USED if part not in run]
    if not lacking:
        lacking = [f"settings.network.{name}" for name in VIEWED if name not in run["settings"]["network"]]
    if lacking:
        raise LeukoliteError(
            expected=f"a whole run.json at {show(folder)}",
            found=f"one without {', '.join(lacking)}",
            remedy="train again",
        )
    return run
