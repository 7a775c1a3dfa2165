"""The card inside a bundle: what the model is, what it expects and how good it was.

A bundle is one .tflite with a zip archive after its last byte, as TFLite Metadata defines it: interpreters
do not look there, and `unzip -p model.tflite leukolite.json` prints the card.
"""

import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import sha256
from edge_runtime.fitness import Limits
from edge_runtime.image import read_bytes
from edge_runtime.integrity import vouch
from edge_runtime.view import FIELD, MAX_ZOOM, MIN_ZOOM, VIEWS, View

CARD_NAME = "leukolite.json"
LABELS_NAME = "labels.txt"
MAX_CARD_BYTES = 1_000_000  # unpacked; cards have some thousand
SCHEMA_VERSION = 1
VARIANTS = ("float32", "float16", "dynamic", "int8_ptq", "int8_qat")
INTENDED_USE = "research use only; not a medical device"

_LATER = ("model_sha256", "fitness")  # fields that older cards lack
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can hold: the same model gives the same bytes


@dataclass(frozen=True)
class InputSpec:
    """What must be done to a picture before this model sees it.

    `edge_runtime.image.decode_field` fits it into `field_height` x `field_width`; `view` (edge_runtime/view.py) says
    what of that the model is shown: all of it, or `height` x `width` around each stained cell. In pixels.
    Each pixel there is 1 / `zoom` of the field's. `white_balance` is whether the colour of the light is taken out
    before (edge_runtime/white.py), `stain_normalization` whether the field's own stain is too (edge_runtime/stain.py).
    `red_cell_px` is how wide red cells are in what the model learned from, in pixels of the field, so that it is shown
    other magnifications as it knows them (edge_runtime/magnification.py), and much wider pictures fitted into a field
    so many times as large (edge_runtime/closer.py); 0 where nobody is to look.
    """

    height: int
    width: int
    color_order: str
    resize: str
    decode: str
    background: tuple[int, int, int]
    view: str
    field_height: int
    field_width: int
    white_balance: bool = False
    zoom: float = 1.0
    stain_normalization: bool = False
    red_cell_px: float = 0.0

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "InputSpec":
        """Read what a card holds; one from before there were views shows the whole field, in the light as it is."""
        height, width = int(fields["height"]), int(fields["width"])
        return cls(
            height=height,
            width=width,
            color_order=fields["color_order"],
            resize=fields["resize"],
            decode=fields["decode"],
            background=tuple(int(channel) for channel in fields["background"]),  # type: ignore[arg-type]
            view=fields.get("view", FIELD),
            field_height=int(fields.get("field_height", height)),
            field_width=int(fields.get("field_width", width)),
            white_balance=fields.get("white_balance", False),
            zoom=float(fields.get("zoom", 1.0)),
            stain_normalization=fields.get("stain_normalization", False),
            red_cell_px=float(fields.get("red_cell_px", 0.0)),
        )

    @property
    def seen(self) -> View:
        """The view, for `edge_runtime.view.look_at`."""
        return View(
            kind=self.view,
            height_px=self.height,
            width_px=self.width,
            field_height_px=self.field_height,
            field_width_px=self.field_width,
            white_balance=self.white_balance,
            zoom=self.zoom,
            stain_normalization=self.stain_normalization,
            red_cell_px=self.red_cell_px,
        )


@dataclass(frozen=True)
class Card:
    """Everything that a model file alone does not say; CONTRACT.md names the fields.

    `normalization` holds `mean` and `std` in pixel units: the graph computes (pixel - mean) / std itself.
    `temperature` divides the logits before softmax inside the graph; 1 is none.
    Below the confidence `abstain_below` (0 to 1) the classifier gives no label.
    `golden` holds the SHA-256 of a fixed input and the output to expect, in the output tensor's own units.
    `model_sha256` is that of the model before the card; `attach` sets it, and cards from before it did have None.
    `fitness` says which pictures are refused an answer (edge_runtime/fitness.py); None is none of them.
    """

    schema_version: int
    labels: tuple[str, ...]
    input: InputSpec
    normalization: Mapping[str, float]
    temperature: float
    abstain_below: float
    variant: str
    training: Mapping[str, Any]
    accuracy: Mapping[str, Any] | None
    golden: Mapping[str, Any]
    runtime: str
    licence: str
    intended_use: str
    model_sha256: str | None = None
    fitness: Limits | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Card":
        """Read and check what `to_json` wrote; fields of later minor additions are ignored."""
        if fields.get("schema_version") != SCHEMA_VERSION:
            raise LeukoliteError(
                expected=f"a card of schema {SCHEMA_VERSION}",
                found=f"schema {fields.get('schema_version')!r}",
                remedy="update leukolite, or convert the model again",
            )
        try:
            known = {name: fields[name] for name in cls.__dataclass_fields__ if name not in _LATER}
            known["model_sha256"] = fields.get("model_sha256")
            limits = fields.get("fitness")
            known["fitness"] = None if limits is None else Limits.from_json(limits)
            known["input"] = InputSpec.from_json(known["input"])
            known["labels"] = tuple(known["labels"])
            known["temperature"] = float(known["temperature"])
            known["abstain_below"] = float(known["abstain_below"])
            _check_values(known)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise LeukoliteError(
                expected=f"a card with all of its fields valid: {', '.join(cls.__dataclass_fields__)}",
                found=reason(error),
                remedy="convert the model again",
            ) from error
        return cls(**known)


def _check_values(known: Mapping[str, Any]) -> None:
    """Raise ValueError for a value that would mislabel cells without a word."""
    if not are_labels(known["labels"]):
        raise ValueError(f"labels {known['labels']} are not distinct names")
    if not 0 <= known["abstain_below"] <= 1:
        raise ValueError(f"abstain_below {known['abstain_below']} is not from 0 to 1")
    spec: InputSpec = known["input"]
    field = (spec.field_height, spec.field_width)
    fits = (spec.height, spec.width) == field if spec.view == FIELD else min(spec.height, spec.width, *field) > 0
    if spec.view not in VIEWS or not fits:
        raise ValueError(f"a {spec.view} view of {spec.width} x {spec.height} in {field[1]} x {field[0]}")
    if not MIN_ZOOM <= spec.zoom <= MAX_ZOOM:
        raise ValueError(f"zoom {spec.zoom} is not from {MIN_ZOOM} to {MAX_ZOOM}")
    if not spec.seen.can_measure:
        raise ValueError(f"red cells of {spec.red_cell_px} px in a {spec.view} view of {field[1]} x {field[0]}")
    for name in ("white_balance", "stain_normalization"):
        if not isinstance(value := getattr(spec, name), bool):
            raise ValueError(f"{name} {value!r} is neither true nor false")
    if known["variant"] not in VARIANTS:
        raise ValueError(f"variant {known['variant']!r} is none of {', '.join(VARIANTS)}")


def are_labels(labels: Sequence[Any]) -> bool:
    """Whether these are distinct names, at least one."""
    return bool(labels) and len(set(labels)) == len(labels) and all(isinstance(each, str) and each for each in labels)


def has_card(content: bytes) -> bool:
    """Whether a card is in these bytes, legible or not: damage must not turn a bundle into a model without a card."""
    return CARD_NAME.encode() in content


def load_card(model: str | os.PathLike[str] | bytes, *, name: str = "the model") -> Card:
    """The card inside a bundle, given as a path, or as its bytes and what to call it.

    Raises LeukoliteError when the file cannot be read, is no bundle, holds no card, or a SHA256SUMS beside it says
    otherwise.
    """
    if isinstance(model, bytes):
        content = model
    else:
        name, content = show(model), read_model(model)
        vouch(model, sha256(content))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.getinfo(CARD_NAME).file_size > MAX_CARD_BYTES:
                raise ValueError("a card that would fill the memory")
            fields = json.loads(archive.read(CARD_NAME))
            if not isinstance(fields, dict):
                raise ValueError("not a JSON object")
            before = content[: min(member.header_offset for member in archive.infolist())]
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, RuntimeError, OSError, EOFError) as error:
        raise LeukoliteError(
            expected=f"{CARD_NAME} inside {name}",
            found="none that can be read",
            remedy=f"use a bundle that `python -m convert` wrote{_way_out(content)}",
        ) from error
    card = Card.from_json(fields)
    if card.model_sha256 is not None and card.model_sha256 != sha256(before):
        raise LeukoliteError(
            expected=f"the model of SHA-256 {card.model_sha256} that the card in {name} describes",
            found=sha256(before),
            remedy="fetch the model again: it is damaged",
        )
    return card


def _way_out(content: bytes) -> str:
    """What else the owner of a model without a card can do; a damaged card is not to be gone without."""
    if has_card(content):
        return ""
    where = f": they are in its {LABELS_NAME}, which `unzip -p` prints" if LABELS_NAME.encode() in content else ""
    return f", or give its labels with --labels{where}"


def read_model(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a .tflite; read, never mapped, since a mapped file that is truncated kills the process."""
    try:
        content = read_bytes(path)
    except LeukoliteError as error:
        raise LeukoliteError(
            expected=f"a TFLite model at {show(path)}",
            found=str(error).partition(", got ")[2].partition(";")[0],
            remedy="check the path",
        ) from error
    if content[4:8] != b"TFL3":
        raise LeukoliteError(
            expected=f"a TFLite model (TFL3 in its header) at {show(path)}",
            found=f"{len(content)} bytes that start with {content[:8]!r}" if content else "an empty file",
            remedy="name a .tflite file",
        )
    return content


def attach(model: bytes, card: Card) -> bytes:
    """The bundle: `model` followed by an uncompressed zip of the label file and the card, which knows its digest."""
    card = replace(card, model_sha256=sha256(model))
    buffer = io.BytesIO()
    buffer.write(model)
    members = {
        LABELS_NAME: "".join(f"{label}\n" for label in card.labels),
        CARD_NAME: json.dumps(card.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
    }
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, text in members.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text.encode())
    return buffer.getvalue()
