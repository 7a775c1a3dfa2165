"""Labels that the user gives, for a model that brings no card: what is assumed of it then, and said."""

import os
from collections.abc import Sequence

from edge_runtime.card import INTENDED_USE, SCHEMA_VERSION, Card, InputSpec, are_labels
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.image import BACKGROUND, COLOR_ORDER, DECODE_RULE, RESIZE_RULE, read_bytes
from edge_runtime.model import Signature
from edge_runtime.view import FIELD

UNKNOWN = "unknown"


def read_labels(text: str) -> tuple[str, ...]:
    """The labels in a file, one a line, or in a text that parts them by commas, in the order of the model's output.

    A text without a comma names a file. Raises LeukoliteError when that cannot be read, or they are no labels.
    """
    if "," in text and not os.path.lexists(text):
        return check_labels(text.split(","), name="--labels")
    try:
        content = read_bytes(text).decode("utf-8-sig")
    except (LeukoliteError, UnicodeDecodeError) as error:
        raise LeukoliteError(
            expected=f"a file with a label on each line at {show(text)}",
            found=error.found if isinstance(error, LeukoliteError) else "bytes that are no UTF-8",
            remedy="name such a file, or the labels themselves with commas between them",
        ) from error
    return check_labels(content.strip().splitlines(), name=show(text))


def check_labels(labels: Sequence[str], *, name: str) -> tuple[str, ...]:
    """The labels without the spaces around them; LeukoliteError when one is empty or there twice."""
    stripped = tuple(label.strip() for label in labels)
    if not are_labels(stripped):
        raise LeukoliteError(
            expected=f"distinct labels in {name}, none of them empty",
            found=show(", ".join(stripped)) or "none",
            remedy="give one for each class, in the order of the model's output",
        )
    return stripped


def assumed_card(labels: Sequence[str], model: Signature, *, name: str) -> Card:
    """The card of a model that has none: the whole field, RGB, fitted as ours are, no threshold, nothing known.

    Raises LeukoliteError when there are more or fewer labels than classes.
    """
    if len(labels) != model.num_classes:
        raise LeukoliteError(
            expected=f"{model.num_classes} labels, as many as {name} has classes",
            found=f"{len(labels)}: {show(', '.join(labels))}",
            remedy="give one for each class, in the order of the output",
        )
    spec = InputSpec(
        height=model.height_px,
        width=model.width_px,
        color_order=COLOR_ORDER,
        resize=RESIZE_RULE,
        decode=DECODE_RULE,
        background=BACKGROUND,
        view=FIELD,
        field_height=model.height_px,
        field_width=model.width_px,
    )
    return Card(
        schema_version=SCHEMA_VERSION,
        labels=tuple(labels),
        input=spec,
        normalization={},
        temperature=1.0,
        abstain_below=0.0,
        variant=UNKNOWN,
        training={},
        accuracy=None,
        golden={},
        runtime=UNKNOWN,
        licence=UNKNOWN,
        intended_use=INTENDED_USE,
    )


def assumption(card: Card, *, name: str) -> str:
    """What `assumed_card` takes for granted, on one line."""
    return (
        f"{name} has no card; assumed: it sees the whole field, RGB, fitted into {card.input.width} x "
        f"{card.input.height} on black, and answers with the probabilities of {show(', '.join(card.labels))} at "
        "temperature 1; it has no threshold of its own, and no golden output to be checked"
    )
