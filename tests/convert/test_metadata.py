"""What the metadata says, that the network stays what it was, and what is refused."""

import os
import subprocess
import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as tfl

from convert import metadata
from convert.metadata import METADATA_IDENTIFIER, METADATA_NAME, embed, load_schema
from edge_runtime.card import attach, load_card
from edge_runtime.classifier import SHIPPED_MODEL, SHIPPED_REFERENCE
from edge_runtime.errors import LeukoliteError
from edge_runtime.model import Model, Signature
from tests import tiny_model
from tests.flat import bare, changed

CHECKOUT = Path(__file__).parent.parent.parent
FULL_BUNDLES = [SHIPPED_MODEL, SHIPPED_REFERENCE, *sorted((CHECKOUT / "reports" / "cell" / "bundles").glob("*.tflite"))]

CARD = tiny_model.CARD
MODEL = tiny_model.model_bytes()
FLOAT_MODEL, FLOAT_CARD = tiny_model.model_bytes(quantized=False), replace(CARD, variant="float32")


def unquantize(tree):
    """The input as the converter writes that of float32 models."""
    tree.subgraphs[0].tensors[0].quantization = None


UNQUANTIZED_MODEL = changed(FLOAT_MODEL, unquantize)
MAX_OVERHEAD_BYTES = 8 * 1024  # of card, labels and metadata together: the size that a bundle may add to its model


def read(content):
    """The ModelMetadata inside a model, by the maintained schema."""
    model = tfl.Model.GetRootAs(content, 0)
    (entry,) = [e for e in map(model.Metadata, range(model.MetadataLength())) if e.Name() == METADATA_NAME]
    buffer = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert flatbuffers.util.GetBufferIdentifier(buffer, 0) == METADATA_IDENTIFIER
    schema = load_schema()
    return schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAs(buffer, 0)), schema


def test_it_says_what_the_card_says():
    found, schema = read(embed(MODEL, CARD))
    assert b"research use only; not a medical device" in found.description
    assert (found.license, found.minParserVersion) == (b"MIT", b"1.0.0")
    assert found.version.startswith(b"int8_ptq ")
    (file,) = found.associatedFiles
    assert (file.name, file.type) == (b"leukolite.json", schema.AssociatedFileType.DESCRIPTIONS)
    (graph,) = found.subgraphMetadata
    (taken,), (given,) = graph.inputTensorMetadata, graph.outputTensorMetadata
    picture = taken.content.contentProperties
    assert taken.content.contentPropertiesType == schema.ContentProperties.ImageProperties
    assert picture.colorSpace == schema.ColorSpaceType.RGB
    assert (picture.defaultSize.width, picture.defaultSize.height) == (tiny_model.WIDTH_PX, tiny_model.HEIGHT_PX)
    assert given.content.contentPropertiesType == schema.ContentProperties.FeatureProperties
    (file,) = given.associatedFiles
    assert (file.name, file.type) == (b"labels.txt", schema.AssociatedFileType.TENSOR_AXIS_LABELS)
    assert given.processUnits is None


@pytest.mark.parametrize(
    ("model", "card", "expected"),
    # A reader that normalises and then quantises must arrive at the pixel itself; an input that is not quantised
    # takes it untouched.
    [(MODEL, CARD, (0, 255)), (UNQUANTIZED_MODEL, FLOAT_CARD, (0, 1))],
    ids=["quantised", "not quantised"],
)
def test_normalisation_leaves_pixels_as_they_are(model, card, expected):
    found, schema = read(embed(model, card))
    (unit,) = found.subgraphMetadata[0].inputTensorMetadata[0].processUnits
    assert unit.optionsType == schema.ProcessUnitOptions.NormalizationOptions
    assert (unit.options.mean, unit.options.std) == ([expected[0]], [expected[1]])


@pytest.mark.parametrize("normalization", [{"mean": 127.5, "std": 127.5}, {"mean": 0.0, "std": 1.0}])
def test_normalisation_that_the_input_does_not_undo_is_refused(refused, normalization):
    with refused("a normalisation that the input's scale 0.00392157 and zero point 0 undo, got mean .* in the card"):
        embed(MODEL, replace(CARD, normalization=normalization))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (CARD.input, b"a field fitted into 16 x 12 on black"),
        (
            tiny_model.CELL_SPEC,
            b"16 x 12 around the middle of a stained cell of a field fitted into 160 x 120 on black",
        ),
        (
            replace(tiny_model.CELL_SPEC, red_cell_px=25.0),
            b"16 x 12 around the middle of a stained cell of a field fitted into 160 x 120 on black,"
            b" magnified until red cells are 25 wide in the field",
        ),
        (replace(CARD.input, white_balance=True), b"a field fitted into 16 x 12 on black, white balanced"),
    ],
    ids=["field", "cell", "magnified", "white balanced"],
)
def test_the_view_is_in_words(spec, words):
    found, _ = read(embed(MODEL, replace(CARD, input=spec)))
    assert found.subgraphMetadata[0].inputTensorMetadata[0].description == words


def test_the_threshold_of_the_card_is_the_reader_s():
    found, schema = read(embed(MODEL, replace(CARD, abstain_below=0.75)))
    (unit,) = found.subgraphMetadata[0].outputTensorMetadata[0].processUnits
    assert unit.optionsType == schema.ProcessUnitOptions.ScoreThresholdingOptions
    assert unit.options.globalScoreThreshold == 0.75


def test_other_networks_have_other_versions():
    versions = {read(embed(model, card))[0].version for model, card in [(MODEL, CARD), (FLOAT_MODEL, FLOAT_CARD)]}
    assert len({version.split()[1] for version in versions}) == 2


@pytest.mark.parametrize(("model", "card"), [(MODEL, CARD), (FLOAT_MODEL, FLOAT_CARD)], ids=["int8", "float32"])
def test_the_network_is_untouched(model, card):
    before, after = (tfl.Model.GetRootAs(content, 0) for content in (model, embed(model, card)))
    assert after.BuffersLength() == before.BuffersLength() + 1
    for number in range(before.BuffersLength()):
        old, new = before.Buffers(number), after.Buffers(number)
        assert new.DataLength() == old.DataLength()
        if old.DataLength():
            assert np.array_equal(new.DataAsNumpy(), old.DataAsNumpy())
            # int32 and float32 constants are read in place: 4 bytes is what their types need.
            assert new._tab.Vector(new._tab.Offset(4)) % 4 == 0
    pixels = np.random.default_rng(5).integers(0, 256, (tiny_model.HEIGHT_PX, tiny_model.WIDTH_PX, 3), dtype=np.uint8)
    assert np.array_equal(Model(embed(model, card)).invoke(pixels), Model(model).invoke(pixels))


def test_entries_of_the_converter_stay():
    entry = tfl.MetadataT(b"min_runtime_version", 0)
    model = tfl.Model.GetRootAs(embed(changed(MODEL, lambda tree: setattr(tree, "metadata", [entry])), CARD), 0)
    assert [model.Metadata(number).Name() for number in range(2)] == [b"min_runtime_version", METADATA_NAME]


def test_same_model_and_card_give_the_same_bytes():
    assert embed(MODEL, CARD) == embed(bytes(MODEL), replace(CARD))


def test_the_file_grows_by_the_metadata_and_little_else():
    content = embed(MODEL, CARD)
    model = tfl.Model.GetRootAs(content, 0)
    size = model.Buffers(model.BuffersLength() - 1).DataLength()
    # The entry's name, two tables, three offsets and padding to 4 bytes.
    assert size < len(content) - len(MODEL) < size + 128


@pytest.mark.parametrize("name", ["leukolite-float32.tflite", "leukolite-int8.tflite"])
def test_a_converted_bundle_has_it_at_a_small_price(released, name):
    content = (released / name).read_bytes()
    assert read(content)[0].version.decode().split()[0] == load_card(content).variant
    assert 0 < len(content) - len(bare(content)) <= MAX_OVERHEAD_BYTES


@pytest.mark.parametrize("path", FULL_BUNDLES, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_full_cards_cost_little(path):
    card, model = load_card(path), bare(path.read_bytes())
    assert card.accuracy is not None
    assert 0 < len(attach(embed(model, card), card)) - len(model) <= MAX_OVERHEAD_BYTES


def test_stripping_gives_the_model_back():
    """The two tests above subtract its size."""
    assert bare(attach(embed(MODEL, CARD), CARD)) == MODEL


@pytest.mark.parametrize("labels", [("A", "B", "C"), ("A", "B", "C", "D", "E")])
def test_labels_of_another_number_are_refused(refused, labels):
    with refused("height, width and classes"):
        embed(MODEL, replace(CARD, labels=labels))


def test_a_card_of_another_size_is_refused(refused):
    spec = replace(CARD.input, height=24, width=32, field_height=24, field_width=32)
    with refused("height, width and classes"):
        embed(MODEL, replace(CARD, input=spec))


def test_a_model_that_has_metadata_is_refused(refused):
    with refused("a model without TFLite Metadata, got one with a buffer TFLITE_METADATA; give"):
        embed(embed(MODEL, CARD), CARD)


@pytest.mark.parametrize(
    "content",
    [b"", b"TFL3", bytes(64), MODEL[:8], MODEL[: len(MODEL) // 2], MODEL[:-1]],
    ids=["empty", "four bytes", "zeros", "header", "half", "a byte short"],
)
def test_damaged_bytes_are_refused(refused, content):
    with refused():
        embed(content, CARD)


@pytest.fixture
def overlooked(monkeypatch):
    """Damage that LiteRT lets pass; it would also end the process on some, here as anywhere."""
    monkeypatch.setattr(metadata, "read_signature", lambda model: Signature(12, 16, 4))


@pytest.mark.usefixtures("overlooked")
def test_damage_that_litert_overlooks_is_refused(refused):
    with refused("a model whose flatbuffer can be read"):
        embed(MODEL[:-100], CARD)


@pytest.mark.usefixtures("overlooked")
def test_no_flipped_bit_is_a_traceback():
    refusals = 0
    for bit in range(0, 160 * 8, 3):  # where the tables lie; every bit of a byte has its turn
        content = bytearray(MODEL)
        content[bit // 8] ^= 1 << bit % 8
        try:
            embed(bytes(content), CARD)
        except LeukoliteError:
            refusals += 1
    assert refusals > 100


@pytest.mark.parametrize("lacking", ["package", "file"])
def test_without_the_schema_the_wheel_to_install_is_named(refused, monkeypatch, tmp_path, lacking):
    empty = ModuleSpec("mediapipe", None, is_package=True)
    empty.submodule_search_locations.append(str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if lacking == "package" else empty)
    with refused("of the package mediapipe, for TFLite Metadata, got none; run `make setup`"):
        embed(MODEL, CARD)


def test_conversion_loads_no_part_of_mediapipe_but_the_schema():
    """The package would bring OpenCV and OpenGL, which a machine that only converts may lack."""
    code = (
        "import sys\nfrom convert.metadata import embed\nfrom tests.tiny_model import CARD, model_bytes\n"
        "embed(model_bytes(), CARD)\nprint(*{'mediapipe', 'cv2', 'tensorflow'} & set(sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr
