import hashlib

import numpy as np
import pytest

from edge_runtime.golden import golden_input, golden_record, matches
from edge_runtime.model import Model
from tests.tiny_model import HEIGHT_PX, WIDTH_PX, model_bytes


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
