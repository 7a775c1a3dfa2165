"""Write all bundles of a pair of runs, with their digests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert.bundle import make_bundle
from convert.config import BUNDLE_NAMES, SUMS_NAME, Settings
from convert.lowering import lower
from edge_runtime.card import load_card
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import read_json, sha256, write_atomic

WEIGHTS_NAME = "weights.h5"
USED = ("labels", "data", "settings", "operating_point", "rehearsal", "provenance")  # of a run.json


@dataclass(frozen=True)
class Bundle:
    """One bundle that was written."""

    path: Path
    variant: str
    size_bytes: int
    accuracy: float | None


def convert(float_run: Path, qat_run: Path, out: Path, *, settings: Settings) -> list[Bundle]:
    """Convert both runs, check them, write the bundles and SHA256SUMS; nothing is written unless all succeed.

    Raises LeukoliteError when a run is not finished, or the second was not fine-tuned from the first.
    """
    first, second = read_pair(float_run, qat_run)
    runs = {"float32": (float_run, first), "int8_qat": (qat_run, second)}
    contents = {
        variant: make_bundle(lower(folder / "model", variant=variant), run, variant=variant, settings=settings)
        for variant, (folder, run) in runs.items()
    }
    bundles, sums = [], []
    for variant, content in contents.items():
        path = out / BUNDLE_NAMES[variant]
        write_atomic(path, [content])
        sums.append(f"{sha256(content)}  {path.name}\n")
        accuracy = (load_card(content).accuracy or {}).get("accuracy")
        bundles.append(Bundle(path=path, variant=variant, size_bytes=len(content), accuracy=accuracy))
    write_atomic(out / SUMS_NAME, [line.encode() for line in sums])
    return bundles


def read_pair(float_run: Path, qat_run: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The run.json of both; LeukoliteError when one is not finished, or the second did not start from the first."""
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


def table(bundles: Sequence[Bundle]) -> Iterator[str]:
    """The bundles as text."""
    yield f"{'VARIANT':<10}{'BYTES':>10}  {'ACCURACY':>8}  PATH\n"
    for bundle in bundles:
        accuracy = "-" if bundle.accuracy is None else f"{bundle.accuracy:.4f}"
        yield f"{bundle.variant:<10}{bundle.size_bytes:>10}  {accuracy:>8}  {show(bundle.path)}\n"


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
    if lacking:
        raise LeukoliteError(
            expected=f"a whole run.json at {show(folder)}",
            found=f"one without {', '.join(lacking)}",
            remedy="train again",
        )
    return run
