"""The bundle around an adapted network: its metadata, card and golden output made anew on this machine."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from edge_runtime.card import Card, attach
from edge_runtime.files import sha256
from edge_runtime.golden import golden_record
from edge_runtime.model import Model

# The version in the TFLite Metadata of `convert/metadata.py`: variant and digest, which is all that changes in it.
_VERSION = rb"(%s )([0-9a-f]{12})(?=\x00)"


def rebundle(
    model: bytes, card: Card, *, adapted: Mapping[str, Any], accuracy: Mapping[str, Any], refusing: bool = True
) -> bytes:
    """A whole bundle of an adapted network.

    Args:
        model: the bytes of the .tflite with nothing behind, its TFLite Metadata still that of the bundle it came from.
        card: that bundle's. How it was trained stays in it.
        adapted: how it was adapted, for `training`.
        accuracy: what it reads now, and on what.
        refusing: whether that bundle's limits on pictures stay.
    """
    digest = sha256(model)[:12].encode()
    model = re.sub(_VERSION % re.escape(card.variant.encode()), lambda found: found[1] + digest, model)
    return attach(
        model,
        replace(
            card,
            training={**card.training, "adapted": adapted},
            accuracy=accuracy,
            golden=golden_record(Model(model)),
            fitness=card.fitness if refusing else None,
            temperature=1.0,  # one that was folded into the head went with it
        ),
    )
