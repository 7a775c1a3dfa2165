"""A model file, opened: its bytes, what they are known to be, and the card that describes them."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_runtime.card import Card, has_card, load_card, read_model
from edge_runtime.errors import LeukoliteError, LeukoliteWarning, show
from edge_runtime.files import sha256
from edge_runtime.image import BACKGROUND, COLOR_ORDER, DECODE_RULE, RESIZE_RULE
from edge_runtime.integrity import vouch
from edge_runtime.model import Signature, read_signature


@dataclass(frozen=True)
class Bundle:
    """What is known of a model before an interpreter is made of it.

    `content` are the bytes of the file and `digest` their SHA-256. `whole` is whether a SHA256SUMS or the card holds
    the same digest, so that it is not damaged. `assumed` is whether `card` stands in for one that is not there.
    """

    content: bytes = field(repr=False)
    digest: str
    card: Card
    whole: bool
    assumed: bool


def open_bundle(path: str | os.PathLike[str], *, labels: Sequence[str] | None = None) -> Bundle:
    """Read a model once, and have it checked: digest, card, a first load in a child process, shapes.

    An interpreter sees the bytes last, and in this process only if a SHA256SUMS vouches for them or the child lives.

    Args:
        path: a .tflite.
        labels: names of its classes, in the order of the output, where it has no card; else the card's own.

    Raises LeukoliteError when one of these checks fails. Warns of what is assumed of a model without a card.
    """
    name, content = show(path), read_model(path)
    digest = sha256(content)
    vouched = vouch(path, digest)
    card = load_card(content, name=name) if labels is None or has_card(content) else None
    if not vouched:
        from edge_runtime.probe import probe

        probe(content, digest=digest, name=name)
    signature = read_signature(content)
    if card is None:
        return Bundle(content, digest, _assumed(labels or (), signature, name=name), whole=vouched, assumed=True)
    check_fit(card, signature, name=name)
    if labels is not None and tuple(labels) != card.labels:
        raise LeukoliteError(
            expected=f"the labels {show(', '.join(card.labels))}, as the card in {name} has them",
            found=show(", ".join(labels)),
            remedy="give none: the card's are used",
        )
    return Bundle(content, digest, card, whole=vouched or card.model_sha256 is not None, assumed=False)


def _assumed(labels: Sequence[str], model: Signature, *, name: str) -> Card:
    """The card that stands in for the one that the model `name` lacks; warns of it."""
    from edge_runtime.labels import assumed_card, assumption, check_labels

    card = assumed_card(check_labels(labels, name="the labels that are given"), model, name=name)
    warnings.warn(assumption(card, name=name), LeukoliteWarning, stacklevel=4)
    return card


def check_fit(card: Card, model: Signature, *, name: str) -> None:
    """A card of another model, or of another way to read pictures, would label cells wrongly without a word."""
    rules = (COLOR_ORDER, RESIZE_RULE, DECODE_RULE, BACKGROUND)
    wanted = (card.input.color_order, card.input.resize, card.input.decode, card.input.background)
    if wanted != rules:
        raise LeukoliteError(
            expected=f"a model that reads pictures by the rules {rules}",
            found=f"{wanted} in the card in {name}",
            remedy="update leukolite, or convert the model again",
        )
    said = (card.input.height, card.input.width, len(card.labels))
    found = (model.height_px, model.width_px, model.num_classes)
    if said != found:
        raise LeukoliteError(
            expected=f"height, width and classes {said} as the card in {name} says",
            found=f"{found} in the model",
            remedy="convert the model again",
        )
