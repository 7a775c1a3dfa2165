"""A fixed picture and the model's answer to it: whether this device computes what the maker's machine did."""

import math
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_runtime.card import Card
from edge_runtime.errors import LeukoliteError
from edge_runtime.files import sha256
from edge_runtime.image import Pixels
from edge_runtime.model import Model

REFUSE, WARN, OFF = POLICIES = ("refuse", "warn", "off")

TOLERANCES = {"int8_ptq": 1.0, "int8_qat": 1.0, "float32": 1e-4, "float16": 1e-4, "dynamic": 1e-3}
"""How far an output may be off, in its tensor's own units: steps of a uint8, otherwise probability.

XNNPACK's int8 kernels are exact: bit for bit the same on x86-64 and aarch64, and on LiteRT 2.1, 2.2 and 2.3. The
softmax behind them is LiteRT's own and another one on aarch64: a probability in the middle between two steps is rounded
otherwise there (`make test-pi`), hence a step. Floats are summed in another order by other kernels: between XNNPACK's
and the reference ones, the probabilities of ten float32 and float16 models differed by 4e-7 at most. A dynamic model
rounds its activations to 8 bits anew for each picture, and such a sum can tip one over: five of them differed by 2.5e-5
at most. The limits of these are forty times that, and more.
"""

NEEDED = ("/proc/cpuinfo", "/sys/devices/system/cpu")  # without them LiteRT leaves XNNPACK out, and does not say so
DISTRIBUTION = "ai-edge-litert"


def golden_input(*, height_px: int, width_px: int) -> Pixels:
    """A fixed picture, uint8 [height_px, width_px, 3]: three waves and a hash-like grain, by integers alone."""
    count = height_px * width_px * 3
    position = np.arange(count, dtype=np.uint64)
    grain = (position * np.uint64(2654435761)) >> np.uint64(13)
    wave = position // np.uint64(3 * max(1, width_px // 16)) * np.uint64(29)
    return ((grain % np.uint64(61)) + wave % np.uint64(195)).astype(np.uint8).reshape(height_px, width_px, 3)


def golden_record(model: Model) -> dict[str, Any]:
    """What the card keeps: SHA-256 of the picture, and the raw output in the output tensor's own units."""
    picture = golden_input(height_px=model.height_px, width_px=model.width_px)
    return {"input_sha256": sha256(picture.tobytes()), "output": model.invoke(picture).tolist()}


def matches(record: Mapping[str, Any], model: Model, *, tolerance: float) -> bool:
    """Whether this model gives the recorded output here, each value within `tolerance` of the output's units."""
    return _difference(record, golden_record(model)) <= tolerance


def check_policy(policy: str) -> None:
    """Raise LeukoliteError when this is none of POLICIES."""
    if policy not in POLICIES:
        raise LeukoliteError(
            expected=f"golden to be one of {', '.join(POLICIES)}", found=ascii(policy), remedy="name one"
        )


def check_record(card: Card, *, name: str) -> None:
    """Raise LeukoliteError when the golden record of the card in `name` is none that could be replayed."""
    record = card.golden if isinstance(card.golden, Mapping) else {}
    output, digest = record.get("output"), record.get("input_sha256")
    values = output if isinstance(output, list) else []
    numbers = [value for value in values if type(value) in (int, float)]
    if not len(numbers) == len(values) == len(card.labels) or not isinstance(digest, str):
        raise LeukoliteError(
            expected=f"a golden record with `input_sha256` and {len(card.labels)} numbers in the card in {name}",
            found=ascii(card.golden)[:80],
            remedy=f"convert the model again, or go without the check: golden {OFF}",
        )


def replay(card: Card, model: Model, *, name: str, whole: bool) -> None:
    """Run the fixed picture, and compare the answer with the one that the card keeps.

    Args:
        card: that of the model, which `check_record` takes.
        model: the interpreter to be checked.
        name: what to call the model.
        whole: whether it is known not to be damaged.

    Raises LeukoliteError, which names the likely cause, when they differ by more than the variant's tolerance.
    """
    found = golden_record(model)
    if found["input_sha256"] != card.golden["input_sha256"]:
        raise LeukoliteError(
            expected=f"the golden picture of SHA-256 {card.golden['input_sha256']:.16} of the card in {name}",
            found=f"{found['input_sha256']:.16}, as this leukolite makes it",
            remedy=f"update leukolite, convert the model again, or go without the check: golden {OFF}",
        )
    difference, tolerance = _difference(card.golden, found), TOLERANCES[card.variant]
    if difference <= tolerance:
        return
    cause, remedy = _cause(card, model, whole=whole)
    unit = "probability" if model.output_quantization.scale == 0 else f"steps of {model.output_quantization.scale:g}"
    raise LeukoliteError(
        expected=f"{name} to answer its golden picture as on its maker's machine, within {tolerance:g}",
        found=f"an answer {difference:g} off ({unit}), likely because {cause}",
        remedy=f"{remedy}, or accept it: golden {WARN} or {OFF}",
    )


def without_delegate() -> str:
    """Why XNNPACK is not in the plan, as far as this process can see."""
    lacking = [path for path in NEEDED if not os.access(path, os.R_OK)]
    why = f"{' and '.join(lacking)} cannot be read" if lacking else "this LiteRT has none for it"
    return f"XNNPACK does not run it: {why}"


def _difference(record: Mapping[str, Any], found: Mapping[str, Any]) -> float:
    """The largest difference of two records' outputs; infinite where they are not comparable."""
    if found["input_sha256"] != record.get("input_sha256"):
        return math.inf
    expected, output = np.asarray(record.get("output"), float), np.asarray(found["output"], float)
    if expected.shape != output.shape:
        return math.inf
    difference = float(np.abs(expected - output).max())
    return math.inf if math.isnan(difference) else difference


def _cause(card: Card, model: Model, *, whole: bool) -> tuple[str, str]:
    """The likely cause of another output, and the remedy."""
    from edge_runtime.provenance import version

    if not model.uses_delegate:
        return without_delegate(), f"make {' and '.join(NEEDED)} readable and install {DISTRIBUTION} from PyPI"
    installed = version(DISTRIBUTION) or "unknown"
    if _numbers(installed) < _numbers(str(card.runtime)):
        return f"LiteRT is {installed}, older than the card's {card.runtime}", "update it"
    if whole:
        return f"LiteRT {installed} has other kernels on this processor", "install another version of it"
    return "the weights are damaged", "fetch the model again"


def _numbers(version: str) -> tuple[int, ...]:
    """The first dotted number in a text, to be compared; empty where there is none."""
    found = re.search(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
