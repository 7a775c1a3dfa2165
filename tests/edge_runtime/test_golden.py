import hashlib
from dataclasses import replace

import numpy as np
import pytest

from edge_runtime import golden
from edge_runtime.card import VARIANTS, load_card
from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteWarning
from edge_runtime.golden import (
    POLICIES,
    TOLERANCES,
    check_policy,
    check_record,
    golden_input,
    golden_record,
    matches,
    replay,
)
from edge_runtime.model import Model
from edge_runtime.options import GOLDEN
from tests.edge_runtime.conftest import one_line
from tests.tiny_model import CARD, HEIGHT_PX, WIDTH_PX, bundle_bytes, model_bytes, save


@pytest.fixture(scope="module", params=[True, False], ids=["int8", "float32"])
def model(request):
    return Model(model_bytes(quantized=request.param))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (12, 16), (120, 160), (224, 224)])
def test_picture_is_the_same_by_plain_integers(height, width):
    expected = [
        (number * 2654435761 >> 13) % 61 + number // (3 * max(1, width // 16)) * 29 % 195
        for number in range(height * width * 3)
    ]
    pixels = golden_input(height_px=height, width_px=width)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (height, width, 3))
    assert pixels.ravel().tolist() == expected


def test_record_is_the_pictures_digest_and_the_stored_output(model):
    record = golden_record(model)
    picture = golden_input(height_px=HEIGHT_PX, width_px=WIDTH_PX)
    assert record["input_sha256"] == hashlib.sha256(picture.tobytes()).hexdigest()
    assert record["output"] == model.invoke(picture).tolist()


def test_same_model_matches_exactly(model):
    assert matches(golden_record(model), model, tolerance=0)


@pytest.mark.parametrize(("change", "fits"), [(0.0, True), (0.5, True), (-0.5, True), (0.6, False), (-0.6, False)])
def test_tolerance_is_the_largest_difference_of_one_value(model, change, fits):
    record = golden_record(model)
    record["output"][1] += change
    # float32 outputs are no multiples of 0.1, so that the limit itself may be missed by a rounding error.
    assert matches(record, model, tolerance=0.5 + 1e-9) is fits


@pytest.mark.parametrize(
    "change",
    [
        {"input_sha256": "other"},
        {"output": [0, 0, 0]},
        {"output": []},
        {"output": None},
        {"output": [float("nan")] * 4},
    ],
    ids=str,
)
def test_other_records_do_not_match(model, change):
    assert not matches({**golden_record(model), **change}, model, tolerance=1e9)


def test_empty_record_does_not_match(model):
    assert not matches({}, model, tolerance=1e9)


def card_of(variant: str, *, off_by: float = 0.0, **changes):
    """The tiny model's card, with one value of its golden output off."""
    card = load_card(bundle_bytes(variant=variant, **changes))
    first, *others = card.golden["output"]
    return replace(card, golden={**card.golden, "output": [first + off_by, *others]})


@pytest.fixture
def int8():
    return Model(model_bytes())


@pytest.fixture
def bare(monkeypatch):
    """LiteRT without XNNPACK: what it is where /proc cannot be read."""
    monkeypatch.setattr(Model, "uses_delegate", False)


def test_every_variant_has_a_tolerance():
    assert TOLERANCES.keys() == set(VARIANTS)


def test_the_tiny_model_s_card_is_its_own(int8):
    assert golden_record(int8) == CARD.golden
    assert POLICIES == GOLDEN


@pytest.mark.parametrize(
    ("variant", "off_by", "right"),
    [
        ("int8_ptq", 0, True),
        ("int8_qat", 1, True),
        ("int8_qat", 2, False),
        ("int8_ptq", -2, False),
        ("float32", 5e-5, True),
        ("float32", 2e-4, False),
        ("float32", float("nan"), False),
    ],
)
def test_int8_may_be_a_step_off_and_float_must_be_close(variant, off_by, right, refused):
    card, model = card_of(variant, off_by=off_by), Model(model_bytes(quantized=variant != "float32"))
    if right:
        replay(card, model, name="a.tflite", whole=True)
        return
    with refused("a.tflite to answer its golden picture as on its maker's machine"):
        replay(card, model, name="a.tflite", whole=True)


@pytest.mark.parametrize(
    ("runtime", "whole", "cause"),
    [
        ("999.0", True, r"LiteRT is [\d.]+, older than the card's 999.0; update it"),
        ("ai-edge-litert 999.0.1", False, ".*older than the card's ai-edge-litert 999.0.1"),
        ("2.1.0", True, r"LiteRT [\d.]+ has other kernels on this processor; install another version"),
        ("2.1.0", False, "the weights are damaged; fetch the model again"),
        ("unknown", False, "the weights are damaged"),
        (2.1, False, "the weights are damaged"),
    ],
)
def test_the_likely_cause_is_named(int8, runtime, whole, cause, refused):
    with refused(
        rf"an answer 3 off \(steps of 0.00390625\), likely because {cause}.*, or accept it: golden warn or off$"
    ):
        replay(card_of("int8_ptq", off_by=3, runtime=runtime), int8, name="a.tflite", whole=whole)


@pytest.mark.parametrize(
    ("needed", "why"),
    [
        (("/none", "/"), "/none cannot be read"),
        (("/none", "/nor"), "/none and /nor cannot"),
        (("/",), "has none for it"),
    ],
)
def test_a_lacking_delegate_is_the_first_suspect(int8, bare, monkeypatch, needed, why, refused):
    monkeypatch.setattr(golden, "NEEDED", needed)
    with refused(f"likely because XNNPACK does not run it: .*{why}"):
        replay(card_of("int8_ptq", off_by=3, runtime="999"), int8, name="a.tflite", whole=False)


def test_a_record_of_another_picture_cannot_be_replayed(int8, refused):
    card = card_of("int8_ptq")
    with refused("the golden picture of SHA-256 0123 of the card in a.tflite"):
        replay(replace(card, golden={**card.golden, "input_sha256": "0123"}), int8, name="a.tflite", whole=True)


BAD_RECORDS = [
    {},
    None,
    [1],
    "golden",
    {"output": CARD.golden["output"]},
    {**CARD.golden, "input_sha256": 5},
    {**CARD.golden, "output": None},
    {**CARD.golden, "output": []},
    {**CARD.golden, "output": [1, 2, 3]},
    {**CARD.golden, "output": [1, 2, 3, "4"]},
    {**CARD.golden, "output": [1, 2, 3, True]},
    {**CARD.golden, "output": [[1, 2, 3, 4]]},
]


@pytest.mark.parametrize("record", BAD_RECORDS, ids=str)
def test_a_record_that_is_none_is_refused(record, refused):
    with refused("a golden record with `input_sha256` and 4 numbers in the card in a.tflite"):
        check_record(replace(CARD, golden=record), name="a.tflite")


@pytest.mark.parametrize("policy", ["", "Refuse", "ignore", None])
def test_other_policies_are_refused(policy, refused):
    with refused("golden to be one of refuse, warn, off"):
        check_policy(policy)


# What a classifier makes of it.


@pytest.fixture
def strange(tmp_path):
    """A bundle whose golden output this machine does not give."""
    return save(tmp_path / "strange.tflite", bundle_bytes(golden={**CARD.golden, "output": [58, 91, 55, 52]}))


@pytest.fixture
def unrecorded(tmp_path):
    """A bundle without a golden record."""
    return save(tmp_path / "unrecorded.tflite", bundle_bytes(golden={}))


def test_a_mismatch_is_refused_when_the_interpreter_is_made(strange, picture, refused):
    classifier = Classifier(strange)
    for use in (classifier.load, lambda: classifier.classify(picture("a.png"))):
        with refused(f"{strange} to answer its golden picture .* an answer 3 off"):
            use()


def test_a_mismatch_is_warned_of_if_so_chosen(strange, picture):
    classifier = Classifier(strange, golden="warn")
    with pytest.warns(LeukoliteWarning, match="an answer 3 off") as told:
        assert classifier.classify(picture("a.png")).label == "RED"
    classifier.classify(picture("a.png"))
    assert len(told) == 1


@pytest.mark.parametrize("name", ["strange", "unrecorded"])
def test_the_check_can_be_left_out(name, request, picture, recwarn):
    classifier = Classifier(request.getfixturevalue(name), golden="off")
    assert classifier.classify(picture("a.png")).label == "RED"
    assert not recwarn.list


@pytest.mark.parametrize("policy", ["refuse", "warn"])
def test_a_card_without_a_record_is_refused_at_once(unrecorded, policy, refused):
    with refused(f"a golden record .* in {unrecorded}, got {{}}"):
        Classifier(unrecorded, golden=policy)


@pytest.mark.parametrize("policy", ["refuse", "warn"])
def test_a_lacking_delegate_is_said_though_the_output_is_right(bundle, bare, policy):
    with pytest.warns(LeukoliteWarning, match="XNNPACK does not run it") as told:
        Classifier(bundle, golden=policy).load()
    assert len(told) == 1


def test_one_picture_is_all_it_costs(bundle, monkeypatch):
    shown, invoke = [], Model.invoke
    monkeypatch.setattr(Model, "invoke", lambda model, pixels: shown.append(pixels) or invoke(model, pixels))
    classifier = Classifier(bundle).load()
    assert len(shown) == 1
    assert classifier.load() is classifier
    assert len(shown) == 1


@pytest.mark.parametrize("command", ["classify", "evaluate"])
@pytest.mark.parametrize(("policy", "expected"), [("refuse", (2, 1)), ("warn", (0, 1)), ("off", (0, 0))])
def test_commands_do_as_they_are_told(leukolite, strange, colors, tmp_path, command, policy, expected):
    data = [colors] if command == "classify" else ["--data", colors, "--report", tmp_path / "r.json"]
    status, out, errors = leukolite(command, *data, "--golden", policy, model=strange)
    assert (status, len(errors)) == expected
    assert bool(out) == (status == 0)
    if status:
        assert one_line(errors, str(strange), "an answer 3 off")
    elif errors:
        assert errors[0].startswith(f"leukolite: expected {strange} to answer its golden picture")


def test_without_being_told_commands_refuse(leukolite, strange, colors):
    assert leukolite("classify", colors, model=strange)[0] == 2
