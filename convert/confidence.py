"""The temperature that the logits are divided by and the threshold for the card, from `python -m train confidence`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convert.config import ABSTAIN_BELOW, TEMPERATURE
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json
from edge_runtime.rewrite import with_temperature

SCHEMA_VERSION = 1
KEPT = ("split", "data_sha256", "images", "groups", "coverage", "accuracy", "accuracy_when_answered", "ece")


@dataclass(frozen=True)
class Confidence:
    """What becomes of the logits, and below which confidence there is no label.

    `facts` are what was found on held-out images, for the card; None where nothing was fitted.
    """

    temperature: float = TEMPERATURE
    abstain_below: float = ABSTAIN_BELOW
    facts: Mapping[str, Any] | None = None

    def fold(self, model: bytes, *, variant: str) -> bytes:
        """The model with its logits divided by the temperature; of an int8 one no integer before softmax changes."""
        return (
            model if self.temperature == 1 else with_temperature(model, self.temperature, name=f"the {variant} model")
        )


def read_confidence(path: str | None, *, run: Mapping[str, Any], if_same: bool = False) -> Confidence:
    """What a file says for the network of a run.json; nothing is changed without a file.

    Raises LeukoliteError when it is no such file, or of another network, other labels or other images: with `if_same`
    that is as if there were none.
    """
    if path is None:
        return Confidence()
    fields = read_json(path, what="what `python -m train confidence` wrote")
    try:
        found = Confidence(
            temperature=float(fields["temperature"]),
            abstain_below=float(fields["abstain_below"]),
            facts={name: fields[name] for name in KEPT},
        )
        if fields["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema {fields['schema_version']!r}")
        if not (0 < found.temperature < float("inf") and 0 <= found.abstain_below <= 1):
            raise ValueError(f"temperature {found.temperature}, threshold {found.abstain_below}")
        network, images = run["settings"]["network"], run["data"]["sha256"]
        own = {"labels": list(run["labels"]), "network": network, "data_sha256": images}
        others = [name for name, value in own.items() if fields[name] != value]
    except (KeyError, TypeError, ValueError) as error:
        raise _refused(path, reason(error)) from error
    if others and if_same:
        return Confidence()
    if others:
        raise _refused(path, f"one of another network or other images (its {' and '.join(others)} differ)")
    return found


def _refused(path: str, found: str) -> LeukoliteError:
    """What to tell whoever names another file."""
    return LeukoliteError(
        expected=f"the temperature and threshold of this network at {show(path)}",
        found=found,
        remedy="make it with `python -m train confidence` from this recipe's held-out answers",
    )
