"""TFLite Metadata inside the model: what clients other than leukolite read of its card.

MediaPipe Tasks, and code generators, look for a buffer named TFLITE_METADATA. It says what the input and output tensors
mean, and which files of the zip behind the model (`edge_runtime.card.attach`) belong to them.

There is no score calibration in it: that of the schema is a sigmoid for each class alone, after which probabilities
sum to 1 no more, while ours are calibrated by a temperature inside the graph, which every client computes alike.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as tfl

from edge_runtime.bundle import check_fit
from edge_runtime.card import CARD_NAME, LABELS_NAME, Card
from edge_runtime.errors import LeukoliteError, reason
from edge_runtime.files import sha256
from edge_runtime.graph import pack
from edge_runtime.model import read_signature
from edge_runtime.quantization import Quantization
from edge_runtime.view import CELL

METADATA_NAME = b"TFLITE_METADATA"
METADATA_IDENTIFIER = b"M001"
MIN_PARSER_VERSION = "1.0.0"  # nothing is used that came into the schema later
SCHEMA_FILE = Path("tasks", "metadata", "metadata_schema_py_generated.py")  # in the package mediapipe

_PIXEL_VALUES = np.arange(256, dtype=np.uint8)
_DIGEST_DIGITS = 12  # of a digest: enough to tell models apart


def embed(model: bytes, card: Card) -> bytes:
    """The model with a TFLITE_METADATA buffer that says what its card says; graph and weights stay as they are.

    Buffers are laid out as TensorFlow's converter does it, which writes by the same object API: at multiples of 4
    bytes, not of the 16 that the schema wishes. LiteRT and XNNPACK ask for no more.

    Args:
        model: the bytes of a .tflite as the converter gives them, with nothing behind.
        card: the card that will be attached to it.

    Returns:
        The bytes of the .tflite; the same for the same model and card.

    Raises LeukoliteError when the card is another model's, the model is damaged or has such metadata already, or the
    wheel that brings the schema is not installed.
    """
    check_fit(card, read_signature(model), name=f"this {card.variant} bundle")
    try:
        graph = tfl.ModelT.InitFromObj(tfl.Model.GetRootAs(model, 0))
        quantization, number = _input_quantization(graph), len(graph.buffers)
    except Exception as error:  # damage that LiteRT overlooks can raise nearly anything out of generated code
        raise LeukoliteError(
            expected="a model whose flatbuffer can be read", found=reason(error), remedy="convert it again"
        ) from error
    entries = graph.metadata or []
    if any(entry.name == METADATA_NAME for entry in entries):
        raise LeukoliteError(
            expected="a model without TFLite Metadata",
            found=f"one with a buffer {METADATA_NAME.decode()}",
            remedy="give the model as the converter wrote it",
        )
    entry, buffer = tfl.MetadataT(), tfl.BufferT()
    entry.name, entry.buffer = METADATA_NAME, number
    buffer.data = np.frombuffer(_metadata(card, quantization, version=sha256(model)), np.uint8)
    graph.metadata, graph.buffers = [*entries, entry], [*graph.buffers, buffer]
    return pack(graph)


def load_schema() -> ModuleType:
    """The schema's classes, as Google generates them and ships them in the wheel of mediapipe.

    The one file is loaded by its path: importing the package takes 4 s, OpenCV, and OpenGL libraries of the system.
    """
    package = importlib.util.find_spec("mediapipe")
    folders = (package and package.submodule_search_locations) or []
    for path in (Path(folder) / SCHEMA_FILE for folder in folders):
        spec = importlib.util.spec_from_file_location("metadata_schema_py_generated", path)
        if path.is_file() and spec and spec.loader:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise LeukoliteError(
        expected=f"{SCHEMA_FILE} of the package mediapipe, for TFLite Metadata",
        found="none",
        remedy="run `make setup`",
    )


def _metadata(card: Card, quantization: Quantization, *, version: str) -> bytes:
    """The flatbuffer of a ModelMetadata."""
    schema = load_schema()
    model, graph = schema.ModelMetadataT(), schema.SubGraphMetadataT()
    model.name = "leukolite"
    model.description = f"Names the stained white blood cell in a picture: {card.intended_use}"
    model.version = f"{card.variant} {version[:_DIGEST_DIGITS]}"
    model.license = card.licence
    model.minParserVersion = MIN_PARSER_VERSION
    model.associatedFiles = [
        _file(schema, CARD_NAME, "what the model is, expects and was measured to be", "DESCRIPTIONS")
    ]
    graph.inputTensorMetadata = [_input(schema, card, quantization)]
    graph.outputTensorMetadata = [_output(schema, card)]
    model.subgraphMetadata = [graph]
    return pack(model, identifier=METADATA_IDENTIFIER)


def _input(schema: ModuleType, card: Card, quantization: Quantization) -> Any:
    """The TensorMetadata of the picture."""
    tensor, properties, size = schema.TensorMetadataT(), schema.ImagePropertiesT(), schema.ImageSizeT()
    tensor.name, tensor.description = "image", _seen(card)
    size.width, size.height = card.input.width, card.input.height
    properties.colorSpace, properties.defaultSize = schema.ColorSpaceType.RGB, size
    tensor.content = _content(schema, properties)
    options = schema.NormalizationOptionsT()
    options.mean, options.std = ([value] for value in _normalization(card, quantization))
    tensor.processUnits = [_unit(schema, options)]
    return tensor


def _output(schema: ModuleType, card: Card) -> Any:
    """The TensorMetadata of the probabilities, with the threshold of the card where it has one."""
    tensor = schema.TensorMetadataT()
    tensor.name, tensor.description = "probability", "of each label, 0 to 1"
    tensor.content = _content(schema, schema.FeaturePropertiesT())
    tensor.associatedFiles = [_file(schema, LABELS_NAME, "the labels, one a line", "TENSOR_AXIS_LABELS")]
    if card.abstain_below > 0:
        options = schema.ScoreThresholdingOptionsT()
        options.globalScoreThreshold = card.abstain_below
        tensor.processUnits = [_unit(schema, options)]
    return tensor


def _seen(card: Card) -> str:
    """What the input tensor shows, in words."""
    shown = card.input
    field = f"a field fitted into {shown.field_width} x {shown.field_height} on black"
    part = f"{shown.width} x {shown.height} around the middle of a stained cell of {field}"
    text = part if shown.view == CELL else field
    if shown.red_cell_px:
        text = f"{text}, magnified until red cells are {shown.red_cell_px:g} wide in the field"
    if shown.stain_normalization:
        return f"{text}, stain normalised"
    return f"{text}, white balanced" if shown.white_balance else text


def _normalization(card: Card, quantization: Quantization) -> tuple[float, float]:
    """Mean and standard deviation that leave pixels in the uint8 tensor as they are.

    A reader normalises and then quantises (metadata_schema.fbs, NormalizationOptions): for a quantised input the first
    has to be what the second undoes, which the card's own is; one that is not quantised takes pixels untouched.
    """
    if quantization.scale == 0:
        return 0.0, 1.0
    mean, std = card.normalization["mean"], card.normalization["std"]
    if not np.array_equal(quantization.quantize((_PIXEL_VALUES - mean) / std), _PIXEL_VALUES):
        raise LeukoliteError(
            expected=f"a normalisation that the input's scale {quantization.scale:g} and zero point "
            f"{quantization.zero_point} undo",
            found=f"mean {mean:g} and std {std:g} in the card",
            remedy="convert the model again",
        )
    return mean, std


def _input_quantization(graph: Any) -> Quantization:
    """That of the first input of a ModelT, scale 0 where there is none."""
    first = graph.subgraphs[0]
    parameters = first.tensors[first.inputs[0]].quantization
    quantized = parameters is not None and parameters.scale is not None and len(parameters.scale)
    scale, zero_point = (parameters.scale[0], parameters.zeroPoint[0]) if quantized else (0, 0)
    return Quantization(np.dtype(np.uint8), float(scale), int(zero_point))


def _file(schema: ModuleType, name: str, description: str, kind: str) -> Any:
    """An AssociatedFile of a kind that AssociatedFileType names."""
    file = schema.AssociatedFileT()
    file.name, file.description, file.type = name, description, getattr(schema.AssociatedFileType, kind)
    return file


def _content(schema: ModuleType, properties: Any) -> Any:
    """A Content of these properties."""
    content = schema.ContentT()
    content.contentProperties = properties
    content.contentPropertiesType = _member(schema.ContentProperties, properties)
    return content


def _unit(schema: ModuleType, options: Any) -> Any:
    """A ProcessUnit of these options."""
    unit = schema.ProcessUnitT()
    unit.options, unit.optionsType = options, _member(schema.ProcessUnitOptions, options)
    return unit


def _member(union: type, value: Any) -> int:
    """The number of an object's type in a union; generated names end in T for objects."""
    number: int = getattr(union, type(value).__name__.removesuffix("T"))
    return number
